"""What a person or a machine is told: a value, so that it can be read in a test before it is sent."""

from dataclasses import dataclass, field
from enum import StrEnum

from lifeline.core.wording import plain, shorten

SUBJECT_LENGTH = 100  # SNS: "up to 100 characters", ASCII, no line breaks


class Severity(StrEnum):
    """How soon a person should look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message, in the parts that a reader asks for, each in lines of 80 columns: what happened, why, what was done
    or why not, what to do next, and the ids.

    `kind` and `severity` are what subscriptions filter on, `vpc_id` too where it is about one VPC; `incident` is the id
    of the incident that it belongs to, empty where it belongs to none; `facts` is the same in JSON for machines.
    """

    kind: str
    severity: Severity
    subject: str
    happened: tuple[str, ...]
    why: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    vpc_id: str = ""
    incident: str = ""
    facts: dict[str, object] = field(default_factory=dict, hash=False)

    @property
    def text(self) -> str:
        """All its parts, one after the other."""
        parts = (self.happened, self.why, self.done, self.next, self.ids)
        return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def subject_line(text: str) -> str:
    """`text` as SNS takes a subject: printable ASCII, one line, at most 100 characters, cut with three dots."""
    return shorten(plain(text), SUBJECT_LENGTH)

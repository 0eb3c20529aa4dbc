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
    """One message. `kind` and `severity` are what subscriptions filter on; `facts` is the same in JSON for machines."""

    kind: str
    severity: Severity
    subject: str
    text: str
    facts: dict[str, object] = field(default_factory=dict, hash=False)


def subject_line(text: str) -> str:
    """`text` as SNS takes a subject: printable ASCII, one line, at most 100 characters, cut with three dots."""
    return shorten(plain(text), SUBJECT_LENGTH)

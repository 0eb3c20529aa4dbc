"""What a person or a machine is told: a value, so that it can be read in a test before it is sent."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lifeline.core.wording import plain, shorten, wrap

SUBJECT_LENGTH = 100  # SNS: "up to 100 characters", ASCII, no line breaks
MOST_LINES = 45  # a screen
_ROW = re.compile(r"( *(?:- )?)(.*)")
_LEFT_OUT = "  ... and more, which the record has"
_LABELS = {"why": "Why: ", "next": "Next: "}
_LEAST = 2  # lines of a part that is shortened


class Severity(StrEnum):
    """How soon a person should look."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message, in the parts that a reader asks for: what happened, why, what Lifeline did or why not, what to do
    next, and the ids.

    A part's lines that follow each other are one paragraph, however they are broken; those that begin with a space or a
    dash are rows of their own, and those with four spaces are never broken, for they are there to be pasted. `kind` and
    `severity` are what subscriptions filter on, `vpc_id` too where it is about one VPC, whose name is `vpc_name`;
    `incident` is the id of the incident that it belongs to, empty where it belongs to none; `attached` stands below all
    else, line by line as it is, to be pasted somewhere; `facts` is the same in JSON for machines.
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
    vpc_name: str = ""
    incident: str = ""
    attached: tuple[str, ...] = ()
    facts: dict[str, object] = field(default_factory=dict, hash=False)

    @property
    def text(self) -> str:
        """All its parts in lines of 80 columns, a screen at most; what is left out is said."""
        laid_out = (lay_out(lines, _LABELS.get(name, "")) for name, lines in self.parts())
        return "\n\n".join("\n".join(lines) for lines in laid_out) + "\n"

    def parts(self, most_lines: int = MOST_LINES) -> list[tuple[str, tuple[str, ...]]]:
        """The parts that it has by their names, in their order, shortened so that they are `most_lines` together.

        What there is to do is never shortened.
        """
        named: list[tuple[str, tuple[str, ...]]] = [
            (name, tuple(getattr(self, name))) for name in ("happened", "why", "done", "next", "ids")
        ]
        return _shortened([(name, lines) for name, lines in named if lines], most_lines)


def lay_out(lines: Sequence[str], label: str = "") -> list[str]:
    """A part in lines of 80 columns, with its label before the first."""
    found: list[str] = []
    for is_row, block in _blocks(lines):
        if not is_row:
            found += wrap(label + " ".join(block)) if " ".join(block) else [""]
        else:
            found += [label.rstrip()] if label else []
            found += [broken for line in block for broken in _row(line)]
        label = ""
    return found


def subject_line(text: str) -> str:
    """`text` as SNS takes a subject: printable ASCII, one line, at most 100 characters, cut with three dots."""
    return shorten(plain(text), SUBJECT_LENGTH)


def fit_subject(*versions: str) -> str:
    """The first of a subject's versions, from the fullest to the barest, that fits; the last is cut if it must be."""
    return next(
        (version for version in map(plain, versions) if len(version) <= SUBJECT_LENGTH), subject_line(versions[-1])
    )


def _blocks(lines: Sequence[str]) -> Iterator[tuple[bool, list[str]]]:
    """Paragraphs and runs of rows, in their order; an empty line is a paragraph of its own."""
    block: list[str] = []
    was_row = False
    for line in lines:
        is_row = line.startswith((" ", "- "))
        if block and (is_row is not was_row or not line or not block[-1]):
            yield was_row, block
            block = []
        block.append(line)
        was_row = is_row
    if block:
        yield was_row, block


def _row(line: str) -> list[str]:
    if line.startswith("    "):
        return [plain(line)]
    found = _ROW.match(line)
    lead, text = found.groups() if found else ("", line)
    return wrap(text, first=lead, rest=" " * (len(lead) + (0 if "-" in lead else 2))) or [""]


def _shortened(parts: list[tuple[str, tuple[str, ...]]], most_lines: int) -> list[tuple[str, tuple[str, ...]]]:
    """The parts without the longest ones' ends, as far as they are more lines together; at least a line of each."""
    heights = [len(lay_out(lines, _LABELS.get(name, ""))) for name, lines in parts]
    kept = list(heights)
    while sum(kept) + len(kept) - 1 > most_lines:
        longest = max(range(len(kept)), key=lambda place: 0 if parts[place][0] == "next" else kept[place])
        if kept[longest] <= _LEAST or parts[longest][0] == "next":
            break
        kept[longest] -= 1
    return [
        (name, lines if most == height else _cut(lines, most, _LABELS.get(name, "")))
        for (name, lines), most, height in zip(parts, kept, heights, strict=True)
    ]


def _cut(lines: Sequence[str], most: int, label: str) -> tuple[str, ...]:
    """As many of the lines as are `most` once laid out, the last of which says that there are more."""
    kept = bisect_left(range(len(lines)), most, key=lambda last: len(lay_out(lines[: last + 1], label)))
    if kept:
        return (*lines[:kept], _LEFT_OUT)
    found = _ROW.match(lines[0])
    lead = found[1] if found else ""
    shown = [line.strip() for line in lay_out([lines[0].removeprefix(lead)])[: max(most - 2, 1)]]
    return (lead + " ".join(shown), _LEFT_OUT)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a notice, from where; `dashboard` is the coverage page's name, empty where there is none."""

    account_id: str
    region: str
    stack_name: str
    dashboard: str = ""

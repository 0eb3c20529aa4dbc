"""A notice: one message for people and machines, as a value that a test can read before it is sent."""

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lifeline.core.owner import NOBODY, Owner
from lifeline.core.policy.runbook import RUNBOOK
from lifeline.core.severity import Severity
from lifeline.core.wording import few, quoted, shorten, unlinked, wrap

SUBJECT_LENGTH = 100  # SNS: "up to 100 characters", ASCII, no line breaks
MOST_LINES = 42  # a screen, without the footer
LEFT_OUT = "  ... and more: see the audit log"
_ROW = re.compile(r"( *(?:- )?)(.*)")
# A row to be pasted: a command of sam or aws, its next line, or JSON. It holds nothing else that a shell acts upon.
_TO_PASTE = re.compile(r"    (?:(?:sam|aws) |  --|\{)[A-Za-z0-9_ ./:,=+'\"{}\[\]\\-]*")
_EVENT_ROW = "      --event '"
_INDENT = 3  # at most, of rows that aren't to be pasted
_LEAST_ROOM = len("[lifeline] ...")
_LONGEST_NUMBER = 11  # of an id that is cut: eight digits and three dots
_LEAST = 2  # lines of a part that is shortened
_MOST_IDS = 10  # of one kind
_RESOURCES = {"vpc-": "VPC", "subnet-": "Subnet", "rtb-": "Route table", "vpce-": "Endpoint", "sg-": "Security group"}


@dataclass(frozen=True, slots=True)
class Sender:
    """The account, region and stack that send a notice. `dashboard` is the coverage page's name, empty without one;
    `runbook_url` is where readers find out what to do. `is_hub` where the account is a member's, which the stack serves
    from its own.
    """

    account_id: str
    region: str
    stack_name: str
    dashboard: str = ""
    runbook_url: str = RUNBOOK
    is_hub: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """One message in the parts that a reader asks for: what happened, why, what Lifeline did or why it did nothing,
    what to do next, and the ids.

    Consecutive lines of a part form one paragraph, wherever they break. Lines that begin with a space or a dash are
    rows of their own. Rows that begin with four spaces are commands to be pasted: they are never wrapped, and a row
    with anything in it that isn't a word, an id or JSON isn't shown as one. Subscriptions
    filter on `kind`, `severity`, `owner` and `vpc_id`, which is empty unless it is about one VPC. `resource_ids`,
    `event_ids` (CloudTrail's), `incident` and `agents` (rows, the first a heading) make up the ids; `deleted_ids` are
    resources that get no link. `account` is empty until the notice is signed; a notice about several `accounts` passes
    the filter of each. `attached` is printed below everything else, line by line as it is. `facts` holds the same as
    JSON values. `why_label` stands before the reasons.
    """

    kind: str
    severity: Severity
    subject: str
    happened: tuple[str, ...]
    why: tuple[str, ...] = ()
    why_label: str = "Why"
    done: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    vpc_id: str = ""
    vpc_name: str = ""
    resource_ids: tuple[str, ...] = ()
    deleted_ids: tuple[str, ...] = ()
    incident: str = ""
    event_ids: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    attached: tuple[str, ...] = ()
    facts: dict[str, object] = field(default_factory=dict, hash=False)
    account: str = ""
    accounts: tuple[str, ...] = ()
    owner: Owner = NOBODY

    @property
    def vpc_ids(self) -> tuple[str, ...]:
        """The VPCs that the notice is about, as far as it names them."""
        named = (self.vpc_id,) if self.vpc_id else self.resource_ids
        return tuple(resource_id for resource_id in named if resource_id.startswith("vpc-"))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids that the notice is about: a row for each kind, in the same order in all notices."""
        vpcs = [f"{self.vpc_id} ({quoted(self.vpc_name)})" if self.vpc_name else self.vpc_id]
        others = [resource_id for resource_id in self.resource_ids if resource_id != self.vpc_id]
        rows = {"Account": [self.account]}
        for prefix, label in _RESOURCES.items():
            known = vpcs if label == "VPC" else []
            rows[label] = [*known, *(resource_id for resource_id in others if resource_id.startswith(prefix))]
        rows |= {"Incident": [self.incident], "CloudTrail event": list(self.event_ids)}
        laid_out = (_id_row(label, [*dict.fromkeys(filter(None, ids))]) for label, ids in rows.items())
        return (*filter(None, laid_out), *self.agents)

    @property
    def text(self) -> str:
        """All parts in lines of 80 columns, one screen at most; it says where something is left out."""
        laid_out = (lay_out(lines, self._labels.get(name, "")) for name, lines in self.parts())
        return "\n\n".join("\n".join(lines) for lines in laid_out) + "\n"

    def lines(self, part: str) -> tuple[str, ...]:
        """A part's lines as every form shows them: plain words without links, and commands."""
        return tuple(map(_line, getattr(self, part)))

    def parts(self, most_lines: int = MOST_LINES) -> list[tuple[str, tuple[str, ...]]]:
        """The parts that aren't empty, by name and in order, shortened to `most_lines` in total.

        `next` is never shortened.
        """
        named = [(name, self.lines(name)) for name in ("happened", "why", "done", "next", "ids")]
        return _shortened([(name, lines) for name, lines in named if lines], most_lines, self._labels)

    @property
    def _labels(self) -> dict[str, str]:
        return {"why": f"{self.why_label}: ", "next": "Next: ", "ids": "IDs:"}


def lay_out(lines: Sequence[str], label: str = "") -> list[str]:
    """Break a part into lines of 80 columns, with its label before the first."""
    laid_out: list[str] = []
    for is_row, block in _blocks(lines):
        if not is_row:
            laid_out += wrap(label + " ".join(block)) if " ".join(block) else [""]
        else:
            laid_out += [label.rstrip()] if label else []
            laid_out += [broken for line in block for broken in _row(line)]
        label = ""
    return laid_out


def subject_line(text: str) -> str:
    """Make a text fit for an SNS subject: plain words without links, on one line, cut with three dots."""
    return shorten(unlinked(text), SUBJECT_LENGTH)


def fit_subject(*versions: str, end: str = "") -> str:
    """Choose the first of a subject's versions, fullest first, that fits; cut the last one if none does.

    `end` is what stays whole at the end of the last one, such as who called: the cut is before it.
    """
    plain_versions, kept = list(map(unlinked, versions)), unlinked(end)
    fitting = next((version for version in plain_versions if len(version) <= SUBJECT_LENGTH), "")
    last, room = plain_versions[-1], SUBJECT_LENGTH - len(kept)
    if fitting or not kept or not last.endswith(kept) or room < _LEAST_ROOM:
        return fitting or subject_line(last)
    return shorten(last.removesuffix(kept), room) + kept


def brief_id(resource_id: str) -> str:
    """Write an ID for a subject that has no room for it all: `vpc-01234567...`."""
    kind, _, number = resource_id.rpartition("-")
    return f"{kind}-{shorten(number, _LONGEST_NUMBER)}"


def at_account(line: str, account: str) -> str:
    """Add a member account to the row of a command that holds its event; any other line stays as it is."""
    if not line.startswith(_EVENT_ROW):
        return line
    event = json.loads(line.removeprefix(_EVENT_ROW).removesuffix("'"))
    return f"{_EVENT_ROW}{json.dumps({**event, 'account': account})}'"


def invoke_lines(stack_name: str, event: Mapping[str, object]) -> tuple[str, str]:
    """Write the command that invokes ReconcileEndpoints with an event, as two rows to be pasted."""
    return (
        f"    sam remote invoke ReconcileEndpoints --stack-name {stack_name} \\",
        f"{_EVENT_ROW}{json.dumps(event)}'",
    )


def changed_lines(parameter: str) -> tuple[str, str, str]:
    """Write the command that says who changed an SSM parameter last, and when (SSM API: GetParameterHistory)."""
    return (
        "To see who changed it last:",
        f"    aws ssm get-parameter-history --name {parameter} \\",
        "      --query 'Parameters[-1].[LastModifiedUser,LastModifiedDate]'",
    )


def _id_row(label: str, ids: Sequence[str]) -> str:
    return f"  {label}{'s' if len(ids) > 1 else ''}: {few(ids, _MOST_IDS)}" if ids else ""


def _blocks(lines: Sequence[str]) -> Iterator[tuple[bool, list[str]]]:
    """Split lines into paragraphs and runs of rows; an empty line is a paragraph of its own."""
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
        return [line]
    lead, text = _split(line)
    return wrap(text, first=lead, rest=" " * min(len(lead) + (0 if "-" in lead else 2), _INDENT)) or [""]


def _line(line: str) -> str:
    """A command as it is, and any other line in words; what only looks like a command becomes a row like others."""
    words = unlinked(line)
    if words.startswith(" " * (_INDENT + 1)) and not (words == line and _TO_PASTE.fullmatch(line)):
        return " " * _INDENT + words.strip()
    return words


def _split(line: str) -> tuple[str, str]:
    """A row's lead, which are its spaces and dash, and its text."""
    match = _ROW.match(line)
    return (match[1], match[2]) if match else ("", line)


def _shortened(
    parts: list[tuple[str, tuple[str, ...]]], most_lines: int, labels: Mapping[str, str]
) -> list[tuple[str, tuple[str, ...]]]:
    """Cut the ends of the longest parts until all fit `most_lines`; each keeps at least a line."""
    heights = [len(lay_out(lines, labels.get(name, ""))) for name, lines in parts]
    kept = list(heights)
    while sum(kept) + len(kept) - 1 > most_lines:
        longest = max(range(len(kept)), key=lambda number: 0 if parts[number][0] == "next" else kept[number])
        if kept[longest] <= _LEAST or parts[longest][0] == "next":
            break
        kept[longest] -= 1
    return [
        (name, lines if most == height else _cut(lines, most, labels.get(name, "")))
        for (name, lines), most, height in zip(parts, kept, heights, strict=True)
    ]


def _cut(lines: Sequence[str], most: int, label: str) -> tuple[str, ...]:
    """As many lines as take up `most` once laid out; the last one says that there are more."""
    kept = bisect_left(range(len(lines)), most, key=lambda last: len(lay_out(lines[: last + 1], label)))
    if kept:
        return (*lines[:kept], LEFT_OUT)
    lead, text = _split(lines[0])
    shown = [line.strip() for line in lay_out([text])[: max(most - 2, 1)]]
    return (lead + " ".join(shown), LEFT_OUT)

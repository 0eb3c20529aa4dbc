"""Answers as text for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_NONE = "-"
Rows = Sequence[Sequence[str]]


def text_of(command: str, answer: Mapping[str, Any]) -> str:
    """What a person reads of the answer. Where something was refused, nothing is said of what isn't there."""
    if "text" in answer:
        return str(answer["text"])
    heads, rows, empty = _table_of(command, answer)
    return "" if "errors" in answer and not rows else table(heads, rows, empty=empty)


def _table_of(command: str, answer: Mapping[str, Any]) -> tuple[Sequence[str], Rows, str]:
    """The answer's heads, its rows, and what to say if there are none."""
    rows: Rows
    if command == "incidents":
        rows = _incidents(answer["history"]["entries"])
        return ("INCIDENT", "OPENED", "CLOSED", "VPC", "WHAT"), rows, "No incident was opened or closed in this time."
    if "history" in answer:
        rows = [(one["at"], one["kind"], one["vpc_id"], one["text"]) for one in answer["history"]["entries"]]
        return ("AT", "KIND", "VPC", "WHAT"), rows, "The audit log has no entries about that."
    if "exempt" in answer:
        rows = [
            (one["vpc_id"], ", ".join(one["services"]) or "all", one["until"] or "ended") for one in answer["exempt"]
        ]
        return ("VPC", "SERVICES", "EXEMPT UNTIL"), rows, "Nothing is exempt."
    return ("FORGOTTEN",), [(agent,) for agent in answer.get("forgotten", ())], "No agent was forgotten."


def table(heads: Sequence[str], rows: Rows, *, empty: str) -> str:
    """The rows in columns below their heads; the last column may be of any length."""
    if not rows:
        return f"{empty}\n"
    cells = [heads, *[[cell or _NONE for cell in row] for row in rows]]
    widths = [max(len(row[place]) for row in cells) for place in range(len(heads) - 1)]
    lines = ["  ".join([*map(str.ljust, row, widths), row[-1]]) for row in cells]
    return "".join(f"{line}\n" for line in lines)


def _incidents(entries: Iterable[Mapping[str, Any]]) -> Rows:
    """A row for each incident: when it was opened and closed, as far as the entries say, and what it was last about."""
    found: dict[str, dict[str, str]] = {}
    for entry in entries:
        if entry["kind"] == "incident":
            row = found.setdefault(entry["incident"], {})
            row |= {entry["event"]: entry["at"], "vpc_id": entry["vpc_id"], "text": entry["text"]}
    return [
        (name, row.get("opened", "earlier"), row.get("closed", "open"), row["vpc_id"], row["text"])
        for name, row in found.items()
    ]

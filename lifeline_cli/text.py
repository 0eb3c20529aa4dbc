"""Answers as text for people."""

from collections.abc import Mapping, Sequence
from typing import Any

_NONE = "-"
Rows = Sequence[Sequence[str]]


def text_of(answer: Mapping[str, Any], *, only_open: bool = False) -> str:
    """What a person reads of the answer. Where something was refused, nothing is said of what isn't there.

    `only_open` says that incidents which are closed were left out.
    """
    if "text" in answer:
        return str(answer["text"])
    heads, rows, empty = _table_of(answer, only_open=only_open)
    return "" if "errors" in answer and not rows else table(heads, rows, empty=empty)


def _table_of(answer: Mapping[str, Any], *, only_open: bool) -> tuple[Sequence[str], Rows, str]:
    """The answer's heads, its rows, and what to say if there are none."""
    rows: Rows
    if "incidents" in answer:
        rows = [
            (one["incident"], one["opened"] or "earlier", one["closed"] or "open", one["vpc_id"], one["text"])
            for one in answer["incidents"]
        ]
        what = "that was opened in this time is open" if only_open else "was opened or closed in this time"
        return ("INCIDENT", "OPENED", "CLOSED", "VPC", "WHAT"), rows, f"No incident {what}."
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

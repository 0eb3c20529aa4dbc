"""A call's answer as Markdown, for a button of the coverage page: its pop-up would show JSON otherwise.

A custom widget's function returns Markdown as `{"markdown": "..."}` (CloudWatch guide: details about custom widgets).
All that comes from a network or a call is in one fenced block, which no text can end: a fence ends only with as many
backticks as it began with (CommonMark: fenced code blocks).
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from lifeline.core.wording import listed

_RUNS = re.compile(r"`+")
_ELSEWHERE = frozenset({"mode", "errors"})


def answer_markdown(answer: Mapping[str, Any]) -> str:
    """The answer's text, which says what was refused, too; or what was refused, and the answer's values."""
    if "text" in answer:
        return f"{_fenced(answer['text'].rstrip())}\n"
    refused = "\n".join(f"{error['field']}: {error['message']}" for error in answer.get("errors", ()))
    said = "\n".join(_said(name, value) for name, value in answer.items() if value and name not in _ELSEWHERE)
    parts = (refused and f"**Refused**\n\n{_fenced(refused)}\n", said and f"{_fenced(said)}\n")
    return "\n".join(filter(None, parts)) or "Done.\n"


def _said(name: str, value: Any) -> str:
    if name == "exempt":
        return "\n".join(map(_exempted, value))
    return f"{name}: {_words(value)}"


def _exempted(one: Mapping[str, Any]) -> str:
    """One VPC of an answer's `exempt` in a sentence."""
    what = listed(one["services"]) or "everything"
    if not one["until"]:
        return f"{one['vpc_id']} is no longer exempt from {what}."
    return f"{one['vpc_id']} is exempt from {what} until the end of {one['until']} (UTC)."


def _words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=True)


def _fenced(text: str) -> str:
    longest = max((len(run) for run in _RUNS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"

"""A call's answer as Markdown, for a button of the coverage page: its pop-up would show JSON otherwise.

A custom widget's function returns Markdown as `{"markdown": "..."}` (CloudWatch guide: details about custom widgets).
All that comes from a network or a call is in one fenced block, which no text can end: a fence ends only with as many
backticks as it began with (CommonMark: fenced code blocks).
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_RUNS = re.compile(r"`+")
_ELSEWHERE = frozenset({"mode", "errors"})


def answer_markdown(answer: Mapping[str, Any]) -> str:
    """The answer's text, which says what was refused, too; or what was refused, and the answer's values."""
    if "text" in answer:
        return f"{_fenced(answer['text'].rstrip())}\n"
    refused = "\n".join(f"{error['field']}: {error['message']}" for error in answer.get("errors", ()))
    said = "\n".join(f"{name}: {_words(value)}" for name, value in answer.items() if value and name not in _ELSEWHERE)
    parts = (refused and f"**Refused**\n\n{_fenced(refused)}\n", said and f"{_fenced(said)}\n")
    return "\n".join(filter(None, parts)) or "Done.\n"


def _words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=True)


def _fenced(text: str) -> str:
    longest = max((len(run) for run in _RUNS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"

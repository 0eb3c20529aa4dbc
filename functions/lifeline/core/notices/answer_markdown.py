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
_SAID_BY_ITSELF = frozenset({"mode", "text", "errors"})


def answer_markdown(answer: Mapping[str, Any]) -> str:
    """The answer's text, or its values, and what of the call was unusable."""
    rest = {name: value for name, value in answer.items() if name not in _SAID_BY_ITSELF}
    refused = [f"{error['field']}: {error['message']}" for error in answer.get("errors", ())]
    parts = [
        answer.get("text", "").rstrip("\n"),
        *(f"{name}: {_words(value)}" for name, value in rest.items() if value),
    ]
    said = "\n".join(filter(None, parts))
    heading = f"**Refused**\n\n{_fenced(chr(10).join(refused))}\n" if refused else ""
    return f"{heading}{_fenced(said)}\n" if said and not (refused and "text" in answer) else heading or "Done.\n"


def _words(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=True)


def _fenced(text: str) -> str:
    longest = max((len(run) for run in _RUNS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"

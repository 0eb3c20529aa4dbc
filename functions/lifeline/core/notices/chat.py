"""Chat: split out of another room."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lifeline.core.notices.forms import _links, machine_form
from lifeline.core.notices.notice import MOST_LINES, Notice, Sender, lay_out

_MARKUP = str.maketrans({"*": " ", "_": " ", "~": " ", "`": "'", "&": "+", "<": "(", ">": ")", "[": "(", "]": ")"})


_IN_A_BLOCK = str.maketrans({"`": "'", "<": "(", ">": ")"})


def chat_form(notice: Notice, sender: Sender, now: datetime) -> dict[str, Any]:
    """The notice as Amazon Q Developer in chat applications takes it: custom notifications' event schema 1.0.

    All notices of an incident have one thread; those without share their VPC's. What comes from tags and events stands
    in code blocks, where no markdown counts (Amazon Q Developer in chat applications guide: custom notifications).
    Links are bare, for Slack and Teams write named ones differently.
    """
    form = machine_form(notice, sender, now)
    title = _without_markdown(form["subject"].removeprefix("[lifeline] "))
    parts = dict(notice.parts(MOST_LINES))
    labels = {"happened": "", "why": "Why", "done": "", "ids": ""}
    described = [_block(label, parts[part]) for part, label in labels.items() if part in parts]
    links = [f"{title}: {url}" for title, url in _links(notice, sender)]
    return {
        "version": "1.0",
        "source": "custom",
        "id": form["id"],
        "content": {
            "textType": "client-markdown",
            "title": title,
            "description": "\n".join([*described, *links]),
            "nextSteps": [_block("", parts["next"])] if "next" in parts else [],
            "keywords": [part for part in (notice.kind, str(notice.severity), notice.vpc_id) if part],
        },
        "metadata": {
            "threadId": notice.incident or notice.vpc_id or notice.kind,
            "summary": title,
            "eventType": notice.kind,
            "relatedResources": [resource_id for resource_id in (notice.vpc_id, notice.incident) if resource_id],
            "additionalContext": {
                "account": sender.account_id,
                "region": sender.region,
                "stack": sender.stack_name,
                "severity": str(notice.severity),
                "time": form["time"],
            },
        },
    }


def _block(label: str, lines: Sequence[str]) -> str:
    """A code block that nothing in the lines can end, and in which nothing is a link or calls anybody."""
    fenced = f"```\n{'\n'.join(lay_out(lines)).translate(_IN_A_BLOCK)}\n```"
    return f"*{label}*\n{fenced}" if label else fenced


def _without_markdown(text: str) -> str:
    """`text` with nothing that Slack or Teams would take for markup, a link or a call to everybody."""
    return text.translate(_MARKUP).replace("://", ": ").replace("@", "(at)")

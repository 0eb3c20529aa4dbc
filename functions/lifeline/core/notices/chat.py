"""A notice for chat channels, as Amazon Q Developer in chat applications shows it in Slack and Teams."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from lifeline.core.notices.forms import links_of, machine_form, signed
from lifeline.core.notices.notice import Notice, Sender, lay_out
from lifeline.core.wording import unlinked

_MARKUP = str.maketrans({"*": " ", "_": " ", "~": " ", "`": "'", "&": "+", "<": "(", ">": ")", "[": "(", "]": ")"})
_IN_A_BLOCK = str.maketrans({"`": "'", "<": "(", ">": ")"})


def chat_form(notice: Notice, sender: Sender, now: datetime) -> dict[str, Any]:
    """Build the notice as a custom notification, schema 1.0 (Amazon Q Developer in chat applications guide).

    All notices of an incident share one thread; the others share their VPC's. What comes from tags and events is in
    code blocks, where markdown has no effect. Links are bare because Slack and Teams write named ones differently.
    """
    form = machine_form(notice, sender, now)
    title = _without_markdown(form["subject"].removeprefix("[lifeline] "))
    parts = dict(signed(notice, sender).parts())
    thread = notice.incident or notice.vpc_id or notice.kind
    labels = {"happened": "", "why": notice.why_label, "done": "", "ids": "IDs"}
    described = [_block(label, parts[part]) for part, label in labels.items() if part in parts]
    links = [f"{name}: {url}" for name, url in links_of(notice, sender)]
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
            "threadId": f"{thread}-{sender.account_id}" if sender.is_hub else thread,
            "summary": title,
            "eventType": notice.kind,
            "relatedResources": [resource_id for resource_id in (notice.vpc_id, notice.incident) if resource_id],
            "additionalContext": {
                "account": sender.account_id,
                "region": sender.region,
                "stack": sender.stack_name,
                "severity": str(notice.severity),
                "time": form["time"],
                **{name: unlinked(value) for name, value in notice.owner.fields.items() if value},
            },
        },
    }


def _block(label: str, lines: Sequence[str]) -> str:
    """A code block that nothing in the lines can end, and in which nothing becomes a link or mentions anyone."""
    fenced = f"```\n{'\n'.join(lay_out(lines)).translate(_IN_A_BLOCK)}\n```"
    return f"*{label}*\n{fenced}" if label else fenced


def _without_markdown(text: str) -> str:
    """Remove what Slack or Teams would take for markup, a link or a mention of everyone."""
    return text.translate(_MARKUP).replace("://", ": ").replace("@", "(at)")

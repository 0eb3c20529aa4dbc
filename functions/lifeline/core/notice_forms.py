"""The forms in which one notice is sent: as an e-mail, as JSON for machines, and for chat channels."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from lifeline.core.links import dashboard_link, resource_link
from lifeline.core.notice import Notice, lay_out, subject_line
from lifeline.core.wording import plain

SCHEMA = "lifeline.notice/1"
MOST_BYTES = 36_000  # SNS takes 256 KiB a message, all its protocols' forms included (SNS API: Publish)
_MOST_LINKS = 4
_LINKED = re.compile(r"(?:vpce|vpc|subnet|rtb)-(?:[0-9a-f]{17}|[0-9a-f]{8})(?![0-9a-f])")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a notice, from where; `dashboard` is the coverage page's name, empty where there is none."""

    account_id: str
    region: str
    stack_name: str
    dashboard: str = ""


def email_text(notice: Notice, sender: Sender) -> str:
    """The notice as plain text, with links for what it is about."""
    links = [f"{title}: {url}" for title, url in _links(notice, sender)]
    return "\n".join([notice.text, *links, ""]) if links else notice.text


def machine_form(notice: Notice, sender: Sender, now: datetime) -> dict[str, Any]:
    """The notice as JSON, as docs/schemas/notice.schema.json describes it. The same notice has the same id."""
    time = now.astimezone(UTC).isoformat(timespec="seconds")
    same = (sender.account_id, sender.region, sender.stack_name, notice.kind, notice.subject, notice.incident, time)
    return {
        "schema": SCHEMA,
        "id": sha256("|".join(same).encode()).hexdigest()[:32],
        "kind": notice.kind,
        "severity": str(notice.severity),
        "account": sender.account_id,
        "region": sender.region,
        "stack": sender.stack_name,
        "time": time,
        "vpc_id": notice.vpc_id,
        "vpc_name": plain(notice.vpc_name),
        "incident": notice.incident,
        "subject": subject_line(notice.subject),
        "happened": [plain(line) for line in notice.happened],
        "why": [plain(line) for line in notice.why],
        "done": [plain(line) for line in notice.done],
        "next": [plain(line) for line in notice.next],
        "ids": [plain(line) for line in notice.ids],
        "links": [{"title": title, "url": url} for title, url in _links(notice, sender)],
        "text": email_text(notice, sender),
        "facts": notice.facts,
    }


def machine_text(notice: Notice, sender: Sender, now: datetime) -> str:
    """`machine_form` as text. Facts that would make it too long for SNS are left out whole, and that is said."""
    form = machine_form(notice, sender, now)
    text = json.dumps(form)
    if len(text) > MOST_BYTES:
        text = json.dumps(form | {"facts": {"left_out": f"{len(text)} bytes are too many; the ledger has them"}})
    return text


def attributes_of(notice: Notice, sender: Sender) -> dict[str, str]:
    """What subscriptions filter on. SNS takes no empty ones (SNS guide: message attributes)."""
    found = {
        "kind": notice.kind,
        "severity": str(notice.severity),
        "vpc_id": notice.vpc_id,
        "account": sender.account_id,
    }
    return {name: value for name, value in found.items() if value}


def chat_form(notice: Notice, sender: Sender, now: datetime) -> dict[str, Any]:
    """The notice as Amazon Q Developer in chat applications takes it: custom notifications' event schema 1.0.

    All notices of an incident have one thread; those without share their VPC's. What comes from tags and events stands
    in code blocks, where no markdown counts (Amazon Q Developer in chat applications guide: custom notifications).
    """
    form = machine_form(notice, sender, now)
    parts = (("", notice.happened), ("Why", notice.why), ("", notice.done))
    described = [_block(label, "\n".join(lay_out(lines))) for label, lines in parts if lines]
    links = [f"<{url}|{title}>" for title, url in _links(notice, sender)]
    return {
        "version": "1.0",
        "source": "custom",
        "id": form["id"],
        "content": {
            "textType": "client-markdown",
            "title": _without_markdown(form["subject"].removeprefix("[lifeline] ")),
            "description": "\n".join([*described, " ".join(links)]).rstrip(),
            "nextSteps": [_block("", "\n".join(lay_out(notice.next)))] if notice.next else [],
            "keywords": [one for one in (notice.kind, str(notice.severity), notice.vpc_id) if one],
        },
        "metadata": {
            "threadId": notice.incident or notice.vpc_id or notice.kind,
            "summary": _without_markdown(form["subject"]),
            "eventType": notice.kind,
            "relatedResources": [one for one in (notice.vpc_id, notice.incident) if one],
            "additionalContext": {
                "account": sender.account_id,
                "region": sender.region,
                "stack": sender.stack_name,
                "severity": str(notice.severity),
                "time": form["time"],
            },
        },
    }


def _links(notice: Notice, sender: Sender) -> Iterator[tuple[str, str]]:
    """The VPC's page, those of the resources that the ids and the deeds name, and the coverage page."""
    named = _LINKED.findall("\n".join((*notice.ids, *notice.done, *notice.happened)))
    for one in list(dict.fromkeys(filter(None, (notice.vpc_id, *named))))[:_MOST_LINKS]:
        url = resource_link(one, sender.region)
        if url:
            yield one, url
    if sender.dashboard and (url := dashboard_link(sender.dashboard, sender.region)):
        yield "Coverage", url


def _block(label: str, text: str) -> str:
    fenced = f"```\n{plain_lines(text)}\n```"
    return f"*{label}*\n{fenced}" if label else fenced


def plain_lines(text: str) -> str:
    """`text` so that no code block ends before its end."""
    return text.replace("`", "'")


def _without_markdown(text: str) -> str:
    """`text` with nothing that Slack or Teams would take for markup."""
    return re.sub(r"[*_~`]", " ", text).replace("&", "and").replace("<", "(").replace(">", ")")

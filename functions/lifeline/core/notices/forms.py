"""The forms in which one notice is sent: as an e-mail, as JSON for machines, and for chat channels."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lifeline.core.notices.links import dashboard_link, resource_link
from lifeline.core.notices.notice import Notice, Sender, subject_line
from lifeline.core.wording import fingerprint, plain

SCHEMA = "lifeline.notice/1"
MOST_BYTES = 46_000  # as JSON within JSON; SNS takes 256 KiB a message, its five copies included (SNS API: Publish)
_MOST_LINKS = 4
_LINKED = re.compile(r"(?<![\w-])(?:vpce|vpc|subnet|rtb)-(?:[0-9a-f]{17}|[0-9a-f]{8})(?![\w-])")
_PARTS = ("happened", "why", "done", "next", "ids")


def email_text(notice: Notice, sender: Sender) -> str:
    """The notice as plain text, with links for what it is about."""
    sent_by = f"Account {sender.account_id or 'unknown'}, {sender.region}, stack {sender.stack_name}."
    links = [sent_by, *(f"{title}: {url}" for title, url in _links(notice, sender))]
    below = [*notice.attached, ""] if notice.attached else []
    text = "\n".join([notice.text, *links, ""])
    return "\n".join([text, *map(plain, below)]) if below else text


def machine_form(notice: Notice, sender: Sender, now: datetime) -> dict[str, Any]:
    """The notice as JSON, as docs/schemas/notice.schema.json describes it. A notice that comes twice has one id."""
    time = now.astimezone(UTC).isoformat(timespec="seconds")
    same = (sender.account_id, sender.region, sender.stack_name, notice.kind, notice.subject, notice.incident, time)
    return {
        "schema": SCHEMA,
        "id": fingerprint(*same, length=32),
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
        **{part: [plain(line) for line in getattr(notice, part)] for part in _PARTS},
        "links": [{"title": title, "url": url} for title, url in _links(notice, sender)],
        "attached": [plain(line) for line in notice.attached],
        "text": email_text(notice, sender),
        "facts": notice.facts,
    }


def machine_text(notice: Notice, sender: Sender, now: datetime) -> str:
    """`machine_form` as text. What would make it too long for SNS is left out, and that is said: the facts first, as a
    whole, then what is attached, which the mail has, then the longest parts' last lines.
    """
    form = machine_form(notice, sender, now)
    if (size := _size(form)) > MOST_BYTES:
        form |= {"facts": {"left_out": f"{size} bytes are too many; the record has them"}}
    if _size(form) > MOST_BYTES:
        form |= {"attached": [], "text": email_text(replace(notice, attached=()), sender)}
    while _size(form) > MOST_BYTES:
        longest = max(_PARTS, key=lambda part: len(form[part]))
        if len(form[longest]) < 3:
            break
        form[longest] = [*form[longest][: len(form[longest]) // 2], "  ... and more, which the record has"]
    return json.dumps(form)


def _size(form: dict[str, Any]) -> int:
    """The bytes that it takes within a message, where its text is a text in JSON once more."""
    return len(json.dumps(json.dumps(form)))


def attributes_of(notice: Notice, sender: Sender) -> dict[str, str]:
    """What subscriptions filter on. SNS takes no empty ones (SNS guide: message attributes)."""
    found = {
        "kind": notice.kind,
        "severity": str(notice.severity),
        "vpc_id": notice.vpc_id,
        "account": sender.account_id,
    }
    return {name: value for name, value in found.items() if value}


def _links(notice: Notice, sender: Sender) -> Iterator[tuple[str, str]]:
    """The VPC's page, those of the resources that the ids and the deeds name, and the coverage page: four at most."""
    named = _LINKED.findall("\n".join((*notice.ids, *notice.done, *notice.happened)))
    coverage = dashboard_link(sender.dashboard, sender.region) if sender.dashboard else ""
    most = _MOST_LINKS - bool(coverage)
    for resource_id in list(dict.fromkeys(filter(None, (notice.vpc_id, *named))))[:most]:
        url = resource_link(resource_id, sender.region)
        if url:
            yield resource_id, url
    if coverage:
        yield "Coverage", coverage

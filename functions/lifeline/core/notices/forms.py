"""The forms in which a notice is sent: e-mail and JSON for machines. For chat channels see `chat`."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lifeline.core.notices.links import dashboard_link, event_link, resource_link
from lifeline.core.notices.notice import LEFT_OUT, Notice, Sender, at_account, invoke_lines, subject_line
from lifeline.core.policy.runbook import runbook_link
from lifeline.core.wording import fingerprint, inert, inert_json, plain

SCHEMA = "lifeline.notice/1"
MOST_BYTES = 46_000  # as JSON within JSON; SNS takes 256 KiB a message, its five copies included (SNS API: Publish)
_PARTS = ("happened", "why", "done", "next", "ids")
_WITH_COMMANDS = ("happened", "why", "done", "next")
_TITLE = "[lifeline]"


def signed(notice: Notice, sender: Sender) -> Notice:
    """Add the sender's account, region and stack to the notice's ids.

    Where a hub sends it for a member account, the subject and each command name the account, too.
    """
    account = sender.account_id or "unknown"
    notice = replace(notice, account=f"{account}, {sender.region}, stack {sender.stack_name}")
    if not sender.is_hub:
        return notice
    parts: dict[str, Any] = {
        part: tuple(at_account(line, account) for line in getattr(notice, part)) for part in _WITH_COMMANDS
    }
    return replace(notice, subject=notice.subject.replace(_TITLE, f"{_TITLE[:-1]} {account}]", 1), **parts)


def email_text(notice: Notice, sender: Sender) -> str:
    """Write the notice as plain text, with a footer of links and what is attached below."""
    links = [f"  {title}: {url}" for title, url in links_of(notice, sender)]
    footer = [*(["Links:"] if links else []), *links, *_audit_log(notice, sender)]
    below = ("".join(f"{plain(line)}\n" for line in lines) for lines in (footer, notice.attached))
    return "\n".join(filter(None, (signed(notice, sender).text, *below)))


def machine_form(notice: Notice, sender: Sender, now: datetime) -> dict[str, Any]:
    """Build the notice's JSON, as docs/schemas/notice.schema.json defines it. A notice sent twice keeps its id."""
    time = now.astimezone(UTC).isoformat(timespec="seconds")
    same = (sender.account_id, sender.region, sender.stack_name, notice.kind, notice.subject, notice.incident, time)
    notice = signed(notice, sender)
    parts = {part: list(notice.lines(part)) for part in _PARTS}
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
        "vpc_name": inert(notice.vpc_name),
        "incident": notice.incident,
        **notice.owner.fields,
        "subject": subject_line(notice.subject),
        **parts,
        "links": [{"title": title, "url": url} for title, url in links_of(notice, sender)],
        "attached": [plain(line) for line in notice.attached],
        "text": email_text(notice, sender),
        "facts": inert_json(notice.facts),
    }


def machine_text(notice: Notice, sender: Sender, now: datetime) -> str:
    """Serialize `machine_form`, shortened to MOST_BYTES and saying so.

    The facts go first, as a whole, then what is attached, which the e-mail still has, then the longest parts' last
    lines.
    """
    form = machine_form(notice, sender, now)
    if (size := _size(form)) > MOST_BYTES:
        form |= {"facts": {"left_out": f"{size} bytes exceed the limit: see the audit log"}}
    if _size(form) > MOST_BYTES:
        form |= {"attached": [], "text": email_text(replace(notice, attached=()), sender)}
    while _size(form) > MOST_BYTES:
        longest = max(_PARTS, key=lambda part: len(form[part]))
        if len(form[longest]) < 3:
            break
        form[longest] = [*form[longest][: len(form[longest]) // 2], LEFT_OUT]
    return json.dumps(form)


def attributes_of(notice: Notice, sender: Sender) -> dict[str, str | list[str]]:
    """Message attributes for subscriptions to filter on: of a list, one value must match. SNS rejects empty ones (SNS
    guide: message attributes).
    """
    attributes = {
        "kind": notice.kind,
        "severity": str(notice.severity),
        "vpc_id": notice.vpc_id,
        "account": [sender.account_id, *notice.accounts] if notice.accounts else sender.account_id,
        **notice.owner.fields,
    }
    return {name: value for name, value in attributes.items() if value}


def links_of(notice: Notice, sender: Sender) -> list[tuple[str, str]]:
    """Titles and addresses: what the runbook says about this kind of notice, and the console pages of the notice's VPC,
    its first endpoint, its first CloudTrail event, and the coverage page. An endpoint that was deleted has no page.
    """
    endpoint_id = next(
        (id_ for id_ in notice.resource_ids if id_.startswith("vpce-") and id_ not in notice.deleted_ids), ""
    )
    pages = {
        "Runbook": runbook_link(sender.runbook_url, notice.kind),
        "VPC": resource_link(notice.vpc_id, sender.region),
        "Endpoint": resource_link(endpoint_id, sender.region),
        "CloudTrail event": event_link(next(iter(notice.event_ids), ""), sender.region),
        "Coverage": sender.dashboard and dashboard_link(sender.dashboard, sender.region),
    }
    return [(title, url) for title, url in pages.items() if url]


def _audit_log(notice: Notice, sender: Sender) -> list[str]:
    """The command that reads what the audit log has on the notice's incident, or on its VPC."""
    asked = {"incident": notice.incident} if notice.incident else {"vpc_id": notice.vpc_id}
    lines = invoke_lines(sender.stack_name, {"history": asked})
    return (
        [
            "To see what happened, query the audit log:",
            *(at_account(line, sender.account_id) if sender.is_hub else line for line in lines),
        ]
        if any(asked.values())
        else []
    )


def _size(form: dict[str, Any]) -> int:
    """The form's bytes within a message, where its text is JSON within JSON."""
    return len(json.dumps(json.dumps(form)))

"""The audit log in words: a line for each entry, and a page as the function returns it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, assert_never

from lifeline.core.history.entries import Entry, EntryKind, Page
from lifeline.core.wording import few, inert, is_call, read_time, write_count, write_length, write_stated

_MOST_IDS = 5


def line_of(entry: Entry) -> str:
    """Write the entry as one line of plain ASCII."""
    match entry.kind:
        case EntryKind.CHANGE:
            words = _change_words(entry.facts)
        case EntryKind.INCIDENT:
            words = _incident_words(entry.facts, entry.at)
        case EntryKind.ACTION:
            words = _action_words(entry.facts)
        case EntryKind.OUTCOME:
            words = _outcome_words(entry.facts)
        case _:
            assert_never(entry.kind)
    return inert(words)


def status_of(entry: Entry) -> str:
    """The outcome of an action in one to three words; empty for other entries."""
    status = str(entry.facts.get("status", "")) if entry.kind is EntryKind.ACTION else ""
    return _STATUSES.get(status, status)


def deed_of(entry: Entry) -> str:
    """Write the entry like `line_of`, but without an action's status, which is shown beside it."""
    return inert(_deed_words(entry.facts, "")) if entry.kind is EntryKind.ACTION else line_of(entry)


def page_json(page: Page) -> dict[str, Any]:
    """Build the page's JSON, as the function returns it."""
    more = {"next": page.next, "text": 'there are more entries: repeat the call with this "next" added to it'}
    return {"entries": [_entry_json(entry) for entry in page.entries], "more": more if page.next else None}


def _entry_json(entry: Entry) -> dict[str, Any]:
    own = {"at": entry.at.isoformat(), "kind": str(entry.kind), "vpc_id": entry.vpc_id}
    return own | {name: value for name, value in entry.facts.items() if name not in own} | {"text": line_of(entry)}


def _change_words(facts: Mapping[str, Any]) -> str:
    ids = facts.get("ids", [])
    named = f" ({few(ids, _MOST_IDS)})" if ids else ""
    return f"{_made_by(facts)}{named}"


def _made_by(facts: Mapping[str, Any]) -> str:
    event_name = str(facts.get("event_name", "change"))
    return f"{event_name} by {facts.get('actor') or 'an unknown actor'}" if is_call(event_name) else event_name


_STATUSES = {"planned": "planned, not done", "blocked": "blocked, not done"}


def _action_words(facts: Mapping[str, Any]) -> str:
    status = str(facts.get("status", ""))
    return _deed_words(facts, f": {_STATUSES.get(status, status)}")


def _deed_words(facts: Mapping[str, Any], status: str) -> str:
    what = str(facts.get("action", "an action")).replace("_", " ")
    service = f" for {facts['service']}" if facts.get("service") else ""
    ids = [str(facts[name]) for name in ("endpoint_id", "security_group_id") if facts.get(name)]
    named = f" ({', '.join(ids)})" if ids else ""
    because = "; ".join(dict.fromkeys(filter(None, map(_because_words, facts.get("because", [])))))
    parts = {"Why": facts.get("reason"), "Details": facts.get("error"), "Triggered by": because}
    details = [f"{name}: {str(words).rstrip('.')}." for name, words in parts.items() if words]
    return " ".join([f"{what}{service}{status}{named}.", *details])


def _because_words(trigger: Mapping[str, Any]) -> str:
    stated = write_stated(str(trigger.get("stated_by", "")))
    if trigger.get("kind") == "approval":
        return f"approval of {trigger.get('event_id') or 'a plan'}{stated}"
    if trigger.get("event_name"):
        return _made_by(trigger)
    words = {
        "silence": f"silent agents ({trigger.get('event_id', '')})",
        "sweep": "a sweep that was invoked manually" if stated else "the scheduled sweep",
        "call": "a manual call",
        "message": "a message on a queue",
    }.get(str(trigger.get("kind", "")), "")
    return f"{words}{stated}" if words else ""


def _outcome_words(facts: Mapping[str, Any]) -> str:
    service = f" for {facts['service']}" if facts.get("service") else ""
    who = f"{facts.get('endpoint_id', 'an endpoint')}{service}"
    age = write_length(timedelta(seconds=float(facts.get("seconds", 0))))
    if facts.get("result") == "available":
        return f"{who} was available within {age} of its creation"
    return f"{who} was not available {age} after it was created: {facts.get('detail', facts.get('result', ''))}"


def _incident_words(facts: Mapping[str, Any], at: datetime) -> str:
    who = f"incident {facts.get('incident', '')}"
    words = str(facts.get("words", ""))
    if facts.get("event") == "opened":
        change = facts.get("begun_by")
        cause = f". Cause: {_made_by(change)}" if change else ""
        return f"{who} opened: {words}{cause}"
    began = read_time(str(facts.get("began")))
    length = f" after {write_length(at - began)}" if began else ""
    agents = f", {write_count(int(facts['agents']), 'agent')}" if facts.get("agents") else ""
    fix = f". Fix: {facts['fix']}" if facts.get("fix") else ""
    return f"{who} closed{length}{agents}: {words}{fix}"

"""The record in words: a line for each entry, and a page as the function answers it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, assert_never

from lifeline.core.history.entries import Entry, EntryKind, Page
from lifeline.core.wording import plain, write_count, write_length

_MOST_IDS = 5


def line_of(entry: Entry) -> str:
    """The entry in a line of plain ASCII."""
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
    return plain(words)


def status_of(entry: Entry) -> str:
    """What came of an action in a word or three, and nothing for what isn't one."""
    status = str(entry.facts.get("status", "")) if entry.kind is EntryKind.ACTION else ""
    return _STATUSES.get(status, status)


def deed_of(entry: Entry) -> str:
    """As `line_of`, without the status of an action, for where it stands beside."""
    return plain(_deed_words(entry.facts, "")) if entry.kind is EntryKind.ACTION else line_of(entry)


def page_json(page: Page) -> dict[str, Any]:
    """The page as the function returns it."""
    more = {"next": page.next, "text": 'there is more: ask the same again, with this "next" beside it'}
    return {"entries": [_entry_json(entry) for entry in page.entries], "more": more if page.next else None}


def _entry_json(entry: Entry) -> dict[str, Any]:
    own = {"at": entry.at.isoformat(), "kind": str(entry.kind), "vpc_id": entry.vpc_id}
    return own | {name: value for name, value in entry.facts.items() if name not in own} | {"text": line_of(entry)}


def _change_words(facts: Mapping[str, Any]) -> str:
    ids = facts.get("ids", [])
    more = f" and {len(ids) - _MOST_IDS} more" if len(ids) > _MOST_IDS else ""
    named = f" ({', '.join(ids[:_MOST_IDS])}{more})" if ids else ""
    return f"{_made_by(facts)}{named}"


def _made_by(facts: Mapping[str, Any]) -> str:
    return f"{facts.get('event_name', 'a change')} by {facts.get('actor') or 'somebody unnamed'}"


_STATUSES = {"planned": "planned, not done", "blocked": "not done, blocked"}


def _action_words(facts: Mapping[str, Any]) -> str:
    status = str(facts.get("status", ""))
    return _deed_words(facts, f": {_STATUSES.get(status, status)}")


def _deed_words(facts: Mapping[str, Any], status: str) -> str:
    what = str(facts.get("action", "an action")).replace("_", " ")
    service = f" for {facts['service']}" if facts.get("service") else ""
    ids = [str(facts[name]) for name in ("endpoint_id", "security_group_id") if facts.get(name)]
    named = f" ({', '.join(ids)})" if ids else ""
    because = "; ".join(dict.fromkeys(filter(None, map(_because_words, facts.get("because", [])))))
    parts = {"Why": facts.get("reason"), "But": facts.get("error"), "Set going by": because}
    notified = [f"{name}: {str(words).rstrip('.')}." for name, words in parts.items() if words]
    return " ".join([f"{what}{service}{status}{named}.", *notified])


def _because_words(trigger: Mapping[str, Any]) -> str:
    if trigger.get("event_name"):
        return _made_by(trigger)
    return {
        "silence": f"silent agents ({trigger.get('event_id', '')})",
        "sweep": "the scheduled sweep",
        "call": "a call by hand",
    }.get(str(trigger.get("kind", "")), "")


def _outcome_words(facts: Mapping[str, Any]) -> str:
    service = f" for {facts['service']}" if facts.get("service") else ""
    who = f"{facts.get('endpoint_id', 'an endpoint')}{service}"
    age = write_length(timedelta(seconds=float(facts.get("seconds", 0))))
    if facts.get("result") == "available":
        return f"{who} was seen available {age} after it was made"
    return f"{who} serves nobody, {age} after it was made: {facts.get('detail', facts.get('result', ''))}"


def _incident_words(facts: Mapping[str, Any], at: datetime) -> str:
    who = f"incident {facts.get('incident', '')}"
    words = str(facts.get("words", ""))
    if facts.get("event") == "opened":
        begun = facts.get("begun_by")
        cause = f". Begun by {_made_by(begun)}" if begun else ""
        return f"{who} opened: {words}{cause}"
    began = _time_of(facts.get("began"))
    length = f" after {write_length(at - began)}" if began else ""
    agents = f", {write_count(int(facts['agents']), 'agent')}" if facts.get("agents") else ""
    fix = f". Fixed by: {facts['fix']}" if facts.get("fix") else ""
    return f"{who} closed{length}{agents}: {words}{fix}"


def _time_of(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else None

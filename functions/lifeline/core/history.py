"""The record: who changed what, what Lifeline decided and did, and what came of it, as entries that a person can read.

An entry's key in the ledger is `<KIND>#<time>#<more>` below its VPC. Its `place` says where it stands among all others:
by the second, then by kind, then by VPC and key. CloudTrail's times are whole seconds, so within one of them the kinds'
order is what tells a cause from what it led to.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never

from lifeline.core.follow import Followed
from lifeline.core.wording import plain, write_count, write_length, write_time
from lifeline.errors import InvalidInputError

MOST_ENTRIES = 100  # a call: with all that an entry holds, far below the 6 MB that Lambda lets a function answer
DEFAULT_SPAN = timedelta(days=7)
NO_VPC = ""  # the VPC of what belongs to none that could be found
_MOST_IDS = 5
_LAST = "~"  # after everything that stands behind a second in a key
_FIRST = " "  # before every printable character but itself
_DAY_SHELF = "DAY#"
_OWN = frozenset({"pk", "sk", "expires_at", "shelf", "place"})
_FIELDS = ("vpc_id", "since", "until", "day", "incident", "next")
_VPC_ID = re.compile(r"vpc-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_INCIDENT_ID = re.compile(r"inc-[0-9a-z-]{1,60}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_PLACE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d#[1-9]#[ -~]{1,800}")


class EntryKind(StrEnum):
    """What an entry tells of, in the order in which those of one second are read."""

    CHANGE = "change"
    INCIDENT = "incident"
    ACTION = "action"
    OUTCOME = "outcome"

    @property
    def rank(self) -> int:
        """Its turn within a second, from 1 on."""
        return list(EntryKind).index(self) + 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the record. `facts` is what the ledger keeps of it, without what is empty."""

    at: datetime
    kind: EntryKind
    vpc_id: str
    place: str
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def text(self) -> str:
        """The entry in a line of plain ASCII."""
        match self.kind:
            case EntryKind.CHANGE:
                words = _change_words(self.facts)
            case EntryKind.INCIDENT:
                words = _incident_words(self.facts, self.at)
            case EntryKind.ACTION:
                words = _action_words(self.facts)
            case EntryKind.OUTCOME:
                words = _outcome_words(self.facts)
            case _:
                assert_never(self.kind)
        return plain(words)


@dataclass(frozen=True, slots=True)
class HistoryAsk:
    """Which entries somebody wants: those of a VPC in a time, of a day, or of an incident; `after` is the last place
    that they have seen. `since` and `until` are set where `vpc_id` is.
    """

    vpc_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    day: date | None = None
    incident: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """The oldest entries that were asked for and not seen yet, in their order; `next` is empty if these are all."""

    entries: tuple[Entry, ...] = ()
    next: str = ""


@dataclass(frozen=True, slots=True)
class EndpointOutcome:
    """What became of an endpoint that Lifeline made: `available`, `failed` or `lost`. `age` is how old it was then."""

    endpoint_id: str
    service: str
    result: str
    age: timedelta
    detail: str = ""


# ---- where entries are kept


def key_of(kind: EntryKind, at: datetime, *more: str) -> str:
    """An entry's key below its VPC. The same entry twice has the same."""
    return "#".join((kind.name, at.astimezone(UTC).isoformat(), *more))


def filed(vpc_id: str, key: str) -> dict[str, str]:
    """What finds an entry by its day: the day's shelf, and the place on it. Nothing where the key holds no time."""
    found = _time_in(key)
    if found is None:
        return {}
    kind, _ = found
    return {"shelf": f"{_DAY_SHELF}{_second_in(key)[:10]}", "place": _place(kind, vpc_id, key)}


def day_shelf(day: date) -> str:
    """Where all entries of a day (UTC) stand."""
    return f"{_DAY_SHELF}{day.isoformat()}"


def incident_shelf(incident_id: str) -> str:
    """Where an incident itself stands, open or closed."""
    return f"INCIDENT#{incident_id}"


def ranges(since: datetime, until: datetime, after: str = "") -> Iterator[tuple[EntryKind, str, str]]:
    """For each kind the first and last key of a time, to the second and both included, that come after a place."""
    seen = after.split("#", 3)
    for kind in EntryKind:
        low = f"{kind.name}#{_second(since)}"
        high = f"{kind.name}#{_second(until)}{_LAST}"
        if after:
            second, rank, _, key = seen
            of_second = f"{kind.name}#{second}"
            passed = {-1: of_second, 0: key + _FIRST, 1: of_second + _LAST}
            low = max(low, passed[(int(rank) > kind.rank) - (int(rank) < kind.rank)])
        if low <= high:
            yield kind, low, high


def merge(found: Iterable[Entry], *, most: int = MOST_ENTRIES) -> Page:
    """The first `most` of the entries in their order. Of each kind, `found` has one more than that if there is one."""
    entries = sorted(found, key=lambda entry: entry.place)
    shown = tuple(entries[:most])
    return Page(shown, shown[-1].place if len(entries) > most else "")


def read_entry(record: Mapping[str, Any]) -> Entry | None:
    """The entry that a record of the ledger is, or None if it is none, or its time can't be understood."""
    owner, _, vpc_id = str(record["pk"]).partition("#")
    key = str(record["sk"])
    found = _time_in(key)
    if owner != "VPC" or found is None:
        return None
    kind, at = found
    facts = {name: value for name, value in sorted(record.items()) if name not in _OWN and value not in ("", [], {})}
    if kind is EntryKind.CHANGE and key.count("#") > 1:
        facts["event_id"] = key.split("#", 2)[2]
    return Entry(at, kind, vpc_id, _place(kind, vpc_id, key), facts)


def is_part_of(entry: Entry, incident_id: str) -> bool:
    """False for what tells of another incident."""
    return entry.kind is not EntryKind.INCIDENT or entry.facts.get("incident") == incident_id


def outcomes_of(followed: Followed, failures: Mapping[str, int], now: datetime) -> tuple[EndpointOutcome, ...]:
    """The news of `followed`, given how often each service's endpoint had failed before."""
    by_id = {one.endpoint_id: (service, now - one.at) for service, one in followed.made.items()}
    ready = [EndpointOutcome(id_, by_id[id_][0], "available", age) for id_, age in followed.ready]
    lost = [
        EndpointOutcome(id_, service, "failed" if _has_failed(service, followed, failures) else "lost", age, words)
        for id_, words in followed.lost
        for service, age in [by_id[id_]]
    ]
    return (*ready, *lost)


def _has_failed(service: str, followed: Followed, failures: Mapping[str, int]) -> bool:
    return followed.failures.get(service, 0) > failures.get(service, 0)


def _time_in(key: str) -> tuple[EntryKind, datetime] | None:
    name, _, rest = key.partition("#")
    if not _TIME.match(rest):
        return None
    try:
        at = datetime.fromisoformat(rest.partition("#")[0])
        return EntryKind[name], (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (KeyError, OverflowError, ValueError):
        return None


def _place(kind: EntryKind, vpc_id: str, key: str) -> str:
    return f"{_second_in(key)}#{kind.rank}#{vpc_id}#{key}"


def _second_in(key: str) -> str:
    """As the key has it, so that places and keys are in one order: CloudTrail and Lifeline write UTC."""
    return key.partition("#")[2][:19]


def _second(at: datetime) -> str:
    """The time without its zone: in the order of keys, it comes before whatever is written of that second."""
    return at.astimezone(UTC).isoformat(timespec="seconds")[:19]


# ---- what somebody asks


def read_history(event: Mapping[str, Any], now: datetime) -> HistoryAsk:
    """Which entries a call by hand asks for: `{"history": {…}}`.

    Raises InvalidInputError with the path to the field, such as `history.since`.
    """
    others = sorted(str(name) for name in event if name != "history")
    if others:
        raise InvalidInputError(_shown(others[0]), "can't go with history, which only reads")
    asked = event["history"]
    if not isinstance(asked, dict):
        raise InvalidInputError("history", f'must be an object such as {{"vpc_id": "vpc-…"}}, not {_shown(asked)}')
    unknown = sorted(str(name) for name in asked if name not in _FIELDS)
    if unknown:
        raise InvalidInputError(f"history.{unknown[0][:60]}", f"is not one of {', '.join(_FIELDS)}")
    given = [name for name in ("vpc_id", "day", "incident") if name in asked]
    if len(given) != 1:
        raise InvalidInputError(f"history.{(given or ['vpc_id'])[-1]}", "name one of vpc_id, day and incident")
    after = _read_next(asked)
    if "vpc_id" in asked:
        since, until = _read_span(asked, now)
        return HistoryAsk(vpc_id=_read_id(asked, "vpc_id", _VPC_ID), since=since, until=until, after=after)
    for name in ("since", "until"):
        if name in asked:
            raise InvalidInputError(f"history.{name}", f"goes with vpc_id only: {given[0]} has its own time")
    if "day" in asked:
        return HistoryAsk(day=_read_day(asked["day"]), after=after)
    return HistoryAsk(incident=_read_id(asked, "incident", _INCIDENT_ID), after=after)


def _read_span(asked: Mapping[str, Any], now: datetime) -> tuple[datetime, datetime]:
    until = _read_time(asked["until"], "until") if "until" in asked else now
    since = _read_time(asked["since"], "since") if "since" in asked else _before(until, DEFAULT_SPAN)
    if since > until:
        raise InvalidInputError("history.since", f"is later than until, {write_time(until)}")
    return since, until


def _before(moment: datetime, length: timedelta) -> datetime:
    earliest = datetime.min.replace(tzinfo=UTC)
    return moment - length if moment - earliest > length else earliest


def _read_time(value: object, name: str) -> datetime:
    example = "2026-11-20T00:00:00Z"
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        if found and found.tzinfo:
            return found.astimezone(UTC)
    except (OverflowError, ValueError):
        pass
    raise InvalidInputError(f"history.{name}", f"must be a time with its zone, such as {example}, not {_shown(value)}")


def _read_day(value: object) -> date:
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise InvalidInputError("history.day", f"must be a day (UTC) such as 2026-11-20, not {_shown(value)}")


def _read_id(asked: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = asked[name]
    if isinstance(value, str) and form.fullmatch(value):
        return value
    wanted = {"vpc_id": "a VPC id (vpc-, then 8 or 17 of 0-9a-f)", "incident": "an incident's id (inc-…)"}[name]
    raise InvalidInputError(f"history.{name}", f"must be {wanted}, not {_shown(value)}")


def _read_next(asked: Mapping[str, Any]) -> str:
    if "next" not in asked:
        return ""
    value = asked["next"]
    if isinstance(value, str) and _PLACE.fullmatch(value) and value.count("#") >= 4:
        return value
    raise InvalidInputError("history.next", f"must be the next of an earlier answer as it was, not {_shown(value)}")


def _shown(value: object) -> str:
    return ascii(value)[:60]


# ---- how it is said


def page_json(page: Page) -> dict[str, Any]:
    """The page as the function returns it."""
    more = {"next": page.next, "text": 'there is more: ask the same again, with this "next" beside it'}
    return {"entries": [_entry_json(entry) for entry in page.entries], "more": more if page.next else None}


def _entry_json(entry: Entry) -> dict[str, Any]:
    own = {"at": entry.at.isoformat(), "kind": str(entry.kind), "vpc_id": entry.vpc_id}
    return own | {name: value for name, value in entry.facts.items() if name not in own} | {"text": entry.text}


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
    what = str(facts.get("action", "an action")).replace("_", " ")
    service = f" for {facts['service']}" if facts.get("service") else ""
    ids = [str(facts[name]) for name in ("endpoint_id", "group_id") if facts.get(name)]
    named = f" ({', '.join(ids)})" if ids else ""
    because = "; ".join(dict.fromkeys(filter(None, map(_because_words, facts.get("because", [])))))
    parts = {"Why": facts.get("reason"), "But": facts.get("error"), "Set going by": because}
    told = [f"{name}: {str(words).rstrip('.')}." for name, words in parts.items() if words]
    return " ".join([f"{what}{service}: {_STATUSES.get(status, status)}{named}.", *told])


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

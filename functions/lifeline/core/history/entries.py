"""The record: who changed what, what Lifeline decided and did, and what came of it, as entries in one order.

An entry's key in the ledger is `<KIND>#<time>#<more>` below its VPC. Its `place` says where it stands among all others:
by the second, then by kind, then by VPC and key. CloudTrail's times are whole seconds, so within one of them the kinds'
order is what tells a cause from what it led to.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from lifeline.core.plan.endpoint_lifecycle import Followed

MOST_ENTRIES = 100  # a call: with all that an entry holds, far below the 6 MB that Lambda lets a function answer
NO_VPC = ""  # the VPC of what belongs to none that could be found
_LAST = "~"  # after everything that stands behind a second in a key
_FIRST = " "  # before every printable character but itself
_DAY_PARTITION = "DAY#"
_OWN = frozenset({"pk", "sk", "expires_at", "index_pk", "index_sk"})
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


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
    sort_key: str
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)


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


def key_of(kind: EntryKind, at: datetime, *more: str) -> str:
    """An entry's key below its VPC. The same entry twice has the same."""
    return "#".join((kind.name, at.astimezone(UTC).isoformat(), *more))


def filed(vpc_id: str, key: str) -> dict[str, str]:
    """What finds an entry by its day: the day's shelf, and the place on it. Nothing where the key holds no time."""
    found = _time_in(key)
    if found is None:
        return {}
    kind, _ = found
    return {"index_pk": f"{_DAY_PARTITION}{_second_in(key)[:10]}", "index_sk": _sort_key(kind, vpc_id, key)}


def day_partition(day: date) -> str:
    """Where all entries of a day (UTC) stand."""
    return f"{_DAY_PARTITION}{day.isoformat()}"


def incident_partition(incident_id: str) -> str:
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
    entries = sorted(found, key=lambda entry: entry.sort_key)
    shown = tuple(entries[:most])
    return Page(shown, shown[-1].sort_key if len(entries) > most else "")


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
    return Entry(at, kind, vpc_id, _sort_key(kind, vpc_id, key), facts)


def is_part_of(entry: Entry, incident_id: str) -> bool:
    """False for what tells of another incident."""
    return entry.kind is not EntryKind.INCIDENT or entry.facts.get("incident") == incident_id


def outcomes_of(followed: Followed, failures: Mapping[str, int], now: datetime) -> tuple[EndpointOutcome, ...]:
    """The news of `followed`, given how often each service's endpoint had failed before."""
    by_id = {made.endpoint_id: (service, now - made.at) for service, made in followed.made.items()}
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


def _sort_key(kind: EntryKind, vpc_id: str, key: str) -> str:
    return f"{_second_in(key)}#{kind.rank}#{vpc_id}#{key}"


def _second_in(key: str) -> str:
    """As the key has it, so that places and keys are in one order: CloudTrail and Lifeline write UTC."""
    return key.partition("#")[2][:19]


def _second(at: datetime) -> str:
    """The time without its zone: in the order of keys, it comes before whatever is written of that second."""
    return at.astimezone(UTC).isoformat(timespec="seconds")[:19]


LEDGER_KEEP = timedelta(days=400)  # what the template's LedgerDays says where nobody says otherwise

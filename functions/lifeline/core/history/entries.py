"""The audit log: who changed what, what Lifeline decided and did, and the outcome, as entries in one order.

An entry's key in the ledger is `<KIND>#<time>#<more>` below its VPC, or below the region if its VPC is unknown. Its
`sort_key` orders it among all entries: by second, then by kind, then by account, region, VPC and key. CloudTrail's
times are whole seconds, so within a second the order of kinds puts a cause before its effects.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from lifeline.core.network.model import AnyRef, VpcRef
from lifeline.core.plan.endpoint_lifecycle import Followed

MOST_ENTRIES = 100  # per call: entries of any size stay far below Lambda's limit of 6 MB for a response
NO_VPC = ""  # the VPC ID of entries whose VPC is unknown
_LAST = "~"  # sorts after everything that follows a second in a key
_FIRST = " "  # before every printable character but itself
_DAY_PARTITION = "DAY#"
_OWN = frozenset({"pk", "sk", "expires_at", "index_pk", "index_sk"})
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


class EntryKind(StrEnum):
    """The kinds of entries, in their order within a second."""

    CHANGE = "change"
    INCIDENT = "incident"
    ACTION = "action"
    OUTCOME = "outcome"

    @property
    def rank(self) -> int:
        """The position within a second, from 1."""
        return list(EntryKind).index(self) + 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the audit log. `facts` are its attributes in the ledger, without empty ones."""

    at: datetime
    kind: EntryKind
    vpc_id: str
    sort_key: str
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Page:
    """The oldest requested entries that were not returned yet, in order; `next` is empty if there are no more."""

    entries: tuple[Entry, ...] = ()
    next: str = ""


@dataclass(frozen=True, slots=True)
class EndpointOutcome:
    """The outcome of an endpoint that Lifeline created: `available`, `failed` or `lost`. `age` is its age then."""

    endpoint_id: str
    service: str
    result: str
    age: timedelta
    detail: str = ""


def key_of(kind: EntryKind, at: datetime, *more: str) -> str:
    """Build an entry's key below its VPC. An entry that is written twice has the same key."""
    return "#".join((kind.name, at.astimezone(UTC).isoformat(), *more))


def filed(ref: AnyRef, key: str) -> dict[str, str]:
    """Build the index keys of an entry: its day's partition and its sort key. Empty if the key has no time."""
    found = _time_in(key)
    if found is None:
        return {}
    kind, _ = found
    return {"index_pk": f"{_DAY_PARTITION}{_second_in(key)[:10]}", "index_sk": _sort_key(kind, ref, key)}


def day_partition(day: date) -> str:
    """Build the index partition of all entries of a day (UTC)."""
    return f"{_DAY_PARTITION}{day.isoformat()}"


def incident_partition(incident_id: str) -> str:
    """Build the partition key of an incident, open or closed."""
    return f"INCIDENT#{incident_id}"


def ranges(since: datetime, until: datetime, after: str = "") -> Iterator[tuple[EntryKind, str, str]]:
    """Yield each kind's first and last key of a period, to the second and inclusive, that come after a sort key."""
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
    """Build a page of the first `most` entries in order. `found` has one more of each kind, if there is one."""
    entries = sorted(found, key=lambda entry: entry.sort_key)
    shown = tuple(entries[:most])
    return Page(shown, shown[-1].sort_key if len(entries) > most else "")


def read_entry(ref: AnyRef, record: Mapping[str, Any]) -> Entry | None:
    """Read an entry from a ledger record about `ref`; None if the record is no entry or its time is invalid."""
    key = str(record["sk"])
    found = _time_in(key)
    if found is None:
        return None
    kind, at = found
    facts = {name: value for name, value in sorted(record.items()) if name not in _OWN and value not in ("", [], {})}
    if kind is EntryKind.CHANGE and key.count("#") > 1:
        facts["event_id"] = key.split("#", 2)[2]
    vpc_id = ref.vpc_id if isinstance(ref, VpcRef) else NO_VPC
    return Entry(at, kind, vpc_id, _sort_key(kind, ref, key), facts)


def is_part_of(entry: Entry, incident_id: str) -> bool:
    """Return False if the entry is about another incident."""
    return entry.kind is not EntryKind.INCIDENT or entry.facts.get("incident") == incident_id


def outcomes_of(followed: Followed, failures: Mapping[str, int], now: datetime) -> tuple[EndpointOutcome, ...]:
    """List the outcomes in `followed`; `failures` says how often each service's endpoint had failed before."""
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


def _sort_key(kind: EntryKind, ref: AnyRef, key: str) -> str:
    return f"{_second_in(key)}#{kind.rank}#{ref}#{key}"


def _second_in(key: str) -> str:
    """The second as the key has it, so that sort keys and keys agree: CloudTrail and Lifeline write UTC."""
    return key.partition("#")[2][:19]


def _second(at: datetime) -> str:
    """The time without its zone, which sorts before every key of that second."""
    return at.astimezone(UTC).isoformat(timespec="seconds")[:19]

"""The audit log, read from the ledger: a VPC's by its keys, a day's and an incident's by the index `audit_log`.

Each entry, and each incident, stands in one partition of the index: `DAY#<day>` or `INCIDENT#<id>`, at its sort key.
What is in a VPC is read as last written; the index may lag behind by a second or so.

IAM decides who may write an item by the `pk` alone, so a role can put its items anywhere in the index. An item is only
believed where Lifeline itself files an item of its `pk` and kind.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from itertools import islice
from typing import Any

from lifeline.adapters.store.codec import from_plain
from lifeline.adapters.store.incidents import is_incident
from lifeline.adapters.store.keys import incident_log, partition, read_partition
from lifeline.adapters.store.table import Table
from lifeline.core.errors import InvalidInputError
from lifeline.core.history.entries import (
    MOST_ENTRIES,
    Entry,
    EntryKind,
    Page,
    day_partition,
    filed,
    incident_partition,
    is_part_of,
    merge,
    ranges,
    read_entry,
)
from lifeline.core.network.model import AnyRef, RegionRef, VpcRef
from lifeline.core.organization.ledger import Ledger
from lifeline.core.requests.history import HistoryRequest

INDEX = "audit_log"
_DOING = "ledger: read the audit log"


class History:
    """The audit log in the ledger's table. Only reads."""

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)

    def read(self, request: HistoryRequest, home: RegionRef, *, now: datetime, most: int = MOST_ENTRIES) -> Page:
        """The first `most` entries of the request, whose VPC or incident is in this account and region.

        Raises InvalidInputError for an incident that isn't in the ledger, or can't be understood.
        """
        if request.day:
            return self._day(request.day, request.after, most)
        if request.incident:
            return self._incident(request, home, now, most)
        return self._of(home.vpc(request.vpc_id), request.since or now, request.until or now, request.after, most)

    def newest(self, ref: VpcRef, kinds: Iterable[EntryKind], *, most: int) -> tuple[Entry, ...]:
        """The VPC's newest entries of these kinds, the newest first."""
        entries: list[Entry] = []
        for kind in kinds:
            values = {":pk": _partition(ref, kind), ":kind": f"{kind.name}#"}
            entries += self._entries("pk = :pk AND begins_with(sk, :kind)", values, most, ScanIndexForward=False)
        return tuple(sorted(entries, key=lambda entry: (entry.at, entry.sort_key), reverse=True)[:most])

    def _day(self, day: date, after: str, most: int) -> Page:
        values = {":pk": day_partition(day), ":after": after or "0"}
        entries = self._entries("index_pk = :pk AND index_sk > :after", values, most + 1, IndexName=INDEX)
        return merge(entries, most=most)

    def _incident(self, request: HistoryRequest, home: RegionRef, now: datetime, most: int) -> Page:
        """What happened in the incident's VPC from what began it until it was closed, without other incidents."""
        values = {":pk": incident_partition(request.incident)}
        items = self._table.query("index_pk = :pk", values, _DOING, IndexName=INDEX)
        item = next(filter(is_incident, items), None)
        if item is None:
            raise InvalidInputError("history.incident", f"{request.incident} is not in the ledger")
        try:
            since = from_plain(datetime, item.get("since"))
            until = from_plain(datetime, item["closed_at"]) if "closed_at" in item else now
            ref = home.vpc_or_self(item.get("vpc_id", ""))
        except (TypeError, ValueError) as error:
            raise InvalidInputError("history.incident", f"{request.incident} can't be read: {error}"[:300]) from error
        return self._of(ref, since, until, request.after, most, lambda entry: is_part_of(entry, request.incident))

    def _of(
        self,
        ref: AnyRef,
        since: datetime,
        until: datetime,
        after: str,
        most: int,
        is_wanted: Callable[[Entry], bool] = lambda _: True,
    ) -> Page:
        entries: list[Entry] = []
        for kind, low, high in ranges(since, until, after):
            values = {":pk": _partition(ref, kind), ":low": low, ":high": high}
            condition = "pk = :pk AND sk BETWEEN :low AND :high"
            entries += self._entries(condition, values, most + 1, is_wanted, ConsistentRead=True)
        return merge(entries, most=most)

    def _entries(
        self,
        condition: str,
        values: dict[str, str],
        enough: int,
        is_wanted: Callable[[Entry], bool] = lambda _: True,
        **request: Any,
    ) -> list[Entry]:
        """The first `enough` entries that meet the condition; an item that is no entry is skipped."""
        items = self._table.query(condition, values, _DOING, Limit=enough, **request)
        return list(islice((entry for entry in map(_entry, items) if entry and is_wanted(entry)), enough))


def _entry(item: Mapping[str, Any]) -> Entry | None:
    """The item's entry; None if it is none, or if one of its kind belongs somewhere else."""
    ref = read_partition(item["pk"])
    entry = read_entry(ref, item) if ref else None
    if ref is None or entry is None or item["pk"] != _partition(ref, entry.kind):
        return None
    return entry if all(item.get(name, place) == place for name, place in filed(ref, item["sk"]).items()) else None


def _partition(ref: AnyRef, kind: EntryKind) -> str:
    return incident_log(ref) if kind is EntryKind.INCIDENT else partition(ref)

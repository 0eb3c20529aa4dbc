"""The record of what Lifeline created or adopted, and handed over."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from lifeline.adapters.store.audit import log_call
from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.keys import partition
from lifeline.adapters.store.table import Table, expiry
from lifeline.core.errors import UnreadableError
from lifeline.core.history.entries import EntryKind, key_of
from lifeline.core.network.model import RegionRef, VpcRef
from lifeline.core.network.ownership import UNREAD, Owned
from lifeline.core.organization.ledger import Ledger
from lifeline.core.policy.policy import LEDGER_KEEP
from lifeline.core.wording import write_stated
from lifeline.runtime.observability import logger

_PREFIX = "OWNED#"


class Ownership:
    """The ledger's items of the region with `OWNED#<ID>`, one for each endpoint and security group. They don't expire:
    one is deleted once EC2 no longer shows the resource. Its audit log entries expire after `keep`.
    """

    def __init__(self, ledger: Ledger, dynamodb: Any = None, *, keep: timedelta = LEDGER_KEEP) -> None:
        self._table = Table(ledger, dynamodb)
        self._keep = keep

    def read(self, home: RegionRef) -> dict[str, Owned]:
        """What is on record in the account and region, by ID; UNREAD for a record that can't be understood, with an
        error in the log. Raises TransientError or TerminalError.
        """
        items = self._table.query(
            "pk = :pk AND begins_with(sk, :prefix)",
            {":pk": partition(home), ":prefix": _PREFIX},
            "ledger: read what Lifeline created",
            ConsistentRead=True,
        )
        return {item["sk"].removeprefix(_PREFIX): _owned(item) for item in items}

    def created(self, ref: VpcRef, resource_id: str, *, now: datetime, in_place_of: str = "") -> None:
        """Record that Lifeline has just created the resource, to stand in for these of a hub's zones or its Profile."""
        self._write(ref.home, resource_id, Owned(ref.vpc_id, now, in_place_of=in_place_of))

    def adopt(self, home: RegionRef, vpc_ids: Mapping[str, str], *, now: datetime, by: str = "") -> None:
        """Record these resources, with their VPCs, as Lifeline's own, because a person says so: `by`, as they state."""
        for resource_id, vpc_id in vpc_ids.items():
            self._write(home, resource_id, Owned(vpc_id, now, is_adopted=True))
            self._log(home.vpc(vpc_id), "adopt", f"{resource_id} adopted manually{write_stated(by)}", now)

    def hand_over(self, home: RegionRef, records: Mapping[str, Owned], *, now: datetime, by: str = "") -> None:
        """Record that these resources are their users' from now on, because a person says so: `by`, as they state."""
        for resource_id, record in records.items():
            self._write(home, resource_id, replace(record, handed_over_at=now))
            reason = f"{resource_id} handed over manually{write_stated(by)}"
            self._log(home.vpc(record.vpc_id), "hand_over", reason, now)

    def delete(self, home: RegionRef, resource_ids: Iterable[str]) -> None:
        """Delete the records of resources that are gone."""
        for resource_id in sorted(resource_ids):
            self._table.delete(_key(home, resource_id), f"ledger: delete the record of {resource_id}")

    def _write(self, home: RegionRef, resource_id: str, record: Owned) -> None:
        self._table.put(_key(home, resource_id), to_plain(record), f"ledger: record {resource_id}")

    def _log(self, ref: VpcRef, action: str, reason: str, now: datetime) -> None:
        key = partition(ref), key_of(EntryKind.ACTION, now, reason)
        log_call(self._table, ref, action, reason, key=key, expires_at=expiry(now, self._keep))


def _owned(item: Mapping[str, Any]) -> Owned:
    try:
        return from_plain(Owned, {name: value for name, value in item.items() if name != "is_unread"})
    except (TypeError, UnreadableError) as error:
        logger.error("record of what Lifeline created unreadable", sk=item["sk"], reason=str(error))
        return UNREAD


def _key(home: RegionRef, resource_id: str) -> tuple[str, str]:
    return partition(home), f"{_PREFIX}{resource_id}"

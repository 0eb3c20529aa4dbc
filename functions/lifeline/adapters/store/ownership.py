"""The record of what Lifeline created or adopted, and handed over."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from lifeline.adapters.store.audit import log_call
from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.keys import partition
from lifeline.adapters.store.table import Table, expiry
from lifeline.core.errors import TerminalError, UnreadableError
from lifeline.core.history.entries import EntryKind, key_of
from lifeline.core.network.model import RegionRef, Vpc, VpcRef
from lifeline.core.network.ownership import UNREAD, Owned, zones_asked
from lifeline.core.organization.ledger import Ledger
from lifeline.core.policy.policy import LEDGER_KEEP
from lifeline.core.wording import write_stated
from lifeline.runtime.observability import logger

_PREFIX = "OWNED#"


class Ownership:
    """The ledger's items of the region with `OWNED#<ID>`, one for each endpoint and security group. They don't expire:
    one is deleted once EC2 no longer shows the resource. Its audit log entries expire after `keep`.

    One for each run, for it remembers which zones subnets are in.
    """

    def __init__(self, ledger: Ledger, dynamodb: Any = None, *, keep: timedelta = LEDGER_KEEP) -> None:
        self._table = Table(ledger, dynamodb)
        self._keep = keep
        self._zones: dict[str, str] = {}

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

    def see(self, vpcs: Iterable[Vpc]) -> None:
        """Remember which zones their subnets are in. Of a subnet that wasn't seen, the zone isn't known."""
        self._zones |= {subnet.id: subnet.zone for vpc in vpcs for subnet in vpc.subnets}

    def created(
        self, ref: VpcRef, resource_id: str, *, now: datetime, in_place_of: str = "", subnet_ids: Iterable[str] = ()
    ) -> None:
        """Record that Lifeline has just created the resource, with an interface in each of these subnets, to stand in
        for these of a hub's zones or its Profile.
        """
        asked = zones_asked(subnet_ids, self._zones, now)
        self._write(ref.home, resource_id, Owned(ref.vpc_id, now, in_place_of=in_place_of, asked=asked))

    @contextmanager
    def asking(self, home: RegionRef, endpoint_id: str, subnet_ids: Iterable[str], *, now: datetime) -> Iterator[None]:
        """Record that Lifeline asks for interfaces of its endpoint in these subnets, before it does. A refusal, which
        is a TerminalError, takes off again what wasn't asked for before: EC2 also refuses what it made and doesn't show
        yet. A record that doesn't say what was asked for stays so.
        """
        asked = zones_asked(subnet_ids, self._zones, now)
        if asked is None:  # then all interfaces count
            self._table.update(
                _key(home, endpoint_id), "REMOVE asked", {}, _asks(endpoint_id), condition="attribute_exists(pk)"
            )
        new = [zone for zone in asked or () if self._ask(home, endpoint_id, zone, now)]
        try:
            yield
        except TerminalError:
            self.forget_zones(home, {endpoint_id: dict.fromkeys(new, now)})
            raise

    def _ask(self, home: RegionRef, endpoint_id: str, zone: str, now: datetime) -> bool:
        """Record that; True if it was new."""
        ask = partial(self._change_zone, home, endpoint_id, "SET asked.#zone = :at", zone=zone, at=now)
        if ask("attribute_exists(asked) AND attribute_not_exists(asked.#zone)"):
            return True
        ask("attribute_exists(asked)")
        return False

    def forget_zones(self, home: RegionRef, left: Mapping[str, Mapping[str, datetime]]) -> None:
        """Take zones off the records, by endpoint, unless Lifeline asked for them since."""
        for endpoint_id, asked in sorted(left.items()):
            for zone, at in asked.items():
                self._change_zone(home, endpoint_id, "REMOVE asked.#zone", "asked.#zone = :at", zone, at)

    def adopt(self, home: RegionRef, records: Mapping[str, Owned], *, now: datetime, by: str = "") -> None:
        """Record these resources as Lifeline's own, because a person says so: `by`, as they state."""
        for resource_id, record in records.items():
            self._write(home, resource_id, record)
            self._log(home.vpc(record.vpc_id), "adopt", f"{resource_id} adopted manually{write_stated(by)}", now)

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

    def _change_zone(
        self, home: RegionRef, endpoint_id: str, update: str, condition: str, zone: str, at: datetime
    ) -> bool:
        """True if the condition was met."""
        key, doing = _key(home, endpoint_id), _asks(endpoint_id)
        done = self._table.update(key, update, {":at": at}, doing, condition=condition, names={"#zone": zone})
        return done is not None

    def _log(self, ref: VpcRef, action: str, reason: str, now: datetime) -> None:
        key = partition(ref), key_of(EntryKind.ACTION, now, reason)
        log_call(self._table, ref, action, reason, key=key, expires_at=expiry(now, self._keep))


def _owned(item: Mapping[str, Any]) -> Owned:
    try:
        return from_plain(Owned, {name: value for name, value in item.items() if name != "is_unread"})
    except (TypeError, UnreadableError) as error:
        logger.error("record of what Lifeline created unreadable", sk=item["sk"], reason=str(error))
        return UNREAD


def _asks(endpoint_id: str) -> str:
    return f"ledger: record what Lifeline asks for of {endpoint_id}"


def _key(home: RegionRef, resource_id: str) -> tuple[str, str]:
    return partition(home), f"{_PREFIX}{resource_id}"

"""The state of each VPC, whose run it is just now, and the lists of VPCs that a sweep must read."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import batched
from typing import Any, Self

from lifeline.adapters.store.codec import from_plain, pack, to_plain, unpack
from lifeline.adapters.store.keys import in_member, partition
from lifeline.adapters.store.table import Key, Table, expiry
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.errors import UnreadableError
from lifeline.core.network.model import AnyRef, RegionRef, VpcRef
from lifeline.core.organization.ledger import Ledger
from lifeline.core.policy.policy import LEDGER_KEEP
from lifeline.runtime.observability import logger

# What grows with the subnets that people tag. DynamoDB's items have 400 KB at most (DynamoDB guide: quotas).
_LARGE = {"warned": "WARNED#", "warned_before": "WARNED_BEFORE#"}  # by the state's attribute, the key of its parts
_PACKED = frozenset({"survey"})  # grows with the subnets, and with the services that their tags ask for
_MOST_IN_STATE = 500
_MOST_IN_PART = 5_000
_MOST_PARTS = 100

_IS_FREE = "NOT attribute_type(lease_until, :number) OR lease_until < :now"  # also where it is no time
_NAMES = frozenset(field.name for field in fields(VpcState)) - {"unread"}
_FOUND_ANEW = frozenset(
    {
        "awaited",
        "awaited_told",
        "backlog_notified_at",
        "denied",
        "full_subnets",
        "lacking",
        "look",
        "notified",
        "reconciled_at",
        "seen_at",
        "told_at",
    }
)


class VpcStore:
    """The ledger's items of VPCs with STATE, and those of `VpcList` with VPCS. An item is kept for `keep`
    after it was last written. A region has a state, too, which says nothing of a VPC, so that it is on no list.

    Warnings about thousands of subnets are in compressed items of their own, WARNED and WARNED_BEFORE with a number:
    the state's attribute then says how many there are. They are written again whenever `seen_at` is, so that they don't
    expire before it.
    """

    def __init__(self, ledger: Ledger, dynamodb: Any = None, *, keep: timedelta = LEDGER_KEEP) -> None:
        self._table = Table(ledger, dynamodb)
        self._keep = keep

    def keeping(self, keep: timedelta) -> Self:
        """The same store, which keeps for so long what it writes."""
        return type(self)(self._table.ledger, self._table.dynamodb, keep=keep)

    def load(self, ref: AnyRef) -> VpcState:
        """The VPC's state."""
        return self._state(ref, self._table.get(_key(ref), f"ledger: read {ref}"))

    def load_all[Ref: AnyRef](self, refs: Iterable[Ref]) -> dict[Ref, VpcState]:
        """The state of each VPC."""
        keys = {ref: _key(ref) for ref in refs}
        items = self._table.get_all(keys.values(), "ledger: read the states of VPCs")
        return {ref: self._state(ref, items.get(key, {})) for ref, key in keys.items()}

    def take_lease(self, ref: VpcRef, run_id: str, *, now: datetime, until: datetime) -> VpcState | None:
        """The VPC's state, once the VPC is this run's alone until `until`; None while another run has it."""
        item = self._table.update(
            _key(ref),
            "SET lease_run = :run, lease_until = :until",
            {":run": run_id, ":until": _seconds(until), ":now": _seconds(now), ":number": "N"},
            f"ledger: lease {ref}",
            condition=f"{_IS_FREE} OR lease_run = :run",
        )
        return None if item is None else self._state(ref, item)

    def return_lease(self, ref: VpcRef, run_id: str) -> None:
        """Ends this run's lease. One that has run out and passed to another run is left alone."""
        self._table.update(
            _key(ref),
            "REMOVE lease_run, lease_until",
            {":run": run_id},
            f"ledger: release {ref}",
            condition="lease_run = :run",
        )

    def save(self, ref: AnyRef, before: VpcState, after: VpcState, *, now: datetime) -> None:
        """Writes what differs between two states of the VPC, at once; nothing where they are the same.

        Other attributes stay as they are, so whoever has the lease and whoever only marks what people know don't
        overwrite each other. So do those that couldn't be read. What isn't of one run alone, such as freezes, is to be
        saved under the VPC's lease.

        The lists are right at any moment: a VPC is listed before its state is written, and taken off afterwards. An
        entry too many costs a read; one too few would hide the VPC from sweeps.
        """
        if before == after:
            return
        names = sorted(_NAMES - before.unread)
        changed = {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}
        if not changed:
            return
        if "seen_at" in changed:  # what has items of its own is kept as long as the state
            changed |= {name: getattr(after, name) for name in _LARGE if _is_large(after, name, before.unread)}
        lists = [vpc_list for vpc_list in VpcList if vpc_list.holds(before) != vpc_list.holds(after)]
        for vpc_list in lists:
            if vpc_list.holds(after):
                self._list(vpc_list, "ADD", ref)
        written = {name: value for name, value in changed.items() if value is not None}
        written["expires_at"] = expiry(now, self._keep)
        for name in _LARGE:
            if name in written and _is_large(after, name):
                written[name] = self._save_parts(ref, name, written[name], written["expires_at"])
        written |= {name: pack(written[name]) for name in _PACKED & written.keys()}
        removed = changed.keys() - written.keys()
        self._table.update(
            _key(ref),
            "SET "
            + ", ".join(f"{name} = :{name}" for name in written)
            + (f" REMOVE {', '.join(sorted(removed))}" if removed else ""),
            {f":{name}": value for name, value in written.items()},
            f"ledger: save {', '.join(sorted(changed))} of {ref}",
        )
        for vpc_list in lists:
            if not vpc_list.holds(after):
                self.unlist(vpc_list, ref)

    def delete(self, ref: VpcRef, *, now: datetime) -> bool:
        """True once the state of a VPC that is gone is deleted. Its audit log stays.

        An empty item takes its place, and goes with the next expiry. Where there was none, or while another run works
        on the VPC, nothing is written.
        """
        is_deleted = self._table.put(
            _key(ref),
            {"expires_at": _seconds(now)},
            f"ledger: delete the state of {ref}",
            condition=f"attribute_exists(pk) AND ({_IS_FREE})",
            values={":now": _seconds(now), ":number": "N"},
        )
        if is_deleted:
            for vpc_list in VpcList:
                self.unlist(vpc_list, ref)
        return is_deleted

    # ---- what is too large for the state

    def _state(self, ref: AnyRef, item: dict[str, Any]) -> VpcState:
        """The state of the item, with what is in other items. A part that has expired says nothing any more. What can't
        be understood is an error in the log: people only lose what the next run finds out anew, if it is one of
        `_FOUND_ANEW`, and anything else is `unread`.
        """
        found = {name: item[name] for name in _NAMES & item.keys()}
        try:
            return from_plain(VpcState, {name: self._whole(ref, name, value) for name, value in found.items()})
        except UnreadableError:
            return self._state_in_part(ref, found)

    def _state_in_part(self, ref: AnyRef, found: Mapping[str, Any]) -> VpcState:
        known: dict[str, Any] = {}
        unread: set[str] = set()
        for name, value in found.items():
            try:
                known[name] = getattr(from_plain(VpcState, {name: self._whole(ref, name, value)}), name)
            except UnreadableError as error:
                logger.error("state unreadable", ref=str(ref), attribute=name, reason=str(error))
                unread.add(name)
        return VpcState(**known, unread=frozenset(unread - _FOUND_ANEW))

    def _whole(self, ref: AnyRef, name: str, value: Any) -> Any:
        """The attribute's value, with what is in other items. Earlier versions packed nothing."""
        if name in _PACKED and isinstance(value, bytes):
            return unpack(value)
        if name not in _LARGE or isinstance(value, bool) or not isinstance(value, int):
            return value
        if value > _MOST_PARTS:
            raise UnreadableError(f"no {name}: {value} parts")
        doing = f"ledger: read {name} of {ref}"
        parts = [self._table.get(_part_key(ref, name, number), doing) for number in range(value)]
        packed = [unpack(part["entries"]) for part in parts if "entries" in part]
        if not all(isinstance(found, dict) for found in packed):
            raise UnreadableError(f"no {name}")
        return {key: at for found in packed for key, at in found.items()}

    def _save_parts(self, ref: AnyRef, name: str, entries: Mapping[str, datetime], expires_at: int) -> int:
        """How many items now have the entries. They are written before the state that counts them."""
        parts = list(batched(sorted(to_plain(entries).items()), _MOST_IN_PART, strict=False))
        for number, part in enumerate(parts):
            attributes = {"entries": pack(dict(part)), "expires_at": expires_at}
            self._table.put(_part_key(ref, name, number), attributes, f"ledger: save {name} of {ref}")
        return len(parts)

    # ---- the lists

    def listed(self, vpc_list: VpcList, home: RegionRef) -> frozenset[VpcRef]:
        """The VPCs on the list that are in this account and region."""
        item = self._table.get(_list_key(vpc_list), f"ledger: read the list {vpc_list}")
        return frozenset(ref for ref in _refs(item) if ref.home == home)

    def listed_in(
        self, homes: Collection[RegionRef], vpc_list: VpcList, own: RegionRef
    ) -> dict[RegionRef, frozenset[VpcRef]]:
        """The VPCs on the list of each of a hub's accounts, 100 accounts a call; `own` is the hub's."""
        pk = vpc_list.value
        keys = {home: (pk if home == own else in_member(pk, home), _list_key(vpc_list)[1]) for home in homes}
        items = self._table.get_all(keys.values(), f"ledger: read the list {vpc_list} of all accounts")
        found = {home: _refs(items.get(key, {})) for home, key in keys.items()}
        return {home: frozenset(ref for ref in refs if ref.home == home) for home, refs in found.items()}

    def unlist(self, vpc_list: VpcList, ref: AnyRef) -> None:
        """Takes the VPC off the list."""
        self._list(vpc_list, "DELETE", ref)

    def _list(self, vpc_list: VpcList, verb: str, ref: AnyRef) -> None:
        """Adds to the set, or deletes from it, in one step: runs at the same time lose nothing of each other's."""
        doing = f"ledger: change the list {vpc_list}"
        self._table.update(_list_key(vpc_list), f"{verb} vpcs :one", {":one": {str(ref)}}, doing)


def _key(ref: AnyRef) -> Key:
    return partition(ref), "STATE"


def _part_key(ref: AnyRef, name: str, number: int) -> Key:
    return partition(ref), f"{_LARGE[name]}{number:04}"


def _is_large(state: VpcState, name: str, unread: Collection[str] = ()) -> bool:
    return len(getattr(state, name)) > _MOST_IN_STATE and name not in unread


def _list_key(vpc_list: VpcList) -> Key:
    return vpc_list.value, "VPCS"


def _refs(item: Mapping[str, Any]) -> list[VpcRef]:
    """The VPCs of a list's item. What names none is left out, with an error in the log."""
    found: list[VpcRef] = []
    for text in _texts(item.get("vpcs")):
        try:
            found.append(VpcRef.parse(text))
        except ValueError as error:
            logger.error("entry of a list unreadable", pk=item.get("pk"), entry=text[:100], reason=str(error))
    return found


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _seconds(at: datetime) -> int:
    return int(at.timestamp())

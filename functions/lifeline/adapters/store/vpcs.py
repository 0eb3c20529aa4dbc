"""The state of each VPC, whose run it is just now, and the lists of VPCs that a sweep must read."""

from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Self

from lifeline.adapters.store.codec import from_plain
from lifeline.adapters.store.keys import partition
from lifeline.adapters.store.table import Key, Table, expiry
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.network.model import AnyRef, RegionRef, VpcRef
from lifeline.core.policy.policy import LEDGER_KEEP


class VpcStore:
    """The ledger's items of VPCs with STATE, and RETIRING, FROZEN and CLAIMED with VPCS. An item is kept for `keep`
    after it was last written. A region has a state, too, which only says when all of its VPCs were reconciled, so that
    it is on no list.
    """

    def __init__(self, table_name: str, dynamodb: Any = None, *, keep: timedelta = LEDGER_KEEP) -> None:
        self._table = Table(table_name, dynamodb)
        self._keep = keep

    def keeping(self, keep: timedelta) -> Self:
        """The same store, which keeps for so long what it writes."""
        return type(self)(self._table.name, self._table.dynamodb, keep=keep)

    def load(self, ref: AnyRef) -> VpcState:
        """The VPC's state."""
        return from_plain(VpcState, self._table.get(_key(ref), f"ledger: read {ref}"))

    def take_lease(self, ref: VpcRef, run_id: str, *, now: datetime, until: datetime) -> VpcState | None:
        """The VPC's state, once the VPC is this run's alone until `until`; None while another run has it."""
        item = self._table.update(
            _key(ref),
            "SET lease_run = :run, lease_until = :until",
            {":run": run_id, ":until": _seconds(until), ":now": _seconds(now)},
            f"ledger: lease {ref}",
            condition="attribute_not_exists(lease_until) OR lease_until < :now OR lease_run = :run",
        )
        return None if item is None else from_plain(VpcState, item)

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
        overwrite each other. What isn't of one run alone, such as freezes, is to be saved under the VPC's lease.

        The lists are right at any moment: a VPC is listed before its state is written, and taken off afterwards. An
        entry too many costs a read; one too few would hide the VPC from sweeps.
        """
        if before == after:
            return
        names = [field.name for field in fields(VpcState)]
        changed = {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}
        lists = [vpc_list for vpc_list in VpcList if vpc_list.holds(before) != vpc_list.holds(after)]
        for vpc_list in lists:
            if vpc_list.holds(after):
                self._list(vpc_list, "ADD", ref)
        written = {name: value for name, value in changed.items() if value is not None}
        written["expires_at"] = expiry(now, self._keep)
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
            condition="attribute_exists(pk) AND (attribute_not_exists(lease_until) OR lease_until < :now)",
            values={":now": _seconds(now)},
        )
        if is_deleted:
            for vpc_list in VpcList:
                self.unlist(vpc_list, ref)
        return is_deleted

    # ---- the lists

    def listed(self, vpc_list: VpcList, home: RegionRef) -> frozenset[VpcRef]:
        """The VPCs on the list that are in this account and region."""
        item = self._table.get(_list_key(vpc_list), f"ledger: read the list {vpc_list}")
        return frozenset(ref for ref in map(VpcRef.parse, item.get("vpcs", ())) if ref.home == home)

    def unlist(self, vpc_list: VpcList, ref: AnyRef) -> None:
        """Takes the VPC off the list."""
        self._list(vpc_list, "DELETE", ref)

    def _list(self, vpc_list: VpcList, verb: str, ref: AnyRef) -> None:
        """Adds to the set, or deletes from it, in one step: runs at the same time lose nothing of each other's."""
        doing = f"ledger: change the list {vpc_list}"
        self._table.update(_list_key(vpc_list), f"{verb} vpcs :one", {":one": {str(ref)}}, doing)


def _key(ref: AnyRef) -> Key:
    return partition(ref), "STATE"


def _list_key(vpc_list: VpcList) -> Key:
    return vpc_list.value, "VPCS"


def _seconds(at: datetime) -> int:
    return int(at.timestamp())

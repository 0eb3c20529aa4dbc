"""What a hub's ledger has of all its accounts, in a few calls for all of them."""

from collections.abc import Collection, Mapping
from typing import Any

from lifeline.adapters.store.keys import in_member
from lifeline.adapters.store.table import Table
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.network.model import AnyRef, RegionRef, VpcRef


class AccountRecords:
    """The states of regions and VPCs in any account, and the lists of VPCs, 100 items a call. `own` is the hub's place,
    whose lists have the plain names.
    """

    def __init__(self, table_name: str, own: RegionRef, dynamodb: Any = None) -> None:
        self._table = Table(table_name, dynamodb)
        self._own = own

    def states[Ref: AnyRef](self, refs: Collection[Ref]) -> Mapping[Ref, VpcState]:
        """The state of each region or VPC."""
        return VpcStore(self._table.name, self._table.dynamodb).load_all(refs)

    def listed(self, vpc_list: VpcList, homes: Collection[RegionRef]) -> Mapping[RegionRef, frozenset[VpcRef]]:
        """The VPCs on the list, by account."""
        keys = {home: (self._partition(vpc_list, home), "VPCS") for home in homes}
        items = self._table.get_all(keys.values(), f"ledger: read the list {vpc_list} of all accounts")
        found = {home: map(VpcRef.parse, items.get(key, {}).get("vpcs", ())) for home, key in keys.items()}
        return {home: frozenset(ref for ref in refs if ref.home == home) for home, refs in found.items()}

    def _partition(self, vpc_list: VpcList, home: RegionRef) -> str:
        return vpc_list.value if home == self._own else in_member(vpc_list.value, home)

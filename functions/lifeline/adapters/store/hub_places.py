"""The places that are promised in a hub's zones and Profiles, kept where every run of every account sees them."""

from collections.abc import Callable, Mapping
from typing import Any

from lifeline.adapters.store.codec import from_plain, pack, unpack
from lifeline.adapters.store.table import Table
from lifeline.core.guards.hub_places import HubPlaces

_KEY = ("LIMITS", "HUB")


class HubPlaceStore:
    """The item `LIMITS` with `HUB`, of all accounts of the stack: `table_name` is the whole table."""

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = Table(table_name, dynamodb)

    def read(self) -> HubPlaces:
        """Who is promised a place."""
        return _unpacked(self._table.get(_KEY, "ledger: read the places at the hub"))

    def change(self, decide: Callable[[HubPlaces], HubPlaces]) -> None:
        """Saves what `decide` makes of it, which is called again where another run was faster; what stays as it was
        isn't written.
        """
        self._table.change_value(
            _KEY,
            lambda places: (decide(places), None),
            "ledger: write the places at the hub",
            read=_unpacked,
            write=lambda places: {"places": pack(places)},
        )


def _unpacked(item: Mapping[str, Any]) -> HubPlaces:
    return from_plain(HubPlaces, unpack(item["places"])) if "places" in item else HubPlaces()

"""Where listing a watch's series goes on, if one run's time was too short for all of them.

pk = ROSTER#<watch>   sk = LISTING   token, began
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.table import Table
from lifeline.core.organization.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Position:
    """CloudWatch's token for the next page, and when the listing began."""

    token: str
    began: datetime


class ListPosition:
    """One watch's position. It is saved once the agents listed before it are."""

    def __init__(self, ledger: Ledger, watch_name: str, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)
        self._key = (f"ROSTER#{watch_name}", "LISTING")
        self._what = f"how far the series of {watch_name} are listed"

    def read(self) -> Position | None:
        """The position; None where the next listing begins anew."""
        item = self._table.get(self._key, f"{self._what} could not be read")
        return from_plain(Position, item) if item.get("token") else None

    def save(self, position: Position) -> None:
        """Save where to go on."""
        self._table.put(self._key, to_plain(position), f"{self._what} could not be written")

    def clear(self) -> None:
        """Have the next listing begin anew."""
        self._table.put(self._key, {}, f"{self._what} could not be written")

"""That a watch has no room for new names, and whether people have heard of it.

pk = ROSTER#<watch>   sk = FULL   seen_at
"""

from datetime import UTC, datetime
from typing import Any

from lifeline.adapters.store.lasting import is_news
from lifeline.adapters.store.table import Table
from lifeline.core.organization.ledger import Ledger


class FullWatch:
    """One watch's item."""

    def __init__(self, ledger: Ledger, watch_name: str, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)
        self._key = (f"ROSTER#{watch_name}", "FULL")
        self._what = f"whether people know that the watch {watch_name} is full"

    def reserve(self, now: datetime) -> bool:
        """True if people must hear of it now: not while it lasts, however long that is."""
        return is_news(self._table, self._key, now.astimezone(UTC), f"{self._what} could not be written")

    def return_reservation(self) -> None:
        """Let another run send the notice, because this one failed to."""
        self._table.delete(self._key, f"{self._what} could not be written")

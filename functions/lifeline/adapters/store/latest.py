"""When Lifeline last heard of a change, and last swept: what each run of the detector and the page ask.

`AuditLog` and `VpcStore` write these times, with much else that takes modules of its own to understand.
"""

from datetime import datetime
from typing import Any

from lifeline.adapters.store.codec import from_plain
from lifeline.adapters.store.keys import partition
from lifeline.adapters.store.table import Table
from lifeline.core.network.model import AnyRef
from lifeline.core.organization.ledger import Ledger


class LatestTimes:
    """The times in the ledger's items `CHANGES` with LATEST, and of a VPC or a region with STATE."""

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)

    def change(self) -> datetime | None:
        """When a network change was last written down, in whichever VPC; None if none ever was."""
        item = self._table.get(("CHANGES", "LATEST"), "ledger: read the latest change")
        return datetime.fromisoformat(item["at"]) if item else None

    def reconciled(self, ref: AnyRef) -> datetime | None:
        """When the VPC was last reconciled, or by a sweep all those of the region; None if that never was."""
        item = self._table.get((partition(ref), "STATE"), f"ledger: read {ref}")
        return from_plain(datetime | None, item.get("reconciled_at"))  # type: ignore[arg-type]  # a union is no class

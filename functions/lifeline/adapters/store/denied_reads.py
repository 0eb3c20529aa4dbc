"""Which reads AWS denied the detector, kept where each of its runs sees them, whatever process makes it."""

from typing import Any

from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.table import Table
from lifeline.core.agents.denied_reads import DeniedReads
from lifeline.core.organization.ledger import Ledger

_KEY = ("DETECTOR_DENIED", "READS")


class DeniedReadStore:
    """The ledger's item `DETECTOR_DENIED` with `READS`, in the account's part."""

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)

    def read(self) -> DeniedReads:
        """The reads as last written."""
        return from_plain(DeniedReads, self._table.get(_KEY, "ledger: read what the detector was denied"))

    def save(self, reads: DeniedReads) -> None:
        """Writes them in place of what was there."""
        self._table.put(_KEY, to_plain(reads), "ledger: write what the detector was denied")

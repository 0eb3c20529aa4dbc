"""The last suggestion of each VPC, for the coverage page."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from lifeline.adapters.store.codec import from_plain
from lifeline.adapters.store.keys import partition
from lifeline.adapters.store.table import Table, expiry
from lifeline.core.network.model import VpcRef
from lifeline.core.organization.ledger import Ledger
from lifeline.core.suggest.summary import Remark, Summary

_SORT = "SUGGESTION"
_KEEP = timedelta(days=90)


class Suggestions:
    """The ledger's items `SUGGESTION` of the VPCs."""

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)

    def load(self, ref: VpcRef) -> Summary | None:
        """The last suggestion; None where there was none lately. Raises TransientError or TerminalError."""
        item = self._table.get((partition(ref), _SORT), f"ledger: read the suggestion of {ref.vpc_id}")
        if "at" not in item:
            return None
        return Summary(
            from_plain(datetime, item["at"]),
            from_plain(tuple[Remark, ...], item["remarks"]),
            str(item["totals"]),
            from_plain(tuple[str, ...], item["notes"]),
            str(item.get("rule", "")),
            str(item.get("rule_warning", "")),
        )

    def save(self, summaries: Mapping[VpcRef, Summary], *, now: datetime) -> None:
        """Keep them for some months. Raises TransientError or TerminalError."""
        items = [
            (
                (partition(ref), _SORT),
                {"at": one.at, "remarks": one.remarks, "totals": one.totals, "notes": one.notes}
                | {"rule": one.rule, "rule_warning": one.rule_warning, "expires_at": expiry(now, _KEEP)},
            )
            for ref, one in summaries.items()
        ]
        self._table.put_all(items, "ledger: write the suggestions")

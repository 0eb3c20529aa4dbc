"""What is known of the way of events: the dry runs and what was heard of them, and the comparison with Event history.

pk = EVENT_PATH   sk = PROOF        the dry runs, with a revision
pk = EVENT_PATH   sk = COMPARISON   the last comparison, and the one under way
pk = EVENT_PATH   sk = HEARD#<time>#<message id>   marks of the changes in one batch
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.keys import in_member
from lifeline.adapters.store.table import Key, Table, expiry
from lifeline.core.event_path.comparison import Comparisons
from lifeline.core.event_path.proof import EventPath
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import Ledger

_PK = "EVENT_PATH"
_PROOF, _COMPARISON = (_PK, "PROOF"), (_PK, "COMPARISON")
_HEARD = "HEARD#"
_KEEP = timedelta(days=3)  # a comparison is about a day, and takes some sweeps


class EventPathStore:
    """The ledger's items `EVENT_PATH` of one account and region."""

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)

    def read(self) -> EventPath:
        """What the dry runs say, as last written."""
        return from_plain(EventPath, self._table.get(_PROOF, "ledger: read the dry runs"))

    def read_both(self) -> tuple[EventPath, Comparisons]:
        """The same, with the comparisons, in one call."""
        return _both(self._table.get_all((_PROOF, _COMPARISON), "ledger: read whether events arrive"), _PK)

    def read_all(self, homes: Collection[RegionRef], own: RegionRef) -> dict[RegionRef, tuple[EventPath, Comparisons]]:
        """The same of each of a hub's accounts, 50 accounts a call; `own` is the hub's."""
        partitions = {home: _PK if home == own else in_member(_PK, home) for home in homes}
        keys = [(pk, sk) for pk in partitions.values() for _, sk in (_PROOF, _COMPARISON)]
        items = self._table.get_all(keys, "ledger: read whether events of all accounts arrive")
        return {home: _both(items, pk) for home, pk in partitions.items()}

    def change[T](self, decide: Callable[[EventPath], tuple[EventPath, T]]) -> T:
        """What `decide` returns beside the new state, once that is saved; what it leaves as it was isn't written.

        `decide` is called again where another run was faster. Raises TransientError where that happens many times.
        """
        read = partial(from_plain, EventPath)
        return self._table.change_value(_PROOF, decide, "ledger: write the dry runs", read=read, write=to_plain)

    # ---- the comparison

    def read_comparisons(self) -> Comparisons:
        """The comparisons as last written."""
        return from_plain(Comparisons, self._table.get(_COMPARISON, "ledger: read the comparison with Event history"))

    def save_comparisons(self, comparisons: Comparisons) -> None:
        """Write how far the comparison has got."""
        self._table.put(_COMPARISON, to_plain(comparisons), "ledger: write the comparison with Event history")

    def note_heard(self, marks: Collection[str], message_id: str, *, now: datetime) -> None:
        """Keep the marks of one batch's changes; `message_id` is of one of its messages."""
        at = now.astimezone(UTC)
        item = {"marks": sorted(marks), "expires_at": expiry(at, _KEEP)}
        self._table.put(
            (_PK, f"{_HEARD}{at.isoformat()}#{message_id}"), item, "ledger: note the changes that were heard"
        )

    def heard(self, since: datetime) -> frozenset[str]:
        """The marks of all changes that were heard since then."""
        values = {":pk": _PK, ":since": f"{_HEARD}{since.astimezone(UTC).isoformat()}", ":end": f"{_HEARD}~"}
        doing = "ledger: read the changes that were heard"
        items = self._table.query("pk = :pk AND sk BETWEEN :since AND :end", values, doing)
        return frozenset(mark for item in items for mark in item["marks"])


def _both(items: Mapping[Key, Mapping[str, Any]], pk: str) -> tuple[EventPath, Comparisons]:
    return (
        from_plain(EventPath, items.get((pk, _PROOF[1]), {})),
        from_plain(Comparisons, items.get((pk, _COMPARISON[1]), {})),
    )

"""What lasts is news once: each time that it is seen is kept, and it is news again after a day in which it wasn't. What
many accounts have in common is news of the first of them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.adapters.store.table import Key, Table
from lifeline.core.organization.members import MOST_ALONE

_FORGOTTEN_AFTER = timedelta(days=1)


def is_news(table: Table, key: Key, at: datetime, doing: str) -> bool:
    """True for the first run that sees it, or sees it for the first time in a day. `seen_at` is when it was seen, and
    `since` when it began.
    """
    news = table.put(
        key,
        {"seen_at": at, "since": at},
        doing,
        condition="attribute_not_exists(seen_at) OR seen_at <= :before",
        values={":before": at - _FORGOTTEN_AFTER},
    )
    if not news:  # it lasts
        table.update(key, "SET seen_at = :at", {":at": at}, doing)
    return news


def is_among_first(table: Table, key: Key, account: str, now: datetime, within: timedelta, doing: str) -> bool:
    """True if people are to hear of this account: of MOST_ALONE at most `within` this time, each as often as it asks.

    `table` is the hub's, and its item says of which accounts people heard, and when.
    """

    def step(item: dict[str, Any]) -> tuple[Mapping[str, Any] | None, bool]:
        told = {one: at for one, at in item.get("told", {}).items() if now - datetime.fromisoformat(at) < within}
        if len(told.keys() - {account}) >= MOST_ALONE:
            return None, False
        return {"told": told | {account: now.astimezone(UTC).isoformat()}}, True

    return table.change(key, step, doing)

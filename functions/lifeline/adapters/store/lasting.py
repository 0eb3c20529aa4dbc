"""What lasts is news once: each time that it is seen is kept, and it is news again after a day in which it wasn't."""

from datetime import datetime, timedelta

from lifeline.adapters.store.table import Key, Table

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

"""Which denied permissions people have heard of."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.adapters.store.table import Key, Table
from lifeline.core.organization.ledger import Ledger

_FORGOTTEN_AFTER = timedelta(days=1)


class DenialNotices:
    """The ledger's items `DENIED` with `PERMISSION#`, one for each permission."""

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)

    def reserve(self, permissions: Iterable[str], *, now: datetime) -> list[str]:
        """The permissions of which people must hear now: denied for the first time, or for the first time in a day.

        While a permission stays denied, it isn't news again.
        """
        return [permission for permission in sorted(permissions) if self._is_news(permission, now.astimezone(UTC))]

    def return_reservation(self, permissions: Iterable[str]) -> None:
        """Let another run send the notice, because this one failed to."""
        for permission in permissions:
            self._table.delete(_key(permission), "ledger: return the notice of a denied permission")

    def _is_news(self, permission: str, at: datetime) -> bool:
        key, doing = _key(permission), "ledger: reserve the notice of a denied permission"
        is_news = self._table.put(
            key,
            {"denied_at": at},
            doing,
            condition="attribute_not_exists(denied_at) OR denied_at <= :before",
            values={":before": at - _FORGOTTEN_AFTER},
        )
        if not is_news:  # it lasts
            self._table.put(key, {"denied_at": at}, doing)
        return is_news


def _key(permission: str) -> Key:
    return ("DENIED", f"PERMISSION#{permission}")

"""Which denied permissions people have heard of."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.adapters.store.lasting import is_among_first, is_news
from lifeline.adapters.store.table import Key, Table
from lifeline.core.organization.ledger import Ledger, MemberLedger

OF_DETECTOR = "DETECTOR_DENIED"
_DAY = timedelta(days=1)


class DenialNotices:
    """The ledger's items `PERMISSION#`, one for each permission that was denied to one function: each writes a
    `partition` of its own. The hub's items `ACCOUNTS#` say in which member accounts people heard that it is denied:
    what an organization's policy denies in all would be a notice each.
    """

    def __init__(self, ledger: Ledger, dynamodb: Any = None, *, partition: str = "DENIED") -> None:
        self._table = Table(ledger, dynamodb)
        self._member = ledger.region.account if isinstance(ledger, MemberLedger) else ""
        self._hubs = Table(ledger.table_name, dynamodb) if isinstance(ledger, MemberLedger) else self._table
        self._partition = partition

    def announce(
        self, denied: Mapping[str, str], publish: Callable[[Mapping[str, str]], bool], *, now: datetime
    ) -> None:
        """Publishes what of the denials is news; what could not be sent is news again, and so is it where `publish`
        raises. Of what is denied in many member accounts, it publishes the first of them.
        """
        news, is_sent = self.reserve(denied, now=now), False
        if not news:
            return
        try:
            told = {permission: denied[permission] for permission in news if self._is_among_first(permission, now)}
            is_sent = not told or publish(told)
        finally:
            if not is_sent:
                self.return_reservation(news)

    def reserve(self, permissions: Iterable[str], *, now: datetime) -> list[str]:
        """The permissions of which people must hear now: denied for the first time, or for the first time in a day.

        While a permission stays denied, it isn't news again.
        """
        return [permission for permission in sorted(permissions) if self._is_news(permission, now.astimezone(UTC))]

    def return_reservation(self, permissions: Iterable[str]) -> None:
        """Let another run send the notice, because this one failed to."""
        for permission in permissions:
            self._table.delete(self._key(permission), "ledger: return the notice of a denied permission")

    def end(self, permissions: Iterable[str]) -> datetime | None:
        """These are allowed again: if they are denied once more, that is news at once. Since when any was denied; None
        if none was.
        """
        doing = "ledger: end the denial of a permission"
        ended = self._table.get_all(map(self._key, permissions), doing)
        for key in ended:
            self._table.delete(key, doing)
        times = [datetime.fromisoformat(item.get("since", item["seen_at"])) for item in ended.values()]
        return min(times, default=None)

    def _is_among_first(self, permission: str, now: datetime) -> bool:
        if not self._member:
            return True
        key, doing = (self._partition, f"ACCOUNTS#{permission}"), "ledger: reserve the notice of a denied permission"
        return is_among_first(self._hubs, key, self._member, now, _DAY, doing)

    def _is_news(self, permission: str, at: datetime) -> bool:
        return is_news(self._table, self._key(permission), at, "ledger: reserve the notice of a denied permission")

    def _key(self, permission: str) -> Key:
        return (self._partition, f"PERMISSION#{permission}")

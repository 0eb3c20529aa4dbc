"""Which denied permissions people have heard of."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.adapters.store.lasting import Turn, Turns, is_news
from lifeline.adapters.store.table import Key, Table
from lifeline.core.denial import Denial, denied_words, read_denial
from lifeline.core.organization.ledger import Ledger, MemberLedger

OF_DETECTOR = "DETECTOR_DENIED"
_DAY = timedelta(days=1)

type Publish = Callable[[Mapping[str, str], Mapping[str, Mapping[str, str]]], bool]


class DenialNotices:
    """The ledger's items `PERMISSION#`, one for each permission that was denied to one function: each writes a
    `partition` of its own. The hub's items `ACCOUNTS#` say in which member accounts people heard that it is denied:
    what an organization's policy denies in all would be a notice each, so later ones are said together.
    """

    def __init__(self, ledger: Ledger, dynamodb: Any = None, *, partition: str = "DENIED") -> None:
        self._table = Table(ledger, dynamodb)
        self._member = ledger.region.account if isinstance(ledger, MemberLedger) else ""
        self._hubs = Table(ledger.table_name, dynamodb) if isinstance(ledger, MemberLedger) else self._table
        self._partition = partition

    def announce(self, denied: Mapping[str, str], publish: Publish, *, now: datetime) -> None:
        """Publishes what of the denials is news; what could not be sent is news again, and so is it where `publish`
        raises. What is denied in many member accounts is published of the first of them, and later of all others
        together: `publish` takes AWS's words by permission, and by permission the other accounts with words for each.
        """
        turns = {
            permission: self._turn(permission, denied[permission], now) for permission in self.reserve(denied, now=now)
        }
        told, is_sent = {permission: turn for permission, turn in turns.items() if turn.is_now}, False
        try:
            is_sent = not told or publish(
                {permission: denied[permission] for permission in told},
                {permission: turn.others for permission, turn in told.items() if turn.others},
            )
        finally:
            if not is_sent:
                for permission, turn in told.items():
                    self._turns(permission).give_back(turn, now)
            settled = {permission for permission, turn in turns.items() if turn.is_known or (turn.is_now and is_sent)}
            self.return_reservation(turns.keys() - settled)

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

    def _turn(self, permission: str, words: str, now: datetime) -> Turn:
        if not self._member:
            return Turn(is_now=True)
        denial = read_denial(words) or Denial()
        return self._turns(permission).take(self._member, denied_words(denial, ""), now)

    def _turns(self, permission: str) -> Turns:
        key, doing = (self._partition, f"ACCOUNTS#{permission}"), "ledger: reserve the notice of a denied permission"
        return Turns(self._hubs, key, doing, within=_DAY)

    def _is_news(self, permission: str, at: datetime) -> bool:
        return is_news(self._table, self._key(permission), at, "ledger: reserve the notice of a denied permission")

    def _key(self, permission: str) -> Key:
        return (self._partition, f"PERMISSION#{permission}")

"""What lasts is news once: each time that it is seen is kept, and it is news again after a day in which it wasn't. What
many accounts have in common is told of the first of them one by one, and of the others together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.adapters.store.codec import from_plain, pack, unpack
from lifeline.adapters.store.table import Key, Table
from lifeline.core.organization.members import MOST_ALONE
from lifeline.runtime.observability import logger

_FORGOTTEN_AFTER = timedelta(days=1)
_GATHERED_FOR = timedelta(minutes=30)  # less than the time between two sweeps
_LONGEST = 300  # characters of what is said of one account: 1,000 of them fit into the item


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


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether people are to hear of an account now, and if it is `together` with others, of which, each with what is to
    be said of it. `is_known` says that they heard of it in another account's notice.
    """

    account: str = ""
    is_now: bool = False
    is_known: bool = False
    together: Mapping[str, str] = field(default_factory=dict)

    @property
    def others(self) -> Mapping[str, str]:
        """The other accounts of which they are to hear in this account's notice."""
        return {account: words for account, words in self.together.items() if account != self.account}


@dataclass(frozen=True, slots=True)
class _Told:
    """Of which accounts people heard `alone` and `together` with others, and when, and which are `waiting`, since when
    and with what to say.
    """

    alone: Mapping[str, datetime] = field(default_factory=dict)
    together: Mapping[str, datetime] = field(default_factory=dict)
    waiting: Mapping[str, tuple[datetime, str]] = field(default_factory=dict)


class Turns:
    """The hub's item under `key`: MOST_ALONE accounts have a notice each in the time `within`. The others wait for half
    an hour at most and are said together, so nobody's trouble hides somebody else's.
    """

    def __init__(self, table: Table, key: Key, doing: str, *, within: timedelta) -> None:
        self._table, self._key, self._doing, self._within = table, key, doing, within

    def take(self, account: str, words: str, now: datetime) -> Turn:
        """Whether to send the notice of `account` now. One that waits asks again, until it is said or known."""
        now = now.astimezone(UTC)

        def step(told: _Told) -> tuple[_Told, Turn]:
            alone, together = self._recent(told.alone, now), self._recent(told.together, now)
            if account in together:
                return told, Turn(account, is_known=True)
            others = {one: waits for one, waits in told.waiting.items() if one != account}
            if len(alone.keys() - {account}) < MOST_ALONE:
                return _Told({**alone, account: now}, together, others), Turn(account, is_now=True)
            since = told.waiting.get(account, (now,))[0]
            waiting = others | {account: (since, words[:_LONGEST])}
            if now - min(since for since, _ in waiting.values()) < _GATHERED_FOR:
                return _Told(alone, together, waiting), Turn(account)
            said = Turn(account, is_now=True, together={one: words for one, (_, words) in waiting.items()})
            return _Told(alone, {**together, **dict.fromkeys(waiting, now)}, {}), said

        return self._change(step)

    def give_back(self, turn: Turn, now: datetime) -> None:
        """The notice couldn't be sent: those who were to be said in it wait again, and the next of them says so."""
        if not turn.together:
            return
        since = now.astimezone(UTC) - _GATHERED_FOR

        def step(told: _Told) -> tuple[_Told, None]:
            back = {one: (since, words) for one, words in turn.together.items()}
            together = {one: at for one, at in told.together.items() if one not in back}
            return replace(told, together=together, waiting={**told.waiting, **back}), None

        self._change(step)

    def _recent(self, told: Mapping[str, datetime], now: datetime) -> dict[str, datetime]:
        return {one: at for one, at in told.items() if now - at < self._within}

    def _change[T](self, step: Callable[[_Told], tuple[_Told, T]]) -> T:
        return self._table.change_value(
            self._key, step, self._doing, read=_read, write=lambda told: {"accounts": pack(told)}
        )


def _read(item: Mapping[str, Any]) -> _Told:
    """What the item says: nothing if it can't be understood, or an earlier version wrote it. Then people hear again."""
    try:
        return from_plain(_Told, unpack(item["accounts"])) if "accounts" in item else _Told()
    except (TypeError, ValueError) as error:
        logger.error("accounts that people were told of unreadable", reason=repr(error)[:200])
        return _Told()

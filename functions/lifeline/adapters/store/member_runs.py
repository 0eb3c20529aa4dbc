"""When a hub's detector last had the agents of its member accounts checked, when each account's run last began, and of
which it just told that it can't.

pk = DETECTOR_RUNS   sk = MEMBERS             began_at
pk = DETECTOR_RUNS   sk = CHECKED#<account>   began_at
pk = DETECTOR_RUNS   sk = NOTICES             accounts: of which people heard, and which wait (`Turns`)
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.adapters.store.lasting import Turns
from lifeline.adapters.store.table import Key, Table
from lifeline.core.organization.members import MemberAccount
from lifeline.core.wording import read_time

_HOUR = timedelta(hours=1)
_APART = timedelta(seconds=50)  # less than the schedule's minute
_OF_MEMBERS = "DETECTOR_RUNS"
_TURNS = 5  # accounts' turns: what each run's look at an account costs is paid for so many times less
_TURN = timedelta(minutes=6)  # longer than any two runs of the schedule are apart, which begin at any second
_NOTED = timedelta(minutes=4)  # shorter than its longest pause: each of its runs is noted where these are rare
_LATE = timedelta(minutes=15)  # two such pauses, and what the queue takes


def is_turn_of(account: str, now: datetime) -> bool:
    """True for six minutes of thirty, in which as many other accounts have their turn as in any: whatever the schedule,
    which has its runs at most five minutes apart, each account has one of them at least.
    """
    return (int(account) + int(now.timestamp() // _TURN.total_seconds())) % _TURNS == 0


class MemberRuns:
    """The hub's items. Whoever starts runs again and again would otherwise put those of all accounts on the queue each
    time, and what has to be checked in parts would wait behind them.
    """

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = Table(table_name, dynamodb)

    def reserve(self, now: datetime) -> bool:
        """True for the one run that is to begin them now."""
        return self._table.put(
            (_OF_MEMBERS, "MEMBERS"),
            {"began_at": now.astimezone(UTC)},
            "ledger: begin the runs of member accounts",
            condition="attribute_not_exists(began_at) OR began_at <= :before OR began_at > :now",
            values={":before": now.astimezone(UTC) - _APART, ":now": now.astimezone(UTC)},
        )

    def begin(self, account: str, now: datetime) -> None:
        """Keeps that the account's run has begun, unless one was noted just now: to read costs less than to write."""
        began = self._began([account]).get(account)
        if began is None or abs(now - began) >= _NOTED:
            self._table.put(_checked(account), {"began_at": now.astimezone(UTC)}, "ledger: note that a run began")

    def late(self, members: Iterable[MemberAccount], now: datetime) -> dict[str, datetime]:
        """The accounts in which no run has begun for a quarter of an hour, and since when: messages go by the queue,
        and whoever changes its trigger has them wait, or taken by somebody else.
        """
        since = {one.account: one.since for one in members if one.since}
        began = self._began(since)
        last = {account: max(at, began.get(account, at)) for account, at in since.items()}
        return {account: at for account, at in last.items() if now - at > _LATE}

    def _began(self, accounts: Iterable[str]) -> dict[str, datetime]:
        """When a run last began in each of the accounts, where that is noted and can be read."""
        by_key = {_checked(account): account for account in accounts}
        items = self._table.get_all(by_key, "ledger: read when runs began")
        noted = {by_key[key]: read_time(str(item.get("began_at", ""))) for key, item in items.items()}
        return {account: at for account, at in noted.items() if at}

    def turns(self) -> Turns:
        """Who is told now that an account's agents can't be checked: of MOST_ALONE accounts an hour, and of the others
        together. Sweeps find those whose role is gone, and tell of them together as well.
        """
        doing = "ledger: reserve the notice of unknown agents"
        return Turns(self._table, (_OF_MEMBERS, "NOTICES"), doing, within=_HOUR)


def _checked(account: str) -> Key:
    return _OF_MEMBERS, f"CHECKED#{account}"

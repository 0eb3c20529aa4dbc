"""When a hub's detector last had the agents of its member accounts checked, and of which it just told that it can't.

pk = DETECTOR_RUNS   sk = MEMBERS   began_at
pk = DETECTOR_RUNS   sk = NOTICES   accounts: of which people heard, and which wait (`Turns`)
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.adapters.store.lasting import Turns
from lifeline.adapters.store.table import Table

_HOUR = timedelta(hours=1)
_APART = timedelta(seconds=50)  # less than the schedule's minute


class MemberRuns:
    """The hub's items. Whoever starts runs again and again would otherwise put those of all accounts on the queue each
    time, and what has to be checked in parts would wait behind them.
    """

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = Table(table_name, dynamodb)

    def reserve(self, now: datetime) -> bool:
        """True for the one run that is to begin them now."""
        return self._table.put(
            ("DETECTOR_RUNS", "MEMBERS"),
            {"began_at": now.astimezone(UTC)},
            "ledger: begin the runs of member accounts",
            condition="attribute_not_exists(began_at) OR began_at <= :before OR began_at > :now",
            values={":before": now.astimezone(UTC) - _APART, ":now": now.astimezone(UTC)},
        )

    def turns(self) -> Turns:
        """Who is told now that an account's agents can't be checked: of MOST_ALONE accounts an hour, and of the others
        together. Sweeps find those whose role is gone, and tell of them together as well.
        """
        doing = "ledger: reserve the notice of unknown agents"
        return Turns(self._table, ("DETECTOR_RUNS", "NOTICES"), doing, within=_HOUR)

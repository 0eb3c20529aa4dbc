"""AWS's token bucket of endpoint calls, which all runs share."""

from datetime import datetime, timedelta
from typing import Any

from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.table import Table
from lifeline.core.guards.call_rate import Bucket, reserve
from lifeline.core.organization.ledger import Ledger

_KEY = ("BUDGET", "ENDPOINT_CALLS")


class CallRate:
    """The ledger's item `BUDGET` with `ENDPOINT_CALLS`. It has a revision, so that no token is taken twice."""

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)

    def reserve_endpoint_call(self, *, now: datetime, patience: timedelta) -> timedelta | None:
        """How long to wait before the next endpoint call, its turn now taken; None if longer than `patience`."""

        def step(item: dict[str, Any]) -> tuple[dict[str, Any] | None, timedelta | None]:
            turn = reserve(from_plain(Bucket, item) if item else None, now=now, patience=patience)
            return (to_plain(turn[0]), turn[1]) if turn else (None, None)

        return self._table.change(_KEY, step, "ledger: take a turn for an endpoint call")

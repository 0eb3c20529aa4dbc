"""Failures of the detector's runs in an account, kept where the next run and the sweep see them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.table import Table
from lifeline.core.agents.failed_runs import FailedRuns
from lifeline.core.organization.ledger import Ledger

_KEY = ("DETECTOR_FAILED", "RUNS")


class FailedRunStore:
    """The ledger's item `DETECTOR_FAILED` with `RUNS`, in the account's part. It has a revision, so that one of two
    runs at once tells people.
    """

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)

    def read(self) -> FailedRuns:
        """The failures as last written."""
        return from_plain(FailedRuns, self._table.get(_KEY, "ledger: read the detector's failures"))

    def add(self, why: str, *, now: datetime, publish: Callable[[FailedRuns], bool]) -> None:
        """Keeps another failure, and publishes that they last once that is news; what can't be sent is news again."""

        def step(item: dict[str, Any]) -> tuple[dict[str, Any], FailedRuns | None]:
            runs = from_plain(FailedRuns, item).failed(why, now)
            if not runs.are_news(now):
                return to_plain(runs), None
            return to_plain(runs) | {"told_at": now}, runs

        news = self._table.change(_KEY, step, "ledger: write the detector's failures")
        if news and not publish(news):
            self._table.change(_KEY, lambda _: (to_plain(news), None), "ledger: write the detector's failures")

"""Failed runs: since when the agents of an account can't be checked, and when people must hear of that.

A failed run is made good by the next, which begins five minutes later at most. Only failures that last are news. That a
run succeeds is nowhere written down: failures end when no more of them come.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

_APART = timedelta(minutes=10)  # twice the schedule's longest pause: after so long without a failure, runs succeed
_NEWS_AFTER = timedelta(minutes=15)  # as the alarm DetectorStopped (template.yaml)
_TOLD_AGAIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FailedRuns:
    """Runs that failed in a row: the first was at `since`, the last at `failed_at`, for the reason `why`. `told_at` is
    when people were last told of any.
    """

    since: datetime | None = None
    failed_at: datetime | None = None
    why: str = ""
    told_at: datetime | None = None

    def last(self, now: datetime) -> bool:
        """True while runs fail."""
        return self.failed_at is not None and now - self.failed_at <= _APART

    def failed(self, why: str, now: datetime) -> "FailedRuns":
        """With another failure, which begins anew after a while without any."""
        return replace(self, since=self.since if self.last(now) else now, failed_at=now, why=why)

    def are_news(self, now: datetime) -> bool:
        """True once they last, unless people heard of such within the day."""
        is_lasting = self.since is not None and now - self.since >= _NEWS_AFTER
        return is_lasting and (self.told_at is None or now - self.told_at >= _TOLD_AGAIN)

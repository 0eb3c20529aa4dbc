"""One run's time and rules: which window to query, and which datapoints are overdue.

An agent's next datapoint is due one period after the start of the last one's period, and the grace counts from there.
It can't be published before its own period ends, so until then its absence says nothing; from then on it is late, and
once the grace is over it is missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Self

from lifeline.core.agents.watches import Rules

_RECENT = timedelta(hours=3)  # how long datapoints of less than a minute are kept (CloudWatch API: GetMetricData)
_HOUR = timedelta(hours=1)
_LEARNED_FROM = 5  # an agent's last datapoints, from which its period is learned
_FEWEST_SPACINGS = 2


@dataclass(frozen=True, slots=True)
class Window:
    """The time to query: `start` inclusive, `end` exclusive, both multiples of `period`."""

    start: datetime
    end: datetime
    period: timedelta

    @property
    def points(self) -> int:
        """How many datapoints a series can have in the window."""
        return (self.end - self.start) // self.period


@dataclass(frozen=True, slots=True)
class Timing:
    """One run's time and rules, shared by all of its decisions."""

    now: datetime
    rules: Rules

    @property
    def usual_window(self) -> Window:
        """Just long enough to tell an agent on time from one that is overdue."""
        return self._window(self._usual_reach, self.rules.resolution)

    @property
    def recent_window(self) -> Window:
        """Long enough to find when an agent went silent, or when it came back and how often it reported since."""
        reach = self._usual_reach + self.rules.recover_after * self.rules.period
        return self._window(max(_RECENT - self.rules.resolution, reach), self.rules.resolution)

    @property
    def remembered_window(self) -> Window:
        """As long as an agent is kept, by the hour: for a silence that began while the detector didn't run."""
        return self._window(self.rules.forget_after, _HOUR)

    def of_agent(self, seen_at: Iterable[datetime]) -> Self:
        """The timing by the agent's own period, as its last datapoints have it, if the watch allows one so long.

        The lower median counts, so that a datapoint that is missing now and then makes no period longer.
        """
        latest = sorted(time for time in seen_at if time <= self.now)[-_LEARNED_FROM:]
        spacings = sorted(after - before for before, after in pairwise(latest))
        if len(spacings) < _FEWEST_SPACINGS:
            return self
        period = spacings[(len(spacings) - 1) // 2]
        if not self.rules.period < period <= self.rules.longest_period:
            return self
        return replace(self, rules=replace(self.rules, period=period))

    @property
    def awaited(self) -> datetime:
        """With no datapoint since then, half of the grace is used up."""
        return self.now - self.rules.period - self.rules.grace / 2

    def is_on_time(self, seen_at: Iterable[datetime]) -> bool:
        """True if, after the latest of these datapoints, the agent's next one is not overdue."""
        latest = self.latest(seen_at)
        return latest is not None and self.now - latest <= self.rules.period + self.rules.grace

    def is_late(self, seen_at: Iterable[datetime]) -> bool:
        """True if the agent's next datapoint could be there by now and isn't, but is still within the grace."""
        latest = self.latest(seen_at)
        if latest is None or self.missing_since(latest) is not None:
            return False
        return self.now > latest + self.rules.period + self.rules.resolution

    def latest(self, seen_at: Iterable[datetime]) -> datetime | None:
        """The latest plausible datapoint, or None.

        One further in the future than a period and the grace is ignored: an agent whose clock is a day ahead must not
        look alive for a day after it stopped.
        """
        horizon = self.now + self.rules.period + self.rules.grace
        return max([time for time in seen_at if time <= horizon], default=None)

    def missing_since(self, latest: datetime, *, not_before: datetime | None = None) -> datetime | None:
        """When the datapoint after the latest one was due, or None while the agent is on time.

        A datapoint's time is the start of its period; one in the future, from a clock that is ahead, is on time.
        Nothing is due before `not_before`.
        """
        due = latest + self.rules.period
        due = due if not_before is None else max(due, not_before)
        return due if self.now - due > self.rules.grace else None

    @property
    def _usual_reach(self) -> timedelta:
        return self.rules.period + self.rules.grace + 2 * self.rules.resolution

    def _window(self, reach: timedelta, period: timedelta) -> Window:
        return Window(_floor(self.now - reach, period), _floor(self.now, period) + period, period)


def _floor(time: datetime, step: timedelta) -> datetime:
    return time - (time - datetime.fromtimestamp(0, UTC)) % step

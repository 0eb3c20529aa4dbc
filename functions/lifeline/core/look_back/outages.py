"""Which cuts were outages: agents behind them fell silent, and came back once the route was back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from lifeline.core.look_back.cuts import Cut

SOON = timedelta(minutes=10)  # a connection that is open when its route goes may last that long
BACK_WITHIN = timedelta(hours=1)  # of the undo: whoever comes back later came back for another reason
BEFORE = timedelta(hours=1)  # the cut: how often an agent's datapoints come

# CloudWatch guide: metrics retention. What is older is only kept by longer periods.
_KEPT = (
    (timedelta(days=15), timedelta(minutes=1)),
    (timedelta(days=63), timedelta(minutes=5)),
    (timedelta(days=455), timedelta(hours=1)),
)


@dataclass(frozen=True, slots=True)
class Silence:
    """An agent whose datapoints stopped after the cut and came back after its undo."""

    entity: str
    last: datetime
    back: datetime

    @property
    def length(self) -> timedelta:
        """From the last datapoint before to the first one after."""
        return self.back - self.last


@dataclass(frozen=True, slots=True)
class Outage:
    """A cut with the agents behind it: how many could tell, and those that were silent meanwhile."""

    cut: Cut
    agents: int
    silences: tuple[Silence, ...]

    @property
    def length(self) -> timedelta:
        """Of the longest silence."""
        return max((silence.length for silence in self.silences), default=timedelta(0))


def period_at(at: datetime, now: datetime) -> timedelta | None:
    """The shortest period by which CloudWatch still has datapoints of then; None if it has none."""
    return next((period for age, period in _KEPT if now - at < age), None)


def can_tell(cut: Cut, period: timedelta) -> bool:
    """True if a silence during the cut would show in datapoints of that period."""
    return cut.length is not None and cut.length >= 2 * period


def judge(cut: Cut, times: Mapping[str, Sequence[datetime]], period: timedelta) -> Outage:
    """What the agents' datapoints say of a cut that was put back. Agents that didn't report before can't tell."""
    before = {entity: found for entity, found in times.items() if _reported(cut, found, period)}
    silences = (_silence(entity, cut, found, period) for entity, found in sorted(before.items()))
    return Outage(cut, len(before), tuple(silence for silence in silences if silence))


def _reported(cut: Cut, times: Iterable[datetime], period: timedelta) -> bool:
    at = cut.change.at
    return any(at - 3 * max(period, _usual(cut, times, period)) <= time <= at for time in times)


def _silence(entity: str, cut: Cut, times: Sequence[datetime], period: timedelta) -> Silence | None:
    """The silence, if it began with the cut and nothing came from soon after it until its undo. A datapoint bears the
    time at which its period begins, so the one in which the route came back may look a period older.
    """
    if cut.undo is None:
        return None
    until, usual = cut.undo.at, _usual(cut, times, period)
    last = max((time for time in times if time <= cut.change.at + SOON), default=None)
    back = min((time for time in times if last is not None and time > last), default=None)
    if last is None or back is None:
        return None
    began_with_it = last >= cut.change.at - usual  # whoever stopped earlier stopped for another reason
    is_gap = back - last > 2 * usual
    is_after = until - period < back <= until + BACK_WITHIN
    return Silence(entity, last, back) if began_with_it and is_gap and is_after else None


def _usual(cut: Cut, times: Iterable[datetime], period: timedelta) -> timedelta:
    """How far apart the agent's datapoints were before the cut, at least a period."""
    earlier = sorted(time for time in times if time <= cut.change.at)
    gaps = sorted(later - sooner for sooner, later in pairwise(earlier))
    return max(period, gaps[len(gaps) // 2]) if gaps else period

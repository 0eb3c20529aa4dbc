"""Which agents are silent: from their datapoints and their instances' states to what is remembered next.

Nothing here reads a clock or AWS. An agent moves between three remembered states:

| from | to | when |
| --- | --- | --- |
| reporting | silent | its next datapoint is overdue by more than the grace, and its instance runs (opens a gap) |
| reporting, silent | suppressed | its instance stops, is stopped or starts anew (a gap closes without a word) |
| silent, suppressed | reporting | it is on time again (a gap is resolved) |
| suppressed | silent | its instance runs again, and warm-up and grace passed without a datapoint (opens a gap) |
| any | none | its instance is terminated, or it has been silent for longer than `forget_after` |

`unknown` is never remembered: what couldn't be read changes nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import assert_never

LEASE = timedelta(seconds=55)  # no shorter than a run may last, shorter than the schedule
_RECENT = timedelta(
    hours=3
)  # CloudWatch keeps datapoints of less than a minute that long (CloudWatch API: GetMetricData)
_SHORT_PERIODS_S = (30, 20, 10, 5, 1)  # the periods below a minute (CloudWatch API: MetricStat.Period)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)

type Readings = Mapping["Series", tuple[datetime, ...]]
"""The datapoints' times by series. A series that couldn't be read is absent; one without datapoints is there, empty."""


class State(StrEnum):
    """What an agent is found to be in one run."""

    REPORTING = "reporting"
    SILENT = "silent"
    SUPPRESSED = "suppressed"
    UNKNOWN = "unknown"


class News(StrEnum):
    """What a person is told about a gap."""

    OPENED = "opened"
    RESOLVED = "resolved"


class Power(StrEnum):
    """Whether an instance can be expected to report."""

    RUNNING = "running"
    DOWN = "down"
    GONE = "gone"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Series:
    """One metric with its dimensions, in the names' order."""

    metric: str
    dimensions: tuple[tuple[str, str], ...]

    @property
    def rank(self) -> tuple[int, str, tuple[tuple[str, str], ...]]:
        """Fewest dimensions first, for these outlive a resized instance or a renamed disk; then a stable order."""
        return (len(self.dimensions), self.metric, self.dimensions)

    @property
    def shape(self) -> tuple[str, ...]:
        """The dimensions' names: what one setting of an agent makes alike."""
        return tuple(name for name, _ in self.dimensions)


@dataclass(frozen=True, slots=True)
class Rules:
    """When an agent counts as silent. Raises ValueError where the period is shorter than CloudWatch's second."""

    period: timedelta
    grace: timedelta
    warm_up: timedelta = timedelta(minutes=10)
    forget_after: timedelta = timedelta(days=14)

    def __post_init__(self) -> None:
        if self.period < timedelta(seconds=1):
            raise ValueError(f"an agent's period is at least 1 s, not {self.period}")

    @property
    def resolution(self) -> timedelta:
        """The period to query by: the agent's own, or the longest shorter one that CloudWatch takes."""
        seconds = int(self.period.total_seconds())
        if seconds >= 60:
            return timedelta(seconds=seconds - seconds % 60)
        return timedelta(seconds=next(short for short in _SHORT_PERIODS_S if short <= seconds))


@dataclass(frozen=True, slots=True)
class Window:
    """The time to query: `start` included, `end` excluded, both multiples of `period`."""

    start: datetime
    end: datetime
    period: timedelta

    @property
    def points(self) -> int:
        """How many datapoints a series can have in it."""
        return (self.end - self.start) // self.period


@dataclass(frozen=True, slots=True)
class Instance:
    """An agent's instance. `launched_at` is its last start, not its first (EC2 API: Instance.LaunchTime)."""

    power: Power
    launched_at: datetime | None = None


UNMANAGED = Instance(Power.RUNNING)
"""The instance of an agent that EC2 doesn't know, such as a host outside it: always expected to report."""


@dataclass(frozen=True, slots=True)
class MetricGap:
    """A silence: `since` its first missing datapoint was due."""

    since: datetime
    length: timedelta


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap as remembered. `ended_at` is None while it is open."""

    since: datetime
    opened_at: datetime
    ended_at: datetime | None = None

    def length(self, now: datetime) -> timedelta:
        """From the moment that the datapoint was due to the datapoint that ended the gap, or to `now`."""
        return max((self.ended_at or now) - self.since, timedelta())


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent as the ledger remembers it.

    `seen_at` is its last datapoint as of the last write: true while it is silent or suppressed, old while it reports.
    `untold` is the news that no notice has carried yet, and until `claimed_until` some run is about to send it.
    `revision` counts the writes; 0 is an agent that isn't in the ledger.
    """

    entity: str
    series: Series
    seen_at: datetime | None = None
    state: State = State.REPORTING
    gap: Gap | None = None
    untold: News | None = None
    claimed_until: datetime | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one run saw of an agent. `seen_at` is None where it couldn't be read; `series` is the one that speaks."""

    series: Series
    seen_at: tuple[datetime, ...] | None
    instance: Instance = UNMANAGED


@dataclass(frozen=True, slots=True)
class Verdict:
    """The agent's state, what to remember of it (None: it leaves the roster), and what to tell."""

    state: State
    agent: Agent | None
    news: News | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """One run's rules and time, which every decision of that run shares."""

    now: datetime
    rules: Rules

    @property
    def usual_window(self) -> Window:
        """Just long enough to tell an agent on time from one that is overdue."""
        return self._window(self._usual_reach, self.rules.resolution)

    @property
    def recent_window(self) -> Window:
        """Long enough to find when an agent fell silent, or when it came back."""
        return self._window(max(_RECENT - self.rules.resolution, self._usual_reach), self.rules.resolution)

    @property
    def remembered_window(self) -> Window:
        """As long as an agent is remembered, by the hour: for a silence that began while nobody was looking."""
        return self._window(self.rules.forget_after, _HOUR)

    def is_on_time(self, seen_at: Iterable[datetime]) -> bool:
        """Whether the latest of these datapoints leaves the agent's next one within the grace."""
        latest = max(seen_at, default=None)
        return latest is not None and (
            find_gap([latest], now=self.now, period=self.rules.period, grace=self.rules.grace) is None
        )

    @property
    def _usual_reach(self) -> timedelta:
        return self.rules.period + self.rules.grace + 2 * self.rules.resolution

    def _window(self, reach: timedelta, period: timedelta) -> Window:
        return Window(_floor(self.now - reach, period), _floor(self.now, period) + period, period)


def find_gap(
    seen_at: Iterable[datetime],
    *,
    now: datetime,
    period: timedelta,
    grace: timedelta,
    not_before: datetime | None = None,
) -> MetricGap | None:
    """The silence that lasts until `now`, or None while the agent is on time.

    Only the latest datapoint counts: a hole that has since been filled is not a gap. `seen_at` holds the start of
    each datapoint's period; one in the future, from a clock that is ahead, is on time. Before `not_before` nothing is
    due. Raises ValueError where `seen_at` is empty: an agent that never reported is not one that stopped.
    """
    latest = max(seen_at, default=None)
    if latest is None:
        raise ValueError("no datapoints: never reported, rather than stopped")
    due = latest + period
    if not_before is not None:
        due = max(due, not_before)
    return MetricGap(since=due, length=now - due) if now - due > grace else None


def close_gap(gap: Gap, last_seen: datetime, seen_at: Iterable[datetime], *, period: timedelta) -> Gap:
    """The gap with its end: the first datapoint after the longest silence since `last_seen`.

    As a rule that is the first datapoint after `last_seen`, and the gap starts where it was opened. Where late
    datapoints have since filled a part of it, what is left of it counts; where they have filled all of it, its length
    is 0. The order of `seen_at` doesn't matter.
    """
    times = sorted({last_seen, *(time for time in seen_at if time > last_seen)})
    silences = [
        Gap(since=max(before + period, gap.since), opened_at=gap.opened_at, ended_at=after)
        for before, after in pairwise(times)
    ]
    longest = max(silences, key=lambda silence: silence.length(silence.since), default=gap)
    return longest if longest.length(gap.since) else replace(gap, ended_at=gap.since)


def choose_series(listed: Iterable[Series]) -> Series:
    """The series to judge an agent by: the one that outlives most changes. Raises ValueError where there is none."""
    return min(listed, key=lambda series: series.rank)


def other_series(current: Series, listed: Iterable[Series], *, limit: int) -> tuple[Series, ...]:
    """The agent's other series, at most `limit`: one of each shape first, for an agent's settings change by shape."""
    turns: Counter[tuple[str, ...]] = Counter()
    queue: list[tuple[int, Series]] = []
    for series in sorted(set(listed) - {current}, key=lambda series: series.rank):
        queue.append((turns[series.shape], series))
        turns[series.shape] += 1
    return tuple(series for _, series in sorted(queue, key=lambda item: (item[0], item[1].rank)))[:limit]


def series_in_turn(others: Sequence[Series], moment: Moment) -> tuple[Series, ...]:
    """One of `others`, the next one each minute: so an agent's return under another series is found at a low price."""
    if not others:
        return ()
    turn = int(moment.now.timestamp() // min(moment.rules.period, _MINUTE).total_seconds())
    return (others[turn % len(others)],)


def weigh(current: Series, asked: Iterable[Series], readings: Readings, instance: Instance, moment: Moment) -> Evidence:
    """What the readings of an agent's series say together.

    A datapoint of any series shows that the agent lives. It sticks to `current` while that is on time; then the series
    with the latest datapoint takes over. Silence needs all of the series that were asked for: one that couldn't be
    read leaves it open.
    """
    wanted = sorted({current, *asked}, key=lambda series: series.rank)
    seen = {series: readings[series] for series in wanted if series in readings}
    seen_at = tuple(sorted({time for times in seen.values() for time in times}))
    if not moment.is_on_time(seen_at):
        return Evidence(current, seen_at if len(seen) == len(wanted) else None, instance)
    if moment.is_on_time(seen.get(current, ())):
        return Evidence(current, seen_at, instance)
    speaking = max((series for series in wanted if seen.get(series)), key=lambda series: max(seen[series]))
    return Evidence(speaking, seen_at, instance)


def judge(agent: Agent, evidence: Evidence, moment: Moment) -> Verdict | None:
    """What the agent is now and what to remember; None for one that isn't on the roster and has no place there.

    An agent that leaves is counted once more. While the end of a gap is still untold nothing about its agent changes,
    so that no next gap writes over it.
    """
    verdict = _judge_by_instance(agent, evidence, moment)
    if verdict is None or (verdict.agent is None and agent.revision == 0):
        return None
    if agent.untold is News.RESOLVED:
        return Verdict(verdict.state, agent)
    return verdict


def claim(agent: Agent, now: datetime) -> Agent:
    """The agent with its news, if any, claimed by the run that started at `now`."""
    return replace(agent, claimed_until=now + LEASE) if agent.untold else agent


def is_due_to_be_told(agent: Agent, now: datetime) -> bool:
    """Whether news of the agent waits for a notice and no run is about to send it: the one that was has failed."""
    return agent.untold is not None and (agent.claimed_until is None or agent.claimed_until <= now)


def told(agent: Agent) -> Agent:
    """The agent once a notice has carried its news: an open gap stays, an ended one is done with."""
    gap = None if agent.untold is News.RESOLVED else agent.gap
    return replace(agent, gap=gap, untold=None, claimed_until=None)


def _judge_by_instance(agent: Agent, evidence: Evidence, moment: Moment) -> Verdict | None:
    match evidence.instance.power:
        case Power.GONE:
            return Verdict(State.SUPPRESSED, None)
        case Power.DOWN:
            return _suppress(agent, evidence, moment)
        case Power.RUNNING | Power.UNREADABLE:
            return _judge_by_datapoints(agent, evidence, moment)
        case _:
            assert_never(evidence.instance.power)


def _judge_by_datapoints(agent: Agent, evidence: Evidence, moment: Moment) -> Verdict | None:
    if evidence.seen_at is None:
        return Verdict(State.UNKNOWN, agent)
    latest = _latest(agent, evidence)
    if latest is None:
        return None
    if moment.is_on_time([latest]):
        return _report(agent, evidence, latest, moment)
    if moment.now - latest > moment.rules.forget_after:
        return Verdict(State.SILENT, None)
    if agent.state is State.SILENT:
        return Verdict(State.SILENT, agent)
    return _fall_silent(agent, evidence, latest, moment)


def _report(agent: Agent, evidence: Evidence, latest: datetime, moment: Moment) -> Verdict:
    if agent.state is State.REPORTING and agent.series == evidence.series and agent.revision:
        return Verdict(State.REPORTING, agent)
    reporting = replace(agent, state=State.REPORTING, series=evidence.series, seen_at=latest)
    if agent.state is not State.SILENT or agent.gap is None:
        return Verdict(State.REPORTING, replace(reporting, gap=None))
    gap = close_gap(agent.gap, agent.seen_at or latest, evidence.seen_at or (), period=moment.rules.period)
    return Verdict(State.REPORTING, replace(reporting, gap=gap, untold=News.RESOLVED), News.RESOLVED)


def _fall_silent(agent: Agent, evidence: Evidence, latest: datetime, moment: Moment) -> Verdict | None:
    """An open gap, unless the instance started after the last datapoint and its agent may still be warming up."""
    if evidence.instance.power is Power.UNREADABLE:
        return Verdict(State.UNKNOWN, agent)
    launched_at = evidence.instance.launched_at
    warm_at = launched_at + moment.rules.warm_up if launched_at and launched_at > latest else None
    rules = moment.rules
    found = find_gap([latest], now=moment.now, period=rules.period, grace=rules.grace, not_before=warm_at)
    if found is None:
        return _suppress(agent, evidence, moment)
    gap = Gap(since=found.since, opened_at=moment.now)
    silent = replace(agent, state=State.SILENT, seen_at=latest, gap=gap, untold=News.OPENED)
    return Verdict(State.SILENT, silent, News.OPENED)


def _suppress(agent: Agent, evidence: Evidence, moment: Moment) -> Verdict | None:
    """Set aside until its instance runs. Where the last datapoint couldn't be read, that waits for a run that can."""
    if agent.state is State.REPORTING and evidence.seen_at is None:
        return Verdict(State.SUPPRESSED, agent if agent.revision else None)
    latest = _latest(agent, evidence)
    if latest is None:
        return None
    if moment.now - latest > moment.rules.forget_after:
        return Verdict(State.SUPPRESSED, None)
    if agent.state is State.SUPPRESSED:
        return Verdict(State.SUPPRESSED, agent)
    suppressed = replace(agent, state=State.SUPPRESSED, seen_at=latest, gap=None, untold=None, claimed_until=None)
    return Verdict(State.SUPPRESSED, suppressed)


def _latest(agent: Agent, evidence: Evidence) -> datetime | None:
    return max((time for time in (agent.seen_at, *(evidence.seen_at or ())) if time is not None), default=None)


def _floor(time: datetime, step: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return time - (time - epoch) % step

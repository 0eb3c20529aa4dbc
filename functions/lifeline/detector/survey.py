"""The survey of a watch's agents in one run: one series each, and more only for agents that aren't plainly on time.

An agent that reports isn't read before it could be overdue: a period and the grace after its newest datapoint.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from lifeline.adapters.aws.cloudwatch import CloudWatch
from lifeline.adapters.aws.instances import Instances
from lifeline.core.agents.agent import Agent, Evidence, State, Suppression
from lifeline.core.agents.gaps import judge, weigh
from lifeline.core.agents.instances import UNMANAGED, Instance, Power
from lifeline.core.agents.series import Series, other_series
from lifeline.core.agents.timing import Timing, Window
from lifeline.core.agents.watches import Maintenance, Watch
from lifeline.core.policy.policy import EXEMPT, is_exempt

type Listed = Mapping[str, tuple[Series, ...]]

_MOST_OTHERS = 20  # of an agent's other series, read once before it is called silent
_FEWEST_OTHERS = 3  # however many agents may have gone silent at once
_MOST_STRANGERS = 3  # series that aren't the agent's own, read once it is overdue
_ADOPTED_AFTER = timedelta(hours=24)
_OTHERS_A_RUN = 10_000  # CloudWatch quotas: GetMetricData, 180,000 recent datapoints a second
_LOOKED_UP_A_RUN = 2000  # silent and suppressed instances, in rotation: ten calls
_ROUND = 15  # runs, in about which each reporting agent is looked up whose tags people were notified of
_STRIDE = 3 - 2 * 2**0.5  # of a round of turns that a minute takes: irrational, and far from a whole round in five
_NOT_IN_TURN = Instance(Power.UNREADABLE)


@dataclass(frozen=True, slots=True)
class Quiet:
    """Agents that still count as reporting and are about to fall silent, and those of which nothing is known yet."""

    agents: frozenset[str] = frozenset()
    not_due: frozenset[str] = frozenset()


type QuietAmong = Callable[[Iterable[str], datetime], Quiet]


def nobody_quiet(_: Iterable[str], _since: datetime) -> Quiet:
    """Where nobody was surveyed."""
    return Quiet()


@dataclass(frozen=True, slots=True)
class Observation:
    """What a run read: the evidence by entity, and the instances that it looked up in EC2.

    `late` are agents without evidence, because nothing changes, whose next datapoint could be there by now. `newest` is
    the newest datapoint's time of each agent that was read by its series. `quiet_among` is the survey's.
    """

    evidence: Mapping[str, Evidence]
    instances: Mapping[str, Instance]
    late: frozenset[str] = frozenset()
    newest: Mapping[str, datetime] = field(default_factory=dict)
    quiet_among: QuietAmong = field(default=nobody_quiet, compare=False)


@dataclass
class Survey:
    """One run's survey of some agents of one watch. `newest` are their newest datapoints' times, from earlier runs.

    `relist` returns the watch's series as CloudWatch lists them now, or None if they can't be read. It is called at
    most once, and only before an agent is called silent; without it, the roster's series are used.
    """

    watch: Watch
    timing: Timing
    agents: Mapping[str, Agent]
    cloudwatch: CloudWatch
    ec2: Instances
    _: KW_ONLY
    maintenance: Sequence[Maintenance] = ()
    relist: Callable[[], Listed | None] | None = None
    newest: Mapping[str, datetime] = field(default_factory=dict)
    _instances: dict[str, Instance] = field(default_factory=dict, init=False)
    _late: set[str] = field(default_factory=set, init=False)
    _newest: dict[str, datetime] = field(default_factory=dict, init=False)

    def observe(self) -> Observation:
        """Read the evidence for each agent that needs a verdict.

        Left out are agents that plainly report, because their record can't change, those that can't be overdue yet, and
        suppressed ones that another run looks up.
        """
        aside = self._in_turn(agent for agent in self.agents.values() if agent.state is State.SUPPRESSED)
        never = [agent for agent in self.agents.values() if agent.series is None]
        self._look_up([*aside, *never])
        asked = {agent.entity for agent in aside}
        up = [agent for agent in self.agents.values() if agent.state is not State.SUPPRESSED or agent.entity in asked]
        down = {agent.entity for agent in up if self._power(agent.entity) in (Power.DOWN, Power.GONE)}
        found = {entity: self._unseen(entity) for entity in down}
        up = [agent for agent in up if agent.entity not in down]
        usual = {agent.entity: self._usual_series(agent) for agent in up if not self._can_wait(agent)}
        found |= self._read(usual, self.timing.usual_window, skip_reporting=True)
        found |= self._without_strangers([agent for agent in up if agent.entity in found], found)
        overdue = [agent for agent in up if agent.entity in found and self._is_overdue(found[agent.entity])]
        new, old = _split(overdue, lambda agent: agent.state is State.SILENT)
        turn = self._in_turn(old)
        self._look_up([*new, *turn])
        found |= {agent.entity: replace(found[agent.entity], instance=_NOT_IN_TURN) for agent in old}
        for agent in (*new, *turn):
            found[agent.entity] = replace(found[agent.entity], instance=self._instance(agent.entity))
        found |= self._read_more([agent for agent in up if agent.entity in found], found)
        told = sorted(entity for entity, agent in self.agents.items() if _has_old_excuse(agent))
        if told:
            self._look_up(self.agents[entity] for entity in told[self._turn_of(_ROUND) :: _ROUND])
        rested = {entity: self._with_suppression(entity, seen) for entity, seen in found.items()}
        return Observation(rested, self._instances, frozenset(self._late), self._newest, self.quiet_among)

    def without_old_excuses(self) -> dict[str, Agent]:
        """The reporting agents that were looked up and lost a tag of which people were notified: if somebody sets it
        again, that is news.
        """
        told = {entity: agent for entity, agent in self.agents.items() if _has_old_excuse(agent)}
        tags = {entity: self._excuses(entity) for entity in told if self._is_up(entity)}
        return {
            entity: replace(told[entity], excused=told[entity].excused & found)
            for entity, found in tags.items()
            if not told[entity].excused <= found
        }

    def _is_up(self, entity: str) -> bool:
        return entity in self._instances and self._power(entity) is Power.RUNNING

    def _excuses(self, entity: str) -> frozenset[Suppression]:
        """Why the tags of its instance would excuse it, now or in the next maintenance window."""
        instance = self._instance(entity)
        found = {Suppression.EXEMPT} if is_exempt(instance.tag(EXEMPT), self.timing.now.date()) else set()
        by_tags = (window for window in self.maintenance if window.instance_tags)
        if any(window.covers(self.watch.name, entity, instance) for window in by_tags):
            found.add(Suppression.TAGGED_MAINTENANCE)
        return frozenset(found)

    def quiet_among(self, entities: Iterable[str], since: datetime) -> Quiet:
        """Those that still count as reporting, but have used up half of the grace by their own periods, and
        those of longer periods from which nothing came since that time, because nothing was due.

        Those that may be quiet, by what this run or an earlier one has read, are read now.
        """
        seen = {**self.newest, **self._newest}
        unsure = {
            agent.entity: agent.series
            for agent in (self.agents[entity] for entity in entities if entity in self.agents)
            if agent.series and (newest := seen.get(agent.entity)) and newest <= self.timing.awaited
        }
        readings = self.cloudwatch.read({*unsure.values()}, self.timing.recent_window) if unsure else {}
        times = {entity: readings[series] for entity, series in unsure.items() if readings.get(series)}
        slow = {entity for entity, found in times.items() if found[-1] <= self.timing.awaited}
        quiet = frozenset(entity for entity in slow if times[entity][-1] <= self.timing.of_agent(times[entity]).awaited)
        return Quiet(quiet, frozenset(entity for entity in slow - quiet if times[entity][-1] < since))

    def _can_wait(self, agent: Agent) -> bool:
        """True if the agent can't be overdue yet, and nothing else can change its record."""
        newest = self.newest.get(agent.entity)
        return newest is not None and self._plainly_reports(agent, (newest,))

    def _read_more(self, agents: Sequence[Agent], found: Mapping[str, Evidence]) -> dict[str, Evidence]:
        """Better evidence for agents that may fall silent now, and for silent ones that are back."""
        doubtful: dict[str, tuple[Series, ...]] = {}
        strangers: dict[str, tuple[Series, ...]] = {}
        unsure: dict[str, Evidence] = {}
        for agent in agents:
            seen = found[agent.entity]
            if agent.gap and agent.gap.is_open and seen.seen_at and not self._is_overdue(seen):
                doubtful[agent.entity] = (seen.series,) if seen.series else ()
        in_doubt = [agent for agent in agents if self._is_in_doubt(agent, found[agent.entity])]
        for agent in in_doubt:
            most = max(_FEWEST_OTHERS, min(_MOST_OTHERS, _OTHERS_A_RUN // len(in_doubt)))
            others = () if self._power(agent.entity) is Power.DOWN else self._others(agent)
            if others is None:
                unsure[agent.entity] = replace(found[agent.entity], seen_at=None)
            else:
                own = self._own(agent, others)
                doubtful[agent.entity] = other_series(agent.series, own, limit=most)
                strangers[agent.entity] = tuple(series for series in others if series not in own)[:_MOST_STRANGERS]
        recent = self._read(doubtful, self.timing.recent_window)
        recent |= self._with_strangers({entity: recent[entity] for entity in strangers}, strangers)
        lost = [entity for entity in doubtful if self.agents[entity].seen_at and recent[entity].seen_at == ()]
        remembered = self._read(dict.fromkeys(lost, ()), self.timing.remembered_window)
        remembered = {entity: replace(seen, strangers=recent[entity].strangers) for entity, seen in remembered.items()}
        return unsure | recent | remembered

    def _is_in_doubt(self, agent: Agent, seen: Evidence) -> bool:
        """True if more must be read before the agent is called silent or suppressed; False if it already is."""
        if not self._is_overdue(seen) or (agent.gap and agent.gap.is_open):
            return False
        if agent.state is State.SUPPRESSED:
            return judge(agent, self._with_suppression(agent.entity, seen), self.timing).state is State.SILENT
        return self._power(agent.entity) not in (Power.GONE, Power.UNREADABLE)

    def _read(
        self, wanted: Mapping[str, tuple[Series, ...]], window: Window, *, skip_reporting: bool = False
    ) -> dict[str, Evidence]:
        """The evidence of each agent's own series and the others wanted; without agents that plainly report."""
        own = {entity: self._own_series(self.agents[entity], others) for entity, others in wanted.items()}
        series = {series for series in own.values() if series}.union(*wanted.values())
        readings = self.cloudwatch.read(series, window) if series else {}
        found: dict[str, Evidence] = {}
        for entity, others in wanted.items():
            current = own[entity]
            times = readings.get(current, ()) if current else ()
            if skip_reporting and current and current == self.agents[entity].series:
                self._note(entity, times)
            if current is None:
                found[entity] = replace(self._unseen(entity), seen_at=())
            elif not (skip_reporting and self._plainly_reports(self.agents[entity], times)):
                found[entity] = weigh(current, others, readings, self._instance(entity), self.timing)
            elif times[-1] < self._fresh and not self._is_seldom(times, window):
                self._late.add(entity)
        return found

    def _note(self, entity: str, times: Sequence[datetime]) -> None:
        """Note the newest of the times that isn't in the future: a clock that is ahead says nothing about later."""
        past = times if not times or times[-1] <= self.timing.now else [one for one in times if one <= self.timing.now]
        if past:
            self._newest[entity] = past[-1]

    def _plainly_reports(self, agent: Agent, times: Sequence[datetime]) -> bool:
        """True if no verdict could change it: it reported, and its last datapoint is on time."""
        return (
            bool(times)
            and agent.state is State.REPORTING
            and agent.seen_at is not None
            and not agent.unproven
            and not agent.is_flapping
            and self._on_time <= times[-1] <= self.timing.now
        )

    @cached_property
    def _windows(self) -> list[Maintenance]:
        return [window for window in self.maintenance if window.is_on(self.timing.now)]

    @cached_property
    def _on_time(self) -> datetime:
        """After a datapoint since then, the next one is not overdue."""
        return self.timing.now - self.watch.rules.period - self.watch.rules.grace

    @cached_property
    def _fresh(self) -> datetime:
        """After a datapoint since then, the next one can't be late."""
        return self.timing.now - self.watch.rules.period - self.watch.rules.resolution

    def _is_seldom(self, times: Sequence[datetime], window: Window) -> bool:
        """True if the datapoint before the last one was due in the window, too, and isn't there: the agent publishes
        less often than each period, and its next one isn't late by its own.
        """
        due = times[-1] - self.watch.rules.period
        return due >= window.start and not any(due <= time < times[-1] for time in times)

    def _unseen(self, entity: str) -> Evidence:
        return Evidence(self.agents[entity].series, None, self._instance(entity))

    def _own_series(self, agent: Agent, others: tuple[Series, ...]) -> Series | None:
        """The agent's series, or the most likely one if it never reported: listed, or what most others publish.

        The list of metrics may be 15 minutes behind (CloudWatch API: ListMetrics), datapoints aren't.
        """
        if agent.series or others or not self._common_metric:
            return agent.series or (others[0] if others else None)
        return Series(self._common_metric, ((self.watch.dimension, agent.entity),))

    @cached_property
    def _common_metric(self) -> str:
        if self.watch.metric:
            return self.watch.metric
        plain = (self.watch.dimension,)
        series = (agent.series for agent in self.agents.values() if agent.series)
        names = Counter(metric_series.metric for metric_series in series if metric_series.shape == plain)
        return min(names, key=lambda name: (-names[name], name), default="")

    def _usual_series(self, agent: Agent) -> tuple[Series, ...]:
        """No other series while it reports; otherwise one per run, because it may return with another series."""
        others = (*agent.others, *(agent.strangers if self._adopts(agent) else ()))
        if agent.state is State.REPORTING or not others:
            return ()
        return (others[self._turn_of(len(others))],)

    def _others(self, agent: Agent) -> tuple[Series, ...] | None:
        """The series of the agent's id as listed now; None if the list can't be read."""
        if self.relist is None:
            return agent.others
        if self._listed is None:
            return None
        return tuple(dict.fromkeys((*self._listed.get(agent.entity, ()), *agent.others)))

    def _adopts(self, agent: Agent) -> bool:
        """True if the agent was silent for so long that whatever comes under its id counts: people know by now."""
        gap = agent.gap
        return gap is not None and gap.is_open and self.timing.now - gap.since >= _ADOPTED_AFTER

    def _own(self, agent: Agent, listed: Iterable[Series]) -> tuple[Series, ...]:
        """Those that are the agent's own. An instance that started since its last datapoint may have been resized,
        which changes its dimensions' values.
        """
        launched_at = self._instance(agent.entity).launched_at
        has_restarted = bool(launched_at and agent.seen_at and launched_at > agent.seen_at)
        return agent.own(listed, by_names=has_restarted)

    def _without_strangers(self, agents: Iterable[Agent], found: Mapping[str, Evidence]) -> dict[str, Evidence]:
        """The evidence of agents that seem to be back by a series that isn't their own: none, but for a new start."""
        by_others = {
            agent.entity: (agent, series)
            for agent in agents
            if agent.state is not State.REPORTING
            and (series := found[agent.entity].series)
            and series != agent.series
            and not agent.own([series])
            and not self._adopts(agent)
        }
        if by_others:
            self._look_up(agent for agent, _ in by_others.values())
        return {
            entity: replace(found[entity], series=agent.series, seen_at=())
            for entity, (agent, series) in by_others.items()
            if not self._own(agent, [series])
        }

    def _with_strangers(
        self, found: Mapping[str, Evidence], strangers: Mapping[str, tuple[Series, ...]]
    ) -> dict[str, Evidence]:
        """The evidence of agents that are overdue, with what arrives under their ids all the same."""
        wanted = {entity: strangers[entity] for entity, seen in found.items() if self._is_overdue(seen)}
        series = {one for some in wanted.values() for one in some}
        readings = self.cloudwatch.read(series, self.timing.usual_window) if series else {}
        return {
            entity: replace(found[entity], strangers=tuple(one for one in some if readings.get(one)))
            for entity, some in wanted.items()
        }

    @cached_property
    def _listed(self) -> Listed | None:
        return self.relist() if self.relist else None

    def _in_turn(self, agents: Iterable[Agent]) -> list[Agent]:
        """As many of them as one run may look up in EC2; the next runs look up the others."""
        ordered = sorted(agents, key=lambda agent: agent.entity)
        rounds = -(-len(ordered) // _LOOKED_UP_A_RUN) or 1
        return ordered[self._turn_of(rounds) :: rounds]

    def _turn_of(self, turns: int) -> int:
        """Which of `turns` is due now, from 0. Each is due at some time, whether runs are one minute apart or five.

        Minutes modulo `turns` would leave some out forever: of two, a run every two minutes would take only one.
        """
        return int(self.timing.now.timestamp() // 60 * _STRIDE % 1 * turns)

    def _look_up(self, agents: Iterable[Agent]) -> None:
        entities = {agent.entity for agent in agents} - self._instances.keys()
        self._instances |= self.ec2.look_up(entities)

    def _with_suppression(self, entity: str, seen: Evidence) -> Evidence:
        """The evidence with the reason, if any, why no datapoint is expected."""
        if seen.seen_at is None or self.timing.is_on_time(seen.seen_at):
            return seen
        return replace(seen, suppression=self._suppression(self.agents[entity], seen))

    def _suppression(self, agent: Agent, seen: Evidence) -> Suppression | None:
        covering = [window for window in self._windows if window.covers(self.watch.name, agent.entity, seen.instance)]
        if any(not window.instance_tags for window in covering):
            return Suppression.MAINTENANCE
        if is_exempt(seen.instance.tag(EXEMPT), self.timing.now.date()):
            return Suppression.EXEMPT
        if covering:
            return Suppression.TAGGED_MAINTENANCE
        instance = seen.instance
        if agent.suppressed_by is Suppression.UNTAGGED and instance.power is Power.RUNNING and not instance.is_expected:
            return Suppression.UNTAGGED
        is_forgotten = agent.suppressed_by is Suppression.FORGOTTEN
        return Suppression.FORGOTTEN if is_forgotten and not _is_newer(agent, seen) else None

    def _is_overdue(self, seen: Evidence) -> bool:
        return seen.seen_at is not None and not self.timing.is_on_time(seen.seen_at)

    def _instance(self, entity: str) -> Instance:
        return self._instances.get(entity, UNMANAGED)

    def _power(self, entity: str) -> Power:
        return self._instance(entity).power


def _has_old_excuse(agent: Agent) -> bool:
    """True if people were notified of a tag, and the agent has reported since."""
    return bool(agent.excused) and agent.state is State.REPORTING


def _is_newer(agent: Agent, seen: Evidence) -> bool:
    return agent.seen_at is not None and any(time > agent.seen_at for time in seen.seen_at or ())


def _split[T](items: Iterable[T], is_second: Callable[[T], bool]) -> tuple[list[T], list[T]]:
    first: list[T] = []
    second: list[T] = []
    for item in items:
        (second if is_second(item) else first).append(item)
    return first, second

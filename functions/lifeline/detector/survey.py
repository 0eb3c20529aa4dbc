"""What can be seen of a watch's agents in one run: one series each, more only of those that aren't plainly on time."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from lifeline.adapters.aws.cloudwatch import CloudWatch
from lifeline.adapters.aws.instances import Instances
from lifeline.core.agents.gaps import (
    Agent,
    Evidence,
    Series,
    State,
    Suppression,
    Timing,
    Window,
    judge,
    other_series,
    weigh,
)
from lifeline.core.agents.instances import UNMANAGED, Instance, Power
from lifeline.core.agents.watches import Maintenance, Watch
from lifeline.core.policy.policy import EXEMPT, is_exempt

type Listed = Mapping[str, tuple[Series, ...]]

_MOST_OTHERS = 20  # of an agent's other series, looked at once before it is called silent
_FEWEST_OTHERS = 3  # however many agents may have fallen silent at once
_OTHERS_A_RUN = 10_000  # CloudWatch quotas: GetMetricData, 180,000 recent datapoints a second
_LOOKED_UP_A_RUN = 2000  # silent and suppressed instances, in turn: ten calls
_STRIDE = 3 - 2 * 2**0.5  # of a round of turns that a minute takes: irrational, and far from a whole round in five
_NOT_IN_TURN = Instance(Power.UNREADABLE)


@dataclass(frozen=True, slots=True)
class Observation:
    """What a run saw: the evidence by entity, and the instances that it asked EC2 about.

    `late` are agents of whom there is no evidence, for nothing changes, but whose next datapoint could be there by now;
    those that are `quiet` too have used up half of the grace.
    """

    evidence: Mapping[str, Evidence]
    instances: Mapping[str, Instance]
    late: frozenset[str] = frozenset()
    quiet: frozenset[str] = frozenset()


class Survey:
    """One run's look at some agents of one watch.

    `relist` gives the watch's series as CloudWatch lists them now, or None where that can't be had. It is called at
    most once, and only before an agent is called silent; without it the series that the roster knows of must do.
    """

    def __init__(
        self,
        watch: Watch,
        moment: Timing,
        agents: Mapping[str, Agent],
        cloudwatch: CloudWatch,
        instances: Instances,
        *,
        maintenance: Sequence[Maintenance] = (),
        relist: Callable[[], Listed | None] | None = None,
    ) -> None:
        self._watch = watch
        self._moment = moment
        self._agents = agents
        self._cloudwatch = cloudwatch
        self._ec2 = instances
        self._maintenance = [candidate for candidate in maintenance if candidate.is_on(moment.now)]
        self._relist = relist
        self._instances: dict[str, Instance] = {}
        self._late: set[str] = set()
        self._quiet: set[str] = set()

    def observe(self) -> Observation:
        """The evidence for each agent that needs a judgement.

        Left out are those that are plainly well, to whom nothing has happened since their last record, and those that
        are set aside and not in turn to be asked about.
        """
        aside = self._in_turn(agent for agent in self._agents.values() if agent.state is State.SUPPRESSED)
        never = [agent for agent in self._agents.values() if agent.series is None]
        self._look_up([*aside, *never])
        asked = {agent.entity for agent in aside}
        up = [agent for agent in self._agents.values() if agent.state is not State.SUPPRESSED or agent.entity in asked]
        down = {agent.entity for agent in up if self._power(agent.entity) in (Power.DOWN, Power.GONE)}
        found = {entity: self._unseen(entity) for entity in down}
        up = [agent for agent in up if agent.entity not in down]
        usual = {agent.entity: self._usual_series(agent) for agent in up}
        found |= self._read(usual, self._moment.usual_window, leave_well_alone=True)
        overdue = [agent for agent in up if agent.entity in found and self._is_overdue(found[agent.entity])]
        new, old = _split(overdue, lambda agent: agent.state is State.SILENT)
        turn = self._in_turn(old)
        self._look_up([*new, *turn])
        found |= {agent.entity: replace(found[agent.entity], instance=_NOT_IN_TURN) for agent in old}
        found |= {
            agent.entity: replace(found[agent.entity], instance=self._instance(agent.entity)) for agent in (*new, *turn)
        }
        found |= self._look_further([agent for agent in up if agent.entity in found], found)
        rested = {entity: self._with_rest(entity, seen) for entity, seen in found.items()}
        return Observation(rested, self._instances, frozenset(self._late), frozenset(self._quiet))

    def _look_further(self, agents: Iterable[Agent], found: Mapping[str, Evidence]) -> dict[str, Evidence]:
        """Better evidence for agents that may fall silent now, and for silent ones that are back."""
        known = [*agents]
        doubtful: dict[str, tuple[Series, ...]] = {}
        unsure: dict[str, Evidence] = {}
        for agent in known:
            seen = found[agent.entity]
            if agent.gap and agent.gap.is_open and seen.seen_at and not self._is_overdue(seen):
                doubtful[agent.entity] = (seen.series,) if seen.series else ()
        in_doubt = [agent for agent in known if self._is_in_doubt(agent, found[agent.entity])]
        for agent in in_doubt:
            most = max(_FEWEST_OTHERS, min(_MOST_OTHERS, _OTHERS_A_RUN // len(in_doubt)))
            others = () if self._power(agent.entity) is Power.DOWN else self._others(agent, most)
            if others is None:
                unsure[agent.entity] = replace(found[agent.entity], seen_at=None)
            else:
                doubtful[agent.entity] = others
        recent = self._read(doubtful, self._moment.recent_window)
        lost = [entity for entity in doubtful if self._agents[entity].seen_at and recent[entity].seen_at == ()]
        return unsure | recent | self._read(dict.fromkeys(lost, ()), self._moment.remembered_window)

    def _is_in_doubt(self, agent: Agent, seen: Evidence) -> bool:
        """Whether more must be known before it is called silent or set aside; not of one that is so already."""
        if not self._is_overdue(seen) or (agent.gap and agent.gap.is_open):
            return False
        if agent.state is State.SUPPRESSED:
            return judge(agent, self._with_rest(agent.entity, seen), self._moment).state is State.SILENT
        return self._power(agent.entity) not in (Power.GONE, Power.UNREADABLE)

    def _read(
        self, wanted: Mapping[str, tuple[Series, ...]], window: Window, *, leave_well_alone: bool = False
    ) -> dict[str, Evidence]:
        """What each agent's own series and the others wanted say together; without those that are plainly well."""
        own = {entity: self._own_series(self._agents[entity], others) for entity, others in wanted.items()}
        series = {series for series in own.values() if series}.union(*wanted.values())
        readings = self._cloudwatch.read(series, window) if series else {}
        found: dict[str, Evidence] = {}
        for entity, others in wanted.items():
            current = own[entity]
            times = readings.get(current, ()) if current else ()
            if current is None:
                found[entity] = replace(self._unseen(entity), seen_at=())
            elif not (leave_well_alone and self._is_plainly_well(self._agents[entity], times)):
                found[entity] = weigh(current, others, readings, self._instance(entity), self._moment)
            elif times[-1] < self._fresh:
                self._late.add(entity)
                if times[-1] <= self._awaited:
                    self._quiet.add(entity)
        return found

    def _is_plainly_well(self, agent: Agent, times: Sequence[datetime]) -> bool:
        """Whether judging it could change nothing: it reported, and its last datapoint is on time."""
        return (
            bool(times)
            and agent.state is State.REPORTING
            and agent.seen_at is not None
            and not agent.is_flapping
            and self._on_time <= times[-1] <= self._moment.now
        )

    @cached_property
    def _on_time(self) -> datetime:
        """From when on a datapoint leaves the next one within the grace."""
        return self._moment.now - self._watch.rules.period - self._watch.rules.grace

    @cached_property
    def _fresh(self) -> datetime:
        """From when on a datapoint is so young that the next one can't be late."""
        return self._moment.now - self._watch.rules.period - self._watch.rules.resolution

    @cached_property
    def _awaited(self) -> datetime:
        """The last datapoint of an agent that has used up half of the grace is no younger."""
        return self._moment.now - self._watch.rules.period - self._watch.rules.grace / 2

    def _unseen(self, entity: str) -> Evidence:
        return Evidence(self._agents[entity].series, None, self._instance(entity))

    def _own_series(self, agent: Agent, others: tuple[Series, ...]) -> Series | None:
        return agent.series or self._guess(agent, others)

    def _guess(self, agent: Agent, others: tuple[Series, ...]) -> Series | None:
        """What an agent that never reported would most likely publish: what is listed of it, or what most others do.

        The list of metrics may be 15 minutes behind (CloudWatch API: ListMetrics), datapoints aren't.
        """
        if others or not self._common_metric:
            return others[0] if others else None
        return Series(self._common_metric, ((self._watch.dimension, agent.entity),))

    @cached_property
    def _common_metric(self) -> str:
        if self._watch.metric:
            return self._watch.metric
        plain = (self._watch.dimension,)
        names = Counter(
            agent.series.metric for agent in self._agents.values() if agent.series and agent.series.shape == plain
        )
        return min(names, key=lambda name: (-names[name], name), default="")

    def _usual_series(self, agent: Agent) -> tuple[Series, ...]:
        """No other series while it reports; while it doesn't, one in turn, for it may return under another."""
        if agent.state is State.REPORTING or not agent.others:
            return ()
        return (agent.others[self._turn_of(len(agent.others))],)

    def _others(self, agent: Agent, most: int) -> tuple[Series, ...] | None:
        """The agent's other series as listed now, one of each shape first; None where the list can't be had."""
        if self._relist is None:
            return agent.others
        if self._listed is None:
            return None
        listed = (*self._listed.get(agent.entity, ()), *agent.others)
        return other_series(agent.series, listed, limit=most)

    @cached_property
    def _listed(self) -> Listed | None:
        return self._relist() if self._relist else None

    def _in_turn(self, agents: Iterable[Agent]) -> list[Agent]:
        """As many of them as one run may ask EC2 about, others the next time."""
        ordered = sorted(agents, key=lambda agent: agent.entity)
        rounds = -(-len(ordered) // _LOOKED_UP_A_RUN) or 1
        return ordered[self._turn_of(rounds) :: rounds]

    def _turn_of(self, turns: int) -> int:
        """Whose turn it is now of so many, from 0 on. Each comes, whether runs are one minute apart or five.

        Minutes counted up to `turns` would leave somebody out for good: of two, a run every two minutes takes only one.
        """
        return int(self._moment.now.timestamp() // 60 * _STRIDE % 1 * turns)

    def _look_up(self, agents: Iterable[Agent]) -> None:
        entities = {agent.entity for agent in agents} - self._instances.keys()
        self._instances |= self._ec2.look_up(entities)

    def _with_rest(self, entity: str, seen: Evidence) -> Evidence:
        """The evidence with the reason, if there is one, for which nobody minds that nothing came."""
        if seen.seen_at is None or self._moment.is_on_time(seen.seen_at):
            return seen
        return replace(seen, rest=self._rest(self._agents[entity], seen))

    def _rest(self, agent: Agent, seen: Evidence) -> Suppression | None:
        if any(maintenance.covers(self._watch.name, agent.entity, seen.instance) for maintenance in self._maintenance):
            return Suppression.MAINTENANCE
        if is_exempt(seen.instance.tag(EXEMPT), self._moment.now.date()):
            return Suppression.EXEMPT
        is_forgotten = agent.suppressed_by is Suppression.FORGOTTEN
        return Suppression.FORGOTTEN if is_forgotten and not _is_newer(agent, seen) else None

    def _is_overdue(self, seen: Evidence) -> bool:
        return seen.seen_at is not None and not self._moment.is_on_time(seen.seen_at)

    def _instance(self, entity: str) -> Instance:
        return self._instances.get(entity, UNMANAGED)

    def _power(self, entity: str) -> Power:
        return self._instance(entity).power


def _is_newer(agent: Agent, seen: Evidence) -> bool:
    return agent.seen_at is not None and any(time > agent.seen_at for time in seen.seen_at or ())


def _split[T](items: Iterable[T], is_second: Callable[[T], bool]) -> tuple[list[T], list[T]]:
    first: list[T] = []
    second: list[T] = []
    for item in items:
        (second if is_second(item) else first).append(item)
    return first, second

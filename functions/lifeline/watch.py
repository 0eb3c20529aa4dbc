"""Roster → datapoints → gaps: who is silent, told once.

What one run does, and what it leaves behind if it stops halfway:

1. read the roster and the list of active series; ask EC2 about the agents that were set aside; skip those still down
2. read the newest datapoints of one series for each agent; ask EC2 about those that are overdue
3. look further back, and at the agent's other series, before calling it silent; further back for those that return
4. write what changed, each agent under its revision: news is in the ledger before anybody hears of it
5. publish one notice for the gaps that opened and one for those that ended, then write that they were told

News that a failed run left untold is told by the next one. A notice may so come twice, never not at all.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from lifeline.adapters.cloudwatch import CloudWatch
from lifeline.adapters.instances import Instances
from lifeline.adapters.notices import Publishes
from lifeline.adapters.roster import Roster
from lifeline.core.gap_notice import opened_notice, resolved_notice
from lifeline.core.gaps import (
    UNMANAGED,
    Agent,
    Evidence,
    Instance,
    Moment,
    News,
    Power,
    Rules,
    Series,
    State,
    Verdict,
    Window,
    choose_series,
    claim,
    is_due_to_be_told,
    judge,
    other_series,
    series_in_turn,
    told,
    weigh,
)
from lifeline.core.notice import Notice
from lifeline.errors import LifelineError
from lifeline.observability import logger

_MOST_OTHERS = 20  # of an agent's other series, looked at once before it is called silent
_SIDE_BY_SIDE = 8


@dataclass(frozen=True, slots=True)
class Sources:
    """Whom the detector asks and tells. `namespace` is the agents'."""

    namespace: str
    cloudwatch: CloudWatch
    instances: Instances
    roster: Roster
    notices: Publishes


@dataclass(frozen=True, slots=True)
class Report:
    """One run's outcome: ids, sorted. `failures` says in words what could not be written or told."""

    watched: tuple[str, ...] = ()
    reporting: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    suppressed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    def as_answer(self) -> dict[str, list[str]]:
        """What the function returns: lists of ids."""
        return {
            "watched": list(self.watched),
            "reporting": list(self.reporting),
            "silent": list(self.silent),
            "suppressed": list(self.suppressed),
            "unknown": list(self.unknown),
            "opened": list(self.opened),
            "resolved": list(self.resolved),
        }


def watch_agents(sources: Sources, rules: Rules, *, now: datetime) -> Report:
    """Who is watched, and in which state, after gaps were opened and ended, written and told.

    What can't be read of an agent makes it `unknown`; what can't be written or told is in `failures` and tried again
    by the next run. Raises TransientError or TerminalError where the roster itself can't be read.
    """
    moment = Moment(now, rules)
    agents, listed = _find_agents(sources)
    evidence = _Survey(sources, moment, agents, listed).gather()
    verdicts = {entity: judge(agents[entity], seen, moment) for entity, seen in sorted(evidence.items())}
    known = {entity: verdict for entity, verdict in verdicts.items() if verdict is not None}
    return _Outcome(sources, now, agents, known).settle()


def _find_agents(sources: Sources) -> tuple[dict[str, Agent], Mapping[str, tuple[Series, ...]] | None]:
    """The remembered and the newly listed agents, and the list; None in its place where it can't be had."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        listing = pool.submit(sources.cloudwatch.list_series)
        remembered = sources.roster.read()
        try:
            listed = listing.result()
        except LifelineError as error:
            logger.warning(str(error))
            return remembered, None
    new = {entity: Agent(entity, choose_series(series)) for entity, series in listed.items()}
    return new | remembered, listed


class _Survey:
    """What can be seen of the agents, asking further only about those that aren't plainly on time."""

    def __init__(
        self,
        sources: Sources,
        moment: Moment,
        agents: Mapping[str, Agent],
        listed: Mapping[str, tuple[Series, ...]] | None,
    ) -> None:
        self._sources = sources
        self._moment = moment
        self._agents = agents
        self._listed = listed
        self._instances: dict[str, Instance] = {}

    def gather(self) -> dict[str, Evidence]:
        """The evidence for each agent, by entity."""
        self._look_up(agent for agent in self._agents.values() if agent.state is State.SUPPRESSED)
        down = [agent for agent in self._agents.values() if self._power(agent) in (Power.DOWN, Power.GONE)]
        found = {agent.entity: Evidence(agent.series, None, self._instance(agent)) for agent in down}
        up = [agent for agent in self._agents.values() if agent.entity not in found]
        found |= self._read({agent: self._usual_series(agent) for agent in up}, self._moment.usual_window)
        overdue = [agent for agent in up if self._is_overdue(found[agent.entity])]
        self._look_up(overdue)
        found |= {agent.entity: replace(found[agent.entity], instance=self._instance(agent)) for agent in overdue}
        found |= self._look_further(up, found)
        return found

    def _look_further(self, agents: Iterable[Agent], found: Mapping[str, Evidence]) -> dict[str, Evidence]:
        """Better evidence for agents that may fall silent now, and for silent ones that are back."""
        doubtful: dict[Agent, tuple[Series, ...]] = {}
        unsure: dict[str, Evidence] = {}
        for agent in agents:
            seen = found[agent.entity]
            is_overdue = self._is_overdue(seen)
            if agent.state is State.SILENT:
                if seen.seen_at is not None and not is_overdue:
                    doubtful[agent] = (seen.series,)
            elif is_overdue and self._power(agent) is not Power.GONE:
                if self._listed is None:
                    unsure[agent.entity] = replace(seen, seen_at=None)
                else:
                    doubtful[agent] = self._others(agent)
        recent = self._read(doubtful, self._moment.recent_window)
        lost = [agent for agent in doubtful if agent.revision and recent[agent.entity].seen_at == ()]
        return unsure | recent | self._read(dict.fromkeys(lost, ()), self._moment.remembered_window)

    def _read(self, wanted: Mapping[Agent, tuple[Series, ...]], window: Window) -> dict[str, Evidence]:
        """What each agent's own series and the others wanted say together."""
        series = {one for agent, others in wanted.items() for one in (agent.series, *others)}
        readings = self._sources.cloudwatch.read(series, window)
        return {
            agent.entity: weigh(agent.series, others, readings, self._instance(agent), self._moment)
            for agent, others in wanted.items()
        }

    def _look_up(self, agents: Iterable[Agent]) -> None:
        entities = {agent.entity for agent in agents} - self._instances.keys()
        self._instances |= self._sources.instances.look_up(entities)

    def _usual_series(self, agent: Agent) -> tuple[Series, ...]:
        """No other series while it reports; while it is silent, one in turn, for it may return under another."""
        if agent.state is not State.SILENT:
            return ()
        return series_in_turn(self._others(agent), self._moment)

    def _others(self, agent: Agent) -> tuple[Series, ...]:
        return other_series(agent.series, (self._listed or {}).get(agent.entity, ()), limit=_MOST_OTHERS)

    def _is_overdue(self, seen: Evidence) -> bool:
        return seen.seen_at is not None and not self._moment.is_on_time(seen.seen_at)

    def _instance(self, agent: Agent) -> Instance:
        return self._instances.get(agent.entity, UNMANAGED)

    def _power(self, agent: Agent) -> Power:
        return self._instance(agent).power


class _Outcome:
    """The verdicts, written and told."""

    def __init__(
        self, sources: Sources, now: datetime, before: Mapping[str, Agent], verdicts: Mapping[str, Verdict]
    ) -> None:
        self._sources = sources
        self._now = now
        self._before = before
        self._verdicts = verdicts
        self._failures: list[str] = []

    def settle(self) -> Report:
        """Write, tell, and write that it was told. One failure doesn't stop the rest."""
        written = self._save(self._changes())
        self._remove([entity for entity, verdict in self._verdicts.items() if verdict.agent is None])
        late = self._save(self._left_untold())
        for news in News:
            self._tell(news, [agent for agent in (*written, *late) if agent.untold is news])
        return self._report([agent.entity for agent in written])

    def _changes(self) -> list[Agent]:
        """What differs from the ledger, its news claimed for this run; an unknown agent has nothing to write."""
        return [
            claim(verdict.agent, self._now)
            for entity, verdict in self._verdicts.items()
            if verdict.agent is not None
            and verdict.state is not State.UNKNOWN
            and (verdict.agent != self._before[entity] or not verdict.agent.revision)
        ]

    def _left_untold(self) -> list[Agent]:
        """News of a run that failed, unless this run's own news took its place."""
        return [
            claim(agent, self._now)
            for entity, verdict in self._verdicts.items()
            if verdict.agent == (agent := self._before[entity]) and is_due_to_be_told(agent, self._now)
        ]

    def _tell(self, news: News, agents: list[Agent]) -> None:
        if not agents:
            return
        try:
            self._sources.notices.publish(self._notice(news, agents))
        except LifelineError as error:
            self._fail(error)
            return
        self._save(told(agent) for agent in agents)

    def _notice(self, news: News, agents: list[Agent]) -> Notice:
        match news:
            case News.OPENED:
                return opened_notice(agents, namespace=self._sources.namespace, now=self._now)
            case News.RESOLVED:
                return resolved_notice(agents, namespace=self._sources.namespace, now=self._now)
            case _:
                assert_never(news)

    def _save(self, agents: Iterable[Agent]) -> list[Agent]:
        """Those that were written; another run was first with the rest, or the ledger failed."""
        with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE) as pool:
            return [saved for saved in pool.map(self._save_one, agents) if saved is not None]

    def _save_one(self, agent: Agent) -> Agent | None:
        try:
            return self._sources.roster.save(agent)
        except LifelineError as error:
            self._fail(error)
            return None

    def _remove(self, entities: Iterable[str]) -> None:
        for entity in entities:
            try:
                self._sources.roster.remove(self._before[entity])
            except LifelineError as error:
                self._fail(error)

    def _fail(self, error: LifelineError) -> None:
        logger.error(str(error))
        self._failures.append(str(error))

    def _report(self, written: list[str]) -> Report:
        return Report(
            watched=tuple(sorted(self._verdicts)),
            reporting=self._in_state(State.REPORTING),
            silent=self._in_state(State.SILENT),
            suppressed=self._in_state(State.SUPPRESSED),
            unknown=self._in_state(State.UNKNOWN),
            opened=self._with_news(News.OPENED, written),
            resolved=self._with_news(News.RESOLVED, written),
            failures=tuple(self._failures),
        )

    def _in_state(self, state: State) -> tuple[str, ...]:
        return tuple(sorted(entity for entity, verdict in self._verdicts.items() if verdict.state is state))

    def _with_news(self, news: News, written: list[str]) -> tuple[str, ...]:
        return tuple(sorted(entity for entity in written if self._verdicts[entity].news is news))

"""Roster → datapoints → gaps → causes → incidents: who is silent, why, and when they are back, told once.

What one run does, and what it leaves behind if it stops halfway:

1. read the roster and the open incidents; every 15 minutes look who else is there
2. read the newest datapoint of each agent; ask EC2 about those that are overdue; judge each (`survey`, `core.gaps`)
3. find out why, for those whose cause isn't known yet (`inquiry`, `core.diagnose`); group them (`core.incidents`)
4. write the roster, then the incidents, each under its revision: of two runs that overlap, one has its way
5. tell, then write that it was told (`telling`); a notice may so come twice, never not at all

Where more agents are watched than one run can reach, step 2 is done in parts, each by an invocation of its own, and the
last one of them to end does the rest for all.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import batched

from lifeline.adapters.aws.bus import Bus
from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.aws.cloudwatch import CloudWatch
from lifeline.adapters.aws.detector_queue import Checks
from lifeline.adapters.aws.queue import Queue
from lifeline.adapters.aws.topic import Publishes
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.roster import Roster
from lifeline.core.agents.gaps import Agent, State, Suppression, Timing, Transition, Verdict, judge
from lifeline.core.agents.instances import Instance
from lifeline.core.agents.roster import MOST, Chunk, RosterState, place, replaced
from lifeline.core.agents.watches import Maintenance, Watch
from lifeline.core.errors import LifelineError, TransientError
from lifeline.core.incidents.incident import Incident
from lifeline.core.incidents.lifecycle import NewsKind, Settled, settle, to_examine
from lifeline.detector.announce import Announcer
from lifeline.detector.decision_log import log_transitions
from lifeline.detector.discovery import Listed, discover, is_due, list_series
from lifeline.detector.evidence import Case, EvidenceCollector, EvidenceSources
from lifeline.detector.survey import Observation, Survey
from lifeline.runtime.observability import logger
from lifeline.runtime.stages import stage

_CHUNKS_AT_ONCE = 20
_TRIES = 4  # to set an agent aside while runs write the same chunk


@dataclass(frozen=True, slots=True)
class Tools:
    """What the detector needs of the world; tests bring their own. `changes` is ReconcileEndpoints' queue."""

    cloudwatch: Callable[[Watch], CloudWatch]
    roster: Callable[[Watch], Roster]
    incidents: Incidents
    notices: Publishes
    bus: Bus
    sources: EvidenceSources
    changes: Queue
    checks: Checks | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One run's outcome. `states` counts the agents; the lists hold ids, sorted. `failures` are in words.

    `is_part` says that other invocations do the rest, and that the last of them counts for all; `is_unread` that the
    roster or the incidents couldn't be read: then nobody was counted.
    """

    states: Mapping[State, int] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    oldest_gap: timedelta = timedelta()
    open_incidents: int = 0
    notified: tuple[NewsKind, ...] = ()
    failures: tuple[str, ...] = ()
    is_part: bool = False
    is_unread: bool = False

    @property
    def watched(self) -> int:
        """How many agents are on the roster."""
        return sum(self.states.values())


class Run:
    """One run of one watch."""

    def __init__(
        self,
        watch: Watch,
        tools: Tools,
        *,
        now: datetime,
        run_id: str = "",
        maintenance: Sequence[Maintenance] = (),
        agents_a_run: int = 10_000,
        finds_expected: bool = True,
    ) -> None:
        self._watch = watch
        self._tools = tools
        self._now = now
        self._run_id = run_id
        self._maintenance = maintenance
        self._agents_a_run = agents_a_run
        self._finds_expected = finds_expected
        self._roster = tools.roster(watch)
        self._cloudwatch = tools.cloudwatch(watch)
        self._listed: Listed | None = None
        self._is_discovered = False
        self._is_written = True
        self._failures: list[str] = []
        self._notified: list[NewsKind] = []
        self._telling = Announcer(
            watch,
            tools.incidents,
            tools.notices,
            tools.changes,
            tools.bus,
            now=now,
            attempt=self._attempt,
            run_id=run_id,
        )

    # ---- what is asked for

    def check(self) -> Report:
        """Everything in one go; or, where the roster is too long for one run, the start of its parts.

        Raises TransientError or TerminalError where the roster or the open incidents can't be read.
        """
        if self._tools.checks is not None:
            sizes = self._roster.sizes()
            if sum(sizes.values()) > self._agents_a_run:
                return self._split(self._tools.checks, [*sizes])
        chunks = self._roster.read()
        kept = list(chunks)
        if self._is_discovery_due():
            chunks = self._discover(chunks)
        agents = _agents_of(chunks)
        survey = self._survey(agents, relist=self._relist)
        with stage("observe", self._run_id) as notified:
            observation = survey.observe()
            notified.numbers["agents"] = len(agents)
        verdicts = self._judge(agents, observation)
        report = self._settle(kept, chunks, verdicts, observation)
        self._end_discovery()
        return replace(report, failures=tuple(self._failures))

    def check_part(self, part: int, numbers: Sequence[int]) -> Report:
        """One part of a split run: its agents judged and written. The part that ends last settles for all of them.

        A part that is done, or whose run another one has followed, is left alone: that other one looks at its agents.
        """
        state = self._roster.state()
        if state.run_id != self._run_id or part not in state.waiting:
            logger.warning("part skipped: too late", watch=self._watch.name, part=part, run_id=self._run_id)
            return Report(is_part=True)
        chunks = self._roster.read(numbers)
        agents = _agents_of(chunks)
        with stage("observe", self._run_id) as notified:
            observation = self._survey(agents).observe()
            notified.numbers["agents"] = len(agents)
        verdicts = self._judge(agents, observation)
        changes = {entity: _kept_until_notified(agents[entity], verdict) for entity, verdict in verdicts.items()}
        self._save_chunks(chunks, [replaced(chunk, changes) for chunk in chunks])
        found = self._report(agents, verdicts, is_part=True)
        late, unknown = found.states.get(State.LATE, 0), found.states.get(State.UNKNOWN, 0)
        if self._roster.finish_part(self._run_id, part, late=late, unknown=unknown):
            gathered = self.gather(self._roster.state())
            return replace(gathered, unknown=found.unknown, opened=found.opened, ended=found.ended)
        return found

    def gather(self, state: RosterState) -> Report:
        """The incidents of all agents, whoever judged them: groups, tells and closes."""
        states: Counter[State] = Counter()
        chunks: list[Chunk] = []
        for numbers in batched(self._roster.sizes(), _CHUNKS_AT_ONCE, strict=False):
            for chunk in self._roster.read(numbers):
                states.update(agent.state for agent in chunk.agents.values())
                if any(agent.state is State.SILENT or agent.incident or agent.gap for agent in chunk.agents.values()):
                    chunks.append(chunk)
        leaving = {
            entity: Verdict(State.SUPPRESSED, None)
            for entity, agent in _agents_of(chunks).items()
            if _is_leaving(agent)
        }
        report = self._settle(chunks, chunks, leaving, Observation({}, {}))
        fleeting = Counter({State.LATE: state.late, State.UNKNOWN: state.unknown})
        states[State.REPORTING] = max(0, states[State.REPORTING] - fleeting.total())
        return replace(report, states=states + fleeting)

    def delete(self, entities: Iterable[str]) -> list[str]:
        """Sets agents aside until they report again, as an operator asks; those that were on the roster, sorted.

        Raises TransientError or TerminalError where that can't be read or written.
        """
        wanted = frozenset(entities)
        return sorted(entity for number in self._roster.sizes() for entity in self._forget_in(number, wanted))

    def _forget_in(self, number: int, wanted: frozenset[str]) -> list[str]:
        """Those of them that are in the chunk, written anew where a run was first."""
        for _ in range(_TRIES):
            [chunk] = self._roster.read([number]) or [Chunk(number)]
            changes = {
                entity: _set_aside(agent, self._now) for entity, agent in chunk.agents.items() if entity in wanted
            }
            if not changes or self._roster.save(replaced(chunk, changes)):
                return [*changes]
        raise TransientError(f"runs of {self._watch.name} were first each time; some agents are not forgotten")

    # ---- who is there

    def _is_discovery_due(self) -> bool:
        changed_at = self._attempt(self._tools.sources.audit.latest_change)
        return is_due(self._roster.discovered_at(), changed_at, self._now)

    def _discover(self, chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
        listed, expected = self._look_around()
        if listed is None:
            return tuple(chunks)
        changes = discover(_agents_of(chunks), listed, expected, self._now)
        known = {entity for chunk in chunks for entity in chunk.agents}
        new = [agent for entity, agent in sorted(changes.items()) if agent is not None and entity not in known]
        return place([replaced(chunk, changes) for chunk in chunks], new)

    def _look_around(self) -> tuple[Listed | None, Mapping[str, Instance] | None]:
        """Who is listed, and whose instance's tag says that an agent should report; None where nobody can say.

        That is a failure of this run, for nobody else would notice who is missing; the next run looks again.
        """
        none: Mapping[str, Instance] = {}
        find_expected = self._tools.sources.instances.find_expected
        self._listed = self._attempt(self._cloudwatch.list_series)
        expected = self._attempt(find_expected) if self._finds_expected else none
        self._is_discovered = self._listed is not None and expected is not None
        return self._listed, expected

    def _end_discovery(self) -> None:
        """Keeps that agents were looked for, once all that were found are written."""
        if self._is_discovered and self._is_written:
            self._attempt(lambda: self._roster.save_discovery(self._now))

    def _relist(self) -> Listed | None:
        if self._listed is None:
            self._listed = list_series(self._cloudwatch)
        return self._listed

    def _survey(self, agents: Mapping[str, Agent], relist: Callable[[], Listed | None] | None = None) -> Survey:
        return Survey(
            self._watch,
            self._moment,
            agents,
            self._cloudwatch,
            self._tools.sources.instances,
            maintenance=self._maintenance,
            relist=relist,
        )

    @property
    def _moment(self) -> Timing:
        return Timing(self._now, self._watch.rules)

    def _judge(self, agents: Mapping[str, Agent], observation: Observation) -> dict[str, Verdict]:
        moment = self._moment
        late = {entity: Verdict(State.LATE, agents[entity]) for entity in observation.late}
        judged = {entity: judge(agents[entity], seen, moment) for entity, seen in observation.evidence.items()}
        log_transitions(self._watch.name, judged, agents, observation.evidence, run_id=self._run_id)
        return late | judged

    # ---- in parts

    def _split(self, checks: Checks, numbers: Sequence[int]) -> Report:
        """Hands the parts to other invocations; first what an earlier run has left, and whoever is new."""
        state = self._roster.state()
        if not state.is_run_complete:
            left = len(state.waiting)
            self._failures.append(f"{left} parts of the last look at the agents of {self._watch.name} have not ended")
            self._attempt(lambda: self.gather(state))
        if self._is_discovery_due():
            numbers = self._discover_in_parts(numbers)
        parts = [*batched(numbers, max(1, self._agents_a_run // MOST), strict=False)]
        self._roster.begin_run(self._run_id, len(parts), self._now)
        checks.send(self._watch.name, self._run_id, parts)
        return Report(is_part=True, notified=tuple(self._notified), failures=tuple(self._failures))

    def _discover_in_parts(self, numbers: Sequence[int]) -> Sequence[int]:
        """As `_discover`, and written at once. Chunks that nobody changes are let go of as soon as they are seen."""
        listed, expected = self._look_around()
        if listed is None:
            return numbers
        unseen = dict(listed)
        unmet = dict(expected or {})
        roomy: list[Chunk] = []
        for batch in batched(numbers, _CHUNKS_AT_ONCE, strict=False):
            for chunk in self._roster.read(batch):
                here = {entity: unseen.pop(entity) for entity in chunk.agents if entity in unseen}
                wanted = {entity: unmet.pop(entity) for entity in chunk.agents if entity in unmet}
                changes = discover(chunk.agents, here, None if expected is None else wanted, self._now)
                changed = replaced(chunk, changes)
                [saved] = self._save_chunks([chunk], [changed]) or [chunk]
                if len(saved.agents) < MOST:
                    roomy.append(saved)
        new = discover({}, unseen, unmet, self._now)
        placed = place(roomy, [agent for agent in new.values() if agent], first_free=max(numbers, default=-1) + 1)
        self._save_chunks(roomy, placed)
        self._end_discovery()
        return sorted({*numbers, *(chunk.number for chunk in placed)})

    # ---- incidents

    def _settle(
        self,
        kept: Sequence[Chunk],
        chunks: Sequence[Chunk],
        verdicts: Mapping[str, Verdict],
        observation: Observation,
    ) -> Report:
        """Writes what was found, groups the silent into incidents, and tells. `kept` are the chunks as read."""
        before = _agents_of(chunks)
        after = {entity: verdicts[entity].agent if entity in verdicts else agent for entity, agent in before.items()}
        removed = [before[entity] for entity, agent in after.items() if agent is None and before[entity].incident]
        agents = {entity: agent for entity, agent in after.items() if agent is not None}
        incidents = self._tools.incidents.read_open(self._watch.name)
        agents |= self._without_ghosts(agents, incidents)
        case = Case(self._watch, agents, observation.instances, incidents, self._now, observation.quiet)
        wanted = to_examine(incidents, agents, self._now)
        with stage("diagnose", self._run_id) as notified:
            causes = EvidenceCollector(self._tools.sources, case).find_causes(wanted)
            notified.numbers["agents"] = len(wanted)
        settled = settle(self._watch, incidents, agents, removed, causes, self._now)
        agents |= settled.agents
        changes: dict[str, Agent | None] = {entity: agents.get(entity) for entity in before}
        written = self._save_chunks(kept, [replaced(chunk, changes) for chunk in chunks])
        if len(written) == len(chunks):
            self._notify(settled, written)
        report = self._report(before, verdicts, agents=agents)
        still_open = {incident.id for incident in (*incidents, *settled.incidents)} - {
            incident.id for incident in settled.closed
        }
        return replace(report, open_incidents=len(still_open))

    def _save_chunks(self, kept: Sequence[Chunk], chunks: Sequence[Chunk]) -> list[Chunk]:
        """The chunks as the ledger has them now; those in which another run was first are left out."""
        before = {chunk.number: chunk for chunk in kept}
        changed = [chunk for chunk in chunks if chunk != before.get(chunk.number)]
        saved = run_concurrently([partial(self._save_chunk, chunk) for chunk in changed])
        after = {chunk.number: new for chunk, new in zip(changed, saved, strict=True)}
        now = [after.get(chunk.number, chunk) for chunk in chunks]
        return [chunk for chunk in now if chunk is not None]

    def _save_chunk(self, chunk: Chunk) -> Chunk | None:
        saved = self._attempt(partial(self._roster.save, chunk))
        if saved is None:
            self._is_written = False
            logger.warning("agents not saved", watch=self._watch.name, chunk=chunk.number)
        return saved

    def _without_ghosts(self, agents: Mapping[str, Agent], incidents: Iterable[Incident]) -> dict[str, Agent]:
        """Agents that aren't silent and name an incident that isn't open: an earlier run stopped halfway.

        If that incident was closed, they only have to be let go. If it was never written, nobody has heard of it: an
        agent that is back keeps its gap, which is yet to be told.
        """
        known = {incident.id for incident in incidents}
        ghosts = {
            entity: agent
            for entity, agent in agents.items()
            if agent.incident and agent.incident not in known and agent.state is not State.SILENT
        }
        if not ghosts:
            return {}
        since = min((agent.gap.opened_at for agent in ghosts.values() if agent.gap), default=self._now)
        closed = self._attempt(lambda: self._tools.incidents.closed_since(self._watch.name, since))
        return {} if closed is None else {entity: _freed(agent, closed) for entity, agent in ghosts.items()}

    def _notify(self, settled: Settled, chunks: Sequence[Chunk]) -> None:
        """Tells what is news, and lets the agents go whose incidents are over."""
        with stage("notify", self._run_id) as notified:
            outcome = self._telling.notify(settled)
            notified.numbers["notices"] = len(outcome.kinds)
        self._notified += outcome.kinds
        self._save_chunks(chunks, [replaced(chunk, outcome.freed) for chunk in chunks])

    def _attempt[T](self, work: Callable[[], T]) -> T | None:
        """What the work gives; None if it fails, which the run's end reports: one failure doesn't stop the rest."""
        try:
            return work()
        except LifelineError as error:
            logger.error(str(error))
            self._failures.append(str(error))
            return None

    def _report(
        self,
        before: Mapping[str, Agent],
        verdicts: Mapping[str, Verdict],
        *,
        agents: Mapping[str, Agent] | None = None,
        is_part: bool = False,
    ) -> Report:
        states = {
            entity: verdicts[entity].state if entity in verdicts else agent.state for entity, agent in before.items()
        }
        silent = [agent for agent in (agents or {}).values() if agent.state is State.SILENT]
        turns = {entity: verdict.turn for entity, verdict in verdicts.items() if verdict.turn}
        return Report(
            states=Counter(states.values()),
            silent=tuple(sorted(agent.entity for agent in silent)),
            unknown=tuple(sorted(entity for entity, state in states.items() if state is State.UNKNOWN)),
            opened=tuple(sorted(entity for entity, turn in turns.items() if turn is Transition.OPENED)),
            ended=tuple(sorted(entity for entity, turn in turns.items() if turn is Transition.ENDED)),
            oldest_gap=max((agent.gap.length(self._now) for agent in silent if agent.gap), default=timedelta()),
            notified=tuple(self._notified),
            failures=tuple(self._failures),
            is_part=is_part,
        )


def _agents_of(chunks: Iterable[Chunk]) -> dict[str, Agent]:
    return {entity: agent for chunk in chunks for entity, agent in chunk.agents.items()}


def _set_aside(agent: Agent, now: datetime) -> Agent:
    """As an operator wants it: whatever came before `now` doesn't count as a sign of life any more."""
    gap = agent.gap if agent.incident else None
    return replace(agent, state=State.SUPPRESSED, suppressed_by=Suppression.FORGOTTEN, seen_at=now, gap=gap)


def _kept_until_notified(agent: Agent, verdict: Verdict) -> Agent | None:
    """What a part remembers: one that leaves goes when its incident counts it, which another run does."""
    if verdict.agent is None and agent.incident:
        return replace(agent, state=State.SUPPRESSED, suppressed_by=None)
    return verdict.agent


def _is_leaving(agent: Agent) -> bool:
    """Whether a part has found that it leaves the roster; whoever is set aside otherwise has a reason."""
    return agent.state is State.SUPPRESSED and agent.suppressed_by is None


def _freed(agent: Agent, closed: Collection[str]) -> Agent:
    """The agent without its incident, and without its gap where that was told, or nobody waits for it."""
    is_untold = agent.state is State.REPORTING and agent.incident not in closed
    return replace(agent, incident="", gap=agent.gap if is_untold else None)

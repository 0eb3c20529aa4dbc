"""Roster → datapoints → gaps → causes → incidents: who is silent, why, and when they are back, told once.

What one run does, and what it leaves behind if it stops halfway:

1. read the roster and the open incidents; every 15 minutes look who else is there
2. read the newest datapoint of each agent; ask EC2 about those that are overdue; judge each (`survey`, `core.gaps`)
3. find out why, for those whose cause isn't known yet (`inquiry`, `core.diagnose`); group them (`core.incidents`)
4. write the roster, then the incidents, each under its revision: of two runs that overlap, one has its way
5. tell, then write that it was told; a notice may so come twice, never not at all

Where more agents are watched than one run can reach, step 2 is done in parts, each by an invocation of its own, and the
last one of them to end does the rest for all.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import batched

from lifeline.adapters.aws import side_by_side
from lifeline.adapters.checks import Checks
from lifeline.adapters.cloudwatch import CloudWatch
from lifeline.adapters.incidents import Incidents
from lifeline.adapters.notices import Publishes
from lifeline.adapters.queue import Queue
from lifeline.adapters.roster import Roster
from lifeline.core.gaps import Agent, Moment, State, Suppression, Turn, Verdict, judge
from lifeline.core.incident import Incident
from lifeline.core.incident_notice import incident_notice, summary_notice
from lifeline.core.incidents import News, NewsKind, Settled, cap, settle, to_examine, told
from lifeline.core.machines import Instance
from lifeline.core.notice import Notice
from lifeline.core.roster import MOST, Chunk, place, replaced
from lifeline.core.watches import Maintenance, Watch
from lifeline.discovery import Listed, discover, find_expected, is_due, list_series
from lifeline.errors import LifelineError
from lifeline.events import Trigger
from lifeline.inquiry import Case, Inquiry, Witnesses
from lifeline.observability import logger
from lifeline.survey import Sight, Survey

_CHUNKS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Tools:
    """What the detector needs of the world; tests bring their own. `changes` is ReconcileEndpoints' queue."""

    cloudwatch: Callable[[Watch], CloudWatch]
    roster: Callable[[Watch], Roster]
    incidents: Incidents
    notices: Publishes
    witnesses: Witnesses
    changes: Queue
    checks: Checks | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """One run's outcome. `states` counts the agents; the lists hold ids, sorted. `failures` are in words.

    `is_part` says that other invocations do the rest, and that only `late` and `unknown` are counted here.
    """

    states: Mapping[State, int] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    oldest_gap: timedelta = timedelta()
    open_incidents: int = 0
    told: tuple[NewsKind, ...] = ()
    failures: tuple[str, ...] = ()
    is_part: bool = False

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
        self._failures: list[str] = []
        self._told: list[NewsKind] = []

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
        is_discovering = self._is_discovery_due()
        if is_discovering:
            chunks = self._discover(chunks)
        agents = _agents_of(chunks)
        survey = self._survey(agents, relist=self._relist)
        sight = survey.see()
        verdicts = self._judge(agents, sight)
        report = self._settle(kept, chunks, verdicts, sight)
        if is_discovering and self._listed is not None:
            self._attempt(lambda: self._roster.save_discovery(self._now))
        return report

    def check_part(self, part: int, numbers: Sequence[int]) -> Report:
        """One part of a split run: its agents judged and written. The part that ends last settles for all of them."""
        chunks = self._roster.read(numbers)
        agents = _agents_of(chunks)
        sight = self._survey(agents).see()
        verdicts = self._judge(agents, sight)
        changes = {entity: _kept_until_told(agents[entity], one) for entity, one in verdicts.items()}
        self._save_chunks(chunks, [replaced(chunk, changes) for chunk in chunks])
        found = self._report(agents, verdicts, is_part=True)
        if self._roster.finish_part(self._run_id, part):
            gathered = self.gather()
            return replace(gathered, unknown=found.unknown, opened=found.opened, ended=found.ended)
        return found

    def gather(self) -> Report:
        """The incidents of all agents, whoever judged them: groups, tells and closes."""
        states: Counter[State] = Counter()
        chunks: list[Chunk] = []
        for numbers in batched(self._roster.sizes(), _CHUNKS_AT_ONCE, strict=False):
            for chunk in self._roster.read(numbers):
                states.update(agent.state for agent in chunk.agents.values())
                if any(agent.state is State.SILENT or agent.incident or agent.gap for agent in chunk.agents.values()):
                    chunks.append(chunk)
        report = self._settle(chunks, chunks, {}, Sight({}, {}))
        return replace(report, states=states)

    def forget(self, entities: Iterable[str]) -> list[str]:
        """Sets agents aside until they report again, as an operator asks; those that were on the roster, sorted."""
        wanted = set(entities)
        chunks = self._roster.read()
        changes = {
            entity: _set_aside(agent, self._now)
            for entity, agent in _agents_of(chunks).items()
            if entity in wanted
        }
        saved = self._save_chunks(chunks, [replaced(chunk, changes) for chunk in chunks])
        return sorted(entity for chunk in saved for entity in chunk.agents if entity in changes)

    # ---- who is there

    def _is_discovery_due(self) -> bool:
        changed_at = self._attempt(self._tools.witnesses.ledger.latest_change)
        return is_due(self._roster.discovered_at(), changed_at, self._now)

    def _discover(self, chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
        listed = self._relist()
        if listed is None:
            return tuple(chunks)
        expected = self._find_expected()
        changes = discover(_agents_of(chunks), listed, expected, self._now)
        known = {entity for chunk in chunks for entity in chunk.agents}
        new = [agent for entity, agent in sorted(changes.items()) if agent is not None and entity not in known]
        return place([replaced(chunk, changes) for chunk in chunks], new)

    def _find_expected(self) -> Mapping[str, Instance] | None:
        return find_expected(self._tools.witnesses.instances) if self._finds_expected else {}

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
            self._tools.witnesses.instances,
            maintenance=self._maintenance,
            relist=relist,
        )

    @property
    def _moment(self) -> Moment:
        return Moment(self._now, self._watch.rules)

    def _judge(self, agents: Mapping[str, Agent], sight: Sight) -> dict[str, Verdict]:
        moment = self._moment
        late = {entity: Verdict(State.LATE, agents[entity]) for entity in sight.late}
        return late | {entity: judge(agents[entity], seen, moment) for entity, seen in sight.evidence.items()}

    # ---- in parts

    def _split(self, checks: Checks, numbers: Sequence[int]) -> Report:
        """Hands the parts to other invocations; first what an earlier run has left, and whoever is new."""
        if not self._roster.is_run_complete():
            logger.warning("the last run's parts have not all ended", watch=self._watch.name)
            self.gather()
        if self._is_discovery_due():
            numbers = self._discover_in_parts(numbers)
        parts = [*batched(numbers, max(1, self._agents_a_run // MOST), strict=False)]
        self._roster.begin_run(self._run_id, len(parts), self._now)
        checks.send(self._watch.name, self._run_id, parts)
        return Report(is_part=True, failures=tuple(self._failures))

    def _discover_in_parts(self, numbers: Sequence[int]) -> Sequence[int]:
        """As `_discover`, and written at once. Chunks that nobody changes are let go of as soon as they are seen."""
        listed = self._relist()
        if listed is None:
            return numbers
        expected = self._find_expected()
        unseen = dict(listed)
        unmet = dict(expected or {})
        roomy: list[Chunk] = []
        for some in batched(numbers, _CHUNKS_AT_ONCE, strict=False):
            for chunk in self._roster.read(some):
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
        self._attempt(lambda: self._roster.save_discovery(self._now))
        return sorted({*numbers, *(chunk.number for chunk in placed)})

    # ---- incidents

    def _settle(
        self,
        kept: Sequence[Chunk],
        chunks: Sequence[Chunk],
        verdicts: Mapping[str, Verdict],
        sight: Sight,
    ) -> Report:
        """Writes what was found, groups the silent into incidents, and tells. `kept` are the chunks as read."""
        before = _agents_of(chunks)
        after = {entity: verdicts[entity].agent if entity in verdicts else one for entity, one in before.items()}
        removed = [before[entity] for entity, agent in after.items() if agent is None and before[entity].incident]
        agents = {entity: agent for entity, agent in after.items() if agent is not None}
        incidents = self._tools.incidents.read_open(self._watch.name)
        agents |= _without_ghosts(agents, incidents)
        case = Case(self._watch, agents, sight.instances, incidents, self._now, sight.quiet)
        wanted = to_examine(incidents, agents, self._now)
        causes = Inquiry(self._tools.witnesses, case).find_causes(wanted)
        settled = settle(self._watch, incidents, agents, removed, causes, self._now)
        agents |= settled.agents
        changes: dict[str, Agent | None] = {entity: agents.get(entity) for entity in before}
        written = self._save_chunks(kept, [replaced(chunk, changes) for chunk in chunks])
        if len(written) == len(chunks):
            self._tell(settled, written)
        report = self._report(before, verdicts, agents=agents)
        still_open = {one.id for one in (*incidents, *settled.incidents)} - {one.id for one in settled.closed}
        return replace(report, open_incidents=len(still_open))

    def _save_chunks(self, kept: Sequence[Chunk], chunks: Sequence[Chunk]) -> list[Chunk]:
        """The chunks as the ledger has them now; those in which another run was first are left out."""
        before = {chunk.number: chunk for chunk in kept}
        changed = [chunk for chunk in chunks if chunk != before.get(chunk.number)]
        saved = side_by_side([partial(self._save_chunk, chunk) for chunk in changed])
        after = {chunk.number: new for chunk, new in zip(changed, saved, strict=True)}
        now = [after.get(chunk.number, chunk) for chunk in chunks]
        return [chunk for chunk in now if chunk is not None]

    def _save_chunk(self, chunk: Chunk) -> Chunk | None:
        saved = self._attempt(partial(self._roster.save, chunk))
        if saved is None:
            logger.warning("agents not written", watch=self._watch.name, chunk=chunk.number)
        return saved

    def _tell(self, settled: Settled, chunks: Sequence[Chunk]) -> None:
        """Claims each incident by writing it; tells of those that were claimed; writes that it was done."""
        claimed: dict[str, Incident] = {}
        untold = [one.incident for one in settled.news]
        waiting = {one.id: one for one in (*untold, *settled.incidents, *settled.closed)}
        for incident in waiting.values():
            saved = self._attempt(partial(self._tools.incidents.save, incident))
            if saved is not None:
                claimed[saved.id] = saved
        news = [replace(one, incident=claimed[one.incident.id]) for one in settled.news if one.incident.id in claimed]
        self._ask_for_mending(news)
        shown, rest = cap(news)
        done = [one for one in shown if self._publish(incident_notice(one, self._watch, self._now))]
        if rest and self._publish(summary_notice(rest, self._watch, self._now)):
            done += rest
        self._told += [one.kind for one in done]
        is_told = {one.incident.id for one in done}
        has_news = {one.incident.id for one in news}
        for one in done:
            if one.kind is not NewsKind.RESOLVED:
                self._attempt(partial(self._tools.incidents.save, told(one.incident, one, self._now)))
        closing = [claimed[one.id] for one in settled.closed if one.id in claimed]
        self._close([one for one in closing if one.id in is_told or one.id not in has_news], settled, chunks)

    def _close(self, closing: Sequence[Incident], settled: Settled, chunks: Sequence[Chunk]) -> None:
        """Ends incidents that were told, and lets their agents go."""
        freed: dict[str, Agent | None] = {}
        for incident in closing:
            if self._attempt(partial(self._tools.incidents.close, incident, now=self._now)):
                freed |= {agent.entity: agent for agent in settled.freed.get(incident.id, ())}
        self._save_chunks(chunks, [replaced(chunk, freed) for chunk in chunks])

    def _ask_for_mending(self, news: Sequence[News]) -> None:
        """Puts VPCs whose agents miss an endpoint on ReconcileEndpoints' queue: the change's event may be lost."""
        for one in news:
            cause = one.incident.cause
            if cause.is_healable and cause.vpc_id and not cause.fixed_at and one.kind is not NewsKind.RESOLVED:
                because = [Trigger("silence", event_id=one.incident.id)]
                put = partial(
                    self._tools.changes.put_back, [cause.vpc_id], attempt=0, after=timedelta(), because=because
                )
                self._attempt(put)

    def _publish(self, notice: Notice) -> bool:
        failures = len(self._failures)
        self._attempt(partial(self._tools.notices.publish, notice))
        return len(self._failures) == failures

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
        states = {entity: verdicts[entity].state if entity in verdicts else one.state for entity, one in before.items()}
        silent = [one for one in (agents or {}).values() if one.state is State.SILENT]
        turns = {entity: verdict.turn for entity, verdict in verdicts.items() if verdict.turn}
        return Report(
            states=Counter(states.values()),
            silent=tuple(sorted(agent.entity for agent in silent)),
            unknown=tuple(sorted(entity for entity, state in states.items() if state is State.UNKNOWN)),
            opened=tuple(sorted(entity for entity, turn in turns.items() if turn is Turn.OPENED)),
            ended=tuple(sorted(entity for entity, turn in turns.items() if turn is Turn.ENDED)),
            oldest_gap=max((agent.gap.length(self._now) for agent in silent if agent.gap), default=timedelta()),
            told=tuple(self._told),
            failures=tuple(self._failures),
            is_part=is_part,
        )


def _agents_of(chunks: Iterable[Chunk]) -> dict[str, Agent]:
    return {entity: agent for chunk in chunks for entity, agent in chunk.agents.items()}


def _set_aside(agent: Agent, now: datetime) -> Agent:
    """As an operator wants it: whatever came before `now` doesn't count as a sign of life any more."""
    gap = agent.gap if agent.incident else None
    return replace(agent, state=State.SUPPRESSED, suppressed_by=Suppression.FORGOTTEN, seen_at=now, gap=gap)


def _kept_until_told(agent: Agent, verdict: Verdict) -> Agent | None:
    """What a part remembers: one that leaves stays until its incident is closed, which another run does."""
    if verdict.agent is None and agent.incident:
        return replace(agent, state=State.SUPPRESSED, suppressed_by=Suppression.STOPPED)
    return verdict.agent


def _without_ghosts(agents: Mapping[str, Agent], incidents: Iterable[Incident]) -> dict[str, Agent]:
    """Agents that aren't silent and name an incident that isn't open: a run stopped before it let them go."""
    known = {incident.id for incident in incidents}
    return {
        entity: replace(agent, gap=None, incident="")
        for entity, agent in agents.items()
        if agent.incident and agent.incident not in known and agent.state is not State.SILENT
    }

"""Roster → datapoints → gaps → causes → incidents: which agents are silent, why, and which are back.

What one run does, and what it leaves behind if it stops halfway:

1. read the roster and the open incidents; every 15 minutes discover new agents
2. read the newest datapoint of each agent that may be overdue; ask EC2 about those that are; judge each (`survey`,
   `core.agents.gaps`)
3. diagnose those whose cause isn't known yet (`evidence`); group them (`core.incidents`)
4. write the roster, then the incidents, each under its revision: of two runs that overlap, one wins
5. notify, then write that it was done (`announce`): notices are delivered at least once

Where one run can't read all agents in time, step 2 is split into parts (`parts`), each in its own invocation.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from lifeline.adapters.aws.bus import Bus
from lifeline.adapters.aws.cloudwatch import CloudWatch
from lifeline.adapters.aws.detector_queue import Checks
from lifeline.adapters.aws.instances import Instances, NoInstances
from lifeline.adapters.aws.repair_requests import RepairRequests
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.full_watches import FullWatch
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.latest import LatestTimes
from lifeline.adapters.store.list_position import ListPosition
from lifeline.adapters.store.roster import Roster
from lifeline.core.agents.agent import Agent, State, Verdict
from lifeline.core.agents.gaps import judge
from lifeline.core.agents.roster import Chunk, dated, replaced
from lifeline.core.agents.timing import Timing
from lifeline.core.agents.watches import Maintenance, SeverityRule, Watch
from lifeline.core.incidents.incident import Cause, CauseKind, Incident
from lifeline.core.incidents.lifecycle import IncidentUpdate, NewsKind, to_examine, update_incidents
from lifeline.core.incidents.rating import NOT_KNOWN, Rater, Surroundings
from lifeline.core.owner import USUAL_TAGS, OwnerTags
from lifeline.detector.announce import Announcer
from lifeline.detector.attempts import Attempts
from lifeline.detector.chunks import ChunkWriter, agents_of, newest_of
from lifeline.detector.decision_log import log_transitions
from lifeline.detector.discovery import Discovery, Listed, is_due
from lifeline.detector.report import Report
from lifeline.detector.survey import Observation, Survey
from lifeline.runtime.stages import stage

if TYPE_CHECKING:
    from lifeline.detector.evidence import EvidenceSources


@dataclass(frozen=True, slots=True)
class DetectorTools:
    """The detector's adapters, and the stack's name; tests bring their own."""

    cloudwatch: Callable[[Watch], CloudWatch]
    roster: Callable[[Watch], Roster]
    incidents: Incidents
    notices: Topic
    bus: Bus
    instances: Instances
    times: LatestTimes
    sources: Callable[[], "EvidenceSources"]
    repairs: RepairRequests
    stack: str
    checks: Checks | None = None
    positions: Callable[[Watch], ListPosition] | None = None
    full: Callable[[Watch], FullWatch] | None = None


class WatchRun:
    """One run of one watch."""

    def __init__(
        self,
        watch: Watch,
        tools: DetectorTools,
        *,
        now: datetime,
        run_id: str = "",
        maintenance: Sequence[Maintenance] = (),
        severities: Sequence[SeverityRule] = (),
        owner_tags: OwnerTags = USUAL_TAGS,
        finds_expected: bool = True,
    ) -> None:
        self.watch = watch
        self.now = now
        self.run_id = run_id
        self.attempt = Attempts()
        self.roster = tools.roster(watch)
        self.chunks = ChunkWriter(self.roster, watch.name, self.attempt)
        self._cloudwatch = tools.cloudwatch(watch)
        if watch.is_elsewhere:
            tools = replace(tools, instances=NoInstances())
        self.tools = tools
        instances = tools.instances if finds_expected else None
        patience = watch.rules.period + watch.rules.grace
        position = tools.positions(watch) if tools.positions else None
        self.discovery = Discovery(
            self._cloudwatch,
            instances,
            self.roster,
            self.attempt,
            now,
            ec2=tools.instances,
            patience=patience,
            most_hosts=watch.most_hosts,
            position=position,
        )
        self._maintenance = maintenance
        self._severities, self._owner_tags = tuple(severities), owner_tags
        self._notified: list[NewsKind] = []
        self._announcer = Announcer(
            watch, tools.incidents, tools.notices, tools.repairs, tools.bus, now, self.attempt, tools.stack, run_id
        )

    def check(self) -> Report:
        """Check all agents of the watch.

        Raises TransientError or TerminalError where the roster or the open incidents can't be read.
        """
        kept = self.roster.read()
        chunks = self.chunks.within_room(kept, self.discovery.add_to(kept)) if self.is_discovery_due() else kept
        verdicts, observation = self.judge(chunks, relist=self.discovery.relist)
        report = self.update_incidents(kept, chunks, verdicts, observation)
        self.end_discovery()
        return replace(report, failures=tuple(self.attempt.failures))

    def is_discovery_due(self) -> bool:
        """True if agents must be discovered in this run, which is on record from now on."""
        changed_at = self.attempt(self.tools.times.change)
        return is_due(self.roster.begin_check(self.now), changed_at, self.now)

    def end_discovery(self) -> None:
        """Save when agents were discovered, once all of them are saved, and say who has no room on the roster."""
        self.discovery.end(is_saved=self.chunks.is_complete)
        if self.tools.full and self.discovery.without_room:
            self._announcer.notify_of_full(self.discovery.without_room, self.tools.full(self.watch))

    def judge(
        self, chunks: Sequence[Chunk], *, relist: Callable[[], Listed | None] | None = None
    ) -> tuple[dict[str, Verdict], Observation]:
        """Observe the chunks' agents, and judge those of which something can be said."""
        survey = self.survey(chunks, relist=relist)
        timing = survey.timing
        with stage("observe", self.run_id) as part:
            observation = survey.observe()
            part.numbers["agents"] = len(survey.agents)
        heard = survey.without_old_excuses()
        agents = {**survey.agents, **heard}
        late = {entity: Verdict(State.LATE, agents[entity]) for entity in observation.late}
        judged = {entity: judge(agents[entity], seen, timing) for entity, seen in observation.evidence.items()}
        log_transitions(self.watch.name, judged, agents, observation.evidence, run_id=self.run_id)
        newest = {entity: time for entity, time in observation.newest.items() if _is_kept(agents[entity], judged)}
        reporting = {entity: Verdict(State.REPORTING, agent) for entity, agent in heard.items()}
        return reporting | late | judged, replace(observation, newest=newest)

    def survey(self, chunks: Sequence[Chunk], *, relist: Callable[[], Listed | None] | None = None) -> Survey:
        """A survey of the chunks' agents, of which nothing is read yet."""
        return Survey(
            self.watch,
            Timing(self.now, self.watch.rules),
            agents_of(chunks),
            self._cloudwatch,
            self.tools.instances,
            maintenance=self._maintenance,
            relist=relist,
            newest=newest_of(chunks),
        )

    def update_incidents(
        self,
        kept: Sequence[Chunk],
        chunks: Sequence[Chunk],
        verdicts: Mapping[str, Verdict],
        observation: Observation,
        left_out: int = 0,
    ) -> Report:
        """Group the silent agents into incidents, save everything, and notify. `kept` are the chunks as read, without
        those of `left_out` agents that report.
        """
        before = agents_of(chunks)
        after = {entity: verdicts[entity].agent if entity in verdicts else agent for entity, agent in before.items()}
        removed = [before[entity] for entity, agent in after.items() if agent is None and before[entity].incident]
        agents = {entity: agent for entity, agent in after.items() if agent is not None}
        incidents = self.tools.incidents.read_open(self.watch.name)
        agents |= self._without_lost_incidents(agents, incidents)
        despite_tags = self._judge_excused(agents, observation)
        excused = {entity: agents[entity] for entity in despite_tags}
        agents |= {entity: verdict.agent for entity, verdict in despite_tags.items() if verdict.agent}
        examined = to_examine(incidents, agents, self.now)
        with stage("diagnose", self.run_id) as part:
            causes, around = self._diagnose(examined, agents, incidents, observation, left_out)
            part.numbers["agents"] = len(examined)
        agents |= {entity: agent for entity, agent in excused.items() if not _is_canarys(agent, causes, incidents)}
        rater = Rater(self.watch, around, self._severities, self._owner_tags)
        update = update_incidents(self.watch, incidents, agents, removed, causes, self.now, rater)
        agents |= update.agents
        changes: dict[str, Agent | None] = {entity: agents.get(entity) for entity in before}
        saved = self.chunks.save(kept, [dated(replaced(chunk, changes), observation.newest) for chunk in chunks])
        if len(saved) == len(chunks):
            self._notify(update, saved)
        ids = {incident.id for incident in (*incidents, *update.incidents)}
        closed = {incident.id for incident in update.closed}
        return replace(self.report(before, verdicts, agents.values()), open_incidents=len(ids - closed))

    def _judge_excused(self, agents: Mapping[str, Agent], observation: Observation) -> Mapping[str, Verdict]:
        """The verdicts on agents that a tag excuses, as far as Lifeline itself may have silenced them."""
        excused = [agent for agent in agents.values() if agent.is_excused(self.now)]
        if not excused:
            return {}
        from lifeline.detector.excused import judge_excused, still_silent  # noqa: PLC0415 - most runs have none

        sources = replace(self.tools.sources(), instances=self.tools.instances)
        timing = Timing(self.now, self.watch.rules)
        read = partial(judge_excused, excused, observation.instances, sources, self._cloudwatch, timing)
        found = self.attempt(read)
        return still_silent(excused) if found is None else found

    def _diagnose(
        self,
        examined: Collection[str],
        agents: Mapping[str, Agent],
        incidents: Sequence[Incident],
        observation: Observation,
        left_out: int,
    ) -> tuple[Mapping[str, Cause], Surroundings]:
        """The causes of the silence of those that are to be examined, and what was seen around them."""
        if not examined:
            return {}, NOT_KNOWN
        from lifeline.detector.evidence import Case, EvidenceCollector  # noqa: PLC0415 - most runs examine nobody

        quiet_among = observation.quiet_among
        case = Case(self.watch, agents, observation.instances, incidents, self.now, quiet_among, left_out)
        collector = EvidenceCollector(replace(self.tools.sources(), instances=self.tools.instances), case)
        found = collector.find_causes(examined)
        self.attempt.failures += collector.faults.values()
        return found, collector.surroundings()

    def report(
        self, before: Mapping[str, Agent], verdicts: Mapping[str, Verdict], after: Iterable[Agent] = ()
    ) -> Report:
        """The run's report so far."""
        report = Report.of(before, verdicts, after, self.now)
        return replace(report, notified=tuple(self._notified), failures=tuple(self.attempt.failures))

    def _without_lost_incidents(self, agents: Mapping[str, Agent], incidents: Iterable[Incident]) -> dict[str, Agent]:
        """Agents that aren't silent and name an incident that isn't open, because an earlier run stopped halfway.

        If that incident was closed, they are only freed. If it was never written, nobody was notified of it: an agent
        that is back keeps its gap, so that this run still reports it.
        """
        known = {incident.id for incident in incidents}
        lost = {
            entity: agent
            for entity, agent in agents.items()
            if agent.incident and agent.incident not in known and agent.state is not State.SILENT
        }
        if not lost:
            return {}
        since = min((agent.gap.opened_at for agent in lost.values() if agent.gap), default=self.now)
        closed = self.attempt(lambda: self.tools.incidents.closed_since(self.watch.name, since))
        return {} if closed is None else {entity: _freed(agent, closed) for entity, agent in lost.items()}

    def _notify(self, update: IncidentUpdate, chunks: Sequence[Chunk]) -> None:
        """Send the notices, and free the agents whose incidents are over."""
        with stage("notify", self.run_id) as part:
            announced = self._announcer.notify(update)
            part.numbers["notices"] = len(announced.kinds)
        self._notified += announced.kinds
        agents = agents_of(chunks)
        told = self._announcer.notify_of_tags(agents.values())
        changes = announced.freed | {entity: announced.freed.get(entity, agents[entity]).as_told() for entity in told}
        self.chunks.save(chunks, [replaced(chunk, changes) for chunk in chunks])


def _is_kept(agent: Agent, judged: Mapping[str, Verdict]) -> bool:
    """True if the agent still reports by the series that was read."""
    verdict = judged.get(agent.entity)
    after = verdict.agent if verdict else agent
    return after is not None and after.state is State.REPORTING and after.series == agent.series


def _is_canarys(agent: Agent, causes: Mapping[str, Cause], incidents: Iterable[Incident]) -> bool:
    """True if a canary silenced the agent, by its own cause or that of its incident."""
    own = next((incident.cause for incident in incidents if incident.id == agent.incident), None)
    cause = causes.get(agent.entity, own)
    return cause is not None and cause.kind is CauseKind.CANARY


def _freed(agent: Agent, closed: Collection[str]) -> Agent:
    """The agent without its incident, and without its gap unless that still has to be reported."""
    is_unreported = agent.state is State.REPORTING and agent.incident not in closed
    return replace(agent, incident="", gap=agent.gap if is_unreported else None)

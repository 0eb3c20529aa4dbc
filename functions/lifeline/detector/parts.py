"""Runs of a watch with more agents than one invocation can check in time: split into parts over a queue.

The first invocation discovers new agents and sends one message per part. Each part judges and saves its own agents; the
part that ends last groups the silent agents of all parts into incidents.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import batched

from lifeline.adapters.aws.detector_queue import Checks
from lifeline.core.agents.agent import Agent, State, Verdict
from lifeline.core.agents.roster import MOST, Chunk, RosterState, dated, place, replaced
from lifeline.detector.chunks import agents_of
from lifeline.detector.discovery import count_hosts, discover, leaving_heard
from lifeline.detector.loop import WatchRun
from lifeline.detector.report import Report
from lifeline.detector.survey import Observation
from lifeline.runtime.observability import logger

_CHUNKS_AT_ONCE = 20
_PATIENCE = timedelta(seconds=50)  # with parts that have not ended: less than the schedule's minute


class SplitRun:
    """A run that is split if the watch has more than `agents_a_run` agents and there is a queue for the parts."""

    def __init__(self, run: WatchRun, agents_a_run: int) -> None:
        self._run = run
        self._roster = run.roster
        self._agents_a_run = agents_a_run
        self._chunks_a_part = max(1, agents_a_run // MOST)

    def check(self) -> Report:
        """Check all agents, or start the parts that do.

        Raises TransientError or TerminalError where the roster or the open incidents can't be read.
        """
        checks = self._run.tools.checks
        if checks is not None:
            sizes = self._roster.sizes()
            if sum(sizes.values()) > self._agents_a_run:
                return self._start_parts(checks, [*sizes])
        return self._run.check()

    def check_part(self, part: int) -> Report:
        """Judge and save the agents of the part's chunks. The part that ends last updates the incidents of all parts.

        A part that is done, or that belongs to an earlier run, is skipped: the later run checks its agents.
        """
        run = self._run
        state = self._roster.state()
        if state.run_id != run.run_id or part not in state.waiting:
            logger.warning("part skipped: too late", watch=run.watch.name, part=part, run_id=run.run_id)
            return Report(is_part=True)
        first = part * self._chunks_a_part
        chunks = self._roster.read(range(first, first + self._chunks_a_part))
        agents = agents_of(chunks)
        verdicts, observation = run.judge(chunks)
        changes = {entity: _kept_until_counted(agents[entity], verdict) for entity, verdict in verdicts.items()}
        run.chunks.save(chunks, [dated(replaced(chunk, changes), observation.newest) for chunk in chunks])
        report = replace(run.report(agents, verdicts), is_part=True)
        late, unknown = report.states.get(State.LATE, 0), report.states.get(State.UNKNOWN, 0)
        if self._roster.finish_part(run.run_id, part, late=late, unknown=unknown):
            gathered = self._gather(self._roster.state())
            return replace(gathered, unknown=report.unknown, opened=report.opened, ended=report.ended)
        return report

    def _gather(self, state: RosterState) -> Report:
        """Update the incidents of all agents, whichever part judged them. Plain chunks are counted, and not read."""
        plain_sizes = self._roster.plain_sizes()
        states = Counter({State.REPORTING: sum(size or 0 for size in plain_sizes.values())})
        chunks: list[Chunk] = []
        left_out = states[State.REPORTING]
        others = [number for number, size in plain_sizes.items() if size is None]
        for numbers in batched(others, _CHUNKS_AT_ONCE, strict=False):
            for chunk in self._roster.read(numbers):
                states.update(agent.state for agent in chunk.agents.values())
                if any(_is_news(agent, self._run.now) for agent in chunk.agents.values()):
                    chunks.append(chunk)
                else:
                    left_out += sum(agent.state is State.REPORTING for agent in chunk.agents.values())
        leaving = {
            entity: Verdict(State.SUPPRESSED, None) for entity, agent in agents_of(chunks).items() if _is_leaving(agent)
        }
        observation = Observation({}, {}, quiet_among=self._run.survey(chunks).quiet_among)
        report = self._run.update_incidents(chunks, chunks, leaving, observation, left_out)
        fleeting = Counter({State.LATE: state.late, State.UNKNOWN: state.unknown})
        states[State.REPORTING] = max(0, states[State.REPORTING] - fleeting.total())
        return replace(report, states=states + fleeting)

    def _start_parts(self, checks: Checks, numbers: Sequence[int]) -> Report:
        """Send the parts, after finishing what an earlier run left and discovering new agents.

        While the parts of another run have their time, that run stays the one that checks the agents: whoever starts
        runs again and again would otherwise keep all parts from being checked.
        """
        run, state = self._run, self._roster.state()
        if state.run_id != run.run_id and state.is_under_way(run.now - _PATIENCE):
            return self._left_to_another(state)
        if not state.is_run_complete:
            left = len(state.waiting)
            run.attempt.failures.append(f"{left} parts of the last run of {run.watch.name} have not ended")
            run.attempt(lambda: self._gather(state))
        if run.is_discovery_due():
            numbers = self._discover(numbers)
        parts = max(numbers, default=-1) // self._chunks_a_part + 1
        if not self._roster.begin_run(run.run_id, parts, run.now, others_began=run.now - _PATIENCE):
            state = self._roster.state()
            if state.run_id != run.run_id:
                return self._left_to_another(state)
        checks.send(run.watch.name, run.run_id, parts)
        return replace(run.report({}, {}), is_part=True)

    def _left_to_another(self, state: RosterState) -> Report:
        logger.info("agents not checked: another run is under way", watch=self._run.watch.name, run_id=state.run_id)
        return replace(self._run.report({}, {}), is_part=True)

    def _discover(self, numbers: Sequence[int]) -> Sequence[int]:
        """Discover agents, and save them at once. Unchanged chunks are not kept in memory. Returns all numbers."""
        run = self._run
        listed, expected = run.discovery.read()
        if listed is None:
            return numbers
        unseen, joins_after, stretch = dict(listed), run.discovery.joins_after, run.discovery.stretch
        unmet = dict(expected or {})
        roomy: list[Chunk] = []
        hosts = 0
        for batch in batched(numbers, _CHUNKS_AT_ONCE, strict=False):
            for chunk in self._roster.read(batch):
                hosts += count_hosts(chunk.agents)
                here = {entity: unseen.pop(entity) for entity in chunk.agents if entity in unseen}
                wanted = {entity: unmet.pop(entity) for entity in chunk.agents if entity in unmet}
                there = None if expected is None else wanted
                changes = discover(chunk.agents, here, there, run.now, joins_after=joins_after, stretch=stretch)
                changes = leaving_heard(chunk.agents, changes)
                fitting = run.chunks.within_room([chunk], [replaced(chunk, changes)])
                [saved] = run.chunks.save([chunk], fitting) or [chunk]
                if len(saved.agents) < MOST:
                    roomy.append(saved)
        admitted = run.discovery.admit(unseen, hosts, unmet)
        elsewhere = run.discovery.elsewhere
        new = discover({}, admitted, unmet, run.now, joins_after=joins_after, stretch=stretch, elsewhere=elsewhere)
        joining, first_free = [agent for agent in new.values() if agent], max(numbers, default=-1) + 1
        placed = place(roomy, joining, first_free=first_free, fits=self._roster.has_room)
        run.chunks.save(roomy, run.chunks.within_room(roomy, placed))
        run.end_discovery()
        return sorted({*numbers, *(chunk.number for chunk in placed)})


def _kept_until_counted(agent: Agent, verdict: Verdict) -> Agent | None:
    """What a part saves: an agent that leaves stays until its incident counts it, in the part that ends last."""
    if verdict.agent is None and agent.incident:
        return replace(agent, state=State.SUPPRESSED, suppressed_by=None)
    return verdict.agent


def _is_news(agent: Agent, now: datetime) -> bool:
    """True if the agent concerns an incident, or would without a tag, or people are to be notified of its tags."""
    is_incidents = agent.state is State.SILENT or bool(agent.incident or agent.gap)
    return is_incidents or agent.is_unwatched or agent.is_excused(now)


def _is_leaving(agent: Agent) -> bool:
    """True if a part found that the agent leaves the roster. Other suppressed agents have a reason."""
    return agent.state is State.SUPPRESSED and agent.suppressed_by is None

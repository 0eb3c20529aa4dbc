"""Agents that a tag of their instances excuses, where Lifeline itself may have silenced them: by a canary.

Whoever may set a tag must not hide what Lifeline did. So such an agent is judged again without the tag, and that counts
if its silence turns out to be the canary's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from lifeline.adapters.aws.cloudwatch import CloudWatch
from lifeline.core.agents.agent import Agent, Evidence, State, Verdict
from lifeline.core.agents.gaps import judge
from lifeline.core.agents.instances import Instance
from lifeline.core.agents.timing import Timing
from lifeline.detector.evidence import EvidenceSources

_LOOKED_UP_A_RUN = 200  # one call; those that fell silent last


def judge_excused(
    agents: Iterable[Agent],
    instances: Mapping[str, Instance],
    sources: EvidenceSources,
    cloudwatch: CloudWatch,
    timing: Timing,
) -> dict[str, Verdict]:
    """The verdicts, as if there were no tag, on those of these excused agents that are silent in a VPC with a canary.

    `instances` are those that the run has looked up. Raises TransientError or TerminalError where the states of the
    VPCs can't be read.
    """
    excused = {agent.entity: agent for agent in agents}
    unseen = sorted(excused.keys() - instances.keys(), key=lambda entity: _last_seen(excused[entity]), reverse=True)
    known = {**instances, **sources.instances.look_up(unseen[:_LOOKED_UP_A_RUN])}
    places = {entity: known[entity].vpc_id for entity in excused.keys() & known.keys() if known[entity].vpc_id}
    states = sources.vpcs.load_all({sources.home.vpc(vpc_id) for vpc_id in places.values()})
    watched = {ref.vpc_id for ref, state in states.items() if state.canaries}
    near = [excused[entity] for entity, vpc_id in places.items() if vpc_id in watched]
    readings = cloudwatch.read({agent.series for agent in near if agent.series}, timing.recent_window)
    read = {agent.entity: readings.get(agent.series) if agent.series else None for agent in near}
    found = {
        agent.entity: judge(agent, Evidence(agent.series, read[agent.entity], known[agent.entity]), timing)
        for agent in near
    }
    return {entity: verdict for entity, verdict in found.items() if verdict.state is State.SILENT and verdict.agent}


def still_silent(agents: Iterable[Agent]) -> dict[str, Verdict]:
    """The verdicts on excused agents where that can't be read: who was in an open incident is as silent as before."""
    members = [agent for agent in agents if agent.incident and agent.gap and agent.gap.is_open]
    return {
        agent.entity: Verdict(State.SILENT, replace(agent, state=State.SILENT, suppressed_by=None)) for agent in members
    }


def _last_seen(agent: Agent) -> datetime:
    return agent.seen_at or datetime.min.replace(tzinfo=UTC)

"""Who is on the roster: agents that CloudWatch lists, and instances whose tag says that an agent should report."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from lifeline.adapters.aws.cloudwatch import CloudWatch
from lifeline.core.agents.gaps import Agent, Series, choose_series, needs_of, other_series
from lifeline.core.agents.instances import Instance
from lifeline.core.errors import LifelineError
from lifeline.runtime.observability import logger

PACE = timedelta(minutes=15)
SOONEST = timedelta(minutes=2)  # after a network change
_OTHERS = 3

type Listed = Mapping[str, tuple[Series, ...]]


def is_due(discovered_at: datetime | None, changed_at: datetime | None, now: datetime) -> bool:
    """Whether to look who is there: every 15 minutes, or 2 minutes after the last look if the network changed since."""
    if discovered_at is None or discovered_at > now:
        return True
    age = now - discovered_at
    return age >= PACE or (changed_at is not None and changed_at > discovered_at and age >= SOONEST)


def list_series(cloudwatch: CloudWatch) -> Listed | None:
    """The watch's series by entity; None, with a warning in the log, where the list can't be had."""
    try:
        return cloudwatch.list_series()
    except LifelineError as error:
        logger.warning(str(error))
        return None


def discover(
    roster: Mapping[str, Agent], listed: Listed, expected: Mapping[str, Instance] | None, now: datetime
) -> dict[str, Agent | None]:
    """What changes on the roster: new agents, other series of known ones, and None for the expected that are no more.

    An agent that isn't listed stays: CloudWatch forgets a silent one after three hours (CloudWatch API: ListMetrics,
    RecentlyActive), and that is no sign of health.
    """
    found: dict[str, Agent | None] = {}
    for entity, series in listed.items():
        known = roster.get(entity)
        agent = _renewed(known, series) if known else _agent(entity, series)
        if agent != known:
            found[entity] = agent
    if expected is None:
        return found
    for entity in expected.keys() - roster.keys() - found.keys():
        found[entity] = Agent(entity, None, expected_since=now)
    never = {entity for entity, agent in roster.items() if agent.series is None}
    return found | {entity: _unexpected(roster[entity]) for entity in never - expected.keys() - listed.keys()}


def _agent(entity: str, listed: Iterable[Series]) -> Agent:
    series = [*listed]
    chosen = choose_series(series)
    return Agent(entity, chosen, others=other_series(chosen, series, limit=_OTHERS), needs=needs_of(series))


def _unexpected(agent: Agent) -> Agent | None:
    """None; but one that an incident is open for goes with the next look at it, which that incident counts."""
    return replace(agent, expected_since=None) if agent.incident else None


def _renewed(agent: Agent, listed: tuple[Series, ...]) -> Agent:
    """The agent with others that still exist, where one of those it has is no longer listed."""
    needs = agent.needs | needs_of(listed)
    current = agent.series
    if current is None:
        return replace(agent, needs=needs)
    is_fresh = bool(agent.others) or not [series for series in listed if series != current]
    if is_fresh and set(agent.others) <= set(listed):
        return replace(agent, needs=needs)
    return replace(agent, needs=needs, others=other_series(current, listed, limit=_OTHERS))

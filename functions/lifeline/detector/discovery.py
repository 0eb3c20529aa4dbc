"""Discovery: agents that CloudWatch lists, and instances whose tag says that an agent should report."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from aws_lambda_powertools.metrics import MetricUnit

from lifeline.adapters.aws.cloudwatch import CloudWatch
from lifeline.adapters.aws.instances import Instances
from lifeline.adapters.store.roster import Roster
from lifeline.core.agents.admission import NEW_INSTANCES, admit_hosts, sample
from lifeline.core.agents.agent import PROOF, Agent, State
from lifeline.core.agents.instances import Instance, Power, is_instance_id
from lifeline.core.agents.roster import Chunk, place, replaced
from lifeline.core.agents.series import (
    MOST_KNOWN,
    Series,
    choose_series,
    marks_of,
    needs_of,
    other_series,
    split_marks,
)
from lifeline.core.errors import LifelineError
from lifeline.detector.attempts import Attempts
from lifeline.detector.chunks import agents_of
from lifeline.runtime.observability import logger, metrics

PACE = timedelta(minutes=15)
SOONEST = timedelta(minutes=2)  # after a network change
_OTHERS = 3
_JOINING = timedelta(hours=1)

type Listed = Mapping[str, tuple[Series, ...]]


def is_due(discovered_at: datetime | None, changed_at: datetime | None, now: datetime) -> bool:
    """True every 15 minutes, or 2 minutes after the last discovery if the network has changed since."""
    if discovered_at is None or discovered_at > now:
        return True
    age = now - discovered_at
    return age >= PACE or (changed_at is not None and changed_at > discovered_at and age >= SOONEST)


class Discovery:
    """One run's discovery. What can't be read is a failure of the run, and the next run discovers again."""

    def __init__(
        self,
        cloudwatch: CloudWatch,
        instances: Instances | None,
        roster: Roster,
        attempt: Attempts,
        now: datetime,
        *,
        ec2: Instances,
        patience: timedelta,
        most_hosts: int,
    ) -> None:
        """`instances` is None for a watch that expects no tagged instances. `patience` is how long an agent may send
        nothing and still count as reporting. `most_hosts` are watched for which EC2 can't vouch.
        """
        self._cloudwatch = cloudwatch
        self._instances = instances
        self._ec2 = ec2
        self._most_hosts = most_hosts
        self._roster = roster
        self._attempt = attempt
        self._now = now
        self.joins_after = _JOINING + patience
        self._listed: Listed | None = None
        self._is_complete = False
        self.elsewhere: frozenset[str] = frozenset()  # those admitted whose IDs EC2 doesn't know

    def read(self) -> tuple[Listed | None, Mapping[str, Instance] | None]:
        """The agents listed, and the instances expected to report; None for what can't be read."""
        none: Mapping[str, Instance] = {}
        self._listed = self._attempt(self._cloudwatch.list_series)
        expected = self._attempt(self._instances.find_expected) if self._instances else none
        self._is_complete = self._listed is not None and expected is not None
        return self._listed, expected

    def add_to(self, chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
        """The chunks with what was discovered."""
        listed, expected = self.read()
        if listed is None:
            return tuple(chunks)
        agents = agents_of(chunks)
        known = {entity: series for entity, series in listed.items() if entity in agents}
        new_names = {entity: series for entity, series in listed.items() if entity not in agents}
        admitted = {**known, **self.admit(new_names, count_hosts(agents), expected or ())}
        changes = discover(
            agents, admitted, expected, self._now, joins_after=self.joins_after, elsewhere=self.elsewhere
        )
        new = [agent for entity, agent in sorted(changes.items()) if agent is not None and entity not in agents]
        return place([replaced(chunk, changes) for chunk in chunks], new)

    def admit(self, new: Listed, hosts: int, expected: Collection[str]) -> Listed:
        """Those of the new names that join: instances that EC2 knows, or may know, and some others, among them
        instances elsewhere. `hosts` are on the roster, and `expected` are looked up already.
        """
        ids = [entity for entity in new if is_instance_id(entity) and entity not in expected]
        asked = sample(ids, NEW_INSTANCES, self._now)
        found = self._ec2.look_up(asked)
        there = [id_ for id_, instance in found.items() if instance.power not in (Power.GONE, Power.MISSING)]
        missing = {id_ for id_, instance in found.items() if instance.power is Power.MISSING}
        names = [entity for entity in new if not is_instance_id(entity) or entity in missing]
        joining = admit_hosts(names, hosts, self._most_hosts, self._now)
        self.elsewhere = frozenset(missing.intersection(joining))
        left_out = len(names) - len(joining) + len(ids) - len(asked)
        if left_out:
            logger.warning("agents left out", agents=left_out, hosts=hosts + len(joining), most_hosts=self._most_hosts)
            metrics.add_metric("AgentsLeftOut", MetricUnit.Count, left_out)
        admitted = {*there, *joining, *expected}
        return {entity: series for entity, series in new.items() if entity in admitted}

    def relist(self) -> Listed | None:
        """The agents listed, read once a run."""
        if self._listed is None:
            self._listed = list_series(self._cloudwatch)
        return self._listed

    def end(self, *, is_saved: bool) -> None:
        """Save the time of this discovery, if it was complete and its agents are saved."""
        if self._is_complete and is_saved:
            self._attempt(lambda: self._roster.save_discovery(self._now))


def count_hosts(agents: Mapping[str, Agent]) -> int:
    """How many of the agents EC2 can't vouch for: those of no instance, and those of instances elsewhere."""
    return sum(agent.is_elsewhere or not is_instance_id(entity) for entity, agent in agents.items())


def list_series(cloudwatch: CloudWatch) -> Listed | None:
    """The watch's series by entity; None, with a warning in the log, where the list can't be read."""
    try:
        return cloudwatch.list_series()
    except LifelineError as error:
        logger.warning(str(error))
        return None


def discover(
    roster: Mapping[str, Agent],
    listed: Listed,
    expected: Mapping[str, Instance] | None,
    now: datetime,
    *,
    joins_after: timedelta,
    elsewhere: Collection[str] = (),
) -> dict[str, Agent | None]:
    """The roster's changes: new agents, new series of known ones, and None for agents that are no longer expected.

    `elsewhere` are new instances that EC2 doesn't know. An agent that isn't listed stays: CloudWatch stops listing a
    silent one after three hours (CloudWatch API: ListMetrics, RecentlyActive), and that is no sign of health.
    """
    changes: dict[str, Agent | None] = {}
    for entity, series in listed.items():
        known = roster.get(entity)
        agent = (
            _renewed(known, series, now, joins_after)
            if known
            else _agent(entity, series, is_elsewhere=entity in elsewhere)
        )
        if agent != known:
            changes[entity] = agent
    if expected is None:
        return changes
    for entity in expected.keys() - roster.keys() - changes.keys():
        changes[entity] = Agent(entity, None, expected_since=now)
    never = {entity for entity, agent in roster.items() if agent.series is None}
    return changes | {entity: _unexpected(roster[entity]) for entity in never - expected.keys() - listed.keys()}


def _agent(entity: str, listed: Iterable[Series], *, is_elsewhere: bool) -> Agent:
    series = [*listed]
    chosen = choose_series(series)
    return Agent(
        entity,
        chosen,
        others=other_series(chosen, series, limit=_OTHERS),
        known=marks_of(series, entity),
        unproven=0 if is_instance_id(entity) and not is_elsewhere else PROOF,
        is_elsewhere=is_elsewhere,
        needs=needs_of(series),
    )


def _unexpected(agent: Agent) -> Agent | None:
    """None, unless an incident is open for the agent: then the next run removes it, and the incident counts that."""
    return replace(agent, expected_since=None) if agent.incident else None


def _renewed(agent: Agent, listed: tuple[Series, ...], now: datetime, joins_after: timedelta) -> Agent:
    """The agent with the series that became its own, and with other ones of its own that still exist, if one of those
    it has is no longer listed.

    What arrives under its id while it is silent stays strange, but for dimensions' values: an instance may have been
    resized meanwhile, and the survey asks EC2.
    """
    current = agent.series
    if current is None:
        return replace(agent, needs=agent.needs | needs_of(listed))
    own, marks = listed, marks_of(listed, agent.entity)
    if agent.state is State.REPORTING:
        agent = _with_own(agent, current, marks, now, joins_after)
    if agent.known and marks != agent.known:
        own = agent.own(listed, by_names=True)
        if agent.state is State.SILENT:
            strangers = tuple(series for series in listed if series not in own)[:_OTHERS]
            agent = replace(agent, strangers=strangers or agent.strangers)
    needs = agent.needs | needs_of(own)
    is_fresh = bool(agent.others) or not [series for series in own if series != current]
    if is_fresh and set(agent.others) <= set(own):
        return replace(agent, needs=needs)
    return replace(agent, needs=needs, others=other_series(current, own, limit=_OTHERS))


def _with_own(agent: Agent, current: Series, marks: str, now: datetime, joins_after: timedelta) -> Agent:
    """An agent that reports, with the marks of the series that are its own by now; `marks` are of those listed.

    A new one becomes its own once the agent has reported beside it for `joins_after`: longer than it may be unseen and
    still count as reporting. Sooner, whoever sends something else under its id when it stops would hide its silence.
    """
    if not agent.known or marks == agent.known:
        return replace(agent, known=marks, joining="", joining_since=None)
    here, known = split_marks(marks), {*split_marks(agent.known), *split_marks(marks_of([current], agent.entity))}
    new = {mark for mark in here if mark not in known}
    if agent.joining_since is None or now - agent.joining_since <= joins_after:
        since = agent.joining_since or now
        joining = agent.joining if agent.joining_since else "".join(sorted(new))
        adopted: set[str] = set()
    else:
        adopted = new & {*split_marks(agent.joining)}
        joining, since = "".join(sorted(new - adopted)), now
    kept = [mark for mark in here if mark in known | adopted]
    gone = sorted(known - {*here})
    own = "".join(sorted([*kept, *gone][:MOST_KNOWN]))
    return replace(agent, known=own, joining=joining, joining_since=since if joining else None)

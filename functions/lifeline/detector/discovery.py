"""Discovery: agents that CloudWatch lists, and instances whose tag says that an agent should report."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum, auto
from types import MappingProxyType

from lifeline.adapters.aws.cloudwatch import CloudWatch, ListingCutError
from lifeline.adapters.aws.instances import Instances
from lifeline.adapters.store.list_position import ListPosition, Position
from lifeline.adapters.store.roster import Roster
from lifeline.core.agents.admission import NEW_INSTANCES, admit_hosts, sample
from lifeline.core.agents.agent import PROOF, Agent, State, Suppression
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
from lifeline.core.errors import LifelineError, TerminalError
from lifeline.detector.attempts import Attempts
from lifeline.detector.chunks import agents_of
from lifeline.runtime.observability import logger

PACE = timedelta(minutes=15)
SOONEST = timedelta(minutes=2)  # after a network change
_OTHERS = 3
_JOINING = timedelta(hours=1)
_LONGEST = timedelta(hours=1)  # that a list may take: then it begins anew

type Listed = Mapping[str, tuple[Series, ...]]


class Stretch(Enum):
    """What of a watch's list was read: all of it, or a part after which more is to come, or the last one of several."""

    WHOLE = auto()
    PART = auto()
    LAST = auto()


def is_due(discovered_at: datetime | None, changed_at: datetime | None, now: datetime) -> bool:
    """True every 15 minutes, or 2 minutes after the last discovery if the network has changed since."""
    if discovered_at is None or discovered_at > now:
        return True
    age = now - discovered_at
    return age >= PACE or (changed_at is not None and changed_at > discovered_at and age >= SOONEST)


class Discovery:
    """One run's discovery. What can't be read is a failure of the run, and the next run discovers again.

    Where one run has no time to list all agents, the next ones go on. Until the last part is listed, nobody counts as
    unlisted: see `discover`.
    """

    def __init__(  # noqa: PLR0913 - what it needs of the world, by name
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
        position: ListPosition | None = None,
    ) -> None:
        """`instances` is None for a watch that expects no tagged instances. `patience` is how long an agent may send
        nothing and still count as reporting. `most_hosts` are watched for which EC2 can't vouch. `position` keeps where
        a list goes on.
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
        self._position = position
        self._began: Position | None = None  # where this run went on
        self._goes_on: Position | None = None  # where the next one is to
        self.elsewhere: dict[str, bool | None] = {}  # by those admitted whose instances EC2 didn't show: see `Agent`
        self.without_room: tuple[str, ...] = ()  # names that report and can't join, because the watch is full

    def read(self) -> tuple[Listed | None, Mapping[str, Instance] | None]:
        """The agents listed, and the instances expected to report; None for what can't be read."""
        none: Mapping[str, Instance] = {}
        self._listed = self._attempt(self._list)
        expected = self._attempt(self._instances.find_expected) if self._instances else none
        self._is_complete = self._listed is not None and expected is not None
        return self._listed, expected

    @property
    def stretch(self) -> Stretch:
        """What of the whole list `read` returned."""
        if self._goes_on:
            return Stretch.PART
        return Stretch.LAST if self._began else Stretch.WHOLE

    def _list(self) -> Listed:
        began = self._position.read() if self._position else None
        if began and self._now - began.began < _LONGEST:
            self._began = began
        try:
            return self._list_from(self._began.token if self._began else "")
        except ListingCutError as cut:
            self._goes_on = Position(cut.token, self._began.began if self._began else self._now)
            logger.info("agents listed in part: the next run goes on", agents=len(cut.listed))
            return cut.listed

    def _list_from(self, token: str) -> Listed:
        """A token that CloudWatch doesn't take any more begins anew."""
        if not token:
            return self._cloudwatch.list_series()
        try:
            return self._cloudwatch.list_series(token)
        except TerminalError as error:
            logger.warning("listing begins anew", error=str(error))
            self._began = None
            return self._cloudwatch.list_series()

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
            agents,
            admitted,
            expected,
            self._now,
            joins_after=self.joins_after,
            stretch=self.stretch,
            elsewhere=self.elsewhere,
        )
        changes = leaving_heard(agents, changes)
        new = [agent for entity, agent in sorted(changes.items()) if agent is not None and entity not in agents]
        return place([replaced(chunk, changes) for chunk in chunks], new, fits=self._roster.has_room)

    def admit(self, new: Listed, hosts: int, expected: Collection[str]) -> Listed:
        """Those of the new names that join: instances that EC2 knows, or may know, and some others, among them
        instances elsewhere. `hosts` are on the roster, and `expected` are looked up already.
        """
        ids = [entity for entity in new if is_instance_id(entity) and entity not in expected]
        asked = sample(ids, NEW_INSTANCES, self._now)
        found = self._ec2.look_up(asked)
        there = [id_ for id_, instance in found.items() if instance.power not in (Power.GONE, Power.MISSING)]
        missing = {id_ for id_, instance in found.items() if instance.power is Power.MISSING}
        unread = [id_ for id_, instance in found.items() if instance.power is Power.UNREADABLE]
        names = [entity for entity in new if not is_instance_id(entity) or entity in missing]
        joining = admit_hosts(names, hosts, self._most_hosts, self._now)
        self.elsewhere = {**dict.fromkeys(unread), **dict.fromkeys(missing.intersection(joining), True)}
        left_out = len(names) - len(joining) + len(ids) - len(asked)
        if hosts + len(joining) >= self._most_hosts > 0:  # who allows none, wants none
            self.without_room = tuple(sorted(set(names) - set(joining)))
        if left_out:
            logger.warning("agents left out", agents=left_out, hosts=hosts + len(joining), most_hosts=self._most_hosts)
        admitted = {*there, *joining, *expected}
        return {entity: series for entity, series in new.items() if entity in admitted}

    def relist(self) -> Listed | None:
        """The agents listed, read once a run; of very many, as many as there was time for."""
        if self._listed is None:
            self._listed = list_series(self._cloudwatch)
        return self._listed

    def end(self, *, is_saved: bool) -> None:
        """Save the time of this discovery, if it was complete, or else where to go on, once its agents are saved."""
        if not self._is_complete or not is_saved:
            return
        position, goes_on, began = self._position, self._goes_on, self._began
        if position and goes_on:
            self._attempt(lambda: position.save(goes_on))
        elif not goes_on:
            at = began.began if began else self._now
            self._attempt(lambda: self._roster.save_discovery(at))
            if position and began:
                self._attempt(position.clear)


def count_hosts(agents: Mapping[str, Agent]) -> int:
    """How many of the agents EC2 can't vouch for: those of no instance, and those of instances elsewhere."""
    return sum(agent.is_elsewhere is True or not is_instance_id(entity) for entity, agent in agents.items())


def list_series(cloudwatch: CloudWatch) -> Listed | None:
    """The watch's series by entity, as many as there was time for; None, with a warning in the log, where the list
    can't be read.
    """
    try:
        return cloudwatch.list_series()
    except ListingCutError as cut:
        return cut.listed
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
    stretch: Stretch = Stretch.WHOLE,
    elsewhere: Mapping[str, bool | None] = MappingProxyType({}),
) -> dict[str, Agent | None]:
    """The roster's changes: new agents, new series of known ones, and None for agents that are no longer expected.

    If only a `stretch` of the list was read, an agent may have more series than are listed, so that they only add to
    what is known of it. Who is expected and not listed is clear after the last stretch. `elsewhere` is True for new
    instances that EC2 doesn't know, and None where it couldn't be read.
    An agent that isn't listed stays: CloudWatch stops listing a silent one after three hours (CloudWatch API:
    ListMetrics, RecentlyActive), and that is no sign of health.
    """
    changes: dict[str, Agent | None] = {}
    for entity, series in listed.items():
        known = roster.get(entity)
        is_whole = stretch is Stretch.WHOLE
        if known:
            agent = _renewed(known, series, now, joins_after, is_whole=is_whole)
        else:
            agent = _agent(entity, series, is_elsewhere=elsewhere.get(entity, False))
        if not known and not is_whole:
            agent = replace(agent, known="")  # any counts as its own until a whole list says which there are
        if agent != known:
            changes[entity] = agent
    if expected is None or stretch is Stretch.PART:
        return changes
    for entity in expected.keys() - roster.keys() - changes.keys():
        changes[entity] = Agent(entity, None, expected_since=now)
    never = {entity for entity, agent in roster.items() if agent.series is None}
    return changes | {entity: _unexpected(roster[entity]) for entity in never - expected.keys() - listed.keys()}


def leaving_heard(roster: Mapping[str, Agent], changes: Mapping[str, Agent | None]) -> dict[str, Agent | None]:
    """The changes, in which an agent that is expected no more is only set aside until people were notified of that, or
    its instance is gone: whoever can remove its tag must not end its watch unheard, be it stopped meanwhile or not.
    """
    return {entity: _set_aside(roster[entity]) if agent is None else agent for entity, agent in changes.items()}


def _set_aside(agent: Agent) -> Agent | None:
    if Suppression.UNTAGGED in agent.excused:
        return None
    return replace(agent, state=State.SUPPRESSED, suppressed_by=Suppression.UNTAGGED)


def _agent(entity: str, listed: Iterable[Series], *, is_elsewhere: bool | None) -> Agent:
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


def _renewed(
    agent: Agent, listed: tuple[Series, ...], now: datetime, joins_after: timedelta, *, is_whole: bool
) -> Agent:
    """The agent with the series that became its own, and with other ones of its own that still exist, if one of those
    it has is no longer listed.

    What arrives under its id while it is silent stays strange, but for dimensions' values: an instance may have been
    resized meanwhile, and the survey asks EC2.
    """
    current = agent.series
    if current is None:
        return replace(agent, needs=agent.needs | needs_of(listed))
    if not is_whole:  # what is known of may be listed in another part
        listed = tuple(dict.fromkeys((*listed, current, *agent.others)))
    own, marks = listed, marks_of(listed, agent.entity)
    if agent.state is State.REPORTING:
        renew = _with_own if is_whole else _with_more
        agent = renew(agent, current, marks, now, joins_after)
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


def _with_more(agent: Agent, current: Series, marks: str, now: datetime, joins_after: timedelta) -> Agent:
    """The same where only a part of the agent's series may be listed: none is taken away, and none waits anew."""
    if not agent.known:
        return agent
    known, joining = {*split_marks(agent.known), *split_marks(marks_of([current], agent.entity))}, agent.joining
    here = {*split_marks(marks)} - known
    if agent.joining_since is None or now - agent.joining_since > 2 * joins_after:
        return replace(agent, joining="".join(sorted(here)), joining_since=now if here else None)
    if now - agent.joining_since <= joins_after:
        return agent
    adopted = here & {*split_marks(joining)}
    own = "".join(sorted(known | adopted)[:MOST_KNOWN])
    joining = "".join(sorted({*split_marks(joining)} - adopted))
    return replace(agent, known=own, joining=joining, joining_since=agent.joining_since if joining else None)


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

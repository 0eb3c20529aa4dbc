"""From silent agents and their causes to incidents: opened, told, joined, recovered, closed.

One incident holds all the agents that one cause silenced. An agent is in at most one; it stays in it, silent or back,
until that closes, unless it starts to flap or falls silent anew. Nothing here is written or sent: `settle` says what to
write and what to tell, and `told` what to write once it was told. The shell keeps this order, so that whatever fails is
done next time:

1. write the agents and the incidents of `settle`; that an agent names an incident which isn't there is put right later
2. send the notices, and write `told` of each
3. close what is `closed`, where its notice was sent or there is none, and write its `freed` agents

Agents must all be at hand: an incident whose agents are missing looks as if they were gone.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from lifeline.core.agents.gaps import Agent, State
from lifeline.core.agents.watches import Watch
from lifeline.core.incidents.grouping import (
    MISSED,
    PATIENCE,
    UNEXAMINED,
    Groups,
    flapping_cause,
    in_order,
    refresh_cause,
)
from lifeline.core.incidents.incident import RECOVERY_TIME, Cause, CauseKind, Incident, Phase

MANY = 10  # silent agents that make an incident critical
MOST_NOTICES = 10  # a run; the rest go into one
CHECK_EVERY = timedelta(minutes=5)
UPDATE_EVERY = timedelta(minutes=10)
FIRST_REMINDERS = (timedelta(hours=1), timedelta(hours=4))
REMIND_EVERY = timedelta(days=1)
_SILENT_LOOKED_AT = 5
_OTHERS_LOOKED_AT = 3


class NewsKind(StrEnum):
    """What people are told of an incident, the gravest first."""

    OPENED = "opened"
    UPDATED = "updated"
    REMINDER = "reminder"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class News:
    """Something to tell of an incident, as it is before that was told. Members are sorted by entity.

    `joined` is how many agents people don't know of yet.
    """

    kind: NewsKind
    incident: Incident
    silent: tuple[Agent, ...] = ()
    back: tuple[Agent, ...] = ()
    set_aside: tuple[Agent, ...] = ()
    joined: int = 0

    @property
    def members(self) -> tuple[Agent, ...]:
        """All that are left in it: silent, back, set aside."""
        return (*self.silent, *self.back, *self.set_aside)

    @property
    def is_critical(self) -> bool:
        """True if it is many agents that are silent, and people don't know that yet."""
        return len(self.silent) >= MANY > self.incident.notified_agents

    @property
    def is_explained(self) -> bool:
        """True if people were told another cause before."""
        return _is_explained(self.incident)


@dataclass(frozen=True, slots=True)
class Settled:
    """What one run makes of a watch's incidents.

    `agents` are those whose record changes, `incidents` those that are new or changed; both are written before anything
    is told. `closed` are over as soon as their news, if there is any, was sent, and not before; `freed` are then their
    members' records. `news` has the gravest first.
    """

    agents: Mapping[str, Agent]
    incidents: tuple[Incident, ...]
    closed: tuple[Incident, ...]
    freed: Mapping[str, tuple[Agent, ...]]
    news: tuple[News, ...]


def to_examine(open_: Sequence[Incident], agents: Mapping[str, Agent], now: datetime) -> frozenset[str]:
    """The entities whose cause must be known for `settle`: silent ones without an incident, and a few of each that is
    due to be looked at again.
    """
    known = {incident.id: incident for incident in open_}
    members = _members(agents.values())
    found = {
        agent.entity
        for agent in agents.values()
        if agent.state is State.SILENT
        and _lacks_incident(agent, known.get(agent.incident))
        and not (agent.is_flapping and agent.incident in known)
    }
    for incident in open_:
        if _is_look_due(incident, members[incident.id], now):
            found |= {agent.entity for agent in _representatives(incident, members[incident.id])}
    return frozenset(found)


def settle(
    watch: Watch,
    open_: Sequence[Incident],
    agents: Mapping[str, Agent],
    removed: Sequence[Agent],
    causes: Mapping[str, Cause],
    now: datetime,
) -> Settled:
    """What becomes of the watch's incidents, given all of its agents that are silent or have a gap or an incident.

    `removed` left the roster in this run. `causes` are those of `to_examine`; an agent without one waits for the next
    run, but no longer than PATIENCE. Settling again what was written changes nothing.
    """
    return _Settlement(watch, open_, agents, removed, causes, now).settle()


def notified(incident: Incident, news: News, now: datetime) -> Incident:
    """The incident once its news was sent. The next reminder follows the schedule, not this time."""
    return replace(
        incident,
        notified_at=now,
        notified_agents=_size(incident, news.members),
        notified_phase=incident.phase,
        notified_cause=incident.cause.key,
        reminders=_reminders_due(incident, now),
    )


def cap(news: Sequence[News]) -> tuple[list[News], list[News]]:
    """What is told one by one, the gravest MOST_NOTICES, and the rest, for one notice."""
    return list(news[:MOST_NOTICES]), list(news[MOST_NOTICES:])


def recovers_until(incident: Incident) -> datetime | None:
    """Until when its agents may still need time to come back; None where nothing has been done for them yet.

    An endpoint that is coming up counts from the incident's opening, so that one which never does is told.
    """
    if incident.cause.kind is CauseKind.FLAPPING:
        return None
    if incident.cause.fixed_at:
        return incident.cause.fixed_at + RECOVERY_TIME
    return incident.opened_at + RECOVERY_TIME if incident.cause.kind is CauseKind.ENDPOINT_PENDING else None


class _Settlement:
    def __init__(
        self,
        watch: Watch,
        open_: Sequence[Incident],
        agents: Mapping[str, Agent],
        removed: Sequence[Agent],
        causes: Mapping[str, Cause],
        now: datetime,
    ) -> None:
        self._now = now
        self._causes = causes
        self._before = {incident.id: incident for incident in open_}
        leavers = {agent.entity: agent.incident for agent in removed}
        gone = Counter(leavers.values())
        self._agents = {
            agent.entity: agent for agent in agents.values() if _matters(agent) and agent.entity not in leavers
        }
        self._changed: dict[str, Agent] = {}
        counted = [replace(incident, gone=incident.gone + gone[incident.id]) for incident in open_]
        counted = self._without_movers(counted)
        self._groups = Groups(watch.name, counted, self._agents.values(), now)

    def settle(self) -> Settled:
        for agent, cause in in_order(self._homeless(), self._now):
            self._changed[agent.entity] = replace(agent, incident=self._groups.put(agent, cause))
        members = _members((self._agents | self._changed).values())
        incidents = [self._looked_at(incident, members[incident.id]) for incident in self._groups.incidents]
        closed = [incident for incident in incidents if _is_over(incident, members[incident.id])]
        over = {incident.id for incident in closed}
        found = [self._news(incident, members[incident.id], is_over=incident.id in over) for incident in incidents]
        news = [news_item for news_item in found if news_item is not None]
        silently = over - {news_item.incident.id for news_item in news}
        return Settled(
            agents=self._changed,
            incidents=tuple(
                incident
                for incident in incidents
                if incident != self._before.get(incident.id) and incident.id not in silently
            ),
            closed=tuple(closed),
            freed={incident.id: tuple(_freed(agent) for agent in members[incident.id]) for incident in closed},
            news=tuple(sorted(news, key=_gravity)),
        )

    def _homeless(self) -> Iterable[tuple[Agent, Cause]]:
        """The agents that need an incident, with their cause, as far as it is known or waited for long enough."""
        for agent in self._agents.values():
            incident = self._before.get(agent.incident)
            if not _lacks_incident(agent, incident):
                continue
            cause = self._cause(agent, incident)
            if cause:
                yield agent, cause

    def _cause(self, agent: Agent, incident: Incident | None) -> Cause | None:
        found = self._causes.get(agent.entity)
        if agent.is_flapping:
            return flapping_cause(agent, found or (incident.cause if incident else None))
        if found:
            return found
        if agent.state is State.REPORTING:
            return MISSED
        is_overdue = agent.gap is None or self._now - agent.gap.opened_at >= PATIENCE
        return UNEXAMINED if is_overdue else None

    def _without_movers(self, incidents: Sequence[Incident]) -> list[Incident]:
        """The incidents, of which people know no more agents than stay: who joins later is news then."""
        moving = {agent.entity for agent, _ in self._homeless() if agent.incident in self._before}
        if not moving:
            return list(incidents)
        stay = _members(agent for agent in self._agents.values() if agent.entity not in moving)
        left = {self._agents[entity].incident for entity in moving}
        return [
            replace(incident, notified_agents=min(incident.notified_agents, _size(incident, stay[incident.id])))
            if incident.id in left
            else incident
            for incident in incidents
        ]

    def _looked_at(self, incident: Incident, members: Sequence[Agent]) -> Incident:
        """The incident with what a look at its representatives says, if all of them were looked at, and its phase.

        Once all are back, something else that is wrong around them now is not what kept them silent.
        """
        found = [self._causes.get(agent.entity) for agent in _representatives(incident, members)]
        seen = [cause for cause in found if cause is not None]
        looked = incident
        if found and len(seen) == len(found):
            is_over = not any(agent.state is State.SILENT for agent in members)
            fitting = [cause for cause in seen if not is_over or cause.fixed_at or cause.key == incident.cause.key]
            looked = replace(incident, cause=refresh_cause(incident.cause, fitting), checked_at=self._now)
        until = recovers_until(looked)
        phase = Phase.RECOVERING if until and self._now < until else Phase.BROKEN
        was_hopeful = incident.notified_at is not None and incident.phase is Phase.RECOVERING
        hoped = Phase.RECOVERING if was_hopeful and phase is Phase.BROKEN else incident.notified_phase
        known = min(
            incident.notified_agents, _size(incident, members)
        )  # of those who are left, so that who joins is news
        return replace(looked, phase=phase, notified_phase=hoped, notified_agents=known)

    def _news(self, incident: Incident, members: Sequence[Agent], *, is_over: bool) -> News | None:
        kind = self._news_kind(incident, members, is_over=is_over)
        if kind is None:
            return None
        by_state = {state: tuple(agent for agent in members if agent.state is state) for state in State}
        return News(
            kind=kind,
            incident=incident,
            silent=by_state[State.SILENT],
            back=by_state[State.REPORTING],
            set_aside=by_state[State.SUPPRESSED],
            joined=max(0, _size(incident, members) - incident.notified_agents),
        )

    def _news_kind(self, incident: Incident, members: Sequence[Agent], *, is_over: bool) -> NewsKind | None:
        if is_over:
            is_worth_it = incident.notified_at or any(agent.state is State.REPORTING for agent in members)
            return NewsKind.RESOLVED if is_worth_it else None
        if incident.notified_at is None:
            return NewsKind.OPENED
        has_joined = _size(incident, members) > incident.notified_agents
        if has_joined and (self._now - incident.notified_at >= UPDATE_EVERY or _turns_critical(incident, members)):
            return NewsKind.UPDATED
        is_disappointed = incident.phase is Phase.BROKEN and incident.notified_phase is Phase.RECOVERING
        if is_disappointed or _is_explained(incident):
            return NewsKind.UPDATED
        return NewsKind.REMINDER if _reminders_due(incident, self._now) > incident.reminders else None


def _matters(agent: Agent) -> bool:
    """Whether it has to do with any incident: of a fleet that is well, hardly one does."""
    return agent.state is State.SILENT or agent.gap is not None or bool(agent.incident)


def _members(agents: Iterable[Agent]) -> defaultdict[str, list[Agent]]:
    """The agents by incident, each sorted by entity."""
    found: defaultdict[str, list[Agent]] = defaultdict(list)
    for agent in sorted((agent for agent in agents if agent.incident), key=lambda agent: agent.entity):
        found[agent.incident].append(agent)
    return found


def _lacks_incident(agent: Agent, incident: Incident | None) -> bool:
    """Whether it needs an incident: none is open for its silence, or one that doesn't fit whether it flaps.

    One that was back before it got any needs one too: its silence is told all the same.
    """
    if agent.state is State.SUPPRESSED:
        return False
    if incident is not None and agent.is_flapping:
        return incident.cause.kind is not CauseKind.FLAPPING
    if agent.state is State.SILENT:
        return incident is None or incident.cause.kind is CauseKind.FLAPPING
    return not agent.incident and agent.gap is not None and agent.gap.ended_at is not None


def _representatives(incident: Incident, members: Sequence[Agent]) -> Sequence[Agent]:
    """Those whose cause stands for all. That an agent flaps is known without a look at anything else."""
    if incident.cause.kind is CauseKind.FLAPPING:
        return ()
    silent = [agent for agent in members if agent.state is State.SILENT]
    return silent[:_SILENT_LOOKED_AT] or members[:_OTHERS_LOOKED_AT]


def _is_look_due(incident: Incident, members: Sequence[Agent], now: datetime) -> bool:
    return (
        incident.checked_at is None
        or now - incident.checked_at >= CHECK_EVERY
        or _reminders_due(incident, now) > incident.reminders
        or _is_over(incident, members)
    )


def _is_over(incident: Incident, members: Sequence[Agent]) -> bool:
    """Whether nobody is silent any more; and of a flapping incident, nobody flaps but those that are set aside."""
    if any(agent.state is State.SILENT for agent in members):
        return False
    is_calm = not any(agent.is_flapping and agent.state is State.REPORTING for agent in members)
    return incident.cause.kind is not CauseKind.FLAPPING or is_calm


def _reminders_due(incident: Incident, now: datetime) -> int:
    """How many times for a reminder have come since the incident was opened."""
    age = max(now - incident.opened_at, timedelta())
    return sum(age >= first for first in FIRST_REMINDERS) + age // REMIND_EVERY


def _turns_critical(incident: Incident, members: Iterable[Agent]) -> bool:
    return sum(agent.state is State.SILENT for agent in members) >= MANY > incident.notified_agents


def _is_explained(incident: Incident) -> bool:
    return incident.notified_cause not in ("", incident.cause.key)


def _size(incident: Incident, members: Sequence[Agent]) -> int:
    return len(members) + incident.gone


def _freed(agent: Agent) -> Agent:
    return replace(agent, gap=None, incident="")


def _gravity(news: News) -> tuple[int, int, datetime, str]:
    return (list(NewsKind).index(news.kind), -len(news.silent), news.incident.opened_at, news.incident.id)

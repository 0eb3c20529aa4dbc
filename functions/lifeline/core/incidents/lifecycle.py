"""The life of incidents: opened, updated, recovered, closed, given silent agents and their causes.

One incident holds all the agents that one cause silenced. An agent is in at most one; it stays in it, silent or back,
until that closes, unless it starts to flap or goes silent again. Nothing is written or sent here: `update_incidents`
says what to write and what to report, and `notified` what to write after a notice was sent. Callers keep this order, so
that whatever fails is repeated by the next run:

1. write the agents and the incidents of `update_incidents`; an agent that names a missing incident is corrected later
2. send the notices, and write `notified` of each
3. close what is `closed`, if its notice was sent or it has none, and write its `freed` agents

All agents must be given: an incident whose agents are missing looks as if they were gone.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from lifeline.core.agents.agent import Agent, State
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
from lifeline.core.incidents.rating import MANY, Rater
from lifeline.core.severity import Severity

MOST_NOTICES = 10  # per run; the rest share one notice
CHECK_EVERY = timedelta(minutes=5)
UPDATE_EVERY = timedelta(minutes=10)
FIRST_REMINDERS = (timedelta(hours=1), timedelta(hours=4))
REMIND_EVERY = timedelta(days=1)
_SILENT_CHECKED = 5
_OTHERS_CHECKED = 3


class NewsKind(StrEnum):
    """The kinds of incident notices, the most severe first."""

    OPENED = "opened"
    UPDATED = "updated"
    REMINDER = "reminder"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class News:
    """Something to report about an incident, as it is before the notice is sent. Members are sorted by entity.

    `joined` is the number of agents that no notice has mentioned yet.
    """

    kind: NewsKind
    incident: Incident
    silent: tuple[Agent, ...] = ()
    back: tuple[Agent, ...] = ()
    set_aside: tuple[Agent, ...] = ()
    joined: int = 0

    @property
    def members(self) -> tuple[Agent, ...]:
        """All remaining agents: silent, back, set aside."""
        return (*self.silent, *self.back, *self.set_aside)

    @property
    def severity(self) -> Severity:
        """The incident's; by the number of silent agents if an earlier version wrote it."""
        return self.incident.severity or (Severity.CRITICAL if len(self.silent) >= MANY else Severity.WARNING)

    @property
    def is_worse(self) -> bool:
        """True if no notice has said yet that the incident is so severe."""
        return _is_above(self.severity, self.incident)

    @property
    def is_explained(self) -> bool:
        """True if an earlier notice named another cause."""
        return _is_explained(self.incident)

    @property
    def is_disappointed(self) -> bool:
        """True if an earlier notice told of a fix that did not last."""
        return _is_disappointed(self.incident)


@dataclass(frozen=True, slots=True)
class IncidentUpdate:
    """The outcome of one run for a watch's incidents.

    `agents` are those whose record changes, `incidents` those that are new or changed; both are written before any
    notice is sent. `closed` are over once their news, if any, was sent, and not before; `freed` are then their members'
    records. `news` has the most severe first.
    """

    agents: Mapping[str, Agent]
    incidents: tuple[Incident, ...]
    closed: tuple[Incident, ...]
    freed: Mapping[str, tuple[Agent, ...]]
    news: tuple[News, ...]


def to_examine(open_: Sequence[Incident], agents: Mapping[str, Agent], now: datetime) -> frozenset[str]:
    """Select the entities whose cause `update_incidents` needs: silent ones without an incident, and a few members of
    each incident that is due for another check.
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
        if _is_check_due(incident, members[incident.id], now):
            found |= {agent.entity for agent in _representatives(incident, members[incident.id])}
    return frozenset(found)


def update_incidents(
    watch: Watch,
    open_: Sequence[Incident],
    agents: Mapping[str, Agent],
    removed: Sequence[Agent],
    causes: Mapping[str, Cause],
    now: datetime,
    rater: Rater | None = None,
) -> IncidentUpdate:
    """Bring the watch's incidents up to date, given all of its agents that are silent or have a gap or an incident.

    `removed` left the roster in this run. `causes` are those of `to_examine`; an agent without one waits for the next
    run, but no longer than PATIENCE. An update of what was already written is empty.
    """
    return _Update(watch, open_, agents, removed, causes, now, rater or Rater(watch)).build()


def notified(incident: Incident, news: News, now: datetime) -> Incident:
    """Return the incident after its news was sent. The next reminder follows the schedule, not this time."""
    return replace(
        incident,
        notified_at=now,
        notified_agents=_size(incident, news.members),
        notified_phase=incident.phase,
        notified_cause=incident.cause.key,
        notified_severity=news.severity,
        reminders=_reminders_due(incident, now),
    )


def cap(news: Sequence[News]) -> tuple[list[News], list[News]]:
    """Split news into what is reported individually, the MOST_NOTICES most severe, and the rest, for one notice."""
    return list(news[:MOST_NOTICES]), list(news[MOST_NOTICES:])


def recovers_until(incident: Incident) -> datetime | None:
    """Return until when the agents may need time to come back; None if nothing has been done for them yet.

    A pending endpoint counts from the incident's opening, so that one which never becomes available is reported.
    """
    if incident.cause.kind is CauseKind.FLAPPING:
        return None
    if incident.cause.fixed_at:
        return incident.cause.fixed_at + RECOVERY_TIME
    return incident.opened_at + RECOVERY_TIME if incident.cause.kind is CauseKind.ENDPOINT_PENDING else None


class _Update:
    def __init__(
        self,
        watch: Watch,
        open_: Sequence[Incident],
        agents: Mapping[str, Agent],
        removed: Sequence[Agent],
        causes: Mapping[str, Cause],
        now: datetime,
        rater: Rater,
    ) -> None:
        self._now = now
        self._rater = rater
        self._causes = causes
        self._before = {incident.id: incident for incident in open_}
        leavers = {agent.entity: agent.incident for agent in removed}
        gone = Counter(leavers.values())
        staying = (agent for agent in agents.values() if agent.entity not in leavers)
        self._agents = {agent.entity: agent for agent in staying if _matters(agent)}
        self._changed: dict[str, Agent] = {}
        counted = [replace(incident, gone=incident.gone + gone[incident.id]) for incident in open_]
        counted = self._without_movers(counted)
        self._groups = Groups(watch.name, counted, self._agents.values(), now)

    def build(self) -> IncidentUpdate:
        for agent, cause in in_order(self._homeless(), self._now):
            self._changed[agent.entity] = replace(agent, incident=self._groups.put(agent, cause))
        members = _members((self._agents | self._changed).values())
        incidents = [self._checked(incident, members[incident.id]) for incident in self._groups.incidents]
        closed = [incident for incident in incidents if _is_over(incident, members[incident.id])]
        over = {incident.id for incident in closed}
        found = [self._news(incident, members[incident.id], is_over=incident.id in over) for incident in incidents]
        news = [news_item for news_item in found if news_item is not None]
        silently = over - {news_item.incident.id for news_item in news}
        return IncidentUpdate(
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
        """The agents that need an incident, with their cause if it is known or was awaited long enough."""
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
        """The incidents, with `notified_agents` limited to those that stay, so that agents that join later are news."""
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

    def _checked(self, incident: Incident, members: Sequence[Agent]) -> Incident:
        """The incident with its phase, and with its cause if all representatives were checked.

        Once all are back, whatever else is wrong around them now is not what kept them silent.
        """
        found = [self._causes.get(agent.entity) for agent in _representatives(incident, members)]
        seen = [cause for cause in found if cause is not None]
        checked = incident
        if found and len(seen) == len(found):
            is_over = not any(agent.state is State.SILENT for agent in members)
            explaining = {incident.cause.key, *(cause.key for cause in seen if cause.fixed_at)}
            fitting = [cause for cause in seen if not is_over or cause.key in explaining]
            checked = replace(incident, cause=refresh_cause(incident.cause, fitting), checked_at=self._now)
        until = recovers_until(checked)
        phase = Phase.RECOVERING if until and self._now < until else Phase.BROKEN
        was_hopeful = incident.notified_at is not None and incident.phase is Phase.RECOVERING
        hoped = Phase.RECOVERING if was_hopeful and phase is Phase.BROKEN else incident.notified_phase
        # Of those who stayed: agents that join are news, also those that it had before.
        stayed = [agent for agent in members if agent.entity not in self._changed]
        known = min(incident.notified_agents, _size(incident, stayed))
        return self._rated(replace(checked, phase=phase, notified_phase=hoped, notified_agents=known), members)

    def _rated(self, incident: Incident, members: Sequence[Agent]) -> Incident:
        """The incident with its severity, by those who are silent, whether any of these ever reported, and until people
        hear of it with its owner.
        """
        silent = [agent for agent in members if agent.state is State.SILENT]
        has_reported = any(agent.series for agent in silent) if silent else incident.has_reported
        severity = self._rater.severity(incident, silent) if silent or not incident.severity else incident.severity
        owner = incident.owner if incident.notified_at else self._rater.owner(incident, members)
        return replace(incident, severity=severity, owner=owner, has_reported=has_reported)

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
        is_worse = incident.severity is not None and _is_above(incident.severity, incident)
        if is_worse or (has_joined and self._now - incident.notified_at >= UPDATE_EVERY):
            return NewsKind.UPDATED
        if _is_disappointed(incident) or _is_explained(incident):
            return NewsKind.UPDATED
        return NewsKind.REMINDER if _reminders_due(incident, self._now) > incident.reminders else None


def _matters(agent: Agent) -> bool:
    """True if the agent concerns any incident: in a healthy fleet, hardly any does."""
    return agent.state is State.SILENT or agent.gap is not None or bool(agent.incident)


def _members(agents: Iterable[Agent]) -> defaultdict[str, list[Agent]]:
    """The agents by incident, each sorted by entity."""
    found: defaultdict[str, list[Agent]] = defaultdict(list)
    for agent in sorted((agent for agent in agents if agent.incident), key=lambda agent: agent.entity):
        found[agent.incident].append(agent)
    return found


def _lacks_incident(agent: Agent, incident: Incident | None) -> bool:
    """True if the agent needs an incident: none is open for its silence, or the open one doesn't match its flapping.

    An agent that came back before it got one needs one too: its silence is reported all the same.
    """
    if agent.state is State.SUPPRESSED:
        return False
    if incident is not None and agent.is_flapping:
        return incident.cause.kind is not CauseKind.FLAPPING
    if agent.state is State.SILENT:
        return incident is None or incident.cause.kind is CauseKind.FLAPPING
    return not agent.incident and agent.gap is not None and agent.gap.ended_at is not None


def _representatives(incident: Incident, members: Sequence[Agent]) -> Sequence[Agent]:
    """The agents whose cause stands for all; none for flapping, which is known without any other check."""
    if incident.cause.kind is CauseKind.FLAPPING:
        return ()
    silent = [agent for agent in members if agent.state is State.SILENT]
    return silent[:_SILENT_CHECKED] or members[:_OTHERS_CHECKED]


def _is_check_due(incident: Incident, members: Sequence[Agent], now: datetime) -> bool:
    return (
        incident.checked_at is None
        or now - incident.checked_at >= CHECK_EVERY
        or _reminders_due(incident, now) > incident.reminders
        or _is_over(incident, members)
    )


def _is_over(incident: Incident, members: Sequence[Agent]) -> bool:
    """True if no agent is silent and, in a flapping incident, none flaps except those that are set aside."""
    if any(agent.state is State.SILENT for agent in members):
        return False
    is_calm = not any(agent.is_flapping and agent.state is State.REPORTING for agent in members)
    return incident.cause.kind is not CauseKind.FLAPPING or is_calm


def _reminders_due(incident: Incident, now: datetime) -> int:
    """The number of reminders due since the incident was opened."""
    age = max(now - incident.opened_at, timedelta())
    return sum(age >= first for first in FIRST_REMINDERS) + age // REMIND_EVERY


def _is_above(severity: Severity, incident: Incident) -> bool:
    """True if it is more than the notices on the incident have said. Those of an earlier version went by the number."""
    if not incident.notified_agents:
        return True
    by_number = Severity.CRITICAL if incident.notified_agents >= MANY else Severity.WARNING
    return severity.rank > (incident.notified_severity or by_number).rank


def _is_explained(incident: Incident) -> bool:
    return incident.notified_cause not in ("", incident.cause.key)


def _is_disappointed(incident: Incident) -> bool:
    return incident.phase is Phase.BROKEN and incident.notified_phase is Phase.RECOVERING


def _size(incident: Incident, members: Sequence[Agent]) -> int:
    return len(members) + incident.gone


def _freed(agent: Agent) -> Agent:
    return replace(agent, gap=None, incident="")


def _gravity(news: News) -> tuple[int, int, datetime, str]:
    return (list(NewsKind).index(news.kind), -len(news.silent), news.incident.opened_at, news.incident.id)

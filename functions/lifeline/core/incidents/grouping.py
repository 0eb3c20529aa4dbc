"""Which incident a silent agent belongs to, and what its members' causes make of an incident's own."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lifeline.core.agents.agent import MOST_OPENINGS, Agent
from lifeline.core.history.change import Change
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident
from lifeline.core.wording import fingerprint

MOST_APART = timedelta(minutes=5)  # between beginnings that count as one where nothing but the time connects them
PATIENCE = timedelta(minutes=3)  # how long an agent waits for its cause to be found

UNEXAMINED = Cause(
    CauseKind.AGENT,
    Confidence.LOW,
    "the instance's network and role could not be examined",
    advice="Check the agent on its instance, and the log of DetectMetricGaps for what could not be read.",
)
MISSED = Cause(CauseKind.AGENT, Confidence.LOW, "the agent was back before its cause could be examined")

_NEVER = datetime.min.replace(tzinfo=UTC)
_SURENESS = {Confidence.LOW: 0, Confidence.MEDIUM: 1, Confidence.HIGH: 2}
# Their key alone says which fault it is.
_TIMELESS = frozenset({CauseKind.CANARY, CauseKind.ENDPOINT_POLICY, CauseKind.OWN_GROUP, CauseKind.ROLE})


class Groups:
    """Open incidents, to which agents are given one by one. The order matters: see `in_order`."""

    def __init__(self, watch: str, incidents: Iterable[Incident], agents: Iterable[Agent], now: datetime) -> None:
        self._watch = watch
        self._now = now
        self._incidents = {incident.id: incident for incident in incidents}
        self._latest = {incident.id: incident.began for incident in self._incidents.values()}
        self._by_key: dict[str, list[str]] = defaultdict(list)
        for incident in self._incidents.values():
            self._by_key[incident.cause.key].append(incident.id)
        for agent in agents:
            if agent.incident in self._latest:
                self._note(agent.incident, begin_of(agent, now))

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """What is open by now, the oldest first."""
        return tuple(sorted(self._incidents.values(), key=lambda incident: (incident.opened_at, incident.id)))

    def get(self, incident_id: str) -> Incident | None:
        """The incident as it is by now, None where it isn't open."""
        return self._incidents.get(incident_id)

    def put(self, agent: Agent, cause: Cause) -> str:
        """The id of the incident that the agent belongs to, which this may have opened."""
        began = begin_of(agent, self._now)
        home = self._find_home(cause, began) or self._open(agent.entity, cause, began)
        self._incidents[home.id] = replace(home, cause=_adopt(home.cause, cause), began=min(home.began, began))
        self._note(home.id, began)
        return home.id

    def _find_home(self, cause: Cause, began: datetime) -> Incident | None:
        """The open incident of this cause and beginning; of several, the one with the same change, then the nearest."""
        fitting = [self._incidents[found] for found in self._by_key[cause.key]]
        fitting = [incident for incident in fitting if self._begins_alike(incident, cause, began)]
        return min(
            fitting,
            key=lambda incident: (
                not _is_same(incident.cause.change, cause.change),
                abs(incident.began - began),
                incident.id,
            ),
            default=None,
        )

    def _begins_alike(self, incident: Incident, cause: Cause, began: datetime) -> bool:
        if _is_other(incident.cause.change, cause.change):
            return False
        if cause.kind.is_network or cause.kind in _TIMELESS:
            return True
        return incident.began - MOST_APART <= began <= self._latest[incident.id] + MOST_APART

    def _open(self, entity: str, cause: Cause, began: datetime) -> Incident:
        opened_at = self._now.astimezone(UTC)
        suffix = fingerprint(self._watch, cause.key, entity, opened_at.isoformat(), length=8)
        incident = Incident(
            id=f"inc-{opened_at:%Y%m%d-%H%M}-{suffix}",
            watch=self._watch,
            cause=cause,
            began=began,
            opened_at=self._now,
            checked_at=self._now,
        )
        self._incidents[incident.id] = incident
        self._by_key[cause.key].append(incident.id)
        return incident

    def _note(self, incident_id: str, began: datetime) -> None:
        self._latest[incident_id] = max(self._latest.get(incident_id, began), began)


def begin_of(agent: Agent, now: datetime) -> datetime:
    """When its first missing datapoint was due."""
    return agent.gap.since if agent.gap else now


def in_order(causes: Iterable[tuple[Agent, Cause]], now: datetime) -> list[tuple[Agent, Cause]]:
    """Those whose change is known first: the others then join the nearest. Within each, by when they fell silent."""
    return sorted(causes, key=lambda pair: (pair[1].change is None, begin_of(pair[0], now), pair[0].entity))


def flapping_cause(agent: Agent, found: Cause | None) -> Cause:
    """That it flaps, where it is, and what its silence looked like; `found` may be that of its last incident."""
    is_placed = found is not None and found.kind.is_of_one_vpc
    return Cause(
        CauseKind.FLAPPING,
        Confidence.HIGH,
        f"more than {MOST_OPENINGS} gaps within an hour",
        evidence=(f"{agent.entity}, while it was silent: {found.words}",) if found else (),
        advice="Check the agent's log for failed requests, and the instance's load and clock.",
        vpc_id=found.vpc_id if found and is_placed else "",
        vpc_name=found.vpc_name if found and is_placed else "",
    )


def refresh_cause(cause: Cause, seen: Sequence[Cause]) -> Cause:
    """The incident's cause after some of its agents were diagnosed again; the same again for the same diagnoses.

    The words stay unless a diagnosis is surer, or knows the change that began it; a network outage also takes the next
    of its kinds as an endpoint comes up. It is fixed once every diagnosis of its kind says so, and no longer once one
    that is as sure says not. Causes of other kinds change it only where all diagnoses agree on one that is surer: that
    an agent of a network outage has nothing wrong around it says nothing of what silenced it.
    """
    if cause.kind is CauseKind.FLAPPING or not seen:
        return cause
    alike = [candidate for candidate in seen if candidate.key == cause.key]
    if not alike and _is_better_story(cause, seen):
        alike, cause = list(seen), _surest(seen)
    if not alike:
        return cause
    broken = [cause for cause in alike if cause.fixed_at is None]
    surest = _surest(broken or alike)
    is_surer, is_as_sure = _compare(surest, cause)
    has_moved = surest.kind is not cause.kind and is_as_sure
    knows_more = is_surer or has_moved or (surest.change is not None and cause.change is None)
    known = (
        surest if knows_more else replace(cause, advice=surest.advice if surest.kind is cause.kind else cause.advice)
    )
    merged = replace(known, change=cause.change or surest.change)
    if not broken:
        last = max(alike, key=lambda cause: cause.fixed_at or _NEVER)
        kept = cause if cause.fixed_at else last
        return replace(merged, fixed_at=kept.fixed_at, fix=kept.fix)
    if is_as_sure or knows_more:
        return replace(merged, fixed_at=None, fix="")
    return replace(merged, fixed_at=cause.fixed_at, fix=cause.fix)


def _adopt(cause: Cause, new: Cause) -> Cause:
    """The incident's cause as one more agent has it: surer, or with the change that began it."""
    is_surer, _ = _compare(new, cause)
    if not is_surer and not (new.change and cause.change is None):
        return cause
    return replace(new, change=cause.change or new.change, fixed_at=cause.fixed_at, fix=cause.fix)


def _is_better_story(cause: Cause, seen: Sequence[Cause]) -> bool:
    is_one = len({cause.key for cause in seen}) == 1
    is_surer, is_as_sure = _compare(_surest(seen), cause)
    if cause.kind is CauseKind.PATH_UNKNOWN:  # now it is known, and something else explains the silence, or nothing
        return is_one and is_as_sure
    return is_one and is_surer and (seen[0].kind.is_network or not cause.kind.is_network)


def _surest(seen: Sequence[Cause]) -> Cause:
    return max(seen, key=lambda cause: (_SURENESS[cause.confidence], cause.change is not None))


def _compare(new: Cause, old: Cause) -> tuple[bool, bool]:
    """Whether the new one is surer, and whether it is at least as sure."""
    difference = _SURENESS[new.confidence] - _SURENESS[old.confidence]
    return difference > 0, difference >= 0


def _is_same(change: Change | None, other: Change | None) -> bool:
    return bool(change and other and change.event_id and change.event_id == other.event_id)


def _is_other(change: Change | None, other: Change | None) -> bool:
    return bool(change and other and change.event_id and other.event_id and change.event_id != other.event_id)

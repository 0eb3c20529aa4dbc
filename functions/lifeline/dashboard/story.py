"""An open incident as a timeline: the change that caused it, the gap, the endpoint, and the recovery."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from lifeline.core.incidents.changes import change_words
from lifeline.core.incidents.incident import Cause, Incident, Phase
from lifeline.core.plan.actions import Plan, Status
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.core.wording import write_count, write_length
from lifeline.dashboard.coverage import ClosedIncident, IncidentRow, StepKind, TimelineStep


def incident_row(incident: Incident, made: Mapping[str, Made], plan: Plan, now: datetime) -> IncidentRow:
    """The incident with its timeline, which ends with what has not happened yet.

    `made` is what Lifeline created in its VPC by service, `plan` what it would do there now. The row's `agents` is how
    many agents people were notified of.
    """
    steps = sorted(_steps(incident, made, plan, now), key=lambda step: _place(step, now))
    return IncidentRow(
        id=incident.id,
        watch=incident.watch,
        words=incident.cause.words,
        began=incident.began,
        agents=incident.notified_agents,
        is_recovering=incident.phase is Phase.RECOVERING,
        timeline=tuple(steps),
        advice="" if incident.cause.fixed_at else incident.cause.advice,
    )


def closed_row(incident: Incident, closed: datetime) -> ClosedIncident:
    """An incident that is over."""
    return ClosedIncident(
        id=incident.id,
        vpc_id=incident.cause.vpc_id,
        words=incident.cause.words,
        began=incident.began,
        closed=closed,
        agents=incident.notified_agents,
    )


def _place(step: TimelineStep, now: datetime) -> tuple[bool, bool, datetime]:
    """The change comes first: the datapoint that it kept away may have been due a moment before it."""
    return step.kind is not StepKind.CHANGE, step.at is None, step.at or now


def _steps(incident: Incident, made: Mapping[str, Made], plan: Plan, now: datetime) -> Iterator[TimelineStep]:
    cause = incident.cause
    if cause.change:
        yield TimelineStep(StepKind.CHANGE, cause.change.at, change_words(cause.change), cause.change.event_id)
    agents = f" ({write_count(incident.notified_agents, 'agent')} so far)" if incident.notified_agents else ""
    yield TimelineStep(StepKind.GAP, incident.began, f"first missing datapoint{agents}")
    yield from _endpoint_steps(incident, made, plan)
    if cause.fixed_at:
        fix = cause.fix or "the cause is gone"
        yield TimelineStep(StepKind.RECOVERY, cause.fixed_at, f"{fix}; agents are recovering")
    else:
        yield TimelineStep(StepKind.RECOVERY, None, f"silent for {write_length(now - incident.began)} so far")


def _endpoint_steps(incident: Incident, made: Mapping[str, Made], plan: Plan) -> Iterator[TimelineStep]:
    cause = incident.cause
    if not cause.kind.is_network or not cause.service:
        return
    endpoint = made.get(cause.service)
    if endpoint is None or endpoint.at < _story_begins(incident):
        yield from _what_is_planned(cause, plan)
        return
    yield TimelineStep(StepKind.ENDPOINT, endpoint.at, f"Lifeline created {endpoint.endpoint_id} for {cause.service}")
    if endpoint.ready_at:
        yield TimelineStep(StepKind.AVAILABLE, endpoint.ready_at, f"{endpoint.endpoint_id} became available")
    elif endpoint.is_settled:
        yield TimelineStep(StepKind.AVAILABLE, None, f"{endpoint.endpoint_id} did not become available")
    else:
        yield TimelineStep(StepKind.AVAILABLE, None, f"{endpoint.endpoint_id} is not available yet")


def _what_is_planned(cause: Cause, plan: Plan) -> Iterator[TimelineStep]:
    for action in plan.actions:
        if cause.fixed_at or action.service != cause.service:
            continue
        if action.status is Status.BLOCKED:
            yield TimelineStep(StepKind.ENDPOINT, None, f"blocked: {action.error}")
        elif action.status is Status.PLANNED:
            what = action.kind.replace("_", " ")
            yield TimelineStep(StepKind.ENDPOINT, None, f"planned: {what} for {action.service}")
        else:
            continue
        return


def _story_begins(incident: Incident) -> datetime:
    change = incident.cause.change
    return min(incident.began, change.at) if change else incident.began

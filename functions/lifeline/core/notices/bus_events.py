"""EventBridge events for automation: changes seen, plans, actions, refusals and incidents."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from lifeline.core.incidents.incident import Incident
from lifeline.core.incidents.lifecycle import News, NewsKind
from lifeline.core.notices.bus_event import BusEvent, DetailType
from lifeline.core.owner import NOBODY, Owner
from lifeline.core.plan.actions import Action, Status
from lifeline.core.plan.answer import VpcAnswer, as_json
from lifeline.core.wording import fingerprint, inert_json

SCHEMA = "lifeline.event/1"
_MOST_NAMED = 20


def change_event(vpc_id: str, change: Mapping[str, str], now: datetime, owner: Owner = NOBODY) -> BusEvent:
    """Build the event of a network change: `change` has CloudTrail's `event_id`, `event_name`, `actor` and `time`.

    `vpc_id` is empty if CloudTrail's record doesn't say in which VPC it was made. `owner` is the VPC's.
    """
    facts = {"vpc_id": vpc_id, **owner.fields, **change}
    return _event(DetailType.CHANGE_SEEN, now, facts, vpc_id, change.get("event_id", ""))


def answer_events(answer: VpcAnswer, *, mode: str, now: datetime, owner: Owner = NOBODY) -> Iterator[BusEvent]:
    """Build the events of a reconciliation: the plan if something is planned or blocked, each action that was done or
    failed, and each refusal. `owner` is the VPC's.
    """
    place = {"vpc_id": answer.vpc_id, **owner.fields}
    open_business = [action for action in answer.actions if action.status in {Status.PLANNED, Status.BLOCKED}]
    if open_business:
        facts = {**place, "mode": mode, **as_json(answer)}
        yield _event(DetailType.PLAN, now, facts, answer.vpc_id, answer.fingerprint)
    for action in answer.actions:
        if action.status in {Status.DONE, Status.FAILED}:
            result = (action.kind, action.service, action.status, action.endpoint_id, action.security_group_id)
            same = (answer.vpc_id, *result, action.error, now.isoformat())
            yield _event(DetailType.ACTION, now, place | _action_facts(answer, action), *same)
        elif action.is_blocked:
            why = (action.kind, action.service, action.blocked_by or action.error, *action.subnet_ids)
            yield _event(DetailType.REFUSAL, now, place | _action_facts(answer, action), answer.vpc_id, *why)
    if answer.refusal:
        refusal = {"field": answer.refusal.field, "message": answer.refusal.message}
        facts = {**place, "refusal": refusal}
        yield _event(DetailType.REFUSAL, now, facts, answer.vpc_id, *refusal.values())


def incident_event(news: News, namespace: str, now: datetime) -> BusEvent | None:
    """Build the event of an incident that opened, changed or was resolved; None for a reminder, which is no news."""
    incident = news.incident
    match news.kind:
        case NewsKind.OPENED:
            type_ = DetailType.INCIDENT_OPENED
        case NewsKind.UPDATED:
            type_ = DetailType.INCIDENT_UPDATED
        case NewsKind.RESOLVED:
            type_ = DetailType.INCIDENT_RESOLVED
        case NewsKind.REMINDER:
            return None
    notified = str(incident.notified_at) if news.kind is NewsKind.UPDATED else ""
    return _event(type_, now, _incident_facts(news, incident, namespace), incident.id, type_, notified)


def _incident_facts(news: News, incident: Incident, namespace: str) -> dict[str, Any]:
    cause = incident.cause
    agents = news.back if news.kind is NewsKind.RESOLVED else news.silent
    change = cause.change
    return {
        "incident": incident.id,
        "watch": incident.watch,
        "namespace": namespace,
        "severity": str(news.severity),
        "vpc_id": cause.vpc_id if cause.kind.is_of_one_vpc else "",
        **incident.owner.fields,
        "cause": cause.kind.name,
        "confidence": str(cause.confidence),
        "summary": cause.words,
        "began": incident.began.isoformat(),
        "change": {"event_id": change.event_id, "event_name": change.event_name, "actor": change.actor}
        if change
        else None,
        "fix": cause.fix,
        "silent": len(news.silent),
        "back": len(news.back),
        "agents": [agent.entity for agent in agents[:_MOST_NAMED]],
    }


def _action_facts(answer: VpcAnswer, action: Action) -> dict[str, Any]:
    facts: dict[str, Any] = as_json(VpcAnswer(answer.vpc_id, actions=(action,)))["actions"][0]
    return facts


def _event(type_: DetailType, now: datetime, facts: Mapping[str, Any], *same: str) -> BusEvent:
    id_ = fingerprint(type_, *same, length=32)
    return BusEvent(type_, now, {"schema": SCHEMA, "id": id_, **inert_json(facts)})

"""Canaries: agents that fell silent right after private DNS was turned on, and had another path before.

DetectMetricGaps finds the cause and records the incident. ReconcileEndpoints reads it there, and decides by itself.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from lifeline.core.coexist.canary import WATCHED_FOR, Canary, Withdrawal
from lifeline.core.guards.mode import Mode
from lifeline.core.history.change import Change
from lifeline.core.incidents.changes import clock_words
from lifeline.core.incidents.facts import METRICS, NOT_IN_PLAN_MODE, Around, Facts, cause_of
from lifeline.core.incidents.incident import RECOVERY_TIME, Cause, CauseKind, Confidence, Incident
from lifeline.core.network.model import Tier
from lifeline.core.policy.policy import EXEMPT
from lifeline.core.wording import listed, write_length, write_time

type Closing = Callable[[str, str], Change | None]


def canary_cause(facts: Facts, around: Around, closing: Closing) -> Cause | None:
    """Find the canary that caused the silence, with its fix once it is off again; None if none did.

    `monitoring` comes first, then what the agent needs, then whatever else was turned on, which is likely at most.
    `closing` gives the change that closed the path to a service, if one did; the second one is the canary's.
    """
    if not facts.is_managed or facts.agent.series is None:
        return None
    for service, canary in _in_order(facts):
        began = _begins_after(facts, service, canary, closing) if _has_another_path(facts, around, canary) else None
        if began:
            return _cause(facts, service, canary, began)
    return None


def silences(incidents: Iterable[Incident], vpc_id: str) -> tuple[Withdrawal, ...]:
    """What is recorded against canaries of a VPC that are still on."""
    return tuple(
        Withdrawal(
            incident.cause.service,
            incident.checked_at or incident.opened_at,
            incident.id,
            incident.cause.subject,
            incident.cause.began or incident.began,
        )
        for incident in incidents
        if incident.cause.kind is CauseKind.CANARY
        and incident.cause.vpc_id == vpc_id
        and incident.cause.is_repairable
        and not incident.cause.fixed_at
    )


def _in_order(facts: Facts) -> Iterable[tuple[str, Canary]]:
    known = (METRICS, *facts.needs)
    return sorted(facts.canaries, key=lambda pair: (known.index(pair[0]) if pair[0] in known else len(known), pair[0]))


def _has_another_path(facts: Facts, around: Around, canary: Canary) -> bool:
    """True if it reached the service before: by the endpoint that stood in for the hub, in any subnet, or by the
    subnet's own routes out of the VPC.
    """
    return canary.is_way_back or around.tier is Tier.EGRESS or (around.tier is Tier.PUBLIC and facts.has_public_address)


def _begins_after(facts: Facts, service: str, canary: Canary, closing: Closing) -> datetime | None:
    """When the silence began, if that is within WATCHED_FOR after the switch, and no change since explains it: one
    that just names what is on the way, and closed nothing, doesn't.
    """
    began = _began(facts, canary)
    changes = (closing(need, service) for need in dict.fromkeys((service, METRICS)))
    if began is None or any(change and change.at >= canary.at for change in changes):
        return None
    return began if canary.withdrawn_at is not None or _is_on(facts, canary) else None


def _began(facts: Facts, canary: Canary) -> datetime | None:
    """When the silence began, within WATCHED_FOR after the switch; None if it didn't.

    A datapoint is sent up to a period after the time that it bears, so the gap may begin that much before. That of an
    instance that was started since its last datapoint begins once it is warm: there the datapoint after the last one
    counts, too, and the switch itself if the instance was still warming up then, or whoever may restart instances could
    hide what Lifeline did.
    """
    gap, last, launched_at = facts.agent.gap, facts.agent.seen_at, facts.instance.launched_at
    if gap is None:
        return None
    period, possible = facts.watch.rules.period, [gap.since]
    if facts.has_started_anew and last and launched_at:
        possible += [last + period, *([canary.at] if launched_at <= canary.at <= gap.since else [])]
    return next((time for time in possible if canary.at - period <= time <= canary.at + WATCHED_FOR), None)


def _is_on(facts: Facts, canary: Canary) -> bool:
    if canary.central_ids:
        return canary.withdrawn_at is None
    endpoints = facts.vpc.live_endpoints if facts.vpc else ()
    return any(endpoint.id == canary.endpoint_id and endpoint.private_dns for endpoint in endpoints)


def _cause(facts: Facts, service: str, canary: Canary, began: datetime) -> Cause:
    if _is_on(facts, canary):  # frozen, maybe, but not turned off yet
        canary = replace(canary, withdrawn_at=None)
    off_at = canary.withdrawn_at
    is_sure = service == METRICS or service in facts.sure_needs
    cause = Cause(
        CauseKind.CANARY,
        Confidence.HIGH if is_sure else Confidence.MEDIUM,
        f"{canary.words} for the {service} service as a canary"
        if canary.central_ids
        else f"private DNS for {canary.endpoint_id} ({service}) was turned on as a canary",
        evidence=tuple(_evidence(facts, canary, began)),
        advice=_advice(facts, service, canary),
        service=service,
        subject=canary.subject,
        fixed_at=off_at,
        fix=f"{_undone(canary)} again at {clock_words(off_at)}" if off_at else "",
        is_repairable=off_at is None,
        began=began,
    )
    return cause_of(facts, cause)


def _evidence(facts: Facts, canary: Canary, began: datetime) -> Iterator[str]:
    at, gap, launched_at = canary.at, facts.agent.gap, facts.instance.launched_at
    yield f"{canary.words} at {write_time(at)}"
    if began > at:
        yield f"the first missing datapoint was due {write_length(began - at)} after that"
    if gap and launched_at and began < gap.since:
        yield f"{facts.agent.entity} was started at {write_time(launched_at)}, and has sent nothing since"
    if canary.is_way_back:
        yield f"{canary.endpoint_id} answered the service's name in this VPC until then"
    else:
        yield f"{facts.instance.subnet_id} has another route out of the VPC, which the agent used until then"
    if facts.instance.tag(EXEMPT) is not None:
        yield f"{facts.agent.entity} has the tag {EXEMPT}, which doesn't excuse what Lifeline did"
    if facts.is_past_read:
        yield "the audit log has no other change in this VPC since then that would explain the silence"


def _advice(facts: Facts, service: str, canary: Canary) -> str:
    if canary.withdrawn_at:
        until = clock_words(canary.withdrawn_at + RECOVERY_TIME)
        return f"Agents might need until {until} to come back. Restart those that are still silent then."
    if facts.mode is Mode.PLAN:
        return f"{NOT_IN_PLAN_MODE} To fix it: {_undoing(canary)}."
    whose = "hub's " if canary.central_ids else ""
    return (
        f"Lifeline will {_undoing(canary)} and freeze the {service} service in this VPC. Before you end the freeze, "
        f"find out what keeps these agents from using the {whose}endpoint."
    )


def _undoing(canary: Canary) -> str:
    if canary.is_way_back:
        return f"turn private DNS for {canary.endpoint_id} on again"
    if canary.central_ids:
        return f"disassociate {listed(canary.central_ids)} from the VPC again"
    return f"turn private DNS for {canary.endpoint_id} off again"


def _undone(canary: Canary) -> str:
    if canary.is_way_back:
        return f"private DNS for {canary.endpoint_id} was turned on"
    if canary.central_ids:
        return f"{listed(canary.central_ids)} {'was' if len(canary.central_ids) == 1 else 'were'} disassociated"
    return f"private DNS for {canary.endpoint_id} was turned off"

"""Canaries: agents that fell silent right after private DNS was turned on, and had another path before.

DetectMetricGaps finds the cause and records the incident. ReconcileEndpoints reads it there, and decides by itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from lifeline.core.coexist.canary import WATCHED_FOR, Canary, Withdrawal
from lifeline.core.guards.mode import Mode
from lifeline.core.incidents.changes import clock_words
from lifeline.core.incidents.facts import METRICS, NOT_IN_PLAN_MODE, Around, Facts, cause_of
from lifeline.core.incidents.incident import RECOVERY_TIME, Cause, CauseKind, Confidence, Incident
from lifeline.core.network.model import Tier
from lifeline.core.policy.policy import EXEMPT
from lifeline.core.wording import listed, write_length, write_time

_BEGUN_BY = (CauseKind.CUT_OFF, CauseKind.ENDPOINT_CLOSED, CauseKind.DNS_OFF)


def canary_cause(facts: Facts, around: Around) -> Cause | None:
    """Find the canary that caused the silence, with its fix once it is off again; None if none did.

    `monitoring` comes first, then what the agent needs, then whatever else was turned on, which is likely at most.
    """
    if not facts.is_managed or facts.agent.series is None:
        return None
    for service, canary in _in_order(facts):
        if _has_another_path(facts, around, canary) and _is_after(facts, around, service, canary):
            return _cause(facts, service, canary)
    return None


def silences(incidents: Iterable[Incident], vpc_id: str) -> tuple[Withdrawal, ...]:
    """What is recorded against canaries of a VPC that are still on."""
    return tuple(
        Withdrawal(
            incident.cause.service,
            incident.checked_at or incident.opened_at,
            incident.id,
            incident.cause.subject,
            incident.began,
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


def _is_after(facts: Facts, around: Around, service: str, canary: Canary) -> bool:
    """True if the gap begins within WATCHED_FOR after the switch, and no recorded change since explains it.

    A datapoint is sent up to a period after the time that it bears, so the gap may begin that much before.
    """
    gap = facts.agent.gap
    if gap is None or not canary.at - facts.watch.rules.period <= gap.since <= canary.at + WATCHED_FOR:
        return False
    changes = (around.change_behind(facts, kind, service, gap.since) for kind in _BEGUN_BY)
    if any(change and change.at >= canary.at for change in changes):
        return False
    return canary.withdrawn_at is not None or _is_on(facts, canary)


def _is_on(facts: Facts, canary: Canary) -> bool:
    if canary.central_ids:
        return canary.withdrawn_at is None
    endpoints = facts.vpc.live_endpoints if facts.vpc else ()
    return any(endpoint.id == canary.endpoint_id and endpoint.private_dns for endpoint in endpoints)


def _cause(facts: Facts, service: str, canary: Canary) -> Cause:
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
        evidence=tuple(_evidence(facts, canary)),
        advice=_advice(facts, service, canary),
        service=service,
        subject=canary.subject,
        fixed_at=off_at,
        fix=f"{_undone(canary)} again at {clock_words(off_at)}" if off_at else "",
        is_repairable=off_at is None,
    )
    return cause_of(facts, cause)


def _evidence(facts: Facts, canary: Canary) -> Iterator[str]:
    gap, at = facts.agent.gap, canary.at
    yield f"{canary.words} at {write_time(at)}"
    if gap and gap.since > at:
        yield f"the first missing datapoint was due {write_length(gap.since - at)} after that"
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

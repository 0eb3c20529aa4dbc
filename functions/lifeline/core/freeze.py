"""Frozen: what Lifeline keeps its hands off in a VPC, one service or all, and until when."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from lifeline.core.actions import GIVES_UP, Action, ActionKind, Plan, ServiceState, Status
from lifeline.core.cost import Price
from lifeline.core.plan import cost_of
from lifeline.core.wording import write_time

EVERYTHING = "*"  # in a service's place: all that Lifeline would do in the VPC
_SUPPORTS = frozenset({ActionKind.FIX_DNS, ActionKind.CREATE_SECURITY_GROUP})


class FreezeKind(StrEnum):
    """Why hands are kept off."""

    FIGHT = "fight"  # others took away or broke what Lifeline made, again and again
    CLAIM = "claim"  # somebody else is about to bring the endpoint
    CANARY = "canary"  # agents fell silent when private DNS was switched on
    TEARDOWN = "teardown"  # somebody is taking the network down
    HAND = "hand"  # a person asked for it


@dataclass(frozen=True, slots=True)
class Freeze:
    """Hands off a service in a VPC since a time, until another or, with None, until somebody unfreezes it.

    `why` is one line in words, `actor` whose doing it answers to, `event_id` CloudTrail's for what began it, `ids` the
    resources that it is about where it isn't about all. `is_told` once people were told.
    """

    kind: FreezeKind
    since: datetime
    why: str
    actor: str = ""
    event_id: str = ""
    until: datetime | None = None
    ids: tuple[str, ...] = ()
    is_told: bool = False


def standing(frozen: Mapping[str, Freeze], now: datetime) -> dict[str, Freeze]:
    """The freezes that still hold, by service."""
    return {service: one for service, one in frozen.items() if one.until is None or now < one.until}


def hold(plan: Plan, frozen: Mapping[str, Freeze], price: Price, *, now: datetime) -> Plan:
    """The plan with whatever is frozen blocked. What gives something up passes; what prepares others of the plan passes
    as long as one of them does.
    """
    holding = standing(frozen, now)
    actions = tuple(_hold(one, plan.vpc_id, holding) for one in plan.actions)
    blocked = [one for one, before in zip(actions, plan.actions, strict=True) if one.status is not before.status]
    if not blocked:
        return plan
    planned = [one for one in actions if one.status is Status.PLANNED and one.kind not in GIVES_UP]
    if all(one.kind in _SUPPORTS for one in planned):
        actions = tuple(one.blocked(blocked[0].error) if one in planned else one for one in actions)
    held = {one.service: one.error for one in blocked}
    services = tuple(
        replace(one, state=ServiceState.BLOCKED, detail=held[one.service])
        if one.service in held and one.state is ServiceState.MISSING
        else one
        for one in plan.services
    )
    cost = cost_of([one for one in actions if one.status is Status.PLANNED], price)
    return replace(plan, actions=actions, services=services, monthly_cost_usd=cost)


def freeze_words(freeze: Freeze, vpc_id: str, service: str) -> str:
    """Since when and why nothing is done, until when, and how to end it."""
    until = f"until {write_time(freeze.until)}" if freeze.until else "until somebody unfreezes it"
    asked = "true" if service == EVERYTHING else f'["{service}"]'
    ask = f'{{"vpc_ids": ["{vpc_id}"], "unfreeze": {asked}}}'
    return f"frozen since {write_time(freeze.since)}, {until}: {freeze.why}; to end it, invoke with {ask}"


def _hold(action: Action, vpc_id: str, holding: Mapping[str, Freeze]) -> Action:
    service = action.service if action.service and action.service in holding else EVERYTHING
    if service not in holding or action.status is not Status.PLANNED or action.kind in GIVES_UP:
        return action
    return action.blocked(freeze_words(holding[service], vpc_id, service))

"""Freezes: what Lifeline doesn't touch in a VPC, one service or all, and until when."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lifeline.core.plan.actions import NAMING, REMOVALS, Action, ActionKind, Plan
from lifeline.core.plan.cost import Price, with_blocked
from lifeline.core.wording import write_time

EVERYTHING = "*"  # in a service's place: all that Lifeline would do in the VPC
SECURITY_GROUP = "security-group"  # in a service's place: Lifeline's security group, and what would rely on it
DNS_ATTRIBUTES = "dns-attributes"  # in a service's place: the VPC's DNS attributes, and what would need them turned on
UNFREEZING_COUNTS = timedelta(hours=25)  # longer than anything that freezes is news
_ON_GROUP = frozenset({ActionKind.CREATE_SECURITY_GROUP, ActionKind.OPEN_SECURITY_GROUP})


class FreezeKind(StrEnum):
    """Why something is frozen."""

    CONFLICT = "conflict"  # others reverted what Lifeline made, again and again
    CLAIM = "claim"  # someone else is about to bring the endpoint
    CANARY = "canary"  # agents fell silent when private DNS was turned on
    TEARDOWN = "teardown"  # someone is deleting the network
    MANUAL = "manual"  # a person asked for it


@dataclass(frozen=True, slots=True)
class Freeze:
    """A service in a VPC that isn't touched since a time, until another or, with None, until someone ends the freeze.

    `why` is one line in words, `actor` whose doing it answers to, `event_id` CloudTrail's for what began it, `ids` the
    resources that it is about where it isn't about all. `is_notified` once people know. `told` are the subnets of which
    they know that they go without the service because of it, each as a fingerprint.
    """

    kind: FreezeKind
    since: datetime
    why: str
    actor: str = ""
    event_id: str = ""
    until: datetime | None = None
    ids: tuple[str, ...] = ()
    is_notified: bool = False
    told: frozenset[str] = frozenset()


def standing(frozen: Mapping[str, Freeze], now: datetime) -> dict[str, Freeze]:
    """The freezes that still hold, by service."""
    return {service: freeze for service, freeze in frozen.items() if freeze.until is None or now < freeze.until}


def with_unfrozen(unfrozen: Mapping[str, datetime], services: Iterable[str], now: datetime) -> dict[str, datetime]:
    """When freezes were ended, by service, with those that end now and without what is long over."""
    kept = {service: at for service, at in unfrozen.items() if now - at < UNFREEZING_COUNTS}
    return kept | dict.fromkeys(services, now)


def is_overruled(unfrozen: Mapping[str, datetime], service: str, at: datetime) -> bool:
    """True if the freezes of the service, or of everything, were ended since then: what happened before, and comes late
    or again, freezes nothing any more.
    """
    return any(at <= unfrozen[key] for key in (service, EVERYTHING) if key in unfrozen)


def block_frozen(plan: Plan, frozen: Mapping[str, Freeze], price: Price, *, now: datetime) -> Plan:
    """The plan with whatever is frozen blocked. What removes something passes; what prepares others of the plan passes
    as long as one of them does.
    """
    holding = standing(frozen, now)
    fixes_dns = any(action.kind is ActionKind.FIX_DNS and action.is_planned for action in plan.actions)
    actions = tuple(_hold(action, plan.vpc_id, holding, fixes_dns=fixes_dns) for action in plan.actions)
    blocked = [action for action, before in zip(actions, plan.actions, strict=True) if action is not before]
    if not blocked:
        return plan
    idle = set(idle_supports(actions))
    actions = tuple(action.blocked(blocked[0].error) if action in idle else action for action in actions)
    held = {action.service: action.error for action in blocked}
    working = {action.service for action in actions if action.is_planned}
    if "" in held:
        held = dict.fromkeys({report.service for report in plan.services} - working, held[""]) | held
    return with_blocked(plan, actions, held, price)


def idle_supports(actions: tuple[Action, ...]) -> Iterator[Action]:
    """What would prepare others of the actions, where none of these is left."""
    planned = [action for action in actions if action.is_planned]
    for action in planned:
        is_needed = any(other.needs_security_group for other in planned)
        is_group = action.kind is ActionKind.CREATE_SECURITY_GROUP and not is_needed
        is_dns = action.kind is ActionKind.FIX_DNS and not action.endpoint_id
        if is_group or (is_dns and not any(other.kind in NAMING for other in planned)):
            yield action


def freeze_words(freeze: Freeze, vpc_id: str, service: str) -> str:
    """When and why the freeze began, when it ends, and how to end it."""
    until = f"until {write_time(freeze.until)}" if freeze.until else "until someone ends the freeze"
    asked = "true" if service == EVERYTHING else f'["{service}"]'
    request = f'{{"vpc_ids": ["{vpc_id}"], "unfreeze": {asked}}}'
    return (
        f"frozen since {write_time(freeze.since)}, {until}: {freeze.why}; to end the freeze, invoke "
        f"ReconcileEndpoints with {request}"
    )


def _hold(action: Action, vpc_id: str, holding: Mapping[str, Freeze], *, fixes_dns: bool) -> Action:
    if not action.is_planned or action.kind in REMOVALS:
        return action
    key = next((key for key in _keys(action, fixes_dns=fixes_dns) if key in holding), None)
    return action.blocked(freeze_words(holding[key], vpc_id, key)) if key else action


def _keys(action: Action, *, fixes_dns: bool) -> Iterator[str]:
    """What holds the action where it is frozen.

    Private DNS takes a name for the whole VPC, so it isn't given to an endpoint whose group others keep closed, nor
    where they keep the VPC's DNS off.
    """
    if action.service:
        yield action.service
    is_on_security_group = action.kind in _ON_GROUP and not action.service
    if is_on_security_group or action.kind in NAMING or action.kind is ActionKind.ATTACH_SECURITY_GROUP:
        yield SECURITY_GROUP
    if action.kind is ActionKind.FIX_DNS or (fixes_dns and action.kind in NAMING):
        yield DNS_ATTRIBUTES
    yield EVERYTHING

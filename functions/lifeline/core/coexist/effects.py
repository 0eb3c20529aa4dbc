"""Deeds: each thing that Lifeline did and that should still stand, and what became of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum, auto

from lifeline.core.guards.freeze import DNS_ATTRIBUTES, SECURITY_GROUP, Freeze
from lifeline.core.network.model import MANAGED_BY, Endpoint, Vpc, is_own
from lifeline.core.network.obstacles import FAILED_STATES, lets_in_cidr
from lifeline.core.plan.actions import GIVES_UP, Action, ActionKind, Plan, ServiceState, Status


class Loss(StrEnum):
    """What may become of something that was done, the gravest first."""

    ENDPOINT = "endpoint"
    PRIVATE_DNS = "private dns"
    GROUP_OFF = "group off"
    SUBNET = "subnet"
    ROUTE_TABLE = "route table"
    GROUP = "group"
    RULE = "rule"
    ATTRIBUTE = "attribute"

    @property
    def calls(self) -> frozenset[str]:
        """The EC2 calls that do it."""
        return _CALLS[self]


_MODIFY = frozenset({"ModifyVpcEndpoint"})
_CALLS = {
    Loss.ENDPOINT: frozenset({"DeleteVpcEndpoints"}),
    Loss.PRIVATE_DNS: _MODIFY,
    Loss.GROUP_OFF: _MODIFY,
    Loss.SUBNET: _MODIFY,
    Loss.ROUTE_TABLE: _MODIFY,
    Loss.GROUP: frozenset({"DeleteSecurityGroup"}),
    Loss.RULE: frozenset({"RevokeSecurityGroupIngress", "ModifySecurityGroupRules"}),
    Loss.ATTRIBUTE: frozenset({"ModifyVpcAttribute"}),
}
RANK = {loss: place for place, loss in enumerate(Loss)}
_MAKING = frozenset({ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.CREATE_GATEWAY_ENDPOINT})
_REDONE_BY = {
    Loss.ENDPOINT: _MAKING | {ActionKind.REPLACE_ENDPOINT, ActionKind.ENABLE_PRIVATE_DNS, ActionKind.ADD_ROUTE_TABLES},
    Loss.PRIVATE_DNS: _MAKING | {ActionKind.REPLACE_ENDPOINT, ActionKind.ENABLE_PRIVATE_DNS},
    Loss.GROUP_OFF: frozenset({ActionKind.ATTACH_SECURITY_GROUP}),
    Loss.SUBNET: frozenset({ActionKind.ADD_SUBNETS}),
    Loss.ROUTE_TABLE: frozenset({ActionKind.ADD_ROUTE_TABLES, ActionKind.CREATE_GATEWAY_ENDPOINT}),
    Loss.GROUP: frozenset({ActionKind.CREATE_SECURITY_GROUP}),
    Loss.RULE: frozenset({ActionKind.OPEN_SECURITY_GROUP}),
    Loss.ATTRIBUTE: frozenset({ActionKind.FIX_DNS}),
}
_WHOLE = frozenset({ActionKind.RETIRE_ENDPOINT, ActionKind.REPLACE_ENDPOINT, ActionKind.DELETE_SECURITY_GROUP})
_OF_ENDPOINT = frozenset({Loss.ENDPOINT, Loss.PRIVATE_DNS, Loss.GROUP_OFF, Loss.SUBNET, Loss.ROUTE_TABLE})


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that Lifeline did and that should stand: of the resource `id`, by what losing it would be.

    `part` is what of it: a subnet, a route table, a group, an address block or an attribute.
    """

    loss: Loss
    id: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at a VPC under its lease, with the plan as it would be if nothing were frozen.

    `fresh` are endpoints that EC2 may not show yet, `failed` the services whose last endpoint AWS failed, `idle` what
    of Lifeline's own nothing required lately, `frozen` what is frozen already: what others do to these is no fight.
    """

    vpc: Vpc
    plan: Plan
    owner: str
    now: datetime
    fresh: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    idle: frozenset[str] = frozenset()
    frozen: Mapping[str, Freeze] = field(default_factory=dict)


class Fate(Enum):
    """What became of a claim."""

    STANDS = auto()
    LOST = auto()
    FORGOTTEN = auto()  # it isn't Lifeline's to claim any more


def key_of(action: Action) -> str:
    """Under what its claims are kept: its service, or what all of a VPC's endpoints share."""
    if action.kind is ActionKind.FIX_DNS:
        return DNS_ATTRIBUTES
    return action.service or SECURITY_GROUP


def claims_of(action: Action, vpc_id: str) -> Iterator[Claim]:
    """What should stand once the action is done; nothing where it gives something up, or changes nothing."""
    match action.kind:
        case ActionKind.FIX_DNS:
            yield from (Claim(Loss.ATTRIBUTE, vpc_id, name) for name in action.attributes)
            return
        case ActionKind.CREATE_SECURITY_GROUP | ActionKind.OPEN_SECURITY_GROUP:
            yield Claim(Loss.GROUP, action.group_id)
            yield from (Claim(Loss.RULE, action.group_id, cidr) for cidr in action.cidrs)
            return
        case ActionKind.CREATE_INTERFACE_ENDPOINT | ActionKind.REPLACE_ENDPOINT:
            if action.private_dns:
                yield Claim(Loss.PRIVATE_DNS, action.endpoint_id)
            yield Claim(Loss.GROUP_OFF, action.endpoint_id, action.group_id)
        case ActionKind.ENABLE_PRIVATE_DNS:
            yield Claim(Loss.PRIVATE_DNS, action.endpoint_id)
        case ActionKind.ATTACH_SECURITY_GROUP:
            yield Claim(Loss.GROUP_OFF, action.endpoint_id, action.group_id)
        case ActionKind.ADD_SUBNETS | ActionKind.ADD_ROUTE_TABLES | ActionKind.CREATE_GATEWAY_ENDPOINT:
            pass
        case _:
            return
    yield Claim(Loss.ENDPOINT, action.endpoint_id)
    yield from (Claim(Loss.SUBNET, action.endpoint_id, one) for one in action.subnet_ids)
    yield from (Claim(Loss.ROUTE_TABLE, action.endpoint_id, one) for one in action.route_table_ids)


# ---- what became of it


def find_fate(key: str, claim: Claim, sight: Sight) -> Fate:
    """Whether the claim still stands. What AWS failed, and what nothing required, is forgotten rather than lost."""
    if any(one.status is Status.PLANNED and is_given_up(claim, one) for one in sight.plan.actions):
        return Fate.FORGOTTEN
    fate = _seen(claim, sight)
    is_excused = key in sight.failed or claim.id in sight.idle
    return Fate.FORGOTTEN if fate is Fate.LOST and is_excused else fate


def is_given_up(claim: Claim, action: Action) -> bool:
    """True if the action ends the claim: whatever becomes of it, nobody else did it."""
    if claim.id != (action.endpoint_id or action.group_id) or action.kind not in GIVES_UP | _WHOLE:
        return False
    is_dns = action.kind is ActionKind.DISABLE_PRIVATE_DNS and claim.loss is Loss.PRIVATE_DNS
    return action.kind in _WHOLE or is_dns or claim.part in {*action.subnet_ids, *action.route_table_ids}


def _seen(claim: Claim, sight: Sight) -> Fate:
    if claim.loss in _OF_ENDPOINT:
        endpoint = next((one for one in sight.vpc.endpoints if one.id == claim.id), None)
        if endpoint is None:
            return Fate.STANDS if claim.id in sight.fresh else Fate.LOST
        return _seen_on(endpoint, claim, sight)
    if claim.loss is Loss.ATTRIBUTE:
        fixes = [one for one in sight.plan.actions if one.kind is ActionKind.FIX_DNS]
        return Fate.LOST if any(claim.part in one.attributes for one in fixes) else Fate.STANDS
    group = next((one for one in sight.vpc.security_groups if one.id == claim.id), None)
    if group is None:
        return Fate.LOST
    is_outdated = claim.loss is Loss.RULE and claim.part not in sight.vpc.all_cidrs
    if group.tag(MANAGED_BY) != sight.owner or is_outdated:
        return Fate.FORGOTTEN
    is_lost = claim.loss is Loss.RULE and not lets_in_cidr(group, claim.part)
    return Fate.LOST if is_lost else Fate.STANDS


def _seen_on(endpoint: Endpoint, claim: Claim, sight: Sight) -> Fate:
    """An endpoint whose tag somebody removed is theirs; what AWS failed, nobody undid."""
    vpc = sight.vpc
    if endpoint.state.is_gone:
        return Fate.LOST
    if endpoint.state in FAILED_STATES or not is_own(endpoint, sight.owner):
        return Fate.FORGOTTEN
    there: dict[Loss, tuple[bool, Iterable[str]]] = {
        Loss.ENDPOINT: (True, ()),
        Loss.PRIVATE_DNS: (endpoint.private_dns, ("",)),
        Loss.GROUP_OFF: (claim.part in endpoint.group_ids, (one.id for one in vpc.security_groups)),
        Loss.SUBNET: (claim.part in endpoint.subnet_ids, (one.id for one in vpc.subnets)),
        Loss.ROUTE_TABLE: (claim.part in endpoint.route_table_ids, (one.id for one in vpc.route_tables)),
    }
    is_there, possible = there[claim.loss]
    if is_there:
        return Fate.STANDS
    return Fate.LOST if claim.part in possible else Fate.FORGOTTEN


def is_redone(claim: Claim, key: str, plan: Plan) -> bool:
    """True if the plan would do it again, or would if nothing else stood in the way."""
    for one in plan.actions:
        if one.kind not in _REDONE_BY[claim.loss] or key_of(one) != key:
            continue
        is_others = one.kind in _MAKING and bool(one.endpoint_id)  # the remedy for an endpoint that somebody else made
        is_elsewhere = claim.loss is Loss.RULE and claim.part not in one.cidrs
        if not is_others and not is_elsewhere:
            return True
    return False


def is_open(key: str, plan: Plan) -> bool:
    """True while the service is neither served nor unrequired: what is missing may be done again in a later look."""
    states = {one.service: one.state for one in plan.services}
    return states.get(key, ServiceState.SERVED) not in {ServiceState.SERVED, ServiceState.CENTRAL}

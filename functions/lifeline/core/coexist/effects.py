"""Effects: each thing that Lifeline did and that should still stand, and what became of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum, auto

from lifeline.core.guards.freeze import DNS_ATTRIBUTES, SECURITY_GROUP, Freeze
from lifeline.core.network.endpoint_policy import is_shut
from lifeline.core.network.model import FAILED_STATES, MANAGED_BY, Endpoint, Part, Ranges, Vpc, is_own
from lifeline.core.network.obstacles import lets_in_cidr
from lifeline.core.network.packets import ports_in
from lifeline.core.network.ports import HTTPS
from lifeline.core.plan.actions import REMOVALS, Action, ActionKind, Plan, ServiceState
from lifeline.core.policy.endpoint_policies import policy_print


class EffectKind(StrEnum):
    """What may become of something that was done, the gravest first."""

    ENDPOINT = "endpoint"
    PRIVATE_DNS = "private dns"
    GROUP_OFF = "group off"
    SUBNET = "subnet"
    ROUTE_TABLE = "route table"
    GROUP = "group"
    RULE = "rule"
    ATTRIBUTE = "attribute"
    POLICY = "policy"
    DNS_RECORDS = "dns records"

    @property
    def calls(self) -> frozenset[str]:
        """The EC2 calls that do it."""
        return _CALLS[self]


_MODIFY = frozenset({"ModifyVpcEndpoint"})
_CALLS = {
    EffectKind.ENDPOINT: frozenset({"DeleteVpcEndpoints"}),
    EffectKind.PRIVATE_DNS: _MODIFY,
    EffectKind.GROUP_OFF: _MODIFY,
    EffectKind.SUBNET: _MODIFY,
    EffectKind.ROUTE_TABLE: _MODIFY,
    EffectKind.GROUP: frozenset({"DeleteSecurityGroup"}),
    EffectKind.RULE: frozenset({"RevokeSecurityGroupIngress", "ModifySecurityGroupRules"}),
    EffectKind.ATTRIBUTE: frozenset({"ModifyVpcAttribute"}),
    EffectKind.POLICY: _MODIFY,
    EffectKind.DNS_RECORDS: _MODIFY,
}
ON_PORT = " on port "
RANK = {kind: place for place, kind in enumerate(EffectKind)}
_MAKING = frozenset({ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.CREATE_GATEWAY_ENDPOINT})
_REDONE_BY = {
    EffectKind.ENDPOINT: _MAKING
    | {ActionKind.REPLACE_ENDPOINT, ActionKind.ENABLE_PRIVATE_DNS, ActionKind.ADD_ROUTE_TABLES},
    EffectKind.PRIVATE_DNS: _MAKING | {ActionKind.REPLACE_ENDPOINT, ActionKind.ENABLE_PRIVATE_DNS},
    EffectKind.GROUP_OFF: frozenset({ActionKind.ATTACH_SECURITY_GROUP}),
    EffectKind.SUBNET: frozenset({ActionKind.ADD_SUBNETS}),
    EffectKind.ROUTE_TABLE: frozenset({ActionKind.ADD_ROUTE_TABLES}),
    EffectKind.GROUP: frozenset({ActionKind.CREATE_SECURITY_GROUP}),
    EffectKind.RULE: frozenset({ActionKind.OPEN_SECURITY_GROUP}),
    EffectKind.ATTRIBUTE: frozenset({ActionKind.FIX_DNS}),
    EffectKind.POLICY: frozenset({ActionKind.RESET_POLICY}),
    EffectKind.DNS_RECORDS: frozenset({ActionKind.RESET_DNS_RECORDS}),
}
_WHOLE = frozenset({ActionKind.RETIRE_ENDPOINT, ActionKind.REPLACE_ENDPOINT, ActionKind.DELETE_SECURITY_GROUP})
_OF_ENDPOINT = frozenset(
    {
        EffectKind.ENDPOINT,
        EffectKind.PRIVATE_DNS,
        EffectKind.GROUP_OFF,
        EffectKind.SUBNET,
        EffectKind.ROUTE_TABLE,
        EffectKind.POLICY,
        EffectKind.DNS_RECORDS,
    }
)


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that Lifeline did and that should stand: of the resource `id`, by what losing it would be.

    `part` is what of it: a subnet, a route table, a group, an attribute, a rule's address block, with its port if that
    isn't 443, or a policy's fingerprint; empty for the default policy, of which only that it lets nobody in is a loss.
    """

    kind: EffectKind
    id: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class VpcSnapshot:
    """A VPC as it was observed under its lease, with the plan as it would be if nothing were frozen.

    `fresh` are endpoints that EC2 may not show yet, `failed` the services whose last endpoint AWS failed, `idle` what
    of Lifeline's own nothing required lately, `frozen` what is frozen already: what others do to these is no conflict.
    `let_in` are the fingerprints of policies that let callers in before, by endpoint: these stand. `unjudged` are the
    endpoints whose named policy can't be used now: that of Lifeline's stays on record until it can.
    """

    vpc: Vpc
    plan: Plan
    owner: str
    now: datetime
    fresh: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    idle: frozenset[str] = frozenset()
    frozen: Mapping[str, Freeze] = field(default_factory=dict)
    let_in: Mapping[str, str] = field(default_factory=dict)
    unjudged: frozenset[str] = frozenset()


class EffectState(Enum):
    """What became of an effect."""

    STANDS = auto()
    LOST = auto()
    FORGOTTEN = auto()  # it isn't Lifeline's any more


def key_of(action: Action) -> str:
    """The key of its effects: its service, or what all of a VPC's endpoints share."""
    if action.kind is ActionKind.FIX_DNS:
        return DNS_ATTRIBUTES
    return action.service or SECURITY_GROUP


def effects_of(action: Action, vpc_id: str) -> Iterator[Effect]:
    """What should stand once the action is done; nothing where it removes something, or changes nothing."""
    match action.kind:
        case ActionKind.FIX_DNS:
            yield from (Effect(EffectKind.ATTRIBUTE, vpc_id, name) for name in action.attributes)
            return
        case ActionKind.CREATE_SECURITY_GROUP | ActionKind.OPEN_SECURITY_GROUP:
            yield Effect(EffectKind.GROUP, action.security_group_id)
            yield from rules_of(action)
            return
        case ActionKind.CREATE_INTERFACE_ENDPOINT | ActionKind.REPLACE_ENDPOINT:
            if action.private_dns:
                yield Effect(EffectKind.PRIVATE_DNS, action.endpoint_id)
            yield Effect(EffectKind.GROUP_OFF, action.endpoint_id, action.security_group_id)
            yield Effect(EffectKind.POLICY, action.endpoint_id, policy_print(action.policy))
            yield Effect(EffectKind.DNS_RECORDS, action.endpoint_id)
        case ActionKind.RESET_DNS_RECORDS:
            yield Effect(EffectKind.DNS_RECORDS, action.endpoint_id)
        case ActionKind.ENABLE_PRIVATE_DNS:
            yield Effect(EffectKind.PRIVATE_DNS, action.endpoint_id)
        case ActionKind.ATTACH_SECURITY_GROUP:
            yield Effect(EffectKind.GROUP_OFF, action.endpoint_id, action.security_group_id)
        case ActionKind.CREATE_GATEWAY_ENDPOINT | ActionKind.RESET_POLICY:
            yield Effect(EffectKind.POLICY, action.endpoint_id, policy_print(action.policy))
        case ActionKind.ADD_SUBNETS | ActionKind.ADD_ROUTE_TABLES:
            pass
        case _:
            return
    yield Effect(EffectKind.ENDPOINT, action.endpoint_id)
    yield from (Effect(EffectKind.SUBNET, action.endpoint_id, subnet_id) for subnet_id in action.subnet_ids)
    yield from (Effect(EffectKind.ROUTE_TABLE, action.endpoint_id, table_id) for table_id in action.route_table_ids)


def rules_of(action: Action) -> Iterator[Effect]:
    """The rules that it adds to a security group, or removes from it."""
    for port in action.ports:
        where = "" if (port,) == HTTPS else f"{ON_PORT}{ports_in((port,))}"
        yield from (Effect(EffectKind.RULE, action.security_group_id, f"{cidr}{where}") for cidr in action.cidrs)


def _read_rule(text: str) -> tuple[str, Ranges]:
    """The address block and the port of such a text."""
    cidr, _, port = text.partition(ON_PORT)
    low, _, high = port.partition("-")
    return cidr, ((int(low), int(high or low)),) if port else HTTPS


# ---- what became of it


def find_effect_state(key: str, effect: Effect, snapshot: VpcSnapshot) -> EffectState:
    """Whether the effect still stands. What AWS failed, and what nothing required, is forgotten rather than lost."""
    if any(action.is_planned and is_removed(effect, action) for action in snapshot.plan.actions):
        return EffectState.FORGOTTEN
    effect_state = _seen(effect, snapshot)
    is_excused = key in snapshot.failed or effect.id in snapshot.idle
    return EffectState.FORGOTTEN if effect_state is EffectState.LOST and is_excused else effect_state


def is_removed(effect: Effect, action: Action) -> bool:
    """True if the action ends the effect: whatever becomes of it, nobody else did it. Closing a rule doesn't: while
    that is only planned, the rule is Lifeline's all the same.
    """
    if effect.id != action.target or action.kind not in REMOVALS | _WHOLE:
        return False
    is_dns = action.kind is ActionKind.DISABLE_PRIVATE_DNS and effect.kind is EffectKind.PRIVATE_DNS
    return action.kind in _WHOLE or is_dns or effect.part in {*action.subnet_ids, *action.route_table_ids}


def _seen(effect: Effect, snapshot: VpcSnapshot) -> EffectState:
    if effect.kind in _OF_ENDPOINT:
        endpoint = next((endpoint for endpoint in snapshot.vpc.endpoints if endpoint.id == effect.id), None)
        if endpoint is None:
            return EffectState.STANDS if effect.id in snapshot.fresh else EffectState.LOST
        return _seen_on(endpoint, effect, snapshot)
    if effect.kind is EffectKind.ATTRIBUTE:
        fixes = [action for action in snapshot.plan.actions if action.kind is ActionKind.FIX_DNS]
        return EffectState.LOST if any(effect.part in action.attributes for action in fixes) else EffectState.STANDS
    return _seen_of_group(effect, snapshot)


def _seen_of_group(effect: Effect, snapshot: VpcSnapshot) -> EffectState:
    """A rule for a block that the VPC has no more stands until it is removed, and then nobody misses it. That Lifeline
    added it stays known where the group's tag is gone: whoever may tag could keep it from being removed otherwise.
    """
    group = next((group for group in snapshot.vpc.security_groups if group.id == effect.id), None)
    if group is None:
        return EffectState.STANDS if snapshot.vpc.unread_words(Part.SECURITY_GROUPS) else EffectState.LOST
    cidr, ports = _read_rule(effect.part)
    is_rule, is_tagged = effect.kind is EffectKind.RULE, group.tag(MANAGED_BY) == snapshot.owner
    if not group.on_record or not (is_rule or is_tagged):
        return EffectState.FORGOTTEN
    if not is_rule or lets_in_cidr(group, cidr, ports):
        return EffectState.STANDS
    return EffectState.LOST if is_tagged and cidr in snapshot.vpc.all_cidrs else EffectState.FORGOTTEN


def _seen_on(endpoint: Endpoint, effect: Effect, snapshot: VpcSnapshot) -> EffectState:
    """An endpoint whose tag someone removed is theirs; what AWS failed, nobody reverted, nor a named policy that is
    still there, whomever it lets in by now.
    """
    vpc, policy = snapshot.vpc, policy_print(endpoint.policy)
    if endpoint.state.is_gone:
        return EffectState.LOST
    if endpoint.state in FAILED_STATES or not is_own(endpoint, snapshot.owner):
        return EffectState.FORGOTTEN
    there: dict[EffectKind, tuple[bool, Iterable[str]]] = {
        EffectKind.ENDPOINT: (True, ()),
        EffectKind.PRIVATE_DNS: (endpoint.private_dns, ("",)),
        EffectKind.GROUP_OFF: (effect.part in endpoint.security_group_ids, (group.id for group in vpc.security_groups)),
        EffectKind.POLICY: (
            effect.part == policy or endpoint.id in snapshot.unjudged
            if effect.part
            else snapshot.let_in.get(endpoint.id) == policy or not is_shut(endpoint, vpc),
            (effect.part,),
        ),
        EffectKind.DNS_RECORDS: (not endpoint.hides_addresses, ("",)),
        EffectKind.SUBNET: (effect.part in endpoint.subnet_ids, (subnet.id for subnet in vpc.subnets)),
        EffectKind.ROUTE_TABLE: (effect.part in endpoint.route_table_ids, (table.id for table in vpc.route_tables)),
    }
    is_there, possible = there[effect.kind]
    if is_there or (effect.kind is EffectKind.GROUP_OFF and vpc.unread_words(Part.SECURITY_GROUPS)):
        return EffectState.STANDS
    return EffectState.LOST if effect.part in possible else EffectState.FORGOTTEN


def is_redone(effect: Effect, key: str, plan: Plan) -> bool:
    """True if the plan would do it again, or would if nothing else stood in the way."""
    for action in plan.actions:
        is_remedy = action.kind in _MAKING and bool(action.endpoint_id)  # for an endpoint that someone else made
        is_elsewhere = effect.kind is EffectKind.RULE and effect not in rules_of(action)
        if action.kind in _REDONE_BY[effect.kind] and key_of(action) == key and not (is_remedy or is_elsewhere):
            return True
    return False


def is_open(key: str, plan: Plan) -> bool:
    """True while the service is neither served nor unrequired: what is missing may be done again by a later run."""
    states = {report.service: report.state for report in plan.services}
    return states.get(key, ServiceState.SERVED) not in {ServiceState.SERVED, ServiceState.CENTRAL}

"""What should stand of what Lifeline did: what does it again, what ends it, and which calls undo it."""

import pytest

from lifeline.core.coexist.effects import (
    Effect,
    EffectKind,
    _read_rule,
    effects_of,
    is_open,
    is_redone,
    is_removed,
    rules_of,
)
from lifeline.core.guards.freeze import DNS_ATTRIBUTES, SECURITY_GROUP
from lifeline.core.plan.actions import Action, ActionKind, Plan, ServiceReport, ServiceState
from tests.support.builders import VPC_ID

MADE = {ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.CREATE_GATEWAY_ENDPOINT, ActionKind.REPLACE_ENDPOINT}
REDONE_BY = {
    EffectKind.ENDPOINT: MADE | {ActionKind.ENABLE_PRIVATE_DNS, ActionKind.ADD_ROUTE_TABLES},
    EffectKind.PRIVATE_DNS: MADE | {ActionKind.ENABLE_PRIVATE_DNS},
    EffectKind.GROUP_OFF: {ActionKind.ATTACH_SECURITY_GROUP},
    EffectKind.SUBNET: {ActionKind.ADD_SUBNETS},
    EffectKind.ROUTE_TABLE: {ActionKind.ADD_ROUTE_TABLES},
    EffectKind.GROUP: {ActionKind.CREATE_SECURITY_GROUP},
    EffectKind.RULE: {ActionKind.OPEN_SECURITY_GROUP},
    EffectKind.ATTRIBUTE: {ActionKind.FIX_DNS},
    EffectKind.POLICY: {ActionKind.RESET_POLICY},
    EffectKind.DNS_RECORDS: {ActionKind.RESET_DNS_RECORDS},
}


def planned(*actions: Action) -> Plan:
    return Plan(VPC_ID, (), actions)


@pytest.mark.parametrize("kind", EffectKind)
def test_an_effect_is_missed_where_the_plan_would_have_it_again(kind: EffectKind) -> None:
    effect = Effect(kind, "sg-1", "10.0.0.0/16" if kind is EffectKind.RULE else "")
    key = DNS_ATTRIBUTES if kind is EffectKind.ATTRIBUTE else "logs"
    actions = [
        Action(one, "why", service="logs", security_group_id="sg-1", cidrs=("10.0.0.0/16",), ports=((443, 443),))
        for one in ActionKind
    ]
    assert {action.kind for action in actions if is_redone(effect, key, planned(action))} == REDONE_BY[kind]
    assert not any(is_redone(effect, "ec2", planned(action)) for action in actions)


def test_another_rule_or_a_remedy_for_somebody_elses_endpoint_brings_nothing_back() -> None:
    rule = Effect(EffectKind.RULE, "sg-1", "10.0.0.0/16")
    opened = Action(ActionKind.OPEN_SECURITY_GROUP, "why", security_group_id="sg-1", ports=((443, 443),))
    for cidrs, group, is_back in (
        (("10.0.0.0/16",), "sg-1", True),
        (("10.1.0.0/16", "10.0.0.0/16"), "sg-1", True),
        (("10.1.0.0/16",), "sg-1", False),
        (("10.0.0.0/16",), "sg-2", False),
    ):
        action = Action(opened.kind, "why", security_group_id=group, ports=((443, 443),), cidrs=cidrs)
        assert is_redone(rule, SECURITY_GROUP, planned(action)) is is_back
    remedy = Action(ActionKind.CREATE_INTERFACE_ENDPOINT, "why", service="logs", endpoint_id="vpce-theirs")
    assert not is_redone(Effect(EffectKind.ENDPOINT, "vpce-1"), "logs", planned(remedy))


@pytest.mark.parametrize(
    ("kind", "ends"),
    [
        (ActionKind.RETIRE_ENDPOINT, {"endpoint", "private dns", "subnet a", "subnet b", "route table t"}),
        (ActionKind.REPLACE_ENDPOINT, {"endpoint", "private dns", "subnet a", "subnet b", "route table t"}),
        (ActionKind.DISABLE_PRIVATE_DNS, {"private dns", "subnet a", "route table t"}),
        (ActionKind.REMOVE_SUBNETS, {"subnet a", "route table t"}),
        (ActionKind.REMOVE_ROUTE_TABLES, {"subnet a", "route table t"}),
        (ActionKind.ADD_SUBNETS, set()),
        (ActionKind.ENABLE_PRIVATE_DNS, set()),
    ],
)
def test_what_lifeline_removes_ends_its_effects(kind: ActionKind, ends: set[str]) -> None:
    effects = {
        "endpoint": Effect(EffectKind.ENDPOINT, "vpce-1"),
        "private dns": Effect(EffectKind.PRIVATE_DNS, "vpce-1"),
        "subnet a": Effect(EffectKind.SUBNET, "vpce-1", "subnet-a"),
        "subnet b": Effect(EffectKind.SUBNET, "vpce-1", "subnet-b"),
        "route table t": Effect(EffectKind.ROUTE_TABLE, "vpce-1", "rtb-t"),
        "another": Effect(EffectKind.SUBNET, "vpce-2", "subnet-a"),
    }
    action = Action(kind, "why", endpoint_id="vpce-1", subnet_ids=("subnet-a",), route_table_ids=("rtb-t",))
    assert {name for name, effect in effects.items() if is_removed(effect, action)} == ends


def test_a_rule_names_its_port_unless_that_is_443() -> None:
    action = Action(ActionKind.OPEN_SECURITY_GROUP, "why", cidrs=("10.0.0.0/16",), ports=((443, 443), (25, 25), (1, 9)))
    texts = [rule.part for rule in rules_of(action)]
    assert texts == ["10.0.0.0/16", "10.0.0.0/16 on port 25", "10.0.0.0/16 on port 1-9"]
    assert [_read_rule(text) for text in texts] == [("10.0.0.0/16", (port,)) for port in action.ports]


@pytest.mark.parametrize("private_dns", [True, False])
def test_an_endpoint_that_is_made_without_private_dns_claims_none(private_dns: bool) -> None:
    action = Action(ActionKind.CREATE_INTERFACE_ENDPOINT, "why", service="logs", private_dns=private_dns)
    assert (EffectKind.PRIVATE_DNS in {one.kind for one in effects_of(action, VPC_ID)}) is private_dns


@pytest.mark.parametrize(
    ("kind", "calls"),
    [
        (EffectKind.ENDPOINT, {"DeleteVpcEndpoints"}),
        (EffectKind.SUBNET, {"ModifyVpcEndpoint"}),
        (EffectKind.GROUP, {"DeleteSecurityGroup"}),
        (EffectKind.RULE, {"RevokeSecurityGroupIngress", "ModifySecurityGroupRules"}),
        (EffectKind.ATTRIBUTE, {"ModifyVpcAttribute"}),
    ],
)
def test_each_effect_is_undone_by_calls_of_its_own(kind: EffectKind, calls: set[str]) -> None:
    assert kind.calls == calls


@pytest.mark.parametrize("state", ServiceState)
def test_what_is_missing_stays_open_until_it_is_served(state: ServiceState) -> None:
    plan = Plan(VPC_ID, (), (), services=(ServiceReport("logs", state),))
    assert is_open("logs", plan) is (state not in {ServiceState.SERVED, ServiceState.CENTRAL})
    assert not is_open("ec2", plan)

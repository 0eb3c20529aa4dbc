"""What is planned for endpoints whose policies let nobody use the service, and said of those that can't be judged."""

from dataclasses import replace

import pytest

from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import Endpoint, EndpointState, Vpc
from lifeline.core.plan.actions import ActionKind, Plan, ServiceState, Status
from lifeline.core.plan.harm import unprepared
from tests.support.builders import (
    MONITORING,
    NARROW_POLICY,
    SHUT_POLICY,
    endpoint,
    gateway,
    own_security_group,
    plan,
    subnet,
    table,
    vpc,
)
from tests.support.reach_samples import NAT, TO_S3

RESET, ENABLE = ActionKind.RESET_POLICY, ActionKind.ENABLE_PRIVATE_DNS
OWN = endpoint(MONITORING, "a", policy=SHUT_POLICY)
THEIRS = endpoint(MONITORING, "a", own=False, id="vpce-theirs", policy=SHUT_POLICY)


def network(*endpoints: Endpoint) -> Vpc:
    return vpc(subnet("a"), own_security_group(), *endpoints)


def brief(found: Plan) -> list[tuple[ActionKind, str, Status]]:
    return [(action.kind, action.endpoint_id, action.status) for action in found.actions]


def test_that_of_lifelines_own_is_reset_and_then_nothing_is_left() -> None:
    found = plan(network(OWN), "monitoring")
    assert brief(found) == [(RESET, "vpce-1", Status.PLANNED)]
    assert found.services[0].state is ServiceState.MISSING
    after = plan(network(replace(OWN, policy="")), "monitoring")
    assert (after.actions, after.services[0].state) == ((), ServiceState.SERVED)


def test_it_is_reset_before_private_dns_sends_anyone_there() -> None:
    found = plan(network(replace(OWN, private_dns=False)), "monitoring", dns=DnsView())
    assert brief(found) == [(RESET, "vpce-1", Status.PLANNED), (ENABLE, "vpce-1", Status.PLANNED)]
    reset, enable = found.actions
    assert unprepared(enable, found.actions) is reset
    done = replace(reset, status=Status.DONE)
    assert unprepared(enable, (done, enable)) is None
    assert unprepared(replace(enable, endpoint_id="vpce-2"), found.actions) is None


def test_one_that_is_pending_is_tried_until_aws_takes_the_change_and_one_that_failed_is_replaced() -> None:
    pending = plan(network(replace(OWN, state=EndpointState.PENDING)), "monitoring")
    assert brief(pending) == [(RESET, "vpce-1", Status.PLANNED)]
    failed = plan(network(replace(OWN, state=EndpointState.FAILED)), "monitoring")
    assert [action.kind for action in failed.actions] == [ActionKind.REPLACE_ENDPOINT]


def test_that_of_others_is_theirs_to_change() -> None:
    found = plan(network(THEIRS), "monitoring")
    assert brief(found) == [(RESET, "vpce-theirs", Status.BLOCKED)]
    (action,) = found.actions
    assert (action.subnet_ids, action.error) == (
        ("subnet-a",),
        "it isn't Lifeline's: its owner should allow it in the policy",
    )
    assert found.services[0].state is ServiceState.BLOCKED
    both = vpc(subnet("b"), subnet("a"), own_security_group(), THEIRS)
    assert [action.subnet_ids for action in plan(both, "monitoring").actions] == [("subnet-a",)], "the first one by id"


def test_lifelines_own_is_left_as_it_is_while_theirs_answers() -> None:
    silent = replace(OWN, private_dns=False)
    assert brief(plan(network(silent, replace(THEIRS, policy="")), "monitoring")) == []
    assert brief(plan(network(silent, THEIRS), "monitoring")) == [(RESET, "vpce-theirs", Status.BLOCKED)]


def test_a_gateway_endpoint_is_reset_with_the_routes_that_it_gets() -> None:
    home, other = table("main", TO_S3), table("b", subnets=("b",))
    shut = gateway("main", policy=SHUT_POLICY)
    found = plan(vpc(subnet("a"), subnet("b"), home, other, shut), "s3")
    assert brief(found) == [
        (RESET, "vpce-1", Status.PLANNED),
        (ActionKind.ADD_ROUTE_TABLES, "vpce-1", Status.PLANNED),
    ]
    foreign = gateway("main", own=False, policy=SHUT_POLICY)
    assert brief(plan(vpc(subnet("a"), home, foreign), "s3")) == [(RESET, "vpce-1", Status.BLOCKED)]


def test_one_that_is_not_certain_serves_and_is_noted_where_it_serves() -> None:
    found = plan(network(replace(OWN, policy=NARROW_POLICY)), "monitoring")
    note = "whether the policy of vpce-1 allows cloudwatch:PutMetricData isn't clear from the policy alone"
    assert (found.actions, found.services[0].state, found.notes) == ((), ServiceState.SERVED, (note,))
    idle = endpoint(MONITORING, "a", own=False, id="vpce-2", private_dns=False, policy=NARROW_POLICY)
    assert plan(network(replace(OWN, policy=""), idle), "monitoring").notes == ()


@pytest.mark.parametrize("policy", ["{}", '{"Statement": []}', "{"])
def test_one_that_can_not_be_understood_stays_and_is_noted(policy: str) -> None:
    found = plan(network(replace(OWN, policy=policy)), "monitoring")
    note = "the policy of vpce-1 could not be understood"
    assert (found.actions, found.services[0].state, found.notes) == ((), ServiceState.UNKNOWN, (note,))
    idle = endpoint(MONITORING, "a", own=False, id="vpce-2", private_dns=False, policy=policy)
    assert plan(network(replace(OWN, policy=""), idle), "monitoring").notes == ()


def test_turning_the_vpcs_dns_on_is_harm_where_it_wakes_an_endpoint_that_denies_all() -> None:
    waking = replace(vpc(subnet("a"), NAT, own_security_group(), THEIRS), dns_hostnames=False)
    found = plan(waking, "monitoring", fix_dns=True, dns=DnsView())
    fix = next(action for action in found.actions if action.kind is ActionKind.FIX_DNS)
    assert fix.is_blocked
    assert "the policy of vpce-theirs doesn't allow cloudwatch:PutMetricData; allow it in the endpoint's" in fix.error

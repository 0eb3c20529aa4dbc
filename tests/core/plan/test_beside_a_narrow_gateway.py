"""Gateway endpoints beside what is narrow on purpose, and beside what failed."""

import json
from dataclasses import replace
from typing import Any

import pytest

from lifeline.core.network.model import Endpoint, EndpointState, NatGateway, Route, TargetKind, Vpc
from lifeline.core.plan.actions import Action, ActionKind, ServiceState, Status
from lifeline.core.policy.endpoint_policies import EndpointPolicies, StoredPolicy
from tests.support.builders import (
    NARROW_POLICY,
    S3,
    SHUT_POLICY,
    VPC_ID,
    endpoint,
    gateway,
    own_security_group,
    plan,
    route,
    subnet,
    table,
    vpc,
)

THEIRS = gateway("main", own=False, policy=NARROW_POLICY)
NAMED = EndpointPolicies({"s3": "perimeter"}, {"perimeter": StoredPolicy(NARROW_POLICY)})
TWO = (subnet("a"), subnet("b"), table("main"), table("two", subnets=("b",)))


def routing(network: Vpc, **more: Any) -> list[Action]:
    """What gives route tables a way to a gateway endpoint."""
    kinds = {ActionKind.CREATE_GATEWAY_ENDPOINT, ActionKind.ADD_ROUTE_TABLES}
    return [one for one in plan(network, "s3", **more).actions if one.kind in kinds]


@pytest.mark.parametrize("policy", [NARROW_POLICY, SHUT_POLICY, "no policy at all"])
def test_others_narrow_gateway_endpoint_gets_no_full_access_one_beside_it(policy: str) -> None:
    (made,) = routing(vpc(*TWO, replace(THEIRS, policy=policy)))
    assert made.status is Status.BLOCKED
    assert THEIRS.id in made.error
    assert '"gateway_always": ["s3"]' in made.error
    assert ("lets nobody through" in made.error) is ("have its policy allow" in made.error) is (policy == SHUT_POLICY)
    (report,) = plan(vpc(*TWO, replace(THEIRS, policy=policy)), "s3").services
    assert report.state is ServiceState.BLOCKED


OWNER = "111122223333"
OWN_CALLERS = {"Condition": {"StringEquals": {"aws:PrincipalAccount": OWNER}}}


def allowing(**more: Any) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", **more}]})


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        (OWN_CALLERS, Status.BLOCKED),
        ({"Principal": {"AWS": f"arn:aws:iam::{OWNER}:*"}}, Status.BLOCKED),
        ({"Condition": {"StringEquals": {"aws:SourceVpc": VPC_ID}}}, Status.PLANNED),
        ({"Condition": {"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}}, Status.PLANNED),
    ],
)
def test_one_for_the_accounts_own_callers_is_narrow_and_one_for_all_who_are_in_the_vpc_is_not(
    limits: dict[str, Any], status: Status
) -> None:
    """Credentials of another account may be used in the VPC, too."""
    (made,) = routing(vpc(*TWO, replace(THEIRS, policy=allowing(**limits)), owner_id=OWNER))
    assert made.status is status
    assert (THEIRS.id in made.error) is (status is Status.BLOCKED)


@pytest.mark.parametrize("tables", [(), ("unused",)])
def test_a_narrow_gateway_endpoint_on_no_table_that_a_subnet_uses_withholds_nothing(tables: tuple[str, ...]) -> None:
    idle = gateway(*tables, own=False, id="vpce-2", policy=SHUT_POLICY)
    (made,) = routing(vpc(*TWO, table("unused"), idle))
    assert (made.status, made.route_table_ids) == (Status.PLANNED, ("rtb-main", "rtb-two"))
    network = vpc(*TWO, table("unused"), gateway("main", "two"), idle)
    assert not [note for note in plan(network, "s3").notes if "Lifeline made" in note]


@pytest.mark.parametrize("dns_hostnames", [True, False])
def test_an_interface_endpoint_is_said_to_answer_only_where_the_vpcs_dns_lets_it(*, dns_hostnames: bool) -> None:
    there = endpoint(S3, "a", own=False, inbound_dns_only=False)
    notes = plan(vpc(subnet("a"), there, dns_hostnames=dns_hostnames), "s3").notes
    assert any("answers for the s3 service in the whole VPC" in note for note in notes) is dns_hostnames


def test_others_gateway_endpoint_that_lets_everything_through_changes_nothing() -> None:
    (made,) = routing(vpc(*TWO, replace(THEIRS, policy="")))
    assert made.status is Status.PLANNED


def test_the_policy_may_ask_for_the_gateway_endpoint_all_the_same() -> None:
    (made,) = routing(vpc(*TWO, THEIRS), gateway_always=("s3",))
    assert (made.status, made.route_table_ids) == (Status.PLANNED, ("rtb-two",))


def test_a_gateway_endpoint_whose_policy_is_named_is_no_full_access_one() -> None:
    (made,) = routing(vpc(*TWO, THEIRS), endpoint_policies=NAMED)
    assert made.status is Status.PLANNED


@pytest.mark.parametrize(("policy", "status"), [("", Status.BLOCKED), (NARROW_POLICY, Status.PLANNED)])
def test_lifelines_own_is_spread_beside_a_narrow_one_only_where_it_is_narrow_too(policy: str, status: Status) -> None:
    own = gateway("two", id="vpce-2", policy=policy)
    network = vpc(*TWO, subnet("c"), table("three", subnets=("c",)), THEIRS, own)
    (made,) = routing(network)
    assert (made.kind, made.status) == (ActionKind.ADD_ROUTE_TABLES, status)


@pytest.mark.parametrize(
    ("policy", "status"), [(NARROW_POLICY, Status.BLOCKED), (allowing(**OWN_CALLERS), Status.PLANNED)]
)
def test_lifelines_own_for_the_accounts_own_callers_is_spread_only_where_others_is_no_narrower(
    policy: str, status: Status
) -> None:
    own = gateway("two", id="vpce-2", policy=allowing(**OWN_CALLERS))
    theirs = replace(THEIRS, policy=policy)
    network = vpc(*TWO, subnet("c"), table("three", subnets=("c",)), theirs, own, owner_id=OWNER)
    (made,) = routing(network)
    assert (made.kind, made.status) == (ActionKind.ADD_ROUTE_TABLES, status)
    told = [note for note in plan(network, "s3").notes if "Lifeline made" in note]
    assert len(told) == (status is Status.BLOCKED)


def narrow_interface(*, own: bool) -> Endpoint:
    return endpoint(S3, "a", own=own, id="vpce-2", inbound_dns_only=False, policy=NARROW_POLICY)


@pytest.mark.parametrize(
    "theirs", [narrow_interface(own=False), gateway("two", own=False, id="vpce-2", policy=NARROW_POLICY)]
)
def test_lifelines_own_that_stays_beside_what_others_made_narrow_is_told(theirs: Endpoint) -> None:
    network = vpc(*TWO, gateway("main", policy=""), theirs, own_security_group())
    (note,) = (note for note in plan(network, "s3").notes if "Lifeline made" in note)
    assert note == (
        "vpce-1, which Lifeline made, lets everything through to the s3 service, and vpce-2 may not. "
        "Lifeline changes neither: delete vpce-1 if vpce-2 should be the only way"
    )


@pytest.mark.parametrize(
    ("own_policy", "theirs"),
    [
        (NARROW_POLICY, narrow_interface(own=False)),
        ("", narrow_interface(own=True)),
        ("", replace(narrow_interface(own=False), policy="")),
        ("", replace(narrow_interface(own=False), inbound_dns_only=True)),  # it answers nobody in the VPC
    ],
)
def test_it_is_not_told_where_neither_limits_the_other(own_policy: str, theirs: Endpoint) -> None:
    network = vpc(*TWO, gateway("main", "two", policy=own_policy), theirs, own_security_group())
    assert not [note for note in plan(network, "s3").notes if "Lifeline made" in note]


def test_who_asked_for_both_is_not_told() -> None:
    network = vpc(*TWO, gateway("main", "two"), narrow_interface(own=False), own_security_group())
    assert not [note for note in plan(network, "s3", gateway_always=("s3",)).notes if "Lifeline made" in note]


def test_a_service_that_gets_a_gateway_instead_of_what_failed_is_missing_and_not_blocked() -> None:
    failed = endpoint(S3, "a", own=False, inbound_dns_only=False, state=EndpointState.FAILED)
    found = plan(vpc(subnet("a"), failed), "s3")
    assert [one.status for one in found.actions] == [Status.PLANNED]
    assert found.services[0].state is ServiceState.MISSING


def test_a_gateway_that_is_planned_in_part_leaves_what_is_blocked_beside_it_blocked() -> None:
    acl_free = gateway("main", own=False, policy=SHUT_POLICY)
    found = plan(vpc(*TWO, acl_free), "s3", endpoint_policies=NAMED)
    assert {one.status for one in found.actions} == {Status.PLANNED, Status.BLOCKED}
    assert found.services[0].state is ServiceState.BLOCKED


HOME = subnet("nat", cidr="10.0.9.0/28")
NAT = NatGateway("nat-1", is_public=True, is_available=True, subnet_id=HOME.id)
TO_S3 = Route(("52.216.0.0/15",), TargetKind.GATEWAY_ENDPOINT, "vpce-1", is_active=True, prefix_list_id="pl-s3")


@pytest.mark.parametrize(
    ("led", "policy", "state", "made"),
    [
        ("0.0.0.0/0", "", ServiceState.SERVED, []),
        ("0.0.0.0/0", NARROW_POLICY, ServiceState.SERVED, []),
        ("0.0.0.0/0", SHUT_POLICY, ServiceState.BLOCKED, [Status.BLOCKED]),
        ("52.216.0.0/16", "", ServiceState.MISSING, [Status.PLANNED]),
    ],
    ids=["all", "narrow", "a policy that shuts it", "a part"],
)
def test_only_what_a_nat_gateway_leads_to_a_gateway_endpoint_whole_counts_as_served(
    led: str, policy: str, state: ServiceState, made: list[Status]
) -> None:
    network = vpc(
        subnet("a"),
        HOME,
        table("main", route(led, TargetKind.NAT_GATEWAY, NAT.id)),
        table("nat", TO_S3, subnets=("nat",)),
        gateway("nat", own=False, policy=policy),
        nat_gateways=(NAT,),
    )
    (report,) = plan(network, "s3").services
    assert ([one.status for one in routing(network)], report.state) == (made, state)

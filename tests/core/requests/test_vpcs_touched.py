"""From the ids in a record to the VPCs to look at."""

import pytest

from lifeline.core.requests.named import named_ids
from lifeline.core.requests.vpcs_touched import (
    CALLS_A_BATCH,
    IDS_A_CALL,
    Lookups,
    attempted_on,
    ids_to_look_up,
    vpcs_touched,
)

VPC, OTHER = "vpc-0123456789abcdef0", "vpc-0fedcba9876543210"
RTB, IGW = "rtb-0123456789abcdef0", "igw-0123456789abcdef0"
FOUND = {RTB: frozenset({VPC}), IGW: frozenset({OTHER})}


def test_a_record_whose_call_was_on_a_vpc_alone_needs_no_lookup() -> None:
    ids = named_ids("AttachInternetGateway", {"vpcId": VPC, "internetGatewayId": IGW}, None).on
    assert ids_to_look_up("AttachInternetGateway", ids) == frozenset()
    assert vpcs_touched("AttachInternetGateway", ids, FOUND) == frozenset({VPC})


def test_a_routes_vpc_is_its_tables_not_its_targets() -> None:
    ids = named_ids("CreateRoute", {"routeTableId": RTB, "gatewayId": IGW}, None).on
    assert vpcs_touched("CreateRoute", ids, FOUND) == frozenset({VPC})


@pytest.mark.parametrize(
    ("event_name", "also"),
    [
        ("CreateNatGateway", "subnet-0123456789abcdef0"),
        ("CreateRouteServerEndpoint", "subnet-0123456789abcdef0"),
        ("CreateVpcBlockPublicAccessExclusion", "subnet-0123456789abcdef0"),
        ("AcceptVpcPeeringConnection", "pcx-0123456789abcdef0"),
        ("DeleteTransitGatewayVpcAttachment", "tgw-attach-0123456789abcdef0"),
    ],
)
def test_what_a_record_names_and_what_is_looked_up_are_united(event_name: str, also: str) -> None:
    assert ids_to_look_up(event_name, {VPC, also}) == {also}
    assert vpcs_touched(event_name, {VPC, also}, {also: frozenset({OTHER})}) == frozenset({VPC, OTHER})
    assert vpcs_touched(event_name, {VPC, also}, {}) == frozenset({VPC})  # gone, but the record says its VPC
    assert vpcs_touched(event_name, {also}, {}) is None


def test_several_kinds_that_are_looked_up_are_united() -> None:
    endpoint, attachment = "vpce-0123456789abcdef0", "tgw-attach-0123456789abcdef0"
    found = {endpoint: frozenset({VPC}), attachment: frozenset({OTHER})}
    assert vpcs_touched("AcceptVpcEndpointConnections", {endpoint, attachment}, found) == frozenset({VPC, OTHER})


def test_what_names_only_what_is_gone_asks_for_the_region() -> None:
    gone = {"rtbassoc-0123456789abcdef0"}
    assert ids_to_look_up("DisassociateRouteTable", gone) == gone
    assert vpcs_touched("DisassociateRouteTable", gone, {}) is None


def test_a_gone_association_with_a_known_table_is_the_tables_vpc() -> None:
    assert vpcs_touched("ReplaceRouteTableAssociation", {"rtbassoc-0123456789abcdef0", RTB}, FOUND) == frozenset({VPC})


def test_one_gone_of_several_asks_for_the_region() -> None:
    endpoints = {"vpce-0123456789abcdef0", "vpce-0123456789abcdef1"}
    assert vpcs_touched("DeleteVpcEndpoints", endpoints, {"vpce-0123456789abcdef0": frozenset({VPC})}) is None


def test_a_record_without_any_id_asks_for_the_region() -> None:
    assert vpcs_touched("ModifyVpcBlockPublicAccessOptions", set(), {}) is None


@pytest.mark.parametrize("name", ["CreateInternetGateway", "CreateDhcpOptions", "DeleteVpnGateway"])
def test_what_no_vpc_uses_touches_none(name: str) -> None:
    assert ids_to_look_up(name, {IGW}) == frozenset()
    assert vpcs_touched(name, {IGW}, {}) == frozenset()


def test_tags_touch_the_vpcs_of_what_they_are_on_and_never_the_region() -> None:
    subnet = "subnet-0123456789abcdef0"
    assert vpcs_touched("CreateTags", {VPC, subnet}, {subnet: frozenset({OTHER})}) == frozenset({VPC, OTHER})
    assert vpcs_touched("DeleteTags", {subnet}, {}) == frozenset()
    assert ids_to_look_up("CreateTags", {VPC, RTB, subnet}) == {subnet}  # a table's tags mean nothing


def test_a_peering_touches_both_sides() -> None:
    found = {"pcx-0123456789abcdef0": frozenset({VPC, OTHER})}
    assert vpcs_touched("DeleteVpcPeeringConnection", {"pcx-0123456789abcdef0"}, found) == frozenset({VPC, OTHER})


# ---- what a refused call was on


@pytest.mark.parametrize(
    ("event_name", "resource_id"),
    [
        ("CreateVpcEndpoint", VPC),
        ("ModifyVpcEndpoint", "vpce-0123456789abcdef0"),
        ("DeleteVpc", VPC),
        ("DeleteSubnet", "subnet-0123456789abcdef0"),
    ],
)
def test_a_refused_call_was_on_one_resource_of_its_kind_or_it_says_nothing(event_name: str, resource_id: str) -> None:
    assert attempted_on(event_name, {resource_id}) == resource_id
    for ids in (set(), {RTB}, {resource_id, OTHER}, {resource_id, RTB}):
        assert attempted_on(event_name, ids) == ""


# ---- how much is looked up


def ids(kind: str, count: int) -> set[str]:
    return {f"{kind}-{place:017x}" for place in range(count)}


def test_ids_of_one_kind_share_a_call_and_no_record_takes_more_than_two() -> None:
    lookups = Lookups()
    assert lookups.add(ids("subnet", IDS_A_CALL))
    assert lookups.add(ids("subnet", 10))  # the same ones
    assert len(lookups.calls) == 1
    assert lookups.add(ids("vpce", IDS_A_CALL) | ids("sg", 1))
    assert len(lookups.calls) == 3
    for too_much in (ids("eni", 2 * IDS_A_CALL + 1), ids("rtb", 1) | ids("nat", 1) | ids("igw", 1)):
        assert not lookups.add(too_much)
    assert len(lookups.calls) == 3


def test_a_batch_takes_no_more_calls_than_it_may_however_many_ids_it_names() -> None:
    lookups = Lookups()
    taken = [lookups.add({f"vpce-{place:03x}{number:014x}" for number in range(400)}) for place in range(100)]
    assert taken == [True] * 10 + [False] * 90
    assert len(lookups.calls) == CALLS_A_BATCH
    assert not lookups.add(ids("subnet", 1))
    assert lookups.add({f"vpce-{0:03x}{0:014x}"})  # asked for already


def test_an_empty_record_asks_for_nothing() -> None:
    lookups = Lookups()
    assert lookups.add(())
    assert lookups.calls == []

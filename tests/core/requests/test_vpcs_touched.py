"""From the ids in a record to the VPCs to look at."""

import pytest

from lifeline.core.requests.vpcs_touched import ids_to_look_up, vpcs_touched

VPC, OTHER = "vpc-0123456789abcdef0", "vpc-0fedcba9876543210"
RTB, IGW = "rtb-0123456789abcdef0", "igw-0123456789abcdef0"
FOUND = {RTB: frozenset({VPC}), IGW: frozenset({OTHER})}


def test_a_record_that_names_its_vpc_needs_no_lookup() -> None:
    ids = {VPC, IGW}
    assert ids_to_look_up("AttachInternetGateway", ids) == frozenset()
    assert vpcs_touched("AttachInternetGateway", ids, {}) == frozenset({VPC})


def test_a_routes_vpc_is_its_tables_not_its_targets() -> None:
    assert vpcs_touched("CreateRoute", {RTB, IGW}, FOUND) == frozenset({VPC})


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
    assert vpcs_touched("CreateTags", {VPC, RTB}, FOUND) == frozenset({VPC})
    assert vpcs_touched("DeleteTags", {"subnet-0123456789abcdef0"}, {}) == frozenset()
    assert ids_to_look_up("CreateTags", {VPC, RTB}) == {RTB}


def test_a_peering_touches_both_sides() -> None:
    found = {"pcx-0123456789abcdef0": frozenset({VPC, OTHER})}
    assert vpcs_touched("DeleteVpcPeeringConnection", {"pcx-0123456789abcdef0"}, found) == frozenset({VPC, OTHER})

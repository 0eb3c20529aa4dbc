"""Every record in events/cloudtrail leads to the VPCs that it touches."""

import json
from typing import Any

import pytest

from lifeline.core.requests.calls import read_request
from lifeline.core.requests.routed import ONLY_IF_ROUTED, matched
from lifeline.core.requests.vpcs_touched import Lookups, ids_to_look_up, vpcs_touched
from tests.support.repository import ROOT

FOLDER = ROOT / "events/cloudtrail"
VPC = "vpc-0123456789abcdef0"
PEER = "vpc-0fedcba9876543210"

# They name nothing that leads to a VPC, or what they name is of a kind that several VPCs share. Where a route leads is
# none of what it is for.
WHOLE_REGION = {
    "CreateIpamPrefixListResolverTarget",
    "CreateLocalGatewayRoute",
    "CreateTransitGatewayPrefixListReference",
    "CreateTransitGatewayRoute",
    "CreateVpnConnection",
    "CreateVpnConnectionRoute",
    "DeleteEgressOnlyInternetGateway",
    "DeleteIpamPrefixListResolver",
    "DeleteIpamPrefixListResolverTarget",
    "DeleteLocalGatewayRoute",
    "DeleteManagedPrefixList",
    "DeleteRouteServer",
    "DeleteTransitGatewayPrefixListReference",
    "DeleteTransitGatewayRoute",
    "DeleteVpcBlockPublicAccessExclusion",
    "DeleteVpcEndpointServiceConfigurations",
    "DeleteVpnConnection",
    "DeleteVpnConnectionRoute",
    "DisableTransitGatewayRouteTablePropagation",
    "EnableTransitGatewayRouteTablePropagation",
    "ModifyIpamPrefixListResolver",
    "ModifyIpamPrefixListResolverTarget",
    "ModifyLocalGatewayRoute",
    "ModifyManagedPrefixList",
    "ModifyRouteServer",
    "ModifyTransitGatewayPrefixListReference",
    "ModifyVpcBlockPublicAccessExclusion",
    "ModifyVpcBlockPublicAccessOptions",
    "ModifyVpcEndpointServiceConfiguration",
    "ModifyVpcEndpointServicePermissions",
    "ModifyVpnConnection",
    "ModifyVpnConnectionOptions",
    "ModifyVpnTunnelOptions",
    "ReplaceTransitGatewayRoute",
    "RestoreManagedPrefixListVersion",
}
# They make what no VPC uses yet, or remove what none can use any more.
NO_VPC = {
    "CreateDhcpOptions",
    "CreateInternetGateway",
    "CreateIpamPrefixListResolver",
    "CreateManagedPrefixList",
    "CreateRouteServer",
    "CreateVpnGateway",
    "DeleteDhcpOptions",
    "DeleteVpnGateway",
}
# Once the record arrives, what they name is gone, so that nothing can be looked up.
GONE_WITH_IT = {
    "DeleteInternetGateway",
    "DeleteNetworkAcl",
    "DeleteRouteTable",
    "DeleteSecurityGroup",
    "DeleteSubnet",
    "DisassociateRouteTable",
}


# What the sample's interface or instance goes with, where a route leads to either.
ROUTED = {VPC: frozenset({"i-0123456789abcdef0", "eni-0123456789abcdef0", "eni-attach-0123456789abcdef0"})}


def touched(name: str, *, is_gone: bool = False) -> frozenset[str] | None:
    (request,) = matched([read_request(json.loads((FOLDER / f"{name}.json").read_text()))], ROUTED)
    wanted = ids_to_look_up(request.trigger.event_name, request.changed_ids)
    found = {} if is_gone else dict.fromkeys(wanted, frozenset({VPC}))
    return vpcs_touched(request.trigger.event_name, request.changed_ids, found)


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.json")))
def test_each_event_gives_the_right_vpcs(name: str) -> None:
    found = touched(name)
    if name in WHOLE_REGION:
        assert found is None
    elif name in NO_VPC:
        assert found == frozenset()
    else:
        assert found is not None
        assert VPC in found
        assert found <= {VPC, PEER} or "Peering" in name


@pytest.mark.parametrize("name", sorted(GONE_WITH_IT))
def test_what_is_gone_by_then_is_not_lost_but_asks_for_the_region(name: str) -> None:
    assert touched(name, is_gone=True) is None


@pytest.mark.parametrize("name", sorted(ONLY_IF_ROUTED))
def test_what_happens_to_what_no_route_leads_to_is_dropped_before_anything_is_asked(name: str) -> None:
    request = read_request(json.loads((FOLDER / f"{name}.json").read_text()))
    assert request.changed_ids
    assert matched([request], {}) == []
    assert matched([request], {VPC: frozenset({"i-0fedcba9876543210"})}) == []


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.json")))
def test_no_event_names_more_kinds_of_ids_than_it_may_look_up(name: str) -> None:
    request = read_request(json.loads((FOLDER / f"{name}.json").read_text()))
    assert Lookups().add(ids_to_look_up(request.trigger.event_name, request.changed_ids))


TABLE = "rtb-0123456789abcdef0"
REQUEST = {"routeTableId": TABLE, "destinationCidrBlock": "0.0.0.0/0"}


@pytest.mark.parametrize(
    ("more", "ids"),
    [
        ({"requestParameters": None}, set()),
        ({"requestParameters": json.dumps(REQUEST)}, set()),
        ({"requestParameters": "HIDDEN_DUE_TO_SECURITY_REASONS"}, set()),
        ({"requestParameters": {"omitted": True, "originalSize": 102401, "reason": "too large"}}, set()),
        ({"requestParameters": [REQUEST]}, set()),
        ({"requestParameters": {"routeTableId": 1234567890123, "destinationCidrBlock": 0}}, set()),
        ({"requestParameters": None, "responseElements": None}, set()),
        ({"responseElements": {"omitted": True, "originalSize": 102401, "reason": "too large"}}, {TABLE}),
        ({"eventVersion": "1.05"}, {TABLE}),
        ({"eventVersion": "2.99", "tlsDetails": {"tlsVersion": "TLSv1.3"}, "additionalEventData": [1]}, {TABLE}),
        ({"eventID": None, "eventTime": None}, {TABLE}),
    ],
)
def test_a_record_of_an_odd_shape_is_for_what_it_names_or_for_the_region(more: dict[str, Any], ids: set[str]) -> None:
    event = json.loads((FOLDER / "DeleteRoute.json").read_text())
    event["detail"] |= {"requestParameters": REQUEST} | more
    request = read_request(event)
    assert request.changed_ids == ids
    assert request.trigger.time == "2026-03-02T09:24:20Z"
    assert request.trigger.event_id
    found = dict.fromkeys(ids, frozenset({VPC}))
    assert vpcs_touched("DeleteRoute", request.changed_ids, found) == (frozenset({VPC}) if ids else None)

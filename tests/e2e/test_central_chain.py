"""Sharing a hub's endpoint on the deployed chain: a subnet without a way out, the offer by notice, and its approval.

No emulator here has transit gateways' tables in full, or zones' limits, so that there is always something that can't be
read, and Lifeline asks.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import MINUTE
from tests.e2e.emulators.account import Account, deployed
from tests.e2e.machine import attach, build_site
from tests.e2e.steps import dead_letters_about, endpoints_in, notices_about, reconcile, text_of, wait_until_quiet

pytestmark = pytest.mark.chain_more

NAME = "monitoring.us-east-1.amazonaws.com"
SERVICE = "com.amazonaws.us-east-1.monitoring"
BLOCK = "10.9.0.0/16"


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """A stack that may share a hub's endpoints."""
    with deployed(minute=MINUTE, DebounceSeconds="2", CentralEndpoints="yes") as account:
        yield account


def test_a_spoke_of_the_hub_is_offered_its_zone_and_gets_it_once_that_is_approved(account: Account) -> None:
    ec2, inbox = account.client("ec2"), account.subscribe("NoticesTopic")
    gateway = ec2.create_transit_gateway()["TransitGateway"]
    gateway_id, table_id = gateway["TransitGatewayId"], gateway["Options"]["AssociationDefaultRouteTableId"]
    zone_id = build_hub(account, gateway_id, table_id)
    account.policy["central"] = {"zones": [zone_id], "services": ["monitoring"], "cidrs": [BLOCK]}
    account.put_policy()

    spoke = build_site(ec2, cidr="10.141", name="spoke", public=False)
    attach(ec2, spoke.vpc_id, spoke.subnet_id, gateway_id, table_id, "10.141.0.0/16")
    ec2.create_route(RouteTableId=spoke.route_table_id, DestinationCidrBlock=BLOCK, TransitGatewayId=gateway_id)
    wait_until_quiet(account)

    def planned() -> dict[str, Any] | None:
        found = reconcile(account, {"vpc_ids": [spoke.vpc_id], "mode": "plan"})["vpcs"][0]["actions"]
        return next((one for one in found if one["action"] == "associate_central"), None)

    action = account.wait(planned, what="the plan with the hub's zone")
    assert action["central_ids"] == [zone_id]
    assert "0.00 USD per month instead of 7.30 USD" in action["reason"]
    assert "routes to the hub: yes" in action["checks"]
    offered = reconcile(account, {"vpc_ids": [spoke.vpc_id]})["vpcs"][0]
    plan_id = offered["approval"]["plan_id"]
    assert zones_of(account, spoke.vpc_id) == []

    def told() -> str:
        texts = [text_of(notice) for notice in notices_about(inbox, spoke.vpc_id)]
        return next((text for text in texts if plan_id in text), "")

    text = account.wait(told, what="the notice of the offer")
    assert f"associate the VPC with the hub's zone {zone_id}" in text
    assert "can't be read" in text

    made = reconcile(account, {"approve": plan_id})["vpcs"][0]

    assert [(one["action"], one["status"]) for one in made["actions"]] == [("associate_central", "done")]
    assert zones_of(account, spoke.vpc_id) == [zone_id]
    assert endpoints_in(ec2, spoke.vpc_id) == []
    again = reconcile(account, {"approve": plan_id})
    assert "works once" in again["errors"][0]["message"]
    wait_until_quiet(account)
    assert dead_letters_about(account, spoke.vpc_id, spoke.subnet_id) == []


def build_hub(account: Account, gateway_id: str, table_id: str) -> str:
    """The hub's VPC with an endpoint without private DNS, and its zone; the zone's ID."""
    ec2, route53 = account.client("ec2"), account.client("route53")
    hub = build_site(ec2, cidr="10.9", name="hub", public=False)
    attach(ec2, hub.vpc_id, hub.subnet_id, gateway_id, table_id, BLOCK)
    ec2.create_route(RouteTableId=hub.route_table_id, DestinationCidrBlock="10.0.0.0/8", TransitGatewayId=gateway_id)
    group_id = ec2.create_security_group(GroupName="hub", Description="hub", VpcId=hub.vpc_id)["GroupId"]
    lets_in = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[lets_in])
    endpoint = ec2.create_vpc_endpoint(
        VpcId=hub.vpc_id,
        VpcEndpointType="Interface",
        ServiceName=SERVICE,
        SubnetIds=[hub.subnet_id],
        SecurityGroupIds=[group_id],
        PrivateDnsEnabled=False,
    )["VpcEndpoint"]
    zone = route53.create_hosted_zone(
        Name=NAME,
        CallerReference=hub.vpc_id,
        HostedZoneConfig={"PrivateZone": True, "Comment": ""},
        VPC={"VPCRegion": "us-east-1", "VPCId": hub.vpc_id},
    )["HostedZone"]
    addresses = addresses_of(ec2, endpoint["NetworkInterfaceIds"])
    record = {"Name": NAME, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": one} for one in addresses]}
    changes = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch=changes)
    return str(zone["Id"]).rpartition("/")[2]


def addresses_of(ec2: Any, interface_ids: list[str]) -> list[str]:
    found = ec2.describe_network_interfaces(NetworkInterfaceIds=interface_ids)["NetworkInterfaces"]
    return [one["PrivateIpAddress"] for one in found]


def zones_of(account: Account, vpc_id: str) -> list[str]:
    found = account.client("route53").list_hosted_zones_by_vpc(VPCId=vpc_id, VPCRegion="us-east-1")
    return [zone["HostedZoneId"] for zone in found["HostedZoneSummaries"]]

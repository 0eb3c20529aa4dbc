"""Teardowns on the deployed chain, in an account of their own: refused calls come to Lifeline as CloudTrail records."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.emulators.account import Account, deployed
from tests.e2e.machine import Site, build_site, launch
from tests.e2e.test_chain import MINUTE_S, available_endpoint, endpoints_in, groups_in, wait_until_quiet

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def torn() -> Iterator[Account]:
    with deployed(SettleSeconds="5") as account:
        yield account


def test_a_vpc_with_only_our_resources_can_be_deleted_and_stays_so(torn: Account) -> None:
    ec2, inbox = torn.client("ec2"), torn.subscribe("NoticesTopic")
    site = served_site(torn, "10.140", "down")

    take_down_routes(ec2, site)
    wait_until_quiet(torn)
    assert is_refused(ec2.delete_subnet, SubnetId=site.subnet_id)
    assert is_refused(ec2.delete_vpc, VpcId=site.vpc_id)
    torn.wait(
        lambda: not is_refused(ec2.delete_subnet, SubnetId=site.subnet_id),
        what="a subnet without our endpoint",
        within_s=2 * MINUTE_S,
        every_s=3,
    )
    torn.wait(
        lambda: not is_refused(ec2.delete_vpc, VpcId=site.vpc_id),
        what="a VPC without our group",
        within_s=2 * MINUTE_S,
        every_s=3,
    )

    wait_until_quiet(torn)
    kinds = [one["MessageAttributes"]["kind"]["Value"] for one in inbox.notices() if site.vpc_id in one["Subject"]]
    assert "teardown" in kinds
    answer = torn.invoke("ReconcileEndpointsFunction", {"sweep": True})
    assert not answer.error, answer.logs
    assert site.vpc_id not in {one["vpc_id"] for one in answer.payload["vpcs"]}
    assert endpoints_in(ec2, site.vpc_id) == []
    key = {"pk": {"S": f"VPC#{site.vpc_id}"}, "sk": {"S": "LOOK"}}
    kept = torn.client("dynamodb").get_item(TableName=torn.outputs["LedgerTable"], Key=key).get("Item", {})
    assert set(kept) <= {"pk", "sk", "expires_at"}
    assert torn.queue_depth("DeadLetterQueue") == 0


def test_with_an_instance_in_the_vpc_nothing_is_removed(torn: Account) -> None:
    ec2, inbox = torn.client("ec2"), torn.subscribe("NoticesTopic")
    site = served_site(torn, "10.141", "used")
    launch(ec2, site.subnet_id)
    before, groups = endpoints_in(ec2, site.vpc_id), groups_in(ec2, site.vpc_id)

    assert is_refused(ec2.delete_subnet, SubnetId=site.subnet_id)
    assert is_refused(ec2.delete_vpc, VpcId=site.vpc_id)

    def told() -> bool:
        found = [one for one in inbox.notices() if site.vpc_id in one["Subject"]]
        return any(one["MessageAttributes"]["kind"]["Value"] == "teardown" for one in found)

    torn.wait(told, what="the notice of what stands in the way", within_s=2 * MINUTE_S)
    wait_until_quiet(torn)
    after = endpoints_in(ec2, site.vpc_id)
    assert [one["VpcEndpointId"] for one in after] == [one["VpcEndpointId"] for one in before]
    assert after[0]["SubnetIds"] == [site.subnet_id]
    assert groups_in(ec2, site.vpc_id) == groups
    assert torn.queue_depth("DeadLetterQueue") == 0


def served_site(account: Account, cidr: str, name: str) -> Site:
    """A VPC whose subnet is isolated and has its endpoint."""
    ec2 = account.client("ec2")
    site = build_site(ec2, cidr=cidr, name=name, public=False)
    account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint", within_s=2 * MINUTE_S)
    wait_until_quiet(account)
    return site


def take_down_routes(ec2: Any, site: Site) -> None:
    """What a tool deletes before subnets: the gateway, and the route table with its association."""
    ec2.detach_internet_gateway(InternetGatewayId=site.internet_gateway_id, VpcId=site.vpc_id)
    ec2.delete_internet_gateway(InternetGatewayId=site.internet_gateway_id)
    table = ec2.describe_route_tables(RouteTableIds=[site.route_table_id])["RouteTables"][0]
    for association in table["Associations"]:
        ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=site.route_table_id)


def is_refused(call: Callable[..., Any], **parameters: str) -> bool:
    """True if EC2 refuses the deletion because of what is in there; False once it is done."""
    try:
        call(**parameters)
    except Exception as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
        if code != "DependencyViolation":
            raise
        return True
    return False

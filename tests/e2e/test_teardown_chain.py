"""Teardowns on the deployed chain: refused calls come to Lifeline as CloudTrail records."""

from collections.abc import Callable
from typing import Any

import pytest

from lifeline.adapters.store.keys import partition
from tests.e2e.emulators.account import Account, Inbox
from tests.e2e.machine import Site, build_site, launch
from tests.e2e.steps import (
    available_endpoint,
    dead_letters_about,
    endpoints_in,
    groups_in,
    ids_of,
    kind_of,
    looks,
    notices_about,
    wait_until_quiet,
)
from tests.support.home import HOME

pytestmark = pytest.mark.chain


def test_a_vpc_with_only_our_resources_can_be_deleted_and_stays_so(account: Account, ec2: Any) -> None:
    inbox = account.subscribe("NoticesTopic")
    site = served_site(account, "10.160", "down")

    take_down_routes(ec2, site)
    wait_until_quiet(account)
    assert is_refused(ec2.delete_subnet, SubnetId=site.subnet_id)
    assert is_refused(ec2.delete_vpc, VpcId=site.vpc_id)
    account.wait(
        lambda: not is_refused(ec2.delete_subnet, SubnetId=site.subnet_id),
        what="a subnet without our endpoint",
        every_s=1,
    )
    account.wait(
        lambda: not is_refused(ec2.delete_vpc, VpcId=site.vpc_id),
        what="a VPC without our group",
        every_s=1,
    )

    wait_until_quiet(account)
    assert "teardown" in map(kind_of, about(inbox, site))
    assert site.vpc_id not in looks(account, {"sweep": True})
    assert endpoints_in(ec2, site.vpc_id) == []
    key = {"pk": {"S": partition(HOME.vpc(site.vpc_id))}, "sk": {"S": "STATE"}}
    kept = account.client("dynamodb").get_item(TableName=account.outputs["LedgerTable"], Key=key).get("Item", {})
    assert set(kept) <= {"pk", "sk", "expires_at"}
    assert dead_letters_about(account, site.vpc_id, site.subnet_id, site.route_table_id) == []


def test_with_an_instance_in_the_vpc_nothing_is_removed(account: Account, ec2: Any) -> None:
    inbox = account.subscribe("NoticesTopic")
    site = served_site(account, "10.161", "used")
    launch(ec2, site.subnet_id)
    before, groups = endpoints_in(ec2, site.vpc_id), groups_in(ec2, site.vpc_id)

    assert is_refused(ec2.delete_subnet, SubnetId=site.subnet_id)
    assert is_refused(ec2.delete_vpc, VpcId=site.vpc_id)

    account.wait(lambda: "teardown" in map(kind_of, about(inbox, site)), what="the notice of what stands in the way")
    wait_until_quiet(account)
    after = endpoints_in(ec2, site.vpc_id)
    assert ids_of(after) == ids_of(before)
    assert after[0]["SubnetIds"] == [site.subnet_id]
    assert groups_in(ec2, site.vpc_id) == groups
    assert dead_letters_about(account, site.vpc_id, site.subnet_id, site.route_table_id) == []


def served_site(account: Account, cidr: str, name: str) -> Site:
    """A VPC whose subnet is isolated and has its endpoint."""
    ec2 = account.client("ec2")
    site = build_site(ec2, cidr=cidr, name=name, public=False)
    account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint")
    wait_until_quiet(account)
    return site


def about(inbox: Inbox, site: Site) -> list[dict[str, Any]]:
    """The notices whose subject is the VPC."""
    return [notice for notice in notices_about(inbox, site.vpc_id) if site.vpc_id in notice["Subject"]]


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

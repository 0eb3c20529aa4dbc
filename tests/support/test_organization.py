"""Several accounts in one process: each sees its own alone, also where two have the very same IDs."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.organization import Organization, account_client, alike, emulated_organization
from tests.support.world import ACCOUNT, World, emulated_world

A, B = "222222222222", "333333333333"
IMAGE = "ami-12c6146b"
S3 = "com.amazonaws.us-east-1.s3"


@pytest.fixture
def organization(monkeypatch: pytest.MonkeyPatch) -> Iterator[Organization]:
    with (
        emulated_world(monkeypatch) as world,
        emulated_organization(monkeypatch, Organization(world)) as organization,
    ):
        yield organization


def vpcs(ec2: Any) -> dict[str, str]:
    return {one["VpcId"]: one["OwnerId"] for one in ec2.describe_vpcs()["Vpcs"]}


def test_an_account_joins_with_an_empty_network_and_sees_its_own_alone(organization: Organization) -> None:
    hub, a, b = organization.world, organization.join(A), organization.join(B)
    made = {one.make_vpc(): account for one, account in ((hub, ACCOUNT), (a, A), (b, B))}
    assert len(made) == 3
    for world, account in ((hub, ACCOUNT), (a, A), (b, B)):
        assert vpcs(world.ec2) == {vpc_id: owner for vpc_id, owner in made.items() if owner == account}


def test_an_assumed_role_acts_in_its_account(organization: Organization) -> None:
    a = organization.join(A)
    vpc_id = a.make_vpc()
    role = {"RoleArn": f"arn:aws:iam::{A}:role/lifeline-reconcile", "RoleSessionName": "lifeline"}
    keys = boto3.client("sts").assume_role(**role)["Credentials"]
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    assert vpcs(session.client("ec2")) == {vpc_id: A}


def test_a_zone_is_in_the_accounts_own_route_53(organization: Organization) -> None:
    a = organization.join(A)
    a.hub_zone(a.make_vpc(), "monitoring.us-east-1.amazonaws.com")
    assert len(a.client("route53").list_hosted_zones()["HostedZones"]) == 1
    assert organization.world.client("route53").list_hosted_zones()["HostedZones"] == []


def test_a_client_is_made_once_for_all_tests(organization: Organization) -> None:
    organization.join(A)
    assert account_client("ec2", A) is account_client("ec2", A)
    assert account_client("ec2", A) is not account_client("ec2", B)


def build(world: World) -> dict[str, Any]:
    vpc_id = world.make_vpc()
    subnet_id = world.make_subnet(vpc_id)
    instances = world.ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, SubnetId=subnet_id)["Instances"]
    endpoint = world.ec2.create_vpc_endpoint(VpcId=vpc_id, ServiceName=S3, VpcEndpointType="Gateway")["VpcEndpoint"]
    return {
        "vpc": vpc_id,
        "subnet": subnet_id,
        "table": world.main_table(vpc_id),
        "open": world.open_to_internet(vpc_id),
        "instance": instances[0]["InstanceId"],
        "endpoint": endpoint["VpcEndpointId"],
    }


def test_two_accounts_have_the_very_same_ids_and_yet_two_networks(organization: Organization) -> None:
    a, b = organization.join(A), organization.join(B)
    one, other = alike(build, a, b)
    assert one == other
    assert build(a).items().isdisjoint(one.items())

    a.ec2.terminate_instances(InstanceIds=[one["instance"]])
    a.ec2.delete_vpc_endpoints(VpcEndpointIds=[one["endpoint"]])
    states = [
        world.ec2.describe_instances(InstanceIds=[one["instance"]])["Reservations"][0]["Instances"][0]["State"]["Name"]
        for world in (a, b)
    ]
    assert states == ["terminated", "running"]
    assert [len(world.endpoints(one["vpc"])) for world in (a, b)] == [0, 1]
    assert (vpcs(a.ec2)[one["vpc"]], vpcs(b.ec2)[one["vpc"]]) == (A, B)


def test_the_hub_lists_accounts_with_their_states_20_a_page(organization: Organization) -> None:
    ids = [f"{number:012d}" for number in range(400_000_000_000, 400_000_000_030)]
    for account_id in ids:
        organization.join(account_id)
    organization.members[ids[0]].state = "SUSPENDED"
    pages = list(boto3.client("organizations").get_paginator("list_accounts").paginate())
    assert [len(page["Accounts"]) for page in pages] == [20, 11]
    states = {one["Id"]: one["State"] for page in pages for one in page["Accounts"]}
    assert states == {ACCOUNT: "ACTIVE", **dict.fromkeys(ids, "ACTIVE"), ids[0]: "SUSPENDED"}


def test_a_member_names_itself_and_may_not_list_the_others(organization: Organization) -> None:
    a = organization.join(A, name="payments")
    named = a.client("account").get_account_information()
    assert (named["AccountId"], named["AccountName"], named["AccountState"]) == (A, "payments", "ACTIVE")
    with pytest.raises(ClientError, match="You don't have permissions to access this resource"):
        a.client("organizations").list_accounts()

"""What a tag on one subnet costs others in the VPC, through the handler: who may only set tags chooses that much."""

import json
from typing import Any

import boto3
import pytest

from tests.handlers.test_exemptions_heard import EXEMPT, heard, tag
from tests.support.days import Days
from tests.support.world import World, emulated_world

RULES = [{"require": ["ec2messages"], "where": {"vpc_tags": {"env": "prod"}}}]  # nothing for the VPCs made here
ORG = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}},
        }
    ]
}


def put(name: str, document: dict[str, Any]) -> None:
    boto3.client("ssm").put_parameter(Name=name, Value=json.dumps(document), Type="String")


def judged(days: Days) -> tuple[str, str]:
    """A VPC with a way out that was judged before; with its main route table."""
    vpc_id = days.world.make_vpc()
    table_id = days.world.open_to_internet(vpc_id)
    days.world.make_subnet(vpc_id)
    days.sweeps(50, every=6)
    days.texts()
    return vpc_id, table_id


def tag_a_new_subnet(days: Days, vpc_id: str, service: str) -> None:
    subnet_id = days.world.make_subnet(vpc_id, "10.0.2.0/24")
    days.world.ec2.create_tags(Resources=[subnet_id], Tags=[{"Key": "lifeline:require", "Value": service}])
    days.sweeps(2)


def has_hostnames(world: World, vpc_id: str) -> bool:
    found = world.ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute="enableDnsHostnames")
    return bool(found["EnableDnsHostnames"]["Value"])


@pytest.mark.parametrize(("service", "is_on"), [("monitoring", False), ("ec2messages", True)])
def test_a_tag_turns_on_no_dns_of_the_vpc_unless_a_rule_asks_for_the_service_there(
    monkeypatch: pytest.MonkeyPatch, service: str, *, is_on: bool
) -> None:
    with emulated_world(monkeypatch, MAY_FIX_DNS="yes", POLICY_PARAMETER="/policy") as world:
        days = Days(world, monkeypatch)
        rules = [{"require": ["ec2messages"], "where": {"subnet_tags": {"tier": "app"}}}] if is_on else RULES
        put("/policy", {"version": 1, "fix_dns": True, "rules": rules})
        vpc_id, _ = judged(days)
        world.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": False})
        world.hub_zone(vpc_id, "example.com", "10.0.9.9")
        if is_on:
            other = world.make_subnet(vpc_id, "10.0.3.0/24")
            world.ec2.create_tags(Resources=[other], Tags=[{"Key": "tier", "Value": "app"}])
        tag_a_new_subnet(days, vpc_id, service)
        assert has_hostnames(world, vpc_id) is is_on
        (text,) = days.texts()
        assert ("only a tag asks for the monitoring service" in text) is not is_on


@pytest.mark.parametrize("service", ["monitoring", "s3"])
def test_what_a_tag_asks_for_has_the_named_policy_that_shuts_others_out_also_beside_its_subnet(
    monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    with emulated_world(monkeypatch, POLICY_PARAMETER="/policy") as world:
        days = Days(world, monkeypatch)
        put("/policy", {"version": 1, "rules": RULES, "endpoint_policies": {"default": "org"}})
        put("/lifeline/lifeline/endpoint-policies/org", ORG)
        vpc_id, table_id = judged(days)
        tag_a_new_subnet(days, vpc_id, service)
        (made,) = world.endpoints(vpc_id)
        assert json.loads(made["PolicyDocument"]) == ORG
        assert made["PrivateDnsEnabled"] or made["RouteTableIds"] == [table_id]


def test_of_many_exempt_subnets_that_lose_their_path_at_once_the_mail_names_some_and_counts_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with emulated_world(monkeypatch) as world:
        days = Days(world, monkeypatch)
        vpc_id = world.make_vpc()
        table_id = world.open_to_internet(vpc_id)
        ids = [world.make_subnet(vpc_id, f"10.0.{number}.0/24") for number in range(12)]
        days.sweeps(1)
        for subnet_id in ids:
            tag(days, subnet_id, EXEMPT)
        days.sweeps(2)
        heard(days)
        days.cut_off(table_id)
        days.sweeps(1)
        (said,) = heard(days)
        assert sum(subnet_id in said["text"] for subnet_id in ids) == 10
        assert "and 2 more" in said["text"]

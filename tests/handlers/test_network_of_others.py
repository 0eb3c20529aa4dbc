"""What people can do to a VPC's addresses and DNS attributes, and what Lifeline makes of it."""

import json
from collections.abc import Iterator

import boto3
import pytest

from tests.support.cloudtrail import Identity, record_call
from tests.support.days import MINUTES, Days
from tests.support.world import emulated_world, flat

MALLORY = Identity("team-b-dev", session="mallory")


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch) as world:
        yield Days(world, monkeypatch)


def test_subnets_that_somebody_fills_get_no_endpoint_which_is_said_and_it_follows_once_there_is_room(
    days: Days,
) -> None:
    full, other = days.world.make_vpc(), days.world.make_vpc()
    subnet_id = days.world.make_subnet(full)
    days.world.make_subnet(other)
    days.account.set_free_addresses(subnet_id, 3)
    days.sweeps(3)
    assert (len(days.live(full)), len(days.live(other))) == (0, 1)
    said = [text for text in map(flat, days.texts()) if full in text and "free addresses" in text]
    assert len(said) == 1
    days.account.set_free_addresses(subnet_id, 4)
    days.sweeps(1)
    assert len(days.live(full)) == 1
    days.account.set_free_addresses(subnet_id, 0)
    days.sweeps(3)
    assert len(days.live(full)) == 1, "what is there stays"


def test_endpoints_that_somebody_makes_fail_are_two_and_then_the_vpc_alone_waits_until_a_person_deletes_the_last(
    days: Days,
) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.account.fail_endpoints_of(days.account.name_of("monitoring"), "x", "no free addresses", times=2)
    days.sweeps(4)
    (failed,) = [one for one in days.world.endpoints(vpc_id) if one["State"] == "failed"]
    texts = [text for text in map(flat, days.texts()) if vpc_id in text]
    assert sum("it has failed: no free addresses" in text for text in texts) == 2
    assert sum("to try again, delete the failed endpoint" in text for text in texts) == 1
    other = days.world.make_vpc()
    days.world.make_subnet(other)
    days.sweeps(24 * 7, every=12)
    assert (days.live(vpc_id), len(days.live(other))) == ([failed["VpcEndpointId"]], 1), "whoever stops is waited for"
    assert [text for text in map(flat, days.texts()) if vpc_id in text] == []
    days.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[failed["VpcEndpointId"]])
    days.sweeps(2)
    assert [one["State"] for one in days.world.endpoints(vpc_id)] == ["available"]


def test_dns_that_somebody_turns_off_is_said_with_who_did_it_and_no_endpoint_goes(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.sweeps(1)
    (endpoint_id,) = days.live(vpc_id)
    days.clock.advance(MINUTES)
    days.texts()
    call = {"VpcId": vpc_id, "EnableDnsSupport": {"Value": False}}
    days.world.ec2.modify_vpc_attribute(**call)
    days.deliver(record_call("ModifyVpcAttribute", call, {}, identity=MALLORY, at=days.clock()))
    (said,) = map(flat, days.texts())
    assert "team-b-dev/mallory called ModifyVpcAttribute" in said
    assert "enableDnsSupport" in said
    days.sweeps(100, every=10)
    assert days.live(vpc_id) == [endpoint_id]
    days.world.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsSupport={"Value": True})
    assert days.look(vpc_id)["outcome"] == "unchanged"


def test_what_comes_back_after_only_sweeps_saw_it_gone_is_said_again(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.sweeps(1)
    days.clock.advance(MINUTES)
    days.texts()

    def turn(is_on: bool) -> int:
        days.world.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsSupport={"Value": is_on})
        days.sweeps(2)
        return sum("turn on enableDnsSupport" in text for text in map(flat, days.texts()))

    assert [turn(is_on) for is_on in (False, True, False)] == [1, 0, 1]


@pytest.mark.parametrize("fixes", [False, True])
@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_dns_that_somebody_turns_off_where_gateway_endpoints_serve_all_is_said_and_with_fix_dns_mended(
    monkeypatch: pytest.MonkeyPatch, service: str, *, fixes: bool
) -> None:
    more = {"MAY_FIX_DNS": "yes"} if fixes else {}
    with emulated_world(monkeypatch, REQUIRED_SERVICES=service, POLICY_PARAMETER="/policy", **more) as world:
        text = json.dumps({"version": 1, "fix_dns": fixes, "backlog": "act"})
        boto3.client("ssm").put_parameter(Name="/policy", Value=text, Type="String")
        days = Days(world, monkeypatch)
        vpc_id = world.make_vpc()
        world.make_subnet(vpc_id)
        days.sweeps(1)
        days.clock.advance(MINUTES)
        days.texts()
        call = {"VpcId": vpc_id, "EnableDnsSupport": {"Value": False}}
        world.ec2.modify_vpc_attribute(**call)
        days.deliver(record_call("ModifyVpcAttribute", call, {}, identity=MALLORY, at=days.clock()))
        (said,) = [text for text in map(flat, days.texts()) if "dry runs" not in text]
        assert "team-b-dev/mallory called ModifyVpcAttribute" in said
        assert f"the names of the {service} service aren't resolved" in said
        assert ("turned on enableDnsSupport of the VPC" in said) is fixes
        days.sweeps(30)
        assert [text for text in map(flat, days.texts()) if "dry runs" not in text] == []
        found = world.ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute="enableDnsSupport")
        assert found["EnableDnsSupport"]["Value"] is fixes
        assert len(days.live(vpc_id)) == 1


@pytest.mark.parametrize(
    ("names", "times"), [(["EnableDnsSupport"], 3), (["EnableDnsHostnames", "EnableDnsSupport"], 4)]
)
def test_dns_that_is_turned_off_again_and_again_is_turned_on_three_times_or_four_and_then_frozen(
    monkeypatch: pytest.MonkeyPatch, names: list[str], times: int
) -> None:
    with emulated_world(monkeypatch, MAY_FIX_DNS="yes", POLICY_PARAMETER="/policy") as world:
        text = json.dumps({"version": 1, "fix_dns": True, "backlog": "act"})
        boto3.client("ssm").put_parameter(Name="/policy", Value=text, Type="String")
        days = Days(world, monkeypatch)
        vpc_id = world.make_vpc()
        world.make_subnet(vpc_id)
        days.sweeps(1)
        days.clock.advance(MINUTES)
        again = 0
        for number in range(7):
            name = names[number % len(names)]
            call = {"VpcId": vpc_id, name: {"Value": False}}
            world.ec2.modify_vpc_attribute(**call)
            days.clock.advance(MINUTES)
            days.deliver(record_call("ModifyVpcAttribute", call, {}, identity=MALLORY, at=days.clock()))
            found = world.ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name[0].lower() + name[1:])
            again += found[name]["Value"]
        assert again == times
        (frozen,) = [text for text in map(flat, days.texts()) if "reverted" in text]
        assert frozen.startswith("team-b-dev/mallory reverted Lifeline's changes to the VPC's DNS attributes")


def test_of_dns_that_is_off_nobody_hears_where_the_vpc_has_dns_servers_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A gateway endpoint needs no names of AWS's resolver: there is nothing to mend."""
    with emulated_world(monkeypatch, REQUIRED_SERVICES="s3", MAY_FIX_DNS="yes", POLICY_PARAMETER="/policy") as world:
        text = json.dumps({"version": 1, "fix_dns": True, "backlog": "act"})
        boto3.client("ssm").put_parameter(Name="/policy", Value=text, Type="String")
        days = Days(world, monkeypatch)
        vpc_id = world.make_vpc()
        world.make_subnet(vpc_id)
        servers = [{"Key": "domain-name-servers", "Values": ["10.0.0.53"]}]
        made = world.ec2.create_dhcp_options(DhcpConfigurations=servers)["DhcpOptions"]["DhcpOptionsId"]
        world.ec2.associate_dhcp_options(DhcpOptionsId=made, VpcId=vpc_id)
        days.sweeps(1)
        days.clock.advance(MINUTES)
        days.texts()
        world.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsSupport={"Value": False})
        days.sweeps(3)
        assert [text for text in map(flat, days.texts()) if "dry runs" not in text] == []
        found = world.ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute="enableDnsSupport")
        assert found["EnableDnsSupport"]["Value"] is False

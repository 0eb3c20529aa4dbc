"""DNS records of one IP version: whoever may modify an endpoint can make its names lead past the clients that ask."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.handlers.test_claims import endpoint, strict_for_all
from tests.support.cloudtrail import Identity, record_call
from tests.support.days import MINUTES, Days
from tests.support.world import emulated_world

MALLORY = Identity("team-b-dev", session="mallory")
PAST_IPV4 = {"IpAddressType": "dualstack", "DnsOptions": {"DnsRecordIpType": "ipv6"}}


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    """EC2 with a service of both IP versions."""
    with emulated_world(monkeypatch) as world:
        days = strict_for_all(Days(world, monkeypatch))
        key = days.account.name_of("monitoring"), "Interface"
        days.account.offer(replace(days.account.services[key], address_types=("ipv4", "ipv6")))
        yield days


def dual_stack(days: Days, *, has_ipv6_only: bool = False) -> tuple[str, str]:
    """A VPC of both IP versions, isolated, with Lifeline's endpoint: their ids."""
    vpc_id = days.world.make_vpc()
    days.world.ec2.associate_vpc_cidr_block(VpcId=vpc_id, AmazonProvidedIpv6CidrBlock=True)
    (acl,) = days.world.ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["NetworkAcls"]
    for egress in (False, True):  # as EC2 adds with the block (VPC guide: default network ACL)
        days.world.ec2.create_network_acl_entry(
            NetworkAclId=acl["NetworkAclId"],
            RuleNumber=101,
            Egress=egress,
            RuleAction="allow",
            Protocol="-1",
            Ipv6CidrBlock="::/0",
        )
    add_subnet(days, vpc_id, 1)
    if has_ipv6_only:
        add_subnet(days, vpc_id, 2, Ipv6Native=True, CidrBlock=None)
    assert days.look(vpc_id)["outcome"] == "changed"
    days.clock.advance(MINUTES)
    days.world.notices()
    days.empty_queue()
    (endpoint_id,) = days.live(vpc_id)
    return vpc_id, endpoint_id


def add_subnet(days: Days, vpc_id: str, number: int, **shown: Any) -> None:
    """Adds a subnet with an IPv6 block, whose state moto writes otherwise than EC2."""
    (of_vpc,) = days.world.ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"]
    block = of_vpc["Ipv6CidrBlock"].replace("00::/56", f"{number:02}::/64")
    made = days.world.ec2.create_subnet(
        VpcId=vpc_id, CidrBlock=f"10.0.{number}.0/24", Ipv6CidrBlock=block, AvailabilityZone="us-east-1a"
    )
    associated = {"Ipv6CidrBlock": block, "Ipv6CidrBlockState": {"State": "associated"}}
    days.account.show(made["Subnet"]["SubnetId"], Ipv6CidrBlockAssociationSet=[associated], **shown)


def change(days: Days, endpoint_id: str, options: dict[str, Any]) -> None:
    """Somebody's change of the endpoint, with its record."""
    request = {"VpcEndpointId": endpoint_id, **options}
    days.world.ec2.modify_vpc_endpoint(**request)
    days.clock.advance(MINUTES)
    days.deliver(record_call("ModifyVpcEndpoint", request, {}, identity=MALLORY, at=days.clock()))
    days.clock.advance(MINUTES)


def state(days: Days, vpc_id: str) -> str:
    (found,) = days.look(vpc_id)["services"]
    return str(found["state"])


def records(days: Days, endpoint_id: str) -> str:
    return str(endpoint(days, endpoint_id)["DnsOptions"]["DnsRecordIpType"])


def test_records_that_lead_past_the_clients_are_set_again_at_once_with_who_did_it(days: Days) -> None:
    vpc_id, ours = dual_stack(days)
    change(days, ours, PAST_IPV4)
    assert records(days, ours) == "dualstack"
    (text,) = days.texts()
    assert f"let the names of {ours} lead to all of its addresses" in text
    assert "team-b-dev/mallory" in text
    assert state(days, vpc_id) == "served"


@pytest.mark.parametrize("of", ["ipv4", "service-defined"])
def test_an_endpoint_that_subnets_of_both_versions_need_answers_both_from_the_start_and_again(
    days: Days, of: str
) -> None:
    vpc_id, ours = dual_stack(days, has_ipv6_only=True)
    assert (state(days, vpc_id), records(days, ours)) == ("served", "dualstack")
    change(days, ours, {"DnsOptions": {"DnsRecordIpType": of}})
    assert (state(days, vpc_id), records(days, ours)) == ("served", "dualstack")


def test_whoever_changes_them_again_and_again_is_left_to_people_with_one_notice(days: Days) -> None:
    vpc_id, ours = dual_stack(days)
    for _ in range(3):
        change(days, ours, PAST_IPV4)
    texts = days.texts()
    assert "To avoid a loop, Lifeline has stopped repeating its changes." in texts[-1]
    assert f"the DNS records of {ours} were changed to one IP version" in texts[-1]
    assert "The monitoring endpoint's names lead to addresses of one IP version" in texts[-1]
    assert "team-b-dev/mallory" in texts[-1]
    assert (state(days, vpc_id), records(days, ours)) == ("blocked", "ipv6")
    days.sweeps(3)
    assert days.texts() == []


def test_records_that_no_client_misses_are_its_users_and_stay(days: Days) -> None:
    vpc_id, ours = dual_stack(days)
    change(days, ours, {"IpAddressType": "dualstack", "DnsOptions": {"DnsRecordIpType": "ipv4"}})
    assert (state(days, vpc_id), records(days, ours), days.texts()) == ("served", "ipv4", [])


def test_of_an_endpoint_that_carries_the_tag_and_is_not_on_record_they_stay(days: Days) -> None:
    vpc_id, ours = dual_stack(days)
    days.call({"hand_over": [ours]})
    days.world.notices()
    change(days, ours, PAST_IPV4)
    assert records(days, ours) == "ipv6"
    assert state(days, vpc_id) == "blocked"


def test_addresses_that_somebody_took_away_are_said_with_the_remedy(days: Days) -> None:
    """Whether the name may lead every dual-stack client to IPv6 addresses isn't judged, so a person gives them back."""
    vpc_id, ours = dual_stack(days, has_ipv6_only=True)
    change(days, ours, {"IpAddressType": "ipv4", "DnsOptions": {"DnsRecordIpType": "ipv4"}})
    assert endpoint(days, ours)["IpAddressType"] == "ipv4"
    assert state(days, vpc_id) == "blocked"
    (text,) = days.texts()
    assert f"{ours} has only IPv4 addresses" in text
    assert "a dualstack endpoint in dual-stack subnets serves both" in text

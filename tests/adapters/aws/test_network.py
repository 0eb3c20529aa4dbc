"""What observing does where AWS doesn't let all of it be read: the rest is there, and what is missing is named."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.aws.network import Network
from lifeline.core.errors import TerminalError, TransientError
from lifeline.core.network.model import Part, Tier, UnsureTier, Vpc
from lifeline.core.network.tiers import classify_subnets
from tests.support.world import World, emulated_world

DENIED = "UnauthorizedOperation"
OPTIONAL = {
    "DescribeSecurityGroups": Part.SECURITY_GROUPS,
    "DescribeNetworkAcls": Part.NETWORK_ACLS,
    "DescribeNatGateways": Part.NAT_GATEWAYS,
    "DescribeAvailabilityZones": Part.ZONE_TYPES,
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


def ec2_that_refuses(code: str, *operations: str, of: str = "", status: int = 403) -> Any:
    """EC2 with calls that it refuses with a code; `of` only where the request names it."""
    ec2: Any = boto3.client("ec2")
    real = ec2._make_api_call

    def call(operation: str, request: dict[str, Any]) -> Any:
        if operation in operations and of in str(request):
            answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(answer, operation)
        return real(operation, request)

    ec2._make_api_call = call
    return ec2


def one(network: Network, vpc_id: str) -> Vpc:
    (found,) = network.observe([vpc_id])
    return found


@pytest.mark.parametrize(("operation", "part"), OPTIONAL.items())
def test_one_part_that_cant_be_read_is_named_and_stops_nothing(world: World, operation: str, part: Part) -> None:
    vpc_id = world.make_vpc()
    subnet_id = world.make_subnet(vpc_id)
    seen = one(Network(ec2_that_refuses(DENIED, operation)), vpc_id)
    assert [subnet.id for subnet in seen.subnets] == [subnet_id]
    assert [unread.part for unread in seen.unread] == [part]
    assert DENIED in seen.unread[0].why
    assert seen.subnets[0].zone_type == "availability-zone"


@pytest.mark.parametrize(
    "operation", ["DescribeVpcs", "DescribeSubnets", "DescribeRouteTables", "DescribeVpcEndpoints"]
)
def test_without_what_is_essential_nothing_is_observed(world: World, operation: str) -> None:
    vpc_id = world.make_vpc()
    with pytest.raises(TerminalError):
        Network(ec2_that_refuses(DENIED, operation)).observe([vpc_id])


@pytest.mark.parametrize("operation", [*OPTIONAL, "GetManagedPrefixListEntries", "DescribeVpcAttribute"])
def test_one_part_that_is_throttled_is_named_as_passing_and_stops_nothing(world: World, operation: str) -> None:
    vpc_id, _ = listing(world)
    network = Network(ec2_that_refuses("RequestLimitExceeded", operation, status=503))
    (seen,) = network.with_dns(network.observe([vpc_id]))
    assert [unread.is_passing for unread in seen.unread] == [True]
    assert seen.is_partly_seen
    assert len(seen.subnets) == 1


def test_a_vpc_that_is_gone_is_left_out_although_one_of_its_attributes_was_throttled(world: World) -> None:
    vpc_id = world.make_vpc()
    ec2 = ec2_that_refuses("InvalidVpcID.NotFound", "DescribeVpcAttribute", of="enableDnsHostnames", status=400)
    really = ec2._make_api_call

    def call(operation: str, request: dict[str, Any]) -> Any:
        if request.get("Attribute") == "enableDnsSupport":
            raise TransientError("throttled")
        return really(operation, request)

    ec2._make_api_call = call
    network = Network(ec2)
    assert network.with_dns(network.observe([vpc_id])) == ()


def listing(world: World) -> tuple[str, str]:
    """A VPC that leads to a prefix list by an internet gateway, and the list."""
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    made = world.ec2.create_managed_prefix_list(
        PrefixListName="corp", MaxEntries=1, AddressFamily="IPv4", Entries=[{"Cidr": "192.0.2.0/24"}]
    )
    list_id = made["PrefixList"]["PrefixListId"]
    table_id = world.open_to_internet(vpc_id)
    world.ec2.delete_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0")
    gateway_id = world.ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
    world.ec2.create_route(RouteTableId=table_id, DestinationPrefixListId=list_id, GatewayId=gateway_id)
    return vpc_id, list_id


@pytest.mark.parametrize("code", ["InvalidPrefixListID.NotFound", DENIED, "UnsupportedOperation"])
@pytest.mark.parametrize("named", [("listing", "other"), ("listing",), ("other",), ()])
def test_a_prefix_list_that_isnt_shared_any_more_leaves_its_own_vpc_unsure_and_no_other(
    world: World, code: str, named: tuple[str, ...]
) -> None:
    vpc_id, list_id = listing(world)
    other = world.make_vpc(cidr="10.1.0.0/16")
    world.make_subnet(other, cidr="10.1.1.0/24")
    ids = {"listing": vpc_id, "other": other}
    wanted = [ids[name] for name in named]
    seen = Network(ec2_that_refuses(code, "GetManagedPrefixListEntries")).observe(wanted or None)
    found = {vpc.id: ([(one.part, one.id) for one in vpc.unread], set(classify_subnets(vpc).values())) for vpc in seen}
    right = {vpc_id: ([(Part.PREFIX_LIST, list_id)], {UnsureTier.UNKNOWN}), other: ([], {Tier.ISOLATED})}
    assert found == {id_: right[id_] for id_ in wanted or right}


def test_a_prefix_list_that_is_read_decides(world: World) -> None:
    vpc_id, _ = listing(world)
    seen = one(Network(boto3.client("ec2")), vpc_id)
    assert (seen.unread, set(classify_subnets(seen).values())) == ((), {Tier.ISOLATED})


def test_a_vpc_that_goes_between_two_describes_is_left_out_and_stops_nothing(world: World) -> None:
    here, going = world.make_vpc(), world.make_vpc(cidr="10.1.0.0/16")
    ec2 = ec2_that_refuses("InvalidVpcID.NotFound", "DescribeVpcAttribute", of=going, status=400)
    network = Network(ec2)
    assert [vpc.id for vpc in network.with_dns(network.observe([here, going]))] == [here]


def test_dns_attributes_that_cant_be_read_are_named_in_their_vpc_alone(world: World) -> None:
    here, shut = world.make_vpc(), world.make_vpc(cidr="10.1.0.0/16")
    network = Network(ec2_that_refuses(DENIED, "DescribeVpcAttribute", of=shut))
    parts = {vpc.id: [unread.part for unread in vpc.unread] for vpc in network.with_dns(network.observe(None))}
    assert parts == {here: [], shut: [Part.DNS_ATTRIBUTES]}


def test_a_catalog_that_cant_be_read_says_why_and_is_asked_for_again_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([100.0, 100.0, 130.0, 170.0, 170.0])
    monkeypatch.setattr("lifeline.adapters.aws.network.monotonic", lambda: next(times))
    ec2 = ec2_that_refuses(DENIED, "DescribeVpcEndpointServices")
    network = Network(ec2)
    assert DENIED in network.catalog().why_unread
    fresh: Any = boto3.client("ec2")
    ec2._make_api_call = fresh._make_api_call
    assert not network.catalog().is_read  # not once for each VPC of a run
    assert network.catalog().is_read
    assert world.ec2.describe_vpcs()["Vpcs"] == []

"""One subnet, or one route table, that has no room left keeps no other from its endpoint."""

from collections.abc import Iterator
from random import Random

import pytest

from lifeline.adapters.aws import endpoints
from tests.support.cases import requiring
from tests.support.cloudtrail import Failure, record_call
from tests.support.days import MINUTES, Days
from tests.support.world import World, emulated_world


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, **requiring("monitoring", "s3")) as world:
        yield Days(world, monkeypatch)


def table_of(world: World, vpc_id: str, subnet_id: str) -> str:
    table_id = str(world.ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"])
    world.ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet_id)
    return table_id


def work(days: Days) -> None:
    while days.take_from_queue():
        pass


def test_a_subnet_whose_addresses_somebody_reserves_keeps_no_endpoint_from_the_vpc(days: Days) -> None:
    """DescribeSubnets may show them as free all the same."""
    vpc_id = days.world.make_vpc()
    free = days.world.make_subnet(vpc_id, zone="us-east-1b")
    reserved = days.world.make_subnet(vpc_id, "10.0.2.0/24")
    days.account.reserved.add(reserved)
    days.sweeps(1)
    work(days)
    (made,) = [one for one in days.world.endpoints(vpc_id) if "monitoring" in one["ServiceName"]]
    assert made["SubnetIds"] == [free]
    gave_up = f"abandoned after 6 attempts: modify_vpc_endpoint {made['VpcEndpointId']}"
    assert any(gave_up in text for text in days.texts())
    days.sweeps(1)
    days.account.reserved.clear()
    days.sweeps(1)
    (made,) = [one for one in days.world.endpoints(vpc_id) if "monitoring" in one["ServiceName"]]
    assert set(made["SubnetIds"]) == {free, reserved}
    days.sweeps(3)
    said = [word for text in days.texts() for word in ("frozen", "removed from", "were added") if word in text]
    assert said == [], "nobody reverted or added anything"


def monitoring_in(days: Days, vpc_id: str) -> list[list[str]]:
    """The subnets of each endpoint for monitoring."""
    found = (one for one in days.world.endpoints(vpc_id) if "monitoring" in one["ServiceName"])
    return [sorted(one["SubnetIds"]) for one in found]


@pytest.mark.parametrize("zones", [["us-east-1a"], ["us-east-1a", "us-east-1b"]])
def test_a_subnet_whose_addresses_somebody_reserves_keeps_no_endpoint_from_another_of_its_zone(
    days: Days, zones: list[str]
) -> None:
    vpc_id, room = days.world.make_vpc(), []
    for number, zone in enumerate(zones):
        days.account.reserved.add(days.world.make_subnet(vpc_id, f"10.0.{number + 8}.0/24", zone))
        room.append(days.world.make_subnet(vpc_id, f"10.0.{number}.0/25", zone))
    days.sweeps(1)
    work(days)
    assert monitoring_in(days, vpc_id) == [sorted(room)]
    assert not any("abandoned" in text for text in days.texts())


def test_one_that_is_reserved_in_a_second_zone_keeps_no_interface_from_that_zone(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    first = days.world.make_subnet(vpc_id, zone="us-east-1b")
    days.sweeps(1)
    days.account.reserved.add(days.world.make_subnet(vpc_id, "10.0.2.0/24"))
    second = days.world.make_subnet(vpc_id, "10.0.3.0/25")
    days.sweeps(1)
    work(days)
    assert monitoring_in(days, vpc_id) == [sorted([first, second])]


def test_a_zone_that_somebody_reserves_keeps_no_endpoint_from_another_zone_where_nothing_is_required(
    days: Days,
) -> None:
    vpc_id = days.world.make_vpc()
    reserved = days.world.make_subnet(vpc_id, "10.0.2.0/24")
    days.account.reserved.add(reserved)
    public = days.world.make_subnet(vpc_id, "10.0.3.0/25", "us-east-1b")
    table_id = table_of(days.world, vpc_id, public)
    gateway = days.world.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    days.world.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
    days.world.ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    days.sweeps(1)
    work(days)
    assert monitoring_in(days, vpc_id) == [[public]]
    days.account.reserved.clear()
    days.sweeps(1)
    assert monitoring_in(days, vpc_id) == [sorted([public, reserved])], "and its own zone's, once there is room"


def test_an_endpoint_moves_past_a_subnet_whose_addresses_somebody_reserves(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    doomed = days.world.make_subnet(vpc_id, zone="us-east-1a")
    days.sweeps(1)
    days.clock.advance(MINUTES)
    days.account.reserved.add(days.world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b"))
    there = days.world.make_subnet(vpc_id, "10.0.3.0/25", "us-east-1b")
    days.world.ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=there)
    refusal = Failure("Client.DependencyViolation", "The subnet has dependencies")
    days.deliver(record_call("DeleteSubnet", {"SubnetId": doomed}, failure=refusal, at=days.clock()))
    work(days)
    assert monitoring_in(days, vpc_id) == [sorted([doomed, there])], "it leaves the first once the second is there"


def test_however_many_subnets_of_a_zone_are_reserved_the_one_with_room_comes_in_time(days: Days) -> None:
    """A run tries one of them, and seven runs an hour do: 30 take five hours."""
    vpc_id = days.world.make_vpc()
    for number in range(10, 40):
        days.account.reserved.add(days.world.make_subnet(vpc_id, f"10.0.{number}.0/24"))
    room = days.world.make_subnet(vpc_id, "10.0.1.0/25")
    found = []
    for _ in range(5):
        days.sweeps(1)
        work(days)
        found.append(monitoring_in(days, vpc_id))
    assert found == [[], [], [], [], [[room]]]


def serves_all_tables_but(days: Days, refusing: set[str], code: str) -> bool:
    """Whether people hear of the one table that EC2 refuses with this code, where all others got their routes."""
    vpc_id = days.world.make_vpc()
    blocks = [f"10.0.{number}.0/24" for number in range(1, 6)]
    tables = [table_of(days.world, vpc_id, days.world.make_subnet(vpc_id, block)) for block in blocks]
    refused = tables[2]
    refusing.add(refused)
    days.sweeps(1)
    work(days)
    days.clock.advance(MINUTES)
    (made,) = [one for one in days.world.endpoints(vpc_id) if "s3" in one["ServiceName"]]
    assert set(made["RouteTableIds"]) == set(tables) - {refused}
    return any(code in text and refused in text for text in days.texts())


def test_a_route_table_that_somebody_fills_keeps_no_gateway_endpoint_from_the_others(days: Days) -> None:
    assert serves_all_tables_but(days, days.account.full_tables, "RouteLimitExceeded")


def test_a_route_table_with_a_route_to_the_service_keeps_no_gateway_endpoint_from_the_others(days: Days) -> None:
    """Whatever has that route: EC2 shows no endpoint of somebody's there, or not yet."""
    assert serves_all_tables_but(days, days.account.routed_tables, "RouteAlreadyExists")


def test_however_many_are_full_the_calls_of_a_run_are_bounded(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    blocks = [f"10.0.{number}.0/24" for number in range(1, 31)]
    tables = [table_of(days.world, vpc_id, days.world.make_subnet(vpc_id, block)) for block in blocks]
    days.account.full_tables.update(tables)
    days.account.forget_calls()
    days.sweeps(1)
    calls = [one for one in days.account.calls if one.operation == "CreateVpcEndpoint" and "s3" in str(one.params)]
    assert len(calls) == 26, "the whole, and 25 parts of it"


def test_however_many_are_full_the_others_get_their_routes_in_time(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that are always the same ones would be tried again and again in vain."""
    monkeypatch.setattr(endpoints, "sample", Random(14).sample)  # noqa: S311 - the same in each run
    vpc_id = days.world.make_vpc()
    blocks = [f"10.0.{number}.0/24" for number in range(1, 31)]
    tables = sorted(table_of(days.world, vpc_id, days.world.make_subnet(vpc_id, block)) for block in blocks)
    days.account.full_tables.update(tables[:20])
    for _ in range(3):
        days.sweeps(1)
        work(days)
    (made,) = [one for one in days.world.endpoints(vpc_id) if "s3" in one["ServiceName"]]
    assert set(made["RouteTableIds"]) == set(tables[20:])


def test_people_hear_once_of_a_zone_whose_subnets_are_reserved_whichever_is_tried(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    for number in range(1, 4):
        days.account.reserved.add(days.world.make_subnet(vpc_id, f"10.0.{number}.0/24"))
    said: list[int] = []
    for _ in range(6):
        days.sweeps(1)
        work(days)
        said.append(sum("InsufficientFreeAddressesInSubnet" in text for text in days.texts()))
    assert said[1:] == [0] * 5


@pytest.mark.parametrize("free", [200, 0])
def test_a_zone_that_is_taken_off_an_endpoint_and_filled_is_restored_once_there_is_room_and_nobody_hears_before(
    days: Days, free: int
) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    second = days.world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b")
    days.sweeps(2)
    (ours,) = [one for one in days.world.endpoints(vpc_id) if "monitoring" in one["ServiceName"]]
    days.texts()
    days.account.set_free_addresses(second, free)
    days.world.ec2.modify_vpc_endpoint(VpcEndpointId=ours["VpcEndpointId"], RemoveSubnetIds=[second])
    days.sweeps(3)
    is_restored = any(second in subnets for subnets in monitoring_in(days, vpc_id))
    assert (is_restored, bool(days.texts())) == ((True, True) if free else (False, False))
    if not free:
        (service,) = [one for one in days.look(vpc_id)["services"] if one["service"] == "monitoring"]
        assert (service["state"], service["detail"]) == ("served", "")
    days.account.set_free_addresses(second, 200)
    days.sweeps(1)
    assert any(second in subnets for subnets in monitoring_in(days, vpc_id))

"""One subnet, or one route table, that has no room left keeps no other from its endpoint."""

from collections.abc import Iterator
from random import Random

import pytest

from lifeline.adapters.aws import endpoints
from tests.support.cases import requiring
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

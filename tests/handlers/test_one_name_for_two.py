"""Two services with one of their private DNS names in common: AWS accepts it for one endpoint of a VPC alone."""

from collections.abc import Iterator

import pytest

from tests.support.cloudtrail import Identity, record_call
from tests.support.days import EVERYWHERE, MINUTES, Days
from tests.support.strict_services import Service
from tests.support.world import emulated_world

MALLORY = Identity("team-b-dev", session="mallory")
REQUIRED, TWIN = "monitoring-fips", "monitoring"


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, REQUIRED_SERVICES=REQUIRED) as world:
        found = Days(world, monkeypatch)
        name = "monitoring-fips.us-east-1.amazonaws.com"  # one of the twin's as well
        required = Service(f"com.amazonaws.us-east-1.{REQUIRED}", private_dns_names=(name,))
        found.account.services[required.name, required.type] = required
        yield found


def require_by_tag(days: Days, resource_id: str) -> None:
    call = {"Resources": [resource_id], "Tags": [{"Key": "lifeline:require", "Value": TWIN}]}
    days.world.ec2.create_tags(**call)
    days.deliver(record_call("CreateTags", call, {}, identity=MALLORY, at=days.clock()))
    days.clock.advance(MINUTES)


def endpoints(days: Days, vpc_id: str) -> list[tuple[str, list[str]]]:
    return [(one["ServiceName"].rpartition(".")[2], one["SubnetIds"]) for one in days.world.endpoints(vpc_id)]


def two_subnets(days: Days, vpc_id: str) -> tuple[str, str]:
    first = days.world.make_subnet(vpc_id, "10.0.1.0/24")
    return first, days.world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b")


def test_a_tag_on_one_subnet_keeps_no_lost_path_from_being_repaired(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    ours, theirs = two_subnets(days, vpc_id)
    table_id = days.world.open_to_internet(vpc_id)
    days.sweeps(1)
    require_by_tag(days, theirs)
    days.cut_off(table_id)
    call = {"RouteTableId": table_id, "DestinationCidrBlock": EVERYWHERE}
    days.deliver(record_call("DeleteRoute", call, {}, at=days.clock()))
    assert endpoints(days, vpc_id) == [(REQUIRED, [ours])]


def test_nor_an_endpoint_that_is_deleted_from_being_made_again(days: Days) -> None:
    """What the tag asks for waits for approval by then, so neither of the two would be there."""
    vpc_id = days.world.make_vpc()
    ours, theirs = two_subnets(days, vpc_id)
    days.sweeps(1)
    (endpoint_id,) = days.live(vpc_id)
    require_by_tag(days, theirs)
    days.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
    days.clock.advance(MINUTES)
    days.deliver(record_call("DeleteVpcEndpoints", {"VpcEndpointIds": [endpoint_id]}, {}, at=days.clock()))
    assert endpoints(days, vpc_id) == [(REQUIRED, [ours])]

"""Two services with one of their private DNS names in common: AWS accepts it for one endpoint of a VPC alone."""

from collections.abc import Iterator

import pytest

from lifeline.adapters.store.vpcs import VpcStore
from tests.handlers.test_claims import apply_again, endpoint, refused, strict_for_all
from tests.support.cloudtrail import Identity, record_call
from tests.support.days import EVERYWHERE, MINUTES, Days
from tests.support.home import HOME
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


def require_by_tag(days: Days, resource_id: str, services: str = TWIN) -> None:
    call = {"Resources": [resource_id], "Tags": [{"Key": "lifeline:require", "Value": services}]}
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


def test_whoever_has_the_service_frozen_by_deletions_gets_its_name_for_no_other_one(days: Days) -> None:
    """A freeze is a person's to end, and once it has ended, the service must have its endpoint again."""
    vpc_id = days.world.make_vpc()
    ours, _ = two_subnets(days, vpc_id)
    require_by_tag(days, ours, f"{REQUIRED} {TWIN}")  # a VPC that nobody had judged, so that nothing waits for approval
    days.sweeps(1)
    for _ in range(3):
        days.world.ec2.delete_vpc_endpoints(VpcEndpointIds=days.live(vpc_id))
        days.sweeps(2)
    frozen = VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen
    assert (list(frozen), endpoints(days, vpc_id)) == ([REQUIRED], [])
    days.look(vpc_id, unfreeze=[REQUIRED])
    days.sweeps(1)
    assert [service for service, _ in endpoints(days, vpc_id)] == [REQUIRED]


def test_an_endpoint_that_a_tag_had_made_first_keeps_the_name_and_that_is_said(days: Days) -> None:
    """In a VPC that nobody had judged, and that lacked nothing that a rule asks for."""
    vpc_id = days.world.make_vpc()
    _, theirs = two_subnets(days, vpc_id)
    table_id = days.world.open_to_internet(vpc_id)
    require_by_tag(days, theirs)
    assert endpoints(days, vpc_id) == [(TWIN, [theirs])]
    days.clock.advance(MINUTES)
    days.texts()
    days.cut_off(table_id)
    call = {"RouteTableId": table_id, "DestinationCidrBlock": EVERYWHERE}
    days.deliver(record_call("DeleteRoute", call, {}, at=days.clock()))
    assert endpoints(days, vpc_id) == [(TWIN, [theirs])]
    assert any(f"beside one for the {TWIN} service" in text for text in days.texts())


def test_a_refused_call_for_the_other_service_takes_the_name_for_as_long_as_theirs_is_there(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    strict_for_all(days).sweeps(2)
    (ours,) = days.live(vpc_id)
    days.texts()
    kind = {"VpcEndpointType": "Interface", "ServiceName": f"com.amazonaws.us-east-1.{TWIN}", "PrivateDnsEnabled": True}
    request = {"VpcId": vpc_id, "SubnetIds": [subnet_id], **kind}
    days.deliver(refused(days, request, identity=MALLORY))
    assert any("mallory" in text for text in days.texts())
    theirs = apply_again(days, request)
    days.sweeps(48, every=6)
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False
    said = days.texts()
    assert any(theirs in text for text in said), said
    days.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[theirs])
    days.clock.advance(MINUTES)
    days.sweeps(1)
    assert endpoint(days, ours)["PrivateDnsEnabled"] is True

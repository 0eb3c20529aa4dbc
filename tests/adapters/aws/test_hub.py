"""What is read of the ways to a hub: an account that can't be asked, and answers that AWS leaves incomplete."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.aws.denials import Denials
from lifeline.adapters.aws.dns import CentralDns
from lifeline.adapters.aws.hub import HubReader
from lifeline.adapters.aws.memory import AccountMemory, memory_of
from lifeline.core.network.hub import GatewayRoute
from lifeline.core.policy.central import Central
from lifeline.runtime.settings import Settings
from tests.support.world import emulated_world


class Ec2:
    """EC2 as one account sees it."""

    def __init__(self, *states: str, routes: Any = (), is_denied: bool = False) -> None:
        self.states, self.routes, self.is_denied = states, routes, is_denied

    def __call__(self, _: str) -> Any:
        return self

    @property
    def memory(self) -> AccountMemory:
        """What is remembered of the account."""
        return AccountMemory(self, Denials())

    def get_paginator(self, operation: str) -> Any:
        self.operation = operation
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        if self.is_denied:
            raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, "Describe")
        of_gateway = {"TransitGatewayId": "tgw-1", "VpcId": "vpc-1"}
        there = [{"TransitGatewayAttachmentId": f"tgw-attach-{one}", "State": one} | of_gateway for one in self.states]
        return [{"TransitGatewayVpcAttachments": there, "TransitGatewayAttachments": []}]

    def search_transit_gateway_routes(self, **_: Any) -> dict[str, Any]:
        return {"Routes": self.routes, "AdditionalRoutesAvailable": False}


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubReader]:
    with emulated_world(monkeypatch):
        yield HubReader(Settings.from_environment())


def test_an_account_that_can_not_be_asked_may_know_of_more_attachments(reader: HubReader) -> None:
    sees, denied = Ec2("available").memory, Ec2(is_denied=True).memory
    found, misses = reader._attachments([sees, denied], ["vpc-1"])
    assert ([one.id for one in found or ()], misses) == (["tgw-attach-available"], True)
    assert reader._attachments([sees, sees], ["vpc-1"])[1] is False
    assert reader._attachments([denied, denied], ["vpc-1"]) == (None, True)
    assert [len(one.denials.take()) for one in (sees, denied)] == [0, 1]  # told of the account that denied it


def test_an_attachment_passes_packets_while_it_is_modified(reader: HubReader) -> None:
    states = ("available", "modifying", "pending", "pendingAcceptance", "deleting", "deleted", "failed", "rejected")
    found, _ = reader._attachments([Ec2(*states).memory], ["vpc-1"])
    passing = {one.id.removeprefix("tgw-attach-") for one in found or () if one.is_available}
    assert passing == {"available", "modifying"}


@pytest.mark.parametrize(
    ("attached", "vpc_ids"),
    [
        ([{"ResourceType": "vpc", "ResourceId": "vpc-1"}], {"vpc-1"}),
        ([{"ResourceType": "vpn"}], set()),
        ([{"ResourceType": "vpc", "TransitGatewayAttachmentId": "tgw-attach-1"}], None),
    ],
    ids=["VPC", "VPN", "a VPC that AWS doesn't name"],
)
def test_a_table_with_a_route_that_is_told_in_part_is_not_read(
    reader: HubReader, attached: list[dict[str, str]], vpc_ids: set[str] | None
) -> None:
    route = {"DestinationCidrBlock": "10.0.0.0/8", "State": "active", "TransitGatewayAttachments": attached}
    expected = vpc_ids if vpc_ids is None else (GatewayRoute("10.0.0.0/8", frozenset(vpc_ids), is_active=True),)
    assert reader._routes(Ec2(routes=[route]), "tgw-rtb-1") == expected


class Route53:
    """Route 53 with one zone without records, which counts how often it is asked for them."""

    def __init__(self) -> None:
        self.asked = 0

    def get_hosted_zone(self, **_: Any) -> dict[str, Any]:
        return {"HostedZone": {"Name": "monitoring.us-east-1.amazonaws.com."}}

    def list_resource_record_sets(self, **_: Any) -> dict[str, Any]:
        self.asked += 1
        return {"ResourceRecordSets": []}


def test_a_reader_of_the_hub_for_another_account_leaves_the_hubs_own_run_what_it_read_and_its_time() -> None:
    """Accounts are served side by side, and all of them look at the hub."""
    route53 = Route53()
    hubs_own = CentralDns(route53, ec2=Ec2())
    hubs_own.begin_run(give_up_after=timedelta(minutes=2))
    hubs_own.view_of_zone("Z1")
    other = hubs_own.apart(give_up_after=timedelta(seconds=-1))
    assert other.view_of_zone("Z1").throttled  # its time is over
    hubs_own.view_of_zone("Z1")
    assert route53.asked == 1  # kept, as before
    hubs_own.view_of_zone("Z2")
    assert route53.asked == 2  # and its own time isn't over
    assert hubs_own.apart(give_up_after=timedelta(minutes=1)).view_of_zone("Z1").answers
    assert route53.asked == 3  # by another run, for itself


def test_calls_for_another_account_take_turns_with_the_hubs_own() -> None:
    hubs_own = CentralDns(Route53(), ec2=Ec2())
    assert hubs_own.apart(give_up_after=timedelta(minutes=1)).lasting is hubs_own.lasting


def test_the_reader_for_a_member_begins_no_run_of_the_hubs(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch, ACCOUNTS="222222222222", SPOKE_ROLE="spoke") as world:
        zone_id = world.hub_zone(world.make_vpc(), "monitoring.us-east-1.amazonaws.com", "10.9.0.10")
        settings = Settings.from_environment()
        there = memory_of(settings)
        begun: list[timedelta] = []
        monkeypatch.setattr(CentralDns, "begin_run", lambda _, *, give_up_after: begun.append(give_up_after))
        monkeypatch.setattr(type(there.network), "observe", lambda *_: ())
        central = Central(frozenset({"monitoring"}), ("10.9.0.0/16",), zones=(zone_id,))
        own = HubReader(settings)._read(central, there)
        assert begun == []
        assert own.sources[0].answers
        HubReader(settings.of("222222222222"))._read(central, there)
        assert begun == [timedelta(seconds=60)]

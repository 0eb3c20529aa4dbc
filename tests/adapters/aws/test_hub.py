"""What is read of the ways to a hub: an account that can't be asked, and answers that AWS leaves incomplete."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.aws.hub import HubReader
from lifeline.core.network.hub import GatewayRoute
from lifeline.runtime.settings import Settings
from tests.support.world import emulated_world


class Ec2:
    """EC2 as one account sees it."""

    def __init__(self, *states: str, routes: Any = (), is_denied: bool = False) -> None:
        self.states, self.routes, self.is_denied = states, routes, is_denied

    def __call__(self, _: str) -> Any:
        return self

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
    sees, denied = Ec2("available"), Ec2(is_denied=True)
    found, misses = reader._attachments([sees, denied], ["vpc-1"])
    assert ([one.id for one in found or ()], misses) == (["tgw-attach-available"], True)
    assert reader._attachments([sees, sees], ["vpc-1"])[1] is False
    assert reader._attachments([denied, denied], ["vpc-1"]) == (None, True)


def test_an_attachment_passes_packets_while_it_is_modified(reader: HubReader) -> None:
    states = ("available", "modifying", "pending", "pendingAcceptance", "deleting", "deleted", "failed", "rejected")
    found, _ = reader._attachments([Ec2(*states)], ["vpc-1"])
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

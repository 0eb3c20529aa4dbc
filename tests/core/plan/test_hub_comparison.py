"""What a VPC pays for a hub's services by each way: which interfaces count, and what is there anyway."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from lifeline.core.network.dns import AnswerKind, DnsView
from lifeline.core.network.hub import HubSource, HubView
from lifeline.core.network.model import NatGateway, Part, TargetKind, Unread
from lifeline.core.plan.actions import Plan
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.ways import HubComparison, Way, WayCost
from tests.support.builders import MONITORING, endpoint, route, subnet
from tests.support.hubs import HUB_ID, Hubs, answer, central, offered, spoke

TWO_ZONES = (subnet(), subnet("b", "us-east-1b", cidr="10.0.2.0/24"))
BOTH = central(services=frozenset({"monitoring", "six"}))
NAT = NatGateway("nat-1", is_public=True, is_available=True)


def compared(found: Plan) -> HubComparison:
    assert found.comparison
    return found.comparison


def cost(way: Way, found: Plan) -> WayCost:
    return next(cost for cost in compared(found).ways if cost.way is way)


def figures(way: Way, found: Plan) -> tuple[str, str]:
    that = cost(way, found)
    return str(that.monthly_usd), str(that.per_gb_usd)


# ---- endpoints of its own


def test_what_the_hub_shares_and_the_vpc_needs_is_compared_and_nothing_else() -> None:
    found = compared(offered(spoke(), None, "monitoring", "six"))
    assert (found.services, found.interfaces) == (("monitoring",), 1)
    assert compared(offered(spoke(), None, "monitoring", "six", central=BOTH)).interfaces == 2


@pytest.mark.parametrize(
    "more", [{"central": None}, {"central": central(services=frozenset({"ssm"}))}, {"price": None}]
)
def test_without_a_hub_for_a_required_service_nothing_is_compared(more: dict[str, Any]) -> None:
    assert offered(spoke(), **more).comparison is None


def test_each_zone_of_an_endpoint_that_would_be_made_counts() -> None:
    assert figures(Way.LOCAL, offered(spoke(subnets=TWO_ZONES))) == ("14.60", "0.01")


def test_an_endpoint_that_is_there_counts_with_the_interfaces_that_it_has_and_gets() -> None:
    there = replace(spoke(subnets=TWO_ZONES), endpoints=(endpoint(MONITORING, "a"),))
    assert compared(offered(there)).interfaces == 2


def test_where_the_hub_serves_the_interfaces_that_are_spared_count() -> None:
    found = compared(offered(spoke(subnets=TWO_ZONES), dns=DnsView((answer(),))))
    assert found.interfaces == 2


# ---- the hub's


@pytest.mark.parametrize(
    ("network", "view", "monthly", "gb", "detail"),
    [
        (
            spoke(),
            Hubs().view(),
            "0.00",
            "0.03",
            "0.02 of it for the transit gateway, to which the VPC is attached",
        ),
        (
            spoke(route("10.9.0.0/16", TargetKind.PEERING, "pcx-1")),
            Hubs().view(),
            "0.00",
            "0.01",
            "over a peering connection; data between zones costs extra",
        ),
        (
            spoke(route("10.9.0.0/16", TargetKind.VIRTUAL_PRIVATE_GATEWAY, "vgw-1")),
            Hubs().view(),
            "0.00",
            "None",
            "the way leads over a virtual private gateway",
        ),
        (  # no route leads to the hub, but an attachment was read
            spoke(route("10.8.0.0/16", TargetKind.PEERING, "pcx-1")),
            Hubs().view(),
            "0.00",
            "0.03",
            "0.02 of it for the transit gateway, to which the VPC is attached",
        ),
        (  # no attachment was read, but one route of several leads to a transit gateway
            spoke(route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY), route("10.8.0.0/16", TargetKind.PEERING, "pcx-1")),
            Hubs().view(attachments=()),
            "0.00",
            "0.03",
            "0.02 of it for the transit gateway, to which the VPC is attached",
        ),
        (
            spoke(route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY, active=False)),
            Hubs().view(attachments=()),
            "36.50",
            "0.03",
            "for a transit gateway: an attachment, as none was seen, and 0.02 per GB",
        ),
    ],
)
def test_only_what_the_way_to_the_hub_adds_is_counted(
    network: Any, view: Any, monthly: str, gb: str, detail: str
) -> None:
    found = offered(network, view)
    assert (*figures(Way.CENTRAL, found), cost(Way.CENTRAL, found).detail) == (monthly, gb, detail)


def test_a_route_to_a_part_of_the_hubs_blocks_leads_there() -> None:
    found = offered(spoke(route("10.9.1.0/24", TargetKind.PEERING, "pcx-1")))
    assert figures(Way.CENTRAL, found) == ("0.00", "0.01")


def test_in_the_hub_itself_nothing_is_compared() -> None:
    back = route("10.0.0.0/8", TargetKind.TRANSIT_GATEWAY)
    assert offered(spoke(back, cidrs=("10.9.0.0/16",))).comparison is None


def test_a_way_by_a_private_nat_gateway_has_a_data_charge_that_is_not_known() -> None:
    private = NatGateway("nat-0private", is_public=False, is_available=True)
    found = offered(spoke(route("10.9.0.0/16", TargetKind.NAT_GATEWAY, private.id), nat_gateways=(private,)))
    assert cost(Way.CENTRAL, found).per_gb_usd is None


def test_what_a_large_profile_costs_is_said() -> None:
    found = offered(spoke(), central=central(profile="rp-1", zones=()))
    assert cost(Way.CENTRAL, found).detail.endswith(
        "; 1.02 more if the Profiles of its account have more than 100 VPCs"
    )


def test_a_profile_with_100_vpcs_costs_more_for_certain() -> None:
    def view(vpcs: int) -> HubView:
        of_profile = answer(kind=AnswerKind.PROFILE, source_id="rp-1")
        return Hubs().view(sources=(HubSource("rp-1", (of_profile,), vpcs, 1000),))

    by_profile = central(profile="rp-1", zones=())
    full = offered(spoke(), view(100), central=by_profile)
    assert figures(Way.CENTRAL, full) == ("1.02", "0.03")
    assert cost(Way.CENTRAL, full).detail.endswith("; 1.02 for the Profile, which has 100 VPCs or more")
    assert figures(Way.CENTRAL, offered(spoke(), view(99), central=by_profile)) == ("0.00", "0.03")


# ---- NAT


@pytest.mark.parametrize(
    ("more", "monthly", "detail"),
    [
        ({"nat_gateways": (NAT,)}, "0.00", "the VPC has one anyway"),
        ({}, "32.85", "the VPC has none"),
        ({"nat_gateways": (replace(NAT, is_available=False),)}, "32.85", "the VPC has none"),
        ({"unread": (Unread(Part.NAT_GATEWAYS, "no"),)}, "32.85", "whether the VPC has one can't be read"),
    ],
)
def test_a_nat_gateway_is_counted_where_none_is_there(more: Any, monthly: str, detail: str) -> None:
    found = offered(spoke(**more))
    assert (*figures(Way.NAT, found), cost(Way.NAT, found).detail) == (monthly, "0.045", detail)


# ---- the prices


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("us-east-1", "us-east-1, list prices as of 2026-08-01; transit gateways: as of 2026-06-04"),
        (
            "eu-west-1",
            (
                "eu-west-1, list prices as of 2026-05-01; transit gateways: us-east-1's, as eu-west-1's aren't "
                "known, as of 2026-06-04"
            ),
        ),
        (
            "mx-central-1",
            (
                "us-east-1's list prices as of 2026-08-01: prices of mx-central-1 aren't known and might be higher; "
                "transit gateways: as of 2026-06-04"
            ),
        ),
    ],
)
def test_the_prices_region_and_date_are_said(region: str, words: str) -> None:
    found = offered(spoke(), price=price_in(region))
    assert compared(found).prices == words


def test_the_break_even_is_the_interfaces_price_by_the_transit_gateways_gb() -> None:
    found = compared(offered(spoke(subnets=TWO_ZONES), Hubs(attached=frozenset({"subnet-a", "subnet-b"})).view()))
    assert [(one.way, one.from_gb) for one in found.cheapest] == [(Way.CENTRAL, 0), (Way.LOCAL, Decimal(730))]
    assert HUB_ID not in " ".join(found.words)

"""What endpoints cost."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from lifeline.core.plan.actions import Action, ActionKind
from lifeline.core.plan.cost import (
    cost_of,
    is_at_most,
    monthly_attachment_usd,
    monthly_cost_usd,
    monthly_profile_vpc_usd,
    nat_comparison,
    price_in,
    prices,
    route53_prices,
)


def test_a_region_in_the_table_has_its_own_prices() -> None:
    price = price_in("eu-central-1")
    endpoint, nat = (price.per_zone_hour_usd, price.per_gb_usd), (price.nat_hour_usd, price.nat_gb_usd)
    assert (endpoint, nat) == ((Decimal("0.012"), Decimal("0.01")), (Decimal("0.052"), Decimal("0.052")))
    assert (price.region, price.is_exact) == ("eu-central-1", True)


@pytest.mark.parametrize(
    ("region", "hour", "whose"),
    [
        ("us-east-1", "0.05", "us-east-1"),
        ("ap-northeast-2", "0.07", "ap-northeast-2"),
        ("eu-central-1", "0.05", "us-east-1"),  # the region has a row, without a transit gateway's prices
        ("mx-central-1", "0.05", "us-east-1"),
    ],
)
def test_a_transit_gateways_price_is_the_regions_or_us_east_1s_which_is_said(
    region: str, hour: str, whose: str
) -> None:
    transit = price_in(region).transit
    assert (str(transit.hour_usd), str(transit.gb_usd), transit.region) == (hour, "0.02", whose)
    assert transit.as_of == prices()[whose]["transit_as_of"]


def test_a_transit_gateways_prices_and_route_53s_have_their_source_and_date() -> None:
    for known in (one for one in prices().values() if "transit_hour_usd" in one):
        assert date.fromisoformat(known["transit_as_of"])
        assert known["transit_source"]
    assert date.fromisoformat(route53_prices()["as_of"])
    assert route53_prices()["source"]


def test_an_attachment_and_a_vpc_of_a_profile_have_a_months_price() -> None:
    assert (str(monthly_attachment_usd(price_in("us-east-1"))), str(monthly_profile_vpc_usd())) == ("36.50", "1.02")


def test_a_region_outside_the_table_has_us_east_1s_and_says_so() -> None:
    price = price_in("mx-central-1")
    assert (price.region, price.is_exact) == ("mx-central-1", False)
    assert price.per_zone_hour_usd == price_in("us-east-1").per_zone_hour_usd
    assert "us-east-1's list prices as of 2026-08-01: prices of mx-central-1 aren't known" in nat_comparison(price)


@pytest.mark.parametrize(
    ("zones", "region", "usd"),
    [
        (0, "us-east-1", "0.00"),
        (1, "us-east-1", "7.30"),
        (18, "us-east-1", "131.40"),
        (1, "ap-northeast-1", "10.22"),
        (3, "sa-east-1", "45.99"),
    ],
)
def test_a_month_of_endpoints(zones: int, region: str, usd: str) -> None:
    found = monthly_cost_usd(zones, price_in(region))
    assert str(found) == usd


def test_half_a_cent_is_rounded_up() -> None:
    price = replace(price_in("us-east-1"), per_zone_hour_usd=Decimal("0.0005"))
    assert str(monthly_cost_usd(1, price)) == "0.37"  # 0.365


def test_one_sentence_compares_with_a_nat_gateway() -> None:
    assert nat_comparison(price_in("us-east-1")) == (
        "The same GB pays 0.045 USD at a NAT gateway and 0.01 USD at an interface endpoint; the gateway itself costs "
        "32.85 USD a month (us-east-1, list prices as of 2026-08-01)."
    )


def test_each_region_names_a_date_and_two_sources() -> None:
    for known in prices().values():
        assert date.fromisoformat(known["as_of"])
        assert known["endpoint_source"]
        assert known["nat_source"]


@pytest.mark.parametrize("region", sorted(prices()))
def test_a_gb_at_an_endpoint_is_cheaper_than_at_a_nat_gateway_everywhere(region: str) -> None:
    price = price_in(region)
    assert Decimal(0) < price.per_gb_usd < price.nat_gb_usd
    assert Decimal(0) < price.per_zone_hour_usd < price.nat_hour_usd


@pytest.mark.parametrize(
    ("kind", "usd"),
    [
        (ActionKind.CREATE_INTERFACE_ENDPOINT, "14.60"),
        (ActionKind.ADD_SUBNETS, "14.60"),
        (ActionKind.REPLACE_ENDPOINT, "0.00"),  # in place of one that costs as much
        (ActionKind.REMOVE_SUBNETS, "0.00"),
    ],
)
def test_only_interfaces_that_are_added_cost_more(kind: ActionKind, usd: str) -> None:
    action = Action(kind, "why", subnet_ids=("subnet-a", "subnet-b"))
    assert str(cost_of([action], price_in("us-east-1"))) == usd
    assert cost_of([action], None) == 0


def test_a_cost_is_the_most_that_it_may_be_if_any_action_may_cost_less() -> None:
    exact = Action(ActionKind.CREATE_INTERFACE_ENDPOINT, "why", subnet_ids=("subnet-a",))
    unsure = replace(exact, is_at_most=True)
    assert [is_at_most(some) for some in ((), (exact,), (exact, unsure))] == [False, False, True]

"""The prices in the text of the pages are those of the price table; tests/core checks the tables."""

from decimal import Decimal

from lifeline.core.plan.cost import (
    HOURS_A_MONTH,
    monthly_attachment_usd,
    monthly_cost_usd,
    monthly_nat_usd,
    price_in,
    prices,
    route53_prices,
)
from tests.docs.pages import rows, sections
from tests.support.repository import ROOT

PAGE = ROOT / "docs/costs.md"
README = (ROOT / "README.md").read_text("utf-8")
PRICE = price_in("us-east-1")


def test_the_readme_says_what_one_zone_and_six_services_in_three_zones_cost() -> None:
    text = " ".join(README.split())
    assert f"An interface endpoint costs {PRICE.per_zone_hour_usd} USD per hour" in text
    assert f"**{monthly_cost_usd(1, PRICE)} USD per zone per month**" in text
    six_services = monthly_cost_usd(18, PRICE).quantize(Decimal(1))
    assert f"Six services in three zones cost {six_services} USD per month" in text


def test_the_comparison_with_a_nat_gateway_is_the_price_tables() -> None:
    (section,) = [one for one in sections(PAGE) if one.heading == "Compared with a NAT gateway"]
    text = " ".join(section.text.split())
    assert f"costs {PRICE.nat_hour_usd} USD per hour and {PRICE.nat_gb_usd} USD per GB in us-east-1" in text
    assert PRICE.nat_hour_usd / PRICE.per_zone_hour_usd == PRICE.nat_gb_usd / PRICE.per_gb_usd == Decimal("4.5")
    assert "as an interface endpoint in 4.5 zones, and 4.5 times as much per GB" in text
    saved = PRICE.nat_gb_usd - PRICE.per_gb_usd
    assert f"saves {saved} USD per GB" in text
    assert f"about {(monthly_cost_usd(1, PRICE) / saved).quantize(Decimal(1))} GB per month" in text


def test_the_comparison_with_a_hub_is_the_price_tables() -> None:
    (section,) = [one for one in sections(PAGE) if one.heading == "Compared with a hub"]
    text = " ".join(section.text.split())
    zone, attachment, gb = monthly_cost_usd(1, PRICE), monthly_attachment_usd(PRICE), PRICE.transit.gb_usd
    assert f"| {zone} per interface | {PRICE.per_gb_usd} |" in text
    assert f"{attachment} for an attachment" in text
    assert f"{PRICE.per_gb_usd + gb}: {gb} for the transit gateway and {PRICE.per_gb_usd} for the endpoint" in text
    assert f"or {monthly_nat_usd(PRICE)} | {PRICE.nat_gb_usd} |" in text
    assert f"above {zone / gb:.0f} GB per month and interface: {zone} USD divided by {gb} USD" in text
    assert attachment == 5 * zone
    route53 = route53_prices()
    month = Decimal(route53["profile_hour_usd"]) * HOURS_A_MONTH
    assert f"pays {route53['zone_month_usd']} USD per month for each zone" in text
    assert f"{route53['profile_hour_usd']} USD per hour, {month} USD per month, for up to 100 associations" in text
    assert f"{route53['profile_vpc_hour_usd']} USD per hour for each beyond" in text


def test_every_region_of_the_price_table_has_its_source() -> None:
    listed = [cells[0] for cells in rows(PAGE, "Where the prices come from")]
    assert listed == sorted(prices())

"""What the pages say of prices in words is what the price table says; their tables are checked in tests/core."""

from decimal import Decimal

from lifeline.core.plan.cost import monthly_cost_usd, price_in, prices
from tests.docs.pages import rows, sections
from tests.support.repository import ROOT

PAGE = ROOT / "docs/costs.md"
README = (ROOT / "README.md").read_text("utf-8")
PRICE = price_in("us-east-1")


def test_the_readme_says_what_one_zone_and_six_services_in_three_zones_cost() -> None:
    assert f"an interface endpoint costs {PRICE.per_zone_hour_usd} usd an hour" in README.lower()
    assert f"**{monthly_cost_usd(1, PRICE)} USD a month a zone**" in README
    assert f"six services in three zones are {monthly_cost_usd(18, PRICE).quantize(Decimal(1))} USD a month" in README


def test_the_comparison_with_a_nat_gateway_is_the_price_tables() -> None:
    (section,) = [one for one in sections(PAGE) if one.heading == "Compared with a NAT gateway"]
    text = " ".join(section.text.split())
    assert f"costs {PRICE.nat_hour_usd} USD an hour and {PRICE.nat_gb_usd} USD a GB in us-east-1" in text
    assert PRICE.nat_hour_usd / PRICE.per_zone_hour_usd == PRICE.nat_gb_usd / PRICE.per_gb_usd == Decimal("4.5")
    assert "four and a half zones, and each GB four and a half times as much" in text
    saved = PRICE.nat_gb_usd - PRICE.per_gb_usd
    assert f"saves {saved} USD a GB" in text
    assert f"about {(monthly_cost_usd(1, PRICE) / saved).quantize(Decimal(1))} GB a month" in text


def test_every_region_of_the_price_table_has_its_source() -> None:
    notified = [cells[0] for cells in rows(PAGE, "Where the prices come from")]
    assert notified == sorted(prices())

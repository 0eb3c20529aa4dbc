"""What endpoints cost, and that docs/costs.md says the same.

`python -m tests.core.plan.test_cost` writes the page's tables anew.
"""

import re
from datetime import date
from decimal import Decimal

import pytest

from lifeline.core.plan.cost import (
    PRICED_REGIONS,
    PRICES_AS_OF,
    Price,
    cost_words,
    monthly_cost_usd,
    monthly_nat_usd,
    nat_comparison,
    price_date,
    price_in,
)
from tests.support.repository import ROOT

PAGE = ROOT / "docs" / "costs.md"


def services_table() -> str:
    price = price_in("us-east-1")
    lines = ["| services | 1 zone | 2 zones | 3 zones |", "| --- | ---: | ---: | ---: |"]
    for services in range(1, 7):
        cells = " | ".join(f"{monthly_cost_usd(services * zones, price)}" for zones in range(1, 4))
        lines.append(f"| {services} | {cells} |")
    return "\n".join(lines)


def regions_table() -> str:
    columns = (
        "region",
        "endpoint, zone and hour",
        "endpoint, GB",
        "NAT gateway, hour",
        "NAT gateway, GB",
        "one service in one zone, month",
        "six in three zones, month",
        "NAT gateway, month",
        "read",
    )
    lines = [f"| {' | '.join(columns)} |", f"| --- |{' ---: |' * 7} --- |"]
    for region in PRICED_REGIONS:
        price = price_in(region)
        lines.append(
            f"| {region} | {price.per_zone_hour_usd} | {price.per_gb_usd} | {price.nat_hour_usd} | {price.nat_gb_usd} "
            f"| {monthly_cost_usd(1, price)} | {monthly_cost_usd(18, price)} | {monthly_nat_usd(price)} "
            f"| {price_date(region)} |"
        )
    return "\n".join(lines)


TABLES = {"services": services_table, "regions": regions_table}


def block(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name}: kept by a test -->\n)(.*?)(\n<!-- end -->)", re.DOTALL)


def test_a_region_in_the_table_has_its_own_prices() -> None:
    assert price_in("eu-central-1") == Price(
        Decimal("0.012"), Decimal("0.01"), Decimal("0.052"), Decimal("0.052"), "eu-central-1", is_exact=True
    )


def test_a_region_outside_the_table_has_us_east_1s_and_says_so() -> None:
    price = price_in("mx-central-1")
    assert (price.region, price.is_exact) == ("mx-central-1", False)
    assert price.per_zone_hour_usd == price_in("us-east-1").per_zone_hour_usd
    for words in (cost_words(1, price), nat_comparison(price)):
        assert "us-east-1's list prices as of 2026-08-01: those of mx-central-1 aren't in the table" in words


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
    price = Price(Decimal("0.0005"), Decimal(0), Decimal(0), Decimal(0), "xx", is_exact=True)
    assert str(monthly_cost_usd(1, price)) == "0.37"  # 0.365


def test_the_words_say_what_is_on_top_and_of_when_the_prices_are() -> None:
    assert cost_words(6, price_in("eu-west-1")) == (
        "48.18 USD a month, plus 0.01 USD a GB of data (eu-west-1, list prices as of 2026-05-01)"
    )


def test_one_sentence_compares_with_a_nat_gateway() -> None:
    assert nat_comparison(price_in("us-east-1")) == (
        "The same GB pays 0.045 USD at a NAT gateway and 0.01 USD at an interface endpoint; the gateway itself costs "
        "32.85 USD a month (us-east-1, list prices as of 2026-08-01)."
    )


def test_the_table_is_as_old_as_its_oldest_figure() -> None:
    assert min(price_date(region) for region in PRICED_REGIONS) == PRICES_AS_OF == date(2026, 5, 1)


@pytest.mark.parametrize("region", PRICED_REGIONS)
def test_a_gb_at_an_endpoint_is_cheaper_than_at_a_nat_gateway_everywhere(region: str) -> None:
    price = price_in(region)
    assert Decimal(0) < price.per_gb_usd < price.nat_gb_usd
    assert Decimal(0) < price.per_zone_hour_usd < price.nat_hour_usd


@pytest.mark.parametrize("name", TABLES)
def test_the_pages_tables_are_the_codes(name: str) -> None:
    found = block(name).search(PAGE.read_text())
    assert found, f"docs/costs.md lacks the block {name}"
    assert found[2].strip() == TABLES[name](), "run python -m tests.core.plan.test_cost"


def test_the_page_names_the_date_of_the_oldest_price() -> None:
    assert f"oldest dated figure is of {PRICES_AS_OF}" in PAGE.read_text()


def write_tables() -> None:
    page = PAGE.read_text()
    for name, table in TABLES.items():
        page = block(name).sub(lambda found, table=table: f"{found[1]}\n{table()}\n{found[3]}", page)  # type: ignore[misc]
    PAGE.write_text(page)


if __name__ == "__main__":
    write_tables()

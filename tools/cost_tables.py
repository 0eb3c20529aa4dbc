"""Generates the price and cost tables in docs/costs.md and README.md from `prices.json` and `tools.watch_cost`."""

import re
import textwrap
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from lifeline.core.plan.cost import (
    monthly_attachment_usd,
    monthly_cost_usd,
    monthly_nat_usd,
    price_in,
    prices,
    route53_prices,
)
from lifeline.core.policy.policy import Limits
from tools.template import ROOT
from tools.watch_cost import agent_cost_usd, alarms_cost_usd, stack_cost_usd, watch_cost

PAGE = ROOT / "docs/costs.md"
README = ROOT / "README.md"
FLEETS = (100, 1_000, 10_000)
_COLUMNS = 120  # of a page
_MANY = 1_000  # agents, of which README says what they cost
MINUTE = timedelta(minutes=1)
PACES = {  # how often, and the period and the grace
    ("minute", "4 minutes"): (MINUTE, 5 * MINUTE),
    ("minute", "10 minutes"): (MINUTE, 11 * MINUTE),
    ("5 minutes", "4 minutes"): (5 * MINUTE, 5 * MINUTE),
}


def services_table() -> str:
    """The monthly cost of 1 to 6 services in 1 to 3 zones."""
    price = price_in("us-east-1")
    costs = ([monthly_cost_usd(services * zones, price) for zones in (1, 2, 3)] for services in range(1, 7))
    rows = ([services, *cells] for services, cells in enumerate(costs, 1))
    return _table(("services", "1 zone", "2 zones", "3 zones"), rows, left=1)


def regions_table() -> str:
    """Each region's prices and the monthly costs."""
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
    rows = []
    for region, known in sorted(prices().items()):
        price = price_in(region)
        unit_prices = (price.per_zone_hour_usd, price.per_gb_usd, price.nat_hour_usd, price.nat_gb_usd)
        months = (monthly_cost_usd(1, price), monthly_cost_usd(18, price), monthly_nat_usd(price))
        rows.append((region, *unit_prices, *months, known["as_of"]))
    return _table(columns, rows, left=1, right_until=8)


def sources_table() -> str:
    """The sources of each region's prices."""
    rows = ((region, known["endpoint_source"], known["nat_source"]) for region, known in sorted(prices().items()))
    return _table(("region", "interface endpoint", "NAT gateway"), rows, left=3)


def transit_table() -> str:
    """The regions whose prices of transit gateways are known, with their source."""
    columns = ("region", "attachment, hour", "attachment, month", "GB", "read", "source")
    rows = []
    for region, known in sorted(prices().items()):
        price = price_in(region)
        if price.transit.region == region:
            month = monthly_attachment_usd(price)
            figures = (price.transit.hour_usd, month, price.transit.gb_usd)
            rows.append((region, *figures, price.transit.as_of, known["transit_source"]))
    return _table(columns, rows, left=1, right_until=4)


def route53_lines() -> str:
    """What the hub's zone and Profile cost, with the source."""
    known = route53_prices()
    return "\n".join(
        (
            _line(f"a hosted zone: {known['zone_month_usd']} USD per month"),
            _line(
                f"a Profile: {known['profile_hour_usd']} USD per hour and account with up to {known['profile_vpcs']}",
                f"associations of VPCs, and {known['profile_vpc_hour_usd']} USD per hour for each beyond",
            ),
            _line(f"source: {known['source']}"),
        )
    )


def watching_table() -> str:
    """The monthly cost of watching, by part."""
    columns = (
        "agents",
        "every",
        "grace",
        "datapoints",
        "listing",
        "runs",
        "stack",
        "total",
        "one alarm per agent",
    )
    lines = [f"| {' | '.join(columns)} |", f"| ---: | --- | --- |{' ---: |' * 6}"]
    for agents in FLEETS:
        for words, pace in PACES.items():
            cost = watch_cost(agents, *pace)
            parts = f"{cost.datapoints:,} | {cost.lists} | {cost.runs} | {cost.stack} | {cost.total:,}"
            lines.append(f"| {agents:,} | {' | '.join(words)} | {parts} | {alarms_cost_usd(agents):,} |")
    return "\n".join(lines)


def readme_lines() -> str:
    """The costs in three lines: endpoints, watching, and the stack with the limit."""
    price, (usual, patient) = price_in("us-east-1"), [*PACES.values()][:2]
    zone, six = monthly_cost_usd(1, price), monthly_cost_usd(18, price)
    each, less = agent_cost_usd(*usual), agent_cost_usd(*patient)
    many = " or ".join(f"{watch_cost(_MANY, *pace).total:,.0f}" for pace in (usual, patient))
    hour = f"{price.per_zone_hour_usd} USD per hour and zone in us-east-1"
    each_and_less = f"{each:.2f} USD per agent per month, or {less:.2f} USD with a grace of 10 minutes"
    alarms = f"An alarm for each of them would cost {alarms_cost_usd(_MANY):,.0f} USD."
    most = f"{Limits().monthly_usd} USD per month in all, before data charges"
    return "\n".join(
        (
            _line(
                f"**Endpoints.** An interface endpoint costs {hour}, which is **{zone} USD per zone per month**.",
                f"Six services in three zones cost {six:.0f} USD per month. Gateway endpoints are free.",
            ),
            _line(f"**Watching** costs {each_and_less}: {many} USD for {_MANY:,} agents.", alarms),
            _line(
                f"**The stack** costs {stack_cost_usd():.2f} USD per month. Lifeline's endpoints cost at most {most},",
                "unless you [approve more](docs/limits.md) or raise the limit.",
            ),
        )
    )


def _line(*sentences: str) -> str:
    """An entry of a list, in a page's columns."""
    text = f"- {' '.join(sentences)}"
    return textwrap.fill(text, _COLUMNS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


TABLES: dict[tuple[Path, str], Callable[[], str]] = {
    (PAGE, "services"): services_table,
    (PAGE, "regions"): regions_table,
    (PAGE, "sources"): sources_table,
    (PAGE, "transit"): transit_table,
    (PAGE, "route53"): route53_lines,
    (PAGE, "watching"): watching_table,
    (README, "watching"): readme_lines,
}


def block(name: str) -> re.Pattern[str]:
    """A page's block of this name, in three groups: its beginning, the table, its end."""
    return re.compile(rf"(<!-- {name}: kept by a test -->\n)(.*?)(\n<!-- end -->)", re.DOTALL)


def main() -> None:
    """Write all tables."""
    for (page, name), table in TABLES.items():
        before = page.read_text("utf-8")
        page.write_text(block(name).sub(rf"\1\n{table()}\n\3", before), "utf-8")


def _table(
    columns: Iterable[str], rows: Iterable[Iterable[object]], *, left: int, right_until: int | None = None
) -> str:
    """A table whose first `left` columns, and those from `right_until` on, are flush left."""
    names = [*columns]
    last = len(names) if right_until is None else right_until
    marks = ["---:" if left <= place < last else "---" for place in range(len(names))]
    lines = [names, marks, *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()

"""Generates the price and cost tables in docs/costs.md and README.md from `prices.json` and `tools.watch_cost`."""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from lifeline.core.plan.cost import monthly_cost_usd, monthly_nat_usd, price_in, prices
from tools.template import ROOT
from tools.watch_cost import alarms_cost_usd, watch_cost

PAGE = ROOT / "docs/costs.md"
README = ROOT / "README.md"
FLEETS = (100, 1_000, 10_000)
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


def readme_table() -> str:
    """The total monthly cost of watching."""
    names = ("every minute", "every minute, grace of 10 minutes", "one alarm per agent")
    heads = " | ".join(f"{name} (USD per month)" for name in names)
    lines = [f"| agents | {heads} |", "| ---: | ---: | ---: | ---: |"]
    for agents in FLEETS:
        each = [watch_cost(agents, *pace).total for pace in [*PACES.values()][:2]]
        cells = " | ".join(f"{usd:,.0f}" for usd in (*each, alarms_cost_usd(agents)))
        lines.append(f"| {agents:,} | {cells} |")
    return "\n".join(lines)


TABLES: dict[tuple[Path, str], Callable[[], str]] = {
    (PAGE, "services"): services_table,
    (PAGE, "regions"): regions_table,
    (PAGE, "sources"): sources_table,
    (PAGE, "watching"): watching_table,
    (README, "watching"): readme_table,
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

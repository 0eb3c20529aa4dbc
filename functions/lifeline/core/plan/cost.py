"""What endpoints cost: list prices by region, with their date."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files
from typing import cast

from lifeline.core.plan.actions import Action, ActionKind, Plan, ServiceState

HOURS_A_MONTH = 730  # as AWS's own calculator counts a month
FALLBACK_REGION = "us-east-1"
# What a transit gateway takes for a GB that a VPC sends: us-east-1's list price, as public documents quote it.
TRANSIT_GB_USD = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class Price:
    """List prices in a region, in USD without tax or discounts.

    `per_zone_hour_usd` is one interface endpoint in one zone; `per_gb_usd` what it processes, in the first PB a month
    (0.006 and 0.004 USD after 1 and 5 PB). If not `is_exact`, the figures are us-east-1's: none is known for `region`,
    and most regions cost a little more.
    """

    per_zone_hour_usd: Decimal
    per_gb_usd: Decimal
    nat_hour_usd: Decimal
    nat_gb_usd: Decimal
    region: str
    is_exact: bool


@cache
def prices() -> dict[str, dict[str, str]]:
    """Each region's list prices with their source and date, the oldest of its figures', as `prices.json` has them.

    They are the AWS Price List's: AmazonVPC `…VpcEndpoint-Hours` and `-Bytes`, AmazonEC2 `…NatGateway-Hours` and
    `-Bytes`, read in public documents that quote it.
    """
    text = files("lifeline.core.plan").joinpath("prices.json").read_text("utf-8")
    return cast("dict[str, dict[str, str]]", json.loads(text))


def price_in(region: str) -> Price:
    """The region's prices; us-east-1's, and not exact, where none are known for the region."""
    known = _known(region)
    return Price(
        per_zone_hour_usd=Decimal(known["per_zone_hour_usd"]),
        per_gb_usd=Decimal(known["per_gb_usd"]),
        nat_hour_usd=Decimal(known["nat_hour_usd"]),
        nat_gb_usd=Decimal(known["nat_gb_usd"]),
        region=region,
        is_exact=region in prices(),
    )


def _known(region: str) -> dict[str, str]:
    return prices().get(region, prices()[FALLBACK_REGION])


def monthly_cost_usd(interface_zones: int, price: Price) -> Decimal:
    """A month of interface endpoints, in cents' precision: `interface_zones` sums each endpoint's zones.

    Billed for every hour of their life, used or not (PrivateLink pricing). Data is on top; gateway endpoints are free
    (VPC guide: gateway endpoints), and count no zones.
    """
    exact = price.per_zone_hour_usd * HOURS_A_MONTH * interface_zones
    return exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def nat_comparison(price: Price) -> str:
    """One sentence: what the same GB pays at a NAT gateway."""
    return (
        f"The same GB pays {price.nat_gb_usd} USD at a NAT gateway and {price.per_gb_usd} USD at an interface "
        f"endpoint; the gateway itself costs {monthly_nat_usd(price)} USD a month ({_whose(price)})."
    )


def hub_comparison(interfaces: int, price: Price) -> str:
    """One sentence: what the same GB pays at the hub, and from how many a month an endpoint of one's own is cheaper.

    The attachment to the gateway isn't counted: a VPC that is offered the hub has one.
    """
    even = monthly_cost_usd(interfaces, price) / TRANSIT_GB_USD
    return (
        f"The same GB pays {price.per_gb_usd + TRANSIT_GB_USD} USD at the hub's endpoint, transit gateway included, "
        f"{price.per_gb_usd} USD at an endpoint of the VPC's own and {price.nat_gb_usd} USD at a NAT gateway; above "
        f"{even:,.0f} GB a month, an endpoint of its own is cheaper than the hub ({_whose(price)})."
    )


def monthly_nat_usd(price: Price) -> Decimal:
    """A month of one NAT gateway, without its data and public address."""
    return (price.nat_hour_usd * HOURS_A_MONTH).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def _whose(price: Price) -> str:
    when = f"list prices as of {_known(price.region)['as_of']}"
    if price.is_exact:
        return f"{price.region}, {when}"
    return f"{FALLBACK_REGION}'s {when}: prices of {price.region} aren't known and might be higher"


def with_blocked(plan: Plan, actions: tuple[Action, ...], held: Mapping[str, str], price: Price | None) -> Plan:
    """The plan with these actions, its cost, and the missing services that are held, by name and why, as blocked."""
    services = tuple(
        replace(report, state=ServiceState.BLOCKED, detail=held[report.service])
        if report.service in held and report.state is ServiceState.MISSING
        else report
        for report in plan.services
    )
    cost = cost_of([action for action in actions if action.is_planned], price)
    return replace(plan, actions=actions, services=services, monthly_cost_usd=cost)


def cost_of(actions: Iterable[Action], price: Price | None) -> Decimal:
    """What the actions' interfaces add in a month, in USD, without the data that goes through them: the sum of what
    each adds, in cents.
    """
    kinds = {ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.ADD_SUBNETS}
    zones = (len(action.subnet_ids) for action in actions if action.kind in kinds)
    return sum((monthly_cost_usd(number, price) for number in zones), Decimal("0.00")) if price else Decimal(0)

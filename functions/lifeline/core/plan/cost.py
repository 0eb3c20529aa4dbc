"""What endpoints cost: list prices by region, with their date."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from lifeline.core.plan.actions import Action, ActionKind

HOURS_A_MONTH = 730  # as AWS's own calculator counts a month
FALLBACK_REGION = "us-east-1"


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


# AWS Price List: AmazonVPC `…VpcEndpoint-Hours` and `-Bytes`, AmazonEC2 `…NatGateway-Hours` and `-Bytes`, read in
# public documents that quote it. The date is the oldest of the row's; docs/costs.md says where each figure comes from.
_PRICES: dict[str, tuple[str, str, str, str, date]] = {
    "ap-northeast-1": ("0.014", "0.01", "0.062", "0.062", date(2026, 9, 23)),
    "ap-northeast-2": ("0.013", "0.01", "0.059", "0.059", date(2026, 10, 1)),
    "ap-south-1": ("0.013", "0.01", "0.056", "0.056", date(2026, 8, 7)),
    "ap-southeast-1": ("0.013", "0.01", "0.059", "0.059", date(2026, 8, 12)),
    "ca-central-1": ("0.011", "0.01", "0.05", "0.05", date(2026, 7, 24)),
    "eu-central-1": ("0.012", "0.01", "0.052", "0.052", date(2026, 6, 12)),
    "eu-west-1": ("0.011", "0.01", "0.048", "0.048", date(2026, 5, 1)),
    "eu-west-2": ("0.011", "0.01", "0.05", "0.05", date(2026, 9, 25)),
    "sa-east-1": ("0.021", "0.01", "0.093", "0.093", date(2026, 8, 8)),
    "us-east-1": ("0.01", "0.01", "0.045", "0.045", date(2026, 8, 1)),
    "us-west-2": ("0.01", "0.01", "0.045", "0.045", date(2026, 8, 8)),
}
PRICES_AS_OF = min(row[-1] for row in _PRICES.values())
PRICED_REGIONS = tuple(sorted(_PRICES))


def price_in(region: str) -> Price:
    """The region's prices; us-east-1's, and not exact, where the table lacks the region."""
    zone_hour, gb, nat_hour, nat_gb, _ = _PRICES.get(region, _PRICES[FALLBACK_REGION])
    return Price(
        per_zone_hour_usd=Decimal(zone_hour),
        per_gb_usd=Decimal(gb),
        nat_hour_usd=Decimal(nat_hour),
        nat_gb_usd=Decimal(nat_gb),
        region=region,
        is_exact=region in _PRICES,
    )


def price_date(region: str) -> date:
    """When the oldest of the figures that `price_in` gives for the region was read."""
    return _PRICES.get(region, _PRICES[FALLBACK_REGION])[-1]


def monthly_cost_usd(interface_zones: int, price: Price) -> Decimal:
    """A month of interface endpoints, in cents' precision: `interface_zones` sums each endpoint's zones.

    Billed for every hour of their life, used or not (PrivateLink pricing). Data is on top; gateway endpoints are free
    (VPC guide: gateway endpoints), and count no zones.
    """
    exact = price.per_zone_hour_usd * HOURS_A_MONTH * interface_zones
    return exact.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def cost_words(interface_zones: int, price: Price) -> str:
    """The month's cost as a person reads it: what is on top, whose prices, and of when."""
    return (
        f"{monthly_cost_usd(interface_zones, price)} USD a month, plus {price.per_gb_usd} USD a GB of data "
        f"({_whose(price)})"
    )


def nat_comparison(price: Price) -> str:
    """One sentence: what the same GB pays at a NAT gateway."""
    return (
        f"The same GB pays {price.nat_gb_usd} USD at a NAT gateway and {price.per_gb_usd} USD at an interface "
        f"endpoint; the gateway itself costs {monthly_nat_usd(price)} USD a month ({_whose(price)})."
    )


def monthly_nat_usd(price: Price) -> Decimal:
    """A month of one NAT gateway, without its data and public address."""
    return (price.nat_hour_usd * HOURS_A_MONTH).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def _whose(price: Price) -> str:
    when = f"list prices as of {price_date(price.region)}"
    if price.is_exact:
        return f"{price.region}, {when}"
    return f"{FALLBACK_REGION}'s {when}: those of {price.region} aren't in the table and may be higher"


def cost_of(actions: Iterable[Action], price: Price | None) -> Decimal:
    """What the actions' interfaces add in a month, in USD, without the data that goes through them."""
    kinds = {ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.ADD_SUBNETS}
    zones = sum(len(action.subnet_ids) for action in actions if action.kind in kinds)
    return monthly_cost_usd(zones, price) if price else Decimal(0)

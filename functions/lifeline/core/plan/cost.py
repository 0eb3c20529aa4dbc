"""What endpoints cost: list prices by region, with their date."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files
from typing import cast

from lifeline.core.plan.actions import Action, ActionKind, Plan, ServiceState

HOURS_A_MONTH = 730  # as AWS's own calculator counts a month
FALLBACK_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class TransitPrice:
    """A transit gateway's list prices in a region, in USD: a VPC's attachment, and a GB that passes the gateway (sent
    from any of its attachments). `region` and `as_of` are those of the prices: us-east-1's where the region's own
    aren't known.
    """

    hour_usd: Decimal
    gb_usd: Decimal
    region: str
    as_of: str


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
    transit: TransitPrice
    region: str
    is_exact: bool


def prices() -> dict[str, dict[str, str]]:
    """Each region's list prices with their source and date, the oldest of its figures', as `prices.json` has them.

    They are the AWS Price List's: AmazonVPC `…VpcEndpoint-Hours` and `-Bytes`, AmazonEC2 `…NatGateway-Hours` and
    `-Bytes`, and for some regions AmazonVPC `…TransitGateway-Hours` and `-Bytes` with a date of their own, read in
    public documents that quote it.
    """
    return cast("dict[str, dict[str, str]]", _read()["regions"])


def route53_prices() -> dict[str, str]:
    """Route 53's list prices, which are the same in all regions: a hosted zone for a month, a Profile for an hour with
    so many VPCs in its account, and an hour of each VPC beyond.
    """
    return cast("dict[str, str]", _read()["route53"])


@cache
def _read() -> dict[str, object]:
    text = files("lifeline.core.plan").joinpath("prices.json").read_text("utf-8")
    return cast("dict[str, object]", json.loads(text))


def price_in(region: str) -> Price:
    """The region's prices; us-east-1's, and not exact, where none are known for the region."""
    known = _known(region)
    return Price(
        per_zone_hour_usd=Decimal(known["per_zone_hour_usd"]),
        per_gb_usd=Decimal(known["per_gb_usd"]),
        nat_hour_usd=Decimal(known["nat_hour_usd"]),
        nat_gb_usd=Decimal(known["nat_gb_usd"]),
        transit=_transit_in(region),
        region=region,
        is_exact=region in prices(),
    )


def _transit_in(region: str) -> TransitPrice:
    whose = region if "transit_hour_usd" in prices().get(region, {}) else FALLBACK_REGION
    known = prices()[whose]
    hour, gb = Decimal(known["transit_hour_usd"]), Decimal(known["transit_gb_usd"])
    return TransitPrice(hour, gb, whose, known["transit_as_of"])


def as_of(price: Price) -> str:
    """The date of the oldest price of endpoints and NAT gateways, in ISO 8601."""
    return _known(price.region)["as_of"]


def _known(region: str) -> dict[str, str]:
    return prices().get(region, prices()[FALLBACK_REGION])


def monthly_cost_usd(interface_zones: int, price: Price) -> Decimal:
    """A month of interface endpoints, in cents' precision: `interface_zones` sums each endpoint's zones.

    Billed for every hour of their life, used or not (PrivateLink pricing). Data is on top; gateway endpoints are free
    (VPC guide: gateway endpoints), and count no zones.
    """
    return _month(price.per_zone_hour_usd * interface_zones)


def nat_comparison(price: Price) -> str:
    """One sentence: what the same GB pays at a NAT gateway."""
    return (
        f"The same GB pays {price.nat_gb_usd} USD at a NAT gateway and {price.per_gb_usd} USD at an interface "
        f"endpoint; the gateway itself costs {monthly_nat_usd(price)} USD a month ({whose_words(price)})."
    )


def monthly_nat_usd(price: Price) -> Decimal:
    """A month of one NAT gateway, without its data and public address."""
    return _month(price.nat_hour_usd)


def monthly_attachment_usd(price: Price) -> Decimal:
    """A month of a VPC's attachment to a transit gateway, without its data."""
    return _month(price.transit.hour_usd)


def free_profile_vpcs() -> int:
    """How many VPCs the Profiles of an account may have before each more costs something (Route 53 pricing)."""
    return int(route53_prices()["profile_vpcs"])


def monthly_profile_vpc_usd() -> Decimal:
    """A month of each VPC of a Route 53 Profile beyond those that its price includes."""
    return _month(Decimal(route53_prices()["profile_vpc_hour_usd"]))


def _month(hour_usd: Decimal) -> Decimal:
    return (hour_usd * HOURS_A_MONTH).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def whose_words(price: Price) -> str:
    """Of which region the prices of endpoints and NAT gateways are, and of when."""
    when = f"list prices as of {as_of(price)}"
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


def block(plan: Plan, chosen: Callable[[Action], bool], words: str, price: Price | None) -> Plan:
    """The plan with the chosen ones of its planned actions blocked for one reason; itself if there are none."""
    held = [action for action in plan.actions if action.is_planned and chosen(action)]
    if not held:
        return plan
    actions = tuple(action.blocked(words) if action in held else action for action in plan.actions)
    return with_blocked(plan, actions, {action.service: words for action in held}, price)


def cost_of(actions: Iterable[Action], price: Price | None) -> Decimal:
    """What the actions' interfaces add in a month, in USD, without the data that goes through them: the sum of what
    each adds, in cents; with what the association with a Profile adds at most, once for all its services.
    """
    if price is None:
        return Decimal(0)
    kinds, chosen = {ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.ADD_SUBNETS}, tuple(actions)
    of_profiles = {action.central_ids: action.profile_usd for action in chosen}
    zones = (len(action.subnet_ids) for action in chosen if action.kind in kinds)
    return sum((*(monthly_cost_usd(number, price) for number in zones), *of_profiles.values()), Decimal("0.00"))


def is_at_most(actions: Iterable[Action]) -> bool:
    """True if the actions may cost less than `cost_of` says."""
    return any(action.is_at_most for action in actions)


def usd_words(usd: Decimal, *, at_most: bool) -> str:
    """`1.02 USD`, or `up to 1.02 USD`."""
    return f"{'up to ' if at_most else ''}{usd:.2f} USD"

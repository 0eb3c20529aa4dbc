"""What a VPC pays in a month for the services that a hub shares: by endpoints of its own, by the hub, or by NAT."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from lifeline.core.network.model import Part, Route, Subnet, TargetKind, Vpc
from lifeline.core.network.packets import addresses_in
from lifeline.core.network.routing import routing_of
from lifeline.core.plan.actions import ServiceReport
from lifeline.core.plan.central import profile_cost
from lifeline.core.plan.cost import (
    Price,
    free_profile_vpcs,
    monthly_attachment_usd,
    monthly_cost_usd,
    monthly_nat_usd,
    monthly_profile_vpc_usd,
    whose_words,
)
from lifeline.core.plan.scene import PlanInput, Scene
from lifeline.core.plan.ways import HubComparison, Way, WayCost
from lifeline.core.policy.central import Central
from lifeline.core.wording import write_count

_NOTHING = Decimal("0.00")
_NO_PRICE = frozenset(  # ways to other networks whose data charge depends on what lies beyond
    {
        TargetKind.NETWORK_INTERFACE,
        TargetKind.VIRTUAL_PRIVATE_GATEWAY,
        TargetKind.GATEWAY_LOAD_BALANCER_ENDPOINT,
        TargetKind.CORE_NETWORK,
        TargetKind.LOCAL_GATEWAY,
        TargetKind.UNDECIDED,
    }
)


def compare(scene: Scene, reports: Iterable[ServiceReport]) -> HubComparison | None:
    """The comparison for a VPC; None where the policy names no hub, the VPC needs nothing that it shares, or is the hub
    itself.
    """
    central, price = scene.plan_input.central, scene.plan_input.price
    if central is None or price is None:
        return None
    shared = [report for report in reports if report.interfaces and report.service in central.services]
    if not shared:
        return None
    interfaces = sum(report.interfaces for report in shared)
    asking = {subnet_id for report in shared for subnet_id, _ in report.paths}
    clients = [subnet for subnet in scene.vpc.subnets if subnet.id in asking]
    routes = list(_routes(clients, scene.vpc, central))
    if any(route.target is TargetKind.LOCAL for route in routes):
        return None
    return HubComparison(
        services=tuple(report.service for report in shared),
        interfaces=interfaces,
        ways=(
            WayCost(
                Way.LOCAL, monthly_cost_usd(interfaces, price), price.per_gb_usd, write_count(interfaces, "interface")
            ),
            _by_hub(scene, routes, price),
            _by_nat(scene.vpc, price),
        ),
        prices=_whose(price),
    )


def _by_hub(scene: Scene, routes: Sequence[Route], price: Price) -> WayCost:
    """The hub's endpoint charges for each GB, too. A transit gateway charges for each GB that is sent to it, and for
    the VPC's attachment, which isn't counted where it is there (transit gateway pricing).
    """
    vpc, transit_gb = scene.vpc, price.transit.gb_usd
    led, (usd, more) = {route.target for route in routes}, _of_profile(scene.plan_input)
    private = {nat.id for nat in vpc.nat_gateways if not nat.is_public}
    unknown = sorted({route.target for route in routes if route.target in _NO_PRICE or route.target_id in private})
    if unknown and TargetKind.TRANSIT_GATEWAY not in led:
        return WayCost(Way.CENTRAL, usd, None, f"the way leads over a {unknown[0]}{more}")
    if TargetKind.PEERING in led and TargetKind.TRANSIT_GATEWAY not in led:
        how = "over a peering connection; data between zones costs extra"
        return WayCost(Way.CENTRAL, usd, price.per_gb_usd, f"{how}{more}")
    how = f"{transit_gb} of it for the transit gateway, to which the VPC is attached"
    if not _is_attached(scene):
        usd += monthly_attachment_usd(price)
        how = f"for a transit gateway: an attachment, as none was seen, and {transit_gb} per GB"
    return WayCost(Way.CENTRAL, usd, price.per_gb_usd + transit_gb, f"{how}{more}")


def _routes(clients: Iterable[Subnet], vpc: Vpc, central: Central) -> Iterator[Route]:
    """The active routes of these subnets to the hub's blocks, or to parts of them."""
    for subnet in clients:
        for version in (4, 6):
            parts = routing_of(subnet, vpc, version).parts(addresses_in(central.cidrs, version))
            yield from (route for _, route in parts if route and route.is_active)


def _is_attached(scene: Scene) -> bool:
    """True if a route or an attachment shows that the VPC has a transit gateway."""
    vpc, view = scene.vpc, scene.plan_input.hub
    attachments = (view.attachments or ()) if view else ()
    routes = (route for table in vpc.route_tables for route in table.routes)
    return any(one.vpc_id == vpc.id and one.is_available for one in attachments) or any(
        route.target is TargetKind.TRANSIT_GATEWAY and route.is_active for route in routes
    )


def _of_profile(plan_input: PlanInput) -> tuple[Decimal, str]:
    """What an association with the policy's Profile certainly adds, and what it may; one with a zone is free."""
    if plan_input.central is None or not plan_input.central.profile:
        return _NOTHING, ""
    (usd, is_at_most), free, each = profile_cost(plan_input), free_profile_vpcs(), monthly_profile_vpc_usd()
    if usd and not is_at_most:
        return usd, f"; {usd} for the Profile, which has {free} VPCs or more"
    return _NOTHING, f"; {each} more if the Profiles of its account have more than {free} VPCs"


def _by_nat(vpc: Vpc, price: Price) -> WayCost:
    if any(nat.is_public and nat.is_available for nat in vpc.nat_gateways):
        return WayCost(Way.NAT, _NOTHING, price.nat_gb_usd, "the VPC has one anyway")
    why = "whether the VPC has one can't be read" if vpc.unread_words(Part.NAT_GATEWAYS) else "the VPC has none"
    return WayCost(Way.NAT, monthly_nat_usd(price), price.nat_gb_usd, why)


def _whose(price: Price) -> str:
    transit = price.transit
    is_others = price.is_exact and transit.region != price.region
    whose = f"{transit.region}'s, as {price.region}'s aren't known, " if is_others else ""
    return f"{whose_words(price)}; transit gateways: {whose}as of {transit.as_of}"

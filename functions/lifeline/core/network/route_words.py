"""What a subnet's routes are, in words."""

from lifeline.core.network.model import DEFAULT_ROUTES, SeenTier, Subnet, Tier, UnsureTier, Vpc
from lifeline.core.network.priority import is_decided
from lifeline.core.network.tiers import effective_route_table, idle_ways, leads_out_by_ipv6
from lifeline.core.network.way_out import partly_out

_ROUTES: dict[SeenTier, str] = {
    Tier.ISOLATED: "no route out of the VPC",
    Tier.EGRESS: "a route out of the VPC",
    Tier.PUBLIC: "a route to an internet gateway",
    UnsureTier.NOT_PUBLIC: "routes of which not all could be read",
    UnsureTier.UNKNOWN: "routes of which not all could be read",
}


def route_words(subnet: Subnet, vpc: Vpc, service: str, tier: SeenTier) -> str:
    """The subnet's tier, its route table, and its default routes that lead nowhere."""
    table = effective_route_table(subnet, vpc)
    dead = [
        f"; its route to {route.target_id} is a blackhole"
        for route in (table.routes if table else ())
        if not route.is_active and DEFAULT_ROUTES & set(route.destinations)
    ]
    is_by_ipv6 = tier is Tier.ISOLATED and leads_out_by_ipv6(subnet, vpc)
    routes = "no IPv4 route out of the VPC" if is_by_ipv6 else _ROUTES[tier]
    if len(tier.possible) > 1 and table and not is_decided([table]):
        routes = "routes by prefix lists that share addresses"
    elif tier is Tier.ISOLATED and partly_out(subnet, vpc, service, has_public_address=True):
        routes = "no default route out of the VPC"
    ways = idle_ways(subnet, vpc) if tier is Tier.ISOLATED else ()
    idle = [f"route to {target_id} carries nothing out: {why.replace(target_id, 'it')}" for target_id, why in ways]
    has = f"'s {'; its '.join(idle)}" if idle else f" has {routes}"
    return f"{subnet.id} is {tier}{f': {table.id}{has}' if table else ''}{''.join(dead)}"

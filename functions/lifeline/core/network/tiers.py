"""Public, egress or isolated: what a subnet's routes make it, or that this isn't known."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network

from lifeline.core.network.model import (
    BlockMode,
    NatGateway,
    Part,
    Ranges,
    Route,
    RouteTable,
    SeenTier,
    Subnet,
    TargetKind,
    Tier,
    UnsureTier,
    Vpc,
    block,
    version_of,
)
from lifeline.core.network.packets import EVERY_ADDRESS, addresses_in
from lifeline.core.network.priority import choices, is_decided, undecided_words

_EVERYWHERE = ("0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1")
NAT64 = "64:ff9b::/96"
NAT64_ADDRESSES = addresses_in((NAT64,), 6)
EDGES = frozenset({TargetKind.INTERNET_GATEWAY, TargetKind.CARRIER_GATEWAY})
_BY_INTERNET = EDGES | {TargetKind.EGRESS_ONLY_GATEWAY, TargetKind.NAT_GATEWAY}
# What leads out of a VPC, and so to other networks' private addresses too; peering leads to these alone.
WAYS_OUT = frozenset(
    {
        TargetKind.NETWORK_INTERFACE,
        TargetKind.TRANSIT_GATEWAY,
        TargetKind.VIRTUAL_PRIVATE_GATEWAY,
        TargetKind.GATEWAY_LOAD_BALANCER_ENDPOINT,
        TargetKind.CORE_NETWORK,
        TargetKind.LOCAL_GATEWAY,
        TargetKind.UNDECIDED,  # it may
    }
)


def classify_subnets(vpc: Vpc) -> dict[str, SeenTier]:
    """The tier of each subnet of the VPC, by id, in the ids' order."""
    subnets, found = sorted(vpc.subnets, key=lambda subnet: subnet.id), dict[_Way, SeenTier]()
    ways = {subnet.id: _way_of(subnet, vpc) for subnet in subnets}
    for subnet in subnets:  # each way once: of a VPC's subnets, most have a table in common
        way = ways[subnet.id]
        if way not in found:
            found[way] = classify(subnet, vpc)
    return {subnet_id: found[way] for subnet_id, way in ways.items()}


type _Way = tuple[str, bool, BlockMode, bool, bool]
"""Everything about a subnet that decides its tier."""


def _way_of(subnet: Subnet, vpc: Vpc) -> _Way:
    table = effective_route_table(subnet, vpc)
    id_ = table.id if table else ""
    return id_, bool(subnet.cidr), subnet.block_mode, subnet.dns64, subnet.has_private_ipv6


def classify(subnet: Subnet, vpc: Vpc) -> SeenTier:
    """The subnet's tier, by the address family in which it reaches AWS's names.

    That family is IPv4 wherever the subnet has it, for AWS's regional names (`monitoring.<region>.amazonaws.com`)
    resolve to IPv4 addresses; only an IPv6-only subnet is judged by its IPv6 routes. So a subnet whose `0.0.0.0/0` is
    gone is private even while `::/0` still leads to an internet gateway (VPC guide: route tables, read per family).

    What was not read, or not said, makes no difference to most subnets. Where it does, the tier says which are
    possible.
    """
    possible = as_chosen(subnet, vpc)
    if not vpc.unread:
        return _common({_classify(subnet, one) for one in possible})
    return _common({_classify(subnet, variant) for one in possible for variant in _variants(_deciding(subnet, one))})


def as_chosen(subnet: Subnet, vpc: Vpc) -> tuple[Vpc, ...]:
    """The VPC as it may be for the subnet by each of AWS's choices between routes; the VPC itself where there are none,
    and nothing where there are too many.
    """
    deciding = deciding_tables(subnet, vpc)
    if is_decided(deciding):
        return (vpc,)
    others = tuple(table for table in vpc.route_tables if table not in deciding)
    return tuple(replace(vpc, route_tables=(*chosen, *others)) for chosen in choices(deciding))


def why_unsure(subnets: Iterable[Subnet], vpc: Vpc) -> tuple[str, ...]:
    """What wasn't read of the VPC's routes, or isn't said of those of these subnets, as clauses."""
    tables = dict.fromkeys(table for subnet in subnets for table in deciding_tables(subnet, vpc))
    return (*vpc.unread_words(Part.PREFIX_LIST, Part.NAT_GATEWAYS), *undecided_words(tables))


def deciding_tables(subnet: Subnet, vpc: Vpc) -> tuple[RouteTable, ...]:
    """The route tables that decide what leaves the subnet: its own, and those of the NAT gateways that it leads to."""
    own = effective_route_table(subnet, vpc)
    targets = {route.target_id for route in (own.routes if own else ())}
    homes = {nat.subnet_id for nat in vpc.nat_gateways if nat.id in targets}
    found = [own, *(effective_route_table(home, vpc) for home in vpc.subnets if home.id in homes)]
    return tuple({table.id: table for table in found if table}.values())


def _deciding(subnet: Subnet, vpc: Vpc) -> Vpc:
    """The VPC with the route tables that decide the subnet's tier alone, and what of them wasn't read: whoever fills
    the others with prefix lists that can't be read keeps no run busy.
    """
    tables = deciding_tables(subnet, vpc)
    lists = {route.prefix_list_id for table in tables for route in table.routes}
    unread = tuple(one for one in vpc.unread if one.part is not Part.PREFIX_LIST or one.id in lists)
    return replace(vpc, route_tables=tables, unread=unread)


def _common(found: Collection[Tier]) -> SeenTier:
    """The one tier, or what says that it is one of several, or of which nobody says anything."""
    if len(found) == 1:
        return next(iter(found))
    return UnsureTier.NOT_PUBLIC if found and Tier.PUBLIC not in found else UnsureTier.UNKNOWN


def _variants(vpc: Vpc) -> tuple[Vpc, ...]:
    """The VPC as it may be: a prefix list that was not read may hold nothing or everything, alone or with the others,
    and NAT gateways that were not read may all work or not. Between these there is no other tier.
    """
    lists = {unread.id for unread in vpc.unread if unread.part is Part.PREFIX_LIST}
    full = [frozenset[str](), *(frozenset({list_id}) for list_id in sorted(lists)), frozenset(lists)]
    variants = [_with_full(vpc, list_ids) for list_ids in dict.fromkeys(full)]
    if vpc.unread_words(Part.NAT_GATEWAYS):
        targets = {(route.target, route.target_id) for table in vpc.route_tables for route in table.routes}
        nats = sorted(target_id for kind, target_id in targets if kind is TargetKind.NAT_GATEWAY)
        broken = tuple(NatGateway(nat_id, is_public=True, is_available=False) for nat_id in nats)
        variants += [replace(variant, nat_gateways=broken) for variant in variants]
    return tuple(variants)


def _with_full(vpc: Vpc, list_ids: Collection[str]) -> Vpc:
    """The VPC as if these prefix lists held every address."""
    if not list_ids:
        return vpc
    tables = tuple(
        replace(
            table,
            routes=tuple(
                replace(route, destinations=_EVERYWHERE) if route.prefix_list_id in list_ids else route
                for route in table.routes
            ),
        )
        for table in vpc.route_tables
    )
    return replace(vpc, route_tables=tables)


def _classify(subnet: Subnet, vpc: Vpc) -> Tier:
    table = effective_route_table(subnet, vpc)
    if table is None:
        return Tier.ISOLATED
    nats = {nat.id: nat for nat in vpc.nat_gateways}
    if subnet.cidr:
        return _tier(subnet, table.routes, 4, nats, vpc)
    tier = _tier(subnet, table.routes, 6, nats, vpc)
    return Tier.EGRESS if tier is Tier.ISOLATED and nat64_route(subnet, vpc) else tier


def leads_out_by_ipv6(subnet: Subnet, vpc: Vpc) -> bool:
    """True if the subnet's routes lead, or may lead, IPv6 out of the VPC, whatever they do with IPv4."""
    return classify(replace(subnet, cidr=""), vpc) is not Tier.ISOLATED


def nat64_route(subnet: Subnet, vpc: Vpc) -> Route | None:
    """The route by which the subnet's clients may reach IPv4 addresses over IPv6, None if there is none. DNS64 gives
    names that have only these addresses in NAT64. A NAT gateway translates those (VPC guide: DNS64 and NAT64); whether
    whatever else the most specific route leads to does isn't read, such as a transit gateway to another VPC's NAT
    gateway (AWS blog: centralizing outbound internet traffic for dual stack VPCs), or a machine.
    """
    table = effective_route_table(subnet, vpc)
    nats = _nats_by_id(vpc)
    covering = [
        (block(text).prefixlen, route)
        for route in (table.routes if table and subnet.dns64 else ())
        for text in route.destinations
        if covers(text, NAT64)
    ]
    _, route = max(covering, key=lambda found: found[0], default=(0, None))
    is_led = route and route.is_active and route.target is not TargetKind.EGRESS_ONLY_GATEWAY
    return route if route and is_led and _leads_out(route, subnet, 6, nats, vpc) else None


def as_ipv4(mapped: Ranges) -> Ranges:
    """The IPv4 addresses for which these of NAT64's stand."""
    first = NAT64_ADDRESSES[0][0]
    return tuple((low - first, high - first) for low, high in mapped)


def nat64_words(route: Route) -> str:
    """That NAT64 may lead on, as a clause about what wasn't read."""
    return f"whether {route.target_id} leads there from IPv6 by NAT64 was not read"


def effective_route_table(subnet: Subnet, vpc: Vpc) -> RouteTable | None:
    """The table that the subnet names, else the VPC's main one; None where neither was seen.

    EC2 doesn't list a subnet that follows the main table among its associations (EC2 API: RouteTableAssociation).
    """
    named = [table for table in vpc.route_tables if subnet.id in table.subnet_ids]
    found = named or [table for table in vpc.route_tables if table.is_main]
    return found[0] if len(found) == 1 else min(found, key=lambda table: table.id, default=None)


def ways_out(subnet: Subnet, vpc: Vpc) -> tuple[Route, ...]:
    """The active routes by which what leaves the subnet can get beyond the VPC."""
    table, nats = effective_route_table(subnet, vpc), _nats_by_id(vpc)
    found = _in_force(table.routes, subnet.ip_version) if table else ()
    return tuple(route for route in found if route.is_active and _works(route, subnet, nats, vpc))


def idle_ways(subnet: Subnet, vpc: Vpc) -> Iterator[tuple[str, str]]:
    """The targets of active default routes that carry nothing of what the subnet sends beyond the VPC, and why."""
    table, nats = effective_route_table(subnet, vpc), _nats_by_id(vpc)
    default = "::/0" if subnet.is_ipv6_only else "0.0.0.0/0"
    for route in table.routes if table else ():
        is_idle = route.is_active and default in route.destinations and not _works(route, subnet, nats, vpc)
        if is_idle and (why := _why_idle(route, subnet, nats, vpc)):
            yield route.target_id, why


def _nats_by_id(vpc: Vpc) -> Mapping[str, NatGateway]:
    return {nat.id: nat for nat in vpc.nat_gateways}


def _works(route: Route, subnet: Subnet, nats: Mapping[str, NatGateway], vpc: Vpc) -> bool:
    family = subnet.ip_version
    return _is_open_edge(route, subnet, family) or _leads_out(route, subnet, family, nats, vpc)


def _why_idle(route: Route, subnet: Subnet, nats: Mapping[str, NatGateway], vpc: Vpc) -> str:
    """Why; an empty text where such a target never leads out, or leads some addresses out."""
    is_shut = subnet.block_mode is BlockMode.BIDIRECTIONAL
    is_shut = is_shut or (subnet.block_mode is BlockMode.INGRESS and route.target in EDGES)
    match route.target:
        case TargetKind.NETWORK_INTERFACE:
            return f"{route.target_id} is attached to nothing that runs"
        case TargetKind.NAT_GATEWAY if not is_shut:
            is_there = route.target_id in nats and nats[route.target_id].is_available
            if is_there and onward_of(nats[route.target_id], vpc):
                return ""
            return f"{route.target_id} {'has no way out itself' if is_there else "isn't available"}"
        case kind if kind in _BY_INTERNET and is_shut:
            return f"VPC Block Public Access is on there ({subnet.block_mode})"
        case kind if kind in _BY_INTERNET and subnet.is_ipv6_only and subnet.has_private_ipv6:
            return "the IPv6 addresses there are private"
        case _:
            return ""


def _tier(subnet: Subnet, routes: Iterable[Route], family: int, nats: Mapping[str, NatGateway], vpc: Vpc) -> Tier:
    """The tier in one family. Only active routes count: a blackhole's target is gone (EC2 API: Route.State)."""
    active = [route for route in _in_force(tuple(routes), family) if route.is_active]
    edges = [route for route in active if _is_open_edge(route, subnet, family)]
    if _covers_everywhere(edges, family):
        return Tier.PUBLIC
    out = [route for route in active if _leads_out(route, subnet, family, nats, vpc)]
    return Tier.EGRESS if _covers_everywhere([*edges, *out], family) else Tier.ISOLATED


def _in_force(routes: tuple[Route, ...], family: int) -> tuple[Route, ...]:
    """The routes that carry anything: the longest prefix wins, a dead one too (VPC guide: route priority).

    Where narrower routes cover everything between them, the default route is never taken.
    """
    default = "0.0.0.0/0" if family == 4 else "::/0"
    narrower = tuple(route for route in routes if default not in route.destinations)
    return narrower if _covers_everywhere(narrower, family) else routes


def _is_open_edge(route: Route, subnet: Subnet, family: int) -> bool:
    """True if the route leads to an internet gateway that the subnet's addresses can use. Private IPv6 addresses can't:
    AWS doesn't advertise them (EC2 API: SubnetIpv6CidrBlockAssociation.Ipv6AddressAttribute).
    """
    is_private = family == 6 and subnet.has_private_ipv6
    return route.target in EDGES and subnet.block_mode is BlockMode.OFF and not is_private


def _leads_out(route: Route, subnet: Subnet, family: int, nats: Mapping[str, NatGateway], vpc: Vpc) -> bool:
    """True if what leaves by this route can get beyond the VPC.

    Peering never does: a peered VPC's gateways can't be used through it (VPC peering guide: edge-to-edge routing).
    Under Block Public Access `block-bidirectional`, NAT and egress-only gateways are shut too; with `block-ingress`
    they work (VPC guide: VPC BPA basics).
    """
    shut = subnet.block_mode is BlockMode.BIDIRECTIONAL
    match route.target:
        case TargetKind.EGRESS_ONLY_GATEWAY:
            return family == 6 and not shut and not subnet.has_private_ipv6
        case TargetKind.NAT_GATEWAY:
            return not shut and _nat_works(nats.get(route.target_id), vpc)
        case TargetKind.NETWORK_INTERFACE:
            return not _forwards_nothing(route.target_id, vpc)
        case kind:
            return kind in WAYS_OUT


def _forwards_nothing(interface_id: str, vpc: Vpc) -> bool:
    """True if the network interface was read, and nothing that runs has it, whatever EC2 calls the route to it (EC2
    API: NetworkInterface.Status, InstanceState).
    """
    found = (one for one in vpc.interfaces or () if one.id == interface_id)
    return any(not one.is_attached or one.is_stopped for one in found)


def _nat_works(nat: NatGateway | None, vpc: Vpc) -> bool:
    """True if the NAT gateway leads on: a public one by an internet gateway, either kind by anything else.

    One that wasn't seen is trusted: AWS marks the route of a deleted one as a blackhole (EC2 API: Route.State).
    """
    if nat is None:
        return True
    if not nat.is_available:
        return False
    home = next((subnet for subnet in vpc.subnets if subnet.id == nat.subnet_id), None)
    table = effective_route_table(home, vpc) if home else None
    if home is None or table is None:
        return nat.is_public
    return _covers_everywhere(onward_of(nat, vpc), 4)


def onward_of(nat: NatGateway, vpc: Vpc) -> tuple[Route, ...]:
    """The active routes by which a NAT gateway leads on, by the table of its own subnet: a public one by an internet
    gateway, either kind by anything else.
    """
    home = next((subnet for subnet in vpc.subnets if subnet.id == nat.subnet_id), None)
    table = effective_route_table(home, vpc) if home else None
    if home is None or table is None:
        return ()
    routes = (route for route in table.routes if route.is_active)
    return tuple(route for route in routes if _carries_on(route, home, is_public=nat.is_public))


def _carries_on(route: Route, home: Subnet, *, is_public: bool) -> bool:
    if route.target in EDGES:
        return is_public and home.block_mode is not BlockMode.BIDIRECTIONAL
    return route.target in WAYS_OUT


def _covers_everywhere(routes: Iterable[Route], family: int) -> bool:
    """True if the routes' destinations together are the whole space: a default route, two halves, or a list."""
    texts = [text for route in routes for text in route.destinations if version_of(text) == family]
    if len(texts) < 2:  # by far the most tables: one default route, or none
        return texts == (["0.0.0.0/0"] if family == 4 else ["::/0"])
    return addresses_in(texts, family) == EVERY_ADDRESS[family]


def covers(outer: str, inner: str) -> bool:
    """True if every address of `inner` is in `outer`. Blocks of different families never cover each other."""
    outside, inside = block(outer), block(inner)
    if isinstance(outside, IPv4Network) and isinstance(inside, IPv4Network):
        return inside.subnet_of(outside)
    if isinstance(outside, IPv6Network) and isinstance(inside, IPv6Network):
        return inside.subnet_of(outside)
    return False

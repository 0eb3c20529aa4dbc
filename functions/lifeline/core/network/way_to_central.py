"""The way from a subnet to a central endpoint: its addresses must be routed from there, and no filter may stand."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from lifeline.core.network.acl import private_addresses
from lifeline.core.network.dns import DnsAnswer
from lifeline.core.network.gates import End, Filter, ObstacleKind, beyond_words
from lifeline.core.network.model import (
    Endpoint,
    EndpointState,
    NetworkInterface,
    Part,
    Ranges,
    Route,
    Subnet,
    TargetKind,
    Vpc,
)
from lifeline.core.network.obstacles import Barrier, Obstacle, barrier_of
from lifeline.core.network.packets import Lane, addresses_in, blocks_in, common, joined, usable_in
from lifeline.core.network.routing import by_taker, routing_of
from lifeline.core.network.tiers import WAYS_OUT, effective_route_table, nat64_route, nat64_words
from lifeline.core.network.way_out import GATEWAYS, on_route

# What leads to other networks' private addresses. An internet gateway doesn't, nor does what hangs on it.
_BEYOND = WAYS_OUT | {TargetKind.PEERING}


def way_to_central(
    central: DnsAnswer,
    subnet: Subnet,
    vpc: Vpc,
    ports: Ranges,
    own: Collection[Endpoint] = (),
    asking: NetworkInterface | None = None,
) -> Barrier:
    """What stands on the way to the addresses that a zone, a rule or a Profile answers with. `own` are the VPC's own
    endpoints of the service, to which it may lead.

    The most specific route decides for each of them, a blackhole too (VPC guide: route priority). A NAT gateway sends
    them on by its own subnet's routes (VPC guide: NAT gateways, private ones and transit gateways). What lies beyond
    the VPC isn't read: the hub's routes back, its ACLs and its endpoint's groups.
    """
    version = subnet.ip_version
    near = End.of(subnet, version, (asking,) if asking else ())
    if central.addresses is None:
        return _to_unknown_addresses(central, subnet, vpc, own, near)
    addresses = addresses_in(central.addresses, version)
    if not addresses and central.addresses and subnet.is_ipv6_only and (route := nat64_route(subnet, vpc)):
        return Barrier(unread=(nat64_words(route),), is_partly_far=True)
    if not addresses:
        family = f" with an IPv{version} address" if central.addresses else ""
        words = f"{central.kind} {central.source_id} has no record for {central.asked or central.domain}{family}"
        kind = ObstacleKind.DNS_RECORD
        if central.is_deleted:
            words, kind = deleted_target(central), ObstacleKind.DNS_TARGET
        obstacle = Obstacle(kind, f"{words}, so the name isn't resolved", subnet.id)
        return Barrier((obstacle,), shut=near.addresses, passes_any=False)
    return _by_routes(central, addresses, subnet, vpc, ports, asking)


def unread_addresses(central: DnsAnswer) -> str:
    """That its addresses were not read, as a clause."""
    source = f"{central.kind} {central.source_id}"
    if central.absent_id:
        return f"{source} leads to {central.absent_id}, which was deleted or is elsewhere: its addresses were not read"
    return f"the addresses that {source} answers with were not read"


def deleted_target(central: DnsAnswer) -> str:
    """That its record leads to an endpoint that was deleted, as a clause."""
    record = f"the record of {central.kind} {central.source_id} for {central.asked or central.domain}"
    return f"{record} leads to {central.endpoint_id}, which was deleted"


def _to_unknown_addresses(
    central: DnsAnswer, subnet: Subnet, vpc: Vpc, own: Collection[Endpoint], near: End
) -> Barrier:
    """Without addresses, only a subnet from which nothing leads on is known to be cut off. Private ones are likely;
    but the resolvers that a rule forwards to may well answer with public ones.
    """
    unread = (unread_addresses(central),)
    table = effective_route_table(subnet, vpc)
    active = [route for route in (table.routes if table else ()) if route.is_active]
    targets = {route.target for route in active}
    if targets & _BEYOND or any(one.state is EndpointState.AVAILABLE and one.subnet_ids for one in own):
        return Barrier(unread=unread)
    homes = {nat.id: nat.subnet_id for nat in vpc.nat_gateways}
    nats = [route.target_id for route in active if route.target is TargetKind.NAT_GATEWAY]
    tables = [effective_route_table(home, vpc) for home in vpc.subnets if home.id in {homes.get(nat) for nat in nats}]
    onward = {route.target for found in tables if found for route in found.routes if route.is_active}
    may_be_public = central.forwards and targets & GATEWAYS
    if onward & _BEYOND or may_be_public or any(nat not in homes for nat in nats):
        return Barrier(unread=unread, is_partly_far=True)
    obstacle = Obstacle(ObstacleKind.ROUTE, _no_route(subnet, vpc, "another network"), subnet.id)
    return Barrier((obstacle,), unread=unread, shut=near.addresses, passes_any=False)


def _by_routes(
    central: DnsAnswer, addresses: Ranges, subnet: Subnet, vpc: Vpc, ports: Ranges, asking: NetworkInterface | None
) -> Barrier:
    version = subnet.ip_version
    near = End.of(subnet, version, (asking,) if asking else ())
    members = [asking] if asking else vpc.clients_in(subnet)
    ends: list[tuple[list[Filter], End]] = []
    unread = list(vpc.unread_words(Part.NETWORK_ACLS))
    for (route, onward), part in by_taker(_hops(addresses, subnet, vpc, version)).items():
        far = End(part, blocks_in(part, version), version)
        unseen = _unseen(route, onward, far, vpc, is_elsewhere=bool(central.endpoint_id))
        is_nowhere = route is not None and route.target is TargetKind.LOCAL and _is_nowhere(far, vpc)
        gates: list[Filter] = []
        if unseen is None or is_nowhere:
            words = f"no interface of {vpc.id} can have {far.name}" if is_nowhere else _no_route(subnet, vpc, far.name)
            gates.append(Filter(ObstacleKind.ROUTE, (Lane(near.addresses, ()),), words))
        elif route:
            gates, more = on_route(route, subnet, vpc, near, far, ports, members)
            unread += (*more, *unseen)
        else:
            unread += unseen
        ends.append((gates, far))
    barrier = barrier_of(ends, near, ports, subnet, repairable=False)
    return replace(barrier, unread=tuple(dict.fromkeys(unread)), is_partly_far=False)


def _unseen(
    route: Route | None, onward: Route | None, far: End, vpc: Vpc, *, is_elsewhere: bool
) -> tuple[str, ...] | None:
    """What of the way by a route wasn't read, beside what every such route hides; None if it is known to lead nowhere.

    `is_elsewhere` says that the addresses are those of an endpoint in another VPC: if they are this VPC's as well, its
    blocks overlap with the hub's, and they stay here.
    """
    if route is None:
        return vpc.unread_words(Part.PREFIX_LIST) or None
    if not route.is_active or (route.target is TargetKind.LOCAL and is_elsewhere):
        return None
    is_local = route.target is TargetKind.LOCAL
    is_nat = route.target is TargetKind.NAT_GATEWAY
    if route.target in _BEYOND or (is_nat and route.target_id not in {nat.id for nat in vpc.nat_gateways}):
        return ()
    if is_local or not common(far.addresses, private_addresses(far.version)):
        return (f"what answers at {far.name}{' in the VPC' if is_local else ''} was not read",)
    leads_on = onward is not None and onward.is_active and onward.target in _BEYOND
    return (beyond_words(onward.target_id),) if onward and leads_on else None


def _is_nowhere(far: End, vpc: Vpc) -> bool:
    """True of addresses in the VPC that no interface can have: AWS reserves them, or no subnet has them (VPC guide:
    subnet CIDR blocks). A VPC whose attributes can't be read may be another account's, which shows only shared subnets.
    """
    if vpc.unread_words(Part.DNS_ATTRIBUTES):
        return False
    cidrs = (cidr for one in vpc.subnets for cidr in (one.cidr, *one.ipv6_cidrs) if cidr)
    return not common(far.addresses, joined(part for cidr in cidrs for part in usable_in(cidr)))


type _Hops = tuple[Route | None, Route | None]
"""The route by which addresses leave a subnet, and the one by which a NAT gateway sends them on, where it is known."""


def _hops(addresses: Ranges, subnet: Subnet, vpc: Vpc, version: int) -> Iterator[tuple[tuple[int, int], _Hops]]:
    for part, route in routing_of(subnet, vpc, version).parts(addresses):
        nat = next((nat for nat in vpc.nat_gateways if route and nat.id == route.target_id), None)
        home = next((home for home in vpc.subnets if nat and home.id == nat.subnet_id), None)
        if home is None:
            yield part, (route, None)
        else:
            yield from ((piece, (route, on)) for piece, on in routing_of(home, vpc, version).parts((part,)))


def _no_route(subnet: Subnet, vpc: Vpc, where: str) -> str:
    """That no route leads there, with those that once may have."""
    table = effective_route_table(subnet, vpc)
    dead = sorted({route.target_id for route in (table.routes if table else ()) if not route.is_active})
    blackholes = f"; its route to {', '.join(dead)} is a blackhole" if dead else ""
    return f"no route of {table.id if table else subnet.id} leads to {where}{blackholes}"

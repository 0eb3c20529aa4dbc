"""A subnet's own way to a service's public addresses: a route is not yet a path. Filters on the way decide as well."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from lifeline.core.network.acl import all_stand_open, leaving, public_end, through_nat
from lifeline.core.network.endpoint_policy import Opening, judge_policy
from lifeline.core.network.gates import End, Filter, ObstacleKind, beyond_words
from lifeline.core.network.model import (
    DEFAULT_ROUTES,
    BlockMode,
    Endpoint,
    Interface,
    NatGateway,
    NetworkInterface,
    Part,
    Ranges,
    Route,
    RouteTable,
    Rule,
    SeenTier,
    Subnet,
    TargetKind,
    Tier,
    Vpc,
    suffix_of,
    version_of,
)
from lifeline.core.network.obstacles import (
    Barrier,
    barrier_of,
    detours,
    is_on_gateway,
    maybe_taken,
    rule_lanes,
    unread_lists,
    with_policy,
)
from lifeline.core.network.packets import Lane, addresses_in, blocks_in, common, is_few, joined, narrowed, size, span
from lifeline.core.network.ports import HTTPS
from lifeline.core.network.routing import by_taker, routing_of
from lifeline.core.network.tiers import (
    EDGES,
    NAT64_ADDRESSES,
    as_chosen,
    as_ipv4,
    classify,
    classify_subnets,
    effective_route_table,
    idle_ways,
    nat64_route,
    nat64_words,
    onward_of,
    ways_out,
    why_unsure,
)
from lifeline.core.wording import listed

GATEWAYS = frozenset(
    {TargetKind.INTERNET_GATEWAY, TargetKind.CARRIER_GATEWAY, TargetKind.EGRESS_ONLY_GATEWAY, TargetKind.NAT_GATEWAY}
)
_TRANSLATING = frozenset({TargetKind.NAT_GATEWAY, TargetKind.NETWORK_INTERFACE})  # to IPv4, where NAT64 leads there
_ONLY_BY_IPV6 = (
    "the subnet is IPv6-only and has no NAT64: if the service's regional name has IPv4 addresses alone, only clients "
    "that use its dual-stack name get there"
)
_COMPANYS = 2**17  # addresses: more than a company's own block, which a /16 is at most


def usable_tiers(vpc: Vpc) -> dict[str, SeenTier]:
    """The tier of each subnet of the VPC, by id: isolated, too, where its routes carry nothing that its clients send.

    Whoever can change routes must not withhold endpoints by a route that helps nobody. A subnet only counts as isolated
    if that is known: what wasn't read shuts nothing, or anybody could have endpoints made for subnets that need none.
    """
    found = classify_subnets(vpc)
    shut = {subnet.id: Tier.ISOLATED for subnet in vpc.subnets if _why_shut_in(subnet, vpc, found[subnet.id])}
    return found | shut


def shut_in_words(vpc: Vpc, subnet_ids: Collection[str]) -> Iterator[str]:
    """Why those among these subnets count as isolated that have routes out."""
    found = classify_subnets(vpc)
    alike: dict[tuple[str, str], list[str]] = {}
    for subnet in vpc.subnets:
        why = _why_shut_in(subnet, vpc, found[subnet.id]) if subnet.id in subnet_ids else ""
        table = effective_route_table(subnet, vpc) if why else None
        if table:
            alike.setdefault((table.id, why), []).append(subnet.id)
    for (table_id, why), ids in alike.items():
        count = "counts" if len(ids) == 1 else "count"
        yield f"{listed(ids, 3)} {count} as isolated although a route of {table_id} leads out: {why}"


def without_addresses(interfaces: Iterable[Interface]) -> frozenset[str]:
    """The subnets, by id, in which something calls services for sure, and nothing that may call them has a public IPv4
    address: a route to an internet gateway leads all of them nowhere (VPC guide: internet access with internet
    gateways). Where it leads just some of them nowhere, see `partly_stranded`.
    """
    callers = [one for one in interfaces if one.is_attached and not one.only_answers]
    with_address = {one.subnet_id for one in callers if one.has_public_address}
    return frozenset(one.subnet_id for one in callers if one.calls and one.subnet_id not in with_address)


def _why_shut_in(subnet: Subnet, vpc: Vpc, tier: SeenTier) -> str:
    """Why none of what its clients send gets out for sure, although it has routes out, or may have; else empty."""
    if tier is Tier.ISOLATED:
        return "; ".join(why for _, why in idle_ways(subnet, vpc))
    if subnet.is_stranded and subnet.block_mode is BlockMode.OFF:
        subnet = replace(subnet, block_mode=BlockMode.INGRESS)  # as if the internet gateway were shut
        if classify(subnet, vpc) is Tier.ISOLATED:
            return "it leads to an internet gateway, and nothing there has a public IPv4 address"
    if Tier.ISOLATED in tier.possible:
        return ""
    by_machine = any(route.target is TargetKind.NETWORK_INTERFACE for route in ways_out(subnet, vpc))
    if not by_machine and all_stand_open(vpc, subnet.ip_version):
        return ""  # as in most VPCs: no filter is on the way
    barrier = way_out(subnet, vpc, "AWS", HTTPS)
    return "" if barrier.passes_any else "; ".join(obstacle.words for obstacle in barrier.obstacles)


def way_out(
    subnet: Subnet,
    vpc: Vpc,
    service: str,
    ports: Ranges,
    asking: NetworkInterface | None = None,
    *,
    has_public_address: bool = True,
) -> Barrier:
    """What stands on the subnet's routes out, and what there was not read.

    Network ACLs apply to whatever leaves a subnet (VPC guide: network ACLs). A NAT gateway has that of its subnet, and
    a NAT instance its security groups as well, and mustn't drop what isn't its own (VPC guide: NAT instances). A
    service's public addresses aren't read: an ACL that treats them unalike leaves the answer open. So does whatever
    lies beyond a transit gateway and its like, and what a machine does that a route leads to.
    """
    version = subnet.ip_version
    near = End.of(subnet, version, (asking,) if asking else ())
    members = [asking] if asking else vpc.clients_in(subnet)
    ends: list[tuple[list[Filter], End]] = []
    unread: list[str] = []
    for route, far in _parts(subnet, vpc, service, version):
        gates, unseen = on_route(route, subnet, vpc, near, far, ports, members)
        policies, unclear = _policies_behind_nat(route, vpc, service, near)
        ends.append(([*gates, *policies], far))
        unread += (*unseen, *unclear)
        unread += (beyond_words(onward.target_id) for onward in _beyond_nat(route, vpc, far.addresses))
    unread += vpc.unread_words(Part.NETWORK_ACLS)
    unread += [] if has_public_address else _unaddressed_words(subnet, vpc, service)
    for one in (subnet, *_nat_homes(subnet, vpc)):
        unread += _lost_words(one, vpc, service, at_least=_COMPANYS)
    barrier = barrier_of(ends, near, ports, subnet, repairable=False)
    if barrier.passes_any and barrier.is_partly_far:
        return _partly_unread(barrier, service, unread)
    return beside_unread(barrier, unread)


def behind_nat(
    endpoint: Endpoint, subnet: Subnet, vpc: Vpc, ports: Ranges, asking: NetworkInterface | None = None
) -> Barrier | None:
    """What stands between the subnet and a gateway endpoint to which its NAT gateways' own subnets lead; None if none
    does. What a NAT gateway sends takes the routes of its own subnet (VPC guide: NAT gateway use cases). Only IPv4 is
    followed: what a NAT gateway's NAT64 does isn't read.
    """
    near, homes = End.of(subnet, 4, (asking,) if asking else ()), _homes_on_gateway(endpoint, subnet, vpc)
    if not homes:
        return None
    service = suffix_of(endpoint.service_name)
    tables = [table for _, home in homes.values() if (table := effective_route_table(home, vpc))]
    routes = [route for table in tables for route in table.routes if route.target_id == endpoint.id]
    far = public_end(service, 4, tuple(text for route in routes if route.prefix_list_id for text in route.destinations))
    leading = routing_of(subnet, vpc, 4).parts(far.addresses)
    parts = by_taker((part, route.target_id if route and route.is_active else "") for part, route in leading)
    if far.is_guess:
        parts = {target_id: part for target_id, part in parts.items() if not is_few(part, far.addresses)}
    if homes.keys().isdisjoint(parts):
        return None
    members = [asking] if asking else vpc.clients_in(subnet)
    ends: list[tuple[list[Filter], End]] = []
    unread = list(vpc.unread_words(Part.NETWORK_ACLS))
    unread += (words for table in tables if far.is_guess for words in maybe_taken(table, far, service))
    for target_id, part in parts.items():
        there = far if part == far.addresses else replace(far, addresses=part, name=blocks_in(part, 4))
        gates: list[Filter] = []
        if target_id in homes:
            route, home = homes[target_id]
            on_the_way, unseen = on_route(route, subnet, vpc, near, there, ports, members)
            taken, beyond = ([], ()) if far.is_guess else detours(home, there, vpc, ports, is_far=True)
            gates, unread = [*on_the_way, *taken], [*unread, *unseen, *beyond]
        elif target_id:
            unread.append(beyond_words(target_id))
        else:
            words = f"no route leads {{addresses}} to {', '.join(homes)}"
            gates = [Filter(ObstacleKind.ROUTE, (Lane(part, ()),), words, is_far=True)]
        ends.append((gates, there))
    barrier = barrier_of(ends, near, ports, subnet, repairable=False)
    if far.is_guess and barrier.passes_any and barrier.is_partly_far:
        barrier = _partly_unread(barrier, service, unread)
    return with_policy(beside_unread(barrier, unread), endpoint, subnet, vpc)


def _homes_on_gateway(endpoint: Endpoint, subnet: Subnet, vpc: Vpc) -> dict[str, tuple[Route, Subnet]]:
    """The NAT gateways, by id, to which the subnet's routes lead, and whose own subnets lead to the gateway endpoint:
    each with one of these routes, and that subnet.
    """
    table = effective_route_table(subnet, vpc)
    is_shut = not subnet.cidr or subnet.block_mode is BlockMode.BIDIRECTIONAL
    routes = {} if is_shut or table is None else {one.target_id: one for one in table.routes if one.is_active}
    working = (nat.id for nat in vpc.nat_gateways if nat.is_available and nat.id in routes)
    found = ((routes[nat_id], _home_of_nat(routes[nat_id], vpc)) for nat_id in working)
    return {route.target_id: (route, home) for route, home in found if home and is_on_gateway(endpoint, home, vpc)}


def _partly_unread(barrier: Barrier, service: str, unread: Collection[str]) -> Barrier:
    """Where only some public addresses are open, and which of them the service has was not read."""
    words = barrier.obstacles[0].words if barrier.obstacles else barrier.exception
    words += f", and whether the {service} service has addresses there was not read"
    return Barrier(unread=(words, *dict.fromkeys(unread)), is_partly_far=True)


def beside_unread(barrier: Barrier, unread: Collection[str]) -> Barrier:
    """The barrier with what wasn't read: what is shut is then only said beside what isn't known."""
    if not unread or not barrier.passes_any:
        return barrier
    excepted = barrier.obstacles or barrier.excepted
    return replace(barrier, obstacles=(), excepted=excepted, unread=tuple(dict.fromkeys((*barrier.unread, *unread))))


def doubts_of_way_out(subnet: Subnet, vpc: Vpc, service: str, ports: Ranges) -> tuple[str, ...]:
    """Why the subnet's routes out may not lead to the service although EC2 calls them active, as clauses; none where
    AWS's own gateways carry what it sends, and no filter shuts all of that.

    Whoever can change routes can lead a subnet to a machine, or into another network, that forwards nothing.
    """
    possible = as_chosen(subnet, vpc)
    if not possible:
        return why_unsure((subnet,), vpc)
    return tuple(dict.fromkeys(words for one in possible for words in _doubts(subnet, one, service, ports)))


def _doubts(subnet: Subnet, vpc: Vpc, service: str, ports: Ranges) -> tuple[str, ...]:
    barrier = way_out(subnet, vpc, service, ports)
    if barrier.obstacles and not barrier.passes_any:
        return tuple(obstacle.words for obstacle in barrier.obstacles)
    out, public = ways_out(subnet, vpc), public_end(service, 4).addresses
    beyond = [route for route in out if route.target not in GATEWAYS]
    beyond += (onward for route in out for onward in _beyond_nat(route, vpc, public))
    return tuple(f"it isn't known where {id_} leads" for id_ in dict.fromkeys(route.target_id for route in beyond)) or (
        *(barrier.unread if barrier.is_partly_far else ()),
        *(words for one in (subnet, *_nat_homes(subnet, vpc)) for words in _lost_words(one, vpc, service)),
        *only_by_ipv6(subnet, vpc),
    )


def only_by_ipv6(subnet: Subnet, vpc: Vpc) -> tuple[str, ...]:
    """That a way out of an IPv6-only subnet may not lead to what has IPv4 addresses alone, as a clause, if that is so
    (ADR 5).
    """
    return (_ONLY_BY_IPV6,) if subnet.is_ipv6_only and not nat64_route(subnet, vpc) else ()


def _nat_homes(subnet: Subnet, vpc: Vpc) -> tuple[Subnet, ...]:
    """The subnets of the NAT gateways to which the subnet's routes out lead."""
    targets = {route.target_id for route in ways_out(subnet, vpc)}
    homes = {nat.subnet_id for nat in vpc.nat_gateways if nat.id in targets}
    return tuple(home for home in vpc.subnets if home.id in homes)


def _home_of_nat(route: Route, vpc: Vpc) -> Subnet | None:
    """The subnet of the NAT gateway to which the route leads."""
    nat = next((nat for nat in vpc.nat_gateways if nat.id == route.target_id), None)
    return next((home for home in vpc.subnets if nat and home.id == nat.subnet_id), None)


def _policies_behind_nat(route: Route, vpc: Vpc, service: str, near: End) -> tuple[list[Filter], tuple[str, ...]]:
    """What the policy of the service's gateway endpoint shuts, if a NAT gateway's subnet leads there, and what of it
    can't be read. What a NAT gateway sends takes the routes of its own subnet (VPC guide: NAT gateway use cases).
    """
    home = _home_of_nat(route, vpc)
    table = effective_route_table(home, vpc) if home else None
    taking = {one.target_id for one in (table.routes if table else ()) if one.is_active}
    gates, unread = list[Filter](), list[str]()
    for endpoint in vpc.live_endpoints:
        if endpoint.id in taking and suffix_of(endpoint.service_name) == service:
            verdict = judge_policy(endpoint, vpc)
            unread += [verdict.words] if verdict.opening is Opening.UNREADABLE else []
            shut = Filter(ObstacleKind.ENDPOINT_POLICY, (Lane(near.addresses, ()),), verdict.words)
            gates += [shut] if verdict.opening is Opening.SHUT else []
    return gates, tuple(unread)


def _beyond_nat(route: Route, vpc: Vpc, addresses: Ranges) -> tuple[Route, ...]:
    """The routes by which a NAT gateway's subnet leads IPv4 addresses on to what wasn't read, such as a firewall: what
    a NAT gateway sends takes the routes of its own subnet (VPC guide: NAT gateway use cases).
    """
    home = _home_of_nat(route, vpc)
    if home is None:
        return ()
    onward = by_taker(routing_of(home, vpc, 4).parts(addresses))
    return tuple(one for one in ways_out(home, vpc) if one in onward and one.target not in GATEWAYS)


def _lost_words(subnet: Subnet, vpc: Vpc, service: str, *, at_least: int = 1) -> tuple[str, ...]:
    """Which public addresses narrower routes lead nowhere, beside a default route that carries the rest, if they are
    `at_least` so many: a few are enough to hide a service, but are more likely a company's own.
    """
    table, out = effective_route_table(subnet, vpc), frozenset(ways_out(subnet, vpc))
    inside = {TargetKind.LOCAL, TargetKind.GATEWAY_ENDPOINT}
    lost = [route for route in (table.routes if table else ()) if route.target not in inside and route not in out]
    version = subnet.ip_version
    public = public_end(service, version).addresses
    texts = [text for route in lost for text in route.destinations if text not in DEFAULT_ROUTES]
    addresses = common(addresses_in(texts, version), public)
    if not table or not addresses or size(addresses) < at_least:
        return ()
    where = ", ".join(dict.fromkeys(route.target_id for route in lost if DEFAULT_ROUTES.isdisjoint(route.destinations)))
    words = f"{table.id} leads some public addresses to {where}, which carries nothing out of the VPC"
    return (f"{words}, and whether the {service} service has addresses there was not read",)


def _unaddressed_words(subnet: Subnet, vpc: Vpc, service: str) -> tuple[str, ...]:
    """Which public addresses routes lead to an internet gateway, beside a way out that carries the rest: it carries
    nothing for a client without a public address (VPC guide: internet access with internet gateways).
    """
    public = public_end(service, subnet.ip_version).addresses
    led = by_taker(routing_of(subnet, vpc, subnet.ip_version).parts(public))
    lost = {route.target_id: part for route, part in led.items() if route and route.is_active and route.target in EDGES}
    table = effective_route_table(subnet, vpc)
    if not table or size(joined(one for part in lost.values() for one in part)) < _COMPANYS:
        return ()
    words = (
        f"{table.id} leads some public addresses to {', '.join(lost)}, which carries nothing of what has none itself"
    )
    return (f"{words}, and whether the {service} service has addresses there was not read",)


def partly_out(subnet: Subnet, vpc: Vpc, service: str, *, has_public_address: bool) -> tuple[str, ...]:
    """That public addresses are led out by AWS's own gateways, as clauses, where no route leads all of them out: AWS
    publishes its services' blocks (IP ranges guide), and whoever routes these alone reaches the service.
    """
    led: dict[str, dict[str, Ranges]] = {}
    possible = (_led_out(subnet, one, service, has_public_address=has_public_address) for one in as_chosen(subnet, vpc))
    for table, target_id, part in (found for ways in possible for found in ways):
        led.setdefault(table.id, {})[target_id] = joined((*led.get(table.id, {}).get(target_id, ()), *part))
    if size(joined(one for targets in led.values() for part in targets.values() for one in part)) < _COMPANYS:
        led = {}
    words = (f"{table_id} leads some public addresses to {', '.join(targets)}" for table_id, targets in led.items())
    unread = (f"{one}, and whether the {service} service has addresses there was not read" for one in words)
    return (*unread, *_mapped_to_gateway(subnet, vpc, service))


def _led_out(
    subnet: Subnet, vpc: Vpc, service: str, *, has_public_address: bool
) -> Iterator[tuple[RouteTable, str, Ranges]]:
    """The public addresses that a table leads to one of AWS's own gateways, and to which: the subnet's table, or that
    of a NAT gateway from which not everything gets out. NAT64's count as what they stand for.
    """
    version, out = subnet.ip_version, ways_out(subnet, vpc)
    mapped = NAT64_ADDRESSES if subnet.dns64 and version == 6 else ()
    public = joined((*public_end(service, version).addresses, *mapped))
    own = effective_route_table(subnet, vpc)
    for route, part in by_taker(routing_of(subnet, vpc, version).parts(public)).items():
        if not own or not route or route.target not in GATEWAYS:
            continue
        nat = _carrying(route, subnet, vpc)
        there = common(part, mapped) if version == 6 and route.target is TargetKind.NAT_GATEWAY else part
        if route in out and (has_public_address or route.target not in EDGES):
            yield own, route.target_id, there
        elif nat and route not in out:
            yield from _led_on(nat, vpc, there if version == 4 else as_ipv4(there))


def _led_on(nat: NatGateway, vpc: Vpc, addresses: Ranges) -> Iterator[tuple[RouteTable, str, Ranges]]:
    """The IPv4 addresses that the table of a NAT gateway's own subnet leads to one of AWS's own gateways."""
    home = next((home for home in vpc.subnets if home.id == nat.subnet_id), None)
    table = effective_route_table(home, vpc) if home else None
    if home and table:
        onward = onward_of(nat, vpc)
        led = by_taker(routing_of(home, vpc, 4).parts(addresses))
        yield from (
            (table, on.target_id, part) for on, part in led.items() if on and on in onward and on.target in GATEWAYS
        )


def _mapped_to_gateway(subnet: Subnet, vpc: Vpc, service: str) -> Iterator[str]:
    """That a NAT gateway whose own subnet leads to the service's gateway endpoint may take IPv6-only clients there, as
    clauses: what its NAT64 does isn't read.
    """
    gateways = [one for one in vpc.live_endpoints if suffix_of(one.service_name) == service]
    mapped = NAT64_ADDRESSES if subnet.dns64 and subnet.is_ipv6_only else ()
    for route in by_taker(routing_of(subnet, vpc, 6).parts(mapped)):
        home = _home_of_nat(route, vpc) if route and _carrying(route, subnet, vpc) else None
        if route and home and any(is_on_gateway(one, home, vpc) for one in gateways):
            yield nat64_words(route)


def _carrying(route: Route, subnet: Subnet, vpc: Vpc) -> NatGateway | None:
    """The NAT gateway to which the route leads, if it takes what comes, wherever that gets to from there."""
    nats = (nat for nat in vpc.nat_gateways if nat.id == route.target_id and nat.is_available)
    is_led = route.is_active and subnet.block_mode is not BlockMode.BIDIRECTIONAL
    return next(nats, None) if is_led else None


def _parts(subnet: Subnet, vpc: Vpc, service: str, version: int) -> Iterator[tuple[Route, End]]:
    """Where routes lead out, each with the public addresses for which none is more specific, and one of its routes."""
    everything = public_end(service, version)
    table = effective_route_table(subnet, vpc)
    left = _left_to(table.routes, version) if table else {}
    found: dict[tuple[TargetKind, str, bool], tuple[Route, list[tuple[int, int]]]] = {}
    for route in ways_out(subnet, vpc):
        for text in (text for text in route.destinations if version_of(text) == version):
            public, mapped = (common(left[span(text)], part) for part in (everything.addresses, NAT64_ADDRESSES))
            is_nat64 = not public and text not in DEFAULT_ROUTES
            key = route.target, route.target_id, is_nat64
            found.setdefault(key, (route, []))[1].extend(mapped if is_nat64 else public)
    for route, parts in found.values():
        if parts:
            yield route, replace(everything, addresses=joined(parts))


@lru_cache(maxsize=1024)
def _left_to(routes: tuple[Route, ...], version: int) -> Mapping[tuple[int, int], Ranges]:
    """Of each block that routes lead somewhere, what no narrower one takes."""
    texts = (text for route in routes for text in route.destinations if version_of(text) == version)
    return narrowed(map(span, texts))


def on_route(
    route: Route,
    subnet: Subnet,
    vpc: Vpc,
    near: End,
    far: End,
    ports: Ranges,
    members: Collection[NetworkInterface],
) -> tuple[list[Filter], tuple[str, ...]]:
    """The gates on the way by one route, and what was not read there."""
    own, target = leaving(subnet, far, vpc, ports), route.target_id
    is_mapped = far.version == 6 and bool(common(far.addresses, NAT64_ADDRESSES))
    nat = next((nat for nat in vpc.nat_gateways if nat.id == target), None)
    if (is_mapped and route.target in _TRANSLATING) or (route.target is TargetKind.NAT_GATEWAY and nat is None):
        return own, (f"what {target} does with the packets was not read",)
    if nat:
        home = next((home for home in vpc.subnets if home.id == nat.subnet_id), None)
        if home is None:
            return own, ()
        back, unread = detours(home, near, vpc, ports, is_far=False)
        return [*own, *through_nat(home, near, far, vpc, ports), *back], unread
    if route.target is TargetKind.NETWORK_INTERFACE:
        found = (one for one in vpc.interfaces or () if target == one.id)
        interface = next(found, None)
        if interface is None:
            return own, (f"the network interface {target}, to which a route leads, was not read",)
        return _through_machine(interface, own, subnet, vpc, near, far, ports, members)
    return own, () if route.target in GATEWAYS | {TargetKind.LOCAL} else (beyond_words(target),)


def _through_machine(
    interface: NetworkInterface,
    own: list[Filter],
    subnet: Subnet,
    vpc: Vpc,
    near: End,
    far: End,
    ports: Ranges,
    members: Collection[NetworkInterface],
) -> tuple[list[Filter], tuple[str, ...]]:
    """A NAT instance: what its ACLs, its security groups and its source/destination check let through."""
    home = next((home for home in vpc.subnets if home.id == interface.subnet_id), None)
    gates = through_nat(home, near, far, vpc, ports) if home else []
    is_inside = home is not None and home.id == subnet.id  # no ACL stands but before what the machine sends on
    gates = [gate for gate in gates if gate.is_far] if is_inside else [*own, *gates]
    back, beyond = detours(home, near, vpc, ports, is_far=False) if home and not is_inside else ([], ())
    gates += back
    unread = [*beyond, f"what the machine at {interface.id} does with the packets was not read"]
    if interface.checks_source:
        words = f"{interface.id} drops the packets, because its source/destination check is on"
        gates.append(Filter(ObstacleKind.NAT, (Lane(near.addresses, ()),), words))
    groups = vpc.groups(interface.group_ids)
    names = ", ".join(sorted(group.id for group in groups))
    if len(groups) < len(interface.group_ids):
        missing = sorted(interface.group_ids - {group.id for group in groups})
        return gates, (f"the rules of {', '.join(missing)} on {interface.id} were not read", *unread)
    who = f"{names} of {interface.id}"
    inward, unseen = _let_pass([rule for group in groups for rule in group.ingress], who, near, vpc, ports, members)
    onward, more = _let_pass([rule for group in groups for rule in group.egress], who, far, vpc, ports)
    words = f"{who} doesn't allow {{way}}"
    gates += [
        Filter(
            ObstacleKind.SECURITY_GROUP,
            inward,
            words.format(way=f"inbound {{ports}} from {{addresses}} ({subnet.id})"),
        ),
        Filter(ObstacleKind.SECURITY_GROUP, onward, words.format(way="outbound {ports} to {addresses}"), is_far=True),
    ]
    return gates, (*unseen, *more, *unread)


def _let_pass(
    rules: Collection[Rule], who: str, end: End, vpc: Vpc, ports: Ranges, members: Collection[NetworkInterface] = ()
) -> tuple[tuple[Lane, ...], tuple[str, ...]]:
    """What the rules let pass, and what decides that and wasn't read: then as if it let everything through."""
    lanes = rule_lanes(rules, end, vpc, ports, members)
    unread = unread_lists(rules, who, vpc, ports) if any(lane.ports != ports for lane in lanes) else ()
    return (Lane(end.addresses, ports),) if unread else lanes, unread

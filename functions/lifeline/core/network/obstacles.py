"""What stands between a subnet and an endpoint: what was seen to keep it out, and what was not read."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from lifeline.core.network.acl import (
    acl_gates,
    all_stand_open,
    host_obstacle,
    leaving,
    public_end,
    shared_version,
    stand_open,
    unread_acls,
)
from lifeline.core.network.endpoint_policy import Opening, judge_policy
from lifeline.core.network.gates import End, Filter, ObstacleKind, Passage, beyond_words, find_passage
from lifeline.core.network.model import (
    DEFAULT_ROUTES,
    MANAGED_BY,
    Endpoint,
    EndpointType,
    NetworkInterface,
    Part,
    Ranges,
    RouteTable,
    Rule,
    SecurityGroup,
    Subnet,
    TargetKind,
    Vpc,
    suffix_of,
    version_of,
)
from lifeline.core.network.packets import (
    Flows,
    Lane,
    Traffic,
    addresses_in,
    addresses_of,
    common,
    flows_of,
    is_few,
    joined,
    lanes_let_in,
    span,
)
from lifeline.core.network.ports import HTTPS
from lifeline.core.network.routing import by_taker, routing_of, stays_local
from lifeline.core.network.tiers import effective_route_table, nat64_route, nat64_words
from lifeline.core.wording import listed


@dataclass(frozen=True, slots=True, order=True)
class Obstacle:
    """One reason why a subnet can't use an endpoint that answers its names.

    `is_repairable` is True where Lifeline can remove it: a security group on an endpoint of its own, or that endpoint's
    policy or DNS records. Network ACLs are the network owner's, another endpoint its owner's.
    """

    kind: ObstacleKind
    words: str
    subnet_id: str
    is_repairable: bool = False


@dataclass(frozen=True, slots=True)
class Barrier:
    """What stands between a subnet and a service. `unread` are clauses: what was not read and may stand there too.

    `obstacles` shut what matters; `excepted` shut a few addresses, where the rest is open. `shut` are the clients'
    addresses from which not every flow passes, `flows` those that don't, and `passes_any` says whether any flow does;
    `is_partly_far` where that depends on the far address.
    """

    obstacles: tuple[Obstacle, ...] = ()
    unread: tuple[str, ...] = ()
    excepted: tuple[Obstacle, ...] = ()
    shut: Ranges = ()
    flows: Flows = ()
    passes_any: bool = True
    is_reduced: bool = False
    is_partly_far: bool = False

    @property
    def exception(self) -> str:
        """What is shut where the rest is open, in words."""
        return "; ".join(obstacle.words for obstacle in self.excepted)


def is_managed(endpoint: Endpoint) -> bool:
    """True if Lifeline's tag is on it, whichever stack's: whether it may be changed is the plan's to decide."""
    return endpoint.tag(MANAGED_BY) is not None and not endpoint.requester_managed


def barrier_to(
    endpoint: Endpoint, client: Subnet, vpc: Vpc, ports: Ranges = HTTPS, asking: NetworkInterface | None = None
) -> Barrier:
    """What keeps `client` from an endpoint: an interface endpoint whose private DNS it resolves, or a gateway endpoint
    that has a route in its table. `asking` is the one interface there that counts; None for all of the subnet.
    """
    find = _barrier_to_gateway if endpoint.type is EndpointType.GATEWAY else _barrier_to_interfaces
    return with_policy(find(endpoint, client, vpc, ports, asking), endpoint, client, vpc)


def lets_all_in(endpoint: Endpoint, vpc: Vpc, version: int, ports: Ranges) -> bool:
    """True if nothing stands between an interface endpoint and any subnet whose clients have this IP version, and all
    that decides this was read. As for most endpoints: no subnet need be judged by itself then (bench/large_vpc.py).
    """
    clients = [subnet for subnet in vpc.subnets if subnet.ip_version == version]
    blocks = [subnet.cidr if version == 4 else next(iter(subnet.ipv6_cidrs), "") for subnet in clients]
    if endpoint.type is not EndpointType.INTERFACE or version not in endpoint.families or not all(blocks):
        return False
    if vpc.unread_words(Part.NETWORK_ACLS) or not all_stand_open(vpc, version):
        return False
    if not all(stays_local(table.routes, vpc.all_cidrs, version) for table in vpc.route_tables):
        return False
    everybody = End(joined(map(span, blocks)), "", version)
    rules = [rule for group in vpc.groups(endpoint.security_group_ids) for rule in group.ingress]
    is_let_in = not endpoint.security_group_ids or _lets_all_pass(rules, everybody, vpc, ports)
    return is_let_in and judge_policy(endpoint, vpc).opening is Opening.OPEN


def with_policy(barrier: Barrier, endpoint: Endpoint, client: Subnet, vpc: Vpc) -> Barrier:
    """The barrier with what the endpoint's policy doesn't let through: everything, or it isn't known what."""
    verdict = judge_policy(endpoint, vpc)
    if verdict.opening is Opening.UNREADABLE:
        return replace(barrier, unread=(*barrier.unread, verdict.words))
    if verdict.opening is not Opening.SHUT:
        return barrier
    obstacle = Obstacle(ObstacleKind.ENDPOINT_POLICY, verdict.words, client.id, is_managed(endpoint))
    near = End.of(client, client.ip_version)
    return replace(barrier, obstacles=(obstacle, *barrier.obstacles), shut=near.addresses, passes_any=False)


def barrier_of(
    ends: Iterable[tuple[list[Filter], End]], near: End, ports: Ranges, client: Subnet, *, repairable: bool
) -> Barrier:
    """What is shut of the flows to any of the far ends, each behind its own gates."""
    found = [find_passage(gates, near, far, ports) for gates, far in ends]
    flows = flows_of(part for passage in found for part in passage.traffic.shut)
    whole = Passage(Traffic(any(passage.traffic.passes_any for passage in found), flows))
    words = dict.fromkeys(said for passage in found for said in passage.shut_by)
    reduced = any(passage.traffic.is_reduced for passage in found)
    barrier = Barrier(shut=addresses_of(flows), flows=flows, passes_any=whole.traffic.passes_any, is_reduced=reduced)
    outcomes = {(passage.traffic.passes_any, passage.traffic.shut) for passage in found}
    differs = len(outcomes) > 1 or any(passage.is_partly_far for passage in found)
    barrier = replace(barrier, is_partly_far=differs)
    if not flows:
        return barrier
    mine = {ObstacleKind.SECURITY_GROUP} if repairable else set()
    shutting = tuple(Obstacle(kind, text, client.id, kind in mine) for kind, text in words)
    return replace(barrier, obstacles=shutting) if whole.matters(near) else replace(barrier, excepted=shutting)


def _barrier_to_interfaces(
    endpoint: Endpoint, client: Subnet, vpc: Vpc, ports: Ranges, asking: NetworkInterface | None
) -> Barrier:
    """Every interface counts: the name resolves to all of them, whatever their zone (PrivateLink guide: interface
    endpoints). Between two subnets, a route may lead through a machine (see `detours`).
    """
    version = client.ip_version
    if version not in endpoint.families:
        only, other = ("IPv4", "IPv6-only") if client.is_ipv6_only else ("IPv6", "IPv4")
        has = "answers with" if endpoint.hides_addresses else "has"
        words = f"{endpoint.id} {has} only {only} addresses, and {client.id} is {other}"
        return _other_family(words, client, vpc, repairable=endpoint.hides_addresses and is_managed(endpoint))
    near, gate, unread = _group_gate(endpoint, client, vpc, ports, version, asking)
    hosts = [subnet for subnet in vpc.subnets if subnet.id in endpoint.subnet_ids]
    unread = (*unread, *unread_acls(client, hosts, vpc))
    reachable = [host for host in hosts if shared_version(client, host) == version]
    guarded = [host for host in reachable if not _stands_nothing_between(client, host, vpc, version)]
    if not guarded and [lane.ports for lane in gate.lanes] == [ports]:
        return Barrier(unread=unread)
    own = [one for one in vpc.interfaces or () if one.id in endpoint.interface_ids]
    ends: list[tuple[list[Filter], End]] = [([gate], near)] if len(guarded) < max(len(reachable), 1) else []
    for host in guarded:
        there = [one for one in own if one.subnet_id == host.id]
        far = End.of(host, version, there)
        far = replace(far, is_guess=far == End.of(host, version))
        there_and_back = ((client, far, True), (host, near, False)) if client.id != host.id else ()
        led = [detours(start, end, vpc, ports, is_far=is_far) for start, end, is_far in there_and_back]
        unread = tuple(dict.fromkeys((*unread, *(words for _, unseen in led for words in unseen))))
        gates = [found for of_way, _ in led for found in of_way]
        ends.append(([gate, *gates, *acl_gates(client, host, near, far, vpc, ports)], far))
    barrier = barrier_of(ends, near, ports, client, repairable=is_managed(endpoint))
    is_guess = endpoint.interface_ids and any(far.is_guess for _, far in ends)
    if is_guess and barrier.is_partly_far and barrier.passes_any and (barrier.obstacles or barrier.exception):
        return Barrier(unread=(*unread, f"the addresses of {endpoint.id} were not read, and network ACLs deny some"))
    return replace(barrier, unread=unread)


def _stands_nothing_between(client: Subnet, host: Subnet, vpc: Vpc, version: int) -> bool:
    """True if neither a network ACL nor a route is on the way between two subnets, as in most VPCs."""
    if client.id == host.id:
        return True
    tables = (effective_route_table(subnet, vpc) for subnet in (client, host))
    is_straight = all(table is None or stays_local(table.routes, vpc.all_cidrs, version) for table in tables)
    return is_straight and stand_open(client, host, vpc, version)


_STRAIGHT = frozenset({TargetKind.LOCAL, TargetKind.GATEWAY_ENDPOINT})


def detours(start: Subnet, end: End, vpc: Vpc, ports: Ranges, *, is_far: bool) -> tuple[list[Filter], tuple[str, ...]]:
    """The routes from a subnet to others of the VPC that aren't local, or that take a gateway endpoint's addresses from
    it: what of them leads nowhere, as gates, and what wasn't read. A route for the whole of a subnet or of the VPC may
    have another target than `local` (VPC guide: route tables, routing for a middlebox appliance). What stays in a
    subnet takes no route.
    """
    parts = by_taker(routing_of(start, vpc, end.version).parts(end.addresses))
    dead = {route: part for route, part in parts.items() if route and not route.is_active}
    lanes = tuple(Lane(part, () if route in dead else ports) for route, part in parts.items())
    table = effective_route_table(start, vpc)
    words = f"no route of {table.id if table else start.id} leads to {{addresses}}"
    for target_id in dict.fromkeys(route.target_id for route in dead):
        words += f"; its route to {target_id} is a blackhole"
    beyond = [route for route in parts if route and route not in dead and route.target not in _STRAIGHT]
    unread = dict.fromkeys(beyond_words(route.target_id) for route in beyond)
    return [Filter(ObstacleKind.ROUTE, lanes, words, is_far)] if dead else [], tuple(unread)


def led_elsewhere(client: Subnet, host: Subnet, vpc: Vpc) -> str:
    """Where the host's own routes lead its answers to a client, in words; empty if straight there."""
    version, table = shared_version(client, host), effective_route_table(host, vpc)
    if client.id == host.id or not version or table is None or stays_local(table.routes, vpc.all_cidrs, version):
        return ""
    parts = by_taker(routing_of(host, vpc, version).parts(End.of(client, version).addresses))
    away = [route.target_id for route in parts if route and not (route.is_active and route.target in _STRAIGHT)]
    return f"{table.id} leads answers from {host.id} to {client.id} to {listed(away)}" if away else ""


def kept_out(client: Subnet, host: Subnet, vpc: Vpc, ports: Ranges) -> str:
    """Why the host's own network ACL or routes may keep a client from an interface there, in words; else empty."""
    return host_obstacle(client, host, vpc, ports) or led_elsewhere(client, host, vpc)


def _other_family(words: str, client: Subnet, vpc: Vpc, *, repairable: bool = False) -> Barrier:
    """What has no address of the client's IP version. NAT64 may lead IPv6-only clients to IPv4 all the same."""
    obstacle = Obstacle(ObstacleKind.ADDRESS_FAMILY, words, client.id, repairable)
    if client.is_ipv6_only and (route := nat64_route(client, vpc)):
        return Barrier((obstacle,), unread=(nat64_words(route),))
    return Barrier((obstacle,), shut=End.of(client, client.ip_version).addresses, passes_any=False)


def _group_gate(
    endpoint: Endpoint, client: Subnet, vpc: Vpc, ports: Ranges, version: int, asking: NetworkInterface | None
) -> tuple[End, Filter, tuple[str, ...]]:
    """The clients, the endpoint's security groups as a gate before them, and what of the groups wasn't read.

    A rule that names a group lets in that group's members: then those interfaces are the clients that are there, or
    the one that is asked about.
    """
    near = End.of(client, version, (asking,) if asking else ())
    groups = vpc.groups(endpoint.security_group_ids)
    rules = [rule for group in groups for rule in group.ingress]
    if not endpoint.security_group_ids:
        return near, Filter(ObstacleKind.SECURITY_GROUP, (Lane(near.addresses, ports),), words=""), ()
    lanes = rule_lanes(rules, near, vpc, ports)
    if len(lanes) == 1 and lanes[0].ports == ports:
        return near, Filter(ObstacleKind.SECURITY_GROUP, lanes, words=""), ()
    names = ", ".join(sorted(group.id for group in groups))
    words = f"{names} of {endpoint.id} doesn't allow inbound {{ports}} from {{addresses}} ({client.id})"
    unread = unread_groups(endpoint, vpc, ports)
    naming = [rule for rule in rules if rule.groups and shares_ports(rule, ports)]
    members = [asking] if asking else vpc.clients_in(client)
    if naming and members:
        near = End.of(client, version, members)
        lanes = rule_lanes(rules, near, vpc, ports, members)
    elif naming:
        by = ", ".join(sorted({name for rule in naming for name in rule.groups}))
        unread = (*unread, f"{names} of {endpoint.id} allows members of {by}, and {_UNSEEN[vpc.interfaces is None]}")
    if unread:
        lanes = (Lane(near.addresses, ports),)
    return near, Filter(ObstacleKind.SECURITY_GROUP, lanes, words), unread


_UNSEEN = {True: "the subnet's network interfaces were not read", False: "the subnet has no network interface yet"}


def rule_lanes(
    rules: Collection[Rule], end: End, vpc: Vpc, ports: Ranges, members: Collection[NetworkInterface] = ()
) -> tuple[Lane, ...]:
    """What security group rules let pass to or from the addresses of one end: rules only add, none takes away."""
    lists = dict(vpc.prefix_lists)
    allowed: dict[Ranges, list[tuple[int, int]]] = {}
    for rule in rules:
        passed = common(ports, rule.ports)
        if not passed:
            continue
        listed = [cidr for name in rule.prefix_lists for cidr in lists.get(name, ())]
        named = [one for one in members if one.group_ids & set(rule.groups)]
        of_members = [address for one in named for address in one.addresses]
        blocks = (span(cidr) for cidr in (*rule.cidrs, *listed, *of_members) if version_of(cidr) == end.version)
        allowed.setdefault(passed, []).extend(blocks)
    return lanes_let_in(allowed, end.addresses)


def _lets_all_pass(rules: Collection[Rule], end: End, vpc: Vpc, ports: Ranges) -> bool:
    """True if the rules together let each of the ports pass to or from all of the addresses."""
    return all(lane.ports == ports for lane in rule_lanes(rules, end, vpc, ports))


def unread_groups(endpoint: Endpoint, vpc: Vpc, ports: Ranges) -> tuple[str, ...]:
    """What decides whether the endpoint's groups let a client in, and wasn't read: their rules, or a prefix list."""
    groups = vpc.groups(endpoint.security_group_ids)
    unseen = sorted(endpoint.security_group_ids - {group.id for group in groups})
    found = [f"the rules of {', '.join(unseen)} on {endpoint.id} were not read"] if unseen else []
    for group in groups:
        found += unread_lists(group.ingress, f"{group.id} of {endpoint.id}", vpc, ports)
    return tuple(found)


def unread_lists(rules: Collection[Rule], who: str, vpc: Vpc, ports: Ranges) -> tuple[str, ...]:
    """The prefix lists that rules for these ports name, and that weren't read, as a clause; `who` has the rules."""
    lists = dict(vpc.prefix_lists)
    on_ports = (rule for rule in rules if shares_ports(rule, ports))
    named = sorted({name for rule in on_ports for name in rule.prefix_lists if name not in lists})
    return (f"{who} allows what is in {', '.join(named)}, which was not read",) if named else ()


def shares_ports(rule: Rule, ports: Ranges) -> bool:
    """True if the rule lets one of the ports pass."""
    return any(low <= end and start <= high for low, high in rule.ports for start, end in ports)


def _barrier_to_gateway(
    endpoint: Endpoint, client: Subnet, vpc: Vpc, ports: Ranges, asking: NetworkInterface | None
) -> Barrier:
    """S3's gateway endpoint has IPv4 alone, DynamoDB's unless its IP address type says more (PrivateLink guide: gateway
    endpoints; gateway endpoints for Amazon S3). The service keeps its public
    addresses, so the client's network ACL must let them pass, and no route that goes before that to the endpoint may
    take some (VPC guide: route priority). Its prefix list has them; where that wasn't read, only what treats all public
    addresses alike gives an answer.
    """
    service, table = suffix_of(endpoint.service_name), effective_route_table(client, vpc)
    version = client.ip_version
    near = End.of(client, version, (asking,) if asking else ())
    if client.is_ipv6_only and (service == "s3" or endpoint.ip_address_type == "ipv4"):
        which = "the gateway endpoint for S3" if service == "s3" else f"{endpoint.id}, whose IP address type is ipv4,"
        words = f"{which} only serves IPv4, and {client.id} has no IPv4 addresses"
        return _other_family(words, client, vpc)
    routes = [route for route in table.routes if route.target_id == endpoint.id] if table else []
    listed = tuple(text for route in routes if route.prefix_list_id for text in route.destinations)
    far = public_end(service, version, listed)
    gates, unread = leaving(client, far, vpc, ports), vpc.unread_words(Part.NETWORK_ACLS)
    if not far.is_guess:
        dead, beyond = detours(client, far, vpc, ports, is_far=True)
        gates, unread = [*dead, *gates], (*unread, *beyond)
    elif table:
        unread = (*unread, *maybe_taken(table, far, service))
    if far.is_guess and listed:
        unread = (*unread, f"no prefix list that leads to {endpoint.id} was read with IPv{version} addresses")
    barrier = barrier_of([(gates, far)], near, ports, client, repairable=False)
    if far.is_guess and barrier.is_partly_far and barrier.passes_any:
        acl = gates[0].words.partition(" doesn't")[0]
        return Barrier(unread=(f"{acl} denies some addresses, and the prefix list of {service} was not read",))
    return replace(barrier, unread=unread)


def maybe_taken(table: RouteTable, far: End, service: str) -> Iterator[str]:
    """That routes may take some of a service's addresses from its gateway endpoint, as a clause; none if they take a
    few of all public addresses at most: it is hardly one of them.
    """
    narrow = [route for route in table.routes if DEFAULT_ROUTES.isdisjoint(route.destinations)]
    others = [route for route in narrow if route.target is not TargetKind.GATEWAY_ENDPOINT]
    taken = {
        route.target_id: part
        for route in others
        if (part := common(addresses_in(route.destinations, far.version), far.addresses))
        and not is_few(part, far.addresses)
    }
    if taken:
        words = f"{table.id} leads some public addresses to {', '.join(taken)}"
        yield f"{words}, and the prefix list of {service} was not read"


def lets_in_cidr(group: SecurityGroup, cidr: str, ports: Ranges = HTTPS) -> bool:
    """True if the group's rules together let TCP in on these ports from every address of the block."""
    end = End((span(cidr),), cidr, version_of(cidr))
    return _lets_all_pass(group.ingress, end, Vpc("", ()), ports)


def is_on_gateway(endpoint: Endpoint, client: Subnet, vpc: Vpc) -> bool:
    """True if the subnet's effective route table leads to a gateway endpoint by a route that works.

    AWS adds the route with the association; one that is a blackhole leads nowhere (VPC guide: gateway endpoints).
    """
    table = effective_route_table(client, vpc)
    if table is None or table.id not in endpoint.route_table_ids:
        return False
    return all(route.is_active for route in table.routes if route.target_id == endpoint.id)

"""The judge and the oracle agree: whole ranges at a time, and packet by packet, give the same answer."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.model import (
    AclEntry,
    Catalog,
    EndpointType,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    Route,
    RouteTable,
    Rule,
    SecurityGroup,
    Service,
    TargetKind,
    Vpc,
)
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.ports import ports_of
from lifeline.core.network.reach import find_path
from tests.support.builders import MONITORING, S3, ZONES, default_route, endpoint, gateway, route, subnet, table, vpc
from tests.support.examples import examples
from tests.support.oracle import Oracle, Seen

SMTP = "com.amazonaws.us-east-1.email-smtp"
CATALOG = Catalog(
    tuple(
        Service(name, kind, zones=frozenset(ZONES), private_dns_names=(f"{name.rpartition('.')[2]}.amazonaws.com",))
        for name, kind in (
            (MONITORING, EndpointType.INTERFACE),
            (SMTP, EndpointType.INTERFACE),
            (S3, EndpointType.GATEWAY),
        )
    )
)
CLIENT = subnet("a", cidr="10.0.1.0/24")
HOST = subnet("b", "us-east-1b", cidr="10.0.2.0/24")
NAT_HOME = subnet("nat", "us-east-1c", cidr="10.0.9.0/28")
NAT = NatGateway("nat-1", is_public=True, is_available=True, subnet_id=NAT_HOME.id)
BLOCKS = (
    "0.0.0.0/0",
    "10.0.0.0/16",
    "10.0.1.0/24",
    "10.0.1.0/25",
    "10.0.1.128/25",
    "10.0.1.0/30",
    "10.0.1.66/32",
    "10.0.2.0/24",
    "10.0.2.0/25",
    "10.0.2.10/32",
    "10.0.2.66/32",
    "10.0.9.0/28",
    "10.200.0.0/16",
    "10.200.1.10/32",
    "52.0.0.0/8",
    "52.1.2.3/32",
)
PORTS = (
    (0, 65535),
    (443, 443),
    (25, 600),
    (587, 587),
    (1024, 65535),
    (32768, 60999),
    (32768, 45000),
    (45001, 60999),
    (50070, 50070),
)
READ_LIST, UNREAD_LIST = "pl-read", "pl-unread"

acl_entries = st.builds(
    lambda number, egress, allow, protocol, cidr, ports: AclEntry(number, egress, allow, protocol, cidr, *ports),
    number=st.integers(2, 99),
    egress=st.booleans(),
    allow=st.booleans(),
    protocol=st.sampled_from(["-1", "6", "6", "6", "17"]),
    cidr=st.sampled_from(BLOCKS),
    ports=st.sampled_from(PORTS),
)
# An entry that comes first and denies some of the clients' ports.
narrowing = st.builds(
    lambda egress, ports: AclEntry(1, egress, False, "6", "0.0.0.0/0", *ports),
    egress=st.booleans(),
    ports=st.sampled_from(PORTS[-3:]),
)
EVERYTHING = tuple(AclEntry(100, egress, allow=True, protocol="-1", cidr="0.0.0.0/0") for egress in (True, False))


@st.composite
def acls(draw: st.DrawFn, subnet_id: str) -> NetworkAcl:
    """Mostly what a new VPC has, with some entries before it; sometimes entries alone."""
    entries = draw(st.lists(acl_entries, max_size=3, unique_by=lambda entry: (entry.number, entry.egress)))
    first = [draw(narrowing)] if draw(st.integers(0, 2)) == 2 else []
    last = EVERYTHING if draw(st.integers(0, 3)) else ()
    return NetworkAcl(f"acl-{subnet_id}", frozenset({subnet_id}), (*first, *entries, *last))


rules = st.builds(
    lambda protocol, ports, cidrs, groups, lists: Rule(
        protocol, ports[0], ports[1], tuple(cidrs), tuple(groups), tuple(lists)
    ),
    protocol=st.sampled_from(["tcp", "tcp", "-1", "udp"]),
    ports=st.sampled_from([*PORTS[:4], (443, 443), (0, 65535)]),
    cidrs=st.lists(st.sampled_from(BLOCKS), max_size=2, unique=True),
    groups=st.lists(st.sampled_from(["sg-app", "sg-1"]), max_size=1),
    lists=st.lists(st.sampled_from([READ_LIST, READ_LIST, UNREAD_LIST]), max_size=1),
)
SG = SecurityGroup("sg-1", "theirs")
# By each kind of rule, what lets all of the subnet in, or a part of it.
BY_BLOCKS = (
    (Rule("-1", 0, 65535, ("0.0.0.0/0",)),),
    (Rule("tcp", 443, 443, ("10.0.0.0/16",)), Rule("tcp", 25, 600, ("10.0.1.0/25",))),
    (Rule("tcp", 0, 65535, ("10.0.1.0/25",)), Rule("tcp", 0, 65535, ("10.0.1.128/25",))),
)
BY_LISTS = (
    (Rule("tcp", 0, 65535, ("10.0.1.128/25",), prefix_lists=(READ_LIST,)),),
    (Rule("tcp", 0, 65535, prefix_lists=(READ_LIST,)),),
    (Rule("tcp", 0, 65535, prefix_lists=(UNREAD_LIST,)),),
)
BY_MEMBERS = ((Rule("tcp", 0, 65535, groups=("sg-app",)),), ())
# What a network leads to the service, with the rules that most decide there.
WAYS = {
    "an endpoint, let in by blocks": ("endpoint", BY_BLOCKS),
    "an endpoint, let in by prefix lists": ("endpoint", BY_LISTS),
    "an endpoint, let in by members": ("endpoint", BY_MEMBERS),
    "a gateway endpoint": ("gateway", BY_BLOCKS),
    "a NAT gateway": ("nat", BY_BLOCKS),
    "a gateway endpoint beyond a NAT gateway": ("beyond", BY_BLOCKS),
    "a NAT instance": ("machine", (*BY_BLOCKS, *BY_LISTS, *BY_MEMBERS)),
    "another way, or none": ("", BY_BLOCKS),
}


def groups(wide: tuple[tuple[Rule, ...], ...]) -> st.SearchStrategy[SecurityGroup]:
    return st.builds(
        lambda first, ingress, egress: replace(SG, ingress=(*first, *ingress), egress=(*first, *egress)),
        first=st.sampled_from(wide),
        ingress=st.lists(rules, max_size=2),
        egress=st.lists(rules, max_size=2),
    )


clients = st.lists(
    st.builds(
        lambda address, ids: NetworkInterface(f"eni-{address}", CLIENT.id, (f"10.0.1.{address}",), frozenset(ids)),
        address=st.sampled_from([20, 66, 140, 250]),
        ids=st.lists(st.sampled_from(["sg-app", "sg-other"]), max_size=2),
    ),
    max_size=3,
    unique_by=lambda one: one.id,
)


# Routes within the VPC that lead through a machine, or nowhere: to the endpoint's host, and back to the client.
DETOURS = tuple(
    route(cidr, TargetKind.NETWORK_INTERFACE, "eni-fw", active=is_active)
    for cidr in (HOST.cidr, CLIENT.cidr)
    for is_active in (True, False)
)
IGW = default_route(TargetKind.INTERNET_GATEWAY, "igw-1")
# Where a NAT gateway's own subnet leads all of the internet, or a part of it, to a firewall, or a part nowhere.
TO_FIREWALL = (TargetKind.GATEWAY_LOAD_BALANCER_ENDPOINT, "vpce-fw")
FIREWALLS = (
    [default_route(*TO_FIREWALL)],
    [IGW, route("52.0.0.0/8", *TO_FIREWALL)],
    [IGW, route("52.0.0.0/8", *TO_FIREWALL, active=False)],
)


# Routes that take a part of a gateway endpoint's addresses from it, as a company's to what it knows in public.
TAKEN = tuple(
    route(cidr, TargetKind.TRANSIT_GATEWAY, "tgw-1", active=is_active)
    for cidr in ("52.0.0.0/9", "52.1.2.3/32", "54.0.0.0/8")
    for is_active in (True, False)
)


@st.composite
def networks(draw: st.DrawFn, service: str, way: str) -> Vpc:
    """A VPC with an endpoint of the service, or a way out, or neither, behind filters of every kind."""
    interfaces = list(draw(clients))
    network_acls = tuple(draw(acls(one.id)) for one in (CLIENT, HOST, NAT_HOME) if draw(st.integers(0, 2)))
    leads_by, wide = WAYS[way]
    group, is_shared = draw(groups(wide)), draw(st.booleans())
    parts: list[object] = [CLIENT, HOST, NAT_HOME]
    ways: list[Route] = []
    beyond: list[Route] = []
    if leads_by in {"gateway", "beyond"}:
        parts.append(gateway("main" if leads_by == "gateway" else "nat"))
        taken = draw(st.sampled_from([[], [], *([one] for one in TAKEN)]))
        listed = draw(st.sampled_from([(), ("52.0.0.0/8",), ("52.0.0.0/9", "54.1.0.0/16")]))
        to_s3 = Route(listed, TargetKind.GATEWAY_ENDPOINT, "vpce-1", is_active=True, prefix_list_id="pl-s3")
        there = [*taken, to_s3]
        if leads_by == "gateway":
            ways += there
        else:
            blocks = draw(st.sampled_from([("0.0.0.0/0",), ("0.0.0.0/1", "128.0.0.0/1"), ("52.0.0.0/9",)]))
            ways += [route(text, TargetKind.NAT_GATEWAY, NAT.id) for text in blocks]
            ways, beyond = (ways, there) if draw(st.booleans()) else ([*ways, *taken], [to_s3])
    elif leads_by == "endpoint":
        hosts = draw(st.sampled_from([("a",), ("b",), ("b",), ("a", "b")]))
        ids = {"a": "10.0.1.10", "b": "10.0.2.10"}
        interfaces += [
            NetworkInterface(f"eni-vpce-{name}", f"subnet-{name}", (ids[name],), frozenset({"sg-1"}), "vpc_endpoint")
            for name in hosts
        ]
        name = SMTP if service == "email-smtp" else MONITORING
        held = frozenset(f"eni-vpce-{name}" for name in hosts)
        has_groups = frozenset({"sg-1"} if draw(st.integers(0, 5)) else ())
        parts.append(endpoint(name, *hosts, own=False, interface_ids=held, security_group_ids=has_groups))
    else:
        targets = {
            "nat": (TargetKind.NAT_GATEWAY, NAT.id),
            "machine": (TargetKind.NETWORK_INTERFACE, "eni-nat"),
            "internet": (TargetKind.INTERNET_GATEWAY, "igw-1"),
            "transit": (TargetKind.TRANSIT_GATEWAY, "tgw-1"),
        }
        target = targets.get(leads_by or draw(st.sampled_from(["internet", "transit", ""])))
        if target:
            halves = ("0.0.0.0/1", "128.0.0.0/1") if draw(st.booleans()) else ("0.0.0.0/0",)
            ways += [route(text, *target) for text in halves]
    ways += draw(st.sampled_from([[], [], *([one] for one in DETOURS)]))
    back = draw(st.sampled_from([[], [], *([one] for one in DETOURS[2:])]))
    checks = draw(st.booleans())
    machine = NetworkInterface("eni-nat", NAT_HOME.id, ("10.0.9.9",), frozenset({"sg-1"}), checks_source=checks)
    out = draw(st.sampled_from([*([[IGW]] * 6), *FIREWALLS])) if leads_by == "nat" else beyond or [IGW]
    public = table("nat", *out, *back, subnets=("nat",))
    found = vpc(*parts, table("main", *ways), public)  # type: ignore[arg-type]
    known = group if draw(st.integers(0, 7)) else replace(group, id="sg-unseen")
    return replace(
        found,
        network_acls=network_acls,
        nat_gateways=(NAT,),
        security_groups=() if is_shared else (known,),
        shared_groups=(known,) if is_shared else (),
        interfaces=(*interfaces, machine),
        prefix_lists=((READ_LIST, ("10.0.1.0/25", "192.168.0.0/16")),),
    )


type Question = tuple[Vpc, str, NetworkInterface | None, bool]


@st.composite
def questions(draw: st.DrawFn, way: str) -> Question:
    service = "s3" if way.startswith("a gateway endpoint") else draw(st.sampled_from(["monitoring", "email-smtp"]))
    found = draw(networks(service, way))
    clients_there = [one for one in found.interfaces or () if one.is_client and one.subnet_id == CLIENT.id]
    asking = draw(st.sampled_from([None, *clients_there]))
    return found, service, asking, draw(st.booleans())


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=examples(100 // len(WAYS) + 1, soak=2000 // len(WAYS) + 1))
@given(data=st.data())
def test_the_judge_and_the_oracle_agree(way: str, data: st.DataObject) -> None:
    network, service, asking, has_public_address = data.draw(questions(way))
    path = find_path(CLIENT, network, service, CATALOG, DnsView(), has_public_address=has_public_address, asking=asking)
    possible, is_all_given = ask_oracle(network, service, asking, has_public_address=has_public_address)
    said = as_seen(path)
    if said is None:
        assert not is_all_given or len(possible) > 1, (path, possible)
    else:
        assert {said} == possible, (path, possible)


@pytest.mark.parametrize("way", [way for way in WAYS if way.startswith("an endpoint")])
@settings(max_examples=examples(20, soak=500))
@given(data=st.data())
def test_ipv6_is_judged_as_ipv4_is_and_rules_of_the_other_version_count_for_nothing(
    way: str, data: st.DataObject
) -> None:
    """The oracle follows IPv4; the same network in IPv6, with rules and entries for IPv4 beside its own, is judged as
    the oracle sees it there.
    """
    network, service, asking, _ = data.draw(questions(way))
    twin = in_ipv6(network, beside=data.draw(st.booleans()))
    client = next(one for one in twin.subnets if one.id == CLIENT.id)
    asks = next((one for one in twin.interfaces or () if asking and one.id == asking.id), None)
    path = find_path(client, twin, service, CATALOG, DnsView(), has_public_address=False, asking=asks)
    possible, is_all_given = ask_oracle(network, service, asking, has_public_address=False)
    said = as_seen(path)
    assert ({said} == possible) if said else (not is_all_given or len(possible) > 1), (path, possible)


def in_ipv6(network: Vpc, *, beside: bool) -> Vpc:
    """The same network in IPv6 alone; with entries and rules for all of IPv4 `beside` its own, which deny and allow."""
    deny_all = [AclEntry(1, egress, allow=False, protocol="-1", cidr="0.0.0.0/0") for egress in (True, False)]
    allow_all = (Rule("-1", 0, 65535, ("0.0.0.0/0",)),)

    def of_group(group: SecurityGroup) -> SecurityGroup:
        rules = tuple(replace(rule, cidrs=tuple(map(to_ipv6, rule.cidrs))) for rule in group.ingress)
        return replace(group, ingress=(*rules, *(allow_all if beside else ())))

    def of_acl(acl: NetworkAcl) -> NetworkAcl:
        entries = tuple(replace(entry, number=entry.number + 1, cidr=to_ipv6(entry.cidr)) for entry in acl.entries)
        return replace(acl, entries=(*(deny_all if beside else ()), *entries))

    def of_route(one: Route) -> Route:
        return replace(one, destinations=tuple(map(to_ipv6, one.destinations)))

    return replace(
        network,
        ipv6_cidrs=tuple(map(to_ipv6, network.cidrs)),
        subnets=tuple(replace(one, cidr="", ipv6_cidrs=(to_ipv6(one.cidr),)) for one in network.subnets),
        route_tables=tuple(replace(one, routes=tuple(map(of_route, one.routes))) for one in network.route_tables),
        network_acls=tuple(map(of_acl, network.network_acls)),
        security_groups=tuple(map(of_group, network.security_groups)),
        shared_groups=tuple(map(of_group, network.shared_groups)),
        interfaces=tuple(
            replace(one, addresses=tuple(map(to_ipv6, one.addresses))) for one in network.interfaces or ()
        ),
        prefix_lists=tuple((name, tuple(map(to_ipv6, cidrs))) for name, cidrs in network.prefix_lists),
        endpoints=tuple(replace(one, ip_address_type="ipv6") for one in network.endpoints),
    )


def to_ipv6(text: str) -> str:
    """The IPv6 block, or address, that is as long as an IPv4 one and has it at its end; of everything, everything."""
    address, _, length = text.partition("/")
    if text == "0.0.0.0/0":
        return "::/0"
    mapped = f"{IPv6Address(int(IPv6Address('2001:db8::')) + int(IPv4Address(address)))}"
    return f"{mapped}/{96 + int(length)}" if length else mapped


HUBS = ("10.200.0.10", "10.200.1.10", "10.201.0.10")
NEAR_HUBS = ("10.200.0.0/16", "10.200.1.0/24", "10.200.1.10/32", "10.201.0.0/16", "0.0.0.0/0")
TO_HUBS = ((TargetKind.TRANSIT_GATEWAY, "tgw-1"), (TargetKind.PEERING, "pcx-1"), (TargetKind.NAT_GATEWAY, NAT.id))
hub_routes = st.builds(
    lambda text, target, is_active: route(text, *target, active=is_active),
    text=st.sampled_from(NEAR_HUBS),
    target=st.sampled_from([*TO_HUBS, (TargetKind.INTERNET_GATEWAY, "igw-1")]),
    is_active=st.sampled_from([True, True, True, False]),
)
onward_routes = hub_routes.filter(lambda found: found.target is not TargetKind.NAT_GATEWAY)


type HubQuestion = tuple[Vpc, tuple[str, ...], NetworkInterface | None]


@st.composite
def hub_questions(draw: st.DrawFn) -> HubQuestion:
    """A VPC in which a hub's zone answers, with routes to the hub, elsewhere, or nowhere, behind ACLs of every kind."""
    first = [route("10.200.0.0/15", *target) for target in draw(st.sampled_from([(), *((one,) for one in TO_HUBS)]))]
    on = [route("10.200.0.0/15", *TO_HUBS[0])] if draw(st.booleans()) else []
    main = [*first, *draw(st.lists(hub_routes, max_size=3, unique_by=lambda one: one.destinations))]
    onward = [*on, *draw(st.lists(onward_routes, max_size=2, unique_by=lambda one: one.destinations))]
    there = tuple(draw(clients))
    found = replace(
        vpc(CLIENT, HOST, NAT_HOME, table("main", *main), table("nat", *onward, subnets=("nat",))),
        network_acls=tuple(draw(acls(one.id)) for one in (CLIENT, NAT_HOME) if draw(st.integers(0, 2))),
        nat_gateways=(NAT,),
        interfaces=there,
    )
    addresses = draw(st.lists(st.sampled_from(HUBS), min_size=1, unique=True))
    return found, tuple(sorted(addresses)), draw(st.sampled_from([None, *there]))


@settings(max_examples=examples(100, soak=2000))
@given(hub_questions())
def test_the_judge_and_the_oracle_agree_on_hubs(question: HubQuestion) -> None:
    network, addresses, asking = question
    zone = DnsAnswer(AnswerKind.PRIVATE_ZONE, "monitoring.amazonaws.com", "Z1", "", addresses=addresses)
    dns = DnsView((zone,))
    path = find_path(CLIENT, network, "monitoring", CATALOG, dns, has_public_address=True, asking=asking)
    is_partly = path.reach is Reach.PARTLY or (path.reach.is_open and path.shut)
    said = Seen.PARTLY if is_partly else Seen.OPEN if path.reach is Reach.CENTRAL else Seen.SHUT
    assert said is Oracle(network, [443]).by_central(CLIENT, asking, addresses), path
    assert path.unread or said is Seen.SHUT, path  # what lies beyond the VPC never was read


def test_every_feature_is_among_the_hubs_on_which_judge_and_oracle_agree() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=150, derandomize=True, database=None, phases=[Phase.generate])
    @given(hub_questions())
    def draw(question: HubQuestion) -> None:
        network, addresses, asking = question
        found = Oracle(network, [443]).by_central(CLIENT, asking, addresses)
        targets = {one.target for one in network.route_tables[0].routes if one.is_active} & {one for one, _ in TO_HUBS}
        seen.update([f"{found} by {next(iter(targets))} alone"] if len(targets) == 1 else [found])
        seen.update([f"{found} behind ACLs"] if network.network_acls else [])
        seen.update(["one interface"] if asking and found is not Seen.SHUT else [])

    draw()
    wanted = {f"{Seen.OPEN} by {way} alone" for way, _ in TO_HUBS} | {f"{found} behind ACLs" for found in Seen}
    wanted |= {f"{Seen.SHUT} by {TargetKind.NAT_GATEWAY} alone", "one interface"}
    assert wanted <= seen.keys(), (wanted - seen.keys(), seen)


FEATURES = {
    "open",
    "open in part",
    "shut",
    "not known",
    "an interface endpoint",
    "a gateway endpoint",
    "a gateway endpoint beyond a NAT gateway",
    "a gateway endpoint beyond a NAT gateway behind what shuts it",
    "a route that takes a part of a gateway endpoint's addresses",
    "a NAT gateway that carries on",
    "a NAT gateway behind what shuts it",
    "a firewall beyond a NAT gateway",
    "a NAT instance",
    "a NAT instance that drops the packets",
    "a transit gateway",
    "an internet gateway with an address",
    "one interface",
    "several ports",
    "members decide",
    "a prefix list decides",
    "a prefix list that was not read",
    "rules that only let all in together",
    "a group of another VPC",
    "a deny before an allow",
    "some of the clients' ports",
    "a route through a machine",
    "a route that leads nowhere",
}


def test_every_feature_is_among_the_networks_on_which_judge_and_oracle_agree() -> None:
    """A strategy that never draws one would let the property hold of a judge that knows nothing of it."""
    seen: Counter[str] = Counter()
    for way in WAYS:

        @settings(max_examples=60, derandomize=True, database=None, phases=[Phase.generate])
        @given(questions(way))
        def draw(question: Question) -> None:
            seen.update(set(features(*question)))

        draw()
    assert seen.keys() == FEATURES, (FEATURES - seen.keys(), seen)


def features(network: Vpc, service: str, asking: NetworkInterface | None, has_public_address: bool) -> Iterator[str]:
    """What of a network has a part in the answer."""
    path = find_path(CLIENT, network, service, CATALOG, DnsView(), has_public_address=has_public_address, asking=asking)
    said = as_seen(path)
    yield {Seen.OPEN: "open", Seen.PARTLY: "open in part", Seen.SHUT: "shut", None: "not known"}[said]
    ports = [port for low, high in ports_of(service, {}) for port in range(low, high + 1)]
    oracle = Oracle(network, ports)
    groups = (*network.security_groups, *network.shared_groups)
    yield from ["several ports"] if len(ports) > 1 and said is Seen.PARTLY else []
    yield from ["one interface"] if asking and said else []
    yield from ["some of the clients' ports"] if any("only some of the ports" in note for note in path.notes) else []
    in_order = [sorted(acl.entries, key=lambda entry: entry.number) for acl in network.network_acls]
    denies = any(not entry.allow and rest.allow for acl in in_order for entry, rest in pairwise(acl))
    yield from ["a deny before an allow"] if denies and said in {Seen.PARTLY, Seen.SHUT} else []
    routes = [one for table in network.route_tables for one in table.routes]
    detours = [
        one for one in routes if one.target_id == "eni-fw" and one.target_id in " ".join((path.words, *path.unread))
    ]
    yield from ["a route through a machine"] if any(one.is_active for one in detours) else []
    yield from ["a route that leads nowhere"] if any(not one.is_active for one in detours) else []
    if held := next((one for one in network.endpoints if one.type is EndpointType.INTERFACE), None):
        yield "an interface endpoint"
        everyone = oracle.clients(CLIENT, None, None)
        rules = [rule for group in groups if group.id in held.security_group_ids for rule in group.ingress]
        yield from ["members decide"] if said and oracle.goes_by_members(held, everyone) else []
        yield from ["a group of another VPC"] if network.shared_groups and held.security_group_ids and said else []
        lists = {name for rule in rules for name in rule.prefix_lists}
        without = Oracle(replace(network, prefix_lists=()), ports).by_endpoint(held, CLIENT, asking)
        yield from ["a prefix list decides"] if said and without is not said else []
        yield from ["a prefix list that was not read"] if UNREAD_LIST in lists and said is None else []
        alone = (replace(network, security_groups=(replace(SG, ingress=(rule,)),), shared_groups=()) for rule in rules)
        each = {Oracle(one, ports).by_endpoint(held, CLIENT, asking) for one in alone}
        yield from ["rules that only let all in together"] if said is Seen.OPEN and Seen.OPEN not in each else []
        return
    targets = {one.target for one in network.route_tables[0].routes}
    if network.endpoints and TargetKind.NAT_GATEWAY in targets:
        shut = "" if path.reach is Reach.SERVED else " behind what shuts it"
        yield from [f"a gateway endpoint beyond a NAT gateway{shut}"] if said else []
    elif network.endpoints:
        yield "a gateway endpoint"
        is_taken = any("tgw-1" in words for words in (path.words, *path.unread))
        yield from ["a route that takes a part of a gateway endpoint's addresses"] if is_taken else []
    elif TargetKind.NAT_GATEWAY in targets:
        yield from ["a firewall beyond a NAT gateway"] if any(TO_FIREWALL[1] in words for words in path.unread) else []
        by_nat = any("subnet-nat" in obstacle.words for obstacle in path.obstacles)
        yield "a NAT gateway behind what shuts it" if by_nat else "a NAT gateway that carries on"
    elif "eni-nat" in {one.target_id for one in network.route_tables[0].routes}:
        is_dropped = any("source/destination check" in obstacle.words for obstacle in path.obstacles)
        yield "a NAT instance that drops the packets" if is_dropped else "a NAT instance"
    elif TargetKind.TRANSIT_GATEWAY in targets:
        yield "a transit gateway"
    elif TargetKind.INTERNET_GATEWAY in targets and has_public_address:
        yield "an internet gateway with an address"


def as_seen(path: NetworkPath) -> Seen | None:
    """The judge's answer in the oracle's words; None where it isn't known."""
    if path.reach is Reach.UNKNOWN or (path.reach.is_open and path.unread):
        return None
    if path.reach is Reach.PARTLY or (path.reach.is_open and path.shut):
        return Seen.PARTLY
    return Seen.OPEN if path.reach.is_open else Seen.SHUT


def ask_oracle(
    network: Vpc, service: str, asking: NetworkInterface | None, *, has_public_address: bool
) -> tuple[set[Seen], bool]:
    """What may become of the flows, and whether everything that decides was given."""
    ports = [port for low, high in ports_of(service, {}) for port in range(low, high + 1)]
    oracles = [Oracle(network, ports, unread_lets_in=lets_in) for lets_in in (False, True)]
    by_name = [one for one in network.endpoints if one.type is EndpointType.INTERFACE]
    if by_name:
        possible = {one.by_endpoint(by_name[0], CLIENT, asking) for one in oracles}
        there = [one for one in network.interfaces or () if one.subnet_id == CLIENT.id and one.is_client]
        goes_by_members = oracles[0].goes_by_members(by_name[0], oracles[0].clients(CLIENT, None, None))
        return possible, is_given(network) and not (goes_by_members and not there)
    routes = [one for of_table in network.route_tables for one in of_table.routes]
    listed = [text for one in routes if one.prefix_list_id for text in one.destinations]
    if network.endpoints and not listed:  # the list was not read: its addresses may be any
        network = replace(network, route_tables=tuple(map(with_any_addresses, network.route_tables)))
        oracles = [Oracle(network, ports)]
    possible = set()
    for one in oracles:
        possible |= one.by_public_name(CLIENT, asking, listed, has_public_address=has_public_address)
    targets = {one.target for one in routes}
    beyond = targets & {TargetKind.TRANSIT_GATEWAY, TargetKind.NETWORK_INTERFACE}
    return possible, not beyond and is_given(network)


def with_any_addresses(of_table: RouteTable) -> RouteTable:
    """The table as if the prefix lists that its routes name had every address."""
    anywhere = (replace(one, destinations=("0.0.0.0/0",)) if one.prefix_list_id else one for one in of_table.routes)
    return replace(of_table, routes=tuple(anywhere))


def is_given(network: Vpc) -> bool:
    rules_read = [rule for group in (*network.security_groups, *network.shared_groups) for rule in group.ingress]
    lists = {name for rule in rules_read for name in rule.prefix_lists}
    is_seen = any(group.id == "sg-1" for group in (*network.security_groups, *network.shared_groups))
    routes = [one for of_table in network.route_tables for one in of_table.routes]
    leads_beyond = any(one.target_id in {"eni-fw", TO_FIREWALL[1]} and one.is_active for one in routes)
    return is_seen and UNREAD_LIST not in lists and not leads_beyond

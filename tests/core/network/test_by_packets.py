"""The judge and the oracle agree: whole ranges at a time, and packet by packet, give the same answer."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import (
    AclEntry,
    Catalog,
    EndpointType,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    Route,
    Rule,
    SecurityGroup,
    Service,
    TargetKind,
    Vpc,
)
from lifeline.core.network.ports import ports_of
from lifeline.core.network.reach import NetworkPath, Reach, find_path
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
    number=st.integers(1, 99),
    egress=st.booleans(),
    allow=st.booleans(),
    protocol=st.sampled_from(["-1", "6", "6", "6", "17"]),
    cidr=st.sampled_from(BLOCKS),
    ports=st.sampled_from(PORTS),
)
EVERYTHING = tuple(AclEntry(100, egress, allow=True, protocol="-1", cidr="0.0.0.0/0") for egress in (True, False))


@st.composite
def acls(draw: st.DrawFn, subnet_id: str) -> NetworkAcl:
    """Mostly what a new VPC has, with some entries before it; sometimes entries alone."""
    entries = draw(st.lists(acl_entries, max_size=4, unique_by=lambda entry: (entry.number, entry.egress)))
    last = EVERYTHING if draw(st.integers(0, 3)) else ()
    return NetworkAcl(f"acl-{subnet_id}", frozenset({subnet_id}), (*entries, *last))


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
groups = st.builds(
    lambda ingress, egress: SecurityGroup("sg-1", "theirs", tuple(ingress), egress=tuple(egress)),
    ingress=st.lists(rules, max_size=3),
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


@st.composite
def networks(draw: st.DrawFn, service: str) -> Vpc:
    """A VPC with an endpoint of the service, or a way out, or neither, behind filters of every kind."""
    interfaces = list(draw(clients))
    network_acls = tuple(draw(acls(one.id)) for one in (CLIENT, HOST, NAT_HOME) if draw(st.integers(0, 2)))
    group, is_there, is_shared = draw(groups), draw(st.integers(0, 3)), draw(st.booleans())
    parts: list[object] = [CLIENT, HOST, NAT_HOME]
    ways: list[Route] = []
    way = draw(st.sampled_from(["", "nat", "nat", "internet", "machine", "transit"]))
    if service == "s3" and is_there:
        parts.append(gateway("main"))
        listed = draw(st.sampled_from([(), ("52.0.0.0/8",), ("52.0.0.0/9", "54.1.0.0/16")]))
        ways.append(Route(listed, TargetKind.GATEWAY_ENDPOINT, "vpce-1", is_active=True, prefix_list_id="pl-s3"))
    elif is_there:
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
        target = {
            "nat": (TargetKind.NAT_GATEWAY, NAT.id),
            "internet": (TargetKind.INTERNET_GATEWAY, "igw-1"),
            "machine": (TargetKind.NETWORK_INTERFACE, "eni-nat"),
            "transit": (TargetKind.TRANSIT_GATEWAY, "tgw-1"),
        }.get(way)
        if target:
            halves = ("0.0.0.0/1", "128.0.0.0/1") if draw(st.booleans()) else ("0.0.0.0/0",)
            ways += [route(text, *target) for text in halves]
    checks = draw(st.booleans())
    machine = NetworkInterface("eni-nat", NAT_HOME.id, ("10.0.9.9",), frozenset({"sg-1"}), checks_source=checks)
    public = table("nat", default_route(TargetKind.INTERNET_GATEWAY, "igw-1"), subnets=("nat",))
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


@st.composite
def questions(draw: st.DrawFn) -> tuple[Vpc, str, NetworkInterface | None, bool]:
    service = draw(st.sampled_from(["monitoring", "monitoring", "email-smtp", "s3"]))
    found = draw(networks(service))
    clients_there = [one for one in found.interfaces or () if one.is_client and one.subnet_id == CLIENT.id]
    asking = draw(st.sampled_from([None, *clients_there]))
    return found, service, asking, draw(st.booleans())


@settings(max_examples=examples(100, soak=2000))
@given(questions())
def test_the_judge_and_the_oracle_agree(question: tuple[Vpc, str, NetworkInterface | None, bool]) -> None:
    network, service, asking, has_public_address = question
    path = find_path(CLIENT, network, service, CATALOG, DnsView(), has_public_address=has_public_address, asking=asking)
    possible, is_all_given = ask_oracle(network, service, asking, has_public_address=has_public_address)
    said = as_seen(path)
    if said is None:
        assert not is_all_given or len(possible) > 1, (path, possible)
    else:
        assert {said} == possible, (path, possible)


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
    listed = [text for one in network.route_tables[0].routes if one.prefix_list_id for text in one.destinations]
    if network.endpoints and not listed:  # the list was not read: its addresses may be any
        main = network.route_tables[0]
        anywhere = tuple(
            replace(one, destinations=("0.0.0.0/0",)) if one.prefix_list_id else one for one in main.routes
        )
        network = replace(network, route_tables=(replace(main, routes=anywhere), *network.route_tables[1:]))
        oracles = [Oracle(network, ports)]
    possible = set()
    for one in oracles:
        possible |= one.by_public_name(CLIENT, asking, listed, has_public_address=has_public_address)
    targets = {one.target for one in network.route_tables[0].routes}
    beyond = targets & {TargetKind.TRANSIT_GATEWAY, TargetKind.NETWORK_INTERFACE}
    return possible, not beyond and is_given(network)


def is_given(network: Vpc) -> bool:
    rules_read = [rule for group in (*network.security_groups, *network.shared_groups) for rule in group.ingress]
    lists = {name for rule in rules_read for name in rule.prefix_lists}
    is_seen = any(group.id == "sg-1" for group in (*network.security_groups, *network.shared_groups))
    return is_seen and UNREAD_LIST not in lists

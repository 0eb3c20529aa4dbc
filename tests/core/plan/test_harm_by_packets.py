"""The oracle follows the packets before and after a plan: none that passed is shut, but those that the plan names."""

import re
from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Network

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lifeline.core.network.model import (
    AclEntry,
    Endpoint,
    NetworkAcl,
    NetworkInterface,
    Rule,
    SecurityGroup,
    Subnet,
    TargetKind,
    Vpc,
)
from lifeline.core.plan.actions import Action, Plan, Status
from tests.core.network.test_by_packets import BLOCKS, CLIENT, DETOURS, EVERYTHING, HOST, NAT, NAT_HOME, acls
from tests.core.plan.test_harm import applied, plan
from tests.support.builders import CATALOG, MONITORING, default_route, endpoint, own_security_group, table, vpc
from tests.support.examples import examples
from tests.support.oracle import Oracle, Seen

OUT = default_route(TargetKind.NAT_GATEWAY, NAT.id)
PLACES = {CLIENT.id: "10.0.1.{}", HOST.id: "10.0.2.{}", NAT_HOME.id: "10.0.9.{}"}
PORTS = (443, 8443)
ON_BOTH = replace(CATALOG, ports=(("monitoring", tuple((port, port) for port in PORTS)),))
LETS_IN = (("10.0.0.0/16",), ("10.0.0.0/16",), ("10.0.1.0/24",), ("10.0.2.0/25",), ("10.0.2.66/32", "10.0.1.0/24"))

LISTS = (("pl-aws", ("52.0.0.0/8",)), ("pl-vpc", ("10.0.0.0/16",)), ("pl-part", ("10.0.2.0/25", "52.0.0.0/8")))
egress_rules = st.builds(
    lambda ports, cidrs, groups, lists: Rule("tcp", ports[0], ports[1], tuple(cidrs), tuple(groups), tuple(lists)),
    ports=st.sampled_from([(443, 443), (443, 443), (8443, 8443), (0, 65535), (25, 400)]),
    cidrs=st.lists(st.sampled_from([*BLOCKS, "52.0.0.0/8", "0.0.0.0/0"]), max_size=2, unique=True),
    groups=st.lists(st.sampled_from(["sg-own", "sg-app"]), max_size=1),
    lists=st.lists(st.sampled_from([name for name, _ in LISTS] + ["pl-unread"]), max_size=1),
)
EVERYWHERE = (Rule("-1", 0, 65535, ("0.0.0.0/0",)),)
PUBLIC = (Rule("tcp", 443, 443, ("52.0.0.0/8",)),)
ONE_PORT = tuple((Rule("tcp", port, port, ("0.0.0.0/0",)),) for port in PORTS)
LISTED = tuple((Rule("tcp", 443, 443, prefix_lists=(name,)),) for name, _ in LISTS)
ways_out = st.one_of(
    st.just(EVERYWHERE),
    st.just(PUBLIC),
    st.sampled_from((*LISTED, *ONE_PORT)),
    st.lists(egress_rules, max_size=3).map(tuple),
)
at_work = st.lists(
    st.builds(
        lambda home, host, ids: NetworkInterface(
            f"eni-{home.id}-{host}", home.id, (str(IPv4Network(home.cidr)[host]),), frozenset(ids)
        ),
        home=st.sampled_from([CLIENT, HOST]),
        host=st.sampled_from([20, 66, 140, 250]),
        ids=st.lists(st.sampled_from(["sg-app", "sg-other"]), min_size=1, max_size=2),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one.id,
)
denials = st.builds(
    lambda number, egress, cidr, ports: AclEntry(number, egress, False, "6", cidr, *ports),
    number=st.integers(2, 50),
    egress=st.booleans(),
    ports=st.sampled_from([(0, 65535), (443, 443), (8443, 8443)]),
    cidr=st.sampled_from(
        ["0.0.0.0/0", "10.0.1.66/32", "10.0.1.0/30", "10.0.1.128/25", "10.0.2.66/32", "10.0.2.128/25"]
    ),
)


@st.composite
def client_groups(draw: st.DrawFn) -> tuple[SecurityGroup, ...]:
    """The clients' own groups: what a new one lets out, public addresses alone, or anything."""
    return tuple(SecurityGroup(name, name, egress=draw(ways_out)) for name in ("sg-app", "sg-other"))


@st.composite
def denying(draw: st.DrawFn, subnet_id: str) -> NetworkAcl:
    """An ACL that denies a little of what a new VPC's lets pass."""
    entries = draw(st.lists(denials, max_size=2, unique_by=lambda entry: (entry.number, entry.egress)))
    return NetworkAcl(f"acl-{subnet_id}", frozenset({subnet_id}), (*entries, *EVERYTHING))


@st.composite
def endpoints(draw: st.DrawFn) -> tuple[tuple[Endpoint, ...], tuple[SecurityGroup, ...]]:
    """An endpoint that is there before the plan, Lifeline's or another's, and its security group; mostly none."""
    if draw(st.integers(0, 2)) < 2:
        return (), ()
    is_own = draw(st.integers(0, 2)) > 0
    hosts = draw(st.sampled_from([("a",), ("b",), ("a", "b")]))
    group = own_security_group(*draw(st.sampled_from(LETS_IN)))
    group = group if is_own else SecurityGroup("sg-theirs", "theirs", group.ingress)
    made = endpoint(MONITORING, *hosts, own=is_own, private_dns=draw(st.booleans()))
    return (replace(made, security_group_ids=frozenset({group.id})),), (group,)


@st.composite
def networks(draw: st.DrawFn) -> Vpc:
    """Two private subnets, with or without a way out by NAT, a machine between them, and an endpoint, behind ACLs and
    clients' own groups of every kind. Mostly one has a way out, so that a plan for the other may take something from
    it.
    """
    is_plain = draw(st.integers(0, 2)) > 0
    out = draw(st.sampled_from([("a",), ("b",)] if is_plain else [(), ("a",), ("b",), ("a", "b")]))
    led = () if is_plain else draw(st.sampled_from([(), (), *((one,) for one in DETOURS)]))
    acls_of = denying if is_plain else acls
    public = table("nat", default_route(TargetKind.INTERNET_GATEWAY), subnets=("nat",))
    there, of_endpoints = draw(endpoints())
    found = replace(
        vpc(CLIENT, HOST, NAT_HOME, table("main"), table("out", OUT, *led, subnets=out), public),
        nat_gateways=(NAT,),
        network_acls=tuple(draw(acls_of(one.id)) for one in (CLIENT, HOST, NAT_HOME) if draw(st.booleans())),
        interfaces=tuple(draw(at_work)),
        client_groups=draw(client_groups()),
        prefix_lists=LISTS,
        endpoints=there,
        security_groups=of_endpoints,
    )
    return with_interfaces(found)


def test_what_a_plan_could_take_is_among_the_networks() -> None:
    """A strategy that never draws it would let the property hold of a plan that looks after nobody."""
    seen: Counter[str] = Counter()

    @settings(max_examples=150, derandomize=True, database=None, phases=[Phase.generate])
    @given(networks())
    def draw(network: Vpc) -> None:
        found = planned(network, per_zone=False)
        after = with_interfaces(applied(network, found.actions))
        before = clients_that_pass(network)
        refused = " ".join(action.error for action in found.actions)
        changed = {one.kind for one in found.actions if one.status is Status.PLANNED and one.endpoint_id}
        seen.update(["an endpoint of before that is changed"] if before and changed else [])
        seen.update(["one that must not take the name"] if before and network.endpoints and refused else [])
        seen.update(["a client that passes before and after"] if before and before & clients_that_pass(after) else [])
        seen.update(["a client's group in the way"] if before and "doesn't allow outbound" in refused else [])
        seen.update(["an ACL in the way"] if open_clients(network) and "network ACL" in refused else [])
        seen.update(["a few addresses that are named"] if open_clients(network) - open_clients(after) else [])
        ports = {port for _, _, port in before}
        seen.update(["one port of two in use"] if len(ports) == 1 and not refused else [])
        seen.update(["a port that would be lost"] if "would make TCP" in refused else [])

    draw()
    wanted = (
        "a client that passes before and after",
        "a client's group in the way",
        "an ACL in the way",
        "an endpoint of before that is changed",
        "one that must not take the name",
        "one port of two in use",
        "a port that would be lost",
    )
    assert {what: seen[what] >= 5 for what in wanted} == dict.fromkeys(wanted, True), seen
    assert seen["a few addresses that are named"], seen


@settings(max_examples=examples(40, soak=1000))
@given(networks(), st.booleans())
def test_a_plan_shuts_no_flow_but_those_that_it_names(network: Vpc, per_zone: bool) -> None:
    before = open_clients(network)
    found = planned(network, per_zone=per_zone)
    after = with_interfaces(applied(network, found.actions))
    lost = before - open_clients(after)
    assert all(is_named(subnet_id, port, found.actions) for subnet_id, _, port in lost), (lost, found.actions)


def planned(network: Vpc, *, per_zone: bool) -> Plan:
    return plan(network, "monitoring", per_zone=per_zone, catalog=ON_BOTH)


def open_clients(network: Vpc) -> set[tuple[str, str, int]]:
    """Each address, with its subnet, and a port of the service to which every flow from it passes."""
    return {
        (subnet.id, str(address), port)
        for port in PORTS
        for oracle in [Oracle(network, [port])]
        for subnet in network.subnets
        for address in oracle._representatives(IPv4Network(subnet.cidr))
        if passes(oracle, subnet, NetworkInterface("eni-asking", subnet.id, (str(address),)))
    }


@settings(max_examples=examples(40, soak=1000))
@given(networks(), st.booleans())
def test_a_plan_cuts_off_no_client_but_those_that_it_names(network: Vpc, per_zone: bool) -> None:
    before = clients_that_pass(network)
    found = planned(network, per_zone=per_zone)
    after = with_interfaces(applied(network, found.actions))
    lost = before - clients_that_pass(after)
    assert all(is_named(subnet_id, port, found.actions) for subnet_id, _, port in lost), (lost, found.actions)


@settings(max_examples=examples(40, soak=1000))
@given(networks(), st.booleans())
def test_what_a_plan_says_would_be_lost_is_open_today(network: Vpc, per_zone: bool) -> None:
    """Of ports that are named, somebody uses each, as far as is known."""
    found = planned(network, per_zone=per_zone)
    said = {
        (subnet_id, port)
        for action in found.actions
        for low, subnet_id in re.findall(r"would make TCP (\d+) of .*? unreachable from (subnet-\w+),", action.error)
        for port in [int(low)]
    }
    assert said <= open_in_part(network), (said, found.actions)


def open_in_part(network: Vpc) -> set[tuple[str, int]]:
    """Each subnet, and a port of the service to which some flows from there pass."""
    there, found = answering(network), set[tuple[str, int]]()
    for port in PORTS:
        oracle = Oracle(network, [port])
        for subnet in network.subnets:
            public = oracle.by_public_name(subnet, None, (), has_public_address=True)
            seen = {oracle.by_endpoint(there, subnet, None)} if there else public
            found |= {(subnet.id, port)} if seen != {Seen.SHUT} else set()
    return found


def clients_that_pass(network: Vpc) -> set[tuple[str, str, int]]:
    """The interfaces, with their subnets, and a port on which their own groups and the network let them reach the
    service: some of its public addresses, or all of an endpoint's.
    """
    found: set[tuple[str, str, int]] = set()
    for one in (one for one in network.interfaces or () if one.is_client and one.group_ids):
        home = next(subnet for subnet in network.subnets if subnet.id == one.subnet_id)
        for port in PORTS:
            oracle = Oracle(network, [port])
            if passes(oracle, home, one) and oracle.lets_out(one, answering(network)):
                found.add((home.id, one.id, port))
    return found


def passes(oracle: Oracle, subnet: Subnet, asking: NetworkInterface) -> bool:
    if there := answering(oracle.vpc):
        return oracle.by_endpoint(there, subnet, asking) is Seen.OPEN
    return oracle.by_public_name(subnet, asking, (), has_public_address=True) == {Seen.OPEN}


def answering(network: Vpc) -> Endpoint | None:
    """The endpoint that has the service's name; of one service, only one can (PrivateLink guide: private DNS)."""
    return next((one for one in network.endpoints if one.private_dns), None)


def with_interfaces(network: Vpc) -> Vpc:
    """The VPC once its endpoints have interfaces, and these have addresses."""
    made = {
        f"eni-{one.id}-{subnet_id}": NetworkInterface(
            f"eni-{one.id}-{subnet_id}", subnet_id, (PLACES[subnet_id].format(host),), kind="vpc_endpoint"
        )
        for host, one in enumerate(network.endpoints, start=6)
        for subnet_id in one.subnet_ids
    }
    ready = tuple(
        replace(one, interface_ids=frozenset(f"eni-{one.id}-{subnet_id}" for subnet_id in one.subnet_ids))
        for one in network.endpoints
    )
    others = (one for one in network.interfaces or () if one.id not in made)
    return replace(network, endpoints=ready, interfaces=(*others, *made.values()))


def is_named(subnet_id: str, port: int, actions: tuple[Action, ...]) -> bool:
    texts = [text for action in actions for text in (action.reason, action.error)]
    saying = f"of {subnet_id} would no longer reach it"
    return any(f"{saying} (" in text or f"{saying} on TCP {port} (" in text for text in texts)

"""The oracle follows single packets to the hub and back: an association is offered only where every flow passes."""

from dataclasses import replace
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.core.network.dns import DnsView
from lifeline.core.network.gates import ObstacleKind
from lifeline.core.network.hub import Attachment, GatewayRoute, HubSource, HubView
from lifeline.core.network.model import (
    IN_PLACE_OF,
    MANAGED_BY,
    AclEntry,
    NetworkAcl,
    NetworkInterface,
    Part,
    Route,
    Rule,
    SecurityGroup,
    Subnet,
    TargetKind,
    Unread,
    Vpc,
)
from lifeline.core.plan.actions import ActionKind, Plan
from tests.support.builders import MONITORING, OWNER, VPC_ID, endpoint, route, subnet, table, vpc
from tests.support.examples import examples
from tests.support.hub_oracle import HubOracle
from tests.support.hubs import ADDRESS, HUB_ID, TGW, ZONE, answer, central, hub_vpc, led, offered

A, B = subnet("a"), subnet("b", "us-east-1b", cidr="10.0.2.0/24")
ADDRESSES = {"subnet-host": ADDRESS, "subnet-host-b": "10.9.2.10"}
HUB_SUBNETS = (
    Subnet("subnet-host", "us-east-1a", "", cidr="10.9.1.0/24"),
    Subnet("subnet-host-b", "us-east-1b", "", cidr="10.9.2.0/24"),
    Subnet("subnet-att", "us-east-1a", "", cidr="10.9.3.0/28"),
    Subnet("subnet-att-b", "us-east-1b", "", cidr="10.9.3.16/28"),
)
HUBS_SUBNETS = [("subnet-host",), ("subnet-host", "subnet-host-b"), ("subnet-host-b",)]
HUBS_HOMES = [*[("subnet-att", "subnet-att-b"), ("subnet-host", "subnet-host-b")] * 2, ("subnet-att",)]
PUBLIC = ("1.1.1.1", "52.94.1.1", "203.0.113.9")
SPOKES_BLOCKS = ("10.0.0.0/16", "10.0.0.0/8", "10.0.1.0/24", "10.0.2.0/24", "10.0.1.128/25", "10.0.1.20/32")
HUBS_BLOCKS = ("10.9.0.0/16", "10.9.1.0/24", "10.9.1.10/32", "10.0.0.0/8", "10.9.1.0/28", "10.9.2.0/24")
BLOCKS = ("0.0.0.0/0", *SPOKES_BLOCKS, *HUBS_BLOCKS)
PORTS = [(0, 65535), (443, 443), (1024, 65535), (1024, 40000), (80, 80)]
OPEN = tuple(AclEntry(200, egress, allow=True, protocol="-1", cidr="0.0.0.0/0") for egress in (True, False))

entries = st.builds(
    lambda number, egress, allow, cidr, ports: AclEntry(number, egress, allow, "6", cidr, *ports),
    number=st.integers(1, 99),
    egress=st.booleans(),
    allow=st.booleans(),
    cidr=st.sampled_from(BLOCKS),
    ports=st.sampled_from(PORTS),
)
few_entries = st.lists(entries, max_size=2, unique_by=lambda entry: (entry.number, entry.egress))


@cache
@st.composite
def acls(draw: st.DrawFn, *subnet_ids: str) -> tuple[NetworkAcl, ...]:
    """Mostly none; else a few entries, before what lets all the rest pass or nothing more."""
    if draw(st.integers(0, 2)):
        return ()
    drawn = draw(few_entries)
    rest = OPEN if draw(st.integers(0, 3)) else ()
    return (NetworkAcl(f"acl-{subnet_ids[0]}", frozenset(subnet_ids), (*drawn, *rest)),)


@cache
def routes_to(blocks: tuple[str, ...]) -> st.SearchStrategy[tuple[Route, ...]]:
    """Mostly one active route to the gateway; sometimes others beside it, blackholes and other gateways among them."""
    usual = st.just(route(blocks[0], TargetKind.TRANSIT_GATEWAY, TGW))
    other = st.builds(
        lambda cidr, target, is_active: route(cidr, TargetKind.TRANSIT_GATEWAY, target, active=is_active),
        cidr=st.sampled_from(blocks),
        target=st.sampled_from([TGW, TGW, "tgw-2"]),
        is_active=st.sampled_from([True, True, False]),
    )
    return st.builds(
        lambda first, more: tuple({one.destinations: one for one in (first, *more)}.values()),
        usual,
        st.lists(other, max_size=1) | st.just([]),
    )


@cache
def gateway_table(blocks: tuple[str, ...], vpc_id: str) -> st.SearchStrategy[tuple[GatewayRoute, ...]]:
    other = st.builds(
        lambda cidr, to, is_active: led(cidr, to, active=is_active),
        cidr=st.sampled_from(blocks),
        to=st.sampled_from([vpc_id, vpc_id, "vpc-other"]),
        is_active=st.sampled_from([True, True, False]),
    )
    return st.builds(
        lambda first, more: tuple({one.cidr: one for one in (first, *more)}.values()),
        st.just(led(blocks[0], vpc_id)) | other,
        st.lists(other, max_size=1) | st.just([]),
    )


@st.composite
def spokes(draw: st.DrawFn) -> Vpc:
    """Two subnets with a table each, and a client in the first with groups of its own."""
    tables = [table(name, *draw(routes_to(HUBS_BLOCKS)), subnets=(name,), main=False) for name in ("a", "b")]
    public = route("0.0.0.0/0", TargetKind.INTERNET_GATEWAY, "igw-1")
    if draw(st.booleans()):
        tables[1] = replace(tables[1], routes=(*tables[1].routes, public))
    cidr = draw(st.sampled_from(["0.0.0.0/0", "0.0.0.0/0", *HUBS_BLOCKS]))
    client = NetworkInterface("eni-1", A.id, ("10.0.1.20",), frozenset({"sg-client"}))
    return vpc(
        A,
        B,
        table("main"),
        *tables,
        network_acls=(*draw(acls(A.id)), *draw(acls(B.id))),
        interfaces=(client,),
        client_groups=(SecurityGroup("sg-client", "client", egress=(Rule("tcp", 443, 443, (cidr,)),)),),
    )


@st.composite
def views(draw: st.DrawFn) -> HubView:
    """The hub and the gateway, of which everything is read."""
    rules = draw(st.lists(st.sampled_from(SPOKES_BLOCKS), min_size=1, max_size=2, unique=True))
    own = Route(("10.9.0.0/16",), TargetKind.LOCAL, "local", is_active=True)
    back = draw(routes_to(("10.0.0.0/16", *SPOKES_BLOCKS[2:])))
    hosts, homes = draw(st.sampled_from(HUBS_SUBNETS)), draw(st.sampled_from(HUBS_HOMES))
    hub = hub_vpc(
        Rule("tcp", 443, 443, tuple(rules)),
        subnets=HUB_SUBNETS,
        network_acls=draw(acls(draw(st.sampled_from(["subnet-host", "subnet-host-b", "subnet-att"])))),
    )
    hub = replace(hub, route_tables=(replace(hub.route_tables[0], routes=(own, *back)),))
    hub = replace(hub, endpoints=(replace(hub.endpoints[0], subnet_ids=frozenset(hosts)),))
    answered = answer(addresses=tuple(ADDRESSES[host] for host in hosts))
    attached = draw(st.sampled_from([{A.id, B.id}, {A.id, B.id}, {A.id}]))
    return HubView(
        "123456789012",
        (HubSource(ZONE, (answered,), 1, 300),),
        (hub,),
        (
            Attachment(
                "tgw-attach-1", TGW, VPC_ID, frozenset(attached), draw(st.sampled_from([True, True, False])), "rt-1"
            ),
            Attachment("tgw-attach-2", TGW, HUB_ID, frozenset(homes), is_available=True, table_id="rt-2"),
        ),
        {
            "rt-1": draw(gateway_table(HUBS_BLOCKS, HUB_ID)),
            "rt-2": draw(gateway_table(("10.0.0.0/16", *SPOKES_BLOCKS[2:]), VPC_ID)),
        },
    )


def of_view(view: HubView) -> tuple[str, ...]:
    """The addresses with which the hub's zone answers."""
    return view.sources[0].answers[0].addresses or ()


def associated(view: HubView) -> DnsView:
    """What answers names in a VPC that has the hub's zone."""
    return DnsView(view.sources[0].answers)


def associations(found: Plan) -> list[Any]:
    return [one for one in found.actions if one.kind is ActionKind.ASSOCIATE_CENTRAL]


@settings(max_examples=examples(150, soak=800), deadline=None)
@given(spokes(), views())
def test_nobody_is_asked_only_where_every_flow_of_every_client_passes(network: Vpc, view: HubView) -> None:
    offers = associations(offered(network, view))
    oracle = HubOracle(network, view)
    # Where a network ACL shuts a public subnet's way to public addresses, there is nothing that it could lose.
    is_public = any(one.target is TargetKind.INTERNET_GATEWAY for one in network.route_tables[-1].routes)
    is_shut = is_public and not any(oracle.passes_own_acl(B, address) for address in PUBLIC)
    for offer in offers:
        lost = [one.id for one in ((A,) if is_shut else (A, B)) if not oracle.reaches(one, *of_view(view))]
        assert offer.asks or not lost, (lost, offer.checks)


@settings(max_examples=examples(80, soak=500), deadline=None)
@given(spokes(), views())
def test_where_every_flow_passes_and_all_is_read_the_hub_is_offered(network: Vpc, view: HubView) -> None:
    """Otherwise the property above would hold of a judge that never offers anything."""
    oracle = HubOracle(network, view)
    if all(oracle.reaches(one, *of_view(view)) for one in (A, B)):
        assert associations(offered(network, view))


@settings(max_examples=examples(60, soak=1000), deadline=None)
@given(spokes(), views(), st.sampled_from(["tables", "attachments", "vpcs", "subnets", "lists", "limits", "addresses"]))
def test_whatever_was_not_read_nobody_goes_unasked(network: Vpc, view: HubView, missing: str) -> None:
    hub = view.vpcs[0]
    unlisted = replace(hub.route_tables[0], routes=hub.route_tables[0].routes[:1])
    by_list = replace(hub, route_tables=(unlisted,), unread=(Unread(Part.PREFIX_LIST, "denied"),))
    parts: dict[str, Any] = {
        "tables": {"tables": {}},
        "attachments": {"attachments": None},
        "vpcs": {"vpcs": ()},
        "subnets": {"vpcs": (replace(hub, subnets=()),)},
        "lists": {"vpcs": (by_list,)},
        "addresses": {"sources": (HubSource(ZONE, (answer(addresses=None),), 1, 300),)},
        "limits": {"sources": (HubSource(ZONE, view.sources[0].answers),)},
    }
    for offer in associations(offered(network, replace(view, **parts[missing]))):
        assert offer.asks


@settings(max_examples=examples(100, soak=800), deadline=None)
@given(spokes(), views())
def test_once_it_is_associated_the_way_counts_as_cut_beyond_only_where_a_flow_does_not_pass(
    network: Vpc, view: HubView
) -> None:
    found = offered(network, view, dns=associated(view))
    oracle, subnets = HubOracle(network, view), {A.id: A, B.id: B}
    paths = [path for report in found.services for path in report.paths]
    cut = [subnet_id for subnet_id, path in paths if any(one.kind is ObstacleKind.BEYOND for one in path.obstacles)]
    assert not [subnet_id for subnet_id in cut if oracle.reaches(subnets[subnet_id], *of_view(view))]
    if all(oracle.reaches(subnets[subnet_id], *of_view(view)) for subnet_id, _ in paths):
        assert not found.actions


@settings(max_examples=examples(60, soak=500), deadline=None)
@given(spokes(), views(), st.booleans())
def test_what_there_is_of_ipv6_decides_nothing_for_clients_of_both_families(
    network: Vpc, view: HubView, is_answered: bool
) -> None:
    """They reach names that have both by IPv4 (ADR 5)."""
    subnets = tuple(replace(one, ipv6_cidrs=(f"2001:db8:1:{place}::/64",)) for place, one in enumerate((A, B)))
    both = replace(network, subnets=subnets)
    (answered,) = view.sources[0].answers
    addresses = (*of_view(view), "2001:db8:9::10") if is_answered else of_view(view)
    seen = replace(view, sources=(replace(view.sources[0], answers=(answered.answering(addresses),)),))
    hub = central(cidrs=("10.9.0.0/16", "2001:db8:9::/56"))
    plain, same = offered(network, view, central=hub), offered(both, seen, central=hub)
    assert [one.asks for one in associations(same)] == [one.asks for one in associations(plain)]
    plain, same = (
        offered(one, found, central=hub, dns=associated(found)) for one, found in ((network, view), (both, seen))
    )
    assert [report.state for report in same.services] == [report.state for report in plain.services]


@settings(max_examples=examples(60, soak=500), deadline=None)
@given(spokes(), views())
def test_a_swap_back_is_proposed_only_where_the_way_there_is_not_known_to_be_cut(network: Vpc, view: HubView) -> None:
    """Otherwise a name would go to and fro."""
    tags = ((MANAGED_BY, OWNER), (IN_PLACE_OF, ZONE))
    held = replace(network, endpoints=(endpoint(MONITORING, "a", tags=tags),))
    back = [one for one in offered(held, view).actions if one.kind is ActionKind.SWAP_TO_CENTRAL]
    there = offered(
        replace(network, endpoints=(replace(held.endpoints[0], private_dns=False),)),
        view,
        dns=associated(view),
    )
    assert not back or not [one for one in there.actions if one.kind is ActionKind.SWAP_TO_LOCAL]

"""Where prefix lists of one route table share addresses, AWS chooses the route, and doesn't say which it chose.

VPC guide: route priority and prefix lists.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.model import (
    AclEntry,
    NatGateway,
    NetworkAcl,
    Route,
    RouteTable,
    TargetKind,
    Tier,
    UnsureTier,
    Vpc,
)
from lifeline.core.network.network_path import Reach
from lifeline.core.network.ports import HTTPS
from lifeline.core.network.priority import choices, in_force, is_decided
from lifeline.core.network.reach import ServiceReach, find_path
from lifeline.core.network.tiers import as_chosen, classify
from lifeline.core.network.way_out import doubts_of_way_out
from lifeline.core.plan.harm import find_dependents
from tests.core.network.test_by_packets import CATALOG, CLIENT, HOST, NAT, NAT_HOME, as_seen
from tests.support.builders import LOCAL, default_route, gateway, subnet, table, vpc
from tests.support.examples import examples
from tests.support.oracle import Oracle, Seen

IGW = TargetKind.INTERNET_GATEWAY
TO_NAT, TO_NOWHERE = (TargetKind.NAT_GATEWAY, NAT.id), (TargetKind.VIRTUAL_PRIVATE_GATEWAY, "vgw-1")
TO_HUB, TO_PEER = (TargetKind.TRANSIT_GATEWAY, "tgw-1"), (TargetKind.PEERING, "pcx-1")
TO_S3 = (TargetKind.GATEWAY_ENDPOINT, "vpce-1")
HALVES = ("0.0.0.0/1", "128.0.0.0/1")
HOME = table("nat", default_route(IGW, "igw-1"), subnets=("nat",))


def by_list(list_id: str, target: tuple[TargetKind, str], *blocks: str, active: bool = True) -> Route:
    return Route(blocks, *target, active, list_id)


def obeyed(*listed: Route, static: Iterable[Route] = ()) -> tuple[Route, ...]:
    return tuple(in_force([*((0, one) for one in static), *((1, one) for one in sorted(listed))]))


def network(*listed: Route, static: Iterable[Route] = (), home: RouteTable = HOME, **more: object) -> Vpc:
    main = replace(table("main"), routes=obeyed(*listed, static=(LOCAL, *static)))
    nats = NatGateway("nat-2", is_public=True, is_available=True, subnet_id=NAT_HOME.id)
    return replace(vpc(CLIENT, HOST, NAT_HOME, main, home, nat_gateways=(NAT, nats)), **more)  # type: ignore[arg-type]


def undecided(routes: Iterable[Route]) -> dict[tuple[str, ...], set[str]]:
    return {one.destinations: {rival.target_id for rival in one.candidates} for one in routes if one.candidates}


def reach(there: Vpc, *, service: str = "monitoring") -> Reach:
    return find_path(CLIENT, there, service, CATALOG, DnsView(), has_public_address=False).reach


# ---- which routes AWS obeys


@pytest.mark.parametrize(
    ("theirs", "others", "shared"),
    [
        (("52.0.0.0/8",), ("52.0.0.0/8", "54.0.0.0/8"), ("52.0.0.0/8",)),
        (("52.0.0.0/8",), ("52.1.0.0/16", "54.0.0.0/8"), ("52.1.0.0/16",)),
        (("52.0.0.0/8",), ("54.0.0.0/8",), ()),
        (("2001:db8::/32",), ("2001:db8::/32",), ("2001:db8::/32",)),
        (("2001:db8::/32",), ("2001:db8:1::/48",), ("2001:db8:1::/48",)),
        (("::/0",), ("0.0.0.0/0",), ()),
    ],
)
def test_what_lists_share_is_undecided_and_the_rest_is_not(
    theirs: tuple[str, ...], others: tuple[str, ...], shared: tuple[str, ...]
) -> None:
    for ours, yours in ((theirs, others), (others, theirs)):
        found = obeyed(by_list("pl-1", TO_NAT, *ours), by_list("pl-2", TO_HUB, *yours))
        assert undecided(found) == ({shared: {"nat-1", "tgw-1"}} if shared else {})
        alone = {one.target_id: set(one.destinations) for one in found if not one.candidates}
        assert alone == {"nat-1": {*ours} - {*shared}, "tgw-1": {*yours} - {*shared}}


def test_lists_that_lead_to_the_same_target_decide_nothing_differently() -> None:
    found = obeyed(by_list("pl-1", TO_NAT, "52.0.0.0/8"), by_list("pl-2", TO_NAT, "52.0.0.0/8", "52.1.0.0/16"))
    assert not undecided(found)
    assert {text for one in found for text in one.destinations} == {"52.0.0.0/8", "52.1.0.0/16"}


def test_a_static_route_between_the_blocks_of_two_lists_may_take_what_they_share() -> None:
    """Where AWS chooses the wider block, the narrower static route goes before that; of one list, it chooses none."""
    wide, narrow = by_list("pl-1", TO_NOWHERE, "0.0.0.0/0"), by_list("pl-2", TO_NOWHERE, "52.0.0.0/8")
    static = [Route(HALVES[:1], IGW, "igw-1", is_active=True)]
    assert undecided(obeyed(wide, narrow, static=static)) == {("52.0.0.0/8",): {"igw-1", "vgw-1"}}
    other = replace(wide, target=TargetKind.TRANSIT_GATEWAY, target_id="tgw-1")
    assert undecided(obeyed(other, narrow, static=static)) == {("52.0.0.0/8",): {"igw-1", "vgw-1"}}
    both = by_list("pl-1", TO_NOWHERE, "0.0.0.0/0", "52.0.0.0/8")
    assert not undecided(obeyed(both, static=static))
    around = [Route(("0.0.0.0/0",), IGW, "igw-1", is_active=True)]
    assert not undecided(obeyed(by_list("pl-1", TO_NOWHERE, "48.0.0.0/4"), narrow, static=around))


def test_a_static_route_for_the_block_counts_before_the_lists_and_one_of_a_gateway_only_after() -> None:
    lists = by_list("pl-1", TO_NAT, "0.0.0.0/0"), by_list("pl-2", TO_HUB, "0.0.0.0/0")
    assert not undecided(obeyed(*lists, static=[default_route(IGW)]))
    propagated = (2, default_route(TargetKind.VIRTUAL_PRIVATE_GATEWAY))
    found = tuple(in_force([*((1, one) for one in lists), propagated]))
    assert [one.target for one in found if one.destinations] == [TargetKind.UNDECIDED]


def test_each_candidate_stays_a_route_of_the_table_whatever_is_left_of_its_list() -> None:
    """Who looks for what changed goes by the targets and lists that the table names."""
    found = obeyed(by_list("pl-1", TO_NAT, "0.0.0.0/0"), by_list("pl-2", TO_HUB, "0.0.0.0/0"))
    assert {(one.target_id, one.prefix_list_id) for one in found} >= {("nat-1", "pl-1"), ("tgw-1", "pl-2")}


def test_too_many_choices_are_not_judged_one_by_one() -> None:
    lists = [by_list(f"pl-{n}", (TargetKind.PEERING, f"pcx-{n}"), f"52.0.0.0/{8 + n}") for n in range(5)]
    there = network(*lists)
    assert not list(choices(there.route_tables))
    assert as_chosen(CLIENT, there) == ()
    assert classify(CLIENT, there) is UnsureTier.UNKNOWN
    assert reach(there) is Reach.UNKNOWN
    assert doubts_of_way_out(CLIENT, there, "monitoring", HTTPS)


@pytest.mark.parametrize("count", range(1, 7))
def test_at_most_eight_choices_are_judged_for_each_subnet(count: int) -> None:
    shared = [(number, f"52.{number}.0.0/16") for number in range(count)]
    theirs = [by_list(f"pl-{number}a", TO_NAT, block) for number, block in shared]
    others = [by_list(f"pl-{number}b", (TargetKind.PEERING, f"pcx-{number}"), block) for number, block in shared]
    there = network(*theirs, *others, static=[default_route(*TO_NAT)])
    assert len(list(choices(there.route_tables))) == (2**count if count <= 3 else 0)


# ---- what that leaves open


@pytest.mark.parametrize("blocks", [("0.0.0.0/0",), HALVES], ids=["the same block", "narrower ones"])
@pytest.mark.parametrize(
    ("one", "other", "active", "tier", "path"),
    [
        (TO_NAT, TO_NOWHERE, False, UnsureTier.NOT_PUBLIC, Reach.UNKNOWN),
        ((IGW, "igw-1"), TO_NOWHERE, False, UnsureTier.UNKNOWN, Reach.UNREACHABLE),  # without a public address
        ((IGW, "igw-1"), TO_NAT, True, UnsureTier.UNKNOWN, Reach.UNKNOWN),
        (TO_NAT, TO_HUB, True, Tier.EGRESS, Reach.OPEN_EGRESS),
        (TO_NAT, (TargetKind.NAT_GATEWAY, "nat-2"), True, Tier.EGRESS, Reach.OPEN_EGRESS),
        (TO_PEER, TO_NOWHERE, False, Tier.ISOLATED, Reach.UNREACHABLE),
    ],
)
def test_a_tier_and_a_path_are_known_where_each_choice_gives_the_same(
    blocks: tuple[str, ...],
    one: tuple[TargetKind, str],
    other: tuple[TargetKind, str],
    tier: Tier | UnsureTier,
    path: Reach,
    *,
    active: bool,
) -> None:
    for wide, narrow in ((one, other), (other, one)):
        leads = {one: True, other: active}
        there = network(
            by_list("pl-1", wide, "0.0.0.0/0", active=leads[wide]),
            by_list("pl-2", narrow, *blocks, active=leads[narrow]),
        )
        assert classify(CLIENT, there) is tier
        if path is Reach.UNREACHABLE:
            assert reach(there) in {path, Reach.NO_ADDRESS}
        else:
            assert reach(there) is path


def test_the_words_say_between_which_targets_it_isnt_known() -> None:
    there = network(by_list("pl-1", TO_NAT, "0.0.0.0/0"), by_list("pl-2", TO_NOWHERE, "0.0.0.0/0", active=False))
    path = ServiceReach(there, "monitoring", CATALOG, DnsView()).path(CLIENT, has_public_address=False)
    assert path.unread == (
        "rtb-main leads addresses that prefix lists share to nat-1 or vgw-1, and AWS doesn't say to which",
    )
    assert path.notes[0] == ("subnet-a is isolated or egress: rtb-main has routes by prefix lists that share addresses")
    assert path.is_repairable


def test_of_choices_that_are_shut_each_by_another_cause_none_is_named_as_the_cause() -> None:
    walled = NetworkAcl("acl-1", frozenset({NAT_HOME.id}), ())
    there = network(by_list("pl-1", (IGW, "igw-1"), "0.0.0.0/0"), by_list("pl-2", TO_NAT, "0.0.0.0/0"))
    found = find_path(
        CLIENT, replace(there, network_acls=(walled,)), "monitoring", CATALOG, DnsView(), has_public_address=False
    )
    assert (found.reach, found.obstacles) == (Reach.UNREACHABLE, ())
    assert found.words == "subnet-a can't reach the monitoring service, whichever route AWS chose"
    assert set(found.notes[1:]) == {
        "by one of the routes, network ACL acl-1 doesn't let 443 into subnet-nat from 10.0.1.0/24",
        "by one of the routes, the instance has no public IPv4 address",
    }
    both = network(
        by_list("pl-1", TO_NAT, "0.0.0.0/0"), by_list("pl-2", (TargetKind.NAT_GATEWAY, "nat-2"), "0.0.0.0/0")
    )
    both = replace(both, network_acls=(walled,))
    alike = find_path(CLIENT, both, "monitoring", CATALOG, DnsView(), has_public_address=False)
    assert (alike.reach, len(alike.obstacles)) == (Reach.FILTERED, 1)


@pytest.mark.parametrize(("shut", "reach"), [(443, Reach.PARTLY), (8443, Reach.UNKNOWN)])
def test_choices_that_shut_different_ports_are_not_alike(shut: int, reach: Reach) -> None:
    lists = by_list("pl-1", TO_NAT, "0.0.0.0/0"), by_list("pl-2", (TargetKind.NAT_GATEWAY, "nat-2"), "0.0.0.0/0")
    there = network(
        *lists, home=table("nat", default_route(IGW, "igw-1"), subnets=("nat", HOST.id.removeprefix("subnet-")))
    )
    in_host = NatGateway("nat-2", is_public=True, is_available=True, subnet_id=HOST.id)
    everything = tuple(AclEntry(100, egress, allow=True, protocol="-1", cidr="0.0.0.0/0") for egress in (True, False))
    acls = tuple(
        NetworkAcl(
            f"acl-{home.id}",
            frozenset({home.id}),
            (AclEntry(1, True, False, "6", "0.0.0.0/0", port, port), *everything),
        )
        for home, port in ((NAT_HOME, 443), (HOST, shut))
    )
    there = replace(there, nat_gateways=(NAT, in_host), network_acls=acls)
    on_both = replace(CATALOG, ports=(("monitoring", ((443, 443), (8443, 8443))),))
    found = find_path(CLIENT, there, "monitoring", on_both, DnsView(), has_public_address=False)
    assert found.reach is reach


@pytest.mark.parametrize(
    ("service", "which"), [("monitoring", "the monitoring service"), ("email-smtp", "the email-smtp service")]
)
@pytest.mark.parametrize("lists", [("pl-1", "pl-2"), ("pl-2", "pl-1")])
def test_what_one_choice_leaves_open_is_said_of_the_path(service: str, which: str, lists: tuple[str, str]) -> None:
    """That EC2 may block TCP 25 is said of all ports where more isn't known of them than that."""
    one, other = by_list(lists[0], TO_NAT, "52.0.0.0/8"), by_list(lists[1], (IGW, "igw-1"), "52.0.0.0/8")
    there = network(one, other, static=[default_route(*TO_NAT)])
    found = find_path(CLIENT, there, service, CATALOG, DnsView(), has_public_address=False)
    assert found.words == f"rtb-main leads out of the VPC, but it isn't known whether that leads to {which}"
    assert "igw-1, which carries nothing of what has none itself" in found.unread[-1]


def test_where_one_choice_leads_some_addresses_out_it_isnt_said_that_no_route_does() -> None:
    there = network(by_list("pl-1", TO_NAT, "52.0.0.0/8"), by_list("pl-2", TO_NOWHERE, "52.0.0.0/8", active=False))
    found = find_path(CLIENT, there, "monitoring", CATALOG, DnsView(), has_public_address=False)
    assert found.notes[0] == "subnet-a is isolated: rtb-main has no default route out of the VPC"


def test_ipv6_is_judged_by_its_own_blocks() -> None:
    six = subnet("six", cidr="", ipv6_cidrs=("2001:db8::/64",))
    out, nowhere = (TargetKind.EGRESS_ONLY_GATEWAY, "eigw-1"), TO_NOWHERE
    listed = by_list("pl-1", out, "::/0"), by_list("pl-2", nowhere, "::/0", active=False)
    there = replace(network(*listed, static=[default_route(*TO_NAT)]), subnets=(six, CLIENT, NAT_HOME))
    assert classify(six, there) is UnsureTier.NOT_PUBLIC
    assert classify(CLIENT, there) is Tier.EGRESS


@pytest.mark.parametrize("active", [True, False])
def test_shared_private_addresses_leave_the_way_to_public_ones_as_it_is(*, active: bool) -> None:
    lists = by_list("pl-1", TO_PEER, "10.128.0.0/9", active=active), by_list("pl-2", TO_NAT, "10.128.0.0/9")
    there = network(*lists, static=[default_route(*TO_NAT)])
    assert undecided(there.route_tables[0].routes)
    path = find_path(CLIENT, there, "monitoring", CATALOG, DnsView(), has_public_address=False)
    assert (classify(CLIENT, there), path.reach, path.unread) == (Tier.EGRESS, Reach.OPEN_EGRESS, ())
    assert not doubts_of_way_out(CLIENT, there, "monitoring", HTTPS)


def test_shared_public_addresses_that_one_of_the_routes_loses_leave_it_open_whether_the_service_is_there() -> None:
    lists = by_list("pl-1", TO_NOWHERE, "52.0.0.0/8", active=False), by_list("pl-2", TO_NAT, "52.0.0.0/8")
    there = network(*lists, static=[default_route(*TO_NAT)])
    assert classify(CLIENT, there) is Tier.EGRESS
    assert doubts_of_way_out(CLIENT, there, "monitoring", HTTPS)
    path = find_path(CLIENT, there, "monitoring", CATALOG, DnsView(), has_public_address=False)
    assert path.uncertainties


def test_the_lists_of_a_nat_gateways_own_table_decide_too() -> None:
    routes = obeyed(by_list("pl-1", (IGW, "igw-1"), "0.0.0.0/0"), by_list("pl-2", TO_PEER, "0.0.0.0/0"))
    there = network(static=[default_route(*TO_NAT)], home=replace(HOME, routes=routes))
    assert classify(CLIENT, there) is UnsureTier.NOT_PUBLIC
    assert reach(there) is Reach.UNKNOWN


@pytest.mark.parametrize(
    ("block", "expected"),
    [("52.0.0.0/8", Reach.UNKNOWN), ("52.1.0.0/16", Reach.UNKNOWN), ("0.0.0.0/0", Reach.SERVED)],
    ids=["the same block", "a narrower one", "a wider one"],
)
def test_what_another_list_takes_from_a_gateway_endpoint_isnt_known_but_by_wider_blocks(
    block: str, expected: Reach
) -> None:
    """PrivateLink guide: gateway endpoints: theirs goes before a wider route."""
    lists = by_list("pl-s3", TO_S3, "52.0.0.0/8"), by_list("pl-1", TO_NOWHERE, block, active=False)
    there = network(*lists, endpoints=(gateway("main", id="vpce-1"),))
    path = ServiceReach(there, "s3", CATALOG, DnsView()).private_path(CLIENT)
    assert (path.reach, path.endpoint_id) == (expected, "vpce-1")


@pytest.mark.parametrize(
    ("other", "active", "expected"),
    [(TO_PEER, True, Reach.CENTRAL), (TO_NOWHERE, False, Reach.UNKNOWN), (TO_HUB, True, Reach.CENTRAL)],
)
def test_the_way_to_a_central_endpoint_is_known_where_each_choice_leads_there(
    other: tuple[TargetKind, str], expected: Reach, *, active: bool
) -> None:
    zone = DnsAnswer(AnswerKind.PRIVATE_ZONE, "monitoring.amazonaws.com", "Z1", "", addresses=("10.200.0.10",))
    there = network(by_list("pl-1", TO_HUB, "10.200.0.0/16"), by_list("pl-2", other, "10.200.0.0/24", active=active))
    path = find_path(CLIENT, there, "monitoring", CATALOG, DnsView((zone,)), has_public_address=False)
    assert (path.reach, path.central_id) == (expected, "Z1")


def test_who_may_reach_the_service_today_counts_before_private_dns_is_turned_on() -> None:
    lists = by_list("pl-1", TO_NAT, "0.0.0.0/0"), by_list("pl-2", TO_NOWHERE, "0.0.0.0/0", active=False)
    for listed in (lists, lists[:1]):
        there = network(*listed)
        found = {one.subnet.id: not one.unread for one in find_dependents("monitoring", there, CATALOG, DnsView())}
        assert found[CLIENT.id] is is_decided(there.route_tables)


# ---- by each of AWS's choices, written another way

TARGETS = (TO_NAT, (TargetKind.NAT_GATEWAY, "nat-2"), TO_NOWHERE, (IGW, "igw-1"))
PARTS = ("52.0.0.0/8", "52.2.0.0/15", "54.0.0.0/8", "10.128.0.0/9")


def led(list_id: str, *blocks: str) -> st.SearchStrategy[Route]:
    """A route by a list of some of these blocks."""
    some = st.lists(st.sampled_from(blocks), min_size=1, max_size=3, unique=True)
    to = st.sampled_from(TARGETS)
    return st.builds(lambda target, found: by_list(list_id, target, *found, active=target != TO_NOWHERE), to, some)


parts = st.tuples(led("pl-1", *PARTS), led("pl-2", *PARTS))
whole = st.tuples(
    led("pl-1", "0.0.0.0/0") | led("pl-1", *HALVES, *PARTS), led("pl-2", "0.0.0.0/0") | led("pl-2", *HALVES, *PARTS)
)


def as_aws_may(one: Route, other: Route) -> Iterator[tuple[Route, ...]]:
    """All that the guide leaves open: which of the two goes first, and whether for the same blocks alone or for all
    that overlap.
    """
    for first, second in ((one, other), (other, one)):
        inside = {
            text
            for text in second.destinations
            if any(ip_network(text).subnet_of(ip_network(around)) for around in first.destinations)  # type: ignore[arg-type]
        }
        for taken in (set(first.destinations), inside):
            yield first, replace(second, destinations=tuple(text for text in second.destinations if text not in taken))


@settings(max_examples=examples(100, soak=2000))
@given(parts | whole, st.booleans())
def test_the_judge_knows_what_all_choices_have_in_common(lists: tuple[Route, Route], has_address: bool) -> None:
    there = network(*lists)
    each = [replace(there, route_tables=(table("main", *routes), HOME)) for routes in as_aws_may(*lists)]
    found, *paths = (
        find_path(CLIENT, one, "monitoring", CATALOG, DnsView(), has_public_address=has_address)
        for one in (there, *each)
    )
    said, possible = as_seen(found), {as_seen(path) for path in paths}
    assert possible == {said} if said else possible == {None} or len(possible) > 1, (found, paths)
    tiers = {classify(CLIENT, one) for one in each}
    assert classify(CLIENT, there) in tiers if len(tiers) == 1 else tiers <= classify(CLIENT, there).possible


@settings(max_examples=examples(50, soak=2000))
@given(parts)
def test_the_judge_and_the_oracle_agree_on_prefix_lists(lists: tuple[Route, Route]) -> None:
    static = default_route(*TO_NAT)
    there = network(*lists, static=[static])
    path = find_path(CLIENT, there, "monitoring", CATALOG, DnsView(), has_public_address=True)
    possible: set[Seen] = set()
    for routes in as_aws_may(*lists):
        oracle = Oracle(replace(there, route_tables=(table("main", static, *routes), HOME)), [443])
        possible |= oracle.by_public_name(CLIENT, None, (), has_public_address=True)
    said = as_seen(path)
    assert possible == {said} if said else len(possible) > 1, (path, possible)

"""What lies beyond a VPC: addresses that stand for all others, and which route of a transit gateway decides."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.gates import End
from lifeline.core.network.hub import (
    Attachment,
    Check,
    CheckAnswer,
    GatewayRoute,
    HubSource,
    HubView,
    _by_table,
    _check_group,
    _check_way_back,
)
from lifeline.core.network.model import Route, Rule, SecurityGroup, TargetKind, Vpc
from lifeline.core.network.packets import span
from lifeline.core.network.routing import Routing
from tests.support.builders import MONITORING, endpoint, subnet, table

BLOCKS = [f"10.0.0.{place * size}/{bits}" for bits, size in ((29, 8), (30, 4), (32, 1)) for place in range(5)]


@given(
    st.lists(st.sampled_from(BLOCKS)),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_no_block_divides_a_piece(blocks: list[str], first: int, more: int) -> None:
    """Every address is in the same blocks as the first one of its piece."""
    low, high = (span("10.0.0.0/32")[0] + number for number in (first, first + more))

    def around(address: int) -> list[str]:
        return [text for text in blocks if span(text)[0] <= address <= span(text)[1]]

    texts = [*blocks, "2001:db8::/32"]
    found = [first for (first, _), _ in Routing.of(zip(texts, texts, strict=True), 4).parts(((low, high),))]
    assert found[0] == low
    assert found == sorted(set(found))
    for address in range(low, high + 1):
        assert around(address) == around(max(mark for mark in found if mark <= address))
    assert found[-1] <= high


def test_a_profile_that_the_hub_read_completes_what_the_vpcs_account_could_not_read_of_it() -> None:
    missing, left = "the Profile rp-1 isn't readable", "the resolver rules aren't readable"
    answer, kept = (DnsAnswer(AnswerKind.PROFILE, "rp-1", domain, "") for domain in ("example.com", "example.org"))
    dns = DnsView(profiles=(("rp-1", (missing,)),), unreadable=(missing, left), throttled=(missing, left))
    read = HubSource("rp-1", (answer,), kept_here=(kept,))
    found = HubView("999999999999", (read,)).completed(dns)
    assert (found.answers, found.kept_here) == ((answer,), (kept,))
    assert (found.unreadable, found.throttled) == ((left,), (left,))
    assert HubView("999999999999", (replace(read, unread=("its rules",)),)).completed(dns) == dns


OWN = Attachment("tgw-attach-1", "tgw-1", "vpc-1", frozenset({"subnet-a"}), is_available=True, table_id="tgw-rtb-1")


def route(cidr: str, *vpc_ids: str, is_active: bool = True) -> GatewayRoute:
    return GatewayRoute(cidr, frozenset(vpc_ids), is_active)


@pytest.mark.parametrize(
    ("routes", "finding", "why"),
    [
        ((route("10.9.0.0/16", "vpc-hub"),), CheckAnswer.YES, ""),
        ((route("0.0.0.0/0", "vpc-hub"), route("::/0", "vpc-other")), CheckAnswer.YES, ""),
        ((), CheckAnswer.NO, "tgw-rtb-1: it has no route there"),
        ((route("::/0", "vpc-hub"),), CheckAnswer.NO, "tgw-rtb-1: it has no route there"),
        ((route("10.9.0.0/25", "vpc-hub"),), CheckAnswer.NO, "tgw-rtb-1: it has no route there"),  # a half
        ((route("10.9.0.128/25", "vpc-hub"),), CheckAnswer.NO, "tgw-rtb-1: it has no route there"),
        ((route("10.9.0.0/25", "vpc-hub"), route("10.9.0.128/25", "vpc-hub")), CheckAnswer.YES, ""),
        (
            (route("10.9.0.0/16", "vpc-hub"), route("10.9.0.7/32", is_active=False)),
            CheckAnswer.NO,
            "tgw-rtb-1: its route to 10.9.0.7/32 is a blackhole",
        ),
        ((route("10.9.0.0/24", "vpc-hub"), route("10.0.0.0/8", is_active=False)), CheckAnswer.YES, ""),
        (
            (route("10.9.0.0/16", "vpc-hub"), route("10.9.0.255/32", "vpc-other")),
            CheckAnswer.UNREAD,
            "tgw-rtb-1 leads 10.9.0.255/32 to vpc-other, and what is behind that can't be read",
        ),
        (
            (route("10.9.0.0/16"),),
            CheckAnswer.UNREAD,
            "tgw-rtb-1 leads 10.9.0.0/16 to no VPC, and what is behind that can't be read",
        ),
    ],
)
def test_the_most_specific_route_of_a_transit_gateway_decides_for_each_address(
    routes: tuple[GatewayRoute, ...], finding: CheckAnswer, why: str
) -> None:
    view = HubView("999999999999", (), tables={"tgw-rtb-1": routes})
    check = _by_table("tables", OWN, "10.9.0.0/24", {"vpc-hub"}, view)
    assert (check.finding, check.why) == (finding, why)


def test_ipv6_blocks_have_routes_of_their_own() -> None:
    view = HubView("999999999999", (), tables={"tgw-rtb-1": (route("2001:db8::/32", "vpc-hub"), route("0.0.0.0/0"))})
    assert _by_table("tables", OWN, "2001:db8:9::/64", {"vpc-hub"}, view).finding is CheckAnswer.YES


def test_a_table_that_was_not_read_is_said() -> None:
    view = HubView("999999999999", ())
    assert _by_table("tables", OWN, "10.9.0.0/24", set(), view).why == "the route table tgw-rtb-1 can't be read"
    unnamed = replace(OWN, table_id="")
    assert _by_table("tables", unnamed, "10.9.0.0/24", set(), view).why == (
        "the route table of tgw-attach-1 can't be read"
    )


NEAR = End.of(subnet("a", cidr="10.0.1.0/24"), 4)
ASKING = subnet("a", cidr="10.0.1.0/24")
PORTS = ((443, 443),)
LETS_IN = Rule("tcp", 443, 443, ("10.0.0.0/8",))
HOME = Vpc("vpc-0hub", ("10.9.0.0/16",))
SERVING = endpoint(MONITORING, id="vpce-0hub", security_group_ids=frozenset({"sg-1", "sg-2"}))


def grouped(*rules: Rule, missing: bool = False) -> Check:
    """What is found of an endpoint with two groups, one of which may not have been read."""
    first, second = SecurityGroup("sg-1", "one", rules), SecurityGroup("sg-2", "two")
    hub = replace(HOME, security_groups=(first,) if missing else (first, second))
    return _check_group(SERVING, NEAR, ASKING, hub, PORTS)


@pytest.mark.parametrize(
    ("rules", "missing", "finding", "why"),
    [
        ((LETS_IN,), False, CheckAnswer.YES, ""),
        ((LETS_IN,), True, CheckAnswer.YES, ""),
        ((), False, CheckAnswer.NO, "sg-1, sg-2 doesn't allow inbound 443 from 10.0.1.0/24 (subnet-a)"),
        ((), True, CheckAnswer.UNREAD, "the rules of sg-1, sg-2 can't all be read"),
        (
            (Rule("tcp", 443, 443, prefix_lists=("pl-1",)),),
            False,
            CheckAnswer.UNREAD,
            "sg-1, sg-2 allows what is in pl-1, which was not read",
        ),
        (
            (Rule("tcp", 443, 443, groups=("sg-far",)),),
            False,
            CheckAnswer.UNREAD,
            "sg-1, sg-2 allows members of other groups, which can't be read",
        ),
        (
            (Rule("tcp", 443, 443, ("10.0.1.0/25",)),),
            False,
            CheckAnswer.NO,
            "sg-1, sg-2 doesn't allow inbound 443 from 10.0.1.0/24 (subnet-a)",
        ),
    ],
)
def test_the_groups_of_the_hubs_endpoint_let_the_whole_subnet_in_or_were_not_read(
    rules: tuple[Rule, ...], missing: bool, finding: CheckAnswer, why: str
) -> None:
    check = grouped(*rules, missing=missing)
    assert (check.finding, check.why) == (finding, why)


def test_an_endpoint_without_groups_lets_nobody_in() -> None:
    bare = replace(SERVING, security_group_ids=frozenset())
    assert _check_group(bare, NEAR, ASKING, HOME, PORTS).finding is not CheckAnswer.YES


HUB_HOST = subnet("host", cidr="10.9.1.0/24")
FAR = End.of(subnet("a", cidr="172.16.1.0/24"), 4)


@pytest.mark.parametrize(
    ("routes", "finding"),
    [
        ((("172.16.0.0/12", TargetKind.TRANSIT_GATEWAY, "tgw-1", True),), CheckAnswer.YES),
        ((("172.16.0.0/12", TargetKind.TRANSIT_GATEWAY, "tgw-1", False),), CheckAnswer.NO),
        ((("172.16.0.0/12", TargetKind.TRANSIT_GATEWAY, "tgw-2", True),), CheckAnswer.UNREAD),
        ((("172.16.0.0/12", TargetKind.PEERING, "tgw-1", True),), CheckAnswer.UNREAD),
        ((), CheckAnswer.NO),
        ((("172.16.1.0/25", TargetKind.TRANSIT_GATEWAY, "tgw-1", True),), CheckAnswer.NO),
        ((("172.16.1.128/25", TargetKind.TRANSIT_GATEWAY, "tgw-1", True),), CheckAnswer.NO),
        (
            (
                ("172.16.0.0/12", TargetKind.TRANSIT_GATEWAY, "tgw-1", True),
                ("172.16.1.254/32", TargetKind.NAT_GATEWAY, "nat-1", True),
            ),
            CheckAnswer.UNREAD,
        ),
        (
            (
                ("172.16.0.0/12", TargetKind.TRANSIT_GATEWAY, "tgw-1", True),
                ("172.16.1.255/32", TargetKind.NAT_GATEWAY, "nat-1", True),  # which no interface gets
            ),
            CheckAnswer.YES,
        ),
    ],
)
def test_the_hubs_routes_lead_back_from_everywhere_by_what_leads_there(
    routes: tuple[tuple[str, TargetKind, str, bool], ...], finding: CheckAnswer
) -> None:
    made = [Route((cidr,), kind, id_, is_active=active) for cidr, kind, id_, active in routes]
    hub = replace(HOME, subnets=(HUB_HOST,), route_tables=(table("main", *made),))
    assert _check_way_back(HUB_HOST, FAR, (TargetKind.TRANSIT_GATEWAY, "tgw-1"), hub).finding is finding


def test_a_block_that_the_hub_has_itself_leads_back_nowhere() -> None:
    hub = replace(HOME, cidrs=("10.0.0.0/16",), subnets=(HUB_HOST,), route_tables=(table("main"),))
    check = _check_way_back(HUB_HOST, NEAR, (TargetKind.TRANSIT_GATEWAY, "tgw-1"), hub)
    assert (check.finding, check.why) == (CheckAnswer.NO, "subnet-host leads 10.0.1.0/24 to local and not to tgw-1")


@pytest.mark.parametrize(
    ("vpcs", "taken", "then"),
    [
        (3, {"Z1": 2, "Z2": 5}, 5),
        (3, {"Z2": 5}, 3),
        (0, {"Z1": 2}, 2),
        (0, {}, 0),
        (None, {"Z1": 2}, None),
        (3, None, None),
    ],
)
def test_a_source_has_the_vpcs_more_that_took_a_place_in_it(
    vpcs: int | None, taken: dict[str, int] | None, then: int | None
) -> None:
    hub = HubView("111111111111", (HubSource("Z1", vpcs=vpcs),)).with_taken(taken)
    assert [source.vpcs for source in hub.sources] == [then]

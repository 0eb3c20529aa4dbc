"""What lies beyond a VPC: addresses that stand for all others, and which route of a transit gateway decides."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.network.hub import Attachment, CheckAnswer, GatewayRoute, HubView, _by_table
from lifeline.core.network.packets import span
from lifeline.core.plan.central import _marks as marks

BLOCKS = [f"10.0.0.{place * size}/{bits}" for bits, size in ((29, 8), (30, 4), (32, 1)) for place in range(5)]


@given(
    st.lists(st.sampled_from(BLOCKS)),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_no_block_divides_what_lies_between_two_marks(blocks: list[str], first: int, more: int) -> None:
    """Every address is in the same blocks as the last mark before it."""
    low, high = (span("10.0.0.0/32")[0] + number for number in (first, first + more))

    def around(address: int) -> list[str]:
        return [text for text in blocks if span(text)[0] <= address <= span(text)[1]]

    found = marks(low, high, [*blocks, "2001:db8::/32"], 4)
    assert found[0] == low
    assert list(found) == sorted(set(found))
    for address in range(low, high + 1):
        assert around(address) == around(max(mark for mark in found if mark <= address))
    assert found[-1] <= high


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

"""Addresses and ports as ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.network.model import Ranges
from lifeline.core.network.packets import (
    addresses_in,
    addresses_of,
    blocks_in,
    common,
    flows_beyond,
    flows_of,
    is_few,
    joined,
    narrowed,
    ports_on,
    usable_in,
    without,
)

RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8)), max_size=6).map(
    lambda pairs: tuple((low, low + more) for low, more in pairs)
)
BLOCKS = st.sets(
    st.tuples(st.integers(0, 63), st.integers(0, 6)).map(lambda pair: (pair[0] >> pair[1] << pair[1], pair[1])),
    min_size=1,
).map(lambda pairs: {(low, low + 2**bits - 1) for low, bits in pairs})


@pytest.mark.parametrize(
    ("block", "usable"),
    [
        (
            "10.0.1.0/24",
            (
                "10.0.1.4/30",
                "10.0.1.8/29",
                "10.0.1.16/28",
                "10.0.1.32/27",
                "10.0.1.64/26",
                "10.0.1.128/26",
                "10.0.1.192/27",
                "10.0.1.224/28",
                "10.0.1.240/29",
                "10.0.1.248/30",
                "10.0.1.252/31",
                "10.0.1.254/32",
            ),
        ),
        ("10.0.1.0/29", ("10.0.1.4/31", "10.0.1.6/32")),
        ("10.0.1.0/30", ("10.0.1.0/30",)),
    ],
)
def test_of_a_subnets_block_aws_keeps_the_first_four_addresses_and_the_last(
    block: str, usable: tuple[str, ...]
) -> None:
    assert usable_in(block) == addresses_in(usable, 4)


def numbers(ranges: Ranges) -> set[int]:
    return {number for low, high in ranges for number in range(low, high + 1)}


@given(RANGES, RANGES)
def test_what_ranges_share_and_what_one_has_alone_are_ranges_in_order_that_do_not_touch(
    one: Ranges, other: Ranges
) -> None:
    one = joined(one)
    assert numbers(common(one, other)) == numbers(one) & numbers(other)
    assert numbers(without(one, other)) == numbers(one) - numbers(other)
    assert joined(common(one, other)) == common(one, other)
    assert joined(without(one, other)) == without(one, other)


@given(BLOCKS)
def test_a_block_keeps_what_no_narrower_one_in_it_takes(blocks: set[tuple[int, int]]) -> None:
    left = narrowed(blocks)
    for number in range(64):
        around = [block for block in blocks if block[0] <= number <= block[1]]
        narrowest = min(around, key=lambda block: block[1] - block[0], default=None)
        assert [block for block in around if number in numbers(left[block])] == [narrowest][: len(around)]


@pytest.mark.parametrize(
    ("ranges", "whole"),
    [
        (((5, 9), (1, 4)), ((1, 9),)),  # side by side
        (((1, 4), (6, 9)), ((1, 4), (6, 9))),  # one number between them
        (((1, 9), (3, 4)), ((1, 9),)),
        (((1, 2), (4, 5), (4, 7), (8, 8)), ((1, 2), (4, 8))),
    ],
)
def test_ranges_that_meet_are_one(ranges: Ranges, whole: Ranges) -> None:
    assert joined(ranges) == whole


@pytest.mark.parametrize(
    ("part", "left"),
    [
        (((4, 6),), ((1, 3), (7, 9))),
        (((1, 1), (9, 9)), ((2, 8),)),
        (((0, 3), (8, 12)), ((4, 7),)),
        (((1, 9),), ()),
        (((10, 12),), ((1, 9),)),
    ],
)
def test_what_is_left_of_a_range_ends_right_beside_what_is_taken(part: Ranges, left: Ranges) -> None:
    assert without(((1, 9),), part) == left


def test_two_sets_share_what_is_in_both() -> None:
    assert common(((1, 4), (8, 9)), ((4, 8),)) == ((4, 4), (8, 8))
    assert common(((1, 4),), ((5, 9),)) == ()


@pytest.mark.parametrize(
    ("cidrs", "words"),
    [
        (("10.0.1.7/32",), "10.0.1.7"),
        (("10.0.1.0/24", "10.0.3.0/24", "10.0.5.0/24"), "10.0.1.0/24, 10.0.3.0/24, 10.0.5.0/24"),
        (
            ("10.0.1.0/24", "10.0.3.0/24", "10.0.5.0/24", "10.0.7.0/24"),
            "10.0.1.0/24, 10.0.3.0/24, 10.0.5.0/24, 10.0.7.0/24",
        ),
        (
            ("10.0.1.0/24", "10.0.3.0/24", "10.0.5.0/24", "10.0.7.0/24", "10.0.9.0/24"),
            "10.0.1.0/24, 10.0.3.0/24, 10.0.5.0/24, 2 more blocks",
        ),
    ],
)
def test_of_many_blocks_three_are_named_and_never_one_more_is_counted(cidrs: tuple[str, ...], words: str) -> None:
    assert blocks_in(addresses_in(cidrs, 4), 4) == words


def test_ipv6_addresses_are_named_as_such() -> None:
    assert blocks_in(addresses_in(("2001:db8::7/128", "10.0.1.0/24"), 6), 6) == "2001:db8::7"


@pytest.mark.parametrize(
    ("part", "whole", "is_a_few"), [(15, 121, True), (15, 120, False), (16, 1000, False), (1, 9, True), (1, 8, False)]
)
def test_a_few_are_fewer_than_16_and_less_than_an_eighth(part: int, whole: int, is_a_few: bool) -> None:
    assert is_few(((1, part),), ((1, whole),)) is is_a_few


A, B, C = (1, 10), (11, 20), (5, 15)
ONE, TWO = ((443, 443),), ((8443, 8443),)
BOTH = (*ONE, *TWO)


def test_the_same_flows_are_the_same_whatever_their_parts() -> None:
    assert flows_of([((A, B), ONE), ((C,), TWO)]) == flows_of([((C,), BOTH), (((16, 20),), ONE), ((A,), ONE)])
    assert flows_of([((A,), ONE), ((A,), TWO), ((B,), ONE)]) == (((A,), BOTH), ((B,), ONE))
    assert flows_of([]) == ()
    assert flows_of([((), ONE)]) == ()


def test_flows_are_beyond_others_by_their_address_or_by_their_port() -> None:
    flows = (((A,), BOTH), ((B,), ONE))
    assert flows_beyond(flows, ()) == flows
    assert flows_beyond(flows, flows) == ()
    assert flows_beyond(flows, (((C,), ONE),)) == ((((1, 4),), BOTH), (((5, 10),), TWO), (((16, 20),), ONE))
    assert flows_beyond((((A,), ONE),), (((B,), ONE),)) == (((A,), ONE),)
    assert (addresses_of(flows), ports_on(flows)) == (((1, 20),), BOTH)

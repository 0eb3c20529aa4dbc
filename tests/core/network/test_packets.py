"""Addresses and ports as ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.network.model import Ranges
from lifeline.core.network.packets import addresses_in, common, joined, narrowed, usable_in, without

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

"""The most specific route decides, for whole pieces at a time as for each single address."""

from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.network.packets import span
from lifeline.core.network.routing import Routing, by_taker

FOUR = ("0.0.0.0/0", "10.0.0.0/28", "10.0.0.4/30", "10.0.0.6/32", "10.0.0.8/29", "10.0.0.12/30", "10.0.0.32/31")
SIX = ("::/0", "2001:db8::/126", "2001:db8::2/128")
ENTRIES = st.lists(st.tuples(st.sampled_from(FOUR + SIX), st.sampled_from("abc")), max_size=8)
NUMBERS = st.integers(span("10.0.0.0/32")[0] - 2, span("10.0.0.0/32")[0] + 40)


def most_specific(entries: list[tuple[str, str]], address: int) -> str | None:
    """As the VPC guide says it, one address at a time; of blocks that are alike, the first."""
    covering = [
        (high - low, taker)
        for text, taker in entries
        if ":" not in text
        for low, high in [span(text)]
        if low <= address <= high
    ]
    return min(covering, key=lambda pair: pair[0])[1] if covering else None


@given(ENTRIES, st.lists(st.tuples(NUMBERS, NUMBERS), max_size=3))
def test_each_address_has_the_taker_that_it_would_have_alone(
    entries: list[tuple[str, str]], pairs: list[tuple[int, int]]
) -> None:
    ranges = tuple((min(pair), max(pair)) for pair in pairs)
    parts = list(Routing.of(entries, 4).parts(ranges))
    for (low, high), taker in parts:
        assert {most_specific(entries, address) for address in range(low, high + 1)} == {taker}
    asked = [address for low, high in ranges for address in range(low, high + 1)]
    assert [address for (low, high), _ in parts for address in range(low, high + 1)] == asked


def test_only_blocks_of_the_same_version_count() -> None:
    routing = Routing.of([("::/0", "six"), ("10.0.0.0/8", "four")], 6)
    ((_, taker),) = routing.parts((span("2001:db8::1/128"),))
    assert taker == "six"


def test_without_any_block_nothing_takes_anything() -> None:
    assert list(Routing[str].of([], 4).parts(((1, 2), (5, 5)))) == [((1, 2), None), ((5, 5), None)]


def test_the_pieces_of_each_taker_are_put_together() -> None:
    parts = [((1, 2), "a"), ((3, 3), "b"), ((4, 5), "a"), ((6, 6), "a")]
    assert by_taker(parts) == {"a": ((1, 2), (4, 6)), "b": ((3, 3),)}

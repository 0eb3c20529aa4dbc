"""The cheapest way at each amount of data, and the ways in words and as JSON."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.core.plan.ways import HubComparison, Way, WayCost, comparison_json
from tests.support.examples import examples

CENTS = st.integers(0, 5000).map(lambda cents: Decimal(cents) / 100)
A_GB = st.none() | st.integers(0, 100).map(lambda mills: Decimal(mills) / 1000)


def compared(*costs: tuple[str, str | None]) -> HubComparison:
    """Of a month's price and a GB's, for each way in its order."""
    ways = (
        WayCost(way, Decimal(month), None if gb is None else Decimal(gb), str(way))
        for way, (month, gb) in zip(Way, costs, strict=True)
    )
    return HubComparison(("monitoring",), 1, tuple(ways), "us-east-1")


USUAL = compared(("7.30", "0.01"), ("0.00", "0.03"), ("32.85", "0.045"))


def test_the_hub_is_the_cheapest_until_its_gbs_cost_as_much_as_the_interface() -> None:
    assert USUAL.words == (
        "ways to reach monitoring, in USD per month:",
        "endpoints of its own: 7.30, and 0.01 per GB (local)",
        "the hub's endpoints: 0.00, and 0.03 per GB (central)",
        "a NAT gateway: 32.85, and 0.045 per GB (nat)",
        (
            "cheapest, data included: the hub's endpoints up to 365 GB a month, endpoints of its own above; how much "
            "data there is isn't known"
        ),
    )


def test_a_nat_gateway_that_is_there_anyway_may_be_the_cheapest_first_and_the_hub_next() -> None:
    found = compared(("70.00", "0.01"), ("10.00", "0.02"), ("0.00", "0.045"))
    assert found.cheapest_words == (
        "a NAT gateway up to 400 GB a month, the hub's endpoints up to 6,000 GB, endpoints of its own above; how much "
        "data there is isn't known"
    )


def test_one_way_that_is_always_the_cheapest_needs_no_amount() -> None:
    found = compared(("7.30", "0.01"), ("0.00", "0.01"), ("0.00", "0.045"))
    assert found.words[-1] == "cheapest, data included: the hub's endpoints, however much data there is"


def test_a_way_whose_data_charge_is_not_known_is_left_out_and_named() -> None:
    found = compared(("7.30", "0.01"), ("0.00", None), ("32.85", "0.045"))
    assert "the hub's endpoints: 0.00, and an unknown charge per GB (central)" in found.words
    assert found.cheapest_words == (
        "endpoints of its own, however much data there is (but for the hub's endpoints, whose data charge isn't known)"
    )
    assert comparison_json(found)["ways"]["central"]["per_gb_usd"] is None


def test_as_json_the_amounts_are_whole_gb() -> None:
    assert comparison_json(USUAL)["cheapest"] == [
        {"way": "central", "from_gb": 0, "until_gb": 365},
        {"way": "local", "from_gb": 365, "until_gb": None},
    ]


@settings(max_examples=examples(200, soak=5000))
@given(st.tuples(CENTS, CENTS, CENTS), st.tuples(A_GB, A_GB, st.integers(1, 100).map(Decimal)), st.integers(0, 10**6))
def test_at_every_amount_no_other_way_costs_less(
    months: tuple[Decimal, ...], gbs: tuple[Decimal | None, ...], amount: int
) -> None:
    costs = [WayCost(way, month, gb, "") for way, month, gb in zip(Way, months, gbs, strict=True)]
    stretches = HubComparison((), 1, tuple(costs), "").cheapest

    def total(cost: WayCost) -> Decimal:
        assert cost.per_gb_usd is not None
        return cost.monthly_usd + cost.per_gb_usd * amount

    (chosen,) = [one for one in stretches if one.from_gb <= amount and (one.until_gb is None or amount < one.until_gb)]
    known = {cost.way: total(cost) for cost in costs if cost.per_gb_usd is not None}
    assert known[chosen.way] - min(known.values()) < Decimal("1e-9")  # a crossing may have endless digits

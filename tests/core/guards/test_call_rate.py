"""How fast endpoints may be made, and whose come first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.guards.call_rate import Bucket, reserve
from lifeline.core.plan.actions import Action, ActionKind
from lifeline.core.plan.order import order_steps
from tests.support import builders
from tests.support.builders import endpoint, own_security_group, subnet, vpc

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LONG = timedelta(hours=1)


def test_four_calls_go_at_once_and_the_fifth_waits_for_a_refill() -> None:
    bucket, waits = None, []
    for _ in range(6):
        turn = reserve(bucket, now=NOW, patience=LONG)
        assert turn
        bucket = turn[0]
        waits.append(round(turn[1].total_seconds(), 1))
    assert waits == [0, 0, 0, 0, 3.3, 6.7]


def test_who_cannot_wait_long_enough_takes_no_turn() -> None:
    assert reserve(Bucket(0, NOW), now=NOW, patience=timedelta(seconds=3)) is None


def test_the_bucket_refills_to_four_and_no_more() -> None:
    turn = reserve(Bucket(0, NOW), now=NOW + timedelta(days=1), patience=LONG)
    assert turn == (Bucket(3, NOW + timedelta(days=1)), timedelta(0))


def test_a_clock_that_ran_ahead_refills_nothing() -> None:
    turn = reserve(Bucket(1, NOW + timedelta(minutes=5)), now=NOW, patience=LONG)
    assert turn
    assert turn[0].tokens == 0


@given(st.lists(st.integers(min_value=0, max_value=20), min_size=1, max_size=60))
def test_however_calls_come_aws_never_sees_more_than_its_bucket_holds(gaps: list[int]) -> None:
    bucket, moment, made = None, NOW, []
    for gap in gaps:
        moment += timedelta(seconds=gap)
        turn = reserve(bucket, now=moment, patience=LONG)
        assert turn
        bucket = turn[0]
        made.append(moment + turn[1])
    for start in made:
        for end in made:
            inside = sum(start <= one <= end for one in made)
            if end >= start:
                assert inside <= 4 + (end - start).total_seconds() * 0.3 + 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_first_endpoints_come_before_second_zones_and_the_most_isolated_vpc_first(seed: int) -> None:
    wide = vpc(
        subnet("a"), subnet("b", "us-east-1b"), endpoint(builders.MONITORING, "a"), own_security_group(), id="vpc-1"
    )
    one = vpc(subnet("a"), id="vpc-2")
    three = vpc(subnet("a"), subnet("b"), subnet("c"), id="vpc-3")
    order = [wide, one, three]
    plans = {network.id: builders.plan(network) for network in order[seed:] + order[:seed]}
    steps = [(step.vpc_id, plans[step.vpc_id].actions[step.index].kind) for step in order_steps(plans)]
    assert steps == [
        ("vpc-3", "create_security_group"),
        ("vpc-3", "create_interface_endpoint"),
        ("vpc-2", "create_security_group"),
        ("vpc-2", "create_interface_endpoint"),
        ("vpc-1", "add_subnets"),
    ]


def test_whatever_goes_comes_after_whatever_connects_somebody_in_any_vpc() -> None:
    made = {one.id: builders.plan(one) for one in (vpc(subnet("a"), id="vpc-1"), vpc(subnet("a"), id="vpc-2"))}
    going = (Action(ActionKind.RETIRE_ENDPOINT, "not needed"), Action(ActionKind.DELETE_SECURITY_GROUP, "not needed"))
    plans = made | {"vpc-1": replace(made["vpc-1"], actions=(*going, *made["vpc-1"].actions))}
    kinds = [plans[step.vpc_id].actions[step.index].kind for step in order_steps(plans)]
    assert kinds[-2:] == [ActionKind.RETIRE_ENDPOINT, ActionKind.DELETE_SECURITY_GROUP]
    assert set(kinds[:-2]) == {ActionKind.CREATE_SECURITY_GROUP, ActionKind.CREATE_INTERFACE_ENDPOINT}

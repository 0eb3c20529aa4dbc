"""Which policies of Lifeline's own endpoints stay because they let callers in, and which are reset all the same."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.core.guards.let_in import last_open, leave_policies, letting_in, still_letting_in
from lifeline.core.network.model import Vpc
from lifeline.core.plan.actions import ActionKind
from lifeline.core.plan.cost import price_in
from tests.support.builders import MONITORING, endpoint, plan, subnet, vpc

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
OF_A_BLOCK = {"IpAddress": {"aws:VpcSourceIp": "10.77.0.0/16"}}
OF_AN_ACCOUNT = {"StringEquals": {"aws:PrincipalAccount": "444455556666"}}
OF_A_TIME = {"DateLessThan": {"aws:CurrentTime": "2026-03-02T12:00:00Z"}}


def network(condition: dict[str, Any], *cidrs: str, at: datetime = NOW, own: bool = True) -> Vpc:
    return of_each((condition,), *cidrs, at=at, own=own)


def of_each(conditions: tuple[dict[str, Any], ...], *cidrs: str, at: datetime = NOW, own: bool = True) -> Vpc:
    """A VPC with an endpoint whose policy has a statement for each of these conditions."""
    anybody = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    policy = {"Statement": [anybody | {"Condition": condition} for condition in conditions]}
    made = endpoint(MONITORING, "a", own=own, policy=json.dumps(policy))
    found = vpc(subnet("a"), made, owner_id="111122223333", interfaces=())
    return replace(found, cidrs=("10.0.0.0/16", *cidrs), read_at=at)


@pytest.mark.parametrize(
    ("condition", "cidrs", "is_kept"),
    [
        pytest.param(OF_A_BLOCK, ("10.77.0.0/16",), True, id="some callers"),
        pytest.param(OF_A_BLOCK, (), False, id="nobody"),
        pytest.param(OF_AN_ACCOUNT, (), False, id="nobody of the accounts that are there"),
        pytest.param(OF_A_TIME, (), False, id="everybody for a while: the network has no say in it"),
        pytest.param({"StringEquals": {"aws:SourceVpc": "vpc-other"}}, (), False, id="nobody, whoever is there"),
        pytest.param({}, (), False, id="everybody, whoever is there"),
    ],
)
def test_what_hangs_on_the_network_and_lets_somebody_in_is_remembered(
    condition: dict[str, Any], cidrs: tuple[str, ...], *, is_kept: bool
) -> None:
    assert bool(letting_in(network(condition, *cidrs), {}, {})) is is_kept


def test_it_is_remembered_for_as_long_as_nobody_changes_it() -> None:
    before = letting_in(network(OF_A_BLOCK, "10.77.0.0/16"), {}, {})
    assert letting_in(network(OF_A_BLOCK), before, {}) == before
    assert letting_in(network(OF_AN_ACCOUNT), before, {}) == {}
    assert letting_in(network(OF_A_BLOCK, "10.77.0.0/16", own=False), before, {}) == {}


def test_it_is_remembered_without_the_tag_that_says_whose_the_endpoint_is() -> None:
    found = network(OF_A_BLOCK, "10.77.0.0/16")
    (made,) = found.endpoints
    untagged = replace(found, endpoints=(replace(made, tags=()),))
    assert letting_in(untagged, {}, {}) == letting_in(found, {}, {}) != {}


def test_only_what_let_somebody_in_is_left_as_it_is() -> None:
    before = letting_in(network(OF_A_BLOCK, "10.77.0.0/16"), {}, {})
    for condition, is_left in ((OF_A_BLOCK, True), (OF_AN_ACCOUNT, False)):
        found = network(condition)
        planned = plan(found)
        left = leave_policies(planned, found, before, price_in("us-east-1"))
        (reset,) = [action for action in left.actions if action.kind is ActionKind.RESET_POLICY]
        assert reset.is_blocked is is_left
        assert (left == planned) is not is_left


def test_what_was_for_a_time_is_reset_once_that_is_over() -> None:
    before = letting_in(network(OF_A_TIME), {}, {})
    over = network(OF_A_TIME, at=datetime(2026, 3, 3, tzinfo=UTC))
    assert leave_policies(plan(over), over, before, price_in("us-east-1")) == plan(over)


FOR_A_WHILE = (OF_A_BLOCK | OF_A_TIME, {"IpAddress": {"aws:VpcSourceIp": "203.0.113.0/24"}})


@pytest.mark.parametrize(
    ("at", "cidrs", "stays"),
    [
        pytest.param(NOW + timedelta(hours=1), (), True, id="the block is gone"),
        pytest.param(NOW + timedelta(days=1), ("10.77.0.0/16",), False, id="its time is over"),
        pytest.param(NOW + timedelta(days=1), (), True, id="both"),
    ],
)
def test_one_that_names_somebody_else_beside_is_reset_once_its_time_is_over(
    at: datetime, cidrs: tuple[str, ...], *, stays: bool
) -> None:
    first = of_each(FOR_A_WHILE, "10.77.0.0/16")
    before = letting_in(first, {}, {})
    seen_at = last_open(first, before, {}, {})
    assert seen_at == dict.fromkeys(before, NOW)
    later = of_each(FOR_A_WHILE, *cidrs, at=at)
    assert (letting_in(later, before, seen_at) == before) is stays
    assert (still_letting_in(later, before, seen_at) == before) is stays
    kept = letting_in(later, before, seen_at)
    assert last_open(later, kept, before, seen_at) == (seen_at if stays else {})


IN_A_BLOCK_FOR_A_WHILE = {"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/16"}} | OF_A_TIME


@pytest.mark.parametrize(
    ("is_seen_without_it", "stays"),
    [
        pytest.param(True, True, id="the block went long after it"),
        pytest.param(False, False, id="the block went before anybody looked again"),
    ],
)
def test_what_lets_in_others_than_those_whose_time_is_over_stays_where_their_block_goes(
    *, is_seen_without_it: bool, stays: bool
) -> None:
    each = (OF_A_BLOCK, IN_A_BLOCK_FOR_A_WHILE)
    first = of_each(each, "10.77.0.0/16")
    before = letting_in(first, {}, {})
    seen_at = last_open(first, before, {}, {})
    over = of_each(each, "10.77.0.0/16", at=NOW + timedelta(days=1))
    if is_seen_without_it:
        assert letting_in(over, before, seen_at) == before
        seen_at = last_open(over, before, before, seen_at)
        assert seen_at == dict.fromkeys(before, NOW + timedelta(days=1))
    gone = of_each(each, at=NOW + timedelta(days=2))
    assert (still_letting_in(gone, before, seen_at) == before) is stays


@pytest.mark.parametrize("key", ["aws:CurrentTime", "AWS:EpochTime"])
def test_when_it_last_let_callers_in_is_written_again_only_where_a_time_may_end_that(key: str) -> None:
    later = NOW + timedelta(hours=1)
    for each, noted in (
        ((OF_A_BLOCK,), NOW),
        ((OF_A_BLOCK, {"NumericLessThan": {key: "2088-01-01T00:00:00Z"}} | OF_AN_ACCOUNT), later),
    ):
        first = of_each(each, "10.77.0.0/16")
        before = letting_in(first, {}, {})
        seen_at = last_open(first, before, {}, {})
        again = of_each(each, "10.77.0.0/16", at=later)
        assert last_open(again, before, before, seen_at) == dict.fromkeys(before, noted)
        changed = dict.fromkeys(before, "another")
        assert last_open(again, before, changed, seen_at) == dict.fromkeys(before, later)
        shut = of_each(each, at=later)
        assert last_open(shut, before, before, seen_at) == seen_at


def test_what_an_earlier_version_remembered_stays_and_its_time_is_noted() -> None:
    first = of_each(FOR_A_WHILE, "10.77.0.0/16")
    before = letting_in(first, {}, {})
    shut = of_each(FOR_A_WHILE, at=NOW + timedelta(hours=1))
    assert letting_in(shut, before, {}) == still_letting_in(shut, before, {}) == before
    assert last_open(shut, before, before, {}) == dict.fromkeys(before, NOW + timedelta(hours=1))


def test_a_policy_that_the_document_names_is_given_all_the_same() -> None:
    before = letting_in(network(OF_A_BLOCK, "10.77.0.0/16"), {}, {})
    found = network(OF_A_BLOCK)
    named = plan(found)
    named = replace(named, actions=tuple(replace(action, policy="{}") for action in named.actions))
    assert leave_policies(named, found, before, price_in("us-east-1")) == named

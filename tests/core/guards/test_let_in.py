"""Which policies of Lifeline's own endpoints stay because they let callers in, and which are reset all the same."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lifeline.core.guards.let_in import leave_policies, letting_in
from lifeline.core.network.model import Vpc
from lifeline.core.plan.actions import ActionKind
from lifeline.core.plan.cost import price_in
from tests.support.builders import MONITORING, endpoint, plan, subnet, vpc

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
OF_A_BLOCK = {"IpAddress": {"aws:VpcSourceIp": "10.77.0.0/16"}}
OF_AN_ACCOUNT = {"StringEquals": {"aws:PrincipalAccount": "444455556666"}}
OF_A_TIME = {"DateLessThan": {"aws:CurrentTime": "2026-03-02T12:00:00Z"}}


def network(condition: dict[str, Any], *cidrs: str, at: datetime = NOW, own: bool = True) -> Vpc:
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": condition}
    made = endpoint(MONITORING, "a", own=own, policy=json.dumps({"Statement": [allowed]}))
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
    assert bool(letting_in(network(condition, *cidrs), {})) is is_kept


def test_it_is_remembered_for_as_long_as_nobody_changes_it() -> None:
    before = letting_in(network(OF_A_BLOCK, "10.77.0.0/16"), {})
    assert letting_in(network(OF_A_BLOCK), before) == before
    assert letting_in(network(OF_AN_ACCOUNT), before) == {}
    assert letting_in(network(OF_A_BLOCK, "10.77.0.0/16", own=False), before) == {}


def test_it_is_remembered_without_the_tag_that_says_whose_the_endpoint_is() -> None:
    found = network(OF_A_BLOCK, "10.77.0.0/16")
    (made,) = found.endpoints
    untagged = replace(found, endpoints=(replace(made, tags=()),))
    assert letting_in(untagged, {}) == letting_in(found, {}) != {}


def test_only_what_let_somebody_in_is_left_as_it_is() -> None:
    before = letting_in(network(OF_A_BLOCK, "10.77.0.0/16"), {})
    for condition, is_left in ((OF_A_BLOCK, True), (OF_AN_ACCOUNT, False)):
        found = network(condition)
        planned = plan(found)
        left = leave_policies(planned, found, before, price_in("us-east-1"))
        (reset,) = [action for action in left.actions if action.kind is ActionKind.RESET_POLICY]
        assert reset.is_blocked is is_left
        assert (left == planned) is not is_left


def test_what_was_for_a_time_is_reset_once_that_is_over() -> None:
    before = letting_in(network(OF_A_TIME), {})
    over = network(OF_A_TIME, at=datetime(2026, 3, 3, tzinfo=UTC))
    assert leave_policies(plan(over), over, before, price_in("us-east-1")) == plan(over)


def test_a_policy_that_the_document_names_is_given_all_the_same() -> None:
    before = letting_in(network(OF_A_BLOCK, "10.77.0.0/16"), {})
    found = network(OF_A_BLOCK)
    named = plan(found)
    named = replace(named, actions=tuple(replace(action, policy="{}") for action in named.actions))
    assert leave_policies(named, found, before, price_in("us-east-1")) == named

"""Whatever asks for it, each of Lifeline's own is given up once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.coexist.removals import make_room, remove_once, unless_used
from lifeline.core.plan.actions import REMOVALS, Action, ActionKind, Plan, Status

VPC_ID = "vpc-0abc1234"
ENDPOINT_ID = "vpce-0abc1234"


def plan(*actions: Action) -> Plan:
    return Plan(VPC_ID, (), actions)


def action(kind: ActionKind, endpoint_id: str = ENDPOINT_ID, reason: str = "") -> Action:
    return Action(kind, reason, service="monitoring", endpoint_id=endpoint_id)


def test_what_two_causes_switch_off_is_switched_off_for_the_first() -> None:
    first, second = (action(ActionKind.DISABLE_PRIVATE_DNS, reason=one) for one in ("claimed", "withdrawn"))
    assert remove_once(plan(first, second)).actions == (first,)


def test_what_is_deleted_is_not_changed_before() -> None:
    going = action(ActionKind.RETIRE_ENDPOINT)
    changed = [action(one) for one in (ActionKind.DISABLE_PRIVATE_DNS, ActionKind.REMOVE_SUBNETS)]
    assert remove_once(plan(*changed, going, going)).actions == (going,)


def test_what_may_not_be_deleted_is_changed_all_the_same() -> None:
    held = action(ActionKind.RETIRE_ENDPOINT).blocked("it is the only way")
    off = action(ActionKind.DISABLE_PRIVATE_DNS)
    assert remove_once(plan(off, held)).actions == (off, held)


ACTIONS = st.builds(
    lambda kind, endpoint_id, status: replace(action(kind, endpoint_id), status=status),
    st.sampled_from(list(ActionKind)),
    st.sampled_from([ENDPOINT_ID, "vpce-0def5678"]),
    st.sampled_from([Status.PLANNED, Status.BLOCKED]),
)


@given(st.lists(ACTIONS, max_size=8).map(tuple))
def test_only_planned_givings_up_are_left_out_and_of_each_endpoint_some_stays(actions: tuple[Action, ...]) -> None:
    found = remove_once(plan(*actions))
    given_up = [one for one in found.actions if one.kind in REMOVALS and one.status is Status.PLANNED]
    before = [one for one in actions if one.kind in REMOVALS and one.status is Status.PLANNED]
    assert [one for one in found.actions if one not in given_up] == [one for one in actions if one not in before]
    assert {one.endpoint_id for one in given_up} == {one.endpoint_id for one in before}
    assert len({(one.kind, one.endpoint_id) for one in given_up}) == len(given_up)
    assert remove_once(found) == found


# ---- beside whatever else is planned


def act(kind: ActionKind, status: Status = Status.PLANNED, target: str = ENDPOINT_ID) -> Action:
    return replace(action(kind, target), status=status)


@pytest.mark.parametrize(
    ("planned", "clearing", "made"),
    [
        ([act(ActionKind.ENABLE_PRIVATE_DNS)], act(ActionKind.RETIRE_ENDPOINT), [1]),
        ([act(ActionKind.ENABLE_PRIVATE_DNS)], act(ActionKind.REMOVE_SUBNETS), [0, 1]),
        ([act(ActionKind.ENABLE_PRIVATE_DNS)], act(ActionKind.RETIRE_ENDPOINT, Status.BLOCKED), [0, 1]),
        ([act(ActionKind.RETIRE_ENDPOINT)], act(ActionKind.RETIRE_ENDPOINT, Status.BLOCKED), [0]),
        ([act(ActionKind.RETIRE_ENDPOINT, Status.BLOCKED)], act(ActionKind.RETIRE_ENDPOINT), [1]),
        (
            [act(ActionKind.RETIRE_ENDPOINT, Status.BLOCKED)],
            act(ActionKind.RETIRE_ENDPOINT, Status.BLOCKED),
            [1],
        ),
        ([act(ActionKind.CREATE_INTERFACE_ENDPOINT, target="")], act(ActionKind.RETIRE_ENDPOINT), [0, 1]),
        ([act(ActionKind.ENABLE_PRIVATE_DNS, target="vpce-2")], act(ActionKind.RETIRE_ENDPOINT), [0, 1]),
    ],
)
def test_what_is_deleted_is_left_alone_otherwise_and_the_rest_goes_on(
    planned: list[Action], clearing: Action, made: list[int]
) -> None:
    both = [*planned, clearing]
    assert make_room(planned, [clearing]) == tuple(both[place] for place in made)


def test_only_what_nobody_asked_for_is_left_out_where_the_group_is_used() -> None:
    asked = Action(ActionKind.DELETE_SECURITY_GROUP, "released", security_group_id="sg-1")
    users = {"sg-1": ("eni-1",)}
    assert [one.status for one in unless_used([asked], users)] == [Status.BLOCKED]
    assert unless_used([replace(asked, is_optional=True)], users) == ()

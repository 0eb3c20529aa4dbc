"""Once: several causes may ask that the same be given up; it is done once, by what goes furthest."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from lifeline.core.actions import GIVES_UP, Action, ActionKind, Plan, Status


def give_up_once(plan: Plan) -> Plan:
    """The plan with each of Lifeline's own given up by one action, the first that asks for it.

    What is deleted isn't stripped of its private DNS, subnets or route tables before: that would be a call for nothing,
    and EC2 takes no change of an endpoint while another is on its way.
    """
    return replace(plan, actions=tuple(_once(plan.actions)))


def _once(actions: Iterable[Action]) -> Iterator[Action]:
    found = list(actions)
    retired = {one.endpoint_id for one in found if one.kind is ActionKind.RETIRE_ENDPOINT and _is_given_up(one)}
    seen: set[tuple[ActionKind, str]] = set()
    for one in found:
        key = one.kind, one.endpoint_id or one.group_id
        is_idle = one.endpoint_id in retired and one.kind is not ActionKind.RETIRE_ENDPOINT
        if _is_given_up(one) and (is_idle or key in seen):
            continue
        if _is_given_up(one):
            seen.add(key)
        yield one


def _is_given_up(action: Action) -> bool:
    return action.status is Status.PLANNED and action.kind in GIVES_UP

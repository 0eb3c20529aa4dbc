"""Removals: several reasons may ask for the same to go. It goes once, by what goes furthest."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from lifeline.core.coexist.retirement import in_use_words
from lifeline.core.plan.actions import DELETES, REMOVALS, Action, ActionKind, Plan


def make_room(planned: Iterable[Action], clearing: Sequence[Action]) -> tuple[Action, ...]:
    """What is planned, and what goes out of a deletion's way, or stays because others are there.

    Nothing else is done to what is deleted. What stays, or only leaves a subnet, is repaired, retired or released as
    if nobody had tried anything.
    """
    deleted = {action.target for action in clearing if action.is_planned and action.kind in DELETES}
    notified = {(action.kind, action.target) for action in clearing}
    others = [
        action
        for action in planned
        if action.target not in deleted
        and (action.is_planned or not action.target or (action.kind, action.target) not in notified)
    ]
    going = {action.target for action in others if action.is_planned and action.kind in DELETES}
    added = (action for action in clearing if action.is_planned or action.target not in going)
    return (*others, *added)


def remove_once(plan: Plan) -> Plan:
    """The plan with each of Lifeline's own removed by one action, the first that asks for it.

    What is deleted isn't stripped of its private DNS, subnets or route tables before: that would be a call for nothing,
    and EC2 takes no change of an endpoint while another is on its way.
    """
    return replace(plan, actions=tuple(_once(plan.actions)))


def _once(actions: Iterable[Action]) -> Iterator[Action]:
    found = list(actions)
    removed = [action for action in found if _is_removed(action)]
    retired = {action.endpoint_id for action in removed if action.kind is ActionKind.RETIRE_ENDPOINT}
    seen: set[tuple[ActionKind, str, tuple[str, ...]]] = set()
    for action in found:
        key = action.kind, action.target, (*action.central_ids, *action.cidrs)
        is_idle = action.endpoint_id in retired and action.kind is not ActionKind.RETIRE_ENDPOINT
        if _is_removed(action) and (is_idle or key in seen):
            continue
        if _is_removed(action):
            seen.add(key)
        yield action


def _is_removed(action: Action) -> bool:
    return action.is_planned and action.kind in REMOVALS


def unless_used(actions: Iterable[Action], users: Mapping[str, Sequence[str]]) -> tuple[Action, ...]:
    """The actions. Where others use a security group of Lifeline's, its deletion is blocked and says so; `users` are
    whose each group is, by its id.

    A deletion that nobody asked for, and that only goes along with a hand-over, is left out without a word.
    """
    return tuple(
        action.blocked(in_use_words(used_by)) if used_by else action
        for action in actions
        if not ((used_by := _used_by(action, users)) and action.is_optional)
    )


def _used_by(action: Action, users: Mapping[str, Sequence[str]]) -> Sequence[str]:
    is_deletion = action.kind is ActionKind.DELETE_SECURITY_GROUP and action.is_planned
    return users.get(action.security_group_id, ()) if is_deletion else ()

"""Denied: what a policy denied isn't tried again before the next sweep, because nothing in the network can change that.

An event can come every few seconds, and each would cost a call that AWS denies, on somebody's record of denied calls.
A sweep tries again, and so does a person's call.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from lifeline.core.plan.actions import Action, ActionKind, Plan


def denied_among(actions: Iterable[Action]) -> Mapping[str, str]:
    """By action, in which words it was denied; not of associations, in whose place an endpoint is made."""
    denied = (action for action in actions if action.is_denied and action.kind is not ActionKind.ASSOCIATE_CENTRAL)
    return {_key(action): action.error for action in denied}


def without_denied(plan: Plan, denied: Mapping[str, str]) -> Plan:
    """The plan with what was denied failed as it was then, in the same words: it is no news."""
    actions = tuple(
        action.denied(denied[key]) if action.is_planned and (key := _key(action)) in denied else action
        for action in plan.actions
    )
    return replace(plan, actions=actions) if actions != plan.actions else plan


def _key(action: Action) -> str:
    """An action among those of its VPC. What is to be made has no ID yet, whichever security group it is to have."""
    what = action.service or action.security_group_id
    return " ".join(filter(None, (action.kind, what, action.endpoint_id, *action.central_ids)))

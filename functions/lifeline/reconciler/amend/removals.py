"""Removals: several reasons may ask for the same to go. It goes once, and not while others use it."""

from dataclasses import replace

from lifeline.core.coexist.removals import remove_once, unless_used
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.plan.actions import ActionKind, Plan
from lifeline.reconciler.amend.amendment import Amendment, Decision, Fact, VpcContext


class Removals(Amendment):
    """Removes everything once, by what goes furthest, and leaves Lifeline's security group to whoever else uses it."""

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """Who else uses Lifeline's security group where it is to go: EC2 wouldn't delete it and doesn't say why."""
        planned = plan.planned if plan else ()
        is_going = any(action.kind is ActionKind.DELETE_SECURITY_GROUP for action in planned)
        return frozenset({Fact.SECURITY_GROUP_USERS} if is_going else ())

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with each removal once."""
        actions = unless_used(remove_once(plan).actions, context.security_group_users)
        return Decision(replace(plan, actions=actions), state)

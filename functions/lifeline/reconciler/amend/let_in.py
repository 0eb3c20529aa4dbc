"""Policies of Lifeline's own endpoints that let callers in: they stay, whatever becomes of the network."""

from collections.abc import Sequence
from dataclasses import replace

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.guards.let_in import depending_on_network, last_open, leave_policies, letting_in, still_letting_in
from lifeline.core.plan.actions import Action, Plan
from lifeline.reconciler.amend.amendment import Amendment, Decision, Fact, VpcContext


class LettingIn(Amendment):
    """Leaves a policy that let callers in and hasn't changed since, and remembers which did."""

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state of VPCs with such a policy."""
        return frozenset({Fact.STATE} if depending_on_network(context.vpc) else ())

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan without resetting such a policy."""
        let_in = still_letting_in(context.vpc, state.let_in, state.let_in_at)
        return Decision(leave_policies(plan, context.vpc, let_in, context.run.price), state)

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """Keeps which policies let callers in, and when each last did."""
        let_in = letting_in(context.vpc, state.let_in, state.let_in_at)
        seen_at = last_open(context.vpc, let_in, state.let_in, state.let_in_at)
        return Decision(plan, replace(state, let_in=let_in, let_in_at=seen_at))

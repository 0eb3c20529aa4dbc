"""Denials: what AWS's policies denied waits for the next sweep."""

from collections.abc import Sequence
from dataclasses import replace

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.guards.denied import denied_among, without_denied
from lifeline.core.plan.actions import Action, Plan
from lifeline.reconciler.amend.amendment import Amendment, Decision, Fact, VpcContext


class DeniedCalls(Amendment):
    """Leaves what was denied as it is, until a sweep or a person asks for it."""

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state of VPCs with work."""
        return frozenset({Fact.STATE} if plan and plan.has_work else ())

    def preview(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with what was denied failed, whoever asks: it is how things stand."""
        return Decision(without_denied(plan, state.denied), state)

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The same, unless it is to be tried again."""
        if context.run.is_region or context.is_requested_by_a_person:
            return Decision(plan, state)
        return self.preview(context, plan, state)

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """Keeps what was denied now. A sweep, or a run that tried, knows better than what was denied before."""
        if not (done or (context.run.is_region and not context.run.is_plan)):
            return Decision(plan, state)
        denied = denied_among(done)
        return Decision(plan, replace(state, denied=denied) if denied != state.denied else state)

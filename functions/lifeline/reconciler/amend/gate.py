"""The gate: what the limits let pass, and what a person approved.

The limits are shared by all VPCs and all runs, so they decide over a whole run at once: `limits.admit` is that pure
fold. Each VPC's share of it is a fact like others, and this amendment puts it into the plan.
"""

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.plan.actions import Plan
from lifeline.reconciler.amend.amendment import Amendment, Decision, Fact, VpcContext


class Gate(Amendment):
    """Blocks what must wait for a person."""

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The limits' word on VPCs with work. Under the lease, asking counts what passes."""
        return frozenset({Fact.ADMISSION} if plan and plan.has_work else ())

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan as it was admitted."""
        return Decision(context.admitted or plan, state)

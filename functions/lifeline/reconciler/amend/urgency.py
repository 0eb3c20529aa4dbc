"""Urgency: which of a VPC's actions go first where a limit is short, before the gate counts."""

from dataclasses import replace

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.guards.urgency import with_urgency
from lifeline.core.plan.actions import Plan
from lifeline.reconciler.amend.amendment import Amendment, Decision, Fact, VpcContext


class Urgencies(Amendment):
    """Says how urgent each action is."""

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """What Lifeline saw of VPCs with work before, and which services silent agents lack there."""
        return frozenset({Fact.KNOWN, Fact.SILENCE} if plan and plan.has_work else ())

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with each action's urgency."""
        if not plan.has_work:
            return Decision(plan, state)
        run, known = context.run, replace(context.known, made=state.made)
        urgent = with_urgency(plan, context.vpc, run.policy, known, context.silent_for, now=run.now)
        return Decision(urgent, state)

"""Keeping: a freeze, a release and what waits for approval count for as long as the VPC is there."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.plan.actions import Action, Plan
from lifeline.reconciler.amend.amendment import Amendment, Decision, Fact, VpcContext

_OFTEN = timedelta(days=7)  # the ledger keeps what isn't written for 30 days at least (`ledger_days` in the policy)


class Keeping(Amendment):
    """Has a state written once a week, for one that isn't written expires."""

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state of every VPC in plan mode, too: where something may be applied, that of each is read anyway."""
        return frozenset({Fact.STATE} if plan and context.run.is_plan and context.run.is_region else ())

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """The state with when the VPC was seen."""
        now = context.run.now
        is_due = state != VpcState() and not (state.seen_at and now - state.seen_at < _OFTEN)
        return Decision(plan, replace(state, seen_at=now) if is_due else state)

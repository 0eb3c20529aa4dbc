"""Keeping: a freeze, a release and what waits for approval count for as long as the VPC is there."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.plan.actions import Action, Plan
from lifeline.reconciler.amend.amendment import Amendment, Decision, VpcContext

_OFTEN = timedelta(days=7)  # the ledger keeps what isn't written for 30 days at least (`ledger_days` in the policy)


class Keeping(Amendment):
    """Has a state written once a week, for one that isn't written expires."""

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """The state with when the VPC was seen."""
        now = context.run.now
        is_due = state != VpcState() and not (state.seen_at and now - state.seen_at < _OFTEN)
        return Decision(plan, replace(state, seen_at=now) if is_due else state)

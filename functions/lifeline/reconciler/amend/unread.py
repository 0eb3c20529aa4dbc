"""Unread: where the ledger's state of a VPC can't be understood, nothing is changed there until a person mends it."""

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.plan.actions import Plan
from lifeline.core.plan.cost import block
from lifeline.reconciler.amend.amendment import Amendment, Decision, Fact, VpcContext


class UnreadStates(Amendment):
    """Blocks everything, removals as well: what is frozen, released or about to be undone may be in what isn't read."""

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state of VPCs with work."""
        return frozenset({Fact.STATE} if plan and plan.has_work else ())

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with everything blocked, if anything of the state is unread."""
        return Decision(block(plan, lambda _: bool(state.unread), _words(state), context.run.price), state)


def _words(state: VpcState) -> str:
    names = ", ".join(sorted(state.unread))
    where = "see the runbook: A state that can't be read"
    return f"the ledger's state of the VPC can't be read ({names}), so nothing is changed there ({where})"

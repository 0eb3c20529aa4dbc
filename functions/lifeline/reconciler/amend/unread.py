"""Unread: where the ledger's state of a VPC can't be understood, nothing is changed there until a person mends it."""

from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.plan.actions import Plan
from lifeline.core.plan.cost import with_blocked
from lifeline.reconciler.amend.amendment import Amendment, Decision, Fact, VpcContext


class UnreadStates(Amendment):
    """Blocks everything, removals as well: what is frozen, released or about to be undone may be in what isn't read."""

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state of VPCs with work."""
        return frozenset({Fact.STATE} if plan and plan.has_work else ())

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with everything blocked, if anything of the state is unread."""
        planned = [action for action in plan.actions if action.is_planned] if state.unread else []
        if not planned:
            return Decision(plan, state)
        words = _words(state)
        actions = tuple(action.blocked(words) if action.is_planned else action for action in plan.actions)
        held = {action.service: words for action in planned}
        return Decision(with_blocked(plan, actions, held, context.run.price), state)


def _words(state: VpcState) -> str:
    names = ", ".join(sorted(state.unread))
    where = "docs/operate.md, A state that can't be read"
    return f"the ledger's state of the VPC can't be read ({names}), so nothing is changed there ({where})"

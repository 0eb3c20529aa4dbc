"""Freezes: what people, and what Lifeline itself, put out of its reach is blocked."""

from dataclasses import replace

from lifeline.core.coexist.conflicts import delete
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind, block_frozen, with_unfrozen
from lifeline.core.plan.actions import Plan
from lifeline.core.wording import write_stated
from lifeline.reconciler.amend.amendment import Amendment, Decision, Fact, VpcContext


class Freezes(Amendment):
    """Accepts what people freeze and unfreeze, and blocks whatever is frozen."""

    def accept(self, context: VpcContext, state: VpcState) -> VpcState:
        """The state with what people freeze and unfreeze. What led to a freeze that they end is forgotten with it: the
        count would bring it back.
        """
        freeze = {service for request in context.requests for service in request.freeze}
        unfreeze = {service for request in context.requests for service in request.unfreeze}
        if not freeze | unfreeze:
            return state
        now, frozen = context.run.now, {} if EVERYTHING in unfreeze else dict(state.frozen)
        kept = {service: known for service, known in frozen.items() if service not in unfreeze}
        by = next((request.trigger.by for request in context.requests if request.freeze), "")
        why = f"asked for{write_stated(by)}" if by else "a person asked for it"
        new = {service: Freeze(FreezeKind.MANUAL, now, why) for service in freeze}
        return replace(
            state,
            conflicts=delete(state.conflicts, unfreeze),
            unfrozen=with_unfrozen(state.unfrozen, unfreeze, now) if unfreeze else state.unfrozen,
            frozen=kept | new,
        )

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state of VPCs with work."""
        return frozenset({Fact.STATE} if plan and plan.has_work else ())

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with whatever is frozen blocked."""
        return Decision(block_frozen(plan, state.frozen, context.run.price, now=context.run.now), state)

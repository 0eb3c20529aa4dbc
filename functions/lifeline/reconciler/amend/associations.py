"""Associations with a hub, on record before the call, of which nothing is left behind; and what cuts the way there."""

from collections.abc import Sequence
from dataclasses import replace

from lifeline.core.coexist.associated import leftovers, note_planned, released, settle_done, with_doubts
from lifeline.core.coexist.cuts import note_cuts
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.plan.actions import Action, ActionKind, Plan, in_order
from lifeline.reconciler.amend.amendment import Amendment, Decision, Fact, VpcContext


class Leftovers(Amendment):
    """Deletes authorizations that are left, and in a VPC that a person releases ends the associations."""

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state, where the VPC is about to be associated, a swap may have stopped halfway, or an authorization may
        be left; of a VPC that is released always.
        """
        kinds = {ActionKind.ASSOCIATE_CENTRAL, ActionKind.SWAP_TO_LOCAL}
        is_planned = plan is not None and any(action.kind in kinds for action in plan.actions)
        may_be = is_planned or context.is_release or VpcList.AUTHORIZED in context.lists
        return frozenset({Fact.STATE} if plan and may_be else ())

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with what is still to be ended, and a question before what somebody ended is made again."""
        plan = with_doubts(state.associated, plan, now=context.run.now) if state.associated else plan
        found = [*leftovers(state.associated), *(released(state.associated) if context.is_release else ())]
        return Decision(replace(plan, actions=in_order((*plan.actions, *found))) if found else plan, state)


class AssociationRecord(Amendment):
    """Keeps what the VPC is about to be associated with, and what became of it."""

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The state with what the plan is about to associate."""
        return Decision(
            plan, replace(state, associated=note_planned(state.associated, plan.actions, now=context.run.now))
        )

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """The state as the run leaves it."""
        if not context.is_leased:
            return Decision(plan, state)
        settled = settle_done(state.associated, done, now=context.run.now)
        return Decision(plan, replace(state, associated=settled))


class CutRecord(Amendment):
    """Keeps what cuts the way to the hub beyond the VPC."""

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """The state with what the plan shows."""
        del done
        return Decision(plan, replace(state, cuts=note_cuts(state.cuts, plan.services, now=context.run.now)))

"""Awaiting: others' endpoints that never come up are remembered, and a person hears of it once."""

from collections.abc import Sequence
from dataclasses import replace

from lifeline.core.coexist.awaited import PATIENCE, awaited_by, keep_awaited, overdue
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.plan.actions import Action, ActionKind, Plan
from lifeline.reconciler.amend.amendment import Amendment, Decision, Fact, Requeue, VpcContext, as_they_stand


class Awaiting(Amendment):
    """Says which services have waited for others' endpoints for too long, and looks again once that may be so."""

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state where such an endpoint is coming up; the changes on record where a service waits for too long."""
        if plan is None or not awaited_by(plan, context.vpc, context.run.owner):
            return frozenset()
        return frozenset({Fact.STATE, Fact.CHANGES} if _overdue(context, plan, state) else {Fact.STATE})

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with an action for each such service, for a person."""
        return Decision(replace(plan, actions=(*plan.actions, *_overdue(context, plan, state))), state)

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """Keeps since when each service waits. What people were told of it is no news."""
        run = context.run
        awaited = keep_awaited(state.awaited, plan, done, context.vpc, run.owner, run.now)
        told = {service for service, since in awaited.items() if state.awaited_told.get(service) == since}
        actions = [one for one in as_they_stand(plan, done) if one.kind is ActionKind.AWAIT_ENDPOINT]
        is_new = bool(awaited.keys() - state.awaited.keys())
        return Decision(
            plan,
            replace(state, awaited=awaited),
            requeue=Requeue(PATIENCE) if is_new else None,
            known=frozenset(one for one in actions if one.service in told),
        )


def _overdue(context: VpcContext, plan: Plan, state: VpcState) -> tuple[Action, ...]:
    changes = (*context.changes, *context.causes)
    return tuple(overdue(state.awaited, plan, context.vpc, context.run.owner, context.run.now, changes))

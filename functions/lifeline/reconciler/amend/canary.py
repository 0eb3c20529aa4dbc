"""Canary: private DNS that is turned on is watched, and turned off again where agents fell silent because of it. So is
a hub's zone or Profile that the VPC is associated with.
"""

from collections.abc import Sequence
from dataclasses import replace

from lifeline.core.coexist.associated import own_ids
from lifeline.core.coexist.canary import (
    Withdrawal,
    begun,
    due,
    freeze_withdrawn,
    gone_dark,
    is_watched,
    keep_stand_ins,
    mark_due,
    mark_withdrawn,
    not_long_over,
    swapped,
    switched_off,
    unwatch,
    watch_switched,
    withdraw,
)
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.guards.freeze import is_overruled
from lifeline.core.plan.actions import Action, Plan, Status
from lifeline.reconciler.amend.amendment import (
    Amendment,
    Decision,
    Fact,
    VpcContext,
    as_they_stand,
    retry_after_switch,
)


class CanaryWithdrawal(Amendment):
    """Switches private DNS off where agents fell silent because of it, and freezes the service.

    The detector's record of the silence decides. Nobody can ask for it: who names the VPC only has it looked at.
    """

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state of VPCs that are named, or in which a canary is to be withdrawn, and the silences on record where
        one is watched.
        """
        if is_watched(state.canaries):
            return frozenset({Fact.STATE, Fact.WITHDRAWALS})
        is_worth_reading = VpcList.RETIRING in context.lists or not context.run.is_region
        return frozenset({Fact.STATE}) if plan is not None and is_worth_reading else frozenset()

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with what is to be turned off, and the state with it frozen, so that no run switches it on again."""
        services, now = _due(context, state), context.run.now
        frozen = freeze_withdrawn(state.frozen, state.canaries, services, now=now)
        own = own_ids(state.associated)
        dark = gone_dark(state.canaries, services, context.vpc, context.run.owner, own)
        state = replace(state, frozen=frozen, canaries=mark_withdrawn(state.canaries, dark, now=now))
        plan = keep_stand_ins(plan, state.canaries, now=now)
        return Decision(withdraw(plan, state.canaries, services, context.vpc, context.run.owner, own), state)

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """What the kill switch blocks is tried again: no sweep would find it. It stays due for as long as that is on
        and the agents are silent.
        """
        if Fact.WITHDRAWALS not in context.read:
            return Decision(plan, state)
        due_now = _due(context, state)
        state = replace(state, canaries=mark_due(state.canaries, due_now))
        return Decision(plan, state, requeue=retry_after_switch(as_they_stand(plan, done)) if due_now else None)


class CanaryWatch(Amendment):
    """Remembers what is turned on, before it is: a switch that nobody watches would be no canary."""

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The state with what the plan is about to switch on."""
        is_canary, now = context.run.policy.is_canary, context.run.now
        canaries = watch_switched(state.canaries, plan.actions, Status.PLANNED, is_canary=is_canary, now=now)
        return Decision(plan, replace(state, canaries=canaries))

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """Keeps when it was turned on or off, and forgets what wasn't turned on after all."""
        if not context.is_leased:
            return Decision(plan, state)
        now, canaries = context.run.now, unwatch(state.canaries, done)
        canaries = watch_switched(canaries, done, Status.DONE, is_canary=context.run.policy.is_canary, now=now)
        canaries = mark_withdrawn(canaries, switched_off(done), swapped(done), now=now)
        return Decision(plan, replace(state, canaries=canaries))


def _due(context: VpcContext, state: VpcState) -> dict[str, Withdrawal]:
    """The withdrawals that count, unless a person ended the freeze since."""
    watched = not_long_over(state.canaries, context.run.now)
    seen = (withdrawal for withdrawal in context.withdrawals if withdrawal.service in watched)
    news = [
        withdrawal
        for withdrawal in (*begun(state.frozen), *seen)
        if not is_overruled(state.unfrozen, withdrawal.service, withdrawal.seen_at)
    ]
    return due(state.canaries, news)

"""Teardown: what is Lifeline's own gets out of the way of someone who deletes a VPC or a subnet."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lifeline.core.coexist.moves import Stay, reached_by
from lifeline.core.coexist.removals import make_room
from lifeline.core.coexist.teardown import (
    DEPENDENCY,
    Attempt,
    Teardown,
    clear,
    freeze_for,
    is_news,
    is_old,
    judge,
    notified_keys,
    remembered,
    without,
)
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.guards.freeze import EVERYTHING, FreezeKind, is_overruled, standing
from lifeline.core.network.model import Vpc
from lifeline.core.notices.teardown import clears, notified_here, teardown_notice
from lifeline.core.plan.actions import Action, ActionKind, Plan
from lifeline.core.plan.placement import full_lately
from lifeline.core.requests.trigger import Trigger
from lifeline.core.wording import read_time
from lifeline.reconciler.amend.amendment import (
    Amendment,
    Announcement,
    Decision,
    Fact,
    Requeue,
    VpcContext,
    as_they_stand,
    retry_after_switch,
)

_MOVED_AFTER = timedelta(minutes=1)
_DELETED_BY = {"DeleteVpc": "vpc-", "DeleteSubnet": "subnet-"}  # the calls, and how the ids begin that they delete


class Teardowns(Amendment):
    """Freezes what is about to be deleted, and removes what is Lifeline's own there, unless others still use it."""

    def note(self, context: VpcContext, state: VpcState) -> VpcState:
        """The state with the refused deletions, until a run has judged them."""
        there = {context.vpc.id, *(subnet.id for subnet in context.vpc.subnets)}
        asked = (attempt for attempt in _asked(context) if attempt.resource_id in there)
        attempts = {attempt.resource_id: attempt for attempt in asked}
        standing = {key: attempt for key, attempt in state.attempts.items() if context.run.now < attempt.until}
        return replace(state, attempts=standing | attempts) if attempts else state

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """Who else is in a VPC that someone tries to delete, or tried before. The state says so of VPCs that are named,
        and in a sweep of those that are listed: no event comes again for what a run left.
        """
        is_concerned = any(_attempts(context, state)) or _is_frozen(context, state)
        if is_concerned:
            teardown = _seen(context, state)
            is_left = teardown is not None and _is_left(teardown)
            return frozenset({Fact.STATE, Fact.INTERFACES} | ({Fact.CLIENTS} if is_left else set()))
        is_worth_reading = VpcList.FROZEN in context.lists or not context.run.is_region
        return frozenset({Fact.STATE} if is_worth_reading else ())

    def see(self, context: VpcContext, vpc: Vpc, state: VpcState) -> Vpc | None:
        """The VPC without the subnets that are about to go, unless all of it is frozen anyway."""
        teardown = _judged(context, state)
        if teardown is None or teardown.is_whole or teardown.is_idle:
            return vpc
        return without(vpc, teardown.doomed, context.run.owner, teardown.moves)

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with what gets out of the way, and the state with what is frozen for it."""
        teardown = _judged(context, state)
        if teardown is None:
            return Decision(plan, state)
        cleared = clear(context.vpc, teardown, context.run.owner)
        # EC2 takes one subnet a zone, and one change of an endpoint at a time: it grows again once it has left.
        leaving = {
            action.target for action in cleared if action.kind is ActionKind.REMOVE_SUBNETS and action.is_planned
        }
        leaving |= teardown.moves.keys()
        planned = (
            action
            for action in plan.actions
            if action.kind is not ActionKind.ADD_SUBNETS or action.target not in leaving
        )
        actions = make_room(planned, cleared)
        return Decision(replace(plan, actions=actions), _with_freezes(context, teardown, state))

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """One notice for each teardown that is news. What the kill switch blocks is tried again: no sweep finds it.

        A teardown in a VPC that had no work, and so no lease, is frozen here.
        """
        teardown, run = _judged(context, state), context.run
        if teardown is None:
            return Decision(plan, state)
        actions = as_they_stand(plan, done)
        retry = retry_after_switch(actions)
        if not (context.is_leased or run.is_plan or retry):
            state = _with_freezes(context, teardown, state)
        if not retry:
            state = replace(state, attempts={})  # what is cleared is frozen by now, and the rest was judged
        moving = [action for action in actions if _moves(action, teardown)]
        if any(action.is_done for action in moving):
            retry = Requeue(_MOVED_AFTER)  # to leave the subnet that is deleted
        ours = [action for action in actions if clears(action)]
        announcements: tuple[Announcement, ...] = ()
        if (ours or not moving) and is_news(teardown, ours, state.teardowns, run.now, is_plan=run.is_plan):
            notice = teardown_notice(context.vpc, teardown, ours, run.owner, is_plan=run.is_plan)
            entries = VpcState(teardowns=dict.fromkeys(notified_keys(teardown, ours), run.now))
            announcements = (Announcement(notice, entries, frozenset(ours)),)
        return Decision(
            plan,
            state,
            announcements,
            requeue=retry if teardown.cleared else None,
            covered=frozenset(action for action in actions if notified_here(teardown, action)),
        )


def _moves(action: Action, teardown: Teardown) -> bool:
    return action.kind is ActionKind.ADD_SUBNETS and action.target in teardown.moves


def _judged(context: VpcContext, state: VpcState) -> Teardown | None:
    """The VPC's teardown, None where nobody deletes anything, or where it isn't known who else is there."""
    teardown, run = _seen(context, state), context.run
    if teardown is None or not _is_left(teardown):
        return teardown
    stay = Stay(
        context.with_clients or context.vpc,
        run.owner,
        teardown.doomed,
        teardown.occupied,
        is_reached=bool(reached_by(context.vpc)),
        desired=context.desired,
        catalog=run.catalog,
        dns=context.dns,
        full=full_lately(state.full_subnets, now=run.now),
    )
    return replace(teardown, moves=stay.moves())


def _is_left(teardown: Teardown) -> bool:
    """True if subnets go from under others, who may need an endpoint that is in them."""
    return bool(teardown.doomed) and not (teardown.is_whole or teardown.is_idle)


def _seen(context: VpcContext, state: VpcState) -> Teardown | None:
    """The same without where endpoints move."""
    if Fact.INTERFACES not in context.read:
        return None
    run, known = context.run, list(remembered(state.frozen, now=context.run.now))
    attempts = list(_attempts(context, state))
    if not attempts and not _is_frozen(context, state):
        return None
    return judge(context.vpc, attempts, context.interfaces, run.owner, now=run.now, known=known)


def _is_frozen(context: VpcContext, state: VpcState) -> bool:
    return any(freeze.kind is FreezeKind.TEARDOWN for freeze in standing(state.frozen, context.run.now).values())


def _with_freezes(context: VpcContext, teardown: Teardown, state: VpcState) -> VpcState:
    keys, now = notified_keys(teardown), context.run.now
    teardowns = {key: at for key, at in state.teardowns.items() if key in keys or not is_old(at, now)}
    if clear(context.vpc, teardown, context.run.owner):
        teardowns = dict.fromkeys(keys) | teardowns
    return replace(state, frozen=freeze_for(teardown, state.frozen, now=now), teardowns=teardowns)


def _attempts(context: VpcContext, state: VpcState) -> Iterator[Attempt]:
    """The refused deletions of the VPC and its subnets since a person last ended such a freeze: those of this run's
    records, and those that wait.
    """
    for attempt in (*state.attempts.values(), *_asked(context)):
        if not is_overruled(state.unfrozen, EVERYTHING, attempt.at):
            yield attempt


def _asked(context: VpcContext) -> Iterator[Attempt]:
    """The deletions, the earliest first, that failed because of what is in there."""
    now = context.run.now
    for request in sorted(context.requests, key=lambda request: request.trigger.time):
        trigger = request.trigger
        prefix = _DELETED_BY.get(trigger.event_name)
        if trigger.kind != "attempt" or prefix is None or request.failure != DEPENDENCY:
            continue
        for resource_id in sorted(resource_id for resource_id in trigger.ids if resource_id.startswith(prefix)):
            yield Attempt(resource_id, _time(trigger, now), trigger.actor, trigger.event_id)


def _time(trigger: Trigger, now: datetime) -> datetime:
    """When the call was made; now where its record doesn't say, and never later."""
    return min(read_time(trigger.time) or now, now)

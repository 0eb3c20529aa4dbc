"""Conflicts: what others revert again and again is frozen, and people are notified once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lifeline.core.coexist.conflicts import (
    Conflict,
    Reversal,
    attribute,
    count,
    delete,
    freeze_for,
    leave_others_rules,
    to_freeze,
    with_done,
)
from lifeline.core.coexist.effects import EffectKind, VpcSnapshot
from lifeline.core.coexist.unusable_policies import changed_meanwhile, unusable_policies
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.guards.freeze import FreezeKind, freeze_words, standing
from lifeline.core.guards.let_in import still_letting_in
from lifeline.core.notices.conflict import Frozen, frozen_notice
from lifeline.core.plan.actions import Action, ActionKind, Plan, ServiceState
from lifeline.core.plan.answer import VpcAnswer
from lifeline.reconciler.amend.amendment import Amendment, Announcement, Decision, Fact, VpcContext, as_they_stand


class Conflicts(Amendment):
    """Counts what others reverted since the last run, and freezes what they revert too often."""

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state of frozen VPCs that others serve by now; the changes on record where a reversal has no actor yet,
        and nothing while none is missing.
        """
        if plan is None:
            return frozenset()
        if not context.is_leased:
            is_ending = VpcList.FROZEN in context.lists and _served_by_others(context, plan)
            is_closing = any(one.kind is ActionKind.CLOSE_SECURITY_GROUP and one.is_planned for one in plan.actions)
            return frozenset({Fact.STATE} if is_ending or is_closing else ())
        return frozenset({Fact.CHANGES} if _unnamed(_counted(context, plan, state)) else ())

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The state with what was reverted since, and with what freezes because of it."""
        plan = leave_others_rules(plan, state.conflicts)
        if not state.conflicts:
            return Decision(plan, state)
        now, conflicts = context.run.now, _counted(context, plan, state)
        if _unnamed(conflicts):
            changes = [*context.changes, *context.causes]
            named = {key: attribute(conflict.reversals, changes) for key, conflict in conflicts.items()}
            conflicts = {key: replace(conflict, reversals=named[key]) for key, conflict in conflicts.items()}
        new = {key: freeze_for(conflicts[key], now) for key in to_freeze(conflicts, standing(state.frozen, now))}
        return Decision(plan, replace(state, conflicts=conflicts, frozen={**state.frozen, **new}))

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """Keeps what was done, ends the freezes of services that others serve by now, and announces new freezes in one
        notice. What such a freeze blocks is no news, for that notice says it, unless more subnets lack something later,
        or it is a named policy that isn't among what others reverted.
        """
        ended = _conflicting(state) & _served_by_others(context, plan)
        state = replace(
            state,
            conflicts=with_done(delete(state.conflicts, ended), plan.vpc_id, done, context.run.now),
            frozen={key: freeze for key, freeze in state.frozen.items() if key not in ended},
        )
        pending = {
            key: conflict
            for key, conflict in state.conflicts.items()
            if key in _conflicting(state) and not conflict.is_notified and conflict.reversals
        }
        actions = as_they_stand(plan, done)
        if pending:
            state = replace(state, lacking=VpcAnswer.of(plan, actions).lacking | state.lacking)
        entries = VpcState(conflicts={key: replace(conflict, is_notified=True) for key, conflict in pending.items()})
        words = {freeze_words(state.frozen[key], plan.vpc_id, key) for key in _conflicting(state)}
        return Decision(
            plan,
            state,
            (Announcement(frozen_notice(_frozen(context, plan, pending)), entries),) if pending else (),
            known=frozenset(action for action in actions if action.error in words and not _is_opened(action, state)),
        )


def _is_opened(action: Action, state: VpcState) -> bool:
    """True if somebody changed a named policy and no reversal says so: what it shuts out may come in, and no path is
    lost by which people would hear of it.
    """
    reversals = (one for conflict in state.conflicts.values() for one in conflict.reversals)
    told = {one.id for one in reversals if one.kind is EffectKind.POLICY}
    return action.kind is ActionKind.RESET_POLICY and bool(action.policy) and action.endpoint_id not in told


class UnusablePolicies(Amendment):
    """Says which endpoints' policies somebody changed while Lifeline can't set them again."""

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state where a named policy can't be used: it says which one Lifeline set."""
        return frozenset({Fact.STATE} if plan and _unusable(context) else ())

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with an action for each such endpoint, for a person."""
        found = changed_meanwhile(plan, context.vpc, _unusable(context), state.conflicts)
        return Decision(replace(plan, actions=(*plan.actions, *found)), state)


def _unusable(context: VpcContext) -> Mapping[str, str]:
    run = context.run
    return unusable_policies(context.vpc, run.endpoint_policies, run.catalog, run.owner)


def _counted(context: VpcContext, plan: Plan, state: VpcState) -> Mapping[str, Conflict]:
    snapshot = VpcSnapshot(
        context.vpc,
        plan,
        context.run.owner,
        context.run.now,
        fresh=context.followed.fresh(context.run.now),
        failed=frozenset({**state.failures, **context.followed.failures}),
        idle=frozenset(state.unneeded),
        frozen=standing(state.frozen, context.run.now),
        let_in=still_letting_in(context.vpc, state.let_in, state.let_in_at),
        unjudged=frozenset(_unusable(context)),
    )
    return count(state.conflicts, snapshot)


def _unnamed(conflicts: Mapping[str, Conflict]) -> list[Reversal]:
    """The reversals of which nobody knows yet whose they are, and of which people are still to be notified."""
    news = (conflict.reversals for conflict in conflicts.values() if not conflict.is_notified)
    return [reversal for reversals in news for reversal in reversals if not reversal.event_id]


def _frozen(context: VpcContext, plan: Plan, conflicts: Mapping[str, Conflict]) -> Frozen:
    requirements = {need.service: sorted(need.subnet_ids) for need in context.desired.requirements}
    find = context.run.catalog.find
    names = {key: [name for service in find(key) for name in service.private_dns_names] for key in conflicts}
    return Frozen(plan, conflicts, requirements, names, context.run.owner)


def _conflicting(state: VpcState) -> frozenset[str]:
    return frozenset(key for key, freeze in state.frozen.items() if freeze.kind is FreezeKind.CONFLICT)


def _served_by_others(context: VpcContext, plan: Plan) -> frozenset[str]:
    own = {endpoint.id for endpoint in context.vpc.own_endpoints(context.run.owner)}
    asked = {action.service for action in plan.actions}
    return frozenset(
        report.service
        for report in plan.services
        if report.service not in asked
        and (
            report.state is ServiceState.CENTRAL
            or (report.state is ServiceState.SERVED and not own & set(report.by.split(", ")))
        )
    )

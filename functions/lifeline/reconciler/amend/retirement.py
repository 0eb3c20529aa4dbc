"""Retirement: what nothing requires any more goes after a while, and at once what a person releases."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lifeline.core.coexist.associated import has_any
from lifeline.core.coexist.lapsed import Lacking, Lapsed, find_lacking, is_of_tag
from lifeline.core.coexist.retirement import (
    Retirement,
    Terms,
    has_own,
    idle,
    keys_of,
    plan_retirement,
    waived_endpoints,
)
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.coexist.warnings import due, settle
from lifeline.core.history.change import Change
from lifeline.core.network.model import Tier, Vpc, suffix_of
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.notices.exempted import Exempting, exempted_notice
from lifeline.core.plan.actions import DELETES, REMOVALS, Action, ActionKind, Plan
from lifeline.core.wording import read_time, write_time
from lifeline.reconciler.amend.amendment import (
    Amendment,
    Announcement,
    Decision,
    Fact,
    VpcContext,
    as_they_stand,
)

RELEASE_HOLDS = timedelta(hours=24)


class Retirements(Amendment):
    """Adds what may go. In a released VPC that is all there is to do."""

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state of VPCs with something unneeded, now or before: it may be required again, and then its time is
        over; and of those that lack something because of a tag. Central DNS where subnets seem to have no other path,
        and the hub where it seems to serve those. Before anything is deleted, clients with their groups, and who is in
        public subnets: not all there need have a public address, or be let out. Who changed tags where people are to be
        warned.
        """
        if plan is None:
            return frozenset()
        is_concerned, lapsed = _has_unneeded(context, plan), _lapsed(context)
        if not (context.is_release or is_concerned or lapsed.of_isolated):
            return frozenset()
        if Fact.STATE not in context.read and lapsed.of_isolated:
            return frozenset({Fact.STATE})
        going, lacking = retired(context, state), _lacking(context, lapsed, state)
        is_going = not context.is_release and any(map(_is_going, going.actions))
        needed = {
            Fact.STATE: is_concerned,
            Fact.CENTRAL_DNS: any(map(_is_kept, going.actions))
            or not going.keys <= state.warned.keys()
            or bool(lacking.unasked),
            Fact.INTERFACES: is_going and _has_public_subnets(context.vpc),
            Fact.CLIENTS: is_going,
            Fact.HUB: context.dns is not None and bool(lacking.unasked),
            Fact.TAGGINGS: Fact.STATE in context.read and bool(_warned_of(context, going, lapsed, lacking, state)),
        }
        return frozenset(fact for fact, is_needed in needed.items() if is_needed)

    def see(self, context: VpcContext, vpc: Vpc, state: VpcState) -> Vpc | None:
        """Nothing is planned for a VPC that a person releases."""
        return None if context.is_release else vpc

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with what may go."""
        if not (context.is_release or context.is_leased or _has_unneeded(context, plan)):
            return Decision(plan, state)
        going = retired(context, state)
        actions, notes = (*plan.actions, *going.actions), (*plan.notes, *going.notes)
        return Decision(replace(plan, actions=actions, notes=notes), state)

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """Keeps since when what isn't needed, and waits no longer for what was retired: nobody else deleted it. One
        notice for what somebody said isn't needed any more: before its time starts, and once subnets lack it.
        """
        going, lapsed = retired(context, state), _lapsed(context)
        made = {
            service: replace(made, is_settled=made.is_settled or made.endpoint_id in _retired_ids(done))
            for service, made in state.made.items()
        }
        state = replace(state, made=made, unneeded=going.unneeded)
        unsure = () if context.known_tags is not None else filter(is_of_tag, state.warned)
        state = settle(state, {*going.keys, *lapsed.keys, *unsure}, context.run.now)
        lacking = _lacking(context, lapsed, state)
        gone = {id_: going.waived.get(id_, ()) for id_ in _retired_ids(done)}
        keys = _warned_of(context, going, lapsed, lacking, state)
        keys -= {key for id_, waivers in gone.items() for key in keys_of(id_, waivers)}
        return Decision(plan, state, (_warning(context, going, lapsed, lacking, keys),) if keys else ())


class Releases(Amendment):
    """Makes nothing for a while in a VPC that a person released, until someone names the VPC in a call."""

    def note(self, context: VpcContext, state: VpcState) -> VpcState:
        """The state with what a person releases, so that later runs continue from it; or wants back."""
        if context.run.is_plan:
            return state
        if context.is_release:
            is_any = has_own(context.vpc, context.run.owner) or has_any(state.associated)
            return replace(state, releasing=context.run.now) if is_any else state
        return replace(state, releasing=None) if context.is_requested_by_a_person else state

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state of VPCs with work, and of those that a person releases."""
        return frozenset({Fact.STATE} if plan and (plan.has_work or context.is_release) else ())

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with everything blocked that would make something."""
        released_at, now = state.released_at, context.run.now
        if context.is_requested_by_a_person or released_at is None or not is_released(released_at, now):
            return Decision(plan, state)
        until = write_time(released_at + RELEASE_HOLDS)
        why = f"released manually: nothing is made here until {until}, or until you ask for it by vpc_ids"
        actions = tuple(
            action.blocked(why) if action.is_planned and action.kind not in REMOVALS else action
            for action in plan.actions
        )
        return Decision(replace(plan, actions=actions, monthly_cost_usd=plan.monthly_cost_usd * 0), state)

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """Keeps when the VPC was released, and forgets it once a person names the VPC again. The release is over once
        nothing is left that a later run could delete.
        """
        if context.is_release and not context.run.is_plan:
            is_left = any(
                action.kind in REMOVALS and (action.is_planned or action.blocked_by)
                for action in as_they_stand(plan, done)
            )
            state = state if is_left else replace(state, releasing=None)
        if context.is_leased and context.is_release:
            return Decision(plan, replace(state, released_at=context.run.now))
        if context.is_leased and context.is_requested_by_a_person:
            return Decision(plan, replace(state, released_at=None))
        return Decision(plan, state)


def is_released(released_at: datetime | None, now: datetime) -> bool:
    """True while nothing is made in a VPC that a person released."""
    return released_at is not None and now - released_at < RELEASE_HOLDS


def retired(context: VpcContext, state: VpcState) -> Retirement:
    """What may go, since when each is unneeded, and what to say of it."""
    terms = Terms(
        owner=context.run.owner,
        policy=context.run.policy,
        catalog=context.run.catalog,
        now=context.run.now,
        after=context.run.policy.retire_after,
        dns=context.dns,
        interfaces=context.interfaces,
        is_release=context.is_release,
    )
    return plan_retirement(context.with_clients or context.vpc, context.desired, terms, state.unneeded, state.warned)


def _lapsed(context: VpcContext) -> Lapsed:
    return Lapsed() if context.is_release else context.lapsed


def _lacking(context: VpcContext, lapsed: Lapsed, state: VpcState) -> Lacking:
    """What subnets lack of which people don't know yet."""
    news = due(state, lapsed.keys_of(lapsed.of_isolated), context.run.now)
    run, central = context.run, context.run.policy.central
    hub_ids = central.ids if central else frozenset[str]()
    return find_lacking(lapsed, news, context.vpc, run.catalog, context.dns, context.hub, hub_ids=hub_ids)


def _warned_of(
    context: VpcContext, going: Retirement, lapsed: Lapsed, lacking: Lacking, state: VpcState
) -> frozenset[str]:
    """What people are to be warned of now."""
    if context.is_release:
        return frozenset()
    return due(state, {*going.keys, *lapsed.keys_of(lacking.unserved)}, context.run.now)


def _warning(
    context: VpcContext, going: Retirement, lapsed: Lapsed, lacking: Lacking, keys: Collection[str]
) -> Announcement:
    run = context.run
    waived = {id_: said for id_, said in going.waived.items() if not keys_of(id_, said).isdisjoint(keys)}
    services = {suffix_of(one.service_name) for one in context.vpc.endpoints if one.id in waived}
    exempting = Exempting(
        context.vpc,
        waived,
        (*context.taggings, *_taggings(context)),
        run.now,
        run.policy.retire_after,
        stack_name=run.owner,
        is_plan=run.is_plan,
        kept_for=going.kept_for,
        unserved={pair: said for pair, said in lacking.unserved.items() if pair[1] not in services},
    )
    # What is said of an endpoint holds for all isolated subnets: nobody needs to hear of these once it is gone.
    warned = {*keys, *lapsed.keys_of(pair for pair in lapsed.of_isolated if pair[1] in services)}
    return Announcement(exempted_notice(exempting), VpcState(warned=dict.fromkeys(sorted(warned), run.now)))


def _taggings(context: VpcContext) -> Iterator[Change]:
    """The changes of tags that set this run going: they aren't in the audit log yet."""
    for trigger in context.triggers:
        at = read_time(trigger.time)
        if trigger.kind == "change" and trigger.tags and at:
            yield Change(at, trigger.event_id, trigger.event_name, trigger.actor, trigger.ids, tags=trigger.tags)


def _has_unneeded(context: VpcContext, plan: Plan) -> bool:
    if VpcList.RETIRING in context.lists:
        return True
    required = {report.service for report in plan.services}
    run = context.run
    if context.is_release or not idle(context.vpc, required, run.owner, run.catalog):
        return False
    waived = waived_endpoints(context.vpc, required, run.owner, run.policy, today=run.now.date())
    return bool(run.policy.retire_after or waived)


def _is_going(action: Action) -> bool:
    return action.kind is ActionKind.RETIRE_ENDPOINT and action.is_planned


def _has_public_subnets(vpc: Vpc) -> bool:
    return any(Tier.PUBLIC in tier.possible for tier in classify_subnets(vpc).values())


def _is_kept(action: Action) -> bool:
    return action.kind is ActionKind.RETIRE_ENDPOINT and action.is_blocked


def _retired_ids(done: Sequence[Action]) -> frozenset[str]:
    deleted = [action for action in done if action.kind in DELETES and action.is_done]
    return frozenset(action.target for action in deleted)

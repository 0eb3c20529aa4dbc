"""Claims: Lifeline's own endpoint makes way for one that someone else was refused because of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lifeline.core.coexist.claims import Claim, Claimed, blocked_by_own, is_spent, with_claims
from lifeline.core.coexist.hand_over import HandOver, answer_claims, isolated_paths, leaves_traces, tiers_without
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.guards.freeze import FreezeKind, is_overruled, standing, with_unfrozen
from lifeline.core.network.model import Endpoint, suffix_of
from lifeline.core.notices.claim import handed_over_notice
from lifeline.core.plan.actions import DELETES, Action, ActionKind, Plan
from lifeline.core.requests.request import Request
from lifeline.reconciler.amend.amendment import (
    Amendment,
    Announcement,
    Decision,
    Fact,
    Requeue,
    VpcContext,
    is_blocked_or_planned,
)

_MAKES_WAY = frozenset({ActionKind.DISABLE_PRIVATE_DNS, ActionKind.REMOVE_ROUTE_TABLES, ActionKind.RETIRE_ENDPOINT})
_MOST_TOLD = 200  # subnets: as many as a VPC has (VPC quotas); of others, people hear once more
_THEIRS_COMES_WITHIN = timedelta(seconds=60)


class Claims(Amendment):
    """Freezes a service that someone claims, hands it over, and removes Lifeline's own once theirs works."""

    def accept(self, context: VpcContext, state: VpcState) -> VpcState:
        """The state with what was claimed, unless a person took it back since, or theirs came."""
        owner, catalog = context.run.owner, context.run.catalog
        news = [
            claimed
            for claimed in _claimed(context)
            if (own := blocked_by_own(claimed.claim, context.vpc, owner, catalog))
            and not _is_over(claimed, own, state)
            and not is_spent(suffix_of(own.service_name), state.frozen, state.unmet, state.unfrozen, context.run.now)
        ]
        now, made = context.run.now, state.made
        frozen = with_claims(state.frozen, news, context.vpc, made, owner=owner, catalog=catalog, now=now)
        return replace(state, frozen=frozen)

    def needs(self, context: VpcContext, plan: Plan | None, state: VpcState) -> frozenset[Fact]:
        """The state of VPCs that are named; in a sweep of those that are listed, or that show traces of a claim."""
        if plan is None or context.is_release:
            return frozenset()
        is_found = VpcList.CLAIMED in context.lists or leaves_traces(context.vpc, context.run.owner)
        return frozenset({Fact.STATE} if is_found or not context.run.is_region else ())

    def decide(self, context: VpcContext, plan: Plan, state: VpcState) -> Decision:
        """The plan with what the claims ask for, and the state with those that are over taken out."""
        handed = _hand_over(context, plan, state)
        return Decision(handed.plan, _handed(handed, context, state)) if handed else Decision(plan, state)

    def after(self, context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Decision:
        """One notice for each claim, once Lifeline's own has made way. A claim that is over is forgotten once nothing
        is left to remove. While theirs is coming up, the VPC is reconciled again.
        """
        handed = _hand_over(context, plan, state)
        if handed is None:
            return Decision(plan, state)
        requeue = Requeue(_THEIRS_COMES_WITHIN, is_attempt=True) if handed.is_waiting else None
        if context.is_leased:
            state = _without_ended(context, done, state)
        elif is_blocked_or_planned(plan):
            return Decision(plan, state, requeue=requeue)
        else:
            state = _handed(handed, context, state)
        announcements = tuple(_announcements(context, plan, done, state))
        return Decision(plan, state, announcements, requeue)


def _hand_over(context: VpcContext, plan: Plan, state: VpcState) -> HandOver | None:
    """None where a person gives everything up anyway, or where the VPC's claims weren't read."""
    if context.is_release or not (context.is_leased or Fact.STATE in context.read):
        return None
    run = context.run
    return answer_claims(plan, context.vpc, state.frozen, owner=run.owner, catalog=run.catalog, now=run.now)


def _handed(handed: HandOver, context: VpcContext, state: VpcState) -> VpcState:
    """The state with what the claims came to. One that theirs has answered is over: its record may come again."""
    now = context.run.now
    unmet = {**state.unmet, **dict.fromkeys(handed.unmet, now)}
    unfrozen = with_unfrozen(state.unfrozen, handed.met, now) if handed.met else state.unfrozen
    return replace(state, frozen=handed.frozen, unmet=unmet, unfrozen=unfrozen)


def _without_ended(context: VpcContext, done: Sequence[Action], state: VpcState) -> VpcState:
    left = any(action.kind in DELETES and not action.is_done for action in done)
    if left or not done:
        return state
    claims = {service for service, freeze in state.frozen.items() if freeze.kind is FreezeKind.CLAIM}
    ended = claims - standing(state.frozen, context.run.now).keys()
    return replace(state, frozen={key: freeze for key, freeze in state.frozen.items() if key not in ended})


def _announcements(context: VpcContext, plan: Plan, done: Sequence[Action], state: VpcState) -> Iterator[Announcement]:
    """For each claim of which people don't know yet and for which nothing is left to do."""
    for service, freeze in sorted(standing(state.frozen, context.run.now).items()):
        made_way = [action for action in done if action.service == service and action.kind in _MAKES_WAY]
        is_done = all(action.is_done for action in made_way)
        if freeze.kind is FreezeKind.CLAIM and not freeze.is_notified and is_done:
            owner, tiers = context.run.owner, tiers_without(service, freeze, plan, context.vpc)
            is_required = any(report.service == service for report in plan.services)
            notice = handed_over_notice(
                freeze, service, plan.vpc_id, stack_name=owner, tiers=tiers, done=made_way, is_required=is_required
            )
            told = frozenset(sorted(isolated_paths(service, replace(plan, tiers=tiers)))[:_MOST_TOLD])
            entries = VpcState(frozen={service: replace(freeze, is_notified=True, told=told)})
            yield Announcement(notice, entries, frozenset(made_way))


def _claimed(context: VpcContext) -> list[Claimed]:
    """What the VPC's refused calls claim, the earliest first."""
    attempts = [request for request in context.requests if request.trigger.kind == "attempt"]
    in_order = sorted(attempts, key=lambda request: request.trigger.time)
    return [_as_claimed(request.claim, request, context.run.now) for request in in_order if request.claim]


def _is_over(claimed: Claimed, own: Endpoint, state: VpcState) -> bool:
    """True if a person ended the service's freezes since the call, or theirs has answered it: the name, or the routes
    of all of these tables.
    """
    tables = own.route_table_ids.intersection(claimed.claim.route_table_ids)
    met = bool(tables) and all(is_overruled(state.unfrozen, table_id, claimed.at) for table_id in tables)
    return met or is_overruled(state.unfrozen, suffix_of(own.service_name), claimed.at)


def _as_claimed(claim: Claim, request: Request, now: datetime) -> Claimed:
    trigger = request.trigger
    try:
        at = datetime.fromisoformat(trigger.time)
    except ValueError:
        at = now
    return Claimed(claim, trigger.actor, trigger.event_name, trigger.event_id, at if at.tzinfo else now)

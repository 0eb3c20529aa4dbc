"""What a person may approve: one plan, once, for a day, and only while it is what the network still requires."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from lifeline.core.guards.kill_switch import KILL_SWITCH
from lifeline.core.network.packets import ports_in
from lifeline.core.network.ports import HTTPS
from lifeline.core.plan.actions import Action, ActionKind, Plan
from lifeline.core.plan.answer import Approvable
from lifeline.core.plan.cost import Price, cost_of, is_at_most
from lifeline.core.plan.order import Step
from lifeline.core.wording import fingerprint, write_time

LIFE = timedelta(hours=24)


class OfferState(StrEnum):
    """Where a plan stands: offered to people, approved by one, applied, or approved and found outdated."""

    OFFERED = "offered"
    APPROVED = "approved"
    USED = "used"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan that waits for approval. `plan_id` and `actions` are fingerprints: of the whole, and of each action.
    `unread` are the checks that couldn't be read, each with its action's fingerprint. If `is_at_most`, it may cost
    less.
    """

    plan_id: str
    vpc_id: str
    actions: frozenset[str]
    monthly_cost_usd: Decimal
    ends_at: datetime
    state: OfferState = OfferState.OFFERED
    unread: frozenset[str] = frozenset()
    is_at_most: bool = False

    def is_live(self, now: datetime) -> bool:
        """True while it can still be approved or applied."""
        return self.state in {OfferState.OFFERED, OfferState.APPROVED} and now < self.ends_at


def action_fingerprint(action: Action) -> str:
    """The same for the same change, whatever the words of its reason, its status, and which group it will get."""
    return fingerprint(
        action.kind,
        action.service_name,
        action.subnet_ids,
        action.route_table_ids,
        action.cidrs if action.ports == HTTPS else (*action.cidrs, ports_in(action.ports)),
        "" if action.kind is ActionKind.SWAP_TO_LOCAL else action.endpoint_id,  # which may not be there yet
        action.ip_address_type,
        action.attributes,
        "" if action.private_dns else "without private DNS",
        *([action.central_ids] if action.central_ids else []),
        length=16,
    )


def make_offer(vpc_id: str, actions: Iterable[Action], price: Price, *, now: datetime) -> Offer:
    """The actions as a plan to approve. Its id is the same for the same VPC, actions, cost and unread checks."""
    chosen = tuple(actions)
    prints, cost = frozenset(map(action_fingerprint, chosen)), cost_of(chosen, price)
    unread = frozenset(mark for action in chosen for mark in _unread_of(action))
    whole = fingerprint(vpc_id, sorted(prints), str(cost), *([sorted(unread)] if unread else []), length=16)
    ends_at, at_most = (now + LIFE).replace(microsecond=0), is_at_most(chosen)
    return Offer(f"plan-{whole}", vpc_id, prints, cost, ends_at, unread=unread, is_at_most=at_most)


def still_planned(offer: Offer, plan: Plan, price: Price) -> frozenset[Step]:
    """The offer's steps in a new plan; none if any of them is no longer planned just so, at that cost, or if a check
    can't be read by now that could be when the offer was made.
    """
    planned = [(place, action) for place, action in enumerate(plan.actions) if action.is_planned]
    chosen = [(place, action) for place, action in planned if action_fingerprint(action) in offer.actions]
    same = make_offer(plan.vpc_id, (action for _, action in chosen), price, now=offer.ends_at)
    is_same = (same.vpc_id, same.actions, same.monthly_cost_usd) == (
        offer.vpc_id,
        offer.actions,
        offer.monthly_cost_usd,
    )
    is_covered = is_same and same.unread <= offer.unread
    return frozenset(Step(plan.vpc_id, place) for place, _ in chosen) if is_covered else frozenset()


def rest_of(
    offer: Offer, steps: Iterable[Step], actions: Sequence[Action], price: Price, *, now: datetime
) -> Offer | None:
    """What an approved plan leaves for a later run: approved like the plan, and for as long. None if it is all done.

    `steps` are the plan's, `actions` what became of its VPC's.
    """
    left = [
        actions[step.index]
        for step in sorted(steps, key=lambda step: step.index)
        if actions[step.index].is_planned or actions[step.index].blocked_by == KILL_SWITCH
    ]
    if not left:
        return None
    return replace(make_offer(offer.vpc_id, left, price, now=now), ends_at=offer.ends_at, state=OfferState.APPROVED)


def why_not(offer: Offer | None, plan_id: str, *, now: datetime) -> str:
    """Why the plan can't be approved, or an empty text."""
    if offer is None:
        return (
            f"no plan {plan_id} is waiting for approval; the notice about the blocked actions has the current plan ID"
        )
    match offer.state:
        case OfferState.USED:
            return (
                f"{plan_id} was already approved, and a run is applying it or has done so: an approval works once; "
                f'to see what became of it, send {{"history": {{"vpc_id": "{offer.vpc_id}"}}}}'
            )
        case OfferState.REFUSED:
            return f"{plan_id} was approved after the network had changed; the next run will offer a new plan"
        case OfferState.APPROVED if now < offer.ends_at:
            return f"{plan_id} is already approved and under way: the next run for {offer.vpc_id} will apply it"
        case OfferState.OFFERED | OfferState.APPROVED:
            return "" if now < offer.ends_at else _expired(offer)


def approve_command(plan_id: str, stack_name: str, member: str = "") -> str:
    """The one command that approves exactly this plan, in a member account if there is one."""
    event = {"approve": plan_id} | ({"account": member} if member else {})
    return f"sam remote invoke ReconcileEndpoints --stack-name {stack_name} --event '{json.dumps(event)}'"


def approvable(offer: Offer, command: str) -> Approvable:
    """The offer as people see it."""
    return Approvable(offer.plan_id, offer.monthly_cost_usd, offer.ends_at, command, offer.is_at_most)


def outdated_words(offer: Offer) -> str:
    """What a person reads whose approval came too late: the network requires something else now."""
    return (
        f"the network has changed since {offer.plan_id} was planned: {offer.vpc_id} no longer requires exactly these "
        "changes, so nothing was changed; if a new plan needs approval, you will get a notice with its ID"
    )


def _expired(offer: Offer) -> str:
    when = write_time(offer.ends_at)
    return f"{offer.plan_id} could be approved until {when}; the next run will offer a new plan"


def _unread_of(action: Action) -> Iterator[str]:
    return (f"{action_fingerprint(action)} {check}" for check in action.unread_checks)

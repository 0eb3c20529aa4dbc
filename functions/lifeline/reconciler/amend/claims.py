"""Claim: keeps what others' refused calls claim, lets Lifeline's own make way for it, and says so."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.aws.topic import Publishes
from lifeline.adapters.store.vpc_state import VpcState
from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.coexist.claims import Claim, Claimed, blocked_by_own, with_claims
from lifeline.core.coexist.hand_over import answer_claims, leaves_traces
from lifeline.core.errors import LifelineError, TransientError
from lifeline.core.guards.freeze import Freeze, FreezeKind, is_overruled, standing
from lifeline.core.network.model import Catalog, Vpc, suffix_of
from lifeline.core.notices.claim import handed_over_notice
from lifeline.core.plan.actions import DELETES, Action, ActionKind, Plan, Status
from lifeline.core.requests.request import Request
from lifeline.reconciler.steps.leases import leased
from lifeline.reconciler.steps.targets import Targets
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger

_MAKES_WAY = frozenset({ActionKind.DISABLE_PRIVATE_DNS, ActionKind.REMOVE_ROUTE_TABLES, ActionKind.RETIRE_ENDPOINT})


@dataclass(frozen=True, slots=True)
class Claiming:
    """One look's claims. `ledger` is None where nothing may be read from it or kept, as for a plan by hand."""

    ledger: Ledger | None
    lookup: Lookup
    notices: Publishes
    owner: str
    run: Run

    def extend(
        self,
        plans: Mapping[str, Plan],
        vpcs: Sequence[Vpc],
        leased: Mapping[str, VpcState] | None = None,
        *,
        is_region: bool = False,
    ) -> tuple[dict[str, Plan], list[str], dict[str, VpcState]]:
        """The plans with what claims ask for, the VPCs where theirs is on its way, and the memories as they are then.

        `leased` is what was read under the leases, and what changes in it is kept. Without them, and in a sweep, only
        VPCs are read that are listed as claimed, or that show traces of a claim.
        """
        seen = [vpc for vpc in vpcs if vpc.id in plans]
        states = dict(leased) if leased is not None else self._load(seen, is_region=is_region)
        extended, waiting = dict(plans), []
        for vpc in seen:
            state = states.get(vpc.id)
            if state is None:
                continue
            found = answer_claims(plans[vpc.id], vpc, state.frozen, owner=self.owner, now=self.run.now())
            extended[vpc.id] = replace(
                found.plan, actions=self._without_used(found.plan.actions, plans[vpc.id].actions)
            )
            waiting += [vpc.id] if found.is_waiting else []
            if leased is not None and self.ledger and found.frozen != state.frozen:
                self.ledger.save_frozen(vpc.id, found.frozen, now=self.run.now())
                states[vpc.id] = replace(state, frozen=found.frozen)
            if leased is None and not extended[vpc.id].has_work:
                self._close(extended[vpc.id], state, found.frozen)
        return extended, waiting, states

    def _close(self, plan: Plan, state: VpcState, frozen: Mapping[str, Freeze]) -> None:
        """Where nothing else is to do: forgets the claims that are over, and says what couldn't be said before."""
        open_business = any(map(_is_pending, standing(frozen, self.run.now()).values()))
        if self.ledger is None or (frozen == state.frozen and not open_business):
            return
        with leased(plan.vpc_id, self.ledger, self.run) as known:
            if known is None or known.frozen != state.frozen:
                return  # another run is at it, or was: a later look goes on
            if frozen != state.frozen:
                self.ledger.save_frozen(plan.vpc_id, frozen, now=self.run.now())
            now_known = replace(known, frozen=frozen)
            notify_handed_over(plan, (), now_known, self.ledger, self.notices, self.owner, self.run.now())

    def _load(self, vpcs: Sequence[Vpc], *, is_region: bool) -> dict[str, VpcState]:
        listed = self.ledger.claimed() if is_region and self.ledger else frozenset()
        looked = {vpc.id for vpc in vpcs if not is_region or leaves_traces(vpc, self.owner)} | listed
        if self.ledger is None:
            return dict.fromkeys(looked, VpcState())
        vpc_ids = sorted(looked)
        states = run_concurrently([partial(self.ledger.load, vpc_id) for vpc_id in vpc_ids])
        found = dict(zip(vpc_ids, states, strict=True))
        gone = listed - {vpc.id for vpc in vpcs}
        for vpc_id in sorted(listed):
            frozen = found[vpc_id].frozen
            claims = standing(frozen, self.run.now()) if vpc_id in gone else frozen
            if not any(freeze.kind is FreezeKind.CLAIM for freeze in claims.values()):
                self.ledger.list_claimed(vpc_id, is_claimed=False)
        return found

    def _without_used(self, actions: tuple[Action, ...], before: tuple[Action, ...]) -> tuple[Action, ...]:
        """Whoever else uses Lifeline's group keeps it, in silence: nobody asked for it to go."""
        groups = [
            action.security_group_id
            for action in actions
            if action.kind is ActionKind.DELETE_SECURITY_GROUP and action not in before
        ]
        users = self.lookup.users_of_security_groups(groups)
        used = {security_group_id for security_group_id in groups if users.get(security_group_id)}
        return tuple(
            action
            for action in actions
            if action in before or not action.security_group_id or action.security_group_id not in used
        )


def save_claimed(
    targets: Targets, vpcs: Iterable[Vpc], ledger: Ledger, catalog: Callable[[], Catalog], owner: str, run: Run
) -> None:
    """Keeps what is claimed in the VPCs that are there. Others keep freezes under the lease too, so this takes it.

    Raises TransientError while another run has the VPC, and what the ledger raises: the records come again then.
    """
    for vpc in vpcs:
        claims = [_claimed(request.claim, request, run.now()) for request in targets.attempts(vpc.id) if request.claim]
        standing_in = [claimed for claimed in claims if blocked_by_own(claimed.claim, vpc, owner, catalog())]
        if not standing_in:
            continue
        with leased(vpc.id, ledger, run) as state:
            if state is None:
                raise TransientError(f"another run works on {vpc.id}: what is claimed there is read again", code="Busy")
            now, made = run.now(), state.made
            news = [claimed for claimed in standing_in if not _is_answered(claimed, vpc, state, owner, catalog())]
            frozen = with_claims(state.frozen, news, vpc, made, owner=owner, catalog=catalog(), now=now)
            if frozen != state.frozen:
                ledger.list_claimed(vpc.id)  # first: an entry too many costs a read, one too few a day
                ledger.save_frozen(vpc.id, frozen, now=now)
                logger.info("claimed", vpc_id=vpc.id, frozen=sorted(set(frozen) - set(state.frozen)))


def _is_answered(one: Claimed, vpc: Vpc, state: VpcState, owner: str, catalog: Catalog) -> bool:
    """True if a person took back since what is claimed."""
    own = blocked_by_own(one.claim, vpc, owner, catalog)
    return own is not None and is_overruled(state.unfrozen, suffix_of(own.service_name), one.at)


def _claimed(claim: Claim, request: Request, now: datetime) -> Claimed:
    try:
        at = datetime.fromisoformat(request.trigger.time)
    except ValueError:
        at = now
    at = at if at.tzinfo else now
    return Claimed(claim, request.trigger.actor, request.trigger.event_name, request.trigger.event_id, at)


def notify_handed_over(
    plan: Plan,
    actions: Iterable[Action],
    state: VpcState,
    ledger: Ledger,
    notices: Publishes,
    owner: str,
    now: datetime,
) -> frozenset[Action]:
    """Says for each claim, once, that Lifeline made way; returns what was told with it.

    What couldn't be done yet, or not be told, is told by the next look. A claim that is over is forgotten once nothing
    is left to take away. Raises what the ledger raises.
    """
    became = list(actions)
    left = {action for action in became if action.kind in DELETES and action.status is not Status.DONE}
    claims = {service: freeze for service, freeze in state.frozen.items() if freeze.kind is FreezeKind.CLAIM}
    over = set() if left or not became else claims.keys() - standing(claims, now).keys()
    notified: dict[str, Freeze] = {}
    with_it: list[Action] = []
    for service, freeze in sorted(standing(claims, now).items()):
        made_way = [action for action in became if action.service == service and action.kind in _MAKES_WAY]
        if freeze.is_notified or any(action.status is not Status.DONE for action in made_way):
            continue
        notice = handed_over_notice(freeze, service, plan.vpc_id, stack_name=owner, tiers=plan.tiers, done=made_way)
        try:
            notices.publish(notice)
        except LifelineError as error:
            logger.error("notice not sent", subject=notice.subject, error=str(error))
            continue
        notified[service] = replace(freeze, is_notified=True)
        with_it += made_way
    if notified or over:
        kept = {service: freeze for service, freeze in {**state.frozen, **notified}.items() if service not in over}
        ledger.save_frozen(plan.vpc_id, kept, now=now)
    return frozenset(with_it)


def _is_pending(freeze: Freeze) -> bool:
    return freeze.kind is FreezeKind.CLAIM and not freeze.is_notified

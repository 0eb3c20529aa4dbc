"""Retire: reads and keeps since when Lifeline's own isn't needed, and adds what may go to the plans."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.aws.lookup import Lookup
from lifeline.adapters.store.vpc_state import VpcState
from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.coexist.retirement import Retirement, Terms, idle, plan_retirement, unless_used
from lifeline.core.network.model import Vpc
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.plan.actions import DELETES, REMOVALS, Action, ActionKind, Plan, Status
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.reconciler.steps.planning import MOST_NAMED, Planning

RELEASE_HOLDS = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Retiring:
    """One look's retiring. `ledger` is None where nothing may be read from it or kept, as for a plan by hand."""

    planning: Planning
    lookup: Lookup
    ledger: Ledger | None
    is_release: Callable[[str], bool]

    def extend(
        self,
        plans: Mapping[str, Plan],
        vpcs: Sequence[Vpc],
        leased: Mapping[str, VpcState] | None = None,
        *,
        is_region: bool = False,
    ) -> dict[str, Plan]:
        """The plans with what may go, and of released VPCs nothing else. VPCs whose plan waits for its turn wait on.

        `leased` is what was read under the leases; without them, only what counts is read. What there is to remember is
        kept. `is_region` says that `vpcs` are all of the region.
        """
        if leased is None:
            unneeded = self._load(plans, vpcs, is_region=is_region)
        else:
            unneeded = {vpc.id: leased[vpc.id].unneeded for vpc in vpcs}
        looked = [vpc for vpc in vpcs if vpc.id in unneeded or self.is_release(vpc.id)]
        found = {vpc.id: self._decide(vpc, unneeded.get(vpc.id, {})) for vpc in looked}
        by_id = {vpc.id: vpc for vpc in looked}
        found = self._with_group_users(self._with_central(by_id, unneeded, found, fresh=leased is not None))
        for vpc_id, known in unneeded.items():
            self._keep(vpc_id, known, found[vpc_id].unneeded)
        extended = dict(plans)
        for vpc in looked:
            before = self._nothing(vpc) if self.is_release(vpc.id) else plans.get(vpc.id)
            if before:
                extended[vpc.id] = _joined(before, found[vpc.id])
        return extended

    def _keep(self, vpc_id: str, known: Mapping[str, datetime], now_known: Mapping[str, datetime]) -> None:
        """Keeps since when what isn't needed; nothing is written while nothing changes."""
        if self.ledger and dict(known) != dict(now_known):
            self.ledger.save_unneeded(vpc_id, now_known, now=self.planning.now)

    # ---- what is remembered

    def _load(
        self, plans: Mapping[str, Plan], vpcs: Sequence[Vpc], *, is_region: bool
    ) -> dict[str, Mapping[str, datetime]]:
        """Of the VPCs that have something unneeded, or had: it may be needed again, and then its time is over."""
        unneeded = {vpc.id for vpc in vpcs if self._has_idle(vpc, plans.get(vpc.id))}
        if self.ledger is None:
            return {vpc_id: {} for vpc_id in sorted(unneeded)}
        listed = self.ledger.retiring()
        seen = {vpc.id for vpc in vpcs}
        for vpc_id in sorted(listed - seen) if is_region else ():
            if not self.ledger.delete(vpc_id, now=self.planning.now):
                self.ledger.delete_retiring(vpc_id)
        vpc_ids = sorted(unneeded | (listed & seen))
        states = run_concurrently([partial(self.ledger.load, vpc_id) for vpc_id in vpc_ids])
        return {vpc_id: state.unneeded for vpc_id, state in zip(vpc_ids, states, strict=True)}

    def _has_idle(self, vpc: Vpc, plan: Plan | None) -> bool:
        settings = self.planning.settings
        if plan is None or not settings.retire_after:
            return False
        wished = {report.service for report in plan.services}
        return bool(idle(vpc, wished, settings.stack_name, self.planning.network.catalog()))

    # ---- what may go

    def _decide(self, vpc: Vpc, unneeded: Mapping[str, datetime], **more: object) -> Retirement:
        planning, settings = self.planning, self.planning.settings
        terms = Terms(
            owner=settings.stack_name,
            policy=planning.policy,
            catalog=planning.network.catalog(),
            now=planning.now,
            after=settings.retire_after,
            is_release=self.is_release(vpc.id),
        )
        return plan_retirement(vpc, planning.wanted(vpc), replace(terms, **more), unneeded)  # type: ignore[arg-type]

    def _with_central(
        self,
        vpcs: Mapping[str, Vpc],
        unneeded: Mapping[str, Mapping[str, datetime]],
        found: Mapping[str, Retirement],
        *,
        fresh: bool,
    ) -> dict[str, Retirement]:
        """Where something is held back because subnets have no other way: is there a central one?"""
        held = [vpc_id for vpc_id, retirement in found.items() if any(map(_is_held, retirement.actions))][:MOST_NAMED]
        region = self.planning.settings.region
        read = [partial(self.planning.central.view, vpc_id, region=region, fresh=fresh) for vpc_id in held]
        views = dict(zip(held, run_concurrently(read), strict=True))
        again = {vpc_id: self._decide(vpcs[vpc_id], unneeded[vpc_id], dns=view) for vpc_id, view in views.items()}
        return {**found, **again}

    def _with_group_users(self, found: Mapping[str, Retirement]) -> dict[str, Retirement]:
        """Whoever else uses Lifeline's group keeps it, and is named, for EC2 wouldn't delete it and doesn't say why."""
        groups = [
            action.security_group_id
            for retirement in found.values()
            for action in retirement.actions
            if _deletes_security_group(action)
        ]
        users = self.lookup.users_of_security_groups(groups)
        return {
            vpc_id: replace(retirement, actions=tuple(unless_used(action, users) for action in retirement.actions))
            for vpc_id, retirement in found.items()
        }

    def _nothing(self, vpc: Vpc) -> Plan:
        return Plan(vpc.id, tuple(classify_subnets(vpc).items()), ())


def _joined(plan: Plan, found: Retirement) -> Plan:
    return replace(plan, actions=(*plan.actions, *found.actions), notes=(*plan.notes, *found.notes))


def _is_held(action: Action) -> bool:
    return action.kind is ActionKind.RETIRE_ENDPOINT and action.status is Status.BLOCKED


def _deletes_security_group(action: Action) -> bool:
    return action.kind is ActionKind.DELETE_SECURITY_GROUP and action.status is Status.PLANNED


# ---- once it is done


def taken_away(actions: Iterable[Action]) -> frozenset[str]:
    """The ids of what was retired."""
    done = [action for action in actions if action.kind in DELETES and action.status is Status.DONE]
    return frozenset(action.endpoint_id or action.security_group_id for action in done)


def settled(made: Mapping[str, Made], gone: frozenset[str]) -> dict[str, Made]:
    """What was made, without waiting on for what was retired: nobody else deleted it."""
    return {
        service: replace(candidate, is_settled=candidate.is_settled or candidate.endpoint_id in gone)
        for service, candidate in made.items()
    }


def is_released(released_at: datetime | None, now: datetime) -> bool:
    """True while nothing is made in a VPC that a person gave up."""
    return released_at is not None and now - released_at < RELEASE_HOLDS


def held(plan: Plan, released_at: datetime | None, now: datetime) -> Plan:
    """The plan; of a VPC that was just released, nothing is made behind the back of whoever gave it up."""
    if released_at is None or not is_released(released_at, now):
        return plan
    until = released_at + RELEASE_HOLDS
    why = f"released by hand: nothing is made here until {until:%Y-%m-%d %H:%M} UTC, or until you ask for it by vpc_ids"
    actions = tuple(
        action.blocked(why) if action.status is Status.PLANNED and action.kind not in REMOVALS else action
        for action in plan.actions
    )
    return replace(plan, actions=actions, monthly_cost_usd=plan.monthly_cost_usd * 0)

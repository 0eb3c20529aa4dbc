"""The limits that a hub's accounts share: beside its own, each account has its part in one use of all of them.

A VPC of the very same ID in another account is another VPC, and an endpoint of the same ClientToken another endpoint:
here, both say which account they are in.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from lifeline.core.guards.limits import (
    DAY,
    Admission,
    Grant,
    Scope,
    Usage,
    admit,
    delete,
    heaviest,
    see,
    token_of,
)
from lifeline.core.network.model import RegionRef
from lifeline.core.plan.actions import Plan
from lifeline.core.plan.cost import Price, monthly_cost_usd
from lifeline.core.plan.order import Step
from lifeline.core.policy.policy import AllAccounts, Limits, Shares
from lifeline.core.wording import listed, write_count

PREFIX = "all_accounts."
_SCOPE = Scope(PREFIX, " by all accounts together")
_WITHOUT_END = 10**9
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class SharedLimits:
    """The limits that all accounts share, as they hold for one of them, in one region: its `home`."""

    home: RegionRef
    limits: AllAccounts
    price: Price

    def admit(
        self,
        plans: Mapping[str, Plan],
        use: Usage,
        owned: Mapping[str, frozenset[str]],
        *,
        now: datetime,
        shares: Shares,
        waived: frozenset[Step],
    ) -> Admission:
        """Which planned actions pass, as `limits.admit` decides; `use` is that of all accounts."""
        asked = {self._name(vpc_id): self._named(plan) for vpc_id, plan in plans.items()}
        found = admit(
            asked,
            use,
            self._owned(owned),
            self._limits,
            self.price,
            now=now,
            shares=shares,
            waived=frozenset(Step(self._name(step.vpc_id), step.index) for step in waived),
            scope=_SCOPE,
        )
        ids = {self._name(vpc_id): vpc_id for vpc_id in plans}
        answered = {ids[name]: _as_before(plans[ids[name]], plan) for name, plan in found.plans.items()}
        granted = tuple((Step(ids[step.vpc_id], step.index), grant) for step, grant in found.granted)
        return Admission(answered, granted, found.use)

    def see(self, use: Usage, owned: Mapping[str, frozenset[str]], *, now: datetime) -> Usage:
        """The use after an observation of all that Lifeline owns in this account and region."""
        others = {name: count for name, count in use.interfaces.items() if not name.startswith(f"{self.home}/")}
        return see(replace(use, interfaces=others), self._owned(owned), now=now)

    def refunded(
        self, use: Usage, unused: Collection[Grant], owned: Mapping[str, frozenset[str]], *, now: datetime
    ) -> Usage:
        """The use without grants of this account that came to nothing."""
        rest = replace(use, grants=tuple(grant for grant in use.grants if grant not in unused))
        seen = {name: found for name, found in self._owned(owned).items() if any(one.vpc_id == name for one in unused)}
        return see(rest, seen, now=now)

    def delete(self, use: Usage, vpc_ids: Collection[str]) -> Usage:
        """The use without what Lifeline had in VPCs of this account that are gone."""
        return delete(use, [self._name(vpc_id) for vpc_id in vpc_ids])

    @property
    def _limits(self) -> Limits:
        return Limits(
            endpoints_per_run=_WITHOUT_END,
            endpoints_per_day=self.limits.endpoints_per_day,
            vpcs_per_run=_WITHOUT_END,
            vpcs_per_day=self.limits.vpcs_per_day,
            monthly_usd_per_vpc=Decimal(_WITHOUT_END),
            monthly_usd=self.limits.monthly_usd,
        )

    def _name(self, vpc_id: str) -> str:
        return f"{self.home}/{vpc_id}"

    def _owned(self, owned: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        return {self._name(vpc_id): found for vpc_id, found in owned.items()}

    def _named(self, plan: Plan) -> Plan:
        actions = tuple(replace(action, client_token=f"{self.home}/{token_of(action)}") for action in plan.actions)
        return replace(plan, vpc_id=self._name(plan.vpc_id), actions=actions)


def of_accounts(use: Usage, accounts: Collection[str]) -> Usage:
    """The use without the endpoints of accounts that are served no longer: no sweep of theirs would correct it."""
    left = {name: count for name, count in use.interfaces.items() if _account_of(name) in accounts}
    return replace(use, interfaces=left) if left != use.interfaces else use


def heaviest_of_all(name: str, use: Usage, price: Price, *, now: datetime) -> str:
    """Which accounts use most of a limit that all share, in words; empty where none does."""
    counts: Counter[str] = Counter()
    limit = name.removeprefix(PREFIX)
    if limit == "monthly_usd":
        for vpc, count in use.interfaces.items():
            counts[_account_of(vpc)] += count
        amounts = {account: f"{monthly_cost_usd(count, price):.2f} USD per month" for account, count in counts.items()}
    else:
        made = {(grant.vpc_id, grant.token) for grant in use.grants if grant.token and grant.at > now - DAY}
        counts.update(_account_of(vpc) for vpc, _ in made)
        amounts = {
            account: f"{write_count(count, 'endpoint')} in the last 24 hours" for account, count in counts.items()
        }
    most = sorted(counts, key=lambda account: (-counts[account], account))[:_MOST_NAMED]
    words = listed([f"account {account} ({amounts[account]})" for account in most])
    return f"biggest users of {name}: {words}" if words else ""


def biggest_users(name: str, own: Usage, in_all: Usage, price: Price, *, now: datetime) -> str:
    """Who uses most of a limit, in words: VPCs of an account's own, accounts of one that all share."""
    if name.startswith(PREFIX):
        return heaviest_of_all(name, in_all, price, now=now)
    return heaviest(name, own, price, now=now)


def _account_of(vpc: str) -> str:
    return vpc.partition("/")[0]


def _as_before(plan: Plan, found: Plan) -> Plan:
    """The plan as it was found, with its own names again."""
    actions = tuple(
        replace(action, client_token=before.client_token)
        for before, action in zip(plan.actions, found.actions, strict=True)
    )
    return plan if actions == plan.actions else replace(found, vpc_id=plan.vpc_id, actions=actions)

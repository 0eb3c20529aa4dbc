"""The limits that accounts share: the same fold as of one account's, over VPCs that say which account they are in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from lifeline.core.guards.all_accounts import SharedLimits, biggest_users, of_accounts
from lifeline.core.guards.limits import Grant, Usage
from lifeline.core.network.model import RegionRef
from lifeline.core.plan.actions import Action, ActionKind, Plan
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.order import Step
from lifeline.core.policy.policy import AllAccounts, Shares

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
VPC_ID = "vpc-0123456789abcdef0"
PRICE = price_in("us-east-1")
FREE = Shares(reserved_percent=0, vpc_percent=100)


def shared(account: str, **limits: object) -> SharedLimits:
    return SharedLimits(RegionRef(account, "us-east-1"), replace(AllAccounts(), **limits), PRICE)  # type: ignore[arg-type]


A, B = "222222222222", "333333333333"
CREATE = Action(
    ActionKind.CREATE_INTERFACE_ENDPOINT,
    "why",
    service="monitoring",
    service_name="com.amazonaws.us-east-1.monitoring",
    subnet_ids=("subnet-1",),
    client_token="the very same",
)


def plan(*actions: Action) -> dict[str, Plan]:
    return {VPC_ID: Plan(VPC_ID, (), actions or (CREATE,))}


def use_after(limits: SharedLimits, use: Usage) -> Usage:
    found = limits.admit(plan(), use, {VPC_ID: frozenset()}, now=NOW, shares=FREE, waived=frozenset())
    assert found.plans == plan()
    return found.use


def why_held(limits: SharedLimits, use: Usage, *, waived: frozenset[Step] = frozenset()) -> str:
    found = limits.admit(plan(), use, {VPC_ID: frozenset()}, now=NOW, shares=FREE, waived=waived)
    (action,) = found.plans[VPC_ID].actions
    assert action.client_token == CREATE.client_token
    assert found.plans[VPC_ID].vpc_id == VPC_ID
    return f"{action.blocked_by}: {action.error}" if action.is_blocked else ""


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (
            {"endpoints_per_day": 1},
            (
                "all_accounts.endpoints_per_day: needs approval: 1 of 1 endpoints (all_accounts.endpoints_per_day) "
                "used by all accounts together in the last 24 hours"
            ),
        ),
        (
            {"vpcs_per_day": 1},
            (
                "all_accounts.vpcs_per_day: needs approval: 1 of 1 VPCs (all_accounts.vpcs_per_day) used by all "
                "accounts together in the last 24 hours"
            ),
        ),
        (
            {"monthly_usd": Decimal(10)},
            (
                "all_accounts.monthly_usd: needs approval: 7.30 USD more per month would exceed "
                "all_accounts.monthly_usd (7.30 of 10.00 USD in use by all accounts together)"
            ),
        ),
    ],
)
def test_an_accounts_vpc_of_the_same_id_and_token_is_another_one(limits: dict[str, object], words: str) -> None:
    use = use_after(shared(A, **limits), Usage())
    assert why_held(shared(B, **limits), use) == words
    assert why_held(shared(A, **limits), use) == "", "the same endpoint of the same account again"


def test_what_is_approved_passes() -> None:
    use = use_after(shared(A, endpoints_per_day=1), Usage())
    assert why_held(shared(B, endpoints_per_day=1), use, waived=frozenset({Step(VPC_ID, 0)})) == ""


def test_zero_blocks_everything_and_the_limits_of_one_account_are_no_matter_here() -> None:
    assert "all_accounts.endpoints_per_day" in why_held(shared(A, endpoints_per_day=0), Usage())
    many = plan(*(replace(CREATE, service_name=f"s-{number}", client_token=f"t-{number}") for number in range(90)))
    found = shared(A).admit(many, Usage(), {VPC_ID: frozenset()}, now=NOW, shares=FREE, waived=frozenset())
    assert found.plans == many


def test_a_sweep_corrects_its_own_account_alone() -> None:
    use = use_after(shared(B), use_after(shared(A), Usage()))
    later = NOW + timedelta(hours=1)
    seen = shared(A).see(use, {}, now=later)
    assert seen.interfaces == {f"{B}/us-east-1/{VPC_ID}": 1}
    assert len(seen.grants) == 2, "the day is what it was"
    assert shared(B).delete(seen, [VPC_ID]).interfaces == {}
    assert shared(A).delete(seen, [VPC_ID]) == seen


def test_what_came_to_nothing_is_given_back_by_its_account() -> None:
    of_a = use_after(shared(A), Usage())
    both = use_after(shared(B), of_a)
    (theirs,) = [grant for grant in both.grants if grant not in of_a.grants]
    assert shared(B).refunded(both, [theirs], {VPC_ID: frozenset()}, now=NOW) == of_a


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("all_accounts.endpoints_per_day", f"account {A} (1 endpoint in the last 24 hours)"),
        ("all_accounts.monthly_usd", f"account {A} (7.30 USD per month)"),
        ("monthly_usd", ""),
        ("", ""),
    ],
)
def test_the_accounts_that_use_most_are_named(name: str, words: str) -> None:
    said = biggest_users(name, Usage(), use_after(shared(A), Usage()), PRICE, now=NOW)
    assert said == (f"biggest users of {name}: {words}" if words else "")


def test_an_account_that_is_served_no_longer_uses_nothing() -> None:
    use = Usage(interfaces={f"{A}/us-east-1/{VPC_ID}": 3, f"{B}/us-east-1/{VPC_ID}": 1})
    assert of_accounts(use, {B}).interfaces == {f"{B}/us-east-1/{VPC_ID}": 1}
    assert of_accounts(use, {A, B}) is use


def test_a_thousand_endpoints_are_seen_without_each_being_compared_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first sweep of 200 accounts counts thousands in a day, and each run of each account reads them all."""
    vpcs = [f"{A}/us-east-1/vpc-{number:017x}" for number in range(1_000)]
    use = Usage(tuple(Grant(name, NOW, name) for name in vpcs), dict.fromkeys(vpcs, 1))
    compared, equals = [0], Grant.__eq__

    def count(one: Grant, other: object) -> bool:
        compared[0] += 1
        return equals(one, other)

    monkeypatch.setattr(Grant, "__eq__", count)
    seen = shared(B).see(use, {VPC_ID: frozenset({"monitoring subnet-1"})}, now=NOW)
    assert len(seen.grants) == 1_000
    assert compared[0] <= 2_000

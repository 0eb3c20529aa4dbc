"""Processes that count at the same time against the limits that a hub's accounts share: in every order of their calls,
no more passes than the limits say, and nothing that was counted is lost.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from lifeline.adapters.store import limit_usage
from lifeline.adapters.store.limit_usage import UsageOfAll
from lifeline.adapters.store.table import SEEN
from lifeline.core.errors import TransientError
from lifeline.core.guards.all_accounts import SharedLimits
from lifeline.core.guards.limits import Admission, Usage
from lifeline.core.network.model import RegionRef
from lifeline.core.plan.actions import Action, ActionKind, Plan
from lifeline.core.plan.cost import price_in
from lifeline.core.policy.policy import AllAccounts, Shares
from tests.support.interleaved import Turns
from tests.support.world import REGION, World, emulated_world

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
VPC_ID = "vpc-0123456789abcdef0"
CREATE = Action(
    ActionKind.CREATE_INTERFACE_ENDPOINT,
    "why",
    service="monitoring",
    service_name=f"com.amazonaws.{REGION}.monitoring",
    subnet_ids=("subnet-1",),
    client_token="the very same",
)
PLAN = {VPC_ID: Plan(VPC_ID, (), (CREATE,))}
NOTHING = {VPC_ID: frozenset[str]()}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        monkeypatch.setattr(limit_usage, "_CHANGING", nullcontext())  # which processes don't share
        yield made


def shared(number: int, most: int) -> SharedLimits:
    home = RegionRef(f"{200_000_000_001 + number}", REGION)
    return SharedLimits(home, replace(AllAccounts(), endpoints_per_day=most), price_in(REGION))


def counting(limits: SharedLimits) -> Callable[[Any], Admission]:
    """A process that counts an endpoint of its own account."""
    shares = Shares(reserved_percent=0, vpc_percent=100)

    def count(ledger: Any) -> Admission:
        def fold(use: Usage) -> tuple[Usage, Admission]:
            found = limits.admit(PLAN, use, NOTHING, now=NOW, shares=shares, waived=frozenset())
            return found.use, found

        return UsageOfAll("ledger", ledger).change(fold)

    return count


def giving_back(limits: SharedLimits) -> Callable[[Any], Admission]:
    """The same, and AWS refuses the endpoint: what was counted is given back."""

    def count(ledger: Any) -> Admission:
        found = counting(limits)(ledger)
        unused = [grant for _, grant in found.granted]
        UsageOfAll("ledger", ledger).change(lambda use: (limits.refunded(use, unused, NOTHING, now=NOW), None))
        return found

    return count


def counted() -> int:
    use = UsageOfAll("ledger").read()
    assert sum(use.interfaces.values()) == len(use.grants)
    return len(use.grants)


def clear(world: World) -> None:
    """Nothing is counted, and no process has seen anything."""
    SEEN.clear()
    world.dynamodb.delete_item(TableName="ledger", Key={"pk": {"S": "LIMITS"}, "sk": {"S": "ALL"}})


@pytest.mark.parametrize("most", [1, 2])
def test_in_every_order_of_two_processes_calls_the_last_place_is_taken_once(world: World, most: int) -> None:
    refused = set[int]()
    for order in product(range(2), repeat=5):
        clear(world)
        turns = Turns(2, order)
        found = turns.run(world.dynamodb, *(counting(shared(number, most)) for number in range(2)))
        assert sum(len(one.passing) for one in found) == most == counted(), order
        refused.add(turns.refused)
    assert refused == {0, 1}, "some of the orders make one of them decide anew, and none more than once"


def test_in_every_order_what_comes_to_nothing_is_given_back_and_what_was_made_stays_counted(world: World) -> None:
    for order in product(range(2), repeat=6):
        clear(world)
        made, _ = Turns(2, order).run(world.dynamodb, counting(shared(0, 2)), giving_back(shared(1, 2)))
        assert len(made.passing) == 1 == counted(), order


@pytest.mark.parametrize("contenders", [4, 8])
def test_processes_that_all_read_before_any_writes_count_one_after_the_other(world: World, contenders: int) -> None:
    """The worst order: in each round, one of them is faster than all others."""
    turns = Turns(contenders, (*range(contenders),) * (2 * contenders))
    most = contenders - 1
    found = turns.run(world.dynamodb, *(counting(shared(number, most)) for number in range(contenders)))
    assert sum(len(one.passing) for one in found) == most == counted()
    assert turns.refused == sum(range(contenders))


def test_one_of_too_many_processes_gives_up_and_counts_nothing(world: World) -> None:
    def trying(number: int) -> Callable[[Any], int]:
        def count(ledger: Any) -> int:
            try:
                return len(counting(shared(number, 100))(ledger).passing)
            except TransientError:
                return 0

        return count

    processes = 40
    turns = Turns(processes, (*range(processes),) * (2 * processes))
    found = turns.run(world.dynamodb, *map(trying, range(processes)))
    assert sum(found) == counted()
    assert 0 in found

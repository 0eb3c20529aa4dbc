"""Leases, the shared budget of calls, and what is remembered."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.adapters.ledger import Ledger, Memory
from lifeline.core.follow import Made
from lifeline.events import Trigger
from tests.support.world import World, emulated_world

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VPC = "vpc-0123456789abcdef0"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


@pytest.fixture
def ledger(world: World) -> Ledger:
    return Ledger("ledger")


def lease(ledger: Ledger, run: str, now: datetime = NOW) -> Memory | None:
    return ledger.take_lease(VPC, run, now=now, until=now + timedelta(minutes=5))


def test_one_run_has_a_vpc_at_a_time(ledger: Ledger) -> None:
    assert lease(ledger, "one") is not None
    assert lease(ledger, "two") is None
    assert lease(ledger, "one") is not None
    ledger.give_back(VPC, "two")  # not its own
    assert lease(ledger, "two") is None
    ledger.give_back(VPC, "one")
    assert lease(ledger, "two") is not None


def test_a_lease_that_ran_out_passes_on(ledger: Ledger) -> None:
    assert lease(ledger, "died") is not None
    assert lease(ledger, "next", NOW + timedelta(minutes=6)) is not None


def test_what_is_remembered_comes_with_the_lease(ledger: Ledger) -> None:
    memory = Memory(NOW, {"monitoring": Made("vpce-1", NOW)}, {"logs": 1}, told="abc")
    ledger.remember(VPC, memory, now=NOW)
    assert ledger.recall(VPC) == memory
    assert lease(ledger, "one") == memory
    assert ledger.recall("vpc-0fedcba9876543210") == Memory()


def test_the_budget_is_one_for_all_runs(ledger: Ledger) -> None:
    waits = [Ledger("ledger").reserve_endpoint_call(now=NOW, patience=timedelta(seconds=5)) for _ in range(6)]
    assert [round(wait.total_seconds(), 1) for wait in waits if wait is not None] == [0, 0, 0, 0, 3.3]
    assert waits[5] is None


def test_the_same_change_twice_is_one_entry(ledger: Ledger, world: World) -> None:
    change = (VPC, Trigger("change", "event-1", "DeleteRoute", "alice", "2026-11-22T12:00:00Z"))
    ledger.record_changes([change, change], now=NOW)
    ledger.record_changes([change], now=NOW)
    assert world.dynamodb.scan(TableName="ledger")["Count"] == 1


def test_more_changes_than_one_call_takes_are_all_kept(ledger: Ledger, world: World) -> None:
    changes = [(VPC, Trigger("change", f"event-{n}", "DeleteRoute", "", "2026-11-22T12:00:00Z")) for n in range(60)]
    ledger.record_changes(changes, now=NOW)
    assert world.dynamodb.scan(TableName="ledger")["Count"] == 60

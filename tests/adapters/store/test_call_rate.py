"""The calls that all runs share."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.adapters.store.call_rate import CallRate
from tests.support.world import World, emulated_world

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VPC = "vpc-0123456789abcdef0"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


def test_the_budget_is_one_for_all_runs(world: World) -> None:
    waits = [CallRate("ledger").reserve_endpoint_call(now=NOW, patience=timedelta(seconds=5)) for _ in range(6)]
    assert [round(wait.total_seconds(), 1) for wait in waits if wait is not None] == [0, 0, 0, 0, 3.3]
    assert waits[5] is None

"""Whatever the detector's role writes into its own partitions keeps ReconcileEndpoints from repairing nothing."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from lifeline.adapters.store.codec import to_plain
from lifeline.adapters.store.incidents import Incidents
from lifeline.core.agents.watches import Watch
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident
from tests.support.days import Days
from tests.support.home import HOME
from tests.support.organization_hub import A, B, Hub, begin
from tests.support.world import REGION, emulated_world

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
WATCH = Watch().name
GOOD = Incident("inc-1", WATCH, Cause(CauseKind.CUT_OFF, Confidence.HIGH, "no path"), began=AT, opened_at=AT)
SPOILT = [
    "[" * 100_000,
    '{"cause":' * 20_000,
    *(
        json.dumps(to_plain(GOOD) | {"id": "inc-2", name: value})
        for name in ("opened_at", "began", "checked_at")
        for value in ("2026-01-01T00:00:00", "2026-01-01", "0001-01-01T00:00:00+00:00", 7, None)
    ),
]


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch) as world:
        yield Days(world, monkeypatch)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    yield from begin(monkeypatch, f"{A},{B}")


def write(days: Days, pk: str, sk: str, **attributes: Any) -> None:
    days.world.dynamodb.put_item(TableName="ledger", Item={"pk": {"S": pk}, "sk": {"S": sk}, **attributes})


@pytest.mark.parametrize("text", SPOILT)
def test_an_incident_of_any_form_stops_no_sweep(days: Days, text: str) -> None:
    Incidents("ledger", HOME).save(GOOD)
    write(days, f"INCIDENTS#{WATCH}", "OPEN#inc-2", incident={"S": text}, revision={"N": "1"})
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.sweeps(1)
    assert len(days.live(vpc_id)) == 1


@pytest.mark.parametrize(
    "spoilt",
    [
        {"by_name": {"S": "x"}},
        {"revision": {"S": "x"}},
        {"revision": {"NULL": True}},
    ],
)
def test_what_a_hubs_detector_writes_of_accounts_stops_no_sweep(hub: Hub, spoilt: dict[str, Any]) -> None:
    write(hub.days, "EVENT_PATH_CAUSES", "ALL", **spoilt)
    write(hub.days, f"DETECTOR_FAILED@{A}/{REGION}", "RUNS", since={"S": "x"}, failed_at={"S": "2026-01-01T00:00:00"})
    vpcs = {world: world.make_vpc() for world in (hub.days.world, hub.a, hub.b)}
    for world, vpc_id in vpcs.items():
        world.make_subnet(vpc_id)
    hub.sweep()
    assert [len(world.endpoints(vpc_id)) for world, vpc_id in vpcs.items()] == [1, 1, 1]

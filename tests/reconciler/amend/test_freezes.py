"""Freezes that people ask for, and those that they end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.coexist.conflicts import Conflict, Reversal
from lifeline.core.coexist.effects import Effect, EffectKind
from lifeline.core.errors import InvalidInputError, TransientError
from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind
from lifeline.core.requests.calls import read_request
from lifeline.reconciler.amend.freezes import save_requested
from lifeline.reconciler.steps.targets import Targets
from lifeline.runtime.invocation import Run
from tests.support.world import emulated_world

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
VPC = "vpc-0123456789abcdef0"
OTHER = "vpc-0fedcba9876543210"
CONFLICT = Freeze(FreezeKind.CONFLICT, NOW, "others undid it")
CLAIMS = frozenset({Effect(EffectKind.ENDPOINT, "vpce-1")})


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    with emulated_world(monkeypatch):
        yield Ledger("ledger")


def request(ledger: Ledger, *events: dict[str, Any], there: tuple[str, ...] = (VPC,)) -> None:
    targets = Targets()
    for event in events:
        for vpc_id in (found := read_request(event)).vpc_ids:
            targets.requests[vpc_id].append(found)
    run = Run("run", now=lambda: NOW, remaining=lambda: timedelta(minutes=5), sleep=lambda _: None)
    save_requested(targets, there, ledger, run)


def freeze(ledger: Ledger, *keys: str) -> None:
    """These froze for a fight, and people know of it."""
    ledger.save_conflicts(
        VPC, {key: Conflict(CLAIMS, NOW, (Reversal(NOW, EffectKind.ENDPOINT, "vpce-1"),) * 3) for key in keys}, now=NOW
    )
    ledger.save_frozen(VPC, dict.fromkeys(keys, CONFLICT), now=NOW)


def test_what_a_person_freezes_is_frozen_for_good_in_the_vpcs_that_are_there(ledger: Ledger) -> None:
    request(ledger, {"vpc_ids": [VPC, OTHER], "freeze": ["logs", "monitoring"]})
    found = ledger.load(VPC).frozen
    assert sorted(found) == ["logs", "monitoring"]
    assert {(one.kind, one.until) for one in found.values()} == {(FreezeKind.MANUAL, None)}
    assert ledger.load(OTHER).frozen == {}


def test_freezing_one_thing_leaves_the_others_as_they_are(ledger: Ledger) -> None:
    freeze(ledger, "monitoring")
    request(ledger, {"vpc_ids": [VPC], "freeze": True})
    assert {key: one.kind for key, one in ledger.load(VPC).frozen.items()} == {
        "monitoring": FreezeKind.CONFLICT,
        EVERYTHING: FreezeKind.MANUAL,
    }


def test_unfreezing_one_ends_it_and_forgets_its_count_alone(ledger: Ledger) -> None:
    freeze(ledger, "monitoring", "security-group")
    request(ledger, {"vpc_ids": [VPC], "unfreeze": ["security-group"]})
    state = ledger.load(VPC)
    assert set(state.frozen) == {"monitoring"}
    assert {key: len(one.reversals) for key, one in state.conflicts.items()} == {"monitoring": 3, "security-group": 0}


def test_unfreezing_everything_ends_all_and_what_is_done_still_stands(ledger: Ledger) -> None:
    freeze(ledger, "monitoring", "security-group")
    request(ledger, {"vpc_ids": [VPC], "unfreeze": True})
    state = ledger.load(VPC)
    assert state.frozen == {}
    assert set(state.conflicts.values()) == {Conflict(CLAIMS, NOW)}


def test_a_count_that_can_not_be_forgotten_leaves_the_freeze(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    freeze(ledger, "monitoring")

    def fail(*_: object, **__: object) -> None:
        raise TransientError("the ledger is down")

    monkeypatch.setattr(Ledger, "save_conflicts", fail)
    with pytest.raises(TransientError):
        request(ledger, {"vpc_ids": [VPC], "unfreeze": True})
    assert set(ledger.load(VPC).frozen) == {"monitoring"}


def test_who_asks_for_neither_writes_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "save_frozen", None)
    monkeypatch.setattr(Ledger, "load", None)
    request(ledger, {"vpc_ids": [VPC]})


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"vpc_ids": [VPC], "freeze": "monitoring"}, "freeze"),
        ({"vpc_ids": [VPC], "unfreeze": False}, "unfreeze"),
        ({"vpc_ids": [VPC], "unfreeze": []}, "unfreeze"),
        ({"vpc_ids": [VPC], "unfreeze": ["monitoring", "Monitoring!"]}, "unfreeze[1]"),
        ({"vpc_ids": [VPC], "freeze": ["logs"], "mode": "plan"}, "freeze"),
        ({"sweep": True, "freeze": True}, "freeze"),
    ],
)
def test_what_can_not_be_meant_is_refused_by_its_field(event: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_request(event)
    assert refused.value.field == field

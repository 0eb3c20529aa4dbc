"""Freezes that people ask for, and those that they end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.coexist.conflicts import Fight, Undoing
from lifeline.core.coexist.effects import Claim, Loss
from lifeline.core.errors import InvalidInputError, TransientError
from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind
from lifeline.core.requests.calls import read_ask
from lifeline.reconciler.amend.freezes import keep_asked
from lifeline.reconciler.steps.targets import Targets
from lifeline.runtime.invocation import Run
from tests.support.world import emulated_world

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
VPC = "vpc-0123456789abcdef0"
OTHER = "vpc-0fedcba9876543210"
FIGHT = Freeze(FreezeKind.FIGHT, NOW, "others undid it")
CLAIMS = frozenset({Claim(Loss.ENDPOINT, "vpce-1")})


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    with emulated_world(monkeypatch):
        yield Ledger("ledger")


def ask(ledger: Ledger, *events: dict[str, Any], there: tuple[str, ...] = (VPC,)) -> None:
    targets = Targets()
    for event in events:
        for vpc_id in (found := read_ask(event)).vpc_ids:
            targets.asks[vpc_id].append(found)
    run = Run("run", now=lambda: NOW, remaining=lambda: timedelta(minutes=5), sleep=lambda _: None)
    keep_asked(targets, there, ledger, run)


def freeze(ledger: Ledger, *keys: str) -> None:
    """These froze for a fight, and people know of it."""
    ledger.keep_fights(
        VPC, {key: Fight(CLAIMS, NOW, (Undoing(NOW, Loss.ENDPOINT, "vpce-1"),) * 3) for key in keys}, now=NOW
    )
    ledger.keep_frozen(VPC, dict.fromkeys(keys, FIGHT), now=NOW)


def test_what_a_person_freezes_is_frozen_for_good_in_the_vpcs_that_are_there(ledger: Ledger) -> None:
    ask(ledger, {"vpc_ids": [VPC, OTHER], "freeze": ["logs", "monitoring"]})
    found = ledger.recall(VPC).frozen
    assert sorted(found) == ["logs", "monitoring"]
    assert {(one.kind, one.until) for one in found.values()} == {(FreezeKind.HAND, None)}
    assert ledger.recall(OTHER).frozen == {}


def test_freezing_one_thing_leaves_the_others_as_they_are(ledger: Ledger) -> None:
    freeze(ledger, "monitoring")
    ask(ledger, {"vpc_ids": [VPC], "freeze": True})
    assert {key: one.kind for key, one in ledger.recall(VPC).frozen.items()} == {
        "monitoring": FreezeKind.FIGHT,
        EVERYTHING: FreezeKind.HAND,
    }


def test_unfreezing_one_ends_it_and_forgets_its_count_alone(ledger: Ledger) -> None:
    freeze(ledger, "monitoring", "security-group")
    ask(ledger, {"vpc_ids": [VPC], "unfreeze": ["security-group"]})
    memory = ledger.recall(VPC)
    assert set(memory.frozen) == {"monitoring"}
    assert {key: len(one.undoings) for key, one in memory.fights.items()} == {"monitoring": 3, "security-group": 0}


def test_unfreezing_everything_ends_all_and_what_is_done_still_stands(ledger: Ledger) -> None:
    freeze(ledger, "monitoring", "security-group")
    ask(ledger, {"vpc_ids": [VPC], "unfreeze": True})
    memory = ledger.recall(VPC)
    assert memory.frozen == {}
    assert set(memory.fights.values()) == {Fight(CLAIMS, NOW)}


def test_a_count_that_can_not_be_forgotten_leaves_the_freeze(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    freeze(ledger, "monitoring")

    def fail(*_: object, **__: object) -> None:
        raise TransientError("the ledger is down")

    monkeypatch.setattr(Ledger, "keep_fights", fail)
    with pytest.raises(TransientError):
        ask(ledger, {"vpc_ids": [VPC], "unfreeze": True})
    assert set(ledger.recall(VPC).frozen) == {"monitoring"}


def test_who_asks_for_neither_writes_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "keep_frozen", None)
    monkeypatch.setattr(Ledger, "recall", None)
    ask(ledger, {"vpc_ids": [VPC]})


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
        read_ask(event)
    assert refused.value.field == field

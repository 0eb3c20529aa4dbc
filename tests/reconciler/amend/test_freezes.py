"""Freezes that people ask for, and those that they end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.conflicts import Conflict, Reversal
from lifeline.core.coexist.effects import Effect, EffectKind
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import InvalidInputError
from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind
from lifeline.core.guards.mode import Mode
from lifeline.core.network.model import Vpc
from lifeline.core.requests.calls import read_request
from lifeline.reconciler.accept import accept_requests
from lifeline.reconciler.steps.job import Job, Tools
from lifeline.reconciler.steps.targets import Targets
from lifeline.runtime.invocation import Run
from lifeline.runtime.settings import Settings
from tests.support.home import HOME
from tests.support.ledger import refuse_saves
from tests.support.world import emulated_world

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
VPC = "vpc-0123456789abcdef0"
OTHER = "vpc-0fedcba9876543210"
CONFLICT = Freeze(FreezeKind.CONFLICT, NOW, "others reverted it")
CLAIMS = frozenset({Effect(EffectKind.ENDPOINT, "vpce-1")})


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[VpcStore]:
    with emulated_world(monkeypatch):
        yield VpcStore("ledger")


def request(ledger: VpcStore, *events: dict[str, Any], there: tuple[str, ...] = (VPC,)) -> dict[str, str]:
    """By VPC, why nothing was saved."""
    targets = Targets()
    for event in events:
        for vpc_id in (found := read_request(event)).vpc_ids:
            targets.requests[vpc_id].append(found)
    run = Run("run", now=lambda: NOW, remaining=lambda: timedelta(minutes=5), sleep=lambda _: None)
    tools = cast("Tools", SimpleNamespace(vpcs=ledger))
    job = Job(Mode.ENFORCE, targets, tools, Settings.from_environment(), run)
    failed = accept_requests([Vpc(vpc_id, cidrs=("10.0.0.0/16",)) for vpc_id in there], job)
    return {vpc_id: str(error) for vpc_id, error in failed.items()}


def freeze(ledger: VpcStore, *keys: str) -> None:
    """These froze for a fight, and people know of it."""
    conflict = Conflict(CLAIMS, NOW, (Reversal(NOW, EffectKind.ENDPOINT, "vpce-1"),) * 3)
    state = VpcState(conflicts=dict.fromkeys(keys, conflict), frozen=dict.fromkeys(keys, CONFLICT))
    ledger.save(HOME.vpc(VPC), VpcState(), state, now=NOW)


def test_what_a_person_freezes_is_frozen_for_good_in_the_vpcs_that_are_there(ledger: VpcStore) -> None:
    request(ledger, {"vpc_ids": [VPC, OTHER], "freeze": ["logs", "monitoring"]})
    found = ledger.load(HOME.vpc(VPC)).frozen
    assert sorted(found) == ["logs", "monitoring"]
    assert {(one.kind, one.until) for one in found.values()} == {(FreezeKind.MANUAL, None)}
    assert ledger.load(HOME.vpc(OTHER)).frozen == {}


def test_freezing_one_thing_leaves_the_others_as_they_are(ledger: VpcStore) -> None:
    freeze(ledger, "monitoring")
    request(ledger, {"vpc_ids": [VPC], "freeze": True})
    assert {key: one.kind for key, one in ledger.load(HOME.vpc(VPC)).frozen.items()} == {
        "monitoring": FreezeKind.CONFLICT,
        EVERYTHING: FreezeKind.MANUAL,
    }


def test_unfreezing_one_ends_it_and_forgets_its_count_alone(ledger: VpcStore) -> None:
    freeze(ledger, "monitoring", "security-group")
    request(ledger, {"vpc_ids": [VPC], "unfreeze": ["security-group"]})
    state = ledger.load(HOME.vpc(VPC))
    assert set(state.frozen) == {"monitoring"}
    assert {key: len(one.reversals) for key, one in state.conflicts.items()} == {"monitoring": 3, "security-group": 0}


def test_unfreezing_everything_ends_all_and_what_is_done_still_stands(ledger: VpcStore) -> None:
    freeze(ledger, "monitoring", "security-group")
    request(ledger, {"vpc_ids": [VPC], "unfreeze": True})
    state = ledger.load(HOME.vpc(VPC))
    assert state.frozen == {}
    assert set(state.conflicts.values()) == {Conflict(CLAIMS, NOW)}


def test_a_count_that_can_not_be_forgotten_leaves_the_freeze(ledger: VpcStore, monkeypatch: pytest.MonkeyPatch) -> None:
    freeze(ledger, "monitoring")

    refuse_saves(monkeypatch, "conflicts")
    assert request(ledger, {"vpc_ids": [VPC], "unfreeze": True}) == {VPC: "the ledger doesn't save conflicts"}
    assert set(ledger.load(HOME.vpc(VPC)).frozen) == {"monitoring"}


def test_who_asks_for_neither_writes_nothing(ledger: VpcStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VpcStore, "save", None)
    monkeypatch.setattr(VpcStore, "take_lease", None)
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

"""What a VPC's state says is kept for as long as the VPC is there, whatever the mode."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.vpcs import VpcStore
from tests.support.days import Days
from tests.support.home import HOME
from tests.support.ledger import delete_expired
from tests.support.world import emulated_world

WEEK = timedelta(days=7)


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, retire_after_hours=72) as world:
        yield Days(world, monkeypatch)


@pytest.mark.parametrize("mode", ["enforce", "plan"])
@pytest.mark.parametrize("is_lacking", [True, False])
def test_a_state_outlives_the_ledgers_days_while_the_vpc_is_there(
    days: Days, monkeypatch: pytest.MonkeyPatch, mode: str, *, is_lacking: bool
) -> None:
    monkeypatch.setenv("MODE", mode)
    document = json.dumps({"version": 1, "rules": [{"require": ["monitoring"]}], "ledger_days": 30})
    client("ssm").put_parameter(Name="/lifeline/policy", Value=document, Type="String")
    monkeypatch.setenv("POLICY_PARAMETER", "/lifeline/policy")
    vpc_id = days.world.make_vpc()
    if is_lacking:
        days.world.make_subnet(vpc_id)
    store, ref = VpcStore("ledger", keep=timedelta(days=30)), HOME.vpc(vpc_id)
    before = store.load(ref)
    store.save(ref, before, replace(before, failures={"monitoring": 2}, let_in={"vpce-1": "1"}), now=days.clock())
    for _ in range(8):
        days.clock.advance(WEEK)
        days.call({"sweep": True})
        delete_expired(days.world.dynamodb, days.clock())
    assert store.load(ref).failures == {"monitoring": 2}

"""How far the limits are used, what was approved, and the kill switch, as they are kept."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import boto3
import pytest

from lifeline.adapters.store.approvals import Approvals
from lifeline.adapters.store.kill_switch import KillSwitch
from lifeline.adapters.store.limit_usage import LimitUsage, UsageOfAll
from lifeline.core.errors import TransientError
from lifeline.core.guards.approval import LIFE, Offer, OfferState
from lifeline.core.guards.limits import Grant, Usage
from tests.support.at_once import at_once
from tests.support.world import World, emulated_world

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VPC = "vpc-0123456789abcdef0"
USE = Usage(
    (Grant(VPC, NOW, "token", frozenset({"monitoring subnet-a"})), Grant(VPC, NOW + timedelta(microseconds=1))),
    {VPC: 3},
)
OFFER = Offer("plan-0123456789abcdef", VPC, frozenset({"a", "b"}), Decimal("7.30"), NOW + LIFE)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


# ---- grants


def test_the_use_is_kept_as_it_was_and_nothing_is_written_that_stays_the_same(world: World) -> None:
    grants = LimitUsage("ledger")
    before = world.dynamodb.scan(TableName="ledger")["Items"]
    assert grants.change(lambda use: (use, "unchanged")) == "unchanged"
    assert world.dynamodb.scan(TableName="ledger")["Items"] == before
    assert grants.change(lambda _: (USE, "said")) == "said"
    assert grants.read() == USE


def test_what_all_accounts_use_is_kept_packed_beside_the_hubs_own_use(world: World) -> None:
    vpcs = {f"222222222222/us-east-1/vpc-{number:017x}": 3 for number in range(3000)}
    use = Usage(USE.grants, vpcs)
    assert UsageOfAll("ledger").read() == Usage()
    assert UsageOfAll("ledger").change(lambda _: (use, "said")) == "said"
    assert UsageOfAll("ledger").read() == use
    assert UsageOfAll("ledger").change(lambda use: (use, len(use.interfaces))) == 3000
    assert LimitUsage("ledger").read() == Usage()
    (item,) = [one for one in world.dynamodb.scan(TableName="ledger")["Items"] if one["sk"]["S"] == "ALL"]
    assert item["pk"]["S"] == "LIMITS"
    assert len(item["use"]["B"]) < 100_000


def test_however_many_accounts_of_a_run_count_at_once_none_is_lost_and_none_gives_up(world: World) -> None:
    def count(number: int) -> None:
        UsageOfAll("ledger").change(lambda use: (Usage((), {**use.interfaces, f"a/{number}": 1}), None))

    at_once(*(partial(count, number) for number in range(24)))
    assert len(UsageOfAll("ledger").read().interfaces) == 24


def test_a_run_that_was_slower_decides_anew_on_what_the_faster_one_left(world: World) -> None:
    seen: list[int] = []

    def decide(use: Usage) -> tuple[Usage, int]:
        seen.append(use.interfaces.get(VPC, 0))
        if len(seen) == 1:
            LimitUsage("ledger").change(lambda _: (USE, None))
        return Usage((), {VPC: use.interfaces.get(VPC, 0) + 1}), seen[-1]

    assert LimitUsage("ledger").change(decide) == 3
    assert (seen, LimitUsage("ledger").read().interfaces) == ([0, 3], {VPC: 4})


def test_a_run_that_is_always_slower_gives_up_and_takes_no_place(world: World) -> None:
    def decide(use: Usage) -> tuple[Usage, None]:
        LimitUsage("ledger").change(lambda other: (Usage((), {VPC: other.interfaces.get(VPC, 0) + 1}), None))
        return Usage((), {"vpc-mine": 1}), None

    with pytest.raises(TransientError, match="too many runs"):
        LimitUsage("ledger").change(decide)
    assert "vpc-mine" not in LimitUsage("ledger").read().interfaces


# ---- approvals


def test_an_offer_that_lives_is_not_prolonged_and_one_that_ended_is_made_anew(world: World) -> None:
    approvals = Approvals("ledger")
    assert approvals.load(OFFER.plan_id) is None
    assert approvals.offer(OFFER, now=NOW) == OFFER
    later = replace(OFFER, ends_at=OFFER.ends_at + timedelta(hours=5))
    assert approvals.offer(later, now=NOW + timedelta(hours=5)) == OFFER
    assert approvals.offer(later, now=NOW + LIFE) == later
    assert approvals.load(OFFER.plan_id) == later


def test_what_could_not_be_read_is_kept_with_the_offer(world: World) -> None:
    approvals, offer = Approvals("ledger"), replace(OFFER, unread=frozenset({"a room in Z1"}))
    approvals.keep(offer, now=NOW)
    assert approvals.load(OFFER.plan_id) == offer


def test_it_is_approved_once_and_claimed_once(world: World) -> None:
    approvals = Approvals("ledger")
    approvals.keep(OFFER, now=NOW)
    assert not approvals.claim(OFFER, now=NOW)
    assert [approvals.approve(OFFER, now=NOW) for _ in range(2)] == [True, False]
    assert [approvals.claim(OFFER, now=NOW) for _ in range(2)] == [True, False]
    assert not approvals.refuse(OFFER, now=NOW)
    assert approvals.load(OFFER.plan_id) == replace(OFFER, state=OfferState.USED)


def test_once_its_time_is_up_it_is_neither_approved_nor_claimed(world: World) -> None:
    approvals = Approvals("ledger")
    approvals.keep(OFFER, now=NOW)
    assert not approvals.approve(OFFER, now=NOW + LIFE)
    approvals.approve(OFFER, now=NOW)
    assert not approvals.claim(OFFER, now=NOW + LIFE)


# ---- the kill switch


def test_without_a_name_there_is_no_switch(world: World) -> None:
    assert KillSwitch("", "ledger").why_on() == ""


def test_the_parameter_is_read_anew_each_time_and_one_that_is_missing_counts_as_on(world: World) -> None:
    switch, ssm = KillSwitch("/lifeline/stop", "ledger"), boto3.client("ssm")
    assert "can't be read, which counts as on" in switch.why_on()
    for value, is_on in (("off", False), ("on", True), ("off", False)):
        ssm.put_parameter(Name="/lifeline/stop", Value=value, Type="String", Overwrite=True)
        assert bool(switch.why_on()) is is_on


def test_a_switch_for_some_accounts_is_read_once_for_all(world: World) -> None:
    boto3.client("ssm").put_parameter(Name="/lifeline/stop", Value="222222222222", Type="String", Overwrite=True)
    found = KillSwitch("/lifeline/stop", "ledger").why_on_in(["222222222222", "333333333333"])
    assert "lists the account 222222222222" in found["222222222222"]
    assert found["333333333333"] == ""
    assert set(KillSwitch("", "ledger").why_on_in(["222222222222"]).values()) == {""}
    assert set(KillSwitch("/gone", "ledger").why_on_in(["1", "2"])) == {"1", "2"}


def test_one_run_a_day_tells_of_it_and_another_one_if_that_failed(world: World) -> None:
    switch = KillSwitch("/lifeline/stop", "ledger")
    assert [switch.reserve_notice(now=NOW + timedelta(hours=hour)) for hour in (0, 1, 23, 24)] == [
        True,
        False,
        False,
        True,
    ]
    switch.return_reservation()
    assert switch.reserve_notice(now=NOW + timedelta(hours=25))


def test_another_value_is_told_at_once(world: World) -> None:
    """A hub's accounts share the switch and its notices: none hides that another one was added."""
    told = []
    for value in ("111122223333", "111122223333", "111122223333,444455556666", "on", "on"):
        boto3.client("ssm").put_parameter(Name="/lifeline/stop", Value=value, Type="String", Overwrite=True)
        switch = KillSwitch("/lifeline/stop", "ledger", account="111122223333")
        assert switch.why_on()
        told.append(switch.reserve_notice(now=NOW))
    assert told == [True, False, True, True, False]

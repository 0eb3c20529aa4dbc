"""A call by hand answers while sam remote invoke still waits, says what is left, and the rest goes on by itself."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from lifeline.adapters.store.call_rate import CallRate
from tests.support.days import Days
from tests.support.tuning import tune
from tests.support.world import emulated_world

SERVICES = "monitoring,logs,ssm,ssmmessages,ec2messages,kms,sts,ecr.api,ecr.dkr,secretsmanager"
PATIENCE = timedelta(seconds=50)
WIDE = {
    "REQUIRED_SERVICES": SERVICES,
    "endpoints_per_run": 100,
    "endpoints_per_day": 400,
    "monthly_usd_per_vpc": 10000,
    "monthly_usd": 10000,
}
_AT_ONCE = CallRate.reserve_endpoint_call


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, **WIDE) as world:
        made = Days(world, monkeypatch)
        monkeypatch.setattr(time, "sleep", lambda seconds: made.clock.advance(timedelta(seconds=seconds)))
        yield made


def served_vpcs(days: Days, count: int) -> list[str]:
    vpc_ids = [days.world.make_vpc(cidr=f"10.{number}.0.0/16") for number in range(count)]
    for number, vpc_id in enumerate(vpc_ids):
        days.world.make_subnet(vpc_id, f"10.{number}.1.0/24")
        assert days.look(vpc_id)["outcome"] == "changed"
    days.clock.advance(timedelta(hours=1))
    days.empty_queue()
    days.world.notices()
    return vpc_ids


def timed(days: Days, event: dict[str, Any]) -> tuple[dict[str, Any], timedelta]:
    began = days.clock()
    return days.call(event), days.clock() - began


def finish(days: Days) -> int:
    """Delivers what is requeued until nothing is left; how many rounds that took."""
    for rounds in range(100):
        if not days.take_from_queue():
            return rounds
    raise AssertionError("there is no end to it")


def test_a_release_of_40_endpoints_answers_in_time_and_deletes_the_rest_by_itself(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_ids = served_vpcs(days, 4)
    monkeypatch.setattr(CallRate, "reserve_endpoint_call", _AT_ONCE)  # AWS's own pace from here on
    answer, took = timed(days, {"release": True})
    left = sum(len(days.live(vpc_id)) for vpc_id in vpc_ids)
    assert took < PATIENCE
    assert 0 < left < 40
    assert "is queued, and Lifeline will go on with it by itself" in answer["queued"]
    assert '{"history": {"vpc_id": "vpc-..."}}' in answer["queued"]
    finish(days)
    assert [days.live(vpc_id) for vpc_id in vpc_ids] == [[]] * 4
    assert days.world.dead_letters() == []


def test_a_release_that_goes_on_by_itself_says_so_in_text_as_well(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    served_vpcs(days, 4)
    monkeypatch.setattr(CallRate, "reserve_endpoint_call", _AT_ONCE)
    text = timed(days, {"release": True, "format": "text"})[0]["text"]
    assert "is queued, and Lifeline will go on with it by itself" in text
    assert '{"history": {"vpc_id": "vpc-..."}}' in text


def test_a_sweep_by_hand_answers_in_time_and_makes_the_rest_by_itself(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_ids = [days.world.make_vpc(cidr=f"10.{number}.0.0/16") for number in range(4)]
    for number, vpc_id in enumerate(vpc_ids):
        days.world.make_subnet(vpc_id, f"10.{number}.1.0/24")
    monkeypatch.setattr(CallRate, "reserve_endpoint_call", _AT_ONCE)
    answer, took = timed(days, {"sweep": True})
    assert took < PATIENCE
    assert answer["queued"].startswith("The rest in ")
    finish(days)
    assert [len(days.live(vpc_id)) for vpc_id in vpc_ids] == [10] * 4


def test_a_call_that_is_done_says_nothing_of_a_rest_nor_does_a_plan(days: Days) -> None:
    (vpc_id,) = served_vpcs(days, 1)
    assert "queued" not in days.call({"vpc_ids": [vpc_id]})
    other = days.world.make_vpc(cidr="10.9.0.0/16")
    days.world.make_subnet(other, "10.9.1.0/24")
    assert "queued" not in days.call({"vpc_ids": [other], "mode": "plan"})


def test_a_plan_that_is_approved_twice_is_under_way(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    tune(monkeypatch, monthly_usd_per_vpc=10)
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    plan_id = days.look(vpc_id)["approval"]["plan_id"]
    days.call({"approve": plan_id})
    (error,) = days.call({"approve": plan_id})["errors"]
    assert error["field"] == "approve"
    assert f"{plan_id} was already approved, and a run is applying it or has done so" in error["message"]
    assert f'{{"history": {{"vpc_id": "{vpc_id}"}}}}' in error["message"]

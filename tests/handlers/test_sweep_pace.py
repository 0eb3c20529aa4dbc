"""What can't be traced to a VPC costs one sweep in five minutes, however many ask, and none is lost."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from lifeline.adapters.store.audit import AuditLog
from lifeline.reconciler.steps.requeue import MOST_PACE
from tests.support.cloudtrail import AWS_CLI, record_call
from tests.support.days import HOUR, MINUTES, Days
from tests.support.home import HOME
from tests.support.log_lines import logged
from tests.support.world import emulated_world

VERSIONS = count(1)


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch) as world:
        yield Days(world, monkeypatch)


def list_changed(days: Days) -> dict[str, Any]:
    """Of the caller's own prefix list: the record doesn't say whose routes use it."""
    request = {"PrefixListId": "pl-0123456789abcdef0", "CurrentVersion": next(VERSIONS), "PrefixListName": "x"}
    answer = {"PrefixList": {"PrefixListId": "pl-0123456789abcdef0"}}
    return record_call("ModifyManagedPrefixList", request, answer, at=days.clock(), user_agent=AWS_CLI)


def isolated(days: Days) -> str:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    return vpc_id


def sweeps(days: Days, *bodies: Any) -> int:
    """How many sweeps these messages cost."""
    with logged() as lines:
        days.deliver(*bodies)
    observed = [line for line in lines if line.get("stage") == "observe"]
    return sum(line.get("vpcs", 0) > 0 for line in observed)


def waiting(days: Days) -> list[dict[str, Any]]:
    found = [request for request in days.world.requeue() if request.get("sweep")]
    days.empty_queue()
    return found


def test_many_changes_cost_one_sweep_at_once_and_one_each_five_minutes(days: Days) -> None:
    isolated(days)
    swept = 0
    for _ in range(60):  # a change each ten seconds, and what was put back when it is due
        swept += sweeps(days, list_changed(days))
        days.clock.advance(timedelta(seconds=10))
        if days.clock().minute % 5 == 0 and days.clock().second == 0:
            swept += sum(sweeps(days, message) for message in waiting(days)[-3:])
    assert 2 <= swept <= 3
    assert len(AuditLog("ledger").untraced_changes(HOME, since=days.clock() - HOUR, until=days.clock())) == 60


def test_a_change_within_five_minutes_of_a_sweep_is_answered_by_one_that_begins_after_it(days: Days) -> None:
    assert sweeps(days, list_changed(days)) == 0  # there is no VPC yet, but the region was looked at
    days.clock.advance(timedelta(minutes=1))
    vpc_id = isolated(days)
    assert sweeps(days, list_changed(days), list_changed(days)) == 0
    assert days.live(vpc_id) == []
    (message,) = waiting(days)
    assert [cause["event_name"] for cause in message["because"]] == ["ModifyManagedPrefixList"] * 2
    days.clock.advance(MOST_PACE)
    assert sweeps(days, message) == 1
    assert len(days.live(vpc_id)) == 1


def test_what_was_put_back_costs_nothing_once_a_sweep_began_after_it(days: Days) -> None:
    isolated(days)
    days.deliver(list_changed(days))
    days.clock.advance(timedelta(minutes=1))
    days.deliver(list_changed(days))
    (message,) = waiting(days)
    sent_at = days.clock()
    days.clock.advance(timedelta(minutes=1))
    days.call({"sweep": True})
    days.clock.advance(MOST_PACE)
    now = days.clock()
    days.clock.advance(sent_at - now)  # the message keeps the time at which it was sent
    assert sweeps(days, message) == 0
    assert waiting(days) == []


def test_people_and_the_schedule_wait_for_nobody(days: Days) -> None:
    vpc_id = isolated(days)
    for _ in range(2):
        answer = days.call({"sweep": True})
        assert [found["vpc_id"] for found in answer["vpcs"]] == [vpc_id]


def test_a_change_of_a_vpc_in_the_same_batch_waits_for_no_sweep(days: Days) -> None:
    days.deliver(list_changed(days))
    days.clock.advance(timedelta(minutes=1))
    vpc_id = isolated(days)
    request = {"RouteTableId": days.world.main_table(vpc_id), "DestinationCidrBlock": "0.0.0.0/0"}
    change = record_call("DeleteRoute", request, {"Return": True}, at=days.clock(), user_agent=AWS_CLI)
    days.deliver(list_changed(days), change)
    days.clock.advance(MINUTES)
    assert len(days.live(vpc_id)) == 1

"""Leases, the shared budget of calls, and what is remembered."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.adapters.store.vpc_state import VpcState
from lifeline.adapters.store.vpcs import Ledger
from lifeline.core.coexist.conflicts import Conflict, Reversal
from lifeline.core.coexist.effects import Effect, EffectKind
from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind
from lifeline.core.history.change import Change
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.core.requests.request import Trigger
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


def lease(ledger: Ledger, run: str, now: datetime = NOW) -> VpcState | None:
    return ledger.take_lease(VPC, run, now=now, until=now + timedelta(minutes=5))


def test_one_run_has_a_vpc_at_a_time(ledger: Ledger) -> None:
    assert lease(ledger, "one") is not None
    assert lease(ledger, "two") is None
    assert lease(ledger, "one") is not None
    ledger.return_lease(VPC, "two")  # not its own
    assert lease(ledger, "two") is None
    ledger.return_lease(VPC, "one")
    assert lease(ledger, "two") is not None


def test_a_lease_that_ran_out_passes_on(ledger: Ledger) -> None:
    assert lease(ledger, "died") is not None
    assert lease(ledger, "next", NOW + timedelta(minutes=6)) is not None


def test_what_is_remembered_comes_with_the_lease(ledger: Ledger) -> None:
    state = VpcState(NOW, {"monitoring": Made("vpce-1", NOW)}, {"logs": 1}, notified="abc")
    ledger.save(VPC, state, now=NOW)
    assert ledger.load(VPC) == state
    assert lease(ledger, "one") == state
    assert ledger.load("vpc-0fedcba9876543210") == VpcState()


def test_the_budget_is_one_for_all_runs(ledger: Ledger) -> None:
    waits = [Ledger("ledger").reserve_endpoint_call(now=NOW, patience=timedelta(seconds=5)) for _ in range(6)]
    assert [round(wait.total_seconds(), 1) for wait in waits if wait is not None] == [0, 0, 0, 0, 3.3]
    assert waits[5] is None


def changes_kept(world: World) -> int:
    items = world.dynamodb.scan(TableName="ledger")["Items"]
    return sum(item["sk"]["S"].startswith("CHANGE#") for item in items)


def test_the_same_change_twice_is_one_entry(ledger: Ledger, world: World) -> None:
    one = (VPC, Trigger("change", "event-1", "DeleteRoute", "alice", "2026-11-22T12:00:00Z"))
    ledger.record_changes([one, one], now=NOW)
    ledger.record_changes([one], now=NOW)
    assert changes_kept(world) == 1


def test_more_changes_than_one_call_takes_are_all_kept(ledger: Ledger, world: World) -> None:
    many = [(VPC, Trigger("change", f"event-{n}", "DeleteRoute", "", "2026-11-22T12:00:00Z")) for n in range(60)]
    ledger.record_changes(many, now=NOW)
    assert changes_kept(world) == 60


def change(second: int, name: str = "DeleteRoute", *, vpc_id: str = VPC, **more: str) -> tuple[str, Trigger]:
    moment = f"2026-11-22T12:00:{second:02}Z"
    ids = frozenset({"rtb-1", "igw-1"})
    return vpc_id, Trigger("change", **{"event_id": f"e{second}", "time": moment, **more}, event_name=name, ids=ids)


def changes(ledger: Ledger, since: int = 0, until: int = 59, **more: int) -> list[str]:
    found = ledger.changes_of(VPC, since=NOW + timedelta(seconds=since), until=NOW + timedelta(seconds=until), **more)
    return [one.event_id for one in found]


def test_a_change_is_read_again_with_what_its_record_names(ledger: Ledger) -> None:
    ledger.record_changes([change(7, actor="alice")], now=NOW)
    [found] = ledger.changes_of(VPC, since=NOW, until=NOW + timedelta(minutes=1))
    at = NOW + timedelta(seconds=7)
    assert found == Change(at, "e7", "DeleteRoute", "alice", frozenset({"rtb-1", "igw-1"}))


def test_a_change_whose_record_names_nothing_is_kept_too(ledger: Ledger) -> None:
    ledger.record_changes([(VPC, replace(change(7)[1], ids=frozenset()))], now=NOW)
    [found] = ledger.changes_of(VPC, since=NOW, until=NOW + timedelta(minutes=1))
    assert found.ids == frozenset()


def test_changes_are_those_of_the_time_that_is_asked_for_and_of_the_vpc_oldest_first(ledger: Ledger) -> None:
    others = [change(12, vpc_id="vpc-0fedcba9876543210"), change(12, event_id="")]
    ledger.record_changes([*(change(second) for second in (30, 9, 10, 20, 31)), *others], now=NOW)
    assert changes(ledger, 10, 30) == ["e10", "", "e20", "e30"]


def test_the_second_at_either_end_counts_however_its_fraction_is_written(ledger: Ledger) -> None:
    exact = [change(10), change(20), change(21, time="2026-11-22T12:00:20.999Z")]
    ledger.record_changes(exact, now=NOW)
    found = ledger.changes_of(
        VPC, since=NOW + timedelta(seconds=10, milliseconds=900), until=NOW + timedelta(seconds=20, milliseconds=1)
    )
    assert [one.event_id for one in found] == ["e10", "e20", "e21"]


def test_of_too_many_changes_the_newest_are_read(ledger: Ledger) -> None:
    ledger.record_changes([change(second) for second in range(60)], now=NOW)
    assert changes(ledger, most=3) == ["e57", "e58", "e59"]
    assert len(changes(ledger)) == 60


def test_tags_do_not_crowd_out_changes(ledger: Ledger) -> None:
    tags = [change(30, "CreateTags", event_id=f"t{number}") for number in range(10)]
    ledger.record_changes([change(1), *tags, change(31, "DeleteTags")], now=NOW)
    assert changes(ledger, most=2) == ["e1"]


def test_a_change_of_tags_is_no_change_of_the_network(ledger: Ledger) -> None:
    ledger.record_changes([change(1, "CreateTags"), change(2, "DeleteTags")], now=NOW)
    assert ledger.latest_change() is None


def test_a_change_whose_time_cannot_be_understood_is_left_out(ledger: Ledger) -> None:
    odd = [change(1, time=""), change(2, time="2026-11-22T12:00:60Z"), change(3, time="2026-11-22T12:00:03 later")]
    ledger.record_changes([*odd, change(4)], now=NOW)
    assert changes(ledger) == ["e4"]


def test_a_vpc_without_changes_has_none(ledger: Ledger) -> None:
    assert changes(ledger) == []


def test_the_latest_change_is_when_one_was_last_written_down(ledger: Ledger) -> None:
    assert ledger.latest_change() is None
    ledger.record_changes([change(1), change(2)], now=NOW)
    ledger.record_changes([], now=NOW + timedelta(hours=1))
    assert ledger.latest_change() == NOW


def test_an_endpoint_that_was_ready_is_remembered_so_and_older_records_are_read(ledger: Ledger, world: World) -> None:
    made = Made("vpce-1", NOW, is_settled=True, ready_at=NOW + timedelta(seconds=90))
    ledger.save(VPC, VpcState(made={"monitoring": made}), now=NOW)
    assert ledger.load(VPC).made == {"monitoring": made}
    old = {"endpoint_id": {"S": "vpce-1"}, "at": {"S": NOW.isoformat()}, "is_settled": {"BOOL": True}}
    key = {"pk": {"S": f"VPC#{VPC}"}, "sk": {"S": "LOOK"}}
    world.dynamodb.put_item(TableName="ledger", Item={**key, "made": {"M": {"monitoring": {"M": old}}}})
    assert ledger.load(VPC).made == {"monitoring": replace(made, ready_at=None)}


def test_since_when_something_is_not_needed_outlasts_what_else_is_remembered(ledger: Ledger) -> None:
    since = {"vpce-1": NOW, "sg-1": NOW + timedelta(hours=1)}
    ledger.save_unneeded(VPC, since, now=NOW)
    ledger.save(VPC, VpcState(notified="x"), now=NOW)
    kept = lease(ledger, "one")
    assert kept
    assert (kept.unneeded, kept.notified) == (since, "x")
    assert ledger.load(VPC).unneeded == since


def test_items_from_before_have_nothing_unneeded(ledger: Ledger) -> None:
    ledger.save(VPC, VpcState(notified="x"), now=NOW)
    assert (ledger.load(VPC).unneeded, ledger.load(VPC).released_at) == ({}, None)
    assert ledger.retiring() == frozenset()


def test_the_list_names_the_vpcs_that_have_something_unneeded(ledger: Ledger) -> None:
    other = "vpc-0fedcba9876543210"
    for vpc_id in (VPC, other, VPC):
        ledger.save_unneeded(vpc_id, {"vpce-1": NOW}, now=NOW)
    assert ledger.retiring() == {VPC, other}
    ledger.save_unneeded(VPC, {}, now=NOW)
    assert ledger.retiring() == {other}
    assert ledger.load(VPC).unneeded == {}
    ledger.delete_retiring(other)
    assert ledger.retiring() == frozenset()


def test_a_release_is_remembered_until_somebody_wants_the_vpc_back(ledger: Ledger) -> None:
    ledger.save_release(VPC, NOW, now=NOW)
    ledger.save(VPC, VpcState(), now=NOW)
    assert ledger.load(VPC).released_at == NOW
    ledger.save_release(VPC, None, now=NOW)
    assert ledger.load(VPC).released_at is None


def test_when_teardowns_were_told_is_remembered_beside_the_rest(ledger: Ledger) -> None:
    ledger.save_teardowns(VPC, {"subnet-1 cleared": NOW, "subnet-2 cleared": None}, now=NOW)
    ledger.save(VPC, VpcState(notified="x"), now=NOW)
    assert ledger.load(VPC).teardowns == {"subnet-1 cleared": NOW, "subnet-2 cleared": None}


def test_a_vpc_that_is_gone_is_forgotten_and_taken_off_the_list(ledger: Ledger) -> None:
    ledger.save(VPC, VpcState(notified="x", failures={"monitoring": 2}), now=NOW)
    ledger.save_unneeded(VPC, {"vpce-1": NOW}, now=NOW)
    assert ledger.delete(VPC, now=NOW)
    assert ledger.load(VPC) == VpcState()
    assert ledger.retiring() == frozenset()


def test_nothing_is_forgotten_of_a_vpc_that_another_run_works_on_or_nobody_knows(ledger: Ledger) -> None:
    assert not ledger.delete(VPC, now=NOW)
    ledger.save(VPC, VpcState(notified="x"), now=NOW)
    lease(ledger, "run-1")
    assert not ledger.delete(VPC, now=NOW)
    assert ledger.load(VPC).notified == "x"


# ---- what is frozen, and what others undid


def test_what_is_frozen_comes_back_as_it_was_kept_and_stays_when_the_rest_is_remembered(ledger: Ledger) -> None:
    frozen = {
        "monitoring": Freeze(FreezeKind.CONFLICT, NOW, "why", "bob", "e-1"),
        EVERYTHING: Freeze(FreezeKind.TEARDOWN, NOW, "why", until=NOW + timedelta(hours=1)),
    }
    ledger.save_frozen(VPC, frozen, now=NOW)
    ledger.save(VPC, VpcState(notified="x"), now=NOW)
    assert ledger.load(VPC).frozen == frozen
    kept = lease(ledger, "one")
    assert kept
    assert (kept.frozen, kept.notified) == (frozen, "x")


def test_the_list_names_the_vpcs_in_which_something_is_frozen(ledger: Ledger) -> None:
    other = "vpc-0fedcba9876543210"
    for vpc_id in (VPC, other, VPC):
        ledger.save_frozen(vpc_id, {"logs": Freeze(FreezeKind.MANUAL, NOW, "why")}, now=NOW)
    assert ledger.frozen_vpcs() == {VPC, other}
    ledger.save_frozen(VPC, {}, now=NOW)
    assert ledger.frozen_vpcs() == {other}
    assert ledger.load(VPC).frozen == {}
    ledger.delete_frozen(other)
    assert ledger.frozen_vpcs() == frozenset()
    assert ledger.retiring() == frozenset()


def test_what_people_unfroze_comes_back_and_stays_when_the_rest_is_remembered(ledger: Ledger) -> None:
    unfrozen = {"monitoring": NOW, EVERYTHING: NOW + timedelta(hours=1)}
    ledger.save_unfrozen(VPC, unfrozen, now=NOW)
    ledger.save(VPC, VpcState(notified="x"), now=NOW)
    assert ledger.load(VPC).unfrozen == unfrozen
    ledger.save_unfrozen(VPC, {}, now=NOW)
    assert ledger.load(VPC).unfrozen == {}


def test_fights_come_back_as_they_were_kept(ledger: Ledger) -> None:
    claims = frozenset({Effect(EffectKind.RULE, "sg-1", "2001:db8::/56"), Effect(EffectKind.GROUP, "sg-1")})
    reversals = (
        Reversal(NOW, EffectKind.RULE, "sg-1", "10.0.0.0/16", NOW, "bob", "e-1", "RevokeSecurityGroupIngress"),
        Reversal(NOW, EffectKind.GROUP, "sg-1"),
    )
    conflicts = {
        "security-group": Conflict(claims, NOW, reversals, is_notified=True),
        "logs": Conflict(reversals=reversals),
    }
    ledger.save_conflicts(VPC, conflicts, now=NOW)
    ledger.save(VPC, VpcState(notified="x"), now=NOW)
    assert ledger.load(VPC).conflicts == conflicts
    ledger.save_conflicts(VPC, {}, now=NOW)
    assert ledger.load(VPC).conflicts == {}

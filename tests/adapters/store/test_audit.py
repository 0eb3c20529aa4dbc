"""What the audit log keeps of changes, and how they are read again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.latest import LatestTimes
from lifeline.core.history.change import Change
from lifeline.core.network.model import AnyRef, RegionRef
from lifeline.core.requests.trigger import Trigger
from tests.support.home import HOME
from tests.support.world import World, emulated_world

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VPC = HOME.vpc("vpc-0123456789abcdef0")
OTHER = HOME.vpc("vpc-0fedcba9876543210")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


@pytest.fixture
def ledger(world: World) -> AuditLog:
    return AuditLog("ledger")


def changes_kept(world: World) -> int:
    items = world.dynamodb.scan(TableName="ledger")["Items"]
    return sum(item["sk"]["S"].startswith("CHANGE#") for item in items)


def test_the_same_change_twice_is_one_entry(ledger: AuditLog, world: World) -> None:
    one: tuple[AnyRef, Trigger] = (VPC, Trigger("change", "event-1", "DeleteRoute", "alice", "2026-11-22T12:00:00Z"))
    ledger.record_changes([one, one], now=NOW)
    ledger.record_changes([one], now=NOW)
    assert changes_kept(world) == 1


def test_more_changes_than_one_call_takes_are_all_kept(ledger: AuditLog, world: World) -> None:
    many: list[tuple[AnyRef, Trigger]] = [
        (VPC, Trigger("change", f"event-{n}", "DeleteRoute", "", "2026-11-22T12:00:00Z")) for n in range(60)
    ]
    ledger.record_changes(many, now=NOW)
    assert changes_kept(world) == 60


def change(second: int, name: str = "DeleteRoute", *, ref: AnyRef = VPC, **more: Any) -> tuple[AnyRef, Trigger]:
    moment = f"2026-11-22T12:00:{second:02}Z"
    ids, tags = frozenset({"rtb-1", "igw-1"}), frozenset(filter(None, more.pop("tag", "").split()))
    texts = {"event_id": f"e{second}", "time": moment, **more}
    return ref, Trigger("change", **texts, event_name=name, ids=ids, tags=tags)


def test_changes_of_lifelines_own_tags_are_found_by_themselves(world: World, ledger: AuditLog) -> None:
    tag = "lifeline:exempt"
    others = [change(2), change(3, "CreateTags"), change(4, "CreateTags", tag=tag, ref=HOME)]
    ledger.record_changes([change(1, "DeleteTags", tag=tag), *others], now=NOW)
    [found] = ledger.taggings_of(VPC, since=NOW, until=NOW + timedelta(minutes=1))
    assert (found.event_id, found.event_name) == ("e1", "DeleteTags")
    assert found.tags == {tag}
    assert found.ids == {"rtb-1", "igw-1"}


def changes(ledger: AuditLog, since: int = 0, until: int = 59, **more: int) -> list[str]:
    found = ledger.changes_of(VPC, since=NOW + timedelta(seconds=since), until=NOW + timedelta(seconds=until), **more)
    return [one.event_id for one in found]


@pytest.mark.parametrize(
    ("blocks", "rule_action"), [(frozenset[str](), ""), (frozenset({"0.0.0.0/0", "::/0"}), "deny")]
)
def test_a_change_is_read_again_with_what_its_record_names(
    ledger: AuditLog, blocks: frozenset[str], rule_action: str
) -> None:
    ledger.record_changes([change(7, actor="alice", blocks=blocks, rule_action=rule_action)], now=NOW)
    [found] = ledger.changes_of(VPC, since=NOW, until=NOW + timedelta(minutes=1))
    at = NOW + timedelta(seconds=7)
    ids = frozenset({"rtb-1", "igw-1"})
    assert found == Change(at, "e7", "DeleteRoute", "alice", ids, blocks=blocks, rule_action=rule_action)


def test_a_change_whose_record_names_nothing_is_kept_too(ledger: AuditLog) -> None:
    ledger.record_changes([(VPC, replace(change(7)[1], ids=frozenset()))], now=NOW)
    [found] = ledger.changes_of(VPC, since=NOW, until=NOW + timedelta(minutes=1))
    assert found.ids == frozenset()


def test_changes_are_those_of_the_time_that_is_asked_for_and_of_the_vpc_oldest_first(ledger: AuditLog) -> None:
    others = [change(12, ref=OTHER), change(12, event_id="")]
    ledger.record_changes([*(change(second) for second in (30, 9, 10, 20, 31)), *others], now=NOW)
    assert changes(ledger, 10, 30) == ["e10", "", "e20", "e30"]


def test_changes_of_unknown_vpcs_are_those_of_the_account_and_region(ledger: AuditLog) -> None:
    elsewhere = RegionRef("210987654321", HOME.region)
    ledger.record_changes([change(1, ref=HOME), change(2, ref=elsewhere), change(3)], now=NOW)
    found = ledger.untraced_changes(HOME, since=NOW, until=NOW + timedelta(minutes=1))
    assert [(one.event_id, one.is_traced) for one in found] == [("e1", False)]


def test_a_vpc_of_another_account_has_its_own_changes(ledger: AuditLog) -> None:
    elsewhere = RegionRef("210987654321", HOME.region).vpc(VPC.vpc_id)
    ledger.record_changes([change(1), change(2, ref=elsewhere)], now=NOW)
    assert changes(ledger) == ["e1"]


def test_the_second_at_either_end_counts_however_its_fraction_is_written(ledger: AuditLog) -> None:
    exact = [change(10), change(20), change(21, time="2026-11-22T12:00:20.999Z")]
    ledger.record_changes(exact, now=NOW)
    found = ledger.changes_of(
        VPC, since=NOW + timedelta(seconds=10, milliseconds=900), until=NOW + timedelta(seconds=20, milliseconds=1)
    )
    assert [one.event_id for one in found] == ["e10", "e20", "e21"]


def test_of_too_many_changes_the_newest_are_read(ledger: AuditLog) -> None:
    ledger.record_changes([change(second) for second in range(60)], now=NOW)
    assert changes(ledger, most=3) == ["e57", "e58", "e59"]
    assert len(changes(ledger)) == 60


def test_tags_do_not_crowd_out_changes(ledger: AuditLog) -> None:
    tags = [change(30, "CreateTags", event_id=f"t{number}") for number in range(10)]
    ledger.record_changes([change(1), *tags, change(31, "DeleteTags")], now=NOW)
    assert changes(ledger, most=2) == ["e1"]


def test_a_change_of_tags_is_no_change_of_the_network(ledger: AuditLog) -> None:
    ledger.record_changes([change(1, "CreateTags"), change(2, "DeleteTags")], now=NOW)
    assert LatestTimes("ledger").change() is None


def test_a_change_whose_time_cannot_be_understood_is_left_out(ledger: AuditLog) -> None:
    odd = [change(1, time=""), change(2, time="2026-11-22T12:00:60Z"), change(3, time="2026-11-22T12:00:03 later")]
    ledger.record_changes([*odd, change(4)], now=NOW)
    assert changes(ledger) == ["e4"]


def test_a_vpc_without_changes_has_none(ledger: AuditLog) -> None:
    assert changes(ledger) == []


def test_the_latest_change_is_when_one_was_last_written_down(ledger: AuditLog) -> None:
    assert LatestTimes("ledger").change() is None
    ledger.record_changes([change(1), change(2)], now=NOW)
    ledger.record_changes([], now=NOW + timedelta(hours=1))
    assert LatestTimes("ledger").change() == NOW

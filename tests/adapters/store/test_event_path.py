"""The ledger's items of the event path: what is kept, by whom it is read, and whose it is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.adapters.store.event_path import EventPathStore
from lifeline.core.event_path.comparison import Comparison, Comparisons
from lifeline.core.event_path.denial import DeniedBy, DryRunDenial
from lifeline.core.event_path.dry_run import DryRun
from lifeline.core.event_path.proof import UNPROVEN, EventPath
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import MemberLedger
from tests.support.agents import TABLE
from tests.support.home import HOME
from tests.support.world import emulated_world

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
A = RegionRef("222222222222", "us-east-1")
DENIAL = DryRunDenial(DeniedBy.PERMISSIONS_BOUNDARY, resource="arn", statement="s", words="no")
STATE = UNPROVEN.asked(DryRun("UnauthorizedOperation", "no", "r0"), NOW, DENIAL).heard(
    "r0", NOW, NOW + timedelta(seconds=2.5)
)


@pytest.fixture(autouse=True)
def _world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with emulated_world(monkeypatch):
        yield


def save(store: EventPathStore, state: EventPath) -> None:
    store.change(lambda _: (state, None))


def test_all_of_the_state_comes_back() -> None:
    save(EventPathStore(TABLE), STATE)
    assert EventPathStore(TABLE).read() == STATE
    assert EventPathStore(TABLE).read_both() == (STATE, Comparisons())


def test_nothing_is_known_before_anything_was_written() -> None:
    assert EventPathStore(TABLE).read() == UNPROVEN
    assert EventPathStore(TABLE).read_both() == (UNPROVEN, Comparisons())
    assert EventPathStore(TABLE).heard(NOW) == frozenset()


def test_a_member_account_has_its_own_and_the_page_reads_them_all_at_once() -> None:
    member = EventPathStore(MemberLedger(TABLE, A))
    save(member, STATE)
    member.note_heard({"a1"}, "m", now=NOW)
    assert EventPathStore(TABLE).read() == UNPROVEN
    assert EventPathStore(TABLE).heard(NOW) == frozenset()
    assert member.heard(NOW) == {"a1"}
    compared = Comparisons(noted_since=NOW)
    member.save_comparisons(compared)
    read = EventPathStore(TABLE).read_all([HOME, A], HOME)
    assert read == {HOME: (UNPROVEN, Comparisons()), A: (STATE, compared)}


def test_the_comparison_under_way_and_the_last_one_come_back() -> None:
    day = Comparison(
        NOW - timedelta(days=1), NOW, position=3, happened=43, heard=41, missed=("DeleteVpc e",), cut=("x",)
    )
    known = Comparisons(last=day, current=replace(day, position=0), noted_since=NOW)
    EventPathStore(TABLE).save_comparisons(known)
    assert EventPathStore(TABLE).read_comparisons() == known


def test_the_marks_of_all_batches_since_a_moment_are_read_and_none_from_before() -> None:
    store = EventPathStore(TABLE)
    for number, at in enumerate((NOW - timedelta(seconds=1), NOW, NOW + timedelta(hours=30))):
        store.note_heard({f"a{number}", "b"}, f"m{number}", now=at)
    assert store.heard(NOW) == {"a1", "a2", "b"}

"""What people were warned of, and what is news."""

from datetime import UTC, datetime, timedelta

from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.coexist.warnings import DAY, MOST_A_DAY, due, settle

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_what_people_know_of_is_no_news() -> None:
    assert due(VpcState(warned={"vpce-1": NOW - DAY * 9}), ["vpce-1", "vpce-2"], NOW) == {"vpce-2"}


def test_what_ended_and_is_back_within_a_day_is_news_once_the_day_is_over() -> None:
    state = settle(VpcState(warned={"vpce-1": NOW}), set(), NOW + HOUR)
    assert (state.warned, state.warned_before) == ({}, {"vpce-1": NOW})
    assert due(state, ["vpce-1"], NOW + DAY - HOUR) == frozenset()
    assert due(state, ["vpce-1"], NOW + DAY) == {"vpce-1"}


def test_what_ended_long_after_its_notice_is_news_at_once() -> None:
    state = settle(VpcState(warned={"vpce-1": NOW}), set(), NOW + DAY)
    assert (state.warned, state.warned_before) == ({}, {})
    assert not VpcList.RETIRING.holds(state)


def test_what_stands_stays_known() -> None:
    state = VpcState(warned={"vpce-1": NOW}, warned_before={"vpce-2": NOW})
    assert settle(state, {"vpce-1", "vpce-2"}, NOW + HOUR) == state
    assert VpcList.RETIRING.holds(VpcState(warned_before={"vpce-2": NOW}))


def test_a_vpc_has_so_many_notices_a_day_whatever_they_are_about() -> None:
    warned = {f"vpce-{number}": NOW + number * HOUR for number in range(MOST_A_DAY)}
    assert due(VpcState(warned=warned), ["vpce-new"], NOW + DAY - HOUR) == frozenset()
    assert due(VpcState(warned=warned), ["vpce-new"], NOW + DAY) == {"vpce-new"}
    at_once = dict.fromkeys(warned, NOW)
    assert due(VpcState(warned=at_once), ["vpce-new"], NOW + HOUR) == {"vpce-new"}  # that was one notice

"""What a hub's accounts have in common: who is named when, and that nobody's silence hides another's."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.event_path.causes import COLLECTED_FOR, NOT_SWEPT, SILENT, CauseNews, Causes, causes_of
from lifeline.core.event_path.denial import DeniedBy, DryRunDenial
from lifeline.core.event_path.dry_run import DryRun
from lifeline.core.event_path.proof import ENDED_FOR, UNPROVEN

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
A, B, C = "222222222222", "333333333333", "444444444444"
SCP = DeniedBy.SERVICE_CONTROL_POLICY.name


def seen(causes: Causes, now: datetime, *accounts: str, names: Iterable[str] = (SILENT,)) -> Causes:
    for account in accounts:
        causes = causes.seen(account, {*names}, now)
    return causes


def news(causes: Causes, now: datetime) -> tuple[Causes, tuple[CauseNews, ...]]:
    assert causes.is_news(now) is bool(causes.announced(now)[1])
    return causes.announced(now)


def test_the_accounts_of_one_sweep_are_told_together_soon_after_the_first() -> None:
    causes = seen(Causes(), T0, A)
    causes = seen(causes, T0 + 9 * MINUTE, B)
    assert news(causes, T0 + COLLECTED_FOR - MINUTE)[1] == ()
    causes, told = news(causes, T0 + COLLECTED_FOR)
    assert told == (CauseNews(SILENT, (A, B)),)
    assert news(seen(causes, T0 + HOUR, A, B), T0 + 2 * HOUR)[1] == ()


def test_those_that_come_later_are_an_update() -> None:
    causes, _ = news(seen(Causes(), T0, A), T0 + HOUR)
    causes, told = news(seen(causes, T0 + HOUR, A, B), T0 + 2 * HOUR)
    assert told == (CauseNews(SILENT, (B,), told=(A,)),)
    assert news(causes, T0 + 9 * HOUR)[1] == ()


def test_the_end_is_told_once_it_has_ended_in_all_that_were_told_of() -> None:
    causes, _ = news(seen(Causes(), T0, A, B), T0 + HOUR)
    causes = seen(causes, T0 + HOUR, A, names=())
    assert news(causes, T0 + 2 * ENDED_FOR)[1] == ()
    end = T0 + 2 * ENDED_FOR
    causes = seen(causes, end, A, B, names=())
    assert news(causes, end + ENDED_FOR - MINUTE)[1] == ()
    causes, told = news(causes, end + ENDED_FOR)
    assert told == (CauseNews(SILENT, (A, B), is_end=True),)
    assert causes == Causes()
    again = seen(causes, end + ENDED_FOR, A)
    assert news(again, end + ENDED_FOR + HOUR)[1] == (CauseNews(SILENT, (A,)),)


def test_of_an_account_that_withholds_its_events_again_and_again_people_hear_three_times_a_day_at_most() -> None:
    """It takes two sweeps to begin, and one to end: their number must not be that of the notices."""
    causes, heard = Causes(), list[CauseNews]()
    for quarter in range(4 * 24):
        now = T0 + quarter * 15 * MINUTE
        causes = seen(causes, now, A, names=() if quarter % 3 == 0 else (SILENT,))
        causes, found = news(causes, now + COLLECTED_FOR)
        heard += found
    assert heard == [CauseNews(SILENT, (A,))]
    causes, heard = Causes(), []
    for hour in range(24):  # the most of it, by somebody who waits for the end to be told
        is_there = hour % 9 == 0
        causes = seen(causes, T0 + hour * HOUR, A, names=(SILENT,) if is_there else ())
        causes, found = news(causes, T0 + hour * HOUR + COLLECTED_FOR)
        heard += found
    assert [one.is_end for one in heard].count(False) == 3


def test_what_ended_before_anybody_was_told_is_no_news_and_what_came_back_is() -> None:
    assert seen(seen(Causes(), T0, A), T0 + MINUTE, A, names=()) == Causes()
    causes, _ = news(seen(Causes(), T0, A, B), T0 + HOUR)
    ended = seen(causes, T0 + HOUR, A, names=())
    again = seen(ended, T0 + HOUR + ENDED_FOR, A)  # although B's lasts
    assert news(again, T0 + 2 * HOUR + ENDED_FOR)[1] == (CauseNews(SILENT, (A,), told=(B,)),)
    assert seen(ended, T0 + 2 * HOUR, A) == causes  # nobody has heard of an end


def test_each_kind_of_policy_is_a_cause_of_its_own() -> None:
    causes = seen(seen(Causes(), T0, A, names=(SILENT, SCP)), T0, B, names=(SCP,))
    causes, told = news(causes, T0 + HOUR)
    assert told == (CauseNews(DeniedBy.SERVICE_CONTROL_POLICY.name, (A, B)), CauseNews(SILENT, (A,)))
    boundary = DeniedBy.PERMISSIONS_BOUNDARY.name
    causes, told = news(seen(causes, T0 + HOUR, B, names=(boundary,)), T0 + 2 * HOUR)
    assert told == (CauseNews(DeniedBy.PERMISSIONS_BOUNDARY.name, (B,)),)


def test_that_an_account_is_not_swept_is_a_cause_that_no_sweep_of_it_ends_or_begins() -> None:
    causes = seen(Causes(), T0, A, names=()).swept({A: False, B: True}, T0)
    causes = seen(causes, T0 + MINUTE, A, names=())
    causes, told = news(causes, T0 + COLLECTED_FOR)
    assert told == (CauseNews(NOT_SWEPT, (A,)),)
    causes = causes.swept({A: True, B: False}, T0 + HOUR)
    causes, told = news(causes, T0 + HOUR + COLLECTED_FOR)
    assert told == (CauseNews(NOT_SWEPT, (B,)),)
    causes = causes.swept({B: True}, T0 + 2 * HOUR)
    assert news(causes, T0 + 2 * HOUR + ENDED_FOR)[1] == (CauseNews(NOT_SWEPT, (A, B), is_end=True),)


def test_what_could_not_be_told_is_due_at_once() -> None:
    before = seen(Causes(), T0, A)
    causes, (told,) = news(before, T0 + HOUR)
    again = causes.unannounced(told, T0 + HOUR)
    assert news(again, T0 + HOUR)[1] == (told,)
    later = T0 + HOUR + ENDED_FOR
    causes, (end,) = news(seen(causes, T0 + HOUR, A, names=()), later)
    assert news(causes.unannounced(end, later), later)[1] == (end,)


def test_an_account_that_is_served_no_more_is_left_out_and_is_no_end() -> None:
    causes, _ = news(seen(Causes(), T0, A, B), T0 + HOUR)
    causes = seen(causes, T0 + HOUR, A, names=()).only({A, C})
    assert news(causes, T0 + HOUR + ENDED_FOR)[1] == (CauseNews(SILENT, (A,), is_end=True),)
    assert seen(Causes(), T0, B).only({A}) == Causes()
    same = seen(Causes(), T0, B)
    assert same.only({B}) == same


@given(st.lists(st.tuples(st.sampled_from([A, C]), st.booleans(), st.integers(1, 30)), max_size=30))
def test_whatever_others_do_an_account_is_told_of_after_ten_minutes(others: list[tuple[str, bool, int]]) -> None:
    causes, now, told = seen(Causes(), T0, B), T0, list[str]()
    for account, is_there, minutes in others:
        now += minutes * MINUTE
        causes, found = causes.seen(account, {SILENT} if is_there else set(), now).announced(now)
        told += [named for one in found if not one.is_end for named in one.accounts if named == B]
        assert bool(told) is (now - T0 >= COLLECTED_FOR)
    assert len(told) <= 1


def test_an_account_has_the_causes_that_its_dry_runs_say() -> None:
    said = DryRun("DryRunOperation", "", "r0")
    state = UNPROVEN.asked(said, T0).asked(said, T0 + HOUR)
    assert causes_of(UNPROVEN, T0) == causes_of(state, T0 + HOUR) == frozenset()
    assert causes_of(state, T0 + 2 * HOUR) == frozenset({SILENT})
    denied = state.asked(
        DryRun("UnauthorizedOperation", "", "r2"), T0 + 2 * HOUR, DryRunDenial(DeniedBy.SERVICE_CONTROL_POLICY)
    )
    assert causes_of(denied, T0 + 3 * HOUR) == frozenset({SILENT, SCP})
    without_record = UNPROVEN.asked(
        DryRun("UnauthorizedOperation", ""), T0, DryRunDenial(DeniedBy.SERVICE_CONTROL_POLICY)
    )
    assert causes_of(without_record, T0 + HOUR) == frozenset({SCP})

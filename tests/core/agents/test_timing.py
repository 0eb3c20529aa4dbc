from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.agents.timing import Timing
from lifeline.core.agents.watches import Rules
from tests.support.agents import GRACE, PERIOD, minute

RULES = Rules(PERIOD, GRACE)

times = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
spans = st.timedeltas(timedelta(seconds=1), timedelta(hours=1))


def at(number: float) -> Timing:
    return Timing(minute(number), RULES)


class TestMissingSince:
    def test_the_silence_starts_when_the_next_datapoint_was_due(self) -> None:
        assert at(8).missing_since(minute(1)) == minute(2)

    def test_a_datapoint_overdue_by_exactly_the_grace_is_on_time(self) -> None:
        assert at(6).missing_since(minute(0)) is None

    def test_a_datapoint_overdue_by_a_moment_more_than_the_grace_is_missing(self) -> None:
        now = minute(6) + timedelta(microseconds=1)
        assert Timing(now, RULES).missing_since(minute(0)) is not None

    def test_nothing_is_due_before_the_instance_is_warm(self) -> None:
        assert at(25).missing_since(minute(0), not_before=minute(20)) is None
        assert at(26).missing_since(minute(0), not_before=minute(20)) == minute(20)

    @given(times, times, spans, spans)
    def test_one_is_missing_exactly_when_it_is_overdue_by_more_than_the_grace(
        self, latest: datetime, now: datetime, period: timedelta, grace: timedelta
    ) -> None:
        since = Timing(now, Rules(period, grace)).missing_since(latest)
        assert (since is not None) == (now - (latest + period) > grace)

    @given(st.lists(times, min_size=1).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))), times)
    def test_the_order_of_datapoints_does_not_matter(
        self, both: tuple[Sequence[datetime], Sequence[datetime]], now: datetime
    ) -> None:
        first, second = (Timing(now, RULES).latest(seen_at) for seen_at in both)
        assert first == second

    @given(times, st.timedeltas(timedelta(0), timedelta(days=1)))
    def test_a_datapoint_in_the_future_is_on_time(self, now: datetime, ahead: timedelta) -> None:
        assert Timing(now, Rules(PERIOD, timedelta(0))).missing_since(now + ahead) is None


class TestItsOwnPeriod:
    """Two spacings of a minute, and whatever the others are."""

    def test_is_the_lower_median_of_the_spacings_of_its_last_five_datapoints(self) -> None:
        assert at(99).of_agent(map(minute, (0, 5, 10, 11, 12))).rules.period == PERIOD
        assert at(99).of_agent(map(minute, (-5, 0, 5, 10, 11, 12))).rules.period == PERIOD
        assert at(99).of_agent(map(minute, (0, 5, 10, 15, 16))).rules.period == timedelta(minutes=5)
        assert at(99).of_agent(map(minute, (0, 5, 10, 11))).rules.period == timedelta(minutes=5)

    def test_takes_two_spacings_to_learn(self) -> None:
        assert at(99).of_agent(map(minute, (0, 5))).rules.period == PERIOD
        assert at(99).of_agent(map(minute, (0, 5, 10))).rules.period == timedelta(minutes=5)
        assert at(10).of_agent(map(minute, (0, 5, 10))).rules.period == timedelta(minutes=5)
        assert at(9.9).of_agent(map(minute, (0, 5, 10))).rules.period == PERIOD


def test_half_of_the_grace_is_used_up_without_a_datapoint_since_then() -> None:
    assert at(10).awaited == minute(10) - PERIOD - GRACE / 2


class TestLateness:
    def test_an_overdue_datapoint_is_on_time_up_to_the_grace_itself(self) -> None:
        assert at(6).is_on_time([minute(0)])
        assert not at(6.1).is_on_time([minute(0)])

    def test_a_datapoint_whose_own_period_has_not_ended_is_not_late(self) -> None:
        assert not at(2).is_late([minute(0)])

    def test_a_datapoint_that_could_be_there_is_late_within_the_grace(self) -> None:
        assert at(2.1).is_late([minute(0)])
        assert at(6).is_late([minute(0)])

    def test_an_overdue_datapoint_is_missing_rather_than_late(self) -> None:
        assert not at(6.1).is_late([minute(0)])

    def test_who_has_never_reported_is_neither_on_time_nor_late(self) -> None:
        assert not at(0).is_on_time([])
        assert not at(0).is_late([])

    def test_a_datapoint_from_a_little_ahead_is_believed(self) -> None:
        assert at(0).is_on_time([minute(6)])

    def test_a_datapoint_from_further_ahead_than_period_and_grace_shows_no_life(self) -> None:
        assert not at(0).is_on_time([minute(6.1)])
        assert not at(20).is_on_time([minute(0), minute(24 * 60)])
        assert at(20).latest([minute(0), minute(24 * 60)]) == minute(0)

    @given(st.lists(times), times, st.integers(1, 3600), spans)
    def test_who_is_late_is_on_time(
        self, seen_at: list[datetime], now: datetime, period_s: int, grace: timedelta
    ) -> None:
        moment = Timing(now, Rules(timedelta(seconds=period_s), grace))
        assert moment.is_on_time(seen_at) or not moment.is_late(seen_at)


class TestWindows:
    @pytest.mark.parametrize(
        ("rules", "usual", "recent"),
        [
            (RULES, 1 + 5 + 2, 179),  # minutes: a period, the grace, and two of the resolution; almost three hours
            (replace(RULES, period=timedelta(minutes=5)), 5 + 5 + 2, 179),
            (replace(RULES, period=timedelta(hours=1)), 60 + 5 + 2, 60 + 5 + 2 + 120),  # and two that show it is back
            (replace(RULES, period=timedelta(hours=1), recover_after=3), 60 + 5 + 2, 60 + 5 + 2 + 180),
        ],
    )
    def test_are_no_longer_than_they_must_be(self, rules: Rules, usual: int, recent: int) -> None:
        now = Timing(minute(600), rules)
        assert (now.usual_window.start, now.usual_window.end) == (minute(600 - usual), minute(601))
        assert (now.recent_window.start, now.recent_window.end) == (minute(600 - recent), minute(601))
        assert now.usual_window.points == usual + 1

    @given(times, st.integers(1, 3600), st.integers(0, 7200))
    def test_the_usual_window_holds_every_datapoint_that_can_be_on_time(
        self, now: datetime, period_s: int, grace_s: int
    ) -> None:
        rules = Rules(timedelta(seconds=period_s), timedelta(seconds=grace_s))
        window = Timing(now, rules).usual_window
        assert window.start <= now - rules.period - rules.grace
        assert window.end > now
        for edge in (window.start, window.end):
            assert edge.timestamp() % window.period.total_seconds() == 0

    @given(times, st.integers(1, 59))
    def test_the_recent_window_keeps_within_what_cloudwatch_has_of_short_periods(
        self, now: datetime, period_s: int
    ) -> None:
        window = Timing(now, Rules(timedelta(seconds=period_s), GRACE)).recent_window
        assert timedelta(hours=2, minutes=58) < now - window.start <= timedelta(hours=3)

    @given(times, st.integers(60, 3600), st.integers(1, 10))
    def test_the_recent_window_holds_the_datapoints_that_a_recovery_takes(
        self, now: datetime, period_s: int, recover_after: int
    ) -> None:
        rules = Rules(timedelta(seconds=period_s), GRACE, recover_after=recover_after)
        assert now - Timing(now, rules).recent_window.start >= recover_after * rules.period + GRACE

    def test_the_remembered_window_counts_hours(self) -> None:
        window = at(0).remembered_window
        assert (window.points, window.period) == (14 * 24 + 1, timedelta(hours=1))

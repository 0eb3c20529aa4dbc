from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.gaps import (
    LEASE,
    UNMANAGED,
    Agent,
    Evidence,
    Gap,
    Instance,
    Moment,
    News,
    Power,
    Rules,
    Series,
    State,
    Verdict,
    choose_series,
    claim,
    close_gap,
    find_gap,
    is_due_to_be_told,
    judge,
    other_series,
    series_in_turn,
    told,
    weigh,
)
from tests.support.agents import GRACE, PERIOD, START, agent, minute, recovered_agent, series, silent_agent

RULES = Rules(PERIOD, GRACE)
RUNNING = Instance(Power.RUNNING, minute(-600))
DOWN = Instance(Power.DOWN)
GONE = Instance(Power.GONE)
UNREADABLE = Instance(Power.UNREADABLE)

times = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
spans = st.timedeltas(timedelta(seconds=1), timedelta(hours=2))


def at(number: float) -> Moment:
    return Moment(minute(number), RULES)


def seen(*minutes: float, instance: Instance = UNMANAGED, by: Series | None = None) -> Evidence:
    return Evidence(by or series(), tuple(minute(number) for number in minutes), instance)


def unread(instance: Instance = UNMANAGED) -> Evidence:
    return Evidence(series(), None, instance)


class TestFindGap:
    def test_the_silence_starts_when_the_next_datapoint_was_due(self) -> None:
        gap = find_gap([minute(0), minute(1)], now=minute(8), period=PERIOD, grace=GRACE)
        assert gap is not None
        assert (gap.since, gap.length) == (minute(2), timedelta(minutes=6))

    def test_a_datapoint_overdue_by_exactly_the_grace_is_on_time(self) -> None:
        assert find_gap([minute(0)], now=minute(6), period=PERIOD, grace=GRACE) is None

    def test_a_datapoint_overdue_by_a_moment_more_than_the_grace_is_missing(self) -> None:
        now = minute(6) + timedelta(microseconds=1)
        assert find_gap([minute(0)], now=now, period=PERIOD, grace=GRACE) is not None

    def test_nothing_is_due_before_the_instance_is_warm(self) -> None:
        assert find_gap([minute(0)], now=minute(25), period=PERIOD, grace=GRACE, not_before=minute(20)) is None
        gap = find_gap([minute(0)], now=minute(26), period=PERIOD, grace=GRACE, not_before=minute(20))
        assert gap is not None
        assert gap.since == minute(20)

    def test_an_agent_that_never_reported_is_not_one_that_stopped(self) -> None:
        with pytest.raises(ValueError, match="never reported"):
            find_gap([], now=START, period=PERIOD, grace=GRACE)

    @given(st.lists(times, min_size=1), times, spans, spans)
    def test_a_gap_is_found_exactly_when_the_next_datapoint_is_overdue_by_more_than_the_grace(
        self, seen_at: list[datetime], now: datetime, period: timedelta, grace: timedelta
    ) -> None:
        gap = find_gap(seen_at, now=now, period=period, grace=grace)
        assert (gap is not None) == (now - (max(seen_at) + period) > grace)

    @given(st.lists(times, min_size=1).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))), times)
    def test_the_order_of_datapoints_does_not_matter(
        self, both: tuple[Sequence[datetime], Sequence[datetime]], now: datetime
    ) -> None:
        first, second = (find_gap(seen_at, now=now, period=PERIOD, grace=GRACE) for seen_at in both)
        assert first == second

    @given(times, st.timedeltas(timedelta(0), timedelta(days=1)))
    def test_a_datapoint_in_the_future_is_on_time(self, now: datetime, ahead: timedelta) -> None:
        assert find_gap([now + ahead], now=now, period=PERIOD, grace=timedelta(0)) is None


class TestCloseGap:
    GAP = Gap(since=minute(1), opened_at=minute(7))

    def test_the_first_datapoint_after_the_silence_ends_it(self) -> None:
        closed = close_gap(self.GAP, minute(0), [minute(-1), minute(0), minute(20), minute(21)], period=PERIOD)
        assert closed == Gap(since=minute(1), opened_at=minute(7), ended_at=minute(20))
        assert closed.length(minute(99)) == timedelta(minutes=19)

    def test_late_datapoints_shorten_it(self) -> None:
        closed = close_gap(self.GAP, minute(0), [minute(1), minute(2), minute(3), minute(20)], period=PERIOD)
        assert (closed.since, closed.ended_at) == (minute(4), minute(20))

    def test_late_datapoints_that_fill_it_leave_no_length(self) -> None:
        closed = close_gap(self.GAP, minute(0), [minute(number) for number in range(1, 12)], period=PERIOD)
        assert closed.length(minute(99)) == timedelta(0)

    def test_it_has_no_length_where_only_the_grace_became_longer(self) -> None:
        assert close_gap(self.GAP, minute(0), [], period=PERIOD).length(minute(99)) == timedelta(0)

    def test_it_starts_no_earlier_than_it_was_opened_for(self) -> None:
        gap = Gap(since=minute(30), opened_at=minute(36))
        assert close_gap(gap, minute(0), [minute(40)], period=PERIOD).since == minute(30)

    @given(st.lists(st.integers(-30, 300), min_size=1).flatmap(st.permutations))
    def test_its_length_is_never_negative_and_never_longer_than_all_of_the_time(self, minutes: list[int]) -> None:
        closed = close_gap(self.GAP, minute(0), [minute(number) for number in minutes], period=PERIOD)
        again = close_gap(self.GAP, minute(0), [minute(number) for number in sorted(minutes)], period=PERIOD)
        assert closed == again
        assert timedelta(0) <= closed.length(minute(999)) <= timedelta(minutes=max(0, *minutes))


class TestSeries:
    def test_the_series_with_the_fewest_dimensions_is_chosen(self) -> None:
        detailed = series(metric="cpu_usage_idle", ImageId="ami-1")
        assert choose_series([detailed, series()]) == series()

    def test_among_equals_the_choice_does_not_depend_on_the_order(self) -> None:
        disk, memory = series(metric="disk_used_percent"), series(metric="mem_used_percent")
        assert choose_series([memory, disk]) == choose_series([disk, memory]) == disk

    def test_one_series_of_each_shape_comes_before_a_second_of_any(self) -> None:
        plain = [series(metric=name) for name in ("a", "b", "c")]
        detailed = series(metric="z", ImageId="ami-1")
        assert other_series(plain[0], [*plain, detailed], limit=2) == (plain[1], detailed)

    def test_a_silent_agents_other_series_are_asked_in_turn(self) -> None:
        others = [series(metric=name) for name in ("a", "b", "c")]
        asked = {series_in_turn(others, at(number))[0] for number in range(3)}
        assert asked == set(others)

    def test_there_is_no_turn_without_other_series(self) -> None:
        assert series_in_turn([], at(0)) == ()


class TestWeigh:
    OTHER = series(metric="disk_used_percent")

    def test_it_sticks_to_its_series_while_that_is_on_time(self) -> None:
        readings = {series(): (minute(5),), self.OTHER: (minute(9),)}
        assert weigh(series(), [self.OTHER], readings, UNMANAGED, at(10)).series == series()

    def test_another_series_that_is_on_time_takes_over(self) -> None:
        readings = {series(): (minute(0),), self.OTHER: (minute(9),)}
        found = weigh(series(), [self.OTHER], readings, UNMANAGED, at(10))
        assert found == Evidence(self.OTHER, (minute(0), minute(9)))

    def test_silence_is_unknown_while_a_series_could_not_be_read(self) -> None:
        assert weigh(series(), [self.OTHER], {series(): (minute(0),)}, UNMANAGED, at(10)).seen_at is None

    def test_life_is_known_although_a_series_could_not_be_read(self) -> None:
        found = weigh(series(), [self.OTHER], {self.OTHER: (minute(9),)}, UNMANAGED, at(10))
        assert found == Evidence(self.OTHER, (minute(9),))


class TestJudge:
    def test_an_agent_on_time_is_left_as_it_is(self) -> None:
        assert judge(agent(), seen(599), at(600)) == Verdict(State.REPORTING, agent())

    def test_an_agent_seen_for_the_first_time_joins(self) -> None:
        new = Agent("i-0000000a", series())
        assert judge(new, seen(9), at(10)) == Verdict(State.REPORTING, replace(new, seen_at=minute(9)))

    def test_an_agent_without_a_datapoint_does_not_join(self) -> None:
        assert judge(Agent("i-0000000a", series()), seen(), at(10)) is None

    def test_an_agent_of_a_terminated_instance_does_not_join(self) -> None:
        assert judge(Agent("i-0000000a", series()), seen(1, instance=GONE), at(10)) is None

    def test_a_new_agent_that_could_not_be_read_is_unknown(self) -> None:
        new = Agent("i-0000000a", series())
        assert judge(new, unread(), at(10)) == Verdict(State.UNKNOWN, new)

    def test_a_new_agent_that_is_already_overdue_joins_with_a_gap(self) -> None:
        verdict = judge(Agent("i-0000000a", series()), seen(0), at(60))
        assert verdict is not None
        assert (verdict.state, verdict.news) == (State.SILENT, News.OPENED)

    def test_an_overdue_agent_opens_a_gap(self) -> None:
        gap = Gap(since=minute(6), opened_at=minute(12))
        silent = agent(state=State.SILENT, seen_at=minute(5), gap=gap, untold=News.OPENED)
        assert judge(agent(), seen(4, 5, instance=RUNNING), at(12)) == Verdict(State.SILENT, silent, News.OPENED)

    def test_an_open_gap_is_not_opened_again(self) -> None:
        assert judge(silent_agent(), seen(instance=RUNNING), at(600)) == Verdict(State.SILENT, silent_agent())

    def test_an_agent_that_could_not_be_read_is_unknown_and_changes_nothing(self) -> None:
        for remembered in (agent(), silent_agent(), agent(state=State.SUPPRESSED)):
            assert judge(remembered, unread(), at(600)) == Verdict(State.UNKNOWN, remembered)

    def test_an_overdue_agent_whose_instance_could_not_be_looked_up_is_unknown(self) -> None:
        assert judge(agent(), seen(0, instance=UNREADABLE), at(60)) == Verdict(State.UNKNOWN, agent())

    def test_a_stopped_instance_is_set_aside(self) -> None:
        aside = agent(state=State.SUPPRESSED, seen_at=minute(5))
        assert judge(agent(), seen(5, instance=DOWN), at(12)) == Verdict(State.SUPPRESSED, aside)

    def test_a_stopped_instance_waits_to_be_set_aside_until_its_last_datapoint_is_known(self) -> None:
        assert judge(agent(), unread(DOWN), at(12)) == Verdict(State.SUPPRESSED, agent())

    def test_a_stopped_instance_with_an_open_gap_closes_it_without_a_word(self) -> None:
        verdict = judge(silent_agent(untold=News.OPENED), seen(instance=DOWN), at(30))
        assert verdict == Verdict(State.SUPPRESSED, agent(state=State.SUPPRESSED))

    def test_a_terminated_instance_leaves_the_roster(self) -> None:
        for remembered in (agent(), silent_agent(), agent(state=State.SUPPRESSED)):
            assert judge(remembered, unread(GONE), at(30)) == Verdict(State.SUPPRESSED, None)

    def test_a_restarted_instance_may_warm_up_before_its_agent_is_due(self) -> None:
        aside = agent(state=State.SUPPRESSED)
        started = Instance(Power.RUNNING, minute(100))
        assert judge(aside, seen(instance=started), at(115)) == Verdict(State.SUPPRESSED, aside)
        verdict = judge(aside, seen(instance=started), at(116))
        assert verdict is not None
        assert verdict.agent is not None
        assert verdict.agent.gap == Gap(since=minute(110), opened_at=minute(116))

    def test_a_launch_before_the_last_datapoint_excuses_nothing(self) -> None:
        verdict = judge(agent(), seen(5, instance=Instance(Power.RUNNING, minute(4))), at(12))
        assert verdict is not None
        assert verdict.news is News.OPENED

    def test_a_restart_within_the_grace_sets_the_agent_aside_until_it_is_warm(self) -> None:
        verdict = judge(agent(), seen(0, instance=Instance(Power.RUNNING, minute(2))), at(7))
        assert verdict == Verdict(State.SUPPRESSED, agent(state=State.SUPPRESSED))

    def test_an_agent_that_was_set_aside_reports_again_without_a_word(self) -> None:
        verdict = judge(agent(state=State.SUPPRESSED), seen(100), at(101))
        assert verdict == Verdict(State.REPORTING, agent(seen_at=minute(100)))

    def test_data_end_an_open_gap_with_its_length(self) -> None:
        verdict = judge(silent_agent(), seen(20, 21), at(22))
        back = recovered_agent(back_at=minute(20), seen_at=minute(21))
        assert verdict == Verdict(State.REPORTING, back, News.RESOLVED)

    def test_late_datapoints_alone_do_not_end_a_gap(self) -> None:
        assert judge(silent_agent(), seen(1, 2, 3), at(22)) == Verdict(State.SILENT, silent_agent())

    def test_the_series_that_speaks_is_remembered(self) -> None:
        other = series(metric="disk_used_percent")
        verdict = judge(agent(), seen(9, by=other), at(10))
        assert verdict == Verdict(State.REPORTING, agent(series=other, seen_at=minute(9)))

    def test_the_end_of_a_gap_is_told_before_the_next_one_opens(self) -> None:
        back = recovered_agent(back_at=minute(20), seen_at=minute(21))
        assert judge(back, seen(21, instance=RUNNING), at(40)) == Verdict(State.SILENT, back)

    def test_an_agent_is_forgotten_after_two_weeks_of_silence(self) -> None:
        later = Moment(START + timedelta(days=14, seconds=1), RULES)
        assert judge(silent_agent(), seen(), later) == Verdict(State.SILENT, None)
        aside = agent(state=State.SUPPRESSED)
        assert judge(aside, unread(DOWN), later) == Verdict(State.SUPPRESSED, None)

    @given(
        st.sampled_from([agent(), silent_agent(), agent(state=State.SUPPRESSED), Agent("i-0000000a", series())]),
        st.sampled_from([UNMANAGED, RUNNING, DOWN, GONE, UNREADABLE]),
        st.integers(0, 100_000),
    )
    def test_what_could_not_be_read_never_opens_or_ends_a_gap(
        self, remembered: Agent, instance: Instance, number: int
    ) -> None:
        verdict = judge(remembered, unread(instance), at(number))
        assert verdict is None or verdict.news is None

    @given(
        st.lists(st.integers(0, 200), min_size=1),
        st.integers(0, 300),
        st.sampled_from([UNMANAGED, RUNNING, DOWN, UNREADABLE]),
    )
    def test_judging_again_at_once_changes_and_tells_nothing(
        self, minutes: list[int], number: int, instance: Instance
    ) -> None:
        evidence = seen(*minutes, instance=instance)
        first = judge(agent(), evidence, at(number))
        assert first is not None
        assert first.agent is not None
        second = judge(first.agent, evidence, at(number))
        assert second == Verdict(first.state, first.agent)

    @given(st.lists(st.integers(0, 200), min_size=1), st.integers(0, 300))
    def test_a_running_agent_opens_a_gap_exactly_when_it_is_overdue(self, minutes: list[int], number: int) -> None:
        verdict = judge(agent(), seen(*minutes, instance=RUNNING), at(number))
        assert verdict is not None
        assert (verdict.news is News.OPENED) == (number - (max(minutes) + 1) > 5)


class TestHistory:
    @given(st.sets(st.integers(1, 80)))
    def test_every_long_silence_opens_one_gap_and_its_end_has_its_length(self, reported: set[int]) -> None:
        remembered, opened, lengths = agent(), [], []
        for number in range(81):
            moment = at(number + 0.5)
            verdict = judge(remembered, seen(*(one for one in {0, *reported} if one <= number)), moment)
            assert verdict is not None
            assert verdict.agent is not None
            if verdict.news is News.OPENED:
                opened.append(number)
            if verdict.news is News.RESOLVED:
                assert verdict.agent.gap is not None
                lengths.append(verdict.agent.gap.length(moment.now))
            remembered = told(verdict.agent)
        ends = pairwise(sorted({0, *reported, 81}))
        silences = [(last, back) for last, back in ends if back - last >= 7]
        assert opened == [last + 6 for last, _ in silences]
        assert lengths == [timedelta(minutes=back - last - 1) for last, back in silences if back <= 80]


class TestNews:
    def test_news_is_claimed_by_one_run_at_a_time(self) -> None:
        claimed = claim(silent_agent(untold=News.OPENED), minute(7))
        assert not is_due_to_be_told(claimed, minute(7) + LEASE - timedelta(seconds=1))
        assert is_due_to_be_told(claimed, minute(8))

    def test_an_agent_without_news_is_not_claimed(self) -> None:
        assert claim(agent(), minute(7)) == agent()

    def test_an_open_gap_stays_when_it_has_been_told(self) -> None:
        assert told(claim(silent_agent(untold=News.OPENED), minute(7))) == silent_agent()

    def test_an_agent_without_news_stays_as_it_is(self) -> None:
        assert told(silent_agent()) == silent_agent()

    def test_an_ended_gap_is_done_with_when_it_has_been_told(self) -> None:
        assert told(recovered_agent(back_at=minute(20))) == agent()


class TestWindows:
    @pytest.mark.parametrize(
        ("seconds", "resolution"), [(1, 1), (5, 5), (7, 5), (45, 30), (60, 60), (90, 60), (300, 300), (3600, 3600)]
    )
    def test_the_period_asked_for_is_one_that_cloudwatch_takes(self, seconds: int, resolution: int) -> None:
        assert Rules(timedelta(seconds=seconds), GRACE).resolution == timedelta(seconds=resolution)

    def test_a_period_below_a_second_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least 1 s"):
            Rules(timedelta(0), GRACE)

    @given(times, st.integers(1, 3600), st.integers(0, 7200))
    def test_the_usual_window_holds_every_datapoint_that_can_be_on_time(
        self, now: datetime, period_s: int, grace_s: int
    ) -> None:
        rules = Rules(timedelta(seconds=period_s), timedelta(seconds=grace_s))
        window = Moment(now, rules).usual_window
        assert window.start <= now - rules.period - rules.grace
        assert window.end > now
        for edge in (window.start, window.end):
            assert edge.timestamp() % window.period.total_seconds() == 0

    @given(times, st.integers(1, 59))
    def test_the_recent_window_keeps_within_what_cloudwatch_has_of_short_periods(
        self, now: datetime, period_s: int
    ) -> None:
        window = Moment(now, Rules(timedelta(seconds=period_s), GRACE)).recent_window
        assert timedelta(hours=2, minutes=58) < now - window.start <= timedelta(hours=3)

    def test_the_remembered_window_counts_hours(self) -> None:
        window = at(0).remembered_window
        assert (window.points, window.period) == (14 * 24 + 1, timedelta(hours=1))

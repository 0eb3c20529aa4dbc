from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import accumulate, chain, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.agents.agent import PROOF, Agent, Evidence, Gap, State, Suppression, Transition, Verdict
from lifeline.core.agents.gaps import close_gap, judge, weigh
from lifeline.core.agents.instances import UNMANAGED, Instance, Power
from lifeline.core.agents.series import Series
from lifeline.core.agents.timing import Timing, Window
from lifeline.core.agents.watches import Rules
from tests.support.agents import (
    GRACE,
    PERIOD,
    START,
    agent,
    expected_agent,
    minute,
    recovered_agent,
    series,
    silent_agent,
)

RULES = Rules(PERIOD, GRACE, longest_period=PERIOD)
MIXED = Rules(PERIOD, GRACE)
AT_ONCE = Rules(PERIOD, GRACE, recover_after=1, longest_period=PERIOD)
RUNNING = Instance(Power.RUNNING, minute(-600))
TAGGED = replace(RUNNING, tags=(("lifeline:agent", "expected"),))
DOWN = Instance(Power.DOWN)
GONE = Instance(Power.GONE)
MISSING = Instance(Power.MISSING)
UNREADABLE = Instance(Power.UNREADABLE)
FORTNIGHT = 14 * 24 * 60  # minutes, the default of `forget_after`


def at(number: float, rules: Rules = RULES) -> Timing:
    return Timing(minute(number), rules)


def seen(
    *minutes: float, instance: Instance = UNMANAGED, by: Series | None = None, suppression: Suppression | None = None
) -> Evidence:
    return Evidence(by or series(), tuple(minute(number) for number in minutes), instance, suppression)


def nothing(instance: Instance = UNMANAGED, suppression: Suppression | None = None) -> Evidence:
    """Datapoints were looked for, and there is no series to find any by."""
    return Evidence(None, (), instance, suppression)


def unread(instance: Instance = UNMANAGED, suppression: Suppression | None = None) -> Evidence:
    return Evidence(series(), None, instance, suppression)


def aside(reason: Suppression = Suppression.STOPPED, **changes: Any) -> Agent:
    return agent(**{"state": State.SUPPRESSED, "suppressed_by": reason, **changes})


def kept(verdict: Verdict) -> Agent:
    """What is remembered, where the agent stays on the roster."""
    assert verdict.agent is not None
    return verdict.agent


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

    def test_without_datapoints_it_has_no_length(self) -> None:
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


class TestWeigh:
    OTHER = series(metric="disk_used_percent")

    def test_it_sticks_to_its_series_while_that_is_on_time(self) -> None:
        readings = {series(): (minute(5),), self.OTHER: (minute(9),)}
        assert weigh(series(), [self.OTHER], readings, UNMANAGED, at(10)).series == series()

    def test_another_series_that_is_on_time_takes_over(self) -> None:
        readings = {series(): (minute(0),), self.OTHER: (minute(9),)}
        found = weigh(series(), [self.OTHER], readings, UNMANAGED, at(10))
        assert found == Evidence(self.OTHER, (minute(0), minute(9)))

    def test_a_series_from_far_ahead_does_not_take_over(self) -> None:
        ahead = series(metric="cpu_usage_idle")
        readings = {series(): (minute(0),), self.OTHER: (minute(9),), ahead: (minute(999),)}
        assert weigh(series(), [self.OTHER, ahead], readings, UNMANAGED, at(10)).series == self.OTHER

    @pytest.mark.parametrize(("one", "other", "taken"), [(7, 9, 1), (9, 7, 0), (9, 9, 0)])
    def test_of_several_the_one_with_the_latest_datapoint_takes_over_and_of_these_the_first_by_rank(
        self, one: int, other: int, taken: int
    ) -> None:
        both = series(metric="cpu_usage_idle"), self.OTHER
        readings = {series(): (minute(0),), both[0]: (minute(6), minute(one)), both[1]: (minute(other),)}
        assert weigh(series(), both[::-1], readings, UNMANAGED, at(10)).series == both[taken]

    def test_silence_is_unknown_while_a_series_could_not_be_read(self) -> None:
        assert weigh(series(), [self.OTHER], {series(): (minute(0),)}, UNMANAGED, at(10)).seen_at is None

    def test_life_is_known_although_a_series_could_not_be_read(self) -> None:
        found = weigh(series(), [self.OTHER], {self.OTHER: (minute(9),)}, UNMANAGED, at(10))
        assert found == Evidence(self.OTHER, (minute(9),))


class TestReporting:
    def test_an_agent_on_time_is_left_as_it_is(self) -> None:
        for remembered in (agent(), recovered_agent(back_at=minute(20)), agent(openings=(minute(7),))):
            assert judge(remembered, seen(598, 599), at(600)) == Verdict(State.REPORTING, remembered)

    def test_an_agent_within_the_grace_is_late_and_left_as_it_is(self) -> None:
        assert judge(agent(), seen(5), at(11)) == Verdict(State.LATE, agent())

    def test_an_agent_seen_for_the_first_time_joins(self) -> None:
        new = Agent("i-0000000a", series())
        assert judge(new, seen(9), at(10)) == Verdict(State.REPORTING, replace(new, seen_at=minute(9)))
        assert judge(new, seen(5), at(10)) == Verdict(State.LATE, replace(new, seen_at=minute(5)))

    def test_a_listed_agent_without_a_datapoint_has_no_place_on_the_roster(self) -> None:
        assert judge(Agent("i-0000000a", series()), seen(), at(10)) == Verdict(State.SUPPRESSED, None)

    def test_the_series_that_speaks_is_remembered(self) -> None:
        other = series(metric="disk_used_percent")
        verdict = judge(agent(), seen(9, by=other), at(10))
        assert verdict == Verdict(State.REPORTING, agent(series=other, seen_at=minute(9)))

    def test_an_instance_that_could_not_be_looked_up_matters_to_none_who_is_on_time(self) -> None:
        assert judge(agent(), seen(9, instance=UNREADABLE), at(10)) == Verdict(State.REPORTING, agent())

    @given(
        st.sampled_from([agent(), recovered_agent(back_at=minute(20), seen_at=minute(21)), agent(openings=(START,))]),
        st.integers(0, 10 * FORTNIGHT),
        st.integers(0, 6),
    )
    def test_an_agent_that_goes_on_reporting_is_never_written(self, remembered: Agent, number: int, age: int) -> None:
        assert judge(remembered, seen(number - 1, number), at(number + age)).agent == remembered


class TestSilence:
    def test_an_overdue_agent_opens_a_gap(self) -> None:
        gap = Gap(since=minute(6), opened_at=minute(12))
        silent = agent(state=State.SILENT, seen_at=minute(5), gap=gap, openings=(minute(12),))
        assert judge(agent(), seen(4, 5, instance=RUNNING), at(12)) == Verdict(State.SILENT, silent, Transition.OPENED)

    def test_an_agent_is_silent_in_the_series_in_which_it_reported(self) -> None:
        other = series(metric="disk_used_percent")
        assert kept(judge(agent(), seen(4, 5, by=other), at(12))).series == series()
        assert kept(judge(expected_agent(), seen(4, 5, by=other), at(12))).series == other

    def test_a_new_agent_that_is_already_overdue_joins_with_a_gap(self) -> None:
        verdict = judge(Agent("i-0000000a", series()), seen(0), at(60))
        assert (verdict.state, verdict.transition) == (State.SILENT, Transition.OPENED)

    def test_a_datapoint_proves_a_new_agent_once_however_often_it_is_seen(self) -> None:
        new = Agent("i-0000000a", series(), unproven=PROOF)
        for number in (0.5, 1, 1.5):
            new = kept(judge(new, seen(0), at(number)))
            assert new.unproven == PROOF - 1

    def test_a_new_agent_whose_silence_counts_stays_whatever_a_later_run_still_reads_of_its_proof(self) -> None:
        new = Agent("db-7", series(), unproven=PROOF)
        silent = judge(new, seen(0, 10, 20), at(27))
        assert silent.transition is Transition.OPENED
        assert judge(kept(silent), seen(20), at(28)) == Verdict(State.SILENT, kept(silent))

    def test_an_open_gap_is_not_opened_again(self) -> None:
        assert judge(silent_agent(), seen(instance=RUNNING), at(600)) == Verdict(State.SILENT, silent_agent())

    def test_an_agent_that_goes_silent_again_leaves_its_open_incident_for_the_cause_may_be_another(self) -> None:
        verdict = judge(recovered_agent(back_at=minute(20)), seen(21), at(28))
        assert verdict.transition is Transition.OPENED
        assert kept(verdict).incident == ""
        assert kept(verdict).gap == Gap(since=minute(22), opened_at=minute(28))

    def test_a_flapping_agent_that_goes_silent_again_stays_with_its_open_incident(self) -> None:
        verdict = judge(recovered_agent(back_at=minute(20), is_flapping=True), seen(21), at(28))
        assert kept(verdict).incident == "inc-1"

    def test_a_launch_before_the_last_datapoint_excuses_nothing(self) -> None:
        for launched_at in (minute(4), minute(5)):
            verdict = judge(agent(), seen(5, instance=Instance(Power.RUNNING, launched_at)), at(12))
            assert verdict.transition is Transition.OPENED

    def test_a_datapoint_from_a_day_ahead_does_not_hide_a_silence(self) -> None:
        assert judge(agent(), seen(5, 24 * 60), at(12)).transition is Transition.OPENED

    @pytest.mark.parametrize("remembered", [agent(seen_at=minute(60)), silent_agent(seen_at=minute(60))])
    def test_a_clock_that_went_back_opens_and_ends_no_gap(self, remembered: Agent) -> None:
        verdict = judge(remembered, seen(29), at(30))
        assert (verdict.agent, verdict.transition) == (remembered, None)

    @given(st.lists(st.integers(0, 200), min_size=1), st.integers(0, 300))
    def test_a_running_agent_opens_a_gap_exactly_when_it_is_overdue(self, minutes: list[int], number: int) -> None:
        believed = [one for one in minutes if one <= number + 6]
        verdict = judge(agent(), seen(*minutes, instance=RUNNING), at(number))
        assert (verdict.transition is Transition.OPENED) == (number - (max(believed, default=0) + 1) > 5)


class TestUnknown:
    def test_an_agent_that_could_not_be_read_is_unknown(self) -> None:
        new = Agent("i-0000000a", series())
        for remembered in (agent(), silent_agent(), aside(), new, expected_agent()):
            assert judge(remembered, unread(), at(600)) == Verdict(State.UNKNOWN, remembered)

    def test_an_overdue_agent_whose_instance_could_not_be_looked_up_is_unknown(self) -> None:
        for remembered in (agent(), aside(), expected_agent()):
            found = judge(remembered, Evidence(None, (), UNREADABLE), at(60))
            assert found == Verdict(State.UNKNOWN, remembered)

    def test_a_silent_agent_stays_silent_though_its_instance_could_not_be_looked_up(self) -> None:
        verdict = judge(silent_agent(), seen(instance=UNREADABLE), at(FORTNIGHT + 60))
        assert verdict == Verdict(State.SILENT, silent_agent())


class TestReturn:
    def test_an_agent_is_back_after_two_datapoints(self) -> None:
        silent = silent_agent(incident="inc-1")
        assert judge(silent, seen(20), at(21)) == Verdict(State.SILENT, silent)
        back = recovered_agent(back_at=minute(20), seen_at=minute(21))
        assert judge(silent, seen(20, 21), at(22)) == Verdict(State.REPORTING, back, Transition.ENDED)

    def test_how_many_datapoints_it_takes_is_a_rule(self) -> None:
        silent = silent_agent(incident="inc-1")
        back = recovered_agent(back_at=minute(20), seen_at=minute(20))
        assert judge(silent, seen(20), at(21, AT_ONCE)) == Verdict(State.REPORTING, back, Transition.ENDED)
        assert judge(silent, seen(20, 21), at(22, replace(RULES, recover_after=3))).transition is None

    def test_an_agent_whose_datapoints_are_always_late_comes_back_too(self) -> None:
        verdict = judge(silent_agent(), seen(20, 21), at(26))
        assert (verdict.state, kept(verdict).state, verdict.transition) == (
            State.LATE,
            State.REPORTING,
            Transition.ENDED,
        )

    def test_late_datapoints_alone_do_not_end_a_gap(self) -> None:
        assert judge(silent_agent(), seen(1, 2, 3), at(22)) == Verdict(State.SILENT, silent_agent())

    def test_late_datapoints_do_not_count_as_a_return(self) -> None:
        assert judge(silent_agent(), seen(1, 2, 3, 20), at(21)) == Verdict(State.SILENT, silent_agent())

    def test_a_gap_that_late_datapoints_filled_ends_without_length(self) -> None:
        verdict = judge(silent_agent(), seen(*range(1, 12)), at(12))
        assert verdict.transition is Transition.ENDED
        assert kept(verdict).gap == Gap(since=minute(1), opened_at=minute(7), ended_at=minute(1))

    def test_single_datapoints_with_silences_between_them_are_no_return(self) -> None:
        assert judge(silent_agent(), seen(20, 40), at(41)) == Verdict(State.SILENT, silent_agent())

    def test_a_gap_lasts_through_a_single_datapoint(self) -> None:
        verdict = judge(silent_agent(), seen(2, 30, 40, 41), at(42))
        assert kept(verdict).gap == Gap(since=minute(3), opened_at=minute(7), ended_at=minute(40))

    def test_it_returns_under_the_series_that_speaks(self) -> None:
        other = series(metric="disk_used_percent")
        assert kept(judge(silent_agent(), seen(20, 21, by=other), at(22))).series == other


class TestSuppression:
    def test_a_stopped_instance_sets_its_agent_aside(self) -> None:
        verdict = judge(agent(), seen(5, instance=DOWN), at(12))
        assert verdict == Verdict(State.SUPPRESSED, aside(seen_at=minute(5)))

    @pytest.mark.parametrize("reason", [Suppression.MAINTENANCE, Suppression.EXEMPT])
    def test_an_excused_agent_is_set_aside(self, reason: Suppression) -> None:
        verdict = judge(agent(), seen(5, instance=RUNNING, suppression=reason), at(12))
        assert verdict == Verdict(State.SUPPRESSED, aside(reason, seen_at=minute(5)))

    def test_a_stop_says_more_than_an_excuse(self) -> None:
        verdict = judge(agent(), seen(5, instance=DOWN, suppression=Suppression.EXEMPT), at(12))
        assert kept(verdict).suppressed_by is Suppression.STOPPED

    def test_a_reporting_agent_waits_to_be_set_aside_until_its_last_datapoint_is_known(self) -> None:
        assert judge(agent(), unread(DOWN), at(12)) == Verdict(State.SUPPRESSED, agent())
        excused = unread(RUNNING, suppression=Suppression.MAINTENANCE)
        assert judge(agent(), excused, at(12)) == Verdict(State.SUPPRESSED, agent())

    def test_who_stays_aside_for_another_reason_is_noted_with_that(self) -> None:
        verdict = judge(aside(), seen(instance=RUNNING, suppression=Suppression.MAINTENANCE), at(12))
        assert verdict == Verdict(State.SUPPRESSED, aside(Suppression.MAINTENANCE))

    def test_what_an_operator_said_to_forget_stays_forgotten_through_a_stop(self) -> None:
        deleted = aside(Suppression.FORGOTTEN)
        assert judge(deleted, unread(DOWN), at(12)) == Verdict(State.SUPPRESSED, deleted)

    def test_a_gap_that_belongs_to_no_incident_is_dropped(self) -> None:
        verdict = judge(silent_agent(), unread(DOWN), at(30))
        assert verdict == Verdict(State.SUPPRESSED, aside(openings=(minute(7),)))

    def test_a_gap_that_belongs_to_an_incident_is_kept(self) -> None:
        silent = silent_agent(incident="inc-1")
        verdict = judge(silent, seen(20, instance=DOWN), at(30))
        stopped = replace(silent, state=State.SUPPRESSED, suppressed_by=Suppression.STOPPED)
        assert verdict == Verdict(State.SUPPRESSED, stopped)

    def test_an_agent_that_was_set_aside_reports_again_without_a_turn(self) -> None:
        verdict = judge(aside(), seen(100), at(101))
        assert verdict == Verdict(State.REPORTING, agent(seen_at=minute(100)))

    def test_a_datapoint_from_before_it_was_set_aside_is_no_return(self) -> None:
        stopped = aside(seen_at=minute(5))
        assert judge(stopped, seen(5, instance=RUNNING), at(7)) == Verdict(State.SUPPRESSED, stopped)

    def test_an_agent_set_aside_with_an_open_gap_ends_it_when_it_returns(self) -> None:
        stopped = aside(gap=silent_agent().gap, incident="inc-1", openings=(minute(7),))
        assert judge(stopped, seen(100), at(101)) == Verdict(State.SUPPRESSED, stopped)
        back = recovered_agent(back_at=minute(100), seen_at=minute(101))
        assert judge(stopped, seen(100, 101), at(102)) == Verdict(State.REPORTING, back, Transition.ENDED)

    def test_a_silence_that_lasted_through_a_maintenance_window_goes_on_without_a_turn(self) -> None:
        silent = silent_agent(incident="inc-1")
        resting = kept(judge(silent, seen(suppression=Suppression.MAINTENANCE), at(30)))
        assert judge(resting, seen(), at(60)) == Verdict(State.SILENT, silent)

    def test_a_silence_that_began_anew_in_a_maintenance_window_opens_a_gap(self) -> None:
        resting = aside(Suppression.MAINTENANCE, gap=silent_agent().gap, incident="inc-1")
        verdict = judge(resting, seen(40, 41), at(60))
        assert (verdict.transition, kept(verdict).incident) == (Transition.OPENED, "")
        assert kept(verdict).gap == Gap(since=minute(42), opened_at=minute(60))

    def test_a_terminated_instance_leaves_the_roster(self) -> None:
        for remembered in (agent(), silent_agent(), aside(), expected_agent(), Agent("i-0000000a", series())):
            assert judge(remembered, unread(GONE), at(30)) == Verdict(State.SUPPRESSED, None)


class TestItsOwnPeriod:
    """One that publishes every five minutes, in a watch of one minute with a grace of five."""

    @pytest.mark.parametrize(("now", "state"), [(26.5, State.LATE), (30, State.LATE), (30.5, State.SILENT)])
    def test_is_what_its_last_datapoints_show(self, now: float, state: State) -> None:
        known = agent(seen_at=minute(0))
        assert judge(known, seen(0, 5, 10, 15, 20), at(now, MIXED)).state is state

    def test_is_the_watchs_where_it_publishes_every_minute(self) -> None:
        assert judge(agent(), seen(-4, -3, -2, -1, 0), at(6.5, MIXED)).state is State.SILENT

    def test_is_no_longer_for_a_datapoint_that_is_missing_now_and_then(self) -> None:
        assert judge(agent(), seen(-5, -4, -2, -1, 0), at(6.5, MIXED)).state is State.SILENT

    def test_is_no_longer_than_the_watch_allows(self) -> None:
        rules = replace(RULES, longest_period=minute(4) - minute(0))
        assert judge(agent(), seen(0, 5, 10, 15, 20), at(26.5, rules)).state is State.SILENT

    def test_is_what_brings_it_back(self) -> None:
        short = replace(MIXED, grace=timedelta(minutes=1))
        silent = silent_agent(seen_at=minute(0), since=minute(5))
        assert judge(silent, seen(-10, -5, 0, 30), at(31, short)).state is State.SILENT
        verdict = judge(silent, seen(-10, -5, 0, 30, 35), at(35.5, short))
        assert (verdict.state, verdict.transition) == (State.REPORTING, Transition.ENDED)

    def test_is_what_it_comes_back_with(self) -> None:
        short = replace(MIXED, grace=timedelta(minutes=1))
        verdict = judge(silent_agent(), seen(-2, -1, 0, 30, 35, 40, 45), at(45.5, short))
        assert verdict.transition is Transition.ENDED


class TestAnInstanceThatEc2DoesNotKnow:
    def test_one_that_reported_within_the_hour_is_elsewhere_and_its_silence_counts(self) -> None:
        verdict = judge(agent(), seen(0, instance=MISSING), at(30))
        assert (verdict.transition, kept(verdict).is_elsewhere) == (Transition.OPENED, True)

    def test_one_that_is_silent_for_over_an_hour_was_terminated(self) -> None:
        assert judge(agent(), seen(0, instance=MISSING), at(61)) == Verdict(State.SUPPRESSED, None)

    def test_an_hour_itself_is_not_too_long(self) -> None:
        assert kept(judge(agent(), seen(0, instance=MISSING), at(60))).is_elsewhere

    def test_one_that_is_known_to_be_elsewhere_is_judged_by_its_datapoints_alone(self) -> None:
        silent = silent_agent(is_elsewhere=True)
        assert judge(silent, seen(0, instance=MISSING), at(600)) == Verdict(State.SILENT, silent)

    @pytest.mark.parametrize("number", [30, 600])
    def test_one_that_was_never_looked_up_is_not_called_terminated(self, number: int) -> None:
        """It joined while EC2 couldn't be read, and was silent until it could."""
        verdict = judge(agent(is_elsewhere=None), seen(0, instance=MISSING), at(number))
        assert (verdict.transition, kept(verdict).is_elsewhere) == (Transition.OPENED, True)

    def test_one_that_was_never_looked_up_may_be_shown_terminated_or_here(self) -> None:
        unseen = agent(is_elsewhere=None)
        assert judge(unseen, seen(0, instance=Instance(Power.GONE)), at(600)).agent is None
        here = Instance(Power.RUNNING, minute(-600), state="running")
        assert kept(judge(unseen, seen(9, instance=here), at(10))).is_elsewhere is False
        assert kept(judge(unseen, seen(9, instance=UNREADABLE), at(10))).is_elsewhere is None

    def test_one_that_a_tag_has_promised_was_here_and_is_gone(self) -> None:
        assert judge(expected_agent(), nothing(MISSING), at(5)).agent is None
        assert judge(expected_agent(), seen(3, 4, instance=MISSING), at(5)).agent is None

    def test_one_that_was_read_and_never_reported_is_gone_even_if_it_is_exempt(self) -> None:
        assert judge(agent(seen_at=None), nothing(MISSING, Suppression.EXEMPT), at(5)).agent is None
        assert judge(agent(seen_at=None), unread(MISSING, Suppression.EXEMPT), at(5)).agent is not None

    def test_one_whose_datapoints_could_not_be_read_is_not_gone(self) -> None:
        assert judge(agent(seen_at=None), unread(MISSING), at(600)).state is State.UNKNOWN

    @pytest.mark.parametrize("instance", [UNMANAGED, Instance(Power.UNREADABLE)])
    def test_where_it_is_stays_known_while_ec2_says_nothing(self, instance: Instance) -> None:
        assert kept(judge(agent(is_elsewhere=True), seen(9, instance=instance), at(10))).is_elsewhere
        assert not kept(judge(agent(), seen(9, instance=instance), at(10))).is_elsewhere

    def test_one_that_ec2_shows_after_all_is_not_elsewhere(self) -> None:
        here = Instance(Power.RUNNING, minute(-600), state="running")
        assert not kept(judge(agent(is_elsewhere=True), seen(0, instance=here), at(30))).is_elsewhere


class TestWarmUp:
    STARTED = Instance(Power.RUNNING, minute(100))

    def test_a_restarted_instance_may_warm_up_before_its_agent_is_due(self) -> None:
        warming = aside(Suppression.WARMING_UP)
        assert judge(aside(), seen(instance=self.STARTED), at(116)) == Verdict(State.SUPPRESSED, warming)
        verdict = judge(warming, seen(instance=self.STARTED), at(117))
        assert verdict.transition is Transition.OPENED
        assert kept(verdict).gap == Gap(since=minute(111), opened_at=minute(117))

    def test_an_agent_that_publishes_every_hour_is_due_an_hour_after_it_is_warm(self) -> None:
        hourly = Timing(minute(150), Rules(period=timedelta(hours=1), grace=GRACE))
        verdict = judge(aside(), seen(instance=self.STARTED), hourly)
        assert verdict == Verdict(State.SUPPRESSED, aside(Suppression.WARMING_UP))

    def test_a_restart_within_the_grace_sets_the_agent_aside_until_it_is_warm(self) -> None:
        verdict = judge(agent(), seen(0, instance=Instance(Power.RUNNING, minute(2))), at(7))
        assert verdict == Verdict(State.SUPPRESSED, aside(Suppression.WARMING_UP))

    def test_a_silent_agent_is_not_excused_by_a_restart(self) -> None:
        assert judge(silent_agent(), seen(instance=self.STARTED), at(105)) == Verdict(State.SILENT, silent_agent())


class TestNeverReported:
    LAUNCHED = Instance(Power.RUNNING, minute(-3))

    def test_it_is_set_aside_while_its_instance_warms_up(self) -> None:
        warming = expected_agent(state=State.SUPPRESSED, suppressed_by=Suppression.WARMING_UP)
        assert judge(expected_agent(), nothing(self.LAUNCHED), at(12)) == Verdict(State.SUPPRESSED, warming)

    def test_it_is_silent_once_its_instance_was_warm_for_longer_than_the_grace(self) -> None:
        verdict = judge(expected_agent(), nothing(self.LAUNCHED), at(13.1))
        gap = Gap(since=minute(8), opened_at=minute(13.1))
        silent = expected_agent(state=State.SILENT, gap=gap, openings=(minute(13.1),))
        assert verdict == Verdict(State.SILENT, silent, Transition.OPENED)

    def test_without_a_launch_time_it_is_expected_since_it_was_first_met(self) -> None:
        assert judge(expected_agent(), nothing(), at(16)).state is State.SUPPRESSED
        verdict = judge(expected_agent(), nothing(), at(16.1))
        assert kept(verdict).gap == Gap(since=minute(11), opened_at=minute(16.1))

    def test_it_is_not_expected_before_it_was_met(self) -> None:
        assert judge(expected_agent(), nothing(RUNNING), at(-1)).state is State.SUPPRESSED

    def test_a_guess_at_its_series_is_not_remembered(self) -> None:
        assert kept(judge(expected_agent(), seen(instance=RUNNING), at(60))).series is None

    def test_it_is_never_forgotten(self) -> None:
        silent = kept(judge(expected_agent(), nothing(RUNNING), at(60)))
        assert judge(silent, nothing(RUNNING), at(3 * FORTNIGHT)) == Verdict(State.SILENT, silent)

    def test_a_stop_sets_it_aside_though_there_is_nothing_to_read(self) -> None:
        stopped = expected_agent(state=State.SUPPRESSED, suppressed_by=Suppression.STOPPED)
        assert judge(expected_agent(), unread(DOWN), at(60)) == Verdict(State.SUPPRESSED, stopped)

    def test_its_first_datapoint_makes_it_one_like_the_others(self) -> None:
        warming = expected_agent(state=State.SUPPRESSED, suppressed_by=Suppression.WARMING_UP)
        for remembered in (expected_agent(), warming):
            verdict = judge(remembered, seen(9), at(10))
            assert verdict == Verdict(State.REPORTING, agent(seen_at=minute(9)))

    def test_its_first_datapoints_end_its_gap(self) -> None:
        silent = kept(judge(expected_agent(), nothing(RUNNING), at(30)))
        assert judge(silent, seen(40), at(41)) == Verdict(State.SILENT, silent)
        verdict = judge(silent, seen(40, 41), at(42))
        assert verdict.transition is Transition.ENDED
        assert kept(verdict).series == series()
        assert kept(verdict).gap == Gap(since=START, opened_at=minute(30), ended_at=minute(40))


class TestForgetting:
    def test_an_agent_is_forgotten_after_two_weeks_of_silence(self) -> None:
        assert judge(silent_agent(), seen(), at(FORTNIGHT)) == Verdict(State.SILENT, silent_agent())
        assert judge(silent_agent(), seen(), at(FORTNIGHT + 1)) == Verdict(State.SILENT, None)

    def test_an_agent_that_was_set_aside_is_forgotten_as_soon(self) -> None:
        assert judge(aside(), unread(DOWN), at(FORTNIGHT + 1)) == Verdict(State.SUPPRESSED, None)
        excused = seen(instance=RUNNING, suppression=Suppression.EXEMPT)
        assert judge(aside(), excused, at(FORTNIGHT + 1)) == Verdict(State.SUPPRESSED, None)
        assert judge(aside(), seen(instance=RUNNING), at(FORTNIGHT + 1)) == Verdict(State.SILENT, None)

    def test_an_excused_agent_that_was_not_read_is_not_forgotten(self) -> None:
        resting = aside(Suppression.MAINTENANCE)
        excused = unread(RUNNING, suppression=Suppression.MAINTENANCE)
        assert judge(resting, excused, at(FORTNIGHT + 1)) == Verdict(State.SUPPRESSED, resting)

    def test_an_instance_that_starts_after_two_weeks_is_given_its_warm_up(self) -> None:
        started = seen(instance=Instance(Power.RUNNING, minute(FORTNIGHT - 5)))
        assert judge(aside(), started, at(FORTNIGHT + 1)).agent == aside(Suppression.WARMING_UP)
        assert judge(aside(), started, at(FORTNIGHT + 12)).transition is Transition.OPENED

    @pytest.mark.parametrize(
        ("remembered", "instance"), [(silent_agent(expected_since=START), RUNNING), (silent_agent(), TAGGED)]
    )
    def test_an_agent_that_its_instances_tag_promises_is_not_forgotten(
        self, remembered: Agent, instance: Instance
    ) -> None:
        verdict = judge(remembered, seen(instance=instance), at(FORTNIGHT + 1))
        assert verdict == Verdict(State.SILENT, remembered)

    def test_a_silence_that_nobody_was_told_of_is_not_forgotten_first(self) -> None:
        assert judge(agent(), seen(), at(FORTNIGHT + 1)).transition is Transition.OPENED


class TestFlapping:
    def test_the_fourth_gap_in_an_hour_is_flapping(self) -> None:
        thrice = agent(openings=(minute(10), minute(30), minute(50)))
        verdict = judge(thrice, seen(60), at(70))
        assert (kept(verdict).is_flapping, verdict.transition) == (True, Transition.OPENED)
        assert kept(verdict).openings == (minute(10), minute(30), minute(50), minute(70))

    def test_gaps_from_more_than_an_hour_ago_do_not_count(self) -> None:
        thrice = agent(openings=(minute(9), minute(30), minute(50)))
        silent = kept(judge(thrice, seen(60), at(70)))
        assert (silent.is_flapping, silent.openings) == (False, (minute(30), minute(50), minute(70)))

    def test_an_agent_that_flaps_is_calm_once_it_reports_an_hour_after_its_last_gap(self) -> None:
        restless = agent(openings=(minute(10), minute(30), minute(50), minute(70)), is_flapping=True)
        assert judge(restless, seen(129), at(130)) == Verdict(State.REPORTING, restless)
        assert judge(restless, seen(130), at(131)) == Verdict(State.REPORTING, replace(restless, is_flapping=False))
        assert judge(restless, seen(130), at(135)) == Verdict(State.LATE, replace(restless, is_flapping=False))

    def test_one_that_has_been_silent_for_an_hour_no_longer_flaps(self) -> None:
        restless = silent_agent(is_flapping=True)
        assert judge(restless, seen(), at(67)) == Verdict(State.SILENT, restless)
        assert judge(restless, seen(), at(67.1)) == Verdict(State.SILENT, replace(restless, is_flapping=False))

    def test_a_new_gap_does_not_calm_it(self) -> None:
        assert kept(judge(agent(openings=(minute(7),), is_flapping=True), seen(), at(600))).is_flapping

    def test_its_return_after_a_long_silence_calms_it(self) -> None:
        verdict = judge(silent_agent(is_flapping=True), seen(600, 601), at(602))
        assert (verdict.transition, kept(verdict).is_flapping) == (Transition.ENDED, False)


REMEMBERED = [
    agent(),
    agent(openings=(minute(-30), minute(-20), minute(-10))),
    agent(openings=(minute(-90),), is_flapping=True),
    silent_agent(),
    silent_agent(incident="inc-1"),
    recovered_agent(back_at=minute(20), seen_at=minute(21)),
    aside(),
    aside(Suppression.MAINTENANCE, gap=silent_agent().gap, incident="inc-1"),
    aside(Suppression.FORGOTTEN),
    Agent("i-0000000a", series()),
    expected_agent(),
    expected_agent(state=State.SILENT, gap=Gap(minute(10), minute(16)), openings=(minute(16),)),
]
remembered_agents = st.sampled_from(REMEMBERED)
instances = st.sampled_from([UNMANAGED, RUNNING, TAGGED, DOWN, UNREADABLE, Instance(Power.RUNNING, minute(50))])
rests = st.sampled_from([None, *Suppression])
datapoints = st.lists(st.integers(-10, 200), max_size=12).map(lambda some: tuple(map(minute, sorted(set(some)))))
moments = st.one_of(st.integers(-60, 300), st.integers(FORTNIGHT - 10, FORTNIGHT + 310)).map(at)


class TestEveryVerdict:
    @given(remembered_agents, instances, rests, moments)
    def test_what_could_not_be_read_opens_and_ends_no_gap(
        self, remembered: Agent, instance: Instance, suppression: Suppression | None, moment: Timing
    ) -> None:
        verdict = judge(remembered, unread(instance, suppression), moment)
        assert verdict.transition is None
        assert verdict.state in (State.UNKNOWN, State.SUPPRESSED)

    @given(remembered_agents, instances, rests, st.one_of(st.none(), datapoints), moments)
    def test_what_is_unknown_changes_nothing(
        self,
        remembered: Agent,
        instance: Instance,
        suppression: Suppression | None,
        seen_at: tuple[datetime, ...] | None,
        moment: Timing,
    ) -> None:
        verdict = judge(remembered, Evidence(series(), seen_at, instance, suppression), moment)
        assert verdict.state is not State.UNKNOWN or verdict == Verdict(State.UNKNOWN, remembered)

    @given(remembered_agents, instances, rests, st.one_of(st.none(), datapoints), moments)
    def test_judging_again_at_once_changes_and_turns_nothing(
        self,
        remembered: Agent,
        instance: Instance,
        suppression: Suppression | None,
        seen_at: tuple[datetime, ...] | None,
        moment: Timing,
    ) -> None:
        evidence = Evidence(series(), seen_at, instance, suppression)
        first = judge(remembered, evidence, moment)
        if first.agent is not None:
            assert judge(first.agent, evidence, moment) == Verdict(first.state, first.agent)

    @given(remembered_agents, instances, rests, datapoints, moments)
    def test_what_is_remembered_is_one_of_three_states_with_what_belongs_to_it(
        self,
        remembered: Agent,
        instance: Instance,
        suppression: Suppression | None,
        seen_at: tuple[datetime, ...],
        moment: Timing,
    ) -> None:
        verdict = judge(remembered, Evidence(series(), seen_at, instance, suppression), moment)
        after = verdict.agent
        if after is not None:
            assert after.state in (State.REPORTING, State.SILENT, State.SUPPRESSED)
            assert (after.state is State.SUPPRESSED) == (after.suppressed_by is not None)
            assert after.state is not State.SILENT or (after.gap is not None and after.gap.is_open)
            assert after.state is not State.REPORTING or after.gap is None or not after.gap.is_open
            stays = verdict.transition is not Transition.OPENED or remembered.is_flapping
            assert after.incident == (remembered.incident if stays else "")


def run_each_minute(
    published: Sequence[tuple[datetime, datetime]], rules: Rules, *, until: datetime, offset_s: float = 0
) -> list[tuple[datetime, Transition, Agent]]:
    """The turns of an agent whose datapoints are (when, queryable from), in time order, over a run each minute.

    As a run does, it looks at the newest datapoints first, and further back before an agent is called silent or back.
    """
    remembered, turns = agent(), []
    now = START + timedelta(seconds=offset_s)
    while now <= until:
        moment = Timing(now, rules)
        seen_at = shown(published, moment.usual_window, now)
        if remembered.state is State.SILENT or not moment.is_on_time(seen_at):
            seen_at = shown(published, moment.recent_window, now)
        verdict = judge(remembered, Evidence(series(), seen_at), moment)
        remembered = kept(verdict)
        if verdict.transition:
            turns.append((now, verdict.transition, remembered))
        now += timedelta(minutes=1)
    return turns


def shown(published: Sequence[tuple[datetime, datetime]], window: Window, now: datetime) -> tuple[datetime, ...]:
    first, end = (bisect_left(published, edge, key=lambda one: one[0]) for edge in (window.start, window.end))
    return tuple(time for time, queryable_from in published[first:end] if queryable_from <= now)


def at_times(times: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    return [(time, time) for time in times]


periods = st.one_of(st.sampled_from([1, 10, 60, 300, 3600]), st.integers(1, 3600)).map(
    lambda seconds: timedelta(seconds=seconds)
)


class TestHistory:
    @given(st.data(), periods, st.integers(0, 900), st.integers(1, 4), st.floats(0, 59))
    def test_every_long_silence_opens_one_gap_and_the_return_ends_it(
        self, choose: st.DataObject, period: timedelta, grace_s: int, recover_after: int, offset_s: float
    ) -> None:
        rules = Rules(period, timedelta(seconds=grace_s), recover_after=recover_after)
        run = timedelta(minutes=1)
        shortest = rules.grace + run + timedelta(seconds=1)  # overdue for so long that some run must see it
        lengths = choose.draw(st.lists(st.integers(0, 3600).map(lambda s: shortest + timedelta(seconds=s)), max_size=3))
        talk = recover_after + -(-run // period)  # enough datapoints for some run to see the agent back
        beginnings = [*accumulate(lengths, lambda time, length: time + (talk + 1) * period + length, initial=START)]
        blocks = [[start + number * period for number in range(talk + 1)] for start in beginnings]
        until = blocks[-1][-1]
        turns = run_each_minute(at_times(chain.from_iterable(blocks)), rules, until=until, offset_s=offset_s)
        silences = [(one[-1] + period, back[0]) for one, back in pairwise(blocks)]
        assert [turn for _, turn, _ in turns] == [Transition.OPENED, Transition.ENDED] * len(silences)
        gaps = [one.gap for _, turn, one in turns if turn is Transition.ENDED]
        assert [(gap.since, gap.ended_at) for gap in gaps if gap] == silences

    @given(st.data(), periods, st.integers(0, 900), st.floats(0, 59))
    def test_datapoints_delayed_by_less_than_the_grace_open_no_gap(
        self, choose: st.DataObject, period: timedelta, grace_s: int, offset_s: float
    ) -> None:
        rules = Rules(period, timedelta(seconds=grace_s))
        delays = choose.draw(st.lists(st.integers(0, grace_s).map(lambda s: timedelta(seconds=s)), min_size=2))
        times = [START + number * period for number in range(len(delays) + 1)]
        delayed = [(time, time + delay) for time, delay in zip(times[1:], delays, strict=True)]
        assert run_each_minute([(START, START), *delayed], rules, until=times[-1], offset_s=offset_s) == []

    @given(st.sets(st.integers(1, 80)))
    def test_with_one_datapoint_to_return_every_silence_has_its_own_gap_and_length(self, reported: set[int]) -> None:
        published = at_times(minute(number) for number in sorted({0, *reported}))
        turns = run_each_minute(published, AT_ONCE, until=minute(80.5), offset_s=30)
        ends = [*sorted({0, *reported}), 81]
        silences = [(last, back) for last, back in pairwise(ends) if back - last >= 7]
        assert [now for now, turn, _ in turns if turn is Transition.OPENED] == [
            minute(last + 6.5) for last, _ in silences
        ]
        ended = [one.gap.length(now) for now, turn, one in turns if turn is Transition.ENDED and one.gap]
        assert ended == [timedelta(minutes=back - last - 1) for last, back in silences if back <= 80]

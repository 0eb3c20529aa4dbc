"""The probes of the event path: which record proves it, and when silence says something."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.event_path.denial import DeniedBy, DryRunDenial
from lifeline.core.event_path.dry_run import DryRun, DryRunVerdict
from lifeline.core.event_path.proof import ALARM_SECONDS, ENDED_FOR, PATIENCE, UNPROVEN, EventPath, figure, why_unknown

T0 = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
WOULD_SUCCEED = "Request would have succeeded, but DryRun flag is set."
SCP = DryRunDenial(DeniedBy.SERVICE_CONTROL_POLICY, words="no")


def allowed(request_id: str) -> DryRun:
    return DryRun("DryRunOperation", WOULD_SUCCEED, request_id)


def denied(request_id: str) -> DryRun:
    return DryRun("UnauthorizedOperation", "You are not authorized", request_id)


def asked(*times: timedelta, state: EventPath = UNPROVEN) -> EventPath:
    """Dry runs so long after T0, whose request IDs are r0, r1 and so on."""
    for number, after in enumerate(times):
        state = state.asked(allowed(f"r{number}"), T0 + after)
    return state


def test_the_record_with_the_request_id_of_a_dry_run_proves_the_path_and_says_how_long_it_took() -> None:
    state = asked(timedelta(0)).heard("r0", T0, T0 + 2.4 * SECOND)
    assert state.proven_at == T0
    assert state.seconds == pytest.approx(2.4)
    assert state.newly_heard(asked(timedelta(0)))[0].request_id == "r0"


def test_event_time_is_in_whole_seconds_so_that_a_fast_record_took_no_less_than_nothing() -> None:
    assert asked(timedelta(0)).heard("r0", T0 + SECOND, T0 + 0.4 * SECOND).seconds == 0


@pytest.mark.parametrize(
    ("request_id", "called_at"),
    [("r9", T0), ("", T0), ("r0", T0 - HOUR), ("r0", T0 + HOUR)],
    ids=["another call", "no call", "long before", "long after"],
)
def test_a_record_that_only_claims_to_be_a_dry_run_proves_nothing(request_id: str, called_at: datetime) -> None:
    state = asked(timedelta(0))
    assert state.heard(request_id, called_at, called_at + SECOND) == state


def test_the_same_record_twice_counts_once() -> None:
    once = asked(timedelta(0)).heard("r0", T0, T0 + SECOND)
    assert once.heard("r0", T0, T0 + HOUR) == once


def test_a_late_record_of_an_earlier_dry_run_does_not_replace_the_later_proof() -> None:
    state = asked(timedelta(0), HOUR).heard("r1", T0 + HOUR, T0 + HOUR + SECOND)
    late = state.heard("r0", T0, T0 + HOUR + MINUTE)
    assert (late.proven_at, late.seconds) == (T0 + HOUR, 1.0)
    assert late.probes[1].seconds == 3660


# ---- silence


def test_one_dry_run_that_is_not_heard_says_nothing() -> None:
    state = asked(timedelta(0))
    assert not state.is_broken(T0 + 24 * HOUR)
    assert state.unheard_seconds(T0 + 24 * HOUR) is None


def test_two_in_a_row_do_once_the_second_has_had_its_fifteen_minutes_too() -> None:
    state = asked(timedelta(0), HOUR)
    assert not state.is_broken(T0 + HOUR + 14 * MINUTE)
    assert state.is_broken(T0 + HOUR + 15 * MINUTE)
    assert state.unheard_seconds(T0 + HOUR + 15 * MINUTE) == 75 * 60


def test_the_alarms_threshold_is_reached_by_two_that_were_made_as_soon_as_may_be_and_not_before() -> None:
    first = asked(timedelta(0))
    assert not first.is_due(T0 + 14 * MINUTE)
    assert first.is_due(T0 + 15 * MINUTE)
    state = asked(timedelta(0), 15 * MINUTE)
    assert state.unheard_seconds(T0 + 30 * MINUTE) == ALARM_SECONDS
    assert figure(ALARM_SECONDS) is None
    assert figure(ALARM_SECONDS - 1) == ALARM_SECONDS - 1


def test_one_that_was_heard_between_two_that_were_not_breaks_the_row() -> None:
    state = asked(timedelta(0), HOUR, 2 * HOUR).heard("r1", T0 + HOUR, T0 + HOUR + SECOND)
    assert not state.is_broken(T0 + 5 * HOUR)
    assert [probe.request_id for probe in state.unheard(T0 + 5 * HOUR)] == ["r2"]


def test_a_late_record_ends_the_silence() -> None:
    state = asked(timedelta(0), HOUR)
    assert not state.heard("r1", T0 + HOUR, T0 + 2 * HOUR).is_broken(T0 + 2 * HOUR)


def test_people_are_told_once_and_again_only_eight_hours_after_it_was_mended() -> None:
    now = T0 + 3 * HOUR
    assert UNPROVEN.is_news(now)
    state = asked(timedelta(0), HOUR).announced(now)
    assert (state.is_news(now), state.is_mended(now)) == (False, False)
    heard = state.heard("r1", T0 + HOUR, now)
    assert heard.is_mended(now)
    mended = heard.mended(now)
    assert mended.notified_at is None
    assert [mended.is_news(now + ENDED_FOR - SECOND), mended.is_news(now + ENDED_FOR)] == [False, True]
    assert not UNPROVEN.is_mended(now)


def test_whoever_lets_no_dry_run_be_made_for_a_while_causes_no_more_news() -> None:
    now = T0 + 2 * HOUR
    off = asked(timedelta(0), HOUR).announced(now).unasked("there is no VPC here").unasked("there is no VPC here")
    assert [off.is_news(now + ENDED_FOR - SECOND), off.is_news(now + ENDED_FOR)] == [False, True]


def test_what_was_lost_while_dry_runs_were_not_heard_says_nothing_more_and_what_was_lost_after_it_does() -> None:
    now = T0 + 3 * HOUR
    broken = asked(timedelta(0), HOUR)
    assert not UNPROVEN.was_silent(T0, now)
    assert not asked(timedelta(0)).was_silent(T0, now)
    assert broken.was_silent(T0, now)
    mended = broken.announced(now).heard("r1", T0 + HOUR, now).mended(now)
    assert mended.was_silent(T0 + 2 * HOUR, now + HOUR)
    assert not mended.was_silent(now, now + 30 * HOUR)


def test_silence_is_as_long_as_it_is_however_few_dry_runs_are_kept() -> None:
    state = asked(*(number * HOUR for number in range(72)))
    now = T0 + 72 * HOUR
    assert (state.silent_since(now), state.unheard_seconds(now)) == (T0, 72 * 3600)
    assert len(state.probes) < 10
    late = state.heard("r70", T0 + 70 * HOUR, now)
    assert late.silent_since(now) is None
    again = late.asked(allowed("r72"), now)
    assert again.silent_since(now + HOUR) == T0 + 71 * HOUR
    assert again.heard("r72", now, now + SECOND).unheard_since is None


def test_a_state_that_was_saved_without_since_when_counts_from_what_it_has() -> None:
    old = replace(asked(timedelta(0), HOUR), unheard_since=None)
    assert old.silent_since(T0 + 2 * HOUR) == T0
    assert old.asked(allowed("r2"), T0 + 2 * HOUR).unheard_since == T0


# ---- the role


def test_a_denial_is_heard_as_well_and_the_next_dry_run_waits_for_a_day() -> None:
    state = UNPROVEN.asked(denied("r0"), T0, SCP)
    assert (state.verdict, state.denial) == (DryRunVerdict.DENIED, SCP)
    assert not state.is_due(T0 + 23 * HOUR)
    assert state.is_due(T0 + 24 * HOUR)
    assert state.heard("r0", T0, T0 + SECOND).proven_at == T0


def test_a_denial_by_the_same_kind_of_policy_is_no_news_and_one_by_another_is() -> None:
    told = replace(UNPROVEN.asked(denied("r0"), T0, SCP), denial_notified_at=T0)
    again = told.asked(denied("r1"), T0 + 24 * HOUR, replace(SCP, words="still no"))
    assert again.denial_notified_at == T0
    boundary = DryRunDenial(DeniedBy.PERMISSIONS_BOUNDARY)
    assert told.asked(denied("r1"), T0 + 24 * HOUR, boundary).denial_notified_at is None
    mended = told.asked(allowed("r1"), T0 + 24 * HOUR)
    assert (mended.verdict, mended.denial, mended.denial_notified_at) == (DryRunVerdict.ALLOWED, None, None)
    assert mended.asked(denied("r2"), T0 + 25 * HOUR, SCP).denial_notified_at is None


def test_what_no_rule_lets_through_is_not_waited_for() -> None:
    said = DryRun("InvalidSubnetID.NotFound", "The subnet ID 'subnet-1' does not exist", "r0")
    state = UNPROVEN.asked(said, T0, why=why_unknown(said))
    assert state.probes == ()
    assert state.verdict is DryRunVerdict.UNKNOWN
    assert "InvalidSubnetID.NotFound" in state.why


def test_a_refusal_for_a_taken_name_is_heard_and_says_nothing_of_the_role() -> None:
    said = DryRun("InvalidParameter", "private-dns-enabled cannot be set", "r0")
    state = UNPROVEN.asked(said, T0, why=why_unknown(said))
    assert [probe.request_id for probe in state.probes] == ["r0"]
    assert state.verdict is DryRunVerdict.UNKNOWN


def test_of_the_group_that_comes_first_a_denial_is_one_and_what_is_allowed_says_nothing_of_the_endpoint() -> None:
    group = replace(allowed("r0"), call="CreateSecurityGroup")
    state = UNPROVEN.asked(group, T0, why=why_unknown(group))
    assert (state.verdict, state.why) == (DryRunVerdict.UNKNOWN, "")
    assert "security group isn't there yet" in why_unknown(group)
    assert not why_unknown(replace(denied("r0"), call="CreateSecurityGroup"))


def test_the_dry_runs_of_the_group_are_two_in_a_row_within_two_sweeps_like_those_of_endpoints() -> None:
    state = UNPROVEN
    for number in range(2):
        assert state.is_due(T0 + number * HOUR)
        group = replace(allowed(f"r{number}"), call="CreateSecurityGroup")
        state = state.asked(group, T0 + number * HOUR, why=why_unknown(group))
    assert state.is_broken(T0 + HOUR + PATIENCE)


def test_of_the_group_no_rule_lets_another_refusal_through() -> None:
    said = DryRun("InvalidParameter", "no", "r0", call="CreateSecurityGroup")
    assert not said.is_recorded
    assert replace(said, call="CreateVpcEndpoint").is_recorded


def test_where_no_dry_run_can_be_made_nothing_is_known_and_nothing_is_bad() -> None:
    state = asked(timedelta(0)).unasked("there is no VPC here")
    assert (state.verdict, state.why) == (DryRunVerdict.UNKNOWN, "there is no VPC here")
    assert not state.is_broken(T0 + 48 * HOUR)
    assert state.asked(allowed("r1"), T0 + HOUR).why == ""


def test_once_no_dry_run_can_be_made_the_old_silence_says_nothing_any_more_nor_when_they_are_made_again() -> None:
    broken = asked(timedelta(0), HOUR).announced(T0 + 2 * HOUR)
    off = broken.unasked("the policy turns the dry runs off")
    assert (off.is_broken(T0 + 48 * HOUR), off.notified_at, off.unheard_since) == (False, None, None)
    on = off.asked(allowed("r2"), T0 + 48 * HOUR)
    assert not on.is_broken(T0 + 49 * HOUR)
    assert on.asked(allowed("r3"), T0 + 49 * HOUR).silent_since(T0 + 50 * HOUR) == T0 + 48 * HOUR


def test_once_ec2_only_refuses_what_no_rule_lets_through_the_old_silence_says_nothing_any_more() -> None:
    broken = asked(timedelta(0), HOUR).announced(T0 + 2 * HOUR)
    full = DryRun("VpcEndpointLimitExceeded", "The maximum number of VPC endpoints has been reached.", "r2")
    state = broken.asked(full, T0 + 2 * HOUR, why=why_unknown(full))
    assert (state.is_broken(T0 + 48 * HOUR), state.notified_at, state.unheard_since) == (False, None, None)
    assert state.asked_at == T0 + 2 * HOUR
    assert "VpcEndpointLimitExceeded" in state.why
    again = state.asked(allowed("r3"), T0 + 3 * HOUR)
    assert not again.is_broken(T0 + 24 * HOUR)


def test_a_sweep_that_only_puts_its_dry_run_off_forgets_no_silence() -> None:
    late = asked(timedelta(0), HOUR).put_off("the sweep's time was up")
    assert late.is_broken(T0 + 2 * HOUR)
    assert late.why == "the sweep's time was up"

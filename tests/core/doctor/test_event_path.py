"""Whether events arrive, by what became of dry runs and by what was heard of a day's changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lifeline.core.doctor.event_path import check_comparison, check_event_path
from lifeline.core.doctor.finding import CheckVerdict, NotRead
from lifeline.core.event_path.comparison import Comparison, Comparisons
from lifeline.core.event_path.denial import DeniedBy, DryRunDenial
from lifeline.core.event_path.dry_run import OF_GROUP, DryRun, DryRunVerdict
from lifeline.core.event_path.proof import EventPath, why_unknown

NOW = datetime(2026, 11, 29, 13, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALLOWED = DryRun("DryRunOperation", "would have succeeded", "req-1")
DENIED = NotRead("AccessDeniedException: no")


def probed(*ago: timedelta, heard: bool = True) -> EventPath:
    """After dry runs so long ago, the latest last; `heard` is whether the first of them was."""
    state = EventPath()
    for number, one in enumerate(ago):
        state = state.asked(replace(ALLOWED, request_id=f"req-{number}"), NOW - one)
        if heard and number == 0:
            state = state.heard("req-0", NOW - one, NOW - one + timedelta(seconds=4))
    return state


def test_a_dry_run_that_was_heard_proves_the_path_with_its_seconds() -> None:
    found = check_event_path(probed(HOUR), NOW, HOUR)
    assert found.verdict is CheckVerdict.OK
    assert found.says == "The event of a dry run made 1 h ago arrived 4 s after its call."


def test_one_that_may_still_come_changes_nothing() -> None:
    assert check_event_path(probed(HOUR, timedelta(minutes=5)), NOW, HOUR).verdict is CheckVerdict.OK


def test_one_that_was_not_heard_means_nothing_yet_and_two_in_a_row_are_a_fault() -> None:
    assert check_event_path(probed(3 * HOUR, HOUR), NOW, HOUR).verdict is CheckVerdict.UNKNOWN
    found = check_event_path(probed(3 * HOUR, 2 * HOUR, HOUR), NOW, HOUR)
    assert found.verdict is CheckVerdict.BAD
    assert "2 dry runs in a row didn't arrive. The last that was heard was made 3 h ago." in found.says
    assert "None ever was." in check_event_path(probed(2 * HOUR, HOUR, heard=False), NOW, HOUR).says


def test_without_a_dry_run_it_is_unknown_and_says_why() -> None:
    assert "No sweep has made one yet" in check_event_path(EventPath(), NOW, HOUR).why
    assert check_event_path(EventPath().unasked("there is no VPC here"), NOW, HOUR).why == "There is no VPC here."
    assert "15 minutes" in check_event_path(probed(timedelta(minutes=1), heard=False), NOW, HOUR).why
    assert check_event_path(DENIED, NOW, HOUR).why == DENIED.why


def test_what_a_dry_run_cannot_say_of_the_role_is_no_reason_why_its_event_is_missing() -> None:
    group = replace(ALLOWED, request_id="req-0", call=OF_GROUP)
    state = EventPath().asked(group, NOW - 5 * HOUR, why=why_unknown(group))
    assert state.why == ""
    assert state.verdict is DryRunVerdict.UNKNOWN
    heard = state.heard("req-0", NOW - 5 * HOUR, NOW - 5 * HOUR + timedelta(seconds=4))
    assert "No sweep has made one since." in check_event_path(heard, NOW, HOUR).why


def compared(happened: int, heard: int, *missed: str) -> Comparisons:
    last = Comparison(NOW - 25 * HOUR, NOW - HOUR, happened=happened, heard=heard, missed=missed)
    return Comparisons(last=last)


def test_a_days_changes_are_counted_and_losses_named() -> None:
    whole = check_comparison(compared(43, 43), NOW)
    assert whole is not None
    assert whole.verdict is CheckVerdict.OK
    some = check_comparison(compared(43, 41, "DeleteRoute 1a", "CreateRoute 2b"), NOW)
    assert some is not None
    assert some.verdict is CheckVerdict.UNKNOWN
    assert "Of 43 changes" in some.says
    assert "41 were heard" in some.says
    assert "DeleteRoute 1a, CreateRoute 2b" in some.why


def test_a_day_of_which_nothing_was_heard_is_a_fault_and_one_without_changes_is_none() -> None:
    nothing, quiet = check_comparison(compared(7, 0), NOW), check_comparison(compared(0, 0), NOW)
    assert nothing is not None
    assert quiet is not None
    assert (nothing.verdict, quiet.verdict) == (CheckVerdict.BAD, CheckVerdict.OK)


def test_a_rule_through_which_nothing_came_is_a_fault_though_others_were_heard() -> None:
    known = compared(43, 12)
    assert known.last is not None
    by_rule = replace(known.last, happened_by={"RoutingRule": 31, "FilterRule": 12}, heard_by={"FilterRule": 12})
    found = check_comparison(replace(known, last=by_rule), NOW)
    assert found is not None
    assert found.verdict is CheckVerdict.BAD
    assert "12 were heard. Too few: none of 31 through RoutingRule." in found.says
    assert "RoutingRule" in found.remedy
    one = replace(by_rule, happened=13, happened_by={"RoutingRule": 1, "FilterRule": 12})
    single = check_comparison(replace(known, last=one), NOW)
    assert single is not None
    assert single.verdict is CheckVerdict.UNKNOWN


def test_hardly_any_of_many_is_a_fault_of_the_whole_path() -> None:
    found = check_comparison(compared(4000, 1), NOW)
    assert found is not None
    assert found.verdict is CheckVerdict.BAD
    assert "a trail, the rules, the queue's policy" in found.remedy
    few = check_comparison(compared(19, 1), NOW)
    assert few is not None
    assert few.verdict is CheckVerdict.UNKNOWN


def test_before_the_first_comparison_there_is_nothing_to_say() -> None:
    assert check_comparison(Comparisons(), NOW) is None
    unread = check_comparison(DENIED, NOW)
    assert unread is not None
    assert unread.verdict is CheckVerdict.UNKNOWN


def test_an_old_proof_is_no_proof_of_today_and_says_why_there_is_none_since() -> None:
    found = check_event_path(probed(4 * HOUR), NOW, HOUR)
    assert found.verdict is CheckVerdict.UNKNOWN
    assert "made 4 h ago" in found.says
    assert "SweepSchedule" in found.why
    off = check_event_path(probed(60 * 24 * HOUR).unasked("the policy turns the dry runs off"), NOW, HOUR)
    assert (off.verdict, off.why) == (CheckVerdict.UNKNOWN, "The policy turns the dry runs off.")


def test_after_a_denial_the_next_dry_run_is_a_day_later_and_a_proof_lasts_as_long() -> None:
    denied = replace(ALLOWED, code="UnauthorizedOperation")
    for ago, verdict in ((30, CheckVerdict.OK), (60, CheckVerdict.UNKNOWN)):
        at = NOW - ago * HOUR
        state = EventPath().asked(denied, at, DryRunDenial(DeniedBy.NOT_SAID)).heard("req-1", at, at)
        assert check_event_path(state, NOW, HOUR).verdict is verdict


def test_where_sweeps_are_rarer_a_proof_lasts_longer_and_with_frequent_ones_no_shorter() -> None:
    for pause, lasts, ends in ((24, 49, 50), (6, 13, 14), (0, 3, 4)):
        found = [check_event_path(probed(ago * HOUR), NOW, pause * HOUR).verdict for ago in (lasts, ends)]
        assert found == [CheckVerdict.OK, CheckVerdict.UNKNOWN]


def test_a_comparison_of_long_ago_is_not_ok_and_one_of_some_changes_says_so() -> None:
    old = Comparison(NOW - 100 * HOUR, NOW - 76 * HOUR, happened=9, heard=9)
    found = check_comparison(Comparisons(last=old, why="LookupEvents: AccessDenied"), NOW)
    assert found is not None
    assert (found.verdict, found.why) == (CheckVerdict.UNKNOWN, "LookupEvents: AccessDenied")
    cut = check_comparison(Comparisons(last=replace(old, until=NOW - HOUR, cut=("CreateTags",))), NOW)
    assert cut is not None
    assert cut.verdict is CheckVerdict.OK
    assert "too many to compare them all of CreateTags" in cut.says


def test_a_single_change_that_was_not_heard_is_no_fault_yet() -> None:
    one, two = check_comparison(compared(1, 0, "CreateRoute 1a"), NOW), check_comparison(compared(2, 0), NOW)
    assert one is not None
    assert two is not None
    assert (one.verdict, two.verdict) == (CheckVerdict.UNKNOWN, CheckVerdict.BAD)


def test_where_event_history_is_denied_it_is_said_even_before_the_first_comparison() -> None:
    found = check_comparison(Comparisons(why="LookupEvents: AccessDenied"), NOW)
    assert found is not None
    assert (found.verdict, found.why) == (CheckVerdict.UNKNOWN, "LookupEvents: AccessDenied")

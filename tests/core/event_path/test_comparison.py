"""The daily comparison of Event history with what was heard."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.core.event_path.comparison import NAMES, Comparison, Comparisons, is_matched, mark, names_a_sweep
from tests.support.cloudtrail import Failure, record_call

T0 = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def record(name: str = "DeleteRoute", event_id: str = "e1", **more: Any) -> dict[str, Any]:
    return {"eventSource": "ec2.amazonaws.com", "eventName": name, "eventID": event_id, **more}


def tagging(*ids: str) -> dict[str, Any]:
    return record("CreateTags", requestParameters={"resourcesSet": {"items": [{"resourceId": id_} for id_ in ids]}})


@pytest.mark.parametrize(
    "one",
    [record(), tagging("i-1", "subnet-1"), tagging("vpc-1")],
    ids=["a change", "a subnet's tag", "a VPC's tag"],
)
def test_what_the_rules_let_through_counts(one: dict[str, Any]) -> None:
    assert is_matched(one)


@pytest.mark.parametrize(
    "one",
    [
        record(errorCode="Client.DryRunOperation"),
        record("DescribeVpcs"),
        record() | {"eventSource": "rds.amazonaws.com"},
        tagging("i-1"),
        record("CreateTags", requestParameters=None),
        {},
    ],
    ids=["a failure", "a read", "another service", "an instance's tag", "tags of nothing", "nothing"],
)
def test_what_they_do_not_let_through_does_not_count(one: dict[str, Any]) -> None:
    assert not is_matched(one)


def test_records_as_cloudtrail_writes_them_are_matched_as_the_rules_match_them() -> None:
    tags = {"Resources": ["subnet-0123456789abcdef0"], "Tags": [{"Key": "k", "Value": "v"}]}
    assert is_matched(record_call("CreateTags", tags)["detail"])
    assert not is_matched(record_call("CreateTags", tags | {"Resources": ["i-0123456789abcdef0"]})["detail"])
    refused = record_call("DeleteVpc", {"VpcId": "vpc-1"}, failure=Failure("DependencyViolation", "no"))
    assert not is_matched(refused["detail"])


def test_of_each_call_it_is_counted_how_many_happened_and_how_many_were_heard() -> None:
    current = Comparison(T0 - DAY, T0)
    records = [record(current.name, f"e{number}") for number in range(3)]
    after = current.counted(records, {mark("e0"), mark("e2")}, is_cut=False)
    assert (after.happened, after.heard, after.position) == (3, 2, 1)
    assert after.missed == (f"{current.name} e1",)
    assert after.cut == ()
    assert after.counted([], set(), is_cut=True).cut == (after.name,)


def test_only_a_few_of_those_that_were_missed_are_named() -> None:
    current = Comparison(T0 - DAY, T0)
    after = current.counted([record(current.name, f"e{number}") for number in range(40)], set(), is_cut=False)
    assert (after.happened, after.heard, len(after.missed)) == (40, 0, 5)


def test_nothing_is_compared_before_a_day_was_noted_and_then_once_a_day() -> None:
    first = Comparisons().begun(T0)
    assert first.current is None
    assert first.begun(T0 + DAY).current is None  # of its first hour it isn't known what was heard
    began = first.begun(T0 + DAY + HOUR)
    assert began.current == Comparison(T0, T0 + DAY)
    done = began.advanced(Comparison(T0, T0 + DAY, position=len(NAMES), happened=43, heard=41))
    assert done.current is None
    assert done.last is not None
    assert (done.last.happened, done.last.heard) == (43, 41)
    assert done.begun(T0 + 2 * DAY).current is None
    again = done.begun(T0 + 2 * DAY + HOUR)
    assert again.current == Comparison(T0 + DAY, T0 + 2 * DAY)


def test_one_that_is_under_way_goes_on_where_it_stopped() -> None:
    began = Comparisons().begun(T0).begun(T0 + DAY + HOUR)
    assert began.current is not None
    further = began.advanced(began.current.counted([], set(), is_cut=False))
    assert further.begun(T0 + DAY + 2 * HOUR) == further
    assert further.current is not None
    assert further.current.name == NAMES[1]


def test_one_that_lay_too_long_is_dropped_for_that_of_the_last_day() -> None:
    began = Comparisons().begun(T0).begun(T0 + DAY + HOUR)
    late = T0 + 6 * DAY
    assert began.begun(late).current == Comparison(late - HOUR - DAY, late - HOUR)
    assert began.begun(T0 + 2 * DAY) == began


def test_why_event_history_could_not_be_read_is_kept_until_it_can_be() -> None:
    began = Comparisons().begun(T0).begun(T0 + DAY + HOUR)
    assert began.current is not None
    denied = began.advanced(began.current, "AccessDenied")
    assert denied.why == "AccessDenied"
    assert denied.advanced(began.current.counted([], set(), is_cut=False)).why == ""


@pytest.mark.parametrize("hours", [1, 6, 7, 12])
def test_the_sweeps_of_a_day_get_through_all_names(hours: int) -> None:
    assert names_a_sweep(hours * HOUR) * (24 / hours) >= len(NAMES)


def test_a_sweep_a_day_or_less_compares_all_names_and_frequent_ones_none_in_particular() -> None:
    assert names_a_sweep(DAY) == names_a_sweep(2 * DAY) == len(NAMES)
    assert names_a_sweep(timedelta(0)) == 0


# ---- by rule


def many(name: str, count: int) -> list[dict[str, Any]]:
    return [record(name, f"{name}-{number}") for number in range(count)]


def marks(*records: dict[str, Any]) -> set[str]:
    return {mark(one["eventID"]) for one in records}


OTHERS = {"CreateNetworkAclEntry": 4000}


def compared(happened: dict[str, int], heard: dict[str, int]) -> Comparison:
    """A whole day, in which so many calls of these names happened and were heard."""
    day = Comparison(T0 - DAY, T0)
    while day.name:
        records = many(day.name, happened.get(day.name, 0))
        day = day.counted(records, marks(*records[: heard.get(day.name, 0)]), is_cut=False)
    return day


def test_a_rule_through_which_nothing_came_is_named_though_others_were_heard() -> None:
    day = compared({"CreateRoute": 11, "DeleteRoute": 20, "CreateNetworkAclEntry": 12}, {"CreateNetworkAclEntry": 12})
    assert (day.happened, day.heard) == (43, 12)
    assert day.lost_rules == ("RoutingRule",)
    assert day.heard_words("RoutingRule") == "none of 31"


@pytest.mark.parametrize(
    ("happened", "heard", "is_lost"),
    [
        (1, 0, False),
        (2, 0, True),
        (2, 1, False),
        (19, 1, False),
        (20, 9, True),
        (20, 10, False),
        (4000, 1, True),
        (4000, 1999, True),
        (4000, 2000, False),
        (4000, 3999, False),
        (0, 0, False),
    ],
)
def test_few_lost_changes_say_nothing_and_most_of_many_say_it_all(happened: int, heard: int, is_lost: bool) -> None:
    day = compared({"DeleteRoute": happened, "CreateNetworkAclEntry": 4000}, {"DeleteRoute": heard} | OTHERS)
    assert day.lost_rules == (("RoutingRule",) if is_lost else ())
    assert not day.is_lost
    alone = compared({"DeleteRoute": happened}, {"DeleteRoute": heard})
    assert (alone.lost_rules, alone.is_lost) == (day.lost_rules, is_lost)


def test_where_no_rule_alone_has_lost_enough_those_are_named_that_lost_most() -> None:
    happened = {"DeleteRoute": 10, "CreateNetworkAclEntry": 10, "DeleteVpcEndpoints": 2}
    day = compared(happened, {"DeleteRoute": 1, "CreateNetworkAclEntry": 1, "DeleteVpcEndpoints": 2})
    assert day.is_lost
    assert day.lost_rules == ("FilterRule", "RoutingRule")
    assert day.lost_words == "1 of 10 through FilterRule and 1 of 10 through RoutingRule"


def test_a_silent_rule_is_news_once_until_a_change_is_heard_through_it_again() -> None:
    lost, quiet, again = (
        compared({"DeleteRoute": 5}, {}),
        compared({}, {}),
        compared({"DeleteRoute": 2}, {"DeleteRoute": 1}),
    )
    hardly = compared({"DeleteRoute": 50}, {"DeleteRoute": 1})
    known = Comparisons().advanced(lost)
    assert known.news == ("RoutingRule",)
    known = known.announced()
    assert known.news == ()
    for day in (lost, quiet, compared({"DeleteRoute": 1}, {}), hardly, lost):
        known = known.advanced(day)
        assert known.news == ()
    known = known.advanced(again)
    assert known.told == ()
    assert known.advanced(lost).news == known.advanced(hardly).news == ("RoutingRule",)


def test_a_lost_rule_is_said_while_the_comparison_is_recent() -> None:
    known = Comparisons().advanced(compared({"DeleteRoute": 4000}, {"DeleteRoute": 1}))
    assert known.lost_words(T0 + 3 * DAY) == "changes heard: 1 of 4,000 through RoutingRule"
    assert known.lost_words(T0 + 3 * DAY + HOUR) == ""
    assert Comparisons().lost_words(T0) == Comparisons().advanced(compared(OTHERS, OTHERS)).lost_words(T0) == ""


def test_a_second_rule_is_news_of_its_own() -> None:
    known = Comparisons().advanced(compared({"DeleteRoute": 5}, {})).announced()
    both = known.advanced(compared({"DeleteRoute": 5, "DeleteVpcEndpoints": 3}, {}))
    assert both.news == ("EndpointRule",)
    assert both.announced().told == ("EndpointRule", "RoutingRule")

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
    assert day.silent_rules == {"RoutingRule": 31}


def test_one_change_that_was_lost_says_nothing_of_its_rule_nor_does_one_of_many_that_was_heard() -> None:
    assert compared({"DeleteRoute": 1}, {}).silent_rules == {}
    assert compared({"DeleteRoute": 1, "CreateRoute": 1}, {}).silent_rules == {"RoutingRule": 2}
    assert compared({"DeleteRoute": 40, "CreateRoute": 1}, {"CreateRoute": 1}).silent_rules == {}


def test_a_silent_rule_is_news_once_until_a_change_is_heard_through_it_again() -> None:
    lost, quiet, again = (
        compared({"DeleteRoute": 5}, {}),
        compared({}, {}),
        compared({"DeleteRoute": 2}, {"DeleteRoute": 1}),
    )
    known = Comparisons().advanced(lost)
    assert known.news == {"RoutingRule": 5}
    known = known.announced()
    assert known.news == {}
    for day in (lost, quiet, compared({"DeleteRoute": 1}, {}), lost):
        known = known.advanced(day)
        assert known.news == {}
    known = known.advanced(again)
    assert known.told == ()
    assert known.advanced(lost).news == {"RoutingRule": 5}


def test_a_second_rule_is_news_of_its_own() -> None:
    known = Comparisons().advanced(compared({"DeleteRoute": 5}, {})).announced()
    both = known.advanced(compared({"DeleteRoute": 5, "DeleteVpcEndpoints": 3}, {}))
    assert both.news == {"EndpointRule": 3}
    assert both.announced().told == ("EndpointRule", "RoutingRule")

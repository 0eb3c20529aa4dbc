"""What became of endpoints that were made."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.network.model import EndpointState
from lifeline.core.plan.endpoint_lifecycle import FRESH_FOR, Followed, Made, follow, is_overdue
from tests.support.builders import MONITORING, endpoint, subnet, vpc

SECOND = timedelta(seconds=1)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def after(age: timedelta, state: EndpointState | None, *, failures: int = 0) -> Followed:
    parts = [endpoint(MONITORING, "a", state=state, failure="no capacity")] if state else []
    made = {"monitoring": Made("vpce-1", NOW - age)}
    return follow(made, {"monitoring": failures} if failures else {}, vpc(subnet("a"), *parts), now=NOW)


def test_one_that_is_available_is_news_once_and_forgets_its_failures() -> None:
    found = after(timedelta(seconds=90), EndpointState.AVAILABLE, failures=1)
    assert found.ready == (("vpce-1", timedelta(seconds=90)),)
    assert (found.failures, found.is_waiting) == ({}, False)
    again = follow(found.made, found.failures, vpc(subnet("a"), endpoint(MONITORING, "a")), now=NOW)
    assert again.ready == ()


def test_one_that_is_pending_for_too_long_is_lost_with_its_age() -> None:
    found = after(timedelta(hours=4, seconds=59), EndpointState.PENDING)
    assert found.lost == (("vpce-1", "it is still pending after 240 minutes"),)


def test_only_one_that_ec2_does_not_show_yet_or_that_failed_too_often_changes_the_plan() -> None:
    coming = after(timedelta(minutes=1), EndpointState.PENDING)
    assert coming.changes_plan(vpc(subnet("a")), NOW)
    assert not coming.changes_plan(vpc(subnet("a"), endpoint(MONITORING, "a")), NOW)
    made_at = NOW - timedelta(minutes=1)
    times = made_at + FRESH_FOR - SECOND, made_at + FRESH_FOR
    assert [coming.changes_plan(vpc(subnet("a")), at) for at in times] == [True, False]
    often = after(timedelta(minutes=2), EndpointState.FAILED, failures=1)
    assert often.changes_plan(vpc(subnet("a")), NOW)
    once = after(timedelta(minutes=2), EndpointState.FAILED)
    assert not once.changes_plan(vpc(subnet("a")), NOW)
    assert replace(once, full=("subnet-a",)).changes_plan(vpc(subnet("a")), NOW)


def test_one_is_overdue_from_the_moment_that_ec2_should_show_it_and_no_longer_once_it_is_settled() -> None:
    one = Made("vpce-1", NOW)
    assert [is_overdue({"monitoring": one}, at) for at in (NOW + FRESH_FOR - SECOND, NOW + FRESH_FOR)] == [False, True]
    settled = replace(one, is_settled=True)
    assert not is_overdue({"monitoring": settled}, NOW + FRESH_FOR)
    assert is_overdue({"ec2": settled, "monitoring": one}, NOW + FRESH_FOR)


def test_when_it_was_first_seen_available_is_kept() -> None:
    found = after(timedelta(seconds=90), EndpointState.AVAILABLE)
    assert found.made["monitoring"].ready_at == NOW
    parts = vpc(subnet("a"), endpoint(MONITORING, "a"))
    assert follow(found.made, {}, parts, now=NOW + timedelta(hours=1)).made == found.made
    assert after(timedelta(seconds=90), EndpointState.FAILED).made["monitoring"].ready_at is None
    assert after(timedelta(seconds=90), EndpointState.PENDING).made["monitoring"].ready_at is None


def test_once_a_person_deleted_what_failed_twice_the_count_starts_anew() -> None:
    made = {"monitoring": Made("vpce-gone", NOW - timedelta(days=2), is_settled=True)}
    assert follow(made, {"monitoring": 2}, vpc(subnet("a")), now=NOW).failures == {}
    assert follow(made, {"monitoring": 1}, vpc(subnet("a")), now=NOW).failures == {"monitoring": 1}


def test_one_that_failed_counts_once_with_awss_words() -> None:
    found = after(timedelta(minutes=2), EndpointState.FAILED, failures=1)
    assert found.failures == {"monitoring": 2}
    assert found.lost == (("vpce-1", "it has failed: no capacity"),)
    assert not found.is_waiting


@pytest.mark.parametrize(
    ("age", "state", "is_waiting", "lost"),
    [
        (timedelta(minutes=1), EndpointState.PENDING, True, False),
        (timedelta(minutes=30) - SECOND, EndpointState.PENDING, True, False),
        (timedelta(minutes=30), EndpointState.PENDING, False, True),
        (timedelta(minutes=10) - SECOND, None, True, False),
        (timedelta(minutes=10), None, False, True),
        (timedelta(minutes=1), EndpointState.DELETING, False, True),
    ],
)
def test_what_is_neither_is_waited_for_but_not_forever(
    age: timedelta, state: EndpointState | None, *, is_waiting: bool, lost: bool
) -> None:
    found = after(age, state)
    assert (found.is_waiting, bool(found.lost)) == (is_waiting, lost)
    is_fresh = is_waiting and age < timedelta(minutes=10)
    assert found.fresh(NOW) == (frozenset({"vpce-1"}) if is_fresh else frozenset())

"""Whether there is room: for what may be created, and for runs."""

import pytest

from lifeline.core.doctor.finding import CheckVerdict, NotRead
from lifeline.core.doctor.quotas import (
    ENDPOINTS,
    GATEWAYS,
    QUOTAS,
    RUNS,
    Concurrency,
    QuotaUse,
    check_concurrency,
    check_quota,
)

VPC, OTHER = "vpc-0123456789abcdef0", "vpc-0123456789abcdef1"
DENIED = NotRead("AccessDeniedException: no")


@pytest.mark.parametrize(
    ("there", "more", "verdict"),
    [(0, 1, CheckVerdict.OK), (49, 1, CheckVerdict.OK), (48, 3, CheckVerdict.BAD), (50, 1, CheckVerdict.BAD)],
)
def test_a_quota_is_bad_where_what_lifeline_may_create_has_no_room(
    there: int, more: int, verdict: CheckVerdict
) -> None:
    assert check_quota(ENDPOINTS, 50, {VPC: QuotaUse(there, more), OTHER: QuotaUse(0, 1)}).verdict is verdict


def test_the_place_without_room_is_named_with_the_quota_to_ask_for() -> None:
    found = check_quota(ENDPOINTS, 50, {VPC: QuotaUse(50, 2), OTHER: QuotaUse(0, 1)})
    assert f"{VPC} has 50 and may need 2 more" in found.says
    assert OTHER not in found.says
    assert "L-29B6F2EB" in found.remedy


def test_the_place_with_the_least_room_is_said_where_all_have_some() -> None:
    found = check_quota(ENDPOINTS, 50, {VPC: QuotaUse(40, 2), OTHER: QuotaUse(1, 1)})
    assert found.says == f"10 of 50 are left in {VPC}, and Lifeline may need 2 there."


def test_where_nothing_is_needed_a_full_quota_is_no_fault_and_needs_not_be_known() -> None:
    assert check_quota(GATEWAYS, 20, {"us-east-1": QuotaUse(20, 0)}).verdict is CheckVerdict.OK
    assert check_quota(GATEWAYS, DENIED, {"us-east-1": QuotaUse(20, 0)}).verdict is CheckVerdict.OK


def test_an_unread_quota_is_unknown_with_its_default() -> None:
    found = check_quota(ENDPOINTS, DENIED, {VPC: QuotaUse(1, 1)})
    assert (found.verdict, found.why) == (CheckVerdict.UNKNOWN, DENIED.why)
    assert "By default it is 50." in found.says
    assert check_quota(ENDPOINTS, 50, DENIED).verdict is CheckVerdict.UNKNOWN


def test_each_quota_has_a_check_and_a_code_of_its_own() -> None:
    assert len({quota.check for quota in QUOTAS}) == len({quota.code for quota in QUOTAS}) == len(QUOTAS) == 4


RECONCILER, DETECTOR = RUNS
NONE: dict[str, int | NotRead | None] = dict.fromkeys(RUNS)
ALL = sum(RUNS.values())


@pytest.mark.parametrize(
    ("unreserved", "verdict"),
    [(1000, CheckVerdict.OK), (ALL, CheckVerdict.OK), (ALL - 1, CheckVerdict.BAD)],
)
def test_lambda_must_leave_room_for_lifelines_runs(unreserved: int, verdict: CheckVerdict) -> None:
    found = check_concurrency(Concurrency(1000, unreserved), NONE)
    assert found.verdict is verdict
    assert check_concurrency(Concurrency(1000, unreserved), {}).verdict is verdict
    assert check_concurrency(DENIED, NONE).verdict is CheckVerdict.UNKNOWN


@pytest.mark.parametrize("name", RUNS)
def test_a_function_that_reserves_too_little_is_bad_and_with_nothing_it_never_runs(name: str) -> None:
    for count in range(RUNS[name]):
        found = check_concurrency(Concurrency(1000, 1000), {**NONE, name: count})
        assert found.verdict is CheckVerdict.BAD
        assert found.says.startswith(f"{name} reserves {count} ")
        assert ("doesn't run it at all" in found.says) is (count == 0)
        assert f"at least {RUNS[name]} for {name}" in found.remedy
    assert check_concurrency(DENIED, {**NONE, name: 0}).verdict is CheckVerdict.BAD


def test_what_a_function_reserves_it_needs_not_find_among_the_others() -> None:
    reserved = {**NONE, RECONCILER: RUNS[RECONCILER]}
    found = check_concurrency(Concurrency(1000, RUNS[DETECTOR]), reserved)
    assert found.verdict is CheckVerdict.OK
    assert f"{RECONCILER} reserves {RUNS[RECONCILER]} concurrent runs" in found.says
    assert check_concurrency(Concurrency(1000, RUNS[DETECTOR] - 1), reserved).verdict is CheckVerdict.BAD


def test_a_reservation_that_cannot_be_read_is_unknown_unless_something_is_bad() -> None:
    found = check_concurrency(Concurrency(1000, 1000), {**NONE, DETECTOR: DENIED})
    assert (found.verdict, found.why) == (CheckVerdict.UNKNOWN, DENIED.why)
    assert DETECTOR in found.says
    assert check_concurrency(Concurrency(1000, 1), {**NONE, DETECTOR: DENIED}).verdict is CheckVerdict.BAD
    assert check_concurrency(Concurrency(9, 9), {RECONCILER: 0, DETECTOR: DENIED}).verdict is CheckVerdict.BAD

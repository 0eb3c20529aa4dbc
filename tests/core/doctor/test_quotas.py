"""Whether there is room: for what may be created, and for runs."""

import pytest

from lifeline.core.doctor.finding import CheckVerdict, NotRead
from lifeline.core.doctor.quotas import (
    ENDPOINTS,
    GATEWAYS,
    MOST_RUNS,
    QUOTAS,
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


@pytest.mark.parametrize(
    ("unreserved", "verdict"),
    [(1000, CheckVerdict.OK), (MOST_RUNS, CheckVerdict.OK), (MOST_RUNS - 1, CheckVerdict.BAD)],
)
def test_lambda_must_leave_room_for_lifelines_runs(unreserved: int, verdict: CheckVerdict) -> None:
    found = check_concurrency(Concurrency(1000, unreserved))
    assert found.verdict is verdict
    assert check_concurrency(DENIED).verdict is CheckVerdict.UNKNOWN

"""Whether a trail records EC2's changes, for every form that a trail's selectors may have."""

from typing import Any

import pytest

from lifeline.core.doctor.finding import CheckVerdict, NotRead
from lifeline.core.doctor.trails import Trail, check_trails, logs_ec2_writes

REGION = "us-east-1"
OWN = f"arn:aws:cloudtrail:{REGION}:123456789012:trail/main"
THEIRS = "arn:aws:cloudtrail:eu-west-1:999999999999:trail/organization"
REFUSED = NotRead("get_event_selectors: CloudTrailARNInvalidException: You can only access resources with AccountID …")
ALL: dict[str, Any] = {"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]}


def basic(**members: Any) -> dict[str, Any]:
    return {"EventSelectors": [members]}


def advanced(*selectors: list[dict[str, Any]]) -> dict[str, Any]:
    return {"AdvancedEventSelectors": [{"FieldSelectors": fields} for fields in selectors]}


def field(name: str, **operators: list[str]) -> dict[str, Any]:
    return {"Field": name, **operators}


MANAGEMENT = field("eventCategory", Equals=["Management"])
DATA = [field("eventCategory", Equals=["Data"]), field("resources.type", Equals=["AWS::S3::Object"])]
NETWORK = [field("eventCategory", Equals=["NetworkActivity"]), field("eventSource", Equals=["ec2.amazonaws.com"])]
EC2_OUT = advanced([MANAGEMENT, field("eventSource", NotEquals=["ec2.amazonaws.com"])])

FORMS: dict[str, tuple[dict[str, Any], bool | None]] = {
    "basic, all": (ALL, True),
    "basic, write only": (basic(ReadWriteType="WriteOnly", IncludeManagementEvents=True), True),
    "basic, read only": (basic(ReadWriteType="ReadOnly", IncludeManagementEvents=True), False),
    "basic, data only": (basic(ReadWriteType="All", IncludeManagementEvents=False), False),
    "basic, without kms": (basic(ReadWriteType="All", ExcludeManagementEventSources=["kms.amazonaws.com"]), True),
    "advanced, management": (advanced([MANAGEMENT]), True),
    "advanced, read only": (advanced([MANAGEMENT, field("readOnly", Equals=["true"])]), False),
    "advanced, without kms and rdsdata": (
        advanced([MANAGEMENT, field("eventSource", NotEquals=["kms.amazonaws.com", "rdsdata.amazonaws.com"])]),
        True,
    ),
    "advanced, without ec2": (EC2_OUT, False),
    "advanced, data and network activity": (advanced(DATA, NETWORK), False),
    "advanced, the second of two": (advanced(DATA, [MANAGEMENT, field("readOnly", Equals=["false"])]), True),
    "advanced, only services that begin with e": (advanced([MANAGEMENT, field("eventSource", StartsWith=["e"])]), True),
    "advanced, none that begins with ec2": (
        advanced([MANAGEMENT, field("eventSource", NotStartsWith=["ec2."])]),
        False,
    ),
    "advanced, other services only": (advanced([MANAGEMENT, field("eventSource", Equals=["s3.amazonaws.com"])]), False),
    "advanced, by another ending": (advanced([MANAGEMENT, field("eventSource", EndsWith=[".example"])]), False),
    "advanced, two conditions of one field": (
        advanced([MANAGEMENT, field("eventSource", StartsWith=["ec"], NotEquals=["ec2.amazonaws.com"])]),
        False,
    ),
    "advanced, narrowed by a field that is unknown here": (
        advanced([MANAGEMENT, field("eventName", Equals=["RunInstances"])]),
        None,
    ),
    "advanced, an unknown field where another one says no": (
        advanced([field("eventName", Equals=["PutObject"]), *DATA]),
        False,
    ),
    "no selector at all": ({"EventSelectors": [], "AdvancedEventSelectors": []}, True),
    "null, as some SDKs have it": ({"EventSelectors": None, "AdvancedEventSelectors": None}, True),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_trail_hears_of_ec2s_changes_by_its_selectors(form: str) -> None:
    selectors, expected = FORMS[form]
    assert logs_ec2_writes(selectors) is expected


def test_one_good_trail_is_enough_whatever_the_others_do() -> None:
    trails = [Trail(f"{OWN}-2", is_logging=False, selectors=ALL), Trail(OWN, is_logging=True, selectors=ALL)]
    found = check_trails(trails, REGION)
    assert (found.verdict, found.says) == (CheckVerdict.OK, "EC2's write events in us-east-1 are logged by main.")


@pytest.mark.parametrize(
    ("trails", "said", "remedy"),
    [
        ([], "No trail logs anything in us-east-1", "Create a trail"),
        ([Trail(OWN, is_logging=False, selectors=ALL)], "main is stopped", f"start-logging --name {OWN}"),
        ([Trail(OWN, is_logging=True, selectors=EC2_OUT)], "main leaves out EC2's write", "Let main log"),
        (
            [Trail(OWN, is_logging=False, selectors=EC2_OUT), Trail(f"{OWN}-2", is_logging=False, selectors=ALL)],
            "main is stopped, the trail main-2 is stopped",
            f"start-logging --name {OWN}-2",
        ),
    ],
)
def test_what_is_wrong_with_the_trails_is_said_with_the_least_that_helps(
    trails: list[Trail], said: str, remedy: str
) -> None:
    found = check_trails(trails, REGION)
    assert found.verdict is CheckVerdict.BAD
    assert said in found.says
    assert remedy in found.remedy


def test_a_member_account_cannot_read_what_its_organizations_trail_logs() -> None:
    trail = Trail(THEIRS, is_logging=True, selectors=REFUSED, has_custom_selectors=True, is_organizations=True)
    found = check_trails([trail], REGION)
    assert found.verdict is CheckVerdict.UNKNOWN
    assert "trail of the organization, in account 999999999999" in found.why
    assert "the event path's probe tells" in found.why


def test_a_proven_event_path_tells_that_a_trail_logs_whose_selectors_cannot_be_read() -> None:
    trail = Trail(THEIRS, is_logging=True, selectors=REFUSED, has_custom_selectors=True, is_organizations=True)
    found = check_trails([trail], REGION, is_proven=True)
    assert found.verdict is CheckVerdict.OK
    assert "organization of account 999999999999" in found.says
    assert "The event path is proven" in found.says


def test_a_trail_that_certainly_logs_nothing_is_bad_even_if_the_path_was_proven_lately() -> None:
    stopped = Trail(OWN, is_logging=False, selectors=ALL)
    assert check_trails([stopped], REGION, is_proven=True).verdict is CheckVerdict.BAD


@pytest.mark.parametrize(
    ("has_custom", "is_organizations", "verdict"),
    [
        (False, False, CheckVerdict.OK),
        (None, False, CheckVerdict.UNKNOWN),
        (False, True, CheckVerdict.UNKNOWN),
        (None, True, CheckVerdict.UNKNOWN),
    ],
)
def test_a_trail_without_selectors_of_its_own_logs_all_but_of_the_organizations_that_is_not_told(
    has_custom: bool | None, *, is_organizations: bool, verdict: CheckVerdict
) -> None:
    trail = Trail(THEIRS, True, REFUSED, has_custom_selectors=has_custom, is_organizations=is_organizations)
    assert check_trails([trail], REGION).verdict is verdict


def test_a_stopped_trail_of_the_organization_is_bad_even_if_its_selectors_are_hidden() -> None:
    trail = Trail(THEIRS, is_logging=False, selectors=REFUSED, has_custom_selectors=False, is_organizations=True)
    found = check_trails([trail], REGION)
    assert found.verdict is CheckVerdict.BAD
    assert "organization of account 999999999999 is stopped" in found.says


def test_what_aws_does_not_let_be_read_is_unknown_with_its_words() -> None:
    denied = NotRead("describe_trails: AccessDeniedException: no")
    assert check_trails(denied, REGION).why == denied.why
    status = NotRead("get_trail_status: ThrottlingException: slow down")
    found = check_trails([Trail(OWN, is_logging=status, selectors=ALL)], REGION)
    assert (found.verdict, found.why) == (CheckVerdict.UNKNOWN, f"main: {status.why}.")

"""Whether an instance's role may publish, in the shapes of IAM's own answers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lifeline.adapters.aws.roles import Roles
from lifeline.core.network.iam_policy import Permission

ACCOUNT = "arn:aws:iam::123456789012"
PROFILE = f"{ACCOUNT}:instance-profile/team/web"
ROLE = f"{ACCOUNT}:role/team/web-role"
MADE = datetime(2026, 3, 2, tzinfo=UTC)
SIMULATION = {
    "PolicySourceArn": ROLE,
    "ActionNames": ["cloudwatch:PutMetricData"],
    "ContextEntries": [
        {"ContextKeyName": "cloudwatch:namespace", "ContextKeyValues": ["CWAgent"], "ContextKeyType": "string"}
    ],
}


class Iam:
    """IAM that answers as it is told, and checks what it is asked."""

    def __init__(self) -> None:
        self.client = boto3.client(
            "iam", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        self.stub = Stubber(self.client)

    def has_profile(self, *roles: str) -> None:
        described = [
            {"Path": "/team/", "RoleName": "web-role", "RoleId": "AROA" + "A" * 17, "Arn": role, "CreateDate": MADE}
            for role in roles
        ]
        profile = {
            "Path": "/team/",
            "InstanceProfileName": "web",
            "InstanceProfileId": "AIPA" + "A" * 17,
            "Arn": PROFILE,
            "CreateDate": MADE,
            "Roles": described,
        }
        self.stub.add_response("get_instance_profile", {"InstanceProfile": profile}, {"InstanceProfileName": "web"})

    def decides(self, decision: str, **more: Any) -> None:
        result = {
            "EvalActionName": "cloudwatch:PutMetricData",
            "EvalResourceName": "*",
            "EvalDecision": decision,
            "MatchedStatements": [],
            "MissingContextValues": [],
            **more,
        }
        self.stub.add_response("simulate_principal_policy", {"EvaluationResults": [result]}, SIMULATION)

    def refuses(self, operation: str, code: str, status: int = 403) -> None:
        self.stub.add_client_error(operation, code, f"{code} it is", http_status_code=status)


@pytest.fixture
def iam() -> Iterator[Iam]:
    made = Iam()
    with made.stub:
        yield made
        made.stub.assert_no_pending_responses()


def verdict(iam: Iam) -> tuple[Permission, str, str]:
    found = Roles(iam.client).may_publish(PROFILE, "CWAgent")
    return found.permission, found.role, found.words


def test_a_role_that_allows_it_may_publish(iam: Iam) -> None:
    iam.has_profile(ROLE)
    iam.decides("allowed", MissingContextValues=["aws:SourceVpc"])
    permission, role, words = verdict(iam)
    assert (permission, role) == (Permission.ALLOWED, ROLE)
    assert words == "the role web-role allows cloudwatch:PutMetricData in namespace CWAgent"


@pytest.mark.parametrize(
    ("decision", "more", "words"),
    [
        ("implicitDeny", {}, "the role web-role doesn't allow"),
        ("explicitDeny", {}, "the role web-role forbids"),
        (
            "implicitDeny",
            {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False}},
            "the permissions boundary of role web-role doesn't allow",
        ),
        (
            "explicitDeny",
            {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
            "the organization of role web-role forbids",
        ),
    ],
)
def test_a_role_that_does_not_allow_it_is_denied_in_words(
    iam: Iam, decision: str, more: dict[str, Any], words: str
) -> None:
    iam.has_profile(ROLE)
    iam.decides(decision, **more)
    assert verdict(iam) == (Permission.DENIED, ROLE, f"{words} cloudwatch:PutMetricData in namespace CWAgent")


@pytest.mark.parametrize("decision", ["implicitDeny", "explicitDeny"])
def test_a_denial_that_depends_on_what_the_simulator_does_not_know_is_unsure(iam: Iam, decision: str) -> None:
    iam.has_profile(ROLE)
    iam.decides(decision, MissingContextValues=["aws:SourceVpce", "aws:SourceIp"])
    permission, role, words = verdict(iam)
    assert (permission, role) == (Permission.UNSURE, ROLE)
    assert words.endswith("its policies ask for aws:SourceIp, aws:SourceVpce")


def test_an_answer_without_a_decision_is_unsure(iam: Iam) -> None:
    iam.has_profile(ROLE)
    iam.stub.add_response("simulate_principal_policy", {"EvaluationResults": []}, SIMULATION)
    assert verdict(iam)[0] is Permission.UNSURE


def test_a_profile_without_a_role_is_denied(iam: Iam) -> None:
    iam.has_profile()
    assert verdict(iam) == (Permission.DENIED, "", "the instance profile web has no role")


def test_a_profile_that_is_gone_is_denied(iam: Iam) -> None:
    iam.refuses("get_instance_profile", "NoSuchEntity", 404)
    assert verdict(iam) == (Permission.DENIED, "", "the instance profile web doesn't exist any more")


def test_a_role_that_is_gone_is_denied(iam: Iam) -> None:
    iam.has_profile(ROLE)
    iam.refuses("simulate_principal_policy", "NoSuchEntity", 404)
    assert verdict(iam) == (Permission.DENIED, ROLE, "the role web-role doesn't exist any more")


@pytest.mark.parametrize("code", ["AccessDenied", "Throttling", "ServiceFailure"])
def test_what_cannot_be_asked_is_unsure(iam: Iam, code: str) -> None:
    iam.refuses("get_instance_profile", code)
    assert verdict(iam) == (Permission.UNSURE, "", f"the instance profile web could not be checked: {code}")


def test_a_simulation_that_is_refused_is_unsure(iam: Iam) -> None:
    iam.has_profile(ROLE)
    iam.refuses("simulate_principal_policy", "AccessDenied")
    assert verdict(iam) == (Permission.UNSURE, ROLE, "the role web-role could not be checked: AccessDenied")


def test_iam_is_asked_once_for_each_profile_and_namespace(iam: Iam) -> None:
    iam.has_profile(ROLE)
    iam.decides("allowed")
    roles = Roles(iam.client)
    assert roles.may_publish(PROFILE, "CWAgent") is roles.may_publish(PROFILE, "CWAgent")


def test_each_namespace_is_judged_for_itself(iam: Iam) -> None:
    iam.has_profile(ROLE)
    iam.decides("allowed")
    iam.refuses("get_instance_profile", "AccessDenied")
    roles = Roles(iam.client)
    assert roles.may_publish(PROFILE, "CWAgent").permission is Permission.ALLOWED
    assert roles.may_publish(PROFILE, "Custom").permission is Permission.UNSURE

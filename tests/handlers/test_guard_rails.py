"""Lifeline in a company's account: what a permissions boundary and an organization's policies deny, AWS refuses.

EC2 asks IAM here as AWS does (`tests/support/strict_iam.py`), with the policies that the template gives the role.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count
from tools.template import read_template

from tests.support.days import Days
from tests.support.policies import Caller, Stack
from tests.support.world import emulated_world

STACK = Stack(read_template())
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
NO_IAM = {"Effect": "Deny", "Action": ["iam:*", "organizations:*", "account:*"], "Resource": "*"}
TEAM = {
    "Effect": "Deny",
    "Action": ["ec2:CreateVpcEndpoint", "ec2:CreateSecurityGroup"],
    "Resource": ["arn:aws:ec2:*:*:vpc-endpoint/*", "arn:aws:ec2:*:*:security-group/*"],
    "Condition": {"Null": {"aws:RequestTag/team": "true"}},
}
TEAM_ALONE = {**ALL, "Action": "ec2:CreateSecurityGroup", "Condition": {"Null": {"aws:RequestTag/team": "false"}}}
SCP = "service control policy"
MANAGED = [{"Key": "lifeline:managed-by", "Value": "lifeline"}]


def lifeline(**limits: Any) -> Caller:
    """A session of ReconcileEndpoints' role. `limits` are by name, with _ for a space."""
    return Caller(
        policy=tuple(STACK.statements("ReconcileRole")),
        context={"aws:PrincipalArn": STACK.arn("ReconcileRole")},
        limits={name.replace("_", " "): tuple(statements) for name, statements in limits.items()},
    )


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch) as world:
        yield Days(world, monkeypatch)


def cut_off(days: Days) -> str:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    return vpc_id


def done(answer: Mapping[str, Any]) -> dict[str, str]:
    return {one["action"]: one["status"] for one in answer["actions"]}


# ---- who enforces what


def test_moto_alone_enforces_neither_a_boundary_nor_a_tag_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why the stand-in asks IAM itself. Where this fails, moto has learned it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        iam = boto3.client("iam")
        deny_all = policy({**ALL, "Effect": "Deny"})
        boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=deny_all)["Policy"]["Arn"]
        iam.create_user(UserName="lifeline", PermissionsBoundary=boundary)
        key = iam.create_access_key(UserName="lifeline")["AccessKey"]
        vpc_id = boto3.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        ec2 = boto3.client("ec2", **keys)

        @set_initial_no_auth_action_count(0)  # type: ignore[untyped-decorator]
        def create(name: str) -> Any:
            return ec2.create_security_group(GroupName=name, Description="x", VpcId=vpc_id)

        with pytest.raises(
            ClientError, match="not authorized to perform: ec2:CreateSecurityGroup"
        ):  # it asks the user's own policies
            create("without-a-policy")
        iam.put_user_policy(UserName="lifeline", PolicyName="own", PolicyDocument=policy(TEAM_ALONE))
        assert create("untagged")["GroupId"]


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


# ---- the boundary


def test_a_boundary_that_denies_iam_denies_nothing_that_lifeline_needs(days: Days) -> None:
    days.account.caller = lifeline(permissions_boundary=[ALL, NO_IAM])
    answer = days.look(cut_off(days))
    assert done(answer) == {"create_security_group": "done", "create_interface_endpoint": "done"}
    assert "note" not in answer or "not authorized" not in answer["note"]


def test_what_the_boundary_lacks_is_refused_in_words_and_the_rest_goes_on(days: Days) -> None:
    groups = {"Effect": "Allow", "Action": ["ec2:Describe*", "ec2:*SecurityGroup*", "ec2:*Tags"], "Resource": "*"}
    days.account.caller = lifeline(permissions_boundary=[groups])
    answer = days.look(cut_off(days))
    assert done(answer) == {"create_security_group": "done", "create_interface_endpoint": "failed"}
    words = "because no permissions boundary allows the ec2:CreateVpcEndpoint action"
    assert any(words in one["error"] for one in answer["actions"])
    assert any(words in text for text in days.texts())


def test_the_role_may_do_no_more_than_its_own_policy_says_however_wide_the_boundary(days: Days) -> None:
    days.account.caller = lifeline(permissions_boundary=[ALL])
    vpc_id = cut_off(days)
    ec2 = days.account.client()
    with pytest.raises(ClientError, match="no identity-based policy allows the ec2:DeleteVpc action"):
        ec2.delete_vpc(VpcId=vpc_id)
    with pytest.raises(ClientError, match="no identity-based policy allows the ec2:CreateTags action"):
        ec2.create_tags(Resources=[vpc_id], Tags=MANAGED)
    foreign = days.world.ec2.create_security_group(GroupName="theirs", Description="x", VpcId=vpc_id)["GroupId"]
    with pytest.raises(ClientError, match="no identity-based policy allows the ec2:DeleteSecurityGroup action"):
        ec2.delete_security_group(GroupId=foreign)


# ---- tags that an organization demands


def test_a_tag_that_an_organization_demands_is_missed_at_creation(days: Days) -> None:
    days.account.caller = lifeline(service_control_policy=[ALL, TEAM])
    vpc_id = cut_off(days)
    answer = days.look(vpc_id)
    assert "done" not in done(answer).values()
    assert any(f"with an explicit deny in a {SCP}" in one["error"] for one in answer["actions"])
    assert (days.live(vpc_id), days.world.groups(vpc_id)) == ([], [])
    assert any(f"explicit deny in a {SCP}" in text for text in days.texts())


@pytest.mark.parametrize(
    ("tags", "is_made"),
    [
        ([], False),
        (MANAGED, False),
        ([*MANAGED, {"Key": "team", "Value": "network"}], True),
    ],
)
def test_what_carries_the_tag_in_the_call_is_made_and_what_does_not_is_refused(
    days: Days, tags: list[dict[str, str]], is_made: bool
) -> None:
    days.account.caller = Caller(policy=(ALL,), limits={SCP: (ALL, TEAM)})
    ec2, vpc_id = days.account.client(), days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)

    def specifications(kind: str) -> dict[str, Any]:
        return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {}

    def group() -> Any:
        return ec2.create_security_group(
            GroupName="g", Description="x", VpcId=vpc_id, **specifications("security-group")
        )

    def endpoint() -> Any:
        return ec2.create_vpc_endpoint(
            VpcEndpointType="Interface",
            VpcId=vpc_id,
            ServiceName="com.amazonaws.us-east-1.monitoring",
            SubnetIds=[subnet_id],
            **specifications("vpc-endpoint"),
        )

    for make, what in ((group, "ec2:CreateSecurityGroup"), (endpoint, "ec2:CreateVpcEndpoint")):
        if is_made:
            assert make()
        else:
            with pytest.raises(ClientError, match=f"{what} on resource: .* explicit deny in a {SCP}") as refused:
                make()
            assert refused.value.response["Error"]["Code"] == "UnauthorizedOperation"

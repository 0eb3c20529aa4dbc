"""The boundary that is ready in examples/: whatever the template grants passes it, and hardly anything else does."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import pytest
from tools.template import names_of, read_template

from tests.handlers.test_guard_rails import cut_off, done
from tests.support.days import MINUTES, Days
from tests.support.policies import ACCOUNT, Caller, Stack, Values, is_allowed
from tests.support.repository import ROOT
from tests.support.world import emulated_world
from tests.template.test_company import policy

BOUNDARY = tuple(json.loads((ROOT / "examples/boundary.json").read_text("utf-8"))["Statement"])
EVERYTHING = ({"Effect": "Allow", "Action": "*", "Resource": "*"},)
TEMPLATE = read_template()
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
EVERY_ANSWER = {
    "PolicyParameter": "/lifeline/policy",
    "FixDns": "yes",
    "Evidence": "yes",
    "KmsKeyArn": KEY,
    "NoticesTopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:platform-alerts",
    "ChatNotices": "yes",
}
HUB = {"Accounts": "organization", "OrganizationId": "o-a1b2c3d4e5", "CentralEndpoints": "yes"}
STACKS = {
    "with defaults": Stack(TEMPLATE),
    "with every answer": Stack(TEMPLATE, EVERY_ANSWER),
    "of a hub": Stack(TEMPLATE, EVERY_ANSWER | HUB),
}
OF_A_HUB = (*BOUNDARY, *policy("boundary of a hub"))
ROLES = names_of(TEMPLATE, "AWS::IAM::Role")
MOST_CHARACTERS = 6144  # of a managed policy, spaces not counted (IAM guide: quotas)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def requests(statement: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Values]]]:
    """A request for each action and resource that the statement allows, with the keys that its conditions want."""
    context: dict[str, Values] = {}
    for operator, wanted in statement.get("Condition", {}).items():
        for key, values in wanted.items():
            if operator != "Null":
                found = tuple(
                    value.replace("function:*", "function:lifeline-x").replace("*", "x") for value in listed(values)
                )
                context[key] = found if operator.startswith("ForAllValues:") else found[0]
    for action, resource in product(listed(statement["Action"]), listed(statement["Resource"])):
        yield action, "*" if resource == "*" else resource.replace("*", "x"), context


@pytest.mark.parametrize("answers", STACKS)
@pytest.mark.parametrize("name", ROLES)
def test_whatever_a_role_may_do_passes_the_boundary(name: str, answers: str) -> None:
    stack = STACKS[answers]
    statements = tuple(stack.statements(name))
    context = {"aws:PrincipalArn": stack.arn(name)}
    free = Caller(policy=statements, context=context)
    boundary = OF_A_HUB if answers == "of a hub" else BOUNDARY
    bounded = Caller(policy=statements, context=context, limits={"permissions boundary": boundary})
    asked = [request for statement in statements for request in requests(statement)]
    assert asked
    for action, resource, keys in asked:
        assert is_allowed(free, action, resource, context=keys), (action, resource)
        assert is_allowed(bounded, action, resource, context=keys), (action, resource)


OTHERS = f"arn:aws:ec2:us-east-1:{ACCOUNT}:"
DENIED: list[tuple[str, str, dict[str, Values]]] = [
    ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}),
    ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}),
    ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/platform/lifeline-ReconcileRole-1A", {}),
    ("iam:DeleteRolePermissionsBoundary", f"arn:aws:iam::{ACCOUNT}:role/platform/lifeline-ReconcileRole-1A", {}),
    ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {}),
    ("organizations:LeaveOrganization", "*", {}),
    ("account:CloseAccount", "*", {}),
    ("ec2:RunInstances", f"{OTHERS}instance/*", {}),
    ("ec2:DescribeInstanceAttribute", f"{OTHERS}instance/i-1", {}),
    ("ec2:CreateRoute", f"{OTHERS}route-table/rtb-1", {}),
    ("ec2:DeleteRoute", f"{OTHERS}route-table/rtb-1", {}),
    ("ec2:CreateVpcEndpoint", f"{OTHERS}vpc-endpoint/*", {"aws:RequestTag/team": "a"}),
    ("ec2:CreateVpcEndpoint", f"{OTHERS}security-group/sg-1", {"aws:ResourceTag/team": "a"}),
    ("ec2:ModifyVpcEndpoint", f"{OTHERS}vpc-endpoint/vpce-1", {}),
    ("ec2:DeleteVpcEndpoints", f"{OTHERS}vpc-endpoint/vpce-1", {"aws:ResourceTag/team": "a"}),
    ("ec2:AuthorizeSecurityGroupIngress", f"{OTHERS}security-group/sg-1", {}),
    ("ec2:DeleteSecurityGroup", f"{OTHERS}security-group/sg-1", {}),
    ("ec2:RevokeSecurityGroupEgress", f"{OTHERS}security-group/sg-1", {"aws:ResourceTag/lifeline:managed-by": "a"}),
    ("ec2:CreateTags", f"{OTHERS}vpc-endpoint/vpce-1", {"aws:RequestTag/lifeline:managed-by": "lifeline"}),
    ("ec2:CreateTags", f"{OTHERS}vpc/vpc-1", {"ec2:CreateAction": "CreateVpc"}),
    ("ec2:DeleteTags", f"{OTHERS}vpc-endpoint/vpce-1", {"aws:ResourceTag/lifeline:managed-by": "lifeline"}),
    ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1", {}),
    ("s3:GetObject", "arn:aws:s3:::payroll/2026.csv", {}),
    ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:lifeline-x", {}),
    ("ssm:GetParameter", f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/payroll/password", {}),
    ("ssm:PutParameter", f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/lifeline/policy", {}),
    ("dynamodb:Scan", f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/lifeline-Ledger-1A", {}),
    ("dynamodb:GetItem", f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/payroll", {}),
    ("dynamodb:DeleteTable", f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/lifeline-Ledger-1A", {}),
    ("lambda:UpdateFunctionCode", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:lifeline-DetectMetricGaps-1A", {}),
    ("lambda:InvokeFunction", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:payroll", {}),
    ("logs:DeleteLogGroup", f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:lifeline-DetectLog-1A", {}),
    ("sns:Publish", f"arn:aws:sns:us-east-1:{ACCOUNT}:payroll", {}),
    ("sns:Subscribe", f"arn:aws:sns:us-east-1:{ACCOUNT}:platform-alerts", {}),
    ("sqs:SendMessage", f"arn:aws:sqs:us-east-1:{ACCOUNT}:payroll", {}),
    ("sqs:SetQueueAttributes", f"arn:aws:sqs:us-east-1:{ACCOUNT}:lifeline-Changes-1A", {}),
    ("kms:Decrypt", KEY, {}),
    ("kms:Decrypt", KEY, {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}),
    ("kms:CreateGrant", KEY, {"kms:ViaService": "dynamodb.us-east-1.amazonaws.com"}),
    ("kms:ScheduleKeyDeletion", KEY, {}),
]


@pytest.mark.parametrize("request_", DENIED, ids=lambda request: " ".join(request[:2]))
def test_what_it_should_stop_is_stopped_whatever_the_roles_own_policies_allow(
    request_: tuple[str, str, dict[str, Values]],
) -> None:
    action, resource, context = request_
    assert is_allowed(Caller(policy=EVERYTHING), action, resource, context=context)
    for boundary in (BOUNDARY, OF_A_HUB):
        limits = {"permissions boundary": boundary}
        assert not is_allowed(Caller(policy=EVERYTHING, limits=limits), action, resource, context=context)


@pytest.mark.parametrize(("answers", "boundary"), [("with every answer", BOUNDARY), ("of a hub", OF_A_HUB)])
def test_it_names_no_action_that_no_role_has(answers: str, boundary: Sequence[Mapping[str, Any]]) -> None:
    stack = STACKS[answers]
    needed = {action for name in ROLES for one in stack.statements(name) for action in listed(one["Action"])}
    assert {action for one in boundary for action in listed(one["Action"])} == needed


def test_iam_takes_it_as_a_managed_policy() -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": OF_A_HUB}, separators=(",", ":"))
    assert len(text) <= MOST_CHARACTERS
    assert len({one["Sid"] for one in OF_A_HUB}) == len(OF_A_HUB)
    assert all(one["Sid"].isalnum() for one in OF_A_HUB)  # IAM guide: policy elements, Sid


def test_lifeline_makes_and_deletes_endpoints_inside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = STACKS["with defaults"]
    with emulated_world(monkeypatch) as world:
        days = Days(world, monkeypatch)
        days.account.caller = Caller(
            policy=tuple(stack.statements("ReconcileRole")),
            context={"aws:PrincipalArn": stack.arn("ReconcileRole")},
            limits={"permissions boundary": BOUNDARY},
        )
        vpc_id = cut_off(days)
        answer = days.look(vpc_id)
        assert done(answer) == {"create_security_group": "done", "create_interface_endpoint": "done"}
        assert "not authorized" not in answer.get("note", "")
        days.clock.advance(MINUTES)
        days.call({"vpc_ids": [vpc_id], "release": True})
        assert days.live(vpc_id) == []

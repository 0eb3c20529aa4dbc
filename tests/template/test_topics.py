"""Who may publish to the topics, and which tags and networks the role's side permissions reach."""

from typing import Any

import pytest
from tools.template import read_template

from lifeline.core.network.model import IN_PLACE_OF, MANAGED_BY
from lifeline.core.policy.labels import NAME
from tests.support.repository import ROOT

TEMPLATE = read_template()
RESOURCES = TEMPLATE["Resources"]
ROLES = [{"Fn::GetAtt": "ReconcileRole.Arn"}, {"Fn::GetAtt": "DetectRole.Arn"}]
TOPICS = [name for name, one in RESOURCES.items() if one["Type"] == "AWS::SNS::Topic"]
SOURCE = (ROOT / "functions/lifeline/adapters/aws/creation.py").read_text("utf-8")
ACCOUNT = "123456789012"
ROLE_ARNS = {
    "ReconcileRole.Arn": f"arn:aws:iam::{ACCOUNT}:role/lifeline-ReconcileRole-A",
    "DetectRole.Arn": f"arn:aws:iam::{ACCOUNT}:role/lifeline-DetectRole-B",
}


def policy_of(topic: str) -> dict[str, Any]:
    (policy,) = [
        one
        for one in RESOURCES.values()
        if one["Type"] == "AWS::SNS::TopicPolicy" and one["Properties"]["Topics"] == [{"Ref": topic}]
    ]
    assert policy.get("Condition") == RESOURCES[topic].get("Condition")
    return dict(policy["Properties"]["PolicyDocument"])


def may_publish(topic: str, *, role: str = "", service: str = "", account: str = ACCOUNT, alarm: str = "") -> bool:
    """IAM's verdict on this account's caller who has `sns:Publish` on everything, or on a service's call."""
    allowed = bool(role)
    for statement in policy_of(topic)["Statement"]:
        assert statement["Action"] == "sns:Publish"
        assert statement["Resource"] == {"Ref": topic}
        condition = statement.get("Condition", {})
        if statement["Effect"] == "Deny":
            assert statement["Principal"] == "*"
            assert condition == {
                "ArnNotEquals": {"aws:PrincipalArn": ROLES},
                "Bool": {"aws:PrincipalIsAWSService": "false"},
            }
            if not service and role not in ROLE_ARNS.values():
                return False
        elif service and statement["Principal"] == {"Service": service}:
            assert condition["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
            (pattern,) = condition["ArnLike"].values()
            assert pattern["Fn::Sub"].endswith(":cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*")
            allowed = account == ACCOUNT and alarm.startswith(f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:")
    return allowed


@pytest.mark.parametrize("topic", TOPICS)
def test_only_the_functions_that_notify_may_publish(topic: str) -> None:
    assert all(may_publish(topic, role=arn) for arn in ROLE_ARNS.values())
    assert not may_publish(topic, role=f"arn:aws:iam::{ACCOUNT}:role/team-b-dev")
    assert not may_publish(topic, role=f"arn:aws:iam::{ACCOUNT}:role/lifeline-CoverageRole-C")


def test_alarms_of_this_account_may_publish_to_people_and_nothing_else_of_any_service() -> None:
    alarm = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:lifeline-dead-letters"
    cloudwatch = "cloudwatch.amazonaws.com"
    assert may_publish("Notices", service=cloudwatch, alarm=alarm)
    assert not may_publish("Notices", service=cloudwatch, account="210987654321", alarm=alarm)
    assert not may_publish("Notices", service=cloudwatch, alarm="")
    assert not may_publish("Notices", service="events.amazonaws.com", alarm=alarm)
    assert not may_publish("ChatNoticesTopic", service=cloudwatch, alarm=alarm)


def statement(sid: str) -> dict[str, Any]:
    (policy,) = RESOURCES["ReconcileRole"]["Properties"]["Policies"]
    (found,) = [one for one in policy["PolicyDocument"]["Statement"] if one.get("Sid") == sid]
    return dict(found)


def test_the_tags_that_may_be_written_are_those_that_the_code_writes() -> None:
    writing = ("TagOnlyWhatItCreates", "CreateRequiredEndpointsTagged", "CreateSecurityGroupTagged")
    for sid in writing:
        condition, with_policy, rest = statement(sid)["Condition"]["ForAllValues:StringLike"]["aws:TagKeys"]["Fn::If"]
        assert (condition, with_policy) == ("HasPolicy", "*")
        assert rest == [NAME, MANAGED_BY, {"Fn::If": ["MayAssociate", IN_PLACE_OF, {"Ref": "AWS::NoValue"}]}]
    source = SOURCE.split("def own_tags(", 1)[1].split("return", 1)[0]
    assert "{**dict(more), NAME: name, MANAGED_BY: owner}" in source  # and without a policy, there are no more


def test_hosted_zones_are_only_associated_with_vpcs_of_the_stacks_region() -> None:
    condition = statement("PrivateDns")["Condition"]
    assert condition == {"ForAllValues:StringLike": {"route53:VPCs": {"Fn::Sub": "VPCId=*,VPCRegion=${AWS::Region}"}}}

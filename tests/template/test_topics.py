"""Who may publish to the topics, and which tags and networks the role's side permissions reach."""

from typing import Any

import pytest
from tools.template import read_template

from lifeline.core.network.model import IN_PLACE_OF, MANAGED_BY
from lifeline.core.policy.labels import NAME
from tests.support.policies import ACCOUNT, Caller, Stack, is_allowed
from tests.support.repository import ROOT

TEMPLATE = read_template()
RESOURCES = TEMPLATE["Resources"]
TOPICS = [name for name, one in RESOURCES.items() if one["Type"] == "AWS::SNS::Topic"]
ALARMS = [name for name, one in RESOURCES.items() if one["Type"] == "AWS::CloudWatch::Alarm"]
SOURCE = (ROOT / "functions/lifeline/adapters/aws/creation.py").read_text("utf-8")
STACK = Stack(TEMPLATE, {"ChatNotices": "yes"})
OTHERS = f"arn:aws:iam::{ACCOUNT}:role/team-b-dev"
CLOUDWATCH, EVENTS = "cloudwatch.amazonaws.com", "events.amazonaws.com"


def policy_of(topic: str) -> list[dict[str, Any]]:
    (policy,) = [
        name
        for name, one in RESOURCES.items()
        if one["Type"] == "AWS::SNS::TopicPolicy" and one["Properties"]["Topics"] == [{"Ref": topic}]
    ]
    assert RESOURCES[policy].get("Condition") == RESOURCES[topic].get("Condition")
    return STACK.statements(policy)


def may_publish(topic: str, caller: Caller) -> bool:
    return is_allowed(caller, "sns:Publish", STACK.arn(topic), resource_policy=policy_of(topic))


def person(arn: str) -> Caller:
    """A caller of the account whose own policies allow everything."""
    everything = ({"Effect": "Allow", "Action": "*", "Resource": "*"},)
    return Caller(policy=everything, context={"aws:PrincipalArn": arn, "aws:PrincipalIsAWSService": "false"})


def service(name: str, source: str, account: str = ACCOUNT) -> Caller:
    """A service that publishes for somebody's resource."""
    of_source = {"aws:SourceArn": source} if source else {}
    context = {"aws:SourceAccount": account, "aws:PrincipalIsAWSService": "true", **of_source}
    return Caller("", service=name, context=context)


@pytest.mark.parametrize("topic", TOPICS)
def test_only_the_functions_that_notify_may_publish(topic: str) -> None:
    assert all(may_publish(topic, person(STACK.arn(role))) for role in ("ReconcileRole", "DetectRole"))
    assert not may_publish(topic, person(OTHERS))
    assert not may_publish(topic, person(STACK.arn("CoverageRole")))


def test_the_stacks_own_alarms_may_publish_to_people_and_nothing_else_of_any_service() -> None:
    """Whoever may create an alarm chooses its name and its text."""
    for alarm in map(STACK.arn, ALARMS):
        assert may_publish("Notices", service(CLOUDWATCH, alarm))
        assert not may_publish("Notices", service(CLOUDWATCH, alarm, account="210987654321"))
        assert not may_publish("Notices", service(EVENTS, alarm))
        assert not may_publish("ChatNoticesTopic", service(CLOUDWATCH, alarm))
    for name in ("lifeline-dead-letters", "lifeline-DeadLettersAlarm-1A", "lifeline-DeadLettersAlarm-EXAMPLE2"):
        theirs = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{name}"
        assert not may_publish("Notices", service(CLOUDWATCH, theirs))
    assert not may_publish("Notices", service(CLOUDWATCH, ""))


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

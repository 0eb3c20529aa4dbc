"""What AWS checks and emulators don't: lengths of names, addresses in every partition, loops of messages."""

import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from tools.template import read_template

from lifeline.core.notices.links import dashboard_link

TEMPLATE = read_template()
LONGEST_STACK = "s" * 128  # CloudFormation API: CreateStack
LONGEST_REGION = "ap-northeast-1"
STACK_ID = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{LONGEST_STACK}/51af3dc0-da77-11e4-872e-1234567db123"
# The members that give a resource its name, and how long that may be: the services' API references.
LONGEST = {
    ("AWS::Scheduler::Schedule", "Name"): 64,
    ("AWS::Events::EventBus", "Name"): 256,
    ("AWS::CloudWatch::Dashboard", "DashboardName"): 255,
    ("AWS::Logs::QueryDefinition", "Name"): 255,
    ("AWS::Logs::LogGroup", "LogGroupName"): 512,
    ("AWS::SNS::Topic", "DisplayName"): 100,
    ("AWS::SSM::Parameter", "Name"): 1011,
    ("AWS::IAM::Role", "PolicyName"): 128,
    ("AWS::IAM::Role", "RoleName"): 64,
}
_NAMES_OTHERS = {  # the metric's, the bus's, the function's
    "AWS::CloudWatch::Alarm",
    "AWS::Events::EventBusPolicy",
    "AWS::Events::Rule",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
}
PARTITIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


def resolved(value: Any, *, partition: str = "aws", region: str = LONGEST_REGION, conditions: Any = None) -> str:
    """A value of the template as CloudFormation would write it for the stack with the longest name."""
    known = {
        "AWS::StackName": LONGEST_STACK,
        "AWS::Region": region,
        "AWS::StackId": STACK_ID,
        "AWS::Partition": partition,
        "AWS::NoValue": "",
        "Dashboard": "lifeline-dashboard",
    }
    conditions = conditions or {}

    def inner(part: Any) -> str:
        return resolved(part, partition=partition, region=region, conditions=conditions)

    match value:
        case str():
            return value
        case {"Ref": name}:
            return known[name]
        case {"Fn::Select": [place, {"Fn::Split": [by, whole]}]}:
            return inner(whole).split(by)[int(place)]
        case {"Fn::If": [condition, yes, no]}:
            return inner(yes if conditions[condition] else no)
        case {"Fn::Sub": [text, more]}:
            inside = known | {name: inner(part) for name, part in more.items()}
            return re.sub(r"\$\{([\w:]+)\}", lambda found: inside[found[1]], text)
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{([\w:]+)\}", lambda found: known[found[1]], text)
    raise AssertionError(value)


def names() -> Iterator[tuple[str, str, Any]]:
    """Every name that the template itself gives: the resource type, the member, and the value."""
    for resource in TEMPLATE["Resources"].values():
        kind, properties = resource["Type"], resource.get("Properties", {})
        for member, value in properties.items():
            if (kind, member) in LONGEST or (member.endswith("Name") and kind not in _NAMES_OTHERS):
                yield kind, member, value


def test_a_stack_with_the_longest_name_deploys() -> None:
    found = list(names())
    assert {(kind, member) for kind, member, _ in found} >= {("AWS::Scheduler::Schedule", "Name")}
    for kind, member, value in found:
        text = resolved(value, conditions={"IsInfrequentAccess": True, "HasSpokes": False})  # a hub's name is shorter
        assert len(text) <= LONGEST[kind, member], (kind, member, value)


def test_two_stacks_whose_names_begin_alike_have_schedules_of_their_own() -> None:
    schedules = [value for kind, _, value in names() if kind == "AWS::Scheduler::Schedule"]
    assert len({resolved(value) for value in schedules}) == 2
    assert all("51af3dc0-da77-11e4-872e-1234567db123" in resolved(value) for value in schedules)


@pytest.mark.parametrize("partition", botocore.session.Session().get_available_partitions())
def test_the_dashboards_address_is_that_of_the_partitions_console(partition: str) -> None:
    conditions = TEMPLATE["Conditions"]
    is_china, is_gov = partition == "aws-cn", partition == "aws-us-gov"
    assert conditions["IsChina"] == {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws-cn"]}
    assert conditions["IsGovCloud"] == {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws-us-gov"]}
    output = TEMPLATE["Outputs"]["DashboardLink"]
    assert output["Condition"] == "HasConsole"
    assert conditions["HasConsole"] == {
        "Fn::Or": [
            {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws"]},
            {"Condition": "IsChina"},
            {"Condition": "IsGovCloud"},
        ]
    }
    if partition not in PARTITIONS:
        return  # no address is known there, so none is promised
    region = PARTITIONS[partition]
    found = resolved(
        output["Value"], partition=partition, region=region, conditions={"IsChina": is_china, "IsGovCloud": is_gov}
    )
    assert found == dashboard_link("lifeline-dashboard", region)


def test_only_the_function_that_bounds_its_own_loop_may_loop() -> None:
    """Lambda detects no loops in China (China guide: Lambda)."""
    loops = {
        name: resource["Properties"].get("RecursiveLoop", "Terminate")
        for name, resource in TEMPLATE["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    allowed = {"Fn::If": ["IsChina", {"Ref": "AWS::NoValue"}, "Allow"]}
    assert loops == {"ReconcileEndpoints": allowed, "DetectMetricGaps": "Terminate", "CoveragePage": "Terminate"}


def test_logs_are_json_but_where_lambda_has_no_json_format() -> None:
    """GovCloud guide: AWS Lambda."""
    logging = TEMPLATE["Globals"]["Function"]["LoggingConfig"]
    assert logging == {"LogFormat": {"Fn::If": ["IsGovCloud", "Text", "JSON"]}}


def test_private_dns_is_allowed_whether_or_not_the_vpc_is_checked_too() -> None:
    (policy,) = TEMPLATE["Resources"]["ReconcileRole"]["Properties"]["Policies"]
    (statement,) = [one for one in policy["PolicyDocument"]["Statement"] if one.get("Sid") == "PrivateDns"]
    resources = [one["Fn::Sub"] for one in statement["Resource"]]
    assert resources == [
        "arn:${AWS::Partition}:route53:::hostedzone/*",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc/*",
    ]

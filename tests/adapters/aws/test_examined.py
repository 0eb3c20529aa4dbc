"""What the doctor's other adapters read: rules and queue, subscriptions, quotas, regions."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.delivery import Delivery
from lifeline.adapters.aws.quotas import QuotaReader
from lifeline.adapters.aws.regions import Regions, Stacks
from lifeline.adapters.aws.subscriptions import MOST_FILTERS, subscriptions_of
from lifeline.core.doctor.finding import NotRead
from lifeline.core.doctor.quotas import QUOTAS
from lifeline.core.doctor.stack import StackSeen
from lifeline.core.errors import TerminalError
from tests.support.emulator import emulated_aws

REGION = "us-east-1"
PATTERN = json.dumps({"source": ["aws.ec2"]})


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    with emulated_aws():
        yield


# ---- delivery


def queue() -> tuple[str, str]:
    url = boto3.client("sqs").create_queue(QueueName="changes")["QueueUrl"]
    return url, Delivery().queue(url)[0]


def test_the_rules_are_those_that_lead_to_the_queue_whatever_their_state() -> None:
    events, (_, arn) = boto3.client("events"), queue()
    for name, target in (("a", arn), ("b", arn), ("c", f"{arn}-other")):
        events.put_rule(Name=name, EventPattern=PATTERN, State="DISABLED" if name == "b" else "ENABLED")
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": target}])
    found = Delivery().rules_to(arn)
    assert sorted((rule.name, rule.is_enabled) for rule in found) == [("a", True), ("b", False)]
    assert all(rule.arn.endswith(f":rule/{rule.name}") for rule in found)
    assert Delivery().count_rules() == 3


def test_a_buss_rules_are_its_own() -> None:
    events, (_, arn) = boto3.client("events"), queue()
    events.create_event_bus(Name="lifeline")
    events.put_rule(Name="spokes", EventPattern=PATTERN, EventBusName="lifeline")
    events.put_targets(Rule="spokes", EventBusName="lifeline", Targets=[{"Id": "1", "Arn": arn}])
    assert Delivery().rules_to(arn) == ()
    assert [rule.name for rule in Delivery().rules_to(arn, bus="lifeline")] == ["spokes"]


def test_a_queue_has_an_arn_and_a_policy_or_none() -> None:
    url, arn = queue()
    assert arn == f"arn:aws:sqs:{REGION}:123456789012:changes"
    assert Delivery().queue(url)[1] == ""
    statement = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    boto3.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    assert json.loads(Delivery().queue(url)[1])["Statement"] == [statement]


def test_a_queue_that_is_gone_is_an_error_of_ours() -> None:
    with pytest.raises(TerminalError, match="NonExistentQueue"):
        Delivery().queue(f"https://sqs.{REGION}.amazonaws.com/123456789012/gone")


# ---- people


def test_subscriptions_have_their_protocol_address_and_state() -> None:
    sns = boto3.client("sns")
    arn = sns.create_topic(Name="notices")["TopicArn"]
    assert subscriptions_of(arn) == ()
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="ops@example.com")
    (one,) = subscriptions_of(arn)
    assert (one.protocol, one.endpoint, one.is_confirmed) == ("email", "ops@example.com", True)  # moto confirms


def test_confirmed_subscriptions_have_their_filter_policies_as_far_as_they_are_read() -> None:
    sns = boto3.client("sns")
    arn = sns.create_topic(Name="notices")["TopicArn"]
    for place in range(MOST_FILTERS + 1):
        sns.subscribe(TopicArn=arn, Protocol="email", Endpoint=f"ops{place}@example.com")
    first, *others = subscriptions_of(arn)
    assert {one.filter_policy for one in (first, *others[:-1])} == {""}
    assert isinstance(others[-1].filter_policy, NotRead)
    sns.set_subscription_attributes(
        SubscriptionArn=first.state, AttributeName="FilterPolicy", AttributeValue='{"kind": ["none"]}'
    )
    assert subscriptions_of(arn)[0].filter_policy == '{"kind": ["none"]}'


def test_a_filter_policy_that_may_not_be_read_is_said_and_the_subscriptions_are_listed_all_the_same() -> None:
    sns = boto3.client("sns")
    arn = sns.create_topic(Name="notices")["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="ops@example.com")
    denied: Any = {"Error": {"Code": "AuthorizationError", "Message": "not authorized"}}

    def deny(**_: object) -> None:
        raise ClientError(denied, "GetSubscriptionAttributes")

    sns.meta.events.register("before-call.sns.GetSubscriptionAttributes", deny)
    (one,) = subscriptions_of(arn, lambda _: sns)
    assert isinstance(one.filter_policy, NotRead)
    assert "AuthorizationError" in one.filter_policy.why


# ---- quotas


def test_every_quota_that_is_checked_is_one_that_service_quotas_has() -> None:
    values = {quota.code: QuotaReader().value(quota.code) for quota in QUOTAS}
    assert values == {quota.code: quota.default for quota in QUOTAS}


def test_an_unknown_quota_is_an_error_of_ours() -> None:
    with pytest.raises(TerminalError, match="NoSuchResource"):
        QuotaReader().value("L-00000000")


def test_what_there_is_is_counted() -> None:
    ec2 = boto3.client("ec2")
    before = QuotaReader().count_network_interfaces(), QuotaReader().count_security_groups()
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet_id = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    ec2.create_network_interface(SubnetId=subnet_id)
    assert QuotaReader().count_network_interfaces() == before[0] + 1
    assert QuotaReader().count_security_groups() == before[1] + 1  # the VPC's default one


# ---- regions


def test_other_regions_say_whether_they_have_private_subnets_and_a_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    described = {"Regions": [{"RegionName": name} for name in (REGION, "eu-west-1", "eu-north-1", "eu-south-1")]}
    monkeypatch.setattr(client("ec2"), "describe_regions", lambda: described, raising=False)
    template = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    boto3.client("cloudformation", region_name="eu-west-1").create_stack(StackName="lifeline", TemplateBody=template)
    for name in ("eu-west-1", "eu-north-1"):
        ec2 = boto3.client("ec2", region_name=name)
        vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.1.0/24")
    south = boto3.client("ec2", region_name="eu-south-1")
    for subnet in south.describe_subnets()["Subnets"]:
        south.delete_subnet(SubnetId=subnet["SubnetId"])
    found = {one.name: one for one in Regions().others(REGION, "lifeline")}
    assert set(found) == {"eu-west-1", "eu-north-1", "eu-south-1"}
    assert found["eu-west-1"].has_stack is True
    assert found["eu-north-1"].has_stack is False
    assert found["eu-south-1"].private_subnets == 0
    assert found["eu-west-1"].private_subnets


def test_a_stack_is_found_with_its_outputs_and_none_is_no_error() -> None:
    assert Stacks().find("lifeline") is None
    assert not Stacks().is_deployed("lifeline")
    template = {
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"ChangesQueue": {"Value": {"Ref": "Queue"}}},
    }
    boto3.client("cloudformation").create_stack(StackName="lifeline", TemplateBody=json.dumps(template))
    found = Stacks().find("lifeline")
    assert found is not None
    assert (set(found.outputs), found.status) == ({"ChangesQueue"}, "CREATE_COMPLETE")
    assert Stacks().is_deployed("lifeline")


@pytest.mark.parametrize("state", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "DELETE_FAILED", "CREATE_IN_PROGRESS"])
def test_a_stack_that_was_never_deployed_counts_as_none(state: str) -> None:
    listed: Any = {"Stacks": [{"StackName": "lifeline", "StackStatus": state, "StackStatusReason": "no"}]}
    there: Any = SimpleNamespace(describe_stacks=lambda **_: listed)
    assert not Stacks(lambda *_: there).is_deployed("lifeline")
    assert Stacks(lambda *_: there).find("lifeline") == StackSeen("lifeline", state, "no")
    listed["Stacks"][0]["StackStatus"] = "UPDATE_ROLLBACK_COMPLETE"
    assert Stacks(lambda *_: there).is_deployed("lifeline")

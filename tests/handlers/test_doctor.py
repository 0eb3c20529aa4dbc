"""The doctor on an emulated stack: all is well, and then each of eight faults that are planted.

| fault | emulator | planted by |
| --- | --- | --- |
| no trail | moto | `test_there_is_no_trail` |
| a trail that was stopped | moto | `test_the_trail_was_stopped` |
| a trail that leaves out EC2 | moto | `test_the_trail_leaves_out_ec2` |
| a rule that was disabled | moto, and ministack's in `test_doctor_chain.py` | `test_a_rule_was_disabled` |
| a queue policy that keeps the rules out | moto, read statically | `test_the_queues_policy_keeps_the_rules_out` |
| a subscription that nobody confirmed | ministack | `test_doctor_chain.py::test_nobody_confirmed_the_subscription` |
| a quota that is used up | moto | `test_the_quota_of_endpoints_is_used_up` |
| a boundary that denies | the strict stand-in | `test_the_permissions_boundary_denies_what_lifeline_does` |
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import boto3
import jsonschema  # type: ignore[import-untyped]
import pytest
from tools.template import read_template

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.quotas import QuotaReader
from lifeline.adapters.aws.regions import Regions
from lifeline.adapters.aws.trails import Trails
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.adapters.store.ownership import Ownership
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.doctor.delivery import RULES
from lifeline.core.doctor.finding import NotRead
from lifeline.core.doctor.networks import OtherRegion
from lifeline.core.doctor.quotas import Concurrency
from lifeline.core.doctor.trails import Trail
from lifeline.core.event_path.dry_run import DryRun
from lifeline.handlers.reconcile_endpoints import handler
from tests.support.agents import TABLE
from tests.support.home import HOME
from tests.support.organization_hub import ROLE, A, begin
from tests.support.policies import Caller, Stack
from tests.support.repository import ROOT
from tests.support.strict import Clock, StrictAccount
from tests.support.world import ACCOUNT, Context, World, emulated_world

STACK = Stack(read_template())
SCHEMA = json.loads((ROOT / "docs/schemas/doctor.schema.json").read_text("utf-8"))
EVENT_SOURCE = {"Field": "eventSource", "NotEquals": ["ec2.amazonaws.com"]}
EC2_LEFT_OUT = [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}, EVENT_SOURCE]}]
MINUTE = timedelta(minutes=1)
SWEEP = "lifeline-sweep-1a2b"
FUNCTIONS = {"AWS_LAMBDA_FUNCTION_NAME": "reconcile", "DETECT_FUNCTION": "detect"}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A stack that is well: its rules lead to its queue, which lets them in, a trail logs, and somebody hears.

    What moto lacks is put in its place: Lambda's settings of the account, and other Regions, of which moto has 38 with
    a VPC each.
    """
    monkeypatch.setattr(QuotaReader, "concurrency", lambda _: Concurrency(1000, 1000))
    monkeypatch.setattr(Regions, "others", lambda *_: (OtherRegion("eu-west-1", 2, has_stack=True),))
    with emulated_world(monkeypatch, SWEEP_NAME=SWEEP, **FUNCTIONS) as world:
        make_trail()
        deliver(world)
        schedule_sweeps()
        receive(world)
        vpc_id = world.make_vpc()
        world.make_subnet(vpc_id)
        make_group(world, vpc_id)
        prove()
        yield world


def make_group(world: World, vpc_id: str) -> None:
    """Lifeline's security group, without which its dry run would say nothing of endpoints."""
    tags = [{"ResourceType": "security-group", "Tags": [{"Key": "lifeline:managed-by", "Value": "lifeline"}]}]
    group: Any = {"GroupName": "lifeline-endpoints", "Description": "x", "TagSpecifications": tags}
    group_id = world.ec2.create_security_group(VpcId=vpc_id, **group)["GroupId"]
    Ownership(TABLE).created(HOME.vpc(vpc_id), group_id, now=datetime.now(UTC))


def make_trail() -> None:
    boto3.client("s3").create_bucket(Bucket="trail-bucket")
    trails = boto3.client("cloudtrail")
    trails.create_trail(Name="main", S3BucketName="trail-bucket", IsMultiRegionTrail=True)
    trails.start_logging(Name="main")


def schedule_sweeps(state: str = "ENABLED") -> None:
    role = "arn:aws:iam::123456789012:role/lifeline-ScheduleRole"
    target = {"Arn": "arn:aws:lambda:us-east-1:123456789012:function:reconcile", "RoleArn": role}
    given: Any = {"FlexibleTimeWindow": {"Mode": "OFF"}, "ScheduleExpression": "rate(1 hour)", "Target": target}
    boto3.client("scheduler").create_schedule(Name=SWEEP, State=state, **given)


def receive(world: World) -> None:
    """The queues trigger the function."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = boto3.client("iam").create_role(RoleName="lambda", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    functions, code = boto3.client("lambda"), BytesIO()
    with ZipFile(code, "w") as archive:
        archive.writestr("main.py", "")
    given: Any = {
        "Runtime": "python3.13",
        "Role": role,
        "Handler": "main.handler",
        "Code": {"ZipFile": code.getvalue()},
    }
    for name in FUNCTIONS.values():
        functions.create_function(FunctionName=name, **given)
    checks = world.sqs.create_queue(QueueName="lifeline-Checks")["QueueUrl"]
    for url, name in ((world.queue_url, "reconcile"), (world.repair_queue_url, "reconcile"), (checks, "detect")):
        reports: Any = ["ReportBatchItemFailures"] if name == "reconcile" else []  # as in the template
        functions.create_event_source_mapping(
            FunctionName=name, EventSourceArn=queue_arn(world, url), FunctionResponseTypes=reports
        )


def queue_policy(queue_arn: str) -> list[dict[str, Any]]:
    text = json.dumps(STACK.queue_policy("Changes")).replace(STACK.arn("Changes"), queue_arn)
    found: list[dict[str, Any]] = json.loads(text)
    return found


def deliver(world: World) -> None:
    events, arn = boto3.client("events"), queue_arn(world)
    for name in RULES:
        rule = STACK.arn(name).rpartition("/")[2]
        events.put_rule(Name=rule, EventPattern=json.dumps({"source": ["aws.ec2"]}))
        events.put_targets(Rule=rule, Targets=[{"Id": "changes", "Arn": arn}])
    set_policy(world, queue_policy(arn))


def queue_arn(world: World, url: str = "") -> str:
    answer = world.sqs.get_queue_attributes(QueueUrl=url or world.queue_url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def set_policy(world: World, statements: list[dict[str, Any]]) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    world.sqs.set_queue_attributes(QueueUrl=world.queue_url, Attributes={"Policy": document})


def prove() -> None:
    """A sweep's dry run was heard."""
    asked = datetime.now(UTC) - 20 * MINUTE
    said = DryRun("DryRunOperation", "Request would have succeeded", "req-1")
    EventPathStore(TABLE).change(lambda state: (state.asked(said, asked).heard("req-1", asked, asked + MINUTE), None))


def examine(**more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(handler({"doctor": True, **more}, Context())))
    return answer


def findings(answer: dict[str, Any]) -> dict[str, dict[str, str]]:
    sections = answer["doctor"]["sections"]
    return {one["check"]: one for section in sections for one in section["findings"]}


def only_fault(check: str) -> dict[str, str]:
    """The finding of this check, which is the only fault."""
    answer = examine()
    assert answer["status"] == 1
    found = findings(answer)
    assert [name for name, one in found.items() if one["verdict"] == "bad"] == [check], found
    return found[check]


# ---- all is well


def test_a_stack_that_is_well_is_told_so_in_every_check(world: World) -> None:
    answer = examine()
    assert {one["verdict"] for one in findings(answer).values()} == {"ok"}, answer
    assert answer["status"] == 0
    jsonschema.validate(answer["doctor"], SCHEMA)
    assert {*findings(answer)} == {
        "trail",
        "rules",
        "queue policy",
        "trigger",
        "sweeps",
        "event path",
        "may create endpoints",
        "services",
        "policy",
        "kill switch",
        "organization",
        "room for interface endpoints",
        "room for gateway endpoints",
        "room for network interfaces",
        "room for security groups",
        "Lambda concurrency",
        "DNS attributes",
        "DNS servers",
        "shared VPCs",
        "other Regions",
        "agents",
        "subscriptions",
    }


def test_people_read_text_with_the_same_status(world: World) -> None:
    answer = examine(format="text")
    assert answer["status"] == 0
    assert answer["text"].startswith("Lifeline's doctor: stack lifeline in us-east-1, account 123456789012")
    assert answer["text"].endswith("0 bad, 0 unknown and 22 ok.\n")
    assert "doctor" not in answer


def test_an_examination_changes_nothing_and_writes_nothing(world: World) -> None:
    before = world.dynamodb.scan(TableName=TABLE)["Items"]
    account = StrictAccount(now=Clock(), throttling=False)
    account.attach(client("ec2"))
    examine()
    assert account.calls == []
    assert account.call_counts["CreateVpcEndpoint"] == 1  # the dry run
    assert world.ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
    assert world.dynamodb.scan(TableName=TABLE)["Items"] == before
    assert world.notices() == []


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ({"doctor": "yes"}, "doctor"),
        ({"doctor": True, "sweep": True}, "sweep"),
        ({"doctor": True, "by": "dana"}, "by"),
        ({"doctor": True, "format": "xml"}, "format"),
        ({"docter": True}, "docter"),
    ],
)
def test_a_call_that_means_nothing_examines_nothing(world: World, call: dict[str, Any], field: str) -> None:
    answer = handler(call, Context())
    assert [one["field"] for one in answer["errors"]] == [field]
    assert not answer.get("doctor")
    assert "text" not in answer


def test_who_wanted_text_gets_the_refusal_as_text(world: World) -> None:
    answer = handler({"doctor": True, "sweep": True, "format": "text"}, Context())
    assert answer["text"].startswith("Error: ")
    assert "sweep" in answer["text"]


@pytest.mark.parametrize("error", [KeyError("Value"), TypeError("'NoneType' is not iterable"), ValueError("x")])
def test_an_answer_that_nobody_expected_is_unknown_and_stops_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object) -> Any:
        raise error

    monkeypatch.setattr(QuotaReader, "value", refuse)
    found = findings(examine())
    assert any(one["verdict"] == "unknown" and type(error).__name__ in one["why"] for one in found.values())
    assert found["trail"]["verdict"] == "ok"


def test_a_message_on_the_queue_cant_ask_for_it(world: World) -> None:
    record = {"messageId": "1", "body": '{"doctor": true}', "attributes": {}, "eventSourceARN": queue_arn(world)}
    assert handler({"Records": [record]}, Context()) == {"batchItemFailures": []}
    (dead,) = world.dead_letters()
    assert "doctor" in json.dumps(dead)


# ---- the eight faults


def test_there_is_no_trail(world: World) -> None:
    boto3.client("cloudtrail").delete_trail(Name="main")
    assert "No trail logs anything in us-east-1" in only_fault("trail")["says"]


def test_the_trail_was_stopped(world: World) -> None:
    boto3.client("cloudtrail").stop_logging(Name="main")
    found = only_fault("trail")
    assert "main is stopped" in found["says"]
    assert "aws cloudtrail start-logging" in found["remedy"]


def test_the_trail_leaves_out_ec2(world: World) -> None:
    boto3.client("cloudtrail").put_event_selectors(TrailName="main", AdvancedEventSelectors=EC2_LEFT_OUT)
    assert "main leaves out EC2's write events" in only_fault("trail")["says"]


def test_a_rule_was_disabled(world: World) -> None:
    boto3.client("events").disable_rule(Name="lifeline-InterfaceRule-EXAMPLE")
    found = only_fault("rules")
    assert "disabled: lifeline-InterfaceRule-EXAMPLE" in found["says"]
    assert "aws events enable-rule --name lifeline-InterfaceRule-EXAMPLE" in found["remedy"]


def test_the_queues_policy_keeps_the_rules_out(world: World) -> None:
    allow, deny = queue_policy(queue_arn(world))
    set_policy(world, [deny])
    assert "keeps out lifeline-RoutingRule-EXAMPLE" in only_fault("queue policy")["says"]
    set_policy(world, [allow | {"Resource": "arn:aws:sqs:us-east-1:123456789012:another"}, deny])
    only_fault("queue policy")


@pytest.mark.parametrize(("name", "least"), [("reconcile", 5), ("detect", 6)])
def test_a_function_may_not_run_or_not_often_enough_for_what_it_reserves(world: World, name: str, least: int) -> None:
    functions = boto3.client("lambda")
    for count in (0, least - 1):
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=count)
        assert f"reserves {count} " in only_fault("Lambda concurrency")["says"]
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=least)
    assert examine()["status"] == 0


def test_the_quota_of_endpoints_is_used_up(world: World) -> None:
    vpc_id = world.make_vpc(cidr="10.50.0.0/16")
    world.make_subnet(vpc_id, "10.50.1.0/24")
    for _ in range(50):
        service = "com.amazonaws.us-east-1.ssm"
        world.ec2.create_vpc_endpoint(VpcId=vpc_id, ServiceName=service, VpcEndpointType="Interface")
    found = only_fault("room for interface endpoints")
    assert f"{vpc_id} has 50 and may need 1 more" in found["says"]
    assert "L-29B6F2EB" in found["remedy"]


def test_the_permissions_boundary_denies_what_lifeline_does(world: World) -> None:
    account = StrictAccount(now=Clock(), throttling=False)
    for service in ("ec2", "sts"):  # what EC2 said can't be decoded either
        account.attach(client(service))
    reads = {"Effect": "Allow", "Action": ["ec2:Describe*", "ec2:Get*"], "Resource": "*"}
    account.caller = Caller(
        policy=tuple(STACK.statements("ReconcileRole")),
        context={"aws:PrincipalArn": STACK.arn("ReconcileRole")},
        limits={"permissions boundary": (reads,)},
    )
    found = only_fault("may create endpoints")
    assert "by the role's permissions boundary" in found["says"]
    assert "docs/permissions" in found["remedy"]


def test_each_fault_is_planted_by_the_test_that_the_list_names() -> None:
    rows = [line.split("|")[1:4] for line in (__doc__ or "").splitlines()[4:] if line.startswith("|")]
    assert len(rows) == 8
    chain = (ROOT / "tests/e2e/test_doctor_chain.py").read_text("utf-8")
    for _, _, named in rows:
        test = named.strip().strip("`").rpartition("::")[2]
        assert test in globals() or f"def {test}(" in chain, test


def test_the_sweeps_schedule_was_disabled_or_deleted(world: World) -> None:
    scheduler = boto3.client("scheduler")
    scheduler.delete_schedule(Name=SWEEP)
    assert f"There is no schedule {SWEEP}" in only_fault("sweeps")["says"]
    schedule_sweeps("DISABLED")
    assert "DISABLED" in only_fault("sweeps")["says"]


def test_a_stack_of_an_older_template_does_not_say_which_schedule_is_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SWEEP_NAME")
    assert "template" in findings(examine())["sweeps"]["why"]


def test_sweeps_do_not_end_any_more(world: World) -> None:
    store, before = VpcStore(TABLE), VpcStore(TABLE).load(HOME)
    now = datetime.now(UTC)
    store.save(HOME, before, replace(before, reconciled_at=now - 180 * MINUTE), now=now)
    assert "began 3 h ago" in only_fault("sweeps")["says"]


@pytest.mark.parametrize("variable", ["QUEUE_URL", "REPAIR_QUEUE_URL", "DETECT_QUEUE_URL"])
def test_the_queues_trigger_was_disabled(world: World, variable: str) -> None:
    functions, arn = boto3.client("lambda"), queue_arn(world, os.environ[variable])
    (mapping,) = functions.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    assert f"--uuid {mapping['UUID']}" in only_fault("trigger")["remedy"]


def test_the_queues_trigger_was_given_to_another_function(world: World) -> None:
    functions = boto3.client("lambda")
    (mapping,) = functions.list_event_source_mappings(EventSourceArn=queue_arn(world))["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], FunctionName="detect")
    assert "go to detect instead" in only_fault("trigger")["says"]


def test_the_queues_trigger_deletes_what_failed(world: World) -> None:
    functions = boto3.client("lambda")
    (mapping,) = functions.list_event_source_mappings(EventSourceArn=queue_arn(world))["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], FunctionResponseTypes=[])
    assert "delete messages that ReconcileEndpoints reports as failed" in only_fault("trigger")["says"]


# ---- what isn't a fault


def test_a_member_of_an_organization_with_its_only_trail_is_well_once_the_event_path_is_proven(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, refused = "arn:aws:cloudtrail:us-east-1:999999999999:trail/all", NotRead("CloudTrailARNInvalidException")
    trail = Trail(theirs, is_logging=True, selectors=refused, has_custom_selectors=True, is_organizations=True)
    monkeypatch.setattr(Trails, "read", lambda _: (trail,))
    assert examine()["status"] == 0
    EventPathStore(TABLE).change(lambda state: (state.unasked("the policy turns the dry runs off"), None))
    EventPathStore(TABLE).change(lambda state: (replace(state, proven_at=None), None))
    assert findings(examine())["trail"]["verdict"] == "unknown"


def test_what_there_is_no_time_to_read_is_unknown_and_the_caller_hears_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = StrictAccount(now=Clock(), throttling=False)
    account.attach(client("ec2"))
    answer = json.loads(json.dumps(handler({"doctor": True}, Context(remaining_ms=40_000))))
    assert answer["status"] == 2
    found = findings(answer)
    late = {"trail", "rules", "queue policy", "event path", "may create endpoints", "DNS attributes", "subscriptions"}
    for name in late:
        assert found[name]["verdict"] == "unknown", found[name]
        assert "no time" in found[name]["why"], found[name]
    assert not account.call_counts


def test_the_dns_attributes_of_many_vpcs_are_read_as_far_as_the_time_allows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifeline.doctor.examination._VPCS_AT_ONCE", 1)
    world.make_subnet(world.make_vpc(cidr="10.9.0.0/16"), "10.9.1.0/24")
    assert "all of 2 VPCs" in findings(examine())["DNS attributes"]["says"]


def test_what_aws_does_not_let_be_read_is_unknown_and_stops_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = StrictAccount(now=Clock(), throttling=False)
    for service in ("cloudtrail", "events", "sns", "service-quotas"):
        account.attach(client(service))
    account.caller = Caller(policy=(), context={"aws:PrincipalArn": STACK.arn("ReconcileRole")})
    answer = examine()
    found = findings(answer)
    assert answer["status"] == 2
    unknown = {name for name, one in found.items() if one["verdict"] == "unknown"}
    assert unknown == {
        "trail",
        "rules",
        "queue policy",
        "room for interface endpoints",
        "room for network interfaces",
        "subscriptions",
    }
    assert all("AccessDenied" in found[name]["why"] for name in unknown)


def test_a_member_account_is_examined_by_its_own_role_without_what_only_the_hub_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Regions, "others", lambda *_: ())
    for hub in begin(monkeypatch, A):
        hub.a.make_subnet(hub.a.make_vpc())
        events = hub.a.client("events")
        bus = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/lifeline"
        for name in RULES[:-1]:
            rule = f"StackSet-lifeline-1a2b-{name}-X1"
            events.put_rule(Name=rule, EventPattern=json.dumps({"source": ["aws.ec2"]}))
            events.put_targets(Rule=rule, Targets=[{"Id": "hub", "Arn": bus}])
        answer = examine(account=A)
        found = findings(answer)
        assert answer["doctor"]["account"] == A
        assert answer["doctor"]["examined_as"] == f"arn:aws:iam::{A}:role/{ROLE}"
        assert found["trail"]["verdict"] == "bad"
        assert "without the hub's bus as its target: TagRule" in found["rules"]["says"]
        assert "Lifeline's security group isn't there yet" in found["may create endpoints"]["why"]
        assert {"queue policy", "subscriptions", "Lambda concurrency"}.isdisjoint(found)
        assert A in answer["doctor"]["left_out"][0]


def test_an_account_that_isnt_served_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in begin(monkeypatch, A):
        answer = handler({"doctor": True, "account": "444444444444"}, Context())
        assert [one["field"] for one in answer["errors"]] == ["account"]


def test_other_calls_do_not_pay_for_the_doctor() -> None:
    code = (
        "import sys; import lifeline.handlers.reconcile_endpoints;"
        "print(sorted(one for one in sys.modules if one.startswith(('lifeline.doctor', 'lifeline.core.doctor'))))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT / "functions", capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "[]\n"

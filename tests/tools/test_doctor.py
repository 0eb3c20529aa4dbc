"""`make doctor`: with read-only credentials, without a stack and with one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import fastjsonschema
import jsonschema  # type: ignore[import-untyped]
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws
from tools.stack import NOT_DEPLOYED, environment_of

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.regions import Regions
from lifeline.core.doctor.networks import OtherRegion
from lifeline.core.errors import TransientError
from lifeline.core.look_back.cuts import find_cuts
from lifeline.core.look_back.looks import Patience, count_looks
from lifeline.core.look_back.report import LookBack
from tests.support.agents import TABLE, create_table
from tests.support.moto_filters import teach_dry_runs
from tests.support.repository import ROOT
from tools import doctor

REGION, ACCOUNT = "us-east-1", "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/lifeline-ReconcileRole-1A"
FUNCTION = "lifeline-ReconcileEndpoints-1A"
SCHEMA = json.loads((ROOT / "docs/schemas/doctor.schema.json").read_text("utf-8"))
LOOK_BACK = fastjsonschema.compile(json.loads((ROOT / "docs/schemas/look-back.schema.json").read_text("utf-8")))
ALLOWED = {"EvalActionName": "ec2:CreateVpcEndpoint", "EvalDecision": "allowed"}
BOUNDED = {
    "EvalActionName": "ec2:CreateVpcEndpoint",
    "EvalDecision": "implicitDeny",
    "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False},
}


class Aws:
    """moto, with AWS's answers where moto has none, and every operation that was sent."""

    def __init__(self, make_call: Any) -> None:
        self._make_call = make_call
        self.sent: list[str] = []
        self.simulated: dict[str, Any] = ALLOWED
        self.asked: dict[str, Any] = {}
        self.variables: dict[str, str] = {}
        self.stack: dict[str, Any] = {}
        self.reserved: dict[str, dict[str, int]] = {}

    def call(self, client_: Any, operation: str, params: dict[str, Any]) -> Any:
        self.sent.append(operation)
        if operation == "SimulatePrincipalPolicy":
            self.asked = params
            return {"EvaluationResults": [self.simulated]}
        if operation == "GetAccountSettings":
            return {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}}
        if operation == "GetFunctionConcurrency":
            return self.reserved.get(params["FunctionName"], {})
        if operation == "DescribeStacks" and self.stack:
            return {"Stacks": [self.stack]}
        if operation == "GetFunctionConfiguration":
            return {"Environment": {"Variables": self.variables}}
        return self._make_call(client_, operation, params)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    environment = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    teach_dry_runs()
    with patch.dict(os.environ, environment), mock_aws():
        os.environ.pop("AWS_REGION", None)
        os.environ.pop("AWS_DEFAULT_REGION", None)
        remember.cache_clear()
        stub = Aws(BaseClient._make_api_call)  # type: ignore[attr-defined]

        def call(self: Any, operation: str, params: dict[str, Any]) -> Any:  # a method, which a bound one would not be
            return stub.call(self, operation, params)

        monkeypatch.setattr(BaseClient, "_make_api_call", call)
        monkeypatch.setattr(Regions, "others", lambda *_: (OtherRegion("eu-west-1", 1, has_stack=False),))
        yield stub
    client.cache_clear()
    remember.cache_clear()


def deploy(aws: Aws) -> None:
    """A stack as far as the doctor looks: its outputs, its function's variables, its ledger, topic and queue."""
    template = {
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "changes"}}},
        "Outputs": {"ReconcileEndpointsFunction": {"Value": FUNCTION}, "ChangesQueue": {"Value": {"Ref": "Queue"}}},
    }
    stacks: Any = boto3.client("cloudformation", region_name=REGION)
    stacks.create_stack(StackName="lifeline", TemplateBody=json.dumps(template))
    with patch.dict(os.environ, {"AWS_DEFAULT_REGION": REGION}):
        create_table()
    topic = boto3.client("sns", region_name=REGION).create_topic(Name="notices")["TopicArn"]
    queue = boto3.client("sqs", region_name=REGION).get_queue_url(QueueName="changes")["QueueUrl"]
    parameter = "/lifeline/lifeline/stop"
    boto3.client("ssm", region_name=REGION).put_parameter(Name=parameter, Value="off", Type="String")
    aws.variables = environment_of("ReconcileEndpoints", {"Mode": "enforce"}) | {
        "ROLE_ARN": ROLE,
        "TABLE_NAME": TABLE,
        "TOPIC_ARN": topic,
        "QUEUE_URL": queue,
        "KILL_SWITCH_PARAMETER": parameter,
    }


def report(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 1) -> dict[str, Any]:
    assert doctor.main(["--region", REGION, "--format", "json", *arguments]) == status
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    return found


def findings(found: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {one["check"]: one for section in found["sections"] for one in section["findings"]}


def test_before_there_is_a_stack_it_examines_the_account_alone(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys)
    assert (found["stack"], found["account"], found["region"]) == ("", ACCOUNT, REGION)
    assert found["examined_as"] == f"arn:aws:sts::{ACCOUNT}:user/moto"
    assert findings(found)["trail"]["verdict"] == "bad"
    assert findings(found)["other Regions"]["verdict"] == "ok"
    assert {"rules", "queue policy", "event path", "subscriptions", "policy"}.isdisjoint(findings(found))
    assert "no stack lifeline is deployed" in found["left_out"][0]
    assert NOT_DEPLOYED not in json.dumps(found)


def test_a_deployed_stack_is_found_by_its_name_and_examined_by_its_own_settings(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(aws)
    found = report(capsys)
    assert found["stack"] == "lifeline"
    judged = findings(found)
    assert "without the queue of changes as its target" in judged["rules"]["says"]
    assert judged["subscriptions"]["verdict"] == "bad"
    assert judged["other Regions"]["verdict"] == "bad"
    assert judged["kill switch"]["verdict"] == judged["policy"]["verdict"] == "ok"
    assert judged["event path"]["verdict"] == "unknown"


def test_what_the_functions_reserve_is_read_by_their_deployed_names(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(aws)
    aws.variables["DETECT_FUNCTION"] = "lifeline-DetectMetricGaps-1A"
    assert findings(report(capsys))["Lambda concurrency"]["verdict"] == "ok"
    for name, called in ((FUNCTION, "ReconcileEndpoints"), (aws.variables["DETECT_FUNCTION"], "DetectMetricGaps")):
        aws.reserved = {name: {"ReservedConcurrentExecutions": 0}}
        found = findings(report(capsys))["Lambda concurrency"]
        assert (found["verdict"], found["says"].split()[0]) == ("bad", called)


def test_a_stack_of_an_older_template_says_nothing_of_what_its_functions_reserve(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(aws)
    del aws.variables["DETECT_FUNCTION"]
    found = findings(report(capsys))["Lambda concurrency"]
    assert found["verdict"] == "unknown"
    assert "a template that doesn't tell its functions their own names" in found["why"]


def test_the_role_is_simulated_with_the_keys_that_its_policies_ask_for(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(aws)
    check = "may create endpoints, by simulation"
    assert findings(report(capsys))[check]["verdict"] == "ok"
    assert aws.asked["PolicySourceArn"] == ROLE
    assert aws.asked["ResourceArns"] == [f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-endpoint/*"]
    keys = {one["ContextKeyName"]: one["ContextKeyValues"] for one in aws.asked["ContextEntries"]}
    assert keys["aws:RequestTag/lifeline:managed-by"] == ["lifeline"]
    assert keys["ec2:VpceServiceName"] == ["com.amazonaws.us-east-1.monitoring"]
    aws.simulated = BOUNDED
    found = findings(report(capsys))[check]
    assert found["verdict"] == "bad"
    assert "The permissions boundary denies" in found["says"]


def test_nothing_is_sent_that_could_change_anything_or_tell_of_others_permissions(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(aws)
    aws.sent.clear()
    report(capsys)
    names = ("Describe", "Get", "List", "Simulate", "Query")
    assert [one for one in aws.sent if not one.startswith(names)] == []


def test_the_look_back_is_a_section_of_its_own_that_judges_nothing(
    aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, none = datetime(2026, 11, 29, tzinfo=UTC), count_looks((), Patience(), {})
    past = LookBack("Event history", now - timedelta(days=90), now, (), none, Decimal(0), find_cuts(()))
    monkeypatch.setattr(doctor, "look_back", lambda _, **__: past)
    section = report(capsys, "--look-back", "yes")["sections"][-1]
    assert (section["name"], section["findings"]) == ("look_back", [])
    LOOK_BACK(section["look_back"])
    assert doctor.main(["--region", REGION, "--look-back", "yes"]) == 1
    assert "\nThe last 90 days\n" in capsys.readouterr().out


def test_what_a_look_back_could_not_read_is_unknown(
    aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, none = datetime(2026, 11, 29, tzinfo=UTC), count_looks((), Patience(), {})
    unread = {"CreateRoute": "ThrottlingException: Rate exceeded"}
    past = LookBack("history", now - timedelta(days=90), now, (), none, Decimal(0), find_cuts(()), unread_calls=unread)
    monkeypatch.setattr(doctor, "look_back", lambda _, **__: past)
    (finding,) = report(capsys, "--look-back", "yes")["sections"][-1]["findings"]
    assert (finding["verdict"], finding["why"]) == ("unknown", "ThrottlingException: Rate exceeded")
    assert "CreateRoute" in finding["says"]


def test_a_look_back_that_fails_costs_its_own_section_alone(
    aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def fail(_: datetime, *, hashes_names: bool) -> LookBack:
        asked.append(hashes_names)
        raise TransientError("LookupEvents: ThrottlingException: Rate exceeded")

    monkeypatch.setattr(doctor, "look_back", fail)
    *others, last = report(capsys, "--look-back", "yes", "--names", "hash")["sections"]
    assert [one["name"] for one in others] == ["events", "permissions", "room", "networks", "people"]
    (finding,) = last["findings"]
    assert (finding["verdict"], finding["why"]) == ("unknown", "LookupEvents: ThrottlingException: Rate exceeded")
    assert asked == [True]


@pytest.mark.parametrize("arguments", [["--look-back", "maybe"], ["--format", "csv"]])
def test_a_choice_that_there_isnt_is_told_with_those_that_there_are(
    aws: Aws, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert doctor.main(["--region", REGION, *arguments]) == 2
    assert f"or {'yes' if 'maybe' in arguments else 'json'}, not {arguments[1]!r}" in capsys.readouterr().err


def test_people_read_text_and_the_status_is_the_same(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--region", REGION]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("Lifeline's doctor: no deployed stack in us-east-1")
    assert "  bad      trail: No trail logs anything in us-east-1" in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Invalid arguments: REGION is missing"),
        (["--region", REGION, "--profile", "nobody"], "Invalid arguments: PROFILE: The config profile"),
    ],
)
def test_unusable_arguments_are_told_in_a_line_and_end_with_2(
    aws: Aws, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert doctor.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(words)


@pytest.mark.parametrize("state", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS"])
def test_a_stack_whose_deployment_failed_is_a_fault_with_its_remedy_and_the_account_is_examined(
    aws: Aws, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    reason = "The following resource(s) failed to create: [ReconcileRole]."
    aws.stack = {"StackName": "lifeline", "StackStatus": state, "StackStatusReason": reason}
    for named in ([], ["--stack", "lifeline"]):
        first, *others = report(capsys, *named)["sections"]
        (fault,) = first["findings"]
        assert (first["name"], fault["verdict"]) == ("stack", "bad")
        assert f"is in the state {state}" in fault["says"]
        assert "[ReconcileRole]" in fault["says"]
        assert "delete the stack" in fault["remedy"]
        assert [one["name"] for one in others] == ["events", "permissions", "room", "networks", "people"]


def test_a_stack_that_is_being_deployed_is_not_known_yet(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.stack = {"StackName": "lifeline", "StackStatus": "CREATE_IN_PROGRESS"}
    (finding,) = report(capsys)["sections"][0]["findings"]
    assert (finding["check"], finding["verdict"]) == ("stack", "unknown")


def test_a_stack_that_was_asked_for_by_name_and_is_not_there_is_a_fault(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    found = findings(report(capsys, "--stack", "liveline"))["stack"]
    assert found["verdict"] == "bad"
    assert found["says"] == "There is no stack liveline in us-east-1."
    assert "stack" not in findings(report(capsys))


def test_a_stack_whose_update_could_not_be_rolled_back_is_examined_and_said(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy(aws)
    outputs = [{"OutputKey": "ReconcileEndpointsFunction", "OutputValue": FUNCTION}]
    aws.stack = {"StackName": "lifeline", "StackStatus": "UPDATE_ROLLBACK_FAILED", "Outputs": outputs}
    found = report(capsys)
    assert found["stack"] == "lifeline"
    assert "continue-update-rollback --stack-name lifeline" in findings(found)["stack"]["remedy"]
    assert "rules" in findings(found)


def test_a_stack_of_something_else_is_told_apart(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    template = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    boto3.client("cloudformation", region_name=REGION).create_stack(StackName="other", TemplateBody=template)
    assert doctor.main(["--region", REGION, "--stack", "other"]) == 2
    assert "the stack other has no function ReconcileEndpoints" in capsys.readouterr().err


def test_credentials_that_aws_refuses_end_with_2_and_one_line(
    aws: Aws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> Any:
        raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "It expired"}}, "GetCallerIdentity")

    monkeypatch.setattr(BaseClient, "_make_api_call", refused)
    assert doctor.main(["--region", REGION]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "Can't read from AWS: your credentials: ExpiredToken: It expired"


def test_the_command_itself_says_so_without_credentials(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": "functions:.", "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, "-m", "tools.doctor", "--region", REGION]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Can't read from AWS: your credentials: Unable to locate credentials\n"

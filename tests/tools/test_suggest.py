"""`make suggest`: the very handler, from a laptop, with no stack."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.client import BaseClient
from moto import mock_aws
from tools.stack import environment_of

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.regions import Stacks
from lifeline.core.errors import TerminalError
from tests.e2e.emulators.evidence_answers import Advisor
from tests.support.agents import TABLE, create_table
from tests.support.evidence import teach_advisor
from tests.support.repository import ROOT
from tools import suggest

REGION = "us-east-1"


@pytest.fixture
def vpc_id() -> Iterator[str]:
    """The one VPC of an account with nothing of Lifeline's in it."""
    environment = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    teach_advisor(Advisor())
    with patch.dict(os.environ, environment), mock_aws():
        os.environ.pop("AWS_REGION", None)
        os.environ.pop("AWS_DEFAULT_REGION", None)
        remember.cache_clear()
        ec2: Any = boto3.client("ec2", region_name=REGION)
        made = str(ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])
        ec2.create_subnet(VpcId=made, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1a")
        yield made
    client.cache_clear()
    remember.cache_clear()


def test_it_prints_what_a_vpc_needs_and_changes_nothing(vpc_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = suggest.main(["--vpc", vpc_id, "--region", REGION])

    printed = capsys.readouterr()
    assert (code, printed.err) == (0, "")
    assert f"\n{vpc_id}: 1 private subnet, nobody known to live there\n unknown: monitoring" in printed.out
    text = " ".join(printed.out.split())
    assert text.startswith("Note: judged without your stack's policy, by the template's defaults: there is no deployed")
    assert text.count("can't be read") == 1  # there is no ledger
    assert "Note: manual exemptions can't be read, so none count" in text
    assert text.endswith("in 1 VPC. Nothing was changed.")


def test_programs_get_json(vpc_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert suggest.main(["--region", REGION, "--format", "json", "--services", "logs"]) == 0
    answer = json.loads(capsys.readouterr().out)
    (found,) = [one for one in answer["suggest"] if one["vpc_id"] == vpc_id]
    assert [line["service"] for line in found["services"]] == ["logs"]
    assert not any("policy" in note for note in answer["notes"])


@pytest.fixture
def stack(vpc_id: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A deployed stack whose policy requires logs, as far as its policy needs it: the VPC that is looked at."""
    outputs = {"ReconcileEndpointsFunction": {"Value": "ReconcileEndpoints"}}
    resources = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "changes"}}}
    stacks: Any = boto3.client("cloudformation", region_name=REGION)
    stacks.create_stack(StackName="ours", TemplateBody=json.dumps({"Resources": resources, "Outputs": outputs}))
    with patch.dict(os.environ, {"AWS_DEFAULT_REGION": REGION}):
        create_table()
    policy = json.dumps({"version": 1, "rules": [{"name": "all", "require": ["logs"]}]})
    boto3.client("ssm", region_name=REGION).put_parameter(Name="/policy", Value=policy, Type="String")
    variables = environment_of("ReconcileEndpoints", {"PolicyParameter": "/policy"}) | {
        "TABLE_NAME": TABLE,
        "ROLE_ARN": "arn:aws:iam::123456789012:role/lifeline-ReconcileRole-1A",
    }
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(self: Any, operation: str, params: dict[str, Any]) -> Any:
        if operation == "GetFunctionConfiguration":
            assert params == {"FunctionName": "ReconcileEndpoints"}
            return {"Environment": {"Variables": variables}}
        return make_call(self, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    return vpc_id


def test_what_a_deployed_stacks_policy_requires_is_what_counts(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert suggest.main(["--region", REGION, "--format", "json", "--stack", "ours"]) == 0
    answer = json.loads(capsys.readouterr().out)
    (found,) = [one for one in answer["suggest"] if one["vpc_id"] == stack]
    assert [(line["service"], line["required"]) for line in found["services"]] == [("logs", True)]
    assert not any("policy" in note for note in answer["notes"])


def test_where_no_stack_is_known_by_its_usual_name_programs_are_told(
    stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert suggest.main(["--region", REGION, "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    (found,) = [one for one in answer["suggest"] if one["vpc_id"] == stack]
    assert "logs" not in [line["service"] for line in found["services"]]
    assert any("without your stack's policy" in note and "stack lifeline" in note for note in answer["notes"])


def test_a_stack_that_cant_be_read_is_only_a_fault_if_it_was_asked_for(
    vpc_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with patch.object(Stacks, "find", side_effect=TerminalError("cloudformation:DescribeStacks is denied")):
        assert suggest.main(["--region", REGION]) == 0
        assert "DescribeStacks is denied" in capsys.readouterr().out
        assert suggest.main(["--region", REGION, "--stack", "lifeline"]) == 1
        assert "DescribeStacks is denied" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--vpc", "vpc-nonsense", "--region", REGION], "suggest.vpc_ids[0]: must be a VPC ID"),
        (["--vpc", "vpc-0123456789abcdef0", "--region", REGION], "does not exist in this account"),
        (["--format", "csv", "--region", REGION], "format: must be text or json, not 'csv'"),
        ([], "REGION is missing"),
        (["--region", REGION, "--stack", "ourz"], "STACK: there is no deployed stack ourz here"),
        (["--stack", "ours", "--services", "logs"], "SERVICES can't be combined with STACK"),
    ],
)
@pytest.mark.usefixtures("vpc_id")
def test_a_call_that_cant_be_used_is_told_in_words_and_ends_with_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert suggest.main(arguments) == 2
    printed = capsys.readouterr()
    assert words in " ".join((printed.out + printed.err).split())


def test_a_cold_start_doesnt_pay_for_it() -> None:
    """What reads and judges evidence is imported only for the call."""
    code = (
        "import sys, lifeline.handlers.reconcile_endpoints, lifeline.handlers.coverage_page;"
        "print([m for m in sys.modules if 'evidence' in m.split('.') or m.endswith('reconciler.suggest')"
        " or m in ('lifeline.core.suggest.namespaces', 'lifeline.core.suggest.answer')])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "functions")}
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"

"""`make plan`: the very handler, from a laptop, with no stack."""

import os
import subprocess
import sys
from collections.abc import Iterator
from logging import CRITICAL
from pathlib import Path
from time import sleep
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from tools.stack import NOT_DEPLOYED, environment_of

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.memory import remember
from lifeline.adapters.store.paths import PathStore
from lifeline.core.errors import TransientError
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import DetectorSettings, PageSettings, Settings, StackSettings
from tests.support.repository import ROOT
from tools import plan

REGION = "us-east-1"


@pytest.fixture
def ec2() -> Iterator[Any]:
    """An account with nothing of Lifeline's in it: no table, no queue, no topic."""
    environment = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    with patch.dict(os.environ, environment), mock_aws():
        os.environ.pop("AWS_REGION", None)
        os.environ.pop("AWS_DEFAULT_REGION", None)
        remember.cache_clear()
        yield boto3.client("ec2", region_name=REGION)
    client.cache_clear()
    remember.cache_clear()


def isolated_vpc(ec2: Any) -> str:
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "app-prod"}]}]
    vpc_id = str(ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"])
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1a")
    return vpc_id


def test_it_prints_the_plan_of_a_vpc_and_changes_nothing(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    vpc_id = isolated_vpc(ec2)

    code = plan.main(["--vpc", vpc_id, "--region", REGION])

    output = capsys.readouterr().out
    assert code == 0
    assert output.startswith(f"{vpc_id} (app-prod)\n subnets: 1 isolated in us-east-1a\n")
    assert " + monitoring: create an interface endpoint\n" in output
    assert "\nPlan: 2 to create, 0 to change, 0 to delete, 0 blocked in 1 VPC.\n" in output
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []


def test_that_there_is_no_ledger_is_said_in_plain_words(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    vpc_id = isolated_vpc(ec2)

    plan.main(["--vpc", vpc_id, "--region", REGION])

    printed = capsys.readouterr()
    output = " ".join(printed.out.split())
    assert "note: how far the limits are used can't be read: only what is planned here counts" in output
    assert "Traceback" not in printed.out + printed.err
    assert NOT_DEPLOYED not in output


def test_the_services_that_are_asked_for_take_the_place_of_the_templates(
    ec2: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    vpc_id = isolated_vpc(ec2)

    plan.main(["--vpc", vpc_id, "--region", REGION, "--services", "ssm, s3"])

    output = capsys.readouterr().out
    assert " + ssm: create an interface endpoint\n" in output
    assert " + s3: create a gateway endpoint\n" in output
    assert "monitoring" not in output


def test_several_vpcs_are_planned_at_once(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    vpc_ids = [isolated_vpc(ec2), isolated_vpc(ec2)]

    assert plan.main(["--vpc", ",".join(vpc_ids), "--region", REGION]) == 0

    output = capsys.readouterr().out
    assert all(f"{vpc_id} (app-prod)\n" in output for vpc_id in vpc_ids)
    assert output.count("can't be read") == 1  # what holds for all is said once
    assert "in 2 VPCs.\n" in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--vpc", "vpc-nonsense", "--region", REGION],
            "vpc_ids[0]: must be a VPC ID (vpc-, then 8 or 17 of 0-9a-f), not 'vpc-nonsense'",
        ),
        (
            ["--vpc", "vpc-0123456789abcdef0", "--region", REGION],
            "vpc-0123456789abcdef0 does not exist in this account",
        ),
        (["--vpc", "vpc-0123456789abcdef0"], "REGION is missing"),
        (["--vpc", "vpc-0123456789abcdef0", "--region", REGION, "--profile", "nobody"], "PROFILE: The config profile"),
        (
            ["--vpc", "vpc-0123456789abcdef0", "--region", REGION, "--services", "ssm,Monitoring"],
            "SERVICES[1]: must be a service or a named set, such as monitoring or ecr.api, not 'Monitoring'; did",
        ),
    ],
)
def test_a_call_that_cant_be_used_is_told_in_words_and_ends_with_2(
    ec2: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert plan.main(arguments) == 2
    printed = capsys.readouterr()
    assert words in " ".join((printed.out + printed.err).split())


def test_credentials_that_aws_refuses_are_told_in_a_line_and_end_with_1(
    ec2: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = ClientError(
        {"Error": {"Code": "UnauthorizedOperation", "Message": "You are not authorized"}}, "DescribeVpcs"
    )
    make_call = "botocore.client.BaseClient._make_api_call"

    def refused(self: Any, operation: str, request: Any) -> Any:
        if operation == "GetCallerIdentity":
            return {"Account": "123456789012"}
        raise refusal

    monkeypatch.setattr(make_call, refused)

    for arguments in (["--vpc", "vpc-0123456789abcdef0"], [], ["--format", "json"]):
        assert plan.main([*arguments, "--region", REGION]) == 1

        printed = capsys.readouterr()
        (line,) = printed.err.splitlines()
        assert line.startswith("Can't read from AWS: ")
        assert line.endswith("UnauthorizedOperation: You are not authorized")
        assert printed.out == ""


def test_the_environment_is_as_it_was_afterwards(ec2: Any) -> None:
    before = dict(os.environ)

    plan.main(["--vpc", isolated_vpc(ec2), "--region", REGION])

    assert dict(os.environ) == before


def test_without_credentials_the_command_itself_ends_with_1_and_one_line(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": "functions:.", "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, "-m", "tools.plan", "--vpc", "vpc-0123456789abcdef0", "--region", REGION]

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Can't read from AWS: your credentials: Unable to locate credentials\n"


@pytest.mark.parametrize(
    ("function", "kind"),
    [("ReconcileEndpoints", Settings), ("DetectMetricGaps", DetectorSettings), ("CoveragePage", PageSettings)],
)
def test_the_templates_own_defaults_are_an_environment_that_the_functions_take(
    function: str, kind: type[StackSettings]
) -> None:
    settings = kind.from_environment({**environment_of(function, {}), "AWS_REGION": REGION})
    assert settings.required_services == ("monitoring",)
    assert settings.policy_parameter == ""


def test_a_parameter_that_the_template_lacks_is_refused() -> None:
    with pytest.raises(KeyError, match="Nonsense"):
        environment_of("ReconcileEndpoints", {"Nonsense": "1"})


def test_an_override_reaches_every_variable_that_is_made_of_it() -> None:
    found = environment_of("ReconcileEndpoints", {"RequiredServices": "ssm,s3"})
    assert (found["REQUIRED_SERVICES"], found["CREATABLE_SERVICES"]) == ("ssm,s3", "ssm,s3")


def test_ids_and_services_are_checked_before_any_credentials_are_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with patch.object(plan, "read_only_session", side_effect=AssertionError):
        assert plan.main(["--vpc", "vpc-1"]) == plan.UNUSABLE
        assert plan.main(["--vpc", "vpc-0123456789abcdef0", "--services", "Mon"]) == plan.UNUSABLE
    said = capsys.readouterr().err
    assert "vpc_ids[0]: must be a VPC ID" in said
    assert "SERVICES[0]: must be a service" in said


def test_nothing_is_logged_beside_the_document_nor_after_it(ec2: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    levels: list[int] = []

    def fail(*_: Any) -> Any:
        sleep(0.5)  # a call that is begun, and that nobody waits for while the plan is made
        levels.append(logger.log_level)
        raise TransientError("throttled")

    isolated_vpc(ec2)
    monkeypatch.setattr(PathStore, "read", fail)
    monkeypatch.setattr(plan, "read_nats", fail)

    assert plan.main(["--region", REGION, "--format", "json"]) == 0

    assert levels == [CRITICAL, CRITICAL]

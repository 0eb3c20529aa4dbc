"""What leaves a laptop: reads by their exact names, and dry runs."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.session import Session
from moto import mock_aws
from tools.aws_calls import all_calls
from tools.read_only import DRY_RUNS, READS, UnusableError, account_of, read_only_session

from lifeline.adapters.aws import clients
from lifeline.core.errors import TerminalError
from tests.support.models import OPERATIONS

REGION = "us-east-1"
VPC, SERVICE = "vpc-0123456789abcdef0", "com.amazonaws.us-east-1.ssm"
_READ_NAMES = ("Describe", "Get", "List", "Query", "BatchGet", "Lookup", "Search", "Simulate")


@pytest.fixture
def session() -> Iterator[Any]:
    with patch.dict(os.environ, {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}), mock_aws():
        yield read_only_session(REGION, "")
    clients.session.cache_clear()
    clients.client.cache_clear()


def sent_by(session: Any) -> list[str]:
    """The operations that leave the machine from now on."""
    sent: list[str] = []
    session.register("before-send", lambda **call: sent.append(call["event_name"].rpartition(".")[2]))
    return sent


def test_reads_are_sent(session: Any) -> None:
    assert session.create_client("ec2").describe_vpcs()["Vpcs"]
    assert account_of(session) == "123456789012"


@pytest.mark.parametrize(
    ("service", "method", "request_"),
    [
        ("ec2", "create_vpc_endpoint", {"VpcId": VPC, "ServiceName": SERVICE}),
        ("ec2", "create_vpc_endpoint", {"VpcId": VPC, "ServiceName": SERVICE, "DryRun": False}),
        ("ec2", "create_security_group", {"GroupName": "x", "Description": "x", "DryRun": True}),
        ("ec2", "delete_vpc_endpoints", {"VpcEndpointIds": ["vpce-0123456789abcdef0"], "DryRun": True}),
        ("sns", "publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:x", "Message": "x"}),
        ("sts", "get_session_token", {}),  # named like a read, and hands out credentials
        ("sts", "get_federation_token", {"Name": "xy"}),
        ("secretsmanager", "get_secret_value", {"SecretId": "x"}),
        ("lambda", "invoke", {"FunctionName": "x"}),
    ],
)
def test_nothing_else_leaves_the_machine(session: Any, service: str, method: str, request_: dict[str, Any]) -> None:
    sent = sent_by(session)
    with pytest.raises(TerminalError, match="was not sent, because it"):
        getattr(session.create_client(service), method)(**request_)
    assert sent == []


def test_a_dry_run_of_an_endpoint_is_sent(session: Any) -> None:
    sent = sent_by(session)
    vpc_id = boto3.client("ec2", region_name=REGION).describe_vpcs()["Vpcs"][0]["VpcId"]
    with suppress(ClientError):  # moto says so only if it was taught dry runs, and makes the endpoint otherwise
        session.create_client("ec2").create_vpc_endpoint(VpcId=vpc_id, ServiceName=SERVICE, DryRun=True)
    assert sent == ["CreateVpcEndpoint"]


@pytest.mark.usefixtures("session")
def test_the_adapters_clients_are_of_that_session() -> None:
    used: Any = clients.client("sns")
    with pytest.raises(TerminalError, match="Publish was not sent"):
        used.publish(TopicArn="arn:aws:sns:us-east-1:123456789012:x", Message="x")


def test_the_lists_name_operations_of_aws() -> None:
    aws = Session()
    for service, operations in [*READS.items(), *DRY_RUNS.items()]:
        assert operations <= set(aws.get_service_model(service).operation_names), service


def test_every_read_of_the_adapters_is_on_the_list() -> None:
    missing = {
        (service, operation)
        for service, operations in all_calls(OPERATIONS).items()
        for operation in operations
        if operation.startswith(_READ_NAMES) and operation not in READS.get(service, ())
    }
    assert missing == set()


def test_a_profile_that_isnt_there_and_a_missing_region_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UnusableError, match="PROFILE: The config profile"):
        read_only_session(REGION, "nobody")
    with pytest.raises(UnusableError, match="REGION is missing"):
        read_only_session("", "")

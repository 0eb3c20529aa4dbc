"""What `make emulators` sets up for the commands that are typed."""

import subprocess
from pathlib import Path

import pytest

from tests.e2e.shell import FUNCTIONS

HERE = "http://127.0.0.1:4566"


@pytest.mark.parametrize("command", ["aws sqs list-queues", "aws --region us-east-1 sqs list-queues"])
def test_the_aws_cli_asks_the_emulators_also_where_its_version_1_would_ask_aws(tmp_path: Path, command: str) -> None:
    assert run(tmp_path, command) == f"--endpoint-url {HERE} {command.removeprefix('aws ')}"


def test_the_aws_cli_is_left_alone_where_it_goes_by_the_environment(tmp_path: Path) -> None:
    assert run(tmp_path, "aws ec2 describe-vpcs --query 'Vpcs[]'") == "ec2 describe-vpcs --query Vpcs[]"


def run(folder: Path, command: str) -> str:
    """What the AWS CLI is given."""
    (folder / "aws").write_text('#!/bin/sh\necho "$*"\n', "utf-8")
    (folder / "aws").chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "AWS_ENDPOINT_URL": HERE, **FUNCTIONS}
    done = subprocess.run(
        ["bash", "--norc", "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()

"""Each run imports what it needs, so that a cold start pays for nothing else: in a process of its own, on an emulator."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.support.agents import ENVIRONMENT, NAMESPACE, create_table
from tests.support.repository import ROOT

RUN = """
import json, sys
from types import SimpleNamespace
from lifeline.handlers import {handler} as module
context = SimpleNamespace(aws_request_id="1", function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn",
                          get_remaining_time_in_millis=lambda: 300000)
answer = module.handler({event!r}, context)
print(json.dumps([answer, sorted(sys.modules)]))
"""


@pytest.fixture(scope="module")
def account() -> Iterator[dict[str, str]]:
    """The environment of a function in an account with an agent that reports, and the VPC that every account has."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (ENVIRONMENT | {"AWS_ENDPOINT_URL": f"http://{host}:{port}"}).items():
            patch.setenv(name, value)
        create_table()
        topic: Any = boto3.client("sns").create_topic(Name="notices")
        datum = {"MetricName": "mem_used_percent", "Dimensions": [{"Name": "InstanceId", "Value": "i-0000000a"}]}
        boto3.client("cloudwatch").put_metric_data(
            Namespace=NAMESPACE, MetricData=[{**datum, "Value": 1, "Timestamp": datetime.now(UTC)}]
        )
        yield ENVIRONMENT | {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "TOPIC_ARN": topic["TopicArn"]}
    server.stop()


def run(handler: str, event: dict[str, Any], environment: dict[str, str]) -> tuple[Any, set[str]]:
    """The answer, and all modules that the process had imported then."""
    done = subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-c", RUN.format(handler=handler, event=event)],
        cwd=ROOT / "functions",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer, names = json.loads(done.stdout.splitlines()[-1])
    return answer, set(names)

"""Each run imports what it needs, so that a cold start pays for nothing else.

Each has a process of its own, against an emulated account with an agent that reports and the default VPC.
"""

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
    """The environment of a function in the account."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (ENVIRONMENT | {"AWS_ENDPOINT_URL": f"http://{host}:{port}"}).items():
            patch.setenv(name, value)
        create_table()
        topic: Any = boto3.client("sns").create_topic(Name="notices")
        datum = {"MetricName": "mem_used_percent", "Dimensions": [{"Name": "InstanceId", "Value": "i-0000000a"}]}
        cloudwatch: Any = boto3.client("cloudwatch")
        cloudwatch.put_metric_data(
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


def ours(names: set[str]) -> dict[str, set[str]]:
    """Lifeline's modules by the package that they are in, both without `lifeline`."""
    found: dict[str, set[str]] = {}
    for name in names:
        package, _, module = name.removeprefix("lifeline.").rpartition(".")
        if name.startswith("lifeline.") and package:
            found.setdefault(package, set()).add(module)
    return found


QUIET_ROOMS = {  # of the core, and what of the larger ones a run needs in which nobody is silent
    "agents": None,
    "event_path": None,
    "organization": None,
    "policy": None,
    "requests": {"account", "body", "detect", "fields", "named", "scheduled", "trigger"},
    "guards": {"mode"},
    "history": {"change", "entries"},
    "incidents": {"grouping", "incident", "lifecycle", "rating"},
    "network": {"model"},
    "notices": {"bus_event", "chat", "forms", "links", "notice", "policy"},
    "plan": {"endpoint_lifecycle"},
}
OF_ONE_CALL = {  # what only one kind of call of ReconcileEndpoints needs
    "adapters.evidence",
    "adapters.store.history",
    "adapters.store.suggestions",
    "core.doctor",
    "core.history.text",
    "core.notices.answer_markdown",
    "core.requests.doctor",
    "core.requests.exempt",
    "core.requests.history",
    "core.requests.ownership",
    "core.requests.suggest",
    "core.suggest",
    "doctor.examination",
    "reconciler.suggest",
}
OF_A_HUB = {"dashboard.organization", "dashboard.html.organization"}
OF_SOME_POLICIES = {"fastjsonschema"}  # those with a document


def test_a_quiet_minute_imports_neither_what_silence_needs_nor_what_writes_notices(account: dict[str, str]) -> None:
    run("detect_metric_gaps", {"detect": True}, account)  # which discovers the agent
    answer, names = run("detect_metric_gaps", {"detect": True}, account)
    assert answer["watches"][0]["states"]["reporting"] == 1
    found = ours(names)
    rooms = {package.removeprefix("core.") for package in found if package.startswith("core.")}
    assert rooms <= QUIET_ROOMS.keys()
    more = {room: found[f"core.{room}"] - known for room, known in QUIET_ROOMS.items() if known is not None}
    assert {room: modules for room, modules in more.items() if modules} == {}
    assert found["reconciler"] | found["reconciler.steps"] == {"steps", "policy_in_force"}
    assert found["adapters.aws"].isdisjoint({"dns", "hub", "network", "queue", "roles"})
    assert found["adapters.store"].isdisjoint({"audit", "paths", "vpcs"})
    assert "evidence" not in found["detector"]
    assert imported(names, OF_SOME_POLICIES | {"markupsafe"}) == set()


def test_a_page_imports_nothing_of_hubs_the_detector_and_calls(account: dict[str, str]) -> None:
    answer, names = run("coverage_page", {}, account)
    assert "subnet-" in answer
    needed = {"adapters.store.history", "adapters.store.suggestions", "core.history.text", "core.suggest"}
    not_needed = OF_ONE_CALL - needed | OF_A_HUB | {"detector", "core.requests.calls"}
    assert imported(names, not_needed | OF_SOME_POLICIES) == {"core.requests.history"}  # an entry's place in the log


def test_a_sweep_imports_nothing_of_the_page_the_detector_and_calls(account: dict[str, str]) -> None:
    answer, names = run("reconcile_endpoints", {"sweep": True}, account)
    assert answer["vpcs"]
    not_needed = OF_ONE_CALL | OF_SOME_POLICIES | {"dashboard", "detector", "markupsafe", "core.incidents.diagnose"}
    assert imported(names, not_needed) == set()


@pytest.mark.parametrize(
    ("call", "needed"),
    [
        ({"history": {"day": "2026-11-20"}}, {"adapters.store.history", "core.history.text", "core.requests.history"}),
        ({"doctor": True}, {"core.doctor", "core.requests.doctor", "doctor.examination"}),
        ({"exempt": []}, {"core.requests.exempt"}),
        ({"adopt": []}, {"core.requests.ownership"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_call_imports_what_it_needs_itself(call: dict[str, Any], needed: set[str], account: dict[str, str]) -> None:
    _, names = run("reconcile_endpoints", call, account)
    assert imported(names, OF_ONE_CALL) == needed


def imported(names: set[str], some: set[str]) -> set[str]:
    """Those of the packages and modules that were imported; Lifeline's own are named without `lifeline`."""
    return {one for one in some if {one, f"lifeline.{one}"} & names}

"""Every file in events/, in this process: each function answers it in the form that a local run of it is judged by."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest

from lifeline.adapters.aws.memory import remember
from lifeline.core.errors import InvalidInputError
from lifeline.core.requests.scheduled import ALIAS
from lifeline.dashboard.html.page import render_text
from lifeline.handlers import coverage_page, detect_metric_gaps, reconcile_endpoints
from tests.e2e.test_local_invoke import FILES, function_for, is_right_form, named
from tests.support.world import Context, World, emulated_world

OWN = [file for file in FILES if file.parent.name != "cloudtrail"]  # those are read by tests of their own
HANDLERS: dict[str, Any] = {
    "ReconcileEndpoints": reconcile_endpoints.handler,
    "DetectMetricGaps": detect_metric_gaps.handler,
    "CoveragePage": coverage_page.handler,
}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        remember.cache_clear()
        yield made
        remember.cache_clear()


def answer(file: Path) -> Any:
    event = json.loads(file.read_text(encoding="utf-8"))
    return json.loads(json.dumps(HANDLERS[function_for(file)](event, Context())))


@pytest.mark.parametrize("file", OWN, ids=named)
def test_an_event_file_is_answered_in_its_form(file: Path, world: World) -> None:
    world.make_vpc()
    found = answer(file)
    assert is_right_form(file, found), found


@pytest.mark.parametrize("file", OWN, ids=named)
def test_what_lambda_says_of_an_error_is_no_answer(file: Path) -> None:
    error: Any = {"errorMessage": "x", "errorType": "KeyError"}
    if function_for(file) == "CoveragePage":
        error = render_text("Invalid request", "vpc-0123456789abcdef0")
    assert not is_right_form(file, error)


STRANGERS = [(file, name) for file in OWN for name in HANDLERS if name != function_for(file)]


@pytest.mark.parametrize(("file", "name"), STRANGERS, ids=lambda one: one if isinstance(one, str) else named(one))
def test_no_function_does_what_another_one_is_asked_for(file: Path, name: str, world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    before, text = ledger(), re.sub(r"vpc-[0-9a-f]{8,17}", vpc_id, file.read_text(encoding="utf-8"))
    with suppress(InvalidInputError):
        HANDLERS[name](json.loads(text), Context())
    assert world.ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
    assert ledger() == before
    assert world.notices() == world.requeue() == []


def ledger() -> list[dict[str, Any]]:
    return boto3.client("dynamodb").scan(TableName="ledger")["Items"]


BY_SCHEDULE = {"ReconcileEndpoints": "sweep.json", "DetectMetricGaps": "detect-schedule.json"}


def by_schedule(name: str) -> Context:
    """What Lambda says of an invocation by the alias that the schedules' role may invoke."""
    return Context(invoked_function_arn=f"arn:aws:lambda:us-east-1:123456789012:function:lifeline-{name}:{ALIAS}")


@pytest.mark.parametrize("name", BY_SCHEDULE)
@pytest.mark.parametrize("file", OWN, ids=named)
def test_nothing_comes_by_the_schedules_door_but_what_the_schedule_sends(file: Path, name: str, world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    before, text = ledger(), re.sub(r"vpc-[0-9a-f]{8,17}", vpc_id, file.read_text(encoding="utf-8"))
    found = HANDLERS[name](json.loads(text), by_schedule(name))
    if file.name == BY_SCHEDULE[name]:
        assert "errors" not in found
        return
    [refusal] = found["errors"]
    assert "the alias schedule takes" in refusal["message"]
    assert found.get("vpcs", []) == found.get("watches", []) == []
    assert world.ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
    assert ledger() == before
    assert world.notices() == world.requeue() == []


@pytest.mark.parametrize("name", BY_SCHEDULE)
def test_what_was_refused_by_that_door_is_in_the_log(name: str, world: World, caplog: pytest.LogCaptureFixture) -> None:
    HANDLERS[name]({"release": True}, by_schedule(name))
    (line,) = [one for one in caplog.records if one.message == "refused"]
    assert vars(line)["field"] == "release"
    assert "the alias schedule takes" in vars(line)["refusal"]

"""What the log answers: a line for each decision, and saved queries that find what they ask for."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tools.template import read_template

from lifeline.adapters.aws.endpoints import AppliedIds
from lifeline.adapters.aws.memory import remember
from lifeline.core.plan.actions import Action, ActionKind, Plan, Status
from lifeline.core.plan.answer import Refusal, VpcAnswer
from lifeline.core.requests.trigger import Trigger
from lifeline.handlers import detect_metric_gaps
from lifeline.handlers.reconcile_endpoints import handler as reconcile
from lifeline.reconciler.steps.apply import apply_plans
from lifeline.reconciler.steps.decision_log import log_answer
from lifeline.runtime.invocation import Run
from lifeline.runtime.stages import LOG_EVERY, Progress, stage
from tests.support.agents import minute, publish
from tests.support.log_lines import logged
from tests.support.repository import ROOT
from tests.support.world import Context, World, emulated_world

RUN_ID = Context().aws_request_id
CHANGED_BY = "10fe783b-14ea-4f67-8dbc-b1596716e57c"
type Line = dict[str, Any]


@pytest.fixture(scope="module")
def lines() -> Iterator[list[Line]]:
    """What both functions log of a bad day: endpoints made and refused, bad input, an agent that falls silent."""
    with pytest.MonkeyPatch.context() as patch, emulated_world(patch, REQUIRED_SERVICES="monitoring,nonsense") as world:
        remember.cache_clear()
        with logged() as found:
            vpc_id = _isolated(world)
            reconcile(
                {"Records": [_message(_route_deleted(world.main_table(vpc_id))), _message("not json")]}, Context()
            )
            reconcile({"vpc_ids": ["vpc-?", "vpc-00000000000000000", vpc_id], "mode": "plan"}, Context())
            reconcile({"sweep": "yes"}, Context())
            for number in (-2, -1, 0):  # a name that EC2 can't vouch for counts from the third datapoint
                publish("web-1", at=minute(number))
            for number in (0, 8, 9):
                _detect_at(patch, minute(number))
            publish("web-1", at=minute(9))
            publish("web-1", at=minute(10))
            _detect_at(patch, minute(11))
            detect_metric_gaps.handler({"detect": "no"}, Context())
        yield found
    remember.cache_clear()


def _isolated(world: World) -> str:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    return vpc_id


def _detect_at(patch: pytest.MonkeyPatch, now: datetime) -> None:
    patch.setattr(detect_metric_gaps, "_now", lambda: now + timedelta(seconds=30))
    detect_metric_gaps.handler({"detect": True}, Context())


def _route_deleted(table_id: str) -> str:
    event: Line = json.loads((ROOT / "events/cloudtrail/DeleteRoute.json").read_text())
    event["detail"]["requestParameters"]["routeTableId"] = table_id
    event["detail"]["eventID"] = CHANGED_BY
    return json.dumps(event)


def _message(body: str) -> Line:
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(datetime.now(UTC).timestamp() * 1000))}
    return {"messageId": "1", "receiptHandle": "1", "body": body, "attributes": attributes}


def decisions(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line["message"] == "decided"]


def test_each_action_is_a_line_with_vpc_service_action_reason_run_mode_and_the_event_behind_it(
    lines: list[Line],
) -> None:
    (made,) = [
        one for one in decisions(lines) if (one["action"], one["status"]) == ("create_interface_endpoint", "done")
    ]
    assert made["vpc_id"].startswith("vpc-")
    assert made["endpoint_id"].startswith("vpce-")
    assert (made["endpoint_service"], made["mode"], made["run_id"]) == ("monitoring", "enforce", RUN_ID)
    assert (made["event_id"], made["event_ids"]) == (CHANGED_BY, [CHANGED_BY])
    assert "no endpoint in the VPC serves it" in made["reason"]
    assert "refusal" not in made


def test_what_is_blocked_says_why_it_is_wanted_and_why_it_is_not_made(lines: list[Line]) -> None:
    refused = [one for one in decisions(lines) if one["status"] == "blocked"]
    assert {one["endpoint_service"] for one in refused} == {"nonsense"}
    assert all(one["reason"].endswith("must be able to reach the nonsense service") for one in refused)
    assert all("offers no endpoint service" in one["refusal"] for one in refused)
    assert {one["mode"] for one in refused} == {"enforce", "plan"}


def test_every_refusal_is_a_line_with_its_field_whoever_sent_it(lines: list[Line]) -> None:
    found = {
        (one["message"], one["field"])
        for one in lines
        if one["message"] in {"refused", "sent to the dead-letter queue"}
    }
    assert found == {
        ("sent to the dead-letter queue", "body"),
        ("refused", "vpc_ids[0]"),
        ("refused", "vpc_ids[1]"),
        ("refused", "sweep"),
        ("refused", "detect"),
    }
    assert all(
        one["refusal"] and one["run_id"]
        for one in lines
        if one["message"] in {"refused", "sent to the dead-letter queue"}
    )


def test_an_agents_silence_and_return_and_its_incident_are_a_line_each(lines: list[Line]) -> None:
    found = [(one["action"], one["status"]) for one in decisions(lines) if "watch" in one]
    assert found == [
        ("gap_opened", "silent"),
        ("incident_opened", "notified"),
        ("gap_ended", "reporting"),
        ("incident_resolved", "notified"),
    ]
    opened = next(one for one in decisions(lines) if one["action"] == "gap_opened")
    assert opened["agent"] == "web-1"
    assert opened["reason"] == "no datapoint since one was due at 2026-03-02T09:01:00+00:00"


def test_each_run_ends_with_its_seconds_and_each_stage_before_it_with_its_own(lines: list[Line]) -> None:
    ended = [
        (one["trigger"], one["mode"], one["vpcs"]) for one in lines if one["message"] == "run ended" and "mode" in one
    ]
    assert ended == [("queue", "enforce", 1), ("call", "plan", 2)]
    assert all(one["seconds"] >= 0 for one in lines if one["message"] in {"run ended", "stage ended"})
    stages = [one["stage"] for one in lines if one["message"] == "stage ended"]
    assert stages[:5] == ["observe", "plan", "apply", "observe", "plan"]
    assert {"diagnose", "notify"} <= set(stages)


def test_of_many_events_the_earliest_are_named() -> None:
    triggers = [Trigger("change", event_id=f"event-{number}") for number in range(9)]
    blocked = Action(ActionKind.ADD_SUBNETS, "why", status=Status.FAILED, error="no")
    answer = VpcAnswer("vpc-1", actions=(blocked,), refusal=Refusal("approve", "outdated"))
    with logged() as found:
        log_answer(answer, [Trigger("sweep"), *triggers], run_id="run-1", mode="enforce")
    assert [one["message"] for one in found] == ["reconciled", "refused", "decided"]
    assert all(one["event_id"] == "event-0" for one in found)
    assert all(one["event_ids"] == [f"event-{number}" for number in range(5)] for one in found)


def test_a_stage_that_fails_is_told_as_failed() -> None:
    with logged() as found, pytest.raises(ZeroDivisionError), stage("plan", "run-1"):
        raise ZeroDivisionError
    assert [(one["stage"], one["outcome"]) for one in found] == [("plan", "failed")]


def test_a_long_stage_tells_how_far_it_is_and_a_short_one_nothing() -> None:
    progress = Progress("apply", "run-1", 100, minute(0))
    with logged() as found:
        for done in range(100):
            progress.step(done, minute(0) + timedelta(seconds=done / 4))
    assert timedelta(seconds=10) == LOG_EVERY
    assert [(one["done"], one["left"], one["seconds"]) for one in found] == [(40, 60, 10.0), (80, 20, 20.0)]


def test_a_long_apply_tells_its_progress_and_does_every_step() -> None:
    actions = tuple(Action(ActionKind.ADD_SUBNETS, "why", service=f"service-{number}") for number in range(12))
    clock = iter(minute(0) + timedelta(seconds=seconds) for seconds in range(0, 1000, 3))
    run = Run("run-1", now=lambda: next(clock), remaining=lambda: timedelta(minutes=4), sleep=lambda _: None)
    endpoints: Any = SimpleNamespace(apply=lambda *_, **__: AppliedIds())
    calls: Any = SimpleNamespace(reserve_endpoint_call=lambda **_: timedelta(0))

    with logged() as found:
        applied = apply_plans({"vpc-1": Plan("vpc-1", (), actions)}, endpoints, calls, run)

    assert {one.status for one in applied["vpc-1"].actions} == {Status.DONE}
    notified = [(one["done"], one["left"]) for one in found if one["message"] == "progress"]
    assert len(notified) > 2
    assert all(done + left == len(actions) for done, left in notified)
    assert notified == sorted(notified)


# ---- the saved queries

TEMPLATE = read_template()
QUERIES = {
    name: one["Properties"]
    for name, one in TEMPLATE["Resources"].items()
    if one["Type"] == "AWS::Logs::QueryDefinition"
}
_NOT_FIELDS = {
    "fields",
    "filter",
    "stats",
    "sort",
    "limit",
    "as",
    "by",
    "asc",
    "desc",
    "and",
    "or",
    "not",
    "in",
    "like",
}


def fields_of(query: str) -> set[str]:
    """The fields that a query reads: its words without strings, comments, commands, functions and its own names."""
    text = re.sub(r'#.*|"[^"]*"', " ", query)
    given = set(re.findall(r"\bas (\w+)", text))
    words = set(re.findall(r"(?<![@\w.])[a-z_][\w.]*\b(?!\s*\()", text))
    return words - given - _NOT_FIELDS


def asked_for(query: str, lines: list[Line]) -> list[Line]:
    """The lines that the query's conditions on `message`, `action` and `status` let through."""
    query = re.sub(r"#.*", "", query)
    for field, values in re.findall(r'\b(message|action|status) (?:= |in )(\[[^\]]*\]|"[^"]*")', query):
        wanted = re.findall(r'"([^"]*)"', values)
        lines = [line for line in lines if line.get(field) in wanted]
    return [line for line in lines if "ispresent(refusal)" not in query or "refusal" in line]


def test_the_fields_of_a_query_are_what_it_reads_of_a_line() -> None:
    query = (
        'filter message = "a b" # or c\n| stats count(*) as times, latest(vpc_id) as last by blocked_by\n| sort times'
    )
    assert fields_of(query) == {"message", "vpc_id", "blocked_by"}


@pytest.mark.parametrize("name", QUERIES)
def test_every_field_that_a_saved_query_names_is_in_the_lines_that_it_finds(name: str, lines: list[Line]) -> None:
    query = QUERIES[name]["QueryString"]
    found = asked_for(query, lines)
    assert found
    assert fields_of(query) - {field for line in found for field in line} == set()


@pytest.mark.parametrize("name", QUERIES)
def test_a_saved_query_is_in_the_stacks_folder_and_asks_both_functions_logs(name: str) -> None:
    functions = ("ReconcileEndpoints", "DetectMetricGaps")
    groups = [TEMPLATE["Resources"][one]["Properties"]["LoggingConfig"]["LogGroup"] for one in functions]
    assert QUERIES[name]["LogGroupNames"] == groups
    assert QUERIES[name]["Name"]["Fn::Sub"].startswith("${AWS::StackName}/")


@pytest.mark.parametrize("name", QUERIES)
def test_each_message_that_a_saved_query_asks_for_is_logged_somewhere(name: str) -> None:
    sources = "".join(one.read_text(encoding="utf-8") for one in Path("functions/lifeline").rglob("*.py"))
    query = re.sub(r"#.*", "", QUERIES[name]["QueryString"])
    for values in re.findall(r'message (?:= |in )(\[[^\]]*\]|"[^"]*")', query):
        missing = [
            one for one in re.findall(r'"([^"]*)"', values) if not re.search(rf'logger\.\w+\(\s*"{one}"', sources)
        ]
        assert missing == []


def test_there_is_a_saved_query_for_each_question() -> None:
    assert [one["Name"]["Fn::Sub"].partition("/")[2] for one in QUERIES.values()] == [
        "decisions about one VPC",
        "slowest runs",
        "refusals by reason",
        "changes made today",
        "incidents opened",
    ]

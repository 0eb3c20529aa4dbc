"""Answers as text: what a call by hand gives to a person."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lifeline.handlers.reconcile_endpoints import handler
from tests.support.world import Context, World, emulated_world

GONE = "vpc-00000000000000000"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


def call(event: object) -> dict[str, Any]:
    answer: dict[str, Any] = handler(event, Context())
    return json.loads(json.dumps(answer))  # type: ignore[no-any-return]


def isolated(world: World) -> str:
    vpc_id = world.make_vpc()
    world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "Name", "Value": "app\nprod \N{SNOWMAN}"}])
    world.make_subnet(vpc_id)
    return vpc_id


def test_a_plan_as_text_has_the_vpcs_name_its_actions_and_the_cost_and_changes_nothing(world: World) -> None:
    vpc_id = isolated(world)

    answer = call({"vpc_ids": [vpc_id], "mode": "plan", "format": "text"})

    assert list(answer) == ["mode", "text"]
    assert answer["mode"] == "plan"
    assert answer["text"].startswith(f'{vpc_id} ("app?prod ?")\n subnets: 1 isolated in us-east-1a\n')
    assert "\nPlan: 2 to create, 0 to change, 0 to delete, 0 blocked in 1 VPC.\n" in answer["text"]
    assert "\nCost: 7.30 USD more per month, before data charges.\n" in answer["text"]
    assert world.endpoints(vpc_id) == []


def test_after_an_apply_the_text_tells_what_was_done(world: World) -> None:
    vpc_id = isolated(world)

    text = call({"vpc_ids": [vpc_id], "format": "text"})["text"]

    (endpoint,) = world.endpoints(vpc_id)
    assert f" + monitoring: created interface endpoint {endpoint['VpcEndpointId']}\n" in text
    assert "\nDone: 2 created, 0 changed, 0 deleted, 0 blocked in 1 VPC.\n" in text
    served = call({"sweep": True, "format": "text"})["text"]
    assert f" nothing to do\n = monitoring served by {endpoint['VpcEndpointId']}\n" in served


def test_what_cant_be_used_is_in_the_text_and_in_errors(world: World) -> None:
    vpc_id = isolated(world)

    answer = call({"vpc_ids": ["x", GONE, vpc_id], "mode": "plan", "format": "text"})

    assert [one["field"] for one in answer["errors"]] == ["vpc_ids[0]", "vpc_ids[1]"]
    assert "\nError: vpc_ids[0]: must be a VPC ID" in answer["text"]
    assert f"{GONE}\n ! vpc_ids[1]: {GONE} does not exist in this account and region\n" in answer["text"]
    assert f'{vpc_id} ("app?prod ?")\n' in answer["text"]


def test_a_call_that_cant_be_read_is_refused_in_the_form_that_it_asked_for(world: World) -> None:
    as_text = call({"vpc_ids": [], "format": "text"})
    assert as_text["text"].startswith("Error: vpc_ids: must not be empty: list IDs\n")
    assert [one["field"] for one in as_text["errors"]] == ["vpc_ids"]
    as_json = call({"vpc_ids": [GONE], "format": "html"})
    assert as_json["vpcs"] == []
    assert as_json["errors"] == [{"field": "format", "message": "must be text or json, not 'html'"}]


def test_what_needs_approval_has_its_command_in_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch, monthly_usd_per_vpc=1) as world:
        vpc_id = isolated(world)
        plan_id = call({"vpc_ids": [vpc_id]})["vpcs"][0]["approval"]["plan_id"]

        text = call({"vpc_ids": [vpc_id], "format": "text"})["text"]
        approved = call({"approve": plan_id, "format": "text"})["text"]

    assert "   blocked: needs approval: " in text
    assert f"""--event '{{"approve": "{plan_id}"}}'\n""" in text
    assert "2 blocked in 1 VPC.\n" in text
    assert "\nDone: 2 created, 0 changed, 0 deleted, 0 blocked in 1 VPC.\n" in approved


def test_the_queue_has_nobody_to_read_a_text_to(world: World) -> None:
    vpc_id = isolated(world)
    body = json.dumps({"vpc_ids": [vpc_id], "format": "text"})
    record = {"messageId": "1", "receiptHandle": "1", "body": body, "attributes": {}}

    assert call({"Records": [record]}) == {"batchItemFailures": []}

    (letter,) = world.dead_letters()
    assert letter["MessageAttributes"]["field"]["StringValue"] == "body.format"
    assert world.endpoints(vpc_id) == []

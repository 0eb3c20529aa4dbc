"""What a rule of one's own hears of a run."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from lifeline.handlers.reconcile_endpoints import handler
from tests.handlers.test_reconcile_endpoints import call, route_deleted, sqs
from tests.support.world import Context, World, emulated_world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch, send_events=True) as made:
        yield made


def listen() -> str:
    """A queue that hears all that Lifeline sends."""
    bus, queues = boto3.client("events"), boto3.client("sqs")
    url = str(queues.create_queue(QueueName="rule", Attributes={"VisibilityTimeout": "43200"})["QueueUrl"])
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.put_rule(Name="mine", EventPattern=json.dumps({"source": ["lifeline"]}))
    bus.put_targets(Rule="mine", Targets=[{"Id": "1", "Arn": arn}])
    return url


def heard(url: str) -> list[tuple[str, dict[str, Any]]]:
    found: list[dict[str, Any]] = []
    while batch := boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(one["Body"]) for one in batch]
    return sorted(((one["detail-type"], one["detail"]) for one in found), key=lambda pair: pair[0])


def test_a_change_is_heard_with_what_was_made_of_it_and_has_the_same_id_when_it_comes_twice(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    url = listen()
    event = route_deleted(world.main_table(vpc_id))

    handler(sqs(event), Context())
    first = heard(url)
    handler(sqs(event), Context())
    again = heard(url)

    assert [type_ for type_, _ in first] == ["Lifeline Action", "Lifeline Action", "Lifeline Change Seen"]
    assert {detail["vpc_id"] for _, detail in first} == {vpc_id}
    assert {detail["action"] for type_, detail in first if type_ == "Lifeline Action"} == {
        "create_security_group",
        "create_interface_endpoint",
    }
    assert {detail["id"] for _, detail in again} <= {detail["id"] for _, detail in first}


def test_what_is_held_back_is_a_plan_and_refusals_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch, send_events=True, endpoints_per_run=0) as world:
        vpc_id = world.make_vpc()
        world.make_subnet(vpc_id)
        url = listen()
        call({"vpc_ids": [vpc_id]})
        notified = heard(url)
        call({"vpc_ids": [vpc_id]})
        assert [type_ for type_, _ in notified] == ["Lifeline Plan", "Lifeline Refusal", "Lifeline Refusal"]
        assert {detail["blocked_by"] for type_, detail in notified if type_ == "Lifeline Refusal"} == {
            "endpoints_per_run"
        }
        assert heard(url) == []


def test_a_plan_by_hand_is_no_event(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    url = listen()
    call({"vpc_ids": [vpc_id], "mode": "plan"})
    assert heard(url) == []


def test_without_send_events_nothing_is_heard_and_the_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch, send_events=False) as world:
        vpc_id = world.make_vpc()
        world.make_subnet(vpc_id)
        url = listen()
        call({"vpc_ids": [vpc_id]})
        assert heard(url) == []
        assert len(world.endpoints(vpc_id)) == 1


def test_each_event_says_whose_the_vpc_is_by_its_tags(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    boto3.client("ec2").create_tags(Resources=[vpc_id], Tags=[{"Key": "team", "Value": "<payments>"}])
    url = listen()
    handler(sqs(route_deleted(world.main_table(vpc_id))), Context())
    assert {(detail["team"], detail["env"]) for _, detail in heard(url)} == {("(payments)", "")}

"""Work that is put back on the queue of changes."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from lifeline.adapters.aws.queue import Queue
from lifeline.adapters.aws.repair_requests import RepairRequests
from lifeline.core.requests.calls import read_queued, read_repair_request
from lifeline.core.requests.trigger import Trigger
from tests.support.world import World, emulated_world

VPC = "vpc-0123456789abcdef0"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


def test_what_set_work_going_travels_with_it_but_not_all_that_its_record_names(world: World) -> None:
    ids = frozenset(f"subnet-{number:08x}" for number in range(10_000))
    change = Trigger("change", "event-1", "DeleteRoute", "alice", "2026-11-22T12:00:00Z", ids)
    queue = Queue(world.queue_url, world.dead_letter_queue_url)
    queue.requeue([VPC], attempt=1, after=timedelta(), because=iter([change]))
    [body] = world.requeue()
    assert len(json.dumps(body)) < 1000
    [cause] = read_queued(body).because
    assert cause == change
    assert cause.ids == frozenset()


def test_each_message_names_100_vpcs_at_most_and_what_set_them_going(world: World) -> None:
    vpc_ids = [f"vpc-{number:08x}" for number in range(101)]
    queue = Queue(world.queue_url, world.dead_letter_queue_url)
    queue.requeue(vpc_ids, attempt=0, after=timedelta(), because=iter([Trigger("silence", event_id="inc-1")]))
    bodies = world.requeue()
    assert sorted(len(body["vpc_ids"]) for body in bodies) == [1, 100]
    assert [body["because"][0]["event_id"] for body in bodies] == ["inc-1", "inc-1"]


def test_what_sqs_does_not_take_is_escaped_in_a_dead_letter_and_what_does_not_fit_is_cut(world: World) -> None:
    queue = Queue(world.queue_url, world.dead_letter_queue_url)
    queue.dead_letter("half \ud800 and \x00 nothing", reason="\ud800", field="\x01")
    queue.dead_letter("\u00e9" * 1_048_576, reason="long")
    first, second = world.dead_letters()
    assert first["Body"] == r"half \ud800 and \x00 nothing"
    assert {name: one["StringValue"] for name, one in first["MessageAttributes"].items()} == {
        "reason": r"\ud800",
        "field": r"\x01",
    }
    assert 1_000_000 < len(second["Body"].encode()) < 1_048_576


def test_the_detector_asks_for_a_look_at_vpcs_and_nothing_else(world: World) -> None:
    RepairRequests(world.repair_queue_url).send([VPC], [Trigger("silence", event_id="inc-1")])
    (message,) = world.sqs.receive_message(QueueUrl=world.repair_queue_url)["Messages"]
    request = read_repair_request(json.loads(message["Body"]))
    assert (request.vpc_ids, request.because) == ((VPC,), (Trigger("silence", event_id="inc-1"),))

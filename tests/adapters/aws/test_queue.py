"""Work that is put back on the queue of changes."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from lifeline.adapters.aws.queue import Queue
from lifeline.core.requests.calls import read_request
from lifeline.core.requests.request import Trigger
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
    [cause] = read_request(body).because
    assert cause == change
    assert cause.ids == frozenset()


def test_an_attempt_keeps_the_ids_that_say_what_somebody_is_about_to_delete(world: World) -> None:
    ids = frozenset({"subnet-0123456789abcdef0", "not an id"})
    refused = Trigger("attempt", "event-1", "DeleteSubnet", "alice", "2026-11-22T12:00:00Z", ids)
    queue = Queue(world.queue_url, world.dead_letter_queue_url)
    queue.requeue([VPC], attempt=1, after=timedelta(), because=iter([refused]))
    [cause] = read_request(world.requeue()[0]).because
    assert cause == refused
    assert cause.ids == {"subnet-0123456789abcdef0"}


def test_each_message_names_100_vpcs_at_most_and_what_set_them_going(world: World) -> None:
    vpc_ids = [f"vpc-{number:08x}" for number in range(101)]
    queue = Queue(world.queue_url, world.dead_letter_queue_url)
    queue.requeue(vpc_ids, attempt=0, after=timedelta(), because=iter([Trigger("silence", event_id="inc-1")]))
    bodies = world.requeue()
    assert sorted(len(body["vpc_ids"]) for body in bodies) == [1, 100]
    assert [body["because"][0]["event_id"] for body in bodies] == ["inc-1", "inc-1"]


def test_a_release_that_is_put_back_is_still_one(world: World) -> None:
    queue = Queue(world.queue_url, world.dead_letter_queue_url)
    queue.requeue([VPC], attempt=1, after=timedelta(), release=True)
    [body] = world.requeue()
    assert (read_request(body).is_release, read_request(body).vpc_ids, read_request(body).attempt) == (True, (VPC,), 1)

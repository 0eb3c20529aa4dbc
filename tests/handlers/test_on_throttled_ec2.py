"""The whole handler against an EC2 that grants four endpoint calls at once."""

from collections.abc import Iterator
from typing import Any

import pytest

from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.handlers import reconcile_endpoints
from lifeline.handlers.reconcile_endpoints import handler
from lifeline.reconciler.steps.planning import CROWDED
from lifeline.runtime.settings import Settings
from tests.support.strict import Clock, StrictAccount
from tests.support.world import Context, World, emulated_world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


def test_with_four_calls_at_once_the_rest_is_put_back_and_nothing_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(reconcile_endpoints, "datetime", type("Now", (), {"now": staticmethod(lambda _: clock())}))
    account = StrictAccount(now=clock)
    account.attach(client("ec2"))
    vpc_ids = [world.make_vpc() for _ in range(6)]
    for vpc_id in vpc_ids:
        world.make_subnet(vpc_id)
    handler({"vpc_ids": vpc_ids}, Context(remaining_ms=46_000))
    assert [call.error for call in account.calls if call.operation == "CreateVpcEndpoint"] == [""] * 4
    waiting = [one for body in world.requeue() for one in body["vpc_ids"]]
    assert sorted(waiting) == sorted(one for one in vpc_ids if not world.endpoints(one))


def test_more_vpcs_than_route_53_can_be_asked_about_take_turns(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOST_DNS_VIEWS", "2")
    vpc_ids = [world.make_vpc() for _ in range(3)]
    for vpc_id in vpc_ids:
        world.make_subnet(vpc_id)
    answer = handler({"vpc_ids": vpc_ids}, Context())
    outcomes = sorted(one["outcome"] for one in answer["vpcs"])
    assert outcomes == ["changed", "changed", "planned"]
    (left,) = [one["vpc_id"] for one in answer["vpcs"] if one["outcome"] == "planned"]
    assert world.requeue() == [{"vpc_ids": [left], "attempt": 0}]


def test_whose_turn_it_is_nobody_can_reckon_before_the_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes VPCs would keep those that go before another one."""
    monkeypatch.setenv("MOST_DNS_VIEWS", "1")
    vpc_ids = [world.make_vpc() for _ in range(4)]
    for vpc_id in vpc_ids:
        world.make_subnet(vpc_id)
    first = set[str]()
    for number in range(20):
        answer = handler({"vpc_ids": vpc_ids, "mode": "plan"}, Context(aws_request_id=f"run-{number}"))
        (looked_at,) = [one["vpc_id"] for one in answer["vpcs"] if CROWDED not in str(one)]
        first.add(looked_at)
    assert first == set(vpc_ids)


def test_what_comes_to_want_an_endpoint_only_under_its_lease_waits_for_its_look_at_central_ones(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    take_lease = VpcStore.take_lease

    def then_be_crowded(*args: Any, **more: Any) -> VpcState | None:
        monkeypatch.setattr(Settings, "dns_views", property(lambda _: 0))
        return take_lease(*args, **more)

    monkeypatch.setattr(VpcStore, "take_lease", then_be_crowded)
    (answer,) = handler({"vpc_ids": [vpc_id]}, Context())["vpcs"]
    assert (answer["outcome"], world.endpoints(vpc_id)) == ("planned", [])
    assert world.requeue() == [{"vpc_ids": [vpc_id], "attempt": 0}]

"""Exempting by hand through the whole handler: kept, on record, planned with, and over when its time is."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.adapters.store.exemptions import Exemptions
from lifeline.adapters.store.table import Table
from lifeline.core.errors import TransientError
from lifeline.core.policy.exemptions import ExemptRequest
from lifeline.handlers import reconcile_endpoints
from lifeline.handlers.reconcile_endpoints import handler
from tests.handlers.test_reconcile_endpoints import sqs
from tests.support.agents import failing
from tests.support.home import HOME
from tests.support.strict import Clock
from tests.support.world import Context, World, emulated_world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    clock.advance(datetime.now(UTC).replace(hour=12) - clock())
    monkeypatch.setattr(reconcile_endpoints, "datetime", type("Now", (), {"now": staticmethod(lambda _: clock())}))
    return clock


def call(event: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(handler(event, Context()))))


def look(vpc_id: str, **more: object) -> dict[str, Any]:
    (answer,) = call({"vpc_ids": [vpc_id], **more})["vpcs"]
    return dict(answer)


def site(world: World) -> str:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    return vpc_id


def test_an_exempt_vpc_gets_nothing_until_the_exemption_has_ended(world: World, clock: Clock) -> None:
    vpc_id = site(world)
    until = (clock() + timedelta(days=7)).date()

    notified = call({"exempt": [vpc_id], "days": 7, "reason": "moves to the hub"})

    assert notified == {"exempt": [{"vpc_id": vpc_id, "services": [], "until": until.isoformat()}]}
    answer = look(vpc_id)
    assert (answer["outcome"], world.endpoints(vpc_id)) == ("unchanged", [])
    assert f"{vpc_id} is exempt from everything until {until}: moves to the hub" in answer["note"]
    clock.advance(timedelta(days=7))
    assert look(vpc_id)["outcome"] == "unchanged"
    clock.advance(timedelta(days=1))
    assert look(vpc_id)["outcome"] == "changed"


def test_days_0_ends_it_at_once_also_for_a_vpc_that_is_gone(world: World, clock: Clock) -> None:
    vpc_id = site(world)
    gone = "vpc-0123456789abcdef0"
    call({"exempt": [vpc_id]})
    answer = call({"exempt": [vpc_id, gone], "days": 0})
    assert [(one["vpc_id"], one["until"]) for one in answer["exempt"]] == [(vpc_id, None), (gone, None)]
    assert look(vpc_id)["outcome"] == "changed"


def test_other_services_and_other_vpcs_are_served_as_ever(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRED_SERVICES", "monitoring,logs")
    monkeypatch.setenv("CREATABLE_SERVICES", "monitoring,logs")
    first, second = site(world), site(world)
    call({"exempt": [first], "services": ["logs"]})
    for vpc_id in (first, second):
        look(vpc_id)
    names = {
        vpc_id: sorted(one["ServiceName"].split(".")[-1] for one in world.endpoints(vpc_id))
        for vpc_id in (first, second)
    }
    assert names == {first: ["monitoring"], second: ["logs", "monitoring"]}


def test_it_is_on_record_beside_what_lifeline_does(world: World, clock: Clock) -> None:
    vpc_id = site(world)
    call({"exempt": [vpc_id], "services": ["monitoring"], "days": 2, "reason": "no agents yet"})
    (entry,) = call({"history": {"vpc_id": vpc_id}})["history"]["entries"]
    until = (clock() + timedelta(days=2)).date()
    assert entry["kind"] == "action"
    assert entry["text"].startswith(
        f"exempt: done. Why: need not reach monitoring until the end of {until}: no agents yet."
    )
    assert entry["text"].endswith("Triggered by: a manual call.")
    (by_day,) = call({"history": {"day": clock().date().isoformat()}})["history"]["entries"]
    assert by_day == entry


def test_a_vpc_that_is_not_there_is_refused_and_nothing_is_kept(world: World, clock: Clock) -> None:
    vpc_id = site(world)
    answer = call({"exempt": [vpc_id, "vpc-0123456789abcdef0"]})
    assert answer["exempt"] == []
    assert [one["field"] for one in answer["errors"]] == ["exempt[1]"]
    assert Exemptions("ledger").read() == ()


def test_the_stacks_mode_plan_does_not_forbid_it(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "plan")
    vpc_id = site(world)
    assert look(vpc_id)["outcome"] == "planned"
    call({"exempt": [vpc_id]})
    assert look(vpc_id)["outcome"] == "unchanged"


def test_a_message_of_the_queue_can_exempt_nobody(world: World, clock: Clock) -> None:
    vpc_id = site(world)
    call(sqs({"exempt": [vpc_id]}))
    assert Exemptions("ledger").read() == ()
    assert len(world.dead_letters()) == 1


def test_where_it_cannot_be_read_nothing_is_made_but_a_plan_by_hand_comes(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = site(world)

    def broken(*_: object) -> None:
        raise TransientError("ledger: not now")

    monkeypatch.setattr(Exemptions, "read", broken)
    with pytest.raises(TransientError):
        look(vpc_id)
    assert world.endpoints(vpc_id) == []
    answer = look(vpc_id, mode="plan")
    assert answer["outcome"] == "planned"


def test_of_two_calls_at_once_none_is_lost(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = "vpc-0123456789abcdef0", "vpc-0123456789abcdef1"
    exemptions = Exemptions("ledger")
    raced: list[bool] = []
    put = Table.put

    def slow(self: Table, *arguments: Any, **condition: Any) -> bool:
        if not raced:
            raced.append(True)
            Exemptions("ledger").exempt(ExemptRequest((second,)), [HOME.vpc(second)], now=clock())
        return put(self, *arguments, **condition)

    monkeypatch.setattr(Table, "put", slow)
    exemptions.exempt(ExemptRequest((first,)), [HOME.vpc(first)], now=clock())
    assert [one.subject for one in exemptions.read()] == [first, second]


def test_where_it_cannot_be_put_on_record_the_call_fails_and_the_same_call_again_helps(
    world: World, clock: Clock
) -> None:
    vpc_id = site(world)
    call({"exempt": [vpc_id]})
    clock.advance(timedelta(days=1))
    with failing("dynamodb", "PutItem", "InternalServerError"), pytest.raises(TransientError):
        call({"exempt": [vpc_id], "days": 3})
    call({"exempt": [vpc_id], "days": 3})
    assert len(call({"history": {"vpc_id": vpc_id}})["history"]["entries"]) == 2

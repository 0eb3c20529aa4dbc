"""Changes of tools of infrastructure as code rest longer than a person's, and nothing is lost meanwhile."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from moto.sqs.models import sqs_backends

from lifeline.adapters.aws.queue import Queue
from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.history import History
from lifeline.core.errors import TransientError
from lifeline.core.requests.history import read_history
from tests.support.cloudtrail import AWS_CLI, TERRAFORM, record_call
from tests.support.days import MINUTES, Days
from tests.support.home import HOME
from tests.support.tuning import tune
from tests.support.world import ACCOUNT, REGION, emulated_world


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, iac_debounce_seconds=600) as world:
        yield Days(world, monkeypatch)


def make_isolated(days: Days) -> tuple[str, str]:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    return vpc_id, days.world.main_table(vpc_id)


def route_deleted(days: Days, table_id: str, user_agent: str = TERRAFORM) -> dict[str, Any]:
    request = {"RouteTableId": table_id, "DestinationCidrBlock": "0.0.0.0/0"}
    return record_call("DeleteRoute", request, {"Return": True}, at=days.clock(), user_agent=user_agent)


def association_gone(days: Days) -> dict[str, Any]:
    """Its record names nothing that is there any more: it could have been in any VPC."""
    request = {"AssociationId": "rtbassoc-0123456789abcdef0"}
    return record_call("DisassociateRouteTable", request, {}, at=days.clock(), user_agent=TERRAFORM)


def delays() -> list[int]:
    messages = sqs_backends[ACCOUNT][REGION].queues["changes"]._messages
    return [round((one.delayed_until - one.sent_timestamp) / 1000) for one in messages]


def changes_on_record(days: Days, vpc_id: str) -> list[str]:
    request = read_history({"history": {"vpc_id": vpc_id}}, days.clock())
    entries = History("ledger").read(request, HOME, now=days.clock()).entries
    return [str(one.facts["event_name"]) for one in entries if one.kind == "change"]


def test_a_change_of_terraforms_rests_ten_minutes_and_is_on_record_meanwhile(days: Days) -> None:
    vpc_id, table_id = make_isolated(days)
    days.deliver(route_deleted(days, table_id))
    assert days.live(vpc_id) == []
    assert changes_on_record(days, vpc_id) == ["DeleteRoute"]
    (request,) = days.world.requeue()
    assert (request["vpc_ids"], delays()) == ([vpc_id], [600])
    days.empty_queue()
    days.clock.advance(timedelta(minutes=10))
    days.deliver(request)
    days.clock.advance(MINUTES)
    assert len(days.live(vpc_id)) == 1
    assert "deploy-role/terraform called DeleteRoute at " in days.texts()[0]


def test_a_persons_change_is_looked_at_at_once(days: Days) -> None:
    vpc_id, table_id = make_isolated(days)
    days.deliver(route_deleted(days, table_id, AWS_CLI))
    days.clock.advance(MINUTES)
    assert len(days.live(vpc_id)) == 1


@pytest.mark.parametrize("who", ["person", "call", "sweep", "attempt"])
def test_whatever_else_asks_for_the_vpc_ends_the_wait(days: Days, who: str) -> None:
    vpc_id, table_id = make_isolated(days)
    failed = record_call("CreateVpcEndpoint", {"VpcId": vpc_id}, at=days.clock(), user_agent=TERRAFORM)
    failed["detail"] |= {"errorCode": "Client.InvalidParameter", "errorMessage": "private-dns-enabled cannot be set"}
    others = {
        "person": route_deleted(days, table_id, AWS_CLI),
        "call": {"vpc_ids": [vpc_id]},
        "sweep": {"sweep": True},
        "attempt": failed,
    }
    days.deliver(route_deleted(days, table_id), others[who])
    days.clock.advance(MINUTES)
    assert len(days.live(vpc_id)) == 1


def test_of_two_vpcs_the_one_that_a_person_changed_is_looked_at_and_the_other_rests(days: Days) -> None:
    resting, first = make_isolated(days)
    reconciled_at, second = make_isolated(days)
    days.deliver(route_deleted(days, first), route_deleted(days, second, AWS_CLI))
    days.clock.advance(MINUTES)
    assert (days.live(resting), len(days.live(reconciled_at))) == ([], 1)


def test_a_change_that_could_be_anywhere_rests_too_and_then_every_vpc_is_looked_at(days: Days) -> None:
    vpc_id, _ = make_isolated(days)
    days.deliver(association_gone(days))
    assert days.live(vpc_id) == []
    (request,) = days.world.requeue()
    assert (request["sweep"], [one["event_name"] for one in request["because"]]) == (True, ["DisassociateRouteTable"])
    known = AuditLog("ledger").untraced_changes(HOME, since=days.clock() - MINUTES, until=days.clock())
    assert [one.event_name for one in known] == ["DisassociateRouteTable"]
    days.empty_queue()
    days.clock.advance(timedelta(minutes=10))
    days.deliver(request)
    days.clock.advance(MINUTES)
    assert len(days.live(vpc_id)) == 1


def test_a_run_that_goes_on_is_looked_at_ten_minutes_after_its_first_change(days: Days) -> None:
    _, table_id = make_isolated(days)
    first, second = route_deleted(days, table_id), route_deleted(days, table_id)
    second["detail"]["eventID"] = "another"
    early, late = (int((days.clock() - timedelta(minutes=age)).timestamp() * 1000) for age in (7, 1))
    records = [
        {
            "messageId": str(sent),
            "receiptHandle": "h",
            "body": json.dumps(body),
            "attributes": {"SentTimestamp": str(sent)},
        }
        for body, sent in ((first, early), (second, late))
    ]
    days.call({"Records": records})
    assert delays() == [180]


def test_where_the_queue_fails_the_change_comes_again(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, table_id = make_isolated(days)

    def broken(*_: object, **__: object) -> None:
        raise TransientError("SQS is down")

    with monkeypatch.context() as patched:
        patched.setattr(Queue, "requeue", broken)
        with pytest.raises(AssertionError):
            days.deliver(route_deleted(days, table_id))
    days.deliver(route_deleted(days, table_id))
    assert [one["vpc_ids"] for one in days.world.requeue()] == [[vpc_id]]


def test_zero_seconds_treat_a_tools_change_as_any_other(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, table_id = make_isolated(days)
    tune(monkeypatch, iac_debounce_seconds=0)
    days.deliver(route_deleted(days, table_id))
    days.clock.advance(MINUTES)
    assert len(days.live(vpc_id)) == 1


def test_whoever_calls_themselves_a_tool_again_and_again_delays_a_repair_by_ten_minutes_at_most(days: Days) -> None:
    """The caller chooses the user agent: let nothing but patience depend on it, and little of that."""
    vpc_id, table_id = make_isolated(days)
    days.deliver(route_deleted(days, table_id))
    (waiting,) = days.world.requeue()
    for _ in range(9):
        days.clock.advance(timedelta(minutes=1))
        days.deliver(route_deleted(days, table_id))
        assert days.live(vpc_id) == []
    days.clock.advance(timedelta(minutes=1))
    days.deliver(route_deleted(days, table_id), waiting)
    days.clock.advance(MINUTES)
    assert len(days.live(vpc_id)) == 1

"""The record by hand: what somebody did, what Lifeline made of it, and what came of that, asked of the function."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.audit import AuditLog
from lifeline.core.errors import TransientError
from lifeline.core.requests.trigger import Trigger
from lifeline.handlers.reconcile_endpoints import handler
from tests.handlers.test_reconcile_endpoints import refuse, route_deleted, sqs
from tests.support.home import HOME
from tests.support.strict import Clock, StrictAccount
from tests.support.tuning import tune
from tests.support.world import Context, World, emulated_world

ALICE = {"arn": "arn:aws:sts::123456789012:assumed-role/deploy-role/alice"}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def account(world: World, clock: Clock) -> StrictAccount:
    """EC2 that lets an endpoint be pending first, as AWS does."""
    strict = StrictAccount(now=clock, shuffle=7, throttling=False)
    strict.attach(client("ec2"))
    return strict


def call(event: object) -> dict[str, Any]:
    return json.loads(json.dumps(handler(event, Context())))  # type: ignore[no-any-return]


def history(**asked: str) -> list[dict[str, Any]]:
    answer = call({"history": asked})
    assert answer["history"]["more"] is None
    return list(answer["history"]["entries"])


def deleted(table_id: str, event_id: str = "e-1") -> dict[str, Any]:
    """The route's deletion, just now: moto's ledger knows no other time than the test's own."""
    event = route_deleted(table_id, **ALICE)
    event["detail"] |= {"eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "eventID": event_id}
    return event


def private_vpc(world: World) -> tuple[str, str]:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    return vpc_id, world.main_table(vpc_id)


def test_who_changed_what_what_was_done_and_what_came_of_it(world: World, account: StrictAccount, clock: Clock) -> None:
    vpc_id, table_id = private_vpc(world)
    event = deleted(table_id)
    call(sqs(event))
    call(sqs(event))
    follow = {"vpc_ids": [vpc_id], "follow": True}
    call(sqs(follow))
    assert [one["kind"] for one in history(vpc_id=vpc_id)] == ["change", "action", "action"]
    clock.advance(timedelta(minutes=5))
    call(sqs(follow))
    call(sqs(follow))

    found = history(vpc_id=vpc_id)

    assert [one["kind"] for one in found] == ["change", "action", "action", "outcome"]
    assert found[0]["text"].startswith("DeleteRoute by deploy-role/alice (")
    (endpoint,) = world.endpoints(vpc_id)
    assert found[2]["text"].startswith(f"create interface endpoint for monitoring: done ({endpoint['VpcEndpointId']}")
    assert found[2]["text"].endswith("Triggered by: DeleteRoute by deploy-role/alice.")
    assert (found[3]["result"], found[3]["endpoint_id"]) == ("available", endpoint["VpcEndpointId"])
    assert history(day=found[0]["at"][:10]) == found


def test_an_endpoint_that_fails_is_on_record_with_awss_reason(
    world: World, account: StrictAccount, clock: Clock
) -> None:
    vpc_id, table_id = private_vpc(world)
    account.fail_endpoints_of("com.amazonaws.us-east-1.monitoring", "InternalError", "no capacity")
    call(sqs(deleted(table_id)))
    clock.advance(timedelta(minutes=5))
    call(sqs({"vpc_ids": [vpc_id], "follow": True}))
    (outcome,) = [one for one in history(vpc_id=vpc_id) if one["kind"] == "outcome"]
    assert (outcome["result"], outcome["service"]) == ("failed", "monitoring")
    assert "no capacity" in outcome["text"]


def test_an_outcome_that_cannot_be_written_is_told_to_the_queue_and_made_good(
    world: World, account: StrictAccount, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, table_id = private_vpc(world)
    call(sqs(deleted(table_id)))
    clock.advance(timedelta(minutes=5))
    follow = sqs({"vpc_ids": [vpc_id], "follow": True})
    with monkeypatch.context() as patch:
        refuse(patch, "BatchWriteItem", "ProvisionedThroughputExceededException")
        assert call(follow)["batchItemFailures"] == [{"itemIdentifier": "message-0"}]
    call(follow)
    assert [one["kind"] for one in history(vpc_id=vpc_id)].count("outcome") == 1


def test_a_change_that_an_earlier_look_had_answered_is_on_record_too(world: World) -> None:
    vpc_id, table_id = private_vpc(world)
    burst = datetime.now(UTC) - timedelta(seconds=30)
    call(sqs(deleted(table_id, "e-1"), sent=burst))
    call(sqs(deleted(table_id, "e-2"), sent=burst))
    assert [one["event_id"] for one in history(vpc_id=vpc_id) if one["kind"] == "change"] == ["e-1", "e-2"]


def test_a_change_of_a_vpc_that_is_gone_and_one_of_no_vpc_are_on_record(world: World) -> None:
    gone = "vpc-0123456789abcdef0"
    event = json.loads(Path("events/cloudtrail/DeleteVpc.json").read_text())
    event["detail"]["requestParameters"]["vpcId"] = gone
    call(sqs(event, deleted("rtb-0123456789abcdef0", "e-nowhere")))
    (change,) = history(vpc_id=gone, since=event["detail"]["eventTime"])
    assert change["event_name"] == "DeleteVpc"
    today = history(day=f"{datetime.now(UTC):%Y-%m-%d}")
    assert [(one["vpc_id"], one["event_id"]) for one in today] == [("", "e-nowhere")]


def test_what_stays_blocked_is_on_record_once_with_what_would_help(world: World) -> None:
    vpc_id = world.make_vpc(dns=False)
    world.make_subnet(vpc_id)
    for _ in range(3):
        call({"vpc_ids": [vpc_id]})
    (entry,) = history(vpc_id=vpc_id)
    assert (entry["kind"], entry["status"]) == ("action", "blocked")
    assert "--enable-dns-hostnames" in entry["text"]
    assert entry["text"].endswith("Triggered by: a manual call.")


def test_what_is_put_off_is_on_record_once_a_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, _ = private_vpc(world)
    refuse(monkeypatch, "CreateSecurityGroup", "RequestLimitExceeded")
    call({"vpc_ids": [vpc_id]})
    found = [(one["action"], one["status"]) for one in history(vpc_id=vpc_id)]
    assert found == [("create_security_group", "planned"), ("create_interface_endpoint", "planned")]


def test_history_is_answered_in_plan_mode_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch, MODE="plan") as world:
        vpc_id, table_id = private_vpc(world)
        call(sqs(deleted(table_id)))
        before = world.dynamodb.scan(TableName="ledger")["Items"]
        found = history(vpc_id=vpc_id)
        assert [one["kind"] for one in found] == ["change", "action", "action"]
        assert "planned, not done" in found[1]["text"]
        assert world.dynamodb.scan(TableName="ledger")["Items"] == before


def test_more_than_a_call_answers_is_asked_for_with_next(world: World) -> None:
    now = datetime.now(UTC)
    vpc_id, _ = private_vpc(world)
    changes = [Trigger("change", f"e{n}", "X", time=now.isoformat()) for n in range(130)]
    AuditLog("ledger").record_changes([(HOME.vpc(vpc_id), one) for one in changes], now=now)
    first = call({"history": {"vpc_id": vpc_id}})["history"]
    assert len(first["entries"]) == 100
    rest = history(vpc_id=vpc_id, next=first["more"]["next"])
    assert len({one["event_id"] for one in first["entries"] + rest}) == 130


@pytest.mark.parametrize(
    ("asked", "field"),
    [("vpc-1", "history"), ({"vpc_id": "vpc-1"}, "history.vpc_id"), ({"incident": "inc-9"}, "history.incident")],
)
def test_a_bad_ask_is_refused_in_words(world: World, asked: object, field: str) -> None:
    answer = call({"history": asked})
    assert answer["history"] == {"entries": [], "more": None}
    assert [one["field"] for one in answer["errors"]] == [field]


def test_history_that_comes_through_the_queue_is_put_aside(world: World) -> None:
    call(sqs({"history": {"day": "2026-11-20"}}))
    (letter,) = world.dead_letters()
    assert "history" in letter["MessageAttributes"]["reason"]["StringValue"]


def test_a_ledger_that_cannot_be_read_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "Query", "ThrottlingException")
    with pytest.raises(TransientError, match="audit log"):
        call({"history": {"day": "2026-11-20"}})


def test_the_record_is_kept_for_the_days_that_the_stack_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tune(monkeypatch, ledger_days=30)
    _, table_id = private_vpc(world)
    call(sqs(deleted(table_id)))
    items = world.dynamodb.scan(TableName="ledger")["Items"]
    lasting = ("OWNED#", "KNOWN#", "TARGETS#")
    of_vpcs = [item for item in items if item["pk"]["S"] != "EVENT_PATH"]
    entries = [item for item in of_vpcs if "#" in item["sk"]["S"] and not item["sk"]["S"].startswith(lasting)]
    kept = [int(item["expires_at"]["N"]) for item in entries]
    month = datetime.now(UTC) + timedelta(days=30)
    assert kept
    assert all(abs(one - month.timestamp()) < 600 for one in kept)

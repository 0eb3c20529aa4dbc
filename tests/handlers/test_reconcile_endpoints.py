"""The whole function in process: events in, endpoints and answers out."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.keys import partition
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.errors import TransientError
from lifeline.handlers.reconcile_endpoints import handler
from tests.support.home import HOME
from tests.support.world import ROLE_ARN, Context, World, emulated_world, flat

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


def call(event: object) -> dict[str, Any]:
    answer: dict[str, Any] = handler(event, Context())
    return json.loads(json.dumps(answer))  # type: ignore[no-any-return]


def test_an_isolated_subnet_gets_its_endpoint_and_a_second_look_changes_nothing(world: World) -> None:
    vpc_id = world.make_vpc()
    subnet_id = world.make_subnet(vpc_id)

    first = call({"vpc_ids": [vpc_id]})
    second = call({"vpc_ids": [vpc_id]})

    (answer,) = first["vpcs"]
    assert (answer["outcome"], answer["subnets"]) == ("changed", {subnet_id: "isolated"})
    assert [(a["action"], a["status"]) for a in answer["actions"]] == [
        ("create_security_group", "done"),
        ("create_interface_endpoint", "done"),
    ]
    (endpoint,) = world.endpoints(vpc_id)
    assert endpoint["VpcEndpointId"] == answer["actions"][1]["endpoint_id"]
    assert endpoint["SubnetIds"] == [subnet_id]
    assert endpoint["PrivateDnsEnabled"] is True
    assert second["vpcs"][0]["outcome"] == "unchanged"


def sqs(*bodies: object, received: int = 1, sent: datetime | None = None) -> dict[str, Any]:
    moment = sent or datetime.now(UTC)
    return {
        "Records": [
            {
                "messageId": f"message-{place}",
                "receiptHandle": f"handle-{place}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {
                    "ApproximateReceiveCount": str(received),
                    "SentTimestamp": str(int(moment.timestamp() * 1000)),
                },
                "eventSource": "aws:sqs",
            }
            for place, body in enumerate(bodies)
        ]
    }


def route_deleted(table_id: str, **identity: object) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(Path("events/cloudtrail/DeleteRoute.json").read_text())
    event["detail"]["requestParameters"]["routeTableId"] = table_id
    event["detail"]["userIdentity"] |= identity
    return event


def test_a_deleted_route_is_an_event_that_gives_the_subnet_its_endpoint_back(world: World) -> None:
    vpc_id = world.make_vpc()
    subnet_id = world.make_subnet(vpc_id)
    table_id = world.open_to_internet(vpc_id)
    assert call({"vpc_ids": [vpc_id]})["vpcs"][0]["subnets"] == {subnet_id: "public"}

    world.ec2.delete_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0")
    answer = call(route_deleted(table_id))

    assert answer["mode"] == "enforce"
    assert answer["vpcs"][0]["outcome"] == "changed"
    assert len(world.endpoints(vpc_id)) == 1


def test_everything_that_is_made_carries_the_tags_and_is_asked_for_in_full(world: World) -> None:
    vpc_id = world.make_vpc()
    world.ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock="10.1.0.0/16")
    world.make_subnet(vpc_id)
    call({"vpc_ids": [vpc_id]})

    (group,), (endpoint,) = world.groups(vpc_id), world.endpoints(vpc_id)
    tags = {"lifeline:managed-by": "lifeline"}
    assert {tag["Key"]: tag["Value"] for tag in endpoint["Tags"]} == tags | {"Name": "lifeline-monitoring"}
    assert {tag["Key"]: tag["Value"] for tag in group["Tags"]} == tags | {"Name": "lifeline-endpoints"}
    assert endpoint["VpcEndpointType"] == "Interface"
    assert [one["GroupId"] for one in endpoint["Groups"]] == [group["GroupId"]]
    (permission,) = group["IpPermissions"]
    assert (permission["FromPort"], permission["ToPort"], permission["IpProtocol"]) == (443, 443, "tcp")
    assert sorted(one["CidrIp"] for one in permission["IpRanges"]) == ["10.0.0.0/16", "10.1.0.0/16"]


def test_a_block_that_the_vpc_gains_is_let_in_by_the_next_look(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    call({"vpc_ids": [vpc_id]})
    world.ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock="10.1.0.0/16")

    answer = call({"vpc_ids": [vpc_id]})["vpcs"][0]

    assert [(one["action"], one["cidrs"]) for one in answer["actions"]] == [("open_security_group", ["10.1.0.0/16"])]
    assert call({"vpc_ids": [vpc_id]})["vpcs"][0]["outcome"] == "unchanged"


def test_a_new_zone_gets_its_interface_on_the_endpoint_that_is_there(world: World) -> None:
    vpc_id = world.make_vpc()
    first = world.make_subnet(vpc_id)
    call({"vpc_ids": [vpc_id]})
    second = world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b")

    answer = call({"vpc_ids": [vpc_id]})["vpcs"][0]

    assert [(one["action"], one["status"], one["subnet_ids"]) for one in answer["actions"]] == [
        ("add_subnets", "done", [second])
    ]
    (endpoint,) = world.endpoints(vpc_id)
    assert sorted(endpoint["SubnetIds"]) == sorted([first, second])


def test_plan_mode_by_hand_says_the_same_and_changes_and_tells_nothing(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)

    answer = call({"vpc_ids": [vpc_id], "mode": "plan"})

    assert (answer["mode"], answer["vpcs"][0]["outcome"]) == ("plan", "planned")
    assert [one["status"] for one in answer["vpcs"][0]["actions"]] == ["planned", "planned"]
    assert (world.endpoints(vpc_id), world.groups(vpc_id), world.notices()) == ([], [], [])


def test_a_plan_stack_never_applies_and_tells_each_plan_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch, MODE="plan") as world:
        vpc_id = world.make_vpc()
        world.make_subnet(vpc_id)
        assert call({"vpc_ids": [vpc_id], "mode": "enforce"})["mode"] == "plan"
        call({"sweep": True})
        assert world.endpoints(vpc_id) == []
        (notice,) = world.notices()
        assert "The stack is in plan mode, so nothing was changed." in flat(json.loads(notice["Body"])["Message"])


def test_gateway_endpoints_take_the_route_tables_of_private_subnets(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch, REQUIRED_SERVICES="s3,dynamodb") as world:
        vpc_id = world.make_vpc()
        world.make_subnet(vpc_id)
        answer = call({"vpc_ids": [vpc_id]})["vpcs"][0]
        assert [(one["action"], one["route_table_ids"]) for one in answer["actions"]] == [
            ("create_gateway_endpoint", [world.main_table(vpc_id)])
        ] * 2
        assert {one["VpcEndpointType"] for one in world.endpoints(vpc_id)} == {"Gateway"}
        assert world.groups(vpc_id) == []
        assert call({"vpc_ids": [vpc_id]})["vpcs"][0]["outcome"] == "unchanged"


def test_a_sweep_looks_at_every_vpc_of_the_region(world: World) -> None:
    vpc_ids = {world.make_vpc(), world.make_vpc()}
    for vpc_id in vpc_ids:
        world.make_subnet(vpc_id)
    answer = call({"sweep": True})
    changed = {one["vpc_id"] for one in answer["vpcs"] if one["outcome"] == "changed"}
    assert vpc_ids <= changed


def test_a_record_whose_only_id_is_gone_is_not_lost_but_becomes_a_sweep(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    event = json.loads(Path("events/cloudtrail/DisassociateRouteTable.json").read_text())
    assert vpc_id in {one["vpc_id"] for one in call(event)["vpcs"]}
    assert len(world.endpoints(vpc_id)) == 1


def test_our_own_calls_come_back_as_events_and_set_nothing_going(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    own = {"sessionContext": {"sessionIssuer": {"arn": ROLE_ARN}}}
    assert call(route_deleted(world.main_table(vpc_id), **own))["vpcs"] == []
    assert world.endpoints(vpc_id) == []


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (None, "event"),
        ({"vpc_ids": "all"}, "vpc_ids"),
        ({"sweep": True, "mode": "apply"}, "mode"),
        ({"detail-type": "EC2 Spot Instance Interruption Warning", "detail": {}}, "detail-type"),
        ({"detail-type": "EC2 Instance State-change Notification", "detail": {}}, "source"),
    ],
)
def test_bad_input_is_refused_in_words(world: World, event: object, field: str) -> None:
    answer = call(event)
    assert answer["vpcs"] == []
    assert [one["field"] for one in answer["errors"]] == [field]


def test_a_bad_id_and_a_vpc_that_is_gone_stop_no_other(world: World) -> None:
    vpc_id, gone = world.make_vpc(), "vpc-0123456789abcdef0"
    world.make_subnet(vpc_id)
    answer = call({"vpc_ids": ["vpc-?", gone, vpc_id]})
    outcomes = {one["vpc_id"]: one["outcome"] for one in answer["vpcs"]}
    assert outcomes == {vpc_id: "changed", gone: "failed"}
    (missing,) = [one for one in answer["vpcs"] if one["vpc_id"] == gone]
    assert missing["error"]["field"] == "vpc_ids[1]"
    assert [one["field"] for one in answer["errors"]] == ["vpc_ids[0]", "vpc_ids[1]"]


def test_a_batch_is_one_look_and_a_bad_message_is_put_aside_with_its_reason(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    good = route_deleted(world.main_table(vpc_id))

    answer = call(sqs(good, "not json", {"vpc_ids": ["subnet-1"]}, good))

    assert answer == {"batchItemFailures": []}
    assert len(world.endpoints(vpc_id)) == 1
    letters = world.dead_letters()
    fields = {one["Body"]: one["MessageAttributes"]["field"]["StringValue"] for one in letters}
    assert fields == {"not json": "body", '{"vpc_ids": ["subnet-1"]}': "vpc_ids[0]"}
    assert all(one["MessageAttributes"]["reason"]["StringValue"] for one in letters)


def test_a_burst_is_answered_by_one_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    event = route_deleted(world.main_table(vpc_id))
    looks = count_calls(monkeypatch)
    burst = datetime.now(UTC) - timedelta(seconds=30)
    call(sqs(event, sent=burst))
    after_first = looks["describe_vpcs"]
    call(sqs(event, sent=burst + timedelta(seconds=1)))
    assert looks["describe_vpcs"] == after_first
    call(sqs(event, sent=datetime.now(UTC)))
    assert looks["describe_vpcs"] > after_first


def test_changes_and_actions_are_kept_with_who_and_why(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    call(sqs(route_deleted(world.main_table(vpc_id))))
    items = world.dynamodb.query(
        TableName="ledger",
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": partition(HOME.vpc(vpc_id))}},
    )["Items"]
    by_kind = {item["sk"]["S"].partition("#")[0]: item for item in items}
    assert set(by_kind) == {"ACTION", "CHANGE", "STATE"}
    assert by_kind["CHANGE"]["actor"]["S"] == "deploy-role/terraform"
    assert by_kind["ACTION"]["because"]["L"][0]["M"]["event_name"]["S"] == "DeleteRoute"
    assert "lease_until" not in by_kind["STATE"]
    assert all("expires_at" in item for item in items)


def test_a_change_whose_vpc_was_looked_at_since_is_on_record_all_the_same(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    event = route_deleted(world.main_table(vpc_id))
    late = {**event, "detail": {**event["detail"], "eventID": "a-second-event"}}
    sent = datetime.now(UTC) - timedelta(seconds=30)
    call(sqs(event, sent=sent))
    call(sqs(late, sent=sent + timedelta(seconds=1)))
    changes = AuditLog("ledger").changes_of(
        HOME.vpc(vpc_id), since=LONG_AGO, until=datetime.now(UTC) + timedelta(days=1)
    )
    assert "a-second-event" in {change.event_id for change in changes}


def test_a_change_that_names_no_vpc_is_on_record_for_the_region(world: World) -> None:
    vpc_id = world.make_vpc()
    event = json.loads(Path("events/cloudtrail/DisassociateRouteTable.json").read_text())
    call(sqs(event))
    until = datetime.now(UTC) + timedelta(days=1)
    assert AuditLog("ledger").changes_of(HOME.vpc(vpc_id), since=LONG_AGO, until=until) == ()
    [change] = AuditLog("ledger").untraced_changes(HOME, since=LONG_AGO, until=until)
    assert (change.event_name, change.is_traced) == ("DisassociateRouteTable", False)


def test_the_notice_says_who_changed_what_and_what_was_done(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    call(sqs(route_deleted(world.main_table(vpc_id))))
    call({"sweep": True})
    heard = [json.loads(one["Body"]) for one in world.notices()]
    about = [one for one in heard if vpc_id in one["Message"]]
    assert len(about) == 1
    assert "deploy-role/terraform called DeleteRoute at " in about[0]["Message"]
    assert "monitoring: created interface endpoint vpce-" in about[0]["Message"]


def test_while_another_run_holds_the_vpc_its_work_is_put_back_and_not_done_twice(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    now = datetime.now(UTC)
    assert VpcStore("ledger").take_lease(HOME.vpc(vpc_id), "another run", now=now, until=now + timedelta(minutes=5))

    answer = call({"vpc_ids": [vpc_id]})["vpcs"][0]

    assert (answer["outcome"], world.endpoints(vpc_id)) == ("planned", [])
    assert answer["actions"][0]["error"] == "another run works on this VPC"
    assert world.requeue() == [{"vpc_ids": [vpc_id], "attempt": 0}]


def test_what_does_not_fit_into_the_runs_time_is_put_back(world: World) -> None:
    vpc_ids = [world.make_vpc() for _ in range(6)]
    for vpc_id in vpc_ids:
        world.make_subnet(vpc_id)
    answer = json.loads(json.dumps(handler({"vpc_ids": vpc_ids}, Context(remaining_ms=46_000))))
    outcomes = [one["outcome"] for one in answer["vpcs"]]
    assert outcomes.count("changed") == 6  # each has its security group …
    assert sum(len(world.endpoints(vpc_id)) for vpc_id in vpc_ids) == 4  # … and four of them their endpoint
    waiting = [vpc_id for one in world.requeue() for vpc_id in one["vpc_ids"]]
    assert sorted(waiting) == sorted(vpc_id for vpc_id in vpc_ids if not world.endpoints(vpc_id))


def refuse(monkeypatch: pytest.MonkeyPatch, operation: str, code: str, words: str = "refused by the test") -> None:
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def refusing(self: object, name: str, request: dict[str, Any]) -> object:
        if name == operation:
            raise ClientError({"Error": {"Code": code, "Message": words}}, name)
        return make_call(self, name, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", refusing)


def count_calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    counts: Counter[str] = Counter()
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def counting(self: object, name: str, request: dict[str, Any]) -> object:
        counts[xform_name(name)] += 1
        return make_call(self, name, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", counting)
    return counts


def test_throttling_puts_the_work_back_with_one_try_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    with monkeypatch.context() as patch:
        refuse(patch, "CreateVpcEndpoint", "RequestLimitExceeded")
        answer = call({"vpc_ids": [vpc_id]})["vpcs"][0]
    assert [one["status"] for one in answer["actions"]] == ["done", "planned"]
    (body,) = world.requeue()
    assert body == {"vpc_ids": [vpc_id], "attempt": 1}
    assert call(sqs(body)) == {"batchItemFailures": []}
    assert len(world.endpoints(vpc_id)) == 1


def test_after_many_tries_the_work_is_put_aside_with_its_reason(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    refuse(monkeypatch, "CreateVpcEndpoint", "RequestLimitExceeded")
    call(sqs({"vpc_ids": [vpc_id], "attempt": 6}))
    (letter,) = world.dead_letters()
    assert json.loads(letter["Body"]) == {"vpc_ids": [vpc_id]}
    assert "RequestLimitExceeded" in letter["MessageAttributes"]["reason"]["StringValue"]
    assert world.requeue() == []


def test_what_a_person_must_solve_fails_with_awss_words_and_stops_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    monkeypatch.setenv("REQUIRED_SERVICES", "monitoring,s3")
    with monkeypatch.context() as patch:
        refuse(patch, "CreateSecurityGroup", "UnauthorizedOperation")
        answer = call({"vpc_ids": [vpc_id]})["vpcs"][0]
    assert answer["outcome"] == "failed"
    assert [(one["action"], one["status"]) for one in answer["actions"]] == [
        ("create_security_group", "failed"),
        ("create_interface_endpoint", "failed"),
        ("create_gateway_endpoint", "done"),
    ]
    assert "refused by the test" in answer["actions"][0]["error"]
    assert world.requeue() == []


def test_where_the_network_cannot_be_read_every_message_comes_back_until_its_last_try(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = route_deleted("rtb-0123456789abcdef0")
    refuse(monkeypatch, "DescribeVpcs", "RequestLimitExceeded")
    assert call(sqs(event, event)) == {
        "batchItemFailures": [{"itemIdentifier": "message-0"}, {"itemIdentifier": "message-1"}]
    }
    assert call(sqs(event, received=5)) == {"batchItemFailures": []}
    (letter,) = world.dead_letters()
    assert "RequestLimitExceeded" in letter["MessageAttributes"]["reason"]["StringValue"]


def test_a_name_that_a_deleted_endpoint_still_holds_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    words = "private-dns-enabled cannot be set because there is already a conflicting DNS domain"
    with monkeypatch.context() as patch:
        refuse(patch, "CreateVpcEndpoint", "InvalidParameter", words)
        answer = call(route_deleted(world.main_table(vpc_id)))["vpcs"][0]
    assert [one["status"] for one in answer["actions"]] == ["done", "planned"]
    (body,) = world.requeue()
    assert (body["attempt"], body["because"][0]["event_name"]) == (1, "DeleteRoute")
    call(sqs(body))
    texts = [json.loads(one["Body"])["Message"] for one in world.notices()]
    assert any("created interface endpoint" in text and " called DeleteRoute at " in text for text in texts)


def test_a_plan_that_comes_through_the_queue_is_refused_never_applied(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    call(sqs({"vpc_ids": [vpc_id], "mode": "plan"}))
    assert world.endpoints(vpc_id) == []
    (letter,) = world.dead_letters()
    assert letter["MessageAttributes"]["field"]["StringValue"] == "body.mode"


def test_what_was_done_is_told_even_if_it_can_not_be_written_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    with monkeypatch.context() as patch:
        refuse(patch, "BatchWriteItem", "ProvisionedThroughputExceededException")
        with pytest.raises(TransientError):
            call({"vpc_ids": [vpc_id]})
    (notice,) = world.notices()
    assert "created interface endpoint" in json.loads(notice["Body"])["Message"]


def test_another_accounts_vpc_stops_no_sweep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLE_ARN", "arn:aws:iam::999999999999:role/lifeline")
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    refuse(monkeypatch, "DescribeVpcAttribute", "UnauthorizedOperation")
    (answer,) = call({"sweep": True})["vpcs"]
    assert answer["outcome"] == "blocked"
    assert "belongs to account" in answer["actions"][0]["error"]


def test_a_notice_that_cannot_be_sent_loses_no_work(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    refuse(monkeypatch, "Publish", "InternalError")
    assert call({"vpc_ids": [vpc_id]})["vpcs"][0]["outcome"] == "changed"


def refuse_messages(monkeypatch: pytest.MonkeyPatch, *queues: str) -> None:
    """SQS takes nothing for these queues."""
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(self: Any, name: str, kwargs: dict[str, Any]) -> Any:
        if name == "SendMessage" and kwargs["QueueUrl"].rpartition("/")[2] in queues:
            raise ClientError({"Error": {"Code": "OverLimit", "Message": "too many in flight"}}, name)
        return original(self, name, kwargs)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)


@pytest.mark.parametrize("is_call", [True, False])
def test_a_follow_up_that_cannot_be_queued_undoes_nothing_and_is_put_aside_with_its_reason(
    world: World, monkeypatch: pytest.MonkeyPatch, is_call: bool
) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    refuse_messages(monkeypatch, "changes")
    answer = handler({"vpc_ids": [vpc_id]} if is_call else sqs(json.dumps({"vpc_ids": [vpc_id]})), Context())
    assert len(world.endpoints(vpc_id)) == 1
    (letter,) = world.dead_letters()
    assert json.loads(letter["Body"]) == {"vpc_ids": [vpc_id], "follow": True}
    reason = letter["MessageAttributes"]["reason"]["StringValue"]
    assert reason.startswith("could not be put back on the queue: ")
    assert "too many in flight" in reason
    assert len(world.notices()) == 1
    assert _has_actions(vpc_id)
    if is_call:
        (found,) = answer["vpcs"]
        assert {one["status"] for one in found["actions"]} == {"done"}
        assert reason in found["note"]
    else:
        assert answer == {"batchItemFailures": []}


def test_where_no_queue_takes_the_follow_up_the_messages_come_again_and_a_call_is_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, other_id = world.make_vpc(), world.make_vpc(cidr="10.9.0.0/16")
    world.make_subnet(vpc_id)
    world.make_subnet(other_id, "10.9.1.0/24")
    refuse_messages(monkeypatch, "changes", "dead-letters")
    (found,) = handler({"vpc_ids": [vpc_id]}, Context())["vpcs"]
    assert "the next sweep will check the VPC" in found["note"]
    kept = handler(sqs(json.dumps({"vpc_ids": [other_id]})), Context())["batchItemFailures"]
    assert len(kept) == 1
    assert len(world.endpoints(other_id)) == 1
    assert len(world.notices()) == 2


def _has_actions(vpc_id: str) -> bool:
    found = handler({"history": {"vpc_id": vpc_id}}, Context())
    return "create_interface_endpoint" in json.dumps(found, default=str)


def test_what_stays_blocked_is_told_once(world: World) -> None:
    vpc_id = world.make_vpc(dns=False)
    world.make_subnet(vpc_id)
    for _ in range(3):
        assert call({"vpc_ids": [vpc_id]})["vpcs"][0]["outcome"] == "blocked"
    (notice,) = world.notices()
    assert "--enable-dns-hostnames" in json.loads(notice["Body"])["Message"]
    kept = world.dynamodb.query(
        TableName="ledger",
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues={":pk": {"S": partition(HOME.vpc(vpc_id))}, ":sk": {"S": "ACTION#"}},
    )["Items"]
    assert [(one["status"]["S"], bool(one["error"]["S"])) for one in kept] == [("blocked", True)]


def test_every_file_in_events_is_understood(world: World) -> None:
    for path in sorted(Path("events").rglob("*.json")):
        if not path.stem.startswith(("detect", "coverage")):
            answer = call(json.loads(path.read_text()))
            refused = [one["field"] for one in answer.get("errors", [])]
            unknown_here = {"call-approve": ["approve"]}  # no such plan, and no such VPC
            unknown_here |= {"call-exempt": ["exempt[0]"]}
            named = ("call", "call-plan", "call-plan-text", "call-release", "call-unfreeze")
            unknown_here |= {stem: ["vpc_ids[0]"] for stem in named}
            unknown_here |= {"call-approve-backlog": ["services"], "call-suggest": ["suggest"]}
            unknown_here |= {"call-adopt": ["adopt[0]"], "call-hand-over": ["hand_over[0]"]}
            assert refused == unknown_here.get(path.stem, []), path
            assert answer.get("batchItemFailures", []) == [], path

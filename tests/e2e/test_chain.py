"""The deployed chain on emulators: EC2 call → CloudTrail → rule → queue → function → EC2, with no step faked.

Each test works in VPCs of its own; the account, the stack and its queue are shared, as they are in life.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.emulators.account import REGION, Account
from tests.e2e.machine import Site, build_site, launch
from tests.e2e.network import find_path
from tests.support.cloudtrail import record_call

pytestmark = pytest.mark.chain

SERVICE_NAME = f"com.amazonaws.{REGION}.monitoring"
GROUP_NAME = "lifeline-endpoints"
MINUTE_S = 60


# ---- the story -------------------------------------------------------------------------------------------------------


def test_a_deleted_route_gives_the_subnet_its_endpoint_once(account: Account, ec2: Any) -> None:
    site = build_site(ec2, cidr="10.50", name="story")
    instance_id = launch(ec2, site.subnet_id)
    wait_until_quiet(account)
    assert endpoints_in(ec2, site.vpc_id) == []

    delete_default_route(ec2, site)
    endpoint = account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint", within_s=MINUTE_S)

    assert endpoint["ServiceName"] == SERVICE_NAME
    assert endpoint["SubnetIds"] == [site.subnet_id]
    assert endpoint["PrivateDnsEnabled"] is True
    assert [group["GroupName"] for group in endpoint["Groups"]] == [GROUP_NAME]
    assert {"Key": "lifeline:managed-by", "Value": "lifeline-local"} in endpoint["Tags"]
    path = find_path(ec2, instance_id, "monitoring", REGION)
    assert path.is_open, path.why

    wait_until_quiet(account)
    redeliver(account, [route_deleted(site)])
    wait_until_quiet(account)
    assert [one["VpcEndpointId"] for one in endpoints_in(ec2, site.vpc_id)] == [endpoint["VpcEndpointId"]]
    assert len(groups_in(ec2, site.vpc_id)) == 1


def test_200_changes_of_10_vpcs_within_a_second_leave_one_endpoint_and_one_group_each(
    account: Account, ec2: Any
) -> None:
    sites = [build_site(ec2, cidr=f"10.{60 + number}", name=f"burst-{number}") for number in range(10)]
    wait_until_quiet(account)
    for site in sites:
        ec2.delete_route(RouteTableId=site.route_table_id, DestinationCidrBlock="0.0.0.0/0")

    redeliver(account, [route_deleted(site, twin=number) for number in range(20) for site in sites])

    def served() -> bool:
        return all(available_endpoint(ec2, site.vpc_id) for site in sites)

    account.wait(served, what="an endpoint in each of the 10 VPCs", within_s=3 * MINUTE_S, every_s=2)
    wait_until_quiet(account)
    made = Counter((one["VpcId"], one["ServiceName"]) for site in sites for one in endpoints_in(ec2, site.vpc_id))
    assert made == {(site.vpc_id, SERVICE_NAME): 1 for site in sites}
    assert [len(groups_in(ec2, site.vpc_id)) for site in sites] == [1] * 10
    assert account.queue_depth("DeadLetterQueue") == 0


def test_after_the_routes_return_the_endpoint_is_retired(account: Account, ec2: Any) -> None:
    site = build_site(ec2, cidr="10.55", name="return")
    wait_until_quiet(account)
    delete_default_route(ec2, site)
    made = account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint", within_s=MINUTE_S)
    wait_until_quiet(account)

    restore_default_route(ec2, site)
    wait_until_quiet(account)
    assert not account.invoke("ReconcileEndpointsFunction", {"sweep": True}).error
    assert [one["VpcEndpointId"] for one in endpoints_in(ec2, site.vpc_id)] == [made["VpcEndpointId"]]
    age_what_is_not_needed(account, site.vpc_id, by=timedelta(hours=73))
    assert not account.invoke("ReconcileEndpointsFunction", {"sweep": True}).error

    account.wait(lambda: not endpoints_in(ec2, site.vpc_id), what="no endpoint", within_s=MINUTE_S)
    account.wait(lambda: not groups_in(ec2, site.vpc_id), what="no security group", within_s=3 * MINUTE_S)
    wait_until_quiet(account)
    assert endpoints_in(ec2, site.vpc_id) == []
    assert account.queue_depth("DeadLetterQueue") == 0


# ---- what doesn't reach it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(record_call("RunInstances", {}, {}), id="a call outside the rules"),
        pytest.param(
            record_call("CreateTags", {"Resources": ["i-0123456789abcdef0"], "Tags": []}, {}), id="another's tags"
        ),
    ],
)
def test_other_calls_never_reach_the_queue(account: Account, event: dict[str, Any]) -> None:
    wait_until_quiet(account)

    put_on_bus(account, [event])

    assert account.queue_depth("ChangesQueue") == 0


def test_a_refused_call_never_reaches_the_queue(account: Account, ec2: Any) -> None:
    wait_until_quiet(account)

    with pytest.raises(ec2.exceptions.ClientError, match="NotFound"):
        ec2.delete_route(RouteTableId="rtb-0123456789abcdef0", DestinationCidrBlock="0.0.0.0/0")

    assert account.queue_depth("ChangesQueue") == 0


# ---- bad input -------------------------------------------------------------------------------------------------------


def test_a_bad_message_is_put_aside_with_its_reason_and_stops_no_other(account: Account, ec2: Any) -> None:
    with rules_disabled(account):  # so that only the message below tells of this VPC
        site = build_site(ec2, cidr="10.80", name="batch", public=False)

    send(account, ["this is not an event", json.dumps(route_deleted(site)), json.dumps({"vpc_ids": "all"})])

    def aside() -> list[dict[str, Any]]:
        found = put_aside(account)
        return found if len(found) == 2 else []

    found = account.wait(aside, what="two messages in the dead-letter queue", within_s=MINUTE_S)
    account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the batch's good message", within_s=MINUTE_S)
    assert "this is not an event" in [message["Body"] for message in found]
    assert all(message["MessageAttributes"] for message in found), found
    empty_dead_letters(account)


# ---- by hand ---------------------------------------------------------------------------------------------------------


def test_plan_mode_by_hand_says_what_is_missing_and_changes_nothing(account: Account, ec2: Any) -> None:
    site = build_site(ec2, cidr="10.100", name="plan", public=False)

    answer = account.invoke("ReconcileEndpointsFunction", {"vpc_ids": [site.vpc_id], "mode": "plan"})

    assert not answer.error, answer.logs
    vpc = answer.payload["vpcs"][0]
    assert (answer.payload["mode"], vpc["outcome"]) == ("plan", "planned")
    assert vpc["subnets"] == {site.subnet_id: "isolated"}
    planned = {action["action"]: action for action in vpc["actions"]}
    assert set(planned) == {"create_security_group", "create_interface_endpoint"}
    assert planned["create_interface_endpoint"]["service_name"] == SERVICE_NAME
    assert all(action["status"] == "planned" and action["reason"] for action in vpc["actions"])
    assert endpoints_in(ec2, site.vpc_id) == []
    assert groups_in(ec2, site.vpc_id) == []


def test_the_record_tells_by_vpc_and_by_day_who_changed_what_what_was_done_and_what_came_of_it(
    account: Account, ec2: Any
) -> None:
    site = build_site(ec2, cidr="10.110", name="record")
    wait_until_quiet(account)
    since = datetime.now(UTC).isoformat()
    delete_default_route(ec2, site)
    endpoint = account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint", within_s=MINUTE_S)

    def story() -> list[dict[str, Any]]:
        answer = account.invoke("ReconcileEndpointsFunction", {"history": {"vpc_id": site.vpc_id, "since": since}})
        assert not answer.error, answer.logs
        found: list[dict[str, Any]] = answer.payload["history"]["entries"]
        return found if any(one["kind"] == "outcome" for one in found) else []

    found = account.wait(story, what="the endpoint's outcome on record", within_s=3 * MINUTE_S, every_s=5)
    (change,) = [one for one in found if one.get("event_name") == "DeleteRoute"]
    assert site.route_table_id in change["text"]
    done = [one for one in found if one["kind"] == "action" and one["action"] == "create_interface_endpoint"]
    assert [(one["status"], one["endpoint_id"]) for one in done] == [("done", endpoint["VpcEndpointId"])]
    assert "DeleteRoute" in done[0]["text"]
    (outcome,) = [one for one in found if one["kind"] == "outcome"]
    assert (outcome["result"], outcome["endpoint_id"]) == ("available", endpoint["VpcEndpointId"])
    days: list[dict[str, Any]] = []
    asked = {"day": change["at"][:10]}
    while asked:  # other tests' changes are on record, too
        answer = account.invoke("ReconcileEndpointsFunction", {"history": asked})
        assert not answer.error, answer.logs
        days += answer.payload["history"]["entries"]
        more = answer.payload["history"]["more"]
        asked = asked | {"next": more["next"]} if more else {}
    assert days.count(change) == days.count(outcome) == 1


# ---- helpers ---------------------------------------------------------------------------------------------------------


def delete_default_route(ec2: Any, site: Site) -> None:
    ec2.delete_route(RouteTableId=site.route_table_id, DestinationCidrBlock="0.0.0.0/0")


def restore_default_route(ec2: Any, site: Site) -> None:
    ec2.create_route(
        RouteTableId=site.route_table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=site.internet_gateway_id
    )


def age_what_is_not_needed(account: Account, vpc_id: str, *, by: timedelta) -> None:
    """Moves the dates in the ledger back, as if so long had passed: the shortest RetireAfterHours is an hour."""
    dynamodb, table = account.client("dynamodb"), account.outputs["LedgerTable"]
    key = {"pk": {"S": f"VPC#{vpc_id}"}, "sk": {"S": "LOOK"}}
    kept = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]["unneeded"]["M"]
    assert kept
    older = {one: {"S": (datetime.fromisoformat(at["S"]) - by).isoformat()} for one, at in kept.items()}
    dynamodb.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET unneeded = :older",
        ExpressionAttributeValues={":older": {"M": older}},
    )


def route_deleted(site: Site, *, twin: int = 0) -> dict[str, Any]:
    """The record of the route's deletion; each `twin` is another call with an id of its own."""
    at = datetime.now(UTC) - timedelta(milliseconds=twin)
    request = {"RouteTableId": site.route_table_id, "DestinationCidrBlock": "0.0.0.0/0"}
    return record_call("DeleteRoute", request, {}, at=at, region=REGION, request_id=f"{site.vpc_id}-{twin}")


def redeliver(account: Account, events: list[dict[str, Any]]) -> None:
    """Put messages on the deployed queue as the rule does, with the queue's own delay."""
    send(account, [json.dumps(event) for event in events])


def send(account: Account, bodies: list[str]) -> None:
    sqs, url = account.client("sqs"), account.outputs["ChangesQueue"]

    def put(start: int) -> None:
        batch = bodies[start : start + 10]
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(batch)]
        assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(0, len(bodies), 10)))


def put_on_bus(account: Account, events: list[dict[str, Any]]) -> None:
    """What the relay does with a call: only AWS itself may use the source."""
    for event in events:
        entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
        assert not account.relay().put_events(Entries=[entry])["FailedEntryCount"]


def wait_until_quiet(account: Account) -> None:
    """Until no change is on its way: neither on the queue nor in a function's hands."""
    quiet_for = 0

    def quiet() -> bool:
        nonlocal quiet_for
        quiet_for = quiet_for + 1 if account.queue_depth("ChangesQueue") == 0 else 0
        return quiet_for >= 4

    account.wait(quiet, what="an empty queue", within_s=2 * MINUTE_S)


def endpoints_in(ec2: Any, vpc_id: str) -> list[dict[str, Any]]:
    found = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["VpcEndpoints"]
    return [one for one in found if one["State"] != "deleted"]


def available_endpoint(ec2: Any, vpc_id: str) -> dict[str, Any] | None:
    return next((one for one in endpoints_in(ec2, vpc_id) if one["State"] == "available"), None)


@contextmanager
def rules_disabled(account: Account) -> Iterator[None]:
    """Nothing is delivered meanwhile; the relay gets a moment to put what is on its way."""
    events = account.client("events")
    names = [rule["Name"] for rule in events.list_rules()["Rules"]]
    for name in names:
        events.disable_rule(Name=name)
    try:
        yield
        time.sleep(1)
    finally:
        for name in names:
            events.enable_rule(Name=name)


def groups_in(ec2: Any, vpc_id: str) -> list[str]:
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": [GROUP_NAME]}]
    return [group["GroupId"] for group in ec2.describe_security_groups(Filters=filters)["SecurityGroups"]]


def put_aside(account: Account) -> list[dict[str, Any]]:
    """What waits in the dead-letter queue, without taking it out."""
    sqs, url = account.client("sqs"), account.outputs["DeadLetterQueue"]
    found: dict[str, dict[str, Any]] = {}
    for _ in range(4):
        answer = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0, MessageAttributeNames=["All"]
        )
        found |= {message["MessageId"]: message for message in answer.get("Messages", ())}
    return list(found.values())


def empty_dead_letters(account: Account) -> None:
    account.client("sqs").purge_queue(QueueUrl=account.outputs["DeadLetterQueue"])

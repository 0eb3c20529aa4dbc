"""The deployed chain on emulators: EC2 call → CloudTrail → rule → queue → function → EC2, with no step faked.

Each test works in VPCs of its own; the account, the stack and its queue are shared, as they are in life.
"""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.adapters.store.keys import partition
from tests.e2e.emulators.account import REGION, Account
from tests.e2e.machine import Site, build_site, launch
from tests.e2e.network import find_path
from tests.e2e.steps import (
    GROUP_NAME,
    SERVICE_NAME,
    available_endpoint,
    dead_letters_about,
    delete_default_route,
    endpoints_in,
    groups_in,
    ids_of,
    reconcile,
    restore_default_route,
    rules_disabled,
    send,
    wait_until_quiet,
)
from tests.support.cloudtrail import record_call
from tests.support.home import HOME

pytestmark = pytest.mark.chain


# ---- the story -------------------------------------------------------------------------------------------------------


def test_a_deleted_route_gives_the_subnet_its_endpoint_once(account: Account, ec2: Any) -> None:
    site = build_site(ec2, cidr="10.50", name="story")
    instance_id = launch(ec2, site.subnet_id)
    wait_until_quiet(account)
    assert endpoints_in(ec2, site.vpc_id) == []

    delete_default_route(ec2, site)
    endpoint = account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint")

    assert endpoint["ServiceName"] == SERVICE_NAME
    assert endpoint["SubnetIds"] == [site.subnet_id]
    assert endpoint["PrivateDnsEnabled"] is True
    assert [group["GroupName"] for group in endpoint["Groups"]] == [GROUP_NAME]
    assert {"Key": "lifeline:managed-by", "Value": "lifeline-local"} in endpoint["Tags"]
    path = find_path(ec2, instance_id, "monitoring", REGION)
    assert path.is_open, path.why

    wait_until_quiet(account)
    send(account, [json.dumps(route_deleted(site))])
    wait_until_quiet(account)
    assert ids_of(endpoints_in(ec2, site.vpc_id)) == [endpoint["VpcEndpointId"]]
    assert len(groups_in(ec2, site.vpc_id)) == 1


def test_200_changes_of_10_vpcs_within_a_second_leave_one_endpoint_and_one_group_each(
    account: Account, ec2: Any
) -> None:
    sites = [build_site(ec2, cidr=f"10.{60 + number}", name=f"burst-{number}") for number in range(10)]
    wait_until_quiet(account)
    for site in sites:
        ec2.delete_route(RouteTableId=site.route_table_id, DestinationCidrBlock="0.0.0.0/0")

    send(account, [json.dumps(route_deleted(site, twin=number)) for number in range(20) for site in sites])

    def served() -> bool:
        return all(available_endpoint(ec2, site.vpc_id) for site in sites)

    account.wait(served, what="an endpoint in each of the 10 VPCs")
    wait_until_quiet(account)
    found = [endpoint for site in sites for endpoint in endpoints_in(ec2, site.vpc_id)]
    made = Counter((endpoint["VpcId"], endpoint["ServiceName"]) for endpoint in found)
    assert made == {(site.vpc_id, SERVICE_NAME): 1 for site in sites}
    assert [len(groups_in(ec2, site.vpc_id)) for site in sites] == [1] * 10
    assert dead_letters_about(account, *(id_ for site in sites for id_ in (site.vpc_id, site.route_table_id))) == []


def test_after_the_routes_return_the_endpoint_is_retired(account: Account, ec2: Any) -> None:
    site = build_site(ec2, cidr="10.55", name="return")
    wait_until_quiet(account)
    delete_default_route(ec2, site)
    made = account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint")
    wait_until_quiet(account)

    restore_default_route(ec2, site)
    wait_until_quiet(account)
    reconcile(account, {"sweep": True})
    assert ids_of(endpoints_in(ec2, site.vpc_id)) == [made["VpcEndpointId"]]
    age_what_is_not_needed(account, site.vpc_id, by=timedelta(hours=73))
    reconcile(account, {"sweep": True})

    account.wait(lambda: not endpoints_in(ec2, site.vpc_id), what="no endpoint")
    account.wait(lambda: not groups_in(ec2, site.vpc_id), what="no security group")
    wait_until_quiet(account)
    assert endpoints_in(ec2, site.vpc_id) == []
    assert dead_letters_about(account, site.vpc_id, site.route_table_id) == []


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

    put_on_bus(account, event)

    assert account.messages("ChangesQueue") == []


def test_a_refused_call_never_reaches_the_queue(account: Account, ec2: Any) -> None:
    wait_until_quiet(account)

    with pytest.raises(ec2.exceptions.ClientError, match="NotFound"):
        ec2.delete_route(RouteTableId="rtb-0123456789abcdef0", DestinationCidrBlock="0.0.0.0/0")

    account.wait(account.is_told_of_all, what="the end of CloudTrail's deliveries")
    assert account.messages("ChangesQueue") == []


# ---- bad input -------------------------------------------------------------------------------------------------------


def test_a_bad_message_is_put_aside_with_its_reason_and_stops_no_other(account: Account, ec2: Any) -> None:
    with rules_disabled(account):  # so that only the message below tells of this VPC
        site = build_site(ec2, cidr="10.80", name="batch", public=False)

    not_an_event = f"this is not an event of {site.vpc_id}"
    not_a_list = json.dumps({"vpc_ids": "all", "of": site.vpc_id})
    send(account, [not_an_event, json.dumps(route_deleted(site)), not_a_list])

    def aside() -> list[dict[str, Any]]:
        found = [message for message in put_aside(account) if site.vpc_id in message["Body"]]
        return found if len(found) == 2 else []

    found = account.wait(aside, what="two messages in the dead-letter queue")
    account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the batch's good message")
    assert not_an_event in [message["Body"] for message in found]
    assert all(message["MessageAttributes"] for message in found), found


# ---- by hand ---------------------------------------------------------------------------------------------------------


def test_plan_mode_by_hand_says_what_is_missing_and_changes_nothing(account: Account, ec2: Any) -> None:
    with rules_disabled(account):  # it would be given its endpoint before anybody asks
        site = build_site(ec2, cidr="10.100", name="plan", public=False)

    answer = reconcile(account, {"vpc_ids": [site.vpc_id], "mode": "plan"})

    vpc = answer["vpcs"][0]
    assert (answer["mode"], vpc["outcome"]) == ("plan", "planned")
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
    endpoint = account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint")

    def story() -> list[dict[str, Any]]:
        answer = reconcile(account, {"history": {"vpc_id": site.vpc_id, "since": since}})
        found: list[dict[str, Any]] = answer["history"]["entries"]
        return found if any(entry["kind"] == "outcome" for entry in found) else []

    found = account.wait(story, what="the endpoint's outcome on record", every_s=1)
    (change,) = [entry for entry in found if entry.get("event_name") == "DeleteRoute"]
    assert site.route_table_id in change["text"]
    actions = [entry for entry in found if entry["kind"] == "action"]
    done = [action for action in actions if action["action"] == "create_interface_endpoint"]
    assert [(action["status"], action["endpoint_id"]) for action in done] == [("done", endpoint["VpcEndpointId"])]
    assert "DeleteRoute" in done[0]["text"]
    (outcome,) = [entry for entry in found if entry["kind"] == "outcome"]
    assert (outcome["result"], outcome["endpoint_id"]) == ("available", endpoint["VpcEndpointId"])
    days: list[dict[str, Any]] = []
    asked = {"day": change["at"][:10]}
    while asked:  # other tests' changes are on record, too
        answer = reconcile(account, {"history": asked})
        days += answer["history"]["entries"]
        more = answer["history"]["more"]
        asked = asked | {"next": more["next"]} if more else {}
    assert days.count(change) == days.count(outcome) == 1


# ---- helpers ---------------------------------------------------------------------------------------------------------


def age_what_is_not_needed(account: Account, vpc_id: str, *, by: timedelta) -> None:
    """Moves the dates in the ledger back, as if so long had passed: the shortest retire_after_hours is one."""
    dynamodb, table = account.client("dynamodb"), account.outputs["LedgerTable"]
    key = {"pk": {"S": partition(HOME.vpc(vpc_id))}, "sk": {"S": "STATE"}}
    kept = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]["unneeded"]["M"]
    assert kept
    older = {name: {"S": (datetime.fromisoformat(at["S"]) - by).isoformat()} for name, at in kept.items()}
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


def put_on_bus(account: Account, event: dict[str, Any]) -> None:
    """What the relay does with a call: only AWS itself may use the source."""
    entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
    assert not account.relay().put_events(Entries=[entry])["FailedEntryCount"]


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

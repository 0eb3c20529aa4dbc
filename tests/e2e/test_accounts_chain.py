"""Several accounts on the emulators: what happens in one reaches the hub's queue, and what is forged doesn't.

No function of Lifeline runs here. The hub and the spokes are as small as `plain/` has them.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.e2e.emulators.account import ACCOUNT_ID as HUB
from tests.e2e.emulators.account import REGION, Account
from tests.e2e.emulators.organization import MANAGEMENT, Keys, Spoke, deploy_plain
from tests.e2e.machine import build_site
from tests.e2e.steps import delete_default_route
from tests.support.cloudtrail import record_call

pytestmark = pytest.mark.chain

A, B, STRANGER = "222222222222", "333333333333", "999999999999"
HERE = Path(__file__).parent
SPOKE = HERE / "plain/spoke.yaml"
TRAIL = "AWS API Call via CloudTrail"


class World(NamedTuple):
    hub: Account
    a: Spoke
    b: Spoke
    outputs: dict[str, str]  # of the hub's stack
    values: dict[str, str]  # the parameters of the spokes' template

    def received(self) -> dict[str, Any] | None:
        """The next event in the hub's queue. Whatever was put on a bus is at its targets when PutEvents returns."""
        self.hub.wait(self.hub.is_told_of_all, what="the end of CloudTrail's deliveries", every_s=0.1)
        return next_in(self.hub.client("sqs"), self.outputs["QueueUrl"])

    def is_silent(self) -> bool:
        """Whether nothing is in the hub's queue, although all that was recorded was delivered."""
        return self.received() is None


def next_in(sqs: Any, url: str) -> dict[str, Any] | None:
    for message in sqs.receive_message(QueueUrl=url).get("Messages", ()):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return dict(json.loads(message["Body"]))
    return None


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Account().closing() as hub:
        hub.start()
        values = {"OrganizationId": hub.organization.id}
        outputs = deploy_plain(hub.client("cloudformation"), "hub", HERE / "plain/hub.yaml", values)
        values |= {"HubAccountId": HUB, "HubBusArn": outputs["BusArn"]}
        a, b = hub.account(A), hub.account(B)
        a.deploy_spoke(SPOKE, values)
        b.deploy_spoke(SPOKE, values, by_change_set=True)
        yield World(hub, a, b, outputs, values)


def refused(call: Callable[..., Any], words: str = "not authorized to perform", **asked: Any) -> bool:
    with pytest.raises(ClientError, match=words):
        call(**asked)
    return True


def forged(account: str) -> dict[str, str]:
    """An entry of PutEvents that says what CloudTrail would say of a deleted route."""
    request = {"RouteTableId": "rtb-0123456789abcdef0", "DestinationCidrBlock": "0.0.0.0/0"}
    record = record_call("DeleteRoute", request, account=account)
    return {"Source": record["source"], "DetailType": record["detail-type"], "Detail": json.dumps(record["detail"])}


# ---- what arrives ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["a", "b"])
def test_a_route_deleted_in_a_spoke_arrives_in_the_hubs_queue_with_its_account_and_in_no_other_account(
    world: World, which: str
) -> None:
    spoke, other = (world.a, world.b) if which == "a" else (world.b, world.a)
    site = build_site(spoke.client("ec2"), cidr="10.50", name=which)
    delete_default_route(spoke.client("ec2"), site)

    event = world.received()

    assert event
    assert (event["account"], event["region"], event["source"]) == (spoke.account_id, REGION, "aws.ec2")
    assert event["detail"]["requestParameters"]["routeTableId"] == site.route_table_id
    assert event["detail"]["recipientAccountId"] == spoke.account_id
    assert world.is_silent()
    for elsewhere in (other.client("ec2"), world.hub.client("ec2")):
        assert site.vpc_id not in {one["VpcId"] for one in elsewhere.describe_vpcs()["Vpcs"]}
    (there,) = spoke.client("ec2").describe_vpcs(VpcIds=[site.vpc_id])["Vpcs"]
    assert there["OwnerId"] == spoke.account_id


def test_what_is_called_in_the_hub_is_on_the_hubs_own_bus_alone(world: World) -> None:
    ec2 = world.hub.client("ec2")
    delete_default_route(ec2, build_site(ec2, cidr="10.51", name="hub"))
    assert world.is_silent()


def test_an_update_by_change_set_takes_the_rule_out_and_puts_it_back(world: World, tmp_path: Path) -> None:
    ec2 = world.b.client("ec2")
    sites = [build_site(ec2, cidr=f"10.{52 + place}", name="update") for place in range(2)]
    less = tmp_path / "spoke.yaml"
    less.write_text(SPOKE.read_text("utf-8").replace("eventName: [DeleteRoute]", "eventName: [Nothing]"), "utf-8")
    world.b.deploy_spoke(less, world.values, by_change_set=True)
    delete_default_route(ec2, sites[0])
    assert world.is_silent()

    world.b.deploy_spoke(SPOKE, world.values, by_change_set=True)
    delete_default_route(ec2, sites[1])
    assert world.received()


# ---- who is whom -----------------------------------------------------------------------------------------------------


def hubs_role(world: World) -> Callable[[str], Any]:
    """Clients of the hub's role, as its function has them."""
    role = world.outputs["ReconcileRoleArn"]
    made = world.hub.client("sts").assume_role(RoleArn=role, RoleSessionName="function")["Credentials"]
    return lambda service: world.hub._client(
        service, Keys(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    )


def look_role(account_id: str) -> dict[str, str]:
    return {"RoleArn": f"arn:aws:iam::{account_id}:role/lifeline-look-{REGION}", "RoleSessionName": "lifeline"}


def test_the_hubs_role_alone_assumes_the_spokes_roles_and_then_acts_there(world: World) -> None:
    sts = hubs_role(world)("sts")
    for spoke in (world.a, world.b):
        made = sts.assume_role(**look_role(spoke.account_id))["Credentials"]
        keys = Keys(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
        (owner,) = {one["OwnerId"] for one in world.hub._client("ec2", keys).describe_vpcs()["Vpcs"]}
        assert owner == spoke.account_id
        named = world.hub._client("account", keys).get_account_information()
        assert (named["AccountId"], named["AccountName"]) == (spoke.account_id, f"team-{spoke.account_id[-3:]}")
        assert refused(world.hub._client("sqs", keys).list_queues)
    assert refused(world.hub.client("sts").assume_role, **look_role(A))  # the hub's administrator
    assert refused(world.b.client("sts").assume_role, **look_role(A))


def test_a_role_of_the_same_name_in_a_foreign_account_is_refused(world: World) -> None:
    stranger = world.hub.account(STRANGER, is_member=False)
    stranger.deploy_spoke(SPOKE, world.values)
    delete_default_route(stranger.client("ec2"), build_site(stranger.client("ec2"), cidr="10.60", name="foreign"))
    assert world.is_silent()
    sts = hubs_role(world)("sts")
    assert refused(sts.assume_role, **look_role(STRANGER))

    world.hub.organization.add(STRANGER)  # it is the organization alone that kept it out
    assert sts.assume_role(**look_role(STRANGER))
    delete_default_route(stranger.client("ec2"), build_site(stranger.client("ec2"), cidr="10.61", name="joined"))
    event = world.received()
    assert event
    assert event["account"] == STRANGER
    world.hub.organization.remove(STRANGER)


def test_the_hub_lists_the_accounts_with_their_states_a_page_at_a_time_and_a_spoke_may_not(world: World) -> None:
    organization = world.hub.organization
    more = [f"{number:012d}" for number in range(400_000_000_000, 400_000_000_030)]
    for account_id in more:
        organization.add(account_id)
    organization.set_state(B, "SUSPENDED")
    try:
        paginator = world.hub.client("organizations").get_paginator("list_accounts")
        pages = [page["Accounts"] for page in paginator.paginate()]
        states = {one["Id"]: one["State"] for page in pages for one in page}
        assert refused(hubs_role(world)("sts").assume_role, **look_role(B))
    finally:
        organization.set_state(B, "ACTIVE")
        for account_id in more:
            organization.remove(account_id)
    assert len(pages) == 2
    assert states == {**dict.fromkeys((MANAGEMENT, HUB, A, *more), "ACTIVE"), B: "SUSPENDED"}
    assert hubs_role(world)("sts").assume_role(**look_role(B))
    assert refused(world.a.client("organizations").list_accounts, "You don't have permissions")
    described = world.a.client("organizations").describe_organization()["Organization"]
    assert described["Id"] == organization.id


# ---- forgeries of a spoke's administrator ----------------------------------------------------------------------------


def test_nobody_in_a_spoke_puts_awss_events_on_its_own_bus(world: World) -> None:
    answer = world.a.client("events").put_events(Entries=[forged(A)])
    assert [one["ErrorCode"] for one in answer["Entries"]] == ["NotAuthorizedForSourceException"]
    assert world.is_silent()


def test_a_role_of_another_name_puts_nothing_on_the_hubs_bus(world: World) -> None:
    entry = {**forged(A), "EventBusName": world.outputs["BusArn"]}
    assert refused(world.a.client("events").put_events, "no resource-based policy", Entries=[entry])
    assert world.is_silent()


@pytest.mark.parametrize("source", ["aws.ec2", "lifeline.forged"])
def test_the_sending_role_in_a_persons_hands_puts_nothing_on_the_hubs_bus(world: World, source: str) -> None:
    events = world.a.assume(f"lifeline-send-{REGION}", "mallory")("events")
    entry = {**forged(B), "Source": source, "EventBusName": world.outputs["BusArn"]}
    if source == "aws.ec2":
        (answer,) = events.put_events(Entries=[entry])["Entries"]
        assert answer["ErrorCode"] == "NotAuthorizedForSourceException"
    else:
        assert refused(events.put_events, "no resource-based policy", Entries=[entry])
    assert world.is_silent()


def test_a_rule_with_another_role_or_another_source_reaches_nothing(world: World) -> None:
    events, other = world.a.client("events"), mighty_role(world.a.client("iam"))
    sender = f"arn:aws:iam::{A}:role/lifeline-send-{REGION}"
    pattern = json.dumps({"source": ["forged"]})
    for name, role, target in (
        ("bus-by-another-role", other, world.outputs["BusArn"]),
        ("bus-by-the-sender", sender, world.outputs["BusArn"]),
        ("queue", other, world.outputs["QueueArn"]),
        ("bus-by-a-foreign-role", f"arn:aws:iam::{B}:role/lifeline-send-{REGION}", world.outputs["BusArn"]),
    ):
        events.put_rule(Name=name, EventPattern=pattern)
        events.put_targets(Rule=name, Targets=[{"Id": "hub", "Arn": target, "RoleArn": role}])
    assert put(events, {**forged(B), "Source": "forged"})
    assert world.is_silent()


def test_a_rule_sends_to_a_queue_that_admits_its_role(world: World) -> None:
    """Why the test above says something: it is the queue's policy that refuses."""
    sqs, events, role = world.hub.client("sqs"), world.b.client("events"), mighty_role(world.b.client("iam"))
    url, arn = new_queue(sqs)
    admitted = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "sqs:SendMessage", "Resource": arn}
    events.put_rule(Name="queue", EventPattern=json.dumps({"source": ["open"]}))
    events.put_targets(Rule="queue", Targets=[{"Id": "hub", "Arn": arn, "RoleArn": role}])
    assert put(events, {**forged(B), "Source": "open"})
    assert next_in(sqs, url) is None
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(admitted)})
    assert put(events, {**forged(B), "Source": "open"})
    event = next_in(sqs, url)
    assert event
    assert event["account"] == B


def test_what_a_spoke_sent_is_not_sent_on_to_a_third_account(world: World) -> None:
    hub, sqs, theirs = world.hub.client("events"), world.b.client("sqs"), world.b.client("events")
    bus = theirs.create_event_bus(Name="third")["EventBusArn"]
    theirs.put_permission(EventBusName="third", StatementId="all", Principal="*", Action="events:PutEvents")
    url, arn = new_queue(sqs)
    theirs.put_rule(Name="all", EventBusName="third", EventPattern=json.dumps({"account": [A, HUB]}))
    theirs.put_targets(Rule="all", EventBusName="third", Targets=[{"Id": "queue", "Arn": arn}])
    role = mighty_role(world.hub.client("iam"))
    hub.put_rule(Name="on", EventBusName="hub", EventPattern=json.dumps({"account": [A, HUB]}))
    hub.put_targets(Rule="on", EventBusName="hub", Targets=[{"Id": "third", "Arn": bus, "RoleArn": role}])
    try:
        ec2 = world.a.client("ec2")
        delete_default_route(ec2, build_site(ec2, cidr="10.70", name="on"))
        assert world.received()
        assert next_in(sqs, url) is None
        assert put(hub, {**forged(HUB), "Source": "own", "EventBusName": "hub"})
        event = next_in(sqs, url)
        assert event
        assert (event["account"], event["source"]) == (HUB, "own")
    finally:
        hub.remove_targets(Rule="on", EventBusName="hub", Ids=["third"])


def put(events: Any, entry: dict[str, str]) -> bool:
    """Whether the bus took it."""
    return not events.put_events(Entries=[entry])["FailedEntryCount"]


def new_queue(sqs: Any) -> tuple[str, str]:
    url = sqs.create_queue(QueueName=f"queue-{time.time_ns()}")["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def mighty_role(iam: Any) -> str:
    """The ARN of a role of EventBridge that may do everything."""
    trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    made = iam.create_role(RoleName="mighty", AssumeRolePolicyDocument=document(trust))["Role"]
    everything = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
    iam.put_role_policy(RoleName="mighty", PolicyName="all", PolicyDocument=everything)
    return str(made["Arn"])


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def test_a_message_straight_into_the_queue_is_refused(world: World) -> None:
    body = json.dumps({"vpc_ids": ["vpc-0123456789abcdef0"], "release": True})
    for sqs in (world.a.client("sqs"), world.a.assume(f"lifeline-send-{REGION}")("sqs")):
        assert refused(sqs.send_message, QueueUrl=world.outputs["QueueUrl"], MessageBody=body)
    assert world.is_silent()


def test_a_users_key_acts_in_the_users_account(world: World) -> None:
    iam = world.a.client("iam")
    iam.create_user(UserName="mallory")
    key = iam.create_access_key(UserName="mallory")["AccessKey"]
    ec2 = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION).client(
        "ec2", endpoint_url=world.hub.ec2_endpoint_url
    )
    assert {one["OwnerId"] for one in ec2.describe_vpcs()["Vpcs"]} == {A}

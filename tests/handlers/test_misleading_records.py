"""Records that name more than their calls were on, by whoever may call EC2 a little or may put messages on a queue."""

import json
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.dns_attributes import AttributeStore
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.requests.vpcs_touched import CALLS_A_BATCH, CALLS_A_RECORD
from tests.support.agents import calls, client_error
from tests.support.cloudtrail import TERRAFORM, Failure, Identity, record_call
from tests.support.days import MINUTES, Days
from tests.support.home import HOME
from tests.support.world import emulated_world

MONITORING = "com.amazonaws.us-east-1.monitoring"
CONFLICT = (
    "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
    "monitoring.us-east-1.amazonaws.com in the VPC"
)
MALLORY = Identity("team-b-dev", session="mallory")
UNKNOWN = "vpc-0123456789abcdef0"


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, retire_after_hours=72) as world:
        yield Days(world, monkeypatch)


@pytest.fixture
def debounced_days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, iac_debounce_seconds=600) as world:
        yield Days(world, monkeypatch)


def served(days: Days, cidr: str = "10.0.0.0/16") -> tuple[str, str, str]:
    """An isolated VPC with Lifeline's endpoint: its id, its subnet's, the endpoint's."""
    vpc_id = days.world.make_vpc(cidr=cidr)
    subnet_id = days.world.make_subnet(vpc_id, cidr.replace(".0.0/16", ".1.0/24"))
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    days.empty_queue()
    (endpoint_id,) = days.live(vpc_id)
    return vpc_id, subnet_id, endpoint_id


def refused(days: Days, operation: str, request: dict[str, Any], code: str = "InvalidParameter") -> dict[str, Any]:
    message = CONFLICT if code == "InvalidParameter" else "has dependencies and cannot be deleted"
    return record_call(operation, request, failure=Failure(code, message), identity=MALLORY, at=days.clock())


def is_untouched(days: Days, vpc_id: str, endpoint_id: str) -> bool:
    (endpoint,) = [one for one in days.world.endpoints(vpc_id) if one["VpcEndpointId"] == endpoint_id]
    state = VpcStore("ledger").load(HOME.vpc(vpc_id))
    return bool(endpoint["PrivateDnsEnabled"]) and endpoint["State"] != "deleting" and not state.frozen


# ---- claims and teardowns


@pytest.mark.parametrize(
    "more",
    [
        {"ClientToken": "{victim}"},
        {"PolicyDocument": '"{victim}"'},
        {"PolicyDocument": "{victim}"},
        {"TagSpecifications": [{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "{victim}", "Value": "x"}]}]},
        {"TagSpecifications": [{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "VpcId", "Value": "{victim}"}]}]},
        {"SubnetIds": ["{subnet}"]},
        {"SubnetConfigurations": [{"SubnetId": "{subnet}"}]},
        {"SecurityGroupIds": ["{group}"]},
        {"ServiceNetworkArn": "{victim}"},
    ],
)
def test_a_claim_is_for_the_vpc_that_it_was_made_in_whatever_else_it_names(days: Days, more: dict[str, Any]) -> None:
    victim, subnet_id, endpoint_id = served(days)
    own, _, own_endpoint = served(days, "10.9.0.0/16")
    (group,) = days.world.groups(victim)
    text = json.dumps(more).replace("{victim}", victim).replace("{subnet}", subnet_id)
    request = {"VpcEndpointType": "Interface", "VpcId": own, "ServiceName": MONITORING, "PrivateDnsEnabled": True}
    request |= json.loads(text.replace("{group}", group["GroupId"]))
    days.deliver(refused(days, "CreateVpcEndpoint", request))
    assert is_untouched(days, victim, endpoint_id)
    assert not is_untouched(days, own, own_endpoint)  # where it was made, it counts


def test_a_claim_that_names_several_vpcs_or_none_counts_for_nobody(days: Days) -> None:
    victim, _, endpoint_id = served(days)
    other, _, others_endpoint = served(days, "10.9.0.0/16")
    request = {"VpcId": other, "ServiceName": MONITORING, "PrivateDnsEnabled": True}
    for vpc_ids in ([other, victim], {"items": [victim, other]}, None, "vpc-1", UNKNOWN, {"content": [victim, other]}):
        event = refused(days, "CreateVpcEndpoint", request)
        event["detail"]["requestParameters"]["CreateVpcEndpointRequest"]["VpcId"] = vpc_ids
        days.deliver(event)
    assert is_untouched(days, victim, endpoint_id)
    assert is_untouched(days, other, others_endpoint)
    assert days.world.dead_letters() == []


@pytest.mark.parametrize("part", ["AddSubnetIds", "RemoveSubnetIds", "AddSecurityGroupIds"])
def test_a_claim_for_an_existing_endpoint_is_for_its_vpc_not_for_what_it_adds(days: Days, part: str) -> None:
    victim, subnet_id, endpoint_id = served(days)
    own = days.world.make_vpc(cidr="10.9.0.0/16")
    made = days.world.ec2.create_vpc_endpoint(VpcId=own, ServiceName=MONITORING, VpcEndpointType="Interface")
    for theirs in (made["VpcEndpoint"]["VpcEndpointId"], "vpce-0123456789abcdef0"):
        named = [subnet_id] if "Subnet" in part else [days.world.groups(victim)[0]["GroupId"]]
        request = {"VpcEndpointId": theirs, "PrivateDnsEnabled": True, part: named}
        days.deliver(refused(days, "ModifyVpcEndpoint", request))
    assert is_untouched(days, victim, endpoint_id)


def test_a_teardown_is_of_the_network_that_the_call_was_on(days: Days) -> None:
    victim, subnet_id, endpoint_id = served(days)
    own, own_subnet, _ = served(days, "10.9.0.0/16")
    for operation, request, more in (
        ("DeleteVpc", {"VpcId": own}, {"clientToken": victim}),
        ("DeleteSubnet", {"SubnetId": own_subnet}, {"tagSet": {"items": [{"key": "vpcId", "value": victim}]}}),
        ("DeleteVpc", {"VpcId": own}, {"vpcId": [own, victim]}),
        ("DeleteSubnet", {"SubnetId": own_subnet}, {"subnetId": {"items": [own_subnet, subnet_id]}}),
        ("DeleteSubnet", {"SubnetId": own_subnet}, {"subnetId": victim}),
        ("DeleteVpc", {"VpcId": own}, {"vpcId": subnet_id}),
    ):
        event = refused(days, operation, request, "DependencyViolation")
        event["detail"]["requestParameters"] |= more
        days.deliver(event)
    assert is_untouched(days, victim, endpoint_id)


# ---- accounts and regions


@pytest.mark.parametrize(
    ("field", "where"),
    [
        ("account", {"account": "999999999999"}),
        ("region", {"region": "eu-west-1"}),
        ("detail.recipientAccountId", {"recipientAccountId": "999999999999"}),
        ("detail.awsRegion", {"awsRegion": "eu-west-1"}),
    ],
)
def test_a_record_of_another_account_or_region_is_put_aside_with_the_reason(
    days: Days, field: str, where: dict[str, str]
) -> None:
    victim, subnet_id, endpoint_id = served(days)
    request = {"VpcId": victim, "ServiceName": MONITORING, "PrivateDnsEnabled": True}
    for event in (
        refused(days, "CreateVpcEndpoint", request),
        refused(days, "DeleteSubnet", {"SubnetId": subnet_id}, "DependencyViolation"),
        record_call("CreateTags", {"Resources": [victim], "Tags": []}, {}, at=days.clock()),
    ):
        (event["detail"] if field.startswith("detail.") else event).update(where)
        days.deliver(event)
    assert is_untouched(days, victim, endpoint_id)
    reasons = [letter["MessageAttributes"] for letter in days.world.dead_letters()]
    assert [reason["field"]["StringValue"] for reason in reasons] == [f"body.{field}"] * 3
    assert all("count" in reason["reason"]["StringValue"] for reason in reasons)


# ---- what is looked at


def looked_at(days: Days, event: dict[str, Any]) -> bool:
    """Whether a VPC that lacks its endpoint gets it for this event."""
    before = {vpc["VpcId"]: days.live(vpc["VpcId"]) for vpc in days.world.ec2.describe_vpcs()["Vpcs"]}
    days.deliver(event)
    return any(days.live(vpc_id) != live for vpc_id, live in before.items())


def test_a_description_that_reads_like_a_vpc_hides_no_other(days: Days) -> None:
    complete = days.world.make_vpc()
    lacking = days.world.make_vpc(cidr="10.9.0.0/16")
    days.world.make_subnet(lacking, "10.9.1.0/24")
    entries = [{"Cidr": "198.51.100.0/24", "Description": complete}]
    request = {"PrefixListId": "pl-0123456789abcdef0", "CurrentVersion": 3, "AddEntries": entries}
    assert looked_at(days, record_call("ModifyManagedPrefixList", request, {}, at=days.clock()))


@pytest.mark.parametrize("what", ["Description", "VpcId", "GroupId"])
def test_a_rules_vpc_is_its_groups_whatever_the_rule_refers_to(days: Days, what: str) -> None:
    complete = days.world.make_vpc()
    lacking = days.world.make_vpc(cidr="10.9.0.0/16")
    days.world.make_subnet(lacking, "10.9.1.0/24")
    groups = {
        vpc_id: days.world.ec2.create_security_group(GroupName="x", Description="x", VpcId=vpc_id)["GroupId"]
        for vpc_id in (complete, lacking)
    }
    rule = {
        "IpProtocol": "tcp",
        "FromPort": 443,
        "ToPort": 443,
        "UserIdGroupPairs": [{what: groups[complete] if what == "GroupId" else complete}],
    }
    request = {"GroupId": groups[lacking], "IpPermissions": [rule]}
    assert looked_at(days, record_call("AuthorizeSecurityGroupIngress", request, {}, at=days.clock()))


# ---- what it costs


def fake(kind: str, number: int) -> str:
    return f"{kind}-{number:017x}"


def tagged(days: Days, *resources: str, tags: list[dict[str, str]] | None = None, salt: int = 0) -> dict[str, Any]:
    request = {"Resources": list(resources), "Tags": tags or [{"Key": "a", "Value": "b"}]}
    return record_call("CreateTags", request, {}, identity=MALLORY, at=days.clock(), request_id=f"{salt}")


def calls_for(days: Days, *events: object) -> Counter[str]:
    """The EC2 calls that a batch of these causes."""
    with calls("ec2") as made:
        days.deliver(*events)
    days.clock.advance(MINUTES)
    return Counter(operation for operation, _ in made)


def ledger_items(days: Days) -> int:
    return len(items_in_ledger(days))


def items_in_ledger(days: Days) -> list[dict[str, Any]]:
    """All but the items of known paths, of attributes and of what was heard: nobody outside chooses their names and
    bytes.
    """
    items = days.world.dynamodb.scan(TableName="ledger")["Items"]
    return [item for item in items if item["pk"]["S"] not in {"PATHS", "ATTRIBUTES", "EVENT_PATH"}]


def test_tags_that_read_like_ids_cost_nothing(days: Days) -> None:
    own = days.world.make_vpc()
    days.look(own)
    plain = calls_for(days, tagged(days, own), tagged(days, own, salt=1))
    for kind in ("vpce", "vpc", "subnet", "sg"):
        tags = [{"Key": fake(kind, number), "Value": fake(kind, number + 50)} for number in range(50)]
        before = ledger_items(days)
        assert calls_for(days, *(tagged(days, own, tags=tags, salt=2 + place) for place in range(10))) == plain
        assert ledger_items(days) <= before + 10  # one for each change that was really made


@pytest.mark.parametrize(
    "resources",
    [
        [fake("vpce", number) for number in range(1000)],
        [fake("subnet", number) for number in range(400)],
        [fake("subnet", number) for number in range(200)] + [fake("sg", number) for number in range(200)],
        [fake(kind, number) for kind in ("subnet", "vpce", "sg") for number in range(100)],
        [fake("vpc", number) for number in range(1000)],
    ],
)
def test_one_event_causes_two_describe_calls_at_most_beyond_the_observation(days: Days, resources: list[str]) -> None:
    own = days.world.make_vpc()
    days.call({"sweep": True})
    most = max(calls_for(days, tagged(days, own)).total(), calls_for(days, {"sweep": True}).total())
    assert calls_for(days, tagged(days, own, *resources)).total() <= most + CALLS_A_RECORD


@pytest.mark.parametrize("ids_each", [1, 3, 200, 400])
def test_a_batch_of_100_causes_20_describe_calls_at_most_beyond_the_observation(days: Days, ids_each: int) -> None:
    own = days.world.make_vpc()
    days.call({"sweep": True})
    most = max(calls_for(days, tagged(days, own)).total(), calls_for(days, {"sweep": True}).total())
    kinds = ("subnet", "vpce", "sg")
    events = [
        tagged(days, own, *(fake(kinds[place % 3], place * 1000 + number) for number in range(ids_each)), salt=place)
        for place in range(98)
    ]
    gone = [
        record_call("DeleteRouteTable", {"RouteTableId": fake("rtb", number)}, {}, at=days.clock())
        for number in range(2)
    ]
    assert calls_for(days, *events, *gone).total() <= most + CALLS_A_BATCH


def test_a_thousand_named_vpcs_are_observed_with_no_more_calls_than_the_region(days: Days) -> None:
    own = days.world.make_vpc()
    with calls("ec2") as made:
        answer = days.call({"vpc_ids": [own, *(fake("vpc", number) for number in range(999))]})
    assert Counter(operation for operation, _ in made)["DescribeVpcs"] == 1
    outcomes = {vpc["vpc_id"]: vpc["outcome"] for vpc in answer["vpcs"]}
    assert len(outcomes) == 1000
    assert outcomes.pop(own) not in set(outcomes.values())


def test_a_batch_of_teardowns_reads_who_else_is_there_with_as_few_calls(days: Days) -> None:
    vpc_ids = [days.world.make_vpc(cidr=f"10.{number}.0.0/16") for number in range(25)]
    for number, vpc_id in enumerate(vpc_ids):
        subnet_id = days.world.make_subnet(vpc_id, f"10.{number}.1.0/24")
        days.world.ec2.create_network_interface(SubnetId=subnet_id)  # so that Lifeline steps aside nowhere
    teardowns = [refused(days, "DeleteVpc", {"VpcId": vpc_id}, "DependencyViolation") for vpc_id in vpc_ids]
    # Who else is there, and whose groups decide once a name is taken; both once more under the lease.
    assert calls_for(days, *teardowns)["DescribeNetworkInterfaces"] <= 4


def test_ids_that_ec2_does_not_know_leave_nothing_in_the_ledger(days: Days) -> None:
    own = days.world.make_vpc()
    days.deliver(tagged(days, own))
    before = ledger_items(days)
    unknown = [fake("vpc", number) for number in range(150)]
    days.deliver(
        tagged(days, own, *unknown[:50], salt=1),
        tagged(days, *unknown[50:], salt=2),
        record_call("ModifyVpcAttribute", {"VpcId": unknown[0]}, {}, at=days.clock()),
        record_call("CreateVpcPeeringConnection", {"VpcId": own, "PeerVpcId": unknown[1]}, {}, at=days.clock()),
        refused(days, "CreateVpcEndpoint", {"VpcId": unknown[2], "ServiceName": MONITORING}),
        refused(days, "DeleteVpc", {"VpcId": unknown[3]}, "DependencyViolation"),
    )
    items = items_in_ledger(days)
    assert len(items) == before + 5  # one for each change, with the VPC that is there or with none, and LATEST
    text = json.dumps(items, default=lambda packed: zlib.decompress(packed).decode())
    assert own in text
    assert not [vpc_id for vpc_id in unknown if vpc_id in text]
    assert set(unknown).isdisjoint(AttributeStore("ledger").read())


def test_a_tools_unknown_vpcs_are_neither_put_back_nor_recorded(debounced_days: Days) -> None:
    days = debounced_days
    own = days.world.make_vpc()
    days.deliver(record_call("AssociateVpcCidrBlock", {"VpcId": UNKNOWN}, {}, at=days.clock(), user_agent=TERRAFORM))
    assert days.world.requeue() == []
    days.deliver(record_call("AssociateVpcCidrBlock", {"VpcId": own}, {}, at=days.clock(), user_agent=TERRAFORM))
    assert [body["vpc_ids"] for body in days.world.requeue()] == [[own]]
    items = json.dumps(days.world.dynamodb.scan(TableName="ledger")["Items"])
    assert UNKNOWN not in items
    assert own in items


def test_a_late_record_of_a_vpc_that_lifeline_knew_is_recorded_under_it(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    event = record_call("ModifyVpcAttribute", {"VpcId": vpc_id}, {}, at=days.clock())
    days.deliver(tagged(days, vpc_id))
    days.world.ec2.delete_vpc(VpcId=vpc_id)
    days.clock.advance(MINUTES)
    days.deliver(event)
    items = days.world.dynamodb.scan(TableName="ledger")["Items"]
    (late,) = [item for item in items if item.get("event_name", {}).get("S") == "ModifyVpcAttribute"]
    assert vpc_id in late["pk"]["S"]


# ---- what fails


def test_a_look_up_that_fails_keeps_its_own_message_and_no_other(days: Days) -> None:
    own = days.world.make_vpc(cidr="10.9.0.0/16")
    victim = days.world.make_vpc()
    days.world.make_subnet(victim)
    table_id = days.world.open_to_internet(victim)
    days.look(victim)
    days.clock.advance(MINUTES)
    days.cut_off(table_id)
    days.empty_queue()

    delete_route = {"RouteTableId": table_id, "DestinationCidrBlock": "0.0.0.0/0"}
    real = record_call("DeleteRoute", delete_route, {}, at=days.clock())
    bodies = [tagged(days, fake("vpce", 1)), real, tagged(days, own, fake("vpce", 2), salt=1)]
    with throttled("DescribeVpcEndpoints", by="vpc-endpoint-id"):
        assert received(days, bodies, tries=1) == ["m-0", "m-2"]
    days.clock.advance(MINUTES)
    assert days.live(victim)
    assert days.world.dead_letters() == []
    with throttled("DescribeVpcEndpoints", by="vpc-endpoint-id"):
        assert received(days, bodies, tries=5) == []  # the last time
    reasons = [letter["MessageAttributes"]["reason"]["StringValue"] for letter in days.world.dead_letters()]
    assert len(reasons) == 2
    assert all("RequestLimitExceeded" in reason for reason in reasons)


@contextmanager
def throttled(operation: str, *, by: str) -> Iterator[None]:
    """EC2 throttles this call where it filters by that."""

    def throttle(params: dict[str, Any], **_: object) -> None:
        if by in str(params):
            raise client_error("RequestLimitExceeded", operation)

    hook, events = f"provide-client-params.ec2.{operation}", client("ec2").meta.events
    events.register_first(hook, throttle)
    try:
        yield
    finally:
        events.unregister(hook, throttle)


def received(days: Days, bodies: list[dict[str, Any]], *, tries: int) -> list[str]:
    """The messages that the queue keeps."""
    attributes = {
        "ApproximateReceiveCount": str(tries),
        "SentTimestamp": str(int((days.clock() + timedelta(0)).timestamp() * 1000)),
    }
    records = [
        {"messageId": f"m-{place}", "receiptHandle": "h", "body": json.dumps(body), "attributes": attributes}
        for place, body in enumerate(bodies)
    ]
    return [failure["itemIdentifier"] for failure in days.call({"Records": records})["batchItemFailures"]]

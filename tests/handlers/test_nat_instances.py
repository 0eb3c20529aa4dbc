"""Instances and interfaces that carry a VPC's traffic, among all those that don't."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from lifeline.adapters.store.routed import RoutedStore
from lifeline.core.errors import TransientError
from lifeline.handlers.reconcile_endpoints import handler
from tests.core.requests.test_state_change import state_change
from tests.handlers.test_reconcile_endpoints import sqs
from tests.support.agents import TABLE, calls
from tests.support.cloudtrail import record_call
from tests.support.world import Context, World, emulated_world

EVERYWHERE = "0.0.0.0/0"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


class Nat:
    """A VPC with a NAT instance that a sweep has seen, and then a private subnet behind it that nobody has seen yet."""

    def __init__(self, world: World) -> None:
        ec2 = world.ec2
        self.world, self.vpc_id = world, world.make_vpc()
        world.open_to_internet(self.vpc_id)
        public_id = world.make_subnet(self.vpc_id)
        ran = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=public_id)
        (instance,) = ran["Instances"]
        (interface,) = instance["NetworkInterfaces"]
        self.instance_id, self.interface_id = instance["InstanceId"], interface["NetworkInterfaceId"]
        self.attachment_id = interface["Attachment"]["AttachmentId"]
        self.table_id = ec2.create_route_table(VpcId=self.vpc_id)["RouteTable"]["RouteTableId"]
        route = {"RouteTableId": self.table_id, "DestinationCidrBlock": EVERYWHERE}
        ec2.create_route(**route, NetworkInterfaceId=self.interface_id)
        handler({"sweep": True}, Context())
        private_id = world.make_subnet(self.vpc_id, "10.0.9.0/24")
        ec2.associate_route_table(RouteTableId=self.table_id, SubnetId=private_id)

    def is_looked_at(self, event: dict[str, Any]) -> bool:
        """True if the event leads to the VPC, which gets the endpoint that its new subnet lacks."""
        assert not self.world.endpoints(self.vpc_id)
        assert handler(sqs(event, sent=datetime.now(UTC) + timedelta(minutes=1)), Context()) == {
            "batchItemFailures": []
        }
        return bool(self.world.endpoints(self.vpc_id))


def of_instance(instance_id: str, state: str = "stopped") -> dict[str, Any]:
    return state_change(state) | {
        "id": f"{instance_id}-{state}",
        "detail": {"instance-id": instance_id, "state": state},
    }


@pytest.mark.parametrize("state", ["running", "stopping", "stopped", "shutting-down", "terminated"])
def test_a_nat_instance_that_starts_or_stops_leads_to_its_vpc(world: World, state: str) -> None:
    nat = Nat(world)
    assert nat.is_looked_at(of_instance(nat.instance_id, state))
    (subject,) = {form["Subject"] for form in map(_message, world.notices())}
    assert subject.endswith(f": instance {state}")
    (entry,) = entries("CHANGE#")
    assert (entry["pk"]["S"], entry["ids"]) == (
        f"VPC#123456789012#us-east-1#{nat.vpc_id}",
        {"L": [{"S": nat.instance_id}]},
    )


@pytest.mark.parametrize(
    ("call", "member", "attribute"),
    [
        ("AttachNetworkInterface", "NetworkInterfaceId", "interface_id"),
        ("AttachNetworkInterface", "InstanceId", "instance_id"),
        ("DetachNetworkInterface", "AttachmentId", "attachment_id"),
        ("DeleteNetworkInterface", "NetworkInterfaceId", "interface_id"),
        ("ModifyNetworkInterfaceAttribute", "NetworkInterfaceId", "interface_id"),
        ("ResetNetworkInterfaceAttribute", "NetworkInterfaceId", "interface_id"),
        ("ModifyInstanceAttribute", "InstanceId", "instance_id"),
        ("ResetInstanceAttribute", "InstanceId", "instance_id"),
    ],
)
def test_a_call_on_what_a_route_leads_to_leads_to_its_vpc(world: World, call: str, member: str, attribute: str) -> None:
    nat = Nat(world)
    assert nat.is_looked_at(record_call(call, {member: getattr(nat, attribute)}, {}))


@pytest.mark.parametrize("call", ["DeleteNetworkInterface", "ModifyNetworkInterfaceAttribute"])
def test_a_call_on_what_no_route_leads_to_leads_nowhere(world: World, call: str) -> None:
    nat = Nat(world)
    other = world.ec2.create_network_interface(SubnetId=world.make_subnet(nat.vpc_id, "10.0.8.0/24"))
    named = {"NetworkInterfaceId": other["NetworkInterface"]["NetworkInterfaceId"]}
    assert not nat.is_looked_at(record_call(call, named, {}))
    assert not entries("CHANGE#")


def test_a_storm_costs_a_read_of_the_ledger_a_batch_and_a_note_that_its_calls_were_heard(world: World) -> None:
    Nat(world)
    before = scan()
    storm = [of_instance(f"i-{number:017x}", "terminated") for number in range(1000)]
    storm += [record_call("DeleteNetworkInterface", {"NetworkInterfaceId": f"eni-{n:017x}"}, {}) for n in range(1000)]
    with ExitStack() as stack:
        made = {name: stack.enter_context(calls(name)) for name in ("ec2", "dynamodb", "ssm", "sqs", "sns", "events")}
        for start in range(0, len(storm), 100):
            assert handler(sqs(*storm[start : start + 100]), Context()) == {"batchItemFailures": []}
    operations = {name: dict(Counter(operation for operation, _ in of_service)) for name, of_service in made.items()}
    assert operations == {
        "ec2": {},
        "dynamodb": {"Query": 20, "PutItem": 10},
        "ssm": {},
        "sqs": {},
        "sns": {},
        "events": {},
    }
    assert but_heard(scan()) == but_heard(before)


def test_while_the_ledger_cant_be_read_the_storm_comes_again_and_stops_no_other_change(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    nat = Nat(world)

    def fail(_: RoutedStore) -> None:
        raise TransientError("ledger: throttled", code="ThrottlingException")

    monkeypatch.setattr(RoutedStore, "read", fail)
    request = {"RouteTableId": world.main_table(nat.vpc_id), "DestinationCidrBlock": "10.99.0.0/16"}
    kept = handler(sqs(of_instance(nat.instance_id), record_call("DeleteRoute", request, {})), Context())
    assert kept == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert world.endpoints(nat.vpc_id)


def test_a_route_that_goes_is_forgotten_by_the_run_that_sees_it(world: World) -> None:
    nat = Nat(world)
    assert RoutedStore(TABLE).read() == {nat.vpc_id: {nat.instance_id, nat.interface_id, nat.attachment_id}}
    world.ec2.delete_route(RouteTableId=nat.table_id, DestinationCidrBlock=EVERYWHERE)
    handler({"vpc_ids": [nat.vpc_id]}, Context())
    assert RoutedStore(TABLE).read() == {}


def test_a_plan_by_hand_notes_nothing(world: World) -> None:
    nat = Nat(world)
    RoutedStore(TABLE).change(lambda _: {})
    handler({"vpc_ids": [nat.vpc_id], "mode": "plan"}, Context())
    assert RoutedStore(TABLE).read() == {}


def scan() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
    return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def but_heard(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All items but those that count what was heard."""
    return [item for item in items if item["pk"]["S"] != "EVENT_PATH"]


def entries(prefix: str) -> list[dict[str, Any]]:
    return [item for item in scan() if item["sk"]["S"].startswith(prefix)]


def _message(notice: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(notice["Body"])
    return message

"""Loops and conflicts: the whole handler over hours, on an EC2 that refuses what AWS refuses."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcList
from lifeline.core.errors import TransientError
from lifeline.core.guards.freeze import FreezeKind
from lifeline.core.notices.notice import Notice
from tests.handlers.test_known_gaps import public_nat_gateway
from tests.support.cloudtrail import Failure, Identity, record_call
from tests.support.days import EVERYWHERE, HOUR, MINUTES, Days
from tests.support.home import HOME
from tests.support.ledger import refuse_saves
from tests.support.strict import Call
from tests.support.world import ACCOUNT, emulated_world

ALICE = Identity("net-admin", session="alice")
OWN = Identity("lifeline-ReconcileRole", session="lifeline-ReconcileEndpoints")


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, retire_after_hours=72) as world:
        yield Days(world, monkeypatch)


def rescued(days: Days) -> str:
    """An isolated VPC with its endpoint."""
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.look(vpc_id)
    settle(days)
    return vpc_id


def settle(days: Days) -> None:
    """What was made comes up, and what was told is read."""
    days.clock.advance(MINUTES)
    days.empty_queue()
    days.world.notices()


def others(days: Days, operation: str, request: dict[str, Any], *, event: bool = True) -> dict[str, Any]:
    """Alice makes a call; with `event` its record is delivered half a minute later. The record."""
    method = {"DeleteVpcEndpoints": "delete_vpc_endpoints", "ModifyVpcEndpoint": "modify_vpc_endpoint"}.get(operation)
    method = method or {"RevokeSecurityGroupIngress": "revoke_security_group_ingress"}[operation]
    record = record_call(operation, request, getattr(client("ec2"), method)(**request), identity=ALICE, at=days.clock())
    days.clock.advance(timedelta(seconds=30))
    if event:
        days.deliver(record)
    return record


def delete(days: Days, vpc_id: str, *, event: bool = True) -> dict[str, Any]:
    days.clock.advance(MINUTES)
    return others(days, "DeleteVpcEndpoints", {"VpcEndpointIds": days.live(vpc_id)}, event=event)


def conflicting(days: Days, vpc_id: str) -> list[dict[str, Any]]:
    """Three deletions by Alice, each answered but the last; their records."""
    records = []
    for _ in range(3):
        records.append(delete(days, vpc_id))
        days.clock.advance(MINUTES)
        days.look(vpc_id)  # EC2 may have held the name for some minutes
    return records


def frozen_notices(days: Days) -> list[str]:
    return [text for text in days.mails() if "until someone ends the freeze" in " ".join(text.split())]


# ---- three times


def test_the_third_deletion_within_a_day_freezes_in_the_same_look_and_says_whose_hand_it_was(days: Days) -> None:
    vpc_id = rescued(days)
    records = conflicting(days, vpc_id)
    assert days.live(vpc_id) == []
    freeze = VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen["monitoring"]
    assert (freeze.kind, freeze.until, freeze.actor) == (FreezeKind.CONFLICT, None, "net-admin/alice")
    assert freeze.event_id == records[2]["detail"]["eventID"]
    (text,) = frozen_notices(days)
    assert text.startswith("net-admin/alice deleted 3 endpoints that Lifeline created for the monitoring")
    for record in records:
        assert record["detail"]["eventID"] in text
        assert record["detail"]["requestParameters"]["DeleteVpcEndpointsRequest"]["VpcEndpointId"]["content"] in text
    assert "monitoring.us-east-1.amazonaws.com" in text
    assert f"""--event '{{"vpc_ids": ["{vpc_id}"], "unfreeze": ["monitoring"]}}'""" in text
    assert [
        line for line in text.splitlines() if len(line) > 80 and not line.startswith("    ") and "https://" not in line
    ] == []


def test_what_is_frozen_stays_so_told_once_and_nothing_flaps(days: Days) -> None:
    vpc_id = rescued(days)
    conflicting(days, vpc_id)
    days.world.notices()
    before = len(days.account.calls)
    actions = days.sweeps(3) + days.after(48)
    assert {one["status"] for one in actions} == {"blocked"}
    assert (
        "reverted 3 times within 24 hours, most recently by net-admin/alice (DeleteVpcEndpoints)" in actions[0]["error"]
    )
    assert days.look(vpc_id)["services"][0]["state"] == "blocked"
    assert len(days.account.calls) == before
    assert days.texts() == []


@pytest.mark.parametrize("what", ["the service", "the security group"])
def test_who_loses_a_path_while_it_is_frozen_is_heard_once(days: Days, what: str) -> None:
    vpc_id = rescued(days)
    other = days.world.make_subnet(vpc_id, "10.0.2.0/24")
    table_id = behind_nat(days, vpc_id, other)
    days.look(vpc_id)
    if what == "the service":
        conflicting(days, vpc_id)
    else:
        for _ in range(3):
            (group,) = days.world.groups(vpc_id)
            revoked = {"GroupId": group["GroupId"], "IpPermissions": group["IpPermissions"]}
            others(days, "RevokeSecurityGroupIngress", revoked)
            days.look(vpc_id)
    assert len(frozen_notices(days)) == 1
    days.sweeps(3)
    assert days.texts() == []
    days.cut_off(table_id)
    days.sweeps(3)
    (text,) = days.texts()
    assert "found 2 isolated subnets" in text
    assert "until someone ends the freeze" in text
    days.world.ec2.create_route(RouteTableId=table_id, DestinationCidrBlock=EVERYWHERE, NatGatewayId=nat_of(days))
    days.sweeps(2)
    assert days.texts() == []
    days.cut_off(table_id)
    days.sweeps(2)
    assert len(days.texts()) == 1, "it is news again"


def test_whoever_takes_a_path_again_and_again_while_it_is_frozen_causes_six_notices_an_hour(days: Days) -> None:
    vpc_id = rescued(days)
    table_id = behind_nat(days, vpc_id, days.world.make_subnet(vpc_id, "10.0.2.0/24"))
    conflicting(days, vpc_id)
    days.texts()
    nat_id = nat_of(days)
    told: list[str] = []
    for _ in range(8):
        days.cut_off(table_id)
        days.clock.advance(MINUTES / 2)
        days.look(vpc_id)
        told += days.texts()
        days.world.ec2.create_route(RouteTableId=table_id, DestinationCidrBlock=EVERYWHERE, NatGatewayId=nat_id)
        days.clock.advance(MINUTES / 2)
        days.look(vpc_id)
    assert len(told) == 6
    days.cut_off(table_id)
    days.look(vpc_id)
    assert days.texts() == []
    days.sweeps(2)
    assert ["found 2 isolated subnets" in text for text in days.texts()] == [True], "what is left is said after it"


def behind_nat(days: Days, vpc_id: str, subnet_id: str) -> str:
    """Has the subnet led to a NAT gateway by a route table of its own, whose ID it returns."""
    ec2, nat_id = days.world.ec2, public_nat_gateway(days.world, vpc_id)
    table_id = str(ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"])
    ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet_id)
    ec2.create_route(RouteTableId=table_id, DestinationCidrBlock=EVERYWHERE, NatGatewayId=nat_id)
    return table_id


def nat_of(days: Days) -> str:
    (found,) = days.world.ec2.describe_nat_gateways()["NatGateways"]
    return str(found["NatGatewayId"])


def test_unfreezing_brings_it_back_and_forgets_the_count(days: Days) -> None:
    vpc_id = rescued(days)
    conflicting(days, vpc_id)
    assert days.look(vpc_id, unfreeze=["monitoring"])["outcome"] == "changed"
    assert len(days.live(vpc_id)) == 1
    state = VpcStore("ledger").load(HOME.vpc(vpc_id))
    assert (state.frozen, state.conflicts["monitoring"].reversals) == ({}, ())
    settle(days)
    delete(days, vpc_id)
    days.clock.advance(MINUTES)
    days.look(vpc_id)
    assert len(days.live(vpc_id)) == 1


def test_deletions_a_day_apart_never_freeze(days: Days) -> None:
    vpc_id = rescued(days)
    for _ in range(5):
        delete(days, vpc_id)
        days.clock.advance(13 * HOUR)
        days.look(vpc_id)
    assert len(days.live(vpc_id)) == 1
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen == {}


def test_without_any_event_it_freezes_all_the_same_and_says_that_nobody_knows_who(days: Days) -> None:
    vpc_id = rescued(days)
    for _ in range(3):
        delete(days, vpc_id, event=False)
        days.sweeps(1)
    assert days.live(vpc_id) == []
    (text,) = frozen_notices(days)
    assert text.startswith("An unknown actor deleted 3 endpoints")
    assert " ".join(text.split()).count("by an unknown actor (no CloudTrail event found)") == 3


def test_records_that_come_late_twice_and_out_of_order_name_the_hand_and_count_nothing(days: Days) -> None:
    vpc_id = rescued(days)
    records = []
    for _ in range(2):
        records.append(delete(days, vpc_id, event=False))
        days.sweeps(1)
    days.deliver(records[1], records[0], records[1])
    days.deliver(records[0])
    assert len(VpcStore("ledger").load(HOME.vpc(vpc_id)).conflicts["monitoring"].reversals) == 2
    assert len(days.live(vpc_id)) == 1
    settle(days)
    delete(days, vpc_id, event=False)
    days.sweeps(1)
    (text,) = frozen_notices(days)
    assert text.count("(DeleteVpcEndpoints by net-admin/alice)") == 2
    assert " ".join(text.split()).count("no CloudTrail event found") == 1
    assert "  CloudTrail events: " in text


# ---- other ways to undo


def test_private_dns_that_others_switch_off_is_switched_on_twice(days: Days) -> None:
    vpc_id = rescued(days)
    for _ in range(3):
        (endpoint_id,) = days.live(vpc_id)
        others(days, "ModifyVpcEndpoint", {"VpcEndpointId": endpoint_id, "PrivateDnsEnabled": False}, event=False)
        days.clock.advance(MINUTES)
        days.look(vpc_id)
        days.clock.advance(MINUTES)
    (endpoint,) = days.world.endpoints(vpc_id)
    assert not endpoint["PrivateDnsEnabled"]
    (text,) = frozen_notices(days)
    assert " ".join(text.split()).count(f"private DNS for {endpoint['VpcEndpointId']} was turned off") == 3


def test_rules_that_others_revoke_freeze_the_group_and_what_would_rely_on_it(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = rescued(days)
    (group,) = days.world.groups(vpc_id)
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
    for _ in range(3):
        request = {"GroupId": group["GroupId"], "IpPermissions": [permission]}
        others(days, "RevokeSecurityGroupIngress", request)
        days.clock.advance(MINUTES)
    assert days.world.groups(vpc_id)[0]["IpPermissions"] == []
    (text,) = frozen_notices(days)
    assert " ".join(text.split()).count(f"443 from 10.0.0.0/16 was revoked in security group {group['GroupId']}") == 3
    assert '"unfreeze": ["security-group"]' in text
    monkeypatch.setenv("REQUIRED_SERVICES", "monitoring,logs")
    found = days.look(vpc_id)
    assert {(one["action"], one["status"]) for one in found["actions"]} == {
        ("open_security_group", "blocked"),
        ("create_interface_endpoint", "blocked"),
    }
    assert {one["state"] for one in found["services"]} == {"blocked"}
    assert days.look(vpc_id, unfreeze=["security-group"])["outcome"] == "changed"


def test_route_tables_that_others_take_off_a_gateway_endpoint_freeze_it(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRED_SERVICES", "s3")
    vpc_id = rescued(days)
    table_id = days.world.main_table(vpc_id)
    for _ in range(3):
        (endpoint_id,) = days.live(vpc_id)
        others(days, "ModifyVpcEndpoint", {"VpcEndpointId": endpoint_id, "RemoveRouteTableIds": [table_id]})
        days.clock.advance(MINUTES)
    assert days.world.endpoints(vpc_id)[0]["RouteTableIds"] == []
    (text,) = frozen_notices(days)
    assert text.count(f"{table_id} was removed from") == 3


# ---- what isn't a fight


def test_an_endpoint_that_others_put_in_its_place_ends_the_freeze_by_itself(days: Days) -> None:
    vpc_id = rescued(days)
    conflicting(days, vpc_id)
    days.clock.advance(MINUTES)
    (subnet,) = days.world.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
    theirs = client("ec2").create_vpc_endpoint(
        VpcEndpointType="Interface",
        VpcId=vpc_id,
        ServiceName=days.account.name_of("monitoring"),
        SubnetIds=[subnet["SubnetId"]],
        SecurityGroupIds=[days.world.groups(vpc_id)[0]["GroupId"]],
        PrivateDnsEnabled=True,
    )["VpcEndpoint"]["VpcEndpointId"]
    days.sweeps(1)
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen == {}
    assert VpcStore("ledger").listed(VpcList.FROZEN, HOME) == frozenset()
    assert days.live(vpc_id) == [theirs]
    client("ec2").delete_vpc_endpoints(VpcEndpointIds=[theirs])
    days.clock.advance(MINUTES)
    days.sweeps(1)
    assert len(days.live(vpc_id)) == 1


def test_what_lifeline_retires_or_a_person_releases_is_no_undoing(days: Days) -> None:
    vpc_id = rescued(days)
    for _ in range(4):
        days.look(vpc_id, release=True)
        days.take_from_queue()
        days.look(vpc_id)
        days.clock.advance(MINUTES)
    assert len(days.live(vpc_id)) == 1
    assert all(not one.reversals for one in VpcStore("ledger").load(HOME.vpc(vpc_id)).conflicts.values())


def test_endpoints_that_aws_fails_are_no_undoing(days: Days) -> None:
    days.account.failing[days.account.name_of("monitoring")] = [{"Code": "x", "Message": "no capacity"}] * 2
    vpc_id = rescued(days)
    days.look(vpc_id, follow=True)
    settle(days)
    days.look(vpc_id, follow=True)
    client("ec2").delete_vpc_endpoints(VpcEndpointIds=days.live(vpc_id))
    days.clock.advance(MINUTES)
    days.sweeps(1)
    assert all(not one.reversals for one in VpcStore("ledger").load(HOME.vpc(vpc_id)).conflicts.values())


# ---- nothing is lost


def test_a_notice_that_does_not_go_out_is_told_at_the_next_look(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = rescued(days)
    publish = Topic.publish

    def refuse(self: Topic, notice: Notice) -> None:
        if notice.kind == "frozen":
            raise TransientError("SNS is down")
        publish(self, notice)

    monkeypatch.setattr(Topic, "publish", refuse)
    conflicting(days, vpc_id)
    assert "monitoring" in VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen
    monkeypatch.setattr(Topic, "publish", publish)
    assert frozen_notices(days) == []
    days.sweeps(2)
    assert len(frozen_notices(days)) == 1


@pytest.mark.parametrize("method", ["conflicts", "frozen", "changes_of"])
def test_a_ledger_that_fails_at_the_third_time_changes_nothing_and_freezes_later(
    days: Days, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    vpc_id = rescued(days)
    for _ in range(2):
        delete(days, vpc_id)
        days.clock.advance(MINUTES)
        days.look(vpc_id)
    delete(days, vpc_id, event=False)

    def fail(*_: object, **__: object) -> None:
        raise TransientError("the ledger is down")

    with monkeypatch.context() as patched:
        if method == "changes_of":
            patched.setattr(AuditLog, method, fail)
        else:
            refuse_saves(patched, method)
        with pytest.raises(TransientError):
            days.look(vpc_id)
    assert days.live(vpc_id) == []
    days.sweeps(2)
    assert days.live(vpc_id) == []
    assert len(frozen_notices(days)) == 1


def test_in_plan_mode_a_freeze_is_only_said(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = rescued(days)
    conflicting(days, vpc_id)
    (action,) = days.look(vpc_id, mode="plan")["actions"]
    assert (action["status"], "changes were reverted 3 times" in action["error"]) == ("blocked", True)
    monkeypatch.setenv("MODE", "plan")
    assert {one["status"] for one in days.sweeps(2)} == {"blocked"}


# ---- own changes set nothing going


def make(days: Days) -> None:
    rescued(days)


def make_gateway(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRED_SERVICES", "s3")
    vpc_id = rescued(days)
    (endpoint_id,) = days.live(vpc_id)
    table_id = days.world.main_table(vpc_id)
    client("ec2").modify_vpc_endpoint(VpcEndpointId=endpoint_id, RemoveRouteTableIds=[table_id])
    days.look(vpc_id)


def repair(days: Days) -> None:
    """Every repair of an interface endpoint: private DNS, its group, the group's rules, a new zone, a new block."""
    vpc_id = rescued(days)
    (endpoint_id,) = days.live(vpc_id)
    ec2 = client("ec2")
    (group,) = days.world.groups(vpc_id)
    default = ec2.create_security_group(GroupName="closed", Description="closed", VpcId=vpc_id)["GroupId"]
    ec2.modify_vpc_endpoint(
        VpcEndpointId=endpoint_id, AddSecurityGroupIds=[default], RemoveSecurityGroupIds=[group["GroupId"]]
    )
    days.clock.advance(MINUTES)
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, PrivateDnsEnabled=False)
    days.clock.advance(MINUTES)
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock="10.1.0.0/16")
    days.world.make_subnet(vpc_id, "10.0.9.0/24", "us-east-1b")
    days.look(vpc_id)


def give_up(days: Days) -> None:
    vpc_id = rescued(days)
    days.look(vpc_id, release=True)
    days.take_from_queue()


def fail(days: Days) -> None:
    days.account.fail_next("CreateVpcEndpoint", "UnauthorizedOperation")
    rescued(days)


def freeze(days: Days) -> None:
    conflicting(days, rescued(days))


def ledger(days: Days) -> list[dict[str, Any]]:
    """All items but those of what was heard, which count every record."""
    items = days.world.dynamodb.scan(TableName="ledger")["Items"]
    return [item for item in items if item["pk"]["S"] != "EVENT_PATH"]


@pytest.mark.parametrize("act", [make, make_gateway, repair, give_up, fail, freeze])
def test_records_of_own_calls_set_nothing_going_whatever_they_did(
    days: Days, monkeypatch: pytest.MonkeyPatch, act: Callable[..., None]
) -> None:
    days.account.forget_calls()
    act(days, monkeypatch) if act is make_gateway else act(days)
    settle(days)
    records = [own_record(call) for call in days.account.calls]
    assert records
    days.account.forget_calls()
    before = ledger(days)
    days.deliver(*records, *records)
    for record in records:
        assert days.call(record)["vpcs"] == []
    assert sum(days.account.call_counts.values()) == 0  # not even a look
    assert ledger(days) == before
    assert (days.world.requeue(), days.texts(), days.world.dead_letters()) == ([], [], [])


@pytest.mark.parametrize("act", [make, make_gateway, repair, freeze])
def test_the_looks_that_follow_own_changes_change_nothing(
    days: Days, monkeypatch: pytest.MonkeyPatch, act: Callable[..., None]
) -> None:
    act(days, monkeypatch) if act is make_gateway else act(days)
    settle(days)
    days.account.forget_calls()
    for _ in range(3):
        days.sweeps(1)
    days.take_from_queue()
    assert [call for call in days.account.calls if call.accepted] == []
    assert days.texts() == []


def own_record(call: Call) -> dict[str, Any]:
    """The record of a call as if Lifeline had made it, whoever arranged it."""
    failure = Failure(call.error, "refused") if call.error else None
    record = record_call(call.operation, call.params, {}, failure=failure, identity=OWN, at=call.at, account=ACCOUNT)
    dict_in(record)["inScopeOf"] = {
        "issuerType": "AWS::Lambda::Function",
        "credentialsIssuedTo": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:lifeline-ReconcileEndpoints",
    }
    return json.loads(json.dumps(record, default=str))  # type: ignore[no-any-return]


def dict_in(record: dict[str, Any]) -> dict[str, Any]:
    identity: dict[str, Any] = record["detail"]["userIdentity"]
    return identity

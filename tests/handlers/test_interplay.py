"""What the parts do to each other where they meet in one VPC: the whole handler, on an EC2 that refuses as AWS does."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.aws.bus import Bus
from lifeline.adapters.aws.network import Network
from lifeline.adapters.store.kill_switch import KillSwitch
from lifeline.adapters.store.limit_usage import LimitUsage
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.errors import TransientError
from lifeline.core.guards.freeze import FreezeKind
from lifeline.core.notices.bus_event import BusEvent
from tests.support.cloudtrail import TERRAFORM as TERRAFORM_AGENT
from tests.support.cloudtrail import Failure, Identity, record_call
from tests.support.days import HOUR, MINUTES, Days
from tests.support.home import HOME
from tests.support.ledger import refuse_saves
from tests.support.tuning import tune
from tests.support.world import ACCOUNT, REGION, ROLE_ARN, emulated_world

TERRAFORM = Identity("deploy-role", session="terraform")
LIFELINE = Identity(ROLE_ARN.rpartition("/")[2], session="lifeline-ReconcileEndpoints")
MONITORING = "com.amazonaws.us-east-1.monitoring"
S3 = "com.amazonaws.us-east-1.s3"


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Days]:
    with emulated_world(monkeypatch, **getattr(request, "param", {})) as world:
        found = Days(world, monkeypatch)
        found.account.attach(world.ec2)
        yield found


canary = pytest.mark.parametrize("days", [{"canary": True}], indirect=True)


def served(days: Days) -> tuple[str, str, str]:
    """An isolated VPC with Lifeline's endpoint, turned on: its id, its subnet's, the endpoint's."""
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    assert days.look(vpc_id)["outcome"] == "changed"
    days.clock.advance(MINUTES)
    found = days.world.requeue(follow=True)
    days.empty_queue()
    days.deliver(*found)
    days.clock.advance(MINUTES)
    days.world.notices()
    days.empty_queue()
    (endpoint_id,) = days.live(vpc_id)
    return vpc_id, subnet_id, endpoint_id


def has_private_dns(days: Days, endpoint_id: str) -> bool:
    (found,) = days.world.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"]
    return bool(found["PrivateDnsEnabled"])


def falls_silent(days: Days, vpc_id: str) -> None:
    """The detector records that agents fell silent of the canary, and asks for a look at the VPC."""
    incident = days.record_silence(vpc_id)
    assert days.ask_for_repair(vpc_id, incident_id=incident.id) == {"batchItemFailures": []}


def refused(days: Days, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Somebody's call, which EC2 refuses, as CloudTrail records it."""
    names = {"CreateVpcEndpoint": "create_vpc_endpoint", "DeleteVpc": "delete_vpc", "DeleteSubnet": "delete_subnet"}
    with pytest.raises(ClientError) as caught:
        getattr(days.world.ec2, names[operation])(**request)
    error = caught.value.response["Error"]
    failure = Failure(error["Code"], error["Message"])
    return record_call(
        operation, request, failure=failure, identity=TERRAFORM, at=days.clock(), region=REGION, account=ACCOUNT
    )


def claim(days: Days, vpc_id: str, subnet_id: str) -> dict[str, Any]:
    request = {"VpcEndpointType": "Interface", "VpcId": vpc_id, "ServiceName": MONITORING, "SubnetIds": [subnet_id]}
    return refused(days, "CreateVpcEndpoint", request | {"PrivateDnsEnabled": True})


def teardown(days: Days, vpc_id: str) -> dict[str, Any]:
    return refused(days, "DeleteVpc", {"VpcId": vpc_id})


def own_calls(days: Days, operation: str, since: int = 0) -> list[dict[str, Any]]:
    found = [one for one in days.account.calls[since:] if one.operation == operation and one.accepted]
    return [dict(one.params) for one in found]


def is_kept(days: Days, *requests: dict[str, Any]) -> bool:
    """Delivers them, and says whether the queue keeps them for another try."""
    return bool(days._receive(list(requests))["batchItemFailures"])


def kinds(days: Days) -> list[str]:
    return [json.loads(one["Body"])["MessageAttributes"]["kind"]["Value"] for one in days.world.notices()]


# ---- the kill switch


@canary
def test_a_withdrawal_that_the_kill_switch_stops_midway_is_made_once_it_is_off(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, _, endpoint_id = served(days)
    asked: list[int] = []

    def why_on(_: object) -> str:
        asked.append(1)
        return "the kill switch is on" if len(asked) > 2 else ""

    with monkeypatch.context() as patched:
        patched.setattr(KillSwitch, "why_on", why_on)
        falls_silent(days, vpc_id)
    assert has_private_dns(days, endpoint_id)
    assert set(VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen) == {"monitoring"}
    days.take_from_queue()
    assert not has_private_dns(days, endpoint_id)


def test_a_teardown_that_the_kill_switch_held_goes_on_once_it_is_off(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, _, endpoint_id = served(days)
    with monkeypatch.context() as patched:
        patched.setattr(KillSwitch, "why_on", lambda _: "the kill switch is on")
        days.deliver(teardown(days, vpc_id))
        days.take_from_queue()
    assert days.live(vpc_id) == [endpoint_id]
    days.take_from_queue()
    assert days.live(vpc_id) == []


def test_a_teardown_that_the_kill_switch_held_for_too_long_is_not_asked_for_again(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, _, endpoint_id = served(days)
    monkeypatch.setattr(KillSwitch, "why_on", lambda _: "the kill switch is on")
    days.deliver(teardown(days, vpc_id))
    days.clock.advance(HOUR)
    days.take_from_queue()
    assert days.world.requeue() == []
    assert days.live(vpc_id) == [endpoint_id]


# ---- two that want the same


@canary
def test_a_claim_and_a_withdrawal_at_once_switch_private_dns_off_once_and_for_good(days: Days) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    before = len(days.account.calls)
    days.record_silence(vpc_id)
    days.deliver(claim(days, vpc_id, subnet_id))
    assert not has_private_dns(days, endpoint_id)
    assert len(own_calls(days, "ModifyVpcEndpoint", before)) == 1
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen["monitoring"].kind is FreezeKind.CANARY
    days.empty_queue()
    days.after(25)
    assert not has_private_dns(days, endpoint_id)


@canary
def test_a_withdrawal_from_a_vpc_that_is_torn_down_only_deletes_the_endpoint(days: Days) -> None:
    vpc_id, _, endpoint_id = served(days)
    before = len(days.account.calls)
    days.record_silence(vpc_id)
    days.deliver(teardown(days, vpc_id))
    assert own_calls(days, "ModifyVpcEndpoint", before) == []
    assert days.deletions() == [endpoint_id]
    days.take_from_queue()
    assert days.world.groups(vpc_id) == []
    assert days.world.dead_letters() == []


@pytest.mark.parametrize("days", [{"REQUIRED_SERVICES": "s3"}], indirect=True)
def test_a_claim_of_its_last_routes_in_a_vpc_that_is_torn_down_deletes_the_endpoint_once(days: Days) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    request = {
        "VpcEndpointType": "Gateway",
        "VpcId": vpc_id,
        "ServiceName": S3,
        "RouteTableIds": [days.world.main_table(vpc_id)],
    }
    both = [refused(days, "CreateVpcEndpoint", request), teardown(days, vpc_id)]
    days.deliver(*both)
    assert days.deletions() == [endpoint_id]
    assert [call for call in days.account.calls if call.operation == "DeleteVpcEndpoints" and not call.accepted] == []
    assert days.live(vpc_id) == []
    assert subnet_id


def test_a_claim_in_a_vpc_that_is_torn_down_only_deletes_the_endpoint(days: Days) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    before = len(days.account.calls)
    days.deliver(claim(days, vpc_id, subnet_id), teardown(days, vpc_id))
    assert own_calls(days, "ModifyVpcEndpoint", before) == []
    assert days.deletions() == [endpoint_id]


def test_what_is_switched_off_while_a_subnet_goes_is_not_told_as_deleted(days: Days) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    days.world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b")
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    days.world.notices()
    days.deliver(claim(days, vpc_id, subnet_id), refused(days, "DeleteSubnet", {"SubnetId": subnet_id}))
    days.take_from_queue()
    assert days.live(vpc_id) == [endpoint_id]
    texts = " ".join(" ".join(days.texts()).split())
    assert f"monitoring: removed subnets from {endpoint_id} in: {subnet_id}" in texts
    assert f"delete endpoint {endpoint_id}" not in texts
    assert f"deleted endpoint {endpoint_id}" not in texts
    assert f"turned off private DNS for {endpoint_id}" in texts


def test_a_deletion_that_others_stand_in_the_way_of_stops_no_repair(days: Days) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    days.world.ec2.create_network_interface(SubnetId=subnet_id)
    days.world.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, PrivateDnsEnabled=False)
    days.clock.advance(MINUTES)
    days.deliver(teardown(days, vpc_id))
    assert has_private_dns(days, endpoint_id)
    assert sorted(kinds(days)) == ["endpoints", "teardown"]


def test_an_endpoint_that_leaves_a_subnet_is_mended_for_the_others_all_the_same(days: Days) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    other = days.world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b")
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    days.world.ec2.create_network_interface(SubnetId=other)
    days.world.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, PrivateDnsEnabled=False)
    days.clock.advance(MINUTES)
    days.empty_queue()
    days.deliver(refused(days, "DeleteSubnet", {"SubnetId": subnet_id}))
    days.take_from_queue()
    assert has_private_dns(days, endpoint_id)
    assert [one["SubnetIds"] for one in days.world.endpoints(vpc_id)] == [[other]]


def test_a_release_passes_though_others_stand_in_the_way_of_a_deletion(days: Days) -> None:
    vpc_id, subnet_id, _ = served(days)
    days.world.ec2.create_network_interface(SubnetId=subnet_id)
    days.deliver(teardown(days, vpc_id))
    assert len(days.live(vpc_id)) == 1
    days.look(vpc_id, release=True)
    assert days.live(vpc_id) == []


# ---- own calls


def clear_subnet(days: Days) -> None:
    vpc_id, subnet_id, _ = served(days)
    days.world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b")
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    days.deliver(refused(days, "DeleteSubnet", {"SubnetId": subnet_id}))


def make_way(days: Days) -> None:
    vpc_id, subnet_id, _ = served(days)
    days.deliver(claim(days, vpc_id, subnet_id))


def clear_vpc(days: Days) -> None:
    vpc_id, _, _ = served(days)
    days.deliver(teardown(days, vpc_id))
    days.take_from_queue()


def withdraw(days: Days) -> None:
    vpc_id, _, _ = served(days)
    falls_silent(days, vpc_id)


@canary
@pytest.mark.parametrize("act", [clear_subnet, make_way, clear_vpc, withdraw])
def test_records_of_own_calls_that_give_up_set_nothing_going_done_or_refused(
    days: Days, act: Callable[[Days], None]
) -> None:
    act(days)
    days.clock.advance(MINUTES)
    days.empty_queue()
    days.world.notices()
    calls = [one for one in days.account.calls if one.accepted]
    assert {"ModifyVpcEndpoint", "DeleteVpcEndpoints"} & {one.operation for one in calls}
    failures = (
        None,
        Failure("Client.DependencyViolation", "has dependencies"),
        Failure("Client.InvalidParameter", "x"),
    )
    records = [
        json.loads(
            json.dumps(
                record_call(
                    one.operation, one.params, {}, failure=failure, identity=LIFELINE, at=days.clock(), account=ACCOUNT
                ),
                default=str,
            )
        )
        for one in calls
        for failure in failures
    ]
    days.account.forget_calls()
    days.deliver(*records)
    assert sum(days.account.call_counts.values()) == 0
    assert (days.world.requeue(), days.texts(), days.world.dead_letters()) == ([], [], [])


# ---- gone midway, and more at once


def test_a_vpc_that_goes_while_it_is_looked_at_is_answered_and_forgotten(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, _, _ = served(days)
    event, seen = teardown(days, vpc_id), []
    observe = Network.observe

    def vanish(self: Network, vpc_ids: Any) -> Any:
        seen.append(vpc_ids)
        return observe(self, vpc_ids) if len(seen) == 1 else ()

    monkeypatch.setattr(Network, "observe", vanish)
    days.deliver(event)
    assert len(seen) == 2
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)) == VpcState()
    assert VpcStore("ledger").listed(VpcList.FROZEN, HOME) == frozenset()


def test_a_person_whose_vpc_goes_while_it_is_looked_at_hears_so(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    observe, seen = Network.observe, []

    def vanish(self: Network, vpc_ids: Any) -> Any:
        seen.append(vpc_ids)
        return observe(self, vpc_ids) if len(seen) == 1 else ()

    monkeypatch.setattr(Network, "observe", vanish)
    assert days.look(vpc_id)["error"]["message"] == f"{vpc_id} does not exist in this account and region"


@pytest.mark.parametrize("days", [{"iac_debounce_seconds": 600}], indirect=True)
def test_a_tools_deletion_that_fails_never_rests_whatever_else_the_tool_changed(days: Days) -> None:
    vpc_id, _, endpoint_id = served(days)
    change = record_call(
        "DeleteRoute",
        {"RouteTableId": days.world.main_table(vpc_id), "DestinationCidrBlock": "0.0.0.0/0"},
        {"Return": True},
        at=days.clock(),
        user_agent=TERRAFORM_AGENT,
    )
    days.deliver(change)
    assert days.live(vpc_id) == [endpoint_id]
    event = teardown(days, vpc_id)
    event["detail"]["userAgent"] = TERRAFORM_AGENT
    days.deliver(change, event)
    assert days.live(vpc_id) == []


def test_a_release_passes_whatever_is_frozen(days: Days) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    days.deliver(claim(days, vpc_id, subnet_id))
    days.look(vpc_id, freeze=True)
    days.look(vpc_id, release=True)
    assert days.live(vpc_id) == []
    assert days.deletions() == [endpoint_id]


@canary
def test_a_switch_that_the_kill_switch_held_is_no_canary(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    found = days.world.requeue(follow=True)
    asked: list[int] = []

    def why_on(_: object) -> str:
        asked.append(1)
        return "the kill switch is on" if len(asked) > 2 else ""

    with monkeypatch.context() as patched:
        patched.setattr(KillSwitch, "why_on", why_on)
        days.deliver(*found)
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).canaries == {}
    assert [one["action"] for one in days.sweeps(1)] == ["enable_private_dns"]
    assert set(VpcStore("ledger").load(HOME.vpc(vpc_id)).canaries) == {"monitoring"}


# ---- freezes by hand


def test_a_freeze_by_hand_waits_for_whoever_works_on_the_vpc_and_is_never_overwritten(days: Days) -> None:
    vpc_id, _, _ = served(days)
    ledger, now = VpcStore("ledger"), days.clock()
    ledger.take_lease(HOME.vpc(vpc_id), "another", now=now, until=now + timedelta(minutes=2))
    with pytest.raises(TransientError, match="another run works on"):
        days.look(vpc_id, freeze=["monitoring"])
    assert ledger.load(HOME.vpc(vpc_id)).frozen == {}
    ledger.return_lease(HOME.vpc(vpc_id), "another")
    days.look(vpc_id, freeze=["monitoring"])
    assert ledger.load(HOME.vpc(vpc_id)).frozen["monitoring"].kind is FreezeKind.MANUAL


def test_what_is_frozen_is_neither_offered_for_approval_nor_counted(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(monkeypatch, monthly_usd=1)
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    answer = days.look(vpc_id, freeze=True)
    assert {one["status"] for one in answer["actions"]} == {"blocked"}
    assert ("approval" in answer, answer["monthly_cost_usd"]) == (False, 0)
    assert LimitUsage("ledger").read().grants == ()


# ---- whatever fails


@canary
def test_what_was_counted_is_given_back_where_the_canary_could_not_be_kept(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.look(vpc_id)
    follow = days.world.requeue(follow=True)
    days.empty_queue()
    days.clock.advance(MINUTES)
    days.world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b")
    before = LimitUsage("ledger").read().grants
    refuse_saves(monkeypatch, "canaries", times=1)
    assert is_kept(days, *follow)
    assert LimitUsage("ledger").read().grants == before


def test_making_way_that_could_not_be_written_down_is_nobodys_undoing_a_day_later(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    event = claim(days, vpc_id, subnet_id)
    refuse_saves(monkeypatch, "conflicts", times=1)
    assert is_kept(days, event)
    days.deliver(event)
    assert not has_private_dns(days, endpoint_id)
    days.empty_queue()
    days.after(25)
    assert has_private_dns(days, endpoint_id)
    assert [
        one.reversals for one in VpcStore("ledger").load(HOME.vpc(vpc_id)).conflicts.values() if one.reversals
    ] == []


# ---- what is told


def test_machines_hear_of_what_made_way_and_of_what_was_cleared(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[BusEvent] = []
    monkeypatch.setattr(Bus, "send", lambda _, events: sent.extend(events))
    vpc_id, subnet_id, _ = served(days)
    sent.clear()
    days.deliver(claim(days, vpc_id, subnet_id))
    assert [one.detail["action"] for one in sent if one.type == "Lifeline Action"] == ["disable_private_dns"]
    days.clock.advance(MINUTES)
    sent.clear()
    days.deliver(teardown(days, vpc_id))
    assert "retire_endpoint" in [one.detail["action"] for one in sent if one.type == "Lifeline Action"]


def test_in_plan_mode_what_would_be_cleared_is_told_and_sent_and_kept_once(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[BusEvent] = []
    monkeypatch.setattr(Bus, "send", lambda _, events: sent.extend(events))
    vpc_id, _, _ = served(days)
    monkeypatch.setenv("MODE", "plan")
    for _ in range(3):
        days.deliver(teardown(days, vpc_id))
        days.clock.advance(MINUTES)
    assert kinds(days) == ["teardown"]
    assert [one.type for one in sent if one.type == "Lifeline Plan"] == ["Lifeline Plan"]
    entries = days.call({"history": {"vpc_id": vpc_id}})["history"]["entries"]
    assert [one["status"] for one in entries if one.get("action") == "retire_endpoint"] == ["planned"]


def test_what_lifeline_gave_up_itself_is_never_told_as_lost(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    follow = days.world.requeue(follow=True)
    days.world.notices()
    days.empty_queue()
    days.deliver(teardown(days, vpc_id))
    days.clock.advance(HOUR)
    days.deliver(*follow)
    assert "endpoint_lost" not in kinds(days)


# ---- a person's word answers what came before


def test_a_claim_that_comes_again_after_a_person_took_the_name_back_is_answered(days: Days) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    event = claim(days, vpc_id, subnet_id)
    days.deliver(event)
    days.clock.advance(MINUTES)
    days.look(vpc_id, unfreeze=["monitoring"])
    days.clock.advance(MINUTES)
    days.deliver(event)
    assert (has_private_dns(days, endpoint_id), VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen) == (True, {})
    days.deliver(claim(days, vpc_id, subnet_id))
    assert not has_private_dns(days, endpoint_id)


def test_what_is_left_of_a_teardown_that_a_person_ended_is_left_alone(days: Days) -> None:
    vpc_id, _, _ = served(days)
    days.deliver(teardown(days, vpc_id))
    days.clock.advance(MINUTES)
    days.look(vpc_id, unfreeze=True)
    days.clock.advance(MINUTES)
    days.look(vpc_id)  # EC2 may have held the name for some minutes
    (made,) = days.live(vpc_id)
    days.take_from_queue()
    assert (days.live(vpc_id), VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen) == ([made], {})
    days.deliver(teardown(days, vpc_id))
    assert days.live(vpc_id) == []


@canary
def test_a_withdrawal_that_waits_is_answered_by_a_person_who_unfreezes_the_service(days: Days) -> None:
    vpc_id, _, endpoint_id = served(days)
    days.account.fail_next("ModifyVpcEndpoint", "InternalError")
    falls_silent(days, vpc_id)
    days.clock.advance(MINUTES)
    days.look(vpc_id, unfreeze=["monitoring"])
    days.take_from_queue()
    assert (has_private_dns(days, endpoint_id), VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen) == (True, {})
    falls_silent(days, vpc_id)
    assert not has_private_dns(days, endpoint_id)

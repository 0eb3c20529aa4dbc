"""Canaries: the whole handler over time, on an EC2 that refuses what AWS refuses."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.canary import Canary, as_known
from lifeline.core.errors import TransientError
from lifeline.core.guards.freeze import FreezeKind
from lifeline.core.incidents.incident import CauseKind, Incident
from tests.support.days import MINUTES, Days
from tests.support.home import HOME
from tests.support.ledger import refuse_saves
from tests.support.tuning import tune
from tests.support.world import emulated_world


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, canary=True) as world:
        yield Days(world, monkeypatch)


def brief(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["action"], one["status"]) for one in answer["actions"]]


def deliver_follow(days: Days) -> None:
    """The follow-up that the queue holds, some minutes later: the endpoint is available by then."""
    found = days.world.requeue(follow=True)
    days.empty_queue()
    days.clock.advance(MINUTES)
    days.deliver(*found)


def made(days: Days) -> tuple[str, str]:
    """A VPC whose endpoint was made as a canary: its id and the endpoint's."""
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    answer = days.look(vpc_id)
    assert answer["outcome"] == "changed"
    (endpoint_id,) = days.live(vpc_id)
    return vpc_id, endpoint_id


def switched_on(days: Days) -> tuple[str, str]:
    vpc_id, endpoint_id = made(days)
    deliver_follow(days)
    assert has_private_dns(days, vpc_id)
    days.world.notices()
    days.empty_queue()
    return vpc_id, endpoint_id


def has_private_dns(days: Days, vpc_id: str) -> bool:
    (found,) = days.world.endpoints(vpc_id)
    return bool(found["PrivateDnsEnabled"])


def falls_silent(days: Days, vpc_id: str, service: str = "monitoring") -> Incident:
    """The detector records that agents fell silent of the canary, and asks for a look at the VPC."""
    incident = days.record_silence(vpc_id, service)
    assert days.ask_for_repair(vpc_id, incident_id=incident.id) == {"batchItemFailures": []}
    return incident


def switches(days: Days) -> list[bool]:
    calls = [one for one in days.account.calls if one.operation == "ModifyVpcEndpoint" and one.accepted]
    return [one.params["PrivateDnsEnabled"] for one in calls if "PrivateDnsEnabled" in one.params]


def is_kept(days: Days, *requests: dict[str, Any]) -> bool:
    """Delivers them, and says whether the queue keeps them for another try."""
    return bool(days._receive(list(requests))["batchItemFailures"])


def is_repair_kept(days: Days, vpc_id: str) -> bool:
    return bool(days.ask_for_repair(vpc_id)["batchItemFailures"])


def fail_once(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
    method, left = getattr(owner, name), [1]

    def failing(*args: Any, **more: Any) -> object:
        if left and left.pop():
            raise TransientError(f"{name} failed")
        return method(*args, **more)

    monkeypatch.setattr(owner, name, failing)


# ---- on


def test_the_endpoint_comes_without_private_dns_and_gets_it_once_it_is_available(days: Days) -> None:
    vpc_id, endpoint_id = made(days)
    assert not has_private_dns(days, vpc_id)
    assert "with: private DNS off until the endpoint is available (canary)" in days.texts()[0]
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).canaries == {}
    assert switches(days) == []

    deliver_follow(days)

    assert has_private_dns(days, vpc_id)
    assert f"monitoring: turned on private DNS for {endpoint_id}" in days.texts()[0]
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).canaries == {"monitoring": Canary(endpoint_id, days.clock())}
    assert days.sweeps(3) == []
    assert days.world.dead_letters() == []


def test_the_answer_says_which_endpoint_is_made_without_it(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    planned = days.look(vpc_id, mode="plan")["actions"]
    assert [one.get("private_dns") for one in planned] == [None, False]
    tune(monkeypatch, canary=False)
    assert days.look(vpc_id, mode="plan")["actions"][1]["private_dns"] is True


def test_a_lost_follow_up_is_made_good_by_a_sweep(days: Days) -> None:
    vpc_id, _ = made(days)
    days.empty_queue()
    assert [one["action"] for one in days.sweeps(1)] == ["enable_private_dns"]
    assert has_private_dns(days, vpc_id)


def test_nothing_is_switched_on_before_it_is_on_record(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, _ = made(days)
    follow = days.world.requeue(follow=True)
    days.empty_queue()
    days.clock.advance(MINUTES)
    refuse_saves(monkeypatch, "canaries", times=1)
    assert is_kept(days, *follow)
    assert (switches(days), has_private_dns(days, vpc_id)) == ([], False)
    days.deliver(*follow)
    assert switches(days) == [True]


def test_nothing_is_switched_on_while_the_group_could_not_be_opened_for_a_new_block(days: Days) -> None:
    vpc_id, _ = made(days)
    days.world.ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock="10.1.0.0/16")
    days.account.fail_next("AuthorizeSecurityGroupIngress", "InternalError")
    deliver_follow(days)
    assert switches(days) == []
    assert [one["attempt"] for one in days.take_from_queue()] == [1]
    assert switches(days) == [True]


def test_without_the_parameter_private_dns_is_on_from_the_first_moment(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(monkeypatch, canary=False)
    vpc_id, _ = made(days)
    assert has_private_dns(days, vpc_id)
    deliver_follow(days)
    falls_silent(days, vpc_id)
    assert has_private_dns(days, vpc_id)
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen == {}


# ---- off


def test_where_agents_fall_silent_of_it_private_dns_is_switched_off_and_stays_off(days: Days) -> None:
    vpc_id, endpoint_id = switched_on(days)
    days.clock.advance(MINUTES)
    incident = falls_silent(days, vpc_id)

    assert not has_private_dns(days, vpc_id)
    state = VpcStore("ledger").load(HOME.vpc(vpc_id))
    assert (state.frozen["monitoring"].kind, state.frozen["monitoring"].until) == (FreezeKind.CANARY, None)
    assert incident.id in state.frozen["monitoring"].why
    assert state.canaries["monitoring"].withdrawn_at == days.clock()
    text = days.texts()[0]
    assert f"gents went silent ({incident.id})" in text
    assert f"monitoring: turned off private DNS for {endpoint_id}" in text

    days.empty_queue()
    assert {(one["action"], one["status"]) for one in days.sweeps(3)} == {("enable_private_dns", "blocked")}
    (notified,) = days.texts()
    assert '"unfreeze": ["monitoring"]' in notified
    assert switches(days) == [True, False]
    assert days.world.dead_letters() == []


@pytest.mark.parametrize("tag", [("lifeline:exempt", "true"), ("lifeline:require", "logs"), ("lifeline:exempt", "no")])
@pytest.mark.parametrize("whose", ["vpc", "subnet"])
def test_no_tag_of_a_network_keeps_a_canary_from_being_withdrawn(days: Days, tag: tuple[str, str], whose: str) -> None:
    vpc_id, _ = switched_on(days)
    subnets = days.world.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
    tagged = [vpc_id] if whose == "vpc" else [one["SubnetId"] for one in subnets]
    days.world.ec2.create_tags(Resources=tagged, Tags=[dict(zip(("Key", "Value"), tag, strict=True))])
    days.clock.advance(MINUTES)
    falls_silent(days, vpc_id)
    assert not has_private_dns(days, vpc_id)


def test_a_sweep_withdraws_it_where_nothing_that_the_detector_asks_for_arrives(days: Days) -> None:
    vpc_id, _ = switched_on(days)
    days.clock.advance(MINUTES)
    days.record_silence(vpc_id)
    days.sweeps(2)
    assert not has_private_dns(days, vpc_id)


def test_the_same_silence_again_takes_nothing_back_that_was_switched_on_anew(days: Days) -> None:
    vpc_id, _ = switched_on(days)
    days.clock.advance(MINUTES)
    falls_silent(days, vpc_id)
    days.ask_for_repair(vpc_id)
    assert switches(days) == [True, False]

    days.clock.advance(MINUTES)
    assert brief(days.look(vpc_id, unfreeze=["monitoring"])) == [("enable_private_dns", "done")]
    days.ask_for_repair(vpc_id)
    days.sweeps(1)
    assert switches(days) == [True, False, True]
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen == {}


@pytest.mark.parametrize(
    "other",
    ["another service", "another endpoint", "before the switch", "after the watch", "fixed", "another cause"],
)
def test_only_a_silence_of_this_canary_and_within_its_watch_counts(days: Days, other: str) -> None:
    vpc_id, endpoint_id = switched_on(days)
    now = days.clock()
    incident = days.record_silence(vpc_id, "logs" if other == "another service" else "monitoring")
    changed = {
        "another endpoint": replace(incident, cause=replace(incident.cause, subject="vpce-0123456789abcdef0")),
        "before the switch": replace(incident, checked_at=now - timedelta(seconds=1)),
        "after the watch": replace(incident, began=now + timedelta(minutes=11)),
        "fixed": replace(incident, cause=replace(incident.cause, fixed_at=now)),
        "another cause": replace(incident, cause=replace(incident.cause, kind=CauseKind.CUT_OFF)),
    }
    if other in changed:
        assert Incidents("ledger", HOME).save(changed[other])
    days.clock.advance(3 * MINUTES)
    assert days.ask_for_repair(vpc_id) == {"batchItemFailures": []}
    assert (switches(days), VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen) == ([True], {})
    assert has_private_dns(days, vpc_id)
    assert days.live(vpc_id) == [endpoint_id]


def test_without_a_record_nobody_gets_private_dns_switched_off_by_asking_for_it(days: Days) -> None:
    vpc_id, _ = switched_on(days)
    days.clock.advance(MINUTES)
    because = [{"kind": "silence", "event_id": "inc-20260302-1010-a1b2c3d4", "time": days.clock().isoformat()}]
    for queue in ("changes", "repair-requests"):
        days._receive([{"vpc_ids": [vpc_id], "because": because}], queue=queue)
        days._receive([{"vpc_ids": [vpc_id], "because": because, "withdraw": ["monitoring"]}], queue=queue)
    assert (switches(days), VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen) == ([True], {})
    fields = [letter["MessageAttributes"]["field"]["StringValue"] for letter in days.world.dead_letters()]
    assert fields == ["body.withdraw", "body.withdraw"]


@pytest.mark.parametrize("hours", [3, 26])
@pytest.mark.parametrize("is_over", [False, True])
def test_what_the_kill_switch_held_back_however_long_comes_once_it_is_off_if_agents_are_still_silent(
    days: Days, monkeypatch: pytest.MonkeyPatch, hours: int, *, is_over: bool
) -> None:
    monkeypatch.setenv("KILL_SWITCH_PARAMETER", "/stop")

    def stop(value: str) -> None:
        boto3.client("ssm").put_parameter(Name="/stop", Value=value, Type="String", Overwrite=True)

    stop("off")
    vpc_id, _ = switched_on(days)
    days.clock.advance(MINUTES)
    stop("on")
    incident = falls_silent(days, vpc_id)
    (text,) = [text for text in days.texts() if "turn off private DNS" in text]
    assert "blocked: the kill switch is on" in text
    for _ in range(hours):
        days.after(1)
        if found := days.world.requeue():
            days.empty_queue()
            days._receive(found)
    days.empty_queue()  # such as when the message was abandoned
    if is_over:
        assert Incidents("ledger", HOME).close(incident, now=days.clock())
        days.call({"sweep": True})
    stop("off")
    days.sweeps(1)
    assert has_private_dns(days, vpc_id) is is_over
    assert switches(days) == ([True] if is_over else [True, False])


@pytest.mark.parametrize(("hours", "expected"), [(23, [True, False]), (48, [True])])
def test_a_silence_that_is_recorded_more_than_a_day_later_withdraws_nothing(
    days: Days, hours: int, expected: list[bool]
) -> None:
    vpc_id, _ = switched_on(days)
    days.after(hours)
    falls_silent(days, vpc_id)
    days.sweeps(1)
    assert switches(days) == expected


def test_a_silence_elsewhere_withdraws_nothing_here(days: Days) -> None:
    (here, _), (there, _) = switched_on(days), switched_on(days)
    days.clock.advance(MINUTES)
    days.record_silence(there)
    days.ask_for_repair(here)
    assert switches(days) == [True, True]
    days.ask_for_repair(here, there)
    assert switches(days) == [True, True, False]


def test_an_endpoint_that_is_no_longer_lifelines_is_left_alone(days: Days) -> None:
    vpc_id, endpoint_id = switched_on(days)
    days.clock.advance(MINUTES)
    days.world.ec2.delete_tags(Resources=[endpoint_id], Tags=[{"Key": "lifeline:managed-by"}])
    falls_silent(days, vpc_id)
    assert switches(days) == [True]


def test_each_that_loses_its_tag_before_it_answers_gets_another_within_the_vpcs_share(days: Days) -> None:
    vpc_id, _ = made(days)
    said: list[str] = []
    for _ in range(15):
        days.world.ec2.delete_tags(Resources=days.live(vpc_id), Tags=[{"Key": "lifeline:managed-by"}])
        days.look(vpc_id)
        days.clock.advance(timedelta(seconds=20))
        said += days.texts()
    assert len(days.live(vpc_id)) == 12  # a quarter of the 50 that all VPCs may have a day
    assert not any(one["PrivateDnsEnabled"] for one in days.world.endpoints(vpc_id))
    assert sum("created interface endpoint" in text for text in said) == 12
    (why,) = [one["error"] for one in days.look(vpc_id)["actions"] if one["action"] == "create_interface_endpoint"]
    assert "12 of the 12 endpoints that one VPC may use of 50 (endpoints_per_day) used" in why


def test_one_that_had_lost_its_tag_when_agents_fell_silent_is_withdrawn_once_it_has_it_again(days: Days) -> None:
    vpc_id, endpoint_id = switched_on(days)
    days.clock.advance(MINUTES)
    days.world.ec2.delete_tags(Resources=[endpoint_id], Tags=[{"Key": "lifeline:managed-by"}])
    days.world.ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock="10.77.0.0/16")  # so that something is to be done
    falls_silent(days, vpc_id)
    assert has_private_dns(days, vpc_id)
    tag = {"Key": "lifeline:managed-by", "Value": "lifeline"}
    days.world.ec2.create_tags(Resources=[endpoint_id], Tags=[tag])
    days.sweeps(1)
    assert not has_private_dns(days, vpc_id)


# ---- whatever fails


@pytest.mark.parametrize("name", ["frozen", "canaries", "record_actions", "take_lease"])
def test_whatever_the_ledger_refuses_it_is_off_and_frozen_in_the_end(
    days: Days, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    vpc_id, _ = switched_on(days)
    days.clock.advance(MINUTES)
    days.record_silence(vpc_id)
    if name in {"frozen", "canaries"}:
        refuse_saves(monkeypatch, name, times=1)
    else:
        fail_once(monkeypatch, VpcStore if name == "take_lease" else AuditLog, name)
    assert is_repair_kept(days, vpc_id)
    assert not is_repair_kept(days, vpc_id)
    state = VpcStore("ledger").load(HOME.vpc(vpc_id))
    assert (switches(days), set(state.frozen)) == ([True, False], {"monitoring"})
    assert as_known(state.canaries, state.frozen)["monitoring"].withdrawn_at == days.clock()


def test_what_ec2_refuses_for_now_is_tried_again_even_if_the_incident_is_over_by_then(days: Days) -> None:
    vpc_id, _ = switched_on(days)
    days.clock.advance(MINUTES)
    days.account.fail_next("ModifyVpcEndpoint", "InternalError")
    incident = falls_silent(days, vpc_id)
    assert (switches(days), set(VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen)) == ([True], {"monitoring"})
    assert Incidents("ledger", HOME).close(incident, now=days.clock())
    (again,) = days.take_from_queue()
    assert set(again) == {"vpc_ids", "attempt", "because"}
    assert switches(days) == [True, False]


def test_while_another_run_has_the_vpc_the_withdrawal_waits(days: Days) -> None:
    vpc_id, _ = switched_on(days)
    days.clock.advance(MINUTES)
    now = days.clock()
    VpcStore("ledger").take_lease(HOME.vpc(vpc_id), "another", now=now, until=now + timedelta(minutes=2))
    falls_silent(days, vpc_id)
    assert switches(days) == [True]
    days.take_from_queue()
    assert switches(days) == [True, False]


def test_a_notice_that_is_not_sent_changes_nothing_of_it(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, _ = switched_on(days)
    days.clock.advance(MINUTES)
    fail_once(monkeypatch, Topic, "publish")
    falls_silent(days, vpc_id)
    assert switches(days) == [True, False]
    days.sweeps(1)
    (notified,) = days.texts()
    assert "frozen since" in notified


def test_in_plan_mode_it_is_only_said(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, _ = switched_on(days)
    days.clock.advance(MINUTES)
    monkeypatch.setenv("MODE", "plan")
    falls_silent(days, vpc_id)
    assert switches(days) == [True]
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen == {}
    assert "monitoring: turn off private DNS for" in days.texts()[0]


@pytest.mark.parametrize("withdraw", [["monitoring"], True, ["Monitoring!"], []])
def test_nobody_asks_for_a_withdrawal_by_hand(days: Days, withdraw: object) -> None:
    vpc_id, _ = switched_on(days)
    answer = days.call({"vpc_ids": [vpc_id], "withdraw": withdraw})
    (error,) = answer["errors"]
    assert (error["field"], answer["vpcs"]) == ("withdraw", [])
    assert "freeze the service instead" in error["message"]
    assert switches(days) == [True]

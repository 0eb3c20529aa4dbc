"""Each sweep proves that events arrive: its dry run comes back by the queue, or it doesn't."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.aws import pace
from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.dry_run import DryRuns
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.call_rate import CallRate
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.core.errors import TransientError
from lifeline.core.event_path.denial import DeniedBy
from lifeline.core.event_path.dry_run import DryRunVerdict
from lifeline.core.event_path.proof import ALARM_SECONDS, EventPath
from lifeline.handlers import coverage_page, reconcile_endpoints
from tests.handlers.test_claims import refused, served, strict_for_all, theirs
from tests.handlers.test_endpoint_policies import NARROW
from tests.handlers.test_labels_and_policies import NAME, PREFIX, refuse_tag, say
from tests.support.cloudtrail import RECORDED, Failure, Identity, record_call
from tests.support.days import HOUR, MINUTES, Days
from tests.support.metrics import new_datapoints
from tests.support.policies import Caller
from tests.support.tuning import tune
from tests.support.world import Context, emulated_world

OWN = Identity("lifeline-ReconcileRole", session="lifeline-ReconcileEndpoints")
ALL: Any = {"Effect": "Allow", "Action": "*", "Resource": "*"}
TEAM_DEMANDED: Any = {
    "Effect": "Deny",
    "Action": "ec2:CreateVpcEndpoint",
    "Resource": "arn:aws:ec2:*:*:vpc-endpoint/*",
    "Condition": {"Null": {"aws:RequestTag/team": "true"}},
}
NO_ENDPOINTS: Any = {"Effect": "Deny", "Action": "ec2:CreateVpcEndpoint", "Resource": "*"}
SCP, BOUNDARY = "service control policy", "permissions boundary"
SECOND = timedelta(seconds=1)


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, prove_event_path=True) as world:
        RECORDED.clear()
        monkeypatch.setattr(DryRuns, "decode", lambda *_: "{}")  # moto's STS doesn't
        yield strict_for_all(Days(world, monkeypatch))


def known() -> EventPath:
    return EventPathStore("ledger").read()


def sweep(days: Days, *, after: timedelta = HOUR) -> None:
    days.clock.advance(after)
    days.call({"sweep": True})


def record(days: Days, *, request_id: str = "", identity: Identity = OWN, code: str = "DryRunOperation") -> Any:
    """CloudTrail's record of the last dry run."""
    call = days.account.dry_runs[-1]
    return record_call(
        call.operation,
        call.params,
        failure=Failure(code, "Request would have succeeded, but DryRun flag is set."),
        identity=identity,
        at=call.at,
        request_id=request_id or known().probes[0].request_id,
    )


def raising(error: Exception) -> Any:
    def refuse(*_: object, **__: object) -> Any:
        raise error

    return refuse


def figures() -> list[float]:
    return new_datapoints("EventPathSeconds")


def test_a_sweep_makes_one_dry_run_which_creates_nothing_and_its_record_proves_the_path(days: Days) -> None:
    vpc_id, _, endpoint_id = served(days)
    sweep(days)
    (call,) = days.account.dry_runs
    assert call.params["VpcId"] == vpc_id
    assert days.live(vpc_id) == [endpoint_id]
    assert known().verdict is DryRunVerdict.ALLOWED
    assert known().proven_at is None
    event = record(days)
    days.clock.advance(3 * SECOND)
    before = days.account.call_counts.copy()
    figures()
    days.deliver(event)
    assert known().proven_at == call.at
    assert known().seconds == 3
    assert figures() == [3.0]
    assert days.account.call_counts == before  # nothing is reconciled for it
    assert days.world.requeue() == []


def test_the_dry_run_has_the_parameters_of_the_real_call(days: Days) -> None:
    served(days)
    (real,) = [call.params for call in days.account.calls if call.operation == "CreateVpcEndpoint"]
    sweep(days)
    asked = dict(days.account.dry_runs[0].params)
    assert asked.pop("DryRun") is True
    differs = {name for name in real.keys() | asked.keys() if real.get(name) != asked.get(name)}
    assert differs == {"ClientToken", "PrivateDnsEnabled"}  # the endpoint has the name by now


def test_a_vpc_whose_copied_tag_is_refused_hides_nothing_of_the_event_path(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(monkeypatch, copy_tags=["team"])
    vpc_id, *_ = served(days)
    days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "team", "Value": "nobody's"}])
    refuse_tag(monkeypatch, "team", "nobody's")
    sweep(days)
    assert known().verdict is DryRunVerdict.ALLOWED
    days.deliver(record(days))
    assert known().proven_at == days.account.dry_runs[-1].at


def test_a_vpc_without_the_tag_that_an_scp_demands_denies_the_role_nothing_elsewhere(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(monkeypatch, copy_tags=["team"])
    first, second = sorted(served(days)[0] for _ in range(2))
    days.world.ec2.create_tags(Resources=[second], Tags=[{"Key": "team", "Value": "network"}])
    days.account.caller = Caller(policy=(ALL,), limits={SCP: (ALL, TEAM_DEMANDED)})
    days.texts()
    sweep(days)
    assert [call.params["VpcId"] for call in days.account.dry_runs] == [first, second]
    assert known().verdict is DryRunVerdict.ALLOWED
    assert days.texts() == []
    days.world.ec2.delete_tags(Resources=[second], Tags=[{"Key": "team"}])
    sweep(days)
    assert known().verdict is DryRunVerdict.DENIED


def test_the_doctors_dry_run_is_the_sweeps(days: Days) -> None:
    served(days)
    sweep(days)
    days.call({"doctor": True})
    of_sweep, of_doctor = days.account.dry_runs
    assert of_doctor.params == of_sweep.params


@pytest.mark.parametrize("stopped", ["plan mode", "the kill switch"])
def test_it_is_made_where_nothing_may_be_changed(monkeypatch: pytest.MonkeyPatch, stopped: str) -> None:
    switch = {"KILL_SWITCH_PARAMETER": "/lifeline/stop"}
    settings = {"MODE": "plan"} if stopped == "plan mode" else switch
    with emulated_world(monkeypatch, prove_event_path=True, REQUIRED_SERVICES="s3", **settings) as world:
        client("ssm").put_parameter(Name="/lifeline/stop", Value="on", Type="String")
        days = strict_for_all(Days(world, monkeypatch))
        vpc_id = world.make_vpc()
        world.make_subnet(vpc_id)
        sweep(days)
        assert len(days.account.dry_runs) == 1
        assert known().verdict is DryRunVerdict.ALLOWED
        assert days.live(vpc_id) == []


def test_without_a_group_of_its_own_the_dry_run_is_of_that_and_each_sweep_makes_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with emulated_world(monkeypatch, prove_event_path=True, MODE="plan") as world:
        days = strict_for_all(Days(world, monkeypatch))
        vpc_id = world.make_vpc()
        world.make_subnet(vpc_id)
        groups = world.ec2.describe_security_groups()["SecurityGroups"]
        sweep(days)
        days.clock.advance(3 * SECOND)
        days.deliver(record(days))
        assert [call.operation for call in days.account.dry_runs] == ["CreateSecurityGroup"]
        assert (known().verdict, known().seconds) == (DryRunVerdict.UNKNOWN, 3)
        assert known().why == ""  # it is no reason why an event would be missing
        figures()
        for _ in range(3):
            sweep(days)
        assert len(days.account.dry_runs) == 4
        assert figures() == [2 * 3600.0]
        (text,) = [one for one in days.texts() if "dry runs" in one]
        assert "no event arrived" in text
        assert world.ec2.describe_security_groups()["SecurityGroups"] == groups


def test_a_plan_that_a_person_asks_for_makes_none(days: Days) -> None:
    served(days)
    days.call({"sweep": True, "mode": "plan"})
    assert days.account.dry_runs == []


def test_a_policy_may_turn_it_off(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    served(days)
    tune(monkeypatch, prove_event_path=False)
    sweep(days)
    assert days.account.dry_runs == []
    assert "policy" in known().why


def test_sweeps_soon_after_one_another_make_one(days: Days) -> None:
    served(days)
    sweep(days)
    sweep(days, after=MINUTES)
    assert len(days.account.dry_runs) == 1


# ---- forged records


@pytest.mark.parametrize("forgery", ["another request", "another's role", "another time"])
def test_a_record_that_claims_to_be_the_dry_run_makes_nothing_look_proven(days: Days, forgery: str) -> None:
    vpc_id, _, endpoint_id = served(days)
    sweep(days)
    if forgery == "another request":
        event = record(days, request_id="0a1b2c3d-0000-4000-8000-000000000000")
    elif forgery == "another's role":
        event = record(days, identity=Identity("deploy-role", session="somebody"))
    else:
        event = record(days)
        event["detail"]["eventTime"] = "2020-01-01T00:00:00Z"
    days.clock.advance(MINUTES)
    calls = days.account.call_counts.copy()
    days.deliver(event)
    assert known().proven_at is None
    assert days.account.call_counts == calls
    assert days.live(vpc_id) == [endpoint_id]
    assert days.world.dead_letters() == []


@pytest.mark.parametrize("code", ["InvalidParameter", "RouteAlreadyExists", "DependencyViolation"])
def test_the_record_of_a_dry_run_that_ec2_refuses_for_another_reason_proves_the_path(days: Days, code: str) -> None:
    served(days)
    for _ in range(3):
        days.account.fail_next("CreateVpcEndpoint", code)
        sweep(days)
        probe = known().probes[0]
        event = record_call(
            "CreateVpcEndpoint",
            {"VpcId": "vpc-0123456789abcdef0"},
            failure=Failure(code, "no"),
            identity=OWN,
            at=probe.asked_at,
            request_id=probe.request_id,
        )
        assert days.try_to_deliver(event) == []
        assert known().proven_at == probe.asked_at
    assert figures() == [0.0] * 3
    assert days.texts() == []


@pytest.mark.parametrize("code", ["InvalidParameter", "RouteAlreadyExists"])
def test_a_real_call_of_lifelines_that_ec2_refused_is_done_at_once(days: Days, code: str) -> None:
    served(days)
    sweep(days)
    event = record(days, request_id="0a1b2c3d-0000-4000-8000-000000000000", code=code)
    assert days.try_to_deliver(event) == []
    assert known().proven_at is None
    assert days.world.dead_letters() == []


def test_a_record_that_is_faster_than_the_ledger_comes_again(days: Days) -> None:
    served(days)
    sweep(days)
    event = record(days, request_id="0a1b2c3d-0000-4000-8000-000000000000")
    assert days.try_to_deliver(event) == ["m-0"]


def test_the_record_of_the_doctors_dry_run_looks_like_no_failure(days: Days, caplog: pytest.LogCaptureFixture) -> None:
    served(days)
    sweep(days)
    days.call({"doctor": True})
    event = record(days, request_id="0a1b2c3d-0000-4000-8000-000000000000")
    caplog.clear()
    assert days.try_to_deliver(event) == ["m-0"]
    days.clock.advance(MINUTES)
    assert days.try_to_deliver(event, receives=2) == []
    assert {"messages come again", "call heard that is no known dry run"} <= {one.message for one in caplog.records}
    assert not [one.message for one in caplog.records if one.levelname == "ERROR"]


def test_a_record_that_the_ledger_does_not_take_comes_again(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    served(days)
    sweep(days)
    event = record(days)
    with monkeypatch.context() as broken:
        broken.setattr(EventPathStore, "change", raising(TransientError("ledger: no")))
        assert days.try_to_deliver(event) == ["m-0"]
    days.deliver(event)
    assert known().proven_at is not None


# ---- not heard


def test_only_two_in_a_row_that_are_not_heard_ring_the_alarm_and_people_are_told_once(days: Days) -> None:
    served(days)
    sweep(days)
    sweep(days)
    assert figures() == []
    assert days.texts() == []
    sweep(days)
    assert figures() == [7200.0]
    assert ALARM_SECONDS <= 7200
    (text,) = days.texts()
    assert "trail" in text
    assert text.index("trail") < text.index("rules are enabled") < text.index("policy of the queue")
    sweep(days)
    assert figures() == [10800.0]
    assert days.texts() == []


def test_once_one_is_heard_again_the_alarm_ends_and_the_next_silence_is_news_after_eight_hours(days: Days) -> None:
    served(days)
    for _ in range(3):
        sweep(days)
    assert len(days.texts()) == 1
    days.deliver(record(days))
    figures()
    for _ in range(8):
        sweep(days)
        assert figures() == []
        days.deliver(record(days))
        figures()
    for _ in range(3):
        sweep(days)
    assert len(days.texts()) == 1


def test_of_events_that_somebody_withholds_again_and_again_people_hear_once(days: Days) -> None:
    """The next notice is due once they have arrived for eight hours. The alarm rings each time."""
    served(days)
    told = rung = 0
    for _ in range(8):
        for _ in range(3):
            sweep(days)
        told, rung = told + len(days.texts()), rung + bool(figures())
        days.deliver(record(days))
        figures()
    assert (told, rung) == (1, 8)


# ---- denied


@pytest.mark.parametrize(
    ("limits", "by"),
    [
        ({SCP: (ALL, NO_ENDPOINTS)}, DeniedBy.SERVICE_CONTROL_POLICY),
        ({BOUNDARY: ({"Effect": "Allow", "NotAction": "ec2:CreateVpcEndpoint", "Resource": "*"},)}, None),
        ({BOUNDARY: (ALL, NO_ENDPOINTS)}, DeniedBy.PERMISSIONS_BOUNDARY),
        ({}, DeniedBy.IDENTITY_BASED_POLICY),
    ],
    ids=["SCP", "boundary that lacks it", "boundary", "role"],
)
def test_a_denied_dry_run_is_told_apart_and_made_once_a_day(
    days: Days, monkeypatch: pytest.MonkeyPatch, limits: Any, by: DeniedBy | None
) -> None:
    decoded: list[str] = []

    def decode(_: DryRuns, encoded: str) -> str:
        decoded.append(encoded)
        return "{}"

    monkeypatch.setattr(DryRuns, "decode", decode)
    served(days)
    policy = (ALL,) if limits else (ALL, NO_ENDPOINTS)
    if by is None:
        limits = {BOUNDARY: ({"Effect": "Allow", "Action": ["ec2:Describe*", "ec2:Get*"], "Resource": "*"},)}
        by = DeniedBy.PERMISSIONS_BOUNDARY
    days.account.caller = Caller(policy=policy, limits=limits)
    sweep(days)
    denial = known().denial
    assert known().verdict is DryRunVerdict.DENIED
    assert denial is not None
    assert denial.by is by
    (text,) = [one for one in days.texts() if "dry run" in one]
    assert by.value in text
    for _ in range(20):
        sweep(days)
    assert len(days.account.dry_runs) == 1
    assert decoded == ["1a2b3c"]
    for _ in range(4):
        sweep(days)
    assert len(days.account.dry_runs) == 2
    assert not [one for one in days.texts() if "dry run was denied" in one]


def test_the_record_of_a_denied_dry_run_proves_the_path(days: Days) -> None:
    served(days)
    days.account.caller = Caller(policy=(ALL, NO_ENDPOINTS))
    sweep(days)
    days.deliver(record(days, code="UnauthorizedOperation"))
    assert known().proven_at is not None
    assert known().verdict is DryRunVerdict.DENIED


def test_the_page_says_who_denies_and_when_the_path_was_proven(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage_page, "_now", days.clock)
    served(days)
    days.account.caller = Caller(policy=(ALL,), limits={SCP: (ALL, NO_ENDPOINTS)})
    sweep(days)
    days.deliver(record(days, code="UnauthorizedOperation"))
    page = unescape(coverage_page.handler({}, Context()))
    assert "Lifeline may not create endpoints today: a service control policy of your organization denied" in page
    assert "event path proven" in page


def test_a_denial_that_cannot_be_decoded_is_told_as_far_as_ec2_says(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DryRuns, "decode", raising(TransientError("sts: no")))
    served(days)
    days.account.caller = Caller(policy=(ALL,), limits={SCP: (ALL, NO_ENDPOINTS)})
    sweep(days)
    denial = known().denial
    assert denial is not None
    assert denial.by is DeniedBy.SERVICE_CONTROL_POLICY


# ---- unknown, never bad


def test_without_a_vpc_nothing_is_known_and_nobody_is_told(days: Days) -> None:
    for _ in range(4):
        sweep(days)
    assert known().verdict is DryRunVerdict.UNKNOWN
    assert known().why == "there is no VPC here"
    assert figures() == []
    assert days.texts() == []


def test_where_one_vpc_is_full_another_proves_the_path_and_no_silence_is_forgotten(days: Days) -> None:
    for _ in range(2):
        served(days)
    for _ in range(2):
        sweep(days)
    since = known().unheard_since
    days.account.fail_next("CreateVpcEndpoint", "VpcEndpointLimitExceeded")
    sweep(days)
    refused, answered = days.account.dry_runs[-2:]
    assert (refused.error, answered.error) == ("VpcEndpointLimitExceeded", "DryRunOperation")
    assert refused.params["VpcId"] != answered.params["VpcId"]
    assert known().unheard_since == since
    assert known().verdict is DryRunVerdict.ALLOWED
    days.deliver(record(days))
    assert known().proven_at == answered.at


def test_where_ec2_refuses_every_dry_run_the_alarm_of_old_ones_ends(days: Days) -> None:
    served(days)
    for _ in range(3):
        sweep(days)
    assert figures() == [7200.0]
    days.account.fail_next("CreateVpcEndpoint", "InvalidGroup.NotFound", times=99)
    days.account.fail_next("CreateSecurityGroup", "InvalidGroup.NotFound", times=99)
    sweep(days)
    figures()
    for _ in range(3):
        sweep(days)
    assert figures() == []
    assert "InvalidGroup.NotFound" in known().why


def test_no_more_than_four_dry_runs_are_made_a_sweep_each_in_another_vpc(days: Days) -> None:
    for _ in range(5):
        served(days)
    days.account.fail_next("CreateVpcEndpoint", "VpcEndpointLimitExceeded", times=99)
    sweep(days)
    assert len({call.params["VpcId"] for call in days.account.dry_runs}) == len(days.account.dry_runs) == 4


def test_what_stops_the_dry_run_stops_nothing_else(days: Days) -> None:
    vpc_id, _, _ = served(days)
    days.account.fail_next("CreateVpcEndpoint", "RequestLimitExceeded", times=9)
    days.clock.advance(HOUR)
    (answer,) = days.call({"sweep": True})["vpcs"]
    assert answer["vpc_id"] == vpc_id
    assert known().asked_at is None


def test_an_emulator_that_ignores_dry_runs_stops_nothing_and_is_logged(
    days: Days, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served(days)
    carried_out: Any = {"VpcEndpoint": {"VpcEndpointId": "vpce-0123456789abcdef0"}}
    monkeypatch.setattr(client("ec2"), "create_vpc_endpoint", lambda **_: carried_out)
    sweep(days)
    (line,) = [one for one in caplog.records if one.message == "event path not proven"]
    assert "vpce-0123456789abcdef0" in vars(line)["error"]


def test_a_sweep_without_time_left_still_rings_the_alarm_says_so_and_forgets_no_silence(days: Days) -> None:
    served(days)
    for _ in range(2):
        sweep(days)
    before = known()
    days.clock.advance(HOUR)
    reconcile_endpoints.handler({"sweep": True}, Context(remaining_ms=40_000))
    now = days.clock()
    assert known() == replace(before, why="the last sweep had no time left for it", notified_at=now)
    assert figures() == [7200.0]
    assert len(days.account.dry_runs) == 2
    assert len(days.texts()) == 1


def test_a_sweep_that_gets_no_turn_for_its_dry_run_says_so(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    served(days)
    monkeypatch.setattr(CallRate, "reserve_endpoint_call", lambda *_, **__: None)
    sweep(days)
    assert "turns" in known().why
    assert days.account.dry_runs == []


# ---- the daily comparison


def change(days: Days) -> Any:
    made = days.world.make_vpc()
    return record_call("DeleteVpc", {"VpcId": made}, at=days.clock())


def test_a_day_is_compared_with_event_history_and_what_was_missed_is_named(days: Days) -> None:
    served(days)
    sweep(days)
    sweep(days, after=2 * HOUR)
    heard, missed = [change(days) for _ in range(2)], change(days)
    days.deliver(*heard)
    days.clock.advance(SECOND)
    days.deliver(heard[0])  # again
    sweep(days, after=25 * HOUR)
    for _ in range(6):
        sweep(days)
    last = EventPathStore("ledger").read_comparisons().last
    assert last is not None
    assert (last.happened, last.heard) == (3, 2)
    assert last.missed == (f"DeleteVpc {missed['detail']['eventID']}",)


def proven_sweep(days: Days, *, after: timedelta = HOUR) -> None:
    """A sweep whose dry run is heard."""
    sweep(days, after=after)
    days.deliver(record(days))


def test_a_rule_through_which_nothing_came_is_told_once_though_dry_runs_are_heard(days: Days) -> None:
    served(days)
    proven_sweep(days)
    proven_sweep(days, after=2 * HOUR)
    for _ in range(2):
        change(days)
    days.texts()
    proven_sweep(days, after=25 * HOUR)
    for _ in range(6):
        proven_sweep(days)
    (text,) = [one for one in days.texts() if "RoutingRule" in one]
    assert "- RoutingRule: none of 2" in text
    for _ in range(2):
        change(days)
    proven_sweep(days, after=25 * HOUR)
    for _ in range(6):
        proven_sweep(days)
    last = EventPathStore("ledger").read_comparisons().last
    assert last is not None
    assert last.lost_rules == ("RoutingRule",)
    assert days.texts() == []


def test_a_rules_silence_that_could_not_be_told_is_told_by_the_next_sweep(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    served(days)
    proven_sweep(days)
    proven_sweep(days, after=2 * HOUR)
    for _ in range(2):
        change(days)
    with monkeypatch.context() as broken:
        broken.setattr(Topic, "publish", raising(TransientError("sns: no")))
        proven_sweep(days, after=25 * HOUR)
        for _ in range(6):
            proven_sweep(days)
    days.texts()
    proven_sweep(days)
    (text,) = days.texts()
    assert "RoutingRule" in text


def test_where_dry_runs_are_not_heard_either_no_rule_is_named(days: Days) -> None:
    served(days)
    sweep(days)
    sweep(days, after=2 * HOUR)
    for _ in range(2):
        change(days)
    sweep(days, after=25 * HOUR)
    for _ in range(6):
        sweep(days)
    last = EventPathStore("ledger").read_comparisons().last
    assert last is not None
    assert last.lost_rules == ("RoutingRule",)
    (text,) = [one for one in days.texts() if "arrived" in one]
    assert "dry runs" in text
    assert "RoutingRule" not in text


def test_where_there_is_one_sweep_a_day_it_compares_the_whole_day(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "sleep", lambda _: None)
    monkeypatch.setenv("SWEEP_SCHEDULE", "cron(0 6 * * ? *)")
    served(days)
    sweep(days)
    sweep(days, after=26 * HOUR)
    comparisons = EventPathStore("ledger").read_comparisons()
    assert comparisons.current is None
    assert comparisons.last is not None


def test_where_event_history_cannot_be_read_the_next_sweep_goes_on(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    served(days)
    sweep(days)
    refusal = ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "LookupEvents")
    with monkeypatch.context() as throttled:
        throttled.setattr(client("cloudtrail"), "lookup_events", raising(refusal))
        sweep(days, after=26 * HOUR)
    comparisons = EventPathStore("ledger").read_comparisons()
    assert comparisons.current is not None
    assert comparisons.current.position == 0
    sweep(days)
    further = EventPathStore("ledger").read_comparisons().current
    assert further is not None
    assert further.position > 0


# ---- no room


def fill(days: Days) -> None:
    for subnet in days.world.ec2.describe_subnets()["Subnets"]:
        days.account.set_free_addresses(subnet["SubnetId"], 0)


@pytest.mark.parametrize("unheard_before", [0, 2])
def test_whoever_fills_all_subnets_neither_ends_the_alarm_nor_keeps_it_from_ringing(
    days: Days, unheard_before: int
) -> None:
    served(days)
    for _ in range(unheard_before):
        sweep(days)
    days.texts()
    fill(days)
    figures()
    for _ in range(3):
        sweep(days)
    assert days.account.dry_runs[-1].operation == "CreateSecurityGroup"
    assert figures()[-1] >= ALARM_SECONDS
    assert known().notified_at


def test_where_all_subnets_are_full_the_record_of_a_groups_dry_run_proves_the_path(days: Days) -> None:
    served(days)
    fill(days)
    sweep(days)
    event = record(days)
    days.clock.advance(3 * SECOND)
    days.deliver(event)
    assert known().seconds == 3
    assert known().verdict is DryRunVerdict.UNKNOWN, "of the endpoint it says nothing"


# ---- what no comparison tells


def test_refused_calls_that_a_pattern_leaves_out_are_told_by_nothing_and_of_half_of_few_changes_no_notice_comes(
    days: Days,
) -> None:
    vpc_id, subnet_id, ours = served(days)
    proven_sweep(days)
    proven_sweep(days, after=2 * HOUR)
    days.texts()
    request = theirs(days, vpc_id, subnet_id)
    for _ in range(3):
        days.deliver(change(days))
        change(days)  # as the refused call, in Event history and never delivered
        days.clock.advance(MINUTES)
        refused(days, request)
    proven_sweep(days, after=25 * HOUR)
    for _ in range(6):
        proven_sweep(days)
    last = EventPathStore("ledger").read_comparisons().last
    assert last is not None
    assert (last.happened, last.heard, last.lost_rules) == (6, 3, ())
    assert days.texts() == []
    assert days.live(vpc_id) == [ours]


@pytest.mark.parametrize("is_gone_always", [True, False])
def test_whoever_makes_a_named_endpoint_policy_unusable_neither_ends_the_alarm_nor_keeps_it_from_ringing(
    monkeypatch: pytest.MonkeyPatch, is_gone_always: bool
) -> None:
    with emulated_world(monkeypatch, POLICY_PARAMETER=NAME, prove_event_path=True) as world:
        monkeypatch.setattr(DryRuns, "decode", lambda *_: "{}")
        days = strict_for_all(Days(world, monkeypatch))
        say(endpoint_policies={"default": "org"}, prove_event_path=True)
        say(f"{PREFIX}org", **json.loads(NARROW))
        served(days)
        sweep(days)
        assert json.loads(days.account.dry_runs[-1].params["PolicyDocument"]) == json.loads(NARROW)
        days.texts()
        figures()
        for number in range(4):
            if is_gone_always or number % 2:
                boto3.client("ssm").delete_parameters(Names=[f"{PREFIX}org"])
            else:
                say(f"{PREFIX}org", **json.loads(NARROW))
            sweep(days)
        assert "PolicyDocument" not in days.account.dry_runs[-1].params
        assert figures()[-1] >= ALARM_SECONDS
        assert known().notified_at

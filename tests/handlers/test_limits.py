"""Limits, approvals and the kill switch through the whole handler, on an EC2 that refuses what AWS refuses."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import boto3
import pytest

from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.approvals import Approvals
from lifeline.adapters.store.call_rate import CallRate
from lifeline.adapters.store.limit_usage import LimitUsage
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.errors import TerminalError, TransientError
from lifeline.core.guards.limits import Usage
from lifeline.handlers import reconcile_endpoints
from lifeline.handlers.reconcile_endpoints import handler
from tests.handlers.test_reconcile_endpoints import refuse, sqs
from tests.support.at_once import at_once
from tests.support.home import HOME
from tests.support.strict import Clock, StrictAccount
from tests.support.world import Context, World, emulated_world, flat

SWITCH = "/lifeline/stop"
LATER = timedelta(minutes=20)


class Stage:
    """The emulated account behind a strict EC2, and one clock for EC2 and for the function."""

    def __init__(self, world: World, account: StrictAccount, clock: Clock) -> None:
        self.world = world
        self.account = account
        self.clock = clock

    def site(self, *zones: str) -> str:
        vpc_id = self.world.make_vpc()
        for place, zone in enumerate(zones or ("us-east-1a",)):
            self.world.make_subnet(vpc_id, f"10.0.{place}.0/24", zone)
        return vpc_id

    def call(self, event: dict[str, Any], run: str = "run") -> dict[str, Any]:
        answer: dict[str, Any] = handler(event, Context(aws_request_id=run))
        return dict(json.loads(json.dumps(answer)))

    def look(self, vpc_id: str, **more: object) -> dict[str, Any]:
        (answer,) = self.call({"vpc_ids": [vpc_id], **more})["vpcs"]
        return dict(answer)

    def sweep(self) -> dict[str, dict[str, Any]]:
        return {one["vpc_id"]: one for one in self.call({"sweep": True})["vpcs"]}

    def approve(self, plan_id: str, run: str = "run") -> dict[str, Any]:
        return self.call({"approve": plan_id}, run)

    def texts(self, subject: str = "") -> list[str]:
        heard = [json.loads(one["Body"]) for one in self.world.notices()]
        return [flat(one["Message"]) for one in heard if subject in one["Subject"]]

    def switch(self, value: str) -> None:
        boto3.client("ssm").put_parameter(Name=SWITCH, Value=value, Type="String", Overwrite=True)

    def services(self, vpc_id: str) -> list[str]:
        return sorted(one["ServiceName"].rpartition(".")[2] for one in self.world.endpoints(vpc_id))


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Stage]:
    settings = {"monthly_usd": 10, **getattr(request, "param", {})}
    with emulated_world(monkeypatch, **settings) as world:
        clock = Clock()
        clock.advance(datetime.now(UTC) - clock())
        account = StrictAccount(now=clock, shuffle=7, throttling=False)
        account.attach(client("ec2"))
        monkeypatch.setattr(CallRate, "reserve_endpoint_call", lambda *_, **__: timedelta(0))
        monkeypatch.setattr(reconcile_endpoints, "datetime", type("Now", (), {"now": staticmethod(lambda _: clock())}))
        yield Stage(world, account, clock)


STOPPABLE = {"KILL_SWITCH_PARAMETER": SWITCH, "monthly_usd": 500}


def with_settings(**settings: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("stage", [settings], indirect=True)


def statuses(answer: dict[str, Any]) -> list[str]:
    return [one["status"] for one in answer["actions"]]


# ---- limits


def test_the_budget_holds_back_what_goes_past_it_and_the_notice_says_how_to_approve_it(stage: Stage) -> None:
    first, second = stage.site(), stage.site()
    assert stage.look(first)["outcome"] == "changed"

    answer = stage.look(second)

    assert (answer["outcome"], set(statuses(answer)), stage.services(second)) == ("blocked", {"blocked"}, [])
    assert {one["blocked_by"] for one in answer["actions"]} == {"monthly_usd"}
    assert "would exceed monthly_usd (7.30 of 10.00 USD in use)" in str(answer)
    approval = answer["approval"]
    assert approval["monthly_cost_usd"] == 7.3
    (text,) = [one for one in stage.texts() if second in one]
    event = json.dumps({"approve": approval["plan_id"]})
    assert f"sam remote invoke ReconcileEndpoints --stack-name lifeline --event '{event}'" in text
    assert "7.30 USD more per month" in text
    assert stage.world.requeue() == []


def test_a_sweep_counts_endpoints_that_the_ledger_never_saw_and_forgets_those_that_people_deleted(stage: Stage) -> None:
    first, second = stage.site(), stage.site()
    stage.look(first)
    stage.world.dynamodb.delete_item(TableName="ledger", Key={"pk": {"S": "LIMITS"}, "sk": {"S": "USE"}})
    stage.clock.advance(LATER)
    assert stage.sweep()[second]["outcome"] == "blocked"
    (made,) = stage.world.endpoints(first)
    stage.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
    stage.world.ec2.create_tags(Resources=[first], Tags=[{"Key": "lifeline:exempt", "Value": "true"}])
    stage.clock.advance(LATER)
    assert stage.sweep()[second]["outcome"] == "changed"


def test_a_plan_says_what_would_need_approval_and_writes_nothing(stage: Stage) -> None:
    vpc_id = stage.site("us-east-1a", "us-east-1b")
    answer = stage.look(vpc_id, mode="plan")
    assert (answer["outcome"], answer["monthly_cost_usd"]) == ("blocked", 0)
    assert "approval" not in answer
    assert "needs approval: 14.60 USD more per month" in answer["actions"][1]["error"]
    assert LimitUsage("ledger").read() == Usage()


def test_a_plan_needs_no_ledger(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLE_NAME", "nowhere")
    answer = stage.look(stage.site(), mode="plan")
    assert answer["outcome"] == "planned"
    assert "how far the limits are used can't be read" in answer["note"]


def test_without_a_ledger_a_call_makes_nothing_and_says_what_to_do(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = stage.site()
    monkeypatch.setenv("TABLE_NAME", "Ledger")  # as `sam local invoke` has it
    with pytest.raises(TerminalError, match=r"Ledger is no table here: .*LedgerTable.*\"mode\": \"plan\""):
        stage.look(vpc_id)
    assert stage.world.endpoints(vpc_id) == []


@with_settings(endpoints_per_run=2, monthly_usd=500)
def test_what_one_run_may_not_make_a_later_one_does(stage: Stage) -> None:
    vpc_ids = [stage.site() for _ in range(5)]
    made = []
    for _ in range(3):
        stage.sweep()
        made.append(sum(len(stage.services(vpc_id)) for vpc_id in vpc_ids))
        stage.clock.advance(LATER)
    assert made == [2, 4, 5]


@with_settings(endpoints_per_day=6, monthly_usd=500)
def test_runs_at_once_share_the_days_last_places(stage: Stage) -> None:
    vpc_ids = [stage.site() for _ in range(6)]
    at_once(*(partial(stage.call, {"vpc_ids": [one]}, f"run-{one}") for one in vpc_ids))
    stage.clock.advance(LATER)
    assert sum(len(stage.services(vpc_id)) for vpc_id in vpc_ids) == 3
    stage.clock.advance(timedelta(days=1))
    stage.sweep()
    stage.clock.advance(LATER)
    assert sum(len(stage.services(vpc_id)) for vpc_id in vpc_ids) == 6


def test_what_aws_refuses_takes_no_place_and_no_money(stage: Stage) -> None:
    vpc_id = stage.site()
    stage.account.fail_next("CreateVpcEndpoint", "UnauthorizedOperation")
    assert stage.look(vpc_id)["outcome"] == "failed"
    use = LimitUsage("ledger").read()
    assert ({one.token for one in use.grants}, use.interfaces) == ({""}, {})  # but its security group touched the VPC


def test_where_the_use_cannot_be_counted_nothing_is_made(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = stage.site()

    def broken(*_: object) -> None:
        raise TransientError("ledger: not now")

    with monkeypatch.context() as patch:
        patch.setattr(LimitUsage, "change", broken)
        answer = stage.call(sqs({"vpc_ids": [vpc_id]}))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert stage.world.endpoints(vpc_id) == []
    assert stage.look(vpc_id)["outcome"] == "changed"


def test_a_plan_that_cannot_be_offered_stops_nothing_and_is_offered_by_the_next_look(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, passing = stage.site("us-east-1a", "us-east-1b"), stage.site()

    def broken(*_: object, **__: object) -> None:
        raise TransientError("ledger: not now")

    with monkeypatch.context() as patch:
        patch.setattr(Approvals, "offer", broken)
        answers = stage.sweep()
    assert [answers[one]["outcome"] for one in (held, passing)] == ["blocked", "changed"]
    assert "approval" not in answers[held]
    assert "approval" in stage.look(held)


# ---- approvals


def held_plan(stage: Stage, *zones: str) -> tuple[str, str]:
    """A VPC whose plan the budget holds back, and the plan's id."""
    vpc_id = stage.site(*(zones or ("us-east-1a", "us-east-1b")))
    answer = stage.look(vpc_id)
    assert answer["outcome"] == "blocked"
    return vpc_id, answer["approval"]["plan_id"]


def test_one_approval_releases_exactly_that_plan_and_works_once(stage: Stage) -> None:
    vpc_id, plan_id = held_plan(stage)
    other, _ = held_plan(stage)

    answer = stage.approve(plan_id)

    (done,) = answer["vpcs"]
    assert (done["vpc_id"], done["outcome"], statuses(done)) == (vpc_id, "changed", ["done", "done"])
    assert "errors" not in answer
    assert any(f"{plan_id} was approved." in text for text in stage.texts())
    stage.clock.advance(LATER)
    again = stage.approve(plan_id)
    assert [one["field"] for one in again["errors"]] == ["approve"]
    assert "works once" in again["errors"][0]["message"]
    assert (stage.services(vpc_id), stage.services(other)) == (["monitoring"], [])
    assert stage.sweep()[other]["outcome"] == "blocked"


def test_two_approvals_at_once_do_it_once(stage: Stage) -> None:
    vpc_id, plan_id = held_plan(stage)
    answers = at_once(*(partial(stage.approve, plan_id, name) for name in ("a", "b")))
    assert sorted("errors" in one for one in answers) == [False, True]
    creates = [one for one in stage.account.calls if one.operation == "CreateVpcEndpoint" and vpc_id in str(one.params)]
    assert [one.error for one in creates] == [""]


def test_an_approval_ends_after_a_day_and_what_is_still_held_back_is_told_anew(stage: Stage) -> None:
    vpc_id, plan_id = held_plan(stage)
    stage.world.notices()
    stage.clock.advance(timedelta(hours=12))
    stage.sweep()
    assert stage.texts() == []  # told once
    stage.clock.advance(timedelta(hours=12))
    refused = stage.approve(plan_id)
    assert "could be approved until" in refused["errors"][0]["message"]
    assert stage.world.endpoints(vpc_id) == []
    stage.sweep()
    (text,) = stage.texts()
    assert plan_id in text
    assert stage.approve(plan_id)["vpcs"][0]["outcome"] == "changed"


def test_an_approval_is_refused_once_a_route_has_changed(stage: Stage) -> None:
    vpc_id, plan_id = held_plan(stage)
    public = stage.world.ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    gateway_id = stage.world.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    stage.world.ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
    stage.world.ec2.create_route(RouteTableId=public, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)
    subnets = stage.world.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
    stage.world.ec2.associate_route_table(RouteTableId=public, SubnetId=subnets[0]["SubnetId"])

    (answer,) = stage.approve(plan_id)["vpcs"]

    assert answer["error"]["field"] == "approve"
    assert "the network has changed since" in answer["error"]["message"]
    assert stage.world.endpoints(vpc_id) == []  # although one zone alone is within the budget
    assert "had changed" in stage.approve(plan_id)["errors"][0]["message"]
    assert stage.look(vpc_id)["outcome"] == "changed"


def test_an_approval_is_refused_once_nothing_is_missing_any_more(stage: Stage) -> None:
    vpc_id, plan_id = held_plan(stage)
    stage.world.open_to_internet(vpc_id)
    (answer,) = stage.approve(plan_id)["vpcs"]
    assert (answer["error"]["field"], answer["actions"]) == ("approve", [])


def test_an_approval_for_a_vpc_that_is_gone_is_refused(stage: Stage) -> None:
    vpc_id, plan_id = held_plan(stage, "us-east-1a", "us-east-1b")
    for one in stage.world.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]:
        stage.world.ec2.delete_subnet(SubnetId=one["SubnetId"])
    stage.world.ec2.delete_vpc(VpcId=vpc_id)
    (answer,) = stage.approve(plan_id)["vpcs"]
    assert answer["error"]["field"] == "approve"


def test_an_approved_plan_that_aws_throttles_stays_approved_for_its_next_try(stage: Stage) -> None:
    vpc_id, plan_id = held_plan(stage)
    stage.account.fail_next("CreateVpcEndpoint", "RequestLimitExceeded")
    (answer,) = stage.approve(plan_id)["vpcs"]
    assert statuses(answer) == ["done", "planned"]
    (body,) = stage.world.requeue()
    stage.call(sqs(body))
    assert stage.services(vpc_id) == ["monitoring"]


def test_an_approved_plan_whose_next_try_made_it_is_not_made_again_once_somebody_deletes_it(stage: Stage) -> None:
    vpc_id, plan_id = held_plan(stage)
    stage.account.fail_next("CreateVpcEndpoint", "RequestLimitExceeded")
    stage.approve(plan_id)
    (body,) = stage.world.requeue()
    stage.call(sqs(body))
    (made,) = stage.world.endpoints(vpc_id)
    stage.clock.advance(timedelta(hours=1))
    stage.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
    answer = stage.sweep()[vpc_id]
    assert answer["outcome"] == "blocked"
    assert "approval" in answer
    assert stage.services(vpc_id) == []


def test_an_approval_while_another_run_has_the_vpc_is_done_by_the_look_that_follows(stage: Stage) -> None:
    vpc_id, plan_id = held_plan(stage)
    now = stage.clock()
    assert VpcStore("ledger").take_lease(HOME.vpc(vpc_id), "another run", now=now, until=now + timedelta(minutes=5))
    (answer,) = stage.approve(plan_id)["vpcs"]
    assert "error" not in answer
    VpcStore("ledger").return_lease(HOME.vpc(vpc_id), "another run")
    (body,) = stage.world.requeue()
    stage.call(sqs(body))
    assert stage.services(vpc_id) == ["monitoring"]


def test_an_approval_that_meets_a_failing_ledger_is_not_used_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, plan_id = held_plan(stage)

    def broken(*_: object) -> None:
        raise TransientError("ledger: not now")

    with monkeypatch.context() as patch:
        patch.setattr(LimitUsage, "change", broken)
        with pytest.raises(TransientError):
            stage.approve(plan_id)
    assert stage.look(vpc_id)["outcome"] == "changed"


@with_settings(MODE="plan")
def test_a_stack_in_plan_mode_approves_nothing(stage: Stage) -> None:
    (error,) = stage.approve("plan-0123456789abcdef")["errors"]
    assert "Mode is plan" in error["message"]


def test_nobody_approves_through_the_queue(stage: Stage) -> None:
    vpc_id, plan_id = held_plan(stage)
    stage.call(sqs({"approve": plan_id}))
    assert stage.world.endpoints(vpc_id) == []
    (letter,) = stage.world.dead_letters()
    assert letter["MessageAttributes"]["field"]["StringValue"] == "body.approve"


# ---- the kill switch


@with_settings(**STOPPABLE)
def test_switched_on_midway_through_a_burst_it_stops_the_rest_and_the_next_sweep_finishes_once_it_is_off(
    stage: Stage,
) -> None:
    stage.switch("off")
    vpc_ids = [stage.site() for _ in range(5)]
    made = 0

    def stop_after_two(operation: str, _: object) -> None:
        nonlocal made
        made += operation == "CreateVpcEndpoint"
        if made == 2:
            stage.switch("on")

    stage.account.listeners.append(stop_after_two)
    assert stage.call(sqs(*({"vpc_ids": [one]} for one in vpc_ids))) == {"batchItemFailures": []}
    stage.account.listeners.clear()

    stage.clock.advance(LATER)
    assert sum(len(stage.services(vpc_id)) for vpc_id in vpc_ids) == 2
    assert stage.world.requeue() == []
    changes = len(stage.account.calls)
    held = stage.sweep()
    assert len(stage.account.calls) == changes
    assert [one["outcome"] for one in held.values()].count("blocked") == 3
    assert all("the kill switch is on" in one["note"] for one in held.values())
    stage.switch("off")
    stage.clock.advance(LATER)
    stage.sweep()
    stage.clock.advance(LATER)
    assert [stage.services(vpc_id) for vpc_id in vpc_ids] == [["monitoring"]] * 5
    assert "kill switch" not in str(stage.sweep())


@with_settings(**STOPPABLE)
def test_every_sweep_says_that_it_is_on_and_people_hear_it_once_a_day(stage: Stage) -> None:
    stage.switch("on")
    vpc_id = stage.site()
    for _ in range(3):
        assert 'the kill switch is on: the SSM parameter /lifeline/stop is set to "on"' in stage.sweep()[vpc_id]["note"]
        stage.clock.advance(timedelta(hours=7))
    texts = stage.texts()
    assert (
        sum("Lifeline won't change anything while the switch is on." in " ".join(text.split()) for text in texts) == 1
    )
    assert sum("! monitoring: create an interface endpoint" in text for text in texts) == 1  # told once
    stage.clock.advance(timedelta(hours=7))
    stage.sweep()
    (text,) = stage.texts("kill switch")
    assert "Changes in 1 VPC are waiting" in text
    assert f"VPC: {vpc_id}" in text
    assert "--value off" in text


@with_settings(**STOPPABLE)
def test_a_switch_that_was_not_told_is_told_by_the_next_sweep(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.switch("on")
    stage.site()
    with monkeypatch.context() as patch:
        refuse(patch, "Publish", "InternalError")
        stage.sweep()
    stage.sweep()
    assert len(stage.texts("kill switch")) == 1


@with_settings(**STOPPABLE)
@pytest.mark.parametrize("value", ["", "no", "210987654321"])  # only a hub's lists accounts
def test_a_switch_that_is_missing_or_unclear_counts_as_on(stage: Stage, value: str) -> None:
    if value:
        stage.switch(value)
    vpc_id = stage.site()
    answer = stage.look(vpc_id)
    assert (answer["outcome"], stage.world.endpoints(vpc_id)) == ("blocked", [])
    assert {one["error"] for one in answer["actions"]} == {"the kill switch is on"}
    assert re.search("which counts as on", answer["note"])
    assert stage.look(vpc_id, mode="plan")["outcome"] == "planned"


@with_settings(**STOPPABLE | {"monthly_usd": 0})
def test_while_it_is_on_nothing_can_be_approved_and_no_approval_is_used_up(stage: Stage) -> None:
    stage.switch("off")
    vpc_id, plan_id = held_plan(stage)
    stage.switch("on")
    (error,) = stage.approve(plan_id)["errors"]
    assert "the kill switch is on" in error["message"]
    stage.switch("off")
    stage.account.listeners.append(
        lambda operation, _: stage.switch("on") if operation == "CreateSecurityGroup" else None
    )
    stage.approve(plan_id)
    assert stage.world.endpoints(vpc_id) == []
    stage.account.listeners.clear()
    stage.switch("off")
    stage.clock.advance(LATER)
    assert stage.sweep()[vpc_id]["outcome"] == "changed"  # what the approved plan left was still approved
    assert Approvals("ledger").load(plan_id) is not None

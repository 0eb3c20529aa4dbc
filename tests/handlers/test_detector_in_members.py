"""The agents of a hub's member accounts: what fails in one is unknown there alone, and told once it lasts."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from moto.sqs.models import sqs_backends

from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.failed_runs import FailedRunStore
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.errors import TransientError
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import MemberLedger
from lifeline.handlers import coverage_page, detect_metric_gaps
from tests.support.organization_hub import HOUR, TRUST, A, B, Hub, begin, role_in
from tests.support.world import ACCOUNT, REGION, Context, World

MINUTE = timedelta(minutes=1)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for hub in begin(monkeypatch, f"{A},{B}"):
        monkeypatch.setattr(detect_metric_gaps, "_now", hub.days.clock)
        monkeypatch.setattr(coverage_page, "_now", hub.days.clock)
        hub.sweep()
        yield hub


def detect(account: str) -> dict[str, Any]:
    answer: dict[str, Any] = detect_metric_gaps.handler({"detect": True, "account": account}, Context())
    return answer


def minutes(hub: Hub, number: int) -> None:
    for _ in range(number):
        for account in (A, B):
            detect(account)
        hub.days.clock.advance(MINUTE)


def heard(hub: Hub) -> list[dict[str, Any]]:
    forms = [json.loads(json.loads(one["Body"])["Message"]) for one in hub.days.world.forms()]
    return [form for form in forms if form["kind"] == "agents_unknown"]


def told(hub: Hub) -> list[str]:
    return [form["subject"] for form in heard(hub)]


def since(account: str) -> datetime | None:
    return FailedRunStore(MemberLedger("ledger", RegionRef(account, REGION))).read().since


def silent_in(account: str) -> int | None:
    look = VpcStore("ledger").load(RegionRef(account, REGION)).look
    assert look
    return look.silent


def test_an_account_whose_agents_cannot_be_checked_is_told_once_after_a_quarter_of_an_hour(hub: Hub) -> None:
    hub.organization.deny(A, "cloudwatch:*")
    minutes(hub, 14)
    assert not told(hub)
    minutes(hub, 20)
    (subject,) = told(hub)
    assert subject == f"[lifeline {A}] agents of account {A} unknown: its metrics can't be checked"
    assert (since(A) is None, since(B)) == (False, None)


@pytest.mark.parametrize("every", [1, 2, 3, 5])
def test_accounts_whose_checks_nobody_receives_are_told_each_once_and_those_that_are_checked_are_not(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    """As where somebody disables the trigger of the queue by which they come, or has a filter delete one account's.
    The scheduler begins runs at any second of their minute.
    """
    url = str(hub.days.world.sqs.create_queue(QueueName="checks")["QueueUrl"])
    monkeypatch.setenv("DETECT_QUEUE_URL", url)

    def run(for_minutes: int, *received: str) -> None:
        for number in range(for_minutes // every):
            second = timedelta(seconds=number * 37 % 60)
            hub.days.clock.advance(second)
            detect_metric_gaps.handler({"detect": True}, Context())
            for account in received:
                detect(account)
            hub.days.clock.advance(every * MINUTE - second)

    run(90, A, B)
    assert not told(hub)
    run(20, B)
    assert not told(hub)
    run(30, B)
    (form,) = heard(hub)
    assert form["account"] == A
    assert "trigger of DetectMetricGaps on the queue Checks" in form["facts"]["why"]
    run(60, B)
    assert not told(hub), "once"
    assert since(B) is None
    run(60, A, B)
    assert not told(hub)


def test_of_many_accounts_whose_agents_cannot_be_checked_people_hear_of_three_and_then_of_all_others_together(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [A, B, *(f"{number:012}" for number in range(101, 104))]
    monkeypatch.setenv("ACCOUNTS", ",".join(many))
    for account in many:
        if account not in {A, B}:
            hub.organization.join(account)
            hub.organization.add_role(role_in(account), trust=[TRUST])
    hub.sweep()
    for account in many:
        hub.organization.deny(account, "cloudwatch:*")

    def run(for_minutes: int) -> None:
        for _ in range(for_minutes):
            for account in many:
                detect(account)
            hub.days.clock.advance(MINUTE)

    run(20)
    alone = heard(hub)
    assert len(alone) == 3
    run(30)
    (together,) = heard(hub)
    assert not any("others" in form["facts"] for form in alone)
    named = [*(form["account"] for form in alone), together["account"], *together["facts"]["others"]]
    assert sorted(named) == sorted(many)
    run(60)
    assert not told(hub), "each is told once"


def test_instances_that_must_not_be_described_are_asked_for_once_an_hour_by_however_many_processes(hub: Hub) -> None:
    def asked(account: str) -> int:
        return hub.organization.place(account).call_counts["DescribeInstances"]

    hub.organization.deny(A, "ec2:DescribeInstances")
    before = asked(A), asked(B)
    for _ in range(30):
        remember.cache_clear()
        minutes(hub, 1)
    assert asked(A) == before[0] + 1
    assert asked(B) > before[1]
    minutes(hub, 31)
    assert asked(A) == before[0] + 2
    hub.organization.deny(A)
    minutes(hub, 60)
    assert "errors" not in detect(A)


def test_what_throttles_one_account_is_unknown_there_alone(hub: Hub) -> None:
    hub.organization.place(A).fail_next("ListMetrics", "Throttling", times=100)
    minutes(hub, 17)
    (subject,) = told(hub)
    assert A in subject
    assert (since(A) is None, since(B)) == (False, None)


def test_it_is_unknown_on_the_page_and_only_there(hub: Hub) -> None:
    assert (silent_in(A), silent_in(B)) == (0, 0)
    hub.organization.deny(A, "cloudwatch:*")
    hub.days.clock.advance(HOUR)
    detect(A)
    hub.days.clock.advance(-HOUR)  # as a sweep begins with an hour
    hub.sweep()
    assert (silent_in(A), silent_in(B)) == (None, 0)
    assert "open incidents not known" in str(coverage_page.handler({}, Context()))
    hub.organization.deny(A)
    hub.sweep()
    assert (silent_in(A), silent_in(B)) == (0, 0)


def test_a_role_that_is_gone_is_noticed_by_the_run_after_next_at_the_latest(hub: Hub) -> None:
    detect(A)
    hub.organization.remove_role(role_in(A))
    hub.days.clock.advance(HOUR)  # when metrics are listed again
    detect(A)
    (error,) = detect(A)["errors"]
    assert "sts:AssumeRole" in error["message"]
    hub.organization.add_role(role_in(A), trust=[TRUST])
    assert "errors" not in detect(A)


def test_a_notice_that_does_not_go_out_is_sent_by_the_next_run(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise TransientError("SNS: no", code="InternalError")

    hub.organization.deny(A, "cloudwatch:*")
    with monkeypatch.context() as patch:
        patch.setattr(Topic, "publish", broken)
        minutes(hub, 18)
    assert not told(hub)
    minutes(hub, 2)
    assert len(told(hub)) == 1


def test_whoever_starts_runs_again_and_again_has_the_accounts_checked_once_a_minute(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = str(hub.days.world.sqs.create_queue(QueueName="checks")["QueueUrl"])
    monkeypatch.setenv("DETECT_QUEUE_URL", url)
    for _ in range(10):
        detect_metric_gaps.handler({"detect": True}, Context())
        hub.days.clock.advance(timedelta(seconds=5))
    detect_metric_gaps.handler({"detect": True}, Context())
    waiting = sqs_backends[ACCOUNT][REGION].queues["checks"]._messages
    assert sorted(json.loads(message.body)["account"] for message in waiting) == sorted([A, B] * 2)


def publish(world: World, at: datetime) -> None:
    dimensions = [{"Name": "InstanceId", "Value": "i-0123456789abcdef0"}]
    data = {"MetricName": "mem_used_percent", "Dimensions": dimensions, "Value": 1.0, "Timestamp": at}
    world.client("cloudwatch").put_metric_data(Namespace="CWAgent", MetricData=[data])


def have_reported(hub: Hub, *worlds: World) -> None:
    for _ in range(6):
        for world in worlds:
            publish(world, hub.days.clock())
        minutes(hub, 1)
        detect(ACCOUNT)


def test_agents_that_cannot_be_read_are_told_like_an_account_that_cannot_be_checked(hub: Hub) -> None:
    """Their run succeeds, and no alarm counts them: it would say nothing of which account."""
    have_reported(hub, hub.a, hub.b)
    hub.organization.deny(A, "cloudwatch:GetMetricData")
    minutes(hub, 14)
    assert not told(hub)
    minutes(hub, 10)
    assert told(hub) == [f"[lifeline {A}] agents of account {A} unknown: its metrics can't be checked"]
    assert (since(A) is None, since(B)) == (False, None)


def test_one_accounts_silent_agent_rings_the_alarm_of_all_and_hides_no_incident_of_another(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    """`SilentAgentsAlarm` takes the highest `Silent` of all accounts."""
    have_reported(hub, hub.a, hub.b)
    for _ in range(12):
        publish(hub.b, hub.days.clock())
        minutes(hub, 1)
    assert [form["account"] for form in incidents(hub)] == [A]
    capsys.readouterr()
    minutes(hub, 12)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert min(max(line["Silent"] for line in pair) for pair in zip(lines[::2], lines[1::2], strict=True)) == 1
    assert [form["account"] for form in incidents(hub)] == [B]


def incidents(hub: Hub) -> list[dict[str, Any]]:
    forms = [json.loads(json.loads(one["Body"])["Message"]) for one in hub.days.world.forms()]
    return [form for form in forms if form["kind"] == "incident_opened"]


def test_no_other_accounts_figures_hide_that_the_hubs_own_agents_are_unknown_or_not_checked(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    """`UnknownAgentsAlarm` takes the least `Unknown` of five minutes, `DetectorStoppedAlarm` asks if there is any."""
    have_reported(hub, hub.a)
    capsys.readouterr()
    detect(A)
    detect(B)
    detect(ACCOUNT)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [sorted({"Silent", "Unknown"} & line.keys()) for line in lines] == [
        ["Silent"],
        ["Silent"],
        ["Silent", "Unknown"],
    ]

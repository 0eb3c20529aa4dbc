"""A hub proves the event path of each of its accounts with that account's own role."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape

import boto3
import pytest

from lifeline.adapters.aws.dry_run import DryRuns
from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.adapters.store.member_runs import MemberRuns
from lifeline.adapters.store.members import MemberStore
from lifeline.core.errors import TransientError
from lifeline.core.event_path.causes import COLLECTED_FOR
from lifeline.core.event_path.comparison import Comparisons, mark
from lifeline.core.event_path.dry_run import DryRunVerdict
from lifeline.core.event_path.proof import ENDED_FOR, LEFT_OUT, EventPath
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import MemberLedger
from lifeline.core.organization.members import MemberAccounts
from lifeline.core.wording import write_time
from lifeline.handlers import coverage_page, detect_metric_gaps
from tests.handlers.test_event_path import raising
from tests.handlers.test_organization_page import row_of
from tests.support.cloudtrail import Failure, Identity, record_call
from tests.support.days import MINUTES
from tests.support.metrics import new_datapoints
from tests.support.organization import alike
from tests.support.organization_hub import HOUR, ROLE, TRUST, A, B, Hub, begin, network, role_in
from tests.support.strict import StrictAccount
from tests.support.tuning import tune
from tests.support.world import ACCOUNT, REGION, Context, flat

TURN = timedelta(minutes=6)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for hub in begin(monkeypatch, f"{A},{B}", prove_event_path=True, REQUIRED_SERVICES="s3"):
        monkeypatch.setattr(coverage_page, "_now", hub.days.clock)
        monkeypatch.setattr(detect_metric_gaps, "_now", hub.days.clock)
        monkeypatch.setenv("DETECT_QUEUE_URL", hub.days.world.sqs.create_queue(QueueName="checks")["QueueUrl"])
        alike(network, hub.a, hub.b)
        yield hub


def known(account: str) -> EventPath:
    return EventPathStore(MemberLedger("ledger", RegionRef(account, REGION))).read()


def place(hub: Hub, account: str) -> StrictAccount:
    return hub.organization.place(account, REGION)


def record(hub: Hub, account: str, request_id: str) -> dict[str, object]:
    """CloudTrail's record of the last dry run in the account."""
    call = place(hub, account).dry_runs[-1]
    return record_call(
        "CreateVpcEndpoint",
        call.params,
        failure=Failure("DryRunOperation", "Request would have succeeded, but DryRun flag is set."),
        identity=Identity(ROLE, session="lifeline"),
        at=call.at,
        account=account,
        request_id=request_id,
    )


def test_each_account_has_its_own_dry_run_and_its_own_proof(hub: Hub) -> None:
    hub.sweep()
    assert [len(place(hub, account).dry_runs) for account in (A, B)] == [1, 1]
    assert known(A).verdict is known(B).verdict is DryRunVerdict.ALLOWED
    assert known(A).probes[0].request_id != known(B).probes[0].request_id
    hub.days.clock.advance(MINUTES)
    hub.days.deliver(record(hub, A, known(A).probes[0].request_id))
    assert known(A).proven_at is not None
    assert known(B).proven_at is None


def test_an_account_cannot_prove_the_path_of_another(hub: Hub) -> None:
    hub.sweep()
    hub.days.clock.advance(MINUTES)
    hub.days.deliver(record(hub, A, known(B).probes[0].request_id))
    assert known(A).proven_at is None
    assert known(B).proven_at is None


def remove_role(hub: Hub) -> None:
    hub.organization.add_role(role_in(A), trust=[])


def deny_reading(hub: Hub) -> None:
    hub.organization.deny(A, "ec2:DescribeVpcs")


@pytest.mark.parametrize("hinder", [remove_role, deny_reading])
def test_events_of_an_account_that_cannot_be_read_are_heard_all_the_same(
    hub: Hub, hinder: Callable[[Hub], None]
) -> None:
    hub.sweep()
    probe = record(hub, A, known(A).probes[0].request_id)
    hinder(hub)
    hub.sweep()
    change = hub.cut_off(A, hub.a, hub.a.ec2.describe_vpcs()["Vpcs"][-1]["VpcId"])
    hub.days.deliver(change, probe)
    heard = EventPathStore(MemberLedger("ledger", RegionRef(A, REGION))).heard(hub.days.clock() - HOUR)
    assert mark(change["detail"]["eventID"]) in heard
    assert known(A).proven_at is not None


def told(hub: Hub, *, after: timedelta = COLLECTED_FOR) -> list[str]:
    """What people hear of the event path once the detector's next run is over."""
    hub.days.clock.advance(after)
    detect_metric_gaps.handler({"detect": True, "account": ACCOUNT}, Context())
    return [text for text in hub.days.texts() if "dry run" in text or "events arrive" in text]


def sweeps(hub: Hub, count: int, *heard: str) -> None:
    """So many sweeps, whose dry runs are heard in these accounts."""
    for _ in range(count):
        hub.sweep()
        hub.days.clock.advance(MINUTES)
        for account in heard:
            hub.days.deliver(record(hub, account, known(account).probes[0].request_id))


def test_what_two_accounts_have_in_common_is_told_once_and_its_end_too(hub: Hub) -> None:
    sweeps(hub, 3)
    (text,) = told(hub)
    assert "no event of them arrived" in text
    assert f"- {A}: none since" in text
    assert f"- {B}: none since" in text
    sweeps(hub, 2)
    assert told(hub) == []
    sweeps(hub, 2, A)
    assert told(hub) == []
    sweeps(hub, 2, A, B)
    assert told(hub) == []
    (text,) = told(hub, after=ENDED_FOR)
    assert "In 2 accounts that you were told of, events arrive again" in text
    assert told(hub) == []


def test_what_accounts_have_in_common_is_told_though_no_further_dry_run_can_be_made(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps(hub, 2)
    monkeypatch.setattr(DryRuns, "of_creating", raising(TransientError("ec2: throttled")))
    sweeps(hub, 1)
    assert "no event of them arrived" in told(hub)[0]


def test_a_single_accounts_notice_is_its_own_and_says_what_to_check_in_its_spoke(hub: Hub) -> None:
    sweeps(hub, 3, B)
    assert told(hub, after=timedelta(0)) == []
    (text,) = told(hub)
    assert "Lifeline made dry runs at" in text
    assert "spoke.yaml" in text
    assert f"Account: {A}" in text
    sweeps(hub, 2, A)
    assert "In 1 account that you were told of, events arrive again" in told(hub, after=ENDED_FOR)[0]


def test_where_no_dry_run_is_made_any_more_nobody_is_told_that_events_arrive_again(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps(hub, 3)
    told(hub)
    tune(monkeypatch, prove_event_path={"except": [A]})
    sweeps(hub, 2, B)
    text = flat(told(hub, after=ENDED_FOR)[0])
    assert f"In 1 account that you were told of, events arrive again: - {B} " in text
    assert f"it is no longer known whether events arrive: - {A}: the policy leaves this account out" in text


def test_another_account_is_told_of_though_the_first_ones_silence_lasts(hub: Hub) -> None:
    sweeps(hub, 3, B)
    told(hub)
    sweeps(hub, 3)
    (text,) = told(hub)
    assert "in 1 more account (2 in all)" in text
    assert f"- {B}: none since" in text


def test_a_policy_that_denies_in_every_account_is_told_once_and_what_cannot_be_sent_is_told_later(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DryRuns, "decode", lambda *_: "{}")  # moto's STS doesn't
    for account in (A, B):
        hub.organization.deny(account, "ec2:CreateVpcEndpoint")
    sweeps(hub, 1)
    assert known(A).verdict is DryRunVerdict.DENIED
    with monkeypatch.context() as broken:
        broken.setattr(Topic, "publish", raising(TransientError("sns: no")))
        assert told(hub) == []
    (text,) = told(hub, after=MINUTES)
    assert "in each of 2 accounts, and a service control policy of your organization denied it" in text
    assert told(hub) == []


def test_whoever_subscribed_to_an_account_hears_what_it_has_in_common_with_others(hub: Hub) -> None:
    sweeps(hub, 3)
    hub.days.world.forms()
    hub.days.clock.advance(COLLECTED_FOR)
    detect_metric_gaps.handler({"detect": True, "account": ACCOUNT}, Context())
    (form,) = hub.days.world.forms()
    attribute = json.loads(form["Body"])["MessageAttributes"]["account"]
    assert attribute["Type"] == "String.Array"
    assert json.loads(attribute["Value"]) == [ACCOUNT, A, B]


def test_the_metric_has_the_worst_account_and_the_page_says_which_it_is(hub: Hub) -> None:
    for _ in range(3):
        hub.sweep()
        hub.days.clock.advance(MINUTES)
        hub.days.deliver(record(hub, B, known(B).probes[0].request_id))
    assert max(new_datapoints("EventPathSeconds")) > 7200
    remember.cache_clear()
    arn = "arn:aws:lambda:us-east-1:123456789012:function:lifeline-CoveragePage"
    page = unescape(str(coverage_page.handler({}, Context(invoked_function_arn=arn))))
    assert "events don't arrive: no dry run heard since" in row_of(page, A)
    assert "events don't arrive" not in row_of(page, B)


def overdue(hub: Hub, capsys: pytest.CaptureFixture[str]) -> list[float]:
    """What runs of the detector that the schedule begins measure for the alarm, one in each account's turn until now,
    and nothing is received from the queue `Checks`: as where somebody disables that trigger.
    """
    remember.cache_clear()
    capsys.readouterr()
    hub.days.clock.advance(-5 * TURN)
    for _ in range(5):
        hub.days.clock.advance(TURN)
        detect_metric_gaps.handler({"detect": True}, Context())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"EventPathSeconds"' in line]
    return [line["EventPathSeconds"] for line in lines]


def test_the_alarm_rings_where_the_sweeps_of_accounts_alone_have_stopped(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where somebody disables the trigger of the queue by which they come."""
    tune(monkeypatch, prove_event_path=False)
    hub.sweep()
    for _ in range(3):
        assert overdue(hub, capsys) == []
        hub.days.clock.advance(HOUR)
        hub.days.call({"sweep": True})
    of_a, of_b = overdue(hub, capsys)
    assert min(of_a, of_b) >= 2.5 * 3600
    hub.sweep()
    assert overdue(hub, capsys) == []


def test_while_an_account_keeps_the_alarm_ringing_people_hear_of_another_that_is_not_swept(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where one administers A and withholds its events, and another has the queue's trigger leave out B."""

    def heard() -> list[str]:
        return [text for text in hub.days.texts() if "sweeps in a row" in text or "sweeps run again" in text]

    tune(monkeypatch, prove_event_path=False)
    hub.sweep()
    since = write_time(hub.days.clock())
    hub.days.texts()
    for _ in range(40):
        hub.days.clock.advance(TURN)
        hub.days.call({"sweep": True, "account": A})
        detect_metric_gaps.handler({"detect": True}, Context())
    (text,) = heard()
    assert flat(f"Two sweeps in a row didn't end in 1 account: - {B}: none since {since}") in flat(text)
    for _ in range(100):
        hub.sweep()
        hub.days.clock.advance(TURN)
        detect_metric_gaps.handler({"detect": True}, Context())
    (text,) = heard()
    assert flat("In 1 account that you were told of, sweeps run again: - " + B) in flat(text)


def put_off(hub: Hub) -> None:
    """The accounts' checks count as just begun, by a run that somebody invoked, or in the words of the role itself."""
    assert MemberRuns("ledger").reserve(hub.days.clock())


def spoil(_: Hub) -> None:
    """When checks of an account began can't be read: whoever acts as the detector's role wrote that."""
    item = {"pk": {"S": "DETECTOR_RUNS"}, "sk": {"S": f"CHECKED#{A}"}, "began_at": {"S": "x"}}
    boto3.client("dynamodb").put_item(TableName="ledger", Item=item)


def leave_be(_: Hub) -> None:
    pass


@pytest.mark.parametrize("hinder", [leave_be, put_off, spoil])
@pytest.mark.parametrize("every", [1, 5])
def test_it_rings_for_each_account_within_half_an_hour_whatever_the_schedule_and_whoever_begins_the_checks(
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    every: int,
    hinder: Callable[[Hub], None],
) -> None:
    tune(monkeypatch, prove_event_path=False)
    hub.sweep()
    for _ in range(3):
        hub.days.clock.advance(HOUR)
        hub.days.call({"sweep": True})
    caplog.clear()
    capsys.readouterr()
    for _ in range(30 // every):
        hinder(hub)
        hub.days.clock.advance(timedelta(seconds=10))
        detect_metric_gaps.handler({"detect": True}, Context())
        hub.days.clock.advance(timedelta(minutes=every, seconds=-10))
    late = {str(vars(one).get("account")) for one in caplog.records if one.message == "no sweep ended lately"}
    assert late == {A, B}
    assert capsys.readouterr().out.count('"EventPathSeconds":') >= len(late)


def test_it_rings_for_an_account_that_is_never_swept(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where somebody disables that trigger before the first sweep, or has it let other accounts through alone."""
    tune(monkeypatch, prove_event_path=False)
    for _ in range(3):
        hub.days.call({"sweep": True})
        assert overdue(hub, capsys) == []
        hub.days.clock.advance(HOUR)
    hub.days.call({"sweep": True})
    assert len(overdue(hub, capsys)) == 2
    hub.days.deliver(hub.cut_off(A, hub.a, hub.a.ec2.describe_vpcs()["Vpcs"][-1]["VpcId"]))
    hub.days.clock.advance(3 * HOUR)
    hub.days.call({"sweep": True})
    assert len(overdue(hub, capsys)) == 2, "an event is no sweep"


@pytest.mark.parametrize("hinder", [remove_role, deny_reading])
def test_an_account_that_can_not_be_swept_does_not_ring_it_nor_does_its_return(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], hinder: Callable[[Hub], None]
) -> None:
    tune(monkeypatch, prove_event_path=False)
    hub.sweep()
    hinder(hub)
    for _ in range(4):
        hub.sweep()
        assert overdue(hub, capsys) == []
    hub.organization.deny(A)
    hub.organization.add_role(role_in(A), trust=[TRUST])
    hub.days.clock.advance(HOUR)
    hub.days.deliver(hub.cut_off(A, hub.a, hub.a.ec2.describe_vpcs()["Vpcs"][-1]["VpcId"]))
    assert overdue(hub, capsys) == []
    hub.sweep()
    assert overdue(hub, capsys) == []


@pytest.mark.parametrize("hinder", [remove_role, deny_reading])
def test_where_the_sweeps_of_an_account_stop_that_can_not_be_swept_it_rings(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], hinder: Callable[[Hub], None]
) -> None:
    """Nobody would learn that it can be swept again."""
    tune(monkeypatch, prove_event_path=False)
    hub.sweep()
    hinder(hub)
    hub.sweep()
    for _ in range(3):
        hub.days.clock.advance(HOUR)
        hub.days.call({"sweep": True})
    assert len(overdue(hub, capsys)) == 2


def test_dry_runs_that_were_not_heard_ring_it_no_more_once_the_account_is_lost(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    """No further ones are made there, and people hear that it is lost."""
    sweeps(hub, 3, B)
    assert len(overdue(hub, capsys)) == 1
    remove_role(hub)
    sweeps(hub, 1, B)
    assert overdue(hub, capsys) == []


def test_an_account_that_the_policy_leaves_out_neither_rings_the_alarm_nor_is_told_of(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps(hub, 2, B)
    tune(monkeypatch, prove_event_path={"except": [A]})
    new_datapoints("EventPathSeconds")
    hub.days.texts()
    sweeps(hub, 3, B)
    assert told(hub) == []
    assert len(place(hub, A).dry_runs) == 2
    assert (known(A).probes, known(A).why) == ((), LEFT_OUT)
    assert max(new_datapoints("EventPathSeconds")) < 900
    assert EventPathStore(MemberLedger("ledger", RegionRef(A, REGION))).read_comparisons() == Comparisons()
    remember.cache_clear()
    doctor = hub.days.call({"doctor": True, "account": A})["doctor"]
    found = {one["check"]: one for section in doctor["sections"] for one in section["findings"]}
    assert found["event path"]["verdict"] == "unknown"
    assert "prove_event_path.except" in found["event path"]["why"]
    assert "changes heard" not in found


def compared(account: str) -> Comparisons:
    return EventPathStore(MemberLedger("ledger", RegionRef(account, REGION))).read_comparisons()


def take_off_list(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCOUNTS", B)
    hub.sweep()
    monkeypatch.setenv("ACCOUNTS", f"{A},{B}")


def close(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(before: MemberAccounts) -> tuple[MemberAccounts, None]:
        closed = replace(before.by_account[A], state="SUSPENDED")
        return replace(before, by_account={**before.by_account, A: closed}), None

    MemberStore("ledger").change(step)


@pytest.mark.parametrize("leave", [take_off_list, close])
def test_what_an_account_did_while_it_was_not_served_is_never_compared(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, leave: Callable[[Hub, pytest.MonkeyPatch], None]
) -> None:
    sweeps(hub, 2, A, B)
    began = compared(B).noted_since
    leave(hub, monkeypatch)
    hub.days.clock.advance(timedelta(hours=30))
    back = hub.days.clock() + HOUR
    sweeps(hub, 1, A, B)
    assert compared(A) == Comparisons(noted_since=back)
    assert compared(B).noted_since == began
    assert compared(B).current is not None or compared(B).last is not None


def policy_finding(hub: Hub, **arguments: str) -> dict[str, str]:
    remember.cache_clear()
    doctor = hub.days.call({"doctor": True, **arguments})["doctor"]
    (found,) = [one for section in doctor["sections"] for one in section["findings"] if one["check"] == "policy"]
    return dict(found)


def test_the_doctor_says_which_accounts_the_policy_leaves_out_that_nobody_serves(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = f"{A[:-1]}9"
    tune(monkeypatch, prove_event_path={"except": [A, ACCOUNT, wrong]})
    for found in (policy_finding(hub), policy_finding(hub, account=B)):
        assert found["verdict"] == "bad"
        assert f"{wrong} is not an account that this stack serves; did you mean {A}?" in found["says"]
        assert "prove_event_path.except" in found["remedy"]
    tune(monkeypatch, prove_event_path={"except": [A, ACCOUNT]})
    assert policy_finding(hub)["verdict"] == "ok"

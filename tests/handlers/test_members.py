"""A hub serves its member accounts: each with its own role, state and messages, and none can speak for another."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.repair_requests import RepairRequests
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.limit_usage import LimitUsage
from lifeline.adapters.store.members import MemberStore
from lifeline.adapters.store.ownership import Ownership
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.errors import TransientError
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import MemberLedger
from lifeline.core.organization.members import AccountStanding
from lifeline.core.requests.scheduled import ALIAS
from lifeline.handlers import reconcile_endpoints
from tests.support.cloudtrail import record_call
from tests.support.days import Days
from tests.support.organization import alike
from tests.support.organization_hub import HOUR, STRANGER, TRUST, A, B, Hub, begin, network, role_in
from tests.support.world import ACCOUNT, REGION, Context, emulated_world, flat


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    yield from begin(monkeypatch, f"{A},{B}")


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    yield from begin(monkeypatch, "organization")


def forms_of(hub: Hub) -> list[dict[str, Any]]:
    return [json.loads(json.loads(one["Body"])["Message"]) for one in hub.days.world.forms()]


# ---- events


def test_a_change_in_a_member_account_is_repaired_there_and_nowhere_else(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    assert vpc_a == vpc_b, "the very same IDs"
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
    (endpoint,) = hub.a.endpoints(vpc_a)
    assert endpoint["ServiceName"].endswith("monitoring")
    assert not hub.b.endpoints(vpc_b)
    assert not hub.days.world.ec2.describe_vpc_endpoints()["VpcEndpoints"]
    (mail,) = hub.days.world.forms()
    form = json.loads(json.loads(mail["Body"])["Message"])
    assert form["account"] == A
    assert form["subject"].startswith(f"[lifeline {A}] ")
    assert f'"account": "{A}"' in flat(form["text"])


def test_what_is_followed_up_and_put_back_says_which_account_it_is_in(hub: Hub) -> None:
    vpc_id = network(hub.a)
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_id))
    (follow,) = hub.days.world.requeue(follow=True)
    assert follow["account"] == A
    hub.days.clock.advance(HOUR)
    hub.days.deliver(follow)
    (made,) = VpcStore("ledger").load(RegionRef(A, REGION).vpc(vpc_id)).made.values()
    assert made.ready_at, "the endpoint was seen available in its own account"


def test_events_of_several_accounts_in_one_batch_are_served_each_in_its_own(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    home = network(hub.days.world)
    events = [hub.cut_off(A, hub.a, vpc_a), hub.cut_off(B, hub.b, vpc_b), hub.cut_off(ACCOUNT, hub.days.world, home)]
    hub.days.deliver(*events)
    for world, vpc_id in ((hub.a, vpc_a), (hub.b, vpc_b), (hub.days.world, home)):
        assert len(world.endpoints(vpc_id)) == 1
    usage = {
        account: LimitUsage(MemberLedger("ledger", RegionRef(account, REGION))).read().interfaces for account in (A, B)
    }
    assert usage[A].keys() == usage[B].keys() == {vpc_a}
    assert LimitUsage("ledger").read().interfaces.keys() == {home}


# ---- forgeries


def test_an_account_that_is_not_served_is_refused_in_words(hub: Hub) -> None:
    event = hub.cut_off(A, hub.a, network(hub.a))
    event["account"] = event["detail"]["recipientAccountId"] = STRANGER
    hub.days.deliver(event)
    (dead,) = hub.days.world.dead_letters()
    assert dead["MessageAttributes"]["field"]["StringValue"] == "body.account"
    assert STRANGER in dead["MessageAttributes"]["reason"]["StringValue"]


def test_a_record_of_another_account_in_an_envelope_of_ones_own_is_refused(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    event = hub.cut_off(B, hub.b, vpc_b)
    event["account"] = A
    hub.days.deliver(event)
    (dead,) = hub.days.world.dead_letters()
    assert dead["MessageAttributes"]["field"]["StringValue"] == "body.detail.recipientAccountId"
    assert not hub.a.endpoints(vpc_a)
    assert not hub.b.endpoints(vpc_b)


@pytest.mark.parametrize(
    "call", [{"vpc_ids": ["vpc-0123456789abcdef0"], "release": True}, {"approve": "backlog"}, {"freeze": True}]
)
def test_a_message_can_ask_for_no_more_in_a_member_account_than_in_the_own(hub: Hub, call: dict[str, Any]) -> None:
    hub.days.deliver({**call, "account": A})
    (dead,) = hub.days.world.dead_letters()
    assert "invocation" in dead["MessageAttributes"]["reason"]["StringValue"] or call.keys() & {"approve", "freeze"}
    assert not hub.days.world.requeue()


@pytest.mark.parametrize("account", [[A], 222222222222, "2222", f"{A}#", "", None])
def test_an_account_that_is_none_is_refused(hub: Hub, account: object) -> None:
    hub.days.deliver({"vpc_ids": [network(hub.a)], "account": account})
    (dead,) = hub.days.world.dead_letters()
    assert dead["MessageAttributes"]["field"]["StringValue"] == "body.account"


def test_an_account_that_only_a_message_names_leaves_no_record(whole: Hub) -> None:
    whole.sweep()
    listed = whole.members()
    for body in ({"vpc_ids": ["vpc-0123456789abcdef0"]}, {"sweep": True}):
        whole.days.deliver({**body, "account": "555555555555"})
    change = record_call("DeleteRoute", {"RouteTableId": "rtb-0123456789abcdef0"}, at=whole.days.clock())
    for account in ("account", "recipientAccountId"):
        (change if account in change else change["detail"])[account] = "555555555555"
    whole.days.deliver(change)
    assert whole.members() == listed
    assert "555555555555" not in str(whole.days.world.dynamodb.scan(TableName="ledger")["Items"])


# ---- accounts that can't be entered


def test_an_account_whose_role_is_gone_is_lost_and_told_once_and_the_others_go_on(hub: Hub) -> None:
    assert hub.sweep() == [A, B]
    assert hub.members() == {A: AccountStanding.SERVED, B: AccountStanding.SERVED}
    hub.organization.add_role(role_in(A), trust=[])
    vpc_b = network(hub.b)
    for _ in range(3):
        hub.sweep()
    assert hub.members() == {A: AccountStanding.LOST, B: AccountStanding.SERVED}
    subjects = [json.loads(json.loads(one["Body"])["Message"])["subject"] for one in hub.days.world.forms()]
    assert [subject for subject in subjects if "lost" in subject] == [
        f"[lifeline] account {A} (shop) lost: its role can't be assumed"
    ]
    hub.days.deliver(hub.cut_off(B, hub.b, vpc_b))
    assert len(hub.b.endpoints(vpc_b)) == 1
    assert not hub.days.world.dead_letters()


def test_a_loss_whose_notice_failed_is_told_once_by_the_next_sweep(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.sweep()
    hub.organization.add_role(role_in(A), trust=[])

    def fail(*_: object) -> None:
        raise TransientError("sns: Throttling", code="Throttling")

    with monkeypatch.context() as patch:
        patch.setattr(Topic, "publish", fail)
        hub.sweep()
    assert hub.members()[A] is AccountStanding.LOST
    for _ in range(3):
        hub.sweep()
    assert sum("lost: its role" in one["Body"] for one in hub.days.world.forms()) == 1


def test_what_takes_many_accounts_away_at_once_is_three_notices_and_one_of_all_others(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [f"{number:012}" for number in range(101, 141)]
    monkeypatch.setenv("ACCOUNTS", ",".join([A, B, *many]))
    for account in many:
        hub.organization.join(account)
        hub.organization.add_role(role_in(account), trust=[TRUST])
    hub.sweep()
    assert set(hub.members().values()) == {AccountStanding.SERVED}
    for account in [A, B, *many]:
        hub.organization.add_role(role_in(account), trust=[])
    hub.sweep()
    assert set(hub.members().values()) == {AccountStanding.LOST}
    for _ in range(3):
        hub.sweep()
    lost = [form for form in forms_of(hub) if form["kind"] == "account_lost"]
    assert [form["subject"] for form in lost[3:]] == ["[lifeline] 39 accounts lost: their roles can't be assumed"]
    assert {account for form in lost[:3] for account in [form["facts"]["account"]]} | {
        *lost[3]["facts"]["accounts"]
    } == {A, B, *many}
    for account in [A, B, *many]:
        hub.organization.add_role(role_in(account), trust=[TRUST])
    hub.sweep()
    assert sum(form["kind"] == "account_read" for form in forms_of(hub)) == 3


def test_what_is_denied_in_many_accounts_people_hear_of_three_of_them_and_then_of_all_others_together(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [A, B, *(f"{number:012}" for number in range(101, 104))]
    monkeypatch.setenv("ACCOUNTS", ",".join(accounts))
    worlds = {A: hub.a, B: hub.b} | {account: hub.organization.join(account) for account in accounts[2:]}
    for account, world in worlds.items():
        hub.organization.add_role(role_in(account), trust=[TRUST])
        hub.organization.deny(account, "route53profiles:*")
        hub.cut_off(account, world, network(world))
    for _ in range(2):
        hub.sweep()
    *alone, together = [form for form in forms_of(hub) if form["kind"] == "read_denied"]
    first, rest = sorted(accounts)[:3], sorted(accounts)[3:]
    assert sorted(form["account"] for form in alone) == first
    assert {*alone[0]["facts"]["denied"]} == {"route53profiles:ListProfileAssociations"}
    assert "three in a day one by one, and of others together" in flat(alone[0]["text"])
    others = together["facts"]["others"]["route53profiles:ListProfileAssociations"]
    assert sorted([together["account"], *others]) == rest
    assert f"route53profiles:ListProfileAssociations in {', '.join(others)}" in flat(together["text"])
    for _ in range(3):
        hub.sweep()
    assert "read_denied" not in {form["kind"] for form in forms_of(hub)}, "each is told once"


def test_a_lost_account_that_is_back_is_swept_again_and_its_loss_is_news_again(hub: Hub) -> None:
    hub.sweep()
    vpc_a = network(hub.a)
    hub.organization.add_role(role_in(A), trust=[])
    hub.sweep()
    hub.cut_off(A, hub.a, vpc_a)
    hub.organization.add_role(role_in(A), trust=[TRUST])
    hub.sweep()
    assert hub.members()[A] is AccountStanding.SERVED
    assert len(hub.a.endpoints(vpc_a)) == 1
    hub.organization.add_role(role_in(A), trust=[])
    hub.sweep()
    mails = [one for one in hub.days.world.forms() if "lost" in one["Body"]]
    assert len(mails) == 2


def test_an_account_that_was_never_set_up_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    for hub in begin(monkeypatch, f"{A},{STRANGER}"):
        hub.sweep()
        assert hub.members() == {A: AccountStanding.SERVED, STRANGER: AccountStanding.NOT_SET_UP}
        assert not hub.days.world.forms()
        assert not hub.days.world.dead_letters()


def test_events_of_a_lost_account_cost_one_refused_call_in_ten_minutes(hub: Hub) -> None:
    hub.sweep()
    vpc_a = network(hub.a)
    event = hub.cut_off(A, hub.a, vpc_a)
    hub.organization.add_role(role_in(A), trust=[])
    hub.sweep()
    asked: list[str] = []
    call = hub.organization.call

    def count(client: Any, operation: str, params: Any, pass_on: Any) -> Any:
        asked.extend([operation] * (operation == "AssumeRole"))
        return call(client, operation, params, pass_on)

    hub.organization.call = count  # type: ignore[method-assign]
    for _ in range(5):
        hub.days.deliver(event)
    assert not asked
    hub.days.clock.advance(timedelta(minutes=11))
    hub.days.deliver(event)
    assert asked == ["AssumeRole"]


# ---- a sweep


def test_no_accounts_sweep_waits_behind_the_changes_that_other_accounts_send(hub: Hub) -> None:
    """Whoever administers an account can send the hub's queue of changes more than it works off."""
    hub.days.call({"sweep": True})
    assert not [body for body in hub.days.world.requeue() if body.get("sweep")]
    assert [body["account"] for body in hub.days.world.asked() if body["sweep"]] == [A, B]


def test_sweeps_that_could_not_be_sent_are_sent_when_lambda_tries_again(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise TransientError("sqs: Throttling", code="Throttling")

    with monkeypatch.context() as patch:
        patch.setattr(RepairRequests, "sweep_accounts", fail)
        with pytest.raises(TransientError):
            hub.days.call({"sweep": True})
    hub.days.call_again({"sweep": True})
    assert hub.swept() == [A, B]


def test_whoever_has_schedules_start_sweeps_has_the_accounts_swept_once_a_minute_and_a_person_whenever_they_ask(
    hub: Hub,
) -> None:
    """The schedules' role can be passed to as many schedules as somebody likes: what silent agents need, and other
    sweeps, would wait behind theirs.
    """

    def sweep_by_schedule() -> None:
        arn = f"{Context().invoked_function_arn}:{ALIAS}"
        reconcile_endpoints.handler({"sweep": True}, Context(invoked_function_arn=arn, aws_request_id=str(uuid4())))

    for _ in range(10):
        sweep_by_schedule()
        hub.days.clock.advance(timedelta(seconds=5))
    assert hub.swept() == [A, B]
    sweep_by_schedule()
    assert hub.swept() == [A, B] * 2
    hub.days.call({"sweep": True})
    assert hub.swept() == [A, B] * 3


def test_who_invoked_a_sweep_of_all_accounts_is_in_each_accounts_history_and_notices(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.cut_off(A, hub.a, vpc_a)
    hub.days.call({"sweep": True, "by": "dana"})
    hub.days.deliver(*hub.days.world.asked(), queue="repair-requests")
    assert len(hub.a.endpoints(vpc_a)) == 1
    page = hub.days.call({"history": {"vpc_id": vpc_a}, "account": A})["history"]
    words = [entry["text"] for entry in page["entries"] if entry["kind"] == "action"]
    assert words
    because = "Triggered by: a sweep that was invoked manually by dana (as stated)"
    assert all(because in text for text in words)
    (mail,) = hub.days.world.forms()
    form = json.loads(json.loads(mail["Body"])["Message"])
    assert "A sweep was invoked manually by dana (as stated)" in flat(form["text"])


# ---- which accounts


def test_an_organization_is_swept_without_its_closed_accounts_and_the_hub_itself(whole: Hub) -> None:
    whole.organization.join("444444444444", name="old")
    whole.organization.members["444444444444"].state = "SUSPENDED"
    assert whole.sweep() == [A, B]
    whole.organization.members[B].state = "PENDING_CLOSURE"
    assert whole.sweep() == [A]
    assert MemberStore("ledger").read().by_account[B].state == "PENDING_CLOSURE", "it stays on record"
    assert not whole.days.world.forms()


def test_an_event_of_an_account_that_is_being_closed_is_left_out_with_a_line_in_the_log(
    whole: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    vpc_a, vpc_b = alike(network, whole.a, whole.b)
    whole.organization.members[B].state = "PENDING_CLOSURE"
    whole.sweep()
    whole.days.deliver(whole.cut_off(B, whole.b, vpc_b), whole.cut_off(A, whole.a, vpc_a))
    assert not whole.days.world.dead_letters()
    assert not whole.b.endpoints(vpc_b)
    assert len(whole.a.endpoints(vpc_a)) == 1
    assert "message of a closed account left out" in caplog.text


def test_the_last_list_is_swept_while_the_organization_cannot_be_read_and_people_hear_of_it_once(whole: Hub) -> None:
    whole.sweep()
    call = whole.organization.call

    def refuse(client: Any, operation: str, params: Any, pass_on: Any) -> Any:
        if operation == "ListAccounts":
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)
        return call(client, operation, params, pass_on)

    whole.organization.call = refuse  # type: ignore[method-assign]
    for _ in range(3):
        assert whole.sweep() == [A, B]
    assert MemberStore("ledger").read().unlisted_why == "list_accounts: AccessDeniedException: no"
    (denied,) = forms_of(whole)
    assert (denied["kind"], [*denied["facts"]["denied"]]) == ("read_denied", ["ListAccounts"])
    whole.organization.call = call  # type: ignore[method-assign]
    whole.sweep()
    assert not MemberStore("ledger").read().unlisted_why


def test_a_new_account_of_the_organization_may_send_its_first_change_before_it_is_listed(whole: Hub) -> None:
    vpc_a = network(whole.a)
    whole.days.deliver(whole.cut_off(A, whole.a, vpc_a))
    assert len(whole.a.endpoints(vpc_a)) == 1


def test_a_new_account_begins_with_its_backlog_asked(whole: Hub) -> None:
    late = "555555555555"
    whole.organization.add_role(role_in(late), trust=[TRUST])
    there = whole.organization.join(late)
    vpc_id = there.make_vpc()
    there.make_subnet(vpc_id)
    whole.sweep()
    assert not there.endpoints(vpc_id)
    assert not whole.a.endpoints(vpc_id)
    assert any("backlog" in one["Body"] and late in one["Body"] for one in whole.days.world.forms())
    answer = whole.days.call({"approve": "backlog", "account": late})
    assert "errors" not in answer
    assert len(there.endpoints(vpc_id)) == 1


# ---- calls


def test_a_call_is_answered_from_the_account_that_it_names(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    hub.cut_off(A, hub.a, vpc_a)
    (seen,) = hub.days.call({"vpc_ids": [vpc_a], "mode": "plan", "account": A})["vpcs"]
    assert [action["status"] for action in seen["actions"]] == ["planned", "planned"]
    (open_,) = hub.days.call({"vpc_ids": [vpc_b], "mode": "plan", "account": B})["vpcs"]
    assert not open_["actions"]
    (gone,) = hub.days.call({"vpc_ids": [vpc_a], "mode": "plan"})["vpcs"]
    assert not gone["subnets"], "the hub has no such VPC"


def test_a_freeze_in_one_account_leaves_the_same_vpc_of_another_alone(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    hub.days.call({"vpc_ids": [vpc_a], "freeze": True, "account": A})
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a), hub.cut_off(B, hub.b, vpc_b))
    assert not hub.a.endpoints(vpc_a)
    assert len(hub.b.endpoints(vpc_b)) == 1
    hub.days.call({"vpc_ids": [vpc_a], "unfreeze": True, "account": A})
    assert len(hub.a.endpoints(vpc_a)) == 1


def test_a_release_in_one_account_leaves_the_others_endpoints(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a), hub.cut_off(B, hub.b, vpc_b))
    hub.days.clock.advance(HOUR)
    hub.days.call({"release": True, "account": A})
    assert {one["State"] for one in hub.a.endpoints(vpc_a)} <= {"deleting"}
    assert len(hub.b.endpoints(vpc_b)) == 1


def test_exemptions_and_history_are_an_accounts_own(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    asked = {"exempt": [vpc_a], "services": ["monitoring"], "days": 2, "reason": "moving", "account": A}
    assert "errors" not in hub.days.call(asked)
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a), hub.cut_off(B, hub.b, vpc_b))
    assert not hub.a.endpoints(vpc_a)
    assert len(hub.b.endpoints(vpc_b)) == 1
    day = hub.days.clock().date().isoformat()
    for account, is_exempt in ((A, True), (B, False)):
        entries = hub.days.call({"history": {"day": day}, "account": account})["history"]["entries"]
        assert entries
        assert ("moving" in json.dumps(entries)) is is_exempt


@pytest.mark.parametrize("why", ["closed", "removed from the list", "no hub any more"])
def test_what_was_in_an_account_that_is_not_served_any_more_can_still_be_asked_for_and_nothing_else(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    hub.sweep()
    vpc_id = network(hub.a)
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_id))
    if why == "closed":
        members = MemberStore("ledger")
        known = members.read().by_account
        closed = {**known, A: replace(known[A], state="SUSPENDED")}
        members.change(lambda before: (replace(before, by_account=closed), None))
    else:
        monkeypatch.setenv("ACCOUNTS", B if why == "removed from the list" else "")
        hub.sweep()
    asked = {"history": {"vpc_id": vpc_id}, "account": A}
    assert "DeleteRoute" in json.dumps(hub.days.call(asked)["history"]["entries"])
    for call in ({"vpc_ids": [vpc_id]}, {"release": True}, {"sweep": True}, {"exempt": [vpc_id]}):
        (error,) = hub.days.call({**call, "account": A})["errors"]
        assert error["message"] == f"{A} is not an account that this stack serves"


def test_an_account_that_was_taken_off_the_list_is_not_acted_in_even_before_the_next_sweep(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.sweep()
    vpc_id = network(hub.a)
    monkeypatch.setenv("ACCOUNTS", B)
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_id))
    assert not hub.a.endpoints(vpc_id)
    (dead,) = hub.days.world.dead_letters()
    assert dead["MessageAttributes"]["field"]["StringValue"] == "body.account"
    (error,) = hub.days.call({"vpc_ids": [vpc_id], "account": A})["errors"]
    assert error["message"] == f"{A} is not an account that this stack serves"


def test_an_account_that_is_back_on_the_list_is_acted_in_even_before_the_next_sweep(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.sweep()
    vpc_id = network(hub.a)
    monkeypatch.setenv("ACCOUNTS", B)
    hub.sweep()
    monkeypatch.setenv("ACCOUNTS", f"{A},{B}")
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_id))
    assert hub.a.endpoints(vpc_id)
    assert not hub.days.world.dead_letters()
    assert "errors" not in hub.days.call({"vpc_ids": [vpc_id], "account": A})


@pytest.mark.parametrize("call", [{"sweep": False}, {"sweep": "yes"}, {"sweep": True, "format": "xml"}])
def test_a_sweep_of_all_accounts_that_is_refused_sweeps_none(hub: Hub, call: dict[str, Any]) -> None:
    assert hub.days.call(call)["errors"]
    assert hub.swept() == []


def test_a_call_for_an_account_that_is_not_served_names_the_one_that_was_meant(hub: Hub) -> None:
    hub.sweep()
    (error,) = hub.days.call({"sweep": True, "account": "222222222223"})["errors"]
    assert error == {
        "field": "account",
        "message": f"222222222223 is not an account that this stack serves; did you mean {A}?",
    }


def test_a_stack_for_one_account_refuses_another_and_takes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch) as world:
        days = Days(world, monkeypatch)
        vpc_id = network(world)
        (error,) = days.call({"vpc_ids": [vpc_id], "account": A})["errors"]
        assert error["field"] == "account"
        (seen,) = days.call({"vpc_ids": [vpc_id], "mode": "plan", "account": ACCOUNT})["vpcs"]
        assert seen["subnets"]


def test_a_call_for_a_lost_account_says_why_and_its_history_is_still_read(hub: Hub) -> None:
    hub.sweep()
    hub.organization.add_role(role_in(A), trust=[])
    hub.days.clock.advance(2 * HOUR)
    remember.cache_clear()
    (error,) = hub.days.call({"release": True, "account": A})["errors"]
    assert error["field"] == "account"
    assert "not authorized to perform: sts:AssumeRole" in error["message"]
    day = hub.days.clock().date().isoformat()
    assert "errors" not in hub.days.call({"history": {"day": day}, "account": A})


# ---- whose VPC it is


def test_a_vpc_shared_by_ram_is_acted_on_in_its_owners_account_alone(hub: Hub) -> None:
    """A shared VPC has the same IDs in the accounts that it is shared with, and says whose it is."""
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    shared = hub.organization.place(B)
    shared.show(vpc_b, OwnerId=A)
    events = [hub.cut_off(A, hub.a, vpc_a), hub.cut_off(B, hub.b, vpc_b)]
    for _ in range(2):
        hub.days.deliver(*events)
        hub.sweep()
    assert len(hub.a.endpoints(vpc_a)) == 1
    assert not shared.calls, "nothing is even tried there"
    (seen,) = hub.days.call({"vpc_ids": [vpc_b], "mode": "plan", "account": B})["vpcs"]
    assert f"belongs to account {A}" in json.dumps(seen)


def test_what_an_accounts_own_stack_made_is_left_alone_until_a_call_with_the_account_adopts_it(hub: Hub) -> None:
    vpc_a = network(hub.a)
    event = hub.cut_off(A, hub.a, vpc_a)
    hub.days.deliver(event)
    (endpoint,) = hub.a.endpoints(vpc_a)
    ids = [endpoint["VpcEndpointId"], endpoint["Groups"][0]["GroupId"]]
    home = RegionRef(A, REGION)
    ownership = Ownership(MemberLedger("ledger", home))
    ownership.delete(home, ids)  # the record was in another ledger, and only the tags are left
    for _ in range(2):
        hub.sweep()
    assert [one["VpcEndpointId"] for one in hub.a.endpoints(vpc_a)] == ids[:1], "it serves, so there is no other"
    refused = hub.days.call({"adopt": ids})
    assert refused["errors"], "the hub's own account has none of them"
    adopted = hub.days.call({"adopt": ids, "account": A})
    assert adopted["adopt"] == [{"id": id_, "vpc_id": vpc_a} for id_ in ids]
    assert ownership.read(home).keys() == set(ids)
    assert not ownership.read(RegionRef(B, REGION))


# ---- the kill switch


def test_an_account_that_is_added_to_the_kill_switch_is_named_by_the_next_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def put(value: str) -> None:
        boto3.client("ssm").put_parameter(Name="/stop", Value=value, Type="String", Overwrite=True)

    for hub in begin(monkeypatch, f"{A},{B}", KILL_SWITCH_PARAMETER="/stop"):

        def told(hub: Hub = hub) -> list[str]:
            return [" ".join(form["text"].split()) for form in forms_of(hub) if form["kind"] == "kill_switch"]

        put(A)
        network(hub.a)
        network(hub.b)
        hub.sweep()
        (alone,) = told()
        assert f"lists the account {A}." in alone
        put(f"{A},{B}")
        hub.sweep()
        (both,) = told()
        assert f"lists the accounts {A}, {B}." in both
        hub.sweep()
        assert told() == []
        put("on")
        hub.sweep()
        (everywhere,) = told()
        assert 'is set to "on"' in everywhere

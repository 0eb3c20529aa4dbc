"""What a policy denies: named with whose policy it is, in which account; told once; left until the next sweep."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.network import MUST_BE_READ
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.audit import AuditLog
from lifeline.adapters.store.members import MemberStore
from lifeline.adapters.store.routed import RoutedStore
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.errors import LifelineError, TerminalError, TransientError
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import MemberLedger
from lifeline.core.organization.members import AccountStanding
from tests.support.cloudtrail import Failure, record_call
from tests.support.days import Days
from tests.support.organization import alike
from tests.support.organization_hub import HOUR, TRUST, A, B, Hub, begin, network, role_in
from tests.support.policies import Caller
from tests.support.strict_organization import EVERYTHING, SCP
from tests.support.world import ACCOUNT, REGION, emulated_world, flat

CREATE = "ec2:CreateVpcEndpoint"
SECOND = timedelta(seconds=1)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    yield from begin(monkeypatch, f"{A},{B}")


def calls(hub: Hub, account: str, operation: str = "CreateVpcEndpoint") -> int:
    return sum(one.operation == operation for one in hub.organization.place(account).calls)


def told(hub: Hub, words: str) -> list[str]:
    """The notices with these words in their subject or their text."""
    forms = [json.loads(json.loads(one["Body"])["Message"]) for one in hub.days.world.forms()]
    texts = [f"{form['subject']}\n{flat(form['text'])}" for form in forms]
    return [text for text in texts if words in text]


def test_a_denied_change_names_the_policy_the_call_and_the_account_and_is_told_once(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.organization.deny(A, CREATE)
    event = hub.cut_off(A, hub.a, vpc_a)
    for _ in range(3):
        hub.days.deliver(event)
        hub.sweep()
    words = f"a service control policy of the organization denies {CREATE} in account {A}"
    (notice,) = told(hub, words)
    assert "Lifeline will try it again in its next sweep" in notice
    assert not hub.days.world.dead_letters()


def test_however_many_events_come_a_denied_call_is_made_once_between_sweeps(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    hub.sweep()
    hub.organization.deny(A, CREATE)
    event = hub.cut_off(A, hub.a, vpc_a)
    for _ in range(4):
        hub.days.deliver(event)
    assert calls(hub, A) == 1
    hub.sweep()
    assert calls(hub, A) == 2, "the sweep tries again"
    hub.days.deliver(event)
    assert calls(hub, A) == 2
    hub.days.deliver(hub.cut_off(B, hub.b, vpc_b))
    assert len(hub.b.endpoints(vpc_b)) == 1, "the very same VPC of another account"
    assert not hub.days.world.dead_letters()


def test_what_is_allowed_again_is_made_by_the_next_sweep(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.organization.deny(A, CREATE)
    event = hub.cut_off(A, hub.a, vpc_a)
    hub.days.deliver(event)
    hub.organization.deny(A)
    hub.days.deliver(event)
    assert not hub.a.endpoints(vpc_a)
    hub.sweep()
    assert len(hub.a.endpoints(vpc_a)) == 1
    assert not VpcStore("ledger").load(RegionRef(A, REGION).vpc(vpc_a)).denied


def test_a_person_who_asks_for_the_vpc_is_not_told_to_wait(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.organization.deny(A, CREATE)
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
    (seen,) = hub.days.call({"vpc_ids": [vpc_a], "mode": "plan", "account": A})["vpcs"]
    assert [one["status"] for one in seen["actions"]] == ["failed"]
    hub.organization.deny(A)
    hub.days.call({"vpc_ids": [vpc_a], "account": A})
    assert len(hub.a.endpoints(vpc_a)) == 1


@pytest.mark.parametrize(
    ("action", "attempts"),
    [
        ("ec2:CreateSecurityGroup", 1),
        ("ec2:AuthorizeSecurityGroupIngress", 2),  # of the new group, and once more of the group that is there then
    ],
)
def test_a_denied_security_group_is_no_more_tried_again_than_an_endpoint(hub: Hub, action: str, attempts: int) -> None:
    vpc_a = network(hub.a)
    hub.organization.deny(A, action)
    event = hub.cut_off(A, hub.a, vpc_a)
    for _ in range(5):
        hub.days.deliver(event)
    assert calls(hub, A, action.partition(":")[2]) == attempts
    assert not hub.days.world.requeue()
    assert not hub.days.world.dead_letters()
    assert len(told(hub, f"denies {action} in account {A}")) == attempts


# ---- what must be read


def standing_of(account: str) -> AccountStanding:
    return MemberStore("ledger").read().by_account[account].standing


def described(hub: Hub, account: str) -> int:
    return hub.organization.place(account).call_counts["DescribeVpcs"]


def test_an_account_whose_policies_deny_reading_is_told_once_and_left_until_the_next_sweep(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    hub.organization.deny(A, "ec2:*")
    events = [hub.cut_off(A, hub.a, vpc_a), hub.cut_off(B, hub.b, vpc_b)]
    hub.days.deliver(*events)
    assert standing_of(A) is AccountStanding.DENIED
    assert len(hub.b.endpoints(vpc_b)) == 1
    before = described(hub, A)
    for _ in range(3):
        hub.days.deliver(events[0])
        hub.days.clock.advance(HOUR / 4)
    assert described(hub, A) == before, "not even after ten minutes"
    for _ in range(2):
        hub.sweep()
    assert described(hub, A) > before
    (notice,) = told(hub, f"account {A} (shop) denied")
    assert "a service control policy of the organization denies ec2:Describe" in notice
    assert f"in account {A}" in notice
    assert not hub.days.world.dead_letters()


def test_an_account_that_may_be_read_again_is_served_and_its_denial_would_be_news_again(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.organization.deny(A, "ec2:*")
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
    hub.organization.deny(A)
    hub.sweep()
    assert standing_of(A) is AccountStanding.SERVED
    assert len(hub.a.endpoints(vpc_a)) == 1
    hub.organization.deny(A, "ec2:*")
    hub.sweep()
    assert len(told(hub, f"account {A} (shop) denied")) == 2


def test_where_the_organization_denies_to_assume_the_role_only_a_sweep_tries_again(hub: Hub) -> None:
    hub.sweep()
    event = hub.cut_off(A, hub.a, network(hub.a))
    hub.organization.deny(ACCOUNT, "sts:AssumeRole")
    hub.sweep()
    assert standing_of(A) is AccountStanding.LOST
    before = hub.organization.place(ACCOUNT).call_counts["AssumeRole"]
    for _ in range(3):
        hub.days.deliver(event)
        hub.days.clock.advance(HOUR / 4)
    assert hub.organization.place(ACCOUNT).call_counts["AssumeRole"] == before


def test_a_denied_lookup_stops_nobody_else_and_is_told_as_a_read_that_is_denied(hub: Hub) -> None:
    """Which VPC an interface is in can't be asked: the sweep looks at all of them."""
    vpc_a = network(hub.a)
    hub.sweep()
    hub.organization.deny(A, "ec2:DescribeNetworkInterfaces")
    event = hub.cut_off(A, hub.a, vpc_a)
    hub.days.deliver(event)
    assert len(hub.a.endpoints(vpc_a)) == 1
    assert standing_of(A) is AccountStanding.SERVED
    assert told(hub, "ec2:DescribeNetworkInterfaces")


# ---- a role that goes under a warm container


def test_a_role_that_is_gone_is_noticed_by_the_next_message_although_its_session_would_last(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.sweep()
    hub.organization.remove_role(role_in(A))
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
    assert standing_of(A) is AccountStanding.LOST
    assert len(told(hub, f"account {A} (shop) lost")) == 1
    assert not hub.days.world.dead_letters()


def test_a_role_that_was_made_anew_is_entered_anew_and_the_message_comes_again(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.sweep()
    hub.organization.remove_role(role_in(A))
    hub.organization.add_role(role_in(A), trust=[TRUST])
    event = hub.cut_off(A, hub.a, vpc_a)
    assert hub.days.try_to_deliver(event) == ["m-0"]
    hub.days.deliver(event)
    assert len(hub.a.endpoints(vpc_a)) == 1
    assert standing_of(A) is AccountStanding.SERVED


def test_a_person_who_calls_hears_that_the_role_is_gone(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.sweep()
    hub.days.call({"vpc_ids": [vpc_a], "account": A})
    hub.organization.remove_role(role_in(A))
    (error,) = hub.days.call({"vpc_ids": [vpc_a], "account": A})["errors"]
    assert error["field"] == "account"
    assert "is not authorized to perform: sts:AssumeRole" in error["message"]
    assert standing_of(A) is AccountStanding.LOST


def test_what_the_ledger_denies_is_no_fault_of_the_account(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_a = network(hub.a)
    hub.sweep()
    call = hub.organization.call
    words = "User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized to perform: dynamodb:UpdateItem"

    def refuse(client: Any, operation: str, params: Any, pass_on: Any) -> Any:
        if operation == "UpdateItem":
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": words}}, operation)
        return call(client, operation, params, pass_on)

    monkeypatch.setattr(hub.organization, "call", refuse)
    assert hub.days.try_to_deliver(hub.cut_off(A, hub.a, vpc_a)) == ["m-0"]
    assert standing_of(A) is AccountStanding.SERVED


# ---- what can be done without


ACLS, ZONES = "ec2:DescribeNetworkAcls", "route53:ListHostedZonesByVPC"


def asked(hub: Hub, account: str) -> tuple[int, int]:
    counts = hub.organization.place(account).call_counts
    return counts["DescribeNetworkAcls"], counts["ListHostedZonesByVPC"]


def test_reads_that_are_denied_are_made_once_between_sweeps_and_what_they_hide_is_still_said(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    hub.organization.deny(A, ACLS, ZONES)
    events = [hub.cut_off(A, hub.a, vpc_a), hub.cut_off(B, hub.b, vpc_b)]
    hub.days.deliver(events[0])
    first = asked(hub, A)
    assert min(first) > 0
    for _ in range(3):
        hub.days.clock.advance(HOUR / 10)
        remember.cache_clear()  # other containers know it, too
        hub.days.deliver(events[0])
    assert asked(hub, A) == first
    hub.days.deliver(events[1])
    assert min(asked(hub, B)) > 0, "the other account's reads are its own"
    assert len(told(hub, f"denies {ACLS} in account {A}")) == 1
    hub.sweep()
    assert asked(hub, A)[0] > first[0], "the sweep tries again"
    (seen,) = hub.days.call({"vpc_ids": [vpc_a], "mode": "plan", "account": A})["vpcs"]
    assert ACLS in json.dumps(seen)
    assert not hub.days.world.dead_letters()


def test_a_read_that_is_allowed_again_is_made_by_the_next_sweep_and_by_whoever_asks(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.organization.deny(A, ACLS)
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
    assert ACLS in "".join(denied_in(A))
    hub.organization.deny(A)
    before = asked(hub, A)[0]
    hub.days.call({"vpc_ids": [vpc_a], "account": A})
    assert asked(hub, A)[0] > before
    assert not denied_in(A)


def denied_in(account: str) -> list[str]:
    return list(VpcStore("ledger").load(RegionRef(account, REGION)).denied)


# ---- the account of the functions themselves


def own_account(days: Days, *actions: str) -> None:
    """A service control policy denies these actions in the account of the functions."""
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/lifeline-ReconcileRole-EXAMPLE/lifeline"
    limits: Any = (
        (EVERYTHING, {"Effect": "Deny", "Action": list(actions), "Resource": "*"}) if actions else (EVERYTHING,)
    )
    days.account.caller = Caller(policy=(EVERYTHING,), limits={SCP: limits}, arn=arn)


@pytest.fixture
def single(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch) as world:
        yield Days(world, monkeypatch)


def single_told(days: Days) -> list[str]:
    forms = [json.loads(json.loads(one["Body"])["Message"]) for one in days.world.forms()]
    return [f"{form['subject']}\n{flat(form['text'])}" for form in forms if form["kind"] == "account_denied"]


def lost_route(days: Days) -> tuple[str, dict[str, Any]]:
    vpc_id = network(days.world)
    days.after(1)
    request = {"RouteTableId": days.world.main_table(vpc_id), "DestinationCidrBlock": "0.0.0.0/0"}
    days.world.ec2.delete_route(**request)
    return vpc_id, record_call("DeleteRoute", request, {"Return": True}, at=days.clock())


@pytest.mark.parametrize("action", sorted(MUST_BE_READ))
def test_in_the_functions_own_account_what_must_be_read_is_told_once_and_left_until_the_next_sweep(
    single: Days, action: str
) -> None:
    vpc_id, event = lost_route(single)
    own_account(single, action)
    single.account.forget_calls()
    for _ in range(3):
        single.deliver(event)
        single.clock.advance(HOUR / 10)
    operation = action.partition(":")[2]
    assert single.account.call_counts[operation] == 1
    for _ in range(2):
        single.clock.advance(HOUR)
        with pytest.raises(TerminalError, match=action):  # so that the function's alarm rings
            single.call({"sweep": True})
    assert single.account.call_counts[operation] == 3, "each sweep tries again"
    (text,) = single_told(single)
    assert f"a service control policy of the organization denies {action} in account {ACCOUNT}" in text
    assert "spoke" not in text
    assert not single.world.dead_letters()
    own_account(single)
    single.after(1)
    assert len(single.live(vpc_id)) == 1


def test_what_only_a_persons_call_reads_is_told_to_that_person_alone(single: Days) -> None:
    lost_route(single)
    own_account(single, "ec2:DescribeSecurityGroups")
    (error,) = single.call({"adopt": ["sg-0123456789abcdef0"]})["errors"]
    assert "ec2:DescribeSecurityGroups" in error["message"]
    assert not single_told(single)


def test_a_person_who_calls_hears_that_the_own_account_is_denied(single: Days) -> None:
    vpc_id, _ = lost_route(single)
    own_account(single, "ec2:DescribeVpcs")
    (error,) = single.call({"vpc_ids": [vpc_id]})["errors"]
    assert error["message"].startswith(f"{ACCOUNT} can't be looked at: ")


def try_to_sweep(days: Days) -> None:
    """The schedule's sweep, an hour later, whatever comes of it."""
    days.clock.advance(HOUR)
    with suppress(LifelineError):
        days.call({"sweep": True})


def test_if_the_notice_of_the_own_accounts_denial_cannot_be_sent_the_next_sweep_sends_it(
    single: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, event = lost_route(single)
    own_account(single, "ec2:DescribeVpcs")

    def fail(*_: object) -> None:
        raise TransientError("sns: Throttling", code="Throttling")

    with monkeypatch.context() as patch:
        patch.setattr(Topic, "publish", fail)
        single.deliver(event)
    assert not single_told(single)
    for _ in range(2):
        try_to_sweep(single)
    assert len(single_told(single)) == 1


def test_a_denial_of_the_own_account_that_comes_back_is_news_again(single: Days) -> None:
    lost_route(single)
    for _ in range(3):
        own_account(single, "ec2:DescribeSubnets")
        for _ in range(2):
            try_to_sweep(single)
        assert len(single_told(single)) == 1, "each time"
        own_account(single)
        try_to_sweep(single)


# ---- a person's call


def test_once_a_persons_call_reads_the_account_events_are_served_again(hub: Hub) -> None:
    vpc_a = denied_by_an_event(hub)
    assert "errors" not in hub.days.call({"vpc_ids": [vpc_a], "account": A})
    assert standing_of(A) is AccountStanding.SERVED
    other = network(hub.a)
    hub.days.deliver(hub.cut_off(A, hub.a, other))
    assert len(hub.a.endpoints(other)) == 1


@pytest.mark.parametrize(
    "call",
    [
        {"history": {"day": "2026-03-02"}},  # read from the ledger
        {"vpc_ids": ["vpc-0123456789abcdef0"]},  # gone: nothing of it was read
        {"sweep": True, "mode": "plan"},  # changes nothing, and later runs don't learn that reads are allowed again
    ],
)
def test_a_call_that_does_not_look_at_the_account_for_all_leaves_it_denied(hub: Hub, call: dict[str, Any]) -> None:
    denied_by_an_event(hub)
    hub.days.call({**call, "account": A})
    assert standing_of(A) is AccountStanding.DENIED


def denied_by_an_event(hub: Hub) -> str:
    """A VPC of an account that was denied for an event, and that may be read again."""
    vpc_a = network(hub.a)
    hub.sweep()
    hub.organization.deny(A, "ec2:*")
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
    hub.organization.deny(A)
    assert standing_of(A) is AccountStanding.DENIED
    return vpc_a


def test_a_name_that_can_not_be_read_is_asked_for_in_sweeps_alone(hub: Hub) -> None:
    hub.organization.members[A].name = ""
    hub.organization.deny(A, "account:GetAccountInformation")

    def asked() -> int:
        return hub.organization.place(A).call_counts["GetAccountInformation"]

    hub.days.deliver(hub.cut_off(A, hub.a, network(hub.a)))
    first = asked()
    for _ in range(3):
        hub.days.deliver(hub.cut_off(A, hub.a, network(hub.a)))
    assert (first, asked()) == (1, 1)
    hub.sweep()
    assert asked() == 2


# ---- what no sweep finds by itself


def test_a_refused_deletion_in_an_account_that_is_denied_or_lost_is_put_aside_with_its_reason(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
    hub.days.clock.advance(HOUR)
    hub.sweep()
    words = f"The vpc '{vpc_a}' has dependencies and cannot be deleted."
    failure = Failure("DependencyViolation", words)
    event = record_call("DeleteVpc", {"VpcId": vpc_a}, failure=failure, at=hub.days.clock(), account=A)
    hub.organization.deny(A, "ec2:DescribeVpcs")
    hub.days.deliver(event)
    (letter,) = hub.days.world.dead_letters()
    assert "DeleteVpc" in json.dumps(letter)
    assert "ec2:DescribeVpcs" in json.dumps(letter)
    hub.organization.deny(A)
    hub.organization.remove_role(role_in(A))
    remember.cache_clear()
    hub.sweep()
    assert standing_of(A) is AccountStanding.LOST
    hub.days.deliver(event)
    assert "sts:AssumeRole" in json.dumps(hub.days.world.dead_letters())


# ---- what may pass


@pytest.mark.parametrize("denials", [1, 2, 3])
def test_only_a_denial_that_no_organization_made_is_asked_twice_more_before_it_is_believed(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, denials: int
) -> None:
    vpc_a = network(hub.a)
    hub.sweep()
    call, made = hub.organization.call, list[str]()
    caller = f"User: arn:aws:sts::{A}:assumed-role/lifeline-reconcile-{REGION}/lifeline"
    why = "is not authorized to perform: ec2:DescribeVpcs because no identity-based policy allows the action"

    def deny_first(client: Any, operation: str, params: Any, pass_on: Any) -> Any:
        by = hub.organization.caller_of(client)
        if operation == "DescribeVpcs" and by and by.account == A and len(made) < denials:
            made.append(operation)
            raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": f"{caller} {why}"}}, operation)
        return call(client, operation, params, pass_on)

    monkeypatch.setattr(hub.organization, "call", deny_first)
    event = hub.cut_off(A, hub.a, vpc_a)
    kept = [hub.days.try_to_deliver(event, receives=receives) for receives in (1, 2, 3)]
    assert [bool(ids) for ids in kept] == [one < min(denials, 2) for one in range(3)]
    assert len(hub.a.endpoints(vpc_a)) == (denials < 3)
    assert standing_of(A) is (AccountStanding.DENIED if denials == 3 else AccountStanding.SERVED)
    assert len(told(hub, f"account {A} (shop) denied")) == (denials == 3)
    assert not hub.days.world.dead_letters()


def test_a_refused_call_that_must_not_be_looked_up_is_asked_for_once_and_put_aside(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.sweep()
    hub.organization.deny(A, "cloudtrail:LookupEvents")
    event = refused_endpoint(hub.days, vpc_a, A)
    before = hub.organization.place(A).call_counts["LookupEvents"]
    assert hub.days.try_to_deliver(event) == []
    assert hub.organization.place(A).call_counts["LookupEvents"] == before + 1
    (letter,) = hub.days.world.dead_letters()
    assert "cloudtrail:LookupEvents" in letter["MessageAttributes"]["reason"]["StringValue"]
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
    assert told(hub, f"denies cloudtrail:LookupEvents in account {A}")
    assert standing_of(A) is AccountStanding.SERVED


def refused_endpoint(days: Days, vpc_id: str, account: str = ACCOUNT) -> dict[str, Any]:
    """The event of a call that EC2 refused because the name is taken."""
    wanted = {
        "VpcId": vpc_id,
        "ServiceName": f"com.amazonaws.{REGION}.monitoring",
        "VpcEndpointType": "Interface",
        "PrivateDnsEnabled": True,
    }
    words = (
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
        f"monitoring.{REGION}.amazonaws.com in the VPC {vpc_id}"
    )
    failure = Failure("InvalidParameter", words)
    return record_call("CreateVpcEndpoint", wanted, failure=failure, at=days.clock(), account=account)


def test_in_the_own_account_event_history_that_must_not_be_read_is_asked_once_between_sweeps(single: Days) -> None:
    vpc_id, event = lost_route(single)
    single.account.attach(client("cloudtrail"))
    own_account(single, "cloudtrail:LookupEvents")

    def asked() -> int:
        return single.account.call_counts["LookupEvents"]

    for _ in range(3):
        assert single.try_to_deliver(refused_endpoint(single, vpc_id)) == []
        (letter,) = single.world.dead_letters()
        assert "cloudtrail:LookupEvents" in letter["MessageAttributes"]["reason"]["StringValue"]
    assert asked() == 1
    single.deliver(event)
    forms = [json.loads(json.loads(one["Body"])["Message"]) for one in single.world.forms()]
    assert sum(f"denies cloudtrail:LookupEvents in account {ACCOUNT}" in flat(form["text"]) for form in forms) == 1
    single.after(1)
    single.deliver(refused_endpoint(single, vpc_id))
    assert asked() == 2, "the sweep ends what was known"


@pytest.mark.parametrize("is_lost", [False, True])
def test_what_became_of_new_endpoints_in_a_denied_account_the_next_sweep_that_reads_it_says(
    hub: Hub, *, is_lost: bool
) -> None:
    vpc_a = network(hub.a)
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
    (follow,) = hub.days.world.requeue(follow=True)
    hub.days.empty_queue()
    hub.organization.deny(A, "ec2:*")
    hub.days.clock.advance(HOUR / 60)
    hub.days.deliver(follow)
    assert not hub.days.world.dead_letters()
    before = described(hub, A)
    hub.days.deliver(follow)
    assert described(hub, A) == before, "not before the next sweep"
    hub.organization.deny(A)
    (endpoint,) = hub.a.endpoints(vpc_a)
    if is_lost:
        hub.a.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])
    hub.sweep()
    page = hub.days.call({"history": {"vpc_id": vpc_a}, "account": A})["history"]
    (outcome,) = [entry["text"] for entry in page["entries"] if entry["kind"] == "outcome"]
    assert f"{endpoint['VpcEndpointId']} for monitoring was {'not ' * is_lost}available" in outcome
    assert bool(told(hub, "someone deleted it")) == is_lost


def test_members_sweeps_go_out_once_however_often_the_own_accounts_fails(hub: Hub) -> None:
    own_account(hub.days, "ec2:DescribeVpcs")
    for _ in range(2):
        hub.days.empty_queue()
        with pytest.raises(TerminalError, match="DescribeVpcs"):
            hub.days.call({"sweep": True})
        for _ in range(2):
            with pytest.raises(TerminalError, match="DescribeVpcs"):
                hub.days.call_again({"sweep": True})
        assert hub.swept() == [A, B], "an invocation's, which Lambda tries three times"


# ---- what changed meanwhile


def deny_all(hub: Hub) -> None:
    hub.organization.deny(A, "ec2:*")


def remove_role(hub: Hub) -> None:
    hub.organization.remove_role(role_in(A))


def allow_all(hub: Hub) -> None:
    hub.organization.deny(A)
    hub.organization.add_role(role_in(A), trust=[TRUST])


@pytest.mark.parametrize("hinder", [deny_all, remove_role])
def test_who_changed_what_in_an_account_that_cannot_be_read_is_on_record_and_told_once_it_can(
    hub: Hub, hinder: Callable[[Hub], None]
) -> None:
    vpc_a = network(hub.a)
    hub.sweep()
    hinder(hub)
    hub.sweep()
    hub.days.clock.advance(HOUR / 60)
    events = [hub.cut_off(A, hub.a, vpc_a)]
    events += [cut(hub.a.main_table(vpc_a), hub.days.clock() + number * SECOND) for number in range(1, 11)]
    events += [tagged(vpc_a, "lifeline:exempt", hub.days.clock() + 20 * SECOND)]
    hub.days.deliver(*events)
    hub.days.deliver(*events)
    page = hub.days.call({"history": {"day": f"{hub.days.clock():%Y-%m-%d}"}, "account": A})["history"]
    changes = [entry for entry in page["entries"] if entry["kind"] == "change"]
    assert len(changes) == 12, "each once"
    assert {entry["event_id"] for entry in changes} == {event["detail"]["eventID"] for event in events}
    assert any(entry["text"].startswith("DeleteRoute by ") for entry in changes)
    assert not told(hub, "can be read again")
    allow_all(hub)
    for _ in range(2):
        hub.sweep()
    (notice,) = told(hub, f"[lifeline] account {A} (shop) can be read again")
    assert "AWS reported 12 changes there, of which these are the newest 10:" in notice
    assert (notice.count("DeleteRoute by "), notice.count("CreateTags by ")) == (9, 1)
    assert len(hub.a.endpoints(vpc_a)) == 1


@pytest.mark.parametrize("hinder", [deny_all, remove_role])
def test_instances_that_no_route_leads_to_are_no_changes_of_an_account_that_cannot_be_read(
    hub: Hub, hinder: Callable[[Hub], None]
) -> None:
    vpc_a = network(hub.a)
    hub.sweep()
    store = RoutedStore(MemberLedger("ledger", RegionRef(A, REGION)))
    store.change(lambda _: {vpc_a: frozenset({f"i-{7:017x}"})})
    hinder(hub)
    hub.sweep()
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a), *(stopped(number, hub.days.clock()) for number in range(20)))
    allow_all(hub)
    hub.sweep()
    (notice,) = told(hub, f"[lifeline] account {A} (shop) can be read again")
    assert "AWS reported 2 changes there:" in notice
    assert (notice.count("DeleteRoute by "), notice.count("instance stopped by ")) == (1, 1)


def stopped(number: int, at: datetime) -> dict[str, Any]:
    """The event of an instance that was stopped."""
    return {
        "id": f"e-{number}",
        "source": "aws.ec2",
        "detail-type": "EC2 Instance State-change Notification",
        "account": A,
        "region": REGION,
        "time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "detail": {"instance-id": f"i-{number:017x}", "state": "stopped"},
    }


def cut(table_id: str, at: datetime) -> dict[str, Any]:
    """The event of a route that was deleted."""
    request = {"RouteTableId": table_id, "DestinationCidrBlock": f"10.{at.second}.0.0/16"}
    return record_call("DeleteRoute", request, {"Return": True}, at=at, account=A)


def tagged(vpc_id: str, key: str, at: datetime) -> dict[str, Any]:
    """The event of a tag that was set."""
    request = {"Resources": [vpc_id], "Tags": [{"Key": key, "Value": "x"}]}
    return record_call("CreateTags", request, {}, at=at, account=A)


def test_in_the_own_account_too(single: Days) -> None:
    vpc_id, event = lost_route(single)
    own_account(single, "ec2:DescribeSubnets")
    single.deliver(event, {**stopped(1, single.clock()), "account": ACCOUNT})
    own_account(single)
    for _ in range(2):
        single.after(1)
    forms = [json.loads(json.loads(one["Body"])["Message"]) for one in single.world.forms()]
    (text,) = [flat(form["text"]) for form in forms if form["kind"] == "account_read"]
    assert "Meanwhile, AWS reported 1 change there: DeleteRoute by " in text
    assert len(single.live(vpc_id)) == 1


def test_a_role_that_comes_and_goes_is_three_notices_a_day_and_the_next_says_how_often(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.sweep()
    event = hub.cut_off(A, hub.a, vpc_a)

    def lose() -> None:
        hub.organization.remove_role(role_in(A))
        hub.days.deliver(event)
        hub.days.clock.advance(HOUR / 5)
        hub.organization.add_role(role_in(A), trust=[TRUST])
        hub.days.deliver(event)

    for _ in range(5):
        lose()
    assert len(told(hub, f"account {A} (shop) lost")) == 3
    hub.days.clock.advance(24 * HOUR)
    lose()
    (last,) = told(hub, f"account {A} (shop) lost")
    assert "It became lost or denied 3 times since the last notice" in last


def test_what_cannot_be_looked_up_is_recorded_all_at_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.sweep()
    hub.organization.deny(A, "ec2:DescribeNatGateways")
    record, written = AuditLog.record_changes, list[int]()

    def count(self: AuditLog, changes: Iterable[Any], *, now: datetime) -> None:
        changes = list(changes)
        written.extend([len(changes)] * bool(changes))
        record(self, changes, now=now)

    monkeypatch.setattr(AuditLog, "record_changes", count)
    ids = [f"nat-0123456789abcde{number:02}" for number in range(5)]
    hub.days.deliver(
        *(record_call("DeleteNatGateway", {"NatGatewayId": id_}, {}, at=hub.days.clock(), account=A) for id_ in ids)
    )
    assert written == [5]
    page = hub.days.call({"history": {"day": f"{hub.days.clock():%Y-%m-%d}"}, "account": A})["history"]
    assert sorted(id_ for entry in page["entries"] for id_ in entry.get("ids", [])) == ids


def test_a_sweep_that_is_put_off_says_nothing_of_the_account(hub: Hub) -> None:
    denied_by_an_event(hub)
    hub.days.clock.advance(HOUR / 60)
    hub.days.deliver({"sweep": True, "because": [{"kind": "sweep"}], "account": A})
    (put_off,) = hub.days.world.requeue()
    assert standing_of(A) is AccountStanding.DENIED
    hub.days.clock.advance(HOUR / 6)
    hub.days.deliver(put_off)
    assert standing_of(A) is AccountStanding.SERVED

"""A refused call that comes through the queue counts once CloudTrail's Event history has it, and as it is there."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from uuid import uuid4

import pytest

from lifeline.adapters.aws.event_history import EventHistory
from lifeline.adapters.aws.queue import Queue
from lifeline.core.coexist.claims import CLAIM_HOLDS
from lifeline.core.requests.request import Request
from lifeline.reconciler.batch import MOST_RECEIVES, read_record
from lifeline.reconciler.steps.proven import MOST_LOOKED_UP, MOST_OF_ONE, WAITS, prove_claims
from lifeline.runtime.settings import Settings
from tests.handlers.test_claims import endpoint, frozen, refused, served, strict_for_all, theirs
from tests.support.agents import calls, failing
from tests.support.cloudtrail import DEPLOYER, RECORDED, Failure, Identity, record_call
from tests.support.days import MINUTES, Days
from tests.support.world import REGION, emulated_world

CONFLICT = Failure(
    "InvalidParameter",
    "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
    "monitoring.us-east-1.amazonaws.com in the VPC",
)


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch) as world:
        yield strict_for_all(Days(world, monkeypatch))


def forged(days: Days, vpc_id: str, subnet_id: str) -> Any:
    """A record of a refused call that nobody made."""
    event = deepcopy(refused(days, theirs(days, vpc_id, subnet_id)))
    event["detail"]["eventID"] = str(uuid4())
    return event


def is_untouched(days: Days, vpc_id: str, endpoint_id: str) -> bool:
    return bool(endpoint(days, endpoint_id)["PrivateDnsEnabled"]) and frozen(vpc_id) == []


def test_a_refused_call_that_nobody_made_changes_nothing_and_ends_in_the_dead_letter_queue_with_the_reason(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, subnet_id, ours = served(days)
    event = forged(days, vpc_id, subnet_id)
    waits: list[float] = []
    monkeypatch.setattr(Queue, "retry_in", lambda _, __, after, **___: waits.append(after.total_seconds() / 60))
    for receives in range(1, MOST_RECEIVES):
        assert days.try_to_deliver(event, receives=receives) == ["m-0"]
        assert is_untouched(days, vpc_id, ours)
    assert waits == [1, 4, 10, 15]
    assert days.try_to_deliver(event, receives=MOST_RECEIVES) == []
    assert is_untouched(days, vpc_id, ours)
    (letter,) = days.world.dead_letters()
    reason = letter["MessageAttributes"]["reason"]["StringValue"]
    assert f"CloudTrail's Event history has no call {event['detail']['eventID']} to EC2" in reason
    assert json.loads(letter["Body"]) == event


def test_a_refused_call_counts_as_soon_as_event_history_has_it(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    event = refused(days, theirs(days, vpc_id, subnet_id))
    record = RECORDED.pop(event["detail"]["eventID"])
    assert days.try_to_deliver(event) == ["m-0"]
    assert is_untouched(days, vpc_id, ours)
    RECORDED[record["eventID"]] = record
    assert days.try_to_deliver(event, receives=2) == []
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False
    assert frozen(vpc_id) == ["monitoring"]


def test_a_refused_call_counts_as_cloudtrail_recorded_it_whatever_the_message_makes_of_it(days: Days) -> None:
    victim, victims_subnet, ours = served(days)
    other = days.world.make_vpc(cidr="10.9.0.0/16")
    others_subnet = days.world.make_subnet(other, "10.9.1.0/24")
    days.look(other)
    days.clock.advance(MINUTES)
    (others_endpoint,) = days.live(other)
    made = refused(days, theirs(days, other, others_subnet))
    event = deepcopy(forged(days, victim, victims_subnet))
    event["detail"]["eventID"] = made["detail"]["eventID"]
    assert days.try_to_deliver(event) == []
    assert is_untouched(days, victim, ours)
    assert endpoint(days, others_endpoint)["PrivateDnsEnabled"] is False


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("eventSource", "es.amazonaws.com"),  # OpenSearch has a CreateVpcEndpoint, too
        ("errorCode", "Client.UnauthorizedOperation"),
        ("recipientAccountId", "999999999999"),
        ("awsRegion", "eu-west-1"),
        ("eventName", "DescribeVpcEndpoints"),
    ],
)
def test_an_event_of_another_kind_proves_no_claim(days: Days, member: str, value: str) -> None:
    vpc_id, subnet_id, ours = served(days)
    event = refused(days, theirs(days, vpc_id, subnet_id))
    RECORDED[event["detail"]["eventID"]] = {**event["detail"], member: value}
    days.try_to_deliver(event)
    assert is_untouched(days, vpc_id, ours)


@pytest.mark.parametrize("event_id", ["1", "*", "0d5c92cb-8b4f-4b0a-9a39-2f8f5b7e4a11' OR '1'='1"])
def test_what_is_no_event_id_is_never_looked_up(days: Days, event_id: str) -> None:
    vpc_id, subnet_id, ours = served(days)
    event = forged(days, vpc_id, subnet_id)
    event["detail"]["eventID"] = event_id
    with calls("cloudtrail") as made:
        assert days.try_to_deliver(event) == ["m-0"]
    assert made == []
    assert is_untouched(days, vpc_id, ours)


def test_where_event_history_cant_be_read_the_claim_waits_and_all_else_in_the_batch_is_done(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    event = refused(days, theirs(days, vpc_id, subnet_id))
    other = days.world.make_vpc(cidr="10.9.0.0/16")
    days.world.make_subnet(other, "10.9.1.0/24")
    with failing("cloudtrail", "LookupEvents", "AccessDeniedException"):
        assert days.try_to_deliver(event, {"vpc_ids": [other]}) == ["m-0"]
    days.clock.advance(MINUTES)
    assert is_untouched(days, vpc_id, ours)
    assert len(days.live(other)) == 1


def test_a_flood_of_refused_calls_costs_few_look_ups_and_loses_none(days: Days) -> None:
    vpc_id, subnet_id, _ = served(days)
    events = [forged(days, vpc_id, subnet_id) for _ in range(3 * MOST_LOOKED_UP)]
    with calls("cloudtrail") as made:
        kept = days.try_to_deliver(*events)
    assert len(made) == MOST_OF_ONE
    assert len(kept) == len(events)


def test_whoever_may_invoke_the_function_needs_no_proof(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    days.call(forged(days, vpc_id, subnet_id))
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False


def test_a_claim_waits_longer_than_cloudtrail_may_take() -> None:
    assert len(WAITS) == MOST_RECEIVES - 1
    assert sum(wait.total_seconds() for wait in WAITS) == 30 * 60


@pytest.mark.parametrize("vpcs", [1, 5])  # 5 are AWS's quota of a region (VPC guide: Amazon VPC quotas)
def test_somebodys_own_refused_calls_dont_keep_others_from_being_heard(days: Days, vpcs: int) -> None:
    vpc_id, subnet_id, ours = served(days)
    owns = [days.world.make_vpc(cidr=f"10.{number}.0.0/16") for number in range(9, 9 + vpcs)]
    flood = [deepcopy(refused_in(days, own, subnet_id)) for own in owns for _ in range(30 // vpcs)]
    days.try_to_deliver(*flood, refused(days, theirs(days, vpc_id, subnet_id)))
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False


def test_refused_calls_on_many_endpoints_of_ones_own_dont_keep_others_from_being_heard(days: Days) -> None:
    """A VPC has 50 interface endpoints, so that whoever has one has many resources to be refused on."""
    vpc_id, subnet_id, ours = served(days)
    wanted = {"PrivateDnsEnabled": True}
    flood = [
        record_call(
            "ModifyVpcEndpoint",
            {"VpcEndpointId": f"vpce-{number:017x}", **wanted},
            failure=CONFLICT,
            identity=Identity("team-b-dev", session=f"session-{number}"),
            at=days.clock(),
        )
        for number in range(MOST_LOOKED_UP + 1)
    ]
    days.try_to_deliver(*flood, refused(days, theirs(days, vpc_id, subnet_id)))
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False


def test_refused_calls_of_some_callers_in_the_same_vpc_dont_keep_another_from_being_heard(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    flood = [refused_of_logs(days, vpc_id, subnet_id, f"role-{number}") for number in range(MOST_LOOKED_UP - 1)]
    days.try_to_deliver(*flood, refused(days, theirs(days, vpc_id, subnet_id)))
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False


def test_a_refused_call_that_had_to_wait_goes_before_those_that_came_since(days: Days) -> None:
    """However many callers there are in each batch, a claim doesn't end among the dead letters for that."""
    vpc_id, subnet_id, _ = served(days)
    settings = Settings.from_environment()

    def read(event: Any, tries: int) -> Request:
        attributes = {"ApproximateReceiveCount": str(tries), "SentTimestamp": "1772442000000"}
        return read_record({"body": json.dumps(event), "attributes": attributes}, settings.role_arn, REGION)

    others = [refused_of_logs(days, vpc_id, subnet_id, f"role-{number}") for number in range(MOST_LOOKED_UP)]
    flood, late = [read(event, 1) for event in others], refused(days, theirs(days, vpc_id, subnet_id))
    ((left, _),) = prove_claims([*flood, read(late, 1)], EventHistory(), settings, now=days.clock()).failed
    assert left.trigger.event_id == late["detail"]["eventID"]
    proven = prove_claims([*flood, read(late, 2)], EventHistory(), settings, now=days.clock()).requests
    assert proven[0].trigger.event_id == late["detail"]["eventID"]


def test_old_refused_calls_that_are_replayed_take_the_look_up_of_none_that_counts(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    archived = [refused_in(days, vpc_id, subnet_id, identity=Identity(f"role-{number}")) for number in range(12)]
    days.clock.advance(CLAIM_HOLDS)
    days.try_to_deliver(*archived, refused(days, theirs(days, vpc_id, subnet_id)))
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False


def refused_of_logs(days: Days, vpc_id: str, subnet_id: str, role: str) -> Any:
    """A record of a call that was refused, but not because of Lifeline's own endpoint."""
    failure = Failure(CONFLICT.code, CONFLICT.message.replace("monitoring", "logs"))
    return deepcopy(refused_in(days, vpc_id, subnet_id, identity=Identity(role), failure=failure))


def refused_in(
    days: Days, vpc_id: str, subnet_id: str, *, identity: Identity = DEPLOYER, failure: Failure = CONFLICT
) -> Any:
    """A record of a call that EC2 would refuse in somebody's own VPC, each with an id of its own."""
    return record_call(
        "CreateVpcEndpoint",
        theirs(days, vpc_id, subnet_id),
        failure=failure,
        identity=identity,
        at=days.clock(),
        request_id=str(uuid4()),
    )


def test_a_proven_claim_keeps_how_often_its_message_came(days: Days) -> None:
    """By that, a denial is believed or tried again."""
    vpc_id, subnet_id, _ = served(days)
    attributes = {"ApproximateReceiveCount": "2", "SentTimestamp": "1772442000000"}
    body = json.dumps(refused(days, theirs(days, vpc_id, subnet_id)))
    settings = Settings.from_environment()
    request = read_record({"messageId": "m-1", "body": body, "attributes": attributes}, settings.role_arn, REGION)
    (proven,) = prove_claims([request], EventHistory(), settings, now=days.clock()).requests
    assert (proven.tries, proven.message_id, proven.sent_at) == (2, "m-1", request.sent_at)

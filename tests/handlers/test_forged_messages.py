"""A forged message: whoever can put one on a queue gets no network given up, over the whole handler on strict EC2."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lifeline.adapters.store.exemptions import Exemptions
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.network.model import VpcRef
from lifeline.core.requests.calls import MOST_REQUEUES
from lifeline.reconciler.batch import MOST_RECEIVES
from tests.support.days import HOUR, MINUTES, Days
from tests.support.home import HOME
from tests.support.world import emulated_world

DOORS = pytest.mark.parametrize("door", ["changes", "repair-requests"])


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, retire_after_hours=72) as world:
        yield Days(world, monkeypatch)


def served(days: Days, cidr: str = "10.0") -> tuple[str, str]:
    """An isolated VPC with Lifeline's endpoint: its id and its subnet's."""
    vpc_id = days.world.make_vpc(cidr=f"{cidr}.0.0/16")
    subnet_id = days.world.make_subnet(vpc_id, f"{cidr}.1.0/24")
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    days.world.notices()
    days.empty_queue()
    return vpc_id, subnet_id


def state(vpc_id: str) -> VpcState:
    return VpcStore("ledger").load(HOME.vpc(vpc_id))


def gave_up(days: Days) -> list[str]:
    kinds = {"DeleteVpcEndpoints", "ModifyVpcEndpoint", "DeleteSecurityGroup"}
    return [call.operation for call in days.account.calls if call.operation in kinds]


@DOORS
def test_a_release_of_the_region_through_a_queue_deletes_nothing_now_or_later(days: Days, door: str) -> None:
    vpc_ids = [served(days)[0], served(days, "10.9")[0]]
    for body in ({"release": True}, {"vpc_ids": vpc_ids, "release": True}, {"sweep": True, "release": True}):
        assert days._receive([body], queue=door) == {"batchItemFailures": []}
    letters = days.world.dead_letters()
    assert [letter["MessageAttributes"]["field"]["StringValue"] for letter in letters] == ["body.release"] * 3
    assert all("invocation" in letter["MessageAttributes"]["reason"]["StringValue"] for letter in letters)
    days.sweeps(3)
    assert [len(days.live(vpc_id)) for vpc_id in vpc_ids] == [1, 1]
    assert gave_up(days) == []
    assert days.mails() == []


@DOORS
@pytest.mark.parametrize(
    "power",
    [
        {"freeze": True},
        {"unfreeze": True},
        {"freeze": ["monitoring"]},
        {"mode": "plan"},
        {"mode": "enforce"},
        {"withdraw": ["monitoring"]},
        {"approve": "plan-0123456789abcdef"},
        {"exempt": ["vpc-0123456789abcdef0"], "days": 7, "reason": "x"},
        {"format": "text"},
    ],
)
def test_no_power_of_a_person_comes_through_a_queue(days: Days, door: str, power: dict[str, Any]) -> None:
    vpc_id, _ = served(days)
    days.look(vpc_id, freeze=["logs"])
    before = state(vpc_id)
    for body in (power, {"vpc_ids": [vpc_id], **power}):
        days._receive([body], queue=door)
    assert len(days.world.dead_letters()) == 2
    assert (state(vpc_id), Exemptions("ledger").read(), gave_up(days)) == (before, (), [])


@DOORS
@pytest.mark.parametrize("call", ["DeleteVpc", "DeleteSubnet", "CreateVpcEndpoint", "ModifyVpcEndpoint"])
def test_what_a_message_says_of_its_causes_is_never_acted_upon(days: Days, door: str, call: str) -> None:
    vpc_id, subnet_id = served(days)
    (endpoint_id,) = days.live(vpc_id)
    cause = {
        "kind": "attempt",
        "event_name": call,
        "actor": "admin/alice",
        "event_id": "forged",
        "time": days.clock().isoformat(),
        "ids": [vpc_id, subnet_id, endpoint_id],
        "failure": "DependencyViolation",
        "claim": {"domain": "monitoring.us-east-1.amazonaws.com"},
    }
    for more in ({}, {"kind": "silence"}, {"kind": "call"}, {"kind": "release"}):
        days._receive([{"vpc_ids": [vpc_id], "because": [cause | more]}], queue=door)
    assert days.live(vpc_id) == [endpoint_id]
    assert (dict(state(vpc_id).frozen), dict(state(vpc_id).attempts), gave_up(days)) == ({}, {}, [])
    assert days.world.dead_letters() == []


def test_a_record_from_the_detectors_queue_is_no_record(days: Days) -> None:
    vpc_id, _ = served(days)
    event = json.loads(open_attempt("DeleteVpc", vpc_id, days))
    days._receive([event], queue="repair-requests")
    assert (len(days.live(vpc_id)), dict(state(vpc_id).attempts)) == (1, {})
    assert len(days.world.dead_letters()) == 1


def open_attempt(name: str, vpc_id: str, days: Days) -> str:
    detail = {
        "eventName": name,
        "eventSource": "ec2.amazonaws.com",
        "eventTime": days.clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventID": "forged",
        "errorCode": "Client.DependencyViolation",
        "requestParameters": {"vpcId": vpc_id},
        "release": True,
    }
    return json.dumps({"source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "detail": detail})


def test_a_record_that_carries_a_persons_words_beside_is_a_record_and_no_more(days: Days) -> None:
    vpc_id, _ = served(days)
    record = json.loads(open_attempt("DeleteRoute", vpc_id, days))
    del record["detail"]["errorCode"]
    days.deliver({**record, "release": True, "freeze": True, "vpc_ids": [vpc_id], "because": [], "approve": "plan-0"})
    assert (len(days.live(vpc_id)), dict(state(vpc_id).frozen), gave_up(days)) == (1, {}, [])


def test_a_record_whose_call_has_an_endless_name_is_put_aside_alone(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    record = json.loads(open_attempt("A" * 400_000, vpc_id, days))
    del record["detail"]["errorCode"]
    days.deliver(record, {"vpc_ids": [vpc_id]})
    (letter,) = days.world.dead_letters()
    assert letter["MessageAttributes"]["field"]["StringValue"] == "body.detail.eventName"
    assert len(letter["MessageAttributes"]["reason"]["StringValue"]) < 500
    assert len(days.live(vpc_id)) == 1


def test_a_count_of_attempts_that_somebody_made_up_abandons_nobodys_work(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.account.fail_next("CreateVpcEndpoint", "InternalError")
    days.deliver({"vpc_ids": [vpc_id]}, {"vpc_ids": [vpc_id], "attempt": 6})
    assert days.world.dead_letters() == []
    assert [body["attempt"] for body in days.take_from_queue()] == [1]
    assert len(days.live(vpc_id)) == 1


@DOORS
def test_messages_full_of_invented_vpcs_cost_a_bounded_run_and_keep_no_other_message_waiting(
    days: Days, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    invented = [f"vpc-{number:017x}" for number in range(8_000)]
    floods = [{"vpc_ids": invented[first : first + 800]} for first in range(0, 8_000, 800)]
    wanted: list[str] = []
    delete = VpcStore.delete

    def count(store: VpcStore, ref: VpcRef, **more: Any) -> bool:
        wanted.append(ref.vpc_id)
        return delete(store, ref, **more)

    monkeypatch.setattr(VpcStore, "delete", count)
    assert days._receive([*floods, {"vpc_ids": [vpc_id]}], queue=door) == {"batchItemFailures": []}
    assert len(wanted) == 800
    assert len(days.live(vpc_id)) == 1
    put_back = [(body.get("requeued", 1), len(body["vpc_ids"])) for body in days.world.requeue()]
    assert put_back == [(1 if door == "repair-requests" else 2, 100)] * 72


def test_what_a_batch_has_no_room_for_waits_for_its_turn_and_is_never_given_up_for_that(days: Days) -> None:
    """SQS gives a message up after some tries, so waiting must not be one. But nothing waits without end."""
    many = [f"vpc-{place:017x}" for place in range(1000)]
    vpc_id, other = days.world.make_vpc(), days.world.make_vpc(cidr="10.9.0.0/16")
    days.world.make_subnet(vpc_id)
    cause = {"kind": "silence", "event_id": "inc-1", "time": days.clock().isoformat()}
    work = {"vpc_ids": [*many[1:], vpc_id], "attempt": 3, "requeued": 7, "because": [cause]}
    kept = days.try_to_deliver(work, {"vpc_ids": [other]}, receives=MOST_RECEIVES)
    assert (kept, days.live(vpc_id), days.world.dead_letters()) == ([], [], [])
    put_back = days.take_from_queue()
    said = {(body["attempt"], body["requeued"], body["because"][0]["event_id"]) for body in put_back}
    assert said == {(3, 8, "inc-1")}
    assert len(days.live(vpc_id)) == 1

    endless = {"vpc_ids": many, "requeued": MOST_REQUEUES}
    assert days.try_to_deliver(endless, {"vpc_ids": [other]}, receives=MOST_RECEIVES) == []
    (letter,) = days.world.dead_letters()
    assert "in a row" in letter["MessageAttributes"]["reason"]["StringValue"]


def test_where_the_run_fails_nothing_is_put_back_besides(days: Days) -> None:
    """The messages themselves come again: they must not become more while the network can't be read."""
    many = [f"vpc-{place:017x}" for place in range(1000)]
    days.account.fail_next("DescribeSubnets", "InternalError", times=20)
    assert days.try_to_deliver({"vpc_ids": many}, {"vpc_ids": ["vpc-0a"]}) == ["m-0", "m-1"]
    assert days.world.requeue() == []


def test_what_people_may_do_they_still_do_by_an_invocation(days: Days) -> None:
    vpc_id, _ = served(days)
    days.look(vpc_id, freeze=["monitoring"])
    assert set(state(vpc_id).frozen) == {"monitoring"}
    days.look(vpc_id, unfreeze=True)
    assert state(vpc_id).frozen == {}
    assert days.look(vpc_id, mode="plan", release=True)["outcome"] == "planned"
    assert days.look(vpc_id, release=True)["outcome"] == "changed"
    assert days.live(vpc_id) == []
    days.clock.advance(HOUR)


@DOORS
@pytest.mark.parametrize("because", [[], [{"kind": "call"}], [{"kind": "message"}], [{"kind": "release"}, {"kind": 7}]])
def test_what_a_message_asks_for_is_never_called_an_invocation_by_a_person(
    days: Days, door: str, because: list[Any]
) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days._receive([{"vpc_ids": [vpc_id], "because": because}], queue=door)
    (text,) = days.texts()
    assert "A message on a queue asked for this run and didn't say what caused it" in text
    assert "manually" not in text
    entries = days.call({"history": {"vpc_id": vpc_id}})["history"]["entries"]
    assert {cause["kind"] for entry in entries for cause in entry.get("because", [])} == {"message"}
    assert all("a message on a queue" in entry["text"] for entry in entries if entry["kind"] == "action")


def test_a_sweep_that_a_message_asks_for_is_not_called_the_schedules(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days._receive([{"sweep": True}])
    (text,) = days.texts()
    assert "A message on a queue asked for this run" in text
    assert "scheduled" not in text


def test_work_that_a_persons_call_left_is_put_back_as_what_it_is(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.account.fail_next("CreateVpcEndpoint", "InternalError")
    days.look(vpc_id)
    days.mails()
    days.take_from_queue()
    assert "A message on a queue asked for this run" in days.texts()[0]

"""Events on the default bus: as many a call as it takes, what is refused is tried again, and no run ever fails."""

import json
from dataclasses import replace
from typing import Any

import boto3
import pytest

from lifeline.adapters.aws.bus import Bus
from lifeline.core.notices.bus_event import BusEvent, DetailType
from lifeline.core.policy.policy import Policy
from lifeline.core.policy.runbook import RUNBOOK
from tests.support.agents import ENVIRONMENT, client_error, minute
from tests.support.emulator import emulated_aws
from tests.support.log_lines import logged


class Stub:
    """EventBridge, refusing what it is told to: per call, the places of the entries that it doesn't take."""

    def __init__(self, *refused: set[int] | Exception) -> None:
        self.calls: list[list[dict[str, Any]]] = []
        self._refused = list(refused)

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - EventBridge's name
        self.calls.append(Entries)
        refused = self._refused.pop(0) if self._refused else set[int]()
        if isinstance(refused, Exception):
            raise refused
        answers = [
            {"ErrorCode": "ThrottlingException"} if n in refused else {"EventId": "1"} for n in range(len(Entries))
        ]
        return {"FailedEntryCount": len(refused), "Entries": answers}

    @property
    def names(self) -> list[list[str]]:
        return [[json.loads(one["Detail"])["id"] for one in call] for call in self.calls]


def event(name: str = "1", **detail: Any) -> BusEvent:
    return BusEvent(DetailType.PLAN, minute(7), {"schema": "lifeline.event/1", "id": name, **detail})


def events(count: int) -> list[BusEvent]:
    return [event(str(number)) for number in range(count)]


def send(stub: Stub, *notified: BusEvent) -> None:
    Bus(is_on=True, stack_name="lifeline", events=stub).send(notified)


def not_sent(stub: Stub, *sent: BusEvent) -> int:
    """How many of the events are logged as not sent."""
    with logged() as lines:
        send(stub, *sent)
    return sum(line["count"] for line in lines if line["message"] == "events not sent")


def test_an_event_says_whose_it_is_of_what_type_and_when() -> None:
    stub = Stub()
    send(stub, event(vpc_id="vpc-1"))
    ((entry,),) = stub.calls
    assert {name: entry[name] for name in ("Source", "DetailType", "Time")} == {
        "Source": "lifeline",
        "DetailType": "Lifeline Plan",
        "Time": minute(7),
    }
    assert json.loads(entry["Detail"]) == {
        "stack": "lifeline",
        "account": "",
        "runbook_url": f"{RUNBOOK}#endpoints",
        "schema": "lifeline.event/1",
        "id": "1",
        "vpc_id": "vpc-1",
    }


def test_under_a_policy_it_leads_to_the_policys_runbook_and_stays_off_if_it_was() -> None:
    stub, policy = Stub(), replace(Policy(()), runbook_url="https://wiki.example.com")
    Bus("lifeline", events=stub).under(policy).send([event()])
    Bus("lifeline", events=stub).under(replace(policy, sends_events=False)).send([event()])
    Bus("lifeline", events=stub, is_on=False).under(policy).send([event()])
    ((entry,),) = stub.calls
    detail = json.loads(entry["Detail"])
    assert (detail["runbook_url"], detail["stack"]) == ("https://wiki.example.com", "lifeline")


def test_ten_go_in_a_call_in_their_order() -> None:
    stub = Stub()
    send(stub, *events(23))
    assert [len(call) for call in stub.calls] == [10, 10, 3]
    assert [name for call in stub.names for name in call] == [str(number) for number in range(23)]


def test_great_ones_share_a_call_only_as_far_as_its_size_allows() -> None:
    stub = Stub()
    send(stub, *(event(str(number), words="x" * 90_000) for number in range(5)))
    assert [len(call) for call in stub.calls] == [2, 2, 1]
    assert all(sum(len(one["Detail"]) for one in call) <= 200_000 for call in stub.calls)


def test_what_is_too_great_for_any_call_is_sent_without_its_substance() -> None:
    stub = Stub()
    send(stub, event(vpc_id="vpc-1", actions="x" * 300_000))
    detail = json.loads(stub.calls[0][0]["Detail"])
    assert detail.keys() == {"stack", "account", "runbook_url", "schema", "id", "vpc_id", "left_out"}
    assert "bytes are too many" in detail["left_out"]


def test_only_what_was_refused_is_sent_again() -> None:
    stub = Stub({1, 3})
    assert not_sent(stub, *events(5)) == 0
    assert stub.names == [["0", "1", "2", "3", "4"], ["1", "3"]]


def test_what_is_refused_twice_is_counted_and_the_rest_goes_on() -> None:
    stub = Stub({0, 9}, {1})
    assert not_sent(stub, *events(12)) == 1
    assert stub.names[1:] == [["0", "9"], ["10", "11"]]


def test_a_call_that_fails_is_counted_and_raises_nothing() -> None:
    stub = Stub(client_error("AccessDeniedException", "PutEvents"))
    assert not_sent(stub, *events(12)) == 10
    assert stub.names[1:] == [["10", "11"]]


def test_an_account_that_wants_no_events_has_none() -> None:
    stub = Stub()
    Bus(is_on=False, stack_name="lifeline", events=stub).send(events(3))
    assert stub.calls == []


def test_nothing_to_send_is_no_call() -> None:
    stub = Stub()
    send(stub)
    assert stub.calls == []


def test_a_rule_of_ones_own_gets_them_from_the_default_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with emulated_aws():
        bus, sqs = boto3.client("events"), boto3.client("sqs")
        url = sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        bus.put_rule(Name="plans", EventPattern=json.dumps({"source": ["lifeline"], "detail-type": ["Lifeline Plan"]}))
        bus.put_targets(Rule="plans", Targets=[{"Id": "1", "Arn": arn}])
        other = BusEvent(DetailType.ACTION, minute(7), {"id": "2"})
        Bus(is_on=True, stack_name="lifeline").send([event(), other])
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        assert [json.loads(one["Body"])["detail"]["id"] for one in messages] == ["1"]

"""The parts of a run on the detector's queue."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from lifeline.adapters.aws import clients
from lifeline.adapters.aws.detector_queue import Checks
from lifeline.core.errors import TerminalError, TransientError
from lifeline.core.requests.detect import CheckPart, read_event
from tests.support.agents import ENVIRONMENT, REGION, calls, failing
from tests.support.emulator import emulated_aws


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with emulated_aws():
        yield boto3.client("sqs", region_name=REGION).create_queue(QueueName="checks")["QueueUrl"]


def bodies(url: str) -> list[str]:
    sqs, found = clients.client("sqs"), list[str]()
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in batch]
    return found


class PartialSqs:
    """Takes no message whose id is in `refused`, so often; -1 is for ever."""

    def __init__(self, refused: dict[str, int], *, fault: bool = False) -> None:
        self._refused = dict(refused)
        self._fault = fault
        self.taken: list[str] = []

    def send_message_batch(self, *, Entries: list[dict[str, str]], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's
        failed = [entry["Id"] for entry in Entries if self._refused.get(entry["Id"], 0)]
        for id_ in failed:
            self._refused[id_] -= 1
        self.taken += [entry["Id"] for entry in Entries if entry["Id"] not in failed]
        return {"Failed": [{"Id": id_, "SenderFault": self._fault, "Code": "InternalError"} for id_ in failed]}


def test_each_part_is_a_message_that_the_detector_can_read(url: str) -> None:
    Checks(url).send("cloudwatch-agent", "run-1", 2)
    records = [{"body": body, "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:checks"} for body in bodies(url)]
    events = [read_event({"Records": [record]}, checks_queue_url="https://sqs/checks") for record in records]
    parts = [one for one in events if isinstance(one, CheckPart)]
    assert sorted(parts, key=lambda one: one.part) == [
        CheckPart("cloudwatch-agent", "run-1", 0),
        CheckPart("cloudwatch-agent", "run-1", 1),
    ]


def test_ten_parts_go_into_one_call(url: str) -> None:
    with calls("sqs") as made:
        Checks(url).send("w", "run-1", 21)
    assert [len(asked["Entries"]) for _, asked in made] == [10, 10, 1]
    assert sorted(json.loads(body)["check"]["part"] for body in bodies(url)) == [*range(21)]


def test_no_parts_are_no_call(url: str) -> None:
    with calls("sqs") as made:
        Checks(url).send("w", "run-1", 0)
    assert made == []


def test_what_sqs_did_not_take_is_sent_again_and_nothing_else() -> None:
    sqs = PartialSqs({"1": 2})
    Checks("url", sqs).send("w", "run-1", 3)
    assert sqs.taken == ["0", "2", "1"]


def test_what_sqs_never_takes_is_an_error_once_all_others_are_sent() -> None:
    sqs = PartialSqs({"1": -1})
    with pytest.raises(TransientError, match="1 parts of run run-1"):
        Checks("url", sqs).send("w", "run-1", 12)
    assert len(sqs.taken) == 11


def test_what_sqs_finds_wrong_is_not_sent_again() -> None:
    sqs = PartialSqs({"1": 1}, fault=True)
    with pytest.raises(TerminalError, match="InternalError"):
        Checks("url", sqs).send("w", "run-1", 2)
    assert sqs.taken == ["0"]


def test_a_queue_that_cannot_be_reached_is_an_error(url: str) -> None:
    with failing("sqs", "SendMessageBatch", "RequestThrottled"), pytest.raises(TransientError):
        Checks(url).send("w", "run-1", 1)

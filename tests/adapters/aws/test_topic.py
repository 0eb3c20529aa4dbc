"""The topics: each protocol gets its form, subscriptions can filter, and chat's failure fails nothing."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sns import sns_backends

from lifeline.adapters.aws.topic import Topic
from lifeline.core.errors import LifelineError
from lifeline.core.notices.forms import MOST_BYTES, email_text
from lifeline.core.notices.notice import Notice, Sender
from lifeline.core.severity import Severity
from tests.support.agents import ENVIRONMENT, REGION, client_error, minute
from tests.support.emulator import emulated_aws

SENDER = Sender("123456789012", REGION, "lifeline")
NOTICE = Notice(
    "endpoints", Severity.WARNING, "[lifeline] a subject", ("It happened.",), next=("Nothing.",), vpc_id="vpc-01234567"
)
OTHER = Notice("policy", Severity.CRITICAL, "[lifeline] another", ("It happened.",), next=("Something.",))


@pytest.fixture
def sns(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with emulated_aws():
        yield boto3.client("sns")


def make_topic(sns: Any, name: str = "notices") -> str:
    return str(sns.create_topic(Name=name)["TopicArn"])


def make_queue(sns: Any, topic_arn: str, name: str, policy: dict[str, Any] | None = None) -> str:
    sqs = boto3.client("sqs")
    url = str(sqs.create_queue(QueueName=name)["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    more = {"Attributes": {"FilterPolicy": json.dumps(policy)}} if policy else {}
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, **more)
    return url


def received(url: str) -> list[dict[str, Any]]:
    found = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(one["Body"]) for one in found]


def sent(topic_arn: str) -> list[Any]:
    return list(sns_backends[DEFAULT_ACCOUNT_ID][REGION].topics[topic_arn].sent_notifications)


def publish(topic_arn: str, *notices: Notice, **more: Any) -> None:
    topic = Topic(topic_arn, SENDER, now=lambda: minute(14), **more)
    for notice in notices:
        topic.publish(notice)


def test_a_queue_gets_the_form_for_machines(sns: Any) -> None:
    topic_arn = make_topic(sns)
    url = make_queue(sns, topic_arn, "heard")
    publish(topic_arn, NOTICE)
    (body,) = received(url)
    form = json.loads(body["Message"])
    assert (form["schema"], form["kind"], form["time"]) == (
        "lifeline.notice/1",
        "endpoints",
        "2026-03-02T09:14:00+00:00",
    )
    assert body["Subject"] == "[lifeline] a subject"


def test_people_get_the_text_and_every_protocol_of_machines_the_json(sns: Any) -> None:
    topic_arn = make_topic(sns)
    publish(topic_arn, NOTICE)
    forms = json.loads(sent(topic_arn)[0][1])
    assert forms.pop("default") == email_text(NOTICE, SENDER)  # e-mail has none of its own
    assert forms.keys() == {"sqs", "lambda", "http", "https", "firehose"}
    assert {json.loads(form)["kind"] for form in forms.values()} == {"endpoints"}


@pytest.mark.parametrize("letter", ["x", '"', "\\", "\u00e9"])
def test_a_message_stays_below_what_sns_takes_whatever_is_in_it(sns: Any, letter: str) -> None:
    topic_arn = make_topic(sns)
    rows = tuple(f"  {letter * 70}" for _ in range(3000))
    publish(topic_arn, Notice("k", Severity.INFO, "s", rows, next=("Nothing.",), facts={"a": letter * MOST_BYTES}))
    assert len(sent(topic_arn)[0][1].encode()) <= 256 * 1024


@pytest.mark.parametrize(
    ("policy", "subjects"),
    [
        ({"vpc_id": ["vpc-01234567"]}, ["[lifeline] a subject"]),
        ({"kind": ["policy"]}, ["[lifeline] another"]),
        (
            {"severity": ["warning", "critical"], "account": ["123456789012"]},
            ["[lifeline] a subject", "[lifeline] another"],
        ),
        ({"vpc_id": [{"exists": False}]}, ["[lifeline] another"]),
        ({"kind": [{"prefix": "incident_"}]}, []),
    ],
)
def test_subscriptions_filter_by_kind_severity_account_and_vpc(
    sns: Any, policy: dict[str, Any], subjects: list[str]
) -> None:
    topic_arn = make_topic(sns)
    url = make_queue(sns, topic_arn, "heard", policy)
    publish(topic_arn, NOTICE, OTHER)
    assert sorted(body["Subject"] for body in received(url)) == subjects


def test_chat_has_a_topic_and_a_form_of_its_own(sns: Any) -> None:
    topic_arn, chat_arn = make_topic(sns), make_topic(sns, "chat")
    publish(topic_arn, NOTICE, chat_topic_arn=chat_arn)
    (notified,) = sent(chat_arn)
    form = json.loads(notified[1])
    assert (form["source"], form["content"]["title"]) == ("custom", "a subject")
    assert notified[3].keys() == {"kind", "severity", "vpc_id", "account"}
    assert len(sent(topic_arn)) == 1


def test_a_chat_topic_that_fails_fails_nothing_and_people_are_told_all_the_same(sns: Any) -> None:
    topic_arn = make_topic(sns)
    publish(topic_arn, NOTICE, chat_topic_arn=f"{topic_arn}-that-is-not-there")
    assert len(sent(topic_arn)) == 1


def test_a_topic_that_fails_is_an_error_and_chat_hears_nothing_before_people_do(sns: Any) -> None:
    chat_arn = make_topic(sns, "chat")
    with pytest.raises(LifelineError, match=r"the notice '\[lifeline\] a subject' could not be published"):
        publish(f"{chat_arn}-that-is-not-there", NOTICE, chat_topic_arn=chat_arn)
    assert sent(chat_arn) == []


def test_throttling_is_an_error_that_names_the_notice() -> None:
    class Throttled:
        def publish(self, **_: Any) -> None:
            raise client_error("Throttling", "Publish")

    with pytest.raises(LifelineError, match="a subject"):
        publish("arn:aws:sns:us-east-1:123456789012:notices", NOTICE, sns=Throttled())

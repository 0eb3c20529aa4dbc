"""Whether anybody hears: confirmed, waiting, and no subscriptions."""

from dataclasses import replace

import pytest

from lifeline.core.doctor.finding import CheckVerdict, Finding, NotRead
from lifeline.core.doctor.people import CHAT_CHECK, Subscription, check_subscriptions

TOPIC = "the topic for notices"
CONFIRMED = Subscription("sqs", "arn:aws:sqs:us-east-1:123456789012:x", "arn:aws:sns:us-east-1:123456789012:t:1a")
WAITING = Subscription("email", "ops@example.com", "PendingConfirmation")


def check(*subscriptions: Subscription) -> Finding:
    return check_subscriptions(subscriptions, topic=TOPIC)


def test_one_confirmed_subscription_is_enough_and_waiting_ones_are_named() -> None:
    assert check(CONFIRMED).says == "The topic for notices has 1 confirmed subscription."
    found = check(CONFIRMED, WAITING)
    assert found.verdict is CheckVerdict.OK
    assert found.says.endswith("Not confirmed: email ops@example[.]com.")


FILTERED = replace(CONFIRMED, filter_policy='{"severity": ["critical"]}')
UNREAD = replace(CONFIRMED, filter_policy=NotRead("AuthorizationError: no"))


def test_who_gets_only_what_a_filter_policy_lets_through_is_named() -> None:
    found = check(CONFIRMED, FILTERED)
    assert found.verdict is CheckVerdict.OK
    assert found.says.endswith(
        "Sent only what its filter policy lets through: sqs arn:aws:sqs:us-east-1:123456789012:x."
    )


@pytest.mark.parametrize(
    ("those", "why"),
    [
        ((FILTERED,), "Every confirmed subscription has a filter policy"),
        ((UNREAD,), "AuthorizationError: no"),
        ((FILTERED, UNREAD, WAITING), "AuthorizationError: no"),
    ],
)
def test_where_none_is_known_to_get_everything_it_is_not_known_whether_anybody_hears(
    those: tuple[Subscription, ...], why: str
) -> None:
    found = check(*those)
    assert found.verdict is CheckVerdict.UNKNOWN
    assert why in found.why
    assert ("filter policies of 1 were not read" in found.says) is (UNREAD in those)


@pytest.mark.parametrize("state", ["PendingConfirmation", "pending confirmation"])
def test_nobody_hears_while_every_subscription_waits_for_its_confirmation(state: str) -> None:
    found = check(Subscription("email", "ops@example.com", state))
    assert found.verdict is CheckVerdict.BAD
    assert "not confirmed: email ops@example[.]com" in found.says
    assert "Confirm" in found.remedy


def test_a_topic_without_subscriptions_is_bad() -> None:
    found = check()
    assert found.verdict is CheckVerdict.BAD
    assert "AlertEmail" in found.remedy
    chat = check_subscriptions((), topic="the topic for chat", check=CHAT_CHECK)
    assert (chat.check, chat.verdict) == (CHAT_CHECK, CheckVerdict.BAD)
    assert "chat channel" in chat.remedy


def test_a_topic_of_another_account_may_not_be_read() -> None:
    found = check_subscriptions(NotRead("AuthorizationError: no"), topic=TOPIC)
    assert (found.verdict, found.why) == (CheckVerdict.UNKNOWN, "AuthorizationError: no")


@pytest.mark.parametrize("state", ["Deleted", ""])
def test_a_subscription_that_was_deleted_hears_nothing(state: str) -> None:
    assert check(Subscription("email", "ops@example.com", state)).verdict is CheckVerdict.BAD

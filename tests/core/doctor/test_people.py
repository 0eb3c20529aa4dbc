"""Whether anybody hears: confirmed, waiting, and no subscriptions."""

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

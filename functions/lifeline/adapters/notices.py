"""Notices go to the stack's SNS topic."""

from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.adapters.clients import client
from lifeline.core.notice import Notice, subject_line
from lifeline.errors import TransientError


class Publishes(Protocol):
    """Whoever can tell people: the topic, or a list in a test."""

    def publish(self, notice: Notice) -> None:
        """Send it, or raise TransientError."""


class Topic:
    """The SNS topic. Attributes `kind` and `severity` let a subscription filter."""

    def __init__(self, topic_arn: str, sns: Any = None) -> None:
        self._topic_arn = topic_arn
        self._sns = sns or client("sns")

    def publish(self, notice: Notice) -> None:
        """Send it. Raises TransientError where SNS didn't take it: the caller must not record it as told."""
        try:
            self._sns.publish(
                TopicArn=self._topic_arn,
                Subject=subject_line(notice.subject),
                Message=notice.text,
                MessageAttributes={
                    "kind": {"DataType": "String", "StringValue": notice.kind},
                    "severity": {"DataType": "String", "StringValue": notice.severity},
                },
            )
        except (ClientError, BotoCoreError) as error:
            raise TransientError(f"the notice {notice.subject!r} could not be published: {error}") from error

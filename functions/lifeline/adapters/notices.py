"""Notices go to the stack's SNS topic."""

from typing import Any, Protocol

from lifeline.adapters.aws import translated
from lifeline.adapters.clients import client
from lifeline.core.notice import Notice, subject_line


class Publishes(Protocol):
    """Whoever can tell people: the topic, or a list in a test."""

    def publish(self, notice: Notice) -> None:
        """Send it, or raise TransientError or TerminalError."""


class Topic:
    """The SNS topic. Attributes `kind` and `severity` let a subscription filter."""

    def __init__(self, topic_arn: str, sns: Any = None) -> None:
        self._topic_arn = topic_arn
        self._sns = sns or client("sns")

    def publish(self, notice: Notice) -> None:
        """Send it. Raises where SNS didn't take it: the caller must not record it as told."""
        with translated(f"the notice {notice.subject!r} could not be published"):
            self._sns.publish(
                TopicArn=self._topic_arn,
                Subject=subject_line(notice.subject),
                Message=notice.text,
                MessageAttributes={
                    "kind": {"DataType": "String", "StringValue": notice.kind},
                    "severity": {"DataType": "String", "StringValue": notice.severity},
                },
            )

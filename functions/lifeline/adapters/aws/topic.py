"""Notices go to the stack's SNS topic, and to the one for chat channels."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import LateClient
from lifeline.core.errors import LifelineError
from lifeline.core.notices.chat import chat_form
from lifeline.core.notices.forms import attributes_of, email_text, machine_text, signed
from lifeline.core.notices.notice import Notice, Sender, subject_line
from lifeline.core.policy.policy import Policy
from lifeline.runtime.observability import logger

_FOR_MACHINES = ("sqs", "lambda", "http", "https", "firehose")


class Topic:
    """The SNS topics: people's and machines' in one, each protocol with its form, and chat's, where there is one."""

    def __init__(
        self,
        topic_arn: str,
        sender: Sender,
        *,
        chat_topic_arn: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sns: Any = None,
    ) -> None:
        self._topic_arn = topic_arn
        self._sender = sender
        self._chat_topic_arn = chat_topic_arn
        self._now = now
        self._sns = sns or LateClient("sns")

    def under(self, policy: Policy) -> "Topic":
        """The same topics, for notices that lead to the policy's runbook."""
        sender = replace(self._sender, runbook_url=policy.runbook_url)
        return Topic(self._topic_arn, sender, chat_topic_arn=self._chat_topic_arn, now=self._now, sns=self._sns)

    def publish(self, notice: Notice) -> None:
        """Send it. Raises where SNS didn't take it: the caller must not record it as sent. That a chat channel wasn't
        notified is only logged, because people would be notified twice.
        """
        now = self._now()
        machine = machine_text(notice, self._sender, now)
        forms = {"default": email_text(notice, self._sender), **dict.fromkeys(_FOR_MACHINES, machine)}
        self._send(self._topic_arn, notice, json.dumps(forms), MessageStructure="json")
        if self._chat_topic_arn:
            try:
                self._send(self._chat_topic_arn, notice, json.dumps(chat_form(notice, self._sender, now)))
            except LifelineError as error:
                logger.error("chat notice not sent", subject=notice.subject, error=str(error))

    def _send(self, topic_arn: str, notice: Notice, message: str, **more: str) -> None:
        with aws_errors(f"the notice {notice.subject!r} could not be published"):
            self._sns.publish(
                TopicArn=topic_arn,
                Subject=subject_line(signed(notice, self._sender).subject),
                Message=message,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    if isinstance(value, str)
                    else {"DataType": "String.Array", "StringValue": json.dumps(value)}
                    for name, value in attributes_of(notice, self._sender).items()
                },
                **more,
            )

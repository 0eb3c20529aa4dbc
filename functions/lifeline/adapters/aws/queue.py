"""The queue of changes: work that is put back, and what is put aside with its reason."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import batched
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.send_batch import delay_seconds
from lifeline.core.requests.trigger import MOST_CAUSES, Trigger, as_json

_PER_MESSAGE = 100
_MOST_BYTES = 1_048_576  # SQS API: SendMessage, the body and its attributes together
_FOR_REASON = 4096
# What is left of all characters by SQS API: SendMessage. The complement takes 6 ms to compile.
_REFUSED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Queue:
    """The changes' queue and its dead-letter queue. What is put back says which member account it is about."""

    def __init__(self, queue_url: str, dead_letter_queue_url: str, sqs: Any = None, *, member: str = "") -> None:
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url
        self._account = {"account": member} if member else {}
        self._sqs = sqs or client("sqs")

    def requeue(
        self,
        vpc_ids: Iterable[str],
        *,
        attempt: int,
        after: timedelta,
        requeued: int = 1,
        follow: bool = False,
        because: Iterable[Trigger] = (),
    ) -> None:
        """Requeues the VPCs, `after` at most 15 minutes; `follow` to see what became of endpoints. `requeued` counts
        how often in a row, this time included.

        What there is to continue is in the ledger: a message says no more than where.
        """
        causes = [as_json(trigger) for trigger in because][:MOST_CAUSES]
        said = ({"follow": True} if follow else {}) | ({"because": causes} if causes else {})
        counted = {"requeued": requeued} if requeued > 1 else {}
        for ids in batched(sorted(set(vpc_ids)), _PER_MESSAGE, strict=False):
            with aws_errors("put work back on the queue"):
                self._send({"vpc_ids": ids, "attempt": attempt, **counted, **said}, after)

    def requeue_sweep(self, *, after: timedelta, because: Iterable[Trigger]) -> None:
        """Requeues a sweep, `after` at most 15 minutes."""
        message = {"sweep": True, "because": [as_json(trigger) for trigger in because][:MOST_CAUSES]}
        with aws_errors("put a sweep back on the queue"):
            self._send(message, after)

    def _send(self, message: Mapping[str, Any], after: timedelta) -> None:
        body = json.dumps({**message, **self._account})
        self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=body, DelaySeconds=delay_seconds(after))

    def abandon(self, vpc_ids: Sequence[str], *, reason: str, follow: bool = False) -> None:
        """Puts the work into the dead-letter queue: from there, it can be sent again as it is."""
        said = {"vpc_ids": vpc_ids} | ({"follow": True} if follow else {})
        self.dead_letter(json.dumps(said | self._account), reason=reason)

    def dead_letter(self, body: str, *, reason: str, field: str = "") -> None:
        """Puts a message into the dead-letter queue, with its reason as attributes `reason` and `field`.

        What SQS doesn't take is escaped, and what doesn't fit beside the reason is cut off.
        """
        attributes = {"reason": {"DataType": "String", "StringValue": _escaped(reason[:1024])}}
        if field:
            attributes["field"] = {"DataType": "String", "StringValue": _escaped(field[:256])}
        fitting = _escaped(body).encode()[: _MOST_BYTES - _FOR_REASON].decode(errors="ignore")
        with aws_errors("put a message aside"):
            self._sqs.send_message(
                QueueUrl=self._dead_letter_queue_url, MessageBody=fitting, MessageAttributes=attributes
            )

    def retry_in(self, receipt_handle: str, after: timedelta, *, queue_url: str = "") -> None:
        """Lets a message that stays on the queue be seen again `after`, not only when its visibility runs out."""
        with aws_errors("make a message visible again"):
            self._sqs.change_message_visibility(
                QueueUrl=queue_url or self._queue_url,
                ReceiptHandle=receipt_handle,
                VisibilityTimeout=int(after.total_seconds()),
            )


def _escaped(text: str) -> str:
    return _REFUSED.sub(lambda found: ascii(found[0])[1:-1], text)

"""Messages to a queue of SQS: many at once, and how long they may be held back."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import batched
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.core.errors import TerminalError, TransientError

_MESSAGES_A_CALL = 10  # SQS API: SendMessageBatch
_TRIES = 4
_LONGEST_DELAY = timedelta(seconds=900)  # SQS API: DelaySeconds

type Send = Callable[..., dict[str, Any]]
"""A client's SendMessageBatch."""


def send_all(send: Send, queue_url: str, entries: Sequence[dict[str, Any]], what: str) -> None:
    """Sends the entries with SendMessageBatch, as many a call as it takes. `what` names them in an error's message.

    A message that SQS refuses stops no other; then this raises TransientError or TerminalError.
    """
    batches = batched(entries, _MESSAGES_A_CALL, strict=False)
    refused = [failure for batch in batches for failure in _send(send, queue_url, batch, what)]
    if refused:
        first = refused[0]
        kind = TerminalError if any(failure["SenderFault"] for failure in refused) else TransientError
        words = f"{len(refused)} {what} were not sent: {first['Code']}: {first.get('Message', '')}"
        raise kind(words, code=first["Code"])


def delay_seconds(delay: timedelta) -> int:
    """`DelaySeconds` of a message that should wait for so long, at most 15 minutes."""
    return int(min(delay, _LONGEST_DELAY).total_seconds())


def _send(send: Send, queue_url: str, entries: Sequence[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    """What SQS didn't take, with its reasons. It answers 200 and takes some (SQS API: SendMessageBatch)."""
    waiting, refused = list(entries), list[dict[str, Any]]()
    for _ in range(_TRIES):
        with aws_errors(f"send {what}"):
            answer = send(QueueUrl=queue_url, Entries=waiting)
        failed = {failure["Id"]: failure for failure in answer.get("Failed", [])}
        refused += [failure for failure in failed.values() if failure["SenderFault"]]
        waiting = [entry for entry in waiting if entry["Id"] in failed and not failed[entry["Id"]]["SenderFault"]]
        if not waiting:
            return refused
    return refused + [failed[entry["Id"]] for entry in waiting]

"""The detector's own queue: the parts of a run that is too long for one invocation."""

import json
from collections.abc import Sequence
from itertools import batched
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import client
from lifeline.core.errors import TerminalError, TransientError

_MESSAGES_A_CALL = 10  # SQS API: SendMessageBatch
_TRIES = 4


class Checks:
    """The queue that hands parts of runs to further invocations."""

    def __init__(self, queue_url: str, sqs: Any = None) -> None:
        self._queue_url = queue_url
        self._sqs = sqs or client("sqs")

    def send(self, watch_name: str, run_id: str, parts: Sequence[Sequence[int]]) -> None:
        """One message for each part, with the numbers of the chunks to check.

        A message that SQS refuses stops no other; then this raises TransientError or TerminalError.
        """
        entries: list[dict[str, str]] = []
        for part, numbers in enumerate(parts):
            check = {"watch": watch_name, "run": run_id, "part": part, "chunks": list(numbers)}
            entries.append({"Id": str(part), "MessageBody": json.dumps({"check": check})})
        batches = batched(entries, _MESSAGES_A_CALL, strict=False)
        refused = [failure for batch in batches for failure in self._send(batch)]
        if refused:
            raise _error(refused, run_id)

    def _send(self, entries: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
        """What SQS didn't take, with its reasons. It answers 200 and takes some (SQS API: SendMessageBatch)."""
        waiting, refused = list(entries), list[dict[str, Any]]()
        for _ in range(_TRIES):
            with aws_errors("send the parts of a run"):
                answer = self._sqs.send_message_batch(QueueUrl=self._queue_url, Entries=waiting)
            failed = {failure["Id"]: failure for failure in answer.get("Failed", [])}
            refused += [failure for failure in failed.values() if failure["SenderFault"]]
            waiting = [entry for entry in waiting if entry["Id"] in failed and not failed[entry["Id"]]["SenderFault"]]
            if not waiting:
                return refused
        return refused + [failed[entry["Id"]] for entry in waiting]


def _error(refused: Sequence[dict[str, Any]], run_id: str) -> TransientError | TerminalError:
    first = refused[0]
    kind = TerminalError if any(failure["SenderFault"] for failure in refused) else TransientError
    words = f"{len(refused)} parts of run {run_id} were not sent: {first['Code']}: {first.get('Message', '')}"
    return kind(words, code=first["Code"])

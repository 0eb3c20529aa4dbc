"""The queue by which Lifeline's own functions ask ReconcileEndpoints to look: at VPCs whose agents are silent, and at
a hub's accounts. No event comes there, so nothing that others do a thousand times is in its way.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import LateClient
from lifeline.adapters.aws.send_batch import delay_seconds, send_all
from lifeline.core.requests.trigger import Trigger, as_json

GROUP = 10
BETWEEN_GROUPS = timedelta(seconds=20)


class RepairRequests:
    """Asks for a reconciliation, and can't ask for anything else."""

    def __init__(self, queue_url: str, sqs: Any = None, *, member: str = "") -> None:
        self._queue_url = queue_url
        self._account = {"account": member} if member else {}
        self._sqs = sqs or LateClient("sqs")

    def send(self, vpc_ids: Iterable[str], because: Iterable[Trigger]) -> None:
        """Asks to reconcile these VPCs. `because` is for the audit log; what was seen is in the ledger."""
        message = {"vpc_ids": sorted(vpc_ids), "because": [as_json(trigger) for trigger in because]} | self._account
        with aws_errors("ask for a repair"):
            self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps(message))

    def sweep_accounts(self, accounts: Sequence[str], *, because: Trigger) -> None:
        """Sends each account's sweep as a message of its own. They begin one group after the other, so that a run gets
        few of them at a time. Raises as `send_all`.
        """
        message = {"sweep": True, "because": [as_json(because)]}
        entries = [
            {
                "Id": account,
                "MessageBody": json.dumps({**message, "account": account}),
                "DelaySeconds": delay_seconds(place // GROUP * BETWEEN_GROUPS),
            }
            for place, account in enumerate(accounts)
        ]
        send_all(self._sqs.send_message_batch, self._queue_url, entries, "sweeps of member accounts")

"""The queue by which the detector asks ReconcileEndpoints to look at VPCs whose agents are silent."""

import json
from collections.abc import Iterable
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import LateClient
from lifeline.core.requests.trigger import Trigger, as_json


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

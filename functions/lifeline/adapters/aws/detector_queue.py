"""The detector's own queue: the parts of a run that is too long for one invocation, and the runs of other accounts."""

import json
from collections.abc import Iterable
from typing import Any

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.send_batch import send_all


class Checks:
    """The queue that hands parts of runs, and whole runs of member accounts, to further invocations. A part says which
    member account it is of.
    """

    def __init__(self, queue_url: str, sqs: Any = None, *, member: str = "") -> None:
        self._queue_url = queue_url
        self._account = {"account": member} if member else {}
        self._sqs = sqs or client("sqs")

    def send(self, watch_name: str, run_id: str, parts: int) -> None:
        """One message for each part, from 0 on. Raises as `send_all`."""
        checks = [{"watch": watch_name, "run": run_id, "part": part} for part in range(parts)]
        entries = [
            {"Id": str(check["part"]), "MessageBody": json.dumps({"check": check, **self._account})} for check in checks
        ]
        send_all(self._sqs.send_message_batch, self._queue_url, entries, f"parts of run {run_id}")

    def detect(self, accounts: Iterable[str]) -> None:
        """One message for each member account, to check all its agents. Raises as `send_all`."""
        entries = [
            {"Id": account, "MessageBody": json.dumps({"detect": True, "account": account})} for account in accounts
        ]
        send_all(self._sqs.send_message_batch, self._queue_url, entries, "runs of member accounts")

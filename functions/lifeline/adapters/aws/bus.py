"""Events go to the account's default EventBridge bus."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import LateClient
from lifeline.core.errors import LifelineError
from lifeline.core.notices.bus_event import SOURCE, BusEvent
from lifeline.core.policy.policy import Policy
from lifeline.core.policy.runbook import RUNBOOK, runbook_link
from lifeline.runtime.observability import logger

_A_CALL = 10  # EventBridge API: PutEvents
_MOST_BYTES = 200_000  # of a call's entries together, which have 256 KB with all fields (EventBridge guide: PutEvents)
_TRIES = 2
# Of a detail that is too large.
_KEPT = ("stack", "account", "runbook_url", "schema", "id", "vpc_id", "incident", "severity", "team", "env")


class Bus:
    """The default bus; without `is_on`, nothing is sent. Each event names the stack and the runbook. What couldn't be
    sent is logged, never raised: the ledger has it all.
    """

    def __init__(
        self,
        stack_name: str = "",
        *,
        account: str = "",
        runbook_url: str = RUNBOOK,
        is_on: bool = True,
        events: Any = None,
    ) -> None:
        self._is_on = is_on
        self._stack_name = stack_name
        self._account = account
        self._runbook_url = runbook_url
        self._events = events or LateClient("events")

    def under(self, policy: Policy) -> "Bus":
        """The same bus, which sends what the policy says."""
        is_on = self._is_on and policy.sends_events
        return Bus(
            self._stack_name, account=self._account, runbook_url=policy.runbook_url, is_on=is_on, events=self._events
        )

    def send(self, events: Iterable[BusEvent]) -> None:
        """Sends the events in their order, ten a call."""
        waiting = [self._entry(event) for event in events] if self._is_on else []
        for entries in _calls(waiting):
            self._put(entries)

    def _put(self, entries: Sequence[dict[str, Any]]) -> None:
        """Sends the entries, tried twice. How many the bus didn't take is logged."""
        left = list(entries)
        for _ in range(_TRIES):
            try:
                with aws_errors("events could not be sent"):
                    answers = self._events.put_events(Entries=left)["Entries"]
            except LifelineError as error:
                logger.error("events not sent", count=len(left), error=str(error))
                return
            left = [entry for entry, answer in zip(left, answers, strict=True) if answer.get("ErrorCode")]
            if not left:
                return
        logger.error("events not sent", count=len(left), error="the event bus refused them twice")

    def _entry(self, event: BusEvent) -> dict[str, Any]:
        runbook = runbook_link(self._runbook_url, event.type.section)
        detail = {"stack": self._stack_name, "account": self._account, "runbook_url": runbook, **event.detail}
        text = json.dumps(detail)
        if len(text) > _MOST_BYTES:
            kept = {name: detail[name] for name in _KEPT if name in detail}
            text = json.dumps(kept | {"left_out": f"{len(text)} bytes are too many; the ledger has them"})
        return {"Source": SOURCE, "DetailType": str(event.type), "Detail": text, "Time": event.at}


def _calls(entries: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The entries in their order, as many a call as it takes by their number and size."""
    a_call: list[dict[str, Any]] = []
    size = 0
    for entry in entries:
        own = len(entry["Detail"])
        if a_call and (len(a_call) == _A_CALL or size + own > _MOST_BYTES):
            yield a_call
            a_call, size = [], 0
        a_call.append(entry)
        size += own
    if a_call:
        yield a_call

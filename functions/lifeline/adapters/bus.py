"""Events go to the account's default EventBridge bus."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from lifeline.adapters.aws import translated
from lifeline.adapters.clients import client
from lifeline.core.bus_events import SOURCE, BusEvent
from lifeline.errors import LifelineError
from lifeline.observability import logger, metrics

_A_CALL = 10  # EventBridge API: PutEvents
_MOST_BYTES = 200_000  # an entry has 256 KB with all its fields (EventBridge API: PutEvents)
_TRIES = 2


class Bus:
    """The default bus; without `is_on`, nothing is sent. What couldn't be sent is logged and counted, never raised: the
    ledger has it all.
    """

    def __init__(self, *, is_on: bool, stack_name: str, events: Any = None) -> None:
        self._is_on = is_on
        self._stack_name = stack_name
        self._events: Any = events or (client("events") if is_on else None)

    def send(self, events: Iterable[BusEvent]) -> None:
        """Sends the events in their order, ten a call."""
        waiting = [self._entry(one) for one in events] if self._is_on else []
        lost = 0
        for start in range(0, len(waiting), _A_CALL):
            lost += self._put(waiting[start : start + _A_CALL])
        if lost:
            metrics.add_metric("EventsNotSent", MetricUnit.Count, lost)

    def _put(self, entries: Sequence[dict[str, Any]]) -> int:
        """How many of the entries the bus didn't take, tried twice."""
        left = list(entries)
        for _ in range(_TRIES):
            try:
                with translated("events could not be sent"):
                    answers = self._events.put_events(Entries=left)["Entries"]
            except LifelineError as error:
                logger.error("events not sent", count=len(left), error=str(error))
                return len(left)
            left = [one for one, answer in zip(left, answers, strict=True) if "ErrorCode" in answer]
            if not left:
                return 0
        logger.error("events not sent", count=len(left), error="the bus refused them twice")
        return len(left)

    def _entry(self, event: BusEvent) -> dict[str, Any]:
        detail = {"stack": self._stack_name, **event.detail}
        text = json.dumps(detail)
        if len(text) > _MOST_BYTES:
            kept = {name: detail[name] for name in ("stack", "schema", "id", "vpc_id", "incident") if name in detail}
            text = json.dumps(kept | {"left_out": f"{len(text)} bytes are too many; the ledger has them"})
        return {"Source": SOURCE, "DetailType": str(event.type), "Detail": text, "Time": event.at}

"""CloudTrail's Event history: whether a call really was made, from CloudTrail itself."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from time import sleep
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.core.errors import TransientError

MOST_PAGES = 20  # of one call's events, 50 a page (CloudTrail API: LookupEvents)
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 16.0


class EventHistory:
    """The management events of the last 90 days in this account and Region, which only AWS writes. It needs no trail.
    CloudTrail takes 5 minutes on average, and promises no time (CloudTrail guide: Event history, getting log files).

    `patience` is for how many seconds in all it waits where pages by name are throttled, for others may ask, too: each
    time twice as long.
    """

    def __init__(
        self, client: ClientOf = client, *, patience: float = 0, wait: Callable[[float], None] | None = None
    ) -> None:
        self._client = client
        self._patience = patience
        self._wait = wait or sleep

    def find(self, event_id: str) -> dict[str, Any] | None:
        """CloudTrail's record of the event; None where there is none (yet). Raises ours.

        CloudTrail answers two such calls a second in an account and Region (CloudTrail API: LookupEvents).
        """
        cloudtrail = self._client("cloudtrail")  # late: hardly any run needs it
        wanted = [{"AttributeKey": "EventId", "AttributeValue": event_id}]
        with aws_errors("look an event up in Event history"):
            found = cloudtrail.lookup_events(LookupAttributes=wanted)["Events"]
        records = [json.loads(event["CloudTrailEvent"]) for event in found]
        return next((record for record in records if record.get("eventID") == event_id), None)

    def named(
        self, name: str, since: datetime, until: datetime, before: Callable[[], None]
    ) -> tuple[list[dict[str, Any]], bool]:
        """CloudTrail's records of the calls of this name, the newest first, and whether there are more than are read.

        `before` is called before each page. Raises ours, and what `before` raises.
        """
        pages = self.pages(name, since, until, before)
        first = [*islice(pages, MOST_PAGES)]
        return [record for records, _ in first for record in records], first[-1][1]

    def pages(
        self, name: str, since: datetime, until: datetime, before: Callable[[], None]
    ) -> Iterator[tuple[list[dict[str, Any]], bool]]:
        """The same page by page, all of them, each with whether there are more: what was read stays read where a later
        page can't be.
        """
        wanted = [{"AttributeKey": "EventName", "AttributeValue": name}]
        request: dict[str, Any] = {"LookupAttributes": wanted, "StartTime": since, "EndTime": until}
        while True:
            page = self._page(name, request, before)
            more = page.get("NextToken")
            yield [json.loads(event["CloudTrailEvent"]) for event in page["Events"]], bool(more)
            if not more:
                return
            request["NextToken"] = more

    def _page(self, name: str, request: Mapping[str, Any], before: Callable[[], None]) -> dict[str, Any]:
        cloudtrail, pause = self._client("cloudtrail"), _FIRST_PAUSE
        while True:
            before()
            try:
                with aws_errors(f"look the events of {name} up in Event history"):
                    page: dict[str, Any] = cloudtrail.lookup_events(**request)
                    return page
            except TransientError:
                if pause > self._patience:
                    raise
            self._patience -= pause
            self._wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

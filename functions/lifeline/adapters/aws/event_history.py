"""CloudTrail's Event history: whether a call really was made, from CloudTrail itself."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import ClientOf, client

MOST_PAGES = 20  # of one call's events, 50 a page (CloudTrail API: LookupEvents)


class EventHistory:
    """The management events of the last 90 days in this account and Region, which only AWS writes. It needs no trail.
    CloudTrail takes 5 minutes on average, and promises no time (CloudTrail guide: Event history, getting log files).
    """

    def __init__(self, client: ClientOf = client) -> None:
        self._client = client

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
        cloudtrail = self._client("cloudtrail")
        wanted = [{"AttributeKey": "EventName", "AttributeValue": name}]
        records: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            before()
            with aws_errors(f"look the events of {name} up in Event history"):
                page = cloudtrail.lookup_events(LookupAttributes=wanted, StartTime=since, EndTime=until, **token)
            records += [json.loads(event["CloudTrailEvent"]) for event in page["Events"]]
            if not page.get("NextToken"):
                return records, False
            token = {"NextToken": page["NextToken"]}
        return records, True

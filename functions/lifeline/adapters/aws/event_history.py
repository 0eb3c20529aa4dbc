"""CloudTrail's Event history: whether a call really was made, from CloudTrail itself."""

import json
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import ClientOf, client


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

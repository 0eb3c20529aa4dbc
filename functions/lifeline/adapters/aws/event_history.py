"""CloudTrail's Event history: whether a call really was made, from CloudTrail itself."""

import json
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import client


class EventHistory:
    """The management events of the last 90 days in this account and Region, which only AWS writes. It needs no trail.
    CloudTrail takes 5 minutes on average, and promises no time (CloudTrail guide: Event history, getting log files).
    """

    def __init__(self, cloudtrail: Any = None) -> None:
        self._cloudtrail = cloudtrail

    def find(self, event_id: str) -> dict[str, Any] | None:
        """CloudTrail's record of the event; None where there is none (yet). Raises ours.

        CloudTrail answers two such calls a second in an account and Region (CloudTrail API: LookupEvents).
        """
        if self._cloudtrail is None:  # late: hardly any run needs it
            self._cloudtrail = client("cloudtrail")
        wanted = [{"AttributeKey": "EventId", "AttributeValue": event_id}]
        with aws_errors("look an event up in Event history"):
            found = self._cloudtrail.lookup_events(LookupAttributes=wanted)["Events"]
        records = [json.loads(event["CloudTrailEvent"]) for event in found]
        return next((record for record in records if record.get("eventID") == event_id), None)

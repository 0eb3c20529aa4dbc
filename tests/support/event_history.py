"""CloudTrail's Event history in moto, which has none: the calls that `record_call` recorded in this process, and those
of which `events/` holds the record.
"""

import json
from functools import cache
from typing import Any

from moto.cloudtrail.responses import CloudTrailResponse

from tests.support.cloudtrail import RECORDED
from tests.support.repository import ROOT


@cache
def teach_event_history() -> None:
    """Let moto, in this process, answer LookupEvents for an event's id (CloudTrail API: LookupEvents)."""
    CloudTrailResponse.lookup_events = _lookup_events


def recorded(event_id: str) -> Any:
    """CloudTrail's record of the event; None where there is none."""
    return RECORDED.get(event_id) or _examples().get(event_id)


@cache
def _examples() -> dict[str, Any]:
    events = [json.loads(path.read_text("utf-8")) for path in ROOT.glob("events/attempts/*.json")]
    return {event["detail"]["eventID"]: event["detail"] for event in events}


def _lookup_events(self: Any) -> str:
    (wanted,) = self._get_param("LookupAttributes")
    if wanted["AttributeKey"] != "EventId":
        raise NotImplementedError(wanted["AttributeKey"])
    record = recorded(wanted["AttributeValue"])
    found = [{"EventId": record["eventID"], "CloudTrailEvent": json.dumps(record)}] if record else []
    return json.dumps({"Events": found})

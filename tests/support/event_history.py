"""CloudTrail's Event history in moto, which has none: the calls that `record_call` recorded in this process, and those
of which `events/` holds the record.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

from moto.cloudtrail.responses import CloudTrailResponse

from tests.support.cloudtrail import RECORDED
from tests.support.repository import ROOT

_PAGE = 50  # CloudTrail API: LookupEvents


@cache
def teach_event_history() -> None:
    """Let moto, in this process, answer LookupEvents by event id or by name (CloudTrail API: LookupEvents)."""
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
    match wanted["AttributeKey"]:
        case "EventId":
            records = [record] if (record := recorded(wanted["AttributeValue"])) else []
        case "EventName":
            times = [datetime.fromtimestamp(self._get_param(name), UTC) for name in ("StartTime", "EndTime")]
            records = list(_named(wanted["AttributeValue"], *times))
        case other:
            raise NotImplementedError(other)
    first = int(self._get_param("NextToken") or 0)
    page = [{"EventId": one["eventID"], "CloudTrailEvent": json.dumps(one)} for one in records[first : first + _PAGE]]
    more = {"NextToken": str(first + _PAGE)} if len(records) > first + _PAGE else {}
    return json.dumps({"Events": page, **more})


def _named(name: str, since: datetime, until: datetime) -> Iterator[Any]:
    for record in RECORDED.values():
        if record["eventName"] == name and since <= datetime.fromisoformat(record["eventTime"]) <= until:
            yield record

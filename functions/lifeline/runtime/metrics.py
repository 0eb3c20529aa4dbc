"""The one metric of ReconcileEndpoints, as a line of its log: Powertools' metrics would cost each cold start more."""

import json
from datetime import datetime

EVENT_PATH_SECONDS = "EventPathSeconds"
_NAMESPACE = "Lifeline"


def publish_event_path(seconds: float, *, stack: str, now: datetime) -> None:
    """One datapoint (CloudWatch guide: embedded metric format). All of a hub's accounts share the metric, so that its
    maximum is the worst of them.
    """
    about = {
        "Timestamp": int(now.timestamp() * 1000),
        "CloudWatchMetrics": [
            {
                "Namespace": _NAMESPACE,
                "Dimensions": [["service"]],
                "Metrics": [{"Name": EVENT_PATH_SECONDS, "Unit": "Seconds"}],
            }
        ],
    }
    print(json.dumps({"_aws": about, "service": stack, EVENT_PATH_SECONDS: round(seconds, 3)}), flush=True)  # noqa: T201

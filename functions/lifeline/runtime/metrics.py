"""The stack's own metrics, as lines of the log: Powertools' metrics would cost each cold start more."""

import json
from collections.abc import Mapping
from datetime import datetime

EVENT_PATH_SECONDS = "EventPathSeconds"
_NAMESPACE = "Lifeline"


def publish_metrics(values: Mapping[str, float], *, unit: str, stack: str, now: datetime) -> None:
    """One datapoint of each metric, of one unit (CloudWatch guide: embedded metric format). All accounts of a hub share
    the stack's metrics.
    """
    metrics = [{"Name": name, "Unit": unit} for name in values]
    about = {
        "Timestamp": int(now.timestamp() * 1000),
        "CloudWatchMetrics": [{"Namespace": _NAMESPACE, "Dimensions": [["service"]], "Metrics": metrics}],
    }
    print(json.dumps({"_aws": about, "service": stack, **values}), flush=True)  # noqa: T201


def publish_event_path(seconds: float, *, stack: str, now: datetime) -> None:
    """How long events take to arrive: of a hub's accounts, the metric's maximum is the worst."""
    publish_metrics({EVENT_PATH_SECONDS: round(seconds, 3)}, unit="Seconds", stack=stack, now=now)

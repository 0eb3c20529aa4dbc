"""The detector's metrics, as lines of its log: Powertools' metrics would cost each cold start more."""

import json
from collections.abc import Mapping
from datetime import datetime

NAMESPACE = "Lifeline"


def publish_metrics(values: Mapping[str, float], *, unit: str, stack: str, now: datetime) -> None:
    """One datapoint of each metric, of one unit (CloudWatch guide: embedded metric format). All accounts of a hub share
    the stack's metrics.
    """
    metrics = [{"Name": name, "Unit": unit} for name in values]
    about = {
        "Timestamp": int(now.timestamp() * 1000),
        "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["service"]], "Metrics": metrics}],
    }
    print(json.dumps({"_aws": about, "service": stack, **values}), flush=True)  # noqa: T201

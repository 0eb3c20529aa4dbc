"""The stack's own metrics that ReconcileEndpoints publishes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import LateClient
from lifeline.runtime.metrics import NAMESPACE

EVENT_PATH_SECONDS = "EventPathSeconds"


class OwnMetrics:
    """Published by a call, not by a line of the log: a log of the class INFREQUENT_ACCESS makes no metrics of its lines
    (CloudWatch Logs guide: log classes).
    """

    def __init__(self, stack_name: str, cloudwatch: Any = None) -> None:
        self._dimension: Mapping[str, str] = {"Name": "service", "Value": stack_name}
        self._cloudwatch = cloudwatch or LateClient("cloudwatch")

    def put_event_path(self, seconds: float, now: datetime) -> None:
        """How long events take to arrive. All accounts of a hub share the metric: its maximum is the worst of them."""
        datum = {
            "MetricName": EVENT_PATH_SECONDS,
            "Dimensions": [self._dimension],
            "Timestamp": now,
            "Value": round(seconds, 3),
            "Unit": "Seconds",
        }
        with aws_errors(f"publish the metric {EVENT_PATH_SECONDS}"):
            self._cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])

"""The NAT gateways of a region, and what they have processed: what a plan's endpoints are compared with."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import batched, product
from typing import Any

from lifeline.adapters.aws.calls import pages
from lifeline.adapters.aws.clients import client
from lifeline.core.errors import LifelineError
from tools.region_plan import Nat

_PROCESSED = ("BytesInFromSource", "BytesInFromDestination")  # CloudWatch metrics for NAT gateways
_QUERIES_A_CALL = 500  # CloudWatch API: GetMetricData, MetricDataQueries
_DAYS = timedelta(days=30)
_GB = 10**9


def read_nats(now: datetime, unread: dict[str, str]) -> Mapping[str, Nat]:
    """Each VPC's NAT gateways. Why their traffic can't be read is put into `unread`. Raises ours."""
    described = pages(client("ec2"), "describe_nat_gateways", "NatGateways")
    there = {nat["NatGatewayId"]: nat["VpcId"] for nat in described if nat["State"] == "available"}
    processed: Mapping[str, float] = {}
    try:
        processed = _bytes(sorted(there), now)
    except LifelineError as error:
        unread["traffic of NAT gateways"] = str(error)
    found = {}
    for vpc_id in sorted(set(there.values())):
        own = [id_ for id_, vpc in there.items() if vpc == vpc_id]
        is_known = all(id_ in processed for id_ in own)
        found[vpc_id] = Nat(len(own), sum(processed[id_] for id_ in own) / _GB if is_known else None)
    return found


def _bytes(ids: Iterable[str], now: datetime) -> dict[str, float]:
    """By gateway: what it has processed. One without any datapoint isn't known: that isn't the same as nothing."""
    queries = {f"m{number}": query for number, query in enumerate(product(ids, _PROCESSED))}
    found: dict[str, float] = {}
    for some in batched(queries.items(), _QUERIES_A_CALL, strict=False):
        request = {
            "MetricDataQueries": [_query(name, id_, metric) for name, (id_, metric) in some],
            "StartTime": now - _DAYS,
            "EndTime": now,
        }
        for result in pages(client("cloudwatch"), "get_metric_data", "MetricDataResults", **request):
            if result["Values"]:
                id_ = queries[result["Id"]][0]
                found[id_] = found.get(id_, 0) + sum(result["Values"])
    return found


def _query(name: str, id_: str, metric: str) -> dict[str, Any]:
    dimensions = [{"Name": "NatGatewayId", "Value": id_}]
    about = {"Namespace": "AWS/NATGateway", "MetricName": metric, "Dimensions": dimensions}
    return {"Id": name, "MetricStat": {"Metric": about, "Period": 86_400, "Stat": "Sum"}}

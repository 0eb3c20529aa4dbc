"""Route 53 Resolver's query logs in CloudWatch Logs: which names were asked for, by VPC and instance."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, pages
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.core.errors import TerminalError, TransientError
from lifeline.core.suggest.evidence import Asked

# The fields are those of the records (Route 53 guide: values that appear in Resolver query logs).
QUERY = (
    "filter query_name like /(?i)(amazonaws\\.com(\\.cn)?|amazonwebservices\\.com\\.cn|(api|ecr)\\.aws)\\.$/"
    " | stats count(*) as times by vpc_id, query_name, srcids.instance"
    " | sort times desc | limit 10000"
)
_MOST_GROUPS = 50  # CloudWatch Logs API: StartQuery, logGroupNames
_BETWEEN_POLLS = 1.0
_WAITS = frozenset({"Scheduled", "Running", "Unknown"})


class QueryLogs:
    """What the configurations of query logging in this account and Region deliver to CloudWatch Logs."""

    def __init__(self, client: ClientOf = client, *, wait: Callable[[float], None] = sleep) -> None:
        self._client = client
        self._wait = wait

    def read(
        self, vpc_ids: Collection[str], *, now: datetime, back: timedelta, until: float
    ) -> tuple[tuple[Asked, ...], frozenset[str]]:
        """What was asked for in these VPCs, and those whose queries are logged where they can be read. Raises ours.

        `until` is of the clock `monotonic`. Logs that go to S3 or Firehose aren't read.
        """
        resolver: Any = self._client("route53resolver")
        configured = pages(resolver, "list_resolver_query_log_configs", "ResolverQueryLogConfigs")
        groups = {
            one["Id"]: one["DestinationArn"].partition(":log-group:")[2].removesuffix(":*")
            for one in configured
            if one.get("DestinationArn", "").split(":")[2:3] == ["logs"]
        }
        if not groups:
            return (), frozenset()
        associations = pages(
            resolver, "list_resolver_query_log_config_associations", "ResolverQueryLogConfigAssociations"
        )
        logged = {
            (one["ResourceId"], groups[one["ResolverQueryLogConfigId"]])
            for one in associations
            if one.get("ResolverQueryLogConfigId") in groups and one.get("Status") in {"ACTIVE", "CREATING"}
        }
        # An association may be of a Route 53 Profile, which names no VPC: its log says which VPCs it is of.
        of_profiles = {group for resource_id, group in logged if not resource_id.startswith("vpc-")}
        named = {(vpc_id, group) for vpc_id, group in logged if vpc_id in vpc_ids}
        searched = sorted({group for _, group in named} | of_profiles)
        found: list[Asked] = []
        for start in range(0, len(searched), _MOST_GROUPS):
            found += self._search(searched[start : start + _MOST_GROUPS], now, back, until)
        asked = tuple(one for one in found if one.vpc_id in vpc_ids)
        return asked, frozenset({vpc_id for vpc_id, _ in named} | {one.vpc_id for one in asked})

    def _search(self, groups: list[str], now: datetime, back: timedelta, until: float) -> list[Asked]:
        logs: Any = self._client("logs")
        span = {"startTime": int((now - back).timestamp()), "endTime": int(now.timestamp())}
        with aws_errors("search the query logs"):
            query_id = logs.start_query(logGroupNames=groups, queryString=QUERY, **span)["queryId"]
        while True:
            with aws_errors("read the query logs"):
                answer = logs.get_query_results(queryId=query_id)
            if answer["status"] == "Complete":
                break
            if answer["status"] not in _WAITS:
                raise TerminalError(f"the search of the query logs ended as {answer['status'].lower()}")
            if monotonic() > until:
                raise TransientError("the search of the query logs took too long", code="Late")
            self._wait(_BETWEEN_POLLS)
        rows = ({cell["field"]: cell.get("value", "") for cell in row} for row in answer["results"])
        return [_asked(row) for row in rows if row.get("vpc_id") and row.get("query_name")]


def _asked(row: dict[str, str]) -> Asked:
    return Asked(row["vpc_id"], row["query_name"], int(float(row.get("times") or 0)), row.get("srcids.instance", ""))

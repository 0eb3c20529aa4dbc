"""Route 53 Resolver's query logs in CloudWatch Logs: which names were asked for, by VPC and instance."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched
from time import sleep
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, in_time, pages
from lifeline.adapters.aws.clients import ClientOf, client
from lifeline.core.errors import TerminalError
from lifeline.core.suggest.evidence import Asked
from lifeline.core.wording import quoted

_MOST_ROWS = 10_000  # CloudWatch Logs guide: Logs Insights query syntax, limit
# The fields are those of the records (Route 53 guide: values that appear in Resolver query logs).
QUERY = (
    "filter query_name like /(?i)(amazonaws\\.com(\\.cn)?|amazonwebservices\\.com\\.cn|(api|ecr)\\.aws)\\.$/"
    " | stats count(*) as times by vpc_id, query_name, srcids.instance"
    f" | sort times desc | limit {_MOST_ROWS}"
)
_MOST_GROUPS = 50  # CloudWatch Logs API: StartQuery, logGroupNames
_GONE = "ResourceNotFoundException"
_BETWEEN_POLLS = 1.0
_WAITS = frozenset({"Scheduled", "Running", "Unknown"})


class QueryLogs:
    """What the configurations of query logging in this account and Region deliver to CloudWatch Logs."""

    def __init__(self, client: ClientOf = client, *, wait: Callable[[float], None] = sleep) -> None:
        self._client = client
        self._wait = wait

    def read(
        self, vpc_ids: Collection[str], account: str, *, now: datetime, back: timedelta, until: float
    ) -> tuple[tuple[Asked, ...], frozenset[str], str]:
        """What was asked for in these VPCs, those whose queries are logged where they can be read, and why not all of
        it was read: a log group that is gone, or is another account's; or there were too many names. Raises ours.

        `until` is of the clock `monotonic`. Logs that go to S3 or Firehose aren't read.
        """
        resolver: Any = self._client("route53resolver")
        configured = pages(resolver, "list_resolver_query_log_configs", "ResolverQueryLogConfigs")
        groups = {one["Id"]: arn for one in configured if (arn := _group_arn(one.get("DestinationArn", "")))}
        if not groups:
            return (), frozenset(), ""
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
        search = _Search(self._client("logs"), self._wait, now, back, until)
        groups_of_vpcs = sorted({group for _, group in named} | of_profiles)
        for group in groups_of_vpcs:
            if (owner := group.split(":")[4]) != account:
                search.skipped[group] = f"log group {quoted(_name(group))} is of account {owner}"
        search.all([group for group in groups_of_vpcs if group not in search.skipped])
        asked = tuple(one for one in search.found if one.vpc_id in vpc_ids)
        seen = {vpc_id for vpc_id, group in named if group not in search.skipped} | {one.vpc_id for one in asked}
        return asked, frozenset(seen), "; ".join([*search.skipped.values(), *search.cut])


@dataclass(frozen=True, slots=True)
class _Search:
    """The search of log groups, by their ARNs: what was found, which were skipped, and what was cut, in words."""

    logs: Any
    wait: Callable[[float], None]
    now: datetime
    back: timedelta
    until: float
    found: list[Asked] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)

    def all(self, groups: Sequence[str]) -> None:
        """Search the groups, as many at once as may be; one that is gone is told by searching each alone."""
        for chunk in batched(groups, _MOST_GROUPS, strict=False):
            try:
                self._search(chunk)
            except TerminalError as error:
                if error.code != _GONE:
                    raise
                if len(chunk) == 1:
                    self.skipped[chunk[0]] = f"log group {quoted(_name(chunk[0]))} doesn't exist"
                    continue
                for group in chunk:
                    self.all([group])

    def _search(self, groups: Sequence[str]) -> None:
        names = [_name(group) for group in groups]
        span = {"startTime": int((self.now - self.back).timestamp()), "endTime": int(self.now.timestamp())}
        with aws_errors("search the query logs"):
            query_id = self.logs.start_query(logGroupNames=names, queryString=QUERY, **span)["queryId"]
        while True:
            with aws_errors("read the query logs"):
                answer = self.logs.get_query_results(queryId=query_id)
            if answer["status"] == "Complete":
                break
            if answer["status"] not in _WAITS:
                raise TerminalError(f"the search of the query logs ended as {answer['status'].lower()}")
            in_time(self.until)
            self.wait(_BETWEEN_POLLS)
        if len(answer["results"]) >= _MOST_ROWS:
            self.cut.append(f"only the {_MOST_ROWS:,} names that were asked for most were read")
        rows = ({cell["field"]: cell.get("value", "") for cell in row} for row in answer["results"])
        self.found.extend(_asked(row) for row in rows if row.get("vpc_id") and row.get("query_name"))


def _group_arn(destination: str) -> str:
    """The ARN of a log group, without its end; empty for other destinations."""
    return destination.removesuffix(":*") if destination.split(":")[2:3] == ["logs"] else ""


def _name(group: str) -> str:
    return group.partition(":log-group:")[2]


def _asked(row: dict[str, str]) -> Asked:
    return Asked(row["vpc_id"], row["query_name"], int(float(row.get("times") or 0)), row.get("srcids.instance", ""))

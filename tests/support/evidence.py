"""What moto lacks of evidence: IAM's access advisor, and Logs Insights beyond `fields`, `sort` and `limit`.

The advisor's answers are arranged by a test, in AWS's shape (IAM API: GetServiceLastAccessedDetails): a job that is in
progress when it is first asked for, and pages. The one query that Lifeline sends is carried out as it is written, from
its text: its regular expression, what it groups by, and its limit (CloudWatch Logs guide: Logs Insights query syntax).
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.responses import IamResponse
from moto.logs import models as logs_models

_QUERY = re.compile(
    r"filter query_name like /(?P<like>.+)/ \| stats count\(\*\) as times by (?P<by>[\w., ]+)"
    r" \| sort times desc \| limit (?P<limit>\d+)"
)
_A_PAGE = 3


@dataclass
class Advisor:
    """What each role called, by the role's name: namespace, time and Region. `asked` are the jobs that were begun."""

    calls: dict[str, list[tuple[str, datetime | None, str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    polls: Counter[str] = field(default_factory=Counter)
    failing: set[str] = field(default_factory=set)

    def begin(self, arn: str) -> dict[str, Any]:
        self.asked.append(arn.rpartition("/")[2])
        return {"JobId": f"job-{arn.rpartition('/')[2]:>40}"}

    def answer(self, job: str, marker: str | None) -> dict[str, Any]:
        role = job.removeprefix("job-").strip()
        times = {"JobCreationDate": datetime(2026, 1, 1), "JobCompletionDate": datetime(2026, 1, 1)}  # noqa: DTZ001
        self.polls[role] += 1
        if self.polls[role] == 1:
            return {**times, "JobStatus": "IN_PROGRESS", "ServicesLastAccessed": []}
        if role in self.failing:
            error = {"Message": "Report is too large", "Code": "Failed"}
            return {**times, "JobStatus": "FAILED", "ServicesLastAccessed": [], "Error": error}
        start = int(marker or 0)
        page = self.calls.get(role, [])[start : start + _A_PAGE]
        more = start + _A_PAGE < len(self.calls.get(role, []))
        return {
            **times,
            "JobStatus": "COMPLETED",
            "IsTruncated": more,
            **({"Marker": str(start + _A_PAGE)} if more else {}),
            "ServicesLastAccessed": [_service(*call) for call in page],
        }


def _service(namespace: str, at: datetime | None, region: str) -> dict[str, Any]:
    used = {"LastAuthenticated": at, "LastAuthenticatedRegion": region} if at else {}
    return {
        "ServiceName": namespace,
        "ServiceNamespace": namespace,
        "TotalAuthenticatedEntities": int(bool(at)),
        **used,
    }


def teach_advisor(advisor: Advisor) -> None:
    """Let moto, in this process, answer by this advisor from now on."""

    def generate(self: Any) -> ActionResult:
        return ActionResult(advisor.begin(self._get_param("Arn")))

    def get(self: Any) -> ActionResult:
        return ActionResult(advisor.answer(self._get_param("JobId"), self._get_param("Marker")))

    IamResponse.generate_service_last_accessed_details = generate
    IamResponse.get_service_last_accessed_details = get


@cache
def teach_insights() -> None:
    """Let moto, in this process, carry out the query of Resolver's logs, and any other as before."""
    before = logs_models.execute_query

    def execute(log_groups: Sequence[Any], query: str, start_time: int, end_time: int) -> list[dict[str, Any]]:
        found = _QUERY.fullmatch(query)
        if not found:
            return list(before(log_groups, query, start_time, end_time))
        events = [event for group in log_groups for stream in group.streams.values() for event in stream.events]
        times = [one for one in events if start_time * 1000 <= one.timestamp <= end_time * 1000]
        records = [json.loads(one.message) for one in times]
        like, by = re.compile(found["like"]), [name.strip() for name in found["by"].split(",")]
        counted = Counter(
            tuple(_value(record, name) for name in by) for record in records if like.search(record["query_name"])
        )
        return [
            {name: value for name, value in zip(by, key, strict=True) if value} | {"times": count}
            for key, count in counted.most_common(int(found["limit"]))
        ]

    logs_models.execute_query = execute


def _value(record: Mapping[str, Any], name: str) -> str:
    value: Any = record
    for part in name.split("."):
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    return str(value)


def query_record(vpc_id: str, name: str, instance: str = "") -> str:
    """A record of Resolver's query log (Route 53 guide: Resolver query log example)."""
    return json.dumps(
        {
            "version": "1.100000",
            "account_id": "123456789012",
            "region": "us-east-1",
            "vpc_id": vpc_id,
            "query_timestamp": "2026-11-20T09:00:00Z",
            "query_name": name,
            "query_type": "A",
            "query_class": "IN",
            "rcode": "NOERROR",
            "answers": [{"Rdata": "192.0.2.1", "Type": "A", "Class": "IN"}],
            "srcaddr": "10.0.1.5",
            "srcport": "54321",
            "transport": "UDP",
            **({"srcids": {"instance": instance}} if instance else {}),
        }
    )

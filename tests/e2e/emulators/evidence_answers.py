"""What emulators lack of evidence, as AWS answers it: IAM's access advisor, and a Logs Insights query that counts.

The advisor's answers are arranged by a test, in AWS's shape (IAM API: GetServiceLastAccessedDetails): a job that is in
progress when it is first asked for, and pages. The one query that Lifeline sends is carried out as it is written, from
its text: its regular expression, what it groups by, and its limit (CloudWatch Logs guide: Logs Insights query syntax).
Both emulators use this, and one of them has nothing of ours installed, so it imports nothing of ours either.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

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


def count_queries(query: str, messages: Iterable[str]) -> list[dict[str, Any]] | None:
    """The rows of a query that counts Resolver's records by some of their fields; None for any other query."""
    found = _QUERY.fullmatch(query)
    if not found:
        return None
    records = [json.loads(message) for message in messages]
    like, by = re.compile(found["like"]), [name.strip() for name in found["by"].split(",")]
    counted = Counter(
        tuple(_value(record, name) for name in by) for record in records if like.search(record["query_name"])
    )
    return [
        {name: value for name, value in zip(by, key, strict=True) if value} | {"times": count}
        for key, count in counted.most_common(int(found["limit"]))
    ]


def _value(record: Mapping[str, Any], name: str) -> str:
    value: Any = record
    for part in name.split("."):
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    return str(value)

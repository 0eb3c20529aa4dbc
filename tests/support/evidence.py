"""What moto lacks of evidence: IAM's access advisor, and Logs Insights beyond `fields`, `sort` and `limit`."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.responses import IamResponse
from moto.logs import models as logs_models

from tests.e2e.emulators.evidence_answers import Advisor, count_queries


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
        events = [event for group in log_groups for stream in group.streams.values() for event in stream.events]
        times = [one for one in events if start_time * 1000 <= one.timestamp <= end_time * 1000]
        counted = count_queries(query, (one.message for one in times))
        return list(before(log_groups, query, start_time, end_time)) if counted is None else counted

    logs_models.execute_query = execute


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

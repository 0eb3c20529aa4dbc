"""What workloads used, which ministack doesn't know: see `evidence_answers.py`.

The file LIFELINE_CALLED says what each role called and when, as IAM's access advisor reports it. ministack's own
reports are always empty, and its Logs Insights knows no `stats`. IAM judges these reads by the resources that AWS does
(Service Authorization Reference); ECS's ListTasks of a whole cluster by all (cdklabs/construct-hub#1207).
"""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from evidence_answers import Advisor, count_queries  # type: ignore[import-not-found]
from ministack.core import iam_actions
from ministack.core.responses import json_response, new_uuid
from ministack.services import cloudwatch_logs, iam

CALLED = Path(os.environ["LIFELINE_CALLED"])


def serve_evidence() -> None:
    """As the module says."""
    _report_what_roles_called()
    _count_in_logs()
    _know_the_resources_of_reads()


def _report_what_roles_called() -> None:
    """IAM's access advisor, from the file."""
    advisor = Advisor()

    def generate(request: Any) -> Any:
        called = json.loads(CALLED.read_text("utf-8")) if CALLED.exists() else {}
        advisor.calls = {
            role: [(name, datetime.fromisoformat(at) if at else None, region) for name, at, region in calls]
            for role, calls in called.items()
        }
        return _answer("GenerateServiceLastAccessedDetails", advisor.begin(iam._p(request, "Arn")))

    def get(request: Any) -> Any:
        found = advisor.answer(iam._p(request, "JobId"), iam._p(request, "Marker"))
        return _answer("GetServiceLastAccessedDetails", found)

    iam._IAM_HANDLERS |= {"GenerateServiceLastAccessedDetails": generate, "GetServiceLastAccessedDetails": get}


def _answer(operation: str, content: dict[str, Any]) -> Any:
    return iam._xml(200, f"{operation}Response", f"<{operation}Result>{_xml(content)}</{operation}Result>", ns="iam")


def _xml(value: Any) -> str:
    match value:
        case dict():
            return "".join(f"<{name}>{_xml(part)}</{name}>" for name, part in value.items())
        case list():
            return "".join(f"<member>{_xml(part)}</member>" for part in value)
        case datetime():
            return value.isoformat()
        case bool():
            return str(value).lower()
        case _:
            return escape(str(value))


def _count_in_logs() -> None:
    """Logs Insights carries out Lifeline's query of Resolver's logs."""
    start = cloudwatch_logs._start_query

    def start_query(request: Any) -> Any:
        groups = cloudwatch_logs._resolve_query_log_groups(request)
        records = cloudwatch_logs._collect_query_records(groups, request.get("startTime", 0), request.get("endTime", 0))
        rows = count_queries(request.get("queryString", ""), (record["@message"] for record in records))
        if rows is None or not all(name in cloudwatch_logs._log_groups for name in groups):
            return start(request)
        results = [[{"field": name, "value": str(value)} for name, value in row.items()] for row in rows]
        query_id = new_uuid()
        cloudwatch_logs._queries[query_id] = {"queryId": query_id, "status": "Complete", "results": results}
        return json_response({"queryId": query_id})

    cloudwatch_logs._start_query = start_query


def _know_the_resources_of_reads() -> None:
    extract = iam_actions.extract_resource_arn

    def extract_resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> Any:
        query, region, account_id = more
        if service == "iam" and (found := _of_iam(query, account_id)):
            return found
        action = str(headers.get("x-amz-target", "")).rpartition(".")[2]
        if service in {"ecs", "logs"} and action in _NAMED_BY:
            named = json.loads(body).get(_NAMED_BY[action]) or []
            return next(iter(named), "*") if service == "ecs" else _log_group(named, region, account_id)
        return extract(service, method, path, headers, body, *more)

    iam_actions.extract_resource_arn = extract_resource_arn


# By operation: the member of the request that names what it is on, if any does.
_NAMED_BY = {
    "DescribeContainerInstances": "containerInstances",
    "DescribeServices": "services",
    "DescribeTasks": "tasks",
    "GetQueryResults": "",
    "ListServices": "",
    "ListTasks": "",
    "StartQuery": "logGroupNames",
}


def _of_iam(query: Any, account_id: str) -> str:
    if arn := iam._p(query, "Arn"):
        return str(arn)
    profile = iam._p(query, "InstanceProfileName")
    return f"arn:aws:iam::{account_id}:instance-profile/{profile}" if profile else ""


def _log_group(named: list[str], region: str, account_id: str) -> str:
    return f"arn:aws:logs:{region}:{account_id}:log-group:{next(iter(named), '')}:log-stream:"

"""Agents for tests: builders of values, and a fleet that publishes to moto."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sns import sns_backends

from lifeline.adapters.aws import clients
from lifeline.core.agents.agent import Agent, Gap, State
from lifeline.core.agents.series import Series
from lifeline.core.incidents.diagnose import diagnose
from lifeline.core.incidents.facts import Facts
from lifeline.core.incidents.incident import Cause

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PERIOD = timedelta(minutes=1)
GRACE = timedelta(minutes=5)
REGION = "us-east-1"
TABLE = "ledger"
NAMESPACE = "CWAgent"
ENVIRONMENT = {
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "ROLE_ARN": "arn:aws:iam::123456789012:role/lifeline-DetectRole",
    "STACK_NAME": "lifeline",
    "MODE": "plan",
    "REQUIRED_SERVICES": "monitoring",
    "TABLE_NAME": TABLE,
}


def watch(**fields: int) -> dict[str, Any]:
    """The watch of CloudWatch agents as a policy document says it, with a grace of five minutes."""
    return {"name": "cloudwatch-agent", "grace_seconds": 300, **fields}


def why_silent(known: Facts, now: datetime) -> Cause:
    """The cause of one agent's silence, whatever happens to others."""
    return diagnose({known.agent.entity: known}, now, reporting_by_zone={})[known.agent.entity]


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def series(entity: str = "i-0000000a", metric: str = "mem_used_percent", **more: str) -> Series:
    return Series(metric, tuple(sorted({"InstanceId": entity, **more}.items())))


def agent(entity: str = "i-0000000a", **changes: Any) -> Agent:
    """A remembered agent that reports, last written at minute 0."""
    return replace(Agent(entity, series(entity), seen_at=START), **changes)


def silent_agent(entity: str = "i-0000000a", *, since: datetime | None = None, **changes: Any) -> Agent:
    """An agent whose gap was opened at minute 7; its last datapoint was at minute 0."""
    gap = Gap(since=since or minute(1), opened_at=minute(7))
    return agent(entity, **{"state": State.SILENT, "gap": gap, "openings": (minute(7),), **changes})


def recovered_agent(entity: str = "i-0000000a", *, back_at: datetime, **changes: Any) -> Agent:
    """The same agent, back while its incident is open."""
    gap = Gap(since=minute(1), opened_at=minute(7), ended_at=back_at)
    return agent(entity, **{"gap": gap, "incident": "inc-1", "openings": (minute(7),), **changes})


def expected_agent(entity: str = "i-0000000a", **changes: Any) -> Agent:
    """An agent that its instance's tag has promised since minute 0, and that never reported."""
    return replace(Agent(entity, None, expected_since=START), **changes)


def items_of(dynamodb: Any, pk: str, name: str = TABLE) -> list[dict[str, Any]]:
    """The ledger's items of one partition, as DynamoDB has them."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName=name, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": pk}}
    )
    return [item for page in pages for item in page["Items"]]


def create_table(name: str = TABLE) -> None:
    """The ledger, with the keys and the index that the template gives it."""
    keys: list[Any] = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    places: list[Any] = [
        {"AttributeName": "index_pk", "KeyType": "HASH"},
        {"AttributeName": "index_sk", "KeyType": "RANGE"},
    ]
    boto3.client("dynamodb", region_name=REGION).create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": one["AttributeName"], "AttributeType": "S"} for one in keys + places],
        KeySchema=keys,
        GlobalSecondaryIndexes=[
            {"IndexName": "audit_log", "KeySchema": places, "Projection": {"ProjectionType": "ALL"}},
        ],
    )


def create_topic() -> str:
    return boto3.client("sns", region_name=REGION).create_topic(Name="notices")["TopicArn"]


@dataclass(frozen=True)
class Sent:
    """A notice as a subscriber sees it."""

    subject: str
    text: str
    kind: str


def sent(topic_arn: str) -> list[Sent]:
    topic = sns_backends[DEFAULT_ACCOUNT_ID][REGION].topics[topic_arn]
    return [
        Sent(item[2], json.loads(json.loads(item[1])["sqs"])["text"], item[3]["kind"]["Value"])
        for item in topic.sent_notifications
    ]


def publish(
    *entities: str, at: datetime, metric: str = "mem_used_percent", more: Mapping[str, str] | None = None
) -> None:
    """One datapoint of each entity. Dimensions go in the names' order: unlike AWS, moto minds it."""
    boto3.client("cloudwatch", region_name=REGION).put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [
                    {"Name": name, "Value": value}
                    for name, value in sorted({"InstanceId": entity, **(more or {})}.items())
                ],
                "Timestamp": at,
                "Value": 1.0,
                "StorageResolution": 1,
            }
            for entity in entities
        ],
    )


def launch() -> str:
    return launch_many(1)[0]


def launch_many(count: int) -> list[str]:
    ec2 = boto3.client("ec2", region_name=REGION)
    image = ec2.register_image(Name="any")["ImageId"]
    made = ec2.run_instances(ImageId=image, MinCount=count, MaxCount=count)["Instances"]
    return [instance["InstanceId"] for instance in made]


def client_error(code: str, operation: str = "GetMetricData", status: int = 400) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "made to fail"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)


@contextmanager
def failing(service: str, operation: str, code: str = "AccessDenied") -> Iterator[None]:
    """The package's own client fails in this operation, at once and without retries."""

    def fail(**_: Any) -> None:
        raise client_error(code, operation)

    events = clients.client(service).meta.events
    hook = f"before-call.{service}.{operation}"
    events.register_first(hook, fail)
    try:
        yield
    finally:
        events.unregister(hook, fail)


@contextmanager
def calls(service: str) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The calls that the package's own client makes: operation and parameters."""
    made: list[tuple[str, dict[str, Any]]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        made.append((model.name, params))

    events = clients.client(service).meta.events
    hook = f"provide-client-params.{service}"
    events.register_first(hook, note)
    try:
        yield made
    finally:
        events.unregister(hook, note)

"""What each function reads and writes in the ledger, by runs, is what its role may: no more, and no less."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from tools.template import read_template

from lifeline.handlers import coverage_page, detect_metric_gaps
from tests.support.agents import calls, publish
from tests.support.organization_hub import A, B, Hub, begin, network
from tests.support.policies import Caller, Stack, is_allowed
from tests.support.world import Context

STACK = Stack(read_template(), {"Accounts": "organization", "OrganizationId": "o-a1b2c3d4e5"})
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"}
ROLES = ("ReconcileRole", "DetectRole", "CoverageRole")

type Made = Iterable[tuple[str, Mapping[str, Any]]]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for hub in begin(monkeypatch, f"{A},{B}"):
        url = str(hub.days.world.sqs.create_queue(QueueName="checks")["QueueUrl"])
        monkeypatch.setenv("DETECT_QUEUE_URL", url)
        monkeypatch.setattr(detect_metric_gaps, "_now", hub.days.clock)
        yield hub


def touched(made: Made) -> Iterator[tuple[str, str]]:
    """Each item's partition with the action that IAM asks for (DynamoDB guide: transactions)."""
    for operation, asked in made:
        if operation == "BatchGetItem":
            yield from (
                (operation, key["pk"]["S"]) for table in asked["RequestItems"].values() for key in table["Keys"]
            )
        elif operation == "BatchWriteItem":
            puts = [write["PutRequest"] for table in asked["RequestItems"].values() for write in table]
            yield from ((operation, put["Item"]["pk"]["S"]) for put in puts)
        elif operation == "TransactWriteItems":
            for write in asked["TransactItems"]:
                [(kind, item)] = write.items()
                yield f"{kind}Item", (item.get("Item") or item["Key"])["pk"]["S"]
        elif operation == "Query":
            yield operation, asked["ExpressionAttributeValues"][":pk"]["S"]
        else:
            yield operation, (asked.get("Item") or asked["Key"])["pk"]["S"]


def may(name: str, action: str, partition: str) -> bool:
    who = Caller(policy=tuple(STACK.statements(name)), context={"aws:PrincipalArn": STACK.arn(name)})
    context = {"dynamodb:LeadingKeys": (partition,)}
    return is_allowed(who, f"dynamodb:{action}", STACK.arn("Ledger"), context=context)


def refused(name: str, made: Made) -> set[tuple[str, str]]:
    return {(action, partition) for action, partition in touched(made) if not may(name, action, partition)}


def foreign(name: str, made: Made) -> set[tuple[str, str, str]]:
    """What another role could write of that."""
    writes = {(action, partition) for action, partition in touched(made) if action in WRITES}
    others = [other for other in ROLES if other != name]
    return {(other, *write) for write in writes for other in others if may(other, *write)}


def test_the_reconcilers_runs_touch_what_its_role_may(hub: Hub) -> None:
    days = hub.days
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    there = network(hub.a)
    with calls("dynamodb") as made:
        hub.sweep()
        days.look(vpc_id, freeze=["logs"])
        days.call({"exempt": [vpc_id], "services": ["ssm"], "days": 3, "reason": "a test"})
        days.call({"hand_over": days.live(vpc_id)})
        days.deliver(hub.cut_off(A, hub.a, there))
        days.call({"release": True})
        days.call({"history": {"vpc_id": vpc_id}})
        hub.sweep()
    assert len({partition for _, partition in touched(made)}) > 30
    assert refused("ReconcileRole", made) == set()
    assert {partition for _, _, partition in foreign("ReconcileRole", made)} <= {"EVENT_PATH_CAUSES"}


def test_the_detectors_runs_touch_what_its_role_may(hub: Hub) -> None:
    hub.sweep()
    at = hub.days.clock
    with calls("dynamodb") as made:
        for number in range(17):
            if number < 4:
                publish("web-1", at=at())
            for event in ({"detect": True}, {"detect": True, "account": A}):
                detect_metric_gaps.handler(event, Context())
            at.advance(timedelta(minutes=1))
        detect_metric_gaps.handler({"forget": ["web-1"]}, Context())
    written = {re.split("[#@]", partition)[0] for action, partition in touched(made) if action in WRITES}
    assert written == {"ROSTER", "INCIDENTS", "INCIDENT_LOG", "DETECTOR_RUNS", "DETECTOR_FAILED"}
    assert refused("DetectRole", made) == set()
    assert foreign("DetectRole", made) == set()


def test_the_pages_views_only_read(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.sweep()
    monkeypatch.setattr(coverage_page, "_now", hub.days.clock)
    context = Context(invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:lifeline-CoveragePage")
    with calls("dynamodb") as made:
        for event in ({}, {"account": A}, {"account": "123456789012"}):
            assert "unavailable" not in coverage_page.handler(event, context)
    assert {action for action, _ in touched(made)} == {"GetItem", "BatchGetItem", "Query"}
    assert refused("CoverageRole", made) == set()

"""Hosts with long dimensions: the longest that CloudWatch takes, and many of the longest that count."""

import string
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import boto3
import pytest

from lifeline.adapters.store import roster
from lifeline.adapters.store.roster import Roster
from lifeline.core.errors import LifelineError
from tests.handlers.test_detect_metric_gaps import WATCH, Detector, agents_on_the_roster, detector, have_reported
from tests.support.agents import NAMESPACE, REGION, TABLE, minute, publish
from tests.support.log_lines import logged

__all__ = ["detector"]

SILENT = "[lifeline] web-1 silent: no cause found outside the agent"
LETTERS = string.ascii_letters + string.digits
CHANCE = Random(7)  # noqa: S311 - no two alike, so that nothing gets shorter by being packed


def dimensions(host: str, *lengths: int) -> list[dict[str, str]]:
    values = ["".join(CHANCE.choices(LETTERS, k=length)) for length in lengths]
    return [{"Name": "InstanceId", "Value": host}, *({"Name": f"d{n:02}", "Value": v} for n, v in enumerate(values))]


LONGEST = [dimensions(f"host-{number}", *[1024] * 29) for number in range(20)]
LONG = [dimensions(f"host-{number}", 1000, 900) for number in range(80) for _ in range(4)]
"""Four metrics a host, as many as are kept of it: together more than an item of the ledger holds."""


def hosts(flood: Sequence[Sequence[dict[str, str]]]) -> set[str]:
    return {first["Value"] for first, *_ in flood}


def run(detector: Detector, flood: Sequence[Sequence[dict[str, str]]], *, last: int = 30) -> list[str]:
    """What went wrong until that minute, while web-1 reports for 20 minutes, and web-2 begins with the flood."""
    have_reported("web-1")
    cloudwatch, failures = boto3.client("cloudwatch", region_name=REGION), list[str]()
    for number in range(last + 1):
        if number < 20:
            publish("web-1", at=minute(number))
        if 10 <= number < 14:
            publish("web-2", at=minute(number))
            data: list[Any] = [
                {"MetricName": "x", "Dimensions": one, "Timestamp": minute(number), "Value": 1.0} for one in flood
            ]
            cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
        try:
            detector.call(minute(number) + timedelta(seconds=30))
        except LifelineError as error:
            failures.append(str(error))
    return failures


def test_who_publishes_the_longest_is_left_out_by_name_and_keeps_nobody_else_out(detector: Detector) -> None:
    with logged() as lines:
        assert run(detector, LONGEST) == []
    assert SILENT in [sent.subject for sent in detector.notices]
    assert agents_on_the_roster() == {"web-1", "web-2"}
    said = [line for line in lines if line["message"] == "metrics of agents left out: their dimensions are too long"]
    assert {line["count"] for line in said} == {20}
    assert "'host-0'" in said[0]["entities"]


def test_who_fills_what_one_item_holds_keeps_nobody_out(detector: Detector) -> None:
    assert run(detector, LONG) == []
    assert SILENT in [sent.subject for sent in detector.notices]
    assert agents_on_the_roster() == {"web-1", "web-2"} | hosts(LONG)
    assert len(Roster(TABLE, WATCH.name).sizes()) == 2


def test_where_only_the_ledgers_refusal_shows_that_there_is_no_room_who_was_there_stays_and_the_run_says_so(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "_MOST_BYTES", 10**9)
    failures = run(detector, LONG, last=16)
    assert "web-1" in agents_on_the_roster()
    assert not agents_on_the_roster() & hosts(LONG)
    assert failures
    assert all("left out: the ledger has no room for them" in failure for failure in failures)

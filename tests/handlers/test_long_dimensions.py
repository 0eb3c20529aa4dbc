"""Hosts with the longest dimensions that CloudWatch takes: together they are more than one item of the ledger holds."""

import string
from datetime import timedelta
from random import Random
from typing import Any

import boto3
import pytest

from lifeline.adapters.store import roster
from lifeline.core.errors import LifelineError
from tests.handlers.test_detect_metric_gaps import Detector, agents_on_the_roster, detector, have_reported
from tests.support.agents import NAMESPACE, REGION, minute, publish

__all__ = ["detector"]

HOSTS = [f"host-{number}" for number in range(20)]
LETTERS = string.ascii_letters + string.digits
CHANCE = Random(7)  # noqa: S311 - no two alike, so that nothing gets shorter by being packed
DIMENSIONS = {
    host: [{"Name": f"d{number:02}", "Value": "".join(CHANCE.choices(LETTERS, k=1024))} for number in range(29)]
    for host in HOSTS
}


def flood(at: int) -> None:
    for host in HOSTS:
        dimensions = [{"Name": "InstanceId", "Value": host}, *DIMENSIONS[host]]
        datum: Any = {"MetricName": "x", "Dimensions": dimensions, "Timestamp": minute(at), "Value": 1.0}
        boto3.client("cloudwatch", region_name=REGION).put_metric_data(Namespace=NAMESPACE, MetricData=[datum])


@pytest.mark.parametrize(("most_bytes", "watched"), [(roster._MOST_BYTES, {"web-1", "web-2"}), (10**9, {"web-1"})])
def test_who_publishes_them_keeps_nobody_else_from_being_watched_and_the_run_says_that_some_are_left_out(
    detector: Detector,
    monkeypatch: pytest.MonkeyPatch,
    most_bytes: int,
    watched: set[str],
) -> None:
    """Also where only the ledger's refusal shows that there is no room."""
    monkeypatch.setattr(roster, "_MOST_BYTES", most_bytes)
    have_reported("web-1")
    failures: list[str] = []
    for number in range(35):
        if number < 20:
            publish("web-1", at=minute(number))
        if 10 <= number < 14:
            flood(number)
            publish("web-2", at=minute(number))
        try:
            detector.call(minute(number) + timedelta(seconds=30))
        except LifelineError as error:
            failures.append(str(error))
    assert watched <= agents_on_the_roster()
    assert not agents_on_the_roster().issuperset(HOSTS)
    assert "[lifeline] web-1 silent: no cause found outside the agent" in [sent.subject for sent in detector.notices]
    assert failures
    assert all("left out: the ledger has no room for them" in failure for failure in failures)

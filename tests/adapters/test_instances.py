from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from moto import mock_aws

from lifeline.adapters import clients
from lifeline.adapters.instances import Instances
from lifeline.core.gaps import Instance, Power
from tests.support.agents import ENVIRONMENT, REGION, calls, failing, launch, minute


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    clients.client.cache_clear()
    with mock_aws():
        yield
    clients.client.cache_clear()


class StatedEc2:
    """One instance in this state."""

    def __init__(self, state: str) -> None:
        self._state = state

    def get_paginator(self, _operation: str) -> "StatedEc2":
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        one = {"InstanceId": "i-0000000a", "State": {"Name": self._state}, "LaunchTime": minute(0)}
        return [{"Reservations": [{"Instances": [one]}]}]


@pytest.mark.parametrize(
    ("state", "power"),
    [
        ("pending", Power.DOWN),
        ("running", Power.RUNNING),
        ("stopping", Power.DOWN),
        ("stopped", Power.DOWN),
        ("shutting-down", Power.DOWN),
        ("terminated", Power.GONE),
    ],
)
def test_each_state_says_whether_an_agent_can_be_expected(state: str, power: Power) -> None:
    assert Instances(StatedEc2(state)).look_up(["i-0000000a"]) == {"i-0000000a": Instance(power, minute(0))}


def test_a_running_instance_comes_with_the_time_of_its_launch() -> None:
    id_ = launch()
    found = Instances().look_up([id_])[id_]
    assert found.power is Power.RUNNING
    assert found.launched_at is not None
    assert abs((datetime.now(UTC) - found.launched_at).total_seconds()) < 600


def test_a_stopped_and_a_terminated_instance_are_told_apart() -> None:
    stopped, terminated = launch(), launch()
    ec2 = clients.client("ec2")
    ec2.stop_instances(InstanceIds=[stopped])
    ec2.terminate_instances(InstanceIds=[terminated])
    found = Instances().look_up([stopped, terminated])
    assert (found[stopped].power, found[terminated].power) == (Power.DOWN, Power.GONE)


def test_an_id_that_ec2_does_not_know_is_gone_and_does_not_fail_the_others() -> None:
    id_ = launch()
    found = Instances().look_up([id_, "i-0123456789abcdef0"])
    assert (found[id_].power, found["i-0123456789abcdef0"]) == (Power.RUNNING, Instance(Power.GONE))


@pytest.mark.parametrize("entity", ["web-1", "i-", "i-XYZ", "i-0000000a*", "i-0000000a\n", "mi-0123456789abcdef0"])
def test_what_is_not_an_instance_id_never_reaches_ec2(entity: str) -> None:
    with calls("ec2") as made:
        assert Instances().look_up([entity]) == {}
    assert made == []


def test_200_ids_go_into_one_call() -> None:
    with calls("ec2") as made:
        found = Instances().look_up(f"i-{number:08x}" for number in range(201))
    assert sorted(len(asked["Filters"][0]["Values"]) for _, asked in made) == [1, 200]
    assert len(found) == 201


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "UnauthorizedOperation"])
def test_a_failed_call_leaves_its_instances_unreadable(code: str) -> None:
    with failing("ec2", "DescribeInstances", code):
        assert Instances().look_up(["i-0000000a"]) == {"i-0000000a": Instance(Power.UNREADABLE)}


def test_the_region_is_the_functions_own() -> None:
    assert clients.client("ec2").meta.region_name == REGION

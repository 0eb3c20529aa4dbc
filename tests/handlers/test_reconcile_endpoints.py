"""The whole function in process: events in, endpoints and answers out."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lifeline.handlers.reconcile_endpoints import handler
from tests.support.world import Context, World, emulated_world


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


def call(event: object) -> dict[str, Any]:
    answer: dict[str, Any] = handler(event, Context())
    return json.loads(json.dumps(answer))  # type: ignore[no-any-return]


def test_an_isolated_subnet_gets_its_endpoint_and_a_second_look_changes_nothing(world: World) -> None:
    vpc_id = world.make_vpc()
    subnet_id = world.make_subnet(vpc_id)

    first = call({"vpc_ids": [vpc_id]})
    second = call({"vpc_ids": [vpc_id]})

    (answer,) = first["vpcs"]
    assert (answer["outcome"], answer["subnets"]) == ("changed", {subnet_id: "isolated"})
    assert [(a["action"], a["status"]) for a in answer["actions"]] == [
        ("create_security_group", "done"),
        ("create_interface_endpoint", "done"),
    ]
    (endpoint,) = world.endpoints(vpc_id)
    assert endpoint["VpcEndpointId"] == answer["actions"][1]["endpoint_id"]
    assert endpoint["SubnetIds"] == [subnet_id]
    assert endpoint["PrivateDnsEnabled"] is True
    assert second["vpcs"][0]["outcome"] == "unchanged"

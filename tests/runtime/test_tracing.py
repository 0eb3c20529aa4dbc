"""A run's parts in its X-Ray trace, as the daemon gets them."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from lifeline.handlers.reconcile_endpoints import handler
from lifeline.runtime.tracing import subsegment
from tests.support.world import Context, emulated_world

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
INVOCATION = "53995c3f42cd8ad8"


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """X-Ray's daemon, in an invocation that is sampled."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(0.2)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setenv("_X_AMZN_TRACE_ID", f"Root={ROOT};Parent={INVOCATION};Sampled=1;Lineage=1:2")
        monkeypatch.delenv("POWERTOOLS_TRACE_DISABLED", raising=False)
        monkeypatch.delenv("AWS_SAM_LOCAL", raising=False)
        yield listening


def received(daemon: socket.socket) -> dict[str, Any]:
    header, _, document = daemon.recv(65_536).decode().partition("\n")
    assert json.loads(header) == {"format": "json", "version": 1}
    found: dict[str, Any] = json.loads(document)
    return found


def is_silent(daemon: socket.socket) -> bool:
    try:
        daemon.recv(65_536)
    except TimeoutError:
        return True
    return False


def test_a_part_is_below_the_invocation_with_its_name_times_and_numbers(daemon: socket.socket) -> None:
    with subsegment("observe") as part:
        part.numbers["vpcs"] = 3
    sent = received(daemon)
    assert (sent["type"], sent["name"], sent["annotations"]) == ("subsegment", "observe", {"vpcs": 3})
    assert (sent["trace_id"], sent["parent_id"]) == (ROOT, INVOCATION)
    assert len(sent["id"]) == 16
    assert sent["start_time"] <= sent["end_time"]
    assert "fault" not in sent
    assert is_silent(daemon)  # it is sent once


def test_a_part_within_a_part_is_below_that_one_and_the_next_is_not(daemon: socket.socket) -> None:
    with subsegment("apply"), subsegment("observe"):
        pass
    with subsegment("notify"):
        pass
    inner, outer, after = (received(daemon) for _ in range(3))
    assert (inner["name"], inner["parent_id"]) == ("observe", outer["id"])
    assert (outer["parent_id"], after["parent_id"]) == (INVOCATION, INVOCATION)


def test_a_part_that_raises_is_a_fault_and_raises_on(daemon: socket.socket) -> None:
    with pytest.raises(ZeroDivisionError), subsegment("plan"):
        raise ZeroDivisionError
    assert received(daemon)["fault"] is True


def test_a_runs_trace_has_observe_plan_and_apply(daemon: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch) as world:
        world.make_subnet(world.make_vpc())
        handler({"sweep": True}, Context())
    sent = [received(daemon) for _ in range(3)]
    assert [one["name"] for one in sent] == ["observe", "plan", "apply"]
    assert {one["parent_id"] for one in sent} == {INVOCATION}
    assert sent[0]["annotations"] == {"vpcs": 1}
    assert sent[1]["annotations"] == {"vpcs": 1, "with_work": 1}
    assert is_silent(daemon)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_X_AMZN_TRACE_ID", f"Root={ROOT};Parent={INVOCATION};Sampled=0"),
        ("_X_AMZN_TRACE_ID", f"Root={ROOT};Sampled=1"),
        ("_X_AMZN_TRACE_ID", ""),
        ("POWERTOOLS_TRACE_DISABLED", "true"),
        ("AWS_SAM_LOCAL", "true"),
    ],
)
def test_nothing_is_sent_where_nobody_traces(
    daemon: socket.socket, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with subsegment("observe"):
        pass
    assert is_silent(daemon)


@pytest.mark.parametrize("address", ["", "nonsense", "127.0.0.1", "127.0.0.1:x", "tcp:127.0.0.1:1 udp:127.0.0.1:2"])
def test_without_a_daemon_that_can_be_reached_the_work_is_done_all_the_same(
    daemon: socket.socket, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", address)
    done = []
    with subsegment("observe"):
        done.append(1)
    assert done == [1]
    assert is_silent(daemon)


def test_a_network_that_refuses_stops_nothing(daemon: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("unreachable")

    monkeypatch.setattr(socket.socket, "sendto", refuse)
    done = []
    with subsegment("observe"):
        done.append(1)
    assert done == [1]

"""What makes the clients."""

from threading import Thread
from types import SimpleNamespace
from typing import Any

from lifeline.adapters.aws import clients
from lifeline.adapters.aws.clients import LateClient


def test_a_thread_that_asks_while_another_makes_a_client_waits_for_that_one() -> None:
    made, found = list[str](), list[Any]()

    def create_client(service: str, **_: Any) -> object:
        made.append(service)
        if len(made) == 1:
            other.start()
            other.join(0.2)  # it would have made its own by then
        return object()

    session: Any = SimpleNamespace(create_client=create_client)
    client = type(clients.client)(lambda: session)
    other = Thread(target=lambda: found.append(client("route53")))
    ours = client("route53")
    other.join()
    assert made == ["route53"]
    assert found == [ours]


def test_a_late_client_is_made_when_it_is_first_called() -> None:
    made = []

    def client_of(service: str) -> Any:
        made.append(service)
        return SimpleNamespace(publish=lambda **message: message)

    late = LateClient("sns", client_of)
    assert not made
    assert late.publish(Message="x") == {"Message": "x"}
    assert made == ["sns"]

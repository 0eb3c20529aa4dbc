"""What makes the clients."""

from types import SimpleNamespace
from typing import Any

from lifeline.adapters.aws.clients import LateClient


def test_a_late_client_is_made_when_it_is_first_called() -> None:
    made = []

    def client_of(service: str) -> Any:
        made.append(service)
        return SimpleNamespace(publish=lambda **message: message)

    late = LateClient("sns", client_of)
    assert not made
    assert late.publish(Message="x") == {"Message": "x"}
    assert made == ["sns"]

"""What handlers' tests share."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.call_rate import CallRate
from tests.support.calls_made import every_call_is_derived
from tests.support.cases import Case
from tests.support.strict import Clock, StrictAccount
from tests.support.world import emulated_world

__all__ = ["case", "every_call_is_derived"]


@pytest.fixture
def case(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Case]:
    variables = getattr(request, "param", {})
    with emulated_world(monkeypatch, **variables) as world:
        monkeypatch.setattr(CallRate, "reserve_endpoint_call", lambda *_, **__: timedelta(0))
        account = StrictAccount(now=Clock(), throttling=False)
        for one in (client("ec2"), world.ec2):
            account.attach(one)
        yield Case(world, account, monkeypatch)

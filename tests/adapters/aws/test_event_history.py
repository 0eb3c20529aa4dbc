"""CloudTrail's Event history, on the stand-in for moto, which has none."""

from collections.abc import Iterator

import pytest

from lifeline.adapters.aws.event_history import EventHistory
from lifeline.core.errors import LifelineError, TerminalError, TransientError
from tests.support.agents import calls, failing
from tests.support.cloudtrail import Failure, record_call
from tests.support.world import World, emulated_world

UNHEARD_OF = "0d5c92cb-8b4f-4b0a-9a39-2f8f5b7e4a11"
REFUSED = Failure("InvalidParameter", "private-dns-enabled cannot be set")


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


def test_an_event_is_found_by_its_id_with_one_call() -> None:
    detail = record_call("CreateVpcEndpoint", {"VpcId": "vpc-0123456789abcdef0"}, failure=REFUSED)["detail"]
    with calls("cloudtrail") as made:
        assert EventHistory().find(detail["eventID"]) == detail
    assert [operation for operation, _ in made] == ["LookupEvents"]


def test_an_event_that_was_never_recorded_is_not_there() -> None:
    assert EventHistory().find(UNHEARD_OF) is None


@pytest.mark.parametrize(
    ("code", "error"), [("AccessDeniedException", TerminalError), ("ThrottlingException", TransientError)]
)
def test_what_cant_be_looked_up_is_an_error_and_never_no_event(code: str, error: type[LifelineError]) -> None:
    with failing("cloudtrail", "LookupEvents", code), pytest.raises(error):
        EventHistory().find(UNHEARD_OF)

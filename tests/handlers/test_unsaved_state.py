"""One VPC whose state the ledger refuses: nothing is changed there, and all others are served."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from lifeline.adapters.store.limit_usage import LimitUsage
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.errors import LifelineError, TerminalError, TransientError
from lifeline.core.network.model import AnyRef
from tests.support.days import Days
from tests.support.home import HOME
from tests.support.tuning import tune
from tests.support.world import emulated_world

REFUSED = TerminalError("ledger: ValidationException: Item size has exceeded the maximum", code="ValidationException")
THROTTLED = TransientError("ledger: ThrottlingException", code="ThrottlingException")


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, retire_after_hours=72) as world:
        yield Days(world, monkeypatch)


@pytest.fixture
def cut_off(days: Days) -> tuple[str, str]:
    """Two VPCs that just lost their way out, of which nobody has seen that."""
    made = [opened(days), opened(days)]
    days.sweeps(1)
    for _, table_id in made:
        days.cut_off(table_id)
    return made[0][0], made[1][0]


def opened(days: Days) -> tuple[str, str]:
    """A VPC whose subnet has a way out; with its main route table."""
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    return vpc_id, days.world.open_to_internet(vpc_id)


@contextmanager
def refusing(
    monkeypatch: pytest.MonkeyPatch, *vpc_ids: str, on: str = "save", error: LifelineError = REFUSED
) -> Iterator[list[str]]:
    """The ledger refuses that write of these VPCs' states, or of everybody's; what it refused by now."""
    write: Callable[..., Any] = getattr(VpcStore, on)
    refused: list[str] = []

    def refuse(store: VpcStore, ref: AnyRef, *values: Any, **more: Any) -> Any:
        if str(ref).endswith(vpc_ids or ""):
            refused.append(str(ref))
            raise error
        return write(store, ref, *values, **more)

    with monkeypatch.context() as patch:
        patch.setattr(VpcStore, on, refuse)
        yield refused


@pytest.mark.parametrize("error", [REFUSED, THROTTLED])
@pytest.mark.parametrize("on", ["save", "take_lease"])
def test_a_vpc_whose_state_cannot_be_saved_keeps_no_other_one_from_being_repaired(
    days: Days, cut_off: tuple[str, str], monkeypatch: pytest.MonkeyPatch, on: str, error: LifelineError
) -> None:
    spoilt, other = cut_off
    with (
        refusing(monkeypatch, spoilt, on=on, error=error) as refused,
        pytest.raises(LifelineError, match=str(error)),
    ):
        days.sweeps(1)
    assert refused
    assert (len(days.live(spoilt)), len(days.live(other))) == (0, 1)
    assert {grant.vpc_id for grant in LimitUsage("ledger").read().grants} == {other}, "what it counted is given back"
    assert [other in text for text in days.texts() if "created" in text] == [True]
    days.sweeps(1)
    assert len(days.live(spoilt)) == 1, "once its state can be saved, it is served"


@pytest.mark.parametrize("error", [REFUSED, THROTTLED])
def test_where_the_others_have_nothing_to_save_they_are_repaired_all_the_same(
    days: Days, monkeypatch: pytest.MonkeyPatch, error: LifelineError
) -> None:
    (spoilt, its_table), (other, others_table) = opened(days), opened(days)
    days.sweeps(1)
    tune(monkeypatch, endpoints_per_day=0)
    days.cut_off(others_table)
    days.sweeps(1)
    tune(monkeypatch, endpoints_per_day=50)
    days.cut_off(its_table)
    with refusing(monkeypatch, spoilt, error=error) as refused, pytest.raises(LifelineError):
        days.sweeps(1)
    assert refused
    assert (len(days.live(spoilt)), len(days.live(other))) == (0, 1)


def test_of_a_vpc_whose_state_can_never_be_saved_people_hear_by_the_failing_run_and_not_once_an_hour(
    days: Days, cut_off: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt, other = cut_off
    with refusing(monkeypatch, spoilt):
        for _ in range(3):
            with pytest.raises(TerminalError, match="ValidationException"):
                days.sweeps(1)
    assert (len(days.live(spoilt)), len(days.live(other))) == (0, 1)
    assert [text for text in days.texts() if spoilt in text] == []


def test_in_a_batch_the_others_are_served_and_the_messages_come_again(
    days: Days, cut_off: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt, other = cut_off
    with refusing(monkeypatch, spoilt):
        kept = days.try_to_deliver({"vpc_ids": [spoilt], "attempt": 0}, {"vpc_ids": [other], "attempt": 0})
    assert "m-0" in kept
    assert (len(days.live(spoilt)), len(days.live(other))) == (0, 1)


@pytest.mark.parametrize("error", [REFUSED, THROTTLED])
@pytest.mark.parametrize("on", ["save", "take_lease"])
def test_a_ledger_that_is_down_as_a_whole_ends_the_run_with_nothing_changed(
    days: Days, cut_off: tuple[str, str], monkeypatch: pytest.MonkeyPatch, on: str, error: LifelineError
) -> None:
    with refusing(monkeypatch, on=on, error=error), pytest.raises(LifelineError):
        days.sweeps(1)
    assert [days.live(vpc_id) for vpc_id in cut_off] == [[], []]
    assert LimitUsage("ledger").read().grants == ()
    days.sweeps(1)
    assert [len(days.live(vpc_id)) for vpc_id in cut_off] == [1, 1]


def test_where_what_became_of_endpoints_cannot_be_saved_the_others_are_repaired(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spoilt, its_table), (other, others_table) = opened(days), opened(days)
    days.sweeps(1)
    days.cut_off(its_table)
    days.sweeps(1)
    days.empty_queue()  # nobody follows the new endpoint up but the next sweep
    days.clock.advance(timedelta(minutes=30))
    days.cut_off(others_table)
    with refusing(monkeypatch, spoilt) as refused, pytest.raises(TerminalError):
        days.sweeps(1)
    assert refused
    assert (len(days.live(spoilt)), len(days.live(other))) == (1, 1)
    days.sweeps(1)
    assert VpcStore("ledger").load(HOME.vpc(spoilt)).made["monitoring"].is_settled


def test_a_notice_that_cannot_be_saved_as_sent_keeps_the_next_one_from_nothing(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is open and can't be made is news once; where that can't be saved of one VPC, it is saved of the others."""
    ids = sorted(days.world.make_vpc() for _ in range(2))
    for vpc_id in ids:
        days.world.make_subnet(vpc_id)
    monkeypatch.setenv("MODE", "plan")
    with refusing(monkeypatch, ids[0]), pytest.raises(TerminalError):
        days.sweeps(1)
    assert len(days.texts()) == 1
    days.sweeps(1)
    (again,) = days.texts()
    assert [vpc_id in again for vpc_id in ids] == [True, False]

"""Calls that take turns: never more in a second than AWS grants, and none waits in vain."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.adapters.aws.pace import Pace
from lifeline.core.errors import TransientError


@dataclass
class Time:
    """A clock that waiting advances."""

    now: float = 0.0
    waited: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds


def test_as_many_as_are_granted_go_at_once_and_the_next_waits_for_the_first_to_be_a_second_old() -> None:
    time = Time()
    pace = Pace(5, clock=time.clock, wait=time.wait)
    for _ in range(5):
        pace.take_turn()
    assert time.waited == []
    pace.take_turn()
    assert time.waited == [1.0]


def test_a_turn_that_comes_too_late_is_not_waited_for_and_takes_nobodys_place() -> None:
    time = Time()
    pace = Pace(1, clock=time.clock, wait=time.wait)
    pace.take_turn(until=0.5)
    with pytest.raises(TransientError):
        pace.take_turn(until=0.5)
    assert time.waited == []
    pace.take_turn(until=1.5)
    assert time.waited == [1.0]


@given(st.lists(st.floats(0, 2), min_size=1, max_size=40))
def test_no_second_has_more_calls_than_are_granted(gaps: list[float]) -> None:
    time = Time()
    pace = Pace(5, clock=time.clock, wait=time.wait)
    went: list[float] = []
    for gap in gaps:
        time.now += gap
        pace.take_turn()
        went.append(time.now)
    assert all(later - earlier >= 1 - 1e-9 for earlier, later in zip(went, went[5:], strict=False))

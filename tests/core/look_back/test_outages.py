"""A cut was an outage where agents fell silent soon after it and came back after its undo; nowhere else."""

from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.look_back.cuts import Cut
from lifeline.core.look_back.outages import can_tell, judge, period_at
from lifeline.core.look_back.past_change import PastChange, RouteCall

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def cut(minutes: float = 30) -> Cut:
    made, undone = (PastChange(at, str(at), "DeleteRoute") for at in (AT, AT + minutes * MINUTE))
    return Cut(RouteCall("rtb-0aaaaaaaaaaaaaaa1", "0.0.0.0/0"), made, undo=undone)


def minutes(*parts: tuple[int, int], every: int = 1) -> list[datetime]:
    """Datapoints from one minute to another, counted from the cut."""
    return [AT + minute * MINUTE for start, end in parts for minute in range(start, end, every)]


@pytest.mark.parametrize(("stopped", "back"), [(1, 31), (10, 31), (11, 30), (3, 60), (0, 90)])
def test_an_agent_that_stopped_soon_after_and_came_back_after_the_undo_was_out(stopped: int, back: int) -> None:
    outage = judge(cut(), {"i-1": minutes((-60, stopped), (back, 120))}, MINUTE)
    (silence,) = outage.silences
    assert (silence.last, silence.back) == (AT + (stopped - 1) * MINUTE, AT + back * MINUTE)
    assert (outage.agents, outage.length) == (1, (back - stopped + 1) * MINUTE)


@pytest.mark.parametrize(
    "times",
    [
        minutes((-60, 120)),  # never stopped
        minutes((-60, -1), (31, 120)),  # had stopped before the cut
        minutes((-60, 15), (31, 120)),  # went on for too long after the cut
        minutes((-60, 1), (20, 120)),  # was back before the undo
        minutes((-60, 1)),  # never came back
        minutes((-60, 1), (100, 120)),  # came back much later, for another reason
        minutes((-60, 1), (20, 21), (31, 120)),  # one datapoint came through meanwhile
    ],
)
def test_no_other_silence_is_an_outage(times: list[datetime]) -> None:
    outage = judge(cut(), {"i-1": times}, MINUTE)
    assert (outage.agents, outage.silences) == (1, ())


def test_an_agent_that_was_silent_before_cant_tell() -> None:
    outage = judge(cut(), {"i-1": minutes((-60, -20), (31, 120)), "i-2": [], "i-3": minutes((31, 90))}, MINUTE)
    assert (outage.agents, outage.silences) == (0, ())


def test_an_agents_own_pace_is_no_silence() -> None:
    every_ten = minutes((-60, 120), every=10)
    assert judge(cut(15), {"i-1": every_ten}, MINUTE).silences == ()


def test_agents_are_judged_one_by_one() -> None:
    silent, well = minutes((-60, 2), (31, 90)), minutes((-60, 90))
    outage = judge(cut(), {"i-2": silent, "i-1": well, "i-3": silent}, MINUTE)
    assert outage.agents == 3
    assert [silence.entity for silence in outage.silences] == ["i-2", "i-3"]


def test_older_datapoints_come_in_longer_periods() -> None:
    five = timedelta(minutes=5)
    times = minutes((-60, 5), (30, 120), every=5)
    assert judge(cut(31), {"i-1": times}, five).silences  # the period that begins at :30 contains the undo


@pytest.mark.parametrize(
    ("days", "period"), [(1, MINUTE), (14, MINUTE), (16, 5 * MINUTE), (62, 5 * MINUTE), (64, 60 * MINUTE), (500, None)]
)
def test_the_period_is_the_shortest_that_cloudwatch_still_has(days: int, period: timedelta | None) -> None:
    assert period_at(AT, AT + timedelta(days=days)) == period


@pytest.mark.parametrize(("length", "tells"), [(1, False), (2, True), (30, True)])
def test_a_cut_that_is_shorter_than_two_periods_doesnt_show(length: float, tells: bool) -> None:
    assert can_tell(cut(length), MINUTE) is tells

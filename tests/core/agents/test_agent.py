"""Which series are an agent's own: those with a mark that it had, and always the one that it is judged by."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lifeline.core.agents.agent import Agent, Gap, Suppression
from lifeline.core.agents.series import marks_of
from tests.support.agents import minute, series

ENTITY = "i-0123456789abcdef0"
JUDGED = series()
MARKED = series(metric="disk_used_percent", path="/")
STRANGER = series(metric="build_seconds", job="nightly")
AGENT = Agent(ENTITY, JUDGED, known=marks_of([MARKED], ENTITY))


def test_own_is_what_has_a_mark_of_its_own_or_is_the_one_to_judge_it_by() -> None:
    assert AGENT.own([STRANGER, MARKED, JUDGED]) == (MARKED, JUDGED)
    assert AGENT.own([STRANGER]) == ()


def test_other_values_are_its_own_by_the_names_alone() -> None:
    moved = series(metric="disk_used_percent", path="/data")
    assert AGENT.own([moved]) == ()
    assert AGENT.own([moved], by_names=True) == (moved,)
    assert (AGENT.owns(moved), AGENT.owns(STRANGER)) == (True, False)


def test_without_marks_any_counts_as_its_own() -> None:
    anyones = replace(AGENT, known="")
    assert anyones.own([STRANGER, MARKED]) == (STRANGER, MARKED)
    assert anyones.owns(STRANGER)


@pytest.mark.parametrize(
    ("changes", "is_excused"),
    [
        ({}, True),
        ({"suppressed_by": Suppression.TAGGED_MAINTENANCE}, True),
        ({"suppressed_by": Suppression.MAINTENANCE}, False),  # who writes the policy may say so
        ({"suppressed_by": None}, False),
        ({"series": None}, False),
        ({"seen_at": None}, False),
        ({"seen_at": minute(-24 * 60)}, False),
        ({"seen_at": minute(-24 * 60 + 1)}, True),
    ],
)
def test_a_tag_excuses_the_silence_of_an_agent_that_reported_within_a_day(
    changes: dict[str, Any], is_excused: bool
) -> None:
    exempt = replace(AGENT, suppressed_by=Suppression.EXEMPT, seen_at=minute(-5))
    assert replace(exempt, **changes).is_excused(minute(0)) is is_excused


@pytest.mark.parametrize(
    ("suppressed_by", "excused", "is_unwatched"),
    [
        (None, (), False),
        (Suppression.STOPPED, (), False),
        (Suppression.EXEMPT, (), True),
        (Suppression.TAGGED_MAINTENANCE, (), True),
        (Suppression.UNTAGGED, (), True),
        (Suppression.MAINTENANCE, (), False),
        (Suppression.FORGOTTEN, (), False),
        (Suppression.EXEMPT, (Suppression.UNTAGGED,), True),
        (Suppression.EXEMPT, (Suppression.UNTAGGED, Suppression.EXEMPT), False),
        (Suppression.STOPPED, (Suppression.STOPPED,), False),
    ],
)
def test_people_are_notified_once_of_each_tag_that_keeps_a_silence_from_being_reported(
    suppressed_by: Suppression | None, excused: tuple[Suppression, ...], is_unwatched: bool
) -> None:
    agent = replace(AGENT, suppressed_by=suppressed_by, excused=frozenset(excused))
    assert agent.is_unwatched is is_unwatched
    told = agent.as_told()
    assert not told.is_unwatched
    assert told.excused == {*excused, *([suppressed_by] if suppressed_by else [])}


def test_a_gap_lasts_until_the_datapoint_that_ends_it_and_never_less_than_nothing() -> None:
    gap = Gap(minute(1), minute(7))
    assert (gap.is_open, gap.length(minute(9))) == (True, timedelta(minutes=8))
    ended = replace(gap, ended_at=minute(4))
    assert (ended.is_open, ended.length(minute(9))) == (False, timedelta(minutes=3))
    assert replace(gap, ended_at=minute(0)).length(minute(9)) == timedelta()

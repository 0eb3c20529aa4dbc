"""Which series are an agent's own: those with a mark that it had, and always the one that it is judged by."""

from dataclasses import replace

from lifeline.core.agents.agent import Agent
from lifeline.core.agents.series import marks_of
from tests.support.agents import series

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

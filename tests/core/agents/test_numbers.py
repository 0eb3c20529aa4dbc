"""The numbers that people rely on, and those of AWS. Other tests call them by their names, and so notice no change."""

from datetime import timedelta

import pytest

from lifeline.core.agents import admission, agent, failed_runs, gaps, roster, series
from lifeline.core.agents.watches import Rules

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        # docs/watching.md: who is watched, when an agent is silent, flapping
        pytest.param(Rules(), Rules(MINUTE, 4 * MINUTE, 10 * MINUTE, 14 * DAY, 2, 5 * MINUTE), id="rules of a watch"),
        pytest.param(admission.MOST_HOSTS, 1000, id="hosts on a roster"),
        pytest.param(agent.PROOF, 3, id="datapoints that make an agent"),
        pytest.param(agent.MOST_OPENINGS, 3, id="gaps in an hour"),
        pytest.param(gaps._HOUR, HOUR, id="the hour of flapping"),
        pytest.param(gaps._SHOWN_FOR, HOUR, id="EC2 shows a terminated instance"),
        pytest.param(roster.MOST, 500, id="agents in a record"),
        pytest.param(series.MOST_KNOWN, 50, id="marks of an agent"),
        pytest.param(failed_runs._NEWS_AFTER, 15 * MINUTE, id="runs fail"),
        pytest.param(failed_runs._TOLD_AGAIN, DAY, id="runs still fail"),
    ],
)
def test_a_number_is_the_one_that_is_documented(number: object, value: object) -> None:
    assert number == value

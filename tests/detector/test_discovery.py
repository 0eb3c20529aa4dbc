"""Who joins the roster and who leaves it, without CloudWatch and EC2."""

from dataclasses import replace

from lifeline.core.agents.agent import State
from lifeline.core.agents.instances import Instance, Power
from lifeline.detector.discovery import discover
from tests.support.agents import agent, expected_agent, minute, series, silent_agent

ID = "i-0000000a"
UP = {ID: Instance(Power.RUNNING)}


def test_an_instance_that_is_tagged_and_not_listed_is_expected() -> None:
    assert discover({}, {}, UP, minute(1)) == {ID: expected_agent(expected_since=minute(1))}


def test_one_that_is_expected_no_more_leaves_the_roster() -> None:
    assert discover({ID: expected_agent()}, {}, {}, minute(1)) == {ID: None}


def test_nobody_leaves_while_ec2_cannot_say_who_is_expected() -> None:
    assert discover({ID: expected_agent()}, {}, None, minute(1)) == {}


def test_one_whose_silence_is_an_incident_stays_until_that_counts_it() -> None:
    silent = replace(silent_agent(incident="inc-1"), series=None, seen_at=None, expected_since=minute(0))
    assert discover({ID: silent}, {}, {}, minute(9)) == {ID: replace(silent, expected_since=None)}


def test_an_agent_that_is_not_listed_any_more_stays_as_it_is() -> None:
    reporting, silent = agent("web-1"), silent_agent("web-2")
    assert silent.state is State.SILENT
    assert discover({"web-1": reporting, "web-2": silent}, {}, {}, minute(500)) == {}


def test_a_listed_agent_that_is_known_changes_only_where_its_other_series_do() -> None:
    other = series(metric="disk_used_percent")
    known = agent()
    found = discover({ID: known}, {ID: (series(), other)}, {}, minute(15))
    assert found == {ID: replace(known, others=(other,))}
    assert discover({ID: replace(known, others=(other,))}, {ID: (series(), other)}, {}, minute(30)) == {}

"""What arrives under a silent agent's id although it isn't the agent's own."""

from lifeline.core.agents.agent import Agent
from lifeline.core.agents.instances import Health, Instance, Power
from lifeline.core.agents.watches import Watch
from lifeline.core.incidents.facts import Facts
from lifeline.core.incidents.incident import CauseKind
from lifeline.core.incidents.strangers import stranger_words
from tests.support.agents import minute, series, silent_agent, why_silent


def imitated(*metrics: str) -> Agent:
    return silent_agent(strangers=tuple(series(metric=metric) for metric in metrics))


def test_nobody_is_named_where_nothing_else_arrives() -> None:
    assert stranger_words(silent_agent()) == ""


def test_names_are_quoted_cut_and_printable_and_each_is_there_once() -> None:
    words = stranger_words(imitated("x", "x", "a\nb" + 60 * "c"))
    assert words == (f'other metrics arrive under this ID ("x" by "InstanceId", "a?b{34 * "c"}..." by "InstanceId")')


def test_whatever_the_cause_is_its_evidence_names_them() -> None:
    machine = Facts(imitated("x"), Watch(), Instance(Power.RUNNING), Health.IMPAIRED)
    cause = why_silent(machine, minute(10))
    assert (cause.kind, cause.evidence[0]) == (CauseKind.MACHINE, stranger_words(imitated("x")))


def test_without_another_cause_the_incident_says_how_to_go_on() -> None:
    cause = why_silent(Facts(imitated("x"), Watch()), minute(10))
    assert (cause.kind, cause.words) == (
        CauseKind.AGENT,
        "none of its own metrics arrive, but others do under its ID",
    )
    assert "have Lifeline forget the agent" in cause.advice

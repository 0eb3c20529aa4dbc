"""What set a run going, in a sentence and in a subject's few words."""

import pytest

from lifeline.core.notices.trigger_text import Because, because_of
from lifeline.core.requests.trigger import Trigger
from tests.support.agents import minute

NOW = minute(10)
TIME = "2026-03-02T09:04:00Z"
LATER = "2026-03-02T09:05:00Z"


def change(time: str = TIME, actor: str = "deploy-role", event_id: str = "e-1") -> Trigger:
    return Trigger("change", event_id, "DeleteRoute", actor, time)


def test_the_earliest_change_counts_whoever_else_asked() -> None:
    found = because_of([Trigger("sweep"), change(LATER, event_id="e-2"), change(), Trigger("call")])
    assert found.words == "deploy-role called DeleteRoute at 2026-03-02 09:04:00 UTC; 1 more change followed"
    assert (found.short, found.event_id) == ("DeleteRoute by deploy-role", "e-1")


def test_the_same_change_twice_is_one() -> None:
    assert "more" not in because_of([change(), change()]).words
    three = because_of([change(event_id=f"e-{number}") for number in range(3)])
    assert three.words.endswith("; 2 more changes followed")


@pytest.mark.parametrize(
    ("actor", "short", "shortest"),
    [
        (
            "deploy-role/release-1842-of-the-pipeline",
            "deploy-role/release-1842-of-the-pipeline",
            "release-1842-of-the-pipeline",
        ),
        ("admin/ann via CloudFormation", "admin/ann via CloudFormation", "ann"),
        ("user/ops/europe/ann@example.com", "user/ops/europe/ann@example[.]com", "ann@example[.]com"),
        ("deploy-role/session-0123abcd", "deploy-role/session-0123abcd", "deploy-role"),
        ("ec2-role/i-0123456789abcdef0", "ec2-role/i-0123456789abcdef0", "ec2-role"),
        ("account 123456789012", "account 123456789012", "account 123456789012"),
        ("", "an unknown actor", "an unknown actor"),
        ("r" * 60, "r" * 60, "r" * 60),
        ("\x1b[1mroot\n", '"?[1mroot?"', '"?[1mroot?"'),
    ],
)
def test_a_subject_names_the_caller_and_at_the_shortest_the_person(actor: str, short: str, shortest: str) -> None:
    found = because_of([change(actor=actor)])
    assert (found.short, found.shortest) == (f"DeleteRoute by {short}", f"DeleteRoute by {shortest}")


@pytest.mark.parametrize(
    ("actor", "shorter"),
    [
        ("admin/ann via CloudFormation", "ann via CloudFormation"),
        ("user/ops/europe/ann via ssm.amazonaws.com", "ann via ssm.amazonaws.com"),
        ("admin/ann", "ann"),
        ("ec2-role/i-0123456789abcdef0 via AWS Internal", "ec2-role via AWS Internal"),
    ],
)
def test_before_it_is_at_the_shortest_the_service_that_called_is_named_with_the_person(
    actor: str, shorter: str
) -> None:
    assert because_of([change(actor=actor)]).shorter == f"DeleteRoute by {shorter}"
    failed = because_of([Trigger("attempt", "e-1", "DeleteSubnet", actor, TIME)])
    assert failed.shorter == f"DeleteSubnet by {shorter} failed"


def test_what_ec2_reports_without_a_call_is_nobodys() -> None:
    found = because_of([Trigger("change", "e-1", "instance stopped", "", TIME)])
    assert found.words == "EC2 reported an instance that a route leads to as stopped at 2026-03-02 09:04:00 UTC"
    assert found.short == "instance stopped"


@pytest.mark.parametrize(
    ("trigger", "words", "short"),
    [
        (Trigger("approval", "plan-1"), "plan-1 was approved", "plan approved"),
        (Trigger("silence", "inc-1"), "Agents went silent (inc-1)", "agents went silent"),
        (Trigger("sweep"), "The scheduled sweep triggered this run", "found by the sweep"),
        (Trigger("call"), "ReconcileEndpoints was invoked manually", ""),
    ],
)
def test_what_isnt_a_change_is_said_too(trigger: Trigger, words: str, short: str) -> None:
    found = because_of([Trigger("call"), trigger])
    assert (found.words, found.short) == (words, short)


@pytest.mark.parametrize(("actor", "who", "by"), [("tf", "tf", "tf"), ("", "An unknown actor", "an unknown actor")])
def test_a_call_that_failed_names_its_maker(actor: str, who: str, by: str) -> None:
    found = because_of([Trigger("attempt", "e-1", "DeleteSubnet", actor, TIME), Trigger("sweep")])
    assert found.words == f"{who} called DeleteSubnet at 2026-03-02 09:04:00 UTC; the call failed"
    assert found.short == f"DeleteSubnet by {by} failed"


@pytest.mark.parametrize(
    ("time", "said"), [("", "an unknown time"), ("noon", "noon"), ("2026-03-02T09:04:00", "09:04")]
)
def test_a_time_that_is_none_is_said_as_it_came(time: str, said: str) -> None:
    assert said in because_of([change(time)]).words


def test_nothing_known_is_a_sentence_too() -> None:
    assert because_of([]) == Because("What triggered this run isn't known")


def test_a_message_that_says_no_cause_is_no_invocation() -> None:
    words = "A message on a queue asked for this run and didn't say what caused it"
    assert because_of([Trigger("message")]) == Because(words)
    assert because_of([Trigger("message"), Trigger("sweep")]).short == "found by the sweep"


def test_a_sweep_that_somebody_asked_for_says_who_did_as_they_state_it() -> None:
    assert because_of([Trigger("sweep", by="Dana, NET-42")]).words == (
        'A sweep was invoked manually by "Dana, NET-42" (as stated)'
    )
    assert because_of([Trigger("sweep")]).words == "The scheduled sweep triggered this run"

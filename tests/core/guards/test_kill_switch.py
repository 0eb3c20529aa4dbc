"""What the kill switch's parameter says."""

import pytest

from lifeline.core.guards.kill_switch import why_on, why_unreadable
from lifeline.core.notices.kill_switch import switch_notice

NAME = "/lifeline/stop"


@pytest.mark.parametrize("value", ["off", " OFF\n"])
def test_off_lets_changes_pass(value: str) -> None:
    assert why_on(NAME, value) == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("on", 'the SSM parameter /lifeline/stop is set to "on"'),
        ("", "which counts as on"),
        ("f\x00lse", "'f\\x00lse'"),
    ],
)
def test_on_and_whatever_else_stops_them_in_words(value: str, words: str) -> None:
    said = why_on(NAME, value)
    assert said.startswith("the kill switch is on: ")
    assert words in said


def test_of_a_list_all_accounts_are_named_whichever_asks() -> None:
    one, two = "111122223333", "444455556666"
    both = f"the kill switch is on: the SSM parameter {NAME} lists the accounts {one}, {two}"
    assert why_on(NAME, f"{two}, {one}", one) == why_on(NAME, f"{two}, {one}", two) == both
    assert why_on(NAME, f"{two}, {one}", "777788889999") == ""


def test_what_cannot_be_read_counts_as_on() -> None:
    assert why_unreadable(NAME, "AccessDenied: no") == (
        "the kill switch is on: the SSM parameter /lifeline/stop can't be read, which counts as on: AccessDenied: no"
    )


def test_the_notice_says_why_what_waits_and_how_to_lift_it() -> None:
    notice = switch_notice(why_on(NAME, "on"), NAME, [f"vpc-{place}" for place in range(12)])
    assert 'The kill switch is on: the SSM parameter /lifeline/stop is set to "on".' in notice.text
    assert "VPCs: vpc-0, " in notice.text
    assert "and 2 more" in " ".join(notice.text.split())
    assert "aws ssm put-parameter --name /lifeline/stop --type String --overwrite --value off" in notice.text
    assert "except those that need your approval" in " ".join(notice.text.split())
    assert "No changes are waiting." in switch_notice("the kill switch is on", NAME, []).text


def test_the_notice_promises_nothing_in_plan_mode() -> None:
    text = " ".join(switch_notice(why_on(NAME, "on"), NAME, [], is_plan=True).text.split())
    assert "The stack is in plan mode: Lifeline will change nothing with the switch off, either." in text
    assert "To let Lifeline make changes again" not in text

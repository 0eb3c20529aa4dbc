"""Answers as Markdown: what they say, and that nothing in them ends the block that holds it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.notices.answer_markdown import answer_markdown


def test_a_text_is_shown_as_it_is() -> None:
    assert answer_markdown({"mode": "enforce", "text": "vpc-1\n + made\n"}) == "```text\nvpc-1\n + made\n```\n"


def test_what_is_refused_is_said_once_and_hides_nothing_of_the_rest() -> None:
    errors = [{"field": "vpc_ids[0]", "message": "does not exist"}]
    said = "**Refused**\n\n```text\nvpc_ids[0]: does not exist\n```\n"
    assert answer_markdown({"exempt": [], "errors": errors}) == said
    text = {"mode": "plan", "text": "vpc-2\n + made\nError: vpc_ids[0]: does not exist\n", "errors": errors}
    assert answer_markdown(text) == "```text\nvpc-2\n + made\nError: vpc_ids[0]: does not exist\n```\n"


def test_values_are_shown_under_their_name() -> None:
    assert '"vpc_id": "vpc-1"' in answer_markdown({"history": [{"vpc_id": "vpc-1"}]})


@pytest.mark.parametrize(
    ("services", "until", "said"),
    [
        ([], "2026-11-27", "vpc-1 is exempt from everything until the end of 2026-11-27 (UTC)."),
        (["logs", "ssm"], "2026-11-27", "vpc-1 is exempt from logs and ssm until the end of 2026-11-27 (UTC)."),
        (["logs"], None, "vpc-1 is no longer exempt from logs."),
    ],
)
def test_an_exemption_is_a_sentence(services: list[str], until: str | None, said: str) -> None:
    answer = {"exempt": [{"vpc_id": "vpc-1", "services": services, "until": until}]}
    assert answer_markdown(answer) == f"```text\n{said}\n```\n"


def test_nothing_to_say_is_said() -> None:
    assert answer_markdown({"mode": "enforce"}) == "Done.\n"


def check_that_nothing_ends_its_block(text: str) -> None:
    opening, *inside, closing = answer_markdown({"text": text}).removesuffix("\n").split("\n")
    fence = opening.removesuffix("text")
    assert closing == fence == "`" * len(fence)
    assert not any(line.strip().startswith(fence) for line in inside)


@pytest.mark.parametrize("text", ["```", "a\n```\n[x](https://evil.example)", "``````\n# big", "``` \n~~~"])
def test_no_text_ends_its_block(text: str) -> None:
    check_that_nothing_ends_its_block(text)


@given(st.text(alphabet="`~ \na#[]()<", min_size=1, max_size=60).filter(str.strip))
def test_no_text_at_all_ends_its_block(text: str) -> None:
    check_that_nothing_ends_its_block(text)

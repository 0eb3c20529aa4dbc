"""README.md is short, and what it says is safe is what the code does by default."""

from datetime import timedelta

from lifeline.core.coexist import conflicts
from lifeline.core.policy.policy import Limits, Policy
from tests.docs.pages import links, rows, sections
from tests.support.repository import ROOT

README = ROOT / "README.md"
SECTIONS = {one.heading: one.text for one in sections(README)}


def entries(heading: str) -> list[str]:
    """The entries of a section's list, each on one line."""
    text = SECTIONS[heading].partition("\n- ")[2]
    return [" ".join(entry.split()) for entry in text.split("\n- ")]


def test_it_says_in_this_order_what_a_new_reader_asks() -> None:
    assert list(SECTIONS) == [
        "Lifeline",
        "Try it without an AWS account",
        "Is it safe?",
        "What it costs",
        "Deploy it",
        "How it compares",
        "Remove it",
        "Documentation",
    ]


def test_its_five_promises_have_the_defaults_of_the_code() -> None:
    promises, limits, policy = entries("Is it safe?"), Limits(), Policy(())
    assert len(promises) == 5
    for words in (
        f"at most {limits.endpoints_per_run} endpoints in a run, {limits.endpoints_per_day} in a day",
        f"endpoints for {limits.monthly_usd} USD a month in all",
    ):
        assert words in promises[1]
    assert not policy.acts_on_backlog
    assert not policy.fix_dns
    assert f"for {policy.retire_after.total_seconds() / 3600:.0f} hours" in promises[4]
    assert (3, timedelta(hours=24)) == (conflicts.MOST, conflicts.WINDOW)
    assert "three times in 24 hours" in promises[4]


def test_costs_comparison_and_parameters_are_as_short_as_they_may_be() -> None:
    assert len(entries("What it costs")) == 3
    assert len(entries("How it compares")) == 5
    assert len(rows(README, "Deploy it")) == 5
    assert "docs/compare.md" in links(README)

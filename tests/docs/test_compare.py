"""docs/compare.md: each tool has its sources and what it does better, and our figures are those that were measured."""

import re

import pytest

from tests.docs.pages import Section, rows, sections
from tests.support.repository import ROOT

PAGE = ROOT / "docs/compare.md"
TEXT = PAGE.read_text("utf-8")
TOOLS = [one for one in sections(PAGE) if one.level == 2]
SOURCES = dict(re.findall(r"^\[([^\]]+)\]: (https://\S+)$", TEXT, re.MULTILINE))
_USED = re.compile(r"\]\[([^\]]+)\]")


@pytest.mark.parametrize("tool", TOOLS, ids=lambda one: one.heading)
def test_each_tool_has_sources_and_something_that_it_does_better(tool: Section) -> None:
    assert _USED.findall(tool.text)
    assert re.search(r"- \*\*What (it does|they do) better\.\*\* ", tool.text)


def test_each_tool_is_in_the_table() -> None:
    listed = [re.sub(r"\[(.*)\]\(.*\)", r"\1", cells[0]) for cells in rows(PAGE, "How Lifeline compares")]
    assert listed == ["**Lifeline**", *(tool.heading for tool in TOOLS)]


def test_every_source_is_there_and_used() -> None:
    assert set(_USED.findall(TEXT)) == SOURCES.keys()


def test_the_measured_figures_are_those_of_the_bench() -> None:
    text, measured = " ".join(TEXT.split()), rows(ROOT / "bench/README.md", "Beside others")
    theirs, ours = measured[-2:]  # the latest
    assert theirs[0].startswith("500 VPCs")
    cpu, memory = 3, 5
    calls = ours[-1].partition(":")[0]
    said = f"c7n 0.9.53 needed {theirs[cpu]} of CPU and 3 calls, and Lifeline's sweep {ours[cpu]} and {calls} calls"
    assert said in text
    assert f"c7n used {theirs[memory]} of memory, and Lifeline {ours[memory]}" in text

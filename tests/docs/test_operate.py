"""docs/operate.md has a section for each notice, each alarm and each manual operation."""

import ast
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pytest
from lifeline_cli.arguments import read
from tools.template import names_of

from lifeline.core.guards.freeze import FreezeKind
from lifeline.core.guards.mode import Mode
from lifeline.core.incidents.incident import CauseKind
from lifeline.core.incidents.lifecycle import NewsKind
from lifeline.core.network.model import Tier
from lifeline.core.notices.bus_event import DetailType
from lifeline.core.plan.actions import Status
from lifeline.core.policy.runbook import RUNBOOK, runbook_link
from lifeline.core.requests.fields import APPROVE_FIELDS, CALL_FIELDS
from lifeline.core.severity import Severity
from tests.docs.commands import TEMPLATE
from tests.docs.pages import Section, anchors, codes, rows, sections
from tests.support.repository import ROOT

PAGE = ROOT / "docs/operate.md"
LIMITS = ROOT / "docs/limits.md"
SECTIONS = sections(PAGE)
ALARMS = names_of(TEMPLATE, "AWS::CloudWatch::Alarm")
QUEUES_OWN = {"attempt", "requeued", "because", "follow"}  # fields that only a run writes, into what it requeues


def kinds_in(source: str) -> Iterator[str]:
    """The kinds of the notices that a module makes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Notice":
            (kind,) = [one.value for one in node.keywords if one.arg == "kind"]
            yield from _kinds(kind)


def _kinds(kind: ast.expr) -> Iterator[str]:
    match kind:
        case ast.Constant(value=str(name)):
            yield name
        case ast.JoinedStr(
            values=[ast.Constant(value=str(start)), ast.FormattedValue(value=ast.Attribute(attr="kind"))]
        ):
            yield from (f"{start}{news}" for news in NewsKind)
        case _:
            raise ValueError(f"a kind that this test can't read: {ast.unparse(kind)}")


@cache
def every_kind() -> tuple[str, ...]:
    sources = (path.read_text("utf-8") for path in (ROOT / "functions/lifeline").rglob("*.py"))
    return tuple(sorted({kind for source in sources if "Notice(" in source for kind in kinds_in(source)}))


def below(heading: str) -> list[Section]:
    """The sections below a heading of the second level."""
    place = next(number for number, one in enumerate(SECTIONS) if one.level == 2 and one.heading == heading)
    ends = [number for number, one in enumerate(SECTIONS) if number > place and one.level == 2]
    return SECTIONS[place + 1 : ends[0] if ends else len(SECTIONS)]


def test_the_notices_are_those_that_the_code_makes() -> None:
    kinds = every_kind()
    assert {"endpoints", "incident_opened", "incident_summary", "kill_switch", "policy"} <= set(kinds)
    assert sorted(one.heading.strip("`") for one in below("Notices")) == [*kinds]


@pytest.mark.parametrize("section", [*every_kind(), *(one.section for one in DetailType)])
def test_the_runbooks_links_lead_to_a_section(section: str) -> None:
    assert section in anchors(PAGE)
    assert runbook_link(RUNBOOK, section).endswith(f"/{PAGE.relative_to(ROOT)}#{section}")


def test_the_alarms_are_the_templates() -> None:
    assert [one.heading.strip("`") for one in below("Alarms")] == ALARMS


@pytest.mark.parametrize("section", [*below("Notices"), *below("Alarms")], ids=lambda one: one.heading)
def test_each_notice_and_alarm_says_what_it_means_what_to_check_and_what_to_do(section: Section) -> None:
    places = [section.text.find(f"\n**{part}**") for part in ("What it means.", "What to check.", "What to do.")]
    assert -1 not in places
    assert places == sorted(places)


def test_whatever_a_person_may_send_has_its_task() -> None:
    listed = {name for section in below("Manual operations") for name in codes(section.heading)}
    assert listed == (CALL_FIELDS - QUEUES_OWN) | APPROVE_FIELDS | {
        "history",
        "exempt",
        "adopt",
        "hand_over",
        "doctor",
        "detect",
        "forget",
    }


def test_each_wish_has_the_command_and_the_call_that_it_makes() -> None:
    (section,) = [one for one in SECTIONS if one.heading == "I want…"]
    wishes = section.text.split("\n**…")[1:]
    assert len(wishes) == 6
    for wish in wishes:
        found = [
            shlex.split(line) for line in wish.splitlines() if line.startswith(("python -m lifeline_cli ", "sam "))
        ]
        typed = [call for words in found if words[0] == "python" for call in calls_of(words[3:])]
        sent = [(words[3], json.loads(words[-1])) for words in found if words[0] == "sam"]
        assert typed[-1:] == sent, wish


def calls_of(words: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """What the command line sends to which function, without how it is to be answered."""
    given = read(words)
    return [
        (call.function, {name: value for name, value in call.event.items() if name != "format"})
        for call in given.calls(given)
    ]


def test_the_glossary_has_the_words_of_the_code_in_order() -> None:
    words = [cells[0] for cells in rows(ROOT / "docs/glossary.md", "Glossary")]
    meanings = " ".join(" ".join(cells) for cells in rows(ROOT / "docs/glossary.md", "Glossary"))
    assert words == sorted(words)
    for word in (*Mode, *Severity, *Tier, *Status, "sweep", "backlog", "freeze", "exempt", "release", "kill switch"):
        assert str(word) in meanings, word


def test_the_pages_first_list_names_every_section() -> None:
    start = SECTIONS[0].text
    headings = {one.heading for one in SECTIONS if one.level > 1}
    named = {anchor for anchor in anchors(PAGE) if f"(#{anchor})" in start}
    assert len(named) == len(headings)


def test_the_events_that_people_can_match_on_are_those_that_are_sent() -> None:
    listed = {name for cells in rows(ROOT / "docs/notices.md", "Events") for name in codes(cells[0])}
    assert listed == {str(one) for one in DetailType}


def test_every_kind_of_freeze_says_how_it_begins_and_ends() -> None:
    listed = {re.sub(r"\[(.*)\]\(.*\)", r"\1", cells[0]): cells[1:] for cells in rows(LIMITS, "Freezes")}
    assert listed.keys() == {str(kind) for kind in FreezeKind}
    assert all(all(cells) for cells in listed.values())


def test_every_cause_has_its_row_in_what_an_operator_reads() -> None:
    listed = {cells[0] for cells in rows(ROOT / "docs/watching.md", "Causes")}
    assert listed == {str(kind) for kind in CauseKind}


def test_a_kind_that_is_put_together_otherwise_is_found_out() -> None:
    with pytest.raises(ValueError, match="can't read"):
        list(kinds_in("Notice(kind=name, severity=s)"))
    assert list(kinds_in('Notice(kind="new")')) == ["new"]

import json

import pytest

from lifeline.core.gap_notice import opened_notice, resolved_notice
from lifeline.core.gaps import Gap
from lifeline.core.notice import Severity
from tests.support.agents import agent, minute, recovered_agent, silent_agent

TWELVE = [silent_agent(f"i-{number:08x}") for number in range(12)]


def test_one_silent_agent_is_told_with_its_last_datapoint() -> None:
    notice = opened_notice([silent_agent("i-0000000a")], namespace="CWAgent", now=minute(7))
    assert notice.subject == "[lifeline] 1 agent silent: i-0000000a"
    assert notice.text == (
        "1 agent of CWAgent fell silent.\n\n"
        "i-0000000a: last datapoint 2026-03-02 09:00:00 UTC, the next was due 2026-03-02 09:01:00 UTC; silent for 6 min"
    )
    assert (notice.kind, notice.severity) == ("gap_opened", Severity.WARNING)


def test_many_silent_agents_are_one_notice_with_a_count_and_the_first_ten() -> None:
    notice = opened_notice(TWELVE[::-1], namespace="CWAgent", now=minute(7))
    assert notice.text.startswith("12 agents of CWAgent fell silent.")
    assert "i-00000009" in notice.text
    assert "i-0000000a" not in notice.text
    assert notice.text.endswith("… and 2 more")


def test_a_recovery_is_told_with_the_length_of_the_gap() -> None:
    notice = resolved_notice([recovered_agent(back_at=minute(66.5))], namespace="CWAgent", now=minute(70))
    assert notice.text.splitlines()[2] == (
        "i-0000000a: silent for 1 h 5 min 30 s, from 2026-03-02 09:01:00 UTC to 2026-03-02 10:06:30 UTC"
    )
    assert (notice.kind, notice.severity) == ("gap_resolved", Severity.INFO)


def test_a_gap_that_late_datapoints_filled_is_told_as_such() -> None:
    notice = resolved_notice([recovered_agent(back_at=minute(1))], namespace="CWAgent", now=minute(10))
    assert "its datapoints arrived late; none is missing" in notice.text


def test_days_are_written_out() -> None:
    gap = Gap(since=minute(0), opened_at=minute(6), ended_at=minute(2 * 24 * 60 + 61))
    notice = resolved_notice([agent(gap=gap)], namespace="CWAgent", now=minute(9999))
    assert "silent for 2 d 1 h 1 min" in notice.text


def test_the_facts_are_json() -> None:
    notice = opened_notice(TWELVE, namespace="CWAgent", now=minute(7))
    facts = json.loads(json.dumps(notice.facts))
    assert (facts["count"], len(facts["agents"])) == (12, 10)
    assert facts["agents"][0] == {
        "id": "i-00000000",
        "last_seen": "2026-03-02T09:00:00+00:00",
        "due": "2026-03-02T09:01:00+00:00",
        "length_s": 360,
    }


def test_there_is_no_notice_about_nobody() -> None:
    with pytest.raises(ValueError, match="nothing to tell"):
        opened_notice([], namespace="CWAgent", now=minute(7))


def test_there_is_no_notice_about_an_agent_without_a_gap() -> None:
    with pytest.raises(ValueError, match="no gap"):
        resolved_notice([agent()], namespace="CWAgent", now=minute(7))

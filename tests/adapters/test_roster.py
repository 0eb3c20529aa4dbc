from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from lifeline.adapters import clients
from lifeline.adapters.roster import Roster
from lifeline.core.gaps import Agent, News, State
from lifeline.errors import TerminalError, TransientError
from tests.support.agents import (
    ENVIRONMENT,
    NAMESPACE,
    START,
    TABLE,
    agent,
    calls,
    create_table,
    failing,
    minute,
    recovered_agent,
    series,
    silent_agent,
)

FORGET_AFTER = timedelta(days=14)


@pytest.fixture
def roster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Roster]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    clients.client.cache_clear()
    with mock_aws():
        create_table()
        yield Roster(TABLE, NAMESPACE, FORGET_AFTER)
    clients.client.cache_clear()


def new(entity: str = "i-0000000a") -> Agent:
    return agent(entity, revision=0)


@pytest.mark.parametrize(
    "remembered",
    [
        agent(),
        agent("web-1", series=series("web-1", ImageId="ami-1", path="/")),
        agent(state=State.SUPPRESSED, seen_at=START + timedelta(microseconds=1)),
        silent_agent(),
        silent_agent(untold=News.OPENED, claimed_until=minute(8)),
        recovered_agent(back_at=minute(20)),
    ],
)
def test_what_is_saved_is_read_again(roster: Roster, remembered: Agent) -> None:
    saved = roster.save(replace(remembered, revision=0))
    assert saved == remembered
    assert roster.read() == {remembered.entity: remembered}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=255))
def test_any_name_that_cloudwatch_takes_can_be_remembered(roster: Roster, entity: str) -> None:
    saved = roster.save(new(entity))
    assert saved is not None
    assert roster.read()[entity] == saved
    assert roster.remove(saved)


def test_agents_of_another_namespace_are_not_read(roster: Roster) -> None:
    Roster(TABLE, "Other", FORGET_AFTER).save(new())
    assert roster.read() == {}


def test_of_two_runs_that_add_an_agent_one_has_its_way(roster: Roster) -> None:
    assert roster.save(new()) is not None
    assert roster.save(new()) is None


def test_of_two_runs_that_change_an_agent_one_has_its_way(roster: Roster) -> None:
    saved = roster.save(new())
    assert saved is not None
    assert roster.save(replace(saved, state=State.SILENT)) is not None
    assert roster.save(replace(saved, state=State.SUPPRESSED)) is None
    assert roster.read()["i-0000000a"].state is State.SILENT


def test_an_agent_that_another_run_changed_is_not_removed(roster: Roster) -> None:
    saved = roster.save(new())
    assert saved is not None
    changed = roster.save(saved)
    assert changed is not None
    assert not roster.remove(saved)
    assert roster.remove(changed)
    assert roster.read() == {}


def test_a_reporting_agent_never_expires_and_a_silent_one_does(roster: Roster) -> None:
    saved = roster.save(new())
    assert saved is not None
    table = clients.client("dynamodb")
    key = {"pk": {"S": "ROSTER#CWAgent"}, "sk": {"S": "AGENT#i-0000000a"}}
    assert "expires_at" not in table.get_item(TableName=TABLE, Key=key)["Item"]
    roster.save(replace(saved, state=State.SILENT))
    item = table.get_item(TableName=TABLE, Key=key)["Item"]
    assert int(item["expires_at"]["N"]) == int((START + timedelta(days=21)).timestamp())


def test_1000_agents_take_no_1000_reads(roster: Roster) -> None:
    for number in range(1000):
        roster.save(new(f"i-{number:08x}"))
    with calls("dynamodb") as made:
        assert len(roster.read()) == 1000
    assert [operation for operation, _ in made] == ["Query"] * len(made)
    assert len(made) < 5


def test_an_item_that_cannot_be_understood_does_not_hide_the_others(roster: Roster) -> None:
    roster.save(new())
    item = {"pk": {"S": "ROSTER#CWAgent"}, "sk": {"S": "AGENT#odd"}, "entity": {"S": "odd"}}
    clients.client("dynamodb").put_item(TableName=TABLE, Item=item)
    assert list(roster.read()) == ["i-0000000a"]


def test_a_roster_that_cannot_be_read_is_an_error(roster: Roster) -> None:
    with failing("dynamodb", "Query", "ProvisionedThroughputExceededException"), pytest.raises(TransientError):
        roster.read()


def test_an_agent_that_cannot_be_written_is_an_error(roster: Roster) -> None:
    with failing("dynamodb", "PutItem", "AccessDeniedException"), pytest.raises(TerminalError, match="i-0000000a"):
        roster.save(new())
    with failing("dynamodb", "DeleteItem", "InternalServerError"), pytest.raises(TransientError, match="i-0000000a"):
        roster.remove(agent())

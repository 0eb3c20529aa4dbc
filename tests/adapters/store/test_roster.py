"""The roster in the ledger."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lifeline.adapters.aws import clients
from lifeline.adapters.store.roster import Roster
from lifeline.core.agents.agent import Agent, State
from lifeline.core.agents.roster import Chunk, RosterState
from lifeline.core.errors import TerminalError, TransientError
from tests.support.agents import ENVIRONMENT, START, TABLE, agent, calls, create_table, failing, minute, silent_agent
from tests.support.emulator import emulated_aws

WATCH = "cloudwatch-agent"


@pytest.fixture
def roster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Roster]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with emulated_aws():
        create_table()
        yield Roster(TABLE, WATCH)


def chunk(number: int = 0, *entities: str) -> Chunk:
    return Chunk(number, {entity: agent(entity) for entity in entities or ("i-0000000a",)})


def saved(roster: Roster, new: Chunk) -> Chunk:
    found = roster.save(new)
    assert found is not None
    return found


class Twice:
    """Makes each call twice and gives the second answer: as botocore does when the first one got lost."""

    def __init__(self, dynamodb: Any) -> None:
        self._dynamodb = dynamodb

    def update_item(self, **request: Any) -> Any:
        self._dynamodb.update_item(**request)
        return self._dynamodb.update_item(**request)


class Grudging:
    """Leaves a part of each BatchGetItem to the next call; all of it where it never gives."""

    def __init__(self, dynamodb: Any, *, never: bool = False) -> None:
        self._dynamodb = dynamodb
        self._gives = 0 if never else 1

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        asked = RequestItems[TABLE]
        now, later = asked["Keys"][: self._gives], asked["Keys"][self._gives :]
        answer = self._dynamodb.batch_get_item(RequestItems={TABLE: {**asked, "Keys": now}}) if now else {}
        left = {TABLE: {**asked, "Keys": later}} if later else {}
        return {"Responses": answer.get("Responses", {}), "UnprocessedKeys": left}


class TestAgents:
    def test_what_is_saved_is_read_again_with_its_revision(self, roster: Roster) -> None:
        silent = Chunk(1, {"web-1": silent_agent("web-1")})
        assert saved(roster, silent) == replace(silent, revision=1)
        saved(roster, chunk(0))
        assert roster.read() == (replace(chunk(0), revision=1), replace(silent, revision=1))

    def test_a_chunk_without_agents_stays(self, roster: Roster) -> None:
        empty = saved(roster, replace(saved(roster, chunk()), agents={}))
        assert roster.read() == (empty,) == (Chunk(0, {}, 2),)

    def test_chunks_of_another_watch_are_not_read(self, roster: Roster) -> None:
        saved(Roster(TABLE, "other"), chunk())
        saved(Roster(TABLE, f"{WATCH}-2"), chunk())
        assert roster.read() == roster.read([0]) == ()
        assert roster.sizes() == {}

    def test_the_state_is_no_chunk(self, roster: Roster) -> None:
        roster.save_discovery(START)
        roster.begin_run("a", 1, START, others_began=START)
        assert roster.read() == ()

    def test_chunks_are_read_by_their_numbers_as_last_written(self, roster: Roster) -> None:
        for number in (0, 1, 2, 12):
            saved(roster, chunk(number, f"web-{number}"))
        with calls("dynamodb") as made:
            found = roster.read([12, 1, 1, 7])
        assert [one.number for one in found] == [1, 12]
        [(operation, asked)] = made
        assert (operation, asked["RequestItems"][TABLE]["ConsistentRead"]) == ("BatchGetItem", True)

    def test_no_call_asks_for_more_than_100_chunks(self, roster: Roster) -> None:
        with calls("dynamodb") as made:
            roster.read(range(101))
        assert [len(asked["RequestItems"][TABLE]["Keys"]) for _, asked in made] == [100, 1]

    def test_what_dynamodb_leaves_for_later_is_asked_for_again(self, roster: Roster) -> None:
        for number in range(3):
            saved(roster, chunk(number, f"web-{number}"))
        grudging = Roster(TABLE, WATCH, Grudging(clients.client("dynamodb")))
        assert grudging.read(range(3)) == roster.read()

    @pytest.mark.usefixtures("roster")
    def test_what_dynamodb_leaves_for_ever_is_an_error_that_passes(self) -> None:
        grudging = Roster(TABLE, WATCH, Grudging(clients.client("dynamodb"), never=True))
        with pytest.raises(TransientError, match=WATCH):
            grudging.read([0])

    def test_sizes_come_without_the_agents(self, roster: Roster) -> None:
        saved(roster, chunk(10, "web-3"))
        saved(roster, chunk(2, "web-1", "web-2"))
        assert list(roster.sizes().items()) == [(2, 2), (10, 1)]

    @pytest.mark.parametrize(
        "changed",
        [
            pytest.param(silent_agent("web-1"), id="silent"),
            pytest.param(agent("web-1", state=State.SUPPRESSED), id="suppressed"),
            pytest.param(agent("web-1", incident="inc-1"), id="of an incident"),
            pytest.param(agent("web-1", gap=silent_agent().gap), id="with a gap"),
        ],
    )
    def test_only_plain_chunks_are_counted_without_being_read(self, roster: Roster, changed: Agent) -> None:
        saved(roster, chunk(0, "web-2", "web-3"))
        saved(roster, Chunk(1, {"web-1": changed, "web-4": agent("web-4")}))
        assert roster.plain_sizes() == {0: 2, 1: None}

    def test_a_chunk_is_read_with_its_newest_datapoints(self, roster: Roster) -> None:
        dated = replace(chunk(), newest={"i-0000000a": START})
        saved(roster, dated)
        assert roster.read() == (replace(dated, revision=1),)

    def test_of_two_runs_that_add_a_chunk_one_has_its_way(self, roster: Roster) -> None:
        saved(roster, chunk(0, "web-1"))
        assert roster.save(chunk(0, "web-2")) is None
        assert [*roster.read()[0].agents] == ["web-1"]

    def test_of_two_runs_that_change_a_chunk_one_has_its_way(self, roster: Roster) -> None:
        first = saved(roster, chunk())
        silent = {"i-0000000a": agent(state=State.SILENT)}
        saved(roster, replace(first, agents=silent))
        assert roster.save(replace(first, agents={})) is None
        assert roster.read() == (Chunk(0, silent, 2),)

    def test_a_record_that_cannot_be_read_is_not_lost_when_its_chunk_is_saved(self, roster: Roster) -> None:
        odd = replace(chunk(), unread=('{"e":"odd","t":"ASLEEP"}',))
        saved(roster, odd)
        [found] = roster.read()
        assert found == replace(odd, revision=1)
        saved(roster, replace(found, agents={}))
        assert roster.read() == (Chunk(0, {}, 2, odd.unread),)

    def test_10_000_agents_take_a_few_reads(self, roster: Roster) -> None:
        for number in range(20):
            saved(roster, chunk(number, *(f"i-{number:04x}{one:04x}" for one in range(500))))
        with calls("dynamodb") as made:
            assert sum(len(one.agents) for one in roster.read()) == 10_000
        assert [operation for operation, _ in made] == ["Query"] * len(made)
        assert len(made) < 3

    @pytest.mark.parametrize(("operation", "numbers"), [("Query", None), ("BatchGetItem", [0])])
    def test_a_roster_that_cannot_be_read_is_an_error(
        self, roster: Roster, operation: str, numbers: list[int] | None
    ) -> None:
        code = "ProvisionedThroughputExceededException"
        with failing("dynamodb", operation, code), pytest.raises(TransientError, match=WATCH):
            roster.read(numbers)

    def test_a_chunk_that_cannot_be_written_is_an_error(self, roster: Roster) -> None:
        with failing("dynamodb", "PutItem", "AccessDeniedException"), pytest.raises(TerminalError, match="chunk 0"):
            roster.save(chunk())


class TestRuns:
    def test_before_the_first_run_nothing_is_known_and_nothing_is_left_to_do(self, roster: Roster) -> None:
        assert roster.state() == RosterState()
        assert roster.state().is_run_complete
        assert roster.begin_check(START) is None
        assert roster.state() == RosterState(checked_at=START)

    def test_a_discovery_is_remembered_and_leaves_the_run_alone(self, roster: Roster) -> None:
        roster.begin_run("a", 2, minute(1), others_began=minute(1))
        roster.save_discovery(START)
        assert roster.begin_check(minute(2)) == START
        assert roster.state() == RosterState(START, "a", minute(1), frozenset({0, 1}), checked_at=minute(2))

    def test_the_part_that_is_done_last_ends_the_run(self, roster: Roster) -> None:
        assert roster.begin_run("a", 3, START, others_began=START)
        assert [roster.finish_part("a", part) for part in (2, 0)] == [False, False]
        assert roster.state().waiting == {1}
        assert not roster.state().is_run_complete
        assert roster.finish_part("a", 1)
        assert roster.state().is_run_complete

    def test_a_part_done_twice_neither_ends_the_run_early_nor_again(self, roster: Roster) -> None:
        roster.begin_run("a", 2, START, others_began=START)
        assert [roster.finish_part("a", part) for part in (0, 0, 1, 1, 0)] == [False, False, True, False, False]

    def test_the_run_is_ended_even_where_answers_get_lost(self, roster: Roster) -> None:
        roster.begin_run("a", 2, START, others_began=START)
        unlucky = Roster(TABLE, WATCH, Twice(clients.client("dynamodb")))
        assert [unlucky.finish_part("a", part) for part in (0, 1, 1)] == [False, True, False]

    def test_what_the_parts_found_late_or_unknown_adds_up_until_the_next_run(self, roster: Roster) -> None:
        roster.begin_run("a", 2, START, others_began=START)
        roster.finish_part("a", 0, late=3)
        roster.finish_part("a", 1, late=1, unknown=2)
        assert (roster.state().late, roster.state().unknown) == (4, 2)
        roster.begin_run("b", 1, START, others_began=START)
        assert (roster.state().late, roster.state().unknown) == (0, 0)

    def test_a_part_of_a_run_that_a_later_one_replaced_ends_nothing(self, roster: Roster) -> None:
        roster.begin_run("a", 1, START, others_began=START)
        roster.begin_run("b", 2, minute(5), others_began=minute(5))
        assert not roster.finish_part("a", 0)
        assert roster.state() == RosterState(None, "b", minute(5), frozenset({0, 1}))

    def test_a_run_that_begins_twice_goes_on(self, roster: Roster) -> None:
        assert roster.begin_run("a", 2, START, others_began=START)
        roster.finish_part("a", 0)
        assert not roster.begin_run("a", 2, minute(1), others_began=minute(1))
        assert roster.state() == RosterState(None, "a", START, frozenset({1}))

    def test_a_run_that_has_parts_left_is_replaced_by_none_that_begins_too_soon(self, roster: Roster) -> None:
        assert roster.begin_run("a", 1, minute(1), others_began=START)
        assert not roster.begin_run("b", 1, minute(1.5), others_began=minute(0.5))
        assert roster.begin_run("b", 1, minute(2), others_began=minute(1))
        assert roster.finish_part("b", 0)
        assert roster.begin_run("c", 1, minute(2), others_began=minute(1))

    def test_the_next_run_can_end_too(self, roster: Roster) -> None:
        for run in ("a", "b"):
            roster.begin_run(run, 1, START, others_began=START)
            assert roster.finish_part(run, 0)

    def test_a_run_without_parts_is_complete(self, roster: Roster) -> None:
        roster.begin_run("a", 2, START, others_began=START)
        roster.begin_run("b", 0, START, others_began=START)
        assert roster.state().is_run_complete

    def test_a_part_of_no_run_ends_nothing(self, roster: Roster) -> None:
        assert not roster.finish_part("a", 0)
        assert roster.state() == RosterState()

    def test_a_state_that_cannot_be_read_or_written_is_an_error(self, roster: Roster) -> None:
        with failing("dynamodb", "GetItem", "InternalServerError"), pytest.raises(TransientError, match=WATCH):
            roster.state()
        with failing("dynamodb", "UpdateItem"), pytest.raises(TerminalError, match=WATCH):
            roster.finish_part("a", 0)

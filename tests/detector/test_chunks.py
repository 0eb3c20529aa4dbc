"""What a watch's chunks keep where the ledger has no room for all that is new."""

from dataclasses import replace
from typing import Any

from lifeline.core.agents.agent import Agent
from lifeline.core.agents.roster import Chunk
from lifeline.core.agents.series import Series
from lifeline.detector.attempts import Attempts
from lifeline.detector.chunks import ChunkWriter
from tests.support.agents import minute


class Full:
    """A roster with room for what has at most so many letters in its dimensions' values, of which none is an `x`."""

    def __init__(self, most: int) -> None:
        self._most = most

    def has_room(self, chunk: Chunk) -> bool:
        series = (agent.series for agent in chunk.agents.values() if agent.series)
        values = "".join(value for one in series for _, value in one.dimensions)
        return len(values) <= self._most and "x" not in values


def agent(entity: str, value: str, **more: Any) -> Agent:
    return Agent(entity, Series("m", (("d", value),)), **more)


def fitting(most: int, before: Chunk, *after: Agent) -> tuple[dict[str, Agent], Attempts]:
    attempt, roster = Attempts(), Full(most)
    chunk = replace(before, agents={one.entity: one for one in after})
    (fitted,) = ChunkWriter(roster, "watch", attempt).within_room([before], [chunk])  # type: ignore[arg-type]
    return dict(fitted.agents), attempt


def test_the_shortest_of_the_new_agents_join_and_the_run_counts_as_failed() -> None:
    before = Chunk(0, {"a": agent("a", "1" * 5)})
    new = [agent("b", "2" * 9), agent("c", "3"), agent("d", "4" * 2), agent("e", "5" * 8)]
    expected = Agent("f", None, expected_since=minute(0))
    found, attempt = fitting(10, before, *before.agents.values(), *new, expected)
    assert set(found) == {"a", "c", "f"}
    assert len(attempt.failures) == 1


def test_what_becomes_of_an_agent_is_kept_while_its_new_series_are_not_however_long_they_are() -> None:
    """Values of the same length may take far more room once they are packed."""
    before = Chunk(0, {"a": agent("a", "1", known="k")})
    found, _ = fitting(5, before, agent("a", "x", known="other", seen_at=minute(3)))
    assert found == {"a": agent("a", "1", known="k", seen_at=minute(3))}


def test_where_there_is_room_all_stay_as_they_are() -> None:
    before = Chunk(0, {"a": agent("a", "1")})
    found, attempt = fitting(5, before, agent("a", "2"), agent("b", "3"))
    assert found == {"a": agent("a", "2"), "b": agent("b", "3")}
    assert attempt.failures == []

"""The roster in chunks: many agents to one record of the ledger, so that a run reads and writes few."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lifeline.core.agents.gaps import Agent

MOST = 500  # agents a chunk: far below what one item of the ledger holds, even where each has many series


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some agents by entity. `revision` counts the writes; 0 isn't in the ledger yet.

    `unread` are records that couldn't be understood, as they stand in the ledger: they keep their places.
    """

    number: int
    agents: Mapping[str, Agent] = field(default_factory=dict)
    revision: int = 0
    unread: tuple[str, ...] = ()

    @property
    def room(self) -> int:
        """How many agents still fit in."""
        return max(0, MOST - len(self.agents) - len(self.unread))


@dataclass(frozen=True, slots=True)
class RosterState:
    """When a watch's agents were last looked for, and which parts of its last run in parts are `waiting`.

    `late` and `unknown` count the agents that those of its parts that are done found so: nothing else remembers it.
    """

    discovered_at: datetime | None = None
    run_id: str = ""
    run_began: datetime | None = None
    waiting: frozenset[int] = frozenset()
    late: int = 0
    unknown: int = 0

    @property
    def is_run_complete(self) -> bool:
        """True if no part is left to do, or there never was a run in parts."""
        return not self.waiting


def place(chunks: Iterable[Chunk], new_agents: Iterable[Agent], *, first_free: int = 0) -> tuple[Chunk, ...]:
    """The chunks with the new agents, by number: those that are nearly full are filled first, then new ones are begun.

    A chunk that gets none is the same object. New numbers follow those of `chunks`; where `chunks` are not all that
    there are, `first_free` says from which number on none is taken. The agents must be on no chunk yet.
    """
    known = sorted(chunks, key=lambda chunk: chunk.number)
    waiting = sorted(new_agents, key=lambda agent: agent.entity)
    filled: dict[int, Chunk] = {chunk.number: chunk for chunk in known}
    for chunk in sorted(known, key=lambda chunk: (chunk.room, chunk.number)):
        some, waiting = waiting[: chunk.room], waiting[chunk.room :]
        filled[chunk.number] = _with(chunk, some)
    number = max([first_free, *(chunk.number + 1 for chunk in known)])
    for start in range(0, len(waiting), MOST):
        filled[number] = _with(Chunk(number), waiting[start : start + MOST])
        number += 1
    return tuple(filled[number] for number in sorted(filled))


def replaced(chunk: Chunk, changes: Mapping[str, Agent | None]) -> Chunk:
    """The chunk with those of its agents replaced that `changes` names, None removes; the same object if none differs.

    What `changes` says of agents that aren't in this chunk is for others.
    """
    after = {entity: changes.get(entity, agent) for entity, agent in chunk.agents.items()}
    if all(after[entity] is agent or after[entity] == agent for entity, agent in chunk.agents.items()):
        return chunk
    return replace(chunk, agents={entity: agent for entity, agent in after.items() if agent is not None})


def _with(chunk: Chunk, agents: Sequence[Agent]) -> Chunk:
    if not agents:
        return chunk
    return replace(chunk, agents={**chunk.agents, **{agent.entity: agent for agent in agents}})

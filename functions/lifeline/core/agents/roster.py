"""The roster in chunks: many agents per record of the ledger, so that a run reads and writes few records."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lifeline.core.agents.agent import Agent, State

MOST = 500  # agents per chunk: far below what one item of the ledger holds, even if each has many series


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some agents by entity. `revision` counts the writes; 0 isn't in the ledger yet.

    `newest` is the time of the newest datapoint that a run has read of an agent that reports, by entity. Until a period
    and the grace have passed since, the agent can't be overdue, and needs no reading. `unread` are records that
    couldn't be parsed, as they are in the ledger: they are written back unchanged.
    """

    number: int
    agents: Mapping[str, Agent] = field(default_factory=dict)
    revision: int = 0
    unread: tuple[str, ...] = ()
    newest: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def room(self) -> int:
        """How many agents still fit in."""
        return max(0, MOST - len(self.agents) - len(self.unread))

    @property
    def is_plain(self) -> bool:
        """True if every agent reports, and none has a gap or an incident: there is nothing to group."""
        agents = self.agents.values()
        return all(agent.state is State.REPORTING and not agent.incident and agent.gap is None for agent in agents)


@dataclass(frozen=True, slots=True)
class RosterState:
    """When a watch's agents were last discovered, and which parts of its last split run are `waiting`.

    `late` and `unknown` count the agents that its finished parts judged so: these states are saved nowhere else.
    `checked_at` is when the last run of the watch began.
    """

    discovered_at: datetime | None = None
    run_id: str = ""
    run_began: datetime | None = None
    waiting: frozenset[int] = frozenset()
    late: int = 0
    unknown: int = 0
    checked_at: datetime | None = None

    @property
    def is_run_complete(self) -> bool:
        """True if no part is left, or there never was a split run."""
        return not self.waiting

    def is_under_way(self, since: datetime) -> bool:
        """True if parts are left of a split run that began after `since`."""
        return bool(self.waiting) and self.run_began is not None and self.run_began > since


def place(
    chunks: Iterable[Chunk],
    new_agents: Iterable[Agent],
    *,
    first_free: int = 0,
    fits: Callable[[Chunk], bool] = lambda _: True,
) -> tuple[Chunk, ...]:
    """Place the new agents, filling nearly full chunks first and then adding chunks. Returns all chunks, by number.

    A chunk gets only agents with which it `fits` into the ledger, but an agent that fits nowhere has one of its own.
    An unchanged chunk is the same object. New numbers follow those of `chunks`; if `chunks` are not all that exist,
    `first_free` is the first unused number. The agents must not be on any chunk yet.
    """
    known = sorted(chunks, key=lambda chunk: chunk.number)
    waiting = sorted(new_agents, key=lambda agent: agent.entity)
    filled: dict[int, Chunk] = {chunk.number: chunk for chunk in known}
    for chunk in sorted(known, key=lambda chunk: (chunk.room, chunk.number)):
        some = _fitting(chunk, waiting[: chunk.room], fits)
        filled[chunk.number], waiting = _with(chunk, some), waiting[len(some) :]
    number = max([first_free, *(chunk.number + 1 for chunk in known)])
    while waiting:
        some = _fitting(Chunk(number), waiting[:MOST], fits) or waiting[:1]
        filled[number], waiting = _with(Chunk(number), some), waiting[len(some) :]
        number += 1
    return tuple(filled[number] for number in sorted(filled))


def replaced(chunk: Chunk, changes: Mapping[str, Agent | None]) -> Chunk:
    """The chunk with `changes` to its agents, where None removes one; the same object if nothing differs.

    An agent that differs is read again in the next run, whenever its newest datapoint was. Changes to agents of other
    chunks are ignored.
    """
    after = {entity: changes.get(entity, agent) for entity, agent in chunk.agents.items()}
    same = {entity for entity, agent in chunk.agents.items() if after[entity] is agent or after[entity] == agent}
    if len(same) == len(after):
        return chunk
    agents = {entity: agent for entity, agent in after.items() if agent is not None}
    return replace(chunk, agents=agents, newest={one: time for one, time in chunk.newest.items() if one in same})


def dated(chunk: Chunk, newest: Mapping[str, datetime]) -> Chunk:
    """The chunk with the newest datapoints' times of its agents; the same object if nothing differs."""
    here = {entity: newest[entity] for entity in chunk.agents if entity in newest}
    return chunk if here.items() <= chunk.newest.items() else replace(chunk, newest={**chunk.newest, **here})


def _fitting(chunk: Chunk, agents: Sequence[Agent], fits: Callable[[Chunk], bool]) -> Sequence[Agent]:
    """The first of the agents, as many as were found to fit: at least half of those that do. Of a few is tried first,
    because what it takes to try grows with their bytes.
    """
    fitting, more = agents[:0], agents[:1]
    while len(fitting) < len(more) and fits(_with(chunk, more)):
        fitting, more = more, agents[: 2 * len(more) + 1]
    return fitting


def _with(chunk: Chunk, agents: Sequence[Agent]) -> Chunk:
    if not agents:
        return chunk
    return replace(chunk, agents={**chunk.agents, **{agent.entity: agent for agent in agents}})

"""A watch's roster as one run reads and writes it: chunk by chunk, each under its revision."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from lifeline.adapters.aws.calls import run_concurrently
from lifeline.adapters.store.roster import Roster
from lifeline.core.agents.agent import Agent, State, Suppression
from lifeline.core.agents.roster import Chunk, replaced
from lifeline.core.errors import TerminalError, TransientError
from lifeline.detector.attempts import Attempts
from lifeline.runtime.observability import logger

_TOO_LARGE = "ValidationException"  # DynamoDB API: PutItem, of an item of more than 400 KB
_OF_SERIES = ("series", "others", "strangers", "known", "joining", "joining_since")
_TRIES = 4  # to forget an agent while runs write the same chunk


class ChunkWriter:
    """Writes chunks. Where another run was first, that run's version stays, and `is_complete` becomes False; so it does
    where new agents, or new series of known ones, make a chunk larger than the ledger takes, and are left out.
    """

    def __init__(self, roster: Roster, watch: str, attempt: Attempts) -> None:
        self._roster = roster
        self._watch = watch
        self._attempt = attempt
        self.is_complete = True

    def save(self, kept: Sequence[Chunk], chunks: Sequence[Chunk]) -> list[Chunk]:
        """Save the chunks that differ from `kept`. Returns all as they are in the ledger, without those not saved.

        If another run wrote first where only the times of newest datapoints differ, nothing is lost: the agents are
        read again.
        """
        before = {chunk.number: chunk for chunk in kept}
        changed = [chunk for chunk in chunks if chunk != before.get(chunk.number)]
        saved = run_concurrently([partial(self._save, chunk, before.get(chunk.number)) for chunk in changed])
        after = {chunk.number: new for chunk, new in zip(changed, saved, strict=True)}
        return [chunk for old in chunks if (chunk := after.get(old.number, old)) is not None]

    def _save(self, chunk: Chunk, before: Chunk | None) -> Chunk | None:
        saved = self._attempt(partial(self._write, chunk, before))
        if saved is None and before is not None and before.agents == chunk.agents:
            return before
        if saved is None:
            self.is_complete = False
            logger.warning("agents not saved", watch=self._watch, chunk=chunk.number)
        return saved

    def within_room(self, kept: Sequence[Chunk], chunks: Sequence[Chunk]) -> list[Chunk]:
        """The chunks without the longest of the new agents, and of the new series of known ones, for which the ledger
        has no room. Whoever publishes long dimensions must not keep what is known of all others from being saved.
        """
        before = {chunk.number: chunk for chunk in kept}
        return [
            chunk
            if chunk is before.get(chunk.number) or self._roster.has_room(chunk)
            else self._without_longest(chunk, before.get(chunk.number))
            for chunk in chunks
        ]

    def _without_longest(self, chunk: Chunk, before: Chunk | None) -> Chunk:
        had = before.agents if before else {}
        new = [entity for entity, agent in chunk.agents.items() if _series_of(agent) != _series_of(had.get(entity))]
        new.sort(key=lambda entity: (_length(chunk.agents[entity]), entity))
        while (new := new[: len(new) // 2]) and not self._roster.has_room(_with_new(chunk, had, new)):
            pass
        self._complain()
        return _with_new(chunk, had, new)

    def _write(self, chunk: Chunk, before: Chunk | None) -> Chunk | None:
        try:
            return self._roster.save(chunk)
        except TerminalError as error:
            if error.code != _TOO_LARGE:
                raise
            logger.error(str(error))
        self._complain()
        return self._roster.save(_with_new(chunk, before.agents if before else {}, ()))

    def _complain(self) -> None:
        self.is_complete = False
        words = f"new agents of {self._watch}, or new series of known ones, left out: the ledger has no room for them"
        self._attempt.failures.append(words)

    def forget(self, entities: Iterable[str], told: Collection[str], now: datetime) -> list[str]:
        """Suppress agents until they report again: those of which people were told, or that are forgotten already.
        Returns them, sorted.

        Raises TransientError or TerminalError where the roster can't be read or written.
        """
        wanted = {entity: entity in told for entity in entities}
        return sorted(entity for number in self._roster.sizes() for entity in self._forget_in(number, wanted, now))

    def _forget_in(self, number: int, wanted: Mapping[str, bool], now: datetime) -> list[str]:
        for _ in range(_TRIES):
            [chunk] = self._roster.read([number]) or [Chunk(number)]
            changes = {
                entity: _forgotten(agent, now)
                for entity, agent in chunk.agents.items()
                if entity in wanted and (wanted[entity] or agent.suppressed_by is Suppression.FORGOTTEN)
            }
            if not changes or self._roster.save(replaced(chunk, changes)):
                return [*changes]
        raise TransientError(f"other runs of {self._watch} wrote first each time; some agents are not forgotten")


def newest_of(chunks: Iterable[Chunk]) -> dict[str, datetime]:
    """The times of the agents' newest datapoints, as far as earlier runs have read them."""
    return {entity: time for chunk in chunks for entity, time in chunk.newest.items()}


def agents_of(chunks: Iterable[Chunk]) -> dict[str, Agent]:
    """The chunks' agents by entity."""
    return {entity: agent for chunk in chunks for entity, agent in chunk.agents.items()}


def _length(agent: Agent) -> int:
    """How many letters there are in the dimensions that are kept of the agent."""
    series = (agent.series, *agent.others, *agent.strangers)
    return sum(len(name) + len(value) for one in series if one for name, value in one.dimensions)


def _series_of(agent: Agent | None) -> dict[str, Any]:
    """What is kept of an agent's series: all that others can make long."""
    return {name: getattr(agent, name) for name in _OF_SERIES} if agent else {}


def _with_new(chunk: Chunk, had: Mapping[str, Agent], new: Collection[str]) -> Chunk:
    """The chunk as it is, of agents and series that it didn't have only with what is in `new`."""
    agents = {
        entity: agent if entity in new or old is None else replace(agent, **_series_of(old))
        for entity, agent in chunk.agents.items()
        if (old := had.get(entity)) or entity in new or agent.series is None
    }
    return replace(chunk, agents=agents, newest={one: at for one, at in chunk.newest.items() if one in agents})


def _forgotten(agent: Agent, now: datetime) -> Agent:
    """The agent without a sign of life before `now`; whatever it sends from now on is its own. One that is forgotten
    stays as it is: whoever asks again and again would otherwise have whatever it sent meanwhile count for nothing.
    """
    if agent.suppressed_by is Suppression.FORGOTTEN:
        return agent
    gap = agent.gap if agent.incident else None
    agent = replace(agent, known="", joining="", joining_since=None, strangers=())
    return replace(agent, state=State.SUPPRESSED, suppressed_by=Suppression.FORGOTTEN, seen_at=now, gap=gap)

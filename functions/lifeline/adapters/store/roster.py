"""The roster in the ledger: the agents of one watch, many to an item, and how far its last run got.

    pk = ROSTER#<watch>   sk = CHUNK#<number>   revision, agent_count, is_plain, agents (see `agent_records`)
                          sk = STATE            discovered_at, checked_at, run_id, run_began, waiting, ended_by,
                                                late_agents, unknown_agents

Every write of a chunk names the revision that it changes, so that concurrent runs don't overwrite each other.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from lifeline.adapters.store.agent_records import pack, unpack
from lifeline.adapters.store.codec import from_plain
from lifeline.adapters.store.table import Key, Table
from lifeline.core.agents.roster import Chunk, RosterState
from lifeline.core.organization.ledger import Ledger

_CHUNK = "CHUNK#"
_MOST_BYTES = 350_000  # of the 400 KB that an item may have (DynamoDB guide: quotas)


class Roster:
    """One watch's agents."""

    def __init__(self, ledger: Ledger, watch_name: str, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)
        self._watch = watch_name
        self._pk = f"ROSTER#{watch_name}"
        self._state_key = (self._pk, "STATE")
        self._unread = f"the roster of {watch_name} could not be read"

    # ---- agents

    def read(self, numbers: Iterable[int] | None = None) -> tuple[Chunk, ...]:
        """The chunks by number: all of them, or those of these numbers that exist.

        All of them may be slightly stale: a write that follows names the revision it saw, and is then refused. Those
        read by number are read as last written, because the caller may have just written them. A record that can't be
        understood is left out, with an error in the log, and kept when its chunk is saved.
        """
        if numbers is None:
            items: Iterable[dict[str, Any]] = self._query()
        else:
            items = self._table.get_all(map(self._key, numbers), self._unread).values()
        chunks = [self._chunk(item) for item in items]
        return tuple(sorted(chunks, key=lambda chunk: chunk.number))

    def sizes(self) -> dict[int, int]:
        """How many agents each chunk has, by number, without reading them."""
        items = self._query(ProjectionExpression="sk, agent_count")
        return dict(sorted((_number(item), item["agent_count"]) for item in items))

    def plain_sizes(self) -> dict[int, int | None]:
        """How many agents each chunk has if it is plain (`Chunk.is_plain`), as last written; None for the others."""
        items = self._query(ProjectionExpression="sk, agent_count, is_plain", ConsistentRead=True)
        return dict(sorted((_number(item), item["agent_count"] if item.get("is_plain") else None) for item in items))

    def has_room(self, chunk: Chunk) -> bool:
        """True if the chunk fits into one item, also with what comes to be known of its agents."""
        return len(pack(chunk.agents.values(), chunk.unread, chunk.newest)) <= _MOST_BYTES

    def save(self, chunk: Chunk) -> Chunk | None:
        """The chunk with its next revision, or None where another run was first and nothing was written."""
        saved = replace(chunk, revision=chunk.revision + 1)
        is_saved = self._table.put(
            self._key(chunk.number),
            {
                "revision": saved.revision,
                "agent_count": len(saved.agents),
                "is_plain": saved.is_plain,
                "agents": pack(saved.agents.values(), saved.unread, saved.newest),
            },
            f"{self._name(chunk.number)} could not be written",
            condition="revision = :revision" if chunk.revision else "attribute_not_exists(pk)",
            values={":revision": chunk.revision} if chunk.revision else {},
        )
        return saved if is_saved else None

    def _chunk(self, item: Mapping[str, Any]) -> Chunk:
        number = _number(item)
        agents, unread, newest = unpack(item["agents"], where=self._name(number))
        return Chunk(number, agents, item["revision"], unread, newest)

    def _query(self, **request: Any) -> Iterator[dict[str, Any]]:
        values = {":pk": self._pk, ":chunk": _CHUNK}
        return self._table.query("pk = :pk AND begins_with(sk, :chunk)", values, self._unread, **request)

    def _key(self, number: int) -> Key:
        return self._pk, f"{_CHUNK}{number:04}"

    def _name(self, number: int) -> str:
        return f"chunk {number} of the roster of {self._watch}"

    # ---- runs

    def state(self) -> RosterState:
        """When agents were last discovered, and what is left of the last run in parts."""
        doing = f"the roster's state of {self._watch} could not be read"
        item = self._table.get(self._state_key, doing)
        counts = {"late": item.get("late_agents", 0), "unknown": item.get("unknown_agents", 0)}
        return from_plain(RosterState, item | counts)

    def begin_check(self, now: datetime) -> datetime | None:
        """When agents were last discovered, None before the first time. Saves that a run of the watch began `now`."""
        after = self._update("SET checked_at = :now", {":now": now})
        return from_plain(RosterState, after or {}).discovered_at

    def save_discovery(self, now: datetime) -> None:
        """Save that agents were discovered `now`."""
        self._update("SET discovered_at = :now", {":now": now})

    def begin_run(self, run_id: str, parts: int, now: datetime, *, others_began: datetime) -> bool:
        """Whether the run began: its parts, from 0 on, are to be done, and what was left of the last run no longer is.

        A run that has begun already stays as it is: its call may come twice. So does another one that has parts left
        and began after `others_began`.
        """
        waiting = {":parts": set(range(parts))} if parts else {}
        after = self._update(
            f"SET run_id = :run, run_began = :now{', waiting = :parts' if parts else ''}"
            f" REMOVE ended_by, late_agents, unknown_agents{'' if parts else ', waiting'}",
            {":run": run_id, ":now": now.astimezone(UTC), ":began": others_began.astimezone(UTC), **waiting},
            condition="attribute_not_exists(run_id)"
            " OR (run_id <> :run AND (attribute_not_exists(waiting) OR run_began <= :began))",
        )
        return after is not None

    def finish_part(self, run_id: str, part: int, *, late: int = 0, unknown: int = 0) -> bool:
        """True for the one call that ends the run: its part is done, and no other is left. A part may end twice.

        `late` and `unknown` are how many of the part's agents are in these states.

        False where a later run has begun. The caller that gets True ended the run by a write of its own, so that an
        answer lost on the way is given again.
        """
        after = self._update(
            "DELETE waiting :part ADD late_agents :late, unknown_agents :unknown",
            {":run": run_id, ":part": {part}, ":late": late, ":unknown": unknown},
            condition="run_id = :run",
        )
        if after is None or "waiting" in after:
            return False
        ended = self._update(
            "SET ended_by = :me",
            {":run": run_id, ":me": uuid4().hex},
            condition="run_id = :run AND (attribute_not_exists(ended_by) OR ended_by = :me)",
        )
        return ended is not None

    def _update(self, expression: str, values: Mapping[str, Any], *, condition: str = "") -> dict[str, Any] | None:
        """The state's item after the update; None where the condition isn't met."""
        doing = f"the roster's state of {self._watch} could not be written"
        return self._table.update(self._state_key, expression, values, doing, condition=condition)


def _number(item: Mapping[str, Any]) -> int:
    return int(item["sk"].removeprefix(_CHUNK))

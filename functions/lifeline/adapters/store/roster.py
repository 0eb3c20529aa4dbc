"""The roster in the ledger: the agents of one watch, many to an item, and how far its last run got.

    pk = ROSTER#<watch>   sk = CHUNK#<number>   revision, count, agents (see `records`)
                          sk = STATE            discovered_at, run_id, run_began, waiting, ended_by,
                                                late_agents, unknown_agents

Every write of a chunk names the revision that it changes, so that of two runs that overlap one has its way.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import batched
from typing import Any
from uuid import uuid4

from lifeline.adapters.aws.calls import aws_errors, conditional_write
from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.agent_records import pack, unpack
from lifeline.core.agents.roster import Chunk, RosterState
from lifeline.core.errors import TransientError

_KEYS_A_CALL = 100  # DynamoDB API: BatchGetItem
_TRIES = 8
_CHUNK = "CHUNK#"

type Item = dict[str, dict[str, Any]]


class Roster:
    """One watch's agents."""

    def __init__(self, table_name: str, watch_name: str, dynamodb: Any = None) -> None:
        self._table = table_name
        self._watch = watch_name
        self._pk = {"S": f"ROSTER#{watch_name}"}
        self._state_key = {"pk": self._pk, "sk": {"S": "STATE"}}
        self._dynamodb = dynamodb or client("dynamodb")

    # ---- agents

    def read(self, numbers: Iterable[int] | None = None) -> tuple[Chunk, ...]:
        """The chunks by number: all of them, or those that are asked for and exist.

        All of them may be a moment old: a write that follows names the revision it saw, and comes to nothing. Those
        asked for are read as last written, for whoever names them may have just written them. A record that can't be
        understood is left out, with an error in the log, and kept when its chunk is saved.
        """
        items = self._query() if numbers is None else self._get(numbers)
        chunks = [self._chunk(item) for item in items]
        return tuple(sorted(chunks, key=lambda chunk: chunk.number))

    def sizes(self) -> dict[int, int]:
        """How many agents each chunk has, by number, without reading them."""
        names = {"#count": "count"}
        items = self._query(ProjectionExpression="sk, #count", ExpressionAttributeNames=names)
        return dict(sorted((_number(item), int(item["count"]["N"])) for item in items))

    def save(self, chunk: Chunk) -> Chunk | None:
        """The chunk with its next revision, or None where another run was first and nothing was written."""
        saved = replace(chunk, revision=chunk.revision + 1)
        item = {
            **self._key(chunk.number),
            "revision": {"N": str(saved.revision)},
            "count": {"N": str(len(saved.agents))},
            "agents": {"B": pack(saved.agents.values(), saved.unread)},
        }
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if chunk.revision:
            condition = {
                "ConditionExpression": "#revision = :revision",
                "ExpressionAttributeNames": {"#revision": "revision"},
                "ExpressionAttributeValues": {":revision": {"N": str(chunk.revision)}},
            }
        done = conditional_write(
            f"{self._name(chunk.number)} could not be written",
            self._dynamodb.put_item,
            TableName=self._table,
            Item=item,
            **condition,
        )
        return saved if done is not None else None

    def _chunk(self, item: Item) -> Chunk:
        number = _number(item)
        agents, unread = unpack(item["agents"]["B"], where=self._name(number))
        return Chunk(number, agents, int(item["revision"]["N"]), unread)

    def _query(self, **request: Any) -> Iterator[Item]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :chunk)",
            ExpressionAttributeValues={":pk": self._pk, ":chunk": {"S": _CHUNK}},
            **request,
        )
        with aws_errors(f"the roster of {self._watch} could not be read"):
            for page in pages:
                yield from page["Items"]

    def _get(self, numbers: Iterable[int]) -> Iterator[Item]:
        keys = [self._key(number) for number in sorted(set(numbers))]
        for batch in batched(keys, _KEYS_A_CALL, strict=False):
            waiting: dict[str, Any] = {self._table: {"Keys": list(batch), "ConsistentRead": True}}
            for _ in range(_TRIES):
                with aws_errors(f"the roster of {self._watch} could not be read"):
                    answer = self._dynamodb.batch_get_item(RequestItems=waiting)
                yield from answer["Responses"].get(self._table, [])
                waiting = answer.get("UnprocessedKeys", {})
                if not waiting:
                    break
            else:
                raise TransientError(f"the roster of {self._watch} was only read in part", code="UnprocessedKeys")

    def _key(self, number: int) -> Item:
        return {"pk": self._pk, "sk": {"S": f"{_CHUNK}{number:04}"}}

    def _name(self, number: int) -> str:
        return f"chunk {number} of the roster of {self._watch}"

    # ---- runs

    def state(self) -> RosterState:
        """When agents were last looked for, and what is left of the last run in parts."""
        with aws_errors(f"the roster's state of {self._watch} could not be read"):
            answer = self._dynamodb.get_item(TableName=self._table, Key=self._state_key, ConsistentRead=True)
        item = answer.get("Item", {})
        return RosterState(
            discovered_at=_time(item, "discovered_at"),
            run_id=item.get("run_id", {}).get("S", ""),
            run_began=_time(item, "run_began"),
            waiting=frozenset(int(part) for part in item.get("waiting", {}).get("NS", ())),
            late=int(item.get("late_agents", {}).get("N", 0)),
            unknown=int(item.get("unknown_agents", {}).get("N", 0)),
        )

    def discovered_at(self) -> datetime | None:
        """When agents were last looked for; None before the first time."""
        return self.state().discovered_at

    def save_discovery(self, now: datetime) -> None:
        """Keeps that agents were looked for `now`."""
        self._update("SET discovered_at = :now", {":now": {"S": now.isoformat()}})

    def begin_run(self, run_id: str, parts: int, now: datetime) -> bool:
        """Whether the run began: its parts, from 0 on, are to be done, and what was left of the last run no longer is.

        A run that has begun already stays as it is: its call may come twice.
        """
        waiting = {":parts": {"NS": [str(part) for part in range(parts)]}} if parts else {}
        answer = self._update(
            f"SET run_id = :run, run_began = :now{', waiting = :parts' if parts else ''}"
            f" REMOVE ended_by, late_agents, unknown_agents{'' if parts else ', waiting'}",
            {":run": {"S": run_id}, ":now": {"S": now.isoformat()}, **waiting},
            condition="attribute_not_exists(run_id) OR run_id <> :run",
        )
        return answer is not None

    def finish_part(self, run_id: str, part: int, *, late: int = 0, unknown: int = 0) -> bool:
        """True for the one call that ends the run: its part is done, and no other is left. A part may end twice.

        `late` and `unknown` are how many of its agents it found so.

        False where a later run has begun. Whoever hears True ends the run by a write of its own, so that an answer
        that got lost on the way is given again.
        """
        run = {":run": {"S": run_id}}
        after = self._update(
            "DELETE waiting :part ADD late_agents :late, unknown_agents :unknown",
            {**run, ":part": {"NS": [str(part)]}, ":late": {"N": str(late)}, ":unknown": {"N": str(unknown)}},
            condition="run_id = :run",
        )
        if after is None or "waiting" in after:
            return False
        ended = self._update(
            "SET ended_by = :me",
            {**run, ":me": {"S": uuid4().hex}},
            condition="run_id = :run AND (attribute_not_exists(ended_by) OR ended_by = :me)",
        )
        return ended is not None

    def _update(self, expression: str, values: Item, *, condition: str = "") -> Item | None:
        """The state's item after the update; None where the condition isn't met."""
        answer = conditional_write(
            f"the roster's state of {self._watch} could not be written",
            self._dynamodb.update_item,
            TableName=self._table,
            Key=self._state_key,
            UpdateExpression=expression,
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
            **({"ConditionExpression": condition} if condition else {}),
        )
        if answer is None:
            return None
        found: Item = answer["Attributes"]
        return found


def _number(item: Item) -> int:
    return int(item["sk"]["S"].removeprefix(_CHUNK))


def _time(item: Item, name: str) -> datetime | None:
    return datetime.fromisoformat(item[name]["S"]) if name in item else None

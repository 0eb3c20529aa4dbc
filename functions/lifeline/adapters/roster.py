"""The roster in the ledger: agents and their gaps, one item each.

    pk = ROSTER#<namespace>   sk = AGENT#<entity>
    entity, metric, dimensions {name: value}, seen_at, state, revision
    since, opened_at, ended_at          while there is a gap to tell of
    untold, claimed_until               until a notice has carried the news
    expires_at                          while the agent doesn't report

Times are ISO 8601 in UTC; `expires_at` is in epoch seconds, for DynamoDB. One Query reads all of a namespace's agents
and gaps. Every write names the revision that it changes, so that of two runs that overlap one has its way.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.adapters.aws import ours
from lifeline.adapters.clients import client
from lifeline.core.gaps import Agent, Gap, News, Series, State
from lifeline.observability import logger

_TTL_MARGIN = timedelta(days=7)  # the detector forgets an agent itself; the TTL is for when it no longer runs

type Item = dict[str, dict[str, Any]]


class Roster:
    """One namespace's agents."""

    def __init__(self, table_name: str, namespace: str, forget_after: timedelta, dynamodb: Any = None) -> None:
        self._table_name = table_name
        self._pk = {"S": f"ROSTER#{namespace}"}
        self._keep = forget_after + _TTL_MARGIN
        self._dynamodb = dynamodb or client("dynamodb")

    def read(self) -> dict[str, Agent]:
        """The remembered agents by entity. An item that can't be understood is left out, with an error in the log.

        Reads may be a moment old: a write that follows from one names the revision it saw, and comes to nothing.
        """
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table_name,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :agent)",
            ExpressionAttributeValues={":pk": self._pk, ":agent": {"S": "AGENT#"}},
        )
        try:
            agents = [_readable(item) for page in pages for item in page["Items"]]
        except (ClientError, BotoCoreError) as error:
            raise ours(error, "the roster could not be read") from error
        return {agent.entity: agent for agent in agents if agent is not None}

    def save(self, agent: Agent) -> Agent | None:
        """The agent with its next revision, or None where another run was first and nothing was written."""
        saved = replace(agent, revision=agent.revision + 1)
        done = self._write(
            self._dynamodb.put_item, agent, Item=self._key(agent) | _to_item(saved) | self._expiry(saved)
        )
        return saved if done else None

    def remove(self, agent: Agent) -> bool:
        """Whether the agent is off the roster now; False where another run changed it first."""
        return self._write(self._dynamodb.delete_item, agent, Key=self._key(agent))

    def _write(self, write: Callable[..., Any], agent: Agent, **what: Item) -> bool:
        """Whether it was written. `agent` is the one that was read: its revision must still be the ledger's."""
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if agent.revision:
            condition = {
                "ConditionExpression": "#revision = :revision",
                "ExpressionAttributeNames": {"#revision": "revision"},
                "ExpressionAttributeValues": {":revision": {"N": str(agent.revision)}},
            }
        try:
            write(TableName=self._table_name, **what, **condition)
        except (ClientError, BotoCoreError) as error:
            problem = ours(error, f"{agent.entity} could not be written to the roster")
            if problem.code == "ConditionalCheckFailedException":
                return False
            raise problem from error
        return True

    def _key(self, agent: Agent) -> Item:
        return {"pk": self._pk, "sk": {"S": f"AGENT#{agent.entity}"}}

    def _expiry(self, agent: Agent) -> Item:
        if agent.state is State.REPORTING or agent.seen_at is None:
            return {}
        return {"expires_at": {"N": str(int((agent.seen_at + self._keep).timestamp()))}}


def _to_item(agent: Agent) -> Item:
    gap = agent.gap
    texts = {
        "entity": agent.entity,
        "metric": agent.series.metric,
        "seen_at": _iso(agent.seen_at),
        "state": agent.state,
        "since": _iso(gap.since if gap else None),
        "opened_at": _iso(gap.opened_at if gap else None),
        "ended_at": _iso(gap.ended_at if gap else None),
        "untold": agent.untold,
        "claimed_until": _iso(agent.claimed_until),
    }
    dimensions = {name: {"S": value} for name, value in agent.series.dimensions}
    return {
        "revision": {"N": str(agent.revision)},
        "dimensions": {"M": dimensions},
        **{name: {"S": str(text)} for name, text in texts.items() if text},
    }


def _readable(item: Item) -> Agent | None:
    try:
        return _from_item(item)
    except (KeyError, ValueError) as error:
        logger.error("an agent in the roster can't be understood", extra={"sk": item["sk"], "reason": repr(error)})
        return None


def _from_item(item: Item) -> Agent:
    texts = {name: value["S"] for name, value in item.items() if "S" in value}
    dimensions = item["dimensions"]["M"]
    since = _time(texts, "since")
    opened_at = _time(texts, "opened_at")
    return Agent(
        entity=texts["entity"],
        series=Series(texts["metric"], tuple(sorted((name, value["S"]) for name, value in dimensions.items()))),
        seen_at=_time(texts, "seen_at"),
        state=State(texts["state"]),
        gap=Gap(since, opened_at, _time(texts, "ended_at")) if since and opened_at else None,
        untold=News(texts["untold"]) if "untold" in texts else None,
        claimed_until=_time(texts, "claimed_until"),
        revision=int(item["revision"]["N"]),
    )


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _time(texts: Mapping[str, str], name: str) -> datetime | None:
    return datetime.fromisoformat(texts[name]) if name in texts else None

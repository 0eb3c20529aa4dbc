"""Incidents in the ledger: the open ones, which a run reads all at once, and the closed ones, by when they were closed.

    pk = INCIDENTS#<watch>   sk = OPEN#<id>             incident (JSON), vpc_id, kind, opened_at, revision
                             sk = CLOSED#<time>#<id>    the same, and closed_at, expires_at
    pk = VPC#<id>            sk = INCIDENT#<time>#<id>#opened, …#closed    the record's entries

An entry is written together with what it tells of, or not at all. Every write names the revision that it changes.
Kinds, confidences and phases are kept by the names that they have in the code, for their words may change.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.adapters.aws.calls import aws_errors, conditional_write, ours
from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.history import filed_item
from lifeline.core.errors import TransientError
from lifeline.core.history.change import Change
from lifeline.core.history.entries import LEDGER_KEEP, EntryKind, filed, incident_partition, key_of
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident, Phase
from lifeline.runtime.observability import logger

_OPEN = "OPEN#"
_CLOSED = "CLOSED#"
# Why DynamoDB cancels a transaction that may succeed a moment later (DynamoDB API: TransactWriteItems).
_PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})

type Item = dict[str, dict[str, Any]]


class Incidents:
    """The incidents of every watch."""

    def __init__(self, table_name: str, dynamodb: Any = None, *, keep: timedelta = LEDGER_KEEP) -> None:
        self._table = table_name
        self._dynamodb = dynamodb or client("dynamodb")
        self._keep = keep

    def read_open(self, watch_name: str) -> tuple[Incident, ...]:
        """The watch's open incidents, the oldest first, as last written.

        One that can't be understood is left out, with an error in the log; it stays in the ledger.
        """
        found = [_readable(item) for item in self._query_open(watch_name)]
        known = [incident for incident in found if incident is not None]
        return tuple(sorted(known, key=lambda incident: (incident.opened_at, incident.id)))

    def save(self, incident: Incident) -> Incident | None:
        """The incident with its next revision; None, with nothing written, where another run was first or closed it."""
        saved = replace(incident, revision=incident.revision + 1)
        item, doing = _open_key(incident) | _item(saved), f"incident {incident.id} could not be written"
        if not incident.revision:
            put = {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
            entry = self._entry(incident, "opened", incident.opened_at)
            return saved if self._together([{"Put": put}, {"Put": entry}], doing) else None
        done = conditional_write(
            doing, self._dynamodb.put_item, TableName=self._table, Item=item, **_unchanged(incident)
        )
        return saved if done is not None else None

    def close(self, incident: Incident, *, now: datetime) -> bool:
        """Whether the incident went from the open ones to the closed ones; False where another run was first."""
        closed_at = now.astimezone(UTC).isoformat()
        kept = {
            "pk": _open_key(incident)["pk"],
            "sk": {"S": f"{_CLOSED}{closed_at}#{incident.id}"},
            **_item(incident),
            "closed_at": {"S": closed_at},
            "expires_at": self._expiry(now),
        }
        delete = {"TableName": self._table, "Key": _open_key(incident), **_unchanged(incident)}
        put = {"TableName": self._table, "Item": kept}
        entry = self._entry(incident, "closed", now)
        doing = f"incident {incident.id} could not be closed"
        return self._together([{"Delete": delete}, {"Put": put}, {"Put": entry}], doing)

    def _entry(self, incident: Incident, event: str, at: datetime) -> dict[str, Any]:
        """The record's line of the opening or closing, below the VPC that the cause names, if any."""
        vpc_id, change = incident.cause.vpc_id, incident.cause.change
        key = key_of(EntryKind.INCIDENT, at, incident.id, event)
        named = {"event_id": change.event_id, "event_name": change.event_name, "actor": change.actor} if change else {}
        texts = {
            "incident": incident.id,
            "event": event,
            "cause": incident.cause.kind.name,
            "words": incident.cause.words,
            "began": incident.began.isoformat(),
            "fix": incident.cause.fix,
        }
        return {
            "TableName": self._table,
            "Item": {
                "pk": {"S": f"VPC#{vpc_id}"},
                "sk": {"S": key},
                **filed_item(filed(vpc_id, key)),
                **_texts(texts),
                "begun_by": {"M": _texts(named)},
                **({"agents": {"N": str(incident.notified_agents)}} if incident.notified_agents else {}),
                "expires_at": self._expiry(at),
            },
        }

    def _expiry(self, now: datetime) -> dict[str, str]:
        return {"N": str(int((now + self._keep).timestamp()))}

    def _together(self, writes: list[dict[str, Any]], doing: str) -> bool:
        """Whether all was written, or, since another run was first, nothing."""
        try:
            self._dynamodb.transact_write_items(TransactItems=writes)
        except (ClientError, BotoCoreError) as error:
            reasons = _cancelled_by(error)
            if "ConditionalCheckFailed" in reasons:
                return False
            problem = ours(error, doing)
            if reasons & _PASSING:
                raise TransientError(str(problem), code=problem.code) from error
            raise problem from error
        return True

    def closed_since(self, watch_name: str, since: datetime) -> frozenset[str]:
        """The ids of the watch's incidents that were closed from then on."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :since AND :end",
            "ExpressionAttributeValues": {
                ":pk": {"S": f"INCIDENTS#{watch_name}"},
                ":since": {"S": f"{_CLOSED}{since.astimezone(UTC).isoformat()}"},
                ":end": {"S": f"{_CLOSED}~"},
            },
            "ProjectionExpression": "sk",
            "ConsistentRead": True,
        }
        with aws_errors(f"the closed incidents of {watch_name} could not be read"):
            pages = self._dynamodb.get_paginator("query").paginate(**request)
            return frozenset(item["sk"]["S"].rpartition("#")[2] for page in pages for item in page["Items"])

    def _query_open(self, watch_name: str) -> list[Item]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :open)",
            "ExpressionAttributeValues": {":pk": {"S": f"INCIDENTS#{watch_name}"}, ":open": {"S": _OPEN}},
            "ConsistentRead": True,
        }
        found: list[Item] = []
        with aws_errors(f"the open incidents of {watch_name} could not be read"):
            while True:
                answer = self._dynamodb.query(**request)
                found += answer["Items"]
                if "LastEvaluatedKey" not in answer:
                    return found
                request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _open_key(incident: Incident) -> Item:
    return {"pk": {"S": f"INCIDENTS#{incident.watch}"}, "sk": {"S": f"{_OPEN}{incident.id}"}}


def _unchanged(incident: Incident) -> dict[str, Any]:
    return {
        "ConditionExpression": "#revision = :revision",
        "ExpressionAttributeNames": {"#revision": "revision"},
        "ExpressionAttributeValues": {":revision": {"N": str(incident.revision)}},
    }


def _cancelled_by(error: ClientError | BotoCoreError) -> frozenset[str]:
    """Why DynamoDB cancelled a transaction, a code for each write; "None" stands for one that wasn't the reason."""
    response: Mapping[str, Any] = error.response if isinstance(error, ClientError) else {}
    return frozenset(str(reason.get("Code", "")) for reason in response.get("CancellationReasons", []))


# ---- items


def _item(incident: Incident) -> Item:
    """What an operator may want to look for stands beside the JSON; `since` is when its story begins."""
    change = incident.cause.change
    since = min(incident.began, incident.opened_at, *([change.at] if change else []))
    return {
        "since": {"S": since.isoformat()},
        "index_pk": {"S": incident_partition(incident.id)},
        "index_sk": {"S": incident.opened_at.isoformat()},
        "incident": {"S": json.dumps(_plain(asdict(incident)), separators=(",", ":"))},
        "vpc_id": {"S": incident.cause.vpc_id},
        "kind": {"S": incident.cause.kind.name},
        "opened_at": {"S": incident.opened_at.isoformat()},
        "revision": {"N": str(incident.revision)},
    }


def _texts(texts: Mapping[str, str]) -> Item:
    return {name: {"S": text} for name, text in texts.items()}


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(element) for key, element in value.items()}
        case tuple():
            return [_plain(element) for element in value]
        case frozenset():
            return sorted(value)
        case StrEnum():
            return value.name
        case datetime():
            return value.isoformat()
        case _:
            return value


def _readable(item: Item) -> Incident | None:
    try:
        found = _incident(json.loads(item["incident"]["S"]))
        return replace(found, revision=int(item["revision"]["N"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        logger.error("an incident can't be understood", extra={"sk": item["sk"]["S"], "reason": repr(error)[:200]})
        return None


def _incident(found: Mapping[str, Any]) -> Incident:
    return Incident(
        **_known(Incident, found)
        | {
            "cause": _cause(found["cause"]),
            "began": datetime.fromisoformat(found["began"]),
            "opened_at": datetime.fromisoformat(found["opened_at"]),
            "phase": Phase[found["phase"]],
            "checked_at": _time(found, "checked_at"),
            "notified_at": _time(found, "notified_at"),
            "notified_phase": Phase[found["notified_phase"]],
        }
    )


def _cause(found: Mapping[str, Any]) -> Cause:
    return Cause(
        **_known(Cause, found)
        | {
            "kind": CauseKind[found["kind"]],
            "confidence": Confidence[found["confidence"]],
            "evidence": tuple(found["evidence"]),
            "change": _change(found["change"]) if found.get("change") else None,
            "fixed_at": _time(found, "fixed_at"),
        }
    )


def _change(found: Mapping[str, Any]) -> Change:
    at, ids = datetime.fromisoformat(found["at"]), frozenset(found["ids"])
    return Change(**_known(Change, found) | {"at": at, "ids": ids})


def _known(kind: type, found: Mapping[str, Any]) -> dict[str, Any]:
    """What this version knows of: a newer one may have written more, and been rolled back."""
    return {field.name: found[field.name] for field in fields(kind) if field.name in found}


def _time(found: Mapping[str, Any], name: str) -> datetime | None:
    return datetime.fromisoformat(found[name]) if found.get(name) else None

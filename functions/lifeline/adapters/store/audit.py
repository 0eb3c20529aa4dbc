"""The audit log: changes that were seen, actions that were taken, and what became of endpoints."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.history import filed_item
from lifeline.adapters.store.keys import partition
from lifeline.core.coexist.import_blocks import import_text
from lifeline.core.errors import TransientError
from lifeline.core.history.change import Change
from lifeline.core.history.entries import LEDGER_KEEP, EndpointOutcome, EntryKind, filed, key_of
from lifeline.core.network.model import AnyRef, RegionRef, VpcRef
from lifeline.core.plan.actions import Action
from lifeline.core.requests.request import Trigger
from lifeline.core.wording import read_time

_BATCH = 25  # DynamoDB API: BatchWriteItem
_TRIES = 8
_MOST_PAGES = 10
_CHANGE = "CHANGE#"
_TAGGING = frozenset({"CreateTags", "DeleteTags"})
_LATEST_KEY = {"pk": {"S": "CHANGES"}, "sk": {"S": "LATEST"}}


class AuditLog:
    """The ledger's items of VPCs with CHANGE#<time>#<event id>, ACTION#<time>#<n>, OUTCOME#<time>#<endpoint id> and
    SEEN#<endpoint id>#<result>, and `CHANGES` with LATEST. Entries are in the index, too, and are kept for `keep`.
    """

    def __init__(self, table_name: str, dynamodb: Any = None, *, keep: timedelta = LEDGER_KEEP) -> None:
        self._table = table_name
        self._dynamodb = dynamodb or client("dynamodb")
        self._keep = keep

    def record_changes(self, changes: Iterable[tuple[AnyRef, Trigger]], *, now: datetime) -> None:
        """Keeps who changed what, by VPC or, where that is unknown, by region, and that the network changed.

        The same event twice is one entry.
        """
        items: list[dict[str, Any]] = [
            {
                "pk": {"S": partition(ref)},
                "sk": {"S": (key := f"{_CHANGE}{trigger.time}#{trigger.event_id}")},
                **filed_item(filed(ref, key)),
                "event_name": {"S": trigger.event_name},
                "actor": {"S": trigger.actor},
                **({"ids": {"SS": sorted(trigger.ids)}} if trigger.ids else {}),
                **({"tags": {"SS": sorted(trigger.tags)}} if trigger.tags else {}),
                "expires_at": self._expiry(now),
            }
            for ref, trigger in sorted(set(changes), key=lambda change: (str(change[0]), change[1].time))
        ]
        if any(item["event_name"]["S"] not in _TAGGING for item in items):
            items.append({**_LATEST_KEY, "at": {"S": now.astimezone(UTC).isoformat()}})
        self._write(items)

    def latest_change(self) -> datetime | None:
        """When a network change was last written down, in whichever VPC; None if none ever was."""
        with aws_errors("ledger: read the latest change"):
            item = self._dynamodb.get_item(TableName=self._table, Key=_LATEST_KEY).get("Item")
        return datetime.fromisoformat(item["at"]["S"]) if item else None

    def changes_of(self, ref: AnyRef, *, since: datetime, until: datetime, most: int = 200) -> tuple[Change, ...]:
        """The newest `most` changes of the VPC from `since` to `until`, to the second and both included, oldest first.

        Changes of tags are left out, and those whose time can't be understood. Of very many, the oldest aren't looked
        at: no more than _MOST_PAGES of `most` are read.
        """
        return self._changes(ref, since=since, until=until, most=most, where="NOT event_name IN (:tag, :untag)")

    def taggings_of(self, ref: AnyRef, *, since: datetime, until: datetime, most: int = 200) -> tuple[Change, ...]:
        """As `changes_of`: the changes of Lifeline's own tags on the VPC and what is in it."""
        where = "event_name IN (:tag, :untag) AND attribute_exists(tags)"
        return self._changes(ref, since=since, until=until, most=most, where=where)

    def _changes(self, ref: AnyRef, *, since: datetime, until: datetime, most: int, where: str) -> tuple[Change, ...]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :since AND :until",
            "FilterExpression": where,
            "ExpressionAttributeValues": {
                ":pk": {"S": partition(ref)},
                ":since": {"S": f"{_CHANGE}{_second(since)}"},
                ":until": {"S": f"{_CHANGE}{_second(until)}~"},
                ":tag": {"S": "CreateTags"},
                ":untag": {"S": "DeleteTags"},
            },
            "ScanIndexForward": False,
        }
        found: list[Change] = []
        with aws_errors(f"ledger: read the changes of {ref}"):
            for _ in range(_MOST_PAGES):
                answer = self._dynamodb.query(**request, Limit=most)
                found += [change for change in map(_change, answer["Items"]) if change is not None]
                if len(found) >= most or "LastEvaluatedKey" not in answer:
                    break
                request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return tuple(sorted(found[:most], key=lambda change: (change.at, change.event_id)))

    def untraced_changes(self, home: RegionRef, *, since: datetime, until: datetime) -> tuple[Change, ...]:
        """As `changes_of`: the region's changes whose records tell nobody which VPC they were made in."""
        return tuple(replace(change, is_traced=False) for change in self.changes_of(home, since=since, until=until))

    def record_actions(
        self, ref: VpcRef, actions: Sequence[Action], triggers: Sequence[Trigger], now: datetime
    ) -> None:
        """Keeps what Lifeline decided and did, why, and what set it going."""
        because = [
            {"M": {name: {"S": getattr(t, name)} for name in ("kind", "event_id", "event_name", "actor")}}
            for t in triggers[:10]
        ]
        self._write(
            {
                "pk": {"S": partition(ref)},
                "sk": {"S": (key := key_of(EntryKind.ACTION, now, f"{place:02}"))},
                **filed_item(filed(ref, key)),
                "action": {"S": action.kind},
                "service": {"S": action.service},
                "status": {"S": action.status},
                "reason": {"S": action.reason},
                "error": {"S": action.error},
                "endpoint_id": {"S": action.endpoint_id},
                "security_group_id": {"S": action.security_group_id},
                "because": {"L": because},
                **_handover_item(action, ref.vpc_id),
                "expires_at": self._expiry(now),
            }
            for place, action in enumerate(actions)
        )

    def record_outcomes(self, ref: VpcRef, outcomes: Iterable[EndpointOutcome], *, now: datetime) -> None:
        """Keeps what became of endpoints, at the time when that was first seen. The same outcome twice is one entry."""
        self._write([self._outcome_item(ref, endpoint_outcome, now) for endpoint_outcome in outcomes])

    def _outcome_item(self, ref: VpcRef, endpoint_outcome: EndpointOutcome, now: datetime) -> dict[str, Any]:
        with aws_errors(f"ledger: claim the outcome of {endpoint_outcome.endpoint_id}"):
            first = self._dynamodb.update_item(
                TableName=self._table,
                Key={
                    "pk": {"S": partition(ref)},
                    "sk": {"S": f"SEEN#{endpoint_outcome.endpoint_id}#{endpoint_outcome.result}"},
                },
                UpdateExpression="SET first_seen = if_not_exists(first_seen, :now), expires_at = :expires",
                ExpressionAttributeValues={":now": {"S": now.isoformat()}, ":expires": self._expiry(now)},
                ReturnValues="ALL_NEW",
            )["Attributes"]["first_seen"]["S"]
        seen = datetime.fromisoformat(first)
        key = key_of(EntryKind.OUTCOME, seen, endpoint_outcome.endpoint_id)
        return {
            "pk": {"S": partition(ref)},
            "sk": {"S": key},
            **filed_item(filed(ref, key)),
            "endpoint_id": {"S": endpoint_outcome.endpoint_id},
            "service": {"S": endpoint_outcome.service},
            "result": {"S": endpoint_outcome.result},
            "detail": {"S": endpoint_outcome.detail},
            "seconds": {"N": str(max(0, int((endpoint_outcome.age - (now - seen)).total_seconds())))},
            "expires_at": self._expiry(seen),
        }

    def _expiry(self, now: datetime) -> dict[str, str]:
        return {"N": str(int((now + self._keep).timestamp()))}

    def _write(self, items: Iterable[dict[str, Any]]) -> None:
        waiting = list(items)
        for start in range(0, len(waiting), _BATCH):
            batch = {self._table: [{"PutRequest": {"Item": item}} for item in waiting[start : start + _BATCH]]}
            for _ in range(_TRIES):
                with aws_errors("ledger: write"):
                    batch = self._dynamodb.batch_write_item(RequestItems=batch).get("UnprocessedItems", {})
                if not batch:
                    break
            else:
                raise TransientError("ledger: DynamoDB left items unprocessed", code="UnprocessedItems")


def _handover_item(action: Action, vpc_id: str) -> dict[str, Any]:
    made = import_text(action, vpc_id)
    return {"handover": {"M": {name: {"S": text} for name, text in asdict(made).items()}}} if made else {}


def _second(time: datetime) -> str:
    """The time without its zone: in the order of keys, it comes before whatever CloudTrail writes of that second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _change(item: dict[str, Any]) -> Change | None:
    moment, _, event_id = item["sk"]["S"].removeprefix(_CHANGE).partition("#")
    at = read_time(moment)
    ids, tags = (frozenset(item.get(name, {}).get("SS", ())) for name in ("ids", "tags"))
    return Change(at, event_id, item["event_name"]["S"], item["actor"]["S"], ids, tags=tags) if at else None

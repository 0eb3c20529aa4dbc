"""The record, read from the ledger: a VPC's by its keys, a day's and an incident's by the index `record`.

Each entry, and each incident, stands on one shelf of the index: `DAY#<day>` or `INCIDENT#<id>`, at its `place`. What is
in a VPC is read as last written; the index may lag behind by a second or so.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from lifeline.adapters.aws.calls import aws_errors
from lifeline.adapters.aws.clients import client
from lifeline.core.errors import InvalidInputError
from lifeline.core.history.entries import (
    MOST_ENTRIES,
    Entry,
    EntryKind,
    Page,
    day_partition,
    incident_partition,
    is_part_of,
    merge,
    ranges,
    read_entry,
)
from lifeline.core.requests.history import HistoryRequest

INDEX = "audit_log"


class History:
    """What the ledger's table has on record. Only reads."""

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = table_name
        self._dynamodb = dynamodb or client("dynamodb")

    def read(self, request: HistoryRequest, *, now: datetime, most: int = MOST_ENTRIES) -> Page:
        """The first `most` entries that are asked for.

        Raises InvalidInputError for an incident that isn't in the ledger.
        """
        if request.day:
            return self._day(request.day, request.after, most)
        if request.incident:
            return self._incident(request, now, most)
        return self._vpc(request.vpc_id, request.since or now, request.until or now, request.after, most)

    def newest(self, vpc_id: str, kinds: Iterable[EntryKind], *, most: int) -> tuple[Entry, ...]:
        """The VPC's newest entries of these kinds, the newest first."""
        found: list[Entry] = []
        for kind in kinds:
            query = {
                "KeyConditionExpression": "pk = :pk AND begins_with(sk, :kind)",
                "ExpressionAttributeValues": {":pk": {"S": f"VPC#{vpc_id}"}, ":kind": {"S": f"{kind.name}#"}},
                "ScanIndexForward": False,
            }
            found += self._entries(query, most)
        return tuple(sorted(found, key=lambda entry: (entry.at, entry.sort_key), reverse=True)[:most])

    def _day(self, day: date, after: str, most: int) -> Page:
        query = {
            "IndexName": INDEX,
            "KeyConditionExpression": "index_pk = :pk AND index_sk > :after",
            "ExpressionAttributeValues": {":pk": {"S": day_partition(day)}, ":after": {"S": after or "0"}},
        }
        return merge(self._entries(query, most + 1), most=most)

    def _incident(self, request: HistoryRequest, now: datetime, most: int) -> Page:
        """All that happened in the incident's VPC from what began it until it was closed, without other incidents."""
        partition = {":pk": {"S": incident_partition(request.incident)}}
        query = {"IndexName": INDEX, "KeyConditionExpression": "index_pk = :pk", "ExpressionAttributeValues": partition}
        item = next(self._items(query, 1), None)
        if item is None:
            raise InvalidInputError("history.incident", f"{request.incident} is not in the ledger")
        found = plain_item(item)
        since, until = datetime.fromisoformat(found["since"]), now
        if "closed_at" in found:
            until = datetime.fromisoformat(found["closed_at"])
        return self._vpc(
            found["vpc_id"], since, until, request.after, most, lambda entry: is_part_of(entry, request.incident)
        )

    def _vpc(
        self,
        vpc_id: str,
        since: datetime,
        until: datetime,
        after: str,
        most: int,
        is_wanted: Callable[[Entry], bool] = lambda _: True,
    ) -> Page:
        found: list[Entry] = []
        for _, low, high in ranges(since, until, after):
            query = {
                "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
                "ExpressionAttributeValues": {
                    ":pk": {"S": f"VPC#{vpc_id}"},
                    ":low": {"S": low},
                    ":high": {"S": high},
                },
                "ConsistentRead": True,
            }
            found += self._entries(query, most + 1, is_wanted)
        return merge(found, most=most)

    def _entries(
        self, query: Mapping[str, Any], enough: int, is_wanted: Callable[[Entry], bool] = lambda _: True
    ) -> list[Entry]:
        """The first `enough` entries of the request; what is none is passed over."""
        found: list[Entry] = []
        for item in self._items(query, enough):
            entry = read_entry(plain_item(item))
            if entry and is_wanted(entry):
                found.append(entry)
            if len(found) == enough:
                break
        return found

    def _items(self, query: Mapping[str, Any], page: int) -> Iterator[dict[str, Any]]:
        more: dict[str, Any] = {}
        while True:
            with aws_errors("ledger: read the record"):
                answer = self._dynamodb.query(TableName=self._table, Limit=page, **query, **more)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def plain_item(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """An item of DynamoDB's as JSON has it: sets are sorted lists, numbers are int where they can."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: Mapping[str, Any]) -> Any:
    [(kind, found)] = value.items()
    match kind:
        case "M":
            return plain_item(found)
        case "L":
            return [_plain(element) for element in found]
        case "SS":
            return sorted(found)
        case "N":
            return float(found) if set(found) & set(".eE") else int(found)
        case "NULL":
            return None
        case _:
            return found


def filed_item(found: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """An entry's shelf and place, as attributes of its item."""
    return {name: {"S": value} for name, value in found.items()}

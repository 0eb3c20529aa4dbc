"""The ledger's table in plain values: `codec` says what those are."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, conditional_write
from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.codec import from_item, to_item
from lifeline.adapters.store.keys import in_member, says_where
from lifeline.core.errors import TerminalError, TransientError, UnreadableError
from lifeline.core.organization.ledger import Ledger

_TRIES = 8
_TURNS = 30  # to change one item, of which each lost one means that another run has had its own (bench/README.md)
_NO_TABLE = "ResourceNotFoundException"  # DynamoDB API: GetItem
_WITHOUT_TABLE = (
    " is no table here: TABLE_NAME must be the stack's output LedgerTable. Without a ledger, Lifeline only makes "
    'plans, with "mode": "plan" in the call, because whatever it creates must be on record as its own'
)
_BATCH = 25  # DynamoDB API: BatchWriteItem
_BATCH_READ = 100  # DynamoDB API: BatchGetItem

type Key = tuple[str, str]
"""An item's `pk` and `sk`."""

type _Place = tuple[int, str, Key]

_INDEX = ("index_pk",)
_PARTITIONS = ("pk", *_INDEX)

SEEN: dict[_Place, dict[str, Any]] = {}  # what `change` wrote or read last, by client, table and key


class Table:
    """The DynamoDB table, or a member account's part of it, in which it writes and reads nothing but that.

    `doing` says in an error's message what failed: "ledger: read plan-1".
    """

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self.ledger = ledger
        self.name = ledger if isinstance(ledger, str) else ledger.table_name
        self.dynamodb = dynamodb or client("dynamodb")
        self._suffix = "" if isinstance(ledger, str) else in_member("", ledger.region)

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        """Raises ours in place of botocore's error, which for a table that isn't there says what to do."""
        try:
            with aws_errors(doing):
                yield
        except TerminalError as error:
            if error.code != _NO_TABLE:
                raise
            raise TerminalError(f"{error} ({self.name}{_WITHOUT_TABLE})", code=error.code) from error

    def get(self, key: Key, doing: str) -> dict[str, Any]:
        """The item as last written; empty where there is none."""
        with self._errors(doing):
            answer = self.dynamodb.get_item(TableName=self.name, Key=self.key_item(key), ConsistentRead=True)
        return self._read(answer.get("Item", {}))

    def see(self, key: Key, doing: str) -> dict[str, Any]:
        """The same of an item that `change` writes, which begins with it."""
        SEEN[self._place(key)] = item = self.get(key, doing)
        return item

    def get_all(self, keys: Iterable[Key], doing: str) -> dict[Key, dict[str, Any]]:
        """The items as last written, by their keys, without those that don't exist.

        Raises TransientError where DynamoDB leaves some unread.
        """
        found: dict[Key, dict[str, Any]] = {}
        for some in batched(dict.fromkeys(keys), _BATCH_READ, strict=False):
            batch = {self.name: {"Keys": [self.key_item(key) for key in some], "ConsistentRead": True}}
            for _ in range(_TRIES):
                with self._errors(doing):
                    answer = self.dynamodb.batch_get_item(RequestItems=batch)
                items = map(self._read, answer.get("Responses", {}).get(self.name, ()))
                found |= {(item["pk"], item["sk"]): item for item in items}
                batch = answer.get("UnprocessedKeys", {})
                if not batch:
                    break
            else:
                raise TransientError(f"{doing}: DynamoDB left items unread", code="UnprocessedKeys")
        return found

    def put(self, key: Key, attributes: Mapping[str, Any], doing: str, **condition: Any) -> bool:
        """Write the item in place of what was there; False, with nothing written, where a condition isn't met.

        `condition` is that of `expressions`.
        """
        item = self.whole_item(key, attributes)
        request = {"TableName": self.name, "Item": item, **expressions(**condition)}
        return conditional_write(doing, self.dynamodb.put_item, **request) is not None

    def delete(self, key: Key, doing: str) -> None:
        """Delete the item, if there is one."""
        with self._errors(doing):
            self.dynamodb.delete_item(TableName=self.name, Key=self.key_item(key))

    def put_all(self, items: Iterable[tuple[Key, Mapping[str, Any]]], doing: str) -> None:
        """Write the items in place of what was there. Raises TransientError where DynamoDB leaves some unprocessed."""
        puts = [{"PutRequest": {"Item": self.whole_item(key, attributes)}} for key, attributes in items]
        for some in batched(puts, _BATCH, strict=False):
            batch = {self.name: list(some)}
            for _ in range(_TRIES):
                with self._errors(doing):
                    batch = self.dynamodb.batch_write_item(RequestItems=batch).get("UnprocessedItems", {})
                if not batch:
                    break
            else:
                raise TransientError(f"{doing}: DynamoDB left items unprocessed", code="UnprocessedItems")

    def update(
        self,
        key: Key,
        expression: str,
        values: Mapping[str, Any],
        doing: str,
        *,
        condition: str = "",
        names: Mapping[str, str] | None = None,
    ) -> dict[str, Any] | None:
        """The item after the update; None where the condition isn't met."""
        answer = conditional_write(
            doing,
            self.dynamodb.update_item,
            TableName=self.name,
            Key=self.key_item(key),
            UpdateExpression=expression,
            ReturnValues="ALL_NEW",
            **expressions(condition, values, names),
        )
        return None if answer is None else self._read(answer["Attributes"])

    def query(self, condition: str, values: Mapping[str, Any], doing: str, **request: Any) -> Iterator[dict[str, Any]]:
        """The items of one partition, `:pk`, that meet the condition, page by page."""
        values = {**values, ":pk": self._partition(values[":pk"])}
        request |= {"KeyConditionExpression": condition, "ExpressionAttributeValues": to_item(values)}
        while True:
            with self._errors(doing):
                answer = self.dynamodb.query(TableName=self.name, **request)
            yield from map(self._read, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def change[T](
        self, key: Key, decide: Callable[[dict[str, Any]], tuple[Mapping[str, Any] | None, T]], doing: str
    ) -> T:
        """Replace the item by what `decide` makes of it, and return what it says beside; None leaves the item.

        The item's revision makes sure that of two runs at once neither undoes the other's change: `decide` is asked
        again where another run was faster. Raises TransientError where that happens many times.

        It begins with the item as this process saw it last, and reads it only if that is not what is written there, or
        nothing is to be written: then nobody has said that it still is.
        """
        place = self._place(key)
        before = SEEN.get(place)
        for _ in range(_TURNS):
            is_seen = before is not None
            if before is None:
                before = self.see(key, doing)
            try:
                after, said = decide(before)
            except UnreadableError:  # somebody may have mended it since, and kept its revision
                SEEN.pop(place, None)
                if not is_seen:
                    raise
                before = None
                continue
            if after is None and not is_seen:
                return said
            if after is not None and self.replace(key, before, after, doing):
                return said
            before = None
        raise TransientError(f"{doing}: too many runs do so at once", code="Contention")

    def change_value[Value, T](
        self,
        key: Key,
        decide: Callable[[Value], tuple[Value, T]],
        doing: str,
        *,
        read: Callable[[dict[str, Any]], Value],
        write: Callable[[Value], Mapping[str, Any]],
    ) -> T:
        """The same with what the item says as a value: one that `decide` leaves as it was isn't written."""

        def step(item: dict[str, Any]) -> tuple[Mapping[str, Any] | None, T]:
            before = read(item)
            after, said = decide(before)
            return (write(after) if after != before else None), said

        return self.change(key, step, doing)

    def replace(self, key: Key, before: Mapping[str, Any], after: Mapping[str, Any], doing: str) -> bool:
        """True once the item is replaced; False, with nothing written, where it isn't as it was before."""
        place = self._place(key)
        revision = before.get("revision", 0)
        values: dict[str, Any] = {":revision": revision}
        if not isinstance(revision, int | float):  # whatever somebody put there counts as none
            condition, values, revision = "NOT attribute_type(revision, :number)", {":number": "N"}, 0
        else:
            condition = "revision = :revision"
            condition = condition if revision else f"attribute_not_exists(pk) OR {condition}"
        item = {**after, "revision": revision + 1}
        SEEN.pop(place, None)
        if not self.put(key, item, doing, condition=condition, values=values):
            return False
        SEEN[place] = self._read(self.whole_item(key, item))
        return True

    # ---- whose items they are

    def _place(self, key: Key) -> _Place:
        return id(self.dynamodb), self.name, (self._partition(key[0]), key[1])

    def key_item(self, key: Key) -> dict[str, Any]:
        """The key as DynamoDB's API takes it."""
        return to_item({"pk": self._partition(key[0]), "sk": key[1]})

    def whole_item(self, key: Key, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """The item as DynamoDB's API takes it, with its key."""
        index = {name: self._partition(str(attributes[name])) for name in _INDEX if name in attributes}
        return self.key_item(key) | to_item({**attributes, **index})

    def _read(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """The item in plain values, its partitions without the account."""
        found = from_item(item)
        return found | {name: found[name].removesuffix(self._suffix) for name in _PARTITIONS if name in found}

    def _partition(self, pk: str) -> str:
        """The partition as the table has it."""
        return pk if says_where(pk) else f"{pk}{self._suffix}"


def expiry(at: datetime, keep: timedelta) -> int:
    """The `expires_at` of what is kept for so long: DynamoDB's time to live takes whole seconds since 1970."""
    return int((at + keep).timestamp())


def expressions(
    condition: str = "", values: Mapping[str, Any] | None = None, names: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The parameters of a write for its condition, the values in its expressions, and its names for reserved words."""
    return {
        **({"ConditionExpression": condition} if condition else {}),
        **({"ExpressionAttributeValues": to_item(values)} if values else {}),
        **({"ExpressionAttributeNames": dict(names)} if names else {}),
    }

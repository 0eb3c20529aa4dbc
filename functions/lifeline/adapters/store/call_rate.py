"""AWS's token bucket of endpoint calls, which all runs share."""

from datetime import datetime, timedelta
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, conditional_write
from lifeline.adapters.aws.clients import client
from lifeline.core.errors import TransientError
from lifeline.core.guards.call_rate import Bucket, reserve

_KEY = {"pk": {"S": "BUDGET"}, "sk": {"S": "ENDPOINT_CALLS"}}
_TRIES = 8


class CallRate:
    """The ledger's item `BUDGET` with `ENDPOINT_CALLS`. It has a version, so that no token is taken twice."""

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = table_name
        self._dynamodb = dynamodb or client("dynamodb")

    def reserve_endpoint_call(self, *, now: datetime, patience: timedelta) -> timedelta | None:
        """How long to wait before the next endpoint call, its turn now taken; None if longer than `patience`."""
        for _ in range(_TRIES):
            with aws_errors("ledger: read the budget"):
                item = self._dynamodb.get_item(TableName=self._table, Key=_KEY, ConsistentRead=True).get("Item")
            bucket = Bucket(float(item["tokens"]["N"]), datetime.fromisoformat(item["at"]["S"])) if item else None
            turn = reserve(bucket, now=now, patience=patience)
            if turn is None:
                return None
            if self._swap_bucket(item, turn[0]):
                return turn[1]
        raise TransientError("ledger: too many runs want endpoint calls at once", code="Contention")

    def _swap_bucket(self, item: dict[str, Any] | None, bucket: Bucket) -> bool:
        version = int(item["version"]["N"]) if item else 0
        done = conditional_write(
            "ledger: write the budget",
            self._dynamodb.put_item,
            TableName=self._table,
            Item={
                **_KEY,
                "tokens": {"N": f"{bucket.tokens:.6f}"},
                "at": {"S": bucket.at.isoformat()},
                "version": {"N": str(version + 1)},
            },
            ConditionExpression="attribute_not_exists(pk) OR version = :version",
            ExpressionAttributeValues={":version": {"N": str(version)}},
        )
        return done is not None

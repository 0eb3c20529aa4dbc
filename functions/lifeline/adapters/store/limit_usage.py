"""How far the limits are used, kept where every run sees it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, conditional_write
from lifeline.adapters.aws.clients import client
from lifeline.core.errors import TransientError
from lifeline.core.guards.limits import Grant, Usage

_KEY = {"pk": {"S": "LIMITS"}, "sk": {"S": "USE"}}
_TRIES = 8


class LimitUsage:
    """The ledger's item `LIMITS` with `USE`. It has a version, so that two runs can't both take the last place."""

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = table_name
        self._dynamodb = dynamodb or client("dynamodb")

    def read(self) -> Usage:
        """How far the limits are used."""
        return _use(self._item())

    def change[T](self, decide: Callable[[Usage], tuple[Usage, T]]) -> T:
        """What `decide` says of the use, once the use that it leaves is kept; a use that stays the same isn't written.

        `decide` is asked again where another run was faster. Raises TransientError where that happens many times.
        """
        for _ in range(_TRIES):
            item = self._item()
            before = _use(item)
            after, said = decide(before)
            if after == before or self._swap(item, after):
                return said
        raise TransientError("ledger: too many runs count against the limits at once", code="Contention")

    def _item(self) -> dict[str, Any]:
        with aws_errors("ledger: read how far the limits are used"):
            answer = self._dynamodb.get_item(TableName=self._table, Key=_KEY, ConsistentRead=True)
        found: dict[str, Any] = answer.get("Item", {})
        return found

    def _swap(self, item: dict[str, Any], use: Usage) -> bool:
        version = int(item["version"]["N"]) if item else 0
        done = conditional_write(
            "ledger: write how far the limits are used",
            self._dynamodb.put_item,
            TableName=self._table,
            Item={
                **_KEY,
                "version": {"N": str(version + 1)},
                "grants": {"L": [_grant_item(grant) for grant in use.grants]},
                "interfaces": {"M": {vpc_id: {"N": str(count)} for vpc_id, count in use.interfaces.items()}},
            },
            ConditionExpression="attribute_not_exists(pk) OR version = :version",
            ExpressionAttributeValues={":version": {"N": str(version)}},
        )
        return done is not None


def _use(item: dict[str, Any]) -> Usage:
    return Usage(
        tuple(_grant(grant["M"]) for grant in item.get("grants", {}).get("L", [])),
        {vpc_id: int(count["N"]) for vpc_id, count in item.get("interfaces", {}).get("M", {}).items()},
    )


def _grant_item(grant: Grant) -> dict[str, Any]:
    return {
        "M": {
            "vpc_id": {"S": grant.vpc_id},
            "at": {"S": grant.at.isoformat()},
            "token": {"S": grant.token},
            **({"interfaces": {"SS": sorted(grant.interfaces)}} if grant.interfaces else {}),
        }
    }


def _grant(item: dict[str, Any]) -> Grant:
    return Grant(
        vpc_id=item["vpc_id"]["S"],
        at=datetime.fromisoformat(item["at"]["S"]),
        token=item["token"]["S"],
        interfaces=frozenset(item.get("interfaces", {}).get("SS", ())),
    )

"""What people exempted by hand, kept where every look sees it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, conditional_write, run_concurrently
from lifeline.adapters.aws.clients import client
from lifeline.adapters.store.history import filed_item
from lifeline.core.errors import TransientError
from lifeline.core.history.entries import LEDGER_KEEP, EntryKind, filed, key_of
from lifeline.core.policy.exemptions import ExemptAsk, changed, exempt_words
from lifeline.core.policy.policy import Exempted

_KEY = {"pk": {"S": "EXEMPTIONS"}, "sk": {"S": "LIST"}}
_TRIES = 8


class Exemptions:
    """The ledger's item `EXEMPTIONS` with `LIST`. One item, so that a look at a region reads it once; it has a
    revision, so that of two calls at once none is lost. What has ended leaves it at the next call.
    """

    def __init__(self, table_name: str, dynamodb: Any = None, *, keep: timedelta = LEDGER_KEEP) -> None:
        self._table = table_name
        self._dynamodb = dynamodb or client("dynamodb")
        self._keep = keep

    def read(self) -> tuple[Exempted, ...]:
        """What is exempt by hand, and what has ended since the last call."""
        return _exempted(self._item())

    def exempt(self, request: ExemptAsk, *, now: datetime) -> None:
        """Keeps what is asked for, and puts it on record, in this order: where that fails, the same call again helps.

        Raises InvalidInputError where there would be too many, TransientError or TerminalError where the ledger fails.
        """
        today = now.astimezone(UTC).date()
        self._change(lambda known: changed(known, request, today))
        run_concurrently(
            [partial(self._record, vpc_id, exempt_words(request, vpc_id, today), now) for vpc_id in request.vpc_ids]
        )

    def _change(self, decide: Callable[[tuple[Exempted, ...]], tuple[Exempted, ...]]) -> None:
        for _ in range(_TRIES):
            item = self._item()
            before = _exempted(item)
            after = decide(before)
            if after == before or self._swap(item, after):
                return
        raise TransientError("ledger: too many calls exempt VPCs at once", code="Contention")

    def _item(self) -> dict[str, Any]:
        with aws_errors("ledger: read what is exempt by hand"):
            answer = self._dynamodb.get_item(TableName=self._table, Key=_KEY, ConsistentRead=True)
        found: dict[str, Any] = answer.get("Item", {})
        return found

    def _swap(self, item: dict[str, Any], exempted: tuple[Exempted, ...]) -> bool:
        revision = int(item["revision"]["N"]) if item else 0
        done = conditional_write(
            "ledger: write what is exempt by hand",
            self._dynamodb.put_item,
            TableName=self._table,
            Item={
                **_KEY,
                "revision": {"N": str(revision + 1)},
                "exempted": {"L": [_exempted_item(candidate) for candidate in exempted]},
            },
            ConditionExpression="attribute_not_exists(pk) OR revision = :revision",
            ExpressionAttributeValues={":revision": {"N": str(revision)}},
        )
        return done is not None

    def _record(self, vpc_id: str, words: str, now: datetime) -> None:
        key = key_of(EntryKind.ACTION, now, "exempt")
        item = {
            "pk": {"S": f"VPC#{vpc_id}"},
            "sk": {"S": key},
            **filed_item(filed(vpc_id, key)),
            "action": {"S": "exempt"},
            "status": {"S": "done"},
            "reason": {"S": words},
            "because": {"L": [{"M": {"kind": {"S": "call"}}}]},
            "expires_at": {"N": str(int((now + self._keep).timestamp()))},
        }
        with aws_errors(f"ledger: put on record that {vpc_id} is exempt"):
            self._dynamodb.put_item(TableName=self._table, Item=item)


def _exempted(item: dict[str, Any]) -> tuple[Exempted, ...]:
    return tuple(
        Exempted(
            exempted["M"]["vpc_id"]["S"],
            tuple(service["S"] for service in exempted["M"]["services"]["L"]),
            date.fromisoformat(exempted["M"]["until"]["S"]),
            exempted["M"]["reason"]["S"],
        )
        for exempted in item.get("exempted", {}).get("L", [])
    )


def _exempted_item(one: Exempted) -> dict[str, Any]:
    return {
        "M": {
            "vpc_id": {"S": one.subject},
            "services": {"L": [{"S": service} for service in one.services]},
            "until": {"S": one.until.isoformat() if one.until else ""},
            "reason": {"S": one.reason},
        }
    }

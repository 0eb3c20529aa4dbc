"""Plans that wait for a person, and what a person said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from lifeline.adapters.aws.calls import aws_errors, conditional_write
from lifeline.adapters.aws.clients import client
from lifeline.core.guards.approval import Offer, OfferState

_KEEP = timedelta(days=400)


class Approvals:
    """The ledger's items `APPROVAL#<plan id>` with `OFFER`."""

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = table_name
        self._dynamodb = dynamodb or client("dynamodb")

    def load(self, plan_id: str) -> Offer | None:
        """The plan that waits or waited under this id."""
        with aws_errors(f"ledger: read {plan_id}"):
            answer = self._dynamodb.get_item(TableName=self._table, Key=_key(plan_id), ConsistentRead=True)
        return _offer(answer["Item"]) if "Item" in answer else None

    def offer(self, offer: Offer, *, now: datetime) -> Offer:
        """The offer that holds: the one that is there while it lives, so that looking again prolongs nothing."""
        known = self.load(offer.plan_id)
        if known and known.is_live(now):
            return known
        self.keep(offer, now=now)
        return offer

    def keep(self, offer: Offer, *, now: datetime) -> None:
        """Keeps the offer in place of what was there under its id."""
        with aws_errors(f"ledger: offer {offer.plan_id}"):
            self._dynamodb.put_item(TableName=self._table, Item=_item(offer, now))

    def approve(self, offer: Offer, *, now: datetime) -> bool:
        """True once it is approved; False if another call was faster, or its time is up."""
        return self._turn(offer, OfferState.OFFERED, OfferState.APPROVED, now)

    def claim(self, offer: Offer, *, now: datetime) -> bool:
        """True for the one run that may apply what was approved."""
        return self._turn(offer, OfferState.APPROVED, OfferState.USED, now)

    def refuse(self, offer: Offer, *, now: datetime) -> bool:
        """True once what was approved, but is outdated, can't be applied any more."""
        return self._turn(offer, OfferState.APPROVED, OfferState.REFUSED, now)

    def _turn(self, offer: Offer, before: OfferState, after: OfferState, now: datetime) -> bool:
        done = conditional_write(
            f"ledger: {offer.plan_id} is {after}",
            self._dynamodb.put_item,
            TableName=self._table,
            Item=_item(replace(offer, state=after), now),
            ConditionExpression="#state = :before AND ends_at > :now",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={
                ":before": {"S": before},
                ":now": {"N": str(int(now.timestamp()))},
            },
        )
        return done is not None


def _key(plan_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"APPROVAL#{plan_id}"}, "sk": {"S": "OFFER"}}


def _item(offer: Offer, now: datetime) -> dict[str, Any]:
    return {
        **_key(offer.plan_id),
        "vpc_id": {"S": offer.vpc_id},
        "actions": {"SS": sorted(offer.actions)},
        "monthly_cost_usd": {"N": str(offer.monthly_cost_usd)},
        "ends_at": {"N": str(int(offer.ends_at.timestamp()))},
        "state": {"S": offer.state},
        "changed_at": {"S": now.astimezone(UTC).isoformat()},
        "expires_at": {"N": str(int((now + _KEEP).timestamp()))},
    }


def _offer(item: dict[str, Any]) -> Offer:
    return Offer(
        plan_id=item["pk"]["S"].partition("#")[2],
        vpc_id=item["vpc_id"]["S"],
        actions=frozenset(item["actions"]["SS"]),
        monthly_cost_usd=Decimal(item["monthly_cost_usd"]["N"]),
        ends_at=datetime.fromtimestamp(int(item["ends_at"]["N"]), UTC),
        state=OfferState(item["state"]["S"]),
    )

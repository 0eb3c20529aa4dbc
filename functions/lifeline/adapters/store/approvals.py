"""Plans that wait for a person's approval, and what became of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.table import Key, Table, expiry
from lifeline.core.guards.approval import Offer, OfferState
from lifeline.core.organization.ledger import Ledger

_KEEP = timedelta(days=400)


class Approvals:
    """The ledger's items `APPROVAL#<plan id>` with `OFFER`."""

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)

    def load(self, plan_id: str) -> Offer | None:
        """The plan that waits or waited under this ID."""
        item = self._table.get(_key(plan_id), f"ledger: read {plan_id}")
        return from_plain(Offer, item) if item else None

    def offer(self, offer: Offer, *, now: datetime) -> Offer:
        """The offer that counts: the one that is there while it is live, so that another run doesn't extend it."""
        known = self.load(offer.plan_id)
        if known and known.is_live(now):
            return known
        self.keep(offer, now=now)
        return offer

    def keep(self, offer: Offer, *, now: datetime) -> None:
        """Save the offer in place of what was there under its ID."""
        self._table.put(_key(offer.plan_id), _attributes(offer, now), f"ledger: offer {offer.plan_id}")

    def approve(self, offer: Offer, *, now: datetime) -> bool:
        """True once it is approved; False if another call was faster, or the offer has expired."""
        return self._move(offer, OfferState.OFFERED, OfferState.APPROVED, now)

    def claim(self, offer: Offer, *, now: datetime) -> bool:
        """True for the one run that may apply what was approved."""
        return self._move(offer, OfferState.APPROVED, OfferState.USED, now)

    def refuse(self, offer: Offer, *, now: datetime) -> bool:
        """True once what was approved, but is outdated, can't be applied any more."""
        return self._move(offer, OfferState.APPROVED, OfferState.REFUSED, now)

    def _move(self, offer: Offer, before: OfferState, after: OfferState, now: datetime) -> bool:
        return self._table.put(
            _key(offer.plan_id),
            _attributes(replace(offer, state=after), now),
            f"ledger: {offer.plan_id} is {after}",
            condition="#state = :before AND ends_at > :now",
            values={":before": before, ":now": now.astimezone(UTC)},
            names={"#state": "state"},
        )


def _key(plan_id: str) -> Key:
    return f"APPROVAL#{plan_id}", "OFFER"


def _attributes(offer: Offer, now: datetime) -> dict[str, Any]:
    ends_at = offer.ends_at.astimezone(UTC)  # as text, in UTC, times compare as they follow each other
    return {
        **to_plain(replace(offer, ends_at=ends_at)),
        "changed_at": now.astimezone(UTC),
        "expires_at": expiry(now, _KEEP),
    }

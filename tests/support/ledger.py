"""A ledger that fails where a test says so, and that forgets as DynamoDB does."""

from datetime import datetime
from typing import Any

import pytest

from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import TransientError
from lifeline.core.network.model import AnyRef

SAVE = VpcStore.save


def refuse_saves(monkeypatch: pytest.MonkeyPatch, attribute: str, times: int = 1_000) -> None:
    """From now on the ledger refuses, so many times, to save a state in which this attribute changes."""
    left = [times]

    def save(self: VpcStore, ref: AnyRef, before: VpcState, after: VpcState, *, now: datetime) -> None:
        if left[0] and getattr(before, attribute) != getattr(after, attribute):
            left[0] -= 1
            raise TransientError(f"the ledger doesn't save {attribute}", code="ServiceUnavailable")
        SAVE(self, ref, before, after, now=now)

    monkeypatch.setattr(VpcStore, "save", save)


def delete_expired(dynamodb: Any, now: datetime) -> None:
    """Deletes what DynamoDB would have deleted by then."""
    for item in dynamodb.scan(TableName="ledger")["Items"]:
        if "expires_at" in item and int(item["expires_at"]["N"]) < now.timestamp():
            dynamodb.delete_item(TableName="ledger", Key={"pk": item["pk"], "sk": item["sk"]})

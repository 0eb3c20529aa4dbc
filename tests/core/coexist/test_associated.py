"""What Lifeline keeps on record of associations with a hub: nothing that is there, or left, is forgotten."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.coexist.associated import (
    AUTHORIZATION_LEFT,
    Associated,
    Association,
    note_planned,
    settle_done,
)
from lifeline.core.plan.actions import Action, ActionKind, Status

NOW = datetime(2026, 11, 29, tzinfo=UTC)
EARLIER = NOW - timedelta(days=1)
HUB = "999999999999"


def share(*ids: str, account: str = "") -> Action:
    return Action(ActionKind.ASSOCIATE_CENTRAL, "why", service="monitoring", central_ids=ids, central_account=account)


def settled(record: Associated, action: Action, status: Status, error: str = "") -> dict[str, Association]:
    noted = note_planned(record, [action], now=NOW)
    return settle_done(noted, [replace(action, status=status, error=error)], now=NOW)


@pytest.mark.parametrize("status", [Status.FAILED, Status.PLANNED])
@pytest.mark.parametrize("is_own", [True, False])
def test_an_authorization_that_a_failed_swap_left_is_on_record(status: Status, is_own: bool) -> None:
    swap = replace(share("Z1", account=HUB), kind=ActionKind.SWAP_TO_LOCAL)
    record = {"Z1": Association(EARLIER)} if is_own else {}
    found = settled(record, swap, status, f"InvalidParameter; the authorization for vpc-1 in Z1 {AUTHORIZATION_LEFT}")[
        "Z1"
    ]
    assert (found.account, found.is_refused) == (HUB, not is_own)


def test_a_failed_swap_that_left_nothing_changes_no_record() -> None:
    swap = replace(share("Z1", account=HUB), kind=ActionKind.SWAP_TO_LOCAL)
    assert settled({"Z1": Association(EARLIER)}, swap, Status.FAILED, "no") == {"Z1": Association(EARLIER)}
    assert settled({}, swap, Status.FAILED, "no") == {}

"""What Lifeline keeps on record of associations with a hub: nothing that is there, or left, is forgotten."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.coexist.associated import (
    AUTHORIZATION_LEFT,
    Associated,
    Association,
    is_left,
    leftovers,
    note_planned,
    settle_done,
)
from lifeline.core.plan.actions import Action, ActionKind, Plan, Status

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


def test_of_several_zones_those_before_the_refused_one_stay_on_record() -> None:
    three = share("Z1", "Z2", "Z3")
    made = {"Z1": Association(NOW, is_made=True)}
    assert settled({}, three, Status.FAILED, "associate_vpc_with_hosted_zone Z2 vpc-1: LimitsExceeded") == made
    assert settled({}, three, Status.FAILED, "associate_vpc_with_hosted_zone Z1 vpc-1: LimitsExceeded") == {}
    assert settled({}, three, Status.FAILED, "no") == {}


def test_a_way_back_that_failed_leaves_none_of_its_zones_on_record() -> None:
    swap = replace(share("Z1", "Z2"), kind=ActionKind.SWAP_TO_CENTRAL)
    assert settled({}, swap, Status.FAILED, "associate_vpc_with_hosted_zone Z2 vpc-1: LimitsExceeded") == {}


def test_a_profile_stays_on_record_if_an_attempt_for_another_service_fails() -> None:
    known = settled({}, share("rp-1"), Status.DONE)
    assert settled(known, share("rp-1"), Status.FAILED, "associate_profile rp-1 vpc-1: no") == known
    let_go = replace(share("rp-1"), kind=ActionKind.DISASSOCIATE_CENTRAL)
    assert settled(known, let_go, Status.DONE) == {}


@pytest.mark.parametrize("kind", [ActionKind.SWAP_TO_LOCAL, ActionKind.SWAP_TO_CENTRAL, ActionKind.RESTORE_LOCAL])
@pytest.mark.parametrize("status", [Status.DONE, Status.FAILED])
def test_a_swap_changes_no_record_of_a_profile(kind: ActionKind, status: Status) -> None:
    swap = replace(share("rp-1", account=HUB), kind=kind)
    known = {"rp-1": Association(EARLIER, is_made=True)}
    assert settled(known, swap, status, "no") == known
    assert settled({}, swap, status, "no") == {}


def test_zones_that_an_endpoint_answers_for_again_are_off_the_record() -> None:
    restored = replace(share("Z1"), kind=ActionKind.RESTORE_LOCAL)
    assert settled({"Z1": Association(EARLIER, is_made=True)}, restored, Status.DONE) == {}


def test_a_profile_that_the_same_run_associated_for_another_service_stays_on_record() -> None:
    first, second = share("rp-1"), replace(share("rp-1"), service="logs")
    noted = note_planned({}, [first, second], now=NOW)
    done = [replace(first, status=Status.DONE), replace(second, status=Status.FAILED, error="rp-1: no")]
    for order in (done, done[::-1]):
        assert settle_done(noted, order, now=NOW) == {"rp-1": Association(NOW, is_made=True)}


def test_what_is_left_is_known_whatever_the_policy_says_now() -> None:
    assert is_left({"Z1": Association(NOW, HUB, is_refused=True)})
    assert not is_left({"Z1": Association(NOW)})
    (action,) = leftovers({"Z1": Association(NOW, HUB), "Z2": Association(NOW)}, Plan("vpc-1", (), ()))
    assert (action.kind, action.central_ids, action.central_account) == (ActionKind.DELETE_AUTHORIZATION, ("Z1",), HUB)

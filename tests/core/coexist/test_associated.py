"""What Lifeline keeps on record of associations with a hub: nothing that is there, or left, is forgotten."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.coexist.associated import (
    AUTHORIZATION_LEFT,
    Associated,
    Association,
    has_any,
    is_left,
    leftovers,
    note_planned,
    own_ids,
    refused_lately,
    released,
    settle_done,
    with_doubts,
)
from lifeline.core.plan.actions import HALFWAY, UNANSWERED, Action, ActionKind, Plan, Status

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


def test_an_authorization_that_a_swap_left_is_on_record_although_its_beginning_is_not() -> None:
    swap = replace(share("Z1", account=HUB), kind=ActionKind.SWAP_TO_LOCAL, status=Status.FAILED)
    left = replace(swap, error=f"InvalidParameter; the authorization for vpc-1 in Z1 {AUTHORIZATION_LEFT}")
    assert settle_done({}, [left], now=NOW) == {"Z1": Association(NOW, HUB, is_refused=True)}


def test_a_failed_swap_that_left_nothing_changes_no_record() -> None:
    swap = replace(share("Z1", account=HUB), kind=ActionKind.SWAP_TO_LOCAL)
    assert settled({"Z1": Association(EARLIER)}, swap, Status.FAILED, "no") == {"Z1": Association(EARLIER)}
    assert settled({}, swap, Status.FAILED, "no") == {}


def test_of_several_zones_those_before_the_refused_one_stay_on_record() -> None:
    three = share("Z1", "Z2", "Z3")
    second, first = (f"associate_vpc_with_hosted_zone {id_} vpc-1: LimitsExceeded" for id_ in ("Z2", "Z1"))
    found = settled({}, three, Status.FAILED, second)
    assert found == {"Z1": Association(NOW, is_made=True), "Z2": refused(second)}
    assert settled({}, three, Status.FAILED, first) == {"Z1": refused(first)}
    assert settled({}, three, Status.FAILED, "no") == {"Z1": refused("no")}


def refused(why: str) -> Association:
    return Association(NOW, is_refused=True, why=why)


def test_what_aws_refused_is_on_record_for_a_day_and_is_not_lifelines() -> None:
    record = settled({}, share("Z1"), Status.FAILED, "AccessDenied")
    assert own_ids(record) == frozenset()
    assert not has_any(record)
    assert refused_lately(record, now=NOW) == {"Z1": "AccessDenied"}
    assert settle_done(record, [], now=NOW + timedelta(hours=23)) == record
    assert settle_done(record, [], now=NOW + timedelta(days=1)) == {}
    assert refused_lately(record, now=NOW + timedelta(days=1)) == {}
    assert settled(record, share("Z1"), Status.DONE)["Z1"].why == ""
    assert has_any({"Z1": Association(NOW, HUB, is_refused=True)})


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
    assert is_left({"Z1": Association(NOW), "Z2": Association(NOW, HUB)})
    (action,) = leftovers({"Z1": Association(NOW, HUB), "Z2": Association(NOW)})
    assert (action.kind, action.central_ids, action.central_account) == (ActionKind.DELETE_AUTHORIZATION, ("Z1",), HUB)


def test_what_aws_refused_is_not_lifelines_own_and_is_not_given_up() -> None:
    record = {"Z2": Association(NOW), "Z1": Association(NOW), "Z3": Association(NOW, HUB, is_refused=True)}
    assert own_ids(record) == {"Z1", "Z2"}
    assert [(one.kind, one.central_ids) for one in released(record)] == [
        (ActionKind.DISASSOCIATE_CENTRAL, ("Z1",)),
        (ActionKind.DISASSOCIATE_CENTRAL, ("Z2",)),
    ]


def test_a_swap_may_leave_an_authorization_if_the_run_dies_and_leaves_none_once_it_is_done() -> None:
    swap = replace(share("Z1", account=HUB), kind=ActionKind.SWAP_TO_LOCAL)
    assert note_planned({}, [swap], now=NOW) == {"Z1": Association(NOW, HUB, is_refused=True, swapping_since=NOW)}
    own = {"Z1": Association(EARLIER, is_made=True)}
    noted = note_planned(own, [swap], now=NOW)
    assert noted == {"Z1": Association(EARLIER, HUB, is_made=True, swapping_since=NOW)}
    assert settle_done(noted, [replace(swap, status=Status.DONE)], now=NOW) == {}
    assert settle_done(noted, [swap], now=NOW) == own
    held = replace(swap, status=Status.BLOCKED)
    assert note_planned(own, [held], now=NOW) == own
    noted = note_planned(own, [replace(swap, central_account="")], now=NOW)
    assert noted == {"Z1": Association(EARLIER, is_made=True, swapping_since=NOW)}


@pytest.mark.parametrize("status", [Status.FAILED, Status.PLANNED, Status.BLOCKED])
def test_an_authorization_that_is_not_deleted_stays_on_record_whatever_else_was_done(status: Status) -> None:
    delete = replace(share("Z1", account=HUB), kind=ActionKind.DELETE_AUTHORIZATION, status=status)
    for kind in (ActionKind.SWAP_TO_LOCAL, ActionKind.DISASSOCIATE_CENTRAL):
        other = replace(share("Z1", account=HUB), kind=kind, status=Status.DONE)
        record = {"Z1": Association(EARLIER, HUB, is_made=True)}
        assert settle_done(record, [other, delete], now=NOW) == {"Z1": Association(EARLIER, HUB, is_refused=True)}


MINUTES_15 = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("record", "asks"),
    [
        ({}, False),
        ({"Z2": Association(EARLIER, is_made=True)}, True),
        ({"Z2": Association(EARLIER)}, False),  # a run may have died before the call
        ({"Z2": Association(EARLIER, HUB, is_refused=True)}, False),  # AWS never made it
        ({"Z2": Association(NOW - MINUTES_15 - timedelta(seconds=1), is_made=True)}, True),
        ({"Z2": Association(NOW - MINUTES_15, is_made=True)}, False),  # it may not be seen yet
        ({"Z9": Association(EARLIER, is_made=True)}, False),
    ],
)
def test_what_somebody_let_go_is_associated_again_only_if_a_person_agrees(record: Associated, asks: bool) -> None:
    plan = with_doubts(record, Plan("vpc-1", (), (share("Z1", "Z2"),)), now=NOW)
    assert bool(plan.actions[0].asks) is asks
    assert plan.actions[0].asks.startswith("needs approval: Lifeline associated Z2 at 2026-11-") is asks


def test_only_what_associates_anew_is_asked_about() -> None:
    back = replace(share("Z1"), kind=ActionKind.SWAP_TO_CENTRAL)
    plan = Plan("vpc-1", (), (back,))
    assert with_doubts({"Z1": Association(EARLIER, is_made=True)}, plan, now=NOW) == plan


def test_who_is_asked_anyway_is_told_all_the_same() -> None:
    asked = replace(share("Z1"), asks="needs approval: the policy says so")
    (action,) = with_doubts({"Z1": Association(EARLIER, is_made=True)}, Plan("vpc-1", (), (asked,)), now=NOW).actions
    assert action.asks == (
        "needs approval: the policy says so; Lifeline associated Z1 at 2026-11-28 00:00:00 UTC, and somebody ended that"
    )


def test_of_several_zones_the_first_that_somebody_let_go_is_named() -> None:
    record = {id_: Association(EARLIER, is_made=True) for id_ in ("Z3", "Z2")}
    (action,) = with_doubts(record, Plan("vpc-1", (), (share("Z1", "Z2", "Z3"),)), now=NOW).actions
    assert "associated Z2 at" in action.asks


def asked(record: Associated, action: Action, later: timedelta = timedelta(0)) -> str:
    (found,) = with_doubts(record, Plan("vpc-1", (), (action,)), now=NOW + later).actions
    return found.asks


@pytest.mark.parametrize("kind", [ActionKind.SWAP_TO_LOCAL, ActionKind.ASSOCIATE_CENTRAL])
@pytest.mark.parametrize("record", [{}, {"Z1": Association(EARLIER)}])
def test_a_swap_that_stopped_halfway_is_finished_or_undone_without_a_question_if_its_beginning_is_on_record(
    kind: ActionKind, record: Associated
) -> None:
    """And only then: that of a tag's words is asked about."""
    swap = replace(share("Z1", "Z2"), kind=ActionKind.SWAP_TO_LOCAL)
    rest = replace(share("Z2"), kind=kind, asks=HALFWAY)
    crashed = note_planned(record, [swap], now=NOW)
    stuck = settled(record, swap, Status.FAILED, f"InvalidParameter; {UNANSWERED} the monitoring service")
    for known in (crashed, stuck):
        assert asked(known, rest) == ""
        assert asked(known, replace(rest, central_ids=("Z2", "Z3"))) == HALFWAY
        assert asked(known, rest, timedelta(days=1)) == HALFWAY
    done, undone = settled(record, swap, Status.DONE), settled(record, swap, Status.FAILED, "undone")
    assert [asked(other, rest) for other in (record, done, undone)] == [HALFWAY] * 3


def test_no_other_question_is_answered_by_a_swap_on_record() -> None:
    swap = replace(share("Z1"), kind=ActionKind.SWAP_TO_LOCAL)
    known = note_planned({}, [swap], now=NOW)
    assert asked(known, replace(share("Z1"), asks="needs approval: 1 check wasn't read")).startswith(
        "needs approval: 1"
    )


def test_a_swap_that_is_blocked_is_not_on_record() -> None:
    assert note_planned({}, [replace(share("Z1"), kind=ActionKind.SWAP_TO_LOCAL).blocked("why")], now=NOW) == {}

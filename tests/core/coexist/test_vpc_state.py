"""On which lists a VPC is, by what is saved of it, and how often people are told of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.coexist.associated import Association
from lifeline.core.coexist.canary import Canary
from lifeline.core.coexist.vpc_state import MOST_TOLD, VpcList, VpcState
from lifeline.core.guards.backlog import Alike, GapSurvey
from lifeline.core.guards.freeze import Freeze, FreezeKind
from tests.support.builders import subnet, vpc

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
JUDGED = Alike(frozenset({"subnet-a"}), asked=frozenset({"monitoring"}))
WAITING = Alike(frozenset({"subnet-b"}), waiting=frozenset({"monitoring"}))


@pytest.mark.parametrize(
    ("state", "lists"),
    [
        (VpcState(), set()),
        (VpcState(reconciled_at=NOW, notified="what people know"), set()),
        (VpcState(unneeded={"vpce-1": NOW}), {VpcList.RETIRING}),
        (VpcState(warned={"vpce-1": NOW}), {VpcList.RETIRING}),
        (VpcState(warned_before={"vpce-1": NOW}), {VpcList.RETIRING}),
        (VpcState(canaries={"logs": Canary("vpce-1", NOW)}), set()),
        (VpcState(canaries={"logs": Canary("vpce-1", NOW, is_due=True)}), {VpcList.RETIRING}),
        (VpcState(frozen={"logs": Freeze(FreezeKind.MANUAL, NOW, "why")}), {VpcList.FROZEN}),
        (VpcState(frozen={"logs": Freeze(FreezeKind.CLAIM, NOW, "why")}), {VpcList.FROZEN, VpcList.CLAIMED}),
        (VpcState(releasing=NOW), {VpcList.RELEASING}),
        (VpcState(associated={"Z1": Association(NOW, "999999999999")}), {VpcList.AUTHORIZED}),
        (VpcState(associated={"Z1": Association(NOW, is_made=True)}), set()),
        (VpcState(released_at=NOW), set()),
        (VpcState(survey=GapSurvey(NOW, subnets=(JUDGED,))), set()),
        (VpcState(survey=GapSurvey(NOW, subnets=(JUDGED, WAITING))), {VpcList.WAITING}),
    ],
)
def test_a_vpc_is_on_the_lists_of_what_is_to_be_done_there(state: VpcState, lists: set[VpcList]) -> None:
    assert {one for one in VpcList if one.holds(state)} == lists


def test_people_are_told_of_open_issues_six_times_in_an_hour_at_most() -> None:
    state, minute = VpcState(), timedelta(minutes=1)
    for place in range(MOST_TOLD):
        at = NOW + place * minute
        assert state.may_tell(at)
        state = state.told(at)
    assert not state.may_tell(NOW + 59 * minute)
    assert state.may_tell(NOW + 60 * minute)
    state = state.told(NOW + 60 * minute)
    assert len(state.told_at) == MOST_TOLD
    assert not state.may_tell(NOW + 60 * minute)
    assert state.may_tell(NOW + 61 * minute)


def test_what_ec2_refused_for_want_of_addresses_is_kept_for_three_days_and_known_to_a_plan() -> None:
    later = NOW + timedelta(days=2)
    there = vpc(subnet("a"), subnet("b"))
    state = VpcState().with_full({"subnet-b", "subnet-gone"}, there, NOW).with_full({"subnet-a"}, there, later)
    assert state.followed(vpc(subnet("a")), now=later).full == ("subnet-b", "subnet-a")
    assert state.with_full({"subnet-b"}, there, later).full_subnets == {"subnet-a": later, "subnet-b": later}
    assert state.with_full((), there, NOW + timedelta(days=3)).full_subnets == {"subnet-a": later}


def test_what_people_were_told_of_a_wait_is_kept_for_as_long_as_it_lasts() -> None:
    later = NOW + timedelta(hours=1)
    state = VpcState(awaited={"logs": NOW, "monitoring": NOW, "sts": NOW})
    told = state.told(NOW, {"logs", "monitoring"})
    assert told.awaited_told == {"logs": NOW, "monitoring": NOW}
    anew = replace(told, awaited={"logs": later, "monitoring": NOW, "sts": NOW})
    assert anew.told(later).awaited_told == {"monitoring": NOW}

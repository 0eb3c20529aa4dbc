"""Each amendment by itself, on plain values: what it previews, decides, and leaves to say and to save."""

from dataclasses import replace
from typing import Any

import pytest

from lifeline.core.coexist.canary import Canary, Withdrawal
from lifeline.core.coexist.claims import Claim
from lifeline.core.coexist.conflicts import MOST, Conflict, Reversal
from lifeline.core.coexist.effects import Effect, EffectKind
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind
from lifeline.core.guards.kill_switch import KILL_SWITCH
from lifeline.core.history.change import Change
from lifeline.core.network.model import Interface
from lifeline.core.plan.actions import ActionKind, ServiceReport, ServiceState, Status
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.core.requests.request import Request
from lifeline.core.requests.trigger import Trigger
from lifeline.reconciler.amend.amendment import SWITCH_DELAY, Amendment, Fact, Requeue
from lifeline.reconciler.amend.amendments import AMENDMENTS, GUARDS, REASONS
from lifeline.reconciler.amend.associations import AssociationRecord
from lifeline.reconciler.amend.canary import CanaryWatch, CanaryWithdrawal
from lifeline.reconciler.amend.claims import Claims
from lifeline.reconciler.amend.conflicts import Conflicts
from lifeline.reconciler.amend.freezes import Freezes
from lifeline.reconciler.amend.gate import Gate
from lifeline.reconciler.amend.keeping import Keeping
from lifeline.reconciler.amend.removals import Removals
from lifeline.reconciler.amend.retirement import Releases, Retirements
from lifeline.reconciler.amend.teardown import Teardowns
from tests.support.amending import HOUR, NOTHING, NOW, SERVED, action, context, kinds, plan
from tests.support.builders import VPC_ID, endpoint, subnet, vpc

CREATE, ENABLE = ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.ENABLE_PRIVATE_DNS
RETIRE, DELETE_GROUP = ActionKind.RETIRE_ENDPOINT, ActionKind.DELETE_SECURITY_GROUP
SILENCE = (Withdrawal("monitoring", NOW, "inc-1"),)
SWITCHED = VpcState(canaries={"monitoring": Canary("vpce-1", NOW - HOUR / 12)})
CLAIMED = VpcState(frozen={"monitoring": Freeze(FreezeKind.CLAIM, NOW, "why", "bob", until=NOW + 24 * HOUR)})


# ---- all of them


@pytest.mark.parametrize("amendment", AMENDMENTS, ids=lambda one: type(one).__name__)
def test_where_nothing_counts_an_amendment_changes_nothing(amendment: Amendment) -> None:
    here, planned = context(), plan(services=(ServiceReport("monitoring", ServiceState.SERVED, by="vpce-1"),))
    assert amendment.accept(here, NOTHING) == NOTHING
    assert amendment.see(here, SERVED, NOTHING) == SERVED
    assert amendment.preview(here, planned, NOTHING).plan == planned
    decided = amendment.decide(replace(here, is_leased=True), planned, NOTHING)
    after = amendment.after(replace(here, is_leased=True), planned, (), NOTHING)
    for decision in (decided, after):
        assert (decision.plan, decision.state) == (planned, NOTHING)
        assert (decision.announcements, decision.requeue) == ((), None)


@pytest.mark.parametrize("amendment", AMENDMENTS, ids=lambda one: type(one).__name__)
def test_of_an_idle_vpc_in_a_sweep_nothing_is_read(amendment: Amendment) -> None:
    here = replace(context(is_region=True), read=frozenset())
    planned = plan(services=(ServiceReport("monitoring", ServiceState.SERVED, by="vpce-1"),))
    assert amendment.needs(here, None, NOTHING) | amendment.needs(here, planned, NOTHING) == frozenset()


def test_whatever_freezes_comes_before_what_blocks_and_the_gate_counts_only_what_is_left() -> None:
    order = [type(one) for one in AMENDMENTS]
    assert (*REASONS, *GUARDS) == AMENDMENTS
    assert order.index(Conflicts) < order.index(Freezes) < order.index(Releases) < order.index(Gate)
    assert order[-3:] == [CanaryWatch, AssociationRecord, Keeping]


# ---- retirement and release


def test_what_nothing_requires_is_remembered_first_and_goes_after_its_time() -> None:
    here, state = context(SERVED, "logs"), NOTHING
    assert Retirements().preview(here, plan(), state).plan.notes != ()
    warning = Retirements().after(here, plan(), (), state)
    state = warning.state
    assert state.unneeded == {"vpce-1": NOW}
    later = context(SERVED, "logs", at=NOW + 72 * HOUR, dns=None)
    assert kinds(Retirements().decide(later, plan(), state).plan) == []  # nobody knows yet
    state = state.with_entries(warning.announcements[0].entries)
    assert [kind for kind, _ in kinds(Retirements().decide(later, plan(), state).plan)] == ["retire_endpoint"]
    assert Retirements().after(context(), plan(), (), state).state.unneeded == {}


def test_a_released_vpc_is_not_planned_for_and_all_of_lifelines_goes() -> None:
    here = context(is_release=True, is_leased=True)
    assert Retirements().see(here, SERVED, NOTHING) is None
    changed = Retirements().decide(here, plan(), NOTHING).plan
    assert kinds(changed) == [("retire_endpoint", "planned"), ("delete_security_group", "planned")]
    assert Releases().after(here, changed, (), NOTHING).state.released_at == NOW


def test_nobody_waits_for_an_endpoint_that_was_retired() -> None:
    state = VpcState(made={"monitoring": Made("vpce-1", NOW)})
    done = (action(RETIRE, Status.DONE),)
    assert Retirements().after(context(is_leased=True), plan(*done), done, state).state.made["monitoring"].is_settled


def test_after_a_release_nothing_is_made_until_a_person_names_the_vpc() -> None:
    state, planned = VpcState(released_at=NOW - HOUR), plan(action(CREATE), action(RETIRE))
    blocked = Releases().preview(context(), planned, state).plan
    assert kinds(blocked) == [("create_interface_endpoint", "blocked"), ("retire_endpoint", "planned")]
    asked = context(is_requested_by_a_person=True, is_leased=True)
    assert Releases().decide(asked, planned, state).plan == planned
    assert Releases().after(asked, planned, (), state).state.released_at is None


# ---- teardown


def refusal(resource_id: str = VPC_ID) -> dict[str, Any]:
    name = "DeleteVpc" if resource_id == VPC_ID else "DeleteSubnet"
    trigger = Trigger("attempt", "e-1", name, "bob", NOW.isoformat(), frozenset({resource_id}))
    return {"requests": (Request(trigger, failure="DependencyViolation"),), "triggers": (trigger,)}


def test_a_teardown_asks_who_else_is_there_before_anything_is_planned() -> None:
    here = context(**refusal())
    assert Teardowns().needs(here, None, NOTHING) == {Fact.STATE, Fact.INTERFACES}
    assert Teardowns().decide(here, plan(), NOTHING).state == NOTHING


def test_a_teardown_freezes_all_removes_lifelines_own_and_is_announced_once() -> None:
    here = context(**refusal(), interfaces=(), is_leased=True)
    decision = Teardowns().decide(here, plan(action(CREATE, endpoint_id="")), NOTHING)
    assert set(decision.state.frozen) == {VPC_ID, EVERYTHING}
    removed = [kind for kind, _ in kinds(decision.plan)]
    assert {"retire_endpoint", "delete_security_group"} <= set(removed)
    done = tuple(replace(one, status=Status.DONE) for one in decision.plan.actions)
    after = Teardowns().after(here, decision.plan, done, decision.state)
    (announcement,) = after.announcements
    assert announcement.notice.kind == "teardown"
    known = after.state.with_entries(announcement.entries)
    assert known.teardowns == {f"{VPC_ID} cleared": NOW}
    assert Teardowns().after(here, decision.plan, (), known).announcements == ()


def test_a_subnet_that_is_about_to_go_is_not_planned_for_while_others_are_used() -> None:
    network = vpc(subnet(), subnet("b"), endpoint("com.amazonaws.us-east-1.monitoring", "a", "b"))
    here = context(network, **refusal("subnet-a"), interfaces=(Interface("eni-1", "subnet-b"),))
    seen = Teardowns().see(here, network, NOTHING)
    assert seen is not None
    assert [one.id for one in seen.subnets] == ["subnet-b"]


def test_a_teardown_that_the_kill_switch_stops_is_tried_again_and_freezes_nothing() -> None:
    here = context(**refusal(), interfaces=())
    stopped = plan(action(RETIRE).held(KILL_SWITCH, "it is on"))
    after = Teardowns().after(here, stopped, (), NOTHING)
    assert (after.requeue, after.state) == (Requeue(SWITCH_DELAY), NOTHING)


def test_in_plan_mode_a_teardown_is_only_announced() -> None:
    here = context(**refusal(), interfaces=(), is_plan=True)
    changed = Teardowns().preview(here, plan(), NOTHING).plan
    after = Teardowns().after(here, changed, (), NOTHING)
    assert (len(after.announcements), after.state.frozen) == (1, {})
    assert after.covered == set(changed.actions)


# ---- claims


def claim() -> Request:
    trigger = Trigger("attempt", "e-1", "CreateVpcEndpoint", "bob", NOW.isoformat())
    return Request(trigger, claim=Claim(domain="monitoring.us-east-1.amazonaws.com"))


def test_a_claim_is_accepted_unless_a_person_took_the_name_back_since() -> None:
    here = context(requests=(claim(),))
    assert Claims().accept(here, NOTHING).frozen["monitoring"].kind is FreezeKind.CLAIM
    assert Claims().accept(here, VpcState(unfrozen={"monitoring": NOW + HOUR})).frozen == {}


def test_lifelines_own_steps_back_and_people_are_notified_once_it_has() -> None:
    here = context(is_leased=True)
    decision = Claims().decide(here, plan(action(CREATE)), CLAIMED)
    assert kinds(decision.plan) == [("disable_private_dns", "planned")]
    assert Claims().after(here, decision.plan, decision.plan.actions, decision.state).announcements == ()
    done = tuple(replace(one, status=Status.DONE) for one in decision.plan.actions)
    (announcement,) = Claims().after(here, decision.plan, done, decision.state).announcements
    assert announcement.covers == set(done)
    known = decision.state.with_entries(announcement.entries)
    assert known.frozen["monitoring"].is_notified
    assert Claims().after(here, plan(), (), known).announcements == ()


def test_while_theirs_is_coming_up_the_vpc_is_reconciled_again_and_not_for_ever() -> None:
    theirs = endpoint(own=False, id="vpce-2", state=next(s for s in type(SERVED.endpoints[0].state) if s.is_coming))
    here = context(replace(SERVED, endpoints=(*SERVED.endpoints, theirs)))
    requeue = Claims().after(here, plan(), (), CLAIMED).requeue
    assert requeue is not None
    assert requeue.is_attempt


def test_in_a_sweep_only_vpcs_that_are_listed_or_show_traces_are_read_for_claims() -> None:
    here = replace(context(is_region=True), read=frozenset())
    assert Claims().needs(here, plan(), NOTHING) == frozenset()
    assert Claims().needs(replace(here, lists=frozenset({VpcList.CLAIMED})), plan(), NOTHING) == {Fact.STATE}
    assert Claims().needs(replace(context(), read=frozenset()), plan(), NOTHING) == {Fact.STATE}


# ---- canaries


def test_a_withdrawal_freezes_and_switches_off_what_is_a_canary() -> None:
    here = context(withdrawals=SILENCE, is_leased=True)
    decision = CanaryWithdrawal().decide(here, plan(), SWITCHED)
    assert decision.state.frozen["monitoring"].kind is FreezeKind.CANARY
    assert (
        kinds(decision.plan)
        == [("disable_private_dns", "planned")]
        == kinds(CanaryWithdrawal().preview(here, plan(), SWITCHED).plan)
    )
    answered = replace(SWITCHED, unfrozen={"monitoring": NOW})
    assert CanaryWithdrawal().decide(here, plan(), answered) == CanaryWithdrawal().decide(context(), plan(), answered)


def test_what_is_about_to_be_switched_on_is_remembered_before_and_forgotten_if_it_was_not() -> None:
    here, planned = context(is_leased=True, is_canary=True), plan(action(ENABLE))
    state = CanaryWatch().decide(here, planned, NOTHING).state
    assert state.canaries == {"monitoring": Canary("vpce-1", NOW)}
    failed = (action(ENABLE, Status.FAILED),)
    assert CanaryWatch().after(here, planned, failed, state).state.canaries == {}
    assert CanaryWatch().preview(here, planned, NOTHING).plan == planned


def test_what_was_switched_off_counts_as_withdrawn() -> None:
    off = (action(ActionKind.DISABLE_PRIVATE_DNS, Status.DONE),)
    after = CanaryWatch().after(context(is_leased=True), plan(*off), off, SWITCHED)
    assert after.state.canaries["monitoring"].withdrawn_at == NOW


# ---- conflicts

LOST = Conflict(
    frozenset({Effect(EffectKind.ENDPOINT, "vpce-0")}),
    NOW - HOUR,
    tuple(Reversal(NOW - n * HOUR, EffectKind.ENDPOINT, f"vpce-{n}", event_id=f"e-{n}") for n in range(2, MOST + 1)),
)
MISSING = plan(action(CREATE, endpoint_id=""), network=vpc(subnet()))


def test_what_others_revert_too_often_freezes_with_whoever_did_it_last() -> None:
    here = context(vpc(subnet()), is_leased=True, changes=())
    state = VpcState(conflicts={"monitoring": LOST})
    assert Conflicts().needs(replace(here, read=frozenset()), MISSING, state) == {Fact.CHANGES}
    change = Change(NOW - HOUR / 2, "e-9", "DeleteVpcEndpoints", "bob", frozenset({"vpce-0"}))
    decision = Conflicts().decide(replace(here, changes=(change,)), MISSING, state)
    assert decision.plan == MISSING
    assert decision.state.frozen["monitoring"].actor == "bob"
    blocked = Freezes().decide(here, MISSING, decision.state).plan
    after = Conflicts().after(here, blocked, (), decision.state)
    (announcement,) = after.announcements
    assert (announcement.notice.kind, after.known) == ("frozen", frozenset(blocked.actions))
    assert Conflicts().after(here, blocked, (), after.state.with_entries(announcement.entries)).announcements == ()


def test_what_is_done_is_remembered_as_what_should_stand() -> None:
    done = (action(CREATE, Status.DONE, security_group_id="sg-own"),)
    after = Conflicts().after(context(is_leased=True), plan(*done), done, NOTHING)
    assert Effect(EffectKind.ENDPOINT, "vpce-1") in after.state.conflicts["monitoring"].effects


def test_a_conflict_ends_once_an_endpoint_of_others_serves() -> None:
    state = VpcState(frozen={"monitoring": Freeze(FreezeKind.CONFLICT, NOW, "why")}, conflicts={"monitoring": LOST})
    network = vpc(subnet(), endpoint(own=False, id="vpce-2"))
    served = plan(network=network, services=(ServiceReport("monitoring", ServiceState.SERVED, by="vpce-2"),))
    here = replace(context(network), lists=frozenset({VpcList.FROZEN}))
    assert Conflicts().needs(here, served, NOTHING) == {Fact.STATE}
    after = Conflicts().after(here, served, (), state).state
    assert (after.frozen, after.conflicts["monitoring"].reversals) == ({}, ())


# ---- removals, freezes, the gate


def test_what_two_ask_for_goes_once_and_a_used_group_stays_and_says_so_where_it_was_asked_for() -> None:
    asked = action(DELETE_GROUP, endpoint_id="", security_group_id="sg-own")
    planned = plan(action(RETIRE), action(ActionKind.DISABLE_PRIVATE_DNS), asked)
    here = context()
    assert Removals().needs(here, planned, NOTHING) == {Fact.SECURITY_GROUP_USERS}
    once = Removals().decide(here, planned, NOTHING).plan
    assert kinds(once) == [("retire_endpoint", "planned"), ("delete_security_group", "planned")]
    used = context(security_group_users={"sg-own": ("eni-1",), "sg-other": ()})
    assert kinds(Removals().preview(used, plan(asked), NOTHING).plan) == [("delete_security_group", "blocked")]
    assert kinds(Removals().preview(used, plan(replace(asked, is_optional=True)), NOTHING).plan) == []


def test_people_freeze_and_unfreeze_and_the_plan_follows() -> None:
    call = Request(Trigger("call"), freeze=("monitoring",))
    frozen = Freezes().accept(context(requests=(call,)), NOTHING)
    assert kinds(Freezes().preview(context(), plan(action(CREATE), action(RETIRE)), frozen).plan) == [
        ("create_interface_endpoint", "blocked"),
        ("retire_endpoint", "planned"),
    ]
    ended = Freezes().accept(context(requests=(Request(Trigger("call"), unfreeze=(EVERYTHING,)),)), frozen)
    assert (ended.frozen, ended.unfrozen) == ({}, {EVERYTHING: NOW})


def test_the_gate_asks_the_limits_where_there_is_work_and_says_what_they_said() -> None:
    planned = plan(action(CREATE))
    blocked = plan(action(CREATE).held("endpoints_per_day", "needs approval"))
    assert Gate().needs(context(), planned, NOTHING) == {Fact.ADMISSION}
    assert Gate().needs(context(), plan(), NOTHING) == frozenset()
    assert Gate().decide(context(admitted=blocked), planned, NOTHING).plan == blocked

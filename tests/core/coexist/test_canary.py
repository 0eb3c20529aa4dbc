"""Canaries: which silence is laid to one, and what is withdrawn."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lifeline.core.agents.agent import Agent, Gap, State
from lifeline.core.agents.instances import UNMANAGED, Health, Instance, Power
from lifeline.core.agents.series import Series
from lifeline.core.agents.watches import Watch
from lifeline.core.coexist.canary import (
    WATCHED_FOR,
    Canary,
    Withdrawal,
    as_known,
    begun,
    due,
    freeze_withdrawn,
    gone_dark,
    is_watched,
    keep_stand_ins,
    mark_due,
    mark_withdrawn,
    not_long_over,
    swapped,
    switched_off,
    unwatch,
    watch_switched,
    withdraw,
)
from lifeline.core.coexist.removals import remove_once
from lifeline.core.guards.freeze import Freeze, FreezeKind
from lifeline.core.guards.mode import Mode
from lifeline.core.history.change import Change
from lifeline.core.incidents.canary import silences
from lifeline.core.incidents.facts import Facts
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident
from lifeline.core.network.iam_policy import Permission, RoleVerdict
from lifeline.core.network.model import (
    IN_PLACE_OF,
    MANAGED_BY,
    Endpoint,
    EndpointState,
    Part,
    SecurityGroup,
    TargetKind,
    Unread,
    Vpc,
)
from lifeline.core.plan.actions import Action, ActionKind, Plan, Status
from tests.support.agents import minute, why_silent
from tests.support.builders import (
    CATALOG,
    MONITORING,
    OWNER,
    VPC_ID,
    default_route,
    endpoint,
    own_security_group,
    subnet,
    table,
    vpc,
)

ON_AT = minute(0)
CANARY = Canary("vpce-1", ON_AT)
EGRESS = table("main", default_route(TargetKind.NAT_GATEWAY, "nat-1"))
PUBLIC = table("main", default_route(TargetKind.INTERNET_GATEWAY, "igw-1"))
SERVED = endpoint(MONITORING, "b")
INSTANCE = Instance(
    Power.RUNNING,
    launched_at=minute(-6000),
    state="running",
    vpc_id=VPC_ID,
    subnet_id="subnet-a",
    profile_arn="arn:aws:iam::1:instance-profile/app",
)
SHUT = own_security_group("192.168.0.0/16")
SILENT = Agent("i-1", Series("mem_used_percent", (("InstanceId", "i-1"),)), state=State.SILENT)


def network(*parts: Any, group: SecurityGroup | None = None) -> Vpc:
    there = parts or (EGRESS, SERVED)
    return vpc(subnet("a"), subnet("b", cidr="10.0.2.0/24"), group or own_security_group(), *there)


def why(seen: Vpc | None = None, *, since: float = 1, canary: Canary = CANARY, **more: Any) -> Cause:
    gap = Gap(since=minute(since), opened_at=minute(since + 5))
    agent = replace(SILENT, seen_at=minute(since - 1), gap=gap)
    known = Facts(
        agent=agent,
        watch=Watch(),
        instance=INSTANCE,
        health=Health.OK,
        vpc=seen or network(),
        catalog=CATALOG,
        role=RoleVerdict(Permission.ALLOWED, "app-role"),
        canaries=(("monitoring", canary),),
    )
    return why_silent(replace(known, **more), minute(since + 6))


class TestTheCause:
    def test_is_the_canary_where_the_gap_begins_right_after_the_switch(self) -> None:
        found = why()
        assert (found.kind, found.confidence, found.is_repairable) == (CauseKind.CANARY, Confidence.HIGH, True)
        assert found.words == "private DNS for vpce-1 (monitoring) was turned on as a canary"
        assert (found.service, found.subject, found.key) == ("monitoring", "vpce-1", f"CANARY|{VPC_ID}|vpce-1")
        assert "the first missing datapoint was due 1 min after that" in found.evidence
        assert "off again" in found.advice

    def test_is_a_persons_to_turn_off_in_plan_mode(self) -> None:
        assert why(mode=Mode.PLAN).advice == (
            "The stack is in plan mode, so Lifeline will not fix this. To fix it: turn private DNS for vpce-1 off "
            "again."
        )

    def test_says_what_is_done_about_a_hub_that_the_name_was_given_back_to(self) -> None:
        shared, back = (Canary(id_, ON_AT, central_ids=("rp-1",)) for id_ in ("", "vpce-1"))
        assert why(canary=shared).words == ("the VPC was associated with rp-1 for the monitoring service as a canary")
        assert "disassociate rp-1 from the VPC again" in why(canary=shared).advice
        found = why(canary=back)
        assert found.words == "the name was given back to rp-1 for the monitoring service as a canary"
        assert (found.subject, "turn private DNS for vpce-1 on again" in found.advice) == ("rp-1", True)
        fixed = why(canary=replace(back, withdrawn_at=minute(8)))
        assert fixed.fix == "private DNS for vpce-1 was turned on again at 09:08:00 UTC"

    def test_is_the_canary_though_the_endpoint_is_seen_to_be_closed(self) -> None:
        assert why(network(EGRESS, SERVED, group=SHUT)).kind is CauseKind.CANARY

    @pytest.mark.parametrize(
        ("since", "is_canary"), [(-1.1, False), (-1, True), (0, True), (10, True), (10.1, False), (1440, False)]
    )
    def test_is_another_where_the_gap_begins_earlier_or_later(self, since: float, *, is_canary: bool) -> None:
        assert (why(since=since).kind is CauseKind.CANARY) is is_canary

    @pytest.mark.parametrize(
        ("seen_at", "started", "is_canary"),
        [
            (0, 3, True),
            (9, 9.5, True),
            (9.1, 9.5, False),
            (-2, 3, True),
            (-2.1, 3, False),
            (0, -1, False),
            (9, 900, True),
        ],
    )
    def test_is_hidden_by_no_start_of_the_instance_after_its_last_datapoint(
        self, seen_at: float, started: float, *, is_canary: bool
    ) -> None:
        """Its gap begins once it is warm; what counts is what was due after the last datapoint."""
        due, warm = minute(seen_at + 1), minute(max(started, 0) + 11)
        gap = Gap(since=warm, opened_at=warm + timedelta(minutes=5))
        agent = replace(SILENT, seen_at=minute(seen_at), gap=gap)
        found = why(agent=agent, instance=replace(INSTANCE, launched_at=minute(started)))
        assert (found.kind is CauseKind.CANARY, found.began) == (is_canary, due if is_canary else None)
        if is_canary:
            incident = Incident("inc-1", "w", found, began=warm, opened_at=gap.opened_at)
            assert [one.began for one in silences([incident], VPC_ID)] == [due]
            assert any("was started at" in line and "has sent nothing since" in line for line in found.evidence)

    @pytest.mark.parametrize(
        ("seen_at", "started", "warm", "is_canary"),
        [
            (-3, -0.5, 11, True),
            (-3, 0, 11, True),
            (-3, 0.1, 11, False),
            (-6, -2, 31, True),
            (-40, -30, 31, True),
            (-40, -32.1, 31, False),
        ],
    )
    def test_is_hidden_by_no_start_before_the_switch_that_it_was_warming_up_from(
        self, seen_at: float, started: float, warm: float, *, is_canary: bool
    ) -> None:
        """Its gap may begin later than the silences that count do: whoever starts it chooses when."""
        since = minute(started + warm)
        agent = replace(SILENT, seen_at=minute(seen_at), gap=Gap(since=since, opened_at=since + timedelta(minutes=5)))
        found = why(agent=agent, instance=replace(INSTANCE, launched_at=minute(started)))
        is_late = started + warm > 10
        began = (ON_AT if is_late else since) if is_canary else None
        assert (found.kind is CauseKind.CANARY, found.began) == (is_canary, began)
        started_words = any("was started at" in line and "has sent nothing since" in line for line in found.evidence)
        assert started_words is (is_canary and is_late)

    @pytest.mark.parametrize(
        ("seen", "instance", "is_canary"),
        [
            (network(EGRESS, SERVED), INSTANCE, True),
            (network(PUBLIC, SERVED), replace(INSTANCE, has_public_address=True), True),
            (network(PUBLIC, SERVED), INSTANCE, False),
            (network(table(), SERVED), INSTANCE, False),
            (network(EGRESS, SERVED), UNMANAGED, False),
            (network(EGRESS, replace(SERVED, private_dns=False)), INSTANCE, False),
            (network(EGRESS), INSTANCE, False),
        ],
    )
    def test_is_one_only_for_who_had_another_way_and_while_it_is_on(
        self, seen: Vpc, instance: Instance, *, is_canary: bool
    ) -> None:
        assert (why(seen, instance=instance).kind is CauseKind.CANARY) is is_canary

    def test_is_the_machine_where_that_is_down(self) -> None:
        assert why(health=Health.IMPAIRED).kind is CauseKind.MACHINE

    @pytest.mark.parametrize(("at", "is_canary"), [(-5, True), (0.5, False)])
    def test_is_another_where_somebody_shut_the_way_after_the_switch(self, at: float, *, is_canary: bool) -> None:
        change = Change(minute(at), "e-1", "RevokeSecurityGroupIngress", "ann", frozenset({"sg-own"}))
        found = why(network(EGRESS, SERVED, group=SHUT), changes=(change,))
        assert (found.kind is CauseKind.CANARY) is is_canary

    @pytest.mark.parametrize(
        ("name", "ids"),
        [
            ("ModifyVpcAttribute", {VPC_ID}),
            ("AssociateDhcpOptions", {VPC_ID, "dopt-1"}),
            ("ReplaceRoute", {"rtb-main"}),
            ("ReplaceRouteTableAssociation", {"rtb-main", "subnet-a"}),
            ("CreateVpcEndpoint", {VPC_ID, "vpce-9"}),
            ("DeleteVpcEndpoints", {"vpce-9"}),
            ("ModifyVpcEndpoint", {"vpce-1"}),
            ("ModifySecurityGroupRules", {"sg-own"}),
        ],
    )
    def test_is_hidden_by_no_change_since_that_closed_nothing(self, name: str, ids: set[str]) -> None:
        change = Change(minute(0.5), "e-1", name, "mallory", frozenset(ids))
        assert why(changes=(change,)).kind is CauseKind.CANARY

    @pytest.mark.parametrize("name", ["ModifyVpcAttribute", "AssociateDhcpOptions"])
    def test_of_a_path_that_is_closed_is_hidden_by_no_change_of_the_vpcs_dns(self, name: str) -> None:
        """The name leads there since the switch. That of another service may do so since the change."""
        change = Change(minute(0.5), "e-1", name, "mallory", frozenset({VPC_ID}))
        shut = network(EGRESS, SERVED, group=SHUT)
        assert why(shut, changes=(change,)).kind is CauseKind.CANARY
        found = why(shut, changes=(change,), canaries=(("logs", CANARY),))
        assert (found.kind, found.change) == (CauseKind.ENDPOINT_CLOSED, change)

    def test_is_another_where_the_vpcs_dns_was_turned_off_after_the_switch(self) -> None:
        change = Change(minute(0.5), "e-1", "ModifyVpcAttribute", "ann", frozenset({VPC_ID}))
        found = why(replace(network(), dns_support=False), changes=(change,))
        assert (found.kind, found.change) == (CauseKind.DNS_OFF, change)

    @pytest.mark.parametrize(
        ("calls", "ids", "kind"),
        [
            (("Revoke", "Authorize"), ("SecurityGroupIngress", "sg-own"), CauseKind.ENDPOINT_CLOSED),
            (("Modify", "Modify"), ("VpcAttribute", VPC_ID), CauseKind.DNS_OFF),
            (("Associate", "Associate"), ("DhcpOptions", VPC_ID), CauseKind.DNS_OFF),
        ],
    )
    def test_is_another_where_somebody_shut_the_way_after_the_switch_and_opened_it_again(
        self, calls: tuple[str, str], ids: tuple[str, str], kind: CauseKind
    ) -> None:
        """Or may have, for all that the records say."""
        shut, opened = (
            Change(minute(at), f"e-{at}", f"{call}{ids[0]}", "ann", frozenset({ids[1]}))
            for at, call in zip((0.5, 5), calls, strict=True)
        )
        found = why(changes=(shut, opened))
        assert (found.kind, found.change) == (kind, shut)

    def test_is_another_where_somebody_may_have_shut_the_way_after_the_switch(self) -> None:
        seen = replace(network(), unread=(Unread(Part.SECURITY_GROUPS, "Throttling"),), security_groups=())
        change = Change(minute(0.5), "e-1", "RevokeSecurityGroupIngress", "ann", frozenset({"sg-own"}))
        assert why(seen, changes=(change,)).kind is not CauseKind.CANARY
        assert why(seen).kind is CauseKind.CANARY

    def test_of_another_service_is_not_the_cause_where_somebody_shut_the_way_of_the_metrics(self) -> None:
        change = Change(minute(0.5), "e-1", "RevokeSecurityGroupIngress", "ann", frozenset({"sg-own"}))
        shut = network(EGRESS, SERVED, group=SHUT)
        assert why(shut, changes=(change,), canaries=(("logs", CANARY),)).kind is CauseKind.ENDPOINT_CLOSED

    def test_of_a_service_that_the_agent_is_not_known_to_use_is_likely_at_most(self) -> None:
        found = why(canaries=(("logs", CANARY),))
        assert (found.kind, found.confidence, found.service) == (CauseKind.CANARY, Confidence.MEDIUM, "logs")

    def test_of_several_it_is_that_of_the_metrics(self) -> None:
        assert why(canaries=(("ec2", CANARY), ("monitoring", CANARY))).service == "monitoring"

    def test_is_fixed_once_private_dns_is_off_again(self) -> None:
        off = replace(CANARY, withdrawn_at=minute(8))
        found = why(network(EGRESS, replace(SERVED, private_dns=False)), canary=off)
        assert (found.kind, found.fixed_at, found.is_repairable) == (CauseKind.CANARY, minute(8), False)
        assert found.fix == "private DNS for vpce-1 was turned off again at 09:08:00 UTC"

    def test_is_not_fixed_while_it_is_frozen_but_still_on(self) -> None:
        found = why(canary=replace(CANARY, withdrawn_at=minute(8)))
        assert (found.fixed_at, found.is_repairable) == (None, True)

    def test_is_not_laid_to_a_canary_by_an_agent_that_never_reported(self) -> None:
        never = Agent("i-1", None, state=State.SILENT, gap=Gap(since=minute(1), opened_at=minute(6)))
        assert why(agent=never).kind is not CauseKind.CANARY


# ---- what is withdrawn

ASK = Withdrawal("monitoring", minute(7), "inc-1")
NOTHING = Plan(VPC_ID, (), ())


@pytest.mark.parametrize(
    ("canary", "is_due"),
    [
        (CANARY, True),
        (replace(CANARY, at=minute(7)), True),
        (replace(CANARY, at=minute(7.1)), False),
        (replace(CANARY, withdrawn_at=minute(7)), False),
    ],
)
def test_due_is_what_was_on_by_then_and_is_not_withdrawn(canary: Canary, *, is_due: bool) -> None:
    assert due({"monitoring": canary}, [ASK]) == ({"monitoring": ASK} if is_due else {})
    assert due({"logs": canary}, [ASK]) == {}


@pytest.mark.parametrize(("endpoint_id", "is_due"), [("", True), ("vpce-1", True), ("vpce-2", False)])
def test_due_is_what_is_asked_of_that_very_endpoint(endpoint_id: str, *, is_due: bool) -> None:
    asked = replace(ASK, subject=endpoint_id)
    assert due({"monitoring": CANARY}, [asked]) == ({"monitoring": asked} if is_due else {})


def test_of_several_asks_the_last_one_counts() -> None:
    later = replace(ASK, seen_at=minute(9), incident="inc-2")
    assert due({"monitoring": CANARY}, [later, ASK]) == {"monitoring": later}


@pytest.mark.parametrize(
    ("there", "services", "is_dark"),
    [
        (SERVED, ["monitoring"], False),
        (replace(SERVED, tags=()), [], False),  # and is switched off once it has its tag again
        (replace(SERVED, on_record=False), [], True),
        (replace(SERVED, private_dns=False), [], True),
        (replace(SERVED, id="vpce-2"), [], True),
    ],
)
def test_only_lifelines_own_endpoint_is_switched_off_while_it_answers(
    there: Endpoint, services: list[str], *, is_dark: bool
) -> None:
    seen, known = network(EGRESS, there), {"monitoring": CANARY}
    actions = withdraw(NOTHING, known, ["monitoring"], seen, OWNER).actions
    assert [(one.kind, one.service, one.endpoint_id) for one in actions] == [
        (ActionKind.DISABLE_PRIVATE_DNS, service, "vpce-1") for service in services
    ]
    assert all(one.reason.startswith("agents fell silent within 10 minutes after private DNS") for one in actions)
    assert bool(gone_dark(known, ["monitoring"], seen, OWNER)) is is_dark


def test_a_freeze_of_a_canary_is_made_once_and_takes_anothers_place() -> None:
    known, now = {"monitoring": CANARY}, minute(8)
    frozen = freeze_withdrawn({}, known, {"monitoring": ASK}, now=now)
    assert frozen["monitoring"] == Freeze(
        FreezeKind.CANARY,
        now,
        "agents fell silent right after private DNS for vpce-1 was turned on (inc-1)",
        event_id="inc-1",
    )
    assert freeze_withdrawn(frozen, known, {"monitoring": ASK}, now=minute(9)) == frozen
    claim = {"monitoring": Freeze(FreezeKind.CLAIM, now, "theirs", until=minute(20))}
    assert freeze_withdrawn(claim, known, {"monitoring": ASK}, now=now) == frozen


def test_what_is_switched_is_remembered_for_a_day() -> None:
    on = Action(ActionKind.ENABLE_PRIVATE_DNS, "dark", service="logs", endpoint_id="vpce-2")
    now = ON_AT + timedelta(hours=23)
    known = watch_switched({"monitoring": CANARY}, [on], Status.PLANNED, is_canary=True, now=now)
    assert known == {"monitoring": CANARY, "logs": Canary("vpce-2", now)}
    day = ON_AT + timedelta(hours=24)
    assert watch_switched(known, [on], Status.DONE, is_canary=True, now=day) == {"logs": Canary("vpce-2", now)}


def test_what_is_due_is_remembered_until_it_is_withdrawn_or_nobody_is_silent_for_it() -> None:
    due = mark_due({"monitoring": CANARY, "logs": CANARY}, {"monitoring"})
    assert due == {"monitoring": replace(CANARY, is_due=True), "logs": CANARY}
    later = ON_AT + timedelta(days=9)
    assert not_long_over(due, later) == {"monitoring": due["monitoring"]}
    withdrawn = mark_withdrawn(due, {"vpce-1"}, now=later)
    assert withdrawn["monitoring"] == replace(CANARY, withdrawn_at=later)
    assert not_long_over(withdrawn, later + timedelta(days=1)) == {}
    assert not_long_over(mark_due(due, ()), later) == {}
    assert mark_due(withdrawn, {"monitoring"}) == withdrawn


def test_what_was_switched_off_is_withdrawn_once() -> None:
    off = Action(ActionKind.DISABLE_PRIVATE_DNS, "why", service="monitoring", endpoint_id="vpce-1", status=Status.DONE)
    assert switched_off([off, replace(off, endpoint_id="vpce-9", status=Status.BLOCKED)]) == {"vpce-1"}
    withdrawn = mark_withdrawn({"monitoring": CANARY}, {"vpce-1"}, now=minute(8))
    assert withdrawn == {"monitoring": replace(CANARY, withdrawn_at=minute(8))}
    assert mark_withdrawn(withdrawn, {"vpce-1"}, now=minute(9)) == withdrawn


def test_a_freeze_that_was_written_says_what_a_run_that_stopped_could_not() -> None:
    freeze = Freeze(FreezeKind.CANARY, minute(8), "why")
    known = {"monitoring": CANARY}
    assert as_known(known, {"monitoring": freeze})["monitoring"].withdrawn_at == minute(8)
    at_once = as_known(known, {"monitoring": replace(freeze, since=ON_AT)})
    assert at_once["monitoring"].withdrawn_at == ON_AT
    assert as_known(known, {"monitoring": replace(freeze, since=minute(-8))}) == known
    assert as_known(known, {"monitoring": replace(freeze, kind=FreezeKind.MANUAL)}) == known
    assert timedelta(minutes=10) == WATCHED_FOR


@pytest.mark.parametrize(
    ("changed", "is_watched"),
    [
        ({"status": Status.DONE}, True),
        ({"status": Status.PLANNED, "error": "AWS refused for now"}, True),  # it may have been made all the same
        ({"status": Status.BLOCKED, "error": "frozen"}, True),
        ({"status": Status.BLOCKED, "blocked_by": "kill switch"}, False),
        ({"status": Status.FAILED}, False),
        ({"status": Status.FAILED, "endpoint_id": "vpce-2"}, True),
        ({"status": Status.FAILED, "kind": ActionKind.ADD_SUBNETS}, True),
    ],
)
def test_what_was_certainly_not_switched_on_is_watched_no_more(changed: dict[str, Any], *, is_watched: bool) -> None:
    action = Action(ActionKind.ENABLE_PRIVATE_DNS, "", service="monitoring", endpoint_id=CANARY.endpoint_id)
    found = unwatch({"monitoring": CANARY}, [replace(action, **changed)])
    assert found == ({"monitoring": CANARY} if is_watched else {})


def test_what_was_withdrawn_before_stays_known() -> None:
    known = {"monitoring": replace(CANARY, withdrawn_at=minute(5))}
    action = Action(ActionKind.ENABLE_PRIVATE_DNS, "", service="monitoring", endpoint_id=CANARY.endpoint_id)
    assert unwatch(known, [replace(action, status=Status.FAILED)]) == known


def test_a_hub_that_harms_makes_way_for_the_endpoint_that_stood_in() -> None:
    """So it does for each of a VPC's services, unless the endpoint is deleted anyway."""
    tags = ((MANAGED_BY, OWNER), (IN_PLACE_OF, "Z1"))
    spare = endpoint(MONITORING, "a", private_dns=False, tags=tags)
    canaries = {"monitoring": Canary("", ON_AT, central_ids=("Z1",)), "logs": Canary("", ON_AT, central_ids=("Z2",))}
    retiring = Action.on(ActionKind.RETIRE_ENDPOINT, spare, "why")

    def ended(plan: Plan) -> list[tuple[str, tuple[str, ...], str]]:
        amended = withdraw(plan, canaries, canaries, vpc(endpoints=(spare,)), OWNER, {"Z1", "Z2"})
        found = remove_once(amended).actions
        return [(one.service, one.central_ids, one.endpoint_id) for one in found if one.central_ids]

    assert ended(Plan(VPC_ID, (), ())) == [("logs", ("Z2",), ""), ("monitoring", ("Z1",), spare.id)]
    assert ended(Plan(VPC_ID, (), (retiring,))) == [("logs", ("Z2",), ""), ("monitoring", ("Z1",), "")]


@pytest.mark.parametrize(("hours", "is_kept"), [(0, True), (23, True), (24, False)])
def test_an_endpoint_that_stood_in_stays_while_a_silence_may_count_for_the_way_back(hours: int, is_kept: bool) -> None:
    canaries = {"monitoring": Canary("", ON_AT, central_ids=("Z1",))}
    spare = Action(ActionKind.RETIRE_ENDPOINT, "why", service="monitoring", endpoint_id="vpce-1", is_optional=True)
    others = (replace(spare, is_optional=False), replace(spare, service="logs"))
    plan, now = Plan(VPC_ID, (), (spare, *others)), ON_AT + timedelta(hours=hours)
    assert keep_stand_ins(plan, canaries, now=now).actions == (() if is_kept else (spare,)) + others
    over = {"monitoring": replace(canaries["monitoring"], withdrawn_at=ON_AT)}
    assert keep_stand_ins(plan, over, now=now) == plan
    assert keep_stand_ins(plan, {"monitoring": CANARY}, now=now) == plan


# ---- the way back to a hub

BACK = Canary("vpce-1", ON_AT, central_ids=("rp-1",))
SHARED = Canary("", ON_AT, central_ids=("rp-1",))
STOOD_IN = endpoint(MONITORING, "a", private_dns=False, tags=((MANAGED_BY, OWNER), (IN_PLACE_OF, "rp-1")))


def test_the_way_back_is_watched_with_the_endpoint_that_gave_up_the_name() -> None:
    back = Action(ActionKind.SWAP_TO_CENTRAL, "", service="monitoring", endpoint_id="vpce-1", central_ids=("rp-1",))
    assert watch_switched({}, [back], Status.PLANNED, is_canary=False, now=ON_AT) == {"monitoring": BACK}
    assert (BACK.subject, BACK.is_way_back, SHARED.is_way_back, CANARY.is_way_back) == ("rp-1", True, False, False)


@pytest.mark.parametrize("associated", [frozenset({"rp-1"}), frozenset[str]()], ids=["Lifeline's", "somebody's"])
def test_a_profile_that_harms_one_service_stays_and_the_endpoint_answers_that_again(associated: frozenset[str]) -> None:
    seen = vpc(endpoints=(STOOD_IN,))
    (restore,) = withdraw(Plan(VPC_ID, (), ()), {"monitoring": BACK}, ["monitoring"], seen, OWNER, associated).actions
    assert (restore.kind, restore.endpoint_id, restore.central_ids) == (
        ActionKind.RESTORE_LOCAL,
        STOOD_IN.id,
        ("rp-1",),
    )
    assert restore.moving_ids == ()
    assert gone_dark({"monitoring": BACK}, ["monitoring"], seen, OWNER, associated) == frozenset()
    assert gone_dark({"monitoring": BACK}, ["monitoring"], vpc(), OWNER) == {"rp-1"}


def test_what_a_profile_answers_beside_the_name_that_it_got_back_is_not_withdrawn_with_it() -> None:
    seen = Withdrawal("monitoring", minute(2), "inc-1", "rp-1", minute(1))
    assert list(due({"monitoring": BACK, "logs": SHARED}, [seen])) == ["monitoring"]
    assert list(due({"monitoring": SHARED, "logs": SHARED}, [seen])) == ["logs", "monitoring"]
    restored = Action(ActionKind.RESTORE_LOCAL, "", service="monitoring", central_ids=("rp-1",), status=Status.DONE)
    assert not switched_off([restored])
    assert swapped([restored]) == {"monitoring"}
    marked = mark_withdrawn({"monitoring": BACK, "logs": SHARED}, (), {"monitoring"}, now=minute(3))
    assert marked == {"monitoring": replace(BACK, withdrawn_at=minute(3)), "logs": SHARED}


def test_an_endpoint_that_answers_again_is_not_switched_off_for_what_it_gave_up() -> None:
    answering = replace(STOOD_IN, id="vpce-1", private_dns=True)
    found = withdraw(Plan(VPC_ID, (), ()), {"monitoring": BACK}, ["monitoring"], vpc(endpoints=(answering,)), OWNER)
    assert found.actions == ()


def test_a_canary_is_watched_until_all_are_withdrawn() -> None:
    withdrawn = replace(CANARY, withdrawn_at=minute(5))
    assert not is_watched({})
    assert not is_watched({"monitoring": withdrawn, "logs": withdrawn})
    assert is_watched({"monitoring": withdrawn, "logs": CANARY})


ZONES = replace(CANARY, endpoint_id="", central_ids=("Z1", "Z2"))


@pytest.mark.parametrize(
    ("kind", "central_ids", "is_canary", "watched"),
    [
        (ActionKind.ENABLE_PRIVATE_DNS, (), True, Canary("vpce-2", minute(1))),
        (ActionKind.ENABLE_PRIVATE_DNS, (), False, None),
        (ActionKind.ASSOCIATE_CENTRAL, ("Z1", "Z2"), False, Canary("vpce-2", minute(1), central_ids=("Z1", "Z2"))),
        (ActionKind.SWAP_TO_CENTRAL, ("Z1", "Z2"), False, Canary("vpce-2", minute(1), central_ids=("Z1", "Z2"))),
        (ActionKind.SWAP_TO_LOCAL, ("Z1", "Z2"), True, None),
        (ActionKind.RETIRE_ENDPOINT, (), True, None),
    ],
)
def test_an_association_is_always_watched_and_private_dns_if_the_policy_says_so(
    kind: ActionKind, central_ids: tuple[str, ...], *, is_canary: bool, watched: Canary | None
) -> None:
    """The endpoint that gave its name back to the hub is remembered with the association."""
    action = Action(kind, "why", service="logs", endpoint_id="vpce-2", central_ids=central_ids)
    found = watch_switched({}, [action], Status.PLANNED, is_canary=is_canary, now=minute(1))
    assert found == ({"logs": watched} if watched else {})
    assert watch_switched({}, [action], Status.DONE, is_canary=is_canary, now=minute(1)) == {}


def test_what_was_withdrawn_is_remembered_for_a_day_from_then_on() -> None:
    known = {"monitoring": replace(CANARY, withdrawn_at=ON_AT + timedelta(hours=23))}
    day = timedelta(days=1)
    for now, kept in ((ON_AT + day, known), (ON_AT + timedelta(hours=47), {})):
        assert watch_switched(known, [], Status.PLANNED, is_canary=True, now=now) == kept


@pytest.mark.parametrize(
    ("kind", "ids", "off"),
    [
        (ActionKind.DISABLE_PRIVATE_DNS, (), {"vpce-1"}),
        (ActionKind.DISASSOCIATE_CENTRAL, ("Z1", "Z2"), {"Z1", "Z2"}),
        (ActionKind.SWAP_TO_LOCAL, ("Z1",), set()),
        (ActionKind.SWAP_TO_CENTRAL, ("Z1",), set()),
        (ActionKind.ENABLE_PRIVATE_DNS, (), set()),
    ],
)
def test_off_is_the_endpoint_or_what_was_let_go_of_the_hub(
    kind: ActionKind, ids: tuple[str, ...], off: set[str]
) -> None:
    action = Action(kind, "why", service="monitoring", endpoint_id="vpce-1", central_ids=ids, status=Status.DONE)
    assert switched_off([action]) == off
    assert switched_off([replace(action, status=Status.FAILED)]) == set()


def test_a_hub_is_withdrawn_once_any_of_its_zones_was_let_go() -> None:
    known = {"monitoring": ZONES, "logs": replace(ZONES, central_ids=("Z3",)), "ec2": CANARY}
    found = mark_withdrawn(known, {"Z2"}, now=minute(8))
    assert found == known | {"monitoring": replace(ZONES, withdrawn_at=minute(8))}


def test_what_was_withdrawn_keeps_its_time_whenever_it_was_frozen() -> None:
    known = {"monitoring": replace(CANARY, withdrawn_at=minute(5))}
    assert as_known(known, {"monitoring": Freeze(FreezeKind.CANARY, minute(8), "why")}) == known
    assert as_known(known, {}) == known


@pytest.mark.parametrize(
    ("began", "is_due"), [(None, True), (ON_AT, True), (ON_AT + WATCHED_FOR, True), (ON_AT + WATCHED_FOR * 1.1, False)]
)
def test_due_is_what_fell_silent_within_ten_minutes(began: datetime | None, *, is_due: bool) -> None:
    asked = Withdrawal("monitoring", ON_AT + timedelta(hours=1), began=began)
    assert due({"monitoring": CANARY}, [asked]) == ({"monitoring": asked} if is_due else {})


def test_all_that_a_profile_answers_is_withdrawn_with_it_and_nothing_twice() -> None:
    profile = replace(ZONES, central_ids=("rp-1",))
    canaries = {
        "ec2": replace(profile, withdrawn_at=minute(5)),
        "logs": profile,
        "monitoring": profile,
        "sqs": CANARY,
        "ssm": replace(ZONES, central_ids=("rp-2",)),
    }
    assert due(canaries, [ASK]) == {"logs": replace(ASK, service="logs"), "monitoring": ASK}
    own = replace(ASK, service="logs", incident="inc-9")
    assert due(canaries, [ASK, own]) == {"logs": own, "monitoring": ASK}


def test_what_earlier_runs_froze_for_a_canary_is_withdrawn_from_then_on() -> None:
    freeze = Freeze(FreezeKind.CANARY, minute(8), "why", event_id="inc-1")
    frozen = {"monitoring": freeze, "logs": replace(freeze, kind=FreezeKind.MANUAL)}
    assert list(begun(frozen)) == [Withdrawal("monitoring", minute(8), "inc-1")]


@pytest.mark.parametrize(
    ("changed", "stands_in"),
    [
        ({}, True),
        ({"tags": ((MANAGED_BY, OWNER),)}, False),  # it never stood in for the hub
        ({"tags": ((IN_PLACE_OF, "Z1"),)}, False),  # it isn't Lifeline's
        ({"private_dns": True}, False),
        ({"state": EndpointState.PENDING}, False),
        ({"service_name": "com.amazonaws.us-east-1.logs"}, False),
    ],
)
def test_only_an_endpoint_that_stood_in_and_is_there_answers_again(changed: dict[str, Any], *, stands_in: bool) -> None:
    tags = ((MANAGED_BY, OWNER), (IN_PLACE_OF, "Z1"))
    spare = replace(endpoint(MONITORING, "a", private_dns=False, tags=tags), **changed)
    amended = withdraw(NOTHING, {"monitoring": ZONES}, ["monitoring"], vpc(endpoints=(spare,)), OWNER, {"Z1"})
    (action,) = amended.actions
    assert (action.central_ids, action.endpoint_id) == (("Z1",), spare.id if stands_in else "")
    assert (f"resolve to {spare.id} again" in action.reason) is stands_in


@pytest.mark.parametrize(("ways_out", "waits"), [((), True), (("b",), False), (("a", "b"), False)])
def test_until_its_tag_is_back_all_stays_only_where_no_subnet_has_another_way(
    ways_out: tuple[str, ...], *, waits: bool
) -> None:
    """One that has one is cut off by what answers the name for all."""
    spare = replace(endpoint(MONITORING, "a", private_dns=False), tags=(), on_record=True)
    out = table("out", default_route(TargetKind.NAT_GATEWAY, "nat-1"), subnets=ways_out)
    seen = vpc(subnet("a"), subnet("b"), table(), out, spare)
    back = {"monitoring": replace(ZONES, endpoint_id=spare.id)}
    kinds = [one.kind for one in withdraw(NOTHING, back, ["monitoring"], seen, OWNER, {"Z1"}).actions]
    assert kinds == ([] if waits else [ActionKind.DISASSOCIATE_CENTRAL])


def test_what_is_no_longer_associated_has_gone_dark() -> None:
    known = {"monitoring": ZONES, "logs": replace(ZONES, central_ids=("Z3",))}
    assert gone_dark(known, ["monitoring"], vpc(), OWNER, {"Z1"}) == {"Z2"}
    assert withdraw(NOTHING, known, ["monitoring"], vpc(), OWNER, set()) == NOTHING

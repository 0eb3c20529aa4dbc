"""What waits for approval, and what never does."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lifeline.core.guards.backlog import (
    BACKLOG,
    Epoch,
    Gaps,
    GapSurvey,
    changed_subnets,
    find_gaps,
    hold_backlog,
    judge,
)
from lifeline.core.guards.freeze import EVERYTHING
from lifeline.core.guards.urgency import KnownPath, KnownVpc
from lifeline.core.network.model import RouteTable, TargetKind, Vpc
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.plan.actions import Action, ActionKind
from lifeline.core.plan.cost import price_in
from lifeline.core.policy.policy import Policy, PolicyRule, desired
from tests.support.builders import LOCAL, VPC_ID, default_route, plan, route, subnet, table, vpc

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEW = Epoch(NOW)
SWEPT = Epoch(NOW, NOW)
PRICE = price_in("us-east-1")
SUBNETS = ("subnet-a", "subnet-b", "subnet-c")
SERVICES = ("logs", "monitoring")


def gaps(missing: set[str], *, served: set[str] = frozenset(), way_out: bool = False, more: str = "") -> Gaps:  # type: ignore[assignment]
    """One subnet, `s`, and perhaps another in which everything is missing, too."""
    ids = ["s", *([more] if more else [])]
    return Gaps(
        dict.fromkeys(ids, frozenset(missing)),
        dict.fromkeys(ids, frozenset(served)),
        dict.fromkeys(ids, frozenset(missing | served)),
        dict.fromkeys(ids, way_out),
    )


def waits(survey: GapSurvey) -> set[tuple[str, str]]:
    return set(survey.waiting)


FIRST = judge(None, gaps({"logs"}), NEW, now=NOW)


def test_everything_that_is_missing_at_first_waits() -> None:
    assert waits(FIRST) == {("s", "logs")}
    assert waits(judge(FIRST, gaps({"logs"}), SWEPT, now=NOW + HOUR)) == {("s", "logs")}


def test_a_vpc_that_is_made_after_the_first_sweep_waits_for_nobody() -> None:
    assert waits(judge(None, gaps({"logs"}), SWEPT, now=NOW)) == set()


@pytest.mark.parametrize(("hours", "waiting"), [(-1, {("s", "logs")}), (0, {("s", "logs")}), (1, set())])
def test_a_vpc_of_which_nothing_is_on_record_waits_if_it_was_seen_before_the_first_sweep(
    hours: int, waiting: set[object]
) -> None:
    known = KnownVpc(NOW + hours * HOUR)
    assert waits(judge(None, gaps({"logs"}), SWEPT, now=NOW + 9 * HOUR, known=known)) == waiting


def test_a_vpc_that_was_judged_before_the_mode_changed_is_judged_anew() -> None:
    old = judge(None, gaps({"logs"}), Epoch(NOW - 9 * HOUR, NOW - 9 * HOUR), now=NOW - 8 * HOUR)
    assert waits(old) == set()
    assert waits(judge(old, gaps({"logs"}), SWEPT, now=NOW)) == {("s", "logs")}


def test_a_subnet_that_is_made_later_waits_for_nobody() -> None:
    assert waits(judge(FIRST, gaps({"logs"}, more="t"), SWEPT, now=NOW + HOUR)) == {("s", "logs")}


def test_what_is_asked_for_later_waits_too() -> None:
    later = judge(FIRST, gaps({"logs", "ssm"}), SWEPT, now=NOW + HOUR)
    assert (waits(later), later.asked_at) == ({("s", "logs"), ("s", "ssm")}, NOW + HOUR)


def test_what_was_served_and_is_lost_waits_for_nobody() -> None:
    served = judge(FIRST, gaps(set(), served={"logs"}), SWEPT, now=NOW + HOUR)
    assert waits(judge(served, gaps({"logs"}), SWEPT, now=NOW + 2 * HOUR)) == set()


@pytest.mark.parametrize("asked_before", [True, False])
def test_a_way_out_that_is_lost_lets_everything_of_its_subnet_pass(*, asked_before: bool) -> None:
    before = judge(None, gaps({"logs"} if asked_before else set(), way_out=True), NEW, now=NOW)
    assert waits(before) == ({("s", "logs")} if asked_before else set())
    assert waits(judge(before, gaps({"logs"}), SWEPT, now=NOW + HOUR)) == set()


def test_a_lost_way_out_counts_until_all_is_judged_that_it_led_to() -> None:
    before = judge(None, gaps({"logs"}, way_out=True), NEW, now=NOW)
    unread = Gaps({"s": frozenset()}, {"s": frozenset()}, {"s": frozenset({"logs", "ssm"})}, {"s": False})
    between = judge(before, unread, SWEPT, now=NOW + HOUR)
    assert waits(judge(between, gaps({"logs", "ssm"}), SWEPT, now=NOW + 2 * HOUR)) == set()


@pytest.mark.parametrize(("key", "lost_at", "waiting"), [("s", 1, 0), ("logs", 1, 0), ("s", -1, 1), ("other", 1, 1)])
def test_a_path_that_was_seen_being_lost_since_the_stack_enforces_waits_for_nobody(
    key: str, lost_at: int, waiting: int
) -> None:
    known = KnownVpc(NOW - 9 * HOUR, {key: KnownPath(NOW - 9 * HOUR, NOW + lost_at * HOUR)})
    assert len(waits(judge(None, gaps({"logs"}), NEW, now=NOW + HOUR, known=known))) == waiting


NETWORK = vpc(
    subnet("a"),
    subnet("b", zone="us-east-1b"),
    subnet("open"),
    table("main"),
    table("b", default_route(TargetKind.NAT_GATEWAY, "nat-1", active=False), subnets=("b",)),
    table(
        "open",
        default_route(TargetKind.TRANSIT_GATEWAY, "tgw-1"),
        route("10.1.0.0/16", TargetKind.PEERING, "pcx-1", active=False),
        subnets=("open",),
    ),
)
ALL_MISSING = dict.fromkeys(("subnet-a", "subnet-b", "subnet-open"), frozenset({"logs"}))
NONE = dict.fromkeys(ALL_MISSING, frozenset[str]())
IN_NETWORK = Gaps(ALL_MISSING, NONE, ALL_MISSING, {"subnet-a": False, "subnet-b": False, "subnet-open": True})
SINCE = "2026-03-02T10:00:00Z"


@pytest.mark.parametrize(
    ("name", "ids", "changed"),
    [
        ("DeleteRoute", {"rtb-main"}, {"subnet-a"}),
        ("ReplaceRoute", {"rtb-b"}, {"subnet-b"}),
        ("ReplaceRouteTableAssociation", {"subnet-a", "rtb-x"}, {"subnet-a"}),
        ("DisableVgwRoutePropagation", {"rtb-b", "vgw-1"}, {"subnet-b"}),
        ("DeleteNatGateway", {"nat-1"}, {"subnet-b"}),
        ("DeleteNatGateway", {"nat-2"}, set()),
        ("DeleteNatGateway", set(), set()),
        ("DeleteVpcPeeringConnection", {"pcx-1"}, set()),
        ("DeleteRoute", {"rtb-open"}, set()),
        ("CreateSubnet", {"subnet-b"}, {"subnet-b"}),
        ("CreateSubnet", {"subnet-open"}, {"subnet-open"}),
        ("CreateVpc", {NETWORK.id}, set(ALL_MISSING)),
        ("CreateTags", {"subnet-a"}, set()),
        ("DeleteRoute", {"rtb-other"}, set()),
    ],
)
def test_a_change_before_the_first_sweep_lets_pass_what_it_made_or_took_the_way_out_from(
    name: str, ids: set[str], changed: set[str]
) -> None:
    found = changed_subnets([(name, frozenset(ids), SINCE)], NETWORK, IN_NETWORK, NEW)
    assert found == changed
    survey = judge(None, IN_NETWORK, NEW, now=NOW, changed=found)
    assert {subnet_id for subnet_id, _ in survey.waiting} == ALL_MISSING.keys() - changed
    assert waits(judge(survey, IN_NETWORK, NEW, now=NOW + HOUR)) == waits(survey)


@pytest.mark.parametrize("time", ["2026-03-02T09:59:59Z", "2025-01-01T00:00:00Z", "", "soon"])
@pytest.mark.parametrize(
    ("name", "id_"),
    [("DeleteRoute", "rtb-main"), ("DeleteNatGateway", "nat-1"), ("CreateSubnet", "subnet-a"), ("CreateVpc", VPC_ID)],
)
def test_a_change_before_the_stack_enforced_or_at_no_known_time_lets_nothing_pass(
    name: str, id_: str, time: str
) -> None:
    assert not changed_subnets([(name, frozenset({id_}), time)], NETWORK, IN_NETWORK, NEW)


def test_a_change_lets_nothing_pass_that_was_judged_before() -> None:
    assert waits(judge(FIRST, gaps({"logs"}), NEW, now=NOW + HOUR, changed=frozenset({"s"}))) == {("s", "logs")}


UNREAD = Gaps({"s": frozenset()}, {"s": frozenset()}, {"s": frozenset({"logs"})}, {"s": False})  # neither was read


def test_what_is_not_read_when_a_vpc_or_a_subnet_is_new_waits_for_nobody_later() -> None:
    made = judge(None, UNREAD, SWEPT, now=NOW)
    assert waits(judge(made, gaps({"logs"}), SWEPT, now=NOW + HOUR)) == set()
    empty = judge(None, Gaps(), NEW, now=NOW)
    later = judge(empty, UNREAD, SWEPT, now=NOW + HOUR)
    assert waits(judge(later, gaps({"logs"}), SWEPT, now=NOW + 2 * HOUR)) == set()


def test_what_is_not_read_the_first_time_waits_once_it_is() -> None:
    assert waits(judge(judge(None, UNREAD, NEW, now=NOW), gaps({"logs"}), SWEPT, now=NOW + HOUR)) == {("s", "logs")}


def test_a_service_that_is_never_judged_lets_nothing_pass_that_is_asked_for_after_a_way_out_was_lost() -> None:
    before = judge(None, gaps(set(), way_out=True), NEW, now=NOW)
    asked = {"s": frozenset({"logs", "nobodys"})}
    lost = judge(before, replace(gaps({"logs"}), asked=asked), SWEPT, now=NOW + HOUR)
    more = replace(gaps({"logs", "ssm"}), asked={"s": asked["s"] | {"ssm"}})
    assert waits(judge(lost, more, SWEPT, now=NOW + 2 * HOUR)) == {("s", "ssm")}


OUT_OF_SIGHT = Gaps(unjudged=frozenset({"s"}))  # it is about to be deleted, or not available


def test_a_subnet_that_is_out_of_sight_for_a_while_stands_as_it_did() -> None:
    hidden = judge(FIRST, OUT_OF_SIGHT, SWEPT, now=NOW + HOUR)
    assert waits(judge(hidden, gaps({"logs"}), SWEPT, now=NOW + 2 * HOUR)) == {("s", "logs")}
    served = judge(FIRST, gaps(set(), served={"logs"}), SWEPT, now=NOW + HOUR)
    hidden = judge(served, OUT_OF_SIGHT, SWEPT, now=NOW + 2 * HOUR)
    assert waits(judge(hidden, gaps({"logs"}), SWEPT, now=NOW + 3 * HOUR)) == set()


@pytest.mark.parametrize(("epoch", "waiting"), [(NEW, {("s", "logs")}), (SWEPT, set())])
def test_a_subnet_that_is_out_of_sight_at_first_waits_if_it_was_there(epoch: Epoch, waiting: set[object]) -> None:
    hidden = judge(None, OUT_OF_SIGHT, epoch, now=NOW)
    assert waits(judge(hidden, gaps({"logs"}), SWEPT, now=NOW + HOUR)) == waiting


def test_what_is_about_to_go_or_not_available_yet_is_out_of_sight() -> None:
    network = vpc(subnet("a"), replace(subnet("b"), state="pending"), subnet("c"), table("main"))
    want = desired(
        Policy(rules=(PolicyRule(frozenset({"logs"})),)), network, classify_subnets(network), today=NOW.date()
    )
    shown = replace(network, subnets=network.subnets[:2])
    found = find_gaps(plan(shown, "logs"), network, want)
    assert found.unjudged == {"subnet-b", "subnet-c"}
    assert set(found.asked) == {"subnet-a"}


# ---- while an exemption or a tag takes services out of judgement

NO_NAMES = frozenset[str]()
MUTED = {"s": frozenset({"logs"})}


def after(*seen: tuple[Gaps, bool]) -> set[tuple[str, str]]:
    """What waits once all is asked for again in `s`, isolated, where this was seen before, an hour each: what of it is
    muted, or nothing.
    """
    survey = None
    for number, (found, is_muted) in enumerate([*seen, (gaps({"logs"}), False)]):
        seen_now = replace(found, muted=MUTED) if is_muted else found
        survey = judge(survey, seen_now, SWEPT if number else NEW, now=NOW + number * HOUR)
    assert survey
    return waits(survey)


def test_a_way_out_that_is_lost_while_a_service_is_muted_is_lost_however_long_that_lasts() -> None:
    muted = [(gaps(set()), True)] * 300
    assert after((gaps(set(), way_out=True), False), *muted) == set()
    assert after((gaps(set(), way_out=True), True), *muted) == set()


def test_an_endpoint_that_is_lost_while_its_service_is_muted_is_lost() -> None:
    assert after((gaps(set(), served={"logs"}), False), (gaps(set()), True), (gaps(set()), True)) == set()


def test_what_was_missing_all_along_waits_after_it_was_muted_too() -> None:
    assert after((gaps({"logs"}), False), (gaps(set()), True)) == {("s", "logs")}
    assert after((gaps(set()), True), (gaps(set()), True)) == {("s", "logs")}


@pytest.mark.parametrize(("lost_at", "waiting"), [(None, set()), (-1, {("s", "logs")})])
def test_an_endpoint_that_was_seen_before_its_service_was_muted_from_the_beginning_is_lost(
    lost_at: int | None, waiting: set[object]
) -> None:
    path = KnownPath(NOW - 9 * HOUR, None if lost_at is None else NOW + lost_at * HOUR)
    known = KnownVpc(NOW - 9 * HOUR, {"logs": path})
    muted = judge(None, replace(gaps(set()), muted=MUTED), NEW, now=NOW, known=known)
    assert waits(judge(muted, gaps({"logs"}), SWEPT, now=NOW + HOUR)) == waiting


def test_what_waited_is_in_the_next_notice_and_not_in_an_approval_of_before() -> None:
    muted = judge(FIRST, replace(gaps(set()), muted=MUTED), SWEPT, now=NOW + HOUR)
    again = judge(muted, gaps({"logs"}), SWEPT, now=NOW + 3 * HOUR, approved={EVERYTHING: NOW + 2 * HOUR})
    assert (waits(again), again.asked_at) == ({("s", "logs")}, NOW + 3 * HOUR)


def test_a_subnet_that_is_made_while_its_services_are_muted_waits_for_nobody_either() -> None:
    made = judge(None, replace(gaps(set()), muted=MUTED), SWEPT, now=NOW)
    assert waits(judge(made, gaps({"logs"}), SWEPT, now=NOW + HOUR)) == set()


def test_while_one_service_is_muted_more_that_a_policy_asks_for_waits() -> None:
    before = judge(None, gaps(set(), way_out=True), NEW, now=NOW)
    lost = judge(before, replace(gaps({"ssm"}), muted=MUTED), SWEPT, now=NOW + HOUR)
    more = judge(lost, replace(gaps({"ssm", "ec2"}), muted=MUTED), SWEPT, now=NOW + 2 * HOUR)
    assert waits(more) == {("s", "ec2")}
    assert waits(judge(more, gaps({"ssm", "ec2", "logs"}), SWEPT, now=NOW + 3 * HOUR)) == {("s", "ec2")}


ALL = frozenset({"logs", "ssm"})
SEEN = st.tuples(  # of one subnet: whether it is there, open, what is muted, what is served, and whether tags were read
    st.booleans(),
    st.booleans(),
    st.frozensets(st.sampled_from(sorted(ALL))),
    st.frozensets(st.sampled_from(sorted(ALL))),
    st.booleans(),
)


@given(st.lists(SEEN, max_size=6), st.sampled_from([NEW, SWEPT]))
@example([(True, True, NO_NAMES, NO_NAMES, True), (True, False, ALL, NO_NAMES, False)], NEW)
@example([(False, True, NO_NAMES, NO_NAMES, True), (True, False, ALL, NO_NAMES, False)], NEW)
def test_what_could_not_be_read_for_a_while_changes_nothing_of_what_waits_in_the_end(
    history: list[tuple[bool, bool, frozenset[str], frozenset[str], bool]], epoch: Epoch
) -> None:
    read = unread = None
    is_there = False
    for number, (comes, is_open, muted, served, is_read) in enumerate(
        [*history, (True, False, NO_NAMES, NO_NAMES, True)]
    ):
        is_there = is_there or comes
        ids, asked = ["s"] * is_there, frozenset[str]() if is_open else ALL - muted
        found = Gaps(
            dict.fromkeys(ids, asked - served),
            dict.fromkeys(ids, asked & served),
            dict.fromkeys(ids, asked),
            dict.fromkeys(ids, is_open),
            muted=dict.fromkeys(ids, muted),
        )
        now = NOW + number * HOUR
        read = judge(read, found, epoch, now=now)
        unread = judge(unread, found if is_read else replace(found, muted=None), epoch, now=now)
        assert unread.waiting == read.waiting


@pytest.mark.parametrize("service", ["logs", EVERYTHING])
def test_an_approval_is_for_what_waited_then(service: str) -> None:
    passed = judge(FIRST, gaps({"logs"}), SWEPT, now=NOW + 2 * HOUR, approved={service: NOW + HOUR})
    assert waits(passed) == set()
    more = judge(passed, gaps({"logs", "ssm"}), SWEPT, now=NOW + 3 * HOUR, approved={service: NOW + HOUR})
    assert waits(more) == {("s", "ssm")}
    again = judge(more, gaps({"logs", "ssm"}), SWEPT, now=NOW + 4 * HOUR, approved={service: NOW + HOUR})
    assert waits(again) == {("s", "ssm")}


def test_an_approval_leaves_what_begins_to_wait_only_now_and_a_call_that_names_the_vpc_does_not() -> None:
    now, asked = NOW + HOUR, gaps({"logs", "ssm"})
    assert waits(judge(FIRST, asked, SWEPT, now=now, approved={EVERYTHING: now})) == {("s", "ssm")}
    assert waits(judge(FIRST, asked, SWEPT, now=now, at_once=frozenset({EVERYTHING}))) == set()


def test_an_approval_of_one_service_leaves_the_others() -> None:
    first = judge(None, gaps({"logs", "ssm"}), NEW, now=NOW)
    assert waits(judge(first, gaps({"logs", "ssm"}), SWEPT, now=NOW + HOUR, approved={"ssm": NOW})) == {("s", "logs")}


def test_a_policy_that_acts_leaves_nothing_waiting() -> None:
    assert waits(judge(FIRST, gaps({"logs"}), SWEPT, now=NOW + HOUR, at_once=frozenset({EVERYTHING}))) == set()


def test_what_was_asked_and_no_longer_is_waits_again_if_it_comes_back() -> None:
    dropped = judge(judge(None, gaps({"logs"}), SWEPT, now=NOW), gaps(set()), SWEPT, now=NOW + HOUR)
    assert waits(judge(dropped, gaps({"logs"}), SWEPT, now=NOW + 2 * HOUR)) == {("s", "logs")}


def test_thousands_of_subnets_that_are_alike_are_kept_together() -> None:
    ids = [f"subnet-{number}" for number in range(5000)]
    everything = dict.fromkeys(ids, frozenset(SERVICES))
    survey = judge(None, Gaps(everything, dict.fromkeys(ids, frozenset()), everything, {}), NEW, now=NOW)
    assert (len(survey.subnets), len(survey.waiting)) == (1, 10_000)


# ---- with plans of whole networks, over time


@dataclass
class Model:
    """What happens to a VPC, and which gaps may be made by now: those of paths that were seen and lost, or approved."""

    services: set[str] = field(default_factory=lambda: {"monitoring"})
    ids: set[str] = field(default_factory=lambda: {"subnet-a", "subnet-b"})
    open: set[str] = field(default_factory=set)

    def network(self) -> Vpc:
        zones = {"subnet-a": "us-east-1a", "subnet-b": "us-east-1b", "subnet-c": "us-east-1a"}
        subnets = [subnet(id_.removeprefix("subnet-"), zone=zones[id_]) for id_ in sorted(self.ids)]
        out = (LOCAL, default_route(TargetKind.TRANSIT_GATEWAY, "tgw-1"))
        return vpc(
            *subnets,
            RouteTable("rtb-main", True, frozenset(), (LOCAL,)),
            RouteTable("rtb-out", False, frozenset(self.open & self.ids), out),
        )


EVENTS = st.one_of(
    st.tuples(st.sampled_from(["open", "close", "make", "approve"]), st.sampled_from(SUBNETS)),
    st.tuples(st.just("ask"), st.sampled_from(SERVICES)),
)


def is_same(action: Action, other: Action) -> bool:
    return (action.kind, action.service) == (other.kind, other.service)


@given(st.lists(EVENTS, max_size=8), st.sets(st.sampled_from(SUBNETS[:2])))
def test_what_waits_is_never_made_and_what_is_lost_never_waits(events: list[tuple[str, str]], opened: set[str]) -> None:
    model, survey, epoch = Model(open=set(opened)), None, NEW
    was_open: set[str] = set()
    for number, (event, what) in enumerate([("sweep", ""), *events]):
        approved = {}
        lost = set()
        match event:
            case "open":
                model.open.add(what)
            case "close":
                lost = {what} & model.open & model.ids & was_open
                model.open.discard(what)
            case "make":
                model.ids.add(what)
            case "ask":
                model.services.add(what)
            case "approve":
                approved = {EVERYTHING: NOW + number * HOUR}
        network, now = model.network(), NOW + number * HOUR
        policy = Policy(rules=(PolicyRule(frozenset(model.services)),))
        wanted = desired(policy, network, classify_subnets(network), today=now.date())
        planned = plan(network, *sorted(model.services))
        found = find_gaps(planned, network, wanted)
        before: set[tuple[str, str]] = set(survey.waiting) if survey else set()
        survey = judge(survey, found, epoch, now=now, approved=approved, at_once=frozenset(approved))
        held = hold_backlog(planned, network, found, survey, PRICE)

        assert not approved or survey.waiting == set()
        assert not {subnet_id for subnet_id, _ in survey.waiting} & lost
        assert event in ("sweep", "ask", "open") or set(survey.waiting) <= before
        zones = {one.id: one.zone for one in network.subnets}
        for action in held.actions:
            mine = {id_ for id_, service in found.pairs if service == action.service}
            waiting = {id_ for id_, service in survey.waiting if service == action.service} & mine
            if action.service and mine and mine == waiting:
                assert action.blocked_by == BACKLOG
            if action.kind is ActionKind.CREATE_INTERFACE_ENDPOINT and mine - waiting:
                assert action.is_planned
                offered = next(
                    {zones[id_] for id_ in one.subnet_ids} for one in planned.actions if is_same(one, action)
                )
                # A service with an interface in one zone for all gets it there, whoever needs it.
                lacking = {zones[id_] for id_ in mine - waiting} & offered or offered
                assert {zones[id_] for id_ in action.subnet_ids} == lacking
        if not any(action.service and action.is_planned for action in held.actions):
            assert not held.has_work
        epoch, was_open = SWEPT, model.open & model.ids

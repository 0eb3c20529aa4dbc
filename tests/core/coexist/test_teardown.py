"""What goes out of a teardown's way, what stays, and what is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.coexist.teardown import (
    SUBNET_HANDS_OFF,
    VPC_HANDS_OFF,
    Attempt,
    Teardown,
    clear,
    freeze_for,
    held_subnets,
    is_news,
    judge,
    remembered,
    without,
)
from lifeline.core.guards.freeze import EVERYTHING, Freeze, FreezeKind
from lifeline.core.guards.kill_switch import KILL_SWITCH, ON
from lifeline.core.network.model import Endpoint, EndpointState, Interface, Vpc
from lifeline.core.notices.notice import Notice
from lifeline.core.notices.teardown import teardown_notice
from lifeline.core.plan.actions import REMOVALS, Action, ActionKind, Status
from lifeline.core.severity import Severity
from tests.support.builders import (
    MONITORING,
    OWNER,
    S3,
    VPC_ID,
    endpoint,
    gateway,
    own_security_group,
    plan,
    subnet,
    table,
    vpc,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
WHO = "deploy-role/terraform"
OURS = Interface("eni-1", "subnet-a", "vpc_endpoint", "VPC Endpoint Interface vpce-1")
THEIRS = Interface("eni-9", "subnet-b")
RETIRE, REMOVE, GROUP = ActionKind.RETIRE_ENDPOINT, ActionKind.REMOVE_SUBNETS, ActionKind.DELETE_SECURITY_GROUP


def of_vpc(at: datetime = NOW) -> Attempt:
    return Attempt(VPC_ID, at, WHO, "event-1")


def of_subnet(name: str = "a", at: datetime = NOW) -> Attempt:
    return Attempt(f"subnet-{name}", at, WHO, "event-2")


def served(*subnets: str) -> Vpc:
    """A VPC of two subnets with Lifeline's endpoints and group, and somebody else's gateway endpoint."""
    mine = endpoint(MONITORING, *(subnets or ("a",)))
    foreign = gateway("main", own=False, id="vpce-foreign")
    return vpc(
        subnet("a"), subnet("b", "us-east-1b"), mine, gateway("main", id="vpce-2"), foreign, own_security_group()
    )


def judged(network: Vpc, *attempts: Attempt, interfaces: tuple[Interface, ...] = (OURS,)) -> Teardown:
    return judge(network, attempts, interfaces, OWNER, now=NOW)


def brief(actions: tuple[Action, ...]) -> list[tuple[ActionKind, str, Status]]:
    return [(one.kind, one.endpoint_id or one.security_group_id, one.status) for one in actions]


# ---- what goes


def test_of_a_vpc_all_that_is_ours_goes_and_the_group_last() -> None:
    found = clear(served(), judged(served(), of_vpc()), OWNER)
    planned = Status.PLANNED
    assert brief(found) == [(RETIRE, "vpce-1", planned), (RETIRE, "vpce-2", planned), (GROUP, "sg-own", planned)]
    assert found[0].reason == f"{WHO} is deleting {VPC_ID}"


def test_of_a_subnet_only_the_interface_there_goes() -> None:
    network = served("a", "b")
    (action,) = clear(network, judged(network, of_subnet()), OWNER)
    assert (action.kind, action.endpoint_id, action.subnet_ids) == (REMOVE, "vpce-1", ("subnet-a",))


def test_an_endpoint_that_would_be_left_without_a_subnet_goes_itself() -> None:
    network = served("a", "b")
    for found in (
        clear(served("a"), judged(served("a"), of_subnet()), OWNER),
        clear(network, judged(network, of_subnet("a"), of_subnet("b")), OWNER),
    ):
        assert brief(found) == [(RETIRE, "vpce-1", Status.PLANNED)]


def test_an_endpoint_that_others_need_goes_to_another_subnet_first_or_stays_where_there_is_none() -> None:
    teardown = judged(served("a"), of_subnet())
    (moved,) = clear(served("a"), replace(teardown, moves={"vpce-1": ("subnet-b",)}), OWNER)
    assert (moved.kind, moved.subnet_ids, moved.status) == (ActionKind.ADD_SUBNETS, ("subnet-b",), Status.PLANNED)
    (stuck,) = clear(served("a"), replace(teardown, moves={"vpce-1": ()}), OWNER)
    assert (stuck.kind, stuck.subnet_ids, stuck.status) == (REMOVE, ("subnet-a",), Status.BLOCKED)


def test_where_others_are_it_stays_and_says_why() -> None:
    teardown = judged(served(), of_vpc(), interfaces=(OURS, THEIRS))
    assert teardown.in_use == ((of_vpc(), ("eni-9",)),)
    found = clear(served(), teardown, OWNER)
    assert {one.status for one in found} == {Status.BLOCKED}
    assert "won't remove anything" in found[0].error


def test_a_free_subnet_of_a_vpc_in_use_is_cleared_all_the_same() -> None:
    network = served("a", "b")
    teardown = judged(network, of_vpc(), of_subnet(), interfaces=(OURS, THEIRS))
    found = brief(clear(network, teardown, OWNER))
    assert found[0] == (REMOVE, "vpce-1", Status.PLANNED)
    assert {status for kind, _, status in found if kind is not REMOVE} == {Status.BLOCKED}
    assert (teardown.is_whole, teardown.is_idle) == (False, False)


@pytest.mark.parametrize(
    "interface",
    [
        Interface("eni-7", "subnet-a"),
        Interface("eni-7", "subnet-a", "vpc_endpoint", "VPC Endpoint Interface vpce-foreign"),
        Interface("eni-7", "subnet-a", "interface", "VPC Endpoint Interface vpce-1"),
        Interface("eni-7", "subnet-a", "nat_gateway"),
    ],
)
def test_every_interface_that_is_not_of_our_endpoints_counts_as_somebodys(interface: Interface) -> None:
    assert judged(served(), of_subnet(), interfaces=(interface,)).in_use == ((of_subnet(), ("eni-7",)),)


def test_an_interface_of_ours_is_known_by_the_endpoint_or_by_its_description() -> None:
    listed = vpc(subnet("a"), endpoint(MONITORING, "a", interface_ids=frozenset({"eni-5"})))
    assert judged(listed, of_vpc(), interfaces=(Interface("eni-5", "subnet-a"), OURS)).is_whole
    leaving = vpc(subnet("a"), endpoint(MONITORING, state=EndpointState.DELETING))
    assert judged(leaving, of_vpc()).is_whole


def test_an_attempt_counts_until_tools_have_given_up_and_only_where_the_resource_is_there() -> None:
    assert judged(served(), of_vpc(NOW - VPC_HANDS_OFF)).cleared == ()
    assert judged(served(), of_subnet(at=NOW - SUBNET_HANDS_OFF)).cleared == ()
    assert judged(served(), of_subnet("gone")).cleared == ()
    latest = of_vpc(NOW - timedelta(minutes=1))
    assert judged(served(), latest, of_vpc(NOW - timedelta(minutes=5))).cleared == (latest,)


@given(
    attempts=st.sets(st.sampled_from([of_vpc(), of_subnet("a"), of_subnet("b")])),
    homes=st.sets(st.sampled_from("ab")),
    others=st.sets(st.sampled_from([THEIRS, replace(THEIRS, id="eni-8", subnet_id="subnet-a")])),
)
def test_only_what_is_ours_is_touched_and_what_was_cleared_holds_nothing_of_ours(
    attempts: set[Attempt], homes: set[str], others: set[Interface]
) -> None:
    network = served(*homes) if homes else vpc(subnet("a"), subnet("b"), own_security_group())
    teardown = judged(network, *attempts, interfaces=(OURS, *others))
    found = clear(network, teardown, OWNER)
    assert all(one.kind in REMOVALS for one in found)
    assert {one.endpoint_id or one.security_group_id for one in found} <= {"vpce-1", "vpce-2", "sg-own"}
    after = applied(network, found)
    assert not any(one.subnet_ids & teardown.doomed for one in after.endpoints)
    assert clear(after, replace(teardown, in_use=()), OWNER) == ()
    used = {one.subnet_id for one in others}
    assert all(
        set(one.subnet_ids) & used == set() for one in found if one.status is Status.PLANNED and one.kind is REMOVE
    )


def applied(network: Vpc, actions: tuple[Action, ...]) -> Vpc:
    """The network once these are made."""
    made = [one for one in actions if one.status is Status.PLANNED]
    gone = {one.endpoint_id or one.security_group_id for one in made if one.kind is not REMOVE}
    left = {one.endpoint_id: frozenset(one.subnet_ids) for one in made if one.kind is REMOVE}
    endpoints = tuple(
        replace(one, subnet_ids=one.subnet_ids - left.get(one.id, frozenset()))
        for one in network.endpoints
        if one.id not in gone
    )
    groups = tuple(one for one in network.security_groups if one.id not in gone)
    return replace(network, endpoints=endpoints, security_groups=groups)


# ---- the others are served


def test_nothing_is_made_until_tools_have_given_up_on_all_that_is_cleared() -> None:
    found = judged(served(), of_vpc(), of_subnet(at=NOW + timedelta(minutes=1)))
    assert found.until == max(NOW + VPC_HANDS_OFF, NOW + timedelta(minutes=1) + SUBNET_HANDS_OFF)
    assert judged(served()).until is None


def test_without_a_doomed_subnet_the_plan_serves_the_rest_from_elsewhere() -> None:
    network = without(served("a"), {"subnet-a"}, OWNER)
    (made,) = [one for one in plan(network).actions if one.kind is ActionKind.CREATE_INTERFACE_ENDPOINT]
    assert made.subnet_ids == ("subnet-b",)


def test_without_a_doomed_subnet_an_endpoint_in_another_serves_on() -> None:
    assert plan(without(served("a", "b"), {"subnet-a"}, OWNER)).actions == ()


def test_others_endpoints_are_seen_as_they_are() -> None:
    foreign: Endpoint = endpoint(MONITORING, "a", own=False)
    network = vpc(subnet("a"), subnet("b"), foreign)
    assert without(network, {"subnet-a"}, OWNER).endpoints == (foreign,)
    assert without(network, set(), OWNER) is network


# ---- hands off


def test_a_vpcs_teardown_freezes_everything_for_an_hour_from_the_last_attempt() -> None:
    frozen = freeze_for(judged(served(), of_vpc()), {}, now=NOW)
    assert {key: one.until for key, one in frozen.items()} == dict.fromkeys((VPC_ID, EVERYTHING), NOW + VPC_HANDS_OFF)
    later = NOW + timedelta(minutes=10)
    again = judge(served(), [of_vpc(later)], [OURS], OWNER, now=later)
    renewed = freeze_for(again, frozen, now=later)[EVERYTHING]
    assert (renewed.since, renewed.until) == (NOW, later + VPC_HANDS_OFF)


def test_a_subnets_teardown_freezes_the_rest_only_while_nobody_is_there() -> None:
    assert set(freeze_for(judged(served(), of_subnet()), {}, now=NOW)) == {"subnet-a", EVERYTHING}
    used = judged(served(), of_subnet(), interfaces=(OURS, THEIRS))
    assert set(freeze_for(used, {}, now=NOW)) == {"subnet-a"}


def test_who_comes_later_ends_the_freeze_without_a_word() -> None:
    frozen = freeze_for(judged(served(), of_vpc()), {}, now=NOW)
    known = list(remembered(frozen, now=NOW))
    assert known == [of_vpc()]
    teardown = judge(served(), [], [OURS, THEIRS], OWNER, now=NOW, known=known)
    assert (teardown.cleared, teardown.in_use) == ((), ())
    assert freeze_for(teardown, frozen, now=NOW) == {}


def test_freezes_of_other_kinds_stay_as_they_are() -> None:
    hand = {EVERYTHING: Freeze(FreezeKind.MANUAL, NOW, "a person asked for it")}
    assert freeze_for(judged(served(), of_vpc()), hand, now=NOW)[EVERYTHING] == hand[EVERYTHING]
    used = judged(served(), of_vpc(), interfaces=(THEIRS,))
    assert freeze_for(used, hand, now=NOW) == hand


def test_between_two_subnets_of_a_destroy_everything_stays_frozen() -> None:
    frozen = freeze_for(judged(served(), of_subnet()), {}, now=NOW)
    rest = replace(served("b"), subnets=(subnet("b"),))
    between = judge(rest, [], [], OWNER, now=NOW, known=remembered(frozen, now=NOW))
    assert set(freeze_for(between, frozen, now=NOW)) == {EVERYTHING}
    ended = NOW + SUBNET_HANDS_OFF
    assert freeze_for(judge(rest, [], [], OWNER, now=ended), frozen, now=ended) == {}


# ---- what is told


def test_it_is_news_once_and_again_when_something_is_done() -> None:
    teardown = judged(served(), of_vpc())
    planned = clear(served(), teardown, OWNER)
    done = tuple(replace(one, status=Status.DONE) for one in planned)
    failed = tuple(replace(one, status=Status.FAILED) for one in planned)
    notified: dict[str, datetime | None] = {f"{VPC_ID} cleared": NOW}
    assert is_news(teardown, done, notified, NOW, is_plan=False)
    assert is_news(teardown, planned, {}, NOW, is_plan=True)
    assert is_news(teardown, (), {f"{VPC_ID} cleared": None}, NOW, is_plan=False)
    assert is_news(teardown, failed, notified, NOW, is_plan=False)
    assert not is_news(teardown, failed, {**notified, "failed": NOW}, NOW, is_plan=False)
    assert not is_news(teardown, planned, {}, NOW, is_plan=False)
    assert not is_news(teardown, planned, notified, NOW, is_plan=True)
    assert not is_news(teardown, (), {}, NOW, is_plan=False)


def notice(teardown: Teardown, *, status: Status, is_plan: bool = False, blocked_by: str = "") -> Notice:
    actions = [
        replace(one, status=status if one.status is Status.PLANNED else one.status, blocked_by=blocked_by)
        for one in clear(served(), teardown, OWNER)
    ]
    found = teardown_notice(served(), teardown, actions, OWNER, is_plan=is_plan)
    assert found.text.isascii()
    assert all(len(line) <= 80 for line in found.text.split("\n"))
    assert (found.kind, found.vpc_id, len(found.subject) <= 100) == ("teardown", VPC_ID, True)
    return found


def flat(lines: tuple[str, ...]) -> str:
    return " ".join(" ".join(lines).split())


def test_a_notice_says_who_deletes_what_went_what_else_is_there_and_until_when() -> None:
    found = notice(judged(served(), of_vpc()), status=Status.DONE)
    assert found.severity is Severity.INFO
    assert f"{WHO} tried to delete {VPC_ID} at 2026-03-02 09:00:00 UTC" in flat(found.happened)
    assert "- monitoring: deleted endpoint vpce-1" in flat(found.done)
    assert "might block the deletion: vpce-foreign, subnet-a, subnet-b." in flat(found.next)
    assert f"won't create anything in {VPC_ID} until 2026-03-02 10:00:00 UTC" in flat(found.next)
    assert "event-1" in flat(found.ids)
    assert found.facts["removed"] == ["vpce-1", "vpce-2", "sg-own"]


def test_a_notice_names_the_first_three_interfaces_that_stand_in_the_way() -> None:
    others = tuple(replace(THEIRS, id=f"eni-{number}") for number in range(5))
    found = notice(judged(served(), of_vpc(), interfaces=others), status=Status.PLANNED)
    assert found.severity is Severity.WARNING
    assert f"eni-0, eni-1, eni-2 and 2 more in {VPC_ID} are not Lifeline's" in flat(found.why)
    assert "! monitoring: delete endpoint vpce-1" in flat(found.done)


def test_a_notice_says_what_was_only_planned_failed_or_held_back() -> None:
    teardown = judged(served(), of_vpc())
    planned = flat(notice(teardown, status=Status.PLANNED, is_plan=True).done)
    assert planned.startswith("The stack is in plan mode, so nothing was changed. - delete security group sg-own")
    assert "- monitoring: delete endpoint vpce-1" in planned
    failed = notice(teardown, status=Status.FAILED)
    assert (failed.severity, "! monitoring: delete endpoint vpce-1" in flat(failed.done)) == (Severity.CRITICAL, True)
    held = tuple(one.held(KILL_SWITCH, ON) for one in clear(served(), teardown, OWNER))
    found = teardown_notice(served(), teardown, held, OWNER, is_plan=False)
    assert f"blocked: {ON}" in flat(found.done)


def test_a_group_of_a_service_gateway_only_vpc_goes_too() -> None:
    network = vpc(subnet("a"), table(), gateway("main", id="vpce-2", service_name=S3), own_security_group())
    assert [one.kind for one in clear(network, judged(network, of_vpc()), OWNER)] == [RETIRE, GROUP]


ONE_HOUR = timedelta(hours=1)
CLEARED = f"{VPC_ID} cleared"


@pytest.mark.parametrize(
    ("statuses", "notified", "is_plan", "is_told"),
    [
        ((), {}, False, False),
        ((), {CLEARED: NOW - ONE_HOUR}, False, False),
        ((), {CLEARED: None}, False, True),
        ((), {"subnet-z cleared": None}, False, False),
        ((Status.PLANNED,), {}, False, False),
        ((Status.PLANNED,), {}, True, True),
        ((Status.PLANNED, Status.BLOCKED), {}, False, True),
        ((Status.BLOCKED,), {CLEARED: NOW}, False, False),
        ((Status.BLOCKED,), {CLEARED: NOW - ONE_HOUR + timedelta(seconds=1)}, False, False),
        ((Status.BLOCKED,), {CLEARED: NOW - ONE_HOUR}, False, True),
        ((Status.BLOCKED,), {CLEARED: None}, False, True),
        ((Status.BLOCKED, Status.FAILED), {CLEARED: NOW}, False, True),
        ((Status.BLOCKED, Status.DONE), {CLEARED: NOW}, False, True),
    ],
)
def test_what_was_told_within_the_hour_or_is_yet_to_be_tried_is_no_news(
    statuses: tuple[Status, ...], notified: dict[str, datetime | None], *, is_plan: bool, is_told: bool
) -> None:
    actions = [Action(RETIRE, "why", status=status) for status in statuses]
    assert is_news(judged(served(), of_vpc()), actions, notified, NOW, is_plan=is_plan) is is_told


def test_runs_continue_from_what_teardowns_froze_and_from_nothing_else() -> None:
    held = Freeze(FreezeKind.TEARDOWN, NOW, "why", WHO, "event-1", NOW + VPC_HANDS_OFF)
    ended = replace(held, until=NOW)
    frozen = {
        VPC_ID: held,
        EVERYTHING: held,
        "subnet-a": replace(held, until=NOW + SUBNET_HANDS_OFF, event_id="event-2"),
        "subnet-b": ended,
        "monitoring": replace(held, kind=FreezeKind.CLAIM),
        "logs": replace(held, until=None),
    }
    assert list(remembered(frozen, now=NOW)) == [of_vpc(), of_subnet()]


def test_a_renewed_freeze_is_no_shorter_than_the_one_before() -> None:
    """A subnet's attempt holds for less time than the VPC's that came before it."""
    frozen = freeze_for(judged(served(), of_vpc()), {}, now=NOW)
    later = NOW + timedelta(minutes=1)
    again = judge(served(), [of_subnet(at=later)], [OURS], OWNER, now=later)
    found = freeze_for(again, frozen, now=later)
    assert (found[EVERYTHING].until, found["subnet-a"].until) == (NOW + VPC_HANDS_OFF, later + SUBNET_HANDS_OFF)
    assert VPC_ID not in found


def test_a_freeze_of_another_kind_that_has_ended_is_not_continued() -> None:
    claim = Freeze(FreezeKind.CLAIM, NOW - ONE_HOUR, "theirs", until=NOW + ONE_HOUR)
    found = freeze_for(judged(served(), of_subnet()), {"subnet-a": claim}, now=NOW)
    assert (found["subnet-a"].kind, found["subnet-a"].since) == (FreezeKind.TEARDOWN, NOW)


def test_only_subnets_whose_endpoint_has_no_place_elsewhere_are_held() -> None:
    network = vpc(subnet("a"), subnet("b"), endpoint(MONITORING, "a", "b"), endpoint(S3, "b", id="vpce-2"))
    teardown = judged(network, of_subnet())
    assert held_subnets(network, replace(teardown, moves={"vpce-1": (), "vpce-2": ()})) == {"subnet-a"}
    assert held_subnets(network, replace(teardown, moves={"vpce-1": ("subnet-c",)})) == set()
    assert held_subnets(network, replace(teardown, moves={})) == set()


def test_an_endpoint_that_stays_is_seen_as_it_is() -> None:
    network = served("a")
    assert without(network, {"subnet-a"}, OWNER, staying={"vpce-1"}).endpoints == network.endpoints
    (left, *_) = without(served("a", "b"), {"subnet-a"}, OWNER).endpoints
    assert (left.subnet_ids, left.state) == (frozenset({"subnet-b"}), EndpointState.AVAILABLE)
    (gone, *_) = without(served("a"), {"subnet-a"}, OWNER).endpoints
    assert (gone.subnet_ids, gone.state) == (frozenset(), EndpointState.DELETING)

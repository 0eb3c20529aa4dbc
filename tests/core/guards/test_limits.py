"""How much passes unasked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.guards.limits import (
    DAY,
    UNSEEN,
    Admission,
    Grant,
    Usage,
    admit,
    counted_interfaces,
    delete,
    heaviest,
    own_interfaces,
    refund,
    see,
)
from lifeline.core.plan.actions import Action, ActionKind, Plan, ServiceState, Status, Urgency
from lifeline.core.plan.cost import monthly_cost_usd, price_in
from lifeline.core.plan.order import Step
from lifeline.core.policy.policy import Limits, Shares
from tests.support.builders import MONITORING, endpoint, gateway, subnet, vpc
from tests.support.builders import plan as plan_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PRICE = price_in("us-east-1")  # 7.30 USD a month an interface
FREE = Limits(999, 999, 999, 999, Decimal(10**6), Decimal(10**6))


def create(service: str = "monitoring", *subnets: str, token: str = "") -> Action:
    return Action(
        ActionKind.CREATE_INTERFACE_ENDPOINT,
        "it is missing",
        service=service,
        service_name=f"com.amazonaws.us-east-1.{service}",
        subnet_ids=subnets or ("subnet-a",),
        client_token=token or f"token-{service}-{'-'.join(subnets)}",
        security_group_id="sg-own",
    )


def repair() -> Action:
    return Action(
        ActionKind.OPEN_SECURITY_GROUP, "a block is not let in", cidrs=("10.1.0.0/16",), security_group_id="sg-own"
    )


def plans(**actions: tuple[Action, ...]) -> dict[str, Plan]:
    return {f"vpc-{name}": Plan(f"vpc-{name}", (), some) for name, some in actions.items()}


def request(wanted: dict[str, Plan], limits: Limits, use: Usage | None = None, **more: object) -> Admission:
    owned = dict.fromkeys(wanted, frozenset[str]()) | more.pop("owned", {})  # type: ignore[operator]
    given = {"now": NOW, **more}
    return admit(wanted, use or Usage(), owned, limits, PRICE, **given)  # type: ignore[arg-type]


def statuses(found: Admission) -> dict[str, list[str]]:
    return {vpc_id: [str(one.status) for one in plan.actions] for vpc_id, plan in found.plans.items()}


def holders(found: Admission) -> list[str]:
    return [one.blocked_by for plan in found.plans.values() for one in plan.actions]


@pytest.mark.parametrize(
    ("limits", "by", "words"),
    [
        ({"endpoints_per_run": 1}, "endpoints_per_run", "1 of 1 endpoints (endpoints_per_run) used in this run"),
        (
            {"endpoints_per_day": 1},
            "endpoints_per_day",
            "1 of 1 endpoints (endpoints_per_day) used in the last 24 hours",
        ),
        ({"vpcs_per_run": 1}, "vpcs_per_run", "1 of 1 VPCs (vpcs_per_run) used in this run"),
        ({"vpcs_per_day": 1}, "vpcs_per_day", "1 of 1 VPCs (vpcs_per_day) used in the last 24 hours"),
        (
            {"monthly_usd": Decimal(10)},
            "monthly_usd",
            "7.30 USD more per month would exceed monthly_usd (7.30 of 10.00 USD in use)",
        ),
    ],
)
def test_what_goes_past_a_limit_is_blocked_with_its_name_value_and_use(
    limits: dict[str, object], by: str, words: str
) -> None:
    found = request(plans(a=(create(),), b=(create(token="other"),)), replace(FREE, **limits))  # type: ignore[arg-type]
    assert statuses(found) == {"vpc-a": ["planned"], "vpc-b": ["blocked"]}
    assert holders(found) == ["", by]
    (held,) = found.held("vpc-b")
    assert held.error.startswith("needs approval: ")
    assert words in held.error


def test_a_vpcs_own_budget_counts_what_lifeline_has_there_already() -> None:
    limits = replace(FREE, monthly_usd_per_vpc=Decimal(15))
    wanted = plans(a=(create("logs", "subnet-a"),), b=(create("logs", "subnet-b"),))
    there = frozenset({"com.amazonaws.us-east-1.monitoring subnet-a", "com.amazonaws.us-east-1.ec2 subnet-a"})
    found = request(wanted, limits, owned={"vpc-a": there})
    assert holders(found) == ["monthly_usd_per_vpc", ""]
    assert "(14.60 of 15.00 USD in use in this VPC)" in found.held("vpc-a")[0].error


def test_what_costs_nothing_and_makes_no_endpoint_passes_a_budget_that_is_spent() -> None:
    spent = replace(FREE, monthly_usd=Decimal(0), endpoints_per_day=0)
    gateway_action = replace(create("s3"), kind=ActionKind.CREATE_GATEWAY_ENDPOINT, subnet_ids=())
    assert holders(request(plans(a=(repair(),)), spent)) == [""]
    assert holders(request(plans(a=(gateway_action,)), replace(spent, endpoints_per_day=1))) == [""]
    assert holders(request(plans(a=(gateway_action,)), spent)) == ["endpoints_per_day"]


def test_a_second_zone_costs_but_is_no_new_endpoint() -> None:
    spread = Action(ActionKind.ADD_SUBNETS, "a zone", service_name=MONITORING, subnet_ids=("subnet-b",))
    assert holders(request(plans(a=(spread,)), replace(FREE, endpoints_per_day=0))) == [""]
    assert holders(request(plans(a=(spread,)), replace(FREE, monthly_usd=Decimal(7)))) == ["monthly_usd"]


def test_one_that_replaces_a_failed_endpoint_costs_what_that_cost() -> None:
    action = replace(create("monitoring", "subnet-a"), kind=ActionKind.REPLACE_ENDPOINT)
    owned = {"vpc-a": frozenset({f"{MONITORING} subnet-a"})}
    assert holders(request(plans(a=(action,)), replace(FREE, monthly_usd=Decimal(7)), owned=owned)) == [""]
    assert holders(request(plans(a=(action,)), replace(FREE, endpoints_per_run=0), owned=owned)) == [
        "endpoints_per_run"
    ]


def test_something_that_fits_passes_behind_something_that_does_not() -> None:
    wide = create("logs", "subnet-a", "subnet-b", "subnet-c")
    found = request(plans(a=(wide, create("monitoring"))), replace(FREE, monthly_usd=Decimal(8)))
    assert statuses(found) == {"vpc-a": ["blocked", "planned"]}
    assert found.plans["vpc-a"].monthly_cost_usd == Decimal("7.30")


def test_the_plans_cost_and_services_say_what_is_left_of_it() -> None:
    wanted = plan_of(vpc(subnet("a")), "monitoring")
    found = admit({wanted.vpc_id: wanted}, Usage(), {wanted.vpc_id: frozenset()}, Limits(0), PRICE, now=NOW)
    held = found.plans[wanted.vpc_id]
    assert wanted.monthly_cost_usd == Decimal("7.30")
    assert held.monthly_cost_usd == 0
    assert [one.state for one in held.services] == [ServiceState.BLOCKED]
    assert not held.has_work


def test_a_security_group_passes_with_an_endpoint_that_takes_it_and_is_held_back_with_all_of_them() -> None:
    wanted = plan_of(vpc(subnet("a")), "monitoring", "ec2")
    assert wanted.actions[0].kind is ActionKind.CREATE_SECURITY_GROUP
    owned = {wanted.vpc_id: frozenset[str]()}
    one = admit({wanted.vpc_id: wanted}, Usage(), owned, replace(FREE, endpoints_per_run=1), PRICE, now=NOW)
    none = admit({wanted.vpc_id: wanted}, Usage(), owned, replace(FREE, endpoints_per_run=0), PRICE, now=NOW)
    assert statuses(one)[wanted.vpc_id] == ["planned", "planned", "blocked"]
    assert statuses(none)[wanted.vpc_id] == ["blocked"] * 3


def test_dns_attributes_are_turned_on_for_an_endpoint_that_is_there_but_not_for_one_that_is_held_back() -> None:
    here, none = replace(FREE, endpoints_per_run=0), {"dns_hostnames": False}
    missing = plan_of(vpc(subnet("a"), **none), fix_dns=True)
    there = plan_of(vpc(subnet("a"), endpoint(MONITORING, "a"), **none), "monitoring", "ec2", fix_dns=True)
    for wanted, expected in ((missing, {Status.BLOCKED}), (there, {Status.PLANNED, Status.BLOCKED})):
        owned = {wanted.vpc_id: frozenset[str]()}
        found = admit({wanted.vpc_id: wanted}, Usage(), owned, here, PRICE, now=NOW).plans[wanted.vpc_id]
        assert {one.status for one in found.actions if one.kind is ActionKind.FIX_DNS} == expected


def test_what_is_waived_passes_whatever_the_limits_say_and_counts() -> None:
    wanted = plans(a=(create(),), b=(create(token="b"),))
    found = request(wanted, replace(FREE, endpoints_per_run=1), waived=frozenset({Step("vpc-b", 0)}))
    assert statuses(found) == {"vpc-a": ["blocked"], "vpc-b": ["planned"]}
    assert [one.token for one in found.use.grants] == ["b"]


def test_giving_something_up_is_limited_by_nothing_and_counts_as_nothing() -> None:
    given_up = Action(kind=ActionKind.RETIRE_ENDPOINT, reason="nothing requires it", endpoint_id="vpce-1")
    nothing = Limits(endpoints_per_run=0, endpoints_per_day=0, vpcs_per_run=0, vpcs_per_day=0)
    found = request(plans(a=(given_up,), b=(create(),)), nothing)
    assert statuses(found) == {"vpc-a": ["planned"], "vpc-b": ["blocked"]}
    assert found.granted == ()


def test_a_day_later_there_is_room_again() -> None:
    limits = replace(FREE, endpoints_per_day=1)
    use = request(plans(a=(create(),)), limits).use
    wanted = plans(b=(create(token="b"),))
    assert holders(request(wanted, limits, use, now=NOW + DAY - timedelta(seconds=1))) == ["endpoints_per_day"]
    assert holders(request(wanted, limits, use, now=NOW + DAY)) == [""]


def test_the_same_endpoint_tried_again_takes_no_second_place() -> None:
    limits = replace(FREE, endpoints_per_day=1, vpcs_per_day=1)
    use = request(plans(a=(create(),)), limits).use
    assert holders(request(plans(a=(create(),)), limits, use, now=NOW + timedelta(minutes=1))) == [""]


def test_what_a_look_does_not_show_yet_costs_nevertheless_until_it_must_be_there() -> None:
    use = request(plans(a=(create(),)), FREE).use
    nothing = {"vpc-a": frozenset[str]()}
    assert see(use, nothing, now=NOW + UNSEEN - timedelta(seconds=1)).interfaces == {"vpc-a": 1}
    assert see(use, nothing, now=NOW + UNSEEN).interfaces == {}
    shown = {"vpc-a": frozenset({f"{MONITORING} subnet-a"})}
    assert see(use, shown, now=NOW + timedelta(minutes=1)).interfaces == {"vpc-a": 1}


def test_a_look_at_the_region_forgets_vpcs_that_are_gone() -> None:
    use = Usage((), {"vpc-a": 3, "vpc-b": 2})
    seen = {"vpc-a": frozenset({"x subnet-1"})}
    assert see(use, seen, now=NOW).interfaces == {"vpc-a": 1, "vpc-b": 2}
    assert see(use, seen, now=NOW, is_region=True).interfaces == {"vpc-a": 1}


def test_what_came_to_nothing_is_given_back() -> None:
    found = request(plans(a=(create(), create("logs"))), FREE)
    (_, first), (_, second) = found.granted
    left = refund(found.use, [second], {"vpc-a": frozenset()}, now=NOW)
    assert left == Usage((first,), {"vpc-a": 1})


def test_only_lifelines_own_interfaces_are_its_cost() -> None:
    own = endpoint(MONITORING, "a", "b")
    theirs = endpoint("theirs", "a", own=False, id="vpce-2")
    claimed = replace(endpoint("claimed", "a", id="vpce-3"), on_record=False)
    network = vpc(subnet("a"), own, theirs, claimed, gateway("main", id="vpce-4"))
    assert own_interfaces(network) == {f"{MONITORING} subnet-a", f"{MONITORING} subnet-b"}


def test_an_endpoint_whose_tag_someone_removed_counts_as_it_did() -> None:
    network = vpc(subnet("a"), replace(endpoint(MONITORING, "a"), tags=()))
    assert counted_interfaces(network) == own_interfaces(network) == {f"{MONITORING} subnet-a"}


def test_what_others_added_is_a_cost_that_does_not_count() -> None:
    grown = replace(endpoint(MONITORING, "a", "b"), added_subnet_ids=frozenset({"subnet-b"}))
    alike = endpoint("logs", "b", id="vpce-2")
    network = vpc(subnet("a"), subnet("b"), grown, alike)
    assert own_interfaces(network) == {f"{MONITORING} subnet-a", f"{MONITORING} subnet-b", "logs subnet-b"}
    assert counted_interfaces(network) == {f"{MONITORING} subnet-a", "logs subnet-b"}


runs = st.lists(
    st.tuples(
        st.integers(0, 30 * 60),  # minutes since the run before
        st.dictionaries(
            st.sampled_from("abcde"),
            st.lists(st.tuples(st.sampled_from(["x", "y", "z", ""]), st.integers(1, 3)), max_size=4, unique=True),
            max_size=5,
        ),
    ),
    max_size=12,
)
small = st.builds(
    Limits,
    st.integers(0, 4),
    st.integers(0, 6),
    st.integers(0, 3),
    st.integers(0, 4),
    st.integers(0, 40).map(Decimal),
    st.integers(0, 80).map(Decimal),
)


def action_of(service: str, zones: int, place: int) -> Action:
    if not service:
        return replace(repair(), cidrs=(f"10.{place}.0.0/16",))
    subnets = tuple(f"subnet-{number}" for number in range(zones))
    return create(f"{service}{place}", *subnets, token=f"{service}{place}-{zones}")


@given(limits=small, sequence=runs)
def test_in_no_run_and_in_no_24_hours_does_more_pass_than_the_limits_let(
    limits: Limits, sequence: list[tuple[int, dict[str, list[tuple[str, int]]]]]
) -> None:
    use, now = Usage(), NOW
    owned = {f"vpc-{name}": frozenset[str]() for name in "abcde"}
    passed: list[tuple[datetime, str, str]] = []
    for place, (minutes, requirements) in enumerate(sequence):
        now += timedelta(minutes=minutes)
        wanted = plans(**{name: tuple(action_of(*one, place) for one in some) for name, some in requirements.items()})
        found = admit(wanted, use, {one: owned[one] for one in wanted}, limits, PRICE, now=now)
        for vpc_id, plan in found.plans.items():
            assert [replace(one, status=Status.PLANNED, error="", blocked_by="") for one in plan.actions] == list(
                wanted[vpc_id].actions
            )  # what passes and what is blocked is the plan
            for one in plan.actions:
                assert (one.status is Status.BLOCKED) == bool(one.blocked_by and one.error)
                if one.status is Status.PLANNED:
                    passed.append((now, vpc_id, one.client_token))
                    owned[vpc_id] |= {f"{one.service_name} {subnet_id}" for subnet_id in one.subnet_ids}
        assert len({token for _, _, token in found_in(found)}) <= limits.endpoints_per_run
        assert len({vpc_id for _, vpc_id, _ in found_in(found, all_kinds=True)}) <= limits.vpcs_per_run
        day = [one for one in passed if one[0] > now - DAY]
        assert len({token for _, _, token in day if token}) <= limits.endpoints_per_day
        assert len({vpc_id for _, vpc_id, _ in day}) <= limits.vpcs_per_day
        assert all(monthly_cost_usd(len(one), PRICE) <= limits.monthly_usd_per_vpc for one in owned.values())
        assert monthly_cost_usd(sum(map(len, owned.values())), PRICE) <= limits.monthly_usd
        use = found.use


def found_in(found: Admission, *, all_kinds: bool = False) -> list[tuple[datetime, str, str]]:
    grants = [grant for _, grant in found.granted]
    return [(one.at, one.vpc_id, one.token) for one in grants if one.token or all_kinds]


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_in_which_vpcs_come_makes_no_difference(order: list[str]) -> None:
    wanted = plans(**{name: (create(token=name),) for name in order})
    assert statuses(request(wanted, replace(FREE, endpoints_per_run=2))) == {
        "vpc-a": ["planned"],
        "vpc-b": ["planned"],
        "vpc-c": ["blocked"],
        "vpc-d": ["blocked"],
    }


def test_grants_of_the_same_thing_are_kept_once_and_a_day() -> None:
    old, again = Grant("vpc-a", NOW), Grant("vpc-a", NOW + timedelta(hours=5))
    assert see(Usage((old, again)), {}, now=NOW + timedelta(hours=6)).grants == (again,)
    assert see(Usage((old,)), {}, now=NOW + timedelta(hours=26)).grants == ()


def test_what_was_in_a_vpc_that_is_gone_counts_no_more_but_the_day_stays_as_it_was() -> None:
    use = Usage((Grant("vpc-1", NOW, "token"),), {"vpc-1": 2, "vpc-2": 1})
    assert delete(use, ["vpc-1", "vpc-3"]) == Usage(use.grants, {"vpc-2": 1})


# ---- shares of the limits


def as_urgent(action: Action, urgency: Urgency = Urgency.URGENT) -> Action:
    return replace(action, urgency=urgency)


def many(count: int, urgency: Urgency = Urgency.OTHER) -> dict[str, Plan]:
    """So many VPCs that ask for one endpoint each."""
    return plans(**{f"{number:03}": (as_urgent(create(token=f"t{number}"), urgency),) for number in range(count)})


@pytest.mark.parametrize(
    ("urgency", "passing", "words"),
    [
        (Urgency.TAGGED, 10, "; the last 10 are reserved for VPCs that lost their path or have silent agents"),
        (Urgency.OTHER, 10, "; the last 10 are reserved for VPCs that lost their path or have silent agents"),
        (Urgency.RECENT, 15, "; the last 5 are reserved for VPCs whose path Lifeline had known for longer"),
        (Urgency.URGENT, 20, "20 of 20 endpoints (endpoints_per_day) used in the last 24 hours"),
    ],
)
@pytest.mark.parametrize(
    ("limit", "by"),
    [
        ({"endpoints_per_day": 20}, "endpoints_per_day"),
        ({"vpcs_per_day": 20}, "vpcs_per_day"),
        ({"monthly_usd": Decimal(146)}, "monthly_usd"),
    ],
)
def test_the_more_urgent_the_more_of_a_limit_may_be_used(
    limit: dict[str, Any], by: str, urgency: Urgency, passing: int, words: str
) -> None:
    found = request(many(30, urgency), replace(FREE, **limit))
    assert sum(plan.has_work for plan in found.plans.values()) == passing
    assert set(holders(found)) == {"", by}
    if by == "endpoints_per_day":
        assert words in found.held("vpc-029")[0].error


def test_the_refusal_of_a_budget_says_how_much_of_it_is_reserved() -> None:
    found = request(many(30), replace(FREE, monthly_usd=Decimal(150)))
    assert found.held("vpc-029")[0].error == (
        "needs approval: 7.30 USD more per month would exceed monthly_usd (73.00 of 150.00 USD in use; "
        "the last 73.00 USD are reserved for VPCs that lost their path or have silent agents)"
    )


def test_a_limit_of_one_has_no_reserve() -> None:
    limits = replace(FREE, endpoints_per_day=1, vpcs_per_day=1, monthly_usd=Decimal("7.30"))
    assert [plan.has_work for plan in request(many(2), limits).plans.values()] == [True, False]


def test_the_urgent_pass_first_whatever_is_asked_for_with_them() -> None:
    wanted = many(4) | plans(z=(as_urgent(create(token="z")),))
    for limit in ({"endpoints_per_run": 1}, {"vpcs_per_run": 1}, {"endpoints_per_day": 1}, {"vpcs_per_day": 1}):
        found = request(wanted, replace(FREE, **limit))  # type: ignore[arg-type]
        assert [vpc_id for vpc_id, plan in found.plans.items() if plan.has_work] == ["vpc-z"]


def test_one_vpc_takes_no_more_than_its_share_of_the_days_endpoints_unless_that_is_urgent() -> None:
    wanted = plans(a=tuple(create(f"s{number}") for number in range(8)), b=(create("b"),))
    limits = replace(FREE, endpoints_per_day=16)
    found = request(wanted, limits)
    assert statuses(found) == {"vpc-a": ["planned"] * 4 + ["blocked"] * 4, "vpc-b": ["planned"]}
    assert found.held("vpc-a")[0].error == (
        "needs approval: 4 of the 4 endpoints that one VPC may use of 16 (endpoints_per_day) used in the last 24 hours"
    )
    later = request(wanted, limits, found.use, now=NOW + timedelta(hours=1))
    assert statuses(later) == statuses(found)  # the same four again take no other place
    urgent = plans(a=tuple(as_urgent(action) for action in wanted["vpc-a"].actions))
    assert statuses(request(urgent, limits)) == {"vpc-a": ["planned"] * 8}


def test_in_a_vpc_what_only_tags_ask_for_leaves_half_of_its_budget_to_the_rules() -> None:
    limits = replace(FREE, monthly_usd_per_vpc=Decimal(73))
    tagged = tuple(as_urgent(create(f"s{number}"), Urgency.TAGGED) for number in range(8))
    found = request(plans(a=(*tagged, create("monitoring"))), limits)
    assert statuses(found) == {"vpc-a": ["planned"] * 4 + ["blocked"] * 4 + ["planned"]}
    assert "; the last 36.50 USD are reserved for what the policy's rules ask for" in found.held("vpc-a")[0].error


def test_the_policy_may_reserve_nothing() -> None:
    shares = Shares(reserved_percent=0, vpc_percent=100)
    found = request(many(20), replace(FREE, endpoints_per_day=20, vpcs_per_day=20), shares=shares)
    assert all(plan.has_work for plan in found.plans.values())


def test_where_no_path_was_known_for_long_nothing_of_the_reserve_is_kept_for_such() -> None:
    limits = replace(FREE, endpoints_per_day=20)
    found = request(many(30, Urgency.RECENT), limits, shares=Shares(proven_percent=0))
    assert sum(plan.has_work for plan in found.plans.values()) == 20


def test_the_three_vpcs_that_use_most_of_a_limit_are_named() -> None:
    grants = tuple(
        Grant(f"vpc-{name}", NOW - timedelta(hours=age), f"{name}{number}")
        for name, count, age in (("a", 1, 1), ("b", 4, 1), ("c", 2, 1), ("d", 3, 1), ("e", 9, 24))
        for number in range(count)
    )
    use = Usage((*grants, Grant("vpc-b", NOW)), {"vpc-a": 2, "vpc-b": 12})
    endpoints = (
        "vpc-b (4 endpoints in the last 24 hours), vpc-d (3 endpoints in the last 24 hours) and vpc-c "
        "(2 endpoints in the last 24 hours)"
    )
    assert heaviest("endpoints_per_day", use, PRICE, now=NOW) == f"biggest users of endpoints_per_day: {endpoints}"
    assert heaviest("vpcs_per_day", use, PRICE, now=NOW) == f"biggest users of vpcs_per_day: {endpoints}"
    assert heaviest("monthly_usd", use, PRICE, now=NOW) == (
        "biggest users of monthly_usd: vpc-b (87.60 USD per month) and vpc-a (14.60 USD per month)"
    )
    assert heaviest("monthly_usd", Usage(), PRICE, now=NOW) == ""
    for name in ("monthly_usd_per_vpc", "endpoints_per_run", "vpcs_per_run", "the kill switch", ""):
        assert heaviest(name, use, PRICE, now=NOW) == ""


shared = st.builds(Shares, st.integers(0, 90), st.integers(1, 100), st.sampled_from([0, 50]))
loud = st.lists(
    st.dictionaries(
        st.sampled_from("abcdefgh"),
        st.lists(st.tuples(st.sampled_from(["x", "y", "z", ""]), st.integers(1, 3)), max_size=4, unique=True),
        max_size=8,
    ),
    max_size=6,
)
daily = st.builds(
    Limits,
    st.just(999),
    st.integers(0, 30),
    st.just(999),
    st.integers(0, 12),
    st.just(Decimal(10**6)),
    st.integers(0, 300).map(Decimal),
)


@given(limits=daily, shares=shared, asked=loud, urgency=st.sampled_from([Urgency.TAGGED, Urgency.OTHER]))
def test_whatever_was_asked_for_before_what_is_urgent_and_fits_in_the_reserve_passes(
    limits: Limits, shares: Shares, asked: list[dict[str, list[tuple[str, int]]]], urgency: Urgency
) -> None:
    use, owned = Usage(), dict.fromkeys((f"vpc-{name}" for name in "abcdefgh"), frozenset[str]())
    passed: set[str] = set()
    for place, requirements in enumerate(asked):
        wanted = plans(
            **{
                name: tuple(as_urgent(action_of(*one, place), urgency) for one in some)
                for name, some in requirements.items()
            }
        )
        found = admit(wanted, use, {one: owned[one] for one in wanted}, limits, PRICE, now=NOW, shares=shares)
        for vpc_id, plan in found.plans.items():
            for one in plan.actions:
                if one.status is Status.PLANNED:
                    passed.add(one.client_token)
                    owned[vpc_id] |= {f"{one.service_name} {subnet_id}" for subnet_id in one.subnet_ids}
        use = found.use
    interfaces = int(limits.monthly_usd / Decimal("7.30"))
    reserved = [
        most * shares.reserved_percent // 100 for most in (limits.endpoints_per_day, limits.vpcs_per_day, interfaces)
    ]
    assert len(passed - {""}) <= limits.endpoints_per_day - reserved[0]
    assert len({grant.vpc_id for grant in use.grants}) <= limits.vpcs_per_day - reserved[1]
    assert sum(map(len, owned.values())) <= interfaces - reserved[2]

    if min(reserved) >= 1:
        zones = tuple(f"subnet-{number}" for number in range(min(reserved[2], 3)))
        urgent = plans(victim=(as_urgent(create("monitoring", *zones, token="victim")),))
        found = admit(
            urgent, use, {"vpc-victim": frozenset()}, limits, PRICE, now=NOW + timedelta(minutes=1), shares=shares
        )
        assert statuses(found) == {"vpc-victim": ["planned"]}


@given(
    limits=small,
    urgencies=st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(Urgency), st.integers(1, 3)), max_size=12),
)
def test_the_urgent_stay_within_the_limits_too(limits: Limits, urgencies: list[tuple[str, Urgency, int]]) -> None:
    actions: dict[str, tuple[Action, ...]] = {}
    for place, (name, urgency, zones) in enumerate(urgencies):
        actions[name] = (*actions.get(name, ()), as_urgent(action_of("x", zones, place), urgency))
    found = request(plans(**actions), limits)
    grants = [grant for _, grant in found.granted]
    assert len({grant.token for grant in grants}) <= min(limits.endpoints_per_day, limits.endpoints_per_run)
    assert len({grant.vpc_id for grant in grants}) <= min(limits.vpcs_per_day, limits.vpcs_per_run)
    assert monthly_cost_usd(sum(found.use.interfaces.values()), PRICE) <= limits.monthly_usd

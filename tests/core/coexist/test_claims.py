"""Which refused calls are claims, and how Lifeline's own makes way, step by step."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.coexist.claims import CLAIM_HOLDS, Claim, Claimed, blocked_by_own, is_spent, with_claims
from lifeline.core.coexist.hand_over import HandOver, answer_claims, leaves_traces, tiers_without
from lifeline.core.guards.freeze import Freeze, FreezeKind, standing
from lifeline.core.guards.limits import own_interfaces
from lifeline.core.network.model import (
    Endpoint,
    EndpointState,
    NetworkAcl,
    NetworkInterface,
    Rule,
    SecurityGroup,
    TargetKind,
    Tier,
    Vpc,
)
from lifeline.core.plan.actions import Action, ActionKind, Plan, Status
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.core.wording import fingerprint
from tests.support.builders import (
    CATALOG,
    MONITORING,
    OWNER,
    S3,
    VPC_ID,
    default_route,
    endpoint,
    gateway,
    own_security_group,
    plan,
    subnet,
    table,
    vpc,
)

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DOMAIN = "monitoring.us-east-1.amazonaws.com"
CONFLICT = (
    f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for {DOMAIN} in the VPC"
)
TABLE_ID = "rtb-0123456789abcdef0"
CLAIM = Claim(service_name=MONITORING, domain=DOMAIN)
CLAIMED = Claimed(CLAIM, "deploy-role", "CreateVpcEndpoint", "e-1", NOW)
THEIRS = endpoint(MONITORING, "a", own=False, id="vpce-theirs", security_group_ids=frozenset({"sg-theirs"}))
LETS_ALL_IN = SecurityGroup("sg-theirs", "theirs", (Rule("tcp", 443, 443, ("10.0.0.0/16",)),))
NOTHING = Plan(VPC_ID, (), ())
FREEZE = Freeze(FreezeKind.CLAIM, NOW, "why", "deploy-role", "e-1", NOW + CLAIM_HOLDS)


# ---- believing


def keep(
    network: Vpc, *claims: Claimed, frozen: dict[str, Freeze] | None = None, made_at: datetime | None = None
) -> Any:
    made = {"monitoring": Made("vpce-1", made_at)} if made_at else {}
    return with_claims(frozen or {}, claims, network, made, owner=OWNER, catalog=CATALOG, now=NOW)


def test_a_claim_counts_only_while_lifelines_own_holds_the_name() -> None:
    assert blocked_by_own(CLAIM, vpc(subnet("a"), endpoint(MONITORING, "a")), OWNER, CATALOG) is not None
    for network in (
        vpc(subnet("a")),
        vpc(subnet("a"), endpoint(MONITORING, "a", own=False)),
        vpc(subnet("a"), endpoint(MONITORING, "a", private_dns=False)),
        vpc(subnet("a"), endpoint(MONITORING, "a", state=EndpointState.DELETING)),
        vpc(subnet("a"), endpoint("com.amazonaws.us-east-1.logs", "a")),
    ):
        assert blocked_by_own(CLAIM, network, OWNER, CATALOG) is None
        assert keep(network, CLAIMED) == {}


def test_a_call_on_lifelines_own_endpoint_claims_nothing_from_it() -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a"))
    assert blocked_by_own(replace(CLAIM, endpoint_id="vpce-1"), network, OWNER, CATALOG) is None


def test_a_claim_of_routes_counts_only_for_tables_where_lifelines_own_has_them() -> None:
    network = vpc(subnet("a"), table(), gateway("main", "other"))
    claim = Claimed(Claim(S3, route_table_ids=("rtb-main", "rtb-strange")), "ann", "CreateVpcEndpoint", "e-2", NOW)
    assert keep(network, claim)["s3"].ids == ("rtb-main",)
    assert keep(network, replace(claim, claim=Claim(S3, route_table_ids=("rtb-strange",)))) == {}


DYNAMODB = "com.amazonaws.us-east-1.dynamodb"
THEIR_GATEWAY = gateway("b", own=False, id="vpce-theirs")


@pytest.mark.parametrize(
    ("claim", "blocked_by"),
    [
        (Claim(endpoint_id="vpce-theirs", route_table_ids=("rtb-main",)), "vpce-1"),  # tables for one of theirs
        (Claim(endpoint_id="vpce-theirs", route_table_ids=("rtb-b",)), ""),
        (Claim(endpoint_id="vpce-unseen", route_table_ids=("rtb-main",)), ""),
        (Claim(S3, route_table_ids=("rtb-main",)), "vpce-1"),
        (Claim(DYNAMODB, route_table_ids=("rtb-main",)), "vpce-3"),
        (Claim(DYNAMODB, route_table_ids=()), ""),
        (Claim(endpoint_id="vpce-1", route_table_ids=("rtb-main",)), ""),  # on Lifeline's own
        (Claim(MONITORING, DOMAIN, "vpce-theirs"), "vpce-2"),
        (Claim(MONITORING, route_table_ids=("rtb-main",)), ""),  # an interface endpoint has no routes
    ],
)
def test_a_claim_meets_lifelines_own_endpoint_of_the_same_service(claim: Claim, blocked_by: str) -> None:
    other = gateway("main", id="vpce-3", service_name=DYNAMODB)
    mine = endpoint(MONITORING, "a", id="vpce-2", route_table_ids=frozenset({"rtb-main"}))
    network = vpc(subnet("a"), table(), THEIR_GATEWAY, mine, gateway("main"), other)
    found = blocked_by_own(claim, network, OWNER, CATALOG)
    assert (found.id if found else "") == blocked_by


ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
NOBODY = json.dumps({"Statement": [ANYBODY | {"Effect": "Deny"}]})
SOMEBODY = json.dumps({"Statement": [ANYBODY | {"Principal": {"AWS": "arn:aws:iam::123456789012:role/app"}}]})


@pytest.mark.parametrize(
    ("sets", "has", "counts"),
    [
        ("", "", True),
        (SOMEBODY, "", True),
        (NOBODY, "", False),
        ("", NOBODY, False),
        (SOMEBODY, NOBODY, True),
        ("{", "", True),
    ],
)
def test_a_claim_of_routes_for_an_endpoint_that_lets_nobody_through_does_not_count(
    sets: str, has: str, *, counts: bool
) -> None:
    network = vpc(subnet("a"), table(), gateway("main"), replace(THEIR_GATEWAY, policy=has))
    claim = Claim(S3, "", "vpce-theirs", ("rtb-main",), sets)
    assert (blocked_by_own(claim, network, OWNER, CATALOG) is not None) is counts


def test_a_claim_holds_for_a_day_from_when_it_was_made() -> None:
    early = replace(CLAIMED, at=NOW - timedelta(hours=1))
    kept = keep(vpc(subnet("a"), endpoint(MONITORING, "a")), early)["monitoring"]
    assert (kept.kind, kept.until) == (FreezeKind.CLAIM, NOW + timedelta(hours=23))
    assert kept.why == (
        "CreateVpcEndpoint by deploy-role at 2026-03-02 08:30:00 UTC was refused because Lifeline's vpce-1 "
        "already has private DNS for the monitoring service"
    )


@pytest.mark.parametrize(("minutes", "counts"), [(-6, False), (-4, True), (1, True)])
def test_a_record_from_before_the_endpoint_is_about_another_one(minutes: int, counts: bool) -> None:
    at = NOW - timedelta(hours=1)
    network = vpc(subnet("a"), endpoint(MONITORING, "a"))
    kept = keep(network, replace(CLAIMED, at=at + timedelta(minutes=minutes)), made_at=at)
    assert bool(kept) is counts


def test_a_record_that_is_a_day_old_counts_no_more() -> None:
    assert keep(vpc(subnet("a"), endpoint(MONITORING, "a")), replace(CLAIMED, at=NOW - CLAIM_HOLDS)) == {}


def test_the_same_record_twice_is_one_claim_and_another_freeze_stays_as_it_is() -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a"))
    kept = keep(network, CLAIMED)
    assert keep(network, CLAIMED, frozen=kept) == kept
    for service in ("monitoring", "*"):
        by_hand = {service: Freeze(FreezeKind.MANUAL, NOW, "a person asked for it")}
        assert keep(network, CLAIMED, frozen=by_hand) == by_hand


def test_a_claim_that_is_repeated_for_more_tables_asks_for_all_of_them_and_holds_no_longer() -> None:
    network = vpc(subnet("a"), table(), gateway("main", "b"))
    first = Claimed(Claim(S3, route_table_ids=("rtb-main",)), "ann", "CreateVpcEndpoint", "e-1", NOW - CLAIM_HOLDS / 2)
    second = replace(first, claim=Claim(S3, route_table_ids=("rtb-b",)), event_id="e-2", at=NOW)
    kept = keep(network, second, frozen=keep(network, first))["s3"]
    assert (kept.ids, kept.since, kept.until) == (("rtb-b", "rtb-main"), first.at, first.at + CLAIM_HOLDS)


def test_a_freeze_that_is_over_makes_no_claim_shorter() -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a"))
    long_ago = NOW - timedelta(days=9)
    for kind in (FreezeKind.CLAIM, FreezeKind.MANUAL):
        over = {"monitoring": Freeze(kind, long_ago, "why", until=long_ago + CLAIM_HOLDS)}
        assert keep(network, CLAIMED, frozen=over)["monitoring"].since == NOW


# ---- making way


def answer(
    network: Vpc, frozen: dict[str, Freeze] | None = None, before: Plan | None = None, now: datetime = NOW
) -> HandOver:
    freezes = {"monitoring": FREEZE} if frozen is None else frozen
    if not network.groups({"sg-theirs"}):
        network = replace(network, security_groups=(*network.security_groups, LETS_ALL_IN))
    return answer_claims(before or plan(network), network, freezes, owner=OWNER, catalog=CATALOG, now=now)


def kinds(found: HandOver) -> list[ActionKind]:
    return [one.kind for one in found.plan.actions if one.status is Status.PLANNED]


SILENT = endpoint(MONITORING, "a", private_dns=False)
MAKE = Action(ActionKind.CREATE_INTERFACE_ENDPOINT, "why", service="monitoring")


def test_lifelines_own_gives_the_name_up_and_stays() -> None:
    assert kinds(answer(vpc(subnet("a"), endpoint(MONITORING, "a"), own_security_group()))) == [
        ActionKind.DISABLE_PRIVATE_DNS
    ]


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (EndpointState.PENDING, ActionKind.DISABLE_PRIVATE_DNS),
        (EndpointState.FAILED, ActionKind.RETIRE_ENDPOINT),
    ],
)
def test_one_that_is_coming_is_tried_until_aws_takes_it_and_one_that_failed_goes(
    state: EndpointState, kind: ActionKind
) -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a", state=state), own_security_group())
    assert kinds(answer(network)) == [kind]


def test_what_would_be_done_for_a_claimed_service_is_left_out_with_what_prepares_it_and_a_note() -> None:
    found = answer(vpc(subnet("a")))
    assert found.plan.actions == ()
    assert found.plan.notes[0].startswith("monitoring is frozen since 2026-03-02 09:30:00 UTC, until 2026-03-03 09:30")
    both = vpc(subnet("a"))
    kept = answer(both, before=plan(both, "monitoring", "ec2"))
    assert kinds(kept) == [ActionKind.CREATE_SECURITY_GROUP, ActionKind.CREATE_INTERFACE_ENDPOINT]
    assert [one.service for one in kept.plan.actions] == ["", "ec2"]


@pytest.mark.parametrize(
    ("is_notified", "known", "parts", "is_left"),
    [
        (True, "", (), True),
        (True, "a", (SILENT,), True),
        (True, "ab", (SILENT,), False),
        (False, "", (SILENT,), False),
        (True, "", (SILENT, replace(THEIRS, state=EndpointState.PENDING)), False),
    ],
)
def test_only_for_a_path_that_was_lost_since_people_heard_of_the_claim_it_is_left_in_to_be_blocked(
    parts: tuple[Endpoint, ...], known: str, *, is_notified: bool, is_left: bool
) -> None:
    network = vpc(subnet("a"), subnet("b", cidr="10.0.2.0/24"), own_security_group(), *parts)
    told = frozenset(fingerprint(f"subnet-{name}", length=8) for name in known)
    found = answer(network, {"monitoring": replace(FREEZE, is_notified=is_notified, told=told)})
    assert bool(kinds(found)) is is_left
    assert bool(found.plan.notes) is not is_left


TWO = (subnet("a"), subnet("b", cidr="10.0.2.0/24"), table(subnets=("a",)), table("b", subnets=("b",)))


@pytest.mark.parametrize(
    ("ids", "serves", "named"),
    [
        (("rtb-main",), ("main", "b"), "a"),
        (("rtb-b",), ("main", "b"), "b"),
        (("rtb-b", "rtb-main"), ("main", "b"), "ab"),
        (("rtb-main",), ("main",), "ab"),
        ((), ("main", "b"), "ab"),
    ],
)
def test_people_hear_of_the_subnets_on_the_tables_that_are_claimed_and_of_those_that_go_without_anyway(
    ids: tuple[str, ...], serves: tuple[str, ...], named: str
) -> None:
    network = vpc(*TWO, gateway(*serves), endpoint(MONITORING, "a", state=EndpointState.FAILED))
    found = tiers_without("s3", replace(FREEZE, ids=ids), plan(network, "s3", "monitoring"), network)
    assert [subnet_id for subnet_id, _ in found] == [f"subnet-{name}" for name in named]


def test_of_a_subnet_whose_table_was_not_seen_a_claim_of_routes_says_nothing() -> None:
    network = vpc(*TWO, gateway("main", "b"))
    unseen = replace(network, route_tables=network.route_tables[1:])
    found = tiers_without("s3", replace(FREEZE, ids=("rtb-b",)), plan(network, "s3"), unseen)
    assert [subnet_id for subnet_id, _ in found] == ["subnet-b"]


def test_a_policy_of_lifelines_own_is_left_in_to_be_blocked_and_heard() -> None:
    reset = Action(ActionKind.RESET_POLICY, "why", service="monitoring", endpoint_id="vpce-1", policy="{}")
    before = Plan(VPC_ID, (), (Action(ActionKind.CREATE_SECURITY_GROUP, "why"), MAKE, reset))
    found = answer(vpc(subnet("a")), before=before)
    assert found.plan.actions == (reset,)
    assert found.plan.notes


def test_the_vpcs_dns_is_left_in_where_another_services_endpoint_needs_it_too() -> None:
    theirs = Action(ActionKind.FIX_DNS, "the name of logs isn't resolved", endpoint_id="vpce-logs")
    before = Plan(VPC_ID, (), (Action(ActionKind.FIX_DNS, "private DNS doesn't work"), theirs, MAKE))
    assert answer(vpc(subnet("a")), before=before).plan.actions == (theirs,)


def test_while_theirs_is_on_its_way_lifeline_waits() -> None:
    found = answer(vpc(subnet("a"), SILENT, replace(THEIRS, state=EndpointState.PENDING), own_security_group()))
    assert (kinds(found), found.is_waiting) == ([], True)


def test_it_waits_for_the_one_that_is_on_its_way_beside_another_that_lets_nobody_in() -> None:
    coming = replace(THEIRS, id="vpce-coming", state=EndpointState.PENDING)
    for theirs, is_waiting in (((THEIRS,), False), ((THEIRS, coming), True)):
        network = vpc(subnet("a"), SILENT, *theirs, own_security_group(), SecurityGroup("sg-theirs", "theirs"))
        found = answer(network)
        assert (kinds(found), found.is_waiting) == ([], is_waiting)


def test_once_theirs_works_lifelines_own_goes_with_its_group_and_the_freeze_ends() -> None:
    found = answer(vpc(subnet("a"), SILENT, THEIRS, own_security_group()))
    assert kinds(found) == [ActionKind.RETIRE_ENDPOINT, ActionKind.DELETE_SECURITY_GROUP]
    assert "vpce-theirs, which isn't Lifeline's, now answers for the monitoring service" in found.plan.actions[0].reason
    assert standing(found.frozen, NOW) == {}
    group_left = answer(vpc(subnet("a"), THEIRS, own_security_group()), dict(found.frozen))
    assert kinds(group_left) == [ActionKind.DELETE_SECURITY_GROUP]
    for kind in (ActionKind.REPLACE_ENDPOINT, ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.ATTACH_SECURITY_GROUP):
        takes_it = Plan(VPC_ID, (), (Action(kind, "why", service="logs"),))
        assert kinds(answer(vpc(subnet("a"), THEIRS, own_security_group()), dict(found.frozen), takes_it)) == [kind]
    assert set(found.frozen) == set(group_left.frozen) == {"monitoring"}  # remembered until nothing is left to do
    coming = replace(SILENT, state=EndpointState.PENDING)
    still_there = answer(vpc(subnet("a"), coming, THEIRS), dict(found.frozen))
    assert (kinds(still_there), set(still_there.frozen)) == ([], {"monitoring"})
    assert answer(vpc(subnet("a"), THEIRS), dict(found.frozen)).frozen == {}
    for other in (endpoint(S3, "a", id="vpce-2", private_dns=False), endpoint(MONITORING, "a", id="vpce-2")):
        assert answer(vpc(subnet("a"), THEIRS, other), dict(found.frozen)).frozen == {}


THEIR_GROUP = SecurityGroup("sg-theirs", "theirs")


@pytest.mark.parametrize(
    ("ingress", "works"),
    [
        ((), False),
        ((Rule("tcp", 443, 443, ("192.168.0.0/16",)),), False),
        ((Rule("tcp", 80, 80, ("10.0.0.0/16",)),), False),
        ((Rule("tcp", 443, 443, groups=("sg-nobody",)),), False),
        ((Rule("tcp", 443, 443, ("10.0.1.0/24",)),), True),
        ((Rule("tcp", 443, 443, groups=("sg-agents",)),), True),
        ((Rule("tcp", 443, 443, prefix_lists=("pl-unread",)),), False),
        ((Rule("tcp", 443, 443, ("10.0.1.0/24",), prefix_lists=("pl-unread",)),), True),
    ],
)
def test_theirs_only_takes_over_if_its_groups_let_somebody_in_or_may(ingress: tuple[Rule, ...], works: bool) -> None:
    agent = NetworkInterface("eni-1", "subnet-a", ("10.0.1.9",), frozenset({"sg-agents"}))
    there = replace(THEIR_GROUP, ingress=ingress)
    found = answer(vpc(subnet("a"), SILENT, THEIRS, own_security_group(), there, interfaces=(agent,)))
    assert (ActionKind.RETIRE_ENDPOINT in kinds(found)) is works
    assert bool(standing(found.frozen, NOW)) is not works


def test_of_a_service_whose_ports_are_not_known_any_port_will_do() -> None:
    name = "com.amazonaws.us-east-1.strange"
    own, other = replace(SILENT, service_name=name), replace(THEIRS, service_name=name)
    for ingress, works in (((Rule("tcp", 8883, 8883, ("10.0.0.0/8",)),), True), ((), False)):
        network = vpc(subnet("a"), own, other, own_security_group(), replace(THEIR_GROUP, ingress=ingress))
        assert (ActionKind.RETIRE_ENDPOINT in kinds(answer(network, {}, NOTHING))) is works


def test_theirs_takes_nothing_over_while_its_groups_were_not_read() -> None:
    network = vpc(subnet("a"), SILENT, replace(THEIRS, security_group_ids=frozenset({"sg-unseen"})))
    assert kinds(answer(network)) == []


def test_theirs_takes_over_where_members_of_a_group_are_let_in_and_nobody_is_there_yet() -> None:
    there = replace(THEIR_GROUP, ingress=(Rule("tcp", 443, 443, groups=("sg-agents",)),))
    found = answer(vpc(subnet("a"), SILENT, THEIRS, own_security_group(), there, interfaces=()))
    assert ActionKind.RETIRE_ENDPOINT in kinds(found)


def test_theirs_that_is_closed_to_a_subnet_that_requires_the_service_takes_nothing_over() -> None:
    """Whoever opens it to an address of their own gains nothing by that; who needs no service is asked for no more."""
    beside = subnet("b", cidr="10.0.2.0/24")
    for cidr, opened, works in (
        ("10.0.2.0/24", beside, False),
        ("10.0.1.0/24", beside, True),
        ("10.0.1.0/24", replace(beside, cidr="", ipv6_cidrs=("2001:db8::/64",)), True),
    ):
        group = replace(THEIR_GROUP, ingress=(Rule("tcp", 443, 443, (cidr,)),))
        egress = table("nat", default_route(TargetKind.NAT_GATEWAY), subnets=("b",))
        network = vpc(subnet("a"), opened, table(), egress, SILENT, THEIRS, own_security_group(), group)
        isolated = plan(network, tiers=frozenset({Tier.ISOLATED}))
        assert (ActionKind.RETIRE_ENDPOINT in kinds(answer(network, before=isolated))) is works


def test_theirs_in_a_subnet_whose_network_acl_lets_nobody_in_takes_nothing_over() -> None:
    shut = NetworkAcl("acl-b", frozenset({"subnet-b"}), ())
    theirs = replace(THEIRS, subnet_ids=frozenset({"subnet-b"}))
    network = vpc(subnet("a"), subnet("b", cidr="10.0.2.0/24"), SILENT, theirs, own_security_group())
    assert ActionKind.RETIRE_ENDPOINT in kinds(answer(network))
    assert ActionKind.RETIRE_ENDPOINT not in kinds(answer(replace(network, network_acls=(shut,))))


@pytest.mark.parametrize("theirs", [{"subnet_ids": frozenset()}, {"inbound_dns_only": True}])
def test_theirs_that_nobody_in_the_vpc_is_led_to_takes_nothing_over(theirs: dict[str, Any]) -> None:
    network = vpc(subnet("a"), SILENT, replace(THEIRS, **theirs), own_security_group())
    found = answer(network)
    assert ActionKind.RETIRE_ENDPOINT not in kinds(found)
    assert found.frozen == {"monitoring": FREEZE}


def test_theirs_for_another_regions_service_meets_no_claim() -> None:
    theirs = replace(THEIRS, service_name="com.amazonaws.eu-west-1.monitoring")
    found = answer(vpc(subnet("a"), SILENT, theirs, own_security_group()))
    assert (kinds(found), found.frozen) == ([], {"monitoring": FREEZE})


def test_a_group_that_another_endpoint_has_or_is_to_get_stays() -> None:
    logs = endpoint("com.amazonaws.us-east-1.logs", "a", id="vpce-2")
    assert kinds(answer(vpc(subnet("a"), SILENT, THEIRS, logs, own_security_group()))) == [ActionKind.RETIRE_ENDPOINT]
    network = vpc(subnet("a"), SILENT, THEIRS, own_security_group())
    found = answer(network, before=plan(network, "monitoring", "ec2"))
    assert kinds(found) == [ActionKind.CREATE_INTERFACE_ENDPOINT, ActionKind.RETIRE_ENDPOINT]


def test_one_that_answers_nobody_beside_theirs_goes_without_a_claim_too() -> None:
    found = answer(vpc(subnet("a"), SILENT, THEIRS, own_security_group()), {})
    assert kinds(found)[0] is ActionKind.RETIRE_ENDPOINT


def test_only_a_group_that_nothing_has_and_an_interface_endpoint_without_private_dns_are_traces_of_a_claim() -> None:
    own = endpoint(MONITORING, "a")
    assert not leaves_traces(vpc(subnet("a"), own, gateway("main", id="vpce-2"), own_security_group()), OWNER)
    assert leaves_traces(vpc(subnet("a"), replace(own, private_dns=False), own_security_group()), OWNER)
    assert leaves_traces(vpc(subnet("a"), gateway("main"), own_security_group()), OWNER)
    assert leaves_traces(vpc(subnet("a"), own, own_security_group(), own_security_group(id="sg-idle")), OWNER)


def test_an_endpoint_without_lifelines_tag_costs_lifeline_nothing_and_is_never_handed_over() -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a", own=False), own_security_group())
    assert own_interfaces(network) == frozenset()
    assert answer(network).plan.actions == ()


def test_an_endpoint_that_serves_is_never_retired_because_of_a_claim() -> None:
    network = vpc(subnet("a"), endpoint(MONITORING, "a"), replace(THEIRS, private_dns=False), own_security_group())
    assert kinds(answer(network)) == [ActionKind.DISABLE_PRIVATE_DNS]
    assert kinds(answer(network, {})) == []


@pytest.mark.parametrize("order", [(1, -1), (-1, 1)])
def test_of_several_that_answer_in_its_place_the_first_by_id_is_named_in_whatever_order_ec2_shows_them(
    order: tuple[int, int],
) -> None:
    theirs = (THEIRS, replace(THEIRS, id="vpce-yours"))[:: order[0]]
    network = vpc(subnet("a"), SILENT, *theirs, own_security_group())
    (found,) = [one for one in answer(network, {}).plan.actions if one.kind is ActionKind.RETIRE_ENDPOINT]
    assert found.reason.startswith("vpce-theirs, which isn't Lifeline's, now answers")


def test_a_day_later_without_theirs_the_name_is_taken_back_and_the_reason_says_for_whom_lifeline_waited() -> None:
    found = answer(vpc(subnet("a"), SILENT, own_security_group()), now=NOW + CLAIM_HOLDS)
    assert kinds(found) == [ActionKind.ENABLE_PRIVATE_DNS]
    assert found.plan.actions[0].reason.endswith(
        "Lifeline handed over to deploy-role at 2026-03-02 09:30:00 UTC, but their endpoint serves nobody after 24 "
        "hours; for 7 days, it won't hand over again unless someone unfreezes monitoring"
    )
    assert (found.frozen, found.unmet) == ({}, frozenset({"monitoring"}))


def test_a_claim_that_was_met_and_is_over_takes_the_name_back_and_blames_nobody() -> None:
    met = {"monitoring": replace(FREEZE, until=NOW + timedelta(hours=1))}
    found = answer(vpc(subnet("a"), SILENT, own_security_group()), met, now=NOW + timedelta(hours=2))
    assert kinds(found) == [ActionKind.ENABLE_PRIVATE_DNS]
    assert "handed over" not in found.plan.actions[0].reason
    assert (found.frozen, found.unmet) == ({}, frozenset())


def test_an_endpoint_of_another_service_meets_no_claim() -> None:
    other = replace(THEIRS, service_name="com.amazonaws.us-east-1.logs")
    found = answer(vpc(subnet("a"), SILENT, other, own_security_group()))
    assert (kinds(found), found.frozen) == ([], {"monitoring": FREEZE})


@pytest.mark.parametrize(
    ("tables", "kind"), [(("main",), ActionKind.RETIRE_ENDPOINT), (("main", "b"), ActionKind.REMOVE_ROUTE_TABLES)]
)
def test_claimed_routes_go_and_with_the_last_of_them_the_endpoint(tables: tuple[str, ...], kind: ActionKind) -> None:
    network = vpc(subnet("a"), table(), gateway(*tables))
    found = answer(network, {"s3": replace(FREEZE, ids=("rtb-main",))}, NOTHING)
    assert [(one.kind, one.route_table_ids) for one in found.plan.actions] == [(kind, ("rtb-main",))]


def test_claimed_routes_are_theirs_once_every_table_has_theirs() -> None:
    theirs = gateway("main", own=False, id="vpce-theirs")
    frozen = {"s3": replace(FREEZE, ids=("rtb-main",))}
    assert answer(vpc(subnet("a"), table(), theirs), frozen, NOTHING).frozen == {}
    more = {"s3": replace(FREEZE, ids=("rtb-b", "rtb-main"))}
    assert answer(vpc(subnet("a"), table(), theirs), more, NOTHING).frozen == more


@pytest.mark.parametrize(("name", "is_waiting"), [("main", True), ("b", False)])
def test_it_waits_for_the_routes_that_were_claimed_and_for_no_others(name: str, is_waiting: bool) -> None:
    coming = gateway(name, own=False, id="vpce-theirs", state=EndpointState.PENDING)
    found = answer(vpc(subnet("a"), table(), coming), {"s3": replace(FREEZE, ids=("rtb-main",))}, NOTHING)
    assert found.is_waiting is is_waiting


@given(
    st.lists(st.sampled_from([SILENT, endpoint(MONITORING, "a"), THEIRS]), max_size=2, unique=True),
    st.booleans(),
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=2)),
)
def test_others_endpoints_are_never_touched_and_what_answers_the_name_is_never_deleted(
    endpoints: list[Any], has_group: bool, later: timedelta
) -> None:
    network = vpc(subnet("a"), *endpoints, *([own_security_group()] if has_group else []))
    for one in answer(network, now=NOW + later).plan.actions:
        assert one.endpoint_id != "vpce-theirs" or one.status is Status.BLOCKED
        if one.kind is ActionKind.RETIRE_ENDPOINT:
            assert THEIRS in endpoints


DAYS_7 = timedelta(days=7)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("ended", "unfrozen", "spent"),
    [
        (None, None, False),
        (NOW, None, True),
        (NOW - DAYS_7 + SECOND, None, True),
        (NOW - DAYS_7, None, False),
        (NOW - 2 * SECOND, NOW - SECOND, False),
        (NOW - 2 * SECOND, NOW - 2 * SECOND, True),
        (NOW - 2 * SECOND, NOW - 3 * SECOND, True),
    ],
)
def test_for_a_week_no_other_claim_counts_after_one_that_was_not_met_unless_a_person_unfroze_it_since(
    ended: datetime | None, unfrozen: datetime | None, spent: bool
) -> None:
    unmet = {"logs": NOW} | ({"monitoring": ended} if ended else {})
    assert is_spent("monitoring", {}, unmet, {"monitoring": unfrozen} if unfrozen else {}, NOW) is spent


@pytest.mark.parametrize(
    ("freeze", "spent"),
    [
        (FREEZE, False),  # stands
        (replace(FREEZE, since=NOW - CLAIM_HOLDS, until=NOW), True),
        (replace(FREEZE, since=NOW - CLAIM_HOLDS + SECOND, until=NOW), False),  # theirs came
        (replace(FREEZE, since=NOW - CLAIM_HOLDS - DAYS_7, until=NOW - DAYS_7), False),
        (replace(FREEZE, kind=FreezeKind.MANUAL, since=NOW - CLAIM_HOLDS, until=NOW), False),
    ],
)
def test_a_claim_that_ended_counts_as_not_met_before_a_run_has_seen_its_end(freeze: Freeze, *, spent: bool) -> None:
    assert is_spent("monitoring", {"monitoring": freeze}, {}, {}, NOW) is spent
    assert is_spent("logs", {"monitoring": freeze}, {}, {}, NOW) is False


def test_only_what_would_be_made_is_left_out_for_a_claim() -> None:
    """What is blocked, or removes something, stays in the plan. What prepares an endpoint goes with it."""
    prepare = Action(ActionKind.CREATE_SECURITY_GROUP, "why")
    others = Action(ActionKind.RETIRE_ENDPOINT, "why", service="monitoring", endpoint_id="vpce-9")
    blocked = replace(MAKE, kind=ActionKind.REPLACE_ENDPOINT).blocked("no subnet")
    turn_on = Action(ActionKind.FIX_DNS, "why")
    before = Plan(VPC_ID, (), (turn_on, prepare, MAKE, others, blocked))
    assert set(answer(vpc(subnet("a")), before=before).plan.actions) == {others, blocked}
    alone = Plan(VPC_ID, (), (prepare, others, blocked))
    assert set(answer(vpc(subnet("a")), before=alone).plan.actions) == {prepare, others, blocked}

"""Rows of the coverage page: each subnet's own standing, whatever the VPC's report says of all together."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.guards.approval import Offer
from lifeline.core.guards.limits import Usage, admit, block_all, own_interfaces
from lifeline.core.history.change import Change
from lifeline.core.history.entries import read_entry
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident, Phase
from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.model import EndpointState, NetworkAcl, TargetKind, Tier, Vpc
from lifeline.core.network.obstacles import barrier_to
from lifeline.core.network.tiers import classify_subnets
from lifeline.core.plan.cost import price_in
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.core.plan.plan import plan_endpoints
from lifeline.core.plan.scene import PlanInput
from lifeline.core.policy.policy import Exempted, Policy, PolicyRule, desired
from lifeline.core.policy.policy import Limits as Most
from lifeline.dashboard.coverage import Cell, Standing, StepKind, SubnetRow, VpcCoverage
from lifeline.dashboard.rows import Seen, count_bad, cover_vpc, subnet_rows, worst_first
from tests.support.builders import (
    CATALOG,
    MONITORING,
    NARROW_POLICY,
    OWNER,
    VPC_ID,
    default_route,
    endpoint,
    gateway,
    own_security_group,
    route,
    subnet,
    table,
    vpc,
)
from tests.support.home import HOME

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
PRICE = price_in("us-east-1")


def see(network: Vpc, *services: str, exemptions: tuple[Exempted, ...] = (), **more: Any) -> Seen:
    """The VPC with what a policy wants of all its private subnets, planned."""
    policy = Policy((PolicyRule(frozenset(services or ("monitoring",))),), exemptions)
    want = desired(policy, network, classify_subnets(network), today=NOW.date())
    plan_input = PlanInput(requirements=want.requirements, owner=OWNER, price=PRICE)
    return Seen(network, want, plan_endpoints(network, CATALOG, replace(plan_input, **more)))


def rows(seen: Seen) -> dict[str, SubnetRow]:
    return {row.id: row for row in subnet_rows(seen.vpc, seen.want, seen.plan)}


def cells(seen: Seen) -> dict[str, dict[str, Cell]]:
    return {one: {cell.service: cell for cell in row.cells} for one, row in rows(seen).items()}


def cell(seen: Seen, name: str = "a", service: str = "monitoring") -> Cell:
    return cells(seen)[f"subnet-{name}"][service]


def cover(seen: Seen) -> VpcCoverage:
    return cover_vpc(seen, PRICE, NOW)


# ---- interface endpoints


def test_where_no_endpoint_answers_the_service_is_missing_and_the_page_says_what_is_meant() -> None:
    found = cell(see(vpc(subnet())))
    assert (found.standing, found.by) == (Standing.MISSING, "")
    assert found.detail.endswith("no endpoint in the VPC serves it")


def test_an_endpoint_serves_and_is_named() -> None:
    seen = see(vpc(subnet(), endpoint(MONITORING, "a"), own_security_group()))
    assert cell(seen) == Cell("monitoring", Standing.SERVED, "vpce-1")


def test_a_policy_that_is_not_clear_is_said_where_its_endpoint_serves() -> None:
    seen = see(vpc(subnet(), endpoint(MONITORING, "a", policy=NARROW_POLICY), own_security_group()))
    found = cell(seen)
    assert found.standing is Standing.SERVED
    assert (
        found.detail == "whether the policy of vpce-1 allows cloudwatch:PutMetricData isn't clear from the policy alone"
    )


def test_a_subnet_that_is_served_from_another_zone_is_served_and_told_so() -> None:
    seen = see(vpc(subnet("a"), subnet("b", "us-east-1b"), endpoint(MONITORING, "a"), own_security_group()))
    assert cell(seen, "a").detail == ""
    assert cell(seen, "b") == Cell(
        "monitoring", Standing.SERVED, "vpce-1", "served from another zone: vpce-1 has no interface in us-east-1b"
    )


def test_a_closed_group_blocks_only_the_subnets_that_it_keeps_out() -> None:
    group = own_security_group("10.0.1.0/24", tags=())
    foreign = endpoint(MONITORING, "a", own=False)
    seen = see(vpc(subnet("a"), subnet("b", cidr="10.0.2.0/24"), foreign, group))
    assert cell(seen, "a").standing is Standing.SERVED
    kept_out = cell(seen, "b")
    assert (kept_out.standing, kept_out.by) == (Standing.BLOCKED, "vpce-1")
    assert "sg-own of vpce-1 doesn't allow inbound 443 from 10.0.2.0/24 (subnet-b)" in kept_out.detail
    assert "its owner should allow inbound TCP 443" in kept_out.detail


def test_a_foreign_endpoint_in_one_zone_serves_the_other_although_the_report_is_blocked() -> None:
    foreign = endpoint(MONITORING, "a", own=False, security_group_ids=frozenset())
    seen = see(vpc(subnet("a"), subnet("b", "us-east-1b"), foreign))
    assert seen.plan.services[0].state.name == "BLOCKED"
    assert {one["monitoring"].standing for one in cells(seen).values()} == {Standing.SERVED}


def test_an_endpoint_without_interfaces_serves_nobody() -> None:
    seen = see(vpc(subnet(), endpoint(MONITORING), own_security_group()))
    assert cell(seen).standing is Standing.MISSING


@pytest.mark.parametrize(("fix_dns", "standing"), [(False, Standing.BLOCKED), (True, Standing.MISSING)])
def test_while_the_vpcs_dns_is_off_an_endpoint_serves_nobody(*, fix_dns: bool, standing: Standing) -> None:
    network = vpc(subnet(), endpoint(MONITORING, "a"), own_security_group(), dns_hostnames=False)
    assert cell(see(network, fix_dns=fix_dns)).standing is standing


def test_an_endpoint_that_is_coming_up_is_pending() -> None:
    coming = endpoint(MONITORING, "a", state=EndpointState.PENDING)
    found = cell(see(vpc(subnet(), coming, own_security_group())))
    assert (found.standing, found.by, found.detail) == (Standing.PENDING, "vpce-1", "it is pending")


def test_a_central_zone_serves() -> None:
    answer = DnsAnswer(AnswerKind.PRIVATE_ZONE, "monitoring.us-east-1.amazonaws.com", "Z1", "")
    hub = table("main", route("10.0.0.0/8", TargetKind.TRANSIT_GATEWAY))
    found = cell(see(vpc(subnet(), hub), dns=DnsView(answers=(answer,))))
    assert (found.standing, found.by) == (Standing.CENTRAL, "Z1")
    assert "private hosted zone Z1 answers" in found.detail


def test_an_unknown_service_is_blocked_in_every_subnet() -> None:
    found = cell(see(vpc(subnet()), "monitorin"), service="monitorin")
    assert found.standing is Standing.BLOCKED
    assert "is the name misspelled?" in found.detail


# ---- gateway endpoints


def test_a_gateway_endpoint_serves_the_subnets_of_its_route_tables_alone() -> None:
    on = table("on", route("10.9.0.0/16", TargetKind.GATEWAY_ENDPOINT, "vpce-1"), subnets=("a",))
    network = vpc(subnet("a"), subnet("b"), table(), on, gateway("on"))
    seen = see(network, "s3")
    assert cell(seen, "a", "s3") == Cell("s3", Standing.SERVED, "vpce-1")
    assert cell(seen, "b", "s3").standing is Standing.MISSING
    assert "without a route to it" in cell(seen, "b", "s3").detail


def test_a_gateway_endpoint_whose_route_is_dead_is_pending_where_it_is_dead() -> None:
    dead = table("on", route("10.9.0.0/16", TargetKind.GATEWAY_ENDPOINT, "vpce-1", active=False), subnets=("a",))
    live = table("off", route("10.9.0.0/16", TargetKind.GATEWAY_ENDPOINT, "vpce-1"), subnets=("b",))
    seen = see(vpc(subnet("a"), subnet("b"), table(), dead, live, gateway("on", "off")), "s3")
    assert (cell(seen, "a", "s3").standing, cell(seen, "b", "s3").standing) == (Standing.PENDING, Standing.SERVED)


def test_a_subnet_without_ipv4_cannot_use_the_gateway_endpoint_of_s3_beside_one_that_can() -> None:
    six = subnet("six", cidr="", ipv6_cidrs=("2600:1f00::/64",))
    on = table("main", route("10.9.0.0/16", TargetKind.GATEWAY_ENDPOINT, "vpce-1"))
    seen = see(vpc(subnet("a"), six, on, gateway("main")), "s3")
    assert cell(seen, "a", "s3").standing is Standing.SERVED
    assert cell(seen, "six", "s3").standing is Standing.BLOCKED


# ---- exemptions, limits, other subnets


def test_what_is_exempt_says_until_when_and_why_and_only_that() -> None:
    spared = Exempted("subnet-a", ("logs",), date(2026, 12, 1), "a sandbox")
    seen = see(vpc(subnet("a"), subnet("b")), "logs", "monitoring", exemptions=(spared,))
    assert cell(seen, "a", "logs") == Cell("logs", Standing.EXEMPT, detail="until the end of 2026-12-01: a sandbox")
    assert cell(seen, "a", "monitoring").standing is Standing.MISSING
    assert cell(seen, "b", "logs").standing is Standing.MISSING


def test_what_a_limit_holds_back_is_blocked_and_its_words_say_why() -> None:
    seen = see(vpc(subnet()))
    owned = {VPC_ID: own_interfaces(seen.vpc)}
    held = admit({VPC_ID: seen.plan}, Usage(), owned, Most(monthly_usd=Decimal(1)), PRICE, now=NOW).plans[VPC_ID]
    found = cell(replace(seen, plan=held))
    assert found.standing is Standing.BLOCKED
    assert "needs approval" in found.detail


def test_what_is_held_back_after_planning_is_blocked_too() -> None:
    seen = see(vpc(subnet()))
    found = cell(replace(seen, plan=block_all(seen.plan, "x", "released manually")))
    assert (found.standing, found.detail) == (Standing.BLOCKED, "released manually")


def test_a_public_subnet_is_shown_with_its_tier_and_nothing_required() -> None:
    open_ = table("open", default_route(TargetKind.INTERNET_GATEWAY), subnets=("b",))
    network = vpc(subnet("a"), subnet("b", tags=(("Name", "edge"),)), table(), open_)
    found = rows(see(network))
    assert [(row.id, row.tier, len(row.cells)) for row in found.values()] == [
        ("subnet-a", Tier.ISOLATED, 1),
        ("subnet-b", Tier.PUBLIC, 0),
    ]
    assert found["subnet-b"].name == "edge"


def test_subnets_that_miss_most_come_first() -> None:
    spared = Exempted("subnet-a", (), None, "x")
    found = rows(see(vpc(subnet("a"), subnet("b", "us-east-1b"), subnet("c")), exemptions=(spared,)))
    assert list(found) == ["subnet-c", "subnet-b", "subnet-a"]


names = st.sampled_from(["a", "b", "c", "d"])


@given(
    inside=st.frozensets(names),
    foreign=st.booleans(),
    state=st.sampled_from(
        [EndpointState.AVAILABLE, EndpointState.PENDING, EndpointState.FAILED, EndpointState.DELETED]
    ),
    open_to=st.sampled_from(["10.0.0.0/16", "10.0.1.0/24", "10.9.0.0/16"]),
    dns=st.booleans(),
)
def test_no_subnet_is_called_served_that_something_keeps_from_the_endpoint(
    *, inside: frozenset[str], foreign: bool, state: EndpointState, open_to: str, dns: bool
) -> None:
    one = endpoint(MONITORING, *sorted(inside), own=not foreign, state=state)
    group = own_security_group(open_to, tags=() if foreign else own_security_group().tags)
    subnets = [
        subnet(name, f"us-east-1{'aabc'[place]}", cidr=f"10.0.{place + 1}.0/24") for place, name in enumerate("abcd")
    ]
    seen = see(vpc(*subnets, one, group, dns_support=dns))
    reachable = state is EndpointState.AVAILABLE and inside and dns
    for each in subnets:
        is_served = cells(seen)[each.id]["monitoring"].standing is Standing.SERVED
        assert is_served == bool(reachable and not barrier_to(one, each, seen.vpc).obstacles)


def test_every_wish_has_one_cell_and_no_subnet_is_lost() -> None:
    network = vpc(
        *(subnet(name) for name in "abc"), gateway("main"), network_acls=(NetworkAcl("acl", frozenset(), ()),)
    )
    seen = see(network, "s3", "monitoring", "logs", exemptions=(Exempted("subnet-b", ("s3",), None, "x"),))
    assert {one: sorted(of) for one, of in cells(seen).items()} == {
        f"subnet-{name}": ["logs", "monitoring", "s3"] for name in "abc"
    }


# ---- a VPC as a whole


def test_a_vpc_says_what_its_endpoints_cost_and_what_the_plan_adds() -> None:
    network = vpc(
        subnet("a"),
        subnet("b", "us-east-1b"),
        endpoint(MONITORING, "a"),
        own_security_group(),
        tags=(("Name", "prod"),),
    )
    found = cover(see(network))
    assert (found.id, found.name, found.cidrs) == (VPC_ID, "prod", ("10.0.0.0/16",))
    assert (found.cost_usd, found.planned_usd) == (Decimal("7.30"), Decimal("7.30"))


def test_what_waits_for_approval_is_named_with_its_cost() -> None:
    offer = Offer("plan-0123456789abcdef", VPC_ID, frozenset(), Decimal("14.60"), NOW)
    found = cover(replace(see(vpc(subnet())), offer=offer, holds=("held",), notes=("a note", "a note")))
    assert (found.plan_id, found.plan_usd) == ("plan-0123456789abcdef", Decimal("14.60"))
    assert (found.holds, found.notes) == (("held",), ("a note",))


def test_entries_of_the_record_become_lines_with_their_status() -> None:
    facts = {"action": "create_interface_endpoint", "service": "logs", "status": "done", "reason": "none", "error": ""}
    done = read_entry(HOME.vpc(VPC_ID), {"sk": "ACTION#2026-11-23T09:00:00+00:00#00", **facts})
    became = {"endpoint_id": "vpce-1", "service": "logs", "result": "available", "seconds": 90}
    ready = read_entry(HOME.vpc(VPC_ID), {"sk": "OUTCOME#2026-11-23T09:02:00+00:00#vpce-1", **became})
    assert done
    assert ready
    found = cover(replace(see(vpc(subnet())), entries=(ready, done))).actions
    assert [(one.status, one.at.minute) for one in found] == [("", 2), ("done", 0)]
    assert found[0].text.startswith("vpce-1 for logs was available within")
    assert found[1].text.startswith("create interface endpoint for logs. Why: none.")


def test_those_with_open_incidents_come_first_then_those_that_miss_most() -> None:
    """While an endpoint is pending nothing is missing there, but its agents are silent."""
    bad = SubnetRow(
        "subnet-1", "", "", "", Tier.ISOLATED, (Cell("logs", Standing.MISSING), Cell("s3", Standing.BLOCKED))
    )
    fair = replace(bad, cells=(Cell("logs", Standing.PENDING), Cell("s3", Standing.EXEMPT)))
    assert (count_bad([bad]), count_bad([fair])) == (2, 0)
    silent = cover(replace(see(vpc()), incidents=(incident(),))).incidents
    recovering = cover(replace(see(vpc()), incidents=(incident(fixed_at=NOW, fix="the route came back"),))).incidents
    made = (
        VpcCoverage("vpc-g", "", (), (fair,)),
        VpcCoverage("vpc-f", "", (), (fair,)),
        VpcCoverage("vpc-e", "", (), (bad,)),
        VpcCoverage("vpc-d", "", (), (bad, bad)),
        VpcCoverage("vpc-c", "", (), (fair,), recovering),
        VpcCoverage("vpc-b", "", (), (fair,), silent),
        VpcCoverage("vpc-a", "", (), (bad,), silent),
    )
    assert [one.id[-1] for one in worst_first(made)] == ["a", "b", "c", "d", "e", "f", "g"]


# ---- an incident's story

CHANGE = Change(NOW - timedelta(minutes=20), "event-1", "DeleteRoute", "ops/anna")


def incident(**cause: Any) -> Incident:
    known = {"kind": CauseKind.CUT_OFF, "service": "monitoring", "vpc_id": VPC_ID, "change": CHANGE}
    words = "DeleteRoute by ops/anna left no path to the monitoring service"
    made = Cause(**{"confidence": Confidence.HIGH, "words": words, **known, **cause})
    phase = Phase.RECOVERING if made.fixed_at else Phase.BROKEN
    began = NOW - timedelta(minutes=15)
    return Incident("inc-1", "cloudwatch-agent", made, began, began + timedelta(minutes=5), phase, notified_agents=3)


def story(made: dict[str, Made] | None = None, **cause: Any) -> list[tuple[StepKind, int | None, str]]:
    seen = replace(see(vpc(subnet())), incidents=(incident(**cause),), made=made or {})
    (row,) = cover(seen).incidents
    assert (row.agents, row.is_recovering) == (3, "fixed_at" in cause)
    return [(one.kind, None if one.at is None else int((NOW - one.at).seconds // 60), one.text) for one in row.timeline]


def test_a_story_begins_with_the_change_and_ends_with_what_is_to_come() -> None:
    assert story() == [
        (StepKind.CHANGE, 20, "DeleteRoute by ops/anna"),
        (StepKind.GAP, 15, "first missing datapoint (3 agents so far)"),
        (StepKind.ENDPOINT, None, "planned: create interface endpoint for monitoring"),
        (StepKind.RECOVERY, None, "silent for 15 min so far"),
    ]


def test_the_endpoint_that_lifeline_made_for_it_is_part_of_the_story() -> None:
    made = Made("vpce-1", NOW - timedelta(minutes=18), is_settled=True, ready_at=NOW - timedelta(minutes=12))
    kinds = story({"monitoring": made}, fixed_at=NOW - timedelta(minutes=11), fix="vpce-1 is available")
    assert [(kind, ago) for kind, ago, _ in kinds] == [
        (StepKind.CHANGE, 20),
        (StepKind.ENDPOINT, 18),
        (StepKind.GAP, 15),
        (StepKind.AVAILABLE, 12),
        (StepKind.RECOVERY, 11),
    ]
    assert kinds[-1][2] == "vpce-1 is available; agents are recovering"


def test_an_endpoint_that_is_not_up_yet_is_still_to_come() -> None:
    made = Made("vpce-1", NOW - timedelta(minutes=1))
    assert (StepKind.AVAILABLE, None, "vpce-1 is not available yet") in story({"monitoring": made})


def test_an_endpoint_that_came_to_nothing_is_told_as_that() -> None:
    made = Made("vpce-1", NOW - timedelta(minutes=1), is_settled=True)
    assert (StepKind.AVAILABLE, None, "vpce-1 did not become available") in story({"monitoring": made})


def test_an_endpoint_of_before_has_no_part_in_it() -> None:
    made = Made("vpce-1", NOW - timedelta(days=1), is_settled=True, ready_at=NOW - timedelta(days=1))
    assert not [text for _, _, text in story({"monitoring": made}) if "vpce-1" in text]


def test_a_cause_that_is_no_networks_has_no_endpoint_in_its_story() -> None:
    kinds = [kind for kind, _, _ in story(kind=CauseKind.AGENT, change=None)]
    assert kinds == [StepKind.GAP, StepKind.RECOVERY]


def test_where_the_endpoint_is_held_back_the_story_says_why() -> None:
    seen = see(vpc(subnet()))
    seen = replace(seen, plan=block_all(seen.plan, "x", "monthly_usd is 1 USD"), incidents=(incident(),))
    (row,) = cover(seen).incidents
    assert "blocked: monthly_usd is 1 USD" in [step.text for step in row.timeline]


def test_the_change_comes_first_although_the_datapoint_that_it_kept_away_was_due_before_it() -> None:
    """A datapoint is due when its minute is over, and is sent a while after that."""
    change = replace(CHANGE, at=NOW - timedelta(minutes=14, seconds=40))
    assert [kind for kind, _, _ in story(change=change)][:2] == [StepKind.CHANGE, StepKind.GAP]


def test_what_to_do_is_said_until_the_cause_is_gone() -> None:
    for cause, advice in (({}, "Wait."), ({"fixed_at": NOW, "fix": "vpce-1 is available"}, "")):
        (row,) = cover(replace(see(vpc(subnet())), incidents=(incident(advice="Wait.", **cause),))).incidents
        assert row.advice == advice


# ---- central endpoints that nobody has read


def test_what_could_not_be_read_is_unknown_and_what_nobody_looked_for_stands_as_planned() -> None:
    hub = table("main", route("10.0.0.0/8", TargetKind.TRANSIT_GATEWAY))
    network = vpc(subnet(), hub)
    unread = cell(see(network, dns=DnsView(unreadable=("the zones could not be read",))))
    known = "it isn't known whether a central endpoint gives subnet-a access to the monitoring service"
    assert (unread.standing, unread.detail) == (Standing.UNKNOWN, f"{known}; the zones could not be read")
    assert cell(see(network)).standing is Standing.MISSING
    refused = cell(see(network, creatable=frozenset({"logs"})))
    assert (refused.standing, "CreatableServices" in refused.detail) == (Standing.BLOCKED, True)

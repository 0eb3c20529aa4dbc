"""Which VPCs go first where a limit is short, by what Lifeline saw of them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.guards.urgency import (
    BACKLOG,
    LONG_PROVEN,
    MOST_SHUT,
    NOTED,
    ONCE,
    PROVEN,
    Knowledge,
    KnownPath,
    KnownVpc,
    note_paths,
    proven_after,
    shares_among,
    with_urgency,
)
from lifeline.core.network.model import SeenTier, Tier, UnsureTier, Vpc
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.plan.actions import Action, ActionKind, Plan, ServiceReport, ServiceState, Urgency
from lifeline.core.plan.endpoint_lifecycle import Made
from lifeline.core.policy.policy import REQUIRE, Policy, PolicyRule, Shares
from tests.support.builders import MONITORING, VPC_ID, endpoint, subnet, vpc

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = Policy(rules=(PolicyRule(frozenset({"monitoring"})),))
NETWORK = vpc(subnet("a"))
SUBNET = NETWORK.subnets[0].id


def plan(tier: SeenTier = Tier.ISOLATED, reach: Reach | None = None, *services: str) -> Plan:
    actions = tuple(
        Action(ActionKind.CREATE_INTERFACE_ENDPOINT, "it is missing", service=service)
        for service in services or ("monitoring",)
    )
    group = Action(ActionKind.CREATE_SECURITY_GROUP, "endpoints need one")
    path = ((SUBNET, NetworkPath(reach, "why")),) if reach else ()
    report = ServiceReport("monitoring", ServiceState.MISSING, paths=path)
    return Plan(VPC_ID, ((SUBNET, tier),), (group, *actions), (report,) if reach else ())


def known(had: timedelta, lost_for: timedelta = timedelta(), key: str = SUBNET) -> KnownVpc:
    since = NOW - lost_for - had
    return KnownVpc(since, {key: KnownPath(since, NOW - lost_for)})


def urgency(
    seen: KnownVpc | None,
    *silent_for: str,
    policy: Policy = RULES,
    network: Vpc = NETWORK,
    planned: Plan | None = None,
    bar: timedelta = PROVEN,
    made: Mapping[str, Made] | None = None,
) -> list[Urgency]:
    knowledge = Knowledge(seen, bar, made or {})
    marked = with_urgency(planned or plan(), network, policy, knowledge, frozenset(silent_for), now=NOW)
    return [action.urgency for action in marked.actions]


@pytest.mark.parametrize(
    ("had", "expected"),
    [
        (NOTED - MINUTE, Urgency.OTHER),
        (NOTED, Urgency.RECENT),
        (PROVEN - MINUTE, Urgency.RECENT),
        (PROVEN, Urgency.URGENT),
    ],
)
@pytest.mark.parametrize("key", [SUBNET, "monitoring"])
def test_a_lost_path_is_as_urgent_as_it_was_known_for_long(had: timedelta, expected: Urgency, key: str) -> None:
    planned = plan(Tier.ISOLATED, Reach.UNREACHABLE)
    assert urgency(known(had, key=key), planned=planned) == [expected, expected]


def test_a_vpc_that_was_never_seen_with_a_path_is_a_backlog_however_old_it_is() -> None:
    assert urgency(KnownVpc(NOW - 30 * PROVEN)) == [Urgency.OTHER] * 2
    assert urgency(None) == [Urgency.OTHER] * 2


def test_what_was_lost_long_ago_is_a_backlog() -> None:
    assert urgency(known(PROVEN, BACKLOG - MINUTE))[1] is Urgency.URGENT
    assert urgency(known(PROVEN, BACKLOG))[1] is Urgency.OTHER


def test_what_only_a_tag_asks_for_comes_last_where_rules_ask_for_something() -> None:
    tagged = replace(NETWORK, tags=((REQUIRE, "logs monitoring"),))
    planned = plan(Tier.ISOLATED, None, "logs", "monitoring")
    assert urgency(known(PROVEN), network=tagged, planned=planned) == [Urgency.URGENT, Urgency.TAGGED, Urgency.URGENT]
    by_tags = Policy(rules=())
    assert urgency(known(PROVEN), policy=by_tags, network=tagged, planned=planned)[1:] == [Urgency.OTHER] * 2


def test_what_only_a_tag_asks_for_is_as_good_as_anything_else_once_the_rules_have_their_endpoints() -> None:
    served = vpc(subnet("a"), endpoint(MONITORING, "a"))
    planned = plan(Tier.ISOLATED, Reach.SERVED, "logs")
    assert urgency(known(PROVEN), network=served, planned=planned)[1] is Urgency.OTHER


def test_a_rule_for_other_vpcs_makes_nothing_urgent_here() -> None:
    elsewhere = Policy(rules=(PolicyRule(frozenset({"monitoring"}), vpc_ids=frozenset({"vpc-0fedcba9876543210"})),))
    assert urgency(known(PROVEN), policy=elsewhere)[1] is Urgency.OTHER


def test_silent_agents_make_urgent_what_they_lack_and_what_the_rules_ask_for() -> None:
    planned = plan(Tier.ISOLATED, None, "ec2", "kms", "monitoring")
    old, new = KnownVpc(NOW - PROVEN), KnownVpc(NOW)
    assert urgency(old, "ec2", planned=planned)[1:] == [Urgency.URGENT, Urgency.TAGGED, Urgency.URGENT]
    assert urgency(new, "ec2", planned=planned)[1:] == [Urgency.RECENT, Urgency.TAGGED, Urgency.RECENT]


def test_what_was_made_within_a_day_is_not_urgent_again() -> None:
    made = {"monitoring": Made("vpce-0123456789abcdef0", NOW - ONCE + MINUTE)}
    before = {"monitoring": Made("vpce-0123456789abcdef0", NOW - ONCE)}
    seen = known(2 * ONCE)
    assert urgency(seen, made=made) == [Urgency.URGENT, Urgency.OTHER]
    assert urgency(seen, "monitoring", made=made)[1] is Urgency.OTHER
    assert urgency(seen, made=before)[1] is Urgency.URGENT
    others = plan(Tier.ISOLATED, None, "logs", "monitoring")
    both = Policy(rules=(PolicyRule(frozenset({"logs", "monitoring"})),))
    assert urgency(seen, planned=others, policy=both, made=made)[1:] == [Urgency.URGENT, Urgency.OTHER]


@pytest.mark.parametrize("kind", [ActionKind.ADD_SUBNETS, ActionKind.ENABLE_PRIVATE_DNS, ActionKind.RESET_POLICY])
def test_repairing_what_was_made_within_a_day_is_as_urgent_as_ever(kind: ActionKind) -> None:
    made = {"monitoring": Made("vpce-0123456789abcdef0", NOW - MINUTE)}
    repair = replace(plan(), actions=(Action(kind, "it is missing", service="monitoring"),))
    assert urgency(known(2 * ONCE), planned=repair, made=made) == [Urgency.URGENT]


def test_removals_are_as_they_were() -> None:
    gone = Action(ActionKind.RETIRE_ENDPOINT, "nothing requires it", service="monitoring")
    planned = replace(plan(), actions=(gone,))
    assert urgency(known(PROVEN), planned=planned) == [Urgency.OTHER]


# ---- what is noted


def noted(seen: KnownVpc, planned: Plan, now: datetime = NOW) -> KnownVpc:
    return note_paths({VPC_ID: seen}, [planned], now=now)[VPC_ID]


def test_a_path_is_known_from_the_first_time_on_and_lost_from_the_first_time_on() -> None:
    nothing = note_paths({}, [plan(Tier.ISOLATED)], now=NOW)
    assert nothing == {VPC_ID: KnownVpc(NOW, asked={})}
    seen = noted(nothing[VPC_ID], plan(Tier.EGRESS), NOW + MINUTE)
    known_now = KnownVpc(NOW, {SUBNET: KnownPath(NOW + MINUTE)}, asked={})
    assert noted(seen, plan(Tier.PUBLIC), NOW + PROVEN) == seen == known_now
    lost = noted(seen, plan(Tier.ISOLATED), NOW + PROVEN)
    assert lost.paths == {SUBNET: KnownPath(NOW + MINUTE, NOW + PROVEN)}
    assert noted(lost, plan(Tier.ISOLATED), NOW + 2 * PROVEN) == lost
    assert noted(lost, plan(Tier.EGRESS), NOW + 2 * PROVEN) == seen
    assert noted(lost, plan(Tier.ISOLATED), NOW + PROVEN + BACKLOG) == KnownVpc(NOW, asked={})


@pytest.mark.parametrize(
    ("tier", "reach", "is_lost"),
    [
        (Tier.ISOLATED, Reach.SERVED, False),
        (Tier.ISOLATED, Reach.CENTRAL, False),
        (Tier.ISOLATED, Reach.UNREACHABLE, True),
        (Tier.ISOLATED, Reach.FAILED, True),
        (Tier.ISOLATED, Reach.PENDING, False),
        (Tier.ISOLATED, Reach.UNKNOWN, False),
        (Tier.EGRESS, Reach.UNREACHABLE, False),
    ],
)
def test_a_service_is_lost_where_nothing_serves_an_isolated_subnet_any_more(
    tier: Tier, reach: Reach, *, is_lost: bool
) -> None:
    seen = KnownVpc(NOW - PROVEN, {"monitoring": KnownPath(NOW - PROVEN)})
    after = noted(seen, plan(tier, reach))
    assert (after.paths["monitoring"].lost_at is not None) is is_lost


def test_a_subnet_that_an_endpoint_serves_in_part_has_a_path() -> None:
    part = NetworkPath(Reach.PARTLY, "why", endpoint_id="vpce-1")
    for path, is_path in ((part, True), (replace(part, endpoint_id=""), False)):
        report = ServiceReport("monitoring", ServiceState.MISSING, paths=((SUBNET, path),))
        seen = noted(KnownVpc(NOW), Plan(VPC_ID, ((SUBNET, Tier.ISOLATED),), (), (report,)))
        assert ("monitoring" in seen.paths) is is_path


def test_since_when_it_looks_for_a_service_is_known_while_it_does() -> None:
    earlier = KnownVpc(NOW - PROVEN)
    first = noted(earlier, plan(Tier.ISOLATED, Reach.UNREACHABLE))
    assert (earlier.looked_since("monitoring"), first.looked_since("monitoring")) == (NOW - PROVEN, NOW)
    assert first.looked_since("logs") is None
    again = noted(first, plan(Tier.ISOLATED, Reach.SERVED), NOW + MINUTE)
    assert again.looked_since("monitoring") == NOW
    for unread in (plan(Tier.ISOLATED, Reach.UNKNOWN), plan(Tier.ISOLATED)):
        assert noted(again, unread, NOW + MINUTE).looked_since("monitoring") is None


@pytest.mark.parametrize(
    ("tier", "reach", "is_shut"),
    [
        (Tier.ISOLATED, Reach.CLOSED, True),
        (Tier.EGRESS, Reach.CLOSED, True),
        (Tier.ISOLATED, Reach.UNREACHABLE, True),
        (Tier.ISOLATED, Reach.FAILED, True),
        (Tier.ISOLATED, Reach.DNS_OFF, True),
        (Tier.ISOLATED, Reach.FILTERED, True),
        (Tier.EGRESS, Reach.UNREACHABLE, False),
        (UnsureTier.NOT_PUBLIC, Reach.UNREACHABLE, False),
        (Tier.ISOLATED, Reach.PARTLY, False),
        (Tier.ISOLATED, Reach.PENDING, False),
        (Tier.ISOLATED, Reach.UNKNOWN, False),
        (Tier.ISOLATED, Reach.SERVED, False),
    ],
)
def test_a_subnet_is_known_to_be_kept_from_a_service_where_nothing_leads_it_there(
    tier: SeenTier, reach: Reach, *, is_shut: bool
) -> None:
    seen = KnownVpc(NOW - PROVEN, {"monitoring": KnownPath(NOW - PROVEN)})
    after = noted(seen, plan(tier, reach))
    assert after.shut == ({"monitoring": {SUBNET: NOW}} if is_shut else {})
    assert noted(after, plan(tier, reach), NOW + MINUTE).shut == after.shut
    assert noted(after, plan(tier), NOW + MINUTE).shut == {}  # nobody looked: it may have been open in between


def test_no_subnet_is_noted_for_a_service_to_which_no_path_was_ever_seen() -> None:
    assert noted(KnownVpc(NOW - PROVEN), plan(Tier.ISOLATED, Reach.UNREACHABLE)).shut == {}


def test_of_more_subnets_than_can_be_noted_those_that_were_noted_first_stay() -> None:
    def shut(*numbers: int) -> Plan:
        paths = tuple((f"subnet-{number:03}", NetworkPath(Reach.CLOSED, "why")) for number in numbers)
        report = ServiceReport("monitoring", ServiceState.SERVED, paths=paths)
        return replace(plan(), tiers=tuple((subnet_id, Tier.ISOLATED) for subnet_id, _ in paths), services=(report,))

    seen = KnownVpc(NOW, {"monitoring": KnownPath(NOW)})
    first = noted(seen, shut(*range(100, 100 + MOST_SHUT)))
    assert len(first.shut["monitoring"]) == MOST_SHUT
    assert noted(first, shut(*range(100 + MOST_SHUT)), NOW + MINUTE).shut == first.shut


def test_a_sweep_forgets_vpcs_that_are_gone_and_keeps_those_that_wait_for_their_turn() -> None:
    seen = {"vpc-gone": KnownVpc(NOW), "vpc-waits": KnownVpc(NOW)}
    assert set(note_paths(seen, [plan()], now=NOW)) == {"vpc-gone", "vpc-waits", VPC_ID}
    assert set(note_paths(seen, [plan()], now=NOW, there=["vpc-waits", VPC_ID])) == {"vpc-waits", VPC_ID}


def test_nothing_is_kept_for_long_known_vpcs_where_there_are_none() -> None:
    assert shares_among({VPC_ID: known(PROVEN)}, Shares(), now=NOW) == Shares()
    assert shares_among({VPC_ID: known(PROVEN - MINUTE)}, Shares(), now=NOW) == Shares(proven_percent=0)


@pytest.mark.parametrize(
    ("longest", "bar"),
    [
        (timedelta(), PROVEN),
        (4 * PROVEN, PROVEN),
        (40 * PROVEN, 10 * PROVEN),
        (120 * PROVEN, LONG_PROVEN),
        (1000 * PROVEN, LONG_PROVEN),
    ],
)
def test_the_longer_lifeline_has_known_a_path_the_longer_it_takes_to_be_as_good(
    longest: timedelta, bar: timedelta
) -> None:
    assert proven_after({VPC_ID: known(longest), "vpc-new": known(MINUTE)}, NOW) == bar
    assert urgency(known(bar), bar=bar)[1] is Urgency.URGENT
    assert urgency(known(bar - MINUTE), bar=bar)[1] is Urgency.RECENT


def test_where_nothing_is_known_a_day_is_long() -> None:
    assert proven_after({}, NOW) == PROVEN


@given(st.lists(st.tuples(st.integers(1, 600), st.sampled_from(Tier)), max_size=30))
def test_no_vpc_is_urgent_that_was_made_less_than_a_day_ago_whatever_its_routes_do(
    steps: list[tuple[int, Tier]],
) -> None:
    seen, now = KnownVpc(NOW), NOW
    for minutes, tier in steps:
        now += minutes * MINUTE
        if now - NOW >= PROVEN:
            break
        seen = noted(seen, plan(tier), now)
        marked = with_urgency(plan(tier), NETWORK, RULES, Knowledge(seen), frozenset(), now=now)
        assert max(action.urgency for action in marked.actions) < Urgency.URGENT


def test_a_tag_that_takes_a_service_off_the_plan_for_a_while_makes_its_path_no_younger() -> None:
    long_known = {VPC_ID: KnownVpc(NOW - 30 * PROVEN, {"monitoring": KnownPath(NOW - 30 * PROVEN)})}
    without = note_paths(long_known, [replace(plan(), services=())], now=NOW)
    assert without[VPC_ID].paths["monitoring"] == KnownPath(NOW - 30 * PROVEN)

"""Why nothing requires a service although no subnet got another way out."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from lifeline.core.coexist.waivers import Waiver, find_lapsed, find_waivers
from lifeline.core.network.model import TargetKind, Tier, Vpc
from lifeline.core.policy.policy import EXEMPT, REQUIRE, Exempted, ExemptedBy, Policy, PolicyRule
from lifeline.core.policy.requiring_tags import requiring_tags
from tests.support.builders import VPC_ID, default_route, subnet, table, vpc

TODAY = date(2026, 11, 22)
ISOLATED = vpc(subnet("a"), subnet("b"))
OPEN = vpc(subnet("a"), table("main", default_route(TargetKind.INTERNET_GATEWAY)))


def asking(*services: str, **more: Any) -> Policy:
    tiers = frozenset({Tier.ISOLATED, Tier.EGRESS})
    return Policy(rules=(PolicyRule(frozenset(services), tiers=tiers),) if services else (), **more)


def tagged(network: Vpc, subject: str, key: str, value: str = "true") -> Vpc:
    subnets = tuple(
        replace(one, tags=(*one.tags, (key, value))) if one.id == subject else one for one in network.subnets
    )
    return replace(network, subnets=subnets, tags=((key, value),) if subject == network.id else network.tags)


def waivers(network: Vpc, policy: Policy, service: str = "monitoring") -> tuple[Waiver, ...]:
    return find_waivers(network, [service], policy, today=TODAY).get(service, ())


def subjects(network: Vpc, policy: Policy) -> list[tuple[str, str]]:
    return [(waiver.subject, waiver.tag) for waiver in waivers(network, policy)]


def test_an_exempt_vpc_or_each_exempt_subnet_is_named() -> None:
    policy = asking("monitoring")
    assert subjects(tagged(ISOLATED, VPC_ID, EXEMPT), policy) == [(VPC_ID, EXEMPT)]
    both = tagged(tagged(ISOLATED, "subnet-a", EXEMPT), "subnet-b", EXEMPT)
    assert subjects(both, policy) == [("subnet-a", EXEMPT), ("subnet-b", EXEMPT)]


def test_an_exemption_of_the_policy_or_a_call_rests_on_no_tag() -> None:
    exempted = Exempted(VPC_ID, ("monitoring",), None, "a sandbox")
    assert waivers(ISOLATED, asking("monitoring", exemptions=(exempted,))) == (Waiver(VPC_ID, exempted),)
    assert subjects(ISOLATED, asking("monitoring", exemptions=(exempted,))) == [(VPC_ID, "")]


def test_an_exemption_of_another_service_or_vpc_is_not_named() -> None:
    exempted = Exempted(VPC_ID, ("monitoring",), None, "a sandbox")
    others = Exempted(VPC_ID, ("logs",), None, "no logs"), Exempted("subnet-z", ("monitoring",), None, "elsewhere")
    assert waivers(ISOLATED, asking("monitoring", "logs", exemptions=(exempted, *others))) == (
        Waiver(VPC_ID, exempted),
    )


@pytest.mark.parametrize("subject", [VPC_ID, "subnet-a"])
def test_a_tag_that_leaves_the_service_out_is_named_by_who_has_it(subject: str) -> None:
    network = tagged(vpc(subnet("a")), subject, REQUIRE, "s3")
    assert subjects(network, asking("monitoring")) == [(subject, REQUIRE)]


def test_where_nobody_asks_at_all_a_tag_may_have_been_removed() -> None:
    assert waivers(ISOLATED, asking("logs")) == (Waiver(),)
    assert waivers(ISOLATED, asking()) == (Waiver(),)


def test_another_way_out_is_no_waiver_whoever_is_exempt() -> None:
    assert waivers(OPEN, asking("monitoring")) == ()
    assert waivers(tagged(OPEN, VPC_ID, EXEMPT), asking("monitoring")) == ()
    assert waivers(tagged(OPEN, VPC_ID, REQUIRE, "monitoring"), asking("logs")) == ()


def test_a_vpc_without_subnets_needs_no_waiver() -> None:
    assert waivers(vpc(), asking("monitoring")) == ()


PROD = PolicyRule(frozenset({"monitoring"}), vpc_tags=(("env", frozenset({"prod"})),))
APP = PolicyRule(frozenset({"monitoring"}), subnet_tags=(("tier", frozenset({"app", "db"})),))


@pytest.mark.parametrize(
    ("rules", "keys"),
    [((PROD,), {"env"}), ((PROD, APP), {"env", "tier"}), ((replace(PROD, vpc_ids=frozenset({"vpc-2"})),), set())],
)
def test_where_the_policy_asks_elsewhere_the_tags_by_which_it_could_select_are_named(
    rules: tuple[PolicyRule, ...], keys: set[str]
) -> None:
    (waiver,) = waivers(ISOLATED, Policy(rules=rules))
    assert (waiver.subject, set(waiver.keys), set(waiver.tags)) == ("", keys, {*keys, REQUIRE})


@pytest.mark.parametrize("tier", [Tier.EGRESS, Tier.PUBLIC])
def test_a_tier_that_changed_is_no_waiver(tier: Tier) -> None:
    elsewhere = PolicyRule(frozenset({"monitoring"}), tiers=frozenset({tier}), vpc_tags=PROD.vpc_tags)
    assert waivers(tagged(ISOLATED, VPC_ID, "env", "prod"), Policy(rules=(elsewhere,))) == ()


# ---- what lapsed by a tag, whether Lifeline has an endpoint or not


def lapsed(network: Vpc, policy: Policy, before: Vpc | None = None) -> dict[str, list[tuple[str, set[str]]]]:
    """By subnet, the subjects and the keys of what lapsed; `before` is the VPC as it was tagged."""
    known = requiring_tags(before, policy) if before else {}
    tiers = {one.id: Tier.ISOLATED for one in network.subnets}
    found = find_lapsed(network, policy, tiers, known, today=TODAY)
    assert {service for _, service in found} <= {"monitoring"}
    return {one: [(waiver.subject, {*waiver.tags}) for waiver in said] for (one, _), said in found.items()}


def test_nothing_lapsed_where_no_tag_says_anything() -> None:
    assert lapsed(ISOLATED, asking("monitoring")) == {}
    exempted = Exempted("subnet-a", (), None, "a sandbox")
    assert lapsed(tagged(ISOLATED, "subnet-b", "env", "prod"), asking("monitoring", exemptions=(exempted,))) == {}


def test_what_a_tag_exempts_or_leaves_out_lapsed() -> None:
    network = tagged(tagged(ISOLATED, "subnet-a", EXEMPT), "subnet-b", REQUIRE, "logs")
    found = {"subnet-a": [("subnet-a", {EXEMPT})], "subnet-b": [("subnet-b", {REQUIRE})]}
    assert lapsed(network, asking("monitoring")) == found


def test_what_the_policy_or_a_call_exempts_as_well_did_not_lapse_by_the_tag() -> None:
    exempted = Exempted("subnet-a", (), None, "a sandbox", ExemptedBy.CALL)
    assert lapsed(tagged(ISOLATED, "subnet-a", EXEMPT), asking("monitoring", exemptions=(exempted,))) == {}


@pytest.mark.parametrize("now", [None, "pr0d"])
def test_what_a_tag_selected_before_lapsed(now: str | None) -> None:
    before = tagged(ISOLATED, VPC_ID, "env", "prod")
    network = tagged(ISOLATED, VPC_ID, "env", now) if now else ISOLATED
    assert lapsed(network, Policy(rules=(PROD,)), before) == {
        "subnet-a": [(VPC_ID, {"env"})],
        "subnet-b": [(VPC_ID, {"env"})],
    }
    assert lapsed(network, Policy(rules=(APP,)), before) == {}  # the policy doesn't go by that tag any more


def test_of_subnets_only_the_one_whose_tag_changed_lapsed() -> None:
    before = tagged(tagged(ISOLATED, "subnet-a", "tier", "app"), "subnet-b", "tier", "db")
    network = tagged(tagged(ISOLATED, "subnet-a", "tier", "app"), "subnet-b", "tier", "old")
    assert lapsed(network, Policy(rules=(APP,)), before) == {"subnet-b": [("subnet-b", {"tier"})]}


def test_a_tag_that_required_it_and_is_gone_lapsed() -> None:
    before = tagged(ISOLATED, "subnet-b", REQUIRE, "cloudwatch-agent")
    found = find_lapsed(
        ISOLATED,
        asking(),
        {"subnet-a": Tier.ISOLATED, "subnet-b": Tier.ISOLATED},
        requiring_tags(before, asking()),
        today=TODAY,
    )
    assert {pair[0] for pair in found} == {"subnet-b"}
    assert {waiver.subject for said in found.values() for waiver in said} == {"subnet-b"}


def test_an_exemption_beside_a_changed_tag_is_named() -> None:
    before = tagged(ISOLATED, "subnet-a", "tier", "app")
    network = tagged(tagged(ISOLATED, "subnet-a", "tier", "old"), "subnet-a", EXEMPT)
    assert lapsed(network, Policy(rules=(APP,)), before) == {"subnet-a": [("subnet-a", {EXEMPT})]}

"""Why nothing requires a service although no subnet got another way out."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from lifeline.core.coexist.waivers import Waiver, find_waivers
from lifeline.core.network.model import TargetKind, Tier, Vpc
from lifeline.core.policy.policy import EXEMPT, REQUIRE, Exempted, Policy, PolicyRule
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


def test_where_the_policy_asks_elsewhere_the_only_path_stays_anyway() -> None:
    elsewhere = PolicyRule(frozenset({"monitoring"}), vpc_tags=(("env", frozenset({"prod"})),))
    assert waivers(ISOLATED, Policy(rules=(elsewhere,))) == ()

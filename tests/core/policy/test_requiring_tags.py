"""Tags by which something is required, and what of them is known once they change."""

from dataclasses import replace
from datetime import date

import pytest

from lifeline.core.network.model import Tier, Vpc
from lifeline.core.policy.policy import EXEMPT, REQUIRE, Policy, PolicyRule, desired
from lifeline.core.policy.requiring_tags import RequiringTags, as_required, lost_keys, note_tags, requiring_tags
from tests.support.builders import VPC_ID, subnet, vpc

TODAY = date(2026, 11, 22)
PROD = PolicyRule(frozenset({"monitoring"}), vpc_tags=(("env", frozenset({"prod", "live"})),))
APP = PolicyRule(frozenset({"logs"}), subnet_tags=(("tier", frozenset({"app"})),))
POLICY = Policy(rules=(PROD, APP))


def network(*of_vpc: tuple[str, str], of_subnet: tuple[tuple[str, str], ...] = ()) -> Vpc:
    return replace(vpc(replace(subnet("a"), tags=of_subnet), subnet("b")), tags=of_vpc)


def noted(*after_each_other: Vpc, policy: Policy = POLICY) -> RequiringTags:
    known: RequiringTags = {}
    for seen in after_each_other:
        known = note_tags(known, seen, policy, today=TODAY)
    return known


def test_only_tags_that_require_something_are_kept() -> None:
    seen = network(("env", "prod"), ("Name", "x"), ("tier", "app"), of_subnet=(("tier", "app"), ("env", "prod")))
    assert requiring_tags(seen, POLICY) == {VPC_ID: (("env", "prod"),), "subnet-a": (("tier", "app"),)}
    assert requiring_tags(network(("env", "test"), (EXEMPT, "true")), POLICY) == {}


@pytest.mark.parametrize("value", ["logs ssm", "ssm,logs"])
def test_of_what_a_tag_requires_each_service_is_kept(value: str) -> None:
    assert requiring_tags(network((REQUIRE, value)), POLICY) == {VPC_ID: ((REQUIRE, "logs"), (REQUIRE, "ssm"))}
    assert requiring_tags(network((REQUIRE, "no such service!")), POLICY) == {}


@pytest.mark.parametrize("now", [network(), network(("env", "pr0d")), network(("env", "prod "))])
def test_what_required_more_stays_known(now: Vpc) -> None:
    assert noted(network(("env", "prod")), now, now) == {VPC_ID: (("env", "prod"),)}


@pytest.mark.parametrize(
    "now",
    [
        network(("env", "live")),
        network((REQUIRE, "monitoring"), ("env", "dev")),
        network(("env", "prod"), (EXEMPT, "true")),
    ],
)
def test_where_no_less_is_required_it_is_known_as_it_is(now: Vpc) -> None:
    assert noted(network(("env", "prod")), now) == requiring_tags(now, POLICY)


def test_what_is_required_beside_what_was_is_known_as_well() -> None:
    seen = noted(network(("env", "prod")), network(), network((REQUIRE, "ssm")), network())
    assert seen == {VPC_ID: (("env", "prod"), (REQUIRE, "ssm"))}
    assert noted(
        network(("env", "prod")), network(), network((REQUIRE, "ssm")), network((REQUIRE, "monitoring ssm"))
    ) == {VPC_ID: ((REQUIRE, "monitoring"), (REQUIRE, "ssm"))}


def test_tags_of_subnets_that_are_gone_are_forgotten() -> None:
    assert noted(network(of_subnet=(("tier", "app"),)), vpc(subnet("b"))) == {}


def test_what_the_policy_no_longer_goes_by_is_forgotten() -> None:
    known = noted(network(("env", "prod")))
    assert note_tags(known, network(), Policy(rules=(APP,)), today=TODAY) == {}


def test_a_vpc_as_it_was_requires_what_it_did_beside_what_it_does() -> None:
    known = {VPC_ID: (("env", "prod"),), "subnet-a": (("tier", "app"),)}
    before = as_required(network(("env", "pr0d")), known)
    want = desired(POLICY, before, {"subnet-a": Tier.ISOLATED, "subnet-b": Tier.ISOLATED}, today=TODAY)
    assert want.pairs == {("subnet-a", "monitoring"), ("subnet-b", "monitoring"), ("subnet-a", "logs")}
    both = as_required(network((REQUIRE, "s3")), {VPC_ID: ((REQUIRE, "ssm"),)})
    assert both.tag(REQUIRE) == "s3 ssm"


def test_the_keys_that_were_lost_are_named() -> None:
    known = {VPC_ID: (("env", "prod"), (REQUIRE, "logs"), (REQUIRE, "ssm"))}
    assert lost_keys(network(("env", "prod"), (REQUIRE, "ssm logs")), known) == frozenset()
    assert lost_keys(network(("env", "live"), (REQUIRE, "ssm")), known) == {"env", REQUIRE}

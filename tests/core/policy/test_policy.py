"""Documents, tags and exemptions, and what they make of one VPC."""

import json
import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator  # type: ignore[import-untyped] # not ours: a second opinion on the schema

from lifeline.core.agents.watches import Watch
from lifeline.core.errors import InvalidInputError
from lifeline.core.network.model import Subnet, Tier, UnsureTier, Vpc
from lifeline.core.policy.document import MOST_BYTES
from lifeline.core.policy.policy import (
    EXEMPT,
    MOST_UNKNOWN,
    PRIVATE,
    REQUIRE,
    AllAccounts,
    Desired,
    Exempted,
    Limits,
    Policy,
    PolicyRule,
    Quotas,
    Requirement,
    asked_in,
    desired,
    simple_policy,
    spared_in,
)
from lifeline.core.policy.reading import read_policy
from lifeline.core.policy.runbook import RUNBOOK
from lifeline.core.policy.service_sets import NAMED_SETS, expand
from tests.support.builders import VPC_ID, subnet, vpc

TODAY = date(2026, 11, 22)
YESTERDAY = TODAY - timedelta(days=1)
SUBNET_ID = "subnet-0123456789abcdef0"
SCHEMA: dict[str, Any] = json.loads(files("lifeline").joinpath("policy.schema.json").read_text("utf-8"))
ADDRESSES = (
    RUNBOOK,
    "https://wiki.example.com",
    "https://wiki.example.com:8443/x/a_b-c~d/%20?page=7&view=1#what-now",
    "https://intranet/lifeline",
    "https://wiki.example.com/@dana/Lifeline_(AWS)?as='x'&for=*&usd=$5",
    f"https://{'a' * 248}",
)
NO_ADDRESSES = (
    "",
    "wiki.example.com",
    "http://wiki.example.com",
    "https://",
    "https:///lifeline",
    "https://wiki..example.com",
    "https://dana@wiki.example.com",
    "https://dana:x@wiki.example.com/lifeline",
    "https://wiki.example.com(x)",
    "https://wiki.example.com/[x]",
    "https://wiki.example.com/a b",
    "https://wiki.example.com/\n",
    "https://wiki.example.com\n",
    "https://wiki.example.com/\x1b[31m",
    "https://wiki.example.com/<script>",
    "https://wiki.example.com/|`*",
    "https://wiki.ex\u0430mple.com",
    "javascript:alert(1)",
    " https://wiki.example.com",
    7,
    None,
    ["https://wiki.example.com"],
)


def document(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": 1, "rules": list(rules) or [{"require": ["monitoring"]}], **more}


def read(said: object) -> Policy:
    return read_policy(json.dumps(said))


def rule(*services: str, **more: Any) -> PolicyRule:
    return PolicyRule(expand(services or ("monitoring",)), **more)


def policy(*rules: PolicyRule, **more: Any) -> Policy:
    return Policy(rules=rules or (rule(),), **more)


def tagged(name: str = "a", **tags: str) -> Subnet:
    return subnet(name, tags=tuple((key.replace("_", ":"), value) for key, value in tags.items()))


def look(said: Policy, network: Vpc, *, today: date = TODAY, **tiers: Tier) -> Desired:
    """What the policy wants of the network, whose subnets are isolated unless said otherwise."""
    of_all = {one.id: tiers.get(one.id.removeprefix("subnet-"), Tier.ISOLATED) for one in network.subnets}
    return desired(said, network, of_all, today=today)


def services(said: Policy, network: Vpc, **more: Any) -> dict[str, set[str]]:
    """What each subnet must reach."""
    found: dict[str, set[str]] = {}
    for requirement in look(said, network, **more).requirements:
        for subnet_id in requirement.subnet_ids:
            found.setdefault(subnet_id.removeprefix("subnet-"), set()).add(requirement.service)
    return found


# ---- rules


def test_every_matching_rule_adds_its_services() -> None:
    said = policy(rule("monitoring"), rule("logs", "monitoring"), rule("s3", vpc_ids=frozenset({"vpc-other"})))
    assert services(said, vpc(subnet("a"))) == {"a": {"monitoring", "logs"}}


def test_a_rule_without_tiers_is_about_private_subnets() -> None:
    network = vpc(subnet("a"), subnet("b"), subnet("c"))
    assert services(policy(), network, b=Tier.EGRESS, c=Tier.PUBLIC) == {"a": {"monitoring"}, "b": {"monitoring"}}


def test_public_subnets_are_meant_where_a_rule_names_them() -> None:
    said = policy(rule("sqs", tiers=frozenset({Tier.PUBLIC})))
    assert services(said, vpc(subnet("a"), subnet("b")), b=Tier.PUBLIC) == {"b": {"sqs"}}


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        ({}, True),
        ({"vpc_ids": [VPC_ID]}, True),
        ({"vpc_ids": ["vpc-01234567"]}, False),
        ({"vpc_tags": {"env": "prod"}}, True),
        ({"vpc_tags": {"env": ["stage", "prod"]}}, True),
        ({"vpc_tags": {"env": "dev"}}, False),
        ({"vpc_tags": {"env": "prod", "team": "a"}}, False),
        ({"vpc_tags": {"Env": "prod"}}, False),
        ({"subnet_tags": {"workload": "batch"}}, True),
        ({"subnet_tags": {"env": "prod"}}, False),
        ({"vpc_tags": {"env": "prod"}, "subnet_tags": {"workload": "web"}}, False),
        ({"tiers": ["isolated"]}, True),
        ({"tiers": ["egress", "public"]}, False),
    ],
)
def test_a_rule_matches_subnets_that_meet_every_condition(where: dict[str, Any], *, matches: bool) -> None:
    network = vpc(tagged("a", workload="batch"), tags=(("env", "prod"),))
    said = read(document({"require": ["monitoring"], "where": where}))
    assert services(said, network) == ({"a": {"monitoring"}} if matches else {})


def test_of_the_names_of_no_service_in_tags_some_count_and_the_others_are_one_problem() -> None:
    names = [f"six-{place:04}" for place in range(630)]
    subnets = [tagged(f"s{place}", lifeline_require=" ".join(names[place::10])) for place in range(10)]
    said = policy(rule("monitoring", "of-the-policy"), known_names=frozenset({"monitoring"}))
    found = look(said, vpc(*subnets, tagged("slip", lifeline_require="monitoring")))
    asked = {one.service for one in found.requirements}
    assert asked == {"monitoring", "of-the-policy", *names[:MOST_UNKNOWN]}
    (problem,) = found.problems
    assert "620 more services that the region doesn't offer, such as six-0010" in problem
    unread = look(replace(said, known_names=None), vpc(*subnets))
    assert (len(unread.requirements), unread.problems) == (630, ())


def test_only_available_subnets_count_and_only_their_tags_are_read() -> None:
    network = vpc(replace(tagged("a", lifeline_exempt="maybe"), state="pending"))
    assert look(policy(), network) == Desired(())


def test_wishes_are_one_for_each_service_in_their_order() -> None:
    said = policy(rule("s3", "ecr.api", per_zone=False), rule("ec2", tiers=frozenset({Tier.EGRESS})))
    assert look(said, vpc(subnet("a"), subnet("b")), b=Tier.EGRESS).requirements == (
        Requirement("ec2", frozenset({"subnet-b"}), per_zone=True),
        Requirement("ecr.api", frozenset({"subnet-a", "subnet-b"}), per_zone=False),
        Requirement("s3", frozenset({"subnet-a", "subnet-b"}), per_zone=False),
    )


def test_each_zone_wins_where_rules_differ_in_coverage() -> None:
    in_each = rule(tiers=frozenset({Tier.EGRESS}))
    anywhere = rule(per_zone=False, tiers=frozenset({Tier.ISOLATED}))
    network = vpc(subnet("a"), subnet("b"))
    assert [one.per_zone for one in look(policy(anywhere, in_each), network, b=Tier.EGRESS).requirements] == [True]
    assert [one.per_zone for one in look(policy(anywhere, in_each), network).requirements] == [False]
    for said in (policy(rule(), rule(per_zone=False)), policy(rule(per_zone=False), rule())):
        assert [one.per_zone for one in look(said, network).requirements] == [True]


def test_the_required_services_alone_make_a_policy_for_private_subnets() -> None:
    said = simple_policy(["monitoring", "ecr-pull"])
    found = look(said, vpc(subnet("a"), subnet("b"), subnet("c")), b=Tier.EGRESS, c=Tier.PUBLIC)
    assert [one.service for one in found.requirements] == ["ecr.api", "ecr.dkr", "monitoring", "s3"]
    private = frozenset({"subnet-a", "subnet-b"})
    assert {(one.subnet_ids, one.per_zone) for one in found.requirements} == {(private, True)}
    assert (said.limits, said.fix_dns, said.exemptions) == (Quotas(50, 20), False, ())


# ---- named sets


def test_the_agent_of_the_story_gets_metrics_and_the_tags_it_waits_for() -> None:
    assert NAMED_SETS["cloudwatch-agent"] == {"monitoring", "ec2"}


def test_sets_hold_services_only_and_none_has_a_services_name() -> None:
    members = {service for one in NAMED_SETS.values() for service in one}
    known = {"secretsmanager", "ecs", "ecs-agent", "ecs-telemetry", "eks", "eks-auth", "eks-proxy", "ssm-contacts"}
    assert not set(NAMED_SETS) & (members | known | {"cloudtrail", "ecr.api", "ssm-incidents", "ssm-quicksetup"})


def test_the_schema_proposes_every_set() -> None:
    assert set(NAMED_SETS) <= set(SCHEMA["definitions"]["services"]["items"]["examples"])


# ---- tags


def test_a_subnets_tag_stands_in_for_the_rules_whatever_its_tier() -> None:
    network = vpc(tagged("a", lifeline_require="logs,ecr-pull"), subnet("b"), tagged("c", lifeline_require="sqs"))
    assert services(policy(), network, c=Tier.PUBLIC) == {
        "a": {"logs", "ecr.api", "ecr.dkr", "s3"},
        "b": {"monitoring"},
        "c": {"sqs"},
    }


def test_a_vpcs_tag_stands_in_for_the_rules_and_asks_in_private_subnets() -> None:
    everywhere = policy(rule("monitoring", tiers=frozenset(Tier)))
    network = vpc(subnet("a"), subnet("b"), subnet("c"), tags=((REQUIRE, "logs"),))
    assert services(everywhere, network, b=Tier.EGRESS, c=Tier.PUBLIC) == {"a": {"logs"}, "b": {"logs"}}


def test_a_subnets_tag_beats_its_vpcs() -> None:
    network = vpc(tagged("a", lifeline_require="s3"), subnet("b"), tags=((REQUIRE, "logs"),))
    assert services(policy(), network) == {"a": {"s3"}, "b": {"logs"}}


def test_tags_have_the_policys_coverage() -> None:
    network = vpc(tagged("a", lifeline_require="logs"))
    for per_zone in (True, False):
        assert [one.per_zone for one in look(policy(per_zone=per_zone), network).requirements] == [per_zone]


@pytest.mark.parametrize("value", ["monitoring,logs", "monitoring, logs", "logs monitoring", " logs,monitoring, "])
def test_a_tag_lists_services_with_commas_or_spaces(value: str) -> None:
    assert services(policy(rule("s3")), vpc(tagged("a", lifeline_require=value))) == {"a": {"monitoring", "logs"}}


@pytest.mark.parametrize(
    "value", ["", " ", ",", "logs,Monitoring", "monitoring;logs", "set:x", "a..b", "m\u00f6nitoring"]
)
def test_a_list_that_cant_be_read_leaves_the_rules_standing(value: str) -> None:
    found = look(policy(), vpc(tagged("a", lifeline_require=value)))
    assert [one.service for one in found.requirements] == ["monitoring"]
    (problem,) = found.problems
    assert problem == (
        f"subnet-a: the tag lifeline:require is {value!a}, which is no list of services or named sets such as "
        "monitoring,logs; it counts as absent"
    )


@pytest.mark.parametrize("value", ["true", "True", " true", "2026-11-22", "2026-11-23"])
def test_an_exempt_subnet_need_reach_nothing(value: str) -> None:
    network = vpc(tagged("a", lifeline_exempt=value, lifeline_require="logs"), subnet("b"))
    found = look(policy(), network)
    assert [one.subnet_ids for one in found.requirements] == [{"subnet-b"}]
    assert [(one.subject, one.services, one.reason) for one in found.exempted] == [("subnet-a", (), f"tag {EXEMPT}")]
    assert found.problems == ()


def test_an_exempt_vpc_exempts_all_its_subnets() -> None:
    found = look(policy(), vpc(subnet("a"), tagged("b", lifeline_require="logs"), tags=((EXEMPT, "2027-01-31"),)))
    assert found == Desired((), (Exempted(VPC_ID, (), date(2027, 1, 31), "tag lifeline:exempt"),))


@pytest.mark.parametrize("value", ["false", "False", "2026-11-21", "0001-01-01"])
def test_a_tag_that_says_no_or_has_passed_changes_nothing(value: str) -> None:
    assert look(policy(), vpc(tagged("a", lifeline_exempt=value))) == look(policy(), vpc(subnet("a")))


@pytest.mark.parametrize("value", ["", "yes", "20270131", "2027-02-30", "2027-1-31", "2027-W01-1", "\u0662027-01-31"])
def test_an_exemption_that_cant_be_read_exempts_nothing(value: str) -> None:
    found = look(policy(), vpc(tagged("a", lifeline_exempt=value)))
    assert [one.service for one in (*found.requirements, *found.unsure)] == ["monitoring"]
    (problem,) = found.problems
    assert problem == (
        f"subnet-a: the tag lifeline:exempt is {value!a}, which is neither true nor a date such as 2027-01-31; "
        "it exempts nothing"
    )


@given(st.text(max_size=256), st.text(max_size=256))
def test_whatever_a_tag_says_problems_are_printable_and_short(require: str, exempt: str) -> None:
    found = look(policy(), vpc(subnet("a", tags=((REQUIRE, require), (EXEMPT, exempt)))))
    assert all(problem.isascii() and problem.isprintable() and len(problem) < 250 for problem in found.problems)


# ---- exemptions of the document


def exempted(**more: Any) -> Exempted:
    return replace(Exempted(VPC_ID, (), None, "migration"), **more)


@pytest.mark.parametrize(
    ("exemption", "left"),
    [
        (exempted(), {}),
        (exempted(until=TODAY), {}),
        (exempted(until=YESTERDAY), {"a": {"logs", "monitoring"}, "b": {"logs", "monitoring"}}),
        (exempted(services=("logs",)), {"a": {"monitoring"}, "b": {"monitoring"}}),
        (exempted(subject="subnet-a"), {"b": {"logs", "monitoring"}}),
        (exempted(subject="subnet-a", services=("logs", "s3")), {"a": {"monitoring"}, "b": {"logs", "monitoring"}}),
        (exempted(subject="vpc-other"), {"a": {"logs", "monitoring"}, "b": {"logs", "monitoring"}}),
    ],
)
def test_an_exemption_takes_away_until_its_last_day(exemption: Exempted, left: dict[str, set[str]]) -> None:
    said = policy(rule("logs", "monitoring"), exemptions=(exemption,))
    assert services(said, vpc(subnet("a"), subnet("b"))) == left


def test_exemptions_are_told_where_they_took_something_away() -> None:
    idle = exempted(services=("kms",))
    elsewhere = exempted(subject="subnet-z")
    found = look(policy(exemptions=(elsewhere, idle, exempted(services=("monitoring",)))), vpc(subnet("a")))
    assert found == Desired((), (exempted(services=("monitoring",)),))


def test_exemptions_are_told_in_their_order() -> None:
    said = [exempted(subject=f"subnet-{name}", until=until) for name in "abcdef" for until in (TODAY, None)]
    network = vpc(*(subnet(name) for name in "fedcba"))
    assert look(policy(exemptions=tuple(reversed(said))), network).exempted == tuple(said)


def test_exemptions_count_against_tags() -> None:
    network = vpc(tagged("a", lifeline_require="logs,s3"))
    assert services(policy(exemptions=(exempted(services=("logs",)),)), network) == {"a": {"s3"}}


def test_what_a_subnet_must_reach_counts_what_it_would_have_to_without_its_way_out() -> None:
    isolated = rule("logs", tiers=frozenset({Tier.ISOLATED}))
    said = policy(rule("monitoring"), isolated, exemptions=(exempted(subject="subnet-b", services=("logs",)),))
    network = vpc(subnet("a"), subnet("b"), subnet("c"), tagged("d", lifeline_require="ssm"))
    out = {one.id: Tier.EGRESS for one in network.subnets}
    assert asked_in(said, network, out, today=TODAY) == {
        "subnet-a": {"monitoring", "logs"},
        "subnet-b": {"monitoring"},
        "subnet-c": {"monitoring", "logs"},
        "subnet-d": {"ssm"},
    }
    public = policy(rule("sqs", tiers=frozenset({Tier.PUBLIC})))
    of_public = asked_in(public, vpc(subnet("a")), {"subnet-a": Tier.PUBLIC}, today=TODAY)
    assert of_public == {"subnet-a": {"sqs"}}
    unsure = asked_in(public, vpc(subnet("a")), {"subnet-a": UnsureTier.UNKNOWN}, today=TODAY)
    assert unsure == {"subnet-a": {"sqs"}}
    assert asked_in(public, vpc(subnet("a")), {"subnet-a": Tier.EGRESS}, today=TODAY) == {"subnet-a": set()}


def test_what_only_a_tag_asks_for_is_told_from_what_a_rule_does_in_the_vpc() -> None:
    tagged = replace(subnet("b"), tags=(("lifeline:require", "logs monitoring ssm"),))
    network = vpc(subnet("a"), tagged)
    said = policy(rule("monitoring"), rule("logs", vpc_tags=(("env", frozenset({"prod"})),)))
    for of, by_tag in ((network, {"logs", "ssm"}), (replace(network, tags=(("env", "prod"),)), {"ssm"})):
        tiers = dict.fromkeys(("subnet-a", "subnet-b"), Tier.EGRESS)
        asked = desired(said, of, tiers, today=TODAY).requirements
        assert {one.service for one in asked if one.is_by_tag} == by_tag


def test_what_a_subnet_is_spared_is_known_whether_it_has_a_way_out_or_not() -> None:
    isolated = rule("logs", tiers=frozenset({Tier.ISOLATED}))
    of_a, of_vpc = exempted(subject="subnet-a", services=("logs",)), exempted(subject=VPC_ID, services=("monitoring",))
    said = policy(rule("monitoring"), isolated, exemptions=(of_a, of_vpc))
    network = vpc(subnet("a"), subnet("b"))
    assert spared_in(said, network, {one.id: Tier.EGRESS for one in network.subnets}, today=TODAY) == {
        "subnet-a": {"logs": of_a, "monitoring": of_vpc},
        "subnet-b": {"monitoring": of_vpc},
    }


# ---- documents


def test_a_document_is_read_with_every_field() -> None:
    said = document(
        {
            "name": "production",
            "require": ["cloudwatch-agent", "logs"],
            "where": {
                "tiers": ["isolated", "public"],
                "vpc_ids": [VPC_ID],
                "vpc_tags": {"env": ["prod", "stage"]},
                "subnet_tags": {"b": "1", "a": "2"},
            },
            "coverage": "vpc",
        },
        exemptions=[
            {"vpc_id": VPC_ID, "services": ["ecr-pull"], "until": "2027-01-31", "reason": "migration"},
            {"subnet_id": SUBNET_ID, "reason": "f\u00fcr immer"},
        ],
        limits={"interface_endpoints_per_vpc": 10, "gateway_endpoints_per_region": 30},
        fix_dns=True,
        session_names="hash",
        backlog="act",
        runbook_url="https://wiki.example.com/lifeline",
        **{"$schema": "policy.schema.json"},
    )
    assert read(said) == Policy(
        rules=(
            PolicyRule(
                services=frozenset({"ec2", "monitoring", "logs"}),
                per_zone=False,
                tiers=frozenset({Tier.ISOLATED, Tier.PUBLIC}),
                vpc_ids=frozenset({VPC_ID}),
                vpc_tags=(("env", frozenset({"prod", "stage"})),),
                subnet_tags=(("a", frozenset({"2"})), ("b", frozenset({"1"}))),
                name="production",
            ),
        ),
        exemptions=(
            Exempted(VPC_ID, ("ecr.api", "ecr.dkr", "s3"), date(2027, 1, 31), "migration"),
            Exempted(SUBNET_ID, (), None, "f\u00fcr immer"),
        ),
        limits=Quotas(10, 30),
        fix_dns=True,
        per_zone=True,
        hash_session_names=True,
        acts_on_backlog=True,
        runbook_url="https://wiki.example.com/lifeline",
    )


def test_what_a_document_leaves_out_is_as_the_schema_says() -> None:
    fields, where = SCHEMA["properties"], SCHEMA["definitions"]["rule"]["properties"]["where"]["properties"]
    said = read(document())
    assert said.rules[0].tiers == PRIVATE == set(where["tiers"]["default"])
    assert said.per_zone is said.rules[0].per_zone is (fields["coverage"]["default"] == "az")
    assert said.fix_dns is fields["fix_dns"]["default"]
    assert said.hash_session_names is (fields["session_names"]["default"] == "hash")
    assert said.acts_on_backlog is (fields["backlog"]["default"] == "act")
    assert list(said.exemptions) == fields["exemptions"]["default"]
    for name, limit in fields["limits"]["properties"].items():
        assert getattr(said.limits, name) == limit["default"]
    limits = fields["without_approval"]["properties"]
    in_all = limits.pop("all_accounts")["properties"]
    for name, limit in limits.items():
        assert getattr(said.without_approval, name) == limit["default"]
    for name, limit in in_all.items():
        assert getattr(said.without_approval.all_accounts, name) == limit["default"]
    assert said.retire_after == timedelta(hours=fields["retire_after_hours"]["default"])
    assert said.iac_debounce == timedelta(seconds=fields["iac_debounce_seconds"]["default"])
    assert said.ledger_keep == timedelta(days=fields["ledger_days"]["default"])
    assert said.is_canary is fields["canary"]["default"]
    assert said.sends_events is fields["send_events"]["default"]
    assert said.proves_event_path is fields["prove_event_path"]["default"]
    assert said.runbook_url == fields["runbook_url"]["default"] == RUNBOOK
    assert said.watches == (Watch(),)


def test_what_tunes_lifeline_is_read_with_its_units() -> None:
    said = read(
        {
            "version": 1,
            "without_approval": {
                "endpoints_per_run": 1,
                "endpoints_per_day": 2.0,
                "vpcs_per_run": 3,
                "vpcs_per_day": 0,
                "monthly_usd_per_vpc": 7.30,
                "monthly_usd": 1000,
                "all_accounts": {"endpoints_per_day": 9.0, "monthly_usd": 99.9},
            },
            "retire_after_hours": 0,
            "canary": True,
            "iac_debounce_seconds": 900,
            "send_events": False,
            "prove_event_path": False,
            "ledger_days": 30.0,
        }
    )
    assert said.without_approval == Limits(
        1, 2, 3, 0, Decimal("7.3"), Decimal(1000), AllAccounts(endpoints_per_day=9, monthly_usd=Decimal("99.9"))
    )
    assert (said.retire_after, said.iac_debounce) == (timedelta(), timedelta(minutes=15))
    assert (said.is_canary, said.sends_events, said.ledger_keep) == (True, False, timedelta(days=30))
    assert not said.proves_event_path


def test_accounts_may_be_left_out_of_the_proof_of_the_event_path() -> None:
    said = read({"version": 1, "prove_event_path": {"except": ["111122223333", "444455556666"]}})
    assert said.proves_event_path
    assert said.unproven_accounts == {"111122223333", "444455556666"}
    assert read({"version": 1}).unproven_accounts == frozenset()


@pytest.mark.parametrize("coverage", ["az", "vpc"])
def test_a_document_without_rules_leaves_them_to_the_required_services(coverage: str) -> None:
    stacks = simple_policy(["logs"])
    (found,) = read_policy(json.dumps({"version": 1, "coverage": coverage}), stacks.rules).rules
    assert found == replace(stacks.rules[0], per_zone=coverage == "az")
    assert read_policy(json.dumps({"version": 1, "rules": []}), stacks.rules).rules == ()


@pytest.mark.parametrize(("policys", "rules", "per_zone"), [("vpc", None, False), ("vpc", "az", True)])
def test_a_rule_has_the_policys_coverage_unless_it_says(policys: str, rules: str | None, *, per_zone: bool) -> None:
    said = {"require": ["logs"], **({"coverage": rules} if rules else {})}
    assert read(document(said, coverage=policys)).rules[0].per_zone is per_zone


def bad_rule(**more: Any) -> dict[str, Any]:
    return document({"require": ["logs"]}, {"require": ["monitoring"], **more})


def bad_exemption(**more: Any) -> dict[str, Any]:
    return document(exemptions=[{"reason": "migration", **more}])


@pytest.mark.parametrize(
    ("said", "field", "message"),
    [
        ([], "policy", "must be a Lifeline policy (a JSON object), not a list"),
        (None, "policy", "must be a Lifeline policy (a JSON object), not null"),
        ({"rules": []}, "version", "is missing"),
        (document(without_approval=5), "without_approval", "must be an object of limits, not 5"),
        (document(without_approval={"monthly": 5}), "without_approval.monthly", "is not one of all_accounts, end"),
        (
            document(without_approval={"all_accounts": {"vpcs_per_run": 5}}),
            "without_approval.all_accounts.vpcs_per_run",
            "is not one of endpoints_per_day, monthly_usd, vpcs_per_day",
        ),
        (
            document(without_approval={"vpcs_per_day": 1.5}),
            "without_approval.vpcs_per_day",
            "must be a whole number fr",
        ),
        (document(without_approval={"monthly_usd": "9"}), "without_approval.monthly_usd", "must be an amount in USD f"),
        (
            document(without_approval={"monthly_usd": -1}),
            "without_approval.monthly_usd",
            "must be an amount in USD fro",
        ),
        (document(without_approval={"monthly_usd": True}), "without_approval.monthly_usd", "must be an amount in USD "),
        (document(retire_after_hours=8761), "retire_after_hours", "must be a whole number from 0 to 8760, not 8761"),
        (document(iac_debounce_seconds="10m"), "iac_debounce_seconds", "must be a whole number from 0 to 900, not '10"),
        (document(ledger_days=29), "ledger_days", "must be a whole number from 30 to 3650, not 29"),
        (document(canary="true"), "canary", "must be true or false, not 'true'"),
        (document(send_events="no"), "send_events", "must be true or false, not 'no'"),
        (document(prove_event_path="no"), "prove_event_path", "must be true, false, or an object with except, not 'n"),
        (document(prove_event_path={}), "prove_event_path", "must not be empty"),
        (
            document(prove_event_path={"exept": ["111122223333"]}),
            "prove_event_path.exept",
            "is not one of except; did you mean except?",
        ),
        (document(prove_event_path={"except": []}), "prove_event_path.except", "must not be empty"),
        (document(prove_event_path={"except": "111122223333"}), "prove_event_path.except", "must be a list of account"),
        (document(prove_event_path={"except": [111122223333]}), "prove_event_path.except[0]", "must be an account ID "),
        (document(prove_event_path={"except": ["1111"]}), "prove_event_path.except[0]", "must be an account ID of "),
        *(
            (document(runbook_url=said), "runbook_url", "must be an https address of at most 256 characters, such as")
            for said in NO_ADDRESSES
        ),
        (document(runbook_url=f"https://{'a' * 249}"), "runbook_url", "has 257 characters; 256 are the most"),
        (document(version=2), "version", "must be 1, not 2"),
        (document(version=True), "version", "must be 1, not true"),
        (document(exemption=[]), "exemption", "is not one of $schema, backlog, canary, central, copy_tags,"),
        (document(**{"\u00e9\n": 1}), "??", "is not one of $schema, backlog, canary, central, copy_tags,"),
        (document(coverage="zone"), "coverage", "must be az or vpc, not 'zone'"),
        (document(backlog="wait"), "backlog", "must be ask or act, not 'wait'"),
        (document(session_names=False), "session_names", "must be show or hash, not false"),
        (document(fix_dns="yes"), "fix_dns", "must be true or false, not 'yes'"),
        (document(ports={"mq": []}), "ports.mq", "must not be empty"),
        (document(ports={"mq": [0]}), "ports.mq[0]", "must be a whole number from 1 to 65535, not 0"),
        (document(ports={"MQ": [443]}), "ports.MQ", "must be named after a service such as ecr.api"),
        (document(ports=[443]), "ports", "must be an object of services with their ports, not a list"),
        (document(limits={"endpoints": 1}), "limits.endpoints", "is not one of gateway_endpoints_per_region, inter"),
        (
            document(limits={"gateway_endpoints_per_region": 0}),
            "limits.gateway_endpoints_per_region",
            "must be a whole number from 1 to 1000, not 0",
        ),
        (document(rules={}), "rules", "must be a list of rules, not an object"),
        (document("monitoring"), "rules[0]", "must be a rule (a JSON object), not 'monitoring'"),  # type: ignore[arg-type]
        (document({}), "rules[0].require", "is missing"),
        (bad_rule(require=[]), "rules[1].require", "must not be empty"),
        (bad_rule(require=["logs", "set:x"]), "rules[1].require[1]", "must be a service such as monitoring or ecr.a"),
        (bad_rule(require=["logs\n"]), "rules[1].require[0]", "must be a service such as monitoring or ecr.api, or "),
        (bad_rule(require=["logs", "logs"]), "rules[1].require", "must not hold the same twice"),
        (bad_rule(require=["a" * 101]), "rules[1].require[0]", "has 101 characters; 100 are the most"),
        (bad_rule(requires=["logs"]), "rules[1].requires", "is not one of coverage, name, require, where"),
        (bad_rule(name="\u00e9"), "rules[1].name", "must be a name of up to 64 letters, digits, spaces and . _ -, "),
        (bad_rule(where={"tiers": ["private"]}), "rules[1].where.tiers[0]", "must be isolated, egress or public, no"),
        (bad_rule(where={"tiers": []}), "rules[1].where.tiers", "must not be empty"),
        (bad_rule(where={"vpc_ids": ["vpc-1"]}), "rules[1].where.vpc_ids[0]", "must be a VPC id (vpc-, then 8 or 17"),
        (bad_rule(where={"vpc_tags": {}}), "rules[1].where.vpc_tags", "must not be empty"),
        (bad_rule(where={"vpc_tags": {"a.b": 1}}), "rules[1].where.vpc_tags.a.b", "must be a tag's value, or a list "),
        (bad_rule(where={"subnet_tags": {"{x}": [1]}}), "rules[1].where.subnet_tags.{x}[0]", "must be a tag's value"),
        (bad_exemption(), "exemptions[0]", "must have vpc_id or subnet_id, and only one of them"),
        (bad_exemption(vpc_id=VPC_ID, subnet_id=SUBNET_ID), "exemptions[0]", "must have vpc_id or subnet_id, and on"),
        (bad_exemption(vpc_id=VPC_ID, until="soon"), "exemptions[0].until", "must be a date, as 2027-01-31, not 'so"),
        (bad_exemption(vpc_id=VPC_ID, until="2027-02-30"), "exemptions[0].until", "must be a date, as 2027-01-31, "),
        (bad_exemption(vpc_id=VPC_ID, until="0000-01-01"), "exemptions[0].until", "'0000-01-01' is not a day of the"),
        (bad_exemption(vpc_id=VPC_ID, reason=" "), "exemptions[0].reason", "must be a line of text, not ' '"),
        (document(exemptions=[{"vpc_id": VPC_ID}]), "exemptions[0].reason", "is missing"),
        (
            document({"require": ["logs"], "name": "x"}, {"require": ["logs"]}, {"require": ["logs"], "name": "x"}),
            "rules[2].name",
            "'x' names rules[0] already",
        ),
    ],
)
def test_a_wrong_document_is_refused_with_its_field(said: object, field: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        read(said)
    assert raised.value.field == field
    assert raised.value.message.startswith(message)


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        ("", "policy", "is not JSON: Expecting value (line 1, column 1)"),
        ('{"version": 1,\n "rules" []}', "policy", "is not JSON: Expecting ':' delimiter (line 2, column 10)"),
        ('{"version": 1, "rules": [], "rules": []}', "rules", "is there twice in one object"),
        ('{"version": NaN, "rules": []}', "policy", "is not JSON: NaN is no JSON number"),
        ('{"version": %s}' % ("1" * 5000), "policy", "holds a number that is too long to read"),
        ('{"version": 1, "rules": [], "$schema": "\\ud800"}', "policy", "holds half of a character (a lone surrogate)"),
        ('{"version": 1, "rules": [{"require": %s}]}' % ("[" * 3000 + "]" * 3000), "policy", "is nested too deeply"),
        (" " * (MOST_BYTES + 1), "policy", "is 8193 bytes long; 8192 are the most"),
    ],
)
def test_a_text_that_is_no_document_is_refused_in_words(text: str, field: str, message: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        read_policy(text)
    assert (raised.value.field, raised.value.message) == (field, message)


def test_every_value_of_the_schema_has_words_for_a_refusal() -> None:
    def untitled(part: object, path: str) -> list[str]:
        if isinstance(part, list):
            return [found for one in part for found in untitled(one, f"{path}[]")]
        if not isinstance(part, dict):
            return []
        missing = [path] if isinstance(part.get("type"), str | list) and "title" not in part else []
        return missing + [found for key, one in part.items() for found in untitled(one, f"{path}.{key}")]

    assert untitled(SCHEMA, "") == []
    Draft7Validator.check_schema(SCHEMA)


# ---- whatever the document


NAMES = st.sampled_from(["monitoring", "logs", "ecr.api", "s3", "cloudwatch-agent", "ecr-pull"])
SERVICES = st.lists(NAMES, min_size=1, max_size=3, unique=True)
TAGS = st.dictionaries(st.sampled_from("ab"), st.sampled_from(["1", "2", ["1", "2"]]), min_size=1)
WHERE = st.fixed_dictionaries(
    {},
    optional={
        "tiers": st.lists(st.sampled_from(list(Tier)), min_size=1, unique=True),
        "vpc_ids": st.sampled_from([[VPC_ID], ["vpc-01234567"], ["vpc-01234567", VPC_ID]]),
        "vpc_tags": TAGS,
        "subnet_tags": TAGS,
    },
)
COVERAGE = st.sampled_from(["az", "vpc"])
RULES = st.fixed_dictionaries(
    {"require": SERVICES}, optional={"where": WHERE, "coverage": COVERAGE, "name": st.sampled_from(["x", "y 1"])}
)
DATES = st.dates().map(str)
SUBJECTS = st.sampled_from([{"vpc_id": VPC_ID}, {"subnet_id": SUBNET_ID}])
EXEMPTIONS = st.builds(
    lambda subject, rest: {**subject, **rest},
    SUBJECTS,
    st.fixed_dictionaries({"reason": st.just("why not")}, optional={"services": SERVICES, "until": DATES}),
)
WATCHES = st.fixed_dictionaries(
    {"name": st.sampled_from(["x", "y-1", "cloudwatch-agent"])},
    optional={
        "dimension": st.sampled_from(["host", ":host", "Cluster Name"]),
        "metric": st.just("requests"),
        "metric_prefix": st.just("orders_"),
        "period_seconds": st.integers(0, 3601),
        "needs": SERVICES,
    },
)
MOMENTS = st.sampled_from(["2026-12-01T22:00:00Z", "2026-12-02T04:00:00Z", "2027-02-29T00:00:00Z", "2026-12-01"])
WINDOWS = st.fixed_dictionaries(
    {"reason": st.just("patching")},
    optional={
        "from": MOMENTS,
        "until": MOMENTS,
        "days": st.lists(st.sampled_from(["mon", "sun"]), max_size=2),
        "at": st.sampled_from(["02:00", "24:00"]),
        "minutes": st.integers(1, 10081),
        "where": st.fixed_dictionaries({}, optional={"watches": st.just(["x"]), "instance_tags": TAGS}),
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {"version": st.just(1), "rules": st.lists(RULES, max_size=4)},
    optional={
        "exemptions": st.lists(EXEMPTIONS, max_size=3),
        "coverage": COVERAGE,
        "limits": st.fixed_dictionaries({}, optional={"interface_endpoints_per_vpc": st.integers(1, 1000)}),
        "fix_dns": st.booleans(),
        "session_names": st.sampled_from(["show", "hash"]),
        "without_approval": st.fixed_dictionaries(
            {}, optional={"vpcs_per_day": st.integers(0, 10000), "monthly_usd": st.floats(0, 1000)}
        ),
        "retire_after_hours": st.integers(0, 8760),
        "iac_debounce_seconds": st.integers(0, 900),
        "ledger_days": st.integers(30, 3650),
        "canary": st.booleans(),
        "send_events": st.booleans(),
        "prove_event_path": st.booleans() | st.just({"except": ["111122223333"]}),
        "runbook_url": st.sampled_from(ADDRESSES),
        "backlog": st.sampled_from(["ask", "act"]),
    },
)
WATCHED = st.fixed_dictionaries(
    {"version": st.just(1), "rules": st.just([])},
    optional={"watches": st.lists(WATCHES, max_size=3), "maintenance": st.lists(WINDOWS, max_size=2)},
)
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\n"), max_size=8
)  # `$` in Python also matches before \n
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS | DATES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A document with one thing in it replaced, removed or added."""
    root = json.loads(json.dumps([draw(DOCUMENTS | WATCHED)]))
    place: Any = root
    key: Any = 0
    while isinstance(place[key], dict | list) and place[key] and draw(st.integers(0, 4)):
        place = place[key]
        key = draw(st.sampled_from(sorted(place))) if isinstance(place, dict) else draw(st.integers(0, len(place) - 1))
    match draw(st.sampled_from(["replace", "remove", "add"])):
        case "remove" if place is not root:
            del place[key]
        case "add" if isinstance(place, dict):
            place[draw(TEXTS)] = draw(JSON)
        case _:
            place[key] = draw(JSON)
    return root[0]


def refusal(text: str) -> InvalidInputError | None:
    try:
        read_policy(text)
    except InvalidInputError as error:
        return error
    return None


@given(st.text() | JSON.map(json.dumps) | mutated().map(json.dumps))
def test_whatever_the_text_it_is_read_or_refused_in_words(text: str) -> None:
    refused = refusal(text)
    if refused:
        assert refused.field.strip()
        assert refused.args[0].isprintable()
        assert refused.args[0].isascii()
        assert len(refused.message) < 400


@pytest.mark.parametrize(
    ("said", "near"),
    [
        ({"runbook-url": "x"}, "runbook_url"),
        ({"Rules": []}, "rules"),
        ({"exemption": []}, "exemptions"),
        ({"limits": {"gateway_endpoint_per_region": 1}}, "gateway_endpoints_per_region"),
        ({"zzz": 1}, ""),
    ],
)
def test_an_unknown_field_is_answered_by_the_nearest_if_there_is_one(said: dict[str, Any], near: str) -> None:
    refused = refusal(json.dumps({"version": 1, **said}))
    assert refused is not None
    assert refused.message.partition("; did you mean ")[2] == (f"{near}?" if near else "")
    assert refused.message.startswith("is not one of ")


def is_beyond_a_schema(refused: InvalidInputError) -> bool:
    """True for what a schema can't say: that names differ, times exist and follow each other, and watches are there."""
    return (
        refused.message.endswith(("already", "is not a moment of the calendar"))
        or " is not after from, " in refused.message
        or (".where.watches[" in refused.field and " is not one of " in refused.message)
    )


@given(DOCUMENTS | WATCHED | mutated())
def test_the_schema_and_the_reader_agree(said: Any) -> None:
    is_valid = Draft7Validator(SCHEMA, format_checker=Draft7Validator.FORMAT_CHECKER).is_valid(said)
    refused = refusal(json.dumps(said))
    assert is_valid is (refused is None or is_beyond_a_schema(refused))


TAG_VALUES = st.sampled_from(["monitoring", "logs s3", "ecr-pull", "true", "2026-11-22", "2026-11-21", "?", ""])
TAGGED = st.dictionaries(st.sampled_from([REQUIRE, EXEMPT]), TAG_VALUES)
PLAIN = st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"))


@st.composite
def networks(draw: st.DrawFn) -> tuple[Vpc, dict[str, Tier]]:
    def tags() -> tuple[tuple[str, str], ...]:
        return tuple(sorted({**draw(TAGGED), **draw(PLAIN)}.items()))

    ids = [SUBNET_ID, *(f"subnet-{name}" for name in "abcd"[: draw(st.integers(0, 4))])]
    states = st.sampled_from(["available", "available", "pending"])
    subnets = [replace(subnet(), id=one, tags=tags(), state=draw(states)) for one in ids]
    return vpc(*subnets, tags=tags()), {one: draw(st.sampled_from(list(Tier))) for one in ids}


def unnamed(said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "rules": [{key: one[key] for key in one if key != "name"} for one in said["rules"]]}


@given(DOCUMENTS.map(unnamed), networks(), st.randoms(use_true_random=False))
def test_the_order_of_rules_exemptions_subnets_and_tags_makes_no_difference(
    said: dict[str, Any], network: tuple[Vpc, dict[str, Tier]], chance: random.Random
) -> None:
    def shuffled(things: Any) -> list[Any]:
        return chance.sample(list(things), len(things))

    seen, tiers = network
    other = {**said, "rules": shuffled(said["rules"]), "exemptions": shuffled(said.get("exemptions", []))}
    turned = replace(seen, subnets=tuple(shuffled(seen.subnets)), tags=tuple(shuffled(seen.tags)))
    assert desired(read(said), seen, tiers, today=TODAY) == desired(read(other), turned, tiers, today=TODAY)


@given(DOCUMENTS.map(unnamed), networks(), SUBJECTS, st.dates(max_value=YESTERDAY))
def test_an_expired_exemption_changes_nothing(
    said: dict[str, Any], network: tuple[Vpc, dict[str, Tier]], subject: dict[str, str], until: date
) -> None:
    expired = {**subject, "until": str(until), "reason": "over"}
    other = {**said, "exemptions": [*said.get("exemptions", []), expired]}
    assert desired(read(said), *network, today=TODAY) == desired(read(other), *network, today=TODAY)


@given(DOCUMENTS.map(unnamed), networks())
def test_wishes_are_sorted_of_services_and_about_available_subnets(
    said: dict[str, Any], network: tuple[Vpc, dict[str, Tier]]
) -> None:
    found = desired(read(said), *network, today=TODAY)
    names = [requirement.service for requirement in found.requirements]
    available = {one.id for one in network[0].subnets if one.state == "available"}
    assert names == sorted(set(names))
    assert not set(names) & set(NAMED_SETS)
    assert all(requirement.subnet_ids and requirement.subnet_ids <= available for requirement in found.requirements)


# ---- what isn't known


def test_what_every_possible_tier_asks_for_is_required_and_the_rest_is_unsure() -> None:
    both = policy(rule("monitoring"), rule("logs", tiers=frozenset({Tier.ISOLATED})))
    seen = vpc(subnet("a"))
    found = desired(both, seen, {"subnet-a": UnsureTier.NOT_PUBLIC}, today=TODAY)
    assert [one.service for one in found.requirements] == ["monitoring"]
    assert [(one.service, one.subnet_ids) for one in found.unsure] == [("logs", frozenset({"subnet-a"}))]
    found = desired(both, seen, {"subnet-a": UnsureTier.UNKNOWN}, today=TODAY)
    assert (found.requirements, [one.service for one in found.unsure]) == ((), ["logs", "monitoring"])
    assert found.services == {"logs", "monitoring"}  # so that nothing of it is taken away either


def test_what_is_exempt_is_not_unsure() -> None:
    seen = vpc(tagged("a", lifeline_exempt="true"))
    assert desired(policy(), seen, {"subnet-a": UnsureTier.UNKNOWN}, today=TODAY).unsure == ()


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        ("logs", ["logs"]),
        ("loggs", ["loggs", "monitoring"]),  # beside the rules: a slip takes nothing away
        ("logs loggs", ["loggs", "logs", "monitoring"]),
    ],
)
def test_a_tag_with_a_misspelt_service_asks_beside_the_rules(value: str, asked: list[str]) -> None:
    known = replace(policy(), known_names=frozenset({"monitoring", "logs"}))
    for seen in (vpc(tagged("a", lifeline_require=value)), replace(vpc(subnet("a")), tags=((REQUIRE, value),))):
        found = desired(known, seen, {"subnet-a": Tier.ISOLATED}, today=TODAY)
        assert [one.service for one in found.requirements] == asked


def test_while_it_isnt_known_what_the_region_offers_no_tag_is_misspelt() -> None:
    found = look(policy(), vpc(tagged("a", lifeline_require="loggs")))
    assert [one.service for one in found.requirements] == ["loggs"]


@pytest.mark.parametrize(
    ("value", "is_held"), [("true", False), ("false", False), ("2027-01-31", False), ("yes", True)]
)
def test_an_exemption_that_cant_be_read_holds_back_what_it_may_exempt_and_no_more(value: str, *, is_held: bool) -> None:
    tiers = {"subnet-a": Tier.ISOLATED, "subnet-b": Tier.ISOLATED}
    of_vpc = replace(vpc(subnet("a")), tags=((EXEMPT, value),))
    held = desired(policy(), of_vpc, tiers, today=TODAY).held
    of_subnet = desired(policy(), vpc(tagged("a", lifeline_exempt=value), subnet("b")), tiers, today=TODAY)
    words = [*held, *(said for _, said in of_subnet.unclear)]
    assert len(words) == 2 * is_held
    assert all("'yes', which is neither true nor a date such as 2027-01-31" in said for said in words)
    assert of_subnet.held == ()
    asked = {frozenset(one.subnet_ids) for one in of_subnet.requirements}
    unsure = {frozenset(one.subnet_ids) for one in of_subnet.unsure}
    assert all("subnet-b" in ids for ids in asked)
    assert unsure == ({frozenset({"subnet-a"})} if is_held else set())

"""Who answers a name in a VPC, beside its own endpoints."""

from itertools import permutations

import pytest

from lifeline.core.network.dns import (
    AnswerKind,
    DnsAnswer,
    DnsView,
    answer_to,
    conflicting_zone,
    custom_dns_finding,
    domain_of,
    parent_zone,
    taken_from,
    usual_answer,
    usual_first,
    usual_names,
)

NAME = "monitoring.us-east-1.amazonaws.com"
PARENT = "us-east-1.amazonaws.com"


def zone(domain: str = NAME, source_id: str = "Z1") -> DnsAnswer:
    return DnsAnswer(AnswerKind.PRIVATE_ZONE, domain, source_id, f"the private hosted zone {domain} ({source_id})")


def forward(domain: str, source_id: str = "rslvr-rr-1") -> DnsAnswer:
    return DnsAnswer(AnswerKind.RESOLVER_RULE, domain, source_id, f"the resolver rule {source_id}", forwards=True)


def system(domain: str, source_id: str = "rslvr-rr-2") -> DnsAnswer:
    return DnsAnswer(AnswerKind.RESOLVER_RULE, domain, source_id, f"the resolver rule {source_id}")


def from_profile(answer: DnsAnswer, profile_id: str = "rp-1") -> DnsAnswer:
    return DnsAnswer(AnswerKind.PROFILE, answer.domain, profile_id, answer.detail, answer.forwards)


def view(*answers: DnsAnswer, here: tuple[DnsAnswer, ...] = ()) -> DnsView:
    return DnsView(answers=answers, kept_here=here)


def test_nothing_answers_in_a_vpc_of_its_own() -> None:
    assert answer_to(NAME, DnsView()) is None
    assert usual_answer([], view(zone(), forward(""))) is None


@pytest.mark.parametrize(
    "answer",
    [
        zone(),
        from_profile(zone()),
        forward(NAME),
        forward(PARENT),
        forward("amazonaws.com"),
        forward("com"),
        forward(""),
        from_profile(forward("amazonaws.com")),
    ],
)
def test_this_serves_the_name(answer: DnsAnswer) -> None:
    assert answer_to(NAME, view(answer)) == answer


@pytest.mark.parametrize(
    "answer",
    [
        zone(PARENT),
        zone("amazonaws.com"),
        zone("logs.us-east-1.amazonaws.com"),
        zone("x.monitoring.us-east-1.amazonaws.com"),
        zone("onitoring.us-east-1.amazonaws.com"),
        from_profile(zone(PARENT)),
        forward("logs.us-east-1.amazonaws.com"),
        forward("corp.example"),
        forward("east-1.amazonaws.com"),
    ],
)
def test_this_does_not_serve_the_name(answer: DnsAnswer) -> None:
    assert answer_to(NAME, view(answer)) is None


@pytest.mark.parametrize("here", [system(NAME), system(PARENT), system("amazonaws.com"), from_profile(system(PARENT))])
def test_a_system_rule_that_is_more_specific_undoes_a_forward_rule(here: DnsAnswer) -> None:
    assert answer_to(NAME, view(forward(""), here=(here,))) is None


def test_a_system_rule_that_is_less_specific_undoes_nothing() -> None:
    assert answer_to(NAME, view(forward(PARENT), here=(system("amazonaws.com"),))) == forward(PARENT)


def test_for_one_domain_the_vpcs_own_rule_wins_over_a_profiles() -> None:
    own, theirs = forward(PARENT), from_profile(system(PARENT))
    assert answer_to(NAME, view(own, here=(theirs,))) == own
    assert answer_to(NAME, view(from_profile(own), here=(system(PARENT),))) is None


def test_a_system_rule_leaves_the_zone_to_answer() -> None:
    assert answer_to(NAME, view(zone(), here=(system(NAME),))) == zone()


def test_for_one_domain_a_forward_rule_wins_over_a_zone() -> None:
    assert answer_to(NAME, view(zone(), forward(NAME))) == forward(NAME)


def test_the_most_specific_one_is_named() -> None:
    assert answer_to(NAME, view(zone(), forward("amazonaws.com"))) == zone()
    assert answer_to(NAME, view(forward(""), forward(PARENT, "rslvr-rr-9"))) == forward(PARENT, "rslvr-rr-9")


def test_the_root_is_less_specific_than_any_domain() -> None:
    root = forward("", "rslvr-rr-0")
    assert answer_to(NAME, view(root, forward("com"))) == forward("com")
    assert answer_to(NAME, view(root, zone("com"))) is None


def test_a_parents_zone_puts_a_less_specific_rule_out_of_force() -> None:
    assert answer_to(NAME, view(zone(PARENT), forward("amazonaws.com"))) is None
    assert answer_to(NAME, view(zone("amazonaws.com"), forward(PARENT))) == forward(PARENT)


def test_a_wildcard_is_served_by_the_zone_below_it() -> None:
    s3 = zone("s3.us-east-1.amazonaws.com")
    assert answer_to("*.s3.us-east-1.amazonaws.com", view(s3)) == s3


FIPS, DUAL = "monitoring-fips.us-east-1.amazonaws.com", "monitoring.us-east-1.api.aws"
BUCKETS, LISTS = "*.s3.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"
CN = "monitoring.cn-north-1.amazonaws.com.cn"


@pytest.mark.parametrize(
    ("usual", "others"),
    [
        ([NAME], [FIPS, "monitoring-fips.us-east-1.api.aws", DUAL]),
        ([BUCKETS, LISTS], [f"*.s3{more}.us-east-1.amazonaws.com" for more in ("-accesspoint", "-control", "-fips")]),
        ([LISTS], ["s3.dualstack.us-east-1.amazonaws.com", "fips-s3.us-east-1.amazonaws.com"]),
        (
            ["kinesis.us-east-1.amazonaws.com"],
            [f"*.{part}-kinesis.us-east-1.amazonaws.com" for part in ("control", "data")],
        ),
        (["*.dkr.ecr.us-east-1.amazonaws.com"], ["*.dkr-ecr.us-east-1.on.aws"]),
        (
            ["api.ecr.us-east-1.amazonaws.com"],
            ["ecr-fips.us-east-1.amazonaws.com", "ecr-fips.us-east-1.api.aws", "ecr.us-east-1.api.aws"],
        ),
        ([CN], ["monitoring.cn-north-1.api.amazonwebservices.com.cn"]),
        (["monitoring.us-iso-east-1.c2s.ic.gov"], ["monitoring.us-iso-east-1.api.aws.ic.gov"]),
        (["monitoring.eu-iso-west-1.cloud.adc-e.uk"], ["monitoring.eu-iso-west-1.api.cloud-aws.adc-e.uk"]),
        (["eks-auth.us-east-1.api.aws"], ["eks-auth-fips.us-east-1.api.aws"]),
        (["kms-fips.us-east-1.amazonaws.com"], []),
        (["transcribe.us-east-1.amazonaws.com"], ["fips.transcribe.us-east-1.amazonaws.com"]),
        (["*.studio.us-east-1.sagemaker.aws"], []),
        (["api.sagemaker.us-east-1.amazonaws.com"], ["api-fips.sagemaker.us-east-1.amazonaws.com"]),
        (["one.us-east-1.amazonaws.com", "other.us-east-1.amazonaws.com"], []),
        (["a.one.us-east-1.amazonaws.com", "a-b.other.us-east-1.amazonaws.com"], []),
    ],
)
def test_the_usual_names_are_those_that_clients_ask_for_unless_they_are_told_otherwise(
    usual: list[str], others: list[str]
) -> None:
    assert set(usual_names([*others, *usual])) == set(usual)
    names = usual_first([*others, *usual])
    assert set(names[: len(usual)]) == set(usual)
    assert sorted(names) == sorted([*usual, *others])


def test_what_answers_another_name_serves_nobody_who_asks_for_the_usual_one() -> None:
    names = usual_first([FIPS, NAME, DUAL])
    for other in (FIPS, DUAL):
        assert usual_answer(names, view(zone(other))) is None
        assert usual_answer(names, view(from_profile(zone(other)), forward(other))) is None
        assert usual_answer(names, view(zone(other, "Z0"), zone(NAME, "Z2"))) == zone(NAME, "Z2")
    assert usual_answer(names, view(forward(PARENT))) == forward(PARENT)


def test_a_zone_of_any_of_the_names_keeps_aws_from_accepting_private_dns() -> None:
    """PrivateLink guide: conflicting DNS domain. Neither a rule nor a Profile is a zone of the VPC's own."""
    for name in (NAME, FIPS, DUAL):
        assert conflicting_zone([NAME, FIPS, DUAL], view(zone(name))) == zone(name)
    free = view(zone(PARENT), from_profile(zone(FIPS)), forward(FIPS), zone("logs.us-east-1.amazonaws.com"))
    assert conflicting_zone([NAME, FIPS, DUAL], free) is None
    assert conflicting_zone([BUCKETS], view(zone(LISTS))) == zone(LISTS)
    assert conflicting_zone([NAME, FIPS], view(zone(NAME, "Z1"), zone(FIPS, "Z2"))) == zone(FIPS, "Z2")


def test_an_endpoint_takes_other_names_from_whoever_brings_them_but_a_rule_for_just_that_name() -> None:
    names = [NAME, FIPS, DUAL]
    brought, over = from_profile(zone(FIPS)), forward("api.aws")
    assert taken_from(names, view(brought, over)) == ((FIPS, brought), (DUAL, over))
    assert taken_from(names, view(forward(FIPS), from_profile(forward(DUAL)))) == ()
    assert taken_from(names, view(zone(NAME), from_profile(zone(PARENT)))) == ()


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Monitoring.US-East-1.amazonaws.com.", NAME),
        ("*.s3.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"),
        ("\\052.s3.us-east-1.amazonaws.com.", "s3.us-east-1.amazonaws.com"),
        (".", ""),
        ("", ""),
    ],
)
def test_domains_are_compared_alike(text: str, domain: str) -> None:
    assert domain_of(text) == domain


def test_the_order_of_answers_makes_no_difference() -> None:
    found = [zone(), zone(PARENT), forward(""), forward(NAME), from_profile(zone(), "rp-2"), zone(NAME, "Z0")]
    assert {answer_to(NAME, view(*order)) for order in permutations(found)} == {forward(NAME)}
    zones = [zone(), from_profile(zone()), zone(NAME, "Z0")]
    assert {answer_to(NAME, view(*order)) for order in permutations(zones)} == {zone(NAME, "Z0")}


def test_a_parents_zone_is_told_where_nothing_serves_the_name() -> None:
    assert parent_zone([NAME], view(zone(PARENT), zone("amazonaws.com"))) == zone(PARENT)
    assert parent_zone([NAME], view(zone(PARENT), zone())) is None
    assert parent_zone([NAME], view(forward(PARENT), zone("amazonaws.com"))) is None
    assert parent_zone([NAME], DnsView()) is None


def test_custom_dns_servers_are_a_finding_in_words_and_serve_nothing() -> None:
    custom = DnsView(custom_dns_servers=("10.0.0.53", "10.0.1.53"))
    assert answer_to(NAME, custom) is None
    assert "10.0.0.53, 10.0.1.53" in custom_dns_finding(custom)
    assert custom_dns_finding(DnsView()) == ""

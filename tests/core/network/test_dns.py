"""Who answers a name in a VPC, beside its own endpoints."""

from itertools import permutations

import pytest

from lifeline.core.network.dns import (
    AnswerKind,
    DnsAnswer,
    DnsView,
    answers_for,
    custom_dns_finding,
    domain_of,
    parent_zone,
    usual_first,
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
    assert answers_for([NAME], DnsView()) is None
    assert answers_for([], view(zone(), forward(""))) is None


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
    assert answers_for([NAME], view(answer)) == answer


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
    assert answers_for([NAME], view(answer)) is None


@pytest.mark.parametrize("here", [system(NAME), system(PARENT), system("amazonaws.com"), from_profile(system(PARENT))])
def test_a_system_rule_that_is_more_specific_undoes_a_forward_rule(here: DnsAnswer) -> None:
    assert answers_for([NAME], view(forward(""), here=(here,))) is None


def test_a_system_rule_that_is_less_specific_undoes_nothing() -> None:
    assert answers_for([NAME], view(forward(PARENT), here=(system("amazonaws.com"),))) == forward(PARENT)


def test_for_one_domain_the_vpcs_own_rule_wins_over_a_profiles() -> None:
    own, theirs = forward(PARENT), from_profile(system(PARENT))
    assert answers_for([NAME], view(own, here=(theirs,))) == own
    assert answers_for([NAME], view(from_profile(own), here=(system(PARENT),))) is None


def test_a_system_rule_leaves_the_zone_to_answer() -> None:
    assert answers_for([NAME], view(zone(), here=(system(NAME),))) == zone()


def test_for_one_domain_a_forward_rule_wins_over_a_zone() -> None:
    assert answers_for([NAME], view(zone(), forward(NAME))) == forward(NAME)


def test_the_most_specific_one_is_named() -> None:
    assert answers_for([NAME], view(zone(), forward("amazonaws.com"))) == zone()
    assert answers_for([NAME], view(forward(""), forward(PARENT, "rslvr-rr-9"))) == forward(PARENT, "rslvr-rr-9")


def test_the_root_is_less_specific_than_any_domain() -> None:
    root = forward("", "rslvr-rr-0")
    assert answers_for([NAME], view(root, forward("com"))) == forward("com")
    assert answers_for([NAME], view(root, zone("com"))) is None


def test_a_parents_zone_puts_a_less_specific_rule_out_of_force() -> None:
    assert answers_for([NAME], view(zone(PARENT), forward("amazonaws.com"))) is None
    assert answers_for([NAME], view(zone("amazonaws.com"), forward(PARENT))) == forward(PARENT)


def test_a_wildcard_is_served_by_the_zone_below_it() -> None:
    s3 = zone("s3.us-east-1.amazonaws.com")
    assert answers_for(["*.s3.us-east-1.amazonaws.com"], view(s3)) == s3


def test_one_of_the_services_names_is_enough_and_the_first_decides() -> None:
    names = ["monitoring.us-east-1.api.aws", NAME]
    assert answers_for(names, view(zone())) == zone()
    both = view(zone(), zone("monitoring.us-east-1.api.aws", "Z2"))
    assert answers_for(names, both) == zone("monitoring.us-east-1.api.aws", "Z2")


@pytest.mark.parametrize(
    ("usual", "others"),
    [
        (NAME, [NAME.replace("g.", "g-fips."), "monitoring-fips.us-east-1.api.aws", "monitoring.us-east-1.api.aws"]),
        (
            "s3.us-east-1.amazonaws.com",
            [f"*.s3{more}.us-east-1.amazonaws.com" for more in ("-accesspoint", "-control")],
        ),
        ("monitoring.cn-north-1.amazonaws.com.cn", ["monitoring.cn-north-1.api.amazonwebservices.com.cn"]),
    ],
)
def test_what_answers_the_usual_name_decides_before_what_answers_others(usual: str, others: list[str]) -> None:
    names = usual_first([*others, usual])
    assert (names[0], set(names)) == (usual, {usual, *others})
    both = view(zone(domain_of(others[0]), "Z1"), zone(usual, "Z2"))
    assert answers_for(names, both) == zone(usual, "Z2")


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
    assert {answers_for([NAME], view(*order)) for order in permutations(found)} == {forward(NAME)}
    zones = [zone(), from_profile(zone()), zone(NAME, "Z0")]
    assert {answers_for([NAME], view(*order)) for order in permutations(zones)} == {zone(NAME, "Z0")}


def test_a_parents_zone_is_told_where_nothing_serves_the_name() -> None:
    assert parent_zone([NAME], view(zone(PARENT), zone("amazonaws.com"))) == zone(PARENT)
    assert parent_zone([NAME], view(zone(PARENT), zone())) is None
    assert parent_zone([NAME], view(forward(PARENT), zone("amazonaws.com"))) is None
    assert parent_zone([NAME], DnsView()) is None


def test_custom_dns_servers_are_a_finding_in_words_and_serve_nothing() -> None:
    custom = DnsView(custom_dns_servers=("10.0.0.53", "10.0.1.53"))
    assert answers_for([NAME], custom) is None
    assert "10.0.0.53, 10.0.1.53" in custom_dns_finding(custom)
    assert custom_dns_finding(DnsView()) == ""

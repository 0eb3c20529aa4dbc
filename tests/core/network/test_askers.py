"""Who else resolves names through a VPC, from what the region shows."""

from dataclasses import replace

import pytest

from lifeline.core.network.askers import Asker, Askers, Door, DoorKind, Forward, is_within, own_domains
from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.model import Catalog, Endpoint, EndpointState, EndpointType, Part, Service, Unread, Vpc
from tests.support.builders import MONITORING, VPC_ID, endpoint, vpc

OTHER = "vpc-0fedcba9876543210"
HERE = vpc()
THERE = vpc(id=OTHER, cidrs=("10.1.0.0/16",))
INBOUND = Door(DoorKind.INBOUND, "rslvr-in-1", VPC_ID, frozenset({"10.0.1.10", "10.0.1.11"}))
DIRECTORY = Door(DoorKind.DIRECTORY, "d-1", VPC_ID, frozenset({"10.0.1.20"}))
NAMES = ("monitoring.us-east-1.amazonaws.com",)


def asking(askers: Askers, *others: object) -> list[tuple[str, str, bool]]:
    observed = {OTHER: THERE} if others else {}
    return [(one.words, one.vpc_id, one.is_sure) for one in askers.of(HERE, observed).askers]


def test_an_inbound_endpoint_answers_others_whoever_they_are() -> None:
    assert asking(Askers((INBOUND,))) == [
        ("inbound Resolver endpoint rslvr-in-1 lets other networks resolve names as this VPC does", "", False)
    ]
    assert asking(Askers((DIRECTORY,))) == []  # its servers are asked by name only where something leads to them
    assert Askers((INBOUND,)).of(THERE, {}).askers == ()


@pytest.mark.parametrize(("door", "is_sure"), [(INBOUND, True), (DIRECTORY, False)])
def test_another_vpcs_dhcp_options_that_name_one_lead_here(door: Door, is_sure: bool) -> None:
    (server, *_) = sorted(door.addresses)
    askers = Askers((door,), dns_servers=((OTHER, (server,)), (VPC_ID, (server,))))
    assert asking(askers)[0] == (f"the DHCP options of {OTHER} name {door.kind} {door.id}", OTHER, is_sure)
    assert askers.vpcs_asking(HERE) == {OTHER}
    assert askers.of(HERE, {OTHER: THERE}).askers[0].vpc is THERE


def test_dhcp_options_that_name_a_server_of_their_own_vpc_lead_nowhere_else() -> None:
    askers = Askers(dns_servers=((OTHER, ("10.1.0.53",)),))
    assert asking(askers) == []
    same_block = vpc(id=OTHER)
    assert Askers(dns_servers=((OTHER, ("10.0.0.53",)),)).of(HERE, {OTHER: same_block}).askers == ()


def test_dhcp_options_that_name_a_server_here_may_lead_to_this_vpcs_names() -> None:
    askers = Askers(dns_servers=((OTHER, ("10.0.0.53",)),))
    assert asking(askers, THERE) == [
        (f"the DHCP options of {OTHER} name 10.0.0.53, an address in this VPC", OTHER, False)
    ]


@pytest.mark.parametrize(
    ("target", "is_found", "is_sure"),
    [("10.0.1.10", True, True), ("10.0.7.7", True, False), ("10.9.0.2", False, False)],
)
def test_a_rule_that_forwards_here_brings_the_vpcs_that_follow_it(target: str, is_found: bool, is_sure: bool) -> None:
    rule = Forward("rslvr-rr-1", "amazonaws.com", frozenset({target}), (OTHER, VPC_ID))
    found = Askers((INBOUND,), (rule,)).of(HERE, {}).askers
    by_rule = [one for one in found if "rslvr-rr-1" in one.words]
    assert [(one.vpc_id, one.is_sure) for one in by_rule] == ([(OTHER, is_sure)] if is_found else [])
    for one in by_rule:
        assert (one.asks_for(NAMES), one.asks_for(("api.example.com",))) == (True, False)


def test_one_name_under_the_rules_domain_is_enough() -> None:
    rule = Forward("rslvr-rr-1", "amazonaws.com", frozenset({"10.0.1.10"}), (OTHER,))
    (by_rule, *_) = Askers((INBOUND,), (rule,)).of(HERE, {}).askers
    assert by_rule.asks_for(("monitoring.us-east-1.api.aws", *NAMES))


def test_one_target_here_is_enough() -> None:
    rule = Forward("rslvr-rr-1", "", frozenset({"10.0.7.7", "192.168.0.2"}), (OTHER,))
    assert Askers(forwards=(rule,)).vpcs_asking(HERE) == {OTHER}


def test_a_rule_that_no_other_vpc_follows_is_told_without_one() -> None:
    rule = Forward("rslvr-rr-1", "", frozenset({"10.0.1.10"}), ())
    (first, _) = Askers((INBOUND,), (rule,)).of(HERE, {}).askers
    assert first.words == "resolver rule rslvr-rr-1 sends every name to inbound Resolver endpoint rslvr-in-1"
    assert (first.vpc_id, first.asks_for(("anything.example",))) == ("", True)


def test_an_address_of_any_of_the_vpcs_blocks_is_within_it() -> None:
    two = vpc(cidrs=("10.0.0.0/16", "100.64.0.0/16"))
    assert is_within("100.64.1.1", two)
    assert not is_within("100.65.1.1", two)


def test_what_could_not_be_read_is_handed_on() -> None:
    assert Askers(unread=("the rules",)).of(HERE, {}).unread == ("the rules",)


NAME = "monitoring.us-east-1.amazonaws.com"
FIPS = "monitoring-fips.us-east-1.amazonaws.com"
WIDE = Forward("rslvr-rr-1", "amazonaws.com", frozenset({"10.0.1.10"}), (OTHER,))


def by_rule(*narrower: Forward, own: tuple[str, ...] = (), wide: Forward = WIDE) -> list[Asker]:
    own_of = ((OTHER, frozenset(own)), ("vpc-third", frozenset({NAME})))
    found = Askers((INBOUND,), (wide, *narrower), own_domains=own_of).of(HERE, {}).askers
    return [one for one in found if one.vpc_id and one.asks_for(NAMES)]


@pytest.mark.parametrize("domain", [NAME, "us-east-1.amazonaws.com"])
def test_a_vpc_with_a_narrower_rule_to_others_asks_them(domain: str) -> None:
    elsewhere = Forward("rslvr-rr-2", domain, frozenset({"192.168.9.9"}), (OTHER,))
    assert by_rule(elsewhere) == []
    assert len(by_rule(replace(elsewhere, vpc_ids=("vpc-third",)))) == 1
    assert len(by_rule(replace(elsewhere, domain="logs.us-east-1.amazonaws.com"))) == 1


def test_a_vpc_with_a_narrower_rule_that_leads_here_too_asks_by_that() -> None:
    narrow = Forward("rslvr-rr-2", NAME, frozenset({"10.0.7.7"}), (OTHER,))
    (found,) = by_rule(narrow)
    assert ("rslvr-rr-2" in found.words, found.is_sure) == (True, False)


@pytest.mark.parametrize("domain", [NAME, "us-east-1.amazonaws.com"])
def test_a_vpc_that_answers_more_specific_domains_itself_does_not_ask_for_them(domain: str) -> None:
    assert by_rule(own=(domain,)) == []
    assert len(by_rule(own=("logs.us-east-1.amazonaws.com",))) == 1
    everything = replace(WIDE, domain="")
    assert by_rule(own=(domain,), wide=everything) == []


@pytest.mark.parametrize("domain", [NAME, "amazonaws.com"])
def test_a_rule_for_the_same_domain_or_a_more_specific_one_wins_over_what_the_vpc_answers(domain: str) -> None:
    assert len(by_rule(own=(domain,), wide=replace(WIDE, domain=NAME))) == 1
    assert len(by_rule(own=("amazonaws.com",))) == 1


def test_dhcp_options_lead_past_what_the_vpc_answers_itself() -> None:
    servers = ((OTHER, ("10.0.1.10",)),)
    askers = Askers((INBOUND,), dns_servers=servers, own_domains=((OTHER, frozenset({NAME})),))
    assert askers.of(HERE, {}).askers[0].asks_for(NAMES)
    assert askers.vpcs_following(HERE) == frozenset()
    assert Askers((INBOUND,), (WIDE,)).vpcs_following(HERE) == {OTHER}
    assert Askers((INBOUND,), (replace(WIDE, vpc_ids=()),)).vpcs_following(HERE) == frozenset()


@pytest.mark.parametrize(("vpc_id", "is_sure"), [(OTHER, False), ("vpc-third", True)])
def test_who_follows_a_rule_where_dhcp_options_name_other_servers_is_not_known(vpc_id: str, is_sure: bool) -> None:
    askers = Askers((INBOUND,), (WIDE,), dns_servers=((vpc_id, ("192.168.1.2",)),))
    assert [one.is_sure for one in askers.of(HERE, {}).askers if one.vpc_id == OTHER] == [is_sure]


def test_of_a_vpc_that_answers_the_usual_names_the_others_are_left() -> None:
    names = (NAME, FIPS, "monitoring.us-east-1.api.aws")
    partly = Asker("", domain="amazonaws.com", closer=frozenset({NAME}))
    assert (partly.asked(names), partly.answers_usual(names)) == ((FIPS,), True)
    none = replace(partly, closer=frozenset({FIPS}))
    assert (none.asked(names), none.answers_usual(names)) == ((NAME,), False)
    by_fips_name = Asker("", domain=FIPS)
    assert (by_fips_name.asked(names), by_fips_name.answers_usual(names)) == ((FIPS,), False)
    by_root = replace(partly, domain="")
    assert (by_root.asked(names), by_root.answers_usual(names)) == ((FIPS, "monitoring.us-east-1.api.aws"), True)


def test_one_usual_name_that_it_does_not_answer_is_left_as_well() -> None:
    names = ("sqs.us-east-1.amazonaws.com", "us-east-1.queue.amazonaws.com")
    assert not Asker("", domain="amazonaws.com", closer=frozenset({names[0]})).answers_usual(names)
    assert Asker("", domain="amazonaws.com", closer=frozenset(names)).answers_usual(names)
    assert Asker("", domain="us-east-1.amazonaws.com", closer=frozenset(names[:1])).answers_usual(names)


class TestWhatAVpcAnswersItself:
    OFFERED = Catalog((Service(MONITORING, EndpointType.INTERFACE, private_dns_names=(NAME, f"*.{FIPS}")),))
    HELD = endpoint(MONITORING, "a", own=False)
    ZONE = DnsAnswer(AnswerKind.PRIVATE_ZONE, "us-east-1.amazonaws.com", "Z1", "")
    OF_PROFILE = DnsAnswer(AnswerKind.PROFILE, "logs.us-east-1.amazonaws.com", "rp-1", "")
    KEPT = DnsAnswer(AnswerKind.RESOLVER_RULE, "sns.us-east-1.amazonaws.com", "rslvr-rr-3", "")
    FORWARDED = DnsAnswer(AnswerKind.PROFILE, "sqs.us-east-1.amazonaws.com", "rp-1", "", forwards=True)
    VIEW = DnsView((ZONE, OF_PROFILE, FORWARDED), kept_here=(KEPT,))

    def test_is_what_its_zones_system_rules_and_endpoints_have(self) -> None:
        found = own_domains(vpc(self.HELD), self.VIEW, self.OFFERED)
        assert found == {NAME, FIPS, self.ZONE.domain, self.OF_PROFILE.domain, self.KEPT.domain}

    @pytest.mark.parametrize(
        "asleep",
        [
            vpc(HELD, dns_support=False),
            vpc(HELD, dns_hostnames=False),
            vpc(HELD, unread=(Unread(Part.DNS_ATTRIBUTES, "denied"),)),
        ],
    )
    def test_is_its_system_rules_alone_unless_its_dns_attributes_are_known_to_be_on(self, asleep: Vpc) -> None:
        assert own_domains(asleep, self.VIEW, self.OFFERED) == {self.KEPT.domain}

    @pytest.mark.parametrize(
        "other",
        [
            replace(HELD, private_dns=False),
            replace(HELD, inbound_dns_only=True),
            replace(HELD, state=EndpointState.PENDING),
            replace(HELD, state=EndpointState.DELETED),
            replace(HELD, subnet_ids=frozenset()),
            replace(HELD, service_name="com.amazonaws.us-east-1.unheard-of"),
        ],
    )
    def test_is_nothing_of_an_endpoint_that_does_not_surely_take_names(self, other: Endpoint) -> None:
        assert own_domains(vpc(other), DnsView(), self.OFFERED) == frozenset()

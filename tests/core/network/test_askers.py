"""Who else resolves names through a VPC, from what the region shows."""

import pytest

from lifeline.core.network.askers import Askers, Door, DoorKind, Forward, is_within
from tests.support.builders import VPC_ID, vpc

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

"""The client's end: what an instance's own security groups let out, and to where."""

import pytest

from lifeline.core.network.egress import Egress, OwnGroups, egress_to, egress_to_central, egress_to_public
from lifeline.core.network.model import NetworkInterface, Ranges, Rule, SecurityGroup, TargetKind, Vpc
from tests.support.builders import MONITORING, endpoint, gateway, route, subnet, table, vpc

HTTPS: Ranges = ((443, 443),)
SMTP: Ranges = ((25, 25), (587, 587))
CLIENT = subnet("a")
HOST = subnet("b", cidr="10.0.2.0/24")
SERVING = endpoint(MONITORING, "b", security_group_ids=frozenset({"sg-endpoint"}), interface_ids=frozenset({"eni-1"}))
READ = NetworkInterface("eni-1", HOST.id, ("10.0.2.17",), frozenset({"sg-endpoint"}))


def groups(*rules: Rule, also: tuple[str, ...] = ()) -> OwnGroups:
    return OwnGroups(frozenset({"sg-app", *also}), (SecurityGroup("sg-app", "app", egress=rules),))


def to(*cidrs: str, port: int = 443, **more: tuple[str, ...]) -> Rule:
    return Rule("tcp", port, port, cidrs, **more)


def out(*rules: Rule, ports: Ranges = HTTPS, also: tuple[str, ...] = (), network: Vpc | None = None) -> Egress:
    seen = network or vpc(CLIENT, HOST, SERVING, interfaces=(READ,))
    return egress_to(groups(*rules, also=also), SERVING, CLIENT, seen, ports)


def test_a_rule_for_the_endpoints_address_is_enough() -> None:
    assert out(to("10.0.2.17/32")) == Egress(is_open=True, where="vpce-1")


def test_where_the_address_was_not_read_a_rule_for_a_part_of_the_subnet_decides_nothing() -> None:
    unread = vpc(CLIENT, HOST, SERVING)
    assert out(to("10.0.2.17/32"), network=unread) == Egress(None, "vpce-1", "sg-app only lets some of it out")
    assert out(to("10.0.2.0/24"), network=unread).is_open
    assert out(to("10.0.3.0/24"), network=unread).is_open is False


def test_two_rules_that_cover_a_block_together_let_out_what_one_would() -> None:
    unread = vpc(CLIENT, HOST, SERVING)
    assert out(to("10.0.2.0/25"), to("10.0.2.128/25"), network=unread).is_open


def test_every_port_of_the_service_counts() -> None:
    assert out(to("10.0.0.0/16", port=25), ports=SMTP).is_open is None
    assert out(to("10.0.0.0/16", port=25), to("10.0.0.0/16", port=587), ports=SMTP).is_open
    assert out(to("10.0.0.0/16"), ports=SMTP).is_open is False


@pytest.mark.parametrize(("named", "is_open"), [("sg-endpoint", True), ("sg-other", False)])
def test_a_rule_that_names_the_endpoints_group_lets_requests_out_to_its_members(named: str, *, is_open: bool) -> None:
    assert out(Rule("tcp", 443, 443, groups=(named,))).is_open is is_open
    assert out(Rule("udp", 443, 443, groups=(named,))).is_open is False


def test_a_prefix_list_counts_by_its_entries_once_it_was_read() -> None:
    listed = Rule("tcp", 443, 443, prefix_lists=("pl-1",))
    assert out(listed) == Egress(None, "vpce-1", "sg-app allows what is in pl-1, which was not read")
    for cidr, is_open in (("10.0.2.0/24", True), ("10.9.0.0/16", False)):
        network = vpc(CLIENT, HOST, SERVING, interfaces=(READ,), prefix_lists=(("pl-1", (cidr,)),))
        assert out(listed, network=network).is_open is is_open


def test_a_group_that_was_not_read_may_let_it_out() -> None:
    assert out(also=("sg-more",)) == Egress(None, "vpce-1", "the rules of sg-more were not read")
    assert out(to("10.0.0.0/16"), also=("sg-more",)).is_open


def test_out_to_a_gateway_endpoint_the_services_public_addresses_count() -> None:
    through = route("52.216.0.0/15", TargetKind.GATEWAY_ENDPOINT, "vpce-1")
    network = vpc(CLIENT, table("main", through), gateway("main"))
    [serving] = network.endpoints
    for cidr, is_open in (("52.216.0.0/15", True), ("0.0.0.0/0", True), ("10.0.0.0/8", False), ("52.216.1.0/24", None)):
        assert egress_to(groups(to(cidr)), serving, CLIENT, network, HTTPS).is_open is is_open


def test_out_to_public_addresses_that_are_not_read_only_all_or_none_of_them_is_an_answer() -> None:
    for cidr, is_open in (("0.0.0.0/0", True), ("54.0.0.0/8", None), ("10.0.0.0/8", False), ("::/0", False)):
        assert egress_to_public(groups(to(cidr)), "monitoring", CLIENT, vpc(CLIENT), HTTPS).is_open is is_open
    ipv6 = subnet("a", cidr="", ipv6_cidrs=("2001:db8::/64",))
    assert egress_to_public(groups(to("::/0")), "monitoring", ipv6, vpc(ipv6), HTTPS).is_open


TO_HUB = Rule("tcp", 443, 443, groups=("sg-hub",))
WHO = "sg-app lets requests out to members of sg-hub, and who these are was not read"


@pytest.mark.parametrize("there", [("10.9.1.10",), ()])
def test_who_is_in_a_group_of_another_vpc_is_not_known(there: tuple[str, ...]) -> None:
    found = egress_to_central(groups(TO_HUB, to("10.0.0.0/16")), there, CLIENT, vpc(CLIENT), HTTPS)
    assert found.is_open is None
    assert there == () or found.unread == WHO


@pytest.mark.parametrize(
    "rule",
    [
        Rule("tcp", 5432, 5432, groups=("sg-hub",)),
        Rule("udp", 443, 443, groups=("sg-hub",)),
        Rule("tcp", 443, 443, groups=("sg-app",)),
        Rule("tcp", 443, 443, groups=("sg-endpoint",)),
    ],
)
def test_a_rule_for_other_ports_or_for_a_group_of_the_vpc_leads_to_no_central_endpoint(rule: Rule) -> None:
    seen = vpc(CLIENT, SecurityGroup("sg-endpoint", "of the VPC"))
    assert egress_to_central(groups(rule), ("10.9.1.10",), CLIENT, seen, HTTPS).is_open is False


def test_a_rule_for_its_address_is_enough_whoever_else_is_named() -> None:
    assert egress_to_central(groups(TO_HUB, to("10.9.0.0/16")), ("10.9.1.10",), CLIENT, vpc(CLIENT), HTTPS).is_open


def test_out_to_a_central_endpoint_whose_address_is_not_read_only_all_or_none_is_an_answer() -> None:
    for cidr, is_open in (("0.0.0.0/0", True), ("::/0", True), ("10.0.0.0/8", None)):
        assert egress_to_central(groups(to(cidr)), (), CLIENT, vpc(CLIENT), HTTPS).is_open is is_open
    assert egress_to_central(groups(), (), CLIENT, vpc(CLIENT), HTTPS).is_open is False


@pytest.mark.parametrize(
    ("cidr", "is_open"), [("10.9.0.0/16", True), ("10.9.1.10/32", None), ("10.0.0.0/16", False), ("::/0", False)]
)
def test_out_to_a_central_endpoint_its_addresses_count(cidr: str, *, is_open: bool | None) -> None:
    there = ("10.9.2.10", "10.9.1.10", "2001:db8::10")
    found = egress_to_central(groups(to(cidr)), there, CLIENT, vpc(CLIENT), HTTPS)
    assert (found.is_open, found.where) == (is_open, "the central endpoint (10.9.1.10, 10.9.2.10)")


@pytest.mark.parametrize(
    ("blocks", "is_open"),
    [(("64:ff9b::/96",), None), (("2000::/3",), None), (("2000::/3", "64:ff9b::/96"), True), (("fd00::/8",), False)],
)
def test_with_nat64_a_services_addresses_are_also_those_that_stand_for_ipv4(
    blocks: tuple[str, ...], *, is_open: bool | None
) -> None:
    six = subnet("a", cidr="", ipv6_cidrs=("2001:db8::/64",), dns64=True)
    seen = vpc(six, table("main", route("64:ff9b::/96", TargetKind.NAT_GATEWAY, "nat-1")))
    assert egress_to_public(groups(to(*blocks)), "monitoring", six, seen, HTTPS).is_open is is_open
    without = vpc(six, table("main", route("::/0", TargetKind.EGRESS_ONLY_GATEWAY, "eigw-1")))
    assert egress_to_public(groups(to("64:ff9b::/96")), "monitoring", six, without, HTTPS).is_open is False

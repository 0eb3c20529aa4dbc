"""Clients whose own security groups name the service's public addresses only are cut off by private DNS."""

from dataclasses import replace
from functools import partial
from ipaddress import IPv4Network
from typing import Any

import pytest

from lifeline.core.network.dns import DnsView
from lifeline.core.network.gates import End
from lifeline.core.network.model import (
    AclEntry,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    Route,
    Rule,
    SecurityGroup,
    TargetKind,
    Tier,
    Vpc,
)
from lifeline.core.network.packets import addresses_in
from lifeline.core.network.reach import ServiceReach
from lifeline.core.plan.actions import Action, ActionKind, Status
from lifeline.core.plan.client_egress import AnsweringEnds, find_cut_off
from lifeline.core.plan.harm import Dependent, _by_client
from lifeline.core.policy.policy import Exempted, Requirement
from tests.support import builders
from tests.support.builders import MONITORING, default_route, endpoint, own_security_group, route, subnet, table, vpc
from tests.support.counting import work_of

CLIENT = subnet("a", cidr="10.0.1.0/24")
APP = NetworkInterface("eni-app", "subnet-a", ("10.0.1.20",), frozenset({"sg-app"}))
NAT = table("main", default_route(TargetKind.NAT_GATEWAY))
PUBLIC = Rule("tcp", 443, 443, ("52.94.0.0/15", "54.239.0.0/16"))

OF_TWO = replace(APP, group_ids=frozenset({"sg-app", "sg-unread"}))


def network(*rules: Rule, interface: NetworkInterface = APP, **more: Any) -> Vpc:
    groups = (SecurityGroup("sg-app", "app", egress=rules),)
    read: dict[str, Any] = {"interfaces": (interface,), "client_groups": groups}
    nat = NatGateway("nat_gateway-1", is_public=True, is_available=True)
    return replace(vpc(CLIENT, NAT, own_security_group(), nat_gateways=(nat,), **read), **more)


def make(of: Vpc, **more: Any) -> Action:
    found = builders.plan(of, "monitoring", **{"dns": DnsView(), **more})
    return next(one for one in found.actions if one.service)


def test_one_that_reaches_only_public_ranges_blocks_it() -> None:
    action = make(network(PUBLIC))
    assert action.status is Status.BLOCKED
    assert action.error == (
        "private DNS would make the monitoring service unreachable from a client in subnet-a, which may reach it today "
        "(the service's public addresses were not read): sg-app of eni-app doesn't allow "
        "outbound 443 to 10.0.1.0/24; allow outbound 443 to the endpoint's subnets in that security group, or exempt "
        "subnet-a in the policy (a tag isn't enough) if it doesn't need the service"
    )


@pytest.mark.parametrize(
    "rules",
    [
        (Rule("-1", 0, 65535, ("0.0.0.0/0",)),),
        (PUBLIC, Rule("tcp", 443, 443, ("10.0.0.0/16",))),
        (PUBLIC, Rule("tcp", 443, 443, ("10.0.1.0/25", "10.0.1.128/25"))),
        (PUBLIC, Rule("tcp", 443, 443, groups=("sg-own",))),
        (PUBLIC, Rule("tcp", 443, 443, prefix_lists=("pl-vpc",))),
    ],
)
def test_one_that_reaches_the_endpoints_addresses_too_does_not(rules: tuple[Rule, ...]) -> None:
    assert make(network(*rules, prefix_lists=(("pl-vpc", ("10.0.0.0/8",)),))).status is Status.PLANNED


@pytest.mark.parametrize(
    ("block", "status"),
    [
        ("64:ff9b::/96", Status.BLOCKED),
        ("2600::/16", Status.BLOCKED),
        ("::/0", Status.PLANNED),
        ("fd00::/8", Status.PLANNED),
    ],
)
def test_one_that_reaches_ipv4_by_nat64_alone_blocks_it(block: str, status: Status) -> None:
    """Who is let out neither to public addresses nor to what NAT64 makes of IPv4's has nothing to lose."""
    six = subnet("a", cidr="", ipv6_cidrs=("2001:db8::/64",), dns64=True)
    to_nat64 = table("main", route("64:ff9b::/96", TargetKind.TRANSIT_GATEWAY, "tgw-1"))
    pod = replace(APP, addresses=("2001:db8::20",))
    of = network(Rule("tcp", 443, 443, (block,)), interface=pod, subnets=(six,), route_tables=(to_nat64,))
    found = builders.plan(replace(of, ipv6_cidrs=("2001:db8::/56",)), "six", dns=DnsView())
    action = next(one for one in found.actions if one.service)
    assert (action.status, "a client in subnet-a" in action.error) == (status, status is Status.BLOCKED)


def test_one_that_may_reach_it_by_routes_for_awss_blocks_alone_blocks_it() -> None:
    some = Route(("3.0.0.0/8", "52.94.0.0/15"), TargetKind.NAT_GATEWAY, "nat_gateway-1", is_active=True)
    action = make(network(PUBLIC, route_tables=(table("main", some),)))
    assert action.status is Status.BLOCKED
    assert action.reason.startswith("subnet-a (isolated) can't reach the monitoring service privately: ")
    assert "unreachable from a client in subnet-a, which may reach it today (rtb-main leads some public" in action.error
    assert "): sg-app of eni-app" in action.error
    open_ = make(network(Rule("-1", 0, 65535, ("0.0.0.0/0",)), route_tables=(table("main", some),)))
    assert open_.status is Status.PLANNED


OTHER_BLOCK = subnet("z", cidr="100.64.1.0/24", free=4000)


@pytest.mark.parametrize("is_required_there", [True, False])
def test_the_subnet_is_chosen_that_the_clients_groups_let_out_to(is_required_there: bool) -> None:
    """As where a second block has most of the free addresses, such as one for containers."""
    to_first = Rule("tcp", 443, 443, ("10.0.0.0/16",))
    of = network(PUBLIC, to_first)
    both = replace(of, subnets=(*of.subnets, OTHER_BLOCK), cidrs=("10.0.0.0/16", "100.64.0.0/16"))
    asking = {"subnet-a", "subnet-z"} if is_required_there else {"subnet-a"}
    asked = (Requirement("monitoring", frozenset(asking), per_zone=True),)
    action = make(both, requirements=asked)
    assert (action.status, action.subnet_ids) == (Status.PLANNED, ("subnet-a",))
    full = replace(both, subnets=(replace(of.subnets[0], free_addresses=0), *of.subnets[1:], OTHER_BLOCK))
    refused = make(full, requirements=asked)
    assert (refused.status, "outbound 443 to 100.64.1.0/24" in refused.error) == (Status.BLOCKED, True)


def test_so_is_the_one_that_an_isolated_client_is_let_out_to() -> None:
    """Nobody would lose anything, but the endpoint would be of no use."""
    of = network(Rule("tcp", 443, 443, ("10.0.0.0/16",)))
    isolated = replace(of, subnets=(*of.subnets, OTHER_BLOCK), route_tables=(table("main"),))
    asked = (Requirement("monitoring", frozenset({"subnet-a"}), per_zone=True),)
    action = make(replace(isolated, cidrs=("10.0.0.0/16", "100.64.0.0/16")), requirements=asked)
    assert (action.status, action.subnet_ids) == (Status.PLANNED, ("subnet-a",))


def test_a_few_addresses_that_the_endpoint_hardly_gets_may_be_left_out_and_its_own_may_not() -> None:
    but_one = IPv4Network("10.0.1.0/24").address_exclude(IPv4Network("10.0.1.50/32"))
    assert make(network(PUBLIC, Rule("tcp", 443, 443, tuple(map(str, but_one))))).status is Status.PLANNED
    there = NetworkInterface("eni-own", "subnet-a", ("10.0.1.50",), kind="vpc_endpoint")
    dark = endpoint(MONITORING, "a", private_dns=False, interface_ids=frozenset({"eni-own"}))
    for address, status in (("10.0.1.50/32", Status.PLANNED), ("10.0.1.51/32", Status.BLOCKED)):
        found = network(PUBLIC, Rule("tcp", 443, 443, (address,)), endpoints=(dark,), interfaces=(APP, there))
        assert make(found).status is status


def crowd(count: int, rules: int, *, alike: bool) -> Vpc:
    """So many clients, each with a group of its own or all with one, and groups of so many rules that let all out."""
    some = tuple(f"{52 + place // 128}.{place % 128 * 2}.0.0/16" for place in range(rules))
    names = ["sg-app"] if alike else [f"sg-{place}" for place in range(count)]
    everybody = tuple(
        replace(APP, id=f"eni-{place}", group_ids=frozenset({names[place % len(names)]})) for place in range(count)
    )
    groups = tuple(SecurityGroup(name, name, egress=(Rule("tcp", 443, 443, (*some, "10.0.0.0/8")),)) for name in names)
    return network(interfaces=everybody, client_groups=groups)


def test_whoever_has_many_interfaces_with_groups_full_of_rules_keeps_no_run_busy() -> None:
    """An interface may have 1,000 rules, and a region 5,000 interfaces: twice as many are twice the work."""
    for smaller, larger in (
        (crowd(4, 250, alike=False), crowd(4, 500, alike=False)),
        (crowd(99, 9, alike=False), crowd(198, 9, alike=False)),
    ):
        assert work_of(partial(make, larger)) < 3 * work_of(partial(make, smaller))


def test_nor_does_whoever_lets_clients_out_to_none_of_many_subnets() -> None:
    """Each subnet is tried for the endpoint: twice as many, with as many clients each, are twice the work."""

    def region(count: int) -> Vpc:
        seen = crowd(count * 4, 60, alike=False)
        subnets = [subnet(f"{place}", cidr=f"10.0.{place}.0/24") for place in range(count)]
        there = [replace(one, subnet_id=subnets[place % count].id) for place, one in enumerate(seen.interfaces or ())]
        last = replace(APP, id="eni-last", subnet_id=subnets[-1].id, group_ids=frozenset({"sg-last"}))
        groups = (*(seen.client_groups or ()), SecurityGroup("sg-last", "last", egress=(PUBLIC,)))
        return replace(seen, subnets=tuple(subnets), interfaces=(*there, last), client_groups=groups)

    def judge(count: int) -> Action:
        found = region(count)
        asked = (Requirement("monitoring", frozenset(one.id for one in found.subnets), per_zone=True),)
        return make(found, requirements=asked)

    assert "sg-last of eni-last doesn't allow outbound 443" in judge(12).error
    judge(24)
    assert work_of(partial(judge, 24)) < 3 * work_of(partial(judge, 12))


def test_interfaces_with_the_same_groups_are_judged_once() -> None:
    few, many = crowd(2, 500, alike=True), crowd(50, 500, alike=True)
    make(few)  # what is found once for a process isn't counted, whichever tests ran before
    assert work_of(partial(make, many)) < 2 * work_of(partial(make, few))


@pytest.mark.parametrize(
    "rules", [(), (Rule("tcp", 5432, 5432, ("0.0.0.0/0",)),), (Rule("udp", 443, 443, ("0.0.0.0/0",)),)]
)
def test_one_that_reaches_the_service_nowhere_today_has_nothing_to_lose(rules: tuple[Rule, ...]) -> None:
    assert make(network(*rules)).status is Status.PLANNED


def test_of_a_way_that_was_not_read_it_is_not_said_that_it_is_used_today() -> None:
    transit = (table("main", default_route(TargetKind.TRANSIT_GATEWAY)),)
    assert "from a client in subnet-a, which may reach it today" in make(network(PUBLIC, route_tables=transit)).error
    assert "from a client in subnet-a, which may reach it today" in make(network(PUBLIC, nat_gateways=())).error


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        (Rule("tcp", 5432, 5432, ("10.0.0.0/16",)), Status.PLANNED),
        (Rule("tcp", 443, 443, ("10.0.1.51/32",)), Status.PLANNED),
        (Rule("tcp", 443, 443, ("10.0.1.50/32",)), Status.BLOCKED),
        (Rule("tcp", 443, 443, groups=("sg-own",)), Status.PLANNED),
    ],
)
def test_an_endpoint_that_grows_harms_only_those_who_reach_it_today(rule: Rule, status: Status) -> None:
    here = NetworkInterface("eni-own", "subnet-a", ("10.0.1.50",), kind="vpc_endpoint")
    own = endpoint(MONITORING, "a", interface_ids=frozenset({"eni-own"}))
    parts: dict[str, Any] = {"subnets": (CLIENT, subnet("b", "us-east-1b", cidr="10.0.2.0/24")), "endpoints": (own,)}
    action = make(network(rule, interfaces=(APP, here), **parts))
    assert (action.kind, action.status) == (ActionKind.ADD_SUBNETS, status)


def test_a_rule_by_awss_prefix_list_names_public_addresses() -> None:
    by_list = Rule("tcp", 443, 443, prefix_lists=("pl-aws",))
    assert make(network(by_list, prefix_lists=(("pl-aws", ("52.94.0.0/15",)),))).is_blocked
    unread = make(network(by_list))
    assert unread.is_blocked
    assert "private DNS might make the monitoring service unreachable" in unread.error
    assert "sg-app allows what is in pl-aws, which was not read" in unread.error


def test_while_one_of_its_groups_was_not_read_nobody_says_that_it_is_cut_off() -> None:
    assert not make(network(PUBLIC, interface=OF_TWO)).is_blocked


UNKNOWN = (
    "; it isn't known whether these clients' security groups let them reach the endpoint: eni-app of subnet-a (the "
    "rules of sg-unread were not read)"
)


def test_and_somebody_says_that_it_isnt_known() -> None:
    made = make(network(PUBLIC, interface=OF_TWO))
    assert (made.status, made.reason.endswith(UNKNOWN)) == (Status.PLANNED, True)
    dark = endpoint(MONITORING, "a", private_dns=False)
    enabled = make(network(PUBLIC, interface=OF_TWO, endpoints=(dark,)))
    assert enabled.kind is ActionKind.ENABLE_PRIVATE_DNS
    assert enabled.reason.endswith(UNKNOWN)
    parts: dict[str, Any] = {"subnets": (CLIENT, subnet("b", "us-east-1b", cidr="10.0.2.0/24"))}
    spread = make(network(PUBLIC, interface=OF_TWO, endpoints=(endpoint(MONITORING, "a"),), **parts))
    assert spread.kind is ActionKind.ADD_SUBNETS
    assert spread.reason.endswith(UNKNOWN)


@pytest.mark.parametrize(
    ("rule", "more"),
    [
        (Rule("tcp", 443, 443, ("10.0.0.0/16",)), {}),  # what was read lets it out
        (PUBLIC, {"client_groups": None}),  # a first draft, which reads no groups
        (PUBLIC, {"route_tables": (table("main"),)}),  # nobody reaches it today
        (PUBLIC, {"interfaces": (replace(OF_TWO, kind="nat_gateway"),)}),
    ],
)
def test_where_it_makes_no_difference_nobody_says_so(rule: Rule, more: dict[str, Any]) -> None:
    assert "isn't known whether these clients" not in make(network(rule, interface=OF_TWO, **more)).reason


def test_one_that_was_read_blocks_whatever_was_not_read_of_another() -> None:
    first = replace(OF_TWO, id="eni-another")
    found = make(network(PUBLIC, interfaces=(first, APP)))
    assert found.is_blocked
    assert "sg-app of eni-app" in found.error


def test_an_exempt_subnet_and_interfaces_that_call_nobody_do_not_count() -> None:
    exempt = Exempted("subnet-a", ("monitoring",), None, "it does without")
    away = subnet("b", "us-east-1b", cidr="10.0.2.0/24")
    of_both = replace(network(PUBLIC), subnets=(CLIENT, away))
    assert make(of_both, exempt=(exempt,)).status is Status.PLANNED
    assert make(network(PUBLIC, interface=replace(APP, kind="nat_gateway"))).status is Status.PLANNED


def test_without_their_groups_nothing_is_said_of_them() -> None:
    assert make(network(PUBLIC, client_groups=None)).status is Status.PLANNED


def test_turning_private_dns_on_asks_the_same() -> None:
    dark = endpoint(MONITORING, "a", private_dns=False)
    action = make(replace(network(PUBLIC), endpoints=(dark,)))
    assert (action.kind, action.status) == (ActionKind.ENABLE_PRIVATE_DNS, Status.BLOCKED)
    assert "sg-app of eni-app" in action.error


def test_of_many_exempt_subnets_that_would_lose_it_a_reason_names_a_few() -> None:
    """Whoever sets tags must not make a reason as long as a notice may be."""
    names = [f"b{number}" for number in range(60)]
    there = [subnet(name, cidr=f"10.0.{number + 10}.0/24") for number, name in enumerate(names)]
    clients = tuple(NetworkInterface(f"eni-{one.id}", one.id, (), frozenset({"sg-app"})) for one in there)
    nat = table("nat", default_route(TargetKind.NAT_GATEWAY), subnets=tuple(names))
    groups = (SecurityGroup("sg-app", "app", egress=(PUBLIC,)),)
    found = vpc(CLIENT, *there, table(), nat, own_security_group(), interfaces=clients, client_groups=groups)
    exempt = tuple(Exempted(one.id, (), None, "tag lifeline:exempt") for one in there)
    made = make(found, exempt=exempt, tiers=frozenset({Tier.ISOLATED}))
    assert made.status is Status.PLANNED
    assert made.reason.endswith("(sg-app of eni-subnet-b10 doesn't allow outbound 443 to 10.0.1.0/24) and 57 more")


@pytest.mark.parametrize(("is_public", "is_guess"), [(True, True), (True, False), (False, True)])
def test_only_where_the_public_addresses_decide_and_were_not_read_is_that_said(
    *, is_public: bool, is_guess: bool
) -> None:
    of = replace(network(PUBLIC), endpoints=(endpoint(MONITORING, "a"),))
    now = AnsweringEnds((End(addresses_in(("52.94.0.0/15",), 4), "there", 4, is_guess=is_guess),))
    reach = ServiceReach(of, "monitoring", builders.CATALOG, DnsView())
    harm = _by_client(Dependent(CLIENT, is_public=is_public, now=now), reach, frozenset({"sg-own"}))
    assert harm is not None
    assert ("the service's public addresses were not read" in harm.today) is (is_public and is_guess)


class TestOfAServiceWithTwoPorts:
    """On what a client's groups let out nowhere today, it has nothing to lose."""

    ON_BOTH = replace(builders.CATALOG, ports=(("monitoring", ((443, 443), (8443, 8443))),))
    HERE = ("10.0.0.0/16",)

    def make(self, *rules: Rule, **more: Any) -> Action:
        return make(network(*rules, **more), catalog=self.ON_BOTH)

    @pytest.mark.parametrize(
        "rules",
        [
            (Rule("tcp", 8443, 8443, ("0.0.0.0/0",)),),
            (Rule("tcp", 8443, 8443, (*PUBLIC.cidrs, *HERE)),),
            (PUBLIC, Rule("tcp", 443, 443, HERE), Rule("tcp", 8443, 8443, ("192.168.0.0/16",))),
            (Rule("tcp", 8443, 8443, ("0.0.0.0/0",)), Rule("tcp", 443, 443, HERE)),
        ],
    )
    def test_one_that_uses_one_port_and_is_let_out_on_it_withholds_nothing(self, rules: tuple[Rule, ...]) -> None:
        assert self.make(*rules).status is Status.PLANNED

    @pytest.mark.parametrize(
        "rules", [(PUBLIC,), (PUBLIC, Rule("tcp", 8443, 8443, ("0.0.0.0/0",)), Rule("tcp", 5432, 5432, HERE))]
    )
    def test_the_port_that_it_would_lose_is_named_and_no_other(self, rules: tuple[Rule, ...]) -> None:
        assert self.make(*rules).error == (
            "private DNS would make TCP 443 of the monitoring service unreachable from a client in subnet-a, which may "
            "reach it today (the service's public addresses were not read): sg-app of eni-app doesn't allow outbound "
            "443 to 10.0.1.0/24; allow outbound 443 to the endpoint's subnets in that security group, or exempt "
            "subnet-a in the policy (a tag isn't enough) if it doesn't need the service"
        )

    def test_so_are_all_that_it_would_lose_at_one_of_several_addresses(self) -> None:
        two = (CLIENT, subnet("b", "us-east-1b", cidr="10.0.2.0/24"))
        to_first = Rule("tcp", 443, 443, ("10.0.1.0/24",))
        error = self.make(Rule("tcp", 0, 9000, PUBLIC.cidrs), to_first, subnets=two).error
        assert "private DNS would make the monitoring service unreachable from a client" in error
        assert "doesn't allow outbound 443, 8443 to 10.0.1.0/24, 10.0.2.0/24" in error

    def test_what_the_network_shuts_today_is_not_lost(self) -> None:
        both = (AclEntry(100, egress, allow=True, protocol="-1", cidr="0.0.0.0/0") for egress in (True, False))
        no_443 = AclEntry(1, egress=True, allow=False, protocol="6", cidr="0.0.0.0/0", from_port=443, to_port=443)
        acl = NetworkAcl("acl-1", frozenset({"subnet-a"}), (no_443, *both))
        rules = (PUBLIC, Rule("tcp", 8443, 8443, ("0.0.0.0/0",)))
        assert self.make(*rules, network_acls=(acl,)).status is Status.PLANNED
        assert self.make(*rules).is_blocked

    @pytest.mark.parametrize(("port", "status"), [(8443, Status.PLANNED), (443, Status.BLOCKED)])
    def test_where_a_list_was_not_read_what_no_rule_lets_out_is_not_lost(self, port: int, status: Status) -> None:
        by_list = Rule("tcp", port, port, prefix_lists=("pl-aws",))
        here = Rule("tcp", 8443, 8443, self.HERE)
        assert self.make(by_list, here).status is status

    def test_nor_is_it_where_it_isnt_known_at_which_addresses_the_service_answers_today(self) -> None:
        of = network(Rule("tcp", 8443, 8443, ("0.0.0.0/0",)))
        there = AnsweringEnds((End(addresses_in(("10.0.1.0/24",), 4), "there", 4),))
        both = ((443, 443), (8443, 8443))
        assert find_cut_off(there, CLIENT, of, both) is None
        cut_off = find_cut_off(there, CLIENT, network(Rule("tcp", 0, 9000, PUBLIC.cidrs)), both)
        assert cut_off is not None
        assert cut_off.ports == both

    def test_one_of_which_a_group_was_not_read_may_use_them_all(self) -> None:
        found = self.make(Rule("tcp", 8443, 8443, ("0.0.0.0/0",)), interface=OF_TWO)
        assert found.reason.endswith(UNKNOWN)

    def test_a_subnet_is_chosen_by_the_port_that_its_clients_use(self) -> None:
        of = network(Rule("tcp", 8443, 8443, (*PUBLIC.cidrs, "10.0.0.0/16")))
        both = replace(of, subnets=(*of.subnets, OTHER_BLOCK), cidrs=("10.0.0.0/16", "100.64.0.0/16"))
        asked = (Requirement("monitoring", frozenset({"subnet-a"}), per_zone=True),)
        action = make(both, requirements=asked, catalog=self.ON_BOTH)
        assert (action.status, action.subnet_ids) == (Status.PLANNED, ("subnet-a",))

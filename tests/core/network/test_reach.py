"""How a subnet reaches a service."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.gates import ObstacleKind
from lifeline.core.network.model import (
    AclEntry,
    Catalog,
    Endpoint,
    EndpointState,
    NatGateway,
    NetworkAcl,
    NetworkInterface,
    Route,
    RouteTable,
    SecurityGroup,
    TargetKind,
    Vpc,
)
from lifeline.core.network.network_path import NOBODY_LOOKED, NetworkPath, Reach, together
from lifeline.core.network.reach import ServiceReach, find_path
from lifeline.core.network.service_here import off_words
from tests.support.builders import (
    CATALOG,
    MONITORING,
    SHUT_POLICY,
    default_route,
    endpoint,
    gateway,
    own_security_group,
    route,
    subnet,
    table,
    vpc,
)
from tests.support.reach_samples import TO_S3

IGW = default_route(TargetKind.INTERNET_GATEWAY, "igw-1")
NAT = default_route(TargetKind.NAT_GATEWAY, "nat-1")
ISOLATED = table()
PUBLIC = table("main", IGW)
EGRESS = table("main", NAT)
NOBODY_ELSE = DnsView()
ZONE = DnsAnswer(AnswerKind.PRIVATE_ZONE, "monitoring.us-east-1.amazonaws.com", "Z1", "a zone")
PARENT = DnsAnswer(AnswerKind.PRIVATE_ZONE, "us-east-1.amazonaws.com", "Z2", "private zone Z2 answers its parent")
TO_HUB = route("10.0.0.0/8", TargetKind.TRANSIT_GATEWAY, "tgw-1")
HUB = table("main", TO_HUB)
CLOSED_GROUP = own_security_group("192.168.0.0/16")


def answering(**more: Any) -> Endpoint:
    return endpoint(MONITORING, "a", **more)


def path(
    *parts: RouteTable | Endpoint,
    service: str = "monitoring",
    dns: DnsView | None = NOBODY_ELSE,
    catalog: Catalog = CATALOG,
    address: bool = False,
    group: SecurityGroup | None = None,
    **more: Any,
) -> NetworkPath:
    network = vpc(subnet("a"), *parts, group or own_security_group(), **more)
    return find_path(network.subnets[0], network, service, catalog, dns, has_public_address=address)


class TestTheSubnetsOwnWay:
    @pytest.mark.parametrize(
        ("routes", "address", "reach"),
        [
            (PUBLIC, True, Reach.OPEN_PUBLIC),
            (PUBLIC, False, Reach.NO_ADDRESS),
            (EGRESS, False, Reach.OPEN_EGRESS),
            (EGRESS, True, Reach.OPEN_EGRESS),
            (ISOLATED, True, Reach.UNREACHABLE),
            (table("main", default_route(TargetKind.INTERNET_GATEWAY, "igw-1", active=False)), True, Reach.UNREACHABLE),
        ],
    )
    def test_counts_where_nothing_else_answers(self, routes: RouteTable, address: bool, reach: Reach) -> None:
        assert path(routes, address=address).reach is reach

    @pytest.mark.parametrize("state", [EndpointState.PENDING, EndpointState.FAILED, EndpointState.DELETING])
    def test_counts_while_an_endpoint_does_not_answer(self, state: EndpointState) -> None:
        assert path(PUBLIC, answering(state=state), address=True).reach is Reach.OPEN_PUBLIC
        assert path(EGRESS, answering(state=state)).reach is Reach.OPEN_EGRESS

    def test_may_be_hidden_by_a_zone_of_the_names_parent(self) -> None:
        found = path(EGRESS, dns=DnsView((PARENT,)))
        assert found.reach is Reach.OPEN_EGRESS
        assert "Z2" in found.doubts[0]

    def test_is_told_with_the_routes_that_lead_nowhere(self) -> None:
        dead = default_route(TargetKind.NAT_GATEWAY, "nat-1", active=False)
        assert path(table("main", dead)).notes[0] == (
            "subnet-a is isolated: rtb-main has no route out of the VPC; its route to nat-1 is a blackhole"
        )

    def test_is_told_without_dead_routes_to_other_networks(self) -> None:
        dead = replace(TO_HUB, is_active=False)
        assert path(table("main", dead)).notes[0] == "subnet-a is isolated: rtb-main has no route out of the VPC"


class TestAnEndpoint:
    @pytest.mark.parametrize("routes", [ISOLATED, EGRESS, PUBLIC])
    def test_that_is_available_serves_every_subnet(self, routes: RouteTable) -> None:
        found = path(routes, endpoint(MONITORING, "other"))
        assert (found.reach, found.endpoint_id) == (Reach.SERVED, "vpce-1")

    @pytest.mark.parametrize("routes", [ISOLATED, EGRESS, PUBLIC])
    def test_that_is_closed_cuts_off_public_subnets_too(self, routes: RouteTable) -> None:
        found = path(routes, answering(), group=CLOSED_GROUP, address=True)
        assert (found.reach, found.obstacles[0].kind) == (Reach.CLOSED, ObstacleKind.SECURITY_GROUP)
        assert found.words == "sg-own of vpce-1 doesn't allow inbound 443 from 10.0.1.0/24 (subnet-a)"

    @pytest.mark.parametrize(("blocks", "reach"), [(("::/0",), Reach.CLOSED), (("::/0", "0.0.0.0/0"), Reach.SERVED)])
    def test_that_lets_in_all_of_ipv6_is_open_to_no_ipv4_address(self, blocks: tuple[str, ...], reach: Reach) -> None:
        assert path(answering(), group=own_security_group(*blocks)).reach is reach

    def test_that_is_closed_is_mended_if_it_is_lifelines_and_no_acl_closes_it(self) -> None:
        deny = NetworkAcl("acl-1", frozenset({"subnet-a"}), (AclEntry(100, True, False, "-1", "0.0.0.0/0"),))
        beside = endpoint(MONITORING, "b")
        there = subnet("b", cidr="10.0.2.0/24")
        walled = vpc(subnet("a"), there, beside, own_security_group(), network_acls=(deny,))
        found = find_path(walled.subnets[0], walled, "monitoring", CATALOG, None, has_public_address=False)
        assert (found.reach, found.obstacles[0].kind, found.is_repairable) == (
            Reach.CLOSED,
            ObstacleKind.NETWORK_ACL,
            False,
        )
        assert path(answering(), group=CLOSED_GROUP).is_repairable
        assert not path(answering(own=False), group=CLOSED_GROUP).is_repairable
        family = path(answering(ip_address_type="ipv6"))
        assert (family.obstacles[0].kind, family.is_repairable) == (ObstacleKind.ADDRESS_FAMILY, False)
        for is_own in (True, False):
            hidden = path(answering(own=is_own, ip_address_type="dualstack", record_family="ipv6"))
            assert (hidden.obstacles[0].kind, hidden.is_repairable) == (ObstacleKind.ADDRESS_FAMILY, is_own)

    def test_that_two_things_close_is_told_with_both(self) -> None:
        deny = NetworkAcl("acl-1", frozenset({"subnet-a"}), (AclEntry(100, True, False, "-1", "0.0.0.0/0"),))
        there = subnet("b", cidr="10.0.2.0/24")
        walled = vpc(subnet("a"), there, endpoint(MONITORING, "b"), CLOSED_GROUP, network_acls=(deny,))
        found = find_path(walled.subnets[0], walled, "monitoring", CATALOG, None, has_public_address=False)
        group, acl = "sg-own of vpce-1 doesn't allow", "network ACL acl-1 doesn't let 443 out of subnet-a"
        assert found.words.startswith(group)
        assert [note.startswith(acl) for note in found.notes] == [False, True]
        assert [one.kind for one in found.obstacles] == [ObstacleKind.SECURITY_GROUP, ObstacleKind.NETWORK_ACL]

    @pytest.mark.parametrize(
        ("are_read", "reach", "unread"),
        [
            (True, Reach.PARTLY, ()),
            (False, Reach.UNKNOWN, ("the addresses of vpce-1 were not read, and network ACLs deny some",)),
        ],
    )
    def test_of_whose_interfaces_an_acl_denies_some_serves_in_part_if_their_addresses_are_known(
        self, are_read: bool, reach: Reach, unread: tuple[str, ...]
    ) -> None:
        hosts = (subnet("b", "us-east-1b", cidr="10.0.2.0/24"), subnet("c", "us-east-1c", cidr="10.0.3.0/24"))
        found = endpoint(MONITORING, "b", "c", interface_ids=frozenset({"eni-b", "eni-c"}))
        theirs = {"eni-b": ("subnet-b", ("10.0.2.7",)), "eni-c": ("subnet-c", ("10.0.3.7",))}
        interfaces = tuple(NetworkInterface(id_, *where, kind="vpc_endpoint") for id_, where in theirs.items())
        every = tuple(AclEntry(100, egress, True, "-1", "0.0.0.0/0") for egress in (True, False))
        acl = NetworkAcl("acl-1", frozenset({"subnet-a"}), (AclEntry(50, True, False, "-1", "10.0.3.0/24"), *every))
        seen = path(
            found, subnets=(subnet("a"), *hosts), network_acls=(acl,), interfaces=interfaces if are_read else None
        )
        assert (seen.reach, seen.unread) == (reach, unread)

    @pytest.mark.parametrize(
        ("state", "reach", "words"),
        [
            (EndpointState.PENDING, Reach.PENDING, "vpce-1 for the monitoring service is pending"),
            (
                EndpointState.PENDING_ACCEPTANCE,
                Reach.PENDING,
                "vpce-1 for the monitoring service is waiting for the service's owner to accept it",
            ),
            (EndpointState.UNKNOWN, Reach.PENDING, "vpce-1 for the monitoring service is unknown"),
            (EndpointState.FAILED, Reach.FAILED, "vpce-1 for the monitoring service has failed"),
            (EndpointState.REJECTED, Reach.FAILED, "vpce-1 for the monitoring service was rejected"),
            (EndpointState.EXPIRED, Reach.FAILED, "vpce-1 for the monitoring service has expired"),
            (EndpointState.PARTIAL, Reach.FAILED, "vpce-1 for the monitoring service is only partly available"),
            (
                EndpointState.DELETING,
                Reach.UNREACHABLE,
                "no endpoint in the VPC gives access to the monitoring service",
            ),
            (EndpointState.DELETED, Reach.UNREACHABLE, "no endpoint in the VPC gives access to the monitoring service"),
        ],
    )
    def test_that_does_not_answer_is_named_where_there_is_no_other_way(
        self, state: EndpointState, reach: Reach, words: str
    ) -> None:
        found = path(answering(state=state))
        assert (found.reach, found.words) == (reach, words)

    def test_that_failed_is_replaced_if_it_is_lifelines_and_no_gateway(self) -> None:
        assert path(answering(state=EndpointState.FAILED)).is_repairable
        assert not path(answering(state=EndpointState.FAILED, own=False)).is_repairable
        assert not path(ISOLATED, gateway("main", state=EndpointState.FAILED), service="s3").is_repairable

    def test_that_comes_up_counts_before_one_that_failed(self) -> None:
        failed = answering(state=EndpointState.FAILED, failure="no capacity")
        coming = replace(answering(state=EndpointState.PENDING), id="vpce-2")
        assert path(failed, coming).endpoint_id == "vpce-2"
        assert "vpce-1: no capacity" in path(failed).notes

    @pytest.mark.parametrize(
        ("routes", "is_on", "unread"),
        [(HUB, True, (NOBODY_LOOKED,)), (HUB, False, ()), (ISOLATED, True, ())],
    )
    def test_that_comes_up_leaves_open_what_answers_until_then_where_a_central_one_could(
        self, routes: RouteTable, is_on: bool, unread: tuple[str, ...]
    ) -> None:
        coming = answering(state=EndpointState.PENDING)
        found = path(routes, coming, dns=None, dns_support=is_on, dns_hostnames=is_on)
        assert (found.reach, found.unread) == (Reach.PENDING, unread)

    @pytest.mark.parametrize(
        ("idle", "note"),
        [
            (answering(private_dns=False), "vpce-1 exists, but its private DNS is off, so the service's name doesn't"),
            (endpoint(MONITORING), "vpce-1 has no network interface"),
        ],
    )
    def test_that_takes_no_name_leaves_the_subnet_cut_off(self, idle: Endpoint, note: str) -> None:
        found = path(idle)
        assert found.reach is Reach.UNREACHABLE
        assert any(line.startswith(note) for line in found.notes)
        assert path(PUBLIC, idle, address=True).reach is Reach.OPEN_PUBLIC

    def test_of_another_service_does_not_help(self) -> None:
        assert path(endpoint("com.amazonaws.us-east-1.ec2messages", "a"), service="ec2").reach is Reach.UNREACHABLE

    def test_of_another_region_does_not_help_unless_no_zone_says_which_region_this_is(self) -> None:
        away = endpoint("com.amazonaws.eu-west-1.monitoring", "a")
        assert path(away).reach is Reach.UNREACHABLE
        assert path(answering(), subnets=(subnet("a", zone=""),)).reach is Reach.SERVED

    @pytest.mark.parametrize("kind", ["ipv6", "dualstack"])
    def test_with_ipv6_addresses_serves_an_ipv6_only_subnet(self, kind: str) -> None:
        found = path(
            endpoint("com.amazonaws.us-east-1.six", "a", ip_address_type=kind),
            service="six",
            group=own_security_group("2001:db8::/56"),
            subnets=(subnet("a", cidr="", ipv6_cidrs=("2001:db8::/64",)),),
        )
        assert found.reach is Reach.SERVED

    def test_is_known_by_its_name_where_the_regions_services_could_not_be_read(self) -> None:
        assert path(answering(), catalog=Catalog()).reach is Reach.SERVED

    def test_of_the_gateway_kind_serves_by_the_route_table(self) -> None:
        route_to_it = route("10.99.0.0/16", TargetKind.GATEWAY_ENDPOINT, "vpce-1")
        assert path(table("main", route_to_it), gateway("main"), service="s3").reach is Reach.SERVED
        off = path(ISOLATED, gateway("other"), service="s3")
        assert (off.reach, off.notes[1]) == (Reach.UNREACHABLE, "vpce-1 has no route in rtb-main")


class TestWhatAnswersBeforeAnEndpoint:
    RULE = DnsAnswer(AnswerKind.RESOLVER_RULE, "monitoring.us-east-1.amazonaws.com", "rslvr-1", "", forwards=True)

    def test_a_rule_for_just_the_name_does_and_where_it_leads_was_not_read(self) -> None:
        found = path(answering(), dns=DnsView((self.RULE,)))
        assert (found.reach, found.central_id) == (Reach.CENTRAL, "rslvr-1")
        assert found.unread == ("the addresses that resolver rule rslvr-1 answers with were not read",)

    @pytest.mark.parametrize("domain", ["us-east-1.amazonaws.com", ""])
    def test_a_rule_for_a_parent_does_not(self, domain: str) -> None:
        found = path(answering(), dns=DnsView((replace(self.RULE, domain=domain),)))
        assert (found.reach, found.unread) == (Reach.SERVED, ())

    @pytest.mark.parametrize("domain", ["us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com"])
    @pytest.mark.parametrize(("is_open", "reach"), [(True, Reach.SERVED), (False, Reach.UNKNOWN)])
    def test_whether_a_gateway_endpoint_serves_hangs_on_what_a_rule_answers(
        self, is_open: bool, reach: Reach, domain: str
    ) -> None:
        by_route = table("main", route("54.0.0.0/8", TargetKind.GATEWAY_ENDPOINT, "vpce-1"), TO_HUB)
        policy = "" if is_open else SHUT_POLICY
        rule = replace(self.RULE, domain=domain)
        found = path(by_route, gateway("main", policy=policy), service="s3", dns=DnsView((rule,)))
        assert found.reach is reach
        assert found.unread == ("the addresses that resolver rule rslvr-1 answers with were not read",)


class TestTheVpcsDns:
    @pytest.mark.parametrize("off", [{"dns_support": False}, {"dns_hostnames": False}])
    def test_that_is_off_keeps_an_endpoint_from_answering(self, off: dict[str, Any]) -> None:
        found = path(answering(), **off)
        assert (found.reach, found.endpoint_id, found.is_repairable) == (Reach.DNS_OFF, "vpce-1", True)
        assert found.words.endswith("is off, so the private DNS name of vpce-1 isn't resolved")

    def test_that_is_off_altogether_is_told_so(self) -> None:
        found = path(answering(), dns_support=False, dns_hostnames=False)
        off = "the VPC's enableDnsSupport and enableDnsHostnames are off"
        assert found.words == f"{off}, so the private DNS name of vpce-1 isn't resolved"

    def test_hostnames_off_leaves_public_names_to_a_subnet_with_its_own_way_out(self) -> None:
        assert path(EGRESS, answering(), dns_hostnames=False).reach is Reach.OPEN_EGRESS
        assert path(PUBLIC, answering(), dns_hostnames=False, address=True).reach is Reach.OPEN_PUBLIC

    def test_support_off_resolves_no_name_at_all(self) -> None:
        found = path(EGRESS, dns_support=False)
        assert found.reach is Reach.DNS_OFF
        assert found.doubts
        elsewhere = DnsView(custom_dns_servers=("10.0.0.53",))
        assert path(EGRESS, dns_support=False, dns=elsewhere).reach is Reach.OPEN_EGRESS

    def test_support_off_leaves_a_gateway_endpoint_without_a_name(self) -> None:
        by_route = table("main", route("54.0.0.0/8", TargetKind.GATEWAY_ENDPOINT, "vpce-1")), gateway("main")
        found = path(*by_route, service="s3", dns_support=False)
        assert (found.reach, found.endpoint_id) == (Reach.DNS_OFF, "vpce-1")
        assert found.words == "the VPC's enableDnsSupport is off, so names aren't resolved"
        elsewhere = DnsView(custom_dns_servers=("10.0.0.53",))
        assert path(*by_route, service="s3", dns_support=False, dns=elsewhere).reach is Reach.SERVED

    def test_off_is_not_the_matter_where_there_is_nothing_to_answer(self) -> None:
        assert path(dns_hostnames=False).reach is Reach.UNREACHABLE
        assert path(dns_support=False).reach is Reach.UNREACHABLE

    def test_off_hides_a_central_endpoint_too(self) -> None:
        found = path(HUB, dns=DnsView((ZONE,)), dns_hostnames=False)
        assert (found.reach, found.words) == (
            Reach.DNS_OFF,
            "the VPC's enableDnsHostnames is off, so the names in Z1 aren't resolved",
        )

    def test_servers_of_ones_own_leave_a_doubt(self) -> None:
        assert "10.0.0.53" in path(answering(), dns=DnsView(custom_dns_servers=("10.0.0.53",))).doubts[0]


class TestACentralEndpoint:
    def test_serves_a_subnet_with_a_route_beyond_the_vpc(self) -> None:
        found = path(HUB, dns=DnsView((ZONE,)))
        assert found.reach is Reach.CENTRAL
        assert found.words == "private hosted zone Z1 answers monitoring.us-east-1.amazonaws.com"

    def test_is_out_of_reach_without_a_route(self) -> None:
        found = path(dns=DnsView((ZONE,)))
        assert (found.reach, found.is_repairable) == (Reach.UNREACHABLE, False)
        assert found.words == "no route leads to the central endpoint for the monitoring service"
        assert found.unread

    def test_is_out_of_reach_where_the_routes_stay_in_the_vpc_or_are_a_gateway_endpoints(self) -> None:
        assert path(table("main", TO_S3), dns=DnsView((ZONE,))).reach is Reach.UNREACHABLE

    def test_may_be_an_endpoint_of_the_vpc_itself(self) -> None:
        assert path(answering(private_dns=False), dns=DnsView((ZONE,))).reach is Reach.CENTRAL

    @pytest.mark.parametrize(
        ("beside", "reach"),
        [
            (answering(private_dns=False), Reach.UNKNOWN),
            (answering(private_dns=False, state=EndpointState.FAILED), Reach.UNREACHABLE),
            (endpoint(MONITORING, private_dns=False), Reach.UNREACHABLE),
            (HUB, Reach.UNKNOWN),
            (table("main", replace(TO_HUB, is_active=False)), Reach.UNREACHABLE),
            (table("main", TO_S3), Reach.UNREACHABLE),
        ],
    )
    def test_that_could_not_be_checked_may_serve_where_a_route_or_an_endpoint_with_interfaces_leads_to_it(
        self, beside: Endpoint | RouteTable, reach: Reach
    ) -> None:
        assert path(beside, dns=DnsView(unreadable=("the zones: AccessDenied",))).reach is reach

    def test_that_could_not_be_checked_leaves_a_doubt(self) -> None:
        assert path(dns=None).unread == ("whether a central endpoint answers was not checked",)
        assert path(dns=DnsView(unreadable=("the zones: AccessDenied",))).unread == ("the zones: AccessDenied",)
        assert path(dns=NOBODY_ELSE).uncertainties == ()


def test_a_service_that_the_region_does_not_offer_may_be_misspelt() -> None:
    found = path(service="monitorin")
    assert (found.reach, found.is_repairable) == (Reach.UNREACHABLE, False)
    assert found.doubts == ("the region offers no endpoint service named monitorin; is the name misspelled?",)


def test_a_subnet_whose_route_table_was_not_seen_is_unknown() -> None:
    assert path(route_tables=()).reach is Reach.UNKNOWN
    assert path(answering(), route_tables=()).reach is Reach.SERVED


tables = st.sampled_from([ISOLATED, PUBLIC, EGRESS])
states = st.sampled_from(list(EndpointState))
views = st.sampled_from([None, NOBODY_ELSE, DnsView((ZONE,)), DnsView((PARENT,)), DnsView(unreadable=("x",))])


@given(tables, st.lists(states, max_size=3), views, st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_an_answer_is_always_found_and_open_ways_are_never_mended(
    routes: RouteTable,
    found: list[EndpointState],
    dns: DnsView | None,
    support: bool,
    hostnames: bool,
    address: bool,
    own: bool,
) -> None:
    endpoints = [replace(answering(state=state, own=own), id=f"vpce-{n}") for n, state in enumerate(found)]
    answer = path(routes, *endpoints, dns=dns, address=address, dns_support=support, dns_hostnames=hostnames)
    assert answer.words
    assert not (answer.reach.is_open and answer.is_repairable)
    if not endpoints and routes is ISOLATED and dns in {None, NOBODY_ELSE}:
        assert answer.reach is Reach.UNREACHABLE


def test_a_nat_gateway_without_a_way_on_leads_nowhere() -> None:
    nat = NatGateway("nat-1", is_public=True, is_available=True, subnet_id="subnet-n")
    network: Vpc = vpc(subnet("a"), subnet("n"), table("main", NAT), table("n", subnets=("n",)), nat_gateways=(nat,))
    found = find_path(network.subnets[0], network, "monitoring", CATALOG, NOBODY_ELSE, has_public_address=False)
    assert found.reach is Reach.UNREACHABLE
    assert found.notes[0] == (
        "subnet-a is isolated: rtb-main's route to nat-1 carries nothing out: it has no way out itself"
    )


READY, COMING = EndpointState.AVAILABLE, EndpointState.PENDING


@pytest.mark.parametrize(
    ("endpoints", "holder"),
    [
        ((("vpce-1", READY, "a"), ("vpce-2", READY, "a")), "vpce-1"),
        ((("vpce-2", READY, "a"), ("vpce-1", READY, "a")), "vpce-1"),
        ((("vpce-1", READY, ""), ("vpce-2", READY, "a")), "vpce-2"),
        ((("vpce-1", COMING, "a"), ("vpce-2", READY, "a")), "vpce-2"),
        ((("vpce-1", COMING, "a"), ("vpce-2", READY, "")), "vpce-2"),
        ((("vpce-1", COMING, ""), ("vpce-2", COMING, "a")), "vpce-2"),
        ((("vpce-1", EndpointState.FAILED, "a"), ("vpce-2", COMING, "")), "vpce-2"),
        ((("vpce-1", EndpointState.FAILED, "a"),), ""),
    ],
)
def test_of_several_endpoints_with_the_name_one_that_is_ready_holds_it_then_one_with_interfaces(
    endpoints: tuple[tuple[str, EndpointState, str], ...], holder: str
) -> None:
    made = [endpoint(MONITORING, *home, id=one, state=state) for one, state, home in endpoints]
    found = ServiceReach(vpc(subnet("a"), *made), "monitoring", CATALOG, DnsView()).holder
    assert (found.id if found else "") == holder


@pytest.mark.parametrize("reach", Reach)
def test_a_verdict_is_open_closed_or_neither(reach: Reach) -> None:
    is_open = reach in {Reach.SERVED, Reach.CENTRAL, Reach.OPEN_EGRESS, Reach.OPEN_PUBLIC}
    assert (reach.is_open, reach.is_open_in_part) == (is_open, is_open or reach is Reach.PARTLY)
    assert reach.is_closed is (not is_open and reach is not Reach.UNKNOWN)


def test_one_attribute_is_off_and_two_are() -> None:
    assert off_words(("enableDnsSupport",)) == "enableDnsSupport is off"
    assert off_words(("enableDnsSupport", "enableDnsHostnames")) == "enableDnsSupport and enableDnsHostnames are off"


class TestARouteBetweenTwoSubnets:
    """A route for a subnet's block may lead through a machine in place of straight there."""

    HOST = subnet("b", "us-east-1b", cidr="10.0.2.0/24")
    THERE = NetworkInterface("eni-vpce", HOST.id, ("10.0.2.10",), kind="vpc_endpoint")

    def network(self, *routes: Route, back: tuple[Route, ...] = (), hosts: tuple[str, ...] = ("b",)) -> Vpc:
        served = endpoint(MONITORING, *hosts, interface_ids=frozenset({self.THERE.id}))
        tables = (table("main", *routes), table("b", *back, subnets=("b",)))
        return vpc(subnet("a"), self.HOST, served, own_security_group(), *tables, interfaces=(self.THERE,))

    def seen(self, network: Vpc) -> NetworkPath:
        return find_path(network.subnets[0], network, "monitoring", CATALOG, NOBODY_ELSE, has_public_address=False)

    @pytest.mark.parametrize("destination", ["10.0.2.0/24", "10.0.0.0/16"], ids=["a subnet", "in place of local"])
    @pytest.mark.parametrize("target", [TargetKind.NETWORK_INTERFACE, TargetKind.GATEWAY_LOAD_BALANCER_ENDPOINT])
    def test_what_it_leads_to_was_not_read_so_that_it_is_not_known(self, target: TargetKind, destination: str) -> None:
        main = replace(table("main"), routes=(route(destination, target, "machine-1"),))
        network = replace(self.network(), route_tables=(main,))
        found = self.seen(network)
        assert (found.reach, found.unread) == (Reach.UNKNOWN, ("what lies beyond machine-1 was not read",))
        assert "gives access" not in found.words

    def test_the_answers_take_one_as_well(self) -> None:
        back = route("10.0.1.0/24", TargetKind.NETWORK_INTERFACE, "eni-fw")
        assert self.seen(self.network(back=(back,))).unread == ("what lies beyond eni-fw was not read",)
        gone = self.seen(self.network(back=(replace(back, is_active=False),)))
        words = "no route of rtb-b leads to 10.0.1.0/24; its route to eni-fw is a blackhole"
        assert (gone.reach, gone.words, gone.is_repairable) == (Reach.CLOSED, words, False)

    def test_one_that_leads_nowhere_shuts_what_it_takes(self) -> None:
        dead = route("10.0.2.0/24", TargetKind.NETWORK_INTERFACE, "eni-fw", active=False)
        found = self.seen(self.network(dead))
        words = "no route of rtb-main leads to 10.0.2.10; its route to eni-fw is a blackhole"
        assert (found.reach, found.words) == (Reach.CLOSED, words)
        assert self.seen(self.network(dead, hosts=("a", "b"))).reach is Reach.PARTLY
        assert self.seen(self.network(dead, hosts=("a",))).reach is Reach.SERVED  # within a subnet, no route is taken

    @pytest.mark.parametrize("destination", ["10.0.3.0/24", "10.0.0.0/8", "10.1.0.0/16"])
    def test_one_that_takes_nothing_of_it_changes_nothing(self, destination: str) -> None:
        found = self.seen(self.network(route(destination, TargetKind.NETWORK_INTERFACE, "eni-fw")))
        assert (found.reach, found.unread) == (Reach.SERVED, ())


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("monitoring", "vpce-1 has only IPv4 addresses, and subnet-a is IPv6-only"),
        ("s3", "the gateway endpoint for S3 only serves IPv4, and subnet-a has no IPv4 addresses"),
    ],
)
@pytest.mark.parametrize("dns64", [True, False])
def test_nat64_may_lead_an_ipv6_only_subnet_to_what_has_ipv4_alone(service: str, words: str, *, dns64: bool) -> None:
    """A NAT gateway translates for the same VPC's other subnets, too (VPC guide: DNS64 and NAT64)."""
    six = subnet("a", cidr="", ipv6_cidrs=("2001:db8::/64",), dns64=dns64)
    nat64 = route("64:ff9b::/96", TargetKind.NAT_GATEWAY, "nat-1")
    serving = endpoint(MONITORING, "b") if service == "monitoring" else gateway("main")
    network = vpc(six, subnet("b", cidr="10.0.2.0/24"), serving, table("main", nat64, TO_S3))
    found = find_path(six, network, service, CATALOG, NOBODY_ELSE, has_public_address=False)
    assert [obstacle.words for obstacle in found.obstacles] == [words]
    told = ("whether nat-1 leads there from IPv6 by NAT64 was not read",) if dns64 else ()
    assert (found.reach, found.unread) == (Reach.UNKNOWN if dns64 else Reach.CLOSED, told)


@pytest.mark.parametrize(("kind", "is_served"), [("ipv4", False), ("dualstack", True), ("ipv6", True)])
@pytest.mark.parametrize("listed", [(), ("52.94.0.0/22",), ("52.94.0.0/22", "2600:1f00::/40")])
def test_dynamodbs_gateway_endpoint_serves_ipv6_by_its_ip_address_type(
    listed: tuple[str, ...], kind: str, *, is_served: bool
) -> None:
    six = subnet("a", cidr="", ipv6_cidrs=("2001:db8::/64",))
    theirs = gateway("main", service_name="com.amazonaws.us-east-1.dynamodb", ip_address_type=kind)
    to_it = replace(TO_S3, destinations=listed)
    network = vpc(six, theirs, table("main", to_it))
    found = find_path(six, network, "dynamodb", CATALOG, NOBODY_ELSE, has_public_address=False)
    is_read = listed != ("52.94.0.0/22",)
    assert found.reach is ((Reach.SERVED if is_read else Reach.UNKNOWN) if is_served else Reach.CLOSED)
    unread = ("no prefix list that leads to vpce-1 was read with IPv6 addresses",)
    assert found.unread == (unread if is_served and not is_read else ())
    words = "vpce-1, whose IP address type is ipv4, only serves IPv4, and subnet-a has no IPv4 addresses"
    assert (found.words == words) is not is_served


def test_of_several_names_one_that_routes_lead_out_in_part_is_not_lost_beside_one_that_isnt_known() -> None:
    unknown, partly = NetworkPath(Reach.UNKNOWN, "it isn't known"), NetworkPath(Reach.UNKNOWN, "", is_partly_out=True)
    assert [together(paths).is_partly_out for paths in ([unknown, partly], [partly, unknown], [unknown])] == [
        True,
        True,
        False,
    ]

"""A hub serves a subnet from which a route leads to its addresses, and no other."""

from dataclasses import replace

import pytest

from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.gates import ObstacleKind
from lifeline.core.network.model import NatGateway, Part, Route, TargetKind, Unread, Vpc
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.packets import span
from lifeline.core.network.reach import find_path
from lifeline.core.network.routing import routing_of
from tests.support.builders import (
    CATALOG,
    MONITORING,
    S3,
    VPC_ID,
    default_route,
    endpoint,
    gateway,
    own_security_group,
    route,
    subnet,
    table,
    vpc,
)
from tests.support.reach_samples import CLIENT, PRIVATE_ONLY, SIX, TO_S3

NAME = "monitoring.us-east-1.amazonaws.com"
TO_HUB = route("10.9.0.0/16", TargetKind.TRANSIT_GATEWAY, "tgw-1")
PEER = route("10.9.0.0/16", TargetKind.PEERING, "pcx-1")
OUT = default_route(TargetKind.NAT_GATEWAY, "nat-1")
NAT_HOME = subnet("nat", cidr="10.0.9.0/28")
NAT = NatGateway("nat-1", is_public=True, is_available=True, subnet_id=NAT_HOME.id)
INTERNET = default_route(TargetKind.INTERNET_GATEWAY, "igw-1")


def zone(*addresses: str, **more: object) -> DnsAnswer:
    made = DnsAnswer(AnswerKind.PRIVATE_ZONE, NAME, "Z1", "the zone", addresses=addresses)
    return replace(made, **more)  # type: ignore[arg-type]


def reach(network: Vpc, answer: DnsAnswer, service: str = "monitoring") -> NetworkPath:
    dns = DnsView((answer,))
    return find_path(network.subnets[0], network, service, CATALOG, dns, has_public_address=False)


@pytest.mark.parametrize(
    "way",
    [
        TO_HUB,
        PEER,
        default_route(TargetKind.TRANSIT_GATEWAY, "tgw-1"),
        route("10.9.0.0/16", TargetKind.VIRTUAL_PRIVATE_GATEWAY, "vgw-1"),
        route("10.9.0.0/16", TargetKind.GATEWAY_LOAD_BALANCER_ENDPOINT, "vpce-9"),
        route("10.9.0.0/16", TargetKind.CORE_NETWORK, "core-1"),
        route("10.9.0.0/16", TargetKind.LOCAL_GATEWAY, "lgw-1"),
    ],
)
def test_a_route_to_its_address_is_a_way_and_what_lies_beyond_is_not_known(way: Route) -> None:
    found = reach(vpc(CLIENT, table("main", way)), zone("10.9.0.10"))
    assert (found.reach, found.obstacles) == (Reach.CENTRAL, ())
    assert found.unread == (f"what lies beyond {way.target_id} was not read",)


@pytest.mark.parametrize("address", ["10.0.200.200", "10.0.1.0", "10.0.1.3", "10.0.1.255", "10.0.0.2"])
def test_an_address_in_the_vpc_that_no_interface_can_have_serves_nobody(address: str) -> None:
    """VPC guide, subnet CIDR blocks: AWS reserves the first four and the last of each subnet."""
    found = reach(vpc(CLIENT), zone(address))
    assert found.reach is Reach.UNREACHABLE
    assert [one.words for one in found.obstacles] == [f"no interface of {VPC_ID} can have {address}"]
    assert reach(vpc(CLIENT), zone(address, "10.0.1.9")).reach is Reach.CENTRAL
    shared = Unread(Part.DNS_ATTRIBUTES, "AccessDenied")
    assert reach(vpc(CLIENT, unread=(shared,)), zone(address)).reach is Reach.UNKNOWN


@pytest.mark.parametrize(
    "routes",
    [
        (),
        (route("10.8.0.0/16", TargetKind.TRANSIT_GATEWAY, "tgw-1"),),
        (replace(TO_HUB, is_active=False),),
        (default_route(TargetKind.TRANSIT_GATEWAY, "tgw-1"), replace(PEER, is_active=False)),  # the blackhole wins
        (INTERNET,),
        (OUT,),
    ],
)
def test_without_a_route_to_its_address_it_serves_nobody(routes: tuple[Route, ...]) -> None:
    network = vpc(CLIENT, NAT_HOME, table("main", *routes), table("nat", INTERNET, subnets=("nat",)))
    found = reach(replace(network, nat_gateways=(NAT,)), zone("10.9.0.10"))
    assert (found.reach, found.is_repairable, found.unread) == (Reach.UNREACHABLE, False, ())
    assert found.words == "no route leads to the central endpoint for the monitoring service"
    assert [one.kind for one in found.obstacles] == [ObstacleKind.ROUTE]
    assert "no route of rtb-main leads to 10.9.0.10" in found.obstacles[0].words


def test_the_route_that_is_a_blackhole_is_named() -> None:
    found = reach(vpc(CLIENT, table("main", replace(TO_HUB, is_active=False))), zone("10.9.0.10"))
    assert "no route of rtb-main leads to 10.9.0.10; its route to tgw-1 is a blackhole" in found.notes


def test_a_nat_gateway_whose_own_subnet_leads_to_the_hub_is_a_way() -> None:
    tables = table("main", OUT), table("nat", INTERNET, TO_HUB, subnets=("nat",))
    network = replace(vpc(CLIENT, NAT_HOME, *tables), nat_gateways=(NAT,))
    found = reach(network, zone("10.9.0.10"))
    assert (found.reach, found.unread) == (Reach.CENTRAL, ("what lies beyond tgw-1 was not read",))
    unseen = reach(replace(network, nat_gateways=()), zone("10.9.0.10"))
    assert (unseen.reach, unseen.unread) == (Reach.CENTRAL, ("what nat-1 does with the packets was not read",))


@pytest.mark.parametrize("way", [OUT, INTERNET])
def test_of_a_public_address_it_is_not_known_what_answers_there(way: Route) -> None:
    tables = table("main", way), table("nat", INTERNET, subnets=("nat",))
    network = vpc(CLIENT, NAT_HOME, *tables, nat_gateways=(NAT,))
    found = find_path(CLIENT, network, "monitoring", CATALOG, DnsView((zone("203.0.113.9"),)), has_public_address=True)
    assert (found.reach, found.unread) == (Reach.CENTRAL, ("what answers at 203.0.113.9 was not read",))


def test_where_only_some_of_its_addresses_are_routed_it_serves_in_part() -> None:
    found = reach(vpc(CLIENT, table("main", TO_HUB)), zone("10.10.0.10", "10.9.0.10"))
    assert found.reach is Reach.PARTLY
    assert found.words == "no route of rtb-main leads to 10.10.0.10"


def test_a_network_acl_on_the_way_shuts_it() -> None:
    acl = replace(PRIVATE_ONLY, entries=tuple(replace(one, cidr="10.0.0.0/16") for one in PRIVATE_ONLY.entries))
    found = reach(vpc(CLIENT, table("main", TO_HUB), network_acls=(acl,)), zone("10.9.0.10"))
    assert found.reach is Reach.FILTERED
    assert found.words == "network ACL acl-1 doesn't let 443 out of subnet-a to 10.9.0.10"


def test_a_zone_without_a_record_for_the_name_answers_nobody() -> None:
    found = reach(vpc(CLIENT, table("main", TO_HUB)), zone())
    assert found.reach is Reach.UNREACHABLE
    assert found.words == f"private hosted zone Z1 has no record for {NAME}, so the name isn't resolved"
    assert not any(f"Z1 answers {NAME}" in note for note in found.notes)
    assert reach(vpc(SIX, table("main", TO_HUB)), zone("10.9.0.10")).words == (
        f"private hosted zone Z1 has no record for {NAME} with an IPv6 address, so the name isn't resolved"
    )


def test_a_zone_whose_record_leads_to_a_deleted_endpoint_answers_nobody_whatever_is_routed() -> None:
    tables = table("main", OUT, TO_HUB), table("nat", INTERNET, subnets=("nat",))
    network = vpc(CLIENT, NAT_HOME, *tables, nat_gateways=(NAT,))
    found = reach(network, zone(endpoint_id="vpce-9", absent_id="vpce-9"))
    words = f"the record of private hosted zone Z1 for {NAME} leads to vpce-9, which was deleted"
    assert (found.reach, found.words, found.unread) == (Reach.UNREACHABLE, f"{words}, so the name isn't resolved", ())
    assert [(one.kind, one.subnet_id) for one in found.obstacles] == [(ObstacleKind.DNS_TARGET, CLIENT.id)]
    assert not any(f"Z1 answers {NAME}" in note for note in found.notes)


@pytest.mark.parametrize(
    "answer",
    [
        zone("10.9.0.10", endpoint_id="vpce-9", absent_id="vpce-8"),
        zone(absent_id="vpce-8"),
        zone(endpoint_id="vpce-9"),
    ],
    ids=["it has addresses", "the record of another name", "it has no address yet"],
)
def test_no_endpoint_is_said_to_be_deleted_that_was_not_seen_to_be(answer: DnsAnswer) -> None:
    found = reach(vpc(SIX, table("main", TO_HUB)), answer)
    assert [one.kind for one in found.obstacles] == [ObstacleKind.DNS_RECORD]


def test_nat64_may_lead_ipv6_only_clients_to_a_record_of_ipv4() -> None:
    """DNS64 makes an IPv6 address of it, and a NAT gateway translates for connected networks, too (VPC guide: DNS64 and
    NAT64).
    """
    led = table("main", route("64:ff9b::/96", TargetKind.NAT_GATEWAY, "nat-1"))
    found = reach(vpc(replace(SIX, dns64=True), led), zone("10.9.0.10"))
    told = ("whether nat-1 leads there from IPv6 by NAT64 was not read",)
    assert (found.reach, found.unread, found.obstacles) == (Reach.UNKNOWN, told, ())
    assert reach(vpc(replace(SIX, dns64=True), led), zone()).reach is Reach.UNREACHABLE
    assert reach(vpc(SIX, led), zone("10.9.0.10")).reach is Reach.UNREACHABLE
    dual = replace(CLIENT, ipv6_cidrs=("2001:db8::/64",), dns64=True)
    assert reach(vpc(dual, led), zone("2001:db8:9::10")).reach is Reach.UNREACHABLE


def test_a_prefix_list_that_was_not_read_may_lead_there() -> None:
    listed = Route((), TargetKind.TRANSIT_GATEWAY, "tgw-1", is_active=True, prefix_list_id="pl-1")
    unread = Unread(Part.PREFIX_LIST, "denied", "pl-1")
    found = reach(vpc(CLIENT, table("main", listed), unread=(unread,)), zone("10.9.0.10"))
    assert (found.reach, found.unread) == (Reach.CENTRAL, (unread.words,))


class TestAddressesThatWereNotRead:
    """Those of another account's zone, and whatever a rule's resolvers answer."""

    ZONE = zone(addresses=None)
    RULE = zone(kind=AnswerKind.RESOLVER_RULE, addresses=None, forwards=True)

    def test_may_lie_where_a_route_leads_to_another_network(self) -> None:
        for answer in (self.ZONE, self.RULE):
            found = reach(vpc(CLIENT, table("main", TO_HUB)), answer)
            assert found.reach is Reach.CENTRAL
            assert found.unread == (f"the addresses that {answer.kind} Z1 answers with were not read",)

    def test_may_be_anothers_where_they_are_those_of_an_endpoint_that_ec2_does_not_list(self) -> None:
        found = reach(vpc(CLIENT, table("main", TO_HUB)), replace(self.ZONE, absent_id="vpce-9"))
        words = "private hosted zone Z1 leads to vpce-9, which was deleted or is elsewhere: its addresses were not read"
        assert (found.reach, found.unread) == (Reach.CENTRAL, (words,))

    def test_of_a_zone_are_not_reached_by_the_internet_and_of_a_rule_may_be(self) -> None:
        network = vpc(CLIENT, NAT_HOME, table("main", OUT), table("nat", INTERNET, subnets=("nat",)))
        network = replace(network, nat_gateways=(NAT,))
        assert reach(network, self.ZONE).reach is Reach.UNREACHABLE
        assert reach(network, self.RULE).reach is Reach.UNKNOWN

    @pytest.mark.parametrize(
        "target", [TargetKind.INTERNET_GATEWAY, TargetKind.CARRIER_GATEWAY, TargetKind.EGRESS_ONLY_GATEWAY]
    )
    def test_of_a_rule_may_be_reached_by_any_way_to_the_internet(self, target: TargetKind) -> None:
        network = vpc(CLIENT, table("main", default_route(target)))
        assert reach(network, self.RULE).reach is Reach.UNKNOWN
        assert reach(network, self.ZONE).reach is Reach.UNREACHABLE

    def test_are_out_of_reach_without_any_route(self) -> None:
        for answer in (self.ZONE, self.RULE):
            assert reach(vpc(CLIENT), answer).reach is Reach.UNREACHABLE


class TestAnEndpointOfTheVpcItself:
    """A zone may lead to an endpoint without private DNS in this very VPC."""

    HERE = endpoint(MONITORING, "a", private_dns=False)
    ANSWER = zone("10.0.1.9", endpoint_id="vpce-1")

    def test_serves_by_its_groups_and_takes_no_route(self) -> None:
        found = reach(vpc(CLIENT, self.HERE, own_security_group()), self.ANSWER)
        assert (found.reach, found.central_id, found.unread) == (Reach.CENTRAL, "Z1", ())
        shut = reach(vpc(CLIENT, self.HERE, own_security_group("192.168.0.0/16")), self.ANSWER)
        assert (shut.reach, shut.endpoint_id) == (Reach.CLOSED, "vpce-1")

    def test_that_is_another_vpcs_with_the_same_block_is_out_of_reach(self) -> None:
        found = reach(vpc(CLIENT, table("main", TO_HUB)), zone("10.0.1.9", endpoint_id="vpce-9"))
        assert found.reach is Reach.UNREACHABLE

    def test_whose_address_alone_is_known_leaves_open_what_answers_there(self) -> None:
        found = reach(vpc(CLIENT), zone("10.0.1.9"))
        assert (found.reach, found.unread) == (
            Reach.CENTRAL,
            ("what answers at 10.0.1.9 in the VPC was not read",),
        )


def test_a_zone_for_s3_decides_before_a_gateway_endpoint_whose_addresses_it_does_not_name() -> None:
    network = vpc(CLIENT, table("main", TO_S3), gateway("main"))
    name = "s3.us-east-1.amazonaws.com"
    shared = (("10.9.0.10",), "")
    assert reach(network, zone(domain=name, wildcard=shared), "s3").reach is Reach.UNREACHABLE
    assert reach(network, zone(domain=name, addresses=None), "s3").reach is Reach.SERVED
    assert S3 in {one.service_name for one in network.endpoints}


def test_whoever_fills_a_route_table_and_a_record_keeps_no_run_busy() -> None:
    """500 routes are AWS's quota of a table (VPC guide: quotas), and 400 values that of a record (Route 53 guide:
    quotas): each block of a route is looked at once, not once for each address.
    """
    places = [f"10.9.{place // 128}.{place % 128 * 2}" for place in range(400)]
    one_by_one = [route(f"{place}/32", TargetKind.TRANSIT_GATEWAY, f"tgw-{at % 3}") for at, place in enumerate(places)]
    tables = table("main", OUT, *one_by_one), table("nat", INTERNET, *one_by_one, subnets=("nat",))
    network = replace(vpc(CLIENT, NAT_HOME, *tables), nat_gateways=(NAT,))
    before = lookups()
    assert reach(network, zone(*places)).reach is Reach.CENTRAL
    assert lookups() - before < 20 * len(places)


def lookups() -> int:
    """How often a block was taken apart, or looked up."""
    said = span.cache_info()
    return said.hits + said.misses


def taken(address: str, network: Vpc) -> Route | None:
    """The route by which the client's packets to an address leave."""
    ((_, found),) = routing_of(CLIENT, network, 4).parts((span(f"{address}/32"),))
    return found


def test_the_vpcs_own_blocks_are_local_even_where_no_table_was_seen() -> None:
    bare = replace(vpc(CLIENT), route_tables=())
    local = taken("10.0.1.9", bare)
    assert local
    assert (local.target, local.is_active) == (TargetKind.LOCAL, True)
    assert taken("10.9.0.10", bare) is None


def test_the_most_specific_route_to_an_address_is_taken_up_to_its_last_address() -> None:
    narrow = route("10.9.0.8/30", TargetKind.PEERING, "pcx-1")
    network = vpc(CLIENT, table("main", TO_HUB, narrow))
    targets = {
        address: (found := taken(address, network)) and found.target_id
        for address in ("10.9.0.7", "10.9.0.8", "10.9.0.11", "10.9.0.12", "10.9.255.255", "10.10.0.0")
    }
    assert targets == {
        "10.9.0.7": "tgw-1",
        "10.9.0.8": "pcx-1",
        "10.9.0.11": "pcx-1",
        "10.9.0.12": "tgw-1",
        "10.9.255.255": "tgw-1",
        "10.10.0.0": None,
    }

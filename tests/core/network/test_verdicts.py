"""The verdicts on how a subnet reaches a service: a row for each, and what decides it."""

from dataclasses import replace

import pytest

from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import (
    AclEntry,
    EndpointState,
    NetworkAcl,
    NetworkInterface,
    RouteTable,
    Vpc,
)
from lifeline.core.network.network_path import NetworkPath, Reach
from tests.support.builders import (
    gateway,
    own_security_group,
    subnet,
    table,
    vpc,
)
from tests.support.reach_samples import (
    BY_MEMBERS,
    CENTRAL,
    CLIENT,
    EVERYTHING,
    GROUP,
    HUB,
    NAT,
    NOBODY_ELSE,
    PRIVATE_ONLY,
    S3_FOR_ALL,
    SERVING,
    SHUT,
    SIX,
    TO_S3,
    denying,
    on_gateway,
    private_path,
)


@pytest.mark.parametrize(
    ("network", "service", "dns", "reach"),
    [
        (vpc(CLIENT, SERVING, GROUP), "monitoring", NOBODY_ELSE, Reach.SERVED),
        (vpc(CLIENT, SERVING, GROUP, NAT), "monitoring", NOBODY_ELSE, Reach.SERVED),
        (vpc(CLIENT, SERVING, GROUP), "monitoring", None, Reach.SERVED),
        (vpc(CLIENT, SERVING, SHUT), "monitoring", NOBODY_ELSE, Reach.CLOSED),
        (vpc(CLIENT, SERVING, BY_MEMBERS), "monitoring", NOBODY_ELSE, Reach.UNKNOWN),
        (vpc(CLIENT, SERVING), "monitoring", NOBODY_ELSE, Reach.UNKNOWN),  # the rules of sg-own were not read
        (vpc(CLIENT, SERVING, GROUP, dns_hostnames=False), "monitoring", NOBODY_ELSE, Reach.DNS_OFF),
        (
            vpc(CLIENT, replace(SERVING, state=EndpointState.PENDING), GROUP),
            "monitoring",
            NOBODY_ELSE,
            Reach.PENDING,
        ),
        (vpc(CLIENT, replace(SERVING, state=EndpointState.FAILED), GROUP), "monitoring", NOBODY_ELSE, Reach.FAILED),
        (vpc(CLIENT), "monitoring", NOBODY_ELSE, Reach.UNREACHABLE),
        (vpc(CLIENT, NAT), "monitoring", NOBODY_ELSE, Reach.UNREACHABLE),  # whatever its own way out
        (vpc(CLIENT, HUB), "monitoring", CENTRAL, Reach.CENTRAL),
        (vpc(CLIENT), "monitoring", CENTRAL, Reach.UNREACHABLE),
        (vpc(CLIENT, HUB, dns_hostnames=False), "monitoring", CENTRAL, Reach.DNS_OFF),
        (on_gateway(), "s3", NOBODY_ELSE, Reach.SERVED),
        (on_gateway(network_acls=(PRIVATE_ONLY,)), "s3", NOBODY_ELSE, Reach.CLOSED),
        (on_gateway(network_acls=(denying("52.0.0.0/8"),)), "s3", NOBODY_ELSE, Reach.UNKNOWN),
        (on_gateway(network_acls=(denying("52.216.1.2/32"),)), "s3", NOBODY_ELSE, Reach.SERVED),
        (on_gateway(network_acls=(denying("10.0.0.0/8"),)), "s3", NOBODY_ELSE, Reach.SERVED),
        (on_gateway(SIX), "s3", NOBODY_ELSE, Reach.CLOSED),
        (vpc(CLIENT, table("main", replace(TO_S3, is_active=False)), gateway("main")), "s3", None, Reach.PENDING),
        (vpc(CLIENT, gateway("other")), "s3", NOBODY_ELSE, Reach.UNREACHABLE),
        (vpc(CLIENT, route_tables=()), "s3", NOBODY_ELSE, Reach.UNKNOWN),
        (vpc(CLIENT, S3_FOR_ALL, GROUP), "s3", NOBODY_ELSE, Reach.SERVED),
        (vpc(CLIENT, replace(S3_FOR_ALL, inbound_dns_only=True), GROUP), "s3", NOBODY_ELSE, Reach.UNREACHABLE),
        (vpc(CLIENT, replace(S3_FOR_ALL, inbound_dns_only=None), GROUP), "s3", NOBODY_ELSE, Reach.UNKNOWN),
        (on_gateway(CLIENT, replace(S3_FOR_ALL, id="vpce-2"), SHUT), "s3", NOBODY_ELSE, Reach.CLOSED),
        (
            on_gateway(CLIENT, replace(S3_FOR_ALL, id="vpce-2", inbound_dns_only=True), SHUT),
            "s3",
            NOBODY_ELSE,
            Reach.SERVED,
        ),
    ],
)
def test_each_verdict_on_a_private_path(network: Vpc, service: str, dns: DnsView | None, reach: Reach) -> None:
    found = private_path(network, service, dns)
    assert found.reach is reach
    assert found.words
    assert bool(found.unread) or reach is not Reach.UNKNOWN
    is_shut = reach is Reach.CLOSED or bool(found.central_id and reach is Reach.UNREACHABLE)
    assert bool(found.obstacles) == is_shut


def test_what_was_not_read_is_named() -> None:
    assert private_path(vpc(CLIENT, SERVING)).unread == ("the rules of sg-own on vpce-1 were not read",)
    (members,) = private_path(vpc(CLIENT, SERVING, BY_MEMBERS)).unread
    assert members == ("sg-own of vpce-1 allows members of sg-own, and the subnet's network interfaces were not read")
    (listed,) = private_path(on_gateway(network_acls=(denying("52.0.0.0/8"),)), "s3").unread
    assert listed == "network ACL acl-1 denies some addresses, and the prefix list of s3 was not read"
    (inbound,) = private_path(vpc(CLIENT, replace(S3_FOR_ALL, inbound_dns_only=None), GROUP), "s3").unread
    assert "PrivateDnsOnlyForInboundResolverEndpoint" in inbound
    assert "was not checked" in private_path(vpc(CLIENT), dns=None).unread[0]


def test_a_prefix_list_that_was_read_decides() -> None:
    def path(cidr: str) -> NetworkPath:
        read = table("main", replace(TO_S3, destinations=("52.216.0.0/15",)))
        return private_path(vpc(CLIENT, read, gateway("main"), network_acls=(denying(cidr),)), "s3")

    assert path("54.0.0.0/8").reach is Reach.SERVED
    assert path("52.216.0.0/14").reach is Reach.CLOSED
    half = path("52.217.0.0/16")
    assert (half.reach, half.words) == (
        Reach.PARTLY,
        "network ACL acl-1 doesn't let 443 out of subnet-a to 52.217.0.0/16",
    )


def test_lifeline_repairs_what_is_its_own() -> None:
    assert private_path(vpc(CLIENT, SERVING, SHUT)).is_repairable
    assert not private_path(vpc(CLIENT, replace(SERVING, tags=()), SHUT)).is_repairable
    assert not private_path(on_gateway(network_acls=(PRIVATE_ONLY,)), "s3").is_repairable


def test_a_route_table_of_another_subnet_makes_no_difference() -> None:
    elsewhere: RouteTable = table("two", TO_S3, subnets=("b",))
    assert private_path(vpc(CLIENT, subnet("b"), table(), elsewhere, gateway("two")), "s3").reach is Reach.UNREACHABLE


class TestPartOfASubnet:
    """A flow is a client's address, the endpoint's address and a port: what is shut of all flows is said."""

    HOST = subnet("b", cidr="10.0.2.0/24")
    THERE = replace(SERVING, subnet_ids=frozenset({"subnet-b"}))

    def path(self, *entries: AclEntry, **more: object) -> NetworkPath:
        guard = NetworkAcl("acl-1", frozenset({"subnet-b"}), tuple(entries))
        network = vpc(CLIENT, self.HOST, self.THERE, GROUP, network_acls=(guard,))
        return private_path(replace(network, **more))  # type: ignore[arg-type]

    def entries(self, cidr: str, ports: tuple[int, int] = (0, 65535), *, out: bool = False) -> tuple[AclEntry, ...]:
        deny = AclEntry(50, out, allow=False, protocol="6", cidr=cidr, from_port=ports[0], to_port=ports[1])
        return (deny, EVERYTHING, replace(EVERYTHING, egress=False))

    def test_two_rules_that_together_cover_it_are_open(self) -> None:
        halves = own_security_group("10.0.1.0/25", "10.0.1.128/25")
        assert private_path(vpc(CLIENT, SERVING, halves)).reach is Reach.SERVED
        assert private_path(vpc(CLIENT, SERVING, own_security_group("10.0.1.0/25"))).reach is Reach.PARTLY

    def test_a_few_addresses_close_nothing_for_the_rest_and_are_named(self) -> None:
        found = self.path(*self.entries("10.0.1.66/32"))
        assert (found.reach, found.obstacles) == (Reach.SERVED, ())
        assert found.words == (
            "vpce-1 gives access to the monitoring service, except that network ACL acl-1 doesn't let 443 into "
            "subnet-b from 10.0.1.66"
        )

    def test_half_a_subnet_is_reported_as_that_half(self) -> None:
        found = self.path(*self.entries("10.0.1.128/25"))
        words = "network ACL acl-1 doesn't let 443 into subnet-b from 10.0.1.128/25"
        assert (found.reach, found.words) == (Reach.PARTLY, words)
        assert found.doubts

    def test_one_closed_port_of_the_ephemeral_range_only_reduces_it(self) -> None:
        found = self.path(*self.entries("0.0.0.0/0", (50070, 50070), out=True))
        reduced = (
            "the network ACLs let responses reach only some of the ports from which connections come (32768-60999, and "
            "1024-65535 of a NAT), so that some may fail"
        )
        assert (found.reach, found.notes) == (Reach.SERVED, (reduced,))
        assert self.path(*self.entries("0.0.0.0/0", (32768, 60999), out=True)).reach is Reach.CLOSED

    def test_one_of_two_interfaces_behind_such_an_acl_is_enough_to_say_so(self) -> None:
        closed = self.entries("0.0.0.0/0", (50070, 50070), out=True)
        guard = NetworkAcl("acl-1", frozenset({"subnet-b"}), closed)
        both = replace(SERVING, subnet_ids=frozenset({"subnet-a", "subnet-b"}))
        found = private_path(vpc(CLIENT, self.HOST, both, GROUP, network_acls=(guard,)))
        assert (found.reach, ["so that some may fail" in note for note in found.notes]) == (Reach.SERVED, [True])

    def test_the_endpoints_own_address_decides(self) -> None:
        there = replace(self.THERE, interface_ids=frozenset({"eni-1"}))
        deny = AclEntry(50, egress=True, allow=False, protocol="-1", cidr="10.0.2.0/25")
        guard = NetworkAcl("acl-1", frozenset({"subnet-a"}), (deny, EVERYTHING, replace(EVERYTHING, egress=False)))
        network = vpc(CLIENT, self.HOST, there, GROUP, network_acls=(guard,))
        (unread,) = private_path(network).unread
        assert unread == "the addresses of vpce-1 were not read, and network ACLs deny some"
        assert private_path(replace(network, endpoints=(self.THERE,))).reach is Reach.PARTLY  # it has no interface yet
        for address, reach in (("10.0.2.10", Reach.CLOSED), ("10.0.2.200", Reach.SERVED)):
            own = NetworkInterface("eni-1", "subnet-b", (address,), kind="vpc_endpoint")
            assert private_path(replace(network, interfaces=(own,))).reach is reach

    def test_while_one_of_its_addresses_was_not_read_that_one_may_be_shut(self) -> None:
        away = subnet("c", cidr="10.0.3.0/24")
        there = replace(self.THERE, subnet_ids=frozenset({"subnet-b", "subnet-c"}), interface_ids=frozenset({"eni-1"}))
        deny = AclEntry(50, egress=True, allow=False, protocol="-1", cidr="10.0.3.0/25")
        guard = NetworkAcl("acl-1", frozenset({"subnet-a"}), (deny, EVERYTHING, replace(EVERYTHING, egress=False)))
        own = NetworkInterface("eni-1", "subnet-b", ("10.0.2.10",), kind="vpc_endpoint")
        found = private_path(vpc(CLIENT, self.HOST, away, there, GROUP, network_acls=(guard,), interfaces=(own,)))
        words = "the addresses of vpce-1 were not read, and network ACLs deny some"
        assert (found.reach, found.unread) == (Reach.UNKNOWN, (words,))

"""The verdicts on how a subnet reaches a service: a row for each, and what decides it."""

from dataclasses import replace

import pytest

from lifeline.core.network.dns import DnsView
from lifeline.core.network.model import (
    EndpointState,
    RouteTable,
    Vpc,
)
from lifeline.core.network.reach import NetworkPath, Reach
from tests.support.builders import (
    gateway,
    subnet,
    table,
    vpc,
)
from tests.support.reach_samples import (
    BY_MEMBERS,
    CENTRAL,
    CLIENT,
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
    assert bool(found.obstacles) == (reach is Reach.CLOSED)


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

"""A client subnet and what serves, blocks or replaces its path, for tests of the judge and of whoever asks it."""

from dataclasses import replace
from typing import Any

from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.model import (
    AclEntry,
    Endpoint,
    NetworkAcl,
    Route,
    Rule,
    SecurityGroup,
    Subnet,
    TargetKind,
    Vpc,
)
from lifeline.core.network.network_path import NetworkPath
from lifeline.core.network.reach import ServiceReach
from tests.support.builders import (
    CATALOG,
    MONITORING,
    S3,
    default_route,
    endpoint,
    gateway,
    own_security_group,
    route,
    subnet,
    table,
    vpc,
)

CLIENT = subnet("a")
NAT = table("main", default_route(TargetKind.NAT_GATEWAY))
HUB = table("main", route("10.0.0.0/8", TargetKind.TRANSIT_GATEWAY))
NOBODY_ELSE = DnsView()
ZONE = DnsAnswer(AnswerKind.PRIVATE_ZONE, "monitoring.us-east-1.amazonaws.com", "Z1", "of account 9")
CENTRAL = DnsView((ZONE,))
SERVING = endpoint(MONITORING, "a")
TO_S3 = Route((), TargetKind.GATEWAY_ENDPOINT, "vpce-1", is_active=True, prefix_list_id="pl-s3")
S3_FOR_ALL = endpoint(S3, "a", inbound_dns_only=False)
GROUP = own_security_group()
BY_MEMBERS = SecurityGroup("sg-own", "theirs", (Rule("tcp", 443, 443, groups=("sg-own",)),))
THEIRS = SecurityGroup("sg-theirs", "theirs")
SHUT = own_security_group("192.168.0.0/16")
SIX = subnet("a", cidr="", ipv6_cidrs=("2001:db8::/64",))

EVERYTHING = AclEntry(100, egress=True, allow=True, protocol="-1", cidr="0.0.0.0/0")


def both_ways(*entries: AclEntry) -> NetworkAcl:
    return NetworkAcl(
        "acl-1", frozenset({"subnet-a"}), tuple(replace(one, egress=way) for one in entries for way in (True, False))
    )


def denying(cidr: str) -> NetworkAcl:
    return both_ways(replace(EVERYTHING, number=50, allow=False, cidr=cidr), EVERYTHING)


PRIVATE_ONLY = both_ways(replace(EVERYTHING, cidr="10.0.0.0/8"))


def private_path(network: Vpc, service: str = "monitoring", dns: DnsView | None = NOBODY_ELSE) -> NetworkPath:
    return ServiceReach(network, service, CATALOG, dns).private_path(network.subnets[0])


def on_gateway(*parts: Subnet | Endpoint | SecurityGroup, **more: Any) -> Vpc:
    return vpc(*(parts or (CLIENT,)), table("main", TO_S3), gateway("main"), **more)

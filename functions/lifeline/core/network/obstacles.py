"""Does an endpoint that is there serve a subnet, and if not, what stands in between?"""

from dataclasses import dataclass
from enum import StrEnum

from lifeline.core.network.acl import acl_obstacle
from lifeline.core.network.model import Endpoint, EndpointState, SecurityGroup, Subnet, Vpc
from lifeline.core.network.tiers import covers, effective_route_table

HTTPS = 443


class ObstacleKind(StrEnum):
    """What keeps a subnet from an endpoint, by who can remove it."""

    SECURITY_GROUP = "security group"
    NETWORK_ACL = "network ACL"
    ADDRESS_FAMILY = "address family"


@dataclass(frozen=True, slots=True, order=True)
class Obstacle:
    """One reason why a subnet can't use an endpoint that answers its names."""

    kind: ObstacleKind
    words: str
    subnet_id: str


FAILED_STATES = frozenset({EndpointState.FAILED, EndpointState.REJECTED, EndpointState.EXPIRED, EndpointState.PARTIAL})


def obstacles(endpoint: Endpoint, client: Subnet, vpc: Vpc) -> tuple[Obstacle, ...]:
    """What keeps `client` from an interface endpoint whose private DNS it resolves; empty if it is served.

    Every interface counts: the name resolves to all of them, whatever their zone (PrivateLink guide: interface
    endpoints). Rules that name groups or prefix lists may let the clients in, so they count as letting them in.
    """
    found: list[Obstacle] = []
    families = _families(endpoint)
    if (6 if client.is_ipv6_only else 4) not in families:
        only, other = ("IPv4", "IPv6-only") if client.is_ipv6_only else ("IPv6", "IPv4")
        words = f"{endpoint.id} has {only} addresses only, and {client.id} is {other}"
        found.append(Obstacle(ObstacleKind.ADDRESS_FAMILY, words, client.id))
    groups = [group for group in vpc.security_groups if group.id in endpoint.security_group_ids]
    if groups and not any(_lets_in(group, client) for group in groups):
        names = ", ".join(sorted(group.id for group in groups))
        words = f"{names} of {endpoint.id} doesn't let 443 in from {_block(client)} ({client.id})"
        found.append(Obstacle(ObstacleKind.SECURITY_GROUP, words, client.id))
    hosts = [subnet for subnet in vpc.subnets if subnet.id in endpoint.subnet_ids]
    blocked = sorted({words for host in hosts if (words := acl_obstacle(client, host, vpc))})
    found += [Obstacle(ObstacleKind.NETWORK_ACL, words, client.id) for words in blocked]
    return tuple(found)


def lets_in_cidr(group: SecurityGroup, cidr: str) -> bool:
    """True if one of the group's rules lets TCP 443 in from every address of the block."""
    return any(rule.lets_in(HTTPS) and any(covers(block, cidr) for block in rule.cidrs) for rule in group.ingress)


def is_on_gateway(endpoint: Endpoint, client: Subnet, vpc: Vpc) -> bool:
    """True if the subnet's effective route table leads to a gateway endpoint by a route that works.

    AWS adds the route with the association; one that is a blackhole leads nowhere (VPC guide: gateway endpoints).
    """
    table = effective_route_table(client, vpc)
    if table is None or table.id not in endpoint.route_table_ids:
        return False
    return all(route.is_active for route in table.routes if route.target_id == endpoint.id)


def _lets_in(group: SecurityGroup, client: Subnet) -> bool:
    if any(rule.lets_in(HTTPS) and (rule.groups or rule.prefix_lists) for rule in group.ingress):
        return True
    return lets_in_cidr(group, _block(client))


def _block(client: Subnet) -> str:
    return client.cidr or next(iter(client.ipv6_cidrs), "::/0")


def _families(endpoint: Endpoint) -> frozenset[int]:
    return {"ipv6": frozenset({6}), "dualstack": frozenset({4, 6})}.get(endpoint.ip_address_type, frozenset({4}))

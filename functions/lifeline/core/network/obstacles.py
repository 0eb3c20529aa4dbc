"""What stands between a subnet and an endpoint: what was seen to keep it out, and what was not read."""

from dataclasses import dataclass
from enum import StrEnum

from lifeline.core.network.acl import acl_obstacle, public_acl_obstacle, unread_acls
from lifeline.core.network.model import (
    MANAGED_BY,
    Endpoint,
    EndpointState,
    EndpointType,
    SecurityGroup,
    Subnet,
    Vpc,
    suffix_of,
)
from lifeline.core.network.tiers import covers, effective_route_table

HTTPS = 443
FAILED_STATES = frozenset({EndpointState.FAILED, EndpointState.REJECTED, EndpointState.EXPIRED, EndpointState.PARTIAL})


class ObstacleKind(StrEnum):
    """What keeps a subnet from an endpoint, by who can remove it."""

    SECURITY_GROUP = "security group"
    NETWORK_ACL = "network ACL"
    ADDRESS_FAMILY = "address family"


@dataclass(frozen=True, slots=True, order=True)
class Obstacle:
    """One reason why a subnet can't use an endpoint that answers its names.

    `is_repairable` is True where Lifeline can remove it: a security group on an endpoint of its own. Network ACLs are
    the network owner's, another endpoint its owner's.
    """

    kind: ObstacleKind
    words: str
    subnet_id: str
    is_repairable: bool = False


@dataclass(frozen=True, slots=True)
class Barrier:
    """What stands between a subnet and an endpoint. `unread` are clauses: what was not read and may stand there too."""

    obstacles: tuple[Obstacle, ...] = ()
    unread: tuple[str, ...] = ()


def is_managed(endpoint: Endpoint) -> bool:
    """True if Lifeline's tag is on it, whichever stack's: whether it may be changed is the plan's to decide."""
    return endpoint.tag(MANAGED_BY) is not None and not endpoint.requester_managed


def barrier_to(endpoint: Endpoint, client: Subnet, vpc: Vpc) -> Barrier:
    """What keeps `client` from an endpoint: an interface endpoint whose private DNS it resolves, or a gateway endpoint
    that has a route in its table.
    """
    if endpoint.type is EndpointType.GATEWAY:
        return _barrier_to_gateway(endpoint, client, vpc)
    return _barrier_to_interfaces(endpoint, client, vpc)


def _barrier_to_interfaces(endpoint: Endpoint, client: Subnet, vpc: Vpc) -> Barrier:
    """Every interface counts: the name resolves to all of them, whatever their zone (PrivateLink guide: interface
    endpoints).
    """
    found: list[Obstacle] = []
    families = _families(endpoint)
    if (6 if client.is_ipv6_only else 4) not in families:
        only, other = ("IPv4", "IPv6-only") if client.is_ipv6_only else ("IPv6", "IPv4")
        words = f"{endpoint.id} has only {only} addresses, and {client.id} is {other}"
        found.append(Obstacle(ObstacleKind.ADDRESS_FAMILY, words, client.id))
    groups = [group for group in vpc.security_groups if group.id in endpoint.security_group_ids]
    lets_in = not endpoint.security_group_ids or any(lets_in_cidr(group, _block(client)) for group in groups)
    unread = () if lets_in else _unread(endpoint, groups)
    if not lets_in and not unread:
        names = ", ".join(sorted(group.id for group in groups))
        words = f"{names} of {endpoint.id} doesn't allow inbound 443 from {_block(client)} ({client.id})"
        found.append(Obstacle(ObstacleKind.SECURITY_GROUP, words, client.id, is_managed(endpoint)))
    hosts = [subnet for subnet in vpc.subnets if subnet.id in endpoint.subnet_ids]
    blocked = sorted({words for host in hosts if (words := acl_obstacle(client, host, vpc))})
    found += [Obstacle(ObstacleKind.NETWORK_ACL, words, client.id) for words in blocked]
    return Barrier(tuple(found), (*unread, *unread_acls(client, hosts, vpc)))


def _unread(endpoint: Endpoint, groups: list[SecurityGroup]) -> tuple[str, ...]:
    """What decides whether the endpoint's groups let a client in by anything but its addresses.

    A rule that names a group lets in the interfaces that have the group, and one that names a prefix list its blocks
    (VPC guide: security group rules). Neither is read, nor is a group of another VPC (VPC guide: share security
    groups).
    """
    unseen = sorted(endpoint.security_group_ids - {group.id for group in groups})
    found = [f"the rules of {', '.join(unseen)} on {endpoint.id} were not read"] if unseen else []
    for group in groups:
        rules = [rule for rule in group.ingress if rule.lets_in(HTTPS)]
        named = sorted({name for rule in rules for name in (*rule.groups, *rule.prefix_lists)})
        if named:
            found.append(f"{group.id} of {endpoint.id} allows what is in {', '.join(named)}, which was not read")
    return tuple(found)


def _barrier_to_gateway(endpoint: Endpoint, client: Subnet, vpc: Vpc) -> Barrier:
    """S3's gateway endpoint has IPv4 alone (VPC guide: gateway endpoints for Amazon S3). The service keeps its public
    addresses, so the client's network ACL must let them pass.
    """
    service, table = suffix_of(endpoint.service_name), effective_route_table(client, vpc)
    if client.is_ipv6_only and service == "s3":
        words = f"the gateway endpoint for S3 only serves IPv4, and {client.id} has no IPv4 addresses"
        return Barrier((Obstacle(ObstacleKind.ADDRESS_FAMILY, words, client.id),))
    routes = [route for route in table.routes if route.target_id == endpoint.id] if table else []
    listed = [text for route in routes if route.prefix_list_id for text in route.destinations]
    words, unread = public_acl_obstacle(client, service, listed, vpc)
    found = (Obstacle(ObstacleKind.NETWORK_ACL, words, client.id),) if words else ()
    return Barrier(found, (unread,) if unread else ())


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


def _block(client: Subnet) -> str:
    return client.cidr or next(iter(client.ipv6_cidrs), "::/0")


def _families(endpoint: Endpoint) -> frozenset[int]:
    return {"ipv6": frozenset({6}), "dualstack": frozenset({4, 6})}.get(endpoint.ip_address_type, frozenset({4}))

"""The client's end: whether an instance's own security groups let its requests out."""

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_network

from lifeline.core.network.model import EndpointType, Rule, SecurityGroup, Vpc, block
from lifeline.core.network.reach import NetworkPath

_HTTPS = 443


@dataclass(frozen=True, slots=True)
class Egress:
    """Whether 443 may leave, None if that isn't known, and to `where`."""

    is_open: bool | None
    where: str


def egress_of(group_ids: Collection[str], groups: Collection[SecurityGroup], path: NetworkPath, vpc: Vpc) -> Egress:
    """Judge the egress rules of the instance's groups, as far as these were read, for a path that is open otherwise.

    Rules add up: one that lets 443 out to any part of the destination is enough to call it open. A rule that names a
    prefix list, or a group whose members aren't read, may let it out, and so may a group that wasn't read.
    """
    endpoint = next((found for found in vpc.endpoints if found.id == path.endpoint_id), None)
    is_interface = endpoint is not None and endpoint.type is EndpointType.INTERFACE
    where = endpoint.id if endpoint else "the central endpoint" if path.central_id else "public addresses"
    known = [group for group in groups if group.id in group_ids]
    rules = [rule for group in known for rule in group.egress if _passes(rule)]
    if path.central_id:  # its addresses aren't read here
        return Egress(None if rules or len(known) < len(group_ids) else False, where)
    hosts = [subnet for subnet in vpc.subnets if endpoint and subnet.id in endpoint.subnet_ids]
    blocks = [text for subnet in hosts for text in (subnet.cidr, *subnet.ipv6_cidrs) if text]
    theirs = endpoint.security_group_ids if endpoint else frozenset[str]()
    for rule in rules:
        if any(_meets(cidr, blocks) if is_interface else _is_public(cidr) for cidr in rule.cidrs):
            return Egress(is_open=True, where=where)
        if is_interface and theirs.intersection(rule.groups):
            return Egress(is_open=True, where=where)
    is_unread = len(known) < len(group_ids) or any(rule.prefix_lists for rule in rules)
    return Egress(None if is_unread else False, where)


def _passes(rule: Rule) -> bool:
    return rule.protocol == "-1" or (rule.protocol == "tcp" and rule.from_port <= _HTTPS <= rule.to_port)


def _meets(cidr: str, blocks: Collection[str]) -> bool:
    allowed = block(cidr)
    return any(allowed.version == block(text).version and allowed.overlaps(block(text)) for text in blocks)


def _is_public(cidr: str) -> bool:
    """True unless the block is a private one: AWS's services have public addresses."""
    return not ip_network(cidr).is_private

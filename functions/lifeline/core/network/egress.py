"""The client's end: whether an instance's own security groups let its requests out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lifeline.core.network.acl import public_end
from lifeline.core.network.gates import End
from lifeline.core.network.model import Endpoint, EndpointType, Ranges, Rule, SecurityGroup, Subnet, Vpc
from lifeline.core.network.obstacles import rule_lanes, unread_lists
from lifeline.core.network.packets import joined


@dataclass(frozen=True, slots=True)
class Egress:
    """Whether requests may leave to `where`; `is_open` is None if that isn't known, and `unread` says why."""

    is_open: bool | None
    where: str
    unread: str = ""


@dataclass(frozen=True, slots=True)
class OwnGroups:
    """The security groups of an instance's interface: their ids, and those that were read."""

    ids: frozenset[str]
    read: tuple[SecurityGroup, ...]

    @property
    def rules(self) -> list[Rule]:
        """Their outbound rules. They only add: what one lets out, none takes back (VPC guide: security group rules)."""
        return [rule for group in self.read for rule in group.egress]

    @property
    def unread(self) -> str:
        """Those whose rules weren't read, as a clause; empty if there are none."""
        missing = self.ids - {group.id for group in self.read}
        return f"the rules of {', '.join(sorted(missing))} were not read" if missing else ""

    @property
    def names(self) -> str:
        """Their ids in words."""
        return ", ".join(sorted(self.ids))


def egress_to(groups: OwnGroups, endpoint: Endpoint, client: Subnet, vpc: Vpc, ports: Ranges) -> Egress:
    """Whether the groups let requests out to an endpoint that serves the client.

    Where the addresses of an interface endpoint weren't read, its subnets stand for them: then a rule for a part of
    these may be for the endpoint, or for something else.
    """
    version = 6 if client.is_ipv6_only else 4
    if endpoint.type is EndpointType.GATEWAY:
        lists = dict(vpc.prefix_lists)
        table = (route for table in vpc.route_tables for route in table.routes if route.target_id == endpoint.id)
        listed = {cidr for route in table for cidr in (*route.destinations, *lists.get(route.prefix_list_id, ()))}
        ends: tuple[End, ...] = (public_end(endpoint.service_name, version, tuple(listed)),)
        return _judge(groups, ends, endpoint.id, vpc, ports)
    own = [one for one in vpc.interfaces or () if one.id in endpoint.interface_ids]
    hosts = [subnet for subnet in vpc.subnets if subnet.id in endpoint.subnet_ids]
    ends = tuple(End.of(host, version, [one for one in own if one.subnet_id == host.id]) for host in hosts)
    if any(endpoint.security_group_ids.intersection(rule.groups) for rule in groups.rules):
        named = [rule for rule in groups.rules if endpoint.security_group_ids.intersection(rule.groups)]
        whole = tuple(Rule(rule.protocol, rule.from_port, rule.to_port, ("0.0.0.0/0", "::/0")) for rule in named)
        return _judge(groups, ends, endpoint.id, vpc, ports, whole)
    return _judge(groups, ends, endpoint.id, vpc, ports)


def egress_to_public(groups: OwnGroups, service: str, client: Subnet, vpc: Vpc, ports: Ranges) -> Egress:
    """Whether the groups let requests out to the service's public addresses. These aren't read."""
    version = 6 if client.is_ipv6_only else 4
    return _judge(groups, (public_end(service, version),), "public addresses", vpc, ports)


def egress_to_central(groups: OwnGroups, vpc: Vpc, ports: Ranges) -> Egress:
    """Whether the groups let requests out to a central endpoint, whose addresses aren't read."""
    anywhere = (End(joined([(0, 2**32 - 1)]), "0.0.0.0/0"), End(joined([(0, 2**128 - 1)]), "::/0", 6))
    found = [_judge(groups, (end,), "the central endpoint", vpc, ports) for end in anywhere]
    return next((one for one in found if one.is_open is not False), found[0])


def _judge(
    groups: OwnGroups, ends: Sequence[End], where: str, vpc: Vpc, ports: Ranges, more: Collection[Rule] = ()
) -> Egress:
    rules = [*groups.rules, *more]
    lanes = [lane for end in ends for lane in rule_lanes(rules, end, vpc, ports)]
    if lanes and all(lane.ports == ports for lane in lanes):
        return Egress(is_open=True, where=where)
    lists = unread_lists(rules, groups.names, vpc, ports)
    if unread := groups.unread or next(iter(lists), ""):
        return Egress(None, where, unread)
    if any(lane.ports for lane in lanes):
        return Egress(None, where, f"{groups.names} only lets some of it out")
    return Egress(is_open=False, where=where)

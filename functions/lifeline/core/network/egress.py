"""The client's end: whether an instance's own security groups let its requests out."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from lifeline.core.network.acl import public_end
from lifeline.core.network.gates import End
from lifeline.core.network.model import Endpoint, EndpointType, Ranges, Rule, SecurityGroup, Subnet, Vpc, version_of
from lifeline.core.network.obstacles import rule_lanes, shares_ports, unread_lists
from lifeline.core.network.packets import EVERY_ADDRESS, joined, span
from lifeline.core.network.tiers import NAT64_ADDRESSES, nat64_route


@dataclass(frozen=True, slots=True)
class Egress:
    """Whether requests may leave to `where`; `is_open` is None if that isn't known. `unread` says why, or why the
    service may be elsewhere.
    """

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


def ends_of(endpoint: Endpoint, vpc: Vpc, version: int) -> Iterator[End]:
    """Where an interface endpoint answers in each of its subnets: its interfaces' addresses, or one of the subnet's."""
    own = [one for one in vpc.interfaces or () if one.id in endpoint.interface_ids]
    for host in vpc.subnets:
        if host.id in endpoint.subnet_ids and (host.cidr if version == 4 else host.ipv6_cidrs):
            there = [one for one in own if one.subnet_id == host.id]
            yield replace(End.of(host, version, there), is_guess=not there)


def public_end_for(client: Subnet, service: str, vpc: Vpc) -> End:
    """The service's public addresses as the subnet's clients see them: with NAT64, also what stands for IPv4's."""
    end = public_end(service, client.ip_version)
    if client.is_ipv6_only and nat64_route(client, vpc):
        return replace(end, addresses=joined((*end.addresses, *NAT64_ADDRESSES)))
    return end


def rules_to_members(rules: Iterable[Rule], group_ids: Collection[str]) -> tuple[Rule, ...]:
    """The rules that name one of an endpoint's groups: they let its members be reached, whatever their addresses."""
    return tuple(replace(rule, cidrs=("0.0.0.0/0", "::/0")) for rule in rules if set(rule.groups) & set(group_ids))


def unknown_members(groups: OwnGroups, vpc: Vpc, ports: Ranges) -> str:
    """The groups that outbound rules for these ports name, and that weren't read, as a clause; empty if there are none.

    A peered VPC's group may be named (VPC guide: reference peer security groups). Who its members are isn't read.
    """
    named = {name for rule in groups.rules if shares_ports(rule, ports) for name in rule.groups} - groups.ids
    unread = sorted(named - {group.id for group in vpc.groups(named)})
    if not unread:
        return ""
    return f"{groups.names} lets requests out to members of {', '.join(unread)}, and who these are was not read"


def egress_to(groups: OwnGroups, endpoint: Endpoint, client: Subnet, vpc: Vpc, ports: Ranges) -> Egress:
    """Whether the groups let requests out to an endpoint that serves the client.

    Where the addresses of an interface endpoint weren't read, its subnets stand for them: then a rule for a part of
    these may be for the endpoint, or for something else.
    """
    version = client.ip_version
    if endpoint.type is EndpointType.GATEWAY:
        lists = dict(vpc.prefix_lists)
        routes = (route for table in vpc.route_tables for route in table.routes if route.target_id == endpoint.id)
        listed = {cidr for route in routes for cidr in (*route.destinations, *lists.get(route.prefix_list_id, ()))}
        ends: tuple[End, ...] = (public_end(endpoint.service_name, version, tuple(listed)),)
        return _judge(groups, ends, endpoint.id, vpc, ports)
    to_members = rules_to_members(groups.rules, endpoint.security_group_ids)
    return _judge(groups, tuple(ends_of(endpoint, vpc, version)), endpoint.id, vpc, ports, to_members)


def egress_to_public(groups: OwnGroups, service: str, client: Subnet, vpc: Vpc, ports: Ranges) -> Egress:
    """Whether the groups let requests out to the service's public addresses, of the client's IP version. These aren't
    read.
    """
    version, where = client.ip_version, "public addresses"
    way = _judge(groups, (public_end_for(client, service, vpc),), where, vpc, ports)
    if way.is_open:
        return way
    other = _judge(groups, (public_end(service, 6 if version == 4 else 4),), where, vpc, ports)
    return replace(way, where=f"public IPv{version} addresses") if other.is_open else way


def egress_to_central(groups: OwnGroups, addresses: Collection[str], client: Subnet, vpc: Vpc, ports: Ranges) -> Egress:
    """Whether the groups let requests out to a central endpoint, which has these addresses; none if they weren't
    read. What security groups it has is never read.
    """
    where = "the central endpoint"
    texts = sorted(text for text in addresses if version_of(text) == client.ip_version)
    if texts:
        ends = tuple(End((span(text),), text, client.ip_version) for text in texts)
        found = [_judge(groups, ends, f"{where} ({', '.join(texts)})", vpc, ports)]
    else:
        anywhere = [End(blocks, "any address", version) for version, blocks in EVERY_ADDRESS.items()]
        found = [_judge(groups, (end,), where, vpc, ports) for end in anywhere]
    way = next((one for one in found if one.is_open is not False), found[0])
    members = unknown_members(groups, vpc, ports) if way.is_open is False else ""
    return Egress(None, way.where, members) if members else way


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

"""A second judge of what reaches a service: it follows single packets, and shares no code with `core/network`.

Batfish and AWS's own reachability tools decide so as well: by what each packet may do. A packet has addresses and
ports. The request must pass every filter on its way, and an answer to one of the client's ports must pass all of them
back. Packets that no rule tells apart are followed once: each address and port next to a rule's border.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Address, IPv4Network

from lifeline.core.network.model import (
    Endpoint,
    NetworkAcl,
    NetworkInterface,
    Route,
    Rule,
    Subnet,
    TargetKind,
    Vpc,
)

FIRST_SOURCE, LAST_SOURCE = 32768, 60999
NAT_FIRST, NAT_LAST = 1024, 65535
_BLOCKED_PORT = 25
_RESERVED = 4  # a subnet's first four addresses and its last go to no interface
_FEW = 16
_BEYOND = (TargetKind.TRANSIT_GATEWAY, TargetKind.PEERING, TargetKind.VIRTUAL_PRIVATE_GATEWAY)
_block = cache(IPv4Network)  # each of a few texts is read again for each packet
_PRIVATE = [
    _block(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
]


class Seen(StrEnum):
    """What became of all flows."""

    OPEN = "open"
    PARTLY = "partly"
    SHUT = "shut"


@dataclass(frozen=True)
class Packet:
    """One packet of TCP."""

    source: IPv4Address
    source_port: int
    target: IPv4Address
    target_port: int

    def answer(self) -> "Packet":
        return Packet(self.target, self.target_port, self.source, self.source_port)


class Oracle:
    """Follows packets in one VPC. What wasn't read lets in everything, or nothing: so does EC2's own block of TCP 25 to
    public addresses, which AWS may have lifted.
    """

    def __init__(self, vpc: Vpc, ports: Iterable[int], *, unread_lets_in: bool = False) -> None:
        self.vpc = vpc
        self.ports = tuple(ports)
        self.unread_lets_in = unread_lets_in
        self.members_unknown = False
        self.blocks = [_block(text) for text in _texts(vpc) if ":" not in text]

    # ---- filters

    def acl_passes(self, subnet: Subnet, packet: Packet, *, out: bool) -> bool:
        """Whether the ACL of a subnet lets a packet out of it, or into it."""
        acl: NetworkAcl | None = None
        for candidate in self.vpc.network_acls:
            if subnet.id in candidate.subnet_ids:
                acl = candidate
        if acl is None:
            return True
        other = packet.target if out else packet.source
        for entry in sorted(acl.entries, key=lambda entry: entry.number):
            if entry.egress != out or entry.protocol not in ("6", "-1"):
                continue
            if other not in _block(entry.cidr):
                continue
            if entry.protocol == "6" and not entry.from_port <= packet.target_port <= entry.to_port:
                continue
            return entry.allow
        return False

    def rule_passes(self, rule: Rule, other: IPv4Address, port: int, holder: NetworkInterface | None) -> bool:
        """Whether a rule of a security group lets TCP through to or from another address."""
        if not _is_on(rule, port):
            return False
        lists = dict(self.vpc.prefix_lists)
        texts = [*rule.cidrs, *(text for name in rule.prefix_lists for text in lists.get(name, ()))]
        is_member = holder is not None and bool(set(rule.groups) & holder.group_ids)
        is_unread = any(name not in lists for name in rule.prefix_lists) or (rule.groups and self.members_unknown)
        is_within = any(other in _block(text) for text in texts)
        return is_within or is_member or bool(is_unread and self.unread_lets_in)

    def groups_pass(
        self, ids: Iterable[str], other: IPv4Address, port: int, holder: NetworkInterface | None, *, out: bool = False
    ) -> bool:
        """Whether one of the groups lets it through. Security groups remember: answers always pass."""
        known = {group.id: group for group in (*self.vpc.security_groups, *self.vpc.shared_groups)}
        for one in ids:
            if one not in known:
                if self.unread_lets_in:
                    return True
                continue
            rules = known[one].egress if out else known[one].ingress
            if any(self.rule_passes(rule, other, port, holder) for rule in rules):
                return True
        return False

    def lets_out(self, client: NetworkInterface, endpoint: Endpoint | None) -> bool:
        """Whether the client's own groups let it out to all addresses of an endpoint; without one, to a public one."""
        known = {group.id: group for group in (*self.vpc.security_groups, *(self.vpc.client_groups or ()))}
        rules = [rule for one in client.group_ids if one in known for rule in known[one].egress]
        own, lists = endpoint.security_group_ids if endpoint else frozenset[str](), dict(self.vpc.prefix_lists)

        def texts(rule: Rule) -> list[str]:
            return [*rule.cidrs, *(text for name in rule.prefix_lists for text in lists.get(name, ()))]

        def passes(to: IPv4Address, port: int) -> bool:
            on = [rule for rule in rules if _is_on(rule, port)]
            return any(set(rule.groups) & own or any(to in _block(text) for text in texts(rule)) for rule in on)

        if endpoint is None:
            public = self._public([_block(text) for rule in rules for text in texts(rule)] or [])
            public = [one for one in public if not any(one in private for private in _PRIVATE)]
            return any(passes(to, port) for to in public for port in self.ports)
        hosts = [subnet for subnet in self.vpc.subnets if subnet.id in endpoint.subnet_ids]
        there = [to for host in hosts for to in self._addresses_of(endpoint, host)]
        return all(passes(to, port) for to in there for port in self.ports)

    # ---- an interface endpoint

    def endpoint_flow(
        self, endpoint: Endpoint, host: Subnet, to: IPv4Address, client: Subnet, who: "Who", port: int
    ) -> bool:
        """Whether a connection from one client to one address of an endpoint works, from one source port at least."""
        ids = endpoint.security_group_ids
        if ids and not self.groups_pass(ids, who.address, port, who.interface):
            return False
        if host.id == client.id:
            return True
        if not (self._is_led(client, to) and self._is_led(host, who.address)):
            return False
        sources = self._sources(FIRST_SOURCE, LAST_SOURCE)
        return any(self._crosses(client, host, Packet(who.address, source, to, port)) for source in sources)

    def _is_led(self, start: Subnet, to: IPv4Address) -> bool:
        """Whether a packet gets from a subnet to another one's address: straight, or as far as it isn't read."""
        route = self._route(start, to)
        if route is None or not route.is_active:
            return False
        return route.target is TargetKind.LOCAL or self.unread_lets_in

    def _crosses(self, client: Subnet, host: Subnet, packet: Packet) -> bool:
        back = packet.answer()
        return (
            self.acl_passes(client, packet, out=True)
            and self.acl_passes(host, packet, out=False)
            and self.acl_passes(host, back, out=True)
            and self.acl_passes(client, back, out=False)
        )

    def by_endpoint(self, endpoint: Endpoint, client: Subnet, asking: NetworkInterface | None) -> Seen:
        """What becomes of all flows to an interface endpoint."""
        flows: list[bool] = []
        for who in self.clients(client, asking, endpoint):
            for host in (subnet for subnet in self.vpc.subnets if subnet.id in endpoint.subnet_ids):
                for to in self._addresses_of(endpoint, host):
                    flows += [self.endpoint_flow(endpoint, host, to, client, who, port) for port in self.ports]
        return _seen(flows)

    def clients(self, client: Subnet, asking: NetworkInterface | None, endpoint: Endpoint | None) -> list["Who"]:
        """Who asks: one interface; or every address of the subnet; or, where only groups let some in, the interfaces
        that are there.
        """
        if asking:
            return [Who(IPv4Address(address), asking) for address in asking.addresses]
        everyone = [Who(address) for address in self._representatives(_block(client.cidr))]
        if endpoint and self.goes_by_members(endpoint, everyone):
            there = [one for one in self.vpc.interfaces or () if one.subnet_id == client.id and one.kind == "interface"]
            self.members_unknown = not there
            return [Who(IPv4Address(address), one) for one in there for address in one.addresses] or everyone
        return everyone

    def goes_by_members(self, endpoint: Endpoint, everyone: list["Who"]) -> bool:
        """Whether blocks alone leave someone out, and a rule names a group."""
        if not endpoint.security_group_ids:
            return False
        known = (*self.vpc.security_groups, *self.vpc.shared_groups)
        rules = [rule for one in known if one.id in endpoint.security_group_ids for rule in one.ingress]
        naming = any(rule.groups and _is_on(rule, port) for rule in rules for port in self.ports)
        let_in = Oracle(self.vpc, self.ports)
        ids = endpoint.security_group_ids
        return naming and not all(
            let_in.groups_pass(ids, one.address, port, None) for one in everyone for port in self.ports
        )

    def _addresses_of(self, endpoint: Endpoint, host: Subnet) -> list[IPv4Address]:
        own = [
            one for one in self.vpc.interfaces or () if one.id in endpoint.interface_ids and one.subnet_id == host.id
        ]
        return [IPv4Address(address) for one in own for address in one.addresses]

    # ---- a service's public addresses

    def by_public_name(
        self, client: Subnet, asking: NetworkInterface | None, listed: Iterable[str], *, has_public_address: bool
    ) -> set[Seen]:
        """What may become of all flows to a service whose public addresses are in these blocks, or, without any,
        anywhere: what becomes of those to each.
        """
        public = [_block(text) for text in listed]
        found: dict[IPv4Address, Seen] = {}
        for to in self._public(public):
            flows = [
                self._public_flow(client, who, to, port, has_public_address=has_public_address)
                for who in self.clients(client, asking, None)
                for port in self.ports
            ]
            found[to] = _seen(flows)
        if public:
            return {_seen([seen is not Seen.SHUT for seen in found.values()])} if _no_part(found) else {Seen.PARTLY}
        return set(found.values())

    def _public_flow(self, client: Subnet, who: "Who", to: IPv4Address, port: int, *, has_public_address: bool) -> bool:
        route = self._route(client, to)
        is_blocked = port == _BLOCKED_PORT and not self.unread_lets_in
        if route is None or not route.is_active or (is_blocked and route.target is not TargetKind.GATEWAY_ENDPOINT):
            return False
        sources = self._sources(FIRST_SOURCE, LAST_SOURCE)
        requests = [Packet(who.address, source, to, port) for source in sources]
        if route.target is TargetKind.GATEWAY_ENDPOINT:
            return any(self._leaves(client, packet) for packet in requests)
        if route.target is TargetKind.INTERNET_GATEWAY:
            return has_public_address and any(self._leaves(client, packet) for packet in requests)
        if route.target is TargetKind.NAT_GATEWAY:
            nat = next(nat for nat in self.vpc.nat_gateways if nat.id == route.target_id)
            home = next(subnet for subnet in self.vpc.subnets if subnet.id == nat.subnet_id)
            return self._leads_out(home, to) and self._through(home, client, requests, to, port)
        if route.target is TargetKind.NETWORK_INTERFACE:
            machine = next(one for one in self.vpc.interfaces or () if one.id == route.target_id)
            home = next(subnet for subnet in self.vpc.subnets if subnet.id == machine.subnet_id)
            holder = who.interface or next(
                (one for one in self.vpc.interfaces or () if str(who.address) in one.addresses), None
            )
            return (
                not machine.checks_source
                and self.groups_pass(machine.group_ids, who.address, port, holder)
                and self.groups_pass(machine.group_ids, to, port, None, out=True)
                and self._through(home, client, requests, to, port)
            )
        return False

    def _leads_out(self, home: Subnet, to: IPv4Address) -> bool:
        """Whether what a NAT gateway sends gets on: by an internet gateway or a gateway endpoint, or as far as it isn't
        read.
        """
        onward = self._route(home, to)
        if onward is None or not onward.is_active:
            return False
        leads_on = {TargetKind.INTERNET_GATEWAY, TargetKind.GATEWAY_ENDPOINT}
        return onward.target in leads_on or self.unread_lets_in

    # ---- a hub's addresses

    def by_central(self, client: Subnet, asking: NetworkInterface | None, addresses: Iterable[str]) -> Seen:
        """What becomes of all flows to the addresses with which a hub's zone answers, if all is well beyond the VPC."""
        flows = [
            self._central_flow(client, who, IPv4Address(to), port)
            for who in self.clients(client, asking, None)
            for to in addresses
            for port in self.ports
        ]
        return _seen(flows)

    def _central_flow(self, client: Subnet, who: "Who", to: IPv4Address, port: int) -> bool:
        route = self._route(client, to)
        if route is None or not route.is_active:
            return False
        requests = [Packet(who.address, source, to, port) for source in self._sources(FIRST_SOURCE, LAST_SOURCE)]
        if route.target in _BEYOND:
            return any(self._leaves(client, packet) for packet in requests)
        if route.target is not TargetKind.NAT_GATEWAY:
            return False
        nat = next(nat for nat in self.vpc.nat_gateways if nat.id == route.target_id)
        home = next(subnet for subnet in self.vpc.subnets if subnet.id == nat.subnet_id)
        onward = self._route(home, to)
        is_led_on = onward is not None and onward.is_active and onward.target in _BEYOND
        return is_led_on and self._through(home, client, requests, to, port)

    def _leaves(self, client: Subnet, packet: Packet) -> bool:
        return self.acl_passes(client, packet, out=True) and self.acl_passes(client, packet.answer(), out=False)

    def _through(self, home: Subnet, client: Subnet, requests: list[Packet], to: IPv4Address, port: int) -> bool:
        """In to a NAT in another subnet, on from there from a port of its own, and back the same way."""
        if not all(self._is_led(home, packet.source) for packet in requests):
            return False
        onward = [Packet(IPv4Address("10.0.9.9"), source, to, port) for source in self._sources(NAT_FIRST, NAT_LAST)]
        if not any(self._leaves(home, packet) for packet in onward):
            return False
        return any(
            self._leaves(client, packet)
            and self.acl_passes(home, packet, out=False)
            and self.acl_passes(home, packet.answer(), out=True)
            for packet in requests
        )

    def _route(self, client: Subnet, to: IPv4Address) -> Route | None:
        tables = [table for table in self.vpc.route_tables if client.id in table.subnet_ids]
        tables = tables or [table for table in self.vpc.route_tables if table.is_main]
        texts = ((_block(text), route) for route in tables[0].routes for text in route.destinations)
        found = [(block.prefixlen, route) for block, route in texts if to in block]
        return max(found, key=lambda pair: pair[0])[1] if found else None

    # ---- packets that stand for all others

    def _representatives(self, block: IPv4Network) -> list[IPv4Address]:
        """Addresses of a subnet that interfaces get: one of each kind."""
        low, high = int(block[0]) + _RESERVED, int(block[-1]) - 1
        return [IPv4Address(number) for number in _borders(low, high, self.blocks)]

    def _public(self, blocks: list[IPv4Network]) -> list[IPv4Address]:
        spaces = blocks or [_block("0.0.0.0/0")]
        numbers = {
            number for space in spaces for number in _borders(int(space[0]), int(space[-1]), [*self.blocks, *_PRIVATE])
        }
        found = [IPv4Address(number) for number in sorted(numbers)]
        if blocks:
            return found
        large = [one for one in self.blocks if one.num_addresses < _FEW]
        public = [one for one in found if not any(one in private for private in _PRIVATE)]
        return [one for one in public if not any(one in few for few in large)]

    def _sources(self, first: int, last: int) -> list[int]:
        borders = {first, last}
        for acl in self.vpc.network_acls:
            for entry in acl.entries:
                borders |= {entry.from_port - 1, entry.from_port, entry.to_port, entry.to_port + 1}
        return sorted(port for port in borders if first <= port <= last)


@dataclass(frozen=True)
class Who:
    """One client: its address, and its interface where one counts."""

    address: IPv4Address
    interface: NetworkInterface | None = None


def _is_on(rule: Rule, port: int) -> bool:
    return rule.protocol == "-1" or (rule.protocol == "tcp" and rule.from_port <= port <= rule.to_port)


def _seen(flows: list[bool]) -> Seen:
    if all(flows):
        return Seen.OPEN
    return Seen.PARTLY if any(flows) else Seen.SHUT


def _no_part(found: dict[IPv4Address, Seen]) -> bool:
    return Seen.PARTLY not in found.values()


def _borders(low: int, high: int, blocks: Iterable[IPv4Network]) -> list[int]:
    numbers = {low, high}
    for block in blocks:
        first, last = int(block[0]), int(block[-1])
        numbers |= {first - 1, first, last, last + 1}
    return sorted(number for number in numbers if low <= number <= high)


def _texts(vpc: Vpc) -> Iterator[str]:
    for acl in vpc.network_acls:
        yield from (entry.cidr for entry in acl.entries)
    for group in (*vpc.security_groups, *vpc.shared_groups):
        for rule in (*group.ingress, *group.egress):
            yield from rule.cidrs
    for _, cidrs in vpc.prefix_lists:
        yield from cidrs
    for table in vpc.route_tables:
        for route in table.routes:
            yield from route.destinations
    for one in vpc.interfaces or ():
        yield from one.addresses

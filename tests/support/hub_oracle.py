"""A second judge of the way to a hub: single packets there and back, over the gateway's tables. It shares no code with
what decides, beside the values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from lifeline.core.network.hub import Attachment, GatewayRoute, HubView
from lifeline.core.network.model import NetworkInterface, Subnet, TargetKind, Vpc
from tests.support.oracle import FIRST_SOURCE, LAST_SOURCE, Oracle, Packet, Who


@dataclass(frozen=True)
class HubOracle:
    """Follows packets from a VPC to an endpoint of a hub's, through what the view shows: here, that is all there is."""

    spoke: Vpc
    view: HubView
    ports: Sequence[int] = (443,)

    def reaches(self, client: Subnet, *addresses: str) -> bool:
        """Whether all of a subnet's flows pass, to every address and port, from one source port at least."""
        near, far = self._oracles()
        whole = IPv4Network(client.cidr)
        edges = [*near.blocks, *far.blocks, *self._gateway_blocks()]
        borders = {int(whole[4]), int(whole[-2])}
        borders |= {int(end) + step for block in edges for end in (block[0], block[-1]) for step in (-1, 0, 1)}
        everyone = [Who(IPv4Address(one)) for one in sorted(borders) if int(whole[4]) <= one <= int(whole[-2])]
        there = [one for one in self.spoke.interfaces or () if one.subnet_id == client.id]
        everyone += [Who(IPv4Address(text), one) for one in there for text in one.addresses]
        flows = [(who, IPv4Address(address), port) for who in everyone for address in addresses for port in self.ports]
        return all(self._passes(client, *flow) for flow in flows)

    def passes_own_acl(self, client: Subnet, address: str) -> bool:
        """Whether any flow between the subnet and the address passes the subnet's network ACL, there and back."""
        near, whole = Oracle(self.spoke, self.ports), IPv4Network(client.cidr)
        packets = [
            Packet(whole[host], source, IPv4Address(address), port)
            for host in (4, 20, -2)
            for source in near._sources(FIRST_SOURCE, LAST_SOURCE)
            for port in self.ports
        ]
        return any(
            near.acl_passes(client, packet, out=True) and near.acl_passes(client, packet.answer(), out=False)
            for packet in packets
        )

    def _oracles(self) -> tuple[Oracle, Oracle]:
        return Oracle(self.spoke, self.ports), Oracle(self.view.vpcs[0], self.ports)

    def _gateway_blocks(self) -> list[IPv4Network]:
        return [IPv4Network(route.cidr) for routes in self.view.tables.values() for route in routes]

    def _passes(self, client: Subnet, who: Who, to: IPv4Address, port: int) -> bool:
        near, far = self._oracles()
        hub = self.view.vpcs[0]
        endpoint = hub.endpoints[0]
        host = next((one for one in hub.subnets if to in IPv4Network(one.cidr)), None)
        if host is None or not self._is_let_out(who.interface, to, port):
            return False
        leaving, back = near._route(client, to), far._route(host, who.address)
        own, theirs = (self._attachment(route, vpc.id) for route, vpc in ((leaving, self.spoke), (back, hub)))
        if own is None or theirs is None or own.gateway_id != theirs.gateway_id:
            return False
        zones = {one.zone for one in self.spoke.subnets if one.id in own.subnet_ids}
        homes = [one for one in hub.subnets if one.id in theirs.subnet_ids]
        if client.zone not in zones or host.zone not in {home.zone for home in homes}:
            return False
        if (self._led_to(own, to), self._led_to(theirs, who.address)) != ({hub.id}, {self.spoke.id}):
            return False
        if not far.groups_pass(endpoint.security_group_ids, who.address, port, None):
            return False
        ports = {*near._sources(FIRST_SOURCE, LAST_SOURCE), *far._sources(FIRST_SOURCE, LAST_SOURCE)}
        packets = [Packet(who.address, source, to, port) for source in sorted(ports)]
        return any(
            near.acl_passes(client, packet, out=True)
            and far.acl_passes(host, packet, out=False)
            and far.acl_passes(host, packet.answer(), out=True)
            and near.acl_passes(client, packet.answer(), out=False)
            and all(self._passes_home(home, host, packet) for home in homes)
            for packet in packets
        )

    def _passes_home(self, home: Subnet, host: Subnet, packet: Packet) -> bool:
        """Whether the ACL of an attachment's subnet lets a packet on to the host, and the answer in from there, if that
        is another subnet (transit gateway guide: network ACLs). By which of them it comes isn't known.
        """
        far = self._oracles()[1]
        passes = far.acl_passes(home, packet, out=True) and far.acl_passes(home, packet.answer(), out=False)
        return home.id == host.id or passes

    def _is_let_out(self, interface: NetworkInterface | None, to: IPv4Address, port: int) -> bool:
        """Whether the client's own groups let it out; an address that nobody has yet has none."""
        if interface is None or not interface.group_ids:
            return True
        known = {group.id: group for group in self.spoke.client_groups or ()}
        rules = [rule for id_ in interface.group_ids if id_ in known for rule in known[id_].egress]
        return any(
            rule.protocol in {"-1", "tcp"}
            and (rule.protocol == "-1" or rule.from_port <= port <= rule.to_port)
            and any(to in IPv4Network(text) for text in rule.cidrs)
            for rule in rules
        )

    def _attachment(self, route: object, vpc_id: str) -> Attachment | None:
        if route is None or not getattr(route, "is_active", False):
            return None
        if getattr(route, "target", None) is not TargetKind.TRANSIT_GATEWAY:
            return None
        gateway_id = getattr(route, "target_id", "")
        of_vpc = [one for one in self.view.attachments or () if (one.vpc_id, one.gateway_id) == (vpc_id, gateway_id)]
        return of_vpc[0] if of_vpc and of_vpc[0].is_available else None

    def _led_to(self, attachment: Attachment, to: IPv4Address) -> set[str]:
        """The VPCs to which the gateway sends a packet that comes from an attachment."""
        routes: tuple[GatewayRoute, ...] = self.view.tables.get(attachment.table_id, ())
        found = [(IPv4Network(route.cidr).prefixlen, route) for route in routes if to in IPv4Network(route.cidr)]
        if not found:
            return set()
        best = max(found, key=lambda pair: pair[0])[1]
        return set(best.vpc_ids) if best.is_active else set()

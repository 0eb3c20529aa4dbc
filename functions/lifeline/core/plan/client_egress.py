"""Clients whose own security groups let them reach a service where it answers today, and not at an endpoint."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lifeline.core.network.acl import public_end
from lifeline.core.network.egress import OwnGroups, rules_to_members
from lifeline.core.network.gates import End, ObstacleKind
from lifeline.core.network.model import NetworkInterface, Ranges, Rule, Subnet, Vpc
from lifeline.core.network.obstacles import Obstacle, rule_lanes, unread_lists
from lifeline.core.network.packets import is_few, joined, ports_in, size
from lifeline.core.network.reach import NetworkPath, Reach


@dataclass(frozen=True, slots=True)
class CutOff:
    """An interface whose groups let nothing, or not everything, out to the endpoint; `is_known` if all was read."""

    interface: NetworkInterface
    words: str
    is_known: bool

    def path(self, subnet: Subnet) -> NetworkPath:
        """The path of whoever uses the interface."""
        obstacle = Obstacle(ObstacleKind.CLIENT_GROUP, self.words, subnet.id)
        reach = Reach.CLOSED if self.is_known else Reach.UNKNOWN
        return NetworkPath(reach, self.words, obstacles=(obstacle,))


def find_cut_off(
    fars: Sequence[End],
    group_ids: Collection[str],
    subnet: Subnet,
    vpc: Vpc,
    service: str,
    ports: Ranges,
    *,
    is_public_now: bool,
) -> CutOff | None:
    """The first client in the subnet that an endpoint's addresses (`fars`) would cut off, because its groups name
    others only.

    Egress rules are by address (VPC guide: security group rules), and private DNS answers with the endpoint's. A rule
    that names one of the endpoint's groups (`group_ids`) lets its members be reached. Who can't reach the service's
    public addresses now has nothing to lose, where it `is_public_now`.
    """
    version = subnet.ip_version
    clients = vpc.clients_in(subnet)
    for interface in sorted(clients, key=lambda one: one.id):
        groups = OwnGroups(interface.group_ids, tuple(vpc.groups(interface.group_ids)))
        if vpc.client_groups is None or groups.unread:
            continue
        rules = groups.rules
        unread = unread_lists(rules, groups.names, vpc, ports)
        public = public_end(service, version)
        if is_public_now and not unread and not any(lane.ports for lane in rule_lanes(rules, public, vpc, ports)):
            continue
        to_members = rules_to_members(rules, group_ids)
        shut = [far for far in fars if not _passes([*rules, *to_members], far, vpc, ports)]
        if shut:
            there = ", ".join(far.name for far in shut)
            words = f"{groups.names} of {interface.id} doesn't allow outbound {ports_in(ports)} to {there}"
            return CutOff(interface, "; ".join((words, *unread)), is_known=not unread)
    return None


def _passes(rules: Collection[Rule], far: End, vpc: Vpc, ports: Ranges) -> bool:
    """True if all ports pass to each of the addresses; of a guess, a few may be left out."""
    lanes = rule_lanes(rules, far, vpc, ports)
    shut = joined(found for lane in lanes if lane.ports != ports for found in lane.addresses)
    return not size(shut) or (far.is_guess and is_few(shut, far.addresses))

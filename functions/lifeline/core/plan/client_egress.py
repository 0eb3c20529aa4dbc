"""Clients whose own security groups let them reach a service where it answers today, and not at an endpoint."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from lifeline.core.network.egress import OwnGroups, ends_of, public_end_for, rules_to_members, unknown_members
from lifeline.core.network.gates import End, ObstacleKind
from lifeline.core.network.model import (
    Endpoint,
    EndpointType,
    NetworkInterface,
    Part,
    Ranges,
    Rule,
    Subnet,
    Vpc,
    suffix_of,
)
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.obstacles import Obstacle, rule_lanes, unread_lists
from lifeline.core.network.packets import (
    Flows,
    addresses_of,
    common,
    is_few,
    joined,
    ports_in,
    ports_on,
    size,
    without,
)


@dataclass(frozen=True, slots=True)
class CutOff:
    """An interface whose groups don't let it out to the endpoint on some of the `ports` that it uses; `is_known` if all
    that they name was read, `unread` the groups whose own rules weren't, as a clause.
    """

    interface: NetworkInterface
    words: str
    ports: Ranges
    is_known: bool
    unread: str = ""

    def path(self, subnet: Subnet) -> NetworkPath:
        """The path of whoever uses the interface."""
        obstacle = Obstacle(ObstacleKind.CLIENT_GROUP, self.words, subnet.id)
        reach = Reach.CLOSED if self.is_known else Reach.UNKNOWN
        return NetworkPath(reach, self.words, obstacles=(obstacle,))


@dataclass(frozen=True, slots=True)
class AnsweringEnds:
    """Where a service answers: its addresses, none where they aren't known, and the security groups of who has them,
    None where these aren't.
    """

    ends: tuple[End, ...] = ()
    group_ids: frozenset[str] | None = frozenset()

    def rules(self, rules: Collection[Rule]) -> list[Rule]:
        """Egress rules by address: one that names a group lets its members be reached, whatever theirs are."""
        return [*rules, *rules_to_members(rules, self.group_ids or ())]


NOT_KNOWN = AnsweringEnds()


def find_cut_off(
    there: AnsweringEnds, subnet: Subnet, vpc: Vpc, ports: Ranges, *, now: AnsweringEnds = NOT_KNOWN
) -> CutOff | None:
    """The first client in the subnet that an endpoint which answers `there` would cut off, because its groups name
    other addresses only.
    """
    return next((one for one in _cut_offs(there, subnet, vpc, ports, now) if not one.unread), None)


def find_unread(there: AnsweringEnds, subnet: Subnet, vpc: Vpc, ports: Ranges) -> CutOff | None:
    """The first client in the subnet of which that isn't known, because not all of its groups were read: an account
    with which the VPC is shared has groups of its own there (VPC guide: share your VPC subnets).
    """
    return next((one for one in _cut_offs(there, subnet, vpc, ports, NOT_KNOWN) if one.unread), None)


def relying_words(endpoint: Endpoint, subnet: Subnet, vpc: Vpc, ports: Ranges) -> tuple[str, ...]:
    """Who in the subnet may need the endpoint whatever way out there is, and why, as clauses: the first client that its
    own groups let out to the endpoint, and not surely to the service's public addresses. A gateway endpoint answers
    at these itself, so nobody's groups tell it from a way out.
    """
    if endpoint.type is EndpointType.GATEWAY:
        return ()
    there = AnsweringEnds((public_end_for(subnet, suffix_of(endpoint.service_name), vpc),))
    now = AnsweringEnds(tuple(ends_of(endpoint, vpc, subnet.ip_version)), endpoint.security_group_ids)
    cut_off = next(_cut_offs(there, subnet, vpc, ports, now), None)
    if cut_off is None:
        return vpc.unread_words(Part.CLIENTS)
    return (f"{cut_off.unread}, which {cut_off.interface.id} has" if cut_off.unread else cut_off.words,)


def find_shut(
    there: AnsweringEnds, subnet: Subnet, vpc: Vpc, ports: Ranges, *, now: AnsweringEnds = NOT_KNOWN
) -> frozenset[Ranges]:
    """For each client in the subnet, those of the addresses `there` to which its groups don't let it out on all its
    ports: as `find_cut_off` judges it, for many hosts at once. The same addresses once, none for whom nothing is shut.
    """
    clients = (one for one in _with_rules(there, subnet, vpc, ports, now) if not one.groups.unread)
    found = (addresses_of(_shut(one, there, far, vpc)) for one in clients for far in there.ends)
    return frozenset(filter(None, found))


def _cut_offs(there: AnsweringEnds, subnet: Subnet, vpc: Vpc, ports: Ranges, now: AnsweringEnds) -> Iterator[CutOff]:
    """Egress rules are by address (VPC guide: security group rules), and private DNS answers with the endpoint's."""
    for one in _with_rules(there, subnet, vpc, ports, now):
        each = {far: _shut(one, there, far, vpc) for far in there.ends}
        shut = {far: flows for far, flows in each.items() if is_shut_off(far, addresses_of(flows))}
        if shut:
            lost = joined(found for flows in shut.values() for found in ports_on(flows))
            names = ", ".join(far.name for far in shut)
            words = f"{one.groups.names} of {one.interface.id} doesn't allow outbound {ports_in(lost)} to {names}"
            words = "; ".join((words, *one.unread))
            yield CutOff(one.interface, words, lost, is_known=not one.unread, unread=one.groups.unread)


@dataclass(frozen=True, slots=True)
class _Client:
    """An interface with its groups, the `ports` that they let it use today, and what of them wasn't read."""

    interface: NetworkInterface
    groups: OwnGroups
    ports: Ranges
    unread: tuple[str, ...]


def _with_rules(there: AnsweringEnds, subnet: Subnet, vpc: Vpc, ports: Ranges, now: AnsweringEnds) -> Iterator[_Client]:
    """The subnet's clients. On what its groups don't let out to the addresses with which the service answers `now`, a
    client has nothing to lose; where these aren't known, or not all that its groups name was read, on what they let
    out nowhere. Of interfaces with the same groups, the first one counts: there may be thousands.
    """
    clients = vpc.clients_in(subnet) if vpc.client_groups is not None else []
    first = {one.group_ids: one for one in sorted(clients, key=lambda one: one.id, reverse=True)}
    read = {group.id: group for group in vpc.groups(frozenset[str]().union(*first))}
    for interface in sorted(first.values(), key=lambda one: one.id):
        groups = OwnGroups(interface.group_ids, tuple(read[id_] for id_ in sorted(interface.group_ids & read.keys())))
        rules = groups.rules
        members = unknown_members(groups, vpc, ports) if there.group_ids is None else ""
        unread = (*unread_lists(rules, groups.names, vpc, ports), *filter(None, (members,)))
        lanes = [lane.ports for end in now.ends for lane in rule_lanes(now.rules(rules), end, vpc, ports)]
        named = lanes if now.ends and not unread else [common(ports, rule.ports) for rule in rules]
        used = ports if groups.unread else joined(found for one in named for found in one)
        if used:
            yield _Client(interface, groups, used, unread)


def _shut(one: _Client, there: AnsweringEnds, far: End, vpc: Vpc) -> Flows:
    """The far addresses to which not all its ports pass, and which don't."""
    lanes = rule_lanes(there.rules(one.groups.rules), far, vpc, one.ports)
    return tuple((lane.addresses, lost) for lane in lanes if (lost := without(one.ports, lane.ports)))


def is_shut_off(far: End, shut: Ranges) -> bool:
    """True if too many of its addresses are shut: one, or of a guess more than a few."""
    return bool(size(shut)) and not (far.is_guess and is_few(shut, far.addresses))

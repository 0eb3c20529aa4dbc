"""Filters in a row: which flows between two ends pass all of them, and which filter shuts the others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lifeline.core.network.model import NetworkInterface, Ranges, Subnet
from lifeline.core.network.packets import (
    EPHEMERAL,
    Lane,
    Traffic,
    addresses_in,
    addresses_of,
    blocks_in,
    common,
    is_few,
    joined,
    ports_in,
    refined,
    size,
    span,
    traffic,
    usable_in,
    without,
)

_NONE_IN_COMMON = f"the network ACLs on both sides don't let answers pass to any one port of {ports_in(EPHEMERAL)}"

BEYOND = "what lies beyond "  # how the words begin of what wasn't read because a route leads there


def beyond_words(target_id: str) -> str:
    """That nobody read what becomes of the packets after a route's target, as a clause."""
    return f"{BEYOND}{target_id} was not read"


class ObstacleKind(StrEnum):
    """What keeps a subnet from a service, by who can remove it."""

    SECURITY_GROUP = "security group"
    NETWORK_ACL = "network ACL"
    ADDRESS_FAMILY = "address family"
    NAT = "NAT"
    ROUTE = "route"
    BEYOND = "beyond the VPC"
    DNS_RECORD = "DNS record"
    DNS_TARGET = "target of a DNS record"
    CLIENT_GROUP = "client's security group"
    ENDPOINT_POLICY = "endpoint policy"


@dataclass(frozen=True, slots=True)
class End:
    """Addresses of one IP version between which flows run, and their name. `is_guess` where just one of them counts,
    and it isn't known which: an interface that isn't there yet, or whose address wasn't read.
    """

    addresses: Ranges
    name: str
    version: int
    is_guess: bool = False

    @classmethod
    def of(cls, subnet: Subnet, version: int, interfaces: Iterable[NetworkInterface] = ()) -> "End":
        """A subnet, or these interfaces of it."""
        cidr = subnet.cidr if version == 4 else next(iter(subnet.ipv6_cidrs), "")
        known = [address for interface in interfaces for address in interface.addresses]
        if addresses := common(addresses_in(known, version), (span(cidr),) if known and cidr else ()):
            return cls(addresses, blocks_in(addresses, version), version)
        return cls(usable_in(cidr) if cidr else (), cidr, version)

    def part(self, addresses: Ranges) -> str:
        """Some of its addresses in words: its name if they are all. Addresses that no interface gets don't count
        where that makes it shorter.
        """
        if addresses == self.addresses:
            return self.name
        if "/" not in self.name or ", " in self.name:  # it isn't one block
            return blocks_in(addresses, self.version)
        first, last = span(self.name)
        low, high = self.addresses[0][0], self.addresses[-1][1]
        whole = tuple((first if start == low else start, last if end == high else end) for start, end in addresses)
        pairs = zip(whole, addresses, strict=True)
        shortest = (min(pair, key=lambda one: len(blocks_in((one,), self.version))) for pair in pairs)
        return blocks_in(tuple(shortest), self.version)


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter in one direction: what it lets pass, by the client's addresses, or by the far end's (`is_far`).

    `words` say what it doesn't let pass, with the ports (`{ports}`) and the addresses (`{addresses}`).
    """

    kind: ObstacleKind
    lanes: tuple[Lane, ...]
    words: str
    is_far: bool = False

    def says(self, near: End, far: End, ports: Ranges) -> str:
        """What it shuts, in words; empty if nothing. A filter of answers shuts what none of the ports is left for."""
        shut = [lane for lane in self.lanes if lane.ports != ports or not lane.sources]
        if not shut:
            return ""
        closed = joined(found for lane in shut for found in (without(ports, lane.ports) if lane.sources else ports))
        end = far if self.is_far else near
        addresses = end.part(joined(found for lane in shut for found in lane.addresses))
        return self.words.format(ports=ports_in(closed), addresses=addresses)


@dataclass(frozen=True, slots=True)
class Passage:
    """What passes all the gates between two ends; of each kind of gate, the words of the first that shuts something."""

    traffic: Traffic
    shut_by: tuple[tuple[ObstacleKind, str], ...] = ()
    is_partly_far: bool = False

    def matters(self, near: End) -> bool:
        """True if more is shut than a few clients of many."""
        return not self.traffic.passes_any or not is_few(addresses_of(self.traffic.shut), near.addresses)


def find_passage(gates: Sequence[Filter], near: End, far: End, ports: Ranges) -> Passage:
    """Which flows pass. Of far addresses that are a guess, a few that differ are left out: it is hardly one of them.

    `is_partly_far` says that the far addresses differ.
    """
    nears = refined((gate.lanes for gate in gates if not gate.is_far), near.addresses, ports)
    fars = refined((gate.lanes for gate in gates if gate.is_far), far.addresses, ports)
    if far.is_guess:
        alike: dict[tuple[Ranges, Ranges], list[Lane]] = {}
        for lane in fars:
            alike.setdefault((lane.ports, lane.sources), []).append(lane)
        most = max(alike.values(), key=lambda lanes: sum(size(lane.addresses) for lane in lanes), default=[])
        differing = joined(found for lane in fars if lane not in most for found in lane.addresses)
        fars = tuple(most) if is_few(differing, far.addresses) else fars
    found = traffic(nears, fars, ports)
    if found.passes_all:
        return Passage(found)
    left = joined(address for lane in fars for address in lane.addresses)
    kept = [
        Filter(gate.kind, _within(gate.lanes, left), gate.words, gate.is_far) if gate.is_far else gate for gate in gates
    ]
    words: dict[ObstacleKind, str] = {}
    for gate in kept:
        if gate.kind not in words and (said := gate.says(near, far, ports)):
            words[gate.kind] = said
    words = words or {ObstacleKind.NETWORK_ACL: _NONE_IN_COMMON}
    each = [traffic(nears, [lane], ports) for lane in fars]
    outcomes = {(one.passes_any, one.shut) for one in each}
    return Passage(found, tuple(words.items()), is_partly_far=len(outcomes) > 1)


def _within(lanes: Iterable[Lane], addresses: Ranges) -> tuple[Lane, ...]:
    cut = (replace(lane, addresses=common(lane.addresses, addresses)) for lane in lanes)
    return tuple(lane for lane in cut if lane.addresses)

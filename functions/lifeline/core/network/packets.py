"""Addresses and ports as ranges, and what filters let pass: whole ranges at a time, never packet by packet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from ipaddress import IPv4Address, IPv6Address, summarize_address_range
from types import MappingProxyType

from lifeline.core.network.model import AclEntry, Ranges, block, version_of

EVERY_ADDRESS: Mapping[int, Ranges] = MappingProxyType({4: ((0, 2**32 - 1),), 6: ((0, 2**128 - 1),)})
EVERY_PORT: Ranges = ((0, 65535),)
EPHEMERAL: Ranges = ((32768, 60999),)  # the ports from which Linux connects; one that passes is enough
NAT_PORTS: Ranges = ((1024, 65535),)  # from which a NAT gateway connects (VPC guide: NAT gateway basics)
_RESERVED_FIRST, _RESERVED_LAST = 4, 1  # addresses of a subnet that no interface gets (VPC guide: subnet CIDR blocks)
_FEW = 16  # addresses: fewer, and less than an eighth, are a few
_FEW_SHARE = 8
_TCP = frozenset({"-1", "6", "tcp"})
_SHOWN = 3


def joined(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The ranges as one set of numbers."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


def common(one: Ranges, other: Ranges) -> Ranges:
    """What is in both. Each range is looked at once, as in `without`."""
    if one == other:
        return one
    ones, others = joined(one), joined(other)
    found: list[tuple[int, int]] = []
    here = there = 0
    while here < len(ones) and there < len(others):
        (low, high), (start, end) = ones[here], others[there]
        if low <= end and start <= high:
            found.append((max(low, start), min(high, end)))
        if high < end:
            here += 1
        else:
            there += 1
    return tuple(found)


def without(whole: Ranges, part: Ranges) -> Ranges:
    """What is in the first and not in the second. Each range is looked at once: there may be as many as routes."""
    cuts, at = joined(part), 0
    left: list[tuple[int, int]] = []
    for low, high in joined(whole):
        begin = low
        while at < len(cuts) and cuts[at][0] <= high:
            start, end = cuts[at]
            if begin < start:
                left.append((begin, start - 1))
            begin = max(begin, end + 1)
            if end > high:  # it goes on into the next range
                break
            at += 1
        if begin <= high:
            left.append((begin, high))
    return tuple(left)


def wider_of(blocks: Iterable[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int] | None]:
    """The narrowest of the other blocks that each is in, None if it is in none; as for `narrowed`."""
    found: dict[tuple[int, int], tuple[int, int] | None] = {}
    around: list[tuple[int, int]] = []
    for low, high in sorted(set(blocks), key=lambda block: (block[0], -block[1])):
        while around and around[-1][1] < low:
            around.pop()
        found[low, high] = around[-1] if around else None
        around.append((low, high))
    return found


def narrowed(blocks: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Ranges]:
    """Each block without the narrower ones in it: where the most specific route decides, what is left to its own.

    Of two blocks, one is in the other, or they have nothing in common.
    """
    found = wider_of(blocks)
    inner: dict[tuple[int, int], list[tuple[int, int]]] = {one: [] for one in found}
    for one, wider in found.items():
        if wider:
            inner[wider].append(one)
    return {block: without((block,), tuple(within)) for block, within in inner.items()}


def size(ranges: Ranges) -> int:
    """How many numbers there are."""
    return sum(high - low + 1 for low, high in ranges)


def is_few(part: Ranges, whole: Ranges) -> bool:
    """True for a few addresses of many: a rule for one host is not meant for its subnet."""
    return size(part) < _FEW and size(part) * _FEW_SHARE < size(whole)


@lru_cache(maxsize=16_384)
def span(cidr: str) -> tuple[int, int]:
    """The first and the last address of a block."""
    found = block(cidr)
    return int(found.network_address), int(found.broadcast_address)


def addresses_in(cidrs: Iterable[str], version: int) -> Ranges:
    """Every address of these blocks that is of the IP version."""
    return joined(span(cidr) for cidr in cidrs if version_of(cidr) == version)


@lru_cache(maxsize=16_384)
def usable_in(cidr: str) -> Ranges:
    """The addresses of a subnet's block that interfaces get."""
    low, high = span(cidr)
    return ((low + _RESERVED_FIRST, high - _RESERVED_LAST),) if high - low > _RESERVED_FIRST else ((low, high),)


def blocks_in(addresses: Ranges, version: int) -> str:
    """Addresses in words: the first few blocks."""
    address = IPv4Address if version == 4 else IPv6Address
    blocks = [str(one) for low, high in addresses for one in summarize_address_range(address(low), address(high))]
    names = [name.removesuffix("/32").removesuffix("/128") for name in blocks]
    more = [f"{len(names) - _SHOWN} more blocks"] if len(names) > _SHOWN + 1 else names[_SHOWN:]
    return ", ".join([*names[:_SHOWN], *more])


def ports_in(ports: Ranges) -> str:
    """Ports in words: `25, 465` or `1024-1064`."""
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in ports)


# ---- what passes


@dataclass(frozen=True, slots=True)
class Lane:
    """Addresses that a filter treats alike: which of the service's `ports` it lets through to or from them, and to
    which of the client's `sources`, its ports, the answers pass. `is_reduced` says that a NAT on the way gets answers
    on some of its ports only, whatever the client's are.
    """

    addresses: Ranges
    ports: Ranges
    sources: Ranges = EPHEMERAL
    is_reduced: bool = False


@lru_cache(maxsize=16_384)
def lanes_of(
    entries: Sequence[AclEntry], addresses: Ranges, wanted: Ranges, version: int
) -> tuple[tuple[Ranges, Ranges], ...]:
    """What one direction of a network ACL lets pass of the wanted ports: addresses that it treats alike, and ports.

    By number, the first entry that matches a packet decides, and what none matches is denied (VPC guide: network ACL
    rules).
    """
    found: list[tuple[Ranges, Ranges, Ranges]] = [(addresses, (), wanted)]
    for entry in sorted(entries, key=lambda entry: entry.number):
        if entry.protocol not in _TCP or version_of(entry.cidr) != version:
            continue
        covered = (span(entry.cidr),)
        named = EVERY_PORT if entry.protocol == "-1" else ((entry.from_port, entry.to_port),)
        split: list[tuple[Ranges, Ranges, Ranges]] = []
        for here, passed, waiting in found:
            inside, decided = common(here, covered), common(waiting, named)
            if not inside or not decided:
                split.append((here, passed, waiting))
                continue
            passing = joined((*passed, *decided)) if entry.allow else passed
            split.append((inside, passing, without(waiting, named)))
            if outside := without(here, covered):
                split.append((outside, passed, waiting))
        found = split
    alike: dict[Ranges, Ranges] = {}
    for here, passed, _ in found:
        alike[passed] = joined((*alike.get(passed, ()), *here))
    return tuple((here, passed) for passed, here in alike.items())


def lanes_let_in(allowed: Mapping[Ranges, Iterable[tuple[int, int]]], addresses: Ranges) -> tuple[Lane, ...]:
    """What rules let pass that only add, none of which takes away: the blocks that they name, by the ports.

    The blocks for the same ports are one set: there may be hundreds, for each of thousands of network interfaces.
    """
    found: dict[Ranges, Ranges] = {(): addresses}
    for ports, blocks in allowed.items():
        covered = joined(blocks)
        split: dict[Ranges, list[tuple[int, int]]] = {}
        for passed, here in found.items():
            split.setdefault(joined((*passed, *ports)), []).extend(common(here, covered))
            split.setdefault(passed, []).extend(without(here, covered))
        found = {passed: joined(here) for passed, here in split.items() if here} or {(): addresses}
    return tuple(Lane(here, passed) for passed, here in found.items())


def refined(lanes: Iterable[Sequence[Lane]], addresses: Ranges, ports: Ranges) -> tuple[Lane, ...]:
    """The addresses behind several filters in a row."""
    whole: tuple[Lane, ...] = (Lane(addresses, ports),)
    return reduce(_crossed, lanes, whole)


def _crossed(ones: tuple[Lane, ...], others: Sequence[Lane]) -> tuple[Lane, ...]:
    return tuple(
        Lane(
            addresses,
            common(one.ports, other.ports),
            common(one.sources, other.sources),
            one.is_reduced or other.is_reduced,
        )
        for one in ones
        for other in others
        if (addresses := common(one.addresses, other.addresses))
    )


type Flows = tuple[tuple[Ranges, Ranges], ...]
"""Clients' addresses, each once, and to which ports of the service."""


def flows_of(parts: Iterable[tuple[Ranges, Ranges]]) -> Flows:
    """These addresses and ports as one set of flows: of the same flows, the same whatever the parts."""
    alike: dict[Ranges, list[tuple[int, int]]] = {}
    for addresses, ports in parts:
        alike.setdefault(ports, []).extend(addresses)
    everybody = joined(found for addresses in alike.values() for found in addresses)
    return tuple(sorted((lane.addresses, lane.ports) for lane in lanes_let_in(alike, everybody) if lane.ports))


def flows_beyond(flows: Flows, others: Flows) -> Flows:
    """Those that aren't among the others."""
    left = [(without(here, addresses_of(others)), ports) for here, ports in flows]
    left += [(common(here, there), without(ports, on)) for here, ports in flows for there, on in others]
    return flows_of(left)


def addresses_of(flows: Flows) -> Ranges:
    """The clients whose flows these are."""
    return joined(found for addresses, _ in flows for found in addresses)


def ports_on(flows: Flows) -> Ranges:
    """The service's ports to which any of them is."""
    return joined(found for _, ports in flows for found in ports)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What becomes of all flows between two sets of addresses. A flow is a client's address, a far one and a port of
    the service; it passes if the answers reach one of the client's ports, and is reduced if they don't reach all, of
    the client's or of a NAT's on the way.

    `shut` are the flows that don't pass to each of the far addresses.
    """

    passes_any: bool
    shut: Flows = ()
    is_reduced: bool = False

    @property
    def passes_all(self) -> bool:
        """True if every flow passes."""
        return not self.shut


def traffic(near: Sequence[Lane], far: Sequence[Lane], ports: Ranges) -> Traffic:
    """What passes both the filters that judge by the client's address and those that judge by the far one's."""
    passes_any = is_reduced = False
    shut: list[tuple[Ranges, Ranges]] = []
    for client in near:
        for host in far:
            sources = common(client.sources, host.sources)
            passing = common(client.ports, host.ports) if sources else ()
            passes_any = passes_any or bool(passing)
            is_partly = sources != EPHEMERAL or client.is_reduced or host.is_reduced
            is_reduced = is_reduced or (bool(passing) and is_partly)
            if passing != ports:
                shut.append((client.addresses, without(ports, passing)))
    return Traffic(passes_any, flows_of(shut), is_reduced)

"""Which route takes an address: the most specific one, a blackhole too (VPC guide: route priority).

A table is cut into the pieces that its routes take once, and not once for each address: whoever can add routes or
addresses must not keep a run busy.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lifeline.core.network.model import Ranges, Route, Subnet, TargetKind, Vpc, version_of
from lifeline.core.network.packets import addresses_in, joined, narrowed, span
from lifeline.core.network.tiers import effective_route_table


@dataclass(frozen=True, slots=True)
class Routing[T]:
    """The addresses of one IP version, cut where another entry of a table takes over. `lows` and `highs` are the
    pieces' first and last addresses, in order, and `takers` what takes them.
    """

    lows: tuple[int, ...]
    highs: tuple[int, ...]
    takers: tuple[T, ...]

    @classmethod
    def of(cls, entries: Iterable[tuple[str, T]], version: int) -> "Routing[T]":
        """The routing by these blocks. Of those that are alike, the first one counts."""
        first: dict[tuple[int, int], T] = {}
        for text, taker in entries:
            if version_of(text) == version:
                first.setdefault(span(text), taker)
        left = narrowed(first).items()
        pieces = sorted((low, high, block) for block, ranges in left for low, high in ranges)
        return cls(
            tuple(low for low, _, _ in pieces),
            tuple(high for _, high, _ in pieces),
            tuple(first[block] for _, _, block in pieces),
        )

    def parts(self, addresses: Ranges) -> Iterator[tuple[tuple[int, int], T | None]]:
        """The addresses, piece by piece, each with what takes it: None where nothing does."""
        for low, high in addresses:
            at, begin = max(0, bisect_right(self.lows, low) - 1), low
            while at < len(self.lows) and self.lows[at] <= high and begin <= high:
                start, end = max(self.lows[at], begin), min(self.highs[at], high)
                if start <= end:
                    if begin < start:
                        yield (begin, start - 1), None
                    yield (start, end), self.takers[at]
                    begin = end + 1
                at += 1
            if begin <= high:
                yield (begin, high), None


def routing_of(subnet: Subnet, vpc: Vpc, version: int) -> Routing[Route]:
    """The routes of what leaves the subnet. The VPC's own blocks are local unless its table says otherwise."""
    table = effective_route_table(subnet, vpc)
    return _routing(table.routes if table else (), vpc.all_cidrs, version)


@lru_cache(maxsize=1024)
def _routing(routes: Sequence[Route], cidrs: tuple[str, ...], version: int) -> Routing[Route]:
    local = Route(cidrs, TargetKind.LOCAL, "local", is_active=True)
    return Routing.of(((text, route) for route in (*routes, local) for text in route.destinations), version)


@lru_cache(maxsize=1024)
def stays_local(routes: Sequence[Route], cidrs: tuple[str, ...], version: int) -> bool:
    """True if a table leads all of the VPC's own blocks straight to their subnets, as most do."""
    routing = _routing(routes, cidrs, version)
    whole = routing.parts(addresses_in(cidrs, version))
    return all(route is not None and route.target is TargetKind.LOCAL for _, route in whole)


def by_taker[K](parts: Iterable[tuple[tuple[int, int], K]]) -> dict[K, Ranges]:
    """The addresses that each has, in the order in which they come."""
    found: dict[K, list[tuple[int, int]]] = {}
    for part, key in parts:
        found.setdefault(key, []).append(part)
    return {key: joined(ranges) for key, ranges in found.items()}

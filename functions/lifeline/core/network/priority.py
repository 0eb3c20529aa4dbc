"""Which of a table's routes AWS obeys, and for which addresses that isn't known."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import groupby, product
from math import prod

from lifeline.core.network.model import Route, RouteTable, TargetKind, version_of
from lifeline.core.network.packets import span, wider_of

_MOST_CHOICES = 8  # to be judged one by one, for each subnet: whoever can add prefix lists must not keep a run busy


def in_force(ranked: Iterable[tuple[int, Route]]) -> Iterator[Route]:
    """The routes, sorted by what goes first, without the blocks that an earlier one takes. A gateway endpoint's keeps
    them: they are its service's addresses as well.

    Routes of one rank have a block in common where their prefix lists share it. If they lead to different targets, AWS
    chooses one at random and keeps to it (VPC guide: route priority and prefix lists). No call says which, so that
    these blocks have a route of their own with all of the `candidates`.
    """
    taken: set[str] = set()
    earlier: list[Route] = []
    for _, alike in groupby(ranked, key=lambda one: one[0]):
        routes = [left for _, route in alike if _is_left(left := _without(route, taken), route)]
        undecided = tuple(_undecided(routes, earlier))
        yield from undecided
        taken.update(text for route in undecided for text in route.destinations)
        rivals = {one for route in undecided for one in route.candidates}
        for route in routes:
            left = _without(route, taken)
            if _is_left(left, route) or left in rivals:
                yield left
            taken.update(route.destinations)
        earlier += routes


def _without(route: Route, taken: Collection[str]) -> Route:
    if route.target is TargetKind.GATEWAY_ENDPOINT:
        return route
    return replace(route, destinations=tuple(text for text in route.destinations if text not in taken))


def _is_left(left: Route, route: Route) -> bool:
    """True if something is, or if the route's prefix list wasn't read."""
    return bool(left.destinations) or not route.destinations


def _undecided(routes: Iterable[Route], earlier: Iterable[Route]) -> Iterator[Route]:
    """What prefix lists share and lead to different targets. Where AWS chooses the wider block, `earlier` routes for
    narrower ones take its addresses.

    Whether the narrower of two blocks always counts, as between other routes, the guide doesn't say clearly: it names
    overlapping blocks. So that isn't known either. Only a gateway endpoint's is known to go before wider ones
    (PrivateLink guide: gateway endpoints, routing).
    """
    listed = [(text, route) for route in routes if route.prefix_list_id for text in route.destinations]
    found: dict[tuple[Route, ...], list[str]] = {}
    for version in (4, 6):
        texts = {span(text): text for text, _ in listed if version_of(text) == version}
        having: dict[tuple[int, int], list[Route]] = {block: [] for block in texts}
        for text, route in listed:
            if version_of(text) == version:
                having[span(text)].append(replace(route, destinations=()))
        others = (route for route in earlier if route.target is not TargetKind.GATEWAY_ENDPOINT)
        static = {
            span(text): replace(route, destinations=())
            for route in others
            for text in route.destinations
            if version_of(text) == version
        }
        wider = wider_of({*having, *static})
        for block, own in having.items():
            if all(route.target is TargetKind.GATEWAY_ENDPOINT for route in own):
                continue
            around, rivals = wider[block], list(own)
            between: Route | None = None  # the narrowest
            while around:
                if around in static and between is None:
                    between = static[around]
                wide = [one for one in having.get(around, ()) if one not in own]
                rivals += [between] if between and wide else wide
                around = wider[around]
            by_target = {route.target_id: route for route in reversed(rivals)}  # of those to one target, the first
            if len(by_target) > 1:
                found.setdefault(tuple(by_target.values())[::-1], []).append(texts[block])
    for candidates, blocks in found.items():
        ids = " or ".join(sorted(route.target_id for route in candidates))
        is_active = any(route.is_active for route in candidates)
        yield Route(tuple(blocks), TargetKind.UNDECIDED, ids, is_active, candidates=candidates)


def is_decided(tables: Iterable[RouteTable]) -> bool:
    """True if it is known of all addresses which route of these tables takes them."""
    return not any(route.candidates for table in tables for route in table.routes)


def choices(tables: Collection[RouteTable]) -> Iterator[tuple[RouteTable, ...]]:
    """The tables as AWS may obey them, by each choice between candidates; none if there are too many to judge."""
    open_ = dict.fromkeys((table.id, one.candidates) for table in tables for one in table.routes if one.candidates)
    if prod(len(candidates) for _, candidates in open_) > _MOST_CHOICES:
        return
    for chosen in product(*(candidates for _, candidates in open_)):
        by_candidates = dict(zip(open_, chosen, strict=True))
        yield tuple(
            replace(
                table,
                routes=tuple(
                    replace(by_candidates[table.id, route.candidates], destinations=route.destinations)
                    if route.candidates
                    else route
                    for route in table.routes
                ),
            )
            for table in tables
        )


def undecided_words(tables: Iterable[RouteTable]) -> tuple[str, ...]:
    """Between which targets AWS's choice isn't known, each as a clause."""
    found = ((table.id, route.target_id) for table in tables for route in table.routes if route.candidates)
    return tuple(
        f"{table_id} leads addresses that prefix lists share to {ids}, and AWS doesn't say to which"
        for table_id, ids in dict.fromkeys(found)
    )

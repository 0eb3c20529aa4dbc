"""Which routes out of private subnets were taken away and put back, and which only went with their table."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lifeline.core.look_back.past_change import PastChange, RouteCall

type _Key = tuple[str, str]
"""A route: its table and its destination."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A route that was deleted, or led elsewhere for a while, and the change that put it back; None while nothing has.

    `before` and `after` are where it led before and afterwards; empty where the records don't tell.
    """

    route: RouteCall
    change: PastChange
    before: str = ""
    undo: PastChange | None = None
    after: str = ""

    @property
    def length(self) -> timedelta | None:
        """How long the route was gone."""
        return self.undo.at - self.change.at if self.undo else None

    @property
    def is_private(self) -> bool:
        """False if the route is known to have made subnets public."""
        led = self.before or self.after
        return not (led and RouteCall("", "", led).is_public)


@dataclass(frozen=True, slots=True)
class Cuts:
    """Those that were put back, oldest first; how many went with their table; those that were never put back; and how
    many routes led elsewhere for a while: to another way out, as far as the records tell, so nothing was cut.
    """

    put_back: tuple[Cut, ...] = ()
    teardowns: int = 0
    left: tuple[Cut, ...] = ()
    led_elsewhere: int = 0


@dataclass(slots=True)
class _Routes:
    """What the records have told so far: where each route leads, and which are cut."""

    led: dict[_Key, str] = field(default_factory=dict)
    open: dict[_Key, Cut] = field(default_factory=dict)
    closed: list[Cut] = field(default_factory=list)
    left: list[Cut] = field(default_factory=list)

    def take(self, change: PastChange, route: RouteCall) -> None:
        key = (route.table_id, route.destination)
        before, cut = self.led.get(key, ""), self.open.get(key)
        if change.name == "DeleteRoute":
            if cut is not None and not cut.route.target:  # it was put back, and the record of that is missing
                self.left.append(cut)
            self.open[key] = Cut(route, change, cut.before if cut and cut.route.target else before)
            self.led.pop(key, None)
            return
        self.led[key] = route.target
        if cut is not None and (not cut.route.target or route.target == cut.before):
            self.closed.append(replace(self.open.pop(key), undo=change, after=route.target))
        elif cut is None and change.name == "ReplaceRoute" and before and before != route.target:
            self.open[key] = Cut(route, change, before)


def find_cuts(changes: Iterable[PastChange], tables_now: Collection[str] | None = None) -> Cuts:
    """The cuts in changes that are in order. `tables_now` are the tables that exist; None where that wasn't read.

    A route that isn't put back and whose table is deleted later, or whose VPC is, or whose table is gone by now, was no
    outage but a part of a teardown: tools delete routes before tables.
    """
    seen = tuple(changes)
    routes = _Routes()
    for change in seen:
        if change.route and change.route.leads_out:
            routes.take(change, change.route)
    deleted = _deleted(seen)
    vpc_of = _vpcs_of_tables(seen)

    def is_teardown(cut: Cut) -> bool:
        table_id = cut.route.table_id
        gone = (deleted.get(id_) for id_ in (table_id, vpc_of.get(table_id, "")))
        is_gone = any(at is not None and at >= cut.change.at for at in gone)
        return is_gone or (tables_now is not None and table_id not in tables_now)

    not_put_back = [cut for cut in (*routes.left, *routes.open.values()) if cut.is_private and not cut.route.target]
    teardowns = [cut for cut in not_put_back if is_teardown(cut)]
    closed = [cut for cut in routes.closed if cut.is_private]
    return Cuts(
        put_back=_oldest_first(cut for cut in closed if not cut.route.target),
        teardowns=len(teardowns),
        left=_oldest_first(cut for cut in not_put_back if cut not in teardowns),
        led_elsewhere=sum(bool(cut.route.target) for cut in closed),
    )


def _oldest_first(cuts: Iterable[Cut]) -> tuple[Cut, ...]:
    return tuple(sorted(cuts, key=lambda cut: (cut.change.at, cut.route.table_id, cut.route.destination)))


def _deleted(changes: Iterable[PastChange]) -> dict[str, datetime]:
    """When each table and VPC was deleted that was."""
    names = {"DeleteRouteTable", "DeleteVpc"}
    return {id_: change.at for change in changes if change.name in names for id_ in change.ids}


def _vpcs_of_tables(changes: Iterable[PastChange]) -> dict[str, str]:
    """The VPC of each table whose creation is on record."""
    found: dict[str, str] = {}
    for change in changes:
        if change.name == "CreateRouteTable":
            (vpc_id, *_) = [*(id_ for id_ in change.ids if id_.startswith("vpc-")), ""]
            found |= {id_: vpc_id for id_ in change.ids if id_.startswith("rtb-")}
    return found

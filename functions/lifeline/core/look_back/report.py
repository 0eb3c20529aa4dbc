"""What a look back tells, as text and as JSON."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from lifeline.core.look_back.cuts import Cut, Cuts
from lifeline.core.look_back.looks import Looks
from lifeline.core.look_back.outages import Outage
from lifeline.core.look_back.past_change import PastChange
from lifeline.core.wording import few, listed, split_actor, wrap, write_actor, write_count, write_length, write_time

_WEEK = timedelta(days=7)
_MOST_SHOWN = 20
_MOST_NAMED = 8
_SERVICES = (".amazonaws.com", ".amazonaws.com.cn")
_NOBODY = "nobody named"
_KINDS = {"tools": "tools", "services": "AWS services", "people": "people and roles"}
_CAVEAT = (
    "What Lifeline would have created isn't known, because the records don't say what the network was like. Ways out "
    "that were cut by changed associations, gateways or NAT gateways aren't counted, nor are routes to private "
    "networks, such as through a transit gateway, and replaced routes whose former target isn't on record."
)


@dataclass(frozen=True, slots=True)
class LookBack:
    """What the records of a time tell. `source` says where they are from, and `changes` are in order, without
    Lifeline's own.

    `outages` are of the cuts that were put back and of which datapoints could tell; None where none were read.
    `unread` says what isn't known, and why, and `unread_calls` by name the calls of which not all records could be
    asked for. `unreadable` counts records.
    """

    source: str
    since: datetime
    until: datetime
    changes: tuple[PastChange, ...]
    looks: Looks
    looks_usd: Decimal
    cuts: Cuts
    outages: tuple[Outage, ...] | None = None
    unreadable: int = 0
    unread: Mapping[str, str] = field(default_factory=dict)
    unread_calls: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """True if all that there is could be read."""
        return not (self.unread or self.unread_calls or self.unreadable)

    @property
    def a_week(self) -> float | None:
        """The changes a week; None for less than a week, which says nothing of others."""
        span = self.until - self.since
        return round(len(self.changes) * (_WEEK / span), 1) if span >= _WEEK else None


def authors(changes: Iterable[PastChange]) -> dict[str, dict[str, int]]:
    """How many changes each tool, service and person made, the most first. A tool's change is nobody else's."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in _KINDS}
    for change in changes:
        kind, name = _author(change)
        counts[kind][name] += 1
    return {kind: dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))) for kind, found in counts.items()}


def _author(change: PastChange) -> tuple[str, str]:
    if change.tool:
        return "tools", change.tool
    who, service = split_actor(change.actor)
    name = service.removeprefix(" via ") or who
    if name.endswith(_SERVICES) or service or who.startswith("AWSServiceRoleFor"):
        return "services", name.partition("/")[0]
    return "people", who or _NOBODY


# ---- for people


def as_text(found: LookBack) -> str:
    """What is known, in 80 columns."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: LookBack) -> Iterator[str]:
    yield from wrap(f"Look back: {found.source}, {_day(found.since)} to {_day(found.until)}", rest="   ")
    rate = f", {found.a_week} a week" if found.a_week is not None else ""
    least = "At least " if found.unread_calls else ""
    yield from wrap(f"{least}{write_count(len(found.changes), 'network change')} that Lifeline would react to{rate}.")
    for kind, counts in authors(found.changes).items():
        shown = [f"{name if name == _NOBODY else write_actor(name)} {number}" for name, number in counts.items()]
        yield from wrap(f"{_KINDS[kind]}: {few(shown, _MOST_SHOWN)}", first=" ", rest="   ") if shown else ()
    cost = f"{found.looks_usd} USD" if found.looks_usd else "less than 0.01 USD"
    looks = [
        f"{number} of {what}"
        for number, what in ((found.looks.vpcs, "single VPCs"), (found.looks.regions, "a whole region"))
        if number
    ]
    if looks:
        yield from wrap(
            f"Reconciliations that Lifeline would have made: {listed(looks)}, for {cost} in all.", rest="   "
        )
    yield from _cut_lines(found)
    yield from wrap(f"{write_count(found.unreadable, 'record')} can't be read.") if found.unreadable else ()
    yield from _unread_lines(found.unread_calls)
    for what, why in found.unread.items():
        yield from wrap(f"Not known: {what}: {why}", rest="   ")
    yield from wrap(_CAVEAT, rest="   ")


def _unread_lines(calls: Mapping[str, str]) -> Iterator[str]:
    """Which calls weren't all read, and the different reasons."""
    if not calls:
        return
    names = few(sorted(calls), _MOST_NAMED)
    words = f"Not all read: {names}. Their changes may be missing, and a route that they put back counts as cut."
    yield from wrap(words, rest="   ")
    for why in dict.fromkeys(calls.values()):
        yield from wrap(f"why: {why}", first="   ", rest="   ")


def _cut_lines(found: LookBack) -> Iterator[str]:
    cuts, outages = found.cuts, {id(outage.cut): outage for outage in found.outages or ()}
    number = write_count(len(cuts.put_back), "route") if cuts.put_back else "No route"
    yield from wrap(f"{number} out of private subnets {'were' if len(cuts.put_back) > 1 else 'was'} cut and put back.")
    for cut in cuts.put_back[-_MOST_SHOWN:]:
        yield from wrap(_cut_words(cut), first=" - ", rest="   ")
        outage = outages.get(id(cut))
        yield from wrap(_outage_words(outage), first="   ") if outage else ()
    if len(cuts.put_back) > _MOST_SHOWN:
        yield f"   and {len(cuts.put_back) - _MOST_SHOWN} earlier ones"
    if found.outages is not None and cuts.put_back:
        down = [outage for outage in found.outages if outage.silences]
        total = write_length(sum((outage.length for outage in down), timedelta(0)))
        shown = f"{write_count(len(down), 'outage')}, {total} in all, as the agents that still exist show."
        yield from wrap(shown if down else "No agent that still exists shows an outage.", rest="   ")
        untold = len(cuts.put_back) - len(found.outages)
        short = f"{write_count(untold, 'route')} cut too shortly, or too long ago, to show in CloudWatch's datapoints."
        yield from wrap(short, rest="   ") if untold else ()
    if cuts.teardowns:
        yield from wrap(f"{write_count(cuts.teardowns, 'route')} went with the table or VPC: left out as teardowns.")
    if cuts.led_elsewhere:
        routes = write_count(cuts.led_elsewhere, "route")
        yield from wrap(f"{routes} led elsewhere for a while: not counted as cut, as that may be a way out, too.")
    if cuts.left:
        where = "" if all(cut.before for cut in cuts.left) else "; where they all led isn't on record"
        yield from wrap(f"{write_count(len(cuts.left), 'route')} cut and not put back since{where}.", rest="   ")


def _cut_words(cut: Cut) -> str:
    length = write_length(cut.length or timedelta(0))
    undo_by = f", put back by {_by(cut.undo)}" if cut.undo else ""
    return (
        f"{write_time(cut.change.at)}: {cut.route.destination} of {cut.route.table_id} gone for {length}, by "
        f"{_by(cut.change)}{undo_by}"
    )


def _by(change: PastChange) -> str:
    return change.tool or write_actor(change.actor) or _NOBODY


def _outage_words(outage: Outage) -> str:
    if not outage.agents:
        return "no agent that still exists reported there then"
    if not outage.silences:
        return f"none of {write_count(outage.agents, 'agent')} there fell silent"
    names = few([silence.entity for silence in outage.silences], 3)
    return (
        f"an outage: {len(outage.silences)} of {write_count(outage.agents, 'agent')} there fell silent and came back "
        f"after the undo, for up to {write_length(outage.length)} ({names})"
    )


def _day(at: datetime) -> str:
    return at.date().isoformat()


# ---- for machines


def as_json(found: LookBack) -> dict[str, Any]:
    """The same as values."""
    outages = {id(outage.cut): outage for outage in found.outages or ()}
    return {
        "source": found.source,
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        "changes": len(found.changes),
        "changes_a_week": found.a_week,
        "by": authors(found.changes),
        "looks": {"vpcs": found.looks.vpcs, "regions": found.looks.regions, "usd": float(found.looks_usd)},
        "cuts": [_cut_json(cut, outages.get(id(cut))) for cut in found.cuts.put_back],
        "teardowns": found.cuts.teardowns,
        "led_elsewhere": found.cuts.led_elsewhere,
        "not_put_back": [_cut_json(cut, None) for cut in found.cuts.left],
        "outages": None if found.outages is None else sum(bool(outage.silences) for outage in found.outages),
        "unreadable_records": found.unreadable,
        "unread": dict(found.unread),
        "unread_calls": dict(found.unread_calls),
    }


def _cut_json(cut: Cut, outage: Outage | None) -> dict[str, Any]:
    return {
        "route_table_id": cut.route.table_id,
        "destination": cut.route.destination,
        "at": cut.change.at.isoformat(),
        "by": _by(cut.change),
        "put_back_at": cut.undo.at.isoformat() if cut.undo else None,
        "put_back_by": _by(cut.undo) if cut.undo else None,
        "minutes": round(cut.length / timedelta(minutes=1), 1) if cut.length is not None else None,
        "event_ids": [change.event_id for change in (cut.change, cut.undo) if change and change.event_id],
        "outage": None
        if outage is None
        else {
            "agents": outage.agents,
            "silent": [
                {"agent": one.entity, "last": one.last.isoformat(), "back": one.back.isoformat()}
                for one in outage.silences
            ],
        },
    }

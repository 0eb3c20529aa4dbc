"""Agents as bytes: one JSON record each, all of a chunk's compressed together.

A roster is read and written every five minutes, so its records are shorter than the codec's: with the codec's, a chunk
of 500 quiet agents has a third more bytes and takes one and a half times as long, one of silent agents twice and four
times. A record holds only what differs from a quiet agent's:

| key | what |
| --- | --- |
| e | entity |
| s, o | the series to judge by, and the others: `[metric, {dimension: value}]`; the value 0 stands for the entity |
| k, j, w | the marks of its own series, those that are joining, and since when |
| y, q, l | strangers like `o`, unproven, is_elsewhere (0 stands for None) |
| n | services that it needs |
| a, x | `seen_at`, `expected_since` |
| d | the chunk's `newest` for it: seconds |
| t, b | state and suppression, by the names that they have in the code |
| g | gap: `[since, opened_at, ended_at]` |
| i, p, f | incident, openings, is_flapping |
| h | excused, by the names that the reasons have in the code |

A time is the number of seconds since 1970, or ISO 8601 text where it has a fraction.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from lifeline.adapters.store.codec import read_json
from lifeline.core.agents.agent import Agent, Gap, State, Suppression
from lifeline.core.agents.series import Series
from lifeline.runtime.observability import logger

_SHOWN = 200
_ELSEWHERE = {True: True, False: None, None: 0}  # how it is written; earlier versions read 0 as False

type Time = int | str


def pack(agents: Iterable[Agent], unread: Iterable[str] = (), newest: Mapping[str, datetime] | None = None) -> bytes:
    """The agents' records, and those that couldn't be understood when they were read, as they were."""
    known = newest or {}
    records = [*unread, *(_compact(_record(agent, known.get(agent.entity))) for agent in agents)]
    return zlib.compress(f"[{','.join(records)}]".encode())


def unpack(packed: bytes, *, where: str) -> tuple[dict[str, Agent], tuple[str, ...], dict[str, datetime]]:
    """The agents by entity, the records that can't be understood, each with an error in the log, and `newest`.

    Bytes that can't be understood at all are one such record.
    """
    try:
        records = read_json(zlib.decompress(packed))
    except (zlib.error, ValueError) as error:
        _complain(where, "all of its agents", error)
        return {}, (_compact({"damaged": base64.b64encode(packed).decode()}),), {}
    agents: dict[str, Agent] = {}
    newest: dict[str, datetime] = {}
    unread: list[str] = []
    for record in records if isinstance(records, list) else [records]:
        try:
            agent, time = _agent(record), _time(record.get("d"))
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            unread.append(_compact(record))
            _complain(where, unread[-1], error)
        else:
            agents[agent.entity] = agent
            if time is not None:
                newest[agent.entity] = time
    return agents, tuple(unread), newest


def _complain(where: str, what: str, error: Exception) -> None:
    extra = {"where": where, "record": ascii(what)[:_SHOWN], "reason": repr(error)[:_SHOWN]}
    logger.error("agent record unreadable", extra=extra)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


# ---- writing


def _record(agent: Agent, newest: datetime | None) -> dict[str, Any]:
    everything = {
        "e": agent.entity,
        "s": _series_record(agent.series, agent.entity) if agent.series else None,
        "o": [_series_record(series, agent.entity) for series in agent.others],
        "k": agent.known,
        "j": agent.joining,
        "w": _number(agent.joining_since),
        "y": [_series_record(series, agent.entity) for series in agent.strangers],
        "q": agent.unproven or None,
        "l": _ELSEWHERE[agent.is_elsewhere],
        "n": sorted(agent.needs),
        "a": _number(agent.seen_at),
        "x": _number(agent.expected_since),
        "d": _number(newest),
        "t": agent.state.name if agent.state is not State.REPORTING else None,
        "b": agent.suppressed_by.name if agent.suppressed_by else None,
        "g": _gap_record(agent.gap) if agent.gap else None,
        "i": agent.incident,
        "p": [_number(time) for time in agent.openings],
        "f": agent.is_flapping or None,
        "h": sorted(reason.name for reason in agent.excused),
    }
    return {key: value for key, value in everything.items() if key == "e" or value not in (None, "", [])}


def _series_record(series: Series, entity: str) -> list[Any]:
    return [series.metric, {name: 0 if value == entity else value for name, value in series.dimensions}]


def _gap_record(gap: Gap) -> list[Time | None]:
    return [_number(gap.since), _number(gap.opened_at), *([_number(gap.ended_at)] if gap.ended_at else [])]


def _number(time: datetime | None) -> Time | None:
    if time is None:
        return None
    return time.astimezone(UTC).isoformat() if time.microsecond else int(time.timestamp())


# ---- reading


def _agent(record: Mapping[str, Any]) -> Agent:
    entity = record["e"]
    if not isinstance(entity, str):
        raise TypeError(f"an entity is a text, not {type(entity).__name__}")
    get = record.get
    return Agent(
        entity=entity,
        series=_series(record["s"], entity) if "s" in record else None,
        others=tuple([_series(packed, entity) for packed in get("o", ())]),
        known=get("k", ""),
        joining=get("j", ""),
        joining_since=_time(get("w")),
        strangers=tuple([_series(packed, entity) for packed in get("y", ())]),
        unproven=get("q", 0),
        is_elsewhere=None if get("l") == 0 else bool(get("l")),
        needs=frozenset(get("n", ())),
        seen_at=_time(get("a")),
        expected_since=_time(get("x")),
        state=State[record.get("t", "REPORTING")],
        suppressed_by=Suppression[record["b"]] if "b" in record else None,
        gap=_gap(*record["g"]) if "g" in record else None,
        incident=get("i", ""),
        openings=tuple([_known_time(time) for time in get("p", ())]),
        is_flapping=bool(get("f")),
        excused=frozenset([Suppression[name] for name in get("h", ())]),
    )


def _series(record: Any, entity: str) -> Series:
    metric, dimensions = record
    return Series(metric, tuple([(name, entity if value == 0 else value) for name, value in dimensions.items()]))


def _gap(since: Time, opened_at: Time, ended_at: Time | None = None) -> Gap:
    return Gap(_known_time(since), _known_time(opened_at), _time(ended_at))


def _time(value: Time | None) -> datetime | None:
    return None if value is None else _known_time(value)


def _known_time(value: Time) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value, UTC)

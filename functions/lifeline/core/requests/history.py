"""What somebody may ask of the record: by VPC and time, by day, or by incident."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.network.model import VPC_ID
from lifeline.core.wording import write_time

DEFAULT_SPAN = timedelta(days=7)
_FIELDS = ("vpc_id", "since", "until", "day", "incident", "next")
_INCIDENT_ID = re.compile(r"inc-[0-9a-z-]{1,60}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_PLACE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d#[1-9]#[ -~]{1,800}")


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """Which entries somebody wants: those of a VPC in a time, of a day, or of an incident; `after` is the last place
    that they have seen. `since` and `until` are set where `vpc_id` is.
    """

    vpc_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    day: date | None = None
    incident: str = ""
    after: str = ""


def read_history(event: Mapping[str, Any], now: datetime) -> HistoryRequest:
    """Which entries a call by hand asks for: `{"history": {…}}`.

    Raises InvalidInputError with the path to the field, such as `history.since`.
    """
    others = sorted(str(name) for name in event if name != "history")
    if others:
        raise InvalidInputError(_shown(others[0]), "can't go with history, which only reads")
    asked = event["history"]
    if not isinstance(asked, dict):
        raise InvalidInputError("history", f'must be an object such as {{"vpc_id": "vpc-…"}}, not {_shown(asked)}')
    unknown = sorted(str(name) for name in asked if name not in _FIELDS)
    if unknown:
        raise InvalidInputError(f"history.{unknown[0][:60]}", f"is not one of {', '.join(_FIELDS)}")
    given = [name for name in ("vpc_id", "day", "incident") if name in asked]
    if len(given) != 1:
        raise InvalidInputError(f"history.{(given or ['vpc_id'])[-1]}", "name one of vpc_id, day and incident")
    after = _read_next(asked)
    if "vpc_id" in asked:
        since, until = _read_span(asked, now)
        return HistoryRequest(vpc_id=_read_id(asked, "vpc_id", VPC_ID), since=since, until=until, after=after)
    for name in ("since", "until"):
        if name in asked:
            raise InvalidInputError(f"history.{name}", f"goes with vpc_id only: {given[0]} has its own time")
    if "day" in asked:
        return HistoryRequest(day=_read_day(asked["day"]), after=after)
    return HistoryRequest(incident=_read_id(asked, "incident", _INCIDENT_ID), after=after)


def _read_span(asked: Mapping[str, Any], now: datetime) -> tuple[datetime, datetime]:
    until = _read_time(asked["until"], "until") if "until" in asked else now
    since = _read_time(asked["since"], "since") if "since" in asked else _before(until, DEFAULT_SPAN)
    if since > until:
        raise InvalidInputError("history.since", f"is later than until, {write_time(until)}")
    return since, until


def _before(moment: datetime, length: timedelta) -> datetime:
    earliest = datetime.min.replace(tzinfo=UTC)
    return moment - length if moment - earliest > length else earliest


def _read_time(value: object, name: str) -> datetime:
    example = "2026-11-20T00:00:00Z"
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        if found and found.tzinfo:
            return found.astimezone(UTC)
    except (OverflowError, ValueError):
        pass
    raise InvalidInputError(f"history.{name}", f"must be a time with its zone, such as {example}, not {_shown(value)}")


def _read_day(value: object) -> date:
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise InvalidInputError("history.day", f"must be a day (UTC) such as 2026-11-20, not {_shown(value)}")


def _read_id(asked: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = asked[name]
    if isinstance(value, str) and form.fullmatch(value):
        return value
    wanted = {"vpc_id": "a VPC id (vpc-, then 8 or 17 of 0-9a-f)", "incident": "an incident's id (inc-…)"}[name]
    raise InvalidInputError(f"history.{name}", f"must be {wanted}, not {_shown(value)}")


def _read_next(asked: Mapping[str, Any]) -> str:
    if "next" not in asked:
        return ""
    value = asked["next"]
    if isinstance(value, str) and _PLACE.fullmatch(value) and value.count("#") >= 4:
        return value
    raise InvalidInputError("history.next", f"must be the next of an earlier answer as it was, not {_shown(value)}")


def _shown(value: object) -> str:
    return ascii(value)[:60]

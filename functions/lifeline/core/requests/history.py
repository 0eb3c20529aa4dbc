"""What a caller may ask of the audit log: by VPC and time, by day, or by incident."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.network.model import VPC_ID
from lifeline.core.requests.fields import A_VPC_ID, check_names, must_be
from lifeline.core.wording import write_time

DEFAULT_SPAN = timedelta(days=7)
_FIELDS = ("vpc_id", "since", "until", "day", "incident", "next")
_INCIDENT_ID = re.compile(r"inc-[0-9a-z-]{1,60}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_PLACE = re.compile(r"(?=[^#]*(?:#[^#]*){4})\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d#[1-9]#[ -~]{1,800}")


@dataclass(frozen=True, slots=True)
class HistoryRequest:
    """The entries of a VPC in a time, of a day, or of an incident, that come after the sort key `after`.

    `since` and `until` are set where `vpc_id` is.
    """

    vpc_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    day: date | None = None
    incident: str = ""
    after: str = ""


def read_history(event: Mapping[str, Any], now: datetime) -> HistoryRequest:
    """The request in a manual call: `{"history": {…}}`.

    Raises InvalidInputError with the path to the field, such as `history.since`.
    """
    check_names(event, {"history"}, call="history")
    query = event["history"]
    if not isinstance(query, dict):
        raise must_be("history", 'an object such as {"vpc_id": "vpc-…"}', query)
    check_names(query, _FIELDS, inside="history.")
    given = [name for name in ("vpc_id", "day", "incident") if name in query]
    if len(given) != 1:
        raise InvalidInputError(f"history.{(given or ['vpc_id'])[-1]}", "name one of vpc_id, day and incident")
    after = _read_text(query, "next", _PLACE, "the next of an earlier answer, unchanged") if "next" in query else ""
    if "vpc_id" in query:
        since, until = _read_span(query, now)
        return HistoryRequest(_read_text(query, "vpc_id", VPC_ID, A_VPC_ID), since=since, until=until, after=after)
    for name in ("since", "until"):
        if name in query:
            raise InvalidInputError(f"history.{name}", f"needs vpc_id: {given[0]} has its own time")
    if "day" in query:
        return HistoryRequest(day=_read_day(query["day"]), after=after)
    return HistoryRequest(incident=_read_text(query, "incident", _INCIDENT_ID, "an incident's ID (inc-…)"), after=after)


def _read_span(query: Mapping[str, Any], now: datetime) -> tuple[datetime, datetime]:
    until = _read_time(query["until"], "until") if "until" in query else now
    since = _read_time(query["since"], "since") if "since" in query else _before(until, DEFAULT_SPAN)
    if since > until:
        raise InvalidInputError("history.since", f"is later than until, {write_time(until)}")
    return since, until


def _before(moment: datetime, length: timedelta) -> datetime:
    earliest = datetime.min.replace(tzinfo=UTC)
    return moment - length if moment - earliest > length else earliest


def _read_time(value: object, name: str) -> datetime:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        if time and time.tzinfo:
            return time.astimezone(UTC)
    except (OverflowError, ValueError):
        pass
    raise must_be(f"history.{name}", "a time with its zone, such as 2026-11-20T00:00:00Z", value)


def _read_day(value: object) -> date:
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise must_be("history.day", "a day (UTC) such as 2026-11-20", value)


def _read_text(query: Mapping[str, Any], name: str, form: re.Pattern[str], what: str) -> str:
    value = query[name]
    if not isinstance(value, str) or not form.fullmatch(value):
        raise must_be(f"history.{name}", what, value)
    return value

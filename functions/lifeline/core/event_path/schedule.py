"""The longest pause between two runs of a schedule: how long it may take until a sweep makes the next dry run.

The expressions are EventBridge Scheduler's (EventBridge Scheduler guide: schedule types). CloudFormation refuses what
isn't one, so nothing here does: of what isn't understood, no pause is known.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import pairwise

_RATE = re.compile(r"rate\(\s*([0-9]{1,9}) (minute|hour|day)s?\s*\)")
_CRON = re.compile(r"cron\(\s*([^()]*?)\s*\)")
_WEEK = {name: day for day, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_YEAR = {name: month for month, name in enumerate(_MONTHS, 1)}
_FIELDS = 6  # minutes, hours, days of the month, months, days of the week, years
_FROM, _SPAN = date(2026, 1, 1), 2 * 365  # in any two years, each month, weekday and turn of a year comes up
_NOT_KNOWN = timedelta(0)
_LEAST, _LATE = timedelta(hours=1), timedelta(minutes=15)  # a sweep may take some minutes, and come again for a failure


def longest_pause(expression: str) -> timedelta:
    """The longest time between two runs in a row, whichever years a cron expression names. Zero where that isn't known:
    of a schedule that runs once, and of cron's L, W and #.
    """
    if rate := _RATE.fullmatch(expression.strip()):
        return timedelta(**{f"{rate[2]}s": int(rate[1])})
    cron = _CRON.fullmatch(expression.strip())
    fields = cron[1].upper().split() if cron else []
    try:
        return _pause_of(*fields[:-1]) if len(fields) == _FIELDS else _NOT_KNOWN
    except (KeyError, ValueError):
        return _NOT_KNOWN


def sweep_overdue(swept: datetime | None, now: datetime, pause: timedelta) -> timedelta | None:
    """How long ago the last sweep began, once two in a row are missing after it; None while they aren't, and where that
    isn't known: before the first sweep, and of a schedule whose longest pause isn't known.
    """
    if swept is None or pause == _NOT_KNOWN:
        return None
    ago = now - swept
    return ago if ago > 2 * max(pause, _LEAST) + _LATE else None


def _pause_of(minutes: str, hours: str, of_month: str, months: str, of_week: str) -> timedelta:
    allowed_hours, allowed_minutes = _numbers(hours, 0, 23), _numbers(minutes, 0, 59)
    at = sorted(timedelta(hours=hour, minutes=minute) for hour in allowed_hours for minute in allowed_minutes)
    in_month, in_year = _numbers(of_month, 1, 31), _numbers(months, 1, 12, _YEAR)
    in_week = _numbers(of_week, 1, 7, _WEEK)
    span = (_FROM + timedelta(days=number) for number in range(_SPAN))
    days = [day for day in span if day.day in in_month and day.month in in_year and day.isoweekday() % 7 + 1 in in_week]
    within = [later - earlier for earlier, later in pairwise(at)]
    between = [later - earlier - (at[-1] - at[0]) for earlier, later in pairwise(days) if at]
    return max([*within, *between]) if between else _NOT_KNOWN


def _numbers(text: str, least: int, most: int, names: Mapping[str, int] | None = None) -> frozenset[int]:
    """The numbers that a field allows. Raises ValueError or KeyError for what isn't understood."""
    return frozenset(number for part in text.split(",") for number in _part(part, least, most, names or {}))


def _part(text: str, least: int, most: int, names: Mapping[str, int]) -> Iterator[int]:
    span, _, step = text.partition("/")
    first, _, last = span.partition("-")
    if first in {"*", "?"}:
        return iter(range(least, most + 1, int(step or 1)))
    begin = _number(first, names)
    end = _number(last, names) if last else (most if step else begin)
    return iter(range(begin, end + 1, int(step or 1)))


def _number(text: str, names: Mapping[str, int]) -> int:
    return int(text) if text.isdecimal() else names[text]

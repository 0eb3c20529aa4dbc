"""How times, lengths and counts are written where people read them, in plain ASCII and narrow lines."""

import json
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

WIDTH = 80


def plain(text: str) -> str:
    """`text` in printable ASCII on one line: whatever else is in it, such as in a tag, becomes a question mark."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)


def shorten(text: str, longest: int) -> str:
    """`text`, cut with three dots where it is longer than that."""
    return text if len(text) <= longest else text[: longest - 3] + "..."


def fingerprint(*parts: str | Sequence[str], length: int) -> str:
    """So many hex digits that are the same for the same parts in the same order, and differ for all others."""
    return sha256(json.dumps(parts).encode()).hexdigest()[:length]  # JSON tells parts apart, whatever is in them


def write_time(time: datetime) -> str:
    """`2026-03-02 09:00:00 UTC`."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def read_time(text: str) -> datetime | None:
    """A time as CloudTrail writes it, in UTC where it names no zone; None for what isn't one."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def write_length(length: timedelta) -> str:
    """Its two greatest parts that aren't 0, of days, hours, minutes and seconds: `1 h 5 min`."""
    minutes, seconds = divmod(max(int(length.total_seconds()), 0), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))]
    return " ".join([part for part in parts if not part.startswith("0 ")][:2]) or "0 s"


def write_age(time: datetime, now: datetime) -> str:
    """`2026-03-02 09:00:00 UTC (6 min ago)`."""
    return f"{write_time(time)} ({write_length(now - time)} ago)"


def write_count(number: int, noun: str) -> str:
    """`1 agent`, `12 agents`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def wrap(text: str, *, first: str = "", rest: str = "") -> list[str]:
    """`text` in lines of 80 columns, but for ids that are longer: these are never broken."""
    return textwrap.wrap(
        plain(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest or first,
        break_long_words=False,
        break_on_hyphens=False,
    )


def plural(count: int, noun: str) -> str:
    """The count with its noun."""
    return f"{count} {noun}{'s' if count != 1 else ''}"

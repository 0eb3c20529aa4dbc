"""Times, durations, counts and lists as people read them, in plain ASCII and narrow lines."""

import json
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

WIDTH = 80


def plain(text: str) -> str:
    """Reduce a text, such as a tag, to printable ASCII on one line; every other character becomes a question mark."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)


def shorten(text: str, longest: int) -> str:
    """Cut a text that is longer than `longest` and end it with three dots."""
    return text if len(text) <= longest else text[: longest - 3] + "..."


def fingerprint(*parts: str | Sequence[str], length: int) -> str:
    """So many hex digits that are the same for the same parts in the same order, and differ for all others."""
    return sha256(json.dumps(parts).encode()).hexdigest()[:length]  # JSON tells parts apart, whatever is in them


def role_of(actor: str) -> str:
    """Return an actor without its session: `deploy-role` for `deploy-role/release-1842`."""
    return actor.partition("/")[0]


def write_time(time: datetime) -> str:
    """Write a time: `2026-03-02 09:00:00 UTC`."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def read_time(text: str) -> datetime | None:
    """Read a time as CloudTrail writes it, in UTC if it names no zone; None if the text isn't a time."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def write_length(length: timedelta) -> str:
    """Write a duration by its two largest units that aren't 0, of days, hours, minutes and seconds: `1 h 5 min`."""
    minutes, seconds = divmod(max(int(length.total_seconds()), 0), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s"))]
    return " ".join([part for part in parts if not part.startswith("0 ")][:2]) or "0 s"


def write_count(number: int, noun: str) -> str:
    """Write a count with its noun: `1 agent`, `12 agents`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def few(items: Sequence[str], most: int) -> str:
    """List the first `most` items and count the rest: `a, b and 3 more`."""
    rest = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + rest


def listed(items: Sequence[str]) -> str:
    """List all items: `a, b and c`."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def wrap(text: str, *, first: str = "", rest: str = "") -> list[str]:
    """Break a text into lines of 80 columns; longer words, such as ids, stay whole."""
    return textwrap.wrap(
        plain(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest or first,
        break_long_words=False,
        break_on_hyphens=False,
    )

"""Times, durations, counts and lists as people read them, in plain ASCII and narrow lines."""

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

WIDTH = 80
LONGEST_NAME = 60
_LONGEST_ACTOR = 130  # a role and its session have up to 64 characters each (IAM API: CreateRole, AssumeRole)
_LONGEST_TEXT = 256  # of a record that is kept; what makes it inert adds to that
_WITH_PATHS = frozenset({"user", "role"})
_ACCOUNT = re.compile(r"account [0-9]{12}")
# CloudTrail's userIdentity.invokedBy: a service's name, or this (CloudTrail guide: userIdentity element).
_IN_THEIR_NAME = re.compile(
    r" via (?:CloudFormation|AWS Internal|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?)$"
)
_NOBODY = re.compile(r"i-[0-9a-f]{8,17}|session-[0-9a-f]{8}|(?:botocore-session|aws-go-sdk|aws-sdk-[a-z]+)-[0-9]+")
_SERVICE_ROLE = re.compile(r"AWSServiceRoleFor")  # of a service-linked role (IAM guide: service-linked roles)
_UNPRINTABLE = re.compile("[^ -~]")
# Slack's mentions and links are in angle brackets, and code is in backticks (Slack guide: formatting text).
_MARKUP = str.maketrans({"<": "(", ">": ")", "`": "'"})
_SCHEME = re.compile(r"://|(?<=\b[Ww][Ww][Ww])\.|\]\(")
_BROKEN = {"://": "[:]//", ".": "[.]", "](": "] ("}
_BEFORE_A_HOST = re.compile(r"\bwww$", re.IGNORECASE)
_PART_OF_A_HOST = re.compile(r"\.[A-Za-z0-9_-]*$")
_MENTION = re.compile(r"(?<![A-Za-z0-9])@")
# Each letter is looked at once, however long the text: a host begins where a word does.
_HOST = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)++(?:/|[:?#\\](?=\S))?")
# The dot before a label that mail clients know as the end of a host: all countries' and the usual others.
_END = re.compile(
    r"\.(?=(?:[a-z]{2}|com|net|org|info|biz|edu|gov|mil|int|app|dev|page|web|site|online|shop|store|live|life|link|click"
    r"|xyz|top|icu|club|cloud|tech|space|website|work|works|world|email|support|help|zip|mov|pro|mobi|aws|google|example)"
    r"(?:[./:?#\\]|$))",
    re.IGNORECASE,
)
_OF_A_SERVICE = re.compile(r"(?:(?:api|dkr)\.)?[a-z0-9-]+(?:\.[a-z]{2}(?:-[a-z]+)+-[0-9])?\.amazonaws\.com(?:\.cn)?")
_WORD = re.compile(r"[A-Za-z0-9_./:=+,@#\[\]-]+")
_QUOTED = re.compile(r'"[^"]*"')
_LABEL = re.compile(r" (?=(?:Why|Next|IDs|Links|Subject):)")  # of a notice's parts, which begin with it
_NO_BREAK = "\x00"  # which no text has here


def plain(text: str) -> str:
    """Reduce a text, such as a tag, to printable ASCII on one line; every other character becomes a question mark."""
    return _UNPRINTABLE.sub("?", text)


def inert(text: str) -> str:
    """Reduce a text to plain words: `plain`, and without anything that chat or markdown takes for more.

    Links and mentions are broken visibly: `https[:]//evil.example`, `(at)here`.
    """
    words = _MENTION.sub("(at)", plain(text).translate(_MARKUP))
    return _SCHEME.sub(lambda match: _BROKEN[match[0]], words)


def unlinked(text: str) -> str:
    """Reduce a text for people to words that no mail client links either: `inert`, with the ends of hosts set apart.

    The names of AWS's own services stay as they are, because nobody else can have them.
    """

    def shown(host: re.Match[str]) -> str:
        return host[0] if _OF_A_SERVICE.fullmatch(host[0]) else _END.sub("[.]", host[0])

    return _HOST.sub(shown, inert(text))


def inert_json(value: Any) -> Any:
    """Make every text in a JSON value `inert`, the names of its fields included."""
    match value:
        case str():
            return inert(value)
        case dict():
            return {inert(name): inert_json(item) for name, item in value.items()}
        case list() | tuple():
            return [inert_json(item) for item in value]
    return value


def quoted(text: str, longest: int = LONGEST_NAME) -> str:
    """Write a name that someone else chose, such as a tag, so that it can't pass for Lifeline's own words.

    It is cut, and in double quotes unless it is a single word: `app-prod`, `"Prod, do not touch"`.
    """
    name = shorten(unlinked(text).replace('"', "'").strip(), longest)
    return name if not name or _WORD.fullmatch(name) else f'"{name}"'


def write_actor(actor: str, longest: int = _LONGEST_ACTOR) -> str:
    """Write who made a call, as `Trigger.actor` names them; empty where nobody is known.

    Where that is longer than `longest`, it is without what the person belongs to, then without the service that called
    in their name. A person's own name stays whole.
    """
    who, service = split_actor(actor)
    person = person_in(actor)
    versions = [_quoted_actor(who) + service, _quoted_actor(person) + service, _quoted_actor(person)]
    return next((version for version in versions if len(version) <= longest), _quoted_actor(person, _LONGEST_ACTOR))


def write_person(actor: str, *, is_service_named: bool = False) -> str:
    """Write who made a call in as few words as there are: a person's own name, or the role where nobody has one, and
    the service that called in their name if that is to be named.
    """
    service = split_actor(actor)[1] if is_service_named else ""
    return _quoted_actor(person_in(actor), _LONGEST_ACTOR) + service


def write_actor_shorter(actor: str) -> tuple[str, str, str]:
    """Write who made a call for a subject, fullest first: whole, the person with the service, the person alone."""
    return write_actor(actor), write_person(actor, is_service_named=True), write_person(actor)


def person_in(actor: str) -> str:
    """The name of a person without a role, a type of user or a path: `dana` of `ops/dana`.

    A session that is nobody's name leaves the role: that of an instance, an SDK's own, a service's, a hash.
    """
    who, _ = split_actor(actor)
    role, _, name = who.partition("/")
    person = name.rpartition("/")[2] if role in _WITH_PATHS else name
    return role if not person or _NOBODY.fullmatch(person) or _SERVICE_ROLE.match(role) else person


def write_stated(by: str) -> str:
    """Write who makes a call, as they state it, for the end of a phrase; empty where they don't. Nobody checked it."""
    return f" by {quoted(by)} (as stated)" if by else ""


def is_call(event_name: str) -> bool:
    """False for what EC2 reports without a call, such as `instance stopped`."""
    return " " not in event_name


def split_actor(actor: str) -> tuple[str, str]:
    """Return who made a call, and the service that called in their name: `ops/dana`, ` via CloudFormation`."""
    found = _IN_THEIR_NAME.search(actor)
    return (actor[: found.start()], found[0]) if found and found.start() else (actor, "")


def _quoted_actor(who: str, longest: int = 3 * _LONGEST_TEXT) -> str:
    return who if _ACCOUNT.fullmatch(who) else quoted(who, longest)


def principal_in(actor: str) -> str:
    """Return the role whose session called, for whoever may assume it chooses the session's name; or the user."""
    who, _ = split_actor(actor)
    role = who.partition("/")[0]
    return who if role in _WITH_PATHS else role


def shorten(text: str, longest: int) -> str:
    """Cut a text that is longer than `longest` and end it with three dots. What is left ends in no host that wasn't
    there before.
    """
    if len(text) <= longest:
        return text
    cut = _BEFORE_A_HOST.sub("", text[: longest - 3])
    return (cut if unlinked(cut) == cut else _PART_OF_A_HOST.sub("", cut)) + "..."


def fingerprint(*parts: str | Sequence[str], length: int) -> str:
    """So many hex digits that are the same for the same parts in the same order, and differ for all others."""
    return sha256(json.dumps(parts).encode()).hexdigest()[:length]  # JSON tells parts apart, whatever is in them


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


def listed(items: Sequence[str], most: int | None = None) -> str:
    """List all items, `a, b and c`; of more than `most`, the first ones: `a, b and 2 more`."""
    if most is not None and len(items) > most:
        return few(items, most)
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def wrap(text: str, *, first: str = "", rest: str = "") -> list[str]:
    """Break a text into lines of 80 columns; longer words, such as ids, and quoted names stay whole.

    No line begins with the label of a notice's part unless the text does.
    """
    whole = _QUOTED.sub(lambda match: match[0].replace(" ", _NO_BREAK), unlinked(text))
    whole = _LABEL.sub(_NO_BREAK, whole)
    wrapped = textwrap.wrap(
        whole,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest or first,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_NO_BREAK, " ") for line in wrapped]


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The known name that somebody probably meant, whatever the case of its letters; empty where none comes near."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a wrong name needs it

    by_lower = {one.lower(): one for one in known}
    near = get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[near[0]] if near else ""

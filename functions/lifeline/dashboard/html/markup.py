"""HTML that a CloudWatch dashboard's custom widget shows as intended: escaped text, times, money and buttons.

What the page relies on, and where it is documented:

- A `<cwdb-action>` adds behaviour to the element right before it, which may be any element. `action="call"` sends the
  JSON inside it to the function `endpoint`, with the viewer's own permissions; `confirmation` asks first; `display` is
  `popup` or `widget`; `event` defaults to `click` (CloudWatch User Guide: Interactivity in the custom widget).
- JavaScript, `<iframe>` and `<use>` are removed from the answer; most other elements stay (CloudWatch User Guide:
  Security and JavaScript for custom widgets).
- A `<style>` is allowed anywhere. One element of the class `cwdb-no-default-styles` turns the console's own styles off
  (CloudWatch User Guide: Details about custom widgets). Nothing says that a widget's rules stay in the widget, so each
  of ours names the root's class.
- A button is a `<button>`, not the guide's `<a class="btn">`: Tab skips an anchor without `href`, and `href="#"` would
  change the console's address, where the console keeps its state. Enter and Space click a button.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Self

from markupsafe import Markup, escape

from lifeline.core.wording import write_length

LONGEST = 400
_SPACES = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
# Control characters, invisible or direction-changing characters, and lone surrogates, which UTF-8 can't encode.
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_UNSEEN_BUT_LINES = re.compile(_UNSEEN.pattern.replace(r"\x00-\x1f", r"\x00-\x08\x0b-\x1f"))
_PLAIN = re.compile(rf"[\w .,:;/()+-]{{0,{LONGEST}}}", re.ASCII)  # as most words and every id: nothing to escape
_IN_JSON = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


class Html(Markup):
    """A literal piece of HTML. Values come in by `format`, `join` and `+`, which pass HTML on and escape all else.

    Escaped text is also put on one line and cut at LONGEST characters, and � replaces what would be invisible or
    change the direction of the text around it. Ruff's S704 refuses `Html(...)` of anything but a literal.
    """

    __slots__ = ()

    def __new__(cls, literal: str = "") -> Self:
        """The literal as it is; markupsafe's own would ask it for `__html__`."""
        return str.__new__(cls, literal)

    @classmethod
    def escape(cls, value: object, /) -> Self:
        """`value` as HTML: unchanged if it is HTML already."""
        return value if type(value) is cls else _escape(str(value))  # type: ignore[return-value] # nobody derives from it

    def format(self, *values: object, **named: object) -> Self:
        """The piece with its values, as HTML. They are escaped first, so format specs can't be used: markupsafe's own
        `format` allows them, and a page would take four times as long.
        """
        if not named:
            return str.__new__(type(self), str.format(self, *_pieces(values)))
        escaped = {name: v if type(v) is Html else _escape(str(v)) for name, v in named.items()}
        return str.__new__(type(self), str.format(self, *_pieces(values), **escaped))

    def join(self, values: Iterable[object], /) -> Self:
        """The values, escaped, with this piece between them."""
        return str.__new__(type(self), str.join(self, _pieces(values)))


def _pieces(values: Iterable[object]) -> list[Html]:
    """`Html.escape` of each, without a call for each: a page has 50,000."""
    return [value if type(value) is Html else _escape(str(value)) for value in values]


@lru_cache(maxsize=16_384)  # a page repeats its words hundreds of times, and the next page repeats its ids
def _escape(text: str) -> Html:
    if _PLAIN.fullmatch(text):
        return str.__new__(Html, text)
    line = _UNSEEN.sub("\ufffd", _SPACES.sub(" ", text))
    return str.__new__(Html, escape(line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"))


@dataclass(frozen=True, slots=True)
class Clock:
    """The page's time, and the zone that the console shows times in, beside UTC."""

    now: datetime
    zone: timezone = UTC

    def moment(self, at: datetime) -> Html:
        """A `<time>`: the time in UTC and in the viewer's zone, with the date unless it is today's, and the age."""
        now = self.now.astimezone(UTC)
        age = f"{write_length(now - at)} ago" if at <= now else f"in {write_length(at - now)}"
        return Html('{} <span class="age">({})</span>').format(self.exactly(at, short=True), age)

    def exactly(self, at: datetime, *, short: bool = False) -> Html:
        """A `<time>` without the age; with `short`, without the date if it is today's."""
        shown = _clock_time(at.astimezone(UTC), self.now.astimezone(UTC), short=short) + " UTC"
        if self.zone.utcoffset(None):
            here = at.astimezone(self.zone)
            shown += f" · {_clock_time(here, self.now.astimezone(self.zone), short=True)} {here:%:z}"
        return time(at, shown)


def _clock_time(at: datetime, now: datetime, *, short: bool) -> str:
    if not short:
        return f"{at:%Y-%m-%d %H:%M:%S}"
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M}"


@dataclass(frozen=True, slots=True)
class ButtonTargets:
    """The ARNs of the functions that buttons call: the widget's own and ReconcileEndpoints, and the log group that a
    link to log entries leads to. Empty: no such buttons, and no such link. `account` is the one that a hub's page has
    opened, for which each button calls; empty where there is only one.
    """

    page: str = ""
    reconcile: str = ""
    log_group: str = ""
    account: str = ""


def listed[T](items: Sequence[T], most: int, show: Callable[[T], Html], more: Html) -> Html:
    """The first `most` items, then `more` with the number of those that are left."""
    left = len(items) - most
    return Html().join(map(show, items[:most])) + (more.format(left) if left > 0 else "")


def lines(text: str, longest: int) -> Html:
    """`text` for a `<pre>`: lines and tabs stay as they are."""
    seen = _UNSEEN_BUT_LINES.sub("\ufffd", text.replace("\r\n", "\n"))
    left = len(seen) - longest
    cut = Html("\n… and {} more characters").format(left) if left > 0 else ""
    return Html(Markup.escape(seen[:longest])) + cut  # noqa: S704 - escaped on the spot


def code(id_: str) -> Html:
    """An id, in a monospaced font."""
    return Html("<code>{}</code>").format(id_)


def linked(id_: str, link: str) -> Html:
    """An id as `code`, which leads to the console's page of it, where there is one."""
    return anchor(link, code(id_)) if link else code(id_)


def anchor(link: str, shown: Html | str) -> Html:
    """A link that opens in a tab of its own. Unlike text, the address isn't cut: part of one leads nowhere."""
    address = Html(Markup.escape(link))  # noqa: S704 - escaped on the spot
    return Html('<a href="{}" target="_blank" rel="noopener">{}</a>').format(address, shown)


def named(id_: str, name: str) -> Html:
    """The name with the id beside it, or the id alone."""
    return Html("<b>{}</b> {}").format(name, code(id_)) if name and name != id_ else Html("<b>{}</b>").format(id_)


def money(usd: Decimal) -> str:
    """`1,021.60 USD`."""
    return f"{usd:,.2f} USD"


def time(at: datetime, shown: str) -> Html:
    """A `<time>`, which machines read as `2026-03-02T09:00:00Z`."""
    machine = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return Html('<time datetime="{}">{}</time>').format(machine, shown)


def count(number: int, noun: str) -> str:
    """`1 subnet`, `1,200 subnets`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def button(
    label: str,
    about: str,
    endpoint: str,
    call: Mapping[str, object],
    *,
    confirmation: str = "",
    kind: str = "",
    display: str = "popup",
) -> Html:
    """A button with its call, whose answer pops up, or takes the widget's place with `display` widget. `about`
    completes the label for screen readers.

    The JSON is written without `<`, `>` and `&`, so that it is the same whether it is read as text or as HTML.
    """
    values = json.dumps(call, separators=(",", ":")).translate(_IN_JSON)
    return Html(
        '<button type="button" class="btn{kind}">{label}{about}</button>'
        '<cwdb-action action="call" display="{display}" endpoint="{endpoint}"{confirmation}>{values}</cwdb-action>'
    ).format(
        display=display,
        kind=kind and f" {kind}",
        label=label,
        about=about and Html('<span class="visually-hidden"> {}</span>').format(about),
        endpoint=endpoint,
        confirmation=confirmation and Html(' confirmation="{}"').format(confirmation),
        values=Html(values),  # noqa: S704 - without any character that HTML gives a meaning
    )

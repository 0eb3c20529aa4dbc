"""What triggered a run, in words: a change and who made it, silent agents, an approval, a call, the
sweep, or a message that doesn't say.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lifeline.core.guards.backlog import BACKLOG
from lifeline.core.requests.trigger import Trigger
from lifeline.core.wording import (
    is_call,
    quoted,
    read_time,
    write_actor,
    write_actor_shorter,
    write_count,
    write_stated,
    write_time,
)


@dataclass(frozen=True, slots=True)
class Because:
    """A run's trigger: `words` is a sentence without its full stop; `short` is for a subject and may be empty.

    `shorter` is `short` with no more of who called than a person's own name and the service that called in it, and
    `shortest` is without that service.
    """

    words: str
    short: str = ""
    event_id: str = ""
    shorter: str = ""
    shortest: str = ""

    @property
    def is_call(self) -> bool:
        """True if a call to AWS triggered the run."""
        return bool(self.event_id)


def because_of(triggers: Iterable[Trigger]) -> Because:
    """Describe a run's triggers by the earliest change, whatever else triggered it, or else by what says most."""
    causes = list(triggers)
    changes = sorted(
        {(cause.time, cause.event_name, cause.actor, cause.event_id) for cause in causes if cause.kind == "change"}
    )
    if changes:
        time, name, actor, event_id = changes[0]
        short, shorter, shortest = (_by(name, who) for who in write_actor_shorter(actor))
        more = f"; {write_count(len(changes) - 1, 'more change')} followed" if len(changes) > 1 else ""
        return Because(
            f"{_sentence(name, actor)} at {_time(time)}{more}",
            short,
            event_id,
            shorter,
            shortest,
        )
    attempts = [cause for cause in causes if cause.kind == "attempt"]
    if attempts:
        first = min(attempts, key=lambda cause: cause.time)
        words = f"{_sentence(first.event_name, first.actor)} at {_time(first.time)}; the call failed"
        names = write_actor_shorter(first.actor)
        short, shorter, shortest = (f"{_by(first.event_name, who)} failed" for who in names)
        return Because(words, short, first.event_id, shorter, shortest)
    approvals = [cause for cause in causes if cause.kind == "approval"]
    if approvals:
        approved = sorted({"The backlog" if cause.event_id == BACKLOG else cause.event_id for cause in approvals})
        short = "backlog approved" if approved == ["The backlog"] else "plan approved"
        return Because(f"{', '.join(approved[:3])} was approved{_stated(approvals)}", short)
    incidents = sorted({cause.event_id for cause in causes if cause.kind == "silence"})
    if incidents:
        return Because(f"Agents went silent ({', '.join(incidents[:3])})", "agents went silent")
    sweeps = [cause for cause in causes if cause.kind == "sweep"]
    if sweeps:
        stated = _stated(sweeps)  # the schedule states nobody
        words = f"A sweep was invoked manually{stated}" if stated else "The scheduled sweep triggered this run"
        return Because(words, "found by the sweep")
    return Because(_rest_words(causes))


def _rest_words(causes: Collection[Trigger]) -> str:
    """What says least about the trigger: a call, or a message that gives no cause."""
    if any(cause.kind == "call" for cause in causes):
        return f"ReconcileEndpoints was invoked manually{_stated(causes)}"
    if causes:
        return "A message on a queue asked for this run and didn't say what caused it"
    return "What triggered this run isn't known"


def _stated(causes: Iterable[Trigger]) -> str:
    """Who called, as they state it: the first who does."""
    return next((write_stated(cause.by) for cause in causes if cause.by), "")


def _time(text: str) -> str:
    """A CloudTrail time; text that isn't a time stays as it is."""
    time = read_time(text)
    return write_time(time) if time else quoted(text) or "an unknown time"


def _sentence(event_name: str, actor: str) -> str:
    if is_call(event_name):
        return f"{write_actor(actor) or 'An unknown actor'} called {event_name}"
    return f"EC2 reported an {event_name.replace(' ', ' that a route leads to as ', 1)}"


def _by(event_name: str, who: str) -> str:
    return f"{event_name} by {who or 'an unknown actor'}" if is_call(event_name) else event_name

"""What triggered a run, in words: a change and who made it, silent agents, an approval, a call, or the sweep."""

from collections.abc import Iterable
from dataclasses import dataclass

from lifeline.core.requests.request import Trigger
from lifeline.core.wording import quoted, read_time, role_of, write_actor, write_count, write_time

_LONGEST_ACTOR = 40


@dataclass(frozen=True, slots=True)
class Because:
    """A run's trigger: `words` is a sentence without its full stop; `short` is for a subject and may be empty."""

    words: str
    short: str = ""
    event_id: str = ""

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
        more = f"; {write_count(len(changes) - 1, 'more change')} followed" if len(changes) > 1 else ""
        words = f"{write_actor(actor) or 'An unknown actor'} called {name} at {_time(time)}{more}"
        return Because(words, f"{name} by {_short(actor)}", event_id)
    attempts = [cause for cause in causes if cause.kind == "attempt"]
    if attempts:
        first = min(attempts, key=lambda cause: cause.time)
        who = write_actor(first.actor) or "An unknown actor"
        words = f"{who} called {first.event_name} at {_time(first.time)}; the call failed"
        return Because(words, f"{first.event_name} by {_short(first.actor)} failed", first.event_id)
    approved = sorted({cause.event_id for cause in causes if cause.kind == "approval"})
    if approved:
        return Because(f"{', '.join(approved[:3])} was approved", "plan approved")
    incidents = sorted({cause.event_id for cause in causes if cause.kind == "silence"})
    if incidents:
        return Because(f"Agents went silent ({', '.join(incidents[:3])})", "agents went silent")
    if any(cause.kind == "sweep" for cause in causes):
        return Because("The scheduled sweep triggered this run", "found by the sweep")
    return Because("ReconcileEndpoints was invoked manually")


def _time(text: str) -> str:
    """A CloudTrail time; text that isn't a time stays as it is."""
    time = read_time(text)
    return write_time(time) if time else quoted(text) or "an unknown time"


def _short(actor: str) -> str:
    """A role without its session, which says least."""
    actor = role_of(actor) if len(actor) > _LONGEST_ACTOR / 2 else actor
    return quoted(actor, _LONGEST_ACTOR) or "an unknown actor"

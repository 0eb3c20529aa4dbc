"""Do events arrive? What the sweeps' dry runs prove, and how many of a day's changes were heard."""

from datetime import datetime, timedelta

from lifeline.core.doctor.finding import Finding, NotRead, bad, ok, unknown
from lifeline.core.event_path.comparison import Comparisons
from lifeline.core.event_path.proof import EventPath
from lifeline.core.wording import few, write_length

CHECK, COMPARISON_CHECK = "event path", "changes heard"
_REMEDY = (
    "Correct what is bad above: a trail, the rules, the queue's policy. If nothing is, check that the queue triggers"
    " ReconcileEndpoints, and what is in DeadLetters."
)
_BEST_EFFORT = "CloudTrail promises no delivery, so one loss may mean nothing."


def check_event_path(state: EventPath | NotRead, now: datetime) -> Finding:
    """What the dry runs until now say: two in a row that weren't heard are a fault, a single one isn't."""
    if isinstance(state, NotRead):
        return unknown(CHECK, "What became of the sweeps' dry runs couldn't be read.", state.why)
    unheard = len(state.unheard(now))
    proven = f"The last that was heard was made {_ago(state.proven_at, now)}." if state.proven_at else "None ever was."
    if state.is_broken(now):
        return bad(CHECK, f"The events of {unheard} dry runs in a row didn't arrive. {proven}", _REMEDY)
    if unheard:
        return unknown(CHECK, f"The event of the last dry run didn't arrive. {proven}", f"{_BEST_EFFORT} See the next.")
    if state.proven_at:
        took = f"{state.seconds:,.0f} s after its call" if state.seconds is not None else "after its call"
        return ok(CHECK, f"The event of a dry run made {_ago(state.proven_at, now)} arrived {took}.")
    if state.probes:
        return unknown(CHECK, "The event of the first dry run hasn't arrived yet.", "It may take 15 minutes.")
    return unknown(CHECK, "No dry run was made whose event could arrive.", _why_none(state))


def _why_none(state: EventPath) -> str:
    return f"{state.why[:1].upper()}{state.why[1:]}." if state.why else "No sweep has made one yet: run one, and wait."


def check_comparison(comparisons: Comparisons | NotRead) -> Finding | None:
    """How many of the changes in Event history were heard; None while nothing was compared."""
    if isinstance(comparisons, NotRead):
        return unknown(COMPARISON_CHECK, "How many changes were heard couldn't be read.", comparisons.why)
    last = comparisons.last
    if last is None:
        return None
    day = f"{last.since:%Y-%m-%d %H:%M} to {last.until:%Y-%m-%d %H:%M} UTC"
    says = f"Of {last.happened:,} changes from {day}, {last.heard:,} were heard."
    if last.heard >= last.happened:
        return ok(COMPARISON_CHECK, says)
    if not last.heard:
        return bad(COMPARISON_CHECK, says, _REMEDY)
    return unknown(COMPARISON_CHECK, says, f"{_BEST_EFFORT} Not heard: {few(last.missed, len(last.missed))}.")


def _ago(time: datetime, now: datetime) -> str:
    return f"{write_length(max(now - time, timedelta(0)))} ago"

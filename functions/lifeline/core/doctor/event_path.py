"""Do events arrive? What the sweeps' dry runs prove, and how many of a day's changes were heard."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from lifeline.core.doctor.finding import Finding, NotRead, bad, ok, unknown
from lifeline.core.event_path.comparison import STALE, Comparison, Comparisons
from lifeline.core.event_path.proof import EventPath
from lifeline.core.wording import few, listed, write_length

CHECK, COMPARISON_CHECK = "event path", "changes heard"
_REMEDY = (
    "Correct what is bad above: a trail, the rules, the queue's policy. If nothing is, check that the queue triggers"
    " ReconcileEndpoints, and what is in DeadLetters."
)
_NONE_SINCE = "No sweep has finished a comparison since."
_MOST = 5
_BEST_EFFORT = "CloudTrail promises no delivery, so one loss may mean nothing."


def check_event_path(state: EventPath | NotRead, now: datetime, pause: timedelta) -> Finding:
    """What the dry runs until now say: two in a row that weren't heard are a fault, a single one isn't. `pause` is the
    longest time between two sweeps.
    """
    if isinstance(state, NotRead):
        return unknown(CHECK, "What became of the sweeps' dry runs couldn't be read.", state.why)
    unheard = len(state.unheard(now))
    proven = f"The last that was heard was made {_ago(state.proven_at, now)}." if state.proven_at else "None ever was."
    if state.is_broken(now):
        return bad(CHECK, f"The events of {unheard} dry runs in a row didn't arrive. {proven}", _REMEDY)
    if unheard:
        return unknown(CHECK, f"The event of the last dry run didn't arrive. {proven}", f"{_BEST_EFFORT} See the next.")
    if state.proven_at and state.is_proven(now, pause):
        took = f"{state.seconds:,.0f} s after its call" if state.seconds is not None else "after its call"
        return ok(CHECK, f"The event of a dry run made {_ago(state.proven_at, now)} arrived {took}.")
    return _unproven(state, proven)


def _unproven(state: EventPath, proven: str) -> Finding:
    if state.proven_at:
        return unknown(CHECK, f"No event of a dry run arrived lately. {proven}", _why_none(state))
    if state.probes:
        return unknown(CHECK, "The event of the first dry run hasn't arrived yet.", "It may take 15 minutes.")
    return unknown(CHECK, "No dry run was made whose event could arrive.", _why_none(state))


def _why_none(state: EventPath) -> str:
    """Why no dry run was made, or none lately."""
    if state.why:
        return f"{state.why[:1].upper()}{state.why[1:]}."
    if state.proven_at:
        return "No sweep has made one since. By default, sweeps are hourly: see SweepSchedule, or run one, and wait."
    return "No sweep has made one yet: run one, and wait."


def check_comparison(comparisons: Comparisons | NotRead, now: datetime) -> Finding | None:
    """How many of the changes in Event history were heard; None while nothing was compared."""
    if isinstance(comparisons, NotRead):
        return unknown(COMPARISON_CHECK, "How many changes were heard couldn't be read.", comparisons.why)
    last = comparisons.last
    if last is None:
        why = comparisons.why
        return unknown(COMPARISON_CHECK, "No day's changes could be compared with Event history.", why) if why else None
    return _judge(last, comparisons.why, now)


def _judge(last: Comparison, why: str, now: datetime) -> Finding:
    day = f"{last.since:%Y-%m-%d %H:%M} to {last.until:%Y-%m-%d %H:%M} UTC"
    says = f"Of {last.happened:,} changes from {day}, {last.heard:,} were heard."
    if now - last.until > STALE:
        return unknown(COMPARISON_CHECK, f"Nothing was compared lately. {says}", why or _NONE_SINCE)
    lost = f"{says} Too few: {last.lost_words}." if last.heard and last.lost_rules else says
    if last.lost_rules and not set(last.happened_by) <= set(last.lost_rules):
        return bad(COMPARISON_CHECK, lost, _rule_remedy(last.lost_rules))
    if last.is_lost:
        return bad(COMPARISON_CHECK, lost, _REMEDY)
    if last.heard >= last.happened and last.cut:
        return ok(COMPARISON_CHECK, f"{says} There were too many to compare them all of {few(last.cut, _MOST)}.")
    if last.heard >= last.happened:
        return ok(COMPARISON_CHECK, says)
    return unknown(COMPARISON_CHECK, says, f"{_BEST_EFFORT} Not heard: {few(last.missed, len(last.missed))}.")


def _rule_remedy(rules: Iterable[str]) -> str:
    return (
        f"Make sure that {listed([*rules])} of the stack's rules is enabled and has the target that the stack gave it,"
        " which lets it in. The next comparison tells whether changes are heard again."
    )


def _ago(time: datetime, now: datetime) -> str:
    return f"{write_length(max(now - time, timedelta(0)))} ago"

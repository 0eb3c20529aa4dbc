"""Which agents are silent, judged by their datapoints and the states of their instances.

Nothing here reads a clock or AWS. An agent is saved as `reporting`, `silent` or `suppressed`, or it isn't on the
roster. These are all the transitions. An agent is "on time" if its next datapoint hasn't been due for longer than the
grace, and "overdue" otherwise.

| from | to | when | gap |
| --- | --- | --- | --- |
| none | reporting | CloudWatch lists it, or its instance's tag says that it is expected | none |
| reporting | silent | overdue, its instance runs and isn't warming up, nothing suppresses it | opens a gap |
| reporting | suppressed | its instance is stopped, or started after the last datapoint; maintenance, exemption | none |
| silent | reporting | on time, with `recover_after` datapoints since the silence | ends its gap |
| silent | suppressed | its instance is stopped; maintenance, exemption, an operator's request | none |
| suppressed | reporting | on time with a new datapoint; with an open gap as from silent | ends that gap, if any |
| suppressed | silent | overdue, its instance runs, warm-up and grace are over | opens a gap, or continues its own |
| any | none | its instance is terminated; or it is not expected and no datapoint can be found | none |
| any | none | EC2 doesn't know its instance, and its last datapoint is over an hour old (unless elsewhere) | none |
| silent, suppressed | none | its last datapoint, or its instance's start, is over `forget_after` ago | none |

EC2 shows a terminated instance for about an hour (EC2 guide: terminate instances). So one that it doesn't know, and
whose agent sent a datapoint within the last hour, isn't terminated but elsewhere: in another account or region, or on
premises. From then on its agent is judged by its datapoints alone. So is one that joined while EC2 couldn't be read.

Agents of several periods may share a watch: before one is called silent, its last datapoints show its own period.

A new agent that EC2 can't vouch for, such as a host outside it, leaves the roster if it falls silent before it has sent
a few datapoints. Only datapoints of an agent's own series count (`survey`): those that it had while it reported.

An agent that a tag expects is never forgotten because of its silence. One that has never reported starts as reporting.
It is suppressed until warm-up, one period and the grace have passed since its instance started (or since it was first
expected), because an agent needs a period to publish; then it is silent.

Two states are never saved. `late` is a kind of reporting: the next datapoint could be there by now, but is within the
grace. `unknown` changes nothing: the agent's datapoints couldn't be read, or it is overdue and EC2 couldn't say whether
its instance runs.

A gap belongs to an incident. While that is open, a suppressed agent keeps its gap; if no datapoint came meanwhile, the
same gap continues afterwards, without a transition. An agent that goes silent again while its incident is open leaves
the incident, because its new silence may have another cause; only a flapping one stays.
An agent that opens more than three gaps in an hour is flapping until it reports, or is still silent, more than an hour
after its last gap was opened: a lasting silence is not flapping.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import assert_never

from lifeline.core.agents.agent import (
    MOST_OPENINGS,
    PROOF,
    Agent,
    Evidence,
    Gap,
    State,
    Suppression,
    Transition,
    Verdict,
)
from lifeline.core.agents.instances import Instance, Power
from lifeline.core.agents.series import Readings, Series
from lifeline.core.agents.timing import Timing

_HOUR = timedelta(hours=1)
_SHOWN_FOR = timedelta(hours=1)  # a terminated instance (EC2 guide: terminate instances)


def close_gap(gap: Gap, last_seen: datetime, seen_at: Iterable[datetime], *, period: timedelta) -> Gap:
    """The gap with its end: the first datapoint after the longest silence since `last_seen`.

    Usually that is the first datapoint after `last_seen`, and the gap starts where it was opened. If late datapoints
    have since filled a part of it, the remaining part counts; if they have filled all of it, its length is 0. The order
    of `seen_at` doesn't matter.
    """
    times = sorted({last_seen, *(time for time in seen_at if time > last_seen)})
    silences = [
        Gap(since=max(before + period, gap.since), opened_at=gap.opened_at, ended_at=after)
        for before, after in pairwise(times)
    ]
    longest = max(silences, key=lambda silence: silence.length(silence.since), default=gap)
    return longest if longest.length(gap.since) else replace(gap, ended_at=gap.since)


def weigh(current: Series, asked: Iterable[Series], readings: Readings, instance: Instance, timing: Timing) -> Evidence:
    """Combine the readings of an agent's series into its evidence.

    A datapoint of any series shows that the agent is alive. `current` counts while it is on time; otherwise the series
    with the latest datapoint takes over. Silence needs all requested series: if one couldn't be read, it is undecided.
    """
    wanted = sorted({current, *asked}, key=lambda series: series.rank)
    seen = {series: readings[series] for series in wanted if series in readings}
    seen_at = tuple(sorted({time for times in seen.values() for time in times}))
    if not timing.is_on_time(seen_at):
        return Evidence(current, seen_at if len(seen) == len(wanted) else None, instance)
    if timing.is_on_time(seen.get(current, ())):
        return Evidence(current, seen_at, instance)
    latest = {series: last for series, times in seen.items() if (last := timing.latest(times))}
    return Evidence(max(latest, key=lambda series: latest[series]), seen_at, instance)


def judge(agent: Agent, evidence: Evidence, timing: Timing) -> Verdict:
    """Judge the agent's state, its new record, and its transition.

    Judging the result again by the same evidence changes nothing, and neither does an ordinary minute of an agent that
    reports: the new record then equals the old one.
    """
    match evidence.instance.power:
        case Power.GONE:
            return Verdict(State.SUPPRESSED, None)
        case Power.DOWN:
            return _suppress(agent, evidence, Suppression.STOPPED, timing)
        case Power.RUNNING | Power.UNREADABLE | Power.MISSING:
            is_missing = evidence.instance.power is Power.MISSING
            if is_missing and agent.is_elsewhere is False and _was_terminated(agent, evidence, timing):
                return Verdict(State.SUPPRESSED, None)
            if (is_missing or evidence.instance.state) and agent.is_elsewhere != is_missing:
                agent = replace(agent, is_elsewhere=is_missing)
            if evidence.suppression is not None:
                return _suppress(agent, evidence, evidence.suppression, timing)
            return _judge_by_datapoints(agent, evidence, timing)
        case _:
            assert_never(evidence.instance.power)


def _was_terminated(agent: Agent, evidence: Evidence, timing: Timing) -> bool:
    """True if EC2 doesn't know the instance any more: a tag of it was seen, or it has sent nothing for so long."""
    latest = _latest(agent, evidence, timing)
    if agent.expected_since is not None or (latest is None and evidence.seen_at is not None):
        return True
    return latest is not None and timing.now - latest > _SHOWN_FOR


def _judge_by_datapoints(agent: Agent, evidence: Evidence, timing: Timing) -> Verdict:
    if evidence.seen_at is None:
        return Verdict(State.UNKNOWN, agent)
    timing = timing.of_agent(evidence.seen_at)
    latest = _latest(agent, evidence, timing)
    is_overdue = latest is None or timing.missing_since(latest) is not None
    if agent.expected_since is None and (latest is None or (is_overdue and _left_to_prove(agent, evidence))):
        # Not expected: listed, but without a datapoint that can be read, or with too few to be an agent.
        return Verdict(State.SUPPRESSED, None)
    if latest is None or is_overdue:
        return _miss(agent, evidence, latest, timing)
    if agent.state is State.SUPPRESSED and latest == agent.seen_at:
        return Verdict(State.SUPPRESSED, agent)  # its last datapoint is recent, but from before it was set aside
    if _is_open(agent.gap):
        return _come_back(agent, evidence, latest, timing)
    return _report(agent, evidence, latest, timing)


def _report(agent: Agent, evidence: Evidence, latest: datetime, timing: Timing) -> Verdict:
    """On time, without a gap to end. Late is only a name: the same record is saved."""
    state = State.LATE if timing.is_late([latest]) else State.REPORTING
    series = evidence.series or agent.series
    is_proven = not agent.unproven and agent.seen_at is not None
    is_as_before = agent.state is State.REPORTING and agent.series == series and is_proven
    if not is_as_before:
        unproven = _left_to_prove(agent, evidence)
        agent = replace(agent, state=State.REPORTING, suppressed_by=None, series=series, seen_at=latest)
        # From now on its instance's tag counts.
        agent = replace(agent, expected_since=None, strangers=(), unproven=unproven)
    return Verdict(state, _calm(agent, timing.now))


def _come_back(agent: Agent, evidence: Evidence, latest: datetime, timing: Timing) -> Verdict:
    """End an open gap once enough datapoints came after the silence; until then it continues.

    Only datapoints without another silence between them count. If too few came between two silences, they don't end the
    gap in hindsight either.
    """
    rules = timing.rules
    if agent.gap is None:
        raise ValueError(f"{agent.entity} has no gap to come back from")
    last_seen = agent.seen_at or agent.gap.since - rules.period
    first, *more = _streaks({last_seen, *_believed_after(last_seen, evidence, latest)}, rules.period + rules.grace)
    returned = more[-1] if more else first[1:]
    if len(returned) < rules.recover_after:
        return Verdict(agent.state, agent)
    closed = close_gap(agent.gap, last_seen, [*first, *returned], period=rules.period)
    back = _report(replace(agent, gap=closed), evidence, latest, timing)
    return replace(back, transition=Transition.ENDED)


def _miss(agent: Agent, evidence: Evidence, latest: datetime | None, timing: Timing) -> Verdict:
    """Overdue: a new silence, a known one, or one during warm-up."""
    if agent.state is State.SILENT:
        is_forgotten = _is_forgotten(agent, evidence, latest, timing)
        return Verdict(State.SILENT, None if is_forgotten else _calm(agent, timing.now))
    if evidence.instance.power is Power.UNREADABLE:
        return Verdict(State.UNKNOWN, agent)
    since = _silent_since(agent, evidence, latest, timing)
    if since is None:
        return _suppress(agent, evidence, Suppression.WARMING_UP, timing)
    if agent.state is State.SUPPRESSED and _is_forgotten(agent, evidence, latest, timing):
        return Verdict(State.SILENT, None)
    if agent.state is State.SUPPRESSED and _is_open(agent.gap) and latest == agent.seen_at:
        return Verdict(State.SILENT, replace(agent, state=State.SILENT, suppressed_by=None))
    return _open_gap(agent, evidence, latest, since, timing.now)


def _silent_since(agent: Agent, evidence: Evidence, latest: datetime | None, timing: Timing) -> datetime | None:
    """When it began, unless the instance started after the last datapoint and its agent may still be warming up."""
    launched_at, rules, now = evidence.instance.launched_at, timing.rules, timing.now
    if latest is not None:
        warm_at = launched_at + rules.warm_up + rules.period if launched_at and launched_at > latest else None
        return timing.missing_since(latest, not_before=warm_at)
    expected_since = agent.expected_since or now
    due = max((launched_at or expected_since) + rules.warm_up + rules.period, expected_since)
    return due if now - due > rules.grace and now >= expected_since else None


def _open_gap(agent: Agent, evidence: Evidence, latest: datetime | None, since: datetime, now: datetime) -> Verdict:
    openings = (*(opened_at for opened_at in agent.openings if now - opened_at <= _HOUR), now)
    silent = replace(
        agent,
        state=State.SILENT,
        suppressed_by=None,
        series=agent.series or (evidence.series if latest else None),
        seen_at=latest,
        strangers=evidence.strangers,
        gap=Gap(since=since, opened_at=now),
        incident=agent.incident if agent.is_flapping else "",  # a new silence may have another cause
        openings=openings,
        unproven=0,  # the next run may read fewer of the datapoints that proved it
        excused=frozenset(),
        is_flapping=agent.is_flapping or len(openings) > MOST_OPENINGS,
    )
    return Verdict(State.SILENT, silent, Transition.OPENED)


def _suppress(agent: Agent, evidence: Evidence, reason: Suppression, timing: Timing) -> Verdict:
    """Suppress the agent. If its last datapoint couldn't be read, that waits for a run that can read it.

    An agent that an operator requested to forget stays so until it reports, whatever happens meanwhile.
    """
    if agent.state is State.REPORTING and agent.series is not None and evidence.seen_at is None:
        return Verdict(State.SUPPRESSED, agent)
    latest = _latest(agent, evidence, timing)
    is_known = evidence.seen_at is not None or evidence.instance.power is Power.DOWN
    if is_known and _is_forgotten(agent, evidence, latest, timing):
        return Verdict(State.SUPPRESSED, None)
    if agent.state is State.SUPPRESSED:
        kept = Suppression.FORGOTTEN if agent.suppressed_by is Suppression.FORGOTTEN else reason
        return Verdict(State.SUPPRESSED, replace(agent, suppressed_by=kept))
    gap = agent.gap if agent.incident else None
    seen_at = agent.seen_at if _is_open(gap) else latest
    aside = replace(agent, state=State.SUPPRESSED, suppressed_by=reason, seen_at=seen_at, gap=gap)
    return Verdict(State.SUPPRESSED, aside)


def _is_forgotten(agent: Agent, evidence: Evidence, latest: datetime | None, timing: Timing) -> bool:
    """True if nothing came for so long that it is no longer expected. A gap opened in this run is reported first."""
    instance = evidence.instance
    is_expected = agent.expected_since is not None or instance.is_expected or instance.power is Power.UNREADABLE
    if latest is None or is_expected or (agent.gap is not None and agent.gap.opened_at == timing.now):
        return False
    return timing.now - max(latest, instance.launched_at or latest) > timing.rules.forget_after


def _calm(agent: Agent, now: datetime) -> Agent:
    """The agent, no longer flapping if its last gap was opened more than an hour ago."""
    if agent.is_flapping and all(now - opened_at > _HOUR for opened_at in agent.openings):
        return replace(agent, is_flapping=False)
    return agent


def _is_open(gap: Gap | None) -> bool:
    return gap is not None and gap.is_open


def _latest(agent: Agent, evidence: Evidence, timing: Timing) -> datetime | None:
    """The last known datapoint. The saved one counts even if it is in the future: then our clock went back."""
    times = (agent.seen_at, timing.latest(evidence.seen_at or ()))
    return max((time for time in times if time is not None), default=None)


def _left_to_prove(agent: Agent, evidence: Evidence) -> int:
    """How many datapoints a new agent must still send before its silence counts."""
    seen_at = evidence.seen_at or ()
    new = [time for time in seen_at if agent.seen_at is None or time > agent.seen_at]
    return max(0, min(agent.unproven - len(new), PROOF - len(seen_at)))


def _believed_after(last_seen: datetime, evidence: Evidence, latest: datetime) -> list[datetime]:
    return [time for time in evidence.seen_at or () if last_seen < time <= latest]


def _streaks(times: Iterable[datetime], longest: timedelta) -> list[list[datetime]]:
    """The times in order, with a new list after each pause longer than `longest`."""
    first, *rest = sorted(times)
    streaks = [[first]]
    for time in rest:
        if time - streaks[-1][-1] > longest:
            streaks.append([])
        streaks[-1].append(time)
    return streaks

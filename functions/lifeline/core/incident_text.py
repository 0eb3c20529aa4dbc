"""An incident in sentences: who, since when, why, how it stands, what to do; a paragraph is a list of lines."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from lifeline.core.gaps import Agent, State
from lifeline.core.incident import RECOVERY_TIME, Cause, CauseKind, Confidence, Phase
from lifeline.core.incidents import News, NewsKind, recovers_until
from lifeline.core.wording import wrap, write_age, write_count, write_length, write_time

MOST_NAMED = 10
_MOST_EVIDENCE = 4
_SURE = {
    Confidence.HIGH: "high, this was seen",
    Confidence.MEDIUM: "medium, this is likely",
    Confidence.LOW: "low, this is what is left when nothing else is found",
}


def paragraphs(news: News, namespace: str, now: datetime) -> Iterator[list[str]]:
    """The whole text, paragraph by paragraph; those with nothing to say are empty."""
    cause = news.incident.cause
    if news.kind is NewsKind.RESOLVED:
        yield _over(news, namespace, now)
        yield _rows([_recovery(agent, cause) for agent in news.back])
        yield _not_back(news)
        yield _reason(cause, now, with_evidence=False)
        yield _repair(news)
    else:
        yield _heading(news, namespace, now)
        yield _rows([_silence(agent, cause, now) for agent in shown(news)])
        yield _reason(cause, now, with_evidence=True)
        yield _standing(news)
        yield _advice(news)
    yield [f"Incident: {news.incident.id}"]


def shown(news: News) -> tuple[Agent, ...]:
    """The agents that the news is about: those that are back once it is over, else the silent, or the flapping ones."""
    if news.kind is NewsKind.RESOLVED:
        return news.back
    if news.incident.cause.kind is not CauseKind.FLAPPING:
        return news.silent
    flapping = (agent for agent in (*news.silent, *news.back) if agent.is_flapping or agent.state is State.SILENT)
    return tuple(sorted(flapping, key=lambda agent: agent.entity))


def place_of(cause: Cause) -> str:
    """The VPC with its name, or the zone; empty where neither is known."""
    if cause.kind is CauseKind.ZONE and cause.zone:
        return cause.zone
    return f"{cause.vpc_id} ({cause.vpc_name})" if cause.vpc_id and cause.vpc_name else cause.vpc_id


def never_reported(agents: Sequence[Agent]) -> int:
    """How many of them were expected and never came."""
    return sum(agent.series is None for agent in agents)


def longest(agents: Iterable[Agent], now: datetime) -> timedelta:
    """The longest of their gaps, up to its end or to `now`; 0 where none is known."""
    return max((agent.gap.length(now) for agent in agents if agent.gap), default=timedelta())


def _heading(news: News, namespace: str, now: datetime) -> list[str]:
    agents = shown(news)
    one = len(agents) == 1
    who = f"{write_count(len(agents), 'agent')} of {namespace}{_in(news)} {'is' if one else 'are'}"
    state = "flapping" if news.incident.cause.kind is CauseKind.FLAPPING else "silent"
    match news.kind:
        case NewsKind.OPENED:
            return wrap(f"{who} {state}. {_beginning(news, now)}")
        case NewsKind.UPDATED if news.joined:
            more = f"{write_count(news.joined, 'more agent')} of {namespace}{_in(news)} joined this incident."
            return wrap(f"{more} Now {_counts(news, state)}.")
        case NewsKind.UPDATED:
            return wrap(
                f"{who} still {state}, though {'it was' if one else 'they were'} due back by now.{_others(news)}"
            )
        case _:
            lasting = f", {'' if one else 'the longest '}for {write_length(longest(agents, now))} now"
            more = f" {news.joined} joined since the last notice." if news.joined else ""
            return wrap(f"{who} still {state}{'' if state == 'flapping' else lasting}.{more}{_others(news)}")


def _beginning(news: News, now: datetime) -> str:
    agents = shown(news)
    never, one = never_reported(agents), len(agents) == 1
    if news.incident.cause.kind is CauseKind.FLAPPING:
        they = "It falls silent and comes" if one else "They fall silent and come"
        return f"{they} back again and again; that is told once, and not each time."
    began = write_age(news.incident.began, now)
    if never == len(agents):
        return f"{'It has' if one else 'They have'} never reported; the first datapoint was due {began}."
    few = f" {never} of them never reported." if never else ""
    return f"The first missing datapoint was due {began}.{few}"


def _counts(news: News, state: str) -> str:
    """`12 are silent, 3 report again and 1 is set aside`, for those that there are."""
    silent = len(shown(news))
    flaps = news.incident.cause.kind is CauseKind.FLAPPING
    back = 0 if flaps else len(news.back)
    aside = len(news.set_aside)
    parts = [
        f"{silent} {'is' if silent == 1 else 'are'} {state}",
        f"{back} {'reports' if back == 1 else 'report'} again" if back else "",
        f"{aside} {'is' if aside == 1 else 'are'} set aside" if aside else "",
        f"{news.incident.gone} gone" if news.incident.gone else "",
    ]
    return _listed([part for part in parts if part])


def _others(news: News) -> str:
    if news.incident.cause.kind is CauseKind.FLAPPING or not news.back:
        return ""
    return f" {len(news.back)} {'reports' if len(news.back) == 1 else 'report'} again."


def _silence(agent: Agent, cause: Cause, now: datetime) -> str:
    length = write_length(agent.gap.length(now)) if agent.gap else "an unknown time"
    if cause.kind is CauseKind.FLAPPING:
        at_present = f"silent for {length}" if agent.state is State.SILENT else "reports at present"
        return f"{agent.entity}: {write_count(len(agent.openings), 'gap')} in an hour, {at_present}"
    if agent.series is None:
        return f"{agent.entity}: never reported, expected for {length}"
    if agent.seen_at is None:
        return f"{agent.entity}: silent for {length}"
    return f"{agent.entity}: last {write_time(agent.seen_at)}, silent for {length}"


def _recovery(agent: Agent, cause: Cause) -> str:
    gap = agent.gap
    if gap is None or gap.ended_at is None:
        return f"{agent.entity}: reports"
    if gap.ended_at <= gap.since:
        return f"{agent.entity}: its datapoints arrived late, none is missing"
    last = "last " if cause.kind is CauseKind.FLAPPING else ""
    return f"{agent.entity}: {last}silent for {write_length(gap.length(gap.ended_at))}, back {write_time(gap.ended_at)}"


def _rows(rows: Sequence[str]) -> list[str]:
    rest = len(rows) - MOST_NAMED
    lines = [line for row in rows[:MOST_NAMED] for line in wrap(row, first="  ", rest="    ")]
    return [*lines, *([f"  ... and {rest} more"] if rest > 0 else [])]


def _reason(cause: Cause, now: datetime, *, with_evidence: bool) -> list[str]:
    change = cause.change
    lines = wrap(f"Why: {cause.words}. Confidence: {_SURE[cause.confidence]}.")
    if change:
        by = f" by {change.actor}" if change.actor else ""
        event = f", CloudTrail event {change.event_id}" if change.event_id else ""
        lines += wrap(f"change: {change.event_name}{by} at {write_age(change.at, now)}{event}", first="- ", rest="  ")
    if not with_evidence:
        return lines
    told = [line for line in cause.evidence if not (change and change.event_id and change.event_id in line)]
    for line in told[:_MOST_EVIDENCE]:
        lines += wrap(line, first="- ", rest="  ")
    rest = len(told) - _MOST_EVIDENCE
    return [*lines, *([f"- ... and {rest} more"] if rest > 0 else [])]


def _standing(news: News) -> list[str]:
    """Whether it recovers, by what and until when, or is still broken, and what Lifeline does about it."""
    incident, cause = news.incident, news.incident.cause
    if cause.kind is CauseKind.FLAPPING:
        return []
    fix = cause.fix or "the cause is gone"
    until = recovers_until(incident)
    if until and incident.phase is Phase.RECOVERING:
        by = fix if cause.fixed_at else "the endpoint is coming up"
        return wrap(f"Recovering: {by}; until {until:%H:%M} UTC agents may still need time.")
    if cause.fixed_at:
        minutes = int(RECOVERY_TIME.total_seconds() // 60)
        return wrap(f"Still broken: {fix}, but the {minutes} minutes that agents may need after that are over.")
    mending = f" ReconcileEndpoints is asked to look at {cause.vpc_id}: it mends what its mode and policy allow."
    return wrap(f"Still broken: nothing that would end it has been seen.{mending if cause.is_healable else ''}")


def _advice(news: News) -> list[str]:
    """What a person should do now: nothing beyond waiting while agents come back, for their cause is gone."""
    cause = news.incident.cause
    if cause.fixed_at is None:
        return wrap(f"What to do: {cause.advice}") if cause.advice else []
    if news.incident.phase is Phase.RECOVERING:
        return []
    return wrap("What to do: restart the agents that are not back, and look at their logs.")


def _over(news: News, namespace: str, now: datetime) -> list[str]:
    back, where = news.back, _in(news)
    if not back:
        return wrap(f"None of this incident's agents of {namespace}{where} is silent any more. {_nobody_back(news)}")
    one = len(back) == 1
    who = f"{write_count(len(back), 'agent')} of {namespace}{where}"
    if news.incident.cause.kind is CauseKind.FLAPPING:
        return wrap(f"{who} stopped flapping: {'it reports' if one else 'they report'} and opened no gap for an hour.")
    again = f"{who} {'reports' if one else 'report'} again."
    ended = [agent.gap.ended_at for agent in back if agent.gap and agent.gap.ended_at]
    length = longest(back, now)
    if not ended:
        return wrap(again)
    if not length:
        return wrap(f"{again} {'Its' if one else 'Their'} datapoints arrived late; none is missing.")
    last = write_age(max(ended), now)
    if one:
        return wrap(f"{again} It was silent for {write_length(length)}; it was back at {last}.")
    return wrap(f"{again} The longest silence was {write_length(length)}; the last was back at {last}.")


def _nobody_back(news: News) -> str:
    if news.set_aside or news.incident.gone:
        return "None of them came back: they are not expected to report."
    return "None is left in it: they are in other incidents now."


def _not_back(news: News) -> list[str]:
    """Who isn't back, by why nothing is expected of them."""
    reasons = Counter(str(agent.suppressed_by or "it is set aside") for agent in news.set_aside)
    rows = [f"  {count}: {reason}" for reason, count in sorted(reasons.items())]
    if news.incident.gone:
        rows.append(f"  {news.incident.gone}: terminated or forgotten")
    return ["Not back, and not expected to report:", *rows] if rows else []


def _repair(news: News) -> list[str]:
    if not news.back or news.incident.cause.kind is CauseKind.FLAPPING:
        return []
    by_itself = "the agent came back by itself" if len(news.back) == 1 else "the agents came back by themselves"
    return wrap(f"What fixed it: {news.incident.cause.fix or by_itself}.")


def _in(news: News) -> str:
    place = place_of(news.incident.cause)
    return f" in {place}" if place else ""


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))

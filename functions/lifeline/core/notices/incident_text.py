"""An incident in sentences: who, since when, why, how it stands, what to do; a paragraph is a list of lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifeline.core.agents.gaps import Agent, State, Suppression
from lifeline.core.agents.watches import Watch
from lifeline.core.incidents.incident import RECOVERY_TIME, Cause, CauseKind, Confidence, Phase
from lifeline.core.incidents.lifecycle import News, NewsKind, recovers_until
from lifeline.core.wording import shorten, wrap, write_age, write_count, write_length, write_time

MOST_NAMED = 10
_MOST_EVIDENCE = 4
_LONGEST_EVIDENCE = 150  # a line may repeat what AWS said, at any length
_MOST_ASIDE = 5
_SURE = {
    Confidence.HIGH: "high, this was seen",
    Confidence.MEDIUM: "medium, this is likely",
    Confidence.LOW: "low, nothing better is known",
}
_STOPPED = "its instance is stopped or gone"  # it isn't running; where agents are judged in parts, it may be terminated


@dataclass(frozen=True, slots=True)
class Parts:
    """The text in the parts of a notice, a line each."""

    happened: list[str]
    why: list[str]
    done: list[str]
    next: list[str]
    ids: list[str]


def parts_of(news: News, watch: Watch, now: datetime) -> Parts:
    """Who is silent or back, why, how it stands and what Lifeline does about it, what a person should do."""
    cause, namespace = news.incident.cause, watch.namespace
    ids = [f"Incident {news.incident.id} (watch {watch.name})."]
    if news.kind is NewsKind.RESOLVED:
        rows = _rows([_recovery(agent, cause) for agent in news.back], most=MOST_NAMED)
        happened = [*_over(news, namespace, now), *([""] if rows else []), *rows, *_not_back(news)]
        why, done = ([], []) if were_late(news) else (_reason(cause, now), _repair(news))
        return Parts(happened, why, done, _after(news), ids)
    advice = [*_advice(news), *_meant(news)]
    return Parts(
        [
            *_heading(news, namespace, now),
            "",
            *_rows([_silence(agent, cause, now) for agent in shown(news)], most=MOST_NAMED),
        ],
        [*_reason(cause, now), *_evidence(cause, len(news.members))],
        _standing(news),
        advice,
        ids,
    )


def shown(news: News) -> tuple[Agent, ...]:
    """The agents that the news is about: those that are back once it is over, else the silent, or the flapping ones."""
    if news.kind is NewsKind.RESOLVED:
        return news.back
    if news.incident.cause.kind is not CauseKind.FLAPPING:
        return news.silent
    flapping = (agent for agent in (*news.silent, *news.back) if agent.is_flapping or agent.state is State.SILENT)
    return tuple(sorted(flapping, key=lambda agent: agent.entity))


def place_of(cause: Cause) -> str:
    """The VPC with its name, or the zone; empty where neither is known, or the agents may be in several VPCs."""
    if not cause.kind.is_of_one_vpc:
        return cause.zone if cause.kind is CauseKind.ZONE else ""
    return f"{cause.vpc_id} ({cause.vpc_name})" if cause.vpc_id and cause.vpc_name else cause.vpc_id


def never_reported(agents: Sequence[Agent]) -> int:
    """How many of them were expected and never came."""
    return sum(agent.series is None for agent in agents)


def fix_of(cause: Cause, *, one: bool) -> str:
    """What ended it: the repair that was seen, or the agents themselves; empty where a repair went unseen."""
    is_their_own = cause.kind in (CauseKind.AGENT, CauseKind.ZONE)
    by_itself = "the agent came back by itself" if one else "the agents came back by themselves"
    return cause.fix or (by_itself if is_their_own else "")


def were_late(news: News) -> bool:
    """True if those that are back missed nothing: their datapoints only came late, whatever was thought the cause."""
    gaps = [agent.gap for agent in news.back if agent.gap]
    is_flapping = news.incident.cause.kind is CauseKind.FLAPPING
    return bool(gaps) and not is_flapping and all(gap.ended_at and gap.ended_at <= gap.since for gap in gaps)


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
            known = " More is known of the cause now." if news.is_explained else ""
            return wrap(f"{more} Now {_counts(news, state)}.{known}")
        case NewsKind.UPDATED:
            return wrap(f"{who} still {state}{_turn_of(news, now, one=one)}.{_others(news)}")
        case _:
            lasting = f", {'' if one else 'the longest '}for {write_length(longest(agents, now))} now"
            more = f" {news.joined} joined since the last notice." if news.joined else ""
            return wrap(f"{who} still {state}{'' if state == 'flapping' else lasting}.{more}{_others(news)}")


def _turn_of(news: News, now: datetime, *, one: bool) -> str:
    """Why it is told once more, though nobody joined."""
    if news.is_explained:
        return "; more is known of the cause now"
    until = recovers_until(news.incident)
    if until and until <= now:
        return f", though {'it was' if one else 'they were'} due back by now"
    return ": what looked like a repair did not last"


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
    """`12 are silent, 3 report again and 1 is not expected to report`, for those that there are."""
    silent = len(shown(news))
    flaps = news.incident.cause.kind is CauseKind.FLAPPING
    back = 0 if flaps else len(news.back)
    aside, gone = len(news.set_aside), news.incident.gone
    parts = [
        f"{silent} {'is' if silent == 1 else 'are'} {state}",
        f"{back} {'reports' if back == 1 else 'report'} again" if back else "",
        f"{aside} {'is' if aside == 1 else 'are'} not expected to report" if aside else "",
        f"{gone} {'is' if gone == 1 else 'are'} terminated or forgotten" if gone else "",
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


def _rows(rows: Sequence[str], *, most: int) -> list[str]:
    rest = len(rows) - most
    lines = [line for row in rows[:most] for line in wrap(row, first="  ", rest="    ")]
    return [*lines, *([f"  ... and {rest} more"] if rest > 0 else [])]


def _reason(cause: Cause, now: datetime) -> list[str]:
    change = cause.change
    lines = wrap(f"{cause.words}. Confidence: {_SURE[cause.confidence]}.")
    if change:
        by = f" by {change.actor}" if change.actor else ""
        event = f", CloudTrail event {change.event_id}" if change.event_id else ""
        what = "made " if f"{change.event_name}{by}" in cause.words else f"change: {change.event_name}{by} "
        lines += wrap(f"{what}at {write_age(change.at, now)}{event}", first="- ", rest="  ")
    return lines


def _evidence(cause: Cause, members: int) -> list[str]:
    """What it is known from: of one agent, for the others were judged by it, unless it was asked of all."""
    change = cause.change
    notified = [line for line in cause.evidence if not (change and change.event_id and change.event_id in line)]
    is_of_one = members > 1 and cause.kind not in (CauseKind.ZONE, CauseKind.FLAPPING)
    lines = ["What was seen around one of them:"] if notified and is_of_one else []
    for line in notified[:_MOST_EVIDENCE]:
        lines += wrap(shorten(line, _LONGEST_EVIDENCE), first="- ", rest="  ")
    rest = len(notified) - _MOST_EVIDENCE
    return [*lines, *([f"- ... and {rest} more"] if rest > 0 else [])]


def _standing(news: News) -> list[str]:
    """Whether it recovers, by what and until when, or is still broken, and what Lifeline does about it."""
    incident, cause = news.incident, news.incident.cause
    if cause.kind is CauseKind.FLAPPING:
        return wrap("Nothing is done: an agent that comes and goes is for a person.")
    until = recovers_until(incident)
    if until and incident.phase is Phase.RECOVERING:
        if cause.fixed_at is None:
            return wrap("Recovering: an endpoint is not up yet; agents need some minutes more once it is.")
        return wrap(f"Recovering: {cause.fix or 'the cause is gone'}. Agents may need until {until:%H:%M} UTC.")
    return wrap(f"Still broken: {_broken(cause)}")


def _broken(cause: Cause) -> str:
    if cause.fixed_at:
        minutes = int(RECOVERY_TIME.total_seconds() // 60)
        fix = cause.fix or "the cause is gone"
        return f"{fix}, but the {minutes} minutes that agents may need after that are over."
    if cause.kind is CauseKind.ENDPOINT_PENDING:
        return "the endpoint is not up yet."
    repair = "This is not for Lifeline to mend."
    if cause.is_repairable:
        repair = "ReconcileEndpoints is asked to look at the VPC: it mends what its mode and policy allow."
    return f"nothing that would end it has been seen. {repair}"


def _advice(news: News) -> list[str]:
    """What a person should do now: nothing beyond waiting while agents come back, for their cause is gone."""
    cause = news.incident.cause
    until = recovers_until(news.incident)
    if cause.fixed_at is None:
        return wrap(cause.advice or "Look at the agents and their logs.")
    if news.incident.phase is Phase.RECOVERING:
        notified = f" until {until:%H:%M} UTC" if until else ""
        return wrap(f"Wait{notified}: you are told when they are back, or if they are not.")
    return wrap("Restart the agents that are not back, and look at their logs.")


def _meant(news: News) -> list[str]:
    """A network change is its maker's: other traffic may hang on what it took away."""
    change = news.incident.cause.change
    if news.kind is not NewsKind.OPENED or change is None or not news.incident.cause.kind.is_network:
        return []
    who = change.actor or "its maker"
    return wrap(f"Lifeline doesn't undo the {change.event_name}: ask {who} whether it was meant.")


def _after(news: News) -> list[str]:
    """What is left to do once it is over."""
    if news.set_aside or news.incident.gone:
        return wrap("Nothing, if those that are not back were meant to go.")
    is_own = news.incident.cause.kind in (CauseKind.AGENT, CauseKind.FLAPPING)
    return wrap("Look into the agents' logs for why they stopped." if is_own and news.back else "Nothing.")


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
    if were_late(news):
        return wrap(f"{again} {'Its' if one else 'Their'} datapoints arrived late; none is missing.")
    if not ended:
        return wrap(again)
    length, last = write_length(longest(back, now)), write_age(max(ended), now)
    if one:
        return wrap(f"{again} It was silent for {length}; it was back at {last}.")
    return wrap(f"{again} The longest silence was {length}; the last was back at {last}.")


def _nobody_back(news: News) -> str:
    if news.set_aside or news.incident.gone:
        return "None of them came back: they are not expected to report."
    return "None is left in it: they left the roster, or are in other incidents now."


def _not_back(news: News) -> list[str]:
    """Who isn't back, by why nothing is expected of them."""
    rows = _rows([f"{agent.entity}: {_aside(agent)}" for agent in news.set_aside], most=_MOST_ASIDE)
    if news.incident.gone:
        rows.append(f"  {write_count(news.incident.gone, 'agent')} terminated or forgotten")
    return ["", "Not back, and not expected to report:", *rows] if rows else []


def _aside(agent: Agent) -> str:
    return _STOPPED if agent.suppressed_by is Suppression.STOPPED else str(agent.suppressed_by or "it is set aside")


def _repair(news: News) -> list[str]:
    if not news.back or news.incident.cause.kind is CauseKind.FLAPPING:
        return []
    fix = fix_of(news.incident.cause, one=len(news.back) == 1)
    return wrap(f"What fixed it: {fix}." if fix else "What fixed it was not seen.")


def _in(news: News) -> str:
    place = place_of(news.incident.cause)
    return f" in {place}" if place else ""


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))

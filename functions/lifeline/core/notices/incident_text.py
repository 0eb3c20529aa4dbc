"""An incident in sentences: who is silent, since when, why, how it stands, and what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifeline.core.agents.agent import Agent, State, Suppression
from lifeline.core.agents.watches import Watch
from lifeline.core.guards.backlog import BACKLOG
from lifeline.core.incidents.changes import Field
from lifeline.core.incidents.incident import RECOVERY_TIME, Cause, CauseKind, Confidence, Phase
from lifeline.core.incidents.lifecycle import News, NewsKind, recovers_until
from lifeline.core.notices.notice import invoke_lines
from lifeline.core.wording import listed, quoted, shorten, write_actor, write_count, write_length, write_time

MOST_NAMED = 10
_LONGEST_ENTITY = 128
_MOST_EVIDENCE = 4
_LONGEST_EVIDENCE = 150  # a line may repeat what AWS said, at any length
_MOST_ASIDE = 5
_OBSERVED = frozenset({CauseKind.MACHINE, CauseKind.CANARY, CauseKind.ZONE, CauseKind.FLAPPING})
_KINDS = {"CWAgent": "CloudWatch"}
_DELETION = "DeleteRoute"
_BY_CONFIGURATION = frozenset({CauseKind.OWN_GROUP, CauseKind.ENDPOINT_POLICY})
_PAST_ENDPOINTS = frozenset({CauseKind.CUT_OFF, CauseKind.WAY_OUT_SHUT, CauseKind.ENDPOINT_PENDING})
_SURE = {
    Confidence.HIGH: "high (confirmed by the configuration)",
    Confidence.MEDIUM: "medium (likely)",
    Confidence.LOW: "low (no better explanation found)",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """The lines of an incident's notice, by part; `agents` are rows below their heading."""

    happened: list[str]
    why: list[str]
    done: list[str]
    next: list[str]
    agents: list[str]


def parts_of(news: News, watch: Watch, now: datetime, stack: str) -> Parts:
    """Write who is silent or back, why, how it stands and what Lifeline does about it, and what to do next."""
    cause = news.incident.cause
    heading = f"  Agents{of_watch(watch)}:"
    if news.kind is NewsKind.RESOLVED:
        rows = [*_rows([_recovery(agent, cause) for agent in news.back], MOST_NAMED), *_not_back(news)]
        why, done = ([], []) if were_late(news) else (_reason(cause), _fix(news))
        return Parts(_ending(news, watch.namespace, now), why, done, [_after(news)], [heading, *rows] if rows else [])
    return Parts(
        [_opening(news, watch.namespace, now)],
        [*_reason(cause), *_evidence(cause, len(news.members))],
        [_status(news)],
        [_advice(news), *_intended(news), *_approval(news.incident.cause, stack)],
        [heading, *_rows([_silence(agent, cause, now) for agent in shown(news)], MOST_NAMED)],
    )


def of_watch(watch: Watch) -> str:
    """Where the agents' metrics are, with the name of the watch unless it is the default one."""
    name = "" if watch.name == Watch().name else f" (watch {watch.name} in the policy)"
    return f" in the {watch.namespace} namespace{name}"


def shown(news: News) -> tuple[Agent, ...]:
    """The agents that the news is about: those that are back once it is over, otherwise silent or flapping ones."""
    if news.kind is NewsKind.RESOLVED:
        return news.back
    if news.incident.cause.kind is not CauseKind.FLAPPING:
        return news.silent
    flapping = (agent for agent in (*news.silent, *news.back) if agent.is_flapping or agent.state is State.SILENT)
    return tuple(sorted(flapping, key=lambda agent: agent.entity))


def place_of(cause: Cause) -> str:
    """The VPC with its name, or the zone; empty if neither is known, or if the agents may be in several VPCs."""
    if not cause.kind.is_of_one_vpc:
        return cause.zone if cause.kind is CauseKind.ZONE else ""
    return f"{cause.vpc_id} ({quoted(cause.vpc_name)})" if cause.vpc_id and cause.vpc_name else cause.vpc_id


def never_reported(agents: Sequence[Agent]) -> int:
    """Count the agents that were expected and have never reported."""
    return sum(agent.series is None for agent in agents)


def fix_of(cause: Cause, *, one: bool) -> str:
    """What ended the incident: the fix that was detected, or the agents themselves; empty if no fix was detected."""
    is_their_own = not cause.kind.is_explained
    by_itself = "the agent came back on its own" if one else "the agents came back on their own"
    return cause.fix or (by_itself if is_their_own else "")


def were_late(news: News) -> bool:
    """Return True if the agents that are back missed nothing and only their datapoints were late."""
    gaps = [agent.gap for agent in news.back if agent.gap]
    is_flapping = news.incident.cause.kind is CauseKind.FLAPPING
    return bool(gaps) and not is_flapping and all(gap.ended_at and gap.ended_at <= gap.since for gap in gaps)


def longest(agents: Iterable[Agent], now: datetime) -> timedelta:
    """The longest of the agents' gaps, up to its end or to `now`; 0 if none is known."""
    return max((agent.gap.length(now) for agent in agents if agent.gap), default=timedelta())


# ---- what happened


def _who(count: int, news: News, namespace: str, more: str = "") -> str:
    """`12 CloudWatch agents in vpc-1 (app-prod)`."""
    place, kind = place_of(news.incident.cause), _KINDS.get(namespace, namespace)
    return write_count(count, f"{more}{kind} agent") + (f" in {place}" if place else "")


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


def _opening(news: News, namespace: str, now: datetime) -> str:
    agents = shown(news)
    state = "flapping" if news.incident.cause.kind is CauseKind.FLAPPING else "silent"
    what = _who(len(agents), news, namespace)
    who = f"{what} {_be(len(agents))}"
    match news.kind:
        case NewsKind.OPENED:
            has_stopped = namespace in _KINDS and state == "silent" and never_reported(agents) < len(agents)
            return f"{f'{what} stopped sending metrics' if has_stopped else f'{who} {state}'}. {_beginning(news)}"
        case NewsKind.UPDATED if news.joined:
            known = " Lifeline has found a better explanation." if news.is_explained else ""
            joined = _who(news.joined, news, namespace, "more ")
            return f"{joined} joined this incident. Now {_counts(news, state)}.{known}"
        case NewsKind.UPDATED:
            return f"{who} still {state}{_reason_for_update(news, now, one=len(agents) == 1)}.{_reporting(news)}"
        case _:
            lasting = f", {'' if len(agents) == 1 else 'the longest '}for {write_length(longest(agents, now))}"
            joined = f" {news.joined} joined since the last notice." if news.joined else ""
            return f"{who} still {state}{'' if state == 'flapping' else lasting}.{joined}{_reporting(news)}"


def _reason_for_update(news: News, now: datetime, *, one: bool) -> str:
    """Why there is another notice, although no agent joined."""
    if news.is_explained:
        return ", and Lifeline has found a better explanation"
    until = recovers_until(news.incident)
    if until and until <= now:
        return f", although {'it was' if one else 'they were'} expected back by now"
    if news.is_disappointed:
        return ": what looked like a fix did not last"
    return f", and Lifeline now rates the incident as {news.severity}"


def _beginning(news: News) -> str:
    agents = shown(news)
    never, one = never_reported(agents), len(agents) == 1
    if news.incident.cause.kind is CauseKind.FLAPPING:
        they = "It keeps" if one else "They keep"
        return f"{they} going silent and coming back; you will get this notice once, not for every gap."
    began = write_time(news.incident.began)
    if never == len(agents):
        return f"{'It has' if one else 'They have'} never reported; the first datapoint was due at {began}."
    few = f" {never} of them {'has' if never == 1 else 'have'} never reported." if never else ""
    return f"The first missing datapoint was due at {began}.{few}"


def _counts(news: News, state: str) -> str:
    """`12 are silent, 3 are reporting again and 1 is not expected to report`, without those that are none."""
    back = 0 if news.incident.cause.kind is CauseKind.FLAPPING else len(news.back)
    counts = {
        state: len(shown(news)),
        "reporting again": back,
        "not expected to report": len(news.set_aside),
        "terminated or no longer tracked": news.incident.gone,
    }
    return listed([f"{count} {_be(count)} {words}" for words, count in counts.items() if count or words == state])


def _reporting(news: News) -> str:
    if news.incident.cause.kind is CauseKind.FLAPPING or not news.back:
        return ""
    return f" {len(news.back)} {_be(len(news.back))} reporting again."


def _ending(news: News, namespace: str, now: datetime) -> list[str]:
    back = news.back
    who, one = f"{_who(len(back), news, namespace)} {_be(len(back))}", len(back) == 1
    if not back:
        place = place_of(news.incident.cause)
        where = f" in {place}" if place else ""
        return [
            f"None of this incident's {_KINDS.get(namespace, namespace)} agents{where} is silent any more.",
            _nobody_back(news),
        ]
    if news.incident.cause.kind is CauseKind.FLAPPING:
        return [f"{who} no longer flapping: no gap opened for an hour."]
    ended = [agent.gap.ended_at for agent in back if agent.gap and agent.gap.ended_at]
    if were_late(news):
        return [f"{who} reporting again. {'Its' if one else 'Their'} datapoints arrived late; none are missing."]
    if not ended:
        return [f"{who} reporting again."]
    length, last = write_length(longest(back, now)), write_time(max(ended))
    if one:
        return [f"{who} reporting again. It was silent for {length} and came back at {last}."]
    return [f"{who} reporting again. The longest silence among them was {length}; the last agent came back at {last}."]


def _nobody_back(news: News) -> str:
    if news.set_aside or news.incident.gone:
        return "None of them came back, and none is expected to report."
    return "They were removed from the roster or moved to other incidents."


# ---- the agents


def _silence(agent: Agent, cause: Cause, now: datetime) -> str:
    length = write_length(agent.gap.length(now)) if agent.gap else "an unknown time"
    if cause.kind is CauseKind.FLAPPING:
        at_present = f"silent for {length}" if agent.state is State.SILENT else "reporting now"
        return f"{_name(agent)}: {write_count(len(agent.openings), 'gap')} in an hour, {at_present}"
    if agent.series is None:
        return f"{_name(agent)}: never reported, expected for {length}"
    others = ", only other metrics arrive" if agent.strangers else ""
    if agent.seen_at is None:
        return f"{_name(agent)}: silent for {length}{others}"
    return f"{_name(agent)}: last seen {write_time(agent.seen_at)}, {length} overdue{others}"


def _name(agent: Agent) -> str:
    return quoted(agent.entity, _LONGEST_ENTITY)


def _recovery(agent: Agent, cause: Cause) -> str:
    gap = agent.gap
    if gap is None or gap.ended_at is None:
        return f"{_name(agent)}: reporting"
    if gap.ended_at <= gap.since:
        return f"{_name(agent)}: datapoints arrived late, none are missing"
    last, length = "last " if cause.kind is CauseKind.FLAPPING else "", write_length(gap.length(gap.ended_at))
    is_strange = agent.series is not None and not agent.owns(agent.series)
    others = ", but only by other metrics than it had" if is_strange else ""
    return f"{_name(agent)}: {last}silent for {length}, back at {write_time(gap.ended_at)}{others}"


def _rows(rows: Sequence[str], most: int) -> list[str]:
    more = [f"   ... and {len(rows) - most} more"] if len(rows) > most else []
    return [*(f"   {row}" for row in rows[:most]), *more]


def _not_back(news: News) -> list[str]:
    """The agents that aren't back, with the reason why none is expected to report."""
    rows = _rows(
        [f"{_name(agent)}: not expected to report ({_aside(agent)})" for agent in news.set_aside],
        _MOST_ASIDE,
    )
    gone = f"   {write_count(news.incident.gone, 'agent')} terminated or no longer tracked"
    return [*rows, gone] if news.incident.gone else rows


def _aside(agent: Agent) -> str:
    is_stopped = agent.suppressed_by is Suppression.STOPPED
    return "instance stopped or terminated" if is_stopped else str(agent.suppressed_by or "set aside")


# ---- why


def _reason(cause: Cause) -> list[str]:
    change, is_observed = cause.change, cause.kind in _OBSERVED and cause.confidence is Confidence.HIGH
    words, lines = cause.words, []
    if change:
        by = f" by {write_actor(change.actor)}" if change.actor else ""
        call = f"{change.event_name}{by}"
        words = words.replace(call, f"{call} (called at {write_time(change.at)})", 1)
        lines = [f"- Change: {call} at {write_time(change.at)}"] if call not in cause.words else []
    sure = "high (observed)" if is_observed else _SURE[cause.confidence]
    sure = "low (not everything was read)" if cause.kind is CauseKind.PATH_UNKNOWN else sure
    sure = sure.replace("the configuration", "the network configuration") if cause.kind.is_network else sure
    return [f"{words}. Confidence: {sure}.", *lines]


def _evidence(cause: Cause, members: int) -> list[str]:
    """The evidence, of one agent unless it was collected for all: the others are judged by that one."""
    change = cause.change
    evidence = [line for line in cause.evidence if not (change and change.event_id and change.event_id in line)]
    is_of_one = members > 1 and cause.kind not in (CauseKind.CLOUDWATCH, CauseKind.ZONE, CauseKind.FLAPPING)
    more = len(evidence) - _MOST_EVIDENCE
    is_older = cause.fixed_at is not None and cause.fix not in cause.evidence
    heading = "Evidence" + (" from before the fix" if is_older else "")
    heading += f" (for one of the {members} agents)" if is_of_one else ""
    return [
        *([f"{heading}:"] if evidence and (is_of_one or is_older) else []),
        *(f"- {shorten(line, _LONGEST_EVIDENCE)}" for line in evidence[:_MOST_EVIDENCE]),
        *([f"- ... and {more} more"] if more > 0 else []),
    ]


# ---- how it stands, and what to do


def _status(news: News) -> str:
    """Whether it is recovering, by what and until when, or ongoing, and what Lifeline does about it."""
    incident, cause = news.incident, news.incident.cause
    if cause.kind is CauseKind.FLAPPING:
        return "Status: ongoing. Lifeline takes no action on flapping agents."
    until = recovers_until(incident)
    if until and incident.phase is Phase.RECOVERING:
        if cause.fixed_at is None:
            return (
                "Status: recovering. An endpoint is not available yet. Once it is, agents will need a few more minutes."
            )
        fix = cause.fix or "the cause is gone"
        return f"Status: recovering. {_sentence(fix)} Agents might need until {until:%H:%M} UTC to report again."
    if cause.fixed_at:
        minutes = int(RECOVERY_TIME.total_seconds() // 60)
        fix = cause.fix or "the cause is gone"
        return f"Status: ongoing, although {fix}. Agents normally report again within {minutes} minutes of a fix."
    if cause.kind is CauseKind.ENDPOINT_PENDING:
        return "Status: ongoing, the endpoint is not available yet."
    repair = f"Lifeline {"won't" if cause.kind.is_network else "can't"} repair this by itself."
    if cause.is_repairable:
        repair = "Lifeline has queued a check of this VPC."
    elif cause.kind is CauseKind.PATH_UNKNOWN:
        repair = "Lifeline doesn't know whether there is anything to repair."
    return f"Status: ongoing, no fix detected. {repair}"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _advice(news: News) -> str:
    """What to do now: only to wait while agents come back, because the cause is gone."""
    cause, until = news.incident.cause, recovers_until(news.incident)
    if cause.fixed_at is None:
        return cause.advice or "Check the agents and their logs."
    if news.incident.phase is Phase.RECOVERING:
        wait = f"Wait until {until:%H:%M} UTC." if until else "Wait."
        return f"{wait} You will be notified when the agents are back, or if they are still silent."
    return "Restart the agents that are still silent, and check their logs."


def _intended(news: News) -> list[str]:
    """Who to ask about a change: it may have affected other traffic too. That it stays is only said of routes and
    filters of others: endpoints and DNS attributes are what Lifeline may repair.
    """
    cause = news.incident.cause
    change, kind = cause.change, cause.kind
    if news.kind is not NewsKind.OPENED or change is None or not (kind.is_network or kind in _BY_CONFIGURATION):
        return []
    ask = f"Ask {write_actor(change.actor) or 'whoever made it'} whether that change was intended."
    if kind not in _PAST_ENDPOINTS or Field.ENDPOINTS.holds(change.event_name):
        return [ask]
    what = "restore the deleted route" if change.event_name == _DELETION else f"undo the {change.event_name} call"
    return [f"Lifeline will not {what}. {ask}"]


def _approval(cause: Cause, stack: str) -> tuple[str, ...]:
    """The command that approves what the VPC waits for, if it waits for that."""
    if not cause.awaits_approval or cause.fixed_at:
        return ()
    return (
        "To approve all that waits in this VPC:",
        *invoke_lines(stack, {"approve": BACKLOG, "vpc_ids": [cause.vpc_id]}),
    )


def _after(news: News) -> str:
    """What is left to do once it is over."""
    if news.set_aside or news.incident.gone:
        away = len(news.set_aside) + news.incident.gone
        who = "agent that did not come back was" if away == 1 else "agents that did not come back were"
        return f"No action needed if the {who} stopped intentionally."
    is_own = news.incident.cause.kind in (CauseKind.AGENT, CauseKind.PATH_UNKNOWN, CauseKind.FLAPPING)
    return "Check the agents' logs to find out why they stopped." if is_own and news.back else "No action needed."


def _fix(news: News) -> list[str]:
    if not news.back or news.incident.cause.kind is CauseKind.FLAPPING:
        return []
    fix = fix_of(news.incident.cause, one=len(news.back) == 1)
    if not fix:
        return ["Status: resolved, no fix detected."]
    cause, change = news.incident.cause, news.incident.cause.change
    is_by_endpoint = cause.fix.removeprefix("Lifeline's ").startswith("endpoint ")
    stays = change is not None and change.event_name == _DELETION and is_by_endpoint
    route = " Lifeline did not restore the deleted route." if stays else ""
    return [f"Status: resolved. Likely fix: {fix}.{route}"]

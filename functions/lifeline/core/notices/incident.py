"""Notices of incidents: one for each, and one for those beyond the cap."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from lifeline.core.agents.agent import Agent
from lifeline.core.agents.watches import Watch
from lifeline.core.incidents.changes import change_words
from lifeline.core.incidents.incident import Cause, CauseKind, Incident, Phase
from lifeline.core.incidents.lifecycle import MOST_NOTICES, News, NewsKind
from lifeline.core.notices.incident_text import (
    MOST_NAMED,
    fix_of,
    longest,
    never_reported,
    of_watch,
    parts_of,
    place_of,
    shown,
    were_late,
)
from lifeline.core.notices.notice import Notice, fit_subject, subject_line
from lifeline.core.owner import common_owner
from lifeline.core.severity import Severity, most_severe
from lifeline.core.wording import person_in, quoted, shorten, write_count, write_length

_MOST_SUMMARIZED = 10
_LONGEST_SUMMARY = 120
_LONGEST_NAME = 20  # of a VPC, in a subject: what happened must come before the cut
_LONGEST_ENTITY = 30
_NAMED = re.compile(r" [a-z]{2,8}-[0-9a-f]{8,17}\b")
_RESOURCE = re.compile(r"\b(?:vpce|subnet|rtb|sg)-[0-9a-f]{8,17}\b")
_END = re.compile(r" \((?:first observed|costs) | at | by \d")  # the rest of a fix, which a subject doesn't need
_SERVICE = re.compile(r"\bthe ([a-z0-9.-]+) service\b")  # in a subject, quotes set the name apart
_BY = re.compile(r" \((?:first observed|costs) | by | at \d")


def incident_notice(news: News, watch: Watch, now: datetime, stack: str) -> Notice:
    """Write one incident's news: who, why, how it stands and what to do. All of it is printable ASCII."""
    parts, cause = parts_of(news, watch, now, stack), news.incident.cause
    is_of_one_vpc = cause.kind.is_of_one_vpc
    return Notice(
        kind=f"incident_{news.kind}",
        severity=_severity(news),
        subject=_subject(news, now),
        happened=tuple(parts.happened),
        why=tuple(parts.why),
        why_label="Cause of the silence" if news.kind is NewsKind.RESOLVED else "Why",
        done=tuple(parts.done),
        next=tuple(parts.next),
        vpc_id=cause.vpc_id if is_of_one_vpc else "",
        vpc_name=cause.vpc_name if is_of_one_vpc else "",
        resource_ids=tuple(_RESOURCE.findall(" ".join((cause.subject, cause.fix, *cause.evidence)))),
        incident=news.incident.id,
        event_ids=(cause.change.event_id,) if cause.change else (),
        agents=tuple(parts.agents),
        facts=_facts(news, watch, now),
        owner=news.incident.owner,
    )


def summary_notice(rest: Sequence[News], watch: Watch, now: datetime) -> Notice:
    """Write the news of many incidents at once, a line each, the most severe first; `rest` isn't empty."""
    counts = Counter(news.kind for news in rest)
    by_kind = ", ".join(f"{counts[kind]} {kind}" for kind in NewsKind if counts[kind])
    more = len(rest) - _MOST_SUMMARIZED
    return Notice(
        kind="incident_summary",
        severity=most_severe(map(_severity, rest)),
        subject=_summary_subject(rest, by_kind),
        happened=(
            f"There is news about more than {MOST_NOTICES} incidents among the agents{of_watch(watch)}.",
            f"The {MOST_NOTICES} most severe have their own notices. These are the others, most severe first:",
            *(_summary(news, now) for news in rest[:_MOST_SUMMARIZED]),
            *([f"  ... and {more} more"] if more > 0 else []),
        ),
        next=("Start with the incidents that have their own notices. They might share a cause with these.",),
        resource_ids=tuple(news.incident.cause.vpc_id for news in rest if news.incident.cause.kind.is_of_one_vpc),
        owner=common_owner(news.incident.owner for news in rest),
        facts={
            "watch": watch.name,
            "namespace": watch.namespace,
            "time": now.isoformat(),
            "counts": {str(kind): counts[kind] for kind in NewsKind if counts[kind]},
            "incidents": [
                {
                    "incident": news.incident.id,
                    "news": str(news.kind),
                    "cause": news.incident.cause.kind.name,
                    "vpc_id": news.incident.cause.vpc_id if news.incident.cause.kind.is_of_one_vpc else "",
                    "counts": _counts(news),
                }
                for news in rest
            ],
        },
    )


def _summary_subject(rest: Sequence[News], by_kind: str) -> str:
    """How many incidents, where, of which kinds, and how many agents are silent."""
    causes = [news.incident.cause for news in rest]
    vpcs = {cause.vpc_id for cause in causes if cause.kind.is_of_one_vpc and cause.vpc_id}
    where = f" in {next(iter(vpcs)) if len(vpcs) == 1 else f'{len(vpcs)} VPCs'}" if vpcs else ""
    silent = sum(len(news.silent) for news in rest)
    agents = f"; {write_count(silent, 'agent')} silent" if silent else ""
    return subject_line(f"[lifeline] {write_count(len(rest), 'more incident')}{where}: {by_kind}{agents}")


def _subject(news: News, now: datetime) -> str:
    """Who, what, where and why in 100 characters: what says least is left out first, the cause last."""
    cause = _quoted(news.incident.cause)
    whole, short = place_of(cause), _short_place(cause)
    *fuller, barest = _barer(cause)
    versions = [(candidate, place) for candidate in fuller for place in (whole, short)]
    person = person_in(cause.change.actor) if cause.change and "/" in cause.change.actor else ""
    versions += [(barest, place) for place in ((whole, short, "") if person else (whole, short))]
    news_of = ((replace(news, incident=replace(news.incident, cause=cause)), place) for cause, place in versions)
    caller = f": {barest.words}" if person else ""
    return fit_subject(*(f"[lifeline] {_headline(news_item, place, now)}" for news_item, place in news_of), end=caller)


def _quoted(cause: Cause) -> Cause:
    """The cause with each service's name in quotes: `left no path to "monitoring"`."""
    words, fix = (_SERVICE.sub(r'"\1"', text) for text in (cause.words, cause.fix))
    return replace(cause, words=words, fix=fix)


def _barer(cause: Cause) -> list[Cause]:
    """The cause in fewer and fewer words: without what a person belongs to, the fix's time, and what it led to."""
    versions = [cause]
    change = cause.change
    if change and change.actor:
        whole, least_change = change_words(change), replace(change, actor=person_in(change.actor))
        words, fix = (text.replace(whole, change_words(least_change)) for text in (cause.words, cause.fix))
        versions.append(replace(cause, words=words, fix=fix, change=least_change))
    least = versions[-1]
    fix = _END.split(least.fix)[0]
    words = change_words(least.change) if least.change else least.words
    versions.append(replace(least, words=words, fix=fix))
    return [
        *versions,
        replace(least, words=words, fix=_NAMED.sub("", _BY.split(least.fix)[0]).removeprefix("Lifeline's ")),
    ]


def _summary(news: News, now: datetime) -> str:
    cause = news.incident.cause
    place = place_of(replace(cause, vpc_name=shorten(cause.vpc_name, _LONGEST_NAME)))
    quoted = replace(news, incident=replace(news.incident, cause=_quoted(cause)))
    headline = shorten(_headline(quoted, place, now), _LONGEST_SUMMARY)
    return f"  {news.kind}: {headline} ({news.incident.id})"


def _severity(news: News) -> Severity:
    """The incident's where that is news; afterwards, critical ones are no more urgent than any other."""
    match news.kind:
        case NewsKind.OPENED | NewsKind.UPDATED if news.is_worse:
            return news.severity
        case NewsKind.OPENED | NewsKind.UPDATED | NewsKind.REMINDER:
            return min(news.severity, Severity.WARNING, key=lambda severity: severity.rank)
        case NewsKind.RESOLVED:
            return Severity.INFO
        case _:
            assert_never(news.kind)


def _headline(news: News, place: str, now: datetime) -> str:
    """The news on one line, who first: a subject is cut at its end."""
    if news.kind is NewsKind.RESOLVED:
        return _headline_of_end(news, place, now)
    agents, words = shown(news), news.incident.cause.words
    where = f" in {place}" if place else ""
    if news.kind is NewsKind.UPDATED and news.joined:
        joined = write_count(news.joined, "more agent")
        return f"{joined} {_state(news, agents, now, is_old=False)}{where}, {len(agents)} in total: {words}"
    is_old = news.kind in {NewsKind.REMINDER, NewsKind.UPDATED}
    return f"{_who(agents)} {_state(news, agents, now, is_old=is_old)}{where}: {words}"


def _state(news: News, agents: Sequence[Agent], now: datetime, *, is_old: bool) -> str:
    """`still silent after 1 h`, `never reported`, `silent (fix under way)`, `silent (recovering)`."""
    still = "still " if is_old else ""
    if news.incident.cause.kind is CauseKind.FLAPPING:
        return f"{still}flapping"
    state = f"{still}silent"
    if agents and never_reported(agents) == len(agents):
        state = "not reporting yet" if is_old else "never reported"
    after = f" after {write_length(longest(agents, now))}" if news.kind is NewsKind.REMINDER else ""
    is_fixed = news.incident.cause.fixed_at is not None
    hope = f" ({'recovering' if is_fixed else 'fix under way'})" if news.incident.phase is Phase.RECOVERING else ""
    return f"{state}{after}{hope}"


def _headline_of_end(news: News, place: str, now: datetime) -> str:
    cause, back = news.incident.cause, news.back
    total = len(news.members) + news.incident.gone
    where = f" in {place}" if place else ""
    if not total:
        return f"incident closed{where}: it has no agents left"
    if not back:
        return f"{write_count(total, 'agent')}{where} no longer expected to report"
    who = _who(back) if len(back) == total else f"{len(back)} of {write_count(total, 'agent')}"
    if cause.kind is CauseKind.FLAPPING:
        return f"{who}{where} no longer flapping"
    if were_late(news):
        return f"{who}{where} reporting again: datapoints arrived late"
    fixed = f": {fix_of(cause, one=len(back) == 1)}".removesuffix(": ")
    return f"{who}{where} reporting again after {write_length(longest(back, now))}{fixed}"


def _who(agents: Sequence[Agent]) -> str:
    return quoted(agents[0].entity, _LONGEST_ENTITY) if len(agents) == 1 else write_count(len(agents), "agent")


def _short_place(cause: Cause) -> str:
    """The place for a subject: the VPC's name without its id, which the text has."""
    if cause.kind.is_of_one_vpc and cause.vpc_name:
        return quoted(cause.vpc_name, _LONGEST_NAME)
    return place_of(cause)


def _facts(news: News, watch: Watch, now: datetime) -> dict[str, object]:
    named = (shown(news) or news.members)[:MOST_NAMED]
    return {
        "watch": watch.name,
        "namespace": watch.namespace,
        "news": str(news.kind),
        "time": now.isoformat(),
        "severity": str(news.severity),
        **_incident_facts(news.incident),
        **_cause_facts(news.incident.cause),
        "counts": _counts(news),
        "agents": [_agent_facts(agent, now) for agent in named],
    }


def _incident_facts(incident: Incident) -> dict[str, object]:
    return {
        "incident": incident.id,
        "phase": incident.phase.name.lower(),
        "began": incident.began.isoformat(),
        "opened_at": incident.opened_at.isoformat(),
    }


def _cause_facts(cause: Cause) -> dict[str, object]:
    change = cause.change
    return {
        "cause": cause.kind.name,
        "confidence": str(cause.confidence),
        "summary": cause.words,
        "evidence": list(cause.evidence),
        "advice": cause.advice,
        "service": cause.service,
        "vpc_id": cause.vpc_id if cause.kind.is_of_one_vpc else "",
        "vpc_name": cause.vpc_name if cause.kind.is_of_one_vpc else "",
        "zone": cause.zone,
        "subject": cause.subject,
        "change": {
            "event_id": change.event_id,
            "event_name": change.event_name,
            "actor": change.actor,
            "time": change.at.isoformat(),
        }
        if change
        else None,
        "fixed_at": cause.fixed_at.isoformat() if cause.fixed_at else None,
        "fix": cause.fix,
    }


def _agent_facts(agent: Agent, now: datetime) -> dict[str, object]:
    gap = agent.gap
    return {
        "id": agent.entity,
        "state": str(agent.state),
        "last_seen": agent.seen_at.isoformat() if agent.seen_at and agent.series else None,
        "since": gap.since.isoformat() if gap else None,
        "back_at": gap.ended_at.isoformat() if gap and gap.ended_at else None,
        "length_s": int(gap.length(now).total_seconds()) if gap else None,
        **({"other_metrics": [series.metric for series in agent.strangers]} if agent.strangers else {}),
    }


def _counts(news: News) -> dict[str, int]:
    return {
        "silent": len(news.silent),
        "back": len(news.back),
        "set_aside": len(news.set_aside),
        "gone": news.incident.gone,
        "joined": news.joined,
    }

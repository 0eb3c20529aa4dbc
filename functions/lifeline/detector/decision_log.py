"""The detector's decision log: one line for each decision on an agent or an incident."""

from collections.abc import Iterable, Mapping

from lifeline.core.agents.agent import Agent, Evidence, Transition, Verdict
from lifeline.core.incidents.lifecycle import News
from lifeline.runtime.observability import logger

_TRANSITIONS = {Transition.OPENED: "gap_opened", Transition.ENDED: "gap_ended"}


def log_transitions(
    watch: str,
    verdicts: Mapping[str, Verdict],
    before: Mapping[str, Agent],
    evidence: Mapping[str, Evidence],
    *,
    run_id: str,
) -> None:
    """Log each agent that went silent or came back."""
    for entity, verdict in sorted(verdicts.items()):
        if verdict.transition is None:
            continue
        instance = evidence[entity].instance
        logger.info(
            "decided",
            action=_TRANSITIONS[verdict.transition],
            status=str(verdict.state),
            reason=_why_turned(verdict, before[entity]),
            agent=entity,
            watch=watch,
            vpc_id=instance.vpc_id,
            subnet_id=instance.subnet_id,
            run_id=run_id,
        )


def log_incidents(news: Iterable[News], notified: Iterable[News], *, run_id: str) -> None:
    """Log each piece of news on an incident; `status` is whether its notice was sent."""
    done = {(news_item.kind, news_item.incident.id) for news_item in notified}
    for news_item in news:
        incident, cause = news_item.incident, news_item.incident.cause
        logger.info(
            "decided",
            action=f"incident_{news_item.kind}",
            status="notified" if (news_item.kind, incident.id) in done else "pending",
            reason=cause.words,
            incident_id=incident.id,
            cause=str(cause.kind),
            confidence=str(cause.confidence),
            agents=len(news_item.members),
            silent=len(news_item.silent),
            watch=incident.watch,
            vpc_id=cause.vpc_id,
            endpoint_service=cause.service,
            event_id=cause.change.event_id if cause.change else "",
            run_id=run_id,
        )


def _why_turned(verdict: Verdict, before: Agent) -> str:
    gap = verdict.agent.gap if verdict.agent else before.gap
    if gap is None:
        return ""
    if gap.ended_at is None:
        return f"no datapoint since one was due at {gap.since.isoformat()}"
    return f"datapoints came again at {gap.ended_at.isoformat()}"

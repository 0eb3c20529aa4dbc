"""One line in the log for each decision: on what, what, why, in which run, and after which event (docs/logs.md)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lifeline.core.actions import Action, Status
from lifeline.core.gaps import Agent, Evidence, Turn, Verdict
from lifeline.core.incidents import News
from lifeline.core.report import VpcAnswer
from lifeline.errors import InvalidInputError
from lifeline.events import Trigger
from lifeline.observability import logger

_MOST_EVENTS = 5
_REFUSED = frozenset({Status.BLOCKED, Status.FAILED})


def log_answer(answer: VpcAnswer, triggers: Sequence[Trigger], *, run_id: str, mode: str) -> None:
    """What came of a VPC, and a line for each action: `reason` is why it is wanted, `refusal` why it isn't made."""
    event_ids = [one.event_id for one in triggers if one.event_id][:_MOST_EVENTS]
    about: dict[str, Any] = {"vpc_id": answer.vpc_id, "run_id": run_id, "mode": mode}
    about |= {"event_id": event_ids[0] if event_ids else "", "event_ids": event_ids}
    logger.info("looked at", outcome=str(answer.outcome), note=answer.note, **about)
    if answer.refusal:
        logger.warning("refused", field=answer.refusal.field, refusal=answer.refusal.message, **about)
    for action in answer.actions:
        logger.info("decided", **_of_action(action), **about)


def log_refusal(error: InvalidInputError, run_id: str) -> None:
    """That what a caller sent can't be used."""
    logger.warning("refused", field=error.field, refusal=error.message, run_id=run_id)


def log_turns(
    watch: str,
    verdicts: Mapping[str, Verdict],
    before: Mapping[str, Agent],
    evidence: Mapping[str, Evidence],
    *,
    run_id: str,
) -> None:
    """A line for each agent that fell silent, or is back."""
    for entity, verdict in sorted(verdicts.items()):
        if verdict.turn is None:
            continue
        instance = evidence[entity].instance
        logger.info(
            "decided",
            action=_TURNS[verdict.turn],
            status=str(verdict.state),
            reason=_why_turned(verdict, before[entity]),
            agent=entity,
            watch=watch,
            vpc_id=instance.vpc_id,
            subnet_id=instance.subnet_id,
            run_id=run_id,
        )


def log_incidents(news: Iterable[News], told: Iterable[News], *, run_id: str) -> None:
    """A line for each thing that there is to tell of an incident; `status` says whether it could be told."""
    done = {(one.kind, one.incident.id) for one in told}
    for one in news:
        incident, cause = one.incident, one.incident.cause
        logger.info(
            "decided",
            action=f"incident_{one.kind}",
            status="told" if (one.kind, incident.id) in done else "untold",
            reason=cause.words,
            incident_id=incident.id,
            cause=str(cause.kind),
            confidence=str(cause.confidence),
            agents=len(one.members),
            silent=len(one.silent),
            watch=incident.watch,
            vpc_id=cause.vpc_id,
            endpoint_service=cause.service,
            event_id=cause.change.event_id if cause.change else "",
            run_id=run_id,
        )


_TURNS = {Turn.OPENED: "gap_opened", Turn.ENDED: "gap_ended"}


def _of_action(action: Action) -> dict[str, Any]:
    told: dict[str, Any] = {
        "action": str(action.kind),
        "endpoint_service": action.service,
        "status": str(action.status),
        "reason": action.reason,
        "endpoint_id": action.endpoint_id,
        "subnet_ids": list(action.subnet_ids),
    }
    if action.status in _REFUSED:
        told |= {"refusal": action.error, "held_by": action.held_by}
    elif action.error:
        told |= {"left_because": action.error}
    return told


def _why_turned(verdict: Verdict, before: Agent) -> str:
    gap = verdict.agent.gap if verdict.agent else before.gap
    if gap is None:
        return ""
    if gap.ended_at is None:
        return f"no datapoint since one was due at {gap.since.isoformat()}"
    return f"datapoints came again at {gap.ended_at.isoformat()}"

"""One line in the log for each decision on a VPC: what, why, in which run, after which event (docs/logs.md)."""

from collections.abc import Sequence
from typing import Any

from lifeline.core.plan.actions import Action, Status
from lifeline.core.plan.answer import VpcAnswer
from lifeline.core.requests.trigger import Trigger
from lifeline.runtime.observability import logger

_MOST_EVENTS = 5
_REFUSED = frozenset({Status.BLOCKED, Status.FAILED})


def log_answer(answer: VpcAnswer, triggers: Sequence[Trigger], *, run_id: str, mode: str) -> None:
    """What came of a VPC, and a line for each action: `reason` is why it is wanted, `refusal` why it isn't made."""
    event_ids = [trigger.event_id for trigger in triggers if trigger.event_id][:_MOST_EVENTS]
    about: dict[str, Any] = {"vpc_id": answer.vpc_id, "run_id": run_id, "mode": mode}
    about |= {"event_id": event_ids[0] if event_ids else "", "event_ids": event_ids}
    logger.info("reconciled", outcome=str(answer.outcome), note=answer.note, **about)
    if answer.refusal:
        logger.warning("refused", field=answer.refusal.field, refusal=answer.refusal.message, **about)
    for action in answer.actions:
        logger.info("decided", **_of_action(action), **about)


def _of_action(action: Action) -> dict[str, Any]:
    notified: dict[str, Any] = {
        "action": str(action.kind),
        "endpoint_service": action.service,
        "status": str(action.status),
        "reason": action.reason,
        "endpoint_id": action.endpoint_id,
        "subnet_ids": list(action.subnet_ids),
    }
    if action.status in _REFUSED:
        notified |= {"refusal": action.error, "blocked_by": action.blocked_by}
    elif action.error:
        notified |= {"left_because": action.error}
    return notified

"""An SQS batch: one run for all its messages, and each message done, retried, or dead-lettered with its reason."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeline.core.errors import InvalidInputError, LifelineError
from lifeline.core.guards.mode import Mode
from lifeline.core.plan.answer import VpcAnswer
from lifeline.core.requests.calls import read_request
from lifeline.core.requests.request import Request
from lifeline.reconciler.loop import reconcile
from lifeline.reconciler.steps.job import Tools
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings

MOST_RECEIVES = 5  # the queue's maxReceiveCount: at the last one we dead-letter it, because SQS would give no reason
FIRST_RETRY = timedelta(seconds=30)


def reconcile_batch(
    records: Sequence[Any], *, tools: Tools, settings: Settings, run: Run
) -> tuple[tuple[VpcAnswer, ...], list[str]]:
    """Each VPC's outcome, and the ids of the messages that SQS must keep.

    A message that can't be read is dead-lettered and stops no other. One whose resources can't be looked up comes back
    later, and so does every message where the network can't be observed. At its last try it is dead-lettered with the
    reason.
    """
    requests: list[Request] = []
    read: list[Mapping[str, Any]] = []
    kept: list[str] = []
    for record in records:
        try:
            request = read_record(record, settings.role_arn, settings.region)
        except InvalidInputError as error:
            kept += _dead_letter(record, error, tools, run.id, field=error.field)
        else:
            requests.append(request)
            read.append(record)
            for refusal in request.refusals:
                kept += _dead_letter(record, refusal, tools, run.id, field=refusal.field)
    failed: list[tuple[Request, LifelineError]] = []
    try:
        answers = reconcile(requests, mode=settings.mode, tools=tools, settings=settings, run=run, failed=failed)
    except LifelineError as error:
        logger.error("batch failed", error=str(error), messages=len(read), run_id=run.id)
        return (), [*kept, *(message_id for record in read for message_id in _retry(record, error, tools, run.id))]
    for record, request in zip(read, requests, strict=True):
        for failed_request, why in failed:
            if request is failed_request:
                logger.warning("message not answered", error=str(why), run_id=run.id)
                kept += _retry(record, why, tools, run.id)
    return answers, list(dict.fromkeys(kept))


def read_record(record: object, own_role_arn: str, region: str = "") -> Request:
    """What one SQS record asks for: an EventBridge event, or work that an earlier run requeued.

    Raises InvalidInputError with the path to the field, `body` being the message.
    """
    if not isinstance(record, dict) or not isinstance(record.get("body"), str):
        raise InvalidInputError("Records[].body", "must be a text")
    try:
        body = json.loads(record["body"])
    except json.JSONDecodeError as error:
        raise InvalidInputError("body", f"is not JSON: {error}") from error
    try:
        request = read_request(body, own_role_arn=own_role_arn, region=region)
    except InvalidInputError as error:
        raise InvalidInputError(f"body.{error.field}", error.message) from error
    if request.mode is Mode.PLAN:
        raise InvalidInputError("body.mode", "a plan answers its caller, and the queue has none: invoke the function")
    if request.is_text:
        raise InvalidInputError("body.format", "a text answers its caller, and the queue has none: invoke the function")
    if request.approve:
        raise InvalidInputError("body.approve", "a person approves by invoking the function, not through the queue")
    return replace(request, sent_at=_sent_at(record))


def _sent_at(record: Mapping[str, Any]) -> datetime:
    """When the queue got the message; now, if it doesn't say, so that the request counts as unanswered."""
    sent = str(_attribute(record, "SentTimestamp"))
    return datetime.fromtimestamp(int(sent) / 1000, UTC) if sent.isdecimal() else datetime.now(UTC)


def _retry(record: Mapping[str, Any], error: LifelineError, tools: Tools, run_id: str) -> Iterator[str]:
    """Lets the message come back after a growing while, or dead-letters it at its last try."""
    received = str(_attribute(record, "ApproximateReceiveCount"))
    tries = int(received) if received.isdecimal() else 1
    if tries >= MOST_RECEIVES:
        yield from _dead_letter(record, error, tools, run_id)
        return
    yield _message_id(record)
    try:
        tools.queue.retry_in(str(record.get("receiptHandle", "")), FIRST_RETRY * 2 ** (tries - 1))
    except LifelineError as refused:
        logger.warning("retry not delayed: the message returns after its visibility timeout", error=str(refused))


def _dead_letter(record: object, error: LifelineError, tools: Tools, run_id: str, *, field: str = "") -> Iterator[str]:
    """Puts the message into the dead-letter queue with its reason; yields its id where that failed: SQS keeps it."""
    body = str(record.get("body", "")) if isinstance(record, dict) else json.dumps(record)
    logger.warning("sent to the dead-letter queue", field=field, refusal=str(error), run_id=run_id)
    try:
        tools.queue.dead_letter(body or "(empty)", reason=str(error), field=field)
    except LifelineError as refused:
        logger.error("message not sent to the dead-letter queue", error=str(refused))
        yield _message_id(record)


def _message_id(record: object) -> str:
    return str(record.get("messageId", "")) if isinstance(record, dict) else ""


def _attribute(record: Mapping[str, Any], name: str) -> object:
    attributes = record.get("attributes")
    return attributes.get(name, "") if isinstance(attributes, dict) else ""

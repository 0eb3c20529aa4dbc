"""An SQS batch: one run for all its messages, and each message done, retried, or dead-lettered with its reason."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from lifeline.adapters.store.policy import ReadOnlyPolicy
from lifeline.core.errors import InvalidInputError, LifelineError, TransientError
from lifeline.core.plan.answer import VpcAnswer
from lifeline.core.requests.body import is_from, read_body
from lifeline.core.requests.calls import read_queued, read_repair_request
from lifeline.core.requests.request import Request
from lifeline.reconciler.loop import as_told, reconcile
from lifeline.reconciler.steps.event_path import NOT_SAVED_YET, hear, note_changes
from lifeline.reconciler.steps.faults import UnexpectedError
from lifeline.reconciler.steps.job import Tools
from lifeline.reconciler.steps.policy_in_force import current_policy, stacks_policy
from lifeline.reconciler.steps.proven import UNPROVEN, WAITS
from lifeline.reconciler.steps.routed import only_routed
from lifeline.reconciler.steps.targets import as_recorded
from lifeline.runtime.invocation import Run
from lifeline.runtime.observability import logger
from lifeline.runtime.settings import Settings

MOST_RECEIVES = 5  # the queue's maxReceiveCount; at the last one we dead-letter it, because SQS would give no reason
FIRST_RETRY = timedelta(seconds=30)
_A_RUN = timedelta(seconds=60)  # with less time left, no further run begins
_TOO_EARLY = frozenset({NOT_SAVED_YET, UNPROVEN})  # no failure: what the message needs isn't there yet


@dataclass(frozen=True, slots=True)
class _Message:
    """A record that was read, and what it asks for."""

    record: Mapping[str, Any]
    request: Request


class IsSettled(Protocol):
    """Whether trying the request again before the next sweep is of no use, this error being its answer. If `is_all`,
    nothing could be read.
    """

    def __call__(self, error: LifelineError, request: Request, *, is_all: bool) -> bool:
        """True if its message need not come again."""


def _never(error: LifelineError, request: Request, *, is_all: bool) -> bool:  # noqa: ARG001 - as its protocol says
    return False


def reconcile_batch(
    records: Sequence[Any], *, tools: Tools, settings: Settings, run: Run, is_settled: IsSettled = _never
) -> tuple[tuple[VpcAnswer, ...], list[str]]:
    """Each VPC's outcome, and the ids of the messages that SQS must keep.

    A message that can't be read is dead-lettered and stops no other. One whose resources can't be looked up, or of
    whose VPC something can't be saved, comes back later, and so does every message where the network can't be observed.
    At its last try it is dead-lettered with the reason. Where `is_settled`, it doesn't come again: the next sweep does
    what it asks for, or it is dead-lettered.
    """
    return _Batch(tools, settings, run, is_settled).serve(records)


def keep_records(
    records: Sequence[Any], error: LifelineError, *, tools: Tools, settings: Settings, run: Run
) -> list[str]:
    """The ids of messages that weren't begun, for SQS to keep: each comes back later, or is dead-lettered with the
    reason at its last try.
    """
    return _Batch(tools, settings, run).keep(records, error)


def settle_records(
    records: Sequence[Any], error: LifelineError, *, tools: Tools, settings: Settings, run: Run, is_recorded: bool
) -> list[str]:
    """The ids of messages to keep, none of which can be served before the next sweep: what that doesn't find by itself
    is dead-lettered with the reason. Who changed what is recorded, and that it was heard, if `is_recorded`.
    """
    return _Batch(tools, settings, run, lambda *_, **__: True, is_recorded=is_recorded).settle(records, error)


def read_record(record: object, own_role_arn: str, region: str = "", *, repair_queue_url: str = "") -> Request:
    """What one SQS record asks for: of the queue that Lifeline's own functions ask by a reconciliation, else an
    EventBridge event or requeued work. SQS itself says which queue a record is from.

    Raises InvalidInputError with the path to the field, `body` being the message.
    """
    if not isinstance(record, dict):
        raise InvalidInputError("Records[].body", "must be a text")
    body = read_body(record.get("body"))
    try:
        if is_from(record, repair_queue_url):
            request = read_repair_request(body, own_role_arn=own_role_arn)
        else:
            request = read_queued(body, own_role_arn=own_role_arn, region=region)
    except InvalidInputError as error:
        raise InvalidInputError(f"body.{error.field}", error.message) from error
    tries = _number(record, "ApproximateReceiveCount")
    return replace(request, sent_at=_sent_at(record), message_id=_message_id(record), tries=tries)


@dataclass(frozen=True, slots=True)
class _Batch:
    tools: Tools
    settings: Settings
    run: Run
    is_settled: IsSettled = _never
    is_recorded: bool = True

    def serve(self, records: Sequence[Any]) -> tuple[tuple[VpcAnswer, ...], list[str]]:
        messages, kept = self._read_all(records)
        answers, left = self._reconcile(messages)
        return answers, list(dict.fromkeys([*kept, *left]))

    def _read_all(self, records: Sequence[Any]) -> tuple[list[_Message], list[str]]:
        """The messages, and the ids of those to keep because what can't be read in them couldn't be dead-lettered."""
        messages: list[_Message] = []
        kept: list[str] = []
        for record in records:
            try:
                message = _Message(record, self._read(record))
            except InvalidInputError as error:
                kept += self._dead_letter(record, error, field=error.field)
            else:
                messages.append(message)
                for refusal in message.request.refusals:
                    kept += self._dead_letter(record, refusal, field=refusal.field)
        return messages, kept

    def _read(self, record: Any) -> Request:
        """The request. Whatever the reading of a record raises belongs to that record alone: InvalidInputError."""
        settings = self.settings
        try:
            return read_record(record, settings.role_arn, settings.region, repair_queue_url=settings.repair_queue_url)
        except InvalidInputError:
            raise
        except Exception as error:
            logger.exception("message unreadable", run_id=self.run.id)
            raise InvalidInputError("body", f"can't be read: {type(error).__name__}") from error

    def _reconcile(self, messages: Sequence[_Message]) -> tuple[tuple[VpcAnswer, ...], list[str]]:
        """The answers, and the ids of the messages to keep. An error that nobody thought of is traced to its message:
        the others are served without it.
        """
        requests = [message.request for message in messages]
        failed: list[tuple[Request, LifelineError]] = []
        try:
            answers = reconcile(
                requests,
                mode=self.settings.mode,
                tools=self.tools,
                settings=self.settings,
                run=self.run,
                failed=failed,
            )
            return answers, self._retry_failed(messages, failed)
        except LifelineError as error:
            return (), self._leave([(message, error) for message in messages], is_all=True)
        except Exception as error:  # noqa: BLE001 - logged, and traced to its message
            logger.exception("batch failed unexpectedly", messages=len(messages), run_id=self.run.id)
            if len(messages) == 1 or self.run.remaining() < _A_RUN:
                return (), self._retry_all(messages, UnexpectedError(error))
        half = len(messages) // 2
        parts = [self._reconcile(part) for part in (messages[:half], messages[half:])]
        return tuple(answer for answers, _ in parts for answer in answers), [id_ for _, left in parts for id_ in left]

    # ---- messages that are left

    def keep(self, records: Sequence[Any], error: LifelineError) -> list[str]:
        """Keeps messages of which nothing was read."""
        return [message_id for record in records for message_id in self._retry(record, error)]

    def settle(self, records: Sequence[Any], error: LifelineError) -> list[str]:
        """Keeps only what couldn't be dead-lettered. That events arrive is noted as ever."""
        messages, kept = self._read_all(records)
        if self.is_recorded:
            requests = [message.request for message in messages]
            note_changes(requests, self.tools.event_path, self.run)
            hear(requests, self.tools, self.run, None)
        return [*kept, *self._leave([(message, error) for message in messages], is_all=True)]

    def _retry_failed(self, messages: Sequence[_Message], failed: Iterable[tuple[Request, LifelineError]]) -> list[str]:
        """Those among the messages whose requests failed, each once and with its own error."""
        errors = {request.message_id: error for request, error in failed}
        left = [message for message in messages if message.request.message_id in errors]
        return self._leave([(one, errors[one.request.message_id]) for one in left], is_all=False)

    def _leave(self, failed: Sequence[tuple[_Message, LifelineError]], *, is_all: bool) -> list[str]:
        """The ids of the messages to keep, of those that have an error for their answer."""
        again: dict[LifelineError, list[_Message]] = defaultdict(list)
        left: list[Request] = []
        kept: list[str] = []
        for message, error in failed:
            if not self.is_settled(error, message.request, is_all=is_all):
                again[error].append(message)
            elif message.request.is_repeated_by_sweep:
                left.append(message.request)
            else:
                kept += self._dead_letter(message.record, error)
        if self.is_recorded:
            self._record_changes(left)
        return [*kept, *(id_ for error, messages in again.items() for id_ in self._retry_all(messages, error))]

    def _record_changes(self, requests: Sequence[Request]) -> None:
        """Keeps who changed what, of changes that the next sweep acts on without knowing of them. In which VPC can't be
        looked up, so they are the region's. Where that can't be saved, the sweep looks at everything all the same.
        """
        heard = [one for one in requests if one.trigger.kind == "change" and not one.is_own]
        changes = only_routed(heard, self.tools.routed, [])
        if not changes:
            return
        settings, now = self.settings, self.run.now()
        try:
            store = ReadOnlyPolicy(self.tools.policies)
            policy = current_policy(settings.policy_parameter, stacks_policy(settings), store, now=now).policy
            told = [as_told(request, policy, settings.account_id).trigger for request in changes]
            audit = self.tools.audit.keeping(policy.ledger_keep) if policy else self.tools.audit
            audit.record_changes([(settings.home, as_recorded(trigger)) for trigger in told], now=now)
        except LifelineError as error:
            logger.error("changes not recorded", error=str(error), changes=len(changes), run_id=self.run.id)

    def _retry_all(self, messages: Sequence[_Message], error: LifelineError) -> list[str]:
        about = {"error": str(error), "messages": len(messages), "run_id": self.run.id}
        if isinstance(error, TransientError) and error.code in _TOO_EARLY:
            logger.info("messages come again", extra=about)
        else:
            logger.error("batch failed", extra=about)
        return [message_id for message in messages for message_id in self._retry(message.record, error)]

    def _retry(self, record: Mapping[str, Any], error: LifelineError) -> Iterator[str]:
        """Lets the message come back after a growing while, or dead-letters it at its last try."""
        tries = _number(record, "ApproximateReceiveCount") or 1
        if tries >= MOST_RECEIVES:
            yield from self._dead_letter(record, error)
            return
        yield _message_id(record)
        queue_url = self.settings.repair_queue_url if is_from(record, self.settings.repair_queue_url) else ""
        is_unproven = isinstance(error, TransientError) and error.code == UNPROVEN
        after = WAITS[tries - 1] if is_unproven else FIRST_RETRY * 2 ** (tries - 1)
        try:
            self.tools.queue.retry_in(str(record.get("receiptHandle", "")), after, queue_url=queue_url)
        except LifelineError as refused:
            logger.warning("retry not delayed: the message returns after its visibility timeout", error=str(refused))

    def _dead_letter(self, record: object, error: LifelineError, *, field: str = "") -> Iterator[str]:
        """Puts the message into the dead-letter queue with its reason; yields its id where that failed, to keep it."""
        body = str(record.get("body", "")) if isinstance(record, dict) else repr(record)
        logger.warning("sent to the dead-letter queue", field=field, refusal=str(error), run_id=self.run.id)
        try:
            self.tools.queue.dead_letter(body or "(empty)", reason=str(error), field=field)
        except LifelineError as refused:
            logger.error("message not sent to the dead-letter queue", error=str(refused))
            yield _message_id(record)


def _sent_at(record: Mapping[str, Any]) -> datetime:
    """When the queue got the message; now, if it doesn't say, so that the request counts as unanswered."""
    try:
        return datetime.fromtimestamp(int(str(_attribute(record, "SentTimestamp"))) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.now(UTC)


def _number(record: Mapping[str, Any], name: str) -> int:
    """The attribute as a whole number; 0 if it is none."""
    text = str(_attribute(record, name))
    return int(text) if text.isdecimal() else 0


def _message_id(record: object) -> str:
    return str(record.get("messageId", "")) if isinstance(record, dict) else ""


def _attribute(record: Mapping[str, Any], name: str) -> object:
    attributes = record.get("attributes")
    return attributes.get(name, "") if isinstance(attributes, dict) else ""

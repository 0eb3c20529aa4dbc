"""What a caller may send to DetectMetricGaps: check all agents, check a part of them, or forget agents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.requests.account import stated_account, without_account
from lifeline.core.requests.body import is_from, read_body
from lifeline.core.requests.fields import (
    DETECT_FIELDS,
    FORGET_FIELDS,
    check_names,
    check_object,
    must_be,
    read_by,
    read_list,
    read_true,
)

_MOST_FORGOTTEN = 1000
_LONGEST_ENTITY = 255
_BODY, _NOT_OURS = "Records[0].body", "is not a part of a run, as only DetectMetricGaps sends it"


@dataclass(frozen=True, slots=True)
class Detect:
    """Check every agent."""


@dataclass(frozen=True, slots=True)
class CheckPart:
    """Check the agents of one part of a run of a watch. Which agents those are, the roster says, and not the message:
    whoever may invoke the function could have others count as checked.
    """

    watch: str
    run_id: str
    part: int


@dataclass(frozen=True, slots=True)
class Forget:
    """Expect nothing of agents until they report again; in one watch, or in each that knows them. `by` is who asks for
    it, as they state it.
    """

    entities: tuple[str, ...]
    watch: str = ""
    by: str = ""


def read_event(event: object, *, checks_queue_url: str = "") -> Detect | CheckPart | Forget:
    """The request in an event: the schedule's, a manual one, or a message of the detector's own queue.

    Raises InvalidInputError, with the field's name, for everything else. Whoever may invoke the function can write any
    queue into a record, so a part gives no power that an invocation doesn't give: it checks agents.
    """
    call = check_object(event)
    if "Records" in call:
        body = _body_of(call["Records"], checks_queue_url)
        return Detect() if body.get("detect") is True else _read_part(body)
    if "forget" in call:
        return _read_forget(call)
    check_names(call, DETECT_FIELDS, call="detect", others={"forget"})
    read_true(call, "detect")
    return Detect()


def _read_forget(event: Mapping[str, Any]) -> Forget:
    check_names(event, FORGET_FIELDS, call="forget")
    entities = read_list(event["forget"], "forget", of="agents", most=_MOST_FORGOTTEN)
    for place, entity in enumerate(entities):
        if not isinstance(entity, str) or not 1 <= len(entity) <= _LONGEST_ENTITY:
            raise must_be(f"forget[{place}]", "an agent's name", entity)
    watch = event.get("watch", "")
    if "watch" in event and not (watch and isinstance(watch, str)):
        raise must_be("watch", "a watch's name", watch)
    return Forget(tuple(dict.fromkeys(entities)), watch, read_by(event))


def account_in(event: object, *, checks_queue_url: str = "") -> tuple[str, object]:
    """The account that the event says it is about, empty for the functions' own, and the event without it.

    Raises InvalidInputError, with the field's name.
    """
    call = check_object(event)
    if "Records" in call:
        return stated_account(_body_of(call["Records"], checks_queue_url)), call
    return stated_account(call), without_account(call)


def _body_of(records: object, checks_queue_url: str) -> Mapping[str, Any]:
    """The one message of a batch: the queue's mapping has a batch size of 1."""
    if not isinstance(records, list) or len(records) != 1 or not isinstance(records[0], dict):
        raise InvalidInputError("Records", "must be a list of one message")
    if not is_from(records[0], checks_queue_url):
        arn = records[0].get("eventSourceARN")
        raise must_be("Records[0].eventSourceARN", "the ARN of the stack's queue Checks", arn)
    try:
        body = read_body(records[0].get("body"))
    except InvalidInputError as error:
        raise InvalidInputError(_BODY, _NOT_OURS) from error
    if not isinstance(body, dict):
        raise InvalidInputError(_BODY, _NOT_OURS)
    return body


def _read_part(body: Mapping[str, Any]) -> CheckPart:
    try:
        check = body["check"]
        return CheckPart(watch=str(check["watch"]), run_id=str(check["run"]), part=int(check["part"]))
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise InvalidInputError(_BODY, _NOT_OURS) from error

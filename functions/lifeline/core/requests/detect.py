"""What a caller may send to DetectMetricGaps: check all agents, check some chunks, or forget agents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lifeline.core.errors import InvalidInputError
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


@dataclass(frozen=True, slots=True)
class Detect:
    """Check every agent."""


@dataclass(frozen=True, slots=True)
class CheckPart:
    """Check the agents of some chunks of a watch's roster, as one part of a run."""

    watch: str
    run_id: str
    part: int
    chunks: tuple[int, ...]


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
        return _read_record(call["Records"], checks_queue_url)
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
    if not isinstance(watch, str):
        raise must_be("watch", "a watch's name", watch)
    return Forget(tuple(dict.fromkeys(entities)), watch, read_by(event))


def _read_record(records: object, checks_queue_url: str) -> CheckPart:
    """The one message of a batch: the queue's mapping has a batch size of 1."""
    if not isinstance(records, list) or len(records) != 1 or not isinstance(records[0], dict):
        raise InvalidInputError("Records", "must be a list of one message")
    if not is_from(records[0], checks_queue_url):
        arn = records[0].get("eventSourceARN")
        raise must_be("Records[0].eventSourceARN", "the ARN of the stack's queue Checks", arn)
    try:
        check = read_body(records[0].get("body"))["check"]
        return CheckPart(
            watch=str(check["watch"]),
            run_id=str(check["run"]),
            part=int(check["part"]),
            chunks=tuple(int(number) for number in check["chunks"]),
        )
    except (InvalidInputError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise InvalidInputError(
            "Records[0].body", "is not a part of a run, as only DetectMetricGaps sends it"
        ) from error

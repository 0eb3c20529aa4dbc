"""What DetectMetricGaps is asked: to look at everybody, to look at a part, or to forget somebody."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lifeline.core.errors import InvalidInputError

_MOST_FORGOTTEN = 1000
_LONGEST_ENTITY = 255
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Detect:
    """Look at every agent."""


@dataclass(frozen=True, slots=True)
class CheckPart:
    """Look at the agents of some chunks of a watch's roster, as one part of a run."""

    watch: str
    run_id: str
    part: int
    chunks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Forget:
    """Set agents aside until they report again; in one watch, or in each that knows them."""

    entities: tuple[str, ...]
    watch: str = ""


def read_event(event: object) -> Detect | CheckPart | Forget:
    """The ask in an event: the schedule's, one by hand, or a message of the detector's own queue.

    Raises InvalidInputError, with the field's name, for everything else.
    """
    if not isinstance(event, dict):
        raise InvalidInputError("event", f"must be an object, not {type(event).__name__}")
    if "Records" in event:
        return _read_record(event["Records"])
    known = {"detect"} if "forget" not in event else {"forget", "watch"}
    for key in sorted(map(str, event)):
        if key not in known:
            raise InvalidInputError(key[:_SHOWN], "is not a field of this event; it takes detect, or forget and watch")
    if "forget" in event:
        return _read_forget(event)
    if event.get("detect", True) is not True:
        raise InvalidInputError("detect", "must be true")
    return Detect()


def _read_forget(event: Mapping[str, Any]) -> Forget:
    entities, watch = event["forget"], event.get("watch", "")
    if not isinstance(entities, list) or not 1 <= len(entities) <= _MOST_FORGOTTEN:
        raise InvalidInputError("forget", f"must be a list of 1 to {_MOST_FORGOTTEN} agents")
    for place, entity in enumerate(entities):
        if not isinstance(entity, str) or not 1 <= len(entity) <= _LONGEST_ENTITY:
            raise InvalidInputError(f"forget[{place}]", f"must be an agent's name, not {ascii(entity)[:_SHOWN]}")
    if not isinstance(watch, str):
        raise InvalidInputError("watch", f"must be a watch's name, not {ascii(watch)[:_SHOWN]}")
    return Forget(tuple(dict.fromkeys(entities)), watch)


def _read_record(records: object) -> CheckPart:
    """The one message of a batch: the queue's mapping has a batch size of 1."""
    if not isinstance(records, list) or len(records) != 1 or not isinstance(records[0], dict):
        raise InvalidInputError("Records", "must be a list of one message")
    try:
        check = json.loads(records[0].get("body", ""))["check"]
        return CheckPart(
            watch=str(check["watch"]),
            run_id=str(check["run"]),
            part=int(check["part"]),
            chunks=tuple(int(number) for number in check["chunks"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInputError("Records[0].body", f"is not a part of a run: {error!r}"[:200]) from error

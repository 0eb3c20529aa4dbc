"""The body of a queue's message: anybody may have written it, so it is bounded before anything reads it."""

import json
from collections.abc import Mapping
from typing import Any

from lifeline.core.errors import InvalidInputError

_LONGEST = 524_288  # characters: CloudTrail writes records of at most 256 KB (CloudTrail guide: quotas)
_DEEPEST = 64  # lists and objects in each other; EC2's deepest records have about ten


def read_body(text: object) -> Any:
    """The body as JSON has it.

    Raises InvalidInputError for whatever a later step could stumble over: too long, too deep, half of a character, a
    number that Python doesn't read or that JSON doesn't have.
    """
    if not isinstance(text, str):
        raise InvalidInputError("Records[].body", "must be a text")
    if len(text) > _LONGEST:
        raise InvalidInputError("body", f"is {len(text)} characters long; the maximum is {_LONGEST}")
    try:
        body = json.loads(text, parse_constant=_refuse_constant)
        text.encode()
        json.dumps(body, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise InvalidInputError("body", f"is not JSON: {error}") from error
    except UnicodeEncodeError as error:
        raise InvalidInputError("body", "contains half of a character (a lone surrogate)") from error
    except RecursionError as error:
        raise InvalidInputError("body", "is nested too deeply") from error
    except ValueError as error:
        raise InvalidInputError("body", "contains a number that is too long to read") from error
    if _is_deeper(body, _DEEPEST):
        raise InvalidInputError("body", f"is nested too deeply; the maximum is {_DEEPEST} levels")
    return body


def is_from(record: Mapping[str, Any], queue_url: str) -> bool:
    """True if the record says that it is from this queue. A queue's ARN and its URL end with its name (SQS guide:
    queue names).
    """
    arn = record.get("eventSourceARN")
    return bool(queue_url) and isinstance(arn, str) and arn.rpartition(":")[2] == queue_url.rpartition("/")[2]


def _refuse_constant(name: str) -> None:
    raise InvalidInputError("body", f"is not JSON: {name} is no JSON number")


def _is_deeper(value: object, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return any(isinstance(left, dict | list) for left in level)

"""What every adapter needs: pages, errors by code, and calls side by side."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lifeline.errors import TerminalError, TransientError

_SIDE_BY_SIDE = 8

# EC2 API errors overview; Lambda, SQS and DynamoDB add their own names for the same.
TRANSIENT_CODES = frozenset(
    {
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestThrottled",
        "ProvisionedThroughputExceededException",
        "RequestTimeout",
        "RequestTimeoutException",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "ServiceUnavailable",
        "Unavailable",
        "OperationInProgress",
        "IncorrectState",
        "RequestExpired",
    }
)


def code_of(error: ClientError) -> str:
    """AWS's name for the error, or an empty text."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turns botocore's errors into ours, by code: what `doing` failed at, and whether trying again can help."""
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        message = f"{doing}: {code}: {error.response.get('Error', {}).get('Message', '')}"
        kind = TransientError if code in TRANSIENT_CODES or status >= 500 else TerminalError
        raise kind(message, code=code) from error
    except BotoCoreError as error:
        raise TransientError(f"{doing}: {error}", code=type(error).__name__) from error


def pages(client: Any, operation: str, key: str, **request: Any) -> list[dict[str, Any]]:
    """Everything that a paginated describe has under `key`. Raises ours."""
    with translated(operation):
        found: list[dict[str, Any]] = []
        for page in client.get_paginator(operation).paginate(**request):
            found.extend(page.get(key, []))
        return found


def side_by_side[T](calls: Iterable[Callable[[], T]]) -> list[T]:
    """The calls' results in their order, made at the same time. The first error is raised once all have ended."""
    waiting = list(calls)
    if len(waiting) < 2:
        return [call() for call in waiting]
    with ThreadPoolExecutor(max_workers=min(_SIDE_BY_SIDE, len(waiting))) as pool:
        return [future.result() for future in [pool.submit(call) for call in waiting]]


def tags_of(described: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Tags in their keys' order."""
    return tuple(sorted((tag["Key"], tag["Value"]) for tag in described.get("Tags", [])))

"""What every adapter needs: pages, errors by code, and calls side by side."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
)

from lifeline.core.errors import TerminalError, TransientError

_CONCURRENCY = 8

_TOKENS = ("NextToken", "nextToken", "NextMarker")  # of EC2 and others, of ECS, and of Lambda
_NETWORK = (ConnectTimeoutError, EndpointConnectionError, HTTPClientError)

# EC2 API errors overview; CloudWatch, SQS, SNS and DynamoDB add their own names for the same.
_TRANSIENT_CODES = frozenset(
    {
        "IncorrectState",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceErrorException",
        "InternalServiceFault",
        "LimitExceededException",
        "OperationInProgress",
        "ProvisionedThroughputExceededException",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
        "Unavailable",
    }
)
# Of these, the ones that say that AWS did nothing. After any other, it may have made the change all the same.
_UNDONE_CODES = frozenset(
    {
        "ConcurrentModification",
        "IncorrectState",
        "LimitExceededException",
        "OperationInProgress",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)


def ours(error: ClientError | BotoCoreError, doing: str) -> TransientError | TerminalError:
    """Botocore's error as ours, by remedy: TransientError for throttling, a 5xx and the network, else TerminalError."""
    if not isinstance(error, ClientError):
        kind = TransientError if isinstance(error, _NETWORK) else TerminalError
        return kind(f"{doing}: {error}", code=type(error).__name__)
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    kind = TransientError if code in _TRANSIENT_CODES or status >= 500 else TerminalError
    message = str(error.response.get("Error", {}).get("Message", ""))
    said = message.partition("Encoded authorization failure message")[0].rstrip()  # another text at each refusal
    return kind(f"{doing}: {code}: {said}", code=code)


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Raises ours in place of botocore's error; `doing` says what failed."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise ours(error, doing) from error


@contextmanager
def unless_done(is_done: Callable[[], bool], *codes: str) -> Iterator[None]:
    """Takes a change for made if it was: where AWS's answer was lost, or is one of `codes`, `is_done` reads that. Where
    it can't be read for now either, that is to be tried again.
    """
    try:
        yield
    except (TransientError, TerminalError) as error:
        is_lost = isinstance(error, TransientError) and error.code not in _UNDONE_CODES
        if not is_lost and error.code not in codes:
            raise
        try:
            is_made = is_done()
        except (TransientError, TerminalError) as unread:
            if is_lost or isinstance(unread, TerminalError):
                raise error from unread
            raise
        if not is_made:
            raise


def conditional_write(doing: str, write: Callable[..., Any], **request: Any) -> dict[str, Any] | None:
    """What DynamoDB answers to a conditional write; None where the condition isn't met. Raises ours for all else."""
    try:
        with aws_errors(doing):
            answer: dict[str, Any] = write(**request)
    except TerminalError as error:
        if error.code == "ConditionalCheckFailedException":
            return None
        raise
    return answer


def pages(client: Any, operation: str, key: str, **request: Any) -> list[dict[str, Any]]:
    """Everything that a paginated describe has under `key`. Raises ours."""
    return paced_pages(client, operation, key, lambda: None, request)


def paced_pages(
    client: Any, operation: str, key: str, before: Callable[[], None], request: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The same; `before` is called before each page."""
    with aws_errors(operation):
        found: list[dict[str, Any]] = []
        before()
        for page in client.get_paginator(operation).paginate(**request):
            found.extend(page.get(key, []))
            if any(page.get(token) for token in _TOKENS):
                before()
        return found


def in_time(until: float) -> None:
    """Raises TransientError once it is later than `until`, which is of the clock `monotonic`."""
    if monotonic() > until:
        raise TransientError("it took too long", code="Late")


def run_concurrently[T](calls: Iterable[Callable[[], T]]) -> list[T]:
    """The calls' results in their order, made at the same time. The first error is raised once all have ended."""
    waiting = list(calls)
    if len(waiting) < 2:
        return [call() for call in waiting]
    with ThreadPoolExecutor(max_workers=min(_CONCURRENCY, len(waiting))) as pool:
        return [future.result() for future in [pool.submit(call) for call in waiting]]


def begin[T](call: Callable[[], T]) -> Callable[[], T]:
    """Begins the call in a thread of its own. What is returned waits for it, and gives its result or raises its error:
    for what is needed later, and must not be waited for now.
    """
    with_one = ThreadPoolExecutor(max_workers=1)
    future = with_one.submit(call)
    with_one.shutdown(wait=False)
    return future.result


@contextmanager
def beside[T](call: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Makes the call beside what is in the block, and ends with it. What it yields gives the call's result."""
    wait = begin(call)
    try:
        yield wait
    finally:
        wait()


def tags_of(described: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Tags in their keys' order."""
    return tuple(sorted((tag["Key"], tag["Value"]) for tag in described.get("Tags", [])))

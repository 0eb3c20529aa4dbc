"""Reads that AWS denied: noted until people hear of them, and not made again by runs that know of the denial.

Nothing in the network can change what a policy denies, and each further call would only be another one on somebody's
record of denied calls. So whoever reads gets the same error again, from here.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from typing import Any

from botocore.exceptions import ClientError

from lifeline.adapters.aws.clients import ClientOf, in_region
from lifeline.core.denial import DENIED_CODES, EC2_DENIED, Denial, read_denial
from lifeline.core.errors import LifelineError

_READS = ("Describe", "Get", "List", "Lookup", "Search", "Simulate")
_ALWAYS_ASKED = "cloudwatch"  # what agents report is what Lifeline is there for
# Reads of single resources would otherwise have no end, and a region's item holds them (DynamoDB: 400 KB at most).
_MOST, _MOST_WORDS = 100, 1_000
_ONE = ("Arn", "Id", "Name")  # how the fields end that name the one resource of a request


class DeniedReadError(ClientError):
    """AWS's error where a policy denied a read that the account's role made there."""


class KnownDenialError(DeniedReadError):
    """That of an earlier run, whose call wasn't made again."""


class Denials:
    """What AWS denied to one account's role: each permission, with AWS's words, and each read, with its error."""

    def __init__(self) -> None:
        self._noted: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self._found: dict[str, str] = {}
        self._is_run = False

    # ---- for people

    def note(self, error: LifelineError) -> None:
        """Note the error if it is a denial; nothing for any other."""
        cause = error.__cause__
        if isinstance(cause, ClientError) and _code(cause) in DENIED_CODES:
            denial = read_denial(str(error))
            self._noted[denial.action if denial and denial.action else cause.operation_name] = str(error)

    def take(self) -> dict[str, str]:
        """What was noted since this was last asked, by permission: by the call's name where AWS doesn't name it."""
        noted, self._noted = self._noted, {}
        return noted

    # ---- for the reads

    def begin_run(self, known: Mapping[str, str] | None = None) -> None:
        """From now on, neither the `known` reads nor those that are denied meanwhile are made. Without the known ones,
        each is made once, whatever was denied before.
        """
        self._known, self._found, self._is_run = dict(known or {}), {}, True

    def end_run(self) -> None:
        """From now on, each read is made: what one run was denied isn't the next one's to know."""
        self._known, self._found, self._is_run = {}, {}, False

    @property
    def denied(self) -> Mapping[str, str]:
        """Each read that is denied as far as this run knows, with AWS's code and words: for the next run to know."""
        return {**self._known, **self._found}

    def over(self, client_of: ClientOf) -> ClientOf:
        """The account's clients, which don't make the known reads, and say which others are denied."""
        return _Clients(client_of, self)

    def check(self, call: str, request: Mapping[str, Any]) -> None:
        """Raises AWS's error if the call is known to be denied: with any request, or with this one."""
        known = self.denied if self._is_run else {}
        key = call if call in known else _with_request(call, request)
        if words := known.get(key):
            code, _, message = words.partition(": ")
            response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise (DeniedReadError if key in self._found else KnownDenialError)(response, call.partition(":")[2])

    def remember(self, error: ClientError, call: str, request: Mapping[str, Any]) -> None:
        """Keeps that the call was denied. Where the denial may be about one resource, the same call may be allowed for
        others.
        """
        code = _code(error)
        message = str(error.response["Error"].get("Message", "")).partition("Encoded authorization")[0].rstrip()
        is_all = _concerns_all(read_denial(message, code) or Denial(), code, request)
        key = call if is_all else _with_request(call, request)
        if is_all or len(self.denied) < _MOST:
            self._found[key] = f"{code}: {message}"[:_MOST_WORDS]


class _Clients:
    def __init__(self, client_of: ClientOf, denials: Denials) -> None:
        self._client_of, self._denials = client_of, denials

    def __call__(self, service: str) -> Any:
        made = self._client_of(service)
        return made if service == _ALWAYS_ASKED else _Client(made, self._denials)

    def in_region(self, region: str) -> ClientOf:
        return in_region(self._client_of, region)


class _Client:
    """A client of botocore's whose reads are remembered where they are denied."""

    def __init__(self, made: Any, denials: Denials) -> None:
        self._made, self._denials = made, denials

    def __getattr__(self, name: str) -> Any:
        found, call = getattr(self._made, name), self._read(name)
        return partial(self._ask, found, call) if call else found

    def get_paginator(self, name: str) -> Any:
        """The paginator of an operation."""
        paginator, call = self._made.get_paginator(name), self._read(name)
        return _Paginator(partial(self._pages, paginator.paginate, call)) if call else paginator

    def _read(self, name: str) -> str:
        """The call as in `ec2:DescribeVpcs`; empty for anything but a read."""
        operation = str(self._made.meta.method_to_api_mapping.get(name, ""))
        return f"{self._made.meta.service_model.service_name}:{operation}" if operation.startswith(_READS) else ""

    def _ask(self, method: Callable[..., Any], call: str, **request: Any) -> Any:
        with self._asking(call, request):
            return method(**request)

    def _pages(self, paginate: Callable[..., Iterable[Any]], call: str, **request: Any) -> Iterator[Any]:
        with self._asking(call, request):
            yield from paginate(**request)

    @contextmanager
    def _asking(self, call: str, request: Mapping[str, Any]) -> Iterator[None]:
        self._denials.check(call, request)
        try:
            yield
        except ClientError as error:
            if _code(error) not in DENIED_CODES:
                raise
            self._denials.remember(error, call, request)
            raise DeniedReadError(error.response, error.operation_name) from error


class _Paginator:
    def __init__(self, paginate: Callable[..., Iterator[Any]]) -> None:
        self.paginate = paginate


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _concerns_all(denial: Denial, code: str, request: Mapping[str, Any]) -> bool:
    """True if the denial is about the call itself, whatever it asks for.

    Where AWS names no resource, EC2's lists have none, nor has what a policy denies by the call's name. Of another
    account's resource, AWS may only say that the caller "is not authorized to access this resource".
    """
    if denial.resource:
        return denial.resource.endswith("*")
    is_of_one = any(isinstance(value, str) and name.endswith(_ONE) for name, value in request.items())
    return not is_of_one and bool(denial.action or denial.denier or code == EC2_DENIED)


def _with_request(call: str, request: Mapping[str, Any]) -> str:
    """A short key: a request may list hundreds of ids."""
    asked = json.dumps(request, sort_keys=True, default=str)
    return f"{call} {sha256(asked.encode()).hexdigest()[:32]}"

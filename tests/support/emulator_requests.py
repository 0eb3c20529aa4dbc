"""botocore's part of a call, up to moto's: the same request, with less work for each of its headers and names."""

from datetime import datetime
from functools import lru_cache
from itertools import count
from types import SimpleNamespace
from typing import Any

from botocore import auth, awsrequest, endpoint, hooks
from botocore.awsrequest import HeadersDict
from botocore.compat import get_current_datetime
from botocore.exceptions import NoCredentialsError
from botocore.regions import EndpointRulesetResolver
from botocore.signers import RequestSigner

_V4 = (None, "v4")
_sign = RequestSigner.sign


class Headers(HeadersDict):
    """A request's headers before it is prepared, which botocore keeps as those of a mail."""

    def replace_header(self, name: str, value: str) -> None:
        """What botocore does with its user agent."""
        self[name] = value


def prepare_requests() -> None:
    """Lets botocore, in this process, make a request in a third of the time."""
    kinds: Any = HeadersDict
    kinds.__init__ = _fill
    kinds.__setitem__ = _set
    kinds.__getitem__ = lambda self, name: self._dict[name.lower()][1]
    kinds.__contains__ = lambda self, name: name.lower() in self._dict
    kinds.__delitem__ = lambda self, name: self._dict.pop(name.lower())
    kinds.__iter__ = lambda self: iter([name for name, _ in self._dict.values()])
    kinds.items = lambda self: list(self._dict.values())
    parts: Any = awsrequest
    parts.HTTPHeaders = Headers
    numbers = count()
    calls: Any = endpoint
    calls.uuid = SimpleNamespace(uuid4=lambda: f"{next(numbers):032x}")  # the ID of a call: by chance, in botocore
    silent: Any = hooks.logger
    silent.debug = lambda *_: None  # for each of a call's thirty handlers
    _find_endpoints_once(EndpointRulesetResolver)


def _fill(self: Any, *headers: Any, **more: Any) -> None:
    self._dict = {}
    for name, value in dict(*headers, **more).items():
        _set(self, name, value)


def _set(self: Any, name: str, value: Any) -> None:
    key = name.lower()
    before = self._dict.get(key)
    self._dict[key] = (before[0] if before else name, value)


def name_caller(self: Any, operation_name: str, request: Any, *others: Any, **more: Any) -> None:
    """Says whose call it is, as a signature by version 4 would, which nobody looks at."""
    signing = request.context.get("signing", {})
    is_usual = request.context.get("auth_type") in _V4 and self._signature_version == "v4" and not others and not more
    if not is_usual or signing.keys() - {"region", "signing_name"} or self._signing_name == "s3":
        _sign(self, operation_name, request, *others, **more)
        return
    if self._credentials is None:
        raise NoCredentialsError
    credentials = self._credentials.get_frozen_credentials()
    now = get_current_datetime().replace(microsecond=0)
    time = request.context["timestamp"] = _timestamp(now)
    region = signing.get("region") or self._region_name
    name = signing.get("signing_name") or self._signing_name
    scope = f"{credentials.access_key}/{time[:8]}/{region}/{name}/aws4_request"
    headers = request.headers
    headers["X-Amz-Date"] = time
    if credentials.token:
        headers["X-Amz-Security-Token"] = credentials.token
    headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature="


@lru_cache(256)
def _timestamp(at: datetime) -> str:
    return at.strftime(auth.SIGV4_TIMESTAMP)


def _find_endpoints_once(resolver: Any) -> None:
    """Lets a client find its endpoint once for each operation, and each value of the operation's own parameters that
    count.
    """
    find = resolver.construct_endpoint

    def find_once(self: Any, operation_model: Any, call_args: Any, request_context: Any) -> Any:
        if operation_model.operation_context_parameters:
            return find(self, operation_model, call_args, request_context)
        counts = tuple(call_args.get(one.member_name) for one in operation_model.context_parameters)
        kept = vars(self).setdefault("kept", {})
        asked = (operation_model.name, counts)
        if asked not in kept:
            kept[asked] = find(self, operation_model, call_args, request_context)
        return kept[asked]

    resolver.construct_endpoint = find_once

"""The way of a call from botocore to moto, without what a socket or a web server would need on it.

botocore checks the parameters, makes the request and reads the answer as ever. Nobody looks at the signature: moto
reads the access key and the region beside it, which say whose call it is.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from itertools import count
from re import match
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest
from botocore.signers import RequestSigner
from moto import backend_index, backends
from moto.core import DEFAULT_ACCOUNT_ID, responses
from moto.core.base_backend import BackendDict
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.exceptions import HTTPException
from moto.core.request import Request, environ_key_for_header
from moto.core.utils import get_equivalent_url_in_aws_domain
from werkzeug.datastructures import ImmutableMultiDict

from tests.support.emulator_requests import name_caller

type Answer = tuple[int, Any, Any]
type Handler = Callable[[Request, str, Any], Answer]

_FORM = "application/x-www-form-urlencoded"


@contextmanager
def unsigned() -> Iterator[None]:
    """Calls inside say whose they are, and are not signed."""
    with patch.object(RequestSigner, "sign", name_caller):
        yield


def prepare_calls() -> None:
    """Lets moto, in this process, find a URL's handler once and give it the request as botocore has it."""
    process = BotocoreStubber.process_request
    numbers = count()

    def hand_over(self: BotocoreStubber, request: AWSPreparedRequest) -> Answer | None:
        handler = _handler(request.url.partition("?")[0])
        if handler is None or not isinstance(request.body, str | bytes | None):
            answer: Answer | None = process(self, request)
            return answer
        asked = as_moto_has_it(request)
        try:
            return handler(asked, request.url, asked.headers)
        except HTTPException as error:
            return error.code, error.get_headers(), error.get_body()

    def number(headers: Any = None) -> str:
        made = f"{next(numbers):052}"
        if isinstance(headers, dict):
            headers["x-amzn-requestid"] = made
        return made

    BotocoreStubber.process_request = hand_over
    responses.gen_amzn_requestid_long = number  # by chance, in moto


@cache
def _handler(url: str) -> Handler | None:
    """What moto calls for the URL: that of the first service with a pattern for it."""
    parts, _ = get_equivalent_url_in_aws_domain(url)
    clean = f"{parts.scheme}://{parts.netloc}{parts.path}"
    for service, pattern in backend_index.backend_url_patterns:
        if not pattern.match(clean):
            continue
        of_service = backends.get_backend(service)
        if not isinstance(of_service, BackendDict):
            return None
        regions = of_service[DEFAULT_ACCOUNT_ID]
        backend = regions["us-east-1" if "us-east-1" in regions else "aws"]
        for path, handler in backend.urls.items():
            if match(path, clean):
                found: Handler = handler
                return found
    return None


def as_moto_has_it(request: AWSPreparedRequest) -> Request:
    """The request as `moto.core.request.normalize_request` makes it, in a tenth of the time."""
    parts = urlsplit(request.url)
    given: Any = request.body or b""
    body: bytes = given.encode() if isinstance(given, str) else given
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(parts.path).encode().decode("latin1"),
        "QUERY_STRING": parts.query,
        "REQUEST_URI": parts.path,
        "RAW_URI": parts.path,
        "SERVER_NAME": parts.hostname,
        "SERVER_PORT": str(parts.port or 443),
        "HTTP_HOST": parts.netloc,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
    }
    for name, value in request.headers.items():
        key = environ_key_for_header(name)
        if key not in ("CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"):
            environ[key] = value.decode() if isinstance(value, bytes) else value
    made = Request(environ)
    if "HTTP_CONTENT_ENCODING" not in environ:  # moto unpacks what is packed
        is_form = environ.get("CONTENT_TYPE", "").startswith(_FORM)
        form = ImmutableMultiDict(parse_qsl(body.decode(), keep_blank_values=True) if is_form else ())
        made.__dict__ |= {"form": form, "files": ImmutableMultiDict(), "data": b"" if is_form else body}
    return made

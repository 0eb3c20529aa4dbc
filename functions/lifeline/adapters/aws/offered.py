"""Whether a Region offers a service at all."""

from socket import EAI_NODATA, EAI_NONAME, gaierror

from botocore.exceptions import ClientError, EndpointConnectionError

from lifeline.core.errors import TerminalError, TransientError

_UNKNOWN_OPERATION = frozenset({"UnknownOperation", "UnknownOperationException", "NotImplemented"})
_NO_SUCH_HOST = frozenset({EAI_NONAME, EAI_NODATA})
_LISTS = ("List", "DescribeDirectories")


def is_not_offered(error: TransientError | TerminalError, *, regional: bool) -> bool:
    """True where the service, or this call of it, doesn't exist here. Route 53 itself is one for all regions.

    Only a list's 404 says so: a single thing's says that it is gone, or another account's. No connection says so unless
    the service's host has an address, or may have one.
    """
    cause = error.__cause__
    status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(cause, ClientError) else 0
    listed = isinstance(cause, ClientError) and cause.operation_name.startswith(_LISTS)
    if isinstance(cause, EndpointConnectionError):
        why = getattr(cause.kwargs.get("error"), "__cause__", None)
        return regional and (why is None or (isinstance(why, gaierror) and why.errno in _NO_SUCH_HOST))
    return listed and (status in {404, 501} or error.code in _UNKNOWN_OPERATION)

"""Reading a claim from the record of a refused call."""

import re
from collections.abc import Iterator
from dataclasses import replace

from lifeline.core.coexist.claims import Claim
from lifeline.core.requests.named import texts_at

# EC2's whole sentence, from its beginning: a message may also quote what the caller wrote.
_CONFLICT = re.compile(
    r"private-dns-enabled cannot be set because there is already a conflicting DNS domain for ([A-Za-z0-9*_.-]{1,253})"
    r"(?: in the VPC\b.*)?"
)
_TABLE_ID = re.compile(r"rtb-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_ENDPOINT_ID = re.compile(r"vpce-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_SERVICE_NAME = re.compile(r"[a-z0-9.-]{1,255}")
_TABLES = {"CreateVpcEndpoint": "routeTableId", "ModifyVpcEndpoint": "addRouteTableId"}


def read_claim(event_name: str, failure: str, message: str, request: object) -> Claim | None:
    """The claim that the record of a refused call is, or None where it was refused for another reason.

    `failure` is EC2's code without its prefix. Whatever of the request isn't of the form that it should be is left out.
    """
    if event_name not in _TABLES:
        return None
    claim = Claim(
        service_name=next(_texts(request, "serviceName", _SERVICE_NAME), ""),
        endpoint_id=next(_texts(request, "vpcEndpointId", _ENDPOINT_ID), ""),
        policy=next(texts_at(request, "policyDocument"), ""),
    )
    conflict = _CONFLICT.fullmatch(message)
    if failure == "InvalidParameter" and conflict:
        return replace(claim, domain=conflict[1].rstrip(".").lower())
    tables = tuple(sorted(set(_texts(request, _TABLES[event_name], _TABLE_ID))))
    if failure == "RouteAlreadyExists" and tables:
        return replace(claim, route_table_ids=tables)
    return None


def _texts(request: object, path: str, form: re.Pattern[str]) -> Iterator[str]:
    return (text for text in texts_at(request, path) if form.fullmatch(text))

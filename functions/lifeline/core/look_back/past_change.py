"""A network change of the past, from CloudTrail's record of it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_network
from typing import Any

from lifeline.core.errors import InvalidInputError
from lifeline.core.requests.cloudtrail import CHANGE, read_change
from lifeline.core.requests.fields import ascii_text
from lifeline.core.requests.named import MEMBERS, TAGGING, texts_at
from lifeline.core.requests.routed import ONLY_IF_ROUTED
from lifeline.core.requests.session_names import hash_session_names
from lifeline.core.wording import read_time

CALLS = frozenset(MEMBERS) - ONLY_IF_ROUTED
"""The calls that matter wherever they are made. The others only count where a route leads, and the past routes aren't
on record."""

_EC2 = "ec2.amazonaws.com"
_TAGGED = ("vpc-", "subnet-", "vpce-", "sg-")  # as in the template's TagRule
_OURS = "lifeline"  # what Lifeline's own calls add to the user agent
_DESTINATIONS = ("destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId")
# EC2 API: CreateRoute. An instance is known by its interface once the route is there, and the API takes either.
_TARGETS = (
    "carrierGatewayId",
    "coreNetworkArn",
    "egressOnlyInternetGatewayId",
    "gatewayId",
    "instanceId",
    "localGatewayId",
    "natGatewayId",
    "networkInterfaceId",
    "odbNetworkArn",
    "transitGatewayId",
    "vpcEndpointId",
    "vpcPeeringConnectionId",
)
_PUBLIC = ("igw-", "cagw-")  # a subnet whose route leads there isn't private


@dataclass(frozen=True, slots=True)
class RouteCall:
    """The route that a call was on, and where it led from then on: empty for a deleted one."""

    table_id: str
    destination: str
    target: str = ""

    @property
    def leads_out(self) -> bool:
        """True if the destination isn't in private networks alone. What is in a prefix list isn't known: it may be."""
        try:
            return not ip_network(self.destination, strict=False).is_private
        except ValueError:
            return True

    @property
    def is_public(self) -> bool:
        """True if the route makes subnets public."""
        return self.target.startswith(_PUBLIC)


@dataclass(frozen=True, slots=True)
class PastChange:
    """One change that a rule of the template names. `ids` are all resources that its record names; `actor` and `tool`
    are as in a request.
    """

    at: datetime
    event_id: str
    name: str
    actor: str = ""
    tool: str = ""
    account: str = ""
    region: str = ""
    ids: frozenset[str] = frozenset()
    route: RouteCall | None = None
    is_own: bool = False


def records_in(content: object) -> Iterator[Mapping[str, Any] | InvalidInputError]:
    """The records in what a file contains: a trail's file, what `aws cloudtrail lookup-events` prints, events as
    EventBridge delivers them, or one of these. In place of a record that is none, why. A digest file, which lies beside
    a trail's files, has none (CloudTrail guide: digest file structure).

    Raises InvalidInputError for a file without any record among what it has.
    """
    if isinstance(content, Mapping) and "digestStartTime" in content:
        return
    if isinstance(content, Mapping) and isinstance(content.get("Records"), list):
        content = content["Records"]
    if isinstance(content, Mapping) and isinstance(content.get("Events"), list):
        content = [_printed(event) for event in content["Events"]]
    found = [_record(place, item) for place, item in enumerate(content if isinstance(content, list) else [content])]
    faults = [one for one in found if isinstance(one, InvalidInputError)]
    if faults and len(faults) == len(found):
        raise faults[0]
    yield from found


def _printed(event: object) -> object:
    """The record of an event as `lookup-events` prints it; None where it isn't readable."""
    try:
        return json.loads(event["CloudTrailEvent"]) if isinstance(event, Mapping) else None
    except (KeyError, TypeError, ValueError):
        return None


def _record(place: int, item: object) -> Mapping[str, Any] | InvalidInputError:
    record = item.get("detail", item) if isinstance(item, Mapping) else item
    if not isinstance(record, Mapping) or "eventName" not in record:
        return InvalidInputError(f"Records[{place}]", "must be a CloudTrail record: it has no eventName")
    return record


def read_past(record: Mapping[str, Any], *, hashes_names: bool = False) -> PastChange | None:
    """The change that a record tells of; None where it is of something else, or of a call that failed.

    Raises InvalidInputError, with the path to the field, for a record that can't be read.
    """
    name = record.get("eventName")
    if record.get("eventSource") != _EC2 or name not in CALLS or record.get("errorCode"):
        return None
    request = read_change({"detail-type": CHANGE, "source": "aws.ec2", "detail": dict(record)}, "")
    account = ascii_text(record.get("recipientAccountId"))
    if hashes_names:
        request = hash_session_names(request, account)
    at = read_time(request.trigger.time)
    if at is None:
        raise InvalidInputError("detail.eventTime", "must be a time")
    ids = request.trigger.ids
    if name in TAGGING and not any(id_.startswith(_TAGGED) for id_ in ids):
        return None
    return PastChange(
        at=at,
        event_id=request.trigger.event_id,
        name=str(name),
        actor=request.trigger.actor,
        tool=request.tool,
        account=account,
        region=ascii_text(record.get("awsRegion")),
        ids=ids,
        route=_route(str(name), record.get("requestParameters")),
        is_own=_OURS in str(record.get("userAgent")).strip("[]").split(),
    )


def in_order(changes: Iterable[PastChange]) -> tuple[PastChange, ...]:
    """The changes by their times, each once: files of trails overlap, and so do pages."""
    once = {(change.event_id or repr(change)): change for change in changes}
    return tuple(sorted(once.values(), key=lambda change: (change.at, change.event_id)))


def _route(name: str, request: object) -> RouteCall | None:
    if name not in {"CreateRoute", "DeleteRoute", "ReplaceRoute"}:
        return None
    table_id, destination = _first(request, ("routeTableId",)), _first(request, _DESTINATIONS)
    if not table_id or not destination:
        return None
    call = RouteCall(table_id, destination)
    return call if name == "DeleteRoute" else replace(call, target=_first(request, _TARGETS))


def _first(request: object, names: Iterable[str]) -> str:
    texts = (ascii_text(text) for name in names for text in texts_at(request, name))
    return next(filter(None, texts), "")

"""The two styles in which CloudTrail writes what an EC2 call asked and answered.

Which one an operation gets is a regularity of real records, not documented by AWS: where the model's `DryRun` member
has the wire name `dryRun`, or where there is no such member, the old style; where it has no wire name, the new style.

    old   {"vpcId": "vpc-…", "tagSpecificationSet": {"items": [{…}]}}          -> {"requestId": …, "_return": true}
    new   {"CreateVpcEndpointRequest": {"SubnetId": {"tag": 1, "content": …}}}  -> {"CreateVpcEndpointResponse": {…}}
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, OperationModel, Shape, StructureShape

type Json = dict[str, Any]

_XMLNS = "http://ec2.amazonaws.com/doc/2016-11-15/"

# Names that real records show and that the model doesn't tell.
_REQUEST_WRAPPERS = {"DeleteTransitGatewayVpcAttachment": "DelTGwVpcAttachReq"}
_OLD_REQUEST_NAMES = {
    "ResourceId": "resourcesSet",
    "Tag": "tagSet",
    "TagSpecification": "tagSpecificationSet",
    "SecurityGroupId": "groupSet",
    "PrivateIpAddresses": "privateIpAddressesSet",
    "Protocol": "aclProtocol",
    "Icmp": "icmpTypeCode",
}
_OLD_ITEM_NAMES = {"SecurityGroupId": "groupId"}
_SHOWN_EVEN_IF_EMPTY = {"IpPermission": ("UserIdGroupPairs", "IpRanges", "Ipv6Ranges", "PrefixListIds")}
_OLD_RESPONSE_EXTRAS: dict[str, Json] = {
    "CreateSecurityGroup": {"_return": True},
    "DisassociateRouteTable": {"associationState": {"state": "disassociating"}, "_return": True},
}


def is_new_style(operation: OperationModel) -> bool:
    """Whether CloudTrail wraps this operation as `{"<Operation>Request": {…}}`."""
    dry_run = members_of(operation.input_shape).get("DryRun")
    return dry_run is not None and "name" not in dry_run.serialization


def request_parameters(operation: OperationModel, request: Mapping[str, Any]) -> Json | None:
    """The record's `requestParameters`; None for an old-style call without any. `request` is in boto3's form."""
    if is_new_style(operation):
        wrapper = _REQUEST_WRAPPERS.get(operation.name, f"{operation.name}Request")
        return {wrapper: _new_request(operation.input_shape, request)}
    return _old_request(operation.input_shape, request) or None


def response_elements(operation: OperationModel, response: Mapping[str, Any], request_id: str) -> Json:
    """The record's `responseElements`. A call that answers nothing but success shows as `return`."""
    shape = operation.output_shape
    if is_new_style(operation):
        body = _new_response(shape, response) if shape else {"return": True}
        return {f"{operation.name}Response": {"xmlns": _XMLNS, "requestId": request_id, **body}}
    body = _old_response(shape, response) if shape else {"return": True}
    if "return" in body:
        body["_return"] = body.pop("return")
    return {"requestId": request_id, **body, **_OLD_RESPONSE_EXTRAS.get(operation.name, {})}


def members_of(shape: Shape | None) -> Mapping[str, Shape]:
    """A structure's members by boto3's names; none for anything else."""
    return shape.members if isinstance(shape, StructureShape) else {}


def _given(shape: Shape | None, values: Mapping[str, Any]) -> list[tuple[Shape, str, Any]]:
    """Each member that has a value, with its wire name; in the model's order. `DryRun` never shows in a record."""
    return [
        (member, member.serialization.get("name", name), values[name])
        for name, member in members_of(shape).items()
        if name in values and name != "DryRun"
    ]


# ---- old style -------------------------------------------------------------------------------------------------------


def _old_request(shape: Shape | None, values: Mapping[str, Any]) -> Json:
    shown = dict.fromkeys(_SHOWN_EVEN_IF_EMPTY.get(shape.name if shape else "", ()), ()) | dict(values)
    return {
        _old_request_name(shape, wire_name): _old_request_value(shape, member, wire_name, value)
        for member, wire_name, value in _given(shape, shown)
    }


def _old_request_name(inside: Shape | None, wire_name: str) -> str:
    if _is_tag_specification(inside):
        return {"Tag": "tags"}.get(wire_name, wire_name)
    known = _OLD_REQUEST_NAMES.get(wire_name) or _OLD_REQUEST_NAMES.get(_upper_first(wire_name))
    return known or _lower_first(wire_name)


def _old_request_value(inside: Shape | None, shape: Shape, wire_name: str, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return _old_request(shape, value)
    if not isinstance(shape, ListShape):
        return value
    item_name = _OLD_ITEM_NAMES.get(wire_name, _lower_first(wire_name))
    items = [
        _old_request(shape.member, item) if isinstance(shape.member, StructureShape) else {item_name: item}
        for item in value
    ]
    # The one list that real records show bare: the tags inside a tag specification.
    return items if _is_tag_specification(inside) else _old_items(items)


def _old_response(shape: Shape | None, values: Mapping[str, Any]) -> Json:
    return {
        _lower_first(wire_name): _old_response_value(member, value)
        for member, wire_name, value in _given(shape, values)
    }


def _old_response_value(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return _old_response(shape, value)
    if isinstance(shape, ListShape):
        return _old_items([_old_response_value(shape.member, item) for item in value])
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else value


def _old_items(items: Sequence[Any]) -> Json:
    return {"items": items} if items else {}


# ---- new style -------------------------------------------------------------------------------------------------------


def _new_request(shape: Shape | None, values: Mapping[str, Any]) -> Json:
    return {
        _upper_first(wire_name): _new_request_value(member, value) for member, wire_name, value in _given(shape, values)
    }


def _new_request_value(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return _new_request(shape, value)
    if isinstance(shape, ListShape):
        return _one_or_many([_new_request_item(shape.member, item, at) for at, item in enumerate(value, start=1)])
    return _coerced(value)


def _new_request_item(shape: Shape, item: Any, position: int) -> Json:
    if isinstance(shape, StructureShape):
        return {**_new_request(shape, item), "tag": position}
    return {"tag": position, "content": _coerced(item)}


def _new_response(shape: Shape | None, values: Mapping[str, Any]) -> Json:
    return {
        _lower_first(wire_name): _new_response_value(member, value)
        for member, wire_name, value in _given(shape, values)
    }


def _new_response_value(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        return _new_response(shape, value)
    if isinstance(shape, ListShape):
        items = [_new_response_value(shape.member, item) for item in value]
        return {"item": _one_or_many(items)} if items else ""
    return _coerced(value)


def _one_or_many(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


def _coerced(value: Any) -> Any:
    """A scalar as CloudTrail's XML-to-JSON step leaves it: `"true"` becomes true, an account id a number.

    An id with a leading zero stays a string: seen in a real record.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    if not isinstance(value, str):
        return value
    if value in ("true", "false"):
        return value == "true"
    return int(value) if re.fullmatch(r"-?(0|[1-9]\d*)", value) else value


def _is_tag_specification(shape: Shape | None) -> bool:
    return shape is not None and shape.name == "TagSpecification"


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]


def _upper_first(name: str) -> str:
    return name[:1].upper() + name[1:]

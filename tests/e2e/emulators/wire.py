"""EC2's wire format, read with botocore's model: what a server receives and answers, in boto3's form."""

from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, OperationModel, Shape, StructureShape
from botocore.parsers import EC2QueryParser


def read_request(operation: OperationModel, parameters: Mapping[str, str]) -> dict[str, Any]:
    """What the caller gave boto3, from the query's parameters (`TagSpecification.1.Tag.1.Key` and so on)."""
    return _structure(operation.input_shape, "", parameters)


def read_response(operation: OperationModel, status: int, body: bytes) -> dict[str, Any]:
    """What boto3 gives the caller; a refusal has `Error` with `Code` and `Message`."""
    received = {"status_code": status, "headers": {}, "body": body}
    answer: dict[str, Any] = EC2QueryParser().parse(received, operation.output_shape)  # type: ignore[arg-type]
    return answer


def _structure(shape: Shape | None, prefix: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(shape, StructureShape):
        return {}
    values = {
        name: _value(member, prefix + _wire_name(member, name), parameters) for name, member in shape.members.items()
    }
    return {name: value for name, value in values.items() if value is not None}


def _value(shape: Shape, key: str, parameters: Mapping[str, str]) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, f"{key}.", parameters) or None
    if isinstance(shape, ListShape):
        return _items(shape, key, parameters) or None
    text = parameters.get(key)
    if text is None:
        return None
    match shape.type_name:
        case "boolean":
            return text == "true"
        case "integer" | "long":
            return int(text)
        case _:
            return text


def _items(shape: ListShape, key: str, parameters: Mapping[str, str]) -> list[Any]:
    """The list's items, `key.1` onwards: EC2 flattens every list."""
    items: list[Any] = []
    while (item := _value(shape.member, f"{key}.{len(items) + 1}", parameters)) is not None:
        items.append(item)
    return items


def _wire_name(shape: Shape, name: str) -> str:
    """As botocore's EC2 serializer writes it: `queryName` as it is, a wire name with its first letter raised."""
    if "queryName" in shape.serialization:
        return str(shape.serialization["queryName"])
    given = str(shape.serialization.get("name", name))
    return given[:1].upper() + given[1:]

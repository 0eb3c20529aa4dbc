"""Values as items of DynamoDB's, and back.

Dataclasses become plain values, which are those of JSON: text, whole and floating numbers, booleans, lists, dicts and
None. boto3 turns plain values into typed attributes. The rules in between:

| value | plain |
| --- | --- |
| dataclass | a dict by field, without those that are None |
| datetime, date | ISO 8601 text |
| Decimal | text: nothing is rounded |
| enum | its name in lower case, because its value may be words that change |
| tuple, frozenset | a list; that of a frozenset is sorted |

Reading ignores attributes that it doesn't know, since a newer version may have written them and been rolled back, and
gives missing ones their default.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, cast, get_args, get_origin, get_type_hints

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer

type Item = dict[str, dict[str, Any]]
"""An item, or the values of an expression, as DynamoDB's API has them: `{"pk": {"S": "CHANGES"}}`."""


def to_item(attributes: Mapping[str, Any]) -> Item:
    """The attributes as DynamoDB's API takes them, without those that are None.

    A `set` becomes a set there, for ADD and DELETE in expressions; it must not be empty.
    """
    return {name: _SERIALIZER.serialize(to_plain(value)) for name, value in attributes.items() if value is not None}


def from_item(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The item's attributes as plain values; bytes stay bytes, and a set is a sorted list."""
    return {name: _DESERIALIZER.deserialize(value) for name, value in item.items()}


def to_plain(value: Any) -> Any:  # noqa: PLR0911 - one return a kind of value
    """The value as JSON has it."""
    if isinstance(value, Enum):
        return value.name.lower()
    if value is None or isinstance(value, str | int | float | bytes | set):
        return value
    if isinstance(value, date):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [to_plain(element) for element in value]
    if isinstance(value, frozenset):
        return sorted(map(to_plain, value), key=str)
    if isinstance(value, Mapping):
        return {key: to_plain(element) for key, element in value.items()}
    if isinstance(value, Decimal):
        return str(value)
    attributes = [(field.name, getattr(value, field.name)) for field in fields(value)]
    return {name: to_plain(attribute) for name, attribute in attributes if attribute is not None}


def from_plain[T](kind: type[T], plain: Any) -> T:
    """The value of this type, such as a dataclass or `tuple[Grant, ...]`.

    Raises TypeError or ValueError where `plain` isn't one.
    """
    return cast("T", _reader(cast("Hashable", kind))(plain))


# ---- DynamoDB's types


class _Serializer(TypeSerializer):
    def serialize(self, value: Any) -> Any:
        return super().serialize(Decimal(repr(value)) if isinstance(value, float) else value)


class _Deserializer(TypeDeserializer):
    def deserialize(self, value: Any) -> Any:
        found = super().deserialize(value)
        if isinstance(found, set):
            return sorted(map(_number_or_same, found))
        return _number_or_same(found)


def _number_or_same(value: Any) -> Any:
    if isinstance(value, Binary):
        return cast("Any", value).value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


_SERIALIZER = _Serializer()
_DESERIALIZER = _Deserializer()

# ---- reading by type


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:  # noqa: PLR0911 - one return a kind of type
    """What reads a plain value as one of this type. Worked out once a type: hints are slow to resolve."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        [read] = [_reader(argument) for argument in arguments if argument is not NoneType]
        return lambda plain: None if plain is None else read(plain)
    if origin is tuple and arguments[-1] is not Ellipsis:
        readers = [_reader(argument) for argument in arguments]
        return lambda plain: tuple([read(element) for read, element in zip(readers, _list(plain), strict=True)])
    if origin in {tuple, frozenset}:
        read = _reader(arguments[0])
        return lambda plain: origin([read(element) for element in _list(plain)])
    if origin is Mapping:
        read = _reader(arguments[1])
        return lambda plain: {key: read(element) for key, element in _checked(dict, plain).items()}
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    if issubclass(kind, Enum):
        return lambda plain: _member(kind, plain)
    if issubclass(kind, date):
        return cast("Callable[[Any], Any]", kind.fromisoformat)
    if kind in {float, Decimal}:
        return cast("Callable[[Any], Any]", kind)
    return lambda plain: _checked(kind, plain)


def _dataclass_reader(kind: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    absent = {
        field.name: None
        for field in fields(kind)
        if field.default is field.default_factory is MISSING and NoneType in get_args(hints[field.name])
    }

    def read(plain: Any) -> Any:
        known = {name: readers[name](value) for name, value in _checked(dict, plain).items() if name in readers}
        return kind(**absent | known)

    return read


def _member(kind: type[Enum], plain: Any) -> Enum:
    name = _checked(str, plain).upper()
    if name not in kind.__members__:
        raise ValueError(f"{plain!r} is no {kind.__name__}")
    return kind[name]


def _list(plain: Any) -> list[Any]:
    return cast("list[Any]", _checked(list, plain))


def _checked(kind: type, plain: Any) -> Any:
    if not isinstance(plain, kind):
        raise TypeError(f"{plain!r} is no {kind.__name__}")
    return plain

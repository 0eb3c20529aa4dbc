"""Values as items of DynamoDB's, and back.

Dataclasses become plain values, which are those of JSON: text, whole and floating numbers, booleans, lists, dicts and
None. Plain values become DynamoDB's typed attributes. The rules in between:

| value | plain |
| --- | --- |
| dataclass | a dict by field, without those that are None |
| datetime, date | ISO 8601 text |
| Decimal | text: nothing is rounded |
| enum | its name in lower case, because its value may be words that change |
| tuple, frozenset | a list; that of a frozenset is sorted |

Reading ignores attributes that it doesn't know, since a newer version may have written them and been rolled back, and
gives missing ones their default. What can't be understood is an UnreadableError, for each role writes partitions that
another one reads: so is JSON that is nested too deeply, and a time without a zone or in years in which nothing is
recorded, which can't be compared with other times, or have a length added to it.
"""

import json
import zlib
from collections.abc import Callable, Hashable, Mapping, Set
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, cast, get_args, get_origin, get_type_hints

from lifeline.core.errors import UnreadableError

_YEARS = range(1970, 2200)  # room for whatever is added to a time, or taken off
_LONGEST_ERROR = 300  # characters: what is stored may be long
_TOO_LARGE = 10**38  # DynamoDB's data types: a Number has up to 38 digits

type Item = dict[str, dict[str, Any]]
"""An item, or the values of an expression, as DynamoDB's API has them: `{"pk": {"S": "CHANGES"}}`."""


def to_item(attributes: Mapping[str, Any]) -> Item:
    """The attributes as DynamoDB's API takes them, without those that are None.

    A `set` becomes a set there, for ADD and DELETE in expressions; it must not be empty.
    """
    return {name: _typed(to_plain(value)) for name, value in attributes.items() if value is not None}


def from_item(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The item's attributes as plain values; bytes stay bytes, and a set is a sorted list."""
    return {name: _plain(value) for name, value in item.items()}


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

    Raises UnreadableError where `plain` isn't one.
    """
    try:
        return cast("T", _reader(cast("Hashable", kind))(plain))
    except (ArithmeticError, TypeError, ValueError) as error:
        raise UnreadableError(f"no {getattr(kind, '__name__', kind)}: {error!r}"[:_LONGEST_ERROR]) from error


def read_json(text: str | bytes) -> Any:
    """The plain value. Raises UnreadableError for a text that isn't one."""
    try:
        return json.loads(text)
    except (RecursionError, ValueError) as error:
        raise UnreadableError(f"no JSON: {error}"[:_LONGEST_ERROR]) from error


def pack(value: Any) -> bytes:
    """The value as compressed JSON, for what would be too large as attributes (DynamoDB guide: an item has 400 KB)."""
    return zlib.compress(json.dumps(to_plain(value), separators=(",", ":")).encode())


def unpack(packed: bytes) -> Any:
    """The plain value that was packed. Raises UnreadableError for what isn't one."""
    try:
        return read_json(zlib.decompress(packed))
    except (TypeError, zlib.error) as error:
        raise UnreadableError(str(error)) from error


# ---- DynamoDB's types (API: AttributeValue)


def _typed(value: Any) -> dict[str, Any]:  # noqa: PLR0911 - one return a kind of value
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": _number_text(value)}
        case str():
            return {"S": value}
        case bytes():
            return {"B": value}
        case set():
            return _typed_set(value)
        case list():
            return {"L": [_typed(element) for element in value]}
    return {"M": {str(key): _typed(element) for key, element in value.items()}}


def _typed_set(values: Set[Any]) -> dict[str, Any]:
    """A set of texts or of numbers. Raises TypeError for any other, and where it is empty, as DynamoDB has none."""
    if values and all(isinstance(value, str) for value in values):
        return {"SS": sorted(values)}
    if values and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return {"NS": [_number_text(value) for value in sorted(values)]}
    raise TypeError(f"{values!r} is no set of DynamoDB's")


def _number_text(value: float) -> str:
    """The number as DynamoDB takes it. Raises ValueError for what is no number there (data types: Number)."""
    if not isfinite(value) or abs(value) >= _TOO_LARGE:
        raise ValueError(f"{value!r} is no number of DynamoDB's")
    return repr(value)


def _plain(typed: Mapping[str, Any]) -> Any:  # noqa: PLR0911 - one return a type
    [(kind, value)] = typed.items()
    match kind:
        case "S" | "BOOL" | "B":
            return value
        case "N":
            return _number(value)
        case "NULL":
            return None
        case "L":
            return [_plain(element) for element in value]
        case "M":
            return {key: _plain(element) for key, element in value.items()}
        case "NS":
            return sorted(map(_number, value))
        case "SS" | "BS":
            return sorted(value)
    raise TypeError(f"{kind} is no type of DynamoDB's")


def _number(text: str) -> int | float:
    """A whole number as such, whatever way DynamoDB writes it."""
    if text.removeprefix("-").isdecimal():
        return int(text)
    value = Decimal(text)
    return int(value) if value == value.to_integral_value() else float(value)


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
    if issubclass(kind, datetime):
        return _moment
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


def _moment(plain: Any) -> datetime:
    at = datetime.fromisoformat(plain)
    if at.tzinfo is None or at.year not in _YEARS:
        raise ValueError(f"{plain!r} is no time that anything is recorded at")
    return at


def _list(plain: Any) -> list[Any]:
    return cast("list[Any]", _checked(list, plain))


def _checked(kind: type, plain: Any) -> Any:
    if not isinstance(plain, kind):
        raise TypeError(f"{plain!r} is no {kind.__name__}")
    return plain

"""A policy document's text: parsed, and held against `policy.schema.json`, with refusals in words."""

import json
import marshal
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from importlib.util import MAGIC_NUMBER
from typing import Any

from lifeline.core.agents.watches import Tags
from lifeline.core.errors import InvalidInputError
from lifeline.core.wording import few, nearest

MOST_BYTES = 8192  # Systems Manager guide: an advanced parameter's value holds 8 KB
WHOLE = "policy"  # the field's name where the document as a whole is wrong

_SCHEMA, COMPILED = "policy.schema.json", "policy.schema.bin"
_SHOWN = 60
_MOST_OFFERED = 12  # fields, where the nearest is named


def read_document(text: str) -> dict[str, Any]:
    """The document as JSON has it, once it keeps to the schema.

    Raises InvalidInputError for everything else, with the path to the first field that is wrong: `rules[0].require[1]`,
    or `policy` for the document as a whole.
    """
    try:
        document: dict[str, Any] = _parse(text)
        _check(document)
    except RecursionError as error:
        raise InvalidInputError(WHOLE, "is nested too deeply") from error
    return document


def check_names(field: str, names: Sequence[str]) -> None:
    """Nothing, once each of the list's entries has a name of its own; empty ones don't count."""
    for place, name in enumerate(names):
        if name and name in names[:place]:
            first = names.index(name)
            raise InvalidInputError(f"{field}[{place}].name", f"{shown(name)} names {field}[{first}] already")


def read_tags(said: Mapping[str, str | list[str]]) -> Tags:
    """Conditions on tags, by key: the values of which the tag must have one."""
    return tuple((key, frozenset({value} if isinstance(value, str) else value)) for key, value in sorted(said.items()))


def _parse(text: str) -> Any:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise InvalidInputError(WHOLE, f"is {size} bytes long; {MOST_BYTES} are the most")
    try:
        document = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
        json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInputError(WHOLE, f"is not JSON: {error.msg} ({where})") from error
    except UnicodeEncodeError as error:
        raise InvalidInputError(WHOLE, "holds half of a character (a lone surrogate)") from error
    except ValueError as error:
        raise InvalidInputError(WHOLE, "holds a number that is too long to read") from error
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON leaves open which of two equal keys counts; a policy that leaves it open is wrong."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidInputError(_plain(key) or WHOLE, "is there twice in one object")
        found[key] = value
    return found


def _refuse_constant(name: str) -> None:
    raise InvalidInputError(WHOLE, f"is not JSON: {name} is no JSON number")


# ---- the schema's verdict in our words


@cache
def _validate() -> Callable[[Any], Any]:
    """The schema as a function. To make one takes 0.1 s, so it waits for the first document, and `sam build` does most
    of it (`compile_schema`).
    """
    package = files("lifeline")
    schema, built = package.joinpath(_SCHEMA).read_bytes(), package.joinpath(COMPILED)
    made_for, compiled = _made_for(schema), built.read_bytes() if built.is_file() else b""
    compiled = compiled if compiled.startswith(made_for) else compile_schema(schema)
    scope: dict[str, Any] = {}
    code = marshal.loads(zlib.decompress(compiled[len(made_for) :]))  # noqa: S302 - our own build's
    exec(code, scope)  # noqa: S102 - as above
    validate: Callable[[Any], Any] = scope["validate"]
    return validate


def compile_schema(schema: bytes) -> bytes:
    """What the file `COMPILED` of a package has: the code of a function that holds a document against the schema."""
    from fastjsonschema import compile_to_code  # noqa: PLC0415 - most stacks have no document, so that none pays for it

    text = compile_to_code(json.loads(schema), use_default=False)
    return _made_for(schema) + zlib.compress(marshal.dumps(compile(text, _SCHEMA, "exec")))


def _made_for(schema: bytes) -> bytes:
    """With which the code begins: another Python's is of no use, nor another schema's."""
    return MAGIC_NUMBER + blake2b(schema, digest_size=16).digest()


def _check(document: Any) -> None:
    from fastjsonschema import JsonSchemaValueException  # noqa: PLC0415 - as above

    try:
        _validate()(document)
    except JsonSchemaValueException as error:
        field, message = _verdict(error.name or "", error.rule or "", error.value, error.definition)
        raise InvalidInputError(field, message) from error


def _verdict(name: str, rule: str, value: Any, definition: Mapping[str, Any]) -> tuple[str, str]:
    """The field, and what is wrong with it, for a rule of the schema that the value at `name` breaks."""
    path = _plain(name.removeprefix("data").removeprefix("."))
    match rule:
        case "required":
            return _inside(path, next(key for key in definition[rule] if key not in value)), "is missing"
        case "additionalProperties":
            unknown = next(key for key in sorted(value) if key not in definition["properties"])
            near = nearest(unknown.replace("-", "_"), definition["properties"])
            offered = sorted(definition["properties"])
            fields = f"{few(offered, _MOST_OFFERED)}; did you mean {near}?" if near else ", ".join(offered)
            return _inside(path, unknown), f"is not one of {fields}"
        case "oneOf":
            fields = " or ".join(alternative["required"][0] for alternative in definition[rule])
            message = f"must have {fields}, and only one of them"
        case "dependencies":
            missing = (key for has, needs in definition[rule].items() if has in value for key in needs)
            return _inside(path, next(key for key in missing if key not in value)), "is missing"
        case "not":
            message = f"must not have both {' and '.join(definition[rule]['required'])}"
        case "propertyNames":
            names = definition[rule]
            pattern = names["pattern"].removesuffix("$")  # which a line's end after the key would pass, too
            wrong = next(
                key for key in sorted(value) if len(key) > names["maxLength"] or not re.fullmatch(pattern, key)
            )
            return _inside(path, wrong), f"must be named after {names['title']}"
        case "uniqueItems":
            message = "must not hold the same twice"
        case "minItems" | "minProperties":
            message = "must not be empty"
        case "maxItems" | "maxProperties" | "maxLength":
            unit = "characters" if rule == "maxLength" else "entries"
            message = f"has {len(value)} {unit}; {definition[rule]} are the most"
        case _:
            message = f"must be {definition['title']}, not {shown(value)}"
    return path or WHOLE, message


def _inside(path: str, key: str) -> str:
    return f"{path}.{_plain(key) or '?'}".removeprefix(".")


def shown(value: object) -> str:
    """A value as an error message may repeat it: short, printable, quoted."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return json.dumps(value) if value is None or isinstance(value, bool) else ascii(value)[:_SHOWN]


def _plain(text: str) -> str:
    """A path or key as a field's name may repeat it: printable ASCII, cut."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text[:256])

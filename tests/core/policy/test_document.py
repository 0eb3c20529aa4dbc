"""The policy's schema as a function: a build's is used for the very schema and Python that it was made for, alone."""

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from lifeline.core.errors import InvalidInputError
from lifeline.core.policy import document

SCHEMA = files("lifeline").joinpath("policy.schema.json").read_bytes()
VALID = json.dumps({"version": 1, "rules": [{"require": ["monitoring"]}]})
CASES: list[Any] = [
    None,
    {},
    {"version": 2},
    json.loads(VALID),
    {"version": 1, "rules": [{"require": ["logs", "logs"]}]},
    {"version": 1, "rules": [{"require": [], "coverage": "zone"}]},
    {"version": 1, "rules": [{"require": ["logs"]}], "watches": [{"name": "a b"}], "tags": {"aws:x": "y"}},
]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package's folder, with the schema alone."""
    (tmp_path / "policy.schema.json").write_bytes(SCHEMA)
    monkeypatch.setattr(document, "files", lambda _: tmp_path)
    document._validate.cache_clear()
    yield tmp_path
    document._validate.cache_clear()


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The schemas that are compiled meanwhile."""
    found, made = list[bytes](), document.compile_schema

    def compile_schema(schema: bytes) -> bytes:
        found.append(schema)
        return made(schema)

    monkeypatch.setattr(document, "compile_schema", compile_schema)
    return found


def test_what_the_build_compiled_isnt_compiled_again(package: Path, compiled: list[bytes]) -> None:
    (package / document.COMPILED).write_bytes(document.compile_schema(SCHEMA))
    compiled.clear()
    assert document.read_document(VALID) == json.loads(VALID)
    with pytest.raises(InvalidInputError, match="is missing"):
        document.read_document("{}")
    assert compiled == []


@pytest.mark.parametrize("place", [0, 4], ids=["another Python", "another schema"])
def test_what_was_made_for_another_is_made_anew(package: Path, compiled: list[bytes], place: int) -> None:
    made_for = document.compile_schema(SCHEMA)[:20]
    anything = document.compile_schema(b"true")[20:]  # by which any document would be valid
    other = bytearray(made_for)
    other[place] ^= 0xFF
    (package / document.COMPILED).write_bytes(bytes(other) + anything)
    compiled.clear()
    with pytest.raises(InvalidInputError, match="is missing"):
        document.read_document("{}")
    assert compiled == [SCHEMA]


def test_without_a_build_it_is_made_as_the_library_makes_it(package: Path) -> None:
    assert not (package / document.COMPILED).exists()
    ours, theirs = document._validate(), fastjsonschema.compile(json.loads(SCHEMA), use_default=False)
    for one in CASES:
        assert said(ours, one) == said(theirs, one)
    assert sum(said(ours, one) is None for one in CASES) == 1


def said(validate: Any, one: Any) -> tuple[Any, ...] | None:
    try:
        validate(one)
    except fastjsonschema.JsonSchemaValueException as error:
        return error.message, error.name, error.rule, error.definition, error.value
    return None

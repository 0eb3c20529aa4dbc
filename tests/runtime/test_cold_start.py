"""A cold start compiles no dataclass and no pattern that the build compiled, and breaks none that it didn't."""

import builtins
import dataclasses
import gc
import marshal
import re
import sys
from collections.abc import Iterator
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from tools.compiled_texts import seen_methods, seen_patterns

from lifeline.runtime import cold_start

COMPILER: Any = vars(re)["_compiler"]
EXEC = exec


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    names, threshold, made = vars(dataclasses), gc.get_threshold(), COMPILER.compile
    yield
    names.pop("exec", None)
    COMPILER.compile = made
    re.purge()
    gc.enable()
    gc.unfreeze()
    gc.set_threshold(*threshold)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "compiled"
    monkeypatch.setattr(cold_start, "COMPILED", path)
    return path


def point() -> Any:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Point:
        x: int
        y: int = 0

    return Point


def test_a_text_that_the_build_compiled_isnt_compiled_again(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with seen_methods(cold_start.digest) as methods:
        point()
    built.write_bytes(cold_start.MADE_FOR + marshal.dumps((methods, {})))
    made: list[object] = []

    def execute(code: Any, *scopes: Any) -> None:
        made.append(code)
        EXEC(code, *scopes)

    monkeypatch.setattr(builtins, "exec", execute)

    cold_start.begin()
    kind = point()

    assert [type(one) for one in made] == [CodeType]
    assert kind(1) == kind(1, 0)
    assert repr(kind(1)).endswith("Point(x=1, y=0)")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        cold_start.MADE_FOR + marshal.dumps(({b"": b""}, {})),
        b"otherpython" + marshal.dumps(({b"": b""}, {})),
        MAGIC_NUMBER + b"otherre" + marshal.dumps(({b"": b""}, {})),
    ],
    ids=["no build", "another text", "another Python", "another re"],
)
def test_any_other_dataclass_is_made_as_ever(built: Path, content: bytes) -> None:
    if content:
        built.write_bytes(content)

    cold_start.begin()

    assert point()(1, 2).y == 2


def test_a_patterns_code_of_a_machine_with_another_order_of_bytes_isnt_used(built: Path) -> None:
    backwards = b"".join(code.to_bytes(4, "big") for code in (14, 4, 0, 1, 1, 1, 16, 97, 1))
    other = cold_start.MADE_FOR.replace(sys.byteorder.encode(), b"other")
    built.write_bytes(other + marshal.dumps(({b"": b""}, {("a", 0): (32, backwards, 0, {}, (None,))})))
    re.purge()
    cold_start.begin()
    assert re.compile("a").match("a")


PATTERNS: list[tuple[Any, int]] = [
    (r"^(?P<kind>[a-z]+)-(?P<id>[0-9a-f]{8,17})$", re.ASCII),
    (r"[^\t\u0020-\ud7ff]|\U0001f600", 0),
    (r"(?i)vpc|subnet", re.MULTILINE),
    (rb"[\x00-\x1f]+?(a|b)*", re.DOTALL),
    ("", 0),
]


def test_a_pattern_that_the_build_compiled_isnt_compiled_again(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    re.purge()
    with seen_patterns() as patterns:
        as_ever = [re.compile(*one) for one in PATTERNS]
    re.purge()
    built.write_bytes(cold_start.MADE_FOR + marshal.dumps(({b"": b""}, patterns)))
    monkeypatch.setattr(COMPILER._parser, "parse", None)

    cold_start.begin()

    found = [re.compile(*one) for one in PATTERNS]
    assert found == as_ever
    assert not any(one is other for one, other in zip(found, as_ever, strict=True))
    assert [one.groupindex for one in found] == [one.groupindex for one in as_ever]
    match = found[0].match("vpc-0123456789abcdef0")
    assert match is not None
    assert match.groupdict() == {"kind": "vpc", "id": "0123456789abcdef0"}
    assert match.lastgroup == "id"


def test_a_pattern_that_it_didnt_is_made_as_ever(built: Path) -> None:
    built.write_bytes(cold_start.MADE_FOR + marshal.dumps(({b"": b""}, {("a", 0): (0, b"", 0, {}, ())})))
    re.purge()
    cold_start.begin()
    assert re.compile("b+").match("bb")
    assert re.compile("a", re.IGNORECASE).match("A")
    with pytest.raises(re.error, match="unterminated"):
        re.compile("(a")


def test_a_pattern_that_depends_on_the_locale_is_left_to_the_process() -> None:
    re.purge()
    with seen_patterns() as patterns:
        re.compile(rb"\w", re.LOCALE)
        re.compile(rb"\w")
    assert [pattern for pattern, _ in patterns] == [rb"\w"]
    assert not any(flags & re.LOCALE for _, flags in patterns)


def test_nothing_is_searched_for_garbage_until_all_is_imported(built: Path) -> None:
    cold_start.begin()
    assert not gc.isenabled()

    cold_start.end()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 1000
    assert gc.get_threshold()[0] == 50_000

"""A cold start compiles no dataclass that the build compiled, and breaks none that it didn't."""

import dataclasses
import gc
import marshal
from collections.abc import Iterator
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import Any

import pytest

from lifeline.runtime import cold_start


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    names, threshold = vars(dataclasses), gc.get_threshold()
    yield
    names.pop("exec", None)
    gc.enable()
    gc.unfreeze()
    gc.set_threshold(*threshold)


@pytest.fixture
def methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "methods"
    monkeypatch.setattr(cold_start, "METHODS", path)
    return path


def point() -> Any:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Point:
        x: int
        y: int = 0

    return Point


def texts() -> list[str]:
    """What `dataclasses` writes for a point."""
    found: list[str] = []
    names = vars(dataclasses)

    def execute(text: str, *scopes: Any) -> None:
        found.append(text)
        exec(text, *scopes)  # noqa: S102

    names["exec"] = execute
    point()
    del names["exec"]
    return found


def test_a_text_that_the_build_compiled_isnt_compiled_again(methods: Path) -> None:
    (text,) = texts()
    compiled = compile(text, "from the build", "exec")
    methods.write_bytes(MAGIC_NUMBER + marshal.dumps({text: marshal.dumps(compiled)}))

    cold_start.begin()
    kind = point()

    assert kind.__init__.__code__.co_filename == "from the build"
    assert kind(1) == kind(1, 0)
    assert repr(kind(1)).endswith("Point(x=1, y=0)")


@pytest.mark.parametrize(
    "content",
    [b"", MAGIC_NUMBER + marshal.dumps({}), b"otherpython" + marshal.dumps({"x": 1})],
    ids=["no build", "another text", "another Python"],
)
def test_any_other_dataclass_is_made_as_ever(methods: Path, content: bytes) -> None:
    if content:
        methods.write_bytes(content)

    cold_start.begin()

    assert point()(1, 2).y == 2


def test_nothing_is_searched_for_garbage_until_all_is_imported(methods: Path) -> None:
    cold_start.begin()
    assert not gc.isenabled()

    cold_start.end()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 1000
    assert gc.get_threshold()[0] == 50_000

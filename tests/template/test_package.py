"""What ships to Lambda is what the handlers need: nothing of tests, docs or tools, and no unused module."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.template import read_template

from tests.support.repository import ROOT

CODE = ROOT / read_template()["Globals"]["Function"]["CodeUri"]
PACKAGE = CODE / "lifeline"
SHIPPED = {".py", ".json", ".css"}


def shipped_files() -> list[Path]:
    return [path for path in CODE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def modules() -> dict[str, Path]:
    """Every module of the package, by its dotted name; a package by that of its `__init__`."""
    found = {".".join(path.relative_to(CODE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for name, path in found.items()}


def imported_by(path: Path) -> Iterator[str]:
    """What a source imports, wherever in it: modules, and names that may be modules."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{name.name}" for name in names)


def reachable() -> set[str]:
    known = modules()
    waiting = [name for name in known if name.startswith("lifeline.handlers.")]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in known and name not in found:
            found.add(name)
            waiting += [*imported_by(known[name]), name.rpartition(".")[0]]
    return found


def test_every_module_is_imported_by_a_handler_directly_or_not() -> None:
    assert set(modules()) - reachable() == set()


def test_only_sources_and_their_data_ship() -> None:
    assert {path.name for path in CODE.iterdir()} - {"__pycache__"} == {
        "lifeline",
        "requirements.in",
        "requirements.txt",
    }
    assert {path.suffix for path in shipped_files() if path.parent != CODE} <= SHIPPED


def test_the_package_imports_nothing_of_tests_or_tools() -> None:
    imported = {name.partition(".")[0] for path in modules().values() for name in imported_by(path)}
    assert imported.isdisjoint({"tests", "tools", "bench", "docs", "pytest", "moto"})


@pytest.mark.parametrize("word", ["test", "docs", "tools", "example"])
def test_no_file_is_named_after_what_stays_at_home(word: str) -> None:
    assert [str(path) for path in shipped_files() if path.stem.startswith(word) or word in path.parent.parts] == []

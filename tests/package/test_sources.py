"""What ships to Lambda is what the handlers need: nothing of tests, docs or tools, and no unused module."""

from pathlib import Path

import pytest
from tools.imported import imports, modules_in
from tools.template import read_template

from tests.support.built import package
from tests.support.repository import ROOT

CODE = ROOT / read_template()["Globals"]["Function"]["CodeUri"]
PACKAGE = CODE / "lifeline"
SHIPPED = {".py", ".json", ".css"}


def shipped_files() -> list[Path]:
    return [path for path in CODE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def test_every_module_is_imported_by_a_handler_directly_or_not_but_for_the_room_of_tools() -> None:
    at_home = set(modules_in(CODE)) - set(modules_in(package()))
    assert {name for name in at_home if not f"{name}.".startswith("lifeline.core.look_back.")} == set()


def test_only_sources_and_their_data_ship() -> None:
    assert {path.name for path in CODE.iterdir()} - {"__pycache__"} == {
        "Makefile",
        "lifeline",
        "requirements.in",
        "requirements.txt",
    }
    assert {path.suffix for path in shipped_files() if path.parent != CODE} <= SHIPPED


def test_the_package_imports_nothing_of_tests_or_tools() -> None:
    imported = {name.partition(".")[0] for module, path in modules_in(CODE).items() for name in imports(module, path)}
    assert imported.isdisjoint({"tests", "tools", "bench", "docs", "pytest", "moto"})


@pytest.mark.parametrize("word", ["test", "docs", "tools", "example"])
def test_no_file_is_named_after_what_stays_at_home(word: str) -> None:
    assert [str(path) for path in shipped_files() if path.stem.startswith(word) or word in path.parent.parts] == []

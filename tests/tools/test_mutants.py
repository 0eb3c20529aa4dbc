"""The mutation tests' tool: which small changes it makes, the same for the same seed, and what it imports."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from tools.mutants import PACKAGE, ROOMS, Mutant, mutants_of, sample

CODE = '''
from enum import StrEnum

@decorated(slots=True)
class Kind(StrEnum):
    A = "a"

    @property
    def last(self) -> int | None:
        """Text, with 3 numbers < 4."""
        return min(x for x in (1,) if not x)

def f(x: int | None, y: bool = True) -> int:
    return zip(x < 1 and x is y, {"a", "b"} & x, strict=True)
'''


def changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Mutant]:
    module = tmp_path / "lifeline" / "core" / "one.py"
    module.parent.mkdir(parents=True)
    module.write_text(CODE, "utf-8")
    monkeypatch.setattr("tools.mutants.PACKAGE", tmp_path / "lifeline")
    return list(mutants_of(module))


def test_what_decides_is_changed_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [mutant.name.removeprefix("core/one.py ") for mutant in changes(tmp_path, monkeypatch)]
    assert names == [
        "Kind.last: min((x for x in (1,) if not x)) -> max((x for x in (1,) if not x))",
        "Kind.last: 1 -> 2",
        "Kind.last: not x -> x",
        "f: True -> False",
        "f: x < 1 and x is y -> x < 1 or x is y",
        "f: x < 1 -> x <= 1",
        "f: 1 -> 2",
        "f: x is y -> x is not y",
        "f: {'a', 'b'} & x -> {'a', 'b'} | x",
        "f: {'a', 'b'} -> {'b'}",
        "f: {'a', 'b'} -> {'a'}",
    ]


def test_each_change_is_one_and_is_found_again_by_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = changes(tmp_path, monkeypatch)
    texts = {ast.unparse(Mutant.of(mutant.key).tree()) for mutant in found}
    assert (len(texts), ast.unparse(ast.parse(CODE)) in texts) == (len(found), False)


def test_the_same_seed_gives_the_same_sample_of_all_rooms() -> None:
    chosen = sample(300, 14)
    assert chosen == sample(300, 14) != sample(300, 15)
    assert len({mutant.key for mutant in chosen}) == 300
    assert {mutant.path.parent.name for mutant in chosen} == set(ROOMS)


@pytest.mark.parametrize(("way", "status"), [(None, 0), ("-> {TargetKind.CARRIER_GATEWAY}", 1)])
def test_a_change_is_imported_in_the_modules_place_and_the_tests_notice(way: str | None, status: int) -> None:
    mutants = mutants_of(PACKAGE / "core" / "network" / "tiers.py")
    only = ["--only", next(one.key for one in mutants if one.name.endswith(way))] if way else []
    command = [sys.executable, "-m", "tools.mutants", *only, "--tests", "tests/core/network/test_tiers.py"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == status  # noqa: S603

"""The mutation tests' tool: which small changes it makes, the same for the same seed, and what it imports."""

import ast
import subprocess
import sys
from collections.abc import Set
from pathlib import Path

import pytest
from tools.mutants import PACKAGE, ROOMS, Callers, Mutant, _survives, mutants_of, sample

TIERS = {
    f"tests/core/network/test_tiers.py::{test}"
    for test in (
        "test_one_office_address_through_an_internet_gateway_does_not_make_a_subnet_public",
        "test_half_to_the_internet_gateway_and_half_to_a_nat_gateway_is_a_way_out",
    )
}
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


def test_each_change_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = changes(tmp_path, monkeypatch)
    texts = {ast.unparse(mutant.tree()) for mutant in found}
    assert (len(texts), ast.unparse(ast.parse(CODE)) in texts) == (len(found), False)


def test_a_change_knows_the_line_of_its_function_and_a_default_runs_at_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_name = {mutant.name.removeprefix("core/one.py "): mutant for mutant in changes(tmp_path, monkeypatch)}
    assert by_name["Kind.last: not x -> x"].function == CODE.splitlines().index("    @property") + 1
    assert by_name["f: 1 -> 2"].function == CODE.splitlines().index("def f(x: int | None, y: bool = True) -> int:") + 1
    assert by_name["f: True -> False"].function == 0


def test_the_tests_of_a_change_are_those_that_call_its_function_and_all_for_one_at_import() -> None:
    path = PACKAGE / "core" / "network" / "tiers.py"
    file = str(path.resolve())
    tests = Callers({(file, 3): {"a"}, (file, 9): {"b", ""}, (file, 20): {"c"}})
    asked = [tests.of(Mutant(path, line, 0, 0, "", line)) for line in (3, 9, 0, 30)]
    assert asked == [{"a"}, {"a", "b", "c"}, {"a", "b", "c"}, set()]


def test_the_same_seed_gives_the_same_sample_of_all_rooms() -> None:
    chosen = sample(300, 14)
    assert chosen == sample(300, 14) != sample(300, 15)
    assert len({(mutant.path, mutant.place, mutant.way) for mutant in chosen}) == 300
    assert {mutant.path.parent.name for mutant in chosen} == set(ROOMS)


def test_the_sample_stays_the_same_where_other_code_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.mutants.PACKAGE", tmp_path / "lifeline")
    room = tmp_path / "lifeline" / "core" / "network"
    room.mkdir(parents=True)
    (room / "one.py").write_text(CODE + CODE, "utf-8")
    before = [mutant.name for mutant in sample(8, 14)]
    (room / "one.py").write_text(f"def g(x: int) -> bool:\n    return x < 5\n{CODE}{CODE}", "utf-8")
    after = [mutant.name for mutant in sample(10, 14) if " g: " not in mutant.name]
    assert after[: len(before)] == before[: len(after)]


@pytest.mark.parametrize(("way", "passes"), [(None, True), ("-> {TargetKind.CARRIER_GATEWAY}", False)])
def test_a_change_is_imported_in_the_modules_place_and_the_tests_notice(way: str | None, passes: bool) -> None:
    code = f"""
from tools.mutants import PACKAGE, _passes, mutants_of
from tests.tools.test_mutants import TIERS
way = {way!r}
mutants = mutants_of(PACKAGE / "core" / "network" / "tiers.py")
print(_passes(next(one for one in mutants if one.name.endswith(way)) if way else None, TIERS))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split() == [str(passes)]


def test_tests_that_cannot_be_found_are_an_error_and_no_killed_change() -> None:
    code = "from tools.mutants import _passes; _passes(None, {'tests/core/network/test_none.py::test_none'})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert "RuntimeError: pytest ends with" in done.stderr


def test_a_change_is_tried_by_its_modules_own_tests_first(monkeypatch: pytest.MonkeyPatch) -> None:
    path = PACKAGE / "core" / "network" / "tiers.py"
    own, other = "tests/core/network/test_tiers.py::test_a", "tests/core/plan/test_plan.py::test_b"
    tests, change = Callers({(str(path.resolve()), 3): {own, other}}), Mutant(path, 3, 0, 0, "", 3)
    for fails_by, tried in (({own}, [{own}]), ({own, other}, [{own}, {own, other}]), (None, [{own}, {own, other}])):
        found: list[Set[str]] = []

        def passes(_: Mutant, chosen: Set[str], *, found: list[Set[str]] = found, by: object = fails_by) -> bool:
            found.append(chosen)
            return chosen != by

        monkeypatch.setattr("tools.mutants._passes", passes)
        assert (_survives(change, tests), found) == (fails_by is None, tried)


def test_tests_that_run_out_of_time_are_said_to() -> None:
    code = """
from tools import mutants
from tests.tools.test_mutants import TIERS
mutants._TIMEOUT = 0
print(mutants._passes(None, TIERS))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split("\n")[:2] == ["    out of time, which counts as failed: no change", "False"]

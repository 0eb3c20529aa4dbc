"""The mutation tests' tool: which small changes it makes, the same for the same seed, and what it imports."""

import ast
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tools.mutants import PACKAGE, ROOMS, Callers, Collected, Mutant, _survives, mutants_of, sample

FILE = "tests/core/network/test_tiers.py"
TIERS = [
    f"{FILE}::{test}"
    for test in (
        "test_one_office_address_through_an_internet_gateway_does_not_make_a_subnet_public",
        "test_half_to_the_internet_gateway_and_half_to_a_nat_gateway_is_a_way_out",
    )
]
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


def test_a_change_is_tried_by_the_tests_that_call_its_function_its_modules_own_and_the_quickest_first() -> None:
    path = PACKAGE / "core" / "network" / "tiers.py"
    own, slow, other, quick = (
        f"tests/core/{file}::test"
        for file in ("network/test_tiers.py", "network/test_tiers.py::slow", "network/test_acl.py", "plan/test_plan.py")
    )
    calls = {3: {quick, other, slow, own}, 9: {own, ""}, 20: {quick}}
    seconds = {own: 1.0, slow: 9.0, other: 0.5, quick: 0.1}
    callers = Callers({(str(path.resolve()), line): tests for line, tests in calls.items()}, seconds)
    asked = [callers.of(Mutant(path, line, 0, 0, "", line)) for line in (3, 9, 20, 0, 30)]
    everything = [own, slow, quick, other]
    assert asked == [everything, everything, [quick], everything, []]


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


def done(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603


@pytest.mark.parametrize(
    ("way", "passes"),
    [
        ("", True),
        (": {TargetKind.INTERNET_GATEWAY, TargetKind.CARRIER_GATEWAY} -> {TargetKind.CARRIER_GATEWAY}", False),
        ("_is_open_edge: route.target in EDGES -> route.target not in EDGES", False),
    ],
)
def test_a_change_is_made_at_import_or_in_its_function_and_the_tests_notice(way: str, passes: bool) -> None:
    """What one fork changes, the next doesn't have."""
    code = f"""
from tools.mutants import PACKAGE, Collected, mutants_of
from tests.tools.test_mutants import FILE, TIERS
named = [one for one in mutants_of(PACKAGE / "core" / "network" / "tiers.py") if {way!r} and one.name.endswith({way!r})]
change = named[0] if named else None
at_import = change if change and not change.function else None
with Collected(at_import, FILE) as tests:
    print(tests.passes(TIERS, None if at_import else change), tests.passes(TIERS))
"""
    assert done(code).stdout.split() == [str(passes), str(passes or not way.startswith(":"))]


def test_tests_that_cannot_be_found_are_an_error_and_no_killed_change() -> None:
    code = """
from tools.mutants import Collected
from tests.tools.test_mutants import FILE
with Collected(None, FILE) as tests:
    tests.passes(["tests/core/network/test_none.py::test_none"])
"""
    assert "RuntimeError: pytest ends with" in done(code).stderr


def test_tests_that_cannot_be_collected_notice_the_change_however_many_were_asked_for(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"test_{name}.py").write_text("assert not 'importable'")
    code = f"""
from tools.mutants import Collected
with Collected(None, {str(tmp_path)!r}) as tests:
    print(tests.passes(["x" * 100] * 10_000), tests.passes(["x"]), tests.look())
"""
    assert done(code).stdout.split() == ["False", "False", "None"]


def test_tests_that_run_out_of_time_are_said_to() -> None:
    code = """
from tools import mutants
from tests.tools.test_mutants import FILE, TIERS
mutants._TIMEOUT = 0
with mutants.Collected(None, FILE) as tests:
    print(tests.passes(TIERS))
"""
    assert done(code).stdout.split("\n")[:2] == ["    out of time, which counts as failed: no change", "False"]


def test_a_change_at_import_is_tried_by_its_modules_own_tests_and_its_rooms_before_all_are_collected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = PACKAGE / "core" / "network" / "tiers.py"
    own, near, other = (
        f"{FILE}::test_a",
        "tests/core/network/test_acl.py::test_c",
        "tests/core/plan/test_plan.py::test_b",
    )
    change = Mutant(path, 3, 0, 0, "", 0)
    callers = Callers({(str(path.resolve()), 3): {own, near, other}}, {own: 1.0, near: 0.5, other: 0.1})
    collected: list[tuple[str, Sequence[str]]] = []

    class Counted(Collected):
        def __init__(self, mutant: Mutant | None = None, files: str = "") -> None:
            assert mutant == change
            self.files = files

        def __exit__(self, *_: object) -> None:
            pass

        def passes(self, tests: Sequence[str], mutant: Mutant | None = None) -> bool:
            assert mutant is None
            collected.append((self.files, tests))
            return tests != failing

    monkeypatch.setattr("tools.mutants.Collected", Counted)
    for failing, tried in (([own], 1), ([near], 2), ([other], 3), ([], 3)):
        collected.clear()
        assert _survives(change, callers, Counted(change)) is (not failing)
        assert collected == [(FILE, [own]), ("tests/core/network", [near]), ("tests/core", [other])][:tried]

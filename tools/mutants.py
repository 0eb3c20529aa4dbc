"""Mutation tests of the core: change one small thing, and see whether a test of the core fails. `make mutants`.

Neither mutmut nor Cosmic Ray takes a seeded sample, and both run far more tests for each mutation than this.
"""

import argparse
import ast
import importlib.abc
import importlib.machinery
import importlib.util
import json
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Self

import pytest

PACKAGE = Path("functions/lifeline")
ROOMS = ("network", "plan", "coexist", "agents")
EXPLAINED = Path("tools/mutants_explained.json")
MOST_SURVIVING = 0.05
_TIMEOUT = 900  # seconds: a mutation may loop for ever
_TURNED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Sub: ast.Add,
}
_SWAPPED = {"any": "all", "all": "any", "min": "max", "max": "min"}
_INERT = frozenset({"annotation", "returns", "decorator_list", "type_params"})  # fields that decide nothing


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: of which module, in which function, and what was what. `place` is the module's node that it is in, in
    the order of a walk, `way` which of the changes that the node allows.
    """

    path: Path
    line: int
    place: int
    way: int
    name: str

    @property
    def key(self) -> str:
        """What a process of its own is told to import it."""
        return f"{self.path}:{self.place}:{self.way}"

    @classmethod
    def of(cls, key: str) -> Self:
        """The mutant of such a key."""
        path, place, way = key.split(":")
        return cls(Path(path), 0, int(place), int(way), "")

    @property
    def module(self) -> str:
        """The module's name."""
        return ".".join(self.path.relative_to(PACKAGE.parent).with_suffix("").parts)

    def tree(self) -> ast.Module:
        """The module with the change made."""
        tree = ast.parse(self.path.read_text("utf-8"))
        for place, (owner, field, index, node, _) in enumerate(_nodes(tree)):
            if place == self.place:
                changed = list(_changes(node))[self.way]
                if index is None:
                    setattr(owner, field, changed)
                else:
                    getattr(owner, field)[index] = changed
                break
        return ast.fix_missing_locations(tree)


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Every change of a module, in order."""
    for place, (_, _, _, node, scope) in enumerate(_nodes(ast.parse(path.read_text("utf-8")))):
        for way, changed in enumerate(_changes(node)):
            where = path.relative_to(PACKAGE).as_posix()
            name = f"{where} {scope}: {ast.unparse(node)} -> {ast.unparse(changed)}"
            yield Mutant(path, getattr(node, "lineno", 0), place, way, name)


def sample(size: int, seed: int) -> list[Mutant]:
    """So many changes of all the rooms, the same for the same seed and code."""
    paths = sorted(path for room in ROOMS for path in (PACKAGE / "core" / room).glob("*.py"))
    found = [mutant for path in paths for mutant in mutants_of(path)]
    return random.Random(seed).sample(found, min(size, len(found)))  # noqa: S311


def _nodes(root: ast.AST, scope: str = "") -> Iterator[tuple[ast.AST, str, int | None, ast.AST, str]]:
    """Every node that decides something, with its owner's field, and the function that it is in."""
    for field, value in ast.iter_fields(root):
        if field in _INERT or (isinstance(root, ast.keyword) and root.arg == "strict"):
            continue
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(node, ast.AST) and not isinstance(node, ast.TypeAlias):
                named = isinstance(node, ast.FunctionDef | ast.ClassDef)
                inner = ".".join(filter(None, (scope, getattr(node, "name", "")))) if named else scope
                yield root, field, index, node, inner
                yield from _nodes(node, inner)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                if type(operator) in _TURNED:
                    yield _with(node, ops=[*node.ops[:place], _TURNED[type(operator)](), *node.ops[place + 1 :]])
        case ast.BoolOp() | ast.BinOp() if type(node.op) in _TURNED:
            yield _with(node, op=_TURNED[type(node.op)]())
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.Constant(value=bool(value)):
            yield _with(node, value=not value)
        case ast.Constant(value=int(value)):
            yield _with(node, value=value + 1)
        case ast.Call(func=ast.Name(id=name)) if name in _SWAPPED:
            yield _with(node, func=ast.Name(_SWAPPED[name], ast.Load()))
        case ast.Set(elts=elements) if len(elements) > 1:
            for place in range(len(elements)):
                yield _with(node, elts=[*elements[:place], *elements[place + 1 :]])


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    changed = deepcopy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


# ---- one mutant, in a process of its own


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the one module as it was changed."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._mutant.module:
            return None
        return importlib.util.spec_from_file_location(name, self._mutant.path, loader=self)

    def get_source(self, fullname: str) -> str:  # noqa: ARG002
        return self._mutant.path.read_text("utf-8")

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        code: CodeType = compile(self._mutant.tree(), str(self._mutant.path), "exec")
        return code


class _Quickly:
    """Hypothesis only looks for one failing example, the same each time."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        from hypothesis import Phase, settings  # noqa: PLC0415 - pytest rewrites its asserts first

        quick = [Phase.explicit, Phase.generate]
        settings.register_profile("mutants", settings(), phases=quick, derandomize=True, database=None)
        settings.load_profile("mutants")


def _run(mutant: Mutant | None, tests: list[str]) -> int:
    if mutant:
        sys.meta_path.insert(0, _Finder(mutant))
    options = ["-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist"]
    return int(pytest.main([*options, *tests], plugins=[_Quickly()]))


# ---- all of them


def _survives(mutant: Mutant) -> bool:
    """True if no test fails: first of its own room, which kill most, then of the rest of the core."""
    room = f"tests/core/{mutant.path.parent.name}"
    own = f"{room}/test_{mutant.path.stem}.py"
    stages = [[*([own] if Path(own).exists() else []), room], ["tests/core", f"--ignore={room}"]]
    return all(_passes(tests, "--only", mutant.key) for tests in stages)


def _passes(tests: list[str], *only: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "tools.mutants", *only, "--tests", *tests],
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main() -> int:
    """Run the sample; 1 if too many mutations survive, or one that nobody has explained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=Mutant.of)
    parser.add_argument("--tests", nargs="+")
    asked, more = parser.parse_known_args()
    if asked.tests:
        return _run(asked.only, [*asked.tests, *more])
    if not _passes(["tests/core"]):
        _say("the tests of the core fail without any change")
        return 1
    chosen = sample(asked.size, asked.seed)
    explained: dict[str, str] = json.loads(EXPLAINED.read_text("utf-8"))
    survivors: list[Mutant] = []
    with ThreadPoolExecutor(asked.jobs) as pool:
        for place, (mutant, survives) in enumerate(zip(chosen, pool.map(_survives, chosen), strict=True)):
            if survives:
                survivors.append(mutant)
                _say(f"[{place + 1}/{len(chosen)}] survives: {mutant.name} (line {mutant.line})")
                _say(f"    {explained.get(mutant.name, 'NOT EXPLAINED')}")
            elif (place + 1) % 25 == 0:
                _say(f"[{place + 1}/{len(chosen)}]")
    share = len(survivors) / len(chosen)
    _say(f"{len(survivors)} of {len(chosen)} mutations survive: {share:.1%}, at most {MOST_SURVIVING:.0%} may")
    return int(share > MOST_SURVIVING or any(mutant.name not in explained for mutant in survivors))


def _say(words: str) -> None:
    print(words, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())

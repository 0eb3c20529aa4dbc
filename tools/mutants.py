"""Mutation tests of the core: change one small thing, and see whether a test of the core fails. `make mutants`.

Neither mutmut nor Cosmic Ray takes a seeded sample, and both run far more tests for each mutation than this.
"""

import argparse
import ast
import importlib.abc
import importlib.machinery
import importlib.util
import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import redirect_stderr, redirect_stdout, suppress
from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Self

import pytest

PACKAGE = Path("functions/lifeline")
ROOMS = ("network", "plan", "coexist", "agents")
EXPLAINED = Path("tools/mutants_explained.json")
MOST_SURVIVING = 0.05
_TIMEOUT = 600  # seconds, far more than all the tests take: a mutation may loop for ever
_FORK = multiprocessing.get_context("fork")
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
    function: int  # where the function starts that it is in; 0: in none, so it runs at import

    @property
    def module(self) -> str:
        """The module's name."""
        return ".".join(self.path.relative_to(PACKAGE.parent).with_suffix("").parts)

    def tree(self) -> ast.Module:
        """The module with the change made."""
        tree = ast.parse(self.path.read_text("utf-8"))
        for place, (owner, field, index, node, *_) in enumerate(_nodes(tree)):
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
    for place, (_, _, _, node, scope, function) in enumerate(_nodes(ast.parse(path.read_text("utf-8")))):
        for way, changed in enumerate(_changes(node)):
            where = path.relative_to(PACKAGE).as_posix()
            name = f"{where} {scope}: {ast.unparse(node)} -> {ast.unparse(changed)}"
            yield Mutant(path, getattr(node, "lineno", 0), place, way, name, function)


def sample(size: int, seed: int) -> list[Mutant]:
    """So many changes of all the rooms, at random by the seed. Each has its place by its name alone, so that a sample
    that was dealt with stays the same where the code of other changes is another.
    """
    paths = sorted(path for room in ROOMS for path in (PACKAGE / "core" / room).glob("*.py"))
    alike: Counter[str] = Counter()
    placed: list[tuple[bytes, Mutant]] = []
    for mutant in (mutant for path in paths for mutant in mutants_of(path)):
        placed.append((sha256(f"{seed}|{alike[mutant.name]}|{mutant.name}".encode()).digest(), mutant))
        alike.update([mutant.name])
    return [mutant for _, mutant in sorted(placed, key=lambda pair: pair[0])[:size]]


def _nodes(
    root: ast.AST, scope: str = "", function: int = 0
) -> Iterator[tuple[ast.AST, str, int | None, ast.AST, str, int]]:
    """Every node that decides something, with its owner's field, and the function that it is in by name and line."""
    if isinstance(root, ast.FunctionDef):
        function = min([root.lineno, *(decorator.lineno for decorator in root.decorator_list)])
    for field, value in ast.iter_fields(root):
        if field in _INERT or (isinstance(root, ast.keyword) and root.arg == "strict"):
            continue
        inside = 0 if field == "args" and isinstance(root, ast.FunctionDef) else function  # defaults: at import
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(node, ast.AST) and not isinstance(node, ast.TypeAlias):
                named = isinstance(node, ast.FunctionDef | ast.ClassDef)
                inner = ".".join(filter(None, (scope, getattr(node, "name", "")))) if named else scope
                yield root, field, index, node, inner, inside
                yield from _nodes(node, inner, inside)


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


class _Seen:
    """Notes which tests call which functions of the rooms. What is called while tests are collected belongs to all."""

    def __init__(self) -> None:
        self.calls: dict[tuple[str, int], set[str]] = {}
        self._test = ""
        self._rooms = tuple(str((PACKAGE / "core" / room).resolve()) for room in ROOMS)

    def pytest_configure(self) -> None:
        watch = sys.monitoring
        watch.use_tool_id(watch.COVERAGE_ID, "mutants")
        watch.register_callback(watch.COVERAGE_ID, watch.events.PY_START, self._called)
        watch.set_events(watch.COVERAGE_ID, watch.events.PY_START)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._test = nodeid
        for module in [module for name, module in sys.modules.items() if name.startswith("lifeline.core")]:
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):  # what an earlier test left there would not be called again
                    value.cache_clear()
        sys.monitoring.restart_events()

    def _called(self, code: CodeType, _offset: int) -> object:
        if code.co_filename.startswith(self._rooms):
            self.calls.setdefault((code.co_filename, code.co_firstlineno), set()).add(self._test)
        return sys.monitoring.DISABLE


class _Only:
    """Runs only the chosen tests."""

    def __init__(self, tests: Set[str]) -> None:
        self._tests = tests

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._tests]


def _pytest(tests: Sequence[str], *plugins: object) -> int:
    options = ["-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # the forks have imported their plugins
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return int(pytest.main([*options, *tests], plugins=[_Quickly(), *plugins]))


def _look(told: Connection) -> None:
    seen = _Seen()
    failed = _pytest(["tests/core"], seen)
    others = [name for name in sys.modules if name.partition(".")[0] not in {"lifeline", "tests", "tools", "__main__"}]
    told.send((failed, seen.calls, others))


def _try(mutant: Mutant | None, tests: Set[str], told: Connection) -> None:
    if mutant:
        sys.meta_path.insert(0, _Finder(mutant))
    files = {test.partition("::")[0] for test in tests}
    path = mutant.path if mutant else PACKAGE
    room, own = f"tests/core/{path.parent.name}/", f"test_{path.stem}.py"
    order = sorted(files, key=lambda file: (not file.startswith(room), not file.endswith(own), file))
    told.send(_pytest(order, _Only(tests)))


# ---- all of them


@dataclass(frozen=True, slots=True)
class Callers:
    """Which tests of the core call which function, from one run without a change. Hypothesis tries the same examples
    each time, so a test that does not call the changed function cannot notice the change.
    """

    calls: Mapping[tuple[str, int], Set[str]]

    @classmethod
    def read(cls) -> Self | None:
        """None if they fail without any change. Imports what they import of others, for all the forks to come."""
        here, there = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=_look, args=(there,))
        process.start()
        failed, calls, others = here.recv()
        process.join()
        for name in others:
            with suppress(ImportError):
                importlib.import_module(name)
        return None if failed else cls(calls)

    @property
    def all(self) -> Set[str]:
        """Every test that calls any function."""
        return frozenset[str]().union(*self.calls.values()) - {""}

    def of(self, mutant: Mutant) -> Set[str]:
        """The tests that call the function that holds the change: all, if it is none, or runs at import."""
        calling = self.calls.get((str(mutant.path.resolve()), mutant.function), frozenset())
        return calling if mutant.function and "" not in calling else self.all


def _passes(mutant: Mutant | None, tests: Set[str]) -> bool:
    """Whether these tests pass with the change; what neither passes nor fails, such as a broken set-up, is an error."""
    here, there = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_try, args=(mutant, tests, there))
    process.start()
    there.close()
    try:
        if not here.poll(_TIMEOUT):
            _say(f"    out of time, which counts as failed: {mutant.name if mutant else 'no change'}")
            return False
        outcome = here.recv()
    finally:
        process.kill()
        process.join()
    if outcome not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED}:
        raise RuntimeError(f"pytest ends with {outcome} for {mutant}")
    return bool(outcome == pytest.ExitCode.OK)


def _survives(mutant: Mutant, tests: Callers) -> bool:
    """True if no test fails, or none calls the function. Most fail in the module's own file, so that is tried first."""
    chosen = tests.of(mutant)
    file = f"tests/core/{mutant.path.parent.name}/test_{mutant.path.stem}.py"
    own = {test for test in chosen if test.partition("::")[0] == file}
    if own and not _passes(mutant, own):
        return False
    return chosen == own or _passes(mutant, chosen)


def main() -> int:
    """Run the sample; 1 if too many mutations survive, or one that nobody has explained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--seed", type=int, default=14)
    asked = parser.parse_args()
    tests = Callers.read()
    if not tests or not _passes(None, tests.all):
        _say("the tests of the core fail without any change")
        return 1
    chosen = sample(asked.size, asked.seed)
    explained: dict[str, str] = json.loads(EXPLAINED.read_text("utf-8"))
    survivors: list[Mutant] = []
    for place, mutant in enumerate(chosen, 1):
        if _survives(mutant, tests):
            survivors.append(mutant)
            _say(f"[{place}/{len(chosen)}] survives: {mutant.name} (line {mutant.line})")
            _say(f"    {explained.get(mutant.name, 'NOT EXPLAINED')}")
        elif place % 25 == 0:
            _say(f"[{place}/{len(chosen)}]")
    share = len(survivors) / len(chosen)
    _say(f"{len(survivors)} of {len(chosen)} mutations survive: {share:.1%}, at most {MOST_SURVIVING:.0%} may")
    return int(share > MOST_SURVIVING or any(mutant.name not in explained for mutant in survivors))


def _say(words: str) -> None:
    print(words, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())

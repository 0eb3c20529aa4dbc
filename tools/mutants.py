"""Mutation tests of the core: change one small thing, and see whether a test of the core fails. `make mutants`.

Neither mutmut nor Cosmic Ray takes a seeded sample, and both run far more tests for each mutation than this.
"""

import argparse
import ast
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import json
import multiprocessing
import os
import resource
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import redirect_stderr, redirect_stdout, suppress
from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path
from signal import SIGKILL
from types import CodeType, FunctionType, ModuleType
from typing import Any, Self

import pytest

PACKAGE = Path("functions/lifeline")
ROOMS = ("network", "plan", "coexist", "agents")
EXPLAINED = Path("tools/mutants_explained.json")
MOST_SURVIVING = 0.05
_TIMEOUT = 600  # seconds, far more than all the tests take: a mutation may loop for ever
_MEMORY = 8 * 2**30  # bytes: it may also collect things for ever
_CALLS_MUCH_AT_IMPORT = "tests/core/notices/test_hostile_text.py"  # a change of what it calls is slow to try
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
_INERT_OPTIONS = frozenset({"strict", "init", "repr"})  # of `zip` and `field`: nothing that is correct differs by them


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

    @property
    def tests(self) -> str:
        """The module's own tests."""
        return f"tests/core/{self.path.parent.name}/test_{self.path.stem}.py"

    def code(self) -> CodeType:
        """The module with the change made, compiled."""
        code: CodeType = compile(self.tree(), str(self.path.resolve()), "exec")
        return code

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
        if field in _INERT or (isinstance(root, ast.keyword) and root.arg in _INERT_OPTIONS):
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


# ---- a change made


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
        return self._mutant.code()


def _put(mutant: Mutant, functions: Iterable[FunctionType]) -> None:
    """Give the functions of the imported module the changed code."""
    changed = {(code.co_qualname, code.co_firstlineno): code for code in _codes(mutant.code())}
    for function in functions:
        old = function.__code__
        if function.__module__ == mutant.module and old.co_name != "<lambda>":
            function.__code__ = changed.get((old.co_qualname, old.co_firstlineno), old)
    _forget()


def _codes(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _codes(inner)


def _forget() -> None:
    """Clear the caches of the core."""
    for module in [module for name, module in sys.modules.items() if name.startswith("lifeline.core")]:
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


# ---- the tests


class _Quickly:
    """Hypothesis only looks for one failing example, the same each time."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        from hypothesis import Phase, settings  # noqa: PLC0415 - pytest rewrites its asserts first

        quick = settings(phases=[Phase.explicit, Phase.generate], report_multiple_bugs=False)
        settings.register_profile("mutants", quick, derandomize=True, database=None)
        settings.load_profile("mutants")


class _Seen:
    """Notes which tests call which functions of the rooms, and how many seconds they take. What is called while tests
    are collected belongs to all.
    """

    def __init__(self) -> None:
        self.calls: dict[tuple[str, int], set[str]] = {}
        self.seconds: dict[str, float] = {}
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
        _forget()  # what an earlier test left there would not be called again
        sys.monitoring.restart_events()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration

    def stop(self) -> None:
        """Note nothing more."""
        sys.monitoring.free_tool_id(sys.monitoring.COVERAGE_ID)

    def _called(self, code: CodeType, _offset: int) -> object:
        if code.co_filename.startswith(self._rooms):
            self.calls.setdefault((code.co_filename, code.co_firstlineno), set()).add(self._test)
        return sys.monitoring.DISABLE


class _Runs:
    """In a process that has collected the tests: runs those that it is asked for, each time in a fork."""

    def __init__(self, asked: Connection, seen: _Seen) -> None:
        self.began = False
        self._asked = asked
        self._seen = seen
        self._functions: list[FunctionType] = []
        self._told: Connection | None = None  # in a fork: where to say how the tests ended

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        self.began = True
        gc.unfreeze()  # of frozen objects, it says none
        self._functions = [found for found in gc.get_objects() if isinstance(found, FunctionType)]
        gc.freeze()
        for asked in iter(self._asked.recv, None):
            here, there = _FORK.Pipe(duplex=False)
            pid = os.fork()
            if not pid:
                self._told = there
                self._choose(session, *asked)
                return None  # pytest runs them
            there.close()
            with suppress(EOFError):
                self._asked.send(here.recv() if here.poll(_TIMEOUT) else None)
            os.kill(pid, SIGKILL)
            os.waitpid(pid, 0)
        return True

    def _choose(self, session: pytest.Session, tests: Sequence[str] | None, mutant: Mutant | None) -> None:
        if tests is None:
            return
        self._seen.stop()
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        by_id = {item.nodeid: item for item in session.items}
        session.items = [by_id[test] for test in tests if test in by_id]
        if not session.items and not session.testsfailed:
            raise LookupError("none of these tests is there")
        if mutant:
            _put(mutant, self._functions)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if self._told:
            self._told.send((int(exitstatus), self._seen.calls, self._seen.seconds))
            os._exit(0)


def _collect(asked: Connection, mutant: Mutant | None, files: str) -> None:
    if mutant:
        sys.meta_path.insert(0, _Finder(mutant))
    seen = _Seen()
    options = ["-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", files]
    options += [f"--ignore={_CALLS_MUCH_AT_IMPORT}"]
    runs = _Runs(asked, seen)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        outcome = int(pytest.main(options, plugins=[_Quickly(), seen, runs]))
    while not runs.began and asked.recv():  # pytest stopped where one of several files can't be collected
        asked.send((outcome, {}, {}))


class Collected:
    """The tests of the core, in a process that has collected them: without a change, or with one at import."""

    def __init__(self, mutant: Mutant | None = None, files: str = "tests/core") -> None:
        self._ask, there = _FORK.Pipe()
        self._process = _FORK.Process(target=_collect, args=(there, mutant, files))
        self._process.start()
        there.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def look(self) -> "Callers | None":
        """All the tests, and what they call; None if they fail."""
        passed, calls, seconds = self._run(None, None)
        return Callers(calls, seconds) if passed else None

    def passes(self, tests: Sequence[str], mutant: Mutant | None = None) -> bool:
        """Whether these tests pass, in their order, with the change of a function."""
        return self._run(tests, mutant)[0]

    def _run(
        self, tests: Sequence[str] | None, mutant: Mutant | None
    ) -> tuple[bool, dict[tuple[str, int], set[str]], dict[str, float]]:
        self._ask.send((tests, mutant))
        try:
            told = self._ask.recv() if self._ask.poll(2 * _TIMEOUT) else None
        except EOFError:
            raise RuntimeError(f"the tests end before they say how for {mutant}") from None
        if told is None:
            _say(f"    out of time, which counts as failed: {mutant.name if mutant else 'no change'}")
            return False, {}, {}
        outcome, calls, seconds = told
        if outcome not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED}:
            raise RuntimeError(f"pytest ends with {outcome} for {mutant}")
        return outcome == pytest.ExitCode.OK, calls, seconds


# ---- all of them


@dataclass(frozen=True, slots=True)
class Callers:
    """Which tests of the core call which function, and how many seconds each takes, from one run without a change.
    Hypothesis tries the same examples each time, so a test that does not call the changed function cannot notice the
    change.
    """

    calls: Mapping[tuple[str, int], Set[str]]
    seconds: Mapping[str, float]

    def is_at_import(self, mutant: Mutant) -> bool:
        """Whether the change decides before any test runs: in no function, or in one that is called at import."""
        return not mutant.function or "" in self._calling(mutant)

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that call the function that holds the change, or all for one at import: first the module's own,
        then the quickest.
        """
        chosen = self.seconds.keys() if self.is_at_import(mutant) else self._calling(mutant)
        return sorted(chosen, key=lambda test: (test.partition("::")[0] != mutant.tests, self.seconds[test], test))

    def _calling(self, mutant: Mutant) -> Set[str]:
        return self.calls.get((str(mutant.path.resolve()), mutant.function), frozenset())


def _survives(mutant: Mutant, callers: Callers, tests: Collected) -> bool:
    """True if no test fails, or none calls the function."""
    chosen = callers.of(mutant)
    if not callers.is_at_import(mutant):
        return not chosen or tests.passes(chosen, mutant)
    for files in (mutant.tests, mutant.tests.rpartition("/")[0], "tests/core"):  # it takes long to collect them all
        some = [test for test in chosen if test.startswith((f"{files}::", f"{files}/"))]
        if some and not _passes_at_import(mutant, files, some):
            return False
        chosen = [test for test in chosen if not test.startswith((f"{files}::", f"{files}/"))]
    return True


def _passes_at_import(mutant: Mutant, files: str, tests: Sequence[str]) -> bool:
    with Collected(mutant, files) as changed:
        return changed.passes(tests)


def main() -> int:
    """Run the sample; 1 if too many mutations survive, or one that nobody has explained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--seed", type=int, default=14)
    asked = parser.parse_args()
    with Collected() as tests:
        callers = tests.look()
        if not callers:
            _say("the tests of the core fail without any change")
            return 1
        return _all(sample(asked.size, asked.seed), callers, tests)


def _all(chosen: Sequence[Mutant], callers: Callers, tests: Collected) -> int:
    explained: dict[str, str] = json.loads(EXPLAINED.read_text("utf-8"))
    survivors: list[Mutant] = []
    for place, mutant in enumerate(chosen, 1):
        if _survives(mutant, callers, tests):
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

"""Finds the modules in a folder that a program can import, and what else in the folder belongs to them.

Every import statement counts, wherever it is in a module, so that what is imported late stays, too. Only those for type
checkers don't, and those of modules that can't be imported because they need a package that isn't there. Imports by a
computed name can't be read; a test says which modules have one.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

type Modules = dict[str, Path]
"""Modules and packages by their dotted names; a package's file is its `__init__.py`."""


def modules_in(folder: Path) -> Modules:
    """Every module below the folder."""
    found = {path.relative_to(folder).with_suffix(""): path for path in folder.rglob("*.py")}
    return {".".join(name.parts).removesuffix(".__init__"): path for name, path in sorted(found.items())}


def reachable(modules: Modules, start: str) -> set[str]:
    """The names of all modules that those below the package `start` import, directly or not."""
    tops = {name.partition(".")[0] for name in modules} | sys.stdlib_module_names
    waiting = [name for name in modules if name == start or name.startswith(f"{start}.")]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in modules and name not in found and _can_be_imported(modules[name], tops):
            found.add(name)
            waiting += [*imports(name, modules[name]), name.rpartition(".")[0]]
    return found


def imports(name: str, path: Path) -> Iterator[str]:
    """What the module imports: modules, and names in them that may be modules."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in _at_run_time(ast.parse(path.read_bytes())):
        match node:
            case ast.Import(names=names):
                yield from (one.name for one in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                parts = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                base = ".".join([*parts, *([module] if module else [])])
                yield base
                yield from (f"{base}.{one.name}" for one in names)


def _at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            for other in child.orelse:
                yield other
                yield from _at_run_time(other)
        else:
            yield child
            yield from _at_run_time(child)


def _can_be_imported(path: Path, tops: set[str]) -> bool:
    """Whether every package is there that the module imports first of all, outside of any condition or function."""
    for node in ast.parse(path.read_bytes()).body:
        match node:
            case ast.Import(names=names):
                needed = {one.name for one in names}
            case ast.ImportFrom(module=str(module), level=0):
                needed = {module}
            case _:
                continue
        if not {name.partition(".")[0] for name in needed} <= tops:
            return False
    return True

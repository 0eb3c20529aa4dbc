"""Compiles into the package what modules compile from texts when they are imported: see `lifeline.runtime.cold_start`.

    python3.13 -S -m tools.compiled_texts FOLDER

It imports every module of `lifeline` from the folder, and so needs a process of its own. `dataclasses` writes a text
for each class and gives it to `exec`, and `re` gives each pattern's code to `_sre`; this is where both are seen. The
policy's schema is compiled beside.
"""

import builtins
import dataclasses
import marshal
import re
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tools.imported import modules_in

_RE: Any = vars(re)["_compiler"]


def main(folder: Path) -> None:
    """Write the file that `cold_start.begin` reads, and the one of the policy's schema."""
    sys.path.insert(0, str(folder))
    cold_start = import_module("lifeline.runtime.cold_start")
    vars(cold_start)["begin"] = cold_start.end  # it would put its own `exec` there
    with seen_methods(cold_start.digest) as methods, seen_patterns() as patterns:
        for name in modules_in(folder):
            if name.startswith("lifeline."):
                import_module(name)
    cold_start.COMPILED.write_bytes(cold_start.MADE_FOR + marshal.dumps((methods, patterns)))
    document, place = import_module("lifeline.core.policy.document"), folder / "lifeline"
    (place / document.COMPILED).write_bytes(document.compile_schema((place / "policy.schema.json").read_bytes()))


@contextmanager
def seen_methods(digest: Any) -> Iterator[dict[bytes, bytes]]:
    """By its text's digest, the code of each dataclass's methods that is made meanwhile."""
    methods: dict[bytes, bytes] = {}

    def execute(text: str, *scopes: Any) -> None:
        code = compile(text, "<string>", "exec")
        methods[digest(text)] = marshal.dumps(code)
        builtins.exec(code, *scopes)  # noqa: S102 - as dataclasses does

    vars(dataclasses)["exec"] = execute
    yield methods
    del vars(dataclasses)["exec"]


@contextmanager
def seen_patterns() -> Iterator[dict[tuple[Any, int], tuple[Any, ...]]]:
    """By pattern and flags, what `_sre` made each regular expression from that is compiled meanwhile: its flags, its
    code, and its groups. Those that depend on the process's locale are left out.
    """
    patterns: dict[tuple[Any, int], tuple[Any, ...]] = {}
    made, engine, asked = _RE.compile, _RE._sre, [0]  # noqa: SLF001 - no other door

    def compile_pattern(pattern: Any, flags: int = 0) -> Any:
        asked[0] = int(flags)
        return made(pattern, flags)

    def compile_code(pattern: Any, flags: int, code: list[int], *groups: Any) -> Any:
        if type(pattern) in {str, bytes} and not flags & re.LOCALE:
            patterns[pattern, asked[0]] = (int(flags), array("I", code).tobytes(), *groups)
        return engine.compile(pattern, flags, code, *groups)

    _RE.compile, _RE._sre = compile_pattern, SimpleNamespace(**{**vars(engine), "compile": compile_code})  # noqa: SLF001
    yield patterns
    _RE.compile, _RE._sre = made, engine  # noqa: SLF001


if __name__ == "__main__":
    main(Path(sys.argv[1]))

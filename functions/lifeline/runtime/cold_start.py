"""Makes a cold start shorter: `handlers` begins it before any other module is imported, and each handler ends it.

Two things take a third of the time in which a function's own modules are imported, and a third one a tenth of all:

- Python searches all objects for garbage again and again, but what modules make stays.
- Each dataclass is compiled from a text that `dataclasses` writes for it.
- Each regular expression is compiled from its pattern.

`sam build` compiles these texts and patterns, as it compiles modules (`tools/compiled_texts.py`), each to bytes of its
own, because no run needs all. What isn't among them is compiled here, as ever.
"""

import builtins
import dataclasses
import gc
import marshal
import re
import sys
from array import array
from hashlib import blake2b
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import Any

COMPILED = Path(__file__).with_name("compiled_texts.bin")
# The interpreter's two formats of code; that of patterns is in the machine's order of bytes
MADE_FOR: bytes = MAGIC_NUMBER + vars(re)["_compiler"].MAGIC.to_bytes(4) + sys.byteorder.encode()
_OBJECTS = 50_000  # what an event leaves behind is searched once it is so much: by default, after each 2,000

type Methods = dict[bytes, bytes]
"""By a text's digest: its code as `marshal` writes it."""
type Patterns = dict[tuple[str | bytes, int], tuple[Any, ...]]
"""By pattern and flags: the flags in all, the code as bytes, and what `_sre` takes of the groups."""


def begin() -> None:
    """Prepare for many modules to be imported."""
    gc.disable()
    methods, patterns = _read()
    if methods:
        _use_methods(methods)
        _use_patterns(patterns)


def end() -> None:
    """All modules are imported that each event needs: they are never searched for garbage."""
    gc.freeze()
    gc.set_threshold(_OBJECTS)
    gc.enable()


def digest(text: str) -> bytes:
    """What stands for a text of a dataclass's methods, of which the package would have 700 kB."""
    return blake2b(text.encode(), digest_size=16).digest()


def _use_methods(methods: Methods) -> None:
    def execute(text: str, *scopes: Any) -> None:
        compiled = methods.get(digest(text))
        code = marshal.loads(compiled) if compiled else text  # noqa: S302 - our own build's
        builtins.exec(code, *scopes)  # noqa: S102 - as dataclasses does

    vars(dataclasses)["exec"] = execute


def _use_patterns(patterns: Patterns) -> None:
    compiler: Any = vars(re)["_compiler"]
    made, make = compiler.compile, compiler._sre.compile  # noqa: SLF001 - no other door

    def compile_pattern(pattern: Any, flags: int = 0) -> re.Pattern[Any]:
        found: re.Pattern[Any]
        if known := patterns.get((pattern, flags)):
            all_flags, code, *groups = known
            found = make(pattern, all_flags, array("I", code).tolist(), *groups)
        else:
            found = made(pattern, flags)
        return found

    compiler.compile = compile_pattern


def _read() -> tuple[Methods, Patterns]:
    """What the build compiled; nothing outside of the package, or where another Python compiled it."""
    content = COMPILED.read_bytes() if COMPILED.is_file() else b""
    if not content.startswith(MADE_FOR):
        return {}, {}
    compiled: tuple[Methods, Patterns] = marshal.loads(content[len(MADE_FOR) :])  # noqa: S302 - our own build's
    return compiled

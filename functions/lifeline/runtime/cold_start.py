"""Makes a cold start shorter: `handlers` begins it before any other module is imported, and each handler ends it.

Two things take a third of the time in which a function's own modules are imported:

- Python searches all objects for garbage again and again, but what modules make stays.
- Each dataclass is compiled from a text that `dataclasses` writes for it. `sam build` compiles these texts, as it
  compiles modules (`tools/dataclass_methods.py`), each to bytes of its own, because no run needs all; a text that
  isn't among them is compiled here, as ever.
"""

import builtins
import dataclasses
import gc
import marshal
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import Any

METHODS = Path(__file__).with_name("dataclass_methods.bin")
_OBJECTS = 50_000  # what an event leaves behind is searched once it is so much: by default, after each 2,000


def begin() -> None:
    """Prepare for many modules to be imported."""
    gc.disable()
    methods = _read_methods()

    def execute(text: str, *scopes: Any) -> None:
        compiled = methods.get(text)
        code = marshal.loads(compiled) if compiled else text  # noqa: S302 - our own build's
        builtins.exec(code, *scopes)  # noqa: S102 - as dataclasses does

    if methods:
        vars(dataclasses)["exec"] = execute


def end() -> None:
    """All modules are imported that each event needs: they are never searched for garbage."""
    gc.freeze()
    gc.set_threshold(_OBJECTS)
    gc.enable()


def _read_methods() -> dict[str, bytes]:
    """By text, its code as `marshal` writes it; none outside of the package, or where another Python compiled it."""
    content = METHODS.read_bytes() if METHODS.is_file() else b""
    if not content.startswith(MAGIC_NUMBER):
        return {}
    methods: dict[str, bytes] = marshal.loads(content[len(MAGIC_NUMBER) :])  # noqa: S302 - our own build's
    return methods

"""Compiles the methods of the package's dataclasses into the package: see `lifeline.runtime.cold_start`.

    python3.13 -S -m tools.dataclass_methods FOLDER

It imports every module of `lifeline` from the folder, and so needs a process of its own. `dataclasses` writes a text
for each class and gives it to `exec`; this is where the texts are seen.
"""

import builtins
import dataclasses
import marshal
import sys
from importlib import import_module
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import Any

from tools.imported import modules_in


def main(folder: Path) -> None:
    """Write the file that `cold_start.begin` reads."""
    methods: dict[str, bytes] = {}

    def execute(text: str, *scopes: Any) -> None:
        code = compile(text, "<string>", "exec")
        methods[text] = marshal.dumps(code)
        builtins.exec(code, *scopes)  # noqa: S102 - as dataclasses does

    vars(dataclasses)["exec"] = execute
    sys.path.insert(0, str(folder))
    cold_start = import_module("lifeline.runtime.cold_start")
    vars(cold_start)["begin"] = cold_start.end  # it would put its own `exec` there
    for name in modules_in(folder):
        if name.startswith("lifeline."):
            import_module(name)
    cold_start.METHODS.write_bytes(MAGIC_NUMBER + marshal.dumps(methods))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

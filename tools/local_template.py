"""Writes the template for emulators: a built template with what template.local.yaml has besides.

    sam build && python -m tools.local_template .aws-sam/build/template.yaml

The local template is written beside the built one, so that the paths in it stay right.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tools.template import ROOT, read_template

NAME = "template.local.yaml"
FRAGMENT = ROOT / NAME


def write_local_template(built: Path) -> Path:
    """Write the local template beside the built one; where it is."""
    merged = _merged(read_template(built), read_template(FRAGMENT))
    local = built.with_name(NAME)
    local.write_text(yaml.safe_dump(merged, sort_keys=False), "utf-8")
    return local


def _merged(one: Any, other: Any) -> dict[str, Any]:
    """Both mappings, down to the deepest one that both have. Raises TypeError where they differ in a value."""
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        raise TypeError(f"{NAME} may only add to template.yaml, not replace {one!r}")
    return {**one, **other, **{name: _merged(one[name], other[name]) for name in one.keys() & other.keys()}}


if __name__ == "__main__":
    sys.stdout.write(f"{write_local_template(Path(sys.argv[1]))}\n")

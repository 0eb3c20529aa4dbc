"""The template as CloudFormation gets it: expanded by SAM's own translator, which the SAM CLI brings along."""

from copy import deepcopy
from functools import cache
from typing import Any

from tools.plain_template import translated
from tools.template import read_template


def expanded() -> dict[str, Any]:
    """A copy that may be changed."""
    return deepcopy(_expand())


@cache
def _expand() -> dict[str, Any]:
    return translated(read_template())

"""The package that `sam build` makes, built once for the same sources."""

from functools import cache
from pathlib import Path

from tools.package import shared

from tests.support.repository import ROOT


@cache
def package() -> Path:
    return shared(ROOT / ".run/package")

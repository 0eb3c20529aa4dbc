"""Which calls Lifeline really makes in tests, so that none of them is missing from what is derived from its sources.

A call that isn't derived has no model in the package, and no role has a permission for it. Other tests wouldn't notice:
they have the full models, and no roles.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.client import ClientCreator
from tools.aws_calls import Calls, all_calls

from tests.support.models import OPERATIONS
from tests.support.repository import ROOT

_OURS = str(ROOT / "functions/lifeline")
_IN_BETWEEN = (str(Path(botocore.__file__).parent), str(Path(os.__file__).parent))  # botocore, and Python's threads

type Seen = dict[tuple[str, str], str]
"""By service and operation: the test in which Lifeline called it first."""


@pytest.fixture(scope="session", autouse=True)
def every_call_is_derived() -> Iterator[None]:
    """Fails the session if a call was made that isn't derived, and names the test that made it."""
    with calls_made() as seen:
        yield
    missing = not_derived(seen, _derived()) if seen else []
    assert missing == [], "tools/aws_calls.py doesn't find these calls in the adapters' sources"


@contextmanager
def calls_made() -> Iterator[Seen]:
    """What Lifeline's own code calls, of clients that are made inside."""
    seen: Seen = {}
    make: Any = ClientCreator._create_api_method  # type: ignore[attr-defined]

    def watched(self: Any, method: str, operation: str, model: Any) -> Any:
        call = make(self, method, operation, model)

        @wraps(call)
        def watch(client: Any, *arguments: Any, **named: Any) -> Any:
            if _caller().startswith(_OURS):
                seen.setdefault((model.service_name, operation), os.environ.get("PYTEST_CURRENT_TEST", ""))
            return call(client, *arguments, **named)

        return watch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClientCreator, "_create_api_method", watched)
        yield seen


def not_derived(seen: Mapping[tuple[str, str], str], derived: Calls) -> list[str]:
    """The calls that were made and aren't derived, each with its test."""
    return [
        f"{service}:{operation}, made by {test}"
        for (service, operation), test in sorted(seen.items())
        if operation not in derived.get(service, ())
    ]


@cache
def _derived() -> Calls:
    return all_calls(OPERATIONS)


def _caller() -> str:
    """The file that made the call; one of Lifeline's where a thread of its own did."""
    frame = sys._getframe(2)
    while frame.f_code.co_filename.startswith(_IN_BETWEEN):
        if frame.f_back is None:
            return _OURS
        frame = frame.f_back
    return frame.f_code.co_filename

"""Counts the calls that go to AWS, whichever client makes them, and those of functions."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from botocore.client import BaseClient


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """What is called inside, as `service:Operation`. Each page counts."""
    calls: Counter[str] = Counter()
    make = cast("Any", BaseClient)._make_api_call

    def counted(self: Any, operation: str, arguments: Any) -> Any:
        calls[f"{self.meta.service_model.service_name}:{operation}"] += 1
        return make(self, operation, arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, make.__name__, counted)
        yield calls


def calls_of(calls: Counter[str], *services: str) -> int:
    """How many of the calls went to these services."""
    return sum(count for call, count in calls.items() if call.partition(":")[0] in services)


def work_of(doing: Callable[[], object]) -> int:
    """How many functions it calls, Python's and C's: what it takes, however fast the machine is. What is done within
    one call of C, such as looking through a tuple, counts once.
    """
    called = 0

    def count(_frame: object, event: str, _what: object) -> None:
        nonlocal called
        called += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        doing()
    finally:
        sys.setprofile(before)
    return called

"""Counts the calls that go to AWS, whichever client makes them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient

_MAKE = "_make_api_call"  # every call of every client goes through it


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """What is called inside, as `service:Operation`. Each page counts."""
    calls: Counter[str] = Counter()
    make = BaseClient._make_api_call

    def counted(self: Any, operation: str, arguments: Any) -> Any:
        calls[f"{self.meta.service_model.service_name}:{operation}"] += 1
        return make(self, operation, arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, _MAKE, counted)
        yield calls


def calls_of(calls: Counter[str], *services: str) -> int:
    """How many of the calls went to these services."""
    return sum(count for call, count in calls.items() if call.partition(":")[0] in services)

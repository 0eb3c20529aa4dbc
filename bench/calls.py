"""How many AWS API calls a sweep makes: of VPCs that miss an endpoint, and again once nothing is missing.

PYTHONPATH=functions:. .envs/dev/bin/python bench/calls.py [VPCS]
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient
from tests.support.world import Context, emulated_world

from lifeline.handlers.reconcile_endpoints import handler


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """What is called inside, by service and operation."""
    calls: Counter[str] = Counter()
    make = BaseClient._make_api_call  # noqa: SLF001 - every call of every client goes through it

    def counted(self: Any, operation: str, arguments: Any) -> Any:
        calls[f"{self.meta.service_model.service_name}:{operation}"] += 1
        return make(self, operation, arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", counted)
        yield calls


def main() -> None:
    vpcs = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    with pytest.MonkeyPatch.context() as monkeypatch, emulated_world(monkeypatch) as world:
        for number in range(vpcs):
            world.make_subnet(world.make_vpc(cidr=f"10.{number}.0.0/16"), f"10.{number}.1.0/24")
        for name in ("the first sweep", "the second", "the third"):
            with counting() as calls:
                handler({"sweep": True}, Context())
            services = Counter[str]()
            for call, count in calls.items():
                services[call.partition(":")[0]] += count
            print(f"{name} of {vpcs} VPCs: {calls.total()} calls; {dict(sorted(services.items()))}")


if __name__ == "__main__":
    main()

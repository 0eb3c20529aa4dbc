"""How many AWS API calls sweeps of a region make in which half of the VPCs miss an endpoint.

PYTHONPATH=functions:. .envs/dev/bin/python bench/calls.py [VPCS [MODE]]

Three sweeps in a row: at the first, nothing is remembered. EC2's calls and those of Route 53's three APIs, which take
one VPC a call and five calls a second, are counted apart.
"""

import io
import sys
from contextlib import redirect_stdout

import pytest
from tests.support.counting import calls_of, counted_calls
from tests.support.region import make_gaps
from tests.support.world import Context, emulated_world

from lifeline.handlers.reconcile_endpoints import handler
from lifeline.runtime.observability import logger

ROUTE_53 = ("route53", "route53resolver", "route53profiles")


def main() -> None:
    vpcs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    mode = sys.argv[2] if len(sys.argv) > 2 else "enforce"
    logger.setLevel("ERROR")
    with pytest.MonkeyPatch.context() as monkeypatch, emulated_world(monkeypatch, MODE=mode) as world:
        make_gaps(world, vpcs)
        for name in ("the first sweep", "the second", "the third"):
            with counted_calls() as calls, redirect_stdout(io.StringIO()):
                answer = handler({"sweep": True}, Context())
            changed = sum(vpc["outcome"] == "changed" for vpc in answer["vpcs"])
            reads = {call: count for call, count in calls.items() if call.startswith(("ec2:Describe", "ec2:Get"))}
            ec2, route_53 = calls_of(calls, "ec2"), calls_of(calls, *ROUTE_53)
            changes, others = ec2 - sum(reads.values()), calls.total() - ec2 - route_53
            print(f"{name} of {vpcs} VPCs ({mode}), which changed {changed}:")
            print(f"  EC2 {sum(reads.values())} reads, {changes} changes; Route 53 {route_53}; others {others}")
            print(f"  {', '.join(f'{count} {call[4:]}' for call, count in sorted(reads.items()))}")


if __name__ == "__main__":
    main()

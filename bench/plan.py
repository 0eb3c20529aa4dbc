"""How much CPU the plan of a region of 200 VPCs takes, beside decoding the very answers that it gets from AWS.

PYTHONPATH=functions:. .envs/dev/bin/python -m bench.plan [VPCS]

It is `make plan FORMAT=json`, in this process, against a region that is emulated in another. Route 53's five calls a
second aren't waited for: that is no work.
"""

import io
import json
import os
import sys
from contextlib import redirect_stdout
from functools import partial
from typing import Any
from unittest.mock import patch

from bench.emulated_region import Region, emulated_region, half_served
from bench.timing import ROUNDS, cpu_of
from botocore.parsers import create_parser
from tests.support.agents import ENVIRONMENT, REGION

from lifeline.adapters.aws import clients
from tools import plan, read_only


class Answers:
    """What AWS answered, as it came."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, dict[str, Any], Any]] = []

    def keep(self, session: Any) -> None:
        session.register("before-parse", self._keep)

    def _keep(self, response_dict: dict[str, Any], operation_model: Any, **_: Any) -> None:
        protocol = operation_model.service_model.resolved_protocol
        self._kept.append((protocol, dict(response_dict), operation_model.output_shape))

    def decode(self) -> None:
        parsers = {protocol: create_parser(protocol) for protocol, _, _ in self._kept}
        for protocol, answer, shape in self._kept:
            parsers[protocol].parse(dict(answer), shape)

    def __str__(self) -> str:
        return f"{len(self._kept)} answers, {sum(len(answer['body']) for _, answer, _ in self._kept) / 1e6:.1f} MB"


def make_plan() -> Any:
    out = io.StringIO()
    with redirect_stdout(out):
        code = plan.main(["--region", REGION, "--format", "json"])
    assert code == 0, code
    return json.loads(out.getvalue())


def measure(region: Region, vpcs: int) -> None:
    os.environ |= {**ENVIRONMENT, "AWS_ENDPOINT_URL": region.url}
    answers, made = Answers(), read_only.read_only_session

    def kept(*arguments: str) -> Any:
        session = made(*arguments)
        answers.keep(session)
        return session

    with patch("lifeline.adapters.aws.pace.Pace.take_turn"):
        with patch.object(plan, "read_only_session", kept):
            document = make_plan()
        assert len(document["vpcs"]) == vpcs
        assert document["totals"]["to_create"] == vpcs  # of each other VPC, an endpoint and its group
        planning = cpu_of(make_plan)
    decoding = cpu_of(answers.decode)
    cost = document["totals"]["monthly_cost_usd"]
    print(f"{vpcs} VPCs, {vpcs * 3} subnets, {answers}; {cost:.2f} USD a month planned; CPU, best of {ROUNDS}")
    print(f"  decode the answers  {decoding:6.3f} s   1.0")
    print(f"  make the plan       {planning:6.3f} s   {planning / decoding:.1f}")
    clients.session.cache_clear()


def main() -> None:
    vpcs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with emulated_region(partial(half_served, vpcs)) as region:
        measure(region, vpcs)


if __name__ == "__main__":
    main()

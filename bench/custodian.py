"""Lifeline beside Cloud Custodian: both look for subnets without a `monitoring` endpoint in the same emulated region.

make compare [VPCS="100 500"]

It makes .envs/c7n from its lock first. Each run is a process of its own, in turn; Lifeline runs the package that
`sam build` makes, with the sweep of a stack in plan mode, which changes nothing. CPU and memory are those of the whole
process; wall time is mostly the emulator's, which answers both.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from bench.emulated_region import Region, emulated_region, half_served
from tests.support.agents import ENVIRONMENT, REGION
from tests.support.built import package
from tests.support.repository import ROOT

ROUNDS = 5
C7N = ROOT / ".envs/c7n/bin/python"
POLICY = {
    "policies": [
        {
            "name": "unserved",
            "resource": "aws.subnet",
            "filters": [
                {"not": [{"type": "vpc-endpoint", "key": "ServiceName", "value": f"com.amazonaws.{REGION}.monitoring"}]}
            ],
        }
    ]
}
CUSTODIAN = """
import sys
from c7n.cli import main
sys.argv = ["custodian", "run", "-s", {out!r}, "--region", {region!r}, "--cache-period", "0", {policy!r}]
main()
"""
LIFELINE = """
import json
from types import SimpleNamespace
from lifeline.handlers.reconcile_endpoints import handler
context = SimpleNamespace(aws_request_id="1", function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn",
                          get_remaining_time_in_millis=lambda: 300000)
answer = handler({{"sweep": True}}, context)
json.dump(answer, open({out!r}, "w"))
"""
MEASURED = """
import atexit
def report():
    from resource import RUSAGE_SELF, getrusage
    now = getrusage(RUSAGE_SELF)
    most = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    open({report!r}, "w").write(f"{{now.ru_utime + now.ru_stime}} {{int(most.split()[1]) / 1024}}")
atexit.register(report)
"""


class Taken(NamedTuple):
    """What one run took."""

    cpu: float
    megabytes: float
    wall: float


def run(python: str, text: str, folder: Path, **environment: str) -> Taken:
    """Runs the statements in a process of their own."""
    report = folder / "report"
    started = perf_counter()
    done = subprocess.run(  # noqa: S603 - our own text
        [python, "-B", "-c", MEASURED.format(report=str(report)) + text],
        cwd=folder,
        env={**ENVIRONMENT, "TOPIC_ARN": f"arn:aws:sns:{REGION}:123456789012:notices", **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    cpu, megabytes = report.read_text().split()
    return Taken(float(cpu), float(megabytes), perf_counter() - started)


def compare(region: Region, vpcs: int, folder: Path) -> None:
    policy, found, answer = folder / "policy.json", folder / "out", folder / "answer.json"
    policy.write_text(json.dumps(POLICY))
    texts = {
        "c7n": (str(C7N), CUSTODIAN.format(out=str(found), region=REGION, policy=str(policy)), {}),
        "Lifeline": (sys.executable, LIFELINE.format(out=str(answer)), {"PYTHONPATH": str(package())}),
    }
    taken: dict[str, list[Taken]] = {name: [] for name in texts}
    calls: dict[str, Counter[str]] = {}
    for _ in range(ROUNDS):
        for name, (python, text, environment) in texts.items():
            taken[name].append(run(python, text, folder, AWS_ENDPOINT_URL=region.url, **environment))
            calls[name] = region.calls()
    for name, runs in taken.items():
        cpu, megabytes, wall = (median(values) for values in zip(*runs, strict=True))
        made = ", ".join(f"{count} {service}" for service, count in sorted(calls[name].items()))
        print(
            f"{vpcs} VPCs  {name:9} {cpu:6.2f} s CPU ({1000 * cpu / vpcs:.1f} ms a VPC)  {megabytes:4.0f} MB  "
            f"{wall:5.1f} s wall  {calls[name].total()} calls ({made})"
        )
    print(f"          c7n says  {what_c7n_says(found)}")
    print(f"          Lifeline says  {what_lifeline_says(json.loads(answer.read_text()))}")


def what_c7n_says(found: Path) -> str:
    subnets = json.loads((found / "unserved/resources.json").read_text())
    return f"{len(subnets)} subnets have no interface of the endpoint"


def what_lifeline_says(answer: dict[str, Any]) -> str:
    tiers = Counter(tier for vpc in answer["vpcs"] for tier in vpc["subnets"].values())
    states = Counter(service["state"] for vpc in answer["vpcs"] for service in vpc["services"])
    actions = Counter(action["action"] for vpc in answer["vpcs"] for action in vpc["actions"])
    cost = sum(vpc["monthly_cost_usd"] for vpc in answer["vpcs"])
    return f"subnets {dict(tiers)}, VPCs {dict(states)}, would {dict(actions)} for {cost:.2f} USD a month"


def main() -> None:
    if not C7N.exists():
        raise SystemExit("make compare installs Cloud Custodian in .envs/c7n first")
    for vpcs in map(int, sys.argv[1:] or ("100", "500")):
        with emulated_region(partial(half_served, vpcs)) as region, tempfile.TemporaryDirectory() as folder:
            compare(region, vpcs, Path(folder))


if __name__ == "__main__":
    main()

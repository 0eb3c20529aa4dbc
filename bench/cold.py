"""What a cold start takes: each function in the package that `sam build` makes, beside bare boto3 with one EC2 client.

PYTHONPATH=functions:. .envs/dev/bin/python bench/cold.py [PACKAGE ...]

Each run is a process of its own, with the package and the standard library alone. Until a handler is ready, all its
modules are imported and all its clients made. boto3 has its bytecode and its full models. PACKAGE is another unpacked
package to measure beside. The memory is the most that the process had when the first event, against an emulated
account, was done.
"""

import io
import logging
import os
import subprocess
import sys
import sysconfig
from collections import defaultdict
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median

import pytest
from moto.server import ThreadedMotoServer
from tests.support.agents import ENVIRONMENT, create_table
from tests.support.built import package

ROUNDS = 9
BARE = "import boto3; boto3.client('ec2')"
READY = """
from lifeline.handlers import {handler} as module
from lifeline.runtime.settings import {settings} as Settings
module._tools({tools})
"""
_GIVEN = "Settings.from_environment()"
HANDLERS = {  # with the settings of each, what its tools take, and a first event
    "reconcile_endpoints": ("Settings", _GIVEN, {"sweep": True}),
    "detect_metric_gaps": ("DetectorSettings", f"{_GIVEN}, module.stacks_policy({_GIVEN})", {"detect": True}),
    "coverage_page": ("PageSettings", _GIVEN, {}),
}
MEASURED = """
from resource import RUSAGE_SELF, getrusage
def cpu(): now = getrusage(RUSAGE_SELF); return now.ru_utime + now.ru_stime
started = cpu()
{work}
took = cpu() - started
most = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # ru_maxrss starts at the parent's
print(took, int(most.split()[1]) / 1024)
"""
FIRST_EVENT = """
from types import SimpleNamespace
context = SimpleNamespace(aws_request_id="1", function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn",
                          get_remaining_time_in_millis=lambda: 300000)
module.handler({event!r}, context)
"""


def measure(folder: str, work: str, **environment: str) -> tuple[float, float]:
    """The CPU seconds and the MB that the statements take in a process of their own."""
    variables = {**ENVIRONMENT, "TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:n", "PYTHONPATH": folder}
    done = subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-S", "-B", "-c", MEASURED.format(work=work)],
        cwd="/",
        env=variables | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, megabytes = done.stdout.splitlines()[-1].split()
    return float(seconds), float(megabytes)


def main() -> None:
    folders = [str(package()), *map(os.path.abspath, sys.argv[1:])]
    works = {("boto3", "EC2 client"): (sysconfig.get_path("purelib"), BARE)}
    for folder in folders:
        for handler, (settings, tools, _) in HANDLERS.items():
            works[(folder, handler)] = (folder, READY.format(handler=handler, settings=settings, tools=tools))
    times = defaultdict(list)
    for _ in range(ROUNDS):  # in turn, so that a slower minute of the machine is everybody's
        for name, (folder, work) in works.items():
            times[name].append(measure(folder, work)[0])
    bare = median(times[("boto3", "EC2 client")])
    for (folder, name), taken in times.items():
        print(f"{Path(folder).name[:20]:20} {name:20} {median(taken):6.3f} s CPU   {median(taken) / bare:.2f}")
    for folder in folders:
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        print(f"{Path(folder).name[:20]:20} {'unzipped':20} {size / 1e6:6.1f} MB")
    for (folder, name), megabytes in memory(folders).items():
        print(f"{Path(folder).name[:20]:20} {name:20} {megabytes:6.1f} MB after the first event")


def memory(folders: list[str]) -> dict[tuple[str, str], float]:
    """By package and handler, against an account with an empty ledger and the VPC that every account has."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    found = {}
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()):  # moto says what it doesn't emulate
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": url}.items():
            patch.setenv(name, value)
        create_table()
        for folder in folders:
            for handler, (settings, tools, event) in HANDLERS.items():
                work = READY.format(handler=handler, settings=settings, tools=tools) + FIRST_EVENT.format(event=event)
                found[(folder, handler)] = measure(folder, work, AWS_ENDPOINT_URL=url)[1]
    server.stop()
    return found


if __name__ == "__main__":
    main()

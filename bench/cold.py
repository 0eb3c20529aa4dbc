"""How long each handler's import takes in a new process, beside importing boto3's client alone, in turn.

PYTHONPATH=functions .envs/dev/bin/python bench/cold.py
"""

import subprocess
import sys
from statistics import median

ROUNDS = 9
HANDLERS = ("reconcile_endpoints", "detect_metric_gaps", "coverage_page")
BESIDE = "import boto3; boto3.client('ec2', region_name='us-east-1')"
_TIMED = "from time import process_time as now; start = now(); {work}; print(now() - start)"


def cpu_seconds(work: str) -> float:
    """The processor time that the statements take in a process of their own."""
    command = [sys.executable, "-c", _TIMED.format(work=work)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - our own text


def main() -> None:
    works = {name: f"import lifeline.handlers.{name}" for name in HANDLERS} | {"boto3's EC2 client": BESIDE}
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):  # in turn, so that a slower minute of the machine is everybody's
        for name, work in works.items():
            times[name].append(cpu_seconds(work))
    beside = median(times["boto3's EC2 client"])
    for name in works:
        print(f"{name:22} {median(times[name]):6.3f} s   {median(times[name]) / beside:.2f}")


if __name__ == "__main__":
    main()

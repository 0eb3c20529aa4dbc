"""How long a hub's first sweep takes on AWS, reckoned: nobody has measured it there.

PYTHONPATH=functions:. .envs/dev/bin/python -m bench.first_sweep

It follows from what is measured on emulators (`bench.organization`: an account's calls, and how long it waits for its
turns at EC2), from what the code and the template say (how sweeps are spread, how many accounts a function serves at
once, and how many functions there are), and from an assumption: how long AWS takes for a call. An account's calls are
reckoned as one after the other, although many are made side by side.
"""

import re
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from lifeline.adapters.aws.repair_requests import BETWEEN_GROUPS, GROUP
from lifeline.reconciler.batch import FIRST_RETRY
from lifeline.reconciler.members import LEAST, MOST_AT_ONCE

ROOT = Path(__file__).parents[1]
LATENCIES = (0.05, 0.1, 0.2)  # seconds a call: assumed
ACCOUNTS, CALLS, WAIT = 200, 259, 20.0  # the last row of bench/README.md, A hub: accounts, calls and seconds of each


@dataclass(frozen=True)
class Functions:
    """How many functions serve the queue at once, how many messages each takes, and how many seconds a run has."""

    number: int
    batch: int
    seconds: float


def of_template() -> Functions:
    """Those of template.yaml."""
    text = (ROOT / "template.yaml").read_text()
    part = text[text.index("  ReconcileEndpoints:\n") :]
    found = [re.search(rf"\b{name}: (\d+)", part) for name in ("MaximumConcurrency", "BatchSize", "Timeout")]
    return Functions(*(int(one[1]) for one in found if one))


def seconds_of(latency: float, functions: Functions, *, accounts: int = ACCOUNTS) -> float:
    """Seconds from the schedule's sweep until the last account's first run has ended."""
    work = CALLS * latency
    groups = [BETWEEN_GROUPS.total_seconds() * (place // GROUP) for place in range(accounts)]
    waiting, free = sorted(groups), [0.0] * functions.number
    ended = 0.0
    while waiting:
        at = max(min(free), waiting[0])
        taken = [time for time in waiting if time <= at][: functions.batch]
        waiting = waiting[len(taken) :]
        # Whoever waits for EC2 has no turn, so an account's wait passes while others work.
        begun = min(len(taken), MOST_AT_ONCE * max(1, ceil((functions.seconds - LEAST.total_seconds()) / work)))
        end = at + ceil(begun / MOST_AT_ONCE) * work + WAIT
        waiting = sorted([*waiting, *[end + FIRST_RETRY.total_seconds()] * (len(taken) - begun)])
        free[free.index(min(free))] = end
        ended = max(ended, end)
    return ended


def main() -> None:
    """Print a line for each latency."""
    for latency in LATENCIES:
        minutes = seconds_of(latency, of_template()) / 60
        print(f"{ACCOUNTS} accounts, {CALLS} calls of {1000 * latency:.0f} ms each: {minutes:.1f} minutes")


if __name__ == "__main__":
    main()

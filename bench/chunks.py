"""How much of the roster a quiet minute writes: with chunks by name, as they are, and by when their agents are due.

PYTHONPATH=functions:. .envs/dev/bin/python bench/chunks.py [AGENTS]

A simulation without AWS and without the detector: typical agents (`tests/simulation/fleet.py`), each read when it could
be overdue. Chunks by name hold 500 agents; those by due time hold all agents that are due in the same run, and agents
move to another one when they are read, if they are due in another run than the rest.
"""

import sys
from collections import defaultdict

from tests.simulation.fleet import Setting, make_world
from tests.simulation.machines import HOUR, MINUTE, Beat
from tests.simulation.run import OFFSET

from lifeline.core.agents.roster import MOST

WARM_UP = 2 * HOUR
PRICE = 15_000 / 1024 * 0.000000625 * 43_800 / MOST  # of all writes of an agent in a month, in USD: one a minute


def simulate(beats: list[Beat], patience: int, hours: int) -> tuple[float, float, float]:
    """The share of agents read in a run, and of the roster written: by name and by due time."""
    due = [OFFSET] * len(beats)  # at first, all are read in the same run, which discovers them
    read = by_name = by_due = runs = 0.0
    for now in range(OFFSET, hours * HOUR, MINUTE):
        ready = [place for place, when in enumerate(due) if when <= now]
        moved = defaultdict(list)
        for place in ready:
            late = beats[place].newest_age(now)
            due[place] = now + max(1, -(-(patience + 1 - late) // MINUTE)) * MINUTE
            moved[due[place]].append(place)
        if now < WARM_UP:
            continue
        sizes = defaultdict(int)
        for when in due:
            sizes[when] += 1
        runs += 1
        read += len(ready)
        by_name += sum(min(MOST, len(beats) - MOST * chunk) for chunk in {place // MOST for place in ready})
        by_due += sum(sizes[when] for when in moved)
    total = runs * len(beats)
    return read / total, by_name / total, by_due / total


def main() -> None:
    agents = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    for grace in (240, 600):
        setting = Setting(agents=agents, places=4, hours=1, grace=grace, typical=True)
        beats = [machine.beat for machine in make_world(1, setting, is_calm=True).machines.values()]
        read, by_name, by_due = simulate(beats, setting.patience, 26)
        usd = [f"{share * PRICE * agents:.2f} USD" for share in (by_name, by_due)]
        print(f"{agents} agents, a grace of {grace} s: {read:.3f} of the agents read in a run")
        print(f"  written, by name {by_name:.2f} of the roster, {usd[0]} a month; by due time {by_due:.2f}, {usd[1]}")


if __name__ == "__main__":
    main()

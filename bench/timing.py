"""How long a piece of work takes, as every bench here measures it."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

ROUNDS = 5


def best_of(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The shortest of `rounds` times, in seconds: what the machine does beside it only makes it longer."""
    return min(_times(work, rounds, perf_counter))


def cpu_of(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The same in seconds of this process's CPU: for work that waits for nobody, on a machine that is busy."""
    return min(_times(work, rounds, process_time))


def _times(work: Callable[[], object], rounds: int, clock: Callable[[], float]) -> list[float]:
    times = []
    for _ in range(rounds):
        start = clock()
        work()
        times.append(clock() - start)
    return times


def peak_mb() -> float:
    """Of this program alone: `ru_maxrss` would count what the process that started it held at that moment."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]) / 1024

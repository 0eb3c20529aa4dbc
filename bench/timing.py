"""How long a piece of work takes, as every bench here measures it."""

from collections.abc import Callable
from time import perf_counter

ROUNDS = 5


def best_of(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The shortest of `rounds` times, in seconds: what the machine does beside it only makes it longer."""
    times = []
    for _ in range(rounds):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)

"""Runs of the function at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier


def at_once[Answer](*runs: Callable[[], Answer]) -> list[Answer]:
    """What the runs answer, each in a thread of its own; all start together."""
    start = Barrier(len(runs))

    def run(one: Callable[[], Answer]) -> Answer:
        start.wait()
        return one()

    with ThreadPoolExecutor(len(runs)) as pool:
        return list(pool.map(run, runs))

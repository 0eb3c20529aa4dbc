"""Runs of the function at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from unittest.mock import patch

from lifeline.runtime.observability import metrics


def at_once[Answer](*runs: Callable[[], Answer]) -> list[Answer]:
    """What the runs answer, each in a thread of its own; all start together.

    Lambda gives each run a process. Here they would share the metrics, and empty them for each other: they have none.
    """
    start = Barrier(len(runs))

    def run(one: Callable[[], Answer]) -> Answer:
        start.wait()
        return one()

    provider = metrics.provider
    with (
        patch.object(provider, "add_metric"),
        patch.object(provider, "flush_metrics"),
        ThreadPoolExecutor(len(runs)) as pool,
    ):
        return list(pool.map(run, runs))

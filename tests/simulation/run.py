"""Runs the detector over a simulated time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from lifeline.detector.loop import WatchRun
from tests.simulation.fakes import Record, RunRecord, make_tools
from tests.simulation.fleet import Setting
from tests.simulation.machines import at
from tests.simulation.world import World

OFFSET = 7  # seconds after the minute, at which each run begins


def simulate(world: World, setting: Setting, *, is_regular: bool = False) -> Record:
    """What the detector did. Unless it `is_regular`, its schedule skips some runs and repeats others."""
    record = Record()
    tools = make_tools(world, record)
    with _undisturbed():
        for second in _times(world, setting, is_regular=is_regular):
            world.advance(second)
            record.runs.append(RunRecord(second))
            run = WatchRun(world.watch, tools, now=at(second), run_id=f"run-{second}", maintenance=world.maintenance)
            record.runs[-1].report = run.check()
    return record


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Without the search for cycles, which takes a fifth of the time: many values live, and hardly any cycle."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _times(world: World, setting: Setting, *, is_regular: bool) -> list[int]:
    times = [*range(OFFSET, world.ends, setting.pace)]
    if is_regular:
        return times
    skipped = set(world.random.sample(times[10:], 3))
    repeated = set(world.random.sample(times[10:], 3))
    return sorted([one for one in times if one not in skipped] + [one for one in repeated if one not in skipped])

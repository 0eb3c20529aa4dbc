"""What a run is doing: a line in the log when each stage ends, and progress where one takes long."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lifeline.runtime.observability import logger

LOG_EVERY = timedelta(seconds=10)


@dataclass(slots=True)
class Stage:
    """A stage while it runs; `numbers` are what it counted."""

    numbers: dict[str, float] = field(default_factory=dict)


@contextmanager
def stage(name: str, run_id: str) -> Iterator[Stage]:
    """Log the block as a stage of the run, `observe`, `plan`, `apply` …, with its seconds and what it counted."""
    started, is_complete, running = time.monotonic(), False, Stage()
    try:
        yield running
        is_complete = True
    finally:
        seconds = round(time.monotonic() - started, 3)
        outcome = "complete" if is_complete else "failed"
        about = {"stage": name, "run_id": run_id, "seconds": seconds, "outcome": outcome}
        logger.info("stage ended", extra={**about, **running.numbers})


@dataclass(slots=True)
class Progress:
    """Log how far a long stage is: at most every LOG_EVERY, and never of one that is shorter than that."""

    stage: str
    run_id: str
    total: int
    notified_at: datetime
    started_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.started_at = self.notified_at

    def step(self, done: int, now: datetime) -> None:
        """`done` of all are done."""
        if now - self.notified_at < LOG_EVERY:
            return
        self.notified_at = now
        seconds = (now - self.started_at).total_seconds()
        left = self.total - done
        logger.info("progress", stage=self.stage, run_id=self.run_id, done=done, left=left, seconds=seconds)

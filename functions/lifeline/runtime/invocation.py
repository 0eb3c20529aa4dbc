"""One invocation of a function: its ID, clock and remaining time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

MARGIN = timedelta(seconds=45)  # what a run keeps of its time to write down what it did


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation: its clock, its time left, and how it waits."""

    id: str
    now: Callable[[], datetime]
    remaining: Callable[[], timedelta]
    sleep: Callable[[timedelta], None]

    def patience(self) -> timedelta:
        """How long this run can still wait and yet write down what it did."""
        return max(timedelta(0), self.remaining() - MARGIN)

"""One invocation of a function: its ID, clock and remaining time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

MARGIN = timedelta(seconds=45)  # what a run keeps of its time to write down what it did
# sam remote invoke reads for 60 seconds and then invokes again (botocore: read_timeout, legacy retries).
BEGUN_WITHIN = timedelta(seconds=30)  # so a caller has the answer within 50 seconds


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation: its clock, its time left, and how it waits. Where a caller waits, nothing new is begun after
    `begin_until`.
    """

    id: str
    now: Callable[[], datetime]
    remaining: Callable[[], timedelta]
    sleep: Callable[[timedelta], None]
    begin_until: datetime | None = None

    def patience(self, then: timedelta = timedelta(0)) -> timedelta:
        """How long this run can still wait and yet do what takes so long `then`, and write down what it did."""
        left = self.remaining() - MARGIN - then
        if self.begin_until:
            left = min(left, self.begin_until - self.now())
        return max(timedelta(0), left)

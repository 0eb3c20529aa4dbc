"""Pace: calls that AWS grants an account a few of a second, made no faster than that."""

from collections import deque
from collections.abc import Callable
from threading import Lock
from time import monotonic, sleep

from lifeline.core.errors import TransientError

_SECOND = 1.0


class Pace:
    """Lets at most so many calls go in any second, whichever thread makes them."""

    def __init__(
        self, a_second: int, *, clock: Callable[[], float] = monotonic, wait: Callable[[float], None] | None = None
    ) -> None:
        self._clock = clock
        self._wait = wait or sleep
        self._went: deque[float] = deque(maxlen=a_second)
        self._lock = Lock()

    def take_turn(self, until: float | None = None) -> None:
        """Wait for the call's turn. Raises TransientError if that comes after `until`: then nothing was waited for."""
        with self._lock:
            now = self._clock()
            is_full = len(self._went) == self._went.maxlen
            turn = max(now, self._went[0] + _SECOND) if is_full else now
            if until is not None and turn > until:
                raise TransientError("too many calls wait for their turn", code="Paced")
            self._went.append(turn)
        if turn > now:
            self._wait(turn - now)

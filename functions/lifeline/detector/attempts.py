"""Work whose failure must not stop the rest of a run."""

from collections.abc import Callable

from lifeline.core.errors import LifelineError
from lifeline.runtime.observability import logger


class Attempts:
    """One run's attempts. `failures` are in words, for the run's report."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def __call__[T](self, work: Callable[[], T]) -> T | None:
        """The work's result; None if it fails."""
        try:
            return work()
        except LifelineError as error:
            logger.error(str(error))
            self.failures.append(str(error))
            return None

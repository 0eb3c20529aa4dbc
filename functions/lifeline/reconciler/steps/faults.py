"""Faults: errors that nobody thought of, each kept to the VPC that it is about."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lifeline.core.errors import LifelineError, TerminalError
from lifeline.runtime.observability import logger

UNJUDGED = "judging this VPC failed unexpectedly, so nothing is done there"


class UnexpectedError(TerminalError):
    """An error that nobody thought of, as whoever asked gets it; with the VPC that it is about, if that is known."""

    def __init__(self, error: Exception, vpc_id: str = "") -> None:
        of = f"{vpc_id}: " if vpc_id else ""
        super().__init__(f"{of}failed unexpectedly: {type(error).__name__}: {error}", code="Unexpected")


@contextmanager
def judging(vpc_id: str) -> Iterator[None]:
    """Raises UnexpectedError in place of an error that nobody thought of, whose trace is in the log."""
    try:
        yield
    except LifelineError:
        raise
    except Exception as error:
        logger.exception("judging a VPC failed unexpectedly", vpc_id=vpc_id)
        raise UnexpectedError(error, vpc_id) from error


class Faults(dict[str, LifelineError]):
    """By VPC, what failed unexpectedly when it was judged. Nothing more is judged or done there in this run, what asked
    for it comes again, and no other VPC has to wait for that.
    """

    def contain[T](self, vpc_id: str, step: Callable[[], T], otherwise: T) -> T:
        """What the step says of the VPC; `otherwise` if it fails unexpectedly, or one before it did."""
        if vpc_id in self:
            return otherwise
        try:
            with judging(vpc_id):
                return step()
        except UnexpectedError as error:
            self[vpc_id] = error
            return otherwise

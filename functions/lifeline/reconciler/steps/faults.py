"""Faults: errors that nobody thought of, each kept to the VPC that it is about."""

from collections.abc import Callable

from lifeline.core.errors import LifelineError, TerminalError
from lifeline.runtime.observability import logger

UNJUDGED = "judging this VPC failed unexpectedly, so nothing is done there"


def unexpected(error: Exception, vpc_id: str = "") -> TerminalError:
    """The error as the answer to whoever asked; with the VPC that it is about, if that is known."""
    of = f"{vpc_id}: " if vpc_id else ""
    return TerminalError(f"{of}failed unexpectedly: {type(error).__name__}: {error}", code="Unexpected")


class Faults(dict[str, LifelineError]):
    """By VPC, what failed unexpectedly when it was judged. Nothing more is judged or done there in this run, what asked
    for it comes again, and no other VPC has to wait for that.
    """

    def contain[T](self, vpc_id: str, step: Callable[[], T], otherwise: T) -> T:
        """What the step says of the VPC; `otherwise` if it fails unexpectedly, or one before it did."""
        if vpc_id in self:
            return otherwise
        try:
            return step()
        except LifelineError:
            raise
        except Exception as error:  # noqa: BLE001 - logged, and whoever asked for the VPC hears of it
            logger.exception("judging a VPC failed unexpectedly", vpc_id=vpc_id)
            self[vpc_id] = unexpected(error, vpc_id)
            return otherwise

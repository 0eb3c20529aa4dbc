"""Findings: each check says that something is as it must be, that it isn't and what to do, or why this isn't known."""

from dataclasses import dataclass
from enum import StrEnum

from lifeline.core.errors import LifelineError


class CheckVerdict(StrEnum):
    """What a check found."""

    OK = "ok"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and in words what was seen. `remedy` says what to do about it where it is bad, and `why`
    says why it isn't known where it isn't.
    """

    check: str
    verdict: CheckVerdict
    says: str
    remedy: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class NotRead:
    """Stands in for what couldn't be read: `why`, in AWS's words."""

    why: str

    @classmethod
    def because(cls, error: LifelineError) -> "NotRead":
        """What an adapter's error says."""
        return cls(str(error))


def ok(check: str, says: str) -> Finding:
    """A finding of what is as it must be."""
    return Finding(check, CheckVerdict.OK, says)


def bad(check: str, says: str, remedy: str) -> Finding:
    """A finding of a fault."""
    return Finding(check, CheckVerdict.BAD, says, remedy=remedy)


def unknown(check: str, says: str, why: str) -> Finding:
    """A finding that nothing can be said."""
    return Finding(check, CheckVerdict.UNKNOWN, says, why=why)

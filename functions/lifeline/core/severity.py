"""How urgently someone should read of something."""

from collections.abc import Iterable
from enum import StrEnum


class Severity(StrEnum):
    """How urgently someone should read a notice. The members are in order, the least severe first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The higher, the more severe: as text, `critical` would come before `info`."""
        return list(Severity).index(self)


def most_severe(severities: Iterable[Severity]) -> Severity:
    """The most severe of them; INFO if there are none."""
    return max(severities, key=lambda severity: severity.rank, default=Severity.INFO)

"""Reads that Lifeline can do without and that AWS denied, until people hear of them."""

from botocore.exceptions import ClientError

from lifeline.core.denial import DENIED_CODES, read_denial
from lifeline.core.errors import LifelineError


class Denials:
    """Notes each permission that was denied, with AWS's words."""

    def __init__(self) -> None:
        self._noted: dict[str, str] = {}

    def note(self, error: LifelineError) -> None:
        """Note the error if it is a denial; nothing for any other."""
        cause = error.__cause__
        if isinstance(cause, ClientError) and cause.response.get("Error", {}).get("Code") in DENIED_CODES:
            denial = read_denial(str(error))
            self._noted[denial.action if denial and denial.action else cause.operation_name] = str(error)

    def take(self) -> dict[str, str]:
        """What was noted since this was last asked, by permission: by the call's name where AWS doesn't name it."""
        noted, self._noted = self._noted, {}
        return noted

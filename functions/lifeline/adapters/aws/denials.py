"""Reads that Lifeline can do without and that AWS denied, until people hear of them."""

import re

from botocore.exceptions import ClientError

from lifeline.core.errors import LifelineError

# EC2 says UnauthorizedOperation; the other services have the common errors' name, with or without its ending.
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_PERMISSION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)")


class Denials:
    """Notes each permission that was denied, with AWS's words."""

    def __init__(self) -> None:
        self._noted: dict[str, str] = {}

    def note(self, error: LifelineError) -> None:
        """Note the error if it is a denial; nothing for any other."""
        cause = error.__cause__
        if isinstance(cause, ClientError) and cause.response.get("Error", {}).get("Code") in _DENIED:
            found = _PERMISSION.search(str(error))
            self._noted[found[1] if found else cause.operation_name] = str(error)

    def take(self) -> dict[str, str]:
        """What was noted since this was last asked, by permission: by the call's name where AWS doesn't name it."""
        noted, self._noted = self._noted, {}
        return noted

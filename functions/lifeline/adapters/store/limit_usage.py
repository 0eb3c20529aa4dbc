"""How much of the limits is used, kept where every run sees it."""

from collections.abc import Callable
from typing import Any

from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.table import Table
from lifeline.core.guards.limits import Usage
from lifeline.core.organization.ledger import Ledger

_KEY = ("LIMITS", "USE")


class LimitUsage:
    """The ledger's item `LIMITS` with `USE`. It has a revision, so that two runs can't both take the last place."""

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)

    def read(self) -> Usage:
        """How much of the limits is used."""
        return from_plain(Usage, self._table.get(_KEY, "ledger: read the limits' usage"))

    def change[T](self, decide: Callable[[Usage], tuple[Usage, T]]) -> T:
        """What `decide` returns beside the new usage, once that is saved; an unchanged usage isn't written.

        `decide` is called again where another run was faster. Raises TransientError where that happens many times.
        """

        def step(item: dict[str, Any]) -> tuple[dict[str, Any] | None, T]:
            before = from_plain(Usage, item)
            after, result = decide(before)
            return (to_plain(after) if after != before else None), result

        return self._table.change(_KEY, step, "ledger: write the limits' usage")

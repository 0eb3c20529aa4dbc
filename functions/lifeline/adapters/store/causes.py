"""What several of a hub's accounts have in common, of which people hear once.

pk = EVENT_PATH_CAUSES   sk = ALL   with a revision, in the hub's own part
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.table import Table
from lifeline.core.event_path.causes import Causes

_KEY = ("EVENT_PATH_CAUSES", "ALL")


class CauseStore:
    """The ledger's item `EVENT_PATH_CAUSES`, by the table's name."""

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = Table(table_name, dynamodb)

    def read(self) -> Causes:
        """The causes as last written."""
        return from_plain(Causes, self._table.get(_KEY, "ledger: read what accounts have in common"))

    def change[T](self, decide: Callable[[Causes], tuple[Causes, T]]) -> T:
        """What `decide` returns beside the new causes, once they are saved; what it leaves as it was isn't written.

        `decide` is called again where another run was faster. Raises TransientError where that happens many times.
        """
        read = partial(from_plain, Causes)
        doing = "ledger: write what accounts have in common"
        return self._table.change_value(_KEY, decide, doing, read=read, write=to_plain)

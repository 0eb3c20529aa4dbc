"""How much of the limits is used, kept where every run sees it."""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from lifeline.adapters.store.codec import from_plain, pack, unpack
from lifeline.adapters.store.table import Key, Table
from lifeline.core.guards.limits import Usage
from lifeline.core.organization.ledger import Ledger

_KEY = ("LIMITS", "USE")
_OF_ALL = ("LIMITS", "ALL")
_CHANGING = Lock()  # a run serves several accounts at once, and all of them count here: they take turns


class _Usage:
    """One item, which has a revision, so that two runs can't both take the last place. It is compressed: 2,000 VPCs
    with their day's endpoints would be more than an item may have (DynamoDB guide: quotas, 400 KB). Earlier versions
    wrote `LIMITS` with `USE` in attributes of its own.
    """

    def __init__(self, ledger: Ledger, key: Key, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)
        self._key = key

    def read(self) -> Usage:
        """How much of the limits is used. `change` begins with it."""
        return _usage(self._table.see(self._key, "ledger: read the limits' usage"))

    def change[T](self, decide: Callable[[Usage], tuple[Usage, T]]) -> T:
        """What `decide` returns beside the new usage, once that is saved; an unchanged usage isn't written.

        `decide` is called again where another run was faster. Raises TransientError where that happens many times.
        """
        doing = "ledger: write the limits' usage"
        return self._table.change_value(self._key, decide, doing, read=_usage, write=lambda use: {"use": pack(use)})


class LimitUsage(_Usage):
    """The ledger's item `LIMITS` with `USE`."""

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        super().__init__(ledger, _KEY, dynamodb)


class UsageOfAll(_Usage):
    """A hub's item `LIMITS` with `ALL`: how much its accounts use of the limits that they share. It is the hub's own,
    so `table_name` is the whole table.
    """

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        super().__init__(table_name, _OF_ALL, dynamodb)

    def change[T](self, decide: Callable[[Usage], tuple[Usage, T]]) -> T:
        """The same as `LimitUsage.change`."""
        with _CHANGING:
            return super().change(decide)


def _usage(item: Mapping[str, Any]) -> Usage:
    return from_plain(Usage, unpack(item["use"]) if "use" in item else item)

"""How much of the limits is used, kept where every run sees it."""

from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from typing import Any

from lifeline.adapters.store.codec import from_plain, pack, to_plain, unpack
from lifeline.adapters.store.table import Table
from lifeline.core.guards.limits import Usage
from lifeline.core.organization.ledger import Ledger

_KEY = ("LIMITS", "USE")
_OF_ALL = ("LIMITS", "ALL")
_CHANGING = Lock()  # a run serves several accounts at once, and all of them count here: they take turns


class LimitUsage:
    """The ledger's item `LIMITS` with `USE`. It has a revision, so that two runs can't both take the last place."""

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)

    def read(self) -> Usage:
        """How much of the limits is used. `change` begins with it."""
        return from_plain(Usage, self._table.see(_KEY, "ledger: read the limits' usage"))

    def change[T](self, decide: Callable[[Usage], tuple[Usage, T]]) -> T:
        """What `decide` returns beside the new usage, once that is saved; an unchanged usage isn't written.

        `decide` is called again where another run was faster. Raises TransientError where that happens many times.
        """
        read = partial(from_plain, Usage)
        return self._table.change_value(_KEY, decide, "ledger: write the limits' usage", read=read, write=to_plain)


class UsageOfAll:
    """A hub's item `LIMITS` with `ALL`: how much its accounts use of the limits that they share. It is the hub's own,
    so `table_name` is the whole table.

    It is compressed: 2,000 VPCs with their day's endpoints would be more than an item may have (DynamoDB guide: quotas,
    400 KB).
    """

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = Table(table_name, dynamodb)

    def read(self) -> Usage:
        """How much of the limits is used."""
        return _unpacked(self._table.get(_OF_ALL, "ledger: read all accounts' use of the limits"))

    def change[T](self, decide: Callable[[Usage], tuple[Usage, T]]) -> T:
        """The same as `LimitUsage.change`."""
        doing = "ledger: write all accounts' use of the limits"
        with _CHANGING:
            return self._table.change_value(
                _OF_ALL, decide, doing, read=_unpacked, write=lambda use: {"use": pack(use)}
            )


def _unpacked(item: Mapping[str, Any]) -> Usage:
    return from_plain(Usage, unpack(item["use"])) if "use" in item else Usage()

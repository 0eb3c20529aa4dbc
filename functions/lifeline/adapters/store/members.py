"""The member accounts, kept where every run sees them."""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from lifeline.adapters.store.codec import from_plain, pack, unpack
from lifeline.adapters.store.table import Table
from lifeline.core.organization.members import MemberAccounts

_KEY = ("ACCOUNTS", "LIST")
_CHANGING = Lock()  # a run enters several accounts at once, and notes each here: they take turns


class MemberStore:
    """The hub's item `ACCOUNTS` with `LIST`. It has a revision, so that runs at the same time lose nothing.

    The members are compressed: 1,000 whose role was refused, each with AWS's words, would be more than an item may have
    (DynamoDB guide: quotas, 400 KB).
    """

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = Table(table_name, dynamodb)

    def read(self) -> MemberAccounts:
        """The members as last written; none before the first sweep."""
        return _members(self._table.get(_KEY, "ledger: read the accounts"))

    def change[T](self, decide: Callable[[MemberAccounts], tuple[MemberAccounts, T]]) -> T:
        """What `decide` returns beside the members, once these are saved; what it leaves as it was isn't written.

        `decide` is called again where another run was faster. Raises TransientError where that happens many times.
        """
        doing = "ledger: write the accounts"
        with _CHANGING:
            return self._table.change_value(
                _KEY, decide, doing, read=_members, write=lambda members: {"members": pack(members)}
            )


def _members(item: Mapping[str, Any]) -> MemberAccounts:
    return from_plain(MemberAccounts, unpack(item["members"])) if "members" in item else MemberAccounts()

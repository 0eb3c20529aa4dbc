"""The member accounts, kept where every run sees them."""

from collections.abc import Callable
from typing import Any

from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.table import Table
from lifeline.core.organization.members import MemberAccounts

_KEY = ("ACCOUNTS", "LIST")


class MemberStore:
    """The hub's item `ACCOUNTS` with `LIST`. It has a revision, so that runs at the same time lose nothing."""

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = Table(table_name, dynamodb)

    def read(self) -> MemberAccounts:
        """The members as last written; none before the first sweep."""
        return from_plain(MemberAccounts, self._table.get(_KEY, "ledger: read the accounts"))

    def change[T](self, decide: Callable[[MemberAccounts], tuple[MemberAccounts, T]]) -> T:
        """What `decide` returns beside the members, once these are saved; what it leaves as it was isn't written.

        `decide` is called again where another run was faster. Raises TransientError where that happens many times.
        """

        def step(item: dict[str, Any]) -> tuple[dict[str, Any] | None, T]:
            before = from_plain(MemberAccounts, item)
            after, result = decide(before)
            return (to_plain(after) if after != before else None), result

        return self._table.change(_KEY, step, "ledger: write the accounts")

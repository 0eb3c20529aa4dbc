"""Which accounts a hub serves, as the stack's parameter says."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from lifeline.core.wording import nearest

ACCOUNT_ID = re.compile(r"[0-9]{12}")
ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True)
class ServedAccounts:
    """The accounts beside the hub's own: those of a list, or all of the organization. Neither, for a stack that serves
    its own account alone.
    """

    ids: frozenset[str] = frozenset()
    is_organization: bool = False

    def __bool__(self) -> bool:
        """Whether it is a hub."""
        return self.is_organization or bool(self.ids)

    def has(self, account: str) -> bool:
        """True for an account of the list, and for any in an organization: which ones that has, its list says."""
        return self.is_organization or account in self.ids


def read_accounts(text: str) -> ServedAccounts:
    """The accounts in the parameter's value: empty, `organization`, or account IDs with commas between them.

    Raises ValueError that says what the value must be.
    """
    if text.strip() == ORGANIZATION:
        return ServedAccounts(is_organization=True)
    ids = [part.strip() for part in text.split(",") if part.strip()]
    if not all(map(ACCOUNT_ID.fullmatch, ids)):
        raise ValueError(f"empty, {ORGANIZATION}, or a list of account IDs such as 111122223333,444455556666")
    return ServedAccounts(frozenset(ids))


def unserved_words(account: str, served: Collection[str]) -> str:
    """Why a call for this account is refused, with the account that was probably meant."""
    near = nearest(account, sorted(served))
    hint = f"; did you mean {near}?" if near else ""
    return f"{account} is not an account that this stack serves{hint}"

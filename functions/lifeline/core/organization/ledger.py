"""Whose part of the ledger's table is read and written."""

from dataclasses import dataclass

from lifeline.core.network.model import RegionRef


@dataclass(frozen=True, slots=True)
class MemberLedger:
    """The part of the table that is about one region of a member account.

    No item there has a partition of another account's: `LIMITS` is `LIMITS@<account>/<region>`. The hub's own account
    has the plain names, as a stack for one account does.
    """

    table_name: str
    region: RegionRef


type Ledger = str | MemberLedger
"""The table by its name, or the part of it that is a member account's."""

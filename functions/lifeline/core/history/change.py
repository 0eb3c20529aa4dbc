"""Change: split out of another room."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A network change as the ledger keeps it. `ids` are the resources that its record names.

    `is_traced` unless its record tells nobody which VPC it was made in, as that of DisassociateRouteTable.
    """

    at: datetime
    event_id: str
    event_name: str
    actor: str
    ids: frozenset[str] = frozenset()
    is_traced: bool = True

"""A recorded network change."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A network change as the ledger stores it. `ids` are the resources that its CloudTrail record names.

    `blocks` are the address blocks that it was on, none if these aren't known or aren't all.
    `rule_action` is what an entry of a network ACL that it created does, `allow` or `deny`; else empty.
    `tags` are the keys that it set or removed of the tags that decide what is required. `is_traced` is False if that
    record doesn't say in which VPC it was made, as with DisassociateRouteTable.
    """

    at: datetime
    event_id: str
    event_name: str
    actor: str
    ids: frozenset[str] = frozenset()
    is_traced: bool = True
    tags: frozenset[str] = frozenset()
    blocks: frozenset[str] = frozenset()
    rule_action: str = ""

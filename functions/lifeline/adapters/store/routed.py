"""The instances and interfaces that routes lead to, kept where a batch finds them with one read."""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from lifeline.adapters.store.table import Table
from lifeline.core.requests.routed import Routed
from lifeline.runtime.observability import logger

_KEY = ("ROUTED", "TARGETS")


class RoutedStore:
    """The ledger's item `ROUTED` with `TARGETS`. One compressed item with a revision, as `PathStore` has."""

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = Table(table_name, dynamodb)

    def read(self) -> Routed:
        """What routes lead to, by VPC."""
        return _read(self._table.get(_KEY, "ledger: read what routes lead to"))

    def change(self, note: Callable[[Routed], Routed]) -> None:
        """Saves what `note` makes of what is known; what stays the same isn't written."""

        def step(item: dict[str, Any]) -> tuple[dict[str, Any] | None, None]:
            before = _read(item)
            after = note(before)
            return ({"vpcs": _pack(after)} if after != before else None), None

        self._table.change(_KEY, step, "ledger: write what routes lead to")


def _pack(routed: Routed) -> bytes:
    plain = {vpc_id: sorted(ids) for vpc_id, ids in sorted(routed.items())}
    return zlib.compress(json.dumps(plain, separators=(",", ":")).encode())


def _read(item: Mapping[str, Any]) -> Routed:
    """What the item says; nothing if it can't be understood, with an error in the log: it is learnt anew then."""
    packed = item.get("vpcs")
    try:
        vpcs = json.loads(zlib.decompress(packed)) if packed else {}
        return {str(vpc_id): frozenset(map(str, ids)) for vpc_id, ids in vpcs.items()}
    except (AttributeError, zlib.error, TypeError, ValueError) as error:
        logger.error("what routes lead to is unreadable", reason=repr(error)[:200])
        return {}

"""The DNS attributes that were read of each VPC, kept where every run sees them."""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.table import Table
from lifeline.core.network.dns_attributes import DnsAttributes, KnownAttributes
from lifeline.runtime.observability import logger

_KEY = ("ATTRIBUTES", "KNOWN")


class AttributeStore:
    """The ledger's item `ATTRIBUTES` with `KNOWN`: one compressed item with a revision, as that of the known paths."""

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = Table(table_name, dynamodb)

    def read(self) -> KnownAttributes:
        """What was read, by VPC."""
        return _read(self._table.get(_KEY, "ledger: read the known DNS attributes"))

    def change(self, note: Callable[[KnownAttributes], KnownAttributes]) -> None:
        """Saves what `note` makes of what is known; what stays the same isn't written."""

        def step(item: dict[str, Any]) -> tuple[dict[str, Any] | None, None]:
            before = _read(item)
            after = note(before)
            return ({"vpcs": _pack(after)} if after != before else None), None

        self._table.change(_KEY, step, "ledger: write the known DNS attributes")


def _pack(known: KnownAttributes) -> bytes:
    return zlib.compress(json.dumps(to_plain(known), separators=(",", ":")).encode())


def _read(item: Mapping[str, Any]) -> KnownAttributes:
    """What the item says; nothing if it can't be understood, with an error in the log: it is read anew then."""
    packed = item.get("vpcs")
    try:
        vpcs = json.loads(zlib.decompress(packed)) if packed else {}
        return {vpc_id: from_plain(DnsAttributes, attributes) for vpc_id, attributes in vpcs.items()}
    except (AttributeError, zlib.error, TypeError, ValueError) as error:
        logger.error("known DNS attributes unreadable", reason=repr(error)[:200])
        return {}

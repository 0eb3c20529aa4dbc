"""The paths that Lifeline saw in VPCs, kept where every run sees them."""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.table import Table
from lifeline.core.guards.urgency import KnownVpc
from lifeline.runtime.observability import logger

_KEY = ("PATHS", "KNOWN")


class PathStore:
    """The ledger's item `PATHS` with `KNOWN`. One compressed item, so that a sweep reads it once and writes it only
    where something changed; it has a revision, so that two runs don't undo each other's changes.
    """

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = Table(table_name, dynamodb)

    def read(self) -> Mapping[str, KnownVpc]:
        """What is known of each VPC, by its id."""
        return _read(self._table.get(_KEY, "ledger: read the known paths"))

    def change(self, note: Callable[[Mapping[str, KnownVpc]], Mapping[str, KnownVpc]]) -> Mapping[str, KnownVpc]:
        """What `note` makes of what is known, once that is saved; what stays the same isn't written.

        `note` is called again where another run was faster. Raises TransientError where that happens many times.
        """

        def step(item: dict[str, Any]) -> tuple[dict[str, Any] | None, Mapping[str, KnownVpc]]:
            before = _read(item)
            after = note(before)
            return ({"vpcs": _pack(after)} if after != before else None), after

        return self._table.change(_KEY, step, "ledger: write the known paths")


def _pack(known: Mapping[str, KnownVpc]) -> bytes:
    return zlib.compress(json.dumps(to_plain(known), separators=(",", ":")).encode())


def _read(item: Mapping[str, Any]) -> Mapping[str, KnownVpc]:
    """What the item says; nothing if it can't be understood, with an error in the log: it is learnt anew then."""
    packed = item.get("vpcs")
    try:
        vpcs = json.loads(zlib.decompress(packed)) if packed else {}
        return {vpc_id: from_plain(KnownVpc, vpc) for vpc_id, vpc in vpcs.items()}
    except (zlib.error, TypeError, ValueError) as error:
        logger.error("known paths unreadable", reason=repr(error)[:200])
        return {}

"""The tags by which something is required in VPCs, kept where every run sees them."""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from lifeline.adapters.store.codec import from_plain, to_plain
from lifeline.adapters.store.table import Table
from lifeline.core.policy.requiring_tags import RequiringTags
from lifeline.runtime.observability import logger

_KEY = ("TAGS", "KNOWN")

type KnownTags = Mapping[str, RequiringTags]  # by VPC


class TagStore:
    """The ledger's item `TAGS` with `KNOWN`: one compressed item with a revision, as that of the known paths."""

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        self._table = Table(table_name, dynamodb)

    def read(self) -> KnownTags:
        """What is known."""
        return _read(self._table.get(_KEY, "ledger: read the known tags"))

    def change(self, note: Callable[[KnownTags], KnownTags]) -> KnownTags:
        """What `note` makes of what is known, once that is saved; what stays the same isn't written.

        `note` is called again where another run was faster. Raises TransientError where that happens many times.
        """

        def step(item: dict[str, Any]) -> tuple[dict[str, Any] | None, KnownTags]:
            before = _read(item)
            after = note(before)
            return ({"vpcs": _pack(after)} if after != before else None), after

        return self._table.change(_KEY, step, "ledger: write the known tags")


def _pack(known: KnownTags) -> bytes:
    return zlib.compress(json.dumps(to_plain(known), separators=(",", ":")).encode())


def _read(item: Mapping[str, Any]) -> KnownTags:
    """What the item says; nothing if it can't be understood, with an error in the log: it is learnt anew then."""
    packed = item.get("vpcs")
    try:
        plain = json.loads(zlib.decompress(packed)) if packed else {}
        return {
            vpc_id: {resource_id: from_plain(tuple[tuple[str, str], ...], found) for resource_id, found in tags.items()}
            for vpc_id, tags in plain.items()
        }
    except (zlib.error, AttributeError, TypeError, ValueError) as error:
        logger.error("known tags unreadable", reason=repr(error)[:200])
        return {}

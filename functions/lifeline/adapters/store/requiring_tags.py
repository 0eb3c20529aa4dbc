"""The tags by which something is required in VPCs, kept where every run sees them."""

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lifeline.adapters.store.codec import from_plain, pack, unpack
from lifeline.adapters.store.table import Table
from lifeline.core.errors import TransientError
from lifeline.core.organization.ledger import Ledger
from lifeline.core.policy.requiring_tags import RequiringTags
from lifeline.runtime.observability import logger

_PK = "TAGS"
_ITEMS = 16
_TRIES = 8
_WRITING = "ledger: write the known tags"

type KnownTags = Mapping[str, RequiringTags]  # by VPC


class TagStore:
    """The ledger's items `TAGS` with `KNOWN#<number>`: each resource is in the item that its id decides, for whoever
    tags thousands of subnets would fill one (DynamoDB guide: an item has 400 KB at most). The items are compressed, and
    each has a revision, so that two runs don't undo each other's changes.
    """

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)

    def read(self) -> KnownTags:
        """What is known."""
        return _merged(map(_unpack, self._read().values()))

    def change(self, note: Callable[[KnownTags], KnownTags]) -> KnownTags:
        """What `note` makes of what is known, once that is saved; what stays the same isn't written.

        `note` is called again where another run was faster. Raises TransientError where that happens many times.
        """
        for _ in range(_TRIES):
            items = self._read()
            before = {number: _unpack(item) for number, item in items.items()}
            after = note(_merged(before.values()))
            split = _split(after)
            changed = [number for number in range(_ITEMS) if split.get(number, {}) != before.get(number, {})]
            revisions = {number: items.get(number, {}).get("revision", 0) for number in changed}
            if all(self._write(number, split.get(number, {}), revisions[number]) for number in changed):
                return after
        raise TransientError(f"{_WRITING}: too many runs do so at once", code="Contention")

    def _read(self) -> dict[int, dict[str, Any]]:
        condition, values = "pk = :pk AND begins_with(sk, :known)", {":pk": _PK, ":known": "KNOWN#"}
        found = self._table.query(condition, values, "ledger: read the known tags", ConsistentRead=True)
        return {int(item["sk"].removeprefix("KNOWN#")): item for item in found}

    def _write(self, number: int, known: KnownTags, revision: int) -> bool:
        return self._table.put(
            (_PK, f"KNOWN#{number:02}"),
            {
                "vpcs": pack(known),
                "revision": revision + 1,
            },
            _WRITING,
            condition="attribute_not_exists(pk) OR revision = :revision",
            values={":revision": revision},
        )


def _split(known: KnownTags) -> Mapping[int, KnownTags]:
    """What each item has of it."""
    found: defaultdict[int, defaultdict[str, dict[str, tuple[tuple[str, str], ...]]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for vpc_id, by_resource in known.items():
        for resource_id, tags in by_resource.items():
            found[zlib.crc32(resource_id.encode()) % _ITEMS][vpc_id][resource_id] = tags
    return found


def _merged(parts: Iterable[KnownTags]) -> KnownTags:
    found: defaultdict[str, dict[str, tuple[tuple[str, str], ...]]] = defaultdict(dict)
    for part in parts:
        for vpc_id, by_resource in part.items():
            found[vpc_id].update(by_resource)
    return dict(found)


def _unpack(item: Mapping[str, Any]) -> KnownTags:
    """What the item says; nothing if it can't be understood, with an error in the log: it is learnt anew then."""
    try:
        plain = unpack(item["vpcs"]) if item.get("vpcs") else {}
        return {
            vpc_id: {resource_id: from_plain(tuple[tuple[str, str], ...], found) for resource_id, found in tags.items()}
            for vpc_id, tags in plain.items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        logger.error("known tags unreadable", reason=repr(error)[:200])
        return {}

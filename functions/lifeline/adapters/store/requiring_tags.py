"""The tags by which something is required in VPCs, kept where every run sees them."""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from lifeline.adapters.store.codec import from_plain
from lifeline.adapters.store.split import SplitStore
from lifeline.core.policy.requiring_tags import RequiringTags

_ITEMS = 16

type KnownTags = Mapping[str, RequiringTags]  # by VPC


class TagStore(SplitStore[RequiringTags]):
    """The ledger's items `TAGS` with `KNOWN#<number>`: each resource is in the item that its id decides, for whoever
    tags thousands of subnets of one VPC would fill one.
    """

    key = ("TAGS", "KNOWN#")
    what = "the known tags"
    unreadable = "known tags unreadable"

    def split(self, known: KnownTags) -> Mapping[int, KnownTags]:
        """What each item has of it, by number."""
        found: defaultdict[int, defaultdict[str, dict[str, tuple[tuple[str, str], ...]]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        for vpc_id, by_resource in known.items():
            for resource_id, tags in by_resource.items():
                found[zlib.crc32(resource_id.encode()) % _ITEMS][vpc_id][resource_id] = tags
        return found

    def merge(self, parts: Iterable[KnownTags]) -> KnownTags:
        """What the items have together."""
        found: defaultdict[str, dict[str, tuple[tuple[str, str], ...]]] = defaultdict(dict)
        for part in parts:
            for vpc_id, by_resource in part.items():
                found[vpc_id].update(by_resource)
        return dict(found)

    def read_plain(self, plain: Any) -> KnownTags:
        """What one item says."""
        return {
            vpc_id: {resource_id: from_plain(tuple[tuple[str, str], ...], found) for resource_id, found in tags.items()}
            for vpc_id, tags in plain.items()
        }

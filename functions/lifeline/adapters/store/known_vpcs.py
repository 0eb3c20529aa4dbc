"""What is known of a region's VPCs, kept where every run sees it."""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from lifeline.adapters.store.codec import from_plain
from lifeline.adapters.store.split import SplitStore

_ITEMS = 64  # with 100 KB each, 30 VPCs of 200 subnets in every one of them


class KnownVpcs[T](SplitStore[T]):
    """Each VPC is in the item that its id decides. `kind` is the type of what is known of one VPC."""

    kind: type[T]

    def split(self, known: Mapping[str, T]) -> Mapping[int, Mapping[str, T]]:
        """What each item has of it, by number."""
        found: defaultdict[int, dict[str, T]] = defaultdict(dict)
        for vpc_id, one in known.items():
            found[zlib.crc32(vpc_id.encode()) % _ITEMS][vpc_id] = one
        return found

    def merge(self, parts: Iterable[Mapping[str, T]]) -> Mapping[str, T]:
        """What the items have together."""
        return {vpc_id: one for part in parts for vpc_id, one in part.items()}

    def read_plain(self, plain: Any) -> Mapping[str, T]:
        """What one item says."""
        return {vpc_id: from_plain(self.kind, known) for vpc_id, known in plain.items()}

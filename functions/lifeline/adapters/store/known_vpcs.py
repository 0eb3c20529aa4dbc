"""What is known of a region's VPCs, kept where every run sees it: one compressed item for all of them."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from lifeline.adapters.store.codec import from_plain, pack, unpack
from lifeline.adapters.store.table import Key, Table
from lifeline.core.organization.ledger import Ledger
from lifeline.runtime.observability import logger


class KnownVpcs[T]:
    """One item, so that a sweep reads it once and writes it only where something changed; it has a revision, so that
    two runs don't undo each other's changes. `kind` is the type of what is known of one VPC, `what` names it, and
    `unreadable` is what the log says of an item that can't be understood.
    """

    key: ClassVar[Key]
    what: ClassVar[str]
    unreadable: ClassVar[str]
    kind: type[T]

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)

    def read(self) -> Mapping[str, T]:
        """What is known of each VPC, by its id."""
        return self._known(self._table.get(self.key, f"ledger: read {self.what}"))

    def change(self, note: Callable[[Mapping[str, T]], Mapping[str, T]]) -> Mapping[str, T]:
        """What `note` makes of what is known, once that is saved; what stays the same isn't written.

        `note` is called again where another run was faster. Raises TransientError where that happens many times.
        """

        def step(item: dict[str, Any]) -> tuple[dict[str, Any] | None, Mapping[str, T]]:
            before = self._known(item)
            after = note(before)
            return ({"vpcs": pack(after)} if after != before else None), after

        return self._table.change(self.key, step, f"ledger: write {self.what}")

    def _known(self, item: Mapping[str, Any]) -> Mapping[str, T]:
        """What the item says; nothing if it can't be understood, with an error in the log: it is learnt anew then."""
        try:
            vpcs = unpack(item["vpcs"]) if item.get("vpcs") else {}
            return {vpc_id: from_plain(self.kind, known) for vpc_id, known in vpcs.items()}
        except (AttributeError, TypeError, ValueError) as error:
            logger.error(self.unreadable, reason=repr(error)[:200])
            return {}

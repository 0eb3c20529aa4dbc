"""Values that are too large for one item: DynamoDB's has 400 KB at most (DynamoDB guide: quotas)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from lifeline.adapters.store.codec import pack, unpack
from lifeline.adapters.store.table import Key, Table
from lifeline.core.errors import TransientError
from lifeline.core.organization.ledger import Ledger
from lifeline.runtime.observability import logger

_TRIES = 30  # as many as Table.change takes for one item


class SplitStore[T](ABC):
    """One mapping in items of its own, `<key><number>` in one partition, of which each has what a subclass's `split`
    puts there. They are compressed, and each has a revision, so that two runs don't undo each other's changes.

    Earlier versions wrote one item, which is called `key` without its `#`: it is read on until the next change, which
    deletes it once its content is in the others. `what` names the mapping, and `unreadable` is what the log says of an
    item that can't be understood: of that item alone, everything is learnt anew.
    """

    key: ClassVar[Key]
    what: ClassVar[str]
    unreadable: ClassVar[str]

    def __init__(self, ledger: Ledger, dynamodb: Any = None) -> None:
        self._table = Table(ledger, dynamodb)

    @property
    def _of_before(self) -> str:
        return self.key[1].removesuffix("#")

    @abstractmethod
    def split(self, known: Mapping[str, T]) -> Mapping[int, Mapping[str, T]]:
        """What each item has of it, by number."""

    @abstractmethod
    def merge(self, parts: Iterable[Mapping[str, T]]) -> Mapping[str, T]:
        """What the items have together; where two say something of the same, the later one counts."""

    @abstractmethod
    def read_plain(self, plain: Any) -> Mapping[str, T]:
        """What one item says. Raises AttributeError, TypeError or ValueError where that can't be understood."""

    def read(self) -> Mapping[str, T]:
        """What is known, by VPC."""
        return self.merge(map(self._part, self._items().values()))

    def change(self, note: Callable[[Mapping[str, T]], Mapping[str, T]]) -> Mapping[str, T]:
        """What `note` makes of what is known, once that is saved; items that stay the same aren't written.

        `note` is called again where another run was faster. Raises TransientError where that happens many times.
        """
        doing = f"ledger: write {self.what}"
        for _ in range(_TRIES):
            items = self._items()
            parts = {sort_key: self._part(item) for sort_key, item in items.items()}
            after = note(self.merge(parts.values()))
            split = {self._sort_key(number): part for number, part in self.split(after).items()}
            of_before = self._of_before
            changed = [
                name
                for name in (split.keys() | parts.keys()) - {of_before}
                if split.get(name, {}) != parts.get(name, {})
            ]
            if all(self._write(name, split.get(name, {}), items.get(name, {}), doing) for name in sorted(changed)):
                if of_before in items:
                    self._table.delete((self.key[0], of_before), doing)
                return after
        raise TransientError(f"{doing}: too many runs do so at once", code="Contention")

    def _items(self) -> dict[str, dict[str, Any]]:
        """The items by their sort keys; what an earlier version wrote comes first."""
        condition, values = "pk = :pk AND begins_with(sk, :name)", {":pk": self.key[0], ":name": self._of_before}
        found = self._table.query(condition, values, f"ledger: read {self.what}", ConsistentRead=True)
        return {item["sk"]: item for item in found}

    def _write(self, sort_key: str, part: Mapping[str, T], before: Mapping[str, Any], doing: str) -> bool:
        return self._table.replace((self.key[0], sort_key), before, {"vpcs": pack(part)}, doing)

    def _sort_key(self, number: int) -> str:
        return f"{self.key[1]}{number:02}"

    def _part(self, item: Mapping[str, Any]) -> Mapping[str, T]:
        """What the item says; nothing if it can't be understood, with an error in the log: it is learnt anew then."""
        try:
            return self.read_plain(unpack(item["vpcs"])) if item.get("vpcs") else {}
        except (AttributeError, TypeError, ValueError) as error:
            logger.error(self.unreadable, reason=repr(error)[:200])
            return {}

"""Processes that use the ledger at the same time, one call after the other in an order that the test chooses.

    turns = Turns(2, order=(0, 1, 1, 0))
    turns.run(lambda ledger: UsageOfAll("ledger", ledger).change(…), lambda ledger: …)

Each process has a client of its own, and each call of it waits for its turn. When the order is used up, the first
process that isn't done goes on. Nothing depends on time: the same order gives the same calls.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Condition
from typing import Any

from botocore.exceptions import ClientError


class Turns:
    """Whose turn it is among so many processes. `made` counts their calls by name, and `refused` the writes among them
    whose condition wasn't met.
    """

    def __init__(self, processes: int, order: Iterable[int] = ()) -> None:
        self.made: Counter[str] = Counter()
        self.refused = 0
        self._order = list(order)
        self._open = set(range(processes))
        self._turn = Condition()

    def run[Answer](self, ledger: Any, *processes: Callable[[Any], Answer]) -> list[Answer]:
        """What the processes answer, each given its own client of the ledger."""
        with ThreadPoolExecutor(len(processes)) as pool:
            clients = [_Client(ledger, self, number) for number in range(len(processes))]
            return list(pool.map(self._finish, range(len(processes)), processes, clients))

    def _finish[Answer](self, number: int, process: Callable[[Any], Answer], ledger: Any) -> Answer:
        try:
            return process(ledger)
        finally:
            with self._turn:
                self._open.discard(number)
                self._turn.notify_all()

    def take(self, number: int, name: str, call: Callable[..., Any], request: dict[str, Any]) -> Any:
        """Makes the process's call once it is its turn."""
        with self._turn:
            self._turn.wait_for(lambda: self._next() == number)
            del self._order[:1]
            self.made[name] += 1
            try:
                return call(**request)
            except ClientError as error:
                self.refused += error.response["Error"]["Code"] == "ConditionalCheckFailedException"
                raise
            finally:
                self._turn.notify_all()

    def _next(self) -> int:
        while self._order and self._order[0] not in self._open:
            del self._order[0]
        return self._order[0] if self._order else min(self._open)


class _Client:
    def __init__(self, ledger: Any, turns: Turns, number: int) -> None:
        self._ledger, self._turns, self._number = ledger, turns, number

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._ledger, name)
        return lambda **request: self._turns.take(self._number, name, call, request)

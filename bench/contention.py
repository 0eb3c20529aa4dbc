"""How often processes that count at once against the limits of all accounts must decide anew, and whether one gives up.

PYTHONPATH=functions:. .envs/dev/bin/python -m bench.contention

Each of N processes counts TIMES endpoints of an account of its own, one after the other, with nothing in between: on
AWS, a run has seconds of other calls between two of these. Their calls to the ledger come in turn by an order that a
seed says, or in the worst order, in which all read before any writes. The same seed gives the same figures.
"""

import random
from contextlib import nullcontext
from typing import Any

import pytest
from tests.adapters.store.test_contention import clear, counting, shared
from tests.support.interleaved import Turns
from tests.support.world import World, emulated_world

from lifeline.adapters.store import limit_usage
from lifeline.adapters.store.limit_usage import UsageOfAll
from lifeline.core.errors import TransientError

TIMES, SEEDS = 10, 10
ENOUGH = 100_000


def measure(world: World, contenders: int, order: list[int]) -> tuple[int, int, int]:
    """The changes, the writes that were refused, and the changes that were given up."""
    clear(world)
    turns = Turns(contenders, order)

    def count(number: int, ledger: Any) -> int:
        given_up = 0
        for one in range(TIMES):
            try:
                counting(shared(1_000 * number + one, ENOUGH))(ledger)
            except TransientError:
                given_up += 1
        return given_up

    def process(number: int) -> Any:
        return lambda ledger: count(number, ledger)

    given_up = sum(turns.run(world.dynamodb, *map(process, range(contenders))))
    counted = len(UsageOfAll("ledger").read().grants)
    assert counted == contenders * TIMES - given_up, "what is counted is what passed"
    return contenders * TIMES, turns.refused, given_up


def main() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch, emulated_world(monkeypatch) as world:
        monkeypatch.setattr(limit_usage, "_CHANGING", nullcontext())  # which processes don't share
        print("processes: refused writes for each change, and changes given up, of all; in the worst order")
        for contenders in (1, 2, 4, 8):
            turns = 40 * TIMES * contenders
            orders = [random.Random(seed).choices(range(contenders), k=turns) for seed in range(SEEDS)]  # noqa: S311
            found = [measure(world, contenders, order) for order in orders]
            changes, refused, given_up = map(sum, zip(*found, strict=True))
            worst = measure(world, contenders, [*range(contenders)] * turns)
            print(
                f"  {contenders}: {refused / changes:.2f}, {given_up} of {changes}; "
                f"{worst[1] / worst[0]:.2f}, {worst[2]} of {worst[0]}"
            )


if __name__ == "__main__":
    main()

"""The ways in which a VPC can reach the services that a hub shares, and what each of them costs in a month."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

from lifeline.core.wording import few

_MOST_SERVICES = 6


class Way(StrEnum):
    """By what the services are reached."""

    LOCAL = "local"  # interface endpoints in the VPC
    CENTRAL = "central"  # the hub's endpoints
    NAT = "nat"  # a NAT gateway of the VPC, and the services' public addresses


_NAMES = {Way.LOCAL: "endpoints of its own", Way.CENTRAL: "the hub's endpoints", Way.NAT: "a NAT gateway"}


@dataclass(frozen=True, slots=True)
class WayCost:
    """What one way costs: `monthly_usd` however much data there is, without what the VPC pays for anyway, and each GB.

    `per_gb_usd` is None where it isn't known. `detail` says what the figures consist of.
    """

    way: Way
    monthly_usd: Decimal
    per_gb_usd: Decimal | None
    detail: str

    @property
    def name(self) -> str:
        """What people call it."""
        return _NAMES[self.way]

    @property
    def words(self) -> str:
        """`7.30, and 0.01 per GB`."""
        data = "an unknown charge" if self.per_gb_usd is None else self.per_gb_usd
        return f"{self.monthly_usd:.2f}, and {data} per GB"


@dataclass(frozen=True, slots=True)
class CheapestWithin:
    """The GB a month, from `from_gb` on and up to `until_gb`, None without end, at which `way` is the cheapest."""

    way: Way
    from_gb: Decimal
    until_gb: Decimal | None

    @property
    def words(self) -> str:
        """`the hub's endpoints up to 365 GB`."""
        name = _NAMES[self.way]
        if self.until_gb is None:
            return f"{name} above" if self.from_gb else f"{name}, however much data there is"
        return f"{name} up to {_whole(self.until_gb):,} GB"


@dataclass(frozen=True, slots=True)
class HubComparison:
    """What the services that the hub shares cost a VPC by each way. `interfaces` are those of endpoints of its own, as
    they are or would be. `prices` says of which region and date the prices are.

    How much data the services get isn't known, so that the amounts at which another way is cheaper take its place.
    """

    services: tuple[str, ...]
    interfaces: int
    ways: tuple[WayCost, ...]
    prices: str

    @property
    def cheapest(self) -> tuple[CheapestWithin, ...]:
        """Which way is the cheapest, from 0 GB on. A way whose GB has no known price can't be among them."""
        return tuple(_cheapest(self.ways))

    @property
    def cheapest_words(self) -> str:
        """`the hub's endpoints up to 365 GB a month, endpoints of its own above`, and that the amount isn't known."""
        first, *others = [stretch.words for stretch in self.cheapest]
        unknown = [cost.name for cost in self.ways if cost.per_gb_usd is None]
        without = f" (but for {unknown[0]}, whose data charge isn't known)" if unknown else ""
        if not others:
            return f"{first}{without}"
        return f"{', '.join([f'{first} a month', *others])}{without}; how much data there is isn't known"

    @property
    def words(self) -> tuple[str, ...]:
        """The comparison for people, a line each: what is compared, each way, and the cheapest."""
        return (
            f"ways to reach {few(self.services, _MOST_SERVICES)}, in USD per month:",
            *(f"{cost.name}: {cost.words} ({cost.detail})" for cost in self.ways),
            f"cheapest, data included: {self.cheapest_words}",
        )


def comparison_json(compared: HubComparison) -> dict[str, Any]:
    """The comparison as the functions' answers contain it."""
    return {
        "services": list(compared.services),
        "interfaces": compared.interfaces,
        "ways": {
            str(cost.way): {
                "monthly_usd": float(cost.monthly_usd),
                "per_gb_usd": None if cost.per_gb_usd is None else float(cost.per_gb_usd),
                "detail": cost.detail,
            }
            for cost in compared.ways
        },
        "cheapest": [
            {
                "way": str(stretch.way),
                "from_gb": _whole(stretch.from_gb),
                "until_gb": None if stretch.until_gb is None else _whole(stretch.until_gb),
            }
            for stretch in compared.cheapest
        ],
        "words": list(compared.words),
        "prices": compared.prices,
    }


def _cheapest(costs: Iterable[WayCost]) -> Iterator[CheapestWithin]:
    """The lower edge of the lines: where two cross, the way whose GB costs less goes on."""
    lines = [(cost.monthly_usd, cost.per_gb_usd, cost.way) for cost in costs if cost.per_gb_usd is not None]
    at, now = Decimal(0), min(lines)
    while True:
        less = [line for line in lines if line[1] < now[1]]
        if not less:
            yield CheapestWithin(now[2], at, None)
            return
        crossings = [((line[0] - now[0]) / (now[1] - line[1]), line[1], line) for line in less]
        until, _, following = min(crossings)
        yield CheapestWithin(now[2], at, until)
        at, now = until, following


def _whole(gb: Decimal) -> int:
    return int(gb.quantize(Decimal(1), rounding=ROUND_HALF_UP))

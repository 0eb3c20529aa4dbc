"""Who is promised a place in a hub's zone or Profile: where people may still approve it, or a run is about to ask."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

type Wanted = tuple[tuple[str, ...], datetime]
"""The zones or Profiles in which a VPC is to have a place, and until when it is promised."""


@dataclass(frozen=True, slots=True)
class Place:
    """A VPC's place in each of these zones or Profiles: since when, and until when it is promised."""

    central_ids: tuple[str, ...]
    at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class HubPlaces:
    """The places of all accounts' VPCs, by `<account>/<region>/<VPC ID>`."""

    by_vpc: Mapping[str, Place] = field(default_factory=dict)

    def before(self, vpc: str, *, now: datetime) -> dict[str, tuple[str, ...]]:
        """The zones and Profiles by the other VPCs that go first: who was promised a place earlier has it."""
        own = self.by_vpc.get(vpc)
        turn = (own.at, vpc) if own and now < own.ends_at else None
        return {
            other: place.central_ids
            for other, place in self.by_vpc.items()
            if other != vpc and now < place.ends_at and (turn is None or (place.at, other) < turn)
        }

    def noted(self, wanted: Mapping[str, Wanted], among: Collection[str], *, now: datetime) -> "HubPlaces":
        """With what is wanted in place of what the VPCs in `among` had. Who keeps asking keeps the
        turn.
        """
        live = {vpc: place for vpc, place in self.by_vpc.items() if now < place.ends_at}
        kept = {vpc: place for vpc, place in live.items() if vpc not in among}
        new = {
            vpc: Place(ids, live[vpc].at if vpc in live and live[vpc].central_ids == ids else now, ends_at)
            for vpc, (ids, ends_at) in wanted.items()
        }
        return HubPlaces(dict(sorted({**kept, **new}.items())))


def count(taken: Mapping[str, Collection[str]]) -> Counter[str]:
    """How many VPCs are to have a place in each zone or Profile."""
    return Counter(id_ for ids in taken.values() for id_ in ids)

"""What cuts the way from a VPC to a hub beyond the VPC, kept for whoever can't read that: it explains a silence."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from lifeline.core.network.gates import ObstacleKind
from lifeline.core.network.obstacles import Obstacle
from lifeline.core.plan.actions import ServiceReport


@dataclass(frozen=True, slots=True, order=True)
class HubCut:
    """What cuts the way to a service at the hub, in words, from which subnets, and when that was first seen."""

    words: str
    subnet_ids: tuple[str, ...]
    at: datetime

    def is_part_of(self, other: "HubCut") -> bool:
        """True if the other one explains all that it does: the same, from no more subnets."""
        return self.words == other.words and set(self.subnet_ids) <= set(other.subnet_ids)


type Cuts = Mapping[str, HubCut]
"""The cuts by service."""


def note_cuts(known: Cuts, services: Iterable[ServiceReport], *, now: datetime) -> dict[str, HubCut]:
    """The cuts as the services of a plan show them. Where nobody looked who answers a name, what was known stands."""
    found: dict[str, HubCut] = {}
    for report in services:
        before, seen = known.get(report.service), list(_beyond(report))
        if seen:
            cut = HubCut(seen[0].words, tuple(sorted({one.subnet_id for one in seen})), now)
            found[report.service] = replace(cut, at=before.at) if before and cut.is_part_of(before) else cut
        elif before and any(path.is_unasked for _, path in report.paths):
            found[report.service] = before
    return found


def _beyond(report: ServiceReport) -> Iterator[Obstacle]:
    found = (obstacle for _, path in report.paths for obstacle in path.obstacles)
    return (obstacle for obstacle in found if obstacle.kind is ObstacleKind.BEYOND)

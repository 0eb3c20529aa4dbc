"""An agent's series: which one to judge it by, and which services they show it needs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

type Readings = Mapping["Series", tuple[datetime, ...]]
"""The datapoints' times by series. A series that couldn't be read is absent; one without datapoints is there, empty."""

_NEEDS = {
    "AutoScalingGroupName": "ec2",  # the agent reads its instance's tags (CloudWatch agent guide: append_dimensions)
    "VolumeId": "ec2",  # the agent reads its instance's volumes (CloudWatch agent guide: append_dimensions)
    "LogGroupName": "logs",
    "log_group_name": "logs",
}
"""The service that an agent must reach for a dimension of its series, besides the one that takes its metrics."""


@dataclass(frozen=True, slots=True)
class Series:
    """One metric with its dimensions, in the names' order."""

    metric: str
    dimensions: tuple[tuple[str, str], ...]

    @property
    def rank(self) -> tuple[int, str, tuple[tuple[str, str], ...]]:
        """Fewest dimensions first, because these survive a resized instance or a renamed disk; then a stable order."""
        return (len(self.dimensions), self.metric, self.dimensions)

    @property
    def shape(self) -> tuple[str, ...]:
        """The dimensions' names, which are the same for all series of one agent setting."""
        return tuple(name for name, _ in self.dimensions)


def choose_series(listed: Iterable[Series]) -> Series:
    """The series to judge an agent by: the one that survives most changes. Raises ValueError if there is none."""
    return min(listed, key=lambda series: series.rank)


def other_series(current: Series | None, listed: Iterable[Series], *, limit: int) -> tuple[Series, ...]:
    """The agent's other series, at most `limit`: one of each shape first, because settings change by shape."""
    turns: Counter[tuple[str, ...]] = Counter()
    queue: list[tuple[int, Series]] = []
    for series in sorted(set(listed) - {current}, key=lambda series: series.rank):
        queue.append((turns[series.shape], series))
        turns[series.shape] += 1
    return tuple(series for _, series in sorted(queue, key=lambda item: (item[0], item[1].rank)))[:limit]


def needs_of(listed: Iterable[Series]) -> frozenset[str]:
    """The services that the series show their agent to use, besides the one that takes its metrics.

    An agent that adds its Auto Scaling group or its volumes to its series reads them from EC2 when it starts, and sends
    nothing before it has them (CloudWatch agent: ec2tagger). One that names a log group sends logs as well.
    """
    return frozenset(_NEEDS[name] for series in listed for name in series.shape if name in _NEEDS)

"""An agent's series: which ones are its own, which one to judge it by, and which services they show it needs."""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

MOST_KNOWN = 50  # of an agent's series

_MARK = 5
_NAMES = 3  # letters of a mark that are the same whatever the dimensions' values are

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
        turns.update([series.shape])
    return tuple(series for _, series in sorted(queue, key=lambda item: (item[0], item[1].rank)))[:limit]


# ---- which series are an agent's own


def mark_of(series: Series, entity: str) -> str:
    """Five letters for a series of the agent: three for its metric and its dimensions' names, two for their values.

    Agents of one configuration have the same marks, so that a roster of them is compressed well. A mark is no secret:
    who may publish another's metrics can send the very same series.
    """
    names = crc32("\0".join((series.metric, *series.shape)).encode()) & 0x3FFFF
    values = crc32("\0".join("" if value == entity else value for _, value in series.dimensions).encode()) & 0xFFF
    return b64encode((names << 14 | values << 2).to_bytes(4))[:_MARK].decode()


def marks_of(listed: Iterable[Series], entity: str) -> str:
    """The marks of an agent's series, one after the other; of very many, those of as many shapes as possible."""
    series = [*listed]
    if len(series) > MOST_KNOWN:
        series = [*other_series(None, series, limit=MOST_KNOWN)]
    return "".join(sorted({mark_of(one, entity) for one in series}))


def marked(listed: Iterable[Series], entity: str, marks: str, *, by_names: bool = False) -> tuple[Series, ...]:
    """Those of the series that have one of the marks; `by_names` whatever their dimensions' values are."""
    length = _NAMES if by_names else _MARK
    known = {mark[:length] for mark in split_marks(marks)}
    return tuple(series for series in listed if mark_of(series, entity)[:length] in known)


def split_marks(marks: str) -> Sequence[str]:
    """The marks one by one."""
    return [marks[place : place + _MARK] for place in range(0, len(marks), _MARK)]


def needs_of(listed: Iterable[Series]) -> frozenset[str]:
    """The services that the series show their agent to use, besides the one that takes its metrics.

    An agent that adds its Auto Scaling group or its volumes to its series reads them from EC2 when it starts, and sends
    nothing before it has them (CloudWatch agent: ec2tagger). One that names a log group sends logs as well.
    """
    return frozenset(_NEEDS[name] for series in listed for name in series.shape if name in _NEEDS)

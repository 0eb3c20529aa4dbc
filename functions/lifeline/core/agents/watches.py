"""Watches: whose metrics are watched, how often they come, when their absence is a silence, and how severe that is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from lifeline.core.agents.admission import MOST_HOSTS
from lifeline.core.agents.instances import Instance
from lifeline.core.severity import Severity

_PERIODS = tuple(timedelta(seconds=seconds) for seconds in (60, 30, 20, 10, 5, 1))  # CloudWatch API: MetricStat.Period
_DAY = timedelta(days=1)

type Tags = tuple[tuple[str, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """When an agent counts as silent, and as back. Raises ValueError if the period isn't from 1 s to 1 h.

    An agent whose datapoints come less often than each `period` is judged by its own, up to `longest_period`.
    """

    period: timedelta = timedelta(minutes=1)
    grace: timedelta = timedelta(minutes=4)
    warm_up: timedelta = timedelta(minutes=10)
    forget_after: timedelta = timedelta(days=14)
    recover_after: int = 2
    longest_period: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        if not timedelta(seconds=1) <= self.period <= timedelta(hours=1):
            raise ValueError(f"an agent's period is from 1 s to 1 h, not {self.period}")

    @property
    def resolution(self) -> timedelta:
        """The period to query by: a minute, or for agents that publish more often the longest that CloudWatch accepts.

        Never longer: CloudWatch stamps a datapoint with the start of the queried period, so one published at the end of
        a long period would look due a whole period before it is.
        """
        return next(candidate for candidate in _PERIODS if candidate <= self.period)


@dataclass(frozen=True, slots=True)
class Watch:
    """One kind of agent. Each value of `dimension` in `namespace` names one agent, the entity.

    With `metric` only that metric's series count, with `metric_prefix` only those of metrics whose names start with it;
    with neither, all. `needs` are services that the agents must reach besides `monitoring`. `most_hosts` is how many
    agents for which EC2 can't vouch, such as hosts outside AWS, join the roster. With `is_elsewhere` all agents run in
    other accounts or regions, or on premises, even where their names are IDs of instances. `severity` is that of its
    incidents, None where it depends on what fell silent.
    """

    name: str = "cloudwatch-agent"
    namespace: str = "CWAgent"
    dimension: str = "InstanceId"
    metric: str = ""
    metric_prefix: str = ""
    rules: Rules = field(default_factory=Rules)
    needs: frozenset[str] = frozenset()
    most_hosts: int = MOST_HOSTS
    is_elsewhere: bool = False
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A window in which silence is expected: once, from `start` to `end`, or on weekdays (UTC, 0 is Monday).

    It covers the agents that meet every condition; an empty condition is met by all.
    """

    reason: str
    start: datetime | None = None
    end: datetime | None = None
    days: frozenset[int] = frozenset()
    at: time = time(0, 0)
    length: timedelta = timedelta()
    watches: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    vpc_ids: frozenset[str] = frozenset()
    instance_tags: Tags = ()

    def is_on(self, now: datetime) -> bool:
        """True from its start to just before its end."""
        if self.start and self.end:
            return self.start <= now < self.end
        today = now.astimezone(UTC).date()
        begun = [datetime.combine(today - back * _DAY, self.at, UTC) for back in range(8)]
        return any(start.weekday() in self.days and start <= now < start + self.length for start in begun)

    def covers(self, watch: str, entity: str, instance: Instance) -> bool:
        """True if the agent meets every condition."""
        return (
            (not self.watches or watch in self.watches)
            and (not self.entities or entity in self.entities)
            and (not self.vpc_ids or instance.vpc_id in self.vpc_ids)
            and all(instance.tag(key) in values for key, values in self.instance_tags)
        )


@dataclass(frozen=True, slots=True)
class SeverityRule:
    """How severe the silence of the agents is that meet every condition; an empty condition is met by all."""

    severity: Severity
    watches: frozenset[str] = frozenset()
    vpc_tags: Tags = ()
    instance_tags: Tags = ()

    def covers(self, watch: str, instance: Instance, vpc_tags: Mapping[str, str]) -> bool:
        """True if the agent meets every condition. What isn't known of its instance or VPC meets none."""
        return (
            (not self.watches or watch in self.watches)
            and all(vpc_tags.get(key) in values for key, values in self.vpc_tags)
            and all(instance.tag(key) in values for key, values in self.instance_tags)
        )

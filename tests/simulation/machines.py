"""Simulated agents: when they truly publish, and what of it CloudWatch shows at a time.

Time is whole seconds since START. An agent's datapoints are arithmetic: every `period` from `phase` on, within the
spans in which nothing keeps it from publishing; so a day of 5,000 agents needs no list of seven million points.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from lifeline.core.agents.instances import AGENT_TAG, EXPECTED, Instance, Power
from lifeline.core.agents.series import Series
from lifeline.core.incidents.incident import CauseKind

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FOREVER = 10**9
MINUTE = 60
HOUR = 3600
_SCATTER = 7919  # a prime: the delays of one agent's datapoints after each other differ as if by chance


@cache
def at(second: int) -> datetime:
    """The moment that is so many seconds after START."""
    return START + timedelta(seconds=second)


def second_of(moment: datetime) -> int:
    return int((moment - START).total_seconds())


@dataclass(eq=False)
class Fault:
    """Something that was injected. `kinds` are the causes that a notice may truly name for it.

    `actor` made the change that the ledger recorded; empty where there was none or its event was lost. With `is_one`
    all whom it silences must be told of in one notice. `is_excused` marks what nobody should hear of. What is wrong for
    all of its VPC, or of a `profile`, is so for machines that another fault keeps silent, too.
    """

    name: str
    kinds: frozenset[CauseKind]
    began: int = 0
    ended: int = FOREVER
    actor: str = ""
    vpc_id: str = ""
    service: str = ""
    profile: str = ""
    is_of_all: bool = False
    is_one: bool = False
    is_excused: bool = False
    machines: list["Machine"] = field(default_factory=list)

    def is_around(self, machine: "Machine", since: int, until: int) -> bool:
        """Whether it would silence the machine at some time between, whatever else does."""
        is_its_own = (self.is_of_all and self.vpc_id == machine.vpc_id) or self.profile == machine.profile
        return is_its_own and self.began < until and since < self.ended


@dataclass(frozen=True, slots=True, eq=False)
class Beat:
    """How an agent's datapoints fall: `skew` is its clock's error, `delay` what CloudWatch needs at least to show one.
    Some take longer, by less than `jitter`, which is at most a period.
    """

    period: int
    phase: int
    skew: int
    delay: int
    resolution: int
    jitter: int = 1

    def delay_of(self, number: int) -> int:
        return self.delay + number * _SCATTER % self.jitter

    def stamp(self, number: int) -> int:
        """What CloudWatch calls the time of this datapoint: the start of its period."""
        shown = self.phase + number * self.period + self.skew
        return shown - shown % self.resolution

    def shown(self, start: int, end: int, now: int) -> tuple[datetime, ...]:
        """The datapoints stamped from `start` to before `end` of an agent that never fails."""
        newest = (now - self.delay - self.phase) // self.period
        oldest = (start - self.skew - self.phase) // self.period
        numbers = [*range(oldest, newest + 1)]
        late = [one for one in numbers[-1:] if self.phase + one * self.period + self.delay_of(one) > now]
        stamps = {self.stamp(number) for number in numbers if number not in late}
        return tuple(at(stamp) for stamp in sorted(stamps) if start <= stamp < end)

    def newest_age(self, now: int) -> int:
        """How many seconds ago its newest datapoint that is shown began; within ten periods."""
        start = now - 10 * self.period
        return now - second_of(self.shown(start, now, now)[-1])


@dataclass(eq=False)
class Outage:
    """A time in which an agent didn't publish, and what kept it from it."""

    machine: "Machine"
    began: int
    ended: int = FOREVER
    faults: list[Fault] = field(default_factory=list)


@dataclass(eq=False)
class Machine:
    """One instance with its agent."""

    entity: str
    vpc_id: str
    subnet_id: str
    zone: str
    profile: str
    beat: Beat
    series: tuple[Series, ...]
    is_public: bool = False
    is_expected: bool = False
    in_group: bool = False
    listed_after: int = 0
    launched: int = -30 * 24 * HOUR
    power: Power = Power.RUNNING
    state: str = "running"
    is_impaired: bool = False
    holds: list[Fault] = field(default_factory=list)
    spans: list[list[int]] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    late: list[tuple[int, int, int]] = field(default_factory=list)
    down: list[list[int]] = field(default_factory=list)
    launches: list[int] = field(default_factory=list)
    steady_since: int = FOREVER
    known: Instance | None = None

    # ---- publishing

    def start_publishing(self, now: int) -> None:
        self.spans.append([now, FOREVER])
        self.steady_since = now

    def block_frozen(self, fault: Fault, now: int) -> None:
        """Keeps the agent from publishing until this fault lets go of it."""
        if fault in self.holds:
            return
        if not self.holds:
            self.steady_since = FOREVER
            if self.spans:
                self.spans[-1][1] = now
            self.outages.append(Outage(self, now))
        self.holds.append(fault)
        self.outages[-1].faults.append(fault)
        fault.machines.append(self)

    def let_go(self, fault: Fault, now: int) -> None:
        if fault not in self.holds:
            return
        self.holds.remove(fault)
        if not self.holds:
            self.outages[-1].ended = now
            self.start_publishing(now)

    def points(self, start: int, end: int, now: int) -> tuple[datetime, ...]:
        """The datapoints stamped from `start` to before `end` that CloudWatch shows at `now`."""
        return tuple(at(stamp) for stamp in sorted(set(self._stamps(start, end, now))))

    def _stamps(self, start: int, end: int, now: int) -> Iterator[int]:
        beat = self.beat
        surely_shown = now - max([beat.delay + beat.jitter, *(slow for _, _, slow in self.late)])
        for since, until in reversed(self.spans):
            if until + beat.skew < start:
                return
            first = -(-(max(since, start - beat.skew - beat.resolution) - beat.phase) // beat.period)
            last = (min(until - 1, now) - beat.phase) // beat.period
            for number in range(first, last + 1):
                published, stamp = beat.phase + number * beat.period, beat.stamp(number)
                if start <= stamp < end and (published <= surely_shown or published + self.delay_at(published) <= now):
                    yield stamp

    def was_late(self, since: int, until: int) -> bool:
        """Whether some of its datapoints of that time show later than usual."""
        return any(start < until + HOUR and since - HOUR < end for start, end, _ in self.late)

    def delay_at(self, published: int) -> int:
        usual = self.beat.delay_of((published - self.beat.phase) // self.beat.period)
        return max((slow for since, until, slow in self.late if since <= published < until), default=usual)

    def last_stamp_before(self, moment: int) -> int | None:
        """The stamp of the last datapoint that was published before `moment`."""
        for since, until in reversed(self.spans):
            number = (min(until, moment) - 1 - self.beat.phase) // self.beat.period
            if since < moment and self.beat.phase + number * self.beat.period >= since:
                return self.beat.stamp(number)
        return None

    def is_listed(self, now: int) -> bool:
        """Whether ListMetrics has it: new ones come late, silent ones leave after three hours and a half."""
        if not self.spans or now < self.listed_after:
            return False
        until = self.spans[-1][1]
        return self.spans[0][0] + self.beat.delay <= now and (until == FOREVER or now - until < 3 * HOUR + 25 * MINUTE)

    # ---- power

    def stop(self, now: int, *, is_for_good: bool = False) -> None:
        self.power, self.state = (Power.GONE, "terminated") if is_for_good else (Power.DOWN, "stopped")
        if not self.down or self.down[-1][1] != FOREVER:
            self.down.append([now, FOREVER])
        self.known = None

    def start(self, now: int) -> None:
        self.power, self.state, self.launched = Power.RUNNING, "running", now
        self.down[-1][1] = now
        self.launches.append(now)
        self.known = None

    def instance(self) -> Instance:
        """The instance as EC2 describes it now."""
        if self.known is None:
            tags = (("Name", f"app-{self.entity[-4:]}"),)
            self.known = Instance(
                power=self.power,
                launched_at=at(self.launched),
                state=self.state,
                vpc_id=self.vpc_id,
                subnet_id=self.subnet_id,
                zone=self.zone,
                profile_arn=self.profile,
                has_public_address=self.is_public,
                tags=(*tags, (AGENT_TAG, EXPECTED)) if self.is_expected else tags,
            )
        return self.known

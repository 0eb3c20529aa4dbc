"""A fleet of agents and a day of faults, drawn from a seed."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Protocol

from lifeline.core.agents.series import Series
from lifeline.core.agents.watches import Maintenance, Rules, Watch
from lifeline.core.network.model import TargetKind
from tests.simulation.machines import FOREVER, HOUR, MINUTE, Beat, Machine, at
from tests.simulation.places import Place, made_id, make_place
from tests.simulation.world import Isolation, Trouble, World

ACTORS = ("deploy-role", "alice", "terraform", "network-admin")
CLEAR = 20 * MINUTE  # before a fault, nothing else happens to its agents for so long


@dataclass(frozen=True, slots=True)
class Setting:
    """How big a world is, and how its agents are watched. Where they are `typical`, their clocks are right, and their
    datapoints come as those of agents with the default configuration do: see `_typical`.
    """

    agents: int = 5000
    places: int = 20
    hours: int = 24
    period: int = 60
    grace: int = 240
    pace: int = 60
    typical: bool = False

    @property
    def patience(self) -> int:
        """How long an agent may be unseen before it is silent."""
        return self.period + self.grace


def make_world(seed: int, setting: Setting = Setting(), *, is_calm: bool = False) -> World:
    """A world in which the faults of a day, or none where it `is_calm`, wait for their time."""
    random = Random(seed)  # noqa: S311 - a simulation
    rules = Rules(period=timedelta(seconds=setting.period), grace=timedelta(seconds=setting.grace))
    world = World(Watch(rules=rules), random, setting.hours * HOUR)
    builder = _Builder(world, setting)
    builder.build()
    if not is_calm:
        _Planner(world, setting, builder).plan()
    return world


class _Strikes(Protocol):
    def __call__(self, machine: Machine, /, *, lasts: int) -> object: ...


def _striking(do: _Strikes, machine: Machine, lasts: int) -> Callable[[], None]:
    def strike() -> None:
        do(machine, lasts=lasts)

    return strike


class _Builder:
    """Makes VPCs and machines."""

    def __init__(self, world: World, setting: Setting) -> None:
        self._world = world
        self._setting = setting
        self._random = world.random
        self._count = 0
        self._beats: dict[tuple[int, int, int], Beat] = {}

    def build(self) -> None:
        for number in range(1, self._setting.places + 1):
            is_isolated = number % 10 in (7, 8, 9)
            path = None if is_isolated else TargetKind.INTERNET_GATEWAY
            place = make_place(number, path=path, is_mended=number % 3 != 0)
            if is_isolated:
                place.add_endpoint("monitoring")
                place.arrived["monitoring"] = -FOREVER
                subnets = frozenset(one.id for one in place.subnets)
                self._world.isolations.append(Isolation(place, subnets, -FOREVER))
            self._world.places[place.id] = place
        places = [*self._world.places.values()]
        for number in range(self._setting.agents):
            place = places[number % len(places)]
            machine = self.machine(place, number // len(places) % 6)
            machine.start_publishing(-2 * HOUR)
            self._world.add(machine)

    def machine(self, place: Place, subnet: int) -> Machine:
        """A new machine, which doesn't publish yet."""
        self._count += 1
        entity = made_id("i", place.number, 0)[:-6] + f"{self._count:06}"
        home = place.subnets[subnet]
        in_group = self._random.random() < 0.4
        plain = Series("mem_used_percent", (("InstanceId", entity),))
        kinds = (("AutoScalingGroupName", f"app-{place.number:02}"),) if in_group else ()
        rich = Series("mem_used_percent", (*kinds, ("ImageId", "ami-1"), ("InstanceId", entity)))
        return Machine(
            entity=entity,
            vpc_id=place.id,
            subnet_id=home.id,
            zone=home.zone,
            profile=f"arn:aws:iam::111122223333:instance-profile/app-{place.number:02}-{self._count % 2}",
            beat=self._beat(),
            series=(plain, rich),
            is_public=place.table_of(home.id).out is not None,
            is_expected=self._random.random() < 0.02,
            in_group=in_group,
        )

    def _beat(self) -> Beat:
        """Its clock may be a minute off, but what CloudWatch shows stays within the grace."""
        setting = self._setting
        if setting.typical:
            return self._typical()
        resolution = int(self._world.watch.rules.resolution.total_seconds())
        spare = setting.grace - resolution - 20
        skew = 0 if self._random.random() < 0.7 else self._random.choice([-60, -25, 10, 60])
        delay = min(self._random.choice([5, 30, 60]), spare + min(skew, 0))
        phase = int(setting.period * self._random.choice([0.05, 0.3, 0.55, 0.8]))
        return self._beats.setdefault((phase, skew, delay), Beat(setting.period, phase, skew, delay, resolution))

    def _typical(self) -> Beat:
        """It measures at any second of its minute, sends within a minute, always after the same time (CloudWatch agent:
        `force_flush_interval` is 60 s, with a jitter that it draws when it starts), and CloudWatch needs 5 to 30 s more
        (assumed).
        """
        phase, delay = self._random.randrange(60), 5 + self._random.randrange(60)
        return self._beats.setdefault((phase, 0, delay), Beat(60, phase, 0, delay, 60, jitter=26))


class _Planner:
    """Spreads faults over the day, so that no agent has two at once but where that is meant."""

    def __init__(self, world: World, setting: Setting, builder: _Builder) -> None:
        self._world = world
        self._setting = setting
        self._builder = builder
        self._random = world.random
        self._busy: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._scale = setting.agents * setting.hours / (5000 * 24)
        self._used: set[str] = set()

    def plan(self) -> None:
        if self._setting.period <= MINUTE:
            self._plan_zone()
        self._plan_network()
        self._plan_maintenance()
        self._plan_stops()
        self._plan_machines()
        self._plan_new()
        self._plan_late()
        self._plan_troubles()

    # ---- choices

    def _times(self, day: float, *, least: int = 1) -> range:
        """As many turns as a day of 5,000 agents has, scaled down to this world."""
        return range(max(least, round(day * self._scale)))

    def _when(self, lasts: int) -> int:
        """A time at which a fault can begin, so that what comes of it can be seen to its end."""
        first = 40 * MINUTE + self._setting.patience
        last = self._world.ends - lasts - self._setting.patience - 60 * MINUTE
        return self._random.randint(first, max(first, last))

    def _take(self, machines: Iterable[Machine], since: int, until: int) -> bool:
        wanted = list(machines)
        if any(start < until and since < end for one in wanted for start, end in self._busy[one.entity]):
            return False
        for one in wanted:
            self._busy[one.entity].append((since, until))
        return True

    def _free(self, when: int, lasts: int, count: int = 1, machines: Iterable[Machine] | None = None) -> list[Machine]:
        """So many machines to which nothing else happens around that time."""
        pool = list(self._world.machines.values() if machines is None else machines)
        self._random.shuffle(pool)
        span = (when - CLEAR, when + lasts + self._setting.patience + 4 * self._setting.period + 15 * MINUTE)
        chosen: list[Machine] = []
        for machine in pool:
            if len(chosen) == count:
                break
            if self._take([machine], *span):
                chosen.append(machine)
        return chosen

    def _actor(self) -> str:
        return self._random.choice(ACTORS)

    # ---- what happens to networks

    def _plan_network(self) -> None:
        places = [*self._world.places.values()]
        open_ = [place for place in places if not place.isolated()]
        closed = [place for place in places if place.isolated()]
        self._random.shuffle(open_)
        for number in self._times(14, least=2):
            if number < len(open_):
                self._plan_cut(open_[number], is_recorded=number % 3 != 1)
        for number, place in enumerate(closed):
            self._plan_closed(place, number % 3)
        for place in open_[-max(1, len(open_) // 7) :]:
            self._plan_role(place)

    def _plan_cut(self, place: Place, *, is_recorded: bool) -> None:
        table = self._random.choice(place.tables[:-1])
        back = 0 if place.is_mended else self._random.randint(15 * MINUTE, 120 * MINUTE) + self._setting.patience
        lasts = back or 45 * MINUTE + self._setting.patience
        when, actor = self._when(lasts), self._actor()
        cut_off = self._world.machines_in(table.subnet_ids)
        if not self._take(cut_off, when - CLEAR, when + lasts + 60 * MINUTE):
            return
        self._world.later(when - 10 * MINUTE, lambda: self._noise(place))
        self._world.later(
            when,
            lambda: self._world.cut(place, table.id, actor, is_recorded=is_recorded, reopened_after=back),
        )
        for machine in self._random.sample(cut_off, 2):  # scaled in or stopped while they are cut off
            self._world.later(when + self._random.randint(4, 12) * MINUTE, self._stopping([machine], 0))

    def _noise(self, place: Place) -> None:
        """Changes that cut nobody off, by somebody else: a tag, and a route of a table that no subnet uses."""
        self._world.record(place, "CreateTags", "bystander", place.tables[0].id)
        self._world.record(place, "DeleteRoute", "bystander", place.tables[-1].id)

    def _plan_closed(self, place: Place, turn: int) -> None:
        lasts = self._random.randint(20 * MINUTE, 60 * MINUTE) + self._setting.patience
        when, actor = self._when(lasts), self._actor()
        there = self._world.machines_in(one.id for one in place.subnets)
        if turn == 2:
            place.wanted, place.is_mended = ("monitoring", "ec2"), True
            grouped = [one for one in there if one.in_group]
            some = self._free(when, 45 * MINUTE, 8, grouped)
            self._world.later(when, lambda: self._world.restart_without_tags(place, some))
        elif self._take(there, when - CLEAR, when + lasts + 60 * MINUTE):
            do = self._world.close_group if turn == 0 else self._world.deny_by_endpoint
            self._world.later(when, lambda: do(place, actor, lasts=lasts))

    def _plan_role(self, place: Place) -> None:
        lasts = self._random.randint(20 * MINUTE, 90 * MINUTE) + self._setting.patience
        there = self._world.machines_in(one.id for one in place.subnets)
        profile = there[0].profile
        users = [one for one in there if one.profile == profile]
        when = self._when(lasts)
        if self._take(users, when - CLEAR, when + lasts + 60 * MINUTE):
            self._world.later(when, lambda: self._world.deny_by_role(profile, lasts=lasts))

    def _plan_zone(self) -> None:
        """A whole zone fails, at a time at which nothing else happens there.

        Agents that publish every hour fall silent over an hour: nobody could see that they did together.
        """
        lasts = 30 * MINUTE + self._setting.patience
        there = [one for one in self._world.machines.values() if one.zone == "us-east-1b"]
        for _ in range(200):
            when = self._when(lasts)
            if self._take(there, when - CLEAR, when + lasts + 60 * MINUTE):
                self._world.later(when, lambda: self._world.fail_zone("us-east-1b", lasts=lasts))
                return

    # ---- what happens to machines

    def _plan_machines(self) -> None:
        patience = self._setting.patience
        for _ in self._times(60, least=3):
            self._plan_one(patience + self._random.randint(2 * MINUTE, 180 * MINUTE), self._world.crash)
        for _ in self._times(15, least=2):
            self._plan_one(patience + self._random.randint(15 * MINUTE, 90 * MINUTE), self._world.impair)
        for _ in self._times(200, least=10):
            self._plan_one(self._random.randint(20, max(21, self._setting.grace - 30)), self._blip)
        if self._setting.period <= MINUTE:
            for _ in self._times(4):
                self._plan_flapping()

    def _plan_one(self, lasts: int, do: _Strikes) -> None:
        when = self._when(lasts)
        for machine in self._free(when, lasts):
            self._world.later(when, _striking(do, machine, lasts))

    def _blip(self, machine: Machine, *, lasts: int) -> None:
        self._world.crash(machine, lasts=lasts, name="blip")

    def _flap(self, machine: Machine, *, lasts: int) -> None:
        self._world.crash(machine, lasts=lasts, name="flapping")

    def _plan_flapping(self) -> None:
        down, up, cycles = self._setting.patience + 3 * MINUTE, 5 * MINUTE, 8
        when = self._when(cycles * (down + up) + HOUR)
        for machine in self._free(when, cycles * (down + up) + 90 * MINUTE):
            for cycle in range(cycles):
                self._world.later(when + cycle * (down + up), _striking(self._flap, machine, down))

    def _plan_stops(self) -> None:
        agents = self._setting.agents
        evening, night = 7 * HOUR, 11 * HOUR
        if self._world.ends > evening + night + 2 * HOUR:
            for machine in self._free(evening, night + 10 * MINUTE, agents * 6 // 100):
                self._world.later(evening + self._random.randint(0, 600), self._stopping([machine], night))
        for _ in self._times(100, least=3):
            lasts = self._random.randint(5 * MINUTE, 120 * MINUTE)
            when = self._when(lasts)
            self._world.later(when, self._stopping(self._free(when, lasts + 20 * MINUTE), lasts))
        for _ in self._times(100, least=3):
            when = self._when(0)
            self._world.later(when, self._stopping(self._free(when, FOREVER), 0))

    def _stopping(self, machines: list[Machine], lasts: int) -> Callable[[], None]:
        return lambda: self._world.stop(machines, lasts=lasts)

    def _plan_maintenance(self) -> None:
        lasts = self._setting.patience + 20 * MINUTE
        for number in (0, 1):
            window = lasts + 30 * MINUTE + self._setting.patience
            when = self._when(window)
            some = self._free(when, window + HOUR, max(2, self._setting.agents // 250))
            covered = frozenset(one.entity for one in some)
            one = Maintenance("patches", at(when), at(when + window), entities=covered)
            self._world.maintenance.append(one)
            for machine in some:
                machine.down.append([when, when + window])
            overdue = some[0] if number and some else None
            self._maintain(when + 5 * MINUTE, one, some, window, overdue)

    def _maintain(
        self, when: int, window: Maintenance, some: list[Machine], length: int, overdue: Machine | None
    ) -> None:
        lasts = length - 20 * MINUTE - self._setting.patience
        self._world.later(when, lambda: self._world.maintain(window, some, lasts=lasts, overdue=overdue))

    def _plan_new(self) -> None:
        places = [*self._world.places.values()]
        for _ in self._times(100, least=3):
            when = self._when(0)
            machine = self._builder.machine(self._random.choice(places), self._random.randrange(6))
            machine.listed_after = when + self._random.randint(3 * MINUTE, 17 * MINUTE)
            self._world.later(when, self._launching(machine))
        for number in self._times(6, least=2):
            lasts = HOUR + 2 * self._setting.patience
            when = self._when(lasts + 30 * MINUTE)
            machine = self._builder.machine(self._random.choice(places), self._random.randrange(6))
            machine.is_expected = True
            machine.listed_after = when + lasts + 10 * MINUTE
            self._world.later(when, self._launching_silent(machine, lasts if number % 2 else 0))

    def _launching(self, machine: Machine) -> Callable[[], None]:
        def launch() -> None:
            place = self._world.places[machine.vpc_id]
            if place.has("monitoring") or machine.subnet_id not in place.isolated():
                self._world.launch(machine)

        return launch

    def _launching_silent(self, machine: Machine, starts_after: int) -> Callable[[], None]:
        return lambda: self._world.launch_silent(machine, starts_after=starts_after)

    # ---- what happens to CloudWatch, EC2 and SNS

    def _plan_late(self) -> None:
        """Datapoints that CloudWatch shows late, but never beyond the grace."""
        machines = [*self._world.machines.values()]
        for _ in self._times(10, least=2):
            since = self._random.randint(HOUR, self._world.ends - HOUR)
            for machine in self._random.sample(machines, len(machines) // 25):
                beat = machine.beat
                slow = min(170, self._setting.grace - beat.resolution - 20 + min(beat.skew, 0))
                machine.late.append((since, since + 30 * MINUTE, max(slow, beat.delay)))

    def _plan_troubles(self) -> None:
        pace = self._setting.pace
        for what, times in (("points", 5), ("list", 3), ("ec2", 3), ("notices", 2), ("roster", 2)):
            for _ in range(times):
                since = self._random.randint(30 * MINUTE, self._world.ends - HOUR)
                runs = self._random.randint(1, 4)
                self._world.troubles.append(Trouble(what, since, since + runs * pace, part=self._random.randint(1, 20)))

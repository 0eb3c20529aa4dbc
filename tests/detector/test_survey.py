"""What a run looks at, and what it leaves alone: counted at CloudWatch and EC2 that answer from memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from lifeline.core.agents.agent import Agent, State, Suppression
from lifeline.core.agents.instances import UNMANAGED, Instance, Power
from lifeline.core.agents.series import Series
from lifeline.core.agents.timing import Timing
from lifeline.core.agents.watches import Maintenance, Rules, Watch
from lifeline.detector.survey import Listed, Observation, Quiet, Survey
from tests.support.agents import GRACE, PERIOD, agent, expected_agent, minute, series, silent_agent

WATCH = Watch(rules=Rules(PERIOD, GRACE))
EXEMPT = Instance(Power.RUNNING, tags=(("lifeline:exempt", "true"),))


@dataclass
class World:
    """Datapoints and instances, and how often they were asked for."""

    times: Mapping[Series, tuple[datetime, ...]] = field(default_factory=dict)
    instances: Mapping[str, Instance] = field(default_factory=dict)
    listed: Listed = field(default_factory=dict)
    lists: int = 0
    series_read: list[int] = field(default_factory=list)
    looked_up: list[set[str]] = field(default_factory=list)

    def read(self, asked: Iterable[Series], window: Any) -> dict[Series, tuple[datetime, ...]]:
        wanted = set(asked)
        self.series_read.append(len(wanted))
        return {
            one: tuple(time for time in self.times.get(one, ()) if window.start <= time < window.end) for one in wanted
        }

    def look_up(self, entities: Iterable[str]) -> dict[str, Instance]:
        wanted = set(entities)
        self.looked_up.append(wanted)
        return {entity: self.instances.get(entity, Instance(Power.RUNNING)) for entity in wanted}

    def relist(self) -> Listed:
        self.lists += 1
        return self.listed

    def observe(self, *agents: Agent, now: datetime, rules: Rules = WATCH.rules, **more: Any) -> Observation:
        roster, watch = {one.entity: one for one in agents}, replace(WATCH, rules=rules)
        moment, here = Timing(now, rules), cast("Any", self)
        return Survey(watch, moment, roster, here, here, relist=self.relist, **more).observe()


def aside(entity: str = "i-0000000a", reason: Suppression = Suppression.STOPPED, **more: Any) -> Agent:
    return agent(entity, state=State.SUPPRESSED, suppressed_by=reason, **more)


class TestWhatIsLookedAt:
    def test_agents_that_are_well_are_read_once_and_looked_at_no_further(self) -> None:
        world = World({series(): (minute(5),)})
        assert world.observe(agent(), now=minute(6)) == Observation({}, {}, newest={"i-0000000a": minute(5)})
        assert (world.lists, world.series_read, world.looked_up) == (0, [1], [set(), set()])

    def test_an_agent_that_falls_silent_has_its_other_series_read_as_they_are_listed_now(self) -> None:
        other = series(metric="disk_used_percent")
        world = World({other: (minute(6),)}, listed={"i-0000000a": (series(), other)})
        observation = world.observe(agent(), now=minute(7))
        assert (world.lists, observation.evidence["i-0000000a"].series) == (1, other)

    @pytest.mark.parametrize("reason", [Suppression.EXEMPT, Suppression.FORGOTTEN, Suppression.WARMING_UP])
    def test_whoever_stays_set_aside_is_listed_no_more(self, reason: Suppression) -> None:
        booted = Instance(Power.RUNNING, launched_at=minute(8))
        instance = {Suppression.EXEMPT: EXEMPT, Suppression.WARMING_UP: booted}.get(reason, UNMANAGED)
        world = World(instances={"i-0000000a": instance})
        observation = world.observe(aside(reason=reason), now=minute(9))
        assert (world.lists, world.series_read) == (0, [1])
        assert not observation.evidence["i-0000000a"].seen_at

    def test_whoever_is_in_maintenance_is_listed_no_more(self) -> None:
        world = World()
        window = Maintenance("patches", minute(0), minute(60))
        world.observe(aside(reason=Suppression.MAINTENANCE), now=minute(9), maintenance=[window])
        assert (world.lists, world.series_read) == (0, [1])

    def test_whoever_was_set_aside_and_may_be_silent_now_is_looked_at_further(self) -> None:
        other = series(metric="disk_used_percent")
        world = World({other: (minute(8),)}, listed={"i-0000000a": (other,)})
        observation = world.observe(aside(reason=Suppression.EXEMPT), now=minute(9))
        assert (world.lists, observation.evidence["i-0000000a"].series) == (1, other)

    def test_whoever_was_forgotten_and_is_back_under_another_series_is_seen(self) -> None:
        other = series(metric="disk_used_percent")
        world = World({other: (minute(8),)})
        observation = world.observe(aside(reason=Suppression.FORGOTTEN, others=(other,)), now=minute(9))
        assert observation.evidence["i-0000000a"].suppression is None

    def test_a_stopped_fleet_is_not_asked_for_datapoints(self) -> None:
        down = Instance(Power.DOWN)
        fleet = [aside(f"i-{number:08x}") for number in range(3000)]
        world = World(instances={one.entity: down for one in fleet})
        world.observe(*fleet, now=minute(9))
        assert (world.lists, world.series_read) == (0, [])

    def test_an_instance_that_never_reported_is_listed_once_its_silence_counts(self) -> None:
        world = World(instances={"i-0000000a": Instance(Power.RUNNING, launched_at=minute(0))})
        warming = expected_agent(state=State.SUPPRESSED, suppressed_by=Suppression.WARMING_UP)
        world.observe(warming, now=minute(12))
        assert world.lists == 0
        world.observe(warming, now=minute(40))
        assert world.lists == 1

    def test_while_ec2_cannot_say_whether_an_instance_runs_nothing_more_is_asked(self) -> None:
        world = World(instances={"i-0000000a": Instance(Power.UNREADABLE)})
        world.observe(agent(), now=minute(9))
        assert world.lists == 0

    @pytest.mark.parametrize(("silent", "each"), [(1, 20), (1000, 10), (10_000, 3)])
    def test_the_more_fall_silent_at_once_the_fewer_other_series_of_each_are_read(self, silent: int, each: int) -> None:
        fleet = [agent(f"i-{number:08x}") for number in range(silent)]
        others = {one.entity: tuple(series(one.entity, f"metric_{number}") for number in range(30)) for one in fleet}
        world = World(listed=others)
        world.observe(*fleet, now=minute(9))
        assert world.series_read[1] == silent * (1 + each)

    def test_series_of_every_shape_come_first(self) -> None:
        alike = tuple(series(metric=f"a_{number}") for number in range(25))
        odd = series(metric="z", path="/")
        world = World({odd: (minute(8),)}, listed={"i-0000000a": (*alike, odd)})
        assert world.observe(agent(), now=minute(9)).evidence["i-0000000a"].series == odd


class TestWhoCanWait:
    """PERIOD and GRACE are six minutes: an agent seen in minute 1 can't be overdue before minute 7 is over."""

    @pytest.mark.parametrize(("now", "reads"), [(minute(1), []), (minute(7), []), (minute(7.1), [1])])
    def test_an_agent_that_reports_is_not_read_before_it_can_be_overdue(self, now: datetime, reads: list[int]) -> None:
        world = World({series(): (minute(6),)})
        world.observe(agent(), now=now, newest={"i-0000000a": minute(1)})
        assert world.series_read == reads

    @pytest.mark.parametrize(
        "changed",
        [
            pytest.param(silent_agent(), id="silent"),
            pytest.param(aside(reason=Suppression.MAINTENANCE), id="in maintenance"),
            pytest.param(agent(seen_at=None), id="new"),
            pytest.param(agent(unproven=2), id="unproven"),
            pytest.param(agent(is_flapping=True), id="flapping"),
        ],
    )
    def test_all_others_are_read_in_every_run(self, changed: Agent) -> None:
        world = World({series(): (minute(1),)})
        world.observe(changed, now=minute(2), newest={"i-0000000a": minute(1)})
        assert world.series_read

    @pytest.mark.parametrize(
        ("seen", "is_late"),
        [
            pytest.param((3, 4, 5), True, id="each minute until then"),
            pytest.param((0, 5), False, id="each fifth minute"),
            pytest.param((3, 5), False, id="each second minute"),
            pytest.param((5,), False, id="once in the window"),
        ],
    )
    def test_who_publishes_seldom_is_not_late_between_two_datapoints(
        self, seen: tuple[int, ...], *, is_late: bool
    ) -> None:
        world = World({series(): tuple(map(minute, seen))})
        assert world.observe(agent(), now=minute(8)).late == (frozenset({"i-0000000a"}) if is_late else frozenset())

    def test_where_the_window_has_room_for_one_datapoint_the_watchs_period_says_who_is_late(self) -> None:
        hourly = Rules(timedelta(hours=1), GRACE)
        world = World({series(): (minute(0),)})
        assert world.observe(agent(), now=minute(62), rules=hourly).late == frozenset({"i-0000000a"})

    def test_a_datapoint_from_the_future_says_nothing_about_later(self) -> None:
        world = World({series(): (minute(5), minute(8))})
        assert world.observe(agent(), now=minute(6)).newest == {"i-0000000a": minute(5)}
        world.observe(agent(), now=minute(7), newest={"i-0000000a": minute(8)})
        assert len(world.series_read) == 2

    def test_who_is_quiet_is_read_afresh_where_a_decision_needs_it(self) -> None:
        fleet = [agent(f"i-0000000{letter}") for letter in "abc"]
        seen = {"i-0000000a": minute(1), "i-0000000b": minute(1), "i-0000000c": minute(4)}
        world = World({series("i-0000000a"): (minute(1), minute(5)), series("i-0000000b"): (minute(1),)})
        observation = world.observe(*fleet, now=minute(6), newest=seen)
        assert world.series_read == []
        assert observation.quiet_among(seen, minute(2)) == Quiet(frozenset({"i-0000000b"}))
        assert world.series_read == [2]  # the third can't be quiet yet

    @pytest.mark.parametrize(("since", "not_due"), [(5, set()), (5.1, {"i-0000000b"})])
    def test_who_publishes_each_fifth_minute_is_not_quiet_between_and_known_as_of_the_last_time(
        self, since: float, not_due: set[str]
    ) -> None:
        slow = tuple(minute(number) for number in (-10, -5, 0, 5))
        world = World({series("i-0000000a"): slow[:3], series("i-0000000b"): slow})
        fleet = [agent(f"i-0000000{letter}") for letter in "ab"]
        observation = world.observe(*fleet, now=minute(8.6))
        found = observation.quiet_among([one.entity for one in fleet], minute(since))
        assert found == Quiet(frozenset({"i-0000000a"}), frozenset(not_due))


class TestTurns:
    @pytest.mark.parametrize("pace", [1, 2, 3, 4, 5])
    @pytest.mark.parametrize("count", [2500, 6500, 9500])
    def test_every_stopped_instance_is_asked_about_whatever_the_schedule(self, pace: int, count: int) -> None:
        fleet = [aside(f"i-{number:08x}") for number in range(count)]
        world = World(instances={one.entity: Instance(Power.DOWN) for one in fleet})
        for run in range(40):
            world.observe(*fleet, now=minute(run * pace))
        assert set().union(*world.looked_up) == {one.entity for one in fleet}
        assert max(map(len, world.looked_up)) <= 2000

    @pytest.mark.parametrize("pace", [1, 2, 3, 4, 5])
    def test_a_silent_agent_that_is_back_under_another_series_is_seen_whatever_the_schedule(self, pace: int) -> None:
        others = tuple(series(metric=metric) for metric in ("a", "b", "c"))
        for returned in others:
            silent = silent_agent(others=others)
            seen = []
            for run in range(40):
                now = minute(30 + run * pace)
                observation = World({returned: (now - timedelta(seconds=30),)}).observe(silent, now=now)
                seen.append(bool(observation.evidence["i-0000000a"].seen_at))
            assert any(seen)

    def test_a_silent_instance_that_is_not_in_turn_is_not_forgotten(self) -> None:
        """Only EC2 knows whether its tag still says that it is expected."""
        fleet = [silent_agent(f"i-{number:08x}") for number in range(2500)]
        observation = World().observe(*fleet, now=minute(20 * 24 * 60))
        powers = {one.entity: observation.evidence[one.entity].instance.power for one in fleet}
        assert {entity for entity, power in powers.items() if power is Power.RUNNING} == set(observation.instances)
        assert set(powers.values()) == {Power.RUNNING, Power.UNREADABLE}

from datetime import datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.agents.instances import UNMANAGED, Instance, Power
from lifeline.core.agents.watches import Maintenance, Rules, SeverityRule, Watch
from lifeline.core.severity import Severity
from tests.support.agents import START, minute

HOUR = timedelta(hours=1)
SATURDAY = START + timedelta(days=5, hours=-9)  # START is a Monday, 9:00
WEEKLY = Maintenance("patch night", days=frozenset({5}), at=time(23, 0), length=3 * HOUR)


class TestRules:
    @pytest.mark.parametrize(
        ("seconds", "resolution"),
        [
            (1, 1),
            (5, 5),
            (7, 5),
            (10, 10),
            (19, 10),
            (20, 20),
            (29, 20),
            (30, 30),
            (59, 30),
            (60, 60),
            (90, 60),
            (300, 60),
            (3600, 60),
        ],
    )
    def test_the_period_asked_for_is_a_minute_or_what_cloudwatch_takes_below(
        self, seconds: int, resolution: int
    ) -> None:
        assert Rules(timedelta(seconds=seconds)).resolution == timedelta(seconds=resolution)

    @given(st.timedeltas(timedelta(seconds=1), HOUR))
    def test_the_period_asked_for_is_never_longer_than_the_agents(self, period: timedelta) -> None:
        assert timedelta(0) < Rules(period).resolution <= period

    @pytest.mark.parametrize("period", [timedelta(0), timedelta(milliseconds=999), timedelta(hours=1, seconds=1)])
    def test_a_period_below_a_second_or_above_an_hour_is_refused(self, period: timedelta) -> None:
        with pytest.raises(ValueError, match="from 1 s to 1 h"):
            Rules(period)

    def test_the_default_watch_is_the_cloudwatch_agents(self) -> None:
        watch = Watch()
        assert (watch.namespace, watch.dimension) == ("CWAgent", "InstanceId")
        assert watch.rules.period == timedelta(seconds=60)
        assert watch.most_hosts == 1000  # as the docs on watching say


class TestMaintenanceOnce:
    ONCE = Maintenance("move", start=minute(0), end=minute(60))

    @pytest.mark.parametrize(("number", "is_on"), [(-0.1, False), (0, True), (59.9, True), (60, False)])
    def test_it_is_on_from_its_start_to_just_before_its_end(self, number: float, is_on: bool) -> None:
        assert self.ONCE.is_on(minute(number)) is is_on

    def test_it_minds_no_time_zone(self) -> None:
        abroad = minute(30).astimezone(timezone(timedelta(hours=-8)))
        assert self.ONCE.is_on(abroad)

    def test_without_an_end_it_is_never_on(self) -> None:
        assert not Maintenance("move", start=minute(0)).is_on(minute(1))


class TestMaintenanceEveryWeek:
    @pytest.mark.parametrize(
        ("now", "is_on"),
        [
            (SATURDAY + 22 * HOUR, False),
            (SATURDAY + 23 * HOUR, True),
            (SATURDAY + 25 * HOUR, True),
            (SATURDAY + 26 * HOUR, False),
            (SATURDAY - 1 * HOUR, False),
            (SATURDAY + 7 * 24 * HOUR + 23 * HOUR, True),
        ],
    )
    def test_it_is_on_in_its_days_and_runs_past_midnight(self, now: datetime, is_on: bool) -> None:
        assert WEEKLY.is_on(now) is is_on

    def test_its_days_are_those_of_utc(self) -> None:
        abroad = (SATURDAY + 23 * HOUR).astimezone(timezone(timedelta(hours=9)))
        assert abroad.weekday() == 6
        assert WEEKLY.is_on(abroad)

    def test_one_that_lasts_a_week_is_always_on(self) -> None:
        always = Maintenance("frozen", days=frozenset({2}), at=time(4, 0), length=timedelta(days=7))
        assert all(always.is_on(START + number * HOUR) for number in range(8 * 24))

    def test_without_days_it_is_never_on(self) -> None:
        assert not any(Maintenance("none", length=24 * HOUR).is_on(START + number * HOUR) for number in range(168))


class TestCoverage:
    HERE = Instance(Power.RUNNING, vpc_id="vpc-1", tags=(("env", "test"), ("team", "web")))

    def test_without_conditions_it_covers_everyone(self) -> None:
        assert Maintenance("all").covers("cloudwatch-agent", "i-1", UNMANAGED)

    @pytest.mark.parametrize(
        ("maintenance", "covers"),
        [
            (Maintenance("", watches=frozenset({"cloudwatch-agent"})), True),
            (Maintenance("", watches=frozenset({"statsd"})), False),
            (Maintenance("", entities=frozenset({"i-1", "i-2"})), True),
            (Maintenance("", entities=frozenset({"i-2"})), False),
            (Maintenance("", vpc_ids=frozenset({"vpc-1"})), True),
            (Maintenance("", vpc_ids=frozenset({"vpc-2"})), False),
            (Maintenance("", instance_tags=(("env", frozenset({"test", "dev"})),)), True),
            (Maintenance("", instance_tags=(("env", frozenset({"prod"})),)), False),
            (Maintenance("", instance_tags=(("owner", frozenset({"web"})),)), False),
        ],
    )
    def test_a_condition_is_met_by_any_of_its_values(self, maintenance: Maintenance, covers: bool) -> None:
        assert maintenance.covers("cloudwatch-agent", "i-1", self.HERE) is covers

    def test_every_condition_must_be_met(self) -> None:
        both = Maintenance("", vpc_ids=frozenset({"vpc-1"}), instance_tags=(("env", frozenset({"prod"})),))
        assert not both.covers("cloudwatch-agent", "i-1", self.HERE)

    def test_a_host_that_ec2_does_not_know_is_in_no_vpc(self) -> None:
        assert not Maintenance("", vpc_ids=frozenset({"vpc-1"})).covers("cloudwatch-agent", "host-1", UNMANAGED)


@pytest.mark.parametrize(
    ("rule", "covers"),
    [
        ({}, True),
        ({"watches": frozenset({"statsd", "cloudwatch-agent"})}, True),
        ({"watches": frozenset({"statsd"})}, False),
        ({"vpc_tags": (("env", frozenset({"prod", "stage"})),)}, True),
        ({"vpc_tags": (("env", frozenset({"test"})),)}, False),
        ({"vpc_tags": (("env", frozenset({"prod"})), ("owner", frozenset({"web"})))}, False),
        ({"instance_tags": (("team", frozenset({"web"})), ("env", frozenset({"test"})))}, True),
        ({"instance_tags": (("team", frozenset({"web"})), ("env", frozenset({"prod"})))}, False),
        ({"watches": frozenset({"statsd"}), "vpc_tags": (("env", frozenset({"prod"})),)}, False),
    ],
)
def test_a_rule_of_severity_covers_who_meets_all_its_conditions(rule: dict[str, Any], covers: bool) -> None:
    assert SeverityRule(Severity.INFO, **rule).covers("cloudwatch-agent", TestCoverage.HERE, {"env": "prod"}) is covers

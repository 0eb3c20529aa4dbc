"""What watching costs, and that docs/costs.md and README.md say the same."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.client import BaseClient
from hypothesis import given
from hypothesis import strategies as st
from tools.cost_tables import FLEETS, PAGE, README
from tools.watch_cost import (
    ALARM_USD,
    CHUNKS_WRITTEN_A_RUN,
    DISCOVERY_PACE,
    MEMORY_GB,
    NEWEST_AGES,
    OWN_ALARMS,
    OWN_METRICS,
    PATIENCE,
    POLLED_QUEUES,
    ROSTER_READS_A_RUN,
    SMALL_READS_A_RUN,
    WATCH_PRICES_AS_OF,
    agent_cost_usd,
    alarms_cost_usd,
    even_patience,
    reads_a_run,
    runs_a_month,
    runs_a_read,
    stack_cost_usd,
    watch_cost,
)

from lifeline.core.agents.timing import Timing
from lifeline.core.agents.watches import Rules
from lifeline.detector.discovery import PACE
from lifeline.handlers.detect_metric_gaps import handler as detect
from tests.simulation.fleet import Setting, make_world
from tests.simulation.machines import HOUR
from tests.simulation.run import OFFSET, simulate
from tests.support.agents import START, publish
from tests.support.repository import ROOT
from tests.support.world import Context, emulated_world
from tests.template.test_template import metrics_sent

TEMPLATE = (ROOT / "template.yaml").read_text()
MINUTE = timedelta(minutes=1)
FIVE_MINUTES = timedelta(minutes=5)
CALM = Setting(agents=500, places=4, hours=3, typical=True)
LONGER = timedelta(minutes=11)  # a period of one minute, and a grace of ten

fleets = st.integers(0, 10_000)
paces = st.integers(1, 60).map(lambda minutes: timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("every", "patience", "usd"),
    [
        (MINUTE, PATIENCE, "0.1340"),
        (MINUTE, LONGER, "0.0470"),
        (MINUTE, 2 * MINUTE, "0.4380"),
        (FIVE_MINUTES, PATIENCE, "0.0876"),
        (15 * MINUTE, LONGER, "0.0292"),
    ],
)
def test_an_agent_costs_one_metric_a_read(every: timedelta, patience: timedelta, usd: str) -> None:
    assert str(agent_cost_usd(every, patience)) == usd


@given(
    st.sampled_from([*NEWEST_AGES]),
    st.integers(1, 59),
    st.integers(2, 60).map(lambda minutes: timedelta(minutes=minutes)),
)
def test_an_agent_is_read_as_often_as_the_survey_reads_it(minutes: int, seconds: int, patience: timedelta) -> None:
    rules = Rules(grace=patience - MINUTE)
    age = timedelta(minutes=minutes, seconds=seconds)
    runs = next(number for number in count(1) if not Timing(START, rules).is_on_time([START - age - number * MINUTE]))
    assert max(1, runs) == runs_a_read(MINUTE, patience, minutes)


class TestTheShares:
    """What is reckoned with is what a calm fleet of typical agents is read and written, by the detector itself."""

    def test_of_the_ages_of_the_newest_datapoints(self) -> None:
        world = make_world(1, replace(CALM, agents=2_000), is_calm=True)
        runs = range(2 * HOUR + OFFSET, 3 * HOUR, 60)
        ages = Counter(one.beat.newest_age(now) // 60 for one in world.machines.values() for now in runs)
        assert {minutes: ages[minutes] / ages.total() for minutes in NEWEST_AGES} == pytest.approx(
            {minutes: float(share) for minutes, share in NEWEST_AGES.items()}, abs=0.01
        )
        assert sum(NEWEST_AGES.values()) == 1

    @pytest.mark.parametrize(
        ("grace", "pace", "fewest_written"), [(240, 60, 0.95), (600, 60, 0.75), (240, 300, 0.99)], ids=str
    )
    def test_of_what_is_read_and_written_in_a_run(self, grace: int, pace: int, fewest_written: float) -> None:
        setting = replace(CALM, grace=grace, pace=pace)
        record = simulate(make_world(1, setting, is_calm=True), setting, is_regular=True)
        runs = record.runs[HOUR // pace :]  # the first one reads all, and it takes a while until they are spread
        read = sum(run.read for run in runs) / len(runs) / CALM.agents
        written = sum(run.chunks_written for run in runs) / len(runs)
        reckoned = float(reads_a_run(timedelta(seconds=pace), timedelta(seconds=setting.patience)))
        assert read == pytest.approx(reckoned, rel=0.02)
        assert fewest_written < written <= CHUNKS_WRITTEN_A_RUN
        assert record.notices == []


@pytest.mark.parametrize(
    ("agents", "every", "usd"),
    [(0, MINUTE, "0.00"), (100, MINUTE, "13.40"), (1_000, FIVE_MINUTES, "87.60"), (10_000, MINUTE, "1340.00")],
)
def test_a_month_of_datapoints(agents: int, every: timedelta, usd: str) -> None:
    assert str(watch_cost(agents, every).datapoints) == usd


@pytest.mark.parametrize(("agents", "usd"), [(0, "0.00"), (1, "0.10"), (10_000, "1000.00")])
def test_a_month_of_alarms(agents: int, usd: str) -> None:
    assert str(alarms_cost_usd(agents)) == usd


def test_with_the_defaults_a_thousand_agents_cost_at_most_one_and_a_half_times_their_alarms() -> None:
    assert agent_cost_usd(MINUTE) <= Decimal("0.15")
    times = watch_cost(1_000, MINUTE).total / alarms_cost_usd(1_000)
    assert times <= Decimal("1.5")
    assert f"{times:.1f} times as much as the alarms" in " ".join(PAGE.read_text().split())


@pytest.mark.parametrize("agents", FLEETS)
def test_with_a_grace_of_ten_minutes_agents_cost_less_than_their_alarms(agents: int) -> None:
    assert watch_cost(agents, MINUTE, LONGER).total < alarms_cost_usd(agents)


def test_the_page_names_the_grace_from_which_an_agent_costs_less_than_an_alarm() -> None:
    minutes = (even_patience() - MINUTE) // MINUTE
    assert agent_cost_usd(MINUTE, even_patience() - MINUTE) > ALARM_USD > agent_cost_usd(MINUTE, even_patience())
    assert f"With a grace of {minutes} minutes or more, it is cheaper." in " ".join(PAGE.read_text().split())


def test_the_page_names_the_grace_up_to_which_a_slow_schedule_reads_every_agent() -> None:
    minutes = max(grace for grace in range(1, 60) if reads_a_run(FIVE_MINUTES, (grace + 1) * MINUTE) == 1)
    assert f"with any grace up to {minutes} minutes" in " ".join(PAGE.read_text().split())


def test_the_default_patience_is_the_watchs() -> None:
    assert Rules().period + Rules().grace == PATIENCE


def test_a_fleet_that_is_stopped_costs_no_datapoints_and_no_lists() -> None:
    cost = watch_cost(0, MINUTE)
    assert cost.datapoints == cost.lists == Decimal(0)


def test_what_the_stack_costs_by_itself_is_said_apart() -> None:
    assert {watch_cost(agents, every).stack for agents in FLEETS for every in (MINUTE, FIVE_MINUTES)} == {
        stack_cost_usd()
    }
    assert stack_cost_usd() == Decimal("2.39")  # 3 metrics at 0.30, 7 alarms at 0.10, 2 million polls
    assert stack_cost_usd() < Decimal("2.50")


@pytest.mark.parametrize("every", [timedelta(), timedelta(seconds=59)])
def test_no_schedule_runs_more_often_than_every_minute(every: timedelta) -> None:
    with pytest.raises(ValueError, match="at most once a minute"):
        runs_a_month(every)


@given(fleets, fleets, paces)
def test_more_agents_never_cost_less(some: int, more: int, every: timedelta) -> None:
    assert watch_cost(some, every).total <= watch_cost(some + more, every).total


@given(fleets, paces, st.integers(2, 10))
def test_leaving_out_runs_never_costs_more(agents: int, every: timedelta, times: int) -> None:
    """Of other schedules one may: every 3 minutes, an agent is read in each run, and every 2 in each other one."""
    assert watch_cost(agents, every * times).total <= watch_cost(agents, every).total


@given(fleets, paces)
def test_the_whole_is_its_parts(agents: int, every: timedelta) -> None:
    cost = watch_cost(agents, every)
    assert cost.total == cost.datapoints + cost.lists + cost.runs + cost.stack


# ---- what is reckoned with is what there is


def test_the_stack_has_as_many_alarms_and_polled_queues_as_are_reckoned_with() -> None:
    assert len(re.findall(r"^    Type: AWS::CloudWatch::Alarm$", TEMPLATE, re.MULTILINE)) == OWN_ALARMS
    assert len(re.findall(r"^          Type: SQS\n          Properties:", TEMPLATE, re.MULTILINE)) == POLLED_QUEUES


def test_the_functions_have_as_much_memory_as_is_reckoned_with() -> None:
    assert [Decimal(size) / 1024 for size in re.findall(r"^    MemorySize: (\d+)", TEMPLATE, re.MULTILINE)] == [
        MEMORY_GB
    ]
    detector = TEMPLATE.partition("\n  DetectMetricGaps:\n")[2].partition("\n  DetectRole:\n")[0]
    assert "MemorySize" not in detector
    architecture = TEMPLATE.partition("\n  Architecture:\n")[2].partition("Description")[0]
    assert "Default: x86_64" in architecture  # the price that is reckoned with


def test_there_are_as_many_metrics_as_are_reckoned_with() -> None:
    assert len(metrics_sent()) == OWN_METRICS, sorted(metrics_sent())


def test_agents_are_looked_for_as_often_as_is_reckoned_with() -> None:
    assert DISCOVERY_PACE == PACE


@pytest.mark.parametrize("page", [PAGE, README], ids=lambda page: page.name)
def test_the_pages_say_what_one_agent_and_the_stack_cost(page: Path) -> None:
    text = page.read_text()
    for usd in (agent_cost_usd(MINUTE), agent_cost_usd(MINUTE, LONGER)):
        assert f"{usd:.2f} USD" in text
    assert f"{stack_cost_usd():.2f} USD" in text


def test_the_page_names_the_date_of_the_prices() -> None:
    assert str(WATCH_PRICES_AS_OF) in PAGE.read_text()


def test_a_quiet_minute_reads_and_writes_as_often_as_is_reckoned_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a stack with a policy document. What is written of chunks is reckoned apart."""
    with emulated_world(monkeypatch, POLICY_PARAMETER="/lifeline/policy") as world:
        world.client("ssm").put_parameter(Name="/lifeline/policy", Value='{"version": 1}', Type="String")
        publish("i-0000000a", at=datetime.now(UTC))
        detect({"detect": True}, Context())  # which discovers the agent
        requests: list[tuple[str, Any]] = []
        make = cast("Any", BaseClient)._make_api_call

        def kept(self: Any, operation: str, request: Any) -> Any:
            if self.meta.service_model.service_name == "dynamodb":
                requests.append((operation, request))
            return make(self, operation, request)

        monkeypatch.setattr(BaseClient, make.__name__, kept)
        answer = detect({"detect": True}, Context())
    assert answer["watches"][0]["states"]["reporting"] == 1
    read = Counter(bool(request.get("ConsistentRead")) for call, request in requests if call in {"GetItem", "Query"})
    assert read == {True: SMALL_READS_A_RUN, False: ROSTER_READS_A_RUN}
    assert [call for call, _ in requests if call not in {"GetItem", "Query"}] == ["UpdateItem"]  # the roster's state

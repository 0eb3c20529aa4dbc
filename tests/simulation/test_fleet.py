"""A fleet, a day of faults, and whether the detector told all of them, each once, with its cause, and nothing else."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.agents.agent import Agent, State
from lifeline.detector.survey import Survey
from tests.simulation.fakes import Record, RunRecord, Standing
from tests.simulation.fleet import Setting, make_world
from tests.simulation.machines import FOREVER, HOUR, Beat, Fault, Machine
from tests.simulation.oracle import Oracle
from tests.simulation.run import simulate
from tests.simulation.world import World

SMALL = Setting(agents=200, places=4, hours=6)
INJECTED = (
    "route cut",
    "route cut, event lost",
    "group closed",
    "endpoint policy",
    "role denied",
    "restarted without ec2",
    "zone",
    "impaired",
    "crash",
    "flapping",
    "never reported",
    "maintenance",
    "blip",
    "stopped",
    "terminated",
)


def more(*seeds: int) -> list[Any]:
    """Seeds for `make soak`. `TestTheOracle` judges seed 1 with each change."""
    return [pytest.param(seed, marks=pytest.mark.soak) for seed in seeds]


@pytest.mark.parametrize(
    ("agents", "seed", "incidents"),
    [
        pytest.param(300, 1, 20, id="300"),
        pytest.param(5000, 1, 100, id="5000", marks=pytest.mark.soak),
        pytest.param(5000, 2, 100, id="5000 others", marks=pytest.mark.soak),
    ],
)
def test_a_day_of_many_agents_is_told_as_it_was(agents: int, seed: int, incidents: int) -> None:
    setting = Setting(agents=agents)
    world = make_world(seed, setting)
    oracle = Oracle(world, simulate(world, setting))
    assert oracle.judge() == []
    assert [name for name in INJECTED if not oracle.counts[f"faults {name}"]] == []
    assert oracle.counts["notices opened"] > incidents


@pytest.mark.parametrize("seed", [2, 3, *more(1, 4, 5)])
def test_six_hours_of_two_hundred_agents_are_told_as_they_were(seed: int) -> None:
    assert violations(seed, SMALL) == []


@pytest.mark.parametrize("seed", [6, *more(7)])
@pytest.mark.parametrize(
    "setting",
    [
        pytest.param(replace(SMALL, period=10), id="every 10 s"),
        pytest.param(replace(SMALL, period=300, hours=8), id="every 5 min"),
        pytest.param(replace(SMALL, period=3600, hours=14), id="every hour"),
        pytest.param(replace(SMALL, pace=300, hours=12), id="looked at every 5 min"),
    ],
)
def test_other_periods_and_a_slower_detector_are_told_as_well(seed: int, setting: Setting) -> None:
    assert violations(seed, setting) == []


class TestReadingOnlyWhoMayBeOverdue:
    """The same day, with every agent read in every run, and with only those read whose verdict can change."""

    @pytest.mark.parametrize(
        ("seed", "setting"),
        [
            pytest.param(1, SMALL, id="every minute"),
            pytest.param(8, replace(SMALL, grace=600), id="grace of 10 min"),
            pytest.param(9, replace(SMALL, period=10), id="every 10 s"),
            pytest.param(10, replace(SMALL, period=300, hours=8), id="every 5 min"),
            *(pytest.param(seed, SMALL, id=f"seed {seed}", marks=pytest.mark.soak) for seed in range(11, 31)),
            *(
                pytest.param(seed, Setting(agents=1500, hours=12), id=f"large, seed {seed}", marks=pytest.mark.soak)
                for seed in (31, 32, 33)
            ),
        ],
    )
    def test_says_the_same_in_every_run(self, seed: int, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
        sparing = simulate(make_world(seed, setting), setting)
        monkeypatch.setattr(Survey, "_can_wait", lambda *_: False)
        thorough = simulate(make_world(seed, setting), setting)
        assert written(sparing) == written(thorough)
        assert sparing.incidents == thorough.incidents
        assert sparing.closed == thorough.closed
        assert sparing.notices == thorough.notices
        assert [told(run) for run in sparing.runs] == [told(run) for run in thorough.runs]
        assert sum(run.read for run in sparing.runs) < 0.75 * sum(run.read for run in thorough.runs)


def written(record: Record) -> list[tuple[int, str, Agent | None]]:
    """What the roster says of agents, and since when. Chunks are written side by side, in any order."""
    return sorted(record.agents, key=lambda one: one[:2])


def told(run: RunRecord) -> tuple[object, ...]:
    """What a run says of agents and incidents, without `late` and `unknown`, which are said only of agents read."""
    report = run.report
    assert report is not None
    gone = {state: count for state, count in report.states.items() if state in (State.SILENT, State.SUPPRESSED)}
    changed = (report.opened, report.ended, report.silent, report.oldest_gap, report.watched, gone)
    return run.second, changed, report.open_incidents, report.notified, report.failures


def violations(seed: int, setting: Setting) -> list[str]:
    world = make_world(seed, setting)
    return Oracle(world, simulate(world, setting)).judge()


@pytest.fixture(scope="module")
def calm() -> Record:
    setting = replace(SMALL, hours=3)
    return simulate(make_world(1, setting, is_calm=True), setting, is_regular=True)


class TestACalmFleet:
    def test_is_written_only_when_it_is_read(self, calm: Record) -> None:
        assert {(run.chunks_written, run.incidents_written) for run in calm.runs if run.read} == {(1, 0)}
        assert {(run.chunks_written, run.incidents_written) for run in calm.runs if not run.read} <= {(0, 0)}

    def test_costs_a_third_of_a_series_an_agent_and_run(self, calm: Record) -> None:
        assert max(run.read for run in calm.runs) == SMALL.agents
        share = sum(run.read for run in calm.runs) / SMALL.agents / len(calm.runs)
        assert share < 0.36, share

    def test_is_not_told_of(self, calm: Record) -> None:
        assert calm.notices == []


class TestAStoppedFleet:
    def test_costs_nothing(self) -> None:
        setting = replace(SMALL, hours=2)
        world = make_world(1, setting, is_calm=True)
        world.later(1800, lambda: world.stop(list(world.machines.values()), lasts=FOREVER - HOUR))
        record = simulate(world, setting, is_regular=True)
        assert {run.read for run in record.runs[40:]} == {0}
        assert {run.chunks_written for run in record.runs[40:]} == {0}
        assert record.notices == []


# ---- the oracle can fail

Spoil = Callable[[Record], None]


def find(record: Record, kind: str, cause: str) -> int:
    return next(
        place
        for place, (_, notice) in enumerate(record.notices)
        if (notice.kind, notice.facts["cause"]) == (f"incident_{kind}", cause)
    )


def without(kind: str) -> Spoil:
    def spoil(record: Record) -> None:
        del record.notices[find(record, kind, "ZONE")]

    return spoil


def twice(kind: str) -> Spoil:
    def spoil(record: Record) -> None:
        record.notices.append(record.notices[find(record, kind, "ZONE")])

    return spoil


def with_facts(**facts: object) -> Spoil:
    def spoil(record: Record) -> None:
        place = find(record, "opened", "CUT_OFF")
        second, notice = record.notices[place]
        record.notices[place] = (second, replace(notice, facts=notice.facts | facts))

    return spoil


def early_end(record: Record) -> None:
    opened, ended = (find(record, kind, "ZONE") for kind in ("opened", "resolved"))
    record.notices[ended] = (record.notices[opened][0], record.notices[ended][1])


def late_end(record: Record) -> None:
    place = find(record, "resolved", "ZONE")
    second, notice = record.notices[place]
    record.notices[place] = (second + HOUR, notice)


def false_alarm(record: Record) -> None:
    record.standings["i-00000000000000100"].append(Standing(FOREVER, State.SILENT, ""))


def missed(record: Record) -> None:
    for entity, standings in record.standings.items():
        record.standings[entity] = [one for one in standings if one.state is not State.SILENT]


def split(record: Record) -> None:
    """One agent of many is said to be in an incident of its own."""
    zone = str(record.notices[find(record, "opened", "ZONE")][1].facts["incident"])
    later = max(record.incidents, key=lambda incident: record.incidents[incident][0][0])
    standings = next(kept for kept in record.standings.values() if any(one.incident == zone for one in kept))
    standings[:] = [replace(one, incident=later) if one.incident == zone else one for one in standings]


def greedy(record: Record) -> None:
    record.runs[50].read = 100_000


@pytest.fixture(scope="module")
def day() -> tuple[World, Record]:
    world = make_world(1, SMALL)
    return world, simulate(world, SMALL)


class TestTheOracle:
    def test_finds_nothing_in_what_is_right(self, day: tuple[World, Record]) -> None:
        assert Oracle(*day).judge() == []

    @pytest.mark.parametrize(
        ("spoil", "words"),
        [
            pytest.param(without("opened"), "nobody was told of", id="an incident that nobody was told of"),
            pytest.param(without("resolved"), "all are back, and nobody was told", id="an end untold"),
            pytest.param(twice("opened"), "told {'opened': 2", id="an incident told twice"),
            pytest.param(with_facts(cause="ROLE"), "is told as ROLE", id="another cause"),
            pytest.param(with_facts(change={"actor": "mallory"}), "not terraform", id="another actor"),
            pytest.param(with_facts(change=None), "not terraform", id="no actor"),
            pytest.param(early_end, "is told resolved", id="an end before its time"),
            pytest.param(late_end, "resolved, and all were back", id="an end too late"),
            pytest.param(false_alarm, "called silent, and it reports", id="an agent that reports called silent"),
            pytest.param(missed, "it is silent, and called reporting", id="silences not seen"),
            pytest.param(split, "incidents: [", id="one cause in two incidents"),
            pytest.param(greedy, "it read", id="too many series"),
        ],
    )
    def test_sees(self, day: tuple[World, Record], spoil: Spoil, words: str) -> None:
        world, record = day
        spoilt = replace(
            record,
            notices=[*record.notices],
            standings={entity: [*kept] for entity, kept in record.standings.items()},
            runs=deepcopy(record.runs),
        )
        spoil(spoilt)
        assert [one for one in Oracle(world, spoilt).judge() if words in one]


# ---- the arithmetic of datapoints


@given(
    st.sampled_from([10, 60, 300, 3600]),
    st.integers(0, 3599),
    st.sampled_from([-60, -25, 0, 10, 60]),
    st.integers(0, 180),
    st.integers(1, 10),
    st.integers(4 * HOUR, 6 * HOUR),
)
def test_a_steady_agents_datapoints_are_the_same_however_they_are_reckoned(
    period: int, phase: int, skew: int, delay: int, jitter: int, now: int
) -> None:
    beat = Beat(period, phase % period, skew, delay, min(period, 60), jitter)
    machine = Machine("i-1", "vpc-1", "subnet-1", "zone", "", beat, ())
    machine.start_publishing(-2 * HOUR)
    start = (now - 2 * HOUR) // beat.resolution * beat.resolution
    assert machine.points(start, now, now) == beat.shown(start, now, now)


def test_an_agent_that_is_held_publishes_nothing_until_all_faults_have_let_go() -> None:
    machine = Machine("i-1", "vpc-1", "subnet-1", "zone", "", Beat(60, 0, 0, 0, 60), ())
    machine.start_publishing(0)
    one, other = Fault("one", frozenset()), Fault("other", frozenset())
    machine.block_frozen(one, 600)
    machine.block_frozen(other, 900)
    machine.let_go(one, 1200)
    assert len(machine.points(0, 1800, 1800)) == 10
    machine.let_go(other, 1500)
    assert len(machine.points(0, 1800, 1800)) == 15
    assert [(found.began, found.ended) for found in machine.outages] == [(600, 1500)]

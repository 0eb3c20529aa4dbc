"""Sequences of minutes, against moto: each run is one invocation of the handler at a simulated time."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from moto import mock_aws

from lifeline.adapters import clients
from lifeline.adapters.cloudwatch import CloudWatch
from lifeline.adapters.instances import Instances
from lifeline.adapters.notices import Topic
from lifeline.adapters.roster import Roster
from lifeline.core.gaps import Instance, Power, Rules
from lifeline.errors import TransientError
from lifeline.handlers import detect_metric_gaps
from lifeline.watch import Sources, watch_agents
from tests.support.agents import (
    ENVIRONMENT,
    GRACE,
    NAMESPACE,
    PERIOD,
    START,
    TABLE,
    Sent,
    calls,
    create_table,
    create_topic,
    failing,
    launch,
    minute,
    publish,
    sent,
)

HOST = "web-1"
EMPTY: dict[str, list[str]] = {
    name: [] for name in ("watched", "reporting", "silent", "suppressed", "unknown", "opened", "resolved")
}


class Detector:
    """The deployed function: invoked at a time of the test's choice."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, topic_arn: str) -> None:
        self._monkeypatch = monkeypatch
        self._topic_arn = topic_arn

    def run(self, now: datetime, event: object = None) -> dict[str, Any]:
        self._monkeypatch.setattr(detect_metric_gaps, "_now", lambda: now)
        given = {"detect": True} if event is None else event
        return cast("dict[str, Any]", detect_metric_gaps.handler(given, None))

    def run_each_minute(self, first: int, last: int, *, reporting: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """One run a minute, after each of `reporting` has published for that minute."""
        answers = []
        for number in range(first, last + 1):
            if reporting:
                publish(*reporting, at=minute(number))
            answers.append(self.run(minute(number) + timedelta(seconds=30)))
        return answers

    @property
    def notices(self) -> list[Sent]:
        return sent(self._topic_arn)

    @property
    def kinds(self) -> list[str]:
        return [notice.kind for notice in self.notices]

    def sources(self, topic: Topic | None = None, instances: Instances | None = None) -> Sources:
        return Sources(
            namespace=NAMESPACE,
            cloudwatch=CloudWatch(NAMESPACE),
            instances=instances or Instances(),
            roster=Roster(TABLE, NAMESPACE, timedelta(days=14)),
            notices=topic or Topic(self._topic_arn),
        )


class Looked(Instances):
    """EC2 with one answer for every instance: moto starts instances now, not in the test's time."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def look_up(self, entities: Any) -> dict[str, Instance]:
        return dict.fromkeys(entities, self._instance)


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Detector]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    clients.client.cache_clear()
    with mock_aws():
        create_table()
        topic_arn = create_topic()
        monkeypatch.setenv("TOPIC_ARN", topic_arn)
        yield Detector(monkeypatch, topic_arn)
    clients.client.cache_clear()


def states(answer: dict[str, Any]) -> dict[str, list[str]]:
    return {name: ids for name, ids in answer.items() if ids}


class TestSilence:
    def test_nobody_is_watched_where_nobody_ever_reported(self, detector: Detector) -> None:
        assert detector.run(START) == EMPTY
        assert detector.notices == []

    def test_a_fleet_that_reports_is_reporting(self, detector: Detector) -> None:
        [answer] = detector.run_each_minute(0, 0, reporting=("web-2", "web-1"))
        assert answer == {**EMPTY, "watched": ["web-1", "web-2"], "reporting": ["web-1", "web-2"]}

    def test_a_silent_agent_opens_a_gap_once_and_closes_it_with_its_length(self, detector: Detector) -> None:
        detector.run_each_minute(0, 2, reporting=(HOST,))
        quiet = detector.run_each_minute(3, 20)
        back = detector.run_each_minute(21, 24, reporting=(HOST,))

        assert [number for number, answer in enumerate(quiet, start=3) if answer["opened"]] == [8]
        assert {tuple(answer["silent"]) for answer in quiet[:5]} == {()}
        assert {tuple(answer["silent"]) for answer in quiet[5:]} == {(HOST,)}
        assert [answer["resolved"] for answer in back] == [[HOST], [], [], []]
        assert detector.kinds == ["gap_opened", "gap_resolved"]
        assert "last datapoint 2026-03-02 09:02:00 UTC" in detector.notices[0].text
        assert "silent for 18 min, from 2026-03-02 09:03:00 UTC to 2026-03-02 09:21:00 UTC" in detector.notices[1].text

    def test_agents_that_fall_silent_together_are_one_notice(self, detector: Detector) -> None:
        fleet = tuple(f"web-{number:02}" for number in range(12))
        detector.run_each_minute(0, 0, reporting=fleet)
        assert detector.run(minute(7))["opened"] == list(fleet)
        [notice] = detector.notices
        assert notice.text.startswith("12 agents of CWAgent fell silent.")
        publish(*fleet, at=minute(9))
        assert detector.run(minute(9.5))["resolved"] == list(fleet)
        assert detector.kinds == ["gap_opened", "gap_resolved"]

    def test_a_silence_is_remembered_when_cloudwatch_has_forgotten_the_agent(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        monkeypatch.setattr(CloudWatch, "list_series", lambda _: {})
        assert detector.run(minute(7))["opened"] == [HOST]
        for hours in (4, 24, 13 * 24):
            assert states(detector.run(START + timedelta(hours=hours))) == {"watched": [HOST], "silent": [HOST]}
        publish(HOST, at=START + timedelta(hours=13 * 24 + 1))
        assert detector.run(START + timedelta(hours=13 * 24 + 1, minutes=1))["resolved"] == [HOST]
        assert "silent for 13 d 59 min" in detector.notices[-1].text

    def test_an_agent_is_forgotten_after_two_weeks_without_a_word(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        monkeypatch.setattr(CloudWatch, "list_series", lambda _: {})
        detector.run(minute(7))
        assert detector.run(START + timedelta(days=14, minutes=1))["silent"] == [HOST]
        assert detector.run(START + timedelta(days=14, minutes=2)) == EMPTY
        assert detector.kinds == ["gap_opened"]

    def test_a_silence_that_began_while_nobody_was_looking_starts_at_the_last_datapoint(
        self, detector: Detector
    ) -> None:
        for day in range(3):
            publish(HOST, at=START + timedelta(days=day))
            detector.run(START + timedelta(days=day, minutes=1))
        publish(HOST, at=START + timedelta(days=2, hours=5))
        detector.run(START + timedelta(days=4))
        assert detector.kinds[-1] == "gap_opened"
        assert "last datapoint 2026-03-04 14:00:00 UTC" in detector.notices[-1].text

    def test_an_agent_found_silent_on_the_first_run_is_told(self, detector: Detector) -> None:
        publish(HOST, at=START)
        assert detector.run(minute(90))["opened"] == [HOST]

    def test_a_series_silent_since_before_the_first_run_can_see_is_not_watched(self, detector: Detector) -> None:
        publish(HOST, at=START)
        assert detector.run(START + timedelta(hours=5)) == EMPTY

    def test_a_datapoint_in_the_future_does_no_harm(self, detector: Detector) -> None:
        publish(HOST, at=minute(0))
        publish(HOST, at=minute(90))
        assert states(detector.run(minute(1))) == {"watched": [HOST], "reporting": [HOST]}
        assert detector.run(minute(91))["reporting"] == [HOST]

    def test_a_period_of_five_seconds_is_watched_by_the_second(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AGENT_PERIOD_SECONDS", "5")
        monkeypatch.setenv("GAP_GRACE_SECONDS", "20")
        publish(HOST, at=START)
        assert detector.run(START + timedelta(seconds=25))["reporting"] == [HOST]
        assert detector.run(START + timedelta(seconds=26))["opened"] == [HOST]
        publish(HOST, at=START + timedelta(seconds=60))
        assert detector.run(START + timedelta(seconds=61))["resolved"] == [HOST]
        assert "silent for 55 s" in detector.notices[-1].text


class TestSeries:
    def test_an_agent_that_now_publishes_another_series_is_not_silent(self, detector: Detector) -> None:
        publish(HOST, at=minute(0))
        detector.run(minute(0.5))
        for number in range(1, 10):
            publish(HOST, at=minute(number), metric="cpu_usage_idle", more={"ImageId": "ami-1"})
            assert states(detector.run(minute(number + 0.5))) == {"watched": [HOST], "reporting": [HOST]}
        assert detector.notices == []

    def test_an_agent_that_returns_under_another_series_is_back(self, detector: Detector) -> None:
        publish(HOST, at=minute(0))
        detector.run(minute(0.5))
        detector.run(minute(7))
        publish(HOST, at=minute(10), metric="disk_used_percent")
        assert detector.run(minute(10.5))["resolved"] == [HOST]
        assert "silent for 9 min" in detector.notices[-1].text

    def test_one_series_for_each_agent_is_asked_for(self, detector: Detector) -> None:
        for metric in ("mem_used_percent", "disk_used_percent", "swap_used_percent"):
            publish("web-1", "web-2", at=START, metric=metric)
        detector.run(START)
        with calls("cloudwatch") as made:
            detector.run(minute(1))
        [asked] = [asked for operation, asked in made if operation == "GetMetricData"]
        assert len(asked["MetricDataQueries"]) == 2


class TestInstances:
    def test_a_running_instance_that_falls_silent_opens_a_gap(self, detector: Detector) -> None:
        id_ = launch()
        publish(id_, at=START)
        running = Looked(Instance(Power.RUNNING, START - timedelta(days=1)))
        report = watch_agents(detector.sources(instances=running), Rules(PERIOD, GRACE), now=minute(7))
        assert report.opened == (id_,)

    def test_a_stopped_instance_is_no_gap(self, detector: Detector) -> None:
        id_ = launch()
        detector.run_each_minute(0, 0, reporting=(id_,))
        clients.client("ec2").stop_instances(InstanceIds=[id_])
        for number in (7, 8, 600):
            assert states(detector.run(minute(number))) == {"watched": [id_], "suppressed": [id_]}
        assert detector.notices == []

    def test_a_stopped_instance_is_not_asked_for_datapoints(self, detector: Detector) -> None:
        id_ = launch()
        detector.run_each_minute(0, 0, reporting=(id_,))
        clients.client("ec2").stop_instances(InstanceIds=[id_])
        detector.run(minute(7))
        with calls("cloudwatch") as made:
            detector.run(minute(8))
        assert [operation for operation, _ in made] == ["ListMetrics"]

    def test_an_open_gap_closes_without_a_word_when_its_instance_is_stopped(self, detector: Detector) -> None:
        id_ = launch()
        publish(id_, at=START)
        running = Looked(Instance(Power.RUNNING))
        assert watch_agents(detector.sources(instances=running), Rules(PERIOD, GRACE), now=minute(7)).silent == (id_,)
        clients.client("ec2").stop_instances(InstanceIds=[id_])
        assert states(detector.run(minute(8))) == {"watched": [id_], "suppressed": [id_]}
        assert detector.kinds == ["gap_opened"]

    def test_a_restarted_instance_may_warm_up(self, detector: Detector) -> None:
        rules = Rules(PERIOD, GRACE)
        publish("i-0000000a", at=START)
        down = detector.sources(instances=Looked(Instance(Power.DOWN)))
        up = detector.sources(instances=Looked(Instance(Power.RUNNING, minute(60))))
        assert watch_agents(down, rules, now=minute(7)).suppressed == ("i-0000000a",)
        assert watch_agents(up, rules, now=minute(61)).suppressed == ("i-0000000a",)
        assert watch_agents(up, rules, now=minute(75)).suppressed == ("i-0000000a",)
        assert watch_agents(up, rules, now=minute(76)).opened == ("i-0000000a",)
        assert "the next was due 2026-03-02 10:10:00 UTC" in detector.notices[-1].text

    def test_a_restarted_instance_that_reports_is_reporting_without_a_word(self, detector: Detector) -> None:
        rules = Rules(PERIOD, GRACE)
        publish("i-0000000a", at=START)
        watch_agents(detector.sources(instances=Looked(Instance(Power.DOWN))), rules, now=minute(7))
        publish("i-0000000a", at=minute(62))
        up = detector.sources(instances=Looked(Instance(Power.RUNNING, minute(60))))
        assert watch_agents(up, rules, now=minute(63)).reporting == ("i-0000000a",)
        assert detector.notices == []

    def test_a_terminated_instance_leaves_the_roster(self, detector: Detector) -> None:
        id_ = launch()
        detector.run_each_minute(0, 0, reporting=(id_,))
        clients.client("ec2").terminate_instances(InstanceIds=[id_])
        assert detector.run(minute(7))["suppressed"] == [id_]
        assert detector.run(minute(8)) == EMPTY
        assert detector.notices == []


class TestWhatCannotBeRead:
    def test_datapoints_that_cannot_be_read_are_unknown_and_not_silence(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        with failing("cloudwatch", "GetMetricData", "Throttling"):
            for number in range(1, 30):
                assert states(detector.run(minute(number))) == {"watched": [HOST], "unknown": [HOST]}
        publish(HOST, at=minute(29))
        assert states(detector.run(minute(30))) == {"watched": [HOST], "reporting": [HOST]}
        assert detector.notices == []

    def test_an_error_in_between_neither_ends_nor_reopens_a_gap(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        detector.run(minute(7))
        with failing("cloudwatch", "GetMetricData"):
            assert detector.run(minute(8))["unknown"] == [HOST]
        assert states(detector.run(minute(9))) == {"watched": [HOST], "silent": [HOST]}
        assert detector.kinds == ["gap_opened"]

    def test_the_remembered_agents_are_watched_while_no_list_can_be_had(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        with failing("cloudwatch", "ListMetrics"):
            assert detector.run(minute(1))["reporting"] == [HOST]

    def test_an_agent_whose_other_series_are_not_known_is_unknown(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        with failing("cloudwatch", "ListMetrics"):
            assert detector.run(minute(7))["unknown"] == [HOST]
        assert detector.run(minute(8))["opened"] == [HOST]

    def test_an_agent_whose_instance_cannot_be_looked_up_is_unknown(self, detector: Detector) -> None:
        id_ = launch()
        detector.run_each_minute(0, 0, reporting=(id_,))
        with failing("ec2", "DescribeInstances", "RequestLimitExceeded"):
            assert detector.run(minute(7))["unknown"] == [id_]
        assert detector.notices == []

    def test_a_roster_that_cannot_be_read_fails_the_run(self, detector: Detector) -> None:
        with failing("dynamodb", "Query", "InternalServerError"), pytest.raises(TransientError):
            detector.run(START)


class TestTelling:
    def test_a_notice_that_could_not_be_sent_is_sent_by_the_next_run(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        with failing("sns", "Publish"), pytest.raises(TransientError, match="could not be published"):
            detector.run(minute(7))
        assert detector.notices == []
        for number in (8, 9):
            assert states(detector.run(minute(number))) == {"watched": [HOST], "silent": [HOST]}
            assert detector.kinds == ["gap_opened"]

    def test_a_recovery_that_could_not_be_told_is_told_by_the_next_run(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        detector.run(minute(7))
        publish(HOST, at=minute(8))
        with failing("sns", "Publish"), pytest.raises(TransientError):
            detector.run(minute(8.5))
        detector.run(minute(9.5))
        detector.run(minute(10.5))
        assert detector.kinds == ["gap_opened", "gap_resolved"]
        assert "silent for 7 min" in detector.notices[-1].text

    def test_a_recovery_before_the_gap_was_told_tells_all_of_it(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        with failing("sns", "Publish"), pytest.raises(TransientError):
            detector.run(minute(7))
        publish(HOST, at=minute(8))
        assert detector.run(minute(8.5))["resolved"] == [HOST]
        assert detector.kinds == ["gap_resolved"]

    def test_runs_that_overlap_tell_once(self, detector: Detector) -> None:
        """The second run starts from what the ledger held before the first one wrote."""
        detector.run_each_minute(0, 0, reporting=(HOST,))
        stale = Roster(TABLE, NAMESPACE, timedelta(days=14)).read()

        class Overlapped(Roster):
            def read(self) -> Any:
                return stale

        assert detector.run(minute(7))["opened"] == [HOST]
        sources = detector.sources()
        late = Sources(
            sources.namespace,
            sources.cloudwatch,
            sources.instances,
            Overlapped(TABLE, NAMESPACE, timedelta(days=14)),
            sources.notices,
        )
        report = watch_agents(late, Rules(PERIOD, GRACE), now=minute(7))
        assert (report.silent, report.opened) == ((HOST,), ())
        assert detector.kinds == ["gap_opened"]

    def test_a_run_that_starts_while_another_is_telling_leaves_it_the_news(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        sources = detector.sources()

        class Interrupted(Topic):
            def publish(self, notice: Any) -> None:
                watch_agents(sources, Rules(PERIOD, GRACE), now=minute(7.5))
                super().publish(notice)

        topic_arn = str(sources.notices._topic_arn)  # type: ignore[attr-defined]
        interrupted = detector.sources(topic=Interrupted(topic_arn))
        assert watch_agents(interrupted, Rules(PERIOD, GRACE), now=minute(7)).opened == (HOST,)
        assert detector.kinds == ["gap_opened"]

    def test_an_agent_that_could_not_be_written_does_not_stop_the_others(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        detector.run_each_minute(0, 0, reporting=("web-1", "web-2"))
        save = Roster.save

        def fail_for_one(self: Roster, agent: Any) -> Any:
            if agent.entity == "web-1":
                raise TransientError("web-1 could not be written")
            return save(self, agent)

        with monkeypatch.context() as patch:
            patch.setattr(Roster, "save", fail_for_one)
            with pytest.raises(TransientError, match="web-1"):
                detector.run(minute(7))
        assert "web-2" in detector.notices[0].text
        assert detector.run(minute(8))["opened"] == ["web-1"]

    def test_a_quiet_minute_reads_the_roster_once_and_writes_nothing(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=("web-1", "web-2", "web-3"))
        publish("web-1", "web-2", at=minute(7))
        assert detector.run(minute(7.5))["silent"] == ["web-3"]
        for number in range(8, 11):
            publish("web-1", "web-2", at=minute(number))
            with calls("dynamodb") as made:
                detector.run(minute(number + 0.5))
            assert [operation for operation, _ in made] == ["Query"]


class TestEvent:
    def test_the_schedules_event_and_an_empty_one_are_the_same(self, detector: Detector) -> None:
        publish(HOST, at=START)
        schedule = json.loads(Path("events/detect-schedule.json").read_text())
        assert detector.run(minute(1), schedule) == detector.run(minute(1), {})

    @pytest.mark.parametrize(
        ("event", "field"),
        [
            ([], "event"),
            ("detect", "event"),
            ({"detect": False}, "detect"),
            ({"detect": 1}, "detect"),
            ({"namespace": "CWAgent"}, "namespace"),
            ({"detect": True, "vpc_ids": []}, "vpc_ids"),
        ],
    )
    def test_an_unusable_event_is_refused_in_words(self, detector: Detector, event: object, field: str) -> None:
        publish(HOST, at=START)
        answer = detector.run(minute(1), event)
        [error] = answer.pop("errors")
        assert (error["field"], bool(error["message"])) == (field, True)
        assert answer == EMPTY

    def test_the_answer_is_json(self, detector: Detector) -> None:
        publish(HOST, at=START)
        answer = detector.run(minute(7))
        assert json.loads(json.dumps(answer)) == answer

    def test_counts_are_metrics(self, detector: Detector, capsys: pytest.CaptureFixture[str]) -> None:
        publish("web-1", "web-2", at=START)
        publish("web-2", at=minute(7))
        detector.run(minute(7))
        emf = next(json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line)
        counted = {name: emf[name] for name in ("Watched", "Reporting", "Silent", "Suppressed", "Unknown")}
        assert counted == {"Watched": [2], "Reporting": [1], "Silent": [1], "Suppressed": [0], "Unknown": [0]}
        assert (emf["GapsOpened"], emf["GapsResolved"]) == ([1], [0])

"""Sequences of minutes, against moto: each run is one invocation of the handler at a simulated time."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import boto3
import pytest
from moto.ec2.models import ec2_backends

from lifeline.adapters.aws import clients
from lifeline.adapters.aws.cloudwatch import CloudWatch
from lifeline.adapters.aws.instances import Instances
from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.roles import Roles
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.event_path import EventPathStore
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.list_position import ListPosition, Position
from lifeline.adapters.store.paths import PathStore
from lifeline.adapters.store.roster import Roster
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.agents.admission import NEW_HOSTS
from lifeline.core.agents.agent import State, Suppression
from lifeline.core.agents.instances import Health, Instance, Power
from lifeline.core.agents.roster import place
from lifeline.core.agents.watches import Maintenance, Rules, Watch
from lifeline.core.coexist.canary import Canary
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import LifelineError, TerminalError, TransientError
from lifeline.core.event_path.dry_run import DryRun
from lifeline.core.event_path.proof import EventPath
from lifeline.core.guards.urgency import KnownVpc
from lifeline.core.incidents.canary import silences
from lifeline.core.network.iam_policy import Permission, RoleVerdict
from lifeline.core.policy.policy import Policy
from lifeline.detector.loop import DetectorTools, WatchRun
from lifeline.detector.report import Report
from lifeline.detector.survey import Survey
from lifeline.handlers import detect_metric_gaps
from lifeline.runtime.settings import DetectorSettings
from tests.support.agents import (
    ENVIRONMENT,
    GRACE,
    PERIOD,
    REGION,
    START,
    TABLE,
    Sent,
    agent,
    calls,
    create_table,
    create_topic,
    failing,
    launch,
    launch_many,
    minute,
    publish,
    sent,
    watch,
)
from tests.support.emulator import emulated_aws
from tests.support.home import HOME
from tests.support.log_lines import logged
from tests.support.tuning import settle, tune

HOST = "web-1"
WATCH = Watch(rules=Rules(PERIOD, GRACE, recover_after=1))
ACTIVE = ("watched", "silent", "unknown", "opened", "ended")


PART = '{"check": {"watch": "cloudwatch-agent", "run": "r", "part": 0}}'


def from_checks(body: object, *, queue: str = "checks") -> dict[str, object]:
    """A message as Lambda hands it over."""
    return {"messageId": "m-1", "body": body, "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:{queue}"}


class Context:
    """What Lambda says of an invocation."""

    function_name = "DetectMetricGaps"
    memory_limit_in_mb = 512
    invoked_function_arn = f"arn:aws:lambda:{REGION}:123456789012:function:DetectMetricGaps"

    def __init__(self) -> None:
        self.aws_request_id = str(uuid4())


class Detector:
    """The deployed function: invoked at a time of the test's choice."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, topic_arn: str, queue_url: str) -> None:
        self._monkeypatch = monkeypatch
        self._topic_arn = topic_arn
        self._queue_url = queue_url

    def call(self, now: datetime, event: object = None) -> dict[str, Any]:
        self._monkeypatch.setattr(detect_metric_gaps, "_now", lambda: now)
        given = {"detect": True} if event is None else event
        return detect_metric_gaps.handler(given, Context())

    def run(self, now: datetime) -> dict[str, Any]:
        """The one watch's answer."""
        [answer] = self.call(now)["watches"]
        return cast("dict[str, Any]", answer)

    def run_each_minute(self, first: int, last: int, *, reporting: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """One run a minute, after each of `reporting` has published for that minute; from minute 0 on, they have
        reported for a while.
        """
        answers = []
        if reporting and first == 0:
            have_reported(*reporting)
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

    def asked_for_mending(self) -> list[dict[str, Any]]:
        """What waits on ReconcileEndpoints' queue."""
        found = boto3.client("sqs", region_name=REGION).receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=10
        )
        return [json.loads(message["Body"]) for message in found.get("Messages", [])]

    def tools(
        self, *, topic: Topic | None = None, instances: Instances | None = None, roster: Any = None
    ) -> DetectorTools:
        """The deployed ones, but for those that the test brings."""
        tools = detect_metric_gaps._tools(DetectorSettings.from_environment(), Policy(()))
        return replace(
            tools,
            instances=instances or tools.instances,
            notices=topic or tools.notices,
            roster=roster or tools.roster,
        )

    def check(self, now: datetime, **tools: Any) -> Report:
        """One run with some tools of the test's own."""
        return WatchRun(WATCH, self.tools(**tools), now=now).check()


def have_reported(*entities: str, before: datetime = START) -> None:
    """Datapoints as agents send them, of the two periods before: a single one makes no agent."""
    for ago in (2, 1):
        publish(*entities, at=before - ago * PERIOD)


def agents_on_the_roster() -> set[str]:
    return {entity for chunk in Roster(TABLE, WATCH.name).read() for entity in chunk.agents}


class Looked(Instances):
    """EC2 with one answer for every instance: moto starts instances now, not in the test's time."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def look_up(self, entities: Any) -> dict[str, Instance]:
        return dict.fromkeys(entities, self._instance)

    def find_expected(self) -> dict[str, Instance]:
        return {}

    def running_in(self, vpc_id: str) -> dict[str, Instance] | None:  # noqa: ARG002 - as EC2 has it
        return None

    def health(self, instance_ids: Any) -> dict[str, Any]:
        return dict.fromkeys(instance_ids, Health.UNKNOWN)


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Detector]:
    settle(monkeypatch, {**ENVIRONMENT, "watches": [watch(recover_after=1)]})
    remember.cache_clear()
    with emulated_aws():
        create_table()
        topic_arn = create_topic()
        queue_url = boto3.client("sqs", region_name=REGION).create_queue(QueueName="repair-requests")["QueueUrl"]
        monkeypatch.setenv("TOPIC_ARN", topic_arn)
        monkeypatch.setenv("REPAIR_QUEUE_URL", queue_url)
        yield Detector(monkeypatch, topic_arn, queue_url)
    remember.cache_clear()


def flat(text: str) -> str:
    """The text without its line breaks."""
    return " ".join(text.split())


def measured(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The metrics since the last time, by name."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    return {name: value for line in lines for name, value in line.items() if name not in ("_aws", "service")}


def cut_off(instance_id: str) -> str:
    """Takes the default routes away from the instance's VPC, whose id it gives."""
    ec2 = clients.client("ec2")
    instance = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    filters = [{"Name": "vpc-id", "Values": [instance["VpcId"]]}]
    for table in ec2.describe_route_tables(Filters=filters)["RouteTables"]:
        for route in table["Routes"]:
            if route.get("DestinationCidrBlock") == "0.0.0.0/0":
                ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
    return str(instance["VpcId"])


def answered_here(instance_id: str) -> tuple[str, str]:
    """An endpoint for monitoring with private DNS in the instance's VPC, which is public: their ids."""
    ec2 = clients.client("ec2")
    instance = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    filters = [{"Name": "vpc-id", "Values": [instance["VpcId"]]}]
    table_id = ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"]
    gateway_id = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=instance["VpcId"])
    ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway_id)
    made = ec2.create_vpc_endpoint(
        VpcEndpointType="Interface",
        VpcId=instance["VpcId"],
        ServiceName=f"com.amazonaws.{REGION}.monitoring",
        SubnetIds=[instance["SubnetId"]],
        PrivateDnsEnabled=True,
    )
    return str(instance["VpcId"]), str(made["VpcEndpoint"]["VpcEndpointId"])


def states(answer: dict[str, Any]) -> dict[str, int]:
    return {state: count for state, count in answer["states"].items() if count}


class TestSilence:
    def test_nobody_is_watched_where_nobody_ever_reported(self, detector: Detector) -> None:
        assert detector.run(START)["watched"] == 0
        assert detector.notices == []

    def test_a_fleet_that_reports_is_reporting(self, detector: Detector) -> None:
        [answer] = detector.run_each_minute(0, 0, reporting=("web-2", "web-1"))
        assert states(answer) == {"reporting": 2}

    def test_a_silent_agent_opens_a_gap_once_and_closes_it_with_its_length(self, detector: Detector) -> None:
        detector.run_each_minute(0, 2, reporting=(HOST,))
        quiet = detector.run_each_minute(3, 20)
        back = detector.run_each_minute(21, 24, reporting=(HOST,))

        assert [number for number, answer in enumerate(quiet, start=3) if answer["opened"]] == [8]
        assert {tuple(answer["silent"]) for answer in quiet[:5]} == {()}
        assert {tuple(answer["silent"]) for answer in quiet[5:]} == {(HOST,)}
        assert [answer["ended"] for answer in back] == [[HOST], [], [], []]
        assert detector.kinds == ["incident_opened", "incident_resolved"]
        assert "due at 2026-03-02 09:03:00 UTC" in flat(detector.notices[0].text)
        assert "It was silent for 18 min and came back at 2026-03-02 09:21:00 UTC" in flat(detector.notices[1].text)

    def test_agents_that_fall_silent_together_are_one_notice(self, detector: Detector) -> None:
        fleet = tuple(f"web-{number:02}" for number in range(12))
        detector.run_each_minute(0, 0, reporting=fleet)
        assert detector.run(minute(7))["opened"] == list(fleet)
        [notice] = detector.notices
        assert notice.text.startswith("12 CloudWatch agents stopped sending metrics.")
        publish(*fleet, at=minute(9))
        assert detector.run(minute(9.5))["ended"] == list(fleet)
        assert detector.kinds == ["incident_opened", "incident_resolved"]

    def test_a_silence_is_remembered_when_cloudwatch_has_forgotten_the_agent(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        monkeypatch.setattr(CloudWatch, "list_series", lambda _: {})
        assert detector.run(minute(7))["opened"] == [HOST]
        for hours in (4, 24, 13 * 24):
            assert states(detector.run(START + timedelta(hours=hours))) == {"silent": 1}
        publish(HOST, at=START + timedelta(hours=13 * 24 + 1))
        assert detector.run(START + timedelta(hours=13 * 24 + 1, minutes=1))["ended"] == [HOST]
        assert "silent for 13 d 59 min" in detector.notices[-1].text

    def test_its_notices_lead_to_the_runbook_that_the_policy_names(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = "https://wiki.example.com/lifeline"
        settle(monkeypatch, {"watches": [watch(recover_after=1)], "runbook_url": address})
        detector.run_each_minute(0, 0, reporting=(HOST,))
        detector.run(minute(7))
        detector.call(minute(8), {"forget": [HOST]})
        assert detector.kinds == ["incident_opened", "forgotten"]
        assert all(f"  Runbook: {address}\n" in notice.text for notice in detector.notices)

    def test_an_agent_is_forgotten_after_two_weeks_without_a_word(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        monkeypatch.setattr(CloudWatch, "list_series", lambda _: {})
        detector.run(minute(7))
        assert states(detector.run(START + timedelta(days=14, minutes=1))) == {"silent": 1}
        assert detector.run(START + timedelta(days=14, minutes=2))["watched"] == 0
        assert detector.kinds == ["incident_opened", "incident_resolved"]

    def test_a_silence_that_began_while_nobody_was_looking_starts_at_the_last_datapoint(
        self, detector: Detector
    ) -> None:
        for day in range(3):
            publish(HOST, at=START + timedelta(days=day))
            detector.run(START + timedelta(days=day, minutes=1))
        publish(HOST, at=START + timedelta(days=2, hours=5))
        detector.run(START + timedelta(days=4))
        assert detector.kinds[-1] == "incident_opened"
        assert "due at 2026-03-04 14:01:00 UTC" in flat(detector.notices[-1].text)

    def test_an_agent_found_silent_on_the_first_run_is_told(self, detector: Detector) -> None:
        have_reported(HOST)
        publish(HOST, at=START)
        assert detector.run(minute(90))["opened"] == [HOST]

    def test_a_series_silent_since_before_the_first_run_can_see_is_not_watched(self, detector: Detector) -> None:
        publish(HOST, at=START)
        detector.run(START + timedelta(hours=5))
        assert detector.run(START + timedelta(hours=5, minutes=1))["watched"] == 0
        assert detector.notices == []

    def test_a_datapoint_in_the_future_does_no_harm(self, detector: Detector) -> None:
        publish(HOST, at=minute(0))
        publish(HOST, at=minute(90))
        assert states(detector.run(minute(1))) == {"reporting": 1}
        assert detector.run(minute(91))["states"]["reporting"] == 1

    def test_a_period_of_five_seconds_is_watched_by_the_second(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tune(monkeypatch, watches=[watch(recover_after=1, period_seconds=5, grace_seconds=20)])
        for seconds in (10, 5, 0):
            publish(HOST, at=START - timedelta(seconds=seconds))
        assert states(detector.run(START + timedelta(seconds=25))) == {"late": 1}
        assert detector.run(START + timedelta(seconds=26))["opened"] == [HOST]
        publish(HOST, at=START + timedelta(seconds=60))
        assert detector.run(START + timedelta(seconds=61))["ended"] == [HOST]
        assert "silent for 55 s" in detector.notices[-1].text


class TestSeries:
    def test_an_agent_is_judged_by_all_series_that_it_had(self, detector: Detector) -> None:
        for number in range(3):
            publish(HOST, at=minute(number))
            publish(HOST, at=minute(number), metric="cpu_usage_idle", more={"ImageId": "ami-1"})
            detector.run(minute(number + 0.5))
        for number in range(3, 12):
            publish(HOST, at=minute(number), metric="cpu_usage_idle", more={"ImageId": "ami-1"})
            assert not detector.run(minute(number + 0.5))["silent"]
        assert detector.notices == []

    def test_an_agent_that_returns_under_another_of_its_series_is_back(self, detector: Detector) -> None:
        have_reported(HOST)
        for metric in ("mem_used_percent", "disk_used_percent"):
            publish(HOST, at=minute(0), metric=metric)
        detector.run(minute(0.5))
        assert detector.run(minute(7))["opened"] == [HOST]
        ended = []
        for number in range(10, 17):
            publish(HOST, at=minute(number), metric="mem_used_percent")
            ended += detector.run(minute(number + 0.5))["ended"]
        assert ended == [HOST]
        assert "9 min" in flat(detector.notices[-1].text)

    def test_one_series_for_each_agent_is_asked_for(self, detector: Detector) -> None:
        for metric in ("mem_used_percent", "disk_used_percent", "swap_used_percent"):
            publish("web-1", "web-2", at=START, metric=metric)
        detector.run(START)
        with calls("cloudwatch") as made:
            detector.run(minute(1))
        [asked] = [asked for operation, asked in made if operation == "GetMetricData"]
        assert len(asked["MetricDataQueries"]) == 2


STRANGE: list[tuple[str, dict[str, str]]] = [
    ("x", {"k": "v"}),
    ("mem_used_percent", {"k": "v"}),
    ("mem_used_percent", {"path": "/"}),
    ("cpu_usage_idle", {}),
]


class TestStrangers:
    """Whoever may publish metrics (cloudwatch:PutMetricData) sends something under an agent's id."""

    def silence(self, detector: Detector, metric: str, more: dict[str, str], *, since: int = 3, until: int = 40) -> Any:
        """An agent that falls silent at minute 3, while somebody sends something under its id every other minute."""
        answer: dict[str, Any] = {}
        for number in range(until):
            publish("web-2", at=minute(number))
            if number < 3:
                publish(HOST, at=minute(number))
            if number >= since and number % 2:
                publish(HOST, at=minute(number), metric=metric, more=more)
            answer = detector.run(minute(number + 0.5))
        return answer

    @pytest.mark.parametrize(("metric", "more"), STRANGE)
    def test_another_series_under_its_id_hides_no_silence_and_is_named(
        self, detector: Detector, metric: str, more: dict[str, str]
    ) -> None:
        assert self.silence(detector, metric, more)["silent"] == [HOST]
        [notice] = detector.notices
        text = flat(notice.text)
        assert notice.subject == (
            f"[lifeline] {HOST} silent: none of its own metrics arrive, but others do under its ID"
        )
        names = ", ".join(sorted(["InstanceId", *more]))
        assert f'other metrics arrive under this ID ("{metric}" by "{names}")' in text
        assert "If its configuration was changed, have Lifeline forget the agent" in text

    @pytest.mark.parametrize("since", [-30, 1, 2])
    def test_what_began_shortly_before_the_silence_hides_it_no_better(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch, since: int
    ) -> None:
        monkeypatch.setattr("lifeline.detector.loop.is_due", lambda *_: True)  # as after many network changes
        for number in range(min(since, 0) - 4, 0, 2):
            publish(HOST, "web-2", at=minute(number))
            if since <= number:
                publish(HOST, at=minute(number), metric="x", more={"k": "v"})
            detector.run(minute(number + 0.5))
        assert self.silence(detector, "x", {"k": "v"}, since=since, until=20)["silent"] == [HOST]

    def test_whoever_imitates_its_own_series_hides_its_silence_for_as_long_as_they_do(self, detector: Detector) -> None:
        """CloudWatch doesn't say who published a datapoint (CloudWatch API: PutMetricData)."""
        for number in range(30):
            publish("web-2", at=minute(number))
            if number < 3 or (number < 20 and number % 3 == 0):
                publish(HOST, at=minute(number))
            detector.run(minute(number + 0.5))
            assert number > 20 or detector.notices == []
        assert [notice.kind for notice in detector.notices] == ["incident_opened"]

    def test_the_names_that_somebody_chose_are_quoted_and_cut(self, detector: Detector) -> None:
        self.silence(detector, "https://evil.example/" + 200 * "x", {}, until=15)
        [notice] = detector.notices
        assert "https://evil" not in notice.text
        assert "evil[.]example/" in flat(notice.text)
        assert 30 * "x" not in notice.text

    def test_metrics_that_are_added_to_a_healthy_agent_are_its_own_a_while_later(self, detector: Detector) -> None:
        for number in range(0, 150, 3):
            if number < 100:
                publish(HOST, at=minute(number))
            if number >= 5:
                publish(HOST, at=minute(number), metric="cpu_usage_idle")
            detector.run(minute(number + 0.5))
        assert detector.notices == []

    def test_a_changed_configuration_is_silent_until_the_agent_is_forgotten(self, detector: Detector) -> None:
        self.silence(detector, "cpu_usage_idle", {}, until=15)
        assert detector.call(minute(15), {"forget": [HOST]}) == {"forgotten": [HOST]}
        for number in range(16, 60):
            publish(HOST, "web-2", at=minute(number), metric="cpu_usage_idle")
            publish("web-2", at=minute(number))
            detector.run(minute(number + 0.5))
        assert states(detector.run(minute(60))) == {"reporting": 2}
        assert detector.run(minute(70))["opened"] == [HOST, "web-2"]

    def test_a_day_later_it_is_back_by_what_it_sends_now_and_that_is_said(self, detector: Detector) -> None:
        self.silence(detector, "cpu_usage_idle", {}, until=20)
        late = 24 * 60
        for number in (late - 2, late - 1):
            publish(HOST, at=minute(number), metric="cpu_usage_idle")
            publish("web-2", at=minute(number))
            assert detector.run(minute(number + 0.5))["ended"] == []
        ended = []
        for number in range(late + 5, late + 12):
            publish(HOST, at=minute(number), metric="cpu_usage_idle")
            publish("web-2", at=minute(number))
            ended += detector.run(minute(number + 0.5))["ended"]
        assert ended == [HOST]
        text = next(flat(notice.text) for notice in detector.notices if notice.kind == "incident_resolved")
        assert "but only by other metrics than it had" in text

    def test_a_resized_instance_reports_other_values_and_nobody_hears_of_it(self, detector: Detector) -> None:
        id_, small, large = "i-0000000a", {"InstanceType": "t3.small"}, {"InstanceType": "t3.large"}
        for number in range(3):
            publish(id_, at=minute(number), more=small)
            detector.check(minute(number + 0.5), instances=Looked(Instance(Power.RUNNING, minute(-60))))
        detector.check(minute(9), instances=Looked(Instance(Power.DOWN)))
        up = Looked(Instance(Power.RUNNING, minute(10)))
        for number in range(11, 40):
            publish(id_, at=minute(number), more=large)
            answer = detector.check(minute(number + 0.5), instances=up)
        assert answer.states == {State.REPORTING: 1}
        assert detector.notices == []

    def test_a_stopped_instance_is_not_back_because_somebody_sends_something_else(self, detector: Detector) -> None:
        for number in range(3):
            publish("i-0000000a", at=minute(number))
            detector.check(minute(number + 0.5), instances=Looked(Instance(Power.RUNNING, minute(-60))))
        detector.check(minute(9), instances=Looked(Instance(Power.DOWN)))
        up = Looked(Instance(Power.RUNNING, minute(10)))
        opened: list[str] = []
        for number in range(11, 50):
            publish("i-0000000a", at=minute(number), metric="x")
            opened += detector.check(minute(number + 0.5), instances=up).opened
        assert opened == ["i-0000000a"]


class TestInvented:
    """Whoever may publish metrics makes ids up."""

    @pytest.mark.parametrize("name", ["i-{:017x}", "i-{:08x}", "mi-{:017x}", "web-{}", "evil {}"])
    def test_an_id_that_reports_once_and_stops_is_no_silent_agent(self, detector: Detector, name: str) -> None:
        invented = [name.format(number) for number in range(100, 200)]
        for number in range(0, 40, 2):
            publish(HOST, at=minute(number))
            if number in {4, 18}:
                publish(*invented[:50] if number == 4 else invented[50:], at=minute(number))
            assert detector.run(minute(number + 0.5))["silent"] == []
        assert detector.notices == []

    @pytest.mark.parametrize("id_", ["mi-0123456789abcdef0", "on-premises.example.com"])
    def test_a_host_outside_ec2_that_reports_for_a_while_is_watched(self, detector: Detector, id_: str) -> None:
        detector.run_each_minute(1, 3, reporting=(id_,))
        assert [answer["opened"] for answer in detector.run_each_minute(4, 12) if answer["opened"]] == [[id_]]

    def test_an_instance_that_ec2_knows_is_watched_from_its_first_datapoint_on(self, detector: Detector) -> None:
        publish("i-0000000a", at=START)
        up = Looked(Instance(Power.RUNNING, minute(-60)))
        detector.check(minute(0.5), instances=up)
        assert detector.check(minute(7), instances=up).opened == ("i-0000000a",)


class TestInstances:
    def test_a_running_instance_that_falls_silent_opens_a_gap(self, detector: Detector) -> None:
        id_ = launch()
        publish(id_, at=START)
        running = Looked(Instance(Power.RUNNING, START - timedelta(days=1)))
        report = detector.check(instances=running, now=minute(7))
        assert report.opened == (id_,)

    def test_a_stopped_instance_is_no_gap(self, detector: Detector) -> None:
        id_ = launch()
        detector.run_each_minute(0, 0, reporting=(id_,))
        clients.client("ec2").stop_instances(InstanceIds=[id_])
        for number in (7, 8, 600):
            assert states(detector.run(minute(number))) == {"suppressed": 1}
        assert detector.notices == []

    def test_a_stopped_instance_is_not_asked_for_datapoints(self, detector: Detector) -> None:
        id_ = launch()
        detector.run_each_minute(0, 0, reporting=(id_,))
        clients.client("ec2").stop_instances(InstanceIds=[id_])
        detector.run(minute(7))
        with calls("cloudwatch") as made:
            detector.run(minute(8))
        assert made == []

    def test_an_incident_closes_when_its_instance_is_stopped_and_says_so(self, detector: Detector) -> None:
        id_ = launch()
        publish(id_, at=START)
        running = Looked(Instance(Power.RUNNING))
        assert detector.check(instances=running, now=minute(7)).silent == (id_,)
        clients.client("ec2").stop_instances(InstanceIds=[id_])
        assert states(detector.run(minute(8))) == {"suppressed": 1}
        assert detector.kinds == ["incident_opened", "incident_resolved"]
        assert "stopped" in detector.notices[-1].text

    def test_a_restarted_instance_may_warm_up(self, detector: Detector) -> None:
        publish("i-0000000a", at=START)
        up = Looked(Instance(Power.RUNNING, minute(60)))
        report = detector.check(minute(7), instances=Looked(Instance(Power.DOWN)))
        assert report.states == {State.SUPPRESSED: 1}
        for number in (61, 76):
            assert detector.check(minute(number), instances=up).states == {State.SUPPRESSED: 1}
        assert detector.check(minute(77), instances=up).opened == ("i-0000000a",)
        assert "2026-03-02 09:00:00 UTC" in detector.notices[-1].text

    def test_a_restarted_instance_that_reports_is_reporting_without_a_word(self, detector: Detector) -> None:
        publish("i-0000000a", at=START)
        detector.check(minute(7), instances=Looked(Instance(Power.DOWN)))
        publish("i-0000000a", at=minute(62))
        up = Looked(Instance(Power.RUNNING, minute(60)))
        assert detector.check(minute(63), instances=up).states == {State.REPORTING: 1}
        assert detector.notices == []

    def test_a_terminated_instance_leaves_the_roster(self, detector: Detector) -> None:
        id_ = launch()
        detector.run_each_minute(0, 0, reporting=(id_,))
        clients.client("ec2").terminate_instances(InstanceIds=[id_])
        assert states(detector.run(minute(7))) == {"suppressed": 1}
        assert detector.run(minute(8))["watched"] == 0
        assert detector.notices == []


class TestWhatCannotBeRead:
    def test_datapoints_that_cannot_be_read_are_unknown_and_not_silence(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        with failing("cloudwatch", "GetMetricData", "Throttling"):
            found = [states(detector.run(minute(number))) for number in range(1, 30)]
        assert found == [{"reporting": 1}] * 6 + [{"unknown": 1}] * 23  # before that, it can't be overdue
        publish(HOST, at=minute(29))
        assert states(detector.run(minute(30))) == {"reporting": 1}
        assert detector.notices == []

    def test_an_error_in_between_neither_ends_nor_reopens_a_gap(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        detector.run(minute(7))
        with failing("cloudwatch", "GetMetricData"):
            assert detector.run(minute(8))["unknown"] == [HOST]
        assert states(detector.run(minute(9))) == {"silent": 1}
        assert detector.kinds == ["incident_opened"]

    def test_the_remembered_agents_are_watched_while_no_list_can_be_had(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        with failing("cloudwatch", "ListMetrics"):
            assert detector.run(minute(1))["states"]["reporting"] == 1

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

    def test_a_failed_run_does_not_count_the_silent_as_none(
        self, detector: Detector, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with failing("dynamodb", "Query", "InternalServerError"), pytest.raises(TransientError):
            detector.run(START)
        assert not measured(capsys)

    @pytest.mark.parametrize(("service", "operation"), [("cloudwatch", "ListMetrics"), ("ec2", "DescribeInstances")])
    def test_a_search_for_agents_that_fails_is_a_failure_and_done_again(
        self, detector: Detector, service: str, operation: str
    ) -> None:
        publish(HOST, at=START)
        with failing(service, operation), pytest.raises(TransientError, match="listed"):
            detector.run(minute(1))
        with calls("cloudwatch") as made:
            assert states(detector.run(minute(2))) == {"reporting": 1}
        assert "ListMetrics" in {name for name, _ in made}

    def test_agents_that_were_found_and_not_written_are_looked_for_again(self, detector: Detector) -> None:
        publish(HOST, at=START)
        with failing("dynamodb", "PutItem"), pytest.raises(TransientError):
            detector.run(minute(1))
        assert states(detector.run(minute(2))) == {"reporting": 1}
        assert Roster(TABLE, WATCH.name).read()


class TestTelling:
    def test_a_notice_that_could_not_be_sent_is_sent_by_the_next_run(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        with failing("sns", "Publish"), pytest.raises(TransientError, match="could not be published"):
            detector.run(minute(7))
        assert detector.notices == []
        for number in (8, 9):
            assert states(detector.run(minute(number))) == {"silent": 1}
            assert detector.kinds == ["incident_opened"]

    def test_a_recovery_that_could_not_be_told_is_told_by_the_next_run(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        detector.run(minute(7))
        publish(HOST, at=minute(8))
        with failing("sns", "Publish"), pytest.raises(TransientError):
            detector.run(minute(8.5))
        detector.run(minute(9.5))
        detector.run(minute(10.5))
        assert detector.kinds == ["incident_opened", "incident_resolved"]
        assert "silent for 7 min" in detector.notices[-1].text

    def test_a_recovery_before_the_gap_was_told_tells_all_of_it(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        with failing("sns", "Publish"), pytest.raises(TransientError):
            detector.run(minute(7))
        publish(HOST, at=minute(8))
        assert detector.run(minute(8.5))["ended"] == [HOST]
        assert detector.kinds == ["incident_resolved"]

    def test_runs_that_overlap_tell_once(self, detector: Detector) -> None:
        """The second run starts from what the ledger held before the first one wrote."""
        detector.run_each_minute(0, 0, reporting=(HOST,))
        stale = Roster(TABLE, WATCH.name).read()

        class Overlapped(Roster):
            def read(self, numbers: Any = None) -> Any:
                return stale if numbers is None else super().read(numbers)

        assert detector.run(minute(7))["opened"] == [HOST]
        detector.check(minute(7), roster=lambda watch: Overlapped(TABLE, watch.name))
        assert detector.kinds == ["incident_opened"]

    def test_a_run_that_starts_while_another_is_telling_leaves_it_the_news(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))

        class Interrupted(Topic):
            def publish(self, notice: Any) -> None:
                detector.check(minute(7.2))
                super().publish(notice)

        topic = Interrupted(DetectorSettings.from_environment().topic_arn, DetectorSettings.from_environment().sender)
        assert detector.check(minute(7), topic=topic).opened == (HOST,)
        assert set(detector.kinds) == {"incident_opened"}

    def test_agents_that_could_not_be_written_are_told_by_the_next_run(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        with failing("dynamodb", "PutItem", "InternalServerError"), pytest.raises(TransientError):
            detector.run(minute(7))
        assert detector.notices == []
        assert detector.run(minute(8))["opened"] == [HOST]
        assert detector.kinds == ["incident_opened"]

    def test_a_silence_whose_incident_could_not_be_written_is_told_though_it_is_over(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))

        def refuse(*_: object) -> None:
            raise TransientError("incident could not be written")

        with monkeypatch.context() as patched:
            patched.setattr(Incidents, "save", refuse)
            with pytest.raises(TransientError):
                detector.run(minute(7))
        publish(HOST, at=minute(8))
        detector.run(minute(8.5))
        detector.run(minute(9.5))
        assert detector.kinds == ["incident_resolved"]
        assert "silent for 7 min" in detector.notices[0].text

    def test_an_agent_whose_release_could_not_be_written_is_let_go_without_another_word(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        detector.run(minute(7))
        publish(HOST, at=minute(8))
        with monkeypatch.context() as patched:
            close = Incidents.close

            def close_and_stop(*asked: Any, **more: Any) -> bool:
                patched.setattr(Roster, "save", lambda *_: None)
                return close(*asked, **more)

            patched.setattr(Incidents, "close", close_and_stop)
            detector.run(minute(8.5))
        detector.run(minute(9.5))
        assert detector.kinds == ["incident_opened", "incident_resolved"]
        [agent] = Roster(TABLE, WATCH.name).read()[0].agents.values()
        assert (agent.incident, agent.gap) == ("", None)

    def test_a_quiet_minute_writes_only_that_it_ran(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=("web-1", "web-2", "web-3"))
        publish("web-1", "web-2", at=minute(7))
        assert detector.run(minute(7.5))["silent"] == ["web-3"]
        for number in range(8, 11):
            publish("web-1", "web-2", at=minute(number))
            with calls("dynamodb") as made:
                detector.run(minute(number + 0.5))
            assert [operation for operation, _ in made if operation not in ("Query", "GetItem")] == ["UpdateItem"]
            assert Roster(TABLE, WATCH.name).state().checked_at == minute(number + 0.5)

    def test_nobody_is_listed_again_within_a_quarter_of_an_hour(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        with calls("cloudwatch") as made:
            detector.run_each_minute(1, 14, reporting=(HOST,))
        assert {operation for operation, _ in made} == {"GetMetricData"}
        with calls("cloudwatch") as made:
            detector.run_each_minute(15, 15, reporting=(HOST,))
        assert "ListMetrics" in [operation for operation, _ in made]

    def test_an_agent_that_reports_is_read_when_it_may_be_overdue_and_written_only_then(
        self, detector: Detector
    ) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        for number in range(1, 14):
            publish(HOST, at=minute(number))
            with calls("cloudwatch") as read, calls("dynamodb") as made:
                detector.run(minute(number + 0.5))
            writes = [operation for operation, _ in made if operation not in ("Query", "GetItem", "UpdateItem")]
            is_due = number in (6, 12)  # a period and the grace after the datapoints of minutes 0 and 6
            assert (len(read), writes) == ((1, ["PutItem"]) if is_due else (0, [])), number


class TestParts:
    """More agents than a run can reach: an invocation for each part."""

    FLEET = tuple(f"web-{number:02}" for number in range(12))

    @pytest.fixture
    def parts(self, detector: Detector, monkeypatch: pytest.MonkeyPatch) -> str:
        queue_url = str(boto3.client("sqs", region_name=REGION).create_queue(QueueName="checks")["QueueUrl"])
        monkeypatch.setenv("DETECT_QUEUE_URL", queue_url)
        monkeypatch.setenv("MOST_AGENTS_A_RUN", "5")
        for module in ("lifeline.core.agents.roster", "lifeline.detector.parts"):
            monkeypatch.setattr(f"{module}.MOST", 5)
        have_reported(*self.FLEET)
        publish(*self.FLEET, at=START)
        detector.run(minute(0.5))
        return queue_url

    def take(self, queue_url: str) -> list[dict[str, Any]]:
        """The messages that wait, as Lambda hands them over: one at a time."""
        sqs = boto3.client("sqs", region_name=REGION)
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
                found.append({"Records": [from_checks(message["Body"])]})
        return found

    def test_agents_that_a_tag_keeps_from_being_reported_are_one_notice(
        self, detector: Detector, parts: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Survey, "_suppression", lambda *_: Suppression.EXEMPT)
        for number in (7, 8):
            detector.run(minute(number))
            for event in self.take(parts):
                detector.call(minute(number + 0.1), event)
        [notice] = detector.notices
        assert (notice.kind, "12 agents" in notice.subject) == ("unwatched", True)

    def test_a_tag_hides_no_canary_where_a_run_is_in_parts(self, detector: Detector, parts: str) -> None:
        id_ = launch()
        now = datetime.now(START.tzinfo) + timedelta(hours=1)
        vpc_id, endpoint_id = answered_here(id_)

        def run(number: int, *reporting: str) -> list[str]:
            publish(*self.FLEET, *reporting, at=now + number * PERIOD)
            detector.run(now + number * PERIOD + PERIOD / 2)
            for event in self.take(parts):
                detector.call(now + number * PERIOD + PERIOD / 2, event)
            found = silences(Incidents(TABLE, HOME).read_open(Watch().name), vpc_id)
            return [silence.subject for silence in found]

        for number in (-10, -9):
            run(number, id_)
        clients.client("ec2").create_tags(Resources=[id_], Tags=[{"Key": "lifeline:exempt", "Value": "true"}])
        assert run(-1) == []  # people are notified of the tag
        switched = VpcState(canaries={"monitoring": Canary(endpoint_id, now - timedelta(minutes=8.5))})
        VpcStore(TABLE).save(HOME.vpc(vpc_id), VpcState(), switched, now=now)
        assert run(0) == run(1) == [endpoint_id]
        assert detector.kinds.count("unwatched") == 1

    def test_the_last_part_settles_for_all_of_them(self, detector: Detector, parts: str) -> None:
        assert detector.run(minute(7))["in_parts"] is True
        events = self.take(parts)
        assert len(events) == 3
        assert detector.notices == []
        answers = [detector.call(minute(7.1), event)["watches"][0] for event in events]
        assert [answer["in_parts"] for answer in answers] == [True, True, False]
        assert answers[-1]["watched"] == len(self.FLEET)
        [notice] = detector.notices
        assert notice.kind == "incident_opened"
        assert "12 agents" in notice.subject

    def test_new_agents_begin_a_chunk_where_none_has_room_by_bytes(
        self, detector: Detector, parts: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Roster, "has_room", lambda _, chunk: chunk.number > 2)
        publish("web-12", at=minute(16))
        assert detector.run(minute(16.5))["in_parts"] is True
        assert len(self.take(parts)) == 4
        assert Roster(TABLE, WATCH.name).sizes() == {0: 5, 1: 5, 2: 2, 3: 1}

    def test_a_part_that_comes_twice_changes_nothing(self, detector: Detector, parts: str) -> None:
        detector.run(minute(7))
        events = self.take(parts)
        for event in (*events, *events):
            detector.call(minute(7.1), event)
        assert detector.kinds == ["incident_opened"]

    def test_a_part_that_never_ends_fails_the_next_run_which_makes_it_good(
        self, detector: Detector, parts: str
    ) -> None:
        detector.run(minute(7))
        first, *_ = self.take(parts)
        detector.call(minute(7.1), first)
        assert detector.notices == []
        with pytest.raises(TransientError, match="2 parts of the last run"):
            detector.run(minute(8))
        assert detector.kinds == ["incident_opened"]
        assert len(self.take(parts)) == 3

    def test_a_part_whose_run_another_has_followed_looks_at_nobody(self, detector: Detector, parts: str) -> None:
        detector.run(minute(7))
        late, *_ = self.take(parts)
        Roster(TABLE, WATCH.name).begin_run("another", 3, minute(8), others_began=minute(8))
        with calls("cloudwatch") as made:
            [answer] = detector.call(minute(19), late)["watches"]
        assert (made, answer["in_parts"], answer["watched"]) == ([], True, 0)

    def test_whoever_starts_runs_again_and_again_keeps_no_part_from_being_checked(
        self, detector: Detector, parts: str
    ) -> None:
        detector.run(minute(7))
        events = self.take(parts)
        for seconds in range(2, 48, 5):
            assert detector.run(minute(7) + timedelta(seconds=seconds))["in_parts"] is True
        assert self.take(parts) == []
        for event in events:
            detector.call(minute(7.8), event)
        assert detector.kinds == ["incident_opened"]

    def test_of_runs_that_begin_at_once_one_sends_its_parts(
        self, detector: Detector, parts: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begin_run = Roster.begin_run

        def begin_second(self: Roster, run_id: str, parts: int, now: datetime, **more: Any) -> bool:
            begin_run(self, "another", parts, now, **more)
            return begin_run(self, run_id, parts, now, **more)

        monkeypatch.setattr(Roster, "begin_run", begin_second)
        detector.run(minute(7))
        assert self.take(parts) == []
        assert Roster(TABLE, WATCH.name).state().run_id == "another"

    def test_a_part_that_somebody_imitates_has_its_agents_checked_whatever_it_says(
        self, detector: Detector, parts: str
    ) -> None:
        detector.run(minute(7))
        assert len(self.take(parts)) == 3
        run_id = Roster(TABLE, WATCH.name).state().run_id
        for part in (0, 1, 2):
            check: dict[str, Any] = {"watch": WATCH.name, "run": run_id, "part": part, "chunks": []}
            detector.call(minute(7.1), {"Records": [from_checks(json.dumps({"check": check}))]})
        [notice] = detector.notices
        assert "12 agents" in notice.subject

    def test_a_part_of_a_watch_that_there_is_not_checks_nobody_and_measures_nothing(
        self,
        detector: Detector,
        parts: str,  # noqa: ARG002 - its queue
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """A figure would say that the detector runs, and that no agent is unknown."""
        detector.run(minute(7))
        capsys.readouterr()
        check = {"watch": "nobodys", "run": "run-1", "part": 0}
        answer = detector.call(minute(7.1), {"Records": [from_checks(json.dumps({"check": check}))]})
        assert not measured(capsys)
        assert answer == {
            "watches": [],
            "errors": [
                {
                    "field": "Records[0].body.check.watch",
                    "message": "is not one of the watches: cloudwatch-agent",
                }
            ],
        }

    def test_only_the_last_part_counts_and_says_that_the_look_has_ended(
        self, detector: Detector, parts: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        capsys.readouterr()
        for number in (3, 4):
            publish(*self.FLEET, at=minute(number))
        detector.run(minute(6.5))
        assert not measured(capsys)
        first, second, third = self.take(parts)
        with failing("cloudwatch", "GetMetricData"):
            detector.call(minute(6.6), first)
        detector.call(minute(6.6), second)
        assert not measured(capsys)
        with logged() as lines:
            detector.call(minute(6.6), third)
        assert measured(capsys) == {"Silent": 0, "Unknown": 5}
        [ended] = [line for line in lines if line["message"] == "run ended"]
        assert (ended["watched"], ended["states"]["unknown"], ended["states"]["late"]) == (12, 5, 7)

    def test_parts_begin_though_what_the_last_run_left_cannot_be_settled(
        self, detector: Detector, parts: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        detector.run(minute(7))
        self.take(parts)

        def refuse(*_: object) -> None:
            raise TransientError("the open incidents could not be read")

        with monkeypatch.context() as patched:
            patched.setattr(Incidents, "read_open", refuse)
            with pytest.raises(TransientError):
                detector.run(minute(8))
        assert len(self.take(parts)) == 3

    def test_a_terminated_instance_leaves_the_roster_and_its_incident_counts_it(
        self, detector: Detector, parts: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in (7, 8):
            detector.run(minute(number))
            for event in self.take(parts):
                detector.call(minute(number), event)
            monkeypatch.setattr(Instances, "look_up", lambda *_: {"web-00": Instance(Power.GONE)})
        assert {one for chunk in Roster(TABLE, WATCH.name).read() for one in chunk.agents} == set(self.FLEET[1:])
        assert [one.gone for one in Incidents(TABLE, HOME).read_open(WATCH.name)] == [1]


class TestCauses:
    def test_an_instance_in_a_cut_off_subnet_is_told_with_its_cause_and_its_vpc_is_put_on_the_queue(
        self, detector: Detector
    ) -> None:
        id_ = launch()
        vpc_id = cut_off(id_)
        now = datetime.now(START.tzinfo) + timedelta(hours=1)
        publish(id_, at=now - timedelta(minutes=20))
        detector.run(now - timedelta(minutes=19.5))
        detector.run(now)
        [notice] = detector.notices
        assert "monitoring" in notice.text
        assert [request["vpc_ids"] for request in detector.asked_for_mending()] == [[vpc_id]]

    def test_an_agent_that_reported_where_lifeline_never_saw_a_path_is_not_cut_off(self, detector: Detector) -> None:
        id_ = launch()
        vpc_id = cut_off(id_)
        now = datetime.now(START.tzinfo) + timedelta(hours=1)
        PathStore(TABLE).change(lambda _: {vpc_id: KnownVpc(now - timedelta(days=2))})
        publish(id_, at=now - timedelta(minutes=20))
        detector.run(now - timedelta(minutes=19.5))
        detector.run(now)
        [notice] = detector.notices
        assert "Why: no instance profile gives the agent credentials" in flat(notice.text)
        assert detector.asked_for_mending() == []

    def test_an_agent_that_falls_silent_of_a_canary_gets_it_withdrawn_and_its_incident_names_that_as_the_fix(
        self, detector: Detector
    ) -> None:
        id_ = launch()
        now = datetime.now(START.tzinfo) + timedelta(hours=1)
        vpc_id, endpoint_id = answered_here(id_)
        ledger = VpcStore(TABLE)
        switched = VpcState(canaries={"monitoring": Canary(endpoint_id, now - timedelta(minutes=8.5))})
        ledger.save(HOME.vpc(vpc_id), VpcState(), switched, now=now)
        for number in (10, 9):
            publish(id_, at=now - number * PERIOD)
            detector.run(now - number * PERIOD + PERIOD / 2)
        detector.run(now)
        [opened] = detector.notices
        assert f"private DNS for {endpoint_id} (monitoring) was turned on as a canary" in flat(opened.text)
        [request] = detector.asked_for_mending()
        assert (set(request), request["vpc_ids"]) == ({"vpc_ids", "because"}, [vpc_id])
        [silence] = silences(Incidents(TABLE, HOME).read_open(Watch().name), vpc_id)
        assert (silence.service, silence.subject, silence.seen_at) == ("monitoring", endpoint_id, now)
        [because] = request["because"]
        assert because["time"] == now.isoformat()
        assert because["event_id"] in opened.text

        there = ec2_backends["123456789012"][REGION].vpc_end_points[endpoint_id]
        there.private_dns_enabled = False  # moto's ModifyVpcEndpoint doesn't
        withdrawn = Canary(endpoint_id, now - timedelta(minutes=8.5), withdrawn_at=now + PERIOD)
        ledger.save(HOME.vpc(vpc_id), switched, VpcState(canaries={"monitoring": withdrawn}), now=now)
        publish(id_, at=now + 2 * PERIOD)
        detector.run(now + 2.5 * PERIOD)
        assert detector.kinds == ["incident_opened", "incident_resolved"]
        fix = f"Status: resolved. Likely fix: private DNS for {endpoint_id} was turned off again"
        assert fix in flat(detector.notices[1].text)
        assert detector.asked_for_mending() == []

    def silenced_and_exempt(self, detector: Detector) -> tuple[str, str, str, datetime, VpcState]:
        """An instance that has the tag since its agent fell silent, its VPC, the canary there, the time now, and the
        VPC's state with that canary.
        """
        id_ = launch()
        now = datetime.now(START.tzinfo) + timedelta(hours=1)
        vpc_id, endpoint_id = answered_here(id_)
        switched = VpcState(canaries={"monitoring": Canary(endpoint_id, now - timedelta(minutes=8.5))})
        for number in (10, 9):
            publish(id_, at=now - number * PERIOD)
            detector.run(now - number * PERIOD + PERIOD / 2)
        exempt = [{"Key": "lifeline:exempt", "Value": "true"}]
        clients.client("ec2").create_tags(Resources=[id_], Tags=exempt)
        return id_, vpc_id, endpoint_id, now, switched

    @pytest.mark.parametrize("is_told", [False, True])
    def test_a_tag_does_not_hide_that_a_canary_silenced_an_agent(self, detector: Detector, is_told: bool) -> None:
        id_, vpc_id, endpoint_id, now, switched = self.silenced_and_exempt(detector)
        if is_told:  # before the run that made the canary could write it down
            detector.run(now - PERIOD)
            assert detector.kinds == ["unwatched"]
        VpcStore(TABLE).save(HOME.vpc(vpc_id), VpcState(), switched, now=now)

        for number in range(3):
            detector.run(now + number * PERIOD)
            [silence] = silences(Incidents(TABLE, HOME).read_open(Watch().name), vpc_id)
            assert (silence.service, silence.subject) == ("monitoring", endpoint_id)

        assert detector.kinds == [*(["unwatched"] if is_told else []), "incident_opened"]
        assert f"{id_} has the tag lifeline:exempt" in flat(detector.notices[-1].text)
        assert detector.asked_for_mending()[0]["vpc_ids"] == [vpc_id]

    @pytest.mark.parametrize("minutes", [0, -5.5])
    def test_a_restart_does_not_hide_that_a_canary_silenced_an_agent(self, detector: Detector, minutes: float) -> None:
        """After the switch, or half a minute before it."""
        id_, ec2 = launch(), clients.client("ec2")
        on_at = datetime.now(START.tzinfo) + timedelta(hours=1)
        first = on_at + minutes * PERIOD
        vpc_id, endpoint_id = answered_here(id_)
        switched = VpcState(canaries={"monitoring": Canary(endpoint_id, on_at)})
        VpcStore(TABLE).save(HOME.vpc(vpc_id), VpcState(), switched, now=on_at)
        for number in range(3):
            publish(id_, at=first + number * PERIOD)
            detector.run(first + number * PERIOD + PERIOD / 2)
        ec2.stop_instances(InstanceIds=[id_])
        detector.run(first + 4 * PERIOD)
        ec2.start_instances(InstanceIds=[id_])
        backend = ec2_backends["123456789012"][REGION]
        backend.get_instance(id_).launch_time = (first + 5 * PERIOD).replace(tzinfo=None)  # moto keeps the first
        for number in range(5, 30):
            detector.run(first + number * PERIOD)

        [opened] = detector.notices
        assert f"private DNS for {endpoint_id} (monitoring) was turned on as a canary" in flat(opened.text)
        [silence] = silences(Incidents(TABLE, HOME).read_open(Watch().name), vpc_id)
        assert silence.began is not None
        assert on_at <= silence.began <= on_at + 3 * PERIOD
        assert detector.asked_for_mending()[0]["vpc_ids"] == [vpc_id]

    def test_what_cannot_be_read_for_a_minute_does_not_end_a_canarys_incident(self, detector: Detector) -> None:
        _, vpc_id, _, now, switched = self.silenced_and_exempt(detector)
        VpcStore(TABLE).save(HOME.vpc(vpc_id), VpcState(), switched, now=now)
        detector.run(now)
        assert detector.kinds == ["incident_opened"]

        with failing("dynamodb", "BatchGetItem"), pytest.raises(TransientError):
            detector.run(now + PERIOD)
        detector.run(now + 2 * PERIOD)
        assert detector.kinds == ["incident_opened"]
        assert len(silences(Incidents(TABLE, HOME).read_open(Watch().name), vpc_id)) == 1

    @pytest.mark.parametrize("minutes", [8.5, 30])
    def test_a_tag_hides_a_silence_that_no_canary_caused(self, detector: Detector, minutes: float) -> None:
        id_ = launch()
        now = datetime.now(START.tzinfo) + timedelta(hours=1)
        vpc_id, endpoint_id = answered_here(id_)
        if minutes < 10:
            cut_off(id_)  # so that it had no other path before
        switched = VpcState(canaries={"monitoring": Canary(endpoint_id, now - timedelta(minutes=minutes))})
        VpcStore(TABLE).save(HOME.vpc(vpc_id), VpcState(), switched, now=now)
        for number in (10, 9):
            publish(id_, at=now - number * PERIOD)
            detector.run(now - number * PERIOD + PERIOD / 2)
        exempt = [{"Key": "lifeline:exempt", "Value": "true"}]
        clients.client("ec2").create_tags(Resources=[id_], Tags=exempt)
        for number in range(2):
            detector.run(now + number * PERIOD)
        assert detector.kinds == ["unwatched"]
        assert Incidents(TABLE, HOME).read_open(Watch().name) == ()

    @pytest.mark.parametrize("is_cut", [False, True])
    def test_an_agent_that_falls_silent_after_the_way_back_to_a_hub_is_traced_to_it_with_and_without_a_way_out(
        self, detector: Detector, is_cut: bool
    ) -> None:
        id_ = launch()
        now = datetime.now(START.tzinfo) + timedelta(hours=1)
        vpc_id, endpoint_id = answered_here(id_)
        ec2_backends["123456789012"][REGION].vpc_end_points[endpoint_id].private_dns_enabled = False
        if is_cut:
            cut_off(id_)
        given_back = Canary(endpoint_id, now - timedelta(minutes=8.5), central_ids=("Z1",))
        VpcStore(TABLE).save(HOME.vpc(vpc_id), VpcState(), VpcState(canaries={"monitoring": given_back}), now=now)
        for number in (10, 9):
            publish(id_, at=now - number * PERIOD)
            detector.run(now - number * PERIOD + PERIOD / 2)
        detector.run(now)
        [opened] = detector.notices
        assert "the name was given back to Z1 for the monitoring service as a canary" in flat(opened.text)
        assert f"{endpoint_id} answered the service's name in this VPC until then" in flat(opened.text)
        assert "another route" not in flat(opened.text)
        [silence] = silences(Incidents(TABLE, HOME).read_open(Watch().name), vpc_id)
        assert (silence.service, silence.subject) == ("monitoring", "Z1")
        assert [request["vpc_ids"] for request in detector.asked_for_mending()] == [[vpc_id]]

    @pytest.mark.parametrize("is_cut", [False, True])
    def test_an_association_is_a_canary_only_for_agents_that_had_a_way_out_before(
        self, detector: Detector, is_cut: bool
    ) -> None:
        id_ = launch()
        now = datetime.now(START.tzinfo) + timedelta(hours=1)
        vpc_id, endpoint_id = answered_here(id_)
        ec2_backends["123456789012"][REGION].vpc_end_points[endpoint_id].private_dns_enabled = False
        if is_cut:
            cut_off(id_)
        shared = Canary("", now - timedelta(minutes=8.5), central_ids=("Z1",))
        VpcStore(TABLE).save(HOME.vpc(vpc_id), VpcState(), VpcState(canaries={"monitoring": shared}), now=now)
        for number in (10, 9):
            publish(id_, at=now - number * PERIOD)
            detector.run(now - number * PERIOD + PERIOD / 2)
        detector.run(now)
        found = silences(Incidents(TABLE, HOME).read_open(Watch().name), vpc_id)
        assert [silence.subject for silence in found] == ([] if is_cut else ["Z1"])

    @pytest.mark.parametrize("allowed", ["yes", "no"])
    def test_an_agent_that_lost_its_route_to_the_policys_hub_is_told_of_the_swap_where_the_stack_may_offer_it(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch, allowed: str
    ) -> None:
        id_ = launch()
        vpc_id, route53 = cut_off(id_), boto3.client("route53")
        name = f"monitoring.{REGION}.amazonaws.com"
        zone = route53.create_hosted_zone(
            Name=name,
            CallerReference="hub",
            HostedZoneConfig={"PrivateZone": True, "Comment": ""},
            VPC={"VPCRegion": "us-east-1", "VPCId": vpc_id},
        )
        zone_id = zone["HostedZone"]["Id"].rpartition("/")[2]
        record: Any = {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.9.1.10"}]}
        changes: Any = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=changes)
        monkeypatch.setenv("CENTRAL_ENDPOINTS", allowed)
        monkeypatch.setenv("MODE", "enforce")
        tune(monkeypatch, central={"zones": [zone_id], "services": ["monitoring"], "cidrs": ["10.9.0.0/16"]})
        now = datetime.now(START.tzinfo) + timedelta(hours=1)
        publish(id_, at=now - timedelta(minutes=20))
        detector.run(now - timedelta(minutes=19.5))
        detector.run(now)
        text = flat(detector.notices[0].text)
        assert "Route the subnet to the central endpoint, " in text
        assert (f"approve an endpoint in its place, or disassociate {zone_id} from the VPC" in text) is (
            allowed == "yes"
        )

    def test_a_vpc_whose_message_was_lost_is_put_on_the_queue_again_at_the_next_look(self, detector: Detector) -> None:
        id_ = launch()
        cut_off(id_)
        now = datetime.now(START.tzinfo) + timedelta(hours=1)
        publish(id_, at=now - timedelta(minutes=20))
        detector.run(now - timedelta(minutes=19.5))
        with failing("sqs", "SendMessage"), pytest.raises(TransientError):
            detector.run(now)
        assert detector.asked_for_mending() == []
        for number in range(1, 6):
            detector.run(now + number * PERIOD)
        assert len(detector.asked_for_mending()) == 1

    def test_what_surrounds_an_agent_and_cannot_be_read_does_not_keep_its_silence_secret(
        self, detector: Detector
    ) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        with failing("ec2", "DescribeVpcs"), failing("ec2", "DescribeVpcEndpointServices"):
            detector.run(minute(7))
        assert detector.kinds == ["incident_opened", "read_denied"]

    def test_an_instance_whose_own_group_lets_nothing_out_is_told_with_that_group(self, detector: Detector) -> None:
        id_ = launch()
        _, endpoint_id = answered_here(id_)
        ec2 = clients.client("ec2")
        instance = ec2.describe_instances(InstanceIds=[id_])["Reservations"][0]["Instances"][0]
        group = ec2.create_security_group(GroupName="app", Description="app", VpcId=instance["VpcId"])
        ec2.modify_instance_attribute(InstanceId=id_, Groups=[group["GroupId"]])
        everything: Any = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        now = datetime.now(START.tzinfo) + timedelta(hours=1)
        publish(id_, at=now - timedelta(minutes=20))
        detector.run(now - timedelta(minutes=19.5))
        ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=everything)
        detector.run(now)
        [notice] = detector.notices
        assert (
            f"Why: the instance's own security group {group['GroupId']} allows no outbound TCP 443 to {endpoint_id}."
            in flat(notice.text)
        )
        assert "Lifeline can't repair this by itself." in flat(notice.text)
        assert detector.asked_for_mending() == []

    @pytest.mark.parametrize(("cidr", "is_shut"), [("10.99.0.0/16", True), ("0.0.0.0/0", False)])
    def test_a_prefix_list_that_its_own_group_names_counts_by_its_entries(
        self, detector: Detector, cidr: str, *, is_shut: bool
    ) -> None:
        id_ = launch()
        _, endpoint_id = answered_here(id_)
        ec2 = clients.client("ec2")
        instance = ec2.describe_instances(InstanceIds=[id_])["Reservations"][0]["Instances"][0]
        group = ec2.create_security_group(GroupName="app", Description="app", VpcId=instance["VpcId"])["GroupId"]
        ec2.modify_instance_attribute(InstanceId=id_, Groups=[group])
        made = ec2.create_managed_prefix_list(
            PrefixListName="hubs", MaxEntries=1, AddressFamily="IPv4", Entries=[{"Cidr": cidr}]
        )
        listed: Any = [{"PrefixListId": made["PrefixList"]["PrefixListId"]}]
        everything: Any = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        tcp: Any = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": listed}]
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=tcp)
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=everything)
        now = datetime.now(START.tzinfo) + timedelta(hours=1)
        publish(id_, at=now - timedelta(minutes=20))
        detector.run(now - timedelta(minutes=19.5))
        detector.run(now)
        [notice] = detector.notices
        assert (
            f"own security group {group} allows no outbound TCP 443 to {endpoint_id}" in flat(notice.text)
        ) is is_shut
        assert "which was not read" not in flat(notice.text)


class TestAllAtOnce:
    """Nearly all agents fall silent together, and nothing changed."""

    def fleet(self, zones: str) -> list[str]:
        """Three running instances in each zone, as EC2 shows them."""
        ec2 = clients.client("ec2")
        found = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
        subnets = {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in found}
        image = ec2.register_image(Name="any")["ImageId"]
        made = [
            ec2.run_instances(ImageId=image, MinCount=3, MaxCount=3, SubnetId=subnets[f"{REGION}{zone}"])
            for zone in zones
        ]
        return [instance["InstanceId"] for run in made for instance in run["Instances"]]

    def fall_silent(self, detector: Detector, fleet: list[str], *, but: tuple[str, ...] = ()) -> list[Sent]:
        now = datetime.now(START.tzinfo) + timedelta(hours=1)
        publish(*fleet, at=now - timedelta(minutes=20))
        detector.run(now - timedelta(minutes=19.5))
        if but:
            publish(*but, at=now - timedelta(minutes=1))
        detector.run(now)
        return detector.notices

    def without_a_cause(self, monkeypatch: pytest.MonkeyPatch, fleet: list[str]) -> None:
        """Nothing near the agents explains their silence."""
        answered_here(fleet[0])
        monkeypatch.setattr(Roles, "may_publish", lambda *_: RoleVerdict(Permission.ALLOWED, "agent"))
        look_up = Instances.look_up

        def with_profiles(instances: Instances, entities: Any) -> dict[str, Instance]:
            return {id_: replace(one, profile_arn="arn:p") for id_, one in look_up(instances, entities).items()}

        monkeypatch.setattr(Instances, "look_up", with_profiles)

    def test_in_all_zones_it_is_one_incident_of_cloudwatch(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fleet = self.fleet("abc")
        self.without_a_cause(monkeypatch, fleet)
        [notice] = self.fall_silent(detector, fleet)
        assert "Why: CloudWatch is late or unreachable." in flat(notice.text)
        assert detector.asked_for_mending() == []

    def test_in_one_zone_alone_it_is_the_zones(self, detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
        fleet = self.fleet("ab")
        self.without_a_cause(monkeypatch, fleet)
        [notice] = self.fall_silent(detector, fleet, but=tuple(fleet[3:]))
        assert "CloudWatch is late" not in flat(notice.text)
        assert f"{REGION}a" in notice.text

    def test_those_that_send_each_fifth_minute_report_until_it_is_their_turn(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fleet = self.fleet("ab")
        self.without_a_cause(monkeypatch, fleet)
        quick, slow = fleet[:3], fleet[3:]
        now = datetime.now(START.tzinfo).replace(second=30, microsecond=0) + timedelta(hours=1)
        for ago in (19.5, 14.5, 9.5):
            publish(*slow, at=now - timedelta(minutes=ago))
        for ago in (9.5, 8.5, 7.5):
            publish(*quick, at=now - timedelta(minutes=ago))
        detector.run(now - timedelta(minutes=6))
        publish(*slow, at=now - timedelta(minutes=4.5))
        detector.run(now)
        [notice] = detector.notices
        assert "agents in us-east-1a fell silent together" in flat(notice.text)


class TestPeriods:
    """Agents of two periods in one fleet are judged each by its own."""

    SLOW, QUICK = "slow-1", "quick-1"

    def publish_until(self, detector: Detector, last: int) -> list[dict[str, Any]]:
        """Every minute's run, up to the last: one agent sends each minute, and the other each fifth."""
        for number in range(-15, 0, 5):
            publish(self.SLOW, at=minute(number))
        have_reported(self.QUICK)
        answers = []
        for number in range(last + 1):
            publish(*((self.SLOW, self.QUICK) if number % 5 == 0 else (self.QUICK,)), at=minute(number))
            answers.append(detector.run(minute(number) + timedelta(seconds=30)))
        return answers

    def test_one_that_sends_each_fifth_minute_is_never_silent_between(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tune(monkeypatch, watches=[watch(recover_after=1, grace_seconds=60)])
        assert {states(answer).get("silent", 0) for answer in self.publish_until(detector, 14)} == {0}
        assert detector.notices == []

    def test_each_is_silent_after_its_own_period_and_the_grace(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tune(monkeypatch, watches=[watch(recover_after=1, grace_seconds=60)])
        self.publish_until(detector, 10)
        assert detector.run(minute(12.5))["opened"] == [self.QUICK]
        assert detector.run(minute(15.5))["opened"] == []
        assert detector.run(minute(16.5))["opened"] == [self.SLOW]

    def test_one_that_sends_every_ten_seconds_is_judged_by_the_minute(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tune(monkeypatch, watches=[watch(recover_after=1, grace_seconds=60)])
        for number in range(-15, 11, 5):
            publish(self.SLOW, at=minute(number))
        for number in range(-12, 66):
            publish(self.QUICK, at=minute(number / 6))
        opened = {number: detector.run(minute(number + 0.5))["opened"] for number in range(18)}
        assert {number: ids for number, ids in opened.items() if ids} == {12: [self.QUICK], 16: [self.SLOW]}

    def test_one_that_sends_each_fifth_minute_is_back_after_two_datapoints(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tune(monkeypatch, watches=[watch(recover_after=2, grace_seconds=60)])
        self.publish_until(detector, 10)
        assert detector.run(minute(16.5))["opened"] == [self.QUICK, self.SLOW]
        for number, ended in ((30, []), (35, [self.SLOW])):
            publish(self.SLOW, at=minute(number))
            assert detector.run(minute(number + 0.5))["ended"] == ended


class TestCalls:
    def test_a_thousand_agents_that_fall_silent_at_once_cost_few_calls(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ids = launch_many(1000)
        cut_off(ids[0])
        now = datetime.now(START.tzinfo) + timedelta(hours=1)
        fleet = [agent(id_, seen_at=now - timedelta(minutes=20)) for id_ in ids]
        for chunk in place([], fleet):
            Roster(TABLE, WATCH.name).save(chunk)
        Roster(TABLE, WATCH.name).save_discovery(now)
        monkeypatch.setattr(CloudWatch, "list_series", lambda _: {})
        monkeypatch.setattr(CloudWatch, "read", lambda _, series, __: dict.fromkeys(series, ()))
        services = ("ec2", "iam", "route53", "route53resolver", "route53profiles", "dynamodb", "sqs", "sns")
        with ExitStack() as stack:
            made = {service: stack.enter_context(calls(service)) for service in services}
            assert states(detector.run(now)) == {"silent": 1000}
        asked = Counter(name for name, _ in made["ec2"])
        assert (asked["DescribeInstances"], asked["DescribeInstanceStatus"]) == (
            6,
            10,
        )  # five to look them up, one for who else is in the VPC
        most = {"ec2": 40, "iam": 0, "route53": 5, "route53resolver": 5, "route53profiles": 5}
        most |= {"dynamodb": 20, "sqs": 1, "sns": 1}
        assert {service: len(made[service]) for service in services if len(made[service]) > most[service]} == {}


class TestInventedAgents:
    """Whoever may publish metrics can invent as many names as they like."""

    def bound(self, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
        """The policy lets so many hosts join."""
        tune(monkeypatch, watches=[watch(recover_after=1, most_hosts=most)])

    def invent(self, count: int, *, at: datetime) -> None:
        for first in range(0, count, 100):
            publish(*(f"ghost-{number:04}" for number in range(first, min(count, first + 100))), at=at)

    def metrics_read(self, detector: Detector, now: datetime) -> int:
        with calls("cloudwatch") as made:
            detector.run(now)
        return sum(len(asked["MetricDataQueries"]) for name, asked in made if name == "GetMetricData")

    def test_invented_hostnames_cost_no_more_reads_than_the_bounds(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.bound(monkeypatch, 150)
        detector.run_each_minute(0, 0, reporting=(HOST,))
        self.invent(400, at=minute(15))
        detector.run(minute(16))
        assert self.metrics_read(detector, minute(17)) <= NEW_HOSTS + 1
        self.invent(400, at=minute(30))
        detector.run(minute(32))
        assert self.metrics_read(detector, minute(33)) == 150

    def test_names_that_find_no_room_are_said_once_with_the_first_of_them(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.bound(monkeypatch, 1)
        detector.run_each_minute(0, 0, reporting=(HOST,))
        for number in (15, 30, 45):
            publish(HOST, at=minute(number))
            self.invent(30, at=minute(number))
            detector.run(minute(number + 1))
        (notice,) = [notice for notice in detector.notices if notice.kind == "watch_full"]
        assert "ghost-0000" in notice.text
        assert "30 new names" in notice.text

    def test_a_watch_with_room_and_one_that_is_to_have_no_hosts_say_nothing(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number, most in enumerate((0, 2000)):
            self.bound(monkeypatch, most)
            self.invent(200, at=minute(30 * number))
            detector.run(minute(30 * number + 1))
        assert "watch_full" not in detector.kinds

    def test_who_reported_before_keeps_its_watch(self, detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bound(monkeypatch, 1)
        detector.run_each_minute(0, 2, reporting=(HOST,))
        self.invent(100, at=minute(3))
        assert detector.run(minute(18))["opened"] == [HOST]

    def test_invented_instance_ids_cost_no_more_reads_than_the_bounds(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.bound(monkeypatch, 1)
        real = launch()
        publish(real, "i-0fedcba9876543210", "i-0fedcba9876543211", at=START)
        assert self.metrics_read(detector, minute(0.5)) == 2
        assert detector.run(minute(1))["watched"] == 2

    def test_one_datapoint_under_an_invented_instance_id_is_no_agent(self, detector: Detector) -> None:
        publish("i-0fedcba9876543210", at=START)
        detector.run(minute(0.5))
        detector.run(minute(8))
        assert detector.run(minute(9))["watched"] == 0
        assert detector.notices == []

    def test_what_is_left_out_is_a_line_in_the_log(self, detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bound(monkeypatch, 2)
        publish("web-1", "web-2", "web-3", at=START)
        with logged() as lines:
            detector.run(minute(0.5))
        assert [line["agents"] for line in lines if line.get("message") == "agents left out"] == [1]


class TestAgentsElsewhere:
    """Agents of other accounts and regions publish here under the IDs of instances that EC2 doesn't know."""

    FOREIGN = "i-0abc0abc0abc0abc0"

    def test_one_is_watched_and_its_silence_is_told_as_that_of_an_instance_that_ec2_does_not_know(
        self, detector: Detector
    ) -> None:
        detector.run_each_minute(0, 3, reporting=(self.FOREIGN,))
        assert states(detector.run(minute(9.5))) == {"silent": 1}
        [notice] = detector.notices
        assert "EC2 here doesn't know the instance" in flat(notice.text)
        assert detector.asked_for_mending() == []
        publish(self.FOREIGN, at=minute(10))
        detector.run(minute(10.5))
        assert detector.kinds == ["incident_opened", "incident_resolved"]

    def test_one_that_is_silent_for_hours_stays_silent(self, detector: Detector) -> None:
        detector.run_each_minute(0, 3, reporting=(self.FOREIGN,))
        for number in (9.5, 70, 200, 500):
            assert states(detector.run(minute(number))) == {"silent": 1}

    def test_one_that_joined_while_ec2_could_not_be_read_is_told_as_well(self, detector: Detector) -> None:
        have_reported(self.FOREIGN)
        detector.check(minute(0.5), instances=Looked(Instance(Power.UNREADABLE)))
        detector.run_each_minute(1, 3, reporting=(self.FOREIGN,))
        assert states(detector.run(minute(9.5))) == {"silent": 1}

    def test_so_is_one_that_fell_silent_long_before_ec2_could_be_read_again(self, detector: Detector) -> None:
        have_reported(self.FOREIGN)
        unread = Looked(Instance(Power.UNREADABLE))
        for number in (0.5, 9.5, 60):
            publish(self.FOREIGN, at=minute(0))
            detector.check(minute(number), instances=unread)
        assert states(detector.run(minute(100))) == {"silent": 1}
        assert detector.kinds == ["incident_opened"]

    def test_an_instance_that_ec2_shows_terminated_is_told_nothing_of(self, detector: Detector) -> None:
        id_ = launch()
        detector.run_each_minute(0, 3, reporting=(id_,))
        boto3.client("ec2", region_name=REGION).terminate_instances(InstanceIds=[id_])
        detector.run(minute(9.5))
        assert detector.run(minute(10.5))["watched"] == 0
        assert detector.notices == []

    def test_an_instance_of_ours_that_ec2_forgot_while_nobody_looked_is_told_nothing_of(
        self, detector: Detector
    ) -> None:
        id_ = launch()
        detector.run_each_minute(0, 3, reporting=(id_,))
        ec2_backends["123456789012"][REGION].reservations.clear()
        detector.run(minute(90))
        assert detector.run(minute(91))["watched"] == 0
        assert detector.notices == []

    def test_a_watch_of_instances_elsewhere_never_asks_ec2_and_expects_no_tagged_instance(
        self, detector: Detector
    ) -> None:
        tagged = launch()
        boto3.client("ec2", region_name=REGION).create_tags(
            Resources=[tagged], Tags=[{"Key": "lifeline:agent", "Value": "expected"}]
        )
        watch = replace(WATCH, is_elsewhere=True)
        have_reported(self.FOREIGN)
        publish(self.FOREIGN, at=START)
        with calls("ec2") as made:
            for number in (0.5, 7):
                report = WatchRun(watch, detector.tools(), now=minute(number)).check()
        assert (report.watched, report.silent) == (1, (self.FOREIGN,))
        assert {name for name, _ in made} == {"DescribeVpcEndpointServices"}
        [notice] = detector.notices
        assert "the policy says that this watch's instances are elsewhere" in flat(notice.text)


class TestTagsThatKeepASilenceFromBeingReported:
    ID = "i-0000000a"
    EXEMPT = Looked(Instance(Power.RUNNING, tags=(("lifeline:exempt", "true"),)))
    UP = Looked(Instance(Power.RUNNING))

    @pytest.fixture(autouse=True)
    def reporting(self, detector: Detector) -> None:
        have_reported(self.ID)
        detector.check(minute(0), instances=self.UP)

    def test_an_exempt_agent_that_falls_silent_is_said_once(self, detector: Detector) -> None:
        assert detector.check(minute(2), instances=self.EXEMPT).opened == ()
        assert detector.notices == []
        for number in range(7, 15):
            assert detector.check(minute(number), instances=self.EXEMPT).opened == ()
        (said,) = detector.notices
        assert (said.kind, said.subject) == ("unwatched", "[lifeline] silence of 1 agent not reported because of a tag")
        assert f"- has the tag lifeline:exempt: {self.ID}" in flat(said.text)
        assert f"AttributeKey=ResourceName,AttributeValue={self.ID}" in said.text

    def test_an_open_incident_that_a_tag_ends_is_said_and_so_is_each_new_tag(self, detector: Detector) -> None:
        assert detector.check(minute(7), instances=self.UP).opened == (self.ID,)
        detector.check(minute(8), instances=self.EXEMPT)
        assert detector.kinds.count("unwatched") == 1
        (said,) = [notice for notice in detector.notices if notice.kind == "unwatched"]
        assert "These incidents no longer wait for the agents: inc-" in flat(said.text)
        publish(self.ID, at=minute(9))
        detector.check(minute(9.5), instances=self.UP)
        assert detector.check(minute(20), instances=self.UP).opened == (self.ID,)
        detector.check(minute(21), instances=self.EXEMPT)
        assert detector.kinds.count("unwatched") == 2

    @pytest.mark.parametrize(("stays", "said"), [(False, 2), (True, 1)])
    @pytest.mark.parametrize("tag", [("lifeline:exempt", "true"), ("patch", "now")])
    def test_a_tag_that_is_set_again_after_the_agent_reported_without_it_is_said_again(
        self, detector: Detector, tag: tuple[str, str], *, stays: bool, said: int
    ) -> None:
        tagged, by_tag = Looked(Instance(Power.RUNNING, tags=(tag,))), (("patch", frozenset({"now"})),)
        windows = [
            Maintenance("patches", minute(start), minute(end), instance_tags=by_tag)
            for start, end in ((0, 9), (50, 60))
        ]

        def check(number: float, looked: Looked) -> None:
            WatchRun(WATCH, detector.tools(instances=looked), now=minute(number), maintenance=windows).check()

        check(7, tagged)
        for number in range(8, 38):
            publish(self.ID, at=minute(number))
            check(number + 0.5, tagged if stays else self.UP)
        for number in range(50, 60):
            check(number, tagged)
        assert detector.kinds == ["unwatched"] * said

    def test_it_is_said_later_where_it_could_not_be_sent(self, detector: Detector) -> None:
        with failing("sns", "Publish"):
            detector.check(minute(7), instances=self.EXEMPT)
        assert detector.notices == []
        detector.check(minute(8), instances=self.EXEMPT)
        detector.check(minute(9), instances=self.EXEMPT)
        assert detector.kinds == ["unwatched"]

    @pytest.mark.parametrize(("power", "said"), [(Power.RUNNING, ["unwatched"]), (Power.GONE, [])])
    def test_that_an_agent_is_expected_no_more_is_said_before_it_leaves_the_roster(
        self, detector: Detector, power: Power, said: list[str]
    ) -> None:
        expected, id_ = Instance(Power.RUNNING, tags=(("lifeline:agent", "expected"),)), "i-0000000b"
        tagged = Looked(expected)
        tagged.find_expected = lambda: {id_: expected}  # type: ignore[method-assign]
        detector.check(minute(16), instances=tagged)
        assert id_ in agents_on_the_roster()
        publish(self.ID, at=minute(31))
        untagged = Looked(Instance(power))
        with failing("sns", "Publish"):
            detector.check(minute(32), instances=untagged)
        for number in (33, 34, 48, 49, 64, 65):
            publish(self.ID, at=minute(number))
            detector.check(minute(number), instances=untagged)
        assert [kind for kind in detector.kinds if kind == "unwatched"] == said
        assert id_ not in agents_on_the_roster()

    @pytest.mark.parametrize(("tags", "said"), [((("patch", frozenset({"now"})),), ["unwatched"]), ((), [])])
    def test_a_maintenance_window_is_said_where_it_goes_by_tags(
        self, detector: Detector, tags: Any, said: list[str]
    ) -> None:
        window = Maintenance("patches", minute(0), minute(60), instance_tags=tags)
        tagged = Looked(Instance(Power.RUNNING, tags=(("patch", "now"),)))
        for number in (7, 8, 59):
            tools = detector.tools(instances=tagged)
            assert WatchRun(WATCH, tools, now=minute(number), maintenance=[window]).check().opened == ()
        assert detector.kinds == said
        assert detector.check(minute(61), instances=tagged).opened == (self.ID,)


class TestTheTagOfAnExpectedAgentThatGoesWhileItsInstanceIsStopped:
    @pytest.mark.parametrize(("is_gone", "said"), [(False, ["unwatched"]), (True, [])])
    def test_is_said_once_that_starts_before_the_agent_leaves_the_roster(
        self, detector: Detector, said: list[str], *, is_gone: bool
    ) -> None:
        up = Instance(Power.RUNNING, launched_at=minute(-1), state="running")
        expected, id_ = replace(up, tags=(("lifeline:agent", "expected"),)), "i-0000000a"
        tagged = Looked(expected)
        tagged.find_expected = lambda: {id_: expected}  # type: ignore[method-assign]
        for number in range(3):
            detector.check(minute(number), instances=tagged)
        for number in range(4, 25):
            detector.check(minute(number), instances=Looked(Instance(Power.DOWN, state="stopped")))
        assert (detector.kinds, agents_on_the_roster()) == ([], {id_})
        then = Looked(Instance(Power.GONE) if is_gone else replace(up, launched_at=minute(25)))
        for number in range(26, 60):
            detector.check(minute(number), instances=then)
        assert (detector.kinds, agents_on_the_roster()) == (said, set())


class TestWhatIsSetAsideForLongerThanForgetAfter:
    @pytest.mark.parametrize(
        ("aside", "back"),
        [
            (Instance(Power.RUNNING, tags=(("lifeline:exempt", "true"),)), Instance(Power.RUNNING)),
            (Instance(Power.DOWN), Instance(Power.RUNNING, launched_at=minute(1500))),
        ],
    )
    def test_leaves_the_watch_until_it_reports_again(self, detector: Detector, aside: Instance, back: Instance) -> None:
        id_ = "i-0000000a"
        short = replace(WATCH, rules=replace(WATCH.rules, forget_after=timedelta(days=1)))

        def check(number: int, instance: Instance) -> None:
            WatchRun(short, detector.tools(instances=Looked(instance)), now=minute(number)).check()

        have_reported(id_)
        check(0, Instance(Power.RUNNING))
        for number in (1, 2, 8, 9, 60, 1430, 1450, 1500):
            check(number, aside)
        for number in range(1501, 1600, 9):
            check(number, back)
        assert "incident_opened" not in detector.kinds
        assert agents_on_the_roster() == set()


class TestForgetting:
    def test_a_forgotten_agent_is_silent_no_more_until_it_reports_again(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        detector.run(minute(7))
        assert detector.call(minute(8), {"forget": [HOST]}) == {"forgotten": [HOST]}
        assert states(detector.run(minute(9))) == {"suppressed": 1}
        assert states(detector.run(minute(40))) == {"suppressed": 1}
        assert detector.kinds[0] == "incident_opened"
        publish(HOST, at=minute(41))
        assert states(detector.run(minute(41.5))) == {"reporting": 1}
        assert detector.run(minute(60))["opened"] == [HOST]

    def test_that_an_agent_is_forgotten_is_said_once_with_its_open_incident(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST, "web-2"))
        publish("web-2", at=minute(7))
        detector.run(minute(7))
        for _ in range(2):
            detector.call(minute(8), {"forget": ["web-2", HOST], "by": "Dana, NET-42"})
        opened, said = detector.notices
        assert (opened.kind, said.kind) == ("incident_opened", "forgotten")
        assert said.subject == "[lifeline] 2 agents forgotten, 1 of them silent"
        assert f"- cloudwatch-agent: {HOST}, web-2" in flat(said.text)
        assert 'by "Dana, NET-42" (as stated)' in flat(said.text)
        assert f"Silent now: {HOST}." in flat(said.text)
        assert "Open incidents no longer wait for these agents: inc-" in flat(said.text)

    def test_whoever_forgets_an_agent_again_and_again_is_heard_each_time_that_it_reported(
        self, detector: Detector
    ) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        for number in range(1, 9):
            publish(HOST, at=minute(number))
            detector.call(minute(number + 0.2), {"forget": [HOST]})
            detector.run(minute(number + 0.5))
        assert detector.kinds == ["forgotten"] * 4

    def test_whoever_reports_again_between_what_is_said_and_what_is_written_stays_watched(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        detector.call(minute(1), {"forget": [HOST]})
        publish(HOST, at=minute(2))
        read = Roster.read

        def racing(roster: Roster, *numbers: Any) -> Any:
            found = read(roster, *numbers)
            monkeypatch.setattr(Roster, "read", read)
            assert states(detector.run(minute(2.3))) == {"reporting": 1}
            return found

        monkeypatch.setattr(Roster, "read", racing)
        watched = {"field": "forget[0]", "message": "reported again meanwhile, so it is watched"}
        assert detector.call(minute(2.2), {"forget": [HOST]}) == {"forgotten": [], "errors": [watched]}
        assert detector.kinds == ["forgotten"]
        assert [opened for one in detector.run_each_minute(3, 12) for opened in one["opened"]] == [HOST]

    def test_no_dashboard_forgets_an_agent(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        call = {"forget": [HOST]}
        answer = detector.call(minute(1), {**call, "widgetContext": {"params": call}})
        assert [error["field"] for error in answer["errors"]] == ["widgetContext"]
        assert detector.run(minute(7))["opened"] == [HOST]

    def test_nobody_is_forgotten_before_it_could_be_said(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        with failing("sns", "Publish"), pytest.raises(LifelineError):
            detector.call(minute(1), {"forget": [HOST]})
        assert detector.run(minute(7))["opened"] == [HOST]

    def test_an_agent_that_is_forgotten_before_its_silence_counts_is_named_as_well(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        detector.call(minute(2), {"forget": [HOST]})
        assert detector.run_each_minute(3, 12)[-1]["opened"] == []
        [said] = detector.notices
        assert (said.kind, said.subject) == ("forgotten", "[lifeline] 1 agent forgotten")

    def test_an_agent_is_forgotten_though_a_run_writes_meanwhile(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        save, turns = Roster.save, iter([None])

        def be_second(roster: Roster, chunk: Any) -> Any:
            return save(roster, chunk) if next(turns, True) else None

        monkeypatch.setattr(Roster, "save", be_second)
        assert detector.call(minute(1), {"forget": [HOST]}) == {"forgotten": [HOST]}
        assert states(detector.run(minute(9))) == {"suppressed": 1}

    def test_whoever_could_not_be_forgotten_is_not_called_unknown(self, detector: Detector) -> None:
        detector.run_each_minute(0, 0, reporting=(HOST,))
        with failing("dynamodb", "PutItem"), pytest.raises(TerminalError):
            detector.call(minute(1), {"forget": [HOST]})

    def test_who_is_on_no_roster_cannot_be_forgotten(self, detector: Detector) -> None:
        answer = detector.call(minute(1), {"forget": ["nobody"]})
        assert answer == {"forgotten": [], "errors": [{"field": "forget[0]", "message": "is on no roster"}]}

    def test_a_watch_that_nobody_knows_is_refused(self, detector: Detector) -> None:
        [error] = detector.call(minute(1), {"forget": [HOST], "watch": "other"})["errors"]
        assert error == {"field": "watch", "message": "is not one of the watches: cloudwatch-agent"}


class TestEvent:
    def test_the_schedules_event_and_an_empty_one_are_the_same(self, detector: Detector) -> None:
        publish(HOST, at=START)
        schedule = json.loads(Path("events/detect-schedule.json").read_text())
        assert detector.call(minute(1), schedule) == detector.call(minute(1), {})

    @pytest.mark.parametrize(
        ("event", "field"),
        [
            ([], "event"),
            ("detect", "event"),
            ({"detect": False}, "detect"),
            ({"detect": 1}, "detect"),
            ({"namespace": "CWAgent"}, "namespace"),
            ({"detect": True, "vpc_ids": []}, "vpc_ids"),
            ({"forget": HOST}, "forget"),
            ({"forget": []}, "forget"),
            ({"forget": [HOST, 7]}, "forget[1]"),
            ({"forget": [HOST], "watch": 1}, "watch"),
            ({"Records": []}, "Records"),
            ({"Records": [from_checks("{}")]}, "Records[0].body"),
            ({"Records": [from_checks(None)]}, "Records[0].body"),
            ({"Records": [from_checks("[" * 100_000)]}, "Records[0].body"),
            ({"Records": [from_checks('{"check": {"part": [' + "1" * 5_000 + "]}}")]}, "Records[0].body"),
            (
                {"Records": [from_checks('{"check": {"watch": "w", "run": "r", "part": 1e999}}')]},
                "Records[0].body",
            ),
            ({"Records": [from_checks(PART, queue="changes")]}, "Records[0].eventSourceARN"),
            ({"Records": [{"body": PART}]}, "Records[0].eventSourceARN"),
            ({"Records": [{"body": PART, "eventSourceARN": ["checks"]}]}, "Records[0].eventSourceARN"),
        ],
    )
    def test_an_unusable_event_is_refused_in_words(
        self, detector: Detector, monkeypatch: pytest.MonkeyPatch, event: object, field: str
    ) -> None:
        monkeypatch.setenv("DETECT_QUEUE_URL", "https://sqs/123456789012/checks")
        publish(HOST, at=START)
        answer = detector.call(minute(1), event)
        [error] = answer.pop("errors")
        assert (error["field"], bool(error["message"])) == (field, True)
        assert answer == {"watches": []}

    def test_the_answer_is_json(self, detector: Detector) -> None:
        publish(HOST, at=START)
        answer = detector.run(minute(7))
        assert json.loads(json.dumps(answer)) == answer

    def test_what_alarms_need_are_metrics_and_all_counts_are_in_the_log(
        self, detector: Detector, capsys: pytest.CaptureFixture[str]
    ) -> None:
        have_reported("web-1", "web-2")
        publish("web-1", "web-2", at=START)
        publish("web-2", at=minute(7))
        with logged() as lines:
            detector.run(minute(7))
        assert measured(capsys) == {"Silent": 1, "Unknown": 0}
        [ended] = [line for line in lines if line["message"] == "run ended"]
        assert ended["states"] == {"reporting": 1, "late": 0, "silent": 1, "suppressed": 0, "unknown": 0}
        counts = (ended["watched"], ended["gaps_opened"], ended["gaps_ended"], ended["open_incidents"])
        assert (counts, ended["oldest_gap_seconds"]) == ((2, 1, 0, 1), 360)


class TestListingInParts:
    """A watch whose list takes several runs: each reads a page, and goes on where the one before stopped."""

    AGENTS = ("web-1", "web-2", "web-3")

    @pytest.fixture
    def tokens(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The tokens that were asked with, one agent's series a page."""
        asked: list[str] = []

        def pages(_: CloudWatch, token: str) -> Iterator[tuple[list[dict[str, Any]], str]]:
            asked.append(token)
            if token == "stale":
                raise TerminalError("the token is invalid", code="InvalidParameterValue")
            page = int(token or 0)
            dimensions = [{"Name": "InstanceId", "Value": self.AGENTS[page]}]
            left = str(page + 1) if page + 1 < len(self.AGENTS) else ""
            yield [{"MetricName": "mem_used_percent", "Dimensions": dimensions}], left

        monkeypatch.setattr(CloudWatch, "_pages", pages)
        return asked

    def test_the_next_runs_go_on_until_all_are_listed(self, detector: Detector, tokens: list[str]) -> None:
        answers = detector.run_each_minute(0, 4, reporting=self.AGENTS)
        assert [answer["watched"] for answer in answers] == [1, 2, 3, 3, 3]
        assert tokens == ["", "1", "2"]
        assert Roster(TABLE, WATCH.name).state().discovered_at == minute(
            0.5
        )  # of when it began: it is what was known then

    def test_who_isnt_reached_yet_is_never_gone(self, detector: Detector, tokens: list[str]) -> None:
        detector.run_each_minute(0, 2, reporting=self.AGENTS)
        tokens.clear()
        for number in range(3, 20):
            publish(*self.AGENTS, at=minute(number))
            assert states(detector.run(minute(number) + timedelta(seconds=30))) == {"reporting": 3}
        assert tokens[:3] == ["", "1", "2"]

    def test_an_agent_that_falls_silent_meanwhile_is_silent(self, detector: Detector, tokens: list[str]) -> None:
        detector.run_each_minute(0, 2, reporting=self.AGENTS)
        assert detector.run(minute(9))["opened"] == [*self.AGENTS]
        assert tokens

    def test_a_token_that_isnt_taken_any_more_begins_anew(self, detector: Detector, tokens: list[str]) -> None:
        ListPosition(TABLE, WATCH.name).save(Position("stale", minute(0)))
        detector.run_each_minute(0, 0, reporting=self.AGENTS)
        assert tokens == ["stale", ""]

    def test_a_list_that_has_taken_an_hour_begins_anew(self, detector: Detector, tokens: list[str]) -> None:
        ListPosition(TABLE, WATCH.name).save(Position("1", minute(0) - timedelta(hours=1)))
        detector.run_each_minute(0, 0, reporting=self.AGENTS)
        assert tokens == [""]

    def test_where_agents_arent_saved_the_next_run_lists_them_again(
        self, detector: Detector, tokens: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(Roster, "save", lambda *_: None)
            detector.run_each_minute(0, 0, reporting=self.AGENTS)
        detector.run(minute(1))
        assert tokens == ["", ""]

    def test_where_some_have_no_room_the_list_goes_on_nowhere_and_is_not_whole(
        self, detector: Detector, tokens: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Roster, "has_room", lambda *_: False)
        publish(*self.AGENTS, at=START)
        for number in (1, 2):
            with pytest.raises(LifelineError, match="left out: the ledger has no room"):
                detector.run(minute(number))
        assert tokens == ["", ""]
        assert Roster(TABLE, WATCH.name).state().discovered_at is None


# ---- the event path


def swept(ago: timedelta) -> None:
    """The last sweep was so long before the start."""
    store, before = VpcStore(TABLE), VpcStore(TABLE).load(HOME)
    store.save(HOME, before, replace(before, reconciled_at=START - ago), now=START)


def probed(*ago: timedelta) -> None:
    """Dry runs were made so long before the start, and none was heard."""

    def asked(one: timedelta, state: EventPath) -> tuple[EventPath, None]:
        said = DryRun("DryRunOperation", "would have succeeded", f"req-{one}")
        return state.asked(said, START - one), None

    for one in ago:
        EventPathStore(TABLE).change(partial(asked, one))


def test_the_alarm_rings_where_the_sweeps_that_prove_the_path_have_stopped(
    detector: Detector, capsys: pytest.CaptureFixture[str]
) -> None:
    swept(timedelta(hours=2))
    detector.call(START)
    assert "EventPathSeconds" not in measured(capsys)
    swept(timedelta(hours=3))
    detector.call(START)
    assert measured(capsys)["EventPathSeconds"] == 3 * 3600


def test_slow_sweeps_are_given_their_time(
    detector: Detector, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEP_SCHEDULE", "rate(1 day)")
    swept(timedelta(hours=47))
    detector.call(START)
    assert "EventPathSeconds" not in measured(capsys)


def test_the_alarm_goes_on_between_sweeps_while_dry_runs_are_not_heard(
    detector: Detector, capsys: pytest.CaptureFixture[str]
) -> None:
    swept(timedelta(minutes=20))
    probed(timedelta(hours=5))
    detector.call(START)
    assert "EventPathSeconds" not in measured(capsys)
    probed(timedelta(hours=1))
    detector.call(START)
    assert measured(capsys)["EventPathSeconds"] == 5 * 3600


def test_a_ledger_that_cannot_be_read_stops_no_watch(
    detector: Detector, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> EventPath:
        raise TransientError("throttled")

    monkeypatch.setattr(EventPathStore, "read", refuse)
    detector.call(START)
    assert "Silent" in measured(capsys)

"""`make look-back`: from Event history with CloudWatch beside it, or from a folder of a trail's files."""

import gzip
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import fastjsonschema
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws

from lifeline.adapters.aws import event_history
from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.event_history import EventHistory
from lifeline.adapters.aws.instances import Instances
from lifeline.adapters.aws.network import Network
from lifeline.core.errors import TerminalError
from lifeline.core.look_back.past_change import CALLS
from tests.support.cloudtrail import RECORDED, TERRAFORM, Identity, example_event, record_call
from tests.support.event_history import teach_event_history
from tests.support.repository import ROOT
from tools import look_back

require_valid = fastjsonschema.compile(json.loads((ROOT / "docs/schemas/look-back.schema.json").read_text("utf-8")))
REGION = "us-east-1"
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
MINUTE = timedelta(minutes=1)
DANA = Identity("ops", session="dana")
TABLE, NAT = "rtb-0123456789abcdef0", "nat-0123456789abcdef0"
DEFAULT = {"DestinationCidrBlock": "0.0.0.0/0"}


@pytest.fixture
def ec2() -> Iterator[Any]:
    teach_event_history()
    environment = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    unhurried = patch("lifeline.adapters.aws.pace.Pace.take_turn")
    with patch.dict(os.environ, environment), patch.dict(RECORDED, clear=True), unhurried, mock_aws():
        client.cache_clear()
        yield boto3.client("ec2", region_name=REGION)
    client.cache_clear()


def cut(table_id: str, minutes_ago: int, length: int | None) -> None:
    """A route that somebody deleted, and Terraform made again."""
    route, at = {"RouteTableId": table_id, **DEFAULT}, NOW - minutes_ago * MINUTE
    record_call("DeleteRoute", route, identity=DANA, at=at)
    if length is not None:
        back = at + length * MINUTE
        record_call("CreateRoute", route | {"NatGatewayId": NAT}, user_agent=TERRAFORM, at=back)


def machine(ec2: Any) -> tuple[str, str]:
    """An instance in a subnet with a table of its own: the table and the instance."""
    vpc_id = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet_id = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet_id)
    made = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet_id)
    return str(table_id), str(made["Instances"][0]["InstanceId"])


def publish(instance_id: str, *parts: tuple[int, int]) -> None:
    """A datapoint a minute, from so many minutes ago to so many."""
    cloudwatch = boto3.client("cloudwatch", region_name=REGION)
    data: list[Any] = [
        {
            "MetricName": "mem_used_percent",
            "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
            "Timestamp": NOW - ago * MINUTE,
            "Value": 1,
        }
        for start, end in parts
        for ago in range(start, end, -1)
    ]
    cloudwatch.put_metric_data(Namespace="CWAgent", MetricData=data)


def found(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert look_back.main(["--region", REGION, "--format", "json", *arguments]) == code
    told = json.loads(capsys.readouterr().out)
    require_valid(told)
    return told


def launched(days_ago: int) -> Any:
    """Instances that were started so long ago."""
    at = (NOW - timedelta(days=days_ago)).replace(tzinfo=UTC)
    look_up = Instances.look_up

    def earlier(self: Any, entities: Any) -> Any:
        return {id_: replace(one, launched_at=at) for id_, one in look_up(self, entities).items()}

    return patch.object(Instances, "look_up", earlier)


def test_an_outage_shows_in_the_agents_datapoints(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    table_id, instance_id = machine(ec2)
    cut(table_id, 100, 20)
    publish(instance_id, (170, 97), (79, 0))

    with launched(days_ago=5):
        told = found(capsys)

    assert told["outages"] == 1
    (one,) = told["cuts"]
    assert (one["route_table_id"], one["minutes"]) == (table_id, 20)
    assert (one["by"], one["put_back_by"]) == ("ops/dana", "Terraform")
    assert [silent["agent"] for silent in one["outage"]["silent"]] == [instance_id]
    assert told["by"] == {"tools": {"Terraform": 1}, "services": {}, "people": {"ops/dana": 1}}
    assert told["looks"]["vpcs"] == 2


def test_an_agent_that_reported_all_along_shows_that_there_was_none(
    ec2: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    table_id, instance_id = machine(ec2)
    cut(table_id, 100, 20)
    publish(instance_id, (170, 0))

    with launched(days_ago=5):
        told = found(capsys)

    assert told["outages"] == 0
    assert told["cuts"][0]["outage"] == {"agents": 1, "silent": []}


def test_an_instance_that_was_started_since_cant_tell(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    table_id, instance_id = machine(ec2)
    cut(table_id, 100, 20)
    publish(instance_id, (170, 97), (79, 0))
    assert found(capsys)["cuts"][0]["outage"] == {"agents": 0, "silent": []}


def test_a_table_that_exists_no_more_was_torn_down(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    cut(TABLE, 100, None)
    table_id, _ = machine(ec2)
    cut(table_id, 90, None)
    told = found(capsys)
    assert (told["teardowns"], told["cuts"]) == (1, [])
    assert [one["route_table_id"] for one in told["not_put_back"]] == [table_id]


def test_every_call_that_matters_is_asked_for_by_its_name_within_90_days(
    ec2: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    def pages(_: Any, name: str, since: datetime, until: datetime, before: Any) -> Any:
        before()
        asked.append((name, until - since))
        yield [], False

    with patch.object(EventHistory, "pages", pages):
        found(capsys)

    assert {name for name, _ in asked} == CALLS
    assert {length for _, length in asked} == {timedelta(days=90)}


def test_all_pages_of_a_call_are_read(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(60):
        record_call("DeleteRouteTable", {"RouteTableId": TABLE}, at=NOW - number * MINUTE)
    assert found(capsys)["changes"] == 60


def test_of_a_call_with_more_records_than_are_read_the_newest_count_and_it_is_named(
    ec2: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_back, "MOST_PAGES", 2)
    for number in range(101):
        record_call("DeleteRouteTable", {"RouteTableId": TABLE}, at=NOW - number * MINUTE)
    for number in range(100):
        record_call("DeleteVpc", {"VpcId": f"vpc-{number:017x}"}, at=NOW - number * MINUTE)
    told = found(capsys, code=1)
    assert told["changes"] == 200
    assert told["unread_calls"] == {"DeleteRouteTable": look_back.CUT}


def test_how_far_it_has_got_is_said_beside_the_answer(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert look_back.main(["--region", REGION, "--format", "json"]) == 0
    printed = capsys.readouterr()
    require_valid(json.loads(printed.out))
    calls = sorted(CALLS)
    lines = printed.err.splitlines()
    assert lines[0] == f"Event history: 20 requests, {calls[19]} is 20 of {len(calls)} calls"
    assert len(lines) == len(calls) // 20


@contextmanager
def throttled(operation: str, *refused: int) -> Iterator[list[float]]:
    """CloudTrail throttles these calls, counted from 1; without any, all. The list gets what is waited for."""
    waits, asked = list[float](), count(1)
    answer = {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}
    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(self: Any, name: str, request: Any) -> Any:
        if name == operation and (not refused or next(asked) in refused):
            raise ClientError(answer, name)  # type: ignore[arg-type]
        return make_call(self, name, request)

    with patch.object(BaseClient, "_make_api_call", call), patch.object(event_history, "sleep", waits.append):
        yield waits


def test_a_call_that_is_throttled_is_made_again_in_its_turn(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    cut(TABLE, 100, 20)
    with throttled("LookupEvents", 3, 4, 9) as waits:
        told = found(capsys)
    assert waits == [2.0, 4.0, 2.0]
    assert (told["changes"], told["unread_calls"]) == (2, {})


def test_what_stays_throttled_is_said_and_what_was_read_of_it_counts(
    ec2: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(60):
        record_call("DeleteVpc", {"VpcId": f"vpc-{number:017x}"}, at=NOW - number * MINUTE)
    before = sorted(CALLS).index("DeleteVpc") + 1
    with throttled("LookupEvents", *range(before + 1, before + 100)) as waits:
        told = found(capsys, code=1)
    assert sum(waits) <= look_back.PATIENCE_S
    assert told["changes"] == 50
    assert "DeleteVpc" in told["unread_calls"]
    assert "ThrottlingException" in told["unread_calls"]["DeleteVpc"]
    assert told["unread"] == {}


def test_where_every_call_is_throttled_nothing_is_told(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with throttled("LookupEvents"):
        assert look_back.main(["--region", REGION]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "ThrottlingException: Rate exceeded" in line


def test_calls_are_paced_as_cloudtrail_grants_them(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with patch.object(look_back, "Pace") as pace:
        found(capsys)
    pace.assert_called_once_with(2)
    assert pace().take_turn.call_count == len(CALLS)  # here, one page has all there is of each


def test_where_event_history_cant_be_read_a_line_says_so(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with patch.object(EventHistory, "pages", side_effect=TerminalError("cloudtrail:LookupEvents is denied")):
        assert look_back.main(["--region", REGION]) == 1
    assert capsys.readouterr().err == "Can't read from AWS: cloudtrail:LookupEvents is denied\n"


def test_what_cant_be_read_beside_it_is_said_and_the_rest_stands(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    cut(TABLE, 100, 20)
    with patch.object(Network, "observe", side_effect=TerminalError("denied")):
        told = found(capsys, code=1)
    assert told["unread"] == {"the network of today": "denied"}
    assert (len(told["cuts"]), told["outages"]) == (1, None)


# ---- from files


def write(path: Path, content: Any) -> None:
    text = json.dumps(content).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def detail(name: str, request: dict[str, Any], minute: int, **more: Any) -> Any:
    return record_call(name, request, at=datetime(2026, 3, 2, 9, minute, tzinfo=UTC), **more)["detail"]


def test_a_trails_files_are_read_without_any_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    route = {"RouteTableId": TABLE, **DEFAULT}
    gone = detail("DeleteRoute", route, 1, identity=DANA)
    back = detail("CreateRoute", route | {"NatGatewayId": NAT}, 13, user_agent=TERRAFORM)
    teardown = [
        detail("DeleteRoute", {"RouteTableId": "rtb-0123456789abcdef1", **DEFAULT}, 20, user_agent=TERRAFORM),
        detail("DeleteRouteTable", {"RouteTableId": "rtb-0123456789abcdef1"}, 20, user_agent=TERRAFORM),
    ]
    write(tmp_path / "2026/03/02/a.json.gz", {"Records": [gone, example_event("RunInstances")["detail"]]})
    write(tmp_path / "2026/03/02/b.json", {"Records": [back, gone, *teardown]})  # files overlap
    with patch.object(look_back, "read_only_session", side_effect=AssertionError):
        told = found(capsys, "--from", str(tmp_path))
    assert (told["changes"], told["teardowns"], told["outages"]) == (4, 1, None)
    assert [one["minutes"] for one in told["cuts"]] == [12]
    assert told["changes_a_week"] is None


def test_files_and_records_that_cant_be_read_are_counted_and_the_others_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = detail("DeleteRouteTable", {"RouteTableId": TABLE}, 1)
    write(tmp_path / "good.json", {"Records": [good, good | {"eventID": "2", "eventTime": "yesterday"}]})
    (tmp_path / "cut.json.gz").write_bytes(gzip.compress(b'{"Records": []}')[:-9])
    (tmp_path / "text.json").write_text("hello")
    told = found(capsys, "--from", str(tmp_path), code=1)
    assert (told["changes"], told["unreadable_records"]) == (1, 1)
    assert list(told["unread"]) == ["2 files"]


def test_a_digest_and_a_record_that_is_none_cost_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = detail("DeleteRouteTable", {"RouteTableId": TABLE}, 1)
    write(tmp_path / "a.json", {"Records": [good, {"x": 1}, good | {"eventID": "2"}]})
    write(tmp_path / "CloudTrail-Digest_a.json.gz", {"digestStartTime": "2026-03-02T00:00:00Z", "logFiles": []})
    told = found(capsys, "--from", str(tmp_path), code=1)
    assert (told["changes"], told["unreadable_records"], told["unread"]) == (2, 1, {})


def test_every_sample_of_a_call_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    told = found(capsys, "--from", str(ROOT / "events/cloudtrail"))
    assert told["unreadable_records"] == 0
    assert told["changes"] > 100
    assert told["by"]["tools"] == {"Terraform": told["changes"]}


def test_names_are_hashed_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.json", [detail("DeleteRouteTable", {"RouteTableId": TABLE}, 1, identity=DANA)])
    (name,) = found(capsys, "--from", str(tmp_path), "--names", "hash")["by"]["people"]
    assert name.startswith("ops/session-")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "nowhere"], "FROM: nowhere is not a folder"),
        (["--from", "."], ""),
        (["--format", "jso"], "FORMAT must be text or json, not 'jso'; did you mean json?"),
        (["--names", "hsh"], "NAMES must be show or hash, not 'hsh'; did you mean hash?"),
    ],
)
def test_unusable_arguments_are_told_and_end_with_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert look_back.main(arguments) == 2
    assert (words or "contains no .json or .json.gz file") in capsys.readouterr().err


def test_a_folder_without_records_is_said_to_be_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.json", {"digestEndTime": "x"})
    assert look_back.main(["--from", str(tmp_path)]) == 2
    assert "FROM: no file contains CloudTrail records; a.json: Records[0]: must be" in capsys.readouterr().err


def test_a_look_costs_a_hundredth_of_a_cent_at_most() -> None:
    assert look_back.LOOK_USD < 0.0001

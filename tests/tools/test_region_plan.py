"""The plan of a whole region: on the very handler, as text, as JSON with its schema, and as a table."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from xml.etree import ElementTree as ET

import boto3
import fastjsonschema
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from tools.region_plan import Around, Nat, as_csv, as_line, as_text, describe, inert_cell, unreadable, worst_first

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.memory import remember
from lifeline.core.plan.cost import price_in
from tests.support.repository import ROOT
from tools import plan

REGION = "us-east-1"
require_valid = fastjsonschema.compile(json.loads((ROOT / "docs/schemas/plan.schema.json").read_text("utf-8")))
SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")


@pytest.fixture
def ec2() -> Iterator[Any]:
    """An account with nothing in it, not even the default VPC."""
    environment = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    with patch.dict(os.environ, environment), mock_aws():
        os.environ.pop("AWS_REGION", None)
        os.environ.pop("AWS_DEFAULT_REGION", None)
        client.cache_clear()
        remember.cache_clear()
        made = boto3.client("ec2", region_name=REGION)
        remove_defaults(made)
        yield made
    client.cache_clear()
    remember.cache_clear()


def remove_defaults(ec2: Any) -> None:
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    for vpc in ec2.describe_vpcs()["Vpcs"]:
        for gateway in ec2.describe_internet_gateways()["InternetGateways"]:
            ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc["VpcId"])
        ec2.delete_vpc(VpcId=vpc["VpcId"])


def private_vpc(ec2: Any, number: int, *, zones: str = "a", name: str = "") -> str:
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": name}]}] if name else []
    vpc_id = str(ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"])
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    for place, zone in enumerate(zones):
        cidr = f"10.{number}.{place}.0/24"
        ec2.create_subnet(VpcId=vpc_id, CidrBlock=cidr, AvailabilityZone=f"{REGION}{zone}")
    return vpc_id


def planned(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert plan.main(["--region", REGION, "--format", "json", *arguments]) == code
    document = json.loads(capsys.readouterr().out)
    require_valid(document)
    return document


def test_every_vpc_is_planned_and_nothing_is_changed(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    small, large = private_vpc(ec2, 1), private_vpc(ec2, 2, zones="abc", name="shop")

    document = planned(capsys, "--services", "monitoring,ssm")

    assert [vpc["vpc_id"] for vpc in document["vpcs"]] == [large, small]  # the costly one first
    assert [vpc["monthly_cost_usd"] for vpc in document["vpcs"]] == [43.8, 14.6]
    assert document["vpcs"][0]["name"] == "shop"
    assert {action["monthly_cost_usd"] for action in document["vpcs"][0]["actions"]} == {0, 21.9}
    totals = document["totals"]
    assert (totals["vpcs"], totals["to_create"], totals["monthly_cost_usd"]) == (2, 6, 58.4)
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []


def test_the_limits_dont_hide_what_is_missing(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    vpc_ids = {private_vpc(ec2, number, zones="abc") for number in range(12)}  # 262.80 USD: the limit is 100

    document = planned(capsys)

    assert {vpc["vpc_id"] for vpc in document["vpcs"] if vpc["outcome"] == "planned"} == vpc_ids
    assert document["totals"]["blocked"] == 0
    assert document["totals"]["monthly_cost_usd"] == 262.8
    assert "limits" not in json.dumps(document["vpcs"])


def test_all_vpcs_are_planned_however_many(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """One run of the function looks at 40 VPCs' DNS, and leaves the others to later runs."""
    for number in range(45):
        private_vpc(ec2, number)
    with patch("lifeline.adapters.aws.pace.Pace.take_turn"):
        document = planned(capsys)
    assert {action["error"] for vpc in document["vpcs"] for action in vpc["actions"]} == {""}
    assert document["totals"]["monthly_cost_usd"] == 45 * 7.3


def test_a_long_name_and_a_large_cost_fit_into_80_columns() -> None:
    text = as_text(document(vpc("vpc-0123456789abcdef0", action("ssm", 12345.6), name="a name of " + 9 * "words ")))
    assert all(len(line) <= 80 for line in text.splitlines())


def test_a_region_that_takes_route_53_a_quarter_of_an_hour_is_planned_all_the_same() -> None:
    assert plan.Context("1").get_remaining_time_in_millis() / 2 > 15 * 60 * 1000  # half of it is for such calls


def test_what_is_blocked_is_first_and_says_why(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    private_vpc(ec2, 1, zones="abc")
    for number in range(2, 22):
        private_vpc(ec2, number)
    with patch("lifeline.adapters.aws.pace.Pace.take_turn"):
        document = planned(capsys, "--services", "s3")  # AWS's quota is 20 gateway endpoints a region
    (first, *others) = document["vpcs"]
    assert first["outcome"] == "blocked"
    assert "the region has its 20 gateway endpoints" in first["actions"][0]["error"]
    assert {vpc["outcome"] for vpc in others} == {"planned"}
    assert document["totals"]["blocked"] == 1


def test_the_text_tells_costs_by_action_by_vpc_and_in_all(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    vpc_id = private_vpc(ec2, 1, zones="ab", name="app-prod")
    ec2.create_vpc(CidrBlock="10.9.0.0/16")

    assert plan.main(["--region", REGION]) == 0

    output = capsys.readouterr().out
    assert f"\n{vpc_id} (app-prod): 14.60 USD more per month\n subnets: 2 isolated\n" in output
    assert "\n + monitoring: create an interface endpoint in 2 subnets (14.60 USD)\n" in output
    assert "\n1 more VPC: nothing to do.\n" in output
    assert "\nPlan: 2 to create, 0 to change, 0 to delete, 0 blocked in 2 VPCs.\n" in output
    assert "\nCost: 14.60 USD more per month, before data charges.\n" in output
    assert "Watching: no agent publishes now." in output
    assert all(len(line) <= 80 for line in output.splitlines())


def test_watching_is_priced_by_the_agents_that_publish(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    private_vpc(ec2, 1)
    data: Any = [
        {"MetricName": name, "Dimensions": [{"Name": "InstanceId", "Value": f"i-{number:017x}"}], "Value": 1}
        for number in range(100)
        for name in ("mem_used_percent", "cpu_usage_idle")
    ]
    boto3.client("cloudwatch", region_name=REGION).put_metric_data(Namespace="CWAgent", MetricData=data)

    watching = planned(capsys)["watching"]

    assert watching["agents"] == 100
    assert watching["alarm_each_monthly_usd"] == 10
    assert watching["of_which_stack_usd"] < watching["monthly_cost_usd"]


def test_nat_gateways_are_counted_with_what_they_processed(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    vpc_id = private_vpc(ec2, 1)
    subnet_id = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    nat_id = ec2.create_nat_gateway(SubnetId=subnet_id, ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    earlier = {"Timestamp": datetime.now(UTC) - timedelta(hours=1)}  # what comes in the plan's own second isn't read
    data: Any = [
        {"MetricName": name, "Dimensions": [{"Name": "NatGatewayId", "Value": nat_id}], "Value": gb * 1e9} | earlier
        for name, gb in (("BytesInFromSource", 40), ("BytesInFromDestination", 60), ("BytesOutToSource", 60))
    ]
    boto3.client("cloudwatch", region_name=REGION).put_metric_data(Namespace="AWS/NATGateway", MetricData=data)

    (vpc,) = planned(capsys)["vpcs"]

    assert vpc["vpc_id"] == vpc_id
    assert vpc["nat"] == {
        "gateways": 1,
        "gateways_monthly_usd": 32.85,
        "gb_in_30_days": 100,
        "traffic_usd_in_30_days": 4.5,
        "endpoints_cost_less_from_gb": 209,  # 7.30 USD at 0.035 USD a GB
    }


def test_what_cant_be_read_besides_is_said_and_the_plan_stands(
    ec2: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    private_vpc(ec2, 1)
    deny(monkeypatch, "ListMetrics", "DescribeNatGateways")

    document = planned(capsys)

    assert document["watching"] is None
    assert set(document["unread"]) == {"agents", "NAT gateways"}
    assert "Not known: agents: the series of CWAgent could not be listed: AccessDenied" in as_text(document)
    assert "agents not known" in as_line(document)


def test_one_vpc_can_be_had_as_a_document(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    vpc_id = private_vpc(ec2, 1)
    private_vpc(ec2, 2)
    assert [vpc["vpc_id"] for vpc in planned(capsys, "--vpc", vpc_id)["vpcs"]] == [vpc_id]
    gone = planned(capsys, "--vpc", "vpc-0123456789abcdef0", code=2)
    assert "does not exist" in gone["vpcs"][0]["error"]["message"]


def test_a_policy_can_be_tried_before_it_is_anywhere(
    ec2: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    private_vpc(ec2, 1)
    policy = tmp_path / "policy.json"
    policy.write_text('{"version": 1, "rules": [{"require": ["ssm"]}], "without_approval": {"monthly_usd": 0}}')

    document = planned(capsys, "--policy", str(policy))

    assert document["services"] == ["ssm"]
    assert {action["service"] for action in document["vpcs"][0]["actions"]} == {"", "ssm"}
    assert document["totals"]["blocked"] == 0


def test_a_policy_with_a_hub_compares_it_for_each_vpc_that_needs_what_it_shares(
    ec2: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    vpc_id = private_vpc(ec2, 1, zones="ab")
    made = boto3.client("route53").create_hosted_zone(
        Name="monitoring.us-east-1.amazonaws.com",
        CallerReference="1",
        VPC={"VPCRegion": "us-east-1", "VPCId": private_vpc(ec2, 9)},
    )
    zone_id = made["HostedZone"]["Id"].rpartition("/")[2]
    policy = tmp_path / "policy.json"
    central = {"zones": [zone_id], "services": ["monitoring"], "cidrs": ["10.9.0.0/16"]}
    policy.write_text(json.dumps({"version": 1, "rules": [{"require": ["monitoring"]}], "central": central}))

    document = planned(capsys, "--policy", str(policy), "--vpc", vpc_id)

    (planned_vpc,) = document["vpcs"]
    assert [one["monthly_usd"] for one in planned_vpc["comparison"]["ways"].values()] == [14.6, 36.5, 32.85]
    assert "the hub's endpoint can't be shared: " in planned_vpc["actions"][-1]["reason"]
    assert "CentralEndpoints" not in planned_vpc["actions"][-1]["reason"]  # a stack with this policy has it
    text = as_text(document)
    assert " ways to reach monitoring, in USD per month:\n   endpoints of its own: 14.60, and 0.01 per GB" in text
    assert "Transit gateways: list prices of us-east-1, as of 2026-06-04." in text
    assert all(len(line) <= 80 for line in text.splitlines())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "jsn"], "FORMAT must be text, json or csv, not 'jsn'; did you mean json?"),
        (["--policy", "nowhere.json"], "POLICY: [Errno 2] No such file"),
        (["--services", "ssm,Monitoring"], "SERVICES[1]: must be a service"),
        (["--regions", "all", "--vpc", "vpc-0123456789abcdef0"], "REGIONS can't be combined with VPC"),
    ],
)
def test_unusable_arguments_are_told_and_end_with_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with patch.object(plan, "read_only_session", side_effect=AssertionError):
        assert plan.main(arguments) == 2
    assert words in capsys.readouterr().err


def test_an_invalid_policy_is_refused_by_its_field(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text('{"version": 1, "coverage": "zone"}')
    assert plan.main(["--policy", str(policy)]) == 2
    assert "POLICY: coverage" in capsys.readouterr().err


# ---- regions


def test_each_region_is_a_line_and_the_worst_is_first(ec2: Any, capsys: pytest.CaptureFixture[str]) -> None:
    private_vpc(ec2, 1)
    elsewhere = boto3.client("ec2", region_name="eu-west-1")
    remove_defaults(elsewhere)

    assert plan.main(["--regions", "eu-west-1,us-east-1"]) == 0

    first, second = capsys.readouterr().out.splitlines()
    assert first == (
        "us-east-1: 1 VPC: 2 to create, 0 to change, 0 to delete, 0 blocked; 7.30 USD more per month; 0 agents"
    )
    assert second.startswith("eu-west-1: 0 VPCs: 0 to create")


def test_all_goes_through_the_enabled_regions_and_says_which_cant_be_read(
    ec2: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    private_vpc(ec2, 1)
    monkeypatch.setattr(plan, "_enabled_regions", lambda _: ["us-east-1", "me-south-1"])
    deny(monkeypatch, "DescribeVpcs", region="me-south-1")

    assert plan.main(["--regions", "all"]) == 1

    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("me-south-1: can't be read: ")
    assert first.endswith("AccessDenied: no")
    assert second.startswith("us-east-1: 1 VPC: 2 to create")


def test_the_enabled_regions_are_those_that_ec2_describes(ec2: Any) -> None:
    described = {region["RegionName"] for region in ec2.describe_regions()["Regions"]}
    assert set(plan._enabled_regions(plan.Wanted())) == described


@pytest.mark.parametrize(("region", "code", "words"), [("", 2, "set REGION"), ("us-gov-west-1", 1, "AuthFailure")])
def test_credentials_of_another_partition_need_a_region(
    ec2: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    region: str,
    code: int,
    words: str,
) -> None:
    def refuse(service: str) -> Any:
        told: Any = {
            "Error": {"Code": "AuthFailure", "Message": "AWS was not able to validate the provided credentials"}
        }
        raise ClientError(told, f"{service} DescribeRegions")

    refuse.cache_clear = lambda: None  # type: ignore[attr-defined]
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setattr("lifeline.adapters.aws.clients.client", refuse)
    assert plan.main(["--regions", "all", "--region", region]) == code
    assert words in capsys.readouterr().err


def test_regions_fit_the_schema_and_the_table(
    ec2: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    private_vpc(ec2, 1)
    deny(monkeypatch, "DescribeVpcs", region="me-south-1")
    document = planned(capsys, "--regions", "us-east-1,me-south-1", code=1)
    assert [region["region"] for region in document["regions"]] == ["me-south-1", "us-east-1"]
    rows = table(as_csv(document["regions"]))
    assert rows[0]["status"] == "unreadable"
    assert rows[-1]["region_monthly_usd"] == 7.3


def deny(monkeypatch: pytest.MonkeyPatch, *operations: str, region: str = "") -> None:
    """AWS denies these operations, everywhere or in a region."""
    from botocore.client import BaseClient  # noqa: PLC0415 - patched here alone

    make_call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def call(self: Any, operation: str, request: Any) -> Any:
        if operation in operations and region in ("", self.meta.region_name):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)
        return make_call(self, operation, request)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)


# ---- the table


def action(service: str, cost: float, *, status: str = "planned", error: str = "") -> dict[str, Any]:
    return {
        "action": "create_interface_endpoint",
        "service": service,
        "subnet_ids": ["subnet-1", "subnet-2"],
        "route_table_ids": [],
        "attributes": [],
        "endpoint_id": "",
        "security_group_id": "",
        "reason": f"subnet-1 can't reach the {service} service",
        "status": status,
        "error": error,
        "blocked_by": "",
        "monthly_cost_usd": cost,
    }


def vpc(vpc_id: str, *actions: dict[str, Any], name: str = "", states: tuple[str, ...] = ()) -> dict[str, Any]:
    cost = sum(one["monthly_cost_usd"] for one in actions if one["status"] == "planned")
    services = [{"service": f"s{place}", "state": state, "by": "", "detail": ""} for place, state in enumerate(states)]
    said = {"vpc_id": vpc_id, "outcome": "planned", "subnets": {"subnet-1": "isolated", "subnet-2": "private"}}
    return said | {"actions": [*actions], "services": services, "monthly_cost_usd": cost, "name": name}


def document(*vpcs: dict[str, Any], **nats: Nat) -> dict[str, Any]:
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    named = {vpc_id.replace("_", "-"): nat for vpc_id, nat in nats.items()}
    around = Around("123456789012", REGION, at, ("monitoring",), named, 10, {})
    return describe({"vpcs": vpcs}, around, price_in(REGION))


def table(text: str) -> list[dict[str, Any]]:
    """The rows, with numbers where the file has no quotes: as a spreadsheet reads it."""
    return [*csv.DictReader(io.StringIO(text), quoting=csv.QUOTE_NONNUMERIC)]


WAYS = {
    "services": ["monitoring", "logs"],
    "interfaces": 2,
    "ways": {
        "local": {"monthly_usd": 14.6, "per_gb_usd": 0.01, "detail": "2 interfaces"},
        "central": {"monthly_usd": 0.0, "per_gb_usd": None, "detail": "the way leads over a virtual private gateway"},
        "nat": {"monthly_usd": 0.0, "per_gb_usd": 0.045, "detail": "the VPC has one anyway"},
    },
    "cheapest": [
        {"way": "nat", "from_gb": 0, "until_gb": 417},
        {"way": "local", "from_gb": 417, "until_gb": None},
    ],
    "words": ["ways"],
    "prices": "us-east-1",
}


def test_in_a_table_each_way_to_the_hubs_services_is_a_row_with_costs_of_its_own() -> None:
    said = document(vpc("vpc-0123456789abcdef0") | {"comparison": WAYS})
    rows = {row["way"]: row for row in table(as_csv([said])) if row["row"] == "way"}
    costs = ("way_monthly_usd", "way_usd_per_gb", "way_cheapest_from_gb", "way_cheapest_until_gb")
    assert {way: [row[name] for name in costs] for way, row in rows.items()} == {
        "local": [14.6, 0.01, 417, ""],
        "central": [0, "", "", ""],  # what a GB costs isn't known
        "nat": [0, 0.045, 0, 417],
    }
    assert {row["service"] for row in rows.values()} == {"monitoring, logs"}
    assert {row["vpc_monthly_usd"] for row in rows.values()} == {""}


HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "=cmd|'/c calc'!A0", "\n@x", "-"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_runs_in_a_spreadsheet(text: str) -> None:
    assert re.match(r"'[=+@-]", str(inert_cell(text)))


@pytest.mark.parametrize("text", ["app-prod", "a=b", "3 VPCs", "", "it's", "(-1)"])
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert inert_cell(text) == text


@pytest.mark.parametrize("number", [14.6, 0, -3, 1e6])
def test_a_number_stays_a_number(number: float) -> None:
    assert inert_cell(number) is number


def test_no_cell_of_the_table_runs_and_costs_are_numbers_that_sum_up() -> None:
    blocked = action("ec2", 7.3, status="blocked", error="=not today")
    said = document(
        vpc("vpc-1", action("ssm", 14.6), blocked, name="=HYPERLINK(1)"), vpc("vpc-2", action("ssm", 7.3), name="@x")
    )
    rows = table(as_csv([said]))
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    for column in ("action_monthly_usd", "vpc_monthly_usd", "region_monthly_usd"):
        assert sum(row[column] for row in rows if row[column] != "") == pytest.approx(21.9), column
    assert [row["blocked_monthly_usd"] for row in rows if row["blocked_monthly_usd"] != ""] == [7.3]
    assert [row["row"] for row in rows] == ["action", "action", "vpc", "action", "vpc", "watching", "region"]


@pytest.mark.skipif(SOFFICE is None, reason="LibreOffice isn't installed: there is no soffice on the PATH")
def test_libreoffice_reads_numbers_as_numbers_and_runs_nothing(tmp_path: Path) -> None:
    names = {f"vpc-{place}": name for place, name in enumerate(HOSTILE)}
    said = document(*(vpc(vpc_id, action("ssm", 14.6), name=name) for vpc_id, name in names.items()))
    (tmp_path / "plan.csv").write_bytes(as_csv([said]).encode())
    command = [str(SOFFICE), "--headless", f"-env:UserInstallation=file://{tmp_path}/home", "--convert-to", "fods"]
    subprocess.run([*command, "plan.csv"], cwd=tmp_path, check=True, capture_output=True, timeout=120)  # noqa: S603

    sheet = ET.parse(tmp_path / "plan.fods")  # noqa: S314 - written by LibreOffice from our own file
    office, cells = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}", list(sheet.iter())
    numbers = [float(cell.get(f"{office}value", "")) for cell in cells if cell.get(f"{office}value-type") == "float"]
    assert numbers.count(14.6) == 2 * len(names)  # of each action and of each VPC
    assert 146.0 in numbers
    assert not [cell for cell in cells if any(name.endswith("}formula") for name in cell.attrib)]


# ---- order and words


def test_vpcs_that_a_person_must_see_to_come_first_then_what_isnt_known_then_what_costs() -> None:
    blocked = action("ec2", 7.3, status="blocked", error="no")
    said = document(
        vpc("vpc-1"),
        vpc("vpc-2", action("ssm", 7.3), states=("missing",)),
        vpc("vpc-3", states=("unknown",)),
        vpc("vpc-4", blocked),
        vpc("vpc-5", action("ssm", 14.6), states=("missing",)),
        vpc("vpc-6") | {"error": {"field": "vpc_ids[0]", "message": "gone"}},
    )
    assert [one["vpc_id"][-1] for one in said["vpcs"]] == ["6", "4", "3", "5", "2", "1"]
    assert said["totals"]["unknown"] == 1


def test_regions_that_cant_be_read_come_first() -> None:
    quiet, costly = document(), document(vpc("vpc-1", action("ssm", 7.3))) | {"region": "eu-west-1"}
    refused = unreadable("ap-east-1", "denied")
    assert worst_first([quiet, costly, refused]) == [refused, costly, quiet]
    assert as_text(refused) == "ap-east-1: can't be read: denied\n"


def test_what_isnt_known_is_said_and_not_taken_for_nothing() -> None:
    text = as_text(document(vpc("vpc-1", states=("unknown",)), vpc_1=Nat(2)))
    assert " = s0 not known\n" in text
    assert "NAT: 2 gateways, 65.70 USD per month\n" in text
    assert "GB in 30 days" not in text


def test_traffic_that_is_known_of_some_gateways_only_is_said_to_be_so() -> None:
    text = as_text(document(vpc("vpc-1", action("ssm", 7.3)), vpc("vpc-2"), vpc_1=Nat(1, 500.0), vpc_2=Nat(1)))
    assert "NAT: 2 NAT gateways processed 500.0 GB in 30 days for 22.50 USD (some of them" in " ".join(text.split())
    assert "the planned endpoints cost less if they take over 209 GB a month" in " ".join(text.split())


def test_a_name_cant_pass_for_lifelines_words() -> None:
    text = as_text(document(vpc("vpc-1", action("ssm", 7.3), name="x\n ! everything is fine https://evil.example")))
    assert "\n ! everything" not in text
    assert "https://" not in text

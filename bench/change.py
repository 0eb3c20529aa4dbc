"""What lies between a change event and the accepted CreateVpcEndpoint call: round trips that wait for each other.

PYTHONPATH=functions:. .envs/dev/bin/python bench/change.py

A route table loses its route to the internet, and SQS delivers the event. The function runs in the package that
`sam build` makes, against an emulator that answers each call LATENCY later than it could. Cold is the first event of a
process, warm the next one, of another VPC. Two calls wait for each other if one begins after the other has ended: the
chain is followed back from the accepted call. CPU is the process's own until then; cold, with all imports.
"""

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import boto3
from bench.emulated_region import Region, emulated_region
from tests.support.agents import ENVIRONMENT, REGION
from tests.support.built import package
from tests.support.cloudtrail import example_event

ROUNDS = 3
LATENCY = 0.05
KILL_SWITCH = "/lifeline/kill-switch"  # which each stack has
VPCS = 2  # one a round trip of each kind: the first is cold, the second warm
MEASURED = """
import json, sys, time
from types import SimpleNamespace
from lifeline.adapters.aws.clients import client
from lifeline.handlers.reconcile_endpoints import handler
from botocore.client import BaseClient

make, calls = BaseClient._make_api_call, []
def timed(self, operation, arguments):
    begun = time.perf_counter()
    try:
        return make(self, operation, arguments)
    finally:
        name = f"{self.meta.service_model.service_name}:{operation}"
        calls.append((name, begun, time.perf_counter(), time.process_time()))
BaseClient._make_api_call = timed
context = SimpleNamespace(aws_request_id="1", function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn",
                          get_remaining_time_in_millis=lambda: 300000)
found, cpu = [], 0.0
for event in json.load(open("events.json")):
    calls.clear()
    begun = time.perf_counter()
    handler(event, context)
    found.append({"begun": begun, "cpu": cpu, "calls": list(calls)})
    cpu = time.process_time()
json.dump(found, open("found.json", "w"))
"""
# What can't be left out and can't be done beside what comes before it.
UNAVOIDABLE = {
    "ask the ledger, the policy and the kill switch": 1,
    "find the route table's VPC": 1,
    "observe the VPC": 1,
    "take the lease": 1,
    "observe again under it, with DNS": 1,
    "count against the limits: read, and write on condition": 2,
    "create the security group": 1,
    "open its port, and record beside that it is ours": 1,
    "ask the kill switch again, and take a turn": 1,
    "create the endpoint": 1,
}


def make_sites() -> None:
    """VPCs with a private subnet, as they are after their main table lost its route."""
    ec2 = boto3.client("ec2", region_name=REGION)
    for number in range(VPCS):
        vpc_id = ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
        ec2.create_subnet(VpcId=vpc_id, CidrBlock=f"10.{number}.1.0/24", AvailabilityZone=f"{REGION}a")
    boto3.client("ssm", region_name=REGION).put_parameter(Name=KILL_SWITCH, Value="off", Type="String")


def events(url: str) -> list[dict[str, Any]]:
    """The batch of each VPC's event, as SQS delivers it."""
    ec2 = boto3.client("ec2", region_name=REGION, endpoint_url=url)
    found = []
    for table in ec2.describe_route_tables()["RouteTables"]:
        event = example_event("DeleteRoute")
        event["detail"]["requestParameters"]["routeTableId"] = table["RouteTableId"]
        sent = str(int(datetime.now(UTC).timestamp() * 1000))
        attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": sent}
        found.append({"Records": [{"messageId": "1", "body": json.dumps(event), "attributes": attributes}]})
    return found


def chain(calls: list[list[Any]]) -> list[list[Any]]:
    """The calls that wait for each other, up to the accepted one: before each, the one that ended last before it."""
    (last,) = [call for call in calls if call[0] == "ec2:CreateVpcEndpoint"]
    found = [last]
    while before := [call for call in calls if call[2] <= found[0][1]]:
        found.insert(0, max(before, key=lambda call: call[2]))
    return found


def measure(region: Region, folder: Path) -> list[dict[str, Any]]:
    (folder / "events.json").write_text(json.dumps(events(region.url)))
    variables = {**ENVIRONMENT, "MODE": "enforce", "IAC_DEBOUNCE_SECONDS": "0", "AWS_ENDPOINT_URL": region.url}
    variables["KILL_SWITCH_PARAMETER"] = KILL_SWITCH
    variables["TOPIC_ARN"] = f"arn:aws:sns:{REGION}:123456789012:notices"
    region.delay(LATENCY)
    subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-S", "-B", "-c", MEASURED],
        cwd=folder,
        env=variables | {"PYTHONPATH": str(package())},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    found: list[dict[str, Any]] = json.loads((folder / "found.json").read_text())
    return found


def main() -> None:
    os.environ |= ENVIRONMENT
    needed = sum(UNAVOIDABLE.values())
    kinds: dict[str, list[tuple[int, float, float, float]]] = {"cold": [], "warm": []}
    for _ in range(ROUNDS):
        with emulated_region(make_sites) as region, tempfile.TemporaryDirectory() as folder:
            for kind, event in zip(kinds, measure(region, Path(folder)), strict=True):
                waiting = chain(event["calls"])
                wall, cpu = waiting[-1][2] - event["begun"], waiting[-1][3] - event["cpu"]
                trip = median(call[2] - call[1] for call in waiting)
                kinds[kind].append((len(waiting), wall, cpu, wall / (needed * trip)))
    for kind, runs in kinds.items():
        trips, wall, cpu, ratio = (median(values) for values in zip(*runs, strict=True))
        print(f"{kind}: {trips:.0f} round trips that wait for each other ({needed} can't be avoided), {wall:.2f} s,")
        print(f"  {1000 * cpu:.0f} ms of CPU; {ratio:.2f} times what the unavoidable ones take")
    print("the last warm one, in ms since its event:")
    for name, begun, ended, _ in waiting:
        beside = sum(other[1] < ended and other[2] > begun for other in event["calls"]) - 1
        since, until = (1000 * (at - event["begun"]) for at in (begun, ended))
        print(f"  {since:6.0f} {until:6.0f}  {name}, {beside} beside")


if __name__ == "__main__":
    main()

"""The doctor on a deployed stack, as the stack's role and from an operator's computer: what moto can't show."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import MINUTE
from tests.e2e.emulators.account import ACCOUNT_ID, ROOT, STACK, Account, deployed
from tests.e2e.machine import build_site

pytestmark = pytest.mark.chain_more

BOUNDARY = "only-reads"
READS = {"Effect": "Allow", "NotAction": "ec2:CreateVpcEndpoint", "Resource": "*"}


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """The stack as README deploys it, with the address of somebody who hasn't confirmed yet."""
    with deployed(minute=MINUTE, DebounceSeconds="2", AlertEmail="ops@example.com") as account:
        build_site(account.client("ec2"), cidr="10.70", name="doctor", public=False)
        yield account


def findings(report: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {one["check"]: one for section in report["sections"] for one in section["findings"]}


def on_the_stack(account: Account) -> dict[str, dict[str, str]]:
    answer = account.invoke("ReconcileEndpointsFunction", {"doctor": True})
    assert not answer.error, answer.logs
    return findings(answer.payload["doctor"])


def from_a_laptop(account: Account, *, status: int = 1) -> dict[str, dict[str, str]]:
    more = {"AWS_ENDPOINT_URL": account.endpoint_url, "PYTHONPATH": "functions:."}
    more |= {f"AWS_ENDPOINT_URL_{service}": account.ec2_endpoint_url for service in ("EC2", "CLOUDWATCH")}
    done = subprocess.run(
        [sys.executable, "-m", "tools.doctor", "--stack", STACK, "--output", "json"],
        env=account.environment(**more),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return findings(json.loads(done.stdout))


def test_what_the_template_deploys_is_well_and_the_role_may_read_all_of_it(account: Account) -> None:
    found = on_the_stack(account)
    for check in ("rules", "queue policy", "services", "policy", "kill switch", "Lambda concurrency", "agents"):
        assert found[check]["verdict"] == "ok", found[check]
    refused = [one for one in found.values() if "AccessDenied" in one.get("why", "")]
    assert refused == []


def test_nobody_confirmed_the_subscription(account: Account) -> None:
    for found in (on_the_stack(account), from_a_laptop(account)):
        assert found["subscriptions"]["verdict"] == "bad"
        assert "not confirmed: email ops@example" in found["subscriptions"]["says"]
        assert "Confirm by the link" in found["subscriptions"]["remedy"]


def test_a_rule_was_disabled(account: Account) -> None:
    events = account.client("events")
    (rule,) = [one["Name"] for one in events.list_rules()["Rules"] if "-TagRule" in one["Name"]]
    events.disable_rule(Name=rule)
    try:
        for found in (on_the_stack(account), from_a_laptop(account)):
            assert found["rules"]["verdict"] == "bad"
            assert f"aws events enable-rule --name {rule}" in found["rules"]["remedy"]
    finally:
        events.enable_rule(Name=rule)
    assert on_the_stack(account)["rules"]["verdict"] == "ok"


def test_there_is_no_trail_and_then_there_is_one(account: Account) -> None:
    assert on_the_stack(account)["trail"]["verdict"] == "bad"
    account.client("s3").create_bucket(Bucket="trail-bucket")
    trails = account.client("cloudtrail")
    trails.create_trail(Name="main", S3BucketName="trail-bucket", IsMultiRegionTrail=True)
    trails.start_logging(Name="main")
    for found in (on_the_stack(account), from_a_laptop(account)):
        assert found["trail"]["verdict"] == "ok", found["trail"]


def test_a_dry_run_says_what_the_role_may_do_and_creates_nothing(account: Account) -> None:
    ec2 = account.client("ec2")
    before = {one["VpcEndpointId"] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]}
    found = on_the_stack(account)["may create endpoints"]
    assert found["verdict"] == "ok", found
    assert {one["VpcEndpointId"] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]} == before


def test_the_simulator_finds_a_boundary_that_denies(account: Account) -> None:
    check = "may create endpoints, by simulation"
    assert from_a_laptop(account)[check]["verdict"] == "ok"
    iam = account.client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [READS]})
    iam.create_policy(PolicyName=BOUNDARY, PolicyDocument=document)
    function = account.client("lambda").get_function_configuration(
        FunctionName=account.outputs["ReconcileEndpointsFunction"]
    )
    role = function["Role"].rpartition("/")[2]
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=f"arn:aws:iam::{ACCOUNT_ID}:policy/{BOUNDARY}")
    try:
        found = from_a_laptop(account)[check]
        assert found["verdict"] == "bad", found
        assert "The permissions boundary denies" in found["says"]
    finally:
        iam.delete_role_permissions_boundary(RoleName=role)


def test_without_a_stack_the_same_command_examines_the_account(account: Account) -> None:
    more = {"AWS_ENDPOINT_URL": account.endpoint_url, "PYTHONPATH": "functions:."}
    more |= {f"AWS_ENDPOINT_URL_{service}": account.ec2_endpoint_url for service in ("EC2", "CLOUDWATCH")}
    done = subprocess.run(
        [sys.executable, "-m", "tools.doctor", "--stack", "other"],
        env=account.environment(**more),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert "no stack yet" in done.stdout, done.stdout + done.stderr
    assert "Not examined: rules, queue policy" in done.stdout

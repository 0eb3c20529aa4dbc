"""The doctor on a deployed stack, as the stack's role and from an operator's computer: what moto can't show."""

import json
import subprocess
import sys
from collections.abc import Collection, Iterator
from typing import Any

import pytest

from tests.e2e.conftest import MINUTE
from tests.e2e.emulators.account import ROOT, STACK, Account, deployed
from tests.e2e.machine import build_site
from tests.e2e.steps import make_trail, wait_until_quiet

pytestmark = pytest.mark.chain_more


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


def make_doctor(account: Account, *arguments: str, statuses: Collection[int] = (1,)) -> str:
    """What the command prints, which finds a fault here."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.doctor", *arguments],
        env=account.environment(**account.addresses(), PYTHONPATH="functions:."),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode in statuses, done.stdout + done.stderr
    return done.stdout


def from_a_laptop(account: Account) -> dict[str, dict[str, str]]:
    return findings(json.loads(make_doctor(account, "--stack", STACK, "--format", "json")))


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
    make_trail(account)
    for found in (on_the_stack(account), from_a_laptop(account)):
        assert found["trail"]["verdict"] == "ok", found["trail"]


def test_a_dry_run_says_what_the_role_may_do_and_creates_nothing(account: Account) -> None:
    ec2 = account.client("ec2")
    before = {one["VpcEndpointId"] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]}
    found = on_the_stack(account)["may create endpoints"]
    assert found["verdict"] == "ok", found
    assert {one["VpcEndpointId"] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]} == before


def test_a_stack_that_may_not_read_evidence_says_so_and_names_the_parameter(account: Account) -> None:
    answer = account.invoke("ReconcileEndpointsFunction", {"suggest": {}})
    assert not answer.error, answer.logs
    (refusal,) = answer.payload["errors"]
    assert refusal["field"] == "suggest"
    assert "parameter Evidence" in refusal["message"]


def test_the_doctors_dry_run_is_no_failed_batch(account: Account) -> None:
    on_the_stack(account)
    wait_until_quiet(account)
    assert "batch failed" not in account.logs("ReconcileEndpointsFunction", lines=500)


def test_without_a_stack_the_same_command_examines_the_account(account: Account) -> None:
    printed = make_doctor(account, "--stack", "other", statuses=(1, 2))  # ministack knows no quotas
    assert "no deployed stack" in printed
    assert "Not examined: rules, queue policy" in printed

"""From 0.1 to this version and back, by the real SAM CLI: nothing is lost in either direction.

0.1 is the last version whose limits and times were parameters. It is built from the repository's history.
"""

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest

from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.network.model import VpcRef
from tests.e2e.emulators.account import ACCOUNT_ID, REGION, ROOT, RUNS, STACK, Account
from tests.e2e.emulators.processes import run
from tests.e2e.machine import build_site
from tests.e2e.steps import available_endpoint, endpoints_in, ids_of, looks

pytestmark = pytest.mark.chain

V01 = "01a7ee5"  # a commit
DECIDED = {"AlertEmail": "ops@example.com", "LogRetentionDays": "90", "KillSwitchParameter": "/ops/stop"}
TUNED = {"RetireAfterHours": "96", "MaxVpcsPerDay": "60", "IacDebounceSeconds": "0", "DebounceSeconds": "2"}
UPGRADED = "/lifeline/policy-2"


def history() -> bool:
    """Whether the repository has its history, which a shallow clone or an archive lacks."""
    asked = ["git", "-C", str(ROOT), "cat-file", "-e", f"{V01}:template.yaml"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


@pytest.fixture
def account() -> Iterator[Account]:
    if not history():
        pytest.skip(f"the commit {V01} isn't in this clone: git fetch --unshallow")
    with Account().closing() as account:
        account.build()
        account.start()
        account.client("ssm").put_parameter(Name=DECIDED["KillSwitchParameter"], Value="off", Type="String")
        yield account


def emulators(account: Account, *more: str) -> dict[str, str]:
    moto = dict.fromkeys(("Ec2EndpointUrl", *more), account.ec2_endpoint_url)
    return {"EndpointUrl": account.endpoint_url, **moto}


def deploy(account: Account, template: str, overrides: dict[str, str]) -> None:
    account._sam(
        *("deploy", "--stack-name", STACK, "--template-file", template, "--no-confirm-changeset", "--no-progressbar"),
        *("--parameter-overrides", *(f"{name}={value}" for name, value in overrides.items())),
    )
    account.outputs = account.read_outputs()


def build_v01(account: Account) -> str:
    """The built template of 0.1. It is built once for all runs."""
    built = RUNS / "builds" / f"v01-{V01}"
    if not (built / "template.yaml").exists():
        sources = account.directory / "v01"
        packed = subprocess.run(["git", "-C", str(ROOT), "archive", V01], capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(sources, filter="data")
        sam = [str(ROOT / ".envs/sam/bin/sam"), "build", "--template-file", str(sources / "template.yaml")]
        run([*sam, "--build-dir", str(built)], account.environment(), account.directory / "sam-build-v01.log", sources)
    return str(built / "template.yaml")


def parameters(account: Account) -> dict[str, str]:
    (stack,) = account.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}


def print_policy(account: Account) -> str:
    """`make policy`, as docs/operate.md has it."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.upgrade", "--stack", STACK],
        env=account.environment(AWS_ENDPOINT_URL=account.endpoint_url, PYTHONPATH=f"{ROOT / 'functions'}:{ROOT}"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def kept(account: Account, vpc_id: str) -> dict[str, Any]:
    """What may be lost: where things are, what is Lifeline's, what people decided, and what is on record."""
    outputs = {name: account.outputs[name] for name in ("LedgerTable", "NoticesTopic", "ChangesQueue")}
    vpc = looks(account, {"vpc_ids": [vpc_id]})[vpc_id]
    answer = account.invoke("ReconcileEndpointsFunction", {"history": {"vpc_id": vpc_id}})
    assert not answer.error, answer.logs
    made = json.dumps(answer.payload["history"]).count('"create_interface_endpoint"')
    ledger = VpcStore(account.outputs["LedgerTable"], account.client("dynamodb"))
    frozen = ledger.load(VpcRef(ACCOUNT_ID, REGION, vpc_id)).frozen
    return {
        **outputs,
        "endpoints": ids_of(endpoints_in(account.client("ec2"), vpc_id)),
        "actions": vpc["actions"],
        "frozen": sorted(frozen),
        "on record": made,
    }


def check_schedules(account: Account, *, door: str) -> None:
    """That each function has one schedule, which invokes it by this door: none is lost, and none is there twice."""
    scheduler = account.client("scheduler")
    schedules = [scheduler.get_schedule(Name=one["Name"]) for one in scheduler.list_schedules()["Schedules"]]
    assert sorted(one["Target"]["Arn"].rpartition(":function:")[2] for one in schedules) == sorted(
        f"{account.outputs[name]}{door}" for name in ("ReconcileEndpointsFunction", "DetectMetricGapsFunction")
    )
    assert {one["State"] for one in schedules} == {"ENABLED"}


def test_an_upgrade_from_0_1_an_answer_changed_and_the_way_back_lose_nothing(account: Account) -> None:
    old = build_v01(account)
    v01 = emulators(account, "CloudWatchEndpointUrl", "Route53EndpointUrl")
    deploy(account, old, DECIDED | TUNED | v01)
    site = build_site(account.client("ec2"), cidr="10.50", name="upgraded", public=False)
    ec2 = account.client("ec2")
    account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the endpoint that 0.1 makes")
    account.wait(account.is_quiet, what="no change on its way")
    looks(account, {"vpc_ids": [site.vpc_id], "freeze": ["logs"]})
    before = kept(account, site.vpc_id)
    assert before["endpoints"]
    assert before["frozen"] == ["logs"]
    assert before["on record"] > 0
    check_schedules(account, door="")

    # Up, as docs/operate.md says: the policy first, then the stack.
    policy = print_policy(account)
    said = json.loads(policy)
    assert said["retire_after_hours"] == 96
    assert said["without_approval"] == {"vpcs_per_day": 60, "monthly_usd": 500}
    account.client("ssm").put_parameter(Name=UPGRADED, Value=policy, Type="String")
    deploy(account, str(account.template), {"PolicyParameter": UPGRADED, **emulators(account)})
    upgraded = parameters(account)
    assert upgraded.items() >= {**DECIDED, "Mode": "enforce", "DebounceSeconds": "2"}.items()
    assert upgraded.keys().isdisjoint({"RetireAfterHours", "MaxVpcsPerDay", "Route53EndpointUrl"})
    assert account.outputs["KillSwitch"] == DECIDED["KillSwitchParameter"]
    assert kept(account, site.vpc_id) == before
    check_schedules(account, door=":schedule")

    # One answer changed keeps every other.
    deploy(account, str(account.template), {"LogRetentionDays": "365"})
    assert parameters(account) == upgraded | {"LogRetentionDays": "365"}
    assert kept(account, site.vpc_id) == before
    check_schedules(account, door=":schedule")

    # Down again, with the old answers, which are new to 0.1.
    deploy(account, old, {"PolicyParameter": '""', "LogRetentionDays": "90", **TUNED, **v01})
    assert parameters(account).items() >= {**DECIDED, **TUNED, "Mode": "enforce", "PolicyParameter": ""}.items()
    assert kept(account, site.vpc_id) == before
    check_schedules(account, door="")

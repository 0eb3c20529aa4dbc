"""The docs' commands as they stand, by the real SAM CLI: a second deployment, and a release of 40 endpoints; and
the command line."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import MINUTE
from tests.e2e.documented import ALONE, cli, command, sam
from tests.e2e.emulators.account import REGION, Account
from tests.e2e.machine import build_site
from tests.e2e.steps import available_endpoint, endpoints_in, ids_of, wait_until_quiet

pytestmark = pytest.mark.chain_more

SERVICES = [
    "monitoring",
    "logs",
    "ssm",
    "ssmmessages",
    "ec2messages",
    "kms",
    "sts",
    "ecr.api",
    "ecr.dkr",
    "secretsmanager",
]
STACK = "lifeline"


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """The stack as README deploys it, with what a person decided."""
    with Account(minute=MINUTE).closing() as account:
        account.start()
        account.build()
        account.put_policy()
        decided = account.parameters() | {"Mode": "plan", "LogRetentionDays": "90", "AlertEmail": "ops@example.com"}
        overrides = ("--parameter-overrides", *(f"{key}={value}" for key, value in decided.items()))
        sam(account, PLAIN, *ALONE, *overrides)
        account.outputs = account.read_outputs()
        yield account


PLAIN = "sam deploy"  # as README has it after `sam build`, and as an upgrade does


def parameters(account: Account) -> dict[str, str]:
    (stack,) = account.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}


def test_the_second_deployment_changes_the_mode_and_keeps_every_other_answer(account: Account) -> None:
    before = parameters(account)
    assert (before["Mode"], before["LogRetentionDays"]) == ("plan", "90")
    sam(account, PLAIN, *ALONE, "--no-fail-on-empty-changeset")
    assert parameters(account) == before
    sam(account, command("README.md", ENFORCE), *ALONE)
    assert parameters(account) == before | {"Mode": "enforce"}
    sam(account, PLAIN, *ALONE, "--no-fail-on-empty-changeset")
    assert parameters(account) == before | {"Mode": "enforce"}


def test_a_release_of_40_endpoints_is_answered_and_ends(account: Account) -> None:
    enforce(account)
    ec2 = account.client("ec2")
    sites = [build_site(ec2, cidr=f"10.{200 + number}", name=f"release-{number}") for number in range(4)]
    made = [make_endpoint(ec2, site.vpc_id, site.subnet_id, service) for site in sites for service in SERVICES]
    wait_until_quiet(account)
    adopted = remote(account, {"adopt": made})
    assert len(adopted["adopt"]) == 40, adopted

    answer = json.loads(sam(account, command("docs/operate.md", RELEASE)))

    assert "is queued, and Lifeline will go on with it by itself" in answer["queued"]

    def left() -> int:
        return sum(len(endpoints_in(ec2, site.vpc_id)) for site in sites)

    account.wait(lambda: left() == 0, what="the end of the release", within_s=400)
    wait_until_quiet(account)
    assert account.messages("DeadLetterQueue") == []


def test_what_was_handed_over_stays_where_the_rest_is_released(account: Account) -> None:
    enforce(account)
    ec2 = account.client("ec2")
    site = build_site(ec2, cidr="10.211", name="handed-over")
    theirs, own = (make_endpoint(ec2, site.vpc_id, site.subnet_id, service) for service in ("logs", "ssm"))
    wait_until_quiet(account)
    assert len(remote(account, {"adopt": [theirs, own]})["adopt"]) == 2
    ec2.delete_tags(Resources=[theirs], Tags=[{"Key": "lifeline:managed-by"}])

    asked = command("docs/operate.md", HAND_OVER).replace("vpce-0123456789abcdef0", theirs)
    assert json.loads(sam(account, asked))["hand_over"] == [{"id": theirs, "vpc_id": site.vpc_id}]

    cli(account, "release", "--vpc", site.vpc_id)
    account.wait(lambda: own not in ids_of(endpoints_in(ec2, site.vpc_id)), what="the end of the release")
    wait_until_quiet(account)
    assert ids_of(endpoints_in(ec2, site.vpc_id)) == [theirs]


def test_every_command_of_the_command_line(account: Account) -> None:
    enforce(account)
    ec2 = account.client("ec2")
    site = build_site(ec2, cidr="10.210", name="command-line", public=False)
    vpc_id = site.vpc_id
    ran: set[str] = set()

    def run(*arguments: str, status: int = 0) -> str:
        ran.add(arguments[0])
        return cli(account, *arguments, status=status)

    wait_until_quiet(account)

    # Other tests' VPCs in this account may have used up the budget: then the plan waits for approval.
    if offered := re.search(r"plan-[0-9a-f]{16}", run("reconcile", vpc_id)):
        run("approve", offered[0])
    account.wait(lambda: available_endpoint(ec2, vpc_id), what="the new VPC's endpoint")

    assert "monitoring served by" in run("plan", vpc_id)
    assert vpc_id in run("plan")
    assert vpc_id in run("freeze", vpc_id, "--services", "monitoring", "--by", "Dana")
    assert vpc_id in run("unfreeze", vpc_id, "--services", "monitoring")
    assert vpc_id in run("sweep")
    assert "nothing waits" in run("approve", "backlog", "--vpc", vpc_id, status=1)
    assert vpc_id in run("reconcile", vpc_id)
    assert f"{vpc_id}  monitoring" in run("exempt", vpc_id, "--services", "monitoring", "--reason", "moves")
    assert f"{vpc_id}  all       ended" in run("exempt", vpc_id, "--end")
    assert "delete" in run("release", "--vpc", vpc_id, "--plan")
    assert endpoints_in(ec2, vpc_id)
    run("release", "--vpc", vpc_id)
    account.wait(lambda: not endpoints_in(ec2, vpc_id), what="the end of the release")
    history = json.loads(run("history", "--vpc", vpc_id, "--output", "json"))["history"]["entries"]
    for who in ("Dana", "root"):
        assert any(who in json.dumps(entry) for entry in history), history
    assert vpc_id in run("history", "--day", history[0]["at"][:10])
    assert run("incidents") == "No incident was opened or closed in this time.\n"
    assert run("incidents", "--open", "--vpc", vpc_id) == "No incident that was opened in this time is open.\n"
    assert "is on no roster" in run("forget", "i-0123456789abcdef0", status=1)
    assert "approve: " in run("approve", "plan-0123456789abcdef", status=1)
    assert "Lifeline's doctor: stack lifeline in " in run("doctor", status=1)
    assert "parameter Evidence" in run("suggest", vpc_id, status=1)
    assert "There is no stack other in" in run("plan", vpc_id, "--stack", "other", status=1)

    assert ran == set(re.findall(r"^    ([a-z]+) ", cli(account, "--help"), re.MULTILINE))


def enforce(account: Account) -> None:
    if parameters(account)["Mode"] != "enforce":
        sam(account, command("README.md", ENFORCE), *ALONE)


ENFORCE = "sam deploy --parameter-overrides Mode=enforce"
HAND_OVER = (
    'sam remote invoke ReconcileEndpoints --stack-name lifeline --event \'{"hand_over": ["vpce-0123456789abcdef0"]}\''
)
RELEASE = "sam remote invoke ReconcileEndpoints --stack-name lifeline --event '{\"release\": true}'"


def remote(account: Account, event: dict[str, Any]) -> dict[str, Any]:
    asked = shlex.join(["sam", "remote", "invoke", "ReconcileEndpoints", "--stack-name", STACK, "--event"])
    return dict(json.loads(sam(account, f"{asked} {shlex.quote(json.dumps(event))}")))


def make_endpoint(ec2: Any, vpc_id: str, subnet_id: str, service: str) -> str:
    tags = [{"Key": "lifeline:managed-by", "Value": STACK}]
    made = ec2.create_vpc_endpoint(
        VpcId=vpc_id,
        VpcEndpointType="Interface",
        ServiceName=f"com.amazonaws.{REGION}.{service}",
        SubnetIds=[subnet_id],
        PrivateDnsEnabled=False,
        TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": tags}],
    )
    return str(made["VpcEndpoint"]["VpcEndpointId"])

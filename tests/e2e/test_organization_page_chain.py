"""A hub and its spokes by docs/organization.md alone: each of its commands as it stands there, in its order.

The reader is the cloud team of a company, here with six accounts; for 200, see `tests/handlers/test_many_accounts.py`
and `bench/organization.py`. What no emulator has is replaced, as REPLACED says.
"""

import re
import shlex
from collections.abc import Iterator
from functools import partial
from html import unescape
from json import loads
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.store.members import MemberStore
from lifeline.core.organization.members import AccountStanding
from tests.docs.commands import commands
from tests.docs.pages import blocks
from tests.e2e.conftest import MINUTE
from tests.e2e.documented import ALONE, aws, cli, command, read_aws, sam
from tests.e2e.emulators.account import ACCOUNT_ID as HUB
from tests.e2e.emulators.account import REGION, ROOT, Account, Inbox
from tests.e2e.emulators.organization import MANAGEMENT, Spoke
from tests.e2e.emulators.stack_sets import StackSets
from tests.e2e.machine import Site, build_site
from tests.e2e.steps import (
    GROUP_NAME,
    SERVICE_NAME,
    available_endpoint,
    delete_default_route,
    endpoints_in,
    ids_of,
    kind_of,
    notices_about,
    restart,
    text_of,
    wait_until_quiet,
)
from tests.e2e.test_coverage_chain import CONTEXT
from tests.e2e.test_organization_chain import row_of

pytestmark = pytest.mark.chain_more

PAGE = ROOT / "docs/organization.md"
UNIT, SHOP, BILLING = "ou-ab12-cd34ef56", "210987654321", "333333333333"  # the page's; BILLING had a stack of its own
CLOSED, OUTSIDE, NEW = "444444444444", "555555555555", "666666666666"
SERVED, LOST = AccountStanding.SERVED, AccountStanding.LOST
BY_SCP = "with an explicit deny in a service control policy"

_NO_STACK_SETS = "no emulator has StackSets: StackSets deploys to the OU's accounts, and refuses options unknown to it"
REPLACED = {
    "aws cloudformation activate-organizations-access": "no emulator has StackSets: they are on",
    "aws organizations register-delegated-administrator": "no emulator has it: Organization.delegate",
    "sam build": "the package is built once for all chains, with the emulators' addresses in its template",
    "git pull": "the new version is this one, with other descriptions in spoke.yaml",
    "aws cloudformation create-stack-set": _NO_STACK_SETS,
    "aws cloudformation create-stack-instances": _NO_STACK_SETS,
    "aws cloudformation list-stack-set-operations": _NO_STACK_SETS,
    "aws cloudformation list-stack-instances": _NO_STACK_SETS,
    "aws cloudformation update-stack-set": _NO_STACK_SETS,
    "aws cloudformation delete-stack-instances": _NO_STACK_SETS,
    "aws cloudformation delete-stack-set": _NO_STACK_SETS,
}
OPERATIONS = "aws cloudformation list-stack-set-operations"


class Reader:
    """The cloud team: it types what the page says, and has credentials of each account."""

    def __init__(self, hub: Account, files: Path) -> None:
        self.hub = hub
        self.files = files
        self.ids: dict[str, str] = {}  # mine, by the page's
        self.stack_sets = StackSets(hub, {UNIT: [HUB, SHOP, BILLING, CLOSED]})
        self.replaced: set[str] = set()
        self._steps = iter([one for script in blocks(PAGE, "sh") for one in commands(script)])
        self._last: Any = None

    @property
    def management(self) -> Spoke:
        return self.hub.account(MANAGEMENT)

    def next(self, begins: str, *more: str, at: Account | Spoke | None = None) -> Any:
        """What the page's next command answers, which begins so, with the hub's credentials or those `at` an account.
        `more` are parameters that emulators need besides.
        """
        text = next(self._steps)
        assert text.startswith(begins), text
        return self.type(text, *more, at=at)

    def again(self, begins: str, **other: str) -> Any:
        """What an earlier command of the page answers, with `other` words in place of some."""
        text = command("docs/organization.md", begins)
        for theirs, ours in other.items():
            assert theirs in text
            text = text.replace(theirs, ours)
        return self.type(text)

    def type(self, text: str, *more: str, at: Account | Spoke | None = None) -> Any:
        for theirs, ours in self.ids.items():
            text = text.replace(theirs, ours)
        self._last = self._answer(text, more, at or self.hub)
        return self._last

    def _answer(self, text: str, more: tuple[str, ...], at: Account | Spoke) -> Any:
        words = shlex.split(text)
        named = next((one for one in REPLACED if f"{text} ".startswith(f"{one} ")), "")
        if named:
            self.replaced.add(named)
            return self._replacement(named, text)
        match words:
            case ["aws", *_]:
                return aws(at, text, files=self.files)
            case ["python", "-m", "lifeline_cli", *arguments]:
                return cli(self.hub, *arguments, status=1)
            case ["jq", "-r", ".text // ."]:
                return self._last["text"]
            case ["sam", "deploy", *_]:
                sam(self.hub, " ".join([text, *more]), *ALONE, "--no-fail-on-empty-changeset")
                self.hub.outputs = self.hub.read_outputs()
                return None
            case _:
                return loads(sam(self.hub, text))

    def _replacement(self, named: str, text: str) -> Any:
        if named.startswith("aws organizations"):
            request = read_aws(self.hub.client, text, files=self.files).request
            assert request["ServicePrincipal"] == "member.org.stacksets.cloudformation.amazonaws.com"
            self.hub.organization.delegate(request["AccountId"])
        elif "stack-" in named:
            asked = read_aws(self.hub.client, text, files=self.files)
            return asked.found_in(self.stack_sets.answer(asked.operation, asked.request))
        return None

    def is_done(self) -> bool:
        """True if the page has no more commands, and every one that is replaced was among them."""
        return next(self._steps, None) is None and self.replaced == REPLACED.keys()

    # ---- what the page promises, as the reader sees it

    def standings(self) -> dict[str, AccountStanding]:
        members = MemberStore(self.hub.outputs["LedgerTable"], self.hub.client("dynamodb")).read()
        return {one.account: one.standing for one in members.active}

    def page(self, **widget: str) -> str:
        """The coverage page, or an account's."""
        answer = self.hub.invoke("CoveragePageFunction", {**widget, "widgetContext": CONTEXT})
        assert not answer.error, answer.logs
        return unescape(str(answer.payload))

    def an_hour_passes(self) -> None:
        """The schedule's sweep, which is the one that the page starts by hand."""
        self.again("sam remote invoke ReconcileEndpoints --stack-name lifeline --event '{\"sweep\": true}'")
        wait_until_quiet(self.hub)

    def wait_for_spokes(self) -> None:
        """Until the page's command lists nothing more."""
        self.hub.wait(lambda: not self.again(OPERATIONS), what="the end of StackSets' operations")

    def repaired(self, account: str, site: Site) -> bool:
        ec2 = self.hub.account(account).client("ec2")
        return bool(self.hub.wait(lambda: available_endpoint(ec2, site.vpc_id), what=f"an endpoint in {account}"))

    def endpoints(self, account: str, site: Site) -> list[str]:
        return ids_of(endpoints_in(self.hub.account(account).client("ec2"), site.vpc_id))

    def new_site(self, account: str, cidr: str) -> Site:
        """A VPC with a way out, which Lifeline knows."""
        site = build_site(self.hub.account(account).client("ec2"), cidr=cidr, name=f"app-{cidr}")
        wait_until_quiet(self.hub)
        return site

    def cut(self, account: str, site: Site) -> None:
        delete_default_route(self.hub.account(account).client("ec2"), site)

    def may(self, account: str, action: str) -> bool:
        """Whether the spoke's role there has the action."""
        iam, role = self.hub.account(account).client("iam"), f"lifeline-reconcile-{REGION}"
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        found = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
        return action in str(found)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Account(minute=MINUTE).closing() as hub:
        hub.start()
        hub.build()
        hub.organization.delegate()
        reader = Reader(hub, tmp_path)
        for account in (SHOP, BILLING, CLOSED, OUTSIDE, MANAGEMENT):
            hub.account(account)
        hub.organization.set_state(CLOSED, "SUSPENDED")
        yield reader


def test_the_page_alone_leads_from_an_organization_to_a_hub_and_back(reader: Reader) -> None:
    lacking = build_site(reader.hub.account(SHOP).client("ec2"), cidr="10.10", name="lacking", public=False)
    old = have_an_own_stacks_endpoint(reader)
    set_up(reader)
    inbox = reader.hub.subscribe("NoticesTopic")
    look(reader, lacking)
    assert not reader.endpoints(SHOP, lacking)
    let_it_work(reader, inbox, lacking)
    stop_one_account(reader)
    take_over(reader, old)
    hear_of_a_denial(reader, inbox)
    change_a_parameter(reader)
    upgrade(reader)
    let_one_join_and_close(reader, inbox)
    remove_one(reader, inbox, lacking)
    remove_all(reader, old)
    assert reader.is_done()


def test_a_hub_that_was_deleted_is_let_in_again_once_it_is_deployed_by_the_same_name(reader: Reader) -> None:
    """What the page says of that: the spokes' stacks stay as they are, and the ledger is new."""
    set_up(reader)
    reader.an_hour_passes()
    site, table = reader.new_site(SHOP, "10.11"), reader.hub.outputs["LedgerTable"]
    stacks = reader.hub.client("cloudformation")
    stacks.delete_stack(StackName="lifeline")
    reader.hub.wait(lambda: not is_there(stacks), what="the end of the hub's stack")
    reader.hub.client("dynamodb").delete_table(TableName=table)  # a new one has another name in AWS, but not here
    again = command("docs/organization.md", "sam deploy --parameter-overrides Accounts=organization")
    reader.type(again.replace("Mode=plan", "Mode=enforce"), *of_emulators(reader))
    assert not reader.standings()
    reader.an_hour_passes()
    assert reader.standings()[SHOP] is SERVED
    reader.cut(SHOP, site)
    assert reader.repaired(SHOP, site)


def is_there(stacks: Any) -> bool:
    found = stacks.list_stacks()["StackSummaries"]
    return any(one["StackName"] == "lifeline" and one["StackStatus"] != "DELETE_COMPLETE" for one in found)


def of_emulators(reader: Reader) -> tuple[str, ...]:
    """The parameters that a new stack needs beside the page's."""
    hub = reader.hub
    return (f"EndpointUrl={hub.endpoint_url}", f"Ec2EndpointUrl={hub.ec2_endpoint_url}", "DebounceSeconds=2")


def have_an_own_stacks_endpoint(reader: Reader) -> Site:
    """What a stack of the same name made in BILLING, before it was deleted there."""
    ec2 = reader.hub.account(BILLING).client("ec2")
    site = build_site(ec2, cidr="10.20", name="old", public=False)
    tags = [{"Key": "lifeline:managed-by", "Value": "lifeline"}]
    group = ec2.create_security_group(
        GroupName=GROUP_NAME,
        Description="Lifeline",
        VpcId=site.vpc_id,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
    )["GroupId"]
    allowed = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.20.0.0/16"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[allowed])
    endpoint = ec2.create_vpc_endpoint(
        VpcId=site.vpc_id,
        ServiceName=SERVICE_NAME,
        VpcEndpointType="Interface",
        SubnetIds=[site.subnet_id],
        SecurityGroupIds=[group],
        PrivateDnsEnabled=True,
        TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": tags}],
    )["VpcEndpoint"]
    reader.ids |= {"vpce-0123456789abcdef0": endpoint["VpcEndpointId"], "sg-0123456789abcdef0": group}
    return site


def set_up(reader: Reader) -> None:
    with pytest.raises(ClientError, match="don't have permissions"):
        reader.hub.client("organizations").list_accounts()
    for begins in ("aws cloudformation activate", "aws organizations register"):
        reader.next(begins, at=reader.management)
    assert reader.next("aws organizations describe-organization", at=reader.management) == reader.hub.organization.id
    assert reader.hub.client("organizations").list_accounts()["Accounts"]

    reader.next("sam build")
    reader.next("sam deploy", *of_emulators(reader))

    reader.next("aws cloudformation create-stack-set")
    reader.stack_sets.failing[BILLING] = BY_SCP
    reader.next("aws cloudformation create-stack-instances")
    assert reader.next(OPERATIONS) == [["CREATE", "RUNNING"]]
    reader.wait_for_spokes()
    assert reader.may(SHOP, "ec2:CreateVpcEndpoint")
    assert not reader.may(SHOP, "ec2:ModifyVpcAttribute")
    reader.next("aws cloudformation create-stack ", at=reader.management)
    reader.hub.wait(lambda: is_complete(reader.management), what="the management account's spoke")


def is_complete(there: Spoke) -> bool:
    (stack,) = there.client("cloudformation").describe_stacks(StackName="lifeline-spoke")["Stacks"]
    return str(stack["StackStatus"]).endswith("_COMPLETE") and "ROLLBACK" not in stack["StackStatus"]


def look(reader: Reader, lacking: Site) -> None:
    skipped = [CLOSED, REGION, "SKIPPED_SUSPENDED_ACCOUNT", None]
    missing = reader.next("aws cloudformation list-stack-instances")
    assert missing == [[BILLING, REGION, "FAILED", BY_SCP], skipped]
    reader.stack_sets.failing.clear()
    reader.again("aws cloudformation update-stack-set", **{" ParameterKey=FixDns,ParameterValue=yes": ""})
    reader.wait_for_spokes()
    assert reader.again("aws cloudformation list-stack-instances") == [skipped]
    reader.next("sam remote invoke")
    wait_until_quiet(reader.hub)
    not_set_up = {OUTSIDE: AccountStanding.NOT_SET_UP}
    assert reader.standings() == {**dict.fromkeys((MANAGEMENT, SHOP, BILLING), SERVED), **not_set_up}
    page = reader.page()
    assert "not set up" in row_of(page, OUTSIDE)
    assert "1 VPC" in row_of(page, SHOP)
    assert lacking.vpc_id in reader.page(account=SHOP)
    reader.next("sam remote invoke")
    plan = reader.next("jq -r")
    assert f"{lacking.vpc_id} (lacking)" in plan
    assert "USD" in plan
    report = reader.next("python -m lifeline_cli doctor")
    assert re.search(r"bad +trail", report), report


def let_it_work(reader: Reader, inbox: Inbox, lacking: Site) -> None:
    reader.next("sam deploy")
    reader.an_hour_passes()
    (notice,) = notices_about(inbox, lacking.vpc_id, kind="backlog")
    assert SHOP in text_of(notice)
    assert not reader.endpoints(SHOP, lacking)
    reader.next("sam remote invoke")
    assert reader.repaired(SHOP, lacking)

    site = reader.new_site(SHOP, "10.11")
    reader.cut(SHOP, site)
    assert reader.repaired(SHOP, site)
    notice = reader.hub.wait(lambda: notices_about(inbox, site.vpc_id), what="the notice")[0]
    assert SHOP in notice["MessageAttributes"]["account"]["Value"]


def stop_one_account(reader: Reader) -> None:
    stopped, other = reader.new_site(SHOP, "10.12"), reader.new_site(MANAGEMENT, "10.12")
    reader.next("aws ssm put-parameter")
    reader.cut(SHOP, stopped)
    reader.cut(MANAGEMENT, other)
    assert reader.repaired(MANAGEMENT, other)
    wait_until_quiet(reader.hub)
    assert not reader.endpoints(SHOP, stopped)
    reader.next("aws ssm put-parameter")
    reader.an_hour_passes()
    assert reader.repaired(SHOP, stopped)


def take_over(reader: Reader, old: Site) -> None:
    before = reader.endpoints(BILLING, old)
    assert before == [reader.ids["vpce-0123456789abcdef0"]], "the hub made none beside it"
    there = reader.hub.account(BILLING)
    assert reader.next("aws ec2 describe-vpc-endpoints", at=there) == before
    assert reader.next("aws ec2 describe-security-groups", at=there) == [reader.ids["sg-0123456789abcdef0"]]
    reader.ids[SHOP] = BILLING
    adopted = reader.next("sam remote invoke")
    del reader.ids[SHOP]
    assert "errors" not in adopted, adopted
    assert len(adopted["adopt"]) == 2


def hear_of_a_denial(reader: Reader, inbox: Inbox) -> None:
    """What "What a spoke lets the hub do" says of an SCP."""
    site = reader.new_site(SHOP, "10.13")
    with reader.hub.denying("CreateVpcEndpoint", BY_SCP):
        reader.cut(SHOP, site)
        (notice,) = reader.hub.wait(lambda: notices_about(inbox, site.vpc_id), what="the notice of the denial")
        assert "service control policy" in text_of(notice)
        assert SHOP in text_of(notice)
        wait_until_quiet(reader.hub)
    assert not reader.endpoints(SHOP, site)
    reader.an_hour_passes()
    assert reader.repaired(SHOP, site)


def change_a_parameter(reader: Reader) -> None:
    reader.next("aws cloudformation update-stack-set")
    reader.next("aws cloudformation update-stack ", at=reader.management)
    reader.wait_for_spokes()
    may = partial(reader.may, action="ec2:ModifyVpcAttribute")
    reader.hub.wait(lambda: all(map(may, (SHOP, BILLING, MANAGEMENT))), what="the spokes' update")
    reader.next("sam deploy")


def upgrade(reader: Reader) -> None:
    reader.next("git pull")
    new = (ROOT / "spoke.yaml").read_text("utf-8").replace("Description: Lifeline - ", "Description: Lifeline 2 - ")
    (reader.files / "spoke.yaml").write_text(new, "utf-8")
    previous = {"FixDns,ParameterValue=yes": "FixDns,UsePreviousValue=true"}
    reader.again("aws cloudformation update-stack-set", **previous)
    reader.wait_for_spokes()
    rules = reader.hub.account(SHOP).client("events").list_rules()["Rules"]
    assert sum("Lifeline 2 - " in rule.get("Description", "") for rule in rules) == 9
    assert reader.may(SHOP, "ec2:ModifyVpcAttribute")
    reader.next("sam build")
    reader.next("sam deploy")
    reader.an_hour_passes()
    assert reader.standings()[SHOP] is SERVED


def let_one_join_and_close(reader: Reader, inbox: Inbox) -> None:
    """What "When an account comes or goes" says."""
    lacking = build_site(reader.hub.account(NEW).client("ec2"), cidr="10.30", name="new", public=False)
    wait_until_quiet(reader.hub)  # whoever made it, did so before there was a rule that would tell
    reader.stack_sets.join(NEW, UNIT)
    reader.an_hour_passes()
    assert reader.standings()[NEW] is SERVED
    assert not reader.endpoints(NEW, lacking)
    assert "backlog" in row_of(reader.page(), NEW)
    reader.hub.organization.set_state(NEW, "SUSPENDED")
    reader.an_hour_passes()
    assert NEW not in reader.standings()
    assert not [one for one in inbox.notices() if kind_of(one) == "account_lost"]


def remove_one(reader: Reader, inbox: Inbox, lacking: Site) -> None:
    reader.next("sam remote invoke")
    release(reader, SHOP)
    assert not reader.endpoints(SHOP, lacking)
    reader.next("aws cloudformation delete-stack-instances")
    reader.wait_for_spokes()
    with pytest.raises(ClientError, match="NoSuchEntity"):
        reader.may(SHOP, "ec2:CreateVpcEndpoint")
    restart(reader.hub, "ReconcileEndpointsFunction")
    for _ in range(2):
        reader.an_hour_passes()
    assert {one: reader.standings()[one] for one in (SHOP, BILLING)} == {SHOP: LOST, BILLING: SERVED}
    (notice,) = [one for one in inbox.notices() if kind_of(one) == "account_lost"]
    assert SHOP in notice["Subject"]


def release(reader: Reader, account: str) -> None:
    """The page's call, until its answer contains no actions."""
    begins = 'sam remote invoke ReconcileEndpoints --stack-name lifeline --event \'{"release"'

    def is_released() -> bool:
        answer = reader.again(begins, **{SHOP: account})
        assert "errors" not in answer, answer
        return not any(vpc["actions"] for vpc in answer["vpcs"])

    reader.hub.wait(is_released, what=f"the release in {account}", every_s=5)


def remove_all(reader: Reader, old: Site) -> None:
    for account in (BILLING, MANAGEMENT):
        release(reader, account)
    assert not reader.endpoints(BILLING, old)
    of_one = f', "Accounts": ["{SHOP}"], "AccountFilterType": "INTERSECTION"'
    reader.again("aws cloudformation delete-stack-instances", **{of_one: ""})
    reader.next("aws cloudformation delete-stack ", at=reader.management)
    reader.wait_for_spokes()
    reader.next("aws cloudformation delete-stack-set")
    reader.next("sam deploy")
    assert "SpokesBus" not in reader.hub.outputs
    assert "is not an account that this stack serves" in reader.page(account=BILLING)

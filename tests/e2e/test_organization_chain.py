"""A hub and its spokes on the deployed chain: template.yaml by `sam deploy`, and spoke.yaml in each account.

A and C have it as stack sets make it, B by a change set.
"""

import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.store.members import MemberStore
from lifeline.core.organization.members import AccountStanding
from tests.e2e.conftest import MINUTE
from tests.e2e.emulators.account import ACCOUNT_ID as HUB
from tests.e2e.emulators.account import LONG_AGO, REGION, ROOT, STACK, Account
from tests.e2e.emulators.organization import MANAGEMENT, SPOKE_STACK, Spoke, deploy_plain
from tests.e2e.machine import Site, build_site
from tests.e2e.steps import (
    SERVICE_NAME,
    available_endpoint,
    dead_letters_about,
    delete_default_route,
    endpoints_in,
    kinds_about,
    notices_about,
    reconcile,
    restart,
    rules_disabled,
    text_of,
    told,
    wait_until_quiet,
    watched_machine,
)
from tests.e2e.test_coverage_chain import CONTEXT
from tests.e2e.test_limits_chain import two_zones
from tests.support.cloudtrail import Failure, record_call

pytestmark = pytest.mark.chain_more

A, B, C = "222222222222", "333333333333", "444444444444"
SPOKE = ROOT / "spoke.yaml"
SENDER, RECONCILER = f"lifeline-send-{REGION}", f"lifeline-reconcile-{REGION}"
REFUSED = r"(?i)not authorized|denied"
ROOM = {"endpoints_per_day": 100, "vpcs_per_day": 100, "monthly_usd_per_vpc": 10, "monthly_usd": 500}


class World(NamedTuple):
    hub: Account
    a: Spoke
    b: Spoke
    c: Spoke
    given: dict[str, str]  # the parameters of the spokes' template

    def standings(self) -> dict[str, AccountStanding]:
        members = MemberStore(self.hub.outputs["LedgerTable"], self.hub.client("dynamodb")).read()
        return {one.account: one.standing for one in members.active}

    def sweep(self, times: int = 1) -> None:
        """The schedule's sweep, until each account's own is done."""
        for _ in range(times):
            reconcile(self.hub, {"sweep": True})
        wait_until_quiet(self.hub)

    def plan_for(self, spoke: Spoke, site: Site) -> dict[str, Any]:
        """What a call by hand answers of the VPC."""
        (vpc,) = reconcile(self.hub, {"vpc_ids": [site.vpc_id], "account": spoke.account_id})["vpcs"]
        return dict(vpc)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    parameters = {"Accounts": "organization", "DebounceSeconds": "2"}
    with Account(parameters=parameters, policy={"without_approval": ROOM}, minute=MINUTE).closing() as hub:
        hub._parameters["OrganizationId"] = hub.organization.id
        hub.start()
        hub.deploy()
        given = {"HubAccountId": HUB, "HubStackName": STACK, "OrganizationId": hub.organization.id}
        world = World(hub, hub.account(A), hub.account(B), hub.account(C), given)
        for spoke in (world.a, world.b, world.c):
            spoke.deploy_spoke(SPOKE, given, by_change_set=spoke is world.b)
        for account in (HUB, A, B, C):
            hub.enforce_since(LONG_AGO, account)
        world.sweep()
        yield world


def connected(spoke: Spoke, cidr: str, name: str) -> Site:
    return build_site(spoke.client("ec2"), cidr=cidr, name=name)


def cut(spoke: Spoke, site: Site) -> None:
    """Somebody deletes the route out."""
    delete_default_route(spoke.client("ec2"), site)


def repaired(world: World, spoke: Spoke, site: Site) -> dict[str, Any]:
    """The endpoint that Lifeline creates, once it is available."""
    ec2 = spoke.client("ec2")
    found = world.hub.wait(lambda: available_endpoint(ec2, site.vpc_id), what=f"the endpoint in {spoke.account_id}")
    assert len(endpoints(spoke, site)) == 1
    return found


def endpoints(spoke: Spoke, site: Site) -> list[dict[str, Any]]:
    return [one for one in endpoints_in(spoke.client("ec2"), site.vpc_id) if one["State"] != "deleting"]


# ---- what happens in a spoke


def test_the_spokes_stack_creates_nothing_in_the_hubs_own_account(world: World) -> None:
    roles, rules = world.hub.client("iam"), world.hub.client("events")
    deploy_plain(world.hub.client("cloudformation"), SPOKE_STACK, SPOKE, world.given)
    try:
        names = {role["RoleName"] for page in roles.get_paginator("list_roles").paginate() for role in page["Roles"]}
        assert not names & {SENDER, RECONCILER}
        assert not rules.list_rules(NamePrefix=SPOKE_STACK)["Rules"]
    finally:
        world.hub.client("cloudformation").delete_stack(StackName=SPOKE_STACK)


def test_the_first_sweep_enters_the_spokes_and_only_notes_which_account_has_none(world: World) -> None:
    served = dict.fromkeys((A, B, C), AccountStanding.SERVED)
    assert world.standings() == {MANAGEMENT: AccountStanding.NOT_SET_UP, **served}


@pytest.mark.parametrize("which", ["a", "b"])
def test_a_route_deleted_in_a_spoke_is_repaired_and_told_from_the_hub(world: World, which: str) -> None:
    spoke, other = (world.a, world.b) if which == "a" else (world.b, world.a)
    site, untouched = connected(spoke, "10.50", "repair"), connected(other, "10.50", "alike")
    inbox = world.hub.subscribe("NoticesTopic")
    cut(spoke, site)

    endpoint = repaired(world, spoke, site)
    assert (endpoint["ServiceName"], endpoint["OwnerId"]) == (SERVICE_NAME, spoke.account_id)
    assert {"Key": "lifeline:managed-by", "Value": STACK} in endpoint["Tags"]
    assert not endpoints(other, untouched)
    assert not world.hub.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    (notice,) = world.hub.wait(lambda: notices_about(inbox, site.vpc_id), what="the notice")
    assert notice["Subject"].startswith(f"[lifeline {spoke.account_id}] ")
    assert f'"account": "{spoke.account_id}"' in text_of(notice)
    assert not dead_letters_about(world.hub, site.vpc_id, site.route_table_id)


def test_a_silent_agent_of_a_spoke_is_one_incident_with_its_account_and_repaired_there(world: World) -> None:
    site = connected(world.a, "10.51", "silent")
    inbox = world.hub.subscribe("NoticesTopic")
    with watched_machine(world.hub, site, world.a) as agent:
        with rules_disabled(world.hub, world.a):
            cut(world.a, site)
        opened = world.hub.wait(lambda: told(inbox, "incident_opened", agent), what="the incident's notice")
        endpoint = repaired(world, world.a, site)
        resolved = world.hub.wait(lambda: told(inbox, "incident_resolved", agent), what="the recovery's notice")

    for notice in (opened, resolved):
        assert notice["Subject"].startswith(f"[lifeline {A}] ")
        assert f"Account: {A}, {REGION}, stack {STACK}" in text_of(notice)
    assert endpoint["VpcEndpointId"] in text_of(resolved)
    assert kinds_about(inbox, agent) == {"incident_opened": 1, "incident_resolved": 1}


# ---- calls for a spoke


def test_a_plan_of_a_spoke_is_approved_by_a_call_with_its_account_and_by_none_without(world: World) -> None:
    site = two_zones(world.a.client("ec2"), "10.52", "approval")
    inbox = world.hub.subscribe("NoticesTopic")
    cut(world.a, site)
    wait_until_quiet(world.hub)
    assert not endpoints(world.a, site)
    plan_id = world.plan_for(world.a, site)["approval"]["plan_id"]
    (notice, *_) = notices_about(inbox, site.vpc_id)
    assert f'{{"approve": "{plan_id}", "account": "{A}"}}' in text_of(notice)

    for elsewhere in ({}, {"account": B}):
        assert "errors" in reconcile(world.hub, {"approve": plan_id, **elsewhere})
    assert not endpoints(world.a, site)
    (vpc,) = reconcile(world.hub, {"approve": plan_id, "account": A})["vpcs"]
    assert (vpc["vpc_id"], vpc["outcome"]) == (site.vpc_id, "changed")
    (endpoint,) = endpoints(world.a, site)
    assert len(endpoint["SubnetIds"]) == 2


def test_a_frozen_vpc_of_a_spoke_is_let_be_until_it_is_unfrozen(world: World) -> None:
    site = connected(world.b, "10.53", "frozen")
    call = {"vpc_ids": [site.vpc_id], "account": B}
    assert "errors" not in reconcile(world.hub, {**call, "freeze": True})
    cut(world.b, site)
    wait_until_quiet(world.hub)
    assert not endpoints(world.b, site)
    assert "errors" not in reconcile(world.hub, {**call, "unfreeze": True})
    reconcile(world.hub, call)
    assert len(endpoints(world.b, site)) == 1


def test_a_release_in_a_spoke_deletes_what_was_made_there_and_nothing_comes_back(world: World) -> None:
    released, kept = connected(world.a, "10.54", "released"), connected(world.b, "10.54", "kept")
    for spoke, site in ((world.a, released), (world.b, kept)):
        cut(spoke, site)
    for spoke, site in ((world.a, released), (world.b, kept)):
        repaired(world, spoke, site)

    answer = reconcile(world.hub, {"vpc_ids": [released.vpc_id], "release": True, "account": A})
    assert "errors" not in answer
    world.hub.wait(lambda: not endpoints(world.a, released), what="the release")
    world.sweep()
    assert not endpoints(world.a, released)
    assert len(endpoints(world.b, kept)) == 1


# ---- the page


def show(world: World, **call: Any) -> str:
    """What the dashboard's widget shows to a person."""
    answer = world.hub.invoke("CoveragePageFunction", {**call, "widgetContext": CONTEXT})
    assert not answer.error, answer.logs
    return unescape(str(answer.payload))


def row_of(page: str, account: str) -> str:
    (row,) = [
        one for one in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if f">{account}</" in one.partition("<td>")[0]
    ]
    return str(row)


def test_the_page_shows_the_organization_and_opens_an_account_live(world: World) -> None:
    site = connected(world.b, "10.57", "shown")
    assert "errors" not in reconcile(world.hub, {"vpc_ids": [site.vpc_id], "freeze": True, "account": B})
    cut(world.b, site)
    wait_until_quiet(world.hub)
    world.sweep()

    page = show(world)
    assert "1 VPC with a freeze" in row_of(page, B)
    assert "not set up" in row_of(page, MANAGEMENT)
    assert f'{{"account":"{B}"}}' in page, "the button that opens the account"

    live = show(world, account=B)
    assert site.vpc_id in live
    assert B in live
    assert site.vpc_id not in show(world, account=A), "an account shows its own VPCs"
    reconcile(world.hub, {"vpc_ids": [site.vpc_id], "unfreeze": True, "account": B})
    assert "freeze" not in row_of(show(world), B), "what is frozen is on record at once"
    assert "is not an account that this stack serves" in show(world, account="999999999999")


# ---- a spoke that can't be entered


def test_a_spoke_whose_role_is_broken_is_told_once_and_the_others_go_on(world: World) -> None:
    broken, whole = connected(world.c, "10.55", "broken"), connected(world.b, "10.55", "whole")
    inbox, iam = world.hub.subscribe("NoticesTopic"), world.c.client("iam")
    trust = iam.get_role(RoleName=RECONCILER)["Role"]["AssumeRolePolicyDocument"]
    (allowed,) = trust["Statement"]
    shut = {**trust, "Statement": [{**allowed, "Effect": "Deny"}]}
    iam.update_assume_role_policy(RoleName=RECONCILER, PolicyDocument=json.dumps(shut))
    restart(world.hub, "ReconcileEndpointsFunction")

    for spoke, site in ((world.c, broken), (world.b, whole)):
        cut(spoke, site)
    repaired(world, world.b, whole)
    world.hub.wait(lambda: world.standings()[C] is AccountStanding.LOST, what="the loss")
    world.sweep(times=2)

    assert not endpoints(world.c, broken)
    assert world.standings()[C] is AccountStanding.LOST
    assert world.standings()[B] is AccountStanding.SERVED
    (notice,) = [one for one in inbox.notices() if "lost" in one["Subject"]]
    assert notice["Subject"] == f"[lifeline] account {C} (team-444) lost: its role can't be assumed"
    assert not dead_letters_about(world.hub, broken.route_table_id, broken.vpc_id)

    iam.update_assume_role_policy(RoleName=RECONCILER, PolicyDocument=json.dumps(trust))
    reconcile(world.hub, {"sweep": True})
    repaired(world, world.c, broken)  # the sweep finds what was missed meanwhile
    assert world.standings()[C] is AccountStanding.SERVED


# ---- forgeries: an account's administrator, who may do anything there


def mallory(world: World) -> Callable[[str], Any]:
    """Clients of A's sending role in the hands of A's administrator, who has given it every permission."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    world.a.client("iam").put_role_policy(RoleName=SENDER, PolicyName="more", PolicyDocument=document)
    return world.a.assume(SENDER, "mallory")


def refusal_in_b(vpc_id: str) -> dict[str, Any]:
    """What CloudTrail would say if private DNS of Lifeline's endpoint stood in somebody's way: that it moves aside."""
    words = f"there is already a conflicting DNS domain for monitoring.{REGION}.amazonaws.com in the VPC {vpc_id}"
    request = {"VpcId": vpc_id, "ServiceName": SERVICE_NAME, "VpcEndpointType": "Interface", "PrivateDnsEnabled": True}
    failure = Failure("InvalidParameter", f"private-dns-enabled cannot be set because {words}")
    return record_call("CreateVpcEndpoint", request, failure=failure, account=B)


def test_nothing_that_an_account_forges_changes_anything_in_another(world: World) -> None:
    site = connected(world.b, "10.56", "victim")
    cut(world.b, site)
    before = repaired(world, world.b, site)
    clients = mallory(world)
    record = refusal_in_b(site.vpc_id)
    entry = {"Source": "aws.ec2", "DetailType": record["detail-type"], "Detail": json.dumps(record["detail"])}
    bus = {"EventBusName": world.hub.outputs["SpokesBus"]}
    release = {"vpc_ids": [site.vpc_id], "release": True, "account": B}

    for sqs in (clients("sqs"), world.a.client("sqs")):
        for queue in ("ChangesQueue", "RepairRequestsQueue", "DeadLetterQueue"):
            for body in (record, release):
                with pytest.raises(ClientError, match=REFUSED):
                    sqs.send_message(QueueUrl=world.hub.outputs[queue], MessageBody=json.dumps(body))
    for events in (clients("events"), world.a.client("events")):
        for more in ({}, bus):
            assert not sent(events, {**entry, **more})
    assert not sent(clients("events"), {**entry, **bus, "Source": "lifeline.forged"})
    assert sent(clients("events"), {**entry, "Source": "lifeline.forged"}), "on A's own bus, which no rule sends on"

    world.sweep()
    (after,) = endpoints(world.b, site)
    assert after == before
    assert not dead_letters_about(world.hub, site.vpc_id)


def sent(events: Any, entry: dict[str, str]) -> bool:
    """Whether EventBridge took the event."""
    try:
        return not events.put_events(Entries=[entry])["FailedEntryCount"]
    except ClientError as error:
        if not re.search(REFUSED, str(error)):
            raise
        return False


def test_no_one_but_the_hubs_own_role_enters_a_spoke(world: World) -> None:
    asked = {"RoleArn": f"arn:aws:iam::{B}:role/{RECONCILER}", "RoleSessionName": "mallory"}
    for sts in (world.hub.client("sts"), world.a.client("sts"), mallory(world)("sts")):
        with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
            sts.assume_role(**asked)

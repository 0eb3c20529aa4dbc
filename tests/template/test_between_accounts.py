"""Who gets from one account into another: the policies of hub and spoke as IAM reads them, both sides together."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tools.template import names_of, read_template

from tests.support.policies import ACCOUNT, ASSUME, Caller, Stack, Values, is_allowed, may_assume
from tests.support.repository import ROOT

HUB_TEMPLATE, SPOKE_TEMPLATE = read_template(), read_template(ROOT / "spoke.yaml")
SPOKE, OTHER_SPOKE, STRANGER = "210987654321", "333333333333", "999999999999"
ORG, OTHER_ORG = "o-a1b2c3d4e5", "o-z9y8x7w6v5"
CALL, STATE = "AWS API Call via CloudTrail", "EC2 Instance State-change Notification"
EVERYTHING = ({"Effect": "Allow", "Action": "*", "Resource": "*"},)
JOBS = ("ReconcileRole", "DetectRole", "CoverageRole")
HUB = Stack(HUB_TEMPLATE, {"Accounts": "organization", "OrganizationId": ORG})
PATHED = Stack(HUB_TEMPLATE, {"Accounts": SPOKE, "OrganizationId": ORG, "RolePath": "/platform/"})


def spoke(account: str = SPOKE, **parameters: str) -> Stack:
    given = {"HubAccountId": ACCOUNT, "OrganizationId": ORG, **parameters}
    return Stack(SPOKE_TEMPLATE, given, stack_name="StackSet-lifeline", account=account)


def session(stack: Stack, role: str, org: str = ORG, **context: str) -> Caller:
    """A session of a stack's role, with what AWS says of it: the role's own ARN, and its account's organization."""
    keys = {"aws:PrincipalArn": stack.arn(role), "aws:PrincipalOrgID": org, "aws:ResourceOrgID": ORG, **context}
    return Caller(stack.account, tuple(stack.statements(role)), context=keys)


def person(name: str, account: str, org: str = ORG) -> Caller:
    """Somebody whose own policies allow everything; without an organization, their account is in none."""
    keys: dict[str, Values] = {"aws:PrincipalArn": f"arn:aws:iam::{account}:{name}", "aws:ResourceOrgID": ORG}
    return Caller(account, EVERYTHING, context=keys | ({"aws:PrincipalOrgID": org} if org else {}))


def service(name: str, **context: str) -> Caller:
    keys = {f"aws:{key}": value for key, value in context.items()} | {"aws:PrincipalIsAWSService": "true"}
    return Caller(account="", service=f"{name}.amazonaws.com", context=keys)


# ---- onto the bus


def may_put(caller: Caller, source: str = "aws.ec2", detail_type: str = CALL, *, hub: Stack = HUB) -> bool:
    context: dict[str, Values] = {"events:source": source, "events:detail-type": detail_type}
    bus, policy = hub.arn("SpokesBus"), hub.bus_policy("SpokesBus")
    return is_allowed(caller, "events:PutEvents", bus, resource_policy=policy, context=context)


SENDER = session(spoke(), "SendRole")
STRONG = replace(SENDER, policy=EVERYTHING)  # whoever administers a spoke can give the role any permission
SEND = "role/lifeline-send-us-east-1"


def test_each_spokes_rules_put_ec2s_events_on_the_bus() -> None:
    for account in (SPOKE, OTHER_SPOKE):
        for detail_type in (CALL, STATE):
            assert may_put(session(spoke(account), "SendRole"), detail_type=detail_type)
    assert may_put(session(spoke(RolePath="/platform/"), "SendRole"), hub=PATHED)
    named = Stack(HUB_TEMPLATE, {"Accounts": SPOKE, "OrganizationId": ORG, "SpokePrefix": "net"})
    assert may_put(session(spoke(Prefix="net"), "SendRole"), hub=named)


@pytest.mark.parametrize(
    ("source", "detail_type"),
    [
        ("lifeline", CALL),
        ("aws.rds", CALL),
        ("aws.ec2x", CALL),
        ("", CALL),
        ("aws.ec2", "Scheduled Event"),
        ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
        ("aws.ec2", "VPC reconciled"),
    ],
)
def test_no_other_event_gets_onto_the_bus_whatever_the_senders_own_policy_allows(source: str, detail_type: str) -> None:
    assert may_put(STRONG)
    assert not may_put(STRONG, source, detail_type)


OTHER_SENDERS = {
    "an administrator of the spoke": person("role/admin", SPOKE),
    "the spoke's root user": person("root", SPOKE),
    "a user of the role's name": person("user/lifeline-send-us-east-1", SPOKE),
    "a role whose name begins alike": person(f"{SEND}2", SPOKE),
    "a role whose name ends alike": person("role/my-lifeline-send-us-east-1", SPOKE),
    "the sender of another region": person("role/lifeline-send-eu-west-1", SPOKE),
    "the sender of another hub": person("role/net-send-us-east-1", SPOKE),
    "a role of that name in a path": person("role/team-b/lifeline-send-us-east-1", SPOKE),
    "the role in which the hub acts": replace(session(spoke(), "ReconcileRole"), policy=EVERYTHING),
    "that role of another organization": person(SEND, STRANGER, OTHER_ORG),
    "that role of no organization": person(SEND, STRANGER, ""),
    "an administrator of another organization": person("role/admin", STRANGER, OTHER_ORG),
    "nobody": Caller(account=""),
    "EventBridge without a role": service("events", SourceAccount=SPOKE, SourceOrgID=ORG),
}


@pytest.mark.parametrize("who", OTHER_SENDERS)
def test_nobody_else_puts_anything_on_the_bus_whatever_their_own_policies_allow(who: str) -> None:
    assert not may_put(OTHER_SENDERS[who])


def test_nobody_in_a_spoke_reaches_a_queue_of_the_hub() -> None:
    for queue in names_of(HUB_TEMPLATE, "AWS::SQS::Queue"):
        for who in (SENDER, STRONG, *OTHER_SENDERS.values()):
            policy = HUB.queue_policy(queue)
            assert not is_allowed(who, "sqs:SendMessage", HUB.arn(queue), resource_policy=policy), queue


def test_the_buss_rule_delivers_to_changes_as_the_hubs_other_rules_do_and_only_in_a_hub() -> None:
    for stack in (HUB, Stack(HUB_TEMPLATE)):
        arn = stack.arn("SpokesRule")
        rule = service("events", SourceArn=arn, SourceAccount=ACCOUNT)
        queues = {
            queue
            for queue in names_of(HUB_TEMPLATE, "AWS::SQS::Queue")
            if is_allowed(rule, "sqs:SendMessage", stack.arn(queue), resource_policy=stack.queue_policy(queue))
        }
        assert queues == ({"Changes", "DeadLetters"} if stack is HUB else set())


def test_the_sending_role_sends_to_the_hubs_bus_and_does_nothing_else() -> None:
    (granted,) = spoke().statements("SendRole")
    assert (granted["Action"], granted["Resource"]) == ("events:PutEvents", HUB.arn("SpokesBus"))
    for other in (HUB.arn("SpokesBus").replace(ACCOUNT, STRANGER), HUB.arn("SpokesBus") + "2", "*"):
        assert not is_allowed(SENDER, "events:PutEvents", other, owner=SPOKE)
    elsewhere = spoke(HubBusArn=f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/other")
    assert [one["Resource"] for one in elsewhere.statements("SendRole")] == [
        f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/other"
    ]


def test_only_eventbridge_of_the_same_account_assumes_the_sending_role() -> None:
    role, trust = spoke().arn("SendRole"), spoke().trust("SendRole")
    assert may_assume(service("events", SourceAccount=SPOKE), role, trust=trust)
    refused = [
        service("events", SourceAccount=STRANGER),
        service("events"),
        service("lambda", SourceAccount=SPOKE),
        person("role/admin", SPOKE),
        person("root", SPOKE),
        session(HUB, "ReconcileRole"),
        replace(session(HUB, "ReconcileRole"), policy=EVERYTHING),
    ]
    assert not [one for one in refused if may_assume(one, role, trust=trust)]


# ---- into a spoke


def enters(caller: Caller, there: Stack) -> set[str]:
    """The roles of the spoke that the caller may assume."""
    return {name for name in JOBS if may_assume(caller, there.arn(name), trust=there.trust(name))}


@pytest.mark.parametrize("role", JOBS)
def test_each_of_the_hubs_roles_assumes_the_one_of_its_job_in_every_spoke(role: str) -> None:
    for account in (SPOKE, OTHER_SPOKE):
        assert enters(session(HUB, role), spoke(account)) == {role}
    assert enters(session(PATHED, role), spoke(RolePath="/platform/")) == {role}
    long = replace(HUB, stack_name="h" * 34)
    assert enters(session(long, role), spoke(HubStackName="h" * 34)) == {role}


@pytest.mark.parametrize("role", JOBS)
def test_a_role_of_the_hub_that_could_do_everything_still_gets_into_its_own_role_only(role: str) -> None:
    assert enters(replace(session(HUB, role), policy=EVERYTHING), spoke()) == {role}


INTRUDERS = {
    "an administrator of the hub": person("role/admin", ACCOUNT),
    "the hub's root user": person("root", ACCOUNT),
    "a user of the hub": person("user/lifeline-ReconcileRole-us-east-1", ACCOUNT),
    "the role that starts the functions": replace(session(HUB, "ScheduleRole"), policy=EVERYTHING),
    "a role of another stack in the hub's account": person("role/lifeline-2-ReconcileRole-us-east-1", ACCOUNT),
    "a role whose name ends alike": person("role/my-lifeline-ReconcileRole-us-east-1", ACCOUNT),
    "a role of that name in a path": person("role/team-b/lifeline-ReconcileRole-us-east-1", ACCOUNT),
    "a role whose name is cut": person("role/lifeline-ReconcileRole", ACCOUNT),
    "a role whose name begins alike": person("role/lifeline-ReconcileRole-us-east-1-x", ACCOUNT),
    "a role of a name that CloudFormation might give": person("role/lifeline-ReconcileRole-1A2B3C4D5E6F7", ACCOUNT),
    "the role of a hub in another region": person("role/lifeline-ReconcileRole-eu-west-1", ACCOUNT),
    "the hub's role, whose account left the organization": person("role/lifeline-ReconcileRole-us-east-1", ACCOUNT, ""),
    "the hub's role in another organization": person("role/lifeline-ReconcileRole-us-east-1", ACCOUNT, OTHER_ORG),
    "a role of that name in another account": person("role/lifeline-ReconcileRole-us-east-1", OTHER_SPOKE),
    "a role of that name in another organization": person("role/lifeline-ReconcileRole-us-east-1", STRANGER, OTHER_ORG),
    "an administrator of the spoke": person("role/admin", SPOKE),
    "the spoke's sender": replace(session(spoke(), "SendRole"), policy=EVERYTHING),
    "a role of that name in the spoke": person("role/lifeline-ReconcileRole-us-east-1", SPOKE),
    "the role of another spoke": replace(session(spoke(OTHER_SPOKE), "ReconcileRole"), policy=EVERYTHING),
    "nobody": Caller(account=""),
    "Lambda": service("lambda", SourceAccount=ACCOUNT),
}


@pytest.mark.parametrize("who", INTRUDERS)
def test_nobody_else_gets_into_a_spoke_whatever_their_own_policies_allow(who: str) -> None:
    assert enters(INTRUDERS[who], spoke()) == set()


def test_without_its_path_a_role_of_the_hub_is_another() -> None:
    assert enters(session(HUB, "ReconcileRole"), spoke(RolePath="/platform/")) == set()
    assert enters(session(PATHED, "ReconcileRole"), spoke()) == set()


@pytest.mark.parametrize("role", JOBS)
def test_the_hubs_own_policies_let_it_into_no_other_role_and_no_other_organization(role: str) -> None:
    caller, mine = session(HUB, role), spoke().arn(role)

    def may(arn: str, caller: Caller = caller) -> bool:
        return is_allowed(caller, ASSUME, arn)

    assert may(mine)
    others = [spoke().arn(name) for name in ("SendRole", *JOBS) if name != role]
    names = (
        "OrganizationAccountAccessRole",
        "AWSControlTowerExecution",
        "admin",
        "team-b/lifeline-reconcile-us-east-1",
    )
    others += [f"arn:aws:iam::{SPOKE}:role/{name}" for name in names]
    others += [mine.replace("us-east-1", "eu-west-1"), f"{mine}2", HUB.arn("ReconcileRole")]
    assert [arn for arn in others if may(arn)] == []
    assert not may(mine, session(HUB, role, **{"aws:ResourceOrgID": OTHER_ORG}))
    in_no_organization = replace(caller, context={"aws:PrincipalArn": HUB.arn(role)})
    assert not may(mine, in_no_organization)
    assert not may(mine, session(Stack(HUB_TEMPLATE), role))  # a stack without accounts


# ---- what is there to be found


@pytest.mark.parametrize("role", JOBS)
def test_in_a_spoke_the_hub_changes_only_what_its_own_stack_made(role: str) -> None:
    there = session(spoke(HubStackName="net-hub"), role)
    endpoint = f"arn:aws:ec2:us-east-1:{SPOKE}:vpc-endpoint/vpce-0123456789abcdef0"
    tag = "aws:ResourceTag/lifeline:managed-by"
    for action in ("ec2:DeleteVpcEndpoints", "ec2:ModifyVpcEndpoint"):
        verdicts = {
            owner: is_allowed(there, action, endpoint, context={tag: owner}, owner=SPOKE)
            for owner in ("net-hub", "lifeline", "StackSet-lifeline", "")
        }
        assert verdicts == {"net-hub": role == "ReconcileRole"} | dict.fromkeys(list(verdicts)[1:], False)
    abroad = endpoint.replace(SPOKE, OTHER_SPOKE)
    assert not is_allowed(there, "ec2:DeleteVpcEndpoints", abroad, context={tag: "net-hub"}, owner=SPOKE)


def principals(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every statement of a template that names a principal."""
    if isinstance(value, dict):
        if "Principal" in value:
            yield value
        for part in value.values():
            yield from principals(part)
    elif isinstance(value, list):
        for part in value:
            yield from principals(part)


@pytest.mark.parametrize("template", [HUB_TEMPLATE, SPOKE_TEMPLATE], ids=["hub", "spoke"])
def test_no_statement_lets_everybody_in_without_a_condition(template: dict[str, Any]) -> None:
    found = list(principals(template["Resources"]))
    assert found
    for one in found:
        is_anybody = one["Principal"] == "*" or "*" in str(one["Principal"])
        if one["Effect"] == "Allow" and is_anybody:
            assert one["Condition"]["StringEquals"]["aws:PrincipalOrgID"] == {"Ref": "OrganizationId"}
            assert "aws:PrincipalArn" in one["Condition"]["ArnLike"]
        if one["Effect"] == "Allow" and ":root" in str(one["Principal"]):
            (arn, _) = one["Condition"]["ArnEquals"]["aws:PrincipalArn"]["Fn::Sub"]
            assert "*" not in arn

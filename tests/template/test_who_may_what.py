"""Who may put messages on Lifeline's queues, and what each role may do: the template's policies as IAM reads them."""

import json
import re
from typing import Any

import pytest
from tools.template import names_of, read_template

from lifeline.core.requests.scheduled import ALIAS, check_scheduled
from tests.support.expanded import expanded
from tests.support.policies import ACCOUNT, Caller, Stack, is_allowed
from tests.support.repository import ROOT

TEMPLATE = read_template()
STACK = Stack(TEMPLATE)
QUEUES = names_of(TEMPLATE, "AWS::SQS::Queue")
RULES = list(filter(STACK.exists, names_of(TEMPLATE, "AWS::Events::Rule")))
ROLES = names_of(TEMPLATE, "AWS::IAM::Role")
FUNCTIONS = names_of(TEMPLATE, "AWS::Serverless::Function")
SCHEDULED = {"ReconcileEndpoints": {"sweep": True}, "DetectMetricGaps": {"detect": True}}
EVERYTHING = ({"Effect": "Allow", "Action": "*", "Resource": "*"},)
ELSEWHERE = "210987654321"
SEND, MOVE = "sqs:SendMessage", "sqs:StartMessageMoveTask"


def role(name: str, stack: Stack = STACK) -> Caller:
    """A session of one of the stack's roles: aws:PrincipalArn is the role's ARN (IAM guide: global condition keys)."""
    return Caller(policy=tuple(stack.statements(name)), context={"aws:PrincipalArn": stack.arn(name)})


def rule(arn: str) -> Caller:
    """EventBridge for a rule, whose ARN is aws:SourceArn. A service principal has no aws:PrincipalArn."""
    context = {"aws:SourceArn": arn, "aws:SourceAccount": ACCOUNT, "aws:PrincipalIsAWSService": "true"}
    return Caller(account="", service="events.amazonaws.com", context=context)


def person(arn: str, account: str = ACCOUNT) -> Caller:
    """Somebody whose own policies allow everything."""
    return Caller(account, EVERYTHING, context={"aws:PrincipalArn": arn})


OTHERS = {
    "an administrator": person(f"arn:aws:iam::{ACCOUNT}:role/admin"),
    "the root user": person(f"arn:aws:iam::{ACCOUNT}:root"),
    "a user": person(f"arn:aws:iam::{ACCOUNT}:user/mallory"),
    "a role whose name begins alike": person(f"{STACK.arn('ReconcileRole')}2"),
    "a role of that name in a path": person(f"arn:aws:iam::{ACCOUNT}:role/team-b/lifeline-ReconcileRole-EXAMPLE"),
    "a role of that name elsewhere": person(STACK.arn("ReconcileRole").replace(ACCOUNT, ELSEWHERE), ELSEWHERE),
    "another account": person(f"arn:aws:iam::{ELSEWHERE}:role/admin", ELSEWHERE),
    "nobody": Caller(account=""),
    "another rule": rule(f"arn:aws:events:us-east-1:{ACCOUNT}:rule/team-b"),
    "another account's rule": rule(STACK.arn("TagRule").replace(ACCOUNT, ELSEWHERE)),
    "another region's rule": rule(STACK.arn("TagRule").replace("us-east-1", "eu-west-1")),
    "a bucket": Caller(account="", service="s3.amazonaws.com", context={"aws:SourceArn": "arn:aws:s3:::team-b"}),
    "a topic": Caller(
        account="",
        service="sns.amazonaws.com",
        context={"aws:SourceArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:team-b"},
    ),
}


def may_send(caller: Caller, queue: str, stack: Stack = STACK) -> bool:
    return is_allowed(caller, SEND, stack.arn(queue), resource_policy=stack.queue_policy(queue))


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("who", OTHERS)
def test_nobody_else_puts_a_message_on_a_queue_whatever_their_own_policies_allow(who: str, queue: str) -> None:
    assert not may_send(OTHERS[who], queue)


def test_the_rules_deliver_to_the_queue_of_changes_and_what_they_cannot_deliver_to_the_dead_letters() -> None:
    for name in RULES:
        assert {queue for queue in QUEUES if may_send(rule(STACK.arn(name)), queue)} == {"Changes", "DeadLetters"}


def test_each_role_sends_to_its_own_queues_only() -> None:
    sends = {name: {queue for queue in QUEUES if may_send(role(name), queue)} for name in ROLES}
    assert sends == {
        "ReconcileRole": {"Changes", "DeadLetters"},
        "DetectRole": {"RepairRequests", "Checks"},
        "ScheduleRole": set(),
        "CoverageRole": set(),
    }


def test_a_role_that_could_do_everything_would_still_be_kept_from_the_others_queues() -> None:
    strong = {name: Caller(policy=EVERYTHING, context={"aws:PrincipalArn": STACK.arn(name)}) for name in ROLES}
    sends = {name: {queue for queue in QUEUES if may_send(caller, queue)} for name, caller in strong.items()}
    assert sends["DetectRole"] == {"RepairRequests", "Checks"}
    assert sends["CoverageRole"] == sends["ScheduleRole"] == set()
    assert sends["ReconcileRole"] == {"Changes", "DeadLetters"}


def test_a_hub_alone_sends_sweeps_of_accounts_and_no_event_or_person_gets_onto_their_queue() -> None:
    hub = Stack(TEMPLATE, {"Accounts": ELSEWHERE, "OrganizationId": "o-a1b2c3d4e5"})
    assert may_send(role("ReconcileRole", hub), "RepairRequests", hub)
    assert not may_send(role("ReconcileRole"), "RepairRequests")
    for name in [*RULES, "SpokesRule"]:
        assert not may_send(rule(hub.arn(name)), "RepairRequests", hub)
    assert not [who for who, other in OTHERS.items() if may_send(other, "RepairRequests", hub)]


def test_dead_letters_are_moved_back_by_those_alone_who_are_named_for_it() -> None:
    replayer, other = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("sso/operator-1a2b", "sso/developer"))
    stack = Stack(TEMPLATE, {"ReplayPrincipals": f"arn:aws:iam::{ACCOUNT}:role/sso/operator-*,arn:aws:iam::1:user/x"})
    assert may_send(person(replayer), "Changes", stack)
    assert not may_send(person(other), "Changes", stack)
    assert not may_send(person(replayer), "Changes", STACK)
    assert {queue for queue in QUEUES if may_send(person(replayer), queue, stack)} == {"Changes"}
    for stack_ in (STACK, stack):
        assert may_send(role("ReconcileRole", stack_), "Changes", stack_)
        assert may_send(rule(stack_.arn("TagRule")), "Changes", stack_)
    for action in (MOVE, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"):
        policy = STACK.queue_policy("DeadLetters")
        assert is_allowed(person(replayer), action, STACK.arn("DeadLetters"), resource_policy=policy)


def test_every_queue_has_a_policy_and_each_policy_is_for_one_queue() -> None:
    named = [
        one["Properties"]["Queues"] for one in TEMPLATE["Resources"].values() if one["Type"].endswith("QueuePolicy")
    ]
    assert sorted(name["Ref"] for names in named for name in names) == sorted(QUEUES)
    assert all(len(names) == 1 for names in named)


# ---- no role can use another's power


def writes(name: str, stack: Stack = STACK) -> set[str]:
    """The partitions of the ledger that the role may write, by any call that writes."""
    calls = [f"dynamodb:{call}Item" for call in ("Put", "Update", "Delete", "BatchWrite")]
    table, who = stack.arn("Ledger"), role(name, stack)
    return {
        key
        for key in PARTITIONS | OF_ACCOUNTS | OF_A_HUBS_DETECTOR | FOREIGN
        if any(is_allowed(who, call, table, context={"dynamodb:LeadingKeys": (key,)}) for call in calls)
    }


HERE = f"{ACCOUNT}#us-east-1"
DETECTORS = {
    "DETECTOR_DENIED",
    "DETECTOR_FAILED",
    "ROSTER#agents",
    "INCIDENTS#agents",
    f"INCIDENT_LOG#VPC#{HERE}#vpc-0123456789abcdef0",
    f"INCIDENT_LOG#REGION#{HERE}",
}
LISTS = {
    "ATTRIBUTES",
    "AUTHORIZED",
    "BUDGET",
    "CHANGES",
    "CLAIMED",
    "DENIED",
    "EVENT_PATH",
    "EXEMPTIONS",
    "FROZEN",
    "KILL_SWITCH",
    "LIMITS",
    "PATHS",
    "POLICY",
    "RELEASING",
    "RETIRING",
    "ROUTED",
    "TAGS",
    "WAITING",
}
RECONCILERS = LISTS | {
    f"VPC#{HERE}#vpc-0123456789abcdef0",
    f"REGION#{HERE}",
    "APPROVAL#plan-0123456789abcdef",
}
PARTITIONS = DETECTORS | RECONCILERS
OF_BOTH = {"EVENT_PATH_CAUSES"}  # which each may tell people of
OF_A_HUBS_DETECTOR = {"DETECTOR_RUNS"}
OF_ACCOUNTS = OF_BOTH | {"ACCOUNTS"} | {f"{name}@{ELSEWHERE}/us-east-1" for name in LISTS}
FOREIGN = {"BUDGETS", "FROZEN2@x", "ACCOUNTS@x", "@x", "", "OTHER", f"OTHER@{ELSEWHERE}/us-east-1"}  # nobody's


def test_each_role_writes_its_own_partitions_of_the_ledger_and_no_others() -> None:
    none: dict[str, set[str]] = {name: set() for name in ("ScheduleRole", "CoverageRole")}
    assert {name: writes(name) for name in ROLES} == {"ReconcileRole": RECONCILERS, "DetectRole": DETECTORS, **none}


def test_a_hub_writes_the_same_of_each_account_and_the_list_of_accounts() -> None:
    hub = Stack(TEMPLATE, {"Accounts": "organization", "OrganizationId": "o-a1b2c3d4e5"})
    none: dict[str, set[str]] = {name: set() for name in ("ScheduleRole", "CoverageRole")}
    expected = {
        "ReconcileRole": RECONCILERS | OF_ACCOUNTS,
        "DetectRole": DETECTORS | OF_BOTH | OF_A_HUBS_DETECTOR,
        **none,
    }
    assert {name: writes(name, hub) for name in ROLES} == expected


def test_a_batch_with_one_foreign_item_is_refused_and_so_is_a_request_without_a_key() -> None:
    table = STACK.arn("Ledger")
    for name, foreign in (("ReconcileRole", "ROSTER#agents"), ("DetectRole", "FROZEN")):
        own = sorted(PARTITIONS & (DETECTORS if name == "DetectRole" else RECONCILERS))[:2]
        for keys, may in (((*own,), True), ((*own, foreign), False)):
            context = {"dynamodb:LeadingKeys": keys}
            for call in ("dynamodb:PutItem", "dynamodb:UpdateItem"):
                assert is_allowed(role(name), call, table, context=context) is may
        assert not is_allowed(role(name), "dynamodb:PutItem", table)


def test_the_partitions_are_those_of_the_architecture_and_of_who_writes_them() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| `[^`]+` \| .*\| ([RDP, ]+) \| [RDP, ]+ \|$", _page("The ledger"), re.MULTILINE)
    kinds = {_kind(key) for key in PARTITIONS | OF_ACCOUNTS | OF_A_HUBS_DETECTOR}
    assert {_kind(key) for key, _ in rows} == kinds
    for key, writers in rows:
        written = {"D": DETECTORS | OF_A_HUBS_DETECTOR, "R": RECONCILERS | OF_ACCOUNTS, "R, D": OF_BOTH}
        of = {_kind(one) for one in written[writers]}
        assert _kind(key) in of, key


def _page(heading: str) -> str:
    return (ROOT / "docs/architecture.md").read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _kind(key: str) -> str:
    name, _, rest = key.partition("@")[0].partition("#")
    return f"{name}#{rest.partition('#')[0]}" if name == "INCIDENT_LOG" else name


@pytest.mark.parametrize("name", ["DetectRole", "CoverageRole"])
def test_nobody_but_people_and_its_triggers_invokes_what_changes_networks(name: str) -> None:
    function, granted = STACK.arn("ReconcileEndpoints"), STACK.statements(name)
    assert not is_allowed(role(name), "lambda:InvokeFunction", function)
    services = {action.partition(":")[0] for one in granted for action in _listed(one["Action"])}
    assert services.isdisjoint({"lambda", "sts", "scheduler"})
    assert not is_allowed(role(name), "sts:AssumeRole", STACK.arn("ReconcileRole"))


def test_the_schedules_start_the_two_functions_by_their_own_door_and_nothing_else() -> None:
    for function in FUNCTIONS:
        arn = STACK.arn(function)
        opened = {
            door
            for door in ("", f":{ALIAS}", ":$LATEST", ":1", f":{ALIAS}s")
            if is_allowed(role("ScheduleRole"), "lambda:InvokeFunction", f"{arn}{door}")
        }
        assert opened == ({f":{ALIAS}"} if function in SCHEDULED else set()), function
    (granted,) = STACK.statements("ScheduleRole")
    assert granted["Action"] == "lambda:InvokeFunction"
    trust = TEMPLATE["Resources"]["ScheduleRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert [one["Principal"] for one in trust] == [{"Service": "scheduler.amazonaws.com"}]


def test_each_schedule_sends_what_the_door_takes_to_the_code_that_is_deployed() -> None:
    found = {}
    for name in names_of(TEMPLATE, "AWS::Scheduler::Schedule"):
        target = TEMPLATE["Resources"][name]["Properties"]["Target"]
        assert target["RoleArn"] == {"Fn::GetAtt": "ScheduleRole.Arn"}
        alias = TEMPLATE["Resources"][target["Arn"]["Ref"]]["Properties"]
        assert (alias["Name"], alias["FunctionVersion"]) == (ALIAS, "$LATEST")
        sent = found[alias["FunctionName"]["Ref"]] = json.loads(target["Input"])
        check_scheduled(sent, STACK.arn(target["Arn"]["Ref"]), call=next(iter(sent)))
    assert found == SCHEDULED


def test_a_missed_check_of_agents_is_not_made_up_for_by_lambda_however_the_function_is_invoked() -> None:
    made = expanded()["Resources"]
    configs = {
        one["Properties"].pop("Qualifier"): one["Properties"]
        for one in made.values()
        if one["Type"] == "AWS::Lambda::EventInvokeConfig"
    }
    assert configs.keys() == {"$LATEST", ALIAS}
    for config in configs.values():
        assert config["FunctionName"] == {"Ref": "DetectMetricGaps"}
        assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (0, 60)


def test_no_role_but_one_changes_anything_in_ec2() -> None:
    for name in ("DetectRole", "CoverageRole"):
        actions = {action for one in STACK.statements(name) for action in _listed(one["Action"])}
        changing = {one for one in actions if one.startswith("ec2:")} - {
            one for one in actions if one.startswith(("ec2:Describe", "ec2:Get"))
        }
        assert changing == set()


def test_the_roles_receive_from_their_own_queues_only() -> None:
    takes = {
        name: {queue for queue in QUEUES if is_allowed(role(name), "sqs:ReceiveMessage", STACK.arn(queue))}
        for name in ROLES
    }
    none: dict[str, set[str]] = {name: set() for name in ("ScheduleRole", "CoverageRole")}
    assert takes == {"ReconcileRole": {"Changes", "RepairRequests"}, "DetectRole": {"Checks"}, **none}


def test_both_doors_are_batches_of_their_own_and_the_function_knows_the_detectors() -> None:
    events: dict[str, Any] = TEMPLATE["Resources"]["ReconcileEndpoints"]["Properties"]["Events"]
    sources = {name: one["Properties"] for name, one in events.items() if one["Type"] == "SQS"}
    assert {name: one["Queue"] for name, one in sources.items()} == {
        "Changes": {"Fn::GetAtt": "Changes.Arn"},
        "Repairs": {"Fn::GetAtt": "RepairRequests.Arn"},
    }
    assert all(one["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for one in sources.values())
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["REPAIR_QUEUE_URL"] == {"Ref": "RepairRequests"}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]

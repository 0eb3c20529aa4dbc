"""What a company demands of a stack: a boundary and a path for every role, its key, its topic, its class of logs.

The template is looked at as CloudFormation gets it, expanded by SAM, and the policies in docs/company.md are evaluated.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from tools.template import names_of, read_template

from tests.support.expanded import expanded
from tests.support.policies import ACCOUNT, Caller, Stack, Values, is_allowed, may_use_key
from tests.support.repository import ROOT
from tests.template.test_on_aws import LONGEST_STACK, STACK_ID, resolved

NONE = {"Ref": "AWS::NoValue"}
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:platform-alerts"
EVERYTHING = ({"Effect": "Allow", "Action": "*", "Resource": "*"},)
TEMPLATE = read_template()
GIVEN = {"KmsKeyArn": KEY, "NoticesTopicArn": TOPIC}
STACK = Stack(TEMPLATE, GIVEN)
ELSEWHERE = "210987654321"
RECONCILE, DETECT, COVERAGE = ROLES = ("ReconcileRole", "DetectRole", "CoverageRole")


@pytest.fixture
def resources() -> dict[str, Any]:
    return dict(expanded()["Resources"])


def of_type(resources: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: one["Properties"] for name, one in resources.items() if one["Type"] == kind}


def if_set(parameter: str, condition: str) -> dict[str, Any]:
    assert TEMPLATE["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}
    return {"Fn::If": [condition, {"Ref": parameter}, NONE]}


# ---- roles


def test_every_role_has_the_boundary_and_the_path_those_that_sam_makes_included(resources: dict[str, Any]) -> None:
    roles = of_type(resources, "AWS::IAM::Role")
    assert set(roles) == {*ROLES, "ScheduleRole"}
    for name, role in roles.items():
        assert role["PermissionsBoundary"] == if_set("PermissionsBoundary", "HasBoundary"), name
        assert role["Path"] == if_set("RolePath", "HasRolePath"), name


def test_whatever_runs_as_a_role_runs_as_one_of_these(resources: dict[str, Any]) -> None:
    named = [one["Role"] for one in of_type(resources, "AWS::Lambda::Function").values()]
    named += [one["Target"]["RoleArn"] for one in of_type(resources, "AWS::Scheduler::Schedule").values()]
    assert len(named) == 5
    assert {one["Fn::GetAtt"][0] for one in named} == {*ROLES, "ScheduleRole"}


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "PermissionsBoundary",
            ["", f"arn:aws:iam::{ACCOUNT}:policy/team/boundary", "arn:aws-cn:iam::aws:policy/PowerUserAccess"],
            ["boundary", f"arn:aws:iam::{ACCOUNT}:role/boundary", f"arn:aws:iam::{ACCOUNT}:policy/a b"],
        ),
        ("RolePath", ["", "/", "/platform/", "/a/b-c/"], ["platform", "/platform", "platform/", "/a//b/"]),
        (
            "KmsKeyArn",
            ["", KEY, f"arn:aws-cn:kms:cn-north-1:{ACCOUNT}:key/mrk-1a"],
            [KEY.replace("key/", "alias/"), "x"],
        ),
        (
            "NoticesTopicArn",
            ["", TOPIC],
            [f"{TOPIC}.fifo", f"{TOPIC}:x", "platform-alerts", TOPIC.replace("sns", "sqs")],
        ),
    ],
)
def test_a_wrong_answer_is_refused_before_anything_is_deployed(parameter: str, good: list[str], bad: list[str]) -> None:
    pattern = TEMPLATE["Parameters"][parameter]["AllowedPattern"]
    assert [text for text in good if not re.fullmatch(pattern, text)] == []
    assert [text for text in bad if re.fullmatch(pattern, text)] == []


# ---- the key


def test_the_key_encrypts_all_that_is_kept_and_without_one_aws_does(resources: dict[str, Any]) -> None:
    key = if_set("KmsKeyArn", "HasKmsKey")
    for queue in of_type(resources, "AWS::SQS::Queue").values():
        assert queue["KmsMasterKeyId"] == key
        assert queue["SqsManagedSseEnabled"] == {"Fn::If": ["HasKmsKey", NONE, True]}
    for topic in of_type(resources, "AWS::SNS::Topic").values():
        assert topic["KmsMasterKeyId"] == key
    for log in of_type(resources, "AWS::Logs::LogGroup").values():
        assert log["KmsKeyId"] == key
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert function["KmsKeyArn"] == key
    (table,) = of_type(resources, "AWS::DynamoDB::Table").values()
    encrypted = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Ref": "KmsKeyArn"}}
    assert table["SSESpecification"] == {"Fn::If": ["HasKmsKey", encrypted, NONE]}


def test_without_a_key_and_a_topic_no_role_may_use_any_key() -> None:
    plain = Stack(TEMPLATE)
    granted = [one for name in names_of(TEMPLATE, "AWS::IAM::Role") for one in plain.statements(name)]
    assert "kms:" not in json.dumps(granted)


def policy(name: str) -> list[dict[str, Any]]:
    """The policy that docs/company.md has after this comment."""
    text = (ROOT / "docs/company.md").read_text("utf-8")
    (found,) = re.findall(
        rf"<!-- {name}: evaluated by a test -->\n\n```json\n(.*?)```\n\n<!-- end -->", text, re.DOTALL
    )
    statements: list[dict[str, Any]] = json.loads(found)["Statement"]
    return statements


def role(name: str, stack: Stack = STACK, path: str = "") -> Caller:
    arn = stack.arn(name).replace(":role/", f":role/{path}")
    return Caller(policy=tuple(stack.statements(name)), context=principal(arn))


def service(name: str, **context: str) -> Caller:
    keys = {f"aws:{key}": value for key, value in context.items()} | {"aws:PrincipalIsAWSService": "true"}
    return Caller(account="", service=f"{name}.amazonaws.com", context=keys)


def person(name: str, account: str = ACCOUNT) -> Caller:
    """Somebody whose own policies allow everything."""
    return Caller(account, EVERYTHING, context=principal(f"arn:aws:iam::{account}:role/{name}"))


def principal(arn: str) -> dict[str, str]:
    return {"aws:PrincipalArn": arn, "aws:PrincipalIsAWSService": "false"}


def alarm(name: str = "lifeline-DeadLettersAlarm-1A", account: str = ACCOUNT) -> Caller:
    arn = f"arn:aws:cloudwatch:us-east-1:{account}:alarm:{name}"
    return service("cloudwatch", SourceAccount=account, SourceArn=arn)


SEND = ("kms:Decrypt", "kms:GenerateDataKey")  # SQS and SNS guides: key management
READ = ("kms:Decrypt",)  # DynamoDB guide: for each caller, it decrypts the key of the table
LOGS = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:GenerateDataKey", "kms:DescribeKey")
TABLE = ("kms:CreateGrant", "kms:DescribeKey", "kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncryptTo")
# Lambda guide: securing environment variables. Whoever sets the key needs the first two, and Lambda makes a grant.
SETTINGS = ("kms:CreateGrant", "kms:Encrypt", "kms:Decrypt")
EVENTS = service("events")  # which tells KMS neither the rule nor the account


def of_log(name: str) -> dict[str, Values]:
    return {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{name}"}


def of_function(name: str = "lifeline-DetectMetricGaps-1A") -> dict[str, Values]:
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    return {"kms:EncryptionContext:aws:lambda:FunctionArn": arn}


def via(name: str, **more: str) -> dict[str, Values]:
    return {"kms:ViaService": f"{name}.us-east-1.amazonaws.com", **more}


MUST: list[tuple[Caller, dict[str, Values], tuple[str, ...]]] = [
    *((role(name), via("dynamodb"), READ) for name in ROLES),
    *((role(name), via(one), SEND) for name in (RECONCILE, DETECT) for one in ("sqs", "sns")),
    *((role(name), of_function(), READ) for name in ROLES),
    (role(RECONCILE, path="platform/"), via("sqs"), SEND),
    (role(DETECT, path="platform/"), of_function() | via("lambda"), READ),
    (EVENTS, {}, SEND),
    (alarm(), {}, SEND),
    (service("logs.us-east-1"), of_log("lifeline-DetectLog-1A"), LOGS),
    (person("platform-deployer"), via("dynamodb"), TABLE),
    (person("platform-deployer"), via("lambda"), SETTINGS),
]
MUST_NOT: dict[str, tuple[Caller, dict[str, Values]]] = {
    "a stranger of the account, directly": (person("admin"), {}),
    "a stranger of the account, by a service": (person("admin"), via("sqs")),
    "another account": (person("lifeline-ReconcileRole-1A", ELSEWHERE), via("sqs")),
    "a role itself, without a service": (role(RECONCILE), {}),
    "a role by another service": (role(DETECT), via("secretsmanager")),
    "a role by another's function": (role(DETECT), of_function("payroll-Export-1A")),
    "a stranger by a function of the stack": (person("admin"), of_function() | via("lambda")),
    "a role in another region": (role(DETECT), {"kms:ViaService": "sqs.eu-west-1.amazonaws.com"}),
    "the page's role, to send": (role(COVERAGE), via("sqs")),
    "a stack's role whose own policy doesn't allow it": (role(RECONCILE, Stack(TEMPLATE)), via("sqs")),
    "another stack's role": (person("other-ReconcileRole-1A"), via("sqs")),
    "whoever deploys, directly": (person("platform-deployer"), {}),
    "whoever deploys, by a queue": (person("platform-deployer"), via("sqs")),
    "an administrator of the key": (person("key-administrator"), {}),
    "another account's alarm": (alarm(account=ELSEWHERE), {}),
    "another stack's alarm": (alarm("other-DeadLettersAlarm-1A"), {}),
    "the logs of another region": (service("logs.eu-west-1"), of_log("lifeline-DetectLog-1A")),
    "the log of another": (service("logs.us-east-1"), of_log("payroll")),
    "a bucket": (service("s3", SourceAccount=ACCOUNT), {}),
}


@pytest.mark.parametrize("place", range(len(MUST)))
def test_the_documented_key_policy_lets_in_whoever_must_use_the_key(place: int) -> None:
    caller, context, actions = MUST[place]
    statements = policy("key policy")
    refused = [one for one in actions if not may_use_key(caller, one, KEY, key_policy=statements, context=context)]
    assert refused == []


@pytest.mark.parametrize("who", MUST_NOT)
def test_the_documented_key_policy_lets_nobody_else_use_the_key(who: str) -> None:
    caller, context = MUST_NOT[who]
    statements = policy("key policy")
    for action in ("kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt", "kms:CreateGrant"):
        assert not may_use_key(caller, action, KEY, key_policy=statements, context=context), action


def test_the_page_may_only_read_with_the_key_the_ledger_and_its_settings() -> None:
    granted = [one for one in STACK.statements(COVERAGE) if "kms:" in json.dumps(one)]
    assert [one["Sid"] for one in granted] == ["ReadLedgerWithKey", "StartWithKey"]
    assert {(one["Action"], one["Resource"]) for one in granted} == {("kms:Decrypt", KEY)}


def test_somebody_can_always_change_the_policy_of_the_key() -> None:
    """Or KMS refuses it: a key that nobody could manage (KMS API: PutKeyPolicy)."""
    for action in ("kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:EnableKeyRotation"):
        assert may_use_key(person("key-administrator"), action, KEY, key_policy=policy("key policy"), context={})


# ---- the topic


def test_a_given_topic_is_used_wherever_the_stacks_own_was_and_no_other_is_made(resources: dict[str, Any]) -> None:
    assert {resources[name]["Condition"] for name in ("Notices", "NoticesPolicy")} == {"HasOwnTopic"}
    assert TEMPLATE["Conditions"]["HasOwnTopic"] == {"Fn::Equals": [{"Ref": "NoticesTopicArn"}, ""]}
    assert if_set("NoticesTopicArn", "HasGivenTopic")
    used = {"Fn::If": ["HasOwnTopic", {"Ref": "Notices"}, {"Ref": "NoticesTopicArn"}]}
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert function["Environment"]["Variables"]["TOPIC_ARN"] == used
    assert resources["AlertEmailSubscription"]["Properties"]["TopicArn"] == used
    assert TEMPLATE["Outputs"]["NoticesTopic"]["Value"] == used
    unconditional = {name: one for name, one in resources.items() if one.get("Condition") != "HasOwnTopic"}
    text = json.dumps(unconditional).replace(json.dumps(used), "")
    assert '{"Ref": "Notices"}' not in text


@pytest.mark.parametrize("name", [RECONCILE, DETECT])
def test_the_roles_publish_to_the_given_topic_and_use_its_key_for_nothing_else(name: str) -> None:
    assert is_allowed(role(name), "sns:Publish", TOPIC)
    assert not is_allowed(role(name), "sns:Publish", f"arn:aws:sns:us-east-1:{ACCOUNT}:payroll")
    other = KEY.replace(ACCOUNT, ELSEWHERE)
    topics = "kms:EncryptionContext:aws:sns:topicArn"
    for action in SEND:
        assert is_allowed(
            role(name), action, KEY.replace("1234abcd", "9999abcd"), context=via("sns", **{topics: TOPIC})
        )
        assert not is_allowed(role(name), action, other, context=via("sns", **{topics: f"{TOPIC}2"}))
        assert not is_allowed(role(name), action, other, context=via("s3", **{topics: TOPIC}))


def test_the_documented_policies_of_a_topic_and_its_key_let_lifeline_and_its_alarms_publish() -> None:
    topic, key = policy("topic policy"), policy("topic key policy")
    topics = {"kms:EncryptionContext:aws:sns:topicArn": TOPIC}
    publishers = {"reconcile": role(RECONCILE), "detect": role(DETECT, path="platform/"), "alarm": alarm()}
    others = {
        "the page": role(COVERAGE),
        "another's alarm": alarm(account=ELSEWHERE),
        "a rule": EVENTS,
        "another account": person("lifeline-DetectRole-1A", ELSEWHERE),
        "somebody": person("team-b-dev"),
    }
    for who, caller in {**publishers, **others}.items():
        may_publish = is_allowed(caller, "sns:Publish", TOPIC, resource_policy=topic)
        context = {**topics, **({} if caller.service else via("sns"))}
        use = [may_use_key(caller, action, KEY, key_policy=key, context=context) for action in SEND]
        assert {may_publish, *use} == {who in publishers}, who
    assert not may_use_key(person("admin"), "kms:Decrypt", KEY, key_policy=key, context={**topics, **via("sns")})


# ---- the logs


def test_only_logs_without_metrics_may_be_of_the_class_that_has_none(resources: dict[str, Any]) -> None:
    """CloudWatch Logs guide: log classes. Metrics in the embedded format come from the class STANDARD only."""
    sources = {path.stem: path.read_text("utf-8") for path in (ROOT / "functions/lifeline/handlers").glob("*.py")}
    with_metrics = {name for name, text in sources.items() if "publish_metrics(" in text}
    functions = of_type(resources, "AWS::Lambda::Function")
    logs = of_type(resources, "AWS::Logs::LogGroup")
    infrequent = {"Fn::If": ["IsInfrequentAccess", "INFREQUENT_ACCESS", NONE]}
    assert TEMPLATE["Conditions"]["IsInfrequentAccess"] == {"Fn::Equals": [{"Ref": "LogClass"}, "INFREQUENT_ACCESS"]}
    for function in functions.values():
        log = logs[function["LoggingConfig"]["LogGroup"]["Ref"]]
        publishes = function["Handler"].split(".")[-2] in with_metrics
        assert log.get("LogGroupClass") == (None if publishes else infrequent)
        assert log["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert with_metrics == {"detect_metric_gaps"}


def test_another_class_gives_a_log_another_name_because_its_class_cannot_be_changed(resources: dict[str, Any]) -> None:
    for log in of_type(resources, "AWS::Logs::LogGroup").values():
        if "LogGroupClass" in log:
            condition, name, otherwise = log["LogGroupName"]["Fn::If"]
            assert (condition, otherwise) == (log["LogGroupClass"]["Fn::If"][0], NONE)
            assert name["Fn::Sub"].startswith("${AWS::StackName}-")


# ---- two stacks

_NAMED_BY_CLOUDFORMATION = {  # <stack>-<logical ID>-<random>, where the template gives no name
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
}
_NAMED_HERE = {
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::Events::EventBus": "Name",
    "AWS::Logs::QueryDefinition": "Name",
    "AWS::SSM::Parameter": "Name",
    "AWS::Scheduler::Schedule": "Name",
}
_NAMELESS = {  # of which an alias has a name in its function
    "AWS::Events::EventBusPolicy",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}


def names_in(resources: Mapping[str, Any], stack: str, stack_id: str) -> set[tuple[str, str]]:
    """Every physical name that the resources have in a stack of this name, by kind."""
    found = set()
    for name, resource in resources.items():
        kind, properties = resource["Type"], resource["Properties"]
        member = _NAMED_HERE.get(kind) or _NAMED_BY_CLOUDFORMATION.get(kind)
        assert (member is None) is (kind in _NAMELESS), kind
        if member is None:
            continue
        given = properties.get(member)
        assert given or kind in _NAMED_BY_CLOUDFORMATION, kind
        conditions = {"IsInfrequentAccess": True, "HasSpokes": True}
        text = resolved(given, conditions=conditions) if given else f"{LONGEST_STACK}-{name}"
        found.add((kind, text.replace(STACK_ID.rpartition("/")[2], stack_id).replace(LONGEST_STACK, stack)))
    return found


def test_two_stacks_share_no_name(resources: dict[str, Any]) -> None:
    one = names_in(resources, "lifeline", "11111111-aaaa-11ee-8c99-0242ac120002")
    other = names_in(resources, "lifeline-2", "22222222-aaaa-11ee-8c99-0242ac120002")
    assert len(one) == len(other) > 30
    assert one & other == set()


def test_two_stacks_share_no_metric_and_no_tag() -> None:
    own = {"Ref": "AWS::StackName"}
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["STACK_NAME"] == variables["POWERTOOLS_SERVICE_NAME"] == own
    for statement in Stack(TEMPLATE).statements(RECONCILE):
        for keys in statement.get("Condition", {}).values():
            tags = [value for key, value in keys.items() if key.endswith("lifeline:managed-by")]
            assert set(tags) <= {"lifeline"}
    for changed in ("ec2:ModifyVpcEndpoint", "ec2:DeleteVpcEndpoints"):
        endpoint = f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc-endpoint/vpce-1"
        tag = "aws:ResourceTag/lifeline:managed-by"
        assert is_allowed(role(RECONCILE), changed, endpoint, context={tag: "lifeline"})
        assert not is_allowed(role(RECONCILE), changed, endpoint, context={tag: "lifeline-2"})

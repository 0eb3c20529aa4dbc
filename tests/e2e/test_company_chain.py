"""A company's first deployment, by docs/company.md alone: each command as it stands there, in its order.

The company demands a boundary and a path for each role, its tags on whatever is created, its own key, topic and bucket,
and no endpoint with full access. KMS lets everybody through here: who may use the key is `tests/template`'s matter.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.docs.pages import blocks
from tests.e2e.documented import ALONE, aws, command, sam
from tests.e2e.emulators.account import ACCOUNT_ID, REGION, ROOT, Account, Inbox
from tests.e2e.machine import build_site
from tests.e2e.steps import assumed, available_endpoint, endpoints_in, notices_about, text_of, wait_until_quiet
from tests.template.test_company import policy

pytestmark = pytest.mark.chain_more

PAGE = "docs/company.md"
INVOKE = "sam remote invoke ReconcileEndpoints --stack-name lifeline --event "
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"  # the page's
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/{KEY_ID}"
DEPLOY = "sam deploy --no-resolve-s3 --s3-bucket platform-artifacts --tags team=platform cost-center=4711"
MODES = ("plan", "enforce")
BOUNDARY = f"arn:aws:iam::{ACCOUNT_ID}:policy/platform-boundary"
TAGS = {"team": "platform", "cost-center": "4711"}
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@pytest.fixture
def account(undeployed: Account) -> Account:
    return undeployed


def document(page: str, member: str) -> dict[str, Any]:
    """The page's first document with this member."""
    documents = map(json.loads, blocks(ROOT / page, "json"))
    return next(one for one in documents if member in one)


def prepare(account: Account, files: Path) -> tuple[str, str]:
    """What the company has, and what its engineer saves before the deployment: the key, and the topic."""
    key_id = aws(account, command(PAGE, "aws kms create-key"), files=files)
    key = KEY.replace(KEY_ID, key_id)
    topic = aws(account, command(PAGE, "aws sns create-topic"), files=files)["TopicArn"]
    aws(account, command(PAGE, "aws s3api create-bucket"), files=files)
    account.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=key)
    saved = {
        "key-policy.json": {"Version": "2012-10-17", "Statement": policy("key policy")},
        "topic-policy.json": {"Version": "2012-10-17", "Statement": policy("topic policy")},
        "policy.json": document(PAGE, "copy_tags"),
        "organization.json": document("docs/policy.md", "Statement"),
    }
    for name, content in saved.items():
        (files / name).write_text(json.dumps(content), "utf-8")
    for begins in [
        "aws iam create-policy",
        "aws kms put-key-policy",
        "aws sns set-topic-attributes",
        "aws ssm put-parameter --name /lifeline/policy",
        "aws ssm put-parameter --name /lifeline/lifeline/endpoint-policies",
    ]:
        aws(account, command(PAGE, begins).replace(KEY_ID, key_id), files=files)
    return key, topic


def test_a_companys_engineer_gets_to_an_approved_endpoint_by_the_page_alone(account: Account, tmp_path: Path) -> None:
    key, topic = prepare(account, tmp_path)
    inbox = Inbox(account, topic)
    ec2 = account.client("ec2")
    site = build_site(ec2, cidr="10.60", name="orders", public=False)
    ec2.create_tags(Resources=[site.vpc_id], Tags=[{"Key": "team", "Value": "orders"}])
    created = account.listen("created", {"detail": {"eventName": ["CreateVpcEndpoint", "CreateSecurityGroup"]}})

    # In plan mode.
    emulators = f"EndpointUrl={account.endpoint_url} Ec2EndpointUrl={account.ec2_endpoint_url} DebounceSeconds=2"
    deploy_in_plan_mode, enforce = (command(PAGE, f"{DEPLOY} --parameter-overrides Mode={mode}") for mode in MODES)
    sam(account, f"{deploy_in_plan_mode.replace(KEY, key)} {emulators}", *ALONE)
    account.outputs = account.read_outputs()
    check_stack(account, key, topic)
    examined = json.loads(sam(account, command(PAGE, INVOKE + """'{"doctor": true""")))["text"]
    assert "ok       queue policy" in examined
    assert "Nobody is subscribed" not in examined
    planned = json.loads(sam(account, command(PAGE, INVOKE + """'{"sweep": true, "mode": "plan\"""")))["text"]
    assert f"{site.vpc_id} (orders)" in planned
    assert "policy: /lifeline/lifeline/endpoint-policies/organization" in planned
    assert "tags: cost-center=4711, team=orders" in planned
    assert endpoints_in(ec2, site.vpc_id) == []

    # Enforced: what is missing already waits for its approval.
    before = answers(account)
    sam(account, enforce, *ALONE)
    assert answers(account) == before | {"Mode": "enforce"}
    check_stack(account, key, topic)
    change = command("docs/operate.md", "sam deploy --region us-east-1 --parameter-overrides LogRetentionDays=90")
    sam(account, change, *ALONE, config=own_config(tmp_path))
    assert answers(account) == before | {"Mode": "enforce", "LogRetentionDays": "90"}
    check_stack(account, key, topic)
    wait_until_quiet(account)
    sam(account, command(PAGE, INVOKE + """'{"sweep": true}'"""))
    (told,) = account.wait(lambda: notices_about(inbox, site.vpc_id, kind="backlog"), what="the notice of the backlog")
    assert '{"approve": "backlog"' in text_of(told)
    assert endpoints_in(ec2, site.vpc_id) == []

    # Approved.
    approve = command(PAGE, INVOKE + """'{"approve": "backlog", "vpc_ids\"""")
    sam(account, approve.replace("vpc-0123456789abcdef0", site.vpc_id))
    made = account.wait(lambda: available_endpoint(ec2, site.vpc_id), what="the approved endpoint")
    (group,) = ec2.describe_security_groups(GroupIds=[made["Groups"][0]["GroupId"]])["SecurityGroups"]
    expected = TAGS | {"team": "orders", "lifeline:managed-by": "lifeline"}
    assert tags(made) == expected | {"Name": f"lifeline-monitoring-{site.vpc_id}"}
    assert tags(group) == expected | {"Name": f"lifeline-endpoints-{site.vpc_id}"}
    assert group["GroupName"] == f"lifeline-endpoints-{site.vpc_id}"
    wanted = json.dumps(document("docs/policy.md", "Statement")).replace("${organization}", "o-a1b2c3d4e5")
    assert json.loads(made["PolicyDocument"]) == json.loads(wanted)
    account.wait(account.is_told_of_all, what="the end of CloudTrail's deliveries")
    calls = [event["detail"] for event in created.events()]
    assert len([call for call in calls if call.get("errorCode") != "Client.DryRunOperation"]) == 2
    words = [json.dumps(call["requestParameters"]) for call in calls]
    assert all(key in text for text in words for key in TAGS)  # an SCP looks at the call itself, at a dry run's, too
    account.wait(lambda: notices_about(inbox, made["VpcEndpointId"]), what="the notice of the endpoint")
    assert account.messages("DeadLetterQueue") == []


def own_config(files: Path) -> Path:
    """The company's copy of samconfig.toml, with what the page puts in place of SAM's bucket."""
    (own,) = blocks(ROOT / PAGE, "toml")
    config = files / "samconfig.toml"
    config.write_text((ROOT / "samconfig.toml").read_text("utf-8").replace("resolve_s3 = true\n", f"{own}\n"), "utf-8")
    return config


def tags(described: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in described["Tags"]}


def answers(account: Account) -> dict[str, str]:
    (stack,) = account.client("cloudformation").describe_stacks(StackName="lifeline")["Stacks"]
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}


def check_stack(account: Account, key: str, topic: str) -> None:
    """What the company would look at."""
    (stack,) = account.client("cloudformation").describe_stacks()["Stacks"]  # SAM made no bucket with one of its own
    assert tags(stack) == TAGS
    assert account.outputs["NoticesTopic"] == topic
    assert [one["TopicArn"] for one in account.client("sns").list_topics()["Topics"]] == [topic]
    iam = account.client("iam")
    roles = [iam.get_role(RoleName=one["RoleName"])["Role"] for one in iam.list_roles(PathPrefix="/platform/")["Roles"]]
    assert len(roles) == 4
    assert {one["PermissionsBoundary"]["PermissionsBoundaryArn"] for one in roles} == {BOUNDARY}
    assert [one for one in iam.list_roles()["Roles"] if "lifeline" in one["RoleName"] and one["Path"] == "/"] == []
    sqs = account.client("sqs")
    for output in ("ChangesQueue", "RepairRequestsQueue", "DeadLetterQueue"):
        asked = sqs.get_queue_attributes(QueueUrl=account.outputs[output], AttributeNames=["All"])["Attributes"]
        assert asked["KmsMasterKeyId"] == key
    for output in ("ReconcileEndpointsFunction", "DetectMetricGapsFunction", "CoveragePageFunction"):
        function = account.client("lambda").get_function_configuration(FunctionName=account.outputs[output])
        logs = account.client("logs").describe_log_groups(logGroupNamePrefix=function["LoggingConfig"]["LogGroup"])
        assert [one["kmsKeyId"] for one in logs["logGroups"]] == [key]
        assert re.fullmatch(rf"arn:aws:iam::{ACCOUNT_ID}:role/platform/lifeline-\w+Role-\w+", function["Role"])


def test_the_boundary_holds_whatever_the_role_is_given(account: Account, tmp_path: Path) -> None:
    """On the emulated account, too, so that the deployment above has proved that the boundary is wide enough."""
    aws(account, command(PAGE, "aws iam create-policy"), files=tmp_path)
    iam, ssm = account.client("iam"), account.client("ssm")
    for name in ("/lifeline/policy", "/payroll/password"):
        ssm.put_parameter(Name=name, Type="String", Value="x")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(
        RoleName="lifeline-ReconcileRole-1A",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        PermissionsBoundary=BOUNDARY,
    )
    iam.put_role_policy(RoleName="lifeline-ReconcileRole-1A", PolicyName="all", PolicyDocument=json.dumps(ALL))
    bounded = assumed(account, "ReconcileRole").client("ssm", endpoint_url=account.endpoint_url)
    assert bounded.get_parameter(Name="/lifeline/policy")["Parameter"]["Value"] == "x"
    with pytest.raises(ClientError, match="AccessDenied"):
        bounded.get_parameter(Name="/payroll/password")

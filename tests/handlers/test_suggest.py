"""What private subnets need, asked of the function: a whole account on moto, held against a table made by hand."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from lifeline.adapters.evidence import access_advisor
from lifeline.handlers.reconcile_endpoints import handler
from tests.support.evidence import Advisor, query_record, teach_advisor, teach_insights
from tests.support.world import ACCOUNT, REGION, Context, World, emulated_world

TRUTH = json.loads((Path(__file__).parent / "suggest_truth.json").read_text("utf-8"))
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
NAME = "prod-us-east-1-starport-layer-bucket"


@pytest.fixture
def advisor() -> Advisor:
    def ago(days: float) -> datetime:
        return datetime.now(UTC) - timedelta(days=days)

    return Advisor(
        {
            "agents": [
                ("cloudwatch", ago(0.2), REGION),
                ("ec2", ago(3), REGION),
                ("ssm", ago(1), REGION),
                ("ssmmessages", ago(1), REGION),
                ("ec2messages", None, ""),
                ("cognito-idp", ago(9), REGION),
                ("sqs", ago(120), REGION),
            ],
            "task": [("kinesis", ago(1), REGION), ("lambda", None, "")],
            "task-exec": [("ecr", ago(5), REGION), ("logs", ago(5), REGION), ("secretsmanager", ago(5), REGION)],
            "resize": [("dynamodb", ago(2), REGION), ("logs", ago(0.1), REGION)],
            "worker": [("s3", ago(20), "eu-west-1")],
        }
    )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, advisor: Advisor) -> Iterator[World]:
    teach_advisor(advisor)
    teach_insights()
    monkeypatch.setattr(access_advisor, "sleep", lambda _: None)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with emulated_world(monkeypatch, REQUIRED_SERVICES="monitoring,sqs", EVIDENCE="yes") as made:
        yield made


@pytest.fixture
def account(world: World) -> dict[str, str]:
    """The account of the table: its VPCs and subnets by the names that the table has."""
    shop, batch = world.make_vpc(), world.make_vpc(cidr="10.1.0.0/16")
    ids = {
        "shop": shop,
        "batch": batch,
        "app": world.make_subnet(shop),
        "jobs": world.make_subnet(batch, "10.1.1.0/24"),
    }
    for role in ("agents", "task", "task-exec", "resize", "worker"):
        _make_role(role)
    ids["i-agents"] = _run_instance(world, ids["app"], "agents")
    ids["i-worker"] = _run_instance(world, ids["jobs"], "worker")
    _make_service(world, ids)
    _make_function(ids["jobs"])
    _put_configuration()
    _log_queries(ids)
    for service in ("monitoring", "logs", "sqs"):
        world.ec2.create_vpc_endpoint(
            VpcId=shop,
            ServiceName=f"com.amazonaws.{REGION}.{service}",
            VpcEndpointType="Interface",
            SubnetIds=[ids["app"]],
            PrivateDnsEnabled=True,
        )
    return ids


def _make_role(name: str) -> None:
    statement = {"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com"]}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)


def _run_instance(world: World, subnet_id: str, role: str) -> str:
    iam = boto3.client("iam")
    iam.create_instance_profile(InstanceProfileName=role)
    iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)
    made = world.ec2.run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet_id, IamInstanceProfile={"Name": role}
    )
    return str(made["Instances"][0]["InstanceId"])


def _make_service(world: World, ids: dict[str, str]) -> None:
    ecs: Any = boto3.client("ecs")
    options = {"awslogs-group": "web", "awslogs-region": REGION, "awslogs-stream-prefix": "w"}
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db-AbCdEf"
    web = {
        "name": "web",
        "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/web:1",
        "memory": 128,
        "logConfiguration": {"logDriver": "awslogs", "options": options},
        "secrets": [{"name": "DB", "valueFrom": secret}, {"name": "KEY", "valueFrom": "/shop/key"}],
    }
    ecs.create_cluster(clusterName="shop")
    ecs.register_task_definition(
        family="web",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        taskRoleArn=f"{ROLE}/task",
        executionRoleArn=f"{ROLE}/task-exec",
        containerDefinitions=[web, {"name": "proxy", "image": "public.ecr.aws/envoy/envoy:1", "memory": 128}],
    )
    group = world.ec2.create_security_group(GroupName="web", Description="web", VpcId=ids["shop"])["GroupId"]
    network = {"subnets": [ids["app"]], "securityGroups": [group], "assignPublicIp": "DISABLED"}
    ecs.create_service(
        cluster="shop",
        serviceName="web",
        taskDefinition="web",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": network},
    )


def _make_function(subnet_id: str) -> None:
    boto3.client("lambda").create_function(
        FunctionName="resize",
        Runtime="python3.13",
        Role=f"{ROLE}/resize",
        Handler="resize.handler",
        Code={"ImageUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/resize:1"},
        PackageType="Image",
        VpcConfig={"SubnetIds": [subnet_id], "SecurityGroupIds": []},
    )


def _put_configuration() -> None:
    content = {
        "metrics": {"append_dimensions": {"AutoScalingGroupName": "${aws:AutoScalingGroupName}"}},
        "logs": {"logs_collected": {"files": {}}},
    }
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name="AmazonCloudWatch-linux", Type="String", Value=json.dumps(content))
    ssm.put_parameter(Name="payroll", Type="String", Value=json.dumps({"traces": {"traces_collected": {}}}))


def _log_queries(ids: dict[str, str]) -> None:
    logs, resolver = boto3.client("logs"), boto3.client("route53resolver")
    logs.create_log_group(logGroupName="/resolver")
    logs.create_log_stream(logGroupName="/resolver", logStreamName=ids["shop"])
    agents = [
        *[f"monitoring.{REGION}.amazonaws.com."] * 3,
        f"KMS.{REGION}.amazonaws.com.",
        "sts.amazonaws.com.",
        "monitoring.eu-west-1.amazonaws.com.",
        "registry-1.docker.io.",
        f"db.c1x2y3.{REGION}.rds.amazonaws.com.",
    ]
    now = int(time.time() * 1000)
    events: Any = [
        {"timestamp": now - 1000, "message": query_record(ids["shop"], name, ids["i-agents"])} for name in agents
    ]
    logs.put_log_events(logGroupName="/resolver", logStreamName=ids["shop"], logEvents=events)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/resolver:*"
    made = resolver.create_resolver_query_log_config(Name="all", DestinationArn=arn, CreatorRequestId="1")
    config = made["ResolverQueryLogConfig"]["Id"]
    resolver.associate_resolver_query_log_config(ResolverQueryLogConfigId=config, ResourceId=ids["shop"])


def ask(**asked: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(handler({"suggest": asked}, Context())))
    return answer


def read(**asked: Any) -> str:
    return str(handler({"suggest": asked, "format": "text"}, Context())["text"])


def lines(answer: dict[str, Any], vpc_id: str) -> dict[str, dict[str, Any]]:
    (found,) = [one for one in answer["suggest"] if one["vpc_id"] == vpc_id]
    return {line["service"]: line for line in found["services"]}


@pytest.mark.parametrize("name", ["shop", "batch"])
def test_the_suggestion_is_the_one_that_was_written_down_beforehand(account: dict[str, str], name: str) -> None:
    found = lines(ask(), account[name])

    assert {service: (line["verdict"], line["certainty"]) for service, line in found.items()} == {
        service: (line["verdict"], line["certainty"]) for service, line in TRUTH[name].items()
    }
    by = {service: {one["source"] for one in line["witnesses"]} for service, line in found.items()}
    assert by == {service: set(line["by"]) for service, line in TRUTH[name].items()}

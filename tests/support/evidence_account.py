"""An account whose workloads need things: instances, an ECS service, a function, an agent's configuration, query logs.

What its private subnets need was written down by hand before there was any code, in `evidence_truth.json`. It is built
by any client of AWS's services, on moto alone or on the emulators of the chain.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.evidence import query_record
from tests.support.world import ACCOUNT, REGION

TRUTH = json.loads(Path(__file__).with_name("evidence_truth.json").read_text("utf-8"))
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
ROLES = ("agents", "task", "task-exec", "resize", "worker")

type Clients = Callable[[str], Any]
type Told = dict[str, tuple[str, str, frozenset[str]]]
"""By service: the verdict, the certainty, and the sources of its witnesses."""


def truth(name: str) -> Told:
    """What was written down of a VPC by its name."""
    return {one: (row["verdict"], row["certainty"], frozenset(row["by"])) for one, row in TRUTH[name].items()}


def as_in_truth(answer: dict[str, Any], vpc_id: str) -> Told:
    """What an answer says of a VPC, as it was written down."""
    return {
        service: (line["verdict"], line["certainty"], frozenset(one["source"] for one in line["witnesses"]))
        for service, line in lines(answer, vpc_id).items()
    }


def lines(answer: dict[str, Any], vpc_id: str) -> dict[str, dict[str, Any]]:
    """What an answer says of a VPC, by service."""
    (found,) = [one for one in answer["suggest"] if one["vpc_id"] == vpc_id]
    return {line["service"]: line for line in found["services"]}


def called() -> dict[str, list[tuple[str, datetime | None, str]]]:
    """What each role called, when last, and in which Region, as access advisor knows it."""

    def ago(days: float) -> datetime:
        return datetime.now(UTC) - timedelta(days=days)

    return {
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


def fill_account(client: Clients) -> dict[str, str]:
    """Build it; the IDs of its VPCs, subnets and instances by the names that the table has."""
    ec2 = client("ec2")
    ids = {"shop": _make_vpc(ec2, "10.0"), "batch": _make_vpc(ec2, "10.1")}
    ids |= {"app": _make_subnet(ec2, ids["shop"], "10.0"), "jobs": _make_subnet(ec2, ids["batch"], "10.1")}
    for role in ROLES:
        make_role(client("iam"), role)
    ids["i-agents"] = run_instance(client, ids["app"], "agents")
    ids["i-worker"] = run_instance(client, ids["jobs"], "worker")
    _make_service(client, ids)
    _make_function(client("lambda"), ids["jobs"])
    _put_configurations(client("ssm"))
    _log_queries(client, ids)
    publish(client, ids["i-agents"], minutes_ago=3)
    for service in ("monitoring", "logs", "sqs"):
        ec2.create_vpc_endpoint(
            VpcId=ids["shop"],
            ServiceName=f"com.amazonaws.{REGION}.{service}",
            VpcEndpointType="Interface",
            SubnetIds=[ids["app"]],
            PrivateDnsEnabled=True,
        )
    return ids


def _make_vpc(ec2: Any, cidr: str) -> str:
    vpc_id = str(ec2.create_vpc(CidrBlock=f"{cidr}.0.0/16")["Vpc"]["VpcId"])
    ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    return vpc_id


def _make_subnet(ec2: Any, vpc_id: str, cidr: str) -> str:
    made = ec2.create_subnet(VpcId=vpc_id, CidrBlock=f"{cidr}.1.0/24", AvailabilityZone=f"{REGION}a")
    return str(made["Subnet"]["SubnetId"])


def make_role(iam: Any, name: str) -> None:
    """A role with nothing but a name."""
    statement = {"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com"]}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)


def _make_profile(iam: Any, role: str) -> str:
    """The role's instance profile, of the same name; its ARN."""
    made = iam.create_instance_profile(InstanceProfileName=role)["InstanceProfile"]
    iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)
    return str(made["Arn"])


def run_instance(client: Clients, subnet_id: str, role: str, *, is_public: bool = False) -> str:
    """An instance that calls AWS by this role."""
    made = client("ec2").run_instances(
        ImageId="ami-12c6146b",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet_id, "AssociatePublicIpAddress": is_public}],
        IamInstanceProfile={"Arn": _make_profile(client("iam"), role)},
    )
    return str(made["Instances"][0]["InstanceId"])


def _make_service(client: Clients, ids: dict[str, str]) -> None:
    ecs = client("ecs")
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
    group = client("ec2").create_security_group(GroupName="web", Description="web", VpcId=ids["shop"])["GroupId"]
    network = {"subnets": [ids["app"]], "securityGroups": [group], "assignPublicIp": "DISABLED"}
    ecs.create_service(
        cluster="shop",
        serviceName="web",
        taskDefinition="web",
        desiredCount=0,  # an emulator may have nothing that runs containers
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": network},
    )


def _make_function(functions: Any, subnet_id: str) -> None:
    functions.create_function(
        FunctionName="resize",
        Runtime="python3.13",
        Role=f"{ROLE}/resize",
        Handler="resize.handler",
        Code={"ImageUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/resize:1"},
        PackageType="Image",
        VpcConfig={"SubnetIds": [subnet_id], "SecurityGroupIds": []},
    )


def _put_configurations(ssm: Any) -> None:
    content = {
        "metrics": {"append_dimensions": {"AutoScalingGroupName": "${aws:AutoScalingGroupName}"}},
        "logs": {"logs_collected": {"files": {}}},
    }
    ssm.put_parameter(Name="AmazonCloudWatch-linux", Type="String", Value=json.dumps(content))
    ssm.put_parameter(Name="payroll", Type="String", Value=json.dumps({"traces": {"traces_collected": {}}}))


def _log_queries(client: Clients, ids: dict[str, str]) -> None:
    logs, resolver = client("logs"), client("route53resolver")
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
    events = [{"timestamp": now - 1000, "message": query_record(ids["shop"], name, ids["i-agents"])} for name in agents]
    logs.put_log_events(logGroupName="/resolver", logStreamName=ids["shop"], logEvents=events)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/resolver:*"
    made = resolver.create_resolver_query_log_config(Name="all", DestinationArn=arn, CreatorRequestId="1")
    config = made["ResolverQueryLogConfig"]["Id"]
    resolver.associate_resolver_query_log_config(ResolverQueryLogConfigId=config, ResourceId=ids["shop"])


def publish(client: Clients, instance_id: str, *, minutes_ago: float, namespace: str = "CWAgent") -> None:
    """A datapoint of the instance's agent."""
    metric = {
        "MetricName": "mem_used_percent",
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
        "Timestamp": datetime.now(UTC) - timedelta(minutes=minutes_ago),
        "Value": 1,
    }
    client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[metric])

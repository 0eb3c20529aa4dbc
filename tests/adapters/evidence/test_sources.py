"""Each source of evidence in the shapes of AWS's own answers: pages, jobs, groups of tasks, logs of several kinds."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.ec2.utils import generate_instance_identity_document

from lifeline.adapters.aws.pace import Pace
from lifeline.adapters.evidence.access_advisor import AccessAdvisor
from lifeline.adapters.evidence.agent_configurations import AgentConfigurations
from lifeline.adapters.evidence.containers import Containers
from lifeline.adapters.evidence.functions import Functions
from lifeline.adapters.evidence.publishers import Publishers
from lifeline.adapters.evidence.query_logs import QueryLogs
from lifeline.adapters.evidence.roles import InstanceRoles
from lifeline.core.agents.watches import Watch
from lifeline.core.errors import TransientError
from lifeline.core.suggest.evidence import Kind
from tests.e2e.emulators.evidence_answers import Advisor
from tests.support.evidence import query_record, teach_advisor, teach_insights
from tests.support.world import ACCOUNT, REGION, World, emulated_world, own_client

NOW = datetime.now(UTC)
WEEK = timedelta(days=7)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


def later() -> float:
    return time.monotonic() + 60


def advisor_of(answers: Advisor, **more: Any) -> AccessAdvisor:
    teach_advisor(answers)
    return AccessAdvisor(own_client, wait=lambda _: None, pace=Pace(1000), **more)


@pytest.mark.usefixtures("world")
def test_a_report_is_waited_for_and_read_to_its_last_page() -> None:
    names = [f"service{number}" for number in range(7)]
    answers = Advisor({"app": [(name, NOW, REGION) for name in names] + [("never", None, "")]})

    uses, failed = advisor_of(answers).read([ROLE, ROLE], until=later())

    assert [use.namespace for use in uses[ROLE]] == names
    assert {use.region for use in uses[ROLE]} == {REGION}
    assert failed == {}
    assert answers.asked == ["app"]
    assert answers.polls["app"] == 4  # once in progress, and three pages


@pytest.mark.usefixtures("world")
def test_a_report_that_takes_too_long_is_left_and_said() -> None:
    answers = Advisor({"app": [("s3", NOW, REGION)]})
    uses, failed = advisor_of(answers).read([ROLE], until=time.monotonic() - 1)
    assert uses == {}
    assert "took too long" in failed[ROLE] or "too many calls wait" in failed[ROLE]


def container(image: str = "web:1") -> dict[str, Any]:
    return {"name": "web", "image": image, "memory": 128}


def run_on_instance(world: World, ecs: Any, subnet_id: str) -> str:
    """A container instance of the cluster, as ECS's agent registers it; its EC2 instance's ID."""
    made = world.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet_id)
    instance_id = str(made["Instances"][0]["InstanceId"])
    instance = boto3.resource("ec2", region_name=REGION).Instance(instance_id)
    document = json.dumps(generate_instance_identity_document(instance))
    ecs.register_container_instance(cluster="shop", instanceIdentityDocument=document)
    return instance_id


def test_a_task_without_an_interface_of_its_own_lives_where_its_instance_does(world: World) -> None:
    subnet_id = world.make_subnet(world.make_vpc())
    ecs: Any = boto3.client("ecs")
    ecs.create_cluster(clusterName="shop")
    instance_id = run_on_instance(world, ecs, subnet_id)
    definition = {"family": "web", "networkMode": "bridge", "taskRoleArn": ROLE}
    ecs.register_task_definition(**definition, containerDefinitions=[container()])
    ecs.run_task(cluster="shop", taskDefinition="web", count=2, launchType="EC2")

    residents, definitions = Containers(own_client).read({instance_id: {subnet_id}})

    (task,) = residents  # both are of one definition
    assert task.kind is Kind.TASK
    assert task.on_instances
    assert (task.subnet_ids, task.roles) == (frozenset({subnet_id}), (ROLE,))
    assert [one["family"] for one in definitions.values()] == ["web"]


def test_a_task_of_its_own_lives_where_its_interface_is(world: World) -> None:
    vpc_id = world.make_vpc()
    subnet_id = world.make_subnet(vpc_id)
    group = world.ec2.create_security_group(GroupName="t", Description="t", VpcId=vpc_id)["GroupId"]
    ecs: Any = boto3.client("ecs")
    ecs.create_cluster(clusterName="shop")
    ecs.register_task_definition(
        family="job",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn=ROLE,
        containerDefinitions=[container()],
    )
    network = {"awsvpcConfiguration": {"subnets": [subnet_id], "securityGroups": [group]}}
    ecs.run_task(cluster="shop", taskDefinition="job", launchType="FARGATE", networkConfiguration=network)

    (task,), _ = Containers(own_client).read({})

    assert not task.on_instances
    assert (task.subnet_ids, task.roles) == (frozenset({subnet_id}), (ROLE,))


def test_more_services_than_one_call_describes_are_all_read(world: World) -> None:
    subnet_id = world.make_subnet(world.make_vpc())
    ecs: Any = boto3.client("ecs")
    ecs.create_cluster(clusterName="shop")
    ecs.register_task_definition(family="web", containerDefinitions=[container()])
    network = {"awsvpcConfiguration": {"subnets": [subnet_id], "securityGroups": []}}
    for number in range(12):
        ecs.create_service(
            cluster="shop",
            serviceName=f"web{number}",
            taskDefinition="web",
            desiredCount=0,
            launchType="FARGATE",
            networkConfiguration=network,
        )
    residents, definitions = Containers(own_client).read({})
    assert len(residents) == 12
    assert len(definitions) == 1


def test_an_instance_without_a_profile_and_one_whose_profile_is_gone_have_no_role(world: World) -> None:
    subnet_id = world.make_subnet(world.make_vpc())
    iam = boto3.client("iam")
    iam.create_instance_profile(InstanceProfileName="app")
    ids = []
    for more in ({}, {"IamInstanceProfile": {"Name": "app"}}):
        made = world.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet_id, **more)
        ids.append(str(made["Instances"][0]["InstanceId"]))
    iam.delete_instance_profile(InstanceProfileName="app")

    assert InstanceRoles(own_client).read(ids) == dict.fromkeys(ids, "")


@pytest.mark.usefixtures("world")
def test_only_configurations_of_the_agent_are_read_and_only_json() -> None:
    ssm = boto3.client("ssm")
    for number in range(12):
        ssm.put_parameter(Name=f"AmazonCloudWatch-{number:02}", Type="String", Value='{"logs": {}}')
    ssm.put_parameter(Name="AmazonCloudWatch-broken", Type="String", Value="{")
    ssm.put_parameter(Name="AmazonCloudWatch-list", Type="String", Value="[]")
    ssm.put_parameter(Name="AmazonCloudWatch-secret", Type="SecureString", Value='{"logs": {}}')
    ssm.put_parameter(Name="payroll", Type="String", Value='{"logs": {}}')
    found = AgentConfigurations(own_client).read()
    assert [one.name for one in found] == [f"AmazonCloudWatch-{number:02}" for number in range(12)]


class Resolver:
    """Query logging in the account, arranged by a test."""

    def __init__(self) -> None:
        teach_insights()
        self.client: Any = boto3.client("route53resolver")
        self.logs: Any = boto3.client("logs")

    def log(self, destination: str, resource_id: str) -> None:
        made = self.client.create_resolver_query_log_config(
            Name="all", DestinationArn=destination, CreatorRequestId=destination
        )
        config = made["ResolverQueryLogConfig"]["Id"]
        self.client.associate_resolver_query_log_config(ResolverQueryLogConfigId=config, ResourceId=resource_id)

    def group(self, name: str, *records: str) -> str:
        self.logs.create_log_group(logGroupName=name)
        self.logs.create_log_stream(logGroupName=name, logStreamName="s")
        stamp = int(time.time() * 1000) - 1000
        events = [{"timestamp": stamp, "message": record} for record in records]
        self.logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=events)
        return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"


def read(vpc_ids: list[str]) -> tuple[list[tuple[str, str, int, str]], frozenset[str]]:
    logs = QueryLogs(own_client, wait=lambda _: None)
    asked, logged, why = logs.read(vpc_ids, ACCOUNT, now=datetime.now(UTC), back=WEEK, until=later())
    assert not why
    return sorted((one.vpc_id, one.name, one.times, one.instance) for one in asked), logged


def test_names_are_counted_by_vpc_and_instance_and_others_left_out(world: World) -> None:
    vpc_id, other = world.make_vpc(), world.make_vpc(cidr="10.1.0.0/16")
    resolver = Resolver()
    name = "sqs.us-east-1.amazonaws.com."
    records = [query_record(vpc_id, name, "i-1")] * 3 + [query_record(vpc_id, name), query_record(other, name, "i-2")]
    resolver.log(resolver.group("/resolver", *records, query_record(vpc_id, "example.com.", "i-1")), vpc_id)

    asked, logged = read([vpc_id])

    assert asked == [(vpc_id, name, 1, ""), (vpc_id, name, 3, "i-1")]
    assert logged == {vpc_id}
    assert read([other]) == ([], frozenset())


def test_logs_in_s3_or_firehose_arent_read_and_no_configuration_is_nothing(world: World) -> None:
    vpc_id = world.make_vpc()
    assert read([vpc_id]) == ([], frozenset())
    Resolver().log("arn:aws:s3:::query-logs", vpc_id)
    assert read([vpc_id]) == ([], frozenset())


def test_a_search_that_doesnt_end_is_left(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = world.make_vpc()
    resolver = Resolver()
    resolver.log(resolver.group("/resolver", query_record(vpc_id, "sqs.us-east-1.amazonaws.com.")), vpc_id)
    clients = {name: own_client(name) for name in ("route53resolver", "logs")}
    monkeypatch.setattr(clients["logs"], "get_query_results", lambda **_: {"status": "Running", "results": []})
    logs = QueryLogs(clients.__getitem__, wait=lambda _: None)
    with pytest.raises(TransientError, match="took too long"):
        logs.read([vpc_id], ACCOUNT, now=datetime.now(UTC), back=WEEK, until=time.monotonic() - 1)


def test_a_log_group_that_is_gone_or_anothers_is_skipped_and_said(world: World) -> None:
    here, gone, shared = world.make_vpc(), world.make_vpc(cidr="10.1.0.0/16"), world.make_vpc(cidr="10.2.0.0/16")
    resolver = Resolver()
    resolver.log(resolver.group("/here", query_record(here, "sqs.us-east-1.amazonaws.com.")), here)
    resolver.log(f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/gone:*", gone)
    # A group of the same name here isn't the one that is meant.
    resolver.log(f"arn:aws:logs:{REGION}:999999999999:log-group:/here:*", shared)

    asked, logged, why = QueryLogs(own_client, wait=lambda _: None).read(
        [here, gone, shared], ACCOUNT, now=datetime.now(UTC), back=WEEK, until=later()
    )

    assert [one.name for one in asked] == ["sqs.us-east-1.amazonaws.com."]
    assert logged == {here}
    assert why == "log group /here is of account 999999999999; log group /gone doesn't exist"


def test_more_names_than_a_search_answers_are_said_to_be_cut(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = world.make_vpc()
    resolver = Resolver()
    resolver.log(resolver.group("/resolver", query_record(vpc_id, "sqs.us-east-1.amazonaws.com.")), vpc_id)
    clients = {name: own_client(name) for name in ("route53resolver", "logs")}
    row = [{"field": "vpc_id", "value": vpc_id}, {"field": "query_name", "value": "a.s3.us-east-1.amazonaws.com."}]
    answer = {"status": "Complete", "results": [row] * 10_000}
    monkeypatch.setattr(clients["logs"], "get_query_results", lambda **_: answer)

    asked, _, why = QueryLogs(clients.__getitem__, wait=lambda _: None).read(
        [vpc_id], ACCOUNT, now=datetime.now(UTC), back=WEEK, until=later()
    )

    assert len(asked) == 10_000
    assert why == "only the 10,000 names that were asked for most were read"


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    "read_until",
    [
        lambda until: Containers(own_client, until=until).read({}),
        lambda until: Functions(own_client).read(until=until),
        lambda until: AgentConfigurations(own_client).read(until=until),
    ],
    ids=["containers", "functions", "configurations"],
)
def test_a_source_ends_with_its_time(read_until: Callable[[float], Any]) -> None:
    read_until(later())
    with pytest.raises(TransientError, match="took too long"):
        read_until(time.monotonic() - 1)


def publish(instance_id: str, *minutes_ago: int, namespace: str = "CWAgent") -> None:
    data: Any = [
        {
            "MetricName": "mem_used_percent",
            "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
            "Timestamp": NOW - timedelta(minutes=minutes),
            "Value": 1,
        }
        for minutes in minutes_ago
    ]
    boto3.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=data)


@pytest.mark.usefixtures("world")
def test_of_these_instances_those_that_publish_are_found_with_their_last_datapoint() -> None:
    publish("i-1", 70, 20, 50)
    publish("i-2", 5)
    publish("i-3", 5, namespace="Ours")
    watches = (Watch(), Watch(name="ours", namespace="Ours"), Watch(name="far", namespace="Far", is_elsewhere=True))
    publish("i-9", 5, namespace="Far")

    found, why = Publishers(own_client).read(watches, {"i-1", "i-3", "i-9"}, now=NOW, until=later())

    ages = {(one.instance, one.namespace): one.at and (NOW - one.at) // timedelta(minutes=1) for one in found}
    assert ages in ({("i-1", "CWAgent"): 20, ("i-3", "Ours"): 5}, {("i-1", "CWAgent"): 21, ("i-3", "Ours"): 6})
    assert why == ""


@pytest.mark.usefixtures("world")
def test_agents_that_there_was_no_time_to_list_are_said() -> None:
    for number in range(600):
        publish(f"i-{number}", 5)
    found, why = Publishers(own_client).read((Watch(),), {"i-1"}, now=NOW, until=0)
    assert len(found) <= 1
    assert why == "there was no time to list all series"

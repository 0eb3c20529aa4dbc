"""What private subnets need, asked of the function: a whole account on moto, held against a table made by hand."""

import json
import re
import time
from collections.abc import Iterator
from html import unescape
from typing import Any

import boto3
import fastjsonschema
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from lifeline.adapters.evidence import access_advisor
from lifeline.core.suggest.evidence import Certainty, Source
from lifeline.core.suggest.suggestion import Advice
from lifeline.handlers import coverage_page
from lifeline.handlers.reconcile_endpoints import handler
from tests.e2e.emulators.evidence_answers import Advisor
from tests.support.evidence import query_record, teach_advisor, teach_insights
from tests.support.evidence_account import (
    as_in_truth,
    called,
    fill_account,
    lines,
    make_role,
    publish,
    run_instance,
    truth,
)
from tests.support.repository import ROOT
from tests.support.tuning import tune
from tests.support.world import ACCOUNT, REGION, Context, World, emulated_world, flat, own_client

require_valid = fastjsonschema.compile(json.loads((ROOT / "docs/schemas/suggest.schema.json").read_text("utf-8")))


@pytest.fixture
def advisor() -> Advisor:
    return Advisor(called())


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
    return fill_account(own_client)


def ask(**asked: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(handler({"suggest": asked}, Context())))
    require_valid(answer)
    return answer


def read(**asked: Any) -> str:
    return str(handler({"suggest": asked, "format": "text"}, Context())["text"])


@pytest.mark.parametrize("name", ["shop", "batch"])
def test_the_suggestion_is_the_one_that_was_written_down_beforehand(account: dict[str, str], name: str) -> None:
    assert as_in_truth(ask(), account[name]) == truth(name)


def test_what_is_suggested_is_a_rule_that_the_policy_takes_and_its_price_is_the_plans(
    account: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop,) = ask(vpc_ids=[account["shop"]])["suggest"]

    monkeypatch.setenv("CREATABLE_SERVICES", ",".join(shop["rule"]["require"]))
    tune(monkeypatch, rules=[shop["rule"]])
    plan = handler({"vpc_ids": [account["shop"]], "mode": "plan"}, Context())

    (planned,) = plan["vpcs"]
    assert planned["monthly_cost_usd"] == shop["adds_monthly_usd"] == 58.4
    assert {service["service"] for service in planned["services"]} == set(shop["rule"]["require"])
    assert shop["idle_monthly_usd"] == 7.3  # sqs


def test_what_is_unknown_stays_required_and_what_is_idle_does_not(account: dict[str, str]) -> None:
    (batch,) = ask(vpc_ids=[account["batch"]])["suggest"]
    assert batch["rule"]["require"] == ["dynamodb", "monitoring"]


def test_people_read_the_same_and_what_each_source_cant_see(account: dict[str, str]) -> None:
    text = flat(read())

    assert f"role agents of {account['i-agents']} called ssm 1 day ago" in text
    assert "task definition web:1 logs to awslogs" in text
    assert f"{account['i-agents']} asked for monitoring.us-east-1.amazonaws.com 3 times" in text
    assert "cognito-idp - likely; Lifeline knows no endpoint service for it; it needs another way out, and" in text
    assert "access advisor: It doesn't see what never got through" in text
    assert f"Not logged: {account['batch']}." in text
    assert text.endswith("5 unknown, 4 without an endpoint service, in 2 VPCs. Nothing was changed.")


def test_nothing_is_made_sent_or_queued_and_only_the_suggestions_are_kept(
    world: World, account: dict[str, str]
) -> None:
    def ledger() -> set[tuple[str, str]]:
        items = world.dynamodb.scan(TableName="ledger")["Items"]
        return {(item["pk"]["S"], item["sk"]["S"]) for item in items}

    before = world.endpoints(account["shop"]), ledger()
    ask()
    assert world.endpoints(account["shop"]) == before[0]
    kept = {(f"VPC#{ACCOUNT}#{REGION}#{account[name]}", "SUGGESTION") for name in ("shop", "batch")}
    assert ledger() == before[1] | kept
    assert world.forms() == []
    assert world.requeue() == []


def page() -> str:
    context = Context(function_name="lifeline-CoveragePage")
    return str(coverage_page.handler({"vpc_ids": []}, context))


def test_the_page_shows_the_last_suggestion_and_its_button_looks_again(
    account: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILE_ARN", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:lifeline-ReconcileEndpoints")
    assert "Nobody has looked yet what its private subnets need." in page()

    asked = ask()

    shown = page()
    assert "<li>add: <b>kinesis-streams</b> likely; role task of ECS service web called kinesis 1 day ago" in shown
    assert "<li>no endpoint: <b>cognito-idp</b> likely; role agents of" in shown
    assert "The rule adds 58.40 USD a month; what isn&#39;t used costs 7.30 USD" in shown
    (shop,) = [one for one in asked["suggest"] if one["vpc_id"] == account["shop"]]
    assert f"Rule of a policy document: <code>{json.dumps(shop['rule'])}</code>" in unescape(shown)
    assert "rules replace RequiredServices in every VPC" in shown
    assert "To switch them on: Route 53 Resolver, Query logging" in shown  # batch's queries aren't logged
    call = json.dumps({"suggest": {"vpc_ids": [account["shop"]]}, "button": True}, separators=(",", ":"))
    assert f">{call}</cwdb-action>" in shown

    pressed = handler({**json.loads(call), "widgetContext": {}}, Context())
    assert pressed["markdown"].startswith("```text\nvpc-")


def test_without_evidence_the_page_has_nothing_of_it(account: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE", "no")
    assert "evidence" not in page()


def test_without_evidence_nothing_is_read_and_the_parameter_is_named(
    account: dict[str, str], monkeypatch: pytest.MonkeyPatch, advisor: Advisor
) -> None:
    monkeypatch.setenv("EVIDENCE", "no")
    answer = ask()
    assert [error["field"] for error in answer["errors"]] == ["suggest"]
    assert "parameter Evidence" in answer["errors"][0]["message"]
    assert advisor.asked == []


def test_a_vpc_that_isnt_there_is_refused_by_its_place(account: dict[str, str]) -> None:
    answer = ask(vpc_ids=[account["shop"], "vpc-0123456789abcdef0"])
    assert answer["errors"][0]["field"] == "suggest.vpc_ids[1]"
    assert "does not exist" in read(vpc_ids=["vpc-0123456789abcdef0"])


def test_each_role_is_asked_for_once_and_those_in_public_subnets_alone_are_not(
    world: World, account: dict[str, str], advisor: Advisor
) -> None:
    other = world.make_vpc(cidr="10.2.0.0/16")
    edge = world.make_subnet(other, "10.2.1.0/24")
    world.open_to_internet(other)
    make_role(boto3.client("iam"), "edge")
    run_instance(own_client, edge, "edge", is_public=True)
    world.ec2.run_instances(
        ImageId="ami-12c6146b", MinCount=2, MaxCount=2, SubnetId=account["app"], IamInstanceProfile={"Name": "agents"}
    )

    ask()

    assert sorted(advisor.asked) == ["agents", "resize", "task", "task-exec", "worker"]


def test_a_role_that_is_used_in_public_subnets_too_is_no_sure_witness(world: World, account: dict[str, str]) -> None:
    table = str(world.ec2.create_route_table(VpcId=account["batch"])["RouteTable"]["RouteTableId"])
    edge = world.make_subnet(account["batch"], "10.1.2.0/24")
    gateway = str(world.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
    world.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=account["batch"])
    world.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    world.ec2.associate_route_table(RouteTableId=table, SubnetId=edge)
    boto3.client("lambda").update_function_configuration(
        FunctionName="resize", VpcConfig={"SubnetIds": [account["jobs"], edge], "SecurityGroupIds": []}
    )

    dynamodb = lines(ask(), account["batch"])["dynamodb"]

    assert (dynamodb["verdict"], dynamodb["certainty"]) == ("unknown", "unknown")
    assert "used in public subnets, too" in dynamodb["witnesses"][0]["text"]


def test_an_agent_that_publishes_needs_monitoring_even_where_nothing_else_says_so(
    account: dict[str, str], advisor: Advisor
) -> None:
    advisor.calls.clear()
    assert lines(ask(), account["batch"])["monitoring"]["verdict"] == "unknown"
    publish(own_client, account["i-worker"], minutes_ago=125)

    found = lines(ask(), account["batch"])["monitoring"]

    assert (found["verdict"], found["certainty"]) == ("keep", "certain")
    assert found["witnesses"][0]["text"].startswith(f"{account['i-worker']} published CWAgent metrics 2 h")
    assert found["witnesses"][0]["subnet_ids"] == [account["jobs"]]
    shop = lines(ask(), account["shop"])["monitoring"]
    assert re.search(r"published CWAgent metrics [34] min ago", json.dumps(shop))


def test_what_is_published_to_a_namespace_that_nobody_watches_is_no_agents(account: dict[str, str]) -> None:
    publish(own_client, account["i-worker"], minutes_ago=5, namespace="Shop")
    assert lines(ask(), account["batch"])["monitoring"]["verdict"] == "unknown"


def test_where_datapoints_cant_be_read_that_it_is_listed_still_says_that_it_published(
    account: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deny(monkeypatch, "GetMetricData")
    said = json.dumps(lines(ask(), account["shop"])["monitoring"])
    assert f"{account['i-agents']} published CWAgent metrics in the last 3 hours" in said


def test_the_schema_names_all_sources_verdicts_and_certainties() -> None:
    schema = json.loads((ROOT / "docs/schemas/suggest.schema.json").read_text("utf-8"))["definitions"]
    assert schema["source"]["enum"] == [*Source]
    assert schema["service"]["properties"]["verdict"]["enum"] == [*Advice]
    assert schema["service"]["properties"]["certainty"]["enum"] == [*Certainty, ""]


SOURCES = {
    "ListMetrics": "published metrics",
    "GetInstanceProfile": "instances",
    "ListClusters": "task definitions",
    "DescribeTaskDefinition": "task definitions",
    "ListFunctions": "functions",
    "DescribeParameters": "agent configurations",
    "GenerateServiceLastAccessedDetails": "access advisor",
    "GetServiceLastAccessedDetails": "access advisor",
    "ListResolverQueryLogConfigs": "query logs",
    "StartQuery": "query logs",
    "DescribeNetworkInterfaces": "network interfaces",
}


@pytest.mark.parametrize("operation", SOURCES)
def test_a_source_that_is_denied_is_said_and_the_others_are_used(
    account: dict[str, str], monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    deny(monkeypatch, operation)

    answer = ask()

    unread = {one["source"]: one["unread"] for one in answer["sources"] if one["unread"]}
    assert SOURCES[operation] in unread
    assert "AccessDenied" in unread[SOURCES[operation]]
    assert any(line["witnesses"] for one in answer["suggest"] for line in one["services"])
    assert lines(answer, account["shop"])["sqs"]["verdict"] == "unknown"  # the source that isn't read may know of it
    assert f"{SOURCES[operation]}: can't be read: " in flat(read())


def deny(monkeypatch: pytest.MonkeyPatch, denied: str) -> None:
    """From now on, IAM denies the operation."""
    make_call = "botocore.client.BaseClient._make_api_call"
    before = vars(BaseClient)["_make_api_call"]

    def call(self: Any, operation: str, request: Any) -> Any:
        if operation == denied:
            said = {"Code": "AccessDeniedException", "Message": f"not authorized to perform: {operation}"}
            answer: Any = {"Error": said}
            raise ClientError(answer, operation)
        return before(self, operation, request)

    monkeypatch.setattr(make_call, call)


def test_a_report_that_fails_or_a_role_that_is_gone_leaves_the_others(
    account: dict[str, str], advisor: Advisor
) -> None:
    advisor.failing.add("worker")

    answer = ask()

    (why,) = [one["unread"] for one in answer["sources"] if one["source"] == "access advisor"]
    assert why == "1 of 5 roles, such as worker: the report failed: Report is too large"
    assert lines(answer, account["shop"])["cognito-idp"]["verdict"] == "no endpoint"


def test_a_last_call_before_the_window_is_none(account: dict[str, str]) -> None:
    assert lines(ask(days=90), account["shop"])["sqs"]["verdict"] == "not used"
    assert lines(ask(days=200), account["shop"])["sqs"]["verdict"] == "keep"


def test_a_region_without_clusters_logs_or_functions_has_no_evidence_and_says_so(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)

    (found,) = ask()["suggest"]

    assert {line["verdict"] for line in found["services"]} == {"unknown"}
    assert found["rule"]["require"] == ["monitoring", "sqs"]
    assert "nobody known to live there" in flat(read())


def test_names_that_others_chose_bring_no_link_no_mark_up_and_no_service_into_the_rule(
    account: dict[str, str],
) -> None:
    evil = "<script>alert(1)</script> https://evil.example @here"
    content = {"logs": {"x": 1}, "metrics": {"metrics_collected": {}}, "traces": {"x": 1}}
    boto3.client("ssm").put_parameter(Name="AmazonCloudWatch-www.evil.com", Type="String", Value=json.dumps(content))
    ecs: Any = boto3.client("ecs")
    ecs.register_task_definition(
        family="evil",
        networkMode="awsvpc",
        containerDefinitions=[
            {"name": "a", "image": evil, "memory": 128, "secrets": [{"name": evil, "valueFrom": "k"}]},
        ],
    )
    network = {"subnets": [account["app"]], "securityGroups": []}
    ecs.create_service(
        cluster="shop",
        serviceName="evil",
        taskDefinition="evil",
        desiredCount=0,
        networkConfiguration={"awsvpcConfiguration": network},
    )
    host = f"<b>evil</b>.{REGION}.amazonaws.com."
    stamp = int(time.time() * 1000) - 1000
    record = query_record(account["shop"], host, account["i-agents"])
    boto3.client("logs").put_log_events(
        logGroupName="/resolver", logStreamName=account["shop"], logEvents=[{"timestamp": stamp, "message": record}]
    )

    text, shown, answer = read(), page(), ask(vpc_ids=[account["shop"]])

    assert "evil" in text
    assert "https://" not in text
    assert "<" not in text
    assert "www.evil.com" not in text
    assert "@here" not in text
    assert "<script>" not in shown
    assert "<b>evil</b>" not in shown
    offered = set(lines(answer, account["shop"])) - {host.rstrip(".").lower()}
    assert set(answer["suggest"][0]["rule"]["require"]) <= offered
    assert not any("evil" in service for service in answer["suggest"][0]["rule"]["require"])

"""Records that nobody made: how far they go for whoever can put them on the queue, and what nobody looks up."""

import json
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from lifeline.adapters.aws.memory import remember
from lifeline.adapters.aws.roles import Roles
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.agents.watches import Watch
from lifeline.core.incidents.canary import silences
from lifeline.core.network.iam_policy import Permission, RoleVerdict
from lifeline.handlers import detect_metric_gaps, reconcile_endpoints
from tests.support.cases import Case
from tests.support.cloudtrail import RECORDED, Identity, record_call
from tests.support.days import MINUTES, Days
from tests.support.home import HOME
from tests.support.world import ACCOUNT, Context, emulated_world

MINUTE = timedelta(minutes=1)
MALLORY, VICTIM = Identity("team-b-dev", session="mallory"), Identity("team-a", session="victim")


def test_one_with_a_real_events_id_takes_its_place_and_only_event_history_has_the_right_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with emulated_world(monkeypatch) as world:
        days = Days(world, monkeypatch)
        vpc_id = world.make_vpc()
        world.make_subnet(vpc_id)
        days.sweeps(1)
        days.clock.advance(MINUTES)
        days.sweeps(1)
        (endpoint_id,) = days.live(vpc_id)
        world.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])
        real = record_call(
            "DeleteVpcEndpoints", {"VpcEndpointIds": [endpoint_id]}, {}, identity=MALLORY, at=days.clock()
        )
        forged = json.loads(json.dumps(real))
        forged["detail"]["userIdentity"] = VICTIM.as_json(ACCOUNT)
        for event in (real, forged):
            days.clock.advance(MINUTE)
            days.deliver(event)
        call = {"history": {"vpc_id": vpc_id}}
        found = reconcile_endpoints.handler(call, Context())["history"]["entries"]
        (change,) = [one for one in found if one["kind"] == "change"]
        assert change["actor"] == "team-a/victim"
        assert "mallory" in json.dumps(RECORDED[change["event_id"]])


@pytest.mark.parametrize("is_forged", [False, True])
def test_two_of_them_keep_a_canary_from_being_withdrawn_and_are_named(case: Case, *, is_forged: bool) -> None:
    """As the calls themselves do, which whoever may make them makes instead."""
    vpc_id, _, subnet_id = case.behind_nat()
    case.world.make_subnet(vpc_id, "10.0.9.0/24")
    document = json.dumps({"version": 1, "canary": True, "backlog": "act"})
    boto3.client("ssm").put_parameter(Name="/policy", Value=document, Type="String")
    case.monkeypatch.setenv("POLICY_PARAMETER", "/policy")
    agent = case.launch(subnet_id, ago=timedelta(days=2))["InstanceId"]
    for _ in range(4):
        case.look(vpc_id)
        case.later()
    case.told()
    switched = VpcStore("ledger").load(HOME.vpc(vpc_id)).canaries["monitoring"].at
    forged = [
        (switched + after * MINUTE, {"VpcId": vpc_id, "EnableDnsSupport": {"Value": is_on}})
        for after, is_on in ((0.5, False), (4, True))
    ]
    remember.cache_clear()
    case.monkeypatch.setattr(Roles, "may_publish", lambda *_: RoleVerdict(Permission.ALLOWED, "agent"))
    for number in (-2, -1, 0, *range(5, 15)):
        minute = switched.replace(second=0, microsecond=0) + number * MINUTE
        if number <= 0:
            publish(agent, minute)
        if number == 5 and is_forged:
            for at, request in forged:
                deliver(record_call("ModifyVpcAttribute", request, {}, identity=VICTIM, at=at), minute)
        case.monkeypatch.setattr(detect_metric_gaps, "_now", lambda now=minute + MINUTE / 2: now)
        detect_metric_gaps.handler({"detect": True}, Context(function_name="DetectMetricGaps"))
    withdrawals = silences(Incidents("ledger", HOME).read_open(Watch().name), vpc_id)
    assert bool(withdrawals) is not is_forged
    assert any("ModifyVpcAttribute by team-a/victim" in text for text in case.told()) is is_forged


def publish(agent: str, at: datetime) -> None:
    dimensions = [{"Name": "InstanceId", "Value": agent}]
    datum = {"MetricName": "mem_used_percent", "Dimensions": dimensions, "Timestamp": at, "Value": 1.0}
    boto3.client("cloudwatch").put_metric_data(Namespace="CWAgent", MetricData=[datum])  # type: ignore[list-item]


def deliver(event: dict[str, Any], at: datetime) -> None:
    sent = {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(at.timestamp() * 1000))}
    message = {"messageId": "m", "receiptHandle": "h", "body": json.dumps(event), "attributes": sent}
    source = {"eventSourceARN": f"arn:aws:sqs:us-east-1:{ACCOUNT}:changes"}
    reconcile_endpoints.handler({"Records": [message | source]}, Context())

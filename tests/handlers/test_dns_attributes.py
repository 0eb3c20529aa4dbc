"""DNS attributes are remembered: EC2 has no call that reads those of many VPCs. What is remembered only plans."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from lifeline.adapters.aws import clients
from lifeline.adapters.store.dns_attributes import AttributeStore
from lifeline.handlers.reconcile_endpoints import handler
from lifeline.reconciler.gatekeeper import Gatekeeper
from lifeline.reconciler.steps.attributes import ASSUMED, Attributes
from tests.handlers.test_reconcile_endpoints import sqs
from tests.support.cloudtrail import example_event
from tests.support.counting import calls_of, counted_calls
from tests.support.region import make_gaps
from tests.support.tuning import tune
from tests.support.world import LONG_AGO, Context, World, emulated_world, enforce_since

READ = "ec2:DescribeVpcAttribute"
TURN = 2 * 5  # calls of each sweep, for VPCs that are read again in turn
ROUTE_53 = ("route53", "route53resolver", "route53profiles")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        yield made


def sweep() -> dict[str, dict[str, Any]]:
    return {one["vpc_id"]: one for one in handler({"sweep": True}, Context())["vpcs"]}


def set_hostnames(world: World, vpc_id: str, *, on: bool) -> None:
    world.ec2.modify_vpc_attribute(VpcId=vpc_id, EnableDnsHostnames={"Value": on})


def tell(vpc_id: str) -> None:
    """CloudTrail's event of a changed attribute, which the queue delivers."""
    event = example_event("ModifyVpcAttribute")
    event["detail"]["requestParameters"]["vpcId"] = vpc_id
    handler(sqs(event), Context())


# ---- how many calls


def test_a_repeated_sweep_with_gaps_in_half_of_the_vpcs_takes_few_calls(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODE", "plan")
    make_gaps(world, 40)
    with counted_calls() as first:
        sweep()
    with counted_calls() as second:
        sweep()
    assert first[READ] <= 2 * 20 + TURN
    assert second[READ] <= TURN
    assert calls_of(second, "ec2") <= 20
    assert calls_of(second, *ROUTE_53) == 0


def test_where_endpoints_are_made_each_vpc_costs_two_calls_and_one_of_each_api_of_route_53(world: World) -> None:
    missing = make_gaps(world, 12)
    with counted_calls() as calls:
        answers = sweep()
    assert {answers[vpc_id]["outcome"] for vpc_id in missing} == {"changed"}
    assert calls[READ] <= 2 * len(missing) + TURN
    of_region = ("route53resolver:ListResolverEndpoints", "route53resolver:ListResolverRules")  # who else asks there
    assert [calls[name] for name in of_region] == [1, 1]
    assert calls_of(calls, *ROUTE_53) == 3 * len(missing) + len(of_region)
    assert calls["ec2:DescribeDhcpOptions"] == 1


def test_of_what_a_limit_holds_back_no_attributes_are_read_but_for_the_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(monkeypatch, endpoints_per_day=4)
    missing = make_gaps(world, 40)
    with counted_calls() as calls:
        answers = sweep()
    changed = [vpc_id for vpc_id in missing if answers[vpc_id]["outcome"] == "changed"]
    held = [answers[vpc_id] for vpc_id in missing if answers[vpc_id]["outcome"] == "blocked"]
    assert len(changed) + len(held) == len(missing)
    assert changed
    assert calls[READ] <= 2 * len(changed) + TURN
    assert sum(ASSUMED in answer["note"] for answer in held) >= len(held) - TURN // 2


def test_what_a_limit_holds_back_is_not_read_again_by_each_sweep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tune(monkeypatch, endpoints_per_day=1)
    make_gaps(world, 20)
    sweep()
    with counted_calls() as calls:
        outcomes = {answer["outcome"] for answer in sweep().values()}
    assert outcomes == {"blocked", "unchanged"}
    assert calls[READ] <= TURN


# ---- what is remembered only plans


def test_an_attribute_that_was_turned_off_unseen_stops_the_endpoint_and_the_next_run_knows_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Attributes, "due", lambda *_: [])  # it isn't its turn
    (vpc_id,) = make_gaps(world, 1)
    monkeypatch.setenv("MODE", "plan")
    sweep()
    monkeypatch.setenv("MODE", "enforce")
    enforce_since(LONG_AGO)  # what was missing in plan mode would wait for approval otherwise
    set_hostnames(world, vpc_id, on=False)

    answer = sweep()[vpc_id]

    assert (answer["outcome"], world.endpoints(vpc_id), world.groups(vpc_id)) == ("planned", [], [])
    assert {action["error"] for action in answer["actions"]} == {
        "the VPC's DNS attributes aren't what was planned for, so Lifeline will plan this VPC again"
    }
    assert [message["vpc_ids"] for message in world.requeue()] == [[vpc_id]]
    with counted_calls() as calls:
        assert sweep()[vpc_id]["outcome"] == "blocked"
    assert calls[READ] == 0


@pytest.mark.parametrize(("on", "outcome", "made"), [(True, "changed", 1), (False, "planned", 0)])
def test_what_passes_the_limits_unexpectedly_is_read_before_it_is_changed(
    world: World, monkeypatch: pytest.MonkeyPatch, *, on: bool, outcome: str, made: int
) -> None:
    monkeypatch.setattr(Attributes, "due", lambda *_: [])
    monkeypatch.setattr(Gatekeeper, "likely", lambda *_, **__: frozenset())
    (vpc_id,) = make_gaps(world, 1)
    set_hostnames(world, vpc_id, on=on)
    with counted_calls() as calls:
        assert sweep()[vpc_id]["outcome"] == outcome
    assert (calls[READ], len(world.endpoints(vpc_id))) == (2, made)


def test_a_change_of_an_attribute_is_known_by_its_event(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attributes, "due", lambda *_: [])
    (vpc_id,) = make_gaps(world, 1)
    set_hostnames(world, vpc_id, on=False)
    assert sweep()[vpc_id]["outcome"] == "blocked"
    set_hostnames(world, vpc_id, on=True)
    tell(vpc_id)
    assert len(world.endpoints(vpc_id)) == 1


def test_more_changes_than_are_read_at_once_are_forgotten_until_they_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifeline.reconciler.reconciliation._MOST_NAMED", 0)
    monkeypatch.setattr(Attributes, "due", lambda *_: [])
    (vpc_id,) = make_gaps(world, 1)
    set_hostnames(world, vpc_id, on=False)
    sweep()
    set_hostnames(world, vpc_id, on=True)
    assert sweep()[vpc_id]["outcome"] == "blocked"
    tell(vpc_id)
    assert sweep()[vpc_id]["outcome"] == "changed"


def test_what_is_off_comes_round_even_if_no_event_tells_that_it_is_on_again(world: World) -> None:
    missing = make_gaps(world, 1)
    set_hostnames(world, missing[0], on=False)
    assert sweep()[missing[0]]["outcome"] == "blocked"
    set_hostnames(world, missing[0], on=True)
    assert sweep()[missing[0]]["outcome"] == "changed"


def test_what_lifeline_itself_turned_on_is_not_remembered_as_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAY_FIX_DNS", "yes")
    monkeypatch.setenv("POLICY_PARAMETER", "/lifeline/policy")
    policy = '{"version": 1, "rules": [{"require": ["monitoring"]}], "fix_dns": true}'
    boto3.client("ssm").put_parameter(Name="/lifeline/policy", Type="String", Value=policy)
    (vpc_id,) = make_gaps(world, 1)
    set_hostnames(world, vpc_id, on=False)
    assert sweep()[vpc_id]["outcome"] == "changed"
    known = AttributeStore("ledger", clients.client("dynamodb")).read()
    assert vpc_id not in known or known[vpc_id].are_on
    assert sweep()[vpc_id]["outcome"] == "unchanged"


# ---- without the ledger's item


def test_without_what_is_remembered_a_sweep_reads_more_and_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (vpc_id,) = make_gaps(world, 1)
    world.dynamodb.put_item(
        TableName="ledger", Item={"pk": {"S": "ATTRIBUTES"}, "sk": {"S": "KNOWN"}, "vpcs": {"B": b"damaged"}}
    )
    assert sweep()[vpc_id]["outcome"] == "changed"

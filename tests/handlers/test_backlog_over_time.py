"""The backlog over days, on an EC2 that refuses what AWS refuses: nothing but an approval ends what waits."""

from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest

from lifeline.adapters.store.keys import partition
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from tests.support.agents import TABLE
from tests.support.cloudtrail import Failure, record_call
from tests.support.days import MINUTES, Days
from tests.support.home import HOME
from tests.support.world import emulated_world, enforce_newly


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch) as world:
        enforce_newly()
        yield Days(world, monkeypatch)


def waiting_vpc(days: Days) -> tuple[str, str]:
    """A VPC that was there before, and its subnet, which waits."""
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    days.sweeps(1)
    assert state_of(vpc_id).survey.waiting == {(subnet_id, "monitoring")}  # type: ignore[union-attr]
    return vpc_id, subnet_id


def state_of(vpc_id: str) -> VpcState:
    return VpcStore(TABLE).load(HOME.vpc(vpc_id))


def expire(days: Days) -> None:
    """Deletes what has expired, as DynamoDB would."""
    dynamodb = days.world.dynamodb
    for item in dynamodb.scan(TableName=TABLE)["Items"]:
        if "expires_at" in item and int(item["expires_at"]["N"]) < days.clock().timestamp():
            dynamodb.delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})


def test_a_refused_deletion_of_a_subnet_ends_nothing_that_waits_there(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    subnet_id, used = days.world.make_subnet(vpc_id), days.world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b")
    days.world.ec2.create_network_interface(SubnetId=used)
    days.sweeps(1)
    refusal = Failure("DependencyViolation", f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
    days.deliver(record_call("DeleteSubnet", {"SubnetId": subnet_id}, failure=refusal, at=days.clock()))

    days.clock.advance(MINUTES)
    days.call({"sweep": True})
    assert set(state_of(vpc_id).frozen) == {subnet_id}
    days.sweeps(3)

    assert days.live(vpc_id) == []


def test_a_vpc_whose_survey_was_removed_from_the_ledger_waits_anew(days: Days) -> None:
    vpc_id, subnet_id = waiting_vpc(days)
    days.clock.advance(MINUTES)
    store, before = VpcStore(TABLE), state_of(vpc_id)
    store.save(HOME.vpc(vpc_id), before, replace(before, survey=None), now=days.clock())

    days.sweeps(2)

    assert days.live(vpc_id) == []
    assert state_of(vpc_id).survey.waiting == {(subnet_id, "monitoring")}  # type: ignore[union-attr]


def test_a_survey_that_cannot_be_read_makes_no_new_vpc_wait(days: Days) -> None:
    spoilt = days.world.make_vpc()
    days.world.make_subnet(spoilt)
    key = {"pk": {"S": partition(HOME.vpc(spoilt))}, "sk": {"S": "STATE"}}
    days.world.dynamodb.put_item(TableName=TABLE, Item={**key, "survey": {"S": "?"}})
    days.sweeps(1)
    new = days.world.make_vpc()
    days.world.make_subnet(new)

    days.sweeps(1)

    assert (days.live(spoilt), len(days.live(new))) == ([], 1)


def test_what_waits_does_so_however_long_the_ledger_keeps_things(days: Days) -> None:
    vpc_id, _ = waiting_vpc(days)
    frozen = days.world.make_vpc()
    days.world.make_subnet(frozen)
    days.call({"vpc_ids": [frozen], "freeze": True})
    for _ in range(9):
        days.sweeps(24 * 50, every=24 * 10)
        expire(days)

    days.sweeps(1)

    assert days.live(vpc_id) == days.live(frozen) == []


def test_what_is_lost_or_made_while_the_kill_switch_is_on_is_served_once_it_is_off(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILL_SWITCH_PARAMETER", "/stop")
    switch("off")
    days.sweeps(1)
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    table_id = days.world.open_to_internet(vpc_id)
    days.sweeps(1)
    switch("on")
    days.world.ec2.delete_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0")
    new = days.world.make_vpc()
    days.world.make_subnet(new)
    days.sweeps(2)
    assert days.live(vpc_id) == days.live(new) == []

    switch("off")
    days.sweeps(2)

    assert (len(days.live(vpc_id)), len(days.live(new))) == (1, 1)


def switch(value: str) -> None:
    boto3.client("ssm").put_parameter(Name="/stop", Value=value, Type="String", Overwrite=True)


def test_however_many_vpcs_wait_there_sweeps_alone_find_a_path_that_is_lost(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run asks who answers for names in so many VPCs at most, and puts the others back on the queue: whoever has that
    filled would otherwise keep those with the last IDs from ever being looked at.
    """
    monkeypatch.setenv("MOST_DNS_VIEWS", "1")
    vpc_ids = sorted(days.world.make_vpc(cidr=f"10.{number}.0.0/16") for number in range(4))
    for vpc_id in vpc_ids:
        block = days.world.ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["CidrBlock"]
        days.world.make_subnet(vpc_id, block.replace(".0.0/16", ".1.0/24"))
    table_id = days.world.open_to_internet(vpc_ids[-1])
    days.sweeps(1)
    days.cut_off(table_id)
    for _ in range(24):
        days.empty_queue()
        days.sweeps(1)
    assert len(days.live(vpc_ids[-1])) == 1

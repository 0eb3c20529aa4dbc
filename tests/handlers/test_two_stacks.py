"""Two stacks in one account and region: each keeps to its own, and neither fights the other."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tools.template import read_template

from lifeline.adapters.aws.memory import remember
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from tests.support.agents import TABLE, create_table
from tests.support.cloudtrail import Failure, Identity, record_call
from tests.support.days import HOUR, MINUTES, Days
from tests.support.home import HOME
from tests.support.policies import ACCOUNT, Caller, Stack
from tests.support.world import LONG_AGO, emulated_world

ONE, OTHER = "lifeline", "team-b"
TEMPLATE = read_template()


class Stacks:
    """The account, and whose function runs in it: its environment, its ledger and its role."""

    def __init__(self, days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
        self.days = days
        self._monkeypatch = monkeypatch
        create_table(f"{TABLE}-{OTHER}")
        state = VpcState(enforced_since=LONG_AGO, swept_at=LONG_AGO)
        VpcStore(f"{TABLE}-{OTHER}").save(HOME, VpcState(), state, now=days.clock())

    def be(self, name: str) -> Days:
        """The function of this stack runs from now on, with the permissions that the template gives its role."""
        role = f"arn:aws:iam::{ACCOUNT}:role/{name}-ReconcileRole"
        for variable, value in {
            "STACK_NAME": name,
            "TABLE_NAME": TABLE if name == ONE else f"{TABLE}-{name}",
            "ROLE_ARN": role,
        }.items():
            self._monkeypatch.setenv(variable, value)
        remember.cache_clear()
        statements = Stack(TEMPLATE, stack_name=name).statements("ReconcileRole")
        self.days.account.caller = Caller(policy=tuple(statements), context={"aws:PrincipalArn": role})
        return self.days


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stacks]:
    with emulated_world(monkeypatch, retire_after_hours=72) as world:
        yield Stacks(Days(world, monkeypatch), monkeypatch)


def cut_off(stacks: Stacks) -> str:
    vpc_id = stacks.days.world.make_vpc()
    stacks.days.world.make_subnet(vpc_id)
    return vpc_id


def owners(days: Days, vpc_id: str) -> list[str]:
    return [tag["Value"] for one in days.world.endpoints(vpc_id) for tag in one["Tags"] if "managed-by" in tag["Key"]]


def changes(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["action"], one["status"]) for one in answer["actions"]]


def test_the_second_stack_uses_the_firsts_endpoint_and_leaves_it_alone(stacks: Stacks) -> None:
    vpc_id = cut_off(stacks)
    stacks.be(ONE).look(vpc_id)
    stacks.days.clock.advance(MINUTES)
    answer = stacks.be(OTHER).look(vpc_id)
    assert (answer["outcome"], changes(answer)) == ("unchanged", [])
    assert {one["service"]: one["state"] for one in answer["services"]} == {"monitoring": "served"}
    assert owners(stacks.days, vpc_id) == [ONE]


def test_a_release_of_one_stack_deletes_nothing_of_the_others(stacks: Stacks) -> None:
    vpcs = {name: cut_off(stacks) for name in (ONE, OTHER)}
    for name, vpc_id in vpcs.items():
        stacks.be(name).look(vpc_id)
        stacks.days.clock.advance(MINUTES)
    kept = stacks.days.live(vpcs[ONE])
    days = stacks.be(OTHER)
    for _ in range(3):
        days.call({"release": True})
        days.clock.advance(HOUR)
    assert days.live(vpcs[ONE]) == kept
    assert days.live(vpcs[OTHER]) == []
    assert set(days.deletions()).isdisjoint(kept)


def test_what_one_stack_no_longer_needs_the_other_does_not_retire(stacks: Stacks) -> None:
    vpc_id = cut_off(stacks)
    stacks.be(ONE).look(vpc_id)
    stacks.days.clock.advance(MINUTES)
    stacks.days.world.open_to_internet(vpc_id)
    assert stacks.be(OTHER).sweeps(80, every=8) == []
    assert owners(stacks.days, vpc_id) == [ONE]


def test_both_create_in_one_vpc_with_a_group_of_their_own_and_nobody_is_asked_about_the_others(
    stacks: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = cut_off(stacks)
    stacks.be(ONE).look(vpc_id)
    stacks.days.clock.advance(MINUTES)
    stacks.days.world.notices()
    days = stacks.be(OTHER)
    monkeypatch.setenv("REQUIRED_SERVICES", "monitoring,logs")
    statements = Stack(TEMPLATE, {"RequiredServices": "monitoring,logs"}, stack_name=OTHER).statements("ReconcileRole")
    days.account.caller = Caller(policy=tuple(statements))
    answer = days.look(vpc_id)
    assert changes(answer) == [("create_security_group", "done"), ("create_interface_endpoint", "done")]
    assert sorted(owners(days, vpc_id)) == [ONE, OTHER]
    groups = {group["GroupId"]: one["VpcEndpointId"] for one in days.world.endpoints(vpc_id) for group in one["Groups"]}
    assert len(groups) == 2
    days.clock.advance(MINUTES)
    for name in (ONE, OTHER, ONE):
        assert changes(stacks.be(name).look(vpc_id)) == [], name


def test_a_race_for_a_name_ends_with_one_endpoint_and_no_freeze(stacks: Stacks) -> None:
    """Both saw the gap at once: EC2 refuses the second, and the first takes that for somebody's own endpoint."""
    vpc_id = cut_off(stacks)
    stacks.be(ONE).look(vpc_id)
    days = stacks.days
    days.clock.advance(MINUTES)
    attempt = refused_create(stacks, vpc_id)
    for number, hours in enumerate([1] * 10 + [4] * 5):
        for name in (ONE, OTHER):
            stacks.be(name)
            if not number:
                days.deliver(attempt)
            days.look(vpc_id)
            days.clock.advance(MINUTES)
        days.clock.advance(hours * HOUR)
    assert len(days.live(vpc_id)) == 1
    calls = [call for call in days.account.calls if call.accepted and "VpcEndpoint" in call.operation]
    late = [call for call in calls if call.at > days.clock() - 4 * HOUR]
    assert late == []
    assert len(calls) <= 4
    for name in (ONE, OTHER):
        answer = stacks.be(name).look(vpc_id)
        assert (answer["outcome"], changes(answer)) == ("unchanged", [])
    assert not any("frozen" in text for text in days.texts())


def refused_create(stacks: Stacks, vpc_id: str) -> dict[str, Any]:
    """The other stack's call, planned before the first stack's endpoint was there, as CloudTrail records it."""
    days = stacks.be(OTHER)
    subnets = days.world.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
    tags = [{"Key": "lifeline:managed-by", "Value": OTHER}, {"Key": "Name", "Value": "lifeline-monitoring"}]
    request = {
        "VpcEndpointType": "Interface",
        "VpcId": vpc_id,
        "ServiceName": "com.amazonaws.us-east-1.monitoring",
        "SubnetIds": [subnet["SubnetId"] for subnet in subnets],
        "PrivateDnsEnabled": True,
        "TagSpecifications": [{"ResourceType": "vpc-endpoint", "Tags": tags}],
    }
    with pytest.raises(ClientError) as caught:
        days.account.client().create_vpc_endpoint(**request)
    error = caught.value.response["Error"]
    failure = Failure(error["Code"], error["Message"])
    who = Identity(f"{OTHER}-ReconcileRole", session=f"{OTHER}-ReconcileEndpoints")
    return record_call("CreateVpcEndpoint", request, failure=failure, at=days.clock(), identity=who)

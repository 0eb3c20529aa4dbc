"""Instances' states, and EC2's own checks of them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lifeline.adapters.aws import clients
from lifeline.adapters.aws.instances import Instances
from lifeline.core.agents.instances import Health, Instance, Power
from lifeline.core.errors import TerminalError, TransientError
from tests.support.agents import ENVIRONMENT, REGION, calls, client_error, failing, launch, minute
from tests.support.emulator import emulated_aws

PROFILE = "arn:aws:iam::123456789012:instance-profile/team/web"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with emulated_aws():
        yield


class DescribedEc2:
    """One instance, described so."""

    def __init__(self, state: str = "running", **described: Any) -> None:
        self._described = {"InstanceId": "i-0000000a", "State": {"Name": state}, "LaunchTime": minute(0), **described}

    def get_paginator(self, _operation: str) -> "DescribedEc2":
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return [{"Reservations": [{"Instances": [self._described]}]}]


class CheckedEc2:
    """Knows the checks of these instances; it fails a call that names another one, as EC2 does."""

    def __init__(self, **statuses: tuple[str, str, str]) -> None:
        self._statuses = {name.replace("_", "-"): found for name, found in statuses.items()}
        self.asked: list[int] = []

    def get_paginator(self, _operation: str) -> "CheckedEc2":
        return self

    def paginate(self, *, InstanceIds: list[str], **_: Any) -> list[dict[str, Any]]:  # noqa: N803 - boto3's name
        self.asked.append(len(InstanceIds))
        if set(InstanceIds) - self._statuses.keys():
            raise client_error("InvalidInstanceID.NotFound", "DescribeInstanceStatus")
        return [{"InstanceStatuses": [self._status(id_) for id_ in InstanceIds]}]

    def _status(self, id_: str) -> dict[str, Any]:
        system, instance, volumes = ({"Status": status} for status in self._statuses[id_])
        return {"InstanceId": id_, "SystemStatus": system, "InstanceStatus": instance, "AttachedEbsStatus": volumes}


WELL = ("ok", "ok", "ok")


def described(**more: Any) -> Instance:
    return Instances(DescribedEc2(**more)).look_up(["i-0000000a"])["i-0000000a"]


def tag(id_: str, value: str = "expected", key: str = "lifeline:agent") -> None:
    boto3.client("ec2", region_name=REGION).create_tags(Resources=[id_], Tags=[{"Key": key, "Value": value}])


class TestLookingUp:
    @pytest.mark.parametrize(
        ("state", "power"),
        [
            ("pending", Power.DOWN),
            ("running", Power.RUNNING),
            ("stopping", Power.DOWN),
            ("stopped", Power.DOWN),
            ("shutting-down", Power.DOWN),
            ("terminated", Power.GONE),
        ],
    )
    def test_each_state_says_whether_an_agent_can_be_expected(self, state: str, power: Power) -> None:
        assert described(state=state) == Instance(power, minute(0), state=state)

    def test_an_instance_comes_with_where_it_is_and_what_it_may_do(self) -> None:
        assert described(
            VpcId="vpc-1",
            SubnetId="subnet-1",
            Placement={"AvailabilityZone": "us-east-1a"},
            IamInstanceProfile={"Arn": PROFILE, "Id": "AIPA"},
            Tags=[{"Key": "team", "Value": "shop"}, {"Key": "lifeline:agent", "Value": "expected"}],
        ) == Instance(
            Power.RUNNING,
            minute(0),
            state="running",
            vpc_id="vpc-1",
            subnet_id="subnet-1",
            zone="us-east-1a",
            profile_arn=PROFILE,
            tags=(("lifeline:agent", "expected"), ("team", "shop")),
        )

    @pytest.mark.parametrize(
        ("found", "is_public"),
        [
            ({}, False),
            ({"PrivateIpAddress": "10.0.0.4", "PublicIpAddress": ""}, False),
            ({"PublicIpAddress": "203.0.113.9"}, True),
            ({"Ipv6Address": "2001:db8::1"}, False),
            ({"NetworkInterfaces": [{"Ipv6Addresses": []}, {}]}, False),
            ({"NetworkInterfaces": [{}, {"Ipv6Addresses": [{"Ipv6Address": "2001:db8::1"}]}]}, False),
        ],
    )
    def test_an_ipv6_address_is_no_public_ipv4_address(self, found: dict[str, Any], *, is_public: bool) -> None:
        assert described(**found).has_public_address is is_public
        assert described(**found).has_ipv6_address is ("2001" in str(found))

    def test_a_running_instance_comes_with_its_subnet_and_the_time_of_its_launch(self) -> None:
        id_ = launch()
        found = Instances().look_up([id_])[id_]
        assert (found.power, found.vpc_id[:4], found.subnet_id[:7]) == (Power.RUNNING, "vpc-", "subnet-")
        assert found.launched_at is not None
        assert abs((datetime.now(UTC) - found.launched_at).total_seconds()) < 600

    def test_a_stopped_and_a_terminated_instance_are_told_apart(self) -> None:
        stopped, terminated = launch(), launch()
        ec2 = clients.client("ec2")
        ec2.stop_instances(InstanceIds=[stopped])
        ec2.terminate_instances(InstanceIds=[terminated])
        found = Instances().look_up([stopped, terminated])
        assert (found[stopped].power, found[terminated].power) == (Power.DOWN, Power.GONE)

    def test_an_id_that_ec2_does_not_know_is_missing_not_terminated_and_does_not_fail_the_others(self) -> None:
        id_ = launch()
        found = Instances().look_up([id_, "i-0123456789abcdef0"])
        assert (found[id_].power, found["i-0123456789abcdef0"]) == (Power.RUNNING, Instance(Power.MISSING))

    @pytest.mark.parametrize("entity", ["web-1", "i-", "i-XYZ", "i-0000000a*", "i-0000000a\n", "mi-0123456789abcdef0"])
    def test_what_is_not_an_instance_id_never_reaches_ec2(self, entity: str) -> None:
        with calls("ec2") as made:
            assert Instances().look_up([entity]) == {}
            assert Instances().health([entity]) == {}
        assert made == []

    def test_200_ids_go_into_one_call(self) -> None:
        with calls("ec2") as made:
            found = Instances().look_up(f"i-{number:08x}" for number in range(201))
        assert sorted(len(asked["Filters"][0]["Values"]) for _, asked in made) == [1, 200]
        assert len(found) == 201

    @pytest.mark.parametrize("code", ["RequestLimitExceeded", "UnauthorizedOperation"])
    def test_a_failed_call_leaves_its_instances_unreadable(self, code: str) -> None:
        with failing("ec2", "DescribeInstances", code):
            assert Instances().look_up(["i-0000000a"]) == {"i-0000000a": Instance(Power.UNREADABLE)}

    def test_instances_that_a_service_manages_are_seen_though_the_account_hides_them(self) -> None:
        with calls("ec2") as made:
            Instances().look_up(["i-0000000a"])
            Instances().find_expected()
            Instances().health([launch()])
        reads = [asked for operation, asked in made if operation.startswith("DescribeInstance")]
        assert [asked["IncludeManagedResources"] for asked in reads] == [True, True, True]


class TestExpected:
    def test_a_running_instance_is_expected_if_its_tag_says_so(self) -> None:
        expected, other, untagged = launch(), launch(), launch()
        tag(expected)
        tag(other, "optional")
        tag(untagged, key="agent")
        found = Instances().find_expected()
        assert list(found) == [expected]
        assert found[expected].is_expected

    def test_an_expected_instance_that_does_not_run_is_left_out(self) -> None:
        stopped, terminated = launch(), launch()
        tag(stopped)
        tag(terminated)
        ec2 = clients.client("ec2")
        ec2.stop_instances(InstanceIds=[stopped])
        ec2.terminate_instances(InstanceIds=[terminated])
        assert Instances().find_expected() == {}

    def test_an_instance_that_is_starting_is_asked_for_too(self) -> None:
        with calls("ec2") as made:
            Instances().find_expected()
        [(_, asked)] = made
        assert asked["Filters"][1] == {"Name": "instance-state-name", "Values": ["pending", "running"]}

    def test_half_a_list_is_none(self) -> None:
        with failing("ec2", "DescribeInstances", "RequestLimitExceeded"), pytest.raises(TransientError):
            Instances().find_expected()
        with failing("ec2", "DescribeInstances", "UnauthorizedOperation"), pytest.raises(TerminalError):
            Instances().find_expected()


class TestHealth:
    @pytest.mark.parametrize(
        ("statuses", "health"),
        [
            (WELL, Health.OK),
            (("ok", "ok", "not-applicable"), Health.OK),
            (("impaired", "ok", "ok"), Health.IMPAIRED),
            (("ok", "impaired", "ok"), Health.IMPAIRED),
            (("ok", "ok", "impaired"), Health.IMPAIRED),
            (("initializing", "impaired", "ok"), Health.IMPAIRED),
            (("ok", "initializing", "ok"), Health.UNKNOWN),
            (("ok", "insufficient-data", "ok"), Health.UNKNOWN),
        ],
    )
    def test_one_failed_check_is_enough_and_all_must_be_well(
        self, statuses: tuple[str, str, str], health: Health
    ) -> None:
        assert Instances(CheckedEc2(i_0000000a=statuses)).health(["i-0000000a"]) == {"i-0000000a": health}

    def test_a_running_instance_of_the_account_is_well(self) -> None:
        id_ = launch()
        assert Instances().health([id_]) == {id_: Health.OK}

    def test_a_stopped_instance_has_no_checks(self) -> None:
        id_ = launch()
        clients.client("ec2").stop_instances(InstanceIds=[id_])
        assert Instances().health([id_]) == {id_: Health.UNKNOWN}

    def test_ids_that_ec2_does_not_know_are_unknown_and_do_not_fail_the_others(self) -> None:
        known = {f"i_{number:08x}": WELL for number in range(0, 90, 2)}
        ec2 = CheckedEc2(**known, i_00000001=("ok", "impaired", "ok"))
        found = Instances(ec2).health(f"i-{number:08x}" for number in range(90))
        assert [found[f"i-{number:08x}"] for number in (0, 1, 2, 3)] == [
            Health.OK,
            Health.IMPAIRED,
            Health.OK,
            Health.UNKNOWN,
        ]
        assert list(found.values()).count(Health.OK) == 45

    def test_one_unknown_id_among_100_costs_a_few_calls(self) -> None:
        ec2 = CheckedEc2(**{f"i_{number:08x}": WELL for number in range(99)})
        found = Instances(ec2).health(f"i-{number:08x}" for number in range(100))
        assert list(found.values()).count(Health.OK) == 99
        assert len(ec2.asked) < 16

    def test_100_ids_go_into_one_call(self) -> None:
        ec2 = CheckedEc2(**{f"i_{number:08x}": WELL for number in range(101)})
        Instances(ec2).health(f"i-{number:08x}" for number in range(101))
        assert sorted(ec2.asked) == [1, 100]

    @pytest.mark.parametrize("code", ["RequestLimitExceeded", "UnauthorizedOperation"])
    def test_checks_that_cannot_be_read_are_unknown(self, code: str) -> None:
        with failing("ec2", "DescribeInstanceStatus", code):
            assert Instances().health(["i-0000000a"]) == {"i-0000000a": Health.UNKNOWN}


def test_the_region_is_the_functions_own() -> None:
    assert clients.client("ec2").meta.region_name == REGION


class TestRunningIn:
    def test_the_running_instances_of_one_vpc_are_found_with_their_tags(self) -> None:
        with mock_aws():
            ec2 = boto3.client("ec2", region_name="us-east-1")
            vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
            subnet_id = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
            made = ec2.run_instances(ImageId="ami-12345678", MinCount=3, MaxCount=3, SubnetId=subnet_id)["Instances"]
            ec2.create_tags(Resources=[one["InstanceId"] for one in made], Tags=[{"Key": "team", "Value": "payments"}])
            ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)
            up, other, stopped = (one["InstanceId"] for one in made)
            ec2.stop_instances(InstanceIds=[stopped])
            found = Instances(ec2).running_in(vpc_id)
        assert found is not None
        assert found.keys() == {up, other}
        assert {(one.vpc_id, one.subnet_id, one.tag("team")) for one in found.values()} == {
            (vpc_id, subnet_id, "payments")
        }

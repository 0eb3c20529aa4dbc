"""What has to be read beside a network's filters, and what of it is: only where a filter refers to it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lifeline.adapters.aws.filters import guarded_vpcs, vpcs_with_callers
from lifeline.adapters.aws.network import Network
from lifeline.core.errors import TerminalError
from tests.support.world import World, emulated_world


def acl(*entries: tuple[int, bool, str, str, str]) -> dict[str, Any]:
    made = [
        {"RuleNumber": number, "Egress": egress, "RuleAction": action, "CidrBlock": cidr, "Protocol": protocol}
        for number, egress, action, cidr, protocol in entries
    ]
    return {"VpcId": "vpc-1", "Associations": [{"SubnetId": "subnet-1"}], "Entries": made}


OPEN = ((100, True, "allow", "0.0.0.0/0", "-1"), (100, False, "allow", "0.0.0.0/0", "-1"))
LAST = ((32767, True, "deny", "0.0.0.0/0", "-1"), (32767, False, "deny", "0.0.0.0/0", "-1"))


@pytest.mark.parametrize(
    ("described", "is_guarded"),
    [
        (acl(*OPEN, *LAST), False),
        (acl(*LAST), True),
        (acl(*OPEN[:1], *LAST), True),
        (acl((50, True, "deny", "10.0.2.66/32", "-1"), *OPEN, *LAST), True),
        (acl(*OPEN, (110, True, "allow", "10.0.0.0/8", "6"), *LAST), False),
        ({**acl(*LAST), "Associations": []}, False),
    ],
)
def test_an_acl_of_a_new_vpc_guards_nothing(described: dict[str, Any], *, is_guarded: bool) -> None:
    assert guarded_vpcs([described]) == ({"vpc-1"} if is_guarded else set())


NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
OVER = {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}
NOT_YET = {"DateGreaterThan": {"aws:CurrentTime": "2090-01-01T00:00:00Z"}}


def of_account(account: str) -> dict[str, Any]:
    return {"StringEquals": {"aws:PrincipalAccount": account}}


@pytest.mark.parametrize(
    ("conditions", "hangs"),
    [
        ((of_account("2"),), True),
        ((of_account("2"), of_account("1") | OVER), True),
        ((of_account("2"), of_account("1") | NOT_YET), True),
        ((of_account("2"), OVER), True),
        ((OVER,), False),
        ((of_account("2"), NOT_YET, {}), False),
    ],
)
def test_who_is_there_has_to_be_read_also_where_a_date_shuts_out_all_but_another_account(
    conditions: tuple[dict[str, Any], ...], *, hangs: bool
) -> None:
    anybody = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    made = {
        "VpcId": "vpc-1",
        "VpcEndpointId": "vpce-1",
        "ServiceName": "com.amazonaws.us-east-1.monitoring",
        "VpcEndpointType": "Interface",
        "State": "available",
        "PolicyDocument": json.dumps({"Statement": [anybody | {"Condition": one} for one in conditions]}),
    }
    described = {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "OwnerId": "1"}
    assert vpcs_with_callers([described], [made], NOW) == ({"vpc-1"} if hangs else set())


def test_interfaces_are_read_only_where_something_depends_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch) as world:
        plain, naming = world.make_vpc(), world.make_vpc(cidr="10.9.0.0/16")
        subnet_id = world.make_subnet(naming, "10.9.1.0/24")
        group_id = with_endpoint_of_members(world, naming, subnet_id)
        interface = world.ec2.create_network_interface(SubnetId=subnet_id, Groups=[group_id])["NetworkInterface"]
        found = {vpc.id: vpc for vpc in Network(world.ec2).observe([plain, naming])}
        assert found[plain].interfaces is None
        (own,) = [one for one in found[naming].interfaces or () if one.id == interface["NetworkInterfaceId"]]
        assert (own.addresses, own.group_ids) == ((interface["PrivateIpAddress"],), frozenset({group_id}))


def test_what_may_not_be_read_is_left_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch) as world:
        vpc_id = world.make_vpc()
        with_endpoint_of_members(world, vpc_id, world.make_subnet(vpc_id))

        def denied(*_: object, **__: object) -> list[dict[str, Any]]:
            raise TerminalError("not authorized", code="UnauthorizedOperation")

        monkeypatch.setattr("lifeline.adapters.aws.network.run_concurrently", _but_for(denied))
        (found,) = Network(world.ec2).observe([vpc_id])
        assert found.interfaces is None


def _but_for(denied: Any) -> Any:
    from lifeline.adapters.aws.calls import run_concurrently  # noqa: PLC0415 - the one that is replaced

    def run(calls: Any) -> Any:
        waiting = list(calls)
        asks = [getattr(call, "args", ())[1:2] for call in waiting]
        return denied() if ("describe_network_interfaces",) in asks else run_concurrently(waiting)

    return run


def with_endpoint_of_members(world: World, vpc_id: str, subnet_id: str) -> str:
    made = world.ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=vpc_id)
    group_id = str(made["GroupId"])
    permission = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group_id}]}
    world.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[permission])
    world.ec2.create_vpc_endpoint(
        VpcId=vpc_id,
        VpcEndpointType="Interface",
        ServiceName="com.amazonaws.us-east-1.monitoring",
        SubnetIds=[subnet_id],
        SecurityGroupIds=[group_id],
    )
    return group_id

"""Each rule of the stand-in for several accounts, shown at work."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.organization import ORGANIZATION_ID, alike, emulated_organization
from tests.support.organization_hub import HUBS_ROLE, STRANGER, TRUST, A, B, role_in
from tests.support.policies import Caller
from tests.support.strict_organization import StrictOrganization
from tests.support.strict_state import Bucket, Clock
from tests.support.world import ACCOUNT, World, emulated_world

MONITORING = "com.amazonaws.us-east-1.monitoring"
NOBODY = f"User: {HUBS_ROLE} is not authorized to perform: sts:AssumeRole on resource: "
ASSUME = {
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
    "Resource": "arn:aws:iam::*:role/lifeline-reconcile-*",
    "Condition": {"StringEquals": {"aws:ResourceOrgID": ORGANIZATION_ID}},
}
MAY_LOOK = {"Effect": "Allow", "Action": ["ec2:Describe*", "cloudwatch:GetMetricData"], "Resource": "*"}
MAY_MAKE = {"Effect": "Allow", "Action": ["ec2:CreateVpcEndpoint", "ec2:DeleteVpcEndpoints"], "Resource": "*"}


@pytest.fixture
def organization(monkeypatch: pytest.MonkeyPatch) -> Iterator[StrictOrganization]:
    with emulated_world(monkeypatch) as world:
        hub = Caller(policy=(ASSUME,), context={"aws:PrincipalArn": HUBS_ROLE})
        organization = StrictOrganization(world, hub=hub, now=Clock())
        for account_id in (A, B):
            organization.add_role(role_in(account_id), trust=[TRUST], policy=[MAY_LOOK, MAY_MAKE])
        with emulated_organization(monkeypatch, organization):
            yield organization


def assume(account_id: str, **more: Any) -> Any:
    """A session as the hub's function gets it."""
    asked = {"RoleArn": role_in(account_id), "RoleSessionName": "lifeline", **more}
    keys = boto3.client("sts").assume_role(**asked)["Credentials"]
    return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])


def private_subnet(world: World) -> dict[str, Any]:
    vpc_id = world.make_vpc()
    return {"VpcId": vpc_id, "SubnetIds": [world.make_subnet(vpc_id)]}


def make_endpoint(ec2: Any, **place: Any) -> Any:
    return ec2.create_vpc_endpoint(VpcEndpointType="Interface", ServiceName=MONITORING, **place)["VpcEndpoint"]


# ---- who assumes what


def test_the_hubs_role_assumes_the_spokes_and_acts_there_with_its_policy(organization: StrictOrganization) -> None:
    place = private_subnet(organization.join(A))
    ec2 = assume(A).client("ec2")
    assert {one["OwnerId"] for one in ec2.describe_vpcs()["Vpcs"]} == {A}
    assert make_endpoint(ec2, **place)["State"].lower() == "pending"
    who = f"User: arn:aws:sts::{A}:assumed-role/lifeline-reconcile-us-east-1/lifeline is not authorized to perform: "
    with pytest.raises(ClientError, match=f"{who}ec2:DeleteVpc on resource: arn:aws:ec2:us-east-1:{A}:vpc/"):
        ec2.delete_vpc(VpcId=place["VpcId"])
    assert [(one.operation, one.error) for one in organization.place(A).calls] == [
        ("CreateVpcEndpoint", ""),
        ("DeleteVpc", "UnauthorizedOperation"),
    ]


def test_what_is_pending_in_one_account_is_available_by_that_accounts_clock(organization: StrictOrganization) -> None:
    place, ec2 = private_subnet(organization.join(A)), assume(A).client("ec2")
    made = make_endpoint(ec2, **place)
    clock = organization.now
    assert isinstance(clock, Clock)
    clock.advance(timedelta(minutes=2))
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["VpcEndpointId"] == made["VpcEndpointId"]
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"][0]["State"] == "available"


@pytest.mark.parametrize(
    "broken",
    ["no role", "another principal", "another role's name", "another organization", "external id", "closed account"],
)
def test_a_role_that_does_not_trust_the_hub_is_refused_in_the_same_words(
    organization: StrictOrganization, broken: str
) -> None:
    organization.join(A)
    condition = TRUST["Condition"]
    trusts: dict[str, Any] = {
        "another principal": {**TRUST, "Principal": {"AWS": f"arn:aws:iam::{B}:root"}},
        "another role's name": {**TRUST, "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/other"}}},
        "another organization": {**TRUST, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-other00000"}}},
        "external id": {**TRUST, "Condition": {**condition, "StringLike": {"sts:ExternalId": "*"}}},  # type: ignore[dict-item]
    }
    assert assume(A)
    if broken == "no role":
        del organization.roles[role_in(A)]
    elif broken == "closed account":
        organization.members[A].state = "SUSPENDED"
    else:
        organization.add_role(role_in(A), trust=[trusts[broken]])
    with pytest.raises(ClientError) as refused:
        assume(A)
    assert refused.value.response["Error"] == {"Code": "AccessDenied", "Message": f"{NOBODY}{role_in(A)}"}


def test_an_external_id_counts_where_it_is_given(organization: StrictOrganization) -> None:
    organization.join(A)
    wanted = {"StringEquals": {"sts:ExternalId": "lifeline"}}
    organization.add_role(role_in(A), trust=[{**TRUST, "Condition": wanted}])
    assert assume(A, ExternalId="lifeline")
    with pytest.raises(ClientError, match="AccessDenied"):
        assume(A)


def test_a_role_of_the_same_name_in_a_foreign_account_is_not_assumed(organization: StrictOrganization) -> None:
    organization.look_into(STRANGER)
    organization.add_role(role_in(STRANGER), trust=[{**TRUST, "Condition": {}}])  # it would let the hub in
    with pytest.raises(ClientError, match="AccessDenied"):
        assume(STRANGER)
    organization.join(STRANGER)
    assert assume(STRANGER)


def test_without_a_permission_of_its_own_the_hub_assumes_nothing(organization: StrictOrganization) -> None:
    organization.join(A)
    organization.hub = Caller(context={"aws:PrincipalArn": HUBS_ROLE})
    with pytest.raises(ClientError, match="AccessDenied"):
        assume(A)


def test_one_spoke_assumes_nothing_in_another(organization: StrictOrganization) -> None:
    organization.join(A)
    organization.join(B)
    organization.add_role(role_in(A), trust=[TRUST])  # its role may do everything
    with pytest.raises(ClientError, match=f"assumed-role/lifeline-reconcile-us-east-1/lifeline is not .*{B}"):
        assume(A).client("sts").assume_role(RoleArn=role_in(B), RoleSessionName="lifeline")


@pytest.mark.parametrize("more", [{"DurationSeconds": 3601}, {"RoleSessionName": "two words"}])
def test_a_chained_session_lasts_an_hour_at_most_and_its_name_has_no_spaces(
    organization: StrictOrganization, more: dict[str, Any]
) -> None:
    organization.join(A)
    assert assume(A, DurationSeconds=3600)
    with pytest.raises(ClientError, match="ValidationError"):
        assume(A, **more)


# ---- service control policies


def test_an_scp_denies_in_its_account_alone_in_awss_words(organization: StrictOrganization) -> None:
    places = {account_id: private_subnet(organization.join(account_id)) for account_id in (A, B)}
    organization.deny(A, "ec2:CreateVpcEndpoint", "cloudwatch:*")
    with pytest.raises(ClientError) as refused:
        make_endpoint(assume(A).client("ec2"), **places[A])
    error = refused.value.response["Error"]
    assert error["Code"] == "UnauthorizedOperation"
    words = (
        f"You are not authorized to perform this operation. User: arn:aws:sts::{A}:assumed-role/"
        "lifeline-reconcile-us-east-1/lifeline is not authorized to perform: ec2:CreateVpcEndpoint on resource: "
        f"arn:aws:ec2:us-east-1:{A}:vpc-endpoint/* with an explicit deny in a service control policy. Encoded"
    )
    assert error["Message"].startswith(words)
    assert make_endpoint(assume(B).client("ec2"), **places[B])

    words = "cloudwatch:GetMetricData with an explicit deny in a service control policy"
    with pytest.raises(ClientError, match=words):
        assume(A).client("cloudwatch").get_metric_data(MetricDataQueries=[], StartTime=0, EndTime=1)
    organization.deny(A)
    assert make_endpoint(assume(A).client("ec2"), **places[A])


def test_an_scp_of_the_hubs_account_keeps_it_from_assuming(organization: StrictOrganization) -> None:
    organization.join(A)
    organization.deny(ACCOUNT, "sts:AssumeRole")
    with pytest.raises(ClientError, match="with an explicit deny in a service control policy"):
        assume(A)


def test_other_services_ask_for_the_action_alone(organization: StrictOrganization) -> None:
    organization.join(A)
    session = assume(A)
    assert session.client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "a", "Expression": "1"}], StartTime=0, EndTime=1
    )
    refusal = "not authorized to perform: iam:GetInstanceProfile because no identity-based policy allows"
    with pytest.raises(ClientError, match=refusal):
        session.client("iam").get_instance_profile(InstanceProfileName="agents")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        session.client("route53resolver").list_resolver_rule_associations()


# ---- budgets


def test_each_account_and_region_has_its_own_bucket(organization: StrictOrganization) -> None:
    for account_id in (A, B):
        organization.join(account_id)
    ec2, other = assume(A).client("ec2"), assume(B).client("ec2")
    elsewhere = assume(A).client("ec2", region_name="eu-west-1")
    for _ in range(4):  # the bucket's size
        with pytest.raises(ClientError, match="NotFound"):
            make_endpoint(ec2, VpcId="vpc-0123456789abcdef0", SubnetIds=[])
    with pytest.raises(ClientError, match="RequestLimitExceeded"):
        make_endpoint(ec2, VpcId="vpc-0123456789abcdef0", SubnetIds=[])
    for client in (other, elsewhere):
        with pytest.raises(ClientError, match="NotFound"):
            make_endpoint(client, VpcId="vpc-0123456789abcdef0", SubnetIds=[])


def test_one_account_is_throttled_and_the_others_are_not(organization: StrictOrganization) -> None:
    for account_id in (A, B):
        organization.join(account_id)
    organization.place(A).buckets["GetMetricData"] = Bucket(1, 0)
    organization.place(A).fail_next("DescribeVpcs", "RequestLimitExceeded")
    asked: dict[str, Any] = {"MetricDataQueries": [{"Id": "a", "Expression": "1"}], "StartTime": 0, "EndTime": 1}
    a, b = assume(A), assume(B)
    assert a.client("cloudwatch").get_metric_data(**asked)
    with pytest.raises(ClientError, match="Rate exceeded"):
        a.client("cloudwatch").get_metric_data(**asked)
    with pytest.raises(ClientError, match="RequestLimitExceeded"):
        a.client("ec2").describe_vpcs()
    assert b.client("ec2").describe_vpcs()
    assert [b.client("cloudwatch").get_metric_data(**asked) for _ in range(2)]
    assert organization.place(A).call_counts == {"GetMetricData": 2, "DescribeVpcs": 1}


def test_sts_throttles_the_hub(organization: StrictOrganization) -> None:
    organization.join(A)
    organization.place(ACCOUNT).fail_next("AssumeRole", "Throttling", message="Rate exceeded")
    with pytest.raises(ClientError, match="Rate exceeded"):
        assume(A)
    assert assume(A)


# ---- the very same IDs


def test_two_accounts_with_the_very_same_ids_are_two_stand_ins(organization: StrictOrganization) -> None:
    worlds = organization.join(A), organization.join(B)
    one, other = alike(private_subnet, *worlds)
    assert one == other
    make_endpoint(assume(A).client("ec2"), **one)
    assert [len(world.endpoints(one["VpcId"])) for world in worlds] == [1, 0]
    assert len(organization.place(A).mutations_of(one["VpcId"])) == 1
    assert organization.place(B).mutations_of(one["VpcId"]) == []


def test_a_session_of_a_role_that_is_gone_is_worth_nothing_and_a_new_role_of_the_name_does_not_revive_it(
    organization: StrictOrganization,
) -> None:
    organization.join(A)
    session = assume(A)
    organization.remove_role(role_in(A))
    for _ in range(2):
        with pytest.raises(ClientError, match="AuthFailure"):
            session.client("ec2").describe_vpcs()
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            session.client("cloudwatch").list_metrics()
        organization.add_role(role_in(A), trust=[TRUST], policy=[MAY_LOOK])
    assert assume(A).client("ec2").describe_vpcs()["Vpcs"] is not None

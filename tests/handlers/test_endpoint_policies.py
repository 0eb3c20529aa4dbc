"""Endpoint policies that let nothing pass: an endpoint with one serves nobody, whoever made it, and that is said."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifeline.adapters.aws import network
from lifeline.adapters.store.vpcs import VpcStore
from tests.handlers.test_claims import (
    apply_again,
    endpoint,
    frozen,
    refused,
    served,
    strict_for_all,
    their_table,
    theirs,
)
from tests.support.cloudtrail import Identity, record_call
from tests.support.days import MINUTES, Days
from tests.support.home import HOME
from tests.support.world import ACCOUNT, emulated_world

DENY = json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]})
OPEN = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})
NARROW = json.dumps(
    {
        "Statement": {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
        }
    }
)
MALLORY = Identity("team-b-dev", session="mallory")


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, RETIRE_AFTER_HOURS="72") as world:
        yield strict_for_all(Days(world, monkeypatch))


@pytest.fixture
def s3_days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, REQUIRED_SERVICES="s3") as world:
        yield strict_for_all(Days(world, monkeypatch))


def set_policy(days: Days, endpoint_id: str, document: str) -> None:
    """Somebody's change of an endpoint's policy, with its record."""
    request = {"VpcEndpointId": endpoint_id, "PolicyDocument": document}
    days.world.ec2.modify_vpc_endpoint(**request)
    days.clock.advance(MINUTES)
    days.deliver(record_call("ModifyVpcEndpoint", request, {}, identity=MALLORY, at=days.clock()))
    days.clock.advance(MINUTES)


def service(days: Days, vpc_id: str) -> dict[str, Any]:
    (found,) = days.look(vpc_id)["services"]
    return dict(found)


# ---- Lifeline's own


def test_a_denying_policy_on_lifelines_own_endpoint_is_reset_at_once_with_who_did_it(days: Days) -> None:
    vpc_id, _, ours = served(days)
    set_policy(days, ours, DENY)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(OPEN)
    (text,) = days.texts()
    assert f"reset the policy of {ours} to the default" in text
    assert f"the policy of {ours} doesn't allow cloudwatch:PutMetricData" in text
    assert "team-b-dev/mallory" in text
    assert service(days, vpc_id)["state"] == "served"


@pytest.mark.parametrize(
    "condition",
    [{"StringNotEquals": {"aws:SourceVpc": "vpc-0"}}, {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}],
)
def test_a_deny_whose_condition_always_holds_is_reset_like_one_without(days: Days, condition: dict[str, Any]) -> None:
    vpc_id, _, ours = served(days)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Condition": condition}
    set_policy(days, ours, json.dumps({"Statement": [json.loads(OPEN)["Statement"][0], deny]}))
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(OPEN)
    assert service(days, vpc_id)["state"] == "served"


def test_while_the_endpoint_is_pending_after_their_change_resetting_it_is_tried_again(days: Days) -> None:
    _, _, ours = served(days)
    request = {"VpcEndpointId": ours, "PolicyDocument": DENY}
    days.world.ec2.modify_vpc_endpoint(**request)
    assert endpoint(days, ours)["State"] == "pending"
    days.deliver(record_call("ModifyVpcEndpoint", request, {}, identity=MALLORY, at=days.clock()))
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(DENY)
    days.take_from_queue()
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(OPEN)


def test_whoever_denies_again_and_again_is_left_to_people_with_one_notice(days: Days) -> None:
    vpc_id, _, ours = served(days)
    for _ in range(3):
        set_policy(days, ours, DENY)
    texts = days.texts()
    assert "To avoid a loop, Lifeline has stopped repeating its changes." in texts[-1]
    assert "The monitoring endpoint's policy doesn't let anyone use the service." in texts[-1]
    assert f"the policy of {ours} was changed so that it no longer allows the service" in texts[-1]
    assert "team-b-dev/mallory" in texts[-1]
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(DENY)
    assert service(days, vpc_id)["state"] == "blocked"
    days.sweeps(3)
    assert days.texts() == []


def test_a_policy_that_is_changed_all_the_time_is_six_notices_an_hour_beside_two_repairs_and_the_freeze(
    days: Days,
) -> None:
    _, _, ours = served(days)
    kinds: list[str] = []
    for turn in range(24):
        request = {"VpcEndpointId": ours, "PolicyDocument": (DENY, OPEN)[turn % 2]}
        days.world.ec2.modify_vpc_endpoint(**request)
        days.clock.advance(timedelta(seconds=80))  # it is pending for a minute
        days.deliver(record_call("ModifyVpcEndpoint", request, {}, identity=MALLORY, at=days.clock()))
        days.clock.advance(timedelta(seconds=60))
        kinds += [json.loads(one["Body"])["MessageAttributes"]["kind"]["Value"] for one in days.world.notices()]
    assert (kinds.count("frozen"), kinds.count("endpoints")) == (1, 2 + 6)


def test_a_narrow_policy_on_lifelines_own_endpoint_is_its_users_and_stays(days: Days) -> None:
    vpc_id, _, ours = served(days)
    set_policy(days, ours, NARROW)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(NARROW)
    assert (service(days, vpc_id)["state"], days.texts()) == ("served", [])


def test_an_allow_for_a_role_that_may_not_be_there_causes_no_notice_and_is_said_where_people_look(days: Days) -> None:
    vpc_id, _, ours = served(days)
    days.texts()
    nobody = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/nobody"}
    allowed = {"Effect": "Allow", "Principal": nobody, "Action": "*", "Resource": "*"}
    set_policy(days, ours, json.dumps({"Statement": [allowed]}))
    days.sweeps(3)
    assert days.texts() == []
    found = days.look(vpc_id)
    assert found["services"][0]["state"] == "served"
    assert "isn't clear from the policy alone" in found["note"]


def test_a_denying_policy_on_lifelines_own_gateway_endpoint_is_reset_too(s3_days: Days) -> None:
    vpc_id, _, ours = served(s3_days)
    set_policy(s3_days, ours, DENY)
    assert json.loads(endpoint(s3_days, ours)["PolicyDocument"]) == json.loads(OPEN)
    assert service(s3_days, vpc_id)["state"] == "served"


# ---- theirs


def test_an_endpoint_of_theirs_that_denies_all_serves_nobody_and_is_said_at_once(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    made = apply_again(days, theirs(days, vpc_id, subnet_id) | {"PolicyDocument": DENY})
    (text,) = days.texts()
    assert f"the policy of {made} doesn't allow cloudwatch:PutMetricData" in text
    assert "it isn't Lifeline's: its owner should allow it in the policy" in text
    assert service(days, vpc_id)["state"] == "blocked"
    assert days.live(vpc_id) == [made]
    assert json.loads(endpoint(days, made)["PolicyDocument"]) == json.loads(DENY)
    days.sweeps(3)
    assert days.texts() == []

    set_policy(days, made, OPEN)
    assert service(days, vpc_id)["state"] == "served"


def test_their_gateway_endpoint_that_denies_all_serves_nobody_and_is_said(s3_days: Days) -> None:
    vpc_id = s3_days.world.make_vpc()
    s3_days.world.make_subnet(vpc_id)
    tables = s3_days.world.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["RouteTables"]
    request = {
        "VpcEndpointType": "Gateway",
        "VpcId": vpc_id,
        "ServiceName": "com.amazonaws.us-east-1.s3",
        "RouteTableIds": [table["RouteTableId"] for table in tables],
        "PolicyDocument": DENY,
    }
    made = apply_again(s3_days, request)
    (text,) = s3_days.texts()
    assert f"the policy of {made} doesn't allow the s3 service" in text
    assert (service(s3_days, vpc_id)["state"], s3_days.live(vpc_id)) == ("blocked", [made])


# ---- claims


def claim_with(days: Days, **more: Any) -> tuple[str, str, str]:
    """A refused call for which Lifeline's own gives up the name, and then theirs: the VPC, Lifeline's own, theirs."""
    vpc_id, subnet_id, ours = served(days)
    request = theirs(days, vpc_id, subnet_id)
    days.deliver(refused(days, request, identity=MALLORY))
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False
    days.world.notices()
    return vpc_id, ours, apply_again(days, request | more)


def test_an_endpoint_that_denies_all_answers_no_claim_and_lifelines_own_stays_to_come_back(days: Days) -> None:
    vpc_id, ours, made = claim_with(days, PolicyDocument=DENY)
    (text,) = days.texts()
    assert f"the policy of {made} doesn't allow cloudwatch:PutMetricData" in text
    days.sweeps(30, every=8)
    assert (sorted(days.live(vpc_id)), days.deletions()) == (sorted([ours, made]), [])
    assert (service(days, vpc_id)["state"], frozen(vpc_id)) == ("blocked", [])

    days.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[made])
    days.clock.advance(MINUTES)
    days.sweeps(1)
    assert endpoint(days, ours)["PrivateDnsEnabled"] is True


def test_once_their_policy_lets_the_service_pass_the_claim_is_answered_and_lifelines_own_goes(days: Days) -> None:
    vpc_id, ours, made = claim_with(days, PolicyDocument=DENY)
    set_policy(days, made, NARROW)
    days.sweeps(1)
    assert (days.live(vpc_id), days.deletions()) == ([made], [ours])


IN_NO_SUBNET = {"Condition": {"IpAddress": {"aws:VpcSourceIp": "10.0.200.0/24"}}}  # a block of the VPC alone


def allowing(**more: Any) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", **more}]})


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(NARROW, id="callers"),
        pytest.param(allowing(Action="s3:ListAllMyBuckets"), id="an action"),
        pytest.param(allowing(Resource="arn:aws:s3:::gone"), id="a resource"),
        pytest.param(allowing(**IN_NO_SUBNET), id="addresses"),
    ],
)
def test_a_claim_of_routes_for_one_that_allows_only_something_takes_lifelines_own_and_it_is_noted(
    s3_days: Days, policy: str
) -> None:
    """Whether such a role or a resource exists, or somebody asks for that alone, isn't known."""
    days = s3_days
    vpc_id, _, ours = served(days)
    wanted = their_table(vpc_id, days.world.main_table(vpc_id)) | {"PolicyDocument": policy}
    days.deliver(refused(days, wanted, identity=MALLORY))
    assert days.deletions() == [ours]
    made = apply_again(days, wanted)
    answer = days.look(vpc_id)
    assert answer["services"][0]["state"] == "served"
    assert f"whether the policy of {made} allows the s3 service isn't clear" in answer["note"]


def test_one_for_addresses_that_no_subnet_has_answers_a_claim_of_the_name_and_it_is_noted(days: Days) -> None:
    vpc_id, ours, made = claim_with(days, PolicyDocument=allowing(**IN_NO_SUBNET))
    assert (days.live(vpc_id), days.deletions()) == ([made], [ours])
    assert f"whether the policy of {made} allows cloudwatch:PutMetricData isn't clear" in days.look(vpc_id)["note"]


def test_their_interface_endpoint_for_one_bucket_takes_s3s_name_from_lifelines_gateway_endpoint_and_it_is_noted(
    s3_days: Days,
) -> None:
    days = s3_days
    vpc_id, subnet_id, _ = served(days)
    made = apply_again(
        days,
        theirs(days, vpc_id, subnet_id)
        | {
            "ServiceName": "com.amazonaws.us-east-1.s3",
            "PolicyDocument": allowing(Action="s3:*", Resource="arn:aws:s3:::ours"),
            "DnsOptions": {"PrivateDnsOnlyForInboundResolverEndpoint": False},
        },
    )
    days.sweeps(3)
    answer = days.look(vpc_id)
    assert (days.texts(), answer["services"][0]["state"], answer["services"][0]["by"]) == ([], "served", made)
    assert f"whether the policy of {made} allows the s3 service isn't clear" in answer["note"]


def test_a_policy_for_addresses_that_no_subnet_has_on_lifelines_own_endpoint_stays_and_is_noted(days: Days) -> None:
    vpc_id, _, ours = served(days)
    set_policy(days, ours, allowing(**IN_NO_SUBNET))
    days.sweeps(3)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(allowing(**IN_NO_SUBNET))
    answer = days.look(vpc_id)
    assert (days.texts(), answer["services"][0]["state"]) == ([], "served")
    assert f"whether the policy of {ours} allows cloudwatch:PutMetricData isn't clear" in answer["note"]


# ---- a VPC that is shared with other accounts


def only_for(account: str) -> str:
    """A policy that lets in nobody but callers of one account."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    condition = {"StringEquals": {"aws:PrincipalAccount": account}}
    return json.dumps({"Statement": [{**statement, "Condition": condition}]})


def test_a_policy_that_shuts_out_a_participants_callers_is_said_and_stays(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    interface = days.world.ec2.create_network_interface(SubnetId=subnet_id)["NetworkInterface"]
    days.account.show(interface["NetworkInterfaceId"], OwnerId="444455556666")
    days.texts()
    set_policy(days, ours, only_for(ACCOUNT))
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(only_for(ACCOUNT))
    assert days.texts() == []
    said = f"the policy of {ours} doesn't allow cloudwatch:PutMetricData to callers of account 444455556666"
    assert said in json.dumps(days.look(vpc_id))


def test_a_policy_for_participants_alone_is_not_reset_where_they_have_interfaces(days: Days) -> None:
    _, subnet_id, ours = served(days)
    interface = days.world.ec2.create_network_interface(SubnetId=subnet_id)["NetworkInterface"]
    days.account.show(interface["NetworkInterfaceId"], OwnerId="444455556666")
    set_policy(days, ours, only_for("444455556666"))
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(only_for("444455556666"))


def test_a_policy_that_let_callers_in_stays_where_their_interfaces_go_until_somebody_changes_it(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    interface = days.world.ec2.create_network_interface(SubnetId=subnet_id)["NetworkInterface"]
    days.account.show(interface["NetworkInterfaceId"], OwnerId="444455556666")
    set_policy(days, ours, only_for("444455556666"))
    days.world.ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    days.texts()
    days.sweeps(3)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(only_for("444455556666"))
    (said,) = days.texts()
    assert "its policy let callers in before and hasn't changed since" in said
    assert service(days, vpc_id)["state"] == "blocked"
    set_policy(days, ours, only_for("777788889999"))
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(OPEN)


@pytest.mark.parametrize("is_untagged", [False, True])
def test_a_policy_for_a_block_stays_where_the_block_goes(days: Days, *, is_untagged: bool) -> None:
    vpc_id, _, ours = served(days)
    wanted = {"VpcId": vpc_id, "CidrBlock": "10.77.0.0/16"}
    made = days.world.ec2.associate_vpc_cidr_block(**wanted)["CidrBlockAssociation"]["AssociationId"]
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    condition = {"IpAddress": {"aws:VpcSourceIp": "10.77.0.0/16"}}
    policy = json.dumps({"Statement": [{**allowed, "Condition": condition}]})
    set_policy(days, ours, policy)
    tag = {"Resources": [ours], "Tags": [{"Key": "lifeline:managed-by", "Value": "lifeline"}]}
    if is_untagged:  # by whoever may tag, until Lifeline has seen it
        days.world.ec2.delete_tags(**tag)
        days.sweeps(1)
    days.world.ec2.disassociate_vpc_cidr_block(AssociationId=made)
    days.world.ec2.create_tags(**tag)
    days.sweeps(2)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(policy)
    assert "its policy let callers in before" in " ".join(days.texts())
    conflicts = VpcStore("ledger").load(HOME.vpc(vpc_id)).conflicts
    assert not any(conflict.reversals for conflict in conflicts.values()), "nobody reverted anything"


def at_the_time_of(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    class Now(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "datetime":  # type: ignore[override] # noqa: ARG003
            return days.clock()

    monkeypatch.setattr(network, "datetime", Now)


def for_two_hours(days: Days) -> dict[str, Any]:
    return {"DateLessThan": {"aws:CurrentTime": f"{days.clock() + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"}}


def test_a_policy_that_a_participant_still_uses_stays_once_the_time_of_others_is_over_and_their_interfaces_go(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_time_of(days, monkeypatch)
    vpc_id, subnet_id, ours = served(days)
    interface = days.world.ec2.create_network_interface(SubnetId=subnet_id)["NetworkInterface"]
    days.account.show(interface["NetworkInterfaceId"], OwnerId="444455556666")
    days.texts()
    statements = [json.loads(only_for(account))["Statement"][0] for account in ("444455556666", ACCOUNT)]
    statements[1]["Condition"] |= for_two_hours(days)
    set_policy(days, ours, json.dumps({"Statement": statements}))
    days.sweeps(4)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == {"Statement": statements}
    assert (days.texts(), service(days, vpc_id)["state"]) == ([], "served")
    days.world.ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    days.sweeps(2)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == {"Statement": statements}
    (said,) = days.texts()
    assert "its policy let callers in before and hasn't changed since" in said


def test_a_policy_for_a_block_stays_where_the_block_goes_also_once_the_time_of_another_is_over(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_time_of(days, monkeypatch)
    vpc_id, _, ours = served(days)
    wanted = {"VpcId": vpc_id, "CidrBlock": "10.77.0.0/16"}
    made = days.world.ec2.associate_vpc_cidr_block(**wanted)["CidrBlockAssociation"]["AssociationId"]
    conditions = [{"IpAddress": {"aws:VpcSourceIp": cidr}} for cidr in ("10.77.0.0/16", "10.0.0.0/16")]
    conditions[1] |= for_two_hours(days)
    policy = {"Statement": [json.loads(allowing(Condition=one))["Statement"][0] for one in conditions]}
    set_policy(days, ours, json.dumps(policy))
    days.sweeps(4)
    days.texts()
    days.world.ec2.disassociate_vpc_cidr_block(AssociationId=made)
    days.sweeps(2)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == policy
    assert "its policy let callers in before" in " ".join(days.texts())


def test_a_policy_that_lets_callers_in_for_a_while_is_reset_once_that_is_over(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may change it once must not have it stay shut for what it let in before: the network hasn't changed."""
    at_the_time_of(days, monkeypatch)
    vpc_id, _, ours = served(days)
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    until = {"DateLessThan": {"aws:CurrentTime": f"{days.clock() + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"}}
    conditions = [{"IpAddress": {"aws:VpcSourceIp": cidr}} for cidr in ("10.0.0.0/16", "203.0.113.0/24")]
    policy = {"Statement": [{**allowed, "Condition": conditions[0] | until}, {**allowed, "Condition": conditions[1]}]}
    set_policy(days, ours, json.dumps(policy))
    days.sweeps(1)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == policy
    assert service(days, vpc_id)["state"] == "served"
    days.sweeps(2)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(OPEN)
    assert service(days, vpc_id)["state"] == "served"


def test_a_policy_that_lets_nobody_in_between_looks_is_not_seen_wherever_the_time_ends(days: Days) -> None:
    """Nor does a date that no time can follow end a run."""
    _, _, ours = served(days)
    days.texts()
    allow = json.loads(OPEN)["Statement"][0]
    begins = f"{datetime.now(UTC) + timedelta(hours=2):%FT%TZ}"  # reading a network takes the machine's own time
    for ends in (f"{datetime.now(UTC) + timedelta(hours=3):%FT%TZ}", "9999-12-31T23:59:59.999999-12:00"):
        window = {"DateGreaterThan": {"aws:CurrentTime": begins}, "DateLessThan": {"aws:CurrentTime": ends}}
        policy = json.dumps({"Statement": [allow, {**allow, "Effect": "Deny", "Condition": window}]})
        set_policy(days, ours, policy)
        days.sweeps(2)
        assert (days.texts(), endpoint(days, ours)["PolicyDocument"]) == ([], policy)


def test_a_policy_for_an_account_that_has_nothing_there_is_reset(days: Days) -> None:
    _, _, ours = served(days)
    set_policy(days, ours, only_for("444455556666"))
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(OPEN)

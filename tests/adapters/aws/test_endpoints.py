"""What Lifeline changes in EC2: a security group that was just made, and one whose name is taken."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from lifeline.adapters.aws.endpoints import Endpoints
from lifeline.core.errors import LifelineError, TerminalError, TransientError
from lifeline.core.plan.actions import Action, ActionKind
from tests.support.builders import MONITORING, S3
from tests.support.strict import Clock, StrictAccount
from tests.support.world import World, emulated_world

GROUP = Action(ActionKind.CREATE_SECURITY_GROUP, "why", cidrs=("10.0.0.0/16",))


@dataclass
class Land:
    """A VPC on an EC2 that refuses what AWS refuses, and Lifeline's hands in it. To wait passes the time."""

    world: World
    clock: Clock
    account: StrictAccount
    vpc_id: str
    subnet_id: str
    recorded: list[str] = field(default_factory=list)

    def hands(self) -> Endpoints:
        def record(_: str, resource_id: str, __: Action) -> None:
            self.recorded.append(resource_id)

        def sleep(seconds: float) -> None:
            self.clock.advance(timedelta(seconds=seconds))

        return Endpoints("lifeline", record, self.world.ec2, sleep)

    def make(self, hands: Endpoints, security_group_id: str, token: str = "", **more: Any) -> str:
        action = Action(
            ActionKind.CREATE_INTERFACE_ENDPOINT,
            "why",
            service_name=MONITORING,
            subnet_ids=(self.subnet_id,),
            client_token=token,
            **more,
        )
        return hands.apply(action, vpc_id=self.vpc_id, security_group_id=security_group_id).endpoint_id

    def groups(self) -> dict[str, dict[str, Any]]:
        ec2: Any = boto3.client("ec2")  # without the strictness: what is there, not what EC2 shows
        found = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [self.vpc_id]}])["SecurityGroups"]
        return {one["GroupName"]: one for one in found if one["GroupName"] != "default"}


@pytest.fixture
def land(monkeypatch: pytest.MonkeyPatch) -> Iterator[Land]:
    with emulated_world(monkeypatch) as world:
        clock = Clock()
        account = StrictAccount(now=clock, throttling=False)
        account.attach(world.ec2)
        vpc_id = world.make_vpc()
        yield Land(world, clock, account, vpc_id, world.make_subnet(vpc_id))


def test_a_group_that_ec2_does_not_know_at_once_is_opened_a_few_seconds_later(land: Land) -> None:
    land.account.groups_hidden_for = timedelta(seconds=5)
    hands = land.hands()
    made = hands.apply(GROUP, vpc_id=land.vpc_id)
    assert land.groups()["lifeline-endpoints"]["IpPermissions"][0]["IpRanges"][0]["CidrIp"] == "10.0.0.0/16"
    assert land.make(hands, made.security_group_id)
    assert land.recorded[0] == made.security_group_id


@pytest.mark.parametrize("code", ["InvalidGroup.NotFound", "InvalidSecurityGroupID.NotFound", "UnauthorizedOperation"])
def test_a_group_that_stays_unknown_is_left_for_the_next_run_which_opens_it_or_fails(land: Land, code: str) -> None:
    land.account.fail_next("AuthorizeSecurityGroupIngress", code, times=99)
    with pytest.raises(TransientError):
        land.hands().apply(GROUP, vpc_id=land.vpc_id)
    calls = [one for one in land.account.calls if one.operation == "AuthorizeSecurityGroupIngress"]
    assert len(calls) == 4
    assert land.recorded == [land.groups()["lifeline-endpoints"]["GroupId"]]
    opening = Action(ActionKind.OPEN_SECURITY_GROUP, "why", cidrs=GROUP.cidrs, security_group_id=land.recorded[0])
    with pytest.raises(TerminalError if code == "UnauthorizedOperation" else TransientError):
        land.hands().apply(opening, vpc_id=land.vpc_id)


def test_another_refusal_of_its_rule_fails_at_once(land: Land) -> None:
    land.account.fail_next("AuthorizeSecurityGroupIngress", "RulesPerSecurityGroupLimitExceeded", times=99)
    with pytest.raises(TerminalError):
        land.hands().apply(GROUP, vpc_id=land.vpc_id)
    assert len([one for one in land.account.calls if one.operation == "AuthorizeSecurityGroupIngress"]) == 1


def test_an_endpoint_is_tried_again_where_iam_does_not_know_the_new_groups_tag_yet(land: Land) -> None:
    hands = land.hands()
    group_id = hands.apply(GROUP, vpc_id=land.vpc_id).security_group_id
    of_group = f"User: lifeline is not authorized to perform: ec2:CreateVpcEndpoint on resource: …/{group_id} because …"
    land.account.fail_next("CreateVpcEndpoint", "UnauthorizedOperation", message=of_group)
    with pytest.raises(TransientError):
        land.make(hands, group_id)
    land.account.fail_next("CreateVpcEndpoint", "UnauthorizedOperation", message="… on resource: …/vpc-1 because …")
    with pytest.raises(TerminalError):
        land.make(hands, group_id)
    land.account.fail_next("CreateVpcEndpoint", "UnauthorizedOperation", message=of_group)
    with pytest.raises(TerminalError):
        land.make(land.hands(), group_id)


TAGS: dict[str, Any] = {"tags": (("team", "nobody's"),), "spare_tags": (("team", "platform"),)}


def test_a_groups_rule_that_is_denied_is_no_refusal_of_its_tags(land: Land) -> None:
    words = (
        "User: arn:aws:sts::123456789012:assumed-role/lifeline/1 is not authorized to perform: "
        "ec2:AuthorizeSecurityGroupIngress on resource: … with an explicit deny in a service control policy"
    )
    land.account.fail_next("AuthorizeSecurityGroupIngress", "UnauthorizedOperation", times=99, message=words)
    with pytest.raises(TerminalError, match="authorize_security_group_ingress"):
        land.hands().apply(replace(GROUP, **TAGS), vpc_id=land.vpc_id)
    assert land.recorded == [one["GroupId"] for one in land.groups().values()]
    assert len(land.recorded) == 1


def test_a_new_groups_tag_that_iam_does_not_know_yet_costs_no_endpoint_its_copied_tags(land: Land) -> None:
    hands = land.hands()
    group_id = hands.apply(GROUP, vpc_id=land.vpc_id).security_group_id
    words = f"User: lifeline is not authorized to perform: ec2:CreateVpcEndpoint on resource: …/{group_id} because …"
    land.account.fail_next("CreateVpcEndpoint", "UnauthorizedOperation", message=words)
    with pytest.raises(TransientError):
        land.make(hands, group_id, **TAGS)
    assert land.world.endpoints(land.vpc_id) == []


@pytest.mark.parametrize("error", ["", "UnauthorizedOperation", "InternalError"])
def test_ec2_is_asked_for_more_subnets_once_that_is_on_record_and_a_refusal_is_seen_there(
    land: Land, error: str
) -> None:
    group_id = land.hands().apply(GROUP, vpc_id=land.vpc_id).security_group_id
    made, more = land.make(land.hands(), group_id), land.world.make_subnet(land.vpc_id, "10.0.9.0/24", "us-east-1b")
    land.clock.advance(timedelta(minutes=5))
    seen: list[str] = []

    def shown() -> int:
        return len(land.world.endpoints(land.vpc_id)[0]["SubnetIds"])

    @contextmanager
    def asking(action: Action) -> Iterator[None]:
        seen.append(f"{action.subnet_ids == (more,)} {shown()}")
        try:
            yield
        except LifelineError as refusal:
            seen.append(type(refusal).__name__)
            raise

    hands = Endpoints("lifeline", lambda *_: None, land.world.ec2, asking=asking)
    adding = Action(ActionKind.ADD_SUBNETS, "why", subnet_ids=(more,), endpoint_id=made)
    if error:
        land.account.fail_next("ModifyVpcEndpoint", error)
    with pytest.raises(LifelineError) if error else nullcontext():
        hands.apply(adding, vpc_id=land.vpc_id)
    kinds = {"": [], "UnauthorizedOperation": ["TerminalError"], "InternalError": ["TransientError"]}
    assert (seen, shown()) == (["True 1", *kinds[error]], 1 if error else 2)


def test_what_cannot_be_recorded_is_not_asked_for(land: Land) -> None:
    @contextmanager
    def asking(_: Action) -> Iterator[None]:
        raise TransientError("ledger: throttled")
        yield

    hands = Endpoints("lifeline", lambda *_: None, land.world.ec2, asking=asking)
    adding = Action(ActionKind.ADD_SUBNETS, "why", subnet_ids=(land.subnet_id,), endpoint_id="vpce-0123456789abcdef0")
    with pytest.raises(TransientError, match="ledger: throttled"):
        hands.apply(adding, vpc_id=land.vpc_id)


def test_an_endpoint_without_the_copied_tags_that_is_not_on_record_is_said(land: Land) -> None:
    def fail(*_: object) -> None:
        raise TransientError("no ledger")

    group_id = land.hands().apply(GROUP, vpc_id=land.vpc_id).security_group_id
    land.clock.advance(timedelta(minutes=1))
    land.account.fail_next("CreateVpcEndpoint", "TagPolicyViolation", message="The tag policy does not allow the value")
    with pytest.raises(TerminalError, match="was created, but not recorded: adopt it"):
        land.make(Endpoints("lifeline", fail, land.world.ec2), group_id, **TAGS)


def test_a_token_that_somebody_used_before_for_a_network_of_their_own_keeps_no_endpoint_from_being_made(
    land: Land,
) -> None:
    token = "lifeline-0123456789abcdef"
    theirs = land.world.make_vpc(cidr="10.9.0.0/16")
    gateway: Any = {"VpcEndpointType": "Gateway", "ServiceName": S3, "VpcId": theirs}
    land.world.ec2.create_vpc_endpoint(**gateway, ClientToken=token)
    hands = land.hands()
    group_id = hands.apply(GROUP, vpc_id=land.vpc_id).security_group_id
    made = land.make(hands, group_id, token)
    assert made in land.recorded
    land.clock.advance(timedelta(minutes=1))
    assert [one["VpcEndpointId"] for one in land.world.endpoints(land.vpc_id)] == [made]


def test_an_endpoint_whose_token_nobody_else_used_is_made_once(land: Land) -> None:
    hands = land.hands()
    group_id = hands.apply(GROUP, vpc_id=land.vpc_id).security_group_id
    assert land.make(hands, group_id, "lifeline-1") == land.make(hands, group_id, "lifeline-1")


def test_a_name_that_is_taken_in_other_letters_is_passed_over(land: Land) -> None:
    for name in ("Lifeline-Endpoints", "LIFELINE-ENDPOINTS-2"):
        land.world.ec2.create_security_group(GroupName=name, Description="x", VpcId=land.vpc_id)
    made = land.hands().apply(GROUP, vpc_id=land.vpc_id)
    assert land.groups()[made.security_group_name]["GroupId"] == made.security_group_id
    assert made.security_group_name.removeprefix("lifeline-endpoints-").isdecimal()
    assert land.recorded == [made.security_group_id]


def test_a_group_that_is_gone_already_counts_as_deleted(land: Land) -> None:
    for code in ("InvalidGroup.NotFound", "InvalidSecurityGroupID.NotFound"):
        land.account.fail_next("DeleteSecurityGroup", code)
        land.hands().apply(
            Action(ActionKind.DELETE_SECURITY_GROUP, "why", security_group_id="sg-1"), vpc_id=land.vpc_id
        )

"""Dry runs of CreateVpcEndpoint: what EC2 says, and that nothing comes of them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lifeline.adapters.aws.dry_run import DryRuns
from lifeline.adapters.aws.endpoints import Endpoints
from lifeline.core.errors import TerminalError, TransientError
from lifeline.core.event_path.dry_run import DryRun, DryRunVerdict
from lifeline.core.plan.actions import Action, ActionKind
from tests.support.builders import MONITORING
from tests.support.policies import Caller
from tests.support.strict import Clock, StrictAccount
from tests.support.world import World, emulated_world

ACTION = Action(ActionKind.CREATE_INTERFACE_ENDPOINT, "why", service="monitoring", service_name=MONITORING)
ALLOWED: Any = {"Effect": "Allow", "Action": "*", "Resource": "*"}
SCP = "service control policy"
DENIED: Any = {"Effect": "Deny", "Action": "ec2:CreateVpcEndpoint", "Resource": "*"}
NOT_THAT: Any = DENIED | {"Condition": {"StringEquals": {"aws:RequestTag/team": "nobody's"}}}


class Land:
    def __init__(self, world: World, account: StrictAccount) -> None:
        self.world, self.account = world, account
        self.vpc_id = world.make_vpc()
        self.subnet_id = world.make_subnet(self.vpc_id)
        made = world.ec2.create_security_group(GroupName="g", Description="d", VpcId=self.vpc_id)
        self.group_id = str(made["GroupId"])
        self.action = replace(ACTION, subnet_ids=(self.subnet_id,), tags=(("Team", "network"),), client_token="token")

    def ask(self, action: Action | None = None) -> DryRun:
        dry_runs = DryRuns("lifeline", lambda _: self.world.ec2)
        return dry_runs.of_creating(action or self.action, vpc_id=self.vpc_id, security_group_id=self.group_id)


@pytest.fixture
def land(monkeypatch: pytest.MonkeyPatch) -> Iterator[Land]:
    with emulated_world(monkeypatch) as world:
        account = StrictAccount(now=Clock(), throttling=False)
        account.attach(world.ec2)
        yield Land(world, account)


def test_a_role_that_may_create_is_told_so_and_nothing_is_created(land: Land) -> None:
    first, second = land.ask(), land.ask()
    assert first.verdict is DryRunVerdict.ALLOWED
    assert first.request_id != second.request_id
    assert not land.world.endpoints(land.vpc_id)
    assert [call.operation for call in land.account.dry_runs] == ["CreateVpcEndpoint"] * 2


def test_it_has_the_parameters_of_the_real_call_but_for_the_token(land: Land) -> None:
    land.ask()
    hands = Endpoints("lifeline", lambda *_: None, land.world.ec2)
    hands.apply(land.action, vpc_id=land.vpc_id, security_group_id=land.group_id)
    asked, real = dict(land.account.dry_runs[-1].params), dict(land.account.calls[-1].params)
    assert asked.pop("DryRun") is True
    assert real.pop("ClientToken") == "token"
    assert asked == real


def test_a_gateway_endpoints_parameters_are_its_own(land: Land) -> None:
    table = land.world.main_table(land.vpc_id)
    gateway = Action(
        ActionKind.CREATE_GATEWAY_ENDPOINT, "why", service_name="com.amazonaws.us-east-1.s3", route_table_ids=(table,)
    )
    assert land.ask(gateway).verdict is DryRunVerdict.ALLOWED
    asked = land.account.dry_runs[-1].params
    assert asked["RouteTableIds"] == [table]
    assert "SecurityGroupIds" not in asked


def test_the_security_group_is_asked_for_with_the_parameters_of_the_real_call(land: Land) -> None:
    group = Action(
        ActionKind.CREATE_SECURITY_GROUP, "why", security_group_name="lifeline-endpoints", tags=(("Team", "network"),)
    )
    said = land.ask(group)
    assert (said.verdict, said.call, said.is_recorded) == (DryRunVerdict.ALLOWED, "CreateSecurityGroup", True)
    before = land.world.ec2.describe_security_groups()["SecurityGroups"]
    Endpoints("lifeline", lambda *_: None, land.world.ec2).apply(group, vpc_id=land.vpc_id)
    assert len(land.world.ec2.describe_security_groups()["SecurityGroups"]) == len(before) + 1
    real = [call.params for call in land.account.calls if call.operation == "CreateSecurityGroup"][-1]
    assert land.account.dry_runs[-1].params == real | {"DryRun": True}


def test_a_denial_comes_with_ec2s_words_and_its_encoded_part_apart(land: Land) -> None:
    land.account.caller = Caller(policy=(ALLOWED,), limits={SCP: (ALLOWED, DENIED)})
    said = land.ask()
    assert said.verdict is DryRunVerdict.DENIED
    assert SCP in said.message
    assert "Encoded" not in said.message
    assert said.encoded == "1a2b3c"


def test_what_is_wrong_with_the_parameters_says_nothing_of_the_role(land: Land) -> None:
    said = land.ask(replace(land.action, subnet_ids=("subnet-0123456789abcdef0",)))
    assert said.verdict is DryRunVerdict.UNKNOWN
    assert said.code == "InvalidSubnetID.NotFound"


def test_where_the_vpcs_tags_are_refused_the_policys_own_are_asked_for_as_the_real_creation_does(land: Land) -> None:
    theirs = replace(land.action, tags=(("team", "nobody's"),), spare_tags=(("team", "platform"),))
    land.account.caller = Caller(policy=(ALLOWED,), limits={SCP: (ALLOWED, NOT_THAT)})
    assert land.ask(theirs).verdict is DryRunVerdict.ALLOWED
    real = Endpoints("lifeline", lambda *_: None, land.world.ec2)
    assert real.apply(theirs, vpc_id=land.vpc_id, security_group_id=land.group_id).tags == theirs.spare_tags
    assert land.ask(replace(theirs, spare_tags=None)).verdict is DryRunVerdict.DENIED
    assert land.ask(replace(theirs, spare_tags=theirs.tags)).verdict is DryRunVerdict.DENIED


def test_throttling_is_no_answer(land: Land) -> None:
    land.account.fail_next("CreateVpcEndpoint", "RequestLimitExceeded", times=9)
    with pytest.raises(TransientError):
        land.ask()


def test_an_emulator_that_carries_it_out_is_found_out(land: Land) -> None:
    class Heedless:
        def create_vpc_endpoint(self, **_: Any) -> Any:
            return {"VpcEndpoint": {"VpcEndpointId": "vpce-0123456789abcdef0"}}

    with pytest.raises(TerminalError, match="vpce-0123456789abcdef0"):
        DryRuns("lifeline", lambda _: Heedless()).of_creating(ACTION, vpc_id=land.vpc_id)


def test_a_denial_is_decoded_by_sts(land: Land) -> None:
    class Sts:
        def decode_authorization_message(self, **asked: Any) -> Any:
            return {"DecodedMessage": json.dumps({"asked": asked["EncodedMessage"]})}

    assert json.loads(DryRuns("lifeline", lambda _: Sts()).decode("1a2b")) == {"asked": "1a2b"}

"""The backlog, through the handler: what was missing all along waits, and what breaks from now on is repaired."""

import html
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from lifeline.adapters.aws.network import Network
from lifeline.adapters.store.requiring_tags import TagStore
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.errors import LifelineError, TerminalError, TransientError
from lifeline.core.network.model import Vpc
from lifeline.handlers import coverage_page, reconcile_endpoints
from tests.handlers.test_reconcile_endpoints import sqs
from tests.support.agents import TABLE
from tests.support.cases import requiring
from tests.support.home import HOME
from tests.support.world import Context, World, emulated_world, enforce_newly, flat

SWEEP = {"sweep": True}
GONE = "vpc-00000000000000000"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch) as made:
        enforce_newly()
        yield made


def call(event: dict[str, Any]) -> dict[str, Any]:
    return reconcile_endpoints.handler(event, Context())


def state_of(vpc_id: str) -> VpcState:
    return VpcStore(TABLE).load(HOME.vpc(vpc_id))


def open_vpc(world: World) -> tuple[str, str]:
    """A VPC whose subnet has a way out; with its main route table."""
    vpc_id = world.make_vpc(cidr="10.9.0.0/16")
    world.make_subnet(vpc_id, "10.9.1.0/24")
    return vpc_id, world.open_to_internet(vpc_id)


def close(world: World, table_id: str) -> None:
    world.ec2.delete_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0")


def test_what_is_missing_at_the_first_sweep_waits_until_it_is_approved(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)

    first, second = call(SWEEP), call(SWEEP)

    assert world.endpoints(vpc_id) == []
    assert {action["blocked_by"] for action in first["vpcs"][0]["actions"]} == {"backlog"}
    assert second["vpcs"] == first["vpcs"]
    call({"approve": "backlog"})
    assert len(world.endpoints(vpc_id)) == 1


def test_a_plan_as_text_says_what_the_backlog_would_cost(world: World) -> None:
    world.make_subnet(world.make_vpc())
    call(SWEEP)
    text = call(SWEEP | {"mode": "plan", "format": "text"})["text"]
    assert (
        "\nCost: 0.00 USD more per month, before data charges.\nWhat waits in the backlog would cost 7.30 USD" in text
    )


def test_a_path_that_is_lost_after_the_first_sweep_is_repaired_at_once(world: World) -> None:
    vpc_id, table_id = open_vpc(world)
    call(SWEEP)
    close(world, table_id)

    call(SWEEP)

    assert len(world.endpoints(vpc_id)) == 1


def test_a_route_that_is_deleted_before_the_first_sweep_is_repaired_and_the_rest_of_the_vpc_waits(world: World) -> None:
    vpc_id, table_id = open_vpc(world)
    old = world.make_subnet(vpc_id, "10.9.2.0/24", "us-east-1b")
    table = world.ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    world.ec2.associate_route_table(RouteTableId=table, SubnetId=old)
    close(world, table_id)

    began(datetime.now(UTC) - timedelta(minutes=1))

    call(route_deleted(table_id, datetime.now(UTC)))
    call(SWEEP)

    [made] = world.endpoints(vpc_id)
    assert old not in made["SubnetIds"]
    assert state_of(vpc_id).survey.waiting == {(old, "monitoring")}  # type: ignore[union-attr]


def began(at: datetime) -> None:
    """The stack's first run was at that time, and no sweep has judged all VPCs since."""
    store = VpcStore(TABLE)
    before = store.load(HOME)
    store.save(HOME, before, replace(before, enforced_since=at, swept_at=None), now=datetime.now(UTC))


@pytest.mark.parametrize("what", ["deleted", "hidden", "leased"])
def test_the_first_sweep_ends_without_a_vpc_that_was_deleted_meanwhile_but_not_without_one_that_nobody_could_read(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    vpc_ids = [world.make_vpc(cidr=f"10.{number}.0.0/16") for number in (1, 2)]
    subnet_ids = [world.make_subnet(vpc_id, f"10.{number}.1.0/24") for number, vpc_id in enumerate(vpc_ids, 1)]
    observe = Network.observe

    def meanwhile(network: Network, asked: Iterable[str] | None) -> tuple[Vpc, ...]:
        if asked is not None and what == "hidden":
            raise TerminalError("DescribeVpcs: UnauthorizedOperation", code="UnauthorizedOperation")
        if asked is not None and what == "deleted":
            world.ec2.delete_subnet(SubnetId=subnet_ids[0])
            world.ec2.delete_vpc(VpcId=vpc_ids[0])
        return observe(network, asked)

    if what == "leased":
        now = datetime.now(UTC)
        VpcStore(TABLE).take_lease(HOME.vpc(vpc_ids[0]), "another", now=now, until=now + timedelta(minutes=5))
    with monkeypatch.context() as once:
        once.setattr(Network, "observe", meanwhile)
        with suppress(LifelineError):
            call(SWEEP)
    assert (VpcStore(TABLE).load(HOME).swept_at is not None) == (what == "deleted")


def test_what_was_missing_waits_in_a_vpc_too_that_was_out_of_sight_when_the_first_sweep_looked_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden, seen = [world.make_vpc(cidr=f"10.{number}.0.0/16") for number in (1, 2)]
    world.make_subnet(hidden, "10.1.1.0/24")
    world.make_subnet(seen, "10.2.1.0/24")
    observe = Network.observe

    def without(network: Network, asked: Iterable[str] | None) -> tuple[Vpc, ...]:
        return tuple(vpc for vpc in observe(network, asked) if asked is None or vpc.id != hidden)

    with monkeypatch.context() as twice:
        twice.setattr(Network, "observe", without)
        call(SWEEP)
        call(SWEEP)
    assert VpcStore(TABLE).load(HOME).swept_at
    call(SWEEP)
    assert world.endpoints(hidden) == []
    assert state_of(hidden).survey.services == {"monitoring"}  # type: ignore[union-attr]


def route_deleted(table_id: str, at: datetime) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(Path("events/cloudtrail/DeleteRoute.json").read_text())
    event["detail"]["requestParameters"]["routeTableId"] = table_id
    event["detail"]["eventTime"] = event["time"] = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    return event


@pytest.mark.parametrize("is_swept", [False, True])
def test_an_old_record_that_comes_again_opens_no_backlog(world: World, *, is_swept: bool) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    began(datetime.now(UTC) - timedelta(minutes=1))
    if is_swept:
        call(SWEEP)

    reconcile_endpoints.handler(
        sqs(route_deleted(world.main_table(vpc_id), datetime(2025, 1, 1, tzinfo=UTC))), Context()
    )

    assert world.endpoints(vpc_id) == []
    assert state_of(vpc_id).survey.services == {"monitoring"}  # type: ignore[union-attr]


def test_a_record_of_a_change_opens_nothing_that_was_judged_before(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    call(SWEEP)

    reconcile_endpoints.handler(sqs(route_deleted(world.main_table(vpc_id), datetime.now(UTC))), Context())

    assert world.endpoints(vpc_id) == []


def test_the_causes_in_a_message_open_no_backlog(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    nat = world.ec2.create_nat_gateway(SubnetId=world.make_subnet(vpc_id, "10.0.2.0/24"), ConnectivityType="private")
    dead = {"RouteTableId": world.main_table(vpc_id), "DestinationCidrBlock": "0.0.0.0/0"}
    world.ec2.create_route(**dead, NatGatewayId=nat["NatGateway"]["NatGatewayId"])
    world.ec2.delete_nat_gateway(NatGatewayId=nat["NatGateway"]["NatGatewayId"])
    began(datetime.now(UTC) - timedelta(minutes=1))
    because = [
        {"kind": "change", "event_name": name, "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        for name in ("DeleteNatGateway", "DeleteRoute", "CreateVpc", "CreateSubnet")
    ]

    reconcile_endpoints.handler(sqs({"vpc_ids": [vpc_id], "because": because}), Context())

    assert world.endpoints(vpc_id) == []


@pytest.mark.parametrize("more", [{}, {"button": True}, {"by": "Dana"}])
def test_a_widget_approves_no_backlog_when_somebody_looks_at_it(world: World, more: dict[str, Any]) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    call(SWEEP)
    params, before = {"vpc_ids": [vpc_id], **more}, state_of(vpc_id)

    answer = call({**params, "widgetContext": {"dashboardName": "theirs", "params": params}})

    assert answer["markdown"].startswith("**Refused**")
    assert world.endpoints(vpc_id) == []
    assert state_of(vpc_id) == before


def test_a_tag_on_a_subnet_that_is_made_later_waits_for_nothing_and_routes_in_the_table_that_others_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever may also create subnets. On one that was judged before, the same tag waits."""
    with emulated_world(monkeypatch, **requiring("s3") | {"REQUIRED_SERVICES": "monitoring"}) as world:
        vpc_id = world.make_vpc()
        table_id, before = world.open_to_internet(vpc_id), world.make_subnet(vpc_id)
        call(SWEEP)
        world.ec2.create_tags(Resources=[before], Tags=REQUIRE_ANOTHER)
        call(SWEEP)
        assert world.endpoints(vpc_id) == []
        later = world.make_subnet(vpc_id, "10.0.2.0/24")
        world.ec2.create_tags(Resources=[later], Tags=REQUIRE_ANOTHER)
        call(SWEEP)
        assert [one["RouteTableIds"] for one in world.endpoints(vpc_id)] == [[table_id]]
        assert any(
            "s3: created gateway endpoint" in flat(json.loads(one["Body"])["Message"]) for one in world.notices()
        )


EXEMPT = [{"Key": "lifeline:exempt", "Value": "true"}]
REQUIRE_ANOTHER = [{"Key": "lifeline:require", "Value": "s3"}]


@pytest.mark.parametrize("tags", [EXEMPT, REQUIRE_ANOTHER])
@pytest.mark.parametrize("is_muted_first", [False, True])
def test_a_path_that_is_lost_while_a_tag_says_otherwise_is_repaired_once_it_is_gone(
    world: World, tags: list[dict[str, str]], *, is_muted_first: bool
) -> None:
    vpc_id, table_id = open_vpc(world)
    for _ in range(not is_muted_first):
        call(SWEEP)
    world.ec2.create_tags(Resources=[vpc_id], Tags=tags)
    call(SWEEP)
    close(world, table_id)
    call(SWEEP)
    assert "monitoring" not in services_in(world, vpc_id)
    world.ec2.delete_tags(Resources=[vpc_id], Tags=tags)

    call(SWEEP)

    assert "monitoring" in services_in(world, vpc_id)


def selected_by(tag: dict[str, str], world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A VPC with a way out and the tag, for which alone the policy requires `monitoring`; with its main route table."""
    monkeypatch.setenv("POLICY_PARAMETER", "/lifeline/policy")
    rule = {"require": ["monitoring"], "where": {"vpc_tags": {tag["Key"]: tag["Value"]}}}
    document = json.dumps({"version": 1, "rules": [rule]})
    boto3.client("ssm").put_parameter(Name="/lifeline/policy", Value=document, Type="String")
    vpc_id, table_id = open_vpc(world)
    world.ec2.create_tags(Resources=[vpc_id], Tags=[tag])
    return vpc_id, table_id


SELECTED = [{"Key": "env", "Value": "prod"}]


def lost_while_unselected(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """A VPC whose path is lost while the tag by which the policy selects it is gone."""
    vpc_id, table_id = selected_by(SELECTED[0], world, monkeypatch)
    call(SWEEP)
    world.ec2.delete_tags(Resources=[vpc_id], Tags=SELECTED)
    call(SWEEP)
    close(world, table_id)
    return vpc_id


def test_a_path_that_is_lost_while_the_tag_is_gone_that_selects_the_vpc_is_repaired_once_it_is_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = lost_while_unselected(world, monkeypatch)
    call(SWEEP)
    assert world.endpoints(vpc_id) == []
    world.ec2.create_tags(Resources=[vpc_id], Tags=SELECTED)

    call(SWEEP)

    assert len(world.endpoints(vpc_id)) == 1


def test_a_path_that_is_lost_during_an_exemption_by_a_call_is_repaired_after_it(world: World) -> None:
    vpc_id, table_id = open_vpc(world)
    call(SWEEP)
    call({"exempt": [vpc_id]})
    close(world, table_id)
    call(SWEEP)
    assert world.endpoints(vpc_id) == []

    call({"exempt": [vpc_id], "days": 0})
    call(SWEEP)

    assert len(world.endpoints(vpc_id)) == 1


@pytest.mark.parametrize("tags", [EXEMPT, REQUIRE_ANOTHER])
def test_an_endpoint_that_is_deleted_while_a_tag_says_otherwise_is_created_again_once_it_is_gone(
    world: World, tags: list[dict[str, str]]
) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    for event in (SWEEP, {"approve": "backlog"}, SWEEP):
        call(event)
    (made,) = world.endpoints(vpc_id)
    world.ec2.create_tags(Resources=[vpc_id], Tags=tags)
    call(SWEEP)
    world.ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
    call(SWEEP)
    world.ec2.delete_tags(Resources=[vpc_id], Tags=tags)

    call(SWEEP)

    assert "monitoring" in services_in(world, vpc_id)


@pytest.mark.parametrize("tags", [EXEMPT, REQUIRE_ANOTHER])
@pytest.mark.parametrize("is_muted_first", [False, True])
def test_what_was_missing_all_along_waits_after_a_tag_said_otherwise(
    world: World, tags: list[dict[str, str]], *, is_muted_first: bool
) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    for _ in range(not is_muted_first):
        call(SWEEP)
    world.ec2.create_tags(Resources=[vpc_id], Tags=tags)
    call(SWEEP)
    world.ec2.delete_tags(Resources=[vpc_id], Tags=tags)

    call(SWEEP)

    assert "monitoring" not in services_in(world, vpc_id)
    assert state_of(vpc_id).survey.services >= {"monitoring"}  # type: ignore[union-attr]


def test_a_vpc_and_a_subnet_that_are_made_later_are_served_at_once(world: World) -> None:
    old_id = world.make_vpc()
    world.make_subnet(old_id)
    call(SWEEP)
    new_id = world.make_vpc(cidr="10.2.0.0/16")
    world.make_subnet(new_id, "10.2.1.0/24")
    later = world.make_subnet(old_id, "10.0.2.0/24", "us-east-1b")

    call(SWEEP)

    assert len(world.endpoints(new_id)) == 1
    assert [endpoint["SubnetIds"] for endpoint in world.endpoints(old_id)] == [[later]]


def test_a_policy_that_asks_for_more_makes_new_backlog(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    call(SWEEP)
    call({"approve": "backlog"})
    monkeypatch.setenv("REQUIRED_SERVICES", "monitoring,logs")

    more = call(SWEEP)

    assert [endpoint["ServiceName"].rpartition(".")[2] for endpoint in world.endpoints(vpc_id)] == ["monitoring"]
    assert {action["service"] for action in more["vpcs"][0]["actions"]} == {"logs"}
    call({"approve": "backlog", "services": ["logs"]})
    assert len(world.endpoints(vpc_id)) == 2


def services_in(world: World, vpc_id: str) -> list[str]:
    return sorted(endpoint["ServiceName"].rpartition(".")[2] for endpoint in world.endpoints(vpc_id))


def test_what_a_policy_asks_for_after_the_notice_is_not_approved_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    call(SWEEP)
    monkeypatch.setenv("REQUIRED_SERVICES", "monitoring,logs")

    call({"approve": "backlog", "vpc_ids": [vpc_id]})

    assert services_in(world, vpc_id) == ["monitoring"]
    world.notices()
    call(SWEEP)
    assert services_in(world, vpc_id) == ["monitoring"]
    assert [json.loads(one["Body"])["Subject"] for one in world.notices()] == [
        f"[lifeline] backlog in {vpc_id}: 1 change needs your approval (logs)"
    ]
    call({"approve": "backlog"})
    assert services_in(world, vpc_id) == ["logs", "monitoring"]


def test_one_vpc_or_one_service_can_be_approved_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRED_SERVICES", "monitoring,logs")
    ids = [world.make_vpc(cidr=f"10.{number}.0.0/16") for number in (1, 2)]
    for number, vpc_id in enumerate(ids, 1):
        world.make_subnet(vpc_id, f"10.{number}.1.0/24")
    call(SWEEP)

    call({"approve": "backlog", "vpc_ids": ids[:1]})
    assert [len(world.endpoints(vpc_id)) for vpc_id in ids] == [2, 0]
    call({"approve": "backlog", "services": ["logs"]})
    assert [len(world.endpoints(vpc_id)) for vpc_id in ids] == [2, 1]
    call(SWEEP)
    assert [len(world.endpoints(vpc_id)) for vpc_id in ids] == [2, 1]


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"approve": "backlog"}, "approve"),
        ({"approve": "backlog", "vpc_ids": ["vpc-0123456789abcdef0"]}, "vpc_ids[0]"),
        ({"approve": "backlog", "vpc_ids": ["vpc"]}, "vpc_ids[0]"),
        ({"approve": "backlog", "service": ["logs"]}, "service"),
        ({"approve": "backlogs"}, "approve"),
        ({"approve": "plan-0123456789abcdef", "vpc_ids": ["vpc-0123456789abcdef0"]}, "vpc_ids"),
    ],
)
def test_an_approval_of_nothing_is_refused_in_words(world: World, event: dict[str, Any], field: str) -> None:
    assert [error["field"] for error in call(event)["errors"]] == [field]


def test_a_second_approval_says_that_nothing_waits(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    call(SWEEP)
    call({"approve": "backlog"})

    assert "nothing waits" in call({"approve": "backlog"})["errors"][0]["message"]


def test_a_call_that_names_the_vpc_acts(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    call(SWEEP)

    call({"vpc_ids": [vpc_id]})

    assert len(world.endpoints(vpc_id)) == 1


def test_who_freezes_one_service_asks_for_no_other(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    call(SWEEP)

    call({"vpc_ids": [vpc_id], "freeze": ["logs"]})

    assert world.endpoints(vpc_id) == []


def test_a_gap_that_others_close_and_open_again_is_a_lost_path(world: World) -> None:
    vpc_id = world.make_vpc()
    subnet_id = world.make_subnet(vpc_id)
    call(SWEEP)
    theirs = world.ec2.create_vpc_endpoint(
        VpcId=vpc_id,
        ServiceName="com.amazonaws.us-east-1.monitoring",
        VpcEndpointType="Interface",
        SubnetIds=[subnet_id],
        PrivateDnsEnabled=True,
    )["VpcEndpoint"]["VpcEndpointId"]
    group = world.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["SecurityGroups"][0]
    world.ec2.modify_vpc_endpoint(VpcEndpointId=theirs, AddSecurityGroupIds=[group["GroupId"]])
    world.ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"], IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp="10.0.0.0/16"
    )
    call(SWEEP)
    assert state_of(vpc_id).survey
    assert not state_of(vpc_id).survey.services  # type: ignore[union-attr]
    world.ec2.delete_vpc_endpoints(VpcEndpointIds=[theirs])

    call(SWEEP)

    assert [endpoint["VpcEndpointId"] != theirs for endpoint in world.endpoints(vpc_id)] == [True]


def test_what_is_missing_when_the_mode_becomes_enforce_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, table_id = open_vpc(world)
    call(SWEEP)
    monkeypatch.setenv("MODE", "plan")
    call(SWEEP)
    close(world, table_id)
    call(SWEEP)
    monkeypatch.setenv("MODE", "enforce")

    call(SWEEP)

    assert world.endpoints(vpc_id) == []
    assert state_of(vpc_id).survey.services == {"monitoring"}  # type: ignore[union-attr]


def test_a_policy_can_say_that_nothing_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setenv("POLICY_PARAMETER", "/lifeline/policy")
    document = '{"version": 1, "rules": [{"require": ["monitoring"]}], "backlog": "act"}'
    boto3.client("ssm").put_parameter(Name="/lifeline/policy", Value=document, Type="String")
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)

    call(SWEEP)

    assert len(world.endpoints(vpc_id)) == 1


def test_people_hear_of_the_whole_backlog_in_one_notice_and_once(world: World) -> None:
    for number in (1, 2):
        world.make_subnet(world.make_vpc(cidr=f"10.{number}.0.0/16"), f"10.{number}.1.0/24")

    call(SWEEP)
    first = [json.loads(one["Body"]) for one in world.notices()]
    call(SWEEP)

    assert [notice["Subject"] for notice in first] == [
        "[lifeline] backlog in 2 VPCs: 2 changes need your approval (monitoring)"
    ]
    assert '--event \'{"approve": "backlog"}\'' in flat(first[0]["Message"])
    assert world.notices() == []


BY = "Dana <b>, NET-42"
STATED = "(as stated)"


def history_of(vpc_id: str) -> list[str]:
    return [entry["text"] for entry in call({"history": {"vpc_id": vpc_id}})["history"]["entries"]]


def test_who_approves_is_on_record_and_in_the_notice_as_stated(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    call(SWEEP)
    world.notices()

    call({"approve": "backlog", "by": BY})

    [notice] = [json.loads(one["Body"]) for one in world.notices()]
    assert "The backlog was approved by " in flat(notice["Message"])
    assert STATED in flat(notice["Message"])
    assert any("approved in the backlog by" in text and STATED in text for text in history_of(vpc_id))


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"freeze": ["monitoring"]}, "monitoring frozen manually by"),
        ({"unfreeze": True}, "everything no longer frozen by"),
        ({"release": True}, "everything released manually by"),
    ],
)
def test_who_freezes_unfreezes_or_releases_is_on_record_as_stated(
    world: World, event: dict[str, Any], words: str
) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)

    answer = call({"vpc_ids": [vpc_id, GONE], "by": BY, **event})

    assert any(words in text and STATED in text for text in history_of(vpc_id))
    notes = {one["vpc_id"]: one.get("note", "") for one in answer["vpcs"]}
    assert ((words in notes[vpc_id]), words in notes[GONE]) == ("release" not in event, False)


def test_who_exempts_is_on_record_as_stated(world: World) -> None:
    vpc_id = world.make_vpc()

    call({"exempt": [vpc_id], "by": BY})

    assert any("exempt manually, asked for by" in text and STATED in text for text in history_of(vpc_id))


@pytest.mark.parametrize("by", ["", " ", 7, None, "two\nlines", "x" * 65])
@pytest.mark.parametrize("event", [{"approve": "backlog"}, {"exempt": ["vpc-01234567"]}, {"vpc_ids": ["vpc-01234567"]}])
def test_who_calls_is_one_short_line(world: World, event: dict[str, Any], by: object) -> None:
    assert [error["field"] for error in call({**event, "by": by})["errors"]] == ["by"]


def test_the_page_shows_what_waits_and_a_button_for_each_vpc_and_for_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILE_ARN", "arn:aws:lambda:us-east-1:123456789012:function:lifeline-ReconcileEndpoints")
    ids = [world.make_vpc(cidr=f"10.{number}.0.0/16") for number in (1, 2)]
    for number, vpc_id in enumerate(ids, 1):
        world.make_subnet(vpc_id, f"10.{number}.1.0/24")
    call(SWEEP)

    page = coverage_page.handler({}, Context())

    assert "Approve the whole backlog (+14.60 USD a month)" in page
    assert all(f'{{"approve":"backlog","vpc_ids":["{vpc_id}"],"button":true}}' in html.unescape(page) for vpc_id in ids)
    assert "in the backlog: it was missing before" in page
    monkeypatch.setenv("MODE", "plan")
    assert "Approve the" not in coverage_page.handler({}, Context())


def test_the_plan_on_the_page_says_what_waits(world: World) -> None:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    call(SWEEP)

    assert "in the backlog" in flat(coverage_page.handler({"plan": vpc_id}, Context()))


def test_a_path_that_is_lost_while_its_tag_is_gone_is_repaired_though_the_known_tags_were_not_read_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = lost_while_unselected(world, monkeypatch)
    with monkeypatch.context() as once:
        once.setattr(TagStore, "_items", failing)
        call(SWEEP)
    world.ec2.create_tags(Resources=[vpc_id], Tags=SELECTED)
    call(SWEEP)
    assert len(world.endpoints(vpc_id)) == 1


def failing(_: TagStore) -> dict[str, dict[str, object]]:
    raise TransientError("throttled")

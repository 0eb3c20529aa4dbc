"""Somebody else brings the endpoint: Lifeline's own makes way for it, on an EC2 that refuses what AWS refuses."""

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.kill_switch import KillSwitch
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcList
from lifeline.core.errors import TransientError
from lifeline.core.guards.freeze import FreezeKind
from lifeline.core.wording import write_time
from tests.handlers.test_debounce import route_deleted
from tests.support.cloudtrail import Failure, Identity, record_call
from tests.support.days import HOUR, MINUTES, Days
from tests.support.home import HOME
from tests.support.ledger import refuse_saves
from tests.support.world import ROLE_ARN, emulated_world, flat

MONITORING = "com.amazonaws.us-east-1.monitoring"
S3 = "com.amazonaws.us-east-1.s3"
HTTPS_FROM_THE_VPC = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
LIFELINE = Identity(ROLE_ARN.rpartition("/")[2], session="lifeline-ReconcileEndpoints")


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, retire_after_hours=72) as world:
        yield strict_for_all(Days(world, monkeypatch))


@pytest.fixture
def s3_days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, REQUIRED_SERVICES="s3") as world:
        yield strict_for_all(Days(world, monkeypatch))


def strict_for_all(days: Days) -> Days:
    """EC2 refuses others' calls as well."""
    days.account.attach(days.world.ec2)
    return days


def served(days: Days) -> tuple[str, str, str]:
    """An isolated VPC with Lifeline's endpoint: its id, its subnet's, the endpoint's."""
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    assert days.look(vpc_id)["outcome"] == "changed"
    days.clock.advance(MINUTES)
    days.world.notices()
    days.empty_queue()
    (endpoint_id,) = days.live(vpc_id)
    return vpc_id, subnet_id, endpoint_id


def theirs(days: Days, vpc_id: str, subnet_id: str) -> dict[str, Any]:
    return {
        "VpcEndpointType": "Interface",
        "VpcId": vpc_id,
        "ServiceName": MONITORING,
        "SubnetIds": [subnet_id],
        "SecurityGroupIds": [their_group(days, vpc_id)],
        "PrivateDnsEnabled": True,
    }


def their_group(days: Days, vpc_id: str) -> str:
    """A group of theirs that lets the VPC in, made once: a VPC's default group only lets in its members."""
    ec2 = days.world.ec2
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["theirs"]}]
    if found := ec2.describe_security_groups(Filters=filters)["SecurityGroups"]:
        return str(found[0]["GroupId"])
    group_id = str(ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=vpc_id)["GroupId"])
    ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[HTTPS_FROM_THE_VPC])
    return group_id


def their_table(vpc_id: str, *table_ids: str) -> dict[str, Any]:
    return {"VpcEndpointType": "Gateway", "VpcId": vpc_id, "ServiceName": S3, "RouteTableIds": list(table_ids)}


def refused(days: Days, request: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Their call, which EC2 refuses, as CloudTrail records it."""
    operation = "ModifyVpcEndpoint" if "VpcEndpointId" in request else "CreateVpcEndpoint"
    call = days.world.ec2.modify_vpc_endpoint if "VpcEndpointId" in request else days.world.ec2.create_vpc_endpoint
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    failure = Failure(error["Code"], error["Message"])
    return record_call(operation, request, failure=failure, **{"at": days.clock(), **more})


def apply_again(days: Days, request: dict[str, Any]) -> str:
    """Their call, which EC2 takes now; its record is delivered once the endpoint is available."""
    answer = days.world.ec2.create_vpc_endpoint(**request)
    days.clock.advance(MINUTES)
    answer.pop("ResponseMetadata")
    days.deliver(record_call("CreateVpcEndpoint", request, answer, at=days.clock()))
    return str(answer["VpcEndpoint"]["VpcEndpointId"])


def endpoint(days: Days, endpoint_id: str) -> dict[str, Any]:
    found = days.world.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"]
    return dict(found[0])


def changes(days: Days) -> list[str]:
    return [one.operation for one in days.account.calls if one.accepted and one.operation.startswith(("Mod", "Cre"))]


def frozen(vpc_id: str) -> list[str]:
    return sorted(VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen)


# ---- a name


def test_a_claim_frees_the_name_at_once_and_lifelines_own_goes_when_theirs_works(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    assert (days.live(vpc_id), endpoint(days, ours)["PrivateDnsEnabled"]) == ([ours], False)
    assert frozen(vpc_id) == ["monitoring"]

    made = apply_again(days, theirs(days, vpc_id, subnet_id))
    assert days.live(vpc_id) == [made]
    assert endpoint(days, made)["PrivateDnsEnabled"] is True
    days.take_from_queue()
    assert days.world.groups(vpc_id) == []
    assert days.deletions() == [ours]
    days.look(vpc_id)
    assert (frozen(vpc_id), days.world.dead_letters()) == ([], [])


def test_people_hear_once_whose_claim_it_is_whom_it_leaves_without_and_what_to_do(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    event = refused(days, theirs(days, vpc_id, subnet_id))
    days.deliver(event)
    days.deliver(event)
    days.sweeps(2)
    (sent,) = days.world.notices()
    notified = json.loads(sent["Body"])
    text = notified["Message"]
    assert notified["Subject"] == (
        f"[lifeline] monitoring DNS name in {vpc_id[:12]}... handed over to deploy-role/terraform: try again"
    )
    assert notified["MessageAttributes"]["kind"]["Value"] == "handed_over"
    assert "CreateVpcEndpoint by deploy-role/terraform at" in text
    assert f"turned off private DNS for {ours}" in " ".join(text.split())
    assert f"isolated subnets can't reach the monitoring service: {subnet_id}." in " ".join(text.split())
    assert f"""--event '{{"vpc_ids": ["{vpc_id}"], "unfreeze": ["monitoring"]}}'""" in text
    assert event["detail"]["eventID"] in text


def test_while_a_claim_stands_nothing_is_done_for_the_service_and_a_day_later_lifeline_serves_it_again(
    days: Days,
) -> None:
    vpc_id, subnet_id, ours = served(days)
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    days.world.notices()
    made = len(changes(days))
    assert days.sweeps(23, every=8) == []
    assert len(changes(days)) == made
    assert days.texts() == []
    assert days.look(vpc_id)["note"].startswith("monitoring is frozen since")
    (taken_back,) = days.sweeps(2)
    assert (taken_back["action"], taken_back["status"]) == ("enable_private_dns", "done")
    assert endpoint(days, ours)["PrivateDnsEnabled"] is True
    assert "Lifeline handed over to deploy-role/terraform" in " ".join(days.texts()[0].split())
    assert frozen(vpc_id) == []


def open_beside(days: Days, vpc_id: str) -> str:
    """Another subnet of the VPC, on a table of its own with a route out: the table's id."""
    subnet_id = days.world.make_subnet(vpc_id, "10.0.2.0/24")
    table_id = str(days.world.ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"])
    days.world.ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet_id)
    gateway_id = days.world.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    days.world.ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc_id)
    days.connect(table_id, vpc_id)
    return table_id


@pytest.mark.parametrize("is_required", [True, False])
def test_a_path_that_is_lost_while_a_claim_stands_is_heard_once_with_who_claimed_until_when_and_what_to_do(
    days: Days, *, is_required: bool
) -> None:
    """Whether others go without already, of which people heard with the claim, or nothing required the service then."""
    vpc_id, subnet_id, ours = served(days)
    main_id = days.world.main_table(vpc_id)
    table_id = open_beside(days, vpc_id)
    if not is_required:
        days.connect(main_id, vpc_id)
    days.after(1)
    ends = write_time(days.clock() + 24 * HOUR)
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    days.texts()
    days.sweeps(3)
    assert days.texts() == []

    days.cut_off(table_id)
    days.deliver(route_deleted(days, table_id))
    (text,) = days.texts()
    assert f", until {ends}: CreateVpcEndpoint by deploy-role/terraform at" in text
    assert f'{{"vpc_ids": ["{vpc_id}"], "unfreeze": ["monitoring"]}}' in text
    assert {one["status"] for one in days.sweeps(5)} == {"blocked"}
    assert days.texts() == []
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False

    days.sweeps(16, every=8)
    assert endpoint(days, ours)["PrivateDnsEnabled"] is True
    (text,) = days.texts()
    assert "Lifeline handed over to deploy-role/terraform" in text


def test_a_path_that_is_lost_where_their_endpoint_serves_by_then_is_no_news(days: Days) -> None:
    vpc_id, subnet_id, _ = served(days)
    table_id = days.world.main_table(vpc_id)
    open_beside(days, vpc_id)
    days.connect(table_id, vpc_id)
    days.after(1)
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    made = days.world.ec2.create_vpc_endpoint(**theirs(days, vpc_id, subnet_id))["VpcEndpoint"]["VpcEndpointId"]
    days.texts()
    days.cut_off(table_id)
    days.sweeps(5)
    assert not [text for text in days.texts() if "frozen" in text]
    assert made in days.live(vpc_id)


def test_whoever_unfreezes_the_service_has_it_served_again_at_once(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    days.clock.advance(MINUTES)
    assert days.look(vpc_id, unfreeze=["monitoring"])["outcome"] == "changed"
    assert endpoint(days, ours)["PrivateDnsEnabled"] is True


def test_a_claim_by_switching_private_dns_on_is_one_too(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    made = days.world.ec2.create_vpc_endpoint(**theirs(days, vpc_id, subnet_id) | {"PrivateDnsEnabled": False})
    days.clock.advance(MINUTES)
    request = {"VpcEndpointId": made["VpcEndpoint"]["VpcEndpointId"], "PrivateDnsEnabled": True}
    days.deliver(refused(days, request))
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False
    days.clock.advance(MINUTES)
    days.world.ec2.modify_vpc_endpoint(**request)
    days.clock.advance(MINUTES)
    days.sweeps(1)
    assert days.live(vpc_id) == [request["VpcEndpointId"]]


def test_while_theirs_is_pending_lifeline_looks_again_and_waits(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    days.clock.advance(timedelta(minutes=1))
    days.account.pending_for = timedelta(minutes=8)
    made = days.world.ec2.create_vpc_endpoint(**theirs(days, vpc_id, subnet_id))["VpcEndpoint"]["VpcEndpointId"]
    days.clock.advance(timedelta(minutes=1))
    days.look(vpc_id)
    assert sorted(days.live(vpc_id)) == sorted([ours, made])
    attempts = [one["attempt"] for one in days.take_from_queue()]
    assert attempts == [1, 0], "and once more to see whether it ever comes up"
    assert [one["attempt"] for one in days.take_from_queue()] == [1], "the count begins anew with what came beside it"
    assert days.live(vpc_id) == [made]


def test_while_lifelines_own_is_still_pending_making_way_is_tried_again_and_told_once_it_is_done(days: Days) -> None:
    days.account.pending_for = timedelta(minutes=4)
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    days.look(vpc_id)
    days.clock.advance(timedelta(minutes=2))
    days.empty_queue()
    days.world.notices()
    (ours,) = days.live(vpc_id)
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    assert (endpoint(days, ours)["PrivateDnsEnabled"], frozen(vpc_id)) == (True, ["monitoring"])
    days.take_from_queue()
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False
    assert [
        text for text in days.texts() if "(with Terraform: run terraform apply again)." in " ".join(text.split())
    ] != []


def test_where_theirs_vanishes_after_it_came_the_usual_rules_hold(days: Days) -> None:
    vpc_id, subnet_id, _ = served(days)
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    days.clock.advance(MINUTES)
    made = apply_again(days, theirs(days, vpc_id, subnet_id))
    days.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[made])
    days.clock.advance(MINUTES)
    assert ("create_interface_endpoint", "done") in [(one["action"], one["status"]) for one in days.sweeps(1)]


def test_where_the_event_of_theirs_is_lost_the_sweep_finds_it(days: Days) -> None:
    vpc_id, subnet_id, _ = served(days)
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    days.clock.advance(MINUTES)
    made = days.world.ec2.create_vpc_endpoint(**theirs(days, vpc_id, subnet_id))["VpcEndpoint"]["VpcEndpointId"]
    days.clock.advance(MINUTES)
    days.sweeps(1)
    assert days.live(vpc_id) == [made]


def test_where_theirs_lets_nobody_in_lifelines_own_stays_until_theirs_is_opened(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    request = theirs(days, vpc_id, subnet_id)
    (group_id,) = request["SecurityGroupIds"]
    days.deliver(refused(days, request))
    days.world.notices()
    days.world.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=[HTTPS_FROM_THE_VPC])
    made = apply_again(days, request)
    (text,) = days.texts()
    assert f"{group_id} of {made} doesn't allow inbound 443" in " ".join(text.split())
    days.sweeps(30, every=8)
    assert (sorted(days.live(vpc_id)), days.deletions(), frozen(vpc_id)) == (sorted([ours, made]), [], [])
    days.world.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[HTTPS_FROM_THE_VPC])
    days.sweeps(1)
    assert (days.live(vpc_id), days.deletions()) == ([made], [ours])


def test_theirs_whose_rules_cannot_be_read_is_said_once_and_answers_no_claim(days: Days) -> None:
    """They are for a prefix list that another account doesn't share any more."""
    vpc_id, subnet_id, ours = served(days)
    days.account.fail_next("GetManagedPrefixListEntries", "InvalidPrefixListID.NotFound", times=999)
    request = theirs(days, vpc_id, subnet_id)
    (group_id,) = request["SecurityGroupIds"]
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    days.world.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=[HTTPS_FROM_THE_VPC])
    days.world.ec2.authorize_security_group_ingress(
        GroupId=group_id, IpPermissions=[rule | {"PrefixListIds": [{"PrefixListId": "pl-0123456789abcdef0"}]}]
    )
    days.deliver(refused(days, request))
    days.world.notices()
    made = apply_again(days, request)
    (text,) = days.texts()
    assert f"{group_id} of {made} allows what is in pl-0123456789abcdef0, which was not read" in " ".join(text.split())
    assert "it isn't Lifeline's: its owner should allow inbound TCP 443" in " ".join(text.split())
    days.sweeps(30, every=8)
    assert (sorted(days.live(vpc_id)), days.deletions(), days.texts()) == (sorted([ours, made]), [], [])
    days.world.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[HTTPS_FROM_THE_VPC])
    days.sweeps(1)
    assert (days.live(vpc_id), days.deletions()) == ([made], [ours])


def test_an_adopted_endpoint_whose_rules_cannot_be_read_goes_for_none_that_keeps_a_subnet_out(days: Days) -> None:
    """Its people's group may let everybody in, for all that is known."""
    vpc_id, subnet_id, first = served(days)
    second = days.world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b")
    days.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[first])
    days.clock.advance(10 * MINUTES)
    days.account.fail_next("GetManagedPrefixListEntries", "InvalidPrefixListID.NotFound", times=999)
    request = theirs(days, vpc_id, subnet_id) | {"SubnetIds": [subnet_id, second]}
    (unread,) = request["SecurityGroupIds"]
    days.world.ec2.revoke_security_group_ingress(GroupId=unread, IpPermissions=[HTTPS_FROM_THE_VPC])
    lists = [{"PrefixListId": "pl-0123456789abcdef0"}]
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": lists}
    days.world.ec2.authorize_security_group_ingress(GroupId=unread, IpPermissions=[rule])
    tags = [{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "lifeline:managed-by", "Value": "lifeline"}]}]
    made = days.world.ec2.create_vpc_endpoint(**request, TagSpecifications=tags)
    adopted = made["VpcEndpoint"]["VpcEndpointId"]
    days.clock.advance(MINUTES)
    days.call({"adopt": [adopted]})
    narrow = days.world.ec2.create_security_group(GroupName="narrow", Description="narrow", VpcId=vpc_id)["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.1.0/24"}]}
    days.world.ec2.authorize_security_group_ingress(GroupId=narrow, IpPermissions=[rule])
    request |= {"SubnetIds": [subnet_id], "SecurityGroupIds": [narrow]}
    days.deliver(refused(days, request))
    days.clock.advance(MINUTES)
    apply_again(days, request)
    days.sweeps(3)
    assert adopted not in days.deletions()


# ---- what is no claim


def test_lifelines_own_refused_call_is_no_claim(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id), identity=LIFELINE))
    assert (endpoint(days, ours)["PrivateDnsEnabled"], frozen(vpc_id)) == (True, [])


def test_a_refusal_because_of_others_is_no_claim(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    first = days.world.ec2.create_vpc_endpoint(**theirs(days, vpc_id, subnet_id))["VpcEndpoint"]["VpcEndpointId"]
    days.clock.advance(MINUTES)
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    assert (days.live(vpc_id), frozen(vpc_id)) == ([first], [])


def test_an_old_record_is_no_claim_on_an_endpoint_that_was_made_since(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    event = refused(days, theirs(days, vpc_id, subnet_id))
    event["detail"]["eventTime"] = (days.clock() - HOUR).strftime("%Y-%m-%dT%H:%M:%SZ")
    days.deliver(event)
    assert (endpoint(days, ours)["PrivateDnsEnabled"], frozen(vpc_id)) == (True, [])


def test_where_a_person_asked_for_hands_off_a_claim_changes_nothing(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    days.look(vpc_id, freeze=True)
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    assert endpoint(days, ours)["PrivateDnsEnabled"] is True
    assert frozen(vpc_id) == ["*"]


def test_in_plan_mode_making_way_is_only_said(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, subnet_id, ours = served(days)
    monkeypatch.setenv("MODE", "plan")
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    assert endpoint(days, ours)["PrivateDnsEnabled"] is True
    (text,) = days.texts()
    assert f"monitoring: turn off private DNS for {ours}" in " ".join(text.split())


# ---- what fails


def test_a_notice_that_could_not_be_sent_is_sent_by_the_next_look(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, subnet_id, _ = served(days)

    def broken(*_: object) -> None:
        raise TransientError("SNS is down")

    with monkeypatch.context() as patched:
        patched.setattr(Topic, "publish", broken)
        days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    assert days.texts() == []
    days.sweeps(1)
    (text,) = days.texts()
    assert "The caller's endpoint takes precedence" in " ".join(text.split())


def test_while_the_ledger_fails_nothing_is_done_and_the_record_comes_again(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, subnet_id, ours = served(days)
    event = refused(days, theirs(days, vpc_id, subnet_id))

    with monkeypatch.context() as patched:
        refuse_saves(patched, "frozen")
        with pytest.raises(AssertionError):
            days.deliver(event)
    assert endpoint(days, ours)["PrivateDnsEnabled"] is True
    days.clock.advance(MINUTES)
    days.deliver(event)
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False


def test_while_another_run_has_the_vpc_the_record_comes_again(days: Days) -> None:
    vpc_id, subnet_id, ours = served(days)
    now = days.clock()
    VpcStore("ledger").take_lease(HOME.vpc(vpc_id), "another", now=now, until=now + HOUR)
    event = refused(days, theirs(days, vpc_id, subnet_id))
    with pytest.raises(AssertionError):
        days.deliver(event)
    VpcStore("ledger").return_lease(HOME.vpc(vpc_id), "another")
    days.deliver(event)
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False


def test_what_the_kill_switch_holds_back_is_done_by_the_first_sweep_after_it(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, subnet_id, ours = served(days)
    monkeypatch.setattr(KillSwitch, "why_on", lambda _: "the kill switch is on")
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    assert endpoint(days, ours)["PrivateDnsEnabled"] is True
    monkeypatch.setattr(KillSwitch, "why_on", lambda _: "")
    days.empty_queue()
    days.sweeps(1)
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False
    days.after(30)
    days.sweeps(1)
    assert VpcStore("ledger").listed(VpcList.CLAIMED, HOME) == frozenset()


# ---- routes


def served_by_two_tables(days: Days) -> tuple[str, list[str], str]:
    """A VPC, its main route table and another one, and Lifeline's endpoint that serves both."""
    vpc_id = days.world.make_vpc()
    tables = [days.world.main_table(vpc_id)]
    days.world.make_subnet(vpc_id)
    tables.append(days.world.ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"])
    other = days.world.make_subnet(vpc_id, "10.0.2.0/24")
    days.world.ec2.associate_route_table(RouteTableId=tables[1], SubnetId=other)
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    (ours,) = days.live(vpc_id)
    return vpc_id, tables, ours


def test_a_claim_of_routes_takes_them_from_lifelines_own_and_leaves_it_the_others(s3_days: Days) -> None:
    days = s3_days
    vpc_id, tables, ours = served_by_two_tables(days)

    days.deliver(refused(days, their_table(vpc_id, tables[1])))
    assert endpoint(days, ours)["RouteTableIds"] == [tables[0]]
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen["s3"].kind is FreezeKind.CLAIM
    made = apply_again(days, their_table(vpc_id, tables[1]))
    assert sorted(days.live(vpc_id)) == sorted([ours, made])
    assert frozen(vpc_id) == []
    assert days.sweeps(1) == []


@pytest.mark.parametrize("how", ["its routes", "another table", "the policy", "the endpoint"])
def test_while_one_tables_routes_are_claimed_people_hear_what_becomes_of_another_tables_path(
    s3_days: Days, how: str
) -> None:
    days, ec2 = s3_days, s3_days.world.ec2
    vpc_id, tables, ours = served_by_two_tables(days)
    days.after(1)
    days.texts()
    (link,) = ec2.describe_route_tables(RouteTableIds=[tables[1]])["RouteTables"][0]["Associations"]
    days.deliver(refused(days, their_table(vpc_id, tables[0])))
    (text,) = days.texts()
    assert "isolated subnets can't reach the s3 service" in flat(text)
    assert link["SubnetId"] not in text, "that one still does"
    days.sweeps(2)
    assert days.texts() == []

    if how == "its routes":
        ec2.modify_vpc_endpoint(VpcEndpointId=ours, RemoveRouteTableIds=[tables[1]])
    elif how == "another table":
        new = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
        ec2.replace_route_table_association(AssociationId=link["RouteTableAssociationId"], RouteTableId=new)
    elif how == "the policy":
        shut = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
        ec2.modify_vpc_endpoint(VpcEndpointId=ours, PolicyDocument=json.dumps({"Statement": [shut]}))
    else:
        ec2.delete_vpc_endpoints(VpcEndpointIds=[ours])
    days.sweeps(12, every=2)
    (text,) = days.texts()
    assert "CreateVpcEndpoint by deploy-role/terraform" in flat(text)
    assert f'{{"vpc_ids": ["{vpc_id}"], "unfreeze": ["s3"]}}' in text


@pytest.mark.parametrize(("claimed", "other"), [("monitoring", "logs"), ("logs", "monitoring")])
@pytest.mark.parametrize("attribute", ["EnableDnsHostnames", "EnableDnsSupport"])
def test_while_a_name_is_claimed_the_vpcs_dns_is_turned_on_again_for_the_other_services(
    monkeypatch: pytest.MonkeyPatch, attribute: str, claimed: str, other: str
) -> None:
    with emulated_world(monkeypatch, REQUIRED_SERVICES="monitoring,logs", MAY_FIX_DNS="yes", fix_dns=True) as world:
        days = strict_for_all(Days(world, monkeypatch))
        vpc_id = world.make_vpc()
        subnet_id = world.make_subnet(vpc_id)
        days.look(vpc_id)
        days.clock.advance(MINUTES)
        request = {**theirs(days, vpc_id, subnet_id), "ServiceName": f"com.amazonaws.us-east-1.{claimed}"}
        days.deliver(refused(days, request))
        days.sweeps(1)
        days.texts()
        world.ec2.modify_vpc_attribute(VpcId=vpc_id, **{attribute: {"Value": False}})
        (done,) = days.sweeps(2)
        assert (done["action"], done["status"]) == ("fix_dns", "done")
        assert days.texts()
        states = {one["service"]: one["state"] for one in days.look(vpc_id)["services"]}
        assert states[other] == "served"
        assert frozen(vpc_id) == [claimed]


def test_a_claim_that_theirs_answered_counts_no_more_when_its_record_comes_again(s3_days: Days) -> None:
    """A replay would take the routes from whoever has no other path by then."""
    days = s3_days
    vpc_id, tables, ours = served_by_two_tables(days)
    record = refused(days, their_table(vpc_id, tables[1]))
    days.deliver(record)
    made = apply_again(days, their_table(vpc_id, tables[1]))
    days.sweeps(1)
    days.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[made])
    days.clock.advance(MINUTES)
    days.sweeps(1)
    assert sorted(endpoint(days, ours)["RouteTableIds"]) == sorted(tables)
    days.deliver(record)
    assert sorted(endpoint(days, ours)["RouteTableIds"]) == sorted(tables)
    assert frozen(vpc_id) == []
    late = refused(days, their_table(vpc_id, *tables), at=days.clock() - 2 * HOUR)  # of a table that nobody claimed
    days.deliver(late)
    assert len(frozen(vpc_id)) == 1


def test_a_claim_of_its_last_routes_deletes_lifelines_own(s3_days: Days) -> None:
    days, vpc_id = s3_days, s3_days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    table_id = days.world.main_table(vpc_id)
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    days.deliver(refused(days, their_table(vpc_id, table_id)))
    assert days.live(vpc_id) == []
    made = apply_again(days, their_table(vpc_id, table_id))
    assert days.sweeps(30, every=8) == []
    assert days.live(vpc_id) == [made]


def test_a_claim_that_theirs_answered_is_no_last_one(days: Days) -> None:
    """Whoever replaces their endpoint needs the name again. So whoever may create one can take it for a day each time,
    as they can by an endpoint that serves nobody.
    """
    vpc_id, subnet_id, _ = served(days)
    for number in range(2):
        (ours,) = days.live(vpc_id)
        claim_again(days, vpc_id, subnet_id, number)
        assert endpoint(days, ours)["PrivateDnsEnabled"] is False
        made = apply_again(days, theirs(days, vpc_id, subnet_id))
        days.sweeps(1)
        assert days.live(vpc_id) == [made]
        days.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[made])
        days.sweeps(2)
        days.empty_queue()
    (ours,) = days.live(vpc_id)
    assert endpoint(days, ours)["PrivateDnsEnabled"] is True


def test_a_refused_call_a_day_for_one_table_after_the_other_takes_routes_for_one_day_only(s3_days: Days) -> None:
    """Each comes once the day is over, and before any run has seen that."""
    days = s3_days
    vpc_id, tables, ours = served_by_two_tables(days)
    days.deliver(refused(days, their_table(vpc_id, tables[0])))
    assert endpoint(days, ours)["RouteTableIds"] == [tables[1]]
    days.after(23)
    days.clock.advance(HOUR + MINUTES)
    days.deliver(refused(days, their_table(vpc_id, tables[1])))
    assert sorted(endpoint(days, ours)["RouteTableIds"]) == sorted(tables)


@pytest.mark.parametrize(("effect", "live"), [("Deny", 1), ("Allow", 0)])
def test_a_claim_of_its_last_routes_for_one_that_denies_all_counts_for_nothing(
    s3_days: Days, effect: str, live: int
) -> None:
    """Lifeline's own would go for it at once."""
    days, vpc_id = s3_days, s3_days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    policy = {"Statement": [{"Effect": effect, "Principal": "*", "Action": "*", "Resource": "*"}]}
    wanted = their_table(vpc_id, days.world.main_table(vpc_id))
    days.deliver(refused(days, {**wanted, "PolicyDocument": json.dumps(policy)}))
    assert len(days.live(vpc_id)) == live


# ---- handed over


def test_what_was_made_is_on_record_and_told_with_what_takes_it_over(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.look(vpc_id)
    (text,) = days.texts()
    entries = days.call({"history": {"vpc_id": vpc_id}})["history"]["entries"]
    made = {one["action"]: one["handover"] for one in entries if one["kind"] == "action"}
    for action in ("create_interface_endpoint", "create_security_group"):
        assert flat(made[action]["terraform"].partition("\n\n")[0]) in text
    for one in made.values():
        ((logical_id, _),) = json.loads(one["cloudformation"]).items()
        assert json.loads(one["resources_to_import"])[0]["LogicalResourceId"] == logical_id


# ---- without Lifeline's tag


def test_an_endpoint_whose_tag_somebody_took_off_is_theirs_from_then_on(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    table_id = days.world.open_to_internet(vpc_id)
    days.cut_off(table_id)
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    days.take_from_queue()
    (endpoint_id,) = days.live(vpc_id)
    days.world.ec2.delete_tags(Resources=[endpoint_id], Tags=[{"Key": "lifeline:managed-by"}])
    before = len(changes(days))
    days.world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b")
    action, question = days.look(vpc_id)["actions"]
    assert (action["action"], action["status"]) == ("add_subnets", "blocked")
    assert f"{endpoint_id} isn't Lifeline's" in action["error"]
    assert (question["action"], question["status"]) == ("confirm_ownership", "blocked")

    days.connect(table_id, vpc_id)
    days.sweeps(1)
    days.after(80)
    assert (days.live(vpc_id), days.deletions()) == ([endpoint_id], [])
    assert changes(days)[before:] == ["CreateSubnet", "CreateRoute"]
    days.world.notices()
    days.clock.advance(timedelta(days=1))
    answer = days.look(vpc_id, release=True)
    assert [(one["action"], one["status"]) for one in answer["actions"]] == [("delete_security_group", "blocked")]
    assert f"in use by {endpoint_id}, which Lifeline doesn't manage" in answer["actions"][0]["error"]
    assert days.live(vpc_id) == [endpoint_id]


def test_what_was_made_and_handed_over_at_once_is_not_told_as_lost(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.look(vpc_id)
    days.world.notices()
    days.clock.advance(MINUTES)
    (endpoint_id,) = days.live(vpc_id)
    days.world.ec2.delete_tags(Resources=[endpoint_id], Tags=[{"Key": "lifeline:managed-by"}])
    days.call({"hand_over": [endpoint_id]})
    days.deliver(*days.world.requeue(follow=True))
    assert days.texts() == []
    assert endpoint(days, endpoint_id)["State"] == "available"


NAME = "monitoring.us-east-1.amazonaws.com"


def claim_again(days: Days, vpc_id: str, subnet_id: str, number: int) -> None:
    """A refused call by someone who never brings an endpoint."""
    words = f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for {NAME} in the VPC"
    failure = Failure("InvalidParameter", f"{words} {vpc_id}")
    call = theirs(days, vpc_id, subnet_id)
    record = record_call("CreateVpcEndpoint", call, failure=failure, at=days.clock(), request_id=f"r-{number}")
    days.deliver(record)
    days.empty_queue()


def test_a_refused_call_a_day_takes_the_name_for_one_day_only(days: Days) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    off = 0
    for hour, later in pairwise([*range(30), *range(30, 97, 3)]):
        if endpoint(days, endpoint_id)["PrivateDnsEnabled"] or hour % 5 == 0:
            claim_again(days, vpc_id, subnet_id, hour)
        days.after(later - hour)
        off += (later - hour) * (not endpoint(days, endpoint_id)["PrivateDnsEnabled"])
    assert off <= 25
    assert any("won't hand over again unless someone unfreezes monitoring" in text for text in days.texts())

    days.look(vpc_id, unfreeze=["monitoring"])
    days.clock.advance(MINUTES)
    claim_again(days, vpc_id, subnet_id, 97)
    assert not endpoint(days, endpoint_id)["PrivateDnsEnabled"]


def test_an_endpoint_whose_group_somebody_filled_takes_no_name_back_which_is_said_until_there_is_room(
    days: Days,
) -> None:
    """AWS counts the entries that a prefix list may have as so many rules, which moto doesn't."""
    vpc_id, subnet_id, ours = served(days)
    ec2, (group,) = days.world.ec2, endpoint(days, ours)["Groups"]
    made = ec2.create_managed_prefix_list(PrefixListName="x", MaxEntries=60, AddressFamily="IPv4", Entries=[])
    rule = {
        **HTTPS_FROM_THE_VPC,
        "IpRanges": [],
        "PrefixListIds": [{"PrefixListId": made["PrefixList"]["PrefixListId"]}],
    }
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[HTTPS_FROM_THE_VPC])
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])

    def refuse(operation: str, params: dict[str, Any]) -> None:
        if operation == "AuthorizeSecurityGroupIngress" and params.get("GroupId") == group["GroupId"]:
            days.account.fail_next(operation, "RulesPerSecurityGroupLimitExceeded", times=1)

    days.account.listeners.append(refuse)
    days.sweeps(1)
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    days.texts()
    days.sweeps(30, every=8)
    assert endpoint(days, ours)["PrivateDnsEnabled"] is False
    said = [text for text in days.texts() if "not all of the subnets that it would serve are let in" in text]
    assert len(said) == 1
    assert "RulesPerSecurityGroupLimitExceeded" in said[0]

    days.account.listeners.remove(refuse)
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])
    days.sweeps(1)
    assert endpoint(days, ours)["PrivateDnsEnabled"] is True

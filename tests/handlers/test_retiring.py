"""Life-support ends: the whole handler over hours and days, on an EC2 that refuses what AWS refuses."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.dns import CentralDns
from lifeline.adapters.store.kill_switch import KillSwitch
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.network.dns import AnswerKind, DnsAnswer, DnsView
from lifeline.core.network.model import AnyRef, VpcRef
from tests.support.counting import counted_calls
from tests.support.days import HOUR, MINUTES, Days
from tests.support.home import HOME
from tests.support.tuning import tune
from tests.support.world import ROLE_ARN, emulated_world


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, retire_after_hours=72) as world:
        yield Days(world, monkeypatch)


def rescued(days: Days) -> tuple[str, str, str]:
    """A VPC that lost its route, got its endpoint, and has its route again: its id, its table's, the endpoint's."""
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    table_id = days.world.open_to_internet(vpc_id)
    days.cut_off(table_id)
    assert days.look(vpc_id)["outcome"] == "changed"
    days.clock.advance(MINUTES)
    days.connect(table_id, vpc_id)
    days.world.notices()
    days.empty_queue()
    (endpoint_id,) = days.live(vpc_id)
    return vpc_id, table_id, endpoint_id


def brief(actions: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["action"], one["status"]) for one in actions]


# ---- the way back


def test_72_hours_after_the_routes_return_the_endpoint_is_retired_once_and_then_its_group(days: Days) -> None:
    vpc_id, _, endpoint_id = rescued(days)
    turns = days.turns

    assert days.sweeps(72, every=8) == []
    assert days.live(vpc_id) == [endpoint_id]
    actions = days.sweeps(1)
    assert brief(actions) == [("retire_endpoint", "done"), ("delete_security_group", "planned")]
    assert actions[0]["endpoint_id"] == endpoint_id
    assert days.turns == turns + 1

    assert [one["attempt"] for one in days.take_from_queue()] == [1]
    assert days.world.groups(vpc_id) == []
    assert days.sweeps(2) + days.after(80) == []
    assert days.deletions() == [endpoint_id]
    assert days.world.endpoints(vpc_id) == []
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).unneeded == {}
    assert VpcStore("ledger").listed(VpcList.RETIRING, HOME) == frozenset()
    assert days.world.dead_letters() == []


def test_people_hear_what_went_why_and_what_becomes_of_the_name(days: Days) -> None:
    vpc_id, _, endpoint_id = rescued(days)
    security_group_id = days.world.groups(vpc_id)[0]["GroupId"]
    days.sweeps(1)
    days.after(72)
    days.take_from_queue()
    first, second = days.texts()
    assert f"- monitoring: deleted endpoint {endpoint_id}" in first
    assert (
        "no subnet has required the monitoring service since 2026-03-02 10:05:00 UTC: the subnets that would" in first
    )
    assert "the service's name resolves to public addresses in the whole VPC" in first
    assert f"- deleted security group {security_group_id}" in second


def test_while_nothing_changes_nothing_is_written_and_all_states_are_read_at_once(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    rescued(days)
    other = days.world.make_vpc()
    days.world.make_subnet(other)
    days.look(other)
    days.clock.advance(MINUTES)
    days.sweeps(1)
    kept, read = written(monkeypatch, "unneeded"), counted(monkeypatch, "load")
    with counted_calls() as calls:
        assert days.sweeps(5) == []
    assert kept == []
    assert set(read) == {"region"}
    # of all, for endpoints that nobody has looked at; of those that it counts for; of all others; of what was denied
    assert calls["dynamodb:BatchGetItem"] == 4 * 5


def name_of(ref: AnyRef) -> str:
    return ref.vpc_id if isinstance(ref, VpcRef) else "region"


def written(monkeypatch: pytest.MonkeyPatch, attribute: str) -> list[str]:
    """The VPCs of which this attribute of the state is written from now on."""
    called: list[str] = []
    save = VpcStore.save

    def noting(self: VpcStore, ref: AnyRef, before: VpcState, after: VpcState, **more: Any) -> None:
        if getattr(before, attribute) != getattr(after, attribute):
            called.append(name_of(ref))
        save(self, ref, before, after, **more)

    monkeypatch.setattr(VpcStore, "save", noting)
    return called


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """The VPCs for which a method of the ledger is called from now on."""
    called: list[str] = []
    method = getattr(VpcStore, name)

    def counting(self: VpcStore, ref: AnyRef, *args: Any, **more: Any) -> object:
        called.append(name_of(ref))
        return method(self, ref, *args, **more)

    monkeypatch.setattr(VpcStore, name, counting)
    return called


def test_an_endpoint_that_was_needed_again_in_between_starts_anew_even_if_only_a_sweep_saw_it(days: Days) -> None:
    vpc_id, table_id, endpoint_id = rescued(days)
    days.sweeps(1)
    days.clock.advance(48 * HOUR)
    days.cut_off(table_id)
    days.sweeps(1)
    days.connect(table_id, vpc_id)
    assert days.sweeps(1) == []
    assert days.after(71) == []
    assert days.live(vpc_id) == [endpoint_id]
    assert brief(days.after(1))[0] == ("retire_endpoint", "done")


def test_a_need_that_comes_back_just_before_the_deletion_keeps_the_endpoint(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, table_id, endpoint_id = rescued(days)
    days.sweeps(1)
    take = VpcStore.take_lease

    def cut_off_first(self: VpcStore, *args: Any, **more: Any) -> object:
        days.cut_off(table_id)
        return take(self, *args, **more)

    monkeypatch.setattr(VpcStore, "take_lease", cut_off_first)
    assert days.after(72) == []
    assert (days.live(vpc_id), days.deletions()) == ([endpoint_id], [])
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).unneeded == {}


def test_zero_hours_keep_endpoints_for_good_and_forget_the_time(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, _, endpoint_id = rescued(days)
    days.sweeps(1)
    tune(monkeypatch, retire_after_hours=0)
    days.clock.advance(timedelta(days=1000))
    assert days.sweeps(2) == []
    assert days.live(vpc_id) == [endpoint_id]
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).unneeded == {}


def test_an_exempt_subnet_gives_its_endpoint_back_and_the_reason_says_so(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    days.look(vpc_id)
    days.world.ec2.create_tags(Resources=[subnet_id], Tags=[{"Key": "lifeline:exempt", "Value": "true"}])
    assert days.sweeps(1) == []
    found, _ = days.after(72)
    assert (found["action"], found["status"]) == ("retire_endpoint", "done")
    assert f"{subnet_id} is exempt: tag lifeline:exempt" in found["reason"]


def test_one_whose_tag_somebody_removed_is_theirs(days: Days) -> None:
    vpc_id, _, endpoint_id = rescued(days)
    days.sweeps(1)
    days.world.ec2.delete_tags(Resources=[endpoint_id], Tags=[{"Key": "lifeline:managed-by"}])
    actions = days.after(72) + days.after(72)
    assert days.live(vpc_id) == [endpoint_id]
    assert {one["action"] for one in actions} == {"delete_security_group", "confirm_ownership"}
    assert {one["status"] for one in actions} == {"blocked"}
    assert all(endpoint_id in one["error"] for one in actions)
    assert len(days.texts()) == 1


def test_whoever_else_uses_the_group_keeps_it_and_is_named_once(days: Days) -> None:
    vpc_id, _, endpoint_id = rescued(days)
    (group,) = days.world.groups(vpc_id)
    subnet_id = days.world.make_subnet(vpc_id, "10.0.7.0/24")
    made = days.world.ec2.create_network_interface(SubnetId=subnet_id, Groups=[group["GroupId"]])
    actions = days.sweeps(1) + days.after(72) + days.sweeps(2)
    assert days.deletions() == [endpoint_id]
    held = [one for one in actions if one["action"] == "delete_security_group"]
    assert {one["status"] for one in held} == {"blocked"}
    assert made["NetworkInterface"]["NetworkInterfaceId"] in held[0]["error"]
    assert len(days.world.groups(vpc_id)) == 1
    assert len(days.texts()) == 1


def test_an_isolated_subnets_only_way_is_held_back_and_told_once_until_a_central_endpoint_answers(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id = isolated(days)
    where = {"tiers": ["public"]}
    document = json.dumps(
        {"version": 1, "iac_debounce_seconds": 0, "rules": [{"require": ["monitoring"], "where": where}]}
    )
    client("ssm").put_parameter(Name="/lifeline/policy", Value=document, Type="String")
    monkeypatch.setenv("POLICY_PARAMETER", "/lifeline/policy")
    held = days.sweeps(1) + days.after(72) + days.sweeps(2)
    assert {(one["action"], one["status"]) for one in held} == {("retire_endpoint", "blocked")}
    assert "is the only path to the monitoring service for subnet-" in held[0]["error"]
    assert len(days.texts()) == 1
    assert len(days.live(vpc_id)) == 1

    central = DnsAnswer(AnswerKind.RESOLVER_RULE, "amazonaws.com", "rslvr-rr-1", "of the hub", forwards=True)
    monkeypatch.setattr(CentralDns, "view", lambda *_, **__: DnsView((central,)))
    assert [one["status"] for one in days.sweeps(1)] == ["blocked"]  # no route leads to the hub

    ec2 = days.world.ec2
    hub = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    subnets = held[0]["subnet_ids"]
    ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=hub, VpcId=vpc_id, SubnetIds=subnets)
    for table in ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["RouteTables"]:
        ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="10.128.0.0/9", TransitGatewayId=hub)
    (found, _) = days.sweeps(1)
    assert (found["action"], found["status"]) == ("retire_endpoint", "done")
    assert "is answered by resolver rule rslvr-rr-1 in the whole VPC" in found["reason"]


def test_a_route_to_an_internet_gateway_ends_nothing_while_somebody_there_has_no_public_address(days: Days) -> None:
    vpc_id, _, endpoint_id = rescued(days)
    ec2 = days.world.ec2
    (subnet,) = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
    instance, other = (
        ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, NetworkInterfaces=[interface])["Instances"][0]
        for has_address in (False, True)
        for interface in [{"DeviceIndex": 0, "SubnetId": subnet["SubnetId"], "AssociatePublicIpAddress": has_address}]
    )
    assert other["NetworkInterfaces"]
    held = days.sweeps(1) + days.after(72) + days.sweeps(2)
    assert {(one["action"], one["status"]) for one in held} == {("retire_endpoint", "blocked")}
    (text,) = days.texts()
    assert f"network interfaces without a public IPv4 address in {subnet['SubnetId']} (public)" in text
    assert days.live(vpc_id) == [endpoint_id]

    interface_id = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_address(AllocationId=address, NetworkInterfaceId=interface_id)
    assert [one["status"] for one in days.sweeps(1) if one["action"] == "retire_endpoint"] == ["done"]


def test_an_interface_that_somebody_describes_as_a_load_balancers_still_keeps_its_path(days: Days) -> None:
    """Whoever may call ModifyNetworkInterfaceAttribute may write any description."""
    vpc_id, _, endpoint_id = rescued(days)
    ec2 = days.world.ec2
    (subnet,) = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
    without = {"DeviceIndex": 0, "SubnetId": subnet["SubnetId"], "AssociatePublicIpAddress": False}
    (instance,) = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, NetworkInterfaces=[without])[
        "Instances"
    ]
    ec2.modify_network_interface_attribute(
        NetworkInterfaceId=instance["NetworkInterfaces"][0]["NetworkInterfaceId"],
        Description={"Value": "ELB app/internal/0123456789abcdef"},
    )
    days.sweeps(1)
    days.after(72)
    days.sweeps(2)
    assert days.live(vpc_id) == [endpoint_id]


@pytest.mark.parametrize(("cidr", "status"), [("10.0.0.0/16", "blocked"), ("0.0.0.0/0", "done")])
def test_a_route_ends_nothing_for_a_client_whose_own_group_lets_it_out_to_the_vpc_alone(
    days: Days, cidr: str, status: str
) -> None:
    vpc_id, _, endpoint_id = rescued(days)
    ec2 = days.world.ec2
    (subnet,) = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
    group_id = ec2.create_security_group(GroupName="app", Description="app", VpcId=vpc_id)["GroupId"]
    every, https = {"IpProtocol": "-1"}, {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=[{**every, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    ec2.authorize_security_group_egress(GroupId=group_id, IpPermissions=[{**https, "IpRanges": [{"CidrIp": cidr}]}])
    app = {"DeviceIndex": 0, "SubnetId": subnet["SubnetId"], "AssociatePublicIpAddress": True, "Groups": [group_id]}
    ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, NetworkInterfaces=[app])
    actions = days.sweeps(1) + days.after(72)
    assert [one["status"] for one in actions if one["action"] == "retire_endpoint"] == [status]
    assert days.live(vpc_id) == ([endpoint_id] if status == "blocked" else [])
    assert (f"{group_id} of eni-" in days.texts()[0]) == (status == "blocked")


def test_a_refusal_for_now_is_tried_again_and_nothing_is_lost(days: Days) -> None:
    vpc_id, _, endpoint_id = rescued(days)
    days.sweeps(1)
    days.account.fail_next("DeleteVpcEndpoints", "RequestLimitExceeded")
    assert brief(days.after(72))[0] == ("retire_endpoint", "planned")
    assert days.live(vpc_id) == [endpoint_id]
    days.take_from_queue()
    assert days.live(vpc_id) == []


def test_a_gateway_endpoint_takes_its_routes_with_it(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRED_SERVICES", "s3")
    vpc_id, table_id, endpoint_id = rescued(days)
    assert endpoint_id in gateways_of(days, table_id)
    days.sweeps(1)
    (found,) = days.after(72)
    assert (found["action"], found["route_table_ids"]) == ("retire_endpoint", [table_id])
    assert endpoint_id not in gateways_of(days, table_id)
    assert days.live(vpc_id) == []


def gateways_of(days: Days, table_id: str) -> list[str]:
    (table,) = days.world.ec2.describe_route_tables(RouteTableIds=[table_id])["RouteTables"]
    return [one.get("GatewayId", "") for one in table["Routes"]]


def test_a_plan_stack_says_it_once_and_deletes_nothing(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, _, endpoint_id = rescued(days)
    monkeypatch.setenv("MODE", "plan")
    actions = days.sweeps(1) + days.after(72) + days.sweeps(2)
    assert {one["status"] for one in actions} == {"planned"}
    assert (days.live(vpc_id), days.deletions()) == ([endpoint_id], [])
    (text,) = days.texts()
    assert "- monitoring: delete endpoint vpce-" in text


def test_a_plan_by_hand_says_what_is_not_needed_and_reads_no_ledger(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, _, endpoint_id = rescued(days)
    monkeypatch.setenv("TABLE_NAME", "there-is-none")
    found = days.look(vpc_id, mode="plan")
    assert found["actions"] == []
    assert f"{endpoint_id}: no subnet requires the monitoring service any more" in found["note"]


@pytest.mark.parametrize("name", ["DeleteVpcEndpoints", "DeleteSecurityGroup"])
def test_our_own_deletion_comes_back_as_an_event_and_sets_nothing_going(days: Days, name: str) -> None:
    vpc_id, table_id, endpoint_id = rescued(days)
    days.cut_off(table_id)
    text = Path(f"events/cloudtrail/{name}.json").read_text()
    event = json.loads(text)
    event["detail"]["userIdentity"] |= {"sessionContext": {"sessionIssuer": {"arn": ROLE_ARN}}}
    before = len(days.account.calls)
    assert days.call(event)["vpcs"] == []
    assert len(days.account.calls) == before
    assert days.live(vpc_id) == [endpoint_id]


# ---- released manually


def isolated(days: Days) -> str:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    days.world.notices()
    days.empty_queue()
    return vpc_id


def test_a_release_deletes_all_that_is_ours_and_the_group_as_soon_as_ec2_lets_it(days: Days) -> None:
    vpc_id = isolated(days)
    found = days.look(vpc_id, release=True)
    assert brief(found["actions"]) == [("retire_endpoint", "done"), ("delete_security_group", "planned")]
    assert "must be able to reach the monitoring service" in found["actions"][0]["reason"]
    assert days.take_from_queue() == [{"vpc_ids": [vpc_id], "attempt": 1}]
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).releasing is None
    assert (days.world.endpoints(vpc_id), days.world.groups(vpc_id)) == ([], [])
    assert days.look(vpc_id, release=True)["actions"] == []


def test_a_release_without_vpcs_is_for_the_whole_region(days: Days) -> None:
    vpc_ids = [isolated(days), isolated(days)]
    untouched = days.world.make_vpc()
    days.world.make_subnet(untouched)
    answer = days.call({"release": True})
    assert {one["vpc_id"]: one["outcome"] for one in answer["vpcs"]} == {
        **dict.fromkeys(vpc_ids, "changed"),
        untouched: "unchanged",
    }
    assert [days.live(vpc_id) for vpc_id in (*vpc_ids, untouched)] == [[], [], []]


@pytest.mark.parametrize("stacks_mode", ["enforce", "plan"])
def test_in_plan_mode_a_release_only_says_what_it_would_do(
    days: Days, monkeypatch: pytest.MonkeyPatch, stacks_mode: str
) -> None:
    vpc_id = isolated(days)
    monkeypatch.setenv("MODE", stacks_mode)
    asked = {"mode": "plan"} if stacks_mode == "enforce" else {"mode": "enforce"}
    answer = days.call({"release": True, "vpc_ids": [vpc_id], **asked})
    assert answer["mode"] == "plan"
    assert brief(answer["vpcs"][0]["actions"]) == [
        ("retire_endpoint", "planned"),
        ("delete_security_group", "planned"),
    ]
    assert len(days.live(vpc_id)) == 1
    assert days.deletions() == []


def test_a_release_touches_nothing_foreign(days: Days) -> None:
    vpc_id = isolated(days)
    ec2 = days.world.ec2
    table_id = days.world.main_table(vpc_id)
    theirs = ec2.create_vpc_endpoint(VpcId=vpc_id, ServiceName=days.account.name_of("s3"), RouteTableIds=[table_id])[
        "VpcEndpoint"
    ]["VpcEndpointId"]
    security_group_id = ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=vpc_id)["GroupId"]
    days.look(vpc_id, release=True)
    days.take_from_queue()
    assert days.live(vpc_id) == [theirs]
    assert days.account.mutations_of(theirs) == []
    assert days.account.mutations_of(security_group_id) == []


def test_what_was_released_is_not_made_again_for_a_day_and_that_is_said_once(days: Days) -> None:
    vpc_id = isolated(days)
    days.look(vpc_id, release=True)
    days.take_from_queue()
    days.texts()
    actions = days.sweeps(2) + days.after(21)
    assert {one["status"] for one in actions} == {"blocked"}
    assert "released manually: nothing is made here until 2026-03-03" in actions[0]["error"]
    assert len(days.texts()) == 1
    assert days.live(vpc_id) == []
    days.sweeps(2)
    assert len(days.live(vpc_id)) == 1


def test_who_names_the_vpc_by_hand_wants_it_back(days: Days) -> None:
    vpc_id = isolated(days)
    days.look(vpc_id, release=True)
    days.take_from_queue()
    assert days.look(vpc_id)["outcome"] == "changed"
    assert len(days.live(vpc_id)) == 1
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).released_at is None


def test_a_release_right_after_the_creation_is_no_loss(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    (follow,) = days.world.requeue(follow=True)
    days.look(vpc_id, release=True)
    days.clock.advance(MINUTES)
    days.look(vpc_id, **{**follow, "mode": "plan"})
    days.call({"sweep": True})
    assert not [text for text in days.texts() if "serve nobody" in text]


def test_without_a_valid_policy_a_release_still_counts(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = isolated(days)
    monkeypatch.setenv("POLICY_PARAMETER", "/lifeline/there-is-none")
    assert days.look(vpc_id)["actions"] == []
    assert brief(days.look(vpc_id, release=True)["actions"])[0] == ("retire_endpoint", "done")


def test_a_group_that_never_becomes_free_is_given_up_in_words_and_the_release_is_over(days: Days) -> None:
    vpc_id = isolated(days)
    days.look(vpc_id, release=True)
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).releasing == days.clock()
    days.empty_queue()
    days.account.fail_next("DeleteSecurityGroup", "DependencyViolation", times=9)
    days.clock.advance(MINUTES)
    days.deliver({"vpc_ids": [vpc_id], "attempt": 6})
    (letter,) = days.world.dead_letters()
    assert json.loads(letter["Body"]) == {"vpc_ids": [vpc_id]}
    reason = letter["MessageAttributes"]["reason"]["StringValue"]
    assert reason.endswith("; to continue the release, request it again")
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).releasing is None


def test_a_release_is_continued_from_the_ledger_whoever_names_the_vpc(days: Days) -> None:
    vpc_id = isolated(days)
    days.account.fail_next("DeleteVpcEndpoints", "InternalError")
    days.look(vpc_id, release=True)
    assert len(days.live(vpc_id)) == 1
    days.empty_queue()  # the message is lost
    days.clock.advance(MINUTES)
    days.call({"sweep": True})
    assert days.live(vpc_id) == []


def test_a_release_that_another_run_holds_up_waits_and_stops_no_other(days: Days) -> None:
    busy, free = isolated(days), isolated(days)
    now = days.clock()
    VpcStore("ledger").take_lease(HOME.vpc(busy), "another", now=now, until=now + MINUTES / 2)
    days.call({"release": True})
    assert (len(days.live(busy)), days.live(free)) == (1, [])
    days.take_from_queue()
    assert days.live(busy) == []


def test_what_a_person_wants_back_is_no_longer_released(days: Days) -> None:
    vpc_id = isolated(days)
    days.account.fail_next("DeleteVpcEndpoints", "InternalError")
    days.look(vpc_id, release=True)
    days.clock.advance(MINUTES)
    days.look(vpc_id)
    days.take_from_queue()
    days.sweeps(1)
    assert len(days.live(vpc_id)) == 1
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).releasing is None


def test_a_release_waits_for_the_kill_switch_and_for_a_day_at_most(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_ids = [isolated(days), isolated(days)]
    with monkeypatch.context() as patched:
        patched.setattr(KillSwitch, "why_on", lambda _: "the kill switch is on")
        days.look(vpc_ids[0], release=True)
        days.clock.advance(2 * MINUTES)
        assert len(days.live(vpc_ids[0])) == 1
    days.sweeps(1)
    assert [len(days.live(vpc_id)) for vpc_id in vpc_ids] == [0, 1]
    state = VpcStore("ledger").load(HOME.vpc(vpc_ids[1]))
    old = replace(state, releasing=days.clock() - 24 * HOUR)
    VpcStore("ledger").save(HOME.vpc(vpc_ids[1]), state, old, now=days.clock())
    days.sweeps(1)
    assert len(days.live(vpc_ids[1])) == 1


def test_in_plan_mode_nothing_is_put_down_as_released(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id = isolated(days)
    monkeypatch.setenv("MODE", "plan")
    days.look(vpc_id, release=True)
    monkeypatch.setenv("MODE", "enforce")
    days.sweeps(1)
    assert len(days.live(vpc_id)) == 1

"""Never in the way of a teardown: the whole handler over time, on an EC2 that refuses what AWS refuses."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest

from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.limit_usage import LimitUsage
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcList, VpcState
from lifeline.core.errors import TransientError
from lifeline.core.guards.freeze import EVERYTHING, FreezeKind
from tests.support.cloudtrail import Failure, Identity, record_call
from tests.support.days import HOUR, MINUTES, Days
from tests.support.home import HOME
from tests.support.ledger import refuse_saves
from tests.support.tuning import tune
from tests.support.world import ACCOUNT, REGION, ROLE_ARN, emulated_world

TERRAFORM = Identity("deploy-role", session="terraform")
NUMBERS = count()


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch) as world:
        yield Days(world, monkeypatch)


class Site:
    """An isolated VPC whose subnets have their endpoint, and somebody's way to delete them."""

    def __init__(self, days: Days, *zones: str) -> None:
        self.days = days
        self.vpc_id = days.world.make_vpc()
        self.subnet_ids = [
            days.world.make_subnet(self.vpc_id, f"10.0.{place}.0/24", f"us-east-1{zone}")
            for place, zone in enumerate(zones or "a", 1)
        ]
        self.ec2 = days.account.client()
        assert days.look(self.vpc_id)["outcome"] == "changed"
        days.clock.advance(MINUTES)
        days.world.notices()
        days.empty_queue()

    def add_interface(self, place: int = 0) -> str:
        made = self.days.world.ec2.create_network_interface(SubnetId=self.subnet_ids[place])
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def try_subnet(self, place: int = 0) -> dict[str, Any] | None:
        return self._try("DeleteSubnet", SubnetId=self.subnet_ids[place])

    def try_vpc(self) -> dict[str, Any] | None:
        return self._try("DeleteVpc", VpcId=self.vpc_id)

    def _try(self, call: str, **parameters: str) -> dict[str, Any] | None:
        """The event of the refused call; None once it passes."""
        method = getattr(self.ec2, "delete_subnet" if call == "DeleteSubnet" else "delete_vpc")
        try:
            method(**parameters)
        except self.ec2.exceptions.ClientError as error:
            notified = error.response["Error"]
            return self._event(call, parameters, Failure(notified["Code"], notified["Message"]))
        return None

    def _event(self, call: str, parameters: dict[str, str], failure: Failure | None) -> dict[str, Any]:
        return record_call(
            call,
            parameters,
            None if failure else {},
            failure=failure,
            identity=TERRAFORM,
            at=self.days.clock(),
            region=REGION,
            account=ACCOUNT,
            request_id=f"request-{next(NUMBERS)}",
        )

    def deleted(self) -> dict[str, Any]:
        return self._event("DeleteVpc", {"VpcId": self.vpc_id}, None)

    def destroy(self) -> int:
        """As a tool does it: each deletion again and again, its refusals delivered a minute later. How many minutes."""
        minutes = 0
        tries: list[Callable[[], dict[str, Any] | None]] = [
            partial(self.try_subnet, place) for place in range(len(self.subnet_ids))
        ]
        for deletion in (*tries, self.try_vpc):
            while event := deletion():
                minutes += 1
                assert minutes < 20
                self.days.clock.advance(timedelta(minutes=1))
                self.days.deliver(event)
        return minutes

    @property
    def frozen(self) -> dict[str, FreezeKind]:
        return {key: one.kind for key, one in VpcStore("ledger").load(HOME.vpc(self.vpc_id)).frozen.items()}

    def subnets_of_endpoints(self) -> list[str]:
        return sorted(one for each in self.days.world.endpoints(self.vpc_id) for one in each["SubnetIds"])


def notified(days: Days) -> list[tuple[str, str]]:
    """Each notice's kind, and its text in one line."""
    bodies = [json.loads(one["Body"]) for one in days.world.notices()]
    return [(one["MessageAttributes"]["kind"]["Value"], " ".join(one["Message"].split())) for one in bodies]


# ---- a VPC


def test_a_destroy_of_a_vpc_with_only_our_resources_passes_after_some_tries(days: Days) -> None:
    site = Site(days, "a", "b")
    assert site.destroy() <= 5
    assert site.vpc_id not in {one["VpcId"] for one in days.world.ec2.describe_vpcs()["Vpcs"]}
    days.deliver(site.deleted())
    days.take_from_queue()
    assert days.sweeps(3) == []
    assert days.world.dead_letters() == []


def test_a_refused_deletion_of_the_vpc_takes_endpoints_and_then_the_group(days: Days) -> None:
    site = Site(days)
    event = site.try_vpc()
    days.deliver(event)
    assert days.live(site.vpc_id) == []
    assert site.frozen == {site.vpc_id: FreezeKind.TEARDOWN, EVERYTHING: FreezeKind.TEARDOWN}
    (kind, text), *more = notified(days)
    assert (kind, more) == ("teardown", [])
    assert f"deploy-role/terraform tried to delete {site.vpc_id}" in text
    assert "It will delete the rest automatically." in text
    assert "- delete security group sg-" in text
    days.take_from_queue()
    assert days.world.groups(site.vpc_id) == []
    ((kind, text),) = notified(days)
    assert (kind, "- deleted security group sg-" in text) == ("teardown", True)


def test_nothing_comes_back_for_an_hour_and_then_the_normal_rules_hold(days: Days) -> None:
    site = Site(days)
    days.deliver(site.try_vpc())
    days.take_from_queue()
    days.world.notices()
    days.clock.advance(timedelta(minutes=-30))
    assert {one["status"] for one in days.sweeps(1)} == {"blocked"}
    assert notified(days) == []
    assert days.live(site.vpc_id) == []
    assert "done" in {one["status"] for one in days.sweeps(1)}
    assert len(days.live(site.vpc_id)) == 1


def test_the_same_refusal_many_times_is_told_once_and_renews_the_freeze(days: Days) -> None:
    site = Site(days)
    first = site.try_vpc()
    days.deliver(first)
    days.take_from_queue()
    until = VpcStore("ledger").load(HOME.vpc(site.vpc_id)).frozen[EVERYTHING].until
    days.world.notices()
    days.deliver(first, first)
    days.deliver(site.try_vpc())
    assert notified(days) == []
    renewed = VpcStore("ledger").load(HOME.vpc(site.vpc_id)).frozen[EVERYTHING].until
    assert until is not None
    assert renewed == until + MINUTES


def test_a_refusal_that_comes_hours_late_changes_nothing(days: Days) -> None:
    site = Site(days)
    event = site.try_vpc()
    days.clock.advance(2 * HOUR)
    days.deliver(event)
    assert len(days.live(site.vpc_id)) == 1
    assert site.frozen == {}


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "DryRunOperation"])
def test_whoever_may_not_delete_the_vpc_has_nothing_removed(days: Days, code: str) -> None:
    """The rule lets no such record through; whoever forges one past it gets no further."""
    site = Site(days)
    failure = Failure(code, "no")
    days.deliver(record_call("DeleteVpc", {"VpcId": site.vpc_id}, failure=failure, identity=TERRAFORM, at=days.clock()))
    assert len(days.live(site.vpc_id)) == 1
    assert site.frozen == {}


def test_with_somebody_elses_interface_in_the_vpc_nothing_is_removed_and_that_is_said_once(days: Days) -> None:
    site = Site(days)
    interface_id = site.add_interface()
    for _ in range(3):
        days.deliver(site.try_vpc())
    ((kind, text),) = notified(days)
    assert kind == "teardown"
    assert f"{interface_id} in {site.vpc_id} is not Lifeline's" in text
    assert len(days.live(site.vpc_id)) == 1
    assert site.frozen == {}
    assert days.deletions() == []


def test_once_the_others_are_gone_the_next_try_clears_the_way(days: Days) -> None:
    site = Site(days)
    interface_id = site.add_interface()
    days.deliver(site.try_vpc())
    days.world.ec2.delete_network_interface(NetworkInterfaceId=interface_id)
    days.deliver(site.try_vpc())
    assert days.live(site.vpc_id) == []
    assert [kind for kind, _ in notified(days)] == ["teardown", "teardown"]


def test_who_moves_into_a_vpc_that_was_to_be_deleted_is_served_again(days: Days) -> None:
    site = Site(days)
    days.deliver(site.try_vpc())
    days.take_from_queue()
    site.add_interface()
    assert days.look(site.vpc_id)["outcome"] == "changed"
    assert site.frozen == {}


def test_whoever_comes_is_served_by_the_next_sweep_however_many_refusals_are_reported(days: Days) -> None:
    site = Site(days)
    failure = Failure("DependencyViolation", "The VPC has dependencies and cannot be deleted.")

    def report_refusal() -> None:
        days.deliver(site._event("DeleteVpc", {"VpcId": site.vpc_id}, failure))
        if days.world.requeue():
            days.take_from_queue()
        days.clock.advance(HOUR / 2)

    for _ in range(3):
        report_refusal()
        days.call({"sweep": True})
        assert days.live(site.vpc_id) == []
    site.add_interface()
    days.call({"sweep": True})
    assert len(days.live(site.vpc_id)) == 1
    report_refusal()
    days.call({"sweep": True})
    assert len(days.live(site.vpc_id)) == 1
    assert site.frozen == {}


def test_a_person_ends_the_freeze(days: Days) -> None:
    site = Site(days)
    days.deliver(site.try_vpc())
    days.take_from_queue()
    assert days.look(site.vpc_id)["outcome"] == "blocked"
    assert days.look(site.vpc_id, unfreeze=True)["outcome"] == "changed"


def test_a_group_that_somebodys_rule_names_stays_and_they_are_named(days: Days) -> None:
    site = Site(days)
    ec2 = days.world.ec2
    security_group_id = days.world.groups(site.vpc_id)[0]["GroupId"]
    other = ec2.create_security_group(GroupName="theirs", Description="x", VpcId=site.vpc_id)["GroupId"]
    pair = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": security_group_id}]}
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[pair])
    days.deliver(site.try_vpc())
    assert days.live(site.vpc_id) == []
    ((_, text),) = notified(days)
    assert f"blocked: in use by {other}" in text
    assert days.take_from_queue() == []
    assert len(days.world.groups(site.vpc_id)) == 1


# ---- a subnet


def test_a_subnet_is_left_and_the_endpoint_serves_on_from_the_others(days: Days) -> None:
    site = Site(days, "a", "b")
    site.add_interface(1)
    (endpoint_id,) = days.live(site.vpc_id)
    days.deliver(site.try_subnet(0))
    assert days.live(site.vpc_id) == [endpoint_id]
    assert site.subnets_of_endpoints() == [site.subnet_ids[1]]
    assert site.frozen == {site.subnet_ids[0]: FreezeKind.TEARDOWN}
    assert site.try_subnet(0) is None
    assert days.sweeps(2) == []


def test_an_endpoint_that_is_just_being_changed_leaves_the_subnet_when_it_is_done(days: Days) -> None:
    site = Site(days, "a", "b")
    site.add_interface(1)
    days.world.make_subnet(site.vpc_id, "10.0.9.0/24", "us-east-1c")
    assert days.look(site.vpc_id)["outcome"] == "changed"
    days.deliver(site.try_subnet(0))
    assert site.subnet_ids[0] in site.subnets_of_endpoints()
    assert notified(days)[-1][0] == "endpoints"
    days.take_from_queue()
    assert site.subnet_ids[0] not in site.subnets_of_endpoints()
    assert [kind for kind, _ in notified(days)] == ["teardown"]


def test_a_subnet_that_is_about_to_go_gets_no_interface_again(days: Days) -> None:
    site = Site(days, "a", "b")
    site.add_interface(1)
    days.deliver(site.try_subnet(0))
    days.clock.advance(MINUTES)
    assert days.look(site.vpc_id)["outcome"] == "unchanged"
    assert site.subnets_of_endpoints() == [site.subnet_ids[1]]
    days.clock.advance(HOUR)
    assert days.look(site.vpc_id)["outcome"] == "changed"
    assert site.subnets_of_endpoints() == sorted(site.subnet_ids)


def test_an_endpoint_that_others_need_moves_to_another_zone_before_it_leaves(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(monkeypatch, coverage="vpc")
    site = Site(days, "a", "b")
    (before,) = site.subnets_of_endpoints()
    doomed = site.subnet_ids.index(before)
    site.add_interface(1 - doomed)
    (endpoint_id,) = days.live(site.vpc_id)
    days.deliver(site.try_subnet(doomed))
    assert site.subnets_of_endpoints() == sorted(site.subnet_ids)
    days.clock.advance(MINUTES)
    days.take_from_queue()
    assert site.subnets_of_endpoints() == [site.subnet_ids[1 - doomed]]
    assert (days.live(site.vpc_id), days.deletions()) == ([endpoint_id], [])
    (added, moved), (kind, left) = notified(days)
    assert (added, kind) == ("endpoints", "teardown")
    assert f"is deleting {before}, and others in the VPC need {endpoint_id}" in moved
    assert "removed subnets from" in left
    days.clock.advance(MINUTES)
    assert site.try_subnet(doomed) is None


def test_an_endpoint_that_others_need_stays_where_no_other_zone_can_take_it_and_that_is_said_once(days: Days) -> None:
    site = Site(days, "a", "a")
    (before,) = site.subnets_of_endpoints()
    doomed = site.subnet_ids.index(before)
    interface_id = site.add_interface(1 - doomed)
    for _ in range(3):
        days.deliver(site.try_subnet(doomed))
        days.take_from_queue()
    assert (site.subnets_of_endpoints(), days.deletions()) == ([before], [])
    ((kind, text),) = notified(days)
    assert (kind, "others still need the endpoint there" in text) == ("teardown", True)
    assert f"add a subnet that they reach in another Availability Zone to {site.vpc_id}, then try again" in text
    days.world.ec2.delete_network_interface(NetworkInterfaceId=interface_id)
    days.deliver(site.try_subnet(doomed))
    assert days.live(site.vpc_id) == []


def run_where_one_subnet_alone_is_reached(days: Days, site: Site, place: int, reached: str) -> None:
    """An instance whose own group lets it out to one subnet."""
    ec2 = days.world.ec2
    group_id = ec2.create_security_group(GroupName="app", Description="app", VpcId=site.vpc_id)["GroupId"]
    everywhere = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=everywhere)
    (seen,) = ec2.describe_subnets(SubnetIds=[reached])["Subnets"]
    there = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": seen["CidrBlock"]}]}
    ec2.authorize_security_group_egress(GroupId=group_id, IpPermissions=[there])
    more = {"SubnetId": site.subnet_ids[place], "SecurityGroupIds": [group_id]}
    ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, **more)


def shut(days: Days, site: Site, subnet_id: str) -> None:
    """By a network ACL that lets nothing in or out."""
    ec2 = days.world.ec2
    acl_id = ec2.create_network_acl(VpcId=site.vpc_id)["NetworkAcl"]["NetworkAclId"]
    there = {"Filters": [{"Name": "association.subnet-id", "Values": [subnet_id]}]}
    (before,) = ec2.describe_network_acls(**there)["NetworkAcls"]
    (on,) = [one["NetworkAclAssociationId"] for one in before["Associations"] if one["SubnetId"] == subnet_id]
    ec2.replace_network_acl_association(AssociationId=on, NetworkAclId=acl_id)


def test_an_endpoint_stays_where_the_groups_of_others_let_them_reach_it_nowhere_else(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(monkeypatch, coverage="vpc")
    site = Site(days, "a", "b")
    (before,) = site.subnets_of_endpoints()
    doomed = site.subnet_ids.index(before)
    run_where_one_subnet_alone_is_reached(days, site, 1 - doomed, before)
    for _ in range(2):
        days.deliver(site.try_subnet(doomed))
        days.take_from_queue()
    assert site.subnets_of_endpoints() == [before]
    assert "others still need the endpoint" in notified(days)[0][1]


def test_an_endpoint_of_two_subnets_stays_in_the_one_that_others_need(days: Days) -> None:
    site = Site(days, "a", "b")
    run_where_one_subnet_alone_is_reached(days, site, 1, site.subnet_ids[0])
    for _ in range(2):
        days.deliver(site.try_subnet(0))
        days.take_from_queue()
    assert site.subnets_of_endpoints() == sorted(site.subnet_ids)
    ((kind, text),) = notified(days)
    assert (kind, "others still need the endpoint there" in text) == ("teardown", True)
    assert f"To delete {site.subnet_ids[0]}, add a subnet" in text


def test_an_endpoint_stays_where_somebody_shuts_the_subnet_to_which_it_just_moved(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two steps."""
    tune(monkeypatch, coverage="vpc")
    site = Site(days, "a", "a", "b")
    (before,) = site.subnets_of_endpoints()
    doomed = site.subnet_ids.index(before)
    site.add_interface((doomed + 1) % 3)
    site.add_interface((doomed + 2) % 3)
    days.deliver(site.try_subnet(doomed))
    (place,) = set(site.subnets_of_endpoints()) - {before}
    shut(days, site, place)
    days.take_from_queue()
    assert site.subnets_of_endpoints() == sorted([before, place])


def test_an_endpoint_gets_no_second_subnet_of_a_zone_before_it_has_left_the_first(days: Days) -> None:
    site = Site(days, "a", "b", "a")
    leaving = next(id_ for id_ in site.subnets_of_endpoints() if id_ != site.subnet_ids[1])
    site.add_interface(1)
    site.add_interface(2 if leaving == site.subnet_ids[0] else 0)
    days.deliver(site.try_subnet(site.subnet_ids.index(leaving)))
    assert site.subnets_of_endpoints() == [site.subnet_ids[1]]
    days.clock.advance(MINUTES)
    assert {action["status"] for action in days.look(site.vpc_id)["actions"]} == {"done"}
    assert site.subnets_of_endpoints() == sorted({*site.subnet_ids} - {leaving})


def test_a_vpc_that_a_peered_network_uses_is_in_use(days: Days) -> None:
    site = Site(days)
    ec2 = days.world.ec2
    peer = days.world.make_vpc(cidr="10.1.0.0/16")
    made = ec2.create_vpc_peering_connection(VpcId=peer, PeerVpcId=site.vpc_id)["VpcPeeringConnection"]
    peering_id = made["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering_id)
    table_id = days.world.main_table(site.vpc_id)
    route = {"RouteTableId": table_id, "DestinationCidrBlock": "10.1.0.0/16"}
    ec2.create_route(**route, VpcPeeringConnectionId=peering_id)
    for _ in range(2):
        days.deliver(site.try_vpc())
        days.deliver(site.try_subnet())
    assert (len(days.live(site.vpc_id)), days.deletions()) == (1, [])
    texts = [text for kind, text in notified(days) if kind == "teardown"]
    assert len(texts) == 2
    assert f"Other networks can use the endpoints in {site.vpc_id} through {peering_id}" in texts[0]
    assert "remove these routes to other networks first" in texts[0]
    ec2.delete_route(**route)
    days.deliver(site.try_vpc())
    assert days.live(site.vpc_id) == []


def test_with_somebody_elses_interface_in_the_subnet_it_keeps_ours(days: Days) -> None:
    site = Site(days)
    site.add_interface()
    days.deliver(site.try_subnet())
    assert site.subnets_of_endpoints() == site.subnet_ids


# ---- what may fail


def test_in_plan_mode_it_is_only_said(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(days)
    monkeypatch.setenv("MODE", "plan")
    days.deliver(site.try_vpc())
    days.deliver(site.try_vpc())
    ((kind, text),) = notified(days)
    assert (kind, ": delete endpoint vpce-" in text, "The stack is in plan mode" in text) == ("teardown", True, True)
    assert len(days.live(site.vpc_id)) == 1
    assert site.frozen == {}


def test_the_kill_switch_holds(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(days)
    monkeypatch.setenv("KILL_SWITCH_PARAMETER", "/lifeline/stop")  # missing: it counts as on
    days.deliver(site.try_vpc())
    assert len(days.live(site.vpc_id)) == 1
    assert "the kill switch is on" in " ".join(text for kind, text in notified(days) if kind == "teardown")


def test_a_busy_vpcs_teardown_goes_on_from_the_queue(days: Days) -> None:
    site = Site(days)
    now = days.clock()
    VpcStore("ledger").take_lease(HOME.vpc(site.vpc_id), "another run", now=now, until=now + timedelta(minutes=1))
    days.deliver(site.try_subnet())
    assert len(days.live(site.vpc_id)) == 1
    assert notified(days) == []
    days.take_from_queue()
    assert days.live(site.vpc_id) == []


def test_a_notice_that_could_not_be_sent_is_told_at_the_next_look(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(days)

    def fail(*_: object) -> None:
        raise TransientError("SNS is away", code="ServiceUnavailable")

    with monkeypatch.context() as away:
        away.setattr(Topic, "publish", fail)
        days.deliver(site.try_vpc())
        days.take_from_queue()
    assert notified(days) == []
    days.look(site.vpc_id)
    assert [kind for kind, _ in notified(days)] == ["teardown"]


def test_where_the_ledger_fails_nothing_is_removed_before_it_is_frozen(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(days)
    event = site.try_vpc()

    with monkeypatch.context() as away:
        refuse_saves(away, "frozen")
        assert days._receive([event])["batchItemFailures"]
    assert days.deletions() == []
    days.deliver(event)
    assert days.live(site.vpc_id) == []


# ---- gone


def test_of_a_deleted_vpc_nothing_is_remembered_but_the_record(days: Days) -> None:
    site = Site(days)
    site.destroy()
    assert VpcStore("ledger").load(HOME.vpc(site.vpc_id)).frozen
    days.deliver(site.deleted())
    state = VpcStore("ledger").load(HOME.vpc(site.vpc_id))
    assert (state.made, state.frozen, state.teardowns, state.notified) == ({}, {}, {}, "")
    assert site.vpc_id not in LimitUsage("ledger").read().interfaces
    since = (days.clock() - HOUR).isoformat()
    (entries,) = [days.call({"history": {"vpc_id": site.vpc_id, "since": since}})["history"]["entries"]]
    assert {"action", "change"} <= {one["kind"] for one in entries}


def test_a_sweep_forgets_what_was_to_be_retired_in_a_vpc_whose_deletion_nobody_told(days: Days) -> None:
    ledger, gone = VpcStore("ledger"), HOME.vpc("vpc-0123456789abcdef0")
    state = VpcState(notified="x", unneeded={"vpce-1": days.clock()})
    ledger.save(gone, VpcState(), state, now=days.clock())
    days.sweeps(1)
    assert ledger.load(gone) == VpcState()
    assert ledger.listed(VpcList.RETIRING, HOME) == frozenset()


def test_ours_failing_to_delete_is_nobodys_teardown(days: Days) -> None:
    site = Site(days)
    event = site.try_vpc()
    assert event is not None
    event["detail"]["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] = ROLE_ARN
    days.deliver(event)
    assert len(days.live(site.vpc_id)) == 1

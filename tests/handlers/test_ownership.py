"""Own means made by Lifeline, on record: what a tag alone gets anybody, and what adopting and handing over do."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.store.limit_usage import LimitUsage
from lifeline.adapters.store.ownership import Ownership
from lifeline.core.errors import TransientError
from lifeline.core.network.model import RegionRef
from lifeline.core.network.ownership import Owned
from tests.handlers.test_claims import strict_for_all
from tests.support.cloudtrail import Failure, Identity, record_call
from tests.support.days import MINUTES, Days
from tests.support.world import emulated_world

MONITORING = "com.amazonaws.us-east-1.monitoring"
S3 = "com.amazonaws.us-east-1.s3"
TAG = {"Key": "lifeline:managed-by", "Value": "lifeline"}
STRANGER = Identity("team-b-dev", session="mallory")


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, retire_after_hours=72) as world:
        yield Days(world, monkeypatch)


def served(days: Days) -> tuple[str, str, str]:
    """A VPC with Lifeline's endpoint in its subnet."""
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    days.world.notices()
    days.empty_queue()
    (endpoint_id,) = days.live(vpc_id)
    return vpc_id, subnet_id, endpoint_id


def others_endpoint(days: Days, vpc_id: str, subnet_id: str, service: str = "ssm") -> str:
    group = days.world.ec2.create_security_group(GroupName=f"team-{service}", Description="x", VpcId=vpc_id)["GroupId"]
    made = days.world.ec2.create_vpc_endpoint(
        VpcEndpointType="Interface",
        VpcId=vpc_id,
        ServiceName=f"com.amazonaws.us-east-1.{service}",
        SubnetIds=[subnet_id],
        SecurityGroupIds=[group],
        PrivateDnsEnabled=True,
    )
    days.clock.advance(MINUTES)
    return str(made["VpcEndpoint"]["VpcEndpointId"])


def tag(days: Days, *ids: str) -> None:
    call = {"Resources": list(ids), "Tags": [TAG]}
    days.world.ec2.create_tags(**call)
    days.deliver(record_call("CreateTags", call, {}, identity=STRANGER, at=days.clock()))


def open_questions(answer: dict[str, Any]) -> list[tuple[str, str]]:
    asked = [one for one in answer["actions"] if one["action"] == "confirm_ownership"]
    return [(one["endpoint_id"] or one["security_group_id"], one["error"]) for one in asked]


# ---- a tag that is taken off


def untagged_and_off(days: Days, endpoint_id: str) -> None:
    untag = {"Resources": [endpoint_id], "Tags": [{"Key": TAG["Key"]}]}
    days.world.ec2.delete_tags(**untag)
    days.deliver(record_call("DeleteTags", untag, {}, identity=STRANGER, at=days.clock()))
    days.clock.advance(MINUTES)
    off = {"VpcEndpointId": endpoint_id, "PrivateDnsEnabled": False}
    days.world.ec2.modify_vpc_endpoint(**off)
    record = record_call("ModifyVpcEndpoint", off, {}, identity=STRANGER, at=days.clock())
    days.clock.advance(MINUTES)
    days.deliver(record)
    days.clock.advance(MINUTES)


def test_one_that_is_untagged_and_switched_off_gets_another_within_the_vpcs_share_and_each_is_said(days: Days) -> None:
    strict_for_all(days)
    vpc_id, _, _ = served(days)
    texts: list[str] = []
    for _ in range(12):
        (answering,) = (one["VpcEndpointId"] for one in days.world.endpoints(vpc_id) if one["PrivateDnsEnabled"])
        untagged_and_off(days, answering)
        texts += days.texts()
    there = days.world.endpoints(vpc_id)
    assert (len(there), any(one["PrivateDnsEnabled"] for one in there)) == (12, False)
    assert sum("created interface endpoint" in text for text in texts) == 11
    assert "12 of the 12 endpoints that one VPC may use of 50 (endpoints_per_day) used" in texts[-1]


def test_what_has_its_tag_again_stays_beside_the_one_that_was_made_meanwhile(days: Days) -> None:
    strict_for_all(days)
    vpc_id, _, own = served(days)
    untagged_and_off(days, own)
    days.texts()
    tag(days, own)
    days.sweeps(100, every=8)
    assert (len(days.live(vpc_id)), days.texts()) == (2, [])


# ---- a tag alone


def test_what_somebody_tagged_is_never_deleted_and_people_are_asked_once(days: Days) -> None:
    vpc_id, subnet_id, own = served(days)
    theirs = others_endpoint(days, vpc_id, subnet_id)
    table_id = days.world.main_table(vpc_id)
    made = days.world.ec2.create_vpc_endpoint(
        VpcEndpointType="Gateway", VpcId=vpc_id, ServiceName=S3, RouteTableIds=[table_id]
    )
    gateway = made["VpcEndpoint"]["VpcEndpointId"]
    days.clock.advance(MINUTES)
    tag(days, theirs, gateway)
    days.sweeps(80, every=8)
    assert set(days.live(vpc_id)) == {own, theirs, gateway}
    assert days.deletions() == []
    asked = [text for text in days.texts() if f'{{"adopt": ["{theirs}"]}}' in text]
    assert len(asked) == 1


def test_a_tag_and_a_refused_call_delete_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch, REQUIRED_SERVICES="s3") as world:
        days = Days(world, monkeypatch)
        days.account.attach(world.ec2)
        vpc_id = world.make_vpc()
        world.make_subnet(vpc_id)
        request = {
            "VpcEndpointType": "Gateway",
            "VpcId": vpc_id,
            "ServiceName": S3,
            "RouteTableIds": [world.main_table(vpc_id)],
        }
        theirs = world.ec2.create_vpc_endpoint(**request)["VpcEndpoint"]["VpcEndpointId"]
        days.clock.advance(MINUTES)
        days.look(vpc_id)
        world.ec2.create_tags(Resources=[theirs], Tags=[TAG])
        with pytest.raises(ClientError) as refused:
            world.ec2.create_vpc_endpoint(**request)
        error = refused.value.response["Error"]
        failure = Failure(error["Code"], error["Message"])
        days.deliver(record_call("CreateVpcEndpoint", request, failure=failure, identity=STRANGER, at=days.clock()))
        assert days.live(vpc_id) == [theirs]


def test_a_release_leaves_what_somebody_tagged(days: Days) -> None:
    vpc_id, subnet_id, own = served(days)
    theirs = others_endpoint(days, vpc_id, subnet_id)
    tag(days, theirs)
    days.call({"release": True})
    assert days.deletions() == [own]


# ---- the tag removed


def test_without_its_tag_an_endpoint_is_left_alone_but_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch, monthly_usd=8) as world:
        days = Days(world, monkeypatch)
        vpc_id, _, endpoint_id = served(days)
        world.ec2.delete_tags(Resources=[endpoint_id], Tags=[{"Key": TAG["Key"]}])
        ((asked, words),) = open_questions(days.look(vpc_id))
        assert asked == endpoint_id
        assert "still counts toward the limits" in words

        other = world.make_vpc(cidr="10.9.0.0/16")
        world.make_subnet(other, "10.9.1.0/24")
        held = days.look(other)["actions"]
        assert {one["status"] for one in held} == {"blocked"}
        assert "monthly_usd" in str(held)

        assert days.call({"hand_over": [endpoint_id]})["hand_over"] == [{"id": endpoint_id, "vpc_id": vpc_id}]
        days.sweeps(1)
        assert open_questions(days.look(vpc_id)) == []
        assert len(days.live(other)) == 1


# ---- adopting and handing over


def test_what_was_handed_over_is_its_users_although_its_tag_stays(days: Days) -> None:
    vpc_id, _, endpoint_id = served(days)
    days.call({"hand_over": [endpoint_id]})
    days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "lifeline:exempt", "Value": "true"}])
    days.sweeps(80, every=8)
    assert days.live(vpc_id) == [endpoint_id]
    assert open_questions(days.look(vpc_id)) == []
    refused = days.call({"hand_over": [endpoint_id]})
    assert refused["errors"][0]["field"] == "hand_over[0]"
    assert "isn't on record" in refused["errors"][0]["message"]


def test_over_a_lost_ledger_one_call_adopts_everything(days: Days) -> None:
    vpc_id, _, endpoint_id = served(days)
    (group,) = days.world.groups(vpc_id)
    ids = [endpoint_id, group["GroupId"]]
    for item in days.world.dynamodb.scan(TableName="ledger")["Items"]:
        days.world.dynamodb.delete_item(TableName="ledger", Key={name: item[name] for name in ("pk", "sk")})
    assert sorted(asked for asked, _ in open_questions(days.look(vpc_id))) == sorted(ids)
    assert days.call({"adopt": ids})["adopt"] == [{"id": id_, "vpc_id": vpc_id} for id_ in ids]
    assert days.look(vpc_id)["actions"] == []
    days.call({"vpc_ids": [vpc_id], "release": True})
    assert days.live(vpc_id) == []


def test_only_what_carries_the_tag_can_be_adopted_and_nothing_is_if_one_cannot(days: Days) -> None:
    vpc_id, subnet_id, _ = served(days)
    theirs = others_endpoint(days, vpc_id, subnet_id)
    tagged = others_endpoint(days, vpc_id, subnet_id, "ec2messages")
    tag(days, tagged)
    for ids, field, words in (
        ([tagged, theirs], "adopt[1]", "must have the tag lifeline:managed-by=lifeline"),
        ([tagged, "vpce-0123456789abcdef0"], "adopt[1]", "does not exist"),
        ([tagged, tagged], "adopt[1]", f"repeats {tagged}"),
        ([], "adopt", "must not be empty"),
        (["vpc-0123456789abcdef0"], "adopt[0]", "must be the ID of an endpoint or a security group"),
    ):
        answer = days.call({"adopt": ids})
        assert (answer["adopt"], answer["errors"][0]["field"]) == ([], field)
        assert words in answer["errors"][0]["message"]
    assert [asked for asked, _ in open_questions(days.look(vpc_id))] == [tagged]


def test_who_adopts_and_hands_over_is_on_record_as_stated(days: Days) -> None:
    vpc_id, _, endpoint_id = served(days)
    for call in ("hand_over", "adopt"):
        days.call({call: [endpoint_id], "by": "Dana, NET-42"})
    entries = days.call({"history": {"vpc_id": vpc_id}})["history"]["entries"]
    assert len([one for one in entries if 'by "Dana, NET-42" (as stated)' in one["text"]]) == 2


def test_the_queue_can_neither_adopt_nor_hand_over(days: Days) -> None:
    vpc_id, _, endpoint_id = served(days)
    days.deliver({"adopt": [endpoint_id]}, {"hand_over": [endpoint_id]})
    assert len(days.world.dead_letters()) == 2
    assert open_questions(days.look(vpc_id)) == []


# ---- zones that others add to Lifeline's endpoint


def counted(vpc_id: str) -> int:
    """How many interfaces of the VPC count toward the limits."""
    return LimitUsage("ledger").read().interfaces.get(vpc_id, 0)


def subnets_in(days: Days, vpc_id: str, zones: str, *, network: int = 1) -> list[str]:
    """A subnet in each zone, where nothing requires an endpoint."""
    made = [
        days.world.make_subnet(vpc_id, f"10.0.{10 * network + place}.0/24", f"us-east-1{zone}")
        for place, zone in enumerate(zones)
    ]
    days.world.ec2.create_tags(Resources=made, Tags=[{"Key": "lifeline:exempt", "Value": "true"}])
    return made


def modify(
    days: Days, endpoint_id: str, *, add: Sequence[str] = (), remove: Sequence[str] = (), after: timedelta = MINUTES
) -> None:
    """Somebody else's call, of which no record is delivered."""
    for name, subnet_ids in (("RemoveSubnetIds", remove), ("AddSubnetIds", add)):
        if subnet_ids:
            days.world.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, **{name: list(subnet_ids)})
            days.clock.advance(after)


def shown(days: Days, endpoint_id: str) -> set[str]:
    (found,) = days.world.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"]
    return set(found["SubnetIds"])


def test_zones_that_somebody_adds_are_said_once_with_who_did_it_and_do_not_count(days: Days) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    added = subnets_in(days, vpc_id, "bc")
    days.sweeps(1)
    days.world.notices()
    modify(days, endpoint_id, add=added)
    request = {"VpcEndpointId": endpoint_id, "AddSubnetIds": added}
    days.deliver(record_call("ModifyVpcEndpoint", request, {}, identity=STRANGER, at=days.clock()))
    (text,) = days.texts()
    for words in (
        f"zones that Lifeline didn't ask for were added to {endpoint_id}: us-east-1b and us-east-1c",
        "they don't count toward the limits, but AWS charges for them",
        "team-b-dev/mallory called ModifyVpcEndpoint",
        *added,
    ):
        assert words in text
    days.sweeps(3)
    assert days.texts() == []
    assert counted(vpc_id) == 1
    assert shown(days, endpoint_id) == {subnet_id, *added}

    days.call({"adopt": [endpoint_id]})
    days.sweeps(1)
    assert counted(vpc_id) == 3
    assert open_questions(days.look(vpc_id)) == []


def test_zones_that_somebody_adds_again_and_again_are_six_notices_an_hour_and_what_is_left_is_said_after_it(
    days: Days,
) -> None:
    """So it is with all that is open in a VPC."""
    vpc_id, _, endpoint_id = served(days)
    added = subnets_in(days, vpc_id, "b")
    days.sweeps(1)
    days.world.notices()
    told: list[str] = []
    for _ in range(8):
        modify(days, endpoint_id, add=added, after=MINUTES / 2)
        days.look(vpc_id)
        told += days.texts()
        modify(days, endpoint_id, remove=added, after=MINUTES / 2)
        days.look(vpc_id)
    assert len(told) == 6
    modify(days, endpoint_id, add=added)
    days.look(vpc_id)
    assert days.texts() == []
    days.sweeps(2)
    (text,) = days.texts()
    assert f"were added to {endpoint_id}: us-east-1b" in text


def test_a_subnet_that_somebody_puts_in_the_place_of_lifelines_counts_like_it(days: Days) -> None:
    """Also where the subnet is then deleted and made anew: whoever does that gets Lifeline no room for more."""
    vpc_id, subnet_id, endpoint_id = served(days)
    (other,) = subnets_in(days, vpc_id, "a")
    modify(days, endpoint_id, remove=[subnet_id], add=[other])
    days.world.ec2.delete_subnet(SubnetId=subnet_id)
    days.world.make_subnet(vpc_id)
    days.sweeps(2)
    assert shown(days, endpoint_id) == {other}
    assert counted(vpc_id) == 1
    assert open_questions(days.look(vpc_id)) == []


def test_where_somebody_moved_lifelines_interface_it_is_put_back_and_counts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with emulated_world(monkeypatch, monthly_usd=8) as world:  # one interface
        days = Days(world, monkeypatch)
        vpc_id, subnet_id, endpoint_id = served(days)
        (other,) = subnets_in(days, vpc_id, "b")
        modify(days, endpoint_id, remove=[subnet_id], add=[other])
        for _ in range(2):
            days.sweeps(1)
            assert shown(days, endpoint_id) == {subnet_id, other}
            assert counted(vpc_id) == 1
        ((asked, _),) = open_questions(days.look(vpc_id))
        assert asked == endpoint_id


def test_a_zone_that_others_added_serves_like_any_and_counts_once_lifeline_asks_for_it_itself(days: Days) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    (other,) = subnets_in(days, vpc_id, "b")
    modify(days, endpoint_id, add=[other])
    days.world.ec2.delete_tags(Resources=[other], Tags=[{"Key": "lifeline:exempt"}])
    days.sweeps(1)
    assert (shown(days, endpoint_id), counted(vpc_id)) == ({subnet_id, other}, 1)
    modify(days, endpoint_id, remove=[other])
    days.sweeps(2)
    assert (shown(days, endpoint_id), counted(vpc_id)) == ({subnet_id, other}, 2)
    assert open_questions(days.look(vpc_id)) == []


def test_what_lifeline_once_asked_for_counts_no_more_once_it_is_gone_and_others_add_it(days: Days) -> None:
    """Otherwise whoever can have it ask for one zone after the other could add them all in the end."""
    vpc_id, first, endpoint_id = served(days)
    more = [
        days.world.make_subnet(vpc_id, f"10.0.{place}.0/24", f"us-east-1{zone}") for place, zone in ((2, "b"), (3, "c"))
    ]
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    assert shown(days, endpoint_id) == {first, *more}
    days.world.ec2.create_tags(Resources=more, Tags=[{"Key": "lifeline:exempt", "Value": "true"}])
    days.sweeps(1)
    assert counted(vpc_id) == 3
    modify(days, endpoint_id, remove=more)
    days.sweeps(1)
    assert counted(vpc_id) == 1
    modify(days, endpoint_id, add=more)
    days.sweeps(1)
    assert shown(days, endpoint_id) == {first, *more}
    assert counted(vpc_id) == 1


@pytest.mark.parametrize(("error", "rest"), [("InternalError", 2), ("UnauthorizedOperation", 1)])
def test_what_a_call_asked_for_that_failed_counts_unless_it_was_refused(days: Days, error: str, rest: int) -> None:
    vpc_id, _, endpoint_id = served(days)
    other = days.world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b")
    days.account.fail_next("ModifyVpcEndpoint", error)
    days.look(vpc_id)
    days.world.ec2.create_tags(Resources=[other], Tags=[{"Key": "lifeline:exempt", "Value": "true"}])
    modify(days, endpoint_id, add=[other])  # as the lost answer's call would have
    days.sweeps(1)
    assert counted(vpc_id) == rest


def test_zones_that_another_run_asked_for_meanwhile_are_nobody_elses(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This run read the record before that one wrote it, and the network after that one's call."""
    vpc_id, _, endpoint_id = served(days)
    days.world.make_subnet(vpc_id, "10.0.2.0/24", "us-east-1b")
    days.look(vpc_id)
    days.world.notices()
    days.clock.advance(MINUTES)
    read, reads = Ownership.read, 0

    def read_late(self: Ownership, home: RegionRef) -> dict[str, Owned]:
        nonlocal reads
        found, reads = read(self, home), reads + 1
        earlier = {zone: at for zone, at in (found[endpoint_id].asked or {}).items() if zone != "us-east-1b"}
        return found if reads > 1 else found | {endpoint_id: replace(found[endpoint_id], asked=earlier)}

    monkeypatch.setattr(Ownership, "read", read_late)
    days.sweeps(1)
    assert reads > 1
    assert (days.texts(), counted(vpc_id)) == ([], 2)


def test_without_its_tag_too_only_what_lifeline_asked_for_counts(days: Days) -> None:
    vpc_id, _, endpoint_id = served(days)
    days.world.ec2.delete_tags(Resources=[endpoint_id], Tags=[{"Key": TAG["Key"]}])
    modify(days, endpoint_id, add=subnets_in(days, vpc_id, "bc"))
    days.sweeps(1)
    assert counted(vpc_id) == 1


# ---- the record


def test_a_record_stays_while_ec2_shows_the_resource_and_goes_with_it(days: Days) -> None:
    vpc_id, _, endpoint_id = served(days)
    days.sweeps(2)
    key = {"pk": {"S": "REGION#123456789012#us-east-1"}, "sk": {"S": f"OWNED#{endpoint_id}"}}
    item = days.world.dynamodb.get_item(TableName="ledger", Key=key)["Item"]
    assert item["vpc_id"]["S"] == vpc_id
    assert "expires_at" not in item
    days.call({"vpc_ids": [vpc_id], "release": True})
    days.clock.advance(MINUTES)
    days.sweeps(1)
    assert "Item" not in days.world.dynamodb.get_item(TableName="ledger", Key=key)


def test_what_could_not_be_recorded_is_said_to_be_so(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise TransientError("ledger: throttled", code="ThrottlingException")

    monkeypatch.setattr(Ownership, "created", refuse)
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    (group,) = [one for one in days.look(vpc_id)["actions"] if one["action"] == "create_security_group"]
    assert group["status"] == "failed"
    assert "was created, but not recorded: adopt it" in group["error"]

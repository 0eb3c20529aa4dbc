"""Whoever can create, open or tag security groups: what that gets them, and that endpoints are repaired anyway."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lifeline.adapters.store.ownership import Ownership
from lifeline.adapters.store.vpcs import VpcStore
from tests.support import strict
from tests.support.cloudtrail import Identity, record_call
from tests.support.days import EVERYWHERE, MINUTES, Days
from tests.support.home import HOME
from tests.support.strict_errors import RefusedError
from tests.support.world import emulated_world

TAG = {"Key": "lifeline:managed-by", "Value": "lifeline"}
STRANGER = Identity("team-b-dev", session="mallory")
FROM_ELSEWHERE: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
PING = {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "192.0.2.1/32"}]}


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, retire_after_hours=72) as world:
        yield Days(world, monkeypatch)


def isolated(days: Days) -> str:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    return vpc_id


def served(days: Days) -> tuple[str, str, str]:
    """A VPC with Lifeline's endpoint, and the endpoint's group."""
    vpc_id = isolated(days)
    days.look(vpc_id)
    settle(days)
    (endpoint_id,) = days.live(vpc_id)
    return vpc_id, endpoint_id, group_of(days, vpc_id)


def settle(days: Days) -> None:
    days.clock.advance(MINUTES)
    days.world.notices()
    days.empty_queue()


def group_of(days: Days, vpc_id: str) -> str:
    (endpoint,) = [one for one in days.world.endpoints(vpc_id) if one["State"] != "deleting"]
    ((group,),) = [[one["GroupId"] for one in endpoint["Groups"]]]
    return str(group)


def names(days: Days, vpc_id: str) -> dict[str, str]:
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
    found = days.world.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    return {one["GroupId"]: one["GroupName"] for one in found if one["GroupName"] != "default"}


def create(days: Days, vpc_id: str, *wanted: str, tags: tuple[dict[str, str], ...] = ()) -> list[str]:
    found = []
    for name in wanted:
        found.append(days.world.ec2.create_security_group(GroupName=name, Description="x", VpcId=vpc_id)["GroupId"])
        if tags:
            days.world.ec2.create_tags(Resources=[found[-1]], Tags=list(tags))
    return found


def open_to(days: Days, group_id: str, permission: dict[str, Any] | None = None) -> None:
    call = {"GroupId": group_id, "IpPermissions": [permission or PING]}
    days.world.ec2.authorize_security_group_ingress(**call)
    days.deliver(record_call("AuthorizeSecurityGroupIngress", call, {}, identity=STRANGER, at=days.clock()))


def untag(days: Days, group_id: str) -> None:
    call = {"Resources": [group_id], "Tags": [{"Key": TAG["Key"]}]}
    days.world.ec2.delete_tags(**call)
    days.deliver(record_call("DeleteTags", call, {}, identity=STRANGER, at=days.clock()))


def lose(days: Days, vpc_id: str) -> None:
    days.world.ec2.delete_vpc_endpoints(VpcEndpointIds=days.live(vpc_id))
    days.clock.advance(MINUTES)


# ---- the name


@pytest.mark.parametrize("tags", [(), (TAG,), ({"Key": TAG["Key"], "Value": "other"},)])
def test_taken_names_keep_no_endpoint_from_being_made(days: Days, tags: tuple[dict[str, str], ...]) -> None:
    vpc_id = isolated(days)
    numbered = [f"lifeline-endpoints-{number}" for number in range(2, 15)]
    taken = ["lifeline-endpoints", *numbered, "Lifeline-Endpoints-15"]
    squatted = create(days, vpc_id, *taken, tags=tags)
    days.sweeps(3)
    assert len(days.live(vpc_id)) == 1
    assert group_of(days, vpc_id) not in squatted
    more = "and 12 more" if TAG in tags else "and 11 more"  # by its tag, the one in other letters is found, too
    said = [text for text in days.texts() if "named or tagged like Lifeline's own" in text and more in text]
    assert len(said) == (0 if tags and tags[0] != TAG else 1)


@pytest.mark.parametrize("name", ["team-a", "lifeline-endpoints-2"])
def test_a_group_that_somebody_tagged_as_lifelines_is_never_deleted(days: Days, name: str) -> None:
    vpc_id, _, _ = served(days)
    (theirs,) = create(days, vpc_id, name, tags=(TAG,))
    days.after(80)
    groups = days.world.ec2.describe_security_groups(GroupIds=[theirs])["SecurityGroups"]
    assert [group["GroupName"] for group in groups] == [name]


# ---- rules of others


@pytest.mark.parametrize(
    "permission",
    [
        PING,
        FROM_ELSEWHERE | {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        FROM_ELSEWHERE | {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
        FROM_ELSEWHERE | {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
        FROM_ELSEWHERE | {"PrefixListIds": [{"PrefixListId": "pl-0123456789abcdef0"}]},
    ],
)
def test_a_group_that_somebody_opened_is_said_at_once_and_new_endpoints_get_another(
    days: Days, permission: dict[str, Any]
) -> None:
    vpc_id, endpoint_id, group_id = served(days)
    open_to(days, group_id, permission)
    (said,) = days.texts()
    assert "mallory" in said
    assert f"close security group {group_id} to others" in said
    assert endpoint_id in said
    days.sweeps(30, every=8)
    assert days.texts() == []
    assert (days.live(vpc_id), group_of(days, vpc_id)) == ([endpoint_id], group_id)
    lose(days, vpc_id)
    days.sweeps(1)
    assert names(days, vpc_id)[group_of(days, vpc_id)] == "lifeline-endpoints-2"


def test_a_block_that_is_let_in_instead_of_one_that_no_notice_named_is_said(days: Days) -> None:
    _, _, group_id = served(days)
    many = [{"CidrIp": f"192.0.2.{number}/32"} for number in range(8)]
    open_to(days, group_id, FROM_ELSEWHERE | {"IpRanges": many})
    (said,) = days.texts()
    assert "and 5 more" in said
    days.world.ec2.revoke_security_group_ingress(
        GroupId=group_id, IpPermissions=[FROM_ELSEWHERE | {"IpRanges": many[-1:]}]
    )
    open_to(days, group_id, FROM_ELSEWHERE | {"IpRanges": [{"CidrIp": "198.51.100.0/24"}]})
    (said,) = days.texts()
    assert "and 5 more" in said, "in the same words"
    days.sweeps(2)
    assert days.texts() == []


def test_rules_replaced_by_one_for_a_group_that_nobody_is_in_are_added_again_twice_and_said_each_time(
    days: Days,
) -> None:
    vpc_id, endpoint_id, group_id = served(days)
    (nobody,) = create(days, vpc_id, "nobody")
    open_to(days, group_id, FROM_ELSEWHERE | {"UserIdGroupPairs": [{"GroupId": nobody}]})
    (said,) = days.texts()
    assert f"{group_id} also lets in {nobody}" in said

    def revoke() -> str:
        days.clock.advance(MINUTES)
        call = {
            "GroupId": group_id,
            "IpPermissions": [FROM_ELSEWHERE | {"IpRanges": [{"CidrIp": "10.0.0.0/16"}]}],
        }
        days.world.ec2.revoke_security_group_ingress(**call)
        days.deliver(record_call("RevokeSecurityGroupIngress", call, {}, identity=STRANGER, at=days.clock()))
        return "\n".join(days.texts())

    for _ in range(2):
        said = revoke()
        assert "mallory called RevokeSecurityGroupIngress" in said
        assert f"{group_id} allows: TCP 443 from 10.0.0.0/16" in said
        assert days.look(vpc_id)["services"][0]["state"] == "served"
    said = revoke()
    assert "mallory reverted Lifeline's changes to Lifeline's security group" in said
    assert days.look(vpc_id)["services"][0]["state"] != "served"
    assert days.live(vpc_id) == [endpoint_id]


def test_the_group_that_nobody_uses_any_more_is_deleted_and_the_other_one_stays(days: Days) -> None:
    vpc_id, _, group_id = served(days)
    open_to(days, group_id)
    lose(days, vpc_id)
    days.sweeps(1)
    second = group_of(days, vpc_id)
    days.sweeps(70, every=8)
    assert set(names(days, vpc_id)) == {group_id, second}
    days.sweeps(3)
    assert set(names(days, vpc_id)) == {second}


def test_a_group_that_was_closed_again_is_used_as_before_and_nothing_more_is_said(days: Days) -> None:
    vpc_id, _, group_id = served(days)
    open_to(days, group_id)
    days.world.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=[PING])
    settle(days)
    assert days.look(vpc_id)["actions"] == []
    lose(days, vpc_id)
    days.sweeps(1)
    assert group_of(days, vpc_id) == group_id


# ---- what Lifeline let in itself


def move_block(days: Days, vpc_id: str) -> None:
    """Gives the VPC a block and takes it away again, as whoever may change VPCs can."""
    wanted = {"VpcId": vpc_id, "CidrBlock": "10.77.0.0/16"}
    made = days.world.ec2.associate_vpc_cidr_block(**wanted)["CidrBlockAssociation"]["AssociationId"]
    days.deliver(record_call("AssociateVpcCidrBlock", wanted, {}, identity=STRANGER, at=days.clock()))
    days.clock.advance(MINUTES)
    assert wanted["CidrBlock"] in let_in(days, group_of(days, vpc_id))
    days.world.notices()
    days.world.ec2.disassociate_vpc_cidr_block(AssociationId=made)
    call = {"AssociationId": made}
    days.deliver(record_call("DisassociateVpcCidrBlock", call, {}, identity=STRANGER, at=days.clock()))


def let_in(days: Days, group_id: str) -> list[str]:
    (group,) = days.world.ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    return [block["CidrIp"] for rule in group["IpPermissions"] for block in rule["IpRanges"]]


def test_a_block_that_a_vpc_had_for_a_while_is_let_in_no_longer_than_that(days: Days) -> None:
    vpc_id, endpoint_id, group_id = served(days)
    move_block(days, vpc_id)
    assert let_in(days, group_id) == ["10.0.0.0/16"]
    (said,) = days.texts()
    assert "mallory called DisassociateVpcCidrBlock" in said
    assert f"closed security group {group_id} to others" in said
    assert "no more: TCP 443 from 10.77.0.0/16" in said
    days.sweeps(3)
    assert (days.texts(), days.live(vpc_id)) == ([], [endpoint_id])
    lose(days, vpc_id)
    days.sweeps(1)
    assert group_of(days, vpc_id) == group_id


def test_a_block_is_shut_out_again_although_the_groups_tag_was_gone_for_a_while(days: Days) -> None:
    vpc_id, _, group_id = served(days)
    wanted = {"VpcId": vpc_id, "CidrBlock": "10.77.0.0/16"}
    made = days.world.ec2.associate_vpc_cidr_block(**wanted)["CidrBlockAssociation"]["AssociationId"]
    days.sweeps(1)
    untag(days, group_id)
    days.world.make_subnet(vpc_id, "10.0.2.0/24", zone="us-east-1b")  # so that there is something to do
    days.sweeps(1)
    days.world.ec2.disassociate_vpc_cidr_block(AssociationId=made)
    days.sweeps(1)
    assert sorted(let_in(days, group_id)) == ["10.0.0.0/16", "10.77.0.0/16"], "it is left alone without the tag"
    days.world.ec2.create_tags(Resources=[group_id], Tags=[TAG])
    days.sweeps(1)
    assert let_in(days, group_id) == ["10.0.0.0/16"]


def test_a_block_that_comes_and_goes_counts_as_nobodys_conflict(days: Days) -> None:
    vpc_id, _, group_id = served(days)
    for _ in range(4):
        days.clock.advance(MINUTES)
        move_block(days, vpc_id)
    assert let_in(days, group_id) == ["10.0.0.0/16"]
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen == {}


def test_what_somebody_else_let_in_stays_even_where_lifeline_let_it_in_too(days: Days) -> None:
    vpc_id, _, group_id = served(days)
    theirs = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.77.0.0/16"}]}
    days.world.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[theirs])
    move_block(days, vpc_id)
    assert sorted(let_in(days, group_id)) == ["10.0.0.0/16", "10.77.0.0/16"]
    (left,) = days.look(vpc_id)["actions"]
    assert left["status"] == "blocked"
    assert f"{group_id} also lets in 10.77.0.0/16" in left["error"]


def test_a_rule_that_only_got_lifelines_description_stays(days: Days) -> None:
    vpc_id, _, group_id = served(days)
    words = "From the VPC to its endpoints"
    theirs = FROM_ELSEWHERE | {"IpRanges": [{"CidrIp": "192.0.2.0/24", "Description": words}]}
    open_to(days, group_id, theirs)
    (said,) = days.texts()
    assert f"{group_id} also lets in 192.0.2.0/24" in said
    move_block(days, vpc_id)
    days.sweeps(2)
    assert sorted(let_in(days, group_id)) == ["10.0.0.0/16", "192.0.2.0/24"]


# ---- the tag


def test_a_group_whose_tag_somebody_removed_is_left_alone_and_said_once(days: Days) -> None:
    vpc_id, endpoint_id, group_id = served(days)
    untag(days, group_id)
    (said,) = days.texts()
    assert f'{{"hand_over": ["{group_id}"]}}' in said
    days.sweeps(30, every=8)
    assert (days.texts(), days.live(vpc_id)) == ([], [endpoint_id])
    lose(days, vpc_id)
    days.sweeps(1)
    assert names(days, vpc_id)[group_of(days, vpc_id)] == "lifeline-endpoints-2"
    days.sweeps(80, every=8)
    assert group_id in names(days, vpc_id)


def test_an_endpoint_whose_group_was_untagged_and_closed_gets_another_one_too(days: Days) -> None:
    vpc_id, endpoint_id, group_id = served(days)
    days.world.ec2.delete_tags(Resources=[group_id], Tags=[{"Key": TAG["Key"]}])
    permission = FROM_ELSEWHERE | {"IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
    days.world.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=[permission])
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    (endpoint,) = days.world.endpoints(vpc_id)
    assert endpoint["VpcEndpointId"] == endpoint_id
    assert len(endpoint["Groups"]) == 2
    assert {one["service"]: one["state"] for one in days.look(vpc_id)["services"]} == {"monitoring": "served"}


# ---- all of them, however many


def with_two(days: Days) -> tuple[str, str, str]:
    vpc_id, _, first = served(days)
    open_to(days, first)
    lose(days, vpc_id)
    days.sweeps(1)
    settle(days)
    return vpc_id, first, group_of(days, vpc_id)


def test_a_release_deletes_each_group_of_lifelines_own(days: Days) -> None:
    vpc_id, _, _ = with_two(days)
    (foreign,) = create(days, vpc_id, "lifeline-endpoints-7")
    days.call({"vpc_ids": [vpc_id], "release": True})
    days.take_from_queue()
    assert set(names(days, vpc_id)) == {foreign}


def test_one_that_others_use_stays_and_the_other_goes(days: Days) -> None:
    vpc_id, first, second = with_two(days)
    subnet_id = days.world.make_subnet(vpc_id, "10.0.7.0/24")
    days.world.ec2.create_network_interface(SubnetId=subnet_id, Groups=[first])
    days.call({"vpc_ids": [vpc_id], "release": True})
    days.take_from_queue()
    assert first in names(days, vpc_id)
    assert second not in names(days, vpc_id)


def test_one_that_ec2_never_deletes_is_said_when_it_waits_and_once_it_is_abandoned(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while it is associated with another VPC, which no call that Lifeline makes shows."""
    vpc_id, first, _ = with_two(days)

    def refuse(_: object, params: dict[str, Any]) -> None:
        if params["GroupId"] == first:
            raise RefusedError("DependencyViolation", f"resource {first} has a dependent object")

    monkeypatch.setitem(strict._CHECKS, "DeleteSecurityGroup", (refuse,))
    days.sweeps(70, every=8)
    settle(days)
    said: list[str] = []
    for _ in range(5):
        days.sweeps(1)
        while days.take_from_queue():
            pass
        said += days.texts()
    waits, abandoned = said
    assert "associated with another VPC: it is tried again" in waits
    assert "abandoned after 6 attempts" in abandoned
    assert first in names(days, vpc_id)


def test_one_that_was_handed_over_is_its_users_and_the_next_gets_a_number(days: Days) -> None:
    vpc_id, _, group_id = served(days)
    days.call({"hand_over": [group_id]})
    assert days.look(vpc_id)["actions"] == []
    lose(days, vpc_id)
    days.sweeps(1)
    assert names(days, vpc_id)[group_of(days, vpc_id)] == "lifeline-endpoints-2"


@pytest.mark.parametrize("name", ["lifeline-endpoints-4", "shared-endpoints-of-orders"])
def test_a_group_with_the_tag_can_be_adopted_whatever_its_name_and_one_without_it_cannot(days: Days, name: str) -> None:
    vpc_id = isolated(days)
    (tagged,), (untagged,) = create(days, vpc_id, name, tags=(TAG,)), create(days, vpc_id, f"{name}2")
    refused = days.call({"adopt": [untagged]})
    assert "must have the tag lifeline:managed-by=lifeline" in refused["errors"][0]["message"]
    assert days.call({"adopt": [tagged]})["adopt"] == [{"id": tagged, "vpc_id": vpc_id}]
    days.look(vpc_id)
    assert group_of(days, vpc_id) == tagged


def test_the_default_group_cannot_be_adopted_because_nobody_can_delete_it(days: Days) -> None:
    vpc_id = isolated(days)
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["default"]}]
    (group,) = days.world.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    days.world.ec2.create_tags(Resources=[group["GroupId"]], Tags=[TAG])
    refused = days.call({"adopt": [group["GroupId"]]})
    assert "it is the default security group of its VPC" in refused["errors"][0]["message"]


# ---- another name_pattern


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    """A stack whose policy names what it makes by another pattern."""
    with emulated_world(monkeypatch, retire_after_hours=72, name_pattern="{service}.{stack}.{vpc}") as world:
        yield Days(world, monkeypatch)


def test_over_a_lost_ledger_its_own_group_is_asked_about_and_adopted_by_its_tag(named: Days) -> None:
    vpc_id, _, group_id = served(named)
    assert names(named, vpc_id)[group_id] == f"endpoints.lifeline.{vpc_id}"
    forget_ownership(named)
    named.sweeps(1)
    assert any(f'{{"adopt": ["{group_id}"]}}' in text for text in named.texts())
    lose(named, vpc_id)
    assert named.call({"adopt": [group_id]})["adopt"] == [{"id": group_id, "vpc_id": vpc_id}]
    named.sweeps(1)
    assert group_of(named, vpc_id) == group_id


@pytest.mark.parametrize("tags", [(), (TAG,)])
def test_a_group_of_that_name_that_it_did_not_make_is_not_used_and_keeps_no_endpoint_from_being_made(
    named: Days, tags: tuple[dict[str, str], ...]
) -> None:
    vpc_id = isolated(named)
    squatted = create(named, vpc_id, f"endpoints.lifeline.{vpc_id}", tags=tags)
    named.sweeps(1)
    assert group_of(named, vpc_id) not in squatted


def test_on_record_it_is_known_without_its_tag_and_without_endpoints_until_it_is_gone(named: Days) -> None:
    vpc_id, _, group_id = served(named)
    lose(named, vpc_id)
    untag(named, group_id)
    assert any(f'{{"hand_over": ["{group_id}"]}}' in text for text in named.texts())
    named.sweeps(2)
    assert group_id in on_record(named)
    named.world.ec2.create_tags(Resources=[group_id], Tags=[TAG])
    lose(named, vpc_id)
    named.sweeps(1)
    assert group_of(named, vpc_id) == group_id
    lose(named, vpc_id)
    named.world.ec2.delete_security_group(GroupId=group_id)
    named.sweeps(1)
    assert group_id not in on_record(named)


def on_record(days: Days) -> set[str]:
    return set(Ownership("ledger", days.world.dynamodb).read(HOME))


def forget_ownership(days: Days) -> None:
    Ownership("ledger", days.world.dynamodb).delete(HOME, on_record(days))


def test_the_audit_log_imports_the_second_group_under_its_own_name(days: Days) -> None:
    vpc_id = isolated(days)
    create(days, vpc_id, "lifeline-endpoints")
    days.look(vpc_id)
    entries = days.call({"history": {"vpc_id": vpc_id}})["history"]["entries"]
    (made,) = [one["handover"] for one in entries if one.get("action") == "create_security_group"]
    assert 'name        = "lifeline-endpoints-2"' in made["terraform"]
    assert '"GroupName": "lifeline-endpoints-2"' in made["cloudformation"]


# ---- what was closed by others keeps nothing else from being repaired


@pytest.mark.parametrize("spoil", [open_to, untag])
def test_a_second_vpc_is_repaired_in_the_same_run(days: Days, spoil: Callable[[Days, str], None]) -> None:
    _, _, group_id = served(days)
    spoil(days, group_id)
    other = days.world.make_vpc(cidr="10.9.0.0/16")
    days.world.make_subnet(other, "10.9.1.0/24")
    days.sweeps(1)
    assert len(days.live(other)) == 1


def test_somebodys_closed_endpoint_with_lifelines_tag_is_said_and_the_other_services_are_repaired(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with emulated_world(monkeypatch, REQUIRED_SERVICES="monitoring,logs") as world:
        days = Days(world, monkeypatch)
        vpc_id = world.make_vpc()
        subnet_id = world.make_subnet(vpc_id)
        (closed,) = create(days, vpc_id, "closed")
        made = world.ec2.create_vpc_endpoint(
            VpcEndpointType="Interface",
            VpcId=vpc_id,
            ServiceName="com.amazonaws.us-east-1.monitoring",
            SubnetIds=[subnet_id],
            SecurityGroupIds=[closed],
            PrivateDnsEnabled=True,
            TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": [TAG]}],
        )
        theirs = made["VpcEndpoint"]["VpcEndpointId"]
        days.clock.advance(MINUTES)
        days.sweeps(3)
        assert len(days.live(vpc_id)) == 2
        said = [text for text in days.texts() if theirs in text]
        assert any("it isn't Lifeline's: its owner should allow inbound TCP 443" in text for text in said)


def test_a_group_that_somebodys_prefix_list_fills_is_replaced_on_the_endpoint_that_it_shuts(days: Days) -> None:
    """AWS counts the entries that the list may have as so many rules, which moto doesn't."""
    vpc_id, _, group_id = served(days)
    ec2, at_443 = days.world.ec2, {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    listed = [{"Cidr": "192.0.2.0/24"}]
    made = ec2.create_managed_prefix_list(PrefixListName="large", MaxEntries=60, AddressFamily="IPv4", Entries=listed)
    rule = at_443 | {"PrefixListIds": [{"PrefixListId": made["PrefixList"]["PrefixListId"]}]}
    records = []
    for verb, permission in (("Revoke", at_443 | {"IpRanges": [{"CidrIp": "10.0.0.0/16"}]}), ("Authorize", rule)):
        call = {"GroupId": group_id, "IpPermissions": [permission]}
        getattr(ec2, f"{verb.lower()}_security_group_ingress")(**call)
        name = f"{verb}SecurityGroupIngress"
        records.append(record_call(name, call, {}, identity=STRANGER, at=days.clock()))

    def refuse(operation: str, params: dict[str, Any]) -> None:
        if operation == "AuthorizeSecurityGroupIngress" and params.get("GroupId") == group_id:
            days.account.fail_next(operation, "RulesPerSecurityGroupLimitExceeded", times=1)

    days.account.listeners.append(refuse)
    days.deliver(*records)
    days.sweeps(1)
    (endpoint,) = days.world.endpoints(vpc_id)
    (other,) = {one["GroupId"] for one in endpoint["Groups"]} - {group_id}
    (added,) = ec2.describe_security_groups(GroupIds=[other])["SecurityGroups"]
    assert [one["CidrIp"] for one in added["IpPermissions"][0]["IpRanges"]] == ["10.0.0.0/16"]
    assert [one["state"] for one in days.look(vpc_id)["services"] if one["service"] == "monitoring"] == ["served"]


def test_a_full_quota_of_groups_is_said_once_and_the_endpoint_follows_once_there_is_room(days: Days) -> None:
    vpc_id = isolated(days)
    days.account.fail_next("CreateSecurityGroup", "SecurityGroupLimitExceeded", times=5)
    days.sweeps(5)
    assert days.live(vpc_id) == []
    assert len([text for text in days.texts() if "SecurityGroupLimitExceeded" in text]) == 1
    days.sweeps(1)
    assert len(days.live(vpc_id)) == 1


def test_an_endpoint_that_is_full_of_others_groups_is_said_with_the_quota_and_the_remedy(days: Days) -> None:
    """By whoever untags and closes each group: those of the VPC that are asked about don't cut off what failed."""
    vpc_id, endpoint_id, _ = served(days)
    permission = FROM_ELSEWHERE | {"IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
    spoilt: list[str] = []
    for _ in range(5):
        (found,) = days.world.endpoints(vpc_id)
        (fresh,) = {group["GroupId"] for group in found["Groups"]} - {*spoilt}
        spoilt.append(fresh)
        days.world.ec2.delete_tags(Resources=[fresh], Tags=[{"Key": TAG["Key"]}])
        days.world.ec2.revoke_security_group_ingress(GroupId=fresh, IpPermissions=[permission])
        days.texts()
        days.look(vpc_id)
        days.clock.advance(MINUTES)
    (text,) = days.texts()
    assert "SecurityGroupsPerInterfaceLimitExceeded" in text
    assert "Others' groups use up the quota of security groups per network interface: remove one of them" in text
    assert text.index("SecurityGroupsPerInterfaceLimitExceeded") < text.index("say whose")
    days.sweeps(30, every=8)
    assert days.texts() == []
    days.world.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, RemoveSecurityGroupIds=spoilt[:1])
    days.sweeps(2)
    assert {one["service"]: one["state"] for one in days.look(vpc_id)["services"]} == {"monitoring": "served"}


@pytest.mark.parametrize("is_adopted_again", [False, True])
def test_the_group_that_somebody_takes_off_for_one_whose_rules_cannot_be_read_is_put_back_twice_and_then_frozen(
    days: Days, *, is_adopted_again: bool
) -> None:
    """By a prefix list of another account, which ends its share. Also where somebody adopted what Lifeline made."""
    vpc_id, endpoint_id, group_id = served(days)
    if is_adopted_again:
        days.call({"adopt": [endpoint_id, group_id]})
    days.account.fail_next("GetManagedPrefixListEntries", "InvalidPrefixListID.NotFound", times=999)
    (theirs,) = create(days, vpc_id, "theirs")
    rule = FROM_ELSEWHERE | {"PrefixListIds": [{"PrefixListId": "pl-0123456789abcdef0"}]}
    days.world.ec2.authorize_security_group_ingress(GroupId=theirs, IpPermissions=[rule])
    had: list[set[str]] = []
    for _ in range(3):
        days.clock.advance(MINUTES)
        call = {"VpcEndpointId": endpoint_id, "AddSecurityGroupIds": [theirs], "RemoveSecurityGroupIds": [group_id]}
        days.world.ec2.modify_vpc_endpoint(**call)
        days.deliver(record_call("ModifyVpcEndpoint", call, {}, identity=STRANGER, at=days.clock()))
        had.append({one["GroupId"] for one in days.world.endpoints(vpc_id)[0]["Groups"]})
    assert had == [{group_id, theirs}, {group_id, theirs}, {theirs}]
    *repaired, frozen = [" ".join(text.split()) for text in days.texts()]
    assert ["pl-0123456789abcdef0, which was not read" in text for text in repaired] == [True, True]
    assert "mallory reverted Lifeline's changes" in frozen
    assert list(VpcStore("ledger").load(HOME.vpc(vpc_id)).frozen) == ["monitoring"]


# ---- of another VPC


@pytest.mark.parametrize(
    "event_name", ["RevokeSecurityGroupIngress", "AssociateSecurityGroupVpc", "DisassociateSecurityGroupVpc"]
)
def test_what_happens_to_a_group_of_another_vpc_leads_to_the_vpc_that_uses_it(days: Days, event_name: str) -> None:
    """EC2 guide: a group may be associated with other VPCs of the Region. Records of rules name no VPC, and EC2 knows
    the group's own; the record of an association names the VPC with which it is.
    """
    ec2, owner, vpc_id = days.world.ec2, days.world.make_vpc(), days.world.make_vpc(cidr="10.9.0.0/16")
    (theirs,) = create(days, owner, "golden")
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": EVERYWHERE}]}]
    ec2.authorize_security_group_ingress(GroupId=theirs, IpPermissions=everything)
    days.account.associate(theirs, vpc_id)
    ec2.create_vpc_endpoint(
        VpcId=vpc_id,
        VpcEndpointType="Interface",
        ServiceName=days.account.name_of("monitoring"),
        SubnetIds=[days.world.make_subnet(vpc_id, "10.9.1.0/24")],
        SecurityGroupIds=[theirs],
        PrivateDnsEnabled=True,
    )
    days.clock.advance(MINUTES)
    assert days.look(vpc_id)["services"][0]["state"] == "served"
    days.texts()
    ec2.revoke_security_group_ingress(GroupId=theirs, IpPermissions=everything)
    call = {"GroupId": theirs} | ({"VpcId": vpc_id} if event_name.endswith("Vpc") else {})
    days.clock.advance(MINUTES)
    days.deliver(record_call(event_name, call, {}, identity=STRANGER, at=days.clock()))
    (said,) = days.texts()
    assert (vpc_id in said, owner in said) == (True, False)
    assert f"{theirs} of vpce-" in said
    assert "doesn't allow inbound 443 from 10.9.1.0/24" in said

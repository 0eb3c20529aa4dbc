"""An exemption that will cost somebody Lifeline's endpoint is heard when it begins to count."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.requiring_tags import TagStore
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcList
from lifeline.core.errors import TransientError
from tests.support.cloudtrail import Identity, record_call
from tests.support.days import MINUTES, Days
from tests.support.home import HOME
from tests.support.tuning import tune
from tests.support.world import emulated_world, flat

MALLORY = Identity("team-b-dev", session="mallory")
TAGGER = Identity("cost-tagger", session="nightly")
EXEMPT, REQUIRE = "lifeline:exempt", "lifeline:require"
SHORT, LONG = timedelta(hours=2), timedelta(days=30)


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, retire_after_hours=72) as world:
        yield Days(world, monkeypatch)


def served(days: Days, **tags: str) -> tuple[str, str, str]:
    """An isolated VPC with Lifeline's endpoint: its id, its subnet's and the endpoint's."""
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    if tags:
        days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": REQUIRE, "Value": tags["require"]}])
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    days.world.notices()
    days.empty_queue()
    (endpoint_id,) = days.live(vpc_id)
    return vpc_id, subnet_id, endpoint_id


def tag(days: Days, resource_id: str, key: str, value: str = "true", *, by: Identity = MALLORY) -> None:
    """Somebody tags a resource, and CloudTrail says so."""
    call = {"Resources": [resource_id], "Tags": [{"Key": key, "Value": value}]}
    days.world.ec2.create_tags(**call)
    days.deliver(record_call("CreateTags", call, {}, identity=by, at=days.clock()))


def untag(days: Days, resource_id: str, key: str, *, by: Identity = MALLORY) -> None:
    call = {"Resources": [resource_id], "Tags": [{"Key": key}]}
    days.world.ec2.delete_tags(**call)
    days.deliver(record_call("DeleteTags", call, {}, identity=by, at=days.clock()))


def use_policy(days: Days, monkeypatch: pytest.MonkeyPatch, **document: object) -> None:
    text = json.dumps({"version": 1, "iac_debounce_seconds": 0, **document})
    client("ssm").put_parameter(Name="/lifeline/policy", Value=text, Type="String", Overwrite=True)
    monkeypatch.setenv("POLICY_PARAMETER", "/lifeline/policy")


def heard(days: Days) -> list[dict[str, Any]]:
    """The notices since the last time, of this kind alone, as machines read them."""
    found = days.world.forms()
    for one in found:  # they would come again after the queue's visibility timeout
        days.world.sqs.delete_message(QueueUrl=days.world.notices_url, ReceiptHandle=one["ReceiptHandle"])
    forms = [json.loads(json.loads(one["Body"])["Message"]) for one in found]
    return [form for form in forms if form["kind"] == "exempted"]


def refuse(*_: object) -> None:
    raise TransientError("SNS is down")


@contextmanager
def no_mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(Topic, "publish", refuse)
        yield


def test_a_tag_on_somebody_elses_vpc_is_heard_at_once_with_who_did_it_and_what_it_will_cost(days: Days) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    tag(days, vpc_id, EXEMPT)
    (notice,) = heard(days)
    ends_at = days.clock() + timedelta(hours=72)
    assert notice["subject"] == (
        f"[lifeline] monitoring endpoint in {vpc_id} no longer required: CreateTags by mallory"
    )
    text = flat(notice["text"])
    assert f"- {endpoint_id} (monitoring): {vpc_id} is exempt because it has the tag lifeline:exempt" in text
    assert f"Why: team-b-dev/mallory set the tag lifeline:exempt on {vpc_id} (CreateTags)" in text
    assert f"It will delete this endpoint after {ends_at:%Y-%m-%d %H:%M:%S} UTC" in text
    assert (
        f"these isolated subnets won't be able to reach the service, unless another endpoint serves them: {subnet_id}."
        in text
    )
    assert f"aws ec2 delete-tags --resources {vpc_id} --tags Key=lifeline:exempt" in text
    assert notice["facts"]["deleted_from"] == ends_at.isoformat()
    assert notice["vpc_id"] == vpc_id

    assert days.sweeps(3) + days.after(68) == []
    assert (heard(days), days.live(vpc_id)) == ([], [endpoint_id])
    days.sweeps(1)
    assert (heard(days), days.live(vpc_id)) == ([], [])


def test_a_sweep_that_comes_before_the_event_says_that_nobody_is_known(days: Days) -> None:
    vpc_id, subnet_id, _ = served(days)
    days.world.ec2.create_tags(Resources=[subnet_id], Tags=[{"Key": EXEMPT, "Value": "2099-12-31"}])
    days.sweeps(1)
    (notice,) = heard(days)
    text = flat(notice["text"])
    assert f"{subnet_id} is exempt because it has the tag lifeline:exempt until the end of 2099-12-31" in text
    assert f"An unknown actor set the tag lifeline:exempt on {subnet_id}" in text
    days.sweeps(3)
    assert heard(days) == []
    assert vpc_id == notice["vpc_id"]


def test_whoever_tags_something_else_afterwards_is_not_named(days: Days) -> None:
    vpc_id, _, _ = served(days)
    call = {"Resources": [vpc_id], "Tags": [{"Key": EXEMPT, "Value": "true"}]}
    days.world.ec2.create_tags(**call)
    other = {"Resources": [vpc_id], "Tags": [{"Key": "cost-center", "Value": "42"}]}
    events = [record_call("CreateTags", call, {}, identity=MALLORY, at=days.clock())]
    days.clock.advance(timedelta(seconds=20))
    events.append(record_call("CreateTags", other, {}, identity=TAGGER, at=days.clock()))
    days.deliver(*events)
    (notice,) = heard(days)
    assert [one["actor"] for one in notice["facts"]["exempted"]] == ["team-b-dev/mallory"]


def test_who_did_it_is_found_in_the_audit_log_when_it_begins_to_count_later(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    first, second = (days.world.make_subnet(vpc_id, cidr) for cidr in ("10.0.1.0/24", "10.0.2.0/24"))
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    tag(days, first, EXEMPT)
    assert heard(days) == []  # the other subnet needs the endpoint
    days.clock.advance(timedelta(days=1))
    tag(days, second, EXEMPT, by=TAGGER)
    (notice,) = heard(days)
    actors = {one["subject"]: one["actor"] for one in notice["facts"]["exempted"]}
    assert actors == {first: "team-b-dev/mallory", second: "cost-tagger/nightly"}


@pytest.mark.parametrize("value", ["s3", "logs ssm"])
def test_a_tag_that_leaves_the_service_out_is_heard(days: Days, value: str) -> None:
    vpc_id, _, endpoint_id = served(days)
    tag(days, vpc_id, REQUIRE, value)
    (notice,) = heard(days)
    text = flat(notice["text"])
    assert f"{endpoint_id} (monitoring): the tag lifeline:require of {vpc_id} doesn't ask for it" in text
    assert "team-b-dev/mallory set the tag lifeline:require" in text


@pytest.mark.parametrize("is_removed", [True, False])
def test_where_only_a_tag_required_it_the_tag_that_goes_is_heard(
    days: Days, monkeypatch: pytest.MonkeyPatch, *, is_removed: bool
) -> None:
    use_policy(days, monkeypatch, rules=[])
    monkeypatch.setenv("CREATABLE_SERVICES", "monitoring")
    vpc_id, _, endpoint_id = served(days, require="monitoring")
    if is_removed:
        untag(days, vpc_id, REQUIRE)
    else:
        tag(days, vpc_id, REQUIRE, "s3")
    (notice,) = heard(days)
    text = flat(notice["text"])
    assert f"{endpoint_id} (monitoring): neither the policy nor a tag requires it" in text
    did, name = ("removed", "DeleteTags") if is_removed else ("set", "CreateTags")
    assert f"team-b-dev/mallory {did} the tag lifeline:require on {vpc_id} ({name})" in text


def test_a_call_and_the_policy_are_heard_with_their_reasons(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _, _ = served(days)
    second, subnet_id, _ = served(days)
    days.call({"exempt": [first], "days": 5, "reason": "moves to the hub"})
    use_policy(
        days,
        monkeypatch,
        rules=[{"require": ["monitoring"]}],
        exemptions=[{"subnet_id": subnet_id, "reason": "a sandbox"}],
    )
    days.sweeps(2)
    by_vpc = {notice["vpc_id"]: flat(notice["text"]) for notice in heard(days)}
    assert by_vpc.keys() == {first, second}
    assert f'a call exempted {first} until the end of 2026-03-07, reason "moves to the hub"' in by_vpc[first]
    assert f'--event \'{{"exempt": ["{first}"], "days": 0}}\'' in by_vpc[first]
    assert f'the policy exempts {subnet_id}, reason "a sandbox"' in by_vpc[second]


def test_nothing_is_deleted_until_people_could_be_told_and_then_only_after_the_whole_time(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_id, _, endpoint_id = served(days)
    with no_mail(monkeypatch):
        tag(days, vpc_id, EXEMPT)
        assert days.after(50) + days.after(50) == []
    assert (heard(days), days.live(vpc_id)) == ([], [endpoint_id])
    days.sweeps(1)
    assert len(heard(days)) == 1
    assert days.after(71) == []
    days.sweeps(1)
    assert days.live(vpc_id) == []


def test_what_was_unneeded_for_another_reason_before_gets_the_whole_time_from_the_notice_on(days: Days) -> None:
    vpc_id, _, endpoint_id = served(days)
    table_id = days.world.open_to_internet(vpc_id)
    days.after(70)
    assert heard(days) == []
    days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": EXEMPT, "Value": "true"}])
    days.cut_off(table_id)
    days.sweeps(1)
    assert len(heard(days)) == 1
    days.after(71)
    assert days.live(vpc_id) == [endpoint_id]
    days.sweeps(1)
    assert days.live(vpc_id) == []


def test_one_that_ended_and_began_anew_is_heard_anew(days: Days) -> None:
    vpc_id, _, endpoint_id = served(days)
    tag(days, vpc_id, EXEMPT)
    days.after(60)
    untag(days, vpc_id, EXEMPT)
    assert VpcStore("ledger").load(HOME.vpc(vpc_id)).warned == {}
    assert VpcStore("ledger").listed(VpcList.RETIRING, HOME) == frozenset()
    days.clock.advance(MINUTES)
    tag(days, vpc_id, EXEMPT)
    assert len(heard(days)) == 2
    days.after(71)
    assert days.live(vpc_id) == [endpoint_id]


def test_where_endpoints_stay_for_good_the_exemption_is_heard_all_the_same(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(monkeypatch, retire_after_hours=0)
    vpc_id, _, endpoint_id = served(days)
    tag(days, vpc_id, EXEMPT)
    (notice,) = heard(days)
    assert "It will delete nothing, because the policy's retire_after_hours is 0" in flat(notice["text"])
    assert notice["facts"]["deleted_from"] == ""
    days.after(100)
    assert (heard(days), days.live(vpc_id)) == ([], [endpoint_id])
    untag(days, vpc_id, EXEMPT)
    days.clock.advance(MINUTES)
    tag(days, vpc_id, EXEMPT)
    assert len(heard(days)) == 1


def test_a_plan_stack_says_it_and_that_it_deletes_nothing(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, _, endpoint_id = served(days)
    monkeypatch.setenv("MODE", "plan")
    tag(days, vpc_id, EXEMPT)
    (notice,) = heard(days)
    assert "It will delete nothing while the stack is in plan mode" in flat(notice["text"])
    days.after(80)
    assert (heard(days), days.live(vpc_id)) == ([], [endpoint_id])


def test_with_the_kill_switch_on_it_is_heard(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, _, endpoint_id = served(days)
    client("ssm").put_parameter(Name="/lifeline/stop", Value="on", Type="String")
    monkeypatch.setenv("KILL_SWITCH_PARAMETER", "/lifeline/stop")
    tag(days, vpc_id, EXEMPT)
    assert len(heard(days)) == 1
    days.after(80)
    assert (heard(days), days.live(vpc_id)) == ([], [endpoint_id])


def test_a_route_that_is_back_exempts_nobody(days: Days) -> None:
    vpc_id, _, _ = served(days)
    days.world.open_to_internet(vpc_id)
    days.sweeps(1)
    days.after(72)
    assert (heard(days), days.live(vpc_id)) == ([], [])


# ---- where Lifeline has nothing yet


def opened(days: Days, **tags: str) -> tuple[str, str, str]:
    """A VPC with a way out, looked at a day ago, in which Lifeline has nothing: its id, its subnet's, its table's."""
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    if tags:
        days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": key, "Value": tags[key]} for key in tags])
    table_id = days.world.open_to_internet(vpc_id)
    days.after(1)
    days.clock.advance(timedelta(days=1))
    days.world.notices()
    assert days.live(vpc_id) == []
    return vpc_id, subnet_id, table_id


def heard_once_cut_off(days: Days, table_id: str, waits: timedelta) -> dict[str, Any]:
    """The one notice after the path is lost; before that, nothing is heard for so long."""
    days.sweeps(2)
    days.clock.advance(waits)
    days.sweeps(1)
    assert heard(days) == []
    days.cut_off(table_id)
    days.sweeps(1)
    (notice,) = heard(days)
    return notice


@pytest.mark.parametrize(
    ("key", "value", "is_of_subnet", "waits"),  # each pair of them
    [
        (EXEMPT, "true", True, SHORT),
        (EXEMPT, "true", False, LONG),
        (EXEMPT, "2099-12-31", True, LONG),
        (EXEMPT, "2099-12-31", False, SHORT),
        (REQUIRE, "s3", True, SHORT),
        (REQUIRE, "s3", False, LONG),
    ],
)
def test_an_exemption_that_costs_nothing_is_quiet_until_the_path_is_lost(
    days: Days, key: str, value: str, waits: timedelta, *, is_of_subnet: bool
) -> None:
    vpc_id, subnet_id, table_id = opened(days)
    subject = subnet_id if is_of_subnet else vpc_id
    tag(days, subject, key, value)
    notice = heard_once_cut_off(days, table_id, waits)
    text = flat(notice["text"])
    says = f"[lifeline] no path to monitoring in {vpc_id[:12]}..., not required: CreateTags by team-b-dev/mallory"
    assert notice["subject"] == says
    said = f"{subject} is exempt" if key == EXEMPT else f"the tag {REQUIRE} of {subject} doesn't ask for it"
    assert f"- {subnet_id} (monitoring): {said}" in text
    assert f"team-b-dev/mallory set the tag {key} on {subject} (CreateTags)" in text
    assert "Lifeline hasn't created any endpoint for them" in text
    assert notice["facts"]["unserved"] == {subnet_id: ["monitoring"]}
    assert notice["facts"]["deleted_from"] == ""
    for _ in range(3):
        days.after(30)
    assert heard(days) == []


def test_an_exempt_vpc_without_any_path_is_heard_at_once_and_once(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    tag(days, vpc_id, EXEMPT)
    assert [notice["vpc_id"] for notice in heard(days)] == [vpc_id]
    for _ in range(3):
        days.after(30)
    assert heard(days) == []


def test_where_a_central_endpoint_serves_it_an_exemption_costs_no_mail(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    days.world.hub_zone(vpc_id, "monitoring.us-east-1.amazonaws.com", "10.128.0.10")
    hub_id = days.world.ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    (table,) = days.world.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["RouteTables"]
    attached = {"VpcId": vpc_id, "SubnetIds": [subnet_id], "TransitGatewayId": hub_id}
    days.world.ec2.create_transit_gateway_vpc_attachment(**attached)
    to_hub = {"DestinationCidrBlock": "10.128.0.0/9", "TransitGatewayId": hub_id}
    days.world.ec2.create_route(RouteTableId=table["RouteTableId"], **to_hub)
    tag(days, vpc_id, EXEMPT)
    days.sweeps(3)
    assert heard(days) == []


def test_where_somebody_elses_endpoint_serves_it_it_is_heard_once_that_is_gone(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    theirs = days.world.ec2.create_vpc_endpoint(
        VpcId=vpc_id,
        ServiceName="com.amazonaws.us-east-1.monitoring",
        VpcEndpointType="Interface",
        SubnetIds=[subnet_id],
        PrivateDnsEnabled=True,
    )["VpcEndpoint"]["VpcEndpointId"]
    days.clock.advance(MINUTES)
    tag(days, vpc_id, EXEMPT)
    days.sweeps(2)
    assert heard(days) == []
    days.world.ec2.delete_vpc_endpoints(VpcEndpointIds=[theirs])
    days.clock.advance(MINUTES)
    days.sweeps(1)
    assert [notice["facts"]["unserved"] for notice in heard(days)] == [{subnet_id: ["monitoring"]}]


def test_a_call_and_the_policys_own_words_are_not_announced_where_nothing_is_deleted(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = days.world.make_vpc(), days.world.make_vpc()
    for vpc_id in (first, second):
        days.world.make_subnet(vpc_id)
    use_policy(
        days,
        monkeypatch,
        rules=[{"require": ["monitoring"]}],
        exemptions=[{"vpc_id": second, "reason": "a sandbox"}],
    )
    days.call({"exempt": [first], "days": 5, "reason": "moves to the hub"})
    days.sweeps(3)
    assert (heard(days), days.live(first), days.live(second)) == ([], [], [])


def test_once_the_endpoint_is_deleted_for_an_exemption_it_is_no_second_notice(days: Days) -> None:
    vpc_id, _, _ = served(days)
    tag(days, vpc_id, EXEMPT)
    assert len(heard(days)) == 1
    days.after(72)
    days.sweeps(3)
    days.after(48)
    assert (heard(days), days.live(vpc_id)) == ([], [])


def test_the_tag_that_alone_required_something_is_heard_where_it_goes(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_policy(days, monkeypatch, rules=[])
    monkeypatch.setenv("CREATABLE_SERVICES", "monitoring")
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    table_id = days.world.open_to_internet(vpc_id)
    days.world.ec2.create_tags(Resources=[subnet_id], Tags=[{"Key": REQUIRE, "Value": "monitoring"}])
    monkeypatch.setenv("MODE", "plan")  # so that nothing is made yet
    days.sweeps(1)
    monkeypatch.setenv("MODE", "enforce")
    untag(days, subnet_id, REQUIRE)
    days.sweeps(2)
    assert heard(days) == []
    days.cut_off(table_id)
    days.sweeps(2)
    (notice,) = heard(days)
    text = flat(notice["text"])
    assert f"team-b-dev/mallory removed the tag lifeline:require on {subnet_id} (DeleteTags)" in text
    assert notice["facts"]["unserved"] == {subnet_id: ["monitoring"]}


# ---- tags by which the policy's rules go

BY_TAG: dict[str, Any] = {"vpc_tags": {"env": ["prod", "live"]}}
BY_SUBNET_TAG: dict[str, Any] = {"subnet_tags": {"env": ["prod", "live"]}}
ISOLATED = {"tiers": ["isolated"]}


def with_tag_rule(days: Days, monkeypatch: pytest.MonkeyPatch, where: dict[str, Any]) -> None:
    use_policy(days, monkeypatch, rules=[{"name": "production", "require": ["monitoring"], "where": where}])


def selected(days: Days, where: dict[str, Any]) -> tuple[str, str, str, str]:
    """A VPC that a rule selects by a tag, and a subnet in it with a NAT gateway: the ids of the VPC, of what is tagged,
    of the subnet and of its route table.
    """
    world = days.world
    vpc_id = world.make_vpc()
    subnet_id = world.make_subnet(vpc_id)
    subject = vpc_id if "vpc_tags" in where else subnet_id
    world.ec2.create_tags(Resources=[subject], Tags=[{"Key": "env", "Value": "prod"}])
    world.open_to_internet(vpc_id)
    public_id = world.make_subnet(vpc_id, "10.0.9.0/24")
    address = world.ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat_id = world.ec2.create_nat_gateway(SubnetId=public_id, AllocationId=address)["NatGateway"]["NatGatewayId"]
    table_id = world.ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    world.ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet_id)
    world.ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat_id)
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    days.world.notices()
    days.empty_queue()
    return vpc_id, subject, subnet_id, table_id


@pytest.mark.parametrize("where", [BY_TAG, BY_SUBNET_TAG])
@pytest.mark.parametrize("is_removed", [True, False])
def test_a_tag_that_no_longer_selects_is_heard_before_the_endpoint_goes(
    days: Days, monkeypatch: pytest.MonkeyPatch, where: dict[str, Any], *, is_removed: bool
) -> None:
    with_tag_rule(days, monkeypatch, where)
    vpc_id, subject, _, _ = selected(days, where)
    (endpoint_id,) = days.live(vpc_id)
    if is_removed:
        untag(days, subject, "env")
    else:
        tag(days, subject, "env", "pr0d")
    (notice,) = heard(days)
    text = flat(notice["text"])
    assert f"- {endpoint_id} (monitoring): no tag lifeline:require lists it" in text
    assert "no rule that requires it selects this VPC any more: such rules go by the tag env" in text
    verb, name = ("removed", "DeleteTags") if is_removed else ("set", "CreateTags")
    assert f"team-b-dev/mallory {verb} the tag env on {subject} ({name})" in text
    days.after(71)
    assert days.live(vpc_id) == [endpoint_id]
    days.sweeps(2)
    assert (heard(days), days.live(vpc_id)) == ([], [])


def test_people_hear_of_a_tag_that_no_longer_selects_once_though_the_known_tags_were_not_read_once(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_tag_rule(days, monkeypatch, BY_TAG)
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    table_id = days.world.open_to_internet(vpc_id)
    days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "env", "Value": "prod"}])
    days.sweeps(1)
    untag(days, vpc_id, "env")
    days.cut_off(table_id)
    days.sweeps(1)
    assert len(heard(days)) == 1
    with monkeypatch.context() as once:
        once.setattr(TagStore, "_items", refuse)
        days.sweeps(1)
    days.after(25)
    assert (heard(days), days.live(vpc_id)) == ([], [])


def test_another_value_that_the_rule_takes_ends_nothing(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    with_tag_rule(days, monkeypatch, BY_TAG)
    vpc_id, subject, _, _ = selected(days, BY_TAG)
    tag(days, subject, "env", "live")
    days.after(80)
    assert (heard(days), len(days.live(vpc_id))) == ([], 1)


@pytest.mark.parametrize("where", [BY_TAG, BY_SUBNET_TAG])
def test_an_isolated_subnets_only_path_stays_and_the_notice_says_so(
    days: Days, monkeypatch: pytest.MonkeyPatch, where: dict[str, Any]
) -> None:
    with_tag_rule(days, monkeypatch, where)
    vpc_id, subject, subnet_id, table_id = selected(days, where)
    days.cut_off(table_id)
    days.sweeps(1)
    assert heard(days) == []
    tag(days, subject, "env", "pr0d")
    (notice,) = heard(days)
    stays = "An endpoint stays while it is the only path of one of these isolated subnets, which nobody exempted: "
    assert f"{stays}{subnet_id}." in flat(notice["text"])
    days.after(80)
    assert len(days.live(vpc_id)) == 1


@pytest.mark.parametrize(
    ("where", "value", "waits"),  # each pair of them
    [(BY_TAG, "pr0d", SHORT), (BY_TAG, "", LONG), (BY_SUBNET_TAG, "pr0d", LONG), (BY_SUBNET_TAG, "", SHORT)],
)
def test_where_lifeline_has_nothing_it_is_heard_once_the_path_is_lost(
    days: Days, monkeypatch: pytest.MonkeyPatch, where: dict[str, Any], value: str, waits: timedelta
) -> None:
    with_tag_rule(days, monkeypatch, where | ISOLATED)
    vpc_id, subject, subnet_id, table_id = selected(days, where)
    assert days.live(vpc_id) == []
    days.sweeps(1)
    if value:
        tag(days, subject, "env", value)
    else:
        untag(days, subject, "env")
    notice = heard_once_cut_off(days, table_id, waits)
    text = flat(notice["text"])
    said = f"a rule of the policy required it by the tag env of {subject}, and no longer does"
    assert f"- {subnet_id} (monitoring): {said}" in text
    assert f"team-b-dev/mallory {'set' if value else 'removed'} the tag env on {subject}" in text
    for _ in range(3):
        days.after(30)
    assert (heard(days), days.live(vpc_id)) == ([], [])


def test_a_harmless_change_hides_no_later_one(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    with_tag_rule(days, monkeypatch, BY_TAG | ISOLATED)
    vpc_id, subject, subnet_id, table_id = selected(days, BY_TAG)
    tag(days, subject, "env", "pr0d")
    days.sweeps(1)
    monkeypatch.setenv("MODE", "plan")  # so that nothing is made yet
    days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": REQUIRE, "Value": "logs"}])
    days.sweeps(1)
    untag(days, vpc_id, REQUIRE)
    days.sweeps(1)
    monkeypatch.setenv("MODE", "enforce")
    days.cut_off(table_id)
    days.sweeps(1)
    assert [notice["facts"]["unserved"] for notice in heard(days)] == [{subnet_id: ["logs", "monitoring"]}]


def test_a_vpc_that_no_rule_ever_selected_is_no_news(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    with_tag_rule(days, monkeypatch, BY_TAG)
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    tag(days, vpc_id, "env", "dev")
    days.sweeps(2)
    tag(days, vpc_id, "env", "test")
    days.sweeps(2)
    assert heard(days) == []


def test_where_the_policy_itself_selects_no_longer_nobody_is_blamed(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_tag_rule(days, monkeypatch, BY_TAG)
    vpc_id, _, _, _ = selected(days, BY_TAG)
    (endpoint_id,) = days.live(vpc_id)
    with_tag_rule(days, monkeypatch, {"vpc_tags": {"env": ["production"]}})
    days.sweeps(1)
    (notice,) = heard(days)
    text = flat(notice["text"])
    assert f"- {endpoint_id} (monitoring): no tag lifeline:require lists it, and no rule that requires it" in text
    assert "What ended it isn't known: no CloudTrail event" in text
    assert "actor" not in text


def test_where_the_policy_itself_selects_no_longer_and_lifeline_has_nothing_nobody_hears_of_it(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_tag_rule(days, monkeypatch, BY_TAG | ISOLATED)
    _, _, _, table_id = selected(days, BY_TAG)
    with_tag_rule(days, monkeypatch, {"vpc_tags": {"env": ["production"]}} | ISOLATED)
    days.sweeps(1)
    days.cut_off(table_id)
    days.sweeps(3)
    assert heard(days) == []


# ---- noise


def toggle(days: Days, subject: str, *, times: int) -> list[dict[str, Any]]:
    """Somebody sets and removes the tag again and again, a quarter of an hour apart; it stays in the end."""
    found: list[dict[str, Any]] = []
    for _ in range(times):
        tag(days, subject, EXEMPT)
        days.clock.advance(timedelta(minutes=15))
        untag(days, subject, EXEMPT)
        days.clock.advance(timedelta(minutes=15))
        found += heard(days)
    tag(days, subject, EXEMPT)
    return found + heard(days)


def test_a_tag_that_is_toggled_is_one_notice_a_day_and_the_next_says_how_often(days: Days) -> None:
    vpc_id, _, endpoint_id = served(days)
    began = days.clock()
    assert len(toggle(days, vpc_id, times=6)) == 1
    while days.clock() - began < timedelta(hours=20):
        days.after(4)
        assert heard(days) == []
    days.after(4)
    (notice,) = heard(days)
    assert f"The tag lifeline:exempt of {vpc_id} changed" in flat(notice["text"])
    assert notice["facts"]["exempted"][0]["changes_in_48_hours"] > 10
    days.after(71)
    assert days.live(vpc_id) == [endpoint_id]  # RetireAfterHours counts from the second notice
    days.sweeps(1)
    assert days.live(vpc_id) == []


def test_where_lifeline_has_nothing_toggling_is_one_notice_a_day_as_well(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREATABLE_SERVICES", "s3")  # so that nothing is made while the tag is gone
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    assert len(toggle(days, vpc_id, times=5)) == 1


def test_many_subnets_are_no_more_than_three_notices_a_day(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREATABLE_SERVICES", "s3")
    vpc_id = days.world.make_vpc()
    subnets = [days.world.make_subnet(vpc_id, f"10.0.{number}.0/24") for number in range(1, 9)]
    found: list[dict[str, Any]] = []
    for subnet_id in subnets:
        tag(days, subnet_id, EXEMPT)
        days.clock.advance(MINUTES)
        found += heard(days)
    assert len(found) == 3
    days.after(24)
    (last,) = heard(days)
    assert last["facts"]["unserved"].keys() == set(subnets[3:])


def test_a_release_needs_no_warning(days: Days) -> None:
    vpc_id, _, _ = served(days)
    days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": EXEMPT, "Value": "true"}])
    days.look(vpc_id, release=True)
    assert (heard(days), days.live(vpc_id)) == ([], [])


# ---- one tag beside another


def public_subnet(days: Days, vpc_id: str, cidr: str) -> tuple[str, str]:
    """A subnet with a route to the VPC's internet gateway, and its route table."""
    ec2 = days.world.ec2
    subnet_id = days.world.make_subnet(vpc_id, cidr)
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
    gateways = ec2.describe_internet_gateways(Filters=attached)["InternetGateways"]
    if not gateways:
        gateways = [ec2.create_internet_gateway()["InternetGateway"]]
        ec2.attach_internet_gateway(InternetGatewayId=gateways[0]["InternetGatewayId"], VpcId=vpc_id)
    table_id = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table_id, SubnetId=subnet_id)
    to = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateways[0]["InternetGatewayId"]}
    ec2.create_route(RouteTableId=table_id, **to)
    return subnet_id, table_id


def cut_off(days: Days, table_id: str) -> None:
    days.world.ec2.delete_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0")
    days.sweeps(3)


def settled(days: Days, vpc_id: str) -> str:
    """Lifeline's endpoint there, once it was made and told of."""
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    days.empty_queue()
    heard(days)
    (endpoint_id,) = days.live(vpc_id)
    return endpoint_id


@pytest.mark.parametrize(("key", "value"), [(EXEMPT, "true"), (REQUIRE, "s3")])
def test_a_tag_that_ends_that_an_endpoint_is_kept_for_a_subnet_is_heard_before_it_goes(
    days: Days, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    with_tag_rule(days, monkeypatch, BY_SUBNET_TAG)
    vpc_id = days.world.make_vpc()
    a, b = (days.world.make_subnet(vpc_id, cidr) for cidr in ("10.0.1.0/24", "10.0.2.0/24"))
    days.world.ec2.create_tags(Resources=[a], Tags=[{"Key": "env", "Value": "prod"}])
    endpoint_id = settled(days, vpc_id)
    tag(days, a, EXEMPT)
    (notice,) = heard(days)
    assert f"the only path of one of these isolated subnets, which nobody exempted: {b}." in flat(notice["text"])
    days.after(1000)
    assert (heard(days), days.live(vpc_id)) == ([], [endpoint_id])
    tag(days, b, key, value)
    (notice,) = heard(days)
    assert f"team-b-dev/mallory set the tag {key} on {b}" in flat(notice["text"])
    days.after(70)
    assert days.live(vpc_id) == [endpoint_id]
    days.after(3)
    assert (heard(days), days.live(vpc_id)) == ([], [])


def test_so_is_one_that_ends_that_it_is_kept_for_whoever_has_no_public_address(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    endpoint_id = settled(days, vpc_id)
    for has_address in (False, True):
        interface = {"DeviceIndex": 0, "SubnetId": subnet_id, "AssociatePublicIpAddress": has_address}
        days.world.ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, NetworkInterfaces=[interface])
    days.world.open_to_internet(vpc_id)
    days.sweeps(1)
    days.after(80)
    assert days.live(vpc_id) == [endpoint_id]
    tag(days, subnet_id, EXEMPT)
    assert days.live(vpc_id) == [endpoint_id]
    (notice,) = heard(days)
    assert f"team-b-dev/mallory set the tag {EXEMPT} on {subnet_id}" in flat(notice["text"])
    days.after(70)
    assert days.live(vpc_id) == [endpoint_id]
    days.after(4)
    assert (heard(days), days.live(vpc_id)) == ([], [])


def test_a_second_tag_is_heard_as_well_and_the_time_of_the_first_does_not_count_for_it(days: Days) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    tag(days, subnet_id, EXEMPT)
    assert len(heard(days)) == 1
    days.after(5)
    tag(days, vpc_id, EXEMPT)
    (second,) = heard(days)
    assert f"delete-tags --resources {vpc_id} --tags Key={EXEMPT}" in flat(second["text"])
    untag(days, subnet_id, EXEMPT)
    days.after(70)
    assert (heard(days), days.live(vpc_id)) == ([], [endpoint_id])
    days.after(3)
    assert (heard(days), days.live(vpc_id)) == ([], [])


def test_a_tag_beside_an_exemption_by_the_policy_is_heard_as_well(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc_id, subnet_id, endpoint_id = served(days)
    exemptions = [{"subnet_id": subnet_id, "reason": "a sandbox"}]
    use_policy(days, monkeypatch, rules=[{"require": ["monitoring"]}], exemptions=exemptions)
    days.sweeps(1)
    assert len(heard(days)) == 1
    days.after(60)
    tag(days, vpc_id, EXEMPT)
    (notice,) = heard(days)
    assert f"team-b-dev/mallory set the tag {EXEMPT} on {vpc_id}" in flat(notice["text"])
    days.after(70)
    assert days.live(vpc_id) == [endpoint_id]


@pytest.mark.parametrize("who", ["mallory", "policy"])
def test_a_tag_that_no_notice_named_is_heard_once_a_path_is_lost(
    days: Days, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    vpc_id = days.world.make_vpc()
    a = days.world.make_subnet(vpc_id, "10.0.1.0/24")
    y, table_id = public_subnet(days, vpc_id, "10.0.2.0/24")
    settled(days, vpc_id)
    tag(days, y, EXEMPT)
    days.after(30)
    assert heard(days) == []
    if who == "mallory":
        tag(days, a, EXEMPT)
    else:
        exemptions = [{"subnet_id": a, "reason": "a sandbox"}]
        use_policy(days, monkeypatch, rules=[{"require": ["monitoring"]}], exemptions=exemptions)
        days.sweeps(1)
    days.after(80)
    assert all(y not in notice["text"] for notice in heard(days))
    cut_off(days, table_id)
    (notice,) = heard(days)
    assert f"team-b-dev/mallory set the tag {EXEMPT} on {y}" in flat(notice["text"])


def test_each_subnet_of_an_exempt_vpc_that_loses_its_path_is_heard(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    x, table_x = public_subnet(days, vpc_id, "10.0.1.0/24")
    y, table_y = public_subnet(days, vpc_id, "10.0.2.0/24")
    days.after(1)
    heard(days)
    tag(days, vpc_id, EXEMPT)
    cut_off(days, table_x)
    (notice,) = heard(days)
    assert (x in notice["text"], y in notice["text"]) == (True, False)
    days.after(24 * 30)
    cut_off(days, table_y)
    (notice,) = heard(days)
    assert (x in notice["text"], y in notice["text"]) == (False, True)


def test_an_exemption_for_a_day_that_becomes_one_for_good_is_heard_and_gets_the_whole_time(days: Days) -> None:
    vpc_id, _, endpoint_id = served(days)
    tag(days, vpc_id, EXEMPT, f"{days.clock() + timedelta(days=1):%Y-%m-%d}")
    assert len(heard(days)) == 1
    days.after(25)
    tag(days, vpc_id, EXEMPT, by=TAGGER)
    (notice,) = heard(days)
    assert f"cost-tagger/nightly set the tag {EXEMPT} on {vpc_id}" in flat(notice["text"])
    days.after(70)
    assert days.live(vpc_id) == [endpoint_id]


@pytest.mark.parametrize("rules", [[], [{"require": ["monitoring"]}]])
def test_a_tag_that_lists_the_service_is_none_that_leaves_it_out_and_frees_nothing(
    days: Days, monkeypatch: pytest.MonkeyPatch, rules: list[object]
) -> None:
    """Also where the tag is the VPC's, which asks in private subnets alone, and a route makes this one public."""
    use_policy(days, monkeypatch, rules=rules)
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id)
    days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": REQUIRE, "Value": "monitoring"}])
    endpoint_id = settled(days, vpc_id)
    for has_address in (False, True):
        interface = {"DeviceIndex": 0, "SubnetId": subnet_id, "AssociatePublicIpAddress": has_address}
        days.world.ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, NetworkInterfaces=[interface])
    days.world.open_to_internet(vpc_id)
    days.after(150)
    assert (heard(days), days.live(vpc_id)) == ([], [endpoint_id])


@pytest.mark.parametrize("rules", [[], [{"require": ["logs"]}]])
def test_a_subnets_tag_that_leaves_out_what_its_vpcs_tag_alone_asks_for_is_heard(
    days: Days, monkeypatch: pytest.MonkeyPatch, rules: list[object]
) -> None:
    """Also where the VPC has a public subnet, for which its tag doesn't ask."""
    use_policy(days, monkeypatch, rules=rules)
    vpc_id = days.world.make_vpc()
    subnet_id = days.world.make_subnet(vpc_id, "10.0.1.0/24")
    public_subnet(days, vpc_id, "10.0.2.0/24")
    days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": REQUIRE, "Value": "monitoring"}])
    days.look(vpc_id)
    days.clock.advance(MINUTES)
    heard(days)
    (endpoint_id,) = days.live(vpc_id)
    tag(days, subnet_id, REQUIRE, "s3")
    text = " ".join(flat(notice["text"]) for notice in heard(days))
    assert f"{endpoint_id} (monitoring): the tag {REQUIRE} of {subnet_id} doesn't ask for it" in text
    days.after(80)
    assert days.live(vpc_id) == []
    untag(days, subnet_id, REQUIRE)
    days.sweeps(1)
    assert len(days.live(vpc_id)) == 1, "what was lost meanwhile doesn't wait"


def test_a_vpcs_tag_that_ends_what_a_rule_asks_in_public_subnets_is_heard(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a tag counts in private subnets alone, also where it lists the service itself."""
    rule = {"require": ["monitoring"], "where": {"tiers": ["public", "isolated"]}}
    use_policy(days, monkeypatch, rules=[rule])
    vpc_id = days.world.make_vpc()
    public_subnet(days, vpc_id, "10.0.2.0/24")
    endpoint_id = settled(days, vpc_id)
    tag(days, vpc_id, REQUIRE, "monitoring")
    (notice,) = heard(days)
    said = f"{endpoint_id} (monitoring): the tag {REQUIRE} of {vpc_id} doesn't ask for it"
    assert said in flat(notice["text"])

"""An exemption that will cost somebody Lifeline's endpoint is heard when it begins to count."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from lifeline.adapters.aws.clients import client
from lifeline.adapters.aws.topic import Topic
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.coexist.vpc_state import VpcList
from lifeline.core.errors import TransientError
from tests.support.cloudtrail import Identity, record_call
from tests.support.days import MINUTES, Days
from tests.support.home import HOME
from tests.support.world import emulated_world, flat

MALLORY = Identity("team-b-dev", session="mallory")
TAGGER = Identity("cost-tagger", session="nightly")
EXEMPT, REQUIRE = "lifeline:exempt", "lifeline:require"


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, RETIRE_AFTER_HOURS="72") as world:
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
    text = json.dumps({"version": 1, **document})
    client("ssm").put_parameter(Name="/lifeline/policy", Value=text, Type="String", Overwrite=True)
    monkeypatch.setenv("POLICY_PARAMETER", "/lifeline/policy")


def heard(days: Days) -> list[dict[str, Any]]:
    """The notices since the last time, of this kind alone, as machines read them."""
    forms = [json.loads(json.loads(one["Body"])["Message"]) for one in days.world.forms()]
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
    assert f"{endpoint_id} (monitoring): {vpc_id} doesn't list it in its tag lifeline:require" in text
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
    monkeypatch.setenv("RETIRE_AFTER_HOURS", "0")
    vpc_id, _, endpoint_id = served(days)
    tag(days, vpc_id, EXEMPT)
    (notice,) = heard(days)
    assert "It will delete nothing, because RetireAfterHours is 0" in flat(notice["text"])
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


def test_where_lifeline_has_nothing_an_exemption_costs_no_mail(days: Days) -> None:
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    tag(days, vpc_id, EXEMPT)
    days.sweeps(3)
    assert heard(days) == []


def test_a_release_needs_no_warning(days: Days) -> None:
    vpc_id, _, _ = served(days)
    days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": EXEMPT, "Value": "true"}])
    days.look(vpc_id, release=True)
    assert (heard(days), days.live(vpc_id)) == ([], [])

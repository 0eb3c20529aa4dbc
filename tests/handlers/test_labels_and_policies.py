"""A company's rules for what is made in EC2, through the whole handler: tags, names and endpoint policies."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from lifeline.adapters.store.endpoint_policies import EndpointPolicyStore
from lifeline.core.errors import TransientError
from lifeline.handlers.reconcile_endpoints import handler
from tests.handlers.test_claims import endpoint, frozen, refused, served, strict_for_all, theirs
from tests.handlers.test_endpoint_policies import NARROW, OPEN, set_policy
from tests.support import strict
from tests.support.days import MINUTES, Days
from tests.support.strict_errors import RefusedError
from tests.support.world import Context, emulated_world, flat

NAME = "/lifeline/policy"
PREFIX = "/lifeline/lifeline/endpoint-policies/"


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    with emulated_world(monkeypatch, POLICY_PARAMETER=NAME, RETIRE_AFTER_HOURS="72") as world:
        yield strict_for_all(Days(world, monkeypatch))


def say(name: str = NAME, **document: Any) -> None:
    usual = {"version": 1, "backlog": "act", "prove_event_path": False}  # nobody delivers events here
    text = json.dumps(usual | document if name == NAME else document)
    boto3.client("ssm").put_parameter(Name=name, Value=text, Type="String", Overwrite=True)


def reconcile(vpc_id: str) -> dict[str, Any]:
    (answer,) = handler({"vpc_ids": [vpc_id]}, Context())["vpcs"]
    return dict(answer)


def tags(described: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in described["Tags"]}


def test_tags_and_names_are_passed_at_creation(days: Days) -> None:
    say(tags={"cost-center": "4711"}, copy_tags=["team"], name_pattern="{stack}-{service}-{vpc}")
    vpc_id = days.world.make_vpc()
    days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "team", "Value": "payments"}])
    days.world.make_subnet(vpc_id)
    reconcile(vpc_id)
    days.clock.advance(MINUTES)
    made = endpoint(days, *days.live(vpc_id))
    wanted = {"cost-center": "4711", "team": "payments", "lifeline:managed-by": "lifeline"}
    assert tags(made) == wanted | {"Name": f"lifeline-monitoring-{vpc_id}"}
    (group,) = days.world.ec2.describe_security_groups(GroupIds=[made["Groups"][0]["GroupId"]])["SecurityGroups"]
    assert group["GroupName"] == f"lifeline-endpoints-{vpc_id}"
    assert tags(group) == wanted | {"Name": f"lifeline-endpoints-{vpc_id}"}
    again = reconcile(vpc_id)
    assert (again["outcome"], again["actions"]) == ("unchanged", [])


def test_a_tag_that_the_vpc_lacks_is_said_and_not_made_up(days: Days) -> None:
    say(copy_tags=["team"])
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    assert f"{vpc_id} doesn't have the tag team to copy" in reconcile(vpc_id)["note"]
    days.clock.advance(MINUTES)
    assert "team" not in tags(endpoint(days, *days.live(vpc_id)))


@pytest.mark.parametrize(("said", "made"), [({"team": "platform"}, "platform"), ({}, None)])
def test_a_tag_of_the_vpc_that_a_tag_policy_refuses_keeps_nothing_from_being_made(
    days: Days, monkeypatch: pytest.MonkeyPatch, said: dict[str, str], made: str | None
) -> None:
    say(tags=said, copy_tags=["team"])
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "team", "Value": "nobody's"}])
    refuse_tag(monkeypatch, "team", "nobody's")
    done = {action["action"]: action["status"] for action in reconcile(vpc_id)["actions"]}
    assert done == {"create_security_group": "done", "create_interface_endpoint": "done"}
    days.clock.advance(MINUTES)
    assert tags(endpoint(days, *days.live(vpc_id))).get("team") == made
    assert any("AWS refused the tags that are copied from the VPC" in text for text in days.texts())
    assert reconcile(vpc_id)["actions"] == []


def test_where_no_other_tag_would_do_the_refusal_is_said(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    say(tags={"team": "gone"}, copy_tags=["owner"])
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    days.world.ec2.create_tags(Resources=[vpc_id], Tags=[{"Key": "owner", "Value": "them"}])
    refuse_tag(monkeypatch, "team", "gone")
    (group, *_) = reconcile(vpc_id)["actions"]
    assert (group["action"], group["status"]) == ("create_security_group", "failed")
    assert "it was passed the tags owner, team, Name, lifeline:managed-by" in group["error"]


def refuse_tag(monkeypatch: pytest.MonkeyPatch, key: str, value: str) -> None:
    """A tag policy that doesn't allow the value on anything that is created."""

    def refuse(_: object, params: dict[str, Any]) -> None:
        if any({"Key": key, "Value": value} in one["Tags"] for one in params.get("TagSpecifications", [])):
            raise RefusedError("TagPolicyViolation", f"The tag policy does not allow the value for the key: '{key}'.")

    create = strict._OWN["CreateVpcEndpoint"]

    def create_unless_refused(state: Any, params: dict[str, Any], pass_on: Any) -> Any:
        refuse(state, params)
        return create(state, params, pass_on)

    monkeypatch.setitem(strict._CHECKS, "CreateSecurityGroup", (refuse,))
    monkeypatch.setitem(strict._OWN, "CreateVpcEndpoint", create_unless_refused)


def test_the_named_policy_is_passed_at_creation_and_said(days: Days) -> None:
    say(endpoint_policies={"default": "org"})
    say(f"{PREFIX}org", **json.loads(NARROW))
    vpc_id, _, ours = served(days)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(NARROW)
    assert days.look(vpc_id)["actions"] == []


def test_whoever_writes_the_policy_says_whose_callers_get_through_the_endpoints_that_are_there(days: Days) -> None:
    say(endpoint_policies={"default": "org"}, organization="o-a1b2c3d4e5")
    say(f"{PREFIX}org", **json.loads(NARROW.replace("o-1", "${organization}")))
    vpc_id, _, ours = served(days)
    assert "o-a1b2c3d4e5" in endpoint(days, ours)["PolicyDocument"]
    days.texts()
    say(endpoint_policies={"default": "org"}, organization="o-f6g7h8i9j0")
    reconcile(vpc_id)
    assert "o-f6g7h8i9j0" in endpoint(days, ours)["PolicyDocument"]
    assert any(f"set the policy of {ours}" in " ".join(text.split()) for text in days.texts())


def test_without_the_named_policy_nothing_is_made_and_the_nearest_name_is_said(days: Days) -> None:
    say(endpoint_policies={"monitoring": "orgs"})
    say(f"{PREFIX}org", **json.loads(NARROW))
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    answer = reconcile(vpc_id)
    assert [action["status"] for action in answer["actions"]] == ["blocked"]
    assert f"{PREFIX}orgs doesn't exist; did you mean org?" in answer["actions"][0]["error"]
    assert days.world.endpoints(vpc_id) == []


def shut_to(condition: dict[str, Any]) -> dict[str, Any]:
    """A policy whose only Allow has a condition."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": condition}
    return {"Statement": [statement]}


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceVpc": "vpc-0"}},
        {"StringEquals": {"aws:SourceVpce": "vpce-0"}},
        {"IpAddress": {"aws:VpcSourceIp": "192.0.2.0/24"}},
    ],
)
def test_a_policy_that_lets_in_nobody_of_the_vpc_is_not_given_to_what_is_there_nor_made_with(
    days: Days, condition: dict[str, Any]
) -> None:
    say(endpoint_policies={"default": "org"})
    say(f"{PREFIX}org", **json.loads(NARROW))
    vpc_id, _, ours = served(days)
    days.texts()
    say(f"{PREFIX}org", **shut_to(condition))
    other = days.world.make_vpc()
    days.world.make_subnet(other)
    days.sweeps(5)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(NARROW)
    (text,) = told(days)
    assert f"{PREFIX}org doesn't allow cloudwatch:PutMetricData to anybody in {other}" in text
    assert days.live(other) == []
    say(f"{PREFIX}org", **json.loads(OPEN))
    days.sweeps(2)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(OPEN)
    assert (len(days.live(other)), frozen(vpc_id)) == (1, [])


def test_a_policy_for_an_account_that_has_nothing_there_is_said_and_taken_for_nobodys_change(days: Days) -> None:
    """Whose clients are there is read once an endpoint's policy hangs on it."""
    say(endpoint_policies={"default": "org"})
    say(f"{PREFIX}org", **json.loads(NARROW))
    vpc_id, _, ours = served(days)
    days.texts()
    say(f"{PREFIX}org", **shut_to({"StringEquals": {"aws:PrincipalAccount": "999999999999"}}))
    days.sweeps(5)
    texts = [*map(flat, days.texts())]
    assert any(f"{PREFIX}org doesn't allow cloudwatch:PutMetricData to anybody in {vpc_id}" in text for text in texts)
    assert not any("reverted" in text for text in texts)
    say(f"{PREFIX}org", **json.loads(NARROW))
    days.sweeps(2)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(NARROW)
    assert frozen(vpc_id) == []


def test_parameters_without_end_beside_it_take_no_run_its_time_and_the_reason_is_said(days: Days) -> None:
    say(endpoint_policies={"default": "org"})
    say(f"{PREFIX}org", **json.loads(NARROW))
    for number in range(220):
        say(f"{PREFIX}a{number}")
    vpc_id = days.world.make_vpc()
    days.world.make_subnet(vpc_id)
    answer = reconcile(vpc_id)
    assert [action["status"] for action in answer["actions"]] == ["blocked"]
    assert "could not be read: there are more than 200 parameters" in answer["actions"][0]["error"]
    for number in range(21):
        boto3.client("ssm").delete_parameter(Name=f"{PREFIX}a{number}")
    assert {action["status"] for action in reconcile(vpc_id)["actions"]} == {"done"}


def told(days: Days) -> list[str]:
    """What people heard since, each in one line, but for the event path: no record of a sweep's calls arrives here."""
    beside = ("Lifeline made dry runs", "CloudTrail's Event history has changes")
    return [flat(text) for text in days.texts() if not text.startswith(beside)]


def test_a_policy_that_somebody_changed_is_set_again_twice_and_then_frozen(days: Days) -> None:
    say(endpoint_policies={"default": "org"})
    say(f"{PREFIX}org", **json.loads(NARROW))
    _, _, ours = served(days)
    days.after(1)
    days.texts()
    set_policy(days, ours, OPEN)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(NARROW)
    (text,) = days.texts()
    assert f"set the policy of {ours} to {PREFIX}org" in " ".join(text.split())
    set_policy(days, ours, OPEN)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(NARROW)
    set_policy(days, ours, OPEN)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(OPEN)
    (*_, text) = days.texts()
    assert f"the policy of {ours} was changed" in " ".join(text.split())
    days.sweeps(6)
    assert told(days) == [], "the notice of the freeze says it"


def told_once_opened(days: Days, endpoint_id: str) -> str:
    """The one notice of a day after somebody sets the endpoint's policy to full access."""
    days.texts()
    set_policy(days, endpoint_id, OPEN)
    days.sweeps(12, every=2)
    (text,) = told(days)
    assert f"the policy of {endpoint_id}" in text
    assert "team-b-dev/mallory" in text
    return text


def test_whoever_opens_one_while_a_claim_stands_is_heard_and_it_is_set_again_once_that_is_over(days: Days) -> None:
    say(endpoint_policies={"default": "org"})
    say(f"{PREFIX}org", **json.loads(NARROW))
    vpc_id, subnet_id, ours = served(days)
    days.after(1)
    days.deliver(refused(days, theirs(days, vpc_id, subnet_id)))
    days.sweeps(1)
    text = told_once_opened(days, ours)
    assert "CreateVpcEndpoint by deploy-role/terraform" in text
    days.sweeps(14, every=2)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(NARROW)


def test_whoever_opens_one_whose_service_is_frozen_for_something_else_is_heard_once(days: Days) -> None:
    say(endpoint_policies={"default": "org"})
    say(f"{PREFIX}org", **json.loads(NARROW))
    vpc_id, _, ours = served(days)
    days.after(1)
    for _ in range(3):
        days.clock.advance(MINUTES)
        days.world.ec2.modify_vpc_endpoint(VpcEndpointId=ours, PrivateDnsEnabled=False)
        days.sweeps(1)
    assert frozen(vpc_id) == ["monitoring"]
    days.sweeps(2)
    text = told_once_opened(days, ours)
    assert "frozen since" in text
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(OPEN)


def test_one_that_lets_nobody_in_between_looks_is_set_again_where_its_policy_is_named(days: Days) -> None:
    say(endpoint_policies={"default": "org"})
    say(f"{PREFIX}org", **json.loads(NARROW))
    _, _, ours = served(days)
    allow, now = json.loads(NARROW)["Statement"], datetime.now(UTC)  # reading a network takes the machine's own time
    begins, ends = (f"{now + timedelta(hours=hours):%FT%TZ}" for hours in (2, 3))
    window = {"DateGreaterThan": {"aws:CurrentTime": begins}, "DateLessThan": {"aws:CurrentTime": ends}}
    shut = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Condition": window}
    set_policy(days, ours, json.dumps({"Statement": [allow, shut]}))
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(NARROW)


def test_a_new_text_is_given_to_what_is_there_and_counts_for_nobodys_change(days: Days) -> None:
    say(endpoint_policies={"default": "org"})
    for number in range(4):
        document = json.loads(NARROW.replace("o-1", f"o-{number}"))
        say(f"{PREFIX}org", **document)
        if number == 0:
            vpc_id, _, ours = served(days)
        reconcile(vpc_id)
        days.clock.advance(MINUTES)
        assert json.loads(endpoint(days, ours)["PolicyDocument"]) == document


def test_one_that_can_no_longer_be_used_leaves_what_is_there_as_it_is(days: Days) -> None:
    say(endpoint_policies={"default": "org"})
    say(f"{PREFIX}org", **json.loads(NARROW))
    vpc_id, _, ours = served(days)
    boto3.client("ssm").delete_parameter(Name=f"{PREFIX}org")
    set_policy(days, ours, '{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}')
    answer = reconcile(vpc_id)
    assert [action["status"] for action in answer["actions"]] == ["blocked"]
    assert "doesn't exist" in answer["actions"][0]["error"]


def spoil(how: str, vpc_id: str) -> None:
    """Somebody makes the parameter unusable."""
    ssm = boto3.client("ssm")
    if how == "deleted":
        ssm.delete_parameter(Name=f"{PREFIX}org")
    if how == "invalid":
        ssm.put_parameter(Name=f"{PREFIX}org", Value="{", Type="String", Overwrite=True)
    if how == "shut for this VPC alone":
        say(f"{PREFIX}org", **shut_to({"StringNotEquals": {"aws:SourceVpc": vpc_id}}))
    if how == "one of too many":
        for number in range(210):
            say(f"{PREFIX}a{number}")


@pytest.mark.parametrize("how", ["deleted", "invalid", "shut for this VPC alone", "one of too many"])
def test_whoever_opens_an_endpoint_while_its_named_policy_cannot_be_used_is_heard_once_and_it_is_set_again_once_it_can(
    days: Days, how: str
) -> None:
    say(endpoint_policies={"default": "org"})
    say(f"{PREFIX}org", **json.loads(NARROW))
    vpc_id, _, ours = served(days)
    days.texts()
    spoil(how, vpc_id)
    days.sweeps(3)
    assert told(days) == [], "nothing changed there"
    set_policy(days, ours, OPEN)
    days.sweeps(30)
    (text,) = told(days)
    assert f"the policy of {ours} is no longer the one that Lifeline set" in text
    assert f"its endpoint policy {PREFIX}org" in text
    assert "mend the parameter" in text
    assert "team-b-dev/mallory" in text
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(OPEN)
    look = days.look(vpc_id)
    assert [(action["action"], action["status"]) for action in look["actions"]] == [("mend_policy", "blocked")]
    assert look["services"][0]["state"] == "served"

    for number in range(20):
        boto3.client("ssm").delete_parameters(Names=[f"{PREFIX}a{number}"])
    say(f"{PREFIX}org", **json.loads(NARROW))
    days.sweeps(2)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(NARROW)
    assert any(f"set the policy of {ours} to {PREFIX}org" in flat(text) for text in days.texts())


def test_whoever_changes_it_again_meanwhile_causes_no_notice_each_hour(days: Days) -> None:
    say(endpoint_policies={"default": "org"})
    say(f"{PREFIX}org", **json.loads(NARROW))
    _, _, ours = served(days)
    days.texts()
    boto3.client("ssm").delete_parameter(Name=f"{PREFIX}org")
    another = json.dumps({"Statement": [{**json.loads(OPEN)["Statement"][0], "Action": "cloudwatch:*"}]})
    for number in range(12):
        set_policy(days, ours, another if number % 2 else OPEN)
        days.sweeps(1)
    assert len([text for text in days.texts() if "no longer the one that Lifeline set" in flat(text)]) == 1


def test_whoever_first_shuts_it_meanwhile_is_heard_for_opening_it_too(days: Days) -> None:
    say(endpoint_policies={"default": "org"})
    say(f"{PREFIX}org", **json.loads(NARROW))
    _, _, ours = served(days)
    boto3.client("ssm").delete_parameter(Name=f"{PREFIX}org")
    set_policy(days, ours, json.dumps({"Statement": [{**json.loads(OPEN)["Statement"][0], "Effect": "Deny"}]}))
    days.sweeps(1)
    days.texts()
    set_policy(days, ours, OPEN)
    days.sweeps(3)
    (text,) = told(days)
    assert f"the policy of {ours} is no longer the one that Lifeline set" in text


def test_parameters_that_cannot_be_read_for_a_moment_are_no_notice(days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    say(endpoint_policies={"default": "org"})
    say(f"{PREFIX}org", **json.loads(NARROW))
    vpc_id, _, ours = served(days)
    days.texts()

    def throttled(_: EndpointPolicyStore) -> None:
        raise TransientError("Rate exceeded", code="ThrottlingException")

    with monkeypatch.context() as patch:
        patch.setattr(EndpointPolicyStore, "read", throttled)
        reconcile(vpc_id)
        days.sweeps(2)
    assert told(days) == []
    set_policy(days, ours, OPEN)
    assert json.loads(endpoint(days, ours)["PolicyDocument"]) == json.loads(NARROW)

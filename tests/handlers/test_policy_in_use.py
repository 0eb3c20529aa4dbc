"""The policy document, central endpoints and DNS attributes, through the whole handler."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from lifeline.core.policy.runbook import RUNBOOK
from lifeline.handlers.reconcile_endpoints import handler
from tests.support.agents import calls
from tests.support.cases import Case
from tests.support.world import Context, World, emulated_world

NAME = "/lifeline/policy"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(
        monkeypatch,
        POLICY_PARAMETER=NAME,
        CREATABLE_SERVICES="monitoring,logs,ssm",
        MAY_FIX_DNS="yes",
    ) as made:
        yield made


def say(document: object) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    boto3.client("ssm").put_parameter(Name=NAME, Value=text, Type="String", Overwrite=True)


def look(vpc_id: str) -> dict[str, Any]:
    (answer,) = handler({"vpc_ids": [vpc_id]}, Context())["vpcs"]
    return dict(answer)


def test_the_document_says_what_is_required_in_place_of_the_parameters(world: World) -> None:
    say({"version": 1, "rules": [{"require": ["logs"]}]})
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    look(vpc_id)
    assert [one["ServiceName"].rpartition(".")[2] for one in world.endpoints(vpc_id)] == ["logs"]


def test_an_invalid_document_never_acts_and_is_told_once_with_its_field(world: World) -> None:
    say({"version": 1, "rules": [{"require": "logs"}]})
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    for _ in range(2):
        answer = look(vpc_id)
    assert (answer["outcome"], answer["actions"]) == ("unchanged", [])
    assert "rules[0].require" in answer["note"]
    assert world.endpoints(vpc_id) == []
    (notice,) = world.notices()
    assert "rules[0].require" in json.loads(notice["Body"])["Message"]


def test_the_last_valid_document_goes_on_being_used(world: World) -> None:
    say({"version": 1, "rules": [{"require": ["logs"]}]})
    first = world.make_vpc()
    look(first)
    say("{")
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    assert look(vpc_id)["outcome"] == "changed"


def test_what_the_document_asks_beyond_the_role_is_blocked(world: World) -> None:
    say({"version": 1, "rules": [{"require": ["ec2"]}]})
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    (action,) = look(vpc_id)["actions"]
    assert action["status"] == "blocked"
    assert "CreatableServices" in action["error"]


@pytest.mark.parametrize("case", [{"POLICY_PARAMETER": NAME}], indirect=True)
def test_ports_that_nobody_uses_have_a_new_endpoint_take_the_path_that_there_is(case: Case) -> None:
    """Whoever says on which ports a service listens is believed."""
    say({"version": 1, "rules": [{"require": ["monitoring"]}], "backlog": "act", "ports": {"monitoring": [22]}})
    vpc_id, _, _ = case.behind_nat()
    assert [one["status"] for one in case.look(vpc_id)["actions"]] == ["done", "done"]
    case.later()
    (made,) = case.world.endpoints(vpc_id)
    assert made["PrivateDnsEnabled"]
    (group,) = case.world.ec2.describe_security_groups(GroupIds=[made["Groups"][0]["GroupId"]])["SecurityGroups"]
    assert {one["FromPort"] for one in group["IpPermissions"]} == {22}


def test_fix_dns_turns_the_attributes_on_before_the_endpoint_is_made(world: World) -> None:
    say({"version": 1, "rules": [{"require": ["logs"]}], "fix_dns": True})
    vpc_id = world.make_vpc(dns=False)
    world.make_subnet(vpc_id)
    actions = [(one["action"], one["status"]) for one in look(vpc_id)["actions"]]
    assert actions[0] == ("fix_dns", "done")
    assert actions[-1] == ("create_interface_endpoint", "done")
    found = world.ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute="enableDnsHostnames")
    assert found["EnableDnsHostnames"]["Value"] is True


def test_tags_exempt_and_require(world: World) -> None:
    say({"version": 1, "rules": [{"require": ["logs"]}]})
    exempt, other = world.make_vpc(), world.make_vpc()
    for vpc_id in (exempt, other):
        world.make_subnet(vpc_id)
    world.ec2.create_tags(Resources=[exempt], Tags=[{"Key": "lifeline:exempt", "Value": "true"}])
    world.ec2.create_tags(Resources=[other], Tags=[{"Key": "lifeline:require", "Value": "ssm"}])
    spared = look(exempt)
    assert spared["actions"] == []
    assert f"{exempt} is exempt from everything" in spared["note"]
    assert {one["service"] for one in look(other)["actions"] if one["service"]} == {"ssm"}


def test_a_hub_that_serves_the_vpc_through_a_private_zone_is_not_doubled(world: World) -> None:
    say({"version": 1, "rules": [{"require": ["logs"]}]})
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    world.hub_zone(vpc_id, "logs.us-east-1.amazonaws.com", "10.128.0.10")
    hub = world.ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    (table,) = world.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["RouteTables"]
    world.ec2.create_route(
        RouteTableId=table["RouteTableId"], DestinationCidrBlock="10.128.0.0/9", TransitGatewayId=hub
    )
    answer = look(vpc_id)
    assert (answer["actions"], world.endpoints(vpc_id)) == ([], [])
    assert [one["state"] for one in answer["services"]] == ["served centrally"]


def test_limits_of_a_changed_document_hold_from_the_next_run_on(world: World) -> None:
    say({"version": 1, "without_approval": {"endpoints_per_day": 0}})
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    assert {one["blocked_by"] for one in look(vpc_id)["actions"]} == {"endpoints_per_day"}
    say({"version": 1})  # what it doesn't say is as by default, and RequiredServices are required
    assert look(vpc_id)["outcome"] == "changed"
    assert [one["ServiceName"].rpartition(".")[2] for one in world.endpoints(vpc_id)] == ["monitoring"]


def test_what_is_written_is_kept_for_as_many_days_as_the_document_says(world: World) -> None:
    say({"version": 1, "ledger_days": 30})
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    look(vpc_id)
    exempted = handler({"exempt": [vpc_id], "days": 1}, Context())
    assert "errors" not in exempted
    items = world.dynamodb.scan(TableName="ledger")["Items"]
    kept = [
        datetime.fromtimestamp(int(one["expires_at"]["N"]), UTC) - datetime.now(UTC)
        for one in items
        if one["pk"]["S"].startswith("VPC#") and "expires_at" in one
    ]
    assert len(kept) >= 3  # the state, what was made, and the exemption
    assert all(timedelta(days=29, hours=23) < one <= timedelta(days=30) for one in kept)


def test_notices_and_events_lead_to_the_runbook_that_the_document_names(world: World) -> None:
    own = {"version": 1, "runbook_url": "https://wiki.example.com/lifeline"}
    for document, address in (({"version": 1}, f"{RUNBOOK}#endpoints"), (own, own["runbook_url"])):
        say(document)
        vpc_id = world.make_vpc()
        world.make_subnet(vpc_id)
        with calls("events") as made:
            look(vpc_id)
        (notice,) = world.notices()
        assert f"  Runbook: {address}\n" in json.loads(notice["Body"])["Message"]
        details = [json.loads(entry["Detail"]) for _, sent in made for entry in sent["Entries"]]
        assert {detail["runbook_url"] for detail in details} == {address}


@pytest.mark.parametrize("sends", [True, False])
def test_events_are_sent_unless_the_document_says_otherwise(world: World, *, sends: bool) -> None:
    say({"version": 1, **({} if sends else {"send_events": False})})
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    with calls("events") as made:
        look(vpc_id)
    assert bool(made) is sends

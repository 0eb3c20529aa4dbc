"""Which records tell of a change that matters, and what they tell of it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lifeline.core.errors import InvalidInputError
from lifeline.core.look_back.past_change import CALLS, RouteCall, in_order, read_past, records_in
from tests.support.cloudtrail import TERRAFORM, Failure, Identity, example_event, record_call
from tests.support.repository import ROOT

TABLE = "rtb-0123456789abcdef0"


def record(name: str, request: dict[str, Any], **more: Any) -> dict[str, Any]:
    detail: dict[str, Any] = record_call(name, request, **more)["detail"]
    return detail


def test_a_change_has_its_time_its_author_and_what_it_was_on() -> None:
    dana = Identity("ops", session="dana")
    found = read_past(
        record("DeleteRoute", {"RouteTableId": TABLE, "DestinationCidrBlock": "0.0.0.0/0"}, identity=dana)
    )
    assert found is not None
    assert found.at == datetime(2026, 3, 2, 9, 24, 20, tzinfo=UTC)
    assert (found.name, found.actor, found.tool) == ("DeleteRoute", "ops/dana", "")
    assert (found.account, found.region) == ("123456789012", "us-east-1")
    assert found.ids == {TABLE}
    assert found.route == RouteCall(TABLE, "0.0.0.0/0")


def test_a_tool_is_told_by_its_user_agent() -> None:
    found = read_past(record("DeleteRouteTable", {"RouteTableId": TABLE}, user_agent=TERRAFORM))
    assert found is not None
    assert found.tool == "Terraform"


@pytest.mark.parametrize("name", sorted(CALLS))
def test_every_call_that_the_rules_name_is_read(name: str) -> None:
    path = ROOT / f"events/cloudtrail/{name}.json"
    event = json.loads(path.read_text("utf-8")) if path.exists() else example_event(name)
    found = read_past(event["detail"])
    assert found is None or found.name == name
    assert found or name in {"CreateTags", "DeleteTags"}


@pytest.mark.parametrize(
    "name", ["DescribeVpcs", "RunInstances", "AttachNetworkInterface", "ModifyInstanceAttribute", "CreateVolume"]
)
def test_other_calls_arent_changes_that_matter(name: str) -> None:
    assert read_past(example_event(name)["detail"]) is None


def test_a_call_that_failed_changed_nothing() -> None:
    refused = Failure("DependencyViolation", "in use")
    assert read_past(record("DeleteSubnet", {"SubnetId": "subnet-0123456789abcdef0"}, failure=refused)) is None


def test_another_services_call_of_the_same_name_is_another() -> None:
    other = record("CreateRoute", {"RouteTableId": TABLE}) | {"eventSource": "appmesh.amazonaws.com"}
    assert read_past(other) is None


@pytest.mark.parametrize(
    ("resource_id", "matters"),
    [("vpc-0123456789abcdef0", True), ("subnet-0123456789abcdef0", True), ("i-0123456789abcdef0", False)],
)
def test_tags_matter_where_the_rule_lets_them_through(resource_id: str, matters: bool) -> None:
    request = {"Resources": [resource_id], "Tags": [{"Key": "Name", "Value": "x"}]}
    assert bool(read_past(record("CreateTags", request))) is matters


@pytest.mark.parametrize(
    ("request_", "target"),
    [
        ({"GatewayId": "igw-0123456789abcdef0"}, "igw-0123456789abcdef0"),
        ({"NatGatewayId": "nat-0123456789abcdef0"}, "nat-0123456789abcdef0"),
        ({"TransitGatewayId": "tgw-0123456789abcdef0"}, "tgw-0123456789abcdef0"),
        ({"NetworkInterfaceId": "eni-0123456789abcdef0"}, "eni-0123456789abcdef0"),
        ({"VpcEndpointId": "vpce-0123456789abcdef0"}, "vpce-0123456789abcdef0"),
    ],
)
def test_where_a_route_leads_is_read(request_: dict[str, str], target: str) -> None:
    found = read_past(record("CreateRoute", {"RouteTableId": TABLE, "DestinationCidrBlock": "0.0.0.0/0"} | request_))
    assert found is not None
    assert found.route == RouteCall(TABLE, "0.0.0.0/0", target)


@pytest.mark.parametrize(
    "destination",
    [{"DestinationIpv6CidrBlock": "::/0"}, {"DestinationPrefixListId": "pl-0123456789abcdef0"}],
)
def test_other_kinds_of_destinations_are_read(destination: dict[str, str]) -> None:
    found = read_past(record("DeleteRoute", {"RouteTableId": TABLE} | destination))
    assert found is not None
    assert found.route == RouteCall(TABLE, *destination.values())


@pytest.mark.parametrize(
    ("destination", "leads_out"),
    [
        ("0.0.0.0/0", True),
        ("::/0", True),
        ("52.94.0.0/16", True),
        ("0.0.0.0/1", True),
        ("pl-0123456789abcdef0", True),
        ("10.1.0.0/16", False),
        ("192.168.0.0/16", False),
        ("fd00:1::/32", False),
    ],
)
def test_a_route_to_private_addresses_alone_is_no_way_out(destination: str, leads_out: bool) -> None:
    assert RouteCall(TABLE, destination).leads_out is leads_out


def test_names_are_hashed_where_they_mustnt_be_shown() -> None:
    call = record("DeleteRouteTable", {"RouteTableId": TABLE}, identity=Identity("ops", session="dana"))
    found = read_past(call, hashes_names=True)
    assert found is not None
    assert found.actor.startswith("ops/session-")


def test_lifelines_own_calls_are_known_by_their_user_agent() -> None:
    request = {"RouteTableId": TABLE}
    own = read_past(record("DeleteRouteTable", request, user_agent="[Boto3/1.40 Botocore/1.40 lifeline]"))
    other = read_past(record("DeleteRouteTable", request, user_agent="lifeline-of-others/1.0"))
    assert own is not None
    assert other is not None
    assert (own.is_own, other.is_own) == (True, False)


@pytest.mark.parametrize("broken", [{"eventTime": None}, {"eventTime": "yesterday"}])
def test_a_record_that_cant_be_read_is_refused_in_words(broken: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="eventTime"):
        read_past(record("DeleteRouteTable", {"RouteTableId": TABLE}) | broken)


def test_the_same_record_twice_counts_once_and_the_oldest_comes_first() -> None:
    late, early = (
        read_past(record("DeleteRouteTable", {"RouteTableId": TABLE}, at=datetime(2026, 3, day, tzinfo=UTC)))
        for day in (3, 2)
    )
    assert late is not None
    assert early is not None
    assert in_order([late, early, late]) == (early, late)


# ---- files


def test_records_are_found_in_all_forms_of_files() -> None:
    event = example_event("DeleteRoute")
    detail = event["detail"]
    printed = {"Events": [{"EventId": "x", "CloudTrailEvent": json.dumps(detail)}]}
    for content in ({"Records": [detail]}, [detail], detail, event, [event], printed):
        assert [*records_in(content)] == [detail]
    assert [*records_in({"Records": []})] == []


@pytest.mark.parametrize("content", [{"vpc_ids": []}, ["x"], 7, {"Records": [{}]}])
def test_what_is_no_record_is_refused(content: object) -> None:
    with pytest.raises(InvalidInputError, match=r"Records\[0\]: must be a CloudTrail record"):
        [*records_in(content)]


def test_a_record_that_is_none_costs_no_other_and_a_digest_has_none() -> None:
    one, other = record("CreateRoute", {"routeTableId": TABLE}), record("DeleteRoute", {"routeTableId": TABLE})
    first, fault, last = records_in({"Records": [one, {"x": 1}, other]})
    assert (first, str(fault).partition(":")[0], last) == (one, "Records[1]", other)
    printed = {"Events": [{"EventId": "x"}, {"CloudTrailEvent": json.dumps(one)}, {"CloudTrailEvent": "{"}]}
    assert [isinstance(found, InvalidInputError) for found in records_in(printed)] == [True, False, True]
    digest = {"awsAccountId": "123456789012", "digestStartTime": "2026-11-01T00:00:00Z", "logFiles": []}
    assert [*records_in(digest)] == []

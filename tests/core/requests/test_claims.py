"""Which records of refused calls are claims."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.coexist.claims import Claim
from lifeline.core.requests.calls import read_request
from lifeline.core.requests.claims import read_claim
from tests.support.builders import MONITORING, S3
from tests.support.repository import ROOT

ATTEMPTS = ROOT / "events/attempts"
DOMAIN = "monitoring.us-east-1.amazonaws.com"
CONFLICT = (
    f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for {DOMAIN} in the VPC"
)
TABLE_ID = "rtb-0123456789abcdef0"
ENDPOINT_ID = "vpce-0123456789abcdef0"
CLAIM = Claim(service_name=MONITORING, domain=DOMAIN)


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("CreateVpcEndpoint", CLAIM),
        ("ModifyVpcEndpoint", Claim(domain=DOMAIN, endpoint_id="vpce-0123456789abcdef0")),
        ("CreateVpcEndpoint-gateway", Claim(service_name=S3, route_table_ids=(TABLE_ID,))),
        ("DeleteVpc", None),
        ("DeleteSubnet", None),
    ],
)
def test_the_samples_of_refused_calls_are_read(name: str, claim: Claim | None) -> None:
    request = read_request(json.loads((ATTEMPTS / f"{name}.json").read_text()))
    assert (request.claim, request.trigger.kind) == (claim, "attempt")


@pytest.mark.parametrize(
    "request_parameters",
    [
        {"CreateVpcEndpointRequest": {"ServiceName": S3, "RouteTableId": [{"tag": 1, "content": TABLE_ID}]}},
        {"CreateVpcEndpointRequest": {"ServiceName": S3, "RouteTableId": {"tag": 1, "content": TABLE_ID}}},
    ],
)
def test_one_route_table_or_several_are_read(request_parameters: dict[str, Any]) -> None:
    claim = read_claim("CreateVpcEndpoint", "RouteAlreadyExists", "", request_parameters)
    assert claim == Claim(service_name=S3, route_table_ids=(TABLE_ID,))


def test_the_policy_that_a_call_sets_is_read() -> None:
    policy = '{"Statement": []}'
    wanted = {"ServiceName": S3, "RouteTableId": {"content": TABLE_ID}, "PolicyDocument": policy}
    claim = read_claim("CreateVpcEndpoint", "RouteAlreadyExists", "", {"CreateVpcEndpointRequest": wanted})
    assert claim == Claim(S3, route_table_ids=(TABLE_ID,), policy=policy)


def test_route_tables_that_a_call_takes_off_are_not_claimed() -> None:
    request = {"ModifyVpcEndpointRequest": {"RemoveRouteTableId": {"content": TABLE_ID}}}
    assert read_claim("ModifyVpcEndpoint", "RouteAlreadyExists", "", request) is None


@pytest.mark.parametrize(
    ("event_name", "failure", "message"),
    [
        ("DeleteVpc", "InvalidParameter", CONFLICT),
        ("CreateVpcEndpoint", "UnauthorizedOperation", CONFLICT),
        ("CreateVpcEndpoint", "InvalidParameter", "Enabling private DNS requires both attributes"),
        ("CreateVpcEndpoint", "RouteAlreadyExists", "route table has a route"),
    ],
)
def test_a_call_that_was_refused_for_another_reason_claims_nothing(event_name: str, failure: str, message: str) -> None:
    assert read_claim(event_name, failure, message, {}) is None


def test_what_isnt_of_its_form_is_left_out() -> None:
    request = {"CreateVpcEndpointRequest": {"ServiceName": "x;rm -rf\n", "VpcEndpointId": "vpce-1"}}
    assert read_claim("CreateVpcEndpoint", "InvalidParameter", CONFLICT, request) == Claim(domain=DOMAIN)


_PARTS = st.recursive(
    st.none() | st.text(max_size=6) | st.just(TABLE_ID),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(["RouteTableId", "ServiceName", "y"]), one),
    max_leaves=10,
)


@given(_PARTS, st.sampled_from(["InvalidParameter", "RouteAlreadyExists"]), st.text(max_size=20))
def test_whatever_a_request_holds_it_is_read(request: Any, failure: str, message: str) -> None:
    claim = read_claim("CreateVpcEndpoint", failure, message, request)
    assert claim is None or set(claim.route_table_ids) <= {TABLE_ID}


@pytest.mark.parametrize(
    "message",
    [
        f"The value ({CONFLICT}) is invalid",
        f"service name x: {CONFLICT} vpc-0123456789abcdef0",
        f"conflicting DNS domain for {DOMAIN}",
    ],
)
def test_a_message_that_only_quotes_the_words_of_a_conflict_is_none(message: str) -> None:
    assert read_claim("CreateVpcEndpoint", "InvalidParameter", message, {}) is None


@pytest.mark.parametrize("end", ["", " in the VPC vpc-0123456789abcdef0", " in the VPC vpc-0123456789abcdef0."])
def test_the_conflict_is_read_whatever_vpc_the_message_names(end: str) -> None:
    message = CONFLICT.removesuffix(" in the VPC") + end
    assert read_claim("CreateVpcEndpoint", "InvalidParameter", message, {}) == Claim(domain=DOMAIN)


def test_what_tags_and_tokens_say_is_never_a_part_of_a_claim() -> None:
    policy = json.dumps({"ServiceName": S3, "VpcEndpointId": ENDPOINT_ID})
    request = {
        "CreateVpcEndpointRequest": {
            "ClientToken": ENDPOINT_ID,
            "TagSpecification": {"tag": 1, "Tag": {"tag": 1, "Key": "VpcEndpointId", "Value": ENDPOINT_ID}},
            "PolicyDocument": policy,
            "DnsOptions": {"ServiceName": S3, "VpcEndpointId": ENDPOINT_ID},
        }
    }
    claim = read_claim("CreateVpcEndpoint", "InvalidParameter", CONFLICT, request)
    assert claim == Claim(domain=DOMAIN, policy=policy)

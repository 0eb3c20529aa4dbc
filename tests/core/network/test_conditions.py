"""Which conditions of an endpoint's policy hold for each call of the VPC's clients, or for none, and which may."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.network.conditions import Match, call_through, match_conditions
from lifeline.core.network.endpoint_policy import Opening, judge_policy
from tests.support.builders import MONITORING, VPC_ID, endpoint, subnet, vpc

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
CALL = call_through("vpce-1", VPC_ID, "us-east-1", ("10.0.0.0/16",), NOW)


@pytest.mark.parametrize(
    ("holds", "conditions"),
    [
        ("yes", {"StringEquals": {"aws:SourceVpc": VPC_ID}}),
        ("yes", {"StringEquals": {"AWS:sourceVPC": ["vpc-other", VPC_ID]}}),
        ("no", {"StringEquals": {"aws:SourceVpc": "vpc-other"}}),
        ("no", {"StringNotEquals": {"aws:SourceVpc": ["vpc-other", VPC_ID]}}),
        ("yes", {"StringNotEquals": {"aws:SourceVpc": "vpc-other"}}),
        ("yes", {"StringNotEqualsIfExists": {"aws:SourceVpce": ["vpce-2"]}}),
        ("no", {"StringEqualsIfExists": {"aws:SourceVpce": "vpce-2"}}),
        ("no", {"StringEquals": {"aws:SourceVpce": "vpce-*"}}),
        ("yes", {"StringLike": {"aws:SourceVpce": "vpce-*"}}),
        ("yes", {"StringNotLike": {"aws:SourceVpce": "vpce-2*"}}),
        ("no", {"StringEqualsIgnoreCase": {"aws:SourceVpce": "VPCE-2"}}),
        ("yes", {"StringEqualsIgnoreCase": {"aws:SourceVpce": "VPCE-1"}}),
        ("yes", {"ForAnyValue:StringEquals": {"aws:SourceVpce": ["vpce-1"]}}),
        ("no", {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}),
        # aws:SourceIp isn't there through an endpoint
        ("no", {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
        ("yes", {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
        ("yes", {"IpAddressIfExists": {"aws:SourceIp": "203.0.113.0/24"}}),
        ("yes", {"NotIpAddressIfExists": {"aws:SourceIp": "203.0.113.0/24"}}),
        ("yes", {"ForAllValues:IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
        ("no", {"ForAnyValue:IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
        # but the client's private address is
        ("yes", {"IpAddress": {"aws:VpcSourceIp": ["10.0.0.0/8"]}}),
        ("no", {"NotIpAddress": {"aws:VpcSourceIp": ["10.0.0.0/8"]}}),
        ("no", {"IpAddress": {"aws:VpcSourceIp": "192.168.0.0/16"}}),
        ("no", {"IpAddress": {"aws:VpcSourceIp": "::/0"}}),
        ("depends", {"IpAddress": {"aws:VpcSourceIp": "10.0.1.0/24"}}),
        ("depends", {"IpAddress": {"aws:VpcSourceIp": "my office"}}),
        # whichever of several blocks it is in
        ("yes", {"IpAddress": {"aws:VpcSourceIp": ["10.0.0.0/17", "10.0.128.0/17"]}}),
        ("no", {"NotIpAddress": {"aws:VpcSourceIp": ["10.0.128.0/17", "my office", "10.0.0.0/17", "::/0"]}}),
        ("depends", {"IpAddress": {"aws:VpcSourceIp": ["10.0.0.0/17", "10.0.128.0/18"]}}),
        ("depends", {"IpAddress": {"aws:VpcSourceIp": ["192.168.0.0/16", "my office"]}}),
        ("no", {"IpAddress": {"aws:VpcSourceIp": ["192.168.0.0/16", "::/0"]}}),
        ("depends", {"StringEquals": {"aws:SourceVpc": [VPC_ID, {"no": "text"}]}}),
        ("depends", {"StringEquals": {"aws:SourceVpc": [{"no": "text"}, VPC_ID]}}),
        ("depends", {"StringEquals": {"aws:SourceVpc": []}}),
        ("depends", {"IpAddress": {"aws:PrincipalTag/office": "10.0.0.0/8"}}),
        # time
        ("no", {"DateLessThan": {"aws:CurrentTime": "2026-03-02T09:30:00Z"}}),
        ("yes", {"DateLessThanEquals": {"aws:CurrentTime": "2026-03-02T09:30:00Z"}}),
        ("yes", {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01"}}),
        ("no", {"DateGreaterThan": {"aws:CurrentTime": "2099-12-31T00:00:00Z"}}),
        ("yes", {"DateNotEquals": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}),
        ("no", {"DateLessThan": {"aws:EpochTime": "1577836800"}}),
        ("no", {"NumericLessThan": {"aws:EpochTime": 1577836800}}),
        ("yes", {"NumericGreaterThanEquals": {"aws:EpochTime": 1577836800}}),
        ("depends", {"DateLessThan": {"aws:CurrentTime": "soon"}}),
        ("depends", {"DateLessThan": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}}),
        ("depends", {"NumericLessThan": {"s3:TlsVersion": "9"}}),
        # TLS
        ("no", {"Bool": {"aws:SecureTransport": "false"}}),
        ("no", {"Bool": {"aws:SecureTransport": False}}),
        ("yes", {"BoolIfExists": {"aws:SecureTransport": "TRUE"}}),
        # what is there
        ("yes", {"Null": {"aws:SourceIp": "true"}}),
        ("no", {"Null": {"aws:SourceIp": False}}),
        ("yes", {"Null": {"aws:SourceVpce": "false"}}),
        ("no", {"Null": {"aws:SourceVpc": "true"}}),
        ("no", {"Null": {"aws:PrincipalArn": "true"}}),
        ("yes", {"Null": {"aws:CurrentTime": "false"}}),
        ("depends", {"Null": {"aws:PrincipalTag/team": "true"}}),
        ("depends", {"Null": {"aws:SourceVpc": ["true", "false"]}}),
        ("yes", {"StringLike": {"aws:PrincipalArn": "*"}}),
        ("yes", {"StringLike": {"aws:userid": "*"}}),
        ("depends", {"StringLike": {"aws:userid": "AROAEXAMPLE:*"}}),
        ("depends", {"StringLike": {"aws:PrincipalTag/team": "*"}}),
        ("no", {"ArnNotLike": {"aws:PrincipalArn": "*"}}),
        # who calls isn't known
        ("depends", {"StringEquals": {"aws:PrincipalAccount": "999999999999"}}),
        ("depends", {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}),
        ("depends", {"StringEquals": {"aws:SourceVpc": "${aws:PrincipalTag/vpc}"}}),
        ("depends", {"StringEquals": {"aws:SourceVpc": ["vpc-other", "${aws:PrincipalTag/vpc}"]}}),
        ("depends", {"StringEquals": {"aws:SourceVpc": [{"a": 1}]}}),
        ("depends", {"BinaryEquals": {"aws:SourceVpc": "QmFk"}}),
        ("depends", {"StringEquals": "aws:SourceVpc"}),
        # which account the VPC and the endpoint are of, isn't judged
        ("depends", {"ArnLike": {"aws:SourceVpcArn": f"arn:aws:ec2:us-east-1:*:vpc/{VPC_ID}"}}),
        ("depends", {"StringEquals": {"aws:VpceAccount": "123456789012"}}),
        # an operator that doesn't fit
        ("yes", {"ArnLike": {"aws:SourceVpc": VPC_ID}}),
        ("no", {"Bool": {"aws:SourceVpc": "true"}}),
        ("no", {"StringEquals": {"aws:SecureTransport": "false"}}),
        ("depends", {"IpAddress": {"aws:SourceVpc": "10.0.0.0/8"}}),
        # all of them have to
        ("no", {"StringEquals": {"aws:SourceVpc": "vpc-other", "aws:PrincipalOrgID": "o-1"}}),
        ("no", {"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
        ("depends", {"StringEquals": {"aws:SourceVpc": VPC_ID, "aws:PrincipalOrgID": "o-1"}}),
        ("yes", {"StringEquals": {"aws:SourceVpc": VPC_ID, "aws:SourceVpce": "vpce-1"}}),
        ("yes", {}),
    ],
)
def test_a_condition_holds_for_everybody_for_nobody_or_it_is_not_known(holds: str, conditions: Any) -> None:
    assert match_conditions(conditions, CALL) is Match(holds)


@pytest.mark.parametrize(
    "key", ["aws:CurrentTime", "aws:EpochTime", "aws:PrincipalAccount", "aws:PrincipalArn", "aws:userid"]
)
def test_every_signed_request_has_a_time_and_a_caller(key: str) -> None:
    assert match_conditions({"Null": {key: "false"}}, CALL) is Match.YES


@pytest.mark.parametrize(
    "key",
    [
        "aws:CalledVia",
        "aws:CalledViaFirst",
        "aws:CalledViaLast",
        "aws:PrincipalServiceName",
        "aws:PrincipalServiceNamesList",
        "aws:SourceAccount",
        "aws:SourceArn",
        "aws:SourceOrgID",
        "aws:SourceOrgPaths",
    ],
)
def test_no_request_of_a_client_has_what_only_services_send(key: str) -> None:
    assert match_conditions({"Null": {key: "true"}}, CALL) is Match.YES


def test_without_knowing_when_and_from_where_a_call_is_made_nothing_is_certain_of_that() -> None:
    call = call_through("vpce-1", VPC_ID, "", (), None)
    for conditions in (
        {"DateLessThan": {"aws:CurrentTime": "2020-01-01"}},
        {"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}},
        {"StringEquals": {"aws:RequestedRegion": "us-east-1"}},
    ):
        assert match_conditions(conditions, call) is Match.DEPENDS


def opening(effect: str, conditions: Any) -> Opening:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    statements = [allow | {"Effect": effect, "Condition": conditions}, *([allow] if effect == "Deny" else [])]
    found = endpoint(MONITORING, "a", policy=json.dumps({"Statement": statements}))
    return judge_policy(found, vpc(subnet("a"), found, read_at=NOW)).opening


@pytest.mark.parametrize(
    "always",
    [
        {"StringNotEquals": {"aws:SourceVpc": "vpc-other"}},
        {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
        {"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/16"}},
        {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}},
        {"NumericGreaterThan": {"aws:EpochTime": "1"}},
        {"NumericGreaterThan": {"aws:EpochTime": 2026}},
        {"Bool": {"aws:SecureTransport": "true"}},
        {"Null": {"aws:SourceVpce": "false"}},
        {"ArnLike": {"aws:PrincipalArn": "arn:*:*:*:*:*"}},
        {"StringLike": {"aws:userid": "?*"}},
    ],
)
def test_a_deny_whose_condition_always_holds_shuts_an_endpoint_and_an_allow_opens_it(always: Any) -> None:
    assert opening("Deny", always) is Opening.SHUT
    assert opening("Allow", always) is Opening.OPEN


@pytest.mark.parametrize(
    "never",
    [
        {"StringEquals": {"aws:SourceVpce": "vpce-other"}},
        {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}},
        {"DateLessThan": {"aws:CurrentTime": "2026-03-02T09:29:59Z"}},
        {"Bool": {"aws:SecureTransport": "false"}},
        {"Null": {"aws:SourceVpc": "true"}},
    ],
)
def test_an_allow_whose_condition_never_holds_shuts_an_endpoint_and_a_deny_does_nothing(never: Any) -> None:
    assert opening("Allow", never) is Opening.SHUT
    assert opening("Deny", never) is Opening.OPEN


def test_a_condition_that_may_hold_leaves_it_open_what_passes() -> None:
    for effect in ("Allow", "Deny"):
        assert opening(effect, {"StringEquals": {"aws:PrincipalAccount": "999999999999"}}) is Opening.NARROW


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["DateEquals", "IpAddress", "Null", "Bool", "aws:CurrentTime", "aws:VpcSourceIp"]), inner
        )
    ),
)


@given(_JSON)
def test_conditions_of_any_shape_are_answered(conditions: Any) -> None:
    assert match_conditions(conditions, CALL) in set(Match)


# ---- who calls: the principals of the VPC's account, whichever they are

ACCOUNT, STRANGER = "123456789012", "999999999999"
OF_ACCOUNT = call_through("vpce-1", VPC_ID, "us-east-1", ("10.0.0.0/16",), NOW, ACCOUNT)


@pytest.mark.parametrize(
    ("holds", "conditions"),
    [
        ("yes", {"StringEquals": {"aws:PrincipalAccount": [STRANGER, ACCOUNT]}}),
        ("no", {"StringEquals": {"aws:PrincipalAccount": STRANGER}}),
        ("no", {"StringNotEqualsIfExists": {"aws:PrincipalAccount": ACCOUNT}}),
        ("yes", {"StringNotLike": {"aws:PrincipalAccount": "9999*"}}),
        ("no", {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{STRANGER}:role/*"}}),
        ("yes", {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{STRANGER}:*"}}),
        ("no", {"StringEquals": {"aws:PrincipalArn": f"arn:aws:iam::{STRANGER}:role/agent"}}),
        ("yes", {"StringLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:*"}}),
        ("yes", {"ArnLike": {"aws:PrincipalArn": "arn:*:*:*:*:*"}}),
        ("yes", {"StringLike": {"aws:PrincipalArn": "arn:*"}}),
        ("no", {"ArnNotLike": {"aws:PrincipalArn": "a?n:*::*"}}),
        ("depends", {"StringLike": {"aws:PrincipalArn": "arn:aws:*"}}),
        ("depends", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:*"}}),
        ("depends", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}),
        ("depends", {"StringLike": {"aws:PrincipalArn": "arn:aws-cn:*"}}),
        ("depends", {"StringLike": {"aws:PrincipalArn": "*/*"}}),
        ("depends", {"ArnLike": {"aws:PrincipalArn": "arn:*:*:*:*:????"}}),
        ("yes", {"StringLike": {"aws:userid": "?*"}}),
        ("depends", {"StringLike": {"aws:userid": "*:*"}}),
        ("depends", {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/*"}}),
        ("depends", {"StringEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/agent"}}),
        ("depends", {"StringEquals": {"aws:userid": "AROAEXAMPLE:i-1"}}),
        ("depends", {"StringEquals": {"aws:PrincipalTag/team": "a"}}),
        ("depends", {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
        # clients are no AWS services, and call by none
        ("yes", {"Bool": {"aws:PrincipalIsAWSService": "false"}}),
        ("no", {"Bool": {"aws:ViaAWSService": "true"}}),
        ("no", {"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
        ("yes", {"StringNotEquals": {"aws:SourceOrgID": "o-1"}}),
        ("no", {"ForAnyValue:StringEquals": {"aws:CalledVia": "athena.amazonaws.com"}}),
        ("no", {"ArnLike": {"aws:SourceArn": "*"}}),
        ("no", {"Null": {"aws:PrincipalServiceName": "false"}}),
    ],
)
def test_a_condition_on_who_calls_is_judged_by_the_vpcs_account(holds: str, conditions: Any) -> None:
    assert match_conditions(conditions, OF_ACCOUNT) is Match(holds)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([("Allow", {"Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}})], Opening.SHUT),
        ([("Allow", {"Principal": {"AWS": STRANGER}})], Opening.SHUT),
        ([("Allow", {"Principal": {"Service": "ec2.amazonaws.com"}})], Opening.SHUT),
        ([("Allow", {"Principal": {"AWS": [STRANGER, "*"]}})], Opening.OPEN),
        ([("Allow", {"Principal": "*"}), ("Deny", {"Principal": {"AWS": STRANGER}})], Opening.OPEN),
        ([("Allow", {"Principal": "*"}), ("Deny", {"NotPrincipal": {"AWS": STRANGER}})], Opening.SHUT),
        ([("Allow", {"NotPrincipal": {"AWS": f"arn:aws:iam::{STRANGER}:role/x"}})], Opening.OPEN),
        ([("Allow", {"NotPrincipal": "*"})], Opening.SHUT),
        # Whether a principal of the account's own exists, or is the one that calls, isn't known.
        ([("Allow", {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/gone"}})], Opening.NARROW),
        ([("Allow", {"Principal": {"AWS": "AROAEXAMPLEEXAMPLE"}})], Opening.NARROW),
        ([("Allow", {"Principal": "*"}), ("Deny", {"Principal": {"AWS": ACCOUNT}})], Opening.NARROW),
        ([("Allow", {"Principal": {"Federated": "cognito-identity.amazonaws.com"}})], Opening.NARROW),
        ([("Allow", {"Principal": {"AWS": STRANGER, "Federated": "a"}})], Opening.NARROW),
        ([("Allow", {"Principal": {"AWS": []}})], Opening.NARROW),
    ],
)
def test_an_endpoint_serves_nobody_where_its_policy_means_no_caller_of_the_vpcs_account(
    statements: list[tuple[str, dict[str, Any]]], expected: Opening
) -> None:
    written = [{"Effect": effect, "Action": "*", "Resource": "*", **who} for effect, who in statements]
    found = endpoint(MONITORING, "a", policy=json.dumps({"Statement": written}))
    network = vpc(subnet("a"), found, read_at=NOW)
    assert judge_policy(found, replace(network, owner_id=ACCOUNT)).opening is expected
    without_account = judge_policy(found, network).opening
    assert without_account in {expected, Opening.NARROW}

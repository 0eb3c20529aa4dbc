"""Which policy an endpoint gets; and the documented ones, judged."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lifeline.core.network.endpoint_policy import Opening, judge_policy
from lifeline.core.network.model import EndpointType, Service, Vpc
from lifeline.core.policy.endpoint_policies import (
    ChosenPolicy,
    EndpointPolicies,
    StoredPolicy,
    policy_print,
    same_policy,
)
from tests.docs.pages import blocks
from tests.support.builders import MONITORING, S3, endpoint, vpc
from tests.support.repository import ROOT

PREFIX = "/lifeline/lifeline/endpoint-policies/"
INTERFACE = Service(MONITORING, EndpointType.INTERFACE)
GATEWAY = Service(S3, EndpointType.GATEWAY)
OPEN = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
ORGANIZATION = "o-a1b2c3d4e5"
HERE: dict[str, Any] = {"owner_id": "123456789012", "interfaces": (), "read_at": datetime(2026, 3, 2, tzinfo=UTC)}


def policy(**changed: object) -> str:
    statement = {key: value for key, value in {**OPEN, **changed}.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def choose(
    text: str, service: Service = INTERFACE, there: Vpc | None = None, endpoint_id: str = "", **more: Any
) -> ChosenPolicy:
    given: dict[str, Any] = {
        "named": {"default": "org"},
        "stored": {"org": StoredPolicy(text)},
        "prefix": PREFIX,
        "variables": {"account": "123456789012", "organization": ORGANIZATION, "region": "us-east-1"},
    }
    return EndpointPolicies(**{**given, **more}).choose(service, there or vpc(), endpoint_id)


def test_without_a_name_it_is_full_access_and_that_is_said() -> None:
    assert choose("", named={}) == ChosenPolicy()
    assert choose("", named={"s3": "org"}).words == "full access"


def test_the_services_own_goes_before_the_default() -> None:
    stored = {"org": StoredPolicy(policy()), "narrow": StoredPolicy(policy(Action="s3:GetObject"))}
    named = {"default": "org", "s3": "narrow"}
    assert choose("", named=named, stored=stored).name == f"{PREFIX}org"
    assert choose("", GATEWAY, named=named, stored=stored).name == f"{PREFIX}narrow"


def test_a_service_that_takes_none_gets_none_and_that_is_said() -> None:
    found = choose(policy(), replace(INTERFACE, takes_policy=False))
    assert (found.document, found.refusal) == ("", "")
    assert "don't take policies" in found.words


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceVpc": "vpc-0"}},
        {"StringEquals": {"aws:SourceVpce": "vpce-0"}},
        {"IpAddress": {"aws:VpcSourceIp": "192.0.2.0/24"}},
        {"StringEquals": {"aws:PrincipalAccount": "999999999999"}},
        {"DateGreaterThan": {"aws:CurrentTime": "2099-01-01T00:00:00Z"}},
        {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}},
    ],
)
def test_one_whose_condition_holds_for_nobody_in_the_vpc_is_refused(condition: dict[str, Any]) -> None:
    found = choose(policy(Condition=condition), there=replace(vpc(), **HERE))
    assert (found.document, found.name) == ("", f"{PREFIX}org")
    assert f"doesn't allow cloudwatch:PutMetricData to anybody in {vpc().id}" in found.refusal


@pytest.mark.parametrize(
    ("condition", "endpoint_id", "is_taken"),
    [
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, "vpce-1", True),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, "vpce-2", False),
        ({"StringLike": {"aws:SourceVpce": "vpce-*"}}, "", True),
        ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, "", True),
        ({"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}, "", True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, "", True),
    ],
)
def test_one_that_lets_somebody_in_through_that_very_endpoint_is_taken(
    condition: dict[str, Any], endpoint_id: str, *, is_taken: bool
) -> None:
    found = choose(policy(Condition=condition), there=replace(vpc(), **HERE), endpoint_id=endpoint_id)
    assert bool(found.document) is is_taken


def test_one_for_another_account_is_taken_while_nobody_has_read_whose_clients_are_there() -> None:
    """As in a VPC that is shared with it, where the owner's own account may have none."""
    text = policy(Condition={"StringEquals": {"aws:PrincipalAccount": "999999999999"}})
    assert choose(text, there=replace(vpc(), owner_id="123456789012")).document == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "isn't JSON"),
        ("[]", "isn't a JSON object"),
        ("{}", "has no Statement"),
        ('{"Statement": []}', "has no Statement"),
        ('{"Statements": []}', "did you mean Statement?"),
        (json.dumps({"Version": "2026-01-01", "Statement": OPEN}), "must have Version"),
        (policy(Effect="allow"), "Statement[0].Effect"),
        (policy(Principal=None), "Principal or NotPrincipal"),
        (policy(NotAction="s3:*"), "Action or NotAction, and only one"),
        (policy(Resource=None), "Resource or NotResource"),
        (policy(Action=[]), "Statement[0].Action"),
        (policy(Principal="me"), "Statement[0].Principal"),
        (policy(Condition="x"), "Statement[0].Condition"),
        (policy(Actions="*"), "did you mean Action?"),
        (policy(Effect="Deny"), "would serve nobody"),
        (policy(Action="s3:*"), "would serve nobody"),
        (policy(Resource="${organisation}"), "did you mean organization?"),
        (policy(Sid="a" * 20_480), "20480 are the most"),
        (policy(Actions="*"), "there is no member Actions; did"),
        (policy(Principal={"Aws": "*"}), "Statement[0].Principal: there is no member Aws; did you mean AWS?"),
        (policy(Condition={"StringEqual": {"aws:SourceVpc": "x"}}), "did you mean StringEquals?"),
        (policy(Condition={"ForAnyValues:StringLike": {"aws:SourceVpc": "x"}}), "no operator ForAnyValues:StringLike"),
        (policy(Resource="${AWS::AccountId}"), "uses the variable ${AWS::AccountId}; did you mean account?"),
        ('{"Statement": [{"Effect": "Deny", "Effect": "Allow"}]}', "has Effect twice in one object"),
    ],
)
def test_a_wrong_one_is_refused_in_words_and_never_full_access(text: str, words: str) -> None:
    found = choose(text)
    assert words in found.refusal
    assert found.refusal.startswith(f"its endpoint policy {PREFIX}org ")
    assert found.document == ""


@pytest.mark.parametrize("operator", ["StringLikeIfExists", "ForAllValues:StringLike", "Bool", "stringEquals"])
def test_operators_of_iam_are_taken(operator: str) -> None:
    assert choose(policy(Condition={operator: {"aws:PrincipalOrgID": "o-1"}})).refusal == ""


def test_a_missing_an_encrypted_and_an_unread_one_are_refused_with_the_name() -> None:
    assert "doesn't exist; did you mean org-1?" in choose("", stored={"org-1": StoredPolicy(policy())}).refusal
    assert "there is none under this prefix" in choose("", stored={}).refusal
    assert "is a SecureString" in choose("", stored={"org": StoredPolicy("AQ==", "SecureString")}).refusal
    assert "could not be read: AccessDenied" in choose("", unread="AccessDenied").refusal


def test_a_gateways_callers_are_named_by_conditions() -> None:
    text = policy(Principal={"AWS": "arn:aws:iam::123456789012:root"})
    assert 'must be "*"' in choose(text, GATEWAY).refusal
    assert choose(text).refusal == ""


def test_variables_are_filled_in_and_iams_own_stay() -> None:
    text = policy(Resource="arn:aws:x:${region}:${account}:${vpc}/${organization}/${aws:username}/${*}")
    written = json.loads(choose(text, GATEWAY).document)["Statement"][0]["Resource"]
    assert written == f"arn:aws:x:us-east-1:123456789012:{vpc().id}/{ORGANIZATION}/${{aws:username}}/${{*}}"
    refused = choose(text, GATEWAY, variables={"account": "1", "organization": "", "region": "x"}).refusal
    assert "uses ${organization}: add it to the policy as organization" in refused


def test_the_same_policy_is_the_same_however_it_is_written() -> None:
    one = {"Statement": {**OPEN, "Action": "s3:Get*", "Principal": {"AWS": "*"}}, "Version": "2012-10-17"}
    other = {"Version": "2012-10-17", "Statement": [{**OPEN, "Action": ["S3:get*"]}]}
    assert same_policy(json.dumps(one), json.dumps(other, indent=2))
    assert not same_policy(json.dumps(one), policy())
    account = policy(Principal={"AWS": "123456789012"})
    assert same_policy(account, policy(Principal={"AWS": ["arn:aws:iam::123456789012:root"]}))
    assert not same_policy(account, policy(Principal={"AWS": "210987654321"}))


@pytest.mark.parametrize(
    "keys",
    [
        '"AWS:PrincipalOrgID": "o-2", "aws:PrincipalOrgID": "o-1"',
        '"aws:PrincipalOrgID": "o-1", "AWS:PrincipalOrgID": "o-2"',
        '"aws:PrincipalOrgID": "o-2", "aws:PrincipalOrgID": "o-1"',
        '"AWS:PrincipalOrgID": {"o": 1}, "aws:PrincipalOrgID": "o-1"',
    ],
)
def test_a_key_that_is_there_twice_in_whatever_case_makes_it_another_policy(keys: str) -> None:
    """IAM's condition keys have no case: both must hold."""
    named = policy(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})
    shut = named.replace('"aws:PrincipalOrgID": "o-1"', keys)
    assert not same_policy(shut, named)
    assert policy_print(shut) != policy_print(named)
    assert same_policy(shut, shut)


def test_a_key_that_is_spelled_in_two_ways_is_the_same_however_they_are_written() -> None:
    """A named policy may have it, and is set again only where another one is there."""
    one, other = (
        policy(Condition={"StringEquals": keys})
        for keys in (
            {"aws:PrincipalOrgID": ["o-1"], "AWS:PrincipalOrgID": ["o-1", "o-2"]},
            {"AWS:principalOrgId": ["o-2", "o-1"], "aws:PrincipalOrgID": "o-1"},
        )
    )
    assert same_policy(one, other)


# ---- the documented ones


def documented() -> list[str]:
    return [text for text in blocks(ROOT / "docs/policy.md", "json") if '"Statement"' in text]


def lets_through(document: str, caller: Mapping[str, str], action: str, resource: str) -> bool:
    """IAM's verdict by the operators and keys that the documented policies have; any others are an error."""
    for statement in json.loads(document)["Statement"]:
        assert statement["Effect"] == "Allow"
        assert statement["Principal"] == "*"
        holds = statement["Action"] in {"*", action}
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        holds = holds and any(one == "*" or resource.startswith(one.removesuffix("*")) for one in resources)
        for operator, keys in statement.get("Condition", {}).items():
            assert operator in {"StringEquals", "Bool"}
            holds = holds and all(caller.get(key) == value for key, value in keys.items())
        if holds:
            return True
    return False


def test_the_documented_ones_let_the_organization_in_and_nobody_else() -> None:
    organization, s3 = documented()
    for text, service in ((organization, INTERFACE), (s3, GATEWAY), (organization, GATEWAY)):
        found = choose(text, service)
        assert found.refusal == ""
        judged = judge_policy(replace(endpoint(service.name), policy=found.document), vpc())
        assert judged.opening is Opening.NARROW  # it hangs on who calls
        ours, stranger = {"aws:PrincipalOrgID": ORGANIZATION}, {"aws:PrincipalOrgID": "o-9999999999"}
        assert lets_through(found.document, ours, "s3:PutObject", "arn:aws:s3:::ours/a")
        assert not lets_through(found.document, stranger, "s3:PutObject", "arn:aws:s3:::theirs/a")
        assert not lets_through(found.document, {}, "s3:GetObject", "arn:aws:s3:::theirs/a")


@pytest.mark.parametrize(
    "bucket",
    ["al2023-repos-us-east-1-de612dc2", "prod-us-east-1-starport-layer-bucket", "aws-ssm-us-east-1"],
)
def test_buckets_of_awss_own_are_read_through_the_one_for_s3_only(bucket: str) -> None:
    organization, s3 = (choose(text, GATEWAY).document for text in documented())
    thing = f"arn:aws:s3:::{bucket}/a"
    assert lets_through(s3, {}, "s3:GetObject", thing)
    assert not lets_through(s3, {}, "s3:PutObject", thing)
    assert not lets_through(organization, {}, "s3:GetObject", thing)

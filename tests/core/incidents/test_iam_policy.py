"""What an endpoint's policy lets through, as far as its text alone can tell."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.incidents.iam_policy import Permit, allows

PUT = "cloudwatch:PutMetricData"


def statement(effect: str = "Allow", **members: object) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": effect, "Principal": "*", "Action": "*", "Resource": "*"}
    if "NotAction" in members:
        del found["Action"]
    if "NotPrincipal" in members:
        del found["Principal"]
    if "NotResource" in members:
        del found["Resource"]
    return {**found, **members}


def judged(*statements: object) -> Permit:
    return allows(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}), PUT)


def test_an_endpoint_without_a_policy_lets_everything_through() -> None:
    assert allows("", PUT) is Permit.ALLOWED
    assert allows("  \n", PUT) is Permit.ALLOWED


def test_one_statement_needs_no_list() -> None:
    assert allows(json.dumps({"Statement": statement()}), PUT) is Permit.ALLOWED


@pytest.mark.parametrize(
    ("members", "permit"),
    [
        ({}, Permit.ALLOWED),
        ({"Action": PUT}, Permit.ALLOWED),
        ({"Action": "CLOUDWATCH:putmetricdata"}, Permit.ALLOWED),
        ({"Action": ["logs:*", "cloudwatch:Put*"]}, Permit.ALLOWED),
        ({"Action": "cloudwatch:PutMetric????"}, Permit.ALLOWED),
        ({"Action": "*:*Data"}, Permit.ALLOWED),
        ({"Action": "cloudwatch:PutMetricData*"}, Permit.ALLOWED),
        ({"Action": "cloudwatch:PutMetric???"}, Permit.DENIED),
        ({"Action": "cloudwatch:PutMetricData?"}, Permit.DENIED),
        ({"Action": "cloudwatch:Get*"}, Permit.DENIED),
        ({"Action": "cloudwatch:Put[MN]etricData"}, Permit.DENIED),
        ({"Action": []}, Permit.UNSURE),
        ({"NotAction": "logs:*"}, Permit.ALLOWED),
        ({"NotAction": ["logs:*", "cloudwatch:*"]}, Permit.DENIED),
        ({"Resource": ["arn:aws:s3:::bucket", "*"]}, Permit.ALLOWED),
        ({"Resource": "**"}, Permit.ALLOWED),
        ({"Resource": "arn:aws:cloudwatch:us-east-1:1:alarm:*"}, Permit.DENIED),
        ({"NotResource": "arn:aws:cloudwatch:us-east-1:1:alarm:*"}, Permit.UNSURE),
        ({"Principal": {"AWS": "*"}}, Permit.ALLOWED),
        ({"Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}}, Permit.ALLOWED),
        ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, Permit.UNSURE),
        ({"Principal": {"Service": "ec2.amazonaws.com"}}, Permit.UNSURE),
        ({"NotPrincipal": {"AWS": "arn:aws:iam::1:root"}}, Permit.UNSURE),
        ({"Condition": {}}, Permit.ALLOWED),
        ({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}, Permit.UNSURE),
        ({"Action": 7}, Permit.UNSURE),
    ],
)
def test_one_allow_permits_what_it_matches_for_everybody(members: dict[str, Any], permit: Permit) -> None:
    assert judged(statement(**members)) is permit


@pytest.mark.parametrize(
    ("members", "permit"),
    [
        ({}, Permit.DENIED),
        ({"Action": PUT}, Permit.DENIED),
        ({"Action": "logs:*"}, Permit.ALLOWED),
        ({"NotAction": "monitoring:*"}, Permit.DENIED),
        ({"NotAction": "cloudwatch:*"}, Permit.ALLOWED),
        ({"Resource": "arn:aws:s3:::bucket"}, Permit.ALLOWED),
        ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, Permit.UNSURE),
        ({"Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}}, Permit.UNSURE),
        ({"Condition": {"Bool": {"x": "y"}}, "Action": "logs:*"}, Permit.ALLOWED),
    ],
)
def test_a_deny_wins_over_an_allow_in_any_order(members: dict[str, Any], permit: Permit) -> None:
    assert judged(statement(), statement("Deny", **members)) is permit
    assert judged(statement("Deny", **members), statement()) is permit


def test_what_nothing_allows_is_denied_whatever_a_deny_hangs_on() -> None:
    assert judged(statement(Action="logs:*"), statement("Deny", Condition={"Bool": {"x": "y"}})) is Permit.DENIED


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        "null",
        '"Allow"',
        "{}",
        '{"Statement": []}',
        '{"Statement": ["Allow"]}',
        '{"Statement": {"Effect": "Permit"}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_policy_can_not_be_told(document: str) -> None:
    assert allows(document, PUT) is Permit.UNSURE


def test_many_wildcards_are_no_trap() -> None:
    assert judged(statement(Action="cloudwatch:" + "*a" * 5_000)) is Permit.DENIED


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["Statement", "Effect", "Action", "Principal", "Resource", "Condition", "AWS"]), inner
            )
        ),
    )
)
def test_no_document_breaks_it(document: object) -> None:
    assert allows(json.dumps(document), PUT) in set(Permit)


@given(st.text("ab:*?", max_size=12), st.text("ab:", max_size=12))
def test_wildcards_mean_any_letters_and_one_letter(pattern: str, action: str) -> None:
    permit = allows(json.dumps({"Statement": statement(Action=pattern)}), action)
    assert (permit is Permit.ALLOWED) == _fits(pattern, action)


def _fits(pattern: str, text: str) -> bool:
    """The rule, written as plainly as it can be."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_fits(pattern[1:], text[place:]) for place in range(len(text) + 1))
    return bool(text) and pattern[0] in {"?", text[0]} and _fits(pattern[1:], text[1:])

"""What an endpoint's policy lets through, as far as its text alone can tell."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.network.iam_policy import Permission, allows, is_readable

PUT = "cloudwatch:PutMetricData"


ALLOWING = '"Effect": "Allow", "Action": "*", "Resource": "*"'


def statement(effect: str = "Allow", **members: object) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": effect, "Principal": "*", "Action": "*", "Resource": "*"}
    if "NotAction" in members:
        del found["Action"]
    if "NotPrincipal" in members:
        del found["Principal"]
    if "NotResource" in members:
        del found["Resource"]
    return {**found, **members}


def judged(*statements: object) -> Permission:
    return allows(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}), PUT)


def test_an_endpoint_without_a_policy_lets_everything_through() -> None:
    assert allows("", PUT) is Permission.ALLOWED
    assert allows("  \n", PUT) is Permission.ALLOWED


def test_one_statement_needs_no_list() -> None:
    assert allows(json.dumps({"Statement": statement()}), PUT) is Permission.ALLOWED


@pytest.mark.parametrize(
    ("members", "permission"),
    [
        ({}, Permission.ALLOWED),
        ({"Action": PUT}, Permission.ALLOWED),
        ({"Action": "CLOUDWATCH:putmetricdata"}, Permission.ALLOWED),
        ({"Action": ["logs:*", "cloudwatch:Put*"]}, Permission.ALLOWED),
        ({"Action": "cloudwatch:PutMetric????"}, Permission.ALLOWED),
        ({"Action": "*:*Data"}, Permission.ALLOWED),
        ({"Action": "cloudwatch:PutMetricData*"}, Permission.ALLOWED),
        ({"Action": "cloudwatch:PutMetric???"}, Permission.DENIED),
        ({"Action": "cloudwatch:PutMetricData?"}, Permission.DENIED),
        ({"Action": "cloudwatch:Get*"}, Permission.DENIED),
        ({"Action": "cloudwatch:Put[MN]etricData"}, Permission.DENIED),
        ({"Action": []}, Permission.UNSURE),
        ({"NotAction": "logs:*"}, Permission.ALLOWED),
        ({"NotAction": ["logs:*", "cloudwatch:*"]}, Permission.DENIED),
        ({"Resource": ["arn:aws:s3:::bucket", "*"]}, Permission.ALLOWED),
        ({"Resource": "**"}, Permission.ALLOWED),
        ({"Resource": "arn:aws:cloudwatch:us-east-1:1:alarm:*"}, Permission.DENIED),
        ({"NotResource": "arn:aws:cloudwatch:us-east-1:1:alarm:*"}, Permission.ALLOWED),
        ({"NotResource": ["arn:aws:s3:::bucket", "*"]}, Permission.DENIED),
        ({"NotResource": []}, Permission.UNSURE),
        ({"NotResource": 7}, Permission.UNSURE),
        ({"Resource": "*", "NotResource": "arn:aws:s3:::bucket"}, Permission.UNSURE),
        ({"Resource": None}, Permission.UNSURE),
        ({"Resource": []}, Permission.UNSURE),
        ({"Resource": 7}, Permission.UNSURE),
        ({"Principal": {"AWS": "*"}}, Permission.ALLOWED),
        ({"Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}}, Permission.ALLOWED),
        ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, Permission.UNSURE),
        ({"Principal": {"Service": "ec2.amazonaws.com"}}, Permission.UNSURE),
        ({"NotPrincipal": {"AWS": "arn:aws:iam::1:root"}}, Permission.UNSURE),
        ({"Condition": {}}, Permission.ALLOWED),
        ({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}, Permission.UNSURE),
        ({"Action": 7}, Permission.UNSURE),
    ],
)
def test_one_allow_permits_what_it_matches_for_everybody(members: dict[str, Any], permission: Permission) -> None:
    assert judged(statement(**members)) is permission


@pytest.mark.parametrize(
    ("members", "permission"),
    [
        ({}, Permission.DENIED),
        ({"Action": PUT}, Permission.DENIED),
        ({"Action": "logs:*"}, Permission.ALLOWED),
        ({"NotAction": "monitoring:*"}, Permission.DENIED),
        ({"NotAction": "cloudwatch:*"}, Permission.ALLOWED),
        ({"Resource": "arn:aws:s3:::bucket"}, Permission.ALLOWED),
        ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, Permission.UNSURE),
        ({"Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}}, Permission.UNSURE),
        ({"Condition": {"Bool": {"x": "y"}}, "Action": "logs:*"}, Permission.ALLOWED),
    ],
)
def test_a_deny_wins_over_an_allow_in_any_order(members: dict[str, Any], permission: Permission) -> None:
    assert judged(statement(), statement("Deny", **members)) is permission
    assert judged(statement("Deny", **members), statement()) is permission


def test_what_nothing_allows_is_denied_whatever_a_deny_hangs_on() -> None:
    assert judged(statement(Action="logs:*"), statement("Deny", Condition={"Bool": {"x": "y"}})) is Permission.DENIED


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
    assert allows(document, PUT) is Permission.UNSURE
    assert not is_readable(document)


@pytest.mark.parametrize("other", [statement("Permit"), {}, "Allow"])
def test_a_policy_can_only_be_told_if_each_of_its_statements_can(other: object) -> None:
    assert judged(statement(), other) is judged(other, statement()) is Permission.UNSURE


@pytest.mark.parametrize(
    ("members", "permission"),
    [
        ('"Effect": "Allow", "Action": "*", "Resource": "*"', Permission.ALLOWED),
        ('"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"', Permission.UNSURE),
        ('"Effect": "Allow", "Effect": "Deny", "Effect": "Deny", "Action": "*", "Resource": "*"', Permission.UNSURE),
        ('"Effect": "Deny", "Effect": "Deny", "Action": "*", "Resource": "*"', Permission.DENIED),
        ('"Effect": "Allow", "Action": "s3:*", "Action": "*", "Resource": "*"', Permission.UNSURE),
        ('"Effect": "Allow", "Action": "*", "Action": "s3:*", "Resource": "*"', Permission.UNSURE),
        ('"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::x", "Resource": "*"', Permission.UNSURE),
        (
            '"Effect": "Allow", "Principal": {"AWS": "1"}, "Principal": "*", "Action": "*", "Resource": "*"',
            Permission.UNSURE,
        ),
        ('"Effect": "Allow", "Principal": {"AWS": "1", "AWS": "*"}, "Action": "*", "Resource": "*"', Permission.UNSURE),
        (ALLOWING + ', "Condition": {}, "Condition": {}', Permission.ALLOWED),
        (ALLOWING + ', "Condition": {"Null": {"x": 1}}, "Condition": {}', Permission.UNSURE),
        (ALLOWING + ', "Condition": {"Null": {"x": 1}, "Null": {}}', Permission.UNSURE),
    ],
)
def test_of_a_member_that_is_there_twice_it_is_not_known_which_one_counts(members: str, permission: Permission) -> None:
    """JSON leaves that open: where both say the same, they count."""
    assert allows(f'{{"Statement": {{{members}}}}}', PUT) is permission


def test_a_document_that_is_empty_or_a_policy_is_readable() -> None:
    assert is_readable(" \n")
    assert is_readable(json.dumps({"Statement": statement("Deny")}))


def test_many_wildcards_are_no_trap() -> None:
    assert judged(statement(Action="cloudwatch:" + "*a" * 5_000)) is Permission.DENIED


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
    assert allows(json.dumps(document), PUT) in set(Permission)


@given(st.text("ab:*?", max_size=12), st.text("ab:", max_size=12))
def test_wildcards_mean_any_letters_and_one_letter(pattern: str, action: str) -> None:
    permission = allows(json.dumps({"Statement": statement(Action=pattern)}), action)
    assert (permission is Permission.ALLOWED) == _fits(pattern, action)


def _fits(pattern: str, text: str) -> bool:
    """The rule, written as plainly as it can be."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_fits(pattern[1:], text[place:]) for place in range(len(text) + 1))
    return bool(text) and pattern[0] in {"?", text[0]} and _fits(pattern[1:], text[1:])

"""What an endpoint's policy lets through of its service: all, perhaps some, nothing, or it can't be read."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.network.endpoint_policy import Opening, hangs_on_account, judge_policy
from lifeline.core.network.gates import ObstacleKind
from lifeline.core.network.model import NetworkInterface, Part, Unread
from lifeline.core.network.network_path import NetworkPath, Reach
from lifeline.core.network.reach import ServiceReach
from tests.support.builders import (
    CATALOG,
    MONITORING,
    NARROW_POLICY,
    S3,
    SHUT_POLICY,
    endpoint,
    gateway,
    own_security_group,
    route,
    subnet,
    table,
    vpc,
)
from tests.support.reach_samples import NOBODY_ELSE, TO_S3

PUT = "cloudwatch:PutMetricData"
IN_ORG = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}


def statement(effect: str = "Allow", **members: object) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": effect, "Principal": "*", "Action": "*", "Resource": "*"}
    if "NotAction" in members:
        del found["Action"]
    if "NotResource" in members:
        del found["Resource"]
    return {**found, **members}


def opening(service: str, *statements: object) -> Opening:
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return judge_policy(endpoint(f"com.amazonaws.us-east-1.{service}", "a", policy=document), vpc(subnet("a"))).opening


@pytest.mark.parametrize("service", ["monitoring", "logs", "com.example", "s3"])
def test_no_policy_and_the_default_one_are_open(service: str) -> None:
    assert judge_policy(endpoint(f"com.amazonaws.us-east-1.{service}", "a"), vpc(subnet("a"))).opening is Opening.OPEN
    assert opening(service, statement()) is Opening.OPEN


@pytest.mark.parametrize(
    ("service", "statements"),
    [
        ("monitoring", [statement("Deny")]),
        ("logs", [statement("Deny")]),
        ("kinesis-streams", [statement("Deny")]),
        ("logs", [statement(), statement("Deny")]),
        ("logs", [statement(), statement("Deny", Action=["kms:*", "LOGS:*"])]),
        ("logs", [statement(), statement("Deny", Action="*:*", Principal={"AWS": "*"})]),
        ("logs", [statement(), statement("Deny", NotAction="kms:*")]),
        ("monitoring", [statement(), statement("Deny", NotResource="arn:aws:s3:::nobodys")]),
        ("kinesis-streams", [statement(), statement("Deny", Action="*:*")]),
        ("monitoring", [statement(), statement("Deny", Action=PUT)]),
        ("monitoring-fips", [statement(), statement("Deny", Action=PUT)]),
        ("monitoring", [statement(Action="cloudwatch:Get*")]),
        ("logs", [statement(Action="kms:*")]),
        ("logs", [statement(Action="lo*gs:x", Condition=IN_ORG), statement("Deny", Action="l*")]),
        ("logs", [statement(Action="kms:*", Condition=IN_ORG)]),
        ("ecr.dkr", [statement(Action=["logs:*", "ec2:*"])]),
        ("logs", [statement(NotAction="logs:*")]),
        ("logs", [statement(), statement("Deny", Condition={})]),
    ],
)
def test_what_nobody_is_allowed_is_shut(service: str, statements: list[Any]) -> None:
    assert opening(service, *statements) is Opening.SHUT


@pytest.mark.parametrize(
    ("service", "statements"),
    [
        ("monitoring", [statement(), statement("Deny", Condition=IN_ORG)]),
        ("logs", [statement(), statement("Deny", Condition=IN_ORG)]),
        ("logs", [statement(), statement("Deny", Principal={"AWS": "arn:aws:iam::1:root"})]),
        ("logs", [statement(), statement("Deny", Action="logs:Put*")]),
        ("logs", [statement(), statement("Deny", Action="logs:?")]),
        ("logs", [statement(), statement("Deny", Resource="arn:aws:logs:*:*:*")]),
        ("logs", [statement(), statement("Deny", NotResource="arn:aws:logs:*:*:*")]),
        ("logs", [statement(), statement("Deny", NotAction="logs:PutLogEvents")]),
        ("kinesis-streams", [statement(), statement("Deny", Action="kinesis:*")]),
        ("kinesis-streams", [statement(Action="kinesis:*")]),
        ("logs", [statement(Action="log?:Put")]),
        ("logs", [statement(Action="logs:Put*")]),
        ("logs", [statement(Action="*:PutLogEvents")]),
        ("logs", [statement(Resource="arn:aws:logs:*:*:log-group:a")]),
        ("logs", [statement(Condition=IN_ORG)]),
        ("s3", [statement(Principal={"AWS": "arn:aws:iam::1:root"})]),
    ],
)
def test_what_hangs_on_more_than_the_policy_is_narrow_and_shuts_nothing(service: str, statements: list[Any]) -> None:
    assert opening(service, *statements) is Opening.NARROW


@pytest.mark.parametrize(
    ("service", "statements"),
    [
        ("monitoring", [statement(), statement("Deny", Action="cloudwatch:DeleteAlarms")]),
        ("logs", [statement(), statement("Deny", Action="kms:*")]),
        ("logs", [statement(), statement("Deny", Action="log:*")]),
        ("logs", [statement(Action="logs:*")]),
        ("logs", [statement(NotAction="kms:*")]),
        ("logs", [statement(Action="l*")]),
    ],
)
def test_what_another_service_is_denied_leaves_this_one_open(service: str, statements: list[Any]) -> None:
    assert opening(service, *statements) is Opening.OPEN


@pytest.mark.parametrize("document", ["{", "[]", "{}", '{"Statement": []}', '{"Statement": {"Effect": "Permit"}}'])
def test_what_is_no_policy_is_not_known(document: str) -> None:
    found = judge_policy(endpoint(MONITORING, "a", policy=document), vpc(subnet("a")))
    assert (found.opening, found.words) == (Opening.UNREADABLE, "the policy of vpce-1 could not be understood")


_NAMES = st.sampled_from(["logs:*", "logs:Put*", "*", "*:*", "kms:*", "l*", "logs:PutLogEvents", "?ogs:*", "*Events"])
_STATEMENTS = st.builds(
    lambda effect, key, names, condition: {
        "Effect": effect,
        "Principal": "*",
        "Resource": "*",
        key: names,
        **({"Condition": IN_ORG} if condition else {}),
    },
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from(["Action", "NotAction"]),
    st.lists(_NAMES, min_size=1, max_size=3),
    st.booleans(),
)
_ACTIONS = ["logs:PutLogEvents", "logs:CreateLogStream", "logs:Z"]


@given(st.lists(_STATEMENTS, min_size=1, max_size=4))
def test_shut_is_only_said_where_no_action_passes_and_open_only_where_all_do(statements: list[Any]) -> None:
    found = opening("logs", *statements)
    passing = [_passes(action, statements) for action in _ACTIONS]
    if found is Opening.SHUT:
        assert not any(may for may, _ in passing)
    if found is Opening.OPEN:
        assert all(must for _, must in passing)


def _passes(action: str, statements: list[Any]) -> tuple[bool, bool]:
    """Whether the action may pass, and whether it must, whatever the conditions say."""

    def speaks(one: dict[str, Any]) -> bool:
        named = one.get("Action") or one["NotAction"]
        return any(_fits(pattern.lower(), action.lower()) for pattern in named) == ("Action" in one)

    applying = [one for one in statements if speaks(one)]
    allowing = [one for one in applying if one["Effect"] == "Allow"]
    denying = [one for one in applying if one["Effect"] == "Deny"]
    may = bool(allowing) and all("Condition" in one for one in denying)
    return may, may and not denying and any("Condition" not in one for one in allowing)


def _fits(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return _fits(pattern[1:], text) or bool(text and _fits(pattern, text[1:]))
    return bool(text) and pattern[0] in {"?", text[0]} and _fits(pattern[1:], text[1:])


# ---- a VPC that is shared with other accounts

OWNER, PARTICIPANT = "111122223333", "444455556666"
OPEN_TO_ALL = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}


def only(operator: str, account: str, effect: str = "Deny") -> dict[str, Any]:
    """A statement about callers of an account, or about all others."""
    return {**OPEN_TO_ALL, "Effect": effect, "Condition": {operator: {"aws:PrincipalAccount": account}}}


def judged(*statements: object, owners: tuple[str, ...] = (), **more: object) -> tuple[Opening, str]:
    """The verdict in a VPC of OWNER's with the network interfaces of these accounts."""
    there = [NetworkInterface(f"eni-{owner}", "subnet-a", owner_id=owner) for owner in owners]
    network = vpc(subnet("a"), owner_id=OWNER, **{"interfaces": tuple(there) or None, **more})
    found = judge_policy(endpoint(MONITORING, "a", policy=json.dumps({"Statement": list(statements)})), network)
    return found.opening, found.words


@pytest.mark.parametrize(
    "statements",
    [
        (OPEN_TO_ALL, only("StringEquals", PARTICIPANT)),
        (OPEN_TO_ALL, only("StringNotEquals", OWNER)),
        (only("StringEquals", OWNER, "Allow"),),
        ({**OPEN_TO_ALL, "Principal": {"AWS": f"arn:aws:iam::{OWNER}:*"}},),
    ],
)
def test_a_policy_that_shuts_out_only_a_participants_callers_is_said_with_their_account(statements: Any) -> None:
    assert judged(*statements, owners=(OWNER,))[0] is Opening.OPEN
    for owners in ((PARTICIPANT,), (OWNER, PARTICIPANT)):
        opening, words = judged(*statements, owners=owners)
        assert opening is Opening.NARROW
        lost = f"doesn't allow cloudwatch:PutMetricData to callers of account {PARTICIPANT}"
        assert words == f"the policy of vpce-1 {lost}"


def test_a_policy_for_participants_alone_is_no_policy_that_lets_nobody_through() -> None:
    """A networking account may own the VPC, and all its workloads be others'."""
    statement = only("StringEquals", PARTICIPANT, "Allow")
    assert judged(statement)[0] is Opening.SHUT
    opening, words = judged(statement, owners=(PARTICIPANT,))
    assert (opening, words.endswith(f"to callers of account {OWNER}")) == (Opening.NARROW, True)


def test_what_all_of_them_are_denied_is_shut_and_interfaces_that_call_nothing_count_for_nobody() -> None:
    deny = only("StringEquals", "777788889999")
    assert judged(OPEN_TO_ALL, deny, owners=(OWNER, PARTICIPANT)) == (Opening.OPEN, "")
    both = [only("StringEquals", owner) for owner in (OWNER, PARTICIPANT)]
    assert judged(OPEN_TO_ALL, *both, owners=(OWNER, PARTICIPANT))[0] is Opening.SHUT
    theirs = NetworkInterface("eni-1", "subnet-a", kind="nat_gateway", owner_id=PARTICIPANT)
    assert judged(OPEN_TO_ALL, only("StringEquals", PARTICIPANT), interfaces=(theirs,))[0] is Opening.OPEN


def test_while_who_is_there_could_not_be_read_neither_is_certain() -> None:
    unread = (Unread(Part.INTERFACES, "denied"),)
    for statements in ((OPEN_TO_ALL, only("StringNotEquals", OWNER)), (only("StringNotEquals", OWNER, "Allow"),)):
        assert judged(*statements, unread=unread)[0] is Opening.NARROW


@pytest.mark.parametrize(
    ("statements", "hangs"),
    [
        ((OPEN_TO_ALL,), False),
        ((OPEN_TO_ALL, only("StringEquals", PARTICIPANT)), True),
        ((only("StringEquals", OWNER, "Allow"),), True),
        (({**OPEN_TO_ALL, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},), False),
        (({**OPEN_TO_ALL, "Effect": "Deny"},), False),
    ],
)
def test_who_is_there_only_has_to_be_read_where_the_account_decides(statements: Any, *, hangs: bool) -> None:
    document = json.dumps({"Statement": list(statements)})
    network = vpc(subnet("a"), owner_id=OWNER)
    assert hangs_on_account(endpoint(MONITORING, "a", policy=document), network) is hangs


@pytest.mark.parametrize(
    "statements",
    [
        tuple(
            {**OPEN_TO_ALL, "Effect": "Deny", "Condition": {"IpAddress": {"aws:VpcSourceIp": half}}}
            for half in ("10.0.0.0/17", "10.0.128.0/17")
        ),
        tuple(
            {**OPEN_TO_ALL, "Effect": "Deny", "Condition": {operator: {"aws:PrincipalOrgID": "o-1"}}}
            for operator in ("StringEquals", "StringNotEquals")
        ),
        ({**OPEN_TO_ALL, "Effect": "Deny", "Condition": {"StringNotEquals": {"aws:VpceAccount": "1"}}},),
    ],
)
def test_what_only_several_statements_say_together_is_not_clear(statements: tuple[Any, ...]) -> None:
    opening, words = judged(OPEN_TO_ALL, *statements)
    assert (opening, words.endswith("isn't clear from the policy alone")) == (Opening.NARROW, True)


# ---- the judge


def path(policy: str, *, own: bool = True, group: str = "10.0.0.0/16") -> NetworkPath:
    there = endpoint(MONITORING, "a", own=own, policy=policy)
    network = vpc(subnet("a"), there, own_security_group(group))
    return ServiceReach(network, "monitoring", CATALOG, NOBODY_ELSE).private_path(subnet("a"))


def test_an_endpoint_whose_policy_is_shut_serves_nobody() -> None:
    found = path(SHUT_POLICY)
    assert (found.reach, found.words, found.is_repairable) == (
        Reach.CLOSED,
        "the policy of vpce-1 doesn't allow cloudwatch:PutMetricData",
        True,
    )
    assert [one.kind for one in found.obstacles] == [ObstacleKind.ENDPOINT_POLICY]
    assert path(SHUT_POLICY, own=False).is_repairable is False


def test_its_groups_are_told_beside_its_policy() -> None:
    found = path(SHUT_POLICY, group="192.168.0.0/16")
    assert [one.kind for one in found.obstacles] == [ObstacleKind.ENDPOINT_POLICY, ObstacleKind.SECURITY_GROUP]


def test_a_narrow_policy_serves_with_a_note_and_an_unreadable_one_is_not_known() -> None:
    narrow = path(NARROW_POLICY)
    note = "whether the policy of vpce-1 allows cloudwatch:PutMetricData isn't clear from the policy alone"
    assert (narrow.reach, narrow.notes, narrow.shut) == (Reach.SERVED, (note,), ())
    unreadable = path("{")
    assert (unreadable.reach, unreadable.unread) == (Reach.UNKNOWN, ("the policy of vpce-1 could not be understood",))


def test_a_gateway_endpoints_policy_counts_as_well() -> None:
    home = table("main", TO_S3, route("10.0.0.0/16", TO_S3.target.LOCAL))
    for policy, reach in ((SHUT_POLICY, Reach.CLOSED), (NARROW_POLICY, Reach.SERVED), ("", Reach.SERVED)):
        network = vpc(subnet("a"), home, replace(gateway("main"), policy=policy))
        assert ServiceReach(network, "s3", CATALOG, NOBODY_ELSE).private_path(subnet("a")).reach is reach
    assert judge_policy(gateway("main", policy=SHUT_POLICY), vpc(subnet("a"))).words == (
        "the policy of vpce-1 doesn't allow the s3 service"
    )
    assert gateway("main").service_name == S3

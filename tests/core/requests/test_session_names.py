"""People's names, as the policy's `session_names` leaves them out."""

import re

import pytest

from lifeline.core.requests.request import Request
from lifeline.core.requests.session_names import hash_session_names
from lifeline.core.requests.trigger import Trigger

ACCOUNT, OTHER_ACCOUNT = "123456789012", "210987654321"


def hashed(actor: str, account: str = ACCOUNT) -> str:
    return hash_session_names(Request(Trigger("change", "e-1", "DeleteRoute", actor)), account).trigger.actor


@pytest.mark.parametrize("actor", ["deploy-role/ann@example.com", "user/ann", "user/team/ann", "federated-user/ann"])
def test_a_name_becomes_a_hash_and_what_it_belongs_to_stays(actor: str) -> None:
    what = actor.partition("/")[0]
    assert re.fullmatch(rf"{what}/session-[0-9a-f]{{8}}", hashed(actor))


@pytest.mark.parametrize("actor", ["", "root", "ec2.amazonaws.com"])
def test_what_is_nobodys_name_stays(actor: str) -> None:
    assert hashed(actor) == actor


def test_one_person_keeps_one_hash_in_an_account_and_others_have_others() -> None:
    ann = hashed("deploy-role/ann")
    assert hashed("deploy-role/ann") == ann
    assert len({ann, hashed("deploy-role/bob"), hashed("admin/ann"), hashed("deploy-role/ann", OTHER_ACCOUNT)}) == 4


def test_what_set_requeued_work_going_is_hashed_once() -> None:
    request = Request(Trigger("call"), because=(Trigger("change", actor="deploy-role/ann"),))
    once = hash_session_names(request, ACCOUNT)
    assert "ann" not in str(once)
    assert hash_session_names(once, ACCOUNT) == once


def test_nobody_wears_anothers_hash_as_a_session_name() -> None:
    ann = hashed("deploy-role/ann")
    assert hashed(ann) != ann


@pytest.mark.parametrize(
    "actor",
    [
        "user/ops/europe/ann.smith",
        "AWSReservedSSO_Admin_0123456789abcdef/ann.smith@example.com",
        "saml-user/Ann Smith",
        "web-identity-user/ann.smith",
        "identity-center-user/ann-smith",
        "saml-user/ann smith via CloudFormation",
        "ops/ann.smith via rds.amazonaws.com",
        "saml-user/Ann via Smith",
        "saml-user/ann/smith via AWS Internal",
    ],
)
def test_no_form_of_a_persons_name_stays(actor: str) -> None:
    once = hash_session_names(Request(Trigger("call"), because=(Trigger("change", actor=actor),)), ACCOUNT)
    for text in (hashed(actor), str(once)):
        assert "ann" not in text.lower()
        assert "smith" not in text.lower()
    assert hash_session_names(once, ACCOUNT) == once


def test_the_service_that_called_in_somebodys_name_is_nobodys_name() -> None:
    alone, by_service = hashed("ops/ann"), hashed("ops/ann via CloudFormation")
    assert by_service == f"{alone} via CloudFormation"
    assert hashed("account 123456789012") == "account 123456789012"

"""docs/permissions.md lists what the template grants, with a reason for every permission."""

from typing import Any

import pytest
from tools.permission_reasons import REASONS
from tools.template import names_of, read_template, statements_of

from tests.docs.pages import rows, sections
from tests.support.expanded import expanded
from tests.support.repository import ROOT
from tools import permissions

PAGE = ROOT / "docs/permissions.md"


def test_the_page_is_what_the_template_grants() -> None:
    assert PAGE.read_text("utf-8") == permissions.page(), "run make docs"


@pytest.mark.parametrize("role", names_of(read_template(), "AWS::IAM::Role"))
def test_every_action_of_every_role_has_its_row_and_its_reason(role: str) -> None:
    granted: list[str] = []
    for one in statements_of(read_template(), role):
        statement = one["Fn::If"][1] if "Fn::If" in one else one
        granted += [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
    listed = rows(PAGE, role)
    assert [cells[1].strip("`") for cells in listed] == granted
    assert all(len(cells) == 5 and cells[4] for cells in listed)


def test_a_grant_without_a_reason_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(REASONS["ReadLedger"], "dynamodb:GetItem")
    with pytest.raises(ValueError, match="no reason for dynamodb:GetItem in ReadLedger"):
        permissions.page()


def test_a_reason_for_what_isnt_granted_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REASONS["ReadLedger"], "dynamodb:Scan", "to read everything")
    with pytest.raises(ValueError, match="the template doesn't grant dynamodb:Scan in ReadLedger"):
        permissions.page()


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ("*", "all"),
        ({"Ref": "Notices"}, "`Notices`"),
        ({"Fn::GetAtt": "Ledger.Arn"}, "`Ledger`"),
        ({"Fn::Sub": "${Ledger.Arn}/index/audit_log"}, "`Ledger/index/audit_log`"),
        ({"Fn::Sub": "${DetectLog.Arn}:*"}, "`DetectLog`"),
        ({"Fn::Sub": "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc/*"}, "`ec2:vpc/*`"),
        ({"Fn::Sub": "arn:${AWS::Partition}:ec2:${AWS::Region}:*:prefix-list/*"}, "`ec2:*:prefix-list/*`"),
        ({"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"}, "`iam:role/*`"),
        ({"Fn::Sub": "arn:${AWS::Partition}:route53:::hostedzone/*"}, "`route53:hostedzone/*`"),
    ],
)
def test_a_resource_is_told_without_what_all_share(resource: Any, words: str) -> None:
    assert permissions._resource(resource) == words


def test_a_resource_under_a_condition_of_the_template_is_told_with_it() -> None:
    template = {"Conditions": {"HasChat": {"Fn::Equals": [{"Ref": "ChatNotices"}, "yes"]}}}
    resources = [{"Ref": "Notices"}, {"Fn::If": ["HasChat", {"Ref": "Chat"}, {"Ref": "AWS::NoValue"}]}]
    assert permissions._resources(template, resources) == "`Notices`, `Chat` if `ChatNotices` is `yes`"


def test_an_unknown_kind_of_resource_or_condition_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        permissions._resource({"Fn::ImportValue": "another-stacks"})
    with pytest.raises(ValueError, match="unknown kind"):
        permissions._words({"Fn::Or": []})


def test_sam_makes_no_role_that_the_page_lacks() -> None:
    made = {name for name, one in expanded()["Resources"].items() if one["Type"] == "AWS::IAM::Role"}
    assert made == {section.heading for section in sections(PAGE) if section.heading.endswith("Role")}
    assert len(made) == 4

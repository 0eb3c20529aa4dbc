"""Which accounts a hub serves, by what was listed and what the stack says."""

from datetime import UTC, datetime, timedelta

import pytest

from lifeline.core.organization.accounts import ServedAccounts
from lifeline.core.organization.members import AccountStanding, MemberAccount, MemberAccounts

A, B, C = "222222222222", "333333333333", "444444444444"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def served(members: MemberAccounts, accounts: ServedAccounts) -> list[str]:
    return [one.account for one in members.served(accounts)]


def test_those_of_the_list_are_served_before_a_sweep_has_listed_them() -> None:
    accounts = ServedAccounts(frozenset({B, A}))
    assert served(MemberAccounts(), accounts) == [A, B]
    assert {one.standing for one in MemberAccounts().served(accounts)} == {AccountStanding.UNTRIED}


def test_one_that_left_or_was_closed_is_not_served_whatever_the_list_says() -> None:
    members = MemberAccounts().listed([MemberAccount(A), MemberAccount(B), MemberAccount(C, state="SUSPENDED")], NOW)
    members = members.listed([MemberAccount(A), MemberAccount(C, state="SUSPENDED")], NOW)
    assert served(members, ServedAccounts(frozenset({A, B, C}))) == [A]
    assert served(members, ServedAccounts(is_organization=True)) == [A]


# ---- how it stands with one

BY_ORGANIZATION = (
    "assume arn:aws:iam::222222222222:role/x: AccessDenied: this stack's role is not authorized to perform: "
    "sts:AssumeRole on resource: arn:aws:iam::222222222222:role/x with an explicit deny in a service control policy"
)
HOUR = timedelta(hours=1)


def standing(members: MemberAccounts) -> AccountStanding:
    return members.by_account[A].standing


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (AccountStanding.UNTRIED, AccountStanding.NOT_SET_UP),
        (AccountStanding.NOT_SET_UP, AccountStanding.NOT_SET_UP),
        (AccountStanding.SERVED, AccountStanding.LOST),
        (AccountStanding.LOST, AccountStanding.LOST),
        (AccountStanding.DENIED, AccountStanding.LOST),
    ],
)
def test_a_refused_role_is_a_loss_where_it_ever_let_the_hub_in(before: AccountStanding, after: AccountStanding) -> None:
    members = MemberAccounts({A: MemberAccount(A, standing=before)})
    assert standing(members.refused(A, "no", NOW)) is after


def test_each_trouble_is_news_once_and_again_once_it_was_over() -> None:
    members = MemberAccounts().entered(A, NOW).denied(A, "no", NOW)
    assert [one.account for one in members.unannounced] == [A]
    told = members.announced([A], NOW)
    assert not told.denied(A, "no", NOW + HOUR).unannounced
    assert told.denied(A, "no", NOW + HOUR).by_account[A].since == NOW
    assert told.refused(A, "gone", NOW + HOUR).unannounced, "that the role is gone is other news"
    assert told.entered(A, NOW + HOUR).denied(A, "no", NOW + 2 * HOUR).unannounced
    assert not MemberAccounts().refused(A, "no", NOW).unannounced


@pytest.mark.parametrize(
    ("members", "later"),
    [
        (MemberAccounts().refused(A, "AccessDenied: not authorized to perform: sts:AssumeRole", NOW), True),
        (MemberAccounts().refused(A, BY_ORGANIZATION, NOW), False),
        (MemberAccounts().denied(A, "UnauthorizedOperation: no", NOW), False),
    ],
)
def test_between_sweeps_only_a_trust_policy_is_tried_again_and_not_at_once(
    members: MemberAccounts, *, later: bool
) -> None:
    member = members.by_account[A]
    assert not member.may_be_tried(NOW + timedelta(minutes=9))
    assert member.may_be_tried(NOW + HOUR / 6) is later
    assert members.entered(A, NOW).by_account[A].may_be_tried(NOW)

"""Which accounts a hub serves, by what was listed and what the stack says."""

from datetime import UTC, datetime

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

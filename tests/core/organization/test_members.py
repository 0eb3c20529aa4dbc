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


def test_one_that_left_the_organization_or_was_closed_is_not_served() -> None:
    members = MemberAccounts().listed([MemberAccount(A), MemberAccount(B), MemberAccount(C, state="SUSPENDED")], NOW)
    members = members.listed([MemberAccount(A), MemberAccount(C, state="SUSPENDED")], NOW)
    assert served(members, ServedAccounts(is_organization=True)) == [A]
    assert served(members, ServedAccounts(frozenset({A, C}))) == [A]


def test_one_that_is_back_on_the_list_is_served_before_a_sweep_has_listed_it() -> None:
    members = MemberAccounts().listed([MemberAccount(A), MemberAccount(B)], NOW).listed([MemberAccount(A)], NOW)
    assert served(members, ServedAccounts(frozenset({A}))) == [A]
    assert served(members, ServedAccounts(frozenset({A, B}))) == [A, B]


def test_a_list_says_nothing_of_an_accounts_state_and_what_organizations_said_ends_with_it() -> None:
    members = MemberAccounts().listed([MemberAccount(A, name="shop", state="SUSPENDED")], NOW)
    (member,) = members.listed([MemberAccount(A)], NOW).active
    assert (member.name, member.state) == ("shop", "")


def test_one_that_was_taken_off_the_list_is_not_served_from_then_on() -> None:
    members = MemberAccounts().listed([MemberAccount(A), MemberAccount(B)], NOW)
    assert served(members, ServedAccounts(frozenset({B}))) == [B]
    assert served(members, ServedAccounts()) == []


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


def news(members: MemberAccounts, at: datetime = NOW) -> bool:
    return [one.account for one in members.unannounced(at)] == [A]


def test_each_trouble_is_news_once_and_again_once_it_was_over() -> None:
    members = MemberAccounts().entered(A, NOW).denied(A, "no", NOW)
    assert news(members)
    told = members.announced([A], NOW)
    assert not news(told.denied(A, "no", NOW + HOUR))
    assert told.denied(A, "no", NOW + HOUR).by_account[A].since == NOW
    assert news(told.refused(A, "gone", NOW + HOUR)), "that the role is gone is other news"
    assert news(told.entered(A, NOW + HOUR).denied(A, "no", NOW + 2 * HOUR))
    assert not news(MemberAccounts().refused(A, "no", NOW))


def test_of_a_role_that_comes_and_goes_people_hear_three_times_a_day_and_how_often_it_was() -> None:
    members, told = MemberAccounts().entered(A, NOW), list[tuple[int, int]]()
    for turn in range(5 * 48):  # each twelve minutes, for two days
        at = NOW + turn * HOUR / 5
        members = members.refused(A, "gone", at)
        for one in members.unannounced(at):
            told.append((turn, one.turns))
            members = members.announced([A], at)
        members = members.entered(A, at + HOUR / 10)
    assert told == [(0, 1), (1, 1), (2, 1), (120, 118), (121, 1), (122, 1)]


def test_of_an_account_that_cannot_be_read_people_know_since_when_until_it_is_read() -> None:
    members = MemberAccounts().read(A, NOW).refused(A, "gone", NOW).announced([A], NOW)
    members = members.entered(A, NOW + HOUR).denied(A, "no", NOW + HOUR)
    member = members.by_account[A]
    assert (member.unread_since, member.is_unread_told) == (NOW, True)
    member = members.read(A, NOW + 2 * HOUR).by_account[A]
    assert (member.unread_since, member.is_unread_told, member.standing) == (None, False, AccountStanding.SERVED)


def test_what_could_not_be_told_counts_as_untold() -> None:
    lost = MemberAccounts().entered(A, NOW).refused(A, "gone", NOW)
    after = lost.announced([A], NOW).unannounce(lost.by_account[A])
    assert after == lost


def test_of_many_that_are_lost_at_once_people_hear_one_by_one_of_three_and_of_the_others_together() -> None:
    accounts, members, alone = [f"{number:012}" for number in range(1, 9)], MemberAccounts(), list[str]()
    for place, account in enumerate(accounts):
        members = members.read(account, NOW).refused(account, "gone", NOW + place * HOUR / 60)
        if members.news_of(account, NOW + place * HOUR / 60):
            members = members.announced([account], NOW + place * HOUR / 60)
            alone.append(account)
    assert alone == accounts[:3]
    rest = [one.account for one in members.unannounced(NOW + HOUR)]
    assert rest == accounts[3:]
    members = members.announced(rest, NOW + HOUR)
    assert not members.unannounced(NOW + HOUR)
    told_of_the_end = [account for account, one in members.by_account.items() if one.is_unread_told]
    assert told_of_the_end == accounts[:3], "each of the others would send a notice again"
    one = members.read(accounts[0], NOW + 2 * HOUR).refused(accounts[0], "gone", NOW + 2 * HOUR)
    assert one.news_of(accounts[0], NOW + 2 * HOUR), "an hour later, an account is told by itself again"


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


def test_of_an_account_that_was_denied_before_lifeline_noted_since_when_its_standing_says_it() -> None:
    members = MemberAccounts({A: MemberAccount(A, standing=AccountStanding.DENIED, since=NOW)})
    assert members.by_account[A].not_read_since == NOW
    assert members.read(A, NOW + HOUR).by_account[A].not_read_since is None

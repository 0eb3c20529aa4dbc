"""The page of a hub's accounts: what it says of each, in which order, and within which size."""

import json
from dataclasses import replace

import pytest

from lifeline.core.organization.look import AccountLook
from lifeline.core.organization.members import AccountStanding
from lifeline.dashboard.html.markup import ButtonTargets
from lifeline.dashboard.html.organization import render_closed, render_organization
from lifeline.dashboard.html.page import MOST_BYTES, View
from lifeline.dashboard.organization import AccountRow, OrganizationCoverage
from tests.dashboard.html.test_page import _ATTRIBUTES, BREAK_OUTS, Element, actions, parse, poisoned, skeleton
from tests.support.coverage_sample import CALLS
from tests.support.organization_sample import LOOKED, accounts, large, member, organization, the_quiet

OWN, SHOP, PAYMENTS, BUILD, SANDBOX, NEW = (row.member.account for row in accounts()[:6])


def check(coverage: OrganizationCoverage, calls: ButtonTargets = CALLS) -> Element:
    html = render_organization(coverage, calls, View())
    html.encode("utf-8")
    page = parse(html)
    for one in page.walk():
        assert set(one.attributes) <= _ATTRIBUTES[one.tag]
    return page


def row_of(row: AccountRow, **more: object) -> list[str]:
    """The cells of the account's row, as text."""
    (body,) = [one for one in check(organization((row,), **more)).all("tr") if one.all("td")]
    return [one.text for one in body.children if isinstance(one, Element)]


def order(page: Element) -> list[str]:
    """The accounts as they follow each other."""
    return [values["account"] for *_, values in actions(page)]


def test_the_worst_come_first_and_those_with_nothing_to_review_are_in_folds() -> None:
    page = check(organization())
    quiet = [the_quiet(1).member.account, the_quiet(2).member.account]
    assert order(page) == [SHOP, PAYMENTS, BUILD, OWN, *quiet, SANDBOX, NEW]
    well, absent = page.all("details")
    assert "3 accounts with nothing to review" in well.text
    assert order(well) == [OWN, *quiet]
    assert "2 accounts not set up, or not looked at yet" in absent.text
    assert order(absent) == [SANDBOX, NEW]


def test_a_row_says_what_the_ledger_has_and_how_old_that_is() -> None:
    who, review, vpcs, looked, cost, _ = row_of(accounts()[2])
    assert who == f"payments {PAYMENTS}"
    assert "2 open incidents, 12 agents affected" in review
    assert "a service is missing in 2 VPCs" in review
    assert "backlog waits in 3 VPCs" in review
    assert vpcs == "118 served, 1 pending, 2 missing"
    assert looked == "08:47:40 UTC (25 min ago)"
    assert cost == "219.00 USD14 endpoints"
    _, review, *_ = row_of(accounts()[3])
    for words in ("a service is blocked in 3 VPCs", "1 VPC only known in part", "1 VPC with a freeze"):
        assert words in review
    assert "2 VPCs being released" in review


def test_rules_through_which_hardly_any_change_came_are_named_and_make_an_account_one_to_review() -> None:
    quiet = the_quiet(1)
    row = replace(quiet, lost="changes heard: none of 31 through RoutingRule")
    assert (quiet.needs_attention, row.needs_attention) == (False, True)
    _, review, *_ = row_of(row)
    assert "changes heard: none of 31 through RoutingRule" in review


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (AccountStanding.LOST, "lost since 2026-03-01 03:12 UTC"),
        (AccountStanding.NOT_SET_UP, "not set up since 2026-03-01 03:12 UTC"),
        (AccountStanding.UNTRIED, "not looked at yet"),
    ],
)
def test_an_account_that_is_not_served_says_since_when_and_why(standing: AccountStanding, words: str) -> None:
    _, review, vpcs, looked, cost, _ = row_of(AccountRow(member(SHOP, "shop", standing, "AccessDenied")))
    assert words in review
    assert "AccessDenied" in review
    assert (vpcs, looked, cost) == ("not known", "never", "not known")


def test_what_is_not_known_is_said_as_such() -> None:
    unread = AccountRow(member(SHOP, ""), is_read=False, waiting=None, frozen=None, releasing=None)
    who, review, vpcs, looked, cost, _ = row_of(unread)
    assert (who, review, vpcs, looked, cost) == (SHOP, "nothing", "not known", "not known", "not known")
    _, review, *_ = row_of(AccountRow(member(SHOP, ""), looked=LOOKED, look=AccountLook(LOOKED, served=1)))
    assert review == "open incidents not known"
    tiles = [one.text for one in check(organization((unread, the_quiet(1)))).all("dd")]
    assert "0 agents affected; not known of 1 account" in tiles[2]
    assert tiles[4].endswith("by the last look at 1 of 2 accounts")


def test_a_switch_for_one_account_is_said_there_and_one_for_all_above() -> None:
    stopped = replace(the_quiet(1), stopped="the kill switch is on: it lists the account")
    assert stopped.needs_attention
    assert "the kill switch is on: it lists the account" in row_of(stopped)[1]
    page = check(organization(kill_switch="the kill switch is on", notes=("Something.",)))
    assert [one.text for one in page.all("p", "banner")] == [
        "No changes are made: the kill switch is on",
        "Something.",
    ]
    assert "To allow changes again in every account:" in page.text


def test_each_account_opens_in_the_widgets_place() -> None:
    found = actions(check(organization()))
    assert {label for label, *_ in found} == {f"Open {row.member.account}" for row in accounts()}
    for _, action, values in found:
        assert action.attributes == {"action": "call", "display": "widget", "endpoint": CALLS.page}
        assert set(values) == {"account"}
    assert not actions(check(organization(), ButtonTargets()))


def test_where_nothing_is_to_be_reviewed_the_page_says_so() -> None:
    assert "No account has anything to review." in check(organization((the_quiet(1),))).text
    assert "No account has" not in check(organization()).text


def test_an_account_that_cannot_be_opened_says_why_and_leads_back() -> None:
    page = parse(render_closed(SHOP, "shop", "AccessDenied: <no>", replace(CALLS, account=SHOP), View(is_dark=True)))
    assert "The account can't be opened: AccessDenied: <no>" in page.text
    assert page.all("div", "dark")
    assert [values for *_, values in actions(page)] == [{"account": ""}]


@pytest.mark.parametrize("words", BREAK_OUTS)
def test_no_string_breaks_out_of_the_organization(words: str) -> None:
    def hostile(text: str) -> OrganizationCoverage:
        coverage = organization(kill_switch="on", notes=("A note.",))
        rows = [
            replace(row, member=replace(row.member, name=f"{text}{row.member.name}", why=f"{text}why"), stopped=text)
            for row in coverage.accounts
        ]
        around: OrganizationCoverage = poisoned(replace(coverage, accounts=()), text)
        return replace(around, accounts=tuple(rows))

    page, clean = check(hostile(words), poisoned(CALLS, words)), check(hostile("word "))
    assert skeleton(page) == skeleton(clean)
    assert [values for *_, values in actions(page)] == [values for *_, values in actions(clean)]


def test_200_accounts_fit_the_widget_and_their_vpcs_add_nothing_to_it() -> None:
    """How long it takes is in bench/README.md."""
    coverage = large(200, 10)
    assert sum(row.look.vpcs for row in coverage.accounts if row.look) == 2_000
    html = render_organization(coverage, CALLS, View())
    assert len(json.dumps(html)) < MOST_BYTES / 8
    assert len(order(parse(html))) == 200
    assert len(html) < 1.1 * len(render_organization(large(200, 1), CALLS, View()))


def test_what_does_not_fit_is_counted_the_worst_are_shown_and_the_limit_holds() -> None:
    coverage = large(5_000)
    html = render_organization(coverage, CALLS, View())
    assert len(json.dumps(html)) <= MOST_BYTES
    page = parse(html)
    shown = order(page)
    assert shown == [row.member.account for row in coverage.accounts][: len(shown)]
    assert f"{5_000 - len(shown):,} more accounts not shown because the page is full." in page.text

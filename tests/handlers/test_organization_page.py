"""A hub's coverage page through its handler: the organization from the ledger, and each account as it is now."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from html import unescape
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lifeline.adapters.aws.memory import remember
from lifeline.adapters.store.incidents import Incidents
from lifeline.adapters.store.members import MemberStore
from lifeline.adapters.store.vpcs import VpcStore
from lifeline.core.agents.watches import Watch
from lifeline.core.coexist.vpc_state import VpcState
from lifeline.core.incidents.incident import Cause, CauseKind, Confidence, Incident
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import MemberLedger
from lifeline.core.organization.look import AccountLook
from lifeline.dashboard.html.page import MOST_BYTES
from lifeline.handlers import coverage_page
from lifeline.handlers.coverage_page import handler
from tests.support.organization import alike
from tests.support.organization_hub import STRANGER, TRUST, A, B, Hub, begin, network, role_in
from tests.support.world import ACCOUNT, REGION, Context, emulated_world

OWN_ARN = "arn:aws:lambda:us-east-1:123456789012:function:lifeline-CoveragePage"
RECONCILE_ARN = "arn:aws:lambda:us-east-1:123456789012:function:lifeline-ReconcileEndpoints"
SWITCH = "/lifeline/stop"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for hub in begin(monkeypatch, f"{A},{B}", RECONCILE_ARN=RECONCILE_ARN):
        monkeypatch.setattr(coverage_page, "_now", hub.days.clock)
        yield hub


def show(event: object) -> str:
    return unescape(str(handler(event, Context(invoked_function_arn=OWN_ARN))))


def row_of(page: str, account: str) -> str:
    (row,) = [one for one in re.findall(r"<tr>.*?</tr>", page) if f">{account}</" in one.partition("<td>")[0]]
    return str(row)


def look_at(account: str) -> AccountLook:
    found = VpcStore("ledger").load(RegionRef(account, REGION)).look
    assert found
    return found


def calls_in(page: str) -> list[str]:
    return re.findall(r"<cwdb-action [^>]*>(\{.*?\})</cwdb-action>", page)


def open_incident(hub: Hub, account: str, agents: int) -> None:
    began = hub.days.clock()
    cause = Cause(CauseKind.MACHINE, Confidence.HIGH, "the machine is down", vpc_id="vpc-0123456789abcdef0")
    incident = Incident("inc-1", Watch().name, cause, began=began, opened_at=began, notified_agents=agents)
    home = RegionRef(account, REGION)
    assert Incidents(MemberLedger("ledger", home), home).save(incident)


def counted(hub: Hub) -> list[str]:
    """The calls of all clients from now on."""
    made: list[str] = []
    call = hub.organization.call

    def count(client: Any, operation: str, params: Any, pass_on: Any) -> Any:
        made.append(operation)
        return call(client, operation, params, pass_on)

    hub.organization.call = count  # type: ignore[method-assign]
    return made


# ---- the organization


def test_before_the_first_sweep_the_listed_accounts_are_there_and_nobody_has_looked(hub: Hub) -> None:
    page = show({"vpc_ids": []})
    for account in (A, B):
        assert "not looked at yet" in row_of(page, account)
        assert "never" in row_of(page, account)
    assert "The accounts have not been listed yet: the next sweep lists them." in page


def test_why_the_accounts_could_not_be_listed_is_on_the_page(hub: Hub) -> None:
    why = "list_accounts: AccessDeniedException: no"
    MemberStore("ledger").change(lambda members: (replace(members, unlisted_why=why), None))
    page = show({"vpc_ids": []})
    assert f"The accounts could not be listed: {why}. Those of the last list are served." in page
    assert "have not been listed yet" not in page


def test_what_a_sweep_saw_is_on_the_page_afterwards_by_account(hub: Hub) -> None:
    vpc_a, _ = alike(network, hub.a, hub.b)
    hub.cut_off(A, hub.a, vpc_a)
    hub.days.call({"vpc_ids": [vpc_a], "freeze": True, "account": A})
    open_incident(hub, A, agents=7)
    hub.sweep()
    assert (look_at(A).vpcs, look_at(A).incidents, look_at(A).silent) == (1, 1, 7)
    assert (look_at(B).vpcs, look_at(B).served, look_at(B).incidents) == (1, 1, 0)
    page = show({})
    assert "1 open incident, 7 agents affected" in row_of(page, A)
    assert "1 VPC with a freeze" in row_of(page, A)
    assert "nothing" in row_of(page, B)
    assert page.index(f">{A}</") < page.index(f">{B}</")
    hub.days.call({"vpc_ids": [vpc_a], "unfreeze": True, "account": A})
    assert "freeze" not in row_of(show({}), A), "what is frozen is on record at once"


def test_what_the_sweep_made_counts_with_its_cost(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.cut_off(A, hub.a, vpc_a)
    hub.sweep()
    assert (look_at(A).pending, look_at(A).endpoints, str(look_at(A).cost_usd)) == (1, 1, "7.30")
    hub.sweep()
    assert (look_at(A).served, look_at(A).endpoints, str(look_at(A).cost_usd)) == (1, 1, "7.30")
    assert "7.30 USD<small>1 endpoint</small>" in row_of(show({}), A)


def test_a_backlog_of_a_new_account_is_to_be_reviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    late = "555555555555"
    for hub in begin(monkeypatch, f"{A},{late}"):
        monkeypatch.setattr(coverage_page, "_now", hub.days.clock)
        hub.organization.add_role(role_in(late), trust=[TRUST])
        there = hub.organization.join(late)
        there.make_subnet(there.make_vpc())
        hub.sweep()
        assert look_at(late).blocked == 1
        assert "backlog waits in 1 VPC" in row_of(show({}), late)


def test_an_account_that_a_policy_denies_is_to_be_reviewed_with_the_reason(hub: Hub) -> None:
    hub.sweep()
    hub.organization.deny(A, "ec2:DescribeVpcs")
    hub.sweep()
    page = show({})
    row = row_of(page, A)
    assert "denied since" in row
    assert "perform: ec2:DescribeVpcs" in row
    assert "with an explicit deny in a service control policy" in row
    assert page.index(f">{A}</") < page.index(f">{B}</")


def test_a_lost_account_comes_first_and_keeps_its_last_figures(hub: Hub) -> None:
    alike(network, hub.a, hub.b)
    hub.sweep()
    hub.organization.add_role(role_in(B), trust=[])
    hub.sweep()
    page = show({})
    row = row_of(page, B)
    assert "lost since" in row
    assert "1 served" in row
    assert "(1 h ago)" in row
    assert page.index(f">{B}</") < page.index(f">{A}</")


def test_the_page_of_the_organization_assumes_no_role_and_makes_few_calls(hub: Hub) -> None:
    hub.sweep()
    made = counted(hub)
    remember.cache_clear()
    show({})
    assert set(made) == {"GetItem", "BatchGetItem"}
    assert len(made) <= 6, "the accounts, their states, their dry runs, and three lists"


def test_200_accounts_take_thirteen_calls_of_the_ledger_however_many_vpcs_they_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = [f"{222200000000 + number}" for number in range(199)]
    for hub in begin(monkeypatch, ",".join(ids)):
        now = hub.days.clock()
        monkeypatch.setattr(coverage_page, "_now", hub.days.clock)
        for id_ in ids:
            look = AccountLook(now, served=10, cost_usd=Decimal("73.00"), incidents=0, silent=0)
            after = VpcState(reconciled_at=now, look=look)
            VpcStore("ledger").save(RegionRef(id_, REGION), VpcState(), after, now=now)
        made = counted(hub)
        page = show({})
        assert sorted(made) == ["BatchGetItem"] * 12 + ["GetItem"]
        assert "of 1,990 at the last look" in page
        assert "14,527.00 USD" in page
        assert len(page) < MOST_BYTES / 8


def test_a_kill_switch_for_one_account_is_said_in_its_row_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for hub in begin(monkeypatch, f"{A},{B}", KILL_SWITCH_PARAMETER=SWITCH):
        monkeypatch.setattr(coverage_page, "_now", hub.days.clock)
        boto3.client("ssm").put_parameter(Name=SWITCH, Value=A, Type="String", Overwrite=True)
        page = show({})
        assert f"lists the account {A}" in row_of(page, A)
        assert "kill switch" not in row_of(page, B)
        assert "No changes are made" not in page
        assert f"To stop all changes in every account: <code>aws ssm put-parameter --name {SWITCH}" in page
        boto3.client("ssm").put_parameter(Name=SWITCH, Value="on", Type="String", Overwrite=True)
        page = show({})
        assert "No changes are made" in page
        assert "kill switch" not in row_of(page, A)
        assert "--value off" in page


def test_what_of_the_ledger_cannot_be_read_is_said_and_the_rest_comes(hub: Hub) -> None:
    hub.sweep()
    call = hub.organization.call

    def refuse(client: Any, operation: str, params: Any, pass_on: Any) -> Any:
        if operation == "BatchGetItem":
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)
        return call(client, operation, params, pass_on)

    hub.organization.call = refuse  # type: ignore[method-assign]
    page = show({})
    assert "not shown because it could not be read: when Lifeline last looked at the accounts" in page
    assert "not shown because it could not be read: freezes" in page
    assert "never" not in row_of(page, A)
    assert "not known whether events arrive" in row_of(page, A)
    assert row_of(page, A).count("not known") == 4


# ---- an account


def test_an_account_opens_as_it_is_now_with_its_own_name_and_buttons(hub: Hub) -> None:
    vpc_a, _ = alike(network, hub.a, hub.b)
    hub.sweep()
    hub.cut_off(A, hub.a, vpc_a)
    page = show({"account": A, "widgetContext": {"params": {"vpc_ids": ["vpc-0123456789abcdef0"]}}})
    assert f"<h2>Lifeline: coverage of <b>shop</b> <code>{A}</code></h2>" in page
    assert "missing" in page
    assert vpc_a in page
    calls = calls_in(page)
    assert calls[0] == '{"account":""}'
    assert len(calls) > 3
    assert all(f'"account":"{A}"' in call for call in calls[1:])
    assert "missing in" not in show({"account": B}).partition("legend")[2]
    assert f"coverage of <b>{ACCOUNT}</b>" in show({"account": ACCOUNT})
    assert "coverage of all accounts" in show({"account": "", "widgetContext": {"params": {"account": A}}})


def test_a_plan_is_shown_from_the_account_whose_page_asks(hub: Hub) -> None:
    vpc_a = network(hub.a)
    hub.cut_off(A, hub.a, vpc_a)
    assert "monitoring" in show({"plan": vpc_a, "account": A})
    assert "does not exist in this account and region" in show({"plan": vpc_a, "account": B})


def test_a_button_of_an_accounts_page_is_answered_from_that_account(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    for account, world, vpc_id in ((A, hub.a, vpc_a), (B, hub.b, vpc_b)):
        hub.cut_off(account, world, vpc_id)
    (call,) = [one for one in calls_in(show({"account": A})) if one.startswith(f'{{"vpc_ids":["{vpc_a}"],"account"')]
    assert json.loads(call) == {"vpc_ids": [vpc_a], "account": A, "button": True}
    hub.days.call({**json.loads(call), "widgetContext": {"params": {"account": A}}})
    assert len(hub.a.endpoints(vpc_a)) == 1
    assert not hub.b.endpoints(vpc_b)


def test_an_account_that_is_not_served_is_refused_with_the_nearest(hub: Hub) -> None:
    hub.sweep()
    page = show({"account": A[:-1] + "3"})
    assert "Invalid request" in page
    assert f"account: 222222222223 is not an account that this stack serves; did you mean {A}?" in page
    assert f"account: {STRANGER} is not an account that this stack serves" in show({"account": STRANGER})


def test_an_account_whose_role_cannot_be_assumed_says_so_and_leads_back(hub: Hub) -> None:
    hub.sweep()
    hub.organization.add_role(role_in(A), trust=[])
    remember.cache_clear()
    page = show({"account": A})
    assert "The account can't be opened:" in page
    assert role_in(A) in page
    assert calls_in(page) == ['{"account":""}']
    plan = show({"account": A, "plan": "vpc-0123456789abcdef0"})
    assert f"Account {A} can't be opened" in plan
    assert not calls_in(plan)


def test_an_account_that_denies_what_the_page_reads_says_so_and_leads_back(hub: Hub) -> None:
    hub.sweep()
    remember.cache_clear()
    hub.organization.deny(A, "ec2:DescribeVpcs")
    page = show({"account": A})
    assert "The account can't be opened:" in page
    assert "ec2:DescribeVpcs" in page
    assert calls_in(page) == ['{"account":""}']
    assert "coverage of all accounts" in show({})


def test_a_stack_for_one_account_keeps_no_figures_and_refuses_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch) as world:
        world.make_subnet(world.make_vpc())
        remember.cache_clear()
        page = show({})
        assert "<h2>Lifeline: coverage</h2>" in page
        assert "account" not in "".join(calls_in(page))
        assert "is not an account that this stack serves" in show({"account": A})
        assert show({"account": ACCOUNT}).partition("</time>")[0].startswith(page.partition("<time")[0])
        remember.cache_clear()

"""What a hub's accounts may use together, beside what each may: counted once, and given back alike."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lifeline.adapters.store.limit_usage import LimitUsage, UsageOfAll
from lifeline.core.errors import TransientError
from lifeline.core.guards.limits import Grant
from lifeline.core.network.model import RegionRef
from lifeline.core.organization.ledger import MemberLedger
from tests.support.at_once import at_once
from tests.support.days import Days
from tests.support.organization import alike
from tests.support.organization_hub import HOUR, A, B, Hub, begin, network
from tests.support.world import ACCOUNT, REGION, emulated_world, flat

NO_RESERVE = {"reserved_percent": 0}


def hub_with(monkeypatch: pytest.MonkeyPatch, **limits: Any) -> Iterator[Hub]:
    yield from begin(monkeypatch, f"{A},{B}", all_accounts=limits, shares=NO_RESERVE)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    yield from hub_with(monkeypatch, endpoints_per_day=1)


def of_account(account: str) -> LimitUsage:
    return LimitUsage(MemberLedger("ledger", RegionRef(account, REGION)))


def made(hub: Hub) -> int:
    return sum(len(world.ec2.describe_vpc_endpoints()["VpcEndpoints"]) for world in (hub.a, hub.b, hub.days.world))


def plan_of(hub: Hub, account: str, vpc_id: str) -> dict[str, Any]:
    (seen,) = hub.days.call({"vpc_ids": [vpc_id], "mode": "plan", "account": account})["vpcs"]
    return dict(seen)


def test_what_one_account_used_another_lacks_and_both_are_told_apart(hub: Hub) -> None:
    """The VPCs have the very same IDs, and would have the same ClientTokens."""
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
    hub.days.deliver(hub.cut_off(B, hub.b, vpc_b))
    assert (len(hub.a.endpoints(vpc_a)), len(hub.b.endpoints(vpc_b))) == (1, 0)
    (words,) = [text for text in hub.days.texts() if "all_accounts.endpoints_per_day" in text]
    assert "1 of 1 endpoints (all_accounts.endpoints_per_day) used by all accounts together in the last 24" in words
    assert f"biggest users of all_accounts.endpoints_per_day: account {A} (1 endpoint in the last 24 hours)" in words
    assert {grant.vpc_id for grant in UsageOfAll("ledger").read().grants} == {f"{A}/{REGION}/{vpc_a}"}
    assert of_account(B).read().grants == (), "what passed its own limits alone is given back"


def test_an_account_that_is_new_takes_nothing_of_what_is_kept_for_paths_known_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether there are such paths in other accounts, it doesn't know."""
    for hub in begin(monkeypatch, f"{A},{B}", all_accounts={"endpoints_per_day": 4}):
        vpc_a, at = network(hub.a), hub.days.clock()
        hub.sweep()
        hub.days.clock.advance(2 * HOUR)
        used = tuple(Grant(f"{B}/{REGION}/vpc-{number}", at, f"token-{number}") for number in range(3))
        UsageOfAll("ledger").change(lambda usage, used=used: (replace(usage, grants=used), None))  # type: ignore[misc]
        hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
        assert hub.a.endpoints(vpc_a) == []
        (words,) = [text for text in hub.days.texts() if "all_accounts.endpoints_per_day" in text]
        assert "the last 1 are reserved for VPCs whose path Lifeline had known for longer" in " ".join(words.split())


def test_zones_that_an_account_adds_to_lifelines_endpoint_take_nothing_from_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond what the limits of the account that adds them allow."""
    for hub in begin(monkeypatch, f"{A},{B}", monthly_usd=15, all_accounts={"monthly_usd": 45}, shares=NO_RESERVE):
        vpc_a, vpc_b = network(hub.a), network(hub.b)
        hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
        (endpoint,) = hub.a.endpoints(vpc_a)
        zones = [(f"10.0.{place}.0/24", f"us-east-1{letter}") for place, letter in enumerate("bcdef", 10)]
        added = [hub.a.make_subnet(vpc_a, *zone) for zone in zones]
        hub.a.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint["VpcEndpointId"], AddSubnetIds=added)
        hub.sweep()
        hub.days.deliver(hub.cut_off(B, hub.b, vpc_b))
        assert len(hub.b.endpoints(vpc_b)) == 1


def test_the_hubs_own_account_counts_among_all(hub: Hub) -> None:
    home = network(hub.days.world)
    hub.days.deliver(hub.cut_off(ACCOUNT, hub.days.world, home))
    vpc_a = network(hub.a)
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
    assert (len(hub.days.world.endpoints(home)), len(hub.a.endpoints(vpc_a))) == (1, 0)


def test_a_plan_shows_what_the_limits_of_all_accounts_would_block(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
    hub.cut_off(B, hub.b, vpc_b)
    blocked = {one["action"]: one["blocked_by"] for one in plan_of(hub, B, vpc_b)["actions"]}
    assert blocked == dict.fromkeys(blocked, "all_accounts.endpoints_per_day")
    assert len(blocked) == 2
    assert all(grant.vpc_id.startswith(A) for grant in UsageOfAll("ledger").read().grants), "a plan counts nothing"


def test_what_a_person_approves_passes_the_limits_of_all_accounts_and_counts(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a), hub.cut_off(B, hub.b, vpc_b))
    waiting = next(account for account, world in ((A, hub.a), (B, hub.b)) if not world.endpoints(vpc_a))
    (text,) = [text for text in map(flat, hub.days.mails()) if '"approve": "plan-' in text]
    plan_id = text.partition('"approve": "')[2].partition('"')[0]
    answer = hub.days.call({"approve": plan_id, "account": waiting})
    assert "errors" not in answer
    assert made(hub) == 2
    assert len({grant.token for grant in UsageOfAll("ledger").read().grants if grant.token}) == 2


@pytest.mark.parametrize(
    ("limits", "name"),
    [({"monthly_usd": 8}, "all_accounts.monthly_usd"), ({"vpcs_per_day": 1}, "all_accounts.vpcs_per_day")],
)
def test_each_of_the_limits_holds_over_all_accounts(
    monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], name: str
) -> None:
    for hub in hub_with(monkeypatch, **limits):
        vpc_a, vpc_b = alike(network, hub.a, hub.b)
        hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
        hub.days.deliver(hub.cut_off(B, hub.b, vpc_b))
        assert made(hub) == 1
        assert any(name in text and f"account {A} (" in text for text in hub.days.texts())


def test_two_accounts_at_once_never_take_the_last_place_both(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    events = [hub.cut_off(A, hub.a, vpc_a), hub.cut_off(B, hub.b, vpc_b)]
    at_once(*(lambda event=event: hub.days.deliver(event) for event in events))
    assert made(hub) == 1


def test_what_aws_refuses_is_given_back_to_all_accounts_too(hub: Hub) -> None:
    vpc_a, vpc_b = alike(network, hub.a, hub.b)
    hub.organization.deny(A, "ec2:CreateVpcEndpoint")
    hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
    assert not [grant for grant in UsageOfAll("ledger").read().grants if grant.token]
    hub.days.deliver(hub.cut_off(B, hub.b, vpc_b))
    assert len(hub.b.endpoints(vpc_b)) == 1


def test_endpoints_that_are_gone_cost_no_budget_after_their_accounts_next_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for hub in hub_with(monkeypatch, monthly_usd=8):
        vpc_a, vpc_b = alike(network, hub.a, hub.b)
        hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
        hub.sweep()
        assert UsageOfAll("ledger").read().interfaces == {f"{A}/{REGION}/{vpc_a}": 1}
        for endpoint in hub.a.endpoints(vpc_a):
            hub.a.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])
        hub.days.call({"vpc_ids": [vpc_a], "freeze": True, "account": A})
        hub.days.clock.advance(HOUR)
        hub.sweep()
        hub.days.deliver(hub.cut_off(B, hub.b, vpc_b))
        assert len(hub.b.endpoints(vpc_b)) == 1


def test_an_account_that_left_uses_up_nothing_of_what_all_share(monkeypatch: pytest.MonkeyPatch) -> None:
    for hub in hub_with(monkeypatch, monthly_usd=8):
        vpc_a, vpc_b = alike(network, hub.a, hub.b)
        hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
        hub.sweep()
        monkeypatch.setenv("ACCOUNTS", B)
        hub.sweep()
        assert UsageOfAll("ledger").read().interfaces == {}
        hub.days.clock.advance(24 * HOUR)
        hub.days.deliver(hub.cut_off(B, hub.b, vpc_b))
        assert len(hub.b.endpoints(vpc_b)) == 1


def test_an_account_that_is_back_counts_with_all_that_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    for hub in hub_with(monkeypatch, monthly_usd=8):
        vpc_a, vpc_b = alike(network, hub.a, hub.b)
        hub.days.deliver(hub.cut_off(A, hub.a, vpc_a))
        for accounts in (f"{A},{B}", B, f"{A},{B}"):
            monkeypatch.setenv("ACCOUNTS", accounts)
            hub.sweep()
        assert UsageOfAll("ledger").read().interfaces == {f"{A}/{REGION}/{vpc_a}": 1}
        hub.days.deliver(hub.cut_off(B, hub.b, vpc_b))
        assert not hub.b.endpoints(vpc_b)


def test_where_the_use_of_all_cannot_be_saved_nothing_is_made_and_nothing_stays_counted(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc_a = network(hub.a)
    event = hub.cut_off(A, hub.a, vpc_a)

    def broken(*_: object) -> None:
        raise TransientError("ledger: no", code="ThrottlingException")

    with monkeypatch.context() as patch:
        patch.setattr(UsageOfAll, "change", broken)
        assert hub.days.try_to_deliver(event) == ["m-0"]
    assert not hub.a.endpoints(vpc_a)
    assert of_account(A).read().grants == ()
    hub.days.deliver(event)
    assert len(hub.a.endpoints(vpc_a)) == 1


def test_a_stack_for_one_account_neither_reads_nor_writes_what_all_share(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated_world(monkeypatch, all_accounts={"endpoints_per_day": 0}) as world:
        days = Days(world, monkeypatch)
        monkeypatch.setattr(UsageOfAll, "read", None)
        monkeypatch.setattr(UsageOfAll, "change", None)
        vpc_id = network(world)
        days.cut_off(world.main_table(vpc_id))
        days.look(vpc_id)
        assert len(world.endpoints(vpc_id)) == 1
        days.after(1)

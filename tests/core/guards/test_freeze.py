"""Frozen: what is held, what passes all the same, and what people read of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.core.coexist.claims import CLAIM_HOLDS
from lifeline.core.guards.freeze import (
    DNS_ATTRIBUTES,
    EVERYTHING,
    SECURITY_GROUP,
    Freeze,
    FreezeKind,
    block_frozen,
    freeze_words,
    is_overruled,
    standing,
    with_unfrozen,
)
from lifeline.core.network.model import Endpoint, RouteTable
from lifeline.core.plan.actions import REMOVALS, Action, ActionKind, Plan, ServiceState, Status
from lifeline.core.plan.cost import price_in
from tests.support.builders import MONITORING, VPC_ID, endpoint, gateway, own_security_group, plan, subnet, table, vpc

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
PRICE = price_in("us-east-1")
FREEZE = Freeze(FreezeKind.MANUAL, NOW, "a person asked for it")


def held(found: Plan, *keys: str, freeze: Freeze = FREEZE, now: datetime = NOW) -> Plan:
    return block_frozen(found, dict.fromkeys(keys, freeze), PRICE, now=now)


def statuses(found: Plan) -> dict[tuple[ActionKind, str], Status]:
    return {(one.kind, one.service): one.status for one in found.actions}


def test_a_frozen_service_is_blocked_and_the_others_are_made() -> None:
    both = plan(vpc(subnet("a")), "monitoring", "logs")
    found = held(both, "monitoring")
    assert statuses(found) == {
        (ActionKind.CREATE_SECURITY_GROUP, ""): Status.PLANNED,
        (ActionKind.CREATE_INTERFACE_ENDPOINT, "logs"): Status.PLANNED,
        (ActionKind.CREATE_INTERFACE_ENDPOINT, "monitoring"): Status.BLOCKED,
    }
    assert {one.service: one.state for one in found.services} == {
        "monitoring": ServiceState.BLOCKED,
        "logs": ServiceState.MISSING,
    }
    assert found.monthly_cost_usd == both.monthly_cost_usd / 2


def test_nothing_is_prepared_for_what_is_frozen() -> None:
    found = held(plan(vpc(subnet("a"))), "monitoring")
    assert {one.status for one in found.actions} == {Status.BLOCKED}
    assert not found.has_work


def test_everything_frozen_leaves_nothing_to_do() -> None:
    assert not held(plan(vpc(subnet("a")), "monitoring", "logs", "s3"), EVERYTHING).has_work


def test_a_frozen_group_holds_back_what_would_rely_on_it_and_gateways_pass() -> None:
    closed = vpc(subnet("a"), own_security_group("10.0.9.0/24"), endpoint(MONITORING, "a"))
    found = held(plan(closed, "monitoring", "logs", "s3"), SECURITY_GROUP)
    assert statuses(found) == {
        (ActionKind.OPEN_SECURITY_GROUP, ""): Status.BLOCKED,
        (ActionKind.CREATE_INTERFACE_ENDPOINT, "logs"): Status.BLOCKED,
        (ActionKind.CREATE_GATEWAY_ENDPOINT, "s3"): Status.PLANNED,
    }
    assert {one.service for one in found.services if one.state is ServiceState.BLOCKED} == {"monitoring", "logs"}


def test_no_name_is_taken_where_dns_attributes_are_frozen_off() -> None:
    off = vpc(subnet("a"), dns_hostnames=False)
    found = held(plan(off, "monitoring", "s3", fix_dns=True), DNS_ATTRIBUTES)
    assert {one.service for one in found.actions if one.status is Status.PLANNED} == {"s3"}
    on = plan(vpc(subnet("a")))
    assert held(on, DNS_ATTRIBUTES) == on


@pytest.mark.parametrize("kind", sorted(REMOVALS))
def test_what_gives_something_up_passes(kind: ActionKind) -> None:
    found = Plan(VPC_ID, (), (Action(kind, "why", service="monitoring", endpoint_id="vpce-1"),))
    assert held(found, EVERYTHING, "monitoring", SECURITY_GROUP) == found


def test_a_freeze_ends_at_its_time_and_one_without_never() -> None:
    until = replace(FREEZE, until=NOW + timedelta(hours=1))
    before, at = NOW + timedelta(minutes=59), NOW + timedelta(hours=1)
    assert list(standing({"a": until, "b": FREEZE}, before)) == ["a", "b"]
    assert list(standing({"a": until, "b": FREEZE}, at)) == ["b"]
    wanting = plan(vpc(subnet("a")))
    assert held(wanting, "monitoring", freeze=until, now=at) == wanting


@given(
    keys=st.frozensets(
        st.sampled_from(["monitoring", "logs", "s3", SECURITY_GROUP, DNS_ATTRIBUTES, EVERYTHING, "ec2"])
    ),
    is_off=st.booleans(),
    has_table=st.booleans(),
)
def test_holding_only_ever_blocks_and_holding_twice_is_holding_once(
    keys: frozenset[str], is_off: bool, has_table: bool
) -> None:
    parts: list[Endpoint | RouteTable] = [gateway("main"), table("main")] if has_table else []
    found = plan(vpc(subnet("a"), *parts, dns_support=not is_off), "monitoring", "logs", "s3", fix_dns=True)
    once = held(found, *keys)
    assert held(once, *keys) == once
    for before, after in zip(found.actions, once.actions, strict=True):
        assert after == before or after == before.blocked(after.error)
    working = {one.service for one in once.actions if one.status is Status.PLANNED}
    assert not working & keys
    assert not (working and EVERYTHING in keys)


def test_the_words_say_since_when_why_until_when_and_how_to_end_it() -> None:
    until = replace(FREEZE, until=NOW + timedelta(hours=1))
    assert freeze_words(until, VPC_ID, "monitoring") == (
        "frozen since 2026-03-02 10:00:00 UTC, until 2026-03-02 11:00:00 UTC: a person asked for it; to end the "
        "freeze, "
        f'invoke ReconcileEndpoints with {{"vpc_ids": ["{VPC_ID}"], "unfreeze": ["monitoring"]}}'
    )
    assert '"unfreeze": true' in freeze_words(FREEZE, VPC_ID, EVERYTHING)
    assert "until someone ends the freeze" in freeze_words(FREEZE, VPC_ID, EVERYTHING)


# ---- unfrozen


@pytest.mark.parametrize(
    ("ended", "service", "minutes", "is_over"),
    [
        ("monitoring", "monitoring", -1, True),
        ("monitoring", "monitoring", 0, True),
        ("monitoring", "monitoring", 1, False),
        ("monitoring", "logs", -1, False),
        (EVERYTHING, "logs", -1, True),
        (EVERYTHING, EVERYTHING, -1, True),
        ("monitoring", EVERYTHING, -1, False),
    ],
)
def test_what_came_before_a_person_ended_the_freeze_counts_no_more(
    ended: str, service: str, minutes: int, *, is_over: bool
) -> None:
    unfrozen = with_unfrozen({}, [ended], NOW)
    assert is_overruled(unfrozen, service, NOW + timedelta(minutes=minutes)) is is_over


def test_unfreezing_is_remembered_for_longer_than_a_claim_is_news() -> None:
    unfrozen = with_unfrozen({}, ["monitoring"], NOW)
    later = with_unfrozen(unfrozen, ["logs"], NOW + CLAIM_HOLDS)
    assert later == {"monitoring": NOW, "logs": NOW + CLAIM_HOLDS}
    assert with_unfrozen(later, [], NOW + 2 * CLAIM_HOLDS) == {"logs": NOW + CLAIM_HOLDS}
